"""A progress bar with the time left where there is a terminal, and nothing anywhere else.

The display only reads what the sampler tells it. It can fail (a closed terminal, a pipe that is gone) without ending a run,
and it never influences a draw.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from gibbs.sampling.progress import Progress

_PHASES = {"compile": "getting the sampler ready", "warmup": "warm-up", "sampling": "sampling"}


def display(wanted: bool | None = None, stream: TextIO | None = None) -> AbstractContextManager[Callable[[Progress], None] | None]:
    """A context that gives the function to hand to the sampler as ``progress``, or None where nothing is shown.

    Parameters
    ----------
    wanted : None shows a bar where ``stream`` is a terminal; True always, False never.
    stream : where the bar is drawn; standard error unless told, so that a table on standard output stays clean.
    """
    stream = sys.stderr if stream is None else stream
    if wanted is None:
        wanted = _is_terminal(stream)
    return Bar(stream) if wanted else nullcontext(None)


def _is_terminal(stream: TextIO | None) -> bool:
    """Whether someone is looking: a closed or missing stream is no terminal."""
    try:
        return stream is not None and stream.isatty()
    except (ValueError, OSError):
        return False


class Bar:
    """The bar: phase, share done, sweeps, time left. Use as a context; the terminal is given back however the context is left."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._progress = None
        self._task = None

    def __enter__(self) -> Callable[[Progress], None]:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        class SteadyConsole(Console):
            """rich leaves the whole process when a pipe is gone; a display may only fall silent."""

            def on_broken_pipe(self) -> None:
                self.quiet = True

        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<26}"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TextColumn("{task.fields[sweeps]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(compact=False),
            TextColumn("{task.fields[note]}"),
            console=SteadyConsole(file=self._stream),
            redirect_stdout=False,
            transient=True,
            refresh_per_second=4,
        )
        self._task = self._progress.add_task(_PHASES["compile"], total=None, sweeps="", note="")
        self._guarded(self._progress.start)
        return self.update

    def update(self, progress: Progress) -> None:
        """Show one snapshot of the sampler."""
        if self._progress is None:
            return
        total, done = progress.total * len(progress.done), sum(progress.done)
        self._guarded(
            lambda: self._progress.update(
                self._task,
                description=_PHASES.get(progress.phase, progress.phase),
                total=None if progress.phase == "compile" else total,
                completed=done,
                sweeps=""
                if progress.phase == "compile"
                else f"{min(progress.done, default=0):,}/{progress.total:,} × {len(progress.done)}",
                note=progress.note,
            )
        )

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._progress is not None:
            self._guarded(self._progress.stop)
        self._progress = None

    def _guarded(self, draw: Callable[[], None]) -> None:
        """Drawing that cannot reach the terminal ends the display, not the run."""
        try:
            draw()
        except (OSError, ValueError):
            self._progress = None

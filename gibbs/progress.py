"""What a person sees of a run that is going on: one line on a terminal or in a notebook, and a line now and then where there is neither.

    sampling   750/1,125 draws × 4   R-hat 1.004, ESS 812 (sd_g__Intercept)   elapsed 0:12   left 0:07

The display only reads what the sampler tells it. It can fail (a closed terminal, a pipe that is gone) without ending a run,
and it never influences a draw.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from gibbs.sampling.progress import Progress

_PHASES = {"compile": "compiling", "warmup": "warm-up", "sampling": "sampling", "replicates": "replicates and versions"}
_COMPILING = "the sampler is being made ready (built once for an installation, in half a minute or so; read from disk afterwards)"
FIRST, AGAIN = 20.0, 30.0
"""Seconds of silence before the first line where there is no terminal, and between two."""
A_SECOND = 0.5
"""Seconds between two changes of a notebook's line."""

Show = Callable[["Progress"], None]


def display(wanted: bool | None = None, stream: TextIO | None = None) -> AbstractContextManager[Show | None]:
    """A context that gives the function to hand to the sampler as ``progress``, or None where nothing is shown.

    Parameters
    ----------
    wanted : None shows one line that changes on a terminal and in a notebook, and a line of its own now and then elsewhere, once a run
        takes more than ``FIRST`` seconds. True shows the line that changes, wherever; False shows nothing.
    stream : where that is shown; standard error unless told, so that a table on standard output stays clean.
    """
    stream = sys.stderr if stream is None else stream
    if wanted is False:
        return nullcontext(None)
    if wanted or _is_terminal(stream):
        return Bar(stream)
    if stream is sys.stderr and (shell := _notebook()) is not None:
        return Notebook(shell)
    return Lines(stream) if _is_open(stream) else nullcontext(None)


def together(*shows: Show | None) -> Show | None:
    """One function for several that are told the same; None for none."""
    some = [show for show in shows if show is not None]

    def every(progress: Progress) -> None:
        for show in some:
            show(progress)

    return every if some else None


def _is_terminal(stream: TextIO | None) -> bool:
    """Whether someone is looking: a closed or missing stream is no terminal."""
    try:
        return stream is not None and stream.isatty()
    except (ValueError, OSError):
        return False


def _is_open(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.writable()
    except (ValueError, OSError, AttributeError):
        return False


def _notebook() -> Any:
    """The function ``display`` of IPython where this is a notebook, else None; IPython is not imported for it."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None and hasattr(module, "get_ipython") else None
    if shell is None or type(shell).__name__ == "TerminalInteractiveShell":
        return None
    try:
        from IPython.display import display as show
    except ImportError:
        return None
    return show


# ----------------------------------------------------------------------------------------------------------- in words


def clock(seconds: float) -> str:
    """``0:07``, ``12:30``, ``1:02:03``."""
    whole = round(max(seconds, 0.0))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def sweeps(progress: Progress) -> str:
    """``750/1,125 draws × 4``, or ``120/500 sweeps × 4`` in warm-up."""
    done = min(progress.done, default=0)
    if progress.phase == "replicates":
        return f"{done:,}/{progress.total:,} fits"
    if progress.phase == "warmup":
        return f"{done:,}/{progress.warmup or progress.total:,} sweeps × {len(progress.done)}"
    about = "about " if progress.to_precision else ""
    return f"{max(done - progress.warmup, 0):,}/{about}{progress.total - progress.warmup:,} draws × {len(progress.done)}"


def worst(progress: Progress) -> str:
    """``R-hat 1.004, ESS 812 (sd_g__Intercept)``: of the quantity that is furthest from its limits; "" before the first look."""
    found = progress.worst
    if found is None:
        return ""
    return f"R-hat {found.rhat:.3f}, ESS {found.ess:,.0f} ({found.name})"


def left(progress: Progress) -> str:
    """``left 0:07``, as far as anybody can tell."""
    return "left -:--" if progress.left is None else f"left {clock(progress.left)}"


def line(progress: Progress) -> str:
    """All of it in one line."""
    if progress.phase == "compile":
        return f"compiling: {_COMPILING}"
    parts = [_PHASES.get(progress.phase, progress.phase), sweeps(progress), worst(progress), progress.note]
    return "   ".join([*filter(None, parts), f"elapsed {clock(progress.elapsed)}", left(progress)])


# ------------------------------------------------------------------------------------------------------------ displays


class Bar:
    """One line on a terminal that changes. Use as a context; the terminal is given back however the context is left."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._progress = None
        self._task = None

    def __enter__(self) -> Show:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
        from rich.table import Column

        class SteadyConsole(Console):
            """rich leaves the whole process when a pipe is gone; a display may only fall silent."""

            def on_broken_pipe(self) -> None:
                self.quiet = True

        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=12),
            TaskProgressColumn(),
            TextColumn("{task.fields[sweeps]}"),
            TextColumn("{task.fields[worst]}", table_column=Column(overflow="ellipsis", no_wrap=True)),
            TextColumn("elapsed"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=SteadyConsole(file=self._stream),
            redirect_stdout=False,
            transient=True,
            refresh_per_second=4,
        )
        self._task = self._progress.add_task(_PHASES["compile"], total=None, sweeps="", worst="", left="")
        self._guarded(self._progress.start)
        return self.update

    def update(self, progress: Progress) -> None:
        """Show one snapshot of the sampler."""
        if self._progress is None:
            return
        compiling = progress.phase == "compile"
        total, done = progress.total * len(progress.done), sum(progress.done)
        self._guarded(
            lambda: self._progress.update(
                self._task,
                description=_PHASES.get(progress.phase, progress.phase),
                total=None if compiling else max(total, done),
                completed=done,
                sweeps="" if compiling else sweeps(progress),
                worst="the sampler, once for an installation" if compiling else " ".join(filter(None, (worst(progress), progress.note))),
                left="" if compiling else left(progress),
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


class Notebook:
    """One line below a cell that changes, and is gone when the run is over."""

    def __init__(self, show: Any) -> None:
        self._display, self._handle, self._next = show, None, 0.0

    def __enter__(self) -> Show:
        return self.update

    def update(self, progress: Progress) -> None:
        """Show one snapshot of the sampler, a few times a second at most."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + A_SECOND
        self._put({"text/plain": line(progress)})

    def _put(self, words: dict[str, str]) -> None:
        try:
            if self._handle is None:
                self._handle = self._display(words, raw=True, display_id=True)
            else:
                self._handle.update(words, raw=True)
        except Exception:  # whatever a front end does, the run goes on
            self._next = float("inf")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._handle is not None:
            self._put({"text/plain": ""})


class Lines:
    """A line of its own now and then, for a log: none of a run that is over soon, also while nothing is told (the sampler compiles)."""

    def __init__(self, stream: TextIO, first: float = FIRST, again: float = AGAIN) -> None:
        self._stream, self._again = stream, again
        self._last: Progress | None = None
        self._over = threading.Event()
        self._at = first
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Show:
        self._thread.start()
        return self.update

    def update(self, progress: Progress) -> None:
        """The newest snapshot of the sampler."""
        self._last = progress

    def _watch(self) -> None:
        wait = self._at
        while not self._over.wait(wait):
            wait = self._again
            if self._last is None:
                continue
            try:
                self._stream.write(f"gibbs: {line(self._last)}\n")
                self._stream.flush()
            except (OSError, ValueError):  # nobody reads any more
                return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join(1.0)

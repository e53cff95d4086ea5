"""The log of a run for schedulers and dashboards (``--log FILE``): one JSON object a line, added to the end of a file.

    {"time": "2026-01-31T12:00:00+00:00", "event": "sampling", "done": [900, 900, 880, 900], "warmup": 500, "total": 1625, "elapsed": 3.2,
     "left": 2.9, "worst": {"name": "sd_g__Intercept", "rhat": 1.012, "ess": 412, "draws": 500}}

Events: begin, compile, warmup, sampling (at every change of phase, at every check, and at most every ``EVERY`` seconds), written, failed;
the last line of a run has the exit code. A log that cannot be written any more falls silent: it never ends a run.
"""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any

from gibbs.errors import OutputError

if TYPE_CHECKING:
    from gibbs.sampling.progress import Progress

EVERY = 5.0


class RunLog:
    """A log that is open; use as a context. Raises OutputError where the file cannot be written to."""

    def __init__(self, path: str | os.PathLike[str], **about: Any) -> None:
        try:
            self._file = open(os.path.expanduser(os.fspath(path)), "a", encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise OutputError(f"the log cannot be written ({reason}).", where=os.fspath(path)) from error
        self._next, self._last = 0.0, ("", None)
        self.write("begin", **about, pid=os.getpid())

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            self.write("failed", error=type(error).__name__, message=str(error))
        self.close()

    def close(self) -> None:
        """Nothing more is written."""
        try:
            self._file.close()
        except OSError:
            pass

    def update(self, progress: Progress) -> None:
        """One snapshot of the sampler, if it says something new."""
        now, state = time.monotonic(), (progress.phase, progress.worst)
        if state == self._last and now < self._next:
            return
        self._last, self._next = state, now + EVERY
        worst = progress.worst
        self.write(
            progress.phase,
            done=list(progress.done),
            warmup=progress.warmup,
            total=progress.total,
            elapsed=round(progress.elapsed, 3),
            left=None if progress.left is None else round(progress.left, 1),
            worst=None if worst is None else {"name": worst.name, "rhat": worst.rhat, "ess": worst.ess, "draws": worst.draws},
        )

    def write(self, event: str, **words: Any) -> None:
        """One line."""
        said = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **words}
        try:
            self._file.write(json.dumps(_plain(said), ensure_ascii=False, allow_nan=False) + "\n")
            self._file.flush()
        except (OSError, ValueError):
            pass


def _plain(value: Any) -> Any:
    """JSON has no nan and no infinity."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and value - value != 0.0:
        return None
    return value

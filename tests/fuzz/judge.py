"""What is asked of every example: a result or one GibbsError in time, words that a terminal may show, nothing written elsewhere.

No other exception, no warning of a library, no process started, no file made, changed or removed outside the example's own folder.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import traceback
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from gibbs.errors import GibbsError

SECONDS = 5.0  # of work for one example; of waiting, on a busy machine or for a pipe, six times as many
LONGEST = 5_000  # characters of a message

_EVENTS_OF_FILES = {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate", "os.link", "os.symlink", "shutil.rmtree"}
_EVENTS_OF_OTHERS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect"}

_TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


class TooLong(BaseException):
    """The time of an example is over; not an Exception, so that nothing takes it for one."""


@dataclass(frozen=True)
class Verdict:
    """How an example ended: ``result``, ``refused``, or what is wrong with it."""

    kind: str
    words: str = ""

    @property
    def wrong(self) -> bool:
        return self.kind not in ("result", "refused")


def judge(example: Callable[[], str], folder: Path, seconds: float = SECONDS) -> Verdict:
    """Run ``example`` in ``folder``; what it returns is text that a person would see."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        with warnings.catch_warnings(record=True) as warned, _watched(folder) as touched, _unraised() as ignored, _timed(seconds):
            warnings.simplefilter("always")
            verdict = _outcome(example)
    except TooLong:
        return Verdict("too long", f"{seconds:g} seconds")
    finally:
        os.chdir(before)
    if verdict.wrong:
        return verdict
    if ignored:
        return Verdict("traceback", f"printed and ignored: {ignored[0]}")
    if touched:
        return Verdict("touched", "; ".join(touched[:3]))
    ours = {Path(__file__).with_name(name) for name in ("kinds.py", "whole.py")}  # gibbs.fit warns in the name of its caller
    spoken = [w for w in warned if (w.category is UserWarning and Path(w.filename) in ours) or w.category.__module__.startswith("gibbs.")]
    strange = [w for w in warned if w not in spoken and w.category is not ResourceWarning]
    if strange:
        w = strange[0]
        return Verdict("warned", f"{w.category.__name__}: {w.message} ({w.filename}, line {w.lineno})")
    return verdict


def _outcome(example: Callable[[], str]) -> Verdict:
    try:
        return _shown(example(), "result")
    except GibbsError as error:
        return _refused(str(error), error.message)
    except Exception as error:
        return Verdict("traceback", "".join(traceback.format_exception(error)[-6:])[-3_000:])


def _refused(words: str, message: str) -> Verdict:
    if not message.strip():
        return Verdict("silent", "an error without a message")
    if len(words) > LONGEST:
        return Verdict("long", f"{len(words):,} characters: {words[:200]}")
    return _shown(words, "refused")


def _shown(words: str, kind: str) -> Verdict:
    """Control characters move a cursor, colour a line or hide it; marks of direction turn it round. Joiners of letters may stay."""
    strange = sorted({c for c in words if (unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c not in "\n\t") or c in _TURNING})
    if strange:
        at = words.index(strange[0])
        return Verdict("control characters", f"{''.join(strange)!a} in {words[max(0, at - 60) : at + 60]!a}")
    return Verdict(kind, words)


def command(argv: list[str]) -> str:
    """The command line in this process; gives what it printed. A fault of ours, or an exit code that is none of ours, is an error."""
    from gibbs import cli

    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = cli.main(argv)
    said = err.getvalue()
    if code == cli.FAULT or "Traceback" in said:
        raise RuntimeError(said)
    if code not in (cli.DONE, cli.NOT_TO_BE_TRUSTED, cli.WRONG):
        raise RuntimeError(f"exit code {code}: {said}")
    if code == cli.WRONG and not said.strip():
        raise RuntimeError("exit code 2 without a word")
    if code == cli.WRONG and len(said) > LONGEST:
        raise RuntimeError(f"{len(said):,} characters: {said[:300]}")
    if code == cli.WRONG:
        raise GibbsError(said)
    return out.getvalue() + said


# ------------------------------------------------------------------------------------------------------ surroundings


@contextmanager
def _unraised() -> Iterator[list[str]]:
    """Errors that could not be raised, which Python prints with a traceback: inside a callback, in a destructor."""
    found: list[str] = []
    old = sys.unraisablehook
    sys.unraisablehook = lambda what: found.append(f"{what.exc_value!r} in {what.object!r}")
    try:
        yield found
    finally:
        sys.unraisablehook = old


@contextmanager
def _timed(seconds: float) -> Iterator[None]:
    """TooLong in this thread after so many seconds of work, or six times as many of waiting, where the system has alarms."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: Any) -> None:
        raise TooLong

    timers = ((signal.SIGPROF, signal.ITIMER_PROF, seconds), (signal.SIGALRM, signal.ITIMER_REAL, 6 * seconds))
    old = [signal.signal(number, ring) for number, _, _ in timers]
    for _, timer, limit in timers:
        signal.setitimer(timer, limit, 1.0)  # again each second, where someone swallowed the first
    try:
        yield
    finally:
        for (number, timer, _), before in zip(timers, old, strict=True):
            signal.setitimer(timer, 0.0)
            signal.signal(number, before)


class _Watch:
    """Python's audit events, which cannot be unhooked, only ignored."""

    hooked = False
    touched: list[str] | None = None
    allowed: tuple[str, ...] = ()

    @classmethod
    def event(cls, name: str, arguments: tuple[Any, ...]) -> None:
        if cls.touched is None:
            return
        if name == "open":
            path, _, flags = arguments
            writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) if isinstance(flags, int) else False
            if writes and isinstance(path, (str, bytes, os.PathLike)) and not cls.inside(path):
                cls.touched.append(f"opened for writing: {path!r}")
        elif name in _EVENTS_OF_OTHERS and not cls.known(arguments):
            cls.touched.append(f"{name}{arguments!r}"[:300])
        elif name in _EVENTS_OF_FILES:
            for path in arguments[:2]:
                if isinstance(path, (str, bytes, os.PathLike)) and not cls.inside(path):
                    cls.touched.append(f"{name} {path!r}")

    @classmethod
    def known(cls, arguments: tuple[Any, ...]) -> bool:
        """Processes that are no stranger's doing: Python's own look at the machine, and the first reading of an SPSS file."""
        return arguments[0] == "uname" or "pyreadstat.read_sav(sys.argv[1])" in str(arguments[1:2])

    @classmethod
    def inside(cls, path: Any) -> bool:
        name = os.fsdecode(path)
        compiled = "__pycache__" in Path(name).parts[-2:]  # what Python itself keeps of a module that is imported
        return name == os.devnull or compiled or os.path.abspath(name).startswith(cls.allowed)


@contextmanager
def _watched(folder: Path) -> Iterator[list[str]]:
    """What was written or started outside ``folder`` and the caches of Numba and matplotlib."""
    if not _Watch.hooked:
        sys.addaudithook(_Watch.event)
        _Watch.hooked = True
    caches = [os.environ.get("NUMBA_CACHE_DIR", ""), os.path.expanduser("~/.cache"), os.path.expanduser("~/.config/matplotlib")]
    _Watch.allowed = tuple(os.path.abspath(p) for p in (folder, *(c for c in caches if c)))
    _Watch.touched = touched = []
    try:
        yield touched
    finally:
        _Watch.touched = None


def fresh_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="gibbs-fuzz-", ignore_cleanup_errors=True)

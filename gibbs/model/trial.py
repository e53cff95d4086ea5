"""A first reading in a process of its own, for files whose library is written in C and may break on damaged bytes.

Such a break ends the whole program, with all that a notebook holds, and no ``except`` can stop it. So an SPSS file is read once by a
child; what the child survives, this process reads after it.
"""

from __future__ import annotations

import functools
import math
import signal
import subprocess
import sys
from pathlib import Path

from gibbs.errors import DataError

SECONDS, BYTES_A_SECOND, PATIENCE = 60.0, 1_000_000, 10.0
"""Seconds of processor time that the child may take, one more for every so many bytes of the file: a hundred times what a sound file takes.
On a busy machine it waits for a processor most of the time, so it may stand on the clock for so many times as long."""
_SPSS = """
import sys
sys.path[:] = {path!r}
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CPU, ({seconds}, {seconds} + 5))
except (ImportError, OSError, ValueError):
    pass
import pyreadstat
pyreadstat.read_sav(sys.argv[1])
"""


def spss(path: Path, source: str) -> None:
    """DataError where the library that reads SPSS files breaks on this one, or never ends; its ordinary complaints are not looked at."""
    stat = path.stat()
    if problem := _spss(str(path.absolute()), stat.st_size, stat.st_mtime_ns):
        raise DataError(f"the file cannot be read as an SPSS file: {problem}; it is damaged.", where=source)


@functools.lru_cache(maxsize=64)
def _spss(path: str, size: int, changed: int) -> str:
    """What went wrong in the child, ``""`` where nothing did; once for each state of a file."""
    if getattr(sys, "frozen", False) or not Path(sys.executable or "").name.lower().startswith("python"):
        return ""  # Python is part of another program, which would start again
    seconds = SECONDS + size / BYTES_A_SECOND
    endless = f"its library has not come to an end of it in {seconds:.0f} seconds"
    try:
        done = subprocess.run(
            [sys.executable, "-c", _SPSS.format(path=sys.path, seconds=math.ceil(seconds)), path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE * seconds,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired:
        return endless
    except OSError:  # no process more, no memory: what can be done without the child is
        return ""
    if done.returncode == -getattr(signal, "SIGXCPU", 0) != 0:
        return endless
    broken = done.returncode < 0 or done.returncode >= 0xC0000000  # a signal; an exception of Windows
    return "its library breaks on it" if broken else ""

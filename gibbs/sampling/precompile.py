"""The first compilation, shared by two processes: Numba compiles on one core, but what it compiled it keeps in files that both see.

Where the cache has no kernels yet, a child process compiles those that the loop of the sweeps calls by their address
(``kernels/apart.py``), more than half of all, while this process compiles the loop; then this process goes on with what the child has not
begun, the last first. What is computed never depends on the child: what it has not compiled, for whatever reason, is compiled here.
"""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue

import numba

from gibbs.cores import usable_cores
from gibbs.kernels import elimination, factorised, second_order, sweep
from gibbs.kernels.apart import Apart, types_of

_BY_ROWS = (sweep.DRAW_HYPER, sweep.MOVE_BY_ROWS, sweep.DRAW_COVARIANCE, sweep.PROPOSE_WISHART)
_SECOND_ORDER = (
    second_order.DRAW_HYPER,
    second_order.LOG_STAND_IN,
    second_order.REFRESH_LEVELS,
    second_order.MOVE_UNIT,
    second_order.SCALE_EFFECTS,
    second_order.DRAW_COVARIANCE,
)
APART: dict[str, tuple[Apart, ...]] = {
    "joint": (sweep.DRAW_HYPER, sweep.DRAW_COVARIANCE, sweep.DRAW_JOINTLY),
    "collapsed": (sweep.DRAW_HYPER, sweep.DRAW_COVARIANCE, sweep.DRAW_CORE_AND_UNIT),
    "joint by rows": (*_BY_ROWS, sweep.DRAW_JOINTLY),
    "collapsed by rows": (*_BY_ROWS, sweep.DRAW_CORE_AND_UNIT),
    "second-order": _SECOND_ORDER,
    "second-order by rows": (*_SECOND_ORDER[:-1], second_order.MOVE_ROWS, _SECOND_ORDER[-1]),
    "second-order by factors": factorised.CALLED,
}
"""What the child compiles, by scheme: what every model of the scheme calls. The first of all is the same everywhere, and begun before the
scheme is known; the last is what this process takes over first."""

PATIENCE, LEAST_PATIENCE = 3.0, 10.0
"""The child is given up when it takes longer than so many times what this process took, and so many seconds."""

ROOM = 64_000_000
"""Bytes that are free where the cache is; all kernels together take a third of it."""

_begun: list[subprocess.Popen[bytes]] = []
"""A child that was started before the data were read; at most one."""


def begin(cores: int | None, scheme: str) -> None:
    """Start the child now, while the data are still to be read, where that may pay; ``together`` takes it over.

    cores : threads that the run may use; None for all. scheme : a guess.
    """
    there = all(map(_compiled, APART.get(scheme, ())[-1:]))  # of all others a run of another scheme may never have need
    if not there and not _begun and _pays(scheme, cores) and (child := _start()) is not None:
        _begun.append(child)
        atexit.register(_end, child)


@contextmanager
def together(scheme: str, cores: int | None) -> Iterator[Callable[[], None]]:
    """Share the compilation that happens inside, where that pays. Yields what waits for the child, and then sees that all is there.

    Python's collector of cycles pauses meanwhile: the compiler makes millions of small objects that live long.
    """
    child, began = _begun.pop() if _begun else None, time.perf_counter()
    if child is not None and scheme not in APART:
        _end(child)
        child = None
    elif child is None and _pays(scheme, cores):
        child = _start()
    collected = gc.isenabled()
    gc.disable()

    def meet() -> None:
        shared = APART.get(scheme, ())
        if child is not None:
            ours = [kernel for kernel in reversed(shared) if _begin(kernel, child.pid) and kernel.address()]
            if len(ours) < len(shared):
                _wait(child, LEAST_PATIENCE + PATIENCE * (time.perf_counter() - began))
        for kernel in shared:
            kernel.address()

    try:
        if child is not None:
            _tell(child, scheme)
            elimination.factor_core.compile(types_of(elimination.factor_core))  # the child needs it too, and gets to it later
        yield meet
    finally:
        if child is not None:
            _end(child)
        if collected:
            gc.enable()


# ------------------------------------------------------------------------------------------------------- the child


def _compiled(kernel: Apart) -> bool:
    """Whether the cache has code of a kernel."""
    folder, of = kernel.kernel.stats.cache_path, kernel.kernel
    return folder is not None and next(Path(folder).glob(f"{of.__module__.rpartition('.')[2]}.{of.__name__}-*.nbi"), None) is not None


def _pays(scheme: str, cores: int | None) -> bool:
    """Is there a second core, a cache that can be shared and has room, and not all in it yet that models of the scheme call?"""
    if scheme not in APART or min(usable_cores(), cores or 2) < 2:
        return False
    if threading.current_thread() is not threading.main_thread():  # many fits at once: every core has its work
        return False
    folder = APART[scheme][-1].kernel.stats.cache_path
    if folder is None or all(map(_compiled, APART[scheme])):
        return False
    nearest = Path(folder)
    while not nearest.exists():
        nearest = nearest.parent
    return os.access(nearest, os.W_OK) and shutil.disk_usage(nearest).free > ROOM


def _start() -> subprocess.Popen[bytes] | None:
    """The child, or None where it cannot be started; where Python is part of another program, that would start the other program."""
    if getattr(sys, "frozen", False) or not Path(sys.executable or "").name.lower().startswith("python"):
        return None
    program = f"import sys; sys.path[:] = {sys.path!r}; from gibbs.sampling import precompile; precompile.be_the_child()"
    environment = dict(os.environ)
    if numba.config.CACHE_DIR:
        environment["NUMBA_CACHE_DIR"] = numba.config.CACHE_DIR
    try:
        return subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, ValueError):
        return None


def _tell(child: subprocess.Popen[bytes], scheme: str) -> None:
    """The scheme, as soon as it is known; a child that has failed does not hear it."""
    if child.stdin is not None:
        with suppress(OSError):
            child.stdin.write(f"{scheme}\n".encode())
            child.stdin.flush()


def _wait(child: subprocess.Popen[bytes], seconds: float) -> None:
    """Until the child has done its half, has failed, or has had its time."""
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _end(child: subprocess.Popen[bytes]) -> None:
    """However we leave, the child does not outlive the compilation, nor does what was begun."""
    if child.poll() is None:
        child.kill()
    if child.stdin is not None:
        child.stdin.close()
    child.wait()
    for kernel in {kernel for kernels in APART.values() for kernel in kernels}:
        with suppress(OSError):
            _begun_by(kernel, child.pid).unlink()


def _begun_by(kernel: Apart, child: int) -> Path:
    """The file that says that one of the two has begun with a kernel; beside what is compiled."""
    return Path(kernel.kernel.stats.cache_path or "") / f"begun.{child}.{kernel.kernel.__name__}"


def _begin(kernel: Apart, child: int) -> bool:
    """Whether nobody else has begun with a kernel; from now on it is the caller's."""
    try:
        os.close(os.open(_begun_by(kernel, child), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    except OSError:  # no folder, or a full one: twice is better than never
        return True
    return True


def be_the_child() -> None:
    """Compile our share of the kernels; end at once when the parent does, which closes its end of standard input."""
    heard: SimpleQueue[str] = SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            heard.put(line.strip())
        os._exit(1)

    threading.Thread(target=listen, daemon=True).start()
    gc.disable()
    elimination.eliminate_unit.compile(types_of(elimination.eliminate_unit))  # while the parent compiles ``factor_core``
    first = sweep.APART[0]
    if _begin(first, os.getpid()):
        first.address()
    for kernel in APART[heard.get()]:
        if _begin(kernel, os.getpid()):
            kernel.address()
    os._exit(0)

"""The first compilation, shared by two processes: Numba compiles on one core, but what it compiled it keeps in files that both see.

Where the cache has no kernels yet, a child process compiles those that the loop of the sweeps calls when it comes to them
(``kernels/lazy.py``), more than half of all, while this process compiles the loop; then this process goes on with what the child has not
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
from gibbs.kernels import elimination, second_order, sweep
from gibbs.kernels.lazy import Lazy
from gibbs.kernels.signatures import types_of

_BY_ROWS = (sweep.draw_hyper, sweep.move_by_rows, sweep.draw_covariance_sufficient, sweep.propose_wishart)
_SECOND_ORDER = (
    second_order.draw_hyper,
    second_order.log_stand_in,
    second_order.move_given_the_others,
    second_order.refresh_levels,
    second_order.scale_effects,
    second_order.draw_covariance_sufficient,
)
SHARED: dict[str, tuple[Lazy, ...]] = {
    "joint": (sweep.draw_hyper, sweep.draw_covariance_sufficient, sweep.draw_jointly),
    "collapsed": (sweep.draw_hyper, sweep.draw_covariance_sufficient, sweep.draw_core_and_unit),
    "joint by rows": (*_BY_ROWS, sweep.draw_jointly),
    "collapsed by rows": (*_BY_ROWS, sweep.draw_core_and_unit),
    "second-order": _SECOND_ORDER,
    "second-order by rows": (*_SECOND_ORDER[:-1], second_order.move_variances_by_rows, _SECOND_ORDER[-1]),
    "second-order by factors": (second_order.draw_hyper, second_order.log_stand_in, second_order.draw_covariance_sufficient),
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
    there = all(map(_compiled, SHARED.get(scheme, ())[-1:]))  # of all others a run of another scheme may never have need
    if not there and not _begun and _pays(scheme, cores) and (child := _start()) is not None:
        _begun.append(child)
        atexit.register(_end, child)


@contextmanager
def together(scheme: str, cores: int | None) -> Iterator[Callable[[], None]]:
    """Share the compilation that happens inside, where that pays. Yields what waits for the child, and then sees that all is there.

    Python's collector of cycles pauses meanwhile: the compiler makes millions of small objects that live long.
    """
    child, began = _begun.pop() if _begun else None, time.perf_counter()
    if child is not None and scheme not in SHARED:
        _end(child)
        child = None
    elif child is None and _pays(scheme, cores):
        child = _start()
    collected = gc.isenabled()
    gc.disable()

    def meet() -> None:
        shared = SHARED.get(scheme, ())
        if child is not None:
            ours = [kernel for kernel in reversed(shared) if _begin(kernel, child.pid) and _compile(kernel)]
            if len(ours) < len(shared):
                _wait(child, LEAST_PATIENCE + PATIENCE * (time.perf_counter() - began))
        for kernel in shared:
            _compile(kernel)

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


def _compile(kernel: Lazy) -> bool:
    """For any model, in whose place stand the types of what kernels are called with."""
    kernel.compile(types_of(kernel))
    return True


def _compiled(kernel: Lazy) -> bool:
    """Whether the cache has code of a kernel."""
    folder, files = kernel.stats.cache_path, f"{kernel.__module__.rpartition('.')[2]}.{kernel.__name__}-*.nbi"
    return folder is not None and next(Path(folder).glob(files), None) is not None


def _pays(scheme: str, cores: int | None) -> bool:
    """Is there a second core, a cache that can be shared and has room, and not all in it yet that models of the scheme call?"""
    if scheme not in SHARED or min(usable_cores(), cores or 2) < 2:
        return False
    if threading.current_thread() is not threading.main_thread():  # many fits at once: every core has its work
        return False
    folder = SHARED[scheme][-1].stats.cache_path
    if folder is None or all(map(_compiled, SHARED[scheme])):
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
    for kernel in {kernel for kernels in SHARED.values() for kernel in kernels}:
        with suppress(OSError):
            _begun_by(kernel, child.pid).unlink()


def _begun_by(kernel: Lazy, child: int) -> Path:
    """The file that says that one of the two has begun with a kernel; beside what is compiled."""
    return Path(kernel.stats.cache_path or "") / f"begun.{child}.{kernel.__name__}"


def _begin(kernel: Lazy, child: int) -> bool:
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
    if _begin(sweep.draw_hyper, os.getpid()):
        _compile(sweep.draw_hyper)
    for kernel in SHARED[heard.get()]:
        if _begin(kernel, os.getpid()):
            _compile(kernel)
    os._exit(0)

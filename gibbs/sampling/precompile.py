"""The first compilation, shared by two processes: Numba compiles on one core, but what it compiled it keeps in files that both see.

Where the cache has no kernels yet, a child process compiles the update of the variances and what that calls (``ITS_HALF``) while this
one compiles the other updates (``our_half``). Each finds in the cache what the other has done. When both are through, the loop of the
sweeps is compiled here, on top of both halves. What is computed never depends on the child: what it has not compiled, for whatever
reason, is compiled here.
"""

from __future__ import annotations

import atexit
import gc
import inspect
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core.errors import NumbaError

from gibbs.kernels import covariance, elimination, gaussian, hyper, sweep
from gibbs.kernels import layout as kl

_REALS, _WHOLES = types.float64[::1], types.int64[::1]
_REAL_TABLE, _WHOLE_TABLE = types.float64[:, ::1], types.int64[:, ::1]
TYPES: dict[str, Any] = {
    "rng": numba.typeof(np.random.default_rng(0)),
    **dict.fromkeys(("learn", "core_only"), types.boolean),
    **dict.fromkeys(("move", "unit", "pos", "t", "family"), types.int64),
    **dict.fromkeys(("n", "yy", "sigma", "variance", "prior_quadratic", "known", "squares"), types.float64),
    **dict.fromkeys(("index", "core_factors", "trials"), _WHOLES),
    **dict.fromkeys(("factor", "term", "units", "coordinate"), _WHOLE_TABLE),
    **dict.fromkeys(("level", "core_entry"), types.int32[:, ::1]),
    **dict.fromkeys(
        ("node", "m", "h", "rhs", "P", "work", "vh", "core", "u", "L", "scale", "reference", "row_scale", "counts", "saved"), _REALS
    ),
    **dict.fromkeys(("offset", "y", "omega", "working", "eta", "width", "residual", "out", "r", "effects"), _REALS),
    **dict.fromkeys(
        ("row_prior", "sd_prior", "cov_prior", "scale_prior", "B", "small", "fit", "root", "scratch", "X", "Z", "H", "x"), _REAL_TABLE
    ),
    "dense": types.float64[:, :, ::1],
}
"""Numba's type of every argument of the functions below, by name: the names of ``gibbs.kernels.layout`` mean the same everywhere."""

ITS_HALF = (elimination.eliminate_unit, hyper.draw_hyper)
"""What the child compiles, in this order; each brings the functions it calls."""

SCHEMES = ("joint", "collapsed")
"""Schemes whose loop is compiled together."""

PATIENCE, LEAST_PATIENCE = 3.0, 10.0
"""The child is given up when it takes longer than so many times what our own half took, and so many seconds."""


def our_half(family: int, scheme: str) -> tuple[Any, ...]:
    """What this process compiles, in this order: first what the child's last function needs, too."""
    of_the_family = (gaussian.residual_sum_of_squares, gaussian.draw_residual_sd) if family == kl.GAUSSIAN else (sweep.draw_latents,)
    of_several_units = (covariance.draw_covariance_ancillary, covariance.residual_rhs) if scheme == "collapsed" else ()
    return (
        elimination.factor_core,
        covariance.draw_covariance_sufficient,
        elimination.draw_unit,
        elimination.draw_core,
        *of_the_family,
        *of_several_units,
        sweep.draw_prior_scales,
        elimination.coefficient_precision,
        sweep.check_finite,
        elimination.copy_core_factors,
    )


def signature(kernel: Any) -> tuple[Any, ...]:
    """Types of the arguments of ``kernel``; KeyError where a name has no type here."""
    return tuple(TYPES[name] for name in inspect.signature(kernel).parameters)


def compile_all(kernels: Sequence[Any]) -> None:
    """Compile each for its types, or load it from the cache."""
    for kernel in kernels:
        kernel.compile(signature(kernel))


_begun: list[subprocess.Popen[bytes]] = []
"""A child that was started before the data were read; at most one."""


def begin(cores: int | None) -> None:
    """Start the child now, while the data are still to be read, where that may pay; ``together`` takes it over.

    cores : threads that the run may use; None for all.
    """
    if not _begun and _pays("joint", cores) and (child := _start()) is not None:
        _begun.append(child)
        atexit.register(_end, child)


@contextmanager
def together(scheme: str, cores: int | None) -> Iterator[Callable[[int], None]]:
    """Share the compilation that happens inside, where that pays. Yields a function of the family: our half, then wait for the other.

    Python's collector of cycles pauses meanwhile: the compiler makes millions of small objects that live long.
    """
    child, began = _begun.pop() if _begun else None, time.perf_counter()
    if child is not None and scheme not in SCHEMES:
        _end(child)
        child = None
    elif child is None and _pays(scheme, cores):
        child = _start()
    collected = gc.isenabled()
    gc.disable()

    def meet(family: int) -> None:
        if child is not None:
            with suppress(KeyError, NumbaError):  # a test finds a type that is wrong or missing; a user only waits longer
                compile_all(our_half(family, scheme))
            _wait(child, LEAST_PATIENCE + PATIENCE * (time.perf_counter() - began))

    try:
        yield meet
    finally:
        if child is not None:
            _end(child)
        if collected:
            gc.enable()


# ------------------------------------------------------------------------------------------------------- the child


def _pays(scheme: str, cores: int | None) -> bool:
    """Is there a second core, a cache that can be shared, and nothing in it yet?"""
    if scheme not in SCHEMES or min(_cores(), cores or 2) < 2:
        return False
    if threading.current_thread() is not threading.main_thread():  # many fits at once: every core has its work
        return False
    folder = Path(hyper.draw_hyper.stats.cache_path)
    if next(folder.glob("hyper.draw_hyper-*.nbi"), None) is not None:
        return False
    nearest = folder
    while not nearest.exists():
        nearest = nearest.parent
    return os.access(nearest, os.W_OK)


def _cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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


def _wait(child: subprocess.Popen[bytes], seconds: float) -> None:
    """Until the child has done its half, has failed, or has had its time."""
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _end(child: subprocess.Popen[bytes]) -> None:
    """However we leave, the child does not outlive the compilation."""
    if child.poll() is None:
        child.kill()
    if child.stdin is not None:
        child.stdin.close()
    child.wait()


def be_the_child() -> None:
    """Compile our share of the kernels; end at once when the parent does, which closes its end of standard input."""

    def watch() -> None:
        sys.stdin.buffer.read()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    gc.disable()
    compile_all(ITS_HALF)
    os._exit(0)

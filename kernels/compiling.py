"""How kernels are compiled: the decorators, once.

Reference counting is off: a kernel owns no array, and whoever calls the outermost one holds all of them while it runs. With it,
every array that a kernel takes from a record would be counted up and down (while records were passed array by array, that took a
quarter of a short sweep and half of the compilation). So a kernel allocates nothing (Numba refuses ``np.empty`` here) and returns no
array but one of its own arguments; one that returns a part of them is ``parts``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types
from numba.core.cpu import CPUTargetOptions
from numba.extending import register_jitable

from .lazy import Lazy
from .lean import OPTIMISED_TOGETHER, UNROLLED
from .standing import Compiled, Kernel, Loops, Outermost, made

_UNCACHED: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
if hasattr(CPUTargetOptions, "_nrt"):
    _UNCACHED["_nrt"] = False
_OPTIONS = _UNCACHED | {"cache": True, "no_cfunc_wrapper": True}


def _decorator(kind: type, together: bool = False, **options: Any) -> Callable[[Any], Any]:
    """``together``: optimised only with what it calls."""

    def decorate(function: Any) -> Any:
        if together:
            OPTIMISED_TOGETHER.add(function.__qualname__)
        if kind is Loops:
            UNROLLED.add(function.__qualname__)
        return made(kind, function, _OPTIONS | options)

    return decorate


loop = _decorator(Outermost, together=True)
"""A loop of sweeps, which Python calls."""

kernel = _decorator(Kernel, no_cpython_wrapper=True)
"""A kernel; arithmetic in the order in which it is written."""

contracted = _decorator(Loops, no_cpython_wrapper=True, fastmath={"contract"})
"""A product and a sum may be rounded once."""

reassociated = _decorator(Loops, no_cpython_wrapper=True, fastmath={"reassoc", "contract"})
"""Sums may also be made in another order: several at a time."""


def lazy(returns: Any = types.none, of_rows: bool = False, together: bool = False) -> Callable[[Any], Any]:
    """A kernel that is compiled when it is first called, for not every model does; what it returns is declared. ``of_rows``: with a loop
    over rows, as ``contracted``; ``together``: it does little but call others."""
    options: dict[str, Any] = {"fastmath": {"contract"}} if of_rows else {}

    def declared(function: Any) -> Any:
        if of_rows:
            UNROLLED.add(function.__qualname__)
        made = _decorator(Lazy, together, no_cpython_wrapper=True, **options)(function)
        if isinstance(made, Lazy):  # else Numba is switched off
            made.returns = returns
        return made

    return declared


inlined = _decorator(Compiled, inline="always")
"""A kernel that Numba copies into its callers before it looks at types: where a call with its arguments would take longer, to run or to
compile."""

parts = register_jitable(**_UNCACHED)
"""What returns slices of arrays. Called from Python it stays Python: without reference counts the part of an array would come back as the
whole of it."""

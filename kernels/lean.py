"""Numba without what our kernels have no use for, while they are compiled: a fifth of a first compilation (``benchmarks/start.md``). Other
users of Numba in the process never meet this.

For every operator and index of every line, in every round of inference, Numba tries the dozens of forms that it knows in turn, most of them
by an error that it builds and throws away. The answer hangs on the types of the arguments alone, unless a form is itself a function that
Numba compiles, under the options of its caller; all other answers are kept.

It optimises the code that takes a call from Python apart, which is long where arguments are records, and runs once for hundreds of sweeps.

And it optimises every function three times: by itself, before what it calls is linked into it, then all together, simply and thoroughly.
Kernels that do little but call others, with dozens of arrays each, do without the first (``OPTIMISED_TOGETHER``); loops over rows are not
vectorised without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from numba.core.callwrapper import PyCallWrapper
from numba.core.codegen import CPUCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.types.functions import BaseFunction

OPTIMISED_TOGETHER: set[str] = set()
"""Names of kernels that are not optimised by themselves."""

_kept: dict[Any, Any] = {}  # (context, function, types of its arguments) → its signature for them


def _asked_once(ask: Callable[..., Any]) -> Callable[..., Any]:
    """``BaseFunction.get_call_type``, the answers kept."""

    def get_call_type(self: Any, context: Any, args: Any, kws: Any) -> Any:
        question = (context, self, tuple(args))
        if not kws and question in _kept:
            signature = _kept[question]
            self._impl_keys[signature.args] = self.typing_key
            return signature
        signature = ask(self, context, args, kws)
        if not kws and self._impl_keys.get(signature.args) is self.typing_key:  # else a function of its own
            _kept[question] = signature
        return signature

    return get_call_type


def _as_written(build: Callable[..., Any]) -> Callable[..., Any]:
    """``PyCallWrapper.build``, what is built not optimised."""

    def built(self: Any) -> Any:
        made = build(self)
        for attribute in ("noinline", "optnone"):
            made[0].attributes.add(attribute)
        return made

    return built


def _together(optimise: Callable[..., Any]) -> Callable[..., Any]:
    """``CPUCodeLibrary._optimize_functions``, which the kernels named above do without."""

    def optimised(self: Any, module: Any) -> Any:
        if self.name not in OPTIMISED_TOGETHER:
            return optimise(self, module)
        module.data_layout = self._codegen._data_layout

    return optimised


@contextmanager
def _instead(owner: type, name: str, replace: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    """Meanwhile a method of ``owner`` is what ``replace`` makes of it; not if it is so already, or Numba is not as we know it."""
    plain = owner.__dict__.get(name)
    if plain is None or plain.__module__ != owner.__module__:
        yield
        return
    setattr(owner, name, replace(plain))
    try:
        yield
    finally:
        setattr(owner, name, plain)


@contextmanager
def leanly() -> Iterator[None]:
    """Meanwhile kernels, and nothing else, are compiled."""
    with ExitStack() as stack:
        stack.enter_context(global_compiler_lock)
        stack.enter_context(_instead(BaseFunction, "get_call_type", _asked_once))
        stack.enter_context(_instead(PyCallWrapper, "build", _as_written))
        stack.enter_context(_instead(CPUCodeLibrary, "_optimize_functions", _together))
        yield

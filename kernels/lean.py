"""Numba without what our kernels have no use for, while they are compiled: a fifth of a first compilation (``benchmarks/start.md``). Other
users of Numba in the process never meet this.

For every operator and index of every line, in every round of inference, Numba tries the dozens of forms that it knows in turn, most of them
by an error that it builds and throws away. The answer hangs on the types of the arguments alone, unless a form is itself a function that
Numba compiles, under the options of its caller; all other answers are kept.

It optimises the code that takes a call from Python apart, which is long where arguments are records, and runs once for hundreds of sweeps.

And it optimises every function three times: by itself, before what it calls is linked into it, then all together, simply and thoroughly.
Kernels that do little but call others, with dozens of arrays each, do without the first (``OPTIMISED_TOGETHER``); loops over rows are not
vectorised without it.

The rest are trifles that are met ten thousand times: expressions of whole arrays are looked for, which a kernel that allocates nothing
cannot have, and calls of closures where there are none; callbacks from C are made for functions that only other functions call; LLVM is
asked for the size of every variable, for debuggers; every call of LLVM is two events, which nobody hears; variables are looked for in what
cannot have any; and scipy.linalg is imported to see whether it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib import import_module
from types import CodeType
from typing import Any

import llvmlite.binding as llvm
from llvmlite.ir import IdentifiedStructType
from numba import config
from numba.core import codegen
from numba.core.compiler_lock import global_compiler_lock
from numba.core.ir import Loc, Var

OPTIMISED_TOGETHER: set[str] = set()
"""Names of kernels that are not optimised by themselves."""
UNROLLED: set[str] = set()
"""Names of kernels whose loops are written out, several rounds at a time: those over rows. All others are over a few columns or levels."""

_kept: dict[Any, Any] = {}  # (context, function, types of its arguments) → its signature for them
_sizes: dict[Any, int] = {}  # (context, type of LLVM as text) → its bytes
_NO_VARIABLES = {Loc, str, int, float, bool, type(None)}


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


def _rolled(optimise: Callable[..., Any]) -> Callable[..., Any]:
    """Of ``CPUCodeLibrary``: what optimises it, loops written out for kernels that are to have it alone."""

    def optimised(self: Any, *module: Any) -> Any:
        if self.name in UNROLLED:
            return optimise(self, *module)
        with _instead(codegen.CPUCodegen, "_pass_builder", _without_unrolling):
            return optimise(self, *module)

    return optimised


def _without_unrolling(_: Callable[..., Any]) -> Callable[..., Any]:
    """``CPUCodegen._pass_builder``."""

    def builder(
        self: Any, opt: Any = config.OPT, loop_vectorize: Any = config.LOOP_VECTORIZE, slp_vectorize: Any = config.SLP_VECTORIZE
    ) -> Any:
        options = llvm.create_pipeline_tuning_options()
        options.speed_level, options.loop_vectorization, options.slp_vectorization = opt, loop_vectorize, slp_vectorize
        options.loop_unrolling = options.loop_interleaving = False
        return llvm.create_pass_builder(self._tm, options)

    return builder


def _nothing(_: Callable[..., Any]) -> Callable[..., Any]:
    """Of a method that need not be called; as a pass over a function: it changed nothing."""
    return lambda *_: False


def _of_closures(run: Callable[..., Any]) -> Callable[..., Any]:
    """``InlineClosureLikes.run_pass``, for functions that have functions in them."""

    def run_pass(self: Any, state: Any) -> Any:
        return any(isinstance(constant, CodeType) for constant in state.func_id.code.co_consts) and run(self, state)

    return run_pass


def _asked_once_of_llvm(ask: Callable[..., Any]) -> Callable[..., Any]:
    """``BaseContext.get_abi_sizeof``, the answers kept."""

    def get_abi_sizeof(self: Any, kind: Any) -> Any:
        if isinstance(kind, IdentifiedStructType):  # its text is its name
            return ask(self, kind)
        question = (self, str(kind))
        if question not in _sizes:
            _sizes[question] = ask(self, kind)
        return _sizes[question]

    return get_abi_sizeof


def _by_exact_type(look: Callable[..., Any]) -> Callable[..., Any]:
    """``Inst._rec_list_vars``: variables in a part of a statement, in the same order."""

    def list_vars(self: Any, part: Any) -> Any:
        kind = type(part)
        if kind is Var:
            return [part]
        if kind in _NO_VARIABLES:
            return []
        if kind is not dict and kind is not tuple and kind is not list:
            return look(self, part)
        found: list[Any] = []
        for each in part.values() if kind is dict else part:
            inner = type(each)
            if inner is Var:
                found.append(each)
            elif inner not in _NO_VARIABLES:
                found.extend(list_vars(self, each))
        return found

    return list_vars


def _unheard(take: Callable[..., Any]) -> Callable[..., Any]:
    """``__enter__`` or ``__exit__`` of LLVM's lock, without the events of Numba."""
    acquire = take.__name__ == "__enter__"

    def held(self: Any, *_: Any) -> None:
        self._lock.acquire() if acquire else self._lock.release()

    return held


def _without_scipy(register: Callable[..., Any]) -> Callable[..., Any]:
    """``CPUContext.load_additional_registries``: that scipy.linalg is there is seen where it is used."""

    def registered(self: Any) -> None:
        from numba.np import linalg

        with _instead(linalg, "ensure_blas", lambda plain: lambda: None):
            register(self)

    return registered


@contextmanager
def _instead(owner: Any, name: str, replace: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    """Meanwhile a method of a class, or a function of a module, is what ``replace`` makes of it; not if it is so already, or Numba is not
    as we know it."""
    plain = owner.__dict__.get(name)
    if plain is None or plain.__module__ != (owner.__module__ if isinstance(owner, type) else owner.__name__):
        yield
        return
    setattr(owner, name, replace(plain))
    try:
        yield
    finally:
        setattr(owner, name, plain)


_INSTEAD: tuple[tuple[str, str, str, Callable[..., Any]], ...] = (
    ("numba.core.types.functions", "BaseFunction", "get_call_type", _asked_once),
    ("numba.core.callwrapper", "PyCallWrapper", "build", _as_written),
    ("numba.core.codegen", "CPUCodeLibrary", "_optimize_functions", lambda plain: _together(_rolled(plain))),
    ("numba.core.codegen", "CPUCodeLibrary", "_optimize_final_module", _rolled),
    ("numba.core.typed_passes", "NopythonRewrites", "run_pass", _nothing),
    ("numba.core.untyped_passes", "InlineClosureLikes", "run_pass", _of_closures),
    ("numba.core.cpu", "CPUContext", "create_cfunc_wrapper", _nothing),
    ("numba.core.cpu", "CPUContext", "load_additional_registries", _without_scipy),
    ("numba.core.base", "BaseContext", "get_abi_sizeof", _asked_once_of_llvm),
    ("numba.core.ir", "Inst", "_rec_list_vars", _by_exact_type),
    ("llvmlite.binding.ffi", "_LLVMLock", "__enter__", _unheard),
    ("llvmlite.binding.ffi", "_LLVMLock", "__exit__", _unheard),
)
"""Module, class and method, and what makes of it what is called instead."""


@cache
def _changes() -> list[tuple[Any, str, Callable[..., Any]]]:
    """Those whose class this Numba has."""
    owners = [(getattr(import_module(module), owner, None), name, replace) for module, owner, name, replace in _INSTEAD]
    return [change for change in owners if change[0] is not None]


@contextmanager
def leanly() -> Iterator[None]:
    """Meanwhile kernels, and nothing else, are compiled."""
    with ExitStack() as stack:
        stack.enter_context(global_compiler_lock)
        for owner, name, replace in _changes():
            stack.enter_context(_instead(owner, name, replace))
        yield

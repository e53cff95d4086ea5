"""Kernels as other kernels call them: large ones compiled once, and none with what only a call from Python needs.

Numba links what a function calls into it and optimises all of it once more, at every level; and it makes, for every function, code that
takes a call from Python apart, which for one of several records takes as long as the kernel itself. Here a large kernel stands
outside the code of its callers, who know its symbol; and what Python needs is compiled when Python calls.
"""

from __future__ import annotations

import hashlib
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from inspect import signature
from types import FunctionType
from typing import Any

import llvmlite.binding as llvm
from numba import config, njit, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.imputils import user_function
from numba.core.registry import CPUDispatcher

from .compiled import STANDING, cache_of, for_python
from .lean import leanly
from .records import RecordType

LARGE, LARGE_LOOPS = 80, 1000
"""Instructions from which on a kernel stands, and one whose loops are optimised for what surrounds them (``benchmarks/start.md``)."""

_OWN = ("nopython", "no_cpython_wrapper")
"""Options of a kernel that its caller from Python does not share."""

# fmt: off
kernel: Any = None  # the one that is called, in the globals of each caller
_CALLERS: tuple[Any, ...] = (
    lambda a: kernel(a),
    lambda a, b: kernel(a, b),
    lambda a, b, c: kernel(a, b, c),
    lambda a, b, c, d: kernel(a, b, c, d),
    lambda a, b, c, d, e: kernel(a, b, c, d, e),
    lambda a, b, c, d, e, f: kernel(a, b, c, d, e, f),
    lambda a, b, c, d, e, f, g: kernel(a, b, c, d, e, f, g),
    lambda a, b, c, d, e, f, g, h: kernel(a, b, c, d, e, f, g, h),
    lambda a, b, c, d, e, f, g, h, i: kernel(a, b, c, d, e, f, g, h, i),
    lambda a, b, c, d, e, f, g, h, i, j: kernel(a, b, c, d, e, f, g, h, i, j),
    lambda a, b, c, d, e, f, g, h, i, j, k: kernel(a, b, c, d, e, f, g, h, i, j, k),
    lambda a, b, c, d, e, f, g, h, i, j, k, l: kernel(a, b, c, d, e, f, g, h, i, j, k, l),
)
# fmt: on
"""By the number of arguments, for those of ``*arguments`` are typed anew in every call; no kernel has more."""

_STANDING = "standing"
"""What the cache keeps of a kernel that stands says so."""


class Compiled(CPUDispatcher):  # type: ignore[misc]
    """A function that is compiled here."""

    folder: str | None = None
    """Where its code is to be kept, until it is first asked for: most kernels are for other models."""

    def compile(self, types_of_arguments: Any) -> Any:
        """The version for these types of arguments, from the cache where it is there."""
        if (there := self.overloads.get(types_of_arguments)) is not None:  # a caller asks for every call of it in every round of inference
            return there.entry_point
        with leanly():
            self.keep()
            return super().compile(types_of_arguments)

    @property
    def stats(self) -> Any:
        """What was compiled, and where it is kept."""
        self.keep()
        return super().stats

    def keep(self) -> None:
        """Find the files of its code (``compiled.py``); Numba's own would mistake what Python calls for the kernel itself."""
        with global_compiler_lock:
            if self.folder is None:
                return
            self._cache, self.folder = cache_of(self.py_func, self.folder), None


class Outermost(Compiled):
    """A function that Python alone calls."""

    def add_overload(self, compiled: Any) -> None:
        """One more version, compiled or from the cache."""
        super().add_overload(compiled)
        _link_nowhere(compiled)


class Kernel(Compiled):
    """A function that kernels call, by its symbol where it is large, and Python too."""

    large = LARGE

    def add_overload(self, compiled: Any) -> None:
        """One more version, compiled or from the cache: how calls of it are made."""
        super().add_overload(compiled)
        compiled.library._reload_init.update(compiled.reload_init)  # of one from the cache Numba leaves it empty, and callers inherit it
        arguments, described = tuple(compiled.signature.args), copy(compiled.fndesc)
        if not _stands(compiled, arguments, self.large):
            return
        _link_nowhere(compiled)
        needed = Needed(self.py_func.__module__, self.py_func.__name__, arguments)
        address = compiled.library.get_pointer_to_function(described.llvm_func_name)
        if not address:  # LLVM would end the process that loads a caller
            raise RuntimeError(f"{needed.symbol} has no code")
        llvm.add_symbol(needed.symbol, address)
        described.mangled_name = needed.symbol
        by_symbol = user_function(described, ())

        def call(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            context.active_code_library._reload_init.add(needed)
            return by_symbol(context, builder, signature, given)

        call.signature, call.libs = by_symbol.signature, ()  # type: ignore[attr-defined]
        self.targetctx.remove_user_function(compiled.entry_point)
        self.targetctx.insert_func_defn([(call, compiled.entry_point, by_symbol.signature)])

    def __call__(self, *arguments: Any) -> Any:
        return self.from_python(*arguments)

    @cached_property
    def from_python(self) -> Outermost:
        """What Python calls: a function that calls this one."""
        with global_compiler_lock:
            if "from_python" not in self.__dict__:
                options = {name: self.targetoptions[name] for name in self.targetoptions if name not in _OWN}
                self.keep()
                found = made(Outermost, _caller(self), options)
                found._cache = for_python(self._cache)
                self.__dict__["from_python"] = found
            return self.__dict__["from_python"]


class Loops(Kernel):
    """A kernel whose loops are optimised for what surrounds them."""

    large = LARGE_LOOPS


def made(kind: type, function: Any, options: dict[str, Any]) -> Any:
    """``njit`` of a function, as a dispatcher of this kind."""
    cached, options = options.get("cache", False), {name: value for name, value in options.items() if name != "cache"}
    function.__signature__ = signature(function)  # which Numba asks for twice, and again wherever the kernel is called
    dispatcher = njit(**options)(function)
    if isinstance(dispatcher, CPUDispatcher):  # else Numba is switched off
        dispatcher.__class__ = kind
        dispatcher.folder = config.CACHE_DIR if cached else None
    return dispatcher


@dataclass(frozen=True)
class Needed:
    """A kernel that code calls by its symbol: kept with the code in the cache, and called before the code is loaded."""

    module: str
    name: str
    arguments: tuple[Any, ...]

    @property
    def symbol(self) -> str:
        """The same in every process."""
        told = repr((self.module, self.name, self.arguments)).encode()
        return f"{STANDING}{self.module}.{self.name}.{hashlib.blake2b(told, digest_size=8).hexdigest()}"

    def kernel(self) -> Any:
        """The kernel itself."""
        return getattr(import_module(self.module), self.name)

    def __call__(self) -> None:
        """It is compiled, or loaded, and LLVM knows it."""
        self.kernel().compile(self.arguments)


def _caller(kernel: Kernel) -> Any:
    """A function of as many arguments that calls ``kernel``."""
    code = _CALLERS[kernel.py_func.__code__.co_argcount - 1].__code__
    return FunctionType(code, {"kernel": kernel, "__name__": __name__}, kernel.py_func.__name__)


def _stands(compiled: Any, arguments: tuple[Any, ...], large: int) -> bool:
    """Whether a kernel of records or arrays is large; of one from the cache, whether it was."""
    library = compiled.library
    if library._shared_module is not None:
        return bool(library._shared_module.source_file == _STANDING)
    if not any(isinstance(kind, RecordType) for kind in arguments) and sum(isinstance(kind, types.Array) for kind in arguments) < 2:
        return False  # arithmetic, for loops that contain it
    text = str(library._final_module.get_function(compiled.fndesc.llvm_func_name))
    return text.count("\n  ") - text.count("\n    ") - text.count("\n  ]") >= large  # cases of a switch have lines of their own


def _link_nowhere(compiled: Any) -> None:
    """No caller will contain this code: the cache keeps it as machine code, and of what could be linked the names alone."""
    library, described = compiled.library, compiled.fndesc
    names = (described.llvm_func_name, described.llvm_cpython_wrapper_name, described.env_name)
    there = [f'define void @"{name}"() {{ unreachable }}' for name in names if library.get_pointer_to_function(name)]
    library._shared_module = llvm.parse_assembly("\n".join([f'source_filename = "{_STANDING}"', *there]))

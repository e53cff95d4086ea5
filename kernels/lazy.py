"""Kernels that are compiled when they are first called: what not every model does, and what two processes compile at the same time.

Code that calls a kernel by its symbol (``standing.py``) cannot be loaded without that kernel. Callers of a lazy one know its signature
alone. Where they call, they read its address from a place that is the kernel's own in this process; as long as nothing stands there, they
ask Python, which compiles the kernel, or loads it from the cache, and writes its address down. So a first run compiles what its model does,
no list says what that is, and callers are compiled before it, after it or beside it (``gibbs/sampling/precompile.py``; figures in
``benchmarks/start.md``).
"""

from __future__ import annotations

import _thread
import ctypes
import threading
import traceback
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import cgutils, types, typing
from numba.core.sigutils import normalize_signature

from .standing import Kernel, Needed

_FIND = "lazy.find"
"""What compiled code calls where nothing stands in the place that it gives."""

_POINTER = ir.IntType(8).as_pointer()
_places: dict[str, ctypes.c_void_p] = {}  # symbol → the address of a kernel, or null
_owners: dict[str, Lazy] = {}  # symbol → the kernel
_kernels: dict[int, Place] = {}  # where such an address stands → of what


class Lazy(Kernel):
    """A kernel that its callers know by what it ``returns``."""

    returns: Any = types.none

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """As Numba's, nothing compiled."""
        signature, given = self._compiler.fold_argument_types(args, kws)
        name, given = self.py_func.__name__, tuple(map(types.unliteral, given))
        return typing.make_concrete_template(name, key=name, signatures=[self.returns(*given)]), signature, given, {}

    def get_overload(self, sig: Any) -> Any:
        """What Numba finds the code of a call by."""
        arguments, _ = normalize_signature(sig)
        if arguments not in self._calls:
            self._calls[arguments] = call = _call_of(Place(self.py_func.__module__, self.py_func.__name__, tuple(arguments)), self.returns)
            self.targetctx.insert_func_defn([(call, call, call.signature)])
        return self._calls[arguments]

    @cached_property
    def _calls(self) -> dict[Any, Any]:
        return {}


@dataclass(frozen=True)
class Place(Needed):
    """Where the address of a kernel stands; kept with code that reads it, and called before that code is loaded."""

    @property
    def symbol(self) -> str:
        """The same in every process."""
        return f"lazy.{super().symbol}"

    def __call__(self) -> None:
        """There is such a place, and LLVM knows it; nothing stands there yet where the kernel's module has been loaded anew."""
        if self.symbol not in _places:
            _places[self.symbol] = ctypes.c_void_p(None)
            llvm.add_symbol(self.symbol, ctypes.addressof(_places[self.symbol]))
        if _owners.get(self.symbol) is not self.kernel():
            _owners[self.symbol], _places[self.symbol].value = self.kernel(), None
            _kernels[ctypes.addressof(_places[self.symbol])] = self

    def fill(self) -> None:
        """Compile the kernel, or load it, and write its address down. TypeError: it returns something else than was declared; RuntimeError:
        there is no code."""
        kernel = self.kernel()
        kernel.compile(self.arguments)
        compiled = kernel.overloads[self.arguments]
        if compiled.signature.return_type != kernel.returns:
            raise TypeError(f"{self.name} returns {compiled.signature.return_type}, not {kernel.returns}")
        address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
        if not address:
            raise RuntimeError(f"{self.name} has no code")
        _places[self.symbol].value = address

    def address(self) -> int | None:
        """What stands there."""
        return _places[self.symbol].value


def _call_of(place: Place, returns: Any) -> Any:
    """How a call is lowered."""

    def call(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        place()
        context.active_code_library._reload_init.add(place)
        there = builder.module.globals.get(place.symbol) or ir.GlobalVariable(builder.module, _POINTER, place.symbol)
        address = cgutils.alloca_once(builder, _POINTER)
        builder.store(builder.load(there), address)
        with cgutils.if_unlikely(builder, cgutils.is_null(builder, builder.load(address))):
            find = cgutils.get_or_insert_function(builder.module, ir.FunctionType(_POINTER, [_POINTER.as_pointer()]), _FIND)
            builder.store(builder.call(find, [there]), address)
        with cgutils.if_unlikely(builder, cgutils.is_null(builder, builder.load(address))):
            context.call_conv.return_user_exc(builder, RuntimeError, (f"{place.name} could not be compiled",))
        code = builder.bitcast(builder.load(address), context.call_conv.get_function_type(returns, place.arguments).as_pointer())
        status, result = context.call_conv.call_function(builder, code, returns, place.arguments, given)
        with cgutils.if_unlikely(builder, status.is_error):
            context.call_conv.return_status_propagate(builder, status)
        return result

    call.signature, call.libs = place.arguments, ()  # type: ignore[attr-defined]
    return call


def _fill_aside(kernel: Place) -> None:
    """``kernel.fill()`` in another thread: in the main thread signals raise, wherever Python is, and no exception passes compiled code.
    What they raise meanwhile they raise a moment later."""
    failures: list[BaseException] = []

    def fill() -> None:
        try:
            kernel.fill()
        except BaseException as failure:
            failures.append(failure)

    raised: BaseException | None = None
    while not failures and kernel.address() is None:
        try:
            thread = threading.Thread(target=fill, daemon=True)
            thread.start()
            thread.join()
        except BaseException as now:
            raised = now
    if raised is not None:
        again = threading.Timer(0.05, _raise_in_main_thread, (raised,))
        again.daemon = True
        again.start()
    if failures:
        raise failures[0]


def _raise_in_main_thread(raised: BaseException) -> None:
    if isinstance(raised, KeyboardInterrupt):  # by its signal, of which somebody may be keeping count
        _thread.interrupt_main()
        return
    main = ctypes.c_ulong(threading.main_thread().ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(main, ctypes.py_object(type(raised)))


@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
def _find(place: int) -> int | None:
    """The address that is to stand at ``place``, and now does; 0, and a traceback on standard error, where there is none to be had."""
    kernel = _kernels[place]
    try:
        if threading.current_thread() is threading.main_thread():
            _fill_aside(kernel)
        else:
            kernel.fill()
    except BaseException as failure:  # without a result the caller would go on from anywhere
        traceback.print_exception(failure)
        return 0
    return kernel.address()


llvm.add_symbol(_FIND, ctypes.cast(_find, ctypes.c_void_p).value)

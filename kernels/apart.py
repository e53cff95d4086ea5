"""Calls by address, so that a kernel and its callers are compiled apart.

Numba links what a function calls into it and optimises all of it once more. A kernel that is called by address stays out of its callers:
they need its signature only, and two processes can compile it and them at the same time.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from numba import typeof, types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.typeconv import Conversion
from numba.extending import intrinsic

_WHOLES, _REALS = types.int64[::1], types.float64[::1]
_REAL_TABLE, _WHOLE_TABLE = types.float64[:, ::1], types.int64[:, ::1]
_NAMES: dict[Any, str] = {
    types.boolean: "learn core_only",
    types.int64: "move t column cuts unit pos",
    types.float64: "n yy sigma variance prior_quadratic known step share shape",
    _WHOLES: "index core_factors own_rows",
    _WHOLE_TABLE: "factor term units coordinate chosen",
    _REALS: "node m h roots work vh core u L reference row_scale counts saved rhs eta gap trial_eta trial_gap cut trial_cut psi direction "
    "trial x noise fresh trial_u change family_prior values value_rows",
    _REAL_TABLE: "row_prior sd_prior cov_prior scale_prior B small fit root scratch tally",
    types.float64[:, :, ::1]: "dense",
    types.Tuple((types.int64, _REAL_TABLE, _REAL_TABLE, types.int32[:, ::1], _REALS, _REALS, _WHOLES, _REALS, _REALS)): "data",
    typeof(np.random.default_rng(0)): "rng",
}
TYPES: dict[str, Any] = {name: type_ for type_, names in _NAMES.items() for name in names.split()}
"""Numba's types of arguments, by name: a name means the same everywhere (``layout.py``)."""


def types_of(kernel: Any) -> tuple[Any, ...]:
    """Those of the arguments of ``kernel``. KeyError: a name has none here."""
    return tuple(TYPES[name] for name in inspect.signature(kernel).parameters)


class Apart:
    """A kernel that is called by address; ``call`` is how other kernels do it."""

    def __init__(self, kernel: Any, returns: Any = types.none) -> None:
        self.kernel = kernel
        self.signature = returns(*types_of(kernel))
        self.call = _by_address(self.signature)

    def address(self) -> int:
        """Where its code is; it is compiled, or loaded from the cache, if need be. TypeError: it returns something else."""
        kernel, arguments, returns = self.kernel, self.signature.args, self.signature.return_type
        if arguments not in kernel.overloads:
            kernel.compile(arguments)
        compiled = kernel.overloads[arguments]
        if compiled.signature.return_type != returns:
            raise TypeError(f"{kernel.__name__} returns {compiled.signature.return_type}, not {returns}")
        return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)


def _by_address(signature: Any) -> Any:
    """``call(address, (argument, …))``: what the kernel of this signature at ``address`` returns; what it raises goes on to the caller."""

    @intrinsic
    def call(typingctx, address, arguments):
        if len(arguments) != len(signature.args):
            raise TypingError(f"{len(arguments)} arguments, where {signature} is called")
        for given, wanted in zip(arguments, signature.args, strict=True):
            if (typingctx.can_convert(given, wanted) or Conversion.nil) > Conversion.safe:
                raise TypingError(f"{given}, where {signature} has {wanted}")

        def generate(context, builder, called, values):
            pointer = context.call_conv.get_function_type(signature.return_type, signature.args).as_pointer()
            given = cgutils.unpack_tuple(builder, values[1], len(signature.args))
            given = [context.cast(builder, *each) for each in zip(given, arguments, signature.args, strict=True)]
            status, result = context.call_conv.call_function(
                builder, builder.inttoptr(values[0], pointer), signature.return_type, signature.args, given
            )
            with cgutils.if_unlikely(builder, status.is_error):
                context.call_conv.return_status_propagate(builder, status)
            return result

        return signature.return_type(types.int64, arguments), generate

    return call

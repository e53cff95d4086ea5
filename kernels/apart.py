"""Calls by address: of what not every model does, and of what two processes compile at the same time.

Code that calls a kernel by its symbol (``standing.py``) cannot be loaded without that kernel. One that is called by address is compiled for
the models that need it, and its callers, which know its signature only, before it, after it or beside it.
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

from .layout import (
    CALLED,
    CALLED_OF_SECOND_ORDER,
    COUNT,
    FACTOR,
    OF_LAYOUTS,
    TERM,
    Between,
    Coordinates,
    Gram,
    Layout,
    Model,
    Moves,
    Neighbours,
    Orders,
    Out,
    Priors,
    Rows,
    SecondOrders,
    StandIn,
    State,
    Target,
    Trial,
    Tuning,
    Work,
    counts_of,
    no_fields,
    table,
)

_NO_WHOLES, _NO_REALS, _NO_LEVELS = np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros((0, 0), dtype=np.int32)
_NO_WHOLE_TABLE, _NO_REAL_TABLE, _NO_REAL_TABLES = np.zeros((0, 0), dtype=np.int64), np.zeros((0, 0)), np.zeros((0, 0, 0))
_LAYOUT = Layout(table(0, FACTOR), table(0, TERM), _NO_WHOLES, _NO_WHOLE_TABLE, _NO_WHOLES, _NO_REALS, no_fields(), (0,) * OF_LAYOUTS)
_GRAM = Gram(_NO_REALS, _NO_REALS, _NO_REALS, _NO_REAL_TABLE, _NO_WHOLES, _NO_WHOLES, _NO_REALS, _NO_REAL_TABLE)
_PRIORS = Priors(*[_NO_REAL_TABLE] * 4, _NO_REALS)
_STAND_IN = StandIn(0, *[_NO_REAL_TABLE] * 2, _NO_LEVELS, *[_NO_REALS] * 7, 0)
_ROWS = Rows(*[_NO_REAL_TABLE] * 2, _NO_LEVELS, *[_NO_REALS] * 2, _NO_WHOLES, _NO_REALS, _NO_LEVELS)
_NEIGHBOURS = Neighbours(*[_NO_WHOLES] * 2, *[_NO_REAL_TABLE] * 2, _NO_WHOLES, _NO_REALS, _NO_WHOLES, _NO_REALS, _NO_REAL_TABLE)
_TRIAL = Trial(*[_NO_REALS] * len(Trial._fields))
_LIKE: dict[str, Any] = {
    **dict.fromkeys("move t column cuts unit pos rounds pieces f family".split(), 0),
    **dict.fromkeys("variance sigma step share shape squares quadratic w rho".split(), 0.0),
    **dict.fromkeys("L reference psi cut direction trial_psi x z m h core scratch noise width".split(), _NO_REALS),
    **dict.fromkeys("chosen".split(), _NO_WHOLE_TABLE),
    **dict.fromkeys("small root cross".split(), _NO_REAL_TABLE),
    "row_level": _NO_LEVELS.ravel(),
    "rng": np.random.default_rng(0),
    **dict.fromkeys("learn held given".split(), False),
    "own_rows": _NO_WHOLES,
    "count": table(0, COUNT),
    "counts": counts_of(0, 0),
    "orders": Orders((0,) * CALLED, _NO_WHOLE_TABLE, 0, 0, 0, False, 0, False, False, False, *[0.0] * 3),
    "second_orders": SecondOrders((0,) * CALLED_OF_SECOND_ORDER, _NO_WHOLE_TABLE, *[0] * 5, False, 0, 0, *[0.0] * 3, *[0] * 4),
    "model": Model(_LAYOUT, _GRAM, _PRIORS, _STAND_IN),
    "moves": Moves(
        _NO_REALS,
        _NO_WHOLES,
        np.zeros((0, 0, 0), dtype=np.int64),
        *[_NO_REAL_TABLES] * 3,
        _NO_REALS,
        _NO_REAL_TABLE,
        _NO_WHOLE_TABLE,
        _NO_WHOLES,
        _NO_REALS,
        *[_NO_REAL_TABLE] * 2,
    ),
    "out": Out(*[_NO_REAL_TABLE] * 4, _NO_REALS, _NO_REAL_TABLE, counts_of(0, 0)),
    "rows": _ROWS,
    "layout": _LAYOUT,
    "gram": _GRAM,
    "priors": _PRIORS,
    "data": _STAND_IN,
    "target": Target(False, 0.0, 0.0, 0.0, 0.0),
    "tuning": Tuning(Coordinates(_NO_WHOLE_TABLE, *[_NO_REAL_TABLE] * 5), *[_NO_REALS] * 3, _NO_REAL_TABLE),
    "coordinates": Coordinates(_NO_WHOLE_TABLE, *[_NO_REAL_TABLE] * 5),
    "work": Work(
        *[_NO_REALS] * 3,
        *[_NO_REAL_TABLE] * 3,
        _NO_REALS,
        _NO_WHOLES,
        *[_NO_REAL_TABLE] * 2,
        *[_NO_REALS] * 2,
        *[_NO_REAL_TABLE] * 2,
        *[_NO_REALS] * 5,
    ),
    "state": State(*[_NO_REALS] * len(State._fields)),
    "trial": _TRIAL,
    "between": Between(
        False,
        False,
        False,
        0,
        0.0,
        0.0,
        _NO_WHOLES,
        _NO_REAL_TABLE,
        _NEIGHBOURS,
        _NO_REALS,
        _NO_REAL_TABLE,
        _ROWS,
        _GRAM,
        _NO_REAL_TABLE,
        _STAND_IN,
        *[_NO_WHOLES] * 3,
        _NO_WHOLE_TABLE,
        _NO_WHOLES,
        _TRIAL,
    ),
    "u": _NO_REALS,
}
TYPES: dict[str, Any] = {name: typeof(value) for name, value in _LIKE.items()}
"""Numba's types of arguments, by name: a name means the same everywhere (``layout.py``)."""


def types_of(kernel: Any) -> tuple[Any, ...]:
    """Numba's types of the arguments of ``kernel``. KeyError: a name has none here."""
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
    """``call(address, (argument, …))``: what the kernel of this signature at ``address`` returns; what it raises goes on to the caller, and
    RuntimeError at address 0."""

    @intrinsic
    def call(typingctx, address, arguments):
        if len(arguments) != len(signature.args):
            raise TypingError(f"{len(arguments)} arguments, where {signature} is called")
        for given, wanted in zip(arguments, signature.args, strict=True):
            if (typingctx.can_convert(given, wanted) or Conversion.nil) > Conversion.safe:
                raise TypingError(f"{given}, where {signature} has {wanted}")

        def generate(context, builder, called, values):
            with cgutils.if_unlikely(builder, cgutils.is_null(builder, values[0])):
                context.call_conv.return_user_exc(builder, RuntimeError, ("a kernel that this model was not made with is called",))
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

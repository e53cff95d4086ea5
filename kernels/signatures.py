"""Numba's types of what kernels are called with, by name: so that a kernel can be compiled before there is a model."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from numba import typeof

from .layout import (
    COUNT,
    FACTOR,
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
_LAYOUT = Layout(table(0, FACTOR), table(0, TERM), _NO_WHOLES, _NO_WHOLE_TABLE, _NO_WHOLES, _NO_REALS, no_fields())
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
    "orders": Orders(_NO_WHOLE_TABLE, 0, 0, 0, False, 0, False, False, False, *[0.0] * 3),
    "second_orders": SecondOrders(_NO_WHOLE_TABLE, *[0] * 5, False, 0, 0, *[0.0] * 3, *[0] * 4),
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

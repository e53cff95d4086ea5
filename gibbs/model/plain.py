"""A table whose columns are all numbers, as a CSV file mostly gives it, without pandas: importing that takes longer than a small model.

``Numbers`` and ``Column`` know the few things that the way from a file to the model matrices asks of a table; for anything else they are
their pandas selves (``to_pandas``), so that code which gets one of them need not know which.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Column:
    """One column. values : (N,) int64 or float64, missing values NaN. index : (N,) the numbers of the rows."""

    name: str
    values: np.ndarray
    index: np.ndarray
    ndim = 1

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.values.dtype

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values.tolist())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values, dtype=dtype, copy=copy)

    def __getitem__(self, rows: Any) -> Any:
        """The rows of a mask; anything else as pandas has it."""
        if isinstance(rows, np.ndarray) and rows.dtype == bool:
            return Column(self.name, self.values[rows], self.index[rows])
        return self.to_pandas()[rows]

    @property
    def iloc(self) -> _Places:
        """Rows by their places."""
        return _Places(self)

    def to_numpy(self, dtype: Any = None, copy: bool = False, na_value: Any = np.nan) -> np.ndarray:
        """The values; ``na_value`` is theirs already."""
        if na_value is not np.nan:
            return self.to_pandas().to_numpy(dtype, copy, na_value)
        return np.array(self.values, dtype=dtype, copy=True if copy else None)

    def isna(self) -> np.ndarray:
        """(N,) which are missing."""
        return np.isnan(self.values)

    def notna(self) -> np.ndarray:
        """(N,) which are not missing."""
        return ~self.isna()

    def dropna(self) -> Column:
        """The values that are there."""
        return self[self.notna()]

    def factorize(self) -> tuple[np.ndarray, np.ndarray]:
        """Codes (N,) in the order in which values are met, −1 for missing, and the values: as ``pandas.factorize`` gives them."""
        there = self.notna()
        _, first, codes = np.unique(self.values[there], return_index=True, return_inverse=True)
        rank = np.empty(len(first), dtype=np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        found = np.full(len(self.values), -1, dtype=np.int64)
        found[there] = rank[codes]
        return found, self.values[there][np.sort(first)]

    def unique(self) -> np.ndarray:
        """The values in the order in which they are met."""
        values = self.factorize()[1]
        return values if self.notna().all() else self.to_pandas().unique()

    def to_pandas(self) -> pd.Series:
        """The same as a Series."""
        import pandas as pd

        return pd.Series(self.values, index=self.index, name=self.name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("name", "values", "index"):  # a copy that is being made has none of these yet
            raise AttributeError(name)
        return getattr(self.to_pandas(), name)


@dataclass(frozen=True, eq=False)
class Numbers:
    """Columns of numbers by name. index : (N,) the numbers of the rows."""

    held: Mapping[str, np.ndarray]
    index: np.ndarray

    @property
    def columns(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(self.held)

    def __len__(self) -> int:
        return len(self.index)

    def __iter__(self) -> Iterator[str]:
        return iter(self.held)

    def __contains__(self, name: object) -> bool:
        return name in self.held

    def __getitem__(self, asked: Any) -> Any:
        """A column by its name, some columns by a list of names, the rows of a mask; anything else as pandas has it."""
        if isinstance(asked, str) and asked in self.held:
            return Column(asked, self.held[asked], self.index)
        if isinstance(asked, list) and all(isinstance(name, str) and name in self.held for name in asked):
            return Numbers({name: self.held[name] for name in asked}, self.index)
        if isinstance(asked, np.ndarray) and asked.dtype == bool:
            return Numbers({name: values[asked] for name, values in self.held.items()}, self.index[asked])
        return self.to_pandas()[asked]

    def named(self, names: Sequence[str], index: np.ndarray) -> Numbers:
        """The same columns under other names, and the rows under other numbers."""
        return Numbers(dict(zip(names, self.held.values(), strict=True)), index)

    def to_pandas(self) -> pd.DataFrame:
        """The same as a DataFrame."""
        import pandas as pd

        return pd.DataFrame(dict(self.held), index=self.index)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("held", "index"):
            raise AttributeError(name)
        return getattr(self.to_pandas(), name)


@dataclass(frozen=True)
class _Places:
    """``column.iloc``: rows that are next to each other; anything else as pandas has it."""

    column: Column

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, slice):
            return Column(self.column.name, self.column.values[rows], self.column.index[rows])
        return self.column.to_pandas().iloc[rows]


def _as_pandas(act: Callable[..., Any]) -> Callable[..., Any]:
    """An operator as pandas has it: Python does not ask ``__getattr__`` for these."""

    def method(self: Column | Numbers, *others: Any) -> Any:
        return act(self.to_pandas(), *(other.to_pandas() if isinstance(other, Column | Numbers) else other for other in others))

    return method


def _turned(act: Callable[..., Any]) -> Callable[..., Any]:
    return lambda first, second: act(second, first)


for _class in (Column, Numbers):
    for _name in ("eq", "ne", "lt", "le", "gt", "ge", "neg", "abs", "invert"):
        setattr(_class, f"__{_name}__", _as_pandas(getattr(operator, _name)))
    for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and_", "or_"):
        setattr(_class, f"__{_name.rstrip('_')}__", _as_pandas(getattr(operator, _name)))
        setattr(_class, f"__r{_name.rstrip('_')}__", _as_pandas(_turned(getattr(operator, _name))))


def frame(table: pd.DataFrame | Numbers) -> pd.DataFrame:
    """A table as a DataFrame."""
    return table.to_pandas() if isinstance(table, Numbers) else table

"""How a fit turned a table into numbers, kept so that new rows are turned the same way."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gibbs.errors import DataError, nearest
from gibbs.model import levels
from gibbs.model.fixed import Columns, States, column, numbers
from gibbs.model.syntax import Node

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Grouping:
    """The levels of one grouping factor: of a column, or the combinations of several that occur.

    ``keys`` are the combinations as one number each (mixed radix of the components' codes), sorted: the code of a level is its place.
    """

    columns: tuple[str, ...]
    components: tuple[tuple[str, ...], ...]  # the levels of each column
    keys: np.ndarray = field(repr=False)  # (J,) int64
    levels: tuple[str, ...]

    @property
    def identity(self) -> frozenset[str]:
        """What tells it from other factors: its columns, in whatever order."""
        return frozenset(self.columns)

    def encode(self, frame: pd.DataFrame, source: str = "new data") -> np.ndarray:
        """The level of every row, (N,) int32; −1 for a level the fit has not seen, and where one is missing."""
        parts = []
        for name, known in zip(self.columns, self.components, strict=True):
            codes, labels, _ = levels.raw_codes(column(frame, name, source))
            parts.append(levels.recode(codes, labels, known))
        if len(parts) == 1:
            return parts[0]
        key = combine(parts, [len(c) for c in self.components])
        place = np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)
        return np.where(self.keys[place] == key, place, -1).astype(np.int32)


def combine(codes: list[np.ndarray], sizes: list[int]) -> np.ndarray:
    """Several codes as one number a row, (N,) int64, in lexicographic order; −1 where any is missing."""
    key = codes[0].astype(np.int64)
    missing = codes[0] < 0
    for more, size in zip(codes[1:], sizes[1:], strict=True):
        key = key * size + more
        missing = missing | (more < 0)
    key[missing] = -1
    return key


def group(frame: pd.DataFrame, columns: tuple[str, ...], source: str) -> tuple[Grouping, np.ndarray]:
    """Learn the levels of a grouping factor, and the level of every row, (N,) int32. The columns have no missing values."""
    coded = [levels.factorise(column(frame, name, source)) for name in columns]
    if len(coded) == 1:
        codes, labels = coded[0]
        return Grouping(columns, (labels,), np.arange(len(labels), dtype=np.int64), labels), codes
    components = tuple(labels for _, labels in coded)
    sizes = [len(labels) for labels in components]
    if math.prod(sizes) > 2**62:
        raise DataError(f"the levels of {':'.join(columns)} combine to more than can be counted.", where=source)
    key = combine([codes for codes, _ in coded], sizes)
    keys, codes = np.unique(key, return_inverse=True)
    parts: list[np.ndarray] = []
    rest = keys
    for size in reversed(sizes[1:]):
        rest, last = np.divmod(rest, size)
        parts.append(last)
    parts.append(rest)
    words = [[labels[i] for i in part] for labels, part in zip(components, reversed(parts), strict=True)]
    joined = ["_".join(w) for w in zip(*words, strict=True)]
    if len(set(joined)) < len(joined):  # "a_b" with "c", and "a" with "b_c"
        joined = [":".join(w) for w in zip(*words, strict=True)]
    return Grouping(columns, components, keys, tuple(joined)), codes.astype(np.int32).reshape(-1)


@dataclass(frozen=True)
class RandomColumns:
    """What one factor's Z is made of: the terms' columns side by side; and what its groups of levels are made by."""

    grouping: Grouping
    parts: tuple[Columns, ...]
    by: str = ""  # a column
    values: tuple[str, ...] = ()  # of it, in the order of the groups

    def groups(self, frame: pd.DataFrame, source: str = "new data") -> np.ndarray:
        """The group of every row, (N,) int32. Raises DataError for a value that the fit has not seen."""
        codes, labels, _ = levels.raw_codes(column(frame, self.by, source))
        found = levels.recode(codes, labels, self.values)
        if (found < 0).any():
            k = int(np.flatnonzero(found < 0)[0])
            label = labels[codes[k]] if codes[k] >= 0 else "missing"
            raise DataError(
                f"the fit has not seen the value '{label}' ({levels.rows_text(frame.index[found < 0])}); it has "
                f"{', '.join(self.values)}, and a covariance of the effects for each.{nearest(str(label), self.values)}",
                where=f"{source}, column '{self.by}'",
            )
        return found

    def encode(self, frame: pd.DataFrame, source: str = "new data") -> tuple[np.ndarray, np.ndarray]:
        """codes (N,) int32 and Z (N, q)."""
        Z = np.concatenate([part.encode(frame, source) for part in self.parts], axis=1)
        return self.grouping.encode(frame, source), np.ascontiguousarray(Z)


@dataclass(frozen=True)
class Encoding:
    """Encodes a new table as the fit's was: its levels, contrasts, means, scales and polynomials."""

    fixed: Columns
    factors: dict[str, RandomColumns]
    offsets: tuple[tuple[Node, States], ...]

    def encode(
        self, frame: pd.DataFrame, source: str = "new data"
    ) -> tuple[np.ndarray, dict[str, tuple[np.ndarray, np.ndarray]], np.ndarray]:
        """X (N, p), {factor: (codes (N,) int32, Z (N, q))}, offset (N,) of new rows.

        A level of a grouping factor that the fit has not seen (or that is missing) has code −1. Raises DataError for a missing column,
        a missing value in a predictor, or a category of a predictor that the fit has not seen.
        """
        X = self.fixed.encode(frame, source)
        factors = {name: random.encode(frame, source) for name, random in self.factors.items()}
        offset = np.zeros(len(frame))
        for tree, states in self.offsets:
            offset += numbers(tree, frame, source, {key: dict(state) for key, state in states.items()}, training=False)
        return X, factors, offset

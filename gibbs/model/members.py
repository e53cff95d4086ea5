"""Rows that belong to several groups at once: ``mm(school1, school2, weights = c(w1, w2))``, multiple membership.

    η_i = … + z_i' Σ_m w_im u_{g_m(i)},     u_g ~ N(0, Σ)

(Hill & Goldstein 1998; Browne, Goldstein & Rasbash 2001). The levels of such a factor are the groups that any of the columns names, then
the mixtures of them that rows have, ``0.5 a + 0.5 b``: what a row sees is the effect of its mixture, B_j·u with the weights of the mixture
as row j of B.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from gibbs.errors import DataError
from gibbs.model import levels, structures
from gibbs.model.encoding import Grouping
from gibbs.model.fixed import column
from gibbs.model.structures import Structure

if TYPE_CHECKING:
    import pandas as pd

PLUS = " + "
MOST_ENTRIES = 4_000_000
"""Weights that B may have, mixtures times groups."""


@dataclass(frozen=True)
class Members(Grouping):
    """The groups of several columns, and the mixtures of them that rows have. weights : a column a membership; () alike. scaled : whether
    the weights of a row are divided by their sum. typical : the mean variance of a row's mixture, in units of that of a group."""

    weights: tuple[str, ...] = ()
    scaled: bool = True
    place: dict[str, int] = field(default_factory=dict, repr=False, compare=False)
    typical: float = 1.0

    @property
    def identity(self) -> frozenset[str]:
        return frozenset([*self.columns, PLUS])

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups themselves, the first of the levels."""
        return self.components[0]

    def encode(self, frame: pd.DataFrame, source: str = "new data") -> np.ndarray:
        labels, of_row = self.labels(frame, source)
        return np.array([self.place.get(text, -1) for text in labels], dtype=np.int32)[of_row]

    def labels(self, frame: pd.DataFrame, source: str = "new data") -> tuple[list[str], np.ndarray]:
        """The different mixtures of the rows, and which of them each row has, (N,)."""
        names: dict[str, int] = {text: k for k, text in enumerate(self.groups)}
        coded = []
        for name in self.columns:
            codes, found, _ = levels.raw_codes(column(frame, name, source))
            table = np.array([*(names.setdefault(text, len(names)) for text in found), -1], dtype=np.int64)
            coded.append(table[codes])
        rows = np.column_stack([*coded, row_weights(self, frame, source)])
        different, of_row = np.unique(rows, axis=0, return_inverse=True)
        m, texts = len(self.columns), list(names)
        return [label(texts, row[:m].astype(int), row[m:]) for row in different], np.ravel(of_row)

    def variances(self, frame: pd.DataFrame, source: str = "new data") -> np.ndarray:
        """(N,) the variance of a row's effect in units of that of a group: Σ of squares of the weights of its groups; the typical one where
        the table does not say which they are."""
        if not {*self.columns, *self.weights} <= set(frame.columns):
            return np.full(len(frame), self.typical)
        texts, of_row = self.labels(frame, source)
        every = {text: None for text in self.groups}
        for name in self.columns:
            every.update(dict.fromkeys(levels.raw_codes(column(frame, name, source))[1]))
        return np.sum(weights_of(texts, tuple(every)) ** 2, axis=1)[of_row]


def row_weights(of: Members, frame: pd.DataFrame, source: str) -> np.ndarray:
    """(N, m) the weights of the memberships. DataError where one is no number, below 0, or all of a row are 0."""
    if not of.weights:
        return np.full((len(frame), len(of.columns)), 1.0 / len(of.columns) if of.scaled else 1.0)
    found = []
    for name in of.weights:
        series = column(frame, name, source)
        if not (levels.is_number(series) or levels.is_boolean(series)):
            raise DataError("weights of memberships are numbers, and this column holds text.", where=f"{source}, column '{name}'")
        found.append(series.to_numpy(dtype=float))
    W = np.column_stack(found)
    bad = ~np.isfinite(W) | (W < 0.0)
    if bad.any():
        k = int(np.argmax(bad.any(axis=0)))
        rows = frame.index[bad[:, k]]
        raise DataError(
            f"weights of memberships are numbers from 0 on; found {W[bad[:, k], k][0]:g} ({levels.rows_text(rows)}).",
            where=f"{source}, column '{of.weights[k]}'",
        )
    total = W.sum(axis=1)
    if np.any(total == 0.0):
        raise DataError(
            f"all weights of {', '.join(of.weights)} are 0 ({levels.rows_text(frame.index[total == 0.0])}): such a row has no group.",
            where=source,
        )
    return W / total[:, None] if of.scaled else W


def label(names: Sequence[str], codes: np.ndarray, weights: np.ndarray) -> str:
    """``a``, ``0.5 a + 0.5 b``: the same for the same weights of the same groups, in whatever order."""
    total: dict[int, float] = {}
    for code, weight in zip(codes.tolist(), weights.tolist(), strict=True):
        if weight != 0.0:
            total[code] = total.get(code, 0.0) + weight
    if len(total) == 1 and abs(next(iter(total.values())) - 1.0) < 1e-12:
        return names[next(iter(total))]
    return PLUS.join(f"{weight:.12g} {names[code]}" for code, weight in sorted(total.items()))


def parts(text: str, names: Sequence[str]) -> dict[str, float]:
    """{group: weight} of a label; KeyError with the name of a group that is not among ``names``."""
    known = set(names)
    if text in known:
        return {text: 1.0}
    found = {}
    for part in text.split(PLUS):
        weight, _, name = part.partition(" ")
        try:
            found[name] = float(weight)
        except ValueError:
            raise KeyError(part) from None
        if name not in known:
            raise KeyError(name)
    return found


def weights_of(texts: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """B (len(texts), len(names)): the rows of these labels."""
    place = {name: k for k, name in enumerate(names)}
    B = np.zeros((len(texts), len(names)))
    for row, text in zip(B, texts, strict=True):
        for name, weight in parts(text, names).items():
            row[place[name]] = weight
    return B


def build(
    frame: pd.DataFrame, words: str, columns: tuple[str, ...], weights: tuple[str, ...], scaled: bool, source: str
) -> tuple[Structure, Members, np.ndarray]:
    """(Structure, groups and mixtures, the mixture of every row (N,)). DataError for weights and names that cannot be."""
    found: dict[str, None] = {}
    for name in columns:
        found.update(dict.fromkeys(levels.factorise(column(frame, name, source))[1]))
    names = tuple(levels.in_order(found))
    where = f"{source}, columns {', '.join(columns)}"
    odd = next((text for text in names if PLUS in text), None)
    if odd is not None:
        raise DataError(f"the name '{odd}' holds '{PLUS}', which joins the groups of a row here; rename it.", where=where)
    if len(names) > structures.LIMIT:
        raise DataError(
            f"{words} has {len(names):,} groups; effects that rows share in parts are drawn in one dense block of at most "
            f"{structures.LIMIT} columns.",
            where=where,
        )
    grouping = Members(columns, (names,) * len(columns), np.zeros(0, dtype=np.int64), names, weights, scaled)
    texts, of_row = grouping.labels(frame, source)
    known = set(names)
    mixtures = [text for text in dict.fromkeys(texts) if text not in known]
    if (len(names) + len(mixtures)) * len(names) > MOST_ENTRIES:
        raise DataError(
            f"{len(mixtures):,} different mixtures of {len(names):,} groups are more than {MOST_ENTRIES:,} weights. Round the weights, so "
            "that rows share their mixtures.",
            where=where,
        )
    every = (*names, *mixtures)
    place = {text: k for k, text in enumerate(every)}
    grouping = Members(columns, (names,) * len(columns), np.arange(len(every)), every, weights, scaled, place)
    codes = np.array([place[text] for text in texts], dtype=np.int32)[of_row]
    observed = np.bincount(codes, minlength=len(every)) > 0
    B = weights_of(every, names)
    grouping = replace(grouping, typical=float(np.mean(np.sum(B**2, axis=1)[codes])))
    observed[: len(names)] |= (B[len(names) :] != 0.0).any(axis=0)
    return structures.of_members(words, B, observed), grouping, codes

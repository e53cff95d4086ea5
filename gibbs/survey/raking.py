"""Frames of a population from its margins: raking, also called iterative proportional fitting.

From a table n⁰ over cells, each margin in turn multiplies the cells so that their sums are its own, until all margins hold (Deming and
Stephan 1940). The result has the odds ratios of n⁰ and is the table nearest to it, in Kullback and Leibler's sense, with these margins
(Ireland and Kullback 1968). From a table of ones it is the one in which everything is independent that the margins do not tie together.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gibbs.errors import DataError, nearest
from gibbs.model import levels

if TYPE_CHECKING:
    import pandas as pd

MOST_CELLS = 2_000_000
TOLERANCE = 1e-9
"""Largest relative distance of a sum from its margin at which raking ends."""
ROUNDS = 10_000
DIFFER = 1e-6
"""Totals of margins that differ by more than this share are told of."""


@dataclass(frozen=True)
class Margin:
    """Sums over the cells: ``columns``, a row of ``labels`` (K, columns) for each sum, ``totals`` (K,). source: for messages."""

    columns: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    totals: np.ndarray
    source: str


@dataclass(frozen=True)
class Raked:
    """table: the columns of the cells and the number of people in each. rounds, gap: until they fitted, and how well. notes: sentences."""

    table: pd.DataFrame
    rounds: int
    gap: float
    notes: tuple[str, ...] = ()


def margin(table: pd.DataFrame, weight: str, source: str) -> Margin:
    """The Margin that a table of labels and a column ``weight`` of sums says. DataError for labels twice, and sums that are no counts."""
    if weight not in table.columns:
        raise DataError(
            f"there is no column '{weight}' with the numbers of people.{nearest(weight, map(str, table.columns))}", where=source
        )
    columns = tuple(str(name) for name in table.columns if name != weight)
    if not columns:
        raise DataError(f"a margin has a column that says of whom its numbers are, beside '{weight}'.", where=source)
    totals = counts(table, weight, source)
    labels = rows_of(table, columns, source)
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise DataError(f"{', '.join(twice)} stands in it twice.", where=source)
    return Margin(columns, tuple(labels), totals, source)


def counts(table: pd.DataFrame, weight: str, source: str) -> np.ndarray:
    """The numbers of people (K,). DataError, with rows, where one is missing or negative, or all are 0."""
    from gibbs.model.numeric import as_number

    found = as_number(table[weight], weight, source)
    wrong = ~(found >= 0)
    if wrong.any():
        raise DataError(
            f"'{weight}' is a number of people, from 0 on; it is not in {levels.rows_text(np.flatnonzero(wrong) + 1)}.", where=source
        )
    if not found.any():
        raise DataError(f"'{weight}' is 0 everywhere.", where=source)
    return found


def rows_of(table: pd.DataFrame, columns: Sequence[str], source: str) -> list[tuple[str, ...]]:
    """The labels of every row. DataError for a column that is not there, and where one is missing."""
    parts = []
    for name in columns:
        if name not in table.columns:
            raise DataError(f"there is no column '{name}'.{nearest(name, map(str, table.columns))}", where=source)
        codes, words, _ = levels.raw_codes(table[name])
        codes = np.asarray(codes)
        if (codes < 0).any():
            raise DataError(f"'{name}' is missing in {levels.rows_text(np.flatnonzero(codes < 0) + 1)}.", where=source)
        parts.append([words[code] for code in codes.tolist()])
    return list(zip(*parts, strict=True))


def rake(
    margins: Sequence[Margin], start: tuple[Sequence[str], Sequence[tuple[str, ...]], np.ndarray] | None = None, weight: str = "N"
) -> Raked:
    """The frame with these margins.

    start : columns, labels and counts of the table to begin with, a sample or an older frame; without it every combination of labels begins
    alike. A combination that the start does not have, or has 0 of, stays empty.

    Raises DataError for margins of columns that the start does not have, of labels that no cell has people of, and for margins that no
    table can have together.
    """
    import pandas as pd

    columns, labels, n = _cells(margins, start)
    total = float(margins[0].totals.sum()) if margins else float(n.sum())
    notes, groups = [], []
    for one in margins:
        own = float(one.totals.sum())
        if abs(own - total) > DIFFER * total:
            notes.append(f"the numbers of {one.source} sum to {own:,.6g}, and those of {margins[0].source} to {total:,.6g}: rescaled.")
        groups.append((_places(one, columns, labels, n), one.totals * (total / own), one))
    n = n * (total / n.sum())
    gap, rounds = (np.inf if groups else 0.0), 0
    while gap > TOLERANCE and rounds < ROUNDS:
        gap, rounds = 0.0, rounds + 1
        for place, wanted, _ in groups:
            have = np.bincount(place, weights=n, minlength=len(wanted))
            with np.errstate(divide="ignore", invalid="ignore"):
                factor = np.where(wanted > 0, wanted / have, 0.0)
            n = n * np.nan_to_num(factor, posinf=0.0)[place]
        for place, wanted, _ in groups:
            have = np.bincount(place, weights=n, minlength=len(wanted))
            gap = max(gap, float(np.max(np.abs(have - wanted) / np.maximum(wanted, total * 1e-12))))
    if gap > 1e-4:
        raise DataError(
            f"no table has these margins together: after {rounds:,} rounds a sum is still {gap:.2g} of itself away. Do two of them "
            "contradict each other, or does the start leave cells empty that are needed?",
            where="frame",
        )
    table = pd.DataFrame(dict(zip(columns, zip(*labels, strict=True), strict=True)))
    table[weight] = n
    return Raked(table[table[weight] > 0].reset_index(drop=True), rounds, gap, tuple(notes))


def _cells(
    margins: Sequence[Margin], start: tuple[Sequence[str], Sequence[tuple[str, ...]], np.ndarray] | None
) -> tuple[tuple[str, ...], list[tuple[str, ...]], np.ndarray]:
    """Columns, labels and counts that raking begins with."""
    if start is not None:
        columns, rows, given = start
        summed: dict[tuple[str, ...], float] = {}
        for label, count in zip(rows, given.tolist(), strict=True):
            summed[label] = summed.get(label, 0.0) + count
        return tuple(columns), list(summed), np.array(list(summed.values()))
    if not margins:
        raise DataError("a frame is made of margins, of a table to start from, or of both.", where="frame")
    words: dict[str, dict[str, None]] = {}
    for one in margins:
        for k, name in enumerate(one.columns):
            words.setdefault(name, {}).update(dict.fromkeys(label[k] for label in one.labels))
    size = int(np.prod([float(len(w)) for w in words.values()]))
    if size > MOST_CELLS:
        raise DataError(
            f"these margins have {size:,} combinations, more than {MOST_CELLS:,}; start from a table of those there are.", where="frame"
        )
    labels = list(itertools.product(*words.values()))
    return tuple(words), labels, np.ones(len(labels))


def _places(one: Margin, columns: Sequence[str], labels: Sequence[tuple[str, ...]], n: np.ndarray) -> np.ndarray:
    """Which sum of a margin each cell belongs to (cells,)."""
    absent = [name for name in one.columns if name not in columns]
    if absent:
        raise DataError(
            f"the margin is of '{absent[0]}', which is no column of the cells ({', '.join(columns)}).{nearest(absent[0], columns)}",
            where=one.source,
        )
    at = [list(columns).index(name) for name in one.columns]
    place = {label: k for k, label in enumerate(one.labels)}
    found = np.array([place.get(tuple(label[k] for k in at), -1) for label in labels], dtype=np.int64)
    people = (found < 0) & (n > 0)
    if people.any():
        lost = sorted({", ".join(labels[k][a] for a in at) for k in np.flatnonzero(people)})
        raise DataError(
            f"the margin has no number for {', '.join(map(repr, lost[:5]))}{' …' if len(lost) > 5 else ''} of "
            f"{', '.join(one.columns)}, of whom there are cells.{nearest(lost[0], [', '.join(label) for label in one.labels])}",
            where=one.source,
        )
    reached = np.bincount(found[found >= 0], weights=n[found >= 0], minlength=len(one.labels))
    empty = [", ".join(one.labels[k]) for k in np.flatnonzero((reached == 0) & (one.totals > 0))]
    if empty:
        raise DataError(
            f"there are no cells of {', '.join(map(repr, empty[:5]))}{' …' if len(empty) > 5 else ''}, whom the margin counts.",
            where=one.source,
        )
    return np.where(found < 0, 0, found)

"""Cells of categorical predictors, products of them included, in which an outcome is the same in every row.

A model with the term ``a:b:c`` has an effect for every cell of a, b and c, whichever of their levels are the base levels: the columns of
the term and of the terms inside it span the indicator of each cell. Where all outcomes of a cell agree, the likelihood has no maximum.
The rows are counted once for each set of variables, so that 10⁵ rows take a few milliseconds a term.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gibbs.model.fixed import Columns

MOST_SETS, MOST_CELLS = 256, 1_000_000
"""Sets of variables that are looked at, and cells of one of them."""


@dataclass(frozen=True)
class Cell:
    """The rows with these levels: ``variables[i] = labels[i]``. ``first``: one of its rows; ``columns``: of X that belong to its effect."""

    variables: tuple[str, ...]
    labels: tuple[str, ...]
    rows: int
    first: int
    columns: tuple[int, ...]

    def __str__(self) -> str:
        return ", ".join(f"{variable} = {label}" for variable, label in zip(self.variables, self.labels, strict=True))

    def within(self, other: Cell) -> bool:
        """Whether all its rows are rows of ``other``."""
        return set(zip(other.variables, other.labels, strict=True)) <= set(zip(self.variables, self.labels, strict=True))


@dataclass(frozen=True)
class Pure:
    """The cells of one set of variables in which ``same`` holds in every row, and how many cells of it occur."""

    variables: tuple[str, ...]
    cells: tuple[Cell, ...]
    occurring: int


def pure(
    columns: Columns, X: np.ndarray, same: Sequence[np.ndarray], left_out: Sequence[int] = (), *, cutpoints: bool = False
) -> list[Pure]:
    """Cells whose indicator the columns of X span, and in which one of the ``same`` (each (N,) bool) holds in all rows.

    Small sets of variables first; a cell inside one that was found is not told again. ``left_out``: columns that do not count (aliased).
    cutpoints: of an ordinal model, which stand for an intercept.
    """
    parts = columns.layout()
    coded = {name: found for name in columns.variables if (found := _codes(columns, parts, X, name)) is not None}
    whole = [frozenset(term) for term in columns.terms if all(name in coded for name in term)]
    places = {name: place for place, name in enumerate(columns.variables)}
    sets = {frozenset(some) for term in whole for size in range(1, len(term) + 1) for some in itertools.combinations(sorted(term), size)}
    ordered = sorted(sets, key=lambda s: (len(s), [places[name] for name in sorted(s, key=places.__getitem__)]))
    found: list[Pure] = []
    told: list[Cell] = []
    for some in ordered[:MOST_SETS]:
        names = tuple(sorted(some, key=places.__getitem__))
        own = tuple(j for j, part in enumerate(parts) if j not in left_out and {name for name, _ in part} <= some)
        cells, occurring = _cells_of(names, coded, X, own, same, cutpoints)
        cells = [cell for cell in cells if not any(cell.within(other) for other in told)]
        if cells:
            found.append(Pure(names, tuple(cells), occurring))
            told += cells
    return found


def _codes(columns: Columns, parts: Sequence[tuple[tuple[str, int], ...]], X: np.ndarray, name: str) -> tuple[np.ndarray, list[str]] | None:
    """The level of a variable in every row, (N,), and the labels; None for a number of more than two values, and where X does not tell."""
    variable = columns.variables[name]
    if not variable.is_category:
        place = next((j for j, part in enumerate(parts) if part == ((name, 0),)), None)
        if len(variable.suffixes) != 1 or place is None:
            return None
        low, high = X[:, place].min(), X[:, place].max()
        two = low < high and bool(((X[:, place] == low) | (X[:, place] == high)).all())
        return ((X[:, place] == high).astype(np.int64), [f"{low:g}", f"{high:g}"]) if two else None
    for term, full in zip(columns.terms, columns.all_levels, strict=True):
        others = [other for other in term if other != name]
        if name not in term or not all(columns.variables[other].is_category for other in others):
            continue
        if not all(everything for other, everything in zip(term, full, strict=True) if other != name):
            continue  # rows at the base level of another variable are 0 in all columns
        codes = np.zeros(len(X), dtype=np.int64)
        for j, part in enumerate(parts):
            if {other for other, _ in part} == set(term):
                codes += dict(part)[name] * (X[:, j] != 0)
        return codes, list(variable.suffixes)
    return None


def _cells_of(
    names: tuple[str, ...],
    coded: Mapping[str, tuple[np.ndarray, list[str]]],
    X: np.ndarray,
    own: tuple[int, ...],
    same: Sequence[np.ndarray],
    cutpoints: bool,
) -> tuple[list[Cell], int]:
    """The pure cells of one set of variables whose indicators its ``own`` columns span, and the number of cells that occur."""
    sizes = [len(coded[name][1]) for name in names]
    number = int(np.prod(sizes, dtype=float))
    if number > MOST_CELLS or not own:
        return [], 0
    key = np.ravel_multi_index(tuple(coded[name][0] for name in names), sizes)
    rows = np.bincount(key, minlength=number)
    occurring = np.flatnonzero(rows)
    pure_ones = np.zeros(number, dtype=bool)
    for holds in same:
        pure_ones |= (np.bincount(key, weights=holds, minlength=number) == rows) & (rows > 0)
    candidates = np.flatnonzero(pure_ones)
    if not len(candidates) or len(occurring) < 2:
        return [], len(occurring)
    first = np.empty(number, dtype=np.int64)
    first[key[::-1]] = np.arange(len(key))[::-1]
    table = X[np.ix_(first[occurring], own)]  # the own columns are constant within a cell
    if cutpoints:
        table = np.column_stack([table, np.ones(len(table))])
    indicators = (occurring[:, None] == candidates).astype(float)
    residual = indicators - table @ np.linalg.lstsq(table, indicators, rcond=None)[0]
    spanned = np.abs(residual).max(axis=0) < 1e-8
    cells = []
    for cell in candidates[spanned]:
        levels = np.unravel_index(cell, sizes)
        labels = tuple(coded[name][1][level] for name, level in zip(names, levels, strict=True))
        cells.append(Cell(names, labels, int(rows[cell]), int(first[cell]), own))
    return cells, len(occurring)

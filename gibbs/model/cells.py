"""Cells: rows that are equal in predictors, groups and offset, which a likelihood can take together without loss."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from gibbs import mapped
from gibbs.model import families
from gibbs.model.records import Design

FEW = 50_000
"""Rows up to which cells are found without pandas, which takes longer to import than they do."""

MANY = 2_000_000
"""Rows from which on different ones are counted by 64 bits of each before any table of them is made."""


def number(design: Design) -> int:
    """How many different combinations of predictors, groups and offset the rows with an outcome have; of these and the outcome where
    outcomes do not add up, as the categories of an ordinal model; and the rows themselves where none may be taken together.
    """
    keep = slice(None) if design.missing_outcome is None else ~design.missing_outcome
    columns = [*(f.codes for f in design.factors), *design.X.T, *(z for f in design.factors for z in f.Z.T), design.offset]
    together = families.of(design).cells
    if together == families.APART:
        return len(design.y[keep])
    if together == families.EQUAL:
        columns.append(design.y)
    rows = int(np.sum(keep)) if design.missing_outcome is not None else design.y.size
    some = [column[keep] for column in columns]
    if rows > MANY:
        return different(some, rows)
    found = of_rows(some, rows, most=rows - 1)
    return rows if found is None else found[1].size


def different(columns: Sequence[np.ndarray], rows: int) -> int:
    """About how many different rows there are, never more than there are: those whose 64 bits, made of all values of a row, differ.

    Of 10⁷ rows two different ones have the same bits with a probability of 3·10⁻⁶.
    """
    on_disk = next((column for column in columns if mapped.folder_of(column)), np.zeros(0))
    bits = mapped.like(on_disk, rows, np.uint64)
    for at in mapped.blocks(rows):
        mixed = np.zeros(at.stop - at.start, dtype=np.uint64)
        for column in columns:
            mixed = _mixed(mixed ^ (column[at].astype(float) + 0.0).view(np.uint64))  # −0 is 0
        bits[at] = mixed
    bits.sort()
    return min(rows, 1) + sum(int(np.count_nonzero(bits[at] != bits[at.start - 1 : at.stop - 1])) for at in _but_first(rows))


def _mixed(bits: np.ndarray) -> np.ndarray:
    """Every bit of the result hangs on every bit (Steele, Lea and Flood 2014, as in SplitMix64)."""
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _but_first(rows: int) -> Iterator[slice]:
    for at in mapped.blocks(rows - 1):
        yield slice(at.start + 1, at.stop + 1)


def of_rows(columns: Sequence[np.ndarray], rows: int, *, most: float = math.inf) -> tuple[np.ndarray, np.ndarray] | None:
    """Rows that are equal in every one of ``columns``, each (N,), as one cell: the cell of each row (N,), and the first row of each cell.

    Cells are numbered in the order of their first rows. None where there are more than ``most``, as soon as that is seen.
    """
    if rows > MANY and different(columns, rows) > most:
        return None
    coded = _coded if rows <= FEW else _hashed
    cell, cells = np.zeros(rows, dtype=np.int64), min(rows, 1)
    for column in columns:
        codes, values = coded(column)
        if values > 1:
            cell, cells = coded(cell * values + codes)
        if max(values, cells) > most:
            return None
    if cells > most:
        return None
    first = np.zeros(cells, dtype=np.int64)
    first[cell[::-1]] = np.arange(rows - 1, -1, -1)
    return cell, first


def _coded(column: np.ndarray) -> tuple[np.ndarray, int]:
    """The code of every value, in the order in which values first stand in ``column``, and how many there are."""
    values, first, codes = np.unique(column, return_index=True, return_inverse=True)
    place = np.empty(values.size, dtype=np.int64)
    place[np.argsort(first)] = np.arange(values.size)
    return place[codes], values.size


def _hashed(column: np.ndarray) -> tuple[np.ndarray, int]:
    """``_coded``, for many rows."""
    import pandas as pd

    codes, values = pd.factorize(column)
    return codes, len(values)

"""Cells: rows that are equal in predictors, groups and offset, which a likelihood can take together without loss."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from gibbs.model import families
from gibbs.model.records import Design


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
    found = of_rows([column[keep] for column in columns], rows, most=rows - 1)
    return rows if found is None else found[1].size


def of_rows(columns: Sequence[np.ndarray], rows: int, *, most: float = math.inf) -> tuple[np.ndarray, np.ndarray] | None:
    """Rows that are equal in every one of ``columns``, each (N,), as one cell: the cell of each row (N,), and the first row of each cell.

    Cells are numbered in the order of their first rows. None where there are more than ``most``, as soon as that is seen.
    """
    import pandas as pd

    cell, cells = np.zeros(rows, dtype=np.int64), min(rows, 1)
    for column in columns:
        codes, values = pd.factorize(column)
        if len(values) > 1:
            cell, found = pd.factorize(cell * len(values) + codes)
            cells = len(found)
        if max(len(values), cells) > most:
            return None
    if cells > most:
        return None
    first = np.zeros(cells, dtype=np.int64)
    first[cell[::-1]] = np.arange(rows - 1, -1, -1)
    return cell, first

"""Cells: rows that are equal in predictors, groups and offset, which a likelihood can take together without loss."""

from __future__ import annotations

import numpy as np

from gibbs.model.records import Design


def number(design: Design) -> int:
    """How many different combinations of predictors, groups and offset the rows with an outcome have; of an ordinal model, of these and
    the outcome, whose categories do not add up as successes and counts do.
    """
    keep = slice(None) if design.missing_outcome is None else ~design.missing_outcome
    columns = [*(f.codes for f in design.factors), *design.X.T, *(z for f in design.factors for z in f.Z.T), design.offset]
    if design.family == "ordinal":
        columns.append(design.y)
    return distinct([column[keep] for column in columns])


def distinct(columns: list[np.ndarray]) -> int:
    """The number of different rows of a table given by its columns, each (N,); one where there is no column."""
    import pandas as pd

    if not columns or not len(columns[0]):
        return min(1, len(columns[0]) if columns else 1)
    rows = len(columns[0])
    cell, cells = np.zeros(rows, dtype=np.int64), 1
    for column in columns:
        codes, values = pd.factorize(column)
        if len(values) == rows:
            return rows
        if len(values) > 1:
            cell, found = pd.factorize(cell * len(values) + codes)
            cells = len(found)
            if cells == rows:
                return rows
    return cells

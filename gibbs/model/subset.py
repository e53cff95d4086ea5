"""Rows by condition: ``subset: year > 2000 & country == 'FR'``, in the grammar of ``derive``.

A row is in the subset where the condition is true; where it is missing the row is left out, as R's ``subset()`` leaves it out, and counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gibbs.errors import DataError, FormulaError, SpecError
from gibbs.model import expression, levels
from gibbs.model.syntax import Node, show

if TYPE_CHECKING:
    import pandas as pd

_FEW = 8  # values that a message lists


def read(text: str, where: str) -> Node:
    """The tree of the condition. Raises FormulaError, with a caret, for what is none, or can be neither true nor false."""
    if not text.strip():
        raise SpecError("subset is empty; write a condition, such as year > 2000.", where=where)
    try:
        return expression.read(text, "truth")
    except FormulaError as error:
        raise FormulaError(f"subset: {error.message}", where=where) from None


def rows(
    tree: Node,
    index: pd.Index,
    series: Callable[[str], pd.Series],
    number: Callable[[str], np.ndarray],
    source: str,
    missing: str,
    notes: list[str],
) -> np.ndarray:
    """(N,) bool: the rows in which the condition is true.

    series, number : a column of the table, and its numbers, by name. missing : the spec's word; under ``error`` a condition that is missing
    is one. What is found on the way is added to ``notes``.

    Raises DataError where the condition holds numbers or words, where it has no value (a division by 0), and where no row is left.
    """
    table = expression.Table(len(index), series, number)
    try:
        value = expression.truth(tree, table)
    except DataError as error:
        raise DataError(error.message, where=error.where or f"{source}, subset") from None
    where = f"{source}, subset"
    bad = expression.bad_rows(value)
    if bad.any():
        raise DataError(
            f"{show(tree)} is neither true nor false in {levels.rows_text(index[bad])}: a part of it has no value.", where=where
        )
    said = [f"subset: {note}" for note in table.notes]
    if value.missing.any():
        gone = f"{show(tree)} is missing in {levels.rows_text(index[value.missing])}"
        if missing == "error":
            raise DataError(f"{gone}, and the spec says missing: error.", where=where)
        said.append(f"subset: {gone}, which are left out.")
    keep = value.values.astype(bool) & ~value.missing
    if not keep.any():
        raise DataError(" ".join([f"no row of {len(index):,} is in it: {show(tree)}. {_values(tree, table)}", *said]).strip(), where=where)
    notes += said
    return keep


def _values(tree: Node, table: expression.Table) -> str:
    """What the columns of the condition hold, for a person who has hit none of it."""
    said = []
    for name in dict.fromkeys(expression.columns(tree)):
        values = table.series(name).dropna()
        if not len(values):
            said.append(f"{name} has no value at all")
        elif levels.is_number(values) and not levels.is_boolean(values):
            numbers = table.number(name)
            said.append(f"{name} is from {np.nanmin(numbers):.6g} to {np.nanmax(numbers):.6g}")
        else:
            there = levels.in_order({levels.label(value) for value in values.unique()})
            said.append(f"{name} holds {', '.join(there[:_FEW])}{' …' if len(there) > _FEW else ''}")
    return f"{'; '.join(said)}." if said else ""

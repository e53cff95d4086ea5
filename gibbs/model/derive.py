"""Columns made from columns: ``derive: {decades: (age - 45) / 10, young: age < 30, area: if(region == "Lima", "capital", "rest")}``.

What may stand in an expression is that of :mod:`gibbs.model.expression`; nothing is evaluated by Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gibbs.errors import DataError, FormulaError
from gibbs.model import expression, syntax
from gibbs.model.syntax import Node

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

FUNCTIONS = expression.FUNCTIONS


def read(new: str, text: str, where: str) -> Node:
    """The tree of one expression. Raises FormulaError, with a caret, for anything else."""
    try:
        return expression.read(text)
    except FormulaError as error:
        raise FormulaError(f"derive: {new}: {error.message}", where=where) from None


def needs(tree: Node) -> list[str]:
    """The columns that the expression is made from, each once."""
    return list(dict.fromkeys(expression.columns(tree)))


def compared_with_words(tree: Node) -> set[str]:
    """The columns that stand beside a word in quotes, as ``code`` in ``code == "01"``: to be read as they are written."""
    return set(expression.compared_with_words(tree))


def compute(
    new: str,
    tree: Node,
    index: pd.Index,
    series: Callable[[str], pd.Series],
    number: Callable[[str], np.ndarray],
    source: str,
    notes: list[str],
) -> pd.Series:
    """The new column (N,): missing where what it is made from is missing.

    series, number : a column of the table, and its numbers, by name; ``number`` raises DataError where it holds words. What is found on
    the way is added to ``notes``. Raises DataError, with rows, where there is no finite answer: a division by 0, the log of 0.
    """
    table = expression.Table(len(index), series, number)
    try:
        value = expression.evaluate(tree, table)
    except DataError as error:
        raise DataError(error.message, where=error.where or f"{source}, column '{new}'") from None
    notes += [f"derive: {new}: {note}" for note in table.notes]
    bad = expression.bad_rows(value)
    if bad.any():
        count = int(bad.sum())
        rows = ", ".join(str(r) for r in index[bad][:5]) + (" …" if count > 5 else "")
        place = f"row{'s' if count > 1 else ''} {rows}" + (f" ({count:,} in all)" if count > 5 else "")
        raise DataError(f"{syntax.show(tree)} has no finite value in {place}.", where=f"{source}, column '{new}'")
    return expression.as_series(value, index)

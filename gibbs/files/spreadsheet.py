"""Tables for strangers' programs: CSV in which no text is a formula.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a new line, quoted or not. A text that begins so and
is no number gets an apostrophe in front, as spreadsheets mark text themselves; numbers are never touched. Where a CSV file is read
as data the apostrophe is taken off again (``csv_file``), and a text that has one already gets another: what comes back is what went out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gibbs.model.spelling import RUNS, number_of
from gibbs.printable import printable

if TYPE_CHECKING:
    import pandas as pd

_RUNS = re.compile(f"'*{RUNS}")


def cell(value: Any) -> Any:
    """A cell of text as it is written to CSV; anything else as it is."""
    if not isinstance(value, str):
        return value
    value = printable(value, lines=True)
    if _RUNS.match(value) and number_of(value) is None:
        return "'" + value
    return value


def guarded(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its text, its labels and the names of its columns as they are written to CSV."""
    import pandas as pd

    out = _each(table, cell)
    out.columns = [cell(name) for name in table.columns]
    if not isinstance(table.index, pd.MultiIndex) and not pd.api.types.is_numeric_dtype(table.index.dtype):
        out.index = pd.Index([cell(name) for name in table.index], name=cell(table.index.name))
    return out


def to_csv(table: pd.DataFrame, target: Any = None, **options: Any) -> str | None:
    """``table.to_csv`` of a table in which nothing runs."""
    return guarded(table).to_csv(target, **options)


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """The table for a terminal or a page: text and the names of columns without letters that act on it."""
    out = _each(table, lambda value: printable(value) if isinstance(value, str) else value)
    out.columns = [printable(str(name)) for name in table.columns]
    return out


def _each(table: pd.DataFrame, change: Callable[[Any], Any]) -> pd.DataFrame:
    """A copy with every cell of its columns of text changed."""
    import pandas as pd

    out = table.copy(deep=False)
    for i, dtype in enumerate(table.dtypes):
        if isinstance(dtype, (pd.StringDtype, pd.CategoricalDtype)) or pd.api.types.is_object_dtype(dtype):
            out.isetitem(i, table.iloc[:, i].astype(object).map(change, na_action="ignore"))
    return out

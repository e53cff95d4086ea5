"""Categories: labels as R writes them, in the order R sorts them, and the code of every row. Vectorised throughout.

Sorting does not depend on the machine's language settings: numbers by value; words without regard to accents and case, as R sorts
them in most locales (``apple``, ``Áncash``, ``Banana``), lower case first where only the case differs.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.model.plain import Column
from gibbs.model.spelling import number_of, spells_dates, spells_times
from gibbs.printable import printable

if TYPE_CHECKING:
    import pandas as pd

__all__ = (
    "factorise",
    "in_order",
    "is_boolean",
    "is_date",
    "is_number",
    "label",
    "number_of",
    "raw_codes",
    "recode",
    "rows_text",
    "temporal",
)


def label(value: Any) -> str:
    """One category's name: ``21801`` for 21801 and 21801.0, ``0.5``, ``TRUE``, ``2012-05-01``, the text itself.

    Letters that would act on a terminal, or turn text round, are spelt out (see ``printable``): a name goes into tables and reports.
    """
    if isinstance(value, str):
        return printable(value, lines=True)
    if isinstance(value, (bool, np.bool_)):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return str(int(number)) if number.is_integer() and abs(number) < 1e15 else f"{number:.15g}"
    if hasattr(value, "isoformat"):
        return value.isoformat().removesuffix("T00:00:00")
    return printable(str(value), lines=True)


def in_order(labels: Iterable[str]) -> list[str]:
    """Labels sorted: by value where every one is a number, else as words."""
    labels = list(labels)
    values = [number_of(text) for text in labels]
    if labels and all(v is not None for v in values):
        return [text for _, text in sorted(zip(values, labels, strict=True))]  # type: ignore[type-var]
    return sorted(labels, key=_word)


def _word(text: str) -> tuple[str, str, str]:
    folded = text.casefold()
    bare = "".join(c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))
    return bare, folded, text.swapcase()


def raw_codes(series: pd.Series | Column) -> tuple[np.ndarray, list[str], bool]:
    """Codes (N,) with −1 for missing, the label of each code, and whether the labels have an order of their own (a categorical)."""
    if isinstance(series, Column):
        codes, values = series.factorize()
        return codes, [label(v) for v in values.tolist()], False
    import pandas as pd

    if isinstance(series.dtype, pd.CategoricalDtype):
        return np.asarray(series.cat.codes), [label(v) for v in series.cat.categories], True
    codes, values = pd.factorize(series, use_na_sentinel=True)
    return codes, _apart(values.tolist()), False


def _apart(values: Sequence[Any]) -> list[str]:
    """The label of each value; where two texts would be one because letters of theirs are spelt out, another backslash."""
    labels = [label(v) for v in values]
    spelt = [i for i, (text, value) in enumerate(zip(labels, values, strict=True)) if isinstance(value, str) and text != value]
    if spelt:
        taken = set(labels[i] for i in range(len(labels)) if i not in set(spelt))
        for i in spelt:
            while labels[i] in taken:
                labels[i] = "\\" + labels[i]
            taken.add(labels[i])
    return labels


def factorise(series: pd.Series) -> tuple[np.ndarray, tuple[str, ...]]:
    """The level of every row, (N,) int32 with −1 for missing, and the labels of the levels that occur, sorted.

    A pandas categorical keeps the order of its categories.
    """
    codes, labels, ordered = raw_codes(series)
    present = np.zeros(len(labels), dtype=bool)
    present[codes[codes >= 0]] = True
    seen = dict.fromkeys(text for text, here in zip(labels, present, strict=True) if here)
    final = tuple(seen) if ordered else tuple(in_order(seen))
    return recode(codes, labels, final), final


def recode(codes: np.ndarray, labels: Sequence[str], final: Sequence[str]) -> np.ndarray:
    """Codes into ``labels`` as codes into ``final``, (N,) int32; −1 where missing or not in ``final``."""
    place = {text: i for i, text in enumerate(final)}
    table = np.array([*(place.get(text, -1) for text in labels), -1], dtype=np.int32)
    return table[codes]


def _is_plain(series: pd.Series | Column) -> bool:
    """Numbers or truth values of a type of NumPy's."""
    return isinstance(series.dtype, np.dtype) and series.dtype.kind in "biuf"


def is_boolean(series: pd.Series) -> bool:
    """Truth values, whatever they are stored as."""
    if _is_plain(series):
        return series.dtype.kind == "b"
    import pandas as pd

    return pd.api.types.is_bool_dtype(series) or (series.dtype == object and pd.api.types.infer_dtype(series, skipna=True) == "boolean")


def is_number(series: pd.Series) -> bool:
    """A column of numbers: a numeric type, or an object column that holds nothing else."""
    if is_boolean(series):
        return False
    if _is_plain(series):
        return True
    import pandas as pd

    if series.dtype == object:
        return pd.api.types.infer_dtype(series, skipna=True) in ("integer", "floating", "mixed-integer-float", "decimal")
    return pd.api.types.is_numeric_dtype(series)


INSTEAD = {
    "dates": "a column of years, or of days since some day",
    "times of day": "a column of hours, or of minutes since midnight",
    "spans of time": "a column of hours, or of days",
}
"""What :func:`temporal` finds, and the numbers to make of it."""


def temporal(series: pd.Series) -> str:
    """What a column holds of INSTEAD, as such or as text that can be nothing else (``2019-09-22``, ``22 Sep 2019``, ``08:30``); or ""."""
    if _is_plain(series):
        return ""
    import pandas as pd

    if pd.api.types.is_timedelta64_dtype(series):
        return "spans of time"
    if pd.api.types.is_datetime64_any_dtype(series) or isinstance(series.dtype, pd.PeriodDtype):
        return "dates"
    if isinstance(series.dtype, (pd.CategoricalDtype, pd.IntervalDtype)):
        return ""  # someone made categories of them
    if series.dtype == object:
        kind = pd.api.types.infer_dtype(series, skipna=True)
        if kind in ("date", "datetime", "timedelta", "time", "period"):
            return {"timedelta": "spans of time", "time": "times of day"}.get(kind, "dates")
        if kind == "mixed":  # dates of several types, or dates among words
            return "dates" if any(hasattr(value, "isoformat") for value in series.dropna().unique()[:1000]) else ""
        if kind != "string":
            return ""
    elif not pd.api.types.is_string_dtype(series):
        return ""
    few = [str(value) for value in series.dropna().unique()]
    if spells_times(few[:20]) and spells_times(few):
        return "times of day"
    return "dates" if spells_dates(few[:20]) and spells_dates(few) else ""


def is_date(series: pd.Series) -> bool:
    """Whether a column holds dates, times of day or spans of time."""
    return bool(temporal(series))


def rows_text(rows: Sequence[Any] | np.ndarray) -> str:
    """``row 7``, ``rows 3, 5 and 9``, ``rows 1, 2, 3, 4, 5 and 120 more``."""
    rows = [str(r) for r in rows]
    if len(rows) == 1:
        return f"row {rows[0]}"
    if len(rows) <= 6:
        return f"rows {', '.join(rows[:-1])} and {rows[-1]}"
    return f"rows {', '.join(rows[:5])} and {len(rows) - 5} more"

"""A column as numbers, or the words for why it is none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.errors import DataError
from gibbs.model import kinds, levels, spelling

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 5  # values that a message names


def as_number(series: pd.Series, column: str, source: str) -> np.ndarray:
    """The column as numbers, (N,) float64, missing values NaN; true and false are 1 and 0, text that spells a number is that number.

    Raises DataError naming the first rows and values that are no numbers, and what is probably wrong: decimal commas, thousands
    separators, words that mean missing, dates, value labels.
    """
    where = f"{source}, column '{column}'"
    if kinds.is_truth(series.dtype) or kinds.is_number(series.dtype):
        if kinds.is_complex(series.dtype):
            raise DataError("complex numbers have no place in a model.", where=where)
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    if not kinds.is_category(series.dtype) and (kind := levels.temporal(series)):
        raise DataError(f"the column holds {kind}, and numbers are needed; make {levels.INSTEAD[kind]}.", where=where)
    if kinds.is_interval(series.dtype):
        raise DataError("the column holds intervals, and numbers are needed.", where=where)
    import pandas as pd

    plain = series.astype(object)
    codes, values = pd.factorize(plain, use_na_sentinel=True)
    numbers = np.array([*(_as_float(value) for value in values), np.nan])[codes]
    bad = np.isnan(numbers) & series.notna().to_numpy()
    if bad.any():
        values = plain[bad]
        raise DataError(
            f"numbers are needed, and {int(bad.sum()):,} values are none: {_examples(values)}.{_why(values, series)}", where=where
        )
    return numbers


def _examples(values: pd.Series) -> str:
    shown = ", ".join(f"row {row}: {str(value)[:40]!r}" for row, value in values.iloc[:_SHOWN].items())
    return shown + (" …" if len(values) > _SHOWN else "")


_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")
_THOUSANDS = re.compile(r"\s*[-+]?\d{1,3}(,\d{3})+(\.\d+)?\s*")


def _why(values: pd.Series, series: pd.Series) -> str:
    """What is probably wrong with values that are no numbers."""
    words = [str(v) for v in values.unique()[:50]]
    if spelling.spells_times(words):
        return f" They are times of day; make {levels.INSTEAD['times of day']}."
    if spelling.spells_dates(words):
        return f" They are dates; make {levels.INSTEAD['dates']}."
    if all(_THOUSANDS.fullmatch(w) for w in words):
        return " They look like numbers with commas as thousands separators; write 1234.5, without separators."
    if all(_DECIMAL_COMMA.fullmatch(w) for w in words):
        return " They look like numbers with decimal commas; write 1.5 with a point."
    if len(words) <= 3 and len(values) < len(series.dropna()):
        return f" If they mean missing, name them in the spec: na: [{', '.join(repr(w) for w in words)}]."
    if kinds.is_category(series.dtype):
        return " It is a category; if these are the value labels of a Stata or SPSS file, labels: numbers under data: gives the numbers."
    return ""


def _as_float(value: Any) -> float:
    """The number a value is or spells; NaN for dates and other objects, which would become numbers that nobody meant."""
    if isinstance(value, str):
        number = spelling.number_of(value)
        return np.nan if number is None else number
    if isinstance(value, (int, float, np.number, np.bool_)) or hasattr(value, "as_integer_ratio"):
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            return np.nan
    return np.nan

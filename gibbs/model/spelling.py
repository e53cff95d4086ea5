"""Text of a file without types, such as CSV: which columns are numbers, codes of digits, truth values or dates, and which are words.

A code of digits, ``01`` or ``007``, is a number to whoever computes with it and a word to whoever names groups by it, and a number
cannot carry its leading zeros. Such a column is kept as it is written, every value a ``Code``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


class Code(str):
    """One value of a column of a CSV file whose values all spell numbers, as it is written: ``01``."""

    __slots__ = ()


RUNS = "[=+@\t\n\uff1d\uff0b\uff0d\uff20-]"
"""The letters (some of them also in full width) with which a text begins that a spreadsheet runs, as a regular expression."""
_TRUTH = {word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")}
_PADDED = re.compile(r"[+-]?0\d")
_LONG = re.compile(r"[+-]?\d{16,}")
_LOOK = 20  # values that are looked at before all are
_ISO = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})([T ]\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?)?")
_LOCAL = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})( \d{1,2}:\d{2}(:\d{2})?( ?[AP]M)?)?", re.IGNORECASE)
_SHORT = re.compile(r"(\d\d)([-.])(\d\d)\2(\d\d)|(\d{1,2})/(\d{1,2})/(\d\d)")  # 22.09.19, 9/22/19
_MONTH = "(jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|nov(ember)?|dec(ember)?)"
_NAMED = re.compile(
    rf"((\d{{1,2}})[-. /]*{_MONTH}[-., /]*\d{{2}}(\d{{2}})?|{_MONTH}[-. ]*\d{{1,2}}(st|nd|rd|th)?,? *\d{{4}})", re.IGNORECASE
)
_MONTH_OF = re.compile(
    r"\d{4}[-/](?P<behind>\d{2})|\d{4} ?m ?(?P<marked>\d{1,2})|(?P<before>\d{1,2})[-/.]\d{4}"
    rf"|{_MONTH}[-., ]*\d{{4}}|\d{{4}}[-. ]*{_MONTH}",
    re.IGNORECASE,
)  # 2020-01, 2020m1, 01/2020, Jan 2020, 2020 January
_PART_OF = re.compile(r"\d{4}[- ]?(Q[1-4]|W\d{1,2}|[HS][12])|Q[1-4][-/ ]?\d{4}", re.IGNORECASE)
_DRESSED = re.compile(r"[-+]?[$€£]?\s?(\d+|\d{1,3}([,' \u00a0\u202f]\d{3})+)([.,]\d+)?\s?[%$€£]?")
_DAY = re.compile(r"(1[89]|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(\.0)?")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_TIME = re.compile(r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?( ?[AP]M)?| ?[AP]M)", re.IGNORECASE)


def number_of(text: str) -> float | None:
    """The number a text spells (with the digits of any script, and a minus sign of any kind), or None."""
    try:
        value = float(text.replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        return None
    return value if np.isfinite(value) and "_" not in text else None


def other_digits(text: str) -> bool:
    """Whether a text has digits other than 0–9: full-width, Arabic-Indic, …"""
    return not text.isascii() and any(letter.isdecimal() and not letter.isascii() for letter in text)


def keeps_more(text: str) -> bool:
    """Whether a text of digits says more than its number does: leading zeros, or more digits than a number holds."""
    if _PADDED.match(text):
        return True
    return bool(_LONG.fullmatch(text)) and int(float(text)) != int(text)


def typed(series: pd.Series, *, as_written: bool = False) -> pd.Series:
    """A column of text as what its values spell: numbers, codes, truth values; as it is where they are words.

    as_written : numbers stay as they are written, as codes.
    """
    import pandas as pd

    codes, words = pd.factorize(series.astype(object), use_na_sentinel=True)
    words = [str(word) for word in words]
    if not words:
        return series
    if not as_written and all(word in _TRUTH for word in words):
        return _taken([_TRUTH[word] for word in words], codes, series, object)
    values = _numbers(words)
    if values is None:
        return series
    if as_written or any(keeps_more(word) for word in words):
        return _taken([Code(word) for word in words], codes, series, object)
    whole = (codes >= 0).all() and all(value.is_integer() and abs(value) < 2**53 for value in values)
    return _taken([int(value) for value in values] if whole else values, codes, series, np.int64 if whole else np.float64)


def _numbers(words: Iterable[str]) -> list[float] | None:
    """The numbers that all words spell, or None; stops at the first that is none."""
    values = []
    for word in words:
        value = number_of(word)
        if value is None:
            return None
        values.append(value)
    return values


def _taken(values: Sequence[object], codes: np.ndarray, like: pd.Series, dtype: object) -> pd.Series:
    """The values at ``codes`` (missing at −1) as a column."""
    import pandas as pd

    table = np.empty(len(values) + 1, dtype=object)
    table[:-1] = values
    table[-1] = np.nan if dtype is np.float64 else None
    return pd.Series(table[codes], index=like.index, name=like.name, dtype=dtype)


def is_code(series: pd.Series) -> bool:
    """Whether a column holds codes of digits, as they are written."""
    if series.dtype != object:
        return False
    return isinstance(next((value for value in series.to_numpy() if isinstance(value, str)), None), Code)


def spells_dates(words: Sequence[str]) -> bool:
    """Whether every word is a date or a time: year first, or with the name of the month, or with a day above 12 among them."""
    if not words or not all(_kind(word) for word in words[:_LOOK]):
        return False
    kinds = {_kind(word) for word in words}
    if "" in kinds:
        return False
    if kinds <= {"local", "short"}:  # 03/04/2021 alone may be anything; a number above 12 says which is the day
        parts = [[int(part) for part in re.findall(r"\d+", word)[:2]] for word in words]
        first, second = (max(column) for column in zip(*parts, strict=True))
        return 12 < max(first, second) <= 31 and min(first, second) <= 12
    if kinds == {"month"} and all(_school_year(word.strip()) for word in words):
        return False
    return not kinds & {"local", "short"}


def _school_year(word: str) -> bool:
    """2010-11, 2011/12: winters, or school years."""
    return bool(re.fullmatch(r"\d{4}[-/]\d{2}", word)) and (int(word[:4]) + 1) % 100 == int(word[-2:])


def dates_among(words: Sequence[str]) -> Sequence[str]:
    """The dates in a list of words, where together these can be nothing but dates; () where they can."""
    found = [word for word in words if _kind(word)]
    return found if spells_dates(found) else ()


def spells_times(words: Sequence[str]) -> bool:
    """Whether every word is a time of day: with seconds, AM or PM, or as clocks show it, with a zero before an hour in one (``08:30``)."""
    if not words or not all(_TIME.fullmatch(word.strip()) or _CLOCK.fullmatch(word.strip()) for word in words):
        return False
    return any(_TIME.fullmatch(word.strip()) or word.strip().startswith("0") for word in words)


def spells_days(words: Sequence[str]) -> bool:
    """Whether numbers are days without separators, 20190922: every one a day of a calendar, five at least, of two months or more."""
    return len(words) >= 5 and all(_DAY.fullmatch(word) for word in words) and len({word[:6] for word in words}) > 1


def dresses_numbers(words: Sequence[str]) -> bool:
    """Whether every word is a number to a reader and some are none to a program: ``1,5``, ``1,500``, ``15 %``, ``$20``."""
    if not words or not all(_DRESSED.fullmatch(word.strip()) for word in words[:_LOOK]):
        return False
    return all(_DRESSED.fullmatch(word.strip()) for word in words) and any(number_of(word) is None for word in words)


def _kind(word: str) -> str:
    """iso, month, part (of a year), local, short (a year of two digits), named, time, or nothing."""
    word = word.strip()
    if m := _ISO.fullmatch(word):
        return "iso" if 1 <= int(m[3]) <= 12 and 1 <= int(m[4]) <= 31 else ""
    if m := _MONTH_OF.fullmatch(word):
        number = m["behind"] or m["marked"] or m["before"]
        return "month" if number is None or 1 <= int(number) <= 12 else ""
    if _PART_OF.fullmatch(word):
        return "part"
    if m := _LOCAL.fullmatch(word):
        return "local" if 1 <= int(m[1]) <= 31 and 1 <= int(m[3]) <= 31 else ""
    if m := _SHORT.fullmatch(word):
        return "short" if all(1 <= int(part) <= 31 for part in (m[1] or m[5], m[3] or m[6])) else ""
    if _NAMED.fullmatch(word):
        return "named"
    return "time" if _TIME.fullmatch(word) else ""

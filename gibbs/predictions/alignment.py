"""Columns of new rows read as those of the fit were: codes keep their zeros where they are text there, and lose them elsewhere.

What a column was can be told from its levels: one of numbers has levels that are written as numbers are (``1``, not ``01``). A column
of digits in a file without types, or of numbers in a DataFrame, is then matched with the levels by value: 1 with ``01``, where no
other level spells the same number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gibbs.model import coding, levels, spelling
from gibbs.model.encoding import Encoding

if TYPE_CHECKING:
    import pandas as pd

_TRUTH = {0.0: "false", 1.0: "true"}


def known_labels(encoding: Encoding) -> dict[str, tuple[str, ...]]:
    """Column → every level it has in the fit, as a group, a part of one, or a category of a predictor."""
    found: dict[str, dict[str, None]] = {}
    for random in encoding.factors.values():
        for name, labels in zip(random.grouping.columns, random.grouping.components, strict=True):
            found.setdefault(name, {}).update(dict.fromkeys(labels))
        if random.by:
            found.setdefault(random.by, {}).update(dict.fromkeys(random.values))
    for part in (encoding.fixed, *(part for random in encoding.factors.values() for part in random.parts)):
        for variable in part.variables.values():
            if variable.is_category:
                found.setdefault(coding.coding(variable.node).column, {}).update(dict.fromkeys(variable.suffixes))
    return {name: tuple(labels) for name, labels in found.items()}


def are_text(labels: Sequence[str]) -> bool:
    """Whether levels are of a column of text: some are not written as numbers are."""
    return any((value := spelling.number_of(text)) is None or levels.label(value) != text for text in labels)


def align(frame: pd.DataFrame, known: Mapping[str, Sequence[str]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table as it is to be shown, and as it is to be encoded.

    A column of numbers that is text in the fit is text in both; one of text that is numbers in the fit is so in the second alone.
    """
    shown, coded = frame.copy(deep=False), frame.copy(deep=False)
    for name, labels in known.items():
        if name not in frame.columns or levels.is_date(frame[name]):
            continue
        series = frame[name]
        codes, words, _ = levels.raw_codes(series)
        text = are_text(labels)
        truth = set(labels) <= {"FALSE", "TRUE"}
        if text and not truth and not _untold(series):
            continue
        matched = _matched(words, labels, pad=text)
        if matched == words:
            continue
        column = _column(codes, matched, series)
        coded[name] = column
        if text:
            shown[name] = column
    return shown, coded


_WHOLE = re.compile(r"(\d+)\.0+")


def _untold(series: pd.Series) -> bool:
    """Whether a column cannot say how its values are written: numbers, truth values, codes of a file without types."""
    import pandas as pd

    if isinstance(series.dtype, pd.CategoricalDtype):
        return pd.api.types.is_numeric_dtype(series.cat.categories.dtype)
    return levels.is_number(series) or levels.is_boolean(series) or spelling.is_code(series)


def _matched(words: Sequence[str], known: Sequence[str], *, pad: bool) -> list[str]:
    """Each word as the level that spells the same number, where there is one such level; else with the zeros that levels have."""
    there = set(known)
    by_value: dict[float | str, list[str]] = {}
    for text in known:
        value = spelling.number_of(text)
        by_value.setdefault(text.casefold() if value is None else value, []).append(text)
    width = _width(known) if pad else 0
    found = []
    for word in words:
        value = spelling.number_of(word)
        keys = [word.casefold() if value is None else value, *([_TRUTH[value]] if value in _TRUTH else [])]
        hits = [] if word in there else next((by_value[key] for key in keys if key in by_value), [])
        whole = _WHOLE.fullmatch(word)
        digits = whole[1] if whole else word  # 11111.0, as pandas writes whole numbers of a column with gaps
        padded = digits.zfill(width) if digits.isdigit() else word
        found.append(hits[0] if len(hits) == 1 else word if word in there or hits else padded)
    return found


def _width(known: Sequence[str]) -> int:
    """The digits of codes that all have as many, some of them zeros in front; else 0."""
    digits = [text for text in known if text.isdigit()]
    widths = {len(text) for text in digits}
    return widths.pop() if len(widths) == 1 and any(text.startswith("0") for text in digits) else 0


def _column(codes: np.ndarray, words: Sequence[str], like: pd.Series) -> pd.Series:
    import pandas as pd

    table = np.array([*words, None], dtype=object)
    return pd.Series(table[codes], index=like.index, name=like.name, dtype=object)

"""Value labels of Stata and SPSS columns: which columns they make categories, and which labelled codes stand among numbers.

A column in which every value that occurs has a label of its own is a category, and comes as its labels, in the order of their codes.
A column of which only some values are labelled is one of numbers: labels may name the ends of a scale (0 "cold", 100 "hot"), or codes
that are no measurement (998 "Don't know"), and the second kind is told of.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.model import kinds
from gibbs.model.spelling import number_of

if TYPE_CHECKING:
    import pandas as pd

Labels = Mapping[Any, str]
"""Value → label, of one column."""

_SHOWN = 6
_ALOOF = 1.5  # times the widest step between other values: so far away lies a code, not the end of a scale
_NO_ANSWER = re.compile(
    r"\b(don.?t\s+know|do\s+not\s+know|dk|dk/?na|refus\w*|declin\w*|no\s+(answer|response|opinion|data)|not?\s+(asked|applicable|ascertained"
    r"|available|stated|sure)|n/?a|inap\w*|missing|skip\w*|unknown|undecided|can.?t\s+(say|choose)|prefer\s+not|invalid)\b",
    re.IGNORECASE,
)


def names_no_answer(label: str) -> bool:
    """Whether a label says that there is no answer: don't know, refused, not asked, …"""
    return bool(_NO_ANSWER.search(label.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")))


def as_category(series: pd.Series, labels: Labels) -> pd.Series:
    """``series`` as a categorical of its labels, in the order of the codes, where every value that occurs has one of its own."""
    codes = sorted(series.dropna().unique())
    if not codes or not all(c in labels for c in codes) or len({labels[c] for c in codes}) < len(codes):
        return series
    place = {c: i for i, c in enumerate(codes)}
    import pandas as pd

    found = pd.Categorical.from_codes([place.get(v, -1) for v in series], [str(labels[c]) for c in codes])
    return pd.Series(found, index=series.index, name=series.name)


def codes_among_numbers(name: str, series: pd.Series, labels: Labels) -> list[str]:
    """A sentence where values of a column of numbers have labels and are not the ends or the middle of its scale, or mean no answer."""
    if not labels or kinds.is_category(series.dtype):
        return []
    values, counts = np.unique(series.dropna().to_numpy(), return_counts=True)
    marked = np.array([value in labels for value in values], dtype=bool)
    if not marked.any():
        return []
    numbers = kinds.is_number(series.dtype)
    no_answer = np.array([m and names_no_answer(labels[v]) for v, m in zip(values, marked, strict=True)], dtype=bool)
    few, suspects = not marked.all(), no_answer
    if numbers and few:  # a scale with labels at its ends, and codes; unless these would be most of its values
        codes = no_answer | _aloof(values.astype(float), marked)
        codes = codes | (marked & ~codes & ~_anchors(values.astype(float), ~codes))
        few = int(codes.sum()) <= int((~marked).sum())
        suspects = codes if few else no_answer
    if suspects.any() and (numbers or not marked.all()):
        each = _listed(values[suspects], counts[suspects], labels)
        words = ", ".join(_written(v) for v in values[suspects][:_SHOWN])
        start = f"most values of '{name}' have no label, and a few have" if few else f"'{name}' is used as it is coded, and of its values"
        what = "a number" if numbers else "a category"
        return [
            f"{start}: {each}. Each is used as {what} like the others. If they mean missing, write na: {{{name}: [{words}]}} under data."
        ]
    if numbers and not few and not marked.all():
        bare = _listed(values[~marked], counts[~marked], {})
        one = int((~marked).sum()) == 1
        return [
            f"'{name}' is used as numbers, for of its values {bare} {'has' if one else 'have'} no label; the others have: "
            f"{_listed(values[marked], counts[marked], labels)}. If {'it means' if one else 'these mean'} missing, na: under data makes a "
            "category of the rest."
        ]
    return []


def _aloof(values: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """The labelled values that lie further from all others than those from each other."""
    plain = values[~marked]
    if len(plain) < 2:
        return np.zeros(len(values), dtype=bool)
    return marked & (_nearest(values, plain) > _ALOOF * float(np.diff(plain).max()))


def _nearest(values: np.ndarray, plain: np.ndarray) -> np.ndarray:
    """The distance of each value to the nearest of ``plain``, which is sorted."""
    at = np.clip(np.searchsorted(plain, values), 1, len(plain) - 1)
    return np.minimum(np.abs(values - plain[at - 1]), np.abs(values - plain[at]))


def _anchors(values: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Which values are 0, or the ends or the middle of a scale: the places that labels are put to."""
    low, high = float(values[scale].min()), float(values[scale].max())
    return np.isin(values, (low, high, 0.5 * (low + high), 0.0))


def _written(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _listed(values: np.ndarray, counts: np.ndarray, labels: Labels) -> str:
    """``998 "Don't know" (57 rows), …``"""
    named = [f'{_written(v)} "{labels[v]}"' if v in labels else _written(v) for v in values]
    each = [f"{text} ({_rows(int(n))})" for text, n in zip(named, counts, strict=True)]
    return ", ".join(each[:_SHOWN]) + (f" and {len(each) - _SHOWN} more" if len(each) > _SHOWN else "")


def _rows(count: int) -> str:
    return f"{count:,} row{'s' if count != 1 else ''}"


def no_answer_among(name: str, codes: np.ndarray, categories: tuple[str, ...]) -> tuple[str, ...]:
    """A sentence where the last (or first) categories of an ordinal outcome look like answers that were not given.

    By their words ("Don't know"), or as numbers after a gap: 1 … 5, 8, 9; 0 … 10, 88, 99; −9, 1 … 5.
    """
    found = [i for i, text in enumerate(categories) if names_no_answer(text)]
    if not found:
        found = _beyond_a_gap([number_of(text) for text in categories])
    if not found:
        return ()
    counts = np.bincount(codes[codes >= 0].astype(int), minlength=len(categories))
    each = ", ".join(f"'{categories[i]}' ({_rows(int(counts[i]))})" for i in found)
    one = len(found) == 1
    return (
        f"{each} {'looks' if one else 'look'} like {'an answer that was' if one else 'answers that were'} not given, and "
        f"{'is a category' if one else 'are categories'} of the ordinal outcome {name} in the order of the others. If missing is "
        f"meant, write na: {{{name}: [{', '.join(categories[i] for i in found)}]}} under data; "
        "else list them all, categories: [lowest, …, highest].",
    )


def _beyond_a_gap(values: list[float | None]) -> list[int]:
    """The places of codes at the end of a scale of whole numbers, or of negative ones at its start, behind a gap wider than its steps."""
    if len(values) < 3 or any(value is None or not float(value).is_integer() for value in values):
        return []
    x = np.array(values, dtype=float)
    steps = np.diff(x)
    for tail in (1, 2, 3, 4):
        if len(x) - tail >= 2 and all(_is_code(v) for v in x[-tail:]) and steps[-tail] > steps[:-tail].max():
            return list(range(len(x) - tail, len(x)))
    for lead in (1, 2, 3, 4):
        if len(x) - lead >= 2 and (x[:lead] < 0).all() and x[lead] >= 0 and steps[lead - 1] > steps[lead:].max():
            return list(range(lead))
    return []


def _is_code(value: float) -> bool:
    """7, 8, 9; 66, 77, 88, 99, 96 … 98; 666 … 999, 996 … 998; and so on."""
    text = f"{value:.0f}"
    return set(text) <= set("6789") and (len(text) == 1 or text[:-1] in ("9" * (len(text) - 1), text[-1] * (len(text) - 1))) and text != "6"

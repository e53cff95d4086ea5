"""The user's words for missing: in every column or in one, matched with values and with the labels of values; what occurs nowhere is named.

In a spec::

    na: [-99, refused]                 # in every column
    na: {therm: [998, 999]}            # in one
    na:
      "*": [-99]                       # in every column, beside others
      therm: [998, Don't know]
      keep: [NA]                       # a default word that is a value where the column is text: Namibia
    na: {keep: {country: [NA]}}        # the same of one column; also country: {keep: [NA]}

A word that spells a number matches that number, however it is written. The default words (``csv_file.MISSING_WORDS``) are of CSV files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gibbs.errors import nearest
from gibbs.model import kinds, spelling
from gibbs.model.csv_file import MISSING_WORDS
from gibbs.model.labelled import Labels
from gibbs.model.records import DataSource

if TYPE_CHECKING:
    import pandas as pd

EVERY = "*"
_SHOWN = 3
_MANY = 2_000  # values of a column among which the nearest is looked for


def of_column(options: DataSource, *names: str) -> tuple[str, ...]:
    """The words that mean missing in a column, by any of its names (before and after renaming)."""
    found = [*options.na, *(word for name in dict.fromkeys(names) for word in options.na_by.get(name, ()))]
    return tuple(dict.fromkeys(found))


def kept(options: DataSource, *names: str) -> tuple[str, ...]:
    """The default words that are values in a column."""
    return tuple(word for name in dict.fromkeys((EVERY, *names)) for word in options.na_keep.get(name, ()))


def kept_in_text_only(options: DataSource, *names: str) -> tuple[str, ...]:
    """The words that were asked to be values in every column: in one of numbers they go on meaning missing."""
    return () if any(name in options.na_keep for name in names) else options.na_keep.get(EVERY, ())


def drop_among_numbers(series: pd.Series, words: Sequence[str]) -> tuple[pd.Series, bool]:
    """The column with ``words`` missing where all its other values spell numbers, and whether any was there."""
    import pandas as pd

    values = [value for value in pd.unique(series.dropna()) if isinstance(value, str)]
    others = [value for value in values if value not in words]
    if len(others) == len(values) or not others or any(spelling.number_of(value) is None for value in others):
        return series, False
    return series.where(~series.isin(words)), True


def mark(series: pd.Series, words: Sequence[str], labels: Labels) -> tuple[pd.Series, set[str]]:
    """The column with the words' values missing, and the words that were found. ``labels``: of its values, where they have any."""
    if not words or kinds.is_truth(series.dtype):
        return series, set()
    of_word = {word: _values(word, labels) for word in words}
    if kinds.is_number(series.dtype):
        there = set(series[series.isin({v for meant in of_word.values() for v in meant if not isinstance(v, str)})].unique().tolist())
        return (series.where(~series.isin(there)) if there else series), {word for word, meant in of_word.items() if meant & there}
    import pandas as pd

    codes, values = pd.factorize(series, use_na_sentinel=True)
    places: dict[object, set[str]] = {}
    for word, meant in of_word.items():
        for value in meant:
            places.setdefault(value, set()).add(word)
    gone = np.zeros(len(values) + 1, dtype=bool)
    found: set[str] = set()
    for i, value in enumerate(values):
        hit = places.get(value, set()) | _by_number(value, places)
        if hit:
            gone[i] = True
            found |= hit
    return (series.where(~gone[codes]) if found else series), found


def _values(word: str, labels: Labels) -> set[object]:
    """What a word may be in the column: itself, the number it spells, the values it labels."""
    number = spelling.number_of(word)
    return {word, *([] if number is None else [number]), *(value for value, label in labels.items() if same(label, word))}


def _by_number(value: object, places: Mapping[object, set[str]]) -> set[str]:
    """Text that spells a number is that number; other values have been looked up already."""
    if not isinstance(value, str):
        return set()
    number = spelling.number_of(value)
    return set() if number is None else places.get(number, set())


def same(label: str, word: str) -> bool:
    """Whether a label of a value is the word: the letters' case, blanks and the kind of apostrophe do not count."""
    return _folded(label) == _folded(word)


def _folded(text: str) -> str:
    return " ".join(text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").casefold().split())


def never_met(
    options: DataSource, read: Mapping[str, tuple[set[str], str]], frame: pd.DataFrame, labels: Mapping[str, Labels]
) -> list[str]:
    """A sentence for the words of ``na`` that occur nowhere, each with what is nearest to it.

    read : column → the words found in it, and its other name where it was renamed. frame, labels : as the columns were read.
    """
    if not read:
        return []
    met = set().union(*(words for words, _ in read.values()))
    idle = [(word, list(read)) for word in options.na if word not in met and word not in MISSING_WORDS]
    for name, words in options.na_by.items():
        columns = [column for column, (_, other) in read.items() if name in (column, other)]
        for column in columns:
            idle += [(word, columns) for word in words if word not in read[column][0] and word not in MISSING_WORDS]
    idle = [(word, columns) for word, columns in idle if not any(_labelled(word, labels.get(name, {})) for name in columns)]
    if not idle:
        return []
    each, hints = [], []
    for word, columns in idle[:_SHOWN]:
        each.append(f"'{word}'" + (f" in column '{columns[0]}'" if len(columns) == 1 and len(read) > 1 else ""))
        hints.append(nearest(word, _written(columns, frame, labels)).replace("?", f" for '{word}'?" if len(idle) > 1 else "?"))
    more = f" and {len(idle) - _SHOWN} more" if len(idle) > _SHOWN else ""
    no = "which is no value and no label" if len(idle) == 1 else "which are no values and no labels"
    return [f"na names {', '.join(each)}{more}, {no} of the columns used: nothing was taken for missing.{''.join(hints)}"]


def no_column(options: DataSource, names: Iterable[str]) -> list[str]:
    """A sentence for columns that ``na`` names and the data do not have."""
    names = list(names)
    absent = [name for name in (*options.na_by, *options.na_keep) if name != EVERY and name not in names]
    return [f"na names a column '{name}', which the data do not have.{nearest(name, names)}" for name in dict.fromkeys(absent)]


def _labelled(word: str, labels: Labels) -> bool:
    """Whether a value has the word for a label, or the word is a value that has one: the file itself may have made it missing."""
    number = spelling.number_of(word)
    return word in labels or number in labels or any(same(label, word) for label in labels.values())


def _written(columns: Iterable[str], frame: pd.DataFrame, labels: Mapping[str, Labels]) -> list[str]:
    """Labels and values of columns as a person would write them; of numbers the few, or the least and the largest."""
    import pandas as pd

    found: dict[str, None] = {}
    for name in columns:
        found |= dict.fromkeys(str(label) for label in labels.get(name, {}).values())
        values = pd.unique(frame[name].dropna())
        if len(values) > _MANY:
            values = [min(values), max(values)] if kinds.is_number(frame[name].dtype) else []
        found |= dict.fromkeys(f"{v:g}" if isinstance(v, (float, np.floating)) else str(v) for v in values)
    return list(found)

"""Tables joined to the data by a key: ``join: {file: states.csv, on: state}`` gives every row the columns of its state.

Keys are compared as levels are named; where every key of both tables spells a number, by value, so that 01 of one file is 1 of another.
A key of the data that the second table does not have leaves the second table's columns missing in its rows, and is named.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gibbs.errors import DataError, SpecError, nearest
from gibbs.model import levels, readers
from gibbs.model.records import DataSource, Join

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from gibbs.model.readers import Reader

_SHOWN = 5  # keys that a sentence names


@dataclass(frozen=True)
class Opened:
    """A second table that has been looked at: ``place``, name after renaming → position; ``offers``: the columns that it can give."""

    said: Join
    reader: Reader
    source: str
    place: Mapping[str, int]
    offers: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns of the data that are compared."""
        return tuple(self.said.on)


def open_all(
    joins: Sequence[Join], path_of: Callable[[str], Path], visible: Callable[[Reader, Join, str, str], dict[str, int]], where: str
) -> list[Opened]:
    """Every table named, opened.

    path_of : the file of a name as written. visible : the columns of a reader by their names after renaming.
    Raises DataError for a file that cannot be read or has no such key, SpecError for columns that the join asks for and are not there.
    """
    found = []
    for said in joins:
        source = said.file
        reader = readers.open_file(path_of(said.file), source, DataSource(file=said.file))
        place = visible(reader, said, source, where)
        keys = set(said.on.values())
        absent = [name for name in said.on.values() if name not in place]
        if absent:
            raise DataError(
                f"the table to be joined has no column '{absent[0]}', which join: on names.{nearest(absent[0], place)} Its columns are "
                f"{', '.join(place)}. Where the key has another name there, write on: {{name in the data: name in it}}.",
                where=source,
            )
        if unknown := next((name for name in said.columns if name not in place or name in keys), None):
            raise SpecError(
                f"join: '{source}' has no column '{unknown}' to give.{nearest(unknown, [n for n in place if n not in keys])}", where=where
            )
        offers = said.columns or tuple(name for name in place if name not in keys)
        found.append(Opened(said, reader, source, place, offers))
    return found


def origins(joins: Sequence[Opened], own: Collection[str]) -> dict[str, Opened]:
    """The columns that only a second table has, each with the first that offers it."""
    found: dict[str, Opened] = {}
    for one in joins:
        for name in one.offers:
            if name not in own:
                found.setdefault(name, one)
    return found


def refuse_twice(used: Iterable[str], joins: Sequence[Opened], own: Collection[str], source: str) -> None:
    """DataError for a column that is used and stands in more than one of the tables."""
    for name in used:
        places = [source] * (name in own) + [one.source for one in joins if name in one.offers]
        if len(places) > 1:
            raise DataError(
                f"the column '{name}' is both in {' and in '.join(places[:3])}: which is meant? Give one of them another name, such as "
                f"join: {{…, rename: {{{name}_there: {name}}}}}, or say which columns the join gives, columns: […].",
                where=places[-1],
            )


@dataclass
class Match:
    """Which row of the second table each row of the data meets: ``place`` (N,), −1 for none; ``absent``: those whose key is missing."""

    table: Opened
    right: pd.DataFrame  # its columns, index 0 … M−1
    place: np.ndarray
    keys: list[str]  # (N,) as they are shown
    absent: np.ndarray
    known: list[str]  # keys of the second table

    def column(self, name: str, index: pd.Index) -> pd.Series:
        """One of the second table's columns for every row of the data, missing where the key is not there."""
        found = self.right[name].reindex(self.place)
        found.index = index
        return found

    def restrict(self, keep: np.ndarray) -> None:
        """Of the rows ``keep`` (N,) alone."""
        self.place, self.absent = self.place[keep], self.absent[keep]
        self.keys = [key for key, kept in zip(self.keys, keep.tolist(), strict=True) if kept]

    def notes(self, index: pd.Index) -> list[str]:
        """Sentences on keys that met nothing, on either side."""
        on, file, said = " and ".join(self.table.keys), self.table.source, []
        if self.absent.any():
            said.append(f"join: {on} is missing in {levels.rows_text(index[self.absent])}, which have no row of {file}.")
        lost = (self.place < 0) & ~self.absent
        if lost.any():
            counts: dict[str, int] = {}
            for k in np.flatnonzero(lost):
                counts[self.keys[k]] = counts.get(self.keys[k], 0) + 1
            shown = [
                f"'{key}' ({n:,} row{'s' if n != 1 else ''}){nearest(key, self.known).replace(' Did', ', did')}"
                for key, n in list(counts.items())[:_SHOWN]
            ]
            more = f", and {len(counts) - _SHOWN:,} more" if len(counts) > _SHOWN else ""
            said.append(
                f"join: {file} has no row for {_count(len(counts), 'value')} of {on}: {', '.join(shown)}{more}. Its columns are missing in "
                f"{levels.rows_text(index[lost])}."
            )
        met = np.zeros(len(self.known), dtype=bool)
        met[self.place[self.place >= 0]] = True
        if not met.all():
            idle = [key for key, used in zip(self.known, met.tolist(), strict=True) if not used]
            more = f", and {len(idle) - _SHOWN:,} more" if len(idle) > _SHOWN else ""
            said.append(f"join: no row of the data used has {on} {', '.join(map(repr, idle[:_SHOWN]))}{more} of {file}.")
        return said


def match(table: Opened, left: Sequence[pd.Series], right: pd.DataFrame, source: str) -> Match:
    """The rows that go together. Raises DataError where the second table has a key twice, and where no key at all is met."""
    theirs = [right[name] for name in table.said.on.values()]
    mine, other = np.zeros(len(left[0]), dtype=np.int64), np.zeros(len(right), dtype=np.int64)
    absent, nowhere = np.zeros(len(mine), dtype=bool), np.zeros(len(other), dtype=bool)
    for a, b in zip(left, theirs, strict=True):
        codes_a, codes_b, kinds = _codes(a, b)
        mine, other = mine * kinds + codes_a, other * kinds + codes_b
        absent |= codes_a < 0
        nowhere |= codes_b < 0
    known = _shown(theirs)
    rows_b = np.flatnonzero(~nowhere)
    order = rows_b[np.argsort(other[rows_b], kind="stable")]
    same = order[1:][other[order[1:]] == other[order[:-1]]]
    on = " and ".join(table.said.on.values())
    if same.size:
        k = int(same[0])
        twice = np.flatnonzero((other == other[k]) & ~nowhere) + 1
        raise DataError(
            f"{on} {known[k]!r} stands in {levels.rows_text(twice)}, and a table that is joined has one row a key"
            + (f" ({len(set(other[same].tolist())):,} keys stand several times)" if len(set(other[same].tolist())) > 1 else "")
            + ". Join on more columns, or make one row of them first.",
            where=table.source,
        )
    place = np.full(len(mine), -1, dtype=np.int64)
    if len(order):
        at = np.minimum(np.searchsorted(other[order], mine), len(order) - 1)
        place = np.where(other[order][at] == mine, order[at], -1)
    place[absent] = -1
    keys = _shown(left)
    if not (place >= 0).any():
        raise DataError(
            f"no row meets a row of {table.source}: {' and '.join(table.keys)} is {_few(keys)} here and {_few(known)} there.",
            where=f"{source}, join",
        )
    right = right.reset_index(drop=True)
    return Match(table, right, place, keys, absent, known)


def _codes(a: pd.Series, b: pd.Series) -> tuple[np.ndarray, np.ndarray, int]:
    """Codes of both columns in one list of values, −1 for missing, and how many values there are."""
    codes_a, labels_a, _ = levels.raw_codes(a)
    codes_b, labels_b, _ = levels.raw_codes(b)
    numbers = [[levels.number_of(text) for text in labels] for labels in (labels_a, labels_b)]
    as_text = any(value is None for values in numbers for value in values) or not (levels.is_number(a) or levels.is_number(b))
    values_a, values_b = (labels_a, labels_b) if as_text else (numbers[0], numbers[1])
    code = {value: k for k, value in enumerate(dict.fromkeys([*values_a, *values_b]))}
    of_a, of_b = (np.array([*(code[value] for value in values), -1], dtype=np.int64) for values in (values_a, values_b))
    return of_a[np.asarray(codes_a)], of_b[np.asarray(codes_b)], max(len(code), 1)


def _shown(columns: Sequence[pd.Series]) -> list[str]:
    """The key of every row in words, ``FR``, or ``FR, 2004`` of two columns."""
    parts = []
    for series in columns:
        codes, labels, _ = levels.raw_codes(series)
        words = [*labels, "missing"]
        parts.append([words[code] for code in np.asarray(codes).tolist()])
    return parts[0] if len(parts) == 1 else [", ".join(words) for words in zip(*parts, strict=True)]


def _few(keys: Sequence[str]) -> str:
    found = list(dict.fromkeys(keys))
    return ", ".join(map(repr, found[:_SHOWN])) + (" …" if len(found) > _SHOWN else "")


def _count(n: int, word: str) -> str:
    return f"{n:,} {word}{'s' if n != 1 else ''}"

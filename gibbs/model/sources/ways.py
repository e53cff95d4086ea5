"""Which way the rows of a table that is not loaded become numbers, and why: decided from the spec, and by a first pass.

moments   gaussian, the outcome a column that is used for nothing else: a group-by of all other columns
cells     every other family whose likelihood takes equal rows together: a group-by of all columns used
rows      what needs rows one by one: the columns used, in files that are mapped into memory (``gibbs.mapped``)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gibbs import mapped, memory
from gibbs.errors import DataError
from gibbs.model import csv_file, families, missing_words, spelling, structured_terms, syntax
from gibbs.model.csv_file import Asked
from gibbs.model.readers import Reader
from gibbs.model.records import Spec, Way
from gibbs.model.sources import cells, database, rows, server

if TYPE_CHECKING:
    import pandas as pd

SHARE = 0.7
"""Equal rows are taken together where there are at most this many cells a row; so are they in memory (``pack.CELL_SHARE``)."""
BYTES_A_CELL = 400
"""Of a cell with a few columns, through all stages."""
BYTES_A_VALUE = 32
"""On the disk, of a value of a row that is worked on by itself: as it is read, in the model, and as the sampler has it."""
PART = 4
"""Cells may take one part in so many of the memory."""


@dataclass
class Far:
    """A table that is not loaded. ``read`` is what a Reader calls; what it found besides is then in ``counts`` and ``way``."""

    opened: database.Opened | server.OpenedTable
    spec: Spec
    place: Mapping[str, int]  # name after renaming → position
    outcome: str | None  # whose moments are all that is needed
    counts: np.ndarray | None = None
    way: Way | None = None

    def reader(self) -> Reader:
        """The table as a Reader, whose rows are cells, points or rows."""
        opened = self.opened
        read = self.read if opened.text else lambda positions: self.read(positions)
        return Reader(opened.names, read, untyped=opened.text, notes=opened.notes, numbered=True)

    def read(self, positions: Sequence[int], asked: dict[int, Asked] | None = None) -> pd.DataFrame:
        """The columns at ``positions``, of cells, of points or of rows; the index has the numbers of the rows."""
        import pandas as pd

        opened, source = self.opened, self.opened.source
        positions = list(dict.fromkeys(positions))
        why, least = by_rows(self.spec), self.spec.data.disclosure
        there = isinstance(opened, server.OpenedTable)
        if there and why:
            raise DataError(f"{why}, and rows do not leave a server: nothing but sums of them comes here.", where=source)
        if there:
            return self._from_server(list(positions))
        with database.connected(opened.place, source) as connection:
            of = None if why or self.outcome is None else self._of(self.place[self.outcome])
            keys = [i for i in positions if of is None or i != of.position]
            sizes = cells.first_pass(connection, opened, keys, of)
            if not sizes.rows:
                raise DataError("there are no rows.", where=source)
            why = why or _too_many(sizes)
            if why and least > 1:
                raise DataError(f"{why}: groups of {least} rows, which disclosure: asks for, there are not.", where=source)
            if why:
                self._rows_fit(sizes, why, len(positions))
                columns, passes = rows.columns(connection, opened, positions, sizes.rows, asked or {})
                self.way = self._by_rows(sizes, why, len(positions), 1 + passes)
                index = _numbered(sizes.rows)
            else:
                found = cells.group(connection, opened, keys, of, sizes.largest)
                self._disclosed(found.small(least), len(found.counts))
                columns, self.counts, index = dict(found.columns), found.counts, pd.Index(found.rows)
                self.way = self._way(sizes, found, of is not None)
        if opened.text and not why:
            columns = {
                i: column if of is not None and i == of.position else _spelt(column, i, asked or {}) for i, column in columns.items()
            }
        found = {str(i): pd.Series(columns[i].array, index=index, dtype=columns[i].dtype, copy=False) for i in positions}
        return pd.DataFrame(found, index=index, copy=False)  # of the types they have: codes of digits are no plain text

    def _from_server(self, positions: list[int]) -> pd.DataFrame:
        """Groups of a table of a server: nothing that was added up of fewer rows than ``disclosure`` says crosses the wire."""
        import pandas as pd

        opened, least = self.opened, self.spec.data.disclosure
        assert isinstance(opened, server.OpenedTable)
        of = None if self.outcome is None else self._of(self.place[self.outcome])
        keys = [i for i in positions if of is None or i != of.position]
        with server.connected(opened.place, opened.source) as table:
            sizes = server.first_pass(table, opened, keys, of, least)
            if not sizes.rows:
                raise DataError("there are no rows.", where=opened.source)
            self._disclosed(sizes.small, sizes.cells)
            if why := _too_many(sizes):
                raise DataError(
                    f"{why}, and rows do not leave a server: nothing but sums of groups of them comes here. {_instead(self.spec)}",
                    where=opened.source,
                )
            found = server.group(table, opened, keys, of, sizes.largest)
        self.counts, self.way = found.counts, self._way(sizes, found, of is not None)
        return pd.DataFrame({str(i): found.columns[i].array for i in positions}, index=pd.Index(found.rows))

    def _disclosed(self, small: int, groups: int) -> None:
        """DataError where a group has fewer rows than it may have."""
        if small:
            least = self.spec.data.disclosure
            raise DataError(
                f"disclosure: asks for groups of {least} rows or more, and {small:,} of {groups:,} groups of equal rows have fewer. "
                "Rounding numbers and joining categories there, before the data are given, makes them larger.",
                where=self.opened.source,
            )

    def _of(self, position: int) -> cells.Outcome | None:
        """The outcome as a column whose moments are taken; None where it holds neither numbers nor text."""
        if self.opened.types[position] == "other" or position in (self.opened.dictionaries or {}):
            return None
        words = missing_words.of_column(self.spec.data, str(self.outcome), self.opened.names[position])
        numbers = tuple(number for word in words if (number := spelling.number_of(word)) is not None)
        return cells.Outcome(position, numbers, (*words, *csv_file.MISSING_WORDS) if self.opened.text else words)

    def _rows_fit(self, sizes: cells.Sizes, why: str, columns: int) -> None:
        """DataError where the disk has no room for the columns."""
        needed, free = BYTES_A_VALUE * sizes.rows * columns, mapped.free()
        if needed > free:
            raise DataError(
                f"{why}, so that its rows are needed one by one: {columns} columns of {sizes.rows:,} rows take about "
                f"{memory.words(needed)} of the disk while they are used, and '{mapped.place()}' has {memory.words(free)} free. "
                f"TMPDIR names another folder. {_instead(self.spec)}",
                where=self.opened.source,
            )

    def _by_rows(self, sizes: cells.Sizes, why: str, columns: int, passes: int) -> Way:
        """The way by rows, in words."""
        how = (
            f"{why}: {columns} columns of {sizes.rows:,} rows lie in files that are mapped into memory, in '{mapped.place()}', and are "
            f"worked on in blocks; {passes} passes by DuckDB"
        )
        return Way("rows", how, passes, sizes.rows, sizes.rows)

    def _way(self, sizes: cells.Sizes, found: cells.Cells, moments: bool) -> Way:
        place = self.opened.place
        at = f"on the server ({place.address})"
        files = f"{len(place.files):,} files" if len(place.files) > 1 else "one file"
        into = (
            f"{len(found.counts):,} points, two for each group of equal predictors, with the number, mean and sd of its outcomes"
            if moments
            else f"{len(found.counts):,} cells of equal rows, each with how many it stands for"
        )
        if place.files:
            at = f"on disk ({files}, {memory.words(place.bytes())})"
        passes = 2 if place.files else 3 if moments else 2
        how = f"rows stay {at}: {sizes.rows:,} rows become {into}, in {passes} passes by {'DuckDB' if place.files else 'the server'}"
        return Way("moments" if moments else "cells", how, passes, sizes.rows, len(found.counts))


def _numbered(rows_: int) -> pd.Index:
    """The numbers of the rows from 1, in a file where they are many."""
    import pandas as pd

    if 8 * rows_ < mapped.LEAST:
        return pd.RangeIndex(1, rows_ + 1)
    numbers = mapped.empty((rows_,), np.int64)
    for at in mapped.blocks(rows_):
        numbers[at] = np.arange(at.start + 1, at.stop + 1)
    return pd.Index(numbers, copy=False)


def by_rows(spec: Spec) -> str:
    """Why a model needs rows one by one, as the beginning of a sentence; empty where it does not."""
    family = families.of(spec)
    if family.cells == families.APART:
        return f"family {family.name} has something of its own for every row"
    if spec.parsed.sampling is not None:
        return "sampling weights are scaled row by row"
    if spec.data.missing == "predict":
        return "missing: predict draws the outcome of every row without one"
    if spec.replication is not None:
        return "standard errors of the design need every row"
    if spec.plausible or spec.data.imputations:
        return "several versions of the data are compared row by row"
    return ""


def aggregated(spec: Spec, base: Collection[str], used: Collection[str]) -> str | None:
    """The outcome, where its moments are all that is needed: gaussian, a column by itself, used for nothing else.

    used : the columns that a subset, derived columns and keys of joins need.
    """
    read = spec.parsed
    if not families.of(spec).is_gaussian or not isinstance(read.outcome_tree, syntax.Name):
        return None
    name = read.outcome_tree.text
    others = [*read.extra_trees.values(), read.known_se_tree, read.fixed_tree, *read.offset_trees, *(term.tree for term in read.random)]
    elsewhere = {n for tree in others if tree is not None for n in syntax.names(tree)}
    elsewhere |= {n for term in read.random for n in (*term.group, *structured_terms.further_columns(term), term.by, term.pw)}
    return name if name in base and name not in elsewhere and name not in used else None


def _too_many(sizes: cells.Sizes) -> str:
    """Why rows are not taken together; empty where they are."""
    installed = memory.installed()
    if sizes.cells > SHARE * sizes.rows:
        return f"hardly any rows are equal in the columns used (about {min(sizes.cells, sizes.rows):,} different ones of {sizes.rows:,})"
    if installed is not None and BYTES_A_CELL * sizes.cells > installed / PART:
        return f"there are about {sizes.cells:,} different rows"
    return ""


def _instead(spec: Spec) -> str:
    return "Round numeric predictors (derive: …), leave columns out, or take a random part of the rows."


def _spelt(column: pd.Series, position: int, asked: dict[int, Asked]) -> pd.Series:
    """A column of a CSV file as what it spells, words for missing taken out; as ``csv_file.read`` has it."""
    how = asked.get(position, Asked())
    words = [word for word in csv_file.MISSING_WORDS if word not in how.keep]
    column = column.astype(object)
    column = column.where(column.notna() & ~column.isin(words), None)
    return csv_file.typed(column, as_written=how.text)

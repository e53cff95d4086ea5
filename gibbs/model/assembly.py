"""A table as it is put together: columns of the file, of tables joined to it, and derived ones; of all rows, then of the subset."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.errors import DataError
from gibbs.model import columns, derive, joining
from gibbs.model.numeric import as_number
from gibbs.model.records import DataSource

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.model.plain import Numbers


class Assembly:
    """own : the columns of the file (index: rows of the data). trees : of derived columns. origin : the tables of joined ones."""

    def __init__(
        self,
        own: pd.DataFrame | Numbers,
        trees: Mapping[str, Any],
        origin: Mapping[str, joining.Opened],
        text: Collection[str],
        options: DataSource,
        source: str,
        notes: list[str],
    ) -> None:
        self.own, self.trees, self.origin, self.text, self.options, self.source, self.notes = (
            own,
            trees,
            origin,
            text,
            options,
            source,
            notes,
        )
        self.index = own.index
        self.made: dict[str, pd.Series] = {}  # beside the table, which pandas would have to take apart for every column more
        self.matches: dict[int, joining.Match] = {}
        self.numbers: dict[str, np.ndarray] = {}

    def series(self, name: str) -> pd.Series:
        """A column that the file has or that was made."""
        return self.made[name] if name in self.made else self.own[name]

    def number(self, name: str) -> np.ndarray:
        """A column as numbers."""
        if name not in self.numbers:
            self.numbers[name] = as_number(self.series(name), name, self.source)
        return self.numbers[name]

    def make(self, order: Sequence[str]) -> None:
        """Make the columns in this order, but for those that are there."""
        joined = [name for name in order if name in self.origin and name not in self.made]
        for new in (name for name in order if name not in self.made):
            if new in self.origin:
                one = self.origin[new]
                made = self._match(one, [name for name in joined if self.origin[name] is one]).column(new, self.index)
            else:
                made = derive.compute(new, self.trees[new], self.index, self.series, self.number, self.source, self.notes)
            self.made[new] = columns.settled(made)

    def _match(self, one: joining.Opened, names: Sequence[str]) -> joining.Match:
        """The rows of the second table that the rows of the data meet; ``names``: the columns of it that will be asked for."""
        found = self.matches.get(id(one))
        if found is not None and set(names) <= set(found.right.columns):
            return found
        wanted = [*dict.fromkeys([*one.said.on.values(), *names])]
        options = replace(self.options, rename=one.said.rename)
        right, notes = columns.read(one.reader, wanted, one.place, options, self.text, one.source, None)
        if not len(right):
            raise DataError("there are no rows.", where=one.source)
        columns.check_values(right, one.source)
        self.notes += [note for note in notes if note not in self.notes]
        self.matches[id(one)] = found = joining.match(one, [self.series(name) for name in one.keys], right, self.source)
        return found

    def restrict(self, keep: np.ndarray) -> None:
        """To the rows ``keep`` (N,)."""
        if keep.all():
            return
        before, self.own = self.own, columns.some(self.own, keep)
        self.index = self.own.index
        import pandas as pd

        made = pd.DataFrame(self.made, index=before.index, copy=False)
        self.made = {str(name): series for name, series in columns.some(made, keep).items()} if self.made else {}
        self.numbers = {name: values[keep] for name, values in self.numbers.items()}
        for match in self.matches.values():
            match.restrict(keep)

    def frame(self, wanted: Sequence[str]) -> pd.DataFrame | Numbers:
        """The columns wanted, in this order. What the joined tables have left open is added to the notes."""
        for match in self.matches.values():
            self.notes += match.notes(self.index)
        if not self.made:
            return self.own[list(wanted)]
        return columns.together({name: self.series(name) for name in wanted}, self.index)

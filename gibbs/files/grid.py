"""A table of estimates as arrays, which is enough to write it, print it and judge it; pandas is imported where a person asks for it."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.files import spreadsheet

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Grid:
    """columns : by name, each of (R,) numbers or words. labels : of the rows (R,); () where these are told by their words alone."""

    columns: Mapping[str, np.ndarray | Sequence[str]]
    labels: tuple[str, ...] = ()
    heading: str = ""  # of the labels

    @cached_property
    def index(self) -> dict[str, int]:
        """Label → row, in their order."""
        return {label: i for i, label in enumerate(self.labels)}

    @property
    def at(self) -> Grid:
        """``grid.at["sigma", "mean"]``, as of a DataFrame."""
        return self

    def __getitem__(self, asked: str | tuple[str, str]) -> Any:
        """A column, or one cell by its label and its column."""
        if isinstance(asked, str):
            return self.columns[asked]
        label, column = asked
        return self.columns[column][self.index[label]]

    def without(self, *names: str) -> Grid:
        """All columns but these."""
        return Grid({name: values for name, values in self.columns.items() if name not in names}, self.labels, self.heading)

    def frame(self) -> pd.DataFrame:
        """The same as a DataFrame."""
        import pandas as pd

        index = pd.Index(self.labels, name=self.heading) if self.heading else None
        return pd.DataFrame({name: values for name, values in self.columns.items()}, index=index)

    def write(self, path: Path, digits: int = 8) -> None:
        """As CSV in which nothing runs (``spreadsheet``), the file that pandas would write: numbers that are missing are nothing."""
        columns = list(self.columns.values())
        columns = [self.labels, *columns] if self.heading else columns
        with open(path, "w", encoding="utf-8", newline="") as file:
            out = csv.writer(file, lineterminator=os.linesep)
            out.writerow([*map(spreadsheet.cell, [self.heading] if self.heading else []), *map(spreadsheet.cell, self.columns)])
            out.writerows(zip(*(_written(values, digits) for values in columns), strict=True))


def _written(values: np.ndarray | Sequence[str], digits: int) -> list[str]:
    if isinstance(values, np.ndarray):
        return ["" if math.isnan(value) else f"{value:.{digits}g}" for value in values.tolist()]
    return [spreadsheet.cell(value) for value in values]

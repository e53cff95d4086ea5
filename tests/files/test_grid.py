"""Estimates as arrays: the file, the cells and the DataFrame that pandas would have made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gibbs.files import spreadsheet
from gibbs.files.grid import Grid

NUMBERS = np.array([1.0, -0.0, np.nan, 1e300, 123456789.123, np.inf, 1e-12])
WORDS = ["=1+1", "a,b", 'say "no"', "", "é", "-2", "two\nlines"]


def test_a_grid_is_written_as_pandas_writes_it(tmp_path: Path) -> None:
    for grid in (
        Grid({"mean": NUMBERS, "sd": NUMBERS[::-1]}, tuple(WORDS), "parameter"),
        Grid({"group": WORDS, "level": WORDS[::-1], "mean": NUMBERS}),
    ):
        ours, theirs = tmp_path / "ours.csv", tmp_path / "theirs.csv"
        grid.write(ours)
        spreadsheet.to_csv(grid.frame(), theirs, float_format="%.8g", index=bool(grid.labels))
        assert ours.read_bytes() == theirs.read_bytes()


def test_cells_and_columns_by_name() -> None:
    grid = Grid({"mean": NUMBERS, "sd": NUMBERS}, tuple(WORDS), "parameter")
    assert grid.at["é", "mean"] == 123456789.123 == grid.frame().at["é", "mean"]
    assert list(grid.index) == WORDS and "é" in grid.index and "x" not in grid.index
    assert list(grid.without("sd").frame().columns) == ["mean"]
    pd.testing.assert_index_equal(grid.frame().index, pd.Index(WORDS, name="parameter"))

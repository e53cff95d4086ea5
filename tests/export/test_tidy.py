"""Draws as one table, in memory and in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gibbs.errors import OutputError, SpecError
from gibbs.export import tidy
from gibbs.posterior import parameters
from tests.posterior.fabricated import fit


def test_one_row_a_draw() -> None:
    made = fit()
    frame = made.to_frame()
    labels = parameters.all_names(made.arrays, made.outline)
    assert list(frame.columns) == [".chain", ".iteration", ".draw", *labels]
    assert labels[:3] == ("b_Intercept", "b_x", "sd_province__Intercept") and labels[-1] == "r_province[40107,x]"
    assert len(frame) == 2000
    row = frame.iloc[3 * 500 + 7]  # chain 4, iteration 8
    assert (row[".chain"], row[".iteration"], row[".draw"]) == (4, 8, 1508)
    assert row["b_x"] == made.arrays.beta[3, 7, 1]
    assert row["r_province[21802,x]"] == made.arrays.u[3, 7, 3]


def test_some_columns() -> None:
    frame = fit().to_frame(["r_province[*,x]", "sigma"])
    assert list(frame.columns[3:]) == ["sigma", *(f"r_province[{level},x]" for level in ("21801", "21802", "40107"))]
    with pytest.raises(SpecError, match="Did you mean 'sigma'"):
        fit().to_frame(["sigm"])


@pytest.mark.parametrize("to", ["csv", "parquet"])
def test_files_read_back(tmp_path: Path, to: str) -> None:
    made = fit()
    path = made.export(to, tmp_path / "new" / f"draws.{to}")
    back = pd.read_csv(path) if to == "csv" else pd.read_parquet(path)
    expected = made.to_frame()
    assert list(back.columns) == list(expected.columns)
    np.testing.assert_allclose(back.to_numpy(), expected.to_numpy(), rtol=0 if to == "parquet" else 1e-9, atol=0)
    with pytest.raises(OutputError, match="--force"):
        made.export(to, path)
    made.export(to, path, ["sigma"], force=True)
    assert {p.name for p in path.parent.iterdir()} == {path.name}


def test_a_file_that_fails_half_way_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(OutputError, match="No space left on device"):
        tidy.csv(fit(), tmp_path / "draws.csv")
    assert not list(tmp_path.iterdir())


def test_a_door_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="Did you mean 'jags'"):
        fit().export("jag", tmp_path / "x")
    with pytest.raises(SpecError, match="writes the whole model"):
        fit().export("stan", tmp_path / "x", ["sigma"])
    assert not list(tmp_path.iterdir())

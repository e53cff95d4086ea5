"""A fit of a table from Python is whole on disk: read back, it predicts without being given the data again, unless they may not be kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gibbs.errors import OutputError
from gibbs.model import spec as specs
from gibbs.posterior.fit import Fit, load
from gibbs.runfolder import saved_data
from tests.posterior import built

FORMULA = "y ~ x + c + (1 + x | g) + (1 | year)"


def kinds() -> pd.DataFrame:
    """A table with columns of every kind that a model takes, missing values, and an index that plays no part."""
    frame = built.table()
    frame["c"] = pd.Categorical(frame["c"], categories=["top", "low", "mid"])  # an order of its own
    frame["g"] = frame["g"].astype("string")
    frame["b"] = frame["b"].astype(bool)
    frame["n"] = frame["n"].astype("Int64")
    frame["x"] = frame["x"].astype("float32").astype("Float64")
    frame.loc[[3, 7], "x"] = pd.NA
    frame.loc[5, "g"] = pd.NA
    frame.index = [f"row {k}" for k in range(len(frame))]
    return frame


@pytest.mark.parametrize(
    ("formula", "keys"),
    [
        (FORMULA, {}),
        ("y ~ x * b + poly(n, 2) + (1 | g)", {}),
        ("grade ~ x + (1 | c)", {"family": "ordinal"}),
        ("s | trials(10) ~ c + (1 | g:year)", {"family": "binomial"}),
        ("y ~ z + (1 | g)", {"data": {"derive": {"z": "x^2 - n"}, "subset": "year < 2002"}}),
        ("w ~ x + (1 | g)", {"data": {"rename": {"w": "y"}, "na": [3]}}),
    ],
)
def test_what_is_read_back_predicts_as_the_fit_did(tmp_path: Path, formula: str, keys: dict) -> None:
    before = built.fit(formula, kinds(), **keys)
    after = load(before.save(tmp_path / "run"))
    assert (tmp_path / "run" / "data.parquet").is_file()
    pd.testing.assert_frame_equal(after.data, before.data, check_dtype=False, check_names=False)
    for name in ("X", "y", "offset", "rows"):
        np.testing.assert_array_equal(getattr(after.design, name), getattr(before.design, name))
    for f, g in zip(after.design.factors, before.design.factors, strict=True):
        assert f.levels == g.levels
        np.testing.assert_array_equal(f.codes, g.codes)
        np.testing.assert_array_equal(f.Z, g.Z)
    new = built.table(12, seed=9).assign(g="g2")
    a, b = (fit.predict(new, seed=1) for fit in (after, before))
    pd.testing.assert_frame_equal(a.summary() if hasattr(a, "summary") else a, b.summary() if hasattr(b, "summary") else b)


def test_saved_again_it_is_whole_again(tmp_path: Path) -> None:
    first = load(built.fit(FORMULA, kinds()).save(tmp_path / "one"))
    second = load(first.save(tmp_path / "two"))
    np.testing.assert_array_equal(second.design.X, built.fit(FORMULA, kinds()).design.X)


def test_data_that_may_not_be_kept_are_asked_for(tmp_path: Path) -> None:
    frame = kinds()
    folder = built.fit(FORMULA, frame, save_data=False).save(tmp_path / "run")
    assert not (folder / "data.parquet").exists() and "save_data: false" in (folder / "spec.yaml").read_text(encoding="utf-8")
    with pytest.raises(OutputError, match="was not kept: give it"):
        _ = load(folder).design
    np.testing.assert_array_equal(load(folder, frame).design.X, built.fit(FORMULA, frame).design.X)
    assert specs.load(folder / "spec.yaml").save_data is False


def test_what_is_given_goes_before_what_was_kept(tmp_path: Path) -> None:
    folder = built.fit(FORMULA, kinds()).save(tmp_path / "run")
    with pytest.raises(OutputError, match="another fingerprint"):
        _ = load(folder, kinds().assign(y=0.0)).design


def test_data_of_a_file_are_read_from_there(tmp_path: Path) -> None:
    assert not saved_data.wanted(specs.build("y ~ x", data="a.csv"))
    assert not saved_data.wanted(specs.build("y ~ x", data="lme4::sleepstudy"))
    assert saved_data.wanted(specs.build("y ~ x"))


def test_a_damaged_table_is_refused_in_words(tmp_path: Path) -> None:
    folder = built.fit(FORMULA, kinds()).save(tmp_path / "run")
    other = load(built.fit(FORMULA, kinds().assign(y=kinds()["y"] + 1.0)).save(tmp_path / "other"))
    assert isinstance(other, Fit)
    (folder / "data.parquet").write_bytes((tmp_path / "other" / "data.parquet").read_bytes())
    with pytest.raises(OutputError, match="not those it was made from"):
        _ = load(folder).design
    (folder / "data.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(OutputError, match="damaged"):
        _ = load(folder).design


def test_a_run_without_the_table_replaces_one_that_had_it(tmp_path: Path) -> None:
    built.fit(FORMULA, kinds()).save(tmp_path / "run")
    built.fit(FORMULA, kinds(), save_data=False).save(tmp_path / "run", force=True)
    assert not (tmp_path / "run" / "data.parquet").exists()

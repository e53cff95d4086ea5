"""Frames whose columns are of another type than the fit's were: codes with zeros, numbers, truth values, from files and from Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gibbs.errors import DataError
from gibbs.predictions import alignment
from tests.posterior import built


def rows(fips: list[object], rows: int = 60) -> pd.DataFrame:
    return built.table(rows).assign(fips=[fips[i % len(fips)] for i in range(rows)])


def frame(fips: list[object]) -> pd.DataFrame:
    return pd.DataFrame({"x": np.linspace(0, 1, len(fips)), "fips": fips, "N": np.arange(1, len(fips) + 1)})


TEXT = ["01", "02", "10", "PR"]


@pytest.mark.parametrize("levels", [TEXT, TEXT[:3]])
def test_codes_that_were_text_are_met_by_codes_of_any_type(levels: list[str], tmp_path: Path) -> None:
    fit = built.fit("y ~ x + (1 | fips)", rows(levels))
    cells = frame(["01", "02", "10", "01"])
    expected = fit.poststratify(cells, "N", "fips")  # text in Python: what is right
    cells.to_csv(tmp_path / "frame.csv", index=False)
    cells.to_csv(tmp_path / "frame.tsv", index=False, sep="\t")
    cells.to_parquet(tmp_path / "frame.parquet")
    numbers = pd.read_csv(tmp_path / "frame.csv")
    assert numbers["fips"].dtype == np.int64  # pandas loses the zeros
    bare = tmp_path / "bare.csv"  # so does a spreadsheet
    numbers.to_csv(bare, index=False)
    for given in (
        tmp_path / "frame.csv",
        tmp_path / "frame.tsv",
        tmp_path / "frame.parquet",
        numbers,
        numbers.astype(float),
        numbers.astype({"fips": "category"}),
        bare,
    ):
        found = fit.poststratify(given, "N", "fips")
        pd.testing.assert_frame_equal(found.table, expected.table)
        assert [area for (area,) in found.areas] == ["01", "02", "10"]
        np.testing.assert_array_equal(fit.predict(given, draws=True), fit.predict(cells, draws=True))


def test_codes_that_were_numbers_are_met_by_text(tmp_path: Path) -> None:
    fit = built.fit("y ~ x + (1 | fips)", rows([1, 2, 10]))
    cells = frame(["01", "02", "10", "01"])
    cells.to_csv(tmp_path / "frame.csv", index=False)
    expected = fit.poststratify(frame([1, 2, 10, 1]), "N", "fips")
    for given in (cells, tmp_path / "frame.csv"):
        found = fit.poststratify(given, "N", "fips")
        np.testing.assert_array_equal(found.draws, expected.draws)
        assert [area for (area,) in found.areas] == ["01", "02", "10"]  # as the frame writes them


def test_a_new_code_gets_the_zeros_that_the_others_have() -> None:
    fit = built.fit("y ~ x + (1 | fips)", rows(TEXT))
    with pytest.warns(UserWarning, match=r"fips 03: 2 people drawn as new \(66.7 % of all\)"):
        found = fit.poststratify(frame([1, 3]), "N", "fips")
    assert [area for (area,) in found.areas] == ["01", "03"]


def test_text_beside_text_is_taken_as_it_is() -> None:
    fit = built.fit("y ~ x + (1 | fips)", rows(TEXT))
    with pytest.warns(UserWarning, match="fips 1: 1 people drawn as new .* Did you mean '01' for '1'"):
        fit.poststratify(frame(["1", "02"]), "N")


def test_categories_of_predictors_are_met_too(tmp_path: Path) -> None:
    fit = built.fit("y ~ fips", rows(TEXT))
    cells = frame(TEXT)
    numbers = frame([1, 2, 10])
    np.testing.assert_array_equal(fit.predict(numbers, draws=True), fit.predict(cells.iloc[:3], draws=True)[:, [0, 1, 2]])
    with pytest.raises(DataError, match=r"'Pr' in row 1 is none of the categories .* Did you mean 'PR'"):
        fit.predict(frame(["Pr"]))
    yes = built.fit("y ~ fips", rows([True, False]))
    for given in ([True, False], [1, 0], ["true", "false"], [1.0, 0.0]):
        np.testing.assert_array_equal(yes.predict(frame(given), draws=True), yes.predict(frame([True, False]), draws=True))


def test_combined_groups_keep_their_parts(tmp_path: Path) -> None:
    fit = built.fit("y ~ x + (1 | g:fips)", rows(["01", "02"], 40))
    cells = frame(["01", "02"]).assign(g=["g1", "g2"])
    cells.to_csv(tmp_path / "frame.csv", index=False)
    assert "g1_01" in fit.outline.factors[0].levels
    np.testing.assert_array_equal(fit.predict(tmp_path / "frame.csv", draws=True), fit.predict(cells, draws=True))


def test_levels_that_spell_one_number_twice_are_not_guessed() -> None:
    assert alignment._matched(["1", "2"], ["01", "001", "2"], pad=True) == ["1", "2"]
    assert alignment._matched(["1", "3"], ["01", "10"], pad=True) == ["01", "03"]
    assert alignment._matched(["1.0", "3.0", "3.5"], ["01", "10"], pad=True) == ["01", "03", "3.5"]
    assert alignment._matched(["1.0", "3.0"], ["1", "2"], pad=False) == ["1", "3"]
    assert alignment._matched(["1.50", "x"], ["1.5"], pad=False) == ["1.5", "x"]
    assert alignment.are_text(["01"]) and alignment.are_text(["a"]) and not alignment.are_text(["1", "2.5", "-3"])


def test_zeros_stay_in_everything_that_is_written(tmp_path: Path) -> None:
    fit = built.fit("y ~ x + (1 | fips)", rows(["01", "02", "10"]))
    fit.save(tmp_path / "run")
    assert "\nfips,01,Intercept," in (tmp_path / "run" / "ranef.csv").read_text(encoding="utf-8")
    again = __import__("gibbs").load(tmp_path / "run", rows(["01", "02", "10"]))
    assert again.outline.factors[0].levels == ("01", "02", "10")
    assert list(again.ranef(summary=True)["level"]) == ["01", "02", "10"]
    from gibbs.export import tidy

    tidy.csv(fit, tmp_path / "draws.csv")
    tidy.parquet(fit, tmp_path / "draws.parquet")
    assert "r_fips[01,Intercept]" in (tmp_path / "draws.csv").read_text(encoding="utf-8").splitlines()[0]
    assert "r_fips[01,Intercept]" in pd.read_parquet(tmp_path / "draws.parquet").columns
    from gibbs.files import tablefile

    table = fit.poststratify(frame(["01", "02"]), "N", "fips").table
    tablefile.write(table, tmp_path / "areas.csv")
    tablefile.write(table, tmp_path / "areas.parquet")
    assert (tmp_path / "areas.csv").read_text(encoding="utf-8").splitlines()[1].startswith("01,")
    assert pd.read_parquet(tmp_path / "areas.parquet")["fips"].tolist() == ["01", "02", "(all)"]
    assert tablefile.text(table).splitlines()[1].split()[0] == "01"
    fit.report(tmp_path / "report.html")
    assert "01" in (tmp_path / "report.html").read_text(encoding="utf-8")

"""``gibbs effects``, ``contrasts``, ``coef`` and ``se``: what they print and write is what Python gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.cli import main
from tests.commands import runs

FORMULA = "b ~ x * z + region + (1 + x | g) + (1 | h)"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.write(tmp_path_factory.mktemp("runs"), formula=FORMULA, family="logit")


def said(words: list[object], capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    assert main([str(word) for word in words]) == code
    found = capsys.readouterr()
    return found.err if code else found.out


def test_effects_as_table_csv_and_picture(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    csv, picture = tmp_path / "e.csv", tmp_path / "e.png"
    words = ["effects", run, "x", "--by", "z", "--at", "z=-1,1", "--grid", 5, "--level", 0.8, "--csv", csv, "--picture", picture]
    text = said(words, capsys)
    assert "Average marginal effects on Pr(b = 1)" in text and "Predictions of Pr(b = 1)" in text
    fit = gibbs.load(run)
    table = pd.read_csv(csv)
    expected = fit.effects("x", "z", at={"z": [-1.0, 1.0]}, grid=5, probabilities=(0.1, 0.5, 0.9)).table
    pd.testing.assert_frame_equal(table, expected, check_dtype=False, rtol=1e-6)
    assert picture.read_bytes().startswith(b"\x89PNG") and f"Written to {picture}" in text
    assert "Choose another" in said(words, capsys, 2)


def test_effects_of_all_predictors(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    csv = tmp_path / "a.csv"
    text = said(["effects", run, "--csv", csv], capsys)
    assert list(dict.fromkeys(pd.read_csv(csv)["variable"])) == ["x", "z", "region"] and "dy/dx" in text


def test_contrasts_as_differences_and_ratios(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    csv = tmp_path / "c.csv"
    fit = gibbs.load(run)
    assert "Differences of Pr(b = 1) between the values of region" in said(["contrasts", run, "region", "--csv", csv], capsys)
    pd.testing.assert_frame_equal(pd.read_csv(csv), fit.contrasts("region").table, check_dtype=False, rtol=1e-6)
    text = said(["contrasts", run, "region", "--exp", "--force", "--csv", csv], capsys)
    assert "Odds ratios of b" in text
    np.testing.assert_allclose(pd.read_csv(csv)["mean"], fit.contrasts("region", exp=True).table["mean"], rtol=1e-6)


def test_coef_and_se(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit = gibbs.load(run)
    csv = tmp_path / "coef.csv"
    text = said(["coef", run, "g", "--csv", csv], capsys)
    assert text.startswith("g (12 levels): fixed plus random") and f"{fit.coef()['g'].iloc[0, 0]:.3f}"[:5] in text
    table = pd.read_csv(csv)
    assert list(table.columns[:4]) == ["group", "level", "term", "mean"] and len(table) == 12 * fit.coef()["g"].shape[1]
    assert "q5" in said(["coef", run, "h", "--level", 0.9], capsys)
    assert "what the level adds" in said(["coef", run, "--random"], capsys)
    text = said(["se", run, "--csv", tmp_path / "se.csv"], capsys)
    assert "Fixed effects" in text and "h: standard errors" in text
    table = pd.read_csv(tmp_path / "se.csv")
    np.testing.assert_allclose(table["se"][: len(fit.se_fixef())], fit.se_fixef(), rtol=1e-6)
    np.testing.assert_allclose(table[table["group"] == "h"]["se"], fit.se_ranef()["h"].to_numpy().ravel(), rtol=1e-6)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["effects", "RUN", "xx"], "no predictor"),
        (["effects", "RUN", "--by", "z"], "of one predictor"),
        (["effects", "RUN", "x", "--at", "z"], "NAME=VALUE"),
        (["effects", "RUN", "x", "--at", "z=high"], "z is a number"),
        (["effects", "RUN", "x", "--at", "region=nort"], "has no value"),
        (["effects", "RUN", "x", "--level", "95"], "between 0 and 1"),
        (["effects", "RUN", "x", "--picture", "e.gif"], "written as png"),
        (["effects", "RUN", "x", "--for", "everybody"], "average"),
        (["contrasts", "RUN", "region", "--against", "nowhere"], "no value 'nowhere'"),
        (["coef", "RUN", "gg"], "no grouping factor 'gg'"),
        (["plot", "RUN", "level2", "--levels", "1"], "has no option --levels"),
        (["plot", "RUN", "ranef", "--width", "5"], "two numbers"),
        (["plot", "RUN", "ranef", "--width", "5", "--height", "900"], "inches from"),
    ],
)
def test_mistakes_are_told(
    words: list[str], message: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in said([str(run) if word == "RUN" else word for word in words], capsys, 2)
    assert not list(tmp_path.iterdir())

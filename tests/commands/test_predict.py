"""``gibbs predict`` and ``gibbs poststratify`` from end to end on a run folder: tables, files, refusals, nothing half-written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gibbs import cli
from gibbs.model import data, design, spec
from gibbs.posterior.fit import Fit, load
from tests.posterior import built, fabricated

Gibbs = Callable[..., tuple[int, str, str]]
NEW = "x,b,g,N,region\n0.5,1,g1,10,north\n1.5,0,g9,20,south\n2.5,0,g2,5,south\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run ``run`` (probit), another ``ordinal``, and the files ``data.csv``, ``new.csv`` and ``known.csv``."""
    made = tmp_path_factory.mktemp("runs")
    built.table().to_csv(made / "data.csv", index=False)
    for name, family, outcome in (("run", "probit", "bin"), ("ordinal", "ordinal", "grade")):
        source = str(made / "data.csv")
        words = spec.build({"formula": f"{outcome} ~ x + (1 + b | g)", "family": family, "data": source, "sampling": {"seed": 1}})
        read = data.read(words)
        model = design.build(words, read)
        cut = {f"b_Intercept[{k}]": float(k) for k in (1, 2, 3)} if family == "ordinal" else {}
        Fit(words, model, fabricated.draws(model, kept=50, **cut), plan=fabricated.Plan(), table=read).save(made / name)
    (made / "new.csv").write_text(NEW, encoding="utf-8")
    (made / "known.csv").write_text(NEW.replace("g9", "g3"), encoding="utf-8")
    return made


@pytest.fixture
def gibbs(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Gibbs:
    """The command in a copy of that folder."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GIBBS_TRACEBACK", raising=False)

    def call(*argv: object) -> tuple[int, str, str]:
        code = cli.main([str(a) for a in argv])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_predictions_on_the_terminal(gibbs: Gibbs) -> None:
    code, out, _ = gibbs("predict", "run", "known.csv")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["row", "x", "b", "g", "mean", "sd", "q2.5", "q50", "q97.5"]
    expected = load("run").predict("known.csv")
    assert [float(line.split()[4]) for line in lines[1:]] == pytest.approx(expected["mean"].tolist(), rel=1e-3)


def test_predictions_to_a_file(gibbs: Gibbs) -> None:
    code, out, _ = gibbs("predict", "run", "new.csv", "--for", "new", "--kind", "linear", "--level", 0.8, "--out", "p.csv")
    assert code == 0 and "p.csv" in out and "3 rows" in out
    table = pd.read_csv("p.csv")
    expected = load("run").predict("new.csv", "new", kind="linear", probabilities=(0.1, 0.5, 0.9))
    np.testing.assert_allclose(table[list(expected.columns)], expected, rtol=1e-6)
    assert list(table["row"]) == [1, 2, 3] and list(table["g"]) == ["g1", "g9", "g2"]
    before = Path("p.csv").read_text()
    code, _, err = gibbs("predict", "run", "known.csv", "--out", "p.csv")
    assert code == 2 and "--force" in err and Path("p.csv").read_text() == before
    assert gibbs("predict", "run", "known.csv", "--out", "p.csv", "--force")[0] == 0
    assert Path("p.csv").read_text() != before
    assert gibbs("predict", "ordinal", "new.csv", "--for", "population", "--out", "p.parquet")[0] == 0
    table = pd.read_parquet("p.parquet")
    assert list(table["category"]) == ["1", "2", "3", "4"] * 3 and list(table["row"]) == [1] * 4 + [2] * 4 + [3] * 4
    np.testing.assert_allclose(table.groupby("row")["mean"].sum(), 1.0, rtol=1e-9)
    assert {p.name for p in Path().iterdir()} == {"data.csv", "new.csv", "known.csv", "run", "ordinal", "p.csv", "p.parquet"}


def test_a_predictor_called_row(gibbs: Gibbs) -> None:
    built.table().rename(columns={"x": "row"}).to_csv("named.csv", index=False)
    words = spec.build({"formula": "y ~ row + (1 | g)", "data": "named.csv", "sampling": {"seed": 1}})
    read = data.read(words)
    model = design.build(words, read)
    Fit(words, model, fabricated.draws(model, kept=5), plan=fabricated.Plan(), table=read).save("named")
    code, out, _ = gibbs("predict", "named", "named.csv")
    assert code == 0 and out.splitlines()[0].split()[:3] == ["row_number", "row", "g"]


def test_poststratification(gibbs: Gibbs) -> None:
    code, out, err = gibbs("poststratify", "run", "new.csv", "--weight", "N", "--by", "region")
    assert err == "warning: g g9: 20 people drawn as new (57.1 % of all); the fit has not seen this level.\n"
    assert code == 0 and [line.split()[0] for line in out.splitlines()] == ["region", "north", "south", "(all)"]
    assert gibbs("poststratify", "run", "new.csv", "--weight", "N", "--by", "region,b", "--out", "a.csv")[0] == 0
    expected = load("run").poststratify("new.csv", "N", ["region", "b"], new_levels="draw").table
    np.testing.assert_allclose(pd.read_csv("a.csv")["mean"], expected["mean"], rtol=1e-6)


def test_new_levels_of_a_prediction_are_named(gibbs: Gibbs) -> None:
    for argv in (("--for", "new"), ("--new-levels", "draw")):
        code, _, err = gibbs("predict", "run", "new.csv", *argv)
        assert code == 0 and err == "warning: g g9: 1 row drawn as new (33.3 % of all); the fit has not seen this level.\n"
    assert gibbs("predict", "run", "known.csv", "--new-levels", "error")[0::2] == (0, "")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("predict", "run", "new.csv"), "has not seen the level 'g9' in row 2"),
        (("predict", "run", "nwe.csv"), "no such file"),
        (("predict", "rum", "new.csv"), "no such folder"),
        (("predict", "run", "new.csv", "--for", "populaton"), "Did you mean 'population'"),
        (("predict", "run", "new.csv", "--kind", "mean"), "linear, expected, outcome"),
        (("predict", "run", "new.csv", "--level", 95), "between 0 and 1"),
        (("predict", "run", "new.csv", "--out", "p.xlsx"), ".csv or .parquet"),
        (("predict", "run", "new.csv", "--out", "nowhere/p.csv"), "no folder 'nowhere'"),
        (("poststratify", "run", "new.csv", "--weight", "N", "--new-levels", "error"), "new.csv: g g9: 20 people (57.1 % of all)"),
        (("poststratify", "run", "new.csv", "--weight", "N", "--new-levels", "eror"), "Did you mean 'error'"),
        (("predict", "run", "new.csv", "--for", "new", "--new-levels", "error"), "new.csv: g g9: 1 row (33.3 % of all)"),
        (("poststratify", "run", "new.csv", "--weight", "n"), "no column 'n'"),
        (("poststratify", "run", "new.csv", "--weight", "N", "--by", "regoin"), "did you mean 'region'"),
        (("poststratify", "run", "new.csv", "--weight", "N", "--for", "known"), "has not seen"),
        (("poststratify", "run", "new.csv"), "--weight"),
    ],
)
def test_mistakes_are_one_message(gibbs: Gibbs, argv: tuple, message: str) -> None:
    before = {str(p) for p in Path().rglob("*")}
    code, out, err = gibbs(*argv)
    assert code == 2 and out == "" and message in err and "Traceback" not in err
    assert {str(p) for p in Path().rglob("*")} == before


def test_a_run_whose_data_are_gone(gibbs: Gibbs) -> None:
    Path("data.csv").unlink()
    code, _, err = gibbs("predict", "run", "known.csv")
    assert code == 2 and "this needs the data of the run" in err

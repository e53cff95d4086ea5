"""``gibbs export`` from the command line."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import gibbs
from gibbs import cli
from tests.commands import runs
from tests.commands.test_summary import call


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    runs.write(tmp_path, "one")
    return tmp_path


def test_every_door(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for to, out, files in (
        ("csv", "out/draws.csv", None),
        ("parquet", "out/draws.parquet", None),
        ("coda", "out/coda", {"CODAindex.txt", "CODAchain1.txt", "CODAchain2.txt"}),
        ("jags", "out/jags", {"model.bug", "data.R", "inits1.R", "inits2.R", "names.csv", "gibbs.csv", "run.R"}),
        ("stan", "out/stan", {"model.stan", "data.json", "names.csv", "gibbs.csv", "run.py", "run.R"}),
    ):
        code, said, err = call(capsys, "export", "one", "--to", to, "--out", out)
        assert (code, err) == (0, "") and str(Path(out).resolve()) in said
        if files:
            assert {p.name for p in Path(out).iterdir()} == files
        code, _, err = call(capsys, "export", "one", "--to", to, "--out", out)
        assert code == 2 and "--force" in err
        assert call(capsys, "export", "one", "--to", to, "--out", out, "--force")[0] == 0
    assert {p.name for p in Path("out").iterdir()} == {"draws.csv", "draws.parquet", "coda", "jags", "stan"}  # nothing half-written
    table = pd.read_csv("out/jags/gibbs.csv").set_index("parameter")
    expected = gibbs.load("one").summary().drop(index="sd_g__Intercept_at_means")  # follows from the others
    assert table.loc[list(expected.index), "mean"].to_numpy() == pytest.approx(expected["mean"].to_numpy(), rel=1e-8)
    assert table.loc[list(expected.index), "mcse_mean"].to_numpy() == pytest.approx(expected["mcse_mean"].to_numpy(), rel=1e-4)


def test_some_parameters(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "export", "one", "--to", "csv", "--out", "d.csv", "--parameters", "b_x", "sd_*")[0] == 0
    assert list(pd.read_csv("d.csv").columns) == [".chain", ".iteration", ".draw", "b_x", "sd_g__Intercept", "sd_g__x"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("--to", "jgas", "--out", "x"), "Did you mean 'jags'"),
        (("--out", "x"), "--to"),
        (("--to", "csv"), "--out"),
        (("--to", "jags", "--out", "x", "--parameters", "b_x"), "writes the whole model"),
        (("--to", "csv", "--out", "x.csv", "--parameters", "b_y"), "no parameter 'b_y'"),
        (("--to", "csv", "--out", "one"), "this is a folder"),
        (("--to", "coda", "--out", "one"), "not empty"),
        (("--to", "coda", "--out", "data.csv"), "there is a file of this name"),
    ],
)
def test_mistakes(folder: Path, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], words: str) -> None:
    before = sorted(folder.rglob("*"))
    code, out, err = call(capsys, "export", "one", *argv)
    assert code == cli.WRONG and words in err and "Traceback" not in err and out == ""
    assert sorted(folder.rglob("*")) == before


def test_a_model_needs_the_data_and_draws_do_not(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "data.csv").unlink()
    assert call(capsys, "export", "one", "--to", "csv", "--out", "d.csv")[0] == 0
    code, _, err = call(capsys, "export", "one", "--to", "jags", "--out", "jags")
    assert code == 2 and "cannot be read any more" in err and not Path("jags").exists()

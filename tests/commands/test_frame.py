"""``gibbs frame`` from end to end, in this process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gibbs import cli


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("sex.csv").write_text("sex,N\nf,60\nm,40\n", encoding="utf-8")
    Path("age.csv").write_text("age,N\nyoung,30\nold,70\n", encoding="utf-8")
    Path("survey.csv").write_text("y,sex,age,w\n1,f,young,2\n0,f,old,1\n1,m,young,1\n0,m,old,3\n1,,old,1\n", encoding="utf-8")
    return tmp_path


def test_from_margins_and_from_a_sample(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["frame", "--margins", "sex.csv", "age.csv", "--out", "frame.csv"]) == 0
    assert "4 cells, 100 people, raked to 2 margins" in capsys.readouterr().out
    found = pd.read_csv("frame.csv").set_index(["sex", "age"])["N"]
    assert found["f", "young"] == pytest.approx(18.0)
    command = ["frame", "--start", "survey.csv", "--start-weight", "w", "--cells", "sex", "age", "--margins", "sex.csv", "age.csv"]
    assert cli.main([*command, "--out", "own.csv"]) == 0
    own = pd.read_csv("own.csv").set_index(["sex", "age"])["N"]
    assert own["f", "young"] * own["m", "old"] / (own["f", "old"] * own["m", "young"]) == pytest.approx(6.0, rel=1e-6)
    np.testing.assert_allclose([own["f"].sum(), own.sum()], [60, 100])


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], "made of margins"),
        (["--margins", "sx.csv"], "sex.csv"),
        (["--margins", "sex.csv", "--cells", "sex"], "--start"),
        (["--start", "survey.csv", "--cells", "sx"], "Did you mean 'sex'?"),
        (["--start", "survey.csv", "--cells", "sex", "--start-weight", "ww"], "no column 'ww'"),
        (["--margins", "sex.csv", "--weight", "n"], "no column 'n'"),
        (["--margins", "sex.csv", "--out", "frame.txt"], ".csv"),
    ],
)
def test_mistakes_are_one_message(folder: Path, argv: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["frame", *argv]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("gibbs: ") == 1 and expected in said.err

"""``gibbs summary`` from the command line."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import gibbs
from gibbs import cli
from tests.commands import runs


def call(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    code = cli.main([str(a) for a in argv])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    runs.write(tmp_path, "one")
    return tmp_path


def test_the_words_are_those_of_the_fit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit = gibbs.load("one")
    assert call(capsys, "summary", "one") == (0, repr(fit) + "\n", "")
    for argv, options in (
        (("--level", 0.9), {"level": 0.9}),
        (("--style", "lme4"), {"style": "lme4"}),
        (("--style", "display", "--digits", 3), {"style": "display", "digits": 3}),
        (("--format", "markdown", "--interval", "hdi"), {"format": "markdown", "interval": "hdi"}),
        (("--parameters", "b_*", "sigma"), {"parameters": ["b_*", "sigma"]}),
        (("--parameters", "b_*", "--parameters", "sigma", "--format", "csv"), {"parameters": ["b_*", "sigma"], "format": "csv"}),
    ):
        assert call(capsys, "summary", "one", *argv) == (0, fit.table(**options), ""), argv


def test_several_runs_and_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs.write(folder, "two", "y ~ x + z + (1 | g)")
    code, out, _ = call(capsys, "summary", "one", "two", "--below", "se")
    assert code == 0 and out.splitlines()[1].split() == ["one", "two"]
    assert call(capsys, "summary", "one", "two", "--out", "tables/t.tex", "--caption", "Two & one")[0] == 0
    text = Path("tables/t.tex").read_text(encoding="utf-8")
    assert r"\begin{tabular}{@{}lcc@{}}" in text and r"\caption{Two \& one}" in text
    code, _, err = call(capsys, "summary", "one", "--out", "tables/t.tex")
    assert code == 2 and "--force" in err and Path("tables/t.tex").read_text(encoding="utf-8") == text
    assert call(capsys, "summary", "one", "--out", "tables/t.tex", "--force")[0] == 0
    assert Path("tables/t.tex").read_text(encoding="utf-8") == gibbs.load("one").table(format="latex")
    assert call(capsys, "summary", "one", "two", "--out", "t.csv")[0] == 0
    assert set(pd.read_csv("t.csv")["model"]) == {"one", "two"}


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("summary",), "RUN"),
        (("summary", "one", "--style", "bmrs"), "Did you mean 'brms'"),
        (("summary", "one", "--format", "latx"), "Did you mean 'latex'"),
        (("summary", "one", "--level", "x"), "'x' is not a number between 0 and 1"),
        (("summary", "one", "--level", "95"), "Did you mean 0.95"),
        (("summary", "one", "--parameters", "sgma"), "Did you mean 'sigma'"),
        (("summary", "one", "nowhere"), "no such folder"),
        (("summary", "one", "--out", "."), "this is a folder"),
    ],
)
def test_mistakes(folder: Path, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], words: str) -> None:
    before = sorted(folder.rglob("*"))
    code, out, err = call(capsys, *argv)
    assert code == 2 and words in err and "Traceback" not in err and out == ""
    assert sorted(folder.rglob("*")) == before

"""``gibbs plot``: the file it writes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from gibbs import cli
from tests.posterior import fabricated


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder, ``runs/one``, below the current directory."""
    monkeypatch.chdir(tmp_path)
    return fabricated.fit().save(tmp_path / "runs" / "one")


def plot(*argv: str) -> int:
    return cli.main(["plot", *argv])


def test_the_default_file_is_named_by_run_and_kind(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert plot("runs/one", "variance") == 0
    assert Path("one-variance.png").read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out == "Written to one-variance.png\n"
    assert plot("runs/one/", "variance") == 2
    assert "there already" in capsys.readouterr().err
    assert plot("runs/one", "variance", "--force") == 0


def test_options_reach_the_picture(run: Path) -> None:
    assert (
        plot("runs/one", "ranef", "--factor", "province", "--term", "x", "--levels", "21801", "40107", "--level", "0.8", "--out", "p.svg")
        == 0
    )
    words = Path("p.svg").read_text(encoding="utf-8")
    assert "province: x" in words and "21801" in words and "21802" not in words
    assert plot("runs/one", "coefficients", "--parameters", "sd_*", "b_x", "--out", "c.svg") == 0
    assert "sd_province__Intercept" in Path("c.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("runs/one", "ranf"), "Did you mean 'ranef'? The kinds are ranef, coef, level2, effects, groups"),
        (("runs/one", "variance", "--factor", "g"), "variance has no option --factor; it has --level, --title"),
        (("runs/one", "trace", "--term", "x"), "trace has no option --term; it has --parameters"),
        (("runs/two", "variance"), "no such folder"),
        (("runs/one", "variance", "--out", "p.gif"), "png, pdf, svg"),
        (("runs/one", "ranef", "--page", "0"), "whole number of at least 1"),
        (("runs/one", "time"), "no grouping factor reads as points in time"),
        (("runs/one", "ppc"), "the data"),
    ],
)
def test_mistakes_are_one_message_and_no_file(run: Path, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], words: str) -> None:
    assert plot(*argv) == 2
    error = capsys.readouterr().err
    assert words in error and "Traceback" not in error
    assert not [p for p in Path().iterdir() if p.name != "runs"]


def test_help_lists_the_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    from gibbs import plots

    assert plot("--help") == 0
    words = capsys.readouterr().out
    assert all(kind in words for kind in plots.KINDS)

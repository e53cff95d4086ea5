"""The command line of the suite: help, lists, and errors that are one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.engines.record import R
from benchmarks.suite import machine


def test_wrong_grids_and_results_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "grid.yaml").write_text("problems: [m55]\nengines: [gibbs]\n", encoding="utf-8")
    assert main(["run", str(tmp_path / "grid.yaml")]) == 2
    assert "unknown problem 'm55'. Did you mean 'm5'?" in capsys.readouterr().err
    assert main(["table", str(tmp_path / "none.csv")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    (tmp_path / "grid.yaml").write_text("problems: [m5]\nengines: [gibbs]\n", encoding="utf-8")
    assert main(["guard", str(tmp_path / "grid.yaml")]) == 2
    assert "ratios: the grid states none" in capsys.readouterr().err


def test_list_names_problems_and_engines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "versions", lambda engine, _: ("", "x not installed") if engine.where == R else ("one 1.0", ""))
    assert main(["list"]) == 0
    said = capsys.readouterr().out
    assert "M.5" in said and "missing: x not installed" in said and "one 1.0" in said
    assert main(["setup", "--dry-run"]) == 0
    assert "MCMCglmm" in capsys.readouterr().out


def test_the_process_that_starts_engines_stays_small() -> None:
    """A child's peak of memory is never less than its parent's, so the runner must not hold numpy or pandas."""
    import subprocess
    import sys

    modules = "benchmarks.suite.run, benchmarks.suite.problems, benchmarks.suite.grid"
    code = f"import sys, {modules}; print(sorted({{'numpy', 'pandas', 'gibbs'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=machine.ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr

"""A folder that holds the same run is no error: it is said, and nothing is drawn; anything else about it still is one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gibbs.cli import main
from tests.commands import runs


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``runs/one``, the run of one.yaml, made without sampling; whoever samples after all fails."""
    from gibbs import pipeline

    def never(*words: object, **more: object) -> None:
        raise AssertionError("sampled")

    folder = runs.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline, "draw", never)
    return folder


def again(*words: str) -> int:
    return main(["run", "one.yaml", "--out", "one", *words])


def test_the_same_run_is_told_of_and_left_alone(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {file.name: (file.stat().st_mtime_ns, file.read_bytes()) for file in run.iterdir()}
    assert again() in (0, 1)  # as the draws are to be trusted or not
    out = capsys.readouterr().out
    assert "The run is in one already, unchanged" in out and "Regression Coefficients" in out
    assert again("--cores", "1") in (0, 1)  # never changes a draw
    assert again("--quiet") in (0, 1)
    assert {file.name: (file.stat().st_mtime_ns, file.read_bytes()) for file in run.iterdir()} == before


@pytest.mark.parametrize("change", ["seed", "draws", "prior", "data", "version", "stopped", "tables", "manifest"])
def test_any_difference_makes_it_another_run(change: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words: list[str] = []
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    if change in ("seed", "draws"):
        words = [f"--{change}", "77"]
    elif change == "prior":
        Path("one.yaml").write_text(Path("one.yaml").read_text(encoding="utf-8") + "priors: {b: 'normal(0, 9)'}\n", encoding="utf-8")
    elif change == "data":
        lines = Path("data.csv").read_text(encoding="utf-8").splitlines()
        first = lines[0].split(",").index("y")
        cells = lines[1].split(",")
        cells[first] = str(float(cells[first]) + 1.0)
        Path("data.csv").write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n", encoding="utf-8")
    elif change == "version":
        manifest["versions"]["gibbs"] = "0.0.1"
    elif change == "stopped":
        manifest["stopped"] = "interrupted"
    elif change == "tables":
        (run / "summary.csv").unlink()
    if change == "manifest":
        del manifest["data"]
    (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert again(*words) == 2
    assert "the folder holds a run already" in capsys.readouterr().err

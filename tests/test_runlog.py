"""The log of a run for programs: JSON, one object a line, added to the end of a file, and never in the way of the run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gibbs import runlog
from gibbs.errors import OutputError
from gibbs.sampling.progress import Progress, Worst


def test_lines_at_every_change_and_none_in_between(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    file.write_text('{"event": "an older run"}\n', encoding="utf-8")
    worst = Worst("sd_g__Intercept", float("inf"), 12.0, 500)
    with runlog.RunLog(file, spec="m.yaml") as log:
        log.update(Progress("compile", (0, 0), 1250, 0.0))
        log.update(Progress("warmup", (1, 1), 1250, 0.1, None, 500))
        log.update(Progress("warmup", (2, 2), 1250, 0.2, 4.0, 500))  # nothing new, too soon
        log.update(Progress("sampling", (1000, 1000), 1250, 3.0, 1.04, 500, worst, True))
        log.write("written", folder="runs/m", exit_code=0)
    said = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [one["event"] for one in said] == ["an older run", "begin", "compile", "warmup", "sampling", "written"]
    assert said[1]["spec"] == "m.yaml" and said[1]["time"].endswith("+00:00")
    assert said[4]["worst"] == {"name": "sd_g__Intercept", "rhat": None, "ess": 12.0, "draws": 500}
    assert (said[4]["done"], said[4]["warmup"], said[4]["total"], said[4]["left"]) == ([1000, 1000], 500, 1250, 1.0)


def test_a_run_that_fails_says_so(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), runlog.RunLog(tmp_path / "l"):
        _ = 1 / 0
    last = json.loads((tmp_path / "l").read_text(encoding="utf-8").splitlines()[-1])
    assert last["event"] == "failed" and last["error"] == "ZeroDivisionError"


def test_a_file_that_cannot_be_written_is_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="the log cannot be written"):
        runlog.RunLog(tmp_path / "nowhere" / "l")
    with pytest.raises(OutputError, match="the log cannot be written"):
        runlog.RunLog(tmp_path)


def test_a_log_that_is_closed_is_silent(tmp_path: Path) -> None:
    log = runlog.RunLog(tmp_path / "l")
    log.close()
    before = (tmp_path / "l").read_bytes()
    log.write("more")
    log.close()
    assert (tmp_path / "l").read_bytes() == before

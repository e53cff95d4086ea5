"""What the suite does with engines that work, break, refuse, run out of time, or have another posterior; and with stops."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.suite import grid, results, run

Made = Callable[..., grid.Grid]


def quiet(_: str) -> None:
    """Says nothing."""


def by_engine(path: Path) -> dict[str, dict[str, str]]:
    return {row["engine"]: row for row in results.read([path])}


def test_every_outcome_is_a_row(fakes: Made, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    run.run(fakes("good", "wrong", "short", "nonsense", "broken", "silent", "picky", "absent"), out, say=quiet)
    rows = by_engine(out)
    assert {name: row["status"] for name, row in rows.items()} == {
        "good": results.OK,
        "wrong": results.OK,
        "short": results.OK,
        "nonsense": results.OK,
        "broken": results.FAILED,
        "silent": results.FAILED,
        "picky": results.REFUSED,
        "absent": results.MISSING,
    }
    assert rows["good"]["agreement"] == "agrees" and rows["good"]["rhat_worst"]
    assert rows["wrong"]["agreement"] == "DIFFERS" and rows["wrong"]["differs_most"].startswith("b_Days, ")
    assert rows["short"]["agreement"] == "DIFFERS" and rows["short"]["differs_most"].startswith("1 parameters missing, r_Subject[")
    assert rows["nonsense"]["agreement"] == "DIFFERS"
    assert rows["broken"]["note"] == "ValueError: no such thing as a prior"
    assert rows["silent"]["note"] == "exit 3"
    assert rows["picky"]["note"] == "only on Sundays"
    assert rows["absent"]["note"] == "no-such-package not installed"


def test_a_row_holds_what_the_table_needs(fakes: Made, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    run.run(fakes("good"), out, say=quiet)
    (row,) = results.read([out])
    assert (row["kept"], row["parameters"], row["used_rows"], row["levels"]) == ("800", "42", "180", "18")
    least = min(float(row["bulk_least"]), float(row["tail_least"]))
    assert 400 < least < 900  # 800 independent draws of 42 parameters
    assert float(row["ess_per_s"]) == pytest.approx(least / 2.0, rel=1e-3)
    assert float(row["s_to_400"]) == pytest.approx(1.75 + 400 * 2.0 / least, rel=1e-3)
    assert float(row["peak_mb"]) > 5 and row["machine"] and row["versions"].startswith("numpy ")
    assert str(tmp_path) not in out.read_text() and str(Path.home()) not in out.read_text()


def test_a_job_over_its_limit_is_ended_with_its_children(fakes: Made, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    run.run(fakes("slow", limit=1.0), out, say=quiet, keep=tmp_path / "kept")
    (row,) = results.read([out])
    assert (row["status"], row["note"]) == (results.LIMIT, "ended after 1 s")
    (child,) = (tmp_path / "kept").rglob("child")
    with pytest.raises(ProcessLookupError):
        _wait_gone(int(child.read_text()))


def _wait_gone(pid: int) -> None:
    """ProcessLookupError as soon as the process is gone, for ten seconds; a zombie is gone."""
    import time

    for _ in range(200):
        os.kill(pid, 0)
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            raise ProcessLookupError
        time.sleep(0.05)


def test_engines_run_in_turn_and_what_is_done_is_not_run_again(fakes: Made, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    said: list[str] = []
    run.run(fakes("good", "wrong", seeds=(1, 2)), out, say=said.append)
    assert [(row["engine"], row["seed"]) for row in results.read([out])] == [("good", "1"), ("wrong", "1"), ("good", "2"), ("wrong", "2")]
    assert run.run(fakes("good", "wrong", seeds=(1, 2)), out, say=quiet) == []
    (new,) = run.run(fakes("good", "wrong", "picky", seeds=(1,)), out, say=quiet)
    assert new["engine"] == "picky" and len(results.read([out])) == 5


def test_a_stop_loses_nothing(fakes: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out.csv"
    carry_out: Any = run.carry_out

    def stopped(job: grid.Job, *args: Any, **keys: Any) -> dict[str, Any]:
        if job.engine == "wrong":
            raise KeyboardInterrupt
        return carry_out(job, *args, **keys)

    monkeypatch.setattr(run, "carry_out", stopped)
    with pytest.raises(KeyboardInterrupt):
        run.run(fakes("good", "wrong", "picky"), out, say=quiet)
    assert list(by_engine(out)) == ["good"]
    with out.open("a") as file:  # and a power cut in the midst of a row
        file.write("sleepstudy,0,1,wro")
    monkeypatch.setattr(run, "carry_out", carry_out)
    run.run(fakes("good", "wrong", "picky"), out, say=quiet)
    assert list(by_engine(out)) == ["good", "wrong", "picky"]


def test_a_problem_that_cannot_be_prepared_is_a_row_for_every_job(fakes: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "prepare", lambda *_: "the table is gone")
    run.run(fakes("good", "wrong"), tmp_path / "out.csv", say=quiet)
    rows = results.read([tmp_path / "out.csv"])
    assert [(row["status"], row["note"]) for row in rows] == [(results.FAILED, "not prepared: the table is gone")] * 2


def test_words_of_an_error_hold_no_places_of_the_machine() -> None:
    said = f'Traceback:\n  File "{Path.home()}/x.py"\nOSError: {Path.home()}/data is gone\n    ^^^^\n'
    assert run.last_words(said) == "OSError: …/data is gone"
    assert run.last_words("") == ""

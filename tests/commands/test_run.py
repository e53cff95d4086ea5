"""``gibbs run`` from end to end, in this process: what a run gives, and its exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gibbs import __version__, cli
from gibbs.errors import SamplingError
from tests.command import SPEC, Gibbs, files, stand_in


def test_run_end_to_end(gibbs: Gibbs) -> None:
    code, out, _ = gibbs("run", "model.yaml", "--draws", 1000)
    assert code == cli.DONE
    assert "A small model" in out and "Converged" in out and "runs/one" in out
    written = {p.name for p in Path("runs/one").iterdir()}
    assert {"spec.yaml", "manifest.json", "summary.csv", "ranef.csv", "posterior.nc"} <= written
    timings = json.loads(Path("runs/one/manifest.json").read_text(encoding="utf-8"))["timings"]
    assert {"read", "design", "compile", "warmup", "sampling", "write"} <= set(timings)
    assert all(seconds >= 0 for seconds in timings.values() if isinstance(seconds, float))


def test_resolved_spec_gives_the_same_draws(gibbs: Gibbs) -> None:
    assert gibbs("run", "model.yaml", "--quiet")[0] in (0, 1)
    assert gibbs("run", "runs/one/spec.yaml", "--out", "again", "--quiet", "--cores", 1)[0] in (0, 1)
    assert Path("again/summary.csv").read_bytes() == Path("runs/one/summary.csv").read_bytes()
    assert Path("again/ranef.csv").read_bytes() == Path("runs/one/ranef.csv").read_bytes()


def test_summary_of_a_run_is_what_the_run_printed(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    _, printed, _ = gibbs("run", "model.yaml")
    code, out, _ = gibbs("summary", "runs/one")
    assert code == 0
    assert out.strip() and out.strip() in printed


def test_flags_override_and_are_recorded(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = stand_in(monkeypatch)
    flags = ("--seed", 99, "--chains", 3, "--warmup", 70, "--draws", 80, "--cores", 1, "--scheme", "one-at-a-time", "--out", "two")
    assert gibbs("run", "model.yaml", *flags)[0] == 0
    assert not Path("runs").exists()
    (sampling,) = calls
    assert (sampling.seed, sampling.chains, sampling.warmup, sampling.draws) == (99, 3, 70, 80)
    assert (sampling.cores, sampling.scheme) == (1, "one-at-a-time")
    from gibbs.model.spec import load

    assert load("two/spec.yaml").sampling == sampling


def test_another_table_other_rows_and_any_key_from_the_command_line(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = stand_in(monkeypatch)
    Path("sub").mkdir()
    Path("sub/other.csv").write_text(Path("data.csv").read_text(encoding="utf-8"), encoding="utf-8")
    Path("data.csv").unlink()
    code, _, err = gibbs(
        "run",
        "model.yaml",
        "--data",
        "sub/other.csv",
        "--subset",
        "t == 'aa' & x > -5",
        "--set",
        "draws=70",
        "--set",
        "priors.b[x]=normal(0, 3)",
    )
    assert code == 0, err
    assert calls[0].draws == 70
    resolved = Path("runs/one/spec.yaml").read_text(encoding="utf-8")
    assert "subset: t == 'aa' & x > -5" in resolved and "b[x]: normal(0, 3)" in resolved and "sub/other.csv" in resolved
    manifest = json.loads(Path("runs/one/manifest.json").read_text(encoding="utf-8"))["data"]
    assert (manifest["rows_read"], manifest["rows_outside_subset"], manifest["rows_used"], manifest["rows_dropped"]) == (120, 80, 40, 0)
    code, out, _ = gibbs("check", "model.yaml", "--data", "sub/other.csv", "--subset", "t == 'aa'", "--set", "family=student")
    assert (
        code == 0 and "120 rows read, 80 outside the subset, 40 used, 0 dropped" in out and "subset: t == 'aa'" in out and "student" in out
    )
    code, out, _ = gibbs("summary", "runs/one")
    assert "Rows: 120 read, 80 outside the subset, 0 dropped" in out and "Subset: t == 'aa' & x > -5" in out


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--set", "famly=probit"], ("--set famly", "Did you mean 'family'?")),
        (["--set", "family=probti"], ("--set family", "Did you mean 'probit'?")),
        (["--set", "sampling.chian=3"], ("--set sampling.chian", "Did you mean 'chains'?")),
        (["--set", "nothing"], ("--set", "KEY=VALUE")),
        (["--set", "draws=1", "--set", "draws=2"], ("draws is set twice",)),
        (["--data", "dta.csv"], ("dta.csv", "data.csv")),
        (["--subset", "x > "], ("--subset", "^")),
        (["--subset", "xx > 1"], ("'xx'", "did you mean 'x'?")),
        (["--subset", "x > 100"], ("no row of 120",)),
    ],
)
def test_mistakes_in_what_goes_before_the_spec(gibbs: Gibbs, argv: list[str], expected: tuple[str, ...]) -> None:
    before = files()
    code, out, err = gibbs("run", "model.yaml", *argv)
    assert (code, out) == (cli.WRONG, "") and err.count("gibbs: ") == 1
    assert all(fragment in err for fragment in expected), err
    assert files() == before


def test_folder_without_output_is_named_by_the_spec(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    Path("model.yaml").write_text(SPEC.replace("output: runs/one\n", ""), encoding="utf-8")
    assert gibbs("run", "model.yaml")[0] == 0
    assert Path("runs/model/summary.csv").exists()


def test_quiet_prints_nothing(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    assert gibbs("run", "model.yaml", "--quiet") == (0, "", "")


def test_no_progress_where_there_is_no_terminal(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    assert gibbs("run", "model.yaml")[2] == ""


def test_chains_that_disagree_are_written_and_exit_1(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, apart=3.0)
    code, out, _ = gibbs("run", "model.yaml")
    assert code == cli.NOT_TO_BE_TRUSTED
    assert "Not converged" in out
    assert Path("runs/one/summary.csv").exists()


def test_quiet_still_says_that_it_did_not_converge(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, apart=3.0)
    code, out, err = gibbs("run", "model.yaml", "--quiet")
    assert (code, out) == (1, "")
    assert "Not converged" in err


@pytest.mark.parametrize("why", ["interrupted", "max_seconds"])
def test_stopped_short_is_written_and_exits_1(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    stand_in(monkeypatch, stopped=why)
    code, out, _ = gibbs("run", "model.yaml")
    assert code == cli.NOT_TO_BE_TRUSTED
    assert why in out
    assert Path("runs/one/posterior.nc").exists()


def test_interrupt_with_nothing_drawn_leaves_nothing(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, error=KeyboardInterrupt())
    before = files()
    code, out, err = gibbs("run", "model.yaml")
    assert (code, out) == (cli.INTERRUPTED, "")
    assert "interrupted" in err
    assert files() == before


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_ctrl_c_at_the_bar_writes_what_was_drawn(gibbs: Gibbs, tmp_path: Path) -> None:
    """A real process at a terminal, a real signal, in the middle of a long run."""
    import pty
    import select

    terminal, inside = pty.openpty()
    command = [sys.executable, "-m", "gibbs", "run", "model.yaml", "--draws", "2000000", "--chains", "1"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=inside, env=environment)
    os.close(inside)
    shown, deadline = b"", time.monotonic() + 120
    try:
        while b" sampling " not in shown and process.poll() is None and time.monotonic() < deadline:
            if select.select([terminal], [], [], 1.0)[0]:
                shown += os.read(terminal, 65536)
        assert b" sampling " in shown and b"left" in shown
        time.sleep(0.2)  # the bar is there before the first draw is
        process.send_signal(signal.SIGINT)
        rest: list[bytes] = []
        reader = threading.Thread(target=_drain, args=(terminal, rest), daemon=True)
        reader.start()
        out, _ = process.communicate(timeout=120)
        reader.join(5.0)
    finally:
        process.kill()
    if process.returncode == cli.INTERRUPTED:  # a busy machine: no time for the results, whose draws are in the checkpoint
        said = b" ".join(b"".join(rest).split())
        assert b"the run waits in its checkpoint, after" in said and b"gibbs resume" in said
        return
    assert process.returncode == cli.NOT_TO_BE_TRUSTED
    assert b"interrupted" in out
    manifest = json.loads((tmp_path / "runs/one/manifest.json").read_text(encoding="utf-8"))
    assert 0 < manifest["draws"] < 2_000_000
    assert manifest["stopped"] == "interrupted"


def _drain(terminal: int, into: list[bytes]) -> None:
    """Read a terminal to its end, so that nobody waits for it."""
    try:
        while part := os.read(terminal, 65536):
            into.append(part)
    except OSError:
        pass


def test_sampling_error_exits_1_and_leaves_nothing(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, error=SamplingError("the residual sd is not finite; rows 3 and 9.", where="chain 2, iteration 17, block sigma"))
    before = files()
    code, _, err = gibbs("run", "model.yaml")
    assert code == cli.NOT_TO_BE_TRUSTED
    assert err == "gibbs: sampling: chain 2, iteration 17, block sigma: the residual sd is not finite; rows 3 and 9.\n"
    assert files() == before


def test_fault_of_ours_is_short_and_asks_for_a_report(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, error=ZeroDivisionError("division by zero"))
    before = files()
    code, _, err = gibbs("run", "model.yaml")
    assert code == cli.FAULT
    assert "ZeroDivisionError: division by zero" in err and "report" in err and __version__ in err
    assert "Traceback (" not in err
    assert files() == before
    monkeypatch.setenv("GIBBS_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        gibbs("run", "model.yaml")


def test_out_of_memory_is_said_in_words(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, error=MemoryError())
    code, _, err = gibbs("run", "model.yaml")
    assert code == cli.NOT_TO_BE_TRUSTED
    assert "memory" in err

"""The command from end to end, in this process: exit codes, messages, and what is left behind.

The sampler itself is tested elsewhere; where a test is about the exit code and not about the draws, draws whose convergence is known
by construction (independent normals, or chains set apart) stand in for it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gibbs import __version__, cli
from gibbs.draws.names import hyper_names
from gibbs.draws.records import Draws
from gibbs.errors import SamplingError

SPEC = """\
title: A small model
data: data.csv
family: gaussian
formula: y ~ x + (1 | g)
sampling: {chains: 2, warmup: 50, draws: 100, seed: 1}
output: runs/one
"""


def table(rows: int = 120) -> list[dict[str, object]]:
    """Ten groups of twelve rows; y is a line in x plus noise, b is 0/1, t is text."""
    random = np.random.default_rng(3)
    made = []
    for i in range(rows):
        x = round(float(random.normal()), 3)
        y = round(1.0 + 0.5 * x + float(random.normal()), 3)
        made.append({"y": y, "x": x, "g": f"g{i % 10}", "b": int(random.random() < 0.4), "t": "abc"[i % 3] * 2, "one": "same", "k": 7})
    return made


def csv(rows: list[dict[str, object]]) -> str:
    return "\n".join([",".join(rows[0]), *(",".join("" if v is None else str(v) for v in row.values()) for row in rows)]) + "\n"


Gibbs = Callable[..., tuple[int, str, str]]


@pytest.fixture
def gibbs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Gibbs:
    """The command in a folder with ``model.yaml`` and ``data.csv``; gives exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GIBBS_TRACEBACK", raising=False)
    for name in cli._THREADS:
        monkeypatch.setenv(name, os.environ.get(name, "1"))
    Path("model.yaml").write_text(SPEC, encoding="utf-8")
    Path("data.csv").write_text(csv(table()), encoding="utf-8")

    def call(*argv: object) -> tuple[int, str, str]:
        code = cli.main([str(a) for a in argv])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def files() -> set[str]:
    return {str(p) for p in Path().rglob("*")}


def stand_in(monkeypatch: pytest.MonkeyPatch, apart: float = 0.0, stopped: str = "", error: BaseException | None = None) -> list[Any]:
    """Put known draws in the sampler's place; gives the list of Sampling records that it was called with."""
    calls: list[Any] = []

    def run(design: Any, plan: Any, sampling: Any, *, progress: Any = None) -> Draws:
        calls.append(sampling)
        if error is not None:
            raise error
        random = np.random.default_rng(0)
        shape = (sampling.chains, 600)
        names = hyper_names(design)
        effects = sum(len(f.levels) * len(f.columns) for f in design.factors)
        beta = random.normal(size=(*shape, len(design.coefficients))) + apart * np.arange(shape[0])[:, None, None]
        hyper, u = np.abs(random.normal(size=(*shape, len(names)))), random.normal(size=(*shape, effects))
        seconds = (0.1,) * shape[0]
        return Draws(beta, hyper, names, u, (0,), random.normal(size=shape), sampling.warmup, seconds, seconds, stopped)

    monkeypatch.setattr("gibbs.sampling.chains.run", run)
    return calls


# --------------------------------------------------------------------------------------------------- what a run gives


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


# ---------------------------------------------------------------------------------------------------------- exit codes


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
        process.send_signal(signal.SIGINT)
        reader = threading.Thread(target=_drain, args=(terminal,), daemon=True)
        reader.start()
        out, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == cli.NOT_TO_BE_TRUSTED
    assert b"interrupted" in out
    manifest = json.loads((tmp_path / "runs/one/manifest.json").read_text(encoding="utf-8"))
    assert 0 < manifest["draws"] < 2_000_000
    assert manifest["stopped"] == "interrupted"


def _drain(terminal: int) -> None:
    """Read a terminal to its end, so that nobody waits for it."""
    try:
        while os.read(terminal, 65536):
            pass
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


# ------------------------------------------------------------------------------------------------------- output folders


def test_a_run_is_never_overwritten_silently(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    assert gibbs("run", "model.yaml")[0] == 0
    before = Path("runs/one/manifest.json").read_bytes()
    calls = stand_in(monkeypatch)
    code, _, err = gibbs("run", "model.yaml")
    assert code == cli.WRONG
    assert "--force" in err and "runs/one" in err
    assert not calls, "the folder is looked at before anything is drawn"
    assert Path("runs/one/manifest.json").read_bytes() == before
    assert gibbs("run", "model.yaml", "--force")[0] == 0


def test_force_does_not_replace_what_is_no_run(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = stand_in(monkeypatch)
    Path("thesis").mkdir()
    Path("thesis/chapter1.tex").write_text("years of work", encoding="utf-8")
    code, _, err = gibbs("run", "model.yaml", "--out", "thesis", "--force")
    assert code == cli.WRONG and "thesis" in err and not calls
    assert Path("thesis/chapter1.tex").read_text(encoding="utf-8") == "years of work"


@pytest.mark.parametrize("place", ["../elsewhere", "/nowhere/elsewhere", "runs/../../elsewhere", "."])
def test_a_spec_cannot_write_outside_the_current_directory(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    calls = stand_in(monkeypatch)
    Path("model.yaml").write_text(SPEC.replace("runs/one", place), encoding="utf-8")
    code, _, err = gibbs("run", "model.yaml")
    assert code == cli.WRONG and not calls
    assert "model.yaml, line 6" in err and "--out" in err


def test_a_person_can(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    stand_in(monkeypatch)
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "run"
    assert gibbs("run", "model.yaml", "--out", elsewhere)[0] == 0
    assert (elsewhere / "summary.csv").exists()


def test_folder_that_cannot_be_written_is_found_before_sampling(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = stand_in(monkeypatch)
    Path("closed").mkdir()
    monkeypatch.setattr(
        os, "access", lambda path, mode: not str(path).endswith("closed")
    )  # the tests may run as root, whom modes do not bind
    code, _, err = gibbs("run", "model.yaml", "--out", "closed/deep/run")
    assert code == cli.WRONG and "closed' cannot be written" in err and not calls


def test_file_in_the_way(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = stand_in(monkeypatch)
    for out in ("data.csv", "data.csv/run"):
        assert gibbs("run", "model.yaml", "--out", out)[0] == cli.WRONG
    assert not calls


def test_a_second_run_into_one_folder_is_refused_before_it_draws(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = stand_in(monkeypatch)
    from gibbs import pipeline

    with pipeline.reserved("runs/one"):
        for force in ((), ("--force",)):
            code, out, err = gibbs("run", "model.yaml", *force)
            assert (code, out) == (cli.WRONG, "") and not calls
            assert err.startswith("gibbs: output: runs/one: another run is being written to this folder (process ")
        assert gibbs("run", "model.yaml", "--out", "runs/two")[0] == 0
    assert {p.name for p in Path("runs").iterdir()} == {"two"}
    assert gibbs("run", "model.yaml")[0] == 0


def test_a_folder_that_is_taken_meanwhile_is_left_alone(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    from gibbs.sampling import chains

    drawn = chains.run

    def run(*arguments: Any, **keys: Any) -> Draws:
        Path("runs/one").mkdir()
        Path("runs/one/thesis.tex").write_text("years of work", encoding="utf-8")
        return drawn(*arguments, **keys)

    monkeypatch.setattr("gibbs.sampling.chains.run", run)
    code, out, err = gibbs("run", "model.yaml")
    assert code == cli.NOT_TO_BE_TRUSTED
    assert err.startswith("warning: ") and "runs/one' was taken meanwhile, so the run is in '" in err and "runs/one-2" in err
    assert "runs/one-2: manifest.json" in out
    assert [p.name for p in Path("runs/one").iterdir()] == ["thesis.tex"] and {p.name for p in Path("runs").iterdir()} == {"one", "one-2"}


@pytest.mark.parametrize("rescue", [True, False])
def test_a_disk_that_is_full_at_the_end(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch, rescue: bool, tmp_path: Path) -> None:
    from gibbs.files import places
    from gibbs.runfolder import runfolder

    stand_in(monkeypatch)
    real = runfolder._write_netcdf

    def write(path: Path, groups: Any) -> None:
        if str(tmp_path / "runs") in str(path):
            raise OSError(28, "No space left on device")
        real(path, groups)

    monkeypatch.setattr(runfolder, "_write_netcdf", write)
    Path("temporary").mkdir()
    monkeypatch.setattr(places.tempfile, "tempdir", str(tmp_path / "temporary"))
    code, out, err = gibbs("run", "model.yaml", *(("--rescue", "elsewhere") if rescue else ()))
    assert code == cli.NOT_TO_BE_TRUSTED and "Converged" in out
    written = tmp_path / "elsewhere/one" if rescue else next(Path("temporary").glob("*/one"))
    assert "No space left on device. The run is in '" in err and str(written) in err and f"Written to {tmp_path}" in out
    assert gibbs("summary", written)[0] == 0 and not Path("runs").exists()


def test_a_disk_without_room_is_found_before_sampling(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    from gibbs import pipeline

    calls = stand_in(monkeypatch)
    monkeypatch.setattr(pipeline, "_largest_file", lambda: 1000)
    before = files()
    code, _, err = gibbs("run", "model.yaml")
    assert code == cli.WRONG and not calls and "no file may be larger than 1 kB" in err and files() == before


def test_what_a_run_that_was_killed_left_is_told_of(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    Path("runs/.one.partial-1-0").mkdir(parents=True)
    Path("runs/.one.partial-1-0/posterior.nc").write_bytes(bytes(2_000_000))
    code, _, err = gibbs("run", "model.yaml")
    assert code == 0 and err.startswith("note: ") and ".one.partial-1-0' was left by a process that was killed" in err and "2.0 MB" in err
    assert Path("runs/.one.partial-1-0").exists()


def test_compiled_code_that_is_damaged_is_one_line(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    from gibbs.kernels import compiled

    stand_in(monkeypatch)
    compiled.problems()
    compiled._damaged.update(("cache/a.nbi", "cache/b.nbc"))
    code, _, err = gibbs("run", "model.yaml")
    assert (code, err) == (0, "warning: 2 files of compiled code in cache could not be read, and were compiled again.\n")


# ------------------------------------------------------------------------------------------------------------ bad input


def column(name: str, *values: object) -> str:
    """The table with ``values`` in the first rows of ``name``; a single callable fills the column."""
    rows = table()
    for i, row in enumerate(rows):
        if callable(values[0]):
            row[name] = values[0](i)
        elif i < len(values):
            row[name] = values[i]
    return csv(rows)


def spec(old: str, new: str) -> str:
    assert old in SPEC
    return SPEC.replace(old, new)


def formula(text: str) -> str:
    return spec("y ~ x + (1 | g)", text)


def quoted(text: str) -> str:
    return spec("y ~ x + (1 | g)", json.dumps(text))


BINARY = SPEC.replace("gaussian", "logit").replace("y ~", "b ~")
# what is wrong: (spec, data, what the message must say); None leaves the file as it is
BAD: dict[str, tuple[str | None, str | bytes | None, tuple[str, ...]]] = {
    "unknown key": (spec("family:", "famly:"), None, ("model.yaml, line 3", "famly", "Did you mean 'family'?")),
    "unknown key inside": (spec("chains", "chain"), None, ("model.yaml, line 5", "chain", "Did you mean")),
    "misspelt family": (spec("gaussian", "gausian"), None, ("model.yaml, line 3", "gausian", "Did you mean 'gaussian'?")),
    "misspelt column": (formula("y ~ x1 + (1 | g)"), None, ("x1", "did you mean 'x'?", "data.csv")),
    "misspelt factor": (formula("y ~ x + (1 | gg)"), None, ("gg", "did you mean 'g'?", "data.csv")),
    "wrong type": (spec("chains: 2", "chains: many"), None, ("model.yaml, line 5", "many")),
    "negative draws": (spec("draws: 100", "draws: -1"), None, ("model.yaml, line 5", "-1")),
    "unknown scheme": (spec("seed: 1", "scheme: jont"), None, ("jont", "joint")),
    "prior that is none": (SPEC + "priors: {b: 'nrmal(0, 1)'}\n", None, ("nrmal", "Did you mean 'normal'?", "line 7")),
    "prior without its quotes": (SPEC + "priors: {b: normal(0, 1)}\n", None, ("quotes", "line 7")),
    "prior with a negative sd": (SPEC + "priors: {b: 'normal(0, -1)'}\n", None, ("-1", "line 7")),
    "prior on nothing": (SPEC + "priors: {'b[xx]': 'normal(0, 1)'}\n", None, ("xx", "Did you mean 'x'?", "line 7")),
    "duplicate key": (SPEC + "title: again\n", None, ("title", "line 7", "lines 1 and 7")),
    "not YAML": (spec("sampling: {", "sampling: {{"), None, ("model.yaml", "line")),
    "YAML that makes objects": (SPEC + "priors: !!python/object/apply:os.system [echo]\n", None, ("model.yaml", "line 7")),
    "empty spec": ("", None, ("model.yaml", "empty")),
    "spec that is a list": ("- a\n- b\n", None, ("model.yaml",)),
    "no data": (spec("data: data.csv\n", ""), None, ("data",)),
    "missing data file": (spec("data.csv", "dta.csv"), None, ("dta.csv", "data.csv")),
    "data of an unknown kind": (spec("data.csv", "model.yaml"), None, ("model.yaml",)),
    "empty data file": (None, "", ("data.csv", "empty")),
    "data with a header only": (None, "y,x,g\n", ("data.csv", "row")),
    "text outcome": (formula("t ~ x + (1 | g)"), None, ("data.csv", "'t'")),
    "text where numbers belong": (formula("y ~ log(t) + (1 | g)"), None, ("'t'", "data.csv")),
    "one word among numbers": (None, column("y", 1, 2, "n.k."), ("'y'", "n.k.", "3")),
    "outcome of 0, 1, 2 for a binary family": (BINARY, column("b", 0, 1, 2), ("'b'", "2", "data.csv")),
    "all-missing column": (None, column("x", lambda i: None), ("'x'", "data.csv")),
    "factor with one level": (formula("y ~ x + (1 | one)"), None, ("'one'", "one level", "data.csv")),
    "fixed factor with one level": (formula("y ~ one + (1 | g)"), None, ("one", "data.csv")),
    "constant outcome": (formula("k ~ x + (1 | g)"), None, ("k", "data.csv")),
    "constant binary outcome": (BINARY, column("b", lambda i: 1), ("b", "data.csv")),
    "infinity": (None, column("x", 1, "inf"), ("'x'", "2", "data.csv")),
    "missing values refused": (spec("data: data.csv", "data: {file: data.csv, missing: error}"), column("x", 1, None), ("x", "2")),
    "unreadable encoding": (None, csv(table()).replace("g3", "Áncash").encode("latin-1"), ("data.csv", "UTF-8")),
    "parentheses forgotten": (formula("y ~ x + 1|g"), None, ("formula", "^", "(1 | g)")),
    "formula that calls Python": (quoted("y ~ __import__('os').system('touch hacked') + (1 | g)"), None, ("formula", "^")),
    "formula with an attribute": (quoted("y ~ x.__class__() + (1 | g)"), None, ("formula", "^")),
    "formula with a call outside the list": (quoted("y ~ open(x) + (1 | g)"), None, ("open", "^")),
    "formula without an end": (formula("y ~ x + (1 | g"), None, ("formula", "^")),
    "formula and two-level form": (SPEC + "outcome: y\n", None, ("formula", "outcome")),
}


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_message_exit_2_and_nothing_left(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch, case: str, command: str) -> None:
    calls = stand_in(monkeypatch)
    words, data, expected = BAD[case]
    if words is not None:
        Path("model.yaml").write_text(words, encoding="utf-8")
    if data is not None:
        Path("data.csv").write_bytes(data if isinstance(data, bytes) else data.encode())
    before = files()
    code, out, err = gibbs(command, "model.yaml")
    assert code == cli.WRONG, err
    assert out == ""
    assert err.startswith("gibbs: ") and err.count("gibbs: ") == 1
    assert "Traceback" not in err
    for fragment in expected:
        assert fragment in err
    assert files() == before
    assert not calls


@pytest.mark.parametrize("command", ["run", "check"])
def test_missing_spec(gibbs: Gibbs, command: str) -> None:
    code, _, err = gibbs(command, "modl.yaml")
    assert code == cli.WRONG
    assert err.startswith("gibbs: spec") and "modl.yaml" in err and "model.yaml" in err


def test_spec_that_is_a_folder(gibbs: Gibbs) -> None:
    Path("folder.yaml").mkdir()
    code, _, err = gibbs("run", "folder.yaml")
    assert code == cli.WRONG and "folder.yaml" in err


def test_summary_of_what_is_no_run(gibbs: Gibbs) -> None:
    for place in ("nowhere", ".", "data.csv"):
        code, _, err = gibbs("summary", place)
        assert code == cli.WRONG
        assert "Traceback" not in err


# ------------------------------------------------------------------------------------------------------ the command line


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["rnu", "model.yaml"], "Did you mean 'run'?"),
        (["run"], "SPEC"),
        (["run", "model.yaml", "--sed", "3"], "Did you mean '--seed'?"),
        (["run", "model.yaml", "--seed", "x"], "'x' is not a whole number of at least 0"),
        (["run", "model.yaml", "--seed", "-1"], "'-1' is not a whole number of at least 0"),
        (["run", "model.yaml", "--chains", "0"], "'0' is not a whole number of at least 1"),
        (["run", "model.yaml", "--scheme", "jont"], "Did you mean 'joint'?"),
        (["run", "model.yaml", "more.yaml"], "more.yaml"),
    ],
)
def test_mistakes_on_the_command_line(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch, argv: list[str], expected: str) -> None:
    calls = stand_in(monkeypatch)
    before = files()
    code, out, err = gibbs(*argv)
    assert (code, out) == (cli.WRONG, "")
    assert err.startswith("gibbs: ") and expected in err and "Traceback" not in err
    assert files() == before and not calls


def test_help_names_every_command_and_flag(gibbs: Gibbs) -> None:
    code, out, _ = gibbs("--help")
    assert code == 0
    assert all(f"gibbs {name}" in out for name in ("run", "check", "summary", "schema", "version"))
    code, out, _ = gibbs("run", "--help")
    assert code == 0
    flags = ("--out", "--seed", "--chains", "--warmup", "--draws", "--cores", "--scheme", "--force", "--quiet")
    assert all(flag in out for flag in flags)
    assert gibbs()[0] == cli.WRONG


def test_version(gibbs: Gibbs) -> None:
    assert gibbs("version") == (0, f"gibbs {__version__}\n", "")
    assert gibbs("--version") == (0, f"gibbs {__version__}\n", "")


def test_schema_is_json_and_knows_the_keys(gibbs: Gibbs) -> None:
    code, out, _ = gibbs("schema")
    properties = json.loads(out)["properties"]
    assert code == 0
    keys = {"title", "data", "family", "formula", "priors", "sampling", "output", "outcome", "level1", "levels"}
    assert keys <= set(properties)


def test_check_prints_the_report_and_draws_nothing(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = stand_in(monkeypatch)
    before = files()
    code, out, err = gibbs("check", "model.yaml", "--draws", 250)
    assert (code, err) == (0, "")
    assert "y_i = α_j[i] + β·x_i + ε_i" in out and "250 draws" in out
    assert files() == before and not calls


@pytest.mark.skipif(os.name == "nt", reason="pipes differ")
def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "gibbs", "schema"], stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, cwd=tmp_path
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_without_greek_gets_question_marks(gibbs: Gibbs, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "gibbs", "check", "model.yaml"]
    done = subprocess.run(command, capture_output=True, env=environment, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert b"y_i = ?_j[i]" in done.stdout


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("run",), "SPEC is missing"),
        (("summary",), "RUN is missing"),
        (("run", "a.yaml", "b.yaml"), "'b.yaml' is one word too many"),
        (("run", "a.yaml", "--seed"), "--seed needs a value"),
        (("run", "a.yaml", "--sead", "3"), "unknown option --sead 3. Did you mean '--seed'?"),
        (("ranks", "run", "g", "--weight", "N"), "this command has no option --weight; gibbs COMMAND --help lists the options"),
        (("summary", "a", "--digits", "x"), "'x' is not a whole number of at least 0"),
        (("export", "a", "--to", "csv"), "--out is missing"),
    ],
)
def test_a_command_line_that_is_wrong_is_said_in_our_own_words(argv, words, capsys):
    assert cli.main(list(argv)) == 2
    assert words in capsys.readouterr().err

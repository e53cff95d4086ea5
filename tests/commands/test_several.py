"""``gibbs run SPEC SPEC …``: each spec as if it were alone, whatever becomes of the others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gibbs.commands import several
from gibbs.terminal import until
from tests.command import SPEC, Gibbs, csv, files, table

SHORT = "--draws=40"


def spec(name: str, **changed: str) -> None:
    text = SPEC
    for old, new in changed.items():
        text = text.replace({"output": "runs/one", "column": "~ x +", "seed": "seed: 1"}[old], new)
    Path(name).write_text(text, encoding="utf-8")


def test_each_of_several_is_what_it_is_alone_and_a_wrong_one_harms_no_other(gibbs: Gibbs) -> None:
    spec("wrong.yaml", output="runs/wrong", column="~ xx +")
    Path("broken.yaml").write_text("data: [", encoding="utf-8")
    code, out, err = gibbs("run", "model.yaml", "broken.yaml", "wrong.yaml", SHORT)
    assert code == 2
    first, last = out.strip().splitlines()
    assert first.startswith("model.yaml → runs/one: ") and "2 chains of 40 draws" in first
    assert last == "0 of 3 specs done and converged."
    assert "gibbs: wrong.yaml: " in err and "no column 'xx'" in err and "gibbs: broken.yaml: " in err and "not YAML" in err
    assert not Path("runs/wrong").exists()
    assert gibbs("run", "model.yaml", SHORT, "--out", "runs/alone", "--quiet")[0] in (0, 1)
    for name in ("summary.csv", "ranef.csv", "spec.yaml"):
        alone = Path("runs/alone", name).read_text(encoding="utf-8").replace("output: runs/alone", "output: runs/one")
        assert Path("runs/one", name).read_text(encoding="utf-8") == alone, name


@pytest.mark.parametrize(
    ("second", "flags", "words"),
    [
        ({"output": "runs/one"}, (), "'model.yaml' and 'other.yaml' would both be written to 'runs/one'"),
        ({"output": "runs/../runs/one"}, (), "would both be written"),
        ({"output": "runs/one/inside"}, (), "inside the folder of 'model.yaml'"),
        ({"output": "runs"}, (), "inside the folder of 'other.yaml'"),
    ],
)
def test_two_that_write_to_one_place_are_refused_before_anything_begins(gibbs: Gibbs, second, flags, words) -> None:
    spec("other.yaml", **second)
    before = files()
    code, out, err = gibbs("run", "model.yaml", "other.yaml", *flags)
    assert (code, out) == (2, "") and words in err
    assert files() == before
    Path("sub").mkdir()
    spec("sub/model.yaml", output="runs/far")
    assert "would both be written to 'all/model'" in gibbs("run", "model.yaml", "sub/model.yaml", "--out", "all")[2]
    assert "named twice" in gibbs("run", "model.yaml", "./model.yaml")[2]
    assert "the log cannot be written" in gibbs("run", "model.yaml", "sub/model.yaml", "--log", "nowhere/log")[2]
    assert not Path("runs").exists() and not Path("all").exists()


def test_what_until_says_reaches_the_process_of_each_spec() -> None:
    for words in ("ess=2000,rhat=1.01", "ess=400,mcse.b_x=0.01,of=b_*,of=sd_g[a,b],max_seconds=60"):
        assert until(several._until(until(words))) == until(words)


@pytest.mark.slow
def test_ctrl_c_and_a_process_that_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data.csv").write_text(csv(table()), encoding="utf-8")
    for name in ("one", "two", "three"):
        spec(f"{name}.yaml", output=f"runs/{name}")
    command = [sys.executable, "-m", "gibbs", "run", "one.yaml", "two.yaml", "three.yaml", "--draws=100000000", "--cores=2", "--log=log"]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    _until_sampling(2)
    pids = {
        line["folder"].rpartition("/")[2]: line["pid"]
        for line in map(json.loads, Path("log").read_text().splitlines())
        if line["event"] == "begin"
    }
    os.kill(pids["one"], signal.SIGKILL)  # the third begins in its place
    _until_sampling(3)
    began = time.monotonic()
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert time.monotonic() - began < 8.0
    assert "one.yaml: its process was ended by SIGKILL" in err and run.returncode in (1, 130)
    for name in ("two", "three"):
        assert f"{name}.yaml → runs/{name}: stopped by Ctrl-C" in out or f"{name}.yaml: interrupted" in err, name


def _until_sampling(n: int) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        if Path("log").exists() and Path("log").read_text(encoding="utf-8").count('"event": "sampling"') >= n:
            return
        time.sleep(0.1)
    raise AssertionError("no sampling")

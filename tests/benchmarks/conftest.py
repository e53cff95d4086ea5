"""A problem written down once, and engines of a few lines for what the suite does with good, broken, slow and wrong ones."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.engines import registry
from benchmarks.engines.record import OWN, POSTERIOR, Engine
from benchmarks.suite import appraise, grid, run

ROOT = Path(__file__).resolve().parents[2]

FAKE = """
import json, os, subprocess, sys, time
from pathlib import Path
import numpy as np
folder = Path(sys.argv[1])
job = json.loads((folder / "job.json").read_text())
names = json.loads((Path(job["problem"]) / "names.json").read_text())
kind = job["engine"]
(folder / "began").write_text(kind)
if kind == "broken":
    raise ValueError("no such thing as a prior")
if kind == "silent":
    sys.exit(3)
if kind == "picky":
    (folder / "refused.txt").write_text("only on Sundays")
    sys.exit(0)
if kind == "slow":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Path(job["problem"], "child").write_text(str(child.pid))
    while True:
        pass
chains = job.get("chains", 1)
rng = np.random.default_rng([job["seed"], len(kind)])
draws = rng.standard_normal((chains, job["draws"], len(names)))
if kind == "wrong":
    draws[:, :, 1] += 0.5
if kind == "short":
    draws, names = draws[:, :, :-1], names[:-1]
if kind == "nonsense":
    names = [name + "?" for name in names]
np.save(folder / "draws.npy", draws)
(folder / "names.json").write_text(json.dumps(names))
(folder / "found.json").write_text(json.dumps({"setup": 1.0, "compile": 0.5, "warmup": 0.25, "sampling": 2.0, "note": "", "priors": ""}))
"""
KINDS = ("gibbs", "good", "wrong", "short", "nonsense", "broken", "silent", "picky", "slow")


@pytest.fixture(scope="session")
def sleepstudy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the problem sleepstudy."""
    folder = tmp_path_factory.mktemp("problem") / "sleepstudy"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.suite.prepare", "sleepstudy", "0", "1", str(folder)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def fakes(sleepstudy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., grid.Grid]:
    """Engines that are a script; what is given makes the grid of some of them. The problem is that of ``sleepstudy``."""
    script = tmp_path / "engine.py"
    script.write_text(FAKE, encoding="utf-8")
    for kind in KINDS:
        monkeypatch.setitem(registry.ENGINES, kind, Engine(kind, kind, OWN, POSTERIOR, "none", ("numpy",)))
    monkeypatch.setitem(registry.ENGINES, "absent", Engine("absent", "absent", OWN, POSTERIOR, "none", ("numpy", "no-such-package")))
    monkeypatch.setattr(run, "command_of", lambda engine, folder: [sys.executable, str(script), str(folder)])

    def prepared(name: str, rows: int, seed: int, folder: Path) -> str:
        folder.mkdir(parents=True)
        for file in sleepstudy.iterdir():
            (folder / file.name).symlink_to(file)
        return ""

    def appraised(folder: Path, reference: Path) -> str:
        appraise.main(folder, reference)
        return ""

    monkeypatch.setattr(run, "prepare", prepared)
    monkeypatch.setattr(run, "appraise", appraised)  # in this process: two seconds a job less

    def made(*engines: str, seeds: tuple[int, ...] = (1,), limit: float = 60.0) -> grid.Grid:
        return grid.build(
            {
                "problems": ["sleepstudy"],
                "engines": list(engines),
                "seeds": list(seeds),
                "length": {"default": {"warmup": 10, "draws": 800}},
                "limit": limit,
                "reference": {"warmup": 10, "draws": 2000, "chains": 2},
            }
        )

    return made

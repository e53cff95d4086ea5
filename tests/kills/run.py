"""One example: a model, a moment to kill it, what is different when it goes on; and what the folder must hold in the end.

A run is a child that is forked off this process, so that kernels are loaded once; it writes a checkpoint as often as it can.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

COMPARED = ("posterior.nc", "summary.csv", "ranef.csv", "spec.yaml")
"""What is the same to the last byte; manifest.json says when and where things ran, and chains.state how long they took."""
ROWS, GROUPS, OTHERS = 300, 12, 7
MOST_KILLS = 4


@dataclass(frozen=True)
class Model:
    """A spec in keywords; ``sweeps``: warm-up and draws, so that a run takes a second or so."""

    formula: str
    family: str = "gaussian"
    scheme: str = "auto"
    sweeps: tuple[int, int] = (400, 1500)
    keep: str = ""
    until: str = ""

    def text(self) -> str:
        """The spec, as YAML."""
        warmup, draws = self.sweeps
        length = f"until: {{{self.until}}}" if self.until else f"draws: {draws}"
        lines = [
            "data: data.csv",
            f"family: {self.family}",
            f"formula: {self.formula}",
            f"sampling: {{chains: 3, seed: 11, warmup: {warmup}, scheme: {self.scheme}, {length}}}",
        ]
        return "\n".join([*lines, f"keep: {self.keep}" if self.keep else ""]) + "\n"


T = 'gr(g, dist = "student")'
MODELS: dict[str, Model] = {
    "gaussian": Model("y ~ x + (1 + x | g)", sweeps=(666, 3000)),
    "gaussian, to precision": Model("y ~ x + (1 | g)", sweeps=(100, 166), until="ess: 6000, max_seconds: 3000"),
    "gaussian, streamed": Model("y ~ x + (1 + x | g) + (1 | h)", sweeps=(333, 1333), keep="[h]"),
    "gaussian, one at a time": Model("y ~ x + (1 | g) + (1 | h)", scheme="one-at-a-time", sweeps=(1000, 4000)),
    "gaussian, collapsed": Model("y ~ x + (1 + x | g) + (1 | h)", scheme="collapsed", sweeps=(333, 1333)),
    "gaussian, t effects": Model(f"y ~ x + (1 | {T})", sweeps=(133, 400)),
    "student": Model("y ~ x + (1 | g)", "student", sweeps=(200, 666)),
    "probit, augmented": Model("b ~ x + (1 | g) + (1 | h)", "probit", "augmented", sweeps=(200, 666)),
    "probit, second order": Model("b ~ x + (1 + x | g)", "probit", "second-order", sweeps=(166, 500)),
    "logit, augmented, t effects": Model(f"b ~ x + (1 | {T})", "logit", "augmented", sweeps=(100, 200)),
    "logit, streamed": Model("b ~ x + (1 | g) + (1 | h)", "logit", keep="none", sweeps=(166, 500)),
    "poisson, to precision": Model("c ~ x + (1 | g)", "poisson", sweeps=(100, 166), until="ess: 2500, max_seconds: 3000"),
    "poisson, t effects": Model(f"c ~ x + (1 | {T})", "poisson", sweeps=(100, 266)),
    "negative binomial": Model("c ~ x + (1 | g)", "negative_binomial", sweeps=(133, 400)),
    "ordinal": Model("k ~ x + (1 | g)", "ordinal", sweeps=(133, 400)),
}


def data() -> pd.DataFrame:
    """Rows for all of ``MODELS``."""
    r = np.random.default_rng(5)
    g, h, x = r.integers(0, GROUPS, ROWS), r.integers(0, OTHERS, ROWS), r.normal(size=ROWS)
    eta = 0.2 + 0.5 * x + r.normal(0.0, 0.6, GROUPS)[g] + r.normal(0.0, 0.4, OTHERS)[h]
    kind = np.digitize(eta + r.logistic(size=ROWS), [-0.8, 0.7])
    return pd.DataFrame(
        {
            "y": eta + r.normal(size=ROWS),
            "b": (r.random(ROWS) < 1.0 / (1.0 + np.exp(-eta))).astype(int),
            "c": r.poisson(np.exp(eta)),
            "k": kind,
            "x": x,
            "g": [f"g{j}" for j in g],
            "h": [f"h{j}" for j in h],
        }
    )


@dataclass
class Example:
    """What became of one. wrong : "" or what is not as it should be; kills : where each found the run ("warmup 120", "no checkpoint")."""

    model: str
    seed: int
    wrong: str = ""
    kills: list[str] = field(default_factory=list)


class Ground:
    """A folder with the data, the specs, and the runs that were never interrupted, which are made when they are first needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds: dict[str, float] = {}
        data().to_csv(folder / "data.csv", index=False)

    def whole(self, name: str) -> Path:
        """The run that nobody interrupted."""
        place = self.folder / "whole" / _slug(name)
        if name not in self.seconds:
            (self.folder / f"{_slug(name)}.yaml").write_text(MODELS[name].text(), encoding="utf-8")
            self._load(self.folder / f"{_slug(name)}.yaml")
            began = time.perf_counter()
            code, said = self.command(["run", f"{_slug(name)}.yaml", "--out", f"whole/{_slug(name)}", "--quiet"])
            assert code in (0, 1), said
            self.seconds[name] = time.perf_counter() - began
        return place

    def _load(self, path: Path) -> None:
        """The kernels of the model, into this process."""
        from gibbs import pipeline
        from gibbs.model import spec

        pipeline.draw(pipeline.prepare(spec.load(path, {"warmup": 50, "chains": 1})))

    def command(self, words: Sequence[str], kill_after: float | None = None, setting: random.Random | None = None) -> tuple[int, str]:
        """Run ``gibbs …`` in a child; gives its exit code (−9: killed) and what it said."""
        log = self.folder / "said.txt"
        child = os.fork()
        if child == 0:
            _be_the_child(self.folder, words, log, setting)
        deadline = None if kill_after is None else time.perf_counter() + kill_after
        while True:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status), log.read_text(encoding="utf-8") if log.is_file() else ""
            if deadline is not None and time.perf_counter() > deadline:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return -9, ""
            time.sleep(0.002)


def example(ground: Ground, name: str, seed: int) -> Example:
    """Kill a run of ``MODELS[name]`` at random moments, go on with it each time, and compare."""
    rng, found = random.Random(f"{name} {seed}"), Example(name, seed)
    whole, out = ground.whole(name), f"killed/{_slug(name)}-{seed}"
    start = ["run", f"{_slug(name)}.yaml", "--out", out, "--quiet"]
    words = start
    for turn in range(MOST_KILLS + 1):
        spare = rng.uniform(0.0, 1.15) * ground.seconds[name] if turn < MOST_KILLS else None
        code, said = ground.command([*words, "--cores", str(rng.choice((1, 2, 3)))], spare, rng)
        if code != -9:
            break
        found.kills.append(_stands(ground.folder / out))
        words = start if found.kills[-1] == "no checkpoint" else ["resume", out, "--quiet"]
        if found.kills[-1].startswith("written"):  # between its last file and the end of the process
            code, said = ground.command(["resume", out, "--quiet"])
            code = 0 if code == 2 and "at its end" in said else 98
            break
    if code not in (0, 1):
        found.wrong = f"exit code {code}: {said}"
        return found
    for file in COMPARED:
        one, other = (place / file for place in (whole, ground.folder / out))
        if not other.is_file() or _bytes(one, file) != _bytes(other, file):
            found.wrong = f"{file} differs"
    left = [p.name for p in (ground.folder / "killed").iterdir() if p.name == f".{Path(out).name}.checkpoint"]
    if left:
        found.wrong = found.wrong or f"{left} is left"
    return found


def _bytes(path: Path, file: str) -> bytes:
    """A file; of the spec all but the folder and the number of cores, which were asked for otherwise."""
    if file != "spec.yaml":
        return path.read_bytes()
    return b"\n".join(line for line in path.read_bytes().splitlines() if b"output:" not in line and b"cores:" not in line)


def _stands(folder: Path) -> str:
    """Where a run that was killed is found."""
    from gibbs.resuming import checkpoint
    from gibbs.runfolder import runfolder

    about = checkpoint.look(folder.absolute())
    if about is None:
        return "written" if runfolder.is_run(folder) else "no checkpoint"
    if runfolder.is_run(folder):
        return "written, its checkpoint still there"
    phase = "warm-up" if min(about["done"]) < about["warmup"] else "sampling"
    return f"{phase} {min(about['done'])}"


def _slug(name: str) -> str:
    return "-".join(name.replace(",", "").split())


def _be_the_child(folder: Path, words: Sequence[str], log: Path, setting: random.Random | None) -> None:
    """``gibbs …``; never returns."""
    code = 99
    try:
        os.chdir(folder)
        from gibbs import cli
        from gibbs.sampling import crew, keeper

        if setting is not None:
            keeper.EVERY, keeper.SPARE = setting.choice((0.0, 0.02, 0.1)), 0.0
            crew.CHUNK_SECONDS = setting.choice((0.002, 0.02, 0.25))
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = cli.main(list(words))
        log.write_text(said.getvalue(), encoding="utf-8")
    finally:
        os._exit(code)

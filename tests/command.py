"""The command in a folder with a small model and its data, for tests of what it says, writes and leaves behind.

The sampler itself is tested elsewhere; where a test is about the exit code and not about the draws, draws whose convergence is known
by construction (independent normals, or chains set apart) stand in for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gibbs import cli
from gibbs.draws.names import hyper_names
from gibbs.draws.records import Draws

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


def files() -> set[str]:
    return {str(p) for p in Path().rglob("*")}


def stand_in(monkeypatch: pytest.MonkeyPatch, apart: float = 0.0, stopped: str = "", error: BaseException | None = None) -> list[Any]:
    """Put known draws in the sampler's place; gives the list of Sampling records that it was called with."""
    calls: list[Any] = []

    def run(design: Any, plan: Any, sampling: Any, *, progress: Any = None, **going: Any) -> Draws:
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


def in_folder(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Gibbs:
    """The command in ``folder``, in which ``model.yaml`` and ``data.csv`` are put; gives exit code, standard output, standard error."""
    monkeypatch.chdir(folder)
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

"""The null engine: independent standard normals in place of a posterior. It measures the harness, and is the yardstick of the guard.

Its files, process, reading and appraisal are those of any engine, so its seconds are what the suite itself costs; its draws are
independent, so an effective size that is not about the number of draws would be a fault of the appraisal. Its sampling is the least that
a sampler could do: one normal a parameter and draw.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.engines.problem import Problem
from benchmarks.engines.record import Clock, Found


def run(job: dict[str, Any], problem: Problem) -> Found:
    """Draws of nothing."""
    clock = Clock()
    names = problem.names
    for name in ("y", "X"):
        if problem.has(name):
            problem.array(name)
    rng = np.random.default_rng(job["seed"])
    draws = np.empty((job["draws"], len(names)))
    rng.standard_normal(out=draws[: min(len(draws), 10)])
    setup = clock.lap()
    rng.standard_normal(out=draws)
    return Found(names=names, draws=draws, setup=setup, sampling=clock.lap())

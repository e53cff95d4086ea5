"""The guard against becoming slower: ratios between engines that run in turn on the same machine, never seconds.

A grid says them: ``ratios: [{problem: m5, rows: 3000, engine: gibbs, over: gibbs-one-at-a-time, at_least: 3}]``, of effective draws a
second of everything; ``over: null`` is the least that a sampler could do, a normal a parameter.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.engines.registry import ENGINES
from benchmarks.suite import results
from benchmarks.suite.grid import Grid, GridError, known, one_of
from benchmarks.suite.run import run
from benchmarks.suite.table import Line, lines

OF_A_RATIO = ("problem", "rows", "engine", "over", "at_least")


def check(grid: Grid, say: Callable[[str], object]) -> int:
    """Carry out the grid and compare; 1 where a ratio is below its limit, a job failed, or a posterior is another."""
    if not grid.ratios:
        raise GridError("ratios: the grid states none, so there is nothing to guard.")
    with tempfile.TemporaryDirectory() as folder:
        rows = run(grid, Path(folder) / "guard.csv", say=say)
        found = lines(results.read([Path(folder) / "guard.csv"]))
    bad = [f"{row['problem']}, {row['engine']}: {row['status']} {row.get('note', '')}" for row in rows if row["status"] != results.OK]
    bad += [f"{row['problem']}, {row['engine']}: {row['differs_most']} differs" for row in rows if row.get("agreement") == "DIFFERS"]
    for said in grid.ratios:
        words, ok = compare(said, found)
        say(words)
        bad += [] if ok else [words]
    say(f"{len(grid.ratios)} ratios; {'; '.join(bad) if bad else 'none below its limit'}.")
    return 1 if bad else 0


def compare(said: Mapping[str, Any], found: list[Line]) -> tuple[str, bool]:
    """A ratio in words, and whether it is at least its limit."""
    known(said, OF_A_RATIO, "a ratio")
    engine, over = (one_of("null" if said.get(key) is None else said[key], ENGINES, "engine") for key in ("engine", "over"))
    of = {line.engine: line for line in found if (line.problem, line.rows) == (said["problem"], said.get("rows", 0))}
    if engine not in of or over not in of:
        raise GridError(f"a ratio of {engine} over {over} on {said['problem']}, {said.get('rows', 0)} rows: the grid does not run both.")
    a, b = of[engine].median("ess_per_s"), of[over].median("ess_per_s")
    value, limit = a / b if b > 0 else float("nan"), float(said["at_least"])
    return f"{said['problem']}, {said.get('rows', 0)} rows: {engine} is {value:.4g} of {over}; at least {limit:g}", value >= limit

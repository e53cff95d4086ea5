"""Effective samples a second, measured on the models of grid.yaml: one chain, one thread.

    python benchmarks/speed.py [NAME …] [--repeats 3] [--out results.json]

For each model: the smallest bulk effective sample size over every parameter (coefficients, sds, correlations, sigma and all random
effects), divided by the seconds of sampling of that chain (warm-up, compiling and reading apart). Repeats use other seeds; the
median is the figure to quote. A yardstick (nanoseconds of a compiled standard normal) says how busy the machine was.

A model of the grid may name a family, link or scheme of its own, a larger table to be simulated as the examples' are
(``simulate: {rows, provinces}``), and a scheme ``against`` which the figure is set, in turn with it, as a ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import yaml
from numba import njit

import gibbs
from gibbs.draws import diagnostics

ROOT = Path(__file__).resolve().parent.parent
ABOUT = ("family", "scheme")
"""What a model of the grid may say in place of its spec."""


@njit
def _normals(rng: np.random.Generator, n: int) -> float:
    total = 0.0
    for _ in range(n):
        total += rng.standard_normal()
    return total


def yardstick() -> float:
    """Nanoseconds of one standard normal in compiled code, now."""
    rng = np.random.default_rng(1)
    _normals(rng, 10)
    began = time.perf_counter()
    _normals(rng, 5_000_000)
    return (time.perf_counter() - began) / 5e6 * 1e9


def table(case: dict) -> pd.DataFrame | None:
    """The simulated table of a case that asks for one: logit outcomes of the deck's M.5 as a logit model, seed 1."""
    if "simulate" not in case:
        return None
    sys.path.insert(0, str(ROOT / "specs" / "data"))
    from simulate import peru_people

    rng = np.random.default_rng(1)
    people = peru_people(rng, **case["simulate"])
    _, j = np.unique(people["province"], return_inverse=True)
    a, b = 0.5 * rng.standard_normal(j.max() + 1), 0.6 * rng.standard_normal(j.max() + 1)
    x, z = people["indigenous"], people["illiteracy"]
    eta = 0.6 - 18.0 * z - 0.9 * x + 6.0 * x * z + a[j] + b[j] * x
    people["president.approval"] = (rng.random(len(people)) < 1.0 / (1.0 + np.exp(-eta))).astype(int)
    return people


def measure(case: dict, seed: int, frame: pd.DataFrame | None = None) -> dict:
    """One run of one model."""
    keys = {name: case[name] for name in ABOUT if name in case}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        length = {"chains": 1, "cores": 1, "warmup": case["warmup"], "draws": case["draws"]}
        fit = gibbs.fit(str(ROOT / case["spec"]), frame, **length, seed=seed, progress=False, **keys)
    arrays = fit.arrays
    values = np.concatenate([arrays.beta, arrays.hyper, arrays.u], axis=2)
    bulk, tail = diagnostics.ess_bulk(values), diagnostics.ess_tail(values)
    seconds = arrays.seconds_sampling[0]
    return {
        "ess_bulk": float(np.nanmin(bulk)),
        "ess_tail": float(np.nanmin(tail)),
        "parameters": int(values.shape[2]),
        "draws": case["draws"],
        "seconds": seconds,
        "microseconds_a_sweep": 1e6 * seconds / case["draws"],
        "ess_per_second": float(np.nanmin(bulk)) / seconds,
        "cells": int(arrays.info["cells"]),
        "rows": int(fit.outline.rows_used),
        "yardstick_ns": yardstick(),
        "seed": seed,
    }


def main() -> None:
    """Measure, print a table, and write the figures with the configuration that made them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="models of grid.yaml (default: all)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    wanted = parser.parse_args()
    grid = [c for c in yaml.safe_load((ROOT / "benchmarks" / "grid.yaml").read_text()) if not wanted.names or c["name"] in wanted.names]
    rows = []
    print(
        f"{'model':<22}{'rows':>8}{'cells':>8}{'parameters':>11}{'us/sweep':>10}{'ESS/draw':>10}{'min ESS/s':>11}{'at least':>10}"
        f"{'normal, ns':>12}"
    )
    for case in grid:
        frame = table(case)
        other = {**case, "scheme": case["against"]} if "against" in case else None
        for one in filter(None, (case, other)):
            measure({**one, "draws": 50}, 1, frame)  # compile
        runs, others = [], []
        for k in range(wanted.repeats):
            runs.append(measure(case, 1 + k, frame))
            if other:
                others.append(measure(other, 1 + k, frame))
        middle = statistics.median(r["ess_per_second"] for r in runs)
        sweep = statistics.median(r["microseconds_a_sweep"] for r in runs)
        share = statistics.median(r["ess_bulk"] / r["draws"] for r in runs)
        busy = statistics.median(r["yardstick_ns"] for r in runs)
        asked = f"{case['at_least']:,}" if "at_least" in case else ""
        print(
            f"{case['name']:<22}{runs[0]['rows']:>8,}{runs[0]['cells']:>8,}{runs[0]['parameters']:>11,}{sweep:>10.1f}{share:>10.2f}"
            f"{middle:>11,.0f}{asked:>10}{busy:>12.1f}",
            flush=True,
        )
        rows.append({**case, "runs": runs, "ess_per_second": middle})
        if other:
            ratios = [a["ess_per_second"] / b["ess_per_second"] for a, b in zip(runs, others, strict=True)]
            rows[-1] |= {"against_runs": others, "ratio": statistics.median(ratios)}
            print(f"{'':<22}{statistics.median(ratios):.1f} times {case['against']} ({min(ratios):.1f} to {max(ratios):.1f})", flush=True)
    if wanted.out:
        machine = {"python": platform.python_version(), "processor": platform.processor(), "numpy": np.__version__}
        wanted.out.write_text(json.dumps({"machine": machine, "results": rows}, indent=1))


if __name__ == "__main__":
    main()

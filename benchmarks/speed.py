"""Effective samples a second, measured on the models of grid.yaml: one chain, one thread.

    python benchmarks/speed.py [NAME …] [--repeats 3] [--out results.json]

For each model: the smallest bulk effective sample size over every parameter (coefficients, sds, correlations, sigma and all random
effects), divided by the seconds of sampling of that chain (warm-up, compiling and reading apart). Repeats use other seeds; the
median is the figure to quote. A yardstick (nanoseconds of a compiled standard normal) says how busy the machine was.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import yaml
from numba import njit

import gibbs
from gibbs.posterior import diagnostics

ROOT = Path(__file__).resolve().parent.parent


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


def measure(case: dict, seed: int) -> dict:
    """One run of one model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        fit = gibbs.fit(str(ROOT / case["spec"]), chains=1, cores=1, warmup=case["warmup"], draws=case["draws"], seed=seed, progress=False)
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
    print(f"{'model':<14}{'parameters':>11}{'us/sweep':>10}{'ESS/draw':>10}{'min ESS/s':>11}{'at least':>10}{'normal, ns':>12}")
    for case in grid:
        measure({**case, "draws": 50}, 1)  # compile
        runs = [measure(case, 1 + k) for k in range(wanted.repeats)]
        middle = statistics.median(r["ess_per_second"] for r in runs)
        sweep = statistics.median(r["microseconds_a_sweep"] for r in runs)
        share = statistics.median(r["ess_bulk"] / r["draws"] for r in runs)
        busy = statistics.median(r["yardstick_ns"] for r in runs)
        print(
            f"{case['name']:<14}{runs[0]['parameters']:>11}{sweep:>10.1f}{share:>10.2f}{middle:>11,.0f}{case['at_least']:>10,}{busy:>12.1f}"
        )
        rows.append({**case, "runs": runs, "ess_per_second": middle})
    if wanted.out:
        machine = {"python": platform.python_version(), "processor": platform.processor(), "numpy": np.__version__}
        wanted.out.write_text(json.dumps({"machine": machine, "results": rows}, indent=1))


if __name__ == "__main__":
    main()

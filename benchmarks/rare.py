"""Rare outcomes: with 1 and 0.1 per cent of ones, do the defaults converge? Beside it, plain augmentation.

    python benchmarks/rare.py [NAME …] [--family logit] [--seeds 1,2,3] [--augmented-seeds 1] [--augmented-draws 1000] [--cores 2]

Simulated binary outcomes of three structures: pupils in classes in schools, people by year and cohort, correlated slopes. Each is
fitted by ``gibbs.fit`` with nothing but formula, data, family, seed and 1,000 draws, and once more with ``scheme="augmented"``.
Reported are, over every parameter (coefficients, sds, correlations, all random effects) and the worst of the seeds: the largest R-hat, the
smallest bulk and tail effective sample size, and the smallest bulk size a sweep of sampling (which a busy machine does not change).
Prints a Markdown table and exits with 1 where the defaults miss R-hat ≤ 1.01 or an effective size of 400 in any run.

Seeds make the data as well as the draws. Truths: sds 0.3 to 0.8, predictors with odds ratios of 1.3 to 2; the intercept is the one at
which the expected share of ones is the one asked for.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from scipy import optimize, special

import gibbs
from gibbs import __version__
from gibbs.draws import diagnostics
from gibbs.posterior import parameters

RHAT, ESS = 1.01, 400.0
"""What every run with the defaults has to reach."""
PROBIT_SCALE = 0.6
"""Linear predictors of the logit times this are those of the probit: about the ratio of their sds."""


def nested(rng: np.random.Generator, schools: int, classes: int, pupils: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Pupils in classes in schools, a continuous and a binary predictor: (table, η without intercept)."""
    school = np.repeat(np.arange(schools), classes * pupils)
    room = np.repeat(np.arange(schools * classes), pupils)
    ses, female = rng.standard_normal(school.size), rng.integers(0, 2, school.size)
    eta = -0.5 * ses + 0.3 * female + 0.5 * rng.standard_normal(schools)[school] + 0.4 * rng.standard_normal(schools * classes)[room]
    return pd.DataFrame({"school": school, "class": room % classes, "ses": ses, "female": female}), eta


def crossed(rng: np.random.Generator, rows: int, years: int, cohorts: int) -> tuple[pd.DataFrame, np.ndarray]:
    """People of so many cohorts in so many years of a survey: education in years of school, and sex."""
    year, age = rng.integers(0, years, rows), rng.integers(18, 85, rows)
    born = year - age
    cohort = np.minimum((born - born.min()) * cohorts // (born.max() - born.min() + 1), cohorts - 1)
    education, female = np.clip(np.round(rng.normal(13.0, 3.0, rows)), 6, 20).astype(int), rng.integers(0, 2, rows)
    eta = 0.12 * (education - 13.0) - 0.4 * female + 0.3 * rng.standard_normal(years)[year] + 0.5 * rng.standard_normal(cohorts)[cohort]
    return pd.DataFrame({"year": year, "cohort": cohort, "education": education, "female": female}), eta


def slopes(rng: np.random.Generator, groups: int, rows: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Groups of unequal sizes whose intercepts (sd 0.8) and slopes (sd 0.5) correlate by 0.3."""
    share = rng.dirichlet(np.full(groups, 3.0))
    g, x = rng.choice(groups, rows, p=share), rng.standard_normal(rows)
    effects = rng.standard_normal((groups, 2)) @ np.linalg.cholesky(np.array([[0.64, 0.12], [0.12, 0.25]])).T
    return pd.DataFrame({"g": g, "x": x}), 0.5 * x + effects[g, 0] + effects[g, 1] * x


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    name: str
    formula: str
    share: float
    make: Callable[[np.random.Generator], tuple[pd.DataFrame, np.ndarray]]


_NESTED, _CROSSED, _SLOPES = (
    "y ~ ses + female + (1 | school/class)",
    "y ~ education + female + (1 | year) + (1 | cohort)",
    "y ~ x + (1 + x | g)",
)
CASES = (
    Case("nested 1 %", _NESTED, 0.01, lambda rng: nested(rng, 40, 10, 25)),
    Case("crossed 1 %", _CROSSED, 0.01, lambda rng: crossed(rng, 20_000, 30, 20)),
    Case("slopes 1 %", _SLOPES, 0.01, lambda rng: slopes(rng, 50, 10_000)),
    Case("nested 0.1 %", _NESTED, 0.001, lambda rng: nested(rng, 100, 30, 25)),
    Case("crossed 0.1 %", _CROSSED, 0.001, lambda rng: crossed(rng, 100_000, 30, 20)),
    Case("slopes 0.1 %", _SLOPES, 0.001, lambda rng: slopes(rng, 100, 60_000)),
)


def simulate(case: Case, family: str, seed: int) -> pd.DataFrame:
    """The table of a case, outcomes included."""
    rng = np.random.default_rng([seed, *case.name.encode()])
    table, eta = case.make(rng)
    probability = special.expit if family == "logit" else special.ndtr
    eta = eta if family == "logit" else PROBIT_SCALE * eta
    intercept = optimize.brentq(lambda a: float(np.mean(probability(a + eta))) - case.share, -30.0, 10.0)
    table["y"] = (rng.random(len(table)) < probability(intercept + eta)).astype(int)
    return table


@dataclass(frozen=True)
class Run:
    """What one fit gave."""

    rows: int
    cells: int
    ones: int
    parameters: int
    sweeps: int
    rhat: float
    bulk: float
    tail: float
    worst: str
    seconds: float
    acceptance: str

    @property
    def a_sweep(self) -> float:
        return self.bulk / self.sweeps


def run(case: Case, family: str, seed: int, **keys) -> Run:
    """Simulate, fit, and look at every parameter."""
    table = simulate(case, family, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        fit = gibbs.fit(case.formula, table, family=family, seed=seed, draws=1000, progress=False, **keys)
    draws = fit.arrays
    values = parameters.stack(draws)
    bulk, tail, rhat = (np.ravel(f(values)) for f in (diagnostics.ess_bulk, diagnostics.ess_tail, diagnostics.rhat))
    accepted = draws.info.get("acceptance", {})
    return Run(
        rows=len(table),
        cells=int(draws.info["cells"]),
        ones=int(table["y"].sum()),
        parameters=values.shape[2],
        sweeps=values.shape[0] * values.shape[1],
        rhat=float(np.max(rhat)),
        bulk=float(np.min(bulk)),
        tail=float(np.min(tail)),
        worst=parameters.all_names(draws, fit.outline)[int(np.argmin(bulk))],
        seconds=max(a + b for a, b in zip(draws.seconds_warmup, draws.seconds_sampling, strict=True)),
        acceptance=", ".join(f"{block} {min(shares):.2f}–{max(shares):.2f}" for block, shares in accepted.items()),
    )


HEAD = (
    "| case | rows | cells | ones | parameters | R-hat | bulk ESS | tail ESS | ESS a sweep | of | augmented: R-hat | bulk ESS | of sweeps "
    "| ESS a sweep | ratio |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def line(case: Case, auto: list[Run], other: list[Run]) -> str:
    """A line of the table: the worst of the seeds."""
    least = min(auto, key=lambda r: r.a_sweep)
    ones = sorted(r.ones for r in auto)
    words = [
        case.name,
        f"{auto[0].rows:,}",
        f"{auto[0].cells:,}",
        f"{ones[0]}–{ones[-1]}" if ones[0] < ones[-1] else f"{ones[0]}",
        f"{auto[0].parameters:,}",
        f"{max(r.rhat for r in auto):.4f}",
        f"{min(r.bulk for r in auto):,.0f}",
        f"{min(r.tail for r in auto):,.0f}",
        f"{least.a_sweep:.3f}",
        f"`{least.worst}`",
    ]
    if other:
        slow = min(other, key=lambda r: r.a_sweep)
        words += [f"{max(r.rhat for r in other):.3f}", f"{slow.bulk:,.0f}", f"{slow.sweeps:,}", f"{slow.a_sweep:.4f}"]
        words.append(f"{min(a.a_sweep for a in auto[: len(other)]) / slow.a_sweep:.0f}")
    else:
        words += ["", "", "", "", ""]
    return "| " + " | ".join(words) + " |"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="cases (default: all)")
    parser.add_argument("--family", choices=("logit", "probit"), default="logit")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--augmented-seeds", default="1", help="of those; '' for none")
    parser.add_argument("--augmented-draws", type=int, default=1000, help="a chain, beside the default warm-up")
    parser.add_argument("--cores", type=int)
    a = parser.parse_args(argv)
    seeds, beside = ([int(s) for s in text.split(",") if s] for text in (a.seeds, a.augmented_seeds))
    wanted = [c for c in CASES if not a.names or c.name in a.names]
    missed, lines = [], []
    for case in wanted:
        auto, other = [], []
        for seed in seeds:
            for into, keys in ((auto, {}), (other, {"scheme": "augmented", "draws": a.augmented_draws} if seed in beside else None)):
                if keys is None:
                    continue
                began = time.perf_counter()
                found = run(case, a.family, seed, cores=a.cores, **keys)
                into.append(found)
                print(
                    f"{case.name}, seed {seed}, {keys.get('scheme', 'auto')}: {found.ones} ones, R-hat {found.rhat:.4f}, bulk ESS "
                    f"{found.bulk:.0f} of {found.sweeps} ({found.worst}), tail {found.tail:.0f}; slowest chain {found.seconds:.1f} s, all "
                    f"{time.perf_counter() - began:.1f} s; {found.acceptance}",
                    file=sys.stderr,
                    flush=True,
                )
        missed += [
            f"{case.name}, seed {s}" for s, r in zip(seeds, auto, strict=True) if not (r.rhat <= RHAT and min(r.bulk, r.tail) >= ESS)
        ]
        lines.append(line(case, auto, other))
    print(f"## {a.family}: seeds {a.seeds}; augmented with seed {a.augmented_seeds}; gibbs {__version__}, {datetime.now(UTC):%Y-%m-%d}\n")
    print("\n".join([HEAD, *lines]))
    print(f"\nBeyond R-hat {RHAT} or below an effective size of {ESS:.0f} with the defaults: {'; '.join(missed) if missed else 'none'}.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

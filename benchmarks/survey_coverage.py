"""Coverage under sampling weights: 95 % intervals of samples in which large outcomes are likelier, weighted and not.

    python benchmarks/survey_coverage.py [--models linear,logit,levels] [--datasets 300] [--replicates 100] [--seed 1]

A population of clusters is drawn, y = 1 + x/2 + u_g + e (a logistic outcome without u for ``logit``); clusters are sampled with a
probability that rises with u_g, rows within them with one that rises with e (with y for ``logit``). Each sample is fitted without weights,
and with sampling weights and a bootstrap of its sampling units; the table has the share of 95 % intervals that hold the truth of the
population's law: of the unweighted posterior, of the weighted one (which does not know the design), and of the design-based intervals. The
middle of the estimates stands beside the truth. Prints a Markdown table a model; exit code 1 where a design-based share of a coefficient
is below the binomial band (Bonferroni, 1 %) of 95 %.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

import gibbs

CLUSTERS, INSIDE = 300, 60
SUITE = 0.01


@dataclass(frozen=True)
class Model:
    """One model: its formula without and with weights of levels, its family, and the truth of each parameter."""

    formula: str
    weighted: str
    family: str
    truth: dict[str, float]


MODELS = {
    "linear": Model("y ~ x", "y ~ x", "gaussian", {"b_Intercept": 1.0, "b_x": 0.5}),
    "logit": Model("y ~ x", "y ~ x", "logit", {"b_Intercept": -0.5, "b_x": 0.8}),
    "levels": Model(
        "y ~ x + (1 | g)", "y ~ x + (1 | gr(g, pw = wg))", "gaussian",
        {"b_Intercept": 1.0, "b_x": 0.5, "sd_g__Intercept": 0.7, "sigma": 1.0},
    ),
}  # fmt: skip


def sample(name: str, rng: np.random.Generator) -> pd.DataFrame:
    """One sample: y, x, g, and the inverse probabilities of the row (w), and of its cluster (wg)."""
    g = np.repeat(np.arange(CLUSTERS), INSIDE)
    if name == "logit":
        x = rng.integers(0, 2, len(g)).astype(float)
        lean = rng.normal(size=CLUSTERS)
        y = (rng.random(len(g)) < expit(-0.5 + 0.8 * x)).astype(float)
        of_row = expit(-1.6 + 1.3 * y + 0.4 * lean[g])
    else:
        x = rng.normal(size=len(g))
        lean, e = rng.normal(size=CLUSTERS), rng.normal(size=len(g))
        y = 1.0 + 0.5 * x + 0.7 * lean[g] + e
        of_row = expit(-1.0 + e)
    of_cluster = expit(-1.8 + 0.8 * lean)
    rows = np.flatnonzero((rng.random(CLUSTERS) < of_cluster)[g] & (rng.random(len(g)) < of_row))
    found = pd.DataFrame({"y": y, "x": x, "g": g, "w": 1.0 / (of_cluster[g] * of_row), "wg": 1.0 / of_cluster[g]})
    return found.iloc[rows]


def one(name: str, rows: pd.DataFrame, replicates: int, seed: int) -> np.ndarray:
    """(3, P, 3): unweighted, weighted, design-based; of every parameter its estimate and the ends of its interval."""
    model = MODELS[name]
    keys = {"family": model.family, "chains": 2, "warmup": 200, "draws": 500, "seed": seed, "progress": False}
    plain = gibbs.fit(model.formula, rows, **keys)
    design = {"psu": "g", "replicates": replicates, "warmup": 100, "draws": 200}
    weighted = gibbs.fit(model.weighted, rows, weights={"column": "w", "type": "sampling"}, design=design, **keys)
    tables = [fit.summary().loc[list(model.truth), ["mean", "q2.5", "q97.5"]] for fit in (plain, weighted)]
    tables.append(weighted.estimates.table().loc[list(model.truth), ["estimate", "low", "high"]])
    return np.stack([table.to_numpy() for table in tables])


def cover(name: str, count: int, replicates: int, seed: int) -> tuple[str, bool]:
    """The table of a model, and whether the design-based intervals of its coefficients cover."""
    began, model = time.perf_counter(), MODELS[name]
    found, sizes = [], []
    for k, part in enumerate(np.random.SeedSequence([seed, *name.encode()]).spawn(count)):
        rows = sample(name, np.random.default_rng(part))
        sizes.append((len(rows), rows["g"].nunique()))
        found.append(one(name, rows, replicates, k))
    results, truth = np.array(found), np.array(list(model.truth.values()))
    inside = ((results[..., 1] <= truth) & (truth <= results[..., 2])).mean(axis=0)
    middle = results[:, :2, :, 0].mean(axis=0)
    tested = [p for p in model.truth if p.startswith("b_")]
    least = stats.binom.ppf(SUITE / (2 * len(tested) * len(MODELS)), count, 0.95) / count
    n, units = np.mean(sizes, axis=0)
    lines = [
        f"## {name}: `{model.weighted}`, {model.family}, {count} samples of {n:,.0f} rows in {units:.0f} clusters on average, "
        f"{replicates} replicates, {time.perf_counter() - began:,.0f} s",
        "",
        f"A share of a coefficient's design-based intervals is at least {least:.1%} where they are nominal.",
        "",
        "| parameter | truth | unweighted: mean | 95 % | weighted: mean | model's 95 % | design-based 95 % |",
        "|---|---|---|---|---|---|---|",
    ]
    for k, (parameter, value) in enumerate(model.truth.items()):
        lines.append(
            f"| `{parameter}` | {value:g} | {middle[0, k]:.3f} | {inside[0, k]:.1%} | {middle[1, k]:.3f} | {inside[1, k]:.1%} "
            f"| {inside[2, k]:.1%} |"
        )
    low = [p for k, p in enumerate(model.truth) if p in tested and inside[2, k] < least]
    lines += ["", f"Below the band: {', '.join(low) or 'none'}."]
    return "\n".join(lines), not low


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--datasets", type=int, default=300)
    parser.add_argument("--replicates", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"gibbs {gibbs.__version__}, seed {given.seed}, {datetime.now(UTC):%Y-%m-%d}\n")
    good = True
    for name in given.models.split(","):
        text, covers = cover(name, given.datasets, given.replicates, given.seed)
        good &= covers
        print(text, end="\n\n", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

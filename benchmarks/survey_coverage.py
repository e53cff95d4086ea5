"""Coverage under sampling weights: intervals of samples in which large outcomes are likelier, weighted and not.

    python benchmarks/survey_coverage.py [--models NAME,…] [--datasets 240] [--replicates 100] [--seed 1] [--kept FOLDER]

A population of clusters is drawn, y = 1 + x/2 + u_g + e (a logistic outcome without u for ``logit``); clusters are sampled with a
probability that rises with u_g, rows within them with one that rises with e (with y for ``logit``). Each sample is fitted without weights,
and with sampling weights and a bootstrap of its sampling units; the table has the share of 50 % and of 95 % intervals that hold the truth
of the population's law: of the unweighted posterior, of the weighted one (which does not know the design), and of the design-based
intervals. ``levels`` has some 18 rows in a sampled cluster, ``levels_large`` some 120. The mean of the estimates stands beside the truth,
with its Monte Carlo error. Prints a Markdown table a model; exit code 1 where a design-based share of a coefficient is below the binomial
band (Bonferroni, 1 %) of what it claims.

With --kept each sample is a line of a file in FOLDER, written as it ends; the same command goes on with those that are not there.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

import gibbs

CLUSTERS = 300
LEVELS = (0.5, 0.95)
SUITE = 0.01


@dataclass(frozen=True)
class Model:
    """One model: its formula without and with weights of levels, its family, and the truth of each parameter."""

    formula: str
    weighted: str
    family: str
    truth: dict[str, float]
    inside: int = 60  # people in a cluster of the population


MODELS = {
    "linear": Model("y ~ x", "y ~ x", "gaussian", {"b_Intercept": 1.0, "b_x": 0.5}),
    "logit": Model("y ~ x", "y ~ x", "logit", {"b_Intercept": -0.5, "b_x": 0.8}),
    "levels": Model(
        "y ~ x + (1 | g)", "y ~ x + (1 | gr(g, pw = wg))", "gaussian",
        {"b_Intercept": 1.0, "b_x": 0.5, "sd_g__Intercept": 0.7, "sigma": 1.0},
    ),
}  # fmt: skip
MODELS["levels_large"] = replace(MODELS["levels"], inside=400)


def sample(name: str, rng: np.random.Generator) -> pd.DataFrame:
    """One sample: y, x, g, and the inverse probabilities of the row (w), and of its cluster (wg)."""
    g = np.repeat(np.arange(CLUSTERS), MODELS[name].inside)
    if MODELS[name].family == "logit":
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
    """(3, P, 5): unweighted, weighted, design-based; of every parameter its estimate and the ends of its 50 % and 95 % intervals."""
    model = MODELS[name]
    keys = {"family": model.family, "chains": 2, "warmup": 200, "draws": 500, "seed": seed, "progress": False}
    plain = gibbs.fit(model.formula, rows, **keys)
    design = {"psu": "g", "replicates": replicates, "warmup": 100, "draws": 200}
    weighted = gibbs.fit(model.weighted, rows, weights={"column": "w", "type": "sampling"}, design=design, **keys)
    columns = ["mean", "q25", "q75", "q2.5", "q97.5"]
    tables = []
    for fit in (plain, weighted):
        both = pd.concat([fit.summary(level=0.5)[["mean", "q25", "q75"]], fit.summary()[["q2.5", "q97.5"]]], axis=1)
        tables.append(both.loc[list(model.truth), columns])
    half, most = (weighted.estimates.table(level).loc[list(model.truth)] for level in LEVELS)
    tables.append(pd.concat([half[["estimate", "low", "high"]], most[["low", "high"]]], axis=1))
    return np.stack([table.to_numpy() for table in tables])


def found_with(name: str, count: int, replicates: int, seed: int, kept: Path | None) -> list[dict]:
    """A record of each sample: its rows, its clusters, what ``one`` found, and the seconds it took; those in ``kept`` are read."""
    file = kept / f"{name}-{replicates}-replicates-seed-{seed}.jsonl" if kept else None
    known = {}
    if file is not None and file.exists():
        known = {record["sample"]: record for record in map(json.loads, file.read_text(encoding="utf-8").splitlines())}
    for k, part in enumerate(np.random.SeedSequence([seed, *name.encode()]).spawn(count)):
        if k in known:
            continue
        began, rows = time.process_time(), sample(name, np.random.default_rng(part))
        values = one(name, rows, replicates, k).tolist()
        known[k] = {"sample": k, "rows": len(rows), "clusters": int(rows["g"].nunique()), "values": values}
        known[k]["seconds"] = round(time.process_time() - began, 3)
        if file is not None:
            with file.open("a", encoding="utf-8") as out:
                out.write(json.dumps(known[k]) + "\n")
    return [known[k] for k in range(count)]


def cover(name: str, count: int, replicates: int, seed: int, kept: Path | None) -> tuple[str, bool]:
    """The table of a model, and whether the design-based intervals of its coefficients cover."""
    model, records = MODELS[name], found_with(name, count, replicates, seed, kept)
    results, truth = np.array([record["values"] for record in records]), np.array(list(model.truth.values()))
    ends = results[..., 1:].reshape(*results.shape[:3], len(LEVELS), 2)
    inside = ((ends[..., 0] <= truth[:, None]) & (truth[:, None] <= ends[..., 1])).mean(axis=0)
    middle, error = results[:, :2, :, 0].mean(axis=0), results[:, :2, :, 0].std(axis=0, ddof=1) / np.sqrt(count)
    tested = [k for k, p in enumerate(model.truth) if p.startswith("b_")]
    tail = SUITE / (2 * len(LEVELS) * len(tested) * len(MODELS))
    least = [stats.binom.ppf(tail, count, level) / count for level in LEVELS]
    lines = [
        f"## {name}: `{model.weighted}`, {model.family}, clusters of {model.inside}",
        "",
        f"{count} samples of {np.mean([r['rows'] for r in records]):,.0f} rows in {np.mean([r['clusters'] for r in records]):.0f} clusters "
        f"on average, {replicates} replicates; {sum(r['seconds'] for r in records):,.0f} s of one core. Monte Carlo errors of shares: "
        + ", ".join(f"{np.sqrt(level * (1 - level) / count):.1%} at {level:.0%}" for level in LEVELS)
        + ". Nominal design-based intervals of a coefficient hold the truth in at least "
        + " and ".join(f"{share:.1%} of the samples at {level:.0%}" for share, level in zip(least, LEVELS, strict=True))
        + " (Bonferroni over all shares of all models).",
        "",
        "| parameter | truth | unweighted: mean | 50 % | 95 % | weighted: mean | model's 50 % | 95 % | design-based 50 % | 95 % |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for k, (parameter, value) in enumerate(model.truth.items()):
        shares = [" | ".join(f"{share:.1%}" for share in inside[way, k]) for way in range(3)]
        means = [f"{middle[way, k]:.3f} ({error[way, k]:.3f})" for way in range(2)]
        lines.append(f"| `{parameter}` | {value:g} | {means[0]} | {shares[0]} | {means[1]} | {shares[1]} | {shares[2]} |")
    low = [list(model.truth)[k] for k in tested if (inside[2, k] < least).any()]
    lines += ["", f"Below the band: {', '.join(low) or 'none'}."]
    return "\n".join(lines), not low


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--datasets", type=int, default=240)
    parser.add_argument("--replicates", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kept", type=Path, metavar="FOLDER", help="where each sample is written down as it ends")
    a = parser.parse_args(argv)
    if a.kept:
        a.kept.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    given = f"--datasets {a.datasets} --replicates {a.replicates} --seed {a.seed}"
    print("# Coverage under sampling weights\n")
    print(f"`python benchmarks/survey_coverage.py {given}`, gibbs {gibbs.__version__}, {datetime.now(UTC):%Y-%m-%d}.\n")
    good = True
    for name in a.models.split(","):
        text, covers = cover(name, a.datasets, a.replicates, a.seed, a.kept)
        good &= covers
        print(text, end="\n\n", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

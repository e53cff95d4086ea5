"""Coverage: do 50 % and 95 % intervals hold the truth half of the time, and 95 times of 100, under our own stopping rule?

    python benchmarks/interval_coverage.py [--models peru_m5,near_zero,peru_m6,turnout_apc] [--datasets 500] [--rows N] [--seed 1]
        [--cores 1] [--kept FOLDER]

For each model: some of the rows of the spec's own design, parameters drawn from the priors that the fit uses (so that nominal
coverage is exact, not asymptotic), an outcome from the parameters, a fit that stops by itself (the default run to precision) after
warm-up of its own, and the central intervals of every coefficient, sd, correlation, sigma and random effect. A fit that does not end by
the rule counts like the others: leaving it out would select. Prints a Markdown table as each model ends; exit code 1 where a share lies
outside the binomial band (Bonferroni over all parameters of all models; probability 1 % for an exact sampler).

With --kept each data set is a line of a file in FOLDER, written as it ends; the same command goes on with those that are not there.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy import stats

from gibbs import __version__, pipeline
from gibbs.calibration import datasets, sbc
from gibbs.draws import names
from gibbs.draws.outline import outline
from gibbs.model import spec as specs
from gibbs.model.records import FIRST_CHECK, Design, Sampling, Until
from gibbs.posterior import parameters

ROOT = Path(__file__).resolve().parents[1]
LOGIT_SCALE = {"intercept": "normal(0, 1)", "b": "normal(0, 1)", "sd": "half_normal(0, 1)"}
MODELS: dict[str, tuple[str, dict[str, str], str, int, int]] = {
    "peru_m5": ("peru_m5", {}, "province", 15, 300),
    "near_zero": ("peru_m5", {"sd": "half_normal(0, 0.02)"}, "province", 15, 300),
    "peru_m6": ("peru_m6", LOGIT_SCALE, "province", 15, 300),
    "turnout_apc": ("turnout_apc", LOGIT_SCALE, "", 0, 400),
}
"""Name → its spec; priors in place of the spec's (its defaults on a logit scale make outcomes that are nearly all alike; near_zero: sds
of a fiftieth of the residual sd or so, which the data cannot tell from 0); a factor, so many of its levels taken, at most so many rows
of these.
"""
LEVELS = (0.5, 0.95)
UNTIL = Until()
SUITE = 0.01


def one(design: Design, seed: np.random.SeedSequence) -> dict:
    """What is found with one data set: whether each interval holds its truth, 0 or 1, level by level; or why there is no fit."""
    began = time.perf_counter()
    for_data, for_fit = seed.spawn(2)
    made = datasets.simulate(design, np.random.default_rng(for_data))
    if made.problem:
        return {"problem": made.problem}
    sampling = Sampling(chains=4, seed=int(for_fit.generate_state(1)[0]), draws=FIRST_CHECK, cores=1, until=UNTIL)
    draws = sbc.fit(made.design, sampling)
    values = parameters.stack(draws).reshape(-1, len(parameters.all_names(draws, outline(made.design))))
    truth = parameters.stack(made.truths)[0, 0]
    inside = []
    for level in LEVELS:
        low, high = np.quantile(values, [0.5 - 0.5 * level, 0.5 + 0.5 * level], axis=0)
        inside.append("".join("01"[held] for held in ((low <= truth) & (truth <= high)).tolist()))
    how = draws.info["to_precision"]
    return {"inside": inside, "stopped": draws.stopped, "draws": how["draws_a_chain"], "seconds": round(time.perf_counter() - began, 3)}


def some(design: Design, factor: str, levels: int, rows: int, rng: np.random.Generator) -> Design:
    """So many levels of ``factor`` ("": all), and at most so many of their rows, at random."""
    keep = np.arange(design.y.size)
    for f in design.factors:
        if f.name == factor:
            keep = keep[np.isin(f.codes, rng.choice(len(f.levels), levels, replace=False))]
    return datasets.some_rows(design, np.sort(rng.choice(keep, min(rows, keep.size), replace=False)))


@dataclass(frozen=True)
class Covered:
    """What was found with one model: the design used, names of parameters, shares (parameters, levels), and a record for each data set."""

    design: Design
    names: list[str]
    shares: np.ndarray
    found: list[dict]

    @property
    def done(self) -> list[dict]:
        """The data sets with a fit."""
        return [f for f in self.found if "inside" in f]


def cover(name: str, count: int, rows: int | None, seed: int, cores: int, kept: Path | None) -> Covered:
    """Fit ``count`` data sets of a model, those alone that are not in its file of the folder ``kept``."""
    source, priors, factor, levels, most = MODELS[name]
    spec = specs.load(ROOT / "specs" / f"{source}.yaml", {"priors": priors} if priors else {})
    choose, *each = np.random.SeedSequence([seed, *name.encode()]).spawn(count + 1)
    design = some(pipeline.prepare(spec).design, factor, levels, rows or most, np.random.default_rng(choose))
    datasets.check(design)
    file = kept / f"{name}-{design.y.size}-rows-seed-{seed}.jsonl" if kept else None
    found = {}
    if file is not None and file.exists():
        found = {f.pop("dataset"): f for f in map(json.loads, file.read_text(encoding="utf-8").splitlines())}
    missing = [k for k in range(count) if k not in found]
    with ThreadPoolExecutor(cores) as pool:
        for k, new in zip(missing, pool.map(lambda k: one(design, each[k]), missing), strict=True):
            found[k] = new
            if file is not None:
                with file.open("a", encoding="utf-8") as out:
                    out.write(json.dumps({"dataset": k, **new}) + "\n")
    fixed = names.fixed_values(design)
    every = (*names.coefficient_names(design), *names.hyper_names(design), *names.ranef_names(design))
    free = np.array([n not in fixed for n in every])
    records = [found[k] for k in range(count)]
    inside = [[[int(c) for c in level] for level in f["inside"]] for f in records if "inside" in f]
    return Covered(design, [n for n in every if n not in fixed], np.mean(inside, axis=0).T[free], records)


def bands(n: int, tests: int) -> list[tuple[float, float]]:
    """The shares of n that exact intervals stay in, all ``tests`` of all models with probability 1 − SUITE."""
    tail = 0.5 * SUITE / (tests * len(MODELS))
    return [(stats.binom.ppf(tail, n, level) / n, stats.binom.isf(tail, n, level) / n) for level in LEVELS]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--datasets", type=int, default=500)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--kept", type=Path, metavar="FOLDER", help="where each data set is written down as it ends")
    a = parser.parse_args(argv)
    if a.kept:
        a.kept.mkdir(parents=True, exist_ok=True)
    given = f"--models {a.models} --datasets {a.datasets} --seed {a.seed}" + (f" --rows {a.rows}" if a.rows else "")
    print(
        f"# Coverage of intervals\n\n`python benchmarks/interval_coverage.py {given}`, gibbs {__version__}, {datetime.now(UTC):%Y-%m-%d}."
    )
    rule = "R-hat ≤ 1.01, bulk and tail ESS ≥ 1,000 (of random effects 400), at two checks in a row"
    print(
        f"Truths drawn from the priors of the fit; every fit was the default run, until {rule}. A fit that did not get there counts too.\n"
    )
    wrong = 0
    for name in a.models.split(","):
        found = cover(name, a.datasets, a.rows, a.seed, a.cores, a.kept)
        wrong += tell(name, found)
    return 1 if wrong else 0


def tell(name: str, found: Covered) -> int:
    """Print what was found with one model; how many parameters lie outside the band."""
    done, every, shares = found.done, found.names, found.shares
    (low50, high50), (low95, high95) = bands(len(done), len(LEVELS) * len(every))
    sizes = ", ".join(f"{f.name} {len(f.levels)}" for f in found.design.factors)
    priors = "; ".join(f"{k} {v}" for k, v in MODELS[name][1].items()) or "the spec's defaults"
    print(f"## {name}: {len(done)} data sets of {found.design.y.size} rows ({sizes}); priors: {priors}\n")
    stopped = {why: sum(f["stopped"] == why for f in done) for why in sorted({f["stopped"] for f in done} - {""})}
    draws, seconds = np.array([f["draws"] for f in done]), sum(f["seconds"] for f in done)
    words = [f"{len(done) - sum(stopped.values())} of {len(done)} fits ended by the rule"]
    words += [f"{number} at {why}" for why, number in stopped.items()]
    words += [f"{len(found.found) - len(done)} data sets were beyond numbers and left out"] if len(found.found) > len(done) else []
    print(f"{', '.join(words)}. Draws a chain: median {np.median(draws):,.0f}, at most {draws.max():,}; {seconds:,.0f} s of fits.\n")
    print(f"Band of 50 %: {low50:.1%} … {high50:.1%}; of 95 %: {low95:.1%} … {high95:.1%} (Bonferroni over all shares of all models).\n")
    print("| parameter | 50 % | 95 % |\n|---|---|---|")
    effects = np.array([n.startswith("r_") for n in every])
    for n, (half, most) in zip(np.array(every)[~effects], shares[~effects], strict=True):
        print(f"| `{n}` | {half:.1%} | {most:.1%} |")
    if effects.any():
        ranges = [f"{s.min():.1%} … {s.max():.1%} (mean {s.mean():.1%})" for s in shares[effects].T]
        print(f"| {effects.sum()} random effects, lowest … highest | {ranges[0]} | {ranges[1]} |")
    out = [n for n, (half, most) in zip(every, shares, strict=True) if not (low50 <= half <= high50 and low95 <= most <= high95)]
    print(f"\nOutside the band: {', '.join(out) if out else 'none'}.\n", flush=True)
    return len(out)


if __name__ == "__main__":
    sys.exit(main())

"""Long walks and large maps: what a sweep costs, and what it brings.

    python benchmarks/fields.py [WORD …] [--seeds 1,2]
    python benchmarks/fields.py --small [WORD …] [--seeds 1,2,3]

Data are simulated: effects from the law with sd 0.5, an intercept of 0.2, a covariate with coefficient 0.3; one row a level, gaussian with
sigma 0.4, or Poisson with so many events expected; five rows a level of probit. With two columns slopes of x vary too, with sd 0.3 and
correlation 0.4, and levels have three rows. Maps are Delaunay triangulations of random points in a
square, edges longer than 3/√n left out. One chain in this process, 1,000 sweeps of warm-up and 2,000 draws; least effective draws a second
of parameters, and of 200 effects. With ``--small``: walks and maps of some tens of levels in the core and as fields, some of them beside a
second factor, 500 sweeps of warm-up and 2,000 draws, the least of bulk and tail effective draws a second over everything, medians over the
seeds: what `gibbs/model/small_fields.py` stands on. The tables are in fields.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd
from scipy.spatial import Delaunay

import gibbs
from benchmarks import variances
from gibbs.draws import diagnostics
from gibbs.model import fields, pedigrees, small_fields, structures

PROBLEMS = (
    ("rw1", 1_000, "gaussian", 1.0, 1),
    ("rw1", 1_000, "poisson", 5.0, 1),
    ("rw1", 1_000, "poisson", 0.5, 1),
    ("rw2", 10_000, "gaussian", 1.0, 1),
    ("icar", 3_100, "gaussian", 1.0, 1),
    ("icar", 3_100, "probit", 1.0, 1),
    ("icar", 3_100, "poisson", 5.0, 1),
    ("icar", 3_100, "poisson", 0.3, 1),
    ("ar1", 1_000, "gaussian", 1.0, 1),
    ("ar1", 1_000, "poisson", 5.0, 1),
    ("bym2", 3_100, "gaussian", 1.0, 1),
    ("bym2", 3_100, "poisson", 5.0, 1),
    ("leroux", 3_100, "gaussian", 1.0, 1),
    ("leroux", 3_100, "poisson", 5.0, 1),
    ("rw1", 1_000, "gaussian", 1.0, 2),
    ("icar", 3_100, "gaussian", 1.0, 2),
    ("icar", 3_100, "poisson", 5.0, 2),
)
"""Law, levels, family, events expected of a level, columns that vary."""
RHO = {"ar1": 0.9, "bym2": 0.7, "leroux": 0.8}
SMALL = (
    *(("rw1", levels, "gaussian", 1, 0, 1) for levels in (25, 40, 150)),
    ("ar1", 40, "gaussian", 1, 0, 1),
    ("ar1", 150, "gaussian", 1, 0, 1),
    ("ar1", 150, "poisson", 1, 0, 1),
    ("rw2", 40, "poisson", 1, 0, 1),
    ("rw2", 60, "poisson", 1, 0, 1),
    ("icar", 40, "poisson", 1, 0, 1),
    ("icar", 100, "poisson", 1, 0, 1),
    ("bym2", 40, "poisson", 1, 0, 1),
    ("bym2", 150, "poisson", 1, 0, 1),
    *(("leroux", levels, "poisson", 1, 0, 1) for levels in (40, 150)),
    ("rw1", 40, "poisson", 5, 0, 1),
    ("rw1", 40, "poisson", 20, 0, 1),
    ("icar", 100, "probit", 5, 0, 1),
    ("icar", 100, "logit", 5, 0, 1),
    ("icar", 100, "logit", 30, 0, 1),
    *(("rw1", 60, "gaussian", 5, others, 1) for others in (8, 15, 30)),
    *(("rw1", 60, "poisson", 5, others, 1) for others in (8, 15, 30)),
    ("rw1", 150, "gaussian", 5, 30, 1),
    ("icar", 150, "poisson", 5, 30, 1),
    ("bym2", 100, "poisson", 3, 30, 1),
    *(("rw1", levels, "gaussian", 4, 0, 2) for levels in (25, 40, 100)),
    ("ar1", 60, "gaussian", 4, 0, 2),
    ("rw2", 40, "poisson", 4, 0, 2),
    ("icar", 40, "poisson", 4, 0, 2),
    ("icar", 100, "poisson", 4, 0, 2),
    ("icar", 60, "logit", 5, 0, 2),
    *(("pedigree", levels, family, 2, 0, 1) for levels in (40, 60, 150) for family in ("gaussian", "poisson")),
)
"""Law, levels, family, rows a level, levels of a second factor that is crossed with them, columns that vary."""
NEVER = 10**9
"""Levels that no factor has."""


def map_of(n: int, rng: np.random.Generator) -> np.ndarray:
    """(E, 2) neighbours."""
    points = rng.random((n, 2))
    corners = Delaunay(points).simplices
    pairs = np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]]), axis=1)
    near = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1) < 3.0 / np.sqrt(n)
    return np.unique(pairs[near], axis=0)


def herd(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n, 2) parents: five generations, few sires and more dams of the one before."""
    each, parents = n // 5, np.full((n, 2), -1)
    for first in range(each, n, each):
        before = np.arange(first - each, first)
        sires, dams = rng.choice(before, max(each // 8, 1), replace=False), rng.choice(before, each // 2, replace=False)
        young = slice(first, min(first + each, n))
        parents[young] = np.column_stack([rng.choice(sires, n)[young], rng.choice(dams, n)[young]])
    return parents


def law_of(law: str, levels: int, rng: np.random.Generator, folder: Path) -> tuple[fields.Field, str]:
    """(the law, the term); the graph of a map is drawn, and written into ``folder``."""
    term = f"{law}(place)"
    if law in structures.GRAPHS:
        edges = map_of(levels, rng)
        pd.DataFrame(edges, columns=["a", "b"]).to_csv(folder / "map.csv", index=False)
        one = structures.of_areas(law, law, edges, levels, np.ones(levels, dtype=bool), sparse=True).field
        term = f'{law}(place, graph = "{folder / "map.csv"}")'
    elif law == "pedigree":
        parents = herd(levels, rng)
        names = np.append(np.arange(levels).astype(str), "")  # the last: of nobody
        pd.DataFrame({"id": names[:-1], "sire": names[parents[:, 0]], "dam": names[parents[:, 1]]}).to_csv(folder / "herd.csv", index=False)
        R, _ = pedigrees.precision(parents, "", [])
        one = structures.of_precision(law, law, R, np.ones(levels, dtype=bool), "", sparse=True).field
        term = f'(1 | gr(place, pedigree = "{folder / "herd.csv"}"))'
    elif law == "ar1":
        one = fields.of_autoregression(np.minimum(np.arange(levels), 1))
    else:
        one = fields.of_walk(int(law[-1]), np.arange(float(levels)))
    return one, term


def effects_of(one: fields.Field, rng: np.random.Generator) -> np.ndarray:
    """Effects of sd 1."""
    return (one.effects(rng, np.array([RHO[one.law]])) if one.law else one.draws(rng, 1))[0]


def varying(one: fields.Field, columns: int, x: np.ndarray, place: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What effects of sd 0.5 add to every row, and slopes of ``x`` of sd 0.3, correlation 0.4 with them, where two columns vary."""
    e = np.stack([effects_of(one, rng) for _ in range(columns)], axis=1)
    if columns == 1:
        return 0.5 * e[place, 0]
    return 0.5 * e[place, 0] + 0.3 * x * (0.4 * e[place, 0] + np.sqrt(1.0 - 0.4**2) * e[place, 1])


def named(law: str, family: str, columns: int) -> str:
    """The words of a problem."""
    return f"{law} {family}{' slopes' if columns > 1 else ''}"


def outcome(family: str, eta: np.ndarray, events: float, rng: np.random.Generator) -> np.ndarray:
    """Outcomes of a linear predictor."""
    return {
        "gaussian": lambda: eta + 0.4 * rng.standard_normal(eta.size),
        "poisson": lambda: rng.poisson(events * np.exp(eta)),
        "probit": lambda: (eta + rng.standard_normal(eta.size) > 0.0).astype(int),
        "logit": lambda: (eta + rng.logistic(size=eta.size) > 0.0).astype(int),
    }[family]()


def problem(law: str, levels: int, family: str, events: float, columns: int, seed: int, folder: Path) -> tuple[str, pd.DataFrame]:
    """(formula, data)."""
    rng = np.random.default_rng(seed)
    one, term = law_of(law, levels, rng, folder)
    place = np.tile(np.arange(levels), 5 if family == "probit" else 3 if columns > 1 else 1)
    x = rng.standard_normal(place.size)
    y = outcome(family, 0.2 + 0.3 * x + varying(one, columns, x, place, rng), events, rng)
    term = f"(1 + x | {term})" if columns > 1 else term
    data = pd.DataFrame({"y": y, "x": x, "place": place, "log_events": np.log(events)})
    return f"y ~ x + {term}" + (" + offset(log_events)" if family == "poisson" else ""), data


def small_problem(
    law: str, levels: int, family: str, each: int, others: int, columns: int, seed: int, folder: Path
) -> tuple[str, pd.DataFrame]:
    """(formula, data); Poisson levels expect three events a row."""
    rng = np.random.default_rng(seed)
    one, term = law_of(law, levels, rng, folder)
    place = np.repeat(np.arange(levels), each)
    x = rng.standard_normal(place.size)
    eta, data = 0.2 + 0.3 * x + varying(one, columns, x, place, rng), {"x": x, "place": place}
    term = f"(1 + x | {term})" if columns > 1 else term
    if others:
        g = rng.integers(0, others, place.size)
        eta, term = eta + 0.3 * rng.standard_normal(others)[g], term + " + (1 | g)"
        data["g"] = [f"g{k}" for k in g]
    return f"y ~ x + {term}", pd.DataFrame(data | {"y": outcome(family, eta, 3.0, rng)})


def in_core_and_as_field(words: list[str], seeds: list[int]) -> None:
    """Print the table of ``SMALL``."""
    print("| law | levels | columns | family | rows a level | others | in the core | as a field | | µs in the core | as a field |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for law, levels, family, each, others, columns in SMALL:
        if words and not any(word in named(law, family, columns) for word in words):
            continue
        found: dict[int, list[variances.Rate]] = {NEVER: [], 1: []}
        for seed in seeds:
            with tempfile.TemporaryDirectory() as folder:
                made = small_problem(law, levels, family, each, others, columns, seed, Path(folder))
                for least, rates in found.items():
                    small_fields.LEAST, small_fields.OTHERS, small_fields.ROWS_A_LEVEL = least, np.inf, np.inf
                    variances.rate(made, 5, seed, family=family)  # compiled
                    rates.append(variances.rate(made, 2000, seed, family=family))
        core, field = (np.median([(r.least, r.sweep) for r in rates], axis=0) for rates in found.values())
        print(
            f"| {law} | {levels} | {columns} | {family} | {each} | {others or '–'} | {core[0]:,.0f} | {field[0]:,.0f} "
            f"| {field[0] / core[0]:.2f} × | {core[1]:,.0f} | {field[1]:,.0f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("words", nargs="*", help="problems that have one of these words (default: all)")
    parser.add_argument("--seeds", default="1,2", help="of data and chain")
    parser.add_argument("--small", action="store_true", help="some tens of levels, in the core and as fields")
    asked = parser.parse_args()
    if asked.small:
        in_core_and_as_field(asked.words, [int(seed) for seed in asked.seeds.split(",")])
        return
    print("| law | levels | columns | family | events | seed | ms a sweep | sd | its least draws a second | of coefficients | of effects |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for law, levels, family, events, columns in PROBLEMS:
        if asked.words and not any(word in named(law, family, columns) for word in asked.words):
            continue
        for seed in map(int, asked.seeds.split(",")):
            with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                formula, data = problem(law, levels, family, events, columns, seed, Path(folder))
                how = {"family": family, "seed": seed, "chains": 1, "cores": 1, "progress": False}
                gibbs.fit(formula, data, draws=5, warmup=50, **how)  # compiled
                fit = gibbs.fit(formula, data, draws=2000, warmup=1000, **how)
            draws, seconds = fit.arrays, fit.arrays.seconds_sampling[0]
            rate = [float(diagnostics.ess_bulk(x)) / seconds for x in np.moveaxis(draws.hyper, 2, 0)]
            rate_b = [float(diagnostics.ess_bulk(x)) / seconds for x in np.moveaxis(draws.beta, 2, 0)]
            some = np.moveaxis(draws.u[:, :, :: max(1, levels // 200)], 2, 0)
            rate_u = min(float(diagnostics.ess_bulk(x)) for x in some) / seconds
            sd = draws.hyper[:, :, 0]
            print(
                f"| {law} | {levels:,} | {columns} | {family} | {events:g} | {seed} | {1e3 * seconds / 2000:.2f} "
                f"| {sd.mean():.3f} ± {sd.std():.3f} | {min(rate):,.0f} | {min(rate_b):,.0f} | {rate_u:,.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""Long walks and large maps: what a sweep costs, and what it brings.

    python benchmarks/fields.py [WORD …] [--seeds 1,2]

Data are simulated: effects from the law with sd 0.5, an intercept of 0.2, a covariate with coefficient 0.3; one row a level, gaussian with
sigma 0.4, or Poisson with so many events expected; five rows a level of probit. Maps are Delaunay triangulations of random points in a
square, edges longer than 3/√n left out. One chain in this process, 1,000 sweeps of warm-up and 2,000 draws; least effective draws a second
of parameters, and of 200 effects. The table is in fields.md.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import Delaunay

import gibbs
from gibbs.draws import diagnostics
from gibbs.model import fields, structures

PROBLEMS = (
    ("rw1", 1_000, "gaussian", 1.0),
    ("rw1", 1_000, "poisson", 5.0),
    ("rw1", 1_000, "poisson", 0.5),
    ("rw2", 10_000, "gaussian", 1.0),
    ("icar", 3_100, "gaussian", 1.0),
    ("icar", 3_100, "probit", 1.0),
    ("icar", 3_100, "poisson", 5.0),
    ("icar", 3_100, "poisson", 0.3),
    ("ar1", 1_000, "gaussian", 1.0),
    ("ar1", 1_000, "poisson", 5.0),
    ("bym2", 3_100, "gaussian", 1.0),
    ("bym2", 3_100, "poisson", 5.0),
)
"""Law, levels, family, events expected of a level."""
RHO = {"ar1": 0.9, "bym2": 0.7}


def map_of(n: int, rng: np.random.Generator) -> np.ndarray:
    """(E, 2) neighbours."""
    points = rng.random((n, 2))
    corners = Delaunay(points).simplices
    pairs = np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]]), axis=1)
    near = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1) < 3.0 / np.sqrt(n)
    return np.unique(pairs[near], axis=0)


def problem(law: str, levels: int, family: str, events: float, seed: int, folder: Path) -> tuple[str, pd.DataFrame]:
    """(formula, data)."""
    rng = np.random.default_rng(seed)
    term = f"{law}(place)"
    if law in structures.GRAPHS:
        edges = map_of(levels, rng)
        pd.DataFrame(edges, columns=["a", "b"]).to_csv(folder / "map.csv", index=False)
        one, term = fields.of_graph(edges, structures.connected(edges, levels)), f'{law}(place, graph = "{folder / "map.csv"}")'
        one = fields.of_shared_areas(one) if law == "bym2" else one
    elif law == "ar1":
        one = fields.of_autoregression(np.minimum(np.arange(levels), 1))
    else:
        one = fields.of_walk(int(law[-1]), np.arange(float(levels)))
    place = np.tile(np.arange(levels), 5 if family == "probit" else 1)
    x = rng.standard_normal(place.size)
    effects = one.effects(rng, np.array([RHO[law]])) if one.law else one.draws(rng, 1)
    eta = 0.2 + 0.3 * x + 0.5 * effects[0][place]
    y = {
        "gaussian": lambda: eta + 0.4 * rng.standard_normal(place.size),
        "poisson": lambda: rng.poisson(events * np.exp(eta)),
        "probit": lambda: (eta + rng.standard_normal(place.size) > 0.0).astype(int),
    }[family]()
    data = pd.DataFrame({"y": y, "x": x, "place": place, "log_events": np.log(events)})
    return f"y ~ x + {term}" + (" + offset(log_events)" if family == "poisson" else ""), data


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("words", nargs="*", help="problems that have one of these words (default: all)")
    parser.add_argument("--seeds", default="1,2", help="of data and chain")
    asked = parser.parse_args()
    print("| law | levels | family | events | seed | ms a sweep | sd | its least draws a second | of coefficients | of effects |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for law, levels, family, events in PROBLEMS:
        if asked.words and not any(word in f"{law} {family}" for word in asked.words):
            continue
        for seed in map(int, asked.seeds.split(",")):
            with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                formula, data = problem(law, levels, family, events, seed, Path(folder))
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
                f"| {law} | {levels:,} | {family} | {events:g} | {seed} | {1e3 * seconds / 2000:.2f} | {sd.mean():.3f} ± {sd.std():.3f} "
                f"| {min(rate):,.0f} | {min(rate_b):,.0f} | {rate_u:,.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()

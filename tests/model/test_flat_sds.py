"""Flat priors on sds: the posterior of quadrature where there is one (Gelman 2006), a refusal where there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special

import gibbs
from gibbs.calibration.datasets import check as check_simulation
from gibbs.draws import diagnostics
from gibbs.errors import OutputError, PlotError, SpecError
from gibbs.export import jags, stan
from gibbs.model import data, design, flat_sds, spec, structures

EIGHT = pd.DataFrame(
    {"y": [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0], "s": [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0], "g": list("ABCDEFGH")}
)
FLAT = {"intercept": "flat", "sd": "flat"}


@pytest.mark.parametrize("levels", [8, 4, 3])
def test_the_sd_of_a_meta_analysis_has_gelmans_posterior(levels: int) -> None:
    """p(τ | y) ∝ V^½ Π N(y_j; μ̂, s_j² + τ²), V = 1/Σ 1/(s_j² + τ²): Gelman et al., Bayesian Data Analysis, eq. 5.21, flat in τ."""
    table = EIGHT.iloc[:levels]
    fit = gibbs.fit("y | se(s) ~ 1 + (1 | g)", table, priors=FLAT, seed=3, draws=6000, warmup=1000, progress=False)
    log_tau = np.linspace(-12.0, 14.0, 40001)
    v = table["s"].to_numpy()[:, None] ** 2 + np.exp(2.0 * log_tau)
    w = 1.0 / v
    mean = (w * table["y"].to_numpy()[:, None]).sum(axis=0) / w.sum(axis=0)
    log_p = -0.5 * np.log(w.sum(axis=0)) + 0.5 * np.log(w).sum(axis=0)
    log_p += -0.5 * (w * (table["y"].to_numpy()[:, None] - mean) ** 2).sum(axis=0) + log_tau
    p = np.exp(log_p - special.logsumexp(log_p))
    draws = fit.draws.posterior["sd_g__Intercept"].to_numpy()
    for q in (0.1, 0.25, 0.5, 0.75, 0.9):
        at = np.exp(np.interp(q, np.cumsum(p) - 0.5 * p, log_tau))
        below = (draws <= at).astype(float)
        assert abs(below.mean() - q) < 4.7 * float(diagnostics.mcse_mean(below)), q


def test_flat_sds_of_ordinary_models_are_near_wide_uniform_ones() -> None:
    rng = np.random.default_rng(2)
    g = np.arange(120) % 12
    table = pd.DataFrame({"x": rng.normal(size=120), "g": g.astype(str)})
    table["y"] = 1.0 + table["x"] + rng.normal(size=12)[g] + rng.normal(size=120)
    a = gibbs.fit("y ~ x + (1 | g)", table, priors={"sd": "flat", "sigma": "flat"}, seed=1, draws=3000, progress=False)
    wide = {"sd": "uniform(0, 1000)", "sigma": "uniform(0, 1000)"}
    b = gibbs.fit("y ~ x + (1 | g)", table, priors=wide, seed=2, draws=3000, progress=False)
    assert a.convergence.ok
    for name in ("sd_g__Intercept", "sigma", "b_x"):
        x, y = a.draws.posterior[name].to_numpy(), b.draws.posterior[name].to_numpy()
        for of, error in ((np.mean, diagnostics.mcse_mean), (np.std, diagnostics.mcse_sd)):
            assert abs(of(x) - of(y)) < 4.5 * np.hypot(float(error(x)), float(error(y))), name


def built(formula: str, table: pd.DataFrame, **keys: object):
    said = spec.build(formula, **keys)
    return design.build(said, data.read(said, table))


def binary(mixed: int, alike: int) -> pd.DataFrame:
    """Levels with both outcomes, and levels with ones alone; four rows each."""
    y = [0, 1, 1, 0] * mixed + [1, 1, 1, 1] * alike
    return pd.DataFrame({"y": y, "x": np.linspace(-1.0, 1.0, len(y)), "g": [f"g{k // 4}" for k in range(len(y))]})


def test_what_has_no_posterior_is_refused() -> None:
    assert built("y | se(s) ~ 1 + (1 | g)", EIGHT.iloc[:3], priors=FLAT).factors[0].terms[0].sd_priors[0].kind == "flat"
    for levels in (2,):
        with pytest.raises(SpecError, match="a posterior from 3 levels on"):
            built("y | se(s) ~ 1 + (1 | g)", EIGHT.iloc[:levels], priors=FLAT)
        with pytest.raises(SpecError, match="a posterior from 3 levels on"):
            built("y | se(s) ~ 1 + (1 | g)", EIGHT.iloc[:levels], priors={"sd[g]": "flat"})
    built("y ~ x + (1 | g)", binary(3, 4), family="logit", priors=FLAT)
    for family in ("logit", "probit"):
        with pytest.raises(SpecError, match="of the 9 levels of g 2 do"):  # levels that are all alike do not hold it
            built("y ~ x + (1 | g)", binary(2, 7), family=family, priors=FLAT)
    with pytest.raises(SpecError, match="available where one does"):
        built("y ~ x + (1 + x | g)", binary(9, 0), family="logit", priors=FLAT)
    counts = binary(5, 0).assign(y=lambda d: np.where(d["g"] <= "g1", d["y"], 0))
    with pytest.raises(SpecError, match="of the 5 levels of g 2 do"):
        built("y ~ x + (1 | g)", counts, family="poisson", priors=FLAT)
    slopes = binary(5, 0).assign(z=lambda d: np.where(d["g"] <= "g1", d["x"], 0.5))  # z varies within two levels only
    with pytest.raises(SpecError, match="of the 5 levels of g 2 do"):
        built("y ~ x + (1 + z | g)", slopes, priors=FLAT)
    with pytest.raises(SpecError, match="2 flat sds and 1 flat coefficient there is a posterior from 4 levels on"):
        built("y ~ x + (1 | g)", binary(3, 0), priors=FLAT | {"sigma": "flat"})
    with pytest.raises(SpecError, match="sigma has a flat prior"):
        built("y ~ x", EIGHT.iloc[:3].assign(x=[1.0, 2.0, 4.0]), priors={"b": "flat", "intercept": "flat", "sigma": "flat"})


def test_the_refusal_names_its_line(tmp_path) -> None:
    (tmp_path / "m.yaml").write_text("data: d.csv\nformula: y | se(s) ~ 1 + (1 | g)\npriors:\n  b: flat\n  sd[g]: flat\n")
    said = spec.load(tmp_path / "m.yaml")
    with pytest.raises(SpecError) as error:
        design.build(said, data.read(said, EIGHT.iloc[:2]))
    assert error.value.where.endswith("m.yaml, line 5")


def test_simulation_and_exports_say_what_they_can(tmp_path) -> None:
    fit = gibbs.fit("y | se(s) ~ 1 + (1 | g)", EIGHT, priors={"sd": "flat"}, seed=1, draws=50, warmup=50, chains=2, progress=False)
    with pytest.raises(SpecError, match=r"sd\[g\] is flat: nothing can be drawn"):
        check_simulation(fit.design)
    with pytest.raises(OutputError, match="JAGS has none that is improper"):
        jags.export(fit, tmp_path / "jags")
    stan.export(fit, tmp_path / "stan")
    text = (tmp_path / "stan" / "model.stan").read_text()
    assert "real<lower=0> sd_g;" in text and "// sd_g: flat" in text
    with pytest.raises(PlotError, match="is flat: there is no density to draw"):
        fit.plot.priors("sd_g__Intercept")
    assert "flat (improper)" in str(gibbs.check("y | se(s) ~ 1 + (1 | g)", EIGHT, priors={"sd": "flat"}))


# -------------------------------------------------------------------------------------------- levels that know each other

TWELVE = np.arange(48) % 12
PATTERNS = {
    "steps": (TWELVE >= 6).astype(int),  # 0 in the first levels, 1 in the last
    "both": np.arange(48) // 12 % 2,  # 0 and 1 in every level
    "some": np.where(TWELVE < 4, np.arange(48) // 12 % 2, TWELVE >= 6),  # both in the first four, steps in the others
    "one": np.where(TWELVE == 5, 0, np.arange(48) // 12 % 2),  # both in all but one
}


@pytest.mark.parametrize(
    ("term", "held"),
    [
        # Effects of any size: a level is held where it has both.
        ('(1 | gr(a, cov = "I.csv"))', {"steps": 0, "both": 12, "some": 4, "one": 11}),
        ("mm(g, g2)", {"steps": 0, "both": 12, "some": 4, "one": 11}),
        ("ar1(g)", {"steps": 0, "both": 12, "some": 4, "one": 11}),
        ('bym2(a, graph = "line.csv")', {"steps": 0, "both": 12, "some": 4, "one": 11}),
        # That sum to zero: eleven directions, and one level alone cannot leave 0.
        ("rw1(g)", {"steps": 0, "both": 11, "some": 4, "one": 11}),
        ('icar(a, graph = "line.csv")', {"steps": 0, "both": 11, "some": 4, "one": 11}),
        ('leroux(a, graph = "line.csv")', {"steps": 0, "both": 11, "some": 4, "one": 11}),
        # That have no straight line besides: what is 0 or less, then 0 or more, and has neither mean nor slope, is 0.
        ("rw2(g)", {"steps": 10, "both": 10, "one": 10}),
        ("s(g, k = 12)", {"steps": 10, "both": 10, "one": 10}),
    ],
)
def test_directions_that_the_rows_hold(term: str, held: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = [f"l{k:02}" for k in range(12)]
    pd.DataFrame(np.eye(12), index=names, columns=names).to_csv("I.csv")
    pd.DataFrame({"a": names[:-1], "b": names[1:]}).to_csv("line.csv", index=False)
    table = pd.DataFrame({"g": TWELVE, "g2": TWELVE, "a": [names[k] for k in TWELVE]})
    for pattern, d in held.items():
        made = built(f"y ~ 1 + {term}", table.assign(y=PATTERNS[pattern]), family="logit")
        assert flat_sds.directions(made, made.factors[0], np.ones(48, dtype=bool)) == d, pattern
    if held["steps"] == 0:
        with pytest.raises(SpecError, match=r"of 1\d they hold 0\. The sd would run off to infinity"):
            built(f"y ~ 1 + {term}", table.assign(y=PATTERNS["steps"]), family="logit", priors={"sd": "flat"})
    for pattern in ("both", "one"):
        built(f"y ~ 1 + {term}", table.assign(y=PATTERNS[pattern]), family="logit", priors={"sd": "flat"})


BORDERS = {
    "line": [(k, k + 1) for k in range(11)],
    "pairs": [(0, 1), (2, 3), (4, 5), (5, 6), (6, 7), (7, 8)],  # components of two and five areas, and three islands
    "parts": [(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (5, 6), (6, 3), (7, 8), (8, 9), (9, 10)],
}


@pytest.mark.parametrize("borders", [*BORDERS, "rw1", "rw2"])
@pytest.mark.parametrize("seed", range(8))
def test_directions_of_a_field_are_those_of_its_basis(borders: str, seed: int) -> None:
    """Counted by levels and components, and by the rank of the rows of B that hold: some levels with both, some all alike, some without
    rows."""
    rng = np.random.default_rng(seed)
    of_level = rng.choice([-1, 0, 1, 2], size=12, p=[0.1, 0.25, 0.25, 0.4])
    rows = np.repeat(np.arange(12), 2)[np.repeat(of_level, 2) >= 0]
    y = np.where(of_level[rows] == 2, np.arange(rows.size) % 2, of_level[rows])
    y[:2] = 0, 1
    made = built("y ~ 1 + (1 | g)", pd.DataFrame({"g": [f"l{k:02}" for k in rows], "y": y}), family="logit")
    factor, known = made.factors[0], np.ones(rows.size, dtype=bool)
    levels = tuple(f"l{k:02}" for k in range(12))
    found = []
    for sparse in (False, True):
        if borders in BORDERS:
            own = structures.of_graph("icar(g)", np.array(BORDERS[borders]), 12, known, sparse)
        else:
            own = structures.of_walk(borders, f"{borders}(g)", np.arange(12.0), known, sparse)
        found.append(flat_sds.directions(made, replace(factor, levels=levels, codes=rows.astype(np.int32), structure=own), known))
    assert found[0] == found[1]


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_walks_of_real_outcomes_and_counts_hold_all_their_directions(family: str) -> None:
    table = pd.DataFrame({"g": TWELVE, "y": 1 + TWELVE % 3})
    made = built("y ~ 1 + rw1(g)", table, family=family, priors={"sd": "flat"})
    assert flat_sds.directions(made, made.factors[0], np.ones(48, dtype=bool)) == 11

"""The seed's models in JAGS and here: one posterior (issue 5, point 9). Minutes a model, so slow; skipped where JAGS is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gibbs
from tests.export import against_jags, models

SPECS = Path(__file__).resolve().parents[2] / "specs"

RUNS = {  # name: rows of the data (None: all), iterations of JAGS, burn-in
    "peru_m1": (None, 2000, 500),
    "peru_m2": (None, 2000, 500),
    "peru_m3": (None, 2000, 500),
    "peru_m4": (None, 3000, 1000),
    "peru_m5": (None, 3000, 1000),
    "peru_m6": (1200, 4000, 1000),
    "peru_m6_probit": (1200, 4000, 1000),
    "peru_m7": (1200, 4000, 1000),
    "peru_m8": (None, 4000, 1000),
    "turnout_apc": (1500, 5000, 1000),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_the_models_of_the_seed(name: str, tmp_path: Path) -> None:
    against_jags.need_jags()
    rows, iterations, burn_in = RUNS[name]
    spec = SPECS / f"{name}.yaml"
    if rows is None:
        fit = gibbs.fit(spec, progress=False, draws=4000)
    else:
        data = SPECS / "data" / ("turnout.csv.gz" if name == "turnout_apc" else "peru.csv")
        fit = gibbs.fit(spec, pd.read_csv(data).sample(rows, random_state=5), progress=False, draws=4000)
    draws, _ = against_jags.run(fit, tmp_path / "jags", iterations, burn_in)
    found = against_jags.table(fit, draws)
    print(f"\n{name}: {len(fit.design.y)} rows, {len(found)} parameters, max |z| {found['z'].abs().max():.2f}")
    print(found[~found.index.str.startswith("r_")].round(4).to_string())
    against_jags.assert_equal(found)


SLOW_TO_MIX = {
    *("student", "student_exponential", "gaussian_huang_wand", "ordinal", "ordinal_flat", "ordinal_probit", "poisson_offset"),
    *(name for name in models.MODELS if name.startswith(("effects_", "neighbours_"))),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", models.MODELS)
def test_every_family_and_prior(name: str, tmp_path: Path) -> None:
    """The small models of ``models``: every likelihood, link, prior and shape of grouping, in JAGS and here."""
    against_jags.need_jags()
    fit = models.fitted(name, draws=4000)
    thin = 5 if name in SLOW_TO_MIX else 2
    draws, _ = against_jags.run(fit, tmp_path / "jags", 2000 * thin, 1000, thin)
    found = against_jags.table(fit, draws)
    print(f"\n{name}: {len(found)} parameters, max |z| {found['z'].abs().max():.2f}")
    print(found[~found.index.str.startswith("r_")].round(4).to_string())
    against_jags.assert_equal(found)


def shown_by_the_data(seed: int = 20) -> pd.DataFrame:
    """90 levels, 60 of A and 30 of B, of five rows each, whose effects are Student-t with 2.5 df and scales 0.5 and 1.5."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(90), 5)
    z = np.array(["A", "B"])[(np.arange(90) % 3 == 2).astype(int)]
    u = np.where(z == "A", 0.5, 1.5) * rng.standard_t(2.5, size=90)
    x = rng.normal(size=g.size).round(3)
    eta = 0.4 * x + u[g]
    trials = rng.integers(5, 20, size=g.size)
    s = rng.binomial(trials, 1.0 / (1.0 + np.exp(-eta)))
    y = (eta + 0.5 * rng.normal(size=g.size)).round(3)
    return pd.DataFrame({"y": y, "s": s, "trials": trials, "x": x, "z": z[g], "g": [f"g{k:02}" for k in g]})


SHOWN = {
    "student": ('y ~ x + (1 | gr(g, dist = "student"))', "gaussian"),
    "by": ("y ~ x + (1 + x | gr(g, by = z))", "gaussian"),
    "both": ('y ~ x + (1 | gr(g, by = z, dist = "student"))', "gaussian"),
    "both_binomial": ('s | trials(trials) ~ x + (1 | gr(g, by = z, dist = "student"))', "binomial"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SHOWN)
def test_heavy_effects_and_groups_that_the_data_show(name: str, tmp_path: Path) -> None:
    """Where df and the scales of the groups are learnt from many levels, not from their priors."""
    against_jags.need_jags()
    formula, family = SHOWN[name]
    fit = gibbs.fit(formula, shown_by_the_data(), family=family, seed=12, draws=4000, progress=False)
    draws, _ = against_jags.run(fit, tmp_path / "jags", 16_000, 2000, 4)
    found = against_jags.table(fit, draws)
    print(f"\n{name}: {len(found)} parameters, max |z| {found['z'].abs().max():.2f}")
    print(found[~found.index.str.startswith("r_")].round(4).to_string())
    against_jags.assert_equal(found)

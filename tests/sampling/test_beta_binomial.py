"""A beta-binomial model as a user fits it, against integrals: means and sds of all parameters and effects."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import gibbs
from gibbs.errors import DataError, SpecError
from tests.oracles.grid import integrate_on_grid

NODES = np.linspace(-6.5, 6.5, 41)
"""Of the trapezoidal rule for an effect in units of its sd, which for a normal times a smooth likelihood is right to 1e-8."""
PRIORS = {"b[Intercept]": "normal(-1, 1.5)", "sd[g]": "half_normal(1)", "phi": "lognormal(1.5, 1)"}


def table(rows: int = 18, levels: int = 6, seed: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g = np.arange(rows) % levels
    n = rng.integers(3, 25, rows)
    mean = special.expit(-0.8 + 0.7 * rng.standard_normal(levels)[g])
    return pd.DataFrame({"s": rng.binomial(n, rng.beta(4.0 * mean, 4.0 * (1 - mean))), "n": n, "g": g})


def by_quadrature(data: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Mean and sd of δ, σ, φ (on a grid of δ, log σ, log φ, the effects integrated out), and the mean of every effect."""
    s, n, g = (data[c].to_numpy() for c in ("s", "n", "g"))
    levels, weight = g.max() + 1, np.exp(-0.5 * NODES**2)
    weight = weight / weight.sum()
    choose = special.betaln(s + 1.0, n - s + 1.0) + np.log1p(n)

    def by_level(at: np.ndarray) -> np.ndarray:
        """log of the likelihood of the rows of each level at each node: (G, levels, nodes)."""
        intercept, log_sd, log_phi = at.T[:, :, None]
        mean = special.expit(intercept + np.exp(log_sd) * NODES)
        phi, total = np.exp(log_phi), np.zeros((len(at), levels, NODES.size))
        for i in range(s.size):
            a, b = mean * phi, (1.0 - mean) * phi
            total[:, g[i]] += special.betaln(s[i] + a, n[i] - s[i] + b) - special.betaln(a, b) - choose[i]
        return total

    def log_density(at: np.ndarray) -> np.ndarray:
        value = special.logsumexp(by_level(at), b=weight, axis=2).sum(axis=1)
        value += stats.norm.logpdf(at[:, 0], -1.0, 1.5) + stats.norm.logpdf(np.exp(at[:, 1])) + at[:, 1]
        return value + stats.norm.logpdf(at[:, 2], 1.5, 1.0)

    grid = integrate_on_grid(log_density, np.array([-0.8, -0.4, 1.4]), [(-np.inf, np.inf)] * 3, 6)
    found = {}
    for k, (name, change) in enumerate((("b_Intercept", None), ("sd_g__Intercept", np.exp), ("phi", np.exp))):
        margin = grid.margin(k, [0.5], change)
        found[name] = margin.mean, margin.sd
    effects = np.zeros(levels)
    for part in np.array_split(np.arange(len(grid.points)), max(1, len(grid.points) // 4000)):
        at = grid.points[part]
        post = np.exp(by_level(at) - by_level(at).max(axis=2, keepdims=True)) * weight
        mean = (post @ NODES) / post.sum(axis=2) * np.exp(at[:, 1:2])
        effects += grid.mass[part] @ mean
    return found | {f"r_g[{j},Intercept]": (float(effects[j]), np.nan) for j in range(levels)}


@pytest.mark.slow
def test_the_posterior_is_that_of_quadrature() -> None:
    """Within 4.5 Monte Carlo standard errors of each mean (a chance of 7e-6 each), and 5 % of each sd."""
    data = table()
    fit = gibbs.fit("s | trials(n) ~ 1 + (1 | g)", data, family="beta_binomial", priors=PRIORS, draws=10_000, seed=3, progress=False)
    main, effects = fit.summary(), fit.ranef(summary=True)
    for name, (mean, sd) in by_quadrature(data).items():
        if name.startswith("r_"):
            row = effects[effects["level"].astype(str) == name[len("r_g[")]].iloc[0]
            got, error = row["mean"], row["sd"] / np.sqrt(row["ess_bulk"])
        else:
            got, error = main.loc[name, "mean"], main.loc[name, "mcse_mean"]
            assert main.loc[name, "sd"] == pytest.approx(sd, rel=0.05), name
        assert abs(got - mean) < 4.5 * error, (name, got, mean, error)


@pytest.fixture(scope="module")
def fit():
    return gibbs.fit("s | trials(n) ~ 1 + (1 | g)", table(), family="beta_binomial", draws=400, warmup=300, seed=3, progress=False)


def test_every_answer_knows_phi(fit) -> None:
    assert "phi" in fit.summary().index and 0.0 < fit.summary().loc["phi", "mean"] < 1e4
    assert "phi = identity" in str(fit) and "beta_binomial" in str(fit)
    assert fit.loo().n == 18
    rows = fit.predict(kind="outcome", draws=True)
    values = np.asarray(rows, dtype=float)
    assert values.shape[-1] == 18 and values.min() >= 0 and (values <= fit.design.trials).all()
    again = fit.predict(pd.DataFrame({"g": [0, 99], "n": [10, 10]}), allow_new=True, kind="expected")
    assert len(again) == 2
    assert 0.0 < fit.r2().loc["conditional", "mean"] < 1.0
    assert fit.variance_shares().loc[:, "share"].sum() == pytest.approx(1.0, abs=0.01)


def test_what_it_is_not_for_is_said() -> None:
    data = table()
    data["one"], data["yes"] = 1, (data["s"] > 3).astype(int)
    with pytest.raises(DataError, match=r"needs the number of trials of every row: write yes \| trials\(n\)"):
        gibbs.check("yes ~ 1 + (1 | g)", data, family="beta_binomial")
    told = str(gibbs.check("yes | trials(one) ~ 1 + (1 | g)", data, family="beta_binomial"))
    assert "no row of yes has more than one trial" in " ".join(told.split())
    with pytest.raises(SpecError, match="the family beta_binomial has no shape; only family negative_binomial has"):
        gibbs.check("s | trials(n) ~ 1", data, family="beta_binomial", priors={"shape": "half_normal(1)"})
    with pytest.raises(SpecError, match="the family binomial has no phi; only family beta_binomial has"):
        gibbs.check("s | trials(n) ~ 1", data, family="binomial", priors={"phi": "half_normal(1)"})


def test_check_prints_the_model_and_the_prior() -> None:
    told = " ".join(str(gibbs.check("s | trials(n) ~ 1 + (1 | g)", table(), family="beta_binomial")).split())
    assert "phi: lognormal, its log of mean 2.3 and sd 2" in told or "phi lognormal, its log of mean 2.3 and sd 2" in told
    assert "p_i ~ Beta(μ_i φ, (1 − μ_i) φ)" in told and "phi: slices given the linear predictor" in told

"""Draws under sampling weights: equal to those without, or with doubled rows, where they must be; closed forms and quadrature elsewhere."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.draws import diagnostics

RNG = np.random.default_rng(11)
N, J = 240, 12
GROUP = np.repeat(np.arange(J), N // J)
X = RNG.normal(size=N)
ETA = 0.3 + 0.6 * X + 0.7 * RNG.normal(size=J)[GROUP]
ROWS = pd.DataFrame(
    {
        "y": ETA + RNG.normal(size=N),
        "b": (RNG.random(N) < 1 / (1 + np.exp(-ETA))).astype(int),
        "n": RNG.poisson(np.exp(0.5 * ETA)),
        "o": np.digitize(ETA + RNG.logistic(size=N), [-1.0, 1.0]),
        "x": X,
        "g": GROUP,
        "w": RNG.exponential(size=N) + 0.2,
        "wg": (RNG.exponential(size=J) + 0.3)[GROUP],
    }
)
PRIORS = {"b": "normal(0, 3)", "sd": "half_normal(0, 2)"}
SHORT = {"chains": 2, "warmup": 100, "draws": 60, "seed": 3, "progress": False}
FAMILIES = [("y", "gaussian"), ("b", "logit"), ("n", "poisson"), ("n", "negative_binomial"), ("o", "ordinal")]


def fit(formula: str, rows: pd.DataFrame = ROWS, **keys: object):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return gibbs.fit(formula, rows, **{**SHORT, **keys})


def assert_same_draws(one, other) -> None:
    for name in ("beta", "hyper", "u"):
        np.testing.assert_array_equal(getattr(one.arrays, name), getattr(other.arrays, name))


@pytest.mark.parametrize(("outcome", "family"), FAMILIES)
def test_weights_that_are_all_alike_change_no_draw(outcome: str, family: str) -> None:
    text, rows = f"{outcome} ~ x + (1 | g)", ROWS.assign(w=7.3)
    assert_same_draws(fit(text, rows, family=family), fit(text, rows, family=family, weights={"column": "w", "type": "sampling"}))


@pytest.mark.parametrize(("outcome", "family"), FAMILIES)
def test_weights_of_2_as_they_are_make_the_draws_of_frequency_weights(outcome: str, family: str) -> None:
    text, rows = f"{outcome} ~ x + (1 | g)", ROWS.assign(w=2)
    further = {"cutpoints": "normal(0, 3)"} if family == "ordinal" else {"b[Intercept]": "normal(0, 3)"}
    further |= {"sigma": "half_normal(0, 2)"} if family == "gaussian" else {}
    keys = {"family": family, "priors": {**PRIORS, **further}, "scheme": "auto" if family == "gaussian" else "second-order"}
    one = fit(text, rows, weights={"column": "w", "type": "sampling", "scale": "none"}, **keys)
    other = fit(text, rows, weights={"column": "w", "type": "frequency"}, **keys)
    assert_same_draws(one, other)


def test_levels_of_equal_weight_change_no_draw() -> None:
    assert_same_draws(fit("y ~ x + (1 + x | g)"), fit("y ~ x + (1 + x | gr(g, pw = wg))", ROWS.assign(wg=4.0)))


def z_scores(draws: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """How many Monte Carlo errors the means of (chain, draw, k) draws are from ``expected``."""
    sd = draws.std(axis=(0, 1))
    return (draws.mean(axis=(0, 1)) - expected) / (sd / np.sqrt(diagnostics.ess_bulk(draws)))


@pytest.mark.parametrize("scheme", ["auto", "one-at-a-time"])
def test_known_variances_have_a_closed_form(scheme: str) -> None:
    """u_j | y has precision Σ_i w_i/s² + w_j/τ², rows and levels both weighted."""
    found = fit(
        'y | se(s) + weights(w, type = "sampling", scale = "effective") ~ 0 + (1 | gr(g, pw = wg))',
        ROWS.assign(s=0.8),
        priors={"sd[g]": "fixed(0.6)"},
        scheme=scheme,
        **{**SHORT, "draws": 4000, "warmup": 200},
    )
    scaled = ROWS["w"] * (ROWS.groupby("g")["w"].transform("sum") / (ROWS["w"] ** 2).groupby(ROWS["g"]).transform("sum"))
    level = ROWS.groupby("g")["wg"].first()
    precision = scaled.groupby(ROWS["g"]).sum() / 0.8**2 + level / level.mean() / 0.6**2
    mean = (scaled * ROWS["y"]).groupby(ROWS["g"]).sum() / 0.8**2 / precision
    u = found.arrays.u
    assert np.abs(z_scores(u, mean.to_numpy())).max() < 4.5
    assert np.abs(z_scores((u - mean.to_numpy()) ** 2, 1 / precision.to_numpy())).max() < 4.5


def test_the_sd_of_weighted_levels_by_quadrature() -> None:
    """With known errors ȳ_j ~ N(0, s²/n + τ²/w_j), the levels' own scale; the weight of level j is in its law alone."""
    found = fit(
        "y | se(s) ~ 0 + (1 | gr(g, pw = wg))", ROWS.assign(s=0.8), priors={"sd[g]": "half_normal(0, 1)"}, **{**SHORT, "draws": 8000}
    )
    tau = np.linspace(1e-4, 5, 20_001)
    mean, level = ROWS.groupby("g")["y"].mean().to_numpy(), ROWS.groupby("g")["wg"].first().to_numpy()
    variance = 0.8**2 / (N // J) + tau[:, None] ** 2 / (level / level.mean())
    log = -0.5 * np.sum(np.log(variance) + mean**2 / variance, axis=1) - 0.5 * tau**2
    density = np.exp(log - log.max())
    expected = np.array([np.sum(density * tau), np.sum(density * tau**2)]) / np.sum(density)
    sd = found.arrays.hyper[:, :, :1]
    assert np.abs(z_scores(np.concatenate([sd, sd**2], axis=2), expected)).max() < 4.5


def test_a_weighted_logit_by_quadrature() -> None:
    """Π p^{w_i} with two coefficients, on a grid."""
    from scipy.special import log_expit

    prior = {"b[Intercept]": "normal(0, 2)", "b[x]": "normal(0, 2)"}
    some = ROWS.iloc[:80]
    found = fit(
        "b ~ x", some, family="logit", weights={"column": "w", "type": "sampling"}, priors=prior, **{**SHORT, "draws": 4000, "warmup": 300}
    )
    w = (some["w"] * (len(some) / some["w"].sum())).to_numpy()
    a, b = np.meshgrid(np.linspace(-3, 3, 241), np.linspace(-3, 3, 241), indexing="ij")
    eta = a[..., None] + b[..., None] * some["x"].to_numpy()
    log = np.sum(w * (some["b"].to_numpy() * log_expit(eta) + (1 - some["b"].to_numpy()) * log_expit(-eta)), axis=2) - (a**2 + b**2) / 8
    density = np.exp(log - log.max())
    density /= density.sum()
    expected = np.array([(density * a).sum(), (density * b).sum(), (density * a**2).sum(), (density * b**2).sum()])
    beta = found.arrays.beta
    assert np.abs(z_scores(np.concatenate([beta, beta**2], axis=2), expected)).max() < 4.5

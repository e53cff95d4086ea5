"""Precision weights, variance sigma²/w: the posterior against a closed form and lmer, and everything that is made of sigma after it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import gibbs
from gibbs.calibration import datasets
from gibbs.criticism import marginal
from gibbs.draws import diagnostics
from gibbs.draws.outline import outline
from gibbs.errors import DataError, FormulaError, SpecError
from gibbs.model import data, design, spec
from gibbs.posterior import loglik, variances
from gibbs.posterior.linear import linear_predictor, rows_of
from gibbs.sampling import pack, plan
from tests.posterior import fabricated

FAULT = Path(__file__).resolve().parents[3] / "shared" / "faults" / "prior_weights" / "data.csv"
PRECISION = {"column": "w", "type": "precision"}


def means(rows: int = 40, seed: int = 3) -> pd.DataFrame:
    """Outcomes of variance 0.49/w about 1 + 2x + a group's effect; w is no whole number."""
    rng = np.random.default_rng(seed)
    w = rng.uniform(0.2, 30.0, size=rows)
    x, g = rng.normal(size=rows), np.arange(rows) % 8
    y = 1.0 + 2.0 * x + 0.3 * rng.normal(size=8)[g] + 0.7 * rng.normal(size=rows) / np.sqrt(w)
    return pd.DataFrame({"y": y, "x": x, "w": w, "g": [f"g{j}" for j in g]})


def test_the_posterior_is_that_of_weighted_least_squares() -> None:
    """y ~ N(Xβ, σ²/w), β flat, σ² ~ IG(2, 1): β is a t about weighted least squares, σ² is inverse-gamma."""
    table = means()
    fit = gibbs.fit(
        "y ~ x", table, weights=PRECISION, priors={"b": "flat", "intercept": "flat", "sigma": "inverse_gamma(2, 1)"},
        seed=1, draws=4000, progress=False,
    )  # fmt: skip
    X = np.column_stack([np.ones(len(table)), table["x"]])
    W = table["w"].to_numpy()
    A = X.T @ (X * W[:, None])
    beta = np.linalg.solve(A, X.T @ (W * table["y"]))
    squares = float(np.sum(W * (table["y"] - X @ beta) ** 2))
    shape, rate = 2.0 + 0.5 * (len(table) - 2), 1.0 + 0.5 * squares
    exact = {
        "b_Intercept": stats.t(2 * shape, beta[0], np.sqrt(rate / shape * np.linalg.inv(A)[0, 0])),
        "b_x": stats.t(2 * shape, beta[1], np.sqrt(rate / shape * np.linalg.inv(A)[1, 1])),
        "sigma": stats.invgamma(shape, scale=rate),
    }
    for name, law in exact.items():
        x = fit.draws.posterior[name].to_numpy()
        u = law.cdf(x**2 if name == "sigma" else x)  # uniform
        for found, wanted in ((u, 0.5), ((u - 0.5) ** 2, 1 / 12)):
            assert abs(found.mean() - wanted) < 4.5 * float(diagnostics.mcse_mean(found)), name


@pytest.mark.skipif(not FAULT.is_file(), reason="../shared/faults is not here")
def test_group_means_give_what_lmer_gives() -> None:
    table = pd.read_csv(FAULT)
    fit = gibbs.fit("ybar ~ x + (1 | g)", table, weights={"column": "n", "type": "precision"}, seed=1, progress=False)
    found = fit.summary()
    assert found.loc["b_x", "mean"] == pytest.approx(0.5011, abs=0.002)
    assert found.loc["b_x", "sd"] == pytest.approx(0.0197, abs=0.001)
    assert found.loc["sd_g__Intercept", "q50"] == pytest.approx(0.313, abs=0.02)  # lmer: the mode of a skew law
    assert found.loc["sigma", "q50"] == pytest.approx(1.164, abs=0.03)
    assert fit.convergence.ok


@pytest.mark.filterwarnings("ignore:.*without an intercept")  # a column of roots stands in its place
@pytest.mark.parametrize("family", ["gaussian", "student"])
def test_rows_times_the_root_of_their_weight_are_the_same_model(family: str) -> None:
    """√w y = √w Xβ + √w u + σ e: the posterior of the rows so multiplied, by the code that knows no weights."""
    table = means(60, seed=5)
    root = np.sqrt(table["w"])
    table = table.assign(ys=root * table["y"], one=root, xs=root * table["x"])
    priors = {"b": "normal(0, 5)", "sd": "half_t(3, 0, 1)", "sigma": "half_t(3, 0, 1)"}
    more = {"family": family, "draws": 3000, "progress": False}
    if family == "student":
        priors["nu"] = "exponential(0.1)"
    a = gibbs.fit("y ~ x + (1 + x || g)", table, weights=PRECISION, priors=priors | {"b[Intercept]": "normal(0, 5)"}, seed=1, **more)
    b = gibbs.fit("ys ~ 0 + one + xs + (0 + one + xs || g)", table, priors=priors, seed=2, **more)
    pairs = {"b_Intercept": "b_one", "b_x": "b_xs", "sd_g__Intercept": "sd_g__one", "sd_g__x": "sd_g__xs", "sigma": "sigma"}
    for mine, other in (pairs | ({"nu": "nu"} if family == "student" else {})).items():
        x, y = a.draws.posterior[mine].to_numpy(), b.draws.posterior[other].to_numpy()
        for of, error in ((np.mean, diagnostics.mcse_mean), (np.std, diagnostics.mcse_sd)):
            assert abs(of(x) - of(y)) < 4.5 * np.hypot(float(error(x)), float(error(y))), mine


def built(formula: str, table: pd.DataFrame, **keys: object):
    said = spec.build(formula, **keys)
    return design.build(said, data.read(said, table))


def test_defaults_do_not_know_the_unit_of_the_weights() -> None:
    table = means()
    one = built('y | weights(w, type = "precision") ~ x + (1 | g)', table)
    other = built("y ~ x + (1 | g)", table.assign(w=100 * table["w"]), weights=PRECISION)
    assert other.sigma_prior.args[2] == pytest.approx(10 * one.sigma_prior.args[2])
    assert other.coefficient_priors[1].scale == one.coefficient_priors[1].scale
    np.testing.assert_array_equal(built("y ~ x", table.assign(w=4.0), weights=PRECISION).precision, 4.0)


@pytest.mark.parametrize("family", ["gaussian", "student"])
def test_likelihoods_predictions_and_shares(family: str) -> None:
    table = means(24)
    keys = {"family": family, "weights": PRECISION, "seed": 1, "draws": 100, "warmup": 100, "chains": 2}
    fit = gibbs.fit("y ~ x + (1 | g)", table, progress=False, **keys)
    model, sigma = fit.design, fit.draws.posterior["sigma"].to_numpy().reshape(-1, 1)
    every = np.arange(len(table))
    eta = linear_predictor(fit.arrays, *rows_of(model))
    scale = sigma / np.sqrt(table["w"].to_numpy())
    if family == "gaussian":
        wanted = stats.norm.logpdf(table["y"].to_numpy(), eta, scale)
    else:
        wanted = stats.t.logpdf(table["y"].to_numpy(), fit.draws.posterior["nu"].to_numpy().reshape(-1, 1), eta, scale)
    np.testing.assert_allclose(loglik.of_rows(fit.arrays, fit.outline, model, every), wanted, rtol=1e-9)

    factor = float(np.mean(1.0 / table["w"]))
    assert fit.outline.variance_factor == pytest.approx(factor)
    residual, label = variances.residual_variance(fit.arrays, fit.outline)
    if family == "gaussian":
        np.testing.assert_allclose(residual.reshape(-1), factor * sigma[:, 0] ** 2)
    assert "sigma²/w" in label

    rows = pd.DataFrame({"x": np.zeros(4000), "g": "g1", "w": np.repeat([1.0, 400.0], 2000)})
    drawn = fit.predict(rows, kind="outcome")
    near, far = drawn["sd"].to_numpy()[2000:], drawn["sd"].to_numpy()[:2000]
    bare = fit.predict(rows.drop(columns="w"), kind="outcome")
    np.testing.assert_array_equal(bare["sd"].to_numpy()[:2000], far)  # a new row without a weight is one observation
    assert near.mean() < 0.6 * far.mean()
    with pytest.raises(DataError, match="precision weight is greater than 0"):
        fit.predict(rows.assign(w=0.0), kind="outcome")


def test_the_likelihood_of_a_group_with_its_effects_integrated_out() -> None:
    """Against the multivariate normal density, N(Xβ, τ² 1 1' + σ² W⁻¹)."""
    table = means(24)
    model = built("y ~ x + (1 | g)", table, weights=PRECISION)
    made = fabricated.draws(model, chains=1, kept=3)
    known = outline(model)
    values = marginal.matrix(made, known, model, marginal.levels_of(known, model, "g"))[0]
    beta, hyper = made.beta[0], dict(zip(made.hyper_names, np.moveaxis(made.hyper[0], 1, 0), strict=True))
    for j in range(8):
        rows = np.flatnonzero(model.factors[0].codes == j)
        for s in range(3):
            cov = hyper["sd_g__Intercept"][s] ** 2 * np.ones((3, 3)) + np.diag(hyper["sigma"][s] ** 2 / table["w"].to_numpy()[rows])
            mean = model.X[rows] @ beta[s]
            assert values[s, j] == pytest.approx(stats.multivariate_normal.logpdf(table["y"].to_numpy()[rows], mean, cov), rel=1e-9)


def test_simulated_data_have_the_variances_they_should() -> None:
    table = means(400)
    keys = {"priors": {"b": "normal(0, 0.001)", "intercept": "normal(0, 0.001)", "sd": "0.001", "sigma": "2"}}
    model = built("y ~ x + (1 | g)", table, weights=PRECISION, **keys)
    drawn = np.stack([datasets.simulate(model, np.random.default_rng(s)).design.y for s in range(200)])
    z = (drawn * np.sqrt(table["w"].to_numpy()) / 2.0) ** 2
    total = z.sum()  # chi-squared
    assert abs(special.ndtri(stats.chi2.cdf(total, z.size))) < 4.0


@pytest.mark.parametrize(
    ("formula", "table", "keys", "says"),
    [
        ("y ~ x", {"w": 0.0}, {}, "it is 0 in rows 1, 2"),
        ("y ~ x", {"w": -1.5}, {}, "it is negative in rows 1, 2"),
        ("b ~ x", {"b": [0, 1] * 20}, {"family": "logit"}, "which families gaussian and student have"),
        ("y | se(w) ~ x", {}, {}, "the standard errors are known"),
        ('y | weights(w, type = "precision") ~ x', {}, {}, "keep one"),
        ("y | weights(w) ~ x", {}, {"weights": None}, 'weights(w, type = "precision")'),
        ("y ~ x", {}, {"weights": {"column": "w", "type": "precisoin"}}, "Did you mean 'precision'?"),
        ("y ~ x", {}, {"weights": {"column": "w", "type": "analytic"}}, "are of type precision"),
        ("y ~ x", {}, {"weights": {"column": "v", "type": "precision"}}, "no column 'v'"),
    ],
)
def test_what_is_refused(formula: str, table: dict, keys: dict, says: str) -> None:
    with pytest.raises((DataError, SpecError, FormulaError)) as error:
        built(formula, means().assign(**table), **({"weights": PRECISION} | keys))
    assert says in error.value.message


def test_missing_weights_are_missing_rows() -> None:
    table = means()
    table.loc[[2, 5], "w"] = np.nan
    assert built("y ~ x", table, weights=PRECISION).dropped == {"w": 2}
    with pytest.raises(DataError, match="'w' in rows 3, 6"):
        built("y ~ x", table, weights=PRECISION, missing="error")


def test_both_kinds_of_weights_together() -> None:
    """A row that stands for three of precision w is three rows of precision w."""
    table = means(20).assign(k=3)
    both = built('y | weights(w, type = "precision") + weights(k, type = "frequency") ~ x', table)
    np.testing.assert_array_equal(both.weights, 3)
    np.testing.assert_array_equal(both.precision, table["w"])
    a = pack.pack(both, plan.make(both))
    thrice = built("y ~ x", pd.concat([table] * 3), weights=PRECISION)
    b = pack.pack(thrice, plan.make(thrice))
    np.testing.assert_allclose(a.gram.core, b.gram.core, rtol=1e-12)
    assert a.n == b.n == 60


def test_check_says_what_the_weights_are() -> None:
    said = str(gibbs.check('y | weights(w, type = "precision") ~ x + (1 | g)', means()))
    assert "ε_i ~ N(0, σ²/w_i)" in said
    assert "sigma²/w" in said

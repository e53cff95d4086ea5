"""Posteriors of curves and of rows of several groups: dense normal algebra, quadrature of the sd, new rows, prior draws, JAGS's words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.draws import diagnostics
from gibbs.errors import GibbsError
from gibbs.export import jags, stan
from gibbs.export.program import describe
from gibbs.model import prior_draws, splines
from tests.oracles import structured as oracle
from tests.sampling.test_structured_posteriors import Z_LIMIT, assert_close, closed_form, exact_sds


def table(n: int = 70) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"x": rng.choice(np.arange(0.0, 12.0, 0.5), n), "a": rng.choice(list("pqr"), n), "b": rng.choice(list("qrst"), n)})
    data["w1"], data["z"], data["g"] = rng.choice([0.0, 0.25, 0.5, 1.0], n), rng.standard_normal(n), rng.choice(list("uvw"), n)
    data["w2"], data["y"] = 1.0 - data["w1"], np.sin(data["x"]) + rng.standard_normal(n)
    return data


def columns_of(data: pd.DataFrame) -> np.ndarray:
    """(N, 5): the weights of p … t."""
    M = np.zeros((len(data), 5))
    for i, row in enumerate(data.itertuples()):
        M[i, "pqrst".index(row.a)] += row.w1
        M[i, "pqrst".index(row.b)] += row.w2
    return M


@pytest.mark.parametrize("scheme", ["joint", "one-at-a-time"])
def test_given_the_variances_effects_are_those_of_dense_algebra(scheme: str):
    """A curve, groups with a slope that several columns name, and an exchangeable factor; all sds given."""
    data = table()
    text = "y ~ z + s(x, k = 7) + (1 + z || mm(a, b, weights = c(w1, w2))) + (1 | g)"
    priors = {"b": "normal(0, 2)", "b[Intercept]": "normal(0, 2)", "sigma": "0.7", "sd[x]": "1.3", "sd[g]": "0.4"}
    priors |= {"sd[a+b,Intercept]": "0.8", "sd[a+b,z]": "0.5"}
    fit = gibbs.fit(text, data, priors=priors, scheme=scheme, draws=2500, chains=2, seed=5, progress=False)
    values = np.unique(data["x"])
    curve = oracle.curve_covariance(values, splines.place_knots(values, 7))
    F = (data["x"].to_numpy()[:, None] == values).astype(float)
    M, z, n = columns_of(data), data["z"].to_numpy(), len(data)
    G = (data["g"].to_numpy()[:, None] == np.array(list("uvw"))).astype(float)
    W = np.column_stack([np.ones(n), z, data["x"], F, M, z[:, None] * M, G])
    J = len(values)
    K = np.zeros((J + 13,) * 2)
    for at, block in ((0, 1.69 * curve), (J, 0.64 * np.eye(5)), (J + 5, 0.25 * np.eye(5)), (J + 10, 0.16 * np.eye(3))):
        K[at : at + len(block), at : at + len(block)] = block
    mean, V = closed_form(data["y"].to_numpy(), W, K, 2.0, 0.7)
    of = {f.name: fit.arrays.u_offsets[k] for k, f in enumerate(fit.outline.factors)}
    u = fit.arrays.u
    mine = [fit.arrays.beta, u[:, :, of["x"] : of["x"] + J], *(u[:, :, of["a+b"] + c : of["a+b"] + 10 : 2] for c in (0, 1))]
    assert_close(np.concatenate([*mine, u[:, :, of["g"] : of["g"] + 3]], axis=2), mean, np.sqrt(np.diagonal(V)))
    assert fit.ranef()["a+b"].index.tolist() == list("pqrst")
    assert "Number of levels: 5" in str(fit) and "Number of levels: 24" in str(fit)


def test_the_sd_of_a_curve_and_of_groups_are_those_of_quadrature():
    data = table(60)
    priors = {"b": "normal(0, 2)", "b[Intercept]": "normal(0, 2)", "sd": "half_normal(0, 1)", "sigma": "half_normal(0, 1)"}
    y, M, grid = data["y"].to_numpy(), columns_of(data), (np.exp(np.linspace(-14.0, 2.5, 260)), np.exp(np.linspace(-2.2, 1.0, 80)))
    values = np.unique(data["x"])
    place = np.searchsorted(values, data["x"])
    curve = oracle.curve_covariance(values, splines.place_knots(values, 10))[np.ix_(place, place)]
    for text, X, K, name in (
        ("y ~ s(x)", np.column_stack([np.ones(60), data["x"]]), curve, "sd_x__Intercept"),
        ("y ~ 1 + mm(a, b, weights = c(w1, w2))", np.ones((60, 1)), M @ M.T, "sd_a+b__Intercept"),
    ):
        fit = gibbs.fit(text, data, priors=priors, draws=4000, chains=2, seed=2, progress=False)
        wanted = exact_sds(y, X, K, *grid)
        sd, sigma = (fit.arrays.hyper[:, :, fit.arrays.hyper_names.index(one)] for one in (name, "sigma"))
        for draws, exact in ((sd, wanted["sd"]), (np.log(sd), wanted["log sd"]), (sigma, wanted["sigma"])):
            assert abs(draws.mean() - exact) < Z_LIMIT * float(diagnostics.mcse_mean(draws)), (text, draws.mean(), exact)


def test_new_rows_of_curves_and_mixtures_follow_from_the_fit(tmp_path: Path):
    """Of the fit and of its folder, whatever is asked of other groups; groups that the fit has not seen are named."""
    data = table()
    text = "y ~ s(x, k = 7) + mm(a, b, weights = c(w1, w2)) + (1 | g)"
    fit = gibbs.fit(text, data, draws=60, warmup=60, chains=2, seed=1, progress=False, priors={"sd": "half_normal(0, 1)"})
    new = pd.DataFrame({"x": [0.3, 11.5, 14.0], "a": list("pqt"), "b": list("tqp"), "w1": [0.3, 0.9, 0.2], "w2": [0.7, 0.1, 0.8], "g": "u"})
    found = fit.predict(new, kind="linear", draws=True)
    values, u, beta = np.unique(data["x"]), fit.arrays.u.reshape(120, -1), fit.arrays.beta.reshape(120, -1)
    of = {f.name: fit.arrays.u_offsets[k] for k, f in enumerate(fit.outline.factors)}
    spline = splines.build(values, splines.place_knots(values, 7))
    w = np.linalg.lstsq(spline.basis(values), u[:, of["x"] : of["x"] + 24].T, rcond=None)[0]
    eta = beta @ np.column_stack([np.ones(3), new["x"]]).T + (spline.basis(new["x"].to_numpy()) @ w).T
    eta += u[:, of["a+b"] : of["a+b"] + 5] @ columns_of(new).T + u[:, [of["g"]]]
    np.testing.assert_allclose(found, eta, atol=1e-8)
    fit.save(tmp_path / "run")
    again = gibbs.load(tmp_path / "run")
    np.testing.assert_allclose(again.predict(new, kind="linear", draws=True), eta, atol=1e-8)
    assert again.ranef()["a+b"].index.tolist() == list("pqrst")
    drawn = fit.predict(new.assign(g="nobody"), {"g": "new"}, kind="linear", draws=True) - eta + u[:, [of["g"]]]
    np.testing.assert_allclose(np.ptp(drawn, axis=1), 0.0, atol=1e-8)  # one new level of g, the curve and the groups as they are
    typical = fit.predict(new, "typical", kind="linear", draws=True)
    np.testing.assert_allclose(typical, eta - u[:, of["a+b"] : of["a+b"] + 5] @ columns_of(new).T - u[:, [of["g"]]], atol=1e-8)
    assert sorted(fit.ranks("a+b").index) == list("pqrst")
    with pytest.raises(GibbsError, match="the group 'Q' of mm"):
        fit.predict(new.assign(b="Q"), kind="linear")


def test_averages_over_the_groups_are_of_their_mixtures():
    """With Poisson counts E(y) = exp(η + z'Σz/2) with the variance of the row's mixture, or of a typical one where nobody says which."""
    data = table().assign(y=np.random.default_rng(1).poisson(2.0, 70))
    fit = gibbs.fit("y ~ 1 + mm(a, b, weights = c(w1, w2))", data, family="poisson", draws=80, warmup=60, chains=1, seed=1, progress=False)
    new = pd.DataFrame({"a": ["p", "p"], "b": ["q", "q"], "w1": [0.5, 1.0], "w2": [0.5, 0.0]})
    variance = fit.arrays.hyper[0, :, fit.arrays.hyper_names.index("sd_a+b__Intercept")] ** 2
    level = np.exp(fit.arrays.beta[0, :, 0])
    found = fit.predict(new, "population", draws=True)
    np.testing.assert_allclose(found, level[:, None] * np.exp(0.5 * variance[:, None] * np.array([0.5, 1.0])), rtol=1e-9)
    typical = np.mean(np.sum(columns_of(data) ** 2, axis=1))
    found = fit.predict(pd.DataFrame({"nothing": [1.0]}), "population", draws=True)
    np.testing.assert_allclose(found[:, 0], level * np.exp(0.5 * variance * typical), rtol=1e-9)


def test_prior_draws_and_exports_have_the_same_law(tmp_path: Path):
    data = table()
    priors = {"b": "normal(0, 2)", "b[Intercept]": "normal(0, 2)", "sd": "half_normal(0, 1)", "sd[x]": "0.5", "sd[a+b]": "2"}
    spec = gibbs.model.spec.build("y ~ s(x, k = 6) + mm(a, b)", seed=1, priors=priors)
    design = gibbs.pipeline.prepare(spec, data).design
    program = describe(design)
    assert program.data["B_x"].shape == (24, 4) and program.data["C_x"] == 4 and program.data["C_a_b"] == 5
    text = jags.model_file(program, {})
    for line in ("for (j in 1:C_x) {", "u_x[j] <- inprod(B_x[j,], u_x_w[])", "for (j in 1:J_x) {", "for (j in 1:C_a_b) {"):
        assert line in text
    text = stan.model_file(program)
    for line in ("int<lower=1> C_x;", "matrix[J_x, C_x] B_x;", "vector[C_x] z_x;", "u_x = B_x * (sd_x * z_x);"):
        assert line in text
    drawn = prior_draws.draw(design, np.random.default_rng(1), 4000)
    u = np.concatenate([np.asarray(drawn.u).reshape(4000, -1)], axis=1)
    V = np.cov(u[:, :24].T)
    np.testing.assert_allclose(V, 0.25 * design.factors[0].structure.basis @ design.factors[0].structure.basis.T, atol=0.15)
    np.testing.assert_allclose(np.cov(u[:, 24:29].T), 4.0 * np.eye(5), atol=0.5)

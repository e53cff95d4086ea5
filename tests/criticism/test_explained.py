"""R², moments of outcomes and shares of their variance, against simulation-free answers: closed forms, quadrature, arviz-stats."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, polygamma
from scipy.stats import multivariate_normal, norm

from gibbs.criticism import explained
from gibbs.draws.outline import outline
from gibbs.errors import SpecError
from gibbs.model.records import Design
from gibbs.posterior import averages
from gibbs.posterior import family as families
from gibbs.posterior.fit import Fit
from tests.posterior.fabricated import fit
from tests.posterior.regressions import CUT, FAMILIES, near, regression


def _fit(model: Design, **values: float) -> Fit:
    draws = near(model)
    for name, number in values.items():
        draws.hyper[:, :, draws.hyper_names.index(name)] = number
    return fit(model, draws)


# ---------------------------------------------------------------------------------------------------------------- moments


@pytest.mark.parametrize(("family", "link"), [*FAMILIES, ("beta_binomial", "logit"), ("beta_binomial", "probit")])
def test_moments_are_integrals_over_the_effect(family: str, link: str) -> None:
    """E(y), E Var(y | w) and Var E(y | w) over w ~ N(0, s²), by a fine grid and sums over the outcome's own distribution."""
    parameters = {"sigma": 0.8, "nu": 5.0, "shape": 2.5, "phi": 3.5, "cutpoints": CUT}
    takes = {name: parameters[name] for name in families.needs(family) if name != "trials"}
    s2 = np.array([0.0, 0.49, 4.0])
    found = averages.moments(family, link, np.full(3, 0.4), s2, **takes)
    for i, variance in enumerate(s2):

        def conditional(w: float) -> tuple[float, float]:
            if family in ("gaussian", "student"):
                noise = 0.64 if family == "gaussian" else 0.64 * 5.0 / 3.0
                return 0.4 + w, noise
            most = {"poisson": 400, "negative_binomial": 3000, "ordinal": 4}.get(family, 2)
            y = np.arange(min(most, 4 if family == "ordinal" else most))
            p = np.exp(families.log_likelihood(family, y, 0.4 + w, link=link, **takes))
            mean = p @ y
            return mean, p @ y**2 - mean**2

        if variance == 0:
            mean, within = conditional(0.0)
            between = 0.0
        else:
            s = np.sqrt(variance)
            w = np.linspace(-7, 7, 561) * s
            if family in ("poisson", "negative_binomial") and variance > 1:
                continue  # its sum over counts has no end in reach; the closed form is the log-normal's
            weight = norm.pdf(w / s)
            weight /= weight.sum()
            each = np.array([conditional(x) for x in w])
            mean, within = weight @ each
            between = weight @ each[:, 0] ** 2 - mean**2
        assert found.mean[i] == pytest.approx(mean, rel=2e-6)
        assert found.within[i] == pytest.approx(within, rel=2e-5)
        assert found.between[i] == pytest.approx(between, rel=2e-5, abs=1e-12)


@pytest.mark.parametrize("link", ["probit", "logit", "cloglog"])
def test_what_two_outcomes_share(link: str) -> None:
    """Probit: Pr(both 1) is a bivariate normal probability. Logit, cloglog: a fine grid over shared and own effects."""
    eta, shared, other = 0.3, 0.8, 0.5
    found = float(averages.shared(link, np.array([eta]), shared, other)[0])
    if link == "probit":
        total = 1.0 + shared + other
        both = multivariate_normal([0, 0], [[total, shared], [shared, total]]).cdf([eta, eta])
        assert found == pytest.approx(both - norm.cdf(eta / np.sqrt(total)) ** 2, abs=1e-7)
        return
    inverse = expit if link == "logit" else lambda x: -np.expm1(-np.exp(x))

    x = np.linspace(-7, 7, 1401)
    weight = norm.pdf(x) / norm.pdf(x).sum()
    given = inverse(eta + np.sqrt(shared) * x[:, None] + np.sqrt(other) * x) @ weight
    assert found == pytest.approx(weight @ given**2 - (weight @ given) ** 2, rel=1e-6)


# --------------------------------------------------------------------------------------------------------------------- R²


def test_gaussian_r2_is_that_of_arviz_stats_and_its_margin_that_of_nakagawa() -> None:
    array_stats = pytest.importorskip("arviz_stats.base").array_stats
    model = regression("gaussian", second=True)
    made = _fit(model)
    draws, sigma = made.arrays, made.arrays.hyper[:, :, -1].reshape(-1)
    found = made.r2()
    g, h = model.factors
    u = draws.u.reshape(-1, draws.u.shape[2])
    fixed = draws.beta.reshape(-1, 2) @ model.X.T + model.offset
    mu = fixed + u[:, 2 * g.codes] + u[:, 2 * g.codes + 1] * g.Z[:, 1] + u[:, 10 + h.codes]
    theirs = array_stats.bayesian_r2(mu, sigma)
    assert found.loc["conditional", "mean"] == pytest.approx(theirs.mean(), rel=1e-12)
    assert found.loc["conditional", ["q2.5", "q50", "q97.5"]].tolist() == pytest.approx(np.quantile(theirs, [0.025, 0.5, 0.975]).tolist())
    sd0, sd1, cor, sd_h = (draws.hyper[:, :, i].reshape(-1) for i in range(4))
    Z = g.Z[:, 1]
    between = (sd0**2 + 2 * cor * sd0 * sd1 * Z.mean() + sd1**2 * np.mean(Z**2)) + sd_h**2
    explained_by_x = fixed.var(axis=1, ddof=1)
    marginal = explained_by_x / (explained_by_x + between + sigma**2)
    assert found.loc["marginal", "mean"] == pytest.approx(marginal.mean(), rel=1e-12)
    assert found.loc["marginal", "sd"] == pytest.approx(marginal.std(ddof=1))


def test_binary_r2_has_the_residual_variance_of_a_coin() -> None:
    array_stats = pytest.importorskip("arviz_stats.base").array_stats
    model = regression("logit", slopes=False)
    made = _fit(model)
    u = made.arrays.u.reshape(-1, 5)[:, model.factors[0].codes]
    p = expit(made.arrays.beta.reshape(-1, 2) @ model.X.T + model.offset + u)
    theirs = array_stats.bayesian_r2(p, None)
    assert made.r2().loc["conditional", "mean"] == pytest.approx(theirs.mean(), rel=1e-12)


def test_trials_and_weights_count_as_rows() -> None:
    """3 of 5 is five rows of one trial; a weight of 2 is the row twice."""
    model = regression("binomial", "logit", rows=12, levels=3, slopes=False)
    again = np.repeat(np.arange(12), model.trials)
    ones = np.concatenate([np.r_[np.ones(int(y)), np.zeros(int(n - y))] for y, n in zip(model.y, model.trials, strict=True)])
    long = replace(
        model,
        family="logit",
        y=ones,
        X=model.X[again],
        offset=model.offset[again],
        trials=None,
        factors=tuple(replace(f, codes=f.codes[again], Z=f.Z[again]) for f in model.factors),
    )
    first, second = _fit(model), fit(long, near(model))
    np.testing.assert_allclose(first.r2(), second.r2(), rtol=1e-9)
    np.testing.assert_allclose(first.variance_shares("observed"), second.variance_shares("observed"), rtol=1e-9)
    weights = np.array([1, 2, 3] * 4)
    twice = np.repeat(np.arange(12), weights)
    counts = regression("poisson", rows=12, levels=3)
    repeated = replace(
        counts,
        y=counts.y[twice],
        X=counts.X[twice],
        offset=counts.offset[twice],
        factors=tuple(replace(f, codes=f.codes[twice], Z=f.Z[twice]) for f in counts.factors),
    )
    made = near(counts)
    np.testing.assert_allclose(fit(replace(counts, weights=weights), made).r2(), fit(repeated, made).r2(), rtol=1e-9)


@pytest.mark.parametrize(("family", "link"), FAMILIES)
def test_r2_of_every_family_lies_between_0_and_1_and_no_effects_no_difference(family: str, link: str) -> None:
    model = regression(family, link, slopes=False)
    made = _fit(model)
    found = made.r2()
    assert ((found >= 0) & (found <= 1)).all(axis=None) and found.loc["conditional", "mean"] > 0.01
    still = fit(model, replace(made.arrays, u=np.zeros_like(made.arrays.u)))
    still.arrays.hyper[:, :, 0] = 0.0
    table = still.r2()
    np.testing.assert_allclose(table.loc["conditional"], table.loc["marginal"], rtol=1e-9)


def test_r2_of_a_t_without_a_variance_is_nought() -> None:
    assert (_fit(regression("student"), nu=1.5).r2() == 0).all(axis=None)


# ----------------------------------------------------------------------------------------------------------------- shares


def test_counts_have_the_trigamma_residual_of_nakagawa() -> None:
    """ψ'(λ), of a negative binomial ψ'(1/(1/λ + 1/r)), at λ the mean over rows of exp(x'β + offset + s²/2), draw by draw."""
    for family in ("poisson", "negative_binomial"):
        model = regression(family, slopes=False)
        made = _fit(model)
        between = made.arrays.hyper[:, :, 0] ** 2
        fixed = made.arrays.beta @ model.X.T + model.offset
        size = np.exp(fixed + 0.5 * between[:, :, None]).mean(axis=2)
        if family == "negative_binomial":
            size = 1 / (1 / size + 1 / made.arrays.hyper[:, :, 1])
        share = between / (between + polygamma(1, size))
        found = made.variance_shares()
        assert found.loc["g", "share"] == pytest.approx(share.mean(), rel=1e-9)
        assert "trigamma" in found.index[1]
        assert found.loc[found.index[1], "variance"] == pytest.approx(polygamma(1, size).mean(), rel=1e-9)


def test_observed_shares_of_a_probit_are_the_correlation_of_two_outcomes() -> None:
    """One factor, intercept only: the share is Corr(y, y') of two rows of one level, from the bivariate normal."""
    model = replace(regression("probit", slopes=False), X=np.ones((40, 1)), coefficients=("Intercept",), offset=np.zeros(40))
    made = _fit(model, sd_g__Intercept=0.9)
    made.arrays.beta[...] = -0.4
    both = multivariate_normal([0, 0], [[1.81, 0.81], [0.81, 1.81]]).cdf([-0.4, -0.4])
    p = norm.cdf(-0.4 / np.sqrt(1.81))
    found = made.variance_shares(scale="observed")
    assert found["share"].tolist() == pytest.approx([(both - p * p) / (p * (1 - p)), (p - both) / (p * (1 - p))], abs=1e-6)
    assert found.index.tolist() == ["g", "Residual (observed, p(1 − p))"]
    assert found["variance"].sum() == pytest.approx(p * (1 - p))


def test_observed_shares_of_goldstein() -> None:
    """Logit, two factors: parts by quadrature, and they add up to the variance of the outcome."""
    model = replace(regression("logit", slopes=False, second=True), X=np.ones((40, 1)), coefficients=("Intercept",), offset=np.zeros(40))
    made = _fit(model, sd_g__Intercept=0.8, sd_h__Intercept=1.1)
    made.arrays.beta[...] = 0.5
    found = made.variance_shares(scale="observed")
    assert found.index.tolist() == ["g", "h", "jointly", "Residual (observed, p(1 − p))"]
    x = np.linspace(-6, 6, 401)
    weight = norm.pdf(x) / norm.pdf(x).sum()
    p = expit(0.5 + 0.8 * x[:, None] + 1.1 * x)
    mean = weight @ p @ weight
    by_g, by_h = weight @ (p @ weight) ** 2 - mean**2, (weight @ p) ** 2 @ weight - mean**2
    total = mean * (1 - mean)
    residual = weight @ (p * (1 - p)) @ weight
    expected = np.array([by_g, by_h, total - residual - by_g - by_h, residual])
    np.testing.assert_allclose(found["variance"], expected, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(found["share"], expected / total, rtol=1e-5, atol=1e-9)


def test_observed_shares_of_counts() -> None:
    """Log-normal mean: Var = λ² (e^{s²} − 1) between, λ within (plus E μ²/r)."""
    model = replace(regression("negative_binomial", slopes=False), X=np.ones((40, 1)), coefficients=("Intercept",), offset=np.zeros(40))
    made = _fit(model, sd_g__Intercept=0.6, shape=3.0)
    made.arrays.beta[...] = 1.2
    mean = np.exp(1.2 + 0.18)
    between = mean**2 * (np.exp(0.36) - 1)
    within = mean + mean**2 * np.exp(0.36) / 3.0
    found = made.variance_shares(scale="observed")
    np.testing.assert_allclose(found["variance"], [between, within], rtol=1e-9)


def test_many_rows_are_thinned_without_harm() -> None:
    model = regression("logit", rows=1200, slopes=False)
    draws, found = near(model, kept=10), outline(model)
    thin = explained.observed_shares(draws, found, model)
    whole = [
        averages.shared("logit", model.X @ b + model.offset, s**2, 0.0).mean()
        for b, s in zip(draws.beta[0], draws.hyper[0, :, 0], strict=True)
    ]
    half = replace(draws, beta=draws.beta[:1], hyper=draws.hyper[:1], u=draws.u[:1], lp=draws.lp[:1])
    assert explained.observed_shares(half, found, model).loc["g", "variance"] == pytest.approx(np.mean(whole), rel=0.01)
    assert thin["share"].sum() == pytest.approx(1.0)


def test_scales_that_are_none() -> None:
    made = _fit(regression("gaussian"))
    with pytest.raises(SpecError, match="Did you mean 'observed'"):
        made.variance_shares(scale="obseved")
    with pytest.raises(SpecError, match="on one scale"):
        made.variance_shares(scale="observed")
    with pytest.raises(SpecError, match="family ordinal"):
        _fit(regression("ordinal", "logit")).variance_shares(scale="observed")

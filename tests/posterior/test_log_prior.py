"""The log density of the priors at draws: beside scipy's densities, and Huang and Wand's integrated over its auxiliaries."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from gibbs.model.records import Prior
from gibbs.posterior import log_prior
from tests.posterior import built


def assert_same_but_for_a_constant(found: np.ndarray, expected: np.ndarray) -> None:
    gap = np.ravel(found - expected)
    np.testing.assert_allclose(gap - gap[0], 0.0, atol=1e-8 * max(1.0, np.abs(expected).max()))


def blocks(*words: object, **keys: object):
    fit = built.fit(*words, kept=20, **keys)
    return fit, log_prior.blocks(fit.arrays, fit.outline, fit.design)


def test_every_block_is_the_density_that_the_spec_states() -> None:
    priors = {
        "b[x]": "student_t(4, 1, 2)", "b[Intercept]": "normal(3, 2)", "sd[g,Intercept]": "half_normal(0, 2)",
        "sd[g,x]": "exponential(1.5)", "cor[g]": "lkj(3)", "sd[year]": "inverse_gamma(2, 3)",
        "sigma": "half_cauchy(0, 1)", "nu": "gamma(2, 0.1)",
    }  # fmt: skip
    fit, found = blocks("y ~ x + (1 + x | g) + (1 | year)", family="student", priors=priors)
    assert list(found) == ["b", "sd[g]", "cor[g]", "sd[year]", "sigma", "nu"]
    hyper = {name: fit.arrays.hyper[:, :, k] for k, name in enumerate(fit.arrays.hyper_names)}
    beta = fit.arrays.beta
    assert_same_but_for_a_constant(found["b"], stats.norm.logpdf(beta[:, :, 0], 3, 2) + stats.t.logpdf(beta[:, :, 1], 4, 1, 2))
    expected = stats.halfnorm.logpdf(hyper["sd_g__Intercept"], scale=2) + stats.expon.logpdf(hyper["sd_g__x"], scale=1 / 1.5)
    assert_same_but_for_a_constant(found["sd[g]"], expected)
    assert_same_but_for_a_constant(found["cor[g]"], 2.0 * np.log1p(-(hyper["cor_g__Intercept__x"] ** 2)))
    variance = hyper["sd_year__Intercept"] ** 2  # a density of the sd: times 2 sd
    assert_same_but_for_a_constant(found["sd[year]"], stats.invgamma.logpdf(variance, 2, scale=3) + np.log(hyper["sd_year__Intercept"]))
    assert_same_but_for_a_constant(found["sigma"], stats.halfcauchy.logpdf(hyper["sigma"], scale=1))
    above = hyper["nu"] > 1
    assert_same_but_for_a_constant(found["nu"][above], stats.gamma.logpdf(hyper["nu"][above], 2, scale=10))
    assert np.all(np.isneginf(found["nu"][~above]))


def test_defaults_of_correlated_slopes_are_on_sds_at_the_means() -> None:
    """sd(Intercept at means)² = (1, x̄) Σ (1, x̄)': half-t(3) of that, and of sd(x)."""
    fit, found = blocks("y ~ 1 + (1 + x | g)")
    term = fit.design.factors[0].terms[0]
    assert term.back is not None and not term.written
    a, b, r = (fit.arrays.hyper[:, :, k] for k in range(3))
    there = np.array(term.there)[0]
    at_means = np.sqrt((there[0] * a) ** 2 + (there[1] * b) ** 2 + 2 * r * a * b * there[0] * there[1])
    scales = [prior.args[2] for prior in term.sd_priors]
    expected = sum(stats.t.logpdf(sd / scale, 3) for sd, scale in zip((at_means, b), scales, strict=True))
    assert_same_but_for_a_constant(found["sd[g]"], expected)
    assert "cor[g]" not in found  # lkj(1) is flat


def test_cutpoints_at_the_means_and_shape() -> None:
    fit, found = blocks("grade ~ x + (1 | g)", family="ordinal")
    cuts = fit.arrays.hyper[:, :, [name.startswith("b_Intercept[") for name in fit.arrays.hyper_names]]
    at = cuts - fit.arrays.beta[:, :, :1] * fit.data["x"].mean()
    _, centre, scale = fit.design.cutpoint_prior.args
    assert_same_but_for_a_constant(found["cutpoints"], stats.t.logpdf(at, 3, centre, scale).sum(axis=2))
    fit, found = blocks("count ~ 1", family="negative_binomial", priors={"shape": "gamma(2, 3)", "b": "flat", "intercept": "flat"})
    assert list(found) == ["shape"]
    assert_same_but_for_a_constant(found["shape"], stats.gamma.logpdf(fit.arrays.hyper[:, :, 0], 2, scale=1 / 3))


def random_covariances(q: int, n: int = 5) -> np.ndarray:
    roots = np.random.default_rng(q).normal(size=(n, q, q))
    return roots @ np.swapaxes(roots, 1, 2) + 0.2 * np.eye(q)


@pytest.mark.parametrize("q", [2, 3])
def test_inverse_wishart(q: int) -> None:
    scale = random_covariances(q)[0]
    covariances = random_covariances(q, 6)[1:]
    found = log_prior.matrix(Prior("inverse_wishart", (q + 2.5, tuple(map(tuple, scale)))), covariances)
    assert_same_but_for_a_constant(found, np.array([stats.invwishart.logpdf(one, q + 2.5, scale) for one in covariances]))


@pytest.mark.parametrize("q", [2, 3])
def test_huang_wand_is_an_inverse_wishart_integrated_over_its_auxiliaries(q: int) -> None:
    """Σ | a ~ IW(ν + q − 1, 2ν diag(1/a)), a_k ~ IG(1/2, 1/A_k²): a product of q integrals, given Σ."""
    nu, A = 2.0, np.linspace(0.7, 2.0, q)
    covariances = random_covariances(q)
    df = nu + q - 1
    expected = []
    for one in covariances:
        inverse = np.linalg.inv(one)
        log = -0.5 * (df + q + 1) * np.linalg.slogdet(one)[1]
        for k in range(q):

            def integrand(t: float, k: int = k, inverse: np.ndarray = inverse) -> float:
                a = np.exp(t)
                return (2 * nu / a) ** (df / 2) * np.exp(-nu * inverse[k, k] / a) * stats.invgamma.pdf(a, 0.5, scale=1 / A[k] ** 2) * a

            log += np.log(integrate.quad(integrand, -30, 30, limit=400, epsabs=0, epsrel=1e-11)[0])
        expected.append(log)
    found = log_prior.matrix(Prior("huang_wand", (nu, tuple(A))), covariances)
    assert_same_but_for_a_constant(found, np.array(expected))

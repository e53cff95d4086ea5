"""The generators once more, at a million draws each: distribution, tails, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from gibbs.kernels import variates
from gibbs.model import prior_draws

from .test_variates import A_GRID, Z_GRID, check_law, check_moments, excess_cumulants, polya_gamma_cdf, polya_gamma_cumulants

pytestmark = pytest.mark.slow
DRAWS = 1_000_000


@pytest.mark.parametrize("a", [*A_GRID, -10.0, 2.0, 20.0])
def test_truncated_normal(a):
    out = np.empty(DRAWS)
    variates.fill_truncated_normal_above(np.random.default_rng(501), np.full(DRAWS, a), out)
    k = excess_cumulants(a)
    check_moments(out, np.array([k[0] + a, *k[1:]]))
    check_law(out, lambda x: -np.expm1(special.log_ndtr(-x) - special.log_ndtr(-a)))


@pytest.mark.parametrize("mean", [-37.0, -3.0, 0.0, 2.0, 37.0])
def test_augmented_normal(mean):
    out = np.empty(DRAWS)
    variates.fill_augmented_normal(np.random.default_rng(502), np.full(DRAWS, mean), np.full(DRAWS, True), out)
    check_moments(out, excess_cumulants(-mean))
    check_law(out, lambda e: -np.expm1(special.log_ndtr(mean - e) - special.log_ndtr(mean)))


@pytest.mark.parametrize("z", Z_GRID)
def test_polya_gamma(z):
    out = np.empty(DRAWS)
    variates.fill_polya_gamma_sum(np.random.default_rng(503), np.ones(DRAWS, np.int64), np.full(DRAWS, z), out)
    check_moments(out, polya_gamma_cumulants(z))
    check_law(out, lambda x: polya_gamma_cdf(x, z))


@pytest.mark.parametrize("shape", [0.05, 0.5, 1.0, 2.5, 50.0])
def test_gamma_and_inverse_gamma(shape):
    out = np.empty(DRAWS)
    variates.fill_gamma(np.random.default_rng(504), shape, out)
    if shape > 0.1:
        check_moments(out, shape * np.array([1.0, 1.0, 2.0, 6.0]))
    check_law(out, stats.gamma(shape).cdf)
    variates.fill_inverse_gamma(np.random.default_rng(505), shape, 3.0, out)
    check_law(3.0 / out, stats.gamma(shape).cdf)


def test_inverse_wishart():
    """b'Σb is inverse-gamma((df − q + 1)/2, b'Sb/2) and a'Σ⁻¹a is a'S⁻¹a χ²(df), for directions that take every entry in."""
    df, S = 9.0, np.array([[2.0, 0.6, 0.1], [0.6, 1.0, -0.2], [0.1, -0.2, 0.5]])
    draws = prior_draws.inverse_wishart(df, S, np.random.default_rng(506), DRAWS)
    inverse = np.linalg.inv(draws)
    for b in np.vstack([np.eye(3), [[1.0, 1.0, 0.0], [0.0, 1.0, -1.0], [0.3, 1.0, 2.0]]]):
        quadratic = np.einsum("i,nij,j->n", b, draws, b)
        check_law(quadratic, stats.invgamma(0.5 * (df - 2.0), scale=0.5 * b @ S @ b).cdf)
        precision = np.einsum("i,nij,j->n", b, inverse, b) / (b @ np.linalg.inv(S) @ b)
        check_moments(precision, df * np.array([1.0, 2.0, 8.0, 48.0]))
        check_law(precision, stats.chi2(df).cdf)

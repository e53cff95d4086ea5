"""log Φ and log(1 + e^x) against scipy and mpmath, over the whole line."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from gibbs.kernels.special import log_normal_cdf, log_normal_cdfs, softplus, softplus_of_many
from scipy import special

LINE = np.concatenate([np.linspace(-45.0, 45.0, 4001), np.arange(-160, 161) / 4.0, [-1e6, -1e3, -700.0, 700.0, 1e3, 1e6, 0.0, -0.0]])


def test_softplus_to_the_last_digits():
    found = np.array([softplus(x) for x in LINE])
    np.testing.assert_allclose(found, np.logaddexp(0.0, LINE), rtol=1e-14, atol=3e-14)


def test_softplus_by_arithmetic_alone_beside_mpmath():
    """What the passes over the rows use: within 3e-15, and 1e-15 of large values."""
    found = np.array([softplus_of_many(x) for x in LINE])
    with mpmath.workdps(30):
        exact = np.array([float(max(mpmath.mpf(x), 0) + mpmath.log1p(mpmath.exp(-abs(mpmath.mpf(x))))) for x in LINE])
    np.testing.assert_allclose(found, exact, rtol=1e-15, atol=3e-15)


def test_log_normal_cdf_to_the_last_digits():
    found = np.array([log_normal_cdf(x) for x in LINE])
    np.testing.assert_allclose(found, special.log_ndtr(LINE), rtol=1e-13, atol=3e-14)


@pytest.mark.parametrize("x", [-700.0, -41.0, -39.99, -3.3, -0.01, 0.2, 5.0, 9.0])
def test_log_normal_cdf_beside_mpmath(x):
    with mpmath.workdps(40):
        exact = float(mpmath.log(mpmath.erfc(-mpmath.mpf(x) / mpmath.sqrt(2)) / 2))
    assert log_normal_cdf(x) == pytest.approx(exact, rel=1e-13, abs=3e-14)


@pytest.mark.parametrize("z", [0.0, 0.3, 5.1, 39.9, 40.0, 200.0])
def test_both_tails_at_once(z):
    assert log_normal_cdfs(z) == pytest.approx((log_normal_cdf(z), log_normal_cdf(-z)), rel=1e-13, abs=3e-14)


def test_what_is_not_a_number_stays_so():
    assert np.isnan(softplus(np.nan)) and np.isnan(log_normal_cdf(np.nan))
    assert softplus(np.inf) == np.inf and softplus(-np.inf) == 0.0
    assert np.isnan(softplus_of_many(np.nan)) and softplus_of_many(np.inf) == np.inf and softplus_of_many(-np.inf) == 0.0
    assert log_normal_cdf(np.inf) == 0.0 and log_normal_cdf(-np.inf) == -np.inf

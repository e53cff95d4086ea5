"""ECDF bands and p-values of ranks: against brute force, simulation and a closed form."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from gibbs.calibration import ranks


def test_a_rank_counts_the_draws_below():
    draws = np.array([[1.0, 5.0], [2.0, 6.0], [3.0, 7.0]])
    np.testing.assert_array_equal(ranks.rank(np.array([2.5, 8.0]), draws), [2, 3])
    np.testing.assert_array_equal(ranks.cumulative(np.array([0, 0, 2, 3]), 3), [2, 2, 3])


@pytest.mark.parametrize("gamma", [0.05, 0.2, 0.4, 0.75])
def test_the_probability_within_bands_is_that_of_all_outcomes_counted(gamma):
    """n = 4 ranks on 0 … 5: all 6⁴ equally likely outcomes, one by one."""
    n, L = 4, 5
    at = np.arange(1, L + 1) / (L + 1.0)
    within = strictly = 0
    for outcome in itertools.product(range(L + 1), repeat=n):
        seen = np.array([sum(r < k for r in outcome) for k in range(1, L + 1)])
        tail = np.minimum(stats.binom.cdf(seen, n, at), stats.binom.sf(seen - 1, n, at)).min()
        within += tail >= 0.5 * gamma - 1e-12
        strictly += tail > 0.5 * gamma + 1e-12
    assert ranks.inside(n, L, gamma) == pytest.approx(within / (L + 1) ** n, abs=1e-12)
    assert ranks.inside(n, L, gamma, strictly=True) == pytest.approx(strictly / (L + 1) ** n, abs=1e-12)


def test_p_values_are_exact():
    """p(outcome) is the share of all outcomes that are as far out or farther: every outcome of n = 3 ranks on 0 … 4."""
    n, L = 3, 4
    at = np.arange(1, L + 1) / (L + 1.0)
    tails, found = [], []
    for outcome in itertools.product(range(L + 1), repeat=n):
        seen = ranks.cumulative(np.array(outcome), L)
        tails.append(np.minimum(stats.binom.cdf(seen, n, at), stats.binom.sf(seen - 1, n, at)).min())
        found.append(ranks.p_value(np.array(outcome), L))
    tails = np.array(tails)
    wanted = [np.mean(tails <= t + 1e-12) for t in tails]
    np.testing.assert_allclose(found, wanted, atol=1e-9)


def test_one_point_is_a_binomial_test():
    """L = 1: the ECDF has one point, and the p-value is a sign test's."""
    assert ranks.p_value(np.repeat([0, 1], [17, 3]), 1) == pytest.approx(stats.binomtest(17, 20).pvalue, rel=1e-9)


def test_a_band_holds_as_often_as_it_says():
    n, L = 150, 60
    low, high = ranks.band(n, L, 0.9)
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(4000):
        seen = ranks.cumulative(rng.integers(0, L + 1, n), L)
        inside += bool(np.all((seen >= low) & (seen <= high)))
    assert 0.9 - 5.0 * np.sqrt(0.09 / 4000) < inside / 4000 < 0.93  # whole counts: at least 90 %, and not much more


@pytest.mark.parametrize("shift", [0.15, -0.15])
def test_shifted_and_narrow_ranks_are_far_out(shift):
    rng = np.random.default_rng(2)
    u = rng.random(300)
    assert ranks.p_value((101 * np.clip(u + shift, 0.0, 0.9999)).astype(int), 100) < 1e-6
    assert ranks.p_value((101 * rng.beta(0.5, 0.5, 300)).astype(int), 100) < 1e-4
    assert ranks.p_value((101 * u).astype(int), 100) > 0.001

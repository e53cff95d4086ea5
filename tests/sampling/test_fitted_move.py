"""The law that warm-up fits to the variances: what it was drawn from comes back; draws of what it cannot be give no worse than numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gibbs.kernels import hyper as kh
from gibbs.kernels import layout as kl
from gibbs.sampling import fitted_move, plan
from gibbs.sampling.pack import pack
from tests import oracles

PLACE = np.array([[kh.SD, 0, 0, -1], [kh.PARTIAL, 2, 1, 0], [kh.SD, 2, 1, -1], [kh.LOG_SIGMA, 0, 0, -1]])


def coordinates() -> kl.Coordinates:
    return kl.Coordinates(PLACE, np.tile([0.0, 0.0, 1.0], (4, 1)), np.eye(4), np.zeros((4, 4)))


def factors(sd: np.ndarray, tangent: np.ndarray) -> np.ndarray:
    """L (S, 4) of two sds (S, 2) and asinh of the tangent L_10/L_11."""
    cos = 1.0 / np.cosh(tangent)
    return np.column_stack([sd[:, 0], np.zeros(len(sd)), sd[:, 1] * np.tanh(tangent), sd[:, 1] * cos])


def draws(size: int, gamma: tuple[float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(L, σ, log sds): gaussian sds far from 0, and a partial correlation whose log width is γ'(sd − 1)/0.1."""
    rng = np.random.default_rng(5)
    sd = 1.0 + 0.1 * rng.standard_normal((size, 2))
    tangent = 0.3 + 0.2 * np.exp((sd - 1.0) / 0.1 @ gamma) * rng.standard_normal(size)
    return factors(sd, tangent), np.exp(0.2 * rng.standard_normal(size)), sd


@pytest.mark.parametrize("gamma", [(0.0, 0.0), (-0.4, 0.0), (0.3, -0.2)])
def test_what_the_draws_were_made_from_comes_back(gamma):
    c = coordinates()
    L, sigma, sd = draws(20_000, gamma)
    fitted_move.fit_move(c, L, sigma)
    x = np.log(sd + c.fit[[0, 2], kh.SHIFT])
    np.testing.assert_allclose(c.widening[1, [0, 2]] * x.std(axis=0), gamma, atol=0.05)
    assert not c.widening[[0, 2, 3]].any() and not c.widening[:, [1, 3]].any()
    assert c.fit[1, kh.MEAN] == pytest.approx(0.3, abs=0.01)
    cov = c.root @ c.root.T / 1.1
    assert cov[1, 1] == pytest.approx(0.04, rel=0.05)
    np.testing.assert_allclose(np.diag(cov)[[0, 2]], x.var(axis=0), rtol=1e-2)
    assert np.max(np.abs(cov / np.sqrt(np.outer(np.diag(cov), np.diag(cov))) - np.eye(4))) < 0.05


def test_proposals_of_the_fit_have_the_moments_of_the_draws():
    """``widen`` of the fitted t against the draws: the mean of the partial correlation, and its spread where the sd is low and high."""
    c, rng = coordinates(), np.random.default_rng(6)
    L, sigma, sd = draws(40_000, (-0.5, 0.0))
    fitted_move.fit_move(c, L, sigma)
    made = np.empty((40_000, 4))
    for i in range(len(made)):
        made[i] = c.fit[:, kh.MEAN] + c.root @ rng.standard_normal(4)
        kh.widen(c, made[i], 1.0)
    made_sd = np.exp(made[:, 0]) - c.fit[0, kh.SHIFT]
    tangent = np.arcsinh(L[:, 2] / L[:, 3])
    assert made[:, 1].mean() == pytest.approx(tangent.mean(), abs=0.01)
    for inside in (lambda s: s < 0.9, lambda s: s > 1.1):
        assert made[inside(made_sd), 1].std() == pytest.approx(tangent[inside(sd[:, 0])].std() * np.sqrt(1.1), rel=0.07)


def test_the_shift_leaves_no_skewness_where_there_is_such_a_shift():
    s = stats.gamma(3.0).rvs(50_000, random_state=1)
    found = [fitted_move._shift(s * unit) / unit for unit in (1.0, 1e-4)]
    assert found[0] == pytest.approx(found[1])
    assert abs(stats.skew(np.log(s + found[0]))) < 0.1
    left = 5.0 - np.minimum(s, 4.9)  # a tail that no shift takes off
    assert fitted_move._shift(left) == pytest.approx(np.std(left) * fitted_move.SHIFTS[-1])


@pytest.mark.parametrize("size", [8, 40])
def test_few_draws_and_draws_that_do_not_move_give_a_law_all_the_same(size):
    for still in (False, True):
        c = coordinates()
        L, sigma, _ = draws(size, (0.0, 0.0))
        L, sigma = (np.repeat(L[:1], size, axis=0), np.repeat(sigma[:1], size)) if still else (L, sigma)
        with np.errstate(all="raise", under="ignore"):
            fitted_move.fit_move(c, L, sigma)
        assert all(np.all(np.isfinite(array)) for array in c) and np.all(np.diag(c.root) > 0.0)


@pytest.mark.parametrize(("plain", "like"), [(0.0, True), (0.15, False)])
def test_a_plain_towards_0_of_a_sd_in_logs_is_no_t(plain, like):
    """Of log s, a normal, with a share that is spread out evenly over eight nats below it; its coordinate is log s itself, near enough."""
    rng = np.random.default_rng(3)
    log_s = np.where(rng.random(300) < plain, rng.uniform(-8.0, 0.0, 300), 0.5 * rng.standard_normal(300))
    c = kl.Coordinates(PLACE[:1], np.array([[0.0, 0.0, 1.0]]), np.eye(1), np.zeros((1, 1)))
    L, sigma = np.exp(log_s)[:, None], np.ones(300)
    assert fitted_move.fit_move(c, L, sigma, {(kh.SD, 0)}) == like
    assert c.fit[0, kh.SHIFT] == pytest.approx(1e-3 * np.exp(log_s).mean())
    assert fitted_move.fit_move(c, L, sigma) and c.fit[0, kh.SHIFT] > 0.2 * np.exp(log_s).std()


def test_two_t_are_fitted_to_a_plain():
    """A normal and a share spread out below it come back; where too few draws are of the plain, one t stays as it is."""
    rng = np.random.default_rng(3)
    place = PLACE[[0, 3]]
    share = 0.2
    for size, fitted in ((4000, True), (60, False)):
        of_plain = rng.random(size) < share
        log_s = np.where(of_plain, rng.uniform(-5.5, -1.5, size), 0.5 * rng.standard_normal(size))
        c = kl.Coordinates(place, np.tile([0.0, 0.0, 1.0], (2, 1)), np.eye(2), np.zeros((2, 2)), np.zeros((2, 3)), np.eye(2))
        log_sigma = 0.3 * rng.standard_normal(size) + 0.5 * of_plain
        in_logs = {(kh.SD, 0), (kh.LOG_SIGMA, 0)}
        assert fitted_move.fit_move(c, np.exp(log_s)[:, None], np.exp(log_sigma), in_logs) == fitted
        assert (kh.plain_share(c) > 0.0) == fitted
        if fitted:
            more, wider = fitted_move.OFTENER, fitted_move.PLAIN_WIDER * np.sqrt(1.1)
            assert kh.plain_share(c) == pytest.approx(more + (1.0 - more) * share, abs=0.03)
            np.testing.assert_allclose(c.fit[:, kh.MEAN], [0.0, 0.0], atol=0.06)
            np.testing.assert_allclose(c.plain_fit[:, kh.MEAN], [-3.5, 0.5], atol=0.2)
            np.testing.assert_allclose(np.diag(c.root), np.sqrt(1.1) * np.array([0.5, 0.3]), rtol=0.1)
            np.testing.assert_allclose(np.diag(c.plain_root), wider * np.array([4.0 / np.sqrt(12.0), 0.3]), rtol=0.15)
    with_correlation = kl.Coordinates(PLACE, np.tile([0.0, 0.0, 1.0], (4, 1)), np.eye(4), np.zeros((4, 4)), np.zeros((4, 3)), np.eye(4))
    L, sigma, _ = draws(400, (0.0, 0.0))
    L[:80, 0] = np.exp(rng.uniform(-5.5, -1.5, 80))
    assert not fitted_move.fit_move(with_correlation, L, sigma, in_logs)
    assert kh.plain_share(with_correlation) == 0.0


def test_a_sd_near_0_that_has_correlations_has_corners():
    L, _, _ = draws(2000, (0.0, 0.0))  # sds are 1 ± 0.1
    assert not fitted_move.has_corners(PLACE, L)
    near = factors(np.column_stack([1.0 + 0.1 * np.ones(2000), np.linspace(0.01, 1.0, 2000)]), np.zeros(2000))
    assert fitted_move.has_corners(PLACE, near)
    assert not fitted_move.has_corners(PLACE[[0, 2, 3]], near)


def test_sds_with_inverse_gamma_priors_are_in_logs():
    """(1 | a/b), and sigma; of a half-t prior none."""
    for prior, found in (("half_t", set()), ("inverse_gamma", {(kh.SD, 0), (kh.SD, 1), (kh.LOG_SIGMA, 0)})):
        design = oracles.random_design(np.random.default_rng(1), "nested", sd_prior=prior, sigma_prior=prior)
        packed = pack(design, plan.make(design, "joint"))
        assert fitted_move.in_logs(packed.layout, packed.priors) == found

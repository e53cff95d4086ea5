"""The latent seam: laws of the latents row by row and cell by cell, likelihoods far into the tails, scales against quadrature."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from scipy import special, stats

from gibbs.kernels import latent, variates
from gibbs.sampling.pack import _scale_code
from tests import oracles

from . import loops
from .bench import RTOL, batch_z, make_design

Z_LIMIT = 5.5  # fixed seeds; about 150 checks in this file
ETA = np.array([-6.0, -2.5, -1.0, -0.1, 0.0, 0.4, 1.3, 3.0, 7.0])


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(seed))


def probit_moments(eta: float, one: bool) -> tuple[float, float]:
    """Mean and variance of N(η, 1) truncated to z > 0 (one) or z ≤ 0, by the Mills ratio with many digits."""
    with mpmath.workdps(40):
        e = mpmath.mpf(eta) if one else -mpmath.mpf(eta)
        ratio = mpmath.npdf(e) / mpmath.ncdf(e)
        sign = 1 if one else -1
        return float(eta + sign * ratio), float(1 - e * ratio - ratio**2)


@pytest.mark.parametrize("offset", [0.0, 0.7])
def test_probit_latents(offset):
    """Cells of 1 to 5 rows: E and Var of Σ (z − offset), and of the sum of squares, against truncated normal moments."""
    trials = np.array([1, 1, 2, 5, 3, 4, 1, 2, 5], dtype=np.int64)
    y = np.array([0.0, 1.0, 1.0, 0.0, 2.0, 4.0, 1.0, 1.0, 5.0])
    given, n = np.full(ETA.size, offset), 40_000
    rng, working, sums, squares = generator(81), np.empty(ETA.size), np.empty((n, ETA.size)), np.empty(n)
    for i in range(n):
        squares[i] = latent.draw_probit_latents(rng, y, trials, given, ETA, working)
        sums[i] = working
    mean, variance, second = np.zeros(ETA.size), np.zeros(ETA.size), 0.0
    for i, (eta, ones, k) in enumerate(zip(ETA, y, trials, strict=True)):
        for one, count in ((True, ones), (False, k - ones)):
            if count:
                m, v = probit_moments(eta, one)
                mean[i] += count * (m - offset)
                variance[i] += count * v
                second += count * (v + (m - offset) ** 2)
    assert np.max(np.abs(sums.mean(axis=0) - mean) / np.sqrt(variance / n)) < Z_LIMIT
    assert np.max(np.abs(batch_z((sums - mean) ** 2, variance))) < Z_LIMIT
    assert abs(batch_z(squares, np.array([second]))[0]) < Z_LIMIT


def test_probit_latents_lie_on_their_side():
    """One row a cell: z > 0 exactly where y = 1, whatever the offset takes off."""
    rng, working = generator(82), np.empty(ETA.size)
    for y in (np.zeros(ETA.size), np.ones(ETA.size)):
        for _ in range(200):
            latent.draw_probit_latents(rng, y, np.ones(ETA.size, np.int64), np.full(ETA.size, 0.3), ETA, working)
            assert np.all((working + 0.3 > 0.0) == (y == 1.0))


def test_logit_latents():
    """ω_i is the sum of n_i PG(1, η_i) (mean n tanh(η/2)/2η and published variance); working_i = y_i − n_i/2 − ω_i offset_i exactly."""
    trials = np.array([1, 1, 2, 5, 3, 4, 1, 2, 9], dtype=np.int64)
    y = np.array([0.0, 1.0, 1.0, 0.0, 2.0, 4.0, 1.0, 1.0, 5.0])
    offset = np.linspace(-1.0, 1.0, ETA.size)
    rng, omega, working, n = generator(83), np.empty(ETA.size), np.empty(ETA.size), 40_000
    draws = np.empty((n, ETA.size))
    for i in range(n):
        latent.draw_logit_latents(rng, y, trials, offset, ETA, omega, working)
        draws[i] = omega
        if i % 1000 == 0:
            np.testing.assert_allclose(working, y - 0.5 * trials - omega * offset, rtol=1e-12)
    z = np.where(ETA == 0.0, 1e-4, np.abs(ETA))
    mean = trials * np.tanh(z / 2) / (2 * z)
    variance = trials * np.where(ETA == 0.0, 1 / 24, (np.sinh(z) - z) / (4 * z**3 * np.cosh(z / 2) ** 2))
    assert np.max(np.abs(draws.mean(axis=0) - mean) / np.sqrt(variance / n)) < Z_LIMIT
    assert np.max(np.abs(batch_z((draws - mean) ** 2, variance))) < Z_LIMIT


def test_logit_latents_are_the_variates_in_order():
    """The same generator gives the same sums row by row: the seam adds nothing of its own."""
    trials, omega, working, out = np.arange(1, 10), np.empty(9), np.empty(9), np.empty(9)
    latent.draw_logit_latents(generator(84), np.zeros(9), trials, np.zeros(9), ETA, omega, working)
    variates.fill_polya_gamma_sum(generator(84), trials, ETA, out)
    np.testing.assert_array_equal(omega, out)


@pytest.mark.parametrize(("nu", "sigma"), [(1.3, 0.4), (4.0, 2.0), (60.0, 1.0)])
def test_student_latents(nu, sigma):
    """λ_i ~ Gamma((ν+1)/2, rate (ν + r²/σ²)/2): Kolmogorov–Smirnov row by row; working_i = λ_i (y_i − offset_i) exactly."""
    y, offset = np.array([-30.0, -2.0, 0.0, 0.3, 4.0]), np.array([0.0, 0.5, -0.5, 0.0, 1.0])
    eta = np.array([0.5, -1.0, 0.0, 0.2, 1.0])
    rng, omega, working, draws = generator(85), np.empty(5), np.empty(5), np.empty((10_000, 5))
    for i in range(len(draws)):
        latent.draw_student_latents(rng, y, offset, eta, sigma, nu, omega, working)
        draws[i] = omega
        if i % 500 == 0:
            np.testing.assert_allclose(working, omega * (y - offset), rtol=1e-12)
    rate = 0.5 * (nu + ((y - eta) / sigma) ** 2)
    for k in range(5):
        assert stats.kstest(draws[:, k], stats.gamma(0.5 * (nu + 1), scale=1 / rate[k]).cdf).pvalue > 3e-7


@pytest.mark.parametrize("nu", [0.6, 1.0, 2.5, 30.0, 1e5])
@pytest.mark.parametrize("spread", [0.1, 1.0, 1e4, 1e60, 1e140])
def test_log_student(nu, spread):
    """Against scipy; residuals so large that products of them overflow unless taken apart."""
    rng = np.random.default_rng(86)
    y, eta = spread * rng.standard_t(2.0, 300), rng.standard_normal(300)
    for sigma in (0.01, 3.0):
        expected = np.sum(stats.t.logpdf(y, nu, eta, sigma))
        assert latent.log_student(y, eta, sigma, nu) == pytest.approx(expected, rel=RTOL)


def exact_log_binary(is_logit: bool, eta: float, one: bool) -> float:
    """log p(y | η) with 60 digits."""
    with mpmath.workdps(60):
        e = mpmath.mpf(eta) if one else -mpmath.mpf(eta)
        return float(-mpmath.log1p(mpmath.exp(-e)) if is_logit else mpmath.log(mpmath.erfc(-e / mpmath.sqrt(2)) / 2))


@pytest.mark.parametrize("is_logit", [True, False], ids=["logit", "probit"])
def test_log_binary_one_row_far_into_the_tails(is_logit):
    for eta in (-900.0, -80.0, -31.0, -30.0, -29.99, -12.0, -3.0, -0.2, 0.0, 0.2, 3.0, 5.0, 8.0, 12.0, 31.0, 900.0):
        for y in (0.0, 1.0):
            got = latent.log_binary(is_logit, np.array([y]), np.array([1]), np.array([eta]))
            assert got == pytest.approx(exact_log_binary(is_logit, eta, y == 1.0), rel=RTOL, abs=1e-13)


@pytest.mark.parametrize("is_logit", [True, False], ids=["logit", "probit"])
def test_log_binary_of_cells(is_logit):
    rng = np.random.default_rng(87)
    trials = rng.integers(1, 8, 60)
    y, eta = rng.binomial(trials, 0.4).astype(float), 2.0 * rng.standard_normal(60)
    log_p = special.log_expit if is_logit else special.log_ndtr
    expected = np.sum(y * log_p(eta) + (trials - y) * log_p(-eta))
    assert latent.log_binary(is_logit, y, trials, eta) == pytest.approx(expected, rel=RTOL)


def student_data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(88)
    eta = rng.standard_normal(60)
    return eta + 0.8 * rng.standard_t(3.0, 60), eta


NU_PRIORS = ["gamma", "exponential", "uniform"]


@pytest.mark.parametrize("nu_prior", NU_PRIORS)
@pytest.mark.parametrize("sigma_prior", ["half_t", "uniform"])
def test_student_scales(sigma_prior, nu_prior):
    """(σ, ν) | y, η with the scales integrated out, by a grid over (log σ, log ν) of scipy's densities."""
    y, eta = student_data()
    code = np.array([_scale_code(oracles.SD_PRIORS[sigma_prior]), _scale_code(oracles.NU_PRIORS[nu_prior], "nu")], dtype=float)
    s, v = np.linspace(-2.0, 1.2, 90), np.linspace(-1.2, 6.5, 400)
    if nu_prior == "uniform":
        edges = np.log([2.0, 30.0])
        v = edges[0] + (np.arange(200) + 0.5) * (edges[1] - edges[0]) / 200
    if nu_prior == "gamma":  # truncated at one
        v = (np.arange(400) + 0.5) * 6.5 / 400
    sigma, nu = np.exp(s)[:, None], np.exp(v)[None, :]
    log_density = np.sum(stats.t.logpdf(y, nu[..., None], eta, sigma[..., None]), axis=-1) + s[:, None] + v[None, :]
    log_density += np.array([oracles.log_prior_sd(oracles.SD_PRIORS[sigma_prior], value) for value in np.exp(s)])[:, None]
    log_density += np.array([oracles.log_prior_nu(oracles.NU_PRIORS[nu_prior], value) for value in np.exp(v)])[None, :]
    w = np.exp(log_density - log_density.max())
    w /= w.sum()
    functions = (lambda a, b: a, lambda a, b: np.log(a), lambda a, b: 1.0 / b, lambda a, b: np.log(b), lambda a, b: a * np.log(b))
    expected = np.array([np.sum(w * (f(sigma, nu) + 0.0 * w)) for f in functions])
    draws = np.empty((60_000, 2))
    loops.run_student_scales(generator(89), code, y, eta, np.ones(1), np.full(1, 5.0), np.array([0.4, 1.5]), draws)
    values = np.column_stack([f(draws[:, 0], draws[:, 1]) for f in functions])
    assert np.max(np.abs(batch_z(values, expected))) < Z_LIMIT


@pytest.mark.parametrize("which", [0, 1])
def test_a_fixed_scale_stays(which):
    y, eta = student_data()
    code = np.array([_scale_code(oracles.SD_PRIORS["half_t"]), _scale_code(oracles.NU_PRIORS["gamma"], "nu")], dtype=float)
    code[which] = _scale_code(oracles.SD_PRIORS["fixed"])
    draws = np.empty((50, 2))
    loops.run_student_scales(generator(90), code, y, eta, np.full(1, 0.9), np.full(1, 4.0), np.array([0.4, 1.5]), draws)
    assert np.all(draws[:, which] == (0.9, 4.0)[which])
    assert np.unique(draws[:, 1 - which]).size == 50


@pytest.mark.parametrize("family", ["probit", "logit", "student"])
def test_working_responses_give_the_augmented_joint_density(family):
    """log p(latents, θ) as a function of θ is the normal log density of the working responses: differences over θ, to 1e-9.

    −½ Σ ω(ỹ − η)² with ω ỹ = working + ω offset, from the arrays that the kernels fill.
    """
    design = make_design("one_factor", family=family, offset=True)
    rng, n = np.random.default_rng(91), design.y.size
    values = oracles.draw_prior(design, rng)
    sigma, nu = values["sigma"] or 1.0, values["nu"] or 1.0
    eta, omega, working = oracles.linear_predictor(design, values), np.ones(n), np.empty(n)
    if family == "probit":
        latent.draw_probit_latents(generator(92), design.y, np.ones(n, np.int64), design.offset, eta, working)
        drawn = working + design.offset
    elif family == "logit":
        latent.draw_logit_latents(generator(92), design.y, np.ones(n, np.int64), design.offset, eta, omega, working)
        drawn = omega
    else:
        latent.draw_student_latents(generator(92), design.y, design.offset, eta, sigma, nu, omega, working)
        drawn = omega
    ours, theirs = [], []
    for _ in range(4):
        other = {**values, "beta": rng.standard_normal(design.X.shape[1]), "u": [rng.standard_normal(u.shape) for u in values["u"]]}
        difference = working / omega - (oracles.linear_predictor(design, other) - design.offset)
        ours.append(oracles.log_prior(design, other) - 0.5 * np.sum(omega * difference**2) / sigma**2)
        theirs.append(oracles.augmented_log_joint(design, other, drawn))
    np.testing.assert_allclose(np.diff(ours), np.diff(theirs), rtol=RTOL, atol=1e-9 * np.max(np.abs(theirs)))


def test_moments_of_the_oracle_of_this_file():
    """The Mills-ratio moments against scipy's truncated normal where that has digits."""
    for eta in (-2.5, 0.0, 1.3):
        mean, variance = probit_moments(eta, True)
        law = stats.truncnorm(-eta, math.inf, loc=eta)
        assert mean == pytest.approx(law.mean(), rel=1e-9)
        assert variance == pytest.approx(law.var(), rel=1e-7)

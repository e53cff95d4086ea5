"""Every second-order likelihood: l against mpmath in both tails, l' and −l'' against numerical differentiation of it at 50 digits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from gibbs.kernels.likelihood import (
    add_derivatives,
    add_ordinal_derivatives,
    derivatives,
    dispersion_term,
    gaps,
    log_likelihood,
    log_likelihood_of_few,
    ordinal_derivatives,
)
from scipy import stats

from gibbs.kernels import likelihood as kd
from tests.table import table

from .records import outcomes

CUT = np.array([-1.3, 0.0, 0.4, 2.0])
SHAPE = 1.7
BETA_BINOMIAL = (kd.BETA_BINOMIAL_LOGIT, kd.BETA_BINOMIAL_PROBIT, kd.BETA_BINOMIAL_CLOGLOG)
mp = mpmath.mp


def exact(code: int, y: float, n: int, eta, shape=SHAPE, cut=CUT):
    """l(η) from its definition, at the working precision of mpmath."""
    e = mpmath.mpf(eta)
    F = (
        (lambda x: mpmath.erfc(-x / mpmath.sqrt(2)) / 2)
        if code in (kd.BINOMIAL_PROBIT, kd.ORDINAL_PROBIT)
        else (lambda x: 1 / (1 + mpmath.exp(-x)))
    )
    if code in (kd.BINOMIAL_LOGIT, kd.BINOMIAL_PROBIT):
        return (y * mpmath.log(F(e)) if y else 0) + ((n - y) * mpmath.log(F(-e)) if n > y else 0)
    if code == kd.BINOMIAL_CLOGLOG:
        return (y * mpmath.log(-mpmath.expm1(-mpmath.exp(e))) if y else 0) - (n - y) * mpmath.exp(e)
    if code == kd.COUNT_POISSON:
        return y * e - n * mpmath.exp(e)
    if code == kd.COUNT_NEGATIVE_BINOMIAL:
        return y * e - (y + n * shape) * mpmath.log(shape + mpmath.exp(e))
    if code in BETA_BINOMIAL:
        link = code - kd.BETA_BINOMIAL_LOGIT
        low, up = mpmath.exp(exact(link, 0, 1, eta)), mpmath.exp(exact(link, 1, 1, eta))
        phi, whole = mpmath.mpf(shape), mpmath.mpf(0)
        for k in range(int(y)):
            whole += mpmath.log(up + k / phi)
        for k in range(int(n - y)):
            whole += mpmath.log(low + k / phi)
        return whole
    k = int(y)
    high = F(mpmath.mpf(float(cut[k])) - e) if k < len(cut) else mpmath.mpf(1)
    low = F(mpmath.mpf(float(cut[k - 1])) - e) if k > 0 else mpmath.mpf(0)
    return n * mpmath.log(high - low)


def central(of, eta: float, digits: int, power: int) -> tuple:
    """Value, first and minus second derivative of ``of`` at η: central differences with step 10^power in so many digits."""
    with mpmath.workdps(digits):
        h = mpmath.mpf(10) ** power
        below, here, above = (of(mpmath.mpf(eta) + k * h) for k in (-1, 0, 1))
        return here, (above - below) / (2 * h), (2 * here - above - below) / h**2


BINOMIAL = [(y, n, eta) for y, n in ((0, 1), (1, 1), (2, 5), (5, 5)) for eta in (-30.0, -8.0, -1.1, 0.0, 0.7, 4.0, 25.0)]
COUNT = [(y, n, eta) for y, n in ((0, 1), (3, 1), (40, 6)) for eta in (-40.0, -3.0, 0.0, 2.2, 20.0)]
ORDINAL = [(k, n, eta) for k in range(5) for n in (1, 3) for eta in (-20.0, -2.0, 0.1, 3.0, 18.0)]
MANY = [(y, n, eta) for y, n in ((0, 0), (1, 2), (7, 9), (0, 40), (31, 44)) for eta in (-9.0, -1.1, 0.3, 2.0)]
POINTS = [
    (code, *point)
    for code, points in (
        (kd.BINOMIAL_LOGIT, [*BINOMIAL, (1, 1, -700.0), (0, 1, 700.0)]),
        (kd.BINOMIAL_PROBIT, [*BINOMIAL, (1, 1, -120.0)]),
        (kd.BINOMIAL_CLOGLOG, [p for p in [*BINOMIAL, (1, 1, -700.0), (5, 5, -12.0)] if p[2] < 5.0]),
        (kd.COUNT_POISSON, [*COUNT, (2, 1, -700.0)]),
        (kd.COUNT_NEGATIVE_BINOMIAL, [*COUNT, (2, 1, -700.0), (2, 1, 700.0)]),
        (kd.BETA_BINOMIAL_LOGIT, [*BINOMIAL, *MANY, (1, 1, -700.0), (3, 4, 600.0)]),
        (kd.BETA_BINOMIAL_PROBIT, [*[p for p in BINOMIAL if abs(p[2]) < 20.0], *MANY, (2, 2, -35.0)]),
        (kd.BETA_BINOMIAL_CLOGLOG, [p for p in [*BINOMIAL, *MANY, (1, 1, -700.0)] if p[2] < 3.0]),
        (kd.ORDINAL_LOGIT, ORDINAL),
        (kd.ORDINAL_PROBIT, ORDINAL),
    )
    for point in points
]


@table(("code", "y", "n", "eta"), POINTS)
def test_log_likelihood_and_its_derivatives(code, y, n, eta):
    value, first, second = central(lambda e: exact(code, y, n, e), eta, 420 if abs(eta) > 60.0 else 320, -40)
    assert log_likelihood(code, float(y), n, eta, SHAPE, CUT) == pytest.approx(float(value), rel=1e-11, abs=1e-12)
    assert log_likelihood_of_few(code, float(y), n, eta, SHAPE, CUT) == log_likelihood(code, float(y), n, eta, SHAPE, CUT)
    found = derivatives(code, float(y), n, eta, SHAPE, CUT)
    assert found[0] == pytest.approx(float(first), rel=1e-8, abs=1e-11)
    scale = max(abs(float(first)), 1.0)
    assert found[1] == pytest.approx(float(second), rel=1e-7, abs=1e-9 * scale**2)


def test_no_likelihood_is_forgotten():
    codes = {value for name, value in vars(kd).items() if name.startswith(("BINOMIAL", "COUNT", "ORDINAL", "BETA"))}
    assert {code for code, *_ in POINTS} == codes == set(range(len(codes)))


@pytest.mark.parametrize("code", BETA_BINOMIAL)
def test_a_beta_binomial_at_every_precision(code):
    """l, l', −l'' and the dispersion's own part at φ from 10⁻⁶ to 10¹¹ and up to 400 trials; a large φ is a binomial."""
    for shape in (1e-6, 0.02, 0.9, 30.0, 5e3, 1e11):
        for y, n in ((1, 3), (17, 18), (60, 400)):
            for eta in (-2.5, 0.4):
                value, first, second = central(lambda e, y=y, n=n, s=shape: exact(code, y, n, e, s), eta, 80, -25)
                with mpmath.workdps(80):
                    own = -sum(mpmath.log(1 + k / mpmath.mpf(shape)) for k in range(n))
                assert log_likelihood(code, float(y), n, eta, shape, CUT) == pytest.approx(float(value), rel=1e-11)
                assert dispersion_term(code, shape, np.array([float(n)]), np.ones(1)) == pytest.approx(float(own), rel=1e-11, abs=1e-12)
                found = derivatives(code, float(y), n, eta, shape, CUT)
                assert found == pytest.approx((float(first), float(second)), rel=1e-8, abs=1e-9 * n)
    binomial = code - kd.BETA_BINOMIAL_LOGIT
    near = log_likelihood(code, 7.0, 12, 0.3, 1e12, CUT) + dispersion_term(code, 1e12, np.array([12.0]), np.ones(1))
    assert near == pytest.approx(log_likelihood(binomial, 7.0, 12, 0.3, 1.0, CUT), rel=1e-10)


@pytest.mark.parametrize("terms", [0, 1, 2, 15, 16, 17, 40, 5000])
def test_sums_of_a_rising_factorial(terms):
    for start, step in ((1e-3, 1e-3), (0.4, 2.5), (1.0, 1e-7), (3.0, 1e6), (0.7, 0.01)):
        k = np.arange(terms)
        wanted = (np.log(start + k * step).sum(), (1.0 / (start + k * step)).sum(), ((start + k * step) ** -2.0).sum())
        got = (kd.log_rising(start, step, terms), *kd.rising_sums(start, step, terms))
        np.testing.assert_allclose(got, wanted, rtol=2e-12, atol=1e-12)


@pytest.mark.parametrize("code", [*range(5), *BETA_BINOMIAL])
def test_gaps_are_the_likelihood_less_its_quadratic(code):
    rng = np.random.default_rng(1)
    n = rng.integers(1, 6, 40)
    y = np.minimum(rng.integers(0, 5, 40), n if code <= kd.BINOMIAL_CLOGLOG or code in BETA_BINOMIAL else 4).astype(float)
    eta, omega, linear = rng.normal(0.0, 2.0, 40), rng.uniform(0.1, 2.0, 40), rng.normal(size=40)
    out = np.zeros(40)
    total = gaps(outcomes(code, y, n, omega=omega, linear=linear), eta, SHAPE, CUT, out)
    wanted = [log_likelihood(code, y[i], n[i], eta[i], SHAPE, CUT) - linear[i] * eta[i] + 0.5 * omega[i] * eta[i] ** 2 for i in range(40)]
    np.testing.assert_allclose(out, wanted, rtol=1e-12, atol=1e-12)
    assert total == pytest.approx(sum(wanted), rel=1e-11)


@pytest.mark.parametrize("code", [kd.ORDINAL_LOGIT, kd.ORDINAL_PROBIT])
def test_gaps_of_ordinal_outcomes_are_the_likelihood_less_three_squares(code):
    rng, border = np.random.default_rng(1), np.concatenate([[-np.inf], CUT, [np.inf]])
    y, n, eta, out = rng.integers(0, 5, 40).astype(float), rng.integers(1, 6, 40), rng.normal(0.0, 2.0, 40), np.zeros(40)
    weight, slope = rng.uniform(0.1, 2.0, (3, 40)), rng.normal(size=(3, 40))
    weight[2, (y == 0) | (y == 4)] = 0.0
    total = gaps(outcomes(code, y, n, omega=weight.ravel(), linear=slope.ravel()), eta, 1.0, CUT, out)
    s, t = (np.where(np.isfinite(c), eta - c, 0.0) for c in (border[y.astype(int) + 1], border[y.astype(int)]))
    square = slope[0] * s + slope[1] * t - 0.5 * (weight[0] * s**2 + weight[1] * t**2 + weight[2] * (s - t) ** 2)
    wanted = [log_likelihood(code, y[i], n[i], eta[i], 1.0, CUT) - square[i] for i in range(40)]
    np.testing.assert_allclose(out, wanted, rtol=1e-12, atol=1e-12)
    assert total == pytest.approx(sum(wanted), rel=1e-11)


@table("eta", [-12.0, -1.0, 0.2, 2.6, 9.0])
@table("k", range(5))
@table("code", [kd.ORDINAL_LOGIT, kd.ORDINAL_PROBIT])
def test_ordinal_derivatives_in_the_two_predictors(code, k, eta):
    """Slopes and −∇²l by numerical differentiation at 60 digits; the weights of the three squares are not negative."""
    found = np.array(ordinal_derivatives(code, float(k), 3, eta, CUT))
    at = tuple(mpmath.mpf(float(x)) for x in (eta - CUT[min(k, 3)], eta - CUT[max(k - 1, 0)]))

    def value(s, t):
        F = (lambda x: mpmath.erfc(-x / mpmath.sqrt(2)) / 2) if code == kd.ORDINAL_PROBIT else (lambda x: 1 / (1 + mpmath.exp(-x)))
        return 3 * mpmath.log((F(-s) if k < 4 else mpmath.mpf(1)) - (F(-t) if k > 0 else mpmath.mpf(0)))

    with mpmath.workdps(250):
        h = mpmath.mpf(10) ** -40
        near = {(a, b): value(at[0] + a * h, at[1] + b * h) for a in (-1, 0, 1) for b in (-1, 0, 1)}
        slopes = [float((near[1, 0] - near[-1, 0]) / (2 * h)), float((near[0, 1] - near[0, -1]) / (2 * h))]
        ss, tt = (float((2 * near[0, 0] - near[a, b] - near[-a, -b]) / h**2) for a, b in ((1, 0), (0, 1)))
        st = float((near[1, -1] + near[-1, 1] - near[1, 1] - near[-1, -1]) / (4 * h**2))
    w1, w2, w3 = found[2:]
    scale = 1.0 + np.abs(slopes).max() ** 2
    np.testing.assert_allclose(found[:2], slopes, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose([w1 + w3, w2 + w3, -w3], [ss, tt, st], rtol=1e-7, atol=1e-9 * scale)
    assert np.all(found[2:] >= 0.0)


def test_sums_of_ordinal_derivatives():
    y, n, eta, sums = np.array([0.0, 2.0, 4.0]), np.array([1, 2, 1]), np.array([0.3, -0.5, 1.0]), np.ones((7, 3))
    add_ordinal_derivatives(kd.ORDINAL_LOGIT, y, n, eta, CUT, sums)
    wanted = np.array([ordinal_derivatives(kd.ORDINAL_LOGIT, y[i], n[i], eta[i], CUT) for i in range(3)]).T
    np.testing.assert_allclose(sums[2:] - 1.0, wanted, rtol=1e-12)
    np.testing.assert_allclose(sums[:2] - 1.0, [[0.3 + 1.3, -0.5 - 0.4, 0.0], [0.0, -0.5, 1.0 - 2.0]], atol=1e-14)


def test_sums_of_derivatives():
    y, n, eta = np.array([0.0, 1.0]), np.array([1, 2]), np.array([0.3, -0.5])
    sums = np.ones((3, 2))
    add_derivatives(kd.BINOMIAL_LOGIT, y, n, eta, 1.0, CUT, sums)
    p = 1.0 / (1.0 + np.exp(-eta))
    np.testing.assert_allclose(sums - 1.0, [eta, y - n * p, n * p * (1 - p)], rtol=1e-12)


def test_dispersion_term_completes_the_negative_binomial():
    """l and the size's own term together are scipy's log probabilities, summed over rows."""
    rng = np.random.default_rng(2)
    y, eta = rng.poisson(3.0, 50).astype(float), rng.normal(1.0, 0.5, 50)
    values, rows = np.unique(y, return_counts=True)
    for shape in (0.05, 1.7, 400.0):
        total = sum(log_likelihood(kd.COUNT_NEGATIVE_BINOMIAL, y[i], 1, eta[i], shape, CUT) for i in range(50))
        total += dispersion_term(kd.COUNT_NEGATIVE_BINOMIAL, shape, values, rows.astype(float))
        assert total == pytest.approx(stats.nbinom.logpmf(y, shape, shape / (shape + np.exp(eta))).sum(), rel=1e-10)


def test_softplus_is_the_one_of_special():
    assert kd.softplus(0.0) == pytest.approx(np.log(2.0), rel=1e-15)


def test_what_a_likelihood_is():
    codes = range(kd.BETA_BINOMIAL_CLOGLOG + 1)
    assert [c for c in codes if kd.is_ordinal(c)] == [kd.ORDINAL_LOGIT, kd.ORDINAL_PROBIT]
    assert [c for c in codes if kd.is_count(c)] == [kd.COUNT_POISSON, kd.COUNT_NEGATIVE_BINOMIAL]
    assert kd.dispersion_of(np.array([0.5])) == pytest.approx(np.exp(0.5)) and kd.dispersion_of(np.zeros(0)) == 1.0


def test_a_beta_binomial_of_one_trial_is_a_binomial():
    for link, code in enumerate(BETA_BINOMIAL):
        for y in (0.0, 1.0):
            assert kd.log_beta_binomial(link, y, 1, 0.4, SHAPE) == pytest.approx(log_likelihood(link, y, 1, 0.4, 1.0, CUT), rel=1e-13)
            assert kd.beta_binomial_derivatives(link, y, 1, 0.4, SHAPE) == pytest.approx(
                kd.binomial_derivatives(link, y, 1, 0.4), rel=1e-13
            )
            assert derivatives(code, y, 1, 0.4, SHAPE, CUT) == pytest.approx(derivatives(link, y, 1, 0.4, 1.0, CUT), rel=1e-13)

"""Every generator against closed forms: moments, the whole distribution, the tails, and the pieces that are rarely run.

Seeds are fixed. Thresholds are set so that a correct sampler, with a fresh seed, would fail anywhere in this file with probability
below 1e-4: about 150 checks, each at |z| < 5.2 (two-sided 2e-7) or p > 3e-7.
"""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import pytest
from numba import njit
from scipy import integrate, special, stats

from gibbs.kernels import variates
from tests.thin import some

Z_LIMIT, P_LIMIT = 5.2, 3e-7
DRAWS = 100_000

A_GRID = (-37.0, -5.0, -1.0, 0.0, 0.3, 0.45, 1.0, 3.0, 8.0, 37.0)
Z_GRID = (0.0, 1e-8, 0.5, 1.0, 2.0, 3.9, 5.0, 20.0, 100.0, 1000.0, 1500.0)


def check_moments(draws: np.ndarray, cumulants: np.ndarray, sixth: float | None = None) -> None:
    """Mean, variance and third central moment in units of their standard errors; ``cumulants`` are k1, k2, k3, k4."""
    k1, k2, k3, k4 = cumulants
    n, centred = len(draws), (draws - k1) / math.sqrt(k2)
    skew, kurtosis = k3 / k2**1.5, k4 / k2**2
    m6 = np.mean(centred**6) if sixth is None else sixth
    assert abs(centred.mean()) * math.sqrt(n) < Z_LIMIT
    assert abs(np.mean(centred**2) - 1.0) * math.sqrt(n / (kurtosis + 2.0)) < Z_LIMIT
    assert abs(np.mean(centred**3) - skew) * math.sqrt(n / (m6 - skew**2)) < Z_LIMIT


def check_law(draws: np.ndarray, cdf) -> None:
    """Kolmogorov–Smirnov on the cdf, and Anderson–Darling-like counts in both tails."""
    u = cdf(draws)
    assert np.all((u >= 0.0) & (u <= 1.0))
    assert stats.kstest(u, "uniform").pvalue > P_LIMIT
    for p in (1e-3, 1e-2):  # Poisson-like counts of extremes on either side
        for count in (np.sum(u < p), np.sum(u > 1.0 - p)):
            assert abs(count - len(u) * p) < Z_LIMIT * math.sqrt(len(u) * p) + 3.0


# ------------------------------------------------------------------------------------------------- truncated normal


def excess_cumulants(a: float) -> np.ndarray:
    """k1..k4 of x − a under N(0,1) | x > a, by quadrature of exp(−a e − e²/2), which is well scaled for every a."""
    unit, mode = 1.0 / max(a, 1.0), max(-a, 0.0)
    points = np.sort(np.array([max(mode - 9.0, 0.0), mode, mode + 40.0 * unit]))

    def moment(k: int, centre: float = 0.0) -> float:
        def density(e: float) -> float:
            return (e - centre) ** k * math.exp(-a * (e - mode) - 0.5 * (e * e - mode * mode))

        return sum(
            integrate.quad(density, lo, hi, epsabs=0.0, epsrel=1e-12, limit=200)[0] for lo, hi in itertools.pairwise(points) if hi > lo
        )

    mass = moment(0)
    mean = moment(1) / mass
    m2, m3, m4 = (moment(k, mean) / mass for k in (2, 3, 4))
    return np.array([mean, m2, m3, m4 - 3.0 * m2 * m2])


def test_excess_cumulants_agree_with_mills_ratio():
    for a in (-2.0, 0.0, 1.5, 8.0):
        hazard = math.exp(stats.norm.logpdf(a) - special.log_ndtr(-a))
        k = excess_cumulants(a)
        assert k[0] == pytest.approx(hazard - a, rel=1e-9)
        assert k[1] == pytest.approx(1.0 + a * hazard - hazard**2, rel=1e-8)


@pytest.mark.parametrize("a", some(A_GRID, 2))
def test_truncated_normal_has_its_law(a):
    out = np.empty(DRAWS)
    variates.fill_truncated_normal_above(np.random.default_rng(101), np.full(DRAWS, a), out)
    assert np.all(out > a)
    k = excess_cumulants(a)
    check_moments(out, np.array([k[0] + a, *k[1:]]))
    check_law(out, lambda x: -np.expm1(special.log_ndtr(-x) - special.log_ndtr(-a)))


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("mean", [-8.0, -1.0, -0.2, 0.0, 0.7, 6.0])
def test_augmented_normal_has_its_law(mean, positive):
    out = np.empty(DRAWS)
    variates.fill_augmented_normal(np.random.default_rng(102), np.full(DRAWS, mean), np.full(DRAWS, positive), out)
    assert np.all(out > 0.0) if positive else np.all(out <= 0.0)
    sign = 1.0 if positive else -1.0
    k = excess_cumulants(-sign * mean)
    check_moments(sign * out, k)
    a = -sign * mean  # excess e = ±z above a
    check_law(sign * out, lambda e: -np.expm1(special.log_ndtr(-(a + e)) - special.log_ndtr(-a)))


def test_augmented_normal_keeps_its_digits_where_the_outcome_is_impossible():
    """N(−m, 1) | z > 0 tends to Exp(m) with relative error 1/m²: at m = 1e9 the cancellation of mean + x would leave no digit."""
    for m in (1e4, 1e9, 1e150):
        out = np.empty(DRAWS)
        variates.fill_augmented_normal(np.random.default_rng(103), np.full(DRAWS, -m), np.full(DRAWS, True), out)
        assert stats.kstest(out * m, "expon").pvalue > P_LIMIT
        assert len(np.unique(out)) == DRAWS


# ------------------------------------------------------------------------------------------------------ Pólya–Gamma


def polya_gamma_cdf(x: np.ndarray, z: float, terms: int = 60) -> np.ndarray:
    """P(PG(1, z) ≤ x) = 2 cosh(z/2) Σ (−1)ⁿ [e^{−bz} Φ((zx−b)/√x) + e^{bz} Φ(−(zx+b)/√x)], b = n + ½.

    Polson, Scott & Windle (2013): the density is cosh(z/2) Σ (−1)ⁿ 2b (2πx³)^{−½} exp(−b²/2x − z²x/2); every term is the density of a
    hitting time of Brownian motion with drift, whose distribution function is the bracket.
    """
    x = np.asarray(x, float)
    root, total = np.sqrt(x), np.zeros(np.shape(x))
    log_cosh = 0.5 * z + math.log1p(math.exp(-z))  # log 2cosh(z/2)
    for n in range(terms):
        b = n + 0.5
        first = np.exp(log_cosh - b * z + special.log_ndtr((z * x - b) / root))
        second = np.exp(log_cosh + b * z + special.log_ndtr(-(z * x + b) / root))
        total += (-1.0) ** n * (first + second)
    return np.clip(total, 0.0, 1.0)


def polya_gamma_cumulants(z: float, n: int = 1) -> np.ndarray:
    """k1..k4 of PG(n, z) by differentiating −n log cosh √(z²/4 + t/2) at t = 0 with many digits."""
    with mpmath.workdps(60):
        c = mpmath.mpf(z) ** 2 / 4

        def log_cosh_root(w):  # entire in w; real on both sides of zero
            r = mpmath.sqrt(w)
            return mpmath.re(mpmath.log(mpmath.cosh(r)))

        if z < 0.1:  # log cosh √w = w/2 − w²/12 + w³/45 − 17w⁴/2520 + 31w⁵/14175 − 691w⁶/935550 + …
            series = [mpmath.mpf(0), mpmath.mpf(1) / 2, -mpmath.mpf(1) / 12, mpmath.mpf(1) / 45, -mpmath.mpf(17) / 2520]
            series += [mpmath.mpf(31) / 14175, -mpmath.mpf(691) / 935550]
            derivative = [sum(s * mpmath.ff(k, m) * c ** (k - m) for k, s in enumerate(series) if k >= m) for m in range(5)]
        else:
            derivative = [mpmath.diff(log_cosh_root, c, m) for m in range(5)]
        # log E exp(−tω) = −n [g(c + t/2) − g(c)]; cumulant m is (−1)^m times its m-th derivative at 0
        return np.array([float(-n * (-1) ** m * derivative[m] / mpmath.mpf(2) ** m) for m in range(1, 5)])


def test_polya_gamma_cumulants_are_the_published_mean_and_variance():
    for z in (0.5, 2.0, 20.0, 1500.0):
        k = polya_gamma_cumulants(z)
        assert k[0] == pytest.approx(math.tanh(z / 2) / (2 * z), rel=1e-12)
        variance = (2 * math.tanh(z / 2) - z / math.cosh(min(z / 2, 300.0)) ** 2) / (4 * z**3)
        assert k[1] == pytest.approx(variance, rel=1e-9)
    assert polya_gamma_cumulants(0.0)[:2] == pytest.approx([1 / 4, 1 / 24], rel=1e-12)


def test_polya_gamma_cdf_agrees_with_the_other_expansion():
    """The exponentials of the large-x expansion: density cosh(z/2) 2π Σ (−1)ⁿ (2n+1) exp(−((2n+1)²π² + z²) x/2)."""
    for z in (0.0, 1.0, 5.0):
        for x in (0.1, 0.3, 1.0, 2.5):
            rate = lambda n, z=z: ((2 * n + 1) ** 2 * math.pi**2 + z * z) / 2.0  # noqa: E731
            tail = sum((-1) ** n * (2 * n + 1) * math.exp(-rate(n) * x) / rate(n) for n in range(40))
            assert polya_gamma_cdf(np.array(x), z) == pytest.approx(1.0 - math.cosh(z / 2) * 2 * math.pi * tail, abs=1e-12)


@pytest.mark.parametrize("z", some(Z_GRID, 2))
def test_polya_gamma_has_its_law(z):
    out, n = np.empty(DRAWS), np.ones(DRAWS, np.int64)
    sign = np.where(np.arange(DRAWS) % 2 == 0, 1.0, -1.0)  # PG(1, −z) = PG(1, z)
    variates.fill_polya_gamma_sum(np.random.default_rng(201), n, sign * z, out)
    assert np.all(out > 0.0)
    check_moments(out, polya_gamma_cumulants(z))
    check_law(out, lambda x: polya_gamma_cdf(x, z))


@pytest.mark.parametrize("n", [2, 8])
@pytest.mark.parametrize("z", [0.0, 1.0, 4.1, 50.0])
def test_polya_gamma_sum_has_its_moments_and_laplace_transform(n, z):
    out = np.empty(DRAWS // 2)
    variates.fill_polya_gamma_sum(np.random.default_rng(202), np.full(out.size, n), np.full(out.size, z), out)
    check_moments(out, polya_gamma_cumulants(z, n))
    for t in (0.5 / n * (1 + z), 3.0 * (1 + z)):
        values = np.exp(-t * out)
        log_cosh = [np.logaddexp(r, -r) for r in (z / 2.0, math.sqrt(z * z / 4.0 + t / 2.0))]
        expected = math.exp(n * (log_cosh[0] - log_cosh[1]))
        assert abs(values.mean() - expected) < Z_LIMIT * values.std() / math.sqrt(out.size)


def test_polya_gamma_sum_of_one_is_a_draw_and_of_none_is_zero():
    out = np.empty(1000)
    variates.fill_polya_gamma_sum(np.random.default_rng(203), np.zeros(1000, np.int64), np.linspace(-3, 3, 1000), out)
    assert np.all(out == 0.0)
    one, two = np.random.default_rng(204), np.random.default_rng(204)
    variates.fill_polya_gamma_sum(two, np.ones(1000, np.int64), np.linspace(-3, 3, 1000), out)
    np.testing.assert_array_equal(out, [variates.polya_gamma_sum(one, 1, z) for z in np.linspace(-3, 3, 1000)])


def test_side_probability_and_its_table():
    """The exact masses against quadrature of the proposals; the interpolation against the exact masses, everywhere inside the band."""
    T = 0.64
    for z in (0.0, 0.7, 3.0, 7.9):
        K = math.pi**2 / 8 + z * z / 2
        right = integrate.quad(lambda x, K=K: math.pi / 2 * math.exp(-K * x), T, np.inf, epsabs=0.0)[0]
        left_density = lambda x, z=z: 2.0 / math.sqrt(2 * math.pi * x**3) * math.exp(-0.5 / x - z * z * x / 2)  # noqa: E731
        left = integrate.quad(left_density, 0.0, T, epsabs=0.0)[0]
        assert variates._right_probability(z) == pytest.approx(right / (right + left), rel=1e-8)
    table, steps = variates._RIGHT_TABLE, variates._TABLE_STEPS
    z = np.linspace(0.0, variates._TABLE_END, 40_001)[:-1]
    k = (z * steps).astype(int)
    interpolated = table[k] + (z * steps - k) * (table[k + 1] - table[k])
    exact = np.array([variates._right_probability(v) for v in z])
    assert np.max(np.abs(interpolated - exact)) < 0.5 * variates._BAND
    assert variates._right_probability(variates._TABLE_END) < variates._BAND  # beyond the table zero is within the band, too
    assert variates._right_probability(variates._NEVER_RIGHT) < 2.0**-53


def test_series_decides_as_the_full_sum_and_the_squeeze_is_below_it():
    rng = np.random.default_rng(205)
    with mpmath.workdps(40):
        for right in (True, False):
            for x in [0.64, *rng.uniform(*((0.64, 3.0) if right else (0.02, 0.64)), 60)]:
                c = -(mpmath.pi**2) * mpmath.mpf(x) / 2 if right else -2 / mpmath.mpf(x)
                exact = float(mpmath.nsum(lambda n, c=c: (-1) ** n * (2 * n + 1) * mpmath.exp(c * n * (n + 1)), [0, 60], method="d"))
                assert variates._SQUEEZE < exact
                for v, accepted in ((exact - 1e-7, True), (exact + 1e-7, False), (exact - 1e-13, True), (exact + 1e-13, exact > 1)):
                    if v < 1.0:
                        assert variates._series_accepts(v, x, right) == accepted


@pytest.mark.parametrize("z", [0.0, 0.8, 2.5])
def test_rare_branches_through_python_are_the_same_sampler(z):
    """The interpreter's run of the same source, with the squeeze off and the masses always exact, agrees in law draw for draw."""
    out = np.empty(4000)
    variates.fill_polya_gamma_sum(np.random.default_rng(206), np.ones(4000, np.int64), np.full(4000, z), out)
    slow_rng, source = np.random.default_rng(206), variates.polya_gamma_sum.py_func
    replaced = {**source.__globals__, "_SQUEEZE": 0.0, "_BAND": 2.0}
    slow = type(source)(source.__code__, replaced)
    np.testing.assert_allclose(out, [slow(slow_rng, 1, z) for _ in range(4000)], rtol=1e-12)


# ------------------------------------------------------------------------------------------------------------ gamma


@pytest.mark.parametrize("shape", [0.05, 0.5, 1.0, 2.5, 50.0])
def test_gamma_and_inverse_gamma_have_their_laws(shape):
    out = np.empty(DRAWS)
    variates.fill_gamma(np.random.default_rng(301), shape, out)
    law = stats.gamma(shape)
    if shape > 0.1:  # the sixth moment of a very skewed law is not to be had from a sample
        check_moments(out, shape * np.array([1.0, 1.0, 2.0, 6.0]))
    check_law(out, law.cdf)
    variates.fill_inverse_gamma(np.random.default_rng(302), shape, 3.0, out)
    check_law(3.0 / out, law.cdf)


# ---------------------------------------------------------------------------------------------------- hard arguments


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324])
def test_no_argument_hangs(bad):
    rng, out, one = np.random.default_rng(401), np.empty(50), np.full(50, bad)
    variates.fill_truncated_normal_above(rng, one, out)
    assert np.all(np.isnan(out)) if math.isnan(bad) else np.all(out >= bad)
    for positive in (True, False):
        variates.fill_augmented_normal(rng, one, np.full(50, positive), out)
        assert np.all(np.isnan(out)) == math.isnan(bad)
    variates.fill_polya_gamma_sum(rng, np.full(50, 2), one, out)
    assert np.all(np.isnan(out)) if math.isnan(bad) else np.all(out >= 0.0)
    if not bad < 0.0:
        variates.fill_gamma(rng, bad, out)
        assert np.all(np.isnan(out)) if math.isnan(bad) else np.all(out >= 0.0)


def test_inlined_into_a_caller_that_checks_divisions_nothing_divides_by_zero():
    @njit
    def caller(rng):  # Numba's default error model
        total = 0.0
        for z in (0.0, 1e-300, 1.0, 30.0, 1e300):
            total += variates.polya_gamma_sum(rng, 300, z) + variates.polya_gamma_sum(rng, 1, z)
        for a in (0.0, -1.0, 37.0):
            total += variates.truncated_normal_above(rng, a) + variates.augmented_normal(rng, a, True)
        return total + variates.gamma(rng, 0.5) + variates.inverse_gamma(rng, 2.0, 1.0)

    assert math.isfinite(caller(np.random.default_rng(402)))


def test_draws_are_a_function_of_the_generator():
    first, second = np.empty(500), np.empty(500)
    z = np.linspace(-6, 6, 500)
    for out in (first, second):
        variates.fill_polya_gamma_sum(np.random.default_rng(403), np.full(500, 3), z, out)
    np.testing.assert_array_equal(first, second)

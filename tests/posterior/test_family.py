"""The facts of every family against mpmath in 60 digits, scipy's distributions, and simulated moments."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from scipy import special, stats

from gibbs.model.families import FAMILIES
from gibbs.posterior import family as facts
from tests.table import table

mp.mp.dps = 420  # 1 − F(40) of a logistic is 1e-17, of a normal at 30 is 1e-198: enough digits that nothing cancels
TAILS = [-700.0, -300.0, -37.5, -20.0, -8.3, -1.0, -1e-9, 0.0, 0.3, 5.0, 36.0, 41.0, 300.0, 700.0]
CUT = np.array([-1.0, 0.5, 0.6, 2.0])


def log_exact(link: str, x: float, upper: bool) -> mp.mpf:
    """log F(x), or log(1 − F(x)) where ``upper``, by formulas that do not cancel."""
    x = mp.mpf(x)
    if link == "logit":
        return -mp.log1p(mp.exp(x if upper else -x))
    if link == "probit":
        z = x if upper else -x
        return mp.log(mp.erfc(z / mp.sqrt(2)) / 2)
    return -mp.exp(x) if upper else mp.log(-mp.expm1(-mp.exp(x)))


def error(got: float, exact: mp.mpf) -> float:
    """Relative to the exact number, where that is not below the smallest that a float can hold."""
    return float(abs(mp.mpf(float(got)) - exact) / max(abs(exact), mp.mpf("1e-290")))


@table("link", ["logit", "probit", "cloglog"])
@table("eta", TAILS)
def test_binomial_in_both_tails(link: str, eta: float) -> None:
    for y, n in [(0, 3), (3, 3), (2, 7)]:
        exact = mp.log(mp.binomial(n, y))
        exact += y * log_exact(link, eta, False) if y else 0
        exact += (n - y) * log_exact(link, eta, True) if y < n else 0
        assert error(facts.log_likelihood("binomial", y, eta, link=link, trials=n), exact) <= 1e-11


@table("family", ["logit", "probit"])
@table("eta", TAILS)
def test_zeros_and_ones_in_both_tails(family: str, eta: float) -> None:
    assert error(facts.log_likelihood(family, 1, eta), log_exact(family, eta, False)) <= 1e-11
    assert error(facts.log_likelihood(family, 0, eta), log_exact(family, eta, True)) <= 1e-11


@table("eta", [e for e in TAILS if e != 0.0])
@table("y", [0, 1, 40])
def test_counts_in_both_tails(y: int, eta: float) -> None:
    mean = mp.exp(mp.mpf(eta))
    assert error(facts.log_likelihood("poisson", y, eta), y * mp.mpf(eta) - mean - mp.loggamma(y + 1)) <= 1e-11
    for shape in (0.05, 3.0, 4e4):
        r = mp.mpf(shape)
        exact = mp.loggamma(y + r) - mp.loggamma(r) - mp.loggamma(y + 1) - r * mp.log1p(mean / r) - y * mp.log1p(r / mean)
        assert error(facts.log_likelihood("negative_binomial", y, eta, shape=shape), exact) <= 2e-10


def test_a_huge_size_is_poisson() -> None:
    y, eta = np.array([0.0, 1.0, 7.0, 30.0]), np.array([0.0, 1.0, 2.0, 3.0])
    np.testing.assert_allclose(
        facts.log_likelihood("negative_binomial", y, eta, shape=1e13), facts.log_likelihood("poisson", y, eta), rtol=1e-9
    )


@table("link", ["logit", "probit"])
@table("eta", TAILS)
def test_ordinal_in_both_tails(link: str, eta: float) -> None:
    for k in range(5):
        low, high = (mp.mpf(v) - mp.mpf(eta) for v in (CUT[k - 1] if k else -np.inf, CUT[k] if k < 4 else np.inf))
        if k == 0:
            exact = log_exact(link, high, False)
        elif k == 4:
            exact = log_exact(link, low, True)
        elif low > 0:  # both far above: the upper tails differ
            exact = mp.log(mp.exp(log_exact(link, low, True)) - mp.exp(log_exact(link, high, True)))
        else:
            exact = mp.log(mp.exp(log_exact(link, high, False)) - mp.exp(log_exact(link, low, False)))
        assert error(facts.log_likelihood("ordinal", k, eta, link=link, cutpoints=CUT), exact) <= 1e-9


@pytest.mark.parametrize("z", [-700.0, -1.3, 0.0, 0.1, 700.0])
def test_real_outcomes_are_scipys(z: float) -> None:
    np.testing.assert_allclose(facts.log_likelihood("gaussian", 2.0 + z, 2.0, sigma=0.7), stats.norm.logpdf(2.0 + z, 2.0, 0.7), rtol=1e-12)
    for nu in (1.0, 4.5, 200.0):
        np.testing.assert_allclose(
            facts.log_likelihood("student", 2.0 + z, 2.0, sigma=0.7, nu=nu), stats.t.logpdf(2.0 + z, nu, 2.0, 0.7), rtol=1e-10
        )


@pytest.mark.parametrize(
    ("family", "link", "scipys"),
    [
        ("binomial", "logit", lambda y, e: stats.binom.logpmf(y, 9, special.expit(e))),
        ("binomial", "probit", lambda y, e: stats.binom.logpmf(y, 9, stats.norm.cdf(e))),
        ("binomial", "cloglog", lambda y, e: stats.binom.logpmf(y, 9, 1 - np.exp(-np.exp(e)))),
        ("poisson", "", lambda y, e: stats.poisson.logpmf(y, np.exp(e))),
        ("negative_binomial", "", lambda y, e: stats.nbinom.logpmf(y, 2.5, 2.5 / (2.5 + np.exp(e)))),
    ],
)
def test_discrete_outcomes_are_scipys(family: str, link: str, scipys: object) -> None:
    y, eta = np.arange(10.0)[:, None], np.linspace(-2.0, 1.2, 5)
    np.testing.assert_allclose(facts.log_likelihood(family, y, eta, link=link, trials=9, shape=2.5), scipys(y, eta), rtol=1e-9)


CASES = [
    ("gaussian", "", {"sigma": 0.7}),
    ("student", "", {"sigma": 0.7, "nu": 9.0}),
    ("logit", "", {}),
    ("probit", "", {}),
    ("binomial", "logit", {"trials": 7}),
    ("binomial", "probit", {"trials": 7}),
    ("binomial", "cloglog", {"trials": 7}),
    ("binomial", "cloglog", {}),
    ("beta_binomial", "logit", {"trials": 7, "phi": 2.5}),
    ("beta_binomial", "probit", {"trials": 30, "phi": 0.4}),
    ("beta_binomial", "cloglog", {"trials": 7, "phi": 90.0}),
    ("poisson", "", {}),
    ("negative_binomial", "", {"shape": 1.5}),
    ("ordinal", "logit", {"cutpoints": CUT}),
    ("ordinal", "probit", {"cutpoints": CUT}),
]


def test_no_family_is_forgotten() -> None:
    assert {(family, facts.link_of(family, link)) for family, link, _ in CASES} == {
        (f, k) for f, record in FAMILIES.items() for k in record.links
    }


@pytest.mark.parametrize(("family", "link", "further"), CASES)
def test_simulated_outcomes_follow_the_likelihood(family: str, link: str, further: dict) -> None:
    """The probability integral transform of discrete outcomes by chi-squared, of real ones by Kolmogorov and Smirnov, at α = 1e-6."""
    rng, eta, size = np.random.default_rng(4), 0.4, 40_000
    drawn = facts.simulate(rng, family, np.full(size, eta), link=link, **further)
    assert drawn.shape == (size,) and drawn.dtype == np.float64
    if family in ("gaussian", "student"):
        law = stats.norm(eta, 0.7) if family == "gaussian" else stats.t(9.0, eta, 0.7)
        assert stats.kstest(drawn, law.cdf).pvalue > 1e-6
        return
    top = int(drawn.max()) + 1
    probability = np.exp(facts.log_likelihood(family, np.arange(top), eta, link=link, **further))
    last = {
        "binomial": further.get("trials", 1) + 1,
        "beta_binomial": further.get("trials", 1) + 1,
        "ordinal": 5,
        "logit": 2,
        "probit": 2,
    }.get(family)
    if last is not None:
        np.testing.assert_allclose(np.exp(facts.log_likelihood(family, np.arange(last), eta, link=link, **further)).sum(), 1.0, rtol=1e-12)
    expected = np.append(probability * size, max(size * (1.0 - probability.sum()), 1e-9))
    seen = np.append(np.bincount(drawn.astype(int), minlength=top), 0)
    rare = expected < 5
    expected, seen = (np.append(a[~rare], a[rare].sum()) for a in (expected, seen))
    used = expected > 1e-6
    statistic = (((seen - expected) ** 2)[used] / expected[used]).sum()
    assert stats.chi2.sf(statistic, used.sum() - 1) > 1e-6


@pytest.mark.parametrize(("family", "link", "further"), CASES)
def test_the_inverse_link_is_the_mean_of_the_law(family: str, link: str, further: dict) -> None:
    eta = np.array([-1.5, 0.0, 0.8])
    got = facts.inverse_link(family, eta, link=link, cutpoints=further.get("cutpoints"))
    if family == "ordinal":
        per_category = np.exp(facts.log_likelihood(family, np.arange(5.0), eta[:, None], link=link, cutpoints=CUT))
        np.testing.assert_allclose(got, per_category, rtol=1e-12)
        np.testing.assert_allclose(got.sum(axis=1), 1.0, rtol=1e-12)
        return
    if family in ("gaussian", "student"):
        np.testing.assert_array_equal(got, eta)
        return
    outcomes = np.arange(400.0)[:, None]
    if (
        n := {"logit": 1, "probit": 1, "binomial": further.get("trials", 1), "beta_binomial": further.get("trials", 1)}.get(family)
    ) is not None:
        outcomes = np.arange(n + 1.0)[:, None]
    mass = np.exp(facts.log_likelihood(family, outcomes, eta, link=link, **further))
    np.testing.assert_allclose((outcomes * mass).sum(axis=0) / (n or 1), got, rtol=1e-9)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_beta_binomial_against_its_definition(link: str) -> None:
    """log of C(n, y) B(y + a, n − y + b)/B(a, b), a = μφ, b = (1 − μ)φ, in mpmath; φ from rows of one kind to the binomial.

    The ratio of betas is a⁽ʸ⁾ b⁽ⁿ⁻ʸ⁾ / φ⁽ⁿ⁾, rising factorials.
    """
    for eta in (-300.0, -20.0, -2.0, 0.3, 1.4):
        for phi in (1e-6, 0.3, 15.9, 16.1, 4e3, 1e9, 1e13):
            for y, n in ((0, 0), (0, 1), (1, 1), (3, 4), (0, 30), (30, 30), (700, 900)):
                with mp.workdps(60):
                    a, b = (mp.exp(log_exact(link, eta, upper)) * mp.mpf(phi) for upper in (False, True))
                    exact = mp.log(mp.binomial(n, y) * mp.rf(a, y) * mp.rf(b, n - y) / mp.rf(mp.mpf(phi), n))
                got = facts.log_likelihood("beta_binomial", y, eta, link=link, trials=n, phi=phi)
                assert abs(mp.mpf(float(got)) - exact) <= 1e-10 * max(abs(exact), 1), (eta, phi, y, n)


def test_beta_binomial_rows_are_overdispersed_as_said() -> None:
    """Variance n μ(1 − μ)(1 + (n − 1)ρ), ρ = 1/(1 + φ), by sums over the law and in simulated rows; φ = 10⁻⁷ are rows of one kind."""
    y, n, mean = np.arange(13.0), 12, special.expit(-0.7)
    for phi in (0.2, 3.0, 400.0):
        mass = np.exp(facts.log_likelihood("beta_binomial", y, -0.7, trials=n, phi=phi))
        variance = mass @ (y - n * mean) ** 2
        assert variance == pytest.approx(n * mean * (1 - mean) * (1 + (n - 1) / (1 + phi)), rel=1e-11)
    rng = np.random.default_rng(3)
    rows = facts.simulate(rng, "beta_binomial", np.full(4000, -0.7), trials=n, phi=1e-7)
    assert set(rows) == {0.0, 12.0} and abs((rows == 12).mean() - mean) < 5 * math.sqrt(mean * (1 - mean) / 4000)
    assert facts.latent_variance("beta_binomial", "probit", phi=2.0) == 1.0


def test_draws_and_rows_broadcast() -> None:
    rng = np.random.default_rng(1)
    eta, shape = rng.normal(size=(4, 6)), rng.gamma(3.0, size=(4, 1))
    cut = np.sort(rng.normal(size=(4, 3)), axis=1)
    y = np.array([0.0, 1.0, 2.0, 3.0, 1.0, 0.0])
    whole = facts.log_likelihood("ordinal", y, eta, cutpoints=cut)
    for s in range(4):
        np.testing.assert_allclose(whole[s], facts.log_likelihood("ordinal", y, eta[s], cutpoints=cut[s]), rtol=1e-14)
        np.testing.assert_allclose(
            facts.inverse_link("ordinal", eta, cutpoints=cut)[s], facts.inverse_link("ordinal", eta[s], cutpoints=cut[s]), rtol=1e-14
        )
    assert facts.log_likelihood("negative_binomial", y, eta, shape=shape).shape == (4, 6)
    assert facts.simulate(rng, "negative_binomial", eta, shape=shape).shape == (4, 6)
    assert facts.simulate(rng, "ordinal", eta, cutpoints=cut).max() <= 3
    assert facts.simulate(rng, "binomial", eta, trials=np.arange(6)).shape == (4, 6)


def test_means_too_large_to_draw_from() -> None:
    rng = np.random.default_rng(2)
    np.testing.assert_allclose(facts.simulate(rng, "poisson", np.array([100.0])), np.exp(100.0), rtol=1e-12)
    assert facts.simulate(rng, "poisson", np.array([800.0]))[0] == np.inf
    assert np.isfinite(facts.simulate(rng, "negative_binomial", np.array([690.0]), shape=2.0)).all()


def test_latent_variances_are_those_of_the_latent_laws() -> None:
    assert facts.latent_variance("logit") == pytest.approx(stats.logistic.var(), rel=1e-12)
    assert facts.latent_variance("ordinal", "probit") == 1.0
    assert facts.latent_variance("binomial", "cloglog") == pytest.approx(stats.gumbel_l.var(), rel=1e-12)
    assert facts.latent_variance("gaussian", sigma=3.0) == 9.0
    assert facts.latent_variance("student", sigma=2.0, nu=5.0) == pytest.approx(stats.t.var(5.0, scale=2.0))
    assert facts.latent_variance("student", sigma=2.0, nu=1.5) == math.inf
    # ψ'(4) = π²/6 − 1 − 1/4 − 1/9
    assert facts.latent_variance("poisson", mean=4.0) == pytest.approx(math.pi**2 / 6 - 49 / 36, rel=1e-12)
    assert facts.latent_variance("negative_binomial", mean=12.0, shape=6.0) == pytest.approx(math.pi**2 / 6 - 49 / 36, rel=1e-12)


def test_what_is_missing_is_said() -> None:
    with pytest.raises(ValueError, match="needs sigma"):
        facts.log_likelihood("gaussian", 1.0, 1.0)
    with pytest.raises(ValueError, match="needs its cutpoints"):
        facts.simulate(np.random.default_rng(0), "ordinal", 0.0)
    with pytest.raises(ValueError, match="no link 'cloglog'"):
        facts.inverse_link("ordinal", 0.0, link="cloglog", cutpoints=CUT)
    with pytest.raises(ValueError, match="no family 'gamma'"):
        facts.link_of("gamma")

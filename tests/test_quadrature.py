"""The quadrature oracles against another route: known laws, adaptive integration in other coordinates, draws from the prior."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, special, stats

from gibbs.model.records import Prior
from tests import oracles
from tests.thin import some


def conditioned(seed: int, *args, **kwargs):
    """A design with data simulated at a draw from the prior."""
    rng = np.random.default_rng(seed)
    design = oracles.random_design(rng, *args, **kwargs)
    return oracles.with_response(design, oracles.simulate(design, oracles.draw_prior(design, rng), rng))


def test_grid_finds_known_laws():
    """A skewed law on (0, ∞), a heavy-tailed one on the line, one with its mode on a bound, all at once."""
    laws = (stats.gamma(3.0, scale=0.2), stats.t(9.0, 50.0, 0.3), stats.expon(scale=4.0))
    grid = oracles.integrate_on_grid(
        lambda x: sum(law.logpdf(x[:, k]) for k, law in enumerate(laws)) + 1.25,
        np.array([1.0, 49.0, 1.0]),
        [(0.0, np.inf), (-np.inf, np.inf), (0.0, np.inf)],
        8,
    )
    assert grid.log_integral == pytest.approx(1.25, abs=1e-6)
    for k, law in enumerate(laws):
        margin = grid.margin(k, (0.01, 0.5, 0.95))
        assert margin.mean == pytest.approx(law.mean(), abs=1e-5 * law.std())
        assert margin.sd == pytest.approx(law.std(), rel=1e-4)
        for p, value in margin.quantiles.items():
            assert value == pytest.approx(law.ppf(p), abs=1e-4 * law.std())
    uniform = grid.margin(2, (0.3,), lambda x: -np.exp(-x / 4.0))  # an increasing function of the exponential: U(−1, 0)
    assert (uniform.mean, uniform.sd, uniform.quantiles[0.3]) == pytest.approx((-0.5, 12**-0.5, -0.7), abs=1e-5)


def test_improper_posterior_is_refused():
    with pytest.raises(RuntimeError, match="proper"):
        oracles.integrate_on_grid(lambda x: -0.01 * np.log(x[:, 0]), np.array([1.0]), [(0.0, np.inf)], 4)


@pytest.mark.parametrize("flat", [False, True])
def test_random_intercept_against_adaptive_integration(flat):
    """In (log sd, log sigma), of the covariance-form marginal: other coordinates, other algebra, another integrator."""
    design = conditioned(31, "one_factor", rows=12, levels=4, predictors=1)
    if flat:
        design = replace(design, coefficient_priors=())
    sd_prior, sigma_prior = design.factors[0].terms[0].sd_priors[0], design.sigma_prior
    got = oracles.one_factor_gaussian_posterior(design)

    def weight(log_sd: float, log_sigma: float):
        sd, sigma = np.exp([log_sd, log_sigma])
        marginal = oracles.gaussian_marginal(design, [[np.array([[sd * sd]])]], sigma)
        log_prior = oracles.log_prior_sd(sd_prior, sd) + oracles.log_prior_sd(sigma_prior, sigma)
        return np.exp(marginal.log_marginal + log_prior + log_sd + log_sigma - got.log_evidence), marginal, sd, sigma

    # the trapezoid rule in logs: geometric convergence for analytic integrands that vanish at both ends
    step = 0.3
    total = np.zeros(10)
    for log_sd in np.arange(-13.0, 5.5, step):
        for log_sigma in np.arange(-2.5, 3.0, step):
            w, marginal, sd, sigma = weight(log_sd, log_sigma)
            b, v = marginal.beta_mean[1], marginal.covariance[1, 1]
            u, vu = marginal.mean[2], marginal.covariance[2, 2]
            below = special.ndtr((got.margins["b_x"].quantiles[0.95] - b) / np.sqrt(v))
            parts = [1, sd, sd * sd, sigma, b, v + b * b, below, u, vu + u * u]
            total[:9] += step * step * w * np.array(parts)
    one, sd1, sd2, sigma1, b1, b2, below, u1, u2 = total[:9]
    assert one == pytest.approx(1.0, abs=3e-5)
    assert got.margins["sd_g__Intercept"].mean == pytest.approx(sd1, abs=1e-4)
    assert got.margins["sd_g__Intercept"].sd == pytest.approx(np.sqrt(sd2 - sd1**2), rel=3e-3)
    assert got.margins["sigma"].mean == pytest.approx(sigma1, abs=1e-4)
    assert got.margins["b_x"].mean == pytest.approx(b1, abs=1e-4)
    assert got.margins["b_x"].sd == pytest.approx(np.sqrt(b2 - b1**2), rel=1e-3)
    assert below == pytest.approx(0.95, abs=1e-4)
    level = got.margins[f"r_g[{design.factors[0].levels[0]},Intercept]"]
    assert (level.mean, level.sd) == pytest.approx((u1, np.sqrt(u2 - u1**2)), abs=1e-3)


def agree(margin, weight: np.ndarray, mean: np.ndarray, sd: np.ndarray | float = 0.0) -> None:
    """The mean, median and 95 % point against a weighted mixture of N(mean, sd²), within 4.5 standard errors of the latter."""
    with np.errstate(divide="ignore"):
        below = {p: special.ndtr((q - mean) / sd) if np.ndim(sd) else (mean < q).astype(float) for p, q in margin.quantiles.items()}
    for function, expected in ((mean, margin.mean), (below[0.5], 0.5), (below[0.95], 0.95)):
        estimate = weight @ function
        assert abs(estimate - expected) < 4.5 * np.sqrt(np.sum(weight**2 * (function - estimate) ** 2))


def normalised(log_weight: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Weights that sum to one, log of the mean weight, and its standard error. The effective size must be of use."""
    weight = np.exp(log_weight - log_weight.max())
    assert weight.sum() ** 2 / np.sum(weight**2) > 100
    error = weight.std() / weight.mean() / np.sqrt(len(weight))
    return weight / weight.sum(), log_weight.max() + np.log(weight.mean()), error


@pytest.mark.parametrize(
    "kind, options",
    [
        ("one_factor", {}),
        ("one_factor", {"known_se": True, "sd_prior": "half_cauchy"}),
        pytest.param("one_factor", {"sigma_prior": "fixed", "sd_prior": "inverse_gamma"}, marks=pytest.mark.slow),
        ("one_factor", {"sd_prior": "fixed", "sigma_prior": "uniform", "offset": True}),
        ("two_terms", {"sigma_prior": "fixed"}),
        pytest.param("slopes", {}, marks=pytest.mark.slow),
        pytest.param("slopes", {"sigma_prior": "fixed"}, marks=pytest.mark.slow),
        ("slopes", {"sigma_prior": "fixed", "covariance_prior": "huang_wand"}),
        ("slopes", {"sigma_prior": "fixed", "covariance_prior": "inverse_wishart"}),
        pytest.param("one_factor", {"sigma_prior": "fixed", "covariance_prior": "huang_wand!"}, marks=pytest.mark.slow),
    ],
)
def test_gaussian_posteriors_against_weighted_prior_draws(kind, options):
    """Hyperparameters from ``draw_prior``, weighted by the covariance-form marginal likelihood."""
    design = conditioned(32, kind, rows=12, levels=3, **options)
    factor, rng = design.factors[0], np.random.default_rng(33)
    got = oracles.one_factor_gaussian_posterior(design, nodes=4 if kind == "slopes" else None)
    draws = [oracles.draw_prior(design, rng) for _ in range(1500)]
    conditional = [oracles.gaussian_marginal(design, v["covariances"], v["sigma"]) for v in draws]
    weight, log_evidence, error = normalised(np.array([c.log_marginal for c in conditional]))
    assert abs(got.log_evidence - log_evidence) < 4.5 * error
    mean, sd = np.array([c.mean for c in conditional]), np.sqrt(np.array([np.diag(c.covariance) for c in conditional]))
    agree(got.margins["b_x"], weight, mean[:, 1], sd[:, 1])
    covariance = np.array([oracles.factor_covariance(v["covariances"][0]) for v in draws])
    q = len(factor.columns)
    for k, column in enumerate(factor.columns):
        if f"sd_g__{column}" in got.margins:
            agree(got.margins[f"sd_g__{column}"], weight, np.sqrt(covariance[:, k, k]))
        at = 2 + q + k  # the second level
        agree(got.margins[f"r_g[{factor.levels[1]},{column}]"], weight, mean[:, at], sd[:, at])
    if kind == "slopes":
        rho = covariance[:, 0, 1] / np.sqrt(covariance[:, 0, 0] * covariance[:, 1, 1])
        agree(got.margins["cor_g__Intercept__x"], weight, rho)
    if "sigma" in got.margins:
        agree(got.margins["sigma"], weight, np.array([v["sigma"] for v in draws]))


@pytest.mark.parametrize("link", ["probit", "logit"])
@pytest.mark.parametrize("kind", ["one_factor", "slope"])
def test_binary_likelihood_against_adaptive_integration(link, kind):
    design = conditioned(34, "one_factor", family=link, rows=40, levels=3)
    if kind == "slope":  # a random coefficient of x instead of the intercept
        factor = replace(design.factors[0], Z=design.X[:, 1:].copy(), columns=("x",))
        design = replace(design, factors=(factor,), offset=np.linspace(-1, 1, 40))
    factor, beta = design.factors[0], np.array([[0.3, -0.8], [3.0, 2.0]])
    for sd in (0.01, 0.7, 2.0, 6.0):
        got = oracles.one_factor_binary_log_likelihood(design, link, beta, np.array([sd, sd]))
        finer = oracles.one_factor_binary_log_likelihood(design, link, beta, np.array([sd, sd]), group_nodes=101)
        for b, value, fine in zip(beta, got, finer, strict=True):
            expected = 0.0
            for j in range(3):
                rows = factor.codes == j
                eta, sign, z = (design.offset + design.X @ b)[rows], 2 * design.y[rows] - 1, factor.Z[rows, 0]

                def density(v, eta=eta, sign=sign, z=z, sd=sd):
                    x = sign * (eta + z * sd * v)
                    log_p = stats.norm.logcdf(x) if link == "probit" else -np.logaddexp(0, -x)
                    return np.exp(log_p.sum() - 0.5 * v * v + 25.0) / np.sqrt(2 * np.pi)

                expected += np.log(integrate.quad(density, -12, 12, epsabs=0, epsrel=1e-10, limit=300)[0]) - 25.0
            assert value == pytest.approx(expected, abs=1e-8 if sd < 1.0 else 3e-5)
            assert fine == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(
    "link, options",
    some([("logit", {"coefficient_prior": "student_t", "predictors": 0}), ("probit", {"sd_prior": "uniform"})], 2, several=True),
)
def test_binary_posteriors_against_weighted_prior_draws(link, options):
    design = conditioned(35, "one_factor", family=link, rows=20, levels=4, **options)
    got, rng = oracles.one_factor_binary_posterior(design, link), np.random.default_rng(36)
    draws = [oracles.draw_prior(design, rng) for _ in range(5000)]
    beta = np.array([v["beta"] for v in draws])
    sd = np.array([np.sqrt(v["covariances"][0][0][0, 0]) for v in draws])
    weight, log_evidence, error = normalised(oracles.one_factor_binary_log_likelihood(design, link, beta, sd))
    assert abs(got.log_evidence - log_evidence) < 4.5 * error
    for k, name in enumerate(design.coefficients):
        agree(got.margins[f"b_{name}"], weight, beta[:, k])
    agree(got.margins["sd_g__Intercept"], weight, sd)


def test_binary_posterior_with_a_fixed_sd_is_a_one_dimensional_integral():
    design = conditioned(37, "one_factor", family="probit", rows=16, levels=3, predictors=0, sd_prior=Prior("fixed", (0.7,)))
    got = oracles.one_factor_binary_posterior(design, "probit")
    (row,) = design.coefficient_priors

    def density(b, power=0):
        likelihood = oracles.one_factor_binary_log_likelihood(design, "probit", np.array([[b]]), np.array([0.7]))[0]
        return b**power * np.exp(likelihood + stats.norm.logpdf(b, row.mean, row.scale))

    mass = integrate.quad(density, -6, 6, epsrel=1e-9)[0]
    mean = integrate.quad(density, -6, 6, args=(1,), epsrel=1e-9)[0] / mass
    assert set(got.margins) == {"b_Intercept"}
    assert got.log_evidence == pytest.approx(np.log(mass), abs=1e-6)
    assert got.margins["b_Intercept"].mean == pytest.approx(mean, abs=1e-6)


def test_wrong_models_are_refused():
    with pytest.raises(ValueError, match="one factor"):
        oracles.one_factor_gaussian_posterior(conditioned(38, "crossed"))
    with pytest.raises(ValueError, match="normal or flat"):
        oracles.one_factor_gaussian_posterior(conditioned(38, "one_factor", coefficient_prior="student_t"))
    with pytest.raises(ValueError, match="at most two"):
        oracles.one_factor_binary_posterior(conditioned(38, "one_factor", family="logit", predictors=3), "logit")

"""Each oracle against another route: closed forms, numerical integration, scipy's laws, simulation."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from gibbs.model.records import Prior, Term
from tests import oracles
from tests.table import table


def test_scalar_priors_are_normalised_on_their_scale():
    for prior in oracles.SD_PRIORS.values():
        if prior.kind == "fixed":
            continue
        high = prior.args[1] if prior.kind == "uniform" else np.inf
        total = integrate.quad(lambda s, p=prior: np.exp(oracles.log_prior_sd(p, s)), 0.0, high, limit=200)[0]
        assert total == pytest.approx(1.0, abs=1e-7), prior
    for prior in oracles.NU_PRIORS.values():
        if prior.kind == "fixed":
            continue
        low, high = (1.0, np.inf) if prior.kind == "gamma" else prior.args if prior.kind == "uniform" else (0.0, np.inf)
        total = integrate.quad(lambda v, p=prior: np.exp(oracles.log_prior_nu(p, v)), low, high, limit=200)[0]
        assert total == pytest.approx(1.0, abs=1e-7), prior
    assert oracles.log_prior_nu(oracles.NU_PRIORS["gamma"], 0.99) == -np.inf
    fixed = Prior("fixed", (2.0,))
    assert oracles.log_prior_sd(fixed, 2.0) == 0.0 and oracles.log_prior_sd(fixed, 2.1) == -np.inf


@pytest.mark.parametrize("kind", sorted(oracles.SD_PRIORS))
def test_draws_of_a_sd_have_its_density(kind):
    prior, rng = oracles.SD_PRIORS[kind], np.random.default_rng(4)
    draws = np.array([oracles.draw_sd(prior, rng) for _ in range(4000)])
    if kind == "fixed":
        assert np.all(draws == prior.args[0])
        return
    for point in (0.2, 0.5, 1.0, 1.6):
        cdf = integrate.quad(lambda s: np.exp(oracles.log_prior_sd(prior, s)), 0.0, point)[0]
        assert abs(np.mean(draws < point) - cdf) < 4.5 * np.sqrt(cdf * (1 - cdf) / 4000) + 1e-9


@pytest.mark.parametrize("kind", sorted(oracles.NU_PRIORS))
def test_draws_of_nu_have_its_density(kind):
    prior, rng = oracles.NU_PRIORS[kind], np.random.default_rng(5)
    draws = np.array([oracles.draw_nu(prior, rng) for _ in range(4000)])
    if kind == "fixed":
        assert np.all(draws == prior.args[0])
        return
    low = {"gamma": 1.0, "exponential": 0.0, "uniform": 2.0}[kind]
    for point in (3.0, 8.0, 20.0):
        cdf = integrate.quad(lambda v: np.exp(oracles.log_prior_nu(prior, v)), low, point)[0]
        assert abs(np.mean(draws < point) - cdf) < 4.5 * np.sqrt(cdf * (1 - cdf) / 4000)


def test_lkj_is_normalised_and_has_beta_margins():
    for eta in (0.7, 1.0, 2.5):  # q = 2: a density in one variable
        total = integrate.quad(lambda r, eta=eta: np.exp(oracles.log_lkj(np.array([[1, r], [r, 1]]), eta)), -1, 1)[0]
        assert total == pytest.approx(1.0, abs=1e-6)
    # q = 3: partial correlations map the cube onto the matrices; |∂r23/∂p| = sqrt((1-r12²)(1-r13²))
    nodes, weights = np.polynomial.legendre.leggauss(24)
    total = 0.0
    for (a, wa), (b, wb), (c, wc) in itertools.product(zip(nodes, weights, strict=True), repeat=3):
        jacobian = np.sqrt((1 - a * a) * (1 - b * b))
        d = a * b + c * jacobian
        total += wa * wb * wc * jacobian * np.exp(oracles.log_lkj(np.array([[1, a, b], [a, 1, d], [b, d, 1]]), 2.0))
    assert total == pytest.approx(1.0, abs=1e-3)
    # margins of the draws: (r+1)/2 ~ Beta(η − 1 + q/2, same), every entry alike
    rng, q, eta = np.random.default_rng(6), 4, 1.7
    draws = np.array([oracles.draw_lkj(q, eta, rng) for _ in range(6000)])
    law = stats.beta(eta - 1 + q / 2, eta - 1 + q / 2, loc=-1, scale=2)
    for i, j in itertools.combinations(range(q), 2):
        assert stats.kstest(draws[:, i, j], law.cdf).pvalue > 1e-4
    log_det = np.linalg.slogdet(draws)[1]  # E|R| from the normalising constants: Z(η+1)/Z(η)
    expected = np.exp(oracles.log_lkj(np.eye(q), eta) - oracles.log_lkj(np.eye(q), eta + 1))
    assert abs(np.mean(np.exp(log_det)) - expected) < 4.5 * np.std(np.exp(log_det)) / np.sqrt(len(draws))


def test_inverse_wishart_is_scipys():
    rng, scale = np.random.default_rng(7), np.array([[1.0, 0.3, 0.1], [0.3, 2.0, -0.2], [0.1, -0.2, 0.8]])
    for _ in range(3):
        sigma = stats.invwishart(5.5, scale).rvs(random_state=rng)
        assert oracles.log_inverse_wishart(sigma, 5.5, scale) == pytest.approx(stats.invwishart(5.5, scale).logpdf(sigma), abs=1e-10)
    term = Term(("a", "b", "c"), (), None, Prior("inverse_wishart", (5.5, tuple(map(tuple, scale.tolist())))))
    draws = np.array([oracles.draw_covariance(term, rng) for _ in range(4000)])
    for k in range(3):  # Σ_kk ~ IG((df − q + 1)/2, S_kk/2)
        assert stats.kstest(draws[:, k, k], stats.invgamma((5.5 - 2) / 2, scale=scale[k, k] / 2).cdf).pvalue > 1e-4
    precision = np.linalg.inv(draws)  # E Σ⁻¹ = df S⁻¹
    error = (precision.mean(axis=0) - 5.5 * np.linalg.inv(scale)) / (precision.std(axis=0) / np.sqrt(len(draws)))
    assert np.max(np.abs(error)) < 4.5


def test_huang_wand_marginal_is_the_integral_over_its_auxiliaries():
    nu, scales, rng = 2.0, np.array([0.6, 1.3]), np.random.default_rng(8)
    for _ in range(2):
        sigma = stats.invwishart(4, np.eye(2)).rvs(random_state=rng)

        def integrand(log_a2, log_a1, sigma=sigma):
            a = np.exp([log_a1, log_a2])
            density = stats.invwishart(nu + 1, 2 * nu * np.diag(1 / a)).logpdf(sigma)
            density += np.sum(stats.invgamma.logpdf(a, 0.5, scale=scales**-2.0) + np.log(a))
            return np.exp(density)

        grid = np.arange(-5.0, 14.0, 0.55)  # the trapezoid rule in log a is spectrally accurate
        brute = sum(integrand(b, a) for a in grid for b in grid) * (grid[1] - grid[0]) ** 2
        assert oracles.log_huang_wand(sigma, nu, scales) == pytest.approx(np.log(brute), abs=1e-5)


def test_huang_wand_draws_have_half_t_sds_and_uniform_correlation():
    term = Term(("a", "b"), (), None, Prior("huang_wand", (2.0, (0.6, 1.3))))
    rng = np.random.default_rng(9)
    draws = np.array([oracles.draw_covariance(term, rng) for _ in range(4000)])
    for k, scale in enumerate((0.6, 1.3)):
        assert stats.kstest(np.sqrt(draws[:, k, k]) / scale, lambda s: 2 * stats.t(2).cdf(s) - 1).pvalue > 1e-4
    rho = draws[:, 0, 1] / np.sqrt(draws[:, 0, 0] * draws[:, 1, 1])
    assert stats.kstest(rho, stats.uniform(-1, 2).cdf).pvalue > 1e-4


@pytest.mark.parametrize("covariance", [None, Prior("inverse_wishart", (3.0, ((0.7,),))), Prior("huang_wand", (2.0, 0.9))])
def test_one_column_is_measured_in_its_sd(covariance):
    term = Term(("a",), (oracles.SD_PRIORS["half_t"],), None, covariance)
    density = lambda s: np.exp(oracles.log_prior_covariance(term, np.array([[s * s]])))  # noqa: E731
    assert integrate.quad(density, 0.0, np.inf)[0] == pytest.approx(1.0, abs=1e-7)
    if covariance is not None and covariance.kind == "huang_wand":  # half-t(2, 0.9)
        assert density(1.1) == pytest.approx(2 * stats.t(2, 0, 0.9).pdf(1.1), rel=1e-9)


def test_sd_times_lkj_is_a_density_on_the_lower_triangle():
    half, lkj = oracles.SD_PRIORS["half_normal"], Prior("lkj", (1.5,))
    term = Term(("a", "b"), (half, half), lkj)
    # a change of variables by finite differences: p(Σ) |∂Σ/∂(s, ρ)| = p(s) p(ρ)
    point, step = np.array([0.8, 0.5, -0.4]), 1e-6

    def lower(v):
        return np.array([v[0] ** 2, v[1] ** 2, v[0] * v[1] * v[2]])

    jacobian = np.column_stack([(lower(point + step * e) - lower(point - step * e)) / (2 * step) for e in np.eye(3)])
    a, b, c = lower(point)
    left = oracles.log_prior_covariance(term, np.array([[a, c], [c, b]])) + np.log(abs(np.linalg.det(jacobian)))
    right = stats.halfnorm(scale=0.8).logpdf(point[:2]).sum() + stats.beta(1.5, 1.5, loc=-1, scale=2).logpdf(point[2])
    assert left == pytest.approx(right, abs=1e-6)


def _conditioned(design, seed):
    rng = np.random.default_rng(seed)
    values = oracles.draw_prior(design, rng)
    return oracles.with_response(design, oracles.simulate(design, values, rng)), values


@table("intercept", ["b[Intercept]", "intercept"])
@table("kind", oracles.KINDS)
def test_gaussian_marginal_is_the_dense_normal(kind, intercept):
    rng = np.random.default_rng(11)
    design = oracles.random_design(rng, kind, offset=True, predictors=2, known_se=kind == "crossed", intercept_prior=intercept)
    design, values = _conditioned(design, 12)
    marginal = oracles.gaussian_marginal(design, values["covariances"], values["sigma"])
    W = np.array([row.weights for row in design.coefficient_priors])
    scale = np.array([row.scale for row in design.coefficient_priors])
    prior_mean = np.linalg.solve(W, [row.mean for row in design.coefficient_priors])
    prior_cov = np.linalg.inv(W.T @ np.diag(scale**-2.0) @ W)
    H = np.hstack([design.X, oracles.dense_design(design)])
    U = H.shape[1] - len(prior_mean)
    full_prior = np.zeros((H.shape[1], H.shape[1]))
    full_prior[: len(prior_mean), : len(prior_mean)] = prior_cov
    full_prior[len(prior_mean) :, len(prior_mean) :] = oracles.dense_covariance(design, values["covariances"])
    noise = np.full(len(design.y), values["sigma"]) ** 2 if design.known_se is None else design.known_se**2
    law = stats.multivariate_normal(design.offset + design.X @ prior_mean, H @ full_prior @ H.T + np.diag(noise))
    # log|det W| is 0 for unit rows; with the intercept at means W is unit triangular too
    assert marginal.log_marginal == pytest.approx(law.logpdf(design.y), abs=1e-8)
    # conditional law in the precision form
    Q = np.linalg.inv(full_prior) + H.T @ (H / noise[:, None])
    b = np.linalg.solve(full_prior, np.concatenate([prior_mean, np.zeros(U)])) + H.T @ ((design.y - design.offset) / noise)
    np.testing.assert_allclose(marginal.mean, np.linalg.solve(Q, b), atol=1e-8)
    np.testing.assert_allclose(marginal.covariance, np.linalg.inv(Q), atol=1e-8)
    # Bayes' rule at one point: p(y, θ) = p(y) p(θ | y), with log_joint on the left
    only_hyper = oracles.log_prior(design, values) - _log_location_prior(design, values)
    theta = np.concatenate([values["beta"], *(u.ravel() for u in values["u"])])
    posterior = stats.multivariate_normal(marginal.mean, marginal.covariance, allow_singular=False).logpdf(theta)
    assert oracles.log_joint(design, values) - only_hyper == pytest.approx(marginal.log_marginal + posterior, abs=1e-7)


def _log_location_prior(design, values):
    total = sum(stats.norm(r.mean, r.scale).logpdf(r.weights @ values["beta"]) for r in design.coefficient_priors)
    for factor, u, blocks in zip(design.factors, values["u"], values["covariances"], strict=True):
        total += np.sum(stats.multivariate_normal(np.zeros(factor.Z.shape[1]), oracles.factor_covariance(blocks)).logpdf(u))
    return total


def test_gaussian_marginal_integrates_flat_priors():
    rng = np.random.default_rng(13)
    design = oracles.random_design(rng, "one_factor", rows=7, levels=2, coefficient_prior="flat")
    covariances, sigma = [[np.array([[0.5]])]], 0.8
    Z = oracles.dense_design(design)
    V = 0.64 * np.eye(7) + 0.5 * Z @ Z.T
    law = stats.multivariate_normal(np.zeros(7), V)
    axis = np.linspace(-12.0, 12.0, 401)  # the trapezoid rule: exponentially accurate on a normal density
    beta = np.stack(np.meshgrid(axis, axis), axis=-1)
    brute = np.exp(law.logpdf(design.y - beta @ design.X.T)).sum() * (axis[1] - axis[0]) ** 2
    assert oracles.gaussian_marginal(design, covariances, sigma).log_marginal == pytest.approx(np.log(brute), abs=1e-6)


def test_gaussian_marginal_at_zero_sd_is_regression():
    rng = np.random.default_rng(14)
    design = oracles.random_design(rng, "one_factor", coefficient_prior="flat")
    marginal = oracles.gaussian_marginal(design, [[np.zeros((1, 1))]], 1.0)
    beta = np.linalg.lstsq(design.X, design.y, rcond=None)[0]
    np.testing.assert_allclose(marginal.beta_mean, beta, atol=1e-10)
    np.testing.assert_allclose(marginal.u_mean[0], 0.0, atol=1e-12)


@pytest.mark.parametrize("family", ["gaussian", "student", "probit", "logit"])
def test_likelihood_against_scipy_row_by_row(family):
    rng = np.random.default_rng(15)
    design, values = _conditioned(oracles.random_design(rng, "nested_crossed", family=family, offset=True), 16)
    eta = oracles.linear_predictor(design, values)
    i = 3  # the predictor of one row by hand
    by_hand = design.offset[i] + design.X[i] @ values["beta"]
    by_hand += sum(f.Z[i] @ u[f.codes[i]] for f, u in zip(design.factors, values["u"], strict=True))
    assert eta[i] == pytest.approx(by_hand, abs=1e-12)
    total = 0.0
    for y, e in zip(design.y, eta, strict=True):
        if family == "gaussian":
            total += stats.norm(e, values["sigma"]).logpdf(y)
        elif family == "student":
            total += stats.t(values["nu"], e, values["sigma"]).logpdf(y)
        else:
            p = stats.norm.cdf(e) if family == "probit" else 1 / (1 + np.exp(-e))
            total += np.log(p if y == 1 else 1 - p)
    assert oracles.log_likelihood(design, values) == pytest.approx(total, abs=1e-9)


@pytest.mark.parametrize("family", ["student", "probit"])
def test_augmented_joint_integrates_to_the_joint(family):
    rng = np.random.default_rng(17)
    design, values = _conditioned(oracles.random_design(rng, "one_factor", family=family, rows=5, levels=2), 18)
    latent = rng.gamma(2.0, 0.5, len(design.y)) if family == "student" else (2 * design.y - 1) * rng.gamma(1.0, 1.0, len(design.y))
    base, log_ratio = oracles.augmented_log_joint(design, values, latent), 0.0
    for i in range(len(design.y)):  # integrate one latent at a time out of p(y, latent, θ)/p(y, θ), which factors over rows

        def density(v, i=i):
            moved = latent.copy()
            moved[i] = v
            return np.exp(oracles.augmented_log_joint(design, values, moved) - base)

        low, high = (0.0, np.inf) if family == "student" or design.y[i] == 1 else (-np.inf, 0.0)
        log_ratio += np.log(integrate.quad(density, low, high, epsabs=1e-12)[0])
    assert base + log_ratio == pytest.approx(oracles.log_joint(design, values), abs=1e-6)


def test_augmented_logit_is_the_polya_gamma_mixture():
    """E exp(−ω η²/2) under PG(1, 0) is 1/cosh(η/2): with ω replaced by −2 log(sech)/η² the conditional form gives the likelihood."""
    rng = np.random.default_rng(19)
    design, values = _conditioned(oracles.random_design(rng, "one_factor", family="logit"), 20)
    eta = oracles.linear_predictor(design, values)
    effective = 2.0 * np.log(np.cosh(eta / 2.0)) / eta**2
    assert oracles.augmented_log_joint(design, values, effective) == pytest.approx(oracles.log_joint(design, values), abs=1e-9)


@table("family", ["gaussian", "student", "probit", "logit"])
@table("covariance_prior", ["lkj", "inverse_wishart", "huang_wand", "inverse_wishart!", "huang_wand!"])
@table("kind", oracles.KINDS)
def test_generators_make_consistent_designs(kind, family, covariance_prior):
    rng = np.random.default_rng(21)
    design = oracles.random_design(rng, kind, family=family, covariance_prior=covariance_prior, coefficient_prior="student_t")
    design, values = _conditioned(design, 22)
    assert np.isfinite(oracles.log_joint(design, values))
    for factor in design.factors:
        assert factor.codes.dtype == np.int32 and factor.Z.flags.c_contiguous
        assert set(factor.codes.tolist()) == set(range(len(factor.levels)))
        assert factor.columns == tuple(c for term in factor.terms for c in term.columns)
    if kind in ("nested", "nested3", "nested_crossed"):  # every inner level lies in one outer level
        outer, inner = design.factors[:2]
        assert all(len(set(outer.codes[inner.codes == j].tolist())) == 1 for j in range(len(inner.levels)))


def test_draws_of_beta_have_the_prior_rows():
    rng = np.random.default_rng(23)
    design = oracles.random_design(rng, "none", predictors=2, intercept_prior="intercept", coefficient_prior="student_t")
    draws = np.array([oracles.draw_prior(design, rng)["beta"] for _ in range(4000)])
    for row in design.coefficient_priors:
        assert stats.kstest((draws @ row.weights - row.mean) / row.scale, stats.t(row.df).cdf).pvalue > 1e-4
    flat = oracles.random_design(rng, "none", coefficient_prior="flat")
    with pytest.raises(ValueError, match="proper"):
        oracles.draw_prior(flat, rng)


@pytest.mark.parametrize("family", ["gaussian", "student", "probit", "logit"])
def test_simulated_data_have_the_likelihoods_law(family):
    """log p(y | θ) has, over simulated y, the mean that integrating the density itself gives."""
    rng = np.random.default_rng(24)
    design, values = _conditioned(oracles.random_design(rng, "slopes", family=family, rows=12, levels=3), 25)
    sims = np.array(
        [oracles.log_likelihood(oracles.with_response(design, oracles.simulate(design, values, rng)), values) for _ in range(3000)]
    )
    eta, expected = oracles.linear_predictor(design, values), 0.0
    if family == "gaussian":
        expected = -len(eta) * stats.norm(0, values["sigma"]).entropy()
    elif family == "student":
        expected = -len(eta) * stats.t(values["nu"], 0, values["sigma"]).entropy()
    else:
        p = stats.norm.cdf(eta) if family == "probit" else 1 / (1 + np.exp(-eta))
        expected = np.sum(p * np.log(p) + (1 - p) * np.log1p(-p))
    assert abs(sims.mean() - expected) < 4.5 * sims.std() / np.sqrt(len(sims))


def test_student_effects_by_groups_by_a_second_route():
    """Level by level with scipy; draws standardised by their group's Σ and multiplier are normal."""
    rng = np.random.default_rng(31)
    design = oracles.random_design(rng, "slopes", rows=60, levels=7)
    factor = design.factors[0]
    group = (np.arange(7) % 2).astype(np.int32)
    terms = tuple(replace(term, group=g) for g in ("zA", "zB") for term in factor.terms)
    factor = replace(factor, by="z", groups=("zA", "zB"), group=group, terms=terms, own_prior=Prior("exponential", (0.2,)))
    design = replace(design, factors=(factor,))
    z = []
    for _ in range(200):
        values = oracles.draw_prior(design, rng)
        (u,), (blocks,), (df,), (multiplier,) = (values[name] for name in ("u", "covariances", "df", "multipliers"))
        each = [stats.multivariate_t.logpdf(u[j], shape=blocks[group[j]], df=df) for j in range(7)]
        assert oracles.log_random_effects(factor, u, blocks, df) == pytest.approx(sum(each), rel=1e-10)
        each = [stats.multivariate_normal.logpdf(u[j], cov=blocks[group[j]]) for j in range(7)]
        assert oracles.log_random_effects(factor, u, blocks) == pytest.approx(sum(each), rel=1e-10)
        z += [np.linalg.solve(np.linalg.cholesky(blocks[group[j]]), u[j]) * np.sqrt(multiplier[j]) for j in range(7)]
    assert stats.kstest(np.ravel(z), "norm").pvalue > 1e-4
    assert oracles.log_prior_df(factor.own_prior, 0.9) == -np.inf < oracles.log_prior_df(factor.own_prior, 1.1)

"""Covariances given the effects: densities against the joint density, regressions against rows, laws against quadrature.

Long runs at fixed seeds: means of bounded or light-tailed functions against quadrature or closed forms, |z| < 5.5 by batch means
(t with 99 degrees of freedom: 3e-7 each, about 100 checks).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gibbs.kernels.priors import log_cholesky_prior
from scipy import stats

from gibbs.kernels import covariance
from gibbs.model.records import Prior, Term
from tests import oracles
from tests.table import table
from tests.thin import some

from . import loops
from .bench import CASES, RTOL, Bench, batch_z, log_jacobian_lower, make_design, quantile_indicators, random_covariances

Z_LIMIT = 5.5
PRIORS = ("lkj", "inverse_wishart", "huang_wand")


def values_of(b: Bench, covariances, sigma: float, theta: np.ndarray) -> dict:
    """The oracle's values at θ (internal basis)."""
    u = [theta[c].reshape(len(f.levels), -1) for c, f in zip(b.columns, b.design.factors, strict=True)]
    return {"beta": b.packed.coefficients(theta[: b.p]), "u": u, "covariances": covariances, "sigma": sigma, "nu": None}


def at_random(kind: str, seed: int, scheme: str = "auto", **options):
    """A bench at a random state: (bench, covariances, σ, θ)."""
    b = Bench(make_design(kind, **options), scheme)
    rng = np.random.default_rng([seed, len(kind)])
    covariances, sigma = random_covariances(b.design, rng), float(np.exp(rng.uniform(-0.7, 0.7)))
    theta = rng.standard_normal(b.W.shape[1])
    b.set(covariances, sigma, theta)
    return b, covariances, sigma, theta


def term_places(b: Bench) -> list[tuple[int, int, int, int]]:
    """(t, factor, its term, q) of every row of the term table, from the design."""
    places = [(f, k, len(t.columns)) for f, factor in enumerate(b.design.factors) for k, t in enumerate(factor.terms)]
    return [(t, *place) for t, place in enumerate(places)]


TERM_KINDS = ("one_factor", "slopes", "two_terms", "three_columns_two_terms", "five_columns", "nested_mixed", "nested_slopes_crossed")


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("kind", TERM_KINDS)
def test_log_sufficient_is_the_joint_density_as_a_function_of_one_covariance(kind, prior):
    b, covariances, sigma, theta = at_random(kind, 41, covariance_prior=prior)
    p, rng = b.packed, np.random.default_rng(42)
    for t, f, k, q in term_places(b):
        squares, scratch = np.full(64, np.nan), np.full(64, np.nan)
        now = np.linalg.cholesky(covariances[f][k])
        covariance.sum_of_squares(p.layout, t, b.state.L, theta[b.p :], scratch, squares)
        start = sum(len(term.columns) for term in b.design.factors[f].terms[:k])
        mine = theta[b.columns[f]].reshape(len(b.design.factors[f].levels), -1)[:, start : start + q]
        e = np.linalg.solve(now, mine.T)
        np.testing.assert_allclose(squares[: q * q].reshape(q, q), e @ e.T, rtol=RTOL, atol=1e-12)
        ours, theirs = [], []
        for _ in range(5):
            trial = [list(blocks) for blocks in covariances]
            trial[f][k] = random_covariances(b.design, rng)[f][k]
            L = np.linalg.cholesky(trial[f][k])
            J, M = len(b.design.factors[f].levels), np.tril(rng.uniform(0.2, 1.0, (q, q)))  # any frame will do
            T, F = np.linalg.solve(M, L), np.linalg.solve(M, now)
            value = covariance.log_sufficient(q, J, squares, np.tril(T).ravel(), np.tril(F).ravel(), scratch)
            ours.append(
                value + log_cholesky_prior(p.layout.term, t, p.priors.sd, p.priors.cov, L.ravel(), scratch) - J * np.log(np.diag(M)).sum()
            )
            theirs.append(oracles.log_joint(b.design, values_of(b, trial, sigma, theta)) + log_jacobian_lower(L))
        np.testing.assert_allclose(np.diff(ours), np.diff(theirs), rtol=RTOL, atol=1e-9 * np.max(np.abs(theirs)))


@pytest.mark.parametrize("kind", TERM_KINDS)
def test_log_covariance_priors_sums_the_terms_that_are_drawn(kind):
    design = make_design(kind)
    f = design.factors[-1]
    fixed = Term(f.terms[-1].columns[:1], (Prior("fixed", (0.7,)),), None)
    if len(f.terms[-1].columns) == 1:  # the last term is given
        design = replace(design, factors=(*design.factors[:-1], replace(f, terms=(*f.terms[:-1], fixed))))
    b, rng, ours, theirs = Bench(design), np.random.default_rng(43), [], []
    for _ in range(4):
        covariances = random_covariances(design, rng)
        L = b.set(covariances)
        ours.append(covariance.log_covariance_priors(b.packed.layout.term, b.packed.priors.sd, b.packed.priors.cov, L, np.zeros(64)))
        total = 0.0
        for factor, blocks in zip(design.factors, covariances, strict=True):
            for term, block in zip(factor.terms, blocks, strict=True):
                total += oracles.log_prior_covariance(term, block) + log_jacobian_lower(np.linalg.cholesky(block))
        theirs.append(total)
    np.testing.assert_allclose(np.diff(ours), np.diff(theirs), rtol=RTOL, atol=1e-11)


@table(("kind", "scheme"), CASES)
def test_residual_rhs(kind, scheme):
    """Z_f'Ω(ỹ − Wθ) of every factor of every unit, nested chains included."""
    b, _, _, theta = at_random(kind, 44, scheme)
    expected = b.W.T @ (b.omega * (b.y - b.W @ theta))
    for unit in b.units:
        other = np.setdiff1d(np.arange(b.W.shape[1]), b.joint(unit))
        rhs = b.W.T @ (b.omega * (b.y - b.W[:, other] @ theta[other]))
        for pos, f in enumerate(b.plan.units[unit]):
            got = b.residual_rhs(unit, pos, rhs[b.p :])
            np.testing.assert_allclose(got[b.columns[f] - b.p], expected[b.columns[f]], rtol=RTOL, atol=1e-10)


def ancillary_case(kind: str, seed: int, t: int, covariance_prior: str = "lkj", prior: Prior | None = None):
    """Bench, term t in a unit, its residual, its columns D of the regression on L given e (entries of L by rows), e, and the offset y."""
    options = {"covariance_prior": covariance_prior, **({} if prior is None else {"sd_prior": prior})}
    b, covariances, sigma, theta = at_random(kind, seed, "one-at-a-time", **options)
    _, f, k, q = term_places(b)[t]
    residual = b.W.T @ (b.omega * (b.y - b.W @ theta))
    J = len(b.design.factors[f].levels)
    start = sum(len(term.columns) for term in b.design.factors[f].terms[:k])
    columns = b.columns[f].reshape(J, -1)[:, start : start + q]
    L = np.linalg.cholesky(covariances[f][k])
    e = np.linalg.solve(L, theta[columns].T).T
    D = np.stack([b.W[:, columns[:, a]] @ e[:, c] for a in range(q) for c in range(a + 1)], axis=1)
    y = b.y - b.W @ theta + D @ L[np.tril_indices(q)]
    return b, sigma, residual[b.p :].copy(), columns, L, e, D, y


REGRESSIONS = [("one_factor", 0), ("slopes", 0), ("two_terms", 1), ("three_columns", 0), ("three_columns_two_terms", 0)]
REGRESSIONS += [("three_columns_two_terms", 1), ("eight_columns", 0), ("nested_mixed", 1), ("crossed_wide", 1)]


@pytest.mark.parametrize(("kind", "t"), REGRESSIONS)
def test_ancillary_regression(kind, t):
    """H = D'ΩD/σ² and r = D'Ωỹ/σ² from the rows, D the columns that L multiplies."""
    b, sigma, residual, _, L, e, D, y = ancillary_case(kind, 45, t)
    p, d = b.packed, D.shape[1]
    H, r, effects = b.work.H, b.work.x[4], b.work.effects
    H[:], r[:] = np.nan, np.nan
    size = covariance.ancillary_regression(p.layout, b.gram, t, b.state.L, b.state.u, sigma, residual, b.work)
    assert size == d == L.shape[0] * (L.shape[0] + 1) // 2
    np.testing.assert_allclose(effects[: e.size].reshape(e.shape), e, rtol=1e-8, atol=1e-10)
    lower = np.tril_indices(d)
    gram = D.T @ (b.omega[:, None] * D) / sigma**2
    np.testing.assert_allclose(H[:d, :d][lower], gram[lower], rtol=1e-8, atol=1e-10 * np.max(gram))
    right = D.T @ (b.omega * y) / sigma**2
    np.testing.assert_allclose(r[:d], right, rtol=1e-8, atol=1e-10 * np.max(np.abs(right)))


def run_ancillary(b: Bench, t: int, sigma: float, residual: np.ndarray, n: int) -> np.ndarray:
    """L (n, …) after each of ``n`` updates."""
    p, w, s = b.packed, b.work, b.state
    out = np.empty((n, s.L.size))
    loops.run_ancillary(b.rng, b.layout, b.gram, t, p.priors, s.L, s.u, sigma, residual, w, out)
    return out


def draw_ancillary(b: Bench, t: int, sigma: float, residual: np.ndarray) -> int:
    p, w, s = b.packed, b.work, b.state
    return covariance.draw_covariance_ancillary(b.rng, b.layout, b.gram, t, p.priors, s.L, s.u, sigma, residual, w)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize(("kind", "t"), REGRESSIONS)
def test_ancillary_draw_keeps_e_and_the_residual(kind, t, prior):
    """u = L e with e unchanged but for the signs of its columns; the other effects stay; the residual is that of the new u."""
    b, sigma, residual, columns, L, e, _, _ = ancillary_case(kind, 46, t, prior)
    q, l0, moved = L.shape[0], b.packed.layout.term[t].l0, 0
    before = b.state.L.copy()
    others = np.setdiff1d(np.arange(b.packed.effects), columns - b.p)
    u_others = b.state.u[others].copy()
    for _ in range(20):
        moved += draw_ancillary(b, t, sigma, residual) > 0
        new = b.state.L[l0 : l0 + q * q].reshape(q, q)
        assert np.all(np.diag(new) > 0.0) and np.all(np.triu(new, 1) == 0.0)
        e_new = np.linalg.solve(new, b.state.u[columns - b.p].T).T
        signs = np.sign(np.sum(e * e_new, axis=0))
        np.testing.assert_allclose(e_new * signs, e, rtol=1e-6, atol=1e-8)
    assert moved == 20
    np.testing.assert_array_equal(b.state.u[others], u_others)
    rest = np.delete(np.arange(before.size), np.arange(l0, l0 + q * q))
    np.testing.assert_array_equal(b.state.L[rest], before[rest])
    f = b.packed.layout.term[t].factor
    expected = (b.W.T @ (b.omega * (b.y - b.W @ b.theta)))[b.columns[f]]
    np.testing.assert_allclose(residual[b.columns[f] - b.p], expected, rtol=1e-7, atol=1e-8 * np.max(np.abs(expected)) + 1e-9)


def test_ancillary_draw_of_effects_that_are_zero_moves_nothing():
    b, sigma, residual, *_ = ancillary_case("slopes", 47, 0)
    b.state.u[:] = 0.0
    L = b.state.L.copy()
    assert draw_ancillary(b, 0, sigma, residual) == 0
    np.testing.assert_array_equal(b.state.L, L)


ONE_COLUMN = ["half_t", "half_normal", "exponential", "uniform", "inverse_gamma"]


@pytest.mark.parametrize("weak", some([False, True], 2), ids=["strong data", "weak data"])
@pytest.mark.parametrize("prior", ONE_COLUMN)
def test_ancillary_law_of_one_sd(prior, weak):
    """The signed factor has density p(|l|) exp(−H l²/2 + r l): quadrature over both signs."""
    b, sigma, _, _, _, e, D, y = ancillary_case("one_factor", 48, 0, prior=oracles.SD_PRIORS[prior])
    if weak:  # the data say little: both signs are visited, and the prior's edges
        sigma *= 12.0
    b.state.L[0] = 1.2
    b.state.u[:] = 1.2 * e[:, 0]
    residual = (b.W.T @ (b.omega * (y - 1.2 * D[:, 0])))[b.p :]
    H, r = float(np.sum(b.omega * D[:, 0] ** 2)) / sigma**2, float(np.sum(b.omega * D[:, 0] * y)) / sigma**2
    grid = np.linspace(1e-4, 12.0, 60_001)
    log_prior = vector_log_prior(prior, grid)
    density = sum(np.exp(log_prior - 0.5 * H * grid**2 + sign * r * grid - 0.5 * r * r / H) for sign in (1.0, -1.0))
    assert density[-1] < 1e-4 * density.max()
    draws = run_ancillary(b, 0, sigma, residual, 40_000)[:, 0]
    indicators, expected = quantile_indicators(draws, grid, density)
    assert np.max(np.abs(batch_z(indicators, expected))) < Z_LIMIT


def test_ancillary_law_of_two_columns():
    """Moments of Σ = LL' (free of signs) under p(L) N(H⁻¹r, H⁻¹), by a grid over L = (s₁, s₂ sin φ, s₂ cos φ), signs included.

    |∂(L₁₁, L₂₁, L₂₂)/∂(s₁, s₂, φ)| = s₂, and p(L) = p(s₁) p(s₂) (1 − ρ²)^{η − 1/2}/s₂ with ρ = sin φ.
    """
    A, eta = 0.8, 1.5
    b, sigma, residual, _, _, _, D, y = ancillary_case("slopes", 49, 0, prior=Prior("half_normal", (0.0, A)))
    sigma *= 3.0
    H, r = D.T @ (b.omega[:, None] * D) / sigma**2, D.T @ (b.omega * y) / sigma**2
    s1, s2, phi = np.meshgrid(
        np.linspace(-4.2, 4.2, 96), (np.arange(70) + 0.5) * 5.0 / 70, np.arange(120) * 2 * np.pi / 120, indexing="ij", sparse=True
    )
    x = (s1, s2 * np.sin(phi), s2 * np.cos(phi))
    log_density = -0.5 * (s1**2 + s2**2) / A**2 + (eta - 0.5) * np.log(np.maximum(np.cos(phi) ** 2, 1e-300))
    for a in range(3):
        log_density = log_density + r[a] * x[a]
        for c in range(3):
            log_density = log_density - 0.5 * H[a, c] * x[a] * x[c]
    w = np.exp(log_density - log_density.max())
    w /= w.sum()
    assert w[0].sum() < 1e-8 and w[-1].sum() < 1e-8 and w[:, -1].sum() < 1e-8
    functions = [s1**2, s1 * x[1], s2**2]
    expected = np.array([np.sum(w * g) for g in (*functions, *(np.tanh(g) for g in functions))])
    l11, _, l21, l22 = run_ancillary(b, 0, sigma, residual, 100_000).T
    draws = np.column_stack([l11**2, l11 * l21, l21**2 + l22**2])
    assert np.max(np.abs(batch_z(np.column_stack([draws, np.tanh(draws)]), expected))) < Z_LIMIT


# -------------------------------------------------------------------------------------------- sufficient updates


def draw_sufficient(b: Bench, t: int, n: int) -> np.ndarray:
    """Σ_t (n, q, q) after each of ``n`` updates; the other terms are left alone."""
    p, s = b.packed, b.state
    q, l0, out = p.layout.term[t].width, p.layout.term[t].l0, np.empty((n, s.L.size))
    before = np.delete(s.L.copy(), np.arange(l0, l0 + q * q))
    loops.run_sufficient(b.rng, p.layout, t, p.priors, s.u, s.L, b.chain.tuning.reference, b.work, out)
    np.testing.assert_array_equal(np.delete(s.L, np.arange(l0, l0 + q * q)), before)
    L = out[:, l0 : l0 + q * q].reshape(n, q, q)
    assert np.all(np.triu(L, 1) == 0.0) and np.all(np.diagonal(L, axis1=1, axis2=2) > 0.0)
    return L @ np.swapaxes(L, 1, 2)


@pytest.mark.parametrize("levels", some([2, 6, 30], 2))
@pytest.mark.parametrize("prior", ONE_COLUMN)
def test_sufficient_law_of_one_sd(prior, levels):
    """s | u ∝ s^{−J} exp(−Σu²/2s²) p(s), by quadrature."""
    b, *_ = at_random("one_factor", 51, levels=levels, sd_prior=prior)
    b.state.u[:] *= 0.6
    b.state.L[:] = 0.7
    squares, J = float(np.sum(b.state.u**2)), levels
    x = np.linspace(-6.0, 5.0, 40_001)  # log s
    s = np.exp(x)
    log_density = -J * x - 0.5 * squares / s**2 + x + vector_log_prior(prior, s)
    draws = draw_sufficient(b, 0, 40_000)[:, 0, 0]
    indicators, expected = quantile_indicators(0.5 * np.log(draws), x, np.exp(log_density - log_density.max()))
    assert np.max(np.abs(batch_z(indicators, expected))) < Z_LIMIT


def vector_log_prior(prior: str, s: np.ndarray) -> np.ndarray:
    """The priors of ``tests.oracles.SD_PRIORS``, on many sds at once."""
    return {
        "half_t": lambda: stats.t.logpdf(s, 5.0, 0.0, 0.8),
        "half_normal": lambda: stats.norm.logpdf(s, 0.0, 0.8),
        "exponential": lambda: -1.5 * s,
        "uniform": lambda: np.where(s <= 2.0, 0.0, -np.inf),
        "inverse_gamma": lambda: stats.invgamma.logpdf(s**2, 3.0, scale=1.0) + np.log(2.0 * s),
    }[prior]()


@pytest.mark.parametrize(("kind", "t", "levels"), [("slopes", 0, 12), ("slopes", 0, 3), ("three_columns_two_terms", 0, 5)])
def test_sufficient_law_under_an_inverse_wishart_is_an_inverse_wishart(kind, t, levels):
    """Σ | u ~ IW(df + J, S + Σ u u'): the law of each variance and the mean, three levels (too few to whiten by) included."""
    b, *_ = at_random(kind, 52, covariance_prior="inverse_wishart", **({"levels": levels} if kind == "slopes" else {}))
    _, f, _, q = term_places(b)[t]
    J = len(b.design.factors[f].levels)
    b.chain.tuning.reference[:] = b.state.L
    u = b.state.u[b.columns[f] - b.p].reshape(J, -1)[:, :q]
    df = q + 3.0 + J
    scale = 0.4 * np.eye(q) + 0.1 + u.T @ u
    draws = draw_sufficient(b, t, 40_000)
    # a'Σa / a'Sa ~ IG((df − q + 1)/2, 1/2) for every a
    for a in np.vstack([np.eye(q), np.ones(q), np.arange(q) - 0.7]):
        ratio = np.einsum("nij,i,j->n", draws, a, a) / (a @ scale @ a)
        law = stats.invgamma((df - q + 1) / 2, scale=0.5)
        levels_ = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
        assert np.max(np.abs(batch_z(ratio[:, None] < law.ppf(levels_), levels_))) < Z_LIMIT
    assert np.max(np.abs(batch_z(np.linalg.inv(draws), (df * np.linalg.inv(scale)).ravel()))) < Z_LIMIT  # E Σ⁻¹ = df S⁻¹


@pytest.mark.parametrize("prior", ["lkj", "huang_wand"])
def test_sufficient_law_of_two_columns(prior):
    """Moments of (log s₁, log s₂, ρ) by a grid, the joint density written out for two columns."""
    b, *_ = at_random("slopes", 53, covariance_prior=prior, levels=8, sd_prior=Prior("half_normal", (0.0, 0.8)))
    u = b.state.u.reshape(8, 2)
    SS = u.T @ u
    x1, x2 = np.meshgrid(np.linspace(-3.5, 2.5, 160), np.linspace(-3.5, 2.5, 160), indexing="ij")
    v = np.linspace(-1.0, 1.0, 202)[1:-1]
    s1, s2 = np.exp(x1)[..., None], np.exp(x2)[..., None]
    rho = np.sin(0.5 * np.pi * v)
    d = 1.0 - rho**2
    inv11, inv22, inv12 = 1 / (s1**2 * d), 1 / (s2**2 * d), -rho / (s1 * s2 * d)
    log_det = 2 * np.log(s1) + 2 * np.log(s2) + np.log(d)
    log_density = -4.0 * log_det - 0.5 * (SS[0, 0] * inv11 + SS[1, 1] * inv22 + 2 * SS[0, 1] * inv12)
    if prior == "lkj":
        log_density += -0.5 * (s1**2 + s2**2) / 0.64 + 0.5 * np.log(d)  # η = 1.5
    else:  # on Σ: |Σ|^{−(ν+4)/2} Π (ν Σ⁻¹_kk + A_k⁻²)^{−(ν+2)/2}, ν = 2; |∂Σ/∂(s, ρ)| = 4 s₁² s₂²
        log_density += -3.0 * log_det - 2.0 * np.log(2 * inv11 + 0.5**-2) - 2.0 * np.log(2 * inv22 + 0.8**-2)
        log_density += 2 * np.log(s1) + 2 * np.log(s2)
    log_density += np.log(s1) + np.log(s2) + np.log(np.cos(0.5 * np.pi * v))  # on (log s₁, log s₂, v)
    w = np.exp(log_density - log_density.max())
    w /= w.sum()
    one = np.ones_like(w)
    functions = [x1[..., None] * one, x2[..., None] * one, rho * one, rho**2 * one, x1[..., None] * rho]
    expected = np.array([np.sum(w * g) for g in functions])
    draws = draw_sufficient(b, 0, 40_000)
    y1, y2 = 0.5 * np.log(draws[:, 0, 0]), 0.5 * np.log(draws[:, 1, 1])
    r = draws[:, 0, 1] / np.exp(y1 + y2)
    assert np.max(np.abs(batch_z(np.column_stack([y1, y2, r, r**2, y1 * r]), expected))) < Z_LIMIT

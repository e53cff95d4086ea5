"""The deck's scheme: equations (5) and (6) written out in numpy, line by line, and the block of coefficients."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gibbs.kernels import elimination, location, one_at_a_time
from tests.table import table

from .bench import KINDS, RTOL, Bench, make_design, random_covariances
from .test_elimination import Normals


def prepared(kind: str, seed: int, **options) -> tuple[Bench, list, float, np.ndarray]:
    b = Bench(make_design(kind, **options), "one-at-a-time")
    rng = np.random.default_rng([seed, len(kind)])
    covariances = random_covariances(b.design, rng)
    sigma = 1.0 if b.design.family == "probit" else float(np.exp(rng.uniform(-0.7, 0.7)))
    theta = rng.standard_normal(b.W.shape[1])
    b.set(covariances, sigma, theta)
    if b.design.family != "gaussian":
        b.load(b.packed.rows.weight.copy(), rng.standard_normal(b.y.size))
    b.prior_precision()
    elimination.factor_roots(b.layout, b.state.L, b.work)
    return b, covariances, sigma, theta


def draw_effects(b: Bench, rng, f: int, rhs: np.ndarray, sigma: float, compiled: bool = True) -> np.ndarray:
    p, w, s = b.packed, b.work, b.state
    kernel = one_at_a_time.draw_effects if compiled else one_at_a_time.draw_effects.py_func
    kernel(rng, p.layout, b.given(None, rhs), f, w, sigma, s.core, s.u)
    return s.u[b.columns[f] - b.p].copy()


def test_equations_5_and_6():
    """Probit of elections and cohorts: η_t | rest ~ N(V_t Σ_{i∈t}(Y* − Xβ − ν_c), V_t), V_t = 1/(N_t + σ_t⁻²), and the same for ν_c."""
    b, covariances, _, theta = prepared("crossed", 101, family="probit")
    x_beta = b.W[:, : b.p] @ theta[: b.p]
    eta, nu = (theta[b.columns[f]] for f in (0, 1))
    levels = b.packed.rows.level
    for f, other in ((0, nu[levels[:, 1]]), (1, eta[levels[:, 0]])):
        V, mean = [], []
        for t in range(len(b.design.factors[f].levels)):
            rows = levels[:, f] == t
            V.append(1.0 / (rows.sum() + 1.0 / covariances[f][0][0, 0]))
            mean.append(V[-1] * np.sum((b.y - x_beta - other)[rows]))
        rhs = np.zeros(b.packed.effects)
        rhs[b.columns[f] - b.p] = b.W[:, b.columns[f]].T @ (b.y - other)
        np.testing.assert_allclose(draw_effects(b, Normals(-1), f, rhs, 1.0, compiled=False), mean, rtol=RTOL)  # no noise: the mean
        spread = np.array([draw_effects(b, Normals(t), f, rhs, 1.0, compiled=False)[t] - mean[t] for t in range(len(mean))])
        np.testing.assert_allclose(spread, np.sqrt(V), rtol=RTOL)
        b.state.u[:] = theta[b.p :]


@table("n, residual_sd, sd", [(3, 1.0, 0.5), (40, 0.7, 2.0), (1, 2.5, 1e-6), (5, 1.0, 1e6)])
def test_the_effect_of_a_level_is_the_normal_posterior_of_a_mean(n, residual_sd, sd):
    """log p(η | y) = −Σ(y_i − η)²/2σ² − η²/2σ_t² + constant at η = mean + √V z: that of a standard normal at z."""
    y = np.random.default_rng(103).normal(0.4, 1.0, n)

    def at(z: float) -> float:
        return one_at_a_time.effect_of_a_level(float(y.sum()), float(n), sd, residual_sd, z)

    def log_density(eta: float) -> float:
        return -0.5 * float(np.sum((y - eta) ** 2)) / residual_sd**2 - 0.5 * eta**2 / sd**2

    for z in (-2.0, -0.3, 0.7, 3.0):
        assert log_density(at(z)) - log_density(at(0.0)) == pytest.approx(-0.5 * z * z, rel=1e-7)
    assert one_at_a_time.effect_of_a_level(1.0, 2.0, 1e-200, 1.0, 1.0) == 0.0  # no nan where the square of a sd underflows


@table("options", [{}, {"known_se": True}], ids=["gaussian", "known_se"])
@table("kind", [k for k in KINDS if k not in ("none", "core_large")])
def test_effects_of_one_factor_given_all_the_rest(kind, options):
    """Mean (no noise) and square root (one normal at a time) of u_f | β, the other factors, for any columns a level."""
    b, covariances, sigma, theta = prepared(kind, 102, **options)
    Q0 = b.prior(covariances)[0]
    for f, mine in enumerate(b.columns):
        rest = np.setdiff1d(np.arange(theta.size), np.concatenate([mine, b.core]))
        rhs = b.W.T @ (b.omega * (b.y - b.W[:, rest] @ theta[rest]))
        A = b.W[:, mine]
        Q = A.T @ (b.omega[:, None] * A) + sigma**2 * Q0[np.ix_(mine, mine)]
        mean = np.linalg.solve(Q, rhs[mine] - A.T @ (b.omega * (b.W[:, : b.p] @ theta[: b.p])))
        found = draw_effects(b, Normals(-1), f, rhs[b.p :], sigma, compiled=False)
        np.testing.assert_allclose(found, mean, rtol=RTOL, atol=1e-9 * np.max(np.abs(mean)))
        if mine.size <= 24:
            columns = [draw_effects(b, Normals(k), f, rhs[b.p :], sigma, compiled=False) - mean for k in range(mine.size)]
            T = np.column_stack(columns) / sigma
            np.testing.assert_allclose(T @ T.T, np.linalg.inv(Q), rtol=1e-8, atol=1e-9 * np.max(np.linalg.inv(Q)))
        b.state.u[:] = theta[b.p :]


@table("options", [{}, {"known_se": True}, {"coefficient_prior": "flat"}], ids=str)
@table("kind", [k for k in KINDS if k != "core_large"])
def test_coefficients_given_all_effects(kind, options):
    """β | u ~ N((X'ΩX + σ²B⁻¹)⁻¹(X'Ω(ỹ − Zu) + σ²B⁻¹b), σ²(·)⁻¹): mean, and covariance of 2,000 draws at a fixed seed."""
    b, covariances, sigma, theta = prepared(kind, 103, **options)
    p, w, s = b.packed, b.work, b.state
    Q0, b0, _ = b.prior(covariances)
    X = b.W[:, : b.p]
    Q = X.T @ (b.omega[:, None] * X) + sigma**2 * Q0[: b.p, : b.p]
    mean = np.linalg.solve(Q, X.T @ (b.omega * (b.y - b.W[:, b.p :] @ theta[b.p :])) + sigma**2 * b0[: b.p])
    args = (p.layout, b.gram, w)
    rng = np.random.Generator(np.random.SFC64(104))
    n, draws = 2_000, np.empty((2_000, b.p))
    for i in range(n):
        one_at_a_time.draw_coefficients(rng, *args, sigma, s.u, s.core)
        draws[i] = s.core
    z = (draws - mean) @ np.linalg.cholesky(Q) / sigma
    assert np.max(np.abs(z.mean(axis=0))) * math.sqrt(n) < 6.0
    excess = (z.T @ z / n - np.eye(b.p)) * np.sqrt(n / (1.0 + np.eye(b.p)))
    assert np.max(np.abs(excess)) < 6.0
    one_at_a_time.draw_coefficients(rng, *args, sigma, s.u, s.core)
    location.draw_core(rng, p.layout, w, 0.0, s.core)  # the factor is left behind: the mean exactly
    np.testing.assert_allclose(s.core, mean, rtol=RTOL, atol=1e-12 + 1e-9 * np.max(np.abs(mean)))


def test_every_factor_is_a_unit_and_the_core_is_the_coefficients():
    for kind in KINDS:
        b = Bench(make_design(kind), "one-at-a-time")
        assert [tuple(unit) for unit in b.plan.units] == [(f,) for f in range(len(b.design.factors))]
        assert b.plan.core == () and b.core.size == b.p
        assert np.all(b.packed.layout.factor.ancestors == 0)

"""Starting values: with no noise, the mode of the penalised likelihood that scipy's optimiser finds."""

from __future__ import annotations

import numpy as np
import pytest
from gibbs.kernels.likelihood import BINOMIAL_LOGIT, BINOMIAL_PROBIT
from scipy import optimize, special

from gibbs.kernels import layout as kl
from gibbs.sampling.start import start_near_mode
from tests.table import table

from .bench import Bench, make_design, random_covariances

KINDS = ["none", "one_factor", "slopes", "nested", "nested_mixed", "crossed", "crossed_slopes", "nested_slopes_crossed", "core_and_units"]


def start(b: Bench, steps: int, spread: float) -> np.ndarray:
    """θ after ``start_near_mode``."""
    code = BINOMIAL_LOGIT if b.packed.family == kl.LOGIT else BINOMIAL_PROBIT
    start_near_mode(b.chain, code, b.packed.rows.offset, b.state.omega, b.node, steps=steps, spread=spread)
    return b.theta


def penalised(b: Bench, covariances) -> tuple:
    """Minus the log posterior of θ at given covariances, and its gradient."""
    Q, rhs, _ = b.prior(covariances, b.state.row_scale)
    r, logit = b.packed.rows, b.packed.family == kl.LOGIT
    log_p = special.log_expit if logit else special.log_ndtr

    def value(theta: np.ndarray) -> tuple[float, np.ndarray]:
        eta = r.offset + b.W @ theta
        ones, zeros = r.y, r.trials - r.y
        total = np.sum(ones * log_p(eta) + zeros * log_p(-eta)) - 0.5 * theta @ Q @ theta + rhs @ theta
        if logit:
            slope = ones - r.trials * special.expit(eta)
        else:
            log_density = -0.5 * eta**2 - 0.5 * np.log(2 * np.pi)
            slope = ones * np.exp(log_density - log_p(eta)) - zeros * np.exp(log_density - log_p(-eta))
        return -total, -(b.W.T @ slope - Q @ theta + rhs)

    return value


@table("offset", [False, True])
@table("family", ["logit", "probit"])
@table("kind", KINDS)
def test_start_without_noise_is_the_mode(kind, family, offset):
    """One unit: Newton steps reach it in the eight steps of a chain; several units are solved in turn and need more."""
    b = Bench(make_design(kind, family=family, offset=offset), "core and units" if kind == "core_and_units" else "joint")
    covariances = [[0.5 * c for c in blocks] for blocks in random_covariances(b.design, np.random.default_rng(111))]
    b.set(covariances)
    theta = start(b, 8 if len(b.units) < 2 else 400, 0.0)
    objective = penalised(b, covariances)
    found = optimize.minimize(objective, np.zeros(theta.size), jac=True, method="BFGS", options={"gtol": 1e-9, "maxiter": 5000})
    gradient = objective(theta)[1]
    assert np.max(np.abs(gradient)) < 2e-3, np.max(np.abs(gradient))
    np.testing.assert_allclose(theta, found.x, atol=2e-3)


def test_more_steps_come_closer():
    b = Bench(make_design("slopes", family="logit"), "joint")
    covariances = random_covariances(b.design, np.random.default_rng(112))
    b.set(covariances)
    objective = penalised(b, covariances)
    sizes = [np.max(np.abs(objective(start(b, steps, 0.0))[1])) for steps in (2, 4, 16)]
    assert sizes[0] > sizes[1] > sizes[2] and sizes[2] < 1e-9


def test_noise_has_the_curvature_at_the_mode():
    """With spread s the start is N(mode, s² Q⁻¹), Q the penalised Fisher information: whitened draws have covariance s² I."""
    b = Bench(make_design("one_factor", family="logit", rows=80, levels=4), "joint")
    covariances = [[0.3 * c for c in blocks] for blocks in random_covariances(b.design, np.random.default_rng(113))]
    b.set(covariances)
    mode = start(b, 30, 0.0)
    prior, r = b.prior(covariances)[0], b.packed.rows
    mean = special.expit(r.offset + b.W @ mode)
    Q = b.W.T @ ((r.trials * mean * (1 - mean))[:, None] * b.W) + prior
    n = 2_000
    z = (np.array([start(b, 12, 1.5) for _ in range(n)]) - mode) @ np.linalg.cholesky(Q) / 1.5
    excess = (z.T @ z / n - np.eye(mode.size)) * np.sqrt(n / (1.0 + np.eye(mode.size)))
    assert np.max(np.abs(excess)) < 6.0
    assert np.max(np.abs(z.mean(axis=0))) * np.sqrt(n) < 6.0


@pytest.mark.parametrize("family", ["logit", "probit"])
def test_separated_outcomes_stay_finite(family):
    """All ones with flat coefficients has no mode: the start must stay finite all the same."""
    design = make_design("one_factor", family=family, coefficient_prior="flat")
    design.y[:] = 1.0
    b = Bench(design, "joint")
    b.set(random_covariances(design, np.random.default_rng(114)))
    assert np.all(np.isfinite(start(b, 8, 1.5)))

"""Long runs of single kernels, compiled: a call from Python costs more than the kernel."""

from __future__ import annotations

from gibbs.kernels.covariance import draw_covariance_ancillary, draw_covariance_sufficient
from gibbs.kernels.elimination import copy_core_factors, draw_core, draw_unit
from gibbs.kernels.gaussian import draw_residual_sd
from gibbs.kernels.hyper import draw_hyper
from gibbs.kernels.latent import draw_student_scales
from gibbs.kernels.layout import Target
from numba import njit


@njit(cache=True, error_model="numpy")
def run_location(rng, layout, unit, work, sigma, core, u, out_core, out_u):
    """Draws of (core, unit); ``unit`` −1: the core alone."""
    for i in range(out_core.shape[0]):
        draw_core(rng, layout, work, sigma, core)
        if unit >= 0:
            draw_unit(rng, layout, unit, work, sigma, core, u)
        copy_core_factors(layout, core, u)
        out_core[i, :] = core
        out_u[i, :] = u


@njit(cache=True, error_model="numpy")
def run_sufficient(rng, layout, t, priors, u, L, reference, work, out):
    """out (n, length of L) ← L after each update given u."""
    for i in range(out.shape[0]):
        draw_covariance_sufficient(rng, layout, t, priors, u, L, reference, work)
        out[i, :] = L


@njit(cache=True, error_model="numpy")
def run_ancillary(rng, layout, gram, t, priors, L, u, sigma, residual, work, out):
    """out (n, length of L) ← L after each update given e."""
    for i in range(out.shape[0]):
        draw_covariance_ancillary(rng, layout, gram, t, priors, L, u, sigma, residual, work)
        out[i, :] = L


@njit(cache=True, error_model="numpy")
def run_residual_sd(rng, scale_prior, n, squares, sigma, out):
    """out (n,) ← σ after each update."""
    for i in range(out.size):
        sigma = draw_residual_sd(rng, scale_prior, n, squares, sigma)
        out[i] = sigma


@njit(cache=True, error_model="numpy")
def run_student_scales(rng, scale_prior, y, eta, sigma, nu, width, out):
    """out (n, 2) ← (σ, ν) after each update."""
    for i in range(out.shape[0]):
        draw_student_scales(rng, scale_prior, y, eta, sigma, nu, width)
        out[i, 0], out[i, 1] = sigma[0], nu[0]


@njit(cache=True, error_model="numpy")
def run_hyper(rng, move, learn, coordinates, count, priors, layout, gram, target, work, L, sigma, out_L, out_sigma):
    """Rows of ``out_L``, ``out_sigma`` ← L, σ after each move; returns (all ok, σ, rest and target of the last).

    ``target.known`` not nan: the target at the start, and each move is handed that of the move before.
    """
    rest, reached, hand_over = 0.0, target.known, target.known == target.known
    for i in range(out_sigma.size):
        known = reached if hand_over else target.known
        now = Target(target.core_only, target.n, target.yy, target.prior_quadratic, known)
        ok, sigma, rest, reached = draw_hyper(rng, move, learn, coordinates, count, priors, layout, gram, now, work, L, sigma)
        if not ok:
            return False, sigma, rest, reached
        out_L[i, :] = L
        out_sigma[i] = sigma
    return True, sigma, rest, reached

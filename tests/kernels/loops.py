"""Long runs of single kernels, compiled: a call from Python costs more than the kernel."""

from __future__ import annotations

from gibbs.kernels.covariance import draw_covariance_ancillary, draw_covariance_sufficient
from gibbs.kernels.elimination import copy_core_factors, draw_core, draw_unit
from gibbs.kernels.gaussian import draw_residual_sd
from gibbs.kernels.hyper import draw_hyper
from gibbs.kernels.latent import draw_student_scales
from numba import njit


@njit(cache=True, error_model="numpy")
def run_location(rng, factor, index, units, unit, core_factors, roots, work, vh, dense, sigma, core, u, out_core, out_u):
    """Draws of (core, unit); ``unit`` −1: the core alone."""
    for i in range(out_core.shape[0]):
        draw_core(rng, factor, core_factors, roots, dense, sigma, core)
        if unit >= 0:
            draw_unit(rng, factor, index, units, unit, roots, work, vh, sigma, core, u)
        copy_core_factors(factor, core_factors, core, u)
        out_core[i, :] = core
        out_u[i, :] = u


@njit(cache=True, error_model="numpy")
def run_sufficient(rng, factor, term, t, sd_prior, cov_prior, u, L, reference, small, out):
    """out (n, length of L) ← L after each update given u."""
    for i in range(out.shape[0]):
        draw_covariance_sufficient(rng, factor, term, t, sd_prior, cov_prior, u, L, reference, small)
        out[i, :] = L


@njit(cache=True, error_model="numpy")
def run_ancillary(rng, factor, term, t, sd_prior, cov_prior, node, L, u, sigma, residual, H, r, x, effects, small, out):
    """out (n, length of L) ← L after each update given e."""
    for i in range(out.shape[0]):
        draw_covariance_ancillary(rng, factor, term, t, sd_prior, cov_prior, node, L, u, sigma, residual, H, r, x, effects, small)
        out[i, :] = L


@njit(cache=True, error_model="numpy")
def run_residual_sd(rng, scale_prior, n, squares, sigma, out):
    """out (n,) ← σ after each update."""
    for i in range(out.size):
        sigma = draw_residual_sd(rng, scale_prior, n, squares, sigma)
        out[i] = sigma


@njit(cache=True, error_model="numpy")
def run_student_scales(rng, scale_prior, y, eta, scale, width, out):
    """out (n, 2) ← (σ, ν) after each update."""
    for i in range(out.shape[0]):
        draw_student_scales(rng, scale_prior, y, eta, scale, width)
        out[i, :] = scale[:2]


@njit(cache=True, error_model="numpy")
def run_hyper(
    rng, move, learn, core_only, coordinate, fit, root, scratch, counts, sd_prior, cov_prior, scale_prior, factor, term, index,
    units, core_factors, node, h, B, prior_quadratic, P, work, vh, dense, L, sigma, m, yy, n, small, known, saved, out_L, out_sigma
):  # fmt: skip
    """Rows of ``out_L``, ``out_sigma`` ← L, σ after each move; returns (all ok, σ, rest and target of the last).

    ``known`` not nan: the target at the start, and each move is handed that of the move before.
    """
    rest, target = 0.0, known
    for i in range(out_sigma.size):
        now = target if known == known else known
        ok, sigma, rest, target = draw_hyper(
            rng, move, learn, core_only, coordinate, fit, root, scratch, counts, sd_prior, cov_prior, scale_prior, factor, term,
            index, units, core_factors, node, h, B, prior_quadratic, P, work, vh, dense, L, sigma, m, yy, n, small, now,
            saved
        )  # fmt: skip
        if not ok:
            return False, sigma, rest, target
        out_L[i, :] = L
        out_sigma[i] = sigma
    return True, sigma, rest, target

"""One sweep of the sampler, and the loop that runs a chunk of sweeps for one chain.

    1  latent         working responses and precisions (kernels/latent.py)
    2  variances      with all location effects integrated out (kernels/hyper.py) where there is at most one unit;
                      otherwise the core's variances with the core and one unit integrated out
    3  location       (β, u) in one joint draw (kernels/elimination.py); with several units, (core, one unit) given the others, in turn
    4  covariances    given the fresh effects: ancillary where step 2 did not collapse, then sufficient (kernels/covariance.py)
    5  scales         residual sd given everything; precision multipliers of t priors on coefficients

Step 3 follows step 2 without a gap: a variance drawn with u integrated out leaves u stale.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .arrays import copy_to, scale_by
from .covariance import draw_covariance_ancillary, draw_covariance_sufficient, residual_rhs
from .elimination import (
    coefficient_precision,
    copy_core_factors,
    draw_core,
    draw_unit,
    eliminate_unit,
    factor_roots,
    load_core,
)
from .gaussian import between_units, draw_residual_sd, residual_sum_of_squares
from .hyper import DRAW_HYPER, ELLIPTICAL, INDEPENDENT, draw_hyper_at
from .latent import (
    draw_logit_latents,
    draw_probit_latents,
    draw_student_latents,
    draw_student_scales,
    log_binary,
    log_student,
)
from .layout import C0, FACTOR, GIVEN, LEVELS, LIST0, LOGIT, PROBIT, PTR0, STUDENT, U0, UNIT, WIDTH
from .one_at_a_time import draw_coefficients, draw_effects
from .priors import FIXED
from .statistics import accumulate, accumulate_rhs, linear_predictor, subtract_other_units

OK, NO_DENSITY, NOT_FINITE_COEFFICIENTS, NOT_FINITE_EFFECTS, NOT_FINITE_SCALE, NOT_POSITIVE_DEFINITE = 0, 1, 2, 3, 4, 5
"""Status codes; ``gibbs.sampling.status`` has their meaning in words."""

SPARING = 8
"""Independent proposals of the variances give way to an elliptical slice, and the conditional updates follow, every so many sweeps:
they hardly need them, these are there for the tails."""

BLOCK_OF_STATUS = ("", "variances", "coefficients", "random effects", "residual sd", "coefficients")


@njit(cache=True, nogil=True, error_model="numpy")
def rhs_between_units(factor, index, cross_ptr, cross_col, cross_value, node, m, h, u, unit, rhs_core, rhs):
    """Right-hand sides of (core, unit) with the other units' effects subtracted, from cross-products alone (gaussian)."""
    copy_to(m, rhs_core)
    for f in range(factor.shape[0]):
        q, start = factor[f, WIDTH], factor[f, U0]
        if factor[f, UNIT] == unit:
            for row in range(start, start + factor[f, LEVELS] * q):
                s = h[row]
                for k in range(cross_ptr[row], cross_ptr[row + 1]):
                    s -= cross_value[k] * u[cross_col[k]]
                rhs[row] = s
        elif factor[f, UNIT] >= 0:
            for j in range(factor[f, LEVELS]):
                for e in range(index[factor[f, PTR0] + j], index[factor[f, PTR0] + j + 1]):
                    for a in range(q):
                        rhs_core[index[factor[f, LIST0] + e]] -= node[factor[f, C0] + e * q + a] * u[start + j * q + a]


@njit(cache=True, nogil=True, error_model="numpy")
def draw_prior_scales(rng, row_prior, core, row_scale):
    """λ_r | β ~ Gamma((df+1)/2, rate (df + d_r²)/2), d_r = (w_r'β − mean_r)/s_r: a t prior as a scale mixture. Returns the number moved."""
    moved = 0
    for r in range(row_prior.shape[0]):
        df = row_prior[r, 2]
        if df < 1e300:
            d = -row_prior[r, 0]
            for a in range(row_prior.shape[1] - 3):
                d += row_prior[r, 3 + a] * core[a]
            row_scale[r] = rng.standard_gamma(0.5 * (df + 1.0)) / (0.5 * (df + d * d * row_prior[r, 1]))
            moved += 1
    return moved


@njit(cache=True, nogil=True, error_model="numpy")
def check_finite(core, u, L, scale):
    """A status: every number of the state is finite, or the block that is not."""
    if not (scale[0] > 0.0 and scale[0] < np.inf and scale[1] < np.inf):
        return NOT_FINITE_SCALE
    total = 0.0
    for k in range(core.size):
        total += core[k]
    if not (total > -np.inf and total < np.inf):
        return NOT_FINITE_COEFFICIENTS
    for k in range(u.size):
        total += u[k]
    if not (total > -np.inf and total < np.inf):
        return NOT_FINITE_EFFECTS
    for k in range(L.size):
        total += L[k]
    return OK if total > -np.inf and total < np.inf else NOT_FINITE_SCALE


@njit(cache=True, nogil=True, error_model="numpy")
def draw_latents(
    rng, family, X, Z, level, offset, y, trials, core_entry, factor, index, units, core_factors, node, dense, m, h, scale_prior, core,
    u, scale, omega, working, eta, width
):  # fmt: skip
    """Step 1: working responses and precisions, and the cross-products they change. Returns ỹ'Ωỹ (probit) or 0."""
    linear_predictor(X, Z, level, offset, factor, core, u, eta)
    squares = 0.0
    if family == PROBIT:
        squares = draw_probit_latents(rng, y, trials, offset, eta, working)
    else:
        if family == LOGIT:
            draw_logit_latents(rng, y, trials, offset, eta, omega, working)
        else:
            draw_student_scales(rng, scale_prior, y, eta, scale, width)
            draw_student_latents(rng, y, offset, eta, scale[0], scale[1], omega, working)
        accumulate(X, Z, level, core_entry, omega, factor, index, units, core_factors, node, dense)
    every = units.shape[0] >= 0  # true; as a literal it would be compiled as a version of its own
    accumulate_rhs(X, Z, level, working, factor, every, units.shape[0], m, h)
    return squares


APART = (DRAW_HYPER,)
"""Kernels that the loop calls by address, in the order of ``apart``."""


@njit(cache=True, nogil=True, error_model="numpy")
def run_chunk(
    apart, rng, sweeps, n, haar, collapsed_move, learn, latent, crossed, one_at_a_time,
    factor, term, index, units, core_factors, node, m, h, yy, row_prior, sd_prior, cov_prior, scale_prior,
    core, u, L, scale, row_scale, reference, work, vh, dense, roots, B, small,
    coordinate, fit, root, scratch, counts, saved,
    out_beta, out_L, out_scale, out_lp, out_u,
):  # fmt: skip
    """``sweeps`` sweeps of one chain; each is written to the next row of the ``out`` arrays. Returns (status, sweeps done).

    Three arguments may be None, and what they switch is then not even compiled (so there are at most six versions of this loop):
    latent         None for gaussian outcomes, else (family, likelihood, X, Z, level, offset, y, trials, weight, core_entry, omega,
                   working, eta, width)
    crossed        None with one unit or none, else (cross_ptr, cross_col, cross_value, rhs, rhs_core, H, x, effects)
    one_at_a_time  None, or True for the scheme of the deck (``crossed`` is then given)
    apart: addresses of the kernels ``APART``.
    collapsed_move: SLICES, ELLIPTICAL or INDEPENDENT of ``hyper.py``; with latents or several units the last is taken as elliptical.
    n: rows of the data; yy: ỹ'Ωỹ (gaussian); learn: warm-up, slice widths may follow; reference: frozen stand-in for the effects'
    spread where levels are few. The other names are those of ``layout.py``.
    """
    n_units, squares, status = units.shape[0], yy, OK
    scale[2] = coefficient_precision(row_prior, row_scale, B)
    for sweep in range(sweeps):
        # 1 latent: working responses and precisions
        if latent is not None:
            family, likelihood, X, Z, level, offset, y, trials, weight, core_entry, omega, working, eta, width = latent
            squares = draw_latents(
                rng, family, X, Z, level, offset, y, trials, core_entry, factor, index, units, core_factors, node, dense, m, h,
                scale_prior, core, u, scale, omega, working, eta, width
            )  # fmt: skip
        sigma = scale[0]
        if crossed is None:
            # 2 variances with every location effect out
            move, known = min(collapsed_move, ELLIPTICAL), np.nan
            if latent is None:
                known = scale[4]
                if collapsed_move == INDEPENDENT and (scale[3] + 1.0) % SPARING != 0.0:
                    move = INDEPENDENT
            ok, sigma, rest, scale[4] = draw_hyper_at(apart[0], (
                rng, move, learn, n_units > 1, coordinate, fit, root, scratch, counts, sd_prior, cov_prior, scale_prior, factor, term,
                index, units, core_factors, node, h, B, scale[2], roots, work, vh, dense, L, sigma, m, squares, n, small, known, saved
            ))  # fmt: skip
            if not ok:
                return NO_DENSITY, sweep
            scale[0] = sigma
            if haar:  # z → g z with θ integrated out: g² ~ Gamma(n/2, rate rest/2); all that follows is linear in z
                g = math.sqrt(2.0 * rng.standard_gamma(0.5 * n) / rest)
                scale_by(vh, g)
                for a in range(core.size):
                    dense[2, a, core.size] *= g
            # 3 (β, u) in one draw
            draw_core(rng, factor, core_factors, roots, dense, sigma, core)
            for unit in range(n_units):
                draw_unit(rng, factor, index, units, unit, roots, work, vh, sigma, core, u)
            copy_core_factors(factor, core_factors, core, u)
        else:
            cross_ptr, cross_col, cross_value, rhs, rhs_core, H, x36, effects = crossed
            if one_at_a_time is not None:
                factor_roots(factor, term, L, roots)
                draw_coefficients(rng, factor, index, core_factors, node, B, roots, m, sigma, u, dense, core)
            for unit in range(n_units):
                if latent is None:
                    rhs_between_units(factor, index, cross_ptr, cross_col, cross_value, node, m, h, u, unit, rhs_core, rhs)
                else:
                    subtract_other_units(Z, level, factor, u, unit, weight if family == PROBIT else omega, working, eta)
                    accumulate_rhs(X, Z, level, eta, factor, n_units == 0, unit, rhs_core, rhs)
                if one_at_a_time is not None:
                    draw_effects(rng, factor, index, units[unit, 0], node, roots, rhs, sigma, core, u, small)
                else:
                    # 2 the core's variances with the core and this unit out; 3 core and unit in one draw; 4 ancillary
                    ok = draw_core_and_unit(
                        apart, rng, collapsed_move, learn, coordinate, fit, root, scratch, counts, sd_prior, cov_prior, scale_prior, factor,
                        term, index, units, unit, core_factors, node, B, roots, work, vh, dense, L, sigma, core, u, rhs, rhs_core, H, x36,
                        effects, small
                    )  # fmt: skip
                    if not ok:
                        return NO_DENSITY, sweep
        # 4 sufficient update of every covariance, given the fresh effects; where step 2 is cheap and exact, only now and then
        scale[3] += 1.0
        conditional = latent is not None or crossed is not None or coordinate.shape[0] == 0
        conditional = conditional or collapsed_move != INDEPENDENT or scale[3] % SPARING == 0.0
        if conditional:
            scale[4] = np.nan
            for t in range(term.shape[0]):
                if term[t, GIVEN] == 0:
                    draw_covariance_sufficient(rng, factor, term, t, sd_prior, cov_prior, u, L, reference, small)
        # 5 residual sd and the scales of t priors
        log_likelihood = 0.0
        if latent is None:
            residual = residual_sum_of_squares(factor, index, units, node, dense, m, h, yy, core, u)
            if crossed is not None:
                residual += 2.0 * between_units(cross_ptr, cross_col, cross_value, u)
            if conditional and scale_prior[0, 0] != FIXED:
                scale[0] = draw_residual_sd(rng, scale_prior, n, max(residual, 0.0), scale[0])
            log_likelihood = -n * math.log(scale[0]) - 0.5 * residual / scale[0] ** 2
        if draw_prior_scales(rng, row_prior, core, row_scale) > 0:
            scale[4] = np.nan
            scale[2] = coefficient_precision(row_prior, row_scale, B)
        status = check_finite(core, u, L, scale)
        if status != OK:
            return status, sweep
        if latent is not None:
            if likelihood:
                linear_predictor(X, Z, level, offset, factor, core, u, eta)
                if family == STUDENT:
                    log_likelihood = log_student(y, eta, scale[0], scale[1])
                else:
                    log_likelihood = log_binary(family == LOGIT, y, trials, eta)
        copy_to(core[: out_beta.shape[1]], out_beta[sweep])
        copy_to(L, out_L[sweep])
        copy_to(scale[:2], out_scale[sweep])
        out_lp[sweep] = log_likelihood
        if out_u.shape[0] > 0:
            copy_to(u, out_u[sweep])
    return OK, sweeps


@njit(cache=True, nogil=True, error_model="numpy")
def draw_core_and_unit(
    apart, rng, collapsed_move, learn, coordinate, fit, root, scratch, counts, sd_prior, cov_prior, scale_prior, factor, term, index, units,
    unit, core_factors, node, B, roots, work, vh, dense, L, sigma, core, u, rhs, rhs_core, H, x36, effects, small
):  # fmt: skip
    """Steps 2 to 4 for one unit of several, the other units given (their effects are taken off ``rhs``, ``rhs_core``).

    Returns False when the core's variances have no density.
    """
    factor_roots(factor, term, L, roots)
    load_core(dense, rhs_core)
    eliminate_unit(factor, index, units, unit, node, rhs, roots, sigma * sigma, work, vh, dense)
    move = min(collapsed_move, ELLIPTICAL)
    ok, sigma, _, _ = draw_hyper_at(apart[0], (
        rng, move, learn, units.shape[0] > 1, coordinate, fit, root, scratch, counts, sd_prior, cov_prior, scale_prior, factor, term, index,
        units, core_factors, node, rhs, B, 0.0, roots, work, vh, dense, L, sigma, rhs_core, 0.0, 0.0, small, np.nan, work
    ))  # fmt: skip
    if not ok:
        return False
    draw_core(rng, factor, core_factors, roots, dense, sigma, core)
    draw_unit(rng, factor, index, units, unit, roots, work, vh, sigma, core, u)
    copy_core_factors(factor, core_factors, core, u)
    for pos in range(units.shape[1]):
        f = units[unit, pos]
        if f < 0:
            break
        residual_rhs(factor, index, units, unit, pos, node, core, u, rhs, vh)
        for t in range(term.shape[0]):
            if term[t, FACTOR] == f and term[t, GIVEN] == 0:
                draw_covariance_ancillary(
                    rng, factor, term, t, sd_prior, cov_prior, node, L, u, sigma, vh, H, small[6], x36, effects, small
                )
    return True

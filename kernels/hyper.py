"""Variances with the location effects integrated out: p(L, σ | ỹ) ∝ p(ỹ | L, σ) p(L) p(σ).

log p(ỹ | L, σ) = −½ log|Q| + (dim θ − n) log σ − (ỹ'Ωỹ + σ²b₀'B₀⁻¹b₀ − b'Q⁻¹b)/(2σ²) + constant,

with Q and b of ``elimination.py``. The coordinates are x = log(L_kk + c) on the diagonals (c frozen; c = 0 at first), L_ab below them,
log(σ + c). Warm-up slices them one by one (Neal 2003) and fits a normal; then one generalised elliptical slice (Nishihara, Murray &
Adams 2014, a multivariate t around the frozen fit) moves all of them at once. Both leave the same density invariant and neither can
reject. What is drawn here leaves u stale: the location draw must follow before anything conditions on u.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

from .apart import Apart
from .covariance import log_covariance_priors
from .elimination import eliminate_unit, factor_core, factor_roots, load_core
from .layout import LEVELS, WIDTH
from .priors import log_scale_prior

DIAGONAL, BELOW, LOG_SIGMA = 0, 1, 2
"""Kinds of coordinates: first column of ``coordinate`` (d, 2); the second is the place in L."""

MEAN, SHIFT, SLICE_WIDTH = 0, 1, 2
"""Columns of ``fit`` (d, 3): mean of the fitted t; c in log(L_kk + c); slice widths. ``root`` (d, d) is its Cholesky factor."""

SLICES, ELLIPTICAL, INDEPENDENT = 0, 1, 2
"""Moves of ``draw_hyper``."""

T_DF = 8.0
"""Degrees of freedom of the t around the frozen fit."""


@njit(cache=True, nogil=True, error_model="numpy")
def log_marginal(factor, term, index, units, core_factors, node, h, B, prior_quadratic, roots, work, vh, dense, L, sigma, m, yy, n):
    """(log p(ỹ | L, σ), residual quadratic form) for a layout with at most one unit; leaves the factorisation behind.

    m (pc,), h (U,): W'Ωỹ; yy: ỹ'Ωỹ; prior_quadratic: b₀'B₀⁻¹b₀; n: rows of the data.
    """
    factor_roots(factor, term, L, roots)
    variance = sigma * sigma
    load_core(dense, m)
    dimension, log_det, reduction = m.size, 0.0, 0.0
    for unit in range(units.shape[0]):
        log_det_unit, reduction = eliminate_unit(factor, index, units, unit, node, h, roots, variance, work, vh, dense)
        log_det += log_det_unit
        for k in range(units.shape[1]):
            if units[unit, k] >= 0:
                dimension += factor[units[unit, k], LEVELS] * factor[units[unit, k], WIDTH]
    log_det_core, quadratic = factor_core(factor, core_factors, B, roots, variance, dense)
    rest = yy + variance * prior_quadratic - reduction - quadratic
    return -0.5 * (log_det + log_det_core) + (dimension - n) * math.log(sigma) - 0.5 * rest / variance, rest


@njit(cache=True, nogil=True, error_model="numpy")
def coordinates_of(coordinate, fit, L, sigma, x):
    """x (d,) ← the coordinates of (L, σ), the inverse of what ``log_hyper`` does to them."""
    for i in range(coordinate.shape[0]):
        kind, place = coordinate[i, 0], coordinate[i, 1]
        if kind == BELOW:
            x[i] = L[place]
        else:
            x[i] = math.log((L[place] if kind == DIAGONAL else sigma) + fit[i, SHIFT])


@njit(cache=True, nogil=True, error_model="numpy", inline="always")  # a call with its arguments takes longer to compile
def log_hyper(
    core_only, coordinate, fit, x, sigma, sd_prior, cov_prior, scale_prior, factor, term, index, units, core_factors, node, h, B,
    prior_quadratic, roots, work, vh, dense, L, m, yy, n, small
):  # fmt: skip
    """Log target at coordinates x, Jacobian included: (value, σ, residual quadratic form). Leaves Σ's factors in L.

    core_only: ``dense[1]`` holds the core with one unit eliminated, and only the variances of the core's factors are coordinates.
    """
    value = 0.0
    for i in range(coordinate.shape[0]):
        kind, place = coordinate[i, 0], coordinate[i, 1]
        if kind == BELOW:
            L[place] = x[i]
            continue
        s = math.exp(x[i]) - fit[i, SHIFT]
        if not (s > 1e-150 and s < 1e150):
            return -np.inf, sigma, 0.0
        value += x[i]
        if kind == DIAGONAL:
            L[place] = s
        else:
            sigma = s
            value += log_scale_prior(scale_prior[0, 0], scale_prior[0, 1], scale_prior[0, 2], s)
    value += log_covariance_priors(term, sd_prior, cov_prior, L, small[5])
    if not value > -np.inf:
        return -np.inf, sigma, 0.0
    rest = 0.0
    if core_only:
        factor_roots(factor, term, L, roots)  # the unit's own share is a constant here
        log_det_core, quadratic = factor_core(factor, core_factors, B, roots, sigma * sigma, dense)
        value += -0.5 * log_det_core + 0.5 * quadratic / (sigma * sigma)
    else:
        marginal, rest = log_marginal(
            factor, term, index, units, core_factors, node, h, B, prior_quadratic, roots, work, vh, dense, L, sigma, m, yy, n
        )
        value += marginal
    if not (value > -np.inf and value < np.inf):
        return -np.inf, sigma, rest
    return value, sigma, rest


@njit(cache=True, nogil=True, error_model="numpy")
def log_t_density(fit, root, x, z):
    """(log density of the fitted t, squared distance); z ← root⁻¹(x − mean)."""
    d = root.shape[0]
    distance = 0.0
    for a in range(d):
        s = x[a] - fit[a, MEAN]
        for k in range(a):
            s -= root[a, k] * z[k]
        z[a] = s / root[a, a]
        distance += z[a] * z[a]
    return -0.5 * (T_DF + d) * math.log1p(distance / T_DF), distance


@njit(cache=True, nogil=True, error_model="numpy")
def scaled_noise(rng, root, spread, z, direction):
    """direction (d,) ← spread · root · noise; z (d,) ← the noise."""
    d = root.shape[0]
    for a in range(d):
        z[a] = rng.standard_normal()
    for a in range(d):
        s = 0.0
        for k in range(a + 1):
            s += root[a, k] * z[k]
        direction[a] = spread * s


@njit(cache=True, nogil=True, error_model="numpy")
def copy_factorisation(back, roots, work, vh, dense, L, saved):
    """saved ← what a draw of the location needs of the factorisation (roots, work, vh, R), and L; or these ← ``saved``, where ``back``."""
    at, pc = 0, dense.shape[1]
    for array in (roots, work, vh, L):
        for k in range(array.size):
            if back:
                array[k] = saved[at + k]
            else:
                saved[at + k] = array[k]
        at += array.size
    for a in range(pc):
        for b in range(pc + 1):
            if back:
                dense[2, a, b] = saved[at + b]
            else:
                saved[at + b] = dense[2, a, b]
        at += pc + 1


@njit(cache=True, nogil=True, error_model="numpy")
def draw_hyper(
    rng, move, learn, core_only, coordinate, fit, root, scratch, counts, sd_prior, cov_prior, scale_prior, factor, term, index,
    units, core_factors, node, h, B, prior_quadratic, roots, work, vh, dense, L, sigma, m, yy, n, small, known, saved
):  # fmt: skip
    """Move the coordinates by ``move``: SLICES of each in turn, one generalised ELLIPTICAL slice of all, or one INDEPENDENT proposal
    from the fitted t (Metropolis-Hastings). Returns (ok, σ, rest, log target).

    L is changed in place, and the factorisation left behind is that of the new point. ``learn`` lets the widths follow the moves
    (warm-up only). ``known`` is the log target at the current point where the caller has it from the sweep before, with the
    factorisation, else nan. ``saved`` (roots + work + vh + L + R) is where an independent proposal puts that of the current point, to
    take it back from. ok is False when the current point has no density. One loop serves all moves: every turn evaluates the target at
    ``trial`` once and then decides what to try next.
    """
    d = coordinate.shape[0]
    x, trial, direction, z = scratch[0], scratch[1], scratch[2], scratch[3]
    coordinates_of(coordinate, fit, L, sigma, x)
    for i in range(d):
        trial[i] = x[i]
    i, stage, tries = 0, 0, 0  # stages: 0 the current point, 1 stepping out down, 2 stepping out up, 3 shrinking
    log_y, low, high, angle, now, rest_here = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    while True:
        if stage == 0 and i == 0 and known == known:
            value, now, rest = known, sigma, 0.0
        else:
            value, now, rest = log_hyper(
                core_only, coordinate, fit, trial, sigma, sd_prior, cov_prior, scale_prior, factor, term, index, units, core_factors,
                node, h, B, prior_quadratic, roots, work, vh, dense, L, m, yy, n, small
            )  # fmt: skip
            counts[0] += 1.0
        if d == 0:
            return value > -np.inf, now, rest, value
        if move != SLICES:
            log_t, distance = log_t_density(fit, root, trial, z)
            if stage == 0 and value == -np.inf:
                return False, sigma, 0.0, value
            if stage == 3 and (value - log_t > log_y or tries > 200):
                return True, now, rest, value
            if move == INDEPENDENT:
                rejected = stage == 3  # as a literal, True and False would be compiled as versions of their own
                if rejected:  # a second proposal now would depend on that, and not leave the target alone
                    copy_factorisation(rejected, roots, work, vh, dense, L, saved)
                    counts[1] += 1.0
                    return True, sigma, rest_here, known
                known, sigma, rest_here = value, now, rest
                copy_factorisation(rejected, roots, work, vh, dense, L, saved)
                stage = 3
                scaled_noise(rng, root, math.sqrt(0.5 * T_DF / rng.standard_gamma(0.5 * T_DF)), z, direction)
                log_y = value - log_t - rng.standard_exponential()
                for a in range(d):
                    trial[a] = fit[a, MEAN] + direction[a]
                continue
            if stage == 0:
                spread = math.sqrt(0.5 * (T_DF + distance) / rng.standard_gamma(0.5 * (T_DF + d)))
                scaled_noise(rng, root, spread, z, direction)
                log_y = value - log_t - rng.standard_exponential()
                stage = 3
                angle = 2.0 * math.pi * rng.random()
                low, high = angle - 2.0 * math.pi, angle
            else:
                tries += 1
                if angle < 0.0:
                    low = angle
                else:
                    high = angle
                angle = low + (high - low) * rng.random() if tries <= 200 else 0.0
            cos, sin = math.cos(angle), math.sin(angle)
            for a in range(d):
                trial[a] = fit[a, MEAN] + (x[a] - fit[a, MEAN]) * cos + direction[a] * sin
            continue
        if stage == 0 and value == -np.inf:
            return False, sigma, 0.0, value
        if stage == 1:
            tries += 1
            if value > log_y and tries < 30:
                low -= fit[i, SLICE_WIDTH]
                trial[i] = low
            else:
                stage, tries, trial[i] = 2, 0, high
            continue
        if stage == 2:
            tries += 1
            if value > log_y and tries < 30:
                high += fit[i, SLICE_WIDTH]
                trial[i] = high
            else:
                stage, tries = 3, 0
                trial[i] = low + (high - low) * rng.random()
            continue
        if stage == 3:
            tries += 1
            if value <= log_y and tries <= 200:
                if trial[i] < x[i]:
                    low = trial[i]
                else:
                    high = trial[i]
                trial[i] = low + (high - low) * rng.random() if tries < 200 else x[i]
                continue
            if learn:
                moved, width = 3.0 * abs(trial[i] - x[i]), fit[i, SLICE_WIDTH]
                fit[i, SLICE_WIDTH] = 0.9 * width + 0.1 * min(max(moved, 1e-3 * width), 10.0 * width)
            x[i] = trial[i]
            i += 1
            if i == d:
                return True, now, rest, value
        log_y = value - rng.standard_exponential()
        low = x[i] - fit[i, SLICE_WIDTH] * rng.random()
        high = low + fit[i, SLICE_WIDTH]
        stage, tries, trial[i] = 1, 0, low


DRAW_HYPER = Apart(draw_hyper, types.Tuple((types.boolean, types.float64, types.float64, types.float64)))
draw_hyper_at = DRAW_HYPER.call
"""``draw_hyper_at(address, arguments)``, for the loops: the largest kernel is compiled apart from them."""

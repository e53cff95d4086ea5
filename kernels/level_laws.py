"""Degrees of freedom of Student-t effects with the λ_j following, the effects integrated out: the twin of ν | u in ``level_scales.py``.

Where the data say little of each u_j, ν | u moves by as little as the u_j do. Here ν → ν' and every λ_j keeps its place within
Gamma(ν/2, ν/2), nearly: w_j = log λ_j is moved and stretched from the mean and sd of log Gamma at ν to those at ν',

    w_j' = m(ν') + (w_j − m(ν)) s(ν')/s(ν),     m(ν) = −1/ν − 1/(3ν²) ≈ ψ(ν/2) − log(ν/2),   s²(ν) = 2/ν + 2/ν² + 4/(3ν³) ≈ ψ'(ν/2)

(any m and s give the same posterior; these make the λ_j' plausible). With the noise ε of the location effects held (``second_order.py``),
their density under the normal model, or stand-in, is that of the factorisation, so the proposal is accepted with

    p(ν') ν' Π_j p(w_j' | ν') (s'/s)^J p(ỹ | λ', L) / [p(ν) ν Π_j p(w_j | ν) p(ỹ | λ, L)] · exp{Σ_i gap_i(η') − gap_i(η)} .

And the twin of λ_j | u_j: λ_j | v_j, in which u_j = v_j/√λ_j follows (the ancillary of ASIS, Yu & Meng 2011).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .arrays import copy_to, sum_of
from .elimination import copy_core_factors, place_core, place_unit, whiten_core, whiten_unit
from .hyper import log_marginal
from .layout import LEVELS, U0, UNIT, WIDTH, ZCOL
from .level_scales import rescale
from .likelihood import gaps, log_likelihood
from .priors import log_scale_prior
from .statistics import linear_predictor, predictor_of_columns
from .sweep import rhs_between_units


@njit(cache=True, nogil=True, error_model="numpy")
def log_gamma_law(w, nu):
    """Log density of w = log λ, λ ~ Gamma(ν/2, ν/2)."""
    return 0.5 * nu * (math.log(0.5 * nu) + w - math.exp(w)) - math.lgamma(0.5 * nu)


@njit(cache=True, nogil=True, error_model="numpy")
def _centre_and_width(nu):
    """m(ν), s(ν)."""
    return -1.0 / nu - 1.0 / (3.0 * nu * nu), math.sqrt(2.0 / nu + 2.0 / (nu * nu) + 4.0 / (3.0 * nu**3))


@njit(cache=True, nogil=True, error_model="numpy")
def follow(factor, f, prior, nu, to, spread, change):
    """change ← new spread / old of the levels of factor f when ν = ``nu`` becomes ``to``; returns the log ratio of the densities of
    (log ν, w), the Jacobian of w included. −inf where the prior has no mass there."""
    rise = log_scale_prior(prior[0], prior[1], prior[2], to) - log_scale_prior(prior[0], prior[1], prior[2], nu)
    rise += math.log(to / nu)
    centre, width = _centre_and_width(nu)
    centre_to, width_to = _centre_and_width(to)
    start, q = factor[f, U0], factor[f, WIDTH]
    for j in range(factor[f, LEVELS]):
        w = -2.0 * math.log(spread[start + j * q])
        w_to = centre_to + (w - centre) * width_to / width
        rise += log_gamma_law(w_to, to) - log_gamma_law(w, nu) + math.log(width_to / width)
        for a in range(q):
            change[start + j * q + a] = math.exp(0.5 * (w - w_to))
    return rise


@njit(cache=True, nogil=True, error_model="numpy")
def move_degrees_of_freedom(
    rng, step, k, chosen, prior, df, spread, change, core_change, data, shape, cuts, factor, term, index, units, core_factors, node, m, h,
    yy, n, B, prior_quadratic, roots, work, vh, dense, L, sigma, crossed, rhs, rhs_core, core, u, eta, gap, trial_eta, trial_gap,
    noise_core, trial_core, noise, trial_u
):  # fmt: skip
    """One proposal of log ν ~ N(log ν, step²) for factor ``chosen[k]``, its λ following. Returns 1.0 where it was accepted.

    data: as ``run_second_order`` has it, eta and gap those of the state, empty where the model is normal, or normal given latents (and
    level where no sweep passes over the rows).
    m, h, node, dense[0], yy: its cross-products; crossed: those between units. Mutates df, spread, core, u, eta, gap, and what
    ``rescale`` does.
    """
    if not step > 0.0:
        return 0.0
    code, columns, Z, level, offset, y, trials, omega, linear = data
    cross_ptr, cross_col, cross_value = crossed
    f = chosen[k]
    unit = max(factor[f, UNIT], 0)
    view = units[unit : unit + 1]
    nu = df[k]
    to = nu * math.exp(step * rng.standard_normal())
    for i in range(change.size):
        change[i] = 1.0
    rise = follow(factor, f, prior[k], nu, to, spread, change)
    if not (rise > -np.inf and rise < np.inf):
        return 0.0
    for turn in range(2):  # the state, then the proposal
        if turn == 1:
            rescale(
                factor, index, units, core_factors, chosen, change, core_change, node, m, h, dense, u, core, Z, level, cross_ptr, cross_col,
                cross_value
            )  # fmt: skip
        if units.shape[0] > 1:
            rhs_between_units(factor, index, cross_ptr, cross_col, cross_value, node, m, h, u, unit, rhs_core, rhs)
        else:
            copy_to(m, rhs_core)
            copy_to(h, rhs)
        marginal, _ = log_marginal(
            factor, term, index, view, core_factors, node, rhs, B, prior_quadratic, roots, work, vh, dense, L, sigma, rhs_core, yy, n
        )
        if turn == 0:
            rise -= marginal
            whiten_core(factor, core_factors, roots, dense, core, noise_core)
            if view.shape[0] > 0:
                whiten_unit(factor, index, view, 0, roots, work, vh, core, u, noise)
        else:
            rise += marginal
    copy_to(noise_core, trial_core)
    place_core(factor, core_factors, roots, dense, trial_core)
    copy_to(u, trial_u)
    for pos in range(units.shape[1]):
        g = view[0, pos] if view.shape[0] > 0 else -1
        if g >= 0:
            for i in range(factor[g, U0], factor[g, U0] + factor[g, LEVELS] * factor[g, WIDTH]):
                trial_u[i] = noise[i]
    if view.shape[0] > 0:
        place_unit(factor, index, view, 0, units.shape[1] - 1, roots, work, vh, trial_core, trial_u)
    copy_core_factors(factor, core_factors, trial_core, trial_u)
    if eta.size > 0:
        predictor_of_columns(columns, Z, level, offset, factor, trial_core, trial_u, trial_eta)
        rise += gaps(code, y, trials, omega, linear, trial_eta, shape, trial_core[:cuts], trial_gap) - sum_of(gap)
        for i in range(1, cuts):
            if not trial_core[i] > trial_core[i - 1]:
                rise = -np.inf
    if rise > -rng.standard_exponential():
        df[k] = to
        for i in range(u.size):
            spread[i] *= change[i]
        copy_to(trial_core, core)
        copy_to(trial_u, u)
        copy_to(trial_eta, eta)
        copy_to(trial_gap, gap)
        return 1.0
    for i in range(u.size):
        change[i] = 1.0 / change[i]
    rescale(
        factor, index, units, core_factors, chosen, change, core_change, node, m, h, dense, u, core, Z, level, cross_ptr, cross_col,
        cross_value
    )  # fmt: skip
    return 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _log_row(code, y, n, eta, shape, cut, sigma, nu):
    """log p(y | η) up to a constant; of a Student-t outcome (``code`` < 0) with its scale and degrees of freedom."""
    if code < 0:
        return -0.5 * (nu + 1.0) * math.log1p((y - eta) ** 2 / (nu * sigma * sigma))
    return log_likelihood(code, y, n, eta, shape, cut)


@njit(cache=True, nogil=True, error_model="numpy")
def log_multiplier(delta, w, df, code, y, trials, eta, part, rows, first, last, shape, cut, sigma, nu):
    """Log density of δ, log λ_j being w + δ, v_j held: that of log λ_j, and of the level's rows ``rows[first:last]`` at
    η_i + (e^{−δ/2} − 1) part_i."""
    value = log_gamma_law(w + delta, df)
    c = math.exp(-0.5 * delta) - 1.0
    for k in range(first, last):
        i = rows[k]
        value += _log_row(code, y[i], trials[i], eta[i] + c * part[i], shape, cut, sigma, nu)
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def draw_multipliers(
    rng, f, df, code, X, Z, level, offset, y, trials, rows, first, shape, cut, sigma, nu, factor, core, u, spread, change, eta, part
):  # fmt: skip
    """λ_j | v_j for every level of factor f, a slice on log λ_j (Neal 2003): p(λ_j) times the likelihood of the level's rows, whatever
    augments them integrated out. The twin of λ_j | u_j: where the rows hardly hold u_j (all alike), u_j follows its λ_j into the tails.

    rows, first: the rows of each level, rows[first[j]:first[j+1]]. Sets spread and change (U,), and leaves eta at the new η. ``rescale``
    must follow, with v put back.
    """
    linear_predictor(X, Z, level, offset, factor, core, u, eta)
    q, z, start = factor[f, WIDTH], factor[f, ZCOL], factor[f, U0]
    for i in range(eta.size):
        s = 0.0
        for a in range(q):
            s += Z[i, z + a] * u[start + level[i, f] * q + a]
        part[i] = s
    for k in range(change.size):
        change[k] = 1.0
    _, spread_of_w = _centre_and_width(df)
    width = 2.5 * spread_of_w
    for j in range(factor[f, LEVELS]):
        w, begin, end = -2.0 * math.log(spread[start + j * q]), first[j], first[j + 1]
        log_y = log_multiplier(0.0, w, df, code, y, trials, eta, part, rows, begin, end, shape, cut, sigma, nu) - rng.standard_exponential()
        low = -width * rng.random()
        high = low + width
        for _ in range(20):
            if log_multiplier(low, w, df, code, y, trials, eta, part, rows, begin, end, shape, cut, sigma, nu) <= log_y:
                break
            low -= width
        for _ in range(20):
            if log_multiplier(high, w, df, code, y, trials, eta, part, rows, begin, end, shape, cut, sigma, nu) <= log_y:
                break
            high += width
        delta = 0.0
        for _ in range(200):
            at = low + (high - low) * rng.random()
            if log_multiplier(at, w, df, code, y, trials, eta, part, rows, begin, end, shape, cut, sigma, nu) > log_y:
                delta = at
                break
            if at < 0.0:
                low = at
            else:
                high = at
        c = math.exp(-0.5 * delta)
        for k in range(start + j * q, start + (j + 1) * q):
            spread[k] *= c
            change[k] = c
        for k in range(begin, end):
            eta[rows[k]] += (c - 1.0) * part[rows[k]]

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

from .compiling import inlined, kernel
from .effects_out import accept, density_at, follow_noise, hold_noise, view_of_unit
from .fields import complete_noise
from .level_scales import rescale
from .likelihood import log_likelihood
from .priors import log_scale_prior
from .statistics import linear_predictor


@kernel
def log_gamma_law(w, nu):
    """Log density of w = log λ, λ ~ Gamma(ν/2, ν/2)."""
    return 0.5 * nu * (math.log(0.5 * nu) + w - math.exp(w)) - math.lgamma(0.5 * nu)


@kernel
def _centre_and_width(nu):
    """m(ν), s(ν)."""
    return -1.0 / nu - 1.0 / (3.0 * nu * nu), math.sqrt(2.0 / nu + 2.0 / (nu * nu) + 4.0 / (3.0 * nu**3))


@kernel
def follow(layout, f, prior, nu, to, spread, change):
    """change ← new spread / old of the levels of factor f when ν = ``nu`` becomes ``to``; returns the log ratio of the densities of
    (log ν, w), the Jacobian of w included. −inf where the prior has no mass there."""
    factor = layout.factor
    rise = log_scale_prior(prior[0], prior[1], prior[2], to) - log_scale_prior(prior[0], prior[1], prior[2], nu)
    rise += math.log(to / nu)
    centre, width = _centre_and_width(nu)
    centre_to, width_to = _centre_and_width(to)
    start, q = factor[f].u0, factor[f].width
    for j in range(factor[f].levels):
        w = -2.0 * math.log(spread[start + j * q])
        w_to = centre_to + (w - centre) * width_to / width
        rise += log_gamma_law(w_to, to) - log_gamma_law(w, nu) + math.log(width_to / width)
        for a in range(q):
            change[start + j * q + a] = math.exp(0.5 * (w - w_to))
    return rise


@inlined
def move_degrees_of_freedom(rng, step, k, multipliers, shape, cuts, model, target, state, trial, work):
    """One proposal of log ν ~ N(log ν, step²) for factor ``multipliers.chosen[k]``, its λ following. Returns 1.0 where it was accepted.

    ``model.data`` is the likelihood beside the normal model, η and gap of ``state`` those at its parameters; it has no rows where the model
    is normal, or normal given latents. Mutates the multipliers, core, u, η and gap, and what ``rescale`` does.
    """
    if not step > 0.0:
        return 0.0
    layout, gram, data = model.layout, model.gram, model.data
    df, change = multipliers.df, multipliers.change
    f = multipliers.chosen[k]
    unit = max(layout.factor[f].unit, 0)
    view, nu = view_of_unit(layout, unit), df[k]
    to = nu * math.exp(step * rng.standard_normal())
    for i in range(change.size):
        change[i] = 1.0
    rise = follow(layout, f, multipliers.prior[k], nu, to, multipliers.spread, change)
    if not (rise > -np.inf and rise < np.inf):
        return 0.0
    rise -= density_at(layout, view, unit, gram, target, state, state.L, state.sigma[0], work)
    hold_noise(view, state, trial, work)
    if layout.fields.table.shape[0] > 0 and view.units.shape[0] > 0:
        complete_noise(rng, view, view.units.shape[0] - 1, work, state.sigma[0], trial.noise)
    rescale(layout, gram, multipliers, data.Z, data.level, state.u, state.core)
    rise += density_at(layout, view, unit, gram, target, state, state.L, state.sigma[0], work)
    rise += follow_noise(view, data, layout, shape, cuts, 1.0, state, trial, work)
    if rise > -rng.standard_exponential():
        df[k] = to
        for i in range(state.u.size):
            multipliers.spread[i] *= change[i]
        accept(data, state, trial)
        return 1.0
    for i in range(change.size):
        change[i] = 1.0 / change[i]
    rescale(layout, gram, multipliers, data.Z, data.level, state.u, state.core)
    return 0.0


@kernel
def _log_row(code, y, n, eta, shape, cut, sigma, nu):
    """log p(y | η) up to a constant; of a Student-t outcome (``code`` < 0) with its scale and degrees of freedom."""
    if code < 0:
        return -0.5 * (nu + 1.0) * math.log1p((y - eta) ** 2 / (nu * sigma * sigma))
    return log_likelihood(code, y, n, eta, shape, cut)


@kernel
def log_multiplier(delta, w, df, data, eta, part, members, shape, cut, sigma, nu):
    """Log density of δ, log λ_j being w + δ, v_j held: that of log λ_j, and of the level's rows ``members`` at
    η_i + (e^{−δ/2} − 1) part_i."""
    value = log_gamma_law(w + delta, df)
    c = math.exp(-0.5 * delta) - 1.0
    for i in members:
        value += _log_row(data.code, data.y[i], data.trials[i], eta[i] + c * part[i], shape, cut, sigma, nu)
    return value


@kernel
def draw_multipliers(rng, k, multipliers, rows, data, by_level, first, shape, cut, layout, state, part):
    """λ_j | v_j for every level of factor ``multipliers.chosen[k]``, a slice on log λ_j (Neal 2003): p(λ_j) times the likelihood of the
    level's rows, whatever augments them integrated out. The twin of λ_j | u_j: where the rows hardly hold u_j (all alike), u_j follows its
    λ_j into the tails.

    data: their likelihood, in the order of ``rows``. by_level, first: the rows of each level, by_level[first[j]:first[j+1]]. Sets spread
    and change, and leaves η at its new value.
    ``rescale`` must follow, with v put back.
    """
    f, df, spread, change = multipliers.chosen[k], multipliers.df[k], multipliers.spread, multipliers.change
    factor, Z, level, eta, u, sigma, nu = layout.factor, rows.Z, rows.level, state.eta, state.u, state.sigma[0], state.nu[0]
    linear_predictor(rows, layout, state.core, u, eta)
    q, z, start = factor[f].width, factor[f].z0, factor[f].u0
    for i in range(eta.size):
        s = 0.0
        for a in range(q):
            s += Z[i, z + a] * u[start + level[i, f] * q + a]
        part[i] = s
    for i in range(change.size):
        change[i] = 1.0
    _, spread_of_w = _centre_and_width(df)
    width = 2.5 * spread_of_w
    for j in range(factor[f].levels):
        w, members = -2.0 * math.log(spread[start + j * q]), by_level[first[j] : first[j + 1]]
        log_y = log_multiplier(0.0, w, df, data, eta, part, members, shape, cut, sigma, nu) - rng.standard_exponential()
        low = -width * rng.random()
        high = low + width
        for _ in range(20):
            if log_multiplier(low, w, df, data, eta, part, members, shape, cut, sigma, nu) <= log_y:
                break
            low -= width
        for _ in range(20):
            if log_multiplier(high, w, df, data, eta, part, members, shape, cut, sigma, nu) <= log_y:
                break
            high += width
        delta = 0.0
        for _ in range(200):
            at = low + (high - low) * rng.random()
            if log_multiplier(at, w, df, data, eta, part, members, shape, cut, sigma, nu) > log_y:
                delta = at
                break
            if at < 0.0:
                low = at
            else:
                high = at
        c = math.exp(-0.5 * delta)
        for i in range(start + j * q, start + (j + 1) * q):
            spread[i] *= c
            change[i] = c
        for i in members:
            eta[i] += (c - 1.0) * part[i]

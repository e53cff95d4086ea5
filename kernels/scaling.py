"""Second-order moves along a scale: effects with their sd, coefficients with the spread of the effects, everything at once.

Under the stand-in these are directions in which the law of (L, core) is long; in truth they are those in which rare outcomes hold little.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from .arrays import copy_to, scale_by, sum_of
from .compiling import contracted, kernel, lazy
from .covariance import log_covariance_priors
from .likelihood import dispersion_of, gaps, stand_in
from .priors import log_cholesky_prior
from .shards import PROPOSAL, RISE, STATE, ask


@kernel
def scale_sd(term, t, column, delta, priors, L, scratch):
    """L_column of term t times e^δ, in place: (e^δ, log ratio of its prior and of what Jacobian and effects' density leave)."""
    q, l0, c = term[t].width, term[t].l0, math.exp(delta)
    rise = (column + 1.0) * delta - log_cholesky_prior(term, t, priors.sd, priors.cov, L[l0:], scratch)
    for b in range(column + 1):
        L[l0 + column * q + b] *= c
    return c, rise + log_cholesky_prior(term, t, priors.sd, priors.cov, L[l0:], scratch)


@kernel
def divide_sd(term, t, column, c, L):
    """L_column of term t as it was before ``scale_sd``, to rounding."""
    first = term[t].l0 + column * term[t].width
    for b in range(column + 1):
        L[first + b] /= c


@kernel
def scale_priors(term, delta, priors, state, scratch):
    """Every L times e^δ, in place: (e^δ, log ratio of priors and Jacobian where coefficients and effects are multiplied, too).

    The density of u cancels its Jacobian; the coefficients leave p δ, the factor L of q columns q(q+1)/2 δ.
    """
    core, L, c = state.core, state.L, math.exp(delta)
    rise = (priors.row.shape[1] - 3.0) * delta
    rise += log_coefficient_prior(priors.row, state.row_scale, core, c) - log_coefficient_prior(priors.row, state.row_scale, core, 1.0)
    for t in range(term.shape[0]):
        rise += 0.5 * term[t].width * (term[t].width + 1.0) * delta
    rise -= log_covariance_priors(term, priors.sd, priors.cov, L, scratch)
    scale_by(L, c)
    return c, rise + log_covariance_priors(term, priors.sd, priors.cov, L, scratch)


@lazy(types.float64)
def scale_effects(rng, step, data, shape, cut, layout, t, column, priors, state, trial, scratch):
    """One sd of term t and its effects times e^δ, δ ~ N(0, step²): L_column and u_column → e^δ (L_column, u_column); all else as it is.

    The density of u cancels its Jacobian; that of L's row leaves (column + 1) δ. This is the ancillary direction of ASIS: where
    the likelihood hardly holds the effects of a level (all outcomes alike), they follow their sd. Returns 1.0 where accepted.
    """
    factor, term, Z, level, core, u, L, eta = layout.factor, layout.term, data.Z, data.level, state.core, state.u, state.L, state.eta
    f = term[t].factor
    first, width, z = factor[f].u0 + term[t].column + column, factor[f].width, factor[f].z0 + term[t].column + column
    c, rise = scale_sd(term, t, column, step * rng.standard_normal(), priors, L, scratch)
    if rise > -np.inf:
        for i in range(eta.size):
            trial.eta[i] = eta[i] + (c - 1.0) * Z[i, z] * u[first + level[i, f] * width]
        if data.shards != 0:
            rise += ask(data.shards, RISE, STATE, 0)
        else:
            rise += gaps(data, trial.eta, shape, cut, trial.gap) - sum_of(state.gap)
            rise += stand_in(data, trial.eta, cut) - stand_in(data, eta, cut)
    if not rise > -rng.standard_exponential():
        divide_sd(term, t, column, c, L)
        return 0.0
    for j in range(factor[f].levels):
        u[first + j * width] *= c
    if factor[f].unit < 0:
        for j in range(factor[f].coordinates):
            core[factor[f].core0 + j * width + term[t].column + column] *= c
    copy_to(trial.eta, eta)
    copy_to(trial.gap, state.gap)
    return 1.0


@kernel
def place_shift(term, L, information, slope, small, shift):
    """shift (p,) ← Σ_t Σ_ab slope_ab V_ab, V = (Ḡ_t + Σ_t⁻¹)⁻¹ = L(I + L'Ḡ_tL)⁻¹L': how far the coefficients give way to the spread of u.

    information: Ḡ_t, the typical cross-products Z'ΩZ of one level, laid out as L; slope (length of L, p).
    """
    shift[:] = 0.0
    K, Y = small[1], small[2]
    for t in range(term.shape[0]):
        q, l0 = term[t].width, term[t].l0
        for a in range(q):  # K = I + L'ḠL
            for b in range(a + 1):
                s = 1.0 if a == b else 0.0
                for i in range(a, q):
                    for k in range(b, q):
                        s += L[l0 + i * q + a] * information[l0 + i * q + k] * L[l0 + k * q + b]
                K[a * q + b] = s
        for a in range(q):  # K = RR', Y = R⁻¹L'
            for b in range(a + 1):
                s = K[a * q + b]
                for k in range(b):
                    s -= K[a * q + k] * K[b * q + k]
                K[a * q + b] = math.sqrt(s) if a == b else s / K[b * q + b]
            for i in range(q):
                s = L[l0 + i * q + a] if i >= a else 0.0
                for k in range(a):
                    s -= K[a * q + k] * Y[k * q + i]
                Y[a * q + i] = s / K[a * q + a]
        for a in range(q):
            for b in range(a + 1):
                v = 0.0
                for k in range(q):
                    v += Y[k * q + a] * Y[k * q + b]
                for c in range(shift.size):
                    shift[c] += slope[l0 + a * q + b, c] * v


@contracted
def gap_of_shift(columns, omega, linear, eta, shift):
    """Σ_i q_i(η_i) − q_i(η_i + x_i's), q the quadratics bη − ωη²/2 and s = ``shift``; columns (p, M) is X'."""
    total = 0.0
    for i in range(eta.size):
        s = 0.0
        for a in range(shift.size):
            s += columns[a, i] * shift[a]
        total -= s * (linear[i] - omega[i] * (eta[i] + 0.5 * s))
    return total


@kernel
def log_coefficient_prior(row_prior, row_scale, core, factor):
    """−½ Σ_r λ_r (c w_r'core − mean_r)²/s_r² with c = ``factor``: the normal statements on c·core, given their scales λ."""
    value = 0.0
    for r in range(row_prior.shape[0]):
        d = 0.0
        for a in range(row_prior.shape[1] - 3):
            d += row_prior[r, 3 + a] * core[a]
        d = factor * d - row_prior[r, 0]
        value -= 0.5 * row_scale[r] * row_prior[r, 1] * d * d
    return value


@lazy(types.float64)
def scale_everything(rng, step, data, cuts, layout, priors, state, trial, scratch):
    """All coefficients, cutpoints, effects and sds times e^δ, δ ~ N(0, step²): η − offset → e^δ (η − offset).

    The scale of a latent variable, which binary and ordinal outcomes hardly hold where groups are all alike or outcomes rare. Returns 1.0
    where accepted.
    """
    core, L, eta, offset, trial_cut, cut = state.core, state.L, state.eta, data.offset, trial.core, state.core[:cuts]
    c, rise = scale_priors(layout.term, step * rng.standard_normal(), priors, state, scratch)
    if rise > -np.inf:
        for i in range(eta.size):
            trial.eta[i] = offset[i] + c * (eta[i] - offset[i])
        for k in range(cuts):
            trial_cut[k] = c * cut[k]
        if data.shards != 0:
            rise += ask(data.shards, RISE, PROPOSAL, 0)
        else:
            rise += gaps(data, trial.eta, dispersion_of(state.psi), trial_cut[:cuts], trial.gap) - sum_of(state.gap)
            rise += stand_in(data, trial.eta, trial_cut[:cuts]) - stand_in(data, eta, cut)
    if not rise > -rng.standard_exponential():
        scale_by(L, 1.0 / c)
        return 0.0
    scale_by(core, c)
    scale_by(state.u, c)
    copy_to(trial.eta, eta)
    copy_to(trial.gap, state.gap)
    return 1.0

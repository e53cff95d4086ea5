"""One sweep for any family that has l, l' and l'': exact moves made by a normal stand-in of the likelihood.

Warm-up replaces l(η_i) by the quadratic b_iη_i − ω_iη_i²/2 whose curvature and slope are the posterior averages of −l'' and of l'
(the normal that is nearest to the posterior, found by the chain itself), and then freezes it. Under the stand-in the model is gaussian,
so everything of ``elimination.py`` and ``hyper.py`` holds: in the coordinates

    (L, ε_core, ε_unit),      core = T R⁻ᵀ(R⁻¹m + ε_core),   u_j = L Λ⁻ᵀ(v_j − V_B u_parents − V_C core + ε_j)

its posterior is p̃(L) N(ε; 0, I), three independent pieces. A move that is reversible for the stand-in is made exact by accepting it with

    min(1, exp{Σ_i gap_i(η') − gap_i(η)}),      gap_i(η) = l(η) − (b_iη − ω_iη²/2)

(Christen & Fox 2005; Liu 2001, §9.4.3). In turn, for every unit given the others:

    levels      ε_j of every level at one place of the chain is redrawn, its descendants' ε held: levels accept one by one, since given
                the core they share no row
    core        L moves with all location effects integrated out, and ε_core is redrawn, every ε_j held: one decision for the few
                dimensions of (L, core), however many levels there are. β and u of the new L follow without being redrawn.

L may be moved ``times`` times before the one decision: moves K₁, K₂ in turn, begun with either at the toss of a coin, are
(K₁K₂… + K₂K₁…)/2, which is reversible for p̃ as both are: of an even number each sequence is the other reversed, of an odd one its own.

The core's coordinates are those of core + s(L) (``place_shift``): under a quadratic the mean of e^{η+u} is that of e^η, in truth it is
e^{η+V/2}, and where outcomes are rare the coefficients give way to the spread of the effects along just this ridge. Where p̃(L) is no good
guide (the core is seldom accepted), L moves by a step that leaves invariant a t which warm-up fitted to L, and the decision about
(L, core) takes in p̃ and the t at both ends.

The cutpoints of an ordinal outcome are the first columns of the core: a row depends on η − c_k and η − c_{k−1}, two linear predictors, and
its quadratic is the sum of three squares in them (``likelihood.ordinal_derivatives``). An order that does not hold is rejected. Cutpoints
below, or above, all categories that somebody chose have a likelihood that bounds them on one side, which is near no quadratic: the stand-in
has none of them, and their ε_core is not redrawn. Where nobody chose some category, slices move the cutpoints in every sweep.

Levels whose rows are all alike, and levels that accept less, also move by their own law (``own_law.py``).

Then, given the effects: every covariance (sufficient), the size of the family, now and then the cutpoints, the scales of t priors. No row
is augmented, so rare outcomes cost nothing, and equal rows are one cell.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, types

from .apart import Apart
from .arrays import copy_to, scale_by, sum_of
from .covariance import draw_covariance_sufficient, log_covariance_priors
from .elimination import coefficient_precision, copy_core_factors, place_core, place_unit, whiten_core, whiten_unit
from .hyper import (
    DRAW_HYPER,
    INDEPENDENT,
    MEAN,
    SLICES,
    T_DF,
    coordinates_of,
    draw_hyper_at,
    log_hyper,
    log_t_density,
    scaled_noise,
)
from .layout import COLUMN, CORE0, FACTOR, GIVEN, L0, LEVELS, PARENT0, S0, SIZE, U0, UNIT, WIDTH, ZCOL
from .likelihood import BINOMIAL_CLOGLOG, COUNT_NEGATIVE_BINOMIAL, ORDINAL_LOGIT, gaps, log_likelihood, size_term, stand_in
from .own_law import move_by_own_law
from .priors import log_cholesky_prior, log_scale_prior
from .statistics import add_effects, predictor_of_columns
from .sweep import NO_DENSITY, OK, SPARING, check_finite, draw_prior_scales, rhs_between_units

FITTED = 3
"""Move of the variances beside those of ``hyper.py``: from a t that warm-up fits to them, accepted or not together with the core."""

SMALL_STEP = 0.45
"""Part of the noise that a small step replaces, for tails that a redraw reaches seldom."""

FRESH = 64.0
"""Sweeps after which η is computed anew from the effects, against the drift of rounding."""

EVALUATIONS, INDEPENDENT_REJECTED, CORE_TRIED, CORE_ACCEPTED, PARTS_TRIED, PARTS_ACCEPTED = range(6)
"""Places of ``counts``, a row for each unit: the first two are those of ``draw_hyper``, then the part of the core that the variances move
with, then its other parts."""

TRIED, ACCEPTED = 0, 1
"""Rows of ``tally`` (2, U): proposals of each level, and those accepted, at its first effect."""


@njit(cache=True, nogil=True, error_model="numpy")
def refresh_levels(
    rng, share, data, shape, cut, factor, index, units, unit, pos, roots, work, vh, core, u, noise, fresh, trial_u, trial_eta, trial_gap,
    eta, gap, change, tally
):  # fmt: skip
    """Replace the ``share`` of the noise of every level at place ``pos`` of the chain, each level accepted or not on its own rows.

    Mutates u, noise, eta, gap. ``change`` (U,) ends with 1.0 at the first effect of the levels that moved, themselves or with an ancestor.
    """
    code, _, Z, level, _, y, trials, omega, linear = data
    f = units[unit, pos]
    first, size, q = factor[f, U0], factor[f, LEVELS] * factor[f, WIDTH], factor[f, WIDTH]
    for place in range(units.shape[1]):
        g = units[unit, place]
        if g >= 0:
            for k in range(factor[g, U0], factor[g, U0] + factor[g, LEVELS] * factor[g, WIDTH]):
                trial_u[k] = noise[k] if place < pos else u[k]
    keep = math.sqrt(1.0 - share * share)
    for k in range(first, first + size):
        fresh[k] = keep * noise[k] + share * rng.standard_normal()
        trial_u[k] = fresh[k]
        change[k] = 0.0
    place_unit(factor, index, units, unit, pos, roots, work, vh, core, trial_u)
    copy_to(eta, trial_eta)
    for place in range(pos + 1):
        g = units[unit, place]
        start, last = factor[g, U0], factor[g, U0] + factor[g, LEVELS] * factor[g, WIDTH]
        for k in range(start, last):
            trial_u[k] -= u[k]
        add_effects(Z, level, factor, g, trial_u, trial_eta)
        for k in range(start, last):
            trial_u[k] += u[k]
    gaps(code, y, trials, omega, linear, trial_eta, shape, cut, trial_gap)
    here, rise = first, 0.0  # rows of a level stand together as a rule
    for i in range(eta.size):
        at = first + level[i, f] * q
        if at != here:
            change[here] += rise
            here, rise = at, 0.0
        rise += trial_gap[i] - gap[i]
    change[here] += rise
    for j in range(factor[f, LEVELS]):
        at = first + j * q
        tally[TRIED, at] += 1.0
        if change[at] > -rng.standard_exponential():
            tally[ACCEPTED, at] += 1.0
            change[at] = 1.0
            for k in range(at, at + q):
                u[k], noise[k] = trial_u[k], fresh[k]
        else:
            change[at] = 0.0
    for place in range(pos - 1, -1, -1):
        g, parent = units[unit, place], units[unit, place + 1]
        for j in range(factor[g, LEVELS]):
            at = factor[g, U0] + j * factor[g, WIDTH]
            change[at] = change[factor[parent, U0] + index[factor[g, PARENT0] + j] * factor[parent, WIDTH]]
            if change[at] == 1.0:
                for k in range(at, at + factor[g, WIDTH]):
                    u[k] = trial_u[k]
    for i in range(eta.size):
        moved = change[first + level[i, f] * q] == 1.0
        eta[i] = trial_eta[i] if moved else eta[i]
        gap[i] = trial_gap[i] if moved else gap[i]


@njit(cache=True, nogil=True, error_model="numpy")
def scale_effects(
    rng, step, data, shape, cut, factor, term, t, column, sd_prior, cov_prior, core, u, L, eta, gap, trial_eta, trial_gap, small
):  # fmt: skip
    """One sd of term t and its effects times e^δ, δ ~ N(0, step²): L_column and u_column → e^δ (L_column, u_column); all else as it is.

    The density of u cancels its Jacobian; that of L's row leaves (column + 1) δ. This is the ancillary direction of ASIS: where
    the likelihood hardly holds the effects of a level (all outcomes alike), they follow their sd. Returns 1.0 where accepted.
    """
    code, _, Z, level, _, y, trials, omega, linear = data
    f, q, l0 = term[t, FACTOR], term[t, SIZE], term[t, L0]
    first, width, z = factor[f, U0] + term[t, COLUMN] + column, factor[f, WIDTH], factor[f, ZCOL] + term[t, COLUMN] + column
    delta = step * rng.standard_normal()
    c = math.exp(delta)
    rise = (column + 1.0) * delta - log_cholesky_prior(term, t, sd_prior, cov_prior, L[l0:], small[5])
    for b in range(column + 1):
        L[l0 + column * q + b] *= c
    rise += log_cholesky_prior(term, t, sd_prior, cov_prior, L[l0:], small[5])
    if rise > -np.inf:
        for i in range(eta.size):
            trial_eta[i] = eta[i] + (c - 1.0) * Z[i, z] * u[first + level[i, f] * width]
        rise += gaps(code, y, trials, omega, linear, trial_eta, shape, cut, trial_gap) - sum_of(gap)
        rise += stand_in(code, y, omega, linear, trial_eta, cut) - stand_in(code, y, omega, linear, eta, cut)
    if not rise > -rng.standard_exponential():
        for b in range(column + 1):
            L[l0 + column * q + b] /= c
        return 0.0
    for j in range(factor[f, LEVELS]):
        u[first + j * width] *= c
        if factor[f, UNIT] < 0:
            core[factor[f, CORE0] + j * width + term[t, COLUMN] + column] *= c
    copy_to(trial_eta, eta)
    copy_to(trial_gap, gap)
    return 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def place_shift(term, L, information, slope, small, shift):
    """shift (p,) ← Σ_t Σ_ab slope_ab V_ab, V = (Ḡ_t + Σ_t⁻¹)⁻¹ = L(I + L'Ḡ_tL)⁻¹L': how far the coefficients give way to the spread of u.

    information: Ḡ_t, the typical cross-products Z'ΩZ of one level, laid out as L; slope (length of L, p).
    """
    shift[:] = 0.0
    K, Y = small[1], small[2]
    for t in range(term.shape[0]):
        q, l0 = term[t, SIZE], term[t, L0]
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


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def gap_of_shift(columns, omega, linear, eta, shift):
    """Σ_i q_i(η_i) − q_i(η_i + x_i's), q the quadratics bη − ωη²/2 and s = ``shift``; columns (p, M) is X'."""
    total = 0.0
    for i in range(eta.size):
        s = 0.0
        for a in range(shift.size):
            s += columns[a, i] * shift[a]
        total -= s * (linear[i] - omega[i] * (eta[i] + 0.5 * s))
    return total


@njit(cache=True, nogil=True, error_model="numpy")
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


@njit(cache=True, nogil=True, error_model="numpy")
def scale_everything(
    rng, step, data, cuts, factor, term, row_prior, row_scale, sd_prior, cov_prior, core, u, L, eta, gap, trial_eta, trial_gap, trial_cut,
    small
):  # fmt: skip
    """All coefficients, cutpoints, effects and sds times e^δ, δ ~ N(0, step²): η − offset → e^δ (η − offset).

    The scale of a latent variable, which binary and ordinal outcomes hardly hold where groups are all alike or outcomes rare. The
    density of u cancels its Jacobian; the coefficients leave p δ, the factor L of q columns q(q+1)/2 δ. Returns 1.0 where accepted.
    """
    code, _, _, _, offset, y, trials, omega, linear = data
    delta = step * rng.standard_normal()
    c, cut = math.exp(delta), core[:cuts]
    rise = (row_prior.shape[1] - 3.0) * delta
    rise += log_coefficient_prior(row_prior, row_scale, core, c) - log_coefficient_prior(row_prior, row_scale, core, 1.0)
    for t in range(term.shape[0]):
        rise += 0.5 * term[t, SIZE] * (term[t, SIZE] + 1.0) * delta
    rise -= log_covariance_priors(term, sd_prior, cov_prior, L, small[5])
    scale_by(L, c)
    rise += log_covariance_priors(term, sd_prior, cov_prior, L, small[5])
    if rise > -np.inf:
        for i in range(eta.size):
            trial_eta[i] = offset[i] + c * (eta[i] - offset[i])
        for k in range(cuts):
            trial_cut[k] = c * cut[k]
        rise += gaps(code, y, trials, omega, linear, trial_eta, 1.0, trial_cut[:cuts], trial_gap) - sum_of(gap)
        rise += stand_in(code, y, omega, linear, trial_eta, trial_cut[:cuts]) - stand_in(code, y, omega, linear, eta, cut)
    if not rise > -rng.standard_exponential():
        scale_by(L, 1.0 / c)
        return 0.0
    scale_by(core, c)
    scale_by(u, c)
    copy_to(trial_eta, eta)
    copy_to(trial_gap, gap)
    return 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def log_fitted(fit, root, x, z):
    """Log density of the fitted t of the variances at coordinates x, up to a constant; z (d,) is scratch."""
    value, _ = log_t_density(fit, root, x, z)
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def move_fitted(rng, share, fit, root, scratch):
    """scratch[1] ← coordinates that the fitted t leaves invariant: mean + √(1 − share²) (x − mean) + share · noise, x = scratch[0].

    Given x the t is a normal whose scale is drawn first (Nishihara, Murray & Adams 2014, eq. 10); share = 1 forgets all of x but its scale.
    """
    d = root.shape[0]
    _, distance = log_t_density(fit, root, scratch[0], scratch[3])
    spread = math.sqrt(0.5 * (T_DF + distance) / rng.standard_gamma(0.5 * (T_DF + d)))
    scaled_noise(rng, root, spread, scratch[3], scratch[2])
    keep = math.sqrt(1.0 - share * share)
    for a in range(d):
        scratch[1, a] = fit[a, MEAN] + keep * (scratch[0, a] - fit[a, MEAN]) + share * scratch[2, a]


@njit(cache=True, nogil=True, error_model="numpy")
def in_order(cut):
    """Whether the cutpoints rise."""
    for k in range(1, cut.size):
        if not cut[k] > cut[k - 1]:
            return False
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def log_family(data, family_prior, row_prior, row_scale, core, eta, psi, values, value_rows):
    """Log density of the family's own parameters ψ given η: log size (Jacobian included), or the cutpoints.

    family_prior: code and numbers of the size's prior. Cutpoints have the normal (given λ) statements of ``row_prior``, as the core that
    they begin; ψ stands in the place of its first numbers.
    """
    code, y, trials, total, shape = data[0], data[5], data[6], 0.0, 1.0
    if code == COUNT_NEGATIVE_BINOMIAL:
        shape = math.exp(psi[0])
        if not (shape > 1e-8 and shape < 1e12):
            return -np.inf
        total += log_scale_prior(family_prior[0], family_prior[1], family_prior[2], shape) + psi[0]
        total += size_term(shape, values, value_rows)
    else:
        if not in_order(psi):
            return -np.inf
        for r in range(row_prior.shape[0]):
            d = -row_prior[r, 0]
            for a in range(row_prior.shape[1] - 3):
                d += row_prior[r, 3 + a] * (psi[a] if a < psi.size else core[a])
            total -= 0.5 * row_scale[r] * row_prior[r, 1] * d * d
    for i in range(eta.size):
        total += log_likelihood(code, y[i], trials[i], eta[i], shape, psi)
    return total if total < np.inf else -np.inf


@njit(cache=True, nogil=True, error_model="numpy")
def draw_family(rng, data, family_prior, row_prior, row_scale, core, eta, psi, root, direction, trial, values, value_rows):
    """Slice ψ along a random direction root·ε (Neal 2003; hit and run), given η. Mutates psi."""
    d = psi.size
    for a in range(d):
        direction[a] = rng.standard_normal()
    for a in range(d - 1, -1, -1):
        s = 0.0
        for k in range(a + 1):
            s += root[a, k] * direction[k]
        direction[a] = s
    log_y = log_family(data, family_prior, row_prior, row_scale, core, eta, psi, values, value_rows) - rng.standard_exponential()
    low = -2.0 * rng.random()
    high = low + 2.0
    stage, tries, at = 0, 0, low  # stages: 0 stepping out down, 1 stepping out up, 2 shrinking
    while tries < 200:
        for a in range(d):
            trial[a] = psi[a] + at * direction[a]
        tries += 1
        inside = log_family(data, family_prior, row_prior, row_scale, core, eta, trial[:d], values, value_rows) > log_y
        if stage == 0:
            if inside and tries < 20:
                low -= 2.0
                at = low
            else:
                stage, at = 1, high
        elif stage == 1:
            if inside and tries < 40:
                high += 2.0
                at = high
            else:
                stage, at = 2, low + (high - low) * rng.random()
        else:
            if inside:
                for a in range(d):
                    psi[a] = trial[a]
                break
            if at < 0.0:
                low = at
            else:
                high = at
            at = low + (high - low) * rng.random()


@njit(cache=True, nogil=True, error_model="numpy")
def log_stand_in(
    core_only, coordinate, fit, x, sigma, sd_prior, cov_prior, scale_prior, factor, term, index, units, core_factors, node, h, B,
    prior_quadratic, roots, work, vh, dense, L, m, yy, n, small
):  # fmt: skip
    """log p̃(L) of the coordinates x, and its factorisation: ``log_hyper``, which has the names. With no coordinate, of L as it is."""
    value, _, _ = log_hyper(
        core_only, coordinate, fit, x, sigma, sd_prior, cov_prior, scale_prior, factor, term, index, units, core_factors, node, h, B,
        prior_quadratic, roots, work, vh, dense, L, m, yy, n, small
    )  # fmt: skip
    return value


MOVE_BY_OWN_LAW = Apart(move_by_own_law)
DRAW_COVARIANCE, DRAW_FAMILY = Apart(draw_covariance_sufficient, types.int64), Apart(draw_family)
SCALE_EFFECTS, SCALE_EVERYTHING = Apart(scale_effects, types.float64), Apart(scale_everything, types.float64)
LOG_STAND_IN, REFRESH_LEVELS = Apart(log_stand_in, types.float64), Apart(refresh_levels)
draw_covariance_sufficient_at, draw_family_at = DRAW_COVARIANCE.call, DRAW_FAMILY.call
scale_effects_at, scale_everything_at = SCALE_EFFECTS.call, SCALE_EVERYTHING.call
log_stand_in_at, refresh_levels_at, move_by_own_law_at = LOG_STAND_IN.call, REFRESH_LEVELS.call, MOVE_BY_OWN_LAW.call
APART = (DRAW_HYPER, LOG_STAND_IN, REFRESH_LEVELS, MOVE_BY_OWN_LAW, DRAW_COVARIANCE, SCALE_EFFECTS, SCALE_EVERYTHING, DRAW_FAMILY)
"""Kernels that the loop calls by address, in the order of ``apart``."""


@njit(cache=True, nogil=True, error_model="numpy")
def run_second_order(
    apart, rng, sweeps, cycles, move, times, learn, blocks, every, small_every, own_every, tally, chosen, own_rows, steps, data,
    family_prior, cuts, psi, psi_root, values, value_rows, crossed,
    factor, term, index, units, core_factors, node, m, h, row_prior, sd_prior, cov_prior, scale_prior,
    core, u, L, scale, row_scale, reference, work, vh, dense, roots, B, small,
    sizes, coordinate, fit, root, scratch, counts, saved, eta, gap, trial_eta, trial_gap, trial_core, noise_core, trial_noise,
    trial_L, effects, ridge,
    out_beta, out_L, out_scale, out_lp, out_u,
):  # fmt: skip
    """``sweeps`` sweeps of one chain; each is written to the next row of the ``out`` arrays. Returns (status, sweeps done).

    apart: addresses of the kernels ``APART``.
    data: (likelihood, X', Z, level, offset, y, trials, ω, b), the frozen stand-in's ω and b last; node, m, h, dense[0] are its
    cross-products. cycles: times that a sweep goes through its moves, each a sweep to what follows. blocks: parts in which ε_core is
    redrawn. every: sweeps between moves of ``scale_effects`` and ``scale_everything``; steps: theirs, the last that of the latter.
    small_every: sweeps between small steps of the noise. counts (units, 8) and tally (2, U): proposals and those accepted, by unit and by
    level. chosen, own_rows: levels that also move by their own law every ``own_every`` sweeps, and their rows. cuts: cutpoints, the first
    numbers of the core.
    crossed: (cross_ptr, cross_col, cross_value, rhs, rhs_core).
    sizes (views,), coordinate (views, d, 2), fit (views, d, 3), root (views, d, d): the variances that move with each unit, as in
    ``hyper.py``. psi (1,) or (0,): log size; psi_root: directions of the slices of it, or of the cutpoints; values, value_rows: distinct
    counts and their rows. effects (4, U): scratch.
    move: SLICES (one at a time, at random), ELLIPTICAL, INDEPENDENT or FITTED; times: that the first three move L before the decision,
    INDEPENDENT in turn with ELLIPTICAL.
    ridge: (information, slope, shifts (2, p)), of ``place_shift``; slope has no rows where coefficients do not give way to the variances.
    eta and gap are kept from call to call; scale[4] is nan where they are not those of the state, the data and the stand-in.
    """
    at_hyper, at_stand_in, at_levels, at_own_law, at_covariance, at_effects, at_everything, at_family = apart
    code, columns, Z, level, offset, y, trials, omega, linear = data
    cross_ptr, cross_col, cross_value, rhs, rhs_core = crossed
    noise, fresh, trial_u, change = effects[0], effects[1], effects[2], effects[3]
    information, slope, shift, trial_shift = ridge[0], ridge[1], ridge[2][0], ridge[2][1]
    n_units, cut = units.shape[0], core[:cuts]
    scale[2] = coefficient_precision(row_prior, row_scale, B)
    shape = math.exp(psi[0]) if code == COUNT_NEGATIVE_BINOMIAL else 1.0
    low, high, empty = cuts, 0, 0  # cutpoints from low on and below high have likelihood on both sides; categories that nobody chose
    if cuts > 0:
        for k in range(cuts + 1):
            here = 0
            while here < y.size and y[here] != k:
                here += 1
            if here == y.size:
                empty += 1
            else:
                low, high = min(low, k), k
    scalable = code <= BINOMIAL_CLOGLOG or code >= ORDINAL_LOGIT
    for t in range(term.shape[0]):
        scalable = scalable and term[t, GIVEN] == 0
    for cycle in range(sweeps * cycles):
        sweep = cycle // cycles
        if not scale[4] > 0.0 or scale[3] % FRESH == 0.0:  # at sweeps that the length of a chunk does not choose: draws depend on bits
            copy_core_factors(factor, core_factors, core, u)
            predictor_of_columns(columns, Z, level, offset, factor, core, u, eta)
            gaps(code, y, trials, omega, linear, eta, shape, cut, gap)
            scale[4] = 1.0
        for unit in range(max(n_units, 1)):
            view, d, count = units[unit : unit + 1], sizes[unit], counts[unit]
            own, core_only = view.shape[0] - 1, view.shape[0] > 1  # 0 and False; literals would be compiled as versions of their own
            if n_units > 1:
                rhs_between_units(factor, index, cross_ptr, cross_col, cross_value, node, m, h, u, unit, rhs_core, rhs)
            else:
                copy_to(m, rhs_core)
                copy_to(h, rhs)
            # the stand-in at the current point, and the noise that the effects are
            known, turn = 0.0, 0
            if d > 0 and move == SLICES and not learn:
                turn = int(d * rng.random())
            few = 1 if move == SLICES and not learn else d
            if d == 0:
                few = 0
            here, learned, frame = coordinate[unit, turn : turn + few], fit[unit, turn : turn + few], root[unit, :few]
            if few > 0:
                coordinates_of(here, learned, L, 1.0, scratch[1])
            known = log_stand_in_at(at_stand_in, (
                core_only, here, learned, scratch[1], 1.0, sd_prior, cov_prior, scale_prior, factor, term, index, view, core_factors, node,
                rhs, B, 0.0, roots, work, vh, dense, L, rhs_core, 0.0, 0.0, small
            ))  # fmt: skip
            if not known > -np.inf:
                return NO_DENSITY, sweep
            if n_units > 0:
                whiten_unit(factor, index, view, own, roots, work, vh, core, u, noise)
                # levels, root to leaf
                share = SMALL_STEP if (scale[3] + 1.0) % small_every == 0.0 else 1.0
                for pos in range(units.shape[1] - 1, -1, -1):
                    if units[unit, pos] >= 0:
                        refresh_levels_at(at_levels, (
                            rng, share, data, shape, cut, factor, index, units, unit, pos, roots, work, vh, core, u, noise, fresh, trial_u,
                            trial_eta, trial_gap, eta, gap, change, tally
                        ))  # fmt: skip
            # variances and core; a small step of the noise alone now and then
            share = SMALL_STEP if (scale[3] + 1.0) % small_every == 0.0 else 1.0
            keep = math.sqrt(1.0 - share * share)
            extra = 0.0
            copy_to(core, trial_core)
            if slope.shape[0] > 0:
                place_shift(term, L, information, slope, small, shift)
                for a in range(shift.size):
                    trial_core[a] += shift[a]
                extra = gap_of_shift(columns, omega, linear, eta, shift)
                extra += log_coefficient_prior(row_prior, row_scale, core, 1.0)
                extra -= log_coefficient_prior(row_prior, row_scale, trial_core, 1.0)
                if n_units > 0:
                    whiten_unit(factor, index, view, own, roots, work, vh, trial_core, u, noise)
            whiten_core(factor, core_factors, roots, dense, trial_core, noise_core)
            for block in range(blocks):
                copy_to(L, trial_L)
                rise = 0.0
                if block > 0:
                    log_stand_in_at(at_stand_in, (
                        core_only, here[:0], learned, scratch[1], 1.0, sd_prior, cov_prior, scale_prior, factor, term, index, view,
                        core_factors, node, rhs, B, 0.0, roots, work, vh, dense, L, rhs_core, 0.0, 0.0, small
                    ))  # fmt: skip
                elif few > 0 and move == FITTED:
                    coordinates_of(here, learned, L, 1.0, scratch[0])
                    move_fitted(rng, share, learned, frame, scratch)
                    value = log_stand_in_at(at_stand_in, (
                        core_only, here, learned, scratch[1], 1.0, sd_prior, cov_prior, scale_prior, factor, term, index, view,
                        core_factors, node, rhs, B, 0.0, roots, work, vh, dense, L, rhs_core, 0.0, 0.0, small
                    ))  # fmt: skip
                    rise = value - log_fitted(learned, frame, scratch[1], scratch[3])
                    rise -= known - log_fitted(learned, frame, scratch[0], scratch[3])
                elif few > 0 and share == 1.0:
                    begin = int(2.0 * rng.random()) if times > 1 else int((scale[3] + 1.0) % SPARING == 0.0)
                    for time in range(times):
                        now = INDEPENDENT if move == INDEPENDENT and (begin + time) % 2 == 0 else min(move, 1)
                        ok, _, _, known = draw_hyper_at(at_hyper, (
                            rng, now, learn, core_only, here, learned, frame, scratch, count, sd_prior, cov_prior, scale_prior, factor,
                            term, index, view, core_factors, node, rhs, B, 0.0, roots, work, vh, dense, L, 1.0, rhs_core, 0.0, 0.0, small,
                            known, saved
                        ))  # fmt: skip
                        if not ok:
                            return NO_DENSITY, sweep
                count[CORE_TRIED if block == 0 else PARTS_TRIED] += 1.0
                if not rise > -np.inf:
                    copy_to(trial_L, L)
                    continue
                for a in range(core.size):
                    redrawn = a % blocks == block and (a >= cuts or low <= a < high)
                    trial_core[a] = keep * noise_core[a] + share * rng.standard_normal() if redrawn else noise_core[a]
                    trial_noise[a] = trial_core[a]
                place_core(factor, core_factors, roots, dense, trial_core)
                copy_to(u, trial_u)
                if n_units > 0:
                    for pos in range(units.shape[1]):
                        f = units[unit, pos]
                        if f >= 0:
                            for k in range(factor[f, U0], factor[f, U0] + factor[f, LEVELS] * factor[f, WIDTH]):
                                trial_u[k] = noise[k]
                    place_unit(factor, index, view, own, units.shape[1] - 1, roots, work, vh, trial_core, trial_u)
                trial_extra = 0.0
                if slope.shape[0] > 0:
                    trial_extra -= log_coefficient_prior(row_prior, row_scale, trial_core, 1.0)
                    place_shift(term, L, information, slope, small, trial_shift)
                    for a in range(shift.size):
                        trial_core[a] -= trial_shift[a]
                    trial_extra += log_coefficient_prior(row_prior, row_scale, trial_core, 1.0)
                copy_core_factors(factor, core_factors, trial_core, trial_u)
                predictor_of_columns(columns, Z, level, offset, factor, trial_core, trial_u, trial_eta)
                if not in_order(trial_core[:cuts]):
                    rise = -np.inf
                else:
                    if slope.shape[0] > 0:
                        trial_extra += gap_of_shift(columns, omega, linear, trial_eta, trial_shift)
                    rise += gaps(code, y, trials, omega, linear, trial_eta, shape, trial_core[:cuts], trial_gap) - sum_of(gap)
                    rise += trial_extra - extra
                if rise > -rng.standard_exponential():
                    count[CORE_ACCEPTED if block == 0 else PARTS_ACCEPTED] += 1.0
                    copy_to(trial_core, core)
                    copy_to(trial_noise, noise_core)
                    copy_to(trial_u, u)
                    copy_to(trial_eta, eta)
                    copy_to(trial_gap, gap)
                    extra = trial_extra
                else:
                    copy_to(trial_L, L)
        # covariances: with their effects, and given them
        scale[3] += 1.0
        for t in range(term.shape[0]):
            if term[t, GIVEN] == 0:
                if learn or scale[3] % every == 0.0:
                    for a in range(term[t, SIZE]):
                        k = term[t, S0] + a
                        accepted = scale_effects_at(at_effects, (
                            rng, steps[k], data, shape, cut, factor, term, t, a, sd_prior, cov_prior, core, u, L, eta, gap, trial_eta,
                            trial_gap, small
                        ))  # fmt: skip
                        if learn:
                            steps[k] = min(max(steps[k] * math.exp(0.1 * (accepted - 0.4)), 1e-4), 10.0)
                draw_covariance_sufficient_at(at_covariance, (rng, factor, term, t, sd_prior, cov_prior, u, L, reference, small))
        if chosen.shape[0] > 0 and (learn or scale[3] % own_every == 0.0):
            move_by_own_law_at(at_own_law, (rng, data, shape, cut, factor, term, chosen, own_rows, core, u, L, eta, gap, small))
        if scalable and (learn or scale[3] % every == 0.0):
            accepted = scale_everything_at(at_everything, (
                rng, steps[-1], data, cuts, factor, term, row_prior, row_scale, sd_prior, cov_prior, core, u, L, eta, gap, trial_eta,
                trial_gap, trial_core, small
            ))  # fmt: skip
            if learn:
                steps[-1] = min(max(steps[-1] * math.exp(0.1 * (accepted - 0.4)), 1e-4), 10.0)
        if psi.size > 0 or (cuts > 0 and ((scale[3] + 1.0) % small_every == 0.0 or empty > 0)):
            own_parameters = psi if psi.size > 0 else cut
            for _ in range(2 * max(empty, 1)):
                draw_family_at(at_family, (
                    rng, data, family_prior, row_prior, row_scale, core, eta, own_parameters, psi_root, scratch[2], scratch[3], values,
                    value_rows
                ))  # fmt: skip
            shape = math.exp(psi[0]) if psi.size > 0 else 1.0
            gaps(code, y, trials, omega, linear, eta, shape, cut, gap)
        if draw_prior_scales(rng, row_prior, core, row_scale) > 0:
            scale[2] = coefficient_precision(row_prior, row_scale, B)
        status = check_finite(core, u, L, scale)
        if status != OK:
            return status, sweep
        total = size_term(shape, values, value_rows) if code == COUNT_NEGATIVE_BINOMIAL else 0.0
        total += sum_of(gap) + stand_in(code, y, omega, linear, eta, cut)
        copy_to(core[: out_beta.shape[1]], out_beta[sweep])
        copy_to(L, out_L[sweep])
        copy_to(psi, out_scale[sweep])
        out_lp[sweep] = total
        if out_u.shape[0] > 0:
            copy_to(u, out_u[sweep])
    return OK, sweeps

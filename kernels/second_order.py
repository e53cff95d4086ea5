"""One sweep for any family that has l, l' and l'': exact moves made by a normal stand-in of the likelihood.

Warm-up replaces l(η_i) by the quadratic b_iη_i − ω_iη_i²/2 whose curvature and slope are the posterior averages of −l'' and of l'
(the normal that is nearest to the posterior, found by the chain itself), and then freezes it. Under the stand-in the model is gaussian,
so everything of ``elimination.py`` and ``hyper.py`` holds: in the coordinates

    (L, ε_core, ε_unit),      core = T R⁻ᵀ(R⁻¹m + ε_core),   u_j = L Λ⁻ᵀ(v_j − V_B u_parents − V_C core + ε_j)

its posterior is p̃(L) N(ε; 0, I), three independent pieces. A move that is reversible for the stand-in is made exact by accepting it with

    min(1, exp{Σ_i gap_i(η') − gap_i(η)}),      gap_i(η) = l(η) − (b_iη − ω_iη²/2)

(Christen & Fox 2005; Liu 2001, §9.4.3). In turn, for every unit given the others:

    levels      ε_j of every level at one place of the chain is redrawn, its descendants' ε held: levels accept one by one, since given
                the core they share no row (those of a field do: ``refresh_field``)
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

Where variances are many they do not move with the core but after it, by rows of their covariances (``by_rows.py``), one decision for all
of them: an elliptical slice in twenty dimensions goes nowhere.

Levels whose rows are all alike, and levels that accept less, also move by their own law (``own_law.py``).

Then, given the effects: every covariance (sufficient), the size of the family, now and then the cutpoints, the scales of t priors. No row
is augmented, so rare outcomes cost nothing, and equal rows are one cell.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from .arrays import copy_to, sum_of
from .between import before_a_sweep, keep_effects
from .by_rows import move_by_rows
from .compiling import inlined, kernel, lazy, loop, parts
from .covariance import draw_covariance_sufficient
from .elimination import coefficient_precision
from .family_moves import draw_family, in_order
from .field_moves import REDRAWN, refresh_field
from .fields import complete_noise
from .gaussian import given_the_others, rhs_between_units
from .hyper import (
    ELLIPTICAL,
    INDEPENDENT,
    MEAN,
    SLICES,
    T_DF,
    coordinates_of,
    draw_hyper,
    has_room,
    log_t_density,
    log_target,
    no_coordinates,
    place_coordinates,
    scaled_noise,
    widen,
)
from .layout import (
    BETWEEN,
    COVARIANCES,
    EVERYTHING,
    FAMILY_SCALES,
    OWN_LAW,
    PRIOR_SCALES,
    UNIT,
    Coordinates,
    Counts,
    Layout,
    Model,
    Target,
)
from .likelihood import dispersion_of, dispersion_term, gaps, stand_in
from .location import copy_core_factors, place_core, place_unit, whiten_core, whiten_unit
from .own_law import move_by_own_law
from .runs import keep_moved, sum_by_level
from .scaling import gap_of_shift, log_coefficient_prior, place_shift, scale_effects, scale_everything
from .shards import BY_ROWS, GAPS, KEEP_LEVELS, OF_LEVELS, PREDICT, PROPOSAL, STATE, TOTAL, ask, keep_rows, refresh_predictor
from .statistics import add_effects, predictor_of_columns
from .structured import effects_or_coordinates
from .sweep import NO_DENSITY, OK, SPARING, check_finite, draw_prior_scales

FITTED = 3
"""Move of the variances beside those of ``hyper.py``: from a t that warm-up fits to them, accepted or not together with the core."""

SMALL_STEP = 0.45
"""Part of the noise that a small step replaces, for tails that a redraw reaches seldom."""

FRESH = 64.0
"""Sweeps after which η is computed anew from the effects, against the drift of rounding."""


@lazy()
def refresh_levels(rng, share, data, shape, cut, layout, unit, pos, state, trial, work, counts):
    """Replace the ``share`` of the noise of every level at place ``pos`` of the chain, each level accepted or not on its own rows.

    Mutates u, eta, gap and ``trial.noise``. ``trial.change`` (U,) ends with
    1.0 at the first effect of the levels that moved, themselves or with an ancestor.
    """
    factor, units, Z, level = layout.factor, layout.units, data.Z, data.level
    u, eta, gap, noise, fresh, change = state.u, state.eta, state.gap, trial.noise, trial.fresh, trial.change
    trial_u, trial_eta, trial_gap = trial.u, trial.eta, trial.gap
    f = units[unit, pos]
    first, size, q, row = factor[f].u0, factor[f].levels * factor[f].width, factor[f].width, np.int64(0)
    for place in range(units.shape[1]):
        g = units[unit, place]
        if g >= 0:
            for k in range(factor[g].u0, factor[g].u0 + factor[g].levels * factor[g].width):
                trial_u[k] = noise[k] if place < pos else u[k]
    keep = math.sqrt(1.0 - share * share)
    for k in range(first, first + size):
        fresh[k] = keep * noise[k] + share * rng.standard_normal()
        trial_u[k] = fresh[k]
        change[k] = 0.0
    place_unit(layout, unit, pos, work, state.core, trial_u)
    for place in range(pos + 1):
        g = units[unit, place]
        for k in range(factor[g].u0, factor[g].u0 + factor[g].levels * factor[g].width):
            trial_u[k] -= u[k]
    if data.shards != 0:
        ask(data.shards, OF_LEVELS, f, pos)
    else:
        copy_to(eta, trial_eta)
        for place in range(pos + 1):
            add_effects(row, Z, level, layout, units[unit, place], trial_u, trial_eta)
        gaps(data, trial_eta, shape, cut, trial_gap)
        sum_by_level(row, level, layout, f, first, q, trial_gap, gap, change)
    for place in range(pos + 1):
        g = units[unit, place]
        for k in range(factor[g].u0, factor[g].u0 + factor[g].levels * factor[g].width):
            trial_u[k] += u[k]
    for j in range(factor[f].levels):
        at = first + j * q
        counts.tried[at] += 1
        if change[at] > -rng.standard_exponential():
            counts.accepted[at] += 1
            change[at] = 1.0
            for k in range(at, at + q):
                u[k], noise[k] = trial_u[k], fresh[k]
        else:
            change[at] = 0.0
    if pos > 0:
        _follow_ancestors(layout, unit, pos, change, trial_u, u)
    if data.shards != 0:
        ask(data.shards, KEEP_LEVELS, f, pos)
        return
    keep_moved(row, level, layout, f, change, trial_eta, trial_gap, eta, gap)


@lazy()
def _follow_ancestors(layout, unit, pos, change, trial_u, u):
    """Levels nested in those of place ``pos`` that moved move with them: u and ``change``."""
    factor, index, units = layout.factor, layout.index, layout.units
    for place in range(pos - 1, -1, -1):
        g, parent = units[unit, place], units[unit, place + 1]
        for j in range(factor[g].levels):
            at = factor[g].u0 + j * factor[g].width
            change[at] = change[factor[parent].u0 + index[factor[g].parent0 + j] * factor[parent].width]
            if change[at] == 1.0:
                for k in range(at, at + factor[g].width):
                    u[k] = trial_u[k]


@kernel
def log_fitted(coordinates, x, z):
    """Log density of the fitted law of the variances at coordinates x, up to a constant; z (d,) is scratch."""
    value, _ = log_t_density(coordinates, x, z)
    return value


@kernel
def move_fitted(rng, share, coordinates, points):
    """points[1] ← coordinates that the fitted law leaves invariant: of the t, mean + √(1 − share²) (y − mean) + share · noise, y that of
    x = points[0].

    Given x the t is a normal whose scale is drawn first (Nishihara, Murray & Adams 2014, eq. 10); share = 1 forgets all of x but its scale.
    """
    fit, root = coordinates.fit, coordinates.root
    d = root.shape[0]
    _, distance = log_t_density(coordinates, points[0], points[3])
    spread = math.sqrt(0.5 * (T_DF + distance) / rng.standard_gamma(0.5 * (T_DF + d)))
    scaled_noise(rng, root, spread, points[3], points[2])
    keep = math.sqrt(1.0 - share * share)
    copy_to(points[0, :d], points[1, :d])
    widen(coordinates, points[1], -1.0)
    for a in range(d):
        points[1, a] = fit[a, MEAN] + keep * (points[1, a] - fit[a, MEAN]) + share * points[2, a]
    widen(coordinates, points[1], 1.0)


@lazy(types.float64)
def log_stand_in(coordinates, priors, layout, gram, work, L):
    """log p̃(L), a density of the coordinates, and its factorisation: ``log_target``."""
    target = Target(layout.units.shape[0] > 1, 0.0, 0.0, 0.0, np.nan)
    value, _ = log_target(coordinates, priors, layout, gram, target, work, L, 1.0)
    return value


@parts
def coordinates_of_unit(rng, orders, moves, unit):
    """The variances that move with ``unit`` in this sweep: all, or, by slices after warm-up, one at random."""
    d, turn = moves.sizes[unit], 0
    few = d
    if d > 0 and orders.move == SLICES and not orders.learn:
        turn, few = int(d * rng.random()), 1
    places = moves.place[unit, turn : turn + few]
    fit, root = moves.fit[unit], moves.root[unit]
    return Coordinates(places, fit[turn : turn + few], root[:few], moves.widening[unit, :few], fit[:0], root[:0])


@kernel
def move_variances(rng, orders, share, known, coordinates, count, model, state, work):
    """L → a proposal, in place: (status, log ratio of what the stand-in's law of L does not leave reversible)."""
    rise, L = 0.0, state.L
    if orders.move == FITTED:
        rise = _move_by_fit(rng, share, known, coordinates, model, L, work)
    elif share == 1.0:
        begin = int(2.0 * rng.random()) if orders.times > 1 else int((state.sweeps[0] + 1.0) % SPARING == 0.0)
        for time in range(orders.times):
            now = INDEPENDENT if orders.move == INDEPENDENT and (begin + time) % 2 == 0 else min(orders.move, ELLIPTICAL)
            target = Target(model.layout.units.shape[0] > 1, 0.0, 0.0, 0.0, known)
            ok, _, _, known = draw_hyper(
                rng, now, orders.learn, coordinates, count, model.priors, model.layout, model.gram, target, work, L, 1.0
            )
            if not ok:
                return NO_DENSITY, rise
    return OK, rise


@lazy(types.float64)
def _move_by_fit(rng, share, known, coordinates, model, L, work):
    """L → a proposal by ``move_fitted``, in place; the log ratio of p̃ over the t."""
    points = work.points
    coordinates_of(coordinates, L, 1.0, points[0])
    move_fitted(rng, share, coordinates, points)
    value = -np.inf
    if has_room(coordinates, points[1]):
        place_coordinates(coordinates, points[1], L, 1.0)
        value = log_stand_in(coordinates, model.priors, model.layout, model.gram, work, L)
    rise = value - log_fitted(coordinates, points[1], points[3])
    return rise - (known - log_fitted(coordinates, points[0], points[3]))


@inlined
def whiten_shifted_core(rng, unit, model, state, moves, trial, work):
    """trial.core_noise ← the noise that the core is, in the coordinates of core + s(L), and trial.noise that of the unit, given it.

    Returns the log density that the shift takes from prior and stand-in; 0 where coefficients do not give way (``place_shift``).
    """
    extra = 0.0
    copy_to(state.core, trial.core)
    if moves.slope.shape[0] > 0:
        extra = _shift_core(rng, unit, model, state, moves, trial, work)
    whiten_core(model.layout, work, trial.core, trial.core_noise)
    return extra


@lazy(types.float64)
def _shift_core(rng, unit, model, state, moves, trial, work):
    """trial.core += s(L), trial.noise ← that of the unit, given it; the log density that goes."""
    layout, data, shift = model.layout, model.data, moves.shifts[0]
    place_shift(layout.term, state.L, moves.information, moves.slope, work.small, shift)
    for a in range(shift.size):
        trial.core[a] += shift[a]
    extra = gap_of_shift(data.columns, data.omega, data.linear, state.eta, shift)
    extra += log_coefficient_prior(model.priors.row, state.row_scale, state.core, 1.0)
    extra -= log_coefficient_prior(model.priors.row, state.row_scale, trial.core, 1.0)
    if layout.units.shape[0] > 0:
        whiten_unit(layout, unit, work, trial.core, state.u, trial.noise)
        if layout.fields.table.shape[0] > 0:
            complete_noise(rng, layout, unit, work, state.sigma[0], trial.noise)
    return extra


@inlined
def propose_core(rng, orders, share, block, unit, model, state, moves, trial, work):
    """Part ``block`` of the core's noise redrawn; the coefficients, effects and η that follow, into ``trial``.

    Returns what ``whiten_shifted_core`` does, of the proposal; the part of the rows is wanting.
    """
    layout, data, extra, keeping = model.layout, model.data, 0.0, math.sqrt(1.0 - share * share)
    for a in range(state.core.size):
        redrawn = a % orders.blocks == block and (a >= orders.cuts or orders.low <= a < orders.high)
        trial.core[a] = keeping * trial.core_noise[a] + share * rng.standard_normal() if redrawn else trial.core_noise[a]
        trial.fresh_core_noise[a] = trial.core[a]
    place_core(layout, work, trial.core)
    copy_to(state.u, trial.u)
    if layout.units.shape[0] > 0:
        for pos in range(layout.units.shape[1]):
            f = layout.units[unit, pos]
            if f >= 0:
                first = layout.factor[f].u0
                for k in range(first, first + layout.factor[f].levels * layout.factor[f].width):
                    trial.u[k] = trial.noise[k]
        place_unit(layout, unit, layout.units.shape[1] - 1, work, trial.core, trial.u)
    if moves.slope.shape[0] > 0:
        extra = _shift_back(model, state, moves, trial, work)
    copy_core_factors(layout, trial.core, trial.u)
    if data.shards == 0:  # else with the gap
        predictor_of_columns(data.columns, data.Z, data.level, data.offset, layout, trial.core, trial.u, trial.eta)
    return extra


@lazy(types.float64)
def _shift_back(model, state, moves, trial, work):
    """trial.core −= s(L); the log density that comes."""
    shift, extra = moves.shifts[1], -log_coefficient_prior(model.priors.row, state.row_scale, trial.core, 1.0)
    place_shift(model.layout.term, state.L, moves.information, moves.slope, work.small, shift)
    for a in range(shift.size):
        trial.core[a] -= shift[a]
    return extra + log_coefficient_prior(model.priors.row, state.row_scale, trial.core, 1.0)


@inlined
def move_levels(rng, orders, share, shape, unit, model, state, trial, work, counts):
    """The noise of the levels of ``unit``, root to leaf, level by level."""
    layout, cut = model.layout, state.core[: orders.cuts]
    for pos in range(layout.units.shape[1] - 1, -1, -1):
        if layout.units[unit, pos] < 0:
            continue
        if layout.factor[layout.units[unit, pos]].sparse >= 0:
            for _ in range(REDRAWN):
                refresh_field(rng, share, orders.pieces, model.data, cut, layout, unit, pos, state, trial, work, counts)
        else:
            refresh_levels(rng, share, model.data, shape, cut, layout, unit, pos, state, trial, work, counts)


@inlined
def move_unit(rng, orders, shape, coordinates, counts, model, state, moves, trial, work):
    """The levels of the one unit of ``model``, then its variances with the core, each part of its noise with a decision of its own.

    ``model``: one unit or none, given the others. Returns a status.
    """
    layout, data, L, few, count = model.layout, model.data, state.L, coordinates.fit.shape[0], counts.moves
    unit = layout.units.shape[0] - 1  # 0; a literal would be compiled as a version of its own
    known = log_stand_in(coordinates, model.priors, layout, model.gram, work, L)
    if not known > -np.inf:
        return NO_DENSITY
    share = SMALL_STEP if (state.sweeps[0] + 1.0) % orders.small_every == 0.0 else 1.0
    if layout.units.shape[0] > 0:
        whiten_unit(layout, unit, work, state.core, state.u, trial.noise)
        if layout.fields.table.shape[0] > 0:
            complete_noise(rng, layout, unit, work, state.sigma[0], trial.noise)
        move_levels(rng, orders, share, shape, unit, model, state, trial, work, counts)
    extra = whiten_shifted_core(rng, unit, model, state, moves, trial, work)
    for block in range(orders.blocks):
        copy_to(L, trial.L)
        rise = 0.0
        if block > 0:  # the variances stay: with no coordinate, the factorisation at L
            none = no_coordinates(coordinates)
            log_stand_in(none, model.priors, layout, model.gram, work, L)
        elif few > 0:
            status, rise = move_variances(rng, orders, share, known, coordinates, count, model, state, work)
            if status != OK:
                return status
        if block == 0:
            count[0].core_tried += 1
        else:
            count[0].parts_tried += 1
        if not rise > -np.inf:
            copy_to(trial.L, L)
            continue
        trial_extra = propose_core(rng, orders, share, block, unit, model, state, moves, trial, work)
        cut = trial.core[: orders.cuts]
        if not in_order(cut):
            rise = -np.inf
        else:
            if data.shards != 0:
                rise += ask(data.shards, PREDICT, PROPOSAL, 0)
            else:
                rise += gaps(data, trial.eta, shape, cut, trial.gap) - sum_of(state.gap)
            if moves.slope.shape[0] > 0:
                trial_extra += gap_of_shift(data.columns, data.omega, data.linear, trial.eta, moves.shifts[1])
            rise += trial_extra - extra
        if rise > -rng.standard_exponential():
            if block == 0:
                count[0].core_accepted += 1
            else:
                count[0].parts_accepted += 1
            copy_to(trial.core, state.core)
            copy_to(trial.fresh_core_noise, trial.core_noise)
            copy_to(trial.u, state.u)
            keep_rows(data.shards, state, trial)
            extra = trial_extra
        else:
            copy_to(trial.L, L)
    return OK


@kernel
def learned_step(step, accepted):
    """A step of a scaling move after one proposal in warm-up: 40 % of them are to be accepted."""
    return min(max(step * math.exp(0.1 * (accepted - 0.4)), 1e-4), 10.0)


@inlined
def move_covariances(rng, orders, shape, model, state, moves, trial, work):
    """Every covariance: now and then with its effects (``scale_effects``), then given them."""
    layout, term, now = model.layout, model.layout.term, scales_now(orders, state)
    cut, scratch = state.core[: orders.cuts], work.small[5]
    for t in range(term.shape[0]):
        if term[t].given == 0:
            if now:
                for a in range(term[t].width):
                    k = term[t].s0 + a
                    accepted = scale_effects(rng, moves.steps[k], model.data, shape, cut, layout, t, a, model.priors, state, trial, scratch)
                    if orders.learn:
                        moves.steps[k] = learned_step(moves.steps[k], accepted)
            effects = effects_or_coordinates(layout, t, state.core, state.u, work.rhs)
            draw_covariance_sufficient(rng, layout, t, model.priors, effects, state.L, moves.reference, work)


@kernel
def scales_now(orders, state):
    """Whether effects, and everything, are scaled in this sweep."""
    return orders.learn or state.sweeps[0] % orders.every == 0.0


@inlined
def move_levels_by_own_law(rng, orders, shape, model, state, moves, work):
    """Now and then, the levels that warm-up chose."""
    if moves.chosen.shape[0] > 0 and (orders.learn or state.sweeps[0] % orders.own_every == 0.0):
        cut = state.core[: orders.cuts]
        move_by_own_law(rng, model.data, shape, cut, model.layout, moves.chosen, moves.own_rows, state, work.small)


@inlined
def move_everything(rng, orders, model, state, moves, trial, work):
    """Now and then coefficients, effects and sds are multiplied at once (``scale_everything``)."""
    if scales_now(orders, state):
        last = moves.steps.size - 1
        accepted = scale_everything(
            rng, moves.steps[last], model.data, orders.cuts, model.layout, model.priors, state, trial, work.small[5]
        )
        if orders.learn:
            moves.steps[last] = learned_step(moves.steps[last], accepted)


@inlined
def move_family(rng, orders, shape, model, state, moves, work):
    """The family's own parameters given η: its dispersion in every sweep, cutpoints now and then. Returns the dispersion."""
    if state.psi.size > 0 or (orders.cuts > 0 and ((state.sweeps[0] + 1.0) % orders.small_every == 0.0 or orders.empty > 0)):
        return _move_family(rng, orders, model, state, moves, work)
    return shape


@lazy(types.float64)
def _move_family(rng, orders, model, state, moves, work):
    cut, data = state.core[: orders.cuts], model.data
    own = state.psi if state.psi.size > 0 else cut
    for _ in range(2 * max(orders.empty, 1)):
        draw_family(rng, data, model.priors, state, own, moves.psi_root, work.points[2], work.points[3])
    shape = dispersion_of(state.psi)
    if data.shards != 0:
        ask(data.shards, GAPS, STATE, 0)
    else:
        gaps(data, state.eta, shape, cut, state.gap)
    return shape


@lazy()
def move_variances_by_rows(rng, second_orders, shape, unit, count, model, gram, state, moves, trial, work):
    """The covariances of the core's factors and of ``unit``, a row at a time under the stand-in, their effects following, and β: one
    decision. ``gram``: less the effects of other units."""
    layout, data, cut, held = model.layout, model.data, state.core[: second_orders.cuts], second_orders.rounds > 0
    copy_to(state.L, trial.L)
    copy_to(state.core, trial.core)
    copy_to(state.u, trial.u)
    move_by_rows(rng, unit, second_orders.rounds, held, layout, gram, model.priors, state, moves.reference, work)
    count[0].rows_tried += 1
    rise = -np.inf
    if in_order(cut):
        if data.shards != 0:
            rise = ask(data.shards, PREDICT, BY_ROWS, 0)
        else:
            predictor_of_columns(data.columns, data.Z, data.level, data.offset, layout, state.core, state.u, trial.eta)
            rise = gaps(data, trial.eta, shape, cut, trial.gap) - sum_of(state.gap)
    if rise > -rng.standard_exponential():
        count[0].rows_accepted += 1
        keep_rows(data.shards, state, trial)
    else:
        copy_to(trial.L, state.L)
        copy_to(trial.core, state.core)
        copy_to(trial.u, state.u)


@lazy(types.int64, together=True)
def move_given_the_others(rng, second_orders, shape, unit, model, state, moves, trial, work, out):
    """``move_unit`` with the effects of the other units taken off; ``unit`` −1: all effects are in the core. Returns a status."""
    layout, gram, place = model.layout, model.gram, max(unit, 0)
    if layout.units.shape[0] > 1:
        rhs_between_units(layout, gram, state.u, place, work)
    else:
        copy_to(gram.m, work.rhs_core)
        copy_to(gram.h, work.rhs)
    units = layout.units[place : place + 1]
    view = Layout(layout.factor, layout.term, layout.index, units, layout.core_factors, layout.basis, layout.fields)
    given = Model(view, given_the_others(gram, work), model.priors, model.data)
    coordinates = coordinates_of_unit(rng, second_orders, moves, place)
    counts = Counts(out.counts.moves[place : place + 1], out.counts.tried, out.counts.accepted)
    status = move_unit(rng, second_orders, shape, coordinates, counts, given, state, moves, trial, work)
    if status == OK and second_orders.rounds > 0:
        move_variances_by_rows(rng, second_orders, shape, unit, counts.moves, model, given.gram, state, moves, trial, work)
    return status


CALLED = {UNIT: move_given_the_others, BETWEEN: before_a_sweep, EVERYTHING: scale_everything}
"""What a step calls, of steps that not every model has."""


@loop
def run_second_order(rng, orders, model, between, state, moves, trial, work, out):
    """``orders.sweeps`` sweeps of one chain; each is written to the next row of ``out``. Returns (status, sweeps done).

    ``orders.move``: SLICES (one at a time, at random), ELLIPTICAL, INDEPENDENT (in turn with ELLIPTICAL) or FITTED. η and gap are kept from
    call to call; ``state.held`` is 0 where they are not those of the state, the data and the stand-in.
    """
    data, shape, status = model.data, dispersion_of(state.psi), OK
    coefficient_precision(model.priors.row, state.row_scale, work.B)
    for cycle in range(orders.sweeps * orders.cycles):
        sweep = cycle // orders.cycles
        for k in range(orders.steps.shape[0]):
            step, unit = orders.steps[k, 0], orders.steps[k, 1]
            if step == BETWEEN:
                if cycle % orders.cycles == 0 and state.sweeps[0] > 0.0:
                    before_a_sweep(rng, orders.learn, between, model.layout, model.gram, model.priors, state, work)
            elif step == UNIT:
                if unit <= 0 and (state.held[0] == 0.0 or state.sweeps[0] % FRESH == 0.0):  # not when a chunk happens to begin
                    refresh_predictor(shape, orders.cuts, model, state)
                status = move_given_the_others(rng, orders, shape, unit, model, state, moves, trial, work, out)
            elif step == COVARIANCES:
                state.sweeps[0] += 1.0
                move_covariances(rng, orders, shape, model, state, moves, trial, work)
            elif step == OWN_LAW:
                move_levels_by_own_law(rng, orders, shape, model, state, moves, work)
            elif step == EVERYTHING:
                move_everything(rng, orders, model, state, moves, trial, work)
            elif step == FAMILY_SCALES:
                shape = move_family(rng, orders, shape, model, state, moves, work)
            elif step == PRIOR_SCALES and draw_prior_scales(rng, model.priors.row, state.core, state.row_scale) > 0:
                coefficient_precision(model.priors.row, state.row_scale, work.B)
            if status != OK:
                return status, sweep
        status = check_finite(state)
        if status != OK:
            return status, sweep
        total = dispersion_term(data.code, shape, data.values, data.value_rows)
        if data.shards != 0:
            total += ask(data.shards, TOTAL, STATE, 0)
        else:
            total += sum_of(state.gap) + stand_in(data, state.eta, state.core[: orders.cuts])
        copy_to(state.core[: out.beta.shape[1]], out.beta[sweep])
        copy_to(state.L, out.L[sweep])
        copy_to(state.psi, out.scale[sweep])
        out.lp[sweep] = total
        keep_effects(state, sweep, out)
    return OK, orders.sweeps

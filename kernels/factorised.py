"""One second-order sweep that passes over no row: every decision about the rows is one of ``expansion.py``.

All location effects stand in the core. The moves are those of ``second_order.py`` (which see): the variances L move under the stand-in with
everything integrated out, the core's noise is drawn anew, and one decision is made about both; now and then effects are multiplied with
their sd, and everything at once; covariances and scales of priors are drawn given the effects, which no row has a say in. What a sweep
costs does not grow with the rows. The log-likelihood of a draw is not among what a sweep knows.
"""

from __future__ import annotations

import math

import numpy as np

from .arrays import copy_to, scale_by
from .compiling import inlined, kernel, loop
from .covariance import draw_covariance_sufficient
from .elimination import coefficient_precision
from .expansion import ACCEPTED, BROKEN, REFUSED, decide, stand_in_rise
from .layout import COVARIANCES, EVERYTHING, PRIOR_SCALES, UNIT
from .location import copy_core_factors, place_core, whiten_core
from .scaling import divide_sd, scale_priors, scale_sd
from .second_order import (
    SMALL_STEP,
    coordinates_of_unit,
    learned_step,
    log_stand_in,
    move_variances,
    scales_now,
)
from .structured import effects_or_coordinates
from .sweep import BROKEN_BOUND, NO_DENSITY, OK, check_finite, draw_prior_scales


@kernel
def settle(rng, rise, model, expansion, state, trial, count):
    """The decision about ``trial.core``, which takes the core's place, and the effects with it, where it is accepted."""
    if not rise > -np.inf:
        return REFUSED
    decided = decide(rng, rise, model, expansion, state.core, trial.core, count)
    if decided == ACCEPTED:
        copy_to(trial.core, state.core)
        copy_core_factors(model.layout, state.core, state.u)
    return decided


@inlined
def move_core(rng, orders, coordinates, model, expansion, state, trial, work, count):
    """The variances with all location effects integrated out, then all location effects: one decision. Returns a status."""
    layout, L, few = model.layout, state.L, coordinates.fit.shape[0]
    known = log_stand_in(coordinates, model.priors, layout, model.gram, work, L)
    if not known > -np.inf:
        return NO_DENSITY
    share = SMALL_STEP if (state.sweeps[0] + 1.0) % orders.small_every == 0.0 else 1.0
    whiten_core(layout, work, state.core, trial.core_noise)
    copy_to(L, trial.L)
    rise = 0.0
    if few > 0:
        status, rise = move_variances(rng, orders, share, known, coordinates, count, model, state, work)
        if status != OK:
            return status
    count[0].core_tried += 1
    decided = REFUSED
    if rise > -np.inf:
        keeping = math.sqrt(1.0 - share * share)
        for a in range(state.core.size):
            trial.core[a] = keeping * trial.core_noise[a] + share * rng.standard_normal()
        place_core(layout, work, trial.core)
        decided = settle(rng, rise, model, expansion, state, trial, count)
    if decided == ACCEPTED:
        count[0].core_accepted += 1
    else:
        copy_to(trial.L, L)
    return BROKEN_BOUND if decided == BROKEN else OK


@inlined
def scale_term(rng, step, t, column, model, expansion, state, trial, work, count):
    """One sd of term t and its effects times e^δ, δ ~ N(0, step²): ``scaling.scale_effects``. Returns what the decision ended with."""
    term, core = model.layout.term, state.core
    factor = model.layout.factor[term[t].factor]
    c, rise = scale_sd(term, t, column, step * rng.standard_normal(), model.priors, state.L, work.small[5])
    copy_to(core, trial.core)
    for j in range(factor.coordinates):
        trial.core[factor.core0 + j * factor.width + term[t].column + column] *= c
    decided = settle(rng, rise + stand_in_rise(model.gram, core, trial.core), model, expansion, state, trial, count)
    if decided != ACCEPTED:
        divide_sd(term, t, column, c, state.L)
    return decided


@inlined
def scale_all(rng, step, model, expansion, state, trial, work, count):
    """All coefficients, effects and sds times e^δ, δ ~ N(0, step²): ``scaling.scale_everything``. Returns what the decision ended with."""
    c, rise = scale_priors(model.layout.term, step * rng.standard_normal(), model.priors, state, work.small[5])
    copy_to(state.core, trial.core)
    scale_by(trial.core, c)
    decided = settle(rng, rise + stand_in_rise(model.gram, state.core, trial.core), model, expansion, state, trial, count)
    if decided != ACCEPTED:
        scale_by(state.L, 1.0 / c)
    return decided


@inlined
def move_covariances_by_factors(rng, orders, model, expansion, state, moves, trial, work, count):
    """Every covariance: now and then with its effects, then given them. Returns a status."""
    layout, term, now = model.layout, model.layout.term, scales_now(orders, state)
    for t in range(term.shape[0]):
        if term[t].given == 0:
            if now:
                for a in range(term[t].width):
                    k = term[t].s0 + a
                    decided = scale_term(rng, moves.steps[k], t, a, model, expansion, state, trial, work, count)
                    if decided == BROKEN:
                        return BROKEN_BOUND
                    if orders.learn:
                        moves.steps[k] = learned_step(moves.steps[k], 1.0 * decided)
            effects = effects_or_coordinates(layout, t, state.core, state.u, work.rhs)
            draw_covariance_sufficient(rng, layout, t, model.priors, effects, state.L, moves.reference, work)
    return OK


@inlined
def scale_all_now_and_then(rng, orders, model, expansion, state, moves, trial, work, count):
    """Now and then coefficients, effects and sds are multiplied at once. Returns a status."""
    if scales_now(orders, state):
        last = moves.steps.size - 1
        decided = scale_all(rng, moves.steps[last], model, expansion, state, trial, work, count)
        if decided == BROKEN:
            return BROKEN_BOUND
        if orders.learn:
            moves.steps[last] = learned_step(moves.steps[last], 1.0 * decided)
    return OK


@loop
def run_factorised(rng, orders, model, expansion, state, moves, trial, work, out):
    """``orders.sweeps`` sweeps of one chain; each is written to the next row of ``out``. Returns (status, sweeps done).

    ``orders.move`` as in ``run_second_order``. In warm-up the cores are added up for the next centre.
    """
    row, status, count = model.priors.row, OK, out.counts.moves
    coefficient_precision(row, state.row_scale, work.B)
    expansion.here[0] = np.nan
    for cycle in range(orders.sweeps * orders.cycles):
        sweep = cycle // orders.cycles
        for k in range(orders.steps.shape[0]):
            step = orders.steps[k, 0]
            if step == UNIT:
                coordinates = coordinates_of_unit(rng, orders, moves, 0)
                status = move_core(rng, orders, coordinates, model, expansion, state, trial, work, count)
            elif step == COVARIANCES:
                state.sweeps[0] += 1.0
                status = move_covariances_by_factors(rng, orders, model, expansion, state, moves, trial, work, count)
            elif step == EVERYTHING:
                status = scale_all_now_and_then(rng, orders, model, expansion, state, moves, trial, work, count)
            elif step == PRIOR_SCALES and draw_prior_scales(rng, row, state.core, state.row_scale) > 0:
                coefficient_precision(row, state.row_scale, work.B)
            if status != OK:
                return status, sweep
        status = check_finite(state)
        if status != OK:
            return status, sweep
        if orders.learn:
            for a in range(state.core.size):
                expansion.drawn[a] += state.core[a]
            expansion.drawn[state.core.size] += 1.0
        copy_to(state.core[: out.beta.shape[1]], out.beta[sweep])
        copy_to(state.L, out.L[sweep])
        out.lp[sweep] = np.nan
        if out.u.shape[0] > 0:
            copy_to(state.u, out.u[sweep])
    return OK, orders.sweeps

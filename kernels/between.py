"""What moves between two sweeps, beside the blocks of the sweep itself, in the order in which it is done:

    Student-t effects   sds, ν and every λ_j given the effects                                   (``level_scales.py``)
                        ν with the λ_j following, the effects integrated out                     (``level_laws.py``)
    neighbours          ρ given the effects, and with the effects integrated out                 (``neighbours.py``)
    Student-t effects   λ_j given v_j and the rows of its level, where outcomes are not gaussian (``level_laws.py``)
    both                columns, B and cross-products, anew
    single levels       that their rows hardly hold, latents integrated out                      (``own_law.py``)

The loops (``sweep.py``, ``second_order.py``) call it before every sweep but the first, where a model has any of it.
"""

from __future__ import annotations

import math

from .arrays import copy_to
from .compiling import inlined, kernel, lazy, parts
from .elimination import coefficient_precision
from .layout import Model, Multipliers, StandIn, Target
from .level_laws import draw_multipliers, move_degrees_of_freedom
from .level_scales import draw_level_scales, rescale, scale_anew, scale_columns
from .likelihood import dispersion_of, gaps
from .neighbours import ALONG, AR1, FITTED, READY, WALK, any_in_the_core, hold_degree, move_degree, place_degrees, step_given_effects
from .own_law import move_by_own_law
from .priors import FIXED
from .statistics import linear_predictor

PROPOSALS = 2
"""Of the degrees of freedom, and of each ρ, a sweep."""

LIKED = 0.4
"""The share of them that warm-up aims to accept."""


@parts
def without_rows(data):
    """``data`` of no rows: what lies beside a model that is normal, or normal given its latents."""
    y = data.y[:0]
    return StandIn(
        data.code, data.columns, data.Z, data.level, data.offset, y, data.trials, data.omega, data.linear, data.values, data.value_rows,
        0,
    )  # fmt: skip


@inlined
def step_degrees_of_freedom(rng, learn, between, multipliers, layout, gram, priors, state, work):
    """ν of every factor that has one to draw, effects out; in warm-up the size of the proposals follows what is accepted."""
    shape = dispersion_of(state.psi)
    data = between.data if between.second_order else without_rows(between.data)
    model = Model(layout, gram, priors, data)
    for k in range(between.chosen.size):
        if between.prior[k, 0] == FIXED:
            continue
        for _ in range(PROPOSALS):
            quadratic = coefficient_precision(priors.row, state.row_scale, work.B)
            target = Target(False, between.n, between.yy, quadratic, math.nan)
            accepted = move_degrees_of_freedom(
                rng, between.steps[k], k, multipliers, shape, between.cuts, model, target, state, between.trial, work
            )
            if learn:
                between.steps[k] = min(max(between.steps[k] * math.exp(0.1 * (accepted - LIKED)), 1e-3), 5.0)


@inlined
def step_multipliers(rng, between, multipliers, layout, gram, state):
    """λ_j | v_j of every factor that has them: the effects follow into the tails of their law, and the gap of every row is made anew.

    Latents are stale afterwards; a sweep begins with them. The effects of the core, which are kept twice, follow in both places.
    """
    factor, core_factors, data, cut = layout.factor, layout.core_factors, between.data, state.core[: between.cuts]
    shape = dispersion_of(state.psi)
    for k in range(between.chosen.size):
        members = between.members[k * data.y.size : (k + 1) * data.y.size]
        first = between.first[between.first0[k] : between.first0[k + 1]]
        draw_multipliers(rng, k, multipliers, between.rows, data, members, first, shape, cut, layout, state, between.trial.eta)
        rescale(layout, gram, multipliers, data.Z, data.level, state.u, state.core)
        for i in range(state.u.size):
            state.u[i] *= multipliers.change[i]
        for c in range(core_factors.size):
            g = core_factors[c]
            if factor[g].basis0 >= 0:  # coordinates; their effects have not moved
                continue
            for i in range(factor[g].levels * factor[g].width):
                state.core[factor[g].core0 + i] = state.u[factor[g].u0 + i]
    if between.second_order:
        gaps(data, state.eta, shape, cut, state.gap)


@inlined
def step_degrees(rng, learn, between, layout, gram, priors, state, work):
    """ρ of every factor that has one to draw: given the effects, then with the effects out, by a step and with its sds; in warm-up the size
    of steps follows what is accepted."""
    of = between.neighbours
    data = between.data if between.second_order else without_rows(between.data)
    model, first = Model(layout, gram, priors, data), between.chosen.size
    for k in range(of.chosen.size):
        at = first + k
        if of.prior[k, 0] == FIXED:
            continue
        step_given_effects(rng, of, k, at, layout, gram, state, work)
        if not between.integrable or (between.second_order and not state.held[0] > 0.0):  # η and the gap are not those of the stand-in
            continue
        quadratic = coefficient_precision(priors.row, state.row_scale, work.B)
        target = Target(False, between.n, between.yy, quadratic, math.nan)
        known = hold_degree(rng, between, k, model, target, state, work)
        for turn in range(PROPOSALS):
            how = WALK
            if turn == 1 and between.fits[at, READY] > 0.0:
                how = FITTED
            elif turn == 1 and of.law[k] == AR1:
                how = ALONG
            known, accepted = move_degree(rng, how, known, between, k, model, target, state, work)
            if learn and how == WALK:
                between.steps[at] = min(max(between.steps[at] * math.exp(0.1 * (accepted - LIKED)), 1e-3), 5.0)


@kernel
def place_laws(between, multipliers, layout, gram, own):
    """Columns, B, and cross-products unless every sweep sums them itself, ← those with no multiplier, and A(ρ) = I, by the multipliers and
    own parameters of the state: to the bits, whatever way the chain took."""
    rows = between.rows
    if between.summed:
        scale_columns(layout, multipliers.chosen, between.plain_Z, multipliers.spread, rows.level, rows.Z)
    else:
        scale_anew(layout, between.plain, gram, multipliers, between.plain_Z, rows.Z, rows.level)
    place_degrees(between.neighbours, between.chosen.size, own, layout, gram, between.summed)


@lazy()
def before_a_sweep(rng, learn, between, layout, gram, priors, state, work):
    """Own parameters of laws of effects, and what hangs on them, in turn. Mutates L, the effects (in ``u`` and ``core``), own, spread,
    columns, B and cross-products; of second-order models η and the gap too. ``learn``: steps follow the moves."""
    multipliers = Multipliers(between.chosen, between.prior, state.own, state.spread, work.change, work.core_change)
    if between.chosen.size > 0:
        draw_level_scales(rng, layout, multipliers, priors, state.L, state.u, work.effects, work.small[0])
        rescale(layout, gram, multipliers, between.rows.Z, between.rows.level, state.u, state.core)
        if between.integrable and (not between.second_order or state.held[0] > 0.0):  # η and the gap are those of the stand-in
            step_degrees_of_freedom(rng, learn, between, multipliers, layout, gram, priors, state, work)
    step_degrees(rng, learn, between, layout, gram, priors, state, work)
    if between.chosen.size > 0 and between.data.y.size > 0:
        step_multipliers(rng, between, multipliers, layout, gram, state)  # last: no latents are left for others to be given
    if between.chosen.size > 0 or any_in_the_core(between.neighbours, layout):  # fields have their ρ as it is, and nothing else of it
        place_laws(between, multipliers, layout, gram, state.own)


@lazy()
def own_law_of_levels(rng, between, layout, state, work):
    """The levels of ``between.own``, their latents integrated out, which are stale afterwards; a sweep begins with them."""
    linear_predictor(between.rows, layout, state.core, state.u, state.eta)
    move_by_own_law(rng, between.data, 1.0, state.psi, layout, between.own, between.own_rows, state, work.small)


@kernel
def keep_effects(state, sweep, out):
    """The effects u_j = v_j/√λ_j and the own parameters of their laws into row ``sweep`` of ``out``; of normal effects every λ_j is 1."""
    copy_to(state.own, out.own[sweep])
    if out.u.shape[0] > 0:
        for i in range(state.u.size):
            out.u[sweep, i] = state.u[i] * state.spread[i]

"""A pass over the rows in parts: sums of fixed shards of rows, which several threads may take (``gibbs/sampling/shards.py``).

A decision of ``second_order.py`` is a sum over the rows and uses no random number of theirs, so it is a sum of sums of shards. These are
added up in the order of the shards, whoever took them: draws depend on where shards begin and on nothing else. The loop of the sweeps asks
for a pass by a call to Python (``ask``), which hands the shards out; a shard is large enough that the call takes no time beside it.

    PREDICT       η and gap of a proposal, or of the state
    OF_LEVELS     η and gap where the effects of a factor, and of those nested in it, move; what it changes, by level
    KEEP_LEVELS   both ← the proposal's, in the rows of the levels that moved
    KEEP          both ← the proposal's, in all rows
    GAPS          gap of the state, under another dispersion or other cutpoints
    RISE          what a proposal whose η stands in ``trial`` changes, likelihood and all
    TOTAL         log-likelihood of the state
    OF_FAMILY     the same at other parameters of the family
    DERIVATIVES   warm-up's sums
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .arrays import copy_to, sum_of
from .compiling import inlined, loop, parts
from .layout import StandIn
from .likelihood import add_derivatives, add_ordinal_derivatives, gaps, is_ordinal, log_likelihood, stand_in
from .location import copy_core_factors
from .records import record
from .runs import keep_moved, sum_by_level
from .statistics import add_effects, predictor_of_columns, predictor_of_some

PREDICT, OF_LEVELS, KEEP_LEVELS, KEEP, GAPS, RISE, TOTAL, OF_FAMILY, DERIVATIVES = range(9)
"""Passes. The second number that goes with one: a factor of ``OF_LEVELS`` and ``KEEP_LEVELS``, else one of the next."""
PROPOSAL, BY_ROWS, STATE = range(3)
"""Where a pass is about: coefficients and effects in ``trial``, or moved in place, η in ``trial`` of both; or all in ``state``."""


@record
class Pass(NamedTuple):
    """A pass over one shard."""

    task: int
    about: int
    place: int  # of factor ``about`` in its chain
    first: int  # rows
    last: int
    low: int  # the first level that the shard has of it


@intrinsic
def ask(typingctx, address, task, about, place):
    """The sum over all shards of pass ``task``, by the C function at ``address``; nan where it failed."""

    def generate(context, builder, signature, values):
        whole = ir.IntType(64)
        function = ir.FunctionType(ir.DoubleType(), [whole, whole, whole])
        return builder.call(builder.inttoptr(values[0], function.as_pointer()), values[1:])

    return types.float64(types.int64, types.int64, types.int64, types.int64), generate


@parts
def rows_from(data, first, last):
    """``data`` of some rows; numbers of a row that an ordinal outcome has three of stay where they are from one to the next."""
    return StandIn(
        data.code, data.columns, data.Z[first:last], data.level[first:last], data.offset[first:last], data.y[first:last],
        data.trials[first:last], data.omega[first:], data.linear[first:], data.values, data.value_rows, 0,
    )  # fmt: skip


@loop
def pass_over_shard(of, shape, cut, other, data, layout, state, trial, change, sums):
    """A pass over the rows of a shard; returns its sum.

    of : ``Pass``. cut : cutpoints of the state, or those that are tried in OF_FAMILY; other : those of a proposal. change : of OF_LEVELS,
    from level ``of.low`` on; of KEEP_LEVELS that of ``trial``. sums (3 or 7, M) : of DERIVATIVES.
    """
    task, about, first, last = of.task, of.about, of.first, of.last
    some = rows_from(data, first, last)
    eta, gap, trial_eta, trial_gap = state.eta[first:last], state.gap[first:last], trial.eta[first:last], trial.gap[first:last]
    if task == PREDICT:
        if about == STATE:
            predictor_of_some(first, data.columns, some.Z, some.level, some.offset, layout, state.core, state.u, eta)
            return gaps(some, eta, shape, cut, gap)
        if about == PROPOSAL:
            predictor_of_some(first, data.columns, some.Z, some.level, some.offset, layout, trial.core, trial.u, trial_eta)
        else:
            predictor_of_some(first, data.columns, some.Z, some.level, some.offset, layout, state.core, state.u, trial_eta)
        return gaps(some, trial_eta, shape, other, trial_gap) - sum_of(gap)
    if task == OF_LEVELS:
        copy_to(eta, trial_eta)
        unit = layout.factor[about].unit
        for k in range(of.place + 1):
            add_effects(first, some.Z, some.level, layout, layout.units[unit, k], trial.u, trial_eta)
        gaps(some, trial_eta, shape, cut, trial_gap)
        sum_by_level(first, some.level, layout, about, -of.low, np.int64(1), trial_gap, gap, change)
        return 0.0
    if task == KEEP_LEVELS:
        keep_moved(first, some.level, layout, about, change, trial_eta, trial_gap, eta, gap)
        return 0.0
    if task == KEEP:
        copy_to(trial_eta, eta)
        copy_to(trial_gap, gap)
        return 0.0
    if task == GAPS:
        return gaps(some, eta, shape, cut, gap)
    if task == RISE:
        rise = gaps(some, trial_eta, shape, other, trial_gap) - sum_of(gap)
        return rise + stand_in(some, trial_eta, other) - stand_in(some, eta, cut)
    if task == TOTAL:
        return sum_of(gap) + stand_in(some, eta, cut)
    if task == OF_FAMILY:
        total = 0.0
        for i in range(eta.size):
            total += log_likelihood(data.code, some.y[i], some.trials[i], eta[i], shape, cut)
        return total
    if is_ordinal(data.code):
        add_ordinal_derivatives(data.code, some.y, some.trials, eta, cut, sums[:, first:last])
    else:
        add_derivatives(data.code, some.y, some.trials, eta, shape, cut, sums[:, first:last])
    return 0.0


# ------------------------------------------------------------------------------------------- of all rows, in shards or not


@inlined
def keep_rows(shards, state, trial):
    """η and gap of the state ← those of an accepted proposal."""
    if shards != 0:
        ask(shards, KEEP, STATE, 0)
    else:
        copy_to(trial.eta, state.eta)
        copy_to(trial.gap, state.gap)


@inlined
def refresh_predictor(shape, cuts, model, state):
    """η, and the gap of every row, anew from coefficients and effects."""
    layout, data = model.layout, model.data
    copy_core_factors(layout, state.core, state.u)
    if data.shards != 0:
        ask(data.shards, PREDICT, STATE, 0)
    else:
        predictor_of_columns(data.columns, data.Z, data.level, data.offset, layout, state.core, state.u, state.eta)
        gaps(data, state.eta, shape, state.core[:cuts], state.gap)
    state.held[0] = 1.0

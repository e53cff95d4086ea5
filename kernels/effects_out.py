"""A parameter of the law of some effects moves with all location effects integrated out: what its proposals share.

With the noise ε of the location effects held (``second_order.py``) the density of a parameter under the normal model, or stand-in, is that
of the factorisation, and effects follow. One proposal is

    density_at      log p(ỹ | L, σ, law), of the state                            then, at the state, ``hold_noise``
    …               the law, and cross-products with it, are those of the proposal
    density_at      of the proposal
    follow_noise    the effects of the proposal, and Σ_i gap_i(η') − gap_i(η)
    accept          the proposal becomes the state; else what was changed is put back

With several units one of them moves with the core, the others given.
"""

from __future__ import annotations

import numpy as np

from .arrays import copy_to, sum_of
from .compiling import kernel, parts
from .gaussian import given_the_others, rhs_between_units
from .hyper import log_marginal
from .layout import Layout
from .likelihood import gaps
from .location import copy_core_factors, place_core, place_unit, whiten_core, whiten_unit
from .statistics import predictor_of_columns


@parts
def view_of_unit(layout, unit):
    """The layout with one of its units alone, or without any where there is none."""
    units = layout.units[unit : unit + 1]
    return Layout(layout.factor, layout.term, layout.index, units, layout.core_factors, layout.basis, layout.fields)


@kernel
def density_at(layout, view, unit, gram, target, state, L, sigma, work):
    """log p(ỹ | L, σ) with the core and ``unit`` out, the other units as they are; leaves the factorisation behind."""
    if layout.units.shape[0] > 1:
        rhs_between_units(layout, gram, state.u, unit, work)
    else:
        copy_to(gram.m, work.rhs_core)
        copy_to(gram.h, work.rhs)
    return log_marginal(view, given_the_others(gram, work), target, work, L, sigma)[0]


@kernel
def hold_noise(view, state, trial, work):
    """The noise that the location effects of the state are, into ``trial``."""
    whiten_core(view, work, state.core, trial.core_noise)
    if view.units.shape[0] > 0:
        whiten_unit(view, view.units.shape[0] - 1, work, state.core, state.u, trial.noise)


@kernel
def follow_noise(view, data, layout, shape, cuts, times, state, trial, work):
    """``trial`` ← the location effects that the noise, ``times`` as large as where σ is another, is at the proposal, η and gap; returns
    Σ_i gap_i(η') − gap_i(η), −inf where cutpoints are out of order."""
    units, factor = view.units, view.factor
    own, any_unit, rise = units.shape[0] - 1, units.shape[0] > 0, 0.0
    for i in range(trial.core.size):
        trial.core[i] = times * trial.core_noise[i]
    place_core(view, work, trial.core)
    copy_to(state.u, trial.u)
    if any_unit:
        for pos in range(units.shape[1]):
            g = units[own, pos]
            if g >= 0:
                for i in range(factor[g].u0, factor[g].u0 + factor[g].levels * factor[g].width):
                    trial.u[i] = times * trial.noise[i]
        place_unit(view, own, units.shape[1] - 1, work, trial.core, trial.u)
    copy_core_factors(view, trial.core, trial.u)
    if data.y.size > 0:
        predictor_of_columns(data.columns, data.Z, data.level, data.offset, layout, trial.core, trial.u, trial.eta)
        rise += gaps(data, trial.eta, shape, trial.core[:cuts], trial.gap) - sum_of(state.gap)
        for i in range(1, cuts):
            if not trial.core[i] > trial.core[i - 1]:
                rise = -np.inf
    return rise


@kernel
def accept(data, state, trial):
    """The location effects of the proposal, η and gap become the state's."""
    copy_to(trial.core, state.core)
    copy_to(trial.u, state.u)
    if data.y.size > 0:
        copy_to(trial.eta, state.eta)
        copy_to(trial.gap, state.gap)

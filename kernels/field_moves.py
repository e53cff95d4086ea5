"""The noise of a field under a likelihood with a normal stand-in (``second_order.py``), redrawn part by part.

With φ = Λ⁻ᵀ(I − a(a'a)⁻¹a')ε (``fields.py``) the noise is white under the stand-in, so any part of it may be redrawn and accepted on what
the gap of likelihood and stand-in makes of it. Here a part is a piece of the order of elimination, less the directions a_b that the
constraints have in the piece: with a_b'ε_b held, a'ε stays, and what changes are the levels that are eliminated on account of those of the
piece (their descendants in the tree of eliminations, which in its postorder stand together), with their rows. So a sweep over all pieces
costs a few passes over the rows, however many there are. Pieces begin anywhere, a new place in every sweep. The directions a_b of all
pieces are redrawn in one decision more.

Factors that are nested in the field follow it; then a decision is one pass over all rows.
"""

from __future__ import annotations

import math

import numpy as np

from .arrays import copy_to, sum_of
from .compiling import contracted, kernel, lazy
from .fields import scale_levels
from .likelihood import dispersion_of, gaps, log_likelihood
from .location import place_unit
from .own_law import row_stand_in
from .statistics import add_effects

REDRAWN = 2
"""Times that the noise of a field is redrawn for each factorisation, which takes longer (`benchmarks/fields.md`)."""

NOTHING = 1e-20
"""Sds of a level that are less than the last digit of any effect."""


@kernel
def hold_constraints(fields, of, room, x, first, last):
    """x[i], first ≤ i < last places, ← what is orthogonal to a_b, component by component, of every constraint: by Gram–Schmidt, in which
    one that is all but a combination of those before it has no direction. What is left of the a_b stands in room[of.held0 …]."""
    n, parts, spare = of.nodes, of.parts, of.sums0 + of.constraints * of.parts
    for k in range(of.constraints):
        own, squares = of.held0 + k * n, of.sums0 + k * parts
        for i in range(first, last):
            room[own + i] = room[of.constraint0 + k * n + fields.index[of.order0 + i]]
        _sum_of_products(fields, of, room, own, room, own, first, last, squares)
        for m in range(parts):
            room[spare + m] = room[squares + m]  # how long it was
        for before in range(k):
            _make_orthogonal(fields, of, room, of.held0 + before * n, of.sums0 + before * parts, room, own, first, last)
        if k > 0:
            _sum_of_products(fields, of, room, own, room, own, first, last, squares)
        for m in range(parts):
            if not room[squares + m] > 1e-20 * room[spare + m]:
                room[squares + m] = 0.0
        _make_orthogonal(fields, of, room, own, squares, x, np.int64(0), first, last)


@kernel
def _sum_of_products(fields, of, room, a, x, start, first, last, out):
    """room[out + m] ← Σ room[a + i] x[start + i] over the places of component m."""
    index = fields.index
    for m in range(of.parts):
        room[out + m] = 0.0
    for i in range(first, last):
        m = index[of.part0 + index[of.order0 + i]]
        if m >= 0:
            room[out + m] += room[a + i] * x[start + i]


@kernel
def _make_orthogonal(fields, of, room, a, squares, x, start, first, last):
    """x[start + i] ← what is orthogonal to room[a + i], component by component; Σ of its squares at room[squares + m], 0: it has none."""
    index, sums = fields.index, of.sums0 + (of.constraints + 1) * of.parts
    _sum_of_products(fields, of, room, a, x, start, first, last, sums)
    for m in range(of.parts):
        room[sums + m] /= room[squares + m] if room[squares + m] > 0.0 else np.inf
    for i in range(first, last):
        m = index[of.part0 + index[of.order0 + i]]
        if m >= 0:
            x[start + i] -= room[sums + m] * room[a + i]


@contracted
def _descend(fields, of, room, x, first, start, last):
    """x[i], start ≤ i < last, ← Λ⁻ᵀ of it, what stands before ``first`` and beyond ``last`` being 0. Returns the place of the first level
    that moves: along a walk what ``first`` and its successors do dies away, and ends where it is ``NOTHING``."""
    index, below, columns, lower, d = fields.index, of.below0, of.columns0, of.lower0, of.diagonal0
    still = 0
    for k in range(last - 1, start - 1, -1):
        s = x[k] if k >= first else 0.0
        for e in range(index[columns + k], index[columns + k + 1]):
            j = index[below + e]
            if j >= last:
                break
            s -= room[lower + e] * x[j]
        x[k] = s * room[d + k]
        still = still + 1 if k < first and abs(x[k]) < NOTHING else 0
        if still > 0 and still == of.band:
            start = k - k % of.width
            for i in range(start, k):
                x[i] = 0.0
            break
    return start


@kernel
def _first_descendant(fields, of, first, last):
    """The first place whose node hangs on one of the places ``first`` to ``last``."""
    start = first
    for i in range(first, last):
        start = min(start, fields.index[of.descend0 + i])
    return start


@kernel
def _try_rows(data, shape, cut, layout, f, of, x, start, last, state, trial):
    """trial.eta, trial.gap of the rows of levels at the places ``start`` to ``last``, whose effects move by x; returns how gaps rise."""
    index, z, q, rise = layout.fields.index, layout.factor[f].z0, of.width, 0.0
    for k in range(start, last, q):
        j = index[of.order0 + k] // q
        for r in range(index[of.first0 + j], index[of.first0 + j + 1]):
            i = index[of.members0 + r]
            e = state.eta[i]
            for b in range(q):
                e += data.Z[i, z + b] * x[k + b]
            value = state.gap[i]
            if e != state.eta[i]:  # effects far from what moves move by less than the last digit of η
                value = log_likelihood(data.code, data.y[i], data.trials[i], e, shape, cut)
                value -= row_stand_in(data.code, i, data.y, data.omega, data.linear, e, cut)
            trial.eta[i], trial.gap[i] = e, value
            rise += value - state.gap[i]
    return rise


@kernel
def _take_rows(layout, of, start, last, state, trial):
    """The state's η and gap of these rows ← those of the trial."""
    index, q = layout.fields.index, of.width
    for k in range(start, last, q):
        j = index[of.order0 + k] // q
        for r in range(index[of.first0 + j], index[of.first0 + j + 1]):
            i = index[of.members0 + r]
            state.eta[i], state.gap[i] = trial.eta[i], trial.gap[i]


@kernel
def _refresh_piece(rng, share, data, cut, layout, f, first, last, state, trial, work, counts):
    """The places ``first`` to ``last`` of a field that is a unit by itself."""
    fields, u0, room = layout.fields, layout.factor[f].u0, work.field
    of, keep = fields.table[layout.factor[f].sparse], math.sqrt(1.0 - share * share)
    change, x = trial.change, trial.fresh
    for i in range(first, last):
        z = trial.noise[u0 + fields.index[of.order0 + i]]
        change[i] = keep * z + share * rng.standard_normal() - z
    hold_constraints(fields, of, room, change, first, last)
    for i in range(first, last):
        x[i] = change[i]
    start = _descend(fields, of, room, x, first, _first_descendant(fields, of, first, last), last)
    scale_levels(layout.factor[f], work.roots, x, start, (last - start) // of.width)
    shape = dispersion_of(state.psi)
    accepted = _try_rows(data, shape, cut, layout, f, of, x, start, last, state, trial) > -rng.standard_exponential()
    for i in range(first, last):
        k = u0 + fields.index[of.order0 + i]
        counts.tried[k] += 1
        if accepted:
            counts.accepted[k] += 1
            trial.noise[k] += change[i]
    if accepted:
        _take_rows(layout, of, start, last, state, trial)
        for i in range(start, last):
            state.u[u0 + fields.index[of.order0 + i]] += x[i]


@kernel
def _decide_on_all(rng, data, cut, layout, unit, pos, state, trial, work):
    """Whether trial.u, the noise of the unit up to place ``pos``, becomes the state's effects: one pass over all rows."""
    factor, units = layout.factor, layout.units
    place_unit(layout, unit, pos, work, state.core, trial.u)
    copy_to(state.eta, trial.eta)
    for place in range(pos + 1):
        g = units[unit, place]
        start, end = factor[g].u0, factor[g].u0 + factor[g].levels * factor[g].width
        for k in range(start, end):
            trial.u[k] -= state.u[k]
        add_effects(np.int64(0), data.Z, data.level, layout, g, trial.u, trial.eta)
        for k in range(start, end):
            trial.u[k] += state.u[k]
    rise = gaps(data, trial.eta, dispersion_of(state.psi), cut, trial.gap) - sum_of(state.gap)
    if not rise > -rng.standard_exponential():
        return False
    for place in range(pos + 1):
        g = units[unit, place]
        for k in range(factor[g].u0, factor[g].u0 + factor[g].levels * factor[g].width):
            state.u[k] = trial.u[k]
    copy_to(trial.eta, state.eta)
    copy_to(trial.gap, state.gap)
    return True


@kernel
def _noise_of_unit(layout, unit, pos, trial):
    """trial.u ← the noise of the factors up to place ``pos``."""
    for place in range(pos + 1):
        g = layout.units[unit, place]
        for k in range(layout.factor[g].u0, layout.factor[g].u0 + layout.factor[g].levels * layout.factor[g].width):
            trial.u[k] = trial.noise[k]


@kernel
def _refresh_held(rng, share, offset, pieces, data, cut, layout, unit, state, trial, work, counts):
    """What ``hold_constraints`` leaves of every piece, of all of them in one decision."""
    f, pos = layout.units[unit, 0], np.int64(0)  # a literal would be compiled as a version of its own
    fields, u0, room, keep = layout.fields, layout.factor[f].u0, work.field, math.sqrt(1.0 - share * share)
    of, change, fresh = fields.table[layout.factor[f].sparse], trial.change, trial.fresh
    n = of.nodes
    for i in range(n):
        z = trial.noise[u0 + fields.index[of.order0 + i]]
        change[i] = keep * z + share * rng.standard_normal() - z
        fresh[i] = change[i]
    for piece in range(pieces + 1):
        first, last = piece_of(piece, pieces, offset, n, of.width)
        hold_constraints(fields, of, room, fresh, first, last)
    _noise_of_unit(layout, unit, pos, trial)
    for i in range(n):
        change[i] -= fresh[i]
        trial.u[u0 + fields.index[of.order0 + i]] += change[i]
    counts.moves[unit].held_tried += 1
    if _decide_on_all(rng, data, cut, layout, unit, pos, state, trial, work):
        counts.moves[unit].held_accepted += 1
        for i in range(n):
            trial.noise[u0 + fields.index[of.order0 + i]] += change[i]


@kernel
def piece_of(piece, pieces, offset, nodes, width):
    """(first, last) place of a piece of all but equal ones, the first of which is cut short by ``offset`` < 1 of a piece; the nodes of a
    level, ``width`` of them, stay together."""
    J = nodes // width
    first = int((piece - offset) * J / pieces)
    last = int((piece + 1 - offset) * J / pieces)
    return max(first, 0) * width, min(max(last, 0), J) * width


@lazy()
def refresh_field(rng, share, pieces, data, cut, layout, unit, pos, state, trial, work, counts):
    """The noise of the field at place ``pos`` of its chain, in ``pieces`` parts. Mutates u, η, gap and trial.noise."""
    f = layout.units[unit, pos]
    of, u0, offset = layout.fields.table[layout.factor[f].sparse], layout.factor[f].u0, 0.0
    if pieces > 1:
        offset += rng.random()
    for piece in range(pieces + 1):
        first, last = piece_of(piece, pieces, offset, of.nodes, of.width)
        if last <= first:
            continue
        if pos == 0:
            _refresh_piece(rng, share, data, cut, layout, f, first, last, state, trial, work, counts)
            continue
        _noise_of_unit(layout, unit, pos, trial)
        at, keep = of.order0, math.sqrt(1.0 - share * share)
        for i in range(first, last):
            k = u0 + layout.fields.index[at + i]
            trial.fresh[k] = keep * trial.noise[k] + share * rng.standard_normal()
            trial.u[k] = trial.fresh[k]
        accepted = _decide_on_all(rng, data, cut, layout, unit, pos, state, trial, work)
        for i in range(first, last):
            k = u0 + layout.fields.index[at + i]
            counts.tried[k] += 1
            if accepted:
                counts.accepted[k] += 1
                trial.noise[k] = trial.fresh[k]
    if pos == 0 and pieces > 1 and of.constraints > 0:
        _refresh_held(rng, share, offset, pieces, data, cut, layout, unit, state, trial, work, counts)

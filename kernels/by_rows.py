"""Step 2 of a sweep where variances are many, or units several: they move after the location, a row of a covariance at a time.

    for every term    each row of L with its column of effects integrated out, then its direction given the effects (``row_moves.py``)
    then              (β, all sds) in one normal draw (``joint_scales.py``)

Each of these is reversible, and in this order or in the reverse one, at the toss of a coin, so is the whole: what second-order sweeps ask
for, whose proposal it is (``second_order.py``).

Nothing is learnt in warm-up, and a scan costs about one pass over the cross-products, however many variances there are. With the exact draw
of all location effects before it and the slices of p(L | u) after it, a maximal crossed model has about half an effective draw a sweep.
"""

from __future__ import annotations

from .compiling import kernel, lazy, parts
from .covariance import residual_rhs
from .joint_scales import core_residual, draw_coefficients_and_sds
from .layout import Levels, Room
from .row_moves import LEVEL_ROWS, move_rows_collapsed, standardize, turn_rows


def room_needed(layout, p: int, core_columns: int, effects: int, width: int) -> int:
    """Numbers of ``Work.saved`` that ``make_room`` takes up; ``width`` the widest factor, ``effects`` U."""
    sds = int(layout.term.width.sum())
    most, block = int(layout.factor.levels.max(initial=0)), int((layout.factor.levels * layout.factor.width**2).max(initial=0))
    return LEVEL_ROWS * most + block + effects + 2 * core_columns + (p + sds) * (p + sds + 6) + sds + width * core_columns


@parts
def make_room(layout, work):
    """The parts of ``work`` under the names that the moves have for them."""
    p, pc, U, sds, most, block, width = work.B.shape[0], work.R.shape[0], work.vh.size, 0, 0, 0, 0
    for t in range(layout.term.shape[0]):
        sds += layout.term[t].width
    for f in range(layout.factor.shape[0]):
        J, q = layout.factor[f].levels, layout.factor[f].width
        most, block, width = max(most, J), max(block, J * q * q), max(width, q)
    size, of, a = p + sds, work.saved, LEVEL_ROWS * most
    levels = of[:a].reshape((LEVEL_ROWS, most))
    b = a + block
    c = b + U
    d = c + pc
    e = d + pc
    f = e + size * (size + 1)
    g = f + 5 * size
    h = g + sds
    i = h + width * pc
    columns = work.numbers.size - pc
    return Room(
        work.small, work.B, work.effects, work.vh, of[d:e], levels, of[a:b], of[b:c], of[c:d], of[e:f].reshape((size, size + 1)),
        of[f:g].reshape((5, size)), of[g:h], of[h:i].reshape((width, pc)), work.numbers[:columns], work.numbers[columns:],
    )  # fmt: skip


@kernel
def core_levels(layout, gram, f, core, u, unit, room):
    """``Levels`` of a factor in the core: its blocks of the core's cross-products, what is left for its columns."""
    factor, S = layout.factor[f], gram.core
    q, c0 = factor.width, factor.core0
    core_residual(layout, gram, unit, core, u, room.core_residual)
    for j in range(factor.levels):
        for a in range(q):
            row = c0 + j * q + a
            room.residual[factor.u0 + j * q + a] = room.core_residual[row]
            for b in range(a + 1):
                value = S[row, c0 + j * q + b]
                room.block[(j * q + a) * q + b] = value
                room.block[(j * q + b) * q + a] = value
    return Levels(room.block, 0, room.residual)


@kernel
def move_terms(rng, held, backwards, layout, f, levels, priors, state, reference, room):
    """Every covariance of factor f that is drawn."""
    terms, sigma = layout.term.shape[0], state.sigma[0]
    for i in range(terms):
        t = terms - 1 - i if backwards else i
        if layout.term[t].factor != f or layout.term[t].given == 1:
            continue
        standardize(layout, t, state.L, state.u, room.effects)
        if backwards:
            turn_rows(rng, backwards, layout, t, priors, levels, state.L, state.u, sigma, room)
        move_rows_collapsed(rng, held, backwards, layout, t, priors, levels, state.L, state.u, sigma, reference, room)
        if not backwards:
            turn_rows(rng, backwards, layout, t, priors, levels, state.L, state.u, sigma, room)


@kernel
def move_unit_by_rows(rng, held, backwards, unit, layout, gram, priors, state, reference, room):
    """The covariances of the factors of ``unit`` (−1: there is none)."""
    places = layout.units.shape[1] if unit >= 0 else 0
    for i in range(places):
        pos = places - 1 - i if backwards else i
        f = layout.units[unit, pos]
        if f >= 0:
            residual_rhs(layout, gram, unit, pos, state.core, state.u, room.residual)
            levels = Levels(gram.node, layout.factor[f].g0, room.residual)
            move_terms(rng, held, backwards, layout, f, levels, priors, state, reference, room)


@kernel
def move_core_by_rows(rng, held, backwards, unit, layout, gram, priors, state, reference, room):
    """The covariances of the core's factors."""
    factor, several = layout.factor, layout.core_factors.size
    for i in range(several):
        f = layout.core_factors[several - 1 - i if backwards else i]
        levels = core_levels(layout, gram, f, state.core, state.u, unit, room)
        move_terms(rng, held, backwards, layout, f, levels, priors, state, reference, room)
        for j in range(factor[f].levels * factor[f].width):
            state.core[factor[f].core0 + j] = state.u[factor[f].u0 + j]


@lazy()
def move_by_rows(rng, unit, rounds, held, layout, gram, priors, state, reference, work):
    """The covariances of the core's factors and of ``unit`` (−1: there is none), their effects, and β. ``gram``: less the other units.

    held : the noise of the effects stays (``move_rows_collapsed``), and the order is that above or its reverse, at the toss of a coin.
    """
    room = make_room(layout, work)
    for _ in range(rounds):
        backwards = held and rng.random() < 0.5
        if backwards:
            draw_coefficients_and_sds(rng, layout, unit, gram, priors, state, room)
            move_core_by_rows(rng, held, backwards, unit, layout, gram, priors, state, reference, room)
        move_unit_by_rows(rng, held, backwards, unit, layout, gram, priors, state, reference, room)
        if not backwards:
            move_core_by_rows(rng, held, backwards, unit, layout, gram, priors, state, reference, room)
            draw_coefficients_and_sds(rng, layout, unit, gram, priors, state, room)

"""A unit whose levels know their neighbours, eliminated by a sparse factorisation: long walks, large maps.

    u_j = L φ_j,     (φ_1, …, φ_J) ~ N(0, K ⊗ I),     K⁻ = R = D'D,     N'φ = 0,

D the differences that are independent, N what no difference sees: constants of each connected component, of second-order walks a straight
line too; or R as it is given, of kin and others. A node is one of the q effects of a level; those of a level stand together in the order.
Given everything further in the order (core, right-hand side: columns E = [C | h] in the scale of u) φ has the precision Q/σ²,

    Q = blockdiag(L'G_jL) + σ²R̃ ⊗ I = ΛΛ',      R̃ = R + NB + B'N',

which is R where N'φ = 0; B (rows of one level a constraint) is such that R̃ has a Cholesky factor, so that there is one of Q whatever L
is, 0 among it (``gibbs.model.fields``). As in ``elimination.py``, V = Λ⁻¹L'E; the constraint is one more column, a = Λ⁻¹N, and conditioning
on it is a projection (Rue & Held 2005, §2.3.3; here V'V is all that is needed):

    V ← (I − a(a'a)⁻¹a')V,      log|·| = log|Q| + log|a'a| + k log σ²,      φ = Λ⁻ᵀ(I − a(a'a)⁻¹a')(v − V_C core + σε) .

k constraints (of every column) take k dimensions. Where little is filled row i of Λ is found from the columns that its pattern names
(up-looking; Davis 2006, §4.6), that of a walk of one column by a recurrence (``walks.py``); else Λ is found front by front (``fronts.py``).
Places, by an order that fills little, patterns and R̃ stand in ``layout.Fields``, Λ and a in ``Work.field``.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from .compiling import contracted, kernel, lazy, reassociated
from .fronts import factor_by_fronts
from .roots import between_roots, divide_root, multiply_root, multiply_root_transposed
from .walks import eliminate_walk, multiply_walk, solve_walk


@contracted
def _factor(fields, of, G, first, variance, room):
    """room ← Λ by column and the inverses of its diagonal; L'GL of level j at ``G[first + j q²]``. Returns log|Q|."""
    index, value, order, below, entries = fields.index, fields.value, of.order0, of.below0, of.entries0
    rows, columns, priors, lower, d, x = of.rows0, of.columns0, of.priors0, of.lower0, of.diagonal0, of.scratch0
    log_det, product, q, own, g = 0.0, 1.0, of.width, 0, 0
    for i in range(of.nodes):
        room[x + i] = 0.0
    for i in range(of.nodes):
        own = own + 1 if own < q - 1 and i > 0 else 0  # which of its level's
        if own == 0:
            g = first + q * index[order + i]
        pivot = G[g + own * q + own]
        for e in range(index[priors + i], index[priors + i + 1]):
            k = index[of.prior_column0 + e]
            if k == i:
                pivot += variance * value[of.prior0 + e]
            else:
                room[x + k] = variance * value[of.prior0 + e]
        for a in range(own):
            room[x + i - own + a] += G[g + own * q + a]
        for r in range(index[rows + i], index[rows + i + 1]):
            k, place = index[entries + 2 * r], index[entries + 2 * r + 1]
            s = room[x + k] * room[d + k]
            room[x + k] = 0.0
            for e in range(index[columns + k], place):
                room[x + index[below + e]] -= room[lower + e] * s
            room[lower + place] = s
            pivot -= s * s
        room[d + i] = 1.0 / math.sqrt(pivot) if pivot > 0.0 else np.nan
        product *= pivot
        if not 1e-200 < product < 1e200:
            log_det += math.log(product) if product > 0.0 else np.nan
            product = 1.0
    return log_det + (math.log(product) if product > 0.0 else np.nan)


@contracted
def _forward(fields, of, V, c0, vh, u0, pc, room):
    """V_C and v of every node, and room ← a, ← Λ⁻¹ of C, h and N: in the order of elimination, side by side."""
    index, order, below, columns, lower, d = fields.index, of.order0, of.below0, of.columns0, of.lower0, of.diagonal0
    x, side, a, constraints = of.side0, of.side, of.constraint0, of.constraints
    for k in range(of.nodes):
        node, here = index[order + k], x + k * side
        for c in range(pc):
            room[here + c] = V[c0 + node * pc + c]
        room[here + pc] = vh[u0 + node]
        for c in range(constraints):
            room[here + pc + 1 + c] = fields.value[of.null0 + c * of.nodes + node]
        for c in range(pc + 1 + constraints, side):
            room[here + c] = 0.0
    for k in range(of.nodes):
        inverse, begin, end = room[d + k], index[columns + k], index[columns + k + 1]
        for here in range(x + k * side, x + k * side + side, 4):  # four at a time, in registers
            v0, v1, v2, v3 = inverse * room[here], inverse * room[here + 1], inverse * room[here + 2], inverse * room[here + 3]
            room[here], room[here + 1], room[here + 2], room[here + 3] = v0, v1, v2, v3
            for e in range(begin, end):
                value, there = room[lower + e], np.uint64(here + (index[below + e] - k) * side)
                room[there] -= value * v0
                room[there + np.uint64(1)] -= value * v1
                room[there + np.uint64(2)] -= value * v2
                room[there + np.uint64(3)] -= value * v3
    for k in range(of.nodes):
        node, here = index[order + k], x + k * side
        for c in range(pc):
            V[c0 + node * pc + c] = room[here + c]
        vh[u0 + node] = room[here + pc]
        for c in range(constraints):
            room[a + c * of.nodes + node] = room[here + pc + 1 + c]


@reassociated
def _backward(fields, of, x, first, room):
    """x[first + j] of node j ← Λ⁻ᵀ of them."""
    index, order, below, columns, lower, d = fields.index, of.order0, of.below0, of.columns0, of.lower0, of.diagonal0
    y = of.scratch0  # in the order of elimination
    for k in range(of.nodes - 1, -1, -1):
        s = 0.0
        for e in range(index[columns + k], index[columns + k + 1]):
            s += room[lower + e] * room[y + index[below + e]]
        room[y + k] = (x[first + index[order + k]] - s) * room[d + k]
    for k in range(of.nodes):
        x[first + index[order + k]] = room[y + k]


@reassociated
def _multiply(fields, of, x, first, room):
    """x[first + j] of node j ← Λ' of them, the inverse of ``_backward``."""
    index, order, below, columns, lower, d = fields.index, of.order0, of.below0, of.columns0, of.lower0, of.diagonal0
    y = of.scratch0
    for k in range(of.nodes):
        room[y + k] = x[first + index[order + k]]
    for k in range(of.nodes):
        s = room[y + k] / room[d + k]
        for e in range(index[columns + k], index[columns + k + 1]):
            s += room[lower + e] * room[y + index[below + e]]
        x[first + index[order + k]] = s


@kernel
def _constrain(fields, of, room):
    """room ← a, orthonormal in each component, by node; returns log|a'a|."""
    index, part, J, parts, log_det = fields.index, of.part0, of.nodes, of.parts, 0.0
    sums = of.sums0
    for k in range(of.constraints):
        a = of.constraint0 + k * J
        for before in range(k):
            _take_off(fields, of, room, of.constraint0 + before * J, room, a, np.int64(1))
        for m in range(parts):
            room[sums + m] = 0.0
        for j in range(J):
            if index[part + j] >= 0:
                room[sums + index[part + j]] += room[a + j] ** 2
        for m in range(parts):
            log_det += math.log(room[sums + m])
            room[sums + m] = 1.0 / math.sqrt(room[sums + m])
        for j in range(J):
            if index[part + j] >= 0:
                room[a + j] *= room[sums + index[part + j]]
    return log_det


@contracted
def _take_off(fields, of, room, a, x, first, size):
    """x ← (I − aa')x, component by component; a is the unit vector of room[a + j], ``size`` columns side by side in x."""
    index, part, sums = fields.index, of.part0, of.sums0
    for m in range(of.parts * size):
        room[sums + m] = 0.0
    for j in range(of.nodes):
        m = index[part + j]
        if m >= 0:
            for c in range(size):
                room[sums + m * size + c] += room[a + j] * x[first + j * size + c]
    for j in range(of.nodes):
        m = index[part + j]
        if m >= 0:
            for c in range(size):
                x[first + j * size + c] -= room[a + j] * room[sums + m * size + c]


@kernel
def project(fields, of, room, x, first, size):
    """x ← (I − a(a'a)⁻¹a')x, ``size`` columns side by side, node j's at first + j·size."""
    for k in range(of.constraints):
        _take_off(fields, of, room, of.constraint0 + k * of.nodes, x, first, size)


@contracted
def _onto_core(V, c0, vh, u0, nodes, core):
    """core −= V_C'V_C and V_C'v, lower triangle; returns v'v."""
    pc, total = core.shape[0], 0.0
    for j in range(nodes):
        at, v = c0 + j * pc, vh[u0 + j]
        total += v * v
        for row in range(pc):
            value = V[at + row]
            core[row, pc] -= value * v
            for column in range(row + 1):
                core[row, column] -= value * V[at + column]
    return total


@kernel
def _turn(V, first, levels, rows, columns, room, spare):
    """Of every level the block of ``rows`` × ``columns`` that begins at first + j·rows·columns ← its transpose."""
    size = rows * columns
    for j in range(levels):
        at = first + j * size
        for a in range(rows):
            for b in range(columns):
                room[spare + b * rows + a] = V[at + a * columns + b]
        for k in range(size):
            V[at + k] = room[spare + k]


@lazy(types.UniTuple(types.float64, 2))
def eliminate_field(layout, f, variance, work):
    """Eliminate the levels of factor f, the root of its chain, whose G, C and h stand in ``work`` less what its leaves took off.

    Fills work.field; V_C (level, column, a) and v are projected. Returns (log det, v'v), as ``elimination.py``.
    """
    fields, factor, V, vh, room = layout.fields, layout.factor[f], work.V, work.vh, work.field
    of, pc, q, J, r0 = fields.table[factor.sparse], work.core.shape[0], factor.width, factor.levels, factor.root0
    if q == 1:
        l = work.roots[r0]
        for k in range(J):
            V[factor.g0 + k] *= l * l
            vh[factor.u0 + k] *= l
        for k in range(factor.c0, factor.c0 + J * pc):
            V[k] *= l
    else:
        step = min(q, 1)  # a literal 1 would be compiled as a version of its own
        for j in range(J):
            between_roots(work.roots, r0, q, V, factor.g0 + j * q * q, q)
            multiply_root_transposed(work.roots, r0, q, vh, factor.u0 + j * q, step)
            for e in range(pc):
                multiply_root_transposed(work.roots, r0, q, V, factor.c0 + (j * pc + e) * q, step)
        _turn(V, factor.c0, J, pc, q, room, of.spare0)  # a row of the core's columns for every node
    if of.walk == 1:
        log_det = eliminate_walk(fields, of, factor, V, vh, pc, variance, room)
    else:
        if of.fronts > 0:
            log_det = factor_by_fronts(fields, of, V, factor.g0, variance, room)
        else:
            log_det = _factor(fields, of, V, factor.g0, variance, room)
        _forward(fields, of, V, factor.c0, vh, factor.u0, pc, room)
    log_det += _constrain(fields, of, room) + of.constraints * of.parts * math.log(variance)
    project(fields, of, room, V, factor.c0, pc)
    project(fields, of, room, vh, factor.u0, np.int64(1))
    squares = _onto_core(V, factor.c0, vh, factor.u0, of.nodes, work.core)
    if q > 1:
        _turn(V, factor.c0, J, q, pc, room, of.spare0)
    return log_det, squares


@lazy()
def place_field(layout, f, work, u):
    """u ← (I ⊗ L) Λ⁻ᵀ(I − a(a'a)⁻¹a')u of factor f."""
    fields, factor, room = layout.fields, layout.factor[f], work.field
    of = fields.table[factor.sparse]
    project(fields, of, room, u, factor.u0, np.int64(1))
    if of.walk == 1:
        solve_walk(fields, of, u, factor.u0, room)
    else:
        _backward(fields, of, u, factor.u0, room)
    scale_levels(factor, work.roots, u, factor.u0, factor.levels)


@kernel
def scale_levels(factor, roots, u, first, levels):
    """u_j ← L u_j of so many levels, u_0 at ``first``."""
    q, l = factor.width, roots[factor.root0]
    if q == 1:
        for j in range(levels):
            u[first + j] *= l
    else:
        for j in range(levels):
            multiply_root(roots, factor.root0, q, u, first + j * q)


@lazy()
def whiten_field(layout, f, work, u):
    """u ← Λ'(I ⊗ L)⁻¹u of factor f, the inverse of ``place_field`` where N'u = 0."""
    fields, factor, room = layout.fields, layout.factor[f], work.field
    of = fields.table[factor.sparse]
    for j in range(factor.levels):
        divide_root(work.roots, factor.root0, factor.width, u, factor.u0 + j * factor.width)
    if of.walk == 1:
        multiply_walk(fields, of, u, factor.u0, room)
    else:
        _multiply(fields, of, u, factor.u0, room)


@lazy()
def complete_noise(rng, layout, unit, work, sigma, noise):
    """``noise`` (of sd ``sigma``) of a field, which ``whiten_field`` leaves without a part along a, is given one: noise that nothing sees,
    but as much of it as the noise of a proposal has, whose a may be another."""
    room = work.field
    for pos in range(layout.units.shape[1] if unit >= 0 else 0):
        f = layout.units[unit, pos]
        if f < 0 or layout.factor[f].sparse < 0:
            continue
        fields, u0 = layout.fields, layout.factor[f].u0
        of = fields.table[layout.factor[f].sparse]
        for k in range(of.constraints):
            for m in range(of.parts):
                room[of.sums0 + m] = sigma * rng.standard_normal()
            for j in range(of.nodes):
                m = fields.index[of.part0 + j]
                if m >= 0:
                    noise[u0 + j] += room[of.constraint0 + k * of.nodes + j] * room[of.sums0 + m]


@lazy()
def independent_differences(layout, f, u, x):
    """x[u0 …] ← as many effects of levels as a column of u has dimensions, whose products sum to U'RU = Σ_d (DU)_d (DU)_d', U (J, q): what
    the covariance of factor f is drawn given. One column: all alike; else a Cholesky factor of the sum, column by column, and 0."""
    factor = layout.factor[f]
    of, q, u0 = layout.fields.table[factor.sparse], factor.width, factor.u0
    rank = (of.nodes - of.constraints * of.parts) // q
    for k in range(rank * q):
        x[u0 + k] = 0.0
    for a in range(q):  # the sum, for the time being in the levels that it will be written to
        for b in range(a + 1):
            x[u0 + b * q + a] = _product_of_columns(layout, f, u, a, b)
    if q == 1:
        value = math.sqrt(max(x[u0], 0.0) / rank)
        for j in range(rank):
            x[u0 + j] = value
        return
    for b in range(q):
        for a in range(b, q):
            s = x[u0 + b * q + a]
            for k in range(b):
                s -= x[u0 + k * q + a] * x[u0 + k * q + b]
            if a == b:
                x[u0 + b * q + b] = math.sqrt(max(s, 0.0))
            else:
                x[u0 + b * q + a] = s / x[u0 + b * q + b] if x[u0 + b * q + b] > 0.0 else 0.0


@kernel
def _product_of_columns(layout, f, u, a, b):
    """u_a'R u_b of two columns of factor f."""
    fields, factor = layout.fields, layout.factor[f]
    of, q, u0, total = fields.table[factor.sparse], factor.width, factor.u0, 0.0
    index, value = fields.index, fields.value
    for d in range(of.differences):
        s, t = 0.0, 0.0
        for k in range(3 * d, 3 * d + 3):
            at = u0 + index[of.ends0 + k] * q
            s += value[of.weight0 + k] * u[at + a]
            if b != a:
                t += value[of.weight0 + k] * u[at + b]
        total += s * (t if b != a else s)
    for i in range(0, of.nodes if of.differences == 0 else 0, q):  # R is given itself: that of the first node of every level
        here = u0 + index[of.order0 + i]
        for e in range(index[of.priors0 + i], index[of.priors0 + i + 1]):
            k = index[of.prior_column0 + e]
            there = u0 + index[of.order0 + k]
            product = u[here + a] * u[there + b]
            if k != i:
                product += u[there + a] * u[here + b]
            total += value[of.prior0 + e] * product
    return total

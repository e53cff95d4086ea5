"""The joint normal conditional of all location effects (β, u), by block elimination.

Given working responses ỹ with precisions Ω/σ² and effects u_j = L e_j with e_j ~ N(0, I), LL' = Σ, the conditional of (β, e) is
N(Q⁻¹b, σ²Q⁻¹),

    Q = T'W'ΩWT + σ² blockdiag(B₀⁻¹, I, …, I),        b = T'W'Ωỹ + σ² B₀⁻¹b₀,        T = blockdiag(I, L, …, L).

No Σ⁻¹ stands anywhere (Bates et al. 2015, J. Stat. Softw. 67, §3.4): where sds are small, or effects nearly dependent, G + σ²Σ⁻¹ has no
digits of the data left, while L'GL + σ²I has them all.

A unit's levels are eliminated leaf first. For node j with A_j = L'G_jL + σ²I = ΛΛ' and everything further in the order (its ancestors, the
core, the right-hand side) as columns E_j = [B_j | C_j | h_j], in the scale of u:

    V_j = Λ⁻¹L'E_j ,      (ancestors, core, right-hand side) −= V_j'V_j .

What is left is the dense core, S = T'(S_core − Σ_j V_j'V_j)T + σ² blockdiag(B₀⁻¹, I, …). The same pass gives log|Q| and b'Q⁻¹b, hence the
exact marginal likelihood of the variances; back-substitution with noise gives the draw (``location.py``).

The last of a chain may be a field, whose levels know their neighbours: ``fields.py`` eliminates them together.

One factor: Lindley & Smith (1972). Nested chains: Papaspiliopoulos & Zanella (2017).
The core of one factor with q = 1, X = 1 and Ω = 1 is equations (5)–(6) of the course deck with the other effects integrated out.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from .arrays import inner_product, subtract_products
from .compiling import contracted, kernel, lazy
from .fields import eliminate_field
from .roots import between_roots, multiply_root_transposed
from .side_by_side import eliminate_side_by_side


@kernel
def coefficient_precision(row_prior, row_scale, B):
    """B (p, p+1) ← Σ_r λ_r w_r w_r'/s_r², last column Σ_r λ_r w_r mean_r/s_r²; returns Σ_r λ_r mean_r²/s_r².

    Rows of ``row_prior``: mean, 1/s², df, weights (p of them).
    """
    B[:, :] = 0.0
    quadratic = 0.0
    p = B.shape[0]
    for r in range(row_prior.shape[0]):
        mean, precision = row_prior[r, 0], row_prior[r, 1] * row_scale[r]
        quadratic += precision * mean * mean
        for a in range(p):
            w = row_prior[r, 3 + a] * precision
            if w != 0.0:
                B[a, p] += w * mean
                for b in range(p):
                    B[a, b] += w * row_prior[r, 3 + b]
    return quadratic


@kernel
def factor_roots(layout, L, work):
    """work.roots ← the lower triangular factor of every factor's covariance, block diagonal over its terms."""
    factor, term, roots = layout.factor, layout.term, work.roots
    roots[:] = 0.0
    for t in range(term.shape[0]):
        f, q, l0 = term[t].factor, term[t].width, term[t].l0
        stride = factor[f].width
        at = factor[f].root0 + term[t].column * (stride + 1)
        for a in range(q):
            for b in range(a + 1):
                roots[at + a * stride + b] = L[l0 + a * q + b]


@kernel
def eliminate_unit(layout, gram, unit, variance, work):
    """Eliminate every level of ``unit``; subtract V'V and V'v from ``work.core``, which holds the core's statistics on entry.

    ``gram.h`` is Z'Ωỹ, ``work.roots`` those of ``factor_roots``, ``variance`` is σ². Fills ``work.V`` (Λ with inverse diagonals in place of
    G, V_B, V_C, ``by_column`` or not) and ``work.vh``. Returns (Σ log|A_j|, Σ v_j'v_j).
    """
    factor, units = layout.factor, layout.units
    leaf, full = units[unit, 0], by_column(layout, unit, work.R.shape[0])
    alone = (units.shape[1] == 1 or units[unit, 1] < 0) and factor[leaf].sparse < 0
    if alone and full and factor[leaf].width > 2:
        return eliminate_side_by_side(layout, gram, leaf, variance, work)
    if alone and factor[leaf].width <= 2:
        if factor[leaf].width == 1:
            log_det, reduction = _eliminate_intercepts(layout, gram, leaf, variance, full, work)
        else:
            log_det, reduction = _eliminate_pairs(layout, gram, leaf, variance, full, work)
        if full:
            _eliminate_columns(layout, gram, leaf, work)
        return log_det, reduction
    return _eliminate_chain(layout, gram, unit, variance, work)


@lazy(types.UniTuple(types.float64, 2))
def _eliminate_chain(layout, gram, unit, variance, work):
    """``eliminate_unit``, one factor after the other."""
    factor, index, units, V, vh = layout.factor, layout.index, layout.units, work.V, work.vh
    for pos in range(units.shape[1]):
        f = units[unit, pos]
        if f < 0:
            break
        J, q, qa = factor[f].levels, factor[f].width, factor[f].ancestors
        for k in range(factor[f].g0, factor[f].g0 + J * q * q):
            V[k] = gram.node[k]
        for k in range(factor[f].b0, factor[f].b0 + J * q * qa):
            V[k] = gram.node[k]
        for k in range(factor[f].c0, factor[f].c0 + index[factor[f].pointer0 + J] * q):
            V[k] = gram.node[k]
        for k in range(factor[f].u0, factor[f].u0 + J * q):
            vh[k] = gram.h[k]
    log_det, reduction = 0.0, 0.0
    for pos in range(units.shape[1]):
        if units[unit, pos] < 0:
            break
        if factor[units[unit, pos]].sparse >= 0:
            log_det_f, reduction_f = eliminate_field(layout, units[unit, pos], variance, work)
        else:
            log_det_f, reduction_f = eliminate_factor(layout, unit, pos, variance, work)
        log_det += log_det_f
        reduction += reduction_f
    return log_det, reduction


@kernel
def by_column(layout, unit, pc):
    """Whether ``work.V`` holds V_C of ``unit`` as (column e, level, a), not as (level, entry, a): one factor, each of whose levels meets
    all pc columns of the core."""
    factor, index, units = layout.factor, layout.index, layout.units
    f = units[unit, 0]
    if factor[f].sparse >= 0 or (units.shape[1] > 1 and units[unit, 1] >= 0):
        return False
    J, pointers = factor[f].levels, factor[f].pointer0
    return index[pointers + J] - index[pointers] == J * pc


TOGETHER = 128
"""Levels whose columns are multiplied while they are in the cache: of 30 columns 64 levels take 2.35 µs, 128 2.88, 256 6.83."""


@contracted
def _eliminate_columns(layout, gram, f, work):
    """V_C of every level of a factor whose V_C stands ``by_column``, and V_C'V_C, V_C'v from the core; ``TOGETHER`` levels at a time."""
    row_of, node, V, vh, core, roots = layout.factor[f], gram.node, work.V, work.vh, work.core, work.roots
    J, q, g0, u0, c0, pc, at = row_of.levels, row_of.width, row_of.g0, row_of.u0, row_of.c0, core.shape[0], row_of.root0
    l00, l10, l11 = roots[at], roots[at + 2] if q == 2 else 0.0, roots[at + 3] if q == 2 else 0.0
    for start in range(0, J, TOGETHER):
        end = min(J, start + TOGETHER)
        for j in range(start, end):
            g, c, to = g0 + j * q * q, c0 + j * pc * q, c0 + j * q
            for _ in range(pc):
                if q == 2:
                    value = (l00 * node[c] + l10 * node[c + 1]) * V[g]
                    V[to + 1] = (l11 * node[c + 1] - V[g + 2] * value) * V[g + 3]
                else:
                    value = l00 * node[c] * V[g]
                V[to] = value
                c += q
                to += q * J
        size = np.uint64(q * (end - start))
        subtract_products(V, c0 + q * start, q * J, pc, size, core)
        for row in range(pc):
            core[row, pc] -= inner_product(V, np.uint64(c0 + q * (row * J + start)), vh, np.uint64(u0 + q * start), size)


@lazy(types.UniTuple(types.float64, 2))
def _eliminate_intercepts(layout, gram, f, variance, full, work):
    """One factor, one column a level: the scalar form of ``eliminate_factor``; ``full``: ``_eliminate_columns`` follows."""
    factor, index, node, rhs, V, vh, core = layout.factor, layout.index, gram.node, gram.h, work.V, work.vh, work.core
    l, rhs_column = work.roots[factor[f].root0], core.shape[0]
    product, log_det, reduction = 1.0, 0.0, 0.0
    g0, u0, c0, i0, p0 = factor[f].g0, factor[f].u0, factor[f].c0, factor[f].list0, factor[f].pointer0
    for j in range(factor[f].levels):
        pivot = l * l * node[g0 + j] + variance
        product *= pivot
        if product > 1e200 or product < 1e-200:
            log_det += math.log(product)
            product = 1.0
        root = 1.0 / math.sqrt(pivot)
        V[g0 + j] = root
        root *= l
        v = rhs[u0 + j] * root
        vh[u0 + j] = v
        reduction += v * v
        first, last = index[p0 + j], index[p0 + j] if full else index[p0 + j + 1]
        for e in range(first, last):
            value = node[c0 + e] * root
            V[c0 + e] = value
            row = index[i0 + e]
            core[row, rhs_column] -= value * v
            for d in range(first, e + 1):
                core[row, index[i0 + d]] -= value * V[c0 + d]
    return log_det + math.log(product), reduction


@lazy(types.UniTuple(types.float64, 2))
def _eliminate_pairs(layout, gram, f, variance, full, work):
    """One factor, two columns a level (intercept and slope): ``eliminate_factor`` written out; ``full`` as above."""
    factor, index, node, rhs, V, vh, core = layout.factor, layout.index, gram.node, gram.h, work.V, work.vh, work.core
    at, rhs_column = factor[f].root0, core.shape[0]
    l00, l10, l11 = work.roots[at], work.roots[at + 2], work.roots[at + 3]
    product, log_det, reduction = 1.0, 0.0, 0.0
    g0, u0, c0, i0, p0 = factor[f].g0, factor[f].u0, factor[f].c0, factor[f].list0, factor[f].pointer0
    for j in range(factor[f].levels):
        g = g0 + 4 * j
        x0, x1 = l00 * node[g] + l10 * node[g + 2], l00 * node[g + 2] + l10 * node[g + 3]
        a00 = l00 * x0 + l10 * x1 + variance
        i00 = 1.0 / math.sqrt(a00)
        below = l11 * x1 * i00
        rest = l11 * l11 * node[g + 3] + variance - below * below
        i11 = 1.0 / math.sqrt(rest)
        product *= a00 * rest
        if product > 1e200 or product < 1e-200:
            log_det += math.log(product)
            product = 1.0
        V[g], V[g + 2], V[g + 3] = i00, below, i11
        u = u0 + 2 * j
        v0 = (l00 * rhs[u] + l10 * rhs[u + 1]) * i00
        v1 = (l11 * rhs[u + 1] - below * v0) * i11
        vh[u], vh[u + 1] = v0, v1
        reduction += v0 * v0 + v1 * v1
        first, last = index[p0 + j], index[p0 + j] if full else index[p0 + j + 1]
        for e in range(first, last):
            c = c0 + 2 * e
            x0 = (l00 * node[c] + l10 * node[c + 1]) * i00
            x1 = (l11 * node[c + 1] - below * x0) * i11
            V[c], V[c + 1] = x0, x1
            row = index[i0 + e]
            core[row, rhs_column] -= x0 * v0 + x1 * v1
            for d in range(first, e + 1):
                core[row, index[i0 + d]] -= x0 * V[c0 + 2 * d] + x1 * V[c0 + 2 * d + 1]
    return log_det + math.log(product), reduction


@contracted
def _eliminate_narrow(layout, unit, pos, variance, work):
    """``eliminate_factor`` written out for one or two columns a level; what belongs to a second one is 0 where there is one.

    Factors by themselves have the two forms above: in this one they take 1.1 to 1.8 times as long."""
    factor, index, units, V, vh, core = layout.factor, layout.index, layout.units, work.V, work.vh, work.core
    f, pc = units[unit, pos], core.shape[0]
    q, qa, c0, i0, p0, at = factor[f].width, factor[f].ancestors, factor[f].c0, factor[f].list0, factor[f].pointer0, factor[f].root0
    two = q - 1
    l00, l10, l11 = work.roots[at], two * work.roots[at + 2 * two], two * work.roots[at + 3 * two]
    product, log_det, reduction = 1.0, 0.0, 0.0
    for j in range(factor[f].levels):
        g, u, row0 = factor[f].g0 + j * q * q, factor[f].u0 + j * q, factor[f].b0 + j * q * qa
        row1 = row0 + two * qa
        x0, x1 = l00 * V[g] + l10 * V[g + 2 * two], l00 * V[g + 2 * two] + l10 * V[g + 3 * two]
        a00 = l00 * x0 + l10 * x1 + variance
        i00, below, i11 = 1.0 / math.sqrt(a00), 0.0, 0.0
        product *= a00
        if two == 1:
            below = l11 * x1 * i00
            a11 = l11 * l11 * V[g + 3] + variance - below * below
            i11 = 1.0 / math.sqrt(a11)
            product *= a11
            V[g + 2], V[g + 3] = below, i11
        V[g] = i00
        if product > 1e150 or product < 1e-150:
            log_det += math.log(product)
            product = 1.0
        v0 = (l00 * vh[u] + l10 * vh[u + two]) * i00
        v1 = (l11 * vh[u + two] - below * v0) * i11
        vh[u + two], reduction = v1, reduction + v0 * v0 + v1 * v1
        vh[u] = v0
        for b in range(qa):
            x0 = (l00 * V[row0 + b] + l10 * V[row1 + b]) * i00
            V[row1 + b] = (l11 * V[row1 + b] - below * x0) * i11
            V[row0 + b] = x0
        first, last = index[p0 + j], index[p0 + j + 1]
        for e in range(first, last):
            c = c0 + e * q
            x0 = (l00 * V[c] + l10 * V[c + two]) * i00
            V[c + two] = (l11 * V[c + two] - below * x0) * i11
            V[c] = x0
        level, child, column = j, f, 0
        for up in range(pos + 1, units.shape[1]):  # V'V from the blocks of the ancestors, which list every core column
            k = units[unit, up]
            if k < 0:
                break
            level = index[factor[child].parent0 + level]
            qk, above = factor[k].width, factor[k].ancestors
            gk, uk, bk = factor[k].g0 + level * qk * qk, factor[k].u0 + level * qk, factor[k].b0 + level * qk * above
            ck, rest = factor[k].c0 + level * pc * qk, column + qk
            for r in range(qk):
                x0, x1 = V[row0 + column + r], two * V[row1 + column + r]
                for s in range(qk):
                    V[gk + r * qk + s] -= x0 * V[row0 + column + s] + x1 * V[row1 + column + s]
                for s in range(above):
                    V[bk + r * above + s] -= x0 * V[row0 + rest + s] + x1 * V[row1 + rest + s]
                vh[uk + r] -= x0 * v0 + x1 * v1
                for e in range(first, last):
                    V[ck + index[i0 + e] * qk + r] -= x0 * V[c0 + e * q] + x1 * V[c0 + e * q + two]
            child, column = k, rest
        for e in range(first, last):
            row, x0, x1 = index[i0 + e], V[c0 + e * q], two * V[c0 + e * q + two]
            core[row, pc] -= x0 * v0 + x1 * v1
            for d in range(first, e + 1):
                core[row, index[i0 + d]] -= x0 * V[c0 + d * q] + x1 * V[c0 + d * q + two]
    return log_det + math.log(product), reduction


@lazy(types.UniTuple(types.float64, 2))
def eliminate_factor(layout, unit, pos, variance, work):
    """Eliminate the levels of the factor at place ``pos`` of its chain; its blocks stand in the work arrays."""
    factor, index, roots, V, vh, core = layout.factor, layout.index, work.roots, work.V, work.vh, work.core
    f, rhs_column = layout.units[unit, pos], core.shape[0]
    q, qa, f0 = factor[f].width, factor[f].ancestors, factor[f].root0
    if q <= 2:
        return _eliminate_narrow(layout, unit, pos, variance, work)
    step = min(q, 1)  # a literal 1 would be compiled as a version of its own
    c0, i0 = factor[f].c0, factor[f].list0
    log_det, reduction = 0.0, 0.0
    for j in range(factor[f].levels):
        g, u, b0 = factor[f].g0 + j * q * q, factor[f].u0 + j * q, factor[f].b0 + j * q * qa
        first, last = index[factor[f].pointer0 + j], index[factor[f].pointer0 + j + 1]
        between_roots(roots, f0, q, V, g, q)  # L'GL and L'[B | C | h]
        multiply_root_transposed(roots, f0, q, vh, u, step)
        for b in range(qa):
            multiply_root_transposed(roots, f0, q, V, b0 + b, qa)
        for e in range(first, last):
            multiply_root_transposed(roots, f0, q, V, c0 + e * q, step)
        for a in range(q):  # Λ by rows; the diagonal holds its inverse
            V[g + a * q + a] += variance
            for b in range(a + 1):
                s = V[g + a * q + b]
                for k in range(b):
                    s -= V[g + a * q + k] * V[g + b * q + k]
                if a == b:
                    log_det += math.log(s)
                    V[g + a * q + a] = 1.0 / math.sqrt(s)
                else:
                    V[g + a * q + b] = s * V[g + b * q + b]
        for a in range(q):  # V = Λ⁻¹ of these
            for k in range(a):
                l = V[g + a * q + k]
                vh[u + a] -= l * vh[u + k]
                for b in range(qa):
                    V[b0 + a * qa + b] -= l * V[b0 + k * qa + b]
                for e in range(first, last):
                    V[c0 + e * q + a] -= l * V[c0 + e * q + k]
            i = V[g + a * q + a]
            vh[u + a] *= i
            reduction += vh[u + a] ** 2
            for b in range(qa):
                V[b0 + a * qa + b] *= i
            for e in range(first, last):
                V[c0 + e * q + a] *= i
        if qa > 0:
            _update_ancestors(layout, unit, pos, j, work)
        for e in range(first, last):
            row = index[i0 + e]
            for a in range(q):
                value = V[c0 + e * q + a]
                core[row, rhs_column] -= value * vh[u + a]
                for d in range(first, e + 1):
                    core[row, index[i0 + d]] -= value * V[c0 + d * q + a]
    return log_det, reduction


@kernel
def _update_ancestors(layout, unit, pos, j, work):
    """Subtract V'V of node j from the blocks of its ancestors (which list every core column)."""
    factor, index, units, V, vh = layout.factor, layout.index, layout.units, work.V, work.vh
    f, pc = units[unit, pos], work.core.shape[0]
    q, qa = factor[f].width, factor[f].ancestors
    b0, u, c0 = factor[f].b0 + j * q * qa, factor[f].u0 + j * q, factor[f].c0
    first, last = index[factor[f].pointer0 + j], index[factor[f].pointer0 + j + 1]
    level, child, column = j, f, 0
    for up in range(pos + 1, units.shape[1]):
        g = units[unit, up]
        if g < 0:
            break
        level = index[factor[child].parent0 + level]
        qg, qga = factor[g].width, factor[g].ancestors
        rest = column + qg  # columns of the ancestors above g, in V_B
        g0, gu = factor[g].g0 + level * qg * qg, factor[g].u0 + level * qg
        gb, gc = factor[g].b0 + level * qg * qga, factor[g].c0
        for a in range(q):
            row = b0 + a * qa
            for r in range(qg):
                v = V[row + column + r]
                for s in range(qg):
                    V[g0 + r * qg + s] -= v * V[row + column + s]
                for s in range(qga):
                    V[gb + r * qga + s] -= v * V[row + rest + s]
                vh[gu + r] -= v * vh[u + a]
                for e in range(first, last):
                    V[gc + (level * pc + index[factor[f].list0 + e]) * qg + r] -= v * V[c0 + e * q + a]
        child, column = g, rest


@kernel
def load_core(gram, work):
    """work.core ← the core's cross-products, right-hand side ``gram.m`` in the last column."""
    pc = gram.m.size
    for a in range(pc):
        work.core[a, pc] = gram.m[a]
        for b in range(a + 1):
            work.core[a, b] = gram.core[a, b]


@kernel
def factor_core(layout, variance, work):
    """work.R ← R with RR' = S = T'work.core T + σ² blockdiag(B₀⁻¹, I), last column R⁻¹m, m = T'(its last column) + σ²B₀⁻¹b₀.

    Returns (log|S|, m'S⁻¹m); a pivot that is not positive gives nan.
    """
    B, R = work.B, work.R
    pc, p = R.shape[0], B.shape[0]
    for a in range(pc):
        R[a, pc] = work.core[a, pc]
        for b in range(a + 1):
            R[a, b] = work.core[a, b]
    for a in range(p):
        R[a, pc] += variance * B[a, p]
        for b in range(a + 1):
            R[a, b] += variance * B[a, b]
    if layout.core_factors.size > 0:
        _turn_core_factors(layout, variance, work)
    factor_in_place(R, pc)
    log_det, quadratic = 0.0, 0.0
    for a in range(pc):
        s = R[a, pc]
        for k in range(a):
            s -= R[a, k] * R[k, pc]
        s /= R[a, a]
        R[a, pc] = s
        quadratic += s * s
        log_det += 2.0 * math.log(R[a, a])
    return log_det, quadratic


@lazy()
def _turn_core_factors(layout, variance, work):
    """The columns of factors in work.R in the scale of e."""
    factor, core_factors = layout.factor, layout.core_factors
    for k in range(core_factors.size):
        f = core_factors[k]
        for j in range(factor[f].coordinates):
            _turn_core(factor[f].core0 + j * factor[f].width, factor[f].width, factor[f].root0, variance, work)


@kernel
def _turn_core(at, q, r0, variance, work):
    """The q columns from ``at`` of work.R in the scale of e: rows and columns times L, σ² on the diagonal."""
    roots, R = work.roots, work.R
    pc = R.shape[0]
    if q == 1:
        l = roots[r0]
        for c in range(at):
            R[at, c] *= l
        for r in range(at + 1, pc):
            R[r, at] *= l
        R[at, at] = l * l * R[at, at] + variance
        R[at, pc] *= l
        return
    core, step = R.reshape(-1), min(q, 1)
    for c in range(at):
        multiply_root_transposed(roots, r0, q, core, at * (pc + 1) + c, pc + 1)
    multiply_root_transposed(roots, r0, q, core, at * (pc + 1) + pc, pc + 1)
    for r in range(at + q, pc):
        multiply_root_transposed(roots, r0, q, core, r * (pc + 1) + at, step)
    for a in range(q):
        for b in range(a):
            R[at + b, at + a] = R[at + a, at + b]
    between_roots(roots, r0, q, core, at * (pc + 2), pc + 1)
    for a in range(q):
        R[at + a, at + a] += variance


_POTRF = types.ExternalFunction(  # of Numba's own table, which finds LAPACK in scipy
    "numba_xxpotrf", types.intc(types.char, types.char, types.intp, types.CPointer(types.float64), types.intp)
)
_DOUBLE, _UPPER = ord("d"), ord("U")


@kernel
def factor_in_place(R, size):
    """The lower triangle of R[:size, :size] ← its Cholesky factor, rows R.shape[1] apart; nan on the diagonal where there is none.

    LAPACK has large ones: the rows of a lower triangle are the columns of an upper one, whose leading dimension is the length of R's rows.
    """
    if size > 64:
        if _POTRF(_DOUBLE, _UPPER, size, R.ctypes, R.shape[1]) != 0:
            R[0, 0] = np.nan
        return
    for a in range(size):
        for b in range(a + 1):
            s = R[a, b]
            for k in range(b):
                s -= R[a, k] * R[b, k]
            if a == b:
                R[a, a] = math.sqrt(s) if s > 0.0 else np.nan
            else:
                R[a, b] = s / R[b, b]

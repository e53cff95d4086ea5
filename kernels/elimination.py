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
exact marginal likelihood of the variances; back-substitution with noise gives the draw:

    (β, e_core) = R⁻ᵀ(R⁻¹m + σε),   S = RR' ;      e_j = Λ⁻ᵀ(v_j − V_B u_parents − V_C core + σε),   u_j = L e_j .

One factor: Lindley & Smith (1972). Nested chains: Papaspiliopoulos & Zanella (2017).
The core of one factor with q = 1, X = 1 and Ω = 1 is equations (5)–(6) of the course deck with the other effects integrated out.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .layout import (
    ANCESTORS,
    B0,
    C0,
    COLUMN,
    CORE0,
    FACTOR,
    G0,
    L0,
    LEVELS,
    LIST0,
    PARENT0,
    PTR0,
    ROOT0,
    SIZE,
    U0,
    WIDTH,
)


@njit(cache=True, nogil=True, error_model="numpy")
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


@njit(cache=True, nogil=True, error_model="numpy")
def factor_roots(factor, term, L, roots):
    """roots ← the lower triangular factor of every factor's covariance, block diagonal over its terms."""
    roots[:] = 0.0
    for t in range(term.shape[0]):
        f, q, l0 = term[t, FACTOR], term[t, SIZE], term[t, L0]
        stride = factor[f, WIDTH]
        at = factor[f, ROOT0] + term[t, COLUMN] * (stride + 1)
        for a in range(q):
            for b in range(a + 1):
                roots[at + a * stride + b] = L[l0 + a * q + b]


@njit(cache=True, nogil=True, error_model="numpy")
def multiply_root(roots, at, q, x, start):
    """x[start:start+q] ← L x, L the lower triangle of ``roots[at:at+q²]``."""
    for a in range(q - 1, -1, -1):
        s = 0.0
        for b in range(a + 1):
            s += roots[at + a * q + b] * x[start + b]
        x[start + a] = s


@njit(cache=True, nogil=True, error_model="numpy")
def multiply_root_transposed(roots, at, q, x, start, step):
    """x[start + step·a], a < q, ← L'x."""
    for a in range(q):
        s = 0.0
        for b in range(a, q):
            s += roots[at + b * q + a] * x[start + step * b]
        x[start + step * a] = s


@njit(cache=True, nogil=True, error_model="numpy")
def divide_root(roots, at, q, x, start):
    """x[start:start+q] ← L⁻¹x."""
    for a in range(q):
        s = x[start + a]
        for b in range(a):
            s -= roots[at + a * q + b] * x[start + b]
        x[start + a] = s / roots[at + a * q + a]


@njit(cache=True, nogil=True, error_model="numpy")
def between_roots(roots, at, q, G, start, stride):
    """G ← L'GL, G the symmetric q×q block that begins at ``start``, its rows ``stride`` apart; both triangles are read."""
    for b in range(q):  # GL, column by column: the columns still needed stand untouched
        for a in range(q):
            s = 0.0
            for k in range(b, q):
                s += G[start + a * stride + k] * roots[at + k * q + b]
            G[start + a * stride + b] = s
    for b in range(q):
        multiply_root_transposed(roots, at, q, G, start + b, stride)


@njit(cache=True, nogil=True, error_model="numpy")
def eliminate_unit(factor, index, units, unit, node, rhs, roots, variance, work, vh, dense):
    """Eliminate every level of ``unit``; subtract V'V and V'v from ``dense[1]``, which holds the core's statistics on entry.

    ``rhs`` (U,) is the unit's Z'Ωỹ, ``roots`` are those of ``factor_roots``, ``variance`` is σ². Fills ``work`` (Λ with inverse diagonals
    in place of G, V_B, V_C, ``by_column`` or not) and ``vh``.
    Returns (Σ log|A_j|, Σ v_j'v_j).
    """
    leaf, full = units[unit, 0], by_column(factor, index, units, unit, dense.shape[1])
    alone = units.shape[1] == 1 or units[unit, 1] < 0
    if alone and factor[leaf, WIDTH] <= 2:
        if factor[leaf, WIDTH] == 1:
            log_det, reduction = _eliminate_intercepts(factor, index, leaf, node, rhs, roots, variance, full, work, vh, dense)
        else:
            log_det, reduction = _eliminate_pairs(factor, index, leaf, node, rhs, roots, variance, full, work, vh, dense)
        if full:
            _eliminate_columns(factor, leaf, node, roots, work, vh, dense)
        return log_det, reduction
    for pos in range(units.shape[1]):
        f = units[unit, pos]
        if f < 0:
            break
        J, q, qa = factor[f, LEVELS], factor[f, WIDTH], factor[f, ANCESTORS]
        for k in range(factor[f, G0], factor[f, G0] + J * q * q):
            work[k] = node[k]
        for k in range(factor[f, B0], factor[f, B0] + J * q * qa):
            work[k] = node[k]
        for k in range(factor[f, C0], factor[f, C0] + index[factor[f, PTR0] + J] * q):
            work[k] = node[k]
        for k in range(factor[f, U0], factor[f, U0] + J * q):
            vh[k] = rhs[k]
    log_det, reduction = 0.0, 0.0
    for pos in range(units.shape[1]):
        if units[unit, pos] < 0:
            break
        log_det_f, reduction_f = _eliminate_factor(factor, index, units, unit, pos, roots, variance, work, vh, dense)
        log_det += log_det_f
        reduction += reduction_f
    return log_det, reduction


@njit(cache=True, nogil=True, error_model="numpy")
def by_column(factor, index, units, unit, pc):
    """Whether ``work`` holds V_C of ``unit`` as (column e, level, a), not as (level, entry, a): one factor of at most two columns a
    level, each of whose levels meets all pc columns of the core."""
    f = units[unit, 0]
    if factor[f, WIDTH] > 2 or (units.shape[1] > 1 and units[unit, 1] >= 0):
        return False
    J, pointers = factor[f, LEVELS], factor[f, PTR0]
    return index[pointers + J] - index[pointers] == J * pc


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _inner_product(x, at, y, start, size):
    """Σ_k x[at + k] y[start + k]; unsigned places, which cannot count from the end, let it be made four terms at a time."""
    total = 0.0
    for k in range(size):
        total += x[at + k] * y[start + k]
    return total


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _eliminate_columns(factor, f, node, roots, work, vh, dense):
    """V_C of every level of a factor whose V_C stands ``by_column``, and V_C'V_C, V_C'v from the core; 64 levels at a time."""
    J, q, g0, u0, c0, pc = factor[f, LEVELS], factor[f, WIDTH], factor[f, G0], factor[f, U0], factor[f, C0], dense.shape[1]
    at = factor[f, ROOT0]
    l00, l10, l11 = roots[at], roots[at + 2] if q == 2 else 0.0, roots[at + 3] if q == 2 else 0.0
    for start in range(0, J, 64):
        end = min(J, start + 64)
        for j in range(start, end):
            g, c, to = g0 + j * q * q, c0 + j * pc * q, c0 + j * q
            for _ in range(pc):
                if q == 2:
                    value = (l00 * node[c] + l10 * node[c + 1]) * work[g]
                    work[to + 1] = (l11 * node[c + 1] - work[g + 2] * value) * work[g + 3]
                else:
                    value = l00 * node[c] * work[g]
                work[to] = value
                c += q
                to += q * J
        size = np.uint64(q * (end - start))
        for row in range(pc):
            first = np.uint64(c0 + q * (row * J + start))
            for column in range(row + 1):
                dense[1, row, column] -= _inner_product(work, first, work, np.uint64(c0 + q * (column * J + start)), size)
            dense[1, row, pc] -= _inner_product(work, first, vh, np.uint64(u0 + q * start), size)


@njit(cache=True, nogil=True, error_model="numpy")
def _eliminate_intercepts(factor, index, f, node, rhs, roots, variance, full, work, vh, dense):
    """One factor, one column a level: the scalar form of ``_eliminate_factor``; ``full``: ``_eliminate_columns`` follows."""
    l, rhs_column = roots[factor[f, ROOT0]], dense.shape[1]
    product, log_det, reduction = 1.0, 0.0, 0.0
    g0, u0, c0, i0, p0 = factor[f, G0], factor[f, U0], factor[f, C0], factor[f, LIST0], factor[f, PTR0]
    for j in range(factor[f, LEVELS]):
        pivot = l * l * node[g0 + j] + variance
        product *= pivot
        if product > 1e200 or product < 1e-200:
            log_det += math.log(product)
            product = 1.0
        root = 1.0 / math.sqrt(pivot)
        work[g0 + j] = root
        root *= l
        v = rhs[u0 + j] * root
        vh[u0 + j] = v
        reduction += v * v
        first, last = index[p0 + j], index[p0 + j] if full else index[p0 + j + 1]
        for e in range(first, last):
            value = node[c0 + e] * root
            work[c0 + e] = value
            row = index[i0 + e]
            dense[1, row, rhs_column] -= value * v
            for d in range(first, e + 1):
                dense[1, row, index[i0 + d]] -= value * work[c0 + d]
    return log_det + math.log(product), reduction


@njit(cache=True, nogil=True, error_model="numpy")
def _eliminate_pairs(factor, index, f, node, rhs, roots, variance, full, work, vh, dense):
    """One factor, two columns a level (intercept and slope): ``_eliminate_factor`` written out; ``full`` as above."""
    at, rhs_column = factor[f, ROOT0], dense.shape[1]
    l00, l10, l11 = roots[at], roots[at + 2], roots[at + 3]
    product, log_det, reduction = 1.0, 0.0, 0.0
    g0, u0, c0, i0, p0 = factor[f, G0], factor[f, U0], factor[f, C0], factor[f, LIST0], factor[f, PTR0]
    for j in range(factor[f, LEVELS]):
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
        work[g], work[g + 2], work[g + 3] = i00, below, i11
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
            work[c], work[c + 1] = x0, x1
            row = index[i0 + e]
            dense[1, row, rhs_column] -= x0 * v0 + x1 * v1
            for d in range(first, e + 1):
                dense[1, row, index[i0 + d]] -= x0 * work[c0 + 2 * d] + x1 * work[c0 + 2 * d + 1]
    return log_det + math.log(product), reduction


@njit(cache=True, nogil=True, error_model="numpy")
def _eliminate_factor(factor, index, units, unit, pos, roots, variance, work, vh, dense):
    """Eliminate the levels of the factor at place ``pos`` of its chain; its blocks stand in the work arrays."""
    f, rhs_column = units[unit, pos], dense.shape[1]
    q, qa, f0 = factor[f, WIDTH], factor[f, ANCESTORS], factor[f, ROOT0]
    step = min(q, 1)  # a literal 1 would be compiled as a version of its own
    c0, i0 = factor[f, C0], factor[f, LIST0]
    log_det, reduction = 0.0, 0.0
    for j in range(factor[f, LEVELS]):
        g, u, b0 = factor[f, G0] + j * q * q, factor[f, U0] + j * q, factor[f, B0] + j * q * qa
        first, last = index[factor[f, PTR0] + j], index[factor[f, PTR0] + j + 1]
        between_roots(roots, f0, q, work, g, q)  # L'GL and L'[B | C | h]
        multiply_root_transposed(roots, f0, q, vh, u, step)
        for b in range(qa):
            multiply_root_transposed(roots, f0, q, work, b0 + b, qa)
        for e in range(first, last):
            multiply_root_transposed(roots, f0, q, work, c0 + e * q, step)
        for a in range(q):  # Λ by rows; the diagonal holds its inverse
            work[g + a * q + a] += variance
            for b in range(a + 1):
                s = work[g + a * q + b]
                for k in range(b):
                    s -= work[g + a * q + k] * work[g + b * q + k]
                if a == b:
                    log_det += math.log(s)
                    work[g + a * q + a] = 1.0 / math.sqrt(s)
                else:
                    work[g + a * q + b] = s * work[g + b * q + b]
        for a in range(q):  # V = Λ⁻¹ of these
            for k in range(a):
                l = work[g + a * q + k]
                vh[u + a] -= l * vh[u + k]
                for b in range(qa):
                    work[b0 + a * qa + b] -= l * work[b0 + k * qa + b]
                for e in range(first, last):
                    work[c0 + e * q + a] -= l * work[c0 + e * q + k]
            i = work[g + a * q + a]
            vh[u + a] *= i
            reduction += vh[u + a] ** 2
            for b in range(qa):
                work[b0 + a * qa + b] *= i
            for e in range(first, last):
                work[c0 + e * q + a] *= i
        if qa > 0:
            _update_ancestors(factor, index, units, unit, pos, j, work, vh, dense.shape[1])
        for e in range(first, last):
            row = index[i0 + e]
            for a in range(q):
                value = work[c0 + e * q + a]
                dense[1, row, rhs_column] -= value * vh[u + a]
                for d in range(first, e + 1):
                    dense[1, row, index[i0 + d]] -= value * work[c0 + d * q + a]
    return log_det, reduction


@njit(cache=True, nogil=True, error_model="numpy")
def _update_ancestors(factor, index, units, unit, pos, j, work, vh, pc):
    """Subtract V'V of node j from the blocks of its ancestors (which list every core column)."""
    f = units[unit, pos]
    q, qa = factor[f, WIDTH], factor[f, ANCESTORS]
    b0, u, c0 = factor[f, B0] + j * q * qa, factor[f, U0] + j * q, factor[f, C0]
    first, last = index[factor[f, PTR0] + j], index[factor[f, PTR0] + j + 1]
    level, child, column = j, f, 0
    for up in range(pos + 1, units.shape[1]):
        g = units[unit, up]
        if g < 0:
            break
        level = index[factor[child, PARENT0] + level]
        qg, qga = factor[g, WIDTH], factor[g, ANCESTORS]
        rest = column + qg  # columns of the ancestors above g, in V_B
        g0, gu = factor[g, G0] + level * qg * qg, factor[g, U0] + level * qg
        gb, gc = factor[g, B0] + level * qg * qga, factor[g, C0]
        for a in range(q):
            row = b0 + a * qa
            for r in range(qg):
                v = work[row + column + r]
                for s in range(qg):
                    work[g0 + r * qg + s] -= v * work[row + column + s]
                for s in range(qga):
                    work[gb + r * qga + s] -= v * work[row + rest + s]
                vh[gu + r] -= v * vh[u + a]
                for e in range(first, last):
                    work[gc + (level * pc + index[factor[f, LIST0] + e]) * qg + r] -= v * work[c0 + e * q + a]
        child, column = g, rest


@njit(cache=True, nogil=True, error_model="numpy")
def load_core(dense, m):
    """dense[1] ← the core's cross-products dense[0], right-hand side ``m``."""
    pc = m.size
    for a in range(pc):
        dense[1, a, pc] = m[a]
        for b in range(a + 1):
            dense[1, a, b] = dense[0, a, b]


@njit(cache=True, nogil=True, error_model="numpy")
def factor_core(factor, core_factors, B, roots, variance, dense):
    """dense[2] ← R with RR' = S = T'dense[1]T + σ² blockdiag(B₀⁻¹, I), last column R⁻¹m, m = T'(its last column) + σ²B₀⁻¹b₀.

    Returns (log|S|, m'S⁻¹m); a pivot that is not positive gives nan.
    """
    pc, p = dense.shape[1], B.shape[0]
    for a in range(pc):
        dense[2, a, pc] = dense[1, a, pc]
        for b in range(a + 1):
            dense[2, a, b] = dense[1, a, b]
    for a in range(p):
        dense[2, a, pc] += variance * B[a, p]
        for b in range(a + 1):
            dense[2, a, b] += variance * B[a, b]
    for k in range(core_factors.size):
        f = core_factors[k]
        for j in range(factor[f, LEVELS]):
            _turn_core(factor[f, CORE0] + j * factor[f, WIDTH], factor[f, WIDTH], roots, factor[f, ROOT0], variance, dense)
    if pc > 64:
        _factor_with_lapack(dense)
    log_det, quadratic = 0.0, 0.0
    for a in range(pc):
        if pc <= 64:
            for b in range(a + 1):
                s = dense[2, a, b]
                for k in range(b):
                    s -= dense[2, a, k] * dense[2, b, k]
                if a == b:
                    dense[2, a, a] = math.sqrt(s) if s > 0.0 else np.nan
                else:
                    dense[2, a, b] = s / dense[2, b, b]
        s = dense[2, a, pc]
        for k in range(a):
            s -= dense[2, a, k] * dense[2, k, pc]
        s /= dense[2, a, a]
        dense[2, a, pc] = s
        quadratic += s * s
        log_det += 2.0 * math.log(dense[2, a, a])
    return log_det, quadratic


@njit(cache=True, nogil=True, error_model="numpy")
def _turn_core(at, q, roots, r0, variance, dense):
    """The q columns from ``at`` of the core dense[2] in the scale of e: rows and columns times L, σ² on the diagonal."""
    pc = dense.shape[1]
    if q == 1:
        l = roots[r0]
        for c in range(at):
            dense[2, at, c] *= l
        for r in range(at + 1, pc):
            dense[2, r, at] *= l
        dense[2, at, at] = l * l * dense[2, at, at] + variance
        dense[2, at, pc] *= l
        return
    core, step = dense[2].reshape(-1), min(q, 1)
    for c in range(at):
        multiply_root_transposed(roots, r0, q, core, at * (pc + 1) + c, pc + 1)
    multiply_root_transposed(roots, r0, q, core, at * (pc + 1) + pc, pc + 1)
    for r in range(at + q, pc):
        multiply_root_transposed(roots, r0, q, core, r * (pc + 1) + at, step)
    for a in range(q):
        for b in range(a):
            dense[2, at + b, at + a] = dense[2, at + a, at + b]
    between_roots(roots, r0, q, core, at * (pc + 2), pc + 1)
    for a in range(q):
        dense[2, at + a, at + a] += variance


@njit(cache=True, nogil=True, error_model="numpy")
def _factor_with_lapack(dense):
    """The Cholesky factor of a large core."""
    pc = dense.shape[1]
    S = np.empty((pc, pc))
    for a in range(pc):
        for b in range(a + 1):
            S[a, b] = dense[2, a, b]
            S[b, a] = dense[2, a, b]
    R = np.linalg.cholesky(S)
    for a in range(pc):
        for b in range(a + 1):
            dense[2, a, b] = R[a, b]


@njit(cache=True, nogil=True, error_model="numpy")
def draw_core(rng, factor, core_factors, roots, dense, sigma, core):
    """core ← T R⁻ᵀ(R⁻¹m + σε). sigma = 0 gives the conditional mean."""
    for a in range(core.size):
        core[a] = sigma * rng.standard_normal()
    place_core(factor, core_factors, roots, dense, core)


@njit(cache=True, nogil=True, error_model="numpy")
def place_core(factor, core_factors, roots, dense, core):
    """core ← T R⁻ᵀ(R⁻¹m + core): the noise that stands in ``core`` becomes the coefficients and effects."""
    pc = core.size
    for a in range(pc):
        core[a] += dense[2, a, pc]
    for a in range(pc - 1, -1, -1):
        s = core[a] / dense[2, a, a]
        core[a] = s
        for b in range(a):
            core[b] -= dense[2, a, b] * s
    for k in range(core_factors.size):
        f = core_factors[k]
        for j in range(factor[f, LEVELS]):
            multiply_root(roots, factor[f, ROOT0], factor[f, WIDTH], core, factor[f, CORE0] + j * factor[f, WIDTH])


@njit(cache=True, nogil=True, error_model="numpy")
def whiten_core(factor, core_factors, roots, dense, core, noise):
    """noise ← R'T⁻¹core − R⁻¹m, the inverse of ``place_core``."""
    pc = core.size
    for a in range(pc):
        noise[a] = core[a]
    for k in range(core_factors.size):
        f = core_factors[k]
        for j in range(factor[f, LEVELS]):
            divide_root(roots, factor[f, ROOT0], factor[f, WIDTH], noise, factor[f, CORE0] + j * factor[f, WIDTH])
    for a in range(pc):
        s = -dense[2, a, pc]
        for b in range(a, pc):
            s += dense[2, b, a] * noise[b]
        noise[a] = s


@njit(cache=True, nogil=True, error_model="numpy")
def draw_unit(rng, factor, index, units, unit, roots, work, vh, sigma, core, u):
    """u of every level of ``unit`` given the core, root first, from the ``work`` and ``vh`` of ``eliminate_unit``."""
    for pos in range(units.shape[1] - 1, -1, -1):
        f = units[unit, pos]
        if f >= 0:
            for k in range(factor[f, U0], factor[f, U0] + factor[f, LEVELS] * factor[f, WIDTH]):
                u[k] = sigma * rng.standard_normal()
    place_unit(factor, index, units, unit, units.shape[1] - 1, roots, work, vh, core, u)


@njit(cache=True, nogil=True, error_model="numpy")
def place_unit(factor, index, units, unit, top, roots, work, vh, core, u):
    """u_j ← L Λ⁻ᵀ(v_j − V_B u_parents − V_C core + u_j) from place ``top`` of the chain down to the leaf: noise becomes effects."""
    for pos in range(top, -1, -1):
        f = units[unit, pos]
        if f < 0:
            continue
        q, r0 = factor[f, WIDTH], factor[f, ROOT0]
        for k in range(factor[f, U0], factor[f, U0] + factor[f, LEVELS] * q):
            u[k] += vh[k]
        _add_rest(factor, index, units, unit, pos, work, core, u, -1.0, u)
        for j in range(factor[f, LEVELS]):
            g, at = factor[f, G0] + j * q * q, factor[f, U0] + j * q
            for a in range(q - 1, -1, -1):
                s = u[at + a] * work[g + a * q + a]
                u[at + a] = s
                for b in range(a):
                    u[at + b] -= work[g + a * q + b] * s
            multiply_root(roots, r0, q, u, at)


@njit(cache=True, nogil=True, error_model="numpy")
def whiten_unit(factor, index, units, unit, roots, work, vh, core, u, noise):
    """noise_j ← Λ'L⁻¹u_j + V_B u_parents + V_C core − v_j, the inverse of ``place_unit``."""
    for pos in range(units.shape[1]):
        f = units[unit, pos]
        if f < 0:
            break
        q, r0 = factor[f, WIDTH], factor[f, ROOT0]
        for j in range(factor[f, LEVELS]):
            g, at = factor[f, G0] + j * q * q, factor[f, U0] + j * q
            for a in range(q):
                noise[at + a] = u[at + a]
            divide_root(roots, r0, q, noise, at)
            for a in range(q):
                s = noise[at + a] / work[g + a * q + a] - vh[at + a]
                for b in range(a + 1, q):
                    s += work[g + b * q + a] * noise[at + b]
                noise[at + a] = s
        _add_rest(factor, index, units, unit, pos, work, core, u, 1.0, noise)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _add_rest(factor, index, units, unit, pos, work, core, u, sign, out):
    """out_j += sign (V_B u_parents + V_C core) for every node j at place ``pos``: one call, since a call costs as much as a node."""
    f = units[unit, pos]
    q, qa, c0, i0, p0 = factor[f, WIDTH], factor[f, ANCESTORS], factor[f, C0], factor[f, LIST0], factor[f, PTR0]
    if by_column(factor, index, units, unit, core.size):
        size, u0 = factor[f, LEVELS] * q, np.uint64(factor[f, U0])
        for e in range(core.size):
            value, at = sign * core[e], np.uint64(c0 + e * size)
            for k in range(np.uint64(size)):
                out[u0 + k] += value * work[at + k]
        return
    for j in range(factor[f, LEVELS]):
        at, b0 = factor[f, U0] + j * q, factor[f, B0] + j * q * qa
        first, last = index[p0 + j], index[p0 + j + 1]
        for a in range(q):
            s = 0.0
            for e in range(first, last):
                s += work[c0 + e * q + a] * core[index[i0 + e]]
            out[at + a] += sign * s
        level, child, column = j, f, 0
        for up in range(pos + 1, units.shape[1]):
            h = units[unit, up]
            if h < 0:
                break
            level = index[factor[child, PARENT0] + level]
            for b in range(factor[h, WIDTH]):
                value = sign * u[factor[h, U0] + level * factor[h, WIDTH] + b]
                for a in range(q):
                    out[at + a] += work[b0 + a * qa + column + b] * value
            child, column = h, column + factor[h, WIDTH]


@njit(cache=True, nogil=True, error_model="numpy")
def copy_core_factors(factor, core_factors, core, u):
    """The effects of factors in the core stand in ``u`` too: copy them there."""
    for k in range(core_factors.size):
        f = core_factors[k]
        for j in range(factor[f, LEVELS] * factor[f, WIDTH]):
            u[factor[f, U0] + j] = core[factor[f, CORE0] + j]

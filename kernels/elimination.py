"""The joint normal conditional of all location effects (β, u), by block elimination.

Given working responses ỹ with precisions Ω/σ² and u_j ~ N(0, Σ), the conditional of θ = (β, u) is N(Q⁻¹b, σ²Q⁻¹),

    Q = W'ΩW + σ² blockdiag(B₀⁻¹, Σ⁻¹, …, Σ⁻¹),        b = W'Ωỹ + σ² B₀⁻¹b₀ .

A unit's levels are eliminated leaf first. For node j with A_j = G_j + σ²Σ⁻¹ = ΛΛ' and everything further in the order
(its ancestors, the core, the right-hand side) as columns E_j = [B_j | C_j | h_j]:

    V_j = Λ⁻¹E_j ,      (ancestors, core, right-hand side) −= V_j'V_j .

What is left is the dense core, S = S_core − Σ_j V_j'V_j. The same pass gives log|Q| and b'Q⁻¹b, hence the exact marginal
likelihood of the variances; back-substitution with noise gives the draw:

    core = R⁻ᵀ(R⁻¹m + σε),   S = RR' ;      u_j = Λ⁻ᵀ(v_j − V_B u_parents − V_C core + σε) .

One factor: Lindley & Smith (1972), Bates et al. (2015, J. Stat. Softw. 67, §3.4). Nested chains: Papaspiliopoulos & Zanella (2017).
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
    P0,
    PARENT0,
    PTR0,
    SIZE,
    U0,
    WIDTH,
)
from .priors import invert_lower


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
def factor_precisions(factor, term, L, sigma, P, scratch):
    """P ← σ²Σ_f⁻¹ for every factor, block diagonal over its terms; returns Σ_f J_f log|Σ_f|."""
    log_det = 0.0
    variance = sigma * sigma
    for t in range(term.shape[0]):
        f, q, l0 = term[t, FACTOR], term[t, SIZE], term[t, L0]
        stride = factor[f, WIDTH]
        at = factor[f, P0] + term[t, COLUMN] * (stride + 1)
        if q == 1:
            P[at] = variance / (L[l0] * L[l0])
            log_det += 2.0 * factor[f, LEVELS] * math.log(L[l0])
            continue
        invert_lower(L[l0:], q, scratch)
        for a in range(q):
            log_det += 2.0 * factor[f, LEVELS] * math.log(L[l0 + a * q + a])
            for b in range(q):
                s = 0.0
                for k in range(max(a, b), q):
                    s += scratch[k * q + a] * scratch[k * q + b]
                P[at + a * stride + b] = variance * s
    return log_det


@njit(cache=True, nogil=True, error_model="numpy")
def eliminate_unit(factor, index, units, unit, node, rhs, P, work, vh, dense):
    """Eliminate every level of ``unit``; subtract V'V and V'v from ``dense[1]``, which holds the core's statistics on entry.

    ``rhs`` (U,) is the unit's Z'Ωỹ. Fills ``work`` (Λ with inverse diagonals in place of G, V_B, V_C, ``by_column`` or not) and ``vh``.
    Returns (Σ log|A_j|, Σ v_j'v_j).
    """
    leaf, full = units[unit, 0], by_column(factor, index, units, unit, dense.shape[1])
    alone = units.shape[1] == 1 or units[unit, 1] < 0
    if alone and factor[leaf, WIDTH] <= 2:
        if factor[leaf, WIDTH] == 1:
            log_det, reduction = _eliminate_intercepts(factor, index, leaf, node, rhs, P, full, work, vh, dense)
        else:
            log_det, reduction = _eliminate_pairs(factor, index, leaf, node, rhs, P, full, work, vh, dense)
        if full:
            _eliminate_columns(factor, leaf, node, work, vh, dense)
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
        log_det_f, reduction_f = _eliminate_factor(factor, index, units, unit, pos, P, work, vh, dense)
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
def _eliminate_columns(factor, f, node, work, vh, dense):
    """V_C of every level of a factor whose V_C stands ``by_column``, and V_C'V_C, V_C'v from the core; 64 levels at a time."""
    J, q, g0, u0, c0, pc = factor[f, LEVELS], factor[f, WIDTH], factor[f, G0], factor[f, U0], factor[f, C0], dense.shape[1]
    for start in range(0, J, 64):
        end = min(J, start + 64)
        for j in range(start, end):
            g, c, to = g0 + j * q * q, c0 + j * pc * q, c0 + j * q
            for _ in range(pc):
                value = node[c] * work[g]
                work[to] = value
                if q == 2:
                    work[to + 1] = (node[c + 1] - work[g + 2] * value) * work[g + 3]
                c += q
                to += q * J
        size = np.uint64(q * (end - start))
        for row in range(pc):
            at = np.uint64(c0 + q * (row * J + start))
            for column in range(row + 1):
                dense[1, row, column] -= _inner_product(work, at, work, np.uint64(c0 + q * (column * J + start)), size)
            dense[1, row, pc] -= _inner_product(work, at, vh, np.uint64(u0 + q * start), size)


@njit(cache=True, nogil=True, error_model="numpy")
def _eliminate_intercepts(factor, index, f, node, rhs, P, full, work, vh, dense):
    """One factor, one column a level: the scalar form of ``_eliminate_factor``; ``full``: ``_eliminate_columns`` follows."""
    precision, rhs_column = P[factor[f, P0]], dense.shape[1]
    product, log_det, reduction = 1.0, 0.0, 0.0
    g0, u0, c0, i0, p0 = factor[f, G0], factor[f, U0], factor[f, C0], factor[f, LIST0], factor[f, PTR0]
    for j in range(factor[f, LEVELS]):
        pivot = node[g0 + j] + precision
        product *= pivot
        if product > 1e200 or product < 1e-200:
            log_det += math.log(product)
            product = 1.0
        root = 1.0 / math.sqrt(pivot)
        work[g0 + j] = root
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
def _eliminate_pairs(factor, index, f, node, rhs, P, full, work, vh, dense):
    """One factor, two columns a level (intercept and slope): ``_eliminate_factor`` written out; ``full`` as above."""
    at, rhs_column = factor[f, P0], dense.shape[1]
    p00, p01, p11 = P[at], P[at + 2], P[at + 3]
    product, log_det, reduction = 1.0, 0.0, 0.0
    g0, u0, c0, i0, p0 = factor[f, G0], factor[f, U0], factor[f, C0], factor[f, LIST0], factor[f, PTR0]
    for j in range(factor[f, LEVELS]):
        g = g0 + 4 * j
        a00 = node[g] + p00
        i00 = 1.0 / math.sqrt(a00)
        l10 = (node[g + 2] + p01) * i00
        rest = node[g + 3] + p11 - l10 * l10
        i11 = 1.0 / math.sqrt(rest)
        product *= a00 * rest
        if product > 1e200 or product < 1e-200:
            log_det += math.log(product)
            product = 1.0
        work[g], work[g + 2], work[g + 3] = i00, l10, i11
        u = u0 + 2 * j
        v0 = rhs[u] * i00
        v1 = (rhs[u + 1] - l10 * v0) * i11
        vh[u], vh[u + 1] = v0, v1
        reduction += v0 * v0 + v1 * v1
        first, last = index[p0 + j], index[p0 + j] if full else index[p0 + j + 1]
        for e in range(first, last):
            c = c0 + 2 * e
            x0 = node[c] * i00
            x1 = (node[c + 1] - l10 * x0) * i11
            work[c], work[c + 1] = x0, x1
            row = index[i0 + e]
            dense[1, row, rhs_column] -= x0 * v0 + x1 * v1
            for d in range(first, e + 1):
                dense[1, row, index[i0 + d]] -= x0 * work[c0 + 2 * d] + x1 * work[c0 + 2 * d + 1]
    return log_det + math.log(product), reduction


@njit(cache=True, nogil=True, error_model="numpy")
def _eliminate_factor(factor, index, units, unit, pos, P, work, vh, dense):
    """Eliminate the levels of the factor at place ``pos`` of its chain; its blocks stand in the work arrays."""
    f, rhs_column = units[unit, pos], dense.shape[1]
    q, qa, f0 = factor[f, WIDTH], factor[f, ANCESTORS], factor[f, P0]
    c0, i0 = factor[f, C0], factor[f, LIST0]
    log_det, reduction = 0.0, 0.0
    for j in range(factor[f, LEVELS]):
        g, u, b0 = factor[f, G0] + j * q * q, factor[f, U0] + j * q, factor[f, B0] + j * q * qa
        first, last = index[factor[f, PTR0] + j], index[factor[f, PTR0] + j + 1]
        for a in range(q):  # Λ by rows; the diagonal holds its inverse
            for b in range(a + 1):
                s = work[g + a * q + b] + P[f0 + a * q + b]
                for k in range(b):
                    s -= work[g + a * q + k] * work[g + b * q + k]
                if a == b:
                    log_det += math.log(s)
                    work[g + a * q + a] = 1.0 / math.sqrt(s)
                else:
                    work[g + a * q + b] = s * work[g + b * q + b]
        for a in range(q):  # V = Λ⁻¹ [B | C | h]
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
def factor_core(factor, core_factors, B, P, variance, dense):
    """dense[2] ← R with RR' = S = dense[1] + σ²·(prior precision of the core), last column R⁻¹m, m = dense[1] + σ²B₀⁻¹b₀.

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
        q = factor[f, WIDTH]
        for j in range(factor[f, LEVELS]):
            at = factor[f, CORE0] + j * q
            for a in range(q):
                for b in range(a + 1):
                    dense[2, at + a, at + b] += P[factor[f, P0] + a * q + b]
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
def draw_core(rng, dense, sigma, core):
    """core ← R⁻ᵀ(R⁻¹m + σε). sigma = 0 gives the conditional mean."""
    for a in range(core.size):
        core[a] = sigma * rng.standard_normal()
    place_core(dense, core)


@njit(cache=True, nogil=True, error_model="numpy")
def place_core(dense, core):
    """core ← R⁻ᵀ(R⁻¹m + core): the noise that stands in ``core`` becomes the effects."""
    pc = core.size
    for a in range(pc):
        core[a] += dense[2, a, pc]
    for a in range(pc - 1, -1, -1):
        s = core[a] / dense[2, a, a]
        core[a] = s
        for b in range(a):
            core[b] -= dense[2, a, b] * s


@njit(cache=True, nogil=True, error_model="numpy")
def whiten_core(dense, core, noise):
    """noise ← R'core − R⁻¹m, the inverse of ``place_core``."""
    pc = core.size
    for a in range(pc):
        s = -dense[2, a, pc]
        for b in range(a, pc):
            s += dense[2, b, a] * core[b]
        noise[a] = s


@njit(cache=True, nogil=True, error_model="numpy")
def draw_unit(rng, factor, index, units, unit, work, vh, sigma, core, u):
    """u of every level of ``unit`` given the core, root first, from the ``work`` and ``vh`` of ``eliminate_unit``."""
    for pos in range(units.shape[1] - 1, -1, -1):
        f = units[unit, pos]
        if f >= 0:
            for k in range(factor[f, U0], factor[f, U0] + factor[f, LEVELS] * factor[f, WIDTH]):
                u[k] = sigma * rng.standard_normal()
    place_unit(factor, index, units, unit, units.shape[1] - 1, work, vh, core, u)


@njit(cache=True, nogil=True, error_model="numpy")
def place_unit(factor, index, units, unit, top, work, vh, core, u):
    """u_j ← Λ⁻ᵀ(v_j − V_B u_parents − V_C core + u_j) from place ``top`` of the chain down to the leaf: noise becomes effects."""
    for pos in range(top, -1, -1):
        f = units[unit, pos]
        if f < 0:
            continue
        q = factor[f, WIDTH]
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


@njit(cache=True, nogil=True, error_model="numpy")
def whiten_unit(factor, index, units, unit, work, vh, core, u, noise):
    """noise_j ← Λ'u_j + V_B u_parents + V_C core − v_j, the inverse of ``place_unit``."""
    for pos in range(units.shape[1]):
        f = units[unit, pos]
        if f < 0:
            break
        q = factor[f, WIDTH]
        for j in range(factor[f, LEVELS]):
            g, at = factor[f, G0] + j * q * q, factor[f, U0] + j * q
            for a in range(q):
                s = u[at + a] / work[g + a * q + a] - vh[at + a]
                for b in range(a + 1, q):
                    s += work[g + b * q + a] * u[at + b]
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

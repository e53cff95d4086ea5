"""Covariances given the effects: the sufficient and the ancillary update (ASIS, Yu & Meng 2011).

Σ = LL' is the covariance of one term (q columns of a factor with J levels), u_j = L e_j.

sufficient   p(Σ | u) ∝ |Σ|^{−J/2} exp(−tr(Σ⁻¹ Σ_j u_j u_j')/2) p(Σ): slices in coordinates whitened by the effects' own spread,
             so that any prior will do; computed from Σ_j e_j e_j', whose digits do not depend on Σ.
ancillary    p(L | e, ỹ): given e the lower triangle of L is a regression coefficient,
             H[(a,b),(c,d)] = Σ_j G_j[a,c] e_jb e_jd / σ²,  r[(a,b)] = Σ_j w_ja e_jb / σ²,  L ~ N(H⁻¹r, H⁻¹) × prior:
             elliptical slice sampling (Murray, Adams & MacKay 2010) on the signed factor, extended symmetrically (flipping column b
             of L and of e leaves u unchanged), then u_j ← L_new L_old⁻¹ u_j and the columns' signs are put right.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from .compiling import kernel, lazy, reassociated
from .priors import INVERSE_WISHART, SCALAR, invert_lower, log_cholesky_prior
from .roots import divide_root


@kernel
def log_covariance_priors(term, sd_prior, cov_prior, L, scratch):
    """Σ_t log p(L_t) over the terms whose covariance is drawn."""
    value = 0.0
    for t in range(term.shape[0]):
        if term[t].given == 0:
            value += log_cholesky_prior(term, t, sd_prior, cov_prior, L[term[t].l0 :], scratch)
    return value


@kernel
def sum_of_squares(layout, t, L, u, e, out):
    """out[:q²] ← Σ_j e_j e_j' over the term's levels, e_j = L⁻¹u_j; ``e`` (q,) is scratch."""
    factor, term = layout.factor, layout.term
    f, q, column, l0 = term[t].factor, term[t].width, term[t].column, term[t].l0
    stride, start = factor[f].width, factor[f].u0 + column
    if q == 2:
        out[0], out[2], out[3] = _sum_of_pairs(L[l0 : l0 + 4], u[start + term[t].first * stride :], stride, term[t].count)
        out[1] = out[2]
    else:
        _sum_of_many(layout, t, L, u, e, out)


@lazy()
def _sum_of_many(layout, t, L, u, e, out):
    factor, term = layout.factor, layout.term
    f, q, column, l0 = term[t].factor, term[t].width, term[t].column, term[t].l0
    stride, start = factor[f].width, factor[f].u0 + column
    out[: q * q] = 0.0
    for j in range(term[t].first, term[t].first + term[t].count):
        at = start + j * stride
        for a in range(q):
            s = u[at + a]
            for b in range(a):
                s -= L[l0 + a * q + b] * e[b]
            e[a] = s / L[l0 + a * q + a]
            for b in range(a + 1):
                out[a * q + b] += e[a] * e[b]
    for a in range(q):
        for b in range(a + 1, q):
            out[a * q + b] = out[b * q + a]


@reassociated
def _sum_of_pairs(L, u, stride, count):
    """(Σ e_j0², Σ e_j0 e_j1, Σ e_j1²) of e_j = L⁻¹u_j, two columns, level j's effects at u[stride · j]."""
    first, mixed, second, scale, slope, scale_of_second = 0.0, 0.0, 0.0, 1.0 / L[0], L[2], 1.0 / L[3]
    for j in range(count):
        a = u[stride * j] * scale
        b = (u[stride * j + 1] - slope * a) * scale_of_second
        first += a * a
        mixed += a * b
        second += b * b
    return first, mixed, second


@kernel
def log_sufficient(q, J, squares, T, F, whole):
    """−J log|T| − ½ Σ_j |T⁻¹F e_j|²: log p(u | L = MT) of J levels up to a constant, F = M⁻¹L_now, ``squares`` = Σ_j e_j e_j' (q×q).

    T and F are lower triangular; ``whole`` (q²) is left as T⁻¹F, which is I where L does not change: no digits are lost however near L is
    to a singular matrix.
    """
    value = 0.0
    for k in range(q):
        value -= J * math.log(T[k * q + k])
        for c in range(k + 1):
            s = F[k * q + c]
            for b in range(c, k):
                s -= T[k * q + b] * whole[b * q + c]
            whole[k * q + c] = s / T[k * q + k]
        quadratic = 0.0
        for a in range(k + 1):
            for b in range(k + 1):
                quadratic += whole[k * q + a] * squares[a * q + b] * whole[k * q + b]
        value -= 0.5 * quadratic
    return value


@lazy(types.int64)
def draw_covariance_sufficient(rng, layout, t, priors, u, L, reference, work):
    """One scan of slices on p(L_t | u), L = M T with M M' = Σ_j u_j u_j'/J: log T_kk and T_ab, one after the other.

    ``reference`` (length of L, frozen) takes the place of M where J is too small for the effects to span it.
    Mutates ``L[l0 : l0+q²]``. Returns the number of density evaluations.
    """
    term, small = layout.term, work.small
    q, l0, J = term[t].width, term[t].l0, term[t].count
    squares, M, T, trial, scratch, F = small[0], small[1], small[2], small[3], small[4], small[5]
    sum_of_squares(layout, t, L, u, scratch, squares)
    if _whitening(squares, J, q, T):  # K = chol(Σ e e'/J), M = L K, F = T = K⁻¹
        _multiply_lower(L[l0:], T, q, M)
        invert_lower(T, q, F)
    else:
        for a in range(q):
            for b in range(q):
                M[a * q + b] = reference[l0 + a * q + b] if b <= a else 0.0
        invert_lower(M, q, scratch)
        _multiply_lower(scratch, L[l0:], q, F)
    for a in range(q * q):
        T[a] = F[a]
    width = 2.5 / math.sqrt(2.0 * max(J, 1))
    tries = 0
    for a in range(q):
        for b in range(a + 1):
            place, diagonal = a * q + b, a == b
            x0 = math.log(T[place]) if diagonal else T[place]
            log_y = -rng.standard_exponential() + _log_whitened(layout, t, priors, place, x0, diagonal, small)
            low = x0 - width * rng.random()
            high = low + width
            for _ in range(40):
                tries += 1
                if log_y >= _log_whitened(layout, t, priors, place, low, diagonal, small):
                    break
                low -= width
            for _ in range(40):
                tries += 1
                if log_y >= _log_whitened(layout, t, priors, place, high, diagonal, small):
                    break
                high += width
            for _ in range(200):
                tries += 1
                x = low + (high - low) * rng.random()
                if _log_whitened(layout, t, priors, place, x, diagonal, small) > log_y:
                    break
                if x < x0:
                    low = x
                else:
                    high = x
            else:
                x = x0
            T[place] = math.exp(x) if diagonal else x
    _multiply_lower(M, T, q, trial)
    for a in range(q * q):
        L[l0 + a] = trial[a]
    return tries


@lazy(types.boolean)
def propose_wishart(rng, layout, t, priors, u, L, work):
    """One proposal of Σ_t ~ inverse-Wishart(df, Σ_j u_j u_j') for p(L_t | u), accepted or not (Metropolis–Hastings); returns whether.

    L* = L K B⁻¹ with KK' = Σ_j e_j e_j' and B lower triangular, B'B ~ Wishart(df, I) (Bartlett's factor, last row first). What lkj and
    Huang–Wand priors leave in the ratio is smallest near df = J − 1 − ¾q: fewer degrees of freedom take a power of |R| out, more take a
    power of the sds; an inverse-Wishart prior joins the proposal, and leaves nothing. It costs as much as one step of a slice, whatever the
    number of variances; where the effects do not span the columns nothing moves.
    """
    term, small, cov = layout.term[t], work.small, priors.cov
    q, l0, J, conjugate = term.width, term.l0, term.count, cov[t, 0] == INVERSE_WISHART
    squares, K, B, trial, scratch, inverse = small[0], small[1], small[2], small[3], small[4], small[5]
    sum_of_squares(layout, t, L, u, scratch, squares)
    df = float(J - 1 - (3 * q) // 4)
    if conjugate:  # squares += L⁻¹SL⁻ᵀ
        df = J + cov[t, 1]
        invert_lower(L[l0:], q, inverse)
        for a in range(q):
            for b in range(q):
                for c in range(a + 1):
                    for d in range(b + 1):
                        squares[a * q + b] += inverse[a * q + c] * cov[t, 2 + c * q + d] * inverse[b * q + d]
    if not _whitening(squares, J, q, K):
        return False
    for a in range(q):
        for b in range(a + 1):
            B[a * q + b] = math.sqrt(2.0 * rng.standard_gamma(0.5 * (df - (q - 1 - a)))) if a == b else rng.standard_normal()
    invert_lower(B, q, inverse)
    _multiply_lower(L[l0:], K, q, B)
    _multiply_lower(B, inverse, q, trial)
    value = 0.0
    for k in range(q):
        for b in range(k + 1):
            trial[k * q + b] *= math.sqrt(J)
        value += (df + 1.0 - J + k) * math.log(trial[k * q + k] / L[l0 + k * q + k])
    density = log_cholesky_prior(layout.term, t, priors.sd, cov, trial, scratch)
    value += density - log_cholesky_prior(layout.term, t, priors.sd, cov, L[l0:], scratch)
    if not density > -np.inf or not (conjugate or value > -rng.standard_exponential()):
        return False
    for a in range(q * q):
        L[l0 + a] = trial[a]
    return True


@kernel
def _whitening(squares, J, q, M):
    """M ← Cholesky factor of squares/J; False where J < 2q or the effects do not span the columns."""
    if J < 2 * q:
        return False
    for a in range(q):
        for b in range(a + 1):
            s = squares[a * q + b] / J
            for k in range(b):
                s -= M[a * q + k] * M[b * q + k]
            if a == b:
                if not s > 1e-12 * squares[a * q + a] / J or not s > 0.0:
                    return False
                M[a * q + a] = math.sqrt(s)
            else:
                M[a * q + b] = s / M[b * q + b]
                M[b * q + a] = 0.0
    return True


@kernel
def _multiply_lower(M, T, q, out):
    """out ← M T, all lower triangular, row-major."""
    for a in range(q):
        for b in range(q):
            s = 0.0
            for k in range(b, a + 1):
                s += M[a * q + k] * T[k * q + b]
            out[a * q + b] = s


@kernel
def _log_whitened(layout, t, priors, place, x, diagonal, small):
    """log p(M T | u) with coordinate ``place`` of T at x (log of it on the diagonal, with its Jacobian).

    small: squares, M, T, the product, scratch, F, T⁻¹F, as ``draw_covariance_sufficient`` fills them.
    """
    q, J = layout.term[t].width, layout.term[t].count
    T, trial = small[2], small[3]
    old = T[place]
    T[place] = math.exp(x) if diagonal else x
    _multiply_lower(small[1], T, q, trial)
    value = log_cholesky_prior(layout.term, t, priors.sd, priors.cov, trial, small[4])
    if value > -np.inf:
        value += log_sufficient(q, J, small[0], T, small[5], small[6]) + (x if diagonal else 0.0)
    T[place] = old
    return value


@kernel
def residual_rhs(layout, gram, unit, pos, core, u, out):
    """out_j ← h_j − [C core + G u + B u_ancestors + B'u_descendants]_j for every level j of the factor at place ``pos`` of its chain."""
    factor, index, units, node = layout.factor, layout.index, layout.units, gram.node
    f = units[unit, pos]
    J, q, qa, u0 = factor[f].levels, factor[f].width, factor[f].ancestors, factor[f].u0
    for j in range(J):
        at, g0, b0 = u0 + j * q, factor[f].g0 + j * q * q, factor[f].b0 + j * q * qa
        for a in range(q):
            s = gram.h[at + a]
            for b in range(q):
                s -= node[g0 + a * q + b] * u[at + b]
            out[at + a] = s
        for e in range(index[factor[f].pointer0 + j], index[factor[f].pointer0 + j + 1]):
            value = core[index[factor[f].list0 + e]]
            for a in range(q):
                out[at + a] -= node[factor[f].c0 + e * q + a] * value
        level, child, column = j, f, 0
        for up in range(pos + 1, units.shape[1]):
            g = units[unit, up]
            if g < 0:
                break
            level = index[factor[child].parent0 + level]
            for b in range(factor[g].width):
                value = u[factor[g].u0 + level * factor[g].width + b]
                for a in range(q):
                    out[at + a] -= node[b0 + a * qa + column + b] * value
            child, column = g, column + factor[g].width
    for down in range(pos):
        g = units[unit, down]
        qg, qga = factor[g].width, factor[g].ancestors
        column = 0
        for between in range(down + 1, pos):
            column += factor[units[unit, between]].width
        for j in range(factor[g].levels):
            level = j
            for step in range(down, pos):
                level = index[factor[units[unit, step]].parent0 + level]
            for a in range(qg):
                value = u[factor[g].u0 + j * qg + a]
                row = factor[g].b0 + (j * qg + a) * qga + column
                for b in range(q):
                    out[u0 + level * q + b] -= node[row + b] * value


@kernel
def ancillary_regression(layout, gram, t, L, u, sigma, residual, work):
    """work.H, r = work.x[4] of p(L_t | e, ỹ); work.effects (J·q) ← e = L⁻¹u. ``residual`` is ``residual_rhs`` of the factor at
    the current u. Returns their size."""
    factor, term, node, H, r, effects = layout.factor, layout.term, gram.node, work.H, work.x[4], work.effects
    f, q, column, l0 = term[t].factor, term[t].width, term[t].column, term[t].l0
    stride = factor[f].width
    d = q * (q + 1) // 2
    H[:d, :d] = 0.0
    r[:d] = 0.0
    precision = 1.0 / (sigma * sigma)
    for j in range(factor[f].levels):
        at, g0 = factor[f].u0 + j * stride + column, factor[f].g0 + j * stride * stride
        for a in range(q):
            effects[j * q + a] = u[at + a]
        divide_root(L, l0, q, effects, j * q)
        row = 0
        for a in range(q):
            w = residual[at + a]
            for c in range(q):
                w += node[g0 + (column + a) * stride + column + c] * u[at + c]
            w *= precision
            for b in range(a + 1):
                r[row] += w * effects[j * q + b]
                other = 0
                for c in range(a + 1):
                    g = node[g0 + (column + a) * stride + column + c] * precision * effects[j * q + b]
                    for k in range(c + 1):
                        if other <= row:
                            H[row, other] += g * effects[j * q + k]
                        other += 1
                row += 1
    return d


@kernel
def _place_ellipse(rng, d, H, x):
    """x[0] ← H⁻¹r, x[1] ← noise of covariance H⁻¹, r = x[4]; returns the ridge that H was given, 0 where it carries no information."""
    largest = 0.0
    for a in range(d):
        largest = max(largest, H[a, a])
    if not largest > 0.0:
        return 0.0
    ridge = 1e-8 * largest  # a ridge for the ellipse, taken back in the slice's density: the target does not change
    for a in range(d):
        H[a, a] += ridge
        for b in range(a + 1):
            s = H[a, b]
            for k in range(b):
                s -= H[a, k] * H[b, k]
            if a == b:
                if not s > 0.0:
                    return 0.0
                H[a, a] = math.sqrt(s)
            else:
                H[a, b] = s / H[b, b]
    for a in range(d):
        s = x[4, a]
        for k in range(a):
            s -= H[a, k] * x[0, k]
        x[0, a] = s / H[a, a]
        x[1, a] = rng.standard_normal()
    for a in range(d - 1, -1, -1):
        s, e = x[0, a], x[1, a]
        for k in range(a + 1, d):
            s -= H[k, a] * x[0, k]
            e -= H[k, a] * x[1, k]
        x[0, a], x[1, a] = s / H[a, a], e / H[a, a]
    return ridge


@kernel
def draw_covariance_ancillary(rng, layout, gram, t, priors, L, u, sigma, residual, work):
    """One elliptical slice of L_t given e; mutates L, u and ``residual``.

    Returns the number of prior evaluations (0: the regression carried no information and nothing moved).
    """
    q, l0, x, tries = layout.term[t].width, layout.term[t].l0, work.x, 1
    d = ancillary_regression(layout, gram, t, L, u, sigma, residual, work)
    ridge = _place_ellipse(rng, d, work.H, x)
    if ridge == 0.0:
        return 0
    k = 0
    for a in range(q):
        for b in range(a + 1):
            x[2, k] = L[l0 + a * q + b]
            k += 1
    log_y = _log_signed_prior(layout, t, priors, x[2], ridge, work.small) - rng.standard_exponential()
    angle = 2.0 * math.pi * rng.random()
    low, high = angle - 2.0 * math.pi, angle
    for _ in range(200):
        cos, sin = math.cos(angle), math.sin(angle)
        for k in range(d):
            x[3, k] = x[0, k] + (x[2, k] - x[0, k]) * cos + x[1, k] * sin
        tries += 1
        if _log_signed_prior(layout, t, priors, x[3], ridge, work.small) > log_y:
            break
        if angle < 0.0:
            low = angle
        else:
            high = angle
        angle = low + (high - low) * rng.random()
    else:
        return tries
    _follow_root(layout, gram, t, x[3], work.effects, u, residual)
    k = 0
    for a in range(q):
        for b in range(a + 1):
            L[l0 + a * q + b] = x[3, k]
            k += 1
    for b in range(q):
        if L[l0 + b * q + b] < 0.0:
            for a in range(b, q):
                L[l0 + a * q + b] = -L[l0 + a * q + b]
    return tries


@kernel
def _follow_root(layout, gram, t, x, effects, u, residual):
    """u_j ← L e_j of term t, L the lower triangle x by rows; ``residual`` follows."""
    factor, node = layout.factor, gram.node
    f, q, column = layout.term[t].factor, layout.term[t].width, layout.term[t].column
    stride = factor[f].width
    for j in range(factor[f].levels):
        at, g0 = factor[f].u0 + j * stride, factor[f].g0 + j * stride * stride
        k = 0
        for a in range(q):
            s = 0.0
            for b in range(a + 1):
                s += x[k] * effects[j * q + b]
                k += 1
            change = s - u[at + column + a]
            u[at + column + a] = s
            for c in range(stride):
                residual[at + c] -= node[g0 + c * stride + column + a] * change


@kernel
def _log_signed_prior(layout, t, priors, x, ridge, small):
    """Prior of the signed factor (columns flipped to a positive diagonal) plus the ridge's correction."""
    q, trial, scratch = layout.term[t].width, small[3], small[4]
    k = 0
    value = 0.0
    for a in range(q):
        for b in range(a + 1):
            trial[a * q + b] = x[k]
            value += 0.5 * ridge * x[k] * x[k]
            k += 1
    for b in range(q):
        if trial[b * q + b] < 0.0:
            for a in range(b, q):
                trial[a * q + b] = -trial[a * q + b]
    if priors.cov[t, 0] == SCALAR and not trial[0] > 0.0:
        return -np.inf
    return value + log_cholesky_prior(layout.term, t, priors.sd, priors.cov, trial, scratch)

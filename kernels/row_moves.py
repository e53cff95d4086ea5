"""Moves of a term's covariance, a row of its Cholesky factor at a time. Nothing is tuned, and their cost does not grow with the number of
variances squared: O(J q²) a row, J levels of q columns.

With u_j = L e_j, e_j ~ N(0, I), row k of L is s_k c_k: s_k the sd of column k, c_k a point on a half-sphere. Its sign is free (column k of
L and e_·k change signs together), so s_k may pass through 0 and c_k through the edge. Given everything else, level j of the term knows

    G_j = Z_j'ΩZ_j ,        R_j = Z_j'Ω(ỹ − Wθ) .

**Collapsed** (``move_rows_collapsed``): row k moves with e_·k of all levels integrated out, and e_·k is drawn after it. With ρ_j = R_j
without what row k and column k put in, row k = αP + βQ, t_j = Σ_{b<k} (αP_b + βQ_b) e_jb and δ = column k of L, δ_k = αP_k + βQ_k,

    log p = Σ_j [ −½ log(1 + g_j/σ²) + ½ r_j²/(σ⁴ + σ²g_j) − ½ (t_j² G_j,kk − 2 t_j ρ_jk)/σ² ] + log p(L),
    g_j = δ'G_jδ ,     r_j = δ'(ρ_j − G_j,·k t_j) ,     e_jk ~ N(r_j/(σ² + g_j), σ²/(σ² + g_j)) .

First s_k (α = s_k, β = 0: a signed slice, Neal 2003), then c_k along a great circle (α, β) = s_k (cos θ, sin θ) with a random tangent Q.
Where the whole is a proposal, e_·k is not drawn: its noise ξ_j = (e_jk − mean)/sd, which is independent of row k, stays, and e_·k follows
the row.

**Given e** (``turn_rows``): c_k along a great circle, the log likelihood a quadratic in (cos θ, sin θ).
"""

from __future__ import annotations

import math

import numpy as np

from .compiling import contracted, kernel, reassociated
from .priors import LEAST_SHARE, LKJ, SCALAR, log_cholesky_prior, log_scale_prior

STEPS_OUT = 64
"""Most steps that a slice of a sd takes outwards, both sides together."""

WHOLE, TANGENT, TRIAL, SCRATCH = 0, 1, 3, 4
"""Rows of ``room.small``: P, Q, a factor L on trial, scratch of its prior."""

G_KK, G_K, G_REST, RHO, RHO_REST, T_WHOLE, T_TANGENT, NOISE = 0, 1, 2, 3, 4, 5, 6, 7
LEVEL_ROWS = 8
"""Rows of ``room.levels``, a number a level: G_kk; over a, b > k: Σ L_ak G_ak; Σ L_ak G_ab L_bk; ρ_k; Σ L_ak ρ_a; Σ P_b e_b; Σ Q_b e_b;
ξ."""


@kernel
def standardize(layout, t, L, u, e):
    """e_j ← L⁻¹u_j of every level of term t, level j at ``e[j·q]``."""
    term, factor = layout.term[t], layout.factor[layout.term[t].factor]
    q, l0, at, stride = term.width, term.l0, factor.u0 + term.column + term.first * factor.width, factor.width
    for j in range(term.count):
        for a in range(q):
            s = u[at + j * stride + a]
            for b in range(a):
                s -= L[l0 + a * q + b] * e[j * q + b]
            e[j * q + a] = s / L[l0 + a * q + a]


@kernel
def log_row_prior(layout, t, priors, k, alpha, beta, L, small):
    """log density of row k of L_t at αP + βQ, the other rows as they are, with respect to ds dω, s = |(α, β)| and ω on its sphere.

    P and Q (orthonormal) are rows of ``small``. L may have negative diagonals: the density is that of LL'.
    """
    term, P, Q = layout.term[t], small[WHOLE], small[TANGENT]
    q, kind, s0 = term.width, priors.cov[t, 0], term.s0
    s = math.sqrt(alpha * alpha + beta * beta)
    if kind == SCALAR:
        return log_scale_prior(priors.sd[s0, 0], priors.sd[s0, 1], priors.sd[s0, 2], s)
    diagonal = (alpha * P[k] + beta * Q[k]) / s
    if kind == LKJ:  # Π_b dL_kb = s^k ds dω: powers of s cancel
        if not diagonal * diagonal > LEAST_SHARE:
            return -np.inf
        power = q - k + 2.0 * (priors.cov[t, 1] - 1.0)
        return power * math.log(abs(diagonal)) + log_scale_prior(priors.sd[s0 + k, 0], priors.sd[s0 + k, 1], priors.sd[s0 + k, 2], s)
    trial, l0 = small[TRIAL], term.l0
    for a in range(q * q):
        trial[a] = L[l0 + a]
    for b in range(k + 1):
        trial[k * q + b] = alpha * P[b] + beta * Q[b]
    return k * math.log(s) + log_cholesky_prior(layout.term, t, priors.sd, priors.cov, trial, small[SCRATCH])


@kernel
def load_row(q, l0, k, L, small):
    """P ← row k of L, made a unit vector; Q ← 0. Returns its length, s_k."""
    P, Q, s = small[WHOLE], small[TANGENT], 0.0
    for b in range(k + 1):
        s = max(s, abs(L[l0 + k * q + b]))
    total = 0.0
    for b in range(k + 1):
        P[b] = L[l0 + k * q + b] / s
        Q[b] = 0.0
        total += P[b] * P[b]
    total = math.sqrt(total)
    for b in range(k + 1):
        P[b] /= total
    return s * total


@kernel
def fresh_tangent(rng, k, small):
    """Q ← a random unit vector orthogonal to P, in the first k + 1 columns (k ≥ 1)."""
    P, Q, along, length = small[WHOLE], small[TANGENT], 0.0, 0.0
    for b in range(k + 1):
        Q[b] = rng.standard_normal()
        along += Q[b] * P[b]
    for b in range(k + 1):
        Q[b] -= along * P[b]
        length += Q[b] * Q[b]
    for b in range(k + 1):
        Q[b] /= math.sqrt(length)


@contracted
def _take_out(layout, t, k, levels, L, u, room):
    """room.levels, rows G_KK to RHO_REST, of row k: what a level knows without what row k and column k of L put in."""
    term, factor, e, c = layout.term[t], layout.factor[layout.term[t].factor], room.effects, room.levels
    G, R, q, l0, stride, column = levels.gram, levels.residual, term.width, term.l0, factor.width, term.column
    for j in range(term.count):
        at = factor.u0 + (term.first + j) * stride + column
        g = levels.gram0 + ((term.first + j) * stride + column) * stride + column
        now, effect, g_k, g_rest, rho_rest = u[at + k], e[j * q + k], 0.0, 0.0, 0.0
        for a in range(k + 1, q):
            g_k += L[l0 + a * q + k] * G[g + a * stride + k]
            g_a = 0.0
            for b in range(k + 1, q):
                g_a += G[g + a * stride + b] * L[l0 + b * q + k]
            g_rest += L[l0 + a * q + k] * g_a
            rho_rest += L[l0 + a * q + k] * (R[at + a] + G[g + a * stride + k] * now + g_a * effect)
        c[G_KK, j], c[G_K, j], c[G_REST, j] = G[g + k * stride + k], g_k, g_rest
        c[RHO, j], c[RHO_REST, j] = R[at + k] + G[g + k * stride + k] * now + g_k * effect, rho_rest


@contracted
def _dot_effects(q, J, last, vector, e, out):
    """out_j ← Σ_{b<last} vector_b e_jb."""
    for j in range(J):
        s = 0.0
        for b in range(last):
            s += vector[b] * e[j * q + b]
        out[j] = s


@reassociated
def log_collapsed(J, c, alpha, beta, diagonal, i2):
    """Σ_j of the module's log p without the prior; ``c`` is ``room.levels``, ``diagonal`` δ_k, ``i2`` 1/σ²."""
    total, logs = 0.0, 0.0
    for start in range(0, J, 16):
        end, product = min(J, start + 16), 1.0
        for j in range(start, end):
            t = alpha * c[T_WHOLE, j] + beta * c[T_TANGENT, j]
            one = 1.0 + i2 * (c[G_REST, j] + diagonal * (2.0 * c[G_K, j] + diagonal * c[G_KK, j]))
            r = c[RHO_REST, j] - c[G_K, j] * t + diagonal * (c[RHO, j] - c[G_KK, j] * t)
            product *= one
            total += i2 * r * r / one - t * (t * c[G_KK, j] - 2.0 * c[RHO, j])
        if product < 1e300:
            logs += math.log(product)
        else:
            for j in range(start, end):
                logs += math.log(1.0 + i2 * (c[G_REST, j] + diagonal * (2.0 * c[G_K, j] + diagonal * c[G_KK, j])))
    return 0.5 * (i2 * total - logs)


@kernel
def _slice_sd(rng, layout, t, priors, k, s, width, i2, L, room):
    """A signed slice of s_k, e_·k integrated out; returns where it ends."""
    c, small, J, diagonal = room.levels, room.small, layout.term[t].count, room.small[WHOLE, k]
    level = log_collapsed(J, c, s, 0.0, s * diagonal, i2) + log_row_prior(layout, t, priors, k, s, 0.0, L, small)
    level -= rng.standard_exponential()
    low = s - width * rng.random()
    high, left = low + width, int(STEPS_OUT * rng.random())
    right = STEPS_OUT - 1 - left
    while left > 0:
        if log_collapsed(J, c, low, 0.0, low * diagonal, i2) + log_row_prior(layout, t, priors, k, low, 0.0, L, small) <= level:
            break
        low, left = low - width, left - 1
    while right > 0:
        if log_collapsed(J, c, high, 0.0, high * diagonal, i2) + log_row_prior(layout, t, priors, k, high, 0.0, L, small) <= level:
            break
        high, right = high + width, right - 1
    for _ in range(200):
        x = low + (high - low) * rng.random()
        if log_collapsed(J, c, x, 0.0, x * diagonal, i2) + log_row_prior(layout, t, priors, k, x, 0.0, L, small) > level:
            return x
        if x < s:
            low = x
        else:
            high = x
    return s


@kernel
def _slice_circle(rng, layout, t, priors, k, s, i2, L, room):
    """A slice of the angle θ of row k = s (P cos θ + Q sin θ), e_·k integrated out; returns where it ends."""
    c, small, J, P, Q = room.levels, room.small, layout.term[t].count, room.small[WHOLE], room.small[TANGENT]
    level = log_collapsed(J, c, s, 0.0, s * P[k], i2) + log_row_prior(layout, t, priors, k, s, 0.0, L, small)
    level -= rng.standard_exponential()
    angle = 2.0 * math.pi * rng.random()
    low, high = angle - 2.0 * math.pi, angle
    for _ in range(200):
        alpha, beta = s * math.cos(angle), s * math.sin(angle)
        value = log_collapsed(J, c, alpha, beta, alpha * P[k] + beta * Q[k], i2)
        if value + log_row_prior(layout, t, priors, k, alpha, beta, L, small) > level:
            return angle
        if angle < 0.0:
            low = angle
        else:
            high = angle
        angle = low + (high - low) * rng.random()
    return 0.0


@contracted
def _noise_of_effects(layout, t, k, s, i2, room):
    """room.levels, row NOISE ← ξ, what e_·k of every level is beside its mean given row k = s P, in units of its sd."""
    e, c, q, diagonal = room.effects, room.levels, layout.term[t].width, s * room.small[WHOLE, k]
    for j in range(layout.term[t].count):
        t_j, one = s * c[T_WHOLE, j], 1.0 + i2 * (c[G_REST, j] + diagonal * (2.0 * c[G_K, j] + diagonal * c[G_KK, j]))
        r = c[RHO_REST, j] - c[G_K, j] * t_j + diagonal * (c[RHO, j] - c[G_KK, j] * t_j)
        c[NOISE, j] = e[j * q + k] * math.sqrt(one) - i2 * r / math.sqrt(one)


@contracted
def _put_in(rng, held, layout, t, k, levels, s, i2, L, u, room):
    """e_·k of every level given row k = s P, its noise drawn or ``held``, and u and R = ``levels.residual`` after them."""
    term, factor, e, c = layout.term[t], layout.factor[layout.term[t].factor], room.effects, room.levels
    G, R, q, l0, stride, column = levels.gram, levels.residual, term.width, term.l0, factor.width, term.column
    diagonal, change = s * room.small[WHOLE, k], room.small[SCRATCH]
    for j in range(term.count):
        at = factor.u0 + (term.first + j) * stride
        g = levels.gram0 + (term.first + j) * stride * stride
        t_j, one = s * c[T_WHOLE, j], 1.0 + i2 * (c[G_REST, j] + diagonal * (2.0 * c[G_K, j] + diagonal * c[G_KK, j]))
        r = c[RHO_REST, j] - c[G_K, j] * t_j + diagonal * (c[RHO, j] - c[G_KK, j] * t_j)
        fresh = (i2 * r / math.sqrt(one) + (c[NOISE, j] if held else rng.standard_normal())) / math.sqrt(one)
        change[k] = t_j + diagonal * fresh - u[at + column + k]
        for a in range(k + 1, q):
            change[a] = L[l0 + a * q + k] * (fresh - e[j * q + k])
        e[j * q + k] = fresh
        for a in range(k, q):
            u[at + column + a] += change[a]
            for b in range(stride):
                R[at + b] -= G[g + b * stride + column + a] * change[a]


@kernel
def _store_row(q, l0, k, s, J, L, e, small):
    """Row k of L ← s P; where L_kk would be negative, column k of L and e_·k change signs."""
    P = small[WHOLE]
    for b in range(k + 1):
        L[l0 + k * q + b] = s * P[b]
    if L[l0 + k * q + k] < 0.0:
        for a in range(k, q):
            L[l0 + a * q + k] = -L[l0 + a * q + k]
        for j in range(J):
            e[j * q + k] = -e[j * q + k]


@kernel
def move_rows_collapsed(rng, held, backwards, layout, t, priors, levels, L, u, sigma, reference, room):
    """Every row of L_t in turn with its effects e_·k integrated out: sd, direction, effects; ``backwards``: the last first, and its
    direction before its sd. ``held``: the noise of the effects stays.

    ``levels``: ``layout.Levels`` of the term's factor. ``room.effects`` holds e (``standardize``). ``reference`` (like L, frozen) is the
    typical size of each row: the width of a slice where the rows say little. Mutates L, u, e and ``levels.residual``.
    """
    term, c, small, e = layout.term[t], room.levels, room.small, room.effects
    q, l0, J, i2 = term.width, term.l0, term.count, 1.0 / (sigma * sigma)
    for i in range(q):
        k = q - 1 - i if backwards else i
        _take_out(layout, t, k, levels, L, u, room)
        s, information, typical = load_row(q, l0, k, L, small), 0.0, 0.0
        _dot_effects(q, J, k, small[WHOLE], e, c[T_WHOLE])
        for j in range(J):
            c[T_TANGENT, j] = 0.0
            information += c[G_KK, j]
        for b in range(k + 1):
            typical += reference[l0 + k * q + b] ** 2
        width = math.sqrt(typical) * 2.5 / math.sqrt(2.0 * max(J, 1))
        if information > 0.0:
            width = max(width, min(2.0 * sigma * math.sqrt(J / information), math.sqrt(typical)))
        if held:
            _noise_of_effects(layout, t, k, s, i2, room)
        if not backwards:
            s = _slice_sd(rng, layout, t, priors, k, s, width, i2, L, room)
        if k > 0:
            s = _made_positive(k, s, J, small, c)
            fresh_tangent(rng, k, small)
            _dot_effects(q, J, k, small[TANGENT], e, c[T_TANGENT])
            angle = _slice_circle(rng, layout, t, priors, k, s, i2, L, room)
            turn(k + 1, angle, small[WHOLE], small[TANGENT])
            turn(J, angle, c[T_WHOLE], c[T_TANGENT])
        if backwards:
            s = _slice_sd(rng, layout, t, priors, k, s, width, i2, L, room)
        _put_in(rng, held, layout, t, k, levels, s, i2, L, u, room)
        _store_row(q, l0, k, s, J, L, e, small)


@kernel
def _made_positive(k, s, J, small, c):
    """|s|; where s is negative, P and what levels know of it change signs with it."""
    if s < 0.0:
        for b in range(k + 1):
            small[WHOLE, b] = -small[WHOLE, b]
        for j in range(J):
            c[T_WHOLE, j] = -c[T_WHOLE, j]
    return abs(s)


@kernel
def turn(size, angle, x, y):
    """x ← x cos θ + y sin θ."""
    cos, sin = math.cos(angle), math.sin(angle)
    for k in range(size):
        x[k] = x[k] * cos + y[k] * sin


@kernel
def turn_rows(rng, backwards, layout, t, priors, levels, L, u, sigma, room):
    """The direction of every row of L_t but the first along a random great circle, given e; ``backwards``: the last first.

    Mutates L, u, e and ``levels.residual``."""
    term, factor, small, e = layout.term[t], layout.factor[layout.term[t].factor], room.small, room.effects
    G, R, q, l0, J, stride, column = levels.gram, levels.residual, term.width, term.l0, term.count, factor.width, term.column
    for i in range(1, q):
        k = q - i if backwards else i
        s = load_row(q, l0, k, L, small)
        fresh_tangent(rng, k, small)
        _dot_effects(q, J, k + 1, small[WHOLE], e, room.levels[T_WHOLE])
        _dot_effects(q, J, k + 1, small[TANGENT], e, room.levels[T_TANGENT])
        along, across, whole, mixed, tangent = 0.0, 0.0, 0.0, 0.0, 0.0
        for j in range(J):
            at = factor.u0 + (term.first + j) * stride + column + k
            g = G[levels.gram0 + (term.first + j) * stride * stride + (column + k) * (stride + 1)]
            t_whole, t_tangent, rho = room.levels[T_WHOLE, j], room.levels[T_TANGENT, j], R[at] + g * u[at]
            along += rho * t_whole
            across += rho * t_tangent
            whole += g * t_whole * t_whole
            mixed += g * t_whole * t_tangent
            tangent += g * t_tangent * t_tangent
        i2 = s / (sigma * sigma)
        level = i2 * (along - 0.5 * s * whole) + log_row_prior(layout, t, priors, k, s, 0.0, L, small) - rng.standard_exponential()
        angle = 2.0 * math.pi * rng.random()
        low, high = angle - 2.0 * math.pi, angle
        for tries in range(201):
            cos, sin = math.cos(angle), math.sin(angle)
            value = i2 * (along * cos + across * sin - 0.5 * s * (whole * cos * cos + 2.0 * mixed * cos * sin + tangent * sin * sin))
            if tries == 200 or value + log_row_prior(layout, t, priors, k, s * cos, s * sin, L, small) > level:
                break
            if angle < 0.0:
                low = angle
            else:
                high = angle
            angle = low + (high - low) * rng.random() if tries < 199 else 0.0
        turn(k + 1, angle, small[WHOLE], small[TANGENT])
        turn(J, angle, room.levels[T_WHOLE], room.levels[T_TANGENT])
        for j in range(J):
            at = factor.u0 + (term.first + j) * stride
            g = levels.gram0 + (term.first + j) * stride * stride + column + k
            change = s * room.levels[T_WHOLE, j] - u[at + column + k]
            u[at + column + k] += change
            for b in range(stride):
                R[at + b] -= G[g + b * stride] * change
        _store_row(q, l0, k, s, J, L, e, small)

"""The coefficients and all sds in one normal draw, given the directions of the covariances and the standardised effects.

Write L = diag(s) C. With C and e given, the effects are linear in the sds, u_j = diag(s) C e_j, and so is the predictor in γ = (β, s):

    log p(ỹ | γ, C, e, σ) = −(γ'Hγ − 2 r'γ)/2σ² + constant,      H = V'W'ΩWV ,

V the matrix that holds C e_j in the column of its sd. A normal prior of β, and a half-normal or (as a scale mixture, λ_k ~
Gamma((ν+1)/2, rate (ν + s_k²/A²)/2)) a half-t prior of s_k, leave γ normal with precision

    M = H/σ² + blockdiag(B₀⁻¹, λ_k/A_k²) ,

and it is drawn, sds signed (the sign of s_k and of row k of C are one choice). Other priors of sds, and priors of a covariance that do not
factor into sds and directions, come in as a likelihood would: one elliptical slice (Murray, Adams & MacKay 2010) around the same mean, with
a normal of 10⁻⁸ of the data's precision in place of the prior, taken back in the ratio.

Gelman (2004, parameter expansion) and Yu & Meng (2011, ancillary) move sds given e one at a time; here they move with β, so that a mean of
the effects that differs from 0 holds neither back.
"""

from __future__ import annotations

import math

import numpy as np

from .compiling import contracted, kernel
from .covariance import residual_rhs
from .elimination import factor_in_place
from .priors import HALF_NORMAL, HALF_T, LKJ, SCALAR, log_cholesky_prior, log_scale_prior

GRADIENT, NOISE, NOW, MEAN, TRIAL_POINT = 0, 1, 2, 3, 4
"""Rows of ``room.gamma``."""


@kernel
def core_residual(layout, gram, unit, core, u, out):
    """out (pc,) ← core'Ω(ỹ − Wθ): what is left for the core's columns, the effects of ``unit`` (−1: none) taken off too."""
    factor, index, pc = layout.factor, layout.index, core.size
    for a in range(pc):
        s = gram.m[a] - gram.core[a, a] * core[a]
        for b in range(a):
            s -= gram.core[a, b] * core[b]
            out[b] -= gram.core[a, b] * core[a]
        out[a] = s
    if unit < 0:
        return
    for pos in range(layout.units.shape[1]):
        f = layout.units[unit, pos]
        if f < 0:
            break
        q = factor[f].width
        for j in range(factor[f].levels):
            at = factor[f].u0 + j * q
            for e in range(index[factor[f].pointer0 + j], index[factor[f].pointer0 + j + 1]):
                s, c = 0.0, factor[f].c0 + e * q
                for a in range(q):
                    s += gram.node[c + a] * u[at + a]
                out[index[factor[f].list0 + e]] -= s


@kernel
def _name_sds(layout, unit, L, u, room):
    """The sds that are drawn: room.sd_of their numbers by column of Z, −1 elsewhere; room.direction their columns' effects in units of
    them; the same for the core's columns. Returns how many."""
    factor, term, sd_of, direction, point = layout.factor, layout.term, room.sd_of, room.direction, room.gamma[NOW]
    n, p = 0, room.B.shape[0]
    for k in range(sd_of.size):
        sd_of[k] = -1
    for k in range(u.size):
        direction[k] = 0.0
    for t in range(term.shape[0]):
        f, q, l0 = term[t].factor, term[t].width, term[t].l0
        if term[t].given == 1 or not (factor[f].unit == -1 or factor[f].unit == unit):
            continue
        for k in range(q):
            s = 0.0
            for b in range(k + 1):
                s += L[l0 + k * q + b] ** 2
            s = math.sqrt(s)
            sd_of[factor[f].z0 + term[t].column + k] = n
            point[p + n] = s
            at = factor[f].u0 + term[t].column + k
            for j in range(term[t].first, term[t].first + term[t].count):
                direction[at + j * factor[f].width] = u[at + j * factor[f].width] / s
            n += 1
    for c in range(room.core_sd.size):
        room.core_sd[c] = -1
    for k in range(layout.core_factors.size):
        f = layout.core_factors[k]
        q = factor[f].width
        for j in range(factor[f].levels):
            for a in range(q):
                c = factor[f].core0 + j * q + a
                room.core_sd[c] = sd_of[factor[f].z0 + a]
                room.core_direction[c] = direction[factor[f].u0 + j * q + a]
    return n


@kernel
def _add(M, a, b, value):
    """M += value at (a, b) and (b, a), lower triangle."""
    if a > b:
        M[a, b] += value
    elif a < b:
        M[b, a] += value
    else:
        M[a, a] += 2.0 * value


@contracted
def _core_products(gram, p, n, room):
    """room.joint ← H of β and of the core's sds."""
    M, core_sd, v, S = room.joint, room.core_sd, room.core_direction, gram.core
    for a in range(p + n):
        for b in range(a + 1):
            M[a, b] = S[a, b] if a < p else 0.0
    for c in range(p, core_sd.size):
        i = core_sd[c]
        if i < 0:
            continue
        for b in range(p):
            M[p + i, b] += v[c] * S[c, b]
        for b in range(p, c):
            if core_sd[b] >= 0 and S[c, b] != 0.0:
                _add(M, p + i, p + core_sd[b], v[c] * S[c, b] * v[b])
        M[p + i, p + i] += v[c] * v[c] * S[c, c]


@contracted
def _unit_products(layout, gram, unit, pos, p, room):
    """room.joint += H of the sds of the factor at place ``pos`` of its chain, with β, the core's sds and those of its ancestors."""
    factor, index, units, node, M, v, image = layout.factor, layout.index, layout.units, gram.node, room.joint, room.direction, room.image
    f = units[unit, pos]
    q, qa, sd = factor[f].width, factor[f].ancestors, factor[f].z0
    for a in range(q):
        for c in range(image.shape[1]):
            image[a, c] = 0.0
    for j in range(factor[f].levels):
        at, g0, b0 = factor[f].u0 + j * q, factor[f].g0 + j * q * q, factor[f].b0 + j * q * qa
        for e in range(index[factor[f].pointer0 + j], index[factor[f].pointer0 + j + 1]):
            c = index[factor[f].list0 + e]
            for a in range(q):
                image[a, c] += v[at + a] * node[factor[f].c0 + e * q + a]
        for a in range(q):
            i = p + room.sd_of[sd + a]
            if i < p:
                continue
            M[i, i] += v[at + a] * v[at + a] * node[g0 + a * q + a]
            for b in range(a):
                if room.sd_of[sd + b] >= 0:
                    _add(M, i, p + room.sd_of[sd + b], v[at + a] * v[at + b] * node[g0 + a * q + b])
            level, child, column = j, f, b0 + a * qa
            for up in range(pos + 1, units.shape[1]):
                g = units[unit, up]
                if g < 0:
                    break
                level = index[factor[child].parent0 + level]
                for b in range(factor[g].width):
                    if room.sd_of[factor[g].z0 + b] >= 0:
                        value = v[at + a] * node[column] * v[factor[g].u0 + level * factor[g].width + b]
                        _add(M, i, p + room.sd_of[factor[g].z0 + b], value)
                    column += 1
                child = g
    for a in range(q):
        i = p + room.sd_of[sd + a]
        if i < p:
            continue
        for c in range(p):
            M[i, c] += image[a, c]
        for c in range(p, image.shape[1]):
            if room.core_sd[c] >= 0:
                _add(M, i, p + room.core_sd[c], image[a, c] * room.core_direction[c])


@kernel
def _slopes(layout, gram, unit, p, n, i2, state, room):
    """room.gamma[GRADIENT] ← the derivative of the log likelihood of γ where it is."""
    factor, gradient, residual = layout.factor, room.gamma[GRADIENT], room.residual
    core_residual(layout, gram, unit, state.core, state.u, room.core_residual)
    for i in range(p + n):
        gradient[i] = i2 * room.core_residual[i] if i < p else 0.0
    for c in range(p, state.core.size):
        if room.core_sd[c] >= 0:
            gradient[p + room.core_sd[c]] += i2 * room.core_direction[c] * room.core_residual[c]
    for pos in range(layout.units.shape[1] if unit >= 0 else 0):
        f = layout.units[unit, pos]
        if f < 0:
            break
        residual_rhs(layout, gram, unit, pos, state.core, state.u, residual)
        q = factor[f].width
        for j in range(factor[f].levels):
            for a in range(q):
                i, at = room.sd_of[factor[f].z0 + a], factor[f].u0 + j * q + a
                if i >= 0:
                    gradient[p + i] += i2 * room.direction[at] * residual[at]


@kernel
def _stand_for_priors(rng, layout, unit, priors, p, n, room):
    """M and the gradient += those of the priors, where they are normal given a precision multiplier, or of a normal in their place.
    Returns whether every prior is normal, so that nothing is left for a ratio."""
    M, now, gradient, term, B = room.joint, room.gamma[NOW], room.gamma[GRADIENT], layout.term, room.B
    for a in range(p):
        s = B[a, p]
        for b in range(p):
            s -= B[a, b] * now[b]
        gradient[a] += s
        for b in range(a + 1):
            M[a, b] += B[a, b]
    exact, i = True, p
    for t in range(term.shape[0]):
        f, kind = layout.factor[term[t].factor], priors.cov[t, 0]
        if term[t].given == 1 or not (f.unit == -1 or f.unit == unit):
            continue
        for k in range(term[t].width):
            code, a, b = priors.sd[term[t].s0 + k, 0], priors.sd[term[t].s0 + k, 1], priors.sd[term[t].s0 + k, 2]
            apart = kind == SCALAR or kind == LKJ
            if apart and code == HALF_T:
                precision = rng.standard_gamma(0.5 * (a + 1.0)) / (0.5 * (a + (now[i] / b) ** 2)) / (b * b)
            elif apart and code == HALF_NORMAL:
                precision = 1.0 / (a * a)
            else:
                precision, exact = 1e-8 * M[i, i], False
            room.precision[i - p] = precision
            M[i, i] += precision
            gradient[i] -= precision * now[i]
            i += 1
    return exact


@kernel
def _log_ratio(layout, unit, priors, L, now, point, p, room):
    """Σ log prior less the normals in its place, with the sds of ``point``; 0 of what is normal. L has the sds of ``now``."""
    term, value, i = layout.term, 0.0, p
    trial, scratch = room.small[3], room.small[4]
    for t in range(term.shape[0]):
        f, kind, q, l0, s0 = layout.factor[term[t].factor], priors.cov[t, 0], term[t].width, term[t].l0, term[t].s0
        if term[t].given == 1 or not (f.unit == -1 or f.unit == unit):
            continue
        apart = kind == SCALAR or kind == LKJ
        for k in range(q):
            code, s = priors.sd[s0 + k, 0], abs(point[i + k])
            if apart:
                if code != HALF_T and code != HALF_NORMAL:
                    value += log_scale_prior(code, priors.sd[s0 + k, 1], priors.sd[s0 + k, 2], s)
                    value += 0.5 * room.precision[i + k - p] * s * s
                continue
            value += k * math.log(s) + 0.5 * room.precision[i + k - p] * s * s
            for b in range(k + 1):
                trial[k * q + b] = L[l0 + k * q + b] * (point[i + k] / now[i + k])
        if not apart:
            value += log_cholesky_prior(term, t, priors.sd, priors.cov, trial, scratch)
        i += q
    return value


@kernel
def _draw_point(rng, layout, unit, priors, L, size, p, exact, room):
    """room.gamma[TRIAL_POINT] ← a draw of γ: noise around the mean, or a point of the ellipse through where γ is. False: M has no root."""
    M, now, noise, mean, trial = room.joint, room.gamma[NOW], room.gamma[NOISE], room.gamma[MEAN], room.gamma[TRIAL_POINT]
    factor_in_place(M, size)
    for a in range(size):
        s = room.gamma[GRADIENT, a]
        for b in range(a):
            s -= M[a, b] * mean[b]
        mean[a] = s / M[a, a]
        noise[a] = rng.standard_normal()
    for a in range(size - 1, -1, -1):
        s, e = mean[a], noise[a]
        for b in range(a + 1, size):
            s -= M[b, a] * mean[b]
            e -= M[b, a] * noise[b]
        mean[a], noise[a] = s / M[a, a], e / M[a, a]
    total = 0.0
    for a in range(size):
        total += mean[a] + noise[a]
        mean[a] += now[a]
        trial[a] = mean[a] + noise[a]
    if exact or not (total > -np.inf and total < np.inf):
        return total > -np.inf and total < np.inf
    level = _log_ratio(layout, unit, priors, L, now, now, p, room) - rng.standard_exponential()
    angle = 2.0 * math.pi * rng.random()
    low, high = angle - 2.0 * math.pi, angle
    for _ in range(200):
        cos, sin = math.cos(angle), math.sin(angle)
        for a in range(size):
            trial[a] = mean[a] + (now[a] - mean[a]) * cos + noise[a] * sin
        if _log_ratio(layout, unit, priors, L, now, trial, p, room) > level:
            return True
        if angle < 0.0:
            low = angle
        else:
            high = angle
        angle = low + (high - low) * rng.random()
    return False


@kernel
def draw_coefficients_and_sds(rng, layout, unit, gram, priors, state, room):
    """γ = (β, all sds of the core's factors and of ``unit``) given everything else; ``unit`` −1: there is none.

    ``gram``: with the effects of other units taken off. Mutates state.core, state.u, state.L.
    """
    factor, term, L, u, p, i2 = layout.factor, layout.term, state.L, state.u, room.B.shape[0], 1.0 / state.sigma[0] ** 2
    n = _name_sds(layout, unit, L, u, room)
    now, point, size = room.gamma[NOW], room.gamma[TRIAL_POINT], p + n
    for b in range(p):
        now[b] = state.core[b]
    _core_products(gram, p, n, room)
    for pos in range(layout.units.shape[1] if unit >= 0 else 0):
        if layout.units[unit, pos] >= 0:
            _unit_products(layout, gram, unit, pos, p, room)
    for a in range(size):
        for b in range(a + 1):
            room.joint[a, b] *= i2
    _slopes(layout, gram, unit, p, n, i2, state, room)
    exact = _stand_for_priors(rng, layout, unit, priors, p, n, room)
    if not _draw_point(rng, layout, unit, priors, L, size, p, exact, room):
        return
    for b in range(p):
        state.core[b] = point[b]
    for t in range(term.shape[0]):
        f, q, l0 = term[t].factor, term[t].width, term[t].l0
        stride = factor[f].width
        for k in range(q):
            i = room.sd_of[factor[f].z0 + term[t].column + k]
            if i < 0:
                continue
            ratio = point[p + i] / now[p + i]
            for b in range(k + 1):
                L[l0 + k * q + b] *= ratio
            at = factor[f].u0 + term[t].column + k
            for j in range(term[t].first, term[t].first + term[t].count):
                u[at + j * stride] = room.direction[at + j * stride] * point[p + i]
            if L[l0 + k * q + k] < 0.0:
                for a in range(k, q):
                    L[l0 + a * q + k] = -L[l0 + a * q + k]
    for k in range(layout.core_factors.size):
        f = layout.core_factors[k]
        for j in range(factor[f].levels * factor[f].width):
            state.core[factor[f].core0 + j] = u[factor[f].u0 + j]

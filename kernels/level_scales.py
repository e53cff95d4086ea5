"""Student-t random effects as a scale mixture of normals: one multiplier λ_j of the precision of every level.

    u_j | λ_j ~ N(0, Σ/λ_j),   λ_j ~ Gamma(ν/2, ν/2),      so that   u_j ~ t_ν(0, Σ)      (Lange, Little & Taylor 1989)

The rest of a sweep sees v_j = √λ_j u_j ~ N(0, Σ) and columns z_ij/√λ_j, which give the same linear predictor: a model with normal
effects. Between two sweeps, the u_j held (and with them η and the likelihood),

    sds | u, ν   with the λ integrated out:  p(L) Π_j t_ν(u_j; 0, LL'), a slice on the logarithm of each
    ν | u        with the λ integrated out:  p(ν) Π_j t_ν(u_j; 0, Σ), a slice on log ν
    λ_j | u, ν ~ Gamma((ν + q)/2, rate (ν + u_j'Σ⁻¹u_j)/2)

and what holds columns of level j (its v, Z, cross-products) is multiplied by the change of 1/√λ_j. Nothing of it passes through the
other kernels: they know neither λ nor ν.
"""

from __future__ import annotations

import math

import numpy as np

from .compiling import kernel
from .priors import FIXED, invert_lower, log_cholesky_prior, log_scale_prior


@kernel
def level_distances(layout, f, L, v, spread, distance, inverse):
    """distance (J,) ← u_j'Σ⁻¹u_j of every level of factor f, u_j = ``spread`` v_j; returns q, the columns that a level has."""
    factor, term = layout.factor, layout.term
    distance[:] = 0.0
    columns = 0
    for t in range(term.shape[0]):
        if term[t].factor != f:
            continue
        q, start = term[t].width, factor[f].u0 + term[t].column
        invert_lower(L[term[t].l0 :], q, inverse)
        columns += q * term[t].count
        for j in range(term[t].first, term[t].first + term[t].count):
            for a in range(q):
                s = 0.0
                for b in range(a + 1):
                    s += inverse[a * q + b] * v[start + j * factor[f].width + b]
                distance[j] += s * s
    for j in range(factor[f].levels):
        distance[j] *= spread[factor[f].u0 + j * factor[f].width] ** 2
    return columns // factor[f].levels


@kernel
def log_sd(layout, t, a, delta, priors, nu, L, v, spread, distance, inverse):
    """Log density of δ, the sd of column a of term t being e^δ times what L says, given u and ν, the λ integrated out. L is as before."""
    term = layout.term
    f, q, l0 = term[t].factor, term[t].width, term[t].l0
    for b in range(a + 1):
        L[l0 + a * q + b] *= math.exp(delta)
    value = log_cholesky_prior(term, t, priors.sd, priors.cov, L[l0:], inverse)
    if value > -np.inf:
        columns = level_distances(layout, f, L, v, spread, distance, inverse)
        value += (a + 1.0 - term[t].count) * delta
        for j in range(term[t].first, term[t].first + term[t].count):
            value -= 0.5 * (nu + columns) * math.log1p(distance[j] / nu)
    for b in range(a + 1):
        L[l0 + a * q + b] *= math.exp(-delta)
    return value


@kernel
def draw_sds(rng, layout, f, priors, nu, L, v, spread, distance, inverse):
    """A slice on the logarithm of every sd of factor f | u, ν (Neal 2003). Mutates L."""
    term = layout.term
    for t in range(term.shape[0]):
        if term[t].factor != f or term[t].given == 1:
            continue
        q, l0 = term[t].width, term[t].l0
        width = 3.0 / math.sqrt(term[t].count)
        for a in range(q):
            log_y = log_sd(layout, t, a, 0.0, priors, nu, L, v, spread, distance, inverse) - rng.standard_exponential()
            low = -width * rng.random()
            high = low + width
            for _ in range(30):
                if log_sd(layout, t, a, low, priors, nu, L, v, spread, distance, inverse) <= log_y:
                    break
                low -= width
            for _ in range(30):
                if log_sd(layout, t, a, high, priors, nu, L, v, spread, distance, inverse) <= log_y:
                    break
                high += width
            for _ in range(200):
                delta = low + (high - low) * rng.random()
                if log_sd(layout, t, a, delta, priors, nu, L, v, spread, distance, inverse) > log_y:
                    for b in range(a + 1):
                        L[l0 + a * q + b] *= math.exp(delta)
                    break
                if delta < 0.0:
                    low = delta
                else:
                    high = delta


@kernel
def log_degrees_of_freedom(prior, distance, q, x):
    """Log density of x = log ν given u_j'Σ⁻¹u_j = ``distance`` (J,), the λ integrated out, Jacobian included."""
    nu = math.exp(x)
    value = log_scale_prior(prior[0], prior[1], prior[2], nu)
    if not (value > -np.inf and nu < 1e8):
        return -np.inf
    J = distance.size
    value += x + J * (math.lgamma(0.5 * (nu + q)) - math.lgamma(0.5 * nu) - 0.5 * q * x)
    for j in range(J):
        value -= 0.5 * (nu + q) * math.log1p(distance[j] / nu)
    return value


@kernel
def draw_degrees_of_freedom(rng, prior, distance, q, nu):
    """A slice on log ν | u (Neal 2003). Returns the new ν."""
    x0 = math.log(nu)
    log_y = log_degrees_of_freedom(prior, distance, q, x0) - rng.standard_exponential()
    low = x0 - rng.random()
    high = low + 1.0
    for _ in range(30):
        if log_degrees_of_freedom(prior, distance, q, low) <= log_y:
            break
        low -= 1.0
    for _ in range(30):
        if log_degrees_of_freedom(prior, distance, q, high) <= log_y:
            break
        high += 1.0
    for _ in range(200):
        x = low + (high - low) * rng.random()
        if log_degrees_of_freedom(prior, distance, q, x) > log_y:
            return math.exp(x)
        if x < x0:
            low = x
        else:
            high = x
    return nu


@kernel
def draw_level_scales(rng, layout, multipliers, priors, L, v, distance, inverse):
    """sds | u, ν; ν | u; λ_j | u, ν of the factors ``multipliers.chosen``, their effects u_j = spread v_j held.

    Sets L, df and spread; change ← new spread / old. ``rescale`` must follow.
    """
    factor, chosen, prior, df = layout.factor, multipliers.chosen, multipliers.prior, multipliers.df
    spread, change = multipliers.spread, multipliers.change
    change[:] = 1.0
    for k in range(chosen.size):
        f = chosen[k]
        J, width, start = factor[f].levels, factor[f].width, factor[f].u0
        draw_sds(rng, layout, f, priors, df[k], L, v, spread, distance[:J], inverse)
        q = level_distances(layout, f, L, v, spread, distance[:J], inverse)
        if prior[k, 0] != FIXED:
            df[k] = draw_degrees_of_freedom(rng, prior[k], distance[:J], q, df[k])
        for j in range(J):
            multiplier = rng.standard_gamma(0.5 * (df[k] + q)) / (0.5 * (df[k] + distance[j]))
            new = 1.0 / math.sqrt(max(multiplier, 1e-200))
            for a in range(start + j * width, start + (j + 1) * width):
                change[a] = new / spread[a]
                spread[a] = new


@kernel
def copy_to_core(layout, times, core_times):
    """core_times (pc,) ← that of ``times`` (U,) for the columns of factors in the core; 1 for fixed effects."""
    factor, core_factors = layout.factor, layout.core_factors
    core_times[:] = 1.0
    for k in range(core_factors.size):
        f = core_factors[k]
        for a in range(factor[f].coordinates * factor[f].width):
            core_times[factor[f].core0 + a] = times[factor[f].u0 + a]


@kernel
def scale_gram(layout, of, times, core_times, gram):
    """gram ← the cross-products ``of`` (which may be ``gram`` itself) with every column multiplied by its ``times`` or ``core_times``."""
    factor, index, units = layout.factor, layout.index, layout.units
    for a in range(core_times.size):
        gram.m[a] = of.m[a] * core_times[a]
        for b in range(a + 1):
            gram.core[a, b] = of.core[a, b] * (core_times[a] * core_times[b])
    for k in range(times.size):
        gram.h[k] = of.h[k] * times[k]
        for e in range(gram.cross_pointer[k], gram.cross_pointer[k + 1]):
            gram.cross_value[e] = of.cross_value[e] * (times[k] * times[gram.cross_column[e]])
    node, source = gram.node, of.node
    for t in range(units.shape[0]):
        for pos in range(units.shape[1]):
            f = units[t, pos]
            if f < 0:
                break
            q, qa = factor[f].width, factor[f].ancestors
            for j in range(factor[f].levels):
                at, g0, b0 = factor[f].u0 + j * q, factor[f].g0 + j * q * q, factor[f].b0 + j * q * qa
                for a in range(q):
                    for b in range(q):
                        node[g0 + a * q + b] = source[g0 + a * q + b] * (times[at + a] * times[at + b])
                    parent, child, column = j, f, b0 + a * qa
                    for up in range(pos + 1, units.shape[1]):
                        g = units[t, up]
                        if g < 0:
                            break
                        parent = index[factor[child].parent0 + parent]
                        for b in range(factor[g].width):
                            node[column] = source[column] * (times[at + a] * times[factor[g].u0 + parent * factor[g].width + b])
                            column += 1
                        child = g
                for e in range(index[factor[f].pointer0 + j], index[factor[f].pointer0 + j + 1]):
                    c, its = factor[f].c0 + e * q, core_times[index[factor[f].list0 + e]]
                    for a in range(q):
                        node[c + a] = source[c + a] * (times[at + a] * its)


@kernel
def scale_columns(layout, chosen, of, times, level, Z):
    """Z (M, ΣQ) ← the columns ``of`` (which may be Z itself) of the factors ``chosen``, multiplied by ``times``; level (M, K)."""
    factor = layout.factor
    for k in range(chosen.size):
        f = chosen[k]
        q, z = factor[f].width, factor[f].z0
        for i in range(level.shape[0]):
            at = factor[f].u0 + level[i, f] * q
            for a in range(q):
                Z[i, z + a] = of[i, z + a] * times[at + a]


@kernel
def rescale(layout, gram, multipliers, Z, level, u, core):
    """Multiply the columns of every effect by ``multipliers.change``, and its effect by 1/change: η stays what it is.

    Z (M, ΣQ) with level (M, K) are rows that a sweep passes over (none for gaussian outcomes).
    """
    change, core_change = multipliers.change, multipliers.core_change
    copy_to_core(layout, change, core_change)
    for a in range(core.size):
        core[a] /= core_change[a]
    for k in range(u.size):
        u[k] /= change[k]
    scale_gram(layout, gram, change, core_change, gram)
    scale_columns(layout, multipliers.chosen, Z, change, level, Z)


@kernel
def scale_anew(layout, base, gram, multipliers, base_Z, Z, level):
    """Gram and columns ← those with no multiplier, ``base`` and ``base_Z``, times ``multipliers.spread``.

    What ``rescale`` gives, but for the digits that its many small changes lost: a function of the state, not of how the chain got there.
    """
    copy_to_core(layout, multipliers.spread, multipliers.core_change)
    scale_gram(layout, base, multipliers.spread, multipliers.core_change, gram)
    scale_columns(layout, multipliers.chosen, base_Z, multipliers.spread, level, Z)

"""What cross-products alone give of a gaussian model, with no pass over the rows: the residual sd, right-hand sides between units."""

from __future__ import annotations

import math

from .arrays import copy_to
from .compiling import kernel, lazy, parts
from .layout import Gram
from .priors import log_scale_prior


@kernel
def residual_sum_of_squares(layout, gram, yy, core, u):
    """(ỹ − Wθ)'Ω(ỹ − Wθ) = ỹ'Ωỹ − 2θ'W'Ωỹ + θ'W'ΩWθ from the stored cross-products.

    ``ỹ`` is the outcome less a least-squares reference fit, so that little cancels. Products between units are ``between_units``.
    """
    factor, index, units, node, h = layout.factor, layout.index, layout.units, gram.node, gram.h
    total = yy
    for a in range(core.size):
        s = -2.0 * gram.m[a] + gram.core[a, a] * core[a]
        for b in range(a):
            s += 2.0 * gram.core[a, b] * core[b]
        total += s * core[a]
    for t in range(units.shape[0]):
        for pos in range(units.shape[1]):
            f = units[t, pos]
            if f < 0:
                break
            q, qa = factor[f].width, factor[f].ancestors
            for j in range(factor[f].levels):
                at, g0, b0 = factor[f].u0 + j * q, factor[f].g0 + j * q * q, factor[f].b0 + j * q * qa
                for a in range(q):
                    s = -2.0 * h[at + a]
                    for b in range(q):
                        s += node[g0 + a * q + b] * u[at + b]
                    level, child, column = j, f, b0 + a * qa
                    for up in range(pos + 1, units.shape[1]):
                        g = units[t, up]
                        if g < 0:
                            break
                        level = index[factor[child].parent0 + level]
                        for b in range(factor[g].width):
                            s += 2.0 * node[column] * u[factor[g].u0 + level * factor[g].width + b]
                            column += 1
                        child = g
                    for e in range(index[factor[f].pointer0 + j], index[factor[f].pointer0 + j + 1]):
                        s += 2.0 * node[factor[f].c0 + e * q + a] * core[index[factor[f].list0 + e]]
                    total += s * u[at + a]
    return total


@kernel
def between_units(gram, u):
    """Σ u_f'Z_f'ΩZ_g u_g over pairs of factors f, g of different units, each pair once (lower triangle of the CSR)."""
    pointer, column, value = gram.cross_pointer, gram.cross_column, gram.cross_value
    total = 0.0
    for row in range(u.size):
        s = 0.0
        for k in range(pointer[row], pointer[row + 1]):
            if column[k] >= row:
                break
            s += value[k] * u[column[k]]
        total += s * u[row]
    return total


@kernel
def between_two_units(layout, gram, u, rhs):
    """``between_units`` where there are two, of which the second was drawn last: ``rhs`` is what it was drawn by (``rhs_between_units``),
    in which the products with the first, as it is still, were taken off."""
    factor, total = layout.factor, 0.0
    for pos in range(layout.units.shape[1]):
        f = layout.units[1, pos]
        if f >= 0:
            for row in range(factor[f].u0, factor[f].u0 + factor[f].levels * factor[f].width):
                total += (gram.h[row] - rhs[row]) * u[row]
    return total


@kernel
def _log_sigma(scale_prior, n, squares, x):
    """Log density of log σ given the residual sum of squares."""
    sigma = math.exp(x)
    prior = log_scale_prior(scale_prior[0, 0], scale_prior[0, 1], scale_prior[0, 2], sigma)
    return -n * x - 0.5 * squares / (sigma * sigma) + prior + x


@kernel
def draw_residual_sd(rng, scale_prior, n, squares, sigma):
    """σ | θ, y ∝ σ^{−n} exp(−RSS/2σ²) p(σ): a slice on log σ. Returns the new σ."""
    x0 = math.log(sigma)
    width = 2.5 / math.sqrt(2.0 * n)
    log_y = _log_sigma(scale_prior, n, squares, x0) - rng.standard_exponential()
    low = x0 - width * rng.random()
    high = low + width
    for _ in range(40):
        if _log_sigma(scale_prior, n, squares, low) <= log_y:
            break
        low -= width
    for _ in range(40):
        if _log_sigma(scale_prior, n, squares, high) <= log_y:
            break
        high += width
    for _ in range(200):
        x = low + (high - low) * rng.random()
        if _log_sigma(scale_prior, n, squares, x) > log_y:
            return math.exp(x)
        if x < x0:
            low = x
        else:
            high = x
    return sigma


@lazy()
def rhs_between_units(layout, gram, u, unit, work):
    """work.rhs, work.rhs_core ← right-hand sides of (core, unit) with the other units' effects taken off, from cross-products alone."""
    factor, index, rhs, rhs_core = layout.factor, layout.index, work.rhs, work.rhs_core
    copy_to(gram.m, rhs_core)
    for f in range(factor.shape[0]):
        q, start = factor[f].width, factor[f].u0
        if factor[f].unit == unit:
            for row in range(start, start + factor[f].levels * q):
                s = gram.h[row]
                for k in range(gram.cross_pointer[row], gram.cross_pointer[row + 1]):
                    s -= gram.cross_value[k] * u[gram.cross_column[k]]
                rhs[row] = s
        elif factor[f].unit >= 0:
            for j in range(factor[f].levels):
                for e in range(index[factor[f].pointer0 + j], index[factor[f].pointer0 + j + 1]):
                    for a in range(q):
                        rhs_core[index[factor[f].list0 + e]] -= gram.node[factor[f].c0 + e * q + a] * u[start + j * q + a]


@parts
def given_the_others(gram, work):
    """``gram`` with the right-hand sides of ``work``."""
    return Gram(gram.node, work.rhs, work.rhs_core, gram.core, gram.cross_pointer, gram.cross_column, gram.cross_value, gram.places)

"""Draws of all location effects from a factorisation (``elimination.py``), noise to effects, and back.

(β, e_core) = R⁻ᵀ(R⁻¹m + σε),   S = RR' ;      e_j = Λ⁻ᵀ(v_j − V_B u_parents − V_C core + σε),   u_j = L e_j .
"""

from __future__ import annotations

import numpy as np

from .compiling import contracted, kernel, lazy
from .elimination import by_column
from .fields import place_field, whiten_field
from .roots import divide_root, multiply_root
from .structured import effects_of_coordinates


@kernel
def draw_core(rng, layout, work, sigma, core):
    """core ← T R⁻ᵀ(R⁻¹m + σε). sigma = 0 gives the conditional mean."""
    for a in range(core.size):
        core[a] = sigma * rng.standard_normal()
    place_core(layout, work, core)


@kernel
def place_core(layout, work, core):
    """core ← T R⁻ᵀ(R⁻¹m + core): the noise that stands in ``core`` becomes the coefficients and effects."""
    R = work.R
    pc = core.size
    for a in range(pc):
        core[a] += R[a, pc]
    for a in range(pc - 1, -1, -1):
        s = core[a] / R[a, a]
        core[a] = s
        for b in range(a):
            core[b] -= R[a, b] * s
    if layout.core_factors.size > 0:
        _multiply_roots(layout, work.roots, core)


@lazy()
def _multiply_roots(layout, roots, core):
    """core ← T core."""
    factor, core_factors = layout.factor, layout.core_factors
    for k in range(core_factors.size):
        f = core_factors[k]
        for j in range(factor[f].coordinates):
            multiply_root(roots, factor[f].root0, factor[f].width, core, factor[f].core0 + j * factor[f].width)


@kernel
def whiten_core(layout, work, core, noise):
    """noise ← R'T⁻¹core − R⁻¹m, the inverse of ``place_core``."""
    R = work.R
    pc = core.size
    for a in range(pc):
        noise[a] = core[a]
    if layout.core_factors.size > 0:
        _divide_roots(layout, work.roots, noise)
    for a in range(pc):
        s = -R[a, pc]
        for b in range(a, pc):
            s += R[b, a] * noise[b]
        noise[a] = s


@lazy()
def _divide_roots(layout, roots, core):
    """core ← T⁻¹core."""
    factor, core_factors = layout.factor, layout.core_factors
    for k in range(core_factors.size):
        f = core_factors[k]
        for j in range(factor[f].coordinates):
            divide_root(roots, factor[f].root0, factor[f].width, core, factor[f].core0 + j * factor[f].width)


@kernel
def draw_unit(rng, layout, unit, work, sigma, core, u):
    """u of every level of ``unit`` given the core, root first, from the ``work`` of ``eliminate_unit``."""
    factor, units = layout.factor, layout.units
    for pos in range(units.shape[1] - 1, -1, -1):
        f = units[unit, pos]
        if f >= 0:
            for k in range(factor[f].u0, factor[f].u0 + factor[f].levels * factor[f].width):
                u[k] = sigma * rng.standard_normal()
    place_unit(layout, unit, units.shape[1] - 1, work, core, u)


@kernel
def place_unit(layout, unit, top, work, core, u):
    """u_j ← L Λ⁻ᵀ(v_j − V_B u_parents − V_C core + u_j) from place ``top`` of the chain down to the leaf: noise becomes effects."""
    factor, units, V, vh = layout.factor, layout.units, work.V, work.vh
    for pos in range(top, -1, -1):
        f = units[unit, pos]
        if f < 0:
            continue
        q, roots = factor[f].width, work.roots[factor[f].root0 :]
        for k in range(factor[f].u0, factor[f].u0 + factor[f].levels * q):
            u[k] += vh[k]
        _add_rest(layout, unit, pos, work, core, u, -1.0, u)
        if factor[f].sparse >= 0:
            place_field(layout, f, work, u)
            continue
        if q <= 2:
            _place_few(factor[f], roots, V, u)
        else:
            _place_many(factor[f], roots, V, u)


@contracted
def _place_few(factor, roots, V, u):
    """u_j ← L Λ⁻ᵀu_j of every level of a factor of one or two columns: the levels do not wait for each other."""
    u0, g0 = factor.u0, factor.g0
    if factor.width == 1:
        for j in range(factor.levels):
            u[u0 + j] *= V[g0 + j] * roots[0]
        return
    for j in range(factor.levels):
        second = u[u0 + 2 * j + 1] * V[g0 + 4 * j + 3]
        first = (u[u0 + 2 * j] - V[g0 + 4 * j + 2] * second) * V[g0 + 4 * j]
        u[u0 + 2 * j], u[u0 + 2 * j + 1] = roots[0] * first, roots[2] * first + roots[3] * second


@lazy()
def _place_many(factor, roots, V, u):
    """``_place_few`` of more columns."""
    q = factor.width
    for j in range(factor.levels):
        g, at = factor.g0 + j * q * q, factor.u0 + j * q
        for a in range(q - 1, -1, -1):
            s = u[at + a] * V[g + a * q + a]
            u[at + a] = s
            for b in range(a):
                u[at + b] -= V[g + a * q + b] * s
        multiply_root(roots, np.int64(0), q, u, at)


@kernel
def whiten_unit(layout, unit, work, core, u, noise):
    """noise_j ← Λ'L⁻¹u_j + V_B u_parents + V_C core − v_j, the inverse of ``place_unit``."""
    factor, units, V, vh = layout.factor, layout.units, work.V, work.vh
    for pos in range(units.shape[1]):
        f = units[unit, pos]
        if f < 0:
            break
        q, u0, roots = factor[f].width, factor[f].u0, work.roots[factor[f].root0 :]
        for k in range(u0, u0 + factor[f].levels * q):
            noise[k] = u[k]
        if factor[f].sparse >= 0:
            whiten_field(layout, f, work, noise)
        elif q <= 2:
            _whiten_few(factor[f], roots, V, noise)
        else:
            _whiten_many(factor[f], roots, V, noise)
        for k in range(u0, u0 + factor[f].levels * q):
            noise[k] -= vh[k]
        _add_rest(layout, unit, pos, work, core, u, 1.0, noise)


@contracted
def _whiten_few(factor, roots, V, noise):
    """noise_j ← Λ'L⁻¹noise_j of every level of a factor of one or two columns, the inverse of ``_place_few``."""
    u0, g0, scale = factor.u0, factor.g0, 1.0 / roots[0]
    if factor.width == 1:
        for j in range(factor.levels):
            noise[u0 + j] *= scale / V[g0 + j]
        return
    slope, scale_of_second = roots[2], 1.0 / roots[3]
    for j in range(factor.levels):
        first = noise[u0 + 2 * j] * scale
        second = (noise[u0 + 2 * j + 1] - slope * first) * scale_of_second
        noise[u0 + 2 * j] = first / V[g0 + 4 * j] + V[g0 + 4 * j + 2] * second
        noise[u0 + 2 * j + 1] = second / V[g0 + 4 * j + 3]


@lazy()
def _whiten_many(factor, roots, V, noise):
    """``_whiten_few`` of more columns."""
    q = factor.width
    for j in range(factor.levels):
        g, at = factor.g0 + j * q * q, factor.u0 + j * q
        divide_root(roots, np.int64(0), q, noise, at)
        for a in range(q):
            s = noise[at + a] / V[g + a * q + a]
            for b in range(a + 1, q):
                s += V[g + b * q + a] * noise[at + b]
            noise[at + a] = s


@contracted
def _add_rest(layout, unit, pos, work, core, u, sign, out):
    """out_j += sign (V_B u_parents + V_C core) for every node j at place ``pos``: one call, since a call costs as much as a node."""
    if not by_column(layout, unit, core.size):
        _add_rest_by_level(layout, unit, pos, work, core, u, sign, out)
        return
    V, row = work.V, layout.factor[layout.units[unit, pos]]
    size, u0, c0 = row.levels * row.width, np.uint64(row.u0), row.c0
    for e in range(core.size):
        value, at = sign * core[e], np.uint64(c0 + e * size)
        for k in range(np.uint64(size)):
            out[u0 + k] += value * V[at + k]


@lazy(of_rows=True)
def _add_rest_by_level(layout, unit, pos, work, core, u, sign, out):
    factor, index, units, V = layout.factor, layout.index, layout.units, work.V
    f = units[unit, pos]
    q, qa, c0, i0, p0 = factor[f].width, factor[f].ancestors, factor[f].c0, factor[f].list0, factor[f].pointer0
    for j in range(factor[f].levels):
        first, last = index[p0 + j], index[p0 + j + 1]
        for a in range(q):
            s, level, child, column = 0.0, j, f, factor[f].b0 + (j * q + a) * qa
            for e in range(first, last):
                s += V[c0 + e * q + a] * core[index[i0 + e]]
            for up in range(pos + 1, units.shape[1]):
                h = units[unit, up]
                if h < 0:
                    break
                level = index[factor[child].parent0 + level]
                for b in range(factor[h].width):
                    s += V[column] * u[factor[h].u0 + level * factor[h].width + b]
                    column += 1
                child = h
            out[factor[f].u0 + j * q + a] += sign * s


@kernel
def copy_core_factors(layout, core, u):
    """The effects of factors in the core stand in ``u`` too: copy them there; of structured factors, what their coordinates say."""
    if layout.core_factors.size > 0:
        _copy_core_factors(layout, core, u)


@lazy()
def _copy_core_factors(layout, core, u):
    factor, core_factors = layout.factor, layout.core_factors
    for k in range(core_factors.size):
        f = core_factors[k]
        if factor[f].basis0 >= 0:
            effects_of_coordinates(layout, f, core, u)
            continue
        for j in range(factor[f].levels * factor[f].width):
            u[factor[f].u0 + j] = core[factor[f].core0 + j]

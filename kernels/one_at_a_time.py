"""The scheme of the course deck: one block given all the others, equations (5) and (6) and their relatives.

Given the other effects, the level effects of one factor are independent normals. For an intercept, working precision ω_i and prior
sd σ_t, level t has

    η_t | rest ~ N( V_t Σ_{i∈t} ω_i (ỹ_i − x_i'β − other effects), V_t ),      V_t = (Σ_{i∈t} ω_i + σ_t⁻²)⁻¹ ,

with ω_i = 1 in a probit model: equation (5), ``effect_of_a_level`` below; exchange the roles of the factors for (6). β given all effects is
normal in the same way. Where several columns vary over a factor, u_j = L e_j and e_j is drawn, so that small sds lose no digits
(``elimination.py``). The scheme is the slow twin of the joint draw: the same posterior, more dependent draws. Every exchangeable factor
is a unit of its own here; the core is β and the effects whose levels know their neighbours (``structured.py``), which come in one draw. A
field, many levels that know their neighbours, is a unit too, drawn by its own factorisation (``fields.py``) given β and the rest.
"""

from __future__ import annotations

import math

from .compiling import kernel
from .elimination import factor_core, load_core
from .location import copy_core_factors, draw_core
from .roots import between_roots, multiply_root, multiply_root_transposed


@kernel
def draw_coefficients(rng, layout, gram, work, sigma, u, core):
    """The core | u: precision X'ΩX + σ²B₀⁻¹, right-hand side m − Σ_f C_f'u_f, m = X'Ωỹ (``gram.m``). Mutates core, and u of its factors."""
    factor, index, node = layout.factor, layout.index, gram.node
    load_core(gram, work)
    for f in range(factor.shape[0]):
        q = factor[f].width
        if factor[f].unit < 0:
            continue
        for j in range(factor[f].levels):
            for e in range(index[factor[f].pointer0 + j], index[factor[f].pointer0 + j + 1]):
                for a in range(q):
                    work.core[index[factor[f].list0 + e], core.size] -= node[factor[f].c0 + e * q + a] * u[factor[f].u0 + j * q + a]
    factor_core(layout, sigma * sigma, work)
    draw_core(rng, layout, work, sigma, core)
    copy_core_factors(layout, core, u)


@kernel
def effect_of_a_level(total, n, sd, residual_sd, normal):
    """Equations (5) and (6): η_t | rest ~ N(V Σ_{i∈t}(ỹ_i − x_i'β − other effects)/σ², V), V = 1/(n/σ² + 1/σ_t²).

    total : the sum over the rows of level t. n : how many they are. Rows count as often as ω_i says; a slope has ω_i z_i and ω_i z_i².
    sd : σ_t. residual_sd : σ, 1 in a probit model. normal : a standard normal.
    """
    V = 1.0 / (n / residual_sd**2 + 1.0 / sd**2)
    return V * total / residual_sd**2 + math.sqrt(V) * normal


@kernel
def draw_effects(rng, layout, gram, f, work, sigma, core, u):
    """u_j | β, the other factors, ỹ for every level j of factor f: equations (5), (6). ``gram.h`` is Z_f'Ω(ỹ − other factors).

    One column a level is ``effect_of_a_level``; several are its matrix form, A = L'GL + σ²I = ΛΛ', e = Λ'⁻¹(Λ⁻¹L'v + σ N(0, I)).
    """
    factor, index, node, rhs, roots = layout.factor, layout.index, gram.node, gram.h, work.roots
    q, r0, variance = factor[f].width, factor[f].root0, sigma * sigma
    A, v = work.small[0], work.small[1]
    first, step = 0 * q, min(q, 1)  # literals would be compiled as versions of their own
    for j in range(factor[f].levels):
        at, g0 = factor[f].u0 + j * q, factor[f].g0 + j * q * q
        for a in range(q):
            v[a] = rhs[at + a]
        for e in range(index[factor[f].pointer0 + j], index[factor[f].pointer0 + j + 1]):
            for a in range(q):
                v[a] -= node[factor[f].c0 + e * q + a] * core[index[factor[f].list0 + e]]
        if q == 1:
            u[at] = effect_of_a_level(v[0], node[g0], roots[r0], sigma, rng.standard_normal())
            continue
        multiply_root_transposed(roots, r0, q, v, first, step)
        for a in range(q * q):
            A[a] = node[g0 + a]
        between_roots(roots, r0, q, A, first, q)
        for a in range(q):  # A = L'GL + σ²I = ΛΛ', v ← Λ⁻¹L'v
            A[a * q + a] += variance
            for b in range(a + 1):
                s = A[a * q + b]
                for k in range(b):
                    s -= A[a * q + k] * A[b * q + k]
                A[a * q + b] = math.sqrt(s) if a == b else s / A[b * q + b]
            for k in range(a):
                v[a] -= A[a * q + k] * v[k]
            v[a] /= A[a * q + a]
        for a in range(q - 1, -1, -1):
            s = v[a] + sigma * rng.standard_normal()
            for k in range(a + 1, q):
                s -= A[k * q + a] * u[at + k]
            u[at + a] = s / A[a * q + a]
        multiply_root(roots, r0, q, u, at)

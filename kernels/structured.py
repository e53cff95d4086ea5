"""Effects whose levels know their neighbours: random walks, areas that border on each other, kin.

    u = (B ⊗ I) w,     w_j ~ N(0, Σ) independent,     BB' = K,     so that   cov(u) = K ⊗ Σ

K (J, J) is known: the covariance of the levels in units of Σ, of whatever rank its constraints leave (Rue & Held 2005, ch. 3), on the
scale of Sørbye & Rue (2014). B is its symmetric root, so a direction that K does not have has no column in the data, and the w along it
is noise that nothing sees. Such a factor stands in the core as w, an exchangeable factor of J levels; rows and reports see u.

    core'Ω core → T' (core'Ω core) T,     core'Ωỹ → T' core'Ωỹ,     T = blockdiag(I, B ⊗ I, …)

Nothing of B passes through the other kernels: draws, variances with effects integrated out and given them are those of any factor.
B may have fewer columns than levels, C < J: ``designed.py``.
"""

from __future__ import annotations

from .compiling import kernel, lazy, parts
from .designed import is_designed
from .fields import independent_differences


@lazy()
def effects_of_coordinates(layout, f, core, u):
    """u of factor f ← (B ⊗ I) w, w its part of ``core``."""
    J, q, at, b0 = layout.factor[f].levels, layout.factor[f].width, layout.factor[f].core0, layout.factor[f].basis0
    first, C = layout.factor[f].u0, layout.factor[f].coordinates
    for j in range(J):
        for a in range(q):
            s = 0.0
            for k in range(C):
                s += layout.basis[b0 + j * C + k] * core[at + k * q + a]
            u[first + j * q + a] = s


@parts
def effects_or_coordinates(layout, t, core, u, out):
    """What the covariance of term t is drawn given: ``u``, or w in ``out`` (U,) where the levels of its factor know their neighbours."""
    row = layout.factor[layout.term[t].factor]
    if row.sparse >= 0:
        independent_differences(layout, layout.term[t].factor, u, out)
        return out
    if row.basis0 < 0:
        return u
    for k in range(row.coordinates * row.width):
        out[row.u0 + k] = core[row.core0 + k]
    return out


@lazy()
def turn_rhs(layout, h, m):
    """m ← (B ⊗ I)'h for the columns of structured factors, whose sums by level stand in ``h`` (U,)."""
    for c in range(layout.core_factors.size):
        row = layout.factor[layout.core_factors[c]]
        if row.basis0 < 0:
            continue
        J, C, q = row.levels, row.coordinates, row.width
        for k in range(C):
            for a in range(q):
                s = 0.0
                for j in range(J):
                    s += layout.basis[row.basis0 + j * C + k] * h[row.u0 + j * q + a]
                m[row.core0 + k * q + a] = s


@lazy()
def turn_core(layout, gram):
    """gram.core ← T'PT, lower triangle, from the lower triangle of P = ``gram.places``, which is lost; coordinates stand there already."""
    P, core = gram.places, gram.core
    pc = core.shape[0]
    for a in range(pc):
        for b in range(a):
            P[b, a] = P[a, b]
    _times_basis(layout, P, core)  # PT
    for a in range(pc):
        for b in range(pc):
            P[b, a] = core[a, b]
    _times_basis(layout, P, core)  # T'PT, symmetric


@kernel
def _times_basis(layout, P, out):
    """out ← PT, row by row."""
    pc = P.shape[0]
    for i in range(pc):
        for a in range(pc):
            out[i, a] = P[i, a]
    for c in range(layout.core_factors.size):
        row = layout.factor[layout.core_factors[c]]
        if row.basis0 < 0 or is_designed(row):
            continue
        J, q, at = row.levels, row.width, row.core0
        for i in range(pc):
            for a in range(J * q):
                out[i, at + a] = 0.0
            for j in range(J):
                for a in range(q):
                    value = P[i, at + j * q + a]
                    if value != 0.0:
                        for k in range(J):
                            out[i, at + k * q + a] += value * layout.basis[row.basis0 + j * J + k]


@kernel
def add_to_node(layout, g, j, wz, Z, z, first, q, node):
    """C of one node += wz z'B_j·: a row of level j of structured factor g meets all its columns, from entry ``first`` on, q apart."""
    row = layout.factor[g]
    for k in range(row.coordinates):
        times = wz * layout.basis[row.basis0 + j * row.coordinates + k]
        for b in range(row.width):
            node[first + (k * row.width + b) * q] += times * Z[z + b]

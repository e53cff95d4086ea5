"""Effects that many rows meet in parts: penalised splines, members of several groups.

    η_i = … + z_i'u_j(i),     u = (B ⊗ I) w,     w_c ~ N(0, Σ) independent,     c = 1 … C < J

B (J, C) is known: the values of C basis functions at the J values of x (Wood 2017, §5.3), or the weights of C groups in the J mixtures of
them (Hill & Goldstein 1998). What stands in the core are the C coordinates w; a row meets all those with B_jc ≠ 0. The effects u of the J
values or mixtures follow (``structured.effects_of_coordinates``), so that linear predictors look one of them up, as for any factor.

    core'Ω core += ω_i t_i t_i',     t_i = (x_i, B_j(i)· ⊗ z_i, …)

Where C = J nothing of this is done: the levels know their neighbours, and their cross-products are turned (``structured.turn_core``).
"""

from __future__ import annotations

from .compiling import kernel, lazy


@kernel
def is_designed(row):
    """Whether a row of ``factor`` has fewer coordinates than levels."""
    return row.coordinates != row.levels


@kernel
def any_designed(layout):
    """Whether some factor of the core has."""
    for k in range(layout.core_factors.size):
        if is_designed(layout.factor[layout.core_factors[k]]):
            return True
    return False


@lazy()
def add_row_of_designed(layout, w, x, z, row_level, cross):
    """cross += w t t' of one row, lower triangle, but for the products that no factor with a design has a part in.

    x (p,), z (ΣQ,), row_level (K,): of the row; cross (pc, pc): sums of the core.
    """
    for k in range(layout.core_factors.size):
        f = layout.core_factors[k]
        row = layout.factor[f]
        designed = is_designed(row)
        q = row.width
        for c in range(row.coordinates if designed else 1):
            value = layout.basis[row.basis0 + row_level[f] * row.coordinates + c] if designed else 1.0
            if value == 0.0:
                continue
            at = row.core0 + (c if designed else row_level[f]) * q
            for a in range(q):
                wz = w * value * z[row.z0 + a]
                if designed:
                    for b in range(x.size):
                        cross[at + a, b] += wz * x[b]
                for l in range(k + 1):
                    if designed or is_designed(layout.factor[layout.core_factors[l]]):
                        _add_products(layout, l, k, c, a, wz, z, row_level, cross[at + a])


@kernel
def _add_products(layout, l, k, c, a, wz, z, level, out):
    """out (pc,) += wz times the part of t that core factor l has, up to column a of coordinate c where l is k itself."""
    g = layout.core_factors[l]
    row = layout.factor[g]
    designed = is_designed(row)
    for d in range((c + 1 if l == k else row.coordinates) if designed else 1):
        value = layout.basis[row.basis0 + level[g] * row.coordinates + d] if designed else 1.0
        if value == 0.0:
            continue
        to = row.core0 + (d if designed else level[g]) * row.width
        for b in range(a + 1 if l == k and d == c else row.width):
            out[to + b] += wz * value * z[row.z0 + b]

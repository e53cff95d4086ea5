"""Weighted cross-products of the rows: W'ΩW and W'Ωỹ, W = [core columns | columns of every unit factor].

A gaussian model calls ``accumulate`` once, before the first sweep; families with latent precisions call it every sweep;
probit (Ω = trials) needs only ``accumulate_rhs`` in its sweeps. Array names as in ``layout.py``.
"""

from __future__ import annotations

from numba import njit

from .arrays import copy_to
from .layout import ANCESTORS, B0, C0, CORE0, ENTRY0, G0, LEVELS, PTR0, U0, UNIT, WIDTH, ZCOL


@njit(cache=True, nogil=True, error_model="numpy")
def accumulate(X, Z, level, core_entry, weight, factor, index, units, core_factors, node, dense):
    """Fill G, B, C (``node``) and ``dense[0]`` with the cross-products under row weights ``weight`` (M,)."""
    dense[0, :, :-1] = 0.0
    node[:] = 0.0
    p, n_core = X.shape[1], core_factors.size
    for i in range(weight.size):
        w = weight[i]
        for a in range(p):
            wx = w * X[i, a]
            for b in range(a + 1):
                dense[0, a, b] += wx * X[i, b]
        for k in range(n_core):
            f = core_factors[k]
            q, z = factor[f, WIDTH], factor[f, ZCOL]
            at = factor[f, CORE0] + level[i, f] * q
            for a in range(q):
                wz = w * Z[i, z + a]
                for b in range(p):
                    dense[0, at + a, b] += wz * X[i, b]
                for b in range(a + 1):
                    dense[0, at + a, at + b] += wz * Z[i, z + b]
                for l in range(k):
                    g = core_factors[l]
                    to = factor[g, CORE0] + level[i, g] * factor[g, WIDTH]
                    for b in range(factor[g, WIDTH]):
                        dense[0, at + a, to + b] += wz * Z[i, factor[g, ZCOL] + b]
        for t in range(units.shape[0]):
            for pos in range(units.shape[1]):
                f = units[t, pos]
                if f < 0:
                    break
                q, qa, z, j = factor[f, WIDTH], factor[f, ANCESTORS], factor[f, ZCOL], level[i, f]
                g0, b0 = factor[f, G0] + j * q * q, factor[f, B0] + j * q * qa
                first, c0, entry0 = index[factor[f, PTR0] + j], factor[f, C0], factor[f, ENTRY0]
                for a in range(q):
                    wz = w * Z[i, z + a]
                    for b in range(q):
                        node[g0 + a * q + b] += wz * Z[i, z + b]
                    column = b0 + a * qa
                    for up in range(pos + 1, units.shape[1]):
                        g = units[t, up]
                        if g < 0:
                            break
                        for b in range(factor[g, WIDTH]):
                            node[column] += wz * Z[i, factor[g, ZCOL] + b]
                            column += 1
                    for b in range(p):
                        node[c0 + (first + b) * q + a] += wz * X[i, b]
                    for k in range(n_core):
                        g = core_factors[k]
                        if entry0 >= 0:
                            entry = first + core_entry[i, entry0 + k]
                        else:
                            entry = first + factor[g, CORE0] + level[i, g] * factor[g, WIDTH]
                        for b in range(factor[g, WIDTH]):
                            node[c0 + (entry + b) * q + a] += wz * Z[i, factor[g, ZCOL] + b]


@njit(cache=True, nogil=True, error_model="numpy")
def accumulate_rhs(X, Z, level, value, factor, every, unit, m, h):
    """m (pc, rows of a column) ← core'·value, h ← Z_f'·value for every factor of ``unit``, of every unit where ``every``.

    ``value`` (M,) is Ω times the working response.
    """
    m[:] = 0.0
    p, K = X.shape[1], factor.shape[0]
    for f in range(K):
        if factor[f, UNIT] >= 0 and (every or factor[f, UNIT] == unit):
            for k in range(factor[f, U0], factor[f, U0] + factor[f, LEVELS] * factor[f, WIDTH]):
                h[k] = 0.0
    for i in range(value.size):
        v = value[i]
        for a in range(p):
            m[a] += X[i, a] * v
        for f in range(K):
            q, z = factor[f, WIDTH], factor[f, ZCOL]
            if factor[f, UNIT] < 0:
                at = factor[f, CORE0] + level[i, f] * q
                for a in range(q):
                    m[at + a] += Z[i, z + a] * v
            elif every or factor[f, UNIT] == unit:
                at = factor[f, U0] + level[i, f] * q
                for a in range(q):
                    h[at + a] += Z[i, z + a] * v


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def linear_predictor(X, Z, level, offset, factor, core, u, eta):
    """η_i = offset_i + x_i'β + Σ_f z_fi'u_f,j(i) for every row."""
    for i in range(eta.size):
        s = offset[i]
        for a in range(X.shape[1]):
            s += X[i, a] * core[a]
        eta[i] = s
    for f in range(factor.shape[0]):
        add_effects(Z, level, factor, f, u, eta)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def predictor_of_columns(columns, Z, level, offset, factor, core, u, eta):
    """``linear_predictor`` from X', ``columns`` (p, M): a third of its time, for the sweeps in which nothing else passes over X."""
    copy_to(offset, eta)
    for a in range(columns.shape[0]):
        value = core[a]
        for i in range(eta.size):
            eta[i] += columns[a, i] * value
    for f in range(factor.shape[0]):
        add_effects(Z, level, factor, f, u, eta)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def add_effects(Z, level, factor, f, u, eta):
    """η_i += z_fi'u_f,j(i) for every row: what is looked up for a factor is looked up once."""
    q, z, start = factor[f, WIDTH], factor[f, ZCOL], factor[f, U0]
    if q == 1:
        for i in range(eta.size):
            eta[i] += Z[i, z] * u[start + level[i, f]]
    elif q == 2:
        for i in range(eta.size):
            at = start + 2 * level[i, f]
            eta[i] += Z[i, z] * u[at] + Z[i, z + 1] * u[at + 1]
    else:
        for i in range(eta.size):
            at = start + level[i, f] * q
            s = 0.0
            for a in range(q):
                s += Z[i, z + a] * u[at + a]
            eta[i] += s


@njit(cache=True, nogil=True, error_model="numpy")
def subtract_other_units(Z, level, factor, u, unit, weight, working, out):
    """out_i ← working_i − ω_i Σ z_fi'u_f over the factors f of every unit but ``unit``."""
    K = factor.shape[0]
    for i in range(out.size):
        s = 0.0
        for f in range(K):
            if factor[f, UNIT] >= 0 and factor[f, UNIT] != unit:
                at = factor[f, U0] + level[i, f] * factor[f, WIDTH]
                for a in range(factor[f, WIDTH]):
                    s += Z[i, factor[f, ZCOL] + a] * u[at + a]
        out[i] = working[i] - weight[i] * s

"""Weighted cross-products of the rows: W'ΩW and W'Ωỹ, W = [core columns | columns of every unit factor].

A gaussian model calls ``accumulate`` once, before the first sweep; families with latent precisions call it every sweep;
probit (Ω = trials) needs only ``accumulate_rhs`` in its sweeps. Array names as in ``layout.py``.
"""

from __future__ import annotations

import numpy as np

from .arrays import copy_to
from .compiling import contracted, kernel, lazy
from .designed import add_row_of_designed, any_designed, is_designed
from .runs import add_effects_by_runs
from .structured import add_to_node, turn_core, turn_rhs


@kernel
def accumulate(rows, weight, layout, gram):
    """Fill G, B, C (``gram.node``) and ``gram.core`` with the cross-products under row weights ``weight`` (M,)."""
    X, Z, level, node = rows.X, rows.Z, rows.level, gram.node
    core = gram.core if layout.basis.size == 0 else gram.places
    factor, index, units = layout.factor, layout.index, layout.units
    core[:] = 0.0
    node[:] = 0.0
    p = X.shape[1]
    for i in range(weight.size):
        w = weight[i]
        for a in range(p):
            wx = w * X[i, a]
            for b in range(a + 1):
                core[a, b] += wx * X[i, b]
        for t in range(units.shape[0]):
            for pos in range(units.shape[1]):
                f = units[t, pos]
                if f < 0:
                    break
                q, z, j = factor[f].width, factor[f].z0, level[i, f]
                g0, c0 = factor[f].g0 + j * q * q, factor[f].c0 + index[factor[f].pointer0 + j] * q
                for a in range(q):
                    wz = w * Z[i, z + a]
                    for b in range(q):
                        node[g0 + a * q + b] += wz * Z[i, z + b]
                    for b in range(p):
                        node[c0 + b * q + a] += wz * X[i, b]
    if units.shape[1] > 1:
        _accumulate_nested(rows, weight, layout, node)
    if layout.core_factors.size > 0:
        _accumulate_core_factors(rows, weight, layout, core, node)
    if layout.basis.size > 0:
        turn_core(layout, gram)


@lazy()
def _accumulate_nested(rows, weight, layout, node):
    """B: the products of effects with those of what their levels are nested in."""
    Z, level, factor, units = rows.Z, rows.level, layout.factor, layout.units
    for i in range(weight.size):
        for t in range(units.shape[0]):
            for pos in range(units.shape[1]):
                f = units[t, pos]
                if f < 0:
                    break
                q, qa, z = factor[f].width, factor[f].ancestors, factor[f].z0
                b0 = factor[f].b0 + level[i, f] * q * qa
                for a in range(q):
                    wz, column = weight[i] * Z[i, z + a], b0 + a * qa
                    for up in range(pos + 1, units.shape[1]):
                        g = units[t, up]
                        if g < 0:
                            break
                        for b in range(factor[g].width):
                            node[column] += wz * Z[i, factor[g].z0 + b]
                            column += 1


@lazy()
def _accumulate_core_factors(rows, weight, layout, core, node):
    """The products of core factors with the columns of fixed effects, with each other, and with the effects of every unit."""
    X, Z, level, core_entry = rows.X, rows.Z, rows.level, rows.core_entry
    factor, index, units, core_factors = layout.factor, layout.index, layout.units, layout.core_factors
    p, n_core, designed = X.shape[1], core_factors.size, any_designed(layout)
    for i in range(weight.size):
        w = weight[i]
        for k in range(n_core):
            f = core_factors[k]
            if designed and is_designed(factor[f]):
                continue
            q, z = factor[f].width, factor[f].z0
            at = factor[f].core0 + level[i, f] * q
            for a in range(q):
                wz = w * Z[i, z + a]
                for b in range(p):
                    core[at + a, b] += wz * X[i, b]
                for b in range(a + 1):
                    core[at + a, at + b] += wz * Z[i, z + b]
                for l in range(k):
                    g = core_factors[l]
                    if designed and is_designed(factor[g]):
                        continue
                    to = factor[g].core0 + level[i, g] * factor[g].width
                    for b in range(factor[g].width):
                        core[at + a, to + b] += wz * Z[i, factor[g].z0 + b]
        if designed:
            add_row_of_designed(layout, w, X[i], Z[i], level[i], core)
        for t in range(units.shape[0]):
            for pos in range(units.shape[1]):
                f = units[t, pos]
                if f < 0:
                    break
                q, z, c0, entry0 = factor[f].width, factor[f].z0, factor[f].c0, factor[f].entry0
                first = index[factor[f].pointer0 + level[i, f]]
                for a in range(q):
                    wz = w * Z[i, z + a]
                    for k in range(n_core):
                        g = core_factors[k]
                        entry = first + (core_entry[i, entry0 + k] if entry0 >= 0 else factor[g].core0)
                        if factor[g].basis0 >= 0:
                            add_to_node(layout, g, level[i, g], wz, Z[i], factor[g].z0, c0 + entry * q + a, q, node)
                            continue
                        if entry0 < 0:
                            entry += level[i, g] * factor[g].width
                        for b in range(factor[g].width):
                            node[c0 + (entry + b) * q + a] += wz * Z[i, factor[g].z0 + b]


@kernel
def accumulate_rhs(rows, value, layout, every, unit, m, h):
    """m (pc, rows of a column) ← core'·value, h ← Z_f'·value for every factor of ``unit``, of every unit where ``every``.

    ``value`` (M,) is Ω times the working response.
    """
    X, Z, level, factor = rows.X, rows.Z, rows.level, layout.factor
    m[:] = 0.0
    p, K = X.shape[1], factor.shape[0]
    for f in range(K):
        if factor[f].basis0 >= 0 or (factor[f].unit >= 0 and (every or factor[f].unit == unit)):
            for k in range(factor[f].u0, factor[f].u0 + factor[f].levels * factor[f].width):
                h[k] = 0.0
    for i in range(value.size):
        v = value[i]
        for a in range(p):
            m[a] += X[i, a] * v
        for f in range(K):
            q, z = factor[f].width, factor[f].z0
            if factor[f].unit < 0 and factor[f].basis0 < 0:
                at = factor[f].core0 + level[i, f] * q
                for a in range(q):
                    m[at + a] += Z[i, z + a] * v
            elif every or factor[f].unit == unit or factor[f].basis0 >= 0:
                at = factor[f].u0 + level[i, f] * q
                for a in range(q):
                    h[at + a] += Z[i, z + a] * v
    if layout.basis.size > 0:
        turn_rhs(layout, h, m)


@kernel
def accumulate_both(rows, weight, value, layout, gram):
    """Fill ``gram`` with the cross-products under row weights ``weight`` (M,) and those of ``value`` (M,), of every unit."""
    n_units = layout.units.shape[0]
    accumulate(rows, weight, layout, gram)
    accumulate_rhs(rows, value, layout, n_units >= 0, n_units, gram.m, gram.h)


@contracted
def linear_predictor(rows, layout, core, u, eta):
    """η_i = offset_i + x_i'β + Σ_f z_fi'u_f,j(i) for every row."""
    X = rows.X
    for i in range(eta.size):
        s = rows.offset[i]
        for a in range(X.shape[1]):
            s += X[i, a] * core[a]
        eta[i] = s
    for f in range(layout.factor.shape[0]):
        add_effects(np.int64(0), rows.Z, rows.level, layout, f, u, eta)


@contracted
def predictor_of_columns(columns, Z, level, offset, layout, core, u, eta):
    """``linear_predictor`` from X', ``columns`` (p, M): a third of its time, for the sweeps in which nothing else passes over X."""
    predictor_of_some(np.int64(0), columns, Z, level, offset, layout, core, u, eta)


@contracted
def predictor_of_some(first, columns, Z, level, offset, layout, core, u, eta):
    """``predictor_of_columns`` of the rows from ``first`` on that Z, level, offset and eta are of; ``columns`` are those of all."""
    copy_to(offset, eta)
    for a in range(columns.shape[0]):
        x, value = columns[a, first : first + eta.size], core[a]
        for i in range(eta.size):
            eta[i] += x[i] * value
    for f in range(layout.factor.shape[0]):
        add_effects(first, Z, level, layout, f, u, eta)


@contracted
def add_effects(first, Z, level, layout, f, u, eta):
    """η_i += z_fi'u_f,j(i) for every row from ``first`` on: what is looked up for a factor is looked up once."""
    factor = layout.factor
    if factor[f].runs > 0:
        add_effects_by_runs(first, Z, level, layout, f, u, eta)
        return
    q, z, start = factor[f].width, factor[f].z0, factor[f].u0
    if q == 1 and factor[f].ones == 1:
        for i in range(eta.size):
            eta[i] += u[start + level[i, f]]
    elif q == 1:
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


@kernel
def subtract_other_units(rows, layout, u, unit, weight, working, out):
    """out_i ← working_i − ω_i Σ z_fi'u_f over the factors f of every unit but ``unit``."""
    Z, level, factor = rows.Z, rows.level, layout.factor
    K = factor.shape[0]
    for i in range(out.size):
        s = 0.0
        for f in range(K):
            if factor[f].unit >= 0 and factor[f].unit != unit:
                at = factor[f].u0 + level[i, f] * factor[f].width
                for a in range(factor[f].width):
                    s += Z[i, factor[f].z0 + a] * u[at + a]
        out[i] = working[i] - weight[i] * s

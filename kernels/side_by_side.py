"""The elimination of one factor with three columns a level or more, many levels side by side: one operation on all of them after the other,
so that it is made in vector instructions. What it computes is that of ``elimination.py``."""

from __future__ import annotations

import math

import numpy as np
from numba import types

from .arrays import inner_product, subtract_products
from .compiling import contracted, lazy

LANES = 64
"""Levels that are eliminated side by side, one operation on all of them after the other: so they are made in vector instructions."""


@contracted
def _lower_times(size, n, roots, at, x, first, y, to):
    """Rows y[to + a] ← Σ_{k≥a} L_ka x[first + k], a < size, of ``n`` lanes: L'x."""
    for a in range(size):
        l = roots[at + a * size + a]
        for j in range(n):
            y[to + a, j] = l * x[first + a, j]
        for k in range(a + 1, size):
            l = roots[at + k * size + a]
            if l != 0.0:
                for j in range(n):
                    y[to + a, j] += l * x[first + k, j]


@contracted
def _lanes_forward(q, n, H, at):
    """Rows H[at : at + q] ← Λ⁻¹ of them, Λ in the first q² rows with inverse diagonals."""
    for a in range(q):
        for k in range(a):
            for j in range(n):
                H[at + a, j] -= H[a * q + k, j] * H[at + k, j]
        for j in range(n):
            H[at + a, j] *= H[a * q + a, j]


@contracted
def _lanes_factor(q, n, variance, roots, at, H):
    """The first q² rows of H, G of ``n`` levels, ← Λ of L'GL + σ²I with inverse diagonals. Returns Σ log|ΛΛ'|. Rows to 2q² are scratch."""
    qq = q * q
    for a in range(q):  # row a of GL, which is column a of L'G
        _lower_times(q, n, roots, at, H, a * q, H, qq + a * q)
    for b in range(q):
        for a in range(b, q):
            l = roots[at + a * (q + 1)]
            for j in range(n):
                H[a * q + b, j] = l * H[qq + a * q + b, j]
            for k in range(a + 1, q):
                l = roots[at + k * q + a]
                for j in range(n):
                    H[a * q + b, j] += l * H[qq + k * q + b, j]
        for j in range(n):
            H[b * q + b, j] += variance
    for j in range(n):
        H[qq, j] = 1.0
    for a in range(q):
        for b in range(a + 1):
            for k in range(b):
                for j in range(n):
                    H[a * q + b, j] -= H[a * q + k, j] * H[b * q + k, j]
            if a == b:
                for j in range(n):
                    H[a * q + b, j] = 1.0 / math.sqrt(H[a * q + b, j])
                    H[qq, j] *= H[a * q + b, j]
            else:
                for j in range(n):
                    H[a * q + b, j] *= H[b * q + b, j]
    log_det = 0.0
    for j in range(n):
        if H[qq, j] > 1e-300 and H[qq, j] < 1e300:
            log_det -= 2.0 * math.log(H[qq, j])
        else:
            for a in range(q):
                log_det -= 2.0 * math.log(H[a * q + a, j])
    return log_det


@lazy(types.UniTuple(types.float64, 2), of_rows=True)
def eliminate_side_by_side(layout, gram, f, variance, work):
    """One factor whose levels all meet the whole core: ``eliminate_factor`` of ``LANES`` levels at a time, V_C ``by_column``."""
    row_of, node, V, vh, core, roots, H = layout.factor[f], gram.node, work.V, work.vh, work.core, work.roots, work.H
    J, q, g0, u0, c0, pc, at = row_of.levels, row_of.width, row_of.g0, row_of.u0, row_of.c0, core.shape[0], row_of.root0
    qq, log_det, reduction = q * q, 0.0, 0.0
    for start in range(0, J, LANES):
        n = min(LANES, J - start)
        for k in range(qq):
            for j in range(n):
                H[k, j] = node[g0 + (start + j) * qq + k]
        log_det += _lanes_factor(q, n, variance, roots, at, H)
        for e in range(-1, pc):  # the right-hand side, then the core's columns
            for a in range(q):
                for j in range(n):
                    H[qq + a, j] = gram.h[u0 + (start + j) * q + a] if e < 0 else node[c0 + ((start + j) * pc + e) * q + a]
            _lower_times(q, n, roots, at, H, qq, H, qq + q)
            _lanes_forward(q, n, H, qq + q)
            for a in range(q):
                for j in range(n):
                    if e < 0:
                        vh[u0 + (start + j) * q + a] = H[qq + q + a, j]
                        reduction += H[qq + q + a, j] ** 2
                    else:
                        V[c0 + (e * J + start + j) * q + a] = H[qq + q + a, j]
        for k in range(qq):
            for j in range(n):
                V[g0 + (start + j) * qq + k] = H[k, j]
        size = np.uint64(q * n)
        subtract_products(V, c0 + q * start, q * J, pc, size, core)
        for row in range(pc):
            core[row, pc] -= inner_product(V, np.uint64(c0 + q * (row * J + start)), vh, np.uint64(u0 + q * start), size)
    return log_det, reduction

"""Whole arrays in one word: loops, for slices and array expressions take Numba seconds to compile (their errors build text)."""

from __future__ import annotations

import numpy as np

from .compiling import kernel, lazy, reassociated

TILED = 6
"""Columns from which on their products are summed in tiles: of 30 columns of 316 numbers in 8.7 µs, one by one in 17.4; of 6 in 0.52 and
0.79, of 3 in 0.23 and 0.16."""


@kernel
def copy_to(source, target):
    """target[: source.size] ← source, both one-dimensional."""
    for k in range(source.size):
        target[k] = source[k]


@reassociated
def sum_of(array):
    """Σ_k array_k, one-dimensional, in partial sums: a sum in order waits for every addition."""
    total = 0.0
    for k in range(array.size):
        total += array[k]
    return total


@kernel
def scale_by(array, factor):
    """array ← factor · array, one-dimensional."""
    for k in range(array.size):
        array[k] *= factor


@reassociated
def inner_product(x, at, y, start, size):
    """Σ_k x[at + k] y[start + k]; unsigned places, which cannot count from the end, let it be made four terms at a time."""
    total = 0.0
    for k in range(size):
        total += x[at + k] * y[start + k]
    return total


@reassociated
def _tile(x, at, step, r, c, last, size):
    """The products of columns r and r + 1 with c to c + 3, which are read once; those beyond ``last`` are it again."""
    a0, a1 = np.uint64(at + r * step), np.uint64(at + min(r + 1, last) * step)
    b0, b1 = np.uint64(at + c * step), np.uint64(at + min(c + 1, last) * step)
    b2, b3 = np.uint64(at + min(c + 2, last) * step), np.uint64(at + min(c + 3, last) * step)
    s00, s01, s02, s03, s10, s11, s12, s13 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(size):
        here, there = x[a0 + k], x[a1 + k]
        s00 += here * x[b0 + k]
        s01 += here * x[b1 + k]
        s02 += here * x[b2 + k]
        s03 += here * x[b3 + k]
        s10 += there * x[b0 + k]
        s11 += there * x[b1 + k]
        s12 += there * x[b2 + k]
        s13 += there * x[b3 + k]
    return s00, s01, s02, s03, s10, s11, s12, s13


@kernel
def subtract_products(x, at, step, columns, size, out):
    """out[r, c] −= Σ_k x[at + r·step + k] x[at + c·step + k], c ≤ r < ``columns``."""
    if columns < TILED:
        for r in range(columns):
            for c in range(r + 1):
                out[r, c] -= inner_product(x, np.uint64(at + r * step), x, np.uint64(at + c * step), size)
    else:
        _subtract_in_tiles(x, at, step, columns, size, out)


@lazy()
def _subtract_in_tiles(x, at, step, columns, size, out):
    for r in range(0, columns, 2):
        for c in range(0, r + 2, 4):
            tile = _tile(x, at, step, r, c, columns - 1, size)
            for row in range(r, min(r + 2, columns)):
                for column in range(c, min(c + 4, row + 1)):
                    out[row, column] -= tile[4 * (row - r) + column - c]

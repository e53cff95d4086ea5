"""Whole arrays in one word: loops, for slices and array expressions take Numba seconds to compile (their errors build text)."""

from __future__ import annotations

from .compiling import kernel, reassociated


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

"""Sums over plain arrays: exact where every number is a whole one, whatever the order of the sum."""

from __future__ import annotations

import numpy as np

from gibbs.kernels import arrays


def test_inner_product_of_parts_of_two_arrays():
    rng = np.random.default_rng(1)
    x, y = rng.integers(-9, 10, 40).astype(float), rng.integers(-9, 10, 50).astype(float)
    for at, start, size in ((0, 0, 0), (3, 5, 1), (2, 7, 3), (1, 0, 37), (0, 10, 40)):
        expected = x[at : at + size] @ y[start : start + size]
        assert arrays.inner_product(x, np.uint64(at), y, np.uint64(start), np.uint64(size)) == expected

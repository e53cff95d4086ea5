"""Sums over plain arrays: exact where every number is a whole one, whatever the order of the sum."""

from __future__ import annotations

import numpy as np
import pytest

from gibbs.kernels import arrays


def test_inner_product_of_parts_of_two_arrays():
    rng = np.random.default_rng(1)
    x, y = rng.integers(-9, 10, 40).astype(float), rng.integers(-9, 10, 50).astype(float)
    for at, start, size in ((0, 0, 0), (3, 5, 1), (2, 7, 3), (1, 0, 37), (0, 10, 40)):
        expected = x[at : at + size] @ y[start : start + size]
        assert arrays.inner_product(x, np.uint64(at), y, np.uint64(start), np.uint64(size)) == expected


@pytest.mark.parametrize("columns", [1, 2, 5, 6, 7, 8, 13])
@pytest.mark.parametrize("size", [1, 3, 64, 130])
def test_products_of_columns_are_subtracted_from_the_lower_triangle(columns, size):
    """One by one and in tiles; what stands above the diagonal, and beside, stays."""
    rng = np.random.default_rng(columns * size)
    x, out = rng.standard_normal(5 + columns * (size + 3)), rng.standard_normal((columns, columns + 1))
    W = np.stack([x[5 + c * (size + 3) :][:size] for c in range(columns)])
    wanted = out.copy()
    wanted[:, :columns] -= np.tril(W @ W.T)
    arrays.subtract_products(x, 5, size + 3, columns, np.uint64(size), out)
    np.testing.assert_allclose(out, wanted, rtol=1e-12, atol=1e-12)

"""Kernel densities: their integral, their boundary, and the formula written out."""

from __future__ import annotations

import numpy as np
import pytest

from gibbs.plots import density


def test_the_formula_written_out() -> None:
    values, grid, width = np.random.default_rng(1).normal(size=300), np.linspace(-3, 3, 31), 0.2
    plain = np.exp(-0.5 * ((grid[:, None] - values) / width) ** 2).sum(axis=1) / (300 * width * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(density.kernel(values, grid, width=width), plain, atol=2e-3 * plain.max())


@pytest.mark.parametrize(("low", "high"), [(0.0, np.inf), (0.0, 1.0), (-np.inf, 1.0), (-np.inf, np.inf)])
def test_no_mass_is_lost_at_a_boundary(low: float, high: float) -> None:
    values = np.random.default_rng(2).beta(0.8, 0.8, size=4000)
    grid = np.linspace(max(low, -1.0), min(high, 2.0), 4001)
    found = density.kernel(values, grid, low, high)
    assert np.trapezoid(found, grid) == pytest.approx(1.0, abs=2e-3)


def test_nothing_beyond_a_boundary() -> None:
    found = density.kernel(np.random.default_rng(3).exponential(size=500), np.array([-0.1, 0.1]), low=0.0)
    assert found[0] == 0 and found[1] > 0.5  # without folding it would be about half of e^−0.1


def test_the_bandwidth_of_silverman() -> None:
    values = np.random.default_rng(4).normal(size=1000)
    spread = min(values.std(), np.subtract(*np.percentile(values, [75, 25])) / 1.34)
    assert density.bandwidth(values) == pytest.approx(0.9 * spread / 1000**0.2)
    assert density.bandwidth(values, 10.0) == pytest.approx(0.9 * spread / 10**0.2)
    mostly_zero = np.r_[np.zeros(90), np.ones(10)]
    assert density.bandwidth(mostly_zero) == pytest.approx(0.9 * mostly_zero.std() / 100**0.2)


def test_one_value_has_no_density() -> None:
    with pytest.raises(ValueError, match="all values are the same"):
        density.kernel(np.ones(5), np.linspace(0, 2, 5))

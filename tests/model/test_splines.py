"""Penalised splines: the basis against another algebra, and what it must not depend on."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import CubicSpline, make_smoothing_spline

from gibbs.model import splines
from tests.oracles import structured as oracle

X = np.array([0.0, 0.4, 1.0, 1.1, 2.0, 3.5, 4.0, 4.2, 6.0, 7.5, 9.0, 10.0])


@pytest.mark.parametrize("k", [4, 6, 12])
def test_the_covariance_is_that_of_the_bending_energy(k: int):
    knots = splines.place_knots(X, k)
    B = splines.build(X, knots).basis(X)
    K = oracle.curve_covariance(X, knots)
    assert B.shape == (12, k - 2)
    np.testing.assert_allclose(B @ B.T, K, atol=1e-9 * np.abs(K).max())
    np.testing.assert_allclose([B.sum(axis=0), X @ B], 0.0, atol=1e-8)
    assert np.mean(np.log(np.sum(B**2, axis=1))) == pytest.approx(0.0, abs=1e-10)


def test_neither_origin_nor_unit_of_x_counts():
    knots = splines.place_knots(X, 7)
    K = splines.build(X, knots).basis(X) @ splines.build(X, knots).basis(X).T
    for shift, times in ((1900.0, 1.0), (0.0, 1e-4), (-3e5, 12.0)):
        moved = shift + times * X
        B = splines.build(moved, shift + times * knots).basis(moved)
        np.testing.assert_allclose(B @ B.T, K, atol=1e-7)


def test_between_the_values_it_is_a_cubic_spline_and_beyond_them_straight():
    knots = splines.place_knots(X, 6)
    spline = splines.build(X, knots)
    new = np.linspace(0.0, 10.0, 33)
    wanted = CubicSpline(knots, spline.basis(knots), bc_type="natural")(new)
    np.testing.assert_allclose(spline.basis(new), wanted, atol=1e-10)
    beyond = spline.basis(np.array([10.0, 11.0, 12.0, -1.0, -2.0, -3.0]))
    np.testing.assert_allclose(beyond[2] - beyond[1], beyond[1] - beyond[0], atol=1e-10)
    np.testing.assert_allclose(beyond[5] - beyond[4], beyond[4] - beyond[3], atol=1e-10)


def test_with_a_knot_a_value_the_posterior_mean_is_the_smoothing_spline():
    """Of scipy's own algorithm; penalty weight (residual variance)/σ², in units of ∫ f''² over x."""
    rng = np.random.default_rng(2)
    y, sd, sigma = np.sin(X) + rng.standard_normal(X.size), 0.8, 0.5
    spline = splines.build(X, X)
    W = np.column_stack([np.ones_like(X), X, spline.basis(X)])
    precision = np.diag([0.0, 0.0, *np.full(X.size - 2, sigma**2 / sd**2)])
    fitted = W @ np.linalg.solve(W.T @ W + precision, W.T @ y)
    bend = splines.penalty(spline.knots)
    w = np.random.default_rng(3).standard_normal(X.size - 2)
    energy = (spline.root @ w) @ bend @ (spline.root @ w) / (w @ w)  # c: ∫ f''² of unit coordinates
    smooth = make_smoothing_spline(X, y, lam=sigma**2 / (sd**2 * energy) * 10.0**3)
    np.testing.assert_allclose(fitted, smooth(X), atol=1e-6)

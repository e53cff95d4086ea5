"""Streams of draws: moments against numpy, histograms that have widened against histograms made at once."""

from __future__ import annotations

import numpy as np
from gibbs.kernels.stream import add_moments, add_to_histograms


def test_moments_in_any_cut():
    rng = np.random.default_rng(1)
    u = 1e4 + rng.normal(size=(50, 7))
    places = np.array([6, 0, 3])
    mean, m2, total = np.zeros(3), np.zeros(3), np.zeros(3)
    for start, stop in ((0, 1), (1, 20), (20, 50)):
        add_moments(u[start:stop], places, start, mean, m2, total)
    np.testing.assert_allclose(mean, u[:, places].mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(m2, 50 * u[:, places].var(axis=0), rtol=1e-9)
    np.testing.assert_allclose(total, u[:, places].sum(axis=0), rtol=1e-13)


def test_a_histogram_that_widened_is_the_one_made_at_once():
    """Ranges that double have nested bins, so nothing is lost: to the count what numpy finds in the final bins."""
    rng = np.random.default_rng(2)
    u = rng.normal(size=(400, 5)) * np.array([0.01, 1.0, 30.0, 1.0, 1.0]) + np.array([0.0, 0.0, 0.0, 50.0, -50.0])
    low, width = np.full(5, -1.0), np.full(5, 1.0 / 8)
    histogram = np.zeros((5, 16), dtype=np.uint32)
    for start, stop in ((0, 3), (3, 100), (100, 400)):
        add_to_histograms(u[start:stop], np.arange(5), low, width, histogram)
    assert width[0] == 1 / 8 and width[2] > 1.0
    for j in range(5):
        edges = low[j] + width[j] * np.arange(17)
        assert edges[0] <= u[:, j].min() and u[:, j].max() < edges[-1]
        np.testing.assert_array_equal(histogram[j], np.histogram(u[:, j], edges)[0])

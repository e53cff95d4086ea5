"""The level that holds each level of another factor."""

from __future__ import annotations

import numpy as np

from gibbs.model.nesting import parents


def test_parents() -> None:
    school, town = np.array([0, 1, 2, 0, 1]), np.array([1, 1, 0, 1, 1])
    assert parents(school, town, 3).tolist() == [1, 1, 0]
    assert parents(school, town, 5).tolist() == [1, 1, 0, -1, -1]  # two levels without rows
    assert parents(town, school, 2) is None

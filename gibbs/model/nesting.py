"""Nested factors: the level of one that holds each level of another."""

from __future__ import annotations

import numpy as np


def parents(child: np.ndarray, parent: np.ndarray, levels: int) -> np.ndarray | None:
    """The level of ``parent`` that holds each of the ``levels`` of ``child``, (J,), −1 for one without rows; None where one meets two.

    child, parent : (N,) codes from 0.
    """
    up = np.full(levels, -1, dtype=np.int64)
    up[child] = parent
    return up if np.array_equal(up[child], parent) else None

"""Means of columns of numbers of any size: that of 1e308 and 1.5e308 is 1.25e308, though their sum is beyond numbers."""

from __future__ import annotations

import numpy as np

_BLOCK = 65_536  # rows at a time


def means(X: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """(p,) means of the columns of X (N, p); with ``weight`` (N,), each row as often as it says.

    X may be anything that gives blocks of rows as an array does, and its plain means by ``X.mean(axis=0)``.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        plain = X.mean(axis=0) if weight is None else weight @ X[:] / weight.sum()
        if np.isfinite(plain).all():
            return plain
        share = np.full(len(X), 1.0 / len(X)) if weight is None else weight / weight.sum()
        return sum(share[k : k + _BLOCK] @ X[k : k + _BLOCK] for k in range(0, len(X), _BLOCK))  # no partial sum is above the largest


def mean(column: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Mean over the rows; with ``weight`` (N,), over each row as often as it says."""
    with np.errstate(over="ignore", invalid="ignore"):
        plain = float(column.mean() if weight is None else np.sum(weight * column) / weight.sum())
        if np.isfinite(plain):
            return plain
        share = 1.0 / len(column) if weight is None else weight / weight.sum()
        return float(np.sum(share * column))

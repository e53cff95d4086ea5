"""Means of columns of numbers of any size: that of 1e308 and 1.5e308 is 1.25e308, though their sum is beyond numbers.

Of many rows sums are taken a block at a time, so that nothing as long as the columns is made on the way.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gibbs import mapped

_BLOCK = mapped.ROWS  # rows at a time


def total(rows: int, of: Callable[[slice], np.ndarray]) -> float:
    """Σ over ``rows`` of what ``of`` gives of a block of them."""
    return float(sum(np.sum(of(at)) for at in mapped.blocks(rows)))


def largest(column: np.ndarray) -> float:
    """The largest absolute value; 0 of no rows."""
    return max((float(np.abs(column[at]).max()) for at in mapped.blocks(len(column))), default=0.0)


def once(rows: int, weight: np.ndarray | None = None) -> np.ndarray:
    """(N,) how often each row counts: ``weight``, or 1, which takes no memory."""
    return np.broadcast_to(1.0, (rows,)) if weight is None else weight


def spread(column: np.ndarray, mean: float, weight: np.ndarray) -> float:
    """Root mean square about ``mean`` of a column whose rows count as often as ``weight`` says."""
    size = max((float(np.abs(column[at] - mean).max()) for at in mapped.blocks(len(column))), default=0.0)
    if not size:
        return 0.0
    return size * float(np.sqrt(total(len(column), lambda at: weight[at] * ((column[at] - mean) / size) ** 2) / weight.sum()))


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

"""An orthogonal basis for predictors that are nearly collinear, X = QR: sums of products of X itself would have no digits there.

X'X squares the condition number of X: of two columns that differ by a millionth of themselves it keeps four digits, of a ten-millionth two,
and the residual sum of squares that is made of it may come out as anything. Coefficients are then drawn on Q, whose columns are orthogonal
and have mean square 1, and turned back by R⁻¹. Nothing else changes: the prior's rows of weights are turned with them, so that the
posterior is the same. Columns are taken in the order of how much they have beside those before them: R⁻¹ is then a matrix of ordinary
numbers times a diagonal one, and so is what becomes of the prior's rows, whose precision keeps its digits for that.
"""

from __future__ import annotations

import numpy as np

from gibbs import mapped

WORST = 1e3
"""Up to this condition number (of the columns at length 1) X stays as it is: its cross-products have ten digits then."""
NOTHING = 1e-13
"""A column whose part beside the columns before it is this share of the column has no digits left: it counts as none of its own."""
_BLOCK = 65_536


def basis(X: np.ndarray, weight: np.ndarray, first: int, prior: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """(X turn, turn) with the columns from ``first`` on orthogonal over the rows at ``weight`` (N,); None where X is well-conditioned.

    ``prior`` (R, p): the coefficients' prior statements, each over its scale; of columns that are about as good the one of which they say
    least is taken first, so that what is known very closely a priori stands behind what it is subtracted from.

    The first ``first`` rows and columns of ``turn`` (p, p) are those of the identity. A column of which nothing is left becomes 0.
    """
    root = mapped.filled(X, len(X), 1.0)
    if weight.size and (most := weight.max()) > 0.0:
        for at in mapped.blocks(len(X)):
            np.sqrt(weight[at] / most, out=root[at])
    largest = np.maximum(X[:, first:].max(axis=0, initial=0.0), -X[:, first:].min(axis=0, initial=0.0))
    used = np.flatnonzero(largest > 0.0)
    if used.size < 2 or not np.all(largest < np.inf) or _condition(X[:, first:], largest, root, used) <= WORST:
        return None
    p = used.size
    A = X[:, first + used] / largest[used] * root[:, None]
    lengths = np.sqrt(np.sum(A**2, axis=0))
    with np.errstate(over="ignore"):
        known = np.sqrt(np.sum(prior[:, first + used] ** 2, axis=0)) / (lengths * largest[used])
    Q, R, order = _triangular(A / lengths, known)
    turn = np.eye(X.shape[1])
    size = np.sqrt(max(float(np.sum(root**2)), 1.0))  # columns of mean square 1
    place = first + used[order]
    turn[np.ix_(place, place)] = np.linalg.solve(R, np.eye(p)) * size / (lengths * largest[used])[order, None]
    out = X.copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        out[:, place] = np.where(root[:, None] > 0.0, Q * size / root[:, None], X[:, place] @ turn[np.ix_(place, place)])
    return out, turn


def _condition(A: np.ndarray, largest: np.ndarray, root: np.ndarray, used: np.ndarray) -> float:
    """The condition number of the columns ``used`` at length 1 (beyond 10⁷ a lower bound), from sums of products over blocks of rows."""
    G = np.zeros((used.size, used.size))
    for start in range(0, len(A), _BLOCK):
        block = A[start : start + _BLOCK, used] / largest[used] * root[start : start + _BLOCK, None]
        G += block.T @ block
    lengths = np.sqrt(G.diagonal())
    if not np.all(lengths > 0.0):
        return 1.0  # nothing is seen of such a column at these weights
    values = np.linalg.eigvalsh(G / np.outer(lengths, lengths))
    return float(np.sqrt(values[-1] / max(values[0], 1e-16)))


def _triangular(A: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Q (N, p), R (p, p), order (p,) with A[:, order] = QR; of the columns left one with most beside those taken is next.

    Of those within a tenth of the most it is the one with the least of ``known`` (p,). So the rows of R get smaller, each with no number
    that is far above the one on the diagonal. Q is orthonormal, but for columns of zeros where nothing is left; R has 1 there.
    """
    p = A.shape[1]
    Q, R, order, left = np.zeros_like(A), np.eye(p), np.arange(p), A.copy()
    for j in range(p):
        sizes = np.sum(left[:, j:] ** 2, axis=0)
        k = j + int(np.argmin(np.where(sizes >= 0.01 * sizes.max(), known[order[j:]], np.inf)))
        left[:, [j, k]], order[[j, k]], R[:j, [j, k]] = left[:, [k, j]], order[[k, j]], R[:j, [k, j]]
        again = Q[:, :j].T @ left[:, j]  # twice is enough (Giraud, Langou and Rozložník 2005)
        column = left[:, j] - Q[:, :j] @ again
        R[:j, j] += again
        size = float(np.sqrt(column @ column))
        if size > NOTHING:
            Q[:, j], R[j, j] = column / size, size
            R[j, j + 1 :] = Q[:, j] @ left[:, j + 1 :]
            left[:, j + 1 :] -= np.outer(Q[:, j], R[j, j + 1 :])
    return Q, R, order

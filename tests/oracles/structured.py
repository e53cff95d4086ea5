"""Covariances of levels that know their neighbours, written from their definitions: generalised inverses of precisions, dense.

Nothing is shared with ``gibbs.model.structures``, which goes by singular values of differences.
"""

from __future__ import annotations

import numpy as np


def walk_precision(order: int, positions: np.ndarray) -> np.ndarray:
    """Q of a random walk, term by term: Σ (u_{i+1} − u_i)²/δ_i, or Σ (slope after − slope before)²/mean δ."""
    J = len(positions)
    Q = np.zeros((J, J))
    for i in range(J - order):
        row = np.zeros(J)
        if order == 1:
            row[i + 1], row[i], variance = 1.0, -1.0, positions[i + 1] - positions[i]
        else:
            before, after = positions[i + 1] - positions[i], positions[i + 2] - positions[i + 1]
            row[i + 2] += 1.0 / after
            row[i + 1] -= 1.0 / after + 1.0 / before
            row[i] += 1.0 / before
            variance = 0.5 * (before + after)
        Q += np.outer(row, row) / variance
    return Q


def graph_precision(edges: np.ndarray, J: int) -> np.ndarray:
    """Degrees less adjacency."""
    W = np.zeros((J, J))
    for a, b in edges:
        W[a, b] = W[b, a] = 1.0
    return np.diag(W.sum(axis=1)) - W


def constrained_inverse(Q: np.ndarray, A: np.ndarray) -> np.ndarray:
    """The covariance of u ~ N(0, Q⁻) given Au = 0, A (c, J) spanning the null space of Q: (Q + A'A)⁻¹ conditioned on Au = 0."""
    V = np.linalg.inv(Q + A.T @ A)
    return V - V @ A.T @ np.linalg.solve(A @ V @ A.T, A @ V)


def unit_scale(K: np.ndarray) -> np.ndarray:
    """K with a diagonal of geometric mean 1."""
    return K / np.exp(np.mean(np.log(np.diagonal(K))))


def walk_covariance(order: int, positions: np.ndarray) -> np.ndarray:
    """K of a random walk: sums are 0, and of the second order slopes too."""
    positions = np.asarray(positions, dtype=float)
    centred = (positions - positions.mean()) / positions.std()
    A = np.stack([centred**k for k in range(order)]) / np.sqrt(len(positions))
    return unit_scale(constrained_inverse(walk_precision(order, positions / positions.std()), A))


def graph_covariance(edges: np.ndarray, J: int) -> np.ndarray:
    """K of an intrinsic autoregression: components one by one, found by powers of the adjacency; an area alone has variance 1."""
    Q = graph_precision(edges, J)
    reach = np.linalg.matrix_power((np.eye(J) + (Q < 0)), J) > 0
    K, done = np.zeros((J, J)), set()
    for j in range(J):
        members = np.flatnonzero(reach[j])
        if j in done:
            continue
        done |= set(members.tolist())
        if members.size == 1:
            K[j, j] = 1.0
            continue
        block = np.ix_(members, members)
        K[block] = unit_scale(constrained_inverse(Q[block], np.ones((1, members.size)) / np.sqrt(members.size)))
    return K


def covariance_of_levels(structure) -> np.ndarray:
    """K (J, J) of a factor's ``structure``, from its positions, neighbours or, of a given covariance, from BB'."""
    if structure.positions is not None:
        return walk_covariance({"rw1": 1, "rw2": 2}[structure.kind], structure.positions)
    if structure.edges is not None:
        return graph_covariance(structure.edges, len(structure.observed))
    return structure.basis @ structure.basis.T


def root(K: np.ndarray) -> np.ndarray:
    """Some square root of a positive semi-definite K."""
    values, V = np.linalg.eigh(K)
    return V * np.sqrt(np.where(values > 1e-12 * values[-1], values, 0.0))

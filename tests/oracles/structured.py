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


def curve_covariance(positions: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """K of a penalised spline: the curves through normal values at the knots with the bending energy of natural cubic splines as precision,
    less their straight line over the positions. D, B and f as in Green & Silverman (1994), §2.1 and §2.4."""
    t = (np.asarray(positions, dtype=float) - positions[0]) / (positions[-1] - positions[0])
    at = (np.asarray(knots, dtype=float) - positions[0]) / (positions[-1] - positions[0])
    h, k = np.diff(at), len(knots)
    Q, R = np.zeros((k, k - 2)), np.zeros((k - 2, k - 2))
    for j in range(k - 2):
        Q[j, j], Q[j + 1, j], Q[j + 2, j] = 1.0 / h[j], -1.0 / h[j] - 1.0 / h[j + 1], 1.0 / h[j + 1]
        R[j, j] = (h[j] + h[j + 1]) / 3.0
        if j + 1 < k - 2:
            R[j, j + 1] = R[j + 1, j] = h[j + 1] / 6.0
    gamma = np.vstack([np.zeros(k), np.linalg.solve(R, Q.T), np.zeros(k)])  # second derivatives at the knots
    N = np.zeros((len(t), k))
    for i, x in enumerate(t):
        j = min(int(np.searchsorted(at, x, side="right")) - 1, k - 2)
        low, high = x - at[j], at[j + 1] - x
        N[i, j], N[i, j + 1] = high / h[j], low / h[j]
        N[i] -= low * high / 6.0 * ((1.0 + low / h[j]) * gamma[j + 1] + (1.0 + high / h[j]) * gamma[j])
    V = N @ np.linalg.pinv(Q @ np.linalg.solve(R, Q.T), rcond=1e-11, hermitian=True) @ N.T
    line = np.column_stack([np.ones_like(t), t])
    off = np.eye(len(t)) - line @ np.linalg.pinv(line)
    return unit_scale(off @ V @ off)


def degree_covariance(structure, rho: float) -> np.ndarray:
    """K (J, J) at ``rho``: of an autoregression rho^|steps|; of bym2 the mixture; of leroux the inverse of its precision, conditioned on
    sums of 0 component by component, on the scale of the others."""
    J = len(structure.observed)
    if structure.kind == "ar1":
        steps = np.rint((structure.positions - structure.positions[0]) / structure.unit).astype(int)
        return float(rho) ** np.abs(steps[:, None] - steps)
    K = graph_covariance(structure.edges, J)
    if structure.kind == "bym2":
        return rho * K + (1.0 - rho) * np.eye(J)
    Q = graph_precision(structure.edges, J)
    V, reach = np.linalg.inv(rho * Q + (1.0 - rho) * np.eye(J)), np.linalg.matrix_power(np.eye(J) + (Q < 0), J) > 0
    found = np.zeros((J, J))
    for j in range(J):
        members = np.flatnonzero(reach[j])
        block, one = np.ix_(members, members), np.ones((members.size, 1))
        own = V[block]
        if members.size > 1:
            own = own - own @ one @ one.T @ own / (one.T @ own @ one)
        found[block] = unit_scale(own)
    return found


def covariance_of_levels(structure, rho: float | None = None) -> np.ndarray:
    """K (J, J) of a factor's ``structure``, from its positions, neighbours or, of a given covariance, from BB'."""
    if rho is not None:
        return degree_covariance(structure, rho)
    if structure.knots is not None:
        return curve_covariance(structure.positions, structure.knots)
    if structure.positions is not None:
        return walk_covariance({"rw1": 1, "rw2": 2}[structure.kind], structure.positions)
    if structure.edges is not None:
        return graph_covariance(structure.edges, len(structure.observed))
    if structure.precision is not None:
        return np.linalg.inv(structure.precision.toarray())
    return structure.basis @ structure.basis.T


def root(K: np.ndarray) -> np.ndarray:
    """Some square root of a positive semi-definite K."""
    values, V = np.linalg.eigh(K)
    return V * np.sqrt(np.where(values > 1e-12 * values[-1], values, 0.0))

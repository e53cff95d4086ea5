"""Exact marginal likelihood and conditional law of all location effects in a (conditionally) Gaussian model, by dense algebra.

Everything is in the covariance form, ỹ ~ N(Xβ, V) with V = diag(1/ω) + ZΣZ', which the kernels do not use and which also holds
where Σ is singular (a sd of zero): an independent route. O(N³).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from gibbs.model.records import Design

from .densities import factor_covariance

_LOG_2PI = np.log(2.0 * np.pi)


@dataclass(frozen=True)
class GaussianMarginal:
    """What is left when β and u are integrated out.

    log_marginal : log p(ỹ | Σ, ω) with β under its prior rows (a flat direction is integrated against Lebesgue measure).
    mean, covariance : of θ = (β, u_1, …, u_K), each u level by level and column by column, given ỹ, Σ, ω.
    """

    log_marginal: float
    mean: np.ndarray  # (p + U,)
    covariance: np.ndarray  # (p + U, p + U)
    p: int
    shapes: tuple[tuple[int, int], ...]  # (J, q) of every factor

    @property
    def beta_mean(self) -> np.ndarray:
        """(p,)"""
        return self.mean[: self.p]

    @property
    def u_mean(self) -> list[np.ndarray]:
        """One (J, q) a factor."""
        return self.split_u(self.mean)

    def split_u(self, theta: np.ndarray) -> list[np.ndarray]:
        """The (J, q) arrays in a vector ordered as ``mean``."""
        out, start = [], self.p
        for J, q in self.shapes:
            out.append(theta[start : start + J * q].reshape(J, q))
            start += J * q
        return out


def dense_design(design: Design) -> np.ndarray:
    """The (N, U) matrix Z of all random-effect columns, ordered factor, level, column."""
    blocks = []
    for factor in design.factors:
        J, q = len(factor.levels), factor.Z.shape[1]
        block = np.zeros((len(design.y), J * q))
        for i, j in enumerate(factor.codes):
            block[i, j * q : (j + 1) * q] = factor.Z[i]
        blocks.append(block)
    return np.hstack(blocks) if blocks else np.zeros((len(design.y), 0))


def dense_covariance(design: Design, covariances: list[list[np.ndarray]]) -> np.ndarray:
    """The (U, U) prior covariance of all random effects, ordered as ``dense_design``."""
    blocks = [np.kron(np.eye(len(f.levels)), factor_covariance(c)) for f, c in zip(design.factors, covariances, strict=True)]
    return linalg.block_diag(*blocks) if blocks else np.zeros((0, 0))


def gaussian_marginal(
    design: Design,
    covariances: list[list[np.ndarray]],
    sigma: float | None = None,
    *,
    response: np.ndarray | None = None,
    precision: np.ndarray | None = None,
    row_precision: np.ndarray | None = None,
) -> GaussianMarginal:
    """Integrate β and u out of ỹ_i ~ N(η_i, 1/ω_i).

    For the gaussian family ``sigma`` (or the design's ``known_se``) gives ω. For other families give the working ``response``
    (offset included, as y is) and ``precision``, both (N,). ``row_precision`` (one a prior row) replaces 1/scale² of the
    coefficient priors, for t priors written as scale mixtures of normals; without it t rows are refused.
    """
    y = np.asarray(design.y if response is None else response, float) - design.offset
    if precision is None:
        sd = design.known_se if design.known_se is not None else np.full(len(y), float(sigma))
        precision = 1.0 / sd**2
    p, rows = design.X.shape[1], design.coefficient_priors
    if row_precision is None:
        if any(np.isfinite(row.df) for row in rows):
            raise ValueError("t priors on coefficients are not conjugate: give row_precision")
        row_precision = np.array([row.scale**-2.0 for row in rows])
    W = np.array([row.weights for row in rows]).reshape(len(rows), p)
    row_mean = np.array([row.mean for row in rows])

    X, Z, sigma_u = design.X, dense_design(design), dense_covariance(design, covariances)
    V = np.diag(1.0 / precision) + Z @ sigma_u @ Z.T
    chol = linalg.cholesky(V, lower=True)
    Vi_X, Vi_y, Vi_Z = (linalg.cho_solve((chol, True), A) for A in (X, y, Z))

    # β: precision P and linear term from the data and from the prior rows
    P = X.T @ Vi_X + (W.T * row_precision) @ W
    b = X.T @ Vi_y + (W.T * row_precision) @ row_mean
    S = linalg.inv(P) if p else np.zeros((0, 0))
    m = S @ b
    log_marginal = -0.5 * (len(y) * _LOG_2PI + 2.0 * np.sum(np.log(np.diag(chol))) + y @ Vi_y)
    log_marginal += 0.5 * np.sum(np.log(row_precision) - _LOG_2PI - row_precision * row_mean**2)
    log_marginal += 0.5 * (p * _LOG_2PI - (np.linalg.slogdet(P)[1] if p else 0.0) + b @ m)

    # u | β ~ N(K(ỹ − Xβ), Σ − KZΣ), K = ΣZ'V⁻¹; then β is averaged out
    K = sigma_u @ Vi_Z.T
    KX = K @ X
    cov = np.block([[S, -S @ KX.T], [-KX @ S, sigma_u - K @ Z @ sigma_u + KX @ S @ KX.T]])
    shapes = tuple((len(f.levels), f.Z.shape[1]) for f in design.factors)
    return GaussianMarginal(float(log_marginal), np.concatenate([m, K @ (y - X @ m)]), 0.5 * (cov + cov.T), p, shapes)

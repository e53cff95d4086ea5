"""Restricted maximum likelihood for one grouping factor, in plain numpy: what lmer does, as an independent answer.

Bates, Mächler, Bolker & Walker (2015), Fitting linear mixed-effects models using lme4, J. Stat. Softw. 67(1), eq. 41. The random
effects are Λ v with v ~ N(0, σ² I); Λ, lower triangular, is found by minimising the profiled REML deviance over its entries.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize


@dataclass(frozen=True)
class Estimate:
    """Coefficients (p,), their standard errors (p,), the sds (q,) and correlation (q = 2) of the groups, the residual sd."""

    coefficients: np.ndarray
    standard_errors: np.ndarray
    group_sds: np.ndarray
    correlation: float | None
    residual_sd: float


def fit(y: np.ndarray, X: np.ndarray, Z: np.ndarray, group: np.ndarray) -> Estimate:
    """REML fit of y = Xβ + Z u_group + ε; y (N,), X (N, p), Z (N, q), group (N,) codes from 0."""
    n, p = X.shape
    q = Z.shape[1]
    levels = int(group.max()) + 1

    def by_group(A: np.ndarray, B: np.ndarray) -> np.ndarray:
        total = np.zeros((levels, A.shape[1], B.shape[1]))
        np.add.at(total, group, A[:, :, None] * B[:, None, :])
        return total

    Y = y[:, None]
    ZZ, ZX, ZY = by_group(Z, Z), by_group(Z, X), by_group(Z, Y)
    lower = np.tril_indices(q)

    def profile(entries: np.ndarray) -> tuple[np.ndarray, np.ndarray, float, float, np.ndarray]:
        factor = np.zeros((q, q))
        factor[lower] = entries
        chol = np.linalg.cholesky(np.eye(q) + factor.T @ ZZ @ factor)
        cx, cy = np.linalg.solve(chol, factor.T @ ZX), np.linalg.solve(chol, factor.T @ ZY)
        precision = X.T @ X - np.einsum("jqp,jqr->pr", cx, cx)
        moment = (X.T @ Y - np.einsum("jqp,jqr->pr", cx, cy))[:, 0]
        beta = np.linalg.solve(precision, moment)
        squares = float(y @ y - np.sum(cy**2) - moment @ beta)
        return precision, beta, squares, 2.0 * float(np.log(np.einsum("jii->ji", chol)).sum()), factor

    def deviance(entries: np.ndarray) -> float:
        precision, _, squares, log_det, _ = profile(entries)
        return log_det + float(np.linalg.slogdet(precision)[1]) + (n - p) * float(np.log(squares))

    best = minimize(deviance, 0.25 * np.eye(q)[lower], method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-7, "maxiter": 4000})
    precision, beta, squares, _, factor = profile(best.x)
    variance = squares / (n - p)
    covariance = variance * factor @ factor.T
    sds = np.sqrt(np.diag(covariance))
    correlation = float(covariance[0, 1] / (sds[0] * sds[1])) if q == 2 else None
    return Estimate(beta, np.sqrt(variance * np.diag(np.linalg.inv(precision))), sds, correlation, float(np.sqrt(variance)))

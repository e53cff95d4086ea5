"""The coefficients that real outcomes are taken as differences from, so that sums of squares do not cancel each other's digits."""

from __future__ import annotations

import numpy as np

FAR = 1e8
"""The prior is far from least squares from this sum of squared differences on, in prior sds."""


def fit(
    X: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    times: np.ndarray | float,
    known: bool,
    prior: tuple[np.ndarray, np.ndarray, np.ndarray],
    counts: np.ndarray | None = None,
) -> tuple[np.ndarray, float]:
    """(p,) coefficients near the posterior's, and the sd of what least squares leave of a row of precision weight 1.

    ``weight`` (N,): precisions of the rows beside σ; ``times``: of those, the user's precision weights; ``known``: σ is 1. ``prior``:
    weights (R, p) on the columns of X, means and scales (R,) of the coefficient statements. ``counts``: rows of the data behind each row,
    which ``weight`` has in it; None where each stands for itself.

    By least squares. Where the prior is far from that answer (of nearly collinear columns it is anything, and enormous), by least squares
    of the rows and the prior's statements together: with the prior's sum of squares at 10¹² the residual one would keep four digits.
    """
    p, root = X.shape[1], np.sqrt(weight)
    size = np.abs(X).max(axis=0, initial=0.0)
    size[size == 0.0] = 1.0
    scaled = X / size * root[:, None]
    found = np.linalg.lstsq(scaled, y * root, rcond=None)[0] / size if p else np.zeros(0)
    with np.errstate(over="ignore"):  # outcomes too large to square: the first sweep says so, with the rows
        behind, rows = (1.0, y.size) if counts is None else (counts, float(counts.sum()))
        residual_sd = float(np.sqrt(np.sum(behind * times * (y - X @ found) ** 2) / max(rows - p, 1))) or 1.0
    weights, mean, scale = prior
    with np.errstate(all="ignore"):
        if not FAR < np.sum(((mean - weights @ found) / scale) ** 2) < np.inf:
            return found, residual_sd
        sd = 1.0 if known else max(residual_sd, 0.01 * _deviation(y, counts))
        whole = np.concatenate([X * (root / sd)[:, None], weights / scale[:, None]])
        size = np.sqrt(np.sum(whole**2, axis=0))
    size[size == 0.0] = 1.0
    if not np.all(np.isfinite(whole)) or not np.all(np.isfinite(size)):
        return found, residual_sd
    return np.linalg.lstsq(whole / size, np.concatenate([y * root / sd, mean / scale]), rcond=None)[0] / size, residual_sd


def _deviation(y: np.ndarray, counts: np.ndarray | None) -> float:
    """Of the rows behind ``y``."""
    return float(np.sqrt(np.average((y - np.average(y, weights=counts)) ** 2, weights=counts)))

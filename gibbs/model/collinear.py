"""Columns that other columns explain: exactly (aliased, as R's ``alias``), or nearly (variance inflation, condition number).

Everything comes from the triangular factor R of X = QR, which is made in blocks of rows: N rows are read once and never copied whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gibbs.model import averages

TOLERANCE = 1e-7  # of dqrdc2 in R: a column whose residual is this small beside itself is explained by the columns before it
_BLOCK = 65_536


def triangular(X: np.ndarray, scales: np.ndarray, means: np.ndarray | None = None, columns: Sequence[int] | None = None) -> np.ndarray:
    """R (p, p), upper triangular, with R'R = Z'Z for Z = (X[:, columns] − means) / scales; by Householder steps over blocks of rows."""
    p = len(scales)
    R = np.zeros((0, p))
    for start in range(0, len(X), _BLOCK):
        block = X[start : start + _BLOCK]
        if columns is not None:
            block = block[:, columns]
        if means is not None:
            block = block - means
        R = np.linalg.qr(np.vstack((R, block / scales)), mode="r")
    if len(R) < p:
        R = np.vstack((R, np.zeros((p - len(R), p))))
    return R


@dataclass(frozen=True)
class Alias:
    """Column ``column`` equals the sum of ``weights[i]`` × column ``others[i]``."""

    column: int
    others: tuple[int, ...]
    weights: tuple[float, ...]

    def describe(self, names: Sequence[str]) -> str:
        """In words: ``'x3' is 2·x1 − x2``."""
        if not self.others:
            return f"'{names[self.column]}' is zero"
        if len(self.others) > 4:
            shown = ", ".join(f"'{names[i]}'" for i in self.others[:8]) + (" …" if len(self.others) > 8 else "")
            return f"'{names[self.column]}' is a combination of {shown}"
        words = ""
        for index, (i, weight) in enumerate(zip(self.others, self.weights, strict=True)):
            sign = "-" if weight < 0 else "" if index == 0 else "+"
            size = f"{abs(weight):.4g}"
            factor = size if names[i] == "Intercept" else names[i] if size == "1" else f"{size}·{names[i]}"
            words += f" {sign} {factor}" if index else f"{sign}{factor}"
        return f"'{names[self.column]}' is {words}"


def aliased(X: np.ndarray, intercept: int | None = None, tolerance: float = TOLERANCE) -> list[Alias]:
    """The columns that the columns before them explain exactly, with the combination that does, in the order of X.

    Column j is aliased when its residual on the kept columns before it is below ``tolerance`` × its length, as R's pivoting QR
    decides. With an ``intercept`` (a column of ones, before all others) lengths are taken about the mean, so that a column far from
    zero, such as a year or a time in seconds, is not mistaken for a constant.
    """
    p = X.shape[1]
    means = np.zeros(p)
    if intercept is not None:
        means = averages.means(X)
        means[intercept] = 0.0
    spread = _spread(X, means)
    constant = spread <= 1e-12 * np.abs(means)
    scales = np.where(constant | (spread == 0), np.maximum(np.abs(means), 1.0), spread)
    R = triangular(X, scales, means)
    lengths = np.sqrt((R**2).sum(axis=0))
    Q = np.zeros((p, p))  # orthonormal directions of the kept columns, in the p-dimensional image
    kept: list[int] = []
    found: list[Alias] = []
    for j in range(p):
        residual = R[:, j].copy()
        basis = Q[:, : len(kept)]
        for _ in range(2):  # twice is enough (Giraud, Langou and Rozložník 2005)
            residual -= basis @ (basis.T @ residual)
        size = float(np.sqrt(residual @ residual))
        if not constant[j] and lengths[j] > 0 and size > tolerance * lengths[j]:
            Q[:, len(kept)] = residual / size
            kept.append(j)
            continue
        weights = np.zeros(len(kept))
        if kept and not constant[j] and lengths[j] > 0:
            weights = np.linalg.lstsq(R[:, kept], R[:, j], rcond=None)[0]
            weights[np.abs(weights) * lengths[kept] <= 1e-6 * lengths[j]] = 0.0
            weights = weights * scales[j] / scales[kept]
        if intercept is not None:
            mean = means[j] - float(weights @ means[kept])
            size_of_parts = abs(means[j]) + float(np.abs(weights) @ np.abs(means[kept])) + scales[j]
            weights[kept.index(intercept)] += mean if abs(mean) > 1e-9 * size_of_parts else 0.0
        used = np.flatnonzero(weights)
        found.append(Alias(j, tuple(kept[i] for i in used), tuple(float(weights[i]) for i in used)))
    return found


def standardised(X: np.ndarray, intercept: int | None) -> tuple[np.ndarray, list[int]]:
    """R of the columns but the intercept and the constant ones, each centred (if there is an intercept) and scaled to length 1."""
    means = averages.means(X) if intercept is not None else np.zeros(X.shape[1])
    spread = _spread(X, means)
    floor = 1e-12 * np.maximum(np.abs(means), 1e-300)
    columns = [j for j in range(X.shape[1]) if j != intercept and spread[j] > floor[j]]
    if not columns:
        return np.zeros((0, 0)), columns
    R = triangular(X, spread[columns], means[columns], columns)
    return R / np.sqrt((R**2).sum(axis=0)), columns


def _spread(X: np.ndarray, means: np.ndarray) -> np.ndarray:
    out = np.zeros(X.shape[1])
    with np.errstate(over="ignore"):  # the distance of two enormous numbers
        for start in range(0, len(X), _BLOCK):
            np.maximum(out, np.abs(X[start : start + _BLOCK] - means).max(axis=0), out=out)
    return np.minimum(out, np.finfo(float).max)


def inflation(R: np.ndarray) -> tuple[np.ndarray, float]:
    """Variance inflation factors (1/(1 − R²) of each column on the others) and the condition number, from ``standardised``'s R.

    The columns must not be aliased.
    """
    inverse = np.linalg.solve(R, np.eye(len(R)))
    singular = np.linalg.svd(R, compute_uv=False)
    return (inverse**2).sum(axis=1), float(singular[0] / singular[-1])

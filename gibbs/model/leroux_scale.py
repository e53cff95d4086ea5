"""The variances of Leroux's law at every rho, of a map of any size.

    K(rho) ∝ (rho R₀ + (1 − rho) I)⁻,     N'φ = 0,     R₀ = D − W

Their logarithms, and that of the determinant, have their singularities where e^t = −1/λ, t = logit rho, λ an eigenvalue of R₀ (of the
determinant also at λ = 1), and tend to constants at either end. With

    s = (√(κ e^t) − 1)/(√(κ e^t) + 1)

those lie on the unit circle, and (0, 1) of rho is (−1, 1) of s: Chebyshev series of some tens of terms have them to ten digits (Trefethen
2013, theorem 8.2). κ has the eigenvalues in the middle. The values at the nodes are ``Inverses`` of R̃₀ (``fields.Field.beside``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gibbs.model.selected_inverse import Inverses

_FIRST, _MOST = 33, 257
"""Nodes to begin with, and at most; they are doubled between."""
_ENOUGH = 1e-11
"""Size of the last terms that is none."""


@dataclass(frozen=True)
class Scale:
    """Chebyshev coefficients, by term: variances (n, J), of log of the variances before they are scaled, 0 of islands; mean (n, M), of the
    mean of these in every component; log_det (n,), of log|K(rho)⁻| where they are scaled. centre: κ."""

    centre: float
    variances: np.ndarray = field(repr=False)
    mean: np.ndarray = field(repr=False)
    log_det: np.ndarray = field(repr=False)

    def place(self, rho: np.ndarray | float) -> np.ndarray:
        """s of rho."""
        root = np.sqrt(self.centre * np.asarray(rho, dtype=float))
        rest = np.sqrt(1.0 - np.asarray(rho, dtype=float))
        return (root - rest) / (root + rest)

    def log_means(self, rho: np.ndarray | float) -> np.ndarray:
        """(n, M) log of the geometric mean of the variances of every component, for ``rho`` (n,)."""
        return np.polynomial.chebyshev.chebvander(np.atleast_1d(self.place(rho)), len(self.mean) - 1) @ self.mean

    def log_variances(self, rho: np.ndarray) -> np.ndarray:
        """(n, J), before they are scaled."""
        return np.polynomial.chebyshev.chebvander(np.atleast_1d(self.place(rho)), len(self.variances) - 1) @ self.variances


def of(tilde: Any, part: np.ndarray, pins: tuple[np.ndarray, ...]) -> Scale:
    """Of R̃₀ (J, J) sparse, components ``part`` (J,), −1 of islands, and a pinned level of each, ``pins``."""
    J, M = part.size, len(pins)
    member = part >= 0
    sizes = np.bincount(part[member], minlength=M)
    inside = np.flatnonzero(member)
    N = (1.0 / np.sqrt(sizes[part[inside]]))[:, None]
    pinned = np.searchsorted(inside, np.concatenate(pins))
    inverses, parts = Inverses(tilde[inside][:, inside], pinned), part[inside]

    def at(rho: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(log variances (n, J inside), Σ log of eigenvalues (n,)); rest is 1 − rho."""
        diagonal, product, log_det = inverses.of(rho, rest, N)
        product = product[:, :, 0]
        met = np.stack([np.bincount(parts, weights=row * N[:, 0], minlength=M) for row in product])  # N'Σ̃N
        return np.log(diagonal - product**2 / met[:, parts]), log_det + np.sum(np.log(met), axis=1)

    variances, _ = at(np.ones(1), np.zeros(1))
    least = 1.0 / float(np.bincount(parts, weights=np.exp(variances[0]), minlength=M).max())  # 1/trace: below all eigenvalues
    most = 2.0 * float(tilde.diagonal().max())  # above all of them
    centre = float(np.sqrt(min(least, 1.0) * max(most, 1.0)))
    found: dict[int, tuple[np.ndarray, float]] = {}
    n = _FIRST
    while True:
        step = (_MOST - 1) // (n - 1)
        new = [k for k in range(0, _MOST, step) if k not in found]
        s = np.cos(np.pi * np.array(new) / (_MOST - 1))
        z = np.where(s < 1.0, (1.0 + s) / np.where(s < 1.0, 1.0 - s, 1.0), np.inf) ** 2 / centre
        rest = np.where(np.isfinite(z), 1.0 / (1.0 + z), 0.0)
        logs, determinants = at(np.where(np.isfinite(z), 1.0 - rest, 1.0), rest)
        found.update({k: (logs[i], determinants[i]) for i, k in enumerate(new)})
        nodes = range(0, _MOST, step)
        variances, log_det = _series(np.stack([found[k][0] for k in nodes])), _series(np.array([found[k][1] for k in nodes])[:, None])
        tail = max(np.abs(variances[-4:]).max(), np.abs(log_det[-4:]).max() / J)
        if tail < _ENOUGH or n == _MOST:
            break
        n = 2 * n - 1
    mean = np.stack([variances[:, parts == m].mean(axis=1) for m in range(M)], axis=1)
    of_all = np.zeros((n, J))
    of_all[:, inside] = variances
    return Scale(centre, of_all, mean, log_det[:, 0] + mean @ (sizes - 1))


def _series(values: np.ndarray) -> np.ndarray:
    """Chebyshev coefficients (n, …) of ``values`` at cos(πk/(n − 1))."""
    from scipy.fft import dct

    n = len(values)
    found = dct(values, type=1, axis=0) / (n - 1)
    found[[0, -1]] *= 0.5
    return found

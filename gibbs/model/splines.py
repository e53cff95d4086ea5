"""Penalised splines as effects: natural cubic splines with k knots, what is curved in them of independent coefficients.

    f(x) = α + β x + B(x) w,     w_c ~ N(0, σ²),  c = 1 … k − 2

B spans the curves of a natural cubic spline (linear beyond its outer knots) whose coordinates make the penalty ∫ f''² a sum of squares
(Wood 2017, §5.3.1 and §5.8; Lin & Zhang 1999): given σ the posterior mean is the smoothing spline with penalty weight (residual
variance)/σ², but for a constant. Over the values that the data have, a curve has no mean and no straight line, which are fixed effects.
The geometric mean of the variances of f over them is σ², so that σ means the same in every unit of x and for every k (Sørbye & Rue 2014).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DEFAULT_KNOTS, LEAST_KNOTS = 10, 4


@dataclass(frozen=True)
class Spline:
    """A basis that can be asked anywhere. knots (k,), root (k, C) and line (2, C) in units of ``begin`` + ``span`` x."""

    begin: float
    span: float
    knots: np.ndarray
    root: np.ndarray
    line: np.ndarray

    def basis(self, x: np.ndarray) -> np.ndarray:
        """B (n, C) at x (n,)."""
        t = (np.asarray(x, dtype=float) - self.begin) / self.span
        return cardinal(self.knots, t) @ self.root - np.column_stack([np.ones_like(t), t]) @ self.line


def build(values: np.ndarray, knots: np.ndarray) -> Spline:
    """The spline of sorted different ``values`` of the data with these ``knots``, the outer ones of which are the outer values."""
    begin, span = float(values[0]), float(values[-1] - values[0])
    t, at = (values - begin) / span, (np.asarray(knots, dtype=float) - begin) / span
    penalties, V = np.linalg.eigh(penalty(at))
    root = V[:, 2:] / np.sqrt(penalties[2:])
    straight = np.column_stack([np.ones_like(t), t])
    B = cardinal(at, t) @ root
    line = np.linalg.lstsq(straight, B, rcond=None)[0]
    variances = np.sum((B - straight @ line) ** 2, axis=1)
    scale = np.exp(-0.5 * np.mean(np.log(variances)))
    return Spline(begin, span, at, scale * root, scale * line)


def place_knots(values: np.ndarray, k: int) -> np.ndarray:
    """k knots at evenly spaced quantiles of the different ``values``."""
    return np.quantile(values, np.linspace(0.0, 1.0, k))


def cardinal(knots: np.ndarray, t: np.ndarray) -> np.ndarray:
    """(n, k): the natural cubic splines that are 1 at one knot and 0 at the others; straight lines beyond the outer knots."""
    from scipy.interpolate import CubicSpline

    spline = CubicSpline(knots, np.eye(knots.size), bc_type="natural")
    inside = np.clip(t, knots[0], knots[-1])
    return spline(inside) + (t - inside)[:, None] * spline(inside, 1)


def penalty(knots: np.ndarray) -> np.ndarray:
    """S (k, k): ∫ f''² of the natural cubic spline through β is β'Sβ."""
    from scipy.interpolate import CubicSpline

    bend = CubicSpline(knots, np.eye(knots.size), bc_type="natural")(knots, 2)  # f'' is straight between knots
    before, after, h = bend[:-1], bend[1:], np.diff(knots)[:, None]
    S = (h * before).T @ before + (h * after).T @ after + 0.5 * ((h * before).T @ after + (h * after).T @ before)
    return S / 3.0

"""Density estimates of draws, with a boundary where a parameter has one."""

from __future__ import annotations

import math

import numpy as np


def bandwidth(values: np.ndarray, size: float | None = None) -> float:
    """Silverman's (1986, eq. 3.31): 0.9 min(sd, IQR/1.34) n^(−1/5); 0 for values that are all the same. ``size``: n of dependent draws."""
    sd = float(np.std(values))
    low, high = np.quantile(values, (0.25, 0.75))
    spread = min(sd, (high - low) / 1.34) or sd
    return 0.9 * spread * (len(values) if size is None else size) ** -0.2


def kernel(values: np.ndarray, grid: np.ndarray, low: float = -math.inf, high: float = math.inf, width: float | None = None) -> np.ndarray:
    """Gaussian kernel density of ``values`` at ``grid``; mass beyond ``low`` and ``high`` is folded back at them.

    Values are shared out to a fine grid first (an eighth of the bandwidth; Jones and Lotwick 1984), so that the cost goes with the grid
    and not with the number of values.
    """
    values = np.asarray(values, dtype=float)
    width = bandwidth(values) if width is None else width
    if not width > 0:
        raise ValueError("all values are the same; they have no density")
    first, last = float(grid.min()) - 5 * width, float(grid.max()) + 5 * width
    bins = int(min(max(8 * (last - first) / width, 16), 20_000))
    place = (values[(values >= first) & (values <= last)] - first) / (last - first) * bins
    left = np.minimum(place.astype(int), bins - 1)
    right_share = place - left
    counts = np.bincount(left, 1 - right_share, bins + 1) + np.bincount(left + 1, right_share, bins + 1)
    centres = np.linspace(first, last, bins + 1)
    held = counts > 0
    counts, centres = counts[held], centres[held]

    def at(points: np.ndarray) -> np.ndarray:
        return np.exp(-0.5 * ((points[:, None] - centres) / width) ** 2) @ counts

    total = at(grid)
    if math.isfinite(low):
        total += at(2 * low - grid)
    if math.isfinite(high):
        total += at(2 * high - grid)
    total[(grid < low) | (grid > high)] = 0.0
    return total / (len(values) * width * math.sqrt(2 * math.pi))

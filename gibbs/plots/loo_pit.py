"""Leave-one-out PIT: whether outcomes lie in their predictions from the other rows as they should, evenly from the lowest to the highest.

Left a histogram; right the distribution function less the uniform one, with a band that 95 % of uniform samples stay in everywhere
(Säilynoja, Bürkner and Vehtari 2022, by simulation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gibbs.model.families import ORDINAL, of
from gibbs.plots import asked, choose

if TYPE_CHECKING:
    from gibbs.plots.canvas import Picture
    from gibbs.posterior.fit import Fit

POINTS, SAMPLES = 100, 4000
"""Points of the distribution function, and uniform samples behind its band."""
MOST = 200_000
"""Of more outcomes than this, so many are taken at random."""


def band(n: int, level: float, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest share of n uniform numbers below k/(points + 1), k = 1 …, that ``level`` of samples keep to at every k.

    Each point leaves out as much of its own distribution as makes the whole hold, found on ``SAMPLES`` samples.
    """
    rng = np.random.default_rng(1)
    counts = np.cumsum(rng.multinomial(n, np.full(points + 1, 1.0 / (points + 1)), SAMPLES), axis=1)[:, :points]
    order = np.sort(counts, axis=0)
    first = np.stack([np.searchsorted(order[:, k], counts[:, k], side="right") for k in range(points)], axis=1)
    last = SAMPLES - np.stack([np.searchsorted(order[:, k], counts[:, k], side="left") for k in range(points)], axis=1)
    farthest = np.minimum(first, last).min(axis=1)  # how far out a sample is at its farthest point, in ranks
    out = max(int(np.quantile(farthest, 1.0 - level)), 1)
    return order[out - 1] / n, order[SAMPLES - out] / n


def outcomes(fit: Fit, draws: int | None = None) -> np.ndarray:
    """The PIT of every outcome: of a row of weight w, w of them with ties of their own."""
    found = fit.loo_pit(draws)
    if np.all(found.weights == 1):
        values = found.pit
    else:
        rng = np.random.default_rng(2)
        row = np.repeat(np.arange(len(found.pit)), found.weights.astype(np.int64))
        values = found.below[row] + rng.random(len(row)) * (found.upto - found.below)[row]
    return values if len(values) <= MOST else np.random.default_rng(3).choice(values, MOST, replace=False)


def draw(fit: Fit, draws: int | None = None) -> Picture:
    """The histogram, and the difference of the distribution function."""
    from gibbs.plots import canvas

    values = outcomes(fit, draws)
    n, level = len(values), asked.now().level
    figure, axes = canvas.sheet(1, 2, width=7.2, height=3.5)
    left, right = axes[0]
    bins = int(np.clip(n // 10, 5, 20))
    left.hist(values, bins=bins, range=(0, 1), density=True, color=canvas.LIGHT, edgecolor=canvas.GREY, linewidth=0.6)
    left.axhline(1.0, color=canvas.BLACK, linewidth=0.9)
    left.set_xlim(0, 1)
    left.set_xlabel("PIT")
    left.set_ylabel("density")
    at = np.arange(1, POINTS + 1) / (POINTS + 1.0)
    low, high = band(n, level)
    ends = np.concatenate([[0.0], at, [1.0]])
    right.fill_between(
        ends, np.concatenate([[0], low - at, [0]]), np.concatenate([[0], high - at, [0]]), color=canvas.SKY, alpha=0.4, linewidth=0,
        label=f"{asked.percent()} of uniform samples",
    )  # fmt: skip
    share = np.searchsorted(np.sort(values), at, side="left") / n
    right.plot(ends, np.concatenate([[0], share - at, [0]]), color=canvas.BLACK, linewidth=1.3, label="PIT of the data")
    right.axhline(0.0, color=canvas.GREY, linewidth=0.7)
    right.set_xlim(0, 1)
    right.set_xlabel("PIT")
    right.set_ylabel("distribution function − uniform")
    note = f"{n:,} outcomes. High at both ends: predictions too narrow; high in the middle: too wide; to one side: too low or too high."
    family = of(fit.outline)
    if family.is_share and fit.design.trials is None:
        note += " Of yes-or-no outcomes a PIT says little: ppc has their residuals."
    elif family.is_discrete:
        note += f" Ties of {'categories' if family.outcome == ORDINAL else 'counts'} are broken at random."
    canvas.head(figure, f"Leave-one-out PIT: {choose.name_of(fit)}", note, canvas.legend_of(right))
    return figure

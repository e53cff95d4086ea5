"""Each factor's share of the variance about the coefficients, as bars with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gibbs.plots import asked, choose
from gibbs.posterior import intervals

if TYPE_CHECKING:
    from gibbs.plots.canvas import Picture
    from gibbs.posterior.fit import Fit


def draw(fit: Fit) -> Picture:
    """Bars of ``fit.variance_shares()``: posterior means, with intervals."""
    from gibbs.plots import canvas

    choose.factor(fit)
    table = fit.variance_shares(level=asked.now().level)
    place = np.arange(len(table))[::-1].astype(float)
    share, low, high = (100 * table[name].to_numpy() for name in ("share", *intervals.column_names(asked.now().level)))
    figure, axes = canvas.sheet(width=6.5, height=1.3 + 0.38 * len(table))
    axis = axes[0, 0]
    colours = [canvas.SKY] * (len(table) - 1) + [canvas.LIGHT]
    axis.barh(place, share, height=0.62, color=colours, edgecolor=canvas.BLACK, linewidth=0.6)
    axis.hlines(place, low, high, color=canvas.BLACK, linewidth=1.4)
    for y, mean, end in zip(place, share, high, strict=True):
        axis.annotate(f"{mean:.1f} %", (max(end, mean), y), (5, 0), textcoords="offset points", va="center", fontsize=8)
    axis.set_yticks(place, [canvas.shown(str(name), 34) for name in table.index])
    axis.tick_params(axis="y", length=0)
    axis.set_xlim(0, min(118.0, 1.18 * max(float(high.max()), 1.0)))
    axis.set_xticks([tick for tick in axis.get_xticks() if 0 <= tick <= 100])
    axis.spines["bottom"].set_bounds(0, min(100.0, axis.get_xlim()[1]))
    axis.set_xlabel("share of the variance, %")
    note = f"Posterior means of the shares, lines: {asked.percent()} intervals. What the coefficients explain is not part of the total."
    if any(len(factor.columns) > 1 for factor in fit.outline.factors):
        note += " A factor with slopes counts with its mean variance over the rows of the data."
    canvas.head(figure, f"Shares of the variance: {choose.name_of(fit)}", note)
    return figure

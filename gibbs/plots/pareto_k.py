"""Pareto k of leave-one-out, row by row: rows (or levels) that the posterior leans on so much that it cannot tell about leaving them out.

k ≤ min(1 − 1/log10(S), 0.7) is fine (Vehtari et al. 2024); above 1 the mean of the weights does not exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gibbs.plots import choose

if TYPE_CHECKING:
    from gibbs.plots.canvas import Picture
    from gibbs.posterior.fit import Fit

NAMED = 8
"""So many of the largest that are too large have their names beside them."""


def draw(fit: Fit, group: str | None = None, draws: int | None = None) -> Picture:
    """k against the place of the row in the data, or of the levels of ``group`` left out whole."""
    from gibbs.plots import canvas

    found = fit.loo(group=group, draws=draws)
    unit = f"levels of {group}" if group else "rows"
    k = found.pareto_k
    place = np.arange(1.0, len(k) + 1.0) if group else np.asarray(found.labels, dtype=float)
    known = np.isfinite(k)
    figure, axes = canvas.sheet(width=6.8, height=3.9)
    axis = axes[0, 0]
    axis.axhline(found.good_k, color=canvas.VERMILLION, linewidth=0.9, linestyle="--", label=f"{found.good_k:.2f}: good up to here")
    if known.any() and k[known].max() > 0.85:
        axis.axhline(1.0, color=canvas.VERMILLION, linewidth=0.9, label="1: no mean")
    bad = known & (k > found.good_k)
    size = 4.0 if len(k) <= 2000 else 2.0
    axis.plot(place[known & ~bad], k[known & ~bad], "o", markersize=size, color=canvas.BLUE, markerfacecolor="white", markeredgewidth=0.7)
    axis.plot(place[bad], k[bad], "o", markersize=size + 1, color=canvas.VERMILLION)
    for i in np.flatnonzero(bad)[np.argsort(-k[bad])][:NAMED]:
        word = canvas.shown(str(found.labels[i]))
        axis.annotate(word, (place[i], k[i]), (4, 3), textcoords="offset points", fontsize=7, color=canvas.VERMILLION)
    axis.margins(x=0.03, y=0.1)
    axis.set_xlabel(f"{group}, in their order" if group else "row of the data")
    axis.set_ylabel("Pareto k")
    beyond = int(np.sum(k == np.inf))
    if found.bad_k:
        note = f"{found.bad_k:,} of {len(k):,} {unit} above {found.good_k:.2f}: the posterior without them is too unlike the one with "
        note += f"them for weights to tell. {found.draws:,} draws."
    else:
        note = f"None of {len(k):,} {unit} is above {found.good_k:.2f}: weights tell the posterior without each. {found.draws:,} draws."
    note += f" {beyond:,} {unit} have no finite k, and are not shown." if beyond else ""
    canvas.head(figure, f"Leave-one-out, Pareto k: {choose.name_of(fit)}", note, canvas.legend_of(axis))
    return figure

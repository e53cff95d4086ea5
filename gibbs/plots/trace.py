"""Traces, and ranks of the draws by chain (Vehtari et al. 2021, section 5): chains that agree have flat ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gibbs.errors import PlotError
from gibbs.plots import choose
from gibbs.posterior import parameters as named

if TYPE_CHECKING:
    from gibbs.plots.canvas import Picture
    from gibbs.posterior.fit import Fit

SHOWN = 8
"""Parameters of a picture where none are named: those with the smallest effective sample sizes."""
MOST = 24
POINTS = 1000
"""Points of a trace; a longer chain is thinned evenly."""
BINS = 20


def rank_counts(values: np.ndarray, bins: int = BINS) -> np.ndarray:
    """(chain, bins): how many draws of each chain have ranks, among the draws of all chains, in each of ``bins`` equal parts.

    values : (chain, draw). Ties take their mean rank.
    """
    chains, kept = values.shape
    flat = values.reshape(-1)
    _, inverse, count = np.unique(flat, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    rank = (last - (count - 1) / 2.0)[inverse.reshape(-1)].reshape(chains, kept)  # 1 … chains × kept
    which = np.minimum((bins * (rank - 0.5) / flat.size).astype(int), bins - 1)
    return np.stack([np.bincount(row, minlength=bins) for row in which])


def default(fit: Fit) -> list[str]:
    """Coefficients and hyper-parameters: all of them where they are few, else those known least well, in their usual order."""
    table = fit.summary()
    moving = table.index[table["sd"] > 0]
    if len(moving) <= SHOWN:
        return list(moving)
    worst = set(table.loc[moving, "ess_bulk"].fillna(0.0).nsmallest(SHOWN).index)
    return [name for name in moving if name in worst]


def draw(fit: Fit, parameters: str | Sequence[str] | None = None) -> Picture:
    """A row a parameter: its trace, and the ranks of its draws."""
    from gibbs.plots import canvas

    wanted = choose.parameters(fit, parameters, default(fit))
    if not wanted:
        raise PlotError("the model fixes every parameter: there is nothing to trace.")
    if len(wanted) > MOST:
        raise PlotError(f"{len(wanted)} parameters are more than one picture holds ({MOST}); choose with parameters=.")
    figure, axes = canvas.sheet(len(wanted), 2, width=7.5, height=0.9 + 1.25 * len(wanted), width_ratios=(2.2, 1))
    chains, kept = fit.arrays.beta.shape[:2]
    at = np.arange(kept) if kept <= POINTS else np.unique(np.linspace(0, kept - 1, POINTS).round().astype(int))
    for at_row, (row, name) in enumerate(zip(axes, wanted, strict=True)):
        values = named.values(fit.arrays, fit.outline, name)
        bins = max(2, min(BINS, chains * kept // 25))
        counts, edges = rank_counts(values, bins), np.linspace(0, chains * kept, bins + 1)
        for k in range(chains):
            colour, dashes = canvas.CHAINS[k % len(canvas.CHAINS)]
            row[0].plot(at + 1, values[k, at], color=colour, linewidth=0.45, alpha=0.8)
            row[1].stairs(counts[k], edges, color=colour, linestyle=dashes, linewidth=1.0, label=f"chain {k + 1}", baseline=None)
        row[1].axhline(kept / bins, color=canvas.GREY, linewidth=0.7)
        row[1].set_ylim(0, max(2.0 * kept / bins, 1.1 * counts.max()))
        canvas.panel_title(row[0], name)
        row[0].set_xlim(1, max(2, kept))
        row[1].set_yticks([])
        row[1].spines["left"].set_visible(False)
        row[0].tick_params(labelbottom=at_row == len(wanted) - 1)
        row[1].set_xticks([0, chains * kept], ["lowest", "highest"] if at_row == len(wanted) - 1 else ["", ""])
    axes[0, 1].set_title("ranks", loc="left")
    axes[-1, 0].set_xlabel("draw of the chain, after warm-up")
    axes[-1, 1].set_xlabel("rank among all draws")
    legend = canvas.legend_of(axes[0, 1]) if chains <= len(canvas.CHAINS) else None
    note = "Chains that agree wander over the same values, and have ranks that lie flat about the line."
    if parameters is None and len(wanted) < int((fit.summary()["sd"] > 0).sum()):
        note += f" Shown: the {SHOWN} parameters with the smallest effective sample sizes; parameters= shows others."
    if len(at) < kept:
        note += f" The traces have {len(at):,} of the {kept:,} draws of each chain, evenly spaced; the ranks have all."
    canvas.head(figure, f"Chains: {choose.name_of(fit)}", note, legend)
    return figure

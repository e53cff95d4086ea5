"""Parameters two by two: the draws below the diagonal, their correlations above it, their densities on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gibbs.errors import PlotError
from gibbs.plots import choose, density, trace
from gibbs.posterior import parameters as named

if TYPE_CHECKING:
    from gibbs.plots.canvas import Picture
    from gibbs.posterior.fit import Fit

SHOWN = 5
"""Parameters where none are named: those known least well."""
MOST = 10
POINTS = 1500
"""Points of a panel, evenly spaced over the draws of all chains."""


def default(fit: Fit) -> list[str]:
    """Of coefficients and hyper-parameters that are not fixed those with the smallest effective sample sizes, in their usual order."""
    table = fit.summary().loc[trace.default(fit)]
    worst = set(table["ess_bulk"].fillna(0.0).nsmallest(SHOWN).index)
    return [name for name in table.index if name in worst]


def draw(fit: Fit, parameters: str | Sequence[str] | None = None) -> Picture:
    """A panel for each pair."""
    from gibbs.plots import canvas

    wanted = choose.parameters(fit, parameters, default(fit))
    if len(wanted) > MOST:
        raise PlotError(f"{len(wanted)} parameters are more than one picture holds ({MOST}); choose with parameters=.")
    if len(wanted) < 2 and (parameters is not None or not wanted):
        raise PlotError("a pair is of two parameters; name two or more with parameters=.")
    values = np.column_stack([named.values(fit.arrays, fit.outline, name).reshape(-1) for name in wanted])
    q = len(wanted)
    side = min(1.9, 9.5 / q)
    figure, axes = canvas.sheet(q, q, width=max(4.5, side * q), height=max(4.2, side * q + 0.8))
    at = np.unique(np.linspace(0, len(values) - 1, min(POINTS, len(values))).round().astype(int))
    for row in range(q):
        for column in range(q):
            axis = axes[row, column]
            if row == column:
                _density(axis, values[:, row])
                canvas.panel_title(axis, wanted[row])
            elif row > column:
                axis.plot(values[at, column], values[at, row], ".", color=canvas.BLUE, markersize=2.6, alpha=0.5, markeredgewidth=0)
            else:
                _correlation(axis, values[:, column], values[:, row])
            axis.tick_params(labelbottom=row == q - 1, labelleft=column == 0 and row > 0)
            if row == column or row < column:
                axis.set_yticks([])
            axis.xaxis.set_major_locator(_few())
            if row > column:
                axis.yaxis.set_major_locator(_few())
    shown = f"{len(at):,} of the {len(values):,} draws" if len(at) < len(values) else f"the {len(values):,} draws"
    note = f"Below the diagonal {shown} of all chains, above it correlations. A ridge or a funnel is where a sampler is slow."
    if parameters is None and len(wanted) < int((fit.summary()["sd"] > 0).sum()):
        note += f" Shown: the {len(wanted)} parameters with the smallest effective sample sizes; parameters= shows others."
    canvas.head(figure, f"Pairs of parameters: {choose.name_of(fit)}", note)
    return figure


def _few():
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(3)


def _density(axis, values: np.ndarray) -> None:
    from gibbs.plots import canvas

    grid = np.linspace(values.min(), values.max(), 201)
    if not density.bandwidth(values) > 0:
        axis.axvline(float(values[0]), color=canvas.BLACK)
        return
    curve = density.kernel(values, grid)
    axis.fill_between(grid, 0, curve, color=canvas.LIGHT, linewidth=0)
    axis.plot(grid, curve, color=canvas.BLACK, linewidth=1.0)
    axis.set_ylim(bottom=0)


def _correlation(axis, first: np.ndarray, second: np.ndarray) -> None:
    """The number, the larger the stronger; the axes are those of the draws, so that panels of a column have one scale."""
    from gibbs.plots import canvas

    varies = first.std() > 0 and second.std() > 0
    r = float(np.corrcoef(first, second)[0, 1]) if varies else 0.0
    word = f"{r:.2f}" if varies else "fixed"
    axis.plot([first.min(), first.max()], [0.0, 1.0], alpha=0.0)
    axis.text(0.5, 0.5, word, transform=axis.transAxes, ha="center", va="center", fontsize=8 + 6 * abs(r), color=canvas.BLACK)
    for side in ("left", "bottom"):
        axis.spines[side].set_visible(False)
    axis.tick_params(bottom=False)

"""The picture of age, period and cohort: three curves with bands, and the ridge along which their trends cannot be told apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.plots import canvas
from gibbs.posterior import intervals
from gibbs.posterior.linear import flat, spread

if TYPE_CHECKING:
    from gibbs.plots.canvas import Picture

DOTS = 500


def draw(
    places: Mapping[str, tuple[str, np.ndarray]],
    curves: Mapping[str, np.ndarray],
    trends: tuple[np.ndarray, np.ndarray],
    what: str,
    level: float,
    title: str,
    note: str,
) -> Picture:
    """``curves`` (chains, draws, J) of age, period and cohort, each at its ``places`` (name of the factor, positions); then the ridge.

    what : the curves are. trends : of period and cohort, (chains, draws).
    """
    with canvas.style():
        figure, panels = canvas.sheet(2, 2, width=7.6, height=5.8)
        for panel, (name, (factor, at)) in zip(panels.ravel(), places.items(), strict=False):
            every = flat(curves[name])
            canvas.zero_line(panel, vertical=False)
            for inside, color, alpha in ((level, canvas.SKY, 0.35), (0.5, canvas.BLUE, 0.4)):
                low, high = intervals.interval(every, inside)
                panel.fill_between(at, low, high, color=color, alpha=alpha, linewidth=0, label=f"{100 * inside:g} % interval")
            panel.plot(at, every.mean(axis=0), color=canvas.BLACK, marker="o", markersize=2.6, linewidth=1.1, label="posterior mean")
            panel.ticklabel_format(useOffset=False, style="plain", axis="x")
            panel.set_xlabel(canvas.shown(factor, 40))
            canvas.panel_title(panel, f"{name}: {what}")
        _ridge(panels.ravel()[3], *trends)
        canvas.head(figure, title, note, canvas.legend_of(panels[0, 0]))
    return figure


def _ridge(panel: Any, period: np.ndarray, cohort: np.ndarray) -> None:
    """Draws of the trends of period and cohort, and the line that they cannot leave: their sum is the net drift."""
    x, y = flat(period), flat(cohort)
    some = spread(x.size, DOTS)
    panel.scatter(x[some], y[some], s=5, color=canvas.SKY, alpha=0.5, linewidths=0)
    drift, ends = float(np.mean(x + y)), np.array([x.min(), x.max()])
    panel.plot(ends, drift - ends, color=canvas.BLACK, linewidth=1.0)
    panel.set_xlabel("trend of period")
    panel.set_ylabel("trend of cohort")
    canvas.panel_title(panel, "the ridge: only the sum is known")

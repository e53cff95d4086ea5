"""The picture of age, period and cohort: three curves with bands, and the ridge along which their trends cannot be told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gibbs.plots import canvas
from gibbs.posterior import intervals
from gibbs.posterior.linear import flat, spread
from gibbs.predictions import apc

if TYPE_CHECKING:
    from gibbs.plots.canvas import Picture
    from gibbs.predictions.apc import AgePeriodCohort

DOTS = 500


def draw(found: AgePeriodCohort) -> Picture:
    """Deviations from the straight line over age, period and cohort, or the curves under the constraint; then the ridge."""
    axes = {axis.name: axis for axis in found.axes}
    curves = apc.under(axes, found.constraint) if found.constraint else {name: axis.deviations for name, axis in axes.items()}
    with canvas.style():
        figure, panels = canvas.sheet(2, 2, width=7.6, height=5.8)
        for panel, (name, axis) in zip(panels.ravel(), axes.items(), strict=False):
            every = flat(curves[name])
            canvas.zero_line(panel, vertical=False)
            for level, color, alpha in ((found.level, canvas.SKY, 0.35), (0.5, canvas.BLUE, 0.4)):
                low, high = intervals.interval(every, level)
                panel.fill_between(axis.at, low, high, color=color, alpha=alpha, linewidth=0, label=f"{100 * level:g} % interval")
            panel.plot(axis.at, every.mean(axis=0), color=canvas.BLACK, marker="o", markersize=2.6, linewidth=1.1, label="posterior mean")
            panel.ticklabel_format(useOffset=False, style="plain", axis="x")
            panel.set_xlabel(canvas.shown(axis.factor, 40))
            canvas.panel_title(panel, f"{name}: {'curve' if found.constraint else 'deviation from its straight line'}")
        _ridge(panels.ravel()[3], found)
        note = apc.NOT_IDENTIFIED if not found.constraint else f"Constraint: {apc.given(found.constraint)}. {apc.NOT_IDENTIFIED}"
        canvas.head(figure, f"{found.title}: {found.outcome}", note, canvas.legend_of(panels[0, 0]))
    return figure


def _ridge(panel, found: AgePeriodCohort) -> None:
    """Draws of the trends of period and cohort, and the line that they cannot leave: their sum is the net drift."""
    _, period, cohort = found.axes
    x, y = flat(period.slope), flat(cohort.slope)
    some = spread(x.size, DOTS)
    panel.scatter(x[some], y[some], s=5, color=canvas.SKY, alpha=0.5, linewidths=0)
    drift, ends = float(np.mean(x + y)), np.array([x.min(), x.max()])
    panel.plot(ends, drift - ends, color=canvas.BLACK, linewidth=1.0)
    panel.set_xlabel("trend of period")
    panel.set_ylabel("trend of cohort")
    canvas.panel_title(panel, "the ridge: only the sum is known")

"""The expected outcome over a grid of predictors: lines with bands along numbers, points with intervals for categories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.errors import PlotError, nearest
from gibbs.plots import asked
from gibbs.predictions import effects

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gibbs.plots.canvas import Picture
    from gibbs.posterior.fit import Fit
    from gibbs.predictions.effects import Effects

MOST = 6
"""Panels of a picture."""
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C8C00")  # Okabe and Ito's, yellow darkened
_LINES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def draw(fit: Fit, predictor: str | None = None, by: str | None = None, others: str = "typical", groups: str = "population") -> Picture:
    """Predictions along ``predictor`` (the first of the model where None), a line for each value of ``by``."""
    have = effects.predictors(fit)
    if not have:
        raise PlotError("the model has no predictors, so there is no effect of any to show.")
    for name in (predictor, by):
        if name is not None and name not in have:
            raise PlotError(f"'{name}' is no predictor of this model.{nearest(name, have)} The predictors are {', '.join(have)}.")
    return of(effects.effects(fit, predictor or have[0], by, others=others, groups=groups))


def of(found: Effects) -> Picture:
    """The picture of predictions that are there already."""
    from gibbs.plots import canvas

    other = next((name for name in found.labels if name != found.along), None)
    line = "category" if found.categories else other
    panels: list[tuple[str, np.ndarray]] = [("", np.ones(found.draws.shape[1], dtype=bool))]
    if found.categories and other is not None:
        values = np.array(list(found.labels[other]), dtype=object)
        panels = [(f"{other} = {effects.shown(value)}", values == value) for value in dict.fromkeys(found.labels[other])]
    if len(panels) > MOST:
        raise PlotError(f"{other} has {len(panels)} values, a panel each, and one picture holds {MOST}; choose some with at.")
    rows = 1 if len(panels) <= 3 else 2
    columns = -(-len(panels) // rows)
    figure, axes = canvas.sheet(
        rows, columns, width=max(5.8, 0.6 + 2.9 * columns), height=0.9 + 3.0 * rows, **({"sharey": True} if len(panels) > 1 else {})
    )
    medians = asked.medians(found.draws)
    for axis, (title, there) in zip(axes.flat, panels, strict=False):
        _panel(axis, found, there, line, medians)
        if title:
            canvas.panel_title(axis, title)
    canvas.leave_empty(axes.flat[len(panels) :])
    for axis in axes[:, 0]:
        axis.set_ylabel(canvas.wrapped(canvas.shown(found.outcome, 80), 2.6))
    legend = canvas.legend_of(axes[0, 0])
    if line is not None and line != "category":
        legend = {f"{canvas.shown(line)} = {label}": artist for label, artist in legend.items()}
    note = f"Posterior {'medians' if medians else 'means'} with {asked.percent()} intervals; {found.caption}." if found.caption else ""
    note = f"{note} {asked.NO_MEAN}".lstrip() if medians else note
    what = f"{found.outcome} by {found.along}{f' and {other}' if other else ''}"
    canvas.head(figure, what, note, legend)
    return figure


def _panel(axis: Axes, found: Effects, there: np.ndarray, line: str | None, medians: bool) -> None:
    """One panel: the points of the grid that are ``there``, a line for each value of ``line``; of medians on a log scale."""
    from gibbs.plots import canvas

    along = list(found.labels[found.along])
    if line == "category":
        shown: list[Any] = list(found.categories)
    else:
        shown = list(dict.fromkeys(found.labels[line])) if line is not None else [None]
    ticks = list(dict.fromkeys(along))
    points = any(isinstance(value, str) for value in along) or len(ticks) <= 3
    for k, value in enumerate(shown):
        at = [i for i in np.flatnonzero(there) if line in (None, "category") or found.labels[line][i] == value]
        draws = found.draws[:, at, k] if line == "category" else found.draws[:, at]
        mean, (low, high) = asked.middle(draws, medians), np.quantile(draws, asked.tails(), axis=0)
        colour, label = _COLOURS[k % len(_COLOURS)], None if value is None else canvas.shown(effects.shown(value))
        if points:
            x = np.array([ticks.index(along[i]) for i in at]) + (k - (len(shown) - 1) / 2) * min(0.12, 0.7 / len(shown))
            error = np.maximum(np.array([mean - low, high - mean]), 0.0)
            axis.errorbar(x, mean, yerr=error, fmt=_MARKERS[k % len(_MARKERS)], markersize=5, color=colour, label=label, capsize=2)
        else:
            x = np.array([along[i] for i in at], dtype=float)
            order = np.argsort(x)
            axis.fill_between(x[order], low[order], high[order], color=colour, alpha=0.2, linewidth=0)
            axis.plot(x[order], mean[order], color=colour, linestyle=_LINES[k % len(_LINES)], label=label)
    if points:
        names = [canvas.shown(effects.shown(tick)) for tick in ticks]
        turned = sum(map(len, names)) > 46
        axis.set_xticks(range(len(ticks)), names, rotation=30 if turned else 0, ha="right" if turned else "center")
        axis.set_xlim(-0.5, len(ticks) - 0.5)
    axis.set_xlabel(canvas.shown(found.along, 80))
    if medians and found.draws.min() > 0.0:
        axis.set_yscale("log")
        canvas.log_ticks(axis, "y")

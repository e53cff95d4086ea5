"""The second level: α_j and β_j of every level against a predictor z_j of the level, with intervals and the line δ + γ z."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gibbs.errors import PlotError, SpecError
from gibbs.numerals import of_predictor
from gibbs.plots import asked, choose
from gibbs.predictions import second_level

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gibbs.plots.canvas import Picture
    from gibbs.posterior.fit import Fit
    from gibbs.predictions.second_level import Against

CROWD = 120
"""Levels beyond which points and intervals are drawn finer."""
NAMED = 12
"""Up to so many levels have their names beside their points."""


def draw(fit: Fit, factor: str | None = None, predictor: str | None = None, term: str | None = None) -> Picture:
    """A panel a coefficient that varies over the factor."""
    from gibbs.plots import canvas

    choose.term(choose.factor(fit, factor), term)
    try:
        made = second_level.against(fit, factor, predictor, term)
    except SpecError as error:
        raise PlotError(error.message) from error
    columns = min(3, len(made))
    rows = -(-len(made) // columns)
    figure, axes = canvas.sheet(rows, columns, width={1: 5.4, 2: 8.2, 3: 10.5}[columns], height=1.1 + 3.2 * rows)
    for axis, one in zip(axes.flat, made, strict=False):
        _panel(axis, one)
    canvas.leave_empty(axes.flat[len(made) :])
    first, level = made[0], asked.percent()
    note = f"Points: posterior means of each {first.coefficient.factor}, with {level} intervals; "
    note += "bars: " if first.labels else "line: "
    note += f"what the second level expects, with its {level} interval. On the scale of the linear predictor."
    if first.held:
        held = ", ".join(f"{name} = {of_predictor(v) if isinstance(v, float) else v}" for name, v in first.held.items())
        note += f" Other predictors of the level held at {held}."
    legend = canvas.legend_of(axes.flat[0])
    canvas.head(figure, f"{first.coefficient.factor} against {first.predictor}: {choose.name_of(fit)}", note, legend)
    return figure


def _panel(axis: Axes, one: Against) -> None:
    from gibbs.plots import canvas

    _, outer, mean = choose.intervals(one.coefficient.draws)
    few = len(mean) <= CROWD
    low, high = np.quantile(one.line, asked.tails(), axis=0)
    middle = one.line.mean(axis=0)
    x = one.z + (_apart(one.z) if one.labels or len(one.grid) <= 2 else 0.0)
    if one.labels or len(one.grid) <= 2:
        for k, place in enumerate(one.grid):
            label = {"label": "second level"} if k == 0 else {}
            width = 0.42 * (float(np.diff(one.grid).min()) if len(one.grid) > 1 else 1.0)
            axis.fill_between([place - width, place + width], low[k], high[k], color=canvas.SKY, alpha=0.4, linewidth=0)
            axis.plot([place - width, place + width], [middle[k]] * 2, color=canvas.BLUE, linewidth=1.8, **label)
        names = list(one.labels) if one.labels else [of_predictor(float(v)) for v in one.grid]
        axis.set_xticks(one.grid, [canvas.shown(name, 20) for name in names])
    else:
        axis.fill_between(one.grid, low, high, color=canvas.SKY, alpha=0.4, linewidth=0)
        axis.plot(one.grid, middle, color=canvas.BLUE, linewidth=1.8, label="second level")
    axis.vlines(x, *outer, color=canvas.GREY, linewidth=0.9 if few else 0.4, zorder=2)
    axis.plot(x, mean, "o", markersize=4 if few else 2, color=canvas.BLACK, zorder=3, label=f"each {canvas.shown(one.coefficient.factor)}")
    if len(mean) <= NAMED:
        for place, value, name in zip(x, mean, one.coefficient.levels, strict=True):
            axis.annotate(canvas.shown(name, 16), (place, value), (4, 4), textcoords="offset points", fontsize=7, color=canvas.GREY)
    axis.set_xlabel(canvas.shown(one.predictor, 60))
    term, factor = one.coefficient.term, one.coefficient.factor
    words = f"intercept of each {factor}" if term == "Intercept" else f"slope of {term} in each {factor}"
    axis.set_ylabel(canvas.wrapped(canvas.shown(f"{one.coefficient.symbol}: {words}", 90), 2.8))


def _apart(z: np.ndarray) -> np.ndarray:
    """Steps to either side, so that levels of one category do not lie over each other; the same in every picture of a fit."""
    values = np.unique(z)
    gap = float(np.diff(values).min()) if len(values) > 1 else 1.0
    return gap * np.random.default_rng(1).uniform(-0.28, 0.28, len(z))

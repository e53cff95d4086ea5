"""Fixed effects, or any parameters, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gibbs.draws import names
from gibbs.errors import PlotError
from gibbs.model import families
from gibbs.numerals import plain
from gibbs.plots import asked, choose
from gibbs.posterior import parameters as named
from gibbs.posterior import ratios

if TYPE_CHECKING:
    from gibbs.plots.canvas import Picture
    from gibbs.posterior.fit import Fit

MOST = 60
APART = 15.0
"""Intervals whose widths differ by more than this factor do not show well on one axis; the note says so."""


@dataclass(frozen=True)
class Intervals:
    """names : as the rows are labelled. inner, outer : (2, n). mean : (n,)."""

    names: tuple[str, ...]
    inner: np.ndarray
    outer: np.ndarray
    mean: np.ndarray


def numbers(fit: Fit, parameters: str | Sequence[str] | None = None, *, intercept: bool = False, standardised: bool = False) -> Intervals:
    """Coefficients in the order of the formula; ``standardised`` multiplies each by the sd of its column of X over the rows."""
    outline = fit.outline
    own = names.coefficient_names(outline)
    plain = [n for j, n in enumerate(own) if j != outline.intercept] or list(own)
    default = own if intercept else plain
    wanted = choose.parameters(fit, parameters, default)
    if not wanted:
        raise PlotError("the model has no fixed effects to show; parameters= takes others, such as sd_*.")
    if len(wanted) > MOST:
        raise PlotError(f"{len(wanted)} parameters are more than one picture holds ({MOST}); choose with parameters=.")
    draws = np.stack([named.values(fit.arrays, outline, name).reshape(-1) for name in wanted], axis=1)
    if standardised:
        for k, name in enumerate(wanted):
            if name not in own or own.index(name) == outline.intercept:
                raise PlotError(f"{name} is no coefficient of a predictor, and has no standardised form; leave it out.")
            draws[:, k] *= _sd(fit, own.index(name))
    inner, outer, mean = choose.intervals(draws)
    labels = tuple(n.removeprefix("b_") if n in own else n for n in wanted)
    return Intervals(labels, inner, outer, mean)


def _sd(fit: Fit, column: int) -> float:
    """Standard deviation of a column of X, denominator N − 1, frequency weights counted."""
    design = fit.design
    weights = np.ones(len(design.y)) if design.weights is None else design.weights.astype(float)
    x = design.X[:, column]
    mean = np.average(x, weights=weights)
    return float(np.sqrt(np.sum(weights * (x - mean) ** 2) / (weights.sum() - 1)))


def draw(
    fit: Fit,
    parameters: str | Sequence[str] | None = None,
    intercept: bool = False,
    standardised: bool = False,
    exp: bool = False,
) -> Picture:
    """Coefficients with intervals, and the numbers beside them; ``exp``: as ratios, on a log axis with 1 marked."""
    from gibbs.plots import canvas

    ratio = ratios.word(fit.outline) if exp else ""
    if exp and parameters is not None and any(name.startswith(("sd_", "cor_", "sigma", "r_")) for name in _listed(parameters)):
        raise PlotError(f"exp makes {ratio}s of coefficients; leave sds, correlations and random effects out.")
    one = numbers(fit, parameters, intercept=intercept, standardised=standardised)
    if exp:
        one = Intervals(one.names, np.exp(one.inner), np.exp(one.outer), np.exp(one.mean))
    count, nothing = len(one.names), 1.0 if exp else 0.0
    place = np.arange(count)[::-1].astype(float)
    figure, axes = canvas.sheet(width=6.8, height=1.3 + 0.27 * count)
    axis = axes[0, 0]
    if exp:
        axis.set_xscale("log")
    canvas.zero_line(axis, at=nothing)
    canvas.dots(axis, place, one.inner, one.outer, one.mean, size=5.5, lines=(1.0, 3.0), nothing=nothing)
    if exp:
        canvas.log_ticks(axis)
    axis.set_yticks(place, [canvas.shown(n, 34) for n in one.names])
    axis.tick_params(axis="y", length=0)
    axis.set_ylim(-0.7, count - 0.3)
    unit = "one sd of the predictor" if standardised else "one unit of the predictor"
    axis.set_xlabel(f"{ratio}, for {unit}" if exp else canvas.shown(_axis(fit, standardised, parameters is not None), 90))
    beside = axis.secondary_yaxis("right")
    words = [f"{plain(m, 3)}  [{plain(low, 3)}, {plain(high, 3)}]" for m, low, high in zip(one.mean, *one.outer, strict=True)]
    beside.set_yticks(place, [w.replace("-", "−") for w in words])
    beside.tick_params(axis="y", length=0)
    beside.spines["right"].set_visible(False)
    level = asked.percent()
    note = f"Posterior means with 50 % (thick) and {level} (thin) intervals; a filled point: its {level} interval leaves out {nothing:.0f}"
    note = f"{note.replace('means with', 'means of the coefficients, exponentiated, with') if exp else note}."
    widths = one.outer[1] - one.outer[0]
    if not (standardised or exp) and count > 1 and widths.max() > APART * widths[widths > 0].min(initial=np.inf):
        note += " Each is in the units of its predictor; standardised=True puts them on one scale."
    kind = "Coefficients" if parameters is None else "Parameters"
    kind = f"{ratio[0].upper()}{ratio[1:]}s" if exp else "Standardised coefficients" if standardised else kind
    canvas.head(figure, f"{kind}: {choose.name_of(fit)}", note)
    return figure


def _listed(parameters: str | Sequence[str]) -> Sequence[str]:
    return [parameters] if isinstance(parameters, str) else parameters


SCALES = {"identity": "", "log": "log of the mean", "logit": "log-odds", "probit": "probit scale", "cloglog": "complementary log-log scale"}


def _axis(fit: Fit, standardised: bool, mixed: bool) -> str:
    outline = fit.outline
    scale = SCALES.get(families.of(outline).link, "")
    unit = outline.outcome if not scale else f"{outline.outcome}, {scale}"
    if mixed:
        return f"value ({unit})"
    return f"change in {unit}, for {'one sd of the predictor' if standardised else 'one unit of the predictor'}"

"""Test statistics of one's own: of the data that were observed, and of data sets that the model predicts.

A statistic is a word (mean, sd, min, max, median, q10 for a quantile, zeros for the share of zeros, skewness), arithmetic on them in the
grammar of ``derive`` (``max - min``, ``sd / mean``), or, from Python, a function of the outcomes (n,), or of outcomes and data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.errors import FormulaError, PlotError, nearest
from gibbs.model import expression
from gibbs.numerals import plain
from gibbs.plots import asked, choose

if TYPE_CHECKING:
    from gibbs.plots.canvas import Picture
    from gibbs.posterior.fit import Fit

Statistic = str | Callable[..., float]


def _skewness(y: np.ndarray) -> float:
    z = y - y.mean()
    sd = float(np.sqrt(np.mean(z * z)))
    return float(np.mean(z**3) / sd**3) if sd > 0 else 0.0


WORDS: dict[str, Callable[[np.ndarray], float]] = {
    "mean": np.mean,
    "sd": lambda y: float(np.std(y, ddof=1)) if len(y) > 1 else 0.0,
    "min": np.min,
    "max": np.max,
    "median": np.median,
    "zeros": lambda y: float(np.mean(y == 0)),
    "skewness": _skewness,
}
_QUANTILE = re.compile(r"q(\d{1,2}(?:\.\d+)?)")
MOST = 12


def named(word: str) -> Callable[[np.ndarray], float]:
    """The statistic of a word. PlotError where it is none."""
    if word in WORDS:
        return WORDS[word]
    if found := _QUANTILE.fullmatch(word):
        share = float(found[1]) / 100.0
        return lambda y: float(np.quantile(y, share))
    raise PlotError(f"there is no statistic '{word}'; there is {', '.join(WORDS)}, and q10 for a quantile.{nearest(word, WORDS)}")


def values(statistic: Statistic, sets: Sequence[np.ndarray], data: Any = None) -> np.ndarray:
    """The statistic of each data set (R,). PlotError for one that cannot be read, or is no number of any of them."""
    if callable(statistic):
        found = np.array([_called(statistic, y, data) for y in sets])
    else:
        try:
            tree = expression.read(statistic)
        except FormulaError as error:
            raise PlotError(f"the statistic cannot be read: {error.message}") from None
        parts = {word: np.array([named(word)(y) for y in sets], dtype=float) for word in dict.fromkeys(expression.columns(tree))}
        if not parts:
            raise PlotError(f"'{statistic}' names no statistic; there is {', '.join(WORDS)}, and q10 for a quantile.")
        value = expression.evaluate(tree, expression.Table(len(sets), lambda word: _series(parts[word]), parts.__getitem__))
        found = np.where(expression.bad_rows(value), np.nan, value.values.astype(float))
    if not np.isfinite(found).all():
        raise PlotError(f"{name_of(statistic)} is no finite number of {int((~np.isfinite(found)).sum()):,} of {len(sets):,} data sets.")
    return found


def _series(numbers: np.ndarray) -> Any:
    import pandas as pd

    return pd.Series(numbers)


def _called(statistic: Callable[..., float], y: np.ndarray, data: Any) -> float:
    """A function of the outcomes, or of the outcomes and the data."""
    import inspect

    try:
        given = inspect.signature(statistic).parameters.values()
        needed = sum(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in given)
    except (TypeError, ValueError):  # written in C, as some of NumPy's own
        needed = 1
    found = statistic(y) if needed < 2 else statistic(y, data())
    try:
        return float(found)
    except (TypeError, ValueError):
        raise PlotError(f"a statistic gives one number; {name_of(statistic)} gave {type(found).__name__}.") from None


def name_of(statistic: Statistic) -> str:
    """What a panel calls it."""
    return statistic if isinstance(statistic, str) else getattr(statistic, "__name__", "statistic").replace("<lambda>", "statistic")


def draw(fit: Fit, wanted: Sequence[Statistic], rows: np.ndarray, sets: Sequence[np.ndarray], taken: str) -> Picture:
    """A panel a statistic: its distribution over the data sets predicted, and a line for the data.

    rows : the row behind every outcome; sets : the outcomes of these rows that were predicted. taken : what to say where not all are shown.
    """
    from gibbs.plots import canvas

    if not 1 <= len(wanted) <= MOST:
        raise PlotError(f"a picture has one to {MOST} statistics; {len(wanted)} were named.")
    y = fit.design.y[rows]

    def data() -> Any:
        return fit.data.iloc[rows].reset_index(drop=True)

    columns = min(3, len(wanted))
    down = -(-len(wanted) // columns)
    figure, axes = canvas.sheet(down, columns, width={1: 4.8, 2: 6.8, 3: 8.6}[columns], height=1.0 + 2.5 * down)
    for axis, statistic in zip(axes.flat, wanted, strict=False):
        observed, *predicted = values(statistic, [y, *sets], data)
        made = np.array(predicted)
        p = float(np.mean(made >= observed) + np.mean(made > observed)) / 2.0
        axis.hist(made, bins=30 if np.ptp(made) > 0 else 1, color=canvas.LIGHT, edgecolor=canvas.GREY, linewidth=0.5, label="predicted")
        low, high = np.quantile(made, asked.tails())
        axis.axvspan(low, high, color=canvas.SKY, alpha=0.25, linewidth=0, zorder=0, label=f"{asked.percent()} of data sets predicted")
        axis.axvline(observed, color=canvas.VERMILLION, linewidth=1.6, label="observed")
        axis.set_yticks([])
        axis.spines["left"].set_visible(False)
        canvas.panel_title(axis, name_of(statistic))
        axis.set_xlabel(f"observed {plain(observed, 5)}; p = {p:.2f}")
    canvas.leave_empty(axes.flat[len(wanted) :])
    note = f"Statistics of the {len(rows):,} outcomes and of {len(sets)} data sets drawn from the posterior predictive; p: the "
    note += f"share of these above what was observed (equal ones half). Near 0 or 1: the model does not make such data.{taken}"
    canvas.head(figure, f"Statistics, predicted and observed: {choose.name_of(fit)}", note, canvas.legend_of(axes.flat[0]))
    return figure

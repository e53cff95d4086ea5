"""Group by group: the points, and the line y = α_j + β_j x of partial pooling, no pooling and complete pooling.

Of the fit's columns (fixed, and varying over any factor) those that hold x — x itself and products with it — make the slope; all others
are held at their means over the group's rows:

    η_j(x) = mean over the group's rows of [offset + columns without x] + x · [Σ coefficients of columns with x × what x is multiplied by]

    partial pooling    E over draws of the inverse link of η_j(x), with its 95 % interval
    no pooling         α and β of a regression of the group's own outcomes on 1 and x, no other group seen
    complete pooling   one regression of all outcomes on 1 and x, no groups

The two regressions are least squares for gaussian and student, maximum likelihood with the fit's link for binary, binomial and counts
(counts: Poisson). What the other columns do to single rows enters them as an offset about its mean, at posterior means; in a model with no
predictor but x they are the plain regressions. A group whose own regression has no finite solution (fewer than two values of x; outcomes
all alike or separated by x) has no line of no pooling.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gibbs.errors import PlotError, nearest
from gibbs.model.families import BINARY, COUNT, TRIALS, named, of
from gibbs.model.records import Design, Factor
from gibbs.plots import asked, choose
from gibbs.posterior import family as families
from gibbs.posterior.linear import flat, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gibbs.plots.canvas import Picture
    from gibbs.posterior.fit import Fit

_PARTIAL, _NONE, _COMPLETE = "partial pooling (the model)", "no pooling", "complete pooling"
PAGE = 12
DRAWS = 1000
"""Draws behind a line and its band, evenly spaced among all."""
POINTS = 250
"""Points of a panel; of more, so many evenly spaced."""
GRID = 41


@dataclass(frozen=True)
class Panel:
    """One group. x, y, size : its points (y a share of trials for binomial). grid : x of the lines; None where there is no predictor.

    partial : (G,), band : (2, G), on the response scale. alone : (G,) no pooling, None where it has no solution.
    line : (α, β) of no pooling on the link scale, or None.
    """

    level: str
    x: np.ndarray | None
    y: np.ndarray
    size: np.ndarray
    grid: np.ndarray
    partial: np.ndarray
    band: np.ndarray
    alone: np.ndarray | None
    line: tuple[float, float] | None


@dataclass(frozen=True)
class Panels:
    """The panels of one picture, the common line ``pooled`` (α, β) on the link scale, and what x is."""

    factor: str
    predictor: str | None
    panels: tuple[Panel, ...]
    pooled: tuple[float, float] | None
    total: int
    adjusted: bool  # whether the model has more than x
    ticks: tuple[str, str] | None = None  # of a category: what x is where its column is 0, and 1


def numbers(
    fit: Fit, factor: str | None = None, predictor: str | None = None, levels: str | Sequence[str] | None = None, page: int = 1
) -> Panels:
    """What the picture shows: ``levels`` of a factor (all where None), a page of them."""
    design, outline = fit.design, fit.outline
    if design.categories:
        raise PlotError("the outcome is ordinal, and has no one line y = α + βx; ppc shows its categories, ranef its groups.")
    if design.counts is not None:
        raise PlotError("the picture shows the rows of the data, which were added up where they lie; ranef shows the groups.")
    which = [f.name for f in outline.factors].index(choose.factor(fit, factor).name)
    of = design.factors[which]
    places = choose.levels(outline.factors[which], levels)
    x = _predictor(design, of, predictor)
    parts = _Parts(fit, design, x)
    family, link = design.family, families.link_of(design.family, design.link)
    known = np.ones(len(design.y), dtype=bool) if design.missing_outcome is None else ~design.missing_outcome
    weights = (np.ones(len(design.y)) if design.weights is None else design.weights.astype(float)) * known
    weights = weights if design.precision is None else weights * design.precision / design.precision.mean()
    trials = np.ones(len(design.y)) if design.trials is None else design.trials.astype(float)

    def regression(rows: np.ndarray, other: np.ndarray) -> tuple[float, float] | None:
        rows = rows[weights[rows] > 0]
        about = other[rows] - np.average(other[rows], weights=weights[rows]) if len(rows) else other[rows]
        column = None if x is None else parts.x[rows]
        return _regression(family, link, design.y[rows], column, about, weights[rows], trials[rows])

    order = np.argsort(of.codes, kind="stable")
    ends = np.searchsorted(of.codes[order], np.arange(len(of.levels) + 1))
    ticks = None if x is None else _category(design, x)
    whole_grid = np.array([0.0, 1.0]) if x is None or ticks else np.linspace(parts.x.min(), parts.x.max(), GRID)
    made = []
    for j in places[choose.page(len(places), page, PAGE)]:
        rows = order[ends[j] : ends[j + 1]]
        base, slope = parts.line(rows)
        eta = base[:, None] + slope[:, None] * whole_grid
        response = families.inverse_link(family, eta, link=link)
        own = regression(rows, parts.other)
        with np.errstate(divide="ignore", invalid="ignore"):
            y = np.where(trials > 0, design.y / trials, np.nan)[rows]
        seen = known[rows]
        made.append(
            Panel(
                level=of.levels[j],
                x=None if x is None else parts.x[rows][seen],
                y=y[seen],
                size=(weights * trials)[rows][seen],
                grid=whole_grid,
                partial=response.mean(axis=0),
                band=np.quantile(response, asked.tails(), axis=0),
                alone=None if own is None else families.inverse_link(family, own[0] + own[1] * whole_grid, link=link),
                line=own,
            )
        )
    pooled = regression(np.arange(len(design.y)), parts.common)
    return Panels(of.name, x, tuple(made), pooled, len(places), parts.adjusted, ticks)


def _category(design: Design, x: str) -> tuple[str, str] | None:
    """What a column of 0 and 1 that stands for a level of a category says: the base (of several others: "other") and the level."""
    if design.encoding is None:
        return None
    for part in (design.encoding.fixed, *(part for random in design.encoding.factors.values() for part in random.parts)):
        for name, variable in part.variables.items():
            if variable.is_category and set(np.unique(_column(design, x))) <= {0.0, 1.0}:
                for suffix in variable.suffixes:
                    if x == f"{name}{suffix}":
                        others = [s for s in variable.suffixes if s != suffix]
                        return (others[0] if len(others) == 1 else "other", suffix)
    return None


def _predictor(design: Design, of: Factor, wanted: str | None) -> str | None:
    """The x of the lines: ``wanted``; else what varies over the factor, else the first coefficient that varies within its groups."""
    plain = [c for c in dict.fromkeys((*of.columns, *design.coefficients)) if c != "Intercept" and ":" not in c]
    if wanted is not None:
        if wanted not in plain:
            raise PlotError(f"'{wanted}' is no predictor of a line; there is {', '.join(plain) or 'none'}.{nearest(wanted, plain)}")
        _refuse_curves(design, wanted)
        return wanted
    for name in plain:
        column = _column(design, name)
        low, high = np.full(len(of.levels), np.inf), np.full(len(of.levels), -np.inf)
        np.minimum.at(low, of.codes, column)
        np.maximum.at(high, of.codes, column)
        if (high > low).any() and not _curves(design, name):
            return name
    return None


def _column(design: Design, name: str) -> np.ndarray:
    if name in design.coefficients:
        return design.X[:, design.coefficients.index(name)]
    for factor in design.factors:
        if name in factor.columns:
            return factor.Z[:, factor.columns.index(name)]
    raise KeyError(name)


def _curves(design: Design, name: str) -> list[str]:
    """Columns that are made of x, but are neither x nor a product with it: I(x^2), log(x)."""
    every = dict.fromkeys((*design.coefficients, *(c for f in design.factors for c in f.columns)))
    return [c for c in every if name not in c.split(":") and name in re.findall(r"[^\W\d][\w.]*", c)]


def _refuse_curves(design: Design, name: str) -> None:
    if found := _curves(design, name):
        raise PlotError(f"{name} is in the model as {', '.join(found)} too: its effect is no line. Choose another predictor.")


class _Parts:
    """The linear predictor split into the columns with x and those without."""

    def __init__(self, fit: Fit, design: Design, x: str | None) -> None:
        draws = fit.arrays
        pick = spread(draws.beta.shape[0] * draws.beta.shape[1], DRAWS)
        self.x = np.zeros(len(design.y)) if x is None else _column(design, x)
        self.beta, self.u = flat(draws.beta, pick), flat(draws.u, pick)
        self.X, self.offset = design.X, design.offset
        self.fixed = [x is not None and x in c.split(":") for c in design.coefficients]
        self.factors = [
            (f.codes, f.Z, start, [x is not None and x in c.split(":") for c in f.columns])
            for f, start in zip(design.factors, draws.u_offsets, strict=False)
        ]
        beta, u = draws.beta.mean(axis=(0, 1)), draws.u.mean(axis=(0, 1))
        without = ~np.array(self.fixed, dtype=bool)
        self.common = design.offset + design.X[:, without] @ beta[without]  # without x, without groups
        self.other = self.common.copy()  # without x
        for codes, Z, start, held in self.factors:
            for a, with_x in enumerate(held):
                if not with_x:
                    self.other += u[start + codes * Z.shape[1] + a] * Z[:, a]
        others = [c for c in design.coefficients if c not in ("Intercept", x)]
        self.adjusted = bool(others) or len(design.factors) > 1 or bool(np.ptp(design.offset) > 0)

    def line(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """α (S,) and β (S,) of the group with these rows, draw by draw."""
        base = np.full(len(self.beta), float(self.offset[rows].mean()))
        slope = np.zeros(len(self.beta))
        for c, with_x in enumerate(self.fixed):
            if with_x:
                slope += self.beta[:, c] * self._multiplier(self.X[:, c], rows)
            else:
                base += self.beta[:, c] * self.X[rows, c].mean()
        for codes, Z, start, held in self.factors:
            level, q = codes[rows], Z.shape[1]
            for a, with_x in enumerate(held):
                times = self._multiplier(Z[:, a], rows, each=True) if with_x else Z[rows, a]
                weight = np.bincount(level, times, minlength=int(level.max()) + 1) / len(rows)
                there = np.flatnonzero(weight)
                effect = self.u[:, start + there * q + a] @ weight[there]
                if with_x:
                    slope += effect
                else:
                    base += effect
        return base, slope

    def _multiplier(self, column: np.ndarray, rows: np.ndarray, each: bool = False) -> np.ndarray | float:
        """What x is multiplied by in a column x·z: z at each of the rows, or its mean over them; 1 for x itself.

        A row with x = 0 does not tell its z: it takes the mean of the group's others, and of all rows where the group has none.
        """
        some = rows[self.x[rows] != 0]
        everywhere = np.flatnonzero(self.x != 0)
        basis = some if len(some) else everywhere
        mean = float(np.mean(column[basis] / self.x[basis])) if len(basis) else 0.0
        if not each:
            return mean
        times = np.full(len(rows), mean)
        told = self.x[rows] != 0
        times[told] = column[rows][told] / self.x[rows][told]
        return times


# ------------------------------------------------------------------------------------------------------------ regressions


def _regression(
    family: str, link: str, y: np.ndarray, x: np.ndarray | None, offset: np.ndarray, weights: np.ndarray, trials: np.ndarray
) -> tuple[float, float] | None:
    """(α, β) of the outcomes on 1 and x (β = 0 where x is None); None where there is no finite solution, or no single one."""
    if not len(y) or (x is not None and np.ptp(x) == 0):
        return None
    A = np.ones((len(y), 1)) if x is None else np.column_stack((np.ones(len(y)), x))
    if not named(family).is_discrete:
        root = np.sqrt(weights)
        found = np.linalg.lstsq(A * root[:, None], (y - offset) * root, rcond=None)[0]
        return float(found[0]), float(found[1]) if x is not None else 0.0
    if named(family).is_share and _separated(y, x, weights, trials):
        return None
    return _scoring(link, y, A, offset, weights, trials)


def _separated(y: np.ndarray, x: np.ndarray | None, weights: np.ndarray, trials: np.ndarray) -> bool:
    """Whether successes and failures do not overlap in x (Albert and Anderson 1984): the likelihood then has no maximum."""
    success, failure = (weights * y) > 0, (weights * (trials - y)) > 0
    if not success.any() or not failure.any():
        return True
    if x is None:
        return False
    return bool(x[success].max() <= x[failure].min() or x[failure].max() <= x[success].min())


def _scoring(
    link: str, y: np.ndarray, A: np.ndarray, offset: np.ndarray, weights: np.ndarray, trials: np.ndarray, steps: int = 100
) -> tuple[float, float] | None:
    """Fisher scoring with step halving for binomial (links logit, probit, cloglog) and Poisson (log) outcomes."""
    family = "poisson" if link == "log" else "binomial"
    scale = np.abs(A).max(axis=0)
    B = A / scale
    theta = np.zeros(A.shape[1])
    if family == "poisson":
        if not (weights * y).sum() > 0:
            return None
        theta[0] = np.log((weights * y).sum() / (weights * np.exp(offset)).sum())

    def fit_of(at: np.ndarray) -> float:
        eta = offset + B @ at
        value = families.log_likelihood(family, y, eta, link=link, **({} if family == "poisson" else {"trials": trials}))
        return float(np.sum(weights * value))

    best = fit_of(theta)
    for _ in range(steps):
        eta = offset + B @ theta
        mean = families.inverse_link(family, eta, link=link)
        with np.errstate(over="ignore", under="ignore"):
            if link == "log":
                slope, variance, n = mean, mean, np.ones_like(mean)
            else:
                slope = _derivative(link, eta, mean)
                variance, n = np.maximum(mean * (1 - mean), 1e-300), trials
            gradient = B.T @ (weights * (y - n * mean) * slope / np.maximum(variance, 1e-300))
            information = (B * (weights * n * slope**2 / np.maximum(variance, 1e-300))[:, None]).T @ B
        if not np.all(np.isfinite(information)) or np.linalg.cond(information) > 1e12:
            return None
        step = np.linalg.solve(information, gradient)
        if float(gradient @ step) < 1e-12:
            theta = theta / scale
            return float(theta[0]), float(theta[1]) if len(theta) > 1 else 0.0
        length = 1.0
        while not (new := fit_of(theta + length * step)) >= best and length > 1e-6:
            length *= 0.5
        theta, best = theta + length * step, new
        if np.abs(B @ theta).max() > 30.0 and link != "log":
            return None
    return None


def _derivative(link: str, eta: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """dF/dη."""
    if link == "logit":
        return mean * (1 - mean)
    if link == "probit":
        return np.exp(-0.5 * eta * eta) / np.sqrt(2 * np.pi)
    return np.exp(eta - np.exp(np.minimum(eta, 700.0)))


# -------------------------------------------------------------------------------------------------------------- drawing


def draw(
    fit: Fit, factor: str | None = None, predictor: str | None = None, levels: str | Sequence[str] | None = None, page: int = 1
) -> Picture:
    """A panel a group."""
    from gibbs.plots import canvas

    shown = numbers(fit, factor, predictor, levels, page)
    design = fit.design
    family, link = design.family, families.link_of(design.family, design.link)
    count = len(shown.panels)
    columns = min(4, count) if count != 6 else 3
    rows = -(-count // columns)
    width = {1: 6.2, 2: 6.4, 3: 7.2, 4: 8.6}[columns]
    figure, axes = canvas.sheet(rows, columns, width=width, height=1.5 + 1.75 * rows, sharex=True, sharey=True)
    rng = np.random.default_rng(1)
    points = [_points(panel, design, shown, rng) for panel in shown.panels]
    low, high = _window(family, shown, points)
    for axis, panel, (x, y, size) in zip(axes.flat, shown.panels, points, strict=False):
        axis.scatter(x, y, s=size, facecolor="none", edgecolor=canvas.GREY, linewidth=0.5, alpha=0.7, zorder=1)
        common = None
        if shown.pooled is not None:
            common = families.inverse_link(family, shown.pooled[0] + shown.pooled[1] * panel.grid, link=link)
        (_lines if shown.ticks is None else _dots)(axis, panel, common)
        canvas.panel_title(axis, f"{shown.factor} {panel.level}")
        axis.set_ylim(low, high)
    canvas.leave_empty(axes.flat[count:])
    _ticks(axes, shown, count, columns)
    canvas.side_label(figure, axes, _response(design))
    there = canvas.legend_of(*axes.flat)
    legend = {name: there[name] for name in (_PARTIAL, _band(), _NONE, _COMPLETE) if name in there}
    canvas.head(figure, f"{shown.factor}, group by group: {choose.name_of(fit)}", _note(design, shown, page), legend)
    return figure


def _lines(axis: Axes, panel: Panel, common: np.ndarray | None) -> None:
    """The lines of partial, no and complete pooling along a number."""
    from gibbs.plots import canvas

    axis.fill_between(panel.grid, *panel.band, color=canvas.SKY, alpha=0.35, linewidth=0, zorder=2, label=_band())
    axis.plot(panel.grid, panel.partial, color=canvas.BLUE, linewidth=1.8, zorder=5, label=_PARTIAL)
    if panel.alone is not None:
        axis.plot(panel.grid, panel.alone, color=canvas.VERMILLION, linestyle=(0, (4, 2)), linewidth=1.2, zorder=4, label=_NONE)
    if common is not None:
        axis.plot(panel.grid, common, color=canvas.BLACK, linestyle=":", linewidth=1.2, zorder=3, label=_COMPLETE)


def _dots(axis: Axes, panel: Panel, common: np.ndarray | None) -> None:
    """The same at the two values of a category: points with intervals, for there is nothing between the values."""
    from gibbs.plots import canvas

    plain = {"linestyle": "none", "markerfacecolor": "white"}
    axis.vlines(panel.grid, *panel.band, color=canvas.SKY, linewidth=5, zorder=2, label=_band())
    axis.plot(panel.grid, panel.partial, marker="o", markersize=6, linestyle="none", color=canvas.BLUE, zorder=5, label=_PARTIAL)
    if panel.alone is not None:
        axis.plot(panel.grid + 0.12, panel.alone, marker="D", markersize=4.5, color=canvas.VERMILLION, zorder=4, label=_NONE, **plain)
    if common is not None:
        axis.plot(panel.grid - 0.12, common, marker="_", markersize=10, color=canvas.BLACK, zorder=3, label=_COMPLETE, **plain)


def _band() -> str:
    return f"its {asked.percent()} interval"


def _points(panel: Panel, design: Design, shown: Panels, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the points go: jittered where values repeat; area by trials and weight."""
    keep = spread(len(panel.y), POINTS)
    y, size = panel.y[keep], panel.size[keep]
    if shown.predictor is None:
        x = rng.uniform(0.25, 0.75, len(keep))
    else:
        x = panel.x[keep]
        everywhere = panel.grid[-1] - panel.grid[0]
        if len(np.unique(x)) <= 5:
            x = x + rng.uniform(-0.06, 0.06, len(keep)) * everywhere
    if of(design).outcome == BINARY or (design.trials is not None and int(design.trials.max()) == 1):
        y = np.where(y > 0.5, 1.0, 0.0) + rng.uniform(0.0, 0.06, len(keep)) * np.where(y > 0.5, -1.0, 1.0)
    elif len(np.unique(panel.y)) <= 2 and len(panel.y) > 2:  # 0 and 1 in a gaussian model
        y = y + rng.uniform(-0.03, 0.03, len(keep)) * (np.ptp(panel.y) or 1.0)
    largest = max(float(p.size.max(initial=1.0)) for p in shown.panels)
    area = 9.0 if largest <= 1.0 else 4.0 + 40.0 * size / largest
    return x, y, np.broadcast_to(area, y.shape)


def _window(family: str, shown: Panels, points: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> tuple[float, float]:
    """The common range of y: probabilities have 0 to 1; else the points and the model's lines, not every stray line of no pooling."""
    if named(family).is_share:
        return -0.03, 1.03
    values = np.concatenate([np.concatenate((p.partial, p.band.reshape(-1))) for p in shown.panels] + [y for _, y, _ in points])
    low, high = float(values.min()), float(values.max())
    room = 0.05 * ((high - low) or 1.0)
    return (low - room if named(family).outcome != COUNT else -0.03 * high), high + room


def _ticks(axes, shown: Panels, count: int, columns: int) -> None:
    from gibbs.plots import canvas

    for k, axis in enumerate(axes.flat[:count]):
        if shown.predictor is None:
            axis.set_xticks([])
            axis.set_xlim(-0.05, 1.05)
        else:
            values = np.unique(np.concatenate([p.x for p in shown.panels]))
            if shown.ticks is not None:
                axis.set_xticks([0.0, 1.0], [canvas.shown(tick, 14) for tick in shown.ticks])
                axis.set_xlim(-0.35, 1.35)
            elif len(values) <= 3:
                axis.set_xticks(values)
            if k + columns >= count:
                name = shown.predictor if shown.ticks is None else shown.predictor.removesuffix(shown.ticks[1])
                axis.set_xlabel(canvas.shown(name, 60))
                axis.tick_params(labelbottom=True)


def _response(design: Design) -> str:
    name = design.outcome
    outcome = of(design).outcome
    if outcome == BINARY or (outcome == TRIALS and design.trials is None):
        return f"probability of {name}" + (f" = {design.outcome_labels[1]}" if design.outcome_labels else "")
    if outcome == TRIALS:
        return f"{name}: share of the trials"
    return f"{name}, expected count" if outcome == COUNT else name


def _note(design: Design, shown: Panels, page: int) -> str:
    words = ""
    if shown.total > len(shown.panels):
        words += f"{len(shown.panels)} of {shown.total:,} groups (page {page}). "
    if shown.adjusted:
        words += "Other predictors and effects at their means over the group's rows. "
    missing = sum(panel.alone is None for panel in shown.panels)
    if missing:
        one = "1 group has no line of its own" if missing == 1 else f"{missing} groups have no line of their own"
        words += f"{one}: too few values of the predictor, or outcomes that it separates. "
    if design.trials is not None or design.weights is not None:
        words += "The area of a point goes with the outcomes it stands for. "
    if any(len(panel.y) > POINTS for panel in shown.panels):
        words += f"At most {POINTS} points a group are drawn. "
    return words.strip()

"""Random effects, sorted, with intervals: the caterpillar. One panel a factor and term; many levels are thinned or paged, never a smear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gibbs.draws.outline import FactorOutline
from gibbs.errors import PlotError
from gibbs.plots import asked, choose

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gibbs.plots.canvas import Picture
    from gibbs.posterior.fit import Fit

PAGE = 50
"""Levels on a page, each labelled."""
LABELLED = 60
"""Up to so many levels are shown whole, and labelled."""
THINNED = 200
"""Of more, so many are shown: evenly spaced by rank, both ends among them."""
PANELS = 12


@dataclass(frozen=True)
class Caterpillar:
    """The effects of one column over the levels of a factor, lowest first.

    place : (n,) rank of each level shown, from 1 of ``total``. inner, outer : (2, n). mean : (n,).
    """

    factor: FactorOutline
    term: str
    labels: tuple[str, ...]
    place: np.ndarray
    inner: np.ndarray
    outer: np.ndarray
    mean: np.ndarray
    total: int


def numbers(fit: Fit, of: FactorOutline, column: int, levels: np.ndarray, *, page: int | None = None, sort: str = "effect") -> Caterpillar:
    """What one panel shows: ``levels`` sorted by posterior mean (or, sort="level", as they stand), then paged or thinned."""
    means, intervals = choose.effects(fit, of, column)
    return _kept(of, of.columns[column], means, intervals, levels, page, sort)


def arranged(
    of: FactorOutline, term: str, draws: np.ndarray, levels: np.ndarray, *, page: int | None = None, sort: str = "effect"
) -> Caterpillar:
    """The arrangement of draws (S, J) of any coefficient of the levels."""
    return _kept(of, term, draws.mean(axis=0), lambda places: choose.intervals(draws[:, places]), levels, page, sort)


def _kept(of: FactorOutline, term: str, means: np.ndarray, intervals, levels: np.ndarray, page: int | None, sort: str) -> Caterpillar:
    if sort not in ("effect", "level"):
        raise PlotError(f"sort is effect or level; found '{sort}'.")
    order = np.argsort(means[levels], kind="stable") if sort == "effect" else np.arange(len(levels))[::-1]
    rank = np.arange(len(order))
    if page is not None:
        rank = rank[::-1][choose.page(len(order), page, PAGE)][::-1]  # page 1 has the highest
    elif len(order) > LABELLED:
        rank = np.unique(np.linspace(0, len(order) - 1, THINNED).round().astype(int)) if len(order) > THINNED else rank
    keep = order[rank]
    inner, outer, mean = intervals(levels[keep])
    return Caterpillar(of, term, tuple(of.levels[j] for j in levels[keep]), rank + 1, inner, outer, mean, len(order))


def draw(
    fit: Fit,
    factor: str | None = None,
    term: str | None = None,
    levels: str | Sequence[str] | None = None,
    page: int | None = None,
    sort: str = "effect",
) -> Picture:
    """The effects of each level about zero."""
    from gibbs.plots import canvas

    chosen = [choose.factor(fit, factor)] if factor is not None or levels is not None else list(fit.outline.factors)
    if not chosen:
        choose.factor(fit)
    pairs = [(f, a) for f in chosen for a in range(len(f.columns)) if term is None or f.columns[a] == _plain(term)]
    if not pairs:
        for f in chosen:
            choose.term(f, term)  # says what varies there
    if len(pairs) > PANELS:
        raise PlotError(f"{len(pairs)} pairs of factor and term are more than one picture holds ({PANELS}): choose a factor or a term.")
    if page is not None and len(chosen) > 1:
        raise PlotError(f"a page is one of a factor's: choose it, {' or '.join(f.name for f in chosen)}.")
    made = [numbers(fit, f, a, choose.levels(f, levels), page=page, sort=sort) for f, a in pairs]
    figure, axes = grid(made)
    for axis, one in zip(axes.flat, _in_rows(made), strict=True):
        if one is None:
            canvas.leave_empty([axis])
        else:
            panel(axis, one)
            canvas.panel_title(axis, f"{one.factor.name}: {one.term}", below=f"effect on {_scale(one)}")
    canvas.head(figure, f"Effects of {' and '.join(f.name for f in chosen)}: {choose.name_of(fit)}", _note(made, page, sort))
    return figure


def rows_of(sizes: Sequence[int], most: int = 3) -> list[list[int]]:
    """Which panels stand beside each other: at most ``most``, and none that another would stretch to more than twice its height."""
    rows: list[list[int]] = []
    for k, size in enumerate(sizes):
        heights = [_height(sizes[j]) for j in rows[-1]] if rows else []
        alike = heights and max(*heights, _height(size)) <= 1.6 * min(*heights, _height(size))
        if alike and len(rows[-1]) < most:
            rows[-1].append(k)
        else:
            rows.append([k])
    return rows


def grid(made: Sequence[Caterpillar]) -> tuple[Picture, np.ndarray]:
    """The sheet for caterpillars: panels of like height beside each other, each row as high as its levels need."""
    from gibbs.plots import canvas

    rows = rows_of([len(m.mean) for m in made])
    columns = max(map(len, rows))
    heights = [_height(max(len(made[k].mean) for k in row)) for row in rows]
    width = {1: 5.5, 2: 7.5, 3: 9.5}[columns]
    return canvas.sheet(len(rows), columns, width=width, height=sum(heights) + 0.9, height_ratios=heights)


def _in_rows(made: Sequence[Caterpillar]) -> list[Caterpillar | None]:
    """The panels in the order of the sheet, None where it stays empty."""
    rows = rows_of([len(m.mean) for m in made])
    columns = max(map(len, rows))
    return [made[row[k]] if k < len(row) else None for row in rows for k in range(columns)]


def _plain(term: str) -> str:
    return "Intercept" if term == "(Intercept)" else term


def _height(levels: int) -> float:
    return 0.6 + (0.15 * levels if levels <= LABELLED else 0.035 * levels)


def panel(axis: Axes, one: Caterpillar, *, zero: bool = True) -> None:
    """Points and intervals; ``zero``: whether nothing is at 0, so that there is a line there, and points away from it are filled."""
    from gibbs.plots import canvas

    labelled = len(one.mean) <= LABELLED
    place = np.arange(len(one.mean), dtype=float) if labelled else one.place.astype(float)
    sizes = {"size": 4.5, "lines": (0.9, 2.4)} if labelled else {"size": 1.8, "lines": (0.5, 1.2)}
    if zero:
        canvas.zero_line(axis)
    canvas.dots(axis, place, one.inner, one.outer, one.mean, zero=zero, **sizes)
    if labelled:
        axis.set_yticks(place, [canvas.shown(label) for label in one.labels], fontsize=8 if len(place) <= 35 else 7)
        axis.tick_params(axis="y", length=0)
        axis.set_ylim(-0.7, len(place) - 0.3)
    else:
        axis.set_ylabel(f"rank of {one.total:,} levels, lowest first")
        axis.set_ylim(one.place[0] - 0.01 * one.total, one.place[-1] + 0.01 * one.total)


def _scale(one: Caterpillar) -> str:
    return "the intercept" if one.term == "Intercept" else f"the slope of {one.term}"


def _note(made: Sequence[Caterpillar], page: int | None, sort: str) -> str:
    words = f"Posterior means with 50 % (thick) and {asked.percent()} (thin) intervals, on the scale of the linear predictor; a filled "
    words += f"point: its {asked.percent()} interval leaves out zero."
    return words + said_of_pages(made, page, sort)


def said_of_pages(made: Sequence[Caterpillar], page: int | None, sort: str) -> str:
    """Which levels are shown where not all are, in a sentence with a blank before it."""
    words = ""
    for one in made:
        n = len(one.mean)
        if n < one.total and page is None:
            words += f" {one.factor.name}: {n} of {one.total:,} levels, evenly spaced by rank; page= shows all, {PAGE} at a time."
            break
        if page is not None:
            highest = f"ranks {one.total - one.place[-1] + 1} to {one.total - one.place[0] + 1} of {one.total:,}"
            words += f" Page {page}: {highest}{', the highest first' if sort == 'effect' else ''}."
            break
    return words

"""Estimates of areas from poststratification: dots with intervals, lines over time, a map of tiles.

One column of areas gives dots, sorted; two of which the last is a number (a year, an age) give a panel an area, with a band along it; a
layout of tiles (row and column of each area) gives a map in which every area has the same size.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from gibbs.errors import PlotError, nearest
from gibbs.model import levels
from gibbs.numerals import plain
from gibbs.plots import asked

if TYPE_CHECKING:
    from gibbs.plots.canvas import Picture

MOST_DOTS, MOST_PANELS = 120, 30
_INNER = (0.25, 0.75)
_US = """
AK . . . . . . . . . ME
. . . . . . . . . VT NH
WA ID MT ND MN IL WI MI NY RI MA
OR NV WY SD IA IN OH PA NJ CT .
CA UT CO NE MO KY WV VA MD DE .
. AZ NM KS AR TN NC SC DC . .
. . . OK LA MS AL GA . . .
HI . . TX . . . . FL . .
"""
_NAMES = (
    "AL Alabama,AK Alaska,AZ Arizona,AR Arkansas,CA California,CO Colorado,CT Connecticut,DE Delaware,DC District of Columbia,FL Florida,"
    "GA Georgia,HI Hawaii,ID Idaho,IL Illinois,IN Indiana,IA Iowa,KS Kansas,KY Kentucky,LA Louisiana,ME Maine,MD Maryland,MA Massachusetts,"
    "MI Michigan,MN Minnesota,MS Mississippi,MO Missouri,MT Montana,NE Nebraska,NV Nevada,NH New Hampshire,NJ New Jersey,NM New Mexico,"
    "NY New York,NC North Carolina,ND North Dakota,OH Ohio,OK Oklahoma,OR Oregon,PA Pennsylvania,RI Rhode Island,SC South Carolina,"
    "SD South Dakota,TN Tennessee,TX Texas,UT Utah,VT Vermont,VA Virginia,WA Washington,WV West Virginia,WI Wisconsin,WY Wyoming"
)


class Areas(Protocol):
    """What ``Fit.poststratify`` gives: draws (S, areas[, C]) and total (S[, C]) of the areas, labels by the columns ``by``."""

    by: tuple[str, ...]
    areas: tuple[tuple[str, ...], ...]
    probabilities: tuple[float, ...]
    outcome: str

    @property
    def categories(self) -> tuple[str, ...]: ...
    @property
    def draws(self) -> np.ndarray: ...
    @property
    def total(self) -> np.ndarray: ...


def check(path: str | Path, *, force: bool = False) -> Path:
    """The file that a picture may be written to. PlotError without matplotlib, or for a wrong ending; OutputError where it is taken."""
    try:
        from gibbs.plots import canvas
    except ImportError as error:
        raise PlotError('pictures are drawn by matplotlib, which is not installed: pip install "gibbs-engine[plots]".') from error
    return canvas.check_path(path, force=force)


def save(found: Areas, path: str | Path, *, tiles: str | None = None, title: str = "", force: bool = False) -> Path:
    """Draw the picture and write it (png, pdf or svg). PlotError and OutputError as ``draw`` and as every picture."""
    target = check(path, force=force)
    from gibbs.plots import canvas

    return canvas.save(draw(found, tiles=tiles, title=title), target)


def draw(found: Areas, *, tiles: str | None = None, title: str = "") -> Picture:
    """The picture that fits the areas. tiles : ``us``, or a table with the columns area, row and column.

    Raises PlotError where there is no area, too many, or one without a tile.
    """
    from gibbs.plots import canvas

    if not found.areas:
        raise PlotError("there is one number, of all; name the areas to be shown (--by).")
    with canvas.style():
        if tiles is not None:
            return _tiles(found, layout(tiles), title)
        if len(found.by) == 2 and numbers(found) is not None and not found.categories:
            return _time(found, title)
        return _dots(found, title)


def numbers(found: Areas) -> np.ndarray | None:
    """The last column of the areas as numbers (areas,); None where these are words."""
    values = [levels.number_of(area[-1]) for area in found.areas]
    return None if any(v is None for v in values) else np.array(values, dtype=float)


def layout(tiles: str) -> dict[str, tuple[int, int]]:
    """Area → row and column of its tile. PlotError for a table without these columns."""
    if tiles == "us":
        names = dict(pair.split(" ", 1) for pair in _NAMES.split(","))
        found = {}
        for r, line in enumerate(_US.strip().splitlines()):
            for c, word in enumerate(line.split()):
                if word != ".":
                    found[word] = found[names[word]] = (r, c)
        return found
    import pandas as pd

    try:
        table = pd.read_csv(tiles, dtype={"area": str})
        found = {str(a): (int(r), int(c)) for a, r, c in zip(table["area"], table["row"], table["column"], strict=True)}
    except (OSError, ValueError, KeyError, UnicodeDecodeError) as error:
        raise PlotError(
            f"'{tiles}' is neither us nor a table (.csv) with the columns area, row and column.{nearest(tiles, ['us'])}"
        ) from error
    if len(found) < len(table):
        twice = table["area"][table["area"].duplicated()].iloc[0]
        raise PlotError(f"the area '{twice}' stands twice in {tiles}.")
    where: dict[tuple[int, int], str] = {}
    for area, place in found.items():
        if place in where:
            raise PlotError(f"'{where[place]}' and '{area}' have the same tile in {tiles}: row {place[0]}, column {place[1]}.")
        where[place] = area
    return found


def _intervals(found: Areas) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """inner (2, areas[, C]), outer, and means, or medians, (areas[, C])."""
    low, high = found.probabilities[0], found.probabilities[-1]
    draws = found.draws
    q = np.quantile(draws, [*_INNER, low, high], axis=0)
    return q[:2], q[2:], asked.middle(draws, asked.medians(draws))


def _caption(found: Areas) -> str:
    level = found.probabilities[-1] - found.probabilities[0]
    medians = asked.medians(found.draws)
    words = f"Posterior {'medians' if medians else 'means'}, 50 % and {level:.0%} intervals".replace("%", " %").replace("  ", " ")
    return f"{words}; the line is the average of all.{f' {asked.NO_MEAN}' if medians else ''}"


def _total(found: Areas) -> np.ndarray:
    """The average of all cells, () or (C,): its mean, or its median where areas have theirs."""
    return asked.middle(found.total, asked.medians(found.draws))


def _dots(found: Areas, title: str) -> Picture:
    from gibbs.plots import canvas

    J = len(found.areas)
    if J > MOST_DOTS:
        raise PlotError(f"{J:,} areas are too many for dots ({MOST_DOTS}); average over larger ones, or write the table (--out).")
    inner, outer, mean = _intervals(found)
    names = [", ".join(area) for area in found.areas]
    categories = found.categories or ("",)
    if not found.categories:
        inner, outer, mean, total = inner[..., None], outer[..., None], mean[..., None], np.array([_total(found)])
    else:
        total = _total(found)
    order = np.argsort(mean[:, -1], kind="stable")
    figure, axes = canvas.sheet(
        1, len(categories), width=min(2.6 + 3.2 * len(categories), 14.0), height=1.2 + 0.17 * max(J, 4), sharey=True
    )
    for c, (axis, category) in enumerate(zip(axes[0], categories, strict=True)):
        axis.axvline(total[c], color=canvas.GREY, linewidth=0.8, zorder=0)
        canvas.dots(axis, np.arange(J), inner[:, order, c], outer[:, order, c], mean[order, c], zero=False)
        axis.set_yticks(np.arange(J), [canvas.shown(names[k], 30) for k in order])
        axis.set_ylim(-0.7, J - 0.3)
        axis.set_title(canvas.shown(category, 30), loc="left")
        axis.set_xlabel(canvas.shown(found.outcome, 44))
        if asked.medians(found.draws) and found.draws.min() > 0.0:
            axis.set_xscale("log")
            canvas.log_ticks(axis)
    canvas.head(figure, title or f"Estimates by {' and '.join(found.by)}", _caption(found))
    return figure


def _time(found: Areas, title: str) -> Picture:
    from gibbs.plots import canvas

    x = numbers(found)
    assert x is not None
    groups = list(dict.fromkeys(area[0] for area in found.areas))
    if len(groups) > MOST_PANELS:
        raise PlotError(f"{len(groups):,} of {found.by[0]} are too many panels ({MOST_PANELS}).")
    inner, outer, mean = _intervals(found)
    columns = min(5, len(groups))
    rows = -(-len(groups) // columns)
    figure, axes = canvas.sheet(rows, columns, width=min(2.2 * columns + 0.8, 12.0), height=1.0 + 1.7 * rows, sharex=True, sharey=True)
    flat = axes.ravel()
    for axis, group in zip(flat, groups, strict=False):
        here = np.array([k for k, area in enumerate(found.areas) if area[0] == group])
        here = here[np.argsort(x[here])]
        axis.fill_between(x[here], outer[0, here], outer[1, here], color=canvas.SKY, alpha=0.35, linewidth=0, label="outer interval")
        axis.fill_between(x[here], inner[0, here], inner[1, here], color=canvas.BLUE, alpha=0.4, linewidth=0, label="50 % interval")
        axis.plot(x[here], mean[here], color=canvas.BLACK, marker="o", markersize=3.0, linewidth=1.1, label="posterior mean")
        axis.axhline(float(_total(found)), color=canvas.GREY, linewidth=0.8, zorder=0)
        axis.set_title(canvas.shown(group, 24), loc="left")
        axis.ticklabel_format(useOffset=False, style="plain", axis="x")
    canvas.leave_empty(flat[len(groups) :])
    for axis in axes[-1]:
        axis.set_xlabel(canvas.shown(found.by[-1], 30))
    for axis in axes[:, 0]:
        axis.set_ylabel(canvas.shown(found.outcome, 24))
    canvas.head(figure, title or f"Estimates by {found.by[0]} over {found.by[-1]}", _caption(found))
    return figure


def _tiles(found: Areas, place: Mapping[str, tuple[int, int]], title: str) -> Picture:
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    from gibbs.plots import canvas

    if len(found.by) != 1 or found.categories:
        raise PlotError("a map of tiles shows one number an area: one column --by, and an outcome without categories.")
    names = [area[0] for area in found.areas]
    if lost := [name for name in names if name not in place]:
        raise PlotError(
            f"there is no tile for '{lost[0]}'{f' and {len(lost) - 1} more' if len(lost) > 1 else ''}.{nearest(lost[0], place)}"
        )
    medians = asked.medians(found.draws)
    mean = asked.middle(found.draws, medians)
    at = np.array([place[name] for name in names])
    at = at - at.min(axis=0)
    rows, columns = at.max(axis=0) + 1
    figure, axes = canvas.sheet(width=min(0.62 * columns + 1.6, 12.0), height=min(0.62 * rows + 1.1, 12.0))
    axis, colours, scale = axes[0, 0], colormaps["cividis"], Normalize(float(mean.min()), float(mean.max()) or 1.0)
    share = 0.0 <= mean.min() and mean.max() <= 1.0
    for name, value, (r, c) in zip(names, mean, at, strict=True):
        colour = colours(scale(value))
        ink: Any = "white" if 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] < 0.5 else "black"
        axis.add_patch(_square(c, -r, colour))
        axis.text(c, -r + 0.16, canvas.shown(name, 9), ha="center", va="center", fontsize=7, color=ink)
        axis.text(c, -r - 0.2, f"{100 * value:.0f} %" if share else plain(value, 3), ha="center", va="center", fontsize=7, color=ink)
    axis.set_xlim(-0.55, columns - 0.45)
    axis.set_ylim(-rows + 0.45, 0.55)
    axis.set_aspect("equal")
    axis.set_axis_off()
    note = f"Posterior {'medians' if medians else 'means'} of {found.outcome}; every area has the same size."
    canvas.head(figure, title or f"Estimates by {found.by[0]}", f"{note} {asked.NO_MEAN}" if medians else note)
    return figure


def _square(x: float, y: float, colour: Any) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.48, y - 0.48), 0.96, 0.96, facecolor=colour, linewidth=0)

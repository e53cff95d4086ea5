"""Effects of an ordered factor, such as elections or cohorts, along its axis, with bands; one panel a factor."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from gibbs.draws.outline import FactorOutline
from gibbs.errors import PlotError
from gibbs.model.levels import number_of
from gibbs.plots import asked, choose

if TYPE_CHECKING:
    from gibbs.plots.canvas import Picture
    from gibbs.posterior.fit import Fit

FIRST_YEAR, LAST_YEAR = 1000, 2200
LABELLED = 40
"""Levels without numbers are labelled one by one up to so many."""
MOST = 500
"""A line through more levels than this is a smear."""
_WORDS = (
    "year", "time", "date", "election", "cohort", "wave", "period", "age", "month", "day", "week", "quarter", "round", "birth",
    "generation", "decade", "session", "term", "trial", "visit", "season",
)  # fmt: skip
_RANGE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:-|–|—|to|_|/)\s*(\d+(?:\.\d+)?)\s*$")
_DATE = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?")


def position(label: str) -> float | None:
    """Where a label stands on an axis: its number; the year of a date (``1997-05-01`` is 1997.33); the middle of ``18-24``; else None."""
    if (value := number_of(label)) is not None:
        return value
    if found := _DATE.match(label):
        year, month, day = int(found[1]), int(found[2]), int(found[3] or 1)
        try:
            start = date(year, 1, 1).toordinal()
            return year + (date(year, month, day).toordinal() - start) / (date(year + 1, 1, 1).toordinal() - start)
        except ValueError:
            pass  # a month 13: perhaps a range of years, as 1990-95 is not
    if (found := _RANGE.match(label)) and float(found[2]) > float(found[1]):
        return 0.5 * (float(found[1]) + float(found[2]))
    return None


def positions(factor: FactorOutline) -> np.ndarray | None:
    """(J,) the place of every level; None where one has none, or two have the same."""
    found = [position(level) for level in factor.levels]
    if any(value is None for value in found) or len(set(found)) < len(found):
        return None
    return np.array(found, dtype=float)


def is_ordered(factor: FactorOutline) -> bool:
    """Whether levels read as points in time: years or dates all of them, or numbers under a name such as wave or cohort.

    Numbers alone are not enough: provinces and people have numbers too.
    """
    place = positions(factor)
    if place is None or len(place) < 3:
        return False
    if factor.structure is not None and factor.structure.positions is not None:
        return True
    words = [word for word in re.split(r"[\W_\d]+", factor.name.lower()) if word]
    named = any(word.startswith(known) for word in words for known in _WORDS)
    return named or bool(np.all((place >= FIRST_YEAR) & (place <= LAST_YEAR)))


def draw(fit: Fit, factor: str | Sequence[str] | None = None, term: str | None = None) -> Picture:
    """Posterior means along the axis, with 50 % and outer bands."""
    from gibbs.plots import canvas

    chosen = _factors(fit, factor)
    for f in chosen:
        if len(f.levels) > MOST:
            raise PlotError(
                f"{f.name} has {len(f.levels):,} levels, too many for a line through them ({MOST}); ranef thins and pages them."
            )
    places = [positions(f) for f in chosen]
    columns = [choose.term(f, term) for f in chosen]
    figure, axes = canvas.sheet(len(chosen), 1, width=6.8, height=0.9 + 2.3 * len(chosen))
    lows, highs = [], []
    for axis, f, place, column in zip(axes[:, 0], chosen, places, columns, strict=True):
        means, intervals = choose.effects(fit, f, column)
        inner, outer, mean = intervals(np.arange(len(means)))
        x = np.arange(len(mean), dtype=float) if place is None else place
        order = np.argsort(x)
        x, inner, outer, mean = x[order], inner[:, order], outer[:, order], mean[order]
        name = f.columns[column]
        canvas.zero_line(axis, vertical=False)
        axis.fill_between(x, outer[0], outer[1], color=canvas.SKY, alpha=0.35, linewidth=0, label=f"{asked.percent()} interval")
        axis.fill_between(x, inner[0], inner[1], color=canvas.BLUE, alpha=0.4, linewidth=0, label="50 % interval")
        few = len(x) <= 80
        axis.plot(x, mean, color=canvas.BLACK, marker="o" if few else None, markersize=3.2, linewidth=1.1, label="posterior mean")
        axis.set_xlabel(canvas.shown(f.name, 60))
        axis.set_ylabel("effect on the intercept" if name == "Intercept" else canvas.shown(f"effect on the slope of {name}", 60))
        canvas.panel_title(axis, f"{f.name}: {name}")
        if place is None:
            every = max(1, -(-len(x) // LABELLED))
            turned = {"rotation": 90, "fontsize": 7} if len(x) > 8 else {}
            axis.set_xticks(x[::every], [canvas.shown(f.levels[j], 18) for j in order[::every]], **turned)
        elif len(x) <= 12:
            axis.set_xticks(x, [canvas.shown(f.levels[j], 10) for j in order], rotation=90 if _crowded(x) else 0)
        else:
            axis.ticklabel_format(useOffset=False, style="plain", axis="x")
        lows.append(outer.min())
        highs.append(outer.max())
    room = 0.05 * (max(highs) - min(lows))
    for axis in axes[:, 0]:
        axis.set_ylim(min(*lows, 0.0) - room, max(*highs, 0.0) + room)
    note = "Random effects on the scale of the linear predictor."
    note += " The panels share their vertical scale." if len(chosen) > 1 else ""
    canvas.head(figure, f"Effects over {' and '.join(f.name for f in chosen)}: {choose.name_of(fit)}", note, canvas.legend_of(axes[0, 0]))
    return figure


def _crowded(x: np.ndarray) -> bool:
    """Whether labels beside each other would touch: the closest pair is nearer than a fifteenth of the axis."""
    return len(x) > 1 and float(np.diff(x).min()) < float(x[-1] - x[0]) / 15


def _factors(fit: Fit, wanted: str | Sequence[str] | None) -> list[FactorOutline]:
    if wanted is not None:
        return [choose.factor(fit, name) for name in ([wanted] if isinstance(wanted, str) else wanted)]
    choose.factor(fit)
    found = [f for f in fit.outline.factors if is_ordered(f)]
    if not found:
        known = ", ".join(f.name for f in fit.outline.factors)
        raise PlotError(
            f"no grouping factor reads as points in time (levels that are years or dates, or numbers under a name such as wave); there is "
            f"{known}. Name the one that is: its levels then stand in their order."
        )
    return found

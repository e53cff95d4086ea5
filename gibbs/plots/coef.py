"""α_j and β_j, sorted, with intervals: what each level has, where ``ranef`` shows what it adds. One panel a coefficient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gibbs.plots import asked, choose, ranef
from gibbs.predictions import second_level

if TYPE_CHECKING:
    from gibbs.plots.canvas import Picture
    from gibbs.posterior.fit import Fit
    from gibbs.predictions.second_level import Coefficient


def draw(
    fit: Fit,
    factor: str | None = None,
    term: str | None = None,
    levels: str | Sequence[str] | None = None,
    page: int | None = None,
    sort: str = "effect",
) -> Picture:
    """The coefficients of each level of a factor (the first where None)."""
    from gibbs.plots import canvas

    of = choose.factor(fit, factor)
    choose.term(of, term)
    made = second_level.coefficients(fit, of.name, term)
    which = choose.levels(of, levels)
    panels = [(one, ranef.arranged(of, one.term, one.draws, which, page=page, sort=sort)) for one in made]
    figure, axes = ranef.grid([shown for _, shown in panels])
    cells = [k for row in ranef.rows_of([len(shown.mean) for _, shown in panels]) for k in row]
    assert cells == list(range(len(panels)))  # all panels have as many levels, and stand in order
    for axis, (one, shown) in zip(axes.flat, panels, strict=False):
        average = float(one.draws.mean())
        axis.axvline(average, color=canvas.GREY, linewidth=0.8, linestyle=":", zorder=0)
        ranef.panel(axis, shown, zero=one.term != "Intercept")
        canvas.panel_title(axis, f"{one.symbol}: {_name(one)}", below="intercept" if one.term == "Intercept" else "slope")
    canvas.leave_empty(axes.flat[len(panels) :])
    level = asked.percent()
    note = f"Posterior means with 50 % (thick) and {level} (thin) intervals, on the scale of the linear predictor: fixed effects, "
    note += f"predictors of the level and the level's own effect together. Dotted: the mean over the {len(of.levels):,} levels."
    if any(one.term != "Intercept" for one in made):
        note += f" A filled point of a slope: its {level} interval leaves out zero."
    note += ranef.said_of_pages([shown for _, shown in panels], page, sort)
    canvas.head(figure, f"Coefficients of each {of.name}: {choose.name_of(fit)}", note)
    return figure


def _name(one: Coefficient) -> str:
    return f"intercept of each {one.factor}" if one.term == "Intercept" else f"slope of {one.term} in each {one.factor}"

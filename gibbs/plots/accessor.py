"""``fit.plot``: a method for each kind of picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gibbs import plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gibbs.posterior.fit import Fit

Names = str | Sequence[str] | None
File = str | Path | None


class Plots:
    """Pictures of one fit. Each method gives a matplotlib Figure, and takes beside its own options those of every picture:

    ax : Axes to draw on, as many as the picture has panels. size : (width, height) in inches. level : probability of the outer intervals,
    0.95. title : another one, "" for none. path : a file to write it to as well (png, pdf, svg); ``force`` replaces one.

    All raise PlotError for names that are not in the model, and where there is nothing to show.
    """

    def __init__(self, fit: Fit) -> None:
        self._fit = fit

    def __call__(self, kind: str, *, path: File = None, force: bool = False, **options: Any) -> Figure:
        """The picture called ``kind``."""
        return plots.picture(self._fit, kind, path=path, force=force, **options)

    def __repr__(self) -> str:
        return "\n".join(f"fit.plot.{kind}(): {what}" for kind, (_, what) in plots.KINDS.items())

    def ranef(
        self, factor: str | None = None, term: str | None = None, levels: Names = None, page: int | None = None, sort: str = "effect",
        **every: Any,
    ) -> Figure:  # fmt: skip
        """Effects of each level, sorted, with intervals: a panel for each factor and term, or for those named.

        levels : only these. page : of 50 levels, the highest first; without it, 200 of more than 200 are shown, evenly spaced by rank.
        sort : effect, or level for the order of the levels. every : ax, size, level, title, path, force.
        """
        return self("ranef", factor=factor, term=term, levels=levels, page=page, sort=sort, **every)

    def coef(
        self, factor: str | None = None, term: str | None = None, levels: Names = None, page: int | None = None, sort: str = "effect",
        **every: Any,
    ) -> Figure:  # fmt: skip
        """α_j and β_j of each level of a factor, sorted, with intervals: fixed effects, predictors of the level and its own effect.

        levels, page, sort : as of ``ranef``. every : ax, size, level, title, path, force.
        """
        return self("coef", factor=factor, term=term, levels=levels, page=page, sort=sort, **every)

    def level2(self, factor: str | None = None, predictor: str | None = None, term: str | None = None, **every: Any) -> Figure:
        """α_j and β_j of each level of a factor against a predictor of the level, with intervals and the line of the second level.

        predictor : constant within the levels; the first such where None. every : ax, size, level, title, path, force.
        """
        return self("level2", factor=factor, predictor=predictor, term=term, **every)

    def groups(self, factor: str | None = None, predictor: str | None = None, levels: Names = None, page: int = 1, **every: Any) -> Figure:
        """A panel a group, twelve a page: points, and the lines of partial, no and complete pooling. See ``gibbs.plots.groups``.

        predictor : the x; by default what varies over the factor, else the first predictor that varies within its groups.
        every : ax, size, level, title, path, force.
        """
        return self("groups", factor=factor, predictor=predictor, levels=levels, page=page, **every)

    def effects(
        self, predictor: str | None = None, by: str | None = None, others: str = "typical", groups: str = "population", **every: Any
    ) -> Figure:
        """The expected outcome along a predictor, a line for each value of another; as ``fit.effects(predictor, by).plot()``.

        every : ax, size, level, title, path, force.
        """
        return self("effects", predictor=predictor, by=by, others=others, groups=groups, **every)

    def coefficients(
        self, parameters: Names = None, intercept: bool = False, standardised: bool = False, exp: bool = False, **every: Any
    ) -> Figure:
        """Fixed effects with intervals, or the ``parameters`` named (``sd_*`` stands for all that begin so).

        standardised : each coefficient times the sd of its predictor's column. exp : odds, rate or hazard ratios, on a log axis.
        every : ax, size, level, title, path, force.
        """
        return self("coefficients", parameters=parameters, intercept=intercept, standardised=standardised, exp=exp, **every)

    def priors(self, parameters: Names = None, **every: Any) -> Figure:
        """Prior against posterior of each sd, correlation and parameter of the family. every : ax, size, level, title, path, force."""
        return self("priors", parameters=parameters, **every)

    def trace(self, parameters: Names = None, **every: Any) -> Figure:
        """Traces and ranks of the chains; by default of the (at most eight) parameters that are known least well.

        every : ax, size, level, title, path, force.
        """
        return self("trace", parameters=parameters, **every)

    def ppc(self, statistic: Any = None, **every: Any) -> Figure:
        """What the model predicts against what was observed: densities, binned residuals and separation, a rootogram, or categories.

        statistic : test statistics in their place, one or a list: mean, sd, min, max, median, q10, zeros, skewness, arithmetic on them
            ("max - min"), or a function of the outcomes (or of outcomes and data). every : ax, size, level, title, path, force.
        """
        return self("ppc", statistic=statistic, **every)

    def pareto_k(self, group: str | None = None, draws: int | None = None, **every: Any) -> Figure:
        """Pareto k of leaving out each row, or each level of ``group``; see ``Fit.loo``. every : ax, size, level, title, path, force."""
        return self("pareto_k", group=group, draws=draws, **every)

    def loo_pit(self, draws: int | None = None, **every: Any) -> Figure:
        """Where each outcome lies in its prediction from the other rows: a histogram, and the distribution function with its band.

        draws : use about so many, evenly spaced. every : ax, size, level, title, path, force.
        """
        return self("loo_pit", draws=draws, **every)

    def pairs(self, parameters: Names = None, **every: Any) -> Figure:
        """Parameters two by two; by default the five that are known least well. every : ax, size, level, title, path, force."""
        return self("pairs", parameters=parameters, **every)

    def time(self, factor: Names = None, term: str | None = None, **every: Any) -> Figure:
        """Effects along the years, waves or cohorts of ordered factors, one panel each; ``factor`` names them where they do not show.

        every : ax, size, level, title, path, force.
        """
        return self("time", factor=factor, term=term, **every)

    def variance(self, **every: Any) -> Figure:
        """Each factor's share of the variance, with intervals. every : ax, size, level, title, path, force."""
        return self("variance", **every)

"""``fit.plot``: a method for each kind of picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gibbs import plots

if TYPE_CHECKING:
    from gibbs.plots.canvas import Picture
    from gibbs.posterior.fit import Fit

Names = str | Sequence[str] | None
File = str | Path | None


class Plots:
    """Pictures of one fit. Each method gives a matplotlib Figure; ``path`` writes it as well (png, pdf, svg; ``force`` replaces a file).

    All raise PlotError for names that are not in the model, and where there is nothing to show.
    """

    def __init__(self, fit: Fit) -> None:
        self._fit = fit

    def __call__(self, kind: str, *, path: File = None, force: bool = False, **options: Any) -> Picture:
        """The picture called ``kind``."""
        return plots.picture(self._fit, kind, path=path, force=force, **options)

    def __repr__(self) -> str:
        return "\n".join(f"fit.plot.{kind}(): {what}" for kind, (_, what) in plots.KINDS.items())

    def ranef(
        self,
        factor: str | None = None,
        term: str | None = None,
        levels: Names = None,
        page: int | None = None,
        sort: str = "effect",
        *,
        path: File = None,
        force: bool = False,
    ) -> Picture:
        """Effects of each level, sorted, with 50 % and 95 % intervals: a panel for each factor and term, or for those named.

        levels : only these. page : of 50 levels, the highest first; without it, 200 of more than 200 are shown, evenly spaced by rank.
        sort : effect, or level for the order of the levels.
        """
        options = {"factor": factor, "term": term, "levels": levels, "page": page, "sort": sort}
        return self("ranef", path=path, force=force, **options)

    def groups(
        self,
        factor: str | None = None,
        predictor: str | None = None,
        levels: Names = None,
        page: int = 1,
        *,
        path: File = None,
        force: bool = False,
    ) -> Picture:
        """A panel a group, twelve a page: points, and the lines of partial, no and complete pooling. See ``gibbs.plots.groups``.

        predictor : the x; by default what varies over the factor, else the first predictor that varies within its groups.
        """
        return self("groups", path=path, force=force, factor=factor, predictor=predictor, levels=levels, page=page)

    def coefficients(
        self,
        parameters: Names = None,
        intercept: bool = False,
        standardised: bool = False,
        *,
        path: File = None,
        force: bool = False,
    ) -> Picture:
        """Fixed effects with intervals, or the ``parameters`` named (``sd_*`` stands for all that begin so).

        standardised : each coefficient times the sd of its predictor's column.
        """
        options = {"parameters": parameters, "intercept": intercept, "standardised": standardised}
        return self("coefficients", path=path, force=force, **options)

    def priors(self, parameters: Names = None, *, path: File = None, force: bool = False) -> Picture:
        """Prior against posterior of each sd, correlation, sigma, nu and shape."""
        return self("priors", path=path, force=force, parameters=parameters)

    def trace(self, parameters: Names = None, *, path: File = None, force: bool = False) -> Picture:
        """Traces and ranks of the chains; by default of the (at most eight) parameters that are known least well."""
        return self("trace", path=path, force=force, parameters=parameters)

    def ppc(self, *, path: File = None, force: bool = False) -> Picture:
        """What the model predicts against what was observed: densities, binned residuals and separation, a rootogram, or categories."""
        return self("ppc", path=path, force=force)

    def time(self, factor: Names = None, term: str | None = None, *, path: File = None, force: bool = False) -> Picture:
        """Effects along the years, waves or cohorts of ordered factors, one panel each; ``factor`` names them where they do not show."""
        return self("time", path=path, force=force, factor=factor, term=term)

    def variance(self, *, path: File = None, force: bool = False) -> Picture:
        """Each factor's share of the variance, with 95 % intervals."""
        return self("variance", path=path, force=force)

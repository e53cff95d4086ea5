"""Whether draws can be trusted: the verdict over every parameter, the reason where it is no, and what to try."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gibbs.draws import names, tails
from gibbs.draws.limits import EFFECTS, Limits, limits
from gibbs.draws.names import Model
from gibbs.draws.records import Draws
from gibbs.files.grid import Grid
from gibbs.model.records import Until
from gibbs.numerals import plain
from gibbs.summaries import reasons, summary

SURE = 0.25
"""Below this share of the effective sample size that is wanted, the verdict names no number of draws."""


@dataclass(frozen=True)
class Convergence:
    """Whether the draws can be trusted, over every parameter that is asked about: all of them, random effects included, or ``until: of``.

    ``worst`` is the parameter furthest from what is wanted. A number that no parameter has is nan. ``reason``: why it is, in a sentence,
    where that was found.
    """

    ok: bool
    sentence: str
    worst: str
    max_rhat: float
    min_ess_bulk: float
    min_ess_tail: float
    parameters: int  # how many were looked at; those that the model fixes are not
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain words and numbers; nan and infinity as None."""
        return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in asdict(self).items()}


@dataclass(frozen=True)
class _Watched:
    """The columns of the tables of those parameters that are judged, and their limits."""

    labels: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    rhat: np.ndarray
    bulk: np.ndarray
    tail: np.ndarray
    mcse: np.ndarray
    limits: Limits

    def verdict(self, ok: bool, sentence: str, worst: str, reason: str = "") -> Convergence:
        """With the extremes of what was looked at."""
        extremes = _nan_max(self.rhat), _nan_min(self.bulk), _nan_min(self.tail)
        return Convergence(ok, sentence, worst, *extremes, len(self.labels), reason)


def convergence(
    draws: Draws, model: Model, until: Until | None = None, *, fixed: Grid | None = None, ranef: Grid | None = None
) -> Convergence:
    """Judge the draws: every R-hat at most 1.01 and every bulk and tail ESS at least 400 (100 a chain with fewer than four chains).

    These are the limits of Vehtari et al. (2021). A run to precision is held to its own instead (``gibbs.draws.limits``). Draws within
    them are then asked for tails that were not visited (``tails``), of the sds and by what the sampler knows.
    ``fixed`` and ``ranef`` are the tables of ``summary`` where they are at hand, so that nothing is computed twice.
    """
    kept = draws.beta.shape[1]
    fixed = summary.grid(draws, model) if fixed is None else fixed
    ranef = summary.ranef_grid(draws, model) if ranef is None else ranef
    w = _watched(draws, model, until, fixed, ranef)
    if not len(w.labels):
        return w.verdict(True, "Nothing was drawn: the model fixes every parameter.", "")
    if (unusable := _unusable(w, kept)) is not None:
        return unusable
    short = w.limits.shortfall(w.rhat, w.bulk, w.tail, w.mcse)
    i = int(np.argmax(short))
    worst = str(w.labels[i])
    if short[i] <= 1.0:
        hidden, where = _hidden(draws, until)
        if hidden:
            said = f"Not converged, though R-hat and effective sample sizes are within their limits. {hidden}"
            return w.verdict(False, said, where or worst, hidden)
        unmet = _unmet(draws)
        if unmet:
            advice = _what_to_do(draws, until, float(draws.info["to_precision"]["short_by"]), _nan_max(w.rhat), _nan_min(w.bulk), w)
            said = f"Not converged, though every parameter{_asked_for(until)} is within its limits: {unmet}. {advice}{_length(draws)}"
            return w.verdict(False, said, worst, unmet)
        return w.verdict(
            True,
            f"Converged: over all {len(w.labels):,} parameters{_asked_for(until)} R-hat is at most {_nan_max(w.rhat):.3f} and the "
            f"effective sample size at least {_nan_min(w.bulk):,.0f} (bulk) and {_nan_min(w.tail):,.0f} (tail); the furthest from the "
            f"limits is {worst}.{_heavy(draws)}{_length(draws)}",
            worst,
        )
    failing = int(np.sum(short > 1.0))
    found = reasons.reason(draws, model, worst, float(w.rhat[i]))
    known = tails.hidden(draws.info)
    why = f" Why: {found.why}" if found is not None else ""
    if known:
        advice = f"{' '.join(known)} {_NO_NUMBER}"
    else:
        advice = _what_to_do(draws, until, float(short[i]), float(w.rhat[i]), min(_nan_min(w.bulk), _nan_min(w.tail)), w)
        advice = advice if found is None else f"{found.attempt} {advice}"
    return w.verdict(
        False,
        f"Not converged: {failing:,} of {len(w.labels):,} parameters{_asked_for(until)} {'is' if failing == 1 else 'are'} short of "
        f"the limits ({_limits(until, w.limits)}); the worst is {worst} with R-hat {w.rhat[i]:.3f}, bulk ESS {w.bulk[i]:,.0f}, "
        f"tail ESS {w.tail[i]:,.0f}{_error(w, i)}.{why} {advice}{_length(draws)}",
        worst,
        "" if found is None else found.why,
    )


def _watched(draws: Draws, model: Model, until: Until | None, fixed: Grid, ranef: Grid) -> _Watched:
    """What is judged, of both tables: not what the model fixes, and with ``until: of`` what is named there."""
    labels = np.array([*fixed.labels, *names.ranef_names(model)], dtype=object)
    mean, sd, rhat, bulk, tail = (np.concatenate((fixed[name], ranef[name])) for name in ("mean", "sd", "rhat", "ess_bulk", "ess_tail"))
    with np.errstate(divide="ignore", invalid="ignore"):
        mcse = np.concatenate((fixed["mcse_mean"], ranef["sd"] / np.sqrt(ranef["ess_bulk"])))
    asked = limits(until, [str(label) for label in labels], len(fixed.labels), draws.beta.shape[0])
    kept = ~_may_be_constant(labels, model) & asked.asked
    return _Watched(*(a[kept] for a in (labels, mean, sd, rhat, bulk, tail, mcse)), asked.part(kept))


def _unusable(w: _Watched, kept: int) -> Convergence | None:
    """The verdict on draws that are no draws: not finite, never moved, too few."""
    broken = np.flatnonzero(~np.isfinite(w.mean) | ~np.isfinite(w.sd))
    if broken.size:
        worst = str(w.labels[broken[0]])
        return w.verdict(False, f"Do not use these draws: {_count(broken.size)} not finite, first {worst}.", worst)
    stuck = np.flatnonzero(w.sd == 0)
    if stuck.size and kept > 1:
        worst = str(w.labels[stuck[0]])
        return w.verdict(False, f"Do not use these draws: {_count(stuck.size)} never moved, first {worst}.", worst)
    if kept < 4:
        few = f"Not converged, as far as can be told: {kept} draws a chain are too few to judge; raise draws."
        return w.verdict(False, few, str(w.labels[0]))
    return None


def _asked_for(until: Until | None) -> str:
    return " that were asked for (until: of)" if until is not None and until.of else ""


def _limits(until: Until | None, asked: Limits) -> str:
    """``R-hat at most 1.01, ESS at least 1,000, of random effects 400``."""
    if until is None:
        return f"R-hat at most {asked.rhat:g}, ESS at least {asked.ess[0]:,.0f}"
    effects = "" if until.of else f", of random effects {EFFECTS * until.ess:,.0f}"
    tail = f", tail ESS at least {until.tail_ess:,.0f}" if until.tail_ess is not None else ""
    return f"R-hat at most {asked.rhat:g}, ESS at least {until.ess:,.0f}{effects}{tail}"


def _error(w: _Watched, i: int) -> str:
    """The Monte Carlo error of a parameter for which one is asked."""
    if not np.isfinite(w.limits.mcse[i]):
        return ""
    return f", Monte Carlo error {plain(w.mcse[i], 3)} where {w.limits.mcse[i]:g} is asked for"


def _length(draws: Draws) -> str:
    """What a run to precision did beside what was asked for: a longer warm-up, sweeps that are not kept, an end by the clock."""
    how = draws.info.get("to_precision")
    if not isinstance(how, Mapping):
        return ""
    said = []
    if how["warmup"] > how["warmup_asked"]:
        settled = "the chains had settled" if how["settled"] else "it was as long as it may become, and the chains had not settled"
        said.append(f"Warm-up was extended from {how['warmup_asked']:,} to {how['warmup']:,} sweeps, when {settled}.")
    if how["every"] > 1:
        said.append(f"Of {how['draws_a_chain']:,} sweeps a chain every {_ordinal(how['every'])} is kept.")
    if how.get("clock"):
        said.append("The run ended by the clock (max_seconds), within its limits: another run of it may end elsewhere.")
    return "".join(f" {words}" for words in said)


def _ordinal(number: int) -> str:
    return {2: "second", 4: "fourth", 8: "eighth"}.get(number, f"{number}th")


def _what_to_do(draws: Draws, until: Until | None, short: float, rhat: float, least: float, w: _Watched) -> str:
    """How to get what is missing, by the kind of run."""
    kept, how = draws.beta.shape[1], draws.info.get("to_precision")
    if until is None or not isinstance(how, Mapping):
        return _advice(rhat, least, float(np.max(w.limits.ess)), kept, draws.warmup)
    total = how["draws_a_chain"]
    if rhat > 1.1 or not math.isfinite(short):
        return f"After {total:,} draws a chain more of the same kind are not likely to help."
    if draws.stopped == "max_draws":
        return f"Allow more draws: until: max_draws, now {until.max_draws:,}, to some {_round_up(1.5 * short * total):,}."
    seconds = max(draws.seconds_warmup, default=0.0) + short * 1.5 * max(draws.seconds_sampling, default=0.0)
    if draws.stopped == "max_seconds":
        return (
            f"Allow more time: until: max_seconds, now {until.max_seconds:g}, to some {_round_up(max(seconds, 1.5 * until.max_seconds)):,}."
        )
    return f"Raise ess a little (until: ess, now {until.ess:g}): what was looked at while it ran was within its limits."


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


def _unmet(draws: Draws) -> str:
    """What the last check of a run to precision was not passed for, where the run ended without it; "" for nothing."""
    how = draws.info.get("to_precision")
    return str(how.get("unmet", "")) if isinstance(how, Mapping) and draws.stopped in ("max_draws", "max_seconds") else ""


def _hidden(draws: Draws, until: Until | None) -> tuple[str, str]:
    """(what is wrong with tails that R-hat and ESS do not see, the sd it was found in), "" for nothing."""
    for name, sd in _sds(draws):
        words = tails.unvisited(sd)
        if words:
            limit = f"sampling.until.{draws.stopped}" if until is not None and draws.stopped in ("max_draws", "max_seconds") else "draws"
            now = f"{draws.beta.shape[1]:,} a chain" if limit == "draws" else f"{getattr(until, draws.stopped):,g}"
            return f"The upper tail of {name} is hardly known: {words}. Raise {limit}, now {now}.", name
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

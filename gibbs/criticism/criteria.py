"""How well a model predicts: leave-one-out by Pareto-smoothed importance sampling, WAIC and DIC, for rows or for whole groups.

The focus is part of every answer (Vaida and Blanchard 2005; Merkle, Furr and Rabe-Hesketh 2019):

conditional : a new row in a group that the fit knows. The likelihood of a row given the effects of its groups.
marginal    : a new group. The likelihood of all rows of a level with its effects integrated out (``gibbs.criticism.marginal``); leaving out
              one is leaving out the group, without a refit.

loo  : Vehtari, Gelman and Gabry (2017), with the smoothing and the diagnostic k of Vehtari et al. (2024) as arviz-stats has them.
waic : Watanabe (2010); p_i = Var(log p(y_i | θ)) (Gelman, Hwang and Vehtari 2014).
dic  : Spiegelhalter et al. (2002); D(θ̄) has every parameter at its posterior mean, on the scale of the tables: coefficients and effects
       (and so the linear predictor), sds, correlations, cutpoints, sigma, nu, shape. elpd is −DIC/2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.criticism import marginal
from gibbs.draws import diagnostics
from gibbs.draws.outline import Outline
from gibbs.draws.records import Draws
from gibbs.errors import OutputError, SpecError, nearest
from gibbs.files import pages
from gibbs.model import families
from gibbs.model.records import Design, Factor
from gibbs.posterior import loglik

if TYPE_CHECKING:
    import pandas as pd

CRITERIA = ("loo", "waic", "dic")
PLUG_IN = "D at the posterior means of the coefficients, effects, sds, correlations and the family's own parameters"
WORK = 1e9  # likelihoods of single rows that an integral over a group's effects may take before draws are thinned
_FEWEST = 100  # draws, for a Pareto tail of 20 to be fitted


@dataclass(frozen=True)
class Criterion:
    """One criterion of one fit, with what it is made of.

    kind : loo, waic or dic. focus : in words. group : "" for rows, else the factor whose levels are left out.
    labels : (n,) 1-based rows of the data, or labels of levels. weights : (n,) of how many equal rows each stands, of which one is left
        out; 1 for levels.
    pointwise_elpd, pointwise_p : (n,) expected log predictive density and effective number of parameters of one row or level.
    pareto_k : (n,) of loo, else None; ``good_k`` the largest k at which it can be relied on, min(1 − 1/log10(S), 0.7).
    draws : how many were used. notes : what should be known before believing it.
    """

    kind: str
    focus: str
    group: str
    labels: tuple[Any, ...]
    weights: np.ndarray
    pointwise_elpd: np.ndarray
    pointwise_p: np.ndarray
    pareto_k: np.ndarray | None
    good_k: float
    draws: int
    notes: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Rows, each as often as its frequency weight says; or levels."""
        return round(float(self.weights.sum()))

    @property
    def elpd(self) -> float:
        """Expected log pointwise predictive density, the sum over rows or levels; higher is better."""
        return float(self.weights @ self.pointwise_elpd)

    @property
    def se(self) -> float:
        """Standard error of ``elpd``, from the spread over rows or levels: sqrt(n Var(elpd_i))."""
        return standard_error(self.pointwise_elpd, self.weights)

    @property
    def p(self) -> float:
        """Effective number of parameters."""
        return float(self.weights @ self.pointwise_p)

    @property
    def ic(self) -> float:
        """−2 elpd, on the scale of a deviance; lower is better."""
        return -2.0 * self.elpd

    @property
    def bad_k(self) -> int:
        """How many rows or levels have a Pareto k above ``good_k``; 0 for waic and dic."""
        return 0 if self.pareto_k is None else int(np.sum(~(self.pareto_k <= self.good_k)))

    @property
    def pointwise(self) -> pd.DataFrame:
        """One row a row of the data (or level): weight, elpd, p and, of loo, pareto_k."""
        import pandas as pd

        columns = {"weight": self.weights, "elpd": self.pointwise_elpd, "p": self.pointwise_p}
        if self.pareto_k is not None:
            columns["pareto_k"] = self.pareto_k
        return pd.DataFrame(columns, index=pd.Index(self.labels, name=self.group or "row"))

    def _repr_html_(self) -> str:
        return pages.text(repr(self))

    def __repr__(self) -> str:
        unit = f"levels of {self.group}" if self.group else "rows"
        ic = "looic" if self.kind == "loo" else self.kind
        lines = [
            f"{self.kind.upper()} from {self.draws:,} draws and {self.n:,} {unit}",
            f"Focus: {self.focus}",
            "",
            f"{'':<10}{'Estimate':>12}{'SE':>10}",
            f"{'elpd_' + self.kind:<10}{self.elpd:>12.1f}{self.se:>10.1f}",
            f"{'p_' + self.kind:<10}{self.p:>12.1f}{standard_error(self.pointwise_p, self.weights):>10.1f}",
            f"{ic:<10}{self.ic:>12.1f}{2 * self.se:>10.1f}",
        ]
        return "\n".join([*lines, *([""] if self.notes else []), *self.notes])


def standard_error(values: np.ndarray, weights: np.ndarray) -> float:
    """sqrt(n Var) of the sum over n = Σ weights units (denominator n − 1); nan for one unit."""
    n = weights.sum()
    if n <= 1:
        return math.nan
    centre = weights @ values / n
    return float(np.sqrt(n / (n - 1.0) * (weights @ np.square(values - centre))))


# --------------------------------------------------------------------------------------------------------------- criteria


def criterion(
    draws: Draws,
    outline: Outline,
    design: Design,
    kind: str,
    group: str | None = None,
    wanted: int | None = None,
    partition: Factor | None = None,
) -> Criterion:
    """``loo``, ``waic`` or ``dic`` of rows, or of the levels of ``group`` with its effects integrated out.

    wanted : use at most about so many draws, evenly spaced; all where None (fewer, and a note says so, where a quadrature over them
    would take hours). partition : the factor ``group`` of another fit to the same rows, for a model that has no effects of it: the
    likelihood of a level is then that of its rows.

    Raises SpecError for a word that is none, a factor that is none, and a group that cannot be integrated out; OutputError where loo is
    asked for and arviz-stats is not installed.
    """
    if kind not in CRITERIA:
        raise SpecError(f"there is no criterion '{kind}'; there are {', '.join(CRITERIA)}.{nearest(kind, CRITERIA)}", where="criterion")
    check_rows(design, kind)
    notes: list[str] = []
    levels = None if group is None else marginal.levels_of(outline, design, group, partition)
    if levels is not None and wanted is None:
        evaluations = len(levels.place) * marginal.cost(outline, design, levels)
        wanted = max(400, int(WORK / evaluations)) if evaluations > len(levels.place) else None
    used = loglik.thinned(draws, wanted)
    count = used.beta.shape[0] * used.beta.shape[1]
    if count < draws.beta.shape[0] * draws.beta.shape[1]:
        notes.append(f"{count:,} of {draws.beta.shape[0] * draws.beta.shape[1]:,} draws were used, evenly spaced.")
    if kind == "loo":
        check_draws(used)
    if families.of(outline).has_nu and levels is not None and _one_mode_only(design, levels):
        notes.append(f"A product of t densities can have several modes in the effects of {group}; the quadrature is about one of them.")
    if kind == "dic" and families.of(outline).has_nu and outline.nu_prior is not None:
        notes.append("The mean of nu can be far out in its long tail; read this DIC with that in mind.")
    if levels is None:
        units = loglik.distinct_rows(design)
        back, weights = units.inverse, loglik.rows_with_outcome(design).weights
        labels: tuple[Any, ...] = tuple(design.rows[loglik.rows_with_outcome(design).place].tolist())
    else:
        back, weights = np.arange(len(levels.which)), np.ones(len(levels.which))
        labels = tuple(levels.grouping.levels[j] for j in levels.which)

    def blocks(some: Draws) -> Iterator[tuple[slice, np.ndarray]]:
        if levels is not None:
            yield slice(0, len(levels.which)), marginal.matrix(some, outline, design, levels)
        else:
            yield from loglik.stream(some, outline, design, units.place)

    parts = [_POINTWISE[kind](values) for _, values in blocks(used)]
    elpd, p, k = (np.concatenate([part[i] for part in parts])[back] for i in range(3))
    if kind == "dic":
        at_means = np.concatenate([values[0, 0] for _, values in blocks(loglik.means(used))])[back]
        p = 2.0 * (at_means - elpd)  # elpd holds the mean of the log-likelihood so far
        elpd = at_means - p
        notes.append(f"Plug-in: {PLUG_IN}.")
    good = min(1.0 - 1.0 / math.log10(count), 0.7) if count > 1 else 0.0
    found = Criterion(
        kind=kind, focus=_focus(design, levels), group=group or "", labels=labels, weights=weights, pointwise_elpd=elpd, pointwise_p=p,
        pareto_k=k if kind == "loo" else None, good_k=good, draws=count,
    )  # fmt: skip
    return _with_notes(found, notes)


def check_rows(design: Design, what: str) -> None:
    """SpecError where a row left out is not one to be predicted, DataError where rows were added up before anybody saw them."""
    if design.way is not None and design.way.kind == "moments":
        design.require_rows(what)
    if design.survey is not None or any(factor.level_weights is not None for factor in design.factors):
        raise SpecError(
            "under sampling weights the posterior is of a pseudo-likelihood, and a row left out of it is not one that is to be predicted. "
            "Compare the models without weights, with what the weights are made of among the predictors.",
            where=what,
        )


def check_draws(draws: Draws) -> None:
    """SpecError where the draws are too few for a tail to be fitted."""
    count = draws.beta.shape[0] * draws.beta.shape[1]
    if count < _FEWEST:
        raise SpecError(f"leave-one-out needs {_FEWEST} draws or more to see the tail of its weights; there are {count}.", where="draws")


def _one_mode_only(design: Design, levels: marginal.Levels) -> bool:
    """Whether a quadrature about one mode is what there is."""
    return len(levels.integrated) > 1 or any(design.factors[f].Z.shape[1] > 1 for f in levels.integrated)


def _focus(design: Design, levels: marginal.Levels | None) -> str:
    if levels is None:
        if not design.factors:
            return "new rows"
        return f"conditional: new rows in the known levels of {_listed([f.name for f in design.factors])}"
    name = levels.grouping.name
    out = [design.factors[f].name for f in levels.integrated]
    given = [f.name for i, f in enumerate(design.factors) if i not in levels.integrated]
    words = [f"effects of {_listed(out)} integrated out"] if out else [f"the model has no effects of {name}"]
    words += [f"effects of {_listed(given)} as in the fit"] if given else []
    return f"marginal: new levels of {name} ({'; '.join(words)})"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _with_notes(found: Criterion, notes: list[str]) -> Criterion:
    from dataclasses import replace

    unit = f"levels of {found.group}" if found.group else "rows"
    if found.kind == "loo" and found.bad_k:
        worst = int(np.nanargmax(found.pareto_k))
        largest = f"the largest {found.pareto_k[worst]:.2f}, {'level' if found.group else 'row'} {found.labels[worst]}"
        notes.append(
            f"{found.bad_k:,} of {len(found.labels):,} {unit} have a Pareto k above {found.good_k:.2f} ({largest}): "
            "the draws tell too little about leaving them out"
            + ("; a refit without them does." if found.group else "; a refit without them does, or leaving out whole groups (group).")
        )
    if found.kind == "waic":
        large = int(np.sum(found.pointwise_p > 0.4))
        if large:
            notes.append(f"{large:,} of {len(found.labels):,} {unit} have p above 0.4: WAIC is not to be trusted there; use loo.")
    if found.kind == "dic" and found.p < 0:
        notes.append("p is negative: the posterior mean is no good summary of this posterior; do not use this DIC.")
    return replace(found, notes=tuple(notes))


# -------------------------------------------------------------------------------------------------------------- pointwise


def _loo(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """elpd, p and k of every unit, from (C, S, n)."""
    smooth, efficiency = _array_stats().psislw, _relative_efficiency(values)
    flat = np.ascontiguousarray(values.reshape(-1, values.shape[2]).T)
    density = _log_mean_exp(flat)
    elpd, k = np.empty(len(flat)), np.empty(len(flat))
    for i, row in enumerate(flat):
        spread = row.max() - row.min()
        if not spread > 1e-12 * (1.0 + abs(row.max())):  # the same at every draw: leaving it out changes nothing
            elpd[i], k[i] = density[i], -np.inf
        elif not np.isfinite(spread):
            elpd[i], k[i] = -np.inf, np.inf
        else:
            with np.errstate(all="ignore"):  # weights whose tail is not in float64's reach: k says so
                weights, k[i] = smooth(row, r_eff=float(efficiency[i]))
            elpd[i] = _log_sum_exp(np.asarray(weights) + row)
            if not np.isfinite(elpd[i]) or np.isnan(k[i]):  # which of the two depends on the version of arviz-stats
                elpd[i], k[i] = math.log(len(row)) - _log_sum_exp(-row), np.inf  # without smoothing
    return elpd, density - elpd, k


def smoothed_weights(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the draws for leaving out each unit, (n, C × S), each row of sum 1, and k (n,), from log-likelihoods (C, S, n)."""
    smooth, efficiency = _array_stats().psislw, _relative_efficiency(values)
    flat = np.ascontiguousarray(values.reshape(-1, values.shape[2]).T)
    out, k = np.full(flat.shape, 1.0 / flat.shape[1]), np.full(len(flat), -np.inf)
    for i, row in enumerate(flat):
        spread = row.max() - row.min()
        if np.isfinite(spread) and spread > 1e-12 * (1.0 + abs(row.max())):
            with np.errstate(all="ignore"):
                weights, k[i] = smooth(row, r_eff=float(efficiency[i]))
            weights = np.exp(np.asarray(weights))
            plain = np.exp(row.min() - row)  # without smoothing
            smoothed = np.isfinite(weights.sum()) and weights.sum() > 0 and not np.isnan(k[i])
            out[i] = weights / weights.sum() if smoothed else plain / plain.sum()
            k[i] = k[i] if smoothed else np.inf
        elif not np.isfinite(spread):
            k[i] = np.inf
    return out, k


def _array_stats() -> Any:
    try:
        from arviz_stats.base import array_stats
    except ImportError as error:
        raise OutputError(
            "leave-one-out needs the package arviz-stats: pip install 'gibbs-engine[arviz]'. WAIC and DIC need nothing.", where="loo"
        ) from error
    return array_stats


def _relative_efficiency(values: np.ndarray) -> np.ndarray:
    """Effective over nominal number of draws of the mean likelihood of every unit, (n,); 1 where that cannot be told."""
    chains, kept, _ = values.shape
    likelihood = np.exp(values - values.max(axis=(0, 1)))
    if kept < 4:
        return np.ones(values.shape[2])
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.square(likelihood.std(axis=(0, 1), ddof=1) / diagnostics.mcse_mean(likelihood)) / (chains * kept)
    return np.where(np.isfinite(found) & (found > 0), found, 1.0)


def _waic(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    flat = np.ascontiguousarray(values.reshape(-1, values.shape[2]).T)
    p = flat.var(axis=1, ddof=1)
    return _log_mean_exp(flat) - p, p, np.zeros(len(p))


def _mean(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mean = values.mean(axis=(0, 1))
    return mean, np.zeros(len(mean)), np.zeros(len(mean))


def _log_mean_exp(rows: np.ndarray) -> np.ndarray:
    top = rows.max(axis=1)
    return top + np.log(np.exp(rows - top[:, None]).mean(axis=1))


def _log_sum_exp(row: np.ndarray) -> float:
    top = row.max()
    return float(top + np.log(np.exp(row - top).sum()))


_POINTWISE = {"loo": _loo, "waic": _waic, "dic": _mean}

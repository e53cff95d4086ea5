"""How much of the outcome's variance a model explains: Bayesian R² and, for binary outcomes and counts, shares on the scale of the outcome.

R² = Var_n(E(y_i | θ)) / (Var_n(E(y_i | θ)) + mean_n Var(y_i | θ)), draw by draw, the residual variance being the model's own (Gelman,
Goodrich, Gabry and Vehtari 2019, eq. 3 and §4.1).

conditional : the effects of the groups are part of what predicts.
marginal    : the predictors alone. The effects are averaged over, and their variance is part of what is left (for gaussian models the
              marginal R² of Nakagawa and Schielzeth 2013).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from gibbs.draws.outline import Outline
from gibbs.draws.records import Draws
from gibbs.errors import SpecError
from gibbs.model import families, laws, structures
from gibbs.model.records import Design
from gibbs.posterior import averages, loglik, variances
from gibbs.posterior.intervals import PROBABILITIES, QUANTILES
from gibbs.posterior.linear import flat, linear_predictor, rows_of
from gibbs.posterior.loglik import BLOCK, Distinct

if TYPE_CHECKING:
    import pandas as pd

_WORK = 4e8  # evaluations of a probability that a table may take, by quadrature, before draws are thinned
_CELLS = 300  # rows that the observed scale is averaged over where a quadrature in two dimensions is needed


def r2(draws: Draws, outline: Outline, design: Design, wanted: int | None = None) -> pd.DataFrame:
    """Index conditional, marginal; columns mean, sd, q2.5, q50, q97.5 of R².

    Rows without an outcome do not count; a weighted row counts as often as its weight says, a binomial row as its trials of one each; an
    ordinal outcome is its score 0 … C − 1. wanted : use about so many draws, evenly spaced; as many as a quadrature of some seconds allows
    where None. The row marginal is left out where effects are Student-t and the link is not the identity: their average is not that of a
    normal, and under a log link there is none. SpecError where there are fewer than two rows.
    """
    marginal = _heavy(outline) is None or not families.of(outline).is_discrete
    rows = loglik.distinct_rows(design)
    weights = rows.counts * (1.0 if design.trials is None else design.trials[rows.place])
    if weights.sum() < 2:
        raise SpecError("R² needs two rows or more.", where="r2")
    if wanted is None and _by_quadrature(outline):
        wanted = max(200, int(_WORK / (averages.POINTS * len(rows.place))))
    used = loglik.thinned(draws, wanted)
    total = used.beta.shape[0] * used.beta.shape[1]
    found = np.empty((1 + marginal, total))
    for pick, eta, fixed, s2 in _predictors(used, outline, design, rows):
        parameters = loglik.family_parameters(used, outline, design, rows.place, pick)
        parameters.pop("trials", None)
        for i, (at, variance) in enumerate(((eta, 0.0), (fixed, s2))[: len(found)]):
            one = averages.moments(outline.family, outline.link, at, variance, **parameters)
            found[i, pick] = _share(one, weights)
    return _table(found, ["conditional", "marginal"][: len(found)], "r2")


def _by_quadrature(outline: Outline) -> bool:
    family = families.of(outline)
    return family.outcome == families.ORDINAL or family.link in ("logit", "cloglog")


def _share(one: averages.Moments, weights: np.ndarray) -> np.ndarray:
    """R² of every draw (S,): 0 where nothing varies; 0 where the residual variance is infinite."""
    n = weights.sum()
    with np.errstate(over="ignore", invalid="ignore"):
        centre = one.mean @ weights / n
        explained = np.square(one.mean - centre[:, None]) @ weights / (n - 1.0)
        left = (one.within + one.between) @ weights / n
        share = explained / (explained + left)
    return np.where(np.isfinite(share), share, 0.0)


def _predictors(
    draws: Draws, outline: Outline, design: Design, rows: Distinct
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """In blocks of draws: which, η with all effects, η with none, and the variance Σ_k z'Σ_k z of what all add; each (S, n)."""
    X, factors, offset = rows_of(design)
    place = rows.place
    factors = [(codes[place], Z[place]) for codes, Z in factors]
    total = draws.beta.shape[0] * draws.beta.shape[1]
    step = max(1, BLOCK // max(1, len(place) * (len(outline.categories) if outline.categories else 1)))
    for begin in range(0, total, step):
        pick = np.arange(begin, min(begin + step, total))
        fixed = linear_predictor(draws, X[place], factors, offset[place], pick=pick, include=())
        eta = linear_predictor(draws, X[place], factors, offset[place], pick=pick)
        s2 = np.zeros(eta.shape)
        for part in effect_variances(draws, outline, design, place, pick):
            s2 = s2 + part
        yield pick, eta, fixed, s2


def effect_variances(draws: Draws, outline: Outline, design: Design, place: np.ndarray, pick: np.ndarray) -> list[np.ndarray]:
    """The variance of z'u of every factor at some rows and draws, each (S, n): z'Σz, times df/(df − 2) where u is Student-t, times
    K_jj where levels know their neighbours."""
    found = []
    for factor, known in zip(outline.factors, design.factors, strict=True):
        sigma = flat(variances.covariances(draws, outline, factor), pick)
        Z = known.Z[place]
        group = np.zeros(len(Z), dtype=int) if known.group is None else known.group[known.codes[place]]
        part = np.empty((len(pick), len(Z)))
        for g in range(sigma.shape[1]):
            part[:, group == g] = np.einsum("na,sab,nb->sn", Z[group == g], sigma[:, g], Z[group == g], optimize=True)
        if known.structure is not None:
            rho = variances.degree(draws, outline, factor)
            at = structures.marginal_variances(known.structure, None if rho is None else flat(rho, pick))
            part *= at[:, known.codes[place]]
        df = variances.degrees_of_freedom(draws, outline, factor)
        found.append(part if df is None else part * laws.of(factor).inflation(flat(df, pick))[:, None])
    return found


def _heavy(outline: Outline) -> str | None:
    """The first factor with Student-t effects."""
    return next((factor.name for factor in outline.factors if laws.of(factor).not_averaged), None)


def _refuse_student(outline: Outline, what: str) -> None:
    """SpecError where effects are Student-t: averages over them are not those of a normal, and of exp(η) there is none."""
    heavy = _heavy(outline)
    if heavy is not None:
        raise SpecError(f"{what} averages over the effects of {heavy}, which are Student-t; it is available for normal effects.")


def mean_count(draws: Draws, outline: Outline, design: Design) -> np.ndarray:
    """The mean over rows of E(y | θ) with all effects averaged over, (chain, draw): λ of Nakagawa, Johnson and Schielzeth (2017)."""
    _refuse_student(outline, "the mean count")
    rows = loglik.distinct_rows(design)
    found = np.empty(draws.beta.shape[0] * draws.beta.shape[1])
    with np.errstate(over="ignore"):
        for pick, _, fixed, s2 in _predictors(draws, outline, design, rows):
            found[pick] = np.exp(fixed + 0.5 * s2) @ rows.counts / rows.counts.sum()
    return found.reshape(draws.beta.shape[:2])


# ---------------------------------------------------------------------------------------------------- the observed scale


def observed_shares(draws: Draws, outline: Outline, design: Design, wanted: int | None = None) -> pd.DataFrame:
    """Shares of the variance of the outcome itself: of a 0/1 outcome (a binomial row: one trial), or of a count.

    Of a factor: the variance of E(y | its effect), all other effects averaged over, which is the covariance of two outcomes that share a
    level of it; the mean over rows, predictors as they are (Goldstein, Browne and Rasbash 2002, who take one value of them; Nakagawa,
    Johnson and Schielzeth 2017 for counts). Residual: the mean of p(1 − p), or of the variance about the mean count. Where there are
    several factors, what they explain only together is a component too. Columns as ``variances.variance_shares``.

    With links logit and cloglog the rows are ``_CELLS`` evenly spaced in order of their linear predictor where there are more. SpecError
    for other families.
    """
    family = families.of(outline)
    link = family.link
    counts = link == "log"
    _refuse_student(outline, "a share of the variance of the outcome itself")
    if not counts and not family.is_share:
        raise SpecError(
            f"family {outline.family} has its variance shares on one scale; the observed scale is another for 0/1 outcomes and counts.",
            where="scale",
        )
    rows = loglik.distinct_rows(design)
    place, weights = rows.place, rows.counts * (1.0 if design.trials is None else design.trials[rows.place])
    place, weights = place[weights > 0], weights[weights > 0]
    if _by_quadrature(outline):
        place, weights = _spaced(draws, design, place, weights)
        wanted = 400 if wanted is None else wanted
    used = loglik.thinned(draws, wanted)
    total = used.beta.shape[0] * used.beta.shape[1]
    names = [factor.name for factor in outline.factors]
    parts = np.zeros((len(names) + 2, total))  # factors, jointly, residual
    step = max(1, BLOCK // len(place))
    factors = [(factor.codes[place], factor.Z[place]) for factor in design.factors]
    for begin in range(0, total, step):
        pick = np.arange(begin, min(begin + step, total))
        fixed = linear_predictor(used, design.X[place], factors, design.offset[place], pick=pick, include=())
        each = effect_variances(used, outline, design, place, pick)
        s2 = np.sum(each, axis=0) if each else np.zeros(fixed.shape)
        parameters = loglik.family_parameters(used, outline, design, place, pick)
        parameters.pop("trials", None)
        one = averages.moments(outline.family, outline.link, fixed, s2, **parameters)
        between = [one.mean**2 * np.expm1(part) if counts else averages.shared(link, fixed, part, s2 - part) for part in each]
        for i, values in enumerate((*between, one.between - np.sum(between, axis=0) if between else one.between, one.within)):
            parts[i, pick] = values @ weights / weights.sum()
    label = "Residual (observed, about the mean count)" if counts else "Residual (observed, p(1 − p))"
    labels = [*names, "jointly", label]
    if len(names) < 2:
        parts, labels = np.delete(parts, len(names), axis=0), [*names, label]
    shares = parts / parts.sum(axis=0)
    table = _table(shares, labels, "component", "share")
    table.insert(0, "variance", parts.mean(axis=1))
    return variances.with_medians(table, parts)


def _spaced(draws: Draws, design: Design, place: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``_CELLS`` of the rows, at evenly spaced quantiles of the fixed part of η at the mean of the draws, one weight each."""
    if len(place) <= _CELLS:
        return place, weights
    eta = design.X[place] @ draws.beta.mean(axis=(0, 1)) + design.offset[place]
    order = np.argsort(eta, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    at = np.minimum(np.searchsorted(reached, (np.arange(_CELLS) + 0.5) / _CELLS), len(place) - 1)
    return place[order[at]], np.ones(_CELLS)


def _table(values: np.ndarray, labels: list[str], index: str, mean: str = "mean") -> pd.DataFrame:
    """Mean, sd and quantiles of each row of (k, draws)."""
    import pandas as pd

    sd = values.std(axis=1, ddof=1) if values.shape[1] > 1 else np.zeros(len(values))
    columns = {mean: values.mean(axis=1), "sd": sd, **dict(zip(QUANTILES, np.quantile(values, PROBABILITIES, axis=1), strict=True))}
    return pd.DataFrame(columns, index=pd.Index(labels, name=index))

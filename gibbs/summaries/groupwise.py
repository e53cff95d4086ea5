"""Estimates by group: what each level of a factor adds (lme4's ranef) and what it has (lme4's coef)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gibbs.draws.outline import FactorOutline, Outline
from gibbs.draws.records import Draws, Streamed
from gibbs.posterior import intervals

if TYPE_CHECKING:
    import pandas as pd


def by_factor(column: pd.Series, outline: Outline) -> dict[str, pd.DataFrame]:
    """One column of the long table of effects as a DataFrame levels × terms for each factor."""
    values = column.to_numpy()
    frames: dict[str, pd.DataFrame] = {}
    start = 0
    for factor in outline.factors:
        shape = (len(factor.levels), len(factor.columns))
        frames[factor.name] = _frame(values[start : start + shape[0] * shape[1]].reshape(shape).copy(), factor, factor.columns)
        start += shape[0] * shape[1]
    return frames


def at_level(table: pd.DataFrame, draws: Draws, level: float) -> pd.DataFrame:
    """The long table of effects, q2.5 and q97.5 replaced by the ends of an equal-tailed interval of another ``level``."""
    if level == 0.95:
        return table.copy()
    low, high = intervals.interval(draws.u.reshape(-1, draws.u.shape[2]), level)
    names = dict(zip(("q2.5", "q97.5"), intervals.column_names(level), strict=True))
    return table.assign(**{"q2.5": low, "q97.5": high}).rename(columns=names)


def coef(draws: Draws, outline: Outline, summary: bool, level: float) -> dict[str, pd.DataFrame]:
    """For each factor the coefficients of its levels, fixed plus random, summed draw by draw; see ``Fit.coef``."""
    intervals.check(level)
    found: dict[str, pd.DataFrame] = {}
    for factor, start in zip(outline.factors, draws.u_offsets, strict=False):
        streamed = draws.streamed.get(factor.name)
        if streamed is None:
            found[factor.name] = _summed(draws, outline.coefficients, factor, start, summary, level)
            continue
        if summary:
            _ = draws.u  # says what is missing
        found[factor.name] = _of_streamed(draws, outline.coefficients, factor, streamed)
    return found


def _summed(draws: Draws, fixed: tuple[str, ...], factor: FactorOutline, start: int, summary: bool, level: float) -> pd.DataFrame:
    import pandas as pd

    terms = _terms(fixed, factor)
    levels, q = len(factor.levels), len(factor.columns)
    shown = factor.shown
    statistics = np.empty((5, shown, len(terms)))
    for t, term in enumerate(terms):
        values = np.zeros((*draws.beta.shape[:2], 1))
        if term in fixed:
            values = values + draws.beta[:, :, fixed.index(term), None]
        for a, column in enumerate(factor.columns):  # a column in two terms of one factor has two effects: both are added
            if column == term:
                values = values + draws.whole[:, :, start + a : start + levels * q : q]
        values = values.reshape(-1, values.shape[2])
        values = values[:, :shown] if values.shape[1] > 1 else values
        statistics[0, :, t] = values.mean(axis=0)
        if summary:
            statistics[1, :, t] = values.std(axis=0, ddof=1) if len(values) > 1 else 0.0
            statistics[2:, :, t] = np.quantile(values, [(1 - level) / 2, 0.5, (1 + level) / 2], axis=0)
    if not summary:
        return _frame(statistics[0], factor, terms)
    low, high = intervals.column_names(level)
    columns = dict(zip(("mean", "sd", low, "q50", high), statistics.reshape(5, -1), strict=True))
    return pd.DataFrame({"level": np.repeat(factor.levels[:shown], len(terms)), "term": list(terms) * shown, **columns})


def _of_streamed(draws: Draws, fixed: tuple[str, ...], factor: FactorOutline, streamed: Streamed) -> pd.DataFrame:
    """Means of sums are sums of means; nothing else of the sums is known where the effects are not stored."""
    terms = _terms(fixed, factor)
    means = dict(zip(fixed, draws.beta.mean(axis=(0, 1)), strict=True))
    values = np.column_stack([np.full(len(factor.levels), means.get(term, 0.0)) for term in terms])
    for a, column in enumerate(factor.columns):
        values[:, terms.index(column)] += streamed.mean[:, a]
    return _frame(values, factor, terms)


def _terms(fixed: tuple[str, ...], factor: FactorOutline) -> tuple[str, ...]:
    """The coefficients, then what varies by the factor without being one."""
    return (*fixed, *(column for column in factor.columns if column not in fixed))


def _frame(values: np.ndarray, factor: FactorOutline, terms: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    shown = factor.shown
    return pd.DataFrame(values[:shown], index=pd.Index(factor.levels[:shown], name=factor.name), columns=pd.Index(terms, name="term"))

"""Outcomes that predictors and levels give to the last digit: sigma goes to 0, and there is no posterior.

Where y − Xβ is 0 in all N rows for some β (or is one value within every level of a factor with an intercept), the likelihood with all
effects integrated out grows like the power −(N − r) of the sds that go to 0 with sigma: r counts the columns and levels that hold the
outcome. Where the priors give those sds below s masses s^a (a = 1 where there is a density at 0), that is not integrable where N − r ≥ m,
the sum of their a. Such a model would be drawn at
sigmas of 10⁻¹⁶, the rounding of y, and nothing in the draws would say so. Typical: the outcome is a sum score, its items are predictors.
"""

from __future__ import annotations

import math

import numpy as np

from gibbs.errors import DataError
from gibbs.model.collinear import aliased
from gibbs.model.prior_kinds import kind_of
from gibbs.model.records import Design, Factor, Prior

ENORMOUS = 1e150
"""Numbers from this size on have squares that overflow; nothing is judged by them, and the first sweep refuses them with their rows."""
ROUNDING = 64 * np.finfo(float).eps
"""Residuals this small beside the numbers that they are made of are 0."""
_MORE_ROWS = 200


def message(design: Design) -> str:
    """What holds the outcome, and what to do; empty where there is a posterior, or nothing was found against it."""
    if design.sigma_prior is None or math.isinf(_power_at_zero(design.sigma_prior)):
        return ""
    known = np.arange(len(design.y)) if design.missing_outcome is None else np.flatnonzero(~design.missing_outcome)
    rows = float(len(known) if design.weights is None else design.weights[known].sum())
    others = _sds(design)
    if math.isinf(others):
        return ""
    for factor in (None, *(f for f in design.factors if _has_intercept(f))):
        m = _power_at_zero(design.sigma_prior) + others - (0.0 if factor is None else _power_of_intercepts(factor))
        held = _held(design, known, factor, rows - m)
        if held:
            number = round(float(design.times[known].sum()))
            return (
                f"{design.outcome} is {held}, to the last digit in all {number:,} rows: no residual is left, sigma goes to 0, and "
                "there is no posterior. Take out what the outcome is made of, or keep one row of those that repeat; a prior that keeps "
                "sigma away from 0, such as sigma: inverse_gamma(2, 1), leaves a posterior, too."
            )
    return ""


def refuse(design: Design, source: str) -> None:
    """DataError where there is no posterior for this reason."""
    said = message(design)
    if said:
        raise DataError(said, where=f"{source}, column '{design.outcome}'")


def _power_at_zero(prior: Prior) -> float:
    """a where the prior gives an sd below s the mass s^a as s → 0; inf where it keeps the sd away from 0."""
    return kind_of(prior).at_zero(prior.args)


def _sds(design: Design) -> float:
    """The powers of all sds of effects; inf where one cannot go to 0 with sigma, so that nothing is known by counting."""
    terms = [term for factor in design.factors for term in factor.terms]
    if any(term.covariance is not None for term in terms):
        return math.inf
    return sum(_power_at_zero(prior) for term in terms for prior in term.sd_priors)


def _power_of_intercepts(factor: Factor) -> float:
    """The powers of the sds of the intercepts of ``factor``, which need not go to 0."""
    return sum(
        _power_at_zero(prior)
        for term in factor.terms
        for name, prior in zip(term.columns, term.sd_priors, strict=True)
        if name == "Intercept"
    )


def _has_intercept(factor: Factor) -> bool:
    """Whether every level has an effect that is the same in all its rows."""
    return all(any("Intercept" in term.columns for term in factor.terms if term.group == group) for group in factor.groups or ("",))


def _held(design: Design, known: np.ndarray, factor: Factor | None, most: float) -> str:
    """What holds the outcome with r ≤ ``most`` columns and levels, in words; "" where nothing does."""
    p = design.X.shape[1]
    levels = 0 if factor is None else len(np.unique(factor.codes[known]))
    if levels > most:
        return ""
    if factor is None:
        some = known[: p + _MORE_ROWS]
    else:  # whole levels are not needed: some rows of levels with several
        order = known[np.argsort(factor.codes[known], kind="stable")]
        some = order[: 4 * p + _MORE_ROWS]
    for rows in (some, known):  # few rows are enough to see a residual
        found = _without_residual(design, rows, factor)
        if found is None:
            return ""
    columns, rank = found
    if rank + levels > most:
        return ""
    names = [f"'{design.coefficients[j]}'" for j in columns if j != design.intercept]
    shown = ", ".join(names[:6]) + (" …" if len(names) > 6 else "")
    if factor is None:
        return f"a combination of {shown}" if names else "its offset and a constant"
    return f"one value within every level of {factor.name}" + (f" but for a combination of {shown}" if names else "")


def _without_residual(design: Design, rows: np.ndarray, factor: Factor | None) -> tuple[list[int], int] | None:
    """The columns of X with a part in y and the rank of X, within levels where there is a factor; None where a residual is left."""
    X, y = design.X[rows], design.y[rows] - design.offset[rows]
    largest = np.abs(X).max(axis=0, initial=0.0)
    size = np.abs(design.y[rows]).max(initial=0.0) + np.abs(design.offset[rows]).max(initial=0.0)
    if not max(largest.max(initial=0.0), size) < ENORMOUS:
        return None
    if factor is not None:
        codes = np.unique(factor.codes[rows], return_inverse=True)[1]
        X, y = _within(X, codes), _within(y[:, None], codes)[:, 0]
    elif design.intercept is not None:
        X, y = X - X.mean(axis=0), y - y.mean()
    spread = np.sqrt(np.mean(X**2, axis=0))
    columns = np.flatnonzero(spread > 1e-10 * largest)
    drop = {int(columns[a.column]) for a in aliased(X[:, columns])} if columns.size else set()
    columns = np.array([j for j in columns if j not in drop], dtype=int)
    A = X[:, columns] / spread[columns]
    b = np.linalg.lstsq(A, y, rcond=None)[0] if columns.size else np.zeros(0)
    b = b + np.linalg.lstsq(A, y - A @ b, rcond=None)[0] if columns.size else b  # one step of refinement
    size += float(np.abs(b / spread[columns]) @ largest[columns])
    if not np.isfinite(size) or np.abs(y - A @ b).max(initial=0.0) > ROUNDING * size:
        return None
    part = [int(j) for j, c in zip(columns, b, strict=True) if abs(c) > ROUNDING * size]
    return part, len(columns) + (factor is None and design.intercept is not None)


def _within(columns: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Columns less their means within levels."""
    number = np.bincount(codes)
    means = np.stack([np.bincount(codes, weights=c) / number for c in columns.T], axis=1) if columns.size else columns[: len(number)]
    return columns - means[codes] if columns.size else columns

"""What a status code of the compiled loop means, said to a person."""

from __future__ import annotations

import numpy as np

from gibbs.errors import SamplingError
from gibbs.kernels import sweep as kernel
from gibbs.model import families
from gibbs.model.records import Design, Factor

_MEANING = {
    kernel.NO_DENSITY: "the current variances have no posterior density (overflow, or a prior that excludes them)",
    kernel.NOT_FINITE_COEFFICIENTS: "the draw of the coefficients is not a finite number",
    kernel.NOT_FINITE_EFFECTS: "the draw of the random effects is not a finite number",
    kernel.BROKEN_BOUND: "the likelihood of a row changed by more than its bound allows, which is a fault of the program",
    kernel.NOT_FINITE_SCALE: "the draw of a standard deviation is not a finite positive number",
}
ENORMOUS = 1e8
"""Numbers of the model from this size on are pointed at; squares of 10⁸ leave half the digits of a sum."""
LAST_DIGIT = 1e-15
"""Share of the variance explained by a level's effects below which the residual variance has no digit left beside it."""


def sampling_error(code: int, chain: int, iteration: int, design: Design, u: np.ndarray, L: np.ndarray, sigma: float) -> SamplingError:
    """The error of a chain that stopped: chain (1-based), iteration, block, what lies behind it, and the data rows where they can be named.

    u, L, sigma: the state of the chain, laid out as in ``gibbs.kernels.layout``, for ``design`` as the sampler sees it.
    """
    where = f"chain {chain + 1}, iteration {iteration}, block {kernel.BLOCK_OF_STATUS[code]}"
    behind = " ".join(filter(None, (_not_finite(design, u), _enormous(design) or _no_digit_left(design, L, sigma))))
    hint = behind or "Look for priors that are nearly flat on collinear columns, and for terms that the data cannot tell apart."
    return SamplingError(f"{_MEANING[code]}. {hint}", where=where)


def _not_finite(design: Design, u: np.ndarray) -> str:
    """Data rows of the first level whose effect is not finite."""
    start = 0
    for factor in design.factors:
        size = factor.nodes * len(factor.columns)
        bad = np.flatnonzero(~np.isfinite(u[start : start + size]))
        if bad.size:
            level = int(bad[0]) // len(factor.columns) % len(factor.levels)
            rows = design.rows[factor.codes == level][:5]
            return f"Rows behind it: {', '.join(str(r) for r in rows)} ({factor.name} = {factor.levels[level]})."
        start += size
    return ""


def _enormous(design: Design) -> str:
    """The rows with the largest numbers, where there are enormous ones."""
    size = np.abs(design.y).astype(float)
    for columns in (design.X, *(f.Z for f in design.factors)):
        if columns.size:
            size = np.maximum(size, np.abs(columns).max(axis=1))
    if not size.size or not size.max() >= ENORMOUS:
        return ""
    largest = np.argsort(-size)[:3]
    rows = ", ".join(str(design.rows[i]) for i in largest)
    return (
        f"Rows behind it: {rows} (the largest numbers in the model, up to {size.max():.3g}). Outcomes or predictors of enormous size have "
        "squares that leave no digits: measure them in other units, or from another origin."
    )


def _no_digit_left(design: Design, L: np.ndarray, sigma: float) -> str:
    """Where σ² is below the last digit of L'GL of some level: the effects reproduce the outcome."""
    if families.of(design).is_discrete or not sigma > 0.0:
        return ""
    l0 = 0
    for factor in design.factors:
        column, explained = 0, np.zeros(design.y.size)
        for term in factor.terms:
            q = len(term.columns)
            root = L[l0 : l0 + q * q].reshape(q, q)
            explained += np.sum((factor.Z[:, column : column + q] @ root) ** 2, axis=1)
            column, l0 = column + q, l0 + q * q
        largest = float(np.bincount(factor.codes, weights=explained).max()) if explained.size else 0.0
        if sigma**2 < LAST_DIGIT * largest:
            return (
                f"The residual sd ({sigma:.3g}) is below the last digit of what the effects of {factor.name} explain "
                f"({np.sqrt(largest):.3g}): they reproduce the outcome to rounding. {_rows_a_level(factor)}"
                "Give sigma a prior that keeps it away from 0, such as sigma: inverse_gamma(2, 1)."
            )
    return ""


def _rows_a_level(factor: Factor) -> str:
    """How many levels have no more rows than effects, if any."""
    number = np.bincount(factor.codes, minlength=len(factor.levels))
    few, q = int(np.sum((number > 0) & (number <= len(factor.columns)))), len(factor.columns)
    if not few:
        return ""
    return f"{few:,} of its {len(factor.levels):,} levels have no more rows than effects ({q}), which can hold any outcome. "

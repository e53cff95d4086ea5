"""What a status code of the compiled loop means, said to a person."""

from __future__ import annotations

import numpy as np

from gibbs.errors import SamplingError
from gibbs.kernels import sweep as kernel
from gibbs.model.records import Design

_MEANING = {
    kernel.NO_DENSITY: "the current variances have no posterior density (overflow, or a prior that excludes them)",
    kernel.NOT_FINITE_COEFFICIENTS: "the draw of the coefficients is not a finite number",
    kernel.NOT_FINITE_EFFECTS: "the draw of the random effects is not a finite number",
    kernel.NOT_FINITE_SCALE: "the draw of a standard deviation is not a finite positive number",
    kernel.NOT_POSITIVE_DEFINITE: "the posterior precision of the coefficients is not positive definite (collinear columns, flat priors?)",
}


def sampling_error(code: int, chain: int, iteration: int, design: Design, u: np.ndarray) -> SamplingError:
    """The error of a chain that stopped: chain (1-based), iteration, block, and the data rows behind it where they can be named."""
    rows = _rows_behind(design, u)
    behind = f" Rows behind it: {rows}." if rows else ""
    hint = " Look for outcomes or predictors of enormous size, and for priors that are nearly flat on collinear columns."
    return SamplingError(
        f"{_MEANING[code]}.{behind}{hint}", where=f"chain {chain + 1}, iteration {iteration}, block {kernel.BLOCK_OF_STATUS[code]}"
    )


def _rows_behind(design: Design, u: np.ndarray) -> str:
    """Data rows of the first level whose effect is not finite, or those with the largest numbers."""
    start = 0
    for factor in design.factors:
        size = len(factor.levels) * len(factor.columns)
        bad = np.flatnonzero(~np.isfinite(u[start : start + size]))
        if bad.size:
            level = int(bad[0]) // len(factor.columns)
            rows = design.rows[factor.codes == level][:5]
            return f"{', '.join(str(r) for r in rows)} ({factor.name} = {factor.levels[level]})"
        start += size
    size = np.abs(design.X).max(axis=1) if design.X.size else np.abs(design.y)
    largest = np.argsort(-np.maximum(size, np.abs(design.y)))[:3]
    return ", ".join(str(design.rows[i]) for i in largest) + " (the largest numbers in the model)"

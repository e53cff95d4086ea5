"""The residual sd of rows: one sigma for all, a known one of each row, or sigma over the root of the row's precision weight."""

from __future__ import annotations

from typing import Any

import numpy as np

from gibbs.model.records import Design


def residual_scale(design: Design, sigma: Any, rows: Any = slice(None)) -> Any:
    """The residual sd (student: scale) of rows, from sigma (draws, 1) or (): s of ``y | se(s)``, sigma/√w under precision weights."""
    if design.known_se is not None:
        return design.known_se[rows]
    return sigma if design.precision is None else sigma / np.sqrt(design.precision[rows])

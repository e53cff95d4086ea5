"""Sds of varying coefficients with the columns beside them at their means, from draws of the covariance as written.

In ``(1 + x | g)`` sd(Intercept) is that of the lines at x = 0. Where x is far from 0 (a year) it says more of the slopes than of the
levels; the sd of the lines at the mean of x is what the default prior is on. With u_c = there u: Σ_c = there Σ there'.
"""

from __future__ import annotations

import numpy as np

from gibbs.draws import names
from gibbs.draws.names import Model
from gibbs.draws.records import Draws
from gibbs.model.records import Term


def values(draws: Draws, model: Model) -> tuple[tuple[str, ...], np.ndarray]:
    """Their names, and (chain, draw, how many) draws."""
    found: list[np.ndarray] = []
    labels: list[str] = []
    for factor in model.factors:
        for term in factor.terms:
            for column in names.centred_columns(term):
                labels.append(names.at_means_name(factor.name, column, term.group))
                found.append(_sd(draws, model, factor.name, term, term.columns.index(column)))
    chains, kept = draws.hyper.shape[:2]
    return tuple(labels), np.stack(found, axis=2) if found else np.zeros((chains, kept, 0))


def _sd(draws: Draws, model: Model, factor: str, term: Term, a: int) -> np.ndarray:
    """(chain, draw): the square root of w'Σw, w the row of ``there``."""
    from gibbs.posterior.variances import hyper

    weights = np.array(term.there)[a]
    scaled = {c: w * hyper(draws, model, names.sd_name(factor, c, term.group)) for c, w in zip(term.columns, weights, strict=True) if w}
    total = sum(s * s for s in scaled.values())
    for first, second in names.correlation_pairs(term):
        if first in scaled and second in scaled:
            correlation = hyper(draws, model, names.correlation_name(factor, first, second, term.group))
            total = total + 2.0 * correlation * scaled[first] * scaled[second]
    return np.sqrt(np.maximum(total, 0.0))

"""Sds of varying coefficients with the columns beside them at their means, from draws of the covariance as written.

In ``(1 + x | g)`` sd(Intercept) is that of the lines at x = 0. Where x is far from 0 (a year) it says more of the slopes than of the
levels; the sd of the lines at the mean of x is what the default prior is on. With u_c = there u: Σ_c = there Σ there'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gibbs.draws import names
from gibbs.draws.names import Model
from gibbs.model.records import Term


def values(hyper: np.ndarray, hyper_names: Sequence[str], model: Model) -> tuple[tuple[str, ...], np.ndarray]:
    """The names of such sds, and their draws (chain, draw, how many), from draws (chain, draw, …) of ``hyper_names``: ``Draws.hyper``."""
    by_name = {name: hyper[:, :, k] for k, name in enumerate(hyper_names)}
    found: list[np.ndarray] = []
    labels: list[str] = []
    for factor in model.factors:
        for term in factor.terms:
            for column in names.centred_columns(term):
                labels.append(names.at_means_name(factor.name, column, term.group))
                found.append(_sd(by_name, factor.name, term, term.columns.index(column)))
    return tuple(labels), np.stack(found, axis=2) if found else np.zeros((*hyper.shape[:2], 0))


def _sd(by_name: Mapping[str, np.ndarray], factor: str, term: Term, a: int) -> np.ndarray:
    """(chain, draw): the square root of w'Σw, w the row of ``there``."""
    weights = np.array(term.there)[a]
    scaled = {c: w * by_name[names.sd_name(factor, c, term.group)] for c, w in zip(term.columns, weights, strict=True) if w}
    total = sum(s * s for s in scaled.values())
    for first, second in names.correlation_pairs(term):
        if first in scaled and second in scaled:
            correlation = by_name[names.correlation_name(factor, first, second, term.group)]
            total = total + 2.0 * correlation * scaled[first] * scaled[second]
    return np.sqrt(np.maximum(total, 0.0))

"""The log-likelihood of every row at every draw: what information criteria and leave-one-out are made of.

Rows whose outcome is missing are left out. A row of frequency weight w stands for w equal rows: the log-likelihood here is that of one of
them, and ``Rows.weights`` says of how many; a binomial row is one observation of all its trials. Constants are included, so that
models of different families on the same outcome can be compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gibbs.draws import names
from gibbs.draws.outline import Outline
from gibbs.draws.records import Draws
from gibbs.model.records import Design
from gibbs.posterior import family, variances
from gibbs.posterior.linear import flat, linear_predictor
from gibbs.posterior.residual import residual_scale

BLOCK = 2_000_000
"""Numbers (draws × rows) that one block of a stream holds: 16 MB for each of the few arrays that are made of it."""


@dataclass(frozen=True)
class Rows:
    """The rows of a Design that have an outcome. ``place`` (n,) are their places in the Design, ``weights`` (n,) float, 1 where none."""

    place: np.ndarray
    weights: np.ndarray


def rows_with_outcome(design: Design) -> Rows:
    """Which rows count, and how often."""
    place = np.arange(len(design.y)) if design.missing_outcome is None else np.flatnonzero(~design.missing_outcome)
    weights = np.ones(len(place)) if design.weights is None else design.weights[place].astype(float)
    return Rows(place, weights)


def thinned(draws: Draws, wanted: int | None) -> Draws:
    """At most about ``wanted`` draws in all, evenly spaced and the same of every chain; the draws themselves where None."""
    chains, kept = draws.beta.shape[:2]
    if wanted is None or chains * kept <= wanted:
        return draws
    each = np.unique(np.linspace(0, kept - 1, max(1, wanted // chains)).round().astype(int))
    return replace(draws, beta=draws.beta[:, each], hyper=draws.hyper[:, each], u=draws.u[:, each], lp=draws.lp[:, each])


def means(draws: Draws) -> Draws:
    """One draw: the posterior mean of every parameter (sds, correlations, cutpoints and sigma as they are in the tables)."""

    def mean(values: np.ndarray) -> np.ndarray:
        return values.mean(axis=(0, 1), dtype=np.float64)[None, None]

    return replace(draws, beta=mean(draws.beta), hyper=mean(draws.hyper), u=mean(draws.u), lp=draws.lp.mean(keepdims=True))


def family_parameters(draws: Draws, outline: Outline, design: Design, place: np.ndarray | slice, pick: Any = None) -> dict[str, np.ndarray]:
    """What ``gibbs.posterior.family`` needs beside η (S, n): its parameters (S, 1), cutpoints (S, C − 1), trials and known se (n,)."""

    def one(name: str) -> np.ndarray:
        return flat(variances.hyper(draws, outline, name), pick)[:, None]

    found: dict[str, np.ndarray] = {}
    for name in family.needs(outline.family):
        if name == "trials":
            if design.trials is not None:
                found[name] = design.trials[place]
        elif name == "cutpoints":
            cut = [draws.hyper_names.index(cutpoint) for cutpoint in names.cutpoint_names(outline)]
            found[name] = flat(draws.hyper, pick)[:, cut]
        elif name == "sigma":
            found[name] = residual_scale(design, None if design.known_se is not None else one(name), place)
        else:
            found[name] = one(name)
    return found


def of_rows(draws: Draws, outline: Outline, design: Design, place: np.ndarray, pick: Any = None) -> np.ndarray:
    """log p(y_i | θ) of the rows ``place`` at the draws ``pick`` (all where None), chain after chain: (S, n)."""
    if design.way is not None and design.way.kind == "moments":
        design.require_rows("the likelihood of each row")
    factors = [(factor.codes[place], factor.Z[place]) for factor in design.factors]
    eta = linear_predictor(draws, design.X[place], factors, design.offset[place], pick=pick)
    return family.log_likelihood(
        outline.family, design.y[place], eta, link=outline.link, **family_parameters(draws, outline, design, place, pick)
    )


def stream(
    draws: Draws, outline: Outline, design: Design, place: np.ndarray | None = None, block: int = BLOCK
) -> Iterator[tuple[slice, np.ndarray]]:
    """The log-likelihood of the rows ``place`` (all with an outcome where None) in blocks: (which of them, (C, S, number of them))."""
    place = rows_with_outcome(design).place if place is None else place
    chains, kept = draws.beta.shape[:2]
    step = max(1, block // (chains * kept))
    for start in range(0, len(place), step):
        part = slice(start, min(start + step, len(place)))
        yield part, of_rows(draws, outline, design, place[part]).reshape(chains, kept, -1)


def matrix(draws: Draws, outline: Outline, design: Design) -> np.ndarray:
    """(chain, draw, row with an outcome): the whole of ``stream``. Takes 8 bytes for every number of it."""
    out = np.empty((*draws.beta.shape[:2], len(rows_with_outcome(design).place)))
    for part, values in stream(draws, outline, design):
        out[:, :, part] = values
    return out


@dataclass(frozen=True)
class Distinct:
    """Rows that are not equal to one before. ``place`` (m,) of the first of its kind in the Design, ``counts`` (m,) how many rows it stands
    for, frequency weights included; ``inverse`` (n,) which of them each of ``rows_with_outcome`` is."""

    place: np.ndarray
    counts: np.ndarray
    inverse: np.ndarray


def distinct_rows(design: Design, further: Sequence[np.ndarray] = ()) -> Distinct:
    """Rows with an outcome taken together where they are equal in outcome, predictors, groups, offset, and the (N,) columns ``further``."""
    import pandas as pd

    rows = rows_with_outcome(design)
    columns = [*(f.codes for f in design.factors), *further, *design.X.T, *(z for f in design.factors for z in f.Z.T), design.offset]
    columns += [column for column in (design.y, design.trials, design.known_se, design.precision) if column is not None]
    inverse = np.zeros(len(rows.place), dtype=np.int64)
    kinds = 1
    for column in columns:
        codes, values = pd.factorize(column[rows.place])
        if len(values) > 1:
            inverse, found = pd.factorize(inverse * len(values) + codes)
            kinds = len(found)
        if kinds == len(rows.place):
            break
    if kinds == len(rows.place):
        return Distinct(rows.place, rows.weights, np.arange(kinds))
    first = np.full(kinds, len(rows.place))
    np.minimum.at(first, inverse, np.arange(len(rows.place)))
    return Distinct(rows.place[first], np.bincount(inverse, weights=rows.weights, minlength=kinds), inverse)

"""Data sets of a model: parameters from its priors, an outcome from the parameters; predictors and groups stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gibbs.draws import names
from gibbs.draws.records import Draws
from gibbs.errors import SpecError
from gibbs.model import families, prior_draws, prior_kinds
from gibbs.model.prior_draws import Truths
from gibbs.model.records import Design
from gibbs.posterior import family, linear
from gibbs.posterior.residual import residual_scale

LARGEST_COUNT = 2.0**53
"""A float64 holds every whole number up to here."""
BEYOND_NUMBERS = "a linear predictor larger than any number"
LARGEST_REAL = 1e100
"""Of a real outcome: its square must be a number, and so must sums of squares."""
_AT_ONCE = 4_000_000
"""Numbers of a (draws, rows) array that is made at a time."""
_SHAPES = (1e-8, 1e12)
"""Sizes of a negative binomial that the sampler goes to (``kernels.second_order.log_family``)."""


@dataclass(frozen=True)
class DataSet:
    """One simulated data set. ``truths`` is what it came from; ``problem`` says why it cannot be fitted, or is empty.

    ``design`` has the outcome that was simulated, also one that is too large to be fitted (infinite where it is larger than any number); it
    is the data's own where there is none, for the linear predictor is no number.
    """

    design: Design
    truths: Draws  # one chain of one draw
    problem: str = ""


def simulate(design: Design, rng: np.random.Generator, draw: Callable[[Design, np.random.Generator], Truths] = prior_draws.draw) -> DataSet:
    """Parameters from the prior, or as ``draw`` makes them, and an outcome for every row.

    A row of frequency weight w stands for w equal ones that were observed one by one: w outcomes are drawn, and rows of the same
    outcome are put together again. Rows without an outcome stay without. Raises SpecError where a prior is improper.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        truths = as_draws(design, draw(design, rng))
    which = np.arange(design.y.size)
    if design.weights is not None:
        which = np.repeat(which, design.weights)
    with np.errstate(over="ignore", invalid="ignore"):
        eta = linear.linear_predictor(truths, *linear.rows_of(design))[:, which]
        if not np.isfinite(eta).all():
            return DataSet(design, truths, f"{BEYOND_NUMBERS}{_mostly(design, truths, eta, which)}")
        y = family.simulate(rng, design.family, eta, link=design.link, **_parameters(design, truths, [0], which))[0]
    largest = LARGEST_COUNT if families.of(design).is_discrete else LARGEST_REAL
    problem = ""
    if not (np.abs(y) <= largest).all():
        problem = f"an outcome beyond {largest:.0e}{_mostly(design, truths, eta, which)}"
    if design.missing_outcome is not None:
        y = np.where(design.missing_outcome[which], 0.0, y)
    if design.weights is None:
        return DataSet(replace(design, y=y), truths, problem)
    pairs, counts = np.unique(np.column_stack([which, y]), axis=0, return_counts=True)
    return DataSet(some_rows(replace(design, weights=None), pairs[:, 0].astype(np.int64), y=pairs[:, 1], weights=counts), truths, problem)


def _mostly(design: Design, truths: Draws, eta: np.ndarray, which: np.ndarray) -> str:
    """``, mostly by x`` or ``, mostly by the effects of g``: what is largest in the linear predictor that is farthest out."""
    X, factors, _ = linear.rows_of(design)
    row = which[int(np.argmax(np.where(np.isfinite(eta[0]), np.abs(eta[0]), np.inf)))]
    with np.errstate(over="ignore", invalid="ignore"):
        parts = dict(zip(names.coefficient_names(design), np.abs(X[row] * truths.beta[0, 0]), strict=True))
        for k, (factor, (codes, Z)) in enumerate(zip(design.factors, factors, strict=True)):
            start = truths.u_offsets[k] + codes[row] * Z.shape[1]
            parts[f"the effects of {factor.name}"] = np.abs(Z[row] @ truths.u[0, 0, start : start + Z.shape[1]])
    known = {name: np.inf if np.isnan(size) else size for name, size in parts.items()}
    return f", mostly by {max(known, key=lambda name: known[name])}" if known else ""


def log_likelihood(design: Design, draws: Draws) -> np.ndarray:
    """(S,) log p(y | θ) of the data at every draw, from the definition of the family; nothing of the sampler's own."""
    known = np.arange(design.y.size) if design.missing_outcome is None else np.flatnonzero(~design.missing_outcome)
    total = np.empty(draws.beta.shape[0] * draws.beta.shape[1])
    weight = 1.0 if design.weights is None else design.weights[known]
    step = max(1, _AT_ONCE // max(design.y.size, 1))
    for start in range(0, total.size, step):
        pick = np.arange(start, min(start + step, total.size))
        eta = linear.linear_predictor(draws, *linear.rows_of(design), pick=pick)[:, known]
        own = _parameters(design, draws, pick, known)
        with np.errstate(over="ignore"):
            total[pick] = np.sum(weight * family.log_likelihood(design.family, design.y[known], eta, link=design.link, **own), axis=1)
    return total


def as_draws(design: Design, truths: Truths) -> Draws:
    """Draws from the prior in the record of draws from a posterior: one chain."""
    starts, at = [], 0
    for factor in design.factors:
        starts.append(at)
        at += len(factor.levels) * len(factor.columns)
    n = len(truths.beta)
    return Draws(
        beta=truths.beta[None],
        hyper=truths.hyper[None],
        hyper_names=names.hyper_names(design),
        u=truths.u[None],
        u_offsets=tuple(starts),
        lp=np.full((1, n), np.nan),
        warmup=0,
    )


def some_rows(design: Design, keep: np.ndarray, **given: np.ndarray | None) -> Design:
    """The rows ``keep`` (places, repeats allowed) of a Design, other arrays of rows as ``given``; levels without a row are left out,
    but for those that know their neighbours."""
    arrays = {
        name: None if getattr(design, name) is None else getattr(design, name)[keep]
        for name in ("y", "X", "offset", "known_se", "precision", "rows", "trials", "weights", "missing_outcome")
    }
    factors = []
    for factor in design.factors:
        if factor.structure is not None:  # a level without a row is drawn too
            arrays_ = {name: getattr(factor, name) for name in ("codes", "Z", "centred")}
            some = {name: None if one is None else np.ascontiguousarray(one[keep]) for name, one in arrays_.items()}
            observed = np.bincount(some["codes"], minlength=len(factor.levels)) > 0
            factors.append(replace(factor, structure=replace(factor.structure, observed=observed), **some))
            continue
        present, codes = np.unique(factor.codes[keep], return_inverse=True)
        levels = tuple(factor.levels[j] for j in present)
        Z, centred = (None if one is None else np.ascontiguousarray(one[keep]) for one in (factor.Z, factor.centred))
        factors.append(replace(factor, levels=levels, codes=codes.astype(np.int32), Z=Z, centred=centred))
    basis = None if design.basis is None else design.basis.some(keep)
    return replace(design, factors=tuple(factors), basis=basis, **{**arrays, **given})


def check(design: Design) -> None:
    """SpecError where there is no distribution to simulate from: flat priors, and sizes that no count would show."""
    check_rows(design)
    prior_draws.check_proper(design)
    check_dispersion(design)


def check_rows(design: Design) -> None:
    """SpecError where the rows are not those that outcomes are drawn for."""
    design.require_rows("a simulation of the data")
    if design.survey is not None:
        raise SpecError(
            "sampling weights make a pseudo-posterior, of which no data are drawn: calibrate the model without them.", where="weights"
        )


def check_dispersion(design: Design) -> None:
    """SpecError where the prior of the size of a negative binomial, or the like, expects what no count would show."""
    prior, own = design.dispersion_prior, families.of(design).parameter("dispersion_prior")
    if prior is not None:
        drawn = prior_kinds.draw(prior, np.random.default_rng(0), 10_000, on=own.name)
        outside = float(np.mean((drawn < _SHAPES[0]) | (drawn > _SHAPES[1])))
        if outside > 0.0:
            raise SpecError(
                f"the prior of {own.name}, {prior}, has {outside:.0%} of its mass outside {_SHAPES[0]:g} … {_SHAPES[1]:g}, where "
                f"outcomes say nothing of it and the sampler does not go. Simulations need one that is meant, such as gamma(2, 1).",
                where=f"priors, {own.name}",
            )


def _parameters(design: Design, draws: Draws, pick: Any, which: np.ndarray) -> dict[str, np.ndarray]:
    """What ``family`` needs beside η: of the draws ``pick`` sigma, nu, shape (S, 1) and cutpoints (S, C − 1), of the rows ``which``
    trials and known standard errors (N,).
    """
    hyper = linear.flat(draws.hyper)[pick]
    own = {name: hyper[:, [draws.hyper_names.index(name)]] for name in families.of(design).priors(design)}
    if design.known_se is not None or design.precision is not None:
        own["sigma"] = residual_scale(design, own.get("sigma"), which)
    if design.categories:
        own["cutpoints"] = hyper[:, [draws.hyper_names.index(name) for name in names.cutpoint_names(design)]]
    if design.trials is not None:
        own["trials"] = design.trials[which]
    return own

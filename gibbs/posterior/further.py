"""What a run stores beside its draws where it is asked to (``store:``), for ArviZ' own functions: loo, psense, loo_pit, plot_ppc, …

log_likelihood       log p(y_i | θ) of every row with an outcome, (chain, draw, obs_id)
log_prior            the log density of every block of priors that has one, (chain, draw): ``gibbs.posterior.log_prior``
posterior_predictive a new outcome for every row with one, (chain, draw, obs_id), for the groups that it is in, seeded by the run's seed

The first and the last have one number a draw and row: they are made as they are written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gibbs.draws import names
from gibbs.draws.outline import Outline
from gibbs.draws.records import Draws
from gibbs.draws.streams import Place, Stream
from gibbs.errors import SpecError, nearest
from gibbs.model.records import STORED, Design
from gibbs.posterior import family, log_prior, loglik
from gibbs.posterior.linear import linear_predictor

LOG_LIKELIHOOD, LOG_PRIOR, PREDICTIVE = STORED
Entry = tuple[tuple[str, ...], Any, Mapping[str, str]]
"""Dimensions, numbers, attributes of one variable."""


def refusal(design: Design, name: str) -> str:
    """Why a group is not to be had of this model; empty where it is."""
    if name in (LOG_LIKELIHOOD, PREDICTIVE) and design.counts is not None:
        return "the rows of the data were added up where they lie"
    if name == LOG_LIKELIHOOD:
        if design.survey is not None or any(factor.level_weights is not None for factor in design.factors):
            return "under sampling weights there is a pseudo-likelihood alone, of which a row left out is not one to be predicted"
        if design.weights is not None:
            return "a row of frequency weight w stands for w rows, for which ArviZ has no word; fit.loo() and fit.waic() count them"
    if name == LOG_PRIOR and not _any_density(design):
        return "every prior of the model is flat or fixed, and has no density"
    return ""


def _any_density(design: Design) -> bool:
    """Whether any prior weighs draws: neither flat, nor fixed, nor uniform over correlations."""
    scalars = [*names.hyper_priors(design).values(), design.cutpoint_prior]
    terms = [term for factor in design.factors for term in factor.terms]
    matrices = [term.covariance or term.correlation for term in terms if term.covariance or len(term.columns) > 1]
    weighs = any(prior is not None and prior.kind not in log_prior.SILENT for prior in scalars)
    return bool(design.coefficient_priors) or weighs or any(m is not None and (m.kind, m.args) != ("lkj", (1.0,)) for m in matrices)


def possible(design: Design) -> tuple[str, ...]:
    """The groups that are to be had."""
    return tuple(name for name in STORED if not refusal(design, name))


def check(design: Design, wanted: Sequence[str], where: str = "store") -> None:
    """SpecError for a group that is not to be had of this model."""
    for name in wanted:
        if name not in STORED:
            raise SpecError(f"there is no group '{name}' to store; there is {', '.join(STORED)}.{nearest(name, STORED)}", where=where)
        if why := refusal(design, name):
            others = ", ".join(other for other in wanted if not refusal(design, other))
            raise SpecError(f"{name} cannot be stored: {why}." + (f" Store {others} alone." if others else ""), where=where)


def groups(draws: Draws, outline: Outline, design: Design, wanted: Sequence[str], seed: int | None) -> dict[str, dict[str, Entry]]:
    """The variables of each group of ``wanted``, those of the rows under the name of the outcome."""
    found: dict[str, dict[str, Entry]] = {}
    sampled = ("chain", "draw")
    shape = (*draws.beta.shape[:2], len(loglik.rows_with_outcome(design).place))
    about = {"parameter": outline.outcome}
    if LOG_LIKELIHOOD in wanted:

        def likelihood() -> Iterator[tuple[Place, np.ndarray]]:
            for part, values in loglik.stream(draws, outline, design):
                yield (slice(None), slice(None), part), values

        found[LOG_LIKELIHOOD] = {outline.outcome: ((*sampled, "obs_id"), Stream(shape, likelihood), about)}
    if LOG_PRIOR in wanted:
        found[LOG_PRIOR] = {name: (sampled, values, {"prior": name}) for name, values in log_prior.blocks(draws, outline, design).items()}
    if PREDICTIVE in wanted:
        found[PREDICTIVE] = {
            outline.outcome: ((*sampled, "obs_id"), Stream(shape, lambda: replications(draws, outline, design, seed)), about)
        }
    return found


def replications(draws: Draws, outline: Outline, design: Design, seed: int | None) -> Iterator[tuple[Place, np.ndarray]]:
    """New outcomes of the rows with an outcome at every draw, a few draws of a chain at a time; the same whatever the size of a block."""
    rng = np.random.default_rng(np.random.SeedSequence([seed or 0, 21]))
    place = loglik.rows_with_outcome(design).place
    factors = [(factor.codes[place], factor.Z[place]) for factor in design.factors]
    X, offset = design.X[place], design.offset[place]
    chains, kept = draws.beta.shape[:2]
    step = max(1, loglik.BLOCK // max(1, len(place)))
    for chain in range(chains):
        for start in range(0, kept, step):
            stop = min(start + step, kept)
            pick = chain * kept + np.arange(start, stop)
            eta = linear_predictor(draws, X, factors, offset, pick=pick)
            own = loglik.family_parameters(draws, outline, design, place, pick)
            drawn = [
                family.simulate(rng, outline.family, row, link=outline.link, **{name: _at(value, k) for name, value in own.items()})
                for k, row in enumerate(eta)
            ]
            yield (slice(chain, chain + 1), slice(start, stop), slice(None)), np.array(drawn)[None]


def _at(value: np.ndarray, draw: int) -> np.ndarray:
    """What belongs to one draw: of parameters (S, …) its row; of rows (n,), the same at all draws, the whole."""
    return value[draw] if value.ndim > 1 else value

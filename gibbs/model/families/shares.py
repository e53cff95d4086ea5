"""Families of yes and no: probit and logit, y ∈ {0, 1} with Pr(y = 1) = F(η), and binomial, y of n trials of probability F(η) each.

F(η) = 1 − exp(−e^η) of link cloglog.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.model.families.numbers import LATENT_VARIANCE, distribution, log_choose, log_distribution, special
from gibbs.model.families.record import BINARY, TRIALS, Family, Given, Row

if TYPE_CHECKING:
    from gibbs.model.records import Design

STAN_MEAN = {"logit": "inv_logit(eta)", "probit": "Phi(eta)", "cloglog": "inv_cloglog(eta)"}
"""F(η) in Stan."""


def _log_likelihood(y: np.ndarray, eta: np.ndarray, given: Given) -> np.ndarray:
    link, trials = given["link"], given.get("trials")
    if link != "cloglog" and trials is None:  # y is 0 or 1 and F symmetric: one tail to compute, not two
        side = (2.0 * y - 1.0) * eta
        return special.log_expit(side) if link == "logit" else special.log_ndtr(side)
    n = np.ones_like(y) if trials is None else np.asarray(trials, dtype=float)
    success, failure = log_distribution(eta, link)
    with np.errstate(invalid="ignore"):  # 0 · ∞ beyond |η| = 709 is 0 here: nothing of that kind was observed
        value = np.where(y > 0, y * success, 0.0) + np.where(y < n, (n - y) * failure, 0.0)
    return value if trials is None else value + log_choose(n, y)


def _simulate(rng: np.random.Generator, eta: np.ndarray, given: Given) -> np.ndarray:
    probability, trials = distribution(eta, given["link"]), given.get("trials")
    if trials is None:
        return (rng.random(eta.shape) < probability).astype(float)
    return rng.binomial(np.broadcast_to(np.asarray(trials, dtype=np.int64), eta.shape), probability).astype(float)


def of_one_trial(first: np.ndarray, second: np.ndarray, given: Given) -> np.ndarray:
    """E p(1 − p)."""
    return first - second


def variance(mean: np.ndarray, given: Given) -> np.ndarray:
    """n p(1 − p)."""
    return given.get("trials", 1) * mean * (1.0 - mean)


def latent_variance(given: Given) -> float:
    """The variance of the latent variable of one trial."""
    return LATENT_VARIANCE[given["link"]]


def _latent_row(design: Design, family: Family) -> Row:
    return Row("y*_i", "ε_i", "ε_i ~ N(0, 1)", ("y_i = 1 where y*_i > 0, else 0;  so Pr(y_i = 1) = Φ(y*_i − ε_i)",))


def _row(design: Design, family: Family) -> Row:
    if design.trials is not None and not (design.trials == 1).all():
        return Row(f"{family.link} p_i", below=("y_i ~ Binomial(n_i, p_i)",))
    return Row(f"{family.link} Pr(y_i = 1)")


def _bernoulli(data: Mapping[str, Any], link: str) -> list[str]:
    return [f"{link}(theta[i]) <- eta[i]", "y[i] ~ dbern(theta[i])"]


def _binomial(data: Mapping[str, Any], link: str) -> list[str]:
    return [f"{link}(theta[i]) <- eta[i]", "y[i] ~ dbin(theta[i], trials[i])"]


def _stan_binomial(data: Mapping[str, Any], link: str) -> str:
    return "y ~ binomial_logit(trials, eta);" if link == "logit" else f"y ~ binomial(trials, {STAN_MEAN[link]});"


_family = partial(
    Family, log_likelihood=_log_likelihood, simulate=_simulate, within=of_one_trial, variance=variance, latent_variance=latent_variance
)
"""A record with the numbers that all families of yes and no share."""
_ZERO_OR_ONE = "array[N] int<lower=0, upper=1> y;"

PROBIT = _family(
    "probit",
    ("probit",),
    BINARY,
    "binary outcome, probability Φ(η): a latent normal with sd 1",
    equation=_latent_row,
    brms="bernoulli",
    likelihood={"probit": "BINOMIAL_PROBIT"},
    augmented={"probit": "PROBIT"},
    jags=_bernoulli,
    stan=lambda data, link: "for (i in 1:N) target += y[i] == 1 ? normal_lcdf(eta[i] | 0, 1) : normal_lccdf(eta[i] | 0, 1);",
    glm=True,
    stan_outcome=_ZERO_OR_ONE,
)

LOGIT = _family(
    "logit",
    ("logit",),
    BINARY,
    "binary outcome, probability 1/(1+exp(−η))",
    equation=_row,
    aliases=("logistic",),
    brms="bernoulli",
    likelihood={"logit": "BINOMIAL_LOGIT"},
    augmented={"logit": "LOGIT"},
    jags=_bernoulli,
    stan=lambda data, link: "y ~ bernoulli_logit(eta);",
    glm=True,
    stan_outcome=_ZERO_OR_ONE,
)

BINOMIAL = _family(
    "binomial",
    ("logit", "probit", "cloglog"),
    TRIALS,
    "successes of a number of trials",
    equation=_row,
    likelihood={"logit": "BINOMIAL_LOGIT", "probit": "BINOMIAL_PROBIT", "cloglog": "BINOMIAL_CLOGLOG"},
    augmented={"logit": "LOGIT", "probit": "PROBIT"},
    jags=_binomial,
    stan=_stan_binomial,
)

"""Families of counts of mean μ = e^η: poisson, and negative_binomial of variance μ + μ²/r; r is the parameter ``shape``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gibbs.model.families.numbers import exp, poisson, special
from gibbs.model.families.record import COUNT, Family, Given, Row, dispersion

if TYPE_CHECKING:
    from gibbs.model.records import Design


def _log_poisson(y: np.ndarray, eta: np.ndarray, given: Given) -> np.ndarray:
    return y * eta - exp(eta) - special.gammaln(y + 1.0)


def _log_negative_binomial(y: np.ndarray, eta: np.ndarray, given: Given) -> np.ndarray:
    """log of Γ(y+r)/(Γ(r) y!) (r/(r+μ))^r (μ/(r+μ))^y; the Gammas as a Beta, so that a large r does not cancel."""
    shape = np.asarray(given["shape"], dtype=float)
    odds = eta - np.log(shape)
    constant = np.where(y > 0, -special.betaln(shape, y + 1.0) - np.log(shape + y), 0.0)
    return constant + shape * special.log_expit(-odds) + y * special.log_expit(odds)


def _simulate_negative_binomial(rng: np.random.Generator, eta: np.ndarray, given: Given) -> np.ndarray:
    r = np.broadcast_to(np.asarray(given["shape"], dtype=float), eta.shape)
    with np.errstate(over="ignore"):
        return poisson(rng, np.exp(eta) * (rng.standard_gamma(r) / r))


def _trigamma(given: Given) -> np.ndarray:
    """ψ'(μ) at the mean count: the variance of log y about η (Nakagawa, Johnson and Schielzeth 2017, eq. 8), about 1/μ."""
    return special.polygamma(1, np.asarray(given["mean"], dtype=float))


def _trigamma_of_both(given: Given) -> np.ndarray:
    """ψ'(1/(1/μ + 1/r)) (Nakagawa, Johnson and Schielzeth 2017, eq. S2), about 1/μ + 1/r."""
    mu, shape = np.asarray(given["mean"], dtype=float), np.asarray(given["shape"], dtype=float)
    return special.polygamma(1, 1.0 / (1.0 / mu + 1.0 / shape))


def _row(law: str):
    def row(design: Design, family: Family) -> Row:
        return Row("log μ_i", below=(law,))

    return row


POISSON = Family(
    "poisson",
    ("log",),
    COUNT,
    "counts with mean exp(η)",
    equation=_row("y_i ~ Poisson(μ_i)"),
    log_likelihood=_log_poisson,
    simulate=lambda rng, eta, given: poisson(rng, exp(eta)),
    within=lambda first, second, given: first,
    variance=lambda mean, given: mean,
    latent_variance=_trigamma,
    likelihood={"log": "COUNT_POISSON"},
    jags=lambda data, link: ["log(mu[i]) <- eta[i]", "y[i] ~ dpois(mu[i])"],
    stan=lambda data, link: "y ~ poisson_log(eta);",
)

NEGATIVE_BINOMIAL = Family(
    "negative_binomial",
    ("log",),
    COUNT,
    "counts with mean μ = exp(η) and variance μ + μ²/shape",
    equation=_row("y_i ~ NegativeBinomial(μ_i, r):  variance μ_i + μ_i²/r"),
    symbols=lambda design: (("r", "shape"),),
    log_likelihood=_log_negative_binomial,
    simulate=_simulate_negative_binomial,
    within=lambda first, second, given: first + second / given["shape"],
    variance=lambda mean, given: mean + mean**2 / given["shape"],
    latent_variance=_trigamma_of_both,
    parameters=(
        dispersion(
            "shape",
            "r",
            "the size of a negative binomial (variance μ + μ²/shape)",
            ("gamma", (0.01, 0.01)),
            "the variation beyond Poisson",
        ),
    ),
    aliases=("negbin", "negbinomial", "nb", "nbinom2"),
    brms="negbinomial",
    likelihood={"log": "COUNT_NEGATIVE_BINOMIAL"},
    constant_of="y",
    jags=lambda data, link: ["log(mu[i]) <- eta[i]", "y[i] ~ dnegbin(shape / (shape + mu[i]), shape)"],
    stan=lambda data, link: "y ~ neg_binomial_2_log(eta, shape);",
)

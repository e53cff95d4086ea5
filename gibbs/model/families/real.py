"""Families of real numbers: gaussian, y ~ N(η, σ²), and student, y = η + σ t_ν. For y | se(s), σ is s."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.model.families.numbers import special
from gibbs.model.families.record import APART, NU, REAL, SIGMA, Family, Given, Row

if TYPE_CHECKING:
    from gibbs.model.records import Design

_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)


def _log_normal(y: np.ndarray, eta: np.ndarray, given: Given) -> np.ndarray:
    sigma = np.asarray(given["sigma"], dtype=float)
    z = (y - eta) / sigma
    return -0.5 * z * z - np.log(sigma) - _HALF_LOG_TWO_PI


def _log_t(y: np.ndarray, eta: np.ndarray, given: Given) -> np.ndarray:
    sigma, nu = np.asarray(given["sigma"], dtype=float), np.asarray(given["nu"], dtype=float)
    z = (y - eta) / sigma
    constant = -special.betaln(0.5 * nu, 0.5) - 0.5 * np.log(nu) - np.log(sigma)  # B(ν/2, 1/2) = Γ(ν/2) √π / Γ((ν+1)/2)
    return constant - 0.5 * (nu + 1.0) * np.log1p(z * z / nu)


def _simulate_t(rng: np.random.Generator, eta: np.ndarray, given: Given) -> np.ndarray:
    scale, df = np.asarray(given["sigma"], dtype=float), np.broadcast_to(np.asarray(given["nu"], dtype=float), eta.shape)
    return eta + scale * rng.standard_t(df)


def _variance_of_t(given: Given) -> np.ndarray:
    """σ² ν/(ν − 2), infinite where ν ≤ 2."""
    scale, df = np.asarray(given["sigma"], dtype=float), np.asarray(given["nu"], dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(df > 2, np.square(scale) * df / (df - 2.0), np.inf)


def _variance(given: Given) -> np.ndarray:
    return np.square(np.asarray(given["sigma"], dtype=float))


def _normal_row(design: Design, family: Family) -> Row:
    variance = "σ²" if design.precision is None else "σ²/w_i"
    return Row("y_i", "ε_i", "ε_i ~ N(0, s_i²), s_i known" if design.known_se is not None else f"ε_i ~ N(0, {variance})")


def _t_row(design: Design, family: Family) -> Row:
    return Row("y_i", "ε_i", f"ε_i ~ t(df, 0, {'σ' if design.precision is None else 'σ/√w_i'})")


def _tau(data: Mapping[str, Any]) -> str:
    return "tau * precision[i]" if "precision" in data else "tau"


def _sigma(data: Mapping[str, Any]) -> str:
    return "sigma ./ sqrt(precision)" if "precision" in data else "sigma"


GAUSSIAN = Family(
    "gaussian",
    ("identity",),
    REAL,
    "normal residuals with one sd, sigma",
    equation=_normal_row,
    symbols=lambda design: (("σ", "sigma"),) if design.known_se is None else (),
    log_likelihood=_log_normal,
    simulate=lambda rng, eta, given: eta + np.asarray(given["sigma"], dtype=float) * rng.standard_normal(eta.shape),
    within=lambda first, second, given: np.broadcast_to(_variance(given), first.shape),
    variance=lambda mean, given: np.broadcast_to(_variance(given), mean.shape),
    latent_variance=_variance,
    parameters=(SIGMA,),
    aliases=("normal", "linear"),
    augmented={"identity": "GAUSSIAN"},
    jags=lambda data, link: ["y[i] ~ dnorm(eta[i], pow(se[i], -2))" if "se" in data else f"y[i] ~ dnorm(eta[i], {_tau(data)})"],
    stan=lambda data, link: "y ~ normal(eta, se);" if "se" in data else f"y ~ normal(eta, {_sigma(data)});",
    glm=True,
    stan_outcome="vector[N] y;",
)

STUDENT = Family(
    "student",
    ("identity",),
    REAL,
    "Student-t residuals with scale sigma and nu degrees of freedom",
    equation=_t_row,
    symbols=lambda design: (("σ", "sigma"), ("df", "nu")),
    log_likelihood=_log_t,
    simulate=_simulate_t,
    within=lambda first, second, given: np.broadcast_to(_variance_of_t(given), first.shape),
    variance=lambda mean, given: np.broadcast_to(_variance_of_t(given), mean.shape),
    latent_variance=_variance_of_t,
    parameters=(SIGMA, NU),
    aliases=("t", "student_t", "studentt"),
    augmented={"identity": "STUDENT"},
    cells=APART,
    jags=lambda data, link: [f"y[i] ~ dt(eta[i], {_tau(data)}, nu)"],
    stan=lambda data, link: f"y ~ student_t(nu, eta, {_sigma(data)});",
    stan_outcome="vector[N] y;",
)

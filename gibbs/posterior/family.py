"""The facts of each family of outcomes that answers are made of: inverse link, pointwise log-likelihood, new outcomes, latent variance.

    gaussian            y ~ N(η, σ²)
    student             y = η + σ t_ν
    logit, probit       y ∈ {0, 1}, Pr(y = 1) = F(η)
    binomial            y of n trials, each with probability F(η); link logit, probit or cloglog: F(η) = 1 − exp(−e^η)
    poisson             mean μ = e^η
    negative_binomial   mean μ = e^η, variance μ + μ²/r; r is the parameter ``shape``
    ordinal             y ∈ {0, …, C − 1}, Pr(y ≤ k) = F(c_k − η); link logit or probit; c are the ``cutpoints``

Everything is elementwise with numpy's broadcasting: η may be (N,) or (draws, N), with σ, ν, r (draws, 1). Cutpoints have one axis more
at their end: (C − 1,), or (draws, C − 1) for η (draws, N). ``link`` is needed only where it is not the family's first. For y | se(s),
σ is s. Log-likelihoods are whole (with their constants) and accurate in both tails, |η| up to 700.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

LINKS: dict[str, tuple[str, ...]] = {
    "gaussian": ("identity",),
    "student": ("identity",),
    "logit": ("logit",),
    "probit": ("probit",),
    "binomial": ("logit", "probit", "cloglog"),
    "poisson": ("log",),
    "negative_binomial": ("log",),
    "ordinal": ("logit", "probit"),
}
"""The links of every family, the one meant by "" first."""

PARAMETERS: dict[str, tuple[str, ...]] = {
    "gaussian": ("sigma",),
    "student": ("sigma", "nu"),
    "logit": (),
    "probit": (),
    "binomial": ("trials",),
    "poisson": (),
    "negative_binomial": ("shape",),
    "ordinal": ("cutpoints",),
}
"""What a family needs beside η; ``trials`` is 1 where none are given."""

_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
_LARGEST_POISSON_MEAN = 1e15
"""Above it a Poisson count is its mean to more digits than its own sd (relative 3e-8) shows."""


def link_of(family: str, link: str = "") -> str:
    """The link that is in force. ValueError for a family or a link that does not exist."""
    if family not in LINKS:
        raise ValueError(f"there is no family '{family}'; the families are {', '.join(LINKS)}")
    if not link:
        return LINKS[family][0]
    if link not in LINKS[family]:
        raise ValueError(f"family {family} has no link '{link}'; it has {', '.join(LINKS[family])}")
    return link


# --------------------------------------------------------------------------------------------------------- inverse links


def inverse_link(family: str, eta: Any, *, link: str = "", cutpoints: Any = None) -> np.ndarray:
    """E(y | η): of binary and binomial families the probability of one success, (…) as η; of ordinal, Pr(y = k) of every k, (…, C)."""
    eta, link = np.asarray(eta, dtype=float), link_of(family, link)
    if family == "ordinal":
        high, low = _borders(eta, cutpoints)
        return np.exp(_log_difference(high, low, link))
    if link == "identity":
        return eta
    if link == "log":
        with np.errstate(over="ignore"):
            return np.exp(eta)
    return _distribution(eta, link)


def _distribution(x: np.ndarray, link: str) -> np.ndarray:
    """F(x), the distribution function behind a link, without loss in the lower tail."""
    if link == "logit":
        return special.expit(x)
    if link == "probit":
        return special.ndtr(x)
    with np.errstate(over="ignore"):
        return -np.expm1(-np.exp(x))


def _log_distribution(x: np.ndarray, link: str) -> tuple[np.ndarray, np.ndarray]:
    """log F(x) and log(1 − F(x))."""
    if link == "logit":
        return special.log_expit(x), special.log_expit(-x)
    if link == "probit":
        return special.log_ndtr(x), special.log_ndtr(-x)
    with np.errstate(over="ignore", divide="ignore"):
        mean = np.exp(x)
        near, far = np.log(-np.expm1(-np.minimum(mean, 1.0))), np.log1p(-np.exp(-np.maximum(mean, 0.5)))
    return np.where(x < -36.0, x, np.where(mean < 0.7, near, far)), -mean


def _borders(eta: np.ndarray, cutpoints: Any) -> tuple[np.ndarray, np.ndarray]:
    """c_k − η and c_{k−1} − η for every category, (…, C)."""
    if cutpoints is None:
        raise ValueError("family ordinal needs its cutpoints")
    cut = np.asarray(cutpoints, dtype=float)
    if cut.ndim > 1:
        cut = cut[..., None, :]
    ends = np.full((*cut.shape[:-1], 1), np.inf)
    return np.concatenate([cut, ends], axis=-1) - eta[..., None], np.concatenate([-ends, cut], axis=-1) - eta[..., None]


def _log_difference(high: np.ndarray, low: np.ndarray, link: str) -> np.ndarray:
    """log(F(high) − F(low)) for a symmetric F, low < high, taken where it does not cancel; −∞ where the borders meet."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if link == "logit":  # F(h) − F(l) = F(h) (1 − F(l)) (1 − e^(l−h))
            return special.log_expit(high) + special.log_expit(-low) + np.log(-np.expm1(low - high))
        turned = low > 0
        high, low = np.where(turned, -low, high), np.where(turned, -high, low)
        top = special.log_ndtr(high)
        share = special.log_ndtr(low) - top  # log of F(low)/F(high)
        return top + np.where(share < -0.7, np.log1p(-np.exp(share)), np.log(-np.expm1(share)))


# -------------------------------------------------------------------------------------------------------- log-likelihoods


def log_likelihood(
    family: str,
    y: Any,
    eta: Any,
    *,
    link: str = "",
    sigma: Any = None,
    nu: Any = None,
    trials: Any = None,
    shape: Any = None,
    cutpoints: Any = None,
) -> np.ndarray:
    """log p(y | η) of every row, with all constants: the shape of y and η (and σ, ν, r) broadcast together.

    y: 0/1 of logit and probit, successes of binomial, counts, 0 … C − 1 of ordinal. A frequency weight multiplies the result.
    """
    y, eta, link = np.asarray(y, dtype=float), np.asarray(eta, dtype=float), link_of(family, link)
    if family in ("gaussian", "student"):
        return _real(y, eta, _needed(sigma, "sigma", family), None if family == "gaussian" else _needed(nu, "nu", family))
    if family == "poisson":
        with np.errstate(over="ignore"):
            return y * eta - np.exp(eta) - special.gammaln(y + 1.0)
    if family == "negative_binomial":
        return _negative_binomial(y, eta, _needed(shape, "shape", family))
    if family == "ordinal":
        return _ordinal(y, eta, cutpoints, link)
    if family in ("logit", "probit") and trials is None:  # y is 0 or 1 and F symmetric: one tail to compute, not two
        side = (2.0 * y - 1.0) * eta
        return special.log_expit(side) if link == "logit" else special.log_ndtr(side)
    n = np.ones_like(y) if trials is None else np.asarray(trials, dtype=float)
    success, failure = _log_distribution(eta, link)
    with np.errstate(invalid="ignore"):  # 0 · ∞ beyond |η| = 709 is 0 here: nothing of that kind was observed
        value = np.where(y > 0, y * success, 0.0) + np.where(y < n, (n - y) * failure, 0.0)
    return value if trials is None else value + _log_choose(n, y)


def _needed(value: Any, name: str, family: str) -> np.ndarray:
    if value is None:
        raise ValueError(f"family {family} needs {name}")
    return np.asarray(value, dtype=float)


def _real(y: np.ndarray, eta: np.ndarray, sigma: np.ndarray, nu: np.ndarray | None) -> np.ndarray:
    z = (y - eta) / sigma
    if nu is None:
        return -0.5 * z * z - np.log(sigma) - _HALF_LOG_TWO_PI
    constant = -special.betaln(0.5 * nu, 0.5) - 0.5 * np.log(nu) - np.log(sigma)  # B(ν/2, 1/2) = Γ(ν/2) √π / Γ((ν+1)/2)
    return constant - 0.5 * (nu + 1.0) * np.log1p(z * z / nu)


def _log_choose(n: np.ndarray, k: np.ndarray) -> np.ndarray:
    """log of n over k."""
    return -np.log1p(n) - special.betaln(n - k + 1.0, k + 1.0)


def _negative_binomial(y: np.ndarray, eta: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """log of Γ(y+r)/(Γ(r) y!) (r/(r+μ))^r (μ/(r+μ))^y; the Gammas as a Beta, so that a large r does not cancel."""
    odds = eta - np.log(shape)
    constant = np.where(y > 0, -special.betaln(shape, y + 1.0) - np.log(shape + y), 0.0)
    return constant + shape * special.log_expit(-odds) + y * special.log_expit(odds)


def _ordinal(y: np.ndarray, eta: np.ndarray, cutpoints: Any, link: str) -> np.ndarray:
    """log Pr(y = k) at the observed k alone: no (…, C) array is made."""
    if cutpoints is None:
        raise ValueError("family ordinal needs its cutpoints")
    cut = np.asarray(cutpoints, dtype=float)
    ends = np.full((*cut.shape[:-1], 1), np.inf)
    border = np.concatenate([-ends, cut, ends], axis=-1)  # border[k] … border[k + 1] is category k
    k = np.asarray(y, dtype=np.int64)
    low, high = border[..., k], border[..., k + 1]
    return _log_difference(high - eta, low - eta, link)


# ----------------------------------------------------------------------------------------------------------- new outcomes


def simulate(
    rng: np.random.Generator,
    family: str,
    eta: Any,
    *,
    link: str = "",
    sigma: Any = None,
    nu: Any = None,
    trials: Any = None,
    shape: Any = None,
    cutpoints: Any = None,
) -> np.ndarray:
    """New outcomes, float64, as Design.y holds them: one for each η.

    Means of counts above 1e15 give the mean itself (its own sd is smaller than 1e-7 of it); infinite means are infinite counts.
    """
    eta, link = np.asarray(eta, dtype=float), link_of(family, link)
    if family == "gaussian":
        return eta + _needed(sigma, "sigma", family) * rng.standard_normal(eta.shape)
    if family == "student":
        scale, df = _needed(sigma, "sigma", family), np.broadcast_to(_needed(nu, "nu", family), eta.shape)
        return eta + scale * rng.standard_t(df)
    if family == "poisson":
        return _poisson(rng, inverse_link(family, eta))
    if family == "negative_binomial":
        r = np.broadcast_to(_needed(shape, "shape", family), eta.shape)
        with np.errstate(over="ignore"):
            return _poisson(rng, np.exp(eta) * (rng.standard_gamma(r) / r))
    if family == "ordinal":
        if cutpoints is None:
            raise ValueError("family ordinal needs its cutpoints")
        latent = eta + (rng.logistic(size=eta.shape) if link == "logit" else rng.standard_normal(eta.shape))
        cut = np.asarray(cutpoints, dtype=float)
        found = np.zeros(latent.shape)
        for k in range(cut.shape[-1]):
            found += latent > (cut[k] if cut.ndim == 1 else cut[..., k, None])
        return found
    probability = _distribution(eta, link)
    if family != "binomial" or trials is None:
        return (rng.random(eta.shape) < probability).astype(float)
    return rng.binomial(np.broadcast_to(np.asarray(trials, dtype=np.int64), eta.shape), probability).astype(float)


def _poisson(rng: np.random.Generator, mean: np.ndarray) -> np.ndarray:
    large = ~(mean < _LARGEST_POISSON_MEAN)
    drawn = rng.poisson(np.where(large, 1.0, mean)).astype(float)
    return np.where(large, np.rint(mean), drawn)


# --------------------------------------------------------------------------------------------------------------- variance


def latent_variance(
    family: str, link: str = "", *, sigma: Any = None, nu: Any = None, mean: Any = None, shape: Any = None
) -> float | np.ndarray:
    """Variance of an outcome about η on the scale of η, the residual's part of a variance share.

    gaussian: σ². student: σ² ν/(ν − 2), infinite where ν ≤ 2. logit, probit, cloglog (binary, binomial, ordinal): π²/3, 1, π²/6, of the
    latent variable. poisson, negative_binomial: ψ'(μ) and ψ'(1/(1/μ + 1/r)) at the mean count ``mean`` (Nakagawa, Johnson and
    Schielzeth 2017, eqs 8 and S2: the trigamma function), about 1/μ and 1/μ + 1/r.
    """
    link = link_of(family, link)
    if family == "gaussian":
        return np.square(_needed(sigma, "sigma", family))
    if family == "student":
        scale, df = _needed(sigma, "sigma", family), _needed(nu, "nu", family)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(df > 2, np.square(scale) * df / (df - 2.0), np.inf)
    if link == "log":
        mu = _needed(mean, "mean", family)
        size = mu if family == "poisson" else 1.0 / (1.0 / mu + 1.0 / _needed(shape, "shape", family))
        return special.polygamma(1, size)
    return {"logit": math.pi**2 / 3.0, "probit": 1.0, "cloglog": math.pi**2 / 6.0}[link]

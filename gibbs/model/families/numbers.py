"""Distribution functions behind the links, and what several families compute alike, accurate in both tails."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

LATENT_VARIANCE = {"logit": math.pi**2 / 3.0, "probit": 1.0, "cloglog": math.pi**2 / 6.0}
"""Variance of the latent variable behind each link."""
_LARGEST_POISSON_MEAN = 1e15
"""Above it a Poisson count is its mean to more digits than its own sd (relative 3e-8) shows."""


class _Special:
    """scipy.special, imported when a number is asked for: the words of a family do not wait for it."""

    def __getattr__(self, name: str) -> Any:
        from scipy import special

        return getattr(special, name)


special = _Special()


def distribution(x: np.ndarray, link: str) -> np.ndarray:
    """F(x), the distribution function behind a link, without loss in the lower tail."""
    if link == "logit":
        return special.expit(x)
    if link == "probit":
        return special.ndtr(x)
    if link != "cloglog":
        raise ValueError(f"there is no distribution behind link '{link}'")
    with np.errstate(over="ignore"):
        return -np.expm1(-np.exp(x))


def log_distribution(x: np.ndarray, link: str) -> tuple[np.ndarray, np.ndarray]:
    """log F(x) and log(1 − F(x))."""
    if link == "logit":
        return special.log_expit(x), special.log_expit(-x)
    if link == "probit":
        return special.log_ndtr(x), special.log_ndtr(-x)
    if link != "cloglog":
        raise ValueError(f"there is no distribution behind link '{link}'")
    with np.errstate(over="ignore", divide="ignore"):
        mean = np.exp(x)
        near, far = np.log(-np.expm1(-np.minimum(mean, 1.0))), np.log1p(-np.exp(-np.maximum(mean, 0.5)))
    return np.where(x < -36.0, x, np.where(mean < 0.7, near, far)), -mean


def log_difference(high: np.ndarray, low: np.ndarray, link: str) -> np.ndarray:
    """log(F(high) − F(low)) for a symmetric F, low < high, taken where it does not cancel; −∞ where the borders meet."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if link == "logit":  # F(h) − F(l) = F(h) (1 − F(l)) (1 − e^(l−h))
            return special.log_expit(high) + special.log_expit(-low) + np.log(-np.expm1(low - high))
        if link != "probit":
            raise ValueError(f"there is no symmetric distribution behind link '{link}'")
        turned = low > 0
        high, low = np.where(turned, -low, high), np.where(turned, -high, low)
        top = special.log_ndtr(high)
        share = special.log_ndtr(low) - top  # log of F(low)/F(high)
        return top + np.where(share < -0.7, np.log1p(-np.exp(share)), np.log(-np.expm1(share)))


def log_choose(n: np.ndarray, k: np.ndarray) -> np.ndarray:
    """log of n over k."""
    return -np.log1p(n) - special.betaln(n - k + 1.0, k + 1.0)


def poisson(rng: np.random.Generator, mean: np.ndarray) -> np.ndarray:
    """Poisson counts; means above 1e15 give the mean itself, infinite means infinite counts."""
    large = ~(mean < _LARGEST_POISSON_MEAN)
    drawn = rng.poisson(np.where(large, 1.0, mean)).astype(float)
    return np.where(large, np.rint(mean), drawn)


def exp(eta: np.ndarray) -> np.ndarray:
    """e^η, infinite where it overflows."""
    with np.errstate(over="ignore"):
        return np.exp(eta)

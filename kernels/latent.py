"""The latent seam: each conditionally Gaussian family draws working responses ỹ_i with precisions ω_i.

probit    z_i ~ N(η_i, 1) truncated by y_i (Albert & Chib 1993); ω = 1
logit     ω_i ~ PG(1, η_i), ỹ_i = (y_i − ½)/ω_i (Polson, Scott & Windle 2013)
student   y_i ~ N(η_i, σ²/λ_i), λ_i ~ Gamma(ν/2, ν/2): ν and σ with λ integrated out, then λ; ω = λ

A cell of n equal rows needs only sums over its rows. ``working`` holds ω_i(ỹ_i − offset_i), what the cross-products want.
"""

from __future__ import annotations

import math

import numpy as np

from .compiling import kernel
from .priors import FIXED, log_scale_prior
from .variates import augmented_normal, polya_gamma_sum


@kernel
def draw_probit_latents(rng, y, trials, offset, eta, working):
    """working_i ← Σ (z − offset) over the rows of cell i; returns Σ (z − offset)² over all rows."""
    total = 0.0
    for i in range(eta.size):
        mean, ones, given = eta[i], y[i], offset[i]
        s = 0.0
        for k in range(trials[i]):
            z = augmented_normal(rng, mean, k < ones) - given
            s += z
            total += z * z
        working[i] = s
    return total


@kernel
def draw_logit_latents(rng, y, trials, offset, eta, omega, working):
    """omega_i ← Σ PG(1, η_i) over the rows of cell i; working_i ← y_i − n_i/2 − ω_i offset_i."""
    for i in range(eta.size):
        n = trials[i]
        w = polya_gamma_sum(rng, n, eta[i])
        omega[i] = w
        working[i] = y[i] - 0.5 * n - w * offset[i]


@kernel
def log_student(y, eta, sigma, nu):
    """Σ log t_ν(y_i; η_i, σ), by the product trick: one logarithm for every few rows."""
    scale = 1.0 / (nu * sigma * sigma)
    total, product = 0.0, 1.0
    for i in range(y.size):
        r = y[i] - eta[i]
        factor = 1.0 + r * r * scale
        if factor > 1e100:
            total += math.log(factor)
            continue
        product *= factor
        if product > 1e200:
            total += math.log(product)
            product = 1.0
    total += math.log(product)
    constant = math.lgamma(0.5 * (nu + 1.0)) - math.lgamma(0.5 * nu) - 0.5 * math.log(math.pi * nu) - math.log(sigma)
    return y.size * constant - 0.5 * (nu + 1.0) * total


@kernel
def _log_student_target(scale_prior, y, eta, which, x, sigma, nu):
    """Log density of log σ (which = 0) or log ν (which = 1) at x, the λ integrated out."""
    if which == 0:
        sigma = math.exp(x)
    else:
        nu = math.exp(x)
    scale = sigma if which == 0 else nu
    prior = log_scale_prior(scale_prior[which, 0], scale_prior[which, 1], scale_prior[which, 2], scale)
    if not (prior > -np.inf and x < 300.0 and x > -300.0):
        return -np.inf
    return prior + x + log_student(y, eta, sigma, nu)


@kernel
def draw_student_scales(rng, scale_prior, y, eta, sigma, nu, width):
    """Slice log σ, then log ν, on the t likelihood (λ integrated out). ``width`` (2,) are the slice widths. Mutates sigma (1,) and nu (1,).

    The λ are stale afterwards: ``draw_student_latents`` must follow.
    """
    for which in range(2):
        if scale_prior[which, 0] == FIXED:
            continue
        own = sigma if which == 0 else nu
        x0 = math.log(own[0])
        log_y = _log_student_target(scale_prior, y, eta, which, x0, sigma[0], nu[0]) - rng.standard_exponential()
        low = x0 - width[which] * rng.random()
        high = low + width[which]
        for _ in range(30):
            if _log_student_target(scale_prior, y, eta, which, low, sigma[0], nu[0]) <= log_y:
                break
            low -= width[which]
        for _ in range(30):
            if _log_student_target(scale_prior, y, eta, which, high, sigma[0], nu[0]) <= log_y:
                break
            high += width[which]
        x = x0
        for _ in range(200):
            x = low + (high - low) * rng.random()
            if _log_student_target(scale_prior, y, eta, which, x, sigma[0], nu[0]) > log_y:
                break
            if x < x0:
                low = x
            else:
                high = x
        else:
            x = x0
        own[0] = math.exp(x)


@kernel
def draw_student_latents(rng, y, offset, eta, sigma, nu, omega, working):
    """λ_i | rest ~ Gamma((ν+1)/2, rate (ν + (y_i−η_i)²/σ²)/2); working_i ← λ_i(y_i − offset_i)."""
    shape = 0.5 * (nu + 1.0)
    precision = 1.0 / (sigma * sigma)
    for i in range(eta.size):
        r = y[i] - eta[i]
        w = rng.standard_gamma(shape) / (0.5 * (nu + r * r * precision))
        omega[i] = w
        working[i] = w * (y[i] - offset[i])


@kernel
def log_binary(is_logit, y, trials, eta):
    """Σ log p(y | η) of a binary family, over cells."""
    total = 0.0
    for i in range(eta.size):
        ones, zeros, e = y[i], trials[i] - y[i], eta[i]
        if is_logit:
            softplus = max(e, 0.0) + math.log1p(math.exp(-abs(e)))
            total += ones * e - (ones + zeros) * softplus
        else:
            if ones > 0.0:
                total += ones * _log_normal_cdf(e)
            if zeros > 0.0:
                total += zeros * _log_normal_cdf(-e)
    return total


@kernel
def _log_normal_cdf(x):
    """log Φ(x); the asymptotic series below −30, where erfc underflows."""
    if x > -30.0:
        return math.log(0.5 * math.erfc(-x / math.sqrt(2.0)))
    x2 = 1.0 / (x * x)
    return -0.5 * x * x - math.log(-x) - 0.5 * math.log(2.0 * math.pi) + math.log1p(-x2 * (1.0 - 3.0 * x2))

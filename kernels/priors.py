"""Prior densities of scales and covariances.

Scalar scales, density of the sd s > 0 (normalising constants that do not involve s are dropped):

    half_t(df, A)        (1 + s²/(df A²))^{-(df+1)/2}          half_normal(A)    exp(−s²/2A²)
    exponential(r)       exp(−r s)                              uniform(a, b)     1 on [a, b]
    inverse_gamma(a, b)  on s²:  s^{−2a−1} exp(−b/s²)           gamma(a, r)       s^{a−1} exp(−r s); for ν on s > 1
    lognormal(m, d)      exp(−(log s − m)²/2d²)/s

A degree ρ that levels depend on each other, which may be negative: uniform(a, b), or beta(a, b), ρ^{a−1}(1 − ρ)^{b−1} on (0, 1).

Covariances Σ = LL' (q×q, L lower, positive diagonal), as densities of L (Jacobian 2^q Π L_kk^{q−k+1}, k = 1…q):

    lkj(η) × sds         Π p(s_k) s_k^{−q} |R|^{η−1}            inverse_wishart(df, S)   |Σ|^{−(df+q+1)/2} exp(−tr SΣ⁻¹/2)
    huang_wand(ν, A)     |Σ|^{−(ν+2q)/2} Π_k (ν (Σ⁻¹)_kk + A_k⁻²)^{−(ν+q)/2}     (Huang & Wand 2013, auxiliaries integrated out)

Of a correlated term whose columns are centred, L is that of Σ_c, and Σ = AΣ_cA' is the covariance as written, |A| = 1: a prior on Σ as
written is taken at AL, for the Jacobian of Σ_c → Σ is 1.

A Σ with L_kk < 10⁻⁶ s_k (a correlation within 5·10⁻¹³ of ±1) has density 0: prior mass of about 10⁻¹² under lkj(1), where sums of Σ⁻¹
and the data's cross-products have no digits left, and the density computed there would be noise.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from .compiling import kernel, lazy

FIXED, HALF_T, HALF_NORMAL, EXPONENTIAL, UNIFORM, INVERSE_GAMMA, GAMMA_ABOVE_ONE, GAMMA, LOGNORMAL, BETA = range(10)
SCALAR, LKJ, INVERSE_WISHART, HUANG_WAND, LKJ_WRITTEN, HUANG_WAND_WRITTEN = 0, 1, 2, 3, 4, 5
TURN = 10
"""Where in a row of ``cov_prior`` the matrix of a prior on Σ as written begins."""
LEAST_SHARE = 1e-12
"""Least share of a column's variance that the columns before it leave, L_kk²/Σ_kk."""


@kernel
def log_scale_prior(kind, a, b, s):
    """Log density of a scale s (up to a constant); −inf outside the support, nan for an unknown code. For FIXED it is 0 everywhere."""
    if not s > 0.0:
        return -np.inf
    if kind == HALF_T:
        return -0.5 * (a + 1.0) * math.log1p(s * s / (a * b * b))
    return 0.0 if kind == FIXED else _log_other_scale_prior(kind, a, b, s)


@lazy(types.float64)
def _log_other_scale_prior(kind, a, b, s):
    if kind == HALF_NORMAL:
        return -0.5 * (s / a) ** 2
    if kind == EXPONENTIAL:
        return -a * s
    if kind == UNIFORM:
        return 0.0 if a <= s <= b else -np.inf
    if kind == INVERSE_GAMMA:
        return -(2.0 * a + 1.0) * math.log(s) - b / (s * s)
    if kind == GAMMA:
        return (a - 1.0) * math.log(s) - b * s
    if kind == GAMMA_ABOVE_ONE:
        return (a - 1.0) * math.log(s) - b * s if s > 1.0 else -np.inf
    if kind == LOGNORMAL:
        log_s = math.log(s)
        return -0.5 * ((log_s - a) / b) ** 2 - log_s
    return np.nan


@kernel
def log_share_prior(kind, a, b, rho):
    """Log density of a degree ρ (up to a constant); −inf outside the support, nan for an unknown code. For FIXED it is 0 everywhere."""
    if kind == UNIFORM:
        return 0.0 if a <= rho <= b else -np.inf
    if kind == BETA:
        return (a - 1.0) * math.log(rho) + (b - 1.0) * math.log1p(-rho) if 0.0 < rho < 1.0 else -np.inf
    return 0.0 if kind == FIXED else np.nan


@kernel
def invert_lower(L, q, out):
    """``out[:q*q]`` ← L⁻¹ (row-major, lower triangle) of the q×q factor ``L[:q*q]``."""
    for c in range(q):
        out[c * q + c] = 1.0 / L[c * q + c]
        for r in range(c + 1, q):
            s = 0.0
            for k in range(c, r):
                s -= L[r * q + k] * out[k * q + c]
            out[r * q + c] = s / L[r * q + r]
            out[c * q + r] = 0.0


@kernel
def log_cholesky_prior(term, t, sd_prior, cov_prior, L, scratch):
    """Log density of the Cholesky factor ``L[:q²]`` of term t (up to a constant), Jacobian included.

    Row t of ``cov_prior``: code, then lkj (η); inverse_wishart (df, S row-major); huang_wand (ν, A_1…A_q); of a prior on Σ as written from
    TURN on: lkj A, huang_wand A⁻¹, row-major. Rows of ``sd_prior`` from ``term[t].s0``: code, a, b of the scale priors (scalar and lkj).
    ``scratch`` holds at least q² numbers.
    """
    q, s0, kind = term[t].width, term[t].s0, cov_prior[t, 0]
    if kind == SCALAR:
        return log_scale_prior(sd_prior[s0, 0], sd_prior[s0, 1], sd_prior[s0, 2], L[0])
    value = 0.0
    log_det = 0.0  # log|Σ|
    for k in range(q):
        diagonal = abs(L[k * q + k])  # the signs of a column are one choice: the density is that of LL'
        if not diagonal > 0.0:
            return -np.inf
        variance = 0.0
        for c in range(k + 1):
            variance += L[k * q + c] ** 2
        if diagonal * diagonal < LEAST_SHARE * variance:
            return -np.inf
        log_diagonal = math.log(diagonal)
        value += (q - k) * log_diagonal
        log_det += 2.0 * log_diagonal
    if kind == LKJ or kind == LKJ_WRITTEN:
        log_det_r = log_det
        for k in range(q):
            variance = 0.0
            for c in range(q if kind == LKJ_WRITTEN else k + 1):
                entry = L[k * q + c]
                if kind == LKJ_WRITTEN:  # of AL
                    entry = 0.0
                    for r in range(c, q):
                        entry += cov_prior[t, TURN + k * q + r] * L[r * q + c]
                variance += entry**2
            log_variance = math.log(variance)
            value += log_scale_prior(sd_prior[s0 + k, 0], sd_prior[s0 + k, 1], sd_prior[s0 + k, 2], math.sqrt(variance))
            value -= 0.5 * q * log_variance
            log_det_r -= log_variance
        return value + (cov_prior[t, 1] - 1.0) * log_det_r
    return _log_prior_of_inverse(q, kind, t, cov_prior, L, scratch, value, log_det)


@lazy(types.float64)
def _log_prior_of_inverse(q, kind, t, cov_prior, L, scratch, value, log_det):
    """``log_cholesky_prior`` where Σ⁻¹ has a part in it; value: of the Jacobian, log_det: log|Σ|."""
    invert_lower(L, q, scratch)
    if kind == INVERSE_WISHART:
        trace = 0.0  # tr(S Σ⁻¹) = Σ_k (row k of L⁻¹) S (row k of L⁻¹)'
        for k in range(q):
            for a in range(k + 1):
                for b in range(k + 1):
                    trace += scratch[k * q + a] * cov_prior[t, 2 + a * q + b] * scratch[k * q + b]
        return value - 0.5 * (cov_prior[t, 1] + q + 1.0) * log_det - 0.5 * trace
    if kind != HUANG_WAND and kind != HUANG_WAND_WRITTEN:
        return np.nan
    nu = cov_prior[t, 1]
    value -= 0.5 * (nu + 2.0 * q) * log_det
    for k in range(q):
        precision = 0.0  # (Σ⁻¹)_kk, of Σ as written that of L⁻¹A⁻¹
        for r in range(q):
            entry = scratch[r * q + k] if r >= k else 0.0
            if kind == HUANG_WAND_WRITTEN:
                entry = 0.0
                for c in range(r + 1):
                    entry += scratch[r * q + c] * cov_prior[t, TURN + c * q + k]
            precision += entry**2
        value -= 0.5 * (nu + q) * math.log(nu * precision + cov_prior[t, 2 + k] ** -2)
    return value

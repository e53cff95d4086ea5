"""The second-order seam: a family is its log-likelihood l(η) with l' and −l'', row by row, and nothing else.

binomial           y of n: logit, probit, complementary log-log
poisson            y counts summed over n rows that share η: l = yη − n e^η
negative binomial  mean μ = e^η, size r (variance μ + μ²/r): l = yη − (y + nr) log(r + μ), the part in r alone left out
beta-binomial      y of n, the probability of a row Beta(μφ, (1 − μ)φ), μ = F(η): what depends on η, with ρ = 1/φ, is
                   Σ_{k<y} log(μ + kρ) + Σ_{k<n−y} log(1 − μ + kρ), in which no large φ cancels; the terms k = 0 are those of a binomial
ordinal            y = k of C categories, n rows: l = n log(F(c_k − η) − F(c_{k−1} − η)), c_{−1} = −∞, c_{C−1} = ∞; F logistic or normal

All are accurate in both tails: a difference of probabilities is never taken where it cancels (McCullagh 1980; Burridge 1981 and Pratt
1981 for log-concavity). ``shape`` is the family's own dispersion, whatever it is called (r, φ), drawn on the log scale as ψ, and ``cut``
(C−1,) are the cutpoints; families that have none ignore them. An unknown code is nan, never another family.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from .arrays import sum_of
from .compiling import contracted, kernel, lazy, reassociated
from .special import log_normal_cdf, log_normal_cdfs, softplus, softplus_of_many

BINOMIAL_LOGIT, BINOMIAL_PROBIT, BINOMIAL_CLOGLOG, COUNT_POISSON, COUNT_NEGATIVE_BINOMIAL, ORDINAL_LOGIT, ORDINAL_PROBIT = range(7)
BETA_BINOMIAL_LOGIT, BETA_BINOMIAL_PROBIT, BETA_BINOMIAL_CLOGLOG = 7, 8, 9
"""Likelihoods, as the compiled loop knows them; those of a beta-binomial in the order of the links of a binomial."""
OF_COUNTS = (COUNT_POISSON, COUNT_NEGATIVE_BINOMIAL)

_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)


@kernel
def _logistic(x):
    """1/(1 + e^−x)."""
    e = math.exp(-abs(x))
    return (1.0 if x >= 0.0 else e) / (1.0 + e)


@kernel
def _inverse_mills(x):
    """φ(x)/Φ(x)."""
    return math.exp(-0.5 * x * x - _HALF_LOG_TWO_PI - log_normal_cdf(x))


@kernel
def _log_normal_difference(high, low):
    """log(Φ(high) − Φ(low)), taken in the tail where neither is near 1."""
    if low > 0.0:
        high, low = -low, -high
    top = log_normal_cdf(high)
    if low == -np.inf:
        return top
    return top + math.log(-math.expm1(log_normal_cdf(low) - top))


@kernel
def is_ordinal(code):
    """Whether the likelihood has cutpoints, and a stand-in of three squares a row."""
    return code == ORDINAL_LOGIT or code == ORDINAL_PROBIT


@kernel
def is_count(code):
    """Whether outcomes are counts of mean e^η; all other likelihoods are of a latent variable with a scale of its own."""
    return code in OF_COUNTS


@kernel
def dispersion_of(psi):
    """The family's own dispersion e^ψ; 1 where it has none."""
    return math.exp(psi[0]) if psi.size > 0 else 1.0


_SERIES_FROM = 16.0
"""From this argument on differences of log Γ, ψ and ψ' are those of Stirling's series; below, terms are taken one by one."""


@kernel
def _stirling(z):
    """log Γ(z) − (z − ½) log z + z − ½ log 2π, z ≥ ``_SERIES_FROM``."""
    w = 1.0 / (z * z)
    return (1.0 / 12.0 - w * (1.0 / 360.0 - w * (1.0 / 1260.0 - w / 1680.0))) / z


@kernel
def log_rising(start, step, terms):
    """Σ log(start + k·step) over k = 0 … terms − 1; start and step positive."""
    z, k, product = start / step, 0, 1.0
    while k < terms and (z + k < _SERIES_FROM or terms <= 16):
        product *= start + k * step
        k += 1
    value = math.log(product)
    if k < terms:
        d, z = terms - k, z + k
        value += d * math.log(start + k * step) + (z + d - 0.5) * math.log1p(d / z) - d + _stirling(z + d) - _stirling(z)
    return value


@kernel
def rising_sums(start, step, terms):
    """(Σ 1/(start + k·step), Σ 1/(start + k·step)²) over k = 0 … terms − 1."""
    z, k, first, second = start / step, 0, 0.0, 0.0
    while k < terms and (z + k < _SERIES_FROM or terms <= 16):
        one = 1.0 / (start + k * step)
        first += one
        second += one * one
        k += 1
    if k < terms:
        d, low = terms - k, z + k
        high = low + d
        a, b = 1.0 / (low * low), 1.0 / (high * high)
        psi = math.log1p(d / low) + 0.5 * (1.0 / low - 1.0 / high)
        psi += a * (1.0 / 12.0 - a * (1.0 / 120.0 - a * (1.0 / 252.0 - a / 240.0)))
        psi -= b * (1.0 / 12.0 - b * (1.0 / 120.0 - b * (1.0 / 252.0 - b / 240.0)))
        trigamma = d / (low * high) + 0.5 * (a - b)
        trigamma += a / low * (1.0 / 6.0 - a * (1.0 / 30.0 - a * (1.0 / 42.0 - a / 30.0)))
        trigamma -= b / high * (1.0 / 6.0 - b * (1.0 / 30.0 - b * (1.0 / 42.0 - b / 30.0)))
        first += psi / step
        second += trigamma / (step * step)
    return first, second


@kernel
def _mean(link, eta):
    """(log μ, log(1 − μ), μ', μ'') of μ = F(η), ``link`` the code of a binomial."""
    if link == BINOMIAL_LOGIT:
        mean, rest = _logistic(eta), _logistic(-eta)
        return -softplus(-eta), -softplus(eta), mean * rest, mean * rest * (rest - mean)
    if link == BINOMIAL_PROBIT:
        density = math.exp(-0.5 * eta * eta - _HALF_LOG_TWO_PI)
        return log_normal_cdf(eta), log_normal_cdf(-eta), density, -eta * density
    if link != BINOMIAL_CLOGLOG:
        return np.nan, np.nan, np.nan, np.nan
    rate = math.exp(eta)
    slope = rate * math.exp(-rate)
    return (math.log(-math.expm1(-rate)) if eta > -30.0 else eta - 0.5 * rate), -rate, slope, slope * (1.0 - rate)


@kernel
def log_beta_binomial(link, y, n, eta, phi):
    """What depends on η of log p(y | η, φ)."""
    log_mean, log_rest, _, _ = _mean(link, eta)
    some, others, value = int(y), int(n - y), 0.0
    if some > 0:
        value += log_mean + (log_rising(math.exp(log_mean) + 1.0 / phi, 1.0 / phi, some - 1) if some > 1 else 0.0)
    if others > 0:
        value += log_rest + (log_rising(math.exp(log_rest) + 1.0 / phi, 1.0 / phi, others - 1) if others > 1 else 0.0)
    return value


@contracted
def log_likelihood_of_few(code, y, n, eta, shape, cut):
    """``log_likelihood``, for a few rows: but for the commonest families compiled when it is called."""
    if code == BINOMIAL_LOGIT:
        return y * eta - n * softplus(eta)
    if code == COUNT_POISSON:
        return y * eta - n * math.exp(eta)
    return _log_likelihood_of_others(code, y, n, eta, shape, cut)


@lazy(types.float64)
def _log_likelihood_of_others(code, y, n, eta, shape, cut):
    return log_likelihood(code, y, n, eta, shape, cut)


@contracted
def log_likelihood(code, y, n, eta, shape, cut):
    """l(η) of one row, or of a cell of n rows."""
    if code == BINOMIAL_LOGIT:
        return y * eta - n * softplus(eta)
    if code == BINOMIAL_PROBIT:
        above, below = log_normal_cdfs(abs(eta))
        same = y if eta > 0.0 else n - y  # outcomes on the side of η
        return same * above + (n - same) * below
    if code == COUNT_POISSON:
        return y * eta - n * math.exp(eta)
    if code == COUNT_NEGATIVE_BINOMIAL:
        return y * eta - (y + n * shape) * (math.log(shape) + softplus(eta - math.log(shape)))
    if code == BINOMIAL_CLOGLOG:
        mean = math.exp(eta)
        value = (y - n) * mean if n > y else 0.0
        if y > 0.0:
            value += y * (math.log(-math.expm1(-mean)) if eta > -30.0 else eta - 0.5 * mean)
        return value
    if BETA_BINOMIAL_LOGIT <= code <= BETA_BINOMIAL_CLOGLOG:
        return log_beta_binomial(code - BETA_BINOMIAL_LOGIT, y, n, eta, shape)
    if not is_ordinal(code):
        return np.nan
    k, last = int(y), cut.size
    high = cut[k] - eta if k < last else np.inf
    low = cut[k - 1] - eta if k > 0 else -np.inf
    if code == ORDINAL_PROBIT:
        return n * _log_normal_difference(high, low)
    if k == last:
        return -n * softplus(low)
    if k == 0:
        return -n * softplus(-high)
    return n * (math.log(-math.expm1(low - high)) - softplus(-high) - softplus(low))


@kernel
def _logit_derivatives(y, n, eta):
    mean = _logistic(eta)
    return y - n * mean, n * mean * _logistic(-eta)


@kernel
def binomial_derivatives(code, y, n, eta):
    """(l', −l'') of y of n."""
    if code == BINOMIAL_LOGIT:
        return _logit_derivatives(y, n, eta)
    if code == BINOMIAL_PROBIT:
        first = second = 0.0
        if y > 0.0:
            ratio = _inverse_mills(eta)
            first += y * ratio
            second += y * ratio * max(ratio + eta, 0.0)
        if n > y:
            ratio = _inverse_mills(-eta)
            first -= (n - y) * ratio
            second += (n - y) * ratio * max(ratio - eta, 0.0)
        return first, second
    if code != BINOMIAL_CLOGLOG:
        return np.nan, np.nan
    mean = math.exp(eta)
    first = (y - n) * mean if n > y else 0.0
    second = -first
    if y > 0.0 and mean < 700.0:  # beyond, a 1 has no slope left
        ratio = mean / math.expm1(mean) if mean > 1e-300 else 1.0
        first += y * ratio
        second += y * ratio * (mean + ratio - 1.0 if mean > 1e-5 else 0.5 * mean)
    return first, second


@kernel
def beta_binomial_derivatives(link, y, n, eta, phi):
    """(l', −l''): the first trial of either kind as a binomial, then the others. −l'' < 0 far in a tail, where l is not concave."""
    some, others = int(y), int(n - y)
    first, second = binomial_derivatives(link, 1.0 if some > 0 else 0.0, float(min(some, 1) + min(others, 1)), eta)
    log_mean, log_rest, slope, curve = _mean(link, eta)
    up = rising_sums(math.exp(log_mean) + 1.0 / phi, 1.0 / phi, max(some - 1, 0))
    down = rising_sums(math.exp(log_rest) + 1.0 / phi, 1.0 / phi, max(others - 1, 0))
    first += slope * (up[0] - down[0])
    second += slope * slope * (up[1] + down[1]) - curve * (up[0] - down[0])
    return first, second


@kernel
def derivatives(code, y, n, eta, shape, cut):
    """(l', −l'') at η."""
    if code == BINOMIAL_LOGIT:
        return _logit_derivatives(y, n, eta)
    if code == COUNT_POISSON:
        mean = n * math.exp(eta)
        return y - mean, mean
    return _derivatives_of_others(code, y, n, eta, shape, cut)


@lazy(types.UniTuple(types.float64, 2))
def _derivatives_of_others(code, y, n, eta, shape, cut):
    if code == BINOMIAL_PROBIT or code == BINOMIAL_CLOGLOG:
        return binomial_derivatives(code, y, n, eta)
    if code == COUNT_NEGATIVE_BINOMIAL:
        share = _logistic(eta - math.log(shape))
        return y - (y + n * shape) * share, (y + n * shape) * share * (1.0 - share)
    if BETA_BINOMIAL_LOGIT <= code <= BETA_BINOMIAL_CLOGLOG:
        return beta_binomial_derivatives(code - BETA_BINOMIAL_LOGIT, y, n, eta, shape)
    if not is_ordinal(code):
        return np.nan, np.nan
    k, last = int(y), cut.size
    high = cut[k] - eta if k < last else np.inf
    low = cut[k - 1] - eta if k > 0 else -np.inf
    if code == ORDINAL_LOGIT:
        above = _logistic(high) if k < last else 1.0
        below = _logistic(low) if k > 0 else 0.0
        return n * (above + below - 1.0), n * (above * (1.0 - above) + below * (1.0 - below))
    log_size = _log_normal_difference(high, low)
    up = math.exp(-0.5 * high * high - _HALF_LOG_TWO_PI - log_size) if k < last else 0.0
    down = math.exp(-0.5 * low * low - _HALF_LOG_TWO_PI - log_size) if k > 0 else 0.0
    second = (down - up) ** 2
    if k < last:
        second += high * up
    if k > 0:
        second -= low * down
    return n * (down - up), n * max(second, 0.0)


@kernel
def ordinal_derivatives(code, y, n, eta, cut):
    """Slopes and curvature of l in (s, t) = (η − c_k, η − c_{k−1}), the two numbers an ordinal outcome y = k depends on.

    Returns (∂l/∂s, ∂l/∂t, w₁, w₂, w₃) with −∇²l = [w₁ + w₃, −w₃; −w₃, w₂ + w₃]: the curvature of w₁s²/2 + w₂t²/2 + w₃(s − t)²/2, three
    squares with positive weights (w₁ = f(c_k − η) and w₂ = f(c_{k−1} − η) for the logistic F). An end category has one of the two.
    """
    k, last = int(y), cut.size
    high = cut[k] - eta if k < last else np.inf
    low = cut[k - 1] - eta if k > 0 else -np.inf
    if code == ORDINAL_LOGIT:
        up = down = w1 = w2 = 0.0
        inside = -math.expm1(low - high) if 0 < k < last else 1.0
        if k < last:  # f(h)/D = (1 − F(h)) / ((1 − F(l)) (1 − e^(l−h)))
            below = _logistic(-low) if k > 0 else 1.0
            up = _logistic(-high) / (below * inside)
            w1 = _logistic(high) * _logistic(-high)
        if k > 0:
            above = _logistic(high) if k < last else 1.0
            down = _logistic(low) / (above * inside)
            w2 = _logistic(low) * _logistic(-low)
    elif code != ORDINAL_PROBIT:
        return np.nan, np.nan, np.nan, np.nan, np.nan
    else:
        log_size = _log_normal_difference(high, low)
        up = math.exp(-0.5 * high * high - _HALF_LOG_TWO_PI - log_size) if k < last else 0.0
        down = math.exp(-0.5 * low * low - _HALF_LOG_TWO_PI - log_size) if k > 0 else 0.0
        mean = down - up  # of a normal between the two
        w1 = up * max(high - mean, 0.0) if k < last else 0.0
        w2 = down * max(mean - low, 0.0) if k > 0 else 0.0
    return -n * up, n * down, n * w1, n * w2, n * up * down


@kernel
def add_ordinal_derivatives(code, y, trials, eta, cut, sums):
    """sums (7, M) += s, t and what ``ordinal_derivatives`` gives, of every row; an absent s or t counts as 0."""
    for i in range(eta.size):
        k = int(y[i])
        if k < cut.size:
            sums[0, i] += eta[i] - cut[k]
        if k > 0:
            sums[1, i] += eta[i] - cut[k - 1]
        first = ordinal_derivatives(code, y[i], trials[i], eta[i], cut)
        for a in range(5):
            sums[2 + a, i] += first[a]


@reassociated
def stand_in(data, eta, cut):
    """Σ_i of the quadratics bη − ωη²/2 of the rows, of an ordinal outcome b·(s, t) − w₁s²/2 − w₂t²/2 − w₃(s − t)²/2.

    ω and b are (M,), or (3M,) = (w₁, w₂, w₃) and (b_s, b_t, 0) of an ordinal outcome, M the columns of ``data.columns``: the rows may be
    some of all (``shards.py``). One loop: a call for every row would cost
    ten times what it computes.
    """
    omega, linear, total = data.omega, data.linear, 0.0
    if is_ordinal(data.code):
        return _ordinal_stand_in(data, eta, cut)
    for i in range(eta.size):
        total += (linear[i] - 0.5 * omega[i] * eta[i]) * eta[i]
    return total


@lazy(types.float64, of_rows=True)
def _ordinal_stand_in(data, eta, cut):
    y, omega, linear, total = data.y, data.omega, data.linear, 0.0
    m = data.columns.shape[1]
    for i in range(eta.size):
        k, s, t = int(y[i]), 0.0, 0.0
        if k < cut.size:
            s = eta[i] - cut[k]
            total += (linear[i] - 0.5 * omega[i] * s) * s
        if k > 0:
            t = eta[i] - cut[k - 1]
            total += (linear[m + i] - 0.5 * omega[m + i] * t) * t
        total -= 0.5 * omega[2 * m + i] * (s - t) ** 2
    return total


@kernel
def dispersion_term(code, shape, values, rows):
    """What l leaves out that does not depend on η but on the dispersion, over ``rows`` rows of each of ``values``; 0 without a dispersion.

    negative binomial, of counts y: log Γ(y+r) − log Γ(r) − log y! + r log r. beta-binomial, of n trials: −Σ_{k<n} log(1 + k/φ).
    """
    return _dispersion_term(code, shape, values, rows) if values.size > 0 else 0.0


@lazy(types.float64)
def _dispersion_term(code, shape, values, rows):
    total = 0.0
    if BETA_BINOMIAL_LOGIT <= code <= BETA_BINOMIAL_CLOGLOG:
        for k in range(values.size):
            total -= rows[k] * log_rising(1.0, 1.0 / shape, int(values[k]))
        return total
    if code != COUNT_NEGATIVE_BINOMIAL:
        return np.nan
    for k in range(values.size):
        y = values[k]
        total += rows[k] * (math.lgamma(y + shape) - math.lgamma(shape) - math.lgamma(y + 1.0) + shape * math.log(shape))
    return total


@kernel
def add_derivatives(code, y, trials, eta, shape, cut, sums):
    """sums (3, M) += η, l', −l'' of every row: warm-up's averages."""
    for i in range(eta.size):
        first, second = derivatives(code, y[i], trials[i], eta[i], shape, cut)
        sums[0, i] += eta[i]
        sums[1, i] += first
        sums[2, i] += second


@contracted
def gaps(data, eta, shape, cut, out):
    """out_i ← l(η_i) − (b_iη_i − ω_iη_i²/2), the likelihood beside its quadratic ``stand_in``; returns their sum.

    The commonest families have loops of their own: a loop that asks for the family in every row takes three times as long.
    """
    if data.code != BINOMIAL_LOGIT:
        return _gaps_of_others(data, eta, shape, cut, out)
    y, trials, omega, linear = data.y, data.trials, data.omega, data.linear
    for i in range(eta.size):
        e = eta[i]
        out[i] = (y[i] - linear[i] + 0.5 * omega[i] * e) * e - trials[i] * softplus_of_many(e)
    return sum_of(out)


@lazy(types.float64, of_rows=True)
def _gaps_of_others(data, eta, shape, cut, out):
    code, y, trials, omega, linear = data.code, data.y, data.trials, data.omega, data.linear
    total = 0.0
    if code == BINOMIAL_PROBIT:
        for i in range(eta.size):
            e = eta[i]
            above, below = log_normal_cdfs(abs(e))
            same = y[i] if e > 0.0 else trials[i] - y[i]
            value = same * above + (trials[i] - same) * below - (linear[i] - 0.5 * omega[i] * e) * e
            out[i] = value
            total += value
        return total
    if code == COUNT_POISSON:
        for i in range(eta.size):
            e = eta[i]
            value = y[i] * e - trials[i] * math.exp(e) - (linear[i] - 0.5 * omega[i] * e) * e
            out[i] = value
            total += value
        return total
    if not is_ordinal(code):
        for i in range(eta.size):
            e = eta[i]
            value = log_likelihood(code, y[i], trials[i], e, shape, cut) - (linear[i] - 0.5 * omega[i] * e) * e
            out[i] = value
            total += value
        return total
    m = data.columns.shape[1]
    for i in range(eta.size):
        k, s, t = int(y[i]), 0.0, 0.0
        value = log_likelihood(code, y[i], trials[i], eta[i], shape, cut)
        if k < cut.size:
            s = eta[i] - cut[k]
            value -= (linear[i] - 0.5 * omega[i] * s) * s
        if k > 0:
            t = eta[i] - cut[k - 1]
            value -= (linear[m + i] - 0.5 * omega[m + i] * t) * t
        value += 0.5 * omega[2 * m + i] * (s - t) ** 2
        out[i] = value
        total += value
    return total

"""Exact random variates for the full conditionals: truncated normal, Pólya–Gamma, gamma.

Every function takes a ``numpy.random.Generator`` first and is inlined into the loop that calls it (``inline="always"``): a call
that passes the generator costs two atomic reference counts otherwise, more than the draw itself. Inlined code runs under the
caller's error model, so nothing here divides by something that may be zero. NaN in gives NaN out; no loop hangs on it.

Truncated normal, N(0,1) given x > a. a < 0.45: normals until one is above a (their absolute values where a > 0). Else Robert
(1995): x = a + E/λ with λ = (a + √(a²+4))/2 is accepted with probability exp(−(x−λ)²/2). Because λ − a = 1/λ, x − λ = (E − 1)/λ:
the sampler works with the excess x − a alone and loses no digits however large a is.

Pólya–Gamma, PG(1, z) = J*(1, |z|/2)/4 (Devroye 2009; Polson, Scott & Windle 2013). With z for |z|/2, the density of J* is
    f(x) = cosh(z) exp(−z²x/2) Σ_n (−1)ⁿ a_n(x),
    a_n(x) = π(n+½) exp(−(n+½)²π²x/2) for x > T,   π(n+½)(2/(πx))^{3/2} exp(−2(n+½)²/x) for x ≤ T = 0.64,
and a_0 bounds the sum. Propose from a_0: right of T with mass (π/2K) exp(−KT), K = π²/8 + z²/2, as T + Exp(K); left of T with mass
e^{−z} erfc((1−Tz)/√(2T)) + e^{z} erfc((1+Tz)/√(2T)), as an inverse Gaussian(1/z, 1) cut at T. What makes it fast, all exact:
- a_1/a_0 ≤ 0.0058 everywhere, so a uniform below 0.994 accepts without evaluating the series;
- the uniform that chooses the side is, given the side, uniform again, and is the one the series is tested with;
- the probability of the right side is interpolated in a table; only a uniform within ``_BAND`` of it evaluates the exact masses;
- small z: x = 1/N² with N > 1/√T by Robert's sampler, its test and the tilt exp(−z²x/2) joined in one exponential;
  large z: Michael, Schucany & Haas (1976), written with the reciprocal root so that nothing cancels or overflows.

Gamma: Marsaglia & Tsang (2000); the constants of a shape that does not change move out of the caller's loop.
"""

from __future__ import annotations

import math

import numpy as np

from .compiling import inlined, kernel

_TAIL = 0.45  # truncated normal: from here on the exponential proposal is the faster one

_T = 0.64
_PI2_8 = math.pi**2 / 8.0
_PI2_2 = math.pi**2 / 2.0
_SQUEEZE = 0.994  # < 1 − max a_1/a_0 = 1 − 3 exp(−4/T)
_ROOT = 1.0 / math.sqrt(_T)  # N above 1/√T ...
_ROOT_RATE = 2.0 / (_ROOT + math.sqrt(_ROOT * _ROOT + 4.0))  # ... by Robert: 1/λ
_ROOT_RATE2 = _ROOT_RATE * _ROOT_RATE
_LARGE_Z = 2.0  # from here on Michael–Schucany–Haas is the faster one (both are exact for every z)
_TABLE_END = 8.0
_TABLE_STEPS = 32.0  # a unit of z
_BAND = 1e-4  # three times the largest error of the interpolation; a test holds it to that
_NEVER_RIGHT = 12.0  # the right side has probability < 1e-17: below the resolution of a uniform


@kernel
def _right_probability(z: float) -> float:
    """P(the proposal of J*(1, z) lies right of T), 0 ≤ z ≤ 12."""
    K = _PI2_8 + 0.5 * z * z
    right = math.pi / (2.0 * K) * math.exp(-K * _T)
    root = math.sqrt(2.0 * _T)
    left = math.exp(-z) * math.erfc((1.0 - _T * z) / root) + math.exp(z) * math.erfc((1.0 + _T * z) / root)
    return right / (right + left)


_RIGHT_TABLE = np.array([_right_probability.py_func(k / _TABLE_STEPS) for k in range(int(_TABLE_END * _TABLE_STEPS) + 2)])


@kernel
def _series_accepts(v: float, x: float, right: bool) -> bool:
    """Is v < Σ_n (−1)ⁿ a_n(x)/a_0(x)?  a_n/a_0 = (2n+1) exp(c n(n+1)), c = −π²x/2 right of T and −2/x left of it."""
    c = -_PI2_2 * x if right else -2.0 / x
    total, n = 1.0, 0.0
    while True:
        n += 1.0
        total -= (2.0 * n + 1.0) * math.exp(c * n * (n + 1.0))
        if not v > total:  # partial sums bound the sum from below and above in turn
            return True
        n += 1.0
        term = (2.0 * n + 1.0) * math.exp(c * n * (n + 1.0))
        total += term
        if v > total:
            return False
        if not term > 0.0:  # v equals the sum to the last bit, or NaN
            return True


@inlined
def _body_above(rng: np.random.Generator, a: float) -> float:
    """N(0,1) | x > a by trial, for a < 0.45 or so."""
    while True:
        x = rng.standard_normal()
        if a > 0.0:
            x = abs(x)
        if not x <= a:
            break
    return x


@inlined
def _tail_excess(rng: np.random.Generator, a: float) -> float:
    """x − a for N(0,1) | x > a, a ≥ 0 (Robert 1995); full relative precision for every a."""
    rate = 2.0 / (a + math.sqrt(a * a + 4.0))  # 1/λ
    while True:
        e = rng.standard_exponential()
        d = (e - 1.0) * rate  # x − λ
        if not 2.0 * rng.standard_exponential() <= d * d:
            break
    return e * rate


@inlined
def truncated_normal_above(rng: np.random.Generator, a: float) -> float:
    """One draw of N(0,1) given x > a: density φ(x)/Φ(−a) on (a, ∞). Exact for every a (Robert 1995, Prop. 2.3)."""
    if a < _TAIL:
        x = _body_above(rng, a)
    else:
        x = a + _tail_excess(rng, a)
    return x


@inlined
def augmented_normal(rng: np.random.Generator, mean: float, positive: bool) -> float:
    """One draw of N(mean, 1) given z > 0 (``positive``) or z ≤ 0: the latent utility of a probit (Albert & Chib 1993).

    Exact for every mean; the sign is right and the relative precision full even where the outcome is all but impossible.
    """
    if positive:
        a = -mean
        sign = 1.0
    else:
        a = mean
        sign = -1.0
    if a < _TAIL:
        z = mean + sign * _body_above(rng, a)
    else:
        z = sign * _tail_excess(rng, a)
    return z


@inlined
def polya_gamma_sum(rng: np.random.Generator, n: int, z: float) -> float:
    """One draw of PG(n, z), n = 0, 1, 2, …: the sum of n independent exact PG(1, z) draws. Time is linear in n.

    Laplace transform E exp(−tω) = cosh(z/2)ⁿ / cosh(√(z²/4 + t/2))ⁿ; mean n tanh(z/2)/(2z), n/4 at z = 0.
    Exact for every finite z (Polson, Scott & Windle 2013, with the shortcuts of the module docstring).
    """
    h = 0.5 * abs(z)
    h2 = h * h
    scale = 1.0 / (_PI2_8 + 0.5 * h2)
    if h < _TABLE_END:
        position = h * _TABLE_STEPS
        k = int(position)
        right = _RIGHT_TABLE[k] + (position - k) * (_RIGHT_TABLE[k + 1] - _RIGHT_TABLE[k])
    else:
        right = 0.0
    mu = 0.0 if h < _LARGE_Z else 1.0 / h
    total = 0.0
    for _ in range(n):
        while True:
            u = rng.random()
            beyond = u - right
            edge = right
            if abs(beyond) < _BAND and h < _NEVER_RIGHT:
                edge = _right_probability(h)
                beyond = u - edge
            if beyond < 0.0:
                x = _T + rng.standard_exponential() * scale
                if u < _SQUEEZE * edge or _series_accepts(u / edge, x, True):
                    break
            else:
                if h < _LARGE_Z:
                    while True:
                        e = rng.standard_exponential()
                        inverse_root = 1.0 / (_ROOT + e * _ROOT_RATE)
                        x = inverse_root * inverse_root
                        e -= 1.0
                        if not 2.0 * rng.standard_exponential() <= _ROOT_RATE2 * e * e + h2 * x:
                            break
                else:
                    while True:
                        y = rng.standard_normal()
                        w = mu * y * y
                        s = 1.0 + 0.5 * w + math.sqrt(w * (1.0 + 0.25 * w))  # the roots are μ/s and μs
                        if rng.random() * (1.0 + s) < s:
                            x = mu / s
                        else:
                            x = mu * s
                        if not x > _T:
                            break
                if beyond < _SQUEEZE * (1.0 - edge) or _series_accepts(beyond / (1.0 - edge), x, False):
                    break
        total += x
    return 0.25 * total


@inlined
def gamma(rng: np.random.Generator, shape: float) -> float:
    """One draw of Gamma(shape, rate 1), shape > 0: density x^(shape−1) e^(−x)/Γ(shape) (Marsaglia & Tsang 2000)."""
    boosted = shape < 1.0
    d = shape + 1.0 - 1.0 / 3.0 if boosted else shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = rng.standard_normal()
        v = 1.0 + c * x
        if not v <= 0.0:
            v = v * v * v
            u = rng.random()
            x2 = x * x
            if not u >= 1.0 - 0.0331 * x2 * x2:
                break
            if not math.log(u) >= 0.5 * x2 + d * (1.0 - v + math.log(v)):
                break
    draw = d * v
    if boosted:
        draw *= math.exp(-rng.standard_exponential() / shape)  # U^(1/shape)
    return draw


@inlined
def inverse_gamma(rng: np.random.Generator, shape: float, scale: float) -> float:
    """One draw of IG(shape, scale): density ∝ x^(−shape−1) exp(−scale/x). May overflow to inf where shape ≪ 0.01."""
    return scale * (1.0 / gamma(rng, shape))


# ---------------------------------------------------------------------------------------------- arrays, one draw a place


@kernel
def fill_truncated_normal_above(rng: np.random.Generator, a: np.ndarray, out: np.ndarray) -> None:
    """out_i ← N(0,1) | x > a_i; both (n,)."""
    for i in range(out.size):
        out[i] = truncated_normal_above(rng, a[i])


@kernel
def fill_augmented_normal(rng: np.random.Generator, mean: np.ndarray, positive: np.ndarray, out: np.ndarray) -> None:
    """out_i ← N(mean_i, 1) given its sign; all (n,), ``positive`` bool."""
    for i in range(out.size):
        out[i] = augmented_normal(rng, mean[i], positive[i])


@kernel
def fill_polya_gamma_sum(rng: np.random.Generator, n: np.ndarray, z: np.ndarray, out: np.ndarray) -> None:
    """out_i ← PG(n_i, z_i); all (n,), ``n`` int64."""
    for i in range(out.size):
        out[i] = polya_gamma_sum(rng, n[i], z[i])


@kernel
def fill_gamma(rng: np.random.Generator, shape: float, out: np.ndarray) -> None:
    """out_i ← Gamma(shape, rate 1); (n,)."""
    for i in range(out.size):
        out[i] = gamma(rng, shape)


@kernel
def fill_inverse_gamma(rng: np.random.Generator, shape: float, scale: float, out: np.ndarray) -> None:
    """out_i ← IG(shape, scale); (n,)."""
    for i in range(out.size):
        out[i] = inverse_gamma(rng, shape, scale)

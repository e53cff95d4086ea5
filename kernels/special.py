"""log Φ and log(1 + e^x) for the row loops: piecewise polynomials of degree 7 in a few kilobytes, exact to the last digits.

    log(1 + e^x)   max(x, 0) + S(|x|),                     S(x) = log(1 + e^−x)
    log Φ(−x)      G(x) − x²/2,   x ≥ 0,                   G slowly varying (the logarithm of half the scaled erfc)
    log Φ(x)       H(x),          x ≥ 0

on [0, 40] in cells of width 1/4: the error of interpolation at Chebyshev points is below 1e-14 there; beyond, the leading terms are exact
in double precision. One evaluation is eight multiplications and no branch on the data; ``erfc`` and ``log`` take five times as long.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from scipy import special

_CELLS_A_UNIT, _END, _DEGREE = 4.0, 40.0, 7


def _piecewise(function) -> np.ndarray:
    """(cells, degree + 1) coefficients, highest power first, in t ∈ [−1, 1] of each cell."""
    rows = []
    for k in range(int(_END * _CELLS_A_UNIT)):
        chebyshev = np.polynomial.chebyshev.chebinterpolate(lambda t, k=k: function((k + 0.5 * (t + 1.0)) / _CELLS_A_UNIT), _DEGREE)
        powers = np.polynomial.chebyshev.cheb2poly(chebyshev)
        rows.append(np.concatenate([powers, np.zeros(_DEGREE + 1 - powers.size)])[::-1])
    return np.ascontiguousarray(rows)


_SOFTPLUS = _piecewise(lambda x: np.log1p(np.exp(-x)))
_BELOW = _piecewise(lambda x: np.log(0.5 * special.erfcx(x / math.sqrt(2.0))))
_ABOVE = _piecewise(special.log_ndtr)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def softplus(x):
    """log(1 + e^x)."""
    z = abs(x)
    if not z < _END:
        return x if x > 0.0 or x != x else 0.0
    k = int(z * _CELLS_A_UNIT)
    t = 2.0 * (z * _CELLS_A_UNIT - k) - 1.0
    t2 = t * t
    low = (_SOFTPLUS[k, 7] + _SOFTPLUS[k, 6] * t) + (_SOFTPLUS[k, 5] + _SOFTPLUS[k, 4] * t) * t2
    high = (_SOFTPLUS[k, 3] + _SOFTPLUS[k, 2] * t) + (_SOFTPLUS[k, 1] + _SOFTPLUS[k, 0] * t) * t2
    return max(x, 0.0) + (low + high * (t2 * t2))


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def log_normal_cdf(x):
    """log Φ(x)."""
    z = abs(x)
    if not z < _END:
        if x > 0.0:
            return 0.0
        w = 1.0 / (x * x)
        return -0.5 * x * x - math.log(z) - 0.5 * math.log(2.0 * math.pi) + math.log1p(-w * (1.0 - w * (3.0 - 15.0 * w)))
    k = int(z * _CELLS_A_UNIT)
    t = 2.0 * (z * _CELLS_A_UNIT - k) - 1.0
    t2 = t * t
    if x < 0.0:
        low = (_BELOW[k, 7] + _BELOW[k, 6] * t) + (_BELOW[k, 5] + _BELOW[k, 4] * t) * t2
        high = (_BELOW[k, 3] + _BELOW[k, 2] * t) + (_BELOW[k, 1] + _BELOW[k, 0] * t) * t2
        return low + high * (t2 * t2) - 0.5 * x * x
    low = (_ABOVE[k, 7] + _ABOVE[k, 6] * t) + (_ABOVE[k, 5] + _ABOVE[k, 4] * t) * t2
    high = (_ABOVE[k, 3] + _ABOVE[k, 2] * t) + (_ABOVE[k, 1] + _ABOVE[k, 0] * t) * t2
    return low + high * (t2 * t2)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def log_normal_cdfs(z):
    """(log Φ(z), log Φ(−z)) for z ≥ 0, without a branch on the data below 40."""
    if not z < _END:
        return log_normal_cdf(z), log_normal_cdf(-z)
    k = int(z * _CELLS_A_UNIT)
    t = 2.0 * (z * _CELLS_A_UNIT - k) - 1.0
    t2 = t * t
    low = (_BELOW[k, 7] + _BELOW[k, 6] * t) + (_BELOW[k, 5] + _BELOW[k, 4] * t) * t2
    high = (_BELOW[k, 3] + _BELOW[k, 2] * t) + (_BELOW[k, 1] + _BELOW[k, 0] * t) * t2
    below = low + high * (t2 * t2) - 0.5 * z * z
    low = (_ABOVE[k, 7] + _ABOVE[k, 6] * t) + (_ABOVE[k, 5] + _ABOVE[k, 4] * t) * t2
    high = (_ABOVE[k, 3] + _ABOVE[k, 2] * t) + (_ABOVE[k, 1] + _ABOVE[k, 0] * t) * t2
    return low + high * (t2 * t2), below

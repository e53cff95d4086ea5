"""Expected outcomes with the random effects integrated out: E(y) over u, where η + z'u ~ N(η, v), v = z'Σz.

    identity         η
    log              exp(η + v/2)
    probit           Φ(η/√(1 + v)); of an ordinal outcome Φ((c_k − η)/√(1 + v)), differences of neighbours
    logit, cloglog   ∫ F(η + √v z) φ(z) dz by quadrature (ordinal logit the same, category by category)

The quadrature is the trapezoidal rule, which converges exponentially for such integrands (Trefethen and Weideman 2014, SIAM Review 56,
theorem 5.1): with f bounded by M in the strip |Im z| ≤ a, step h errs by at most 2M/(e^{2πa/h} − 1), and M ≤ e^{a²/2} sup|F| here. The
step is taken so that this is below 1e-11 for the largest v, which a Gauss–Hermite rule of a fixed number of nodes cannot promise. Where
√v > 2 the roles are turned round: with X distributed as F, the same integral is E Φ((η − X)/√v), smooth at any v.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gibbs.posterior.family import inverse_link, link_of

_DIGITS = 27.0  # −log of the error of the trapezoidal rule: 2e-12
_STRIP = {"logit": 0.9 * math.pi, "cloglog": 0.5 * math.pi}
"""F(η + s z) is analytic, and bounded by 3.3 or 1, for |Im(s z)| up to here."""
_WIDE = 2.0


def expected(family: str, eta: Any, variance: Any = None, *, link: str = "", cutpoints: Any = None) -> np.ndarray:
    """E(y | η, v): as ``family.inverse_link``, averaged over N(η, v); (S, N), of ordinal (S, N, C).

    eta, variance : (S, N). cutpoints : (S, C − 1). Without a variance this is the inverse link.
    """
    eta, link = np.asarray(eta, dtype=float), link_of(family, link)
    if variance is None:
        return inverse_link(family, eta, link=link, cutpoints=cutpoints)
    if link == "identity":
        return eta.copy(order="K")
    if link == "log":
        return inverse_link(family, eta + 0.5 * np.asarray(variance), link=link)
    if link == "probit":
        scale = np.sqrt(1.0 + np.asarray(variance))
        if family != "ordinal":
            return inverse_link(family, eta / scale, link=link)
        cut = np.asarray(cutpoints, dtype=float)[:, None, :] / scale[..., None]  # a row's own cutpoints
        flat = inverse_link(family, (eta / scale).reshape(-1, 1), link=link, cutpoints=cut.reshape(-1, cut.shape[-1]))
        return flat.reshape(*eta.shape, -1)
    sd = np.sqrt(np.asarray(variance, dtype=float))
    narrow = np.minimum(sd, _WIDE)
    total: np.ndarray | None = None
    for node, weight in zip(*nodes(link, float(narrow.max(initial=0.0))), strict=True):
        value = inverse_link(family, eta + node * narrow, link=link, cutpoints=cutpoints)
        value *= weight
        total = value if total is None else np.add(total, value, out=total)
    assert total is not None
    wide = sd > _WIDE
    if wide.any():
        cut = None if cutpoints is None else np.asarray(cutpoints, dtype=float)[np.nonzero(wide)[0]]
        total[wide] = _wide(family, link, eta[wide], sd[wide], cut)
    return total


def _wide(family: str, link: str, eta: np.ndarray, sd: np.ndarray, cutpoints: np.ndarray | None) -> np.ndarray:
    """E Φ((η − X)/sd) over X ~ F, (n,) or (n, C). Of an ordinal outcome X adds to η (F is symmetric)."""
    x, weight = _OF_NOISE[link]
    if family == "ordinal":
        assert cutpoints is not None
        cut, place = cutpoints / sd[:, None], (eta[:, None] + x) / sd[:, None]
        return np.einsum("nxc,x->nc", inverse_link("ordinal", place, link="probit", cutpoints=cut), weight)
    return inverse_link("probit", (eta[:, None] - x) / sd[:, None]) @ weight


def _noise(link: str) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the distribution F itself: logistic, or that of log of an exponential."""
    if link == "logit":
        x = 0.6 * np.arange(-50, 51)
        weight = 1.0 / np.cosh(0.5 * x) ** 2  # poles at ±iπ
    else:
        x = 0.3 * np.arange(-100, 16)
        weight = np.exp(x - np.exp(x))  # grows beyond ±iπ/2
    return x, weight / weight.sum()


def nodes(link: str, sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights for ∫ F(η + sd z) φ(z) dz, accurate for every smaller sd too; one node where sd is 0.

    They reach to 6.5 beyond ±sd, where the mass of φ(z) e^{sd z} lies, so that small probabilities keep their digits.
    """
    if sd == 0.0:
        return np.zeros(1), np.ones(1)
    strip = min(_STRIP[link] / sd, math.sqrt(2.0 * _DIGITS))
    step = 2.0 * math.pi * strip / (_DIGITS + 0.5 * strip * strip)
    half = math.ceil((6.5 + sd) / step)
    z = step * np.arange(-half, half + 1)
    weight = np.exp(-0.5 * z * z)
    return z, weight / weight.sum()


_OF_NOISE = {link: _noise(link) for link in ("logit", "cloglog")}

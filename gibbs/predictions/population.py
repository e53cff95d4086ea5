"""Expected outcomes with the random effects integrated out: E(y) over u, where η + z'u ~ N(η, v), v = z'Σz.

    identity         η
    log              exp(η + v/2)
    probit           Φ(η/√(1 + v)); of an ordinal outcome Φ((c_k − η)/√(1 + v)), differences of neighbours
    logit, cloglog   ∫ F(η + √v z) φ(z) dz by quadrature (ordinal logit the same, category by category)

The quadrature is the trapezoidal rule, which converges exponentially for such integrands (Trefethen and Weideman 2014, SIAM Review 56,
theorem 5.1): with f bounded by M in the strip |Im z| ≤ a, step h errs by at most 2M/(e^{2πa/h} − 1), and M ≤ e^{a²/2} sup|F| here. The
step is taken so that this is below 1e-11 for the largest v, which a Gauss–Hermite rule of a fixed number of nodes cannot promise. Where
√v > 2 the roles are turned round: with X distributed as F, the same integral is E Φ((η − X)/√v), smooth at any v (error below 1e-9).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gibbs.errors import SpecError
from gibbs.posterior.family import inverse_link, link_of

_DIGITS = 27.0  # −log of the error of the trapezoidal rule: 2e-12
_STRIP = {"logit": 0.9 * math.pi, "cloglog": 0.5 * math.pi}
"""F(η + s z) is analytic, and bounded by 3.3 or 1, for |Im(s z)| up to here."""
_WIDE = 2.0
_TAIL, _SCALES = 1e-9, 64
"""What is cut off of a law of log λ at either end, and nodes between: an error below 1e-6 at df = 1, far below beyond 2."""


def expected(
    family: str,
    eta: Any,
    variance: Any = None,
    *,
    link: str = "",
    cutpoints: Any = None,
    heavy: Sequence[tuple[np.ndarray, np.ndarray]] = (),
) -> np.ndarray:
    """E(y | η, v): as ``family.inverse_link``, averaged over N(η, v); (S, N), of ordinal (S, N, C).

    eta, variance : (S, N). cutpoints : (S, C − 1). Without a variance this is the inverse link.
    heavy : squared scale (S, N) and df (S,) of a Student-t part of η. SpecError for several (identity link apart), and under a log link,
        where the mean does not exist.
    """
    eta, link = np.asarray(eta, dtype=float), link_of(family, link)
    if heavy and link != "identity":
        return _over_scales(family, eta, variance, link, cutpoints, heavy)
    if variance is None:
        return inverse_link(family, eta, link=link, cutpoints=cutpoints)
    if link == "identity":
        return eta.copy(order="K")
    if link == "log":
        return inverse_link(family, eta + 0.5 * np.asarray(variance), link=link)
    if link == "probit":
        scale = np.sqrt(1.0 + np.asarray(variance))
        if cutpoints is None:
            return inverse_link(family, eta / scale, link=link)
        cut = np.asarray(cutpoints, dtype=float)[:, None, :] / scale[..., None]  # a row's own cutpoints
        flat = inverse_link(family, (eta / scale).reshape(-1, 1), link=link, cutpoints=cut.reshape(-1, cut.shape[-1]))
        return flat.reshape(*eta.shape, -1)
    sd = np.sqrt(np.asarray(variance, dtype=float))
    narrow = np.minimum(sd, _WIDE)
    total = _narrow(family, link, eta, narrow, cutpoints)
    wide = sd > _WIDE
    if wide.any():
        cut = None if cutpoints is None else np.asarray(cutpoints, dtype=float)[np.nonzero(wide)[0]]
        total[wide] = _wide(family, link, eta[wide], sd[wide], cut)
    return total


def _over_scales(
    family: str, eta: np.ndarray, variance: Any, link: str, cutpoints: Any, heavy: Sequence[tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """The average over λ ~ Gamma(df/2, df/2) of ``expected`` at v + v_t/λ: the trapezoidal rule in log λ, nodes of each draw's own."""
    from scipy import special

    if link == "log":
        raise SpecError(
            "the average of exp(η) over Student-t effects does not exist (their tails are too heavy for it); ask for known, new or typical "
            "groups.",
            where="for",
        )
    if len(heavy) > 1:
        raise SpecError(
            "the effects of more than one factor are Student-t; the average over both at once is not available. Ask for new groups of one "
            "of them, or typical ones.",
            where="for",
        )
    (spread, df), given = heavy[0], 0.0 if variance is None else variance
    shape = 0.5 * np.asarray(df, dtype=float)
    low, high = np.log(special.gammaincinv(shape, _TAIL) / shape), np.log(special.gammainccinv(shape, _TAIL) / shape)
    w = low + (high - low) * np.linspace(0.0, 1.0, _SCALES)[:, None]  # (nodes, S)
    log_weight = shape * (w - np.exp(w))
    weight = np.exp(log_weight - log_weight.max(axis=0))
    weight /= weight.sum(axis=0)
    total = np.zeros(())
    for node, share in zip(w, weight, strict=True):
        value = expected(family, eta, given + spread * np.exp(-node)[:, None], link=link, cutpoints=cutpoints)
        value *= share.reshape(-1, *[1] * (value.ndim - 1))
        total = np.add(total, value, out=total if total.shape else None)
    return total


def _narrow(family: str, link: str, eta: np.ndarray, sd: np.ndarray, cutpoints: Any) -> np.ndarray:
    """Σ_j w_j F(η + z_j sd)."""
    z, weights = nodes(link, float(sd.max(initial=0.0)))
    if link == "logit" and cutpoints is None and len(z) > 1:
        return _logistic(eta, sd, z, weights)
    total = np.zeros(())
    for node, weight in zip(z, weights, strict=True):
        value = inverse_link(family, eta + node * sd, link=link, cutpoints=cutpoints)
        value *= weight
        total = np.add(total, value, out=total if total.shape else None)
    return total


def _logistic(eta: np.ndarray, sd: np.ndarray, z: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Σ_j w_j/(1 + t_j) with t_j = e^{−η − z_j sd}: the nodes are evenly spaced, so each t is the one before times e^{−sd step}."""
    with np.errstate(over="ignore", under="ignore"):
        t = np.exp(-(eta + z[0] * sd))
        ratio = np.exp((z[0] - z[1]) * sd)
        total, part = np.zeros_like(t), np.empty_like(t)
        for weight in weights:
            np.add(t, 1.0, out=part)
            np.divide(weight, part, out=part)
            total += part
            t *= ratio
    return total


def _wide(family: str, link: str, eta: np.ndarray, sd: np.ndarray, cutpoints: np.ndarray | None) -> np.ndarray:
    """E Φ((η − X)/sd) over X ~ F, (n,) or (n, C). Of an ordinal outcome X adds to η (F is symmetric)."""
    sign = -1.0 if cutpoints is None else 1.0
    cut = None if cutpoints is None else cutpoints / sd[:, None]
    total = np.zeros(())
    for x, weight in zip(*_OF_NOISE[link], strict=True):
        place = ((eta + sign * x) / sd)[:, None]
        value = inverse_link("probit" if cut is None else "ordinal", place, link="probit", cutpoints=cut)
        value *= weight
        total = np.add(total, value, out=total if total.shape else None)
    return total[:, 0]


def _noise(link: str) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the distribution F itself: logistic, or that of log of an exponential."""
    if link == "logit":
        x = 0.75 * np.arange(-36, 37)
        weight = 1.0 / np.cosh(0.5 * x) ** 2  # poles at ±iπ
    else:
        x = 0.3 * np.arange(-100, 16)
        weight = np.exp(x - np.exp(x))  # grows beyond ±iπ/2
    return x, weight / weight.sum()


def nodes(link: str, sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights for ∫ F(η + sd z) φ(z) dz, accurate for every smaller sd too; one node where sd is 0.

    The nodes reach to 6.5 beyond ±sd, where the mass of φ(z) e^{sd z} lies, so that small probabilities keep their digits.
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

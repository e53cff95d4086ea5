"""The law of an sd by quadrature, for regions, or states in regions, of discrete outcomes with one intercept: wide tails included.

    η = b + r_region + s_state,   r ~ N(0, S²),   s ~ N(0, τ²);   p(S | y) by integrals over s (for each state), r (each region), b, τ

Effects are integrated on grids fine enough for likelihoods that are steps (a level whose outcomes are all alike), where rules made for
normal integrands fail.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import interpolate, special

Likelihood = Callable[[np.ndarray], np.ndarray]
"""Log-likelihood of a state at each value of its linear predictor."""

_Z = np.linspace(-8.0, 8.0, 321)
_LOG_WEIGHT = -0.5 * _Z**2 - special.logsumexp(-0.5 * _Z**2)
_HALF = np.concatenate([np.arange(0.0, 6.0, 0.02), 6.0 * 1.02 ** np.arange(0, 330)])
_M = np.concatenate([-_HALF[:0:-1], _HALF])
_LOG_STEP = np.log(np.gradient(_M))


@dataclass(frozen=True)
class Given:
    """Everything but b and S: the states of each region, τ (0: none), and the log weight of this node of an outer integral."""

    regions: Sequence[Sequence[Likelihood]]
    log_prior_b: Callable[[np.ndarray], np.ndarray]
    tau: float = 0.0
    log_weight: float = 0.0


@dataclass(frozen=True)
class Law:
    """A density on log S."""

    log_sd: np.ndarray
    density: np.ndarray

    @property
    def below(self) -> np.ndarray:
        total = np.cumsum(self.density)
        return (total - 0.5 * self.density) / total[-1]

    def quantile(self, probability: float) -> float:
        return float(np.exp(np.interp(probability, self.below, self.log_sd)))

    def mean(self, of: Callable[[np.ndarray], np.ndarray] = lambda sd: sd) -> float:
        return float(np.average(of(np.exp(self.log_sd)), weights=self.density))


def _convolved(values: np.ndarray, at: np.ndarray, sd: float) -> np.ndarray:
    """log ∫ N(v; 0, sd²) exp values(at + v) dv, ``values`` on the grid."""
    return special.logsumexp(_LOG_WEIGHT + np.interp(at[:, None] + sd * _Z, _M, values), axis=1)


def _of_region(values: np.ndarray, b: np.ndarray, sd: float) -> np.ndarray:
    """The same at every b; a wide normal is laid on the grid of the values, a narrow one on its own."""
    if sd < 0.15:
        return _convolved(values, b, sd)
    some = values > values.max() - 45.0
    kernel = -0.5 * ((_M[None, some] - b[:, None]) / sd) ** 2 - np.log(sd * np.sqrt(2.0 * np.pi)) + _LOG_STEP[some]
    kernel += values[some]
    top = kernel.max(axis=1)
    return top + np.log(np.exp(kernel - top[:, None]).sum(axis=1))


def law_of_sd(outer: Sequence[Given], log_prior_sd: Callable[[float], float], most: float = 1e3) -> Law:
    """The posterior of S, up to ``most``."""
    log_sd = np.linspace(np.log(2e-3), np.log(most), 60)
    total = np.full((len(outer), log_sd.size), -np.inf)
    for o, given in enumerate(outer):
        known: dict[int, np.ndarray] = {}
        regions = []
        for states in given.regions:
            values = np.zeros(_M.size)
            for state in states:
                if id(state) not in known:
                    plain = state(_M)
                    known[id(state)] = _convolved(plain, _M, given.tau) if given.tau else plain
                values = values + known[id(state)]
            regions.append(values)
        for k, sd in enumerate(np.exp(log_sd)):
            b = np.linspace(-4.0 - 5.0 * min(sd, 60.0), 4.0 + 5.0 * min(sd, 60.0), 201)
            value = given.log_prior_b(b)
            for values in regions:
                value = value + _of_region(values, b, sd)
            total[o, k] = special.logsumexp(value) + np.log(b[1] - b[0]) + given.log_weight + log_prior_sd(sd) + log_sd[k]
    density = special.logsumexp(total, axis=0)
    fine = np.linspace(log_sd[0], log_sd[-1], 20_001)
    inside = np.isfinite(density)
    spline = interpolate.CubicSpline(log_sd[inside], density[inside] - density[inside].max())
    return Law(fine, np.where(fine <= log_sd[inside][-1], np.exp(spline(np.minimum(fine, log_sd[inside][-1]))), 0.0))

"""Ranks of a truth among draws, and whether they are uniform: ECDFs with bands that hold at all points at once.

The rank of a truth among L independent draws of its own posterior is uniform on 0 … L (Cook, Gelman and Rubin 2006; Talts et al. 2018),
so that N ranks have an empirical distribution function whose value at k/(L + 1), k = 1 … L, is Binomial(N, k/(L + 1))/N. Bands that
hold at every k together with a given probability follow from the recursion of Säilynoja, Bürkner and Vehtari (2022, §2.2), which is
exact: between neighbouring points the counts are binomial given the one before. Turned round it gives each quantity an exact p-value.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

SUITE = 0.01
"""Probability that a sampler without fault is found wanting, over all quantities together."""


def rank(truth: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """How many of the L draws (L, K) lie below each truth (K,)."""
    return np.sum(draws < truth, axis=0)


def cumulative(ranks: np.ndarray, L: int) -> np.ndarray:
    """How many of the ranks (N,), each 0 … L, are below k, for k = 1 … L: N times the ECDF at k/(L + 1)."""
    return np.cumsum(np.bincount(ranks, minlength=L + 1))[:L]


def p_value(ranks: np.ndarray, L: int) -> float:
    """Probability, were the ranks (N,) uniform on 0 … L, of an ECDF that is anywhere as far out as this one's farthest point.

    Far out is measured by the binomial tail probability at each point, so that no point counts more than another.
    """
    from scipy import special  # scipy.stats has the same, and takes a second to import, which Ctrl-C does not leave

    n = len(ranks)
    seen, at = cumulative(ranks, L), np.arange(1, L + 1) / (L + 1.0)
    tails = np.minimum(special.bdtr(seen, n, at), special.bdtrc(seen - 1, n, at))
    return float(np.clip(1.0 - inside(n, L, 2.0 * float(tails.min()), strictly=True), 0.0, 1.0))


def inside(n: int, L: int, gamma: float, *, strictly: bool = False) -> float:
    """Probability that n uniform ranks have at every point tail probabilities of at least (``strictly``: more than) gamma/2."""
    low, high = _limits(n, L, gamma, strictly)
    if np.any(low > high):
        return 0.0
    at = np.arange(1, L + 1) / (L + 1.0)
    before, chance, last = np.zeros(1, dtype=np.int64), np.ones(1), 0.0
    for k in range(L):
        now = np.arange(low[k], high[k] + 1)
        chance = chance @ _binomial(now[None, :] - before[:, None], n - before[:, None], (at[k] - last) / (1.0 - last))
        before, last = now, at[k]
    return float(chance.sum())


@lru_cache(maxsize=64)
def band(n: int, L: int, probability: float) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest count at each of the L points, such that n uniform ranks stay within all with ``probability``.

    Counts are whole numbers, so the band that is given holds with at least that probability.
    """
    gone, there = 0.0, 1.0 - probability  # gamma: the pointwise level lies between Bonferroni's and the joint one
    for _ in range(18):
        middle = 0.5 * (gone + there)
        gone, there = (middle, there) if inside(n, L, middle) >= probability else (gone, middle)
    return _limits(n, L, gone, False)


def _limits(n: int, L: int, gamma: float, strictly: bool) -> tuple[np.ndarray, np.ndarray]:
    """For each point the counts of which both tails, the count itself among them, have at least (more than) gamma/2."""
    below, above = _tails(n, L)
    half = 0.5 * gamma * (1.0 + 1e-9 if strictly else 1.0 - 1e-9)
    enough = np.minimum(below, above) > half if strictly else np.minimum(below, above) >= half
    some = enough.any(axis=1)
    low, high = np.argmax(enough, axis=1), n - np.argmax(enough[:, ::-1], axis=1)
    return np.where(some, low, 1), np.where(some, high, 0)


@lru_cache(maxsize=8)
def _tails(n: int, L: int) -> tuple[np.ndarray, np.ndarray]:
    """P(X ≤ m) and P(X ≥ m) for X ~ Binomial(n, k/(L + 1)): (L, n + 1) each."""
    from scipy import special

    at, counts = (np.arange(1, L + 1) / (L + 1.0))[:, None], np.arange(n + 1)
    return special.bdtr(counts, n, at), special.bdtrc(counts - 1, n, at)


@lru_cache(maxsize=8)
def _log_factorials(n: int) -> np.ndarray:
    from scipy import special

    return special.gammaln(np.arange(n + 2) + 1.0)


def _binomial(successes: np.ndarray, trials: np.ndarray, chance: float) -> np.ndarray:
    """Binomial probabilities, 0 for counts below 0 or above the trials."""
    possible = (successes >= 0) & (successes <= trials)
    k = np.where(possible, successes, 0)
    table = _log_factorials(int(trials.max(initial=0)))
    value = table[trials] - table[k] - table[np.maximum(trials - k, 0)] + k * np.log(chance) + (trials - k) * np.log1p(-chance)
    return np.where(possible, np.exp(value), 0.0)

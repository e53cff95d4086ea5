"""What is asked of draws: the limits of R-hat, effective sample sizes and Monte Carlo errors, quantity by quantity.

Used by the sampler, which goes on until they are met, and by the verdict on a run, which says whether they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gibbs.draws import selection
from gibbs.model.records import Until

RHAT = 1.01
A_CHAIN = 100.0
"""Effective draws a chain, of four chains at most, that a run of a fixed length is held to (Vehtari et al. 2021)."""
EFFECTS = 0.4
"""Random effects are held to this share of the effective draws that other parameters are."""


@dataclass(frozen=True)
class Limits:
    """Arrays, one entry a quantity; of one that is not asked about ``ess`` and ``tail`` are 0 and ``mcse`` is infinite."""

    rhat: float
    ess: np.ndarray
    tail: np.ndarray
    mcse: np.ndarray  # Monte Carlo standard error of the mean, at most
    asked: np.ndarray  # bool

    def shortfall(self, rhat: np.ndarray, bulk: np.ndarray, tail: np.ndarray, mcse: np.ndarray | None = None) -> np.ndarray:
        """How far each quantity is from its limits: at most 1 within them; else about by how much the draws must be multiplied.

        A tail ESS that is nan (of effects summarised as they were drawn) is not asked for; any other nan is infinitely far.
        """
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            tails = np.where(np.isnan(tail), 0.0, self.tail / tail)
            parts = [(rhat - 1.0) / (self.rhat - 1.0), self.ess / bulk, tails]
            if mcse is not None:
                parts.append(np.where(np.isinf(self.mcse), 0.0, np.square(mcse / self.mcse)))
            worst = np.maximum.reduce(parts)
        return np.where(self.asked, np.where(np.isnan(worst), np.inf, worst), 0.0)

    def effective(self, sd: np.ndarray) -> float:
        """The most effective draws that any quantity needs."""
        with np.errstate(divide="ignore", invalid="ignore"):
            by_error = np.where(np.isfinite(self.mcse), np.square(sd / self.mcse), 0.0)
        needed = np.maximum.reduce([self.ess, self.tail, np.nan_to_num(by_error, nan=0.0, posinf=0.0)])
        return float(np.max(needed, initial=0.0))

    def part(self, places: np.ndarray | slice) -> Limits:
        """The limits of some of the quantities."""
        return Limits(self.rhat, self.ess[places], self.tail[places], self.mcse[places], self.asked[places])


def limits(until: Until | None, labels: Sequence[str], parameters: int, chains: int) -> Limits:
    """The limits for ``labels``, of which the first ``parameters`` are fixed effects, sds and the like, the rest random effects.

    until : None is a run of a fixed length. Raises SpecError where ``of`` or ``mcse`` name what is not there.
    """
    size = len(labels)
    none, every = np.full(size, np.inf), np.ones(size, dtype=bool)
    if until is None:
        same = np.full(size, A_CHAIN * min(chains, 4))
        return Limits(RHAT, same, same, none, every)
    share = np.where(np.arange(size) < parameters, 1.0, EFFECTS)
    if until.of:
        every = np.zeros(size, dtype=bool)
        every[selection.pick(until.of, labels, "sampling.until.of")] = True
        share = np.ones(size)  # what is named is held to all of it
    for name, error in until.mcse.items():
        places = selection.pick([name], labels, "sampling.until.mcse")
        none[places] = np.minimum(none[places], error)
        every[places] = True
    tail = until.ess if until.tail_ess is None else until.tail_ess
    return Limits(until.rhat, np.where(every, until.ess * share, 0.0), np.where(every, tail * share, 0.0), none, every)

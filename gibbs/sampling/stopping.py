"""When a run to precision ends: the rule, as pure functions of what was found at a check. Nothing here draws, and nothing knows a clock.

A run is looked at on a fixed geometric grid of draws and nowhere else, so that what it draws depends on the spec, the data and the seed:

    warm-up   is made twice as long, at most ``LONGEST_WARMUP`` times as long as asked for, while the chains have not settled: R-hat of what
              they drew in its second half is above ``SETTLED``. Then everything learnt is frozen, and warm-up is thrown away
    grid      the first check is after ``FIRST`` draws of each chain, the next after ``GROWTH`` times as many, …, at most ``max_draws``
    a pass    every quantity within its limits (``gibbs.draws.limits``), and draws worth at least ``TIMES`` autocorrelation times of every
              chain: an effective sample size estimated from less is no estimate
    the end   ``PASSES`` checks passed in a row: the first one alone would be a stop at a lucky moment (optional stopping)
    storage   where more than ``STORED`` draws would be kept for each effective draw that is asked for, every second of those kept is let
              go, and from then on every second (fourth, eighth, …) sweep alone is kept

Vehtari et al. (2021) for R-hat and effective sample sizes; Flegal and Gong (2015) for stopping at a relative precision.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from gibbs.draws import diagnostics

GROWTH = 1.5
PASSES = 2
TIMES = 50
"""Autocorrelation times that a chain must have run for its effective sample size to be believed."""
STORED = 20
LEAST_STORED = 1000
"""Draws a chain that are stored, if there are so many, whatever they need."""
MOST_BYTES = 2_000_000_000
"""Of the draws stored by all chains together: a run that grows beyond it keeps every second sweep, down to ``LEAST_STORED`` a chain."""
ENOUGH = 3
"""Stored draws for each effective one that is asked for that are kept in any case: no more can be effective than are stored."""
SETTLED = 1.1
LONGEST_WARMUP = 8


@dataclass(frozen=True)
class Course:
    """Where a run to precision stands: with the draws so far, all that decides what it does next. Whole numbers, for a checkpoint."""

    target: int  # draws a chain, those let go by thinning among them, at the next check
    passed: int = 0  # checks passed in a row
    every: int = 1  # sweeps for each draw that is stored

    def after(self, passed: bool, most: int) -> Course | None:
        """What comes after a check at ``target``; None where the run is at its end, precise or not."""
        streak = self.passed + 1 if passed else 0
        if streak >= PASSES or self.target >= most:
            return None
        return replace(self, target=next_check(self.target, most), passed=streak)

    def thinned(self, room: int) -> Course:
        """The record with the least power of 2 for ``every`` that leaves at most ``room`` draws a chain at the next check."""
        every = self.every
        while self.target // every > max(room, 1):
            every *= 2
        return replace(self, every=every)


def next_check(now: int, most: int) -> int:
    """Draws a chain at the check after the one at ``now``."""
    return min(max(math.floor(GROWTH * now), now + 1), most)


def room(effective: float, chains: int, numbers: int) -> int:
    """Draws a chain that are worth storing where ``effective`` draws are wanted of the most demanding of ``numbers`` quantities.

    At least ``LEAST_STORED`` and ``ENOUGH`` for each effective draw; ``STORED`` for each of them where memory allows.
    """
    by_memory = MOST_BYTES // (8 * chains * max(numbers, 1))
    return int(max(LEAST_STORED, ENOUGH * effective / chains, min(STORED * effective / chains, by_memory)))


def long_enough(least: float, chains: int) -> bool:
    """Whether every chain has run for ``TIMES`` autocorrelation times, ``least`` being the smallest effective sample size of all chains.

    An autocorrelation time is all draws over the effective ones, so so many times fit into a chain where ``least`` is so many a chain.
    """
    return least >= TIMES * chains


def settled(warm: np.ndarray) -> bool:
    """Whether chains are where they will stay, by R-hat of (chain, sweep, quantity) of the second half of warm-up; too few are not."""
    second = warm[:, warm.shape[1] // 2 :]
    moving = np.ptp(second, axis=(0, 1)) > 0.0
    if not moving.any():
        return True
    if second.shape[1] < 4:
        return False
    rhat = diagnostics.rhat(second[:, :, moving])
    return bool(np.all(rhat <= SETTLED))


def longer_warmup(now: int, asked: int) -> int:
    """Sweeps of warm-up after one of ``now`` that has not settled; ``now`` itself where it is as long as it may become."""
    return max(min(2 * now, LONGEST_WARMUP * asked), now)

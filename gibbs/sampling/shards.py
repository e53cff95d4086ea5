"""Passes over the rows shared out: threads that chains leave free take shards of them (``kernels/shards.py``).

Where a chain passes over its rows, it does so shard by shard, whether or not somebody helps, so draws are those of one thread. Rows that a
decision reads one by one (``kernels/expansion.py``) have no pass to share; gaussian models none at all.
"""

from __future__ import annotations

import ctypes
import itertools
from concurrent.futures import Executor
from typing import Any

import numpy as np
from numba import typeof

from gibbs.kernels import shards as ks
from gibbs.kernels.layout import StandIn
from gibbs.sampling import decisions
from gibbs.sampling.pack import Packed

SUMS = 4
"""Sums by level, of every shard its own, are not more than one for so many rows: else shards are larger."""


def boundaries(rows: int, level: np.ndarray) -> np.ndarray:
    """Where shards begin and end, (S + 1,); (0, ``rows``) where there is one. level : (rows, F) of the factors with sums by level."""
    if rows < decisions.LEAST_SHARED:
        return np.array([0, rows])
    shards = max(rows // decisions.SHARD, 2)
    while shards > 1:
        ends = np.linspace(0, rows, shards + 1).astype(np.int64)
        low, high = _range(ends, level)
        if SUMS * np.sum(high - low, axis=1).max(initial=0) <= rows:
            return ends
        shards //= 2
    return np.array([0, rows])


def _range(ends: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of every factor and shard the first level that the shard has, and the one after its last; (F, S) each."""
    first = ends[:-1]
    columns = [level[:, f] for f in range(level.shape[1])]
    low = np.array([np.minimum.reduceat(column, first) for column in columns], dtype=np.int64).reshape(-1, first.size)
    high = np.array([np.maximum.reduceat(column, first) for column in columns], dtype=np.int64).reshape(-1, first.size) + 1
    return low, high


class Shards:
    """The passes of one chain. ``address`` is of what its loop calls, 0 where the rows stay together."""

    def __init__(self, packed: Packed) -> None:
        rows, factor = packed.rows, packed.layout.factor
        self.factors = [f for f in range(factor.size) if factor[f].unit >= 0 and factor[f].sparse < 0]
        level = rows.level[:, self.factors]
        self.ends: list[int] = boundaries(rows.y.size, level).tolist()
        self.count = len(self.ends) - 1
        self.chain: Any = None
        self.data: StandIn | None = None
        self.helpers: Executor | None = None
        self.hands = 0
        self.error: BaseException | None = None
        self.address = 0
        if self.count == 1:
            return
        self.low, self.high = _range(np.array(self.ends), level)
        self.totals = np.zeros(self.count)
        self.sums = np.zeros(int(np.sum(self.high - self.low, axis=1).max(initial=0)))
        self._called = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(self._answer)
        self.address = ctypes.cast(self._called, ctypes.c_void_p).value or 0

    def begin(self, chain: Any, data: StandIn) -> None:
        """What passes are over from now on."""
        self.chain, self.data = chain, data

    def compile(self, chain: Any, data: StandIn) -> None:
        """Load or build what a shard is passed over by."""
        cut, none = chain.state.core[:0], np.zeros((0, 0))
        given = (ks.Pass(*[0] * 6), 1.0, cut, cut, data, chain.layout, chain.state, chain.trial, chain.trial.change, none)
        ks.pass_over_shard.compile(tuple(map(typeof, given)))

    def helped_by(self, helpers: Executor, hands: int) -> None:
        """From now on ``hands`` threads take shards too."""
        self.helpers, self.hands = helpers, min(hands, self.count - 1)

    def check(self) -> None:
        """Raise what went wrong in a pass, which the loop could not."""
        if self.error is not None:
            error, self.error = self.error, None
            raise error

    def derivatives(self, sums: np.ndarray) -> None:
        """Warm-up's sums (3 or 7, M) += the derivatives where the chain is."""
        self._pass(ks.DERIVATIVES, ks.STATE, 0, sums)

    def _answer(self, task: int, about: int, place: int) -> float:
        """The sum that the compiled loop asks for. What is raised here has no way through it."""
        try:
            return self._pass(task, about, place, np.zeros((0, 0)))
        except BaseException as error:  # raised by ``check``, in the chain's own thread
            self.error = error
            return float("nan")

    def _pass(self, task: int, about: int, place: int, sums: np.ndarray) -> float:
        chain = self.chain
        if chain is None or chain.given_up:
            return float("nan")
        shape, cut, other = self._family(chain, task, about)
        low, changes = [0] * self.count, [chain.trial.change] * self.count
        if task == ks.OF_LEVELS:
            k = self.factors.index(about)
            low, ends = self.low[k].tolist(), np.cumsum(self.high[k] - self.low[k])
            self.sums[: ends[-1]] = 0.0
            changes = np.split(self.sums[: ends[-1]], ends[:-1])
        turn, given = itertools.count(), (shape, cut, other, self.data, chain.layout, chain.state, chain.trial)

        def some() -> None:
            for n in turn:
                if n >= self.count:
                    return
                what = ks.Pass(task, about, place, self.ends[n], self.ends[n + 1], low[n])
                self.totals[n] = ks.pass_over_shard(what, *given, changes[n], sums)

        waiting = [self.helpers.submit(some) for _ in range(self.hands)] if self.helpers is not None else []
        some()
        for helper in waiting:  # one that has not begun has nothing left to do
            if not helper.cancel():
                helper.result()
        if task == ks.OF_LEVELS:
            first, levels, width = (int(chain.packed.layout.factor[about][name]) for name in ("u0", "levels", "width"))
            of_levels = chain.trial.change[first : first + levels * width : width]
            for n, change in enumerate(changes):
                of_levels[low[n] : low[n] + change.size] += change
        return float(sum(self.totals.tolist()))

    def _family(self, chain: Any, task: int, about: int) -> tuple[float, np.ndarray, np.ndarray]:
        """Dispersion, cutpoints of the state or those that are tried, cutpoints of the proposal."""
        state, cuts, shape = chain.state, chain.packed.cutpoints, chain.shape()
        cut, other = state.core[:cuts], (chain.trial if about == ks.PROPOSAL else state).core[:cuts]
        if task == ks.OF_FAMILY:
            tried = chain.work.points[3]
            return (float(np.exp(tried[0])), cut, other) if state.psi.size else (shape, tried[:cuts], other)
        return shape, cut, other

"""Student-t random effects between two sweeps of a chain: the scales of the levels and the degrees of freedom."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gibbs.kernels import layout as kl
from gibbs.kernels import level_laws, level_scales
from gibbs.kernels.likelihood import BINOMIAL_LOGIT, BINOMIAL_PROBIT
from gibbs.kernels.priors import FIXED

if TYPE_CHECKING:
    from gibbs.sampling.chain import Chain

MOVES = 2
"""Proposals of the degrees of freedom a sweep."""
LIKED = 0.4
"""The share of them that warm-up aims to accept."""
AUGMENTED = {kl.PROBIT: BINOMIAL_PROBIT, kl.LOGIT: BINOMIAL_LOGIT, kl.STUDENT: -1}
"""The likelihoods of augmented families, latents integrated out, as ``kernels/level_laws.py`` knows them."""


class Likelihood(NamedTuple):
    """A likelihood beside its normal stand-in, names as in ``kernels/second_order.py``; arrays of no rows where there is none."""

    data: tuple
    shape: float
    cuts: int
    eta: np.ndarray
    gap: np.ndarray
    trial_eta: np.ndarray
    trial_gap: np.ndarray


class LevelScales:
    """What a chain with Student-t effects does besides; the kernels are ``kernels/level_scales.py`` and ``kernels/level_laws.py``."""

    def __init__(self, chain: Chain) -> None:
        p = chain.packed
        self.chain = chain
        self.change, self.core_change = np.ones(p.effects), np.ones(p.core_columns)
        self.distance = np.zeros(int(np.max(p.factor[p.student, kl.LEVELS])))
        self.noise_core, self.trial_core = np.zeros(p.core_columns), np.zeros(p.core_columns)
        self.noise, self.trial_u = np.zeros(p.effects), np.zeros(p.effects)
        self.step = np.full(p.student.size, 0.5)
        self.rows = [_rows_by_level(p.rows.level[:, f], int(p.factor[f, kl.LEVELS])) for f in p.student] if p.family != kl.GAUSSIAN else []
        self.part = np.zeros(p.rows.y.size)

    def draw(self) -> None:
        """sds, degrees of freedom and the scales of all levels, given the effects."""
        self._draw(self.chain.packed.student)

    def _draw(self, factors: np.ndarray) -> None:
        c, p, s = self.chain, self.chain.packed, self.chain.state
        level_scales.draw_level_scales(
            c.rng, p.factor, p.term, factors, p.df_prior, p.sd_prior, p.cov_prior, s.df, s.L, s.u, s.spread, self.change, self.distance,
            c.work["small"][0],
        )  # fmt: skip
        self._rescale(factors)
        self._other_target()

    def _rescale(self, factors: np.ndarray) -> None:
        """Columns times ``change``, effects divided by it."""
        c, p, s = self.chain, self.chain.packed, self.chain.state
        level = c.rows.level if p.family != kl.GAUSSIAN else c.rows.level[:0]
        level_scales.rescale(
            p.factor, p.index, p.units, p.core_factors, factors, self.change, self.core_change, c.node, c.m, c.h, c.dense, s.u, s.core,
            c.rows.Z, level, *c.cross,
        )  # fmt: skip

    def _other_target(self) -> None:
        """The known log target of the variances is that of another state now; η of second-order sweeps stays what it is."""
        if self.chain.packed.family >= 0:
            self.chain.state.scale[4] = np.nan

    def move(self, warming: bool) -> None:
        """Proposals of the degrees of freedom with the effects integrated out, their size learnt in warm-up."""
        c, p = self.chain, self.chain.packed
        likelihood = c.likelihood_beside_normal()
        if likelihood is None or (p.family < 0 and not c.state.scale[4] > 0.0):  # η and the gap are not those of the stand-in yet
            return
        for k in np.flatnonzero(p.df_prior[:, 0] != FIXED):
            for _ in range(MOVES):
                accepted = self._move(k, self.step[k], likelihood)
                if warming:
                    self.step[k] = min(max(self.step[k] * math.exp(0.1 * (accepted - LIKED)), 1e-3), 5.0)
        self._other_target()

    def _move(self, k: int, step: float, likelihood: Likelihood) -> float:
        c, p, s, w = self.chain, self.chain.packed, self.chain.state, self.chain.work
        data, shape, cuts, *rows = likelihood
        return level_laws.move_degrees_of_freedom(
            c.rng, step, k, p.student, p.df_prior, s.df, s.spread, self.change, self.core_change, data, shape, cuts, p.factor, p.term,
            p.index, p.units, p.core_factors, c.node, c.m, c.h, p.yy, p.n, w["B"], s.scale[2], w["roots"], w["work"], w["vh"], c.dense, s.L,
            s.scale[0], c.cross, w["rhs"], w["rhs_core"], s.core, s.u, *rows, self.noise_core, self.trial_core, self.noise,
            self.trial_u,
        )  # fmt: skip

    def scale(self) -> None:
        """λ_j given v_j and the rows of the level, for outcomes that are not gaussian: effects follow into the tails of their law.

        Latents are stale afterwards; a sweep begins with them.
        """
        c, p, s = self.chain, self.chain.packed, self.chain.state
        if p.family == kl.GAUSSIAN:
            return
        for k in range(p.student.size):
            self._multipliers(k, p.factor)
            self._rescale(p.student)
            s.u *= self.change
            for g in p.core_factors:  # the effects of the core are kept twice
                size, u0, at = int(p.factor[g, kl.LEVELS] * p.factor[g, kl.WIDTH]), p.factor[g, kl.U0], p.factor[g, kl.CORE0]
                s.core[at : at + size] = s.u[u0 : u0 + size]
        c.effects_have_moved()
        self._other_target()

    def _multipliers(self, k: int, factor: np.ndarray) -> None:
        c, p, s, r = self.chain, self.chain.packed, self.chain.state, self.chain.rows
        code, cut = AUGMENTED.get(p.family, p.likelihood), s.core[: p.cutpoints]
        shape = c.likelihood_beside_normal().shape if p.family < 0 else 1.0
        level_laws.draw_multipliers(
            c.rng, p.student[k], s.df[k], code, r.X, r.Z, r.level, r.offset, r.y, r.trials, *self.rows[k], shape, cut, s.scale[0],
            s.scale[1], factor, s.core, s.u, s.spread, self.change, s.eta, self.part,
        )  # fmt: skip

    def compile(self) -> None:
        """Load or build the kernels, without a change to the chain's parameters."""
        p = self.chain.packed
        self._draw(p.student[:0])
        likelihood = self.chain.likelihood_beside_normal()
        if likelihood is not None:
            self._move(0, 0.0, likelihood)
        if p.family != kl.GAUSSIAN:
            none = p.factor.copy()
            none[:, kl.LEVELS] = 0
            self._multipliers(0, none)


def _rows_by_level(level: np.ndarray, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of level j are rows[first[j]:first[j + 1]]: (rows, first)."""
    return np.argsort(level, kind="stable"), np.concatenate([[0], np.cumsum(np.bincount(level, minlength=levels))])

"""Student-t random effects between two sweeps of a chain: the scales of the levels and the degrees of freedom."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gibbs.kernels import layout as kl
from gibbs.kernels import level_laws, level_scales
from gibbs.kernels.elimination import coefficient_precision
from gibbs.kernels.likelihood import BINOMIAL_LOGIT, BINOMIAL_PROBIT
from gibbs.kernels.priors import FIXED

if TYPE_CHECKING:
    from gibbs.sampling.chain_parts import ChainParts

MOVES = 2
"""Proposals of the degrees of freedom a sweep."""
LIKED = 0.4
"""The share of them that warm-up aims to accept."""
AUGMENTED = {kl.PROBIT: BINOMIAL_PROBIT, kl.LOGIT: BINOMIAL_LOGIT, kl.STUDENT: -1}
"""The likelihoods of augmented families, latents integrated out, as ``kernels/level_laws.py`` knows them."""


class LevelScales:
    """What a chain with Student-t effects does besides; the kernels are ``kernels/level_scales.py`` and ``kernels/level_laws.py``."""

    def __init__(self, chain: ChainParts) -> None:
        p = chain.packed
        self.chain = chain
        self.distance = np.zeros(int(np.max(p.layout.factor[p.student].levels)))
        self.step = np.full(p.student.size, 0.5)
        discrete = p.family != kl.GAUSSIAN
        self.by_level = [_rows_by_level(p.rows.level[:, f], int(p.layout.factor[f].levels)) for f in p.student] if discrete else []
        self.part = np.zeros(p.rows.y.size)

    def draw(self) -> None:
        """sds, degrees of freedom and the scales of all levels, given the effects."""
        self._draw(self.chain.multipliers)

    def _draw(self, multipliers: kl.Multipliers) -> None:
        c, p, s = self.chain, self.chain.packed, self.chain.state
        level_scales.draw_level_scales(c.rng, p.layout, multipliers, p.priors, s.L, s.u, self.distance, c.work.small[0])
        self._rescale(multipliers)

    def _rescale(self, multipliers: kl.Multipliers) -> None:
        """Columns times ``change``, effects divided by it."""
        c, p, s = self.chain, self.chain.packed, self.chain.state
        level = c.rows.level if p.family != kl.GAUSSIAN else c.rows.level[:0]
        level_scales.rescale(p.layout, c.gram, multipliers, c.rows.Z, level, s.u, s.core)

    def scale_anew(self) -> None:
        """Columns and cross-products of the multipliers as they are now."""
        c, p, base = self.chain, self.chain.packed, self.chain.without_multipliers()
        level = c.rows.level if p.family != kl.GAUSSIAN else c.rows.level[:0]
        if base is None:
            level_scales.scale_columns(p.layout, p.student, p.rows.Z, c.state.spread, level, c.rows.Z)
        else:
            level_scales.scale_anew(p.layout, base, c.gram, c.multipliers, p.rows.Z, c.rows.Z, level)

    def move(self, warming: bool) -> None:
        """Proposals of the degrees of freedom with the effects integrated out, their size learnt in warm-up."""
        c, p = self.chain, self.chain.packed
        data = c.likelihood_beside_normal()
        if data is None or (p.family < 0 and not c.state.held[0] > 0.0):  # η and the gap are not those of the stand-in yet
            return
        for k in np.flatnonzero(p.df_prior[:, 0] != FIXED):
            for _ in range(MOVES):
                accepted = self._move(k, self.step[k], data)
                if warming:
                    self.step[k] = min(max(self.step[k] * math.exp(0.1 * (accepted - LIKED)), 1e-3), 5.0)

    def _move(self, k: int, step: float, data: kl.StandIn) -> float:
        c, p = self.chain, self.chain.packed
        model = kl.Model(p.layout, c.gram, p.priors, data)
        quadratic = coefficient_precision(p.priors.row, c.state.row_scale, c.work.B)
        target = kl.Target(False, float(p.n), p.yy, quadratic, math.nan)
        shape, cuts = c.shape(), p.cutpoints
        return level_laws.move_degrees_of_freedom(c.rng, step, k, c.multipliers, shape, cuts, model, target, c.state, c.trial, c.work)

    def scale(self) -> None:
        """λ_j given v_j and the rows of the level, for outcomes that are not gaussian: effects follow into the tails of their law.

        Latents are stale afterwards; a sweep begins with them.
        """
        c, p, s = self.chain, self.chain.packed, self.chain.state
        if p.family == kl.GAUSSIAN:
            return
        for k in range(p.student.size):
            self._multipliers(k, p.layout)
            self._rescale(c.multipliers)
            s.u[:] *= c.multipliers.change
            for g in p.layout.core_factors:  # the effects of the core are kept twice
                of = p.layout.factor[g]
                size = of.levels * of.width
                s.core[of.core0 : of.core0 + size] = s.u[of.u0 : of.u0 + size]
        c.effects_have_moved()

    def _multipliers(self, k: int, layout: kl.Layout) -> None:
        c, p = self.chain, self.chain.packed
        code, cut = AUGMENTED.get(p.family, p.likelihood), c.state.core[: p.cutpoints]
        level_laws.draw_multipliers(
            c.rng, k, c.multipliers, code, c.rows, *self.by_level[k], c.shape(), cut, layout, c.state, self.part
        )  # fmt: skip

    def compile(self) -> None:
        """Load or build the kernels, without a change to the chain's parameters."""
        c, p = self.chain, self.chain.packed
        self._draw(c.multipliers._replace(chosen=p.student[:0]))
        self.scale_anew()
        data = c.likelihood_beside_normal()
        if data is not None:
            self._move(0, 0.0, data)
        if p.family != kl.GAUSSIAN:
            none = p.layout.factor.copy()
            none.levels = 0
            self._multipliers(0, p.layout._replace(factor=none))


def _rows_by_level(level: np.ndarray, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of level j are rows[first[j]:first[j + 1]]: (rows, first)."""
    return np.argsort(level, kind="stable"), np.concatenate([[0], np.cumsum(np.bincount(level, minlength=levels))])

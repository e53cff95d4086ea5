"""One chain of second-order moves (``kernels/second_order.py``): how warm-up finds the normal stand-in of the likelihood."""

from __future__ import annotations

import numpy as np

from gibbs.kernels import likelihood as kd
from gibbs.kernels import second_order as k2
from gibbs.kernels.start import start_near_mode
from gibbs.kernels.statistics import accumulate, accumulate_rhs
from gibbs.sampling.chain import ELLIPTICAL_LIMIT, MOST_REJECTED, Chain, Kept, coordinates, fit_move, freeze_reference
from gibbs.sampling.pack import cross_products

REFITS = (0.04, 0.08, 0.14, 0.22, 0.32, 0.45, 0.6, 0.8, 1.0)
"""Shares of warm-up after which the stand-in is fitted again to what was drawn since the refit before."""
FIT_FROM = 3
"""From this refit on the variances move all at once; before, one by one."""
SPLIT_BELOW, JOIN_ABOVE = 0.35, 0.8
"""Acceptance of the core at which it is drawn in twice as many, or half as many, parts."""
SCALE_BELOW, SCALE_EVERY = 0.6, 4.0
"""Effects are scaled with their sds in every sweep where the core's acceptance is below the first, else now and then."""
STUCK = 0.05
"""Acceptance below which the run says that a block hardly moves."""


class SecondOrderChain(Chain):
    """A chain whose likelihood is one of ``kernels/likelihood.py``; the interface is that of ``Chain``."""

    def _start(self) -> None:
        super()._start()
        p, rows, cut = self.packed, self.packed.rows.y.size, max(self.packed.cutpoints, 1)
        self.likelihood = True
        self.boundaries = tuple(sorted({max(int(share * self.warmup), 1) for share in REFITS} if self.warmup else ()))
        self.linear, self.sums, self.summed = np.zeros(rows), np.zeros((3, rows)), 0
        self.views = [coordinates(p, unit) for unit in range(max(p.units.shape[0], 1))]
        d = max((v.shape[0] for v in self.views), default=0)
        self.sizes = np.array([v.shape[0] for v in self.views], dtype=np.int64)
        self.coordinate = np.zeros((len(self.views), d, 2), dtype=np.int64)
        for k, view in enumerate(self.views):
            self.coordinate[k, : view.shape[0]] = view
        self.fit = np.tile([0.0, 0.0, 1.0], (len(self.views), d, 1))
        self.root = np.tile(np.eye(d), (len(self.views), 1, 1))
        size = 1 if p.likelihood == kd.COUNT_NEGATIVE_BINOMIAL else max(p.cutpoints - 1, 0)
        self.psi, self.psi_root = np.zeros(size), np.eye(size)
        self.scratch = np.zeros((4, max(d, size)))
        self.follow = np.zeros((p.sd_prior.shape[0], size))
        self.cut, self.trial_cut, self.gap = np.zeros(cut), np.zeros(cut), np.zeros((2, rows))
        self.noise, self.trial_L = np.zeros((3, p.core_columns)), np.zeros_like(self.state.L)
        self.effects = np.zeros((4, p.effects))
        self.crossed = (*p.cross, self.work["rhs"], self.work["rhs_core"])
        self.blocks, self.refits, self.every = 1, 0, 1.0
        self.steps = np.full(p.sd_prior.shape[0], 0.5)
        self._start_family()
        self._start_at_mode()

    def _start_family(self) -> None:
        """Cutpoints at the shares of the categories; a moderate size."""
        p, y, n = self.packed, self.packed.rows.y, self.packed.rows.trials
        if p.likelihood == kd.COUNT_NEGATIVE_BINOMIAL:
            self.psi[:] = self.rng.uniform(0.0, 2.0)
        elif p.cutpoints:
            from scipy.special import logit, ndtri

            counts = np.bincount(y.astype(int), weights=n, minlength=p.cutpoints + 1) + 0.5
            below = np.cumsum(counts)[:-1] / counts.sum()
            at = ndtri(below) if p.likelihood == kd.ORDINAL_PROBIT else logit(below)
            self.psi[:] = np.log(np.maximum(np.diff(at), 1e-3)) + self.rng.uniform(-0.2, 0.2, self.psi.size)
            k2.cutpoints(self.psi, p.family_prior[5], self.cut)
            self.psi_root *= 0.2

    def _start_at_mode(self) -> None:
        p, s, w, r = self.packed, self.state, self.work, self.packed.rows
        start_near_mode(
            self.rng, p.likelihood, self._shape(), self.cut, 12, 1.0, self._first_predictor(), r.X, r.Z, r.level, r.offset, r.y, r.trials,
            r.core_entry, p.factor, p.term, p.index, p.units, p.core_factors, self.node, w["rhs_core"], w["rhs"], p.row_prior, s.row_scale,
            w["B"], w["P"], w["work"], w["vh"], self.dense, s.L, s.core, s.u, s.omega, s.working, s.eta, w["small"],
        )  # fmt: skip
        if not (np.all(np.isfinite(s.core)) and np.all(np.isfinite(s.u))):
            s.core[:] = 0.0
            s.u[:] = 0.0
        self.linear[:] = s.working + s.omega * r.offset
        self._stand_in()

    def _first_predictor(self) -> np.ndarray:
        """η about which the first Newton step is taken: the link of a smoothed mean for counts, the offset elsewhere."""
        p, r = self.packed, self.packed.rows
        if p.likelihood in (kd.COUNT_POISSON, kd.COUNT_NEGATIVE_BINOMIAL):
            rate = (r.y.sum() + 0.5) / np.sum(r.trials * np.exp(np.clip(r.offset, -30.0, 30.0)))
            return np.log((r.y + rate * np.exp(np.clip(r.offset, -30.0, 30.0))) / (r.trials + 1.0))
        return r.offset.copy()

    def _shape(self) -> float:
        return float(np.exp(self.psi[0])) if self.packed.likelihood == kd.COUNT_NEGATIVE_BINOMIAL else 1.0

    def _stand_in(self) -> None:
        """The cross-products of the quadratic stand-in (ω, b)."""
        p, s, r = self.packed, self.state, self.packed.rows
        s.scale[4] = np.nan  # the gap is that of another stand-in now
        accumulate(r.X, r.Z, r.level, r.core_entry, s.omega, p.factor, p.index, p.units, p.core_factors, self.node, self.dense)
        working = self.linear - s.omega * r.offset
        accumulate_rhs(r.X, r.Z, r.level, working, p.factor, True, p.units.shape[0], self.m, self.h)
        if p.units.shape[0] > 1:
            self.crossed = (*cross_products(r._replace(weight=s.omega), p.factor), *self.crossed[3:])

    def advance(self, sweeps: int) -> None:
        super().advance(sweeps if self.done >= self.warmup else min(sweeps, 1))

    def _run(self, sweeps: int, warming: bool, out: Kept) -> tuple[int, int]:
        p, s, w, r = self.packed, self.state, self.work, self.packed.rows
        data = (p.likelihood, r.X, r.Z, r.level, r.offset, r.y, r.trials, s.omega, self.linear)
        try:
            status = k2.run_second_order(
                self.rng, sweeps, self._collapsed_move(), warming, self.blocks, self.every, self.steps, data, p.family_prior, p.anchor,
                self.psi, self.psi_root, self.follow, self.cut, self.trial_cut, p.values, p.value_rows, self.crossed, p.factor, p.term,
                p.index, p.units, p.core_factors, self.node, self.m, self.h, p.row_prior, p.sd_prior, p.cov_prior, p.scale_prior,
                s.core, s.u, s.L, s.scale, s.row_scale, s.reference, w["work"], w["vh"], self.dense, w["P"], w["B"], w["small"],
                self.sizes, self.coordinate, self.fit, self.root, self.scratch, self.counts, s.eta, self.gap[0], s.working, self.gap[1],
                self.noise[0], self.noise[1], self.noise[2], self.trial_L, self.effects, out.beta, out.L, out.scale, out.lp, out.u,
            )  # fmt: skip
        except np.linalg.LinAlgError:
            return k2.NOT_POSITIVE_DEFINITE, 0
        if warming and sweeps:
            kd.add_derivatives(p.likelihood, r.y, r.trials, s.eta, self._shape(), self.cut, self.sums)
            self.summed += 1
        return status

    def new_kept(self, sweeps: int, warming: bool) -> Kept:
        kept = super().new_kept(sweeps, warming)
        return Kept(kept.beta, kept.L, np.empty((sweeps, self.psi.size)), kept.lp, kept.u)

    def _learn(self, refine: bool) -> None:
        """Refit the stand-in, the move of the variances and the directions of the family's slices; split or join the core's parts."""
        L, psi = np.concatenate([h.L for h in self.history]), np.concatenate([h.scale for h in self.history])
        self.history.clear()
        s = self.state
        eta, first, second = self.sums / self.summed
        s.omega[:] = np.maximum(second, 1e-10)
        self.linear[:] = s.omega * eta + first
        self.sums[:], self.summed = 0.0, 0
        self._stand_in()
        freeze_reference(self.packed.term, s.reference, L)
        if self.psi.size and L.shape[0] > 4 * self.psi.size:
            cov = np.atleast_2d(np.cov(psi.T))
            self.psi_root[:] = np.linalg.cholesky(cov + 1e-6 * np.eye(self.psi.size) + 0.1 * np.diag(np.diag(cov)))
            self._follow(L, psi)
        tried, accepted = self.counts[k2.CORE_TRIED], self.counts[k2.CORE_ACCEPTED]
        if self.refits >= FIT_FROM - 1 and not refine:
            if accepted < SPLIT_BELOW * tried and self.blocks < self.packed.core_columns:
                self.blocks = min(2 * self.blocks, self.packed.core_columns)
            elif accepted > JOIN_ABOVE * tried and self.blocks > 1:
                self.blocks //= 2
        if self.refits >= FIT_FROM and L.shape[0] >= 8:
            self.elliptical = int(self.sizes.max(initial=0)) <= ELLIPTICAL_LIMIT
            for k, view in enumerate(self.views):
                d = view.shape[0]
                if 0 < d <= ELLIPTICAL_LIMIT:
                    frame = self.root[k, :d, :d].copy()
                    fit_move(view, self.fit[k, :d], frame, L, np.ones(L.shape[0]))
                    self.root[k, :d, :d] = frame
            if self.refits > FIT_FROM:
                self.independent = bool(self.counts[k2.INDEPENDENT_REJECTED] <= MOST_REJECTED * L.shape[0] * len(self.views))
        self.every = 1.0 if accepted < SCALE_BELOW * tried else SCALE_EVERY
        self.refits += 1
        self.counts[1:] = 0.0

    def _follow(self, L: np.ndarray, psi: np.ndarray) -> None:
        """Regressions of the log gaps of cutpoints on each log sd."""
        if not self.packed.cutpoints:
            return
        for _, _, q, l0, s0, _ in self.packed.term:
            for a in range(q):
                log_sd = np.log(np.sqrt(np.sum(L[:, l0 + a * q : l0 + a * q + a + 1] ** 2, axis=1)))
                spread = float(np.var(log_sd))
                if spread > 0.0:
                    slope = (psi - psi.mean(axis=0)).T @ (log_sd - log_sd.mean()) / (L.shape[0] * spread)
                    self.follow[s0 + a] = np.clip(slope, -1.0, 1.0)

    def acceptance(self) -> dict[str, float]:
        """Shares of accepted moves since warm-up, by block."""
        c = self.counts
        return {
            "core": float(c[k2.CORE_ACCEPTED] / max(c[k2.CORE_TRIED], 1.0)),
            **({"levels": float(c[k2.LEVELS_ACCEPTED] / c[k2.LEVELS_TRIED])} if c[k2.LEVELS_TRIED] else {}),
        }

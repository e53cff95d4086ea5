"""One chain of second-order moves (``kernels/second_order.py``): how warm-up finds the normal stand-in of the likelihood."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from gibbs.kernels import layout as kl
from gibbs.kernels import likelihood as kd
from gibbs.kernels import second_order as k2
from gibbs.kernels.between import place_laws
from gibbs.kernels.lazy import Lazy
from gibbs.kernels.signatures import types_of
from gibbs.kernels.statistics import accumulate_both, linear_predictor
from gibbs.model import alike, averages
from gibbs.sampling import between, own_law, solved
from gibbs.sampling.chain import MOST_REJECTED, Chain, Kept, _trial, _work, coordinates, freeze_reference
from gibbs.sampling.fitted_move import fit_degrees, fit_move, in_logs
from gibbs.sampling.pack import Packed, cross_products
from gibbs.sampling.plan import ELLIPTICAL_LIMIT
from gibbs.sampling.shards import Shards
from gibbs.sampling.start import start_near_mode

REFITS = (0.04, 0.08, 0.14, 0.22, 0.32, 0.45, 0.6, 0.8, 1.0)
"""Shares of warm-up after which the stand-in is fitted again to what was drawn since the refit before."""
FIT_FROM = 3
"""From this refit on the variances move all at once; before, one by one."""
SPLIT_BELOW, JOIN_ABOVE = 0.45, 0.8
"""Acceptance of the core at which it is drawn in twice as many, or half as many, parts."""
FIRST_PIECE, LAST_PIECE = 90, 8
"""Levels of a field whose noise is redrawn together: at first, and at least."""
SPLIT_FIELD, JOIN_FIELD = 0.5, 0.9
"""Acceptance of these parts below which they are halved, above which they are joined; and of what they hold fast, where it is less than
that of the parts: larger parts hold less."""
EASY = ((0.7, 0.95), (0.88, 0.97))
"""Acceptance of core and levels, of the worst unit and factor, from which tails are no concern, and from which they are none at all."""
SMALL_EVERY = (3.0, 8.0, 16.0)
"""Every how many sweeps the noise moves by a small step, which reaches tails: at neither, the first or both of ``EASY``."""
TIGHT = 0.1
"""Slices of cutpoints that only the prior holds on one side go by this share along the others."""
SCALE_BELOW, SCALE_EVERY = 0.85, (4.0, 4.0, 16.0)
"""Effects are scaled with their sds in every sweep where the core's acceptance is below the first, else now and then, as above."""
OWN_BELOW, OWN_FROM = 0.9, 16
"""A level also moves by its own law where so few of its proposals are accepted, of so many at least; and one whose rows are all alike."""
OWN_EVERY, FEW_OWN = (1.0, 4.0, 8.0), 200
"""Every how many sweeps they do, as above; and more levels than these, whose sds are well known, in no sweep but every fourth."""
OTHERS, MOSTLY = 10, 0.5
"""Where no more levels than these have rows that are not all alike, or so large a share has rows that are, the sds of a factor hang on the
latter: they move by their own law, and effects are scaled with sds, in every sweep."""
PIECES_WITH_IT = 0.7
"""Acceptance of the pieces that a level of a field is in, over that of all pieces, below which it is what they are refused for."""
FITTED_BELOW = 0.7
"""Acceptance of the core below which the stand-in's own law of the variances is no good guide: a t fitted to them proposes instead."""
LONG_ROWS, TIMES = 10.0, 3
"""The variances move so many times before a decision where the pass over the rows for it takes as long as so many moves."""
STUCK = 0.05
"""Acceptance below which the run says that a block hardly moves."""


class SecondOrderChain(Chain):
    """A chain whose likelihood is one of ``kernels/likelihood.py``; the interface is that of ``Chain``."""

    LOOP: ClassVar[Any] = staticmethod(k2.run_second_order)
    CALLED: ClassVar[dict[int, Lazy]] = k2.CALLED
    SETTLED: ClassVar[tuple[str, ...]] = (
        *Chain.SETTLED, "fitted", "blocks", "refits", "every", "small_every", "own_every", "summed"
    )  # fmt: skip

    def _start(self) -> None:
        super()._start()
        p, rows = self.packed, self.packed.rows.y.size
        self.likelihood = True
        self.boundaries = tuple(sorted({max(int(share * self.warmup), 1) for share in REFITS} if self.warmup else ()))
        pieces = 3 if p.cutpoints else 1
        self.omega, self.linear = np.ones(pieces * rows), np.zeros(pieces * rows)
        self.sums, self.summed = np.zeros((7 if p.cutpoints else 3, rows)), 0
        self.first, self.centre, self.own_every = np.zeros(p.cutpoints), np.zeros(rows), 1.0
        self.alike = alike.levels(self.design)
        self.choose(self.alike)
        self.columns, self.shards = self._columns(), self._shards()
        self.views = [coordinates(p, unit) for unit in range(max(p.units, 1))]
        d = max((v.shape[0] for v in self.views), default=0)
        self.counts = kl.counts_of(len(self.views), p.effects)
        place = np.zeros((len(self.views), d, 4), dtype=np.int64)
        for k, view in enumerate(self.views):
            place[k, : view.shape[0]] = view
        psi = np.zeros(1 if p.values.size else 0)
        size, L, columns = psi.size or p.cutpoints, self.state.L.size, p.rows.X.shape[1]
        self.state = self.state._replace(psi=psi, gap=np.zeros(rows))
        self.trial, self.work = _trial(p, rows), _work(p, max(d, size))
        self.base = self.gram  # the cross-products with no multiplier of Student-t effects, and A(ρ) = I
        self.moves = kl.Moves(
            reference=self.tuning.reference,
            sizes=np.array([v.shape[0] for v in self.views], dtype=np.int64),
            place=place,
            fit=np.tile([0.0, 0.0, 1.0], (len(self.views), d, 1)),
            root=np.tile(np.eye(d), (len(self.views), 1, 1)),
            widening=np.zeros((len(self.views), d, d)),
            steps=np.full(p.priors.sd.shape[0] + 1, 0.5),
            psi_root=np.eye(size),
            chosen=self.chosen,
            own_rows=self.own_rows,
            information=np.zeros(L),
            slope=np.zeros((L if not p.cutpoints else 0, columns)),
            shifts=np.zeros((2, columns)),
        )
        self.fitted = False
        self.blocks, self.refits, self.every, self.small_every = 1, 0, 1.0, SMALL_EVERY[0]
        nodes = int(p.layout.fields.table.nodes.max(initial=0))
        self.pieces, self.most_pieces = np.array([max(1, nodes // FIRST_PIECE)]), max(1, nodes // LAST_PIECE)
        self.times = TIMES if _long_rows(p) else 1
        cuts, y = np.arange(p.cutpoints), p.rows.y
        self.open = (cuts < y.min()) | (cuts >= y.max())  # cutpoints below, or above, all categories that somebody chose
        self.low, self.high, self.empty = 0, 0, 0  # cutpoints between low and high have likelihood on both sides; categories nobody chose
        if p.cutpoints:
            self.low, self.high = int(min(y.min(), p.cutpoints)), int(y.max())
            self.empty = p.cutpoints + 1 - np.unique(y).size
        self._start_family()
        self._start_at_mode()

    def _columns(self) -> np.ndarray:
        """The predictors by column, for passes over the rows."""
        return self.packed.columns

    def _shards(self) -> Shards | None:
        """What shares passes over the rows out; None where they stay together."""
        made = Shards(self.packed)
        return made if made.address else None

    def compile(self, besides: tuple[Lazy, ...] = ()) -> None:
        super().compile(besides)
        if self.chosen.shape[0]:
            k2.move_by_own_law.compile(types_of(k2.move_by_own_law))
        if self.shards:
            self.shards.compile(self, self._data())

    def helped_by(self, helpers: Executor, hands: int) -> None:
        if self.shards:
            self.shards.helped_by(helpers, hands)

    def _start_family(self) -> None:
        """Cutpoints at the shares of the categories; a moderate dispersion."""
        p, y, n = self.packed, self.packed.rows.y, self.packed.rows.weight
        if self.state.psi.size:
            self.state.psi[:] = self.rng.uniform(0.0, 2.0)
        elif p.cutpoints:
            from scipy.special import logit, ndtri

            counts = np.bincount(y.astype(int), weights=n, minlength=p.cutpoints + 1) + 0.5
            below = np.cumsum(counts)[:-1] / counts.sum()
            at = ndtri(below) if p.likelihood == kd.ORDINAL_PROBIT else logit(below)
            gaps = np.maximum(np.diff(at), 1e-3) * np.exp(self.rng.uniform(-0.2, 0.2, p.cutpoints - 1))
            self.first[:] = at[0] + np.concatenate([[0.0], np.cumsum(gaps)]) + self.rng.uniform(-0.1, 0.1)
            self.moves.psi_root[:] *= 0.2

    def _start_at_mode(self) -> None:
        p, s, r = self.packed, self.state, self.packed.rows
        omega = np.ones(r.y.size)  # of η; an ordinal stand-in has three squares a row
        first, shape = self._first_predictor(), self.shape()
        start_near_mode(self, p.likelihood, first, omega, self.gram.node, steps=12, spread=1.0, shape=shape, cut=self.first)
        if p.cutpoints:
            linear_predictor(r, self.layout, s.core, s.u, s.eta)
            self._add_derivatives()
            self._fit_stand_in()
        else:
            self.omega[:] = omega
            self.centre[:] = s.eta
            self.linear[:] = s.working + self.omega * r.offset
        self._stand_in()
        self._learn_ridge()

    def _learn_ridge(self) -> None:
        """How far the coefficients give way when the effects spread: −½ (X'ΩX)⁻¹ X'(ω′ z'Vz), V the variance of a level's effects.

        A quadratic stand-in takes the mean of e^η to be that of η alone, where it is e^{η + V/2}; ω′ is the slope of the curvature. That of
        fields is solved for with V in it (``solved.py``): nothing gives way.
        """
        p, r = self.packed, self.packed.rows
        information, slope = self.moves.information, self.moves.slope
        if slope.shape[0] == 0:
            return
        step, curvature = 0.05, []
        for sign in (1.0, -1.0):
            sums = np.zeros((3, r.y.size))
            kd.add_derivatives(p.likelihood, r.y, r.weight, self.centre + sign * step, self.shape(), self.first, sums)
            curvature.append(sums[2])
        steep = (curvature[0] - curvature[1]) / (2.0 * step)
        columns = r.X.shape[1]
        gram = self.gram.core[:columns, :columns]
        gram = np.tril(gram) + np.tril(gram, -1).T
        weights = p.priors.row[:, 3:]
        with np.errstate(invalid="ignore", over="ignore"):
            gram = gram + weights.T @ (weights * p.priors.row[:, 1:2])
        if not np.all(np.isfinite(gram)):  # the sweep says where
            return
        for f, column, q, l0, *_ in p.layout.term.tolist():
            if p.layout.factor[f].sparse >= 0:
                continue
            z0 = p.layout.factor[f].z0 + column
            Z, level = r.Z[:, z0 : z0 + q], r.level[:, f]
            size = np.bincount(level, weights=self.omega)
            for a in range(q):
                for b in range(a + 1):
                    product = Z[:, a] * Z[:, b]
                    typical = size @ np.bincount(level, weights=self.omega * product) / size.sum()
                    information[l0 + a * q + b] = information[l0 + b * q + a] = typical
                    twice = 1.0 if a == b else 2.0
                    slope[l0 + a * q + b] = np.linalg.lstsq(gram, r.X.T @ (0.5 * twice * steep * product), rcond=None)[0]

    def _first_predictor(self, every: int = 1) -> np.ndarray:
        """η about which the first Newton step is taken, of every so many-th row: the link of a smoothed mean for counts, the offset
        elsewhere."""
        p, r = self.packed, self.packed.rows
        y, offset, weight = r.y[::every], r.offset[::every], r.weight[::every]
        if p.likelihood in kd.OF_COUNTS:
            exposure = averages.total(r.y.size, lambda at: r.weight[at] * np.exp(np.clip(r.offset[at], -30.0, 30.0)))
            rate = (r.y.sum() + 0.5) / exposure
            return np.log((y + rate * np.exp(np.clip(offset, -30.0, 30.0))) / (weight + 1.0))
        return offset.copy()

    def shape(self) -> float:
        """The family's own dispersion; 1 where it has none."""
        return float(np.exp(self.state.psi[0])) if self.state.psi.size else 1.0

    def _add_derivatives(self) -> None:
        """Add the derivatives at the current point to warm-up's averages."""
        p, s, r = self.packed, self.state, self.packed.rows
        if self.shards and self.done:
            self.shards.derivatives(self.sums)
        elif p.cutpoints:
            kd.add_ordinal_derivatives(p.likelihood, r.y, r.weight, s.eta, s.core[: p.cutpoints], self.sums)
        else:
            kd.add_derivatives(p.likelihood, r.y, r.weight, s.eta, self.shape(), self.first, self.sums)
        self.summed += 1

    def _fit_stand_in(self) -> None:
        """(ω, b) ← the averages since the last fit: curvature −l'', and the slope that l' has where the average point is."""
        mean = self.sums / self.summed
        if self.packed.cutpoints:
            at, slope, weight = mean[:2], mean[2:4], np.maximum(mean[4:], 0.0)
            y, cuts = self.packed.rows.y, self.packed.cutpoints
            if self.open.any():  # the likelihood bounds them on one side, and no quadratic is near it
                for border, beside in ((0, (y == y.max()) & (y < cuts)), (1, (y == y.min()) & (y > 0))):
                    slope[border, beside] = weight[border, beside] = weight[2, beside] = 0.0
            difference = weight[2] * (at[0] - at[1])
            self.omega[:] = weight.ravel()
            upper, lower = weight[0] * at[0] + difference + slope[0], weight[1] * at[1] - difference + slope[1]
            self.linear[:] = np.concatenate([upper, lower, np.zeros_like(upper)])
        else:
            self.omega[:] = np.maximum(mean[2], 1e-10)
            self.linear[:] = self.omega * mean[0] + mean[1]
            self.centre[:] = mean[0]
        self.sums[:], self.summed = 0.0, 0

    def _stand_in(self) -> None:
        """The cross-products of the quadratic stand-in (ω, b), another one from now on."""
        self.state.held[0] = 0.0  # the gap is that of the one before
        self.derive()

    def derive(self) -> None:
        p, r = self.packed, self.packed.pieces or self.packed.rows
        accumulate_both(r, self.omega, self.linear - self.omega * r.offset, p.layout, self.base)
        if p.units > 1:
            cross = cross_products(r._replace(weight=self.omega), p.layout)
            self.base = kl.Gram(self.base.node, self.base.h, self.base.m, self.base.core, *cross, self.base.places)
        self.gram = self.base
        if p.own_laws.size:
            self.gram = kl.Gram(*(np.copy(array) for array in self.base))
            place_laws(self.between_sweeps(), self.multipliers, self.layout, self.gram, self.state.own)

    def _data(self) -> kl.StandIn:
        """The likelihood and its stand-in."""
        p, r = self.packed, self.rows
        return kl.StandIn(
            p.likelihood, self.columns, r.Z, r.level, r.offset, r.y, r.weight, self.omega, self.linear, p.values, p.value_rows,
            self.shards.address if self.shards else 0,
        )  # fmt: skip

    def between_sweeps(self) -> kl.Between:
        return between.beside_stand_in(self.between, self.packed, self._data(), self.base, self.trial)

    def advance(self, sweeps: int) -> None:
        super().advance(sweeps if self.done >= self.warmup else min(sweeps, 1))

    def _sweeps(self, sweeps: int, warming: bool, out: Kept) -> tuple[int, int]:
        if self.shards:
            self.shards.begin(self, self._data())
        status = super()._sweeps(sweeps, warming, out)
        if self.shards:
            self.shards.check()
        if warming and sweeps and status[0] == k2.OK:
            self._add_derivatives()
        return status

    def _arguments(self, sweeps: int, warming: bool, out: Kept) -> tuple[Any, ...]:
        """What the loop is called with."""
        p, move, times = self.packed, self._collapsed_move(), 1 if warming else self.times
        orders = kl.SecondOrders(
            p.steps, sweeps, p.cycles, move, times, p.rounds, warming, self.blocks, int(self.pieces[0]), self.every, self.small_every,
            self.own_every, p.cutpoints, self.low, self.high, self.empty,
        )  # fmt: skip
        slope = self.moves.slope  # where the stand-in is a good guide it costs more than it brings
        gives_way = (self.fitted or p.cycles > 1) and bool(slope.any())
        moves = self.moves._replace(chosen=self.chosen, own_rows=self.own_rows, slope=slope if gives_way else slope[:0])
        model = kl.Model(self.layout, self.gram, p.priors, self._data())
        return self.rng, orders, model, self.between_sweeps(), self.state, moves, self.trial, self.work, self._out(out)

    def _collapsed_move(self) -> int:
        return k2.FITTED if self.elliptical and self.fitted else super()._collapsed_move()

    def new_kept(self, sweeps: int, warming: bool) -> Kept:
        kept = super().new_kept(sweeps, warming)
        return replace(kept, scale=np.empty((sweeps, self.state.psi.size)))

    def _learn(self, refine: bool) -> None:
        """Refit the stand-in, the move of the variances and the directions of the family's slices; split or join the core's parts."""
        p = self.packed
        L, own = np.concatenate([h.L for h in self.history]), np.concatenate([h.scale for h in self.history])
        if self.refits >= FIT_FROM - 1:
            laws = np.concatenate([h.own for h in self.history])
            fit_degrees(self.packed, L, laws, None, self.tuning.own_fit)
        cuts = self.packed.cutpoints
        if cuts:
            own = np.concatenate([h.beta for h in self.history])[:, :cuts]
        self.history.clear()
        self._fit_stand_in()
        self._stand_in()
        if self.packed.layout.fields.table.size and not cuts:
            solved.solve(self, L.mean(axis=0))
        self._learn_ridge()
        freeze_reference(self.packed.layout.term, self.moves.reference, L)
        if own.shape[1] and L.shape[0] > 4 * own.shape[1]:
            cov = np.atleast_2d(np.cov(own.T))
            self.moves.psi_root[:] = np.linalg.cholesky(cov + 1e-6 * np.eye(own.shape[1]) + 0.1 * np.diag(np.diag(cov)))
            if self.open.any():
                self.moves.psi_root[~self.open] *= TIGHT
        worst, parts = self._core_acceptance()
        if self.refits >= FIT_FROM - 1 and not refine:
            if parts < SPLIT_BELOW and self.blocks < self.packed.core_columns:
                self.blocks = min(2 * self.blocks, self.packed.core_columns)
            elif parts > JOIN_ABOVE and self.blocks > 1:
                self.blocks //= 2
        if self.refits >= FIT_FROM and L.shape[0] >= 8:
            self.elliptical = int(self.moves.sizes.max(initial=0)) <= ELLIPTICAL_LIMIT
            for k, view in enumerate(self.views):
                d = view.shape[0]
                if 0 < d <= ELLIPTICAL_LIMIT:
                    own = (self.moves.root[k, :d, :d], self.moves.widening[k, :d, :d])
                    fit = kl.Coordinates(view, self.moves.fit[k, :d], *(array.copy() for array in own))
                    self.elliptical &= fit_move(fit, L, np.ones(L.shape[0]), in_logs(p.layout, p.priors))
                    own[0][:], own[1][:] = fit.root, fit.widening
            if self.refits > FIT_FROM:
                self.fitted = self.fitted or (worst < FITTED_BELOW and not p.neighbours.chosen.size)  # sds hang on the rho of the state
                rejected = self.counts.moves.rejected.max()
                self.independent = bool(rejected <= MOST_REJECTED * L.shape[0] and worst > EASY[0][0])
        self._learn_levels(worst)
        self._learn_pieces()
        self.refits += 1
        evaluations = self.counts.moves.evaluations.copy()
        self.counts = kl.counts_of(len(self.views), self.packed.effects)
        self.counts.moves.evaluations[:] = evaluations

    def _learn_pieces(self) -> None:
        """In how many parts the noise of fields is redrawn."""
        found = zip(self.packed.layout.factor, own_law.by_level(self.packed, self.counts), strict=True)
        shares = [accepted.sum() / max(tried.sum(), 1) for row, (tried, accepted) in found if row.sparse >= 0]
        if not shares:
            return
        worst, held = min(shares), min(self._held().values(), default=1.0)
        if worst > JOIN_FIELD or held < min(SPLIT_FIELD, worst):
            self.pieces[0] = max(1, self.pieces[0] // 2)
        elif worst < SPLIT_FIELD:
            self.pieces[0] = min(2 * self.pieces[0], self.most_pieces)

    def _held(self) -> dict[str, float]:
        """By field, the share accepted of what its pieces hold fast, which moves by itself."""
        moves, found = self.counts.moves, {}
        for factor, row in zip(self.factors, self.packed.layout.factor, strict=True):
            if row.sparse >= 0 and moves.held_tried[row.unit]:
                found[factor.name] = float(moves.held_accepted[row.unit] / moves.held_tried[row.unit])
        return found

    def _core_acceptance(self) -> tuple[float, float]:
        """Shares accepted of the part of the core that the variances move with, in the unit where it is least, and of all parts."""
        moves = self.counts.moves
        worst = np.min(moves.core_accepted / np.maximum(moves.core_tried, 1))
        accepted, tried = moves.core_accepted.sum() + moves.parts_accepted.sum(), moves.core_tried.sum() + moves.parts_tried.sum()
        return float(worst), float(accepted / max(tried, 1))

    def _learn_levels(self, core: float) -> None:
        """Which levels also move by their own law, and how often what reaches tails is done; ``core`` is the core's acceptance."""
        p, s, least, which = self.packed, self.state, 1.0, []
        centre = s.eta if p.cutpoints else self.centre
        heavy = own_law.heavy(p, self._data(), centre, s.L, self.shape(), s.core[: p.cutpoints])
        laid = p.layout.factor
        for row, all_one, tail, (tried, accepted) in zip(laid, self.alike, heavy, own_law.by_level(p, self.counts), strict=True):
            which.append(all_one | tail | ((tried >= OWN_FROM) & (accepted < OWN_BELOW * tried)))
            by_piece = row.sparse >= 0 and core > EASY[-1][0]  # levels of a field are accepted by the piece
            together = max(row.levels / int(self.pieces[0]), 1.0) if by_piece else 1.0
            least = min(least, float(accepted.sum() / max(tried.sum(), 1)) ** (1.0 / together)) if tried.any() else least
        self.choose(which)
        easy = sum(core > of_core and least >= of_levels for of_core, of_levels in EASY)
        self.small_every = SMALL_EVERY[easy]
        hangs = any(a.any() and (a.size - a.sum() <= OTHERS or a.mean() >= MOSTLY) for a in self.alike)
        self.every = 1.0 if core < SCALE_BELOW or hangs else SCALE_EVERY[easy]
        self.own_every = OWN_EVERY[easy]
        if hangs:
            self.own_every = 1.0 if sum(int(marked.sum()) for marked in which) <= FEW_OWN else OWN_EVERY[1]

    def choose(self, which: list[np.ndarray]) -> None:
        """The levels that also move by their own law from now on, a (J,) of bool for each factor; none of a field."""
        self.which = [marked & (row.sparse < 0) for marked, row in zip(which, self.packed.layout.factor, strict=True)]
        self.chosen, self.own_rows = own_law.table(self.packed, self.which)

    def learnt(self) -> dict[str, np.ndarray]:
        m = self.moves
        names = ("fit", "root", "widening", "steps", "psi_root", "information", "slope")
        found = {name: getattr(m, name) for name in names}
        found |= {"omega": self.omega, "linear": self.linear, "centre": self.centre, "first": self.first, "sums": self.sums}
        if self.packed.layout.fields.table.size:
            found |= {"pieces": self.pieces}
        found |= {f"which.{f}": marked for f, marked in enumerate(self.which)}
        return super().learnt() | found

    @property
    def redrawn(self) -> tuple[str, ...]:
        return ("omega", "working")

    def restored(self) -> None:
        self.choose(self.which)
        super().restored()

    def acceptance(self) -> dict[str, float]:
        """Shares of accepted moves since warm-up: of each block of the core, and of the levels of each factor, all and the worst.

        The worst level is that of those which do not move by their own law too, whose moves are never refused.
        """
        moves, p = self.counts.moves, self.packed
        sliced = self.empty > 0 and p.core_columns == p.cutpoints  # all of the core has another move in every sweep, never refused
        found = {} if sliced else {"core": self._core_acceptance()[0]}
        if moves.parts_tried.any() and not sliced:
            found["other parts of the core"] = float(moves.parts_accepted.sum() / moves.parts_tried.sum())
        if moves.rows_tried.any():
            found["variances by rows"] = float(np.min(moves.rows_accepted / np.maximum(moves.rows_tried, 1)))
        for factor, (tried, accepted) in zip(self.factors, own_law.by_level(self.packed, self.counts), strict=True):
            if tried.any():
                found[f"levels of {factor.name}"] = float(accepted.sum() / tried.sum())
        found |= {f"broad pattern of {name}": share for name, share in self._held().items()}
        found |= {f"worst level of {name}": share for name, (_, share) in self.worst_levels().items()}
        return found

    def rows_a_decision(self) -> float:
        """Rows that a decision about the core has read since warm-up, on average."""
        moves, rows = self.counts.moves, self.packed.rows.y.size
        read = moves.rows_read.sum() + rows * moves.passes.sum() if self.packed.decided else rows * moves.core_tried.sum()
        return float(read / max(moves.core_tried.sum(), 1))

    def worst_levels(self) -> dict[str, tuple[str, float]]:
        """By factor, the level whose moves are accepted least since warm-up, of those without another kind, and the share. Of a field,
        whose levels move in pieces of many, only where it is less than ``PIECES_WITH_IT`` of that of all, or than ``SPLIT_FIELD``."""
        found = {}
        known = zip(self.factors, own_law.by_level(self.packed, self.counts), self.which, self.packed.layout.factor, strict=True)
        for factor, (tried, accepted), own, row in known:
            if tried.any() and not own.all():
                j = int(np.argmin(np.where(own, np.inf, accepted / np.maximum(tried, 1))))
                share = float(accepted[j] / tried[j])
                if row.sparse < 0 or share < max(PIECES_WITH_IT * float(accepted.sum() / tried.sum()), SPLIT_FIELD):
                    found[factor.name] = factor.levels[j], share
        return found


def _long_rows(p: Packed) -> bool:
    """Whether a pass over the rows takes ``LONG_ROWS`` times as long as one elimination, in multiplications (a likelihood is 40)."""
    pc, q = p.core_columns, p.layout.factor.width
    levels = np.where(p.layout.factor.unit < 0, 0, p.layout.factor.levels * q * (pc + q) ** 2)
    return p.rows.y.size * (40 + p.rows.X.shape[1] + p.rows.Z.shape[1]) > LONG_ROWS * (levels.sum() / 2 + pc**3 / 6)

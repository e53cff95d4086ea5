"""One chain whose decisions read a handful of rows (``kernels/factorised.py``): how warm-up finds the centre of the expansion.

Warm-up begins at the mode and draws from the quadratic alone; the mean of what was drawn is the next centre, and so on. From ``EXACT_FROM``
on every decision is the exact one. Passes over the rows are made for every new centre and for nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from gibbs import mapped
from gibbs.kernels import expansion as ke
from gibbs.kernels import factorised as kf
from gibbs.kernels import layout as kl
from gibbs.kernels.designed import is_designed
from gibbs.kernels.elimination import coefficient_precision
from gibbs.kernels.lazy import Lazy
from gibbs.kernels.statistics import accumulate_both
from gibbs.model import averages
from gibbs.sampling.chain import Chain, Kept, freeze_reference
from gibbs.sampling.second_order import SecondOrderChain
from gibbs.sampling.start import start_near_mode

EXACT_FROM = 3
"""Refits before which warm-up draws from the quadratic alone."""
CENTRED_AT = (0, 2, 8)
"""Refits that move the centre, of the nine of a warm-up; those of a longer one all do."""
NEWTON_STEPS, START_ROWS = 6, 50_000
"""To the mode of about so many of the rows, from 0: where warm-up begins."""
REACH, FURTHER = 6.0, 0.3
"""Standard deviations beyond the typical distance √p up to which bounds hold that depend on it; and as far as a typical row's predictor
changes by so much, which costs a bound e^FURTHER: a proposal further out, as a step that is still too large makes them, is a pass."""
RIDGE = 1e-6
"""Added to the diagonal of the metric of distances, in units of it: where columns are nearly dependent its root keeps its digits."""
DEAREST = 0.1
"""A decision that would read more than this share of the rows passes over all of them: in order that is quicker than at random."""


def levels_of_core(layout: kl.Layout, columns: int) -> np.ndarray | None:
    """M (pc, pc): a core with the effects of levels that know their neighbours in place of their coordinates; None where there are none."""
    found = None
    for f in layout.core_factors:
        row = layout.factor[f]
        if row.basis0 >= 0 and not is_designed(row):
            found = np.eye(columns) if found is None else found
            J, at = int(row.levels), slice(row.core0, row.core0 + row.levels * row.width)
            found[at, at] = np.kron(layout.basis[row.basis0 :][: J * J].reshape(J, J), np.eye(row.width))
    return found


def turn_cubic(levels: np.ndarray, cubic: np.ndarray) -> None:
    """Sums T_abk, a ≥ b ≥ k, of a symmetric array in the columns M core ← those in the columns of the core, Σ M_aa' M_bb' M_kk' T_abk."""
    n = len(levels)
    a, b = np.arange(n)[:, None, None], np.arange(n)[None, :, None]
    some = np.nonzero((a >= b) & (b >= np.arange(n)))
    whole = np.empty((n, n, n))
    for turned in permutations(some):
        whole[turned] = cubic
    for _ in range(3):
        whole = np.tensordot(whole, levels, axes=(0, 0))
    cubic[:] = whole[some]


class FactorisedChain(SecondOrderChain):
    """A second-order chain with all effects in the core, decided by factors; the interface is that of ``Chain``."""

    LOOP: ClassVar[Any] = staticmethod(kf.run_factorised)
    CALLED: ClassVar[dict[int, Lazy]] = {}
    SETTLED: ClassVar[tuple[str, ...]] = (*Chain.SETTLED, "fitted", "blocks", "refits", "every", "small_every", "order")

    def _start(self) -> None:
        self.order = 0
        super()._start()
        self.likelihood = False  # of a draw: nobody computes it in passing
        self.times = 1

    def _columns(self) -> np.ndarray:
        return np.zeros((self.packed.rows.X.shape[1], 0))  # no pass goes by column

    def _shards(self) -> None:
        return None

    def _start_at_mode(self) -> None:
        p, pc = self.packed, self.packed.core_columns
        rows, cubic = p.rows.y.size, pc * (pc + 1) * (pc + 2) // 6 if p.decided == 3 else 0
        self._start_at_mode_of_some()
        none = np.zeros(0)
        self.omega = self.linear = self.centre = none
        self.sums = np.zeros((3, 0))
        self.state = self.state._replace(omega=none, working=none, eta=none, gap=none)
        self.trial = self.trial._replace(eta=none, gap=none)
        self.spread, self.typical = self.state.L.copy(), np.zeros_like(self.state.L)
        self.expansion = kl.Expansion(
            order=0, X=p.rows.X, centre=self.state.core.copy(), root=np.zeros((pc, pc)), cubic=np.zeros(cubic),
            bound=mapped.filled(p.rows.y, rows, 0.0), threshold=mapped.filled(p.rows.y, rows, 0.0),
            alias=mapped.filled(p.rows.y, rows, 0, np.int32), total=0.0,
            reach=np.inf, most=DEAREST * rows, drawn=np.zeros(pc + 1), here=np.full(2, np.nan), there=np.zeros(2), spare=np.zeros(pc),
        )  # fmt: skip
        self._stand_in()

    def _start_at_mode_of_some(self) -> None:
        """Core and effects ← the mode, with noise, of an even choice of the rows."""
        p = self.packed
        every = max(p.rows.y.size // START_ROWS, 1)
        some = p.rows._replace(**{name: np.ascontiguousarray(array[::every]) for name, array in p.rows._asdict().items()})
        eta = np.zeros(some.y.size)
        parts = SimpleNamespace(
            rng=self.rng, packed=replace(p, rows=some), layout=self.layout, rows=some, gram=self.gram, work=self.work,
            state=self.state._replace(eta=eta, working=np.zeros_like(eta)),
        )  # fmt: skip
        first = self._first_predictor(every)
        start_near_mode(parts, p.likelihood, first, np.ones(eta.size), self.gram.node, steps=NEWTON_STEPS, spread=1.0, shape=1.0)

    def _fit_stand_in(self, L: np.ndarray | None = None) -> None:
        """The centre ← the mean of what was drawn since the last refit; from ``EXACT_FROM`` on rows have their say."""
        drawn = self.expansion.drawn
        if (self.refits in CENTRED_AT or self.refits > CENTRED_AT[-1]) and drawn[-1] > 0.0:
            self.expansion.centre[:] = drawn[:-1] / drawn[-1]
            self.spread[:] = self.typical
        drawn[:] = 0.0
        if self.refits + 1 >= EXACT_FROM:
            self.order = self.packed.decided

    def _stand_in(self) -> None:
        if self._moved():
            self.derive()

    def _moved(self) -> bool:
        """Whether the expansion is another one now."""
        return self.refits in CENTRED_AT or self.refits > CENTRED_AT[-1] or self.order != self.expansion.order

    def derive(self) -> None:
        """Stand-in, bounds and cubic part ← those of the centre: three passes over the rows."""
        p, r = self.packed, self.packed.rows
        omega, linear = mapped.like(r.y, r.y.size), mapped.like(r.y, r.y.size)
        data = self._data()
        ke.linearise(data, r.X, p.layout, self.expansion.centre, omega, linear)
        for at in mapped.blocks(linear.size):
            linear[at] -= omega[at] * r.offset[at]
        accumulate_both(r, omega, linear, p.layout, self.gram)
        if not self.order:
            return
        inverse, root = self._metric()
        levels = levels_of_core(p.layout, p.core_columns)
        inverse = inverse if levels is None else levels @ inverse @ levels.T
        expansion = self.expansion._replace(order=self.order, reach=self._reach(averages.total(omega.size, lambda at: omega[at])))
        expansion.root[:] = root
        place, weight = np.zeros(p.core_columns, dtype=np.int64), np.zeros(p.core_columns)
        total = ke.bound_rows(data, p.layout, expansion, inverse, place, weight)
        if self.order == 3:
            if levels is not None:
                turn_cubic(levels, expansion.cubic)
            ke.finish_cubic(p.core_columns, expansion.cubic)
        ke.alias_table(expansion.bound, expansion.threshold, expansion.alias, mapped.like(r.y, r.y.size, np.int32))
        self.expansion = expansion._replace(total=float(total))

    def _reach(self, information: float) -> float:
        """How far bounds are to hold; ``information``: Σω of the rows, of which a typical one lies h = √(p/Σω) from the centre."""
        columns = float(self.packed.core_columns)
        if ke.bounded_everywhere(self.packed.likelihood):
            return np.inf
        least = float(np.sqrt(columns)) + REACH
        return max(least, FURTHER * float(np.sqrt(information / columns))) if np.isfinite(information) else least

    def _metric(self) -> tuple[np.ndarray, np.ndarray]:
        """(A⁻¹, R') of A = RR', the posterior precision at the typical sds ``spread``: any other would do, and read more rows."""
        p, columns = self.packed, self.packed.rows.X.shape[1]
        A = np.tril(self.gram.core) + np.tril(self.gram.core, -1).T
        B = np.zeros((columns, columns + 1))
        coefficient_precision(p.priors.row, np.ones(p.priors.row.shape[0]), B)
        A[:columns, :columns] += B[:, :columns]
        for f, column, q, l0, *_ in p.layout.term.tolist():
            factor = p.layout.factor[f]
            root = self.spread[l0 : l0 + q * q].reshape(q, q)
            precision = np.linalg.pinv(root @ root.T, rcond=1e-12, hermitian=True)
            for j in range(factor.coordinates):
                at = factor.core0 + j * factor.width + column
                A[at : at + q, at : at + q] += precision
        scale = np.sqrt(np.maximum(A.diagonal(), 1e-300))
        unit = A / np.outer(scale, scale) + RIDGE * np.eye(scale.size)
        if not np.all(np.isfinite(unit)):  # the sweep says where
            return np.full_like(A, np.inf), np.zeros_like(A)
        inverse = np.linalg.inv(unit) / np.outer(scale, scale)
        return 0.5 * (inverse + inverse.T), np.linalg.cholesky(unit).T * scale

    def _learn_ridge(self) -> None:
        """Coefficients do not give way: the quadratic is near enough where there are so many rows."""

    def _learn(self, refine: bool) -> None:
        freeze_reference(self.packed.layout.term, self.typical, np.concatenate([h.L for h in self.history]))
        super()._learn(refine)
        self.blocks = 1

    def advance(self, sweeps: int) -> None:
        Chain.advance(self, sweeps)

    def _sweeps(self, sweeps: int, warming: bool, out: Kept) -> tuple[int, int]:
        if not warming and not self.expansion.order:  # a warm-up of hardly a sweep
            self.order = self.packed.decided
            self.derive()
        return Chain._sweeps(self, sweeps, warming, out)

    def _arguments(self, sweeps: int, warming: bool, out: Kept) -> tuple[Any, ...]:
        p = self.packed
        orders = kl.SecondOrders(
            p.steps, sweeps, p.cycles, self._collapsed_move(), 1 if warming else self.times, 0, warming, 1, 1, self.every,
            self.small_every, self.own_every, 0, 0, 0, 0,
        )  # fmt: skip
        model = kl.Model(p.layout, self.gram, p.priors, self._data())
        return self.rng, orders, model, self.expansion, self.state, self.moves, self.trial, self.work, self._out(out)

    def learnt(self) -> dict[str, np.ndarray]:
        """The arrays that warm-up fills; all else of the expansion follows from them."""
        m, e = self.moves, self.expansion
        found = {
            "fit": m.fit,
            "root": m.root,
            "widening": m.widening,
            "steps": m.steps,
            "centre": e.centre,
            "drawn": e.drawn,
            "spread": self.spread,
        }
        return Chain.learnt(self) | found

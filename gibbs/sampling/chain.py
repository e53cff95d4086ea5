"""One chain: its generator, its state, what warm-up learns, and the draws it has kept."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numba import typeof

from gibbs.kernels import hyper as kh
from gibbs.kernels import layout as kl
from gibbs.kernels import sweep as ks
from gibbs.kernels.between import place_laws
from gibbs.kernels.by_rows import room_needed
from gibbs.kernels.lazy import Lazy
from gibbs.kernels.likelihood import BINOMIAL_LOGIT, BINOMIAL_PROBIT
from gibbs.kernels.neighbours import FIT, place_degrees
from gibbs.kernels.priors import FIXED, GAMMA_ABOVE_ONE, UNIFORM
from gibbs.kernels.side_by_side import LANES
from gibbs.kernels.signatures import types_of
from gibbs.kernels.statistics import accumulate_both, accumulate_rhs
from gibbs.model.records import Design, Term
from gibbs.sampling import between, ordering
from gibbs.sampling.fitted_move import SLICED_EVERY, fit_degrees, fit_move, has_corners, in_logs
from gibbs.sampling.pack import Packed, columns_of
from gibbs.sampling.plan import ELLIPTICAL_LIMIT
from gibbs.sampling.start import start_near_mode
from gibbs.sampling.status import sampling_error
from gibbs.sampling.stream import Stream

SLICE_SHARE = 0.4
"""Share of warm-up in which the variances are sliced one by one; the rest runs, and refines, the elliptical move."""
MARKED = 20
"""Sweeps after which a chain says where it stands, so that ``gibbs verify`` can compare another machine with it."""
MOST_REJECTED = 0.4
"""Independent proposals of the variances are kept to where warm-up rejects at most this share of them: the fitted t then has the
posterior's shape. Elsewhere (sds near 0, ridges) they would stick in its tails, and every sweep slices instead."""


@dataclass(frozen=True)
class Kept:
    """Draws of one chunk, first axis the sweep; coefficients in the internal basis."""

    NAMES: ClassVar[tuple[str, ...]] = ("beta", "L", "scale", "own", "lp", "u")
    beta: np.ndarray
    L: np.ndarray
    scale: np.ndarray  # σ, ν
    own: np.ndarray  # own parameters of laws of effects
    lp: np.ndarray
    u: np.ndarray

    def some(self, wanted: np.ndarray) -> Kept:
        """Copies of some of the sweeps."""
        return Kept(*(getattr(self, name)[wanted] for name in Kept.NAMES))

    def one(self, k: int) -> Kept:
        """Room for sweep k alone."""
        return Kept(*(getattr(self, name)[k : k + 1] for name in Kept.NAMES))


class Chain:
    """Everything one chain mutates. Draws depend on the model, the seed and the chain's number, never on the chunking."""

    LOOP: ClassVar[Any] = staticmethod(ks.run_chunk)
    CALLED: ClassVar[dict[int, Lazy]] = ks.CALLED
    SETTLED: ClassVar[tuple[str, ...]] = ("elliptical", "independent", "sliced_every")
    """Numbers that warm-up settles; with the arrays of ``learnt``, Tuning."""

    def __init__(self, number: int, seed: np.random.SeedSequence, packed: Packed, design: Design, warmup: int) -> None:
        self.number = number
        self.rng = np.random.Generator(np.random.SFC64(seed))
        self.packed, self.design, self.warmup = packed, design, warmup
        student = packed.student.size > 0  # columns, and all that is made of them, change with the scales of the levels
        self.gram = _own_gram(packed)
        self.layout = packed.layout
        if packed.neighbours.chosen.size:
            own = packed.layout.fields._replace(value=packed.layout.fields.value.copy())
            self.layout = self.layout._replace(basis=packed.layout.basis.copy(), fields=own)
        self.rows = packed.rows._replace(Z=packed.rows.Z.copy()) if student else packed.rows
        self.state = _state(packed)
        self.coordinate = coordinates(packed)
        d = self.coordinate.shape[0]
        self.work, self.trial = _work(packed, d), _trial(packed, packed.rows.y.size if student and packed.family != kl.GAUSSIAN else 0)
        self.tuning = kl.Tuning(
            coordinates=kl.Coordinates(
                self.coordinate, np.tile([0.0, 0.0, 1.0], (d, 1)), np.eye(d), np.zeros((d, d)), np.zeros((d, 3)), np.eye(d)
            ),
            reference=np.zeros_like(self.state.L),
            width=np.array([0.5, 1.0]),
            own_step=np.full(packed.own_laws.size, 0.5),
            own_fit=np.zeros((packed.own_laws.size, FIT)),
        )
        self.counts = kl.counts_of(1, packed.effects)
        self.slices_until = max(min(warmup, 20), int(SLICE_SHARE * warmup)) if d <= ELLIPTICAL_LIMIT else warmup
        self.boundaries: tuple[int, ...] = (self.slices_until, warmup)
        self.done, self.elliptical, self.independent, self.sliced_every = 0, False, True, 0.0
        self.rejected = 0  # independent proposals of the variances, when they were counted last
        self.history: list[Kept] = []
        self.warm: list[Kept] | None = None  # of a run to precision: all of warm-up, until it is known whether it was long enough
        self.kept: list[Kept] = []
        self.keep_every = 1  # sweeps for each draw that is kept
        self.stream: Stream | None = None  # of the effects that are not stored
        self.stored = np.arange(sum(levels * columns for _, levels, columns in packed.blocks))  # those that are
        self.seconds = [0.0, 0.0]
        self.mark = np.zeros(4, dtype=np.uint64)  # SHA-256 of where the first sweeps led
        self.turn, self.given_up = threading.Lock(), False
        self.factors = design.factors
        self.between = between.of(packed, design, self.rows, self.tuning, self.trial)
        self.likelihood = packed.family in (kl.GAUSSIAN, kl.STUDENT) or 4 * packed.cells <= packed.n
        self._start()

    def advance(self, sweeps: int) -> None:
        """Run up to ``sweeps`` sweeps without crossing a boundary between the phases; raises SamplingError when numbers fail."""
        began = time.perf_counter()
        warming = self.done < self.warmup
        if warming:
            sweeps = min(sweeps, min(b for b in self.boundaries if b > self.done) - self.done)
        if self.done < MARKED:
            sweeps = min(sweeps, MARKED - self.done)
        out = self.new_kept(sweeps, warming)
        status, did = self._sweeps(sweeps, warming, out)
        if status != ks.OK:
            s = self.state
            raise sampling_error(status, self.number, self.done + did + 1, self.design, s.u, s.L, float(s.sigma[0]))
        with self.turn:
            if self.given_up:
                return
            self.done += sweeps
            if self.done == MARKED:
                self._mark()
            if warming:
                self.history.append(out)
                if self.warm is not None:
                    self.warm.append(out)
                if self.done in self.boundaries:
                    self._learn(refine=self.done == self.warmup)
            else:
                self._keep(out)
            self.seconds[0 if warming else 1] += time.perf_counter() - began

    def _mark(self) -> None:
        """What the chain is, in 32 bytes."""
        digest = hashlib.sha256(repr(self.rng.bit_generator.state).encode())
        for name in ("core", "u", "L", "sigma", "nu", "psi", "row_scale", "own", "spread"):
            digest.update(np.ascontiguousarray(getattr(self.state, name)).tobytes())
        self.mark = np.frombuffer(digest.digest(), dtype=np.uint64)

    def give_up(self) -> None:
        """Nothing that a thread is still at work on is added from now on; nothing kept yet, there is nothing to guard."""
        self.given_up = True
        if self.done >= self.warmup:
            with self.turn:
                pass

    def _keep(self, out: Kept) -> None:
        """Store a chunk, or every so many sweeps of it; the effects of streamed factors are added up, all of them, and let go."""
        first = self.done - self.warmup - out.lp.size  # draws before this chunk
        wanted = np.arange(first + 1, first + 1 + out.lp.size) % self.keep_every == 0
        if self.stream is None and self.keep_every > 1:
            out = out.some(wanted)
        u = self.packed.effects_as_written(out.u)
        u = u if self.packed.reported is None else u[:, self.packed.reported]
        if self.stream is not None:
            self.stream.add(u)
            out = replace(out, u=u[:, self.stored])
            out = out if self.keep_every == 1 else out.some(wanted)
        else:
            out = replace(out, u=u)
        if out.lp.size:
            self.kept.append(out)

    def thin(self, every: int) -> None:
        """From now on keep every so many sweeps, a multiple of how many it was; of those kept so far the others are let go."""
        step, self.keep_every, at = every // self.keep_every, every, 0
        for k, chunk in enumerate(self.kept):
            wanted = np.arange(at + 1, at + 1 + chunk.lp.size) % step == 0
            at += chunk.lp.size
            self.kept[k] = chunk.some(wanted)
        self.kept = [chunk for chunk in self.kept if chunk.lp.size]

    def warmed(self) -> np.ndarray:
        """(sweep, quantity) of all of warm-up: everything but the effects, in the internal basis."""
        parts = self.warm or []
        return np.concatenate([np.concatenate([getattr(o, name) for o in parts]) for name in ("beta", "L", "scale", "own")], axis=1)

    def helped_by(self, helpers: Executor, hands: int) -> None:
        """So many threads have nothing else to do than passes over the rows, where there are any."""

    def lengthen(self, warmup: int) -> None:
        """Warm-up, at its end, goes on to ``warmup`` sweeps, and learns again from what comes now."""
        self.boundaries = (*self.boundaries, (self.warmup + warmup) // 2, warmup)
        self.warmup = warmup

    def freeze(self) -> None:
        """Warm-up was long enough: what it has drawn is let go."""
        self.warm = None

    def _sweeps(self, sweeps: int, warming: bool, out: Kept) -> tuple[int, int]:
        """``sweeps`` sweeps of the compiled loop, the scales of the levels as they are."""
        return self.LOOP(*self._arguments(sweeps, warming, out))

    def _arguments(self, sweeps: int, warming: bool, out: Kept) -> tuple[Any, ...]:
        """What the loop is called with."""
        p = self.packed
        crossed, likelihood = p.units > 1 or p.scheme == kl.ONE_AT_A_TIME, self.likelihood and not warming
        orders = kl.Orders(
            p.steps, sweeps, self._collapsed_move(), p.rounds, warming, p.family, crossed, likelihood, p.haar, float(p.n), p.yy,
            self.sliced_every,
        )  # fmt: skip
        linear = kl.Linear(self.layout, self.gram, p.priors, self.between_sweeps())
        return self.rng, orders, self.rows, linear, self.state, self.tuning, self.work, self._out(out)

    def _out(self, out: Kept) -> kl.Out:
        """Where a chunk's draws and counts go."""
        return kl.Out(out.beta, out.L, out.scale, out.own, out.lp, out.u, self.counts)

    def _collapsed_move(self) -> int:
        if not self.elliptical:
            return kh.SLICES
        return kh.INDEPENDENT if self.independent else kh.ELLIPTICAL

    def new_kept(self, sweeps: int, warming: bool) -> Kept:
        """Room for the draws of a chunk."""
        p = self.packed
        return Kept(
            beta=np.empty((sweeps, p.reference.size)),
            L=np.empty((sweeps, self.state.L.size)),
            scale=np.empty((sweeps, 2)),
            own=np.empty((sweeps, p.own_laws.size)),
            lp=np.empty(sweeps),
            u=np.empty((0 if warming else sweeps, p.effects)),
        )

    def learnt(self) -> dict[str, np.ndarray]:
        """The arrays that warm-up fills, the chain's own."""
        tuning = self.tuning
        fitted = {name: getattr(tuning.coordinates, name) for name in ("fit", "root", "widening", "plain_fit", "plain_root")}
        names = ("reference", "width", "own_step", "own_fit")
        return fitted | {name: getattr(tuning, name) for name in names}

    @property
    def redrawn(self) -> tuple[str, ...]:
        """Arrays of State that a sweep draws before it reads them: latents, unless own parameters of laws move by the last ones."""
        return () if self.packed.own_laws.size else ("omega", "working", "eta")

    def restored(self) -> None:
        """State, Tuning and Counts are those of another chain now (``snapshot.put``)."""
        self.derive()

    @property
    def multipliers(self) -> kl.Multipliers:
        """What the kernels of Student-t effects take of state and scratch."""
        p, s, w = self.packed, self.state, self.work
        return kl.Multipliers(p.student, p.df_prior, s.own, s.spread, w.change, w.core_change)

    def between_sweeps(self) -> kl.Between:
        """What moves between two sweeps."""
        return self.between

    def derive(self) -> None:
        """Columns and cross-products ← those of the state, to the bits that they have after a sweep."""
        p, s = self.packed, self.state
        if p.own_laws.size:
            place_laws(self.between, self.multipliers, self.layout, self.gram, s.own)
        if p.family in (kl.STUDENT, kl.LOGIT):
            accumulate_both(self.rows, s.omega, s.working, self.layout, self.gram)
        if p.family == kl.PROBIT:
            accumulate_rhs(self.rows, s.working, self.layout, True, p.units, self.gram.m, self.gram.h)

    def acceptance(self) -> dict[str, float]:
        """Shares of accepted moves since warm-up: of the proposals of each covariance that moves by rows. Other moves are never refused."""
        p, found = self.packed, {}
        for f, column, *_ in p.layout.term.tolist():
            place = int(p.layout.factor[f].u0) + column
            if self.counts.tried[place]:
                name = f"covariance of {self.factors[f].name}"
                share = float(self.counts.accepted[place] / self.counts.tried[place])
                found[name] = min(share, found.get(name, 1.0))  # of several terms the worst
        return found

    def compile(self, besides: tuple[Lazy, ...] = ()) -> None:
        """Load or build the compiled loop, and what its steps call but ``besides``, without drawing anything."""
        self.LOOP.compile(tuple(map(typeof, self._arguments(0, True, self.new_kept(0, True)))))
        steps = self.packed.steps[:, 0].tolist()
        for kernel in (kernel for step, kernel in self.CALLED.items() if step in steps and kernel not in besides):
            kernel.compile(types_of(kernel))
        if kl.BETWEEN in steps:
            self.derive()

    def _learn(self, refine: bool) -> None:
        """Fit the elliptical move to the warm-up so far (its second half at first, the elliptical part afterwards) and freeze it."""
        L, scale, own = (np.concatenate([getattr(h, name) for h in self.history]) for name in ("L", "scale", "own"))
        self.history.clear()
        if not refine:
            half = L.shape[0] // 2
            L, scale, own = L[half:], scale[half:], own[half:]
        else:
            self.independent = self.independent and bool(self.counts.moves[0].rejected - self.rejected <= MOST_REJECTED * L.shape[0])
            self.counts.tried[:] = self.counts.accepted[:] = 0
        self.rejected = int(self.counts.moves[0].rejected)
        if self.packed.family == kl.STUDENT:
            self.tuning.width[:] = np.clip(2.5 * np.std(np.log(scale), axis=0), 0.02, 5.0)
        fit_degrees(self.packed, L, own, scale[:, 0], self.tuning.own_fit)
        freeze_reference(self.packed.layout.term, self.tuning.reference, L)
        d = self.coordinate.shape[0]
        if d == 0 or d > ELLIPTICAL_LIMIT or L.shape[0] < 8:
            return
        self.elliptical = fit_move(self.tuning.coordinates, L, scale[:, 0], in_logs(self.packed.layout, self.packed.priors))
        self.sliced_every = SLICED_EVERY if has_corners(self.coordinate, L) else 0.0

    def _start(self) -> None:
        """Scales near a rough guess, dispersed by a factor e^{±1} over the chains; binary location effects near their mode."""
        packed, state, rng, design = self.packed, self.state, self.rng, self.design
        factors = design.factors
        terms = [t for f in factors for t in f.terms]
        for k, (prior, guess) in enumerate(
            (
                (design.sigma_prior, packed.residual_sd * math.exp(rng.uniform(-0.3, 0.3))),
                (design.nu_prior, math.exp(rng.uniform(math.log(4.0), math.log(30.0)))),
            )
        ):
            if prior is not None:
                scale = prior.args[0] if prior.kind == "fixed" else _inside(packed.priors.scale[k], guess)
                (state.sigma, state.nu)[k][0] = scale
        for t, term in enumerate(terms):
            f, column, q, l0, s0, given, *_ = packed.layout.term[t].tolist()
            for a in range(q):
                z = columns_of(factors[f])[:, column + a]
                size = math.sqrt(float(np.mean(z * z))) or 1.0
                guess = 0.4 * packed.residual_sd / packed.unit / size * math.exp(rng.uniform(-1.0, 1.0))
                if given:
                    guess = term.sd_priors[0].args[0]
                elif term.covariance is None:
                    guess = _inside(packed.priors.sd[s0 + a], guess)
                state.L[l0 + a * q + a] = guess
            if term.written and any(prior.kind == "uniform" for prior in term.sd_priors):
                self._start_as_written(t, term)
        self.tuning.reference[:] = state.L
        for k, f in enumerate(packed.student):
            prior, guess = factors[f].own_prior, math.exp(rng.uniform(math.log(4.0), math.log(30.0)))
            state.own[k] = prior.args[0] if prior.kind == "fixed" else _inside(packed.df_prior[k], guess)
        for k, f in enumerate(packed.neighbours.chosen, start=packed.student.size):
            prior, (low, high) = factors[f].own_prior, packed.neighbours.bounds[k - packed.student.size]
            state.own[k] = prior.args[0] if prior.kind == "fixed" else low + (high - low) * rng.uniform(0.3, 0.9)
        if packed.neighbours.chosen.size:
            place_degrees(self.between.neighbours, packed.student.size, state.own, self.layout, self.gram, True)
        if packed.family in (kl.PROBIT, kl.LOGIT):
            code = BINOMIAL_LOGIT if packed.family == kl.LOGIT else BINOMIAL_PROBIT
            start_near_mode(self, code, packed.rows.offset, state.omega, np.zeros_like(packed.gram.node), steps=8, spread=1.5)
            self.gram.core[:] = packed.gram.core
        if packed.neighbours.chosen.size:
            Chain.derive(self)

    def _start_as_written(self, t: int, term: Term) -> None:
        """Sds that bounds on the sds as written allow, uncorrelated there."""
        _, _, q, l0, s0, *_ = self.packed.layout.term[t].tolist()
        sds = self.state.L[l0 : l0 + q * q].reshape(q, q).diagonal().copy()
        sds = np.array([_inside(self.packed.priors.sd[s0 + a], sd) for a, sd in enumerate(sds)])
        root = np.linalg.qr((np.array(term.there) * sds).T, mode="r").T  # of there diag(sds²) there'
        self.state.L[l0 : l0 + q * q] = (root * np.sign(root.diagonal())).ravel()

    def draws(self) -> dict[str, np.ndarray]:
        """The kept draws as arrays, first axis the draw."""
        return {name: np.concatenate([getattr(o, name) for o in self.kept]) for name in Kept.NAMES}


def _own_gram(packed: Packed) -> kl.Gram:
    """The cross-products: the packed arrays where no sweep changes them, else a chain's own."""
    of, moving = packed.gram, packed.own_laws.size > 0
    fixed = packed.family in (kl.GAUSSIAN, kl.PROBIT) and not moving
    given = packed.family == kl.GAUSSIAN and not moving
    return of._replace(
        node=of.node if fixed else of.node.copy(),
        m=of.m if given else of.m.copy(),
        h=of.h if given else of.h.copy(),
        core=of.core.copy(),
        places=of.places.copy(),
        cross_value=of.cross_value.copy() if moving else of.cross_value,
    )


def _state(packed: Packed) -> kl.State:
    """The state before anything is known."""
    rows = packed.rows.y.size if packed.family != kl.GAUSSIAN else 0
    return kl.State(
        core=np.zeros(packed.core_columns),
        u=np.zeros(packed.effects),
        L=np.zeros(int(np.sum(packed.layout.term.width**2))),
        sigma=np.ones(1),
        nu=np.ones(1),
        psi=np.zeros(0),
        row_scale=np.ones(packed.priors.row.shape[0]),
        omega=np.ones(rows),
        working=np.zeros(rows),
        eta=np.zeros(rows),
        gap=np.zeros(0),
        own=np.ones(packed.own_laws.size),
        spread=np.ones(packed.effects),
        sweeps=np.zeros(1),
        held=np.zeros(1),
    )


def _work(packed: Packed, d: int) -> kl.Work:
    """Scratch for ``d`` coordinates of the variances."""
    p, pc, factor = packed.reference.size, packed.core_columns, packed.layout.factor
    roots, node, U, L = int(np.sum(factor.width**2)), packed.gram.node.size, packed.effects, int(np.sum(packed.layout.term.width**2))
    field = ordering.room(packed.layout.fields, pc)
    by_rows = room_needed(packed.layout, p, pc, U, int(factor.width.max(initial=0))) if packed.rounds else 0
    return kl.Work(
        roots=np.zeros(roots),
        V=np.zeros(node),
        vh=np.zeros(U),
        B=np.zeros((p, p + 1)),
        core=np.zeros((pc, pc + 1)),
        R=np.zeros((pc, pc + 1)),
        saved=np.zeros(max(roots + node + U + L + field + pc * (pc + 1), by_rows)),
        numbers=np.zeros(int(factor.width.sum()) + pc, dtype=np.int64),
        small=np.zeros((8, 64)),
        points=np.zeros((4, d)),
        rhs=np.zeros(U),
        rhs_core=np.zeros(pc),
        H=np.zeros((max(36, 2 * int(factor.width.max(initial=0)) * (int(factor.width.max(initial=0)) + 1)), LANES)),
        x=np.zeros((5, 36)),
        effects=np.zeros(int(np.max(factor.levels * factor.width, initial=0))),
        change=np.ones(U),
        core_change=np.ones(pc),
        known=np.full(1, np.nan),
        field=np.zeros(field),
    )


def _trial(packed: Packed, rows: int = 0) -> kl.Trial:
    """Scratch for proposals, with η of ``rows`` rows."""
    L, U, pc = int(np.sum(packed.layout.term.width**2)), packed.effects, packed.core_columns
    return kl.Trial(*(np.zeros(n) for n in (rows, rows, pc, U, L, pc, pc, U, U, U)))


def coordinates(packed: Packed, unit: int | None = None) -> np.ndarray:
    """The variances that move with the location effects integrated out: all with one unit or none, the core's with several.

    ``unit``: those of one unit, beside the core's.
    """
    rows = []
    if packed.scheme != kl.ONE_AT_A_TIME and packed.rounds == 0:
        several = packed.units > 1
        for f, _, q, l0, _, given, *_ in packed.layout.term.tolist():
            if given or (several and packed.layout.factor[f].unit not in (-1, -1 if unit is None else unit)):
                continue
            for a in range(q):
                rows += [(kh.PARTIAL, l0 + a * q, a, b) for b in range(a)] + [(kh.SD, l0 + a * q, a, -1)]
        if packed.family == kl.GAUSSIAN and not several and not packed.known_scale and packed.priors.scale[0, 0] != FIXED:
            rows.append((kh.LOG_SIGMA, 0, 0, -1))
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def _inside(prior: np.ndarray, value: float) -> float:
    """A start that the prior's support allows; ``prior`` is (code, a, b)."""
    kind, low, high = prior
    if kind == UNIFORM:
        margin = 0.05 * (high - low)
        return float(np.clip(value, low + margin, high - margin))
    return max(value, 1.5) if kind == GAMMA_ABOVE_ONE else value


def freeze_reference(term: np.ndarray, reference: np.ndarray, L: np.ndarray) -> None:
    """Typical sds of each term (diagonal), the whitening of factors with very few levels."""
    reference[:] = 0.0
    for _, _, q, l0, *_ in term.tolist():
        rows = L[:, l0 : l0 + q * q].reshape(-1, q, q)
        for a, sd in enumerate(np.sqrt(np.mean(np.sum(rows**2, axis=2), axis=0))):
            reference[l0 + a * q + a] = sd

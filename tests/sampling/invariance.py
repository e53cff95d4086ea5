"""Invariance of a sampler (Gandy & Scott 2020): θ₀ ~ prior, y ~ p(y | θ₀), k sweeps from θ₀ leave the law of (θ, y) as it was.

No convergence is needed and the p-values hold at any k. What is tested is a ``gibbs.sampling.chain.Chain`` with its state put at θ₀
and its adaptation frozen at arbitrary values. Two kinds of statistic:

paired   the mean over sweeps of g(θ_t, y) less g(θ₀, y), t = 1 … k, has mean 0 over replicates: one z a function;
two-sample   θ_k of the even replicates against θ₀ of the odd ones, Kolmogorov–Smirnov.

It does not see a stuck chain or a bad start: those are invariant too (``test_degenerate.py`` looks at them).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from gibbs.kernels.statistics import accumulate_rhs
from scipy import stats

from gibbs.kernels import hyper as kh
from gibbs.kernels import layout as kl
from gibbs.kernels import sweep as ks
from gibbs.model import by_group
from gibbs.model.records import Design
from gibbs.sampling import pack as packing
from gibbs.sampling.chain import _state
from gibbs.sampling.chains import kind_of
from gibbs.sampling.pack import Packed
from gibbs.sampling.plan import Plan
from gibbs.sampling.second_order import SecondOrderChain
from tests import oracles
from tests.sampling import quantities
from tests.sampling.cases import Case, design_of, plan_of
from tests.sampling.quantities import Points, Squash

LARGEST = 1e4
"""Data sets with larger outcomes are drawn again: Cauchy coefficients and t outcomes with ν near 0 reach 1e300."""

Change = Callable[["Engine"], None]


def some_widening(place: np.ndarray) -> np.ndarray:
    """A widening (d, d) of the partial correlations among the coordinates ``place`` (d, 4) by the sds, as good as any."""
    return -0.4 * np.outer(place[:, 0] == kh.PARTIAL, place[:, 0] == kh.SD)


class Stopped(AssertionError):
    """The engine gave up in the middle of a sweep."""


class Engine:
    """The sampler of one small model: any state, any data, k sweeps.

    Real outcomes are packed once about a reference fit of 0 and refilled in place; ``repack=True`` packs anew for every data set
    instead, which takes the reference fit in. ``change`` may break the engine on purpose, once it stands; ``seen`` what data it sees.
    """

    def __init__(
        self, design: Design, plan: Plan, *, elliptical: bool, seed: int, repack: bool = False, change: Change | None = None
    ) -> None:
        self.design, self.plan, self.elliptical, self.repack, self.change = design, plan, elliptical, repack, change
        self.real = design.family in ("gaussian", "student")
        self.rng = np.random.default_rng([seed, 1])
        self.hold = replace(design, y=design.offset.copy()) if self.real else design  # reference fit 0
        self.fit = self.root = None
        self._build(self.hold)
        self.seen = lambda y: y
        if not repack:
            self._learn_rows()
        if self.change is not None:
            self.change(self)

    def _build(self, design: Design) -> None:
        design = by_group.arrange(design)
        self.packed: Packed = packing.pack(design, self.plan)
        kind = kind_of(self.packed)
        self.chain = chain = kind(0, np.random.SeedSequence(int(self.rng.integers(2**62))), self.packed, design, 0)
        if isinstance(chain, SecondOrderChain):
            self._freeze_views()
            return
        chain.likelihood = True
        chain.tuning.coordinates.fit[:, kh.SHIFT] = 0.0
        chain.tuning.coordinates.fit[:, kh.SLICE_WIDTH] = 1.3
        if self.elliptical and chain.coordinate.shape[0]:
            self._freeze()

    def _freeze(self) -> None:
        """A normal fit of the coordinates over the prior, as good as any."""
        chain = self.chain
        if self.fit is None:
            rng, x = np.random.default_rng(11), []
            for _ in range(200):
                L, scale = self._factors(oracles.draw_prior(self.design, rng))
                x.append(np.empty(chain.coordinate.shape[0]))
                kh.coordinates_of(chain.tuning.coordinates, L, float(scale[0]), x[-1])
            below = chain.coordinate[:, 0] == kh.PARTIAL
            x = np.where(below, x, np.exp(x))
            self.fit = np.zeros((x.shape[1], 3))
            self.fit[:, kh.SHIFT] = np.where(below, 0.0, 0.3 * np.median(x, axis=0))
            x[:, ~below] = np.log(x[:, ~below] + self.fit[~below, kh.SHIFT])
            low, middle, high = np.quantile(x, [0.16, 0.5, 0.84], axis=0)
            self.fit[:, kh.MEAN], self.fit[:, kh.SLICE_WIDTH] = middle + 0.1, 1.0
            d = x.shape[1]
            self.root = np.diag(0.4 * (high - low)) @ (np.eye(d) + 0.2 * np.tril(np.ones((d, d)), -1))
        coordinates = chain.tuning.coordinates
        coordinates.fit[:, :], coordinates.root[:, :], chain.elliptical = self.fit, self.root, True
        coordinates.widening[:, :] = some_widening(chain.coordinate)

    def _freeze_views(self) -> None:
        """Second order: the stand-in of the data's own mode, arbitrary fits of the variances, any number of parts of the core."""
        chain, moves = self.chain, self.chain.moves
        moves.fit[:, :, kh.SHIFT], moves.fit[:, :, kh.MEAN], moves.fit[:, :, kh.SLICE_WIDTH] = 0.3, -0.1, 1.3
        for k, view in enumerate(chain.views):
            moves.fit[k, : view.shape[0]][view[:, 0] == kh.PARTIAL, kh.MEAN] = 0.0
            moves.fit[k, : view.shape[0]][view[:, 0] == kh.PARTIAL, kh.SHIFT] = 0.0
            moves.widening[k, : len(view), : len(view)] = some_widening(view)
        moves.root[:] = 0.6 * np.eye(moves.root.shape[1])
        moves.psi_root[:] *= 0.7
        chain.elliptical = self.elliptical
        chain.blocks = int(self.rng.integers(1, 4))
        chain.fitted = bool(self.rng.integers(2))
        chain.times = int(self.rng.integers(1, 4))
        chain.own_every = float(self.rng.choice((1.0, 4.0)))
        chain.choose([self.rng.random(len(f.levels)) < 0.5 for f in chain.factors])
        if self.packed.decided:
            self._expand()

    def _expand(self) -> None:
        """An expansion near the data's own mode; decisions by up to 200 rows on average, beyond that by a pass."""
        chain = self.chain
        chain.order = self.packed.decided
        chain.expansion.centre[:] += 0.1 * self.rng.standard_normal(chain.expansion.centre.size)
        chain.spread[:] = np.where(chain.spread != 0.0, 0.7, 0.0)
        chain.derive()
        chain.expansion = chain.expansion._replace(most=200.0)

    def _learn_rows(self) -> None:
        """How packing orders rows and merges them into cells: real outcomes by its own order, counts by packing one row at a time."""
        if self.real:
            level = np.stack([f.codes for f in self.design.factors], axis=1) if self.design.factors else np.zeros((self.design.y.size, 0))
            self.order = packing._row_order(level, self.plan)
        else:
            one_hot = np.eye(self.design.y.size)
            self.counts = np.stack([packing.pack(replace(self.design, y=e), self.plan).rows.y for e in one_hot], axis=1)

    def _factors(self, values: dict) -> tuple[np.ndarray, np.ndarray]:
        """(L, (σ, ν)) of ``values`` in the engine's layout."""
        blocks = [np.atleast_2d(c) for blocks in values["covariances"] for c in blocks]
        L = np.concatenate([np.linalg.cholesky(c).ravel() for c in blocks]) if blocks else np.zeros(0)
        if values.get("shape") is not None:
            return L, np.array([np.log(values["shape"])])
        if self.packed.family == packing.SECOND_ORDER:
            return L, np.zeros(0)
        return L, np.array([values["sigma"] or 1.0, values["nu"] or 1.0])

    def place(self, values: dict, y: np.ndarray) -> None:
        """State ← ``values``, data ← y."""
        y = self.seen(y)
        if self.repack:
            self._build(replace(self.design, y=y))
        packed, rows, second = self.packed, self.packed.rows, self.packed.family == packing.SECOND_ORDER
        state = _state(packed)  # nothing that a chain remembers outlives its data
        if second:
            state = state._replace(psi=np.zeros_like(self.chain.state.psi), gap=np.zeros_like(self.chain.state.gap))
        self.chain.state, reference = state, self.chain.tuning.reference
        reference[:] = 0.0
        for _, _, q, l0, *_ in packed.layout.term.tolist():
            reference[l0 : l0 + q * q : q + 1] = 0.6
        state.sweeps[0] = self.rng.integers(64)  # sweeps done: what is done only now and then has its turn in some replicates
        self.chain.independent = bool(self.rng.integers(2))  # both moves that use the frozen fit
        if not self.repack and packed.family == kl.GAUSSIAN:
            value = (y - self.design.offset)[self.order]
            accumulate_rhs(rows, rows.weight * value, packed.layout, True, packed.units, packed.gram.m, packed.gram.h)
            self.chain.packed = self.packed = replace(packed, yy=float(rows.weight @ value**2))
        elif not self.repack and not second:
            rows.y[:] = (y - self.design.offset)[self.order] if self.real else self.counts @ y
        p = packed.reference.size
        written = np.asarray(values["beta"], float)
        if values.get("cutpoints") is not None:
            written = np.concatenate([values["cutpoints"], written])
        beta = np.linalg.solve(packed.transform, written) - packed.reference
        state.core[:p] = beta
        for f, u in enumerate(values["u"]):
            u0, core0 = packed.layout.factor[f].u0, packed.layout.factor[f].core0
            state.u[u0 : u0 + u.size] = np.ravel(u)
            if core0 >= 0:
                state.core[core0 : core0 + u.size] = np.ravel(u)
        L, scale = self._factors(values)
        state.L[:] = L
        if second:
            state.psi[:] = scale
        else:
            state.sigma[0], state.nu[0] = scale
        d = packed.priors.row[:, 3:] @ beta - packed.priors.row[:, 0]
        for r, df in enumerate(packed.priors.row[:, 2]):  # given β, which has its t law already
            if np.isfinite(df):
                rate = 0.5 * (df + d[r] ** 2 * packed.priors.row[r, 1])
                state.row_scale[r] = self.rng.gamma(0.5 * (df + 1.0)) / rate
            else:
                state.row_scale[r] = 1.0

    def sweep(self, sweeps: int):
        """k sweeps from where the state stands; the draws."""
        out = self.chain.new_kept(sweeps, False)
        status, done = self.chain._sweeps(sweeps, False, out)
        if status != ks.OK:
            raise Stopped(f"sweep {done + 1} stopped with status {status}")
        return out

    def points(self, kept: dict[str, np.ndarray], y: np.ndarray) -> Points:
        """Draws of the engine (first axis M) as points."""
        u, L = [], []
        for f in range(self.packed.layout.factor.shape[0]):
            J, q, u0 = (int(self.packed.layout.factor[f][c]) for c in ("levels", "width", "u0"))
            u.append(kept["u"][:, u0 : u0 + J * q].reshape(-1, J, q))
        for _, _, q, l0, *_ in self.packed.layout.term.tolist():
            block = kept["L"][:, l0 : l0 + q * q].reshape(-1, q, q)
            L.append(block @ np.swapaxes(block, 1, 2))
        if self.packed.family != packing.SECOND_ORDER:
            return Points(kept["beta"], u, L, kept["scale"][:, 0], kept["scale"][:, 1], y)
        one, shape, cut, beta = np.ones(len(y)), None, None, kept["beta"]
        if self.design.dispersion_prior is not None:
            shape = np.exp(kept["scale"][:, 0])
        if self.packed.cutpoints:
            cut, beta = kept["cutpoints"], beta[:, -len(self.design.coefficients) :] if self.design.coefficients else beta[:, :0]
        return Points(beta, u, L, one, one, y, shape, cut)


@dataclass(frozen=True)
class Verdict:
    """z of every paired statistic, p-value of every two-sample one, R replicates."""

    z: dict[str, float]
    p: dict[str, float]
    replicates: int
    likelihood_error: float  # relative, of the engine's own log-likelihood, constants aside; 99 % of the points have less

    def worst(self) -> tuple[str, float]:
        """(name, p-value times the number of statistics) of the most extreme statistic."""
        count = len(self.z) + len(self.p)
        values = {f"{name} (z = {z:+.1f})": 2.0 * stats.norm.sf(abs(z)) for name, z in self.z.items()}
        values |= {f"{name} (two-sample)": p for name, p in self.p.items()}
        name = min(values, key=values.get)
        return name, values[name] * count

    def report(self, most: int = 8) -> str:
        """The most extreme statistics, one a line."""
        lines = sorted(self.z.items(), key=lambda item: -abs(item[1]))[:most]
        lines = [f"  {name}: z = {z:+.2f}" for name, z in lines]
        return "\n".join([*lines, *(f"  {n}: p = {p:.2g} (two-sample)" for n, p in sorted(self.p.items(), key=lambda i: i[1])[:2])])


def draw_data(design: Design, rng: np.random.Generator) -> tuple[dict, np.ndarray]:
    """(θ₀, y), given that y is of a size that computers (and people) meet: y is not touched by a sweep, so conditioning on it is exact."""
    while True:
        values = oracles.draw_prior(design, rng)
        y = oracles.simulate(design, values, rng)
        if np.max(np.abs(y)) < LARGEST:
            return values, y


def examine(
    case: Case,
    *,
    replicates: int = 1000,
    sweeps: int = 6,
    seed: int = 1,
    repack: bool = False,
    change: Change | None = None,
    miswritten=lambda design: design,
) -> Verdict:
    """Run the test on one case. The design is random but fixed by ``seed``; a quarter more replicates than said set the scales.

    change, miswritten : break the engine, or the Design that it gets (θ₀ and y come from the true one).
    """
    rng = np.random.default_rng([seed, 0])
    design = design_of(case, rng)
    engine = Engine(miswritten(design), plan_of(case, design), elliptical=case.elliptical, seed=seed, repack=repack, change=change)
    pilot = max(replicates // 4, 200)
    before, after, ys, errors = [], [], [], []
    for r in range(pilot + replicates):
        values, y = draw_data(design, rng)
        L, scale = engine._factors(values)
        u = np.concatenate([np.ravel(block) for block in values["u"]]) if values["u"] else np.zeros(0)
        cut = np.zeros(0) if values.get("cutpoints") is None else np.asarray(values["cutpoints"])
        before.append((np.asarray(values["beta"], float), u, L, scale, cut))
        ys.append(y)
        if r >= pilot:
            engine.place(values, y)
            kept = engine.sweep(sweeps)
            beta = engine.packed.coefficients(kept.beta)
            cut = np.zeros((sweeps, 0))
            if engine.packed.cutpoints:
                cut = beta[:, : engine.packed.cutpoints]
            after.append((beta, kept.u, kept.L, kept.scale, cut))
            errors.append(kept.lp)
    names = ("beta", "u", "L", "scale", "cutpoints")
    start = {name: np.stack([b[k] for b in before]) for k, name in enumerate(names)}
    end = {name: np.concatenate([a[k] for a in after]) for k, name in enumerate(names)}
    y = np.stack(ys)
    first = quantities.raw(design, engine.points(start, y))
    squash = Squash.of({name: x[:pilot] for name, x in first.items()})
    last_raw = quantities.raw(design, engine.points(end, np.repeat(y[pilot:], sweeps, axis=0)))
    tested0 = squash({name: x[pilot:] for name, x in first.items()})
    tested = {name: x.reshape(replicates, sweeps) for name, x in squash(last_raw).items()}
    z = {}
    for name, x in tested.items():
        difference = x.mean(axis=1) - tested0[name]
        spread = difference.std(ddof=1)
        if spread > 1e-12:
            z[name] = float(np.sqrt(replicates) * difference.mean() / spread)
    p = {}
    for name, x in last_raw.items():
        k, zero = x.reshape(replicates, sweeps)[:, -1], first[name][pilot:]
        if not quantities.of_data_alone(name) and np.ptp(k - zero) > 0.0:
            p[name] = float(stats.ks_2samp(k[::2], zero[1::2], method="asymp").pvalue)
    gap = (np.stack(errors).ravel() - last_raw["log-likelihood"]).reshape(replicates, sweeps)
    size = 1.0 + np.abs(last_raw["log-likelihood"]).reshape(replicates, sweeps)
    return Verdict(z, p, replicates, float(np.quantile(np.abs(gap - np.median(gap, axis=1, keepdims=True)) / size, 0.99)))

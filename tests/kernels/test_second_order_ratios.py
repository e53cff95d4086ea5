"""The Metropolis kernels of the second-order sweep: the log-ratio they compute is that of the joint density, to 1e-9.

Each kernel is run as the Python function it was written as, with a generator that says what it is told and notes what a ratio is
compared with. The other side is ``tests.oracles.log_joint`` at the state before and after, and Jacobians written down here.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np
import pytest
from gibbs.kernels.second_order import scale_effects, scale_everything
from scipy import stats

from gibbs.kernels import hyper as kh
from gibbs.kernels import layout as kl
from gibbs.kernels import likelihood as kd
from gibbs.kernels import second_order as k2
from gibbs.sampling.second_order import SecondOrderChain
from tests import oracles
from tests.kernels.bench import coordinates_at, log_jacobian_at
from tests.sampling.cases import Case, design_of, plan_of
from tests.sampling.invariance import Engine, draw_data

FAMILIES = [
    ("probit", ""),
    ("logit", ""),
    ("binomial", "cloglog"),
    ("poisson", ""),
    ("negative_binomial", ""),
    ("ordinal", "logit"),
    ("ordinal", "probit"),
]
RTOL = 1e-9


class Told:
    """A generator whose normals are given, which accepts or not as it is told, and remembers the log-ratios."""

    def __init__(self, normals, accept: bool) -> None:
        self.normals, self.accept, self.ratios = deque(normals), accept, []

    def standard_normal(self) -> float:
        return self.normals.popleft()

    def random(self) -> float:
        return 0.0

    def standard_exponential(self) -> Threshold:
        return Threshold(self)


class Threshold:
    """What ``ratio > -threshold`` is asked of."""

    __array_ufunc__ = None  # a NumPy number leaves the comparison to this class

    def __init__(self, told: Told) -> None:
        self.told = told

    def __neg__(self) -> Threshold:
        return self

    def __lt__(self, ratio: float) -> bool:
        self.told.ratios.append(float(ratio))
        return self.told.accept


def engine_at(case: Case, seed: int) -> tuple[Engine, np.ndarray]:
    """A second-order chain at a draw from the prior, with data from it, a stand-in of the data's own mode, and its predictor in place."""
    rng = np.random.default_rng([seed, 5])
    design = design_of(case, rng)
    engine = Engine(design, plan_of(case, design), elliptical=False, seed=seed, repack=True)
    values, y = draw_data(design, rng)
    engine.place(values, y)
    chain = engine.chain
    chain.choose([np.zeros(len(f.levels), dtype=bool) for f in chain.factors])
    if not engine.packed.decided:
        chain.state.eta[:] = predictor(engine)
        gaps(engine, chain.state.gap)
    return engine, y


def cutpoints(engine: Engine) -> np.ndarray:
    """A view of the cutpoints in the core; empty where there are none."""
    return engine.chain.state.core[: engine.packed.cutpoints]


def gaps(engine: Engine, out: np.ndarray) -> None:
    """The gaps at the state's η and cutpoints."""
    kd.gaps(engine.chain._data(), engine.chain.state.eta, engine.chain.shape(), cutpoints(engine), out)


def predictor(engine: Engine) -> np.ndarray:
    """η of the engine's rows from its core and u, in plain numpy."""
    p, s, r = engine.packed, engine.chain.state, engine.packed.rows
    eta = r.offset + r.X @ s.core[: r.X.shape[1]]
    for f in range(p.layout.factor.shape[0]):
        J, q, z, u0, core0 = (int(p.layout.factor[f][c]) for c in ("levels", "width", "z0", "u0", "core0"))
        effects = s.u[u0 : u0 + J * q] if p.layout.factor[f].unit >= 0 else s.core[core0 : core0 + J * q]
        eta = eta + np.sum(r.Z[:, z : z + q] * effects.reshape(J, q)[r.level[:, f]], axis=1)
    return eta


def values_at(engine: Engine) -> dict:
    """The state in the words of the oracles. Effects of the core are read from the core."""
    p, s, design = engine.packed, engine.chain.state, engine.design
    beta = p.coefficients(s.core[: p.reference.size])
    values = {"u": [], "covariances": [], "sigma": None, "nu": None, "shape": None, "cutpoints": None}
    if design.dispersion_prior is not None:
        values["shape"] = float(np.exp(s.psi[0]))
    if p.cutpoints:
        values["cutpoints"], beta = beta[: p.cutpoints], beta[p.cutpoints :]
    values["beta"] = beta
    terms = iter(p.layout.term.tolist())
    for f, factor in enumerate(design.factors):
        J, q, u0, core0 = (int(p.layout.factor[f][c]) for c in ("levels", "width", "u0", "core0"))
        place = s.core[core0 : core0 + J * q] if p.layout.factor[f].unit < 0 else s.u[u0 : u0 + J * q]
        values["u"].append(place.reshape(J, q).copy())
        blocks = []
        for _ in factor.terms:
            _, _, size, l0, *_ = next(terms)
            root = s.L[l0 : l0 + size * size].reshape(size, size)
            blocks.append(root @ root.T)
        values["covariances"].append(blocks)
    return values


def log_joint(engine: Engine, y: np.ndarray) -> float:
    return oracles.log_joint(replace(engine.design, y=y), values_at(engine))


def run_scale_effects(kernel, rng, engine: Engine, t: int, column: int, step: float) -> float:
    p, chain, cut = engine.packed, engine.chain, cutpoints(engine)
    scratch = chain.work.small[5]
    return kernel(rng, step, chain._data(), chain.shape(), cut, p.layout, t, column, p.priors, chain.state, chain.trial, scratch)


def run_scale_everything(kernel, rng, engine: Engine, step: float) -> float:
    p, chain = engine.packed, engine.chain
    return kernel(rng, step, chain._data(), p.cutpoints, p.layout, p.priors, chain.state, chain.trial, chain.work.small[5])


def log_jacobian(engine: Engine, t: int, column: int, delta: float) -> float:
    """Of (Σ's lower triangle, or the sd alone; u's column) → scaled: Σ_aa by e^2δ, Σ_ab by e^δ, an effect by e^δ."""
    p = engine.packed
    q, levels = int(p.layout.term[t].width), int(p.layout.factor[p.layout.term[t].factor].levels)
    return ((1.0 if q == 1 else q + 1.0) + levels) * delta


def log_jacobian_of_all(engine: Engine, delta: float) -> float:
    """Of everything scaled: a coefficient, a cutpoint, an effect and a lone sd by e^δ, every number of a Σ by e^2δ."""
    p = engine.packed
    sizes = [int(q) for q in p.layout.term.width]
    return (p.reference.size + p.effects + sum(1.0 if q == 1 else q * (q + 1.0) for q in sizes)) * delta


def log_ratio_of_t_priors(engine: Engine) -> float:
    """Σ_r log p(β's statement r | λ_r) − log p(statement r): what the kernel, given λ, sees in place of the t's own density."""
    p, s, total = engine.packed, engine.chain.state, 0.0
    for (mean, precision, df, *weights), scale in zip(p.priors.row, s.row_scale, strict=True):
        if np.isfinite(df):
            d, sd = float(np.dot(weights, s.core[: len(weights)])) - mean, precision**-0.5
            total += stats.norm.logpdf(d, 0.0, sd / np.sqrt(scale)) - stats.t.logpdf(d / sd, df) + np.log(sd)
    return total


MODELS = [
    Case(family, structure, "second-order", link=link, covariance_prior=covariance, sd_prior=sd)
    for family, link, structure, covariance, sd in (
        ("probit", "", "slopes", "lkj", "half_t"),
        ("logit", "", "three_slopes", "inverse_wishart", "half_t"),
        ("binomial", "cloglog", "crossed", "lkj", "exponential"),
        ("poisson", "", "slopes", "huang_wand", "half_normal"),
        ("negative_binomial", "", "nested", "lkj", "inverse_gamma"),
        ("ordinal", "logit", "slopes", "lkj", "half_normal"),
        ("ordinal", "probit", "crossed_slopes", "lkj", "half_cauchy"),
        ("poisson", "", "one_factor", "lkj", "half_normal"),
        ("ordinal", "logit", "two_terms", "lkj", "half_t"),
    )
]


@pytest.mark.parametrize("case", MODELS, ids=str)
def test_scaling_effects_with_their_sd_has_the_ratio_of_the_joint(case):
    """Scalar terms and matrices, with and without cutpoints. An accepted move leaves the η and gap of the new state, a refused one none."""
    for seed in range(3):
        engine, y = engine_at(case, seed)
        chain = engine.chain
        for t in range(engine.packed.layout.term.shape[0]):
            for column in range(int(engine.packed.layout.term[t].width)):
                before = log_joint(engine, y)
                arrays = tuple(getattr(chain.state, name) for name in ("L", "u", "core", "eta", "psi", "gap"))
                kept = [a.copy() for a in arrays]
                refused = Told([0.6], accept=False)
                assert run_scale_effects(scale_effects.py_func, refused, engine, t, column, 0.5) == 0.0
                for a, b in zip(arrays, kept, strict=True):
                    np.testing.assert_allclose(a, b, rtol=1e-14, atol=1e-14)
                told = Told([0.6], accept=True)
                assert run_scale_effects(scale_effects.py_func, told, engine, t, column, 0.5) == 1.0
                wanted = log_joint(engine, y) - before + log_jacobian(engine, t, column, 0.3)
                for ratio in (*refused.ratios, *told.ratios):
                    assert ratio == pytest.approx(wanted, rel=RTOL, abs=RTOL * max(abs(before), 1.0))
                np.testing.assert_allclose(chain.state.eta, predictor(engine), rtol=1e-10, atol=1e-10)
                fresh = np.zeros_like(chain.state.gap)
                gaps(engine, fresh)
                np.testing.assert_allclose(chain.state.gap, fresh, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("case", [c for c in MODELS if c.family not in ("poisson", "negative_binomial")], ids=str)
def test_scaling_everything_has_the_ratio_of_the_joint(case):
    for seed in range(3):
        engine, y = engine_at(case, seed)
        chain, p = engine.chain, engine.packed
        before = log_joint(engine, y) + log_ratio_of_t_priors(engine)
        told = Told([0.6], accept=True)
        assert run_scale_everything(scale_everything.py_func, told, engine, 0.5) == 1.0
        if p.layout.core_factors.size:  # effects of the core are kept twice
            for f in p.layout.core_factors:
                of = p.layout.factor[f]
                size, u0, at = int(of.levels * of.width), int(of.u0), int(of.core0)
                np.testing.assert_allclose(chain.state.u[u0 : u0 + size], chain.state.core[at : at + size], rtol=1e-12)
        wanted = log_joint(engine, y) + log_ratio_of_t_priors(engine) - before + log_jacobian_of_all(engine, 0.3)
        assert told.ratios[0] == pytest.approx(wanted, rel=RTOL, abs=RTOL * max(abs(before), 1.0))
        np.testing.assert_allclose(chain.state.eta, predictor(engine), rtol=1e-10, atol=1e-10)
        fresh = np.zeros_like(chain.state.gap)
        gaps(engine, fresh)
        np.testing.assert_allclose(chain.state.gap, fresh, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("case", [MODELS[7], MODELS[5]], ids=str)
def test_law_of_the_sd_when_effects_scale_with_it(case):
    """The kernel alone moves along one line, δ from where it stands; its law there is joint(δ)·Jacobian, summed on a grid."""
    engine, y = engine_at(case, 4)
    chain = engine.chain
    t, column = 0, int(engine.packed.layout.term[0].width) - 1
    place = int(engine.packed.layout.term[0].l0) + column * int(engine.packed.layout.term[0].width) + column
    start = float(np.log(chain.state.L[place]))
    grid = np.linspace(-6.0, 6.0, 481)
    density, at = np.empty(grid.size), 0.0
    for k, delta in enumerate(grid):  # by the kernel's own steps, each accepted
        run_scale_effects(scale_effects.py_func, Told([delta - at], accept=True), engine, t, column, 1.0)
        at = delta
        density[k] = log_joint(engine, y) + log_jacobian(engine, t, column, delta)
    run_scale_effects(scale_effects.py_func, Told([-at], accept=True), engine, t, column, 1.0)
    assert np.log(chain.state.L[place]) == pytest.approx(start, abs=1e-9)
    weight = np.exp(density - density.max())
    cdf = np.cumsum(weight) - 0.5 * weight
    cdf /= weight.sum()
    rng, draws = np.random.Generator(np.random.SFC64(5)), []
    for _ in range(6_000):
        run_scale_effects(scale_effects, rng, engine, t, column, 1.2)
        draws.append(np.log(chain.state.L[place]) - start)
    u = np.interp(np.array(draws)[100::10], grid, cdf)
    assert stats.kstest(u, "uniform").pvalue > 1e-4


CORES = [Case(f, "one_factor" if k % 2 else "slopes", "second-order", link=link) for k, (f, link) in enumerate(FAMILIES)]


LOOP = (
    "run_second_order",
    "refresh_predictor",
    "move_given_the_others",
    "move_unit",
    "move_levels",
    "move_variances",
)
LOOP += (
    "whiten_shifted_core",
    "propose_core",
    "scales_now",
    "move_covariances",
    "move_levels_by_own_law",
    "move_everything",
    "move_family",
    "_move_by_fit",
    "_shift_core",
    "_shift_back",
    "_move_family",
)
"""What a sweep consists of, outermost first; the kernels that these call are compiled."""


def quiet(monkeypatch, **changed) -> None:
    """The loop of the sweeps as Python, and its steps other than ``changed`` do nothing."""
    steps = {name: getattr(k2, name).py_func for name in LOOP}
    steps |= dict.fromkeys(("refresh_levels", "draw_covariance_sufficient", "draw_family"), lambda *a: None)
    steps |= dict.fromkeys(("scale_effects", "scale_everything"), lambda *a: 0.0)
    steps["draw_prior_scales"] = lambda *a: 0
    for name, function in (steps | changed).items():
        if name == "run_second_order":
            monkeypatch.setattr(SecondOrderChain, "LOOP", staticmethod(function))
        else:
            monkeypatch.setattr(k2, name, function)


def shift_of(engine: Engine) -> np.ndarray:
    """s(L) = Σ slope_ab V_ab with V = (Ḡ + Σ⁻¹)⁻¹ of every term, by inverses."""
    chain, total = engine.chain, np.zeros(engine.packed.rows.X.shape[1])
    information, slope = chain.moves.information, chain.moves.slope
    for _, _, q, l0, *_ in engine.packed.layout.term.tolist():
        L, G = (a[l0 : l0 + q * q].reshape(q, q) for a in (chain.state.L, information))
        V = np.linalg.inv(G + np.linalg.inv(L @ L.T))
        for a, b in zip(*np.tril_indices(q), strict=True):
            total += slope[l0 + a * q + b] * V[a, b]
    return total


def log_statements(engine: Engine, beta: np.ndarray) -> float:
    """The normal statements on the coefficients given their scales, up to a constant."""
    p, scale = engine.packed, engine.chain.state.row_scale
    d = p.priors.row[:, 3:] @ beta - p.priors.row[:, 0]
    return -0.5 * float(np.sum(scale * p.priors.row[:, 1] * d * d))


def target_less_stand_in(engine: Engine, y: np.ndarray, shifted: bool = False) -> float:
    """Log-likelihood less its quadratic stand-in, which of an ordinal outcome is three squares in η − c_k and η − c_{k−1}.

    shifted: of likelihood and coefficients' prior, the stand-in of both being that of the coefficients moved by ``shift_of``.
    """
    chain, p, s = engine.chain, engine.packed, engine.chain.state
    eta = predictor(engine)
    total = oracles.log_likelihood(replace(engine.design, y=y), values_at(engine))
    if not p.cutpoints:
        if shifted:
            move, size = shift_of(engine), p.rows.X.shape[1]
            eta = eta + p.rows.X @ move
            total += log_statements(engine, s.core[:size]) - log_statements(engine, s.core[:size] + move)
        return total - float(np.sum(chain.linear * eta - 0.5 * chain.omega * eta**2))
    k, border = p.rows.y.astype(int), np.concatenate([[np.inf], cutpoints(engine), [np.inf]])
    upper, lower = (np.where(np.isfinite(c), eta - c, 0.0) for c in (border[k + 1], border[k]))
    (w1, w2, w3), (b1, b2, _) = chain.omega.reshape(3, -1), chain.linear.reshape(3, -1)
    squares = b1 * upper + b2 * lower - 0.5 * (w1 * upper**2 + w2 * lower**2 + w3 * (upper - lower) ** 2)
    return total - float(np.sum(squares))


def give_way(engine: Engine) -> None:
    """Coefficients that give way to the variances, by numbers that are neither small nor those warm-up would find."""
    information, slope = engine.chain.moves.information, engine.chain.moves.slope
    engine.chain.fitted, rng = True, np.random.default_rng(3)
    slope[:] = rng.normal(0.0, 0.3, slope.shape)
    for _, _, q, l0, *_ in engine.packed.layout.term.tolist():
        root = rng.standard_normal((q, q))
        information[l0 : l0 + q * q] = (root @ root.T + 0.1 * np.eye(q)).ravel()


class ToldWithGamma(Told):
    """One that is also asked for the scale of a t."""

    def standard_gamma(self, shape: float) -> float:
        return 0.8 * shape


def dense_stand_in(engine: Engine) -> tuple[float, float]:
    """(½ log|Q|, ½|ε_core|²) of the stand-in at the state: the posterior of (core + s, u) is N(Q⁻¹b, Q⁻¹), by dense matrices."""
    p, chain, r = engine.packed, engine.chain, engine.packed.rows
    s, size = chain.state, r.X.shape[1]
    columns, blocks, effects = [r.X], [(p.priors.row[:, 3:].T * (p.priors.row[:, 1] * s.row_scale)) @ p.priors.row[:, 3:]], []
    for f in range(p.layout.factor.shape[0]):
        J, q, z, u0 = (int(p.layout.factor[f][c]) for c in ("levels", "width", "z0", "u0"))
        assert p.layout.factor[f].unit >= 0
        Sigma = np.zeros((q, q))
        for owner, column, n, l0, *_ in p.layout.term.tolist():
            if owner == f:
                L = s.L[l0 : l0 + n * n].reshape(n, n)
                Sigma[column : column + n, column : column + n] = L @ L.T
        W = np.zeros((r.y.size, J * q))
        for a in range(q):
            W[np.arange(r.y.size), r.level[:, f] * q + a] = r.Z[:, z + a]
        columns.append(W)
        blocks.append(np.kron(np.eye(J), np.linalg.inv(Sigma)))
        effects.append(s.u[u0 : u0 + J * q])
    W = np.concatenate(columns, axis=1)
    Q, b, at = (W.T * chain.omega) @ W, W.T @ (chain.linear - chain.omega * r.offset), 0
    b[:size] += (p.priors.row[:, 3:].T * (p.priors.row[:, 1] * s.row_scale)) @ p.priors.row[:, 0]
    for block in blocks:
        Q[at : at + len(block), at : at + len(block)] += block
        at += len(block)
    d = s.core[:size] + shift_of(engine) - np.linalg.solve(Q, b)[:size]
    return 0.5 * float(np.linalg.slogdet(Q)[1]), 0.5 * float(d @ np.linalg.solve(np.linalg.inv(Q)[:size, :size], d))


def fitted_move(engine: Engine, y: np.ndarray, monkeypatch, **kernels) -> tuple[float, float]:
    """(the ratio of a move of (L, core) proposed from the fitted t, what the joint says it is); it is accepted.

    kernels : of ``LOOP``, in place of the right ones.
    """
    chain, p = engine.chain, engine.packed
    s, rng = chain.state, np.random.default_rng(8)
    give_way(engine)
    d = int(chain.moves.sizes[0])
    coordinates, fit, root = chain.moves.place[0, :d], chain.moves.fit[0, :d], chain.moves.root[0, :d, :d]
    fit[:, kh.SHIFT] = np.where(coordinates[:, 0] == kh.SD, 0.1, 0.0)
    fit[:, kh.MEAN] = rng.normal(-0.5, 0.2, d)
    root[:, :] = 0.3 * np.eye(d) + np.tril(0.1 * rng.standard_normal((d, d)), -1)
    widening = chain.moves.widening[0, :d, :d]
    widening[:, :] = rng.normal(0.0, 0.5, (d, d)) * np.outer(coordinates[:, 0] == kh.PARTIAL, coordinates[:, 0] == kh.SD)
    chain.elliptical = chain.fitted = True

    def place() -> float:
        """log of the target in (x, ε), less that of what the proposal leaves invariant."""
        log_q, squares = dense_stand_in(engine)
        x, jacobian = coordinates_at(coordinates, fit, s.L, 1.0), log_jacobian_at(coordinates, fit, s.L, 1.0)
        for _, _, q, l0, *_ in p.layout.term.tolist():  # the oracle's density is one of sds, or of matrices Σ = LL'
            if q > 1:
                jacobian += sum((q - k) * np.log(s.L[l0 + k * q + k]) for k in range(q))
        log_width = np.clip(widening @ (x - fit[:, kh.MEAN]), -kh.MOST_WIDENING, kh.MOST_WIDENING)
        z = np.linalg.solve(root, (x - fit[:, kh.MEAN]) * np.exp(-log_width))
        log_t = -0.5 * (k2.T_DF + d) * np.log1p(z @ z / k2.T_DF) - log_width.sum()
        return log_joint(engine, y) + log_ratio_of_t_priors(engine) + jacobian - log_q - log_t + squares

    interpreted = {name: getattr(k2, name).py_func for name in ("move_fitted", "scaled_noise")}
    quiet(monkeypatch, **interpreted, **kernels)
    told = ToldWithGamma(rng.standard_normal(d + s.core.size), accept=True)
    chain.rng, chain.blocks, s.sweeps[0] = told, 1, 0.0
    before, L = place(), s.L.copy()
    assert chain._sweeps(1, False, chain.new_kept(1, False)) == (0, 1) and len(told.ratios) == 1
    assert not np.array_equal(L, s.L)
    return told.ratios[0], place() - before


def core_move(engine: Engine, y: np.ndarray, monkeypatch, **kernels) -> tuple[float, float, float]:
    """(the ratio of a move of L and core, what it should be, error of the η that it leaves); it is accepted.

    kernels : of ``LOOP``, in place of the right ones.
    """
    chain, p = engine.chain, engine.packed
    s, rng = chain.state, np.random.default_rng(8)
    told = Told(rng.standard_normal(s.core.size), accept=True)

    def propose(rng, move, learn, coordinates, count, priors, layout, gram, target, work, L, sigma):
        for _, _, q, l0, _, given, *_ in p.layout.term.tolist():
            if not given:
                L[l0 : l0 + q * q] *= 1.4
        kh.log_marginal(layout, gram, target, work, L, sigma)
        return True, 0.0, 0.0, 0.0

    quiet(monkeypatch, draw_hyper=propose, **kernels)
    chain.rng, chain.blocks, s.sweeps[0] = told, 1, 0.0
    give_way(engine)
    before, L, core = target_less_stand_in(engine, y, shifted=True), s.L.copy(), s.core.copy()
    assert chain._sweeps(1, False, chain.new_kept(1, False)) == (0, 1) and len(told.ratios) == 1
    assert np.abs(s.core - core).min() > 0.0 and not np.array_equal(L, s.L)
    return told.ratios[0], target_less_stand_in(engine, y, shifted=True) - before, float(np.max(np.abs(s.eta - predictor(engine))))


def level_moves(engine: Engine, y: np.ndarray, monkeypatch, kernel) -> list[tuple[float, float]]:
    """For every level of the unit (the ratio of its move, what it should be); none is accepted."""
    chain, p = engine.chain, engine.packed
    s, rng, tried = chain.state, np.random.default_rng(9), []

    def levels(generator, share, data, shape, cut, layout, unit, pos, state, trial, work, counts):
        f = int(p.layout.units[unit, pos])
        J, q = int(p.layout.factor[f].levels), int(p.layout.factor[f].width)
        told = Told(rng.standard_normal(J * q), accept=False)
        kernel(told, share, data, shape, cut, layout, unit, pos, state, trial, work, counts)
        proposed = trial.u.copy()
        for j in range(J):
            kept, moved, before = s.u.copy(), _with_descendants(p, unit, pos, j), target_less_stand_in(engine, y)
            s.u[moved] = proposed[moved]
            tried.append((told.ratios[j], target_less_stand_in(engine, y) - before))
            s.u[:] = kept

    stop = lambda *a: (False, 0.0, 0.0, 0.0)  # noqa: E731 — ends the sweep after the levels
    quiet(monkeypatch, refresh_levels=levels, draw_hyper=stop)
    s.sweeps[0] = 0.0
    chain._sweeps(1, False, chain.new_kept(1, False))
    return tried


@pytest.mark.parametrize("case", CORES, ids=str)
def test_the_core_moves_with_the_ratio_of_likelihood_and_stand_in(case, monkeypatch):
    """(L, core) → (L', core'), u following: target over stand-in after, less before. Priors of L, u and β stand in both."""
    engine, y = engine_at(case, 6)
    size = max(abs(target_less_stand_in(engine, y)), 1.0)
    ratio, wanted, error = core_move(engine, y, monkeypatch)
    assert ratio == pytest.approx(wanted, rel=RTOL, abs=RTOL * size)
    assert error < 1e-9


ROWS = [Case(family, "slopes", "second-order", link=link, rounds=1) for family, link in FAMILIES]
ROWS += [Case("logit", "nested_slopes", "second-order", rounds=1), Case("poisson", "crossed_slopes", "second-order", rounds=1)]


@pytest.mark.parametrize("accept", [True, False])
@pytest.mark.parametrize("case", ROWS, ids=str)
def test_variances_by_rows_are_decided_by_the_ratio_of_likelihood_and_stand_in(case, accept, monkeypatch):
    """(L, core, u) → what rows of the covariances, their effects following, and (β, sds) become under the stand-in: target over stand-in
    after, less before. Refused, everything is as it was."""
    engine, y = engine_at(case, 6)
    chain, p, s = engine.chain, engine.packed, engine.chain.state
    told, real = Told([], accept), k2.move_by_rows
    monkeypatch.setattr(k2, "move_by_rows", lambda rng, *given: real(np.random.default_rng(11), *given))
    orders = chain._arguments(1, False, chain.new_kept(1, False))[1]
    model = kl.Model(p.layout, chain.gram, p.priors, chain._data())
    k2.coefficient_precision(p.priors.row, s.row_scale, chain.work.B)
    before, held = target_less_stand_in(engine, y), {name: getattr(s, name).copy() for name in ("L", "core", "u", "eta", "gap")}
    move, count = k2.move_variances_by_rows.py_func, chain.counts.moves[:1]
    move(told, orders, chain.shape(), p.units - 1, count, model, chain.gram, s, chain.moves, chain.trial, chain.work)
    assert (count[0].rows_tried, count[0].rows_accepted, len(told.ratios)) == (1, accept, 1)
    if not accept:
        assert all(np.array_equal(getattr(s, name), value) for name, value in held.items())
        return
    if not k2.in_order(cutpoints(engine)):
        assert told.ratios[0] == -np.inf
        return
    assert all(np.abs(getattr(s, name) - held[name]).max() > 0.0 for name in held)
    size = max(abs(before), 1.0)
    assert told.ratios[0] == pytest.approx(target_less_stand_in(engine, y) - before, rel=RTOL, abs=RTOL * size)
    assert np.max(np.abs(s.eta - predictor(engine))) < 1e-9


FITTED = [c for c in CORES if c.family != "ordinal"] + [Case("logit", "nested", "second-order")]


@pytest.mark.parametrize("case", FITTED, ids=str)
def test_the_core_moves_from_a_fitted_t_with_the_ratio_of_the_joint(case, monkeypatch):
    """Variances proposed from a t, coefficients that give way to them: the joint in the coordinates (x, ε), by dense matrices."""
    engine, y = engine_at(case, 6)
    size = max(abs(log_joint(engine, y)), 1.0)
    ratio, wanted = fitted_move(engine, y, monkeypatch)
    assert ratio == pytest.approx(wanted, rel=1e-8, abs=1e-8 * size)


@pytest.mark.parametrize("case", [MODELS[0], MODELS[1], MODELS[8], MODELS[4]], ids=str)
def test_how_far_coefficients_give_way(case):
    """``place_shift`` and ``gap_of_shift`` against inverses and whole arrays."""
    engine, _ = engine_at(replace(case, family="logit", link=""), 3)
    give_way(engine)
    chain, r = engine.chain, engine.packed.rows
    moves, shift = chain.moves, chain.moves.shifts[0]
    k2.place_shift.py_func(engine.packed.layout.term, chain.state.L, moves.information, moves.slope, chain.work.small, shift)
    np.testing.assert_allclose(shift, shift_of(engine), rtol=1e-10, atol=1e-12)
    eta, omega = chain.state.eta, chain.omega
    moved = eta + r.X @ shift
    wanted = np.sum(chain.linear * eta - 0.5 * omega * eta**2) - np.sum(chain.linear * moved - 0.5 * omega * moved**2)
    assert k2.gap_of_shift.py_func(r.X.T, omega, chain.linear, eta, shift) == pytest.approx(wanted, rel=1e-10, abs=1e-10)


def test_the_step_of_the_fitted_t_leaves_it_invariant():
    """Draws of the t, its partial correlation widened or not, stay draws of it, whatever the share; a sweep takes 0.45 and 1."""
    rng, d = np.random.Generator(np.random.SFC64(12)), 2
    fit, root = np.array([[0.5, 0.0, 1.0], [-1.0, 0.0, 1.0]]), np.array([[0.7, 0.0], [0.4, 0.3]])
    mean, points = fit[:, kh.MEAN], np.zeros((4, d))
    t = stats.multivariate_t(mean, root @ root.T, k2.T_DF)
    for gamma in (0.0, -0.9):
        place = np.array([[kh.SD, 0, 0, -1], [kh.PARTIAL, 2, 1, 0]])
        coordinates = kl.Coordinates(place, fit, root, np.array([[0.0, 0.0], [gamma, 0.0]]))

        def even(x, gamma=gamma):
            return x[0], mean[1] + (x[1] - mean[1]) * np.exp(-np.clip(gamma * (x[0] - mean[0]), -kh.MOST_WIDENING, kh.MOST_WIDENING))

        for share in (0.45, 1.0):
            squares = []
            for _ in range(4_000):
                points[0] = mean + root @ rng.standard_normal(d) * np.sqrt(k2.T_DF / rng.chisquare(k2.T_DF))
                kh.widen(coordinates, points[0], 1.0)
                k2.move_fitted(rng, share, coordinates, points)
                new = np.linalg.solve(root, even(points[1]) - mean)
                squares.append(new @ new / d)
            assert stats.kstest(squares, stats.f(d, k2.T_DF).cdf).pvalue > 1e-4
        x, other = np.array([1.0, 0.0]), np.array([-3.0, -1.5])  # of which the second is as wide as any
        value = k2.log_fitted(coordinates, x, np.zeros(d))
        assert kh.log_t_density(coordinates, x, np.zeros(d))[0] == value
        wanted = [t.logpdf(even(a)) + np.log(even(a + [0.0, 0.5])[1] - even(a - [0.0, 0.5])[1]) for a in (x, other)]
        assert value - k2.log_fitted(coordinates, other, np.zeros(d)) == pytest.approx(wanted[0] - wanted[1], abs=1e-10)


@pytest.mark.parametrize("case", CORES, ids=str)
def test_levels_move_with_the_ratio_of_their_own_rows(case, monkeypatch):
    """Every level at both places of a nested chain: target over stand-in with this level's effects, and those below it, alone changed."""
    engine, y = engine_at(replace(case, structure="nested"), 6)
    assert engine.packed.layout.units.shape == (1, 2)
    size = max(abs(target_less_stand_in(engine, y)), 1.0)
    tried = level_moves(engine, y, monkeypatch, k2.refresh_levels.py_func)
    assert len(tried) == sum(len(f.levels) for f in engine.design.factors)
    for ratio, wanted in tried:
        assert ratio == pytest.approx(wanted, rel=RTOL, abs=RTOL * size)


def _with_descendants(p, unit: int, pos: int, j: int) -> np.ndarray:
    """Places in u of level j at ``pos`` of the chain and of every level nested in it."""
    inside = {j}
    places = []
    for place in range(pos, -1, -1):
        f = int(p.layout.units[unit, place])
        J, q, u0, parent0 = (int(p.layout.factor[f][c]) for c in ("levels", "width", "u0", "parent0"))
        if place < pos:
            inside = {k for k in range(J) if int(p.layout.index[parent0 + k]) in inside}
        places += [u0 + k * q + a for k in inside for a in range(q)]
    return np.array(places)

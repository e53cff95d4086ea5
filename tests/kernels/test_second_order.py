"""Pieces of the second-order sweep; that all of it leaves the posterior alone is ``tests/sampling/test_second_order.py``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gibbs.kernels.elimination import eliminate_unit, factor_core, factor_roots, load_core
from gibbs.kernels.family_moves import draw_family, in_order, log_family
from gibbs.kernels.hyper import PARTIAL, SD, coordinates_of
from gibbs.kernels.location import copy_core_factors, draw_core, draw_unit, place_core, place_unit, whiten_core, whiten_unit
from gibbs.kernels.scaling import scale_effects, scale_everything
from gibbs.kernels.second_order import refresh_levels
from gibbs.kernels.statistics import linear_predictor
from scipy import stats

from gibbs.kernels import layout as kl
from gibbs.kernels import likelihood as kd
from gibbs.model.records import Prior
from gibbs.sampling.chain import _trial
from gibbs.sampling.pack import pack
from gibbs.sampling.plan import make
from gibbs.sampling.second_order import SecondOrderChain
from tests import oracles

from .bench import Bench, log_jacobian_lower, lower, make_design, random_covariances
from .records import outcomes


@pytest.mark.parametrize("kind", ["one_factor", "slopes", "nested_mixed", "nested_slopes_crossed", "five_columns"])
def test_whitening_undoes_placing(kind):
    """(core, u) → noise → (core, u), and noise ~ N(0, I) placed is the joint draw itself."""
    b = Bench(make_design(kind), "joint")
    b.set(random_covariances(b.design, np.random.default_rng(7)))
    layout, s, w = b.layout, b.state, b.work
    factor_roots(layout, s.L, w)
    load_core(b.gram, w)
    eliminate_unit(layout, b.gram, 0, 1.0, w)
    factor_core(layout, 1.0, w)
    rng = np.random.default_rng(3)
    draw_core(np.random.Generator(np.random.SFC64(5)), layout, w, 1.0, s.core)
    draw_unit(np.random.Generator(np.random.SFC64(6)), layout, 0, w, 1.0, s.core, s.u)
    wanted = np.random.Generator(np.random.SFC64(5)).standard_normal(s.core.size)
    core_noise, noise = np.zeros_like(s.core), rng.standard_normal(s.u.size)
    whiten_core(layout, w, s.core, core_noise)
    np.testing.assert_allclose(core_noise, wanted, atol=1e-9)
    whiten_unit(layout, 0, w, s.core, s.u, noise)
    core, u = core_noise.copy(), noise.copy()
    place_core(layout, w, core)
    place_unit(layout, 0, layout.units.shape[1] - 1, w, core, u)
    np.testing.assert_allclose(core, s.core, rtol=1e-9, atol=1e-9)
    for row in layout.factor[[f for f in layout.units[0] if f >= 0]]:
        at = slice(row.u0, row.u0 + row.levels * row.width)
        np.testing.assert_allclose(u[at], s.u[at], rtol=1e-9, atol=1e-9)


def test_coordinates_are_those_of_the_target():
    fit = np.array([[0.0, 0.5, 1.0], [0.0, 0.0, 1.0], [0.0, 0.25, 1.0]])
    x = np.zeros(3)
    coordinates = kl.Coordinates(np.array([[SD, 0, 0, -1], [PARTIAL, 2, 1, 0], [SD, 2, 1, -1]]), fit, np.eye(3), np.zeros((3, 3)))
    coordinates_of(coordinates, np.array([1.5, 0.0, -0.7, 0.75]), 1.0, x)
    np.testing.assert_allclose(x, [np.log(2.0), np.arctanh(-0.7 / np.hypot(0.7, 0.75)), np.log(np.hypot(0.7, 0.75) + 0.25)])


def test_cutpoints_in_order():
    assert in_order(np.array([-1.0, 0.0, 0.5])) and in_order(np.zeros(1)) and in_order(np.zeros(0))
    assert not in_order(np.array([-1.0, 0.5, 0.5])) and not in_order(np.array([0.0, np.nan]))


# ------------------------------------------------------------------------------------------- moves of the scales


class Mover:
    """A second-order chain whose state is any point, and the oracle's log joint density there, in (core, u, L)."""

    def __init__(self, kind: str, family: str, **options) -> None:
        design = make_design(kind, family=family, rows=60, **options)
        if design.cutpoint_prior is not None:  # a normal: its scales λ stay 1
            design = replace(design, cutpoint_prior=Prior("student_t", (1e9, 0.2, 1.2)))
        self.design, self.packed = design, pack(design, make(design, "second-order"))
        self.chain = SecondOrderChain(0, np.random.SeedSequence(31), self.packed, design, 0)
        p, s = self.packed, self.chain.state
        rng = np.random.default_rng([32, p.core_columns])
        s.core[:] = 0.4 * rng.standard_normal(s.core.size)
        s.core[: p.cutpoints] = np.sort(s.core[: p.cutpoints]) + 0.3 * np.arange(p.cutpoints)
        s.u[:] = 0.4 * rng.standard_normal(s.u.size)
        s.L[:] = lower(random_covariances(design, rng))
        s.row_scale[:] = 1.0
        copy_core_factors(p.layout, s.core, s.u)
        for f in p.layout.core_factors:
            at, u0, size = p.layout.factor[f].core0, p.layout.factor[f].u0, p.layout.factor[f].levels * p.layout.factor[f].width
            s.core[at : at + size] = s.u[u0 : u0 + size] = 0.4 * rng.standard_normal(size)
        self.refresh()

    def refresh(self) -> None:
        """η and the gaps of the state."""
        p, s = self.packed, self.chain.state
        linear_predictor(p.rows, p.layout, s.core, s.u, s.eta)
        kd.gaps(self.data, s.eta, 1.0, s.core[: p.cutpoints], s.gap)

    @property
    def data(self) -> kl.StandIn:
        return self.chain._data()

    def log_joint(self) -> float:
        p, s, u, covariances, at = self.packed, self.chain.state, [], [], 0
        jacobian = 0.0
        for f in self.design.factors:
            J, q = len(f.levels), len(f.columns)
            u.append(s.u[at : at + J * q].reshape(J, q))
            at += J * q
        for f in range(len(u)):
            blocks = []
            for owner, _, q, l0, *_ in p.layout.term.tolist():
                if owner == f:
                    L = s.L[l0 : l0 + q * q].reshape(q, q)
                    blocks.append(L @ L.T if q > 1 else np.array([[L[0, 0] ** 2]]))
                    jacobian += log_jacobian_lower(L)
            covariances.append(blocks)
        written = p.coefficients(s.core[: p.reference.size])
        values = {"u": u, "covariances": covariances, "sigma": None, "nu": None, "shape": 1.0}
        values |= {"beta": written[p.cutpoints :], "cutpoints": written[: p.cutpoints] if p.cutpoints else None}
        return oracles.log_joint(self.design, values) + jacobian


SCALED = [("one_factor", "logit", {}), ("slopes", "probit", {"offset": True}), ("nested_mixed", "ordinal", {}), ("crossed", "binomial", {})]
SCALED += [("three_columns_two_terms", "ordinal", {"link": "probit", "covariance_prior": "inverse_wishart", "offset": True})]
SCALED += [("slopes", "poisson", {"covariance_prior": "huang_wand"}), ("none", "logit", {})]


@pytest.mark.parametrize(("kind", "family", "options"), SCALED)
def test_moves_of_scales_accept_by_the_joint_density(kind, family, options):
    """Every decision of ``scale_effects`` and ``scale_everything`` is that of Metropolis on the oracle's density, Jacobian included."""
    m = Mover(kind, family, **options)
    p, s, trial, scratch = m.packed, m.chain.state, m.chain.trial, m.chain.work.small[5]
    names, cut, decided = ("core", "u", "L", "eta"), s.core[: p.cutpoints], {True: 0, False: 0}
    columns = [(t, a) for t in range(p.layout.term.shape[0]) for a in range(p.layout.term[t].width)]
    everything = [None] if family not in ("poisson", "negative_binomial") else []
    dimension = p.reference.size + s.u.size + int(np.sum(p.layout.term.width * (p.layout.term.width + 1) // 2))
    for turn in range(60):
        for what in (*columns, *everything):
            before, density = {n: getattr(s, n).copy() for n in names}, m.log_joint()
            gap = s.gap.copy()
            rng, twin = (np.random.Generator(np.random.SFC64([turn, 5])) for _ in range(2))
            delta = 0.3 * twin.standard_normal()
            threshold = -twin.standard_exponential()
            if what is None:
                accepted = scale_everything(rng, 0.3, m.data, p.cutpoints, p.layout, p.priors, s, trial, scratch)
                moved = dimension
            else:
                t, a = what
                accepted = scale_effects(rng, 0.3, m.data, 1.0, cut, p.layout, t, a, p.priors, s, trial, scratch)
                moved = p.layout.factor[p.layout.term[t].factor].levels + a + 1
            # the proposed point, whatever was decided
            scale = np.exp(delta)
            after = {n: getattr(s, n).copy() for n in names}
            if accepted == 0.0:
                for n in ("core", "u", "L"):
                    np.testing.assert_allclose(after[n], before[n], rtol=1e-12, atol=1e-14)
                if what is None:
                    s.core[:], s.u[:], s.L[:] = scale * before["core"], scale * before["u"], scale * before["L"]
                else:
                    _scale_by_hand(p, s, t, a, scale)
            rise = m.log_joint() - density + moved * delta
            assert (accepted == 1.0) == (rise > threshold) or abs(rise - threshold) < 1e-6
            decided[accepted == 1.0] += 1
            if accepted == 0.0:
                for n in names:
                    getattr(s, n)[:] = before[n]
                s.gap[:] = gap
            else:
                eta, gap = s.eta.copy(), s.gap.copy()
                m.refresh()
                np.testing.assert_allclose(s.eta, eta, rtol=1e-9, atol=1e-10)
                np.testing.assert_allclose(s.gap, gap, rtol=1e-7, atol=1e-8)
    assert min(decided.values()) > 5 or not columns


def _scale_by_hand(p, s, t: int, a: int, scale: float) -> None:
    f, column, q, l0, *_ = p.layout.term[t].tolist()
    u0, J, width, core0 = (p.layout.factor[f][k] for k in ("u0", "levels", "width", "core0"))
    s.L[l0 + a * q : l0 + (a + 1) * q] *= scale
    s.u[u0 + column + a : u0 + J * width : width] *= scale
    if core0 >= 0:
        s.core[core0 : core0 + J * width] = s.u[u0 : u0 + J * width]


def _given(eta: np.ndarray, core: np.ndarray, row_scale: np.ndarray) -> kl.State:
    """A state of which the family's own parameters are drawn."""
    fields = {name: np.zeros(1) for name in kl.State._fields} | {"eta": eta, "core": core, "row_scale": row_scale}
    return kl.State(**fields)


SIZES = np.linspace(-6.0, 9.0, 6001)


@pytest.mark.parametrize("family", ["size", "cutpoints"])
def test_law_of_the_size_and_of_the_cutpoints(family):
    """ψ given η by slices along random directions, against its density on a grid (one dimension each)."""
    rng = np.random.default_rng(9)
    n = 30
    eta = rng.normal(0.5, 0.6, n)
    if family == "size":
        y = rng.poisson(np.exp(eta) * rng.gamma(2.0, size=n) / 2.0).astype(float)
        values, rows = np.unique(y, return_counts=True)
        code, prior, statements, core, grid = kd.COUNT_NEGATIVE_BINOMIAL, np.array([7.0, 3.0, 1.0]), np.zeros((0, 4)), np.zeros(1), SIZES
    else:
        y = np.searchsorted([-0.5, 0.9], eta + rng.logistic(size=n)).astype(float)
        values, rows = np.zeros(0), np.zeros(0)
        y = np.minimum(y, 1.0)  # one cutpoint: 0 or not
        code, prior, core, grid = kd.ORDINAL_LOGIT, np.zeros(3), np.array([0.1, 0.3]), np.linspace(-4.0, 3.0, 4001)
        statements = np.array([[0.2, 1.5**-2, np.inf, 1.0, 0.0], [0.4, 2.0, np.inf, 0.7, -1.0]])  # on c, and on 0.7 c − β
    data = outcomes(code, y, np.ones(n, dtype=np.int64), values=values, value_rows=rows.astype(float))
    priors, one = kl.Priors(statements, *[np.zeros((0, 0))] * 3, prior), np.zeros(1)
    state = _given(eta, core, np.array([1.0, 0.8])[: len(statements)])
    state = state._replace(psi=state.psi[: family == "size"])  # an ordinal family has no dispersion

    def log_density_at(x: float) -> float:
        return log_family(data, priors, state, np.array([x]))

    log_density = np.array([log_density_at(x) for x in grid])
    if family == "cutpoints":
        at = [1500, 2000, 2600]
        exact = [
            stats.logistic.logcdf(grid[k] - eta[y == 0]).sum() + stats.logistic.logsf(grid[k] - eta[y == 1]).sum()
            + stats.norm.logpdf(grid[k], 0.2, 1.5) + 0.8 * stats.norm.logpdf(0.7 * grid[k] - 0.3, 0.4, 2.0**-0.5)
            for k in at
        ]  # fmt: skip
        np.testing.assert_allclose(np.diff(log_density[at]), np.diff(exact), rtol=1e-9)
    else:  # the density itself, by scipy
        at = [600 + 4 * k for k in range(3)]
        exact = [
            stats.nbinom.logpmf(y, np.exp(grid[k]), np.exp(grid[k]) / (np.exp(grid[k]) + np.exp(eta))).sum()
            + stats.gamma.logpdf(np.exp(grid[k]), 3.0) + grid[k]
            for k in at
        ]  # fmt: skip
        np.testing.assert_allclose(np.diff(log_density[at]), np.diff(exact), rtol=1e-6)
    cdf = np.cumsum(np.exp(log_density - log_density.max()))
    cdf /= cdf[-1]
    psi, draws, root = np.zeros(1), [], 0.7 * np.eye(1)
    generator = np.random.Generator(np.random.SFC64(4))
    for _ in range(24_000):
        draw_family(generator, data, priors, state, psi, root, one, np.zeros(1))
        draws.append(psi[0])
    u = np.interp(np.array(draws)[::8], grid, cdf)
    assert stats.kstest(u, "uniform").pvalue > 1e-4


def test_refreshed_levels_have_the_law_of_the_stand_in():
    """With the likelihood equal to its stand-in (gap 0) every level is accepted, and ε is replaced in the share asked for."""
    b = Bench(make_design("one_factor", family="logit"), "joint")
    b.set(random_covariances(b.design, np.random.default_rng(17)))
    layout, gram, w, r, n, U = b.layout, b.chain.gram, b.work, b.packed.rows, b.packed.rows.y.size, b.packed.effects
    factor_roots(layout, b.state.L, w)
    load_core(gram, w)
    eliminate_unit(layout, gram, 0, 1.0, w)
    s = b.state._replace(eta=np.zeros(n), gap=np.zeros(n))
    trial, counts = _trial(b.packed, n), kl.counts_of(1, U)
    whiten_unit(layout, 0, w, s.core, s.u, trial.noise)
    trials = np.zeros(n, dtype=np.int64)  # no trial: l = 0 everywhere, and a stand-in of no curvature
    data = outcomes(kd.BINOMIAL_LOGIT, np.zeros(n), trials)._replace(Z=r.Z, level=r.level, offset=r.offset)
    before = trial.noise.copy()
    generator = np.random.Generator(np.random.SFC64(8))
    wanted = 0.8 * before + 0.6 * np.random.Generator(np.random.SFC64(8)).standard_normal(U)
    refresh_levels(generator, 0.6, data, 1.0, np.zeros(1), layout, 0, 0, s, trial, w, counts)
    np.testing.assert_array_equal(counts.tried, 1)  # one column a level
    np.testing.assert_array_equal(counts.accepted, 1)
    found = np.zeros(U)
    whiten_unit(layout, 0, w, s.core, s.u, found)
    np.testing.assert_allclose(found, trial.noise, atol=1e-9)
    # the generator also draws one exponential a level, after the normals
    np.testing.assert_allclose(trial.noise, wanted, atol=1e-9)

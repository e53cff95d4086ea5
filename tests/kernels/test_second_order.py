"""Pieces of the second-order sweep; that all of it leaves the posterior alone is ``tests/sampling/test_second_order.py``."""

from __future__ import annotations

import numpy as np
import pytest
from gibbs.kernels.elimination import (
    draw_core,
    draw_unit,
    eliminate_unit,
    factor_core,
    factor_precisions,
    load_core,
    place_core,
    place_unit,
    whiten_core,
    whiten_unit,
)
from gibbs.kernels.hyper import BELOW, DIAGONAL, coordinates_of
from gibbs.kernels.second_order import cutpoint_prior_gap, cutpoints, draw_family, log_family, refresh_levels
from scipy import stats

from gibbs.kernels import likelihood as kd

from .bench import Bench, make_design, random_covariances


@pytest.mark.parametrize("kind", ["one_factor", "slopes", "nested_mixed", "nested_slopes_crossed", "five_columns"])
def test_whitening_undoes_placing(kind):
    """(core, u) → noise → (core, u), and noise ~ N(0, I) placed is the joint draw itself."""
    b = Bench(make_design(kind), "joint")
    b.set(random_covariances(b.design, np.random.default_rng(7)))
    p, s, w = b.packed, b.state, b.work
    factor_precisions(p.factor, p.term, s.L, 1.0, w["P"], w["small"][5])
    load_core(b.dense, p.m)
    eliminate_unit(p.factor, p.index, p.units, 0, p.node, p.h, w["P"], w["work"], w["vh"], b.dense)
    factor_core(p.factor, p.core_factors, w["B"], w["P"], 1.0, b.dense)
    rng = np.random.default_rng(3)
    draw_core(np.random.Generator(np.random.SFC64(5)), b.dense, 1.0, s.core)
    draw_unit(np.random.Generator(np.random.SFC64(6)), p.factor, p.index, p.units, 0, w["work"], w["vh"], 1.0, s.core, s.u)
    wanted = np.random.Generator(np.random.SFC64(5)).standard_normal(s.core.size)
    core_noise, noise = np.zeros_like(s.core), rng.standard_normal(s.u.size)
    whiten_core(b.dense, s.core, core_noise)
    np.testing.assert_allclose(core_noise, wanted, atol=1e-9)
    whiten_unit(p.factor, p.index, p.units, 0, w["work"], w["vh"], s.core, s.u, noise)
    core, u = core_noise.copy(), noise.copy()
    place_core(b.dense, core)
    place_unit(p.factor, p.index, p.units, 0, p.units.shape[1] - 1, w["work"], w["vh"], core, u)
    np.testing.assert_allclose(core, s.core, rtol=1e-9, atol=1e-9)
    unit = [f for f in p.units[0] if f >= 0]
    for f in unit:
        at = slice(p.factor[f, 3], p.factor[f, 3] + p.factor[f, 0] * p.factor[f, 1])
        np.testing.assert_allclose(u[at], s.u[at], rtol=1e-9, atol=1e-9)


def test_coordinates_are_those_of_the_target():
    fit = np.array([[0.0, 0.5, 1.0], [0.0, 0.0, 1.0], [0.0, 0.25, 1.0]])
    x = np.zeros(3)
    coordinates_of(np.array([[DIAGONAL, 0], [BELOW, 2], [DIAGONAL, 3]]), fit, np.array([1.5, 0.0, -0.7, 0.75]), 1.0, x)
    np.testing.assert_allclose(x, [np.log(2.0), -0.7, 0.0])


def test_cutpoints_stand_about_the_one_at_zero():
    cut = np.zeros(4)
    cutpoints(np.log([0.5, 1.0, 2.0]), 2.0, cut)
    np.testing.assert_allclose(cut, [-1.5, -1.0, 0.0, 2.0])
    cutpoints(np.log([0.5, 1.0, 2.0]), 0.0, cut)
    np.testing.assert_allclose(cut, [0.0, 0.5, 1.5, 3.5])
    one = np.ones(1)
    cutpoints(np.zeros(0), 0.0, one)
    assert one[0] == 0.0


def test_the_prior_of_cutpoints_replaces_the_stand_in_of_the_intercept():
    prior = np.array([5.0, 0.2, 1.3, -0.2, 1.0 / 1.3**2])
    anchor, cut = np.array([1.0, -0.4]), np.array([-1.0, 0.0, 0.8])
    gaps = []
    for core in (np.array([0.3, 0.9]), np.array([-0.6, 0.1])):
        intercept = anchor @ core
        exact = stats.t.logpdf(cut - intercept, 5.0, 0.2, 1.3).sum() - stats.norm.logpdf(intercept, -0.2, 1.3)
        gaps.append(exact - cutpoint_prior_gap(kd.ORDINAL_LOGIT, prior, anchor, core, cut))
    assert gaps[0] == pytest.approx(gaps[1], rel=1e-12)
    assert cutpoint_prior_gap(kd.COUNT_POISSON, prior, anchor, anchor, cut) == 0.0


def _data(code, y, trials):
    n = y.size
    empty = np.zeros((n, 0))
    return (code, empty, empty, np.zeros((n, 0), dtype=np.int32), np.zeros(n), y, trials, np.ones(n), np.zeros(n))


@pytest.mark.parametrize("family", ["size", "cutpoints"])
def test_law_of_the_size_and_of_the_cutpoints(family):
    """ψ given η by slices along random directions, against its density on a grid (one dimension each)."""
    rng = np.random.default_rng(9)
    n = 30
    eta = rng.normal(0.5, 0.6, n)
    if family == "size":
        y = rng.poisson(np.exp(eta) * rng.gamma(2.0, size=n) / 2.0).astype(float)
        values, rows = np.unique(y, return_counts=True)
        code, prior, cut = kd.COUNT_NEGATIVE_BINOMIAL, np.array([7.0, 3.0, 1.0, 0.0, 0.0, 0.0]), np.zeros(1)
    else:
        y = np.searchsorted([-0.5, 0.9], eta + rng.logistic(size=n)).astype(float)
        values, rows = np.zeros(0), np.zeros(0)
        code, prior, cut = kd.ORDINAL_LOGIT, np.array([5.0, 0.0, 1.5, 0.0, 1.0, 1.0]), np.zeros(2)
    data, anchor, core = _data(code, y, np.ones(n, dtype=np.int64)), np.array([1.0]), np.array([0.2])
    grid = np.linspace(-6.0, 9.0, 6001)
    log_density = np.array([log_family(data, prior, anchor, core, eta, np.array([x]), cut, values, rows.astype(float)) for x in grid])
    if family == "size":  # the density itself, by scipy
        at = [600 + 4 * k for k in range(3)]
        exact = [
            stats.nbinom.logpmf(y, np.exp(grid[k]), np.exp(grid[k]) / (np.exp(grid[k]) + np.exp(eta))).sum()
            + stats.gamma.logpdf(np.exp(grid[k]), 3.0) + grid[k]
            for k in at
        ]  # fmt: skip
        np.testing.assert_allclose(np.diff(log_density[at]), np.diff(exact), rtol=1e-6)
    cdf = np.cumsum(np.exp(log_density - log_density.max()))
    cdf /= cdf[-1]
    psi, draws = np.zeros(1), []
    generator = np.random.Generator(np.random.SFC64(4))
    for _ in range(24_000):
        draw_family(
            generator, data, prior, anchor, core, eta, psi, np.eye(1) * 0.7, np.zeros(1), np.zeros(1), cut, values, rows.astype(float)
        )
        draws.append(psi[0])
    u = np.interp(np.array(draws)[::8], grid, cdf)
    assert stats.kstest(u, "uniform").pvalue > 1e-4


def test_refreshed_levels_have_the_law_of_the_stand_in():
    """With the likelihood equal to its stand-in (gap 0) every level is accepted, and ε is replaced in the share asked for."""
    b = Bench(make_design("one_factor", family="logit"), "joint")
    b.set(random_covariances(b.design, np.random.default_rng(17)))
    p, s, w, r = b.packed, b.state, b.work, b.packed.rows
    n, U = r.y.size, p.effects
    factor_precisions(p.factor, p.term, s.L, 1.0, w["P"], w["small"][5])
    load_core(b.dense, b.chain.m)
    eliminate_unit(p.factor, p.index, p.units, 0, b.chain.node, b.chain.h, w["P"], w["work"], w["vh"], b.dense)
    counts, noise, fresh, trial_u, change = np.zeros(8), np.zeros(U), np.zeros(U), np.zeros(U), np.zeros(U)
    whiten_unit(p.factor, p.index, p.units, 0, w["work"], w["vh"], s.core, s.u, noise)
    trials = np.zeros(n, dtype=np.int64)  # no trial: l = 0 everywhere, and a stand-in of no curvature
    data = (kd.BINOMIAL_LOGIT, r.X, r.Z, r.level, r.offset, np.zeros(n), trials, np.zeros(n), np.zeros(n))
    before = noise.copy()
    eta, gap = np.zeros(n), np.zeros(n)
    generator = np.random.Generator(np.random.SFC64(8))
    wanted = 0.8 * before + 0.6 * np.random.Generator(np.random.SFC64(8)).standard_normal(U)
    refresh_levels(
        generator, 0.6, data, 1.0, np.zeros(1), p.factor, p.index, p.units, 0, 0, w["work"], w["vh"], s.core, s.u, noise, fresh, trial_u,
        np.zeros(n), np.zeros(n), eta, gap, change, counts,
    )  # fmt: skip
    assert counts[4] == counts[5] > 0
    found = np.zeros(U)
    whiten_unit(p.factor, p.index, p.units, 0, w["work"], w["vh"], s.core, s.u, found)
    np.testing.assert_allclose(found, noise, atol=1e-9)
    # the generator also draws one exponential a level, after the normals
    np.testing.assert_allclose(noise, wanted, atol=1e-9)

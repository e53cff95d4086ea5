"""Student-t effects: distances, densities and ratios against scipy, laws of the draws against closed forms, cross-products against rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gibbs.kernels.level_laws import draw_multipliers, follow, log_gamma_law, log_multiplier, move_degrees_of_freedom
from gibbs.kernels.level_scales import (
    draw_degrees_of_freedom,
    draw_level_scales,
    draw_sds,
    level_distances,
    log_degrees_of_freedom,
    log_sd,
    rescale,
)
from gibbs.kernels.statistics import accumulate, accumulate_rhs
from scipy import linalg, stats

from gibbs.kernels import layout as kl
from gibbs.kernels import level_laws
from gibbs.model import by_group
from gibbs.sampling.pack import cross_products
from tests import oracles
from tests.kernels.test_second_order_ratios import Told, predictor
from tests.sampling.gr_effects import DF, GrCase, GrEngine, design_of, plan_of
from tests.sampling.invariance import draw_data

RTOL = 1e-9
GAUSSIAN = [
    GrCase("gaussian", "slopes", "joint", by=(0,)),
    GrCase("gaussian", "nested", "joint", student=(0, 1), df="uniform"),
    GrCase("gaussian", "crossed_slopes", "joint", student=(0, 1)),
    GrCase("gaussian", "two_terms", "joint"),
]


def placed(case: GrCase, seed: int = 1) -> tuple[GrEngine, dict, np.ndarray]:
    """An engine at a draw from the prior, that draw, and data from it."""
    rng = np.random.default_rng([seed, 17])
    design = design_of(case, rng)
    engine = GrEngine(design, plan_of(case, design), elliptical=False, seed=seed, repack=True)
    values, y = draw_data(design, rng)
    engine.place(values, y)
    return engine, values, y


def sigma_of(engine: GrEngine, values: dict, f: int, j: int) -> np.ndarray:
    """Σ of level j of factor f."""
    factor = engine.design.factors[f]
    group = factor.groups[factor.group[j]] if factor.group is not None else ""
    return oracles.covariance_of_group(factor, values["covariances"][f], group)


def distances(engine: GrEngine, f: int) -> tuple[np.ndarray, int]:
    """What the kernel says, levels in the order of the design."""
    p, s, found = engine.packed, engine.chain.state, np.zeros(len(engine.design.factors[f].levels))
    q = level_distances(p.factor, p.term, f, s.L, s.u, s.spread, found, np.zeros(64))
    out = np.empty_like(found)
    out[by_group.order(engine.design.factors[f])] = found
    return out, q


@pytest.mark.parametrize("case", GAUSSIAN, ids=str)
def test_distances_of_levels(case):
    engine, values, _ = placed(case)
    for f, factor in enumerate(engine.design.factors):
        found, q = distances(engine, f)
        wanted = [u @ np.linalg.solve(sigma_of(engine, values, f, j), u) for j, u in enumerate(values["u"][f])]
        assert q == len(factor.columns)
        np.testing.assert_allclose(found, wanted, rtol=1e-8)


@pytest.mark.parametrize("case", GAUSSIAN, ids=str)
def test_density_of_log_df_is_that_of_the_joint(case):
    engine, values, _ = placed(case)
    for k, f in enumerate(engine.packed.student):
        found, q = distances(engine, f)
        a, b = np.log(2.7), np.log(9.0)
        ratio = log_degrees_of_freedom(engine.packed.df_prior[k], found, q, b) - log_degrees_of_freedom(
            engine.packed.df_prior[k], found, q, a
        )
        wanted = []
        for x in (a, b):
            changed = {**values, "df": [np.exp(x) if g == f else df for g, df in enumerate(values["df"])]}
            wanted.append(oracles.log_prior(engine.design, changed) + x)
        assert ratio == pytest.approx(wanted[1] - wanted[0], rel=RTOL, abs=RTOL)
        assert log_degrees_of_freedom(engine.packed.df_prior[k], found, q, np.log(0.5)) == -np.inf


@pytest.mark.parametrize("case", GAUSSIAN, ids=str)
def test_density_of_an_sd_given_the_effects_is_that_of_the_joint(case):
    engine, values, _ = placed(case)
    p, s = engine.packed, engine.chain.state
    for k, f in enumerate(p.student):
        factor = engine.design.factors[f]
        mine = np.flatnonzero(p.term[:, kl.FACTOR] == f)
        for number, t in enumerate(mine):
            q = int(p.term[t, kl.SIZE])
            for a in range(q):
                kept, found, wanted = s.L.copy(), [], []
                for delta in (-0.4, 0.7):
                    scratch = np.zeros(len(factor.levels))
                    found.append(
                        log_sd(p.factor, p.term, t, a, delta, p.sd_prior, p.cov_prior, s.df[k], s.L, s.u, s.spread, scratch, np.zeros(64))
                    )
                    scaled = {**values, "covariances": [list(blocks) for blocks in values["covariances"]]}
                    scale = np.ones(q)
                    scale[a] = np.exp(delta)
                    scaled["covariances"][f][number] = values["covariances"][f][number] * np.outer(scale, scale)
                    wanted.append(oracles.log_prior(engine.design, scaled) + (1.0 if q == 1 else q + 1.0) * delta)
                assert found[1] - found[0] == pytest.approx(wanted[1] - wanted[0], rel=1e-8, abs=1e-8)
                np.testing.assert_allclose(s.L, kept, rtol=1e-14)


def test_law_of_df_and_of_an_sd_given_the_effects():
    """Slices from where the last one ended, thinned, against a grid."""
    engine, _, _ = placed(replace(GAUSSIAN[0], structure="one_factor", by=()), seed=4)
    p, s, rng = engine.packed, engine.chain.state, np.random.default_rng(5)
    found, q = distances(engine, 0)
    x = np.linspace(0.0, 7.0, 4001)
    density = np.array([log_degrees_of_freedom(p.df_prior[0], found, q, v) for v in x])
    weight = np.exp(density - density.max())
    cdf = (np.cumsum(weight) - 0.5 * weight) / weight.sum()
    nu, draws = 5.0, []
    for _ in range(12_000):
        nu = draw_degrees_of_freedom(rng, p.df_prior[0], found, q, nu)
        draws.append(np.log(nu))
    assert stats.kstest(np.interp(draws[10::10], x, cdf), "uniform").pvalue > 1e-4
    start = s.L.copy()
    x = np.linspace(-6.0, 6.0, 4001)
    scratch, inverse = np.zeros(len(engine.design.factors[0].levels)), np.zeros(64)
    density = np.array([log_sd(p.factor, p.term, 0, 0, v, p.sd_prior, p.cov_prior, 3.0, s.L, s.u, s.spread, scratch, inverse) for v in x])
    weight = np.exp(density - density.max())
    cdf = (np.cumsum(weight) - 0.5 * weight) / weight.sum()
    draws = []
    for _ in range(12_000):
        draw_sds(rng, p.factor, p.term, 0, p.sd_prior, p.cov_prior, 3.0, s.L, s.u, s.spread, scratch, inverse)
        draws.append(np.log(s.L[0] / start[0]))
    assert stats.kstest(np.interp(draws[10::10], x, cdf), "uniform").pvalue > 1e-4


def test_law_of_the_multipliers_given_the_effects():
    """λ_j ~ Gamma((ν + q)/2, (ν + u_j'Σ⁻¹u_j)/2) at a df that is given; u_j = spread v_j stays where it is."""
    engine, values, _ = placed(GrCase("gaussian", "slopes", "joint", by=(0,), df="fixed"), seed=3)
    p, s, rng, factor = engine.packed, engine.chain.state, np.random.default_rng(6), engine.design.factors[0]
    nu, J, width = DF["fixed"].args[0], len(factor.levels), int(p.factor[0, kl.WIDTH])
    scratch, change = (np.zeros(J), np.zeros(64)), np.ones(p.effects)
    term = p.term.copy()
    term[:, kl.GIVEN] = 1  # sds stay
    places, u = by_group.order(factor), s.u * s.spread
    ps = []
    for _ in range(400):
        draw_level_scales(rng, p.factor, term, p.student, p.df_prior, p.sd_prior, p.cov_prior, s.df, s.L, s.u, s.spread, change, *scratch)
        s.u /= change
        np.testing.assert_allclose(s.u * s.spread, u, rtol=1e-10)
        for place, j in enumerate(places):
            lam = s.spread[place * width] ** -2.0
            d = values["u"][0][j] @ np.linalg.solve(sigma_of(engine, values, 0, j), values["u"][0][j])
            ps.append(stats.gamma.cdf(lam, 0.5 * (nu + 2), scale=2.0 / (nu + d)))
    assert s.df[0] == nu
    assert stats.kstest(ps, "uniform").pvalue > 1e-4


RESCALED = [
    GrCase("poisson", "crossed", "second-order", student=(1,), core=(0, 1)),
    GrCase("poisson", "nested", "second-order", student=(0, 1)),
    GrCase("poisson", "crossed_slopes", "collapsed", student=(0,)),
    GrCase("logit", "crossed_slopes", "joint", student=(1,), by=(0,)),
]


@pytest.mark.parametrize("case", RESCALED, ids=str)
def test_rescaled_cross_products_are_those_of_rescaled_rows(case):
    scheme = "second-order" if case.family == "poisson" else case.scheme
    engine, _, _ = placed(replace(case, scheme=scheme), seed=2)
    p, chain, rng = engine.packed, engine.chain, np.random.default_rng(8)
    r, s = chain.rows, chain.state
    weight, value = rng.uniform(0.2, 2.0, r.y.size), rng.standard_normal(r.y.size)

    def products(rows):
        node, dense, m, h = np.zeros_like(chain.node), np.zeros_like(chain.dense), np.zeros_like(chain.m), np.zeros_like(chain.h)
        accumulate(rows.X, rows.Z, rows.level, rows.core_entry, weight, p.factor, p.index, p.units, p.core_factors, node, dense)
        accumulate_rhs(rows.X, rows.Z, rows.level, value, p.factor, True, p.units.shape[0], m, h)
        cross = cross_products(rows._replace(weight=weight), p.factor) if p.units.shape[0] > 1 else chain.cross
        return node, m, h, dense, cross

    node, m, h, dense, cross = products(r)
    cross = (*cross[:2], cross[2].copy())
    s.core[:] = rng.standard_normal(s.core.size)
    s.u[:] = rng.standard_normal(s.u.size)
    for f in p.core_factors:
        u0, at, size = int(p.factor[f, kl.U0]), int(p.factor[f, kl.CORE0]), int(p.factor[f, kl.LEVELS] * p.factor[f, kl.WIDTH])
        s.u[u0 : u0 + size] = s.core[at : at + size]
    before = predictor_with(engine, r)
    change = np.ones(p.effects)
    for f in p.student:
        J, q, u0 = (int(p.factor[f, c]) for c in (kl.LEVELS, kl.WIDTH, kl.U0))
        change[u0 : u0 + J * q] = np.repeat(rng.uniform(0.3, 3.0, J), q)
    rescale(
        p.factor, p.index, p.units, p.core_factors, p.student, change, np.zeros(p.core_columns), node, m, h, dense, s.u, s.core, r.Z,
        r.level, *cross,
    )  # fmt: skip
    wanted = products(r)
    np.testing.assert_allclose(node, wanted[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(m, wanted[1], rtol=1e-12, atol=1e-12)
    used = np.concatenate(
        [np.arange(u0, u0 + J * q) for u0, J, q, unit in p.factor[:, [kl.U0, kl.LEVELS, kl.WIDTH, kl.UNIT]] if unit >= 0] or [[]]
    )
    np.testing.assert_allclose(h[used.astype(int)], wanted[2][used.astype(int)], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(np.tril(dense[0, :, :-1]), np.tril(wanted[3][0, :, :-1]), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(cross[2], wanted[4][2], rtol=1e-12)
    np.testing.assert_allclose(predictor_with(engine, r), before, rtol=1e-12, atol=1e-12)


def predictor_with(engine: GrEngine, rows) -> np.ndarray:
    """η with the chain's own rows, whose columns are rescaled."""
    packed = engine.packed
    engine.packed = replace(packed, rows=rows)
    try:
        return predictor(engine)
    finally:
        engine.packed = packed


def test_law_of_log_lambda_and_its_following():
    for nu in (1.2, 4.0, 60.0):
        for w in (-6.0, -0.3, 1.1):
            wanted = stats.gamma.logpdf(np.exp(w), 0.5 * nu, scale=2.0 / nu) + w
            assert log_gamma_law(w, nu) == pytest.approx(wanted, rel=1e-10, abs=1e-10)
    engine, _, _ = placed(GAUSSIAN[0])
    p, s = engine.packed, engine.chain.state
    change = np.ones(p.effects)
    assert follow(p.factor, 0, p.df_prior[0], 5.0, 0.7, s.spread, change) == -np.inf
    rise = follow(p.factor, 0, p.df_prior[0], 5.0, 2.2, s.spread, change)
    assert rise == pytest.approx(of_following(engine, 0, 5.0, 2.2, change), rel=1e-9)


def of_following(engine: GrEngine, f: int, nu: float, to: float, change: np.ndarray) -> float:
    """Log ratio of the densities of (log ν, w), with the stretch of w read off what it did."""
    p, s = engine.packed, engine.chain.state
    J, q, u0 = (int(p.factor[f, c]) for c in (kl.LEVELS, kl.WIDTH, kl.U0))
    at = u0 + q * np.arange(J)
    w, moved = -2.0 * np.log(s.spread[at]), -2.0 * np.log(s.spread[at] * change[at])
    stretch = (moved[0] - moved[1]) / (w[0] - w[1])
    np.testing.assert_allclose(moved, moved[0] + stretch * (w - w[0]), rtol=1e-8, atol=1e-8)
    prior = engine.design.factors[f].df_prior
    total = oracles.log_prior_df(prior, to) - oracles.log_prior_df(prior, nu) + np.log(to / nu) + J * np.log(stretch)
    total += np.sum(stats.gamma.logpdf(np.exp(moved), 0.5 * to, scale=2.0 / to) + moved)
    return total - np.sum(stats.gamma.logpdf(np.exp(w), 0.5 * nu, scale=2.0 / nu) + w)


def log_normal_marginal(engine: GrEngine, spread: np.ndarray, response: np.ndarray, variance: np.ndarray) -> float:
    """log N(ỹ; mean, V), V = D + X V_β X' + Σ_f Z Σ/λ Z', from the rows and the priors."""
    p, chain = engine.packed, engine.chain
    design = by_group.arrange(engine.design)
    rows = p.rows  # columns as they are without λ
    statements = p.row_prior
    W = statements[:, 3:]
    mean = np.linalg.solve(W, statements[:, 0])
    root = np.linalg.solve(W, np.diag((statements[:, 1] * chain.state.row_scale) ** -0.5))
    X = rows.X[:, : W.shape[1]]
    V = np.diag(variance) + X @ root @ root.T @ X.T
    for f in range(len(design.factors)):
        q, z, u0 = (int(p.factor[f, c]) for c in (kl.WIDTH, kl.ZCOL, kl.U0))
        mine = p.term[p.term[:, kl.FACTOR] == f]
        blocks = [chain.state.L[l0 : l0 + n * n].reshape(n, n) for n, l0 in mine[:, [kl.SIZE, kl.L0]]]
        sigma = linalg.block_diag(*[b @ b.T for b in blocks])
        Z = rows.Z[:, z : z + q] * spread[u0 + q * rows.level[:, f]][:, None]
        same = rows.level[:, f][:, None] == rows.level[:, f]
        V += (Z @ sigma @ Z.T) * same
    return stats.multivariate_normal.logpdf(response, X @ mean, V)


def told_move(engine: GrEngine, k: int, normal: float, accept: bool) -> float:
    """The log ratio of one proposal."""
    chain, p, s, w = engine.chain, engine.packed, engine.chain.state, engine.chain.work
    told, levels = Told([normal], accept=accept), chain.levels
    data, shape, cuts, *rows = chain.likelihood_beside_normal()
    found = move_degrees_of_freedom.py_func(
        told, 1.0, k, p.student, p.df_prior, s.df, s.spread, levels.change, levels.core_change, data, shape, cuts,
        p.factor, p.term, p.index, p.units, p.core_factors, chain.node, chain.m, chain.h, p.yy, p.n, w["B"],
        s.scale[2], w["roots"], w["work"], w["vh"], chain.dense, s.L,
        s.scale[0], chain.cross, w["rhs"], w["rhs_core"], s.core, s.u, *rows, levels.noise_core, levels.trial_core,
        levels.noise, levels.trial_u,
    )  # fmt: skip
    assert found == float(accept)
    return told.ratios[0]


@pytest.mark.parametrize("case", [*GAUSSIAN, GrCase("gaussian", "crossed", "joint", student=(1,))], ids=str)
def test_the_move_of_df_has_the_ratio_of_the_normal_marginal(case):
    engine, _, _ = placed(case, seed=5)
    chain, p, s = engine.chain, engine.packed, engine.chain.state
    chain._sweeps(1, False, chain.new_kept(1, False))  # sets the precision of β
    response = p.rows.y
    for k, f in enumerate(p.student):
        spread, nu, kept = s.spread.copy(), s.df[k], (s.u.copy(), s.core.copy())
        step = 0.4 if nu < 6.0 else -0.4  # within every prior
        refused = told_move(engine, k, step, accept=False)
        np.testing.assert_allclose(s.u, kept[0], rtol=1e-10)
        np.testing.assert_allclose(s.core, kept[1], rtol=1e-10)
        before = log_normal_marginal(engine, s.spread, response, np.full(response.size, s.scale[0] ** 2))
        ratio = told_move(engine, k, step, accept=True)
        assert s.df[k] == pytest.approx(nu * np.exp(step))
        change = s.spread / spread
        after = log_normal_marginal(engine, s.spread, response, np.full(response.size, s.scale[0] ** 2))
        new, s.spread[:] = s.spread.copy(), spread
        wanted = after - before + of_following(engine, f, nu, nu * np.exp(step), change)
        s.spread[:] = new
        assert ratio == pytest.approx(wanted, rel=1e-7, abs=1e-7) and refused == pytest.approx(ratio, rel=1e-8, abs=1e-8)


SECOND = [
    GrCase("poisson", "slopes", "second-order", by=(0,)),
    GrCase("binomial", "nested", "second-order", student=(0, 1)),
    GrCase("logit", "crossed", "second-order", student=(1,), core=(0, 1)),
]


@pytest.mark.parametrize("case", SECOND, ids=str)
def test_the_move_of_df_has_the_ratio_of_stand_in_and_gap(case):
    engine, _, y = placed(case, seed=6)
    chain, s = engine.chain, engine.chain.state
    chain._sweeps(1, False, chain.new_kept(1, False))
    response, variance = chain.linear / s.omega - engine.packed.rows.offset, 1.0 / s.omega

    def gap() -> float:
        eta = predictor_with(engine, chain.rows)
        np.testing.assert_allclose(s.eta, eta, rtol=1e-9, atol=1e-9)
        values = {**_model_values(engine), "shape": 1.0}
        total = oracles.log_likelihood(replace(engine.design, y=y), values)
        return total - float(np.sum(chain.linear * eta - 0.5 * s.omega * eta**2))

    for k, f in enumerate(engine.packed.student):
        spread, nu = s.spread.copy(), s.df[k]
        step = 0.3 if nu < 6.0 else -0.3
        before = log_normal_marginal(engine, s.spread, response, variance) + gap()
        ratio = told_move(engine, k, step, accept=True)
        change = s.spread / spread
        after = log_normal_marginal(engine, s.spread, response, variance) + gap()
        new, s.spread[:] = s.spread.copy(), spread
        wanted = after - before + of_following(engine, f, nu, nu * np.exp(step), change)
        s.spread[:] = new
        assert ratio == pytest.approx(wanted, rel=1e-7, abs=1e-7)


def _model_values(engine: GrEngine) -> dict:
    """β and u of the state in the words of the oracles."""
    p, s = engine.packed, engine.chain.state
    u = s.u * s.spread
    u = u if p.reported is None else u[p.reported]
    return {
        "beta": p.coefficients(s.core[: p.reference.size]),
        "u": [u[first : first + J * q].reshape(J, q) for first, J, q in p.blocks],
    }


MULTIPLIED = [
    GrCase("logit", "slopes", "second-order", by=(0,)),
    GrCase("poisson", "crossed", "second-order", student=(1,), core=(0, 1)),
    GrCase("ordinal", "one_factor", "second-order"),
    GrCase("negative_binomial", "nested", "second-order", student=(1,)),
    GrCase("probit", "nested", "joint", student=(0,)),
    GrCase("student", "crossed", "joint"),
]


@pytest.mark.parametrize("case", MULTIPLIED, ids=str)
def test_density_of_a_multiplier_given_v_is_that_of_the_joint(case, monkeypatch):
    """p(λ_j) times the likelihood of all rows, η with the effects u_j = v_j/√λ_j; and where the slices leave spread, change and η."""
    engine, values, y = placed(case, seed=7)
    p, chain, s = engine.packed, engine.chain, engine.chain.state
    f = int(p.student[0])
    factor, df, caught = engine.design.factors[f], float(s.df[0]), []
    monkeypatch.setattr(level_laws, "draw_multipliers", lambda *arguments: caught.extend(arguments))
    chain.levels._multipliers(0, p.factor)
    _, _, _, code, _, _, _, _, own_y, trials, rows, first, shape, cut, sigma, nu, *_, eta, part = caught
    spread, u = s.spread.copy(), s.u.copy()
    draw_multipliers(*caught)
    change = chain.levels.change
    np.testing.assert_allclose(s.spread, spread * change, rtol=1e-12)
    np.testing.assert_array_equal(s.u, u)
    _set_effects(engine, u * change)
    np.testing.assert_allclose(eta, predictor_with(engine, chain.rows), rtol=1e-9, atol=1e-9)
    _set_effects(engine, u)
    eta[:] = predictor_with(engine, chain.rows)
    for place in (0, len(factor.levels) - 1):
        j = int(by_group.order(factor)[place])
        w, found, wanted = float(np.log(values["multipliers"][f][j])), [], []
        for delta in (-0.7, 0.9):
            of_level = rows, int(first[place]), int(first[place + 1])
            found.append(log_multiplier(delta, w, df, code, own_y, trials, eta, part, *of_level, shape, cut, sigma, nu))
            effects = [block.copy() for block in values["u"]]
            effects[f][j] *= np.exp(-0.5 * delta)
            law = stats.gamma.logpdf(np.exp(w + delta), 0.5 * df, scale=2.0 / df) + w + delta
            wanted.append(law + oracles.log_likelihood(replace(engine.design, y=y), {**values, "u": effects}))
        assert found[1] - found[0] == pytest.approx(wanted[1] - wanted[0], rel=1e-8, abs=1e-8)


def _set_effects(engine: GrEngine, u: np.ndarray) -> None:
    """The effects, which stand twice where they are in the core."""
    p, s = engine.packed, engine.chain.state
    s.u[:] = u
    for f in p.core_factors:
        size, u0, at = int(p.factor[f, kl.LEVELS] * p.factor[f, kl.WIDTH]), int(p.factor[f, kl.U0]), int(p.factor[f, kl.CORE0])
        s.core[at : at + size] = u[u0 : u0 + size]

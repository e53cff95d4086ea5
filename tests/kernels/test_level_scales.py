"""Student-t effects: distances, densities and ratios against scipy, laws of the draws against closed forms, cross-products against rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gibbs.kernels.elimination import coefficient_precision
from gibbs.kernels.level_laws import draw_multipliers, follow, log_gamma_law, log_multiplier, move_degrees_of_freedom
from gibbs.kernels.level_scales import (
    copy_to_core,
    draw_degrees_of_freedom,
    draw_level_scales,
    draw_sds,
    level_distances,
    log_degrees_of_freedom,
    log_sd,
    rescale,
    scale_anew,
    scale_columns,
    scale_gram,
)
from gibbs.kernels.likelihood import dispersion_of
from gibbs.kernels.location import copy_core_factors
from gibbs.kernels.statistics import accumulate, accumulate_rhs
from scipy import linalg, stats

from gibbs.kernels import between
from gibbs.kernels import layout as kl
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


def placed(case: GrCase, seed: int = 1, weighted: bool = False) -> tuple[GrEngine, dict, np.ndarray]:
    """An engine at a draw from the prior, that draw, and data from it; ``weighted``: rows with sampling weights, fractions."""
    rng = np.random.default_rng([seed, 17])
    design = design_of(case, rng)
    if weighted:
        design = replace(design, weights=rng.uniform(0.3, 2.7, design.X.shape[0]))
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
    s, found = engine.chain.state, np.zeros(len(engine.design.factors[f].levels))
    q = level_distances(engine.packed.layout, f, s.L, s.u, engine.chain.multipliers.spread, found, np.zeros(64))
    out = np.empty_like(found)
    out[by_group.order(engine.design.factors[f])] = found
    return out, q


def log_density_of_sd(engine: GrEngine, k: int, t: int, a: int, delta: float, nu: float) -> float:
    """``log_sd`` at the engine's state; term t is one of its k-th factor with Student-t effects."""
    p, s, spread = engine.packed, engine.chain.state, engine.chain.multipliers.spread
    distance = np.zeros(len(engine.design.factors[p.student[k]].levels))
    return log_sd(p.layout, t, a, delta, p.priors, nu, s.L, s.u, spread, distance, np.zeros(64))


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
    p, s, df = engine.packed, engine.chain.state, engine.chain.multipliers.df
    for k, f in enumerate(p.student):
        mine = np.flatnonzero(p.layout.term.factor == f)
        for number, t in enumerate(mine):
            q = int(p.layout.term[t].width)
            for a in range(q):
                kept, found, wanted = s.L.copy(), [], []
                for delta in (-0.4, 0.7):
                    found.append(log_density_of_sd(engine, k, int(t), a, delta, df[k]))
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
    p, s, spread, rng = engine.packed, engine.chain.state, engine.chain.multipliers.spread, np.random.default_rng(5)
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
    density = np.array([log_density_of_sd(engine, 0, 0, 0, v, 3.0) for v in x])
    weight = np.exp(density - density.max())
    cdf = (np.cumsum(weight) - 0.5 * weight) / weight.sum()
    draws = []
    for _ in range(12_000):
        draw_sds(rng, p.layout, 0, p.priors, 3.0, s.L, s.u, spread, scratch, inverse)
        draws.append(np.log(s.L[0] / start[0]))
    assert stats.kstest(np.interp(draws[10::10], x, cdf), "uniform").pvalue > 1e-4


def test_law_of_the_multipliers_given_the_effects():
    """λ_j ~ Gamma((ν + q)/2, (ν + u_j'Σ⁻¹u_j)/2) at a df that is given; u_j = spread v_j stays where it is."""
    engine, values, _ = placed(GrCase("gaussian", "slopes", "joint", by=(0,), df="fixed"), seed=3)
    p, s, rng, factor = engine.packed, engine.chain.state, np.random.default_rng(6), engine.design.factors[0]
    nu, J, width = DF["fixed"].args[0], len(factor.levels), int(p.layout.factor[0].width)
    scratch, multipliers, term = (np.zeros(J), np.zeros(64)), engine.chain.multipliers, p.layout.term.copy()
    term["given"] = 1  # sds stay
    layout, spread = p.layout._replace(term=term), multipliers.spread
    places, u = by_group.order(factor), s.u * spread
    ps = []
    for _ in range(400):
        draw_level_scales(rng, layout, multipliers, p.priors, s.L, s.u, *scratch)
        s.u[:] /= multipliers.change
        np.testing.assert_allclose(s.u * spread, u, rtol=1e-10)
        for place, j in enumerate(places):
            lam = spread[place * width] ** -2.0
            d = values["u"][0][j] @ np.linalg.solve(sigma_of(engine, values, 0, j), values["u"][0][j])
            ps.append(stats.gamma.cdf(lam, 0.5 * (nu + 2), scale=2.0 / (nu + d)))
    assert multipliers.df[0] == nu
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
        gram = chain.gram._replace(**{name: np.zeros_like(getattr(chain.gram, name)) for name in ("node", "h", "m", "core")})
        accumulate(rows, weight, p.layout, gram)
        accumulate_rhs(rows, value, p.layout, True, p.units, gram.m, gram.h)
        if p.units < 2:
            return gram
        return kl.Gram(gram.node, gram.h, gram.m, gram.core, *cross_products(rows._replace(weight=weight), p.layout), gram.places)

    found = products(r)
    s.core[:] = rng.standard_normal(s.core.size)
    s.u[:] = rng.standard_normal(s.u.size)
    copy_core_factors(p.layout, s.core, s.u)
    before = predictor_with(engine, r)
    change = chain.multipliers.change
    change[:] = 1.0
    for f in p.student:
        J, q, u0 = (int(p.layout.factor[f][c]) for c in ("levels", "width", "u0"))
        change[u0 : u0 + J * q] = np.repeat(rng.uniform(0.3, 3.0, J), q)
    rescale(p.layout, found, chain.multipliers, r.Z, r.level, s.u, s.core)
    wanted = products(r)
    np.testing.assert_allclose(found.node, wanted.node, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.m, wanted.m, rtol=1e-12, atol=1e-12)
    used = np.concatenate(
        [np.arange(u0, u0 + J * q) for u0, J, q, unit in p.layout.factor[["u0", "levels", "width", "unit"]].tolist() if unit >= 0] or [[]]
    )
    np.testing.assert_allclose(found.h[used.astype(int)], wanted.h[used.astype(int)], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(np.tril(found.core), np.tril(wanted.core), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.cross_value, wanted.cross_value, rtol=1e-12)
    np.testing.assert_allclose(predictor_with(engine, r), before, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", RESCALED, ids=str)
def test_columns_and_cross_products_of_multipliers_do_not_depend_on_the_way_there(case):
    """After many rescalings they are, to the last bit, those with no multiplier times the spread."""
    engine, _, _ = placed(replace(case, scheme="second-order" if case.family == "poisson" else case.scheme), seed=2)
    p, chain, rng, names = engine.packed, engine.chain, np.random.default_rng(9), ("node", "h", "m", "core", "cross_value")
    base, gram, m = p.gram, p.gram._replace(**{name: getattr(p.gram, name).copy() for name in names}), chain.multipliers
    for array in (base.node, base.h, base.m, base.core, base.cross_value):
        array[:] = rng.standard_normal(array.shape)
    Z, level, drifted = p.rows.Z.copy(), p.rows.level, p.rows.Z.copy()
    m.spread[:] = 1.0
    for _ in range(50):
        m.change[:] = 1.0
        for f in p.student:
            J, q, u0 = (int(p.layout.factor[f][c]) for c in ("levels", "width", "u0"))
            m.change[u0 : u0 + J * q] = np.repeat(rng.uniform(0.7, 1.4, J), q)
        m.spread[:] *= m.change
        scale_columns(p.layout, p.student, drifted, m.change, level, drifted)
    scale_anew(p.layout, base, gram, m, p.rows.Z, Z, level)
    np.testing.assert_allclose(drifted, Z, rtol=1e-13)
    other, core_spread = gram._replace(**{name: np.full_like(getattr(gram, name), np.nan) for name in names}), np.empty_like(m.core_change)
    copy_to_core(p.layout, m.spread, core_spread)
    scale_gram(p.layout, base, m.spread, core_spread, other)
    scale_columns(p.layout, p.student, p.rows.Z, m.spread, level, drifted)
    np.testing.assert_array_equal(drifted, Z)
    for one, again in zip(gram, other, strict=True):
        there = np.isfinite(again)
        np.testing.assert_array_equal(one[there], again[there])


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
    p, spread, change = engine.packed, engine.chain.multipliers.spread, np.ones(engine.packed.effects)
    assert follow(p.layout, 0, p.df_prior[0], 5.0, 0.7, spread, change) == -np.inf
    rise = follow(p.layout, 0, p.df_prior[0], 5.0, 2.2, spread, change)
    assert rise == pytest.approx(of_following(engine, 0, 5.0, 2.2, change), rel=1e-9)


def of_following(engine: GrEngine, f: int, nu: float, to: float, change: np.ndarray) -> float:
    """Log ratio of the densities of (log ν, w), with the stretch of w read off what it did."""
    spread, of = engine.chain.multipliers.spread, engine.packed.layout.factor[f]
    J, at = int(of.levels), of.u0 + of.width * np.arange(of.levels)
    w, moved = -2.0 * np.log(spread[at]), -2.0 * np.log(spread[at] * change[at])
    stretch = (moved[0] - moved[1]) / (w[0] - w[1])
    np.testing.assert_allclose(moved, moved[0] + stretch * (w - w[0]), rtol=1e-8, atol=1e-8)
    prior = engine.design.factors[f].own_prior
    total = oracles.log_prior_df(prior, to) - oracles.log_prior_df(prior, nu) + np.log(to / nu) + J * np.log(stretch)
    total += np.sum(stats.gamma.logpdf(np.exp(moved), 0.5 * to, scale=2.0 / to) + moved)
    return total - np.sum(stats.gamma.logpdf(np.exp(w), 0.5 * nu, scale=2.0 / nu) + w)


def log_normal_marginal(engine: GrEngine, spread: np.ndarray, response: np.ndarray, variance: np.ndarray) -> float:
    """log N(ỹ; mean, V), V = D + X V_β X' + Σ_f Z Σ/λ Z', from the rows and the priors."""
    p, chain = engine.packed, engine.chain
    design = by_group.arrange(engine.design)
    rows = p.rows  # columns as they are without λ
    statements = p.priors.row
    W = statements[:, 3:]
    mean = np.linalg.solve(W, statements[:, 0])
    root = np.linalg.solve(W, np.diag((statements[:, 1] * chain.state.row_scale) ** -0.5))
    X = rows.X[:, : W.shape[1]]
    V = np.diag(variance) + X @ root @ root.T @ X.T
    for f in range(len(design.factors)):
        q, z, u0 = (int(p.layout.factor[f][c]) for c in ("width", "z0", "u0"))
        mine = p.layout.term[p.layout.term.factor == f]
        blocks = [chain.state.L[l0 : l0 + n * n].reshape(n, n) for n, l0 in mine[["width", "l0"]].tolist()]
        sigma = linalg.block_diag(*[b @ b.T for b in blocks])
        Z = rows.Z[:, z : z + q] * spread[u0 + q * rows.level[:, f]][:, None]
        same = rows.level[:, f][:, None] == rows.level[:, f]
        V += (Z @ sigma @ Z.T) * same
    return stats.multivariate_normal.logpdf(response, X @ mean, V)


def beside(chain) -> kl.StandIn:
    """The likelihood beside the normal model; of one that is normal given latents, no rows."""
    made = chain.between_sweeps()
    return made.data if made.second_order else between.without_rows(made.data)


def told_move(engine: GrEngine, k: int, normal: float, accept: bool) -> float:
    """The log ratio of one proposal."""
    chain, p, s = engine.chain, engine.packed, engine.chain.state
    told, model = Told([normal], accept=accept), kl.Model(p.layout, chain.gram, p.priors, beside(chain))
    target = kl.Target(False, float(p.n), p.yy, coefficient_precision(p.priors.row, s.row_scale, chain.work.B), np.nan)
    found = move_degrees_of_freedom.py_func(
        told, 1.0, k, chain.multipliers, dispersion_of(s.psi), p.cutpoints, model, target, s, chain.trial, chain.work
    )  # fmt: skip
    assert found == float(accept)
    return told.ratios[0]


@pytest.mark.parametrize("case", [*GAUSSIAN, GrCase("gaussian", "crossed", "joint", student=(1,))], ids=str)
def test_the_move_of_df_has_the_ratio_of_the_normal_marginal(case):
    engine, _, _ = placed(case, seed=5)
    chain, p, s, now = engine.chain, engine.packed, engine.chain.state, engine.chain.multipliers
    chain._sweeps(1, False, chain.new_kept(1, False))
    response = p.rows.y
    for k, f in enumerate(p.student):
        spread, nu, kept = now.spread.copy(), now.df[k], (s.u.copy(), s.core.copy())
        step = 0.4 if nu < 6.0 else -0.4  # within every prior
        refused = told_move(engine, k, step, accept=False)
        np.testing.assert_allclose(s.u, kept[0], rtol=1e-10)
        np.testing.assert_allclose(s.core, kept[1], rtol=1e-10)
        before = log_normal_marginal(engine, now.spread, response, np.full(response.size, s.sigma[0] ** 2))
        ratio = told_move(engine, k, step, accept=True)
        assert now.df[k] == pytest.approx(nu * np.exp(step))
        change = now.spread / spread
        after = log_normal_marginal(engine, now.spread, response, np.full(response.size, s.sigma[0] ** 2))
        new, now.spread[:] = now.spread.copy(), spread
        wanted = after - before + of_following(engine, f, nu, nu * np.exp(step), change)
        now.spread[:] = new
        assert ratio == pytest.approx(wanted, rel=1e-7, abs=1e-7) and refused == pytest.approx(ratio, rel=1e-8, abs=1e-8)


SECOND = [
    GrCase("poisson", "slopes", "second-order", by=(0,)),
    GrCase("binomial", "nested", "second-order", student=(0, 1)),
    GrCase("logit", "crossed", "second-order", student=(1,), core=(0, 1)),
]


@pytest.mark.parametrize("case", SECOND, ids=str)
def test_the_move_of_df_has_the_ratio_of_stand_in_and_gap(case):
    engine, _, y = placed(case, seed=6)
    chain, s, now = engine.chain, engine.chain.state, engine.chain.multipliers
    chain._sweeps(1, False, chain.new_kept(1, False))
    response, variance = chain.linear / chain.omega - engine.packed.rows.offset, 1.0 / chain.omega

    def gap() -> float:
        eta = predictor_with(engine, chain.rows)
        np.testing.assert_allclose(s.eta, eta, rtol=1e-9, atol=1e-9)
        values = {**_model_values(engine), "shape": 1.0}
        total = oracles.log_likelihood(replace(engine.design, y=y), values)
        return total - float(np.sum(chain.linear * eta - 0.5 * chain.omega * eta**2))

    for k, f in enumerate(engine.packed.student):
        spread, nu = now.spread.copy(), now.df[k]
        step = 0.3 if nu < 6.0 else -0.3
        before = log_normal_marginal(engine, now.spread, response, variance) + gap()
        ratio = told_move(engine, k, step, accept=True)
        change = now.spread / spread
        after = log_normal_marginal(engine, now.spread, response, variance) + gap()
        new, now.spread[:] = now.spread.copy(), spread
        wanted = after - before + of_following(engine, f, nu, nu * np.exp(step), change)
        now.spread[:] = new
        assert ratio == pytest.approx(wanted, rel=1e-7, abs=1e-7)


def _model_values(engine: GrEngine) -> dict:
    """β and u of the state in the words of the oracles."""
    p, s = engine.packed, engine.chain.state
    u = s.u * engine.chain.multipliers.spread
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


@pytest.mark.parametrize(
    ("case", "weighted"), [*((case, False) for case in MULTIPLIED), *((case, True) for case in MULTIPLIED[:3])], ids=str
)
def test_density_of_a_multiplier_given_v_is_that_of_the_joint(case, weighted, monkeypatch):
    """p(λ_j) times the likelihood of all rows, η with the effects u_j = v_j/√λ_j; and where the slices leave spread, change and η."""
    engine, values, y = placed(case, seed=7, weighted=weighted)
    p, chain, s, now = engine.packed, engine.chain, engine.chain.state, engine.chain.multipliers
    f = int(p.student[0])
    factor, df, caught = engine.design.factors[f], float(now.df[0]), []
    monkeypatch.setattr(between, "draw_multipliers", lambda *arguments: caught.append(arguments))
    now.change[:] = 1.0  # nothing has moved
    between.step_multipliers.py_func(chain.rng, chain.between_sweeps(), now, p.layout, chain.gram, s)
    caught = caught[0]
    _, _, _, _, data, by_level, first, shape, cut, _, _, part = caught
    spread, u, eta, change = now.spread.copy(), s.u.copy(), s.eta, now.change
    draw_multipliers(*caught)
    np.testing.assert_allclose(now.spread, spread * change, rtol=1e-12)
    np.testing.assert_array_equal(s.u, u)
    _set_effects(engine, u * change)
    np.testing.assert_allclose(eta, predictor_with(engine, chain.rows), rtol=1e-9, atol=1e-9)
    _set_effects(engine, u)
    eta[:] = predictor_with(engine, chain.rows)
    for place in (0, len(factor.levels) - 1):
        j = int(by_group.order(factor)[place])
        w, found, wanted = float(np.log(values["multipliers"][f][j])), [], []
        for delta in (-0.7, 0.9):
            members = by_level[first[place] : first[place + 1]]
            found.append(log_multiplier(delta, w, df, data, eta, part, members, shape, cut, s.sigma[0], s.nu[0]))
            effects = [block.copy() for block in values["u"]]
            effects[f][j] *= np.exp(-0.5 * delta)
            law = stats.gamma.logpdf(np.exp(w + delta), 0.5 * df, scale=2.0 / df) + w + delta
            wanted.append(law + oracles.log_likelihood(replace(engine.design, y=y), {**values, "u": effects}))
        assert found[1] - found[0] == pytest.approx(wanted[1] - wanted[0], rel=1e-8, abs=1e-8)


def _set_effects(engine: GrEngine, u: np.ndarray) -> None:
    """The effects, which stand twice where they are in the core."""
    p, s = engine.packed, engine.chain.state
    s.u[:] = u
    for of in p.layout.factor[p.layout.core_factors]:
        size = of.levels * of.width
        s.core[of.core0 : of.core0 + size] = u[of.u0 : of.u0 + size]

"""What moves between two sweeps: what each step leaves behind, by numpy; the laws of the moves have tests of their own."""

from __future__ import annotations

import numpy as np
import pytest
from gibbs.kernels.priors import FIXED

from gibbs.kernels import between, level_laws
from gibbs.kernels import layout as kl
from gibbs.sampling import pack, plan
from gibbs.sampling.chains import kind_of
from tests.fingerprints import Model
from tests.kernels.test_level_scales import placed
from tests.sampling.gr_effects import GrCase

CASES = [
    GrCase("gaussian", "crossed", "collapsed", student=(0, 1)),
    GrCase("probit", "one_factor", "joint"),
    GrCase("poisson", "crossed", "second-order", student=(1,), core=(0, 1)),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_columns_are_those_without_multipliers_times_the_spread(case):
    engine, _, _ = placed(case, seed=3)
    chain, p, rng = engine.chain, engine.packed, np.random.default_rng(4)
    made, now, columns = chain.between_sweeps(), chain.multipliers, []
    for f in p.student:
        of = p.layout.factor[f]
        per_level = rng.uniform(0.5, 2.0, of.levels)
        now.spread[of.u0 : of.u0 + of.levels * of.width] = np.repeat(per_level, of.width)
        columns += [(of.z0 + a, per_level[p.rows.level[:, f]]) for a in range(of.width)]
    between.place_laws(made, now, p.layout, chain.gram, chain.state.own)
    expected = p.rows.Z.copy()
    if p.family != kl.GAUSSIAN:  # of gaussian outcomes no sweep sees a row
        for column, spread in columns:
            expected[:, column] *= spread
    np.testing.assert_array_equal(made.rows.Z, expected)
    np.testing.assert_allclose(chain.gram.h, made.plain.h * now.spread, rtol=1e-14)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_steps_follow_the_moves_in_warm_up_only(case, monkeypatch: pytest.MonkeyPatch):
    """As Python: they stand in their callers' code, and would be compiled for this test alone."""
    engine, _, _ = placed(case, seed=4)
    chain, p = engine.chain, engine.packed
    chain._sweeps(1, False, chain.new_kept(1, False))
    monkeypatch.setattr(between, "move_degrees_of_freedom", level_laws.move_degrees_of_freedom.py_func)  # all is compiled by now
    step = between.step_degrees_of_freedom.py_func
    made = chain.between_sweeps()
    steps = made.steps.copy()
    arguments = made, chain.multipliers, p.layout, chain.gram, p.priors, chain.state, chain.work
    step(chain.rng, False, *arguments)
    np.testing.assert_array_equal(made.steps, steps)
    df = chain.state.own.copy()
    step(chain.rng, True, *arguments)
    times = np.log(made.steps / steps) / 0.1 + between.PROPOSALS * between.LIKED
    np.testing.assert_allclose(times, np.rint(times), atol=1e-9)  # how many were accepted
    assert np.all((times > 0.5) == (chain.state.own != df))
    p.df_prior[:, 0] = FIXED
    kept = chain.state.own.copy(), made.steps.copy()
    step(chain.rng, True, *arguments)
    np.testing.assert_array_equal(chain.state.own, kept[0])
    np.testing.assert_array_equal(made.steps, kept[1])


def test_what_is_kept_are_the_effects_and_the_own_parameters_of_their_laws():
    engine, _, _ = placed(CASES[0], seed=5)
    chain, s = engine.chain, engine.chain.state
    out = chain._out(chain.new_kept(3, False))
    between.keep_effects(s, 1, out)
    np.testing.assert_array_equal(out.u[1], s.u * s.spread)
    np.testing.assert_array_equal(out.own[1], s.own)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nothing_of_it_changes_the_predictor_that_levels_have(case):
    """Scales of levels move with the effects held, or the effects with them: of a second-order model η is that of the state afterwards."""
    engine, _, _ = placed(case, seed=6)
    chain, p, s = engine.chain, engine.packed, engine.chain.state
    chain._sweeps(1, False, chain.new_kept(1, False))
    before = s.spread.copy()
    between.before_a_sweep(chain.rng, False, chain.between_sweeps(), p.layout, chain.gram, p.priors, s, chain.work)
    assert np.any(s.spread != before)
    if p.family not in (kl.GAUSSIAN, kl.PROBIT):
        of = [(p.layout.factor[f].u0, p.layout.factor[f].width, p.layout.factor[f].z0) for f in range(len(p.layout.factor))]
        eta = p.rows.offset + p.rows.X @ s.core[: p.reference.size]
        for f, (u0, q, z0) in enumerate(of):
            at = u0 + q * p.rows.level[:, f][:, None] + np.arange(q)
            eta += np.sum(p.rows.Z[:, z0 : z0 + q] * (s.u * s.spread)[at], axis=1)
        np.testing.assert_allclose(s.eta, eta, rtol=1e-10, atol=1e-10)


def test_what_is_drawn_given_latents_comes_before_what_leaves_them_stale(monkeypatch: pytest.MonkeyPatch):
    """λ_j | v_j integrates the latents out: ν and ρ, which move given them, are drawn before."""
    design = Model("crossed", "probit", "joint", kinds=("t", "ar1")).design()
    packed = pack.pack(design, plan.make(design, "joint"))
    chain = kind_of(packed)(0, np.random.SeedSequence(1), packed, design, 0)
    order = []
    for name in ("step_degrees_of_freedom", "step_degrees", "step_multipliers"):
        monkeypatch.setattr(between, name, lambda *_, name=name: order.append(name))
    between.before_a_sweep.py_func(
        chain.rng, False, chain.between_sweeps(), chain.layout, chain.gram, packed.priors, chain.state, chain.work
    )
    assert order == ["step_degrees_of_freedom", "step_degrees", "step_multipliers"]

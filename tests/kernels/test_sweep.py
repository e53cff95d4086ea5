"""The pieces of a sweep that stand in kernels/sweep.py, and whole sweeps of one-parameter models against quadrature."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import special, stats

from gibbs.errors import SamplingError
from gibbs.kernels import hyper, sweep
from gibbs.kernels import layout as kl
from gibbs.model.records import CoefficientPrior, Prior
from gibbs.sampling.chain import Chain
from gibbs.sampling.pack import pack
from gibbs.sampling.plan import make
from tests import oracles

from .bench import RTOL, SMALL_CORE, Bench, batch_z, make_design, quantile_indicators, random_covariances

Z_LIMIT = 5.5


def test_prior_scales_of_t_priors():
    """λ_r | β ~ Gamma((df+1)/2, rate (df + d²)/2), d = (w'β − mean)/s; rows of normal priors stay at one."""
    design = make_design("none", predictors=2, coefficient_prior="student_t", intercept_prior="intercept")
    rows = design.coefficient_priors
    design = replace(design, coefficient_priors=(rows[0], replace(rows[1], df=math.inf), replace(rows[2], df=1.0)))
    b, beta = Bench(design), np.array([0.4, -1.2, 2.0])
    as_written, rng = b.packed.coefficients(beta), np.random.Generator(np.random.SFC64(121))
    draws, scale = np.empty((10_000, 3)), np.ones(3)
    for i in range(len(draws)):
        assert sweep.draw_prior_scales(rng, b.packed.priors.row, beta, scale) == 2
        draws[i] = scale
    assert np.all(draws[:, 1] == 1.0)
    for k in (0, 2):
        row = design.coefficient_priors[k]
        d = (row.weights @ as_written - row.mean) / row.scale
        law = stats.gamma(0.5 * (row.df + 1.0), scale=2.0 / (row.df + d * d))
        assert stats.kstest(draws[:, k], law.cdf).pvalue > 3e-7


def test_a_plain_is_sliced_where_an_elliptical_slice_would_do_else():
    """Around one t where it takes two to be like the posterior it would go nowhere."""
    chain = Bench(make_design("one_factor")).chain
    chain.elliptical = True
    orders = chain._arguments(1, False, chain.new_kept(1, False))[1]
    assert orders.move == hyper.INDEPENDENT
    assert sweep.move_that_stays(orders, chain.tuning, 64.0) == hyper.ELLIPTICAL
    now_and_then = orders._replace(sliced_every=32.0)
    assert [sweep.move_that_stays(now_and_then, chain.tuning, k) for k in (63.0, 64.0)] == [hyper.ELLIPTICAL, hyper.SLICES]
    chain.tuning.coordinates.plain_fit[0, hyper.SHIFT] = 0.3
    assert sweep.move_that_stays(orders, chain.tuning, 63.0) == hyper.SLICES


def test_check_finite_names_the_block():
    b = Bench(make_design("slopes"))
    good = b.state._replace(L=np.ones(4), sigma=np.ones(1), nu=np.full(1, 5.0))
    assert sweep.check_finite(good) == sweep.OK
    expected = {
        "core": sweep.NOT_FINITE_COEFFICIENTS, "u": sweep.NOT_FINITE_EFFECTS, "L": sweep.NOT_FINITE_SCALE, "sigma": sweep.NOT_FINITE_SCALE
    }  # fmt: skip
    for name, status in expected.items():
        for bad in (math.nan, math.inf, -math.inf):
            broken = getattr(good, name).copy()
            broken[0] = bad
            assert sweep.check_finite(good._replace(**{name: broken})) == status
    for bad in (0.0, -1.0):
        assert sweep.check_finite(good._replace(sigma=np.full(1, bad))) == sweep.NOT_FINITE_SCALE
    assert sweep.check_finite(good._replace(nu=np.full(1, math.inf))) == sweep.NOT_FINITE_SCALE


@pytest.mark.parametrize("kind", ["none", "slopes", "nested_slopes_crossed", "crossed_slopes"])
@pytest.mark.parametrize("family", ["probit", "logit", "student"])
def test_draw_latents_leaves_the_cross_products_of_what_it_drew(kind, family):
    """η at the current state, then m, h and the blocks are those of the working responses and precisions left in the state."""
    b = Bench(make_design(kind, family=family, offset=True))
    p, s, rng = b.packed, b.state, np.random.default_rng(122)
    theta = rng.standard_normal(b.W.shape[1])
    b.set(random_covariances(b.design, rng), 0.8, theta)
    s.nu[0] = 4.0
    width = np.array([0.5, 1.0])
    assert math.isnan(sweep.draw_latents(b.rng, 9, p.rows, b.layout, b.gram, p.priors, s, width)), "no such family"
    squares = sweep.draw_latents(b.rng, p.family, p.rows, b.layout, b.gram, p.priors, s, width)
    np.testing.assert_allclose(s.eta, p.rows.offset + b.W @ theta, rtol=RTOL, atol=1e-12)
    right = b.W.T @ s.working
    np.testing.assert_allclose(b.m, right[b.core], rtol=RTOL, atol=1e-11)
    eliminated = np.concatenate([np.zeros(0, dtype=int), *(b.unit(t) for t in b.units)])
    np.testing.assert_allclose(b.h[eliminated - b.p], right[eliminated], rtol=RTOL, atol=1e-11)
    omega = p.rows.weight if family == "probit" else s.omega
    gram, lower = b.W[:, b.core].T @ (omega[:, None] * b.W[:, b.core]), np.tril_indices(b.core.size)
    np.testing.assert_allclose(b.gram.core[lower], gram[lower], rtol=RTOL, atol=1e-10)
    node = b.node.copy()
    b.load(omega.copy(), np.zeros(b.y.size))
    np.testing.assert_allclose(node, b.node, rtol=RTOL)
    if family == "probit" and np.all(p.rows.trials == 1):
        assert squares == pytest.approx(np.sum(s.working**2), rel=RTOL)
    else:
        assert squares == 0.0 or family == "probit"


@pytest.mark.parametrize("kind", ["crossed_three", "crossed_slopes", "core_and_units"])
def test_core_and_unit_given_the_other_units(kind):
    """With every sd given, step 3 alone: draws of (core, unit) have the dense conditional mean and covariance."""
    kinds = {"crossed_three": SMALL_CORE, "crossed_slopes": "collapsed", "core_and_units": SMALL_CORE}
    design = make_design(kind)
    fixed = Prior("fixed", (0.7,))
    factors = []
    for f in design.factors:  # every column a term of its own
        terms = tuple(replace(f.terms[0], columns=(c,), sd_priors=(fixed,), correlation=None) for c in f.columns)
        factors.append(replace(f, terms=terms))
    b = Bench(replace(design, factors=tuple(factors)), kinds[kind])
    p, w, c, s = b.packed, b.work, b.chain, b.state
    assert c.coordinate.shape[0] == 0 and len(b.units) > 1
    covariances = [[np.array([[0.49]])] * len(f.terms) for f in b.design.factors]
    rng, n = np.random.default_rng(123), 2_000
    orders = kl.Orders(p.steps, 1, hyper.SLICES, 0, False, p.family, True, False, False, float(p.n), p.yy, 0.0)
    out = c._out(c.new_kept(1, False))
    b.prior_precision()
    for unit in b.units:
        theta, sigma = rng.standard_normal(b.W.shape[1]), 0.8
        b.set(covariances, sigma, theta)
        Q, right = b.conditional(covariances, sigma, unit, theta)
        other = np.setdiff1d(np.arange(theta.size), b.joint(unit))
        draws = np.empty((n, right.size))
        for i in range(n):
            assert sweep.draw_core_and_unit(b.rng, orders, unit, p.rows, b.layout, b.gram, p.priors, s, c.tuning, w, out) == sweep.OK
            draws[i] = b.theta[b.joint(unit)]
        np.testing.assert_array_equal(b.theta[other], theta[other])
        z = (draws - np.linalg.solve(Q, right)) @ np.linalg.cholesky(Q) / sigma
        assert np.max(np.abs(z.mean(axis=0))) * math.sqrt(n) < 6.0
        excess = (z.T @ z / n - np.eye(right.size)) * np.sqrt(n / (1.0 + np.eye(right.size)))
        assert np.max(np.abs(excess)) < 6.5  # squares of normals, 2,000 of them


# --------------------------------------------------------------------------------------------------- whole sweeps


def intercept_only(family: str, df: float = math.inf, mean: float = 0.0):
    """y ~ 1 with given scales: one unknown."""
    design = make_design("none", predictors=0, family=family, rows=14, sigma_prior="fixed", nu_prior="fixed")
    if family in ("probit", "logit"):
        design = replace(design, y=(np.arange(14) < 11).astype(float))
    prior = CoefficientPrior("b[Intercept]", np.ones(1), mean, 1.5, df, Prior("student_t" if df < math.inf else "normal", ()))
    return replace(design, coefficient_priors=(prior,))


CHAINS = [("probit", True, math.inf, 0.0), ("probit", False, math.inf, 0.0), ("probit", True, 3.0, 0.0), ("probit", False, 3.0, 0.5)]
CHAINS += [("logit", False, math.inf, 0.5), ("logit", False, 1.0, 0.0), ("student", False, math.inf, 0.5), ("student", False, 2.0, 0.5)]
CHAINS += [("gaussian", False, 2.0, 0.5)]


@pytest.mark.parametrize(("family", "haar", "df", "mean"), CHAINS)
def test_sweeps_of_one_coefficient(family, haar, df, mean):
    """p(β | y) on a grid, from the oracle's joint density: the latents, ``draw_jointly``, t priors and the Haar move together."""
    design = intercept_only(family, df, mean)
    packed = pack(design, make(design, "augmented" if family in ("probit", "logit") else "auto"))
    assert packed.haar == (family == "probit" and mean == 0.0)
    chain = Chain(0, np.random.SeedSequence(124), replace(packed, haar=haar), design, 20)
    for _ in range(3):
        chain.advance(20)
    chain.advance(40_000)
    draws = packed.coefficients(chain.draws()["beta"])[:, 0]
    grid = np.linspace(-3.0, 5.0, 1_601)
    values = {"u": [], "covariances": [], "sigma": 0.7, "nu": 4.0}
    if family == "gaussian":
        values["nu"] = None
    if family in ("probit", "logit"):
        values["sigma"] = values["nu"] = None
    fixed = replace(design, sigma_prior=design.sigma_prior, nu_prior=Prior("fixed", (4.0,)) if family == "student" else None)
    log_density = np.array([oracles.log_joint(fixed, {**values, "beta": np.array([x])}) for x in grid])
    indicators, levels = quantile_indicators(draws, grid, np.exp(log_density - log_density.max()))
    assert np.max(np.abs(batch_z(indicators, levels))) < Z_LIMIT


def test_log_likelihood_of_a_sweep():
    """lp of the draws is the log-likelihood at the draws (gaussian: ``draw_scales``): differences against the oracle, every family."""
    for family in ("gaussian", "student", "probit", "logit"):
        design = make_design("slopes", family=family, rows=60, offset=True)
        packed = pack(design, make(design, "augmented" if family in ("probit", "logit") else "auto"))
        chain = Chain(0, np.random.SeedSequence(125), packed, design, 20)
        chain.likelihood = True
        while chain.done < 30:
            chain.advance(10)
        d = chain.draws()
        theirs = []
        for beta, u, scale in zip(packed.coefficients(d["beta"]), d["u"], d["scale"], strict=True):
            values = {"beta": beta, "u": [u.reshape(5, 2)], "sigma": scale[0], "nu": scale[1]}
            theirs.append(oracles.log_likelihood(design, values))
        np.testing.assert_allclose(np.diff(d["lp"]), np.diff(theirs), rtol=1e-8, atol=1e-8 * np.max(np.abs(theirs)))


@pytest.mark.parametrize(
    ("kind", "family", "scheme"),
    [("slopes", "gaussian", "auto"), ("crossed_slopes", "gaussian", "collapsed"), ("slopes", "student", "auto"),
     ("crossed", "probit", "one-at-a-time")],
)  # fmt: skip
def test_draws_do_not_depend_on_the_chunks(kind, family, scheme):
    design = make_design(kind, family=family, rows=60)
    packed, runs = pack(design, make(design, scheme)), []
    for chunk in (1, 7, 100):
        chain = Chain(0, np.random.SeedSequence(126), packed, design, 40)
        while chain.done < 100:
            chain.advance(min(chunk, 100 - chain.done))
        runs.append(np.column_stack([chain.draws()[name].reshape(60, -1) for name in ("beta", "L", "scale", "lp", "u")]))
    np.testing.assert_array_equal(runs[0], runs[1])
    np.testing.assert_array_equal(runs[0], runs[2])


@pytest.mark.parametrize("scheme", ["joint", "one-at-a-time"])
def test_a_broken_state_stops_the_chunk_with_its_status(scheme):
    """nan in the sums: the first sweep ends with a status that names a block, and does not hang."""
    design = make_design("one_factor", rows=60)
    packed = pack(design, make(design, scheme))
    chain = Chain(0, np.random.SeedSequence(127), packed, design, 40)
    chain.gram = chain.gram._replace(m=packed.gram.m * math.nan)
    with pytest.raises(SamplingError):
        chain.advance(5)


def test_logistic_grid_is_the_bernoulli_likelihood():
    """The oracle used above, once by hand."""
    design = intercept_only("logit")
    values = {"u": [], "covariances": [], "sigma": None, "nu": None, "beta": np.array([0.3])}
    by_hand = 11 * special.log_expit(0.3) + 3 * special.log_expit(-0.3) + stats.norm.logpdf(0.3, 0.0, 1.5)
    assert oracles.log_joint(design, values) == pytest.approx(by_hand, rel=1e-12)

"""What levels know of their neighbours, kernel by kernel, against dense matrices; and mistakes in it that invariance sees."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from gibbs.kernels.statistics import accumulate, accumulate_rhs
from scipy import stats

from gibbs.kernels import between, neighbours
from gibbs.model.records import Prior
from gibbs.sampling import degrees, pack, plan
from tests import oracles
from tests.oracles import structured as oracle
from tests.sampling.gr_effects import judge
from tests.sampling.invariance import Stopped
from tests.sampling.structured_effects import StructuredCase, StructuredEngine, changed, design_of

KINDS = ("ar1", "bym2", "leroux")
RHO = {"ar1": -0.6, "bym2": 0.35, "leroux": 0.8}


def packed_of(structure: str, kinds: tuple[str, ...], seed: int = 4) -> tuple[pack.Packed, object]:
    rng = np.random.default_rng(seed)
    design = changed(oracles.random_design(rng, structure, rows=30, levels=7), kinds, rng)
    return pack.pack(design, plan.make(design, "joint")), design


def record_of(packed: pack.Packed):
    """The record with scratch of its own."""
    return packed.neighbours._replace(root=np.zeros((3, 7)))


@pytest.mark.parametrize("kind", KINDS)
def test_roots_and_their_inverses_are_those_of_dense_matrices(kind: str):
    packed, design = packed_of("one_factor", (kind,))
    of, V, rho = record_of(packed), packed.neighbours.V, RHO[kind]
    law, x = of.law[0], np.random.default_rng(1).standard_normal(14)
    neighbours.set_root(of, 0, rho, V, 7)
    B = np.zeros(49)
    neighbours.set_basis(of, 0, V, 7, B)
    B, V = B.reshape(7, 7), V.reshape(7, 7)
    np.testing.assert_allclose(B @ B.T, oracle.degree_covariance(design.factors[0].structure, rho), atol=1e-12)
    A = V.T @ B  # V is orthonormal
    there = np.any(A != 0.0, axis=0) & (np.abs(np.diagonal(A)) > 1e-12)
    out = x.copy()
    neighbours.times_root(law, of.root, 7, out, 1, 2)
    np.testing.assert_allclose(out[1::2], np.where(there, A @ x[1::2], x[1::2]), atol=1e-12)
    np.testing.assert_array_equal(out[::2], x[::2])
    neighbours.solve_root(law, of.root, 7, out, 1, 2)  # there and back, and noise that nothing sees is as it was: the sd is drawn by it
    np.testing.assert_allclose(out, x, atol=1e-10)
    out = A @ x[::2]
    neighbours.solve_root(law, of.root, 7, out, 0, 1)
    np.testing.assert_allclose(out[there], x[::2][there], atol=1e-10)
    M = np.random.default_rng(2).standard_normal((16, 3))  # two rows to a level, from the second on
    out, wide = M.copy(), np.kron(A.T, np.eye(2))
    neighbours.turn_block(law, of.root, 7, 2, False, out, 1)
    np.testing.assert_allclose(out[1:15], wide @ M[1:15], atol=1e-12)
    np.testing.assert_array_equal(out[[0, 15]], M[[0, 15]])
    neighbours.turn_block(law, of.root, 7, 2, True, out, 1)
    np.testing.assert_allclose(out[1:15][np.repeat(there, 2)], M[1:15][np.repeat(there, 2)], atol=1e-10)


@pytest.mark.parametrize("structure, kinds", [("one_factor", ("ar1",)), ("crossed_slopes", ("ar1", "leroux")), ("nested", ("bym2", ""))])
@pytest.mark.parametrize("scheme", ["joint", "collapsed"])
def test_turned_cross_products_are_those_of_the_turned_columns(structure: str, kinds: tuple[str, ...], scheme: str):
    """From A(ρ) = I to ρ and to another ρ: as if the rows had been summed with B at that ρ."""
    rng = np.random.default_rng(6)
    design = changed(oracles.random_design(rng, structure, rows=40, levels=7), kinds, rng)
    packed = pack.pack(design, plan.make(design, scheme))
    rows, basis = packed.rows, packed.layout.basis.copy()
    layout, of = packed.layout._replace(basis=basis), record_of(packed)
    weight, value = rng.uniform(0.5, 2.0, rows.y.size), rng.standard_normal(rows.y.size)
    turned = packed.gram._replace(**{name: getattr(packed.gram, name).copy() for name in ("node", "m", "h", "core", "places")})
    summed = packed.gram._replace(**{name: getattr(packed.gram, name).copy() for name in ("node", "m", "h", "core", "places")})
    accumulate(rows, weight, packed.layout, turned)
    accumulate_rhs(rows, value, packed.layout, True, packed.units, turned.m, turned.h)
    first = np.array([0.3] * of.chosen.size)
    assert neighbours.any_in_the_core(of, layout)
    assert not neighbours.any_in_the_core(of._replace(chosen=of.chosen[:0]), layout)
    neighbours.place_degrees(of, 0, first, layout, turned, False)
    then = np.array([RHO[kind] for kind in kinds if kind])
    for k in range(of.chosen.size):
        neighbours.turn_to(of, k, first[k], then[k], layout, turned)
    accumulate(rows, weight, layout, summed)
    accumulate_rhs(rows, value, layout, True, packed.units, summed.m, summed.h)
    np.testing.assert_allclose(np.tril(turned.core), np.tril(summed.core), atol=1e-9)
    np.testing.assert_allclose(turned.m, summed.m, atol=1e-9)
    np.testing.assert_allclose(turned.node, summed.node, atol=1e-9)
    for k, f in enumerate(of.chosen):
        J = int(layout.factor[f].levels)
        B = layout.basis[layout.factor[f].basis0 :][: J * J].reshape(J, J)
        np.testing.assert_allclose(B @ B.T, oracle.degree_covariance(design.factors[f].structure, then[k]), atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_given_the_effects_rho_has_the_density_of_the_law(kind: str):
    """On a grid of ρ, against the normal density of the effects where the law has directions; and the slice draws from it."""
    packed, design = packed_of("slopes", (kind,))
    of, V, rng = record_of(packed), packed.neighbours.V, np.random.default_rng(3)
    structure, J, q = design.factors[0].structure, 7, 2
    S = np.array([[0.8, 0.0], [0.3, 0.5]])
    u = oracle.root(oracle.degree_covariance(structure, RHO[kind])) @ rng.standard_normal((J, q)) @ S.T
    z = np.ascontiguousarray(np.linalg.solve(S, (V.reshape(J, J).T @ u).T).T).ravel()
    low, high = of.bounds[0]
    at = low + (high - low) * np.linspace(0.05, 0.95, 19)
    ours, theirs = [], []
    for rho in at:
        neighbours.set_root(of, 0, rho, V, J)
        ours.append(neighbours.log_density_of_white(of.law[0], of.root, J, q, z))
        values, W = np.linalg.eigh(oracle.degree_covariance(structure, rho))
        there = values > 1e-9
        x = (W[:, there].T @ u).ravel()
        theirs.append(stats.multivariate_normal.logpdf(x, cov=np.kron(np.diag(values[there]), S @ S.T)))
    np.testing.assert_allclose(np.array(ours) - ours[0], np.array(theirs) - theirs[0], atol=1e-8)
    fine = low + (high - low) * (np.arange(2000) + 0.5) / 2000
    logp = []
    for rho in fine:
        neighbours.set_root(of, 0, rho, V, J)
        value = neighbours.log_density_of_white(of.law[0], of.root, J, q, z)
        logp.append(value + neighbours.log_prior_of_logit(of, 0, rho) - math.log(rho - low) - math.log(high - rho))
    below = np.cumsum(np.exp(np.array(logp) - max(logp)))
    rho, drawn = RHO[kind], []
    for _ in range(4000):
        rho = neighbours.draw_given_effects(rng, packed.layout, of, 0, rho, V, J, q, z)
        drawn.append(rho)
    thin = np.array(drawn)[::4]
    assert stats.kstest(thin, lambda x: np.interp(x, fine, below / below[-1])).pvalue > 1e-5


@pytest.mark.parametrize(
    ("prior", "wanted"),
    [
        (Prior("uniform", (-0.2, 0.9)), (-0.2, 0.9)),
        (Prior("beta", (1.0, 1.0)), (0.0, 1.0)),
        (Prior("fixed", (0.3,)), (-1.0, 1.0)),
    ],
    ids=str,
)
def test_bounds_are_those_of_law_and_prior(prior: Prior, wanted: tuple[float, float]):
    _, design = packed_of("one_factor", ("ar1",))
    assert degrees.bounds(replace(design.factors[0], own_prior=prior)) == wanted


# ------------------------------------------------------------------------------------------------------- it bites


def _no_log_determinant(law, root, J, q, z):
    a, inverse, value = root[0], root[2], 0.0
    for j in range(J):
        for b in range(q):
            e = z[j * q + b] - (a[j] * z[(j - 1) * q + b] if law == neighbours.AR1 and j > 0 else 0.0)
            value -= 0.5 * (e * inverse[j]) ** 2 if law == neighbours.AR1 or a[j] > 0.0 else 0.0
    return value


def _no_jacobian(of, k, rho):
    low, high = of.bounds[k]
    return 0.0 if low < rho < high else -math.inf


def _no_jacobian_of_sds(*a, right=neighbours.scale_covariances):
    return 0.0 * right(*a)


@pytest.mark.parametrize("d", [2, 3])
def test_proposals_from_the_fitted_t_have_its_density(d: int):
    """Against scipy's t of two, and of three dimensions; the radii of what is proposed by their law, d F(d, 5)."""
    root, mean = np.array([[1.3, 0.0, 0.0], [-0.5, 0.6, 0.0], [0.2, -0.1, 0.4]]), np.array([0.4, -0.7, 0.2])
    fit, rng = np.array([*mean, *root[np.tril_indices(3)], d]), np.random.default_rng(6)
    law = stats.multivariate_t(mean[:d], root[:d, :d] @ root[:d, :d].T, df=5)
    points = law.rvs(30, random_state=1)
    ours = [neighbours.log_fitted_degree(fit, *x, *([9.0] if d == 2 else [])) for x in points]
    np.testing.assert_allclose(np.diff(ours), np.diff(law.logpdf(points)), atol=1e-10)
    found = np.array([neighbours.propose_degree(rng, neighbours.FITTED, 0.1, fit, 9.0, 9.0, 9.0) for _ in range(4000)])
    assert (d == 3) == (not np.any(found[:, 2] == 9.0))
    z = np.linalg.solve(root[:d, :d], (found - mean)[:, :d].T)
    assert stats.kstest(np.sum(z**2, axis=0) / d, stats.f(d, 5).cdf).pvalue > 1e-4
    assert stats.kstest(np.arctan2(z[1], z[0]), stats.uniform(-np.pi, 2.0 * np.pi).cdf).pvalue > 1e-4
    walked = np.array([neighbours.propose_degree(rng, neighbours.WALK, 0.3, fit, 1.0, 2.0, 3.0) for _ in range(4000)])
    assert np.all(walked[:, 1:] == [2.0, 3.0]) and stats.kstest(walked[:, 0], stats.norm(1.0, 0.3).cdf).pvalue > 1e-4


def test_parts_of_bym2_and_the_t_that_is_fitted_to_them():
    """ρ sd², (1 − ρ) sd² + σ² and the odds of its two parts, by their definition; there and back; of one volume with (x, log sd, log σ)."""
    rng = np.random.default_rng(3)
    fit = np.array([0.3, -0.2, 1.0, 1.1, 0.4, 0.7, -0.3, 0.2, 0.9, neighbours.IN_PARTS])
    for x, log_sd, log_sigma in (*rng.standard_normal((6, 3)) * 3.0, (40.0, 1.0, -1.0), (-40.0, 1.0, -1.0), (1.0, 1.0, -300.0)):
        shared, total, odds = neighbours.in_parts(x, log_sd, log_sigma)
        assert neighbours.from_parts(shared, total, odds) == pytest.approx((x, log_sd, log_sigma), rel=1e-9, abs=1e-9)
        if abs(x) > 20.0 or abs(log_sigma) > 20.0:
            continue
        rho, variance, noise = 1.0 / (1.0 + math.exp(-x)), math.exp(2.0 * log_sd), math.exp(2.0 * log_sigma)
        own = (1.0 - rho) * variance
        assert (shared, total, odds) == pytest.approx((math.log(rho * variance), math.log(own + noise), math.log(own / noise)), abs=1e-10)
        steps = np.eye(3) * 1e-5
        here = np.array([x, log_sd, log_sigma])
        jacobian = np.array([np.subtract(neighbours.in_parts(*(here + s)), neighbours.in_parts(*(here - s))) for s in steps]) / 2e-5
        assert abs(np.linalg.det(jacobian)) == pytest.approx(4.0, rel=1e-6)
        plain = np.array([*fit[:9], 3.0])
        assert neighbours.log_fitted_degree(fit, *here) == neighbours.log_fitted_degree(plain, shared, total, odds)
    a, b = (np.random.default_rng(1) for _ in range(2))
    proposed = neighbours.propose_degree(a, neighbours.FITTED, 0.1, fit, 0.0, 0.0, 0.0)
    assert neighbours.in_parts(*proposed) == pytest.approx(
        neighbours.propose_degree(b, neighbours.FITTED, 0.1, plain, 0.0, 0.0, 0.0), abs=1e-10
    )


MISTAKES = {
    "none": (None, None),
    "the log-determinant of ρ is forgotten": ("log_density_of_white", _no_log_determinant),
    "the Jacobian of the logit is forgotten": ("log_prior_of_logit", _no_jacobian),
    "sds follow without their Jacobian": ("scale_covariances", _no_jacobian_of_sds),
    "the t that proposes is forgotten": ("log_fitted_degree", lambda *a: 0.0),
    "none, from the t": (None, None),
}
ALONE = {
    "sds follow without their Jacobian": neighbours.ALONG,
    "none": neighbours.ALONG,
    "the t that proposes is forgotten": neighbours.FITTED,
    "none, from the t": neighbours.FITTED,
}
"""Where the moves with the effects out are made many times, and alone: what else moves ρ hides a mistake in them."""


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_caught(mistake: str, monkeypatch: pytest.MonkeyPatch):
    """The step as Python, with one function of it wrong."""
    for name in ("_log_given_effects", "draw_given_effects", "step_given_effects", "step_in_the_core", "move_degree", "turn_to"):
        monkeypatch.setattr(neighbours, name, getattr(neighbours, name).py_func)
    name, wrong = MISTAKES[mistake]
    if name is not None:
        monkeypatch.setattr(neighbours, name, wrong)
    monkeypatch.setattr(between, "step_given_effects", neighbours.step_given_effects)
    monkeypatch.setattr(between, "move_degree", neighbours.move_degree)
    monkeypatch.setattr(between, "step_degrees", between.step_degrees.py_func)
    if mistake in ALONE:
        monkeypatch.setattr(between, "PROPOSALS", 16)
        monkeypatch.setattr(between, "step_given_effects", lambda *a: None)
        monkeypatch.setattr(between, "move_degree", lambda rng, _, *rest: neighbours.move_degree(rng, ALONE[mistake], *rest))
    case = StructuredCase("gaussian", "one_factor", "joint", ("ar1",))
    rng = np.random.default_rng([21, 3])
    design = design_of(case, rng)
    engine = StructuredEngine(design, plan.make(design, case.scheme), elliptical=False, seed=21, repack=True)

    def far(engine: StructuredEngine) -> None:
        engine.chain.tuning.own_step[:] = 1.5
        engine.chain.tuning.own_fit[:] = [0.3, -0.6, -0.2, 1.0, -0.3, 0.8, 0.1, 0.2, 0.9, 3.0]

    try:
        found, p = judge(engine, design, rng, replicates=1000, sweeps=4, patched=True, broken=far)
    except Stopped:
        assert not mistake.startswith("none")
        return
    assert (p > 1e-4) if mistake.startswith("none") else (p < 1e-6), (mistake, found, p)

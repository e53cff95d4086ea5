"""Fields against dense normal algebra: the marginal density of their sds, draws, noise and back, pieces of the noise; sds near 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gibbs.kernels.elimination import coefficient_precision
from gibbs.kernels.hyper import log_marginal
from gibbs.kernels.location import copy_core_factors, place_core, place_unit, whiten_core, whiten_unit
from gibbs.kernels.priors import log_scale_prior
from gibbs.kernels.statistics import linear_predictor

from gibbs.draws import diagnostics
from gibbs.kernels import between, field_degrees, field_moves, fields, likelihood, neighbours
from gibbs.kernels import layout as kl
from gibbs.model import fields as model_fields
from gibbs.model import structures
from gibbs.sampling import ordering, plan, solved
from tests import oracles
from tests.oracles.structured import covariance_of_levels, graph_covariance
from tests.sampling.structured_effects import AREAS, StructuredEngine, changed

SHAPES = (
    ("one_factor", ("rw1*",)),
    ("one_factor", ("rw2*",)),
    ("one_factor", ("icar*",)),
    ("nested", ("icar*", "")),
    ("nested", ("rw2*", "")),
    ("crossed", ("icar*", "")),
    ("crossed", ("rw2*", "rw1")),
    ("one_factor", ("ar1*",)),
    ("one_factor", ("bym2*",)),
    ("nested", ("bym2*", "")),
    ("crossed", ("ar1*", "")),
    ("one_factor", ("leroux*",)),
    ("nested", ("leroux*", "")),
    ("one_factor", ("pedigree*",)),
    ("nested", ("pedigree*", "")),
    ("slopes", ("icar*",)),
    ("slopes", ("rw2*",)),
    ("two_terms", ("rw1*",)),
    ("crossed_slopes", ("icar*", "")),
    ("slopes", ("ar1*",)),
    ("slopes", ("bym2*",)),
    ("slopes", ("leroux*",)),
    ("slopes", ("pedigree*",)),
)


def chain_of(structure: str, kinds: tuple[str, ...], family: str = "gaussian", seed: int = 4, effects: float = 0.0):
    """(a chain, its design); ``effects``: the sd of effects of levels that are added to what was simulated."""
    rng = np.random.default_rng(seed)
    made = oracles.random_design(rng, structure, family=family, rows=40, levels=7, coefficient_prior="normal")
    design = changed(made, kinds, rng)
    if effects:
        factor = design.factors[0]
        design = replace(design, y=design.y + effects * rng.standard_normal(len(factor.levels))[factor.codes] * factor.Z[:, 0])
    engine = StructuredEngine(design, plan.make(design, "auto"), elliptical=False, seed=1, repack=True)
    if family == "gaussian":
        engine._build(design)  # with its outcomes, less a reference fit, where the engine has 0 till it is given some
    chain = engine.chain
    if family == "gaussian":
        chain.state.row_scale[:] = 1.0
        coefficient_precision(chain.packed.priors.row, chain.state.row_scale, chain.work.B)
    return chain, design


def dense(chain, design):
    """(columns of everything (rows, p + effects), K by factor, ỹ and weights of the rows)."""
    rows, layout = chain.packed.rows, chain.layout
    Z, K = [], []
    for f, factor in enumerate(design.factors):
        J, z, q = len(factor.levels), layout.factor[f].z0, len(factor.columns)
        own = np.zeros((rows.y.size, J * q))
        for b in range(q):
            own[np.arange(rows.y.size), rows.level[:, f] * q + b] = rows.Z[:, z + b]
        Z.append(own)
        K.append(np.eye(J) if factor.structure is None else covariance_of_levels(factor.structure, rho_of(chain, f)))
    return rows.X, Z, K, rows.y, rows.weight


def roots_of(chain, scale: float = 1.0) -> np.ndarray:
    """L of every term, as ``State.L``, of size ``scale`` times the first."""
    found = np.zeros(chain.state.L.size)
    for k, t in enumerate(chain.layout.term):
        w = int(t.width)
        L = np.array([[0.9, 0.0], [0.3, 0.5]])[:w, :w] * (scale if k == 0 else 0.6)
        found[t.l0 : t.l0 + w * w] = L.ravel()
    return found


def spreads(chain, L: np.ndarray) -> list[np.ndarray]:
    """Σ of every factor."""
    found = [np.zeros((int(row.width), int(row.width))) for row in chain.layout.factor]
    for t in chain.layout.term:
        w, c = int(t.width), int(t.column)
        own = np.tril(np.reshape(L[t.l0 : t.l0 + w * w], (w, w)))
        found[t.factor][c : c + w, c : c + w] = own @ own.T
    return found


def rho_of(chain, f: int) -> float | None:
    own = chain.packed.own_laws.tolist()
    return float(chain.state.own[own.index(f)]) if f in own else None


def as_reported(chain, u: np.ndarray) -> np.ndarray:
    """Without what a field has beside the effects of its levels."""
    return u if chain.packed.reported is None else u[..., chain.packed.reported]


def prior_of_coefficients(chain):
    B = chain.work.B
    S = np.linalg.inv(B[:, :-1])
    return S @ B[:, -1], S


def marginal(chain, design, L, sigma) -> float:
    X, Z, K, y, weight = dense(chain, design)
    mean, S = prior_of_coefficients(chain)
    V = X @ S @ X.T + sum(z @ np.kron(k, s) @ z.T for s, z, k in zip(spreads(chain, L), Z, K, strict=True))
    V += sigma**2 * np.diag(1.0 / weight)
    r = y - X @ mean
    return float(-0.5 * np.linalg.slogdet(V)[1] - 0.5 * r @ np.linalg.solve(V, r))


def posterior(chain, design, L, sigma):
    """(mean, covariance) of (β, u of every factor): conditioning the joint normal of all and ỹ."""
    X, Z, K, y, weight = dense(chain, design)
    mean, S = prior_of_coefficients(chain)
    W = np.column_stack([X, *Z])
    blocks = [S, *(np.kron(k, s) for s, k in zip(spreads(chain, L), K, strict=True))]
    P = np.zeros((W.shape[1],) * 2)
    at = 0
    for block in blocks:
        P[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    first = np.concatenate([mean, np.zeros(W.shape[1] - mean.size)])
    gain = P @ W.T @ np.linalg.inv(W @ P @ W.T + sigma**2 * np.diag(1.0 / weight))
    return first + gain @ (y - W @ first), P - gain @ W @ P


def density(chain, L, sigma) -> float:
    target = kl.Target(chain.packed.units > 1, chain.packed.n, chain.packed.yy, quadratic_of(chain), np.nan)
    return log_marginal(chain.layout, chain.gram, target, chain.work, np.array(L), sigma)[0]


def quadratic_of(chain) -> float:
    row = chain.packed.priors.row
    return float(np.sum(row[:, 1] * row[:, 0] ** 2))


def draw(chain, core, u):
    """(β, u) that the noise (core, u) becomes."""
    core, u = core.copy(), u.copy()
    place_core(chain.layout, chain.work, core)
    place_unit(chain.layout, 0, chain.layout.units.shape[1] - 1, chain.work, core, u)
    copy_core_factors(chain.layout, core, u)
    return np.concatenate([core[: chain.packed.reference.size], as_reported(chain, u)]), core, u


@pytest.mark.parametrize(("structure", "kinds"), SHAPES)
def test_the_density_of_the_variances_is_that_of_the_marginal_normal(structure, kinds):
    chain, design = chain_of(structure, kinds)
    L = roots_of(chain)
    here, there = density(chain, L, 0.8), marginal(chain, design, L, 0.8)
    for scale, sigma in ((0.3, 0.8), (2.5, 1.3), (1e-3, 0.5), (40.0, 0.8), (1e-9, 0.8)):
        other = roots_of(chain, scale)
        assert density(chain, other, sigma) - here == pytest.approx(marginal(chain, design, other, sigma) - there, abs=2e-6)


@pytest.mark.parametrize(("structure", "kinds"), SHAPES)
def test_draws_have_the_mean_and_the_covariance_of_the_conditional_normal(structure, kinds):
    chain, design = chain_of(structure, kinds)
    L, sigma = roots_of(chain), 0.6
    density(chain, L, sigma)
    pc, U = chain.packed.core_columns, chain.packed.effects
    centre, *_ = draw(chain, np.zeros(pc), np.zeros(U))
    mean, covariance = posterior(chain, design, L, sigma)
    np.testing.assert_allclose(centre, mean, atol=1e-9)
    spread = [draw(chain, sigma * row[:pc], sigma * row[pc:])[0] - centre for row in np.eye(pc + U)]
    np.testing.assert_allclose(np.array(spread).T @ np.array(spread), covariance, atol=1e-9)


@pytest.mark.parametrize(("structure", "kinds"), SHAPES)
def test_noise_becomes_effects_and_effects_noise_again(structure, kinds):
    chain, design = chain_of(structure, kinds)
    density(chain, roots_of(chain), 0.6)
    rng, pc, U = np.random.default_rng(2), chain.packed.core_columns, chain.packed.effects
    _, core, u = draw(chain, rng.standard_normal(pc), rng.standard_normal(U))
    f = int(np.flatnonzero(chain.layout.factor.sparse >= 0)[0])
    of, q, u0 = design.factors[f].field, len(design.factors[f].columns), int(chain.layout.factor[f].u0)
    at = slice(u0, u0 + design.factors[f].nodes * q)
    for m in range(len(of.pins)):
        np.testing.assert_allclose(of.null[:, of.part == m] @ u[at].reshape(-1, q)[of.part == m], 0.0, atol=1e-10)
    core_noise, noise, completed = np.zeros(pc), np.zeros(U), np.zeros(U)
    whiten_core(chain.layout, chain.work, core, core_noise)
    whiten_unit(chain.layout, 0, chain.work, core, u, noise)
    _, again, u_again = draw(chain, core_noise, noise)
    np.testing.assert_allclose(again, core, atol=1e-10)
    np.testing.assert_allclose(u_again, u, atol=1e-10)
    completed[:] = noise
    fields.complete_noise(chain.rng, chain.layout, 0, chain.work, 0.6, completed)
    np.testing.assert_allclose(draw(chain, core_noise, completed)[2], u, atol=1e-10)
    assert np.abs(completed - noise)[at].max() > 0.01 or not of.constraints


def test_levels_are_multiplied_by_their_root():
    for q in (1, 3):
        rng = np.random.default_rng(q)
        L, u = np.tril(rng.standard_normal((q, q))), rng.standard_normal((4, q))
        factor = kl.table(1, kl.FACTOR)
        factor.width, factor.root0 = q, 2
        found = np.concatenate([[7.0], u.ravel(), [7.0]])
        fields.scale_levels(factor[0], np.concatenate([[5.0, 5.0], L.ravel()]), found, 1, 4)
        np.testing.assert_allclose(found, np.concatenate([[7.0], (u @ L.T).ravel(), [7.0]]), rtol=1e-14)


def test_a_series_of_chebyshev_polynomials():
    coefficients = np.random.default_rng(3).standard_normal(30) / np.arange(1, 31)
    for s in (-1.0, -0.3, 0.0, 0.99, 1.0):
        found = field_degrees.series(np.concatenate([[9.0, 9.0], coefficients]), 2, 30, s)
        assert found == pytest.approx(np.polynomial.chebyshev.chebval(s, coefficients), abs=1e-13)


def test_a_field_by_itself_is_eliminated_placed_and_whitened():
    """The log determinant and the reduction of one field, from its own Q and N; noise becomes effects and noise again."""
    chain, design = chain_of("one_factor", ("rw2*",))
    density(chain, np.array([0.9]), 0.6)
    layout, work, of = chain.layout, chain.work, design.factors[0].field
    J, l, variance = of.levels, 0.9, 0.36
    G, h = chain.gram.node[layout.factor[0].g0 :][:J], chain.gram.h[:J]
    C = chain.gram.node[layout.factor[0].c0 :][: J * chain.packed.core_columns].reshape(J, -1)
    work.V[layout.factor[0].g0 :][:J], work.vh[:J], work.core[:] = G, h, 0.0
    work.V[layout.factor[0].c0 :][: C.size] = C.ravel()
    log_det, reduction = fields.eliminate_field(layout, 0, variance, work)
    T = np.linalg.svd(of.null)[2][of.constraints :].T  # a basis of what the constraints leave
    Q = T.T @ (l * l * np.diag(G) + variance * of.precision().toarray()) @ T
    gain = np.linalg.solve(Q, l * T.T @ np.column_stack([C, h]))
    wanted = -np.column_stack([C, h]).T @ T @ gain * l
    assert log_det == pytest.approx(np.linalg.slogdet(Q)[1] + of.constraints * np.log(variance), abs=1e-8)
    assert reduction == pytest.approx(-wanted[-1, -1], rel=1e-9)
    np.testing.assert_allclose(np.tril(work.core[:, :-1]), np.tril(wanted[:-1, :-1]), atol=1e-9)
    np.testing.assert_allclose(work.core[:, -1], wanted[:-1, -1], atol=1e-9)
    noise = np.random.default_rng(1).standard_normal(J)
    fields.project(layout.fields, layout.fields.table[0], work.field, noise, 0, 1)
    u = noise.copy()
    fields.place_field(layout, 0, work, u)
    np.testing.assert_allclose(of.project(u), u, atol=1e-10)
    fields.whiten_field(layout, 0, work, u)
    np.testing.assert_allclose(u, noise, atol=1e-10)


def test_pieces_are_all_places_once():
    for J, pieces, q in ((7, 3, 1), (31, 4, 2), (200, 25, 1), (5, 1, 3)):
        for offset in (0.0, 0.3, 0.99):
            found = [field_moves.piece_of(k, pieces, offset, J * q, q) for k in range(pieces + 1)]
            assert [i for first, last in found for i in range(first, last)] == list(range(J * q))
            assert all(first % q == 0 for first, _ in found)


@pytest.mark.parametrize("structure", ["one_factor", "slopes"])
@pytest.mark.parametrize("kind", ["icar*", "rw2*"])
def test_noise_that_is_redrawn_in_pieces_is_that_of_the_effects(kind, structure):
    """After ``refresh_field`` the state's effects are what its noise becomes, whichever pieces were accepted."""
    chain, _ = chain_of(structure, (kind,), "poisson")
    chain.advance(40)
    s, t, w = chain.state, chain.trial, chain.work
    density_of_stand_in = log_marginal(chain.layout, chain.gram, kl.Target(False, 0.0, 0.0, 0.0, np.nan), w, s.L, 1.0)[0]
    assert np.isfinite(density_of_stand_in)
    whiten_unit(chain.layout, 0, w, s.core, s.u, t.noise)
    fields.complete_noise(chain.rng, chain.layout, 0, w, 1.0, t.noise)
    before, counts = s.u.copy(), kl.counts_of(1, s.u.size)
    field_moves.refresh_field(chain.rng, 1.0, 3, chain._data(), s.core[:0], chain.layout, 0, 0, s, t, w, counts)
    assert counts.accepted.sum() > 0 and not np.allclose(s.u, before)
    assert np.all(counts.tried == 1) and counts.moves[0].held_tried == 1  # every level in one piece, and what pieces hold by itself
    again = t.noise.copy()
    place_unit(chain.layout, 0, 0, w, s.core, again)
    np.testing.assert_allclose(again, s.u, atol=1e-10)


def test_noise_is_completed_to_its_own_variance():
    """Projected noise has the covariance σ²(I − aa'); completed, σ²I."""
    chain, _ = chain_of("one_factor", ("rw2*",))
    density(chain, np.array([0.9]), 0.6)
    rng, n, J = np.random.default_rng(3), 4000, 7
    found = np.empty((n, J))
    for k in range(n):
        x = 2.5 * rng.standard_normal(J)
        fields.project(chain.layout.fields, chain.layout.fields.table[0], chain.work.field, x, 0, 1)
        fields.complete_noise(chain.rng, chain.layout, 0, chain.work, 2.5, x)
        found[k] = x / 2.5
    np.testing.assert_allclose(np.cov(found.T), np.eye(J), atol=5.0 * np.sqrt(2.0 / n))  # 28 pairs, 5 sds


@pytest.mark.parametrize("kind", ["rw1*", "rw2*", "icar*", "ar1*", "leroux*", "pedigree*"])
@pytest.mark.parametrize("structure", ["one_factor", "slopes"])
def test_the_products_that_the_covariance_is_drawn_given(kind, structure):
    """As many effects as a column has dimensions, whose products sum to U'K⁻U."""
    chain, design = chain_of(structure, (kind,))
    K, q = covariance_of_levels(design.factors[0].structure, rho_of(chain, 0)), len(design.factors[0].columns)
    values, V = np.linalg.eigh(K)
    rank = int(np.sum(values > 1e-9 * values[-1]))
    u = V[:, -rank:] @ np.random.default_rng(5).standard_normal((rank, q))
    out = np.full(chain.packed.effects, np.nan)
    fields.independent_differences(chain.layout, 0, u.ravel(), out)
    assert rank == int(chain.layout.term[0].count) == design.factors[0].dimensions
    given = out[: rank * q].reshape(rank, q)
    np.testing.assert_allclose(given.T @ given, u.T @ np.linalg.pinv(K, rcond=1e-10) @ u, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("structure", ["one_factor", "slopes"])
@pytest.mark.parametrize("kind", ["rw1*", "rw2*", "icar*", "leroux*", "pedigree*"])
def test_a_piece_of_noise_less_its_constraints_moves_its_descendants_alone(kind, structure):
    """What a piece changes is Λ⁻ᵀ of it as it stands: projecting all of the noise changes nothing more."""
    chain, _ = chain_of(structure, (kind,), "poisson")
    chain.advance(30)
    layout, work = chain.layout, chain.work
    of, rng = layout.fields.table[0], np.random.default_rng(1)
    J, q = int(of.nodes), int(of.width)
    order = layout.fields.index[of.order0 : of.order0 + J]
    for first, last in ((0, 3 * q), (2 * q, 6 * q), (4 * q, J), (0, J), (3 * q, 4 * q)):
        x = np.zeros(J)
        x[first:last] = rng.standard_normal(last - first)
        field_moves.hold_constraints(layout.fields, of, work.field, x, first, last)
        by_level = np.zeros(J)
        by_level[order] = x
        projected = by_level.copy()
        fields.project(layout.fields, of, work.field, projected, 0, 1)
        np.testing.assert_allclose(projected, by_level, atol=1e-12)
        twice = x.copy()
        field_moves.hold_constraints(layout.fields, of, work.field, twice, first, last)
        np.testing.assert_allclose(twice, x, atol=1e-9)
        start = field_moves._first_descendant(layout.fields, of, first, last)
        moved = np.where((np.arange(J) >= first) & (np.arange(J) < last), x, np.nan)
        start = field_moves._descend(layout.fields, of, work.field, moved, first, start, last)
        everything = by_level.copy()
        fields._backward(layout.fields, of, everything, 0, work.field)
        np.testing.assert_allclose(everything[order[start:last]], moved[start:last], atol=1e-12)
        outside = np.delete(np.arange(J), np.arange(start, last))
        np.testing.assert_allclose(everything[order[outside]], 0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("structure", "kinds"),
    [
        ("one_factor", ("icar*",)),
        ("crossed", ("rw2*", "")),
        ("nested", ("rw1*", "")),
        ("one_factor", ("ar1*",)),
        ("nested", ("bym2*", "")),
        ("one_factor", ("leroux*",)),
        ("one_factor", ("pedigree*",)),
        ("slopes", ("icar*",)),
        ("slopes", ("rw2*",)),
        ("slopes", ("bym2*",)),
    ],
)
def test_eta_gap_and_constraints_after_sweeps(structure, kinds):
    """η is that of the effects, the gap that of η, and effects sum to zero, after sweeps that moved them piece by piece."""
    chain, design = chain_of(structure, kinds, "poisson")
    chain.advance(1)
    for _ in range(40):
        chain.advance(5)
    s, eta, gap = chain.state, np.zeros_like(chain.state.eta), np.zeros_like(chain.state.gap)
    linear_predictor(chain.packed.rows, chain.layout, s.core, s.u, eta)
    np.testing.assert_allclose(s.eta, eta, atol=1e-9)
    likelihood.gaps(chain._data(), eta, chain.shape(), s.core[:0], gap)
    np.testing.assert_allclose(s.gap, gap, atol=1e-8)
    of = design.factors[0].field
    u = s.u[: of.nodes * len(design.factors[0].columns)].reshape(of.nodes, -1)
    np.testing.assert_allclose(of.project(u), u, atol=1e-9)


SOLVED = (
    ("one_factor", ("icar*",)),
    ("nested", ("rw1*", "")),
    ("crossed", ("icar*", "")),
    ("crossed", ("rw2*", "icar*")),
    ("slopes", ("icar*",)),
)


@pytest.mark.parametrize(("structure", "kinds"), SOLVED)
def test_the_stand_in_of_a_field_is_solved_for(structure, kinds):
    """ω and b are averages over N(m, v) of every row, m and v by conditioning the joint normal of all and the working outcomes b/ω."""
    chain, design = chain_of(structure, kinds, "poisson")
    chain.advance(30)
    r, omega = chain.packed.rows, chain.omega
    L = chain.state.L.copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solved, "DRAWS", 4000)
        patch.setattr(solved, "NEWTON", 12)
        solved.solve(chain, L)
    coefficient_precision(chain.packed.priors.row, chain.state.row_scale, chain.work.B)
    mean, S = prior_of_coefficients(chain)
    X, Z, K, _, _ = dense(chain, design)
    first = X @ mean + r.offset
    V = X @ S @ X.T + sum(z @ np.kron(k, s) @ z.T for s, z, k in zip(spreads(chain, L), Z, K, strict=True))
    gain = V @ np.linalg.inv(V + np.diag(1.0 / omega))
    m = first + gain @ (chain.linear / omega - first)
    v = np.diag(V - gain @ V)
    np.testing.assert_allclose(chain.centre, m, atol=1e-6)
    rate = r.weight * np.exp(m + 0.5 * v)  # E −l'' of a Poisson row, in closed form; E l' = y − that
    np.testing.assert_allclose(omega, rate, rtol=0.012)  # v of 4,000 draws, seen from the round before
    np.testing.assert_allclose(chain.linear - omega * m, r.y - rate, atol=0.012 * rate.max())


@pytest.mark.parametrize("case", ["rw1", "rw2", "icar", "lattice"])
def test_the_order_and_the_pattern_of_the_factorisation(case):
    """R̃ is R on N'φ = 0, positive, and its factor has no entry beyond the pattern; subtrees stand together."""
    rng = np.random.default_rng(7)
    if case == "icar":
        edges, J = AREAS, 7
    elif case == "lattice":
        edges = np.array(
            [(9 * r + c, 9 * r + c + d) for r in range(9) for c in range(9) for d in (1, 9) if (c < 8 or d == 9) and (r < 8 or d == 1)]
        )
        J = 81
    if case in ("icar", "lattice"):
        one = model_fields.of_graph(edges, structures.connected(edges, J))
    else:
        J = 30
        one = model_fields.of_walk(int(case[-1]), np.cumsum(rng.choice([1.0, 2.0, 4.5], J)))
    R = one.precision().toarray()
    order, lower, descend, _ = ordering._ordered(one)
    A = lower.toarray()
    A += np.tril(A, -1).T
    dense_ = np.zeros((J, J))
    dense_[np.ix_(order, order)] = A
    P = one.project(np.eye(J))
    np.testing.assert_allclose(P @ dense_ @ P, R, atol=1e-9 * np.abs(R).max())
    smallest = np.linalg.eigvalsh(R)[one.constraints * len(one.pins)]
    assert np.linalg.eigvalsh(dense_)[0] > 0.05 * smallest
    rows, entries, pointers, below = ordering._pattern(lower)
    L = np.linalg.cholesky(A)
    allowed = np.eye(J, dtype=bool)
    for k in range(J):
        allowed[below[pointers[k] : pointers[k + 1]], k] = True
        assert np.all(np.diff(below[pointers[k] : pointers[k + 1]]) > 0)
    assert np.all(allowed | (np.abs(L) < 1e-12)) and rows[-1] == pointers[-1] == len(entries)
    for i in range(J):
        own = entries[rows[i] : rows[i + 1]]
        assert np.all(below[own[:, 1]] == i) and np.array_equal(np.sort(own[:, 0]), own[:, 0])
    parents = [int(below[pointers[k]]) if pointers[k + 1] > pointers[k] else -1 for k in range(J)]
    for k in range(J):
        hangs = {k}
        for j in range(k - 1, -1, -1):
            if parents[j] in hangs:
                hangs.add(j)
        assert hangs == set(range(int(descend[k]), k + 1))


def test_an_entry_that_is_0_by_chance_is_an_entry():
    """Where what stands beside R is as large as R and of the other sign; differences look their entries up."""
    from scipy import sparse

    one = model_fields.of_graph(AREAS, structures.connected(AREAS, 7))
    R = one.precision()
    lower = sparse.tril(R, -1)
    vars(one)["beside"] = -(lower + lower.T).tocsr()
    assert one.tilde.nnz == R.nnz and np.array_equal(one.tilde.toarray(), np.diag(R.diagonal()))


# ---------------------------------------------------------------------------------------------------------------- a ρ that is drawn

WITH_RHO = (
    ("slopes", ("ar1*",)),
    ("slopes", ("bym2*",)),
    ("slopes", ("leroux*",)),
    ("one_factor", ("ar1*",)),
    ("one_factor", ("bym2*",)),
    ("nested", ("bym2*", "")),
    ("one_factor", ("leroux*",)),
    ("nested", ("leroux*", "")),
)


@pytest.mark.parametrize(("structure", "kinds"), WITH_RHO)
def test_the_density_of_rho_is_that_of_the_marginal_normal(structure, kinds):
    """The factorisation at another ρ, and what ``move_degree`` adds to it, against the dense marginal."""
    chain, design = chain_of(structure, kinds)
    L, found = roots_of(chain), []
    for rho in (0.3, 0.05, 0.8, 0.995, *((1e-9, 1.0 - 1e-9) if kinds[0] == "leroux*" else ()), *((-0.6,) if kinds == ("ar1*",) else ())):
        chain.state.own[0] = rho
        field_degrees.place_degree(chain.layout, 0, rho)
        here = density(chain, L, 0.8) + field_degrees.log_density_at_degree(chain.layout, 0, rho, False)
        found.append(here - marginal(chain, design, L, 0.8))
    np.testing.assert_allclose(found, found[0], atol=1e-6)


@pytest.mark.parametrize(("structure", "kinds"), WITH_RHO)
def test_the_density_of_the_effects_at_a_rho_is_that_of_their_law(structure, kinds):
    """½ log|R| − ½ x'Rx against the dense normal of the nodes: effects and, of bym2, what neighbours share."""
    chain, design = chain_of(structure, kinds)
    of, rng, found = design.factors[0].field, np.random.default_rng(9), []
    J, q = of.levels, len(design.factors[0].columns)
    for rho in (0.2, 0.7, 0.98):
        K, x, wanted = covariance_of_levels(design.factors[0].structure, rho), np.empty((of.nodes, q)), 0.0
        for b in range(q):
            x[:, b] = np.concatenate([rng.standard_normal(J), of.project(rng.standard_normal(of.nodes))[J:]])
            if of.hidden:  # N(u; √ρ ψ, (1 − ρ) I) N(ψ; 0, K_icar)
                psi = x[J:, b]
                wanted -= 0.5 * J * np.log(1.0 - rho) + 0.5 * np.sum((x[:J, b] - np.sqrt(rho) * psi) ** 2) / (1.0 - rho)
                wanted -= 0.5 * psi @ np.linalg.pinv(graph_covariance(design.factors[0].structure.edges, J), rcond=1e-10) @ psi
            else:  # of the dimensions that effects have
                values, V = np.linalg.eigh(K)
                values, V = values[-of.rank :], V[:, -of.rank :]
                x[:, b] = V @ (V.T @ x[:, b])
                wanted -= 0.5 * np.sum(np.log(values)) + 0.5 * np.sum((V.T @ x[:, b]) ** 2 / values)
        field_degrees.sum_products(chain.layout, 0, x.ravel())
        found.append(field_degrees.log_density_at_degree(chain.layout, 0, rho, True) - wanted)
        field_degrees.place_degree(chain.layout, 0, rho)
        weights = chain.layout.fields.value[chain.layout.fields.table[0].weight0 :][: of.weight.size].reshape(of.weight.shape)
        np.testing.assert_allclose(weights, of.at(rho).weight, rtol=1e-12)
        table, value = chain.layout.fields.table[0], chain.layout.fields.value
        field_degrees.set_multipliers(chain.layout.fields, table, rho)
        np.testing.assert_allclose(value[table.multiplier0 :][: table.multipliers], of.multipliers(rho), rtol=1e-12)
    np.testing.assert_allclose(found, found[0], atol=1e-9)


@pytest.mark.parametrize("kind", ["ar1", "bym2", "leroux"])
def test_a_field_with_a_rho_has_the_covariance_of_its_law(kind):
    """R(ρ) of the nodes against K(ρ) of the levels; R̃ as the kernels have it, placed anew; draws."""
    chain, design = chain_of("one_factor", (f"{kind}*",))
    one, layout = design.factors[0].field, chain.layout
    J, rho = one.levels, 0.6
    K = covariance_of_levels(design.factors[0].structure, rho)
    T = np.linalg.svd(one.constraint_rows().toarray())[2][one.nodes - one.rank :].T if one.constraints else np.eye(J)
    full = T @ np.linalg.inv(T.T @ one.at(rho).precision() @ T) @ T.T
    np.testing.assert_allclose(full[:J, :J], K, atol=1e-9)
    if kind == "leroux":
        rhos = np.array([1e-9, 0.3, 0.6, 0.999])
        wanted = [np.diag(covariance_of_levels(design.factors[0].structure, r)) for r in rhos]
        np.testing.assert_allclose(one.variances_at(rhos), wanted, atol=1e-9)
    field_degrees.place_degree(layout, 0, rho)
    of, value, index = layout.fields.table[0], layout.fields.value, layout.fields.index
    at = one.at(rho).precision().toarray()
    R = np.zeros_like(at)
    order = index[of.order0 : of.order0 + of.nodes]
    for i in range(of.nodes):
        for e in range(index[of.priors0 + i], index[of.priors0 + i + 1]):
            R[order[i], order[index[of.prior_column0 + e]]] = R[order[index[of.prior_column0 + e]], order[i]] = value[of.prior0 + e]
    P = one.project(np.eye(one.nodes))
    np.testing.assert_allclose(P @ R @ P, P @ at @ P, atol=1e-9)
    assert np.linalg.eigvalsh(R)[0] > 0.0
    draws = one.effects(np.random.default_rng(2), np.full(20_000, rho))
    np.testing.assert_allclose(np.cov(draws.T), K, atol=0.06)


@pytest.mark.parametrize("kind", ["ar1*", "leroux*", "ar1", "bym2*", "bym2"])
def test_rho_sd_and_sigma_that_are_proposed_from_a_t_have_their_posterior(kind):
    """Nothing but such moves: means and squares of (logit ρ, log sd, log σ) against a sum over a grid of the dense marginal density."""
    chain, design = chain_of("one_factor", (kind,), effects=2.0)
    packed, of, priors = chain.packed, chain.between.neighbours, chain.packed.priors
    low, high = of.bounds[0]
    at = [np.linspace(-10.0, 10.0, 81), np.linspace(-6.0, 3.0, 46), np.linspace(-2.0, 1.5, 71)]
    X, Z, _, y, weight = dense(chain, design)
    mean, S = prior_of_coefficients(chain)
    root, log_p = np.sqrt(weight), np.empty(tuple(map(len, at)))
    for i, x in enumerate(at[0]):
        rho = low + (high - low) / (1.0 + np.exp(-x))
        of_rho = Z[0] @ covariance_of_levels(design.factors[0].structure, rho) @ Z[0].T
        for j, log_sd in enumerate(at[1]):
            values, V = np.linalg.eigh(root[:, None] * (X @ S @ X.T + np.exp(2.0 * log_sd) * of_rho) * root)
            r = V.T @ (root * (y - X @ mean))
            spread = np.maximum(values, 0.0) + np.exp(2.0 * at[2])[:, None]
            log_p[i, j] = -0.5 * np.sum(np.log(spread) + r**2 / spread, axis=1)
            log_p[i, j] += neighbours.log_prior_of_logit(of, 0, rho) + log_sd + at[2]
            log_p[i, j] += log_scale_prior(*priors.sd[0], np.exp(log_sd))
            log_p[i, j] += np.array([log_scale_prior(*priors.scale[0], v) for v in np.exp(at[2])])
    p = np.exp(log_p - log_p.max())
    grid = np.stack(np.meshgrid(*at, indexing="ij"), axis=-1)
    wanted = np.array([np.average(x, weights=p, axis=(0, 1, 2)) for x in (grid, grid**2)])
    spread = np.sqrt(wanted[1] - wanted[0] ** 2)
    assert p[[0, -1]].max() < 0.02 and p[:, [0, -1]].max() < 0.02 and p[:, :, [0, -1]].max() < 1e-4
    centre, width, what = wanted[0], spread, 3.0
    if "bym2" in kind:
        parts = np.stack(np.vectorize(neighbours.in_parts)(*np.moveaxis(grid, -1, 0)), axis=-1)
        centre = np.average(parts, weights=p, axis=(0, 1, 2))
        width, what = np.sqrt(np.average((parts - centre) ** 2, weights=p, axis=(0, 1, 2))), float(neighbours.IN_PARTS)
    chain.tuning.own_fit[:] = [*(centre + 0.2 * width), 1.4 * width[0], -0.3, 1.2 * width[1], 0.1, -0.05, 1.3 * width[2], what]
    model = kl.Model(chain.layout, chain.gram, priors, between.without_rows(chain.between.data))
    target = kl.Target(False, packed.n, packed.yy, quadratic_of(chain), np.nan)
    known, found = neighbours.hold_degree(chain.rng, chain.between, 0, model, target, chain.state, chain.work), []
    for _ in range(40_000):
        known, _ = neighbours.move_degree(chain.rng, neighbours.FITTED, known, chain.between, 0, model, target, chain.state, chain.work)
        found.append([neighbours.logit_of(of, 0, chain.state.own[0]), np.log(chain.state.L[0]), np.log(chain.state.sigma[0])])
    for power, moments in zip((1, 2), wanted, strict=True):
        for x, value in zip(np.array(found).T ** power, moments, strict=True):
            error = x.std() / np.sqrt(float(diagnostics.ess_bulk(x[None, :])))
            assert abs(x.mean() - value) < 4.5 * error + 0.01 * spread.min()  # the grid's own error

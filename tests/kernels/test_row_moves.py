"""Moves of covariances by rows, against dense algebra from the rows of the data; every prior kind; units, nested chains, the core."""

from __future__ import annotations

import numpy as np
import pytest
from gibbs.kernels.by_rows import room_needed
from scipy import linalg

from gibbs.kernels import priors as kp
from gibbs.kernels import row_moves
from gibbs.model.records import Prior
from tests.thin import some

from . import loops
from .bench import SMALL_CORE, Bench, make_design, random_covariances

PLACES = [
    ("slopes", "joint"), ("two_terms", "joint"), ("three_columns_two_terms", "joint"), ("eight_columns", "joint"),
    ("nested_mixed", "joint"),
    ("crossed_wide", "joint"), ("crossed_wide", "collapsed"), ("nested_slopes_crossed", "joint"), ("nested_slopes_crossed", "collapsed"),
    ("core_and_units", SMALL_CORE), ("slope_only", "joint"),
]  # fmt: skip
"""Kinds of design and schemes: alone, several terms, nested, in the core, several units."""


def at_random(kind: str, scheme: str, seed: int, **options) -> tuple[Bench, list, float, np.ndarray]:
    """A bench whose variances move by rows, at a random point: (bench, covariances, σ, θ)."""
    design = make_design(kind, seed, **options)
    b = Bench(design, scheme, rounds=1)
    rng = np.random.default_rng([seed, 3])
    covariances, sigma, theta = random_covariances(design, rng), float(np.exp(rng.uniform(-0.5, 0.5))), rng.standard_normal(b.W.shape[1])
    b.set(covariances, sigma, theta)
    b.prior_precision()
    return b, covariances, sigma, theta


def given(b: Bench, unit: int) -> tuple[object, np.ndarray]:
    """The cross-products with the other units' effects taken off, and the outcome without them."""
    mine = b.joint(unit if unit >= 0 else None)
    other = np.setdiff1d(np.arange(b.W.shape[1]), mine)
    y = b.y - b.W[:, other] @ b.theta[other]
    rhs = b.W.T @ (b.omega * y)
    return b.given(rhs[b.core].copy(), rhs[b.p :].copy()), y


def places(b: Bench) -> list[tuple[int, int, int]]:
    """(unit, place in its chain or −1 − number in the core, factor) of every factor."""
    out = [(u, pos, f) for u, unit in enumerate(b.plan.units) for pos, f in enumerate(unit)]
    return out + [(len(b.plan.units) - 1, -1 - k, f) for k, f in enumerate(b.plan.core)]


def terms_of(b: Bench, f: int) -> list[int]:
    return [t for t in range(len(b.layout.term)) if b.layout.term[t].factor == f and not b.layout.term[t].given]


@pytest.mark.parametrize(("kind", "scheme"), PLACES)
def test_the_room_is_what_was_asked_for(kind, scheme):
    """Nothing looks at bounds in a kernel: what is carved is all there, and Python's count of it is the kernel's."""
    b, *_ = at_random(kind, scheme, 2)
    factor = b.layout.factor
    needed = room_needed(b.layout, b.p, b.packed.core_columns, b.packed.effects, int(factor.width.max()))
    pc, sds, J = b.packed.core_columns, int(b.layout.term.width.sum()), int(factor.levels.max())
    size, block = b.p + sds, int((factor.levels * factor.width**2).max())
    parts = 8 * J + block + b.packed.effects + 2 * pc + size * (size + 1) + 5 * size + sds + int(factor.width.max()) * pc
    assert loops.room_taken(b.layout, b.work) == needed == parts <= b.work.saved.size
    assert b.work.numbers.size == int(factor.width.sum()) + pc


@pytest.mark.parametrize(("kind", "scheme"), PLACES)
def test_precision_and_slope_of_coefficients_and_sds(kind, scheme):
    """H = V'W'ΩWV and V'W'Ω(y − Wθ), V the effects in units of their sds, from the rows."""
    b, covariances, _, theta = at_random(kind, scheme, 3)
    for unit in b.units if b.units else [-1]:
        gram, y = given(b, unit)
        inside = [*b.plan.core, *(b.plan.units[unit] if unit >= 0 else ())]
        V = directions(b, covariances, theta, inside)
        H, gradient = np.full((V.shape[1],) * 2, np.nan), np.full(V.shape[1], np.nan)
        b.work.saved[:] = np.nan
        assert loops.joint_parts(b.layout, unit, gram, b.state, b.work, H, gradient) == V.shape[1] - b.p
        mine = b.joint(unit if unit >= 0 else None)
        A = b.W @ V
        np.testing.assert_allclose(H, A.T @ (b.omega[:, None] * A), rtol=1e-9, atol=1e-9 * np.abs(H).max())
        slope = A.T @ (b.omega * (y - b.W[:, mine] @ theta[mine]))
        np.testing.assert_allclose(gradient, slope, rtol=1e-8, atol=1e-9 * np.abs(slope).max())


def directions(b: Bench, covariances: list, theta: np.ndarray, inside: list[int]) -> np.ndarray:
    """V (p + U, p + sds): θ = V γ of the factors ``inside``, γ = (β, sds)."""
    V = [np.eye(b.W.shape[1])[:, : b.p]]
    for t in range(len(b.layout.term)):
        f, column, q = b.layout.term[t].factor, b.layout.term[t].column, b.layout.term[t].width
        if f not in inside or b.layout.term[t].given:
            continue
        number = [u for u in range(len(b.layout.term)) if b.layout.term[u].factor == f].index(t)
        sds = np.sqrt(np.diag(np.atleast_2d(covariances[f][number])))
        at = b.columns[f].reshape(len(b.design.factors[f].levels), -1)
        for a in range(q):
            v = np.zeros((b.W.shape[1], 1))
            v[at[:, column + a], 0] = theta[at[:, column + a]] / sds[a]
            V.append(v)
    return np.hstack(V)


LAWS = some([("slopes", "joint"), ("nested_slopes_crossed", "joint"), ("crossed_wide", "collapsed")], 2, several=True)


@pytest.mark.parametrize(("kind", "scheme"), LAWS)
def test_law_of_coefficients_and_sds(kind, scheme):
    """Under half-normal priors, independent draws of (β, Ce·s) with the dense mean and covariance of γ."""
    b, covariances, sigma, theta = at_random(kind, scheme, 9, sd_prior=Prior("half_normal", (0.0, 0.8)))
    for unit in b.units:
        b.set(covariances, sigma, theta)
        gram, y = given(b, unit)
        V = directions(b, covariances, theta, [*b.plan.core, *b.plan.units[unit]])
        rest = b.joint(unit)
        fixed = theta.copy()
        fixed[V.any(axis=1)] = 0.0
        A = b.W @ V
        P, m, _ = b.prior(covariances)
        M = A.T @ (b.omega[:, None] * A) / sigma**2
        M[: b.p, : b.p] += P[: b.p, : b.p]
        M[np.arange(b.p, len(M)), np.arange(b.p, len(M))] += 0.8**-2
        right = A.T @ (b.omega * (y - b.W[:, rest] @ fixed[rest])) / sigma**2
        right[: b.p] += m[: b.p]
        n = 20_000
        core, u = np.empty((n, b.state.core.size)), np.empty((n, b.state.u.size))
        loops.run_coefficients_and_sds(b.rng, b.layout, unit, gram, b.packed.priors, b.state, b.work, core, u)
        draws = np.hstack([core[:, : b.p], u])
        mean, cov = V @ np.linalg.solve(M, right), V @ np.linalg.inv(M) @ V.T
        moved = np.flatnonzero(np.diag(cov) > 1e-12)
        z = (draws[:, moved].mean(axis=0) - mean[moved]) / np.sqrt(np.diag(cov)[moved] / n)
        assert np.max(np.abs(z)) < 5.5
        ratio = draws[:, moved].var(axis=0) / np.diag(cov)[moved]
        assert np.max(np.abs(ratio - 1.0)) < 6.0 * np.sqrt(2.0 / n)


@pytest.mark.parametrize(("kind", "scheme"), PLACES)
def test_density_of_a_row_with_its_effects_integrated_out(kind, scheme):
    """Differences of log p between points of a row's plane are those of the normal law of the rows, e_·k out, from the rows."""
    b, covariances, sigma, theta = at_random(kind, scheme, 4)
    rng = np.random.default_rng(8)
    for unit, pos, f in places(b):
        gram, _ = given(b, unit)
        for number, t in enumerate(terms_of(b, f)):
            column, q, J = b.layout.term[t].column, b.layout.term[t].width, len(b.design.factors[f].levels)
            columns = b.columns[f].reshape(J, -1)[:, column : column + q]
            drawn = [k for k, term in enumerate(b.design.factors[f].terms) if term.covariance or term.sd_priors[0].kind != "fixed"]
            L = np.linalg.cholesky(np.atleast_2d(covariances[f][drawn[number]]))
            e = np.linalg.solve(L, theta[columns].T).T
            for k in range(q):
                points, values = rng.standard_normal((5, 2)), np.empty(5)
                if k == 0:
                    points[:, 1] = 0.0
                loops.collapsed_parts(b.rng, b.layout, t, k, unit, pos, gram, b.state, b.work, points, values)
                P, Q = b.work.small[row_moves.WHOLE, : k + 1].copy(), b.work.small[row_moves.TANGENT, : k + 1].copy()
                np.testing.assert_allclose(P, L[k, : k + 1] / np.linalg.norm(L[k]), atol=1e-12)
                if k:
                    assert abs(P @ Q) < 1e-10 and abs(Q @ Q - 1.0) < 1e-10
                rest = e @ L.T  # effects without row k and without column k
                rest -= np.outer(e[:, k], L[:, k])
                rest[:, k] = 0.0
                y = b.y - b.W @ theta + sum(b.W[:, columns[:, a]] @ theta[columns[:, a]] for a in range(q))
                y -= sum(b.W[:, columns[:, a]] @ rest[:, a] for a in range(q))
                truth = []
                for alpha, beta in points:
                    row = alpha * P + beta * Q
                    delta = L[:, k].copy()
                    delta[k] = row[k]
                    mean = b.W[:, columns[:, k]] @ (e[:, :k] @ row[:k])
                    D = sum(b.W[:, columns[:, a]] * delta[a] for a in range(k, q))
                    cov = np.diag(sigma**2 / b.omega) + D @ D.T
                    root = linalg.cholesky(cov, lower=True)
                    z = linalg.solve_triangular(root, y - mean, lower=True)
                    truth.append(-np.sum(np.log(np.diag(root))) - 0.5 * z @ z)
                truth = np.array(truth)
                np.testing.assert_allclose(np.diff(values), np.diff(truth), rtol=1e-7, atol=1e-7 * max(1.0, np.ptp(truth)))


@pytest.mark.parametrize("covariance", ["lkj", "inverse_wishart", "huang_wand"])
@pytest.mark.parametrize("kind", ["slopes", "three_columns", "eight_columns"])
def test_prior_of_a_row(kind, covariance):
    """The density of the row in (sd, direction) is that of L times s^k, whichever way the signs of its columns stand."""
    b, *_ = at_random(kind, "joint", 5, covariance_prior=covariance)
    term, L, rng = b.layout.term[0], b.state.L.copy(), np.random.default_rng(2)
    q = term.width
    small, scratch = b.work.small, np.empty(64)
    for k in range(q):
        points, values, truth = rng.standard_normal((6, 2)), np.empty(6), []
        if k == 0:
            points[:, 1] = 0.0
        P = L[k * q : k * q + k + 1] / np.linalg.norm(L[k * q : k * q + k + 1])
        Q = rng.standard_normal(k + 1)
        Q -= (Q @ P) * P
        small[row_moves.WHOLE, : k + 1] = P
        small[row_moves.TANGENT, : k + 1] = Q / np.linalg.norm(Q) if k else 0.0
        loops.row_priors(b.layout, 0, b.packed.priors, k, L, small, points, values)
        for alpha, beta in points:
            M = L.reshape(q, q).copy()
            M[k, : k + 1] = alpha * small[row_moves.WHOLE, : k + 1] + beta * small[row_moves.TANGENT, : k + 1]
            M = np.linalg.cholesky(M @ M.T)
            value = kp.log_cholesky_prior(b.layout.term, 0, b.packed.priors.sd, b.packed.priors.cov, M.ravel().copy(), scratch)
            truth.append(value + k * np.log(np.hypot(alpha, beta)))
        # of M the canonical factor: |∂L/∂(signed L)| = 1
        np.testing.assert_allclose(np.diff(values), np.diff(truth), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("kind", "scheme"), PLACES)
def test_a_scan_keeps_the_residual_and_the_effects_of_others(kind, scheme):
    """The residual that a scan leaves is W'Ω(y − Wθ) at the new θ; other factors' effects and β have not moved; L is a Cholesky factor."""
    b, *_ = at_random(kind, scheme, 6)
    for unit, pos, f in places(b):
        gram, _ = given(b, unit)
        out = np.empty(b.packed.effects)
        before = b.theta
        loops.residual_after(b.rng, b.layout, unit, pos, gram, b.packed.priors, b.state, b.chain.tuning, b.work, out)
        moved = b.columns[f]
        still = np.setdiff1d(np.arange(b.W.shape[1]), moved)
        np.testing.assert_array_equal(b.theta[still], before[still])
        if terms_of(b, f):
            assert np.all(b.theta[moved] != before[moved]) or len(terms_of(b, f)) < len(b.design.factors[f].terms)
        wanted = b.W.T @ (b.omega * (b.y - b.W @ b.theta))
        np.testing.assert_allclose(out[moved - b.p], wanted[moved], rtol=1e-8, atol=1e-8 * np.abs(wanted).max())
        for t in range(len(b.layout.term)):
            q, l0 = b.layout.term[t].width, b.layout.term[t].l0
            L = b.state.L[l0 : l0 + q * q].reshape(q, q)
            assert np.all(np.diag(L) > 0.0) and np.all(np.triu(L, 1) == 0.0)
        for k, g in enumerate(b.plan.core):  # the moves go on from the core's copy
            at = b.layout.factor[g].core0
            b.state.core[at : at + b.columns[g].size] = b.theta[b.columns[g]]
            assert k >= 0


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(
    ("kind", "scheme"), [("slope_only", "joint"), ("two_terms", "joint"), ("crossed", "joint"), ("crossed", "collapsed")]
)
def test_noise_that_is_held_stays_where_it_was(kind, scheme, backwards):
    """Of a term of one column: ξ_j = (e_j − mean)/sd, mean and variance of e_j given its sd from the rows, is the same before and after,
    or of the other sign at every level; the sd is another."""
    b, _, sigma, _ = at_random(kind, scheme, 11)

    def noise(columns: np.ndarray, s: float) -> np.ndarray:
        W, theta = b.W[:, columns], b.theta
        left = b.y - b.W @ theta + W @ theta[columns]
        G, R = np.sum(b.omega[:, None] * W**2, axis=0), W.T @ (b.omega * left)
        variance = 1.0 / (1.0 + s * s * G / sigma**2)
        return (theta[columns] / s - variance * s * R / sigma**2) / np.sqrt(variance)

    found = 0
    for unit, pos, f in places(b):
        gram, _ = given(b, unit)
        for t in terms_of(b, f):
            term = b.layout.term[t]
            if term.width > 1:
                continue
            columns = b.columns[f].reshape(len(b.design.factors[f].levels), -1)[:, term.column]
            s = b.state.L[term.l0]
            before = noise(columns, s)
            loops.rows_held(b.rng, backwards, b.layout, t, unit, pos, gram, b.packed.priors, b.state, b.chain.tuning, b.work)
            if pos < 0:  # the moves go on from the core's copy
                b.state.core[b.layout.factor[f].core0 : b.layout.factor[f].core0 + b.columns[f].size] = b.theta[b.columns[f]]
            after = noise(columns, b.state.L[term.l0])
            assert b.state.L[term.l0] != s and b.state.L[term.l0] > 0.0
            np.testing.assert_allclose(after * np.sign(after[0] * before[0]), before, rtol=1e-8, atol=1e-8)
            found += 1
    assert found


@pytest.mark.parametrize("covariance", ["lkj", "inverse_wishart", "huang_wand"])
def test_wishart_proposals_have_the_law_of_the_slices(covariance):
    """Given the effects of 30 levels, proposals from an inverse Wishart and slices of L have one law: means of L and of its squares."""
    b, *_ = at_random("three_columns", "joint", 7, rows=90, levels=30, covariance_prior=covariance)
    priors, reference = b.packed.priors, b.chain.tuning.reference
    slices, wishart = np.empty((20_000, b.state.L.size)), np.empty((60_000, b.state.L.size))
    loops.run_sufficient(b.rng, b.layout, 0, priors, b.state.u, b.state.L, reference, b.work, slices)
    accepted = loops.run_wishart(b.rng, b.layout, 0, priors, b.state.u, b.state.L, b.work, wishart)
    share = accepted / len(wishart)
    assert share == 1.0 if covariance == "inverse_wishart" else 0.3 < share < 1.0
    lower = np.tril_indices(3)
    rows = [x.reshape(-1, 3, 3)[:, lower[0], lower[1]] for x in (slices, wishart)]
    rows = [np.hstack([x, x**2]) for x in rows]
    truth, error = rows[0].mean(axis=0), np.array([c.mean(axis=0) for c in np.array_split(rows[0], 100)]).std(axis=0, ddof=1) / 10.0
    mine = np.array([c.mean(axis=0) for c in np.array_split(rows[1], 100)]).std(axis=0, ddof=1) / 10.0
    z = (rows[1].mean(axis=0) - truth) / np.hypot(error, mine)
    assert np.max(np.abs(z)) < 4.8, z  # 18 dependent statistics of three priors: 1e-4

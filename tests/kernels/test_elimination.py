"""The joint draw of all location effects against dense linear algebra, for every layout of the core and the units."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gibbs.kernels.side_by_side import LANES

from gibbs.kernels import elimination, location, side_by_side
from gibbs.kernels import layout as kl
from gibbs.kernels import roots as products
from tests import oracles
from tests.table import table
from tests.thin import some

from . import loops
from .bench import CASES, KINDS, RTOL, Bench, lower, make_design, random_covariances


@pytest.mark.parametrize("coefficient_prior", ["normal", "student_t", "flat"])
@pytest.mark.parametrize("intercept_prior", ["b[Intercept]", "intercept"])
def test_coefficient_precision(coefficient_prior, intercept_prior):
    design = make_design("none", predictors=3, coefficient_prior=coefficient_prior, intercept_prior=intercept_prior)
    b = Bench(design)
    b.state.row_scale[:] = np.linspace(0.5, 2.0, b.state.row_scale.size)
    quadratic = b.prior_precision()
    Q, rhs, expected = b.prior([], b.state.row_scale)
    np.testing.assert_allclose(b.work.B, np.column_stack([Q, rhs]), rtol=RTOL, atol=1e-14)
    assert quadratic == pytest.approx(expected, rel=RTOL)


@table("kind", KINDS)
def test_factor_roots(kind):
    b = Bench(make_design(kind))
    rng = np.random.default_rng(2)
    covariances = random_covariances(b.design, rng)
    b.set(covariances)
    roots = b.work.roots
    roots[:] = np.nan
    elimination.factor_roots(b.layout, b.state.L, b.work)
    for f, blocks in enumerate(covariances):
        full = oracles.factor_covariance(blocks)
        q, at = len(full), b.packed.layout.factor[f].root0
        np.testing.assert_allclose(roots[at : at + q * q].reshape(q, q), np.linalg.cholesky(full), rtol=RTOL, atol=1e-12)


@table(("levels", "width"), [(1, 3), (64, 3), (65, 4), (130, 3), (131, 5)])
def test_levels_side_by_side(levels, width):
    """Λ, V_C, v, the core and the log determinant of a wide factor, more and fewer levels than stand side by side, by numpy."""
    rng = np.random.default_rng(levels)
    factor, pc, variance = kl.table(1, kl.FACTOR), 4, 0.7
    factor[0].levels, factor[0].width = levels, width
    for name in ("u0", "g0", "c0", "root0"):
        factor[0][name] = 0
    Z, W = rng.standard_normal((levels, 2 * width, width)), rng.standard_normal((levels, 2 * width, pc))
    y = rng.standard_normal((levels, 2 * width))
    G, C, h = np.einsum("jia,jib->jab", Z, Z), np.einsum("jia,jic->jca", Z, W), np.einsum("jia,ji->ja", Z, y)
    core = np.tril(rng.standard_normal((pc, pc + 1)))
    b = Bench(make_design("one_factor"))
    L = np.tril(rng.uniform(0.3, 1.0, (width, width)))
    work = b.work._replace(
        V=np.full(G.size + C.size, np.nan), vh=np.full(h.size, np.nan), core=np.c_[core[:, :pc], np.zeros(pc)], roots=L.ravel(),
        H=np.full((2 * width * (width + 1), LANES), np.nan), R=np.zeros((pc, pc + 1)),
    )  # fmt: skip
    factor[0].c0 = G.size
    layout = b.packed.layout._replace(factor=factor)
    gram = b.gram._replace(node=np.concatenate([G.ravel(), C.ravel()]), h=h.ravel())
    log_det, reduction = side_by_side.eliminate_side_by_side(layout, gram, 0, variance, work)
    A = L.T @ G @ L + variance * np.eye(width)
    root = np.linalg.cholesky(A)
    v = np.linalg.solve(root, (h @ L)[..., None])[..., 0]
    V = np.linalg.solve(root, np.einsum("ba,jcb->jac", L, C))
    assert log_det == pytest.approx(np.linalg.slogdet(A)[1].sum(), rel=1e-12)
    assert reduction == pytest.approx((v**2).sum(), rel=1e-12)
    np.testing.assert_allclose(work.vh.reshape(levels, width), v, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(work.V[G.size :].reshape(pc, levels, width), np.moveaxis(V, 2, 0), rtol=1e-9, atol=1e-12)
    expected = np.c_[np.tril(core[:, :pc] - np.einsum("jac,jad->cd", V, V)), -np.einsum("jac,ja->c", V, v)]
    got = np.c_[np.tril(work.core[:, :pc]), work.core[:, pc]]
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


def test_products_with_a_root():
    """Lx, L'x, L⁻¹x and L'GL within longer arrays, nothing else touched."""
    rng = np.random.default_rng(3)
    for q in (1, 2, 5):
        L, x, G = np.tril(rng.uniform(0.5, 1.5, (q, q))), rng.standard_normal(q), rng.standard_normal((q, q))
        G = G @ G.T
        roots = np.concatenate([np.full(3, np.nan), (L + np.triu(np.full((q, q), np.nan), 1)).ravel()])
        for kernel, expected in ((products.multiply_root, L @ x), (products.divide_root, np.linalg.solve(L, x))):
            got = np.concatenate([[7.0], x, [7.0]])
            kernel(roots, 3, q, got, 1)
            np.testing.assert_allclose(got, [7.0, *expected, 7.0], rtol=1e-12)
        apart = np.full((q, 3), 7.0)
        apart[:, 1] = x
        got = apart.ravel()
        products.multiply_root_transposed(roots, 3, q, got, 1, 3)
        apart[:, 1] = L.T @ x
        np.testing.assert_allclose(got, apart.ravel(), rtol=1e-12)
        wide = np.full((q, q + 2), 7.0)
        wide[:, 1 : q + 1] = G
        got = wide.ravel()
        products.between_roots(roots, 3, q, got, 1, q + 2)
        wide[:, 1 : q + 1] = L.T @ G @ L
        np.testing.assert_allclose(got, wide.ravel(), rtol=1e-12)


def eliminated(kind: str, scheme: str, seed: int, **options):
    """A bench per unit with that unit eliminated at random Σ, σ and other effects; with its dense (Q, b) in the scale of u.

    The log determinant of the kernels is that in the scale of e, log|T'QT|: Σ J log|Σ| is taken off it.
    """
    design = make_design(kind, **options)
    b = Bench(design, scheme)
    rng = np.random.default_rng([seed, len(kind)])
    if design.family != "gaussian":
        b.load(rng.uniform(0.2, 3.0, b.y.size), rng.standard_normal(b.y.size))
    for unit in b.units or [None]:
        covariances, sigma = random_covariances(design, rng), float(np.exp(rng.uniform(-1, 1)))
        theta = rng.standard_normal(b.W.shape[1])
        b.set(covariances, sigma, theta)
        Q, rhs = b.conditional(covariances, sigma, unit, theta)
        _, b0, _ = b.prior(covariances)
        plain = rhs - sigma**2 * b0[b.joint(unit)]
        core, u = plain[: b.core.size].copy(), np.zeros(b.packed.effects)
        if unit is not None:
            u[b.unit(unit) - b.p] = plain[b.core.size :]
        log_det, quadratic = b.eliminate(sigma, unit, core, u)
        for f in (*b.plan.core, *(b.plan.units[unit] if unit is not None else ())):
            log_det -= len(design.factors[f].levels) * np.linalg.slogdet(oracles.factor_covariance(covariances[f]))[1]
        yield b, unit, sigma, Q, rhs, (log_det, quadratic)


@table("options", [{}, {"known_se": True}, {"family": "logit"}], ids=["gaussian", "known_se", "logit"])
@table(("kind", "scheme"), CASES)
def test_log_determinant_quadratic_form_and_mean(kind, scheme, options):
    for b, unit, _, Q, rhs, (log_det, quadratic) in eliminated(kind, scheme, 3, **options):
        mean = np.linalg.solve(Q, rhs)
        assert log_det == pytest.approx(np.linalg.slogdet(Q)[1], rel=RTOL)
        assert quadratic == pytest.approx(rhs @ mean, rel=RTOL)
        np.testing.assert_allclose(b.draw(0.0, unit), mean, rtol=RTOL, atol=1e-9 * np.max(np.abs(mean)))
        # the effects of core factors stand in u as well as in the core
        np.testing.assert_array_equal(b.theta[b.core], b.state.core)


@table(("kind", "scheme"), CASES)
def test_one_draw_is_the_mean_plus_a_square_root_of_the_covariance(kind, scheme):
    """With unit normals ε in place of the generator's, θ = mean + σ T ε with T T' = Q⁻¹: exact, so the law of the draws is exact."""
    for b, unit, sigma, Q, rhs, _ in eliminated(kind, scheme, 4):
        size = b.joint(unit).size
        if size > 60:  # one draw for each normal is enough on the smaller ones
            continue
        root = noise_matrix(b, unit, sigma, size)
        mean = np.linalg.solve(Q, rhs)
        np.testing.assert_allclose(root[:, 0], mean, rtol=RTOL, atol=1e-9 * np.max(np.abs(mean)))
        T = (root[:, 1:] - root[:, :1]) / sigma
        np.testing.assert_allclose(T @ T.T, np.linalg.inv(Q), rtol=1e-8, atol=1e-9 * np.max(np.diag(np.linalg.inv(Q))))


class Normals:
    """A generator whose normals are given: the one at place ``one`` is 1, the others are 0."""

    def __init__(self, one: int) -> None:
        self.one, self.count = one, 0

    def standard_normal(self) -> float:
        self.count += 1
        return 1.0 if self.count - 1 == self.one else 0.0


def noise_matrix(b: Bench, unit: int | None, sigma: float, size: int) -> np.ndarray:
    """(size, 1 + size): the draw with all normals 0, then with each of them 1 (through the interpreter)."""
    p, w, s = b.packed, b.work, b.state
    out = np.empty((size, size + 1))
    for k in range(size + 1):
        rng = Normals(k - 1)
        location.draw_core.py_func(rng, p.layout, w, sigma, s.core)
        if unit is not None:
            location.draw_unit.py_func(rng, p.layout, unit, w, sigma, s.core, s.u)
        location.copy_core_factors(p.layout, s.core, s.u)
        assert rng.count == size
        out[:, k] = b.theta[b.joint(unit)]
    return out


@pytest.mark.parametrize("kind", some(["slopes", "nested_mixed", "crossed_slopes", "nested_slopes_crossed"], 2))
def test_covariance_of_draws(kind):
    """Whitened by the dense root, 20,000 draws have mean 0 and covariance I. About 1,000 entries a design at |z| < 6.3: p < 1e-6."""
    n = 20_000
    for b, unit, sigma, Q, rhs, _ in eliminated(kind, "auto", 5):
        mean, R = np.linalg.solve(Q, rhs), np.linalg.cholesky(Q)
        p, w, s = b.packed, b.work, b.state
        cores, effects = np.empty((n, b.core.size)), np.empty((n, p.effects))
        loops.run_location(b.rng, p.layout, unit, w, sigma, s.core, s.u, cores, effects)
        z = np.hstack([cores, effects[:, b.unit(unit) - b.p]]) - mean
        z = z @ R / sigma  # cov z = R'Q⁻¹R = I
        assert np.max(np.abs(z.mean(axis=0))) * math.sqrt(n) < 6.3
        excess = (z.T @ z / n - np.eye(Q.shape[0])) * np.sqrt(n / (1.0 + np.eye(Q.shape[0])))
        assert np.max(np.abs(excess)) < 6.3


@pytest.mark.parametrize("kind", ["one_factor", "slope_only", "crossed", "slopes", "two_terms", "crossed_slopes"])
def test_special_paths_equal_the_general_one(kind):
    """One and two columns a level have their own loops; the general loop must leave the same arrays."""
    for scheme in schemes_with_units(kind):
        for b, unit, sigma, *_ in eliminated(kind, scheme, 6):
            p, w = b.packed, b.work
            f = p.layout.units[unit, 0]
            rhs = np.random.default_rng(8).standard_normal(p.effects)
            results = []
            for general in (False, True):
                gram = b.given(np.ones(b.core.size), rhs)
                elimination.load_core(gram, w)
                w.V[:], w.vh[:] = b.node, rhs
                if general:
                    out = elimination.eliminate_factor(p.layout, unit, 0, sigma**2, w)
                else:
                    out = elimination.eliminate_unit(p.layout, gram, unit, sigma**2, w)
                J, q = p.layout.factor[f].levels, p.layout.factor[f].width
                g = w.V[p.layout.factor[f].g0 :][: J * q * q].reshape(J, q, q)
                entries = p.layout.index[p.layout.factor[f].pointer0 + J] * q
                c = w.V[p.layout.factor[f].c0 :][:entries]
                if not general and elimination.by_column(p.layout, unit, b.core.size):
                    c = c.reshape(b.core.size, J, q).swapaxes(0, 1)
                c = c.ravel()
                v = w.vh[p.layout.factor[f].u0 :][: J * q]
                results.append([np.array(out), np.tril(g), c.copy(), v.copy(), np.tril(w.core)])
            for special, slow in zip(*results, strict=True):
                np.testing.assert_allclose(special, slow, rtol=1e-10, atol=1e-12)


def schemes_with_units(kind: str) -> list[str]:
    return [scheme for k, scheme in CASES if k == kind]


@pytest.mark.parametrize("size", [1e-130, 1e130])
def test_log_determinant_of_extreme_pivots(size):
    """The product of many pivots under- or overflows long before their logarithms do."""
    for kind in ("one_factor", "slopes"):
        design = make_design(kind, rows=40, levels=12)
        b = Bench(design)
        covariances = [[c * size for c in blocks] for blocks in random_covariances(design, np.random.default_rng(9))]
        sigma = math.sqrt(size)
        b.set(covariances, sigma)
        if size > 1.0:  # no rows: the pivot is σ² alone
            b.load(np.full(b.y.size, 1e-290), b.y)
        log_det, _ = elimination_of_unit(b, sigma)
        A, L = b.W[:, b.unit(0)], np.linalg.cholesky(oracles.factor_covariance(covariances[0]))
        G, expected, q = A.T @ (b.omega[:, None] * A), 0.0, len(design.factors[0].columns)
        for j in range(12):
            block = L.T @ G[j * q : (j + 1) * q, j * q : (j + 1) * q] @ L + sigma**2 * np.eye(q)
            scale = np.max(block)
            expected += np.linalg.slogdet(block / scale)[1] + q * math.log(scale)
        assert log_det == pytest.approx(expected, rel=RTOL)


def elimination_of_unit(b: Bench, sigma: float) -> tuple[float, float]:
    p, w = b.packed, b.work
    b.prior_precision()
    elimination.factor_roots(p.layout, b.state.L, w)
    elimination.load_core(b.gram, w)
    return elimination.eliminate_unit(p.layout, b.gram, 0, sigma**2, w)


def test_a_core_that_is_not_positive_definite_gives_nan():
    b = Bench(make_design("slopes"))
    b.set(random_covariances(b.design, np.random.default_rng(10)))
    b.eliminate(1.0, 0, b.m, b.h)
    b.work.core[0, 0] = -1e6
    log_det, quadratic = elimination.factor_core(b.layout, 1.0, b.work)
    assert math.isnan(log_det) and math.isnan(quadratic)


VARIATIONS = [{}, {"known_se": True}, {"intercept_prior": "intercept"}, {"offset": True}]


@table(("kind", "options"), [(k, o) for k in KINDS for o in VARIATIONS if k != "core_large" or not o], ids=str)
def test_log_marginal_differences(kind, options):
    """log p(ỹ | Σ, σ) against the covariance form, from the design as written: the packing is under test as well."""
    design = make_design(kind, **options)
    b = Bench(design, "joint")
    rng = np.random.default_rng(11)
    ours, theirs = [], []
    for _ in range(3):
        covariances = random_covariances(design, rng)
        sigma = 1.0 if design.known_se is not None else float(np.exp(rng.uniform(-1, 1)))
        b.set(covariances, sigma)
        ours.append(b.log_marginal(sigma)[0])
        theirs.append(oracles.gaussian_marginal(design, covariances, sigma).log_marginal)
    np.testing.assert_allclose(np.diff(ours), np.diff(theirs), rtol=RTOL, atol=1e-9 * np.max(np.abs(theirs)))


@table("kind", KINDS)
def test_conditional_law_in_the_coefficients_as_written(kind):
    """Centring, the reference fit and the way back: mean of (β, u) equals that of the oracle, which knows nothing of them."""
    design = make_design(kind, offset=True, coefficient_prior="flat" if kind == "slopes" else "normal")
    b = Bench(design, "joint")
    rng = np.random.default_rng(12)
    covariances, sigma = random_covariances(design, rng), 0.8
    b.set(covariances, sigma)
    b.log_marginal(sigma)
    b.draw(0.0, 0 if len(b.units) else None)
    law = oracles.gaussian_marginal(design, covariances, sigma)
    theta = np.concatenate([b.packed.coefficients(b.theta[: b.p]), b.state.u])
    np.testing.assert_allclose(theta, law.mean, rtol=1e-8, atol=1e-9 * np.max(np.abs(law.mean)))


def test_lower_is_the_packed_order():
    """The bench's own L: rows of each term's Cholesky factor, one after the other."""
    A = np.array([[4.0, 2.0], [2.0, 5.0]])
    np.testing.assert_allclose(lower([[A, np.array([[9.0]])]]), [2.0, 0.0, 1.0, 2.0, 3.0])

"""Cross-products and linear predictors against W'ΩW, W'Ωỹ and Wθ by numpy, for every layout."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gibbs.kernels import gaussian, statistics
from tests import oracles
from tests.table import table

from .bench import CASES, RTOL, Bench, make_design


def loaded(kind: str, scheme: str, family: str = "logit") -> Bench:
    """A bench with random precisions and working responses."""
    b = Bench(make_design(kind, family=family), scheme)
    rng = np.random.default_rng(21)
    b.node[:], b.m[:], b.h[:], b.gram.core[:] = 7.0, 7.0, 7.0, 7.0  # whatever was there must be gone
    b.load(rng.uniform(0.1, 3.0, b.y.size), rng.standard_normal(b.y.size))
    return b


@table(("kind", "scheme"), CASES)
def test_accumulate(kind, scheme):
    """Every block of ``node`` and of the core; core columns that a level does not list have no product with it."""
    b = loaded(kind, scheme)
    p, gram = b.packed, b.W.T @ (b.omega[:, None] * b.W)
    scale = np.max(np.abs(gram))
    close = lambda got, want: np.testing.assert_allclose(got, want, rtol=RTOL, atol=1e-12 * scale)  # noqa: E731
    lower = np.tril_indices(b.core.size)
    close(b.gram.core[lower], gram[np.ix_(b.core, b.core)][lower])
    seen = np.zeros(b.node.size, dtype=int)
    for unit in p.layout.units:
        chain = unit[unit >= 0]
        for pos, f in enumerate(chain):
            J, q, qa = p.layout.factor[f][["levels", "width", "ancestors"]].tolist()
            mine = b.columns[f].reshape(J, q)
            ancestors = [ancestor_columns(b, chain[pos:], j) for j in range(J)]
            for j in range(J):
                at = p.layout.factor[f].g0 + j * q * q
                close(b.node[at : at + q * q].reshape(q, q), gram[np.ix_(mine[j], mine[j])])
                seen[at : at + q * q] += 1
                at = p.layout.factor[f].b0 + j * q * qa
                close(b.node[at : at + q * qa].reshape(q, qa), gram[np.ix_(mine[j], ancestors[j])])
                seen[at : at + q * qa] += 1
                first, last = p.layout.index[p.layout.factor[f].pointer0 + j : p.layout.factor[f].pointer0 + j + 2]
                listed = p.layout.index[p.layout.factor[f].list0 + first : p.layout.factor[f].list0 + last]
                assert np.all(np.diff(listed) > 0)
                at = p.layout.factor[f].c0 + first * q
                close(b.node[at : at + listed.size * q].reshape(-1, q).T, gram[np.ix_(mine[j], b.core[listed])])
                seen[at : at + listed.size * q] += 1
                close(gram[np.ix_(mine[j], np.delete(b.core, listed))], 0.0)
    assert np.all(seen == 1)  # the blocks fill the array, once


def ancestor_columns(b: Bench, chain: np.ndarray, j: int) -> np.ndarray:
    """Columns of θ of the levels that level j of ``chain[0]`` is in, parent first, found from the rows."""
    levels = b.packed.rows.level
    row = np.flatnonzero(levels[:, chain[0]] == j)[0]
    found = [np.zeros(0, dtype=int)]
    for g in chain[1:]:
        q = b.packed.layout.factor[g].width
        found.append(b.columns[g][levels[row, g] * q : (levels[row, g] + 1) * q])
    return np.concatenate(found)


@table(("kind", "scheme"), CASES)
def test_accumulate_rhs(kind, scheme):
    b = loaded(kind, scheme)
    p, value = b.packed, np.random.default_rng(22).standard_normal(b.y.size)
    expected = b.W.T @ value
    m, h = np.full(b.core.size, 7.0), np.full(p.effects, 7.0)
    args = (p.rows, value, p.layout)
    statistics.accumulate_rhs(*args, True, 0, m, h)
    np.testing.assert_allclose(m, expected[b.core], rtol=RTOL, atol=1e-12)
    eliminated = np.concatenate([np.zeros(0, dtype=int), *(b.unit(t) for t in b.units)])
    np.testing.assert_allclose(h[eliminated - b.p], expected[eliminated], rtol=RTOL, atol=1e-12)
    for unit in b.units:
        m[:], h[:] = 7.0, 7.0
        statistics.accumulate_rhs(*args, False, unit, m, h)
        mine = b.unit(unit)
        np.testing.assert_allclose(m, expected[b.core], rtol=RTOL, atol=1e-12)
        np.testing.assert_allclose(h[mine - b.p], expected[mine], rtol=RTOL, atol=1e-12)
        assert np.all(np.delete(h, mine - b.p) == 7.0)


@table(("kind", "scheme"), CASES)
def test_linear_predictor_and_subtract_other_units(kind, scheme):
    b = loaded(kind, scheme)
    p, rng = b.packed, np.random.default_rng(23)
    theta, offset, eta = rng.standard_normal(b.W.shape[1]), rng.standard_normal(b.y.size), np.empty(b.y.size)
    statistics.linear_predictor(p.rows._replace(offset=offset), p.layout, theta[b.core], theta[b.p :], eta)
    np.testing.assert_allclose(eta, offset + b.W @ theta, rtol=RTOL, atol=1e-12)
    columns, again = np.ascontiguousarray(p.rows.X.T), np.empty_like(eta)
    statistics.predictor_of_columns(columns, p.rows.Z, p.rows.level, offset, p.layout, theta[b.core], theta[b.p :], again)
    np.testing.assert_allclose(again, eta, rtol=RTOL, atol=1e-12)
    some = slice(b.y.size // 3, b.y.size - 1)
    own = np.empty_like(eta[some])
    statistics.predictor_of_some(
        some.start, columns, p.rows.Z[some], p.rows.level[some], offset[some], p.layout, theta[b.core], theta[b.p :], own
    )
    np.testing.assert_allclose(own, again[some], rtol=RTOL, atol=1e-12)
    again[:] = offset
    for f in range(p.layout.factor.shape[0]):
        statistics.add_effects(0, p.rows.Z, p.rows.level, p.layout, f, theta[b.p :], again)
    np.testing.assert_allclose(again, eta - p.rows.X @ theta[: b.p], rtol=RTOL, atol=1e-12)
    working = rng.standard_normal(b.y.size)
    for unit in b.units:
        other = np.setdiff1d(np.arange(b.W.shape[1]), b.joint(unit))
        statistics.subtract_other_units(p.rows, p.layout, theta[b.p :], unit, b.omega, working, eta)
        np.testing.assert_allclose(eta, working - b.omega * (b.W[:, other] @ theta[other]), rtol=RTOL, atol=1e-12)


@table("known_se", [False, True])
@table(("kind", "scheme"), CASES)
def test_rhs_between_units_from_cross_products(kind, scheme, known_se):
    """W'Ω(ỹ − other units' effects) without a pass over the rows: the packed cross-products are under test as well."""
    design = make_design(kind, known_se=known_se)
    b = Bench(design, scheme)
    p, theta = b.packed, np.random.default_rng(24).standard_normal(b.W.shape[1])
    for unit in b.units:
        rhs_core, rhs = b.work.rhs_core, b.work.rhs
        rhs_core[:] = rhs[:] = 7.0
        gaussian.rhs_between_units(p.layout, p.gram, theta[b.p :], unit, b.work)
        given = gaussian.given_the_others(p.gram, b.work)
        assert given.m is rhs_core and given.h is rhs and given.node is p.gram.node
        other = np.setdiff1d(np.arange(b.W.shape[1]), b.joint(unit))
        expected = b.W.T @ (b.omega * (b.y - b.W[:, other] @ theta[other]))
        np.testing.assert_allclose(rhs_core, expected[b.core], rtol=RTOL, atol=1e-11)
        np.testing.assert_allclose(rhs[b.unit(unit) - b.p], expected[b.unit(unit)], rtol=RTOL, atol=1e-11)


@pytest.mark.parametrize("kind", ["none", "slopes", "nested_mixed", "nested_slopes_crossed", "crossed_slopes"])
@pytest.mark.parametrize("known_se", [False, True])
def test_packed_rows_are_the_design(kind, known_se):
    """Rows are reordered and predictors centred, no more: W'ΩW and ỹ'ΩW from the packed rows are those of the design's rows."""
    design = make_design(kind, known_se=known_se, offset=True)
    b = Bench(design)
    X = np.column_stack([np.ones(design.y.size), design.X[:, 1:] - design.X[:, 1:].mean(axis=0)])
    weight = np.ones(design.y.size) if design.known_se is None else design.known_se**-2
    y = design.y - design.offset
    fit = np.linalg.solve(X.T @ (weight[:, None] * X), X.T @ (weight * y))
    W, rest = np.hstack([X, oracles.dense_design(design)]), y - X @ fit
    np.testing.assert_allclose(b.W.T @ (b.omega[:, None] * b.W), W.T @ (weight[:, None] * W), rtol=RTOL, atol=1e-9)
    np.testing.assert_allclose(b.W.T @ (b.omega * b.y), W.T @ (weight * rest), rtol=RTOL, atol=1e-9)
    assert b.packed.yy == pytest.approx(np.sum(weight * rest**2), rel=RTOL)
    np.testing.assert_allclose(b.packed.coefficients(np.zeros(b.p)), np.linalg.lstsq(design.X * weight[:, None] ** 0.5, y * weight**0.5)[0])


@pytest.mark.parametrize("family", ["probit", "logit"])
def test_cells_are_the_rows_that_repeat(family):
    """300 rows of few kinds become cells: the same cross-products, ones and rows, counted by hand."""
    rng = np.random.default_rng(25)
    design = oracles.random_design(rng, "crossed", family=family, rows=300, levels=4)
    x = rng.integers(0, 2, 300).astype(float)
    design = replace(design, X=np.ascontiguousarray(np.column_stack([np.ones(300), x])))
    b = Bench(design)
    assert b.y.size < 0.2 * 300
    assert b.packed.rows.trials.sum() == 300 and b.packed.n == 300.0
    W = np.hstack([np.column_stack([np.ones(300), x - x.mean()]), oracles.dense_design(design)])
    np.testing.assert_allclose(b.W.T @ (b.omega[:, None] * b.W), W.T @ W, rtol=RTOL, atol=1e-9)
    np.testing.assert_allclose(b.W.T @ b.packed.rows.y, W.T @ design.y, rtol=RTOL, atol=1e-9)

"""Aliased and nearly collinear columns against algebra."""

from __future__ import annotations

import numpy as np
import pytest

from gibbs.model import collinear

RNG = np.random.default_rng(11)


def test_the_triangular_factor_of_blocks_is_that_of_the_whole() -> None:
    X = RNG.normal(size=(150_000, 4)) + 5.0
    R = collinear.triangular(X, np.ones(4))
    np.testing.assert_allclose(R.T @ R, X.T @ X, rtol=1e-10)


def test_what_others_explain_is_found_with_its_combination() -> None:
    a, b, c = RNG.normal(size=(3, 50))
    X = np.column_stack([np.ones(50), a, 2 * a - b + 3, b, c, a + c, np.full(50, 7.0)])
    names = ("Intercept", "a", "m", "b", "c", "s", "seven")
    found = collinear.aliased(X, 0)
    assert [names[x.column] for x in found] == ["b", "s", "seven"]  # the earlier columns stay, as in R
    assert [x.describe(names) for x in found] == ["'b' is 3 + 2·a - m", "'s' is a + c", "'seven' is 7"]
    assert np.linalg.matrix_rank(X) == X.shape[1] - len(found)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_units_do_not_matter(scale: float) -> None:
    a, b = RNG.normal(size=(2, 40))
    X = np.column_stack([np.ones(40), a * scale, b / scale, a * scale * 3 - 2])
    assert [x.column for x in collinear.aliased(X)] == [3]
    assert collinear.aliased(X[:, :3]) == []


def test_a_column_far_from_zero_is_no_constant() -> None:
    a = RNG.normal(size=60)
    X = np.column_stack([np.ones(60), 1.7e9 + a, np.full(60, 2012.0), a * 0.5 - 1e6])
    found = collinear.aliased(X, 0)
    assert [(x.column, x.others) for x in found] == [(2, (0,)), (3, (0, 1))]
    assert found[1].weights[1] == pytest.approx(0.5, rel=1e-6)


def test_without_an_intercept_dummies_are_free_and_with_one_they_are_not() -> None:
    dummies = np.eye(3)[RNG.integers(0, 3, size=30)]
    assert collinear.aliased(dummies) == []
    with_ones = np.column_stack([np.ones(30), dummies])
    (alias,) = collinear.aliased(with_ones, 0)
    assert alias.describe(("Intercept", "fa", "fb", "fc")) == "'fc' is 1 - fa - fb"


def test_near_is_not_exact() -> None:
    a, b = RNG.normal(size=(2, 40))
    assert collinear.aliased(np.column_stack([a, a + 1e-5 * b])) == []
    assert [x.column for x in collinear.aliased(np.column_stack([a, a + 1e-10 * b]))] == [1]


def test_more_columns_than_rows_and_zero_columns() -> None:
    X = RNG.normal(size=(3, 5))
    assert [x.column for x in collinear.aliased(X)] == [3, 4]
    assert collinear.aliased(np.zeros((4, 1)))[0].describe(("z",)) == "'z' is zero"


def test_inflation_is_one_over_one_minus_r_squared() -> None:
    a, b, c = RNG.normal(size=(3, 200))
    X = np.column_stack([np.ones(200), a + 100, 0.9 * a + b, c])
    R, columns = collinear.standardised(X, 0)
    assert columns == [1, 2, 3]
    inflation, condition = collinear.inflation(R)
    for place, j in enumerate(columns):
        others = np.delete(X, j, axis=1)
        residual = X[:, j] - others @ np.linalg.lstsq(others, X[:, j], rcond=None)[0]
        total = X[:, j] - X[:, j].mean()
        assert inflation[place] == pytest.approx((total @ total) / (residual @ residual), rel=1e-9)
    correlation = np.corrcoef(X[:, 1:].T)
    values = np.linalg.eigvalsh(correlation)
    assert condition == pytest.approx(np.sqrt(values[-1] / values[0]), rel=1e-9)

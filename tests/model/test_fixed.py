"""Columns, names and values as R's ``model.matrix`` gives them; formulaic, scipy and hand algebra are the independent answers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.errors import DataError
from gibbs.model import fixed
from gibbs.model.formula import parse
from tests.model.tables import example, table


def matrix(right: str, columns: object) -> tuple[fixed.Columns, np.ndarray]:
    read = parse(f"outcome ~ {right}")
    return fixed.learn(read.fixed_tree, read.text, table(columns).frame, "t.csv", {})


def names(right: str, columns: object) -> tuple[str, ...]:
    return matrix(right, columns)[0].names


@pytest.mark.parametrize(
    ("right", "expected"),
    [
        ("1", ["Intercept"]),
        ("x", ["Intercept", "x"]),
        ("x - 1", ["x"]),
        ("gender", ["Intercept", "genderM"]),
        ("0 + gender", ["genderF", "genderM"]),
        ("0 + gender + f", ["genderF", "genderM", "fb", "fc"]),
        ("f", ["Intercept", "fb", "fc"]),
        ("old", ["Intercept", "oldTRUE"]),
        ("f:x + x", ["Intercept", "x", "fb:x", "fc:x"]),
        ("x + x:f", ["Intercept", "x", "x:fb", "x:fc"]),
        ("x:f", ["Intercept", "x:fa", "x:fb", "x:fc"]),
        ("f * gender", ["Intercept", "fb", "fc", "genderM", "fb:genderM", "fc:genderM"]),
        ("gender:f", ["Intercept", "genderF:fa", "genderM:fa", "genderF:fb", "genderM:fb", "genderF:fc", "genderM:fc"]),
        ("x * z + n", ["Intercept", "x", "z", "n", "x:z"]),
        ("z + x + x:z", ["Intercept", "z", "x", "z:x"]),
        ("x + I(x^2)", ["Intercept", "x", "I(x^2)"]),
        ("poly(x,2)", ["Intercept", "poly(x, 2)1", "poly(x, 2)2"]),
        ("poly(x,2,raw=TRUE)", ["Intercept", "poly(x, 2, raw = TRUE)1", "poly(x, 2, raw = TRUE)2"]),
        ("poly(x,2):gender", ["Intercept", *(f"poly(x, 2){k}:gender{s}" for s in "FM" for k in (1, 2))]),
        ("log(n) + scale(x)", ["Intercept", "log(n)", "scale(x)"]),
        ("factor(n3)", ["Intercept", "factor(n3)2", "factor(n3)10"]),
        ("C(f) + as.factor(n3)", ["Intercept", "C(f)b", "C(f)c", "as.factor(n3)2", "as.factor(n3)10"]),
        ("bs(x, df = 4)", ["Intercept", *(f"bs(x, df = 4){k}" for k in (1, 2, 3, 4))]),
        ("`a b`", ["Intercept", "`a b`"]),
    ],
)
def test_names_and_order_are_those_of_r(right: str, expected: list[str]) -> None:
    frame = example()
    frame["n3"] = np.resize([1, 2, 10], len(frame))
    frame["a b"] = frame["x"]
    assert list(names(right, frame)) == expected


def test_values_of_dummies_and_products() -> None:
    frame = pd.DataFrame({"f": ["b", "a", "c"], "h": ["v", "u", "v"], "x": [2.0, 3.0, 5.0]})
    columns, X = matrix("f * h + x:f", frame)
    assert columns.names == ("Intercept", "fb", "fc", "hv", "fb:hv", "fc:hv", "fa:x", "fb:x", "fc:x")
    expected = [[1, 1, 0, 1, 1, 0, 0, 2, 0], [1, 0, 0, 0, 0, 0, 3, 0, 0], [1, 0, 1, 1, 0, 1, 0, 0, 5]]
    np.testing.assert_array_equal(X, expected)
    assert X.flags.c_contiguous and X.dtype == np.float64


@pytest.mark.parametrize(
    "right", ["x + f + gender", "x * f", "f * gender", "x + n:f + f", "0 + f", "f / x", "(x + z + f)^2", "x:z + I(n/2) + x"]
)
def test_the_columns_span_what_formulaic_spans(right: str) -> None:
    """Another implementation (formulaic), whose coding differs from R's in places: same space, same columns where named alike."""
    from formulaic import model_matrix

    frame = example()
    columns, X = matrix(right, frame)
    other = model_matrix(right.replace("I(n/2)", "{n/2}"), frame)
    theirs = np.asarray(other, dtype=float)
    assert np.linalg.matrix_rank(X) == np.linalg.matrix_rank(theirs) == np.linalg.matrix_rank(np.hstack((X, theirs)))
    plain = {name.replace("[T.", "[").replace("[", "").replace("]", ""): theirs[:, j] for j, name in enumerate(other.columns)}
    shared = [name for name in columns.names if name in plain]
    assert shared
    for name in shared:
        np.testing.assert_allclose(X[:, columns.names.index(name)], plain[name], rtol=1e-12)


def test_poly_is_r_s_poly() -> None:
    """R: poly(1:10, 2) prints these."""
    _, X = matrix("poly(x, 2)", {"x": np.arange(1.0, 11.0)})
    first = [-0.49543369, -0.38533732, -0.27524094, -0.16514456, -0.05504819, 0.05504819, 0.16514456, 0.27524094, 0.38533732, 0.49543369]
    second = [0.52223297, 0.17407766, -0.08703883, -0.26111648, -0.34815531, -0.34815531, -0.26111648, -0.08703883, 0.17407766, 0.52223297]
    np.testing.assert_allclose(X[:, 1], first, atol=5e-9)
    np.testing.assert_allclose(X[:, 2], second, atol=5e-9)


def test_poly_is_orthonormal_and_spans_the_powers() -> None:
    x = np.random.default_rng(5).gamma(2.0, size=60) + 40.0
    _, X = matrix("poly(x, 4)", {"x": x})
    np.testing.assert_allclose(X[:, 1:].T @ X[:, 1:], np.eye(4), atol=1e-8)
    np.testing.assert_allclose(X[:, 1:].sum(axis=0), 0.0, atol=1e-9)
    _, raw = matrix("poly(x, 4, raw = TRUE)", {"x": x})
    np.testing.assert_allclose(raw[:, 1:], np.column_stack([x, x**2, x**3, x**4]), rtol=1e-14)


def test_bs_is_the_b_spline_basis_with_knots_at_quantiles() -> None:
    """R: knots of bs(women$height, df = 5) are the 33.33 % and 66.67 % quantiles; the basis is de Boor's, here by scipy."""
    from scipy.interpolate import BSpline

    height = np.arange(58.0, 73.0)
    _, X = matrix("bs(height, df = 5)", {"height": height})
    knots = np.r_[[58.0] * 4, np.quantile(height, [1 / 3, 2 / 3]), [72.0] * 4]
    expected = BSpline.design_matrix(height, knots, 3).toarray()[:, 1:]
    np.testing.assert_allclose(X[:, 1:], expected, atol=1e-12)
    _, X = matrix("bs(height, knots = c(60, 65), degree = 2, intercept = TRUE)", {"height": height})
    expected = BSpline.design_matrix(height, np.r_[[58.0] * 3, 60.0, 65.0, [72.0] * 3], 2).toarray()
    np.testing.assert_allclose(X[:, 1:], expected, atol=1e-12)


def test_scale_and_center_and_elementary_functions() -> None:
    x = np.array([1.0, 2.0, 4.0, 9.0])
    _, X = matrix(
        "scale(x) + center(x) + scale(x, center = FALSE) + log(x) + log(x, 2) + sqrt(x) + I((x + 1)^2/2 - x) + exp(-x) + abs(x - 3)",
        {"x": x},
    )
    expected = [
        (x - 4.0) / np.sqrt(38.0 / 3.0),
        x - 4.0,
        x / np.sqrt((x**2).sum() / 3.0),
        np.log(x),
        np.log2(x),
        np.sqrt(x),
        (x + 1) ** 2 / 2 - x,
        np.exp(-x),
        np.abs(x - 3),
    ]
    np.testing.assert_allclose(X[:, 1:], np.column_stack(expected), rtol=1e-13)


def test_as_numeric_reads_the_numbers_that_labels_spell() -> None:
    frame = {"t": ["1", "2.5", "-3"], "c": pd.Categorical(["30", "10", "30"]), "b": [True, False, True]}
    _, X = matrix("as.numeric(t) + as.numeric(c) + as.numeric(b)", frame)
    np.testing.assert_array_equal(X[:, 1:], [[1, 30, 1], [2.5, 10, 0], [-3, 30, 1]])


def test_a_few_numbers_and_a_word_are_a_category() -> None:
    """Contraception (mlmRev): living children 0, 1, 2, 3+."""
    assert names("livch", {"livch": ["0", "3+", "1", "2", "3+"]}) == ("Intercept", "livch1", "livch2", "livch3+")


def test_powers_and_signs_bind_as_in_r() -> None:
    """R: -2^2 is -4; 2^3^2 is 512; 2^-1 is 0.5; 8/4/2 is 1; 5 - 2 - 1 is 2."""
    _, X = matrix("I(-x^2) + I(x^3^x) + I(x^-1) + I(8/4/x) + I(5 - x - 1) + I(-x * 3)", {"x": [2.0, 2.0]})
    np.testing.assert_allclose(X[0, 1:], [-4.0, 512.0, 0.5, 1.0, 2.0, -6.0])


def test_new_rows_are_coded_with_what_was_learnt() -> None:
    frame = example(80)
    right = "scale(x) + poly(x, 3) + center(z) + bs(z, df = 5) + f * old + I(x^2) + scale(log(n))"
    columns, X = matrix(right, frame)
    some = table(frame).frame.iloc[[4, 17, 60]]
    np.testing.assert_allclose(columns.encode(some), X[[4, 17, 60]], rtol=1e-10, atol=1e-12)
    moved = frame.assign(x=frame["x"] * 10 + 3)
    again = columns.encode(table(moved).frame)
    at = columns.names.index("scale(x)")
    np.testing.assert_allclose(again[:, at], (moved["x"] - frame["x"].mean()) / frame["x"].std(), rtol=1e-10)
    np.testing.assert_array_equal(columns.encode(table(frame).frame), X)  # and using an encoding does not change it


def test_a_category_not_seen_in_the_fit_is_refused_with_its_rows() -> None:
    frame = example(40)
    columns, _ = matrix("f", frame)
    new = table({"f": ["a", "d", "b"]}).frame
    with pytest.raises(DataError, match=r"column 'f'.*'d' in row 2.*a, b, c"):
        columns.encode(new)


def test_numbers_and_text_name_the_same_category() -> None:
    columns, _ = matrix("factor(n)", {"n": [1, 2, 3, 2]})
    np.testing.assert_array_equal(columns.encode(table({"n": ["3", "1"]}).frame), [[1, 0, 1], [1, 0, 0]])


@pytest.mark.parametrize(
    ("right", "columns", "says"),
    [
        ("nope", {"x": [1.0, 2.0], "nopes": [1.0, 2.0]}, "no column 'nope'. Did you mean 'nopes'"),
        ("f", {"f": ["a", "a", "a"]}, "one value, 'a'"),
        ("d", {"d": pd.to_datetime(["2012-01-01", "2012-01-02"])}, "dates"),
        ("log(x)", {"x": [1.0, 0.0, -1.0, 2.0]}, "log(x) is infinite in rows 2 and 3"),
        ("sqrt(x)", {"x": [1.0, -1.0]}, "sqrt(x) is missing or not a number in row 2"),
        ("x", {"x": [1.0, np.inf]}, "x is infinite in row 2"),
        ("scale(x)", {"x": [1.0, 1.0]}, "one value only"),
        ("poly(x, 3)", {"x": [1.0, 2.0, 1.0, 2.0]}, "more than 3 different values"),
        ("bs(x, knots = c(5))", {"x": [1.0, 2.0, 4.0]}, "inside the data's range"),
        ("x", {"x": ["1", "2", "unknown", *map(str, range(3, 15))]}, "'unknown' in row 3"),
        ("as.numeric(x)", {"x": ["1", "2.5", "3+"]}, "'3+' in row 3"),
        ("id", {"id": [f"person {i}" for i in range(1500)]}, "(1 | id)"),
        ("log(f)", {"f": ["a", "b"]}, "'f'"),
    ],
)
def test_columns_that_cannot_be_predictors(right: str, columns: dict, says: str) -> None:
    with pytest.raises(DataError) as error:
        matrix(right, columns)
    assert says in str(error.value)
    assert "t.csv" in str(error.value)


def test_two_columns_of_one_name_are_refused_for_results_and_priors_go_by_name() -> None:
    frame = pd.DataFrame({"y": [1.0, 2, 4, 3, 5, 7], "c": list("012012"), "c2": [1.0, 5, 2, 6, 3, 4], "g": list("aabbab")})
    for formula in ("y ~ c + c2", "y ~ c2 + (1 + c + c2 | g)"):
        with pytest.raises(DataError, match="two columns of the model are called 'c2', one of c and one of c2"):
            gibbs.check(formula, frame)
    with pytest.raises(DataError, match="'Intercept' is the name of the intercept, which a formula has as 1"):
        gibbs.check("y ~ 0 + Intercept + c2", frame.assign(Intercept=1.0))
    with pytest.raises(DataError, match="two grouping factors are called 'g:c'"):
        gibbs.check("y ~ c2 + (1 | g:c) + (1 | `g:c`)", frame.assign(**{"g:c": list("uvuvuv")}))

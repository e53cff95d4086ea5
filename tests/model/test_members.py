"""Curves and rows of several groups, from words to the matrix B: what is read, written and refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gibbs.errors import DataError, FormulaError, GibbsError
from gibbs.model import formula, members
from gibbs.model import spec as specs
from gibbs.model.structured_terms import from_words
from gibbs.pipeline import prepare


def rows(n: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    data = {"y": rng.standard_normal(n), "x": rng.choice(np.arange(8.0), n), "z": rng.standard_normal(n)}
    data |= {"a": rng.choice(list("pqr"), n), "b": rng.choice(list("qrs"), n), "w1": rng.choice([0.0, 1.0, 3.0], n)}
    return pd.DataFrame(data | {"w2": 4.0 - data["w1"]})


def design_of(text: str, data: pd.DataFrame, **words):
    return prepare(specs.build(text, seed=1, **words), data).design


@pytest.mark.parametrize("text, weights, scaled", [
    ("y ~ 1 + mm(a, b)", None, True), ("y ~ 1 + mm(a, b, weights = c(w1, w2))", ("w1", "w2"), True),
    ("y ~ 1 + mm(a, b, weights = c(w1, w2), scale = FALSE)", ("w1", "w2"), False),
])  # fmt: skip
def test_a_row_sees_the_weighted_sum_of_its_groups(text: str, weights, scaled: bool):
    data = rows()
    factor = design_of(text, data).factors[0]
    assert factor.name == "a+b" and factor.levels[:4] == tuple("pqrs") and factor.coordinates == 4
    W = data[list(weights)].to_numpy() if weights else np.ones((len(data), 2))
    W = W / W.sum(axis=1, keepdims=True) if scaled else W
    wanted = np.zeros((len(data), 4))
    for i, (a, b) in enumerate(zip(data["a"], data["b"], strict=True)):
        wanted[i, "pqrs".index(a)] += W[i, 0]
        wanted[i, "pqrs".index(b)] += W[i, 1]
    np.testing.assert_allclose(factor.structure.basis[factor.codes], wanted, atol=1e-12)
    np.testing.assert_array_equal(factor.structure.basis[:4], np.eye(4))


def test_labels_of_mixtures_are_read_back():
    names = ["p", "q r", "s"]
    text = members.label(names, np.array([1, 2]), np.array([0.25, 0.75]))
    assert text == "0.25 q r + 0.75 s" == members.label(names, np.array([2, 1]), np.array([0.75, 0.25]))
    assert members.label(names, np.array([1, 1]), np.array([0.5, 0.5])) == "q r"
    assert members.label(names, np.array([0, 2]), np.array([0.0, 1.0])) == "s"
    np.testing.assert_allclose(members.weights_of([text, "p", "2 s"], names), [[0, 0.25, 0.75], [1, 0, 0], [0, 0, 2]])
    with pytest.raises(KeyError, match="u"):
        members.parts("0.5 p + 0.5 u", names)


@pytest.mark.parametrize("text, written", [
    ("y ~ s(x)", "y ~ 1 + x + (1 | s(x))"), ("y ~ z + x + s(x, k = 6) + s(z)", "y ~ z + x + (1 | s(x, k = 6)) + (1 | s(z))"),
    ("y ~ 0 + s(x)", "y ~ 0 + x + (1 | s(x))"), ("y ~ mm(a, b)", "y ~ 1 + (1 | mm(a, b))"),
    ("y ~ z + (1 + z || mm(a, `b c`, weights = c(w1, w2), scale = F))",
     "y ~ z + (1 + z || mm(a, `b c`, weights = c(w1, w2), scale = FALSE))"),
    ("y ~ s(x) + (1 | a) + mm(a, b, scale = TRUE)", "y ~ 1 + x + (1 | s(x)) + (1 | a) + (1 | mm(a, b))"),
])  # fmt: skip
def test_terms_are_read_and_written(text: str, written: str):
    found = formula.parse(text)
    assert str(found).replace("y ~ x +", "y ~ 1 + x +") == written.replace("y ~ x +", "y ~ 1 + x +")
    assert formula.parse(str(found)) == found


@pytest.mark.parametrize("text, words", [
    ("y ~ (1 + z | s(x))", "a curve that differs by a predictor"), ("y ~ s(x, k = 3)", "a whole number from 4 on"),
    ("y ~ s(x, k = z)", "k is the number of knots"), ("y ~ s(x, bs = 4)", "s\\(\\) takes k by name"), ("y ~ s()", "begins with"),
    ("y ~ z * s(x)", "is a term of its own"), ("y ~ mm(a)", "two columns or more"), ("y ~ mm(a, a)", "names a column twice"),
    ("y ~ mm(a, b, weights = c(w1))", "2 columns, one for each"), ("y ~ mm(a, b, weights = w1)", "2 columns"),
    ("y ~ mm(a, b, scal = FALSE)", "Did you mean 'scale'"), ("y ~ mm(a, b, scale = 2)", "scale is TRUE"),
    ("y ~ z - s(x)", "not taken away"),
])  # fmt: skip
def test_words_that_say_nothing_are_refused_in_place(text: str, words: str):
    with pytest.raises(FormulaError, match=words):
        formula.parse(text)


def with_a(data: pd.DataFrame, **values) -> pd.DataFrame:
    return data.assign(**{name: [value, *data[name][1:]] for name, value in values.items()})


@pytest.mark.parametrize("text, data, words", [
    ("y ~ s(x, k = 12)", rows(), "k = 12 knots need as many different values; there are 8"),
    ("y ~ s(w1)", rows(), "needs 4 different values or more; there are 3"), ("y ~ s(a)", rows(), "is a curve over numbers.*'p' is none"),
    ("y ~ mm(a, b, weights = c(w1, a))", rows(), "this column holds text"),
    ("y ~ mm(a, b, weights = c(w1, w2))", with_a(rows(), w1=-1.0), "from 0 on; found -1 \\(row 1\\)"),
    ("y ~ mm(a, b, weights = c(w1, w2))", with_a(rows(), w1=0.0, w2=0.0), "are 0 \\(row 1\\)"),
    ("y ~ mm(a, b)", with_a(rows(), a="u + v"), "rename it"), ("y ~ mm(a, b) + (1 + z | mm(a, b, weights = c(w1, w2)))", rows(), "one law"),
    ("y ~ mm(a, nobody)", rows(), "nobody"),
])  # fmt: skip
def test_data_that_do_not_fit_are_refused(text: str, data: pd.DataFrame, words: str):
    with pytest.raises(GibbsError, match=words):
        design_of(text, data)


def test_a_curve_over_too_many_values_asks_for_rounding():
    x = np.linspace(0.0, 1.0, 20_001)
    with pytest.raises(DataError, match="round\\(x, 2\\)"):
        design_of("y ~ s(x)", pd.DataFrame({"y": np.sin(x), "x": x}))


def test_the_three_ways_to_write_it_are_one():
    data = rows()
    plain = specs.build("y ~ x + s(x, k = 6) + mm(a, b, weights = c(w1, w2))", seed=1)
    several = {"structure": "mm", "members": ["b"], "weights": ["w1", "w2"]}
    keys = specs.build("y ~ (1 | x) + (1 | a)", seed=1, effects={"x": {"structure": "s", "k": 6}, "a": several})
    two = {"x": {"intercept": [], "structure": "s", "k": 6}, "a": {"intercept": []} | several}
    levels = specs.build({"outcome": "y", "level1": ["x"], "levels": two}, seed=1)
    made = [prepare(spec, data).design for spec in (plain, keys, levels)]
    for one in made[1:]:
        assert one.coefficients == made[0].coefficients == ("Intercept", "x")
        for f, g in zip(one.factors, made[0].factors, strict=True):
            assert (f.name, f.levels, f.structure.digest) == (g.name, g.levels, g.structure.digest)
    again = specs.build({"outcome": "y", "level1": ["k", "scale"], "levels": {"a": {"intercept": [], "k": [], "scale": ["z"]}}}, seed=1)
    assert str(again.parsed) == "y ~ k + scale + scale:z + (1 + k + scale | a)"  # predictors that are called as keys are


@pytest.mark.parametrize("words, said", [
    ({"structure": "s", "k": 3}, "from 4 on"), ({"structure": "mm"}, "members: \\[school2\\]"), ({"k": 6}, "does not say which"),
    ({"structure": "mm", "members": ["b"], "weights": ["w"]}, "each of the 2"), ({"structure": "s", "members": ["b"]}, "it takes k"),
])  # fmt: skip
def test_keys_that_do_not_go_together_are_refused(words: dict, said: str):
    with pytest.raises(ValueError, match=said):
        from_words(words)

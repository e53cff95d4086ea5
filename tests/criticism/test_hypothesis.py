"""Hypotheses: arithmetic and probabilities against NumPy on the same draws, and words that are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, ndtr

from gibbs.criticism import expressions
from gibbs.criticism.expressions import Both, Compare, HypothesisError, parse
from gibbs.criticism.hypothesis import statement, value
from gibbs.draws import diagnostics
from gibbs.errors import SpecError
from gibbs.posterior.fit import Fit
from tests.posterior.fabricated import design, draws, factor, fit, slopes, term

NAMES = frozenset({"b_x", "b_z", "b_x:z", "b_I(x^2)", "b_a.b", "sigma", "sd_g__Intercept", "r_g[San José,Intercept]", "b_Intercept[1]"})


def _fit(*coefficients: str) -> Fit:
    model = replace(slopes(), X=np.ones((12, len(coefficients))), coefficients=coefficients)
    return fit(model, draws(model))


def test_a_direction() -> None:
    made = fit()
    x = made.arrays.beta[:, :, 1]
    row = made.hypothesis("b_x < 1.05").loc["b_x < 1.05"]
    assert row["estimate"] == pytest.approx(x.mean() - 1.05) and row["sd"] == pytest.approx(x.std(ddof=1))
    assert row[["lower", "upper"]].tolist() == pytest.approx((np.quantile(x, [0.025, 0.975]) - 1.05).tolist())
    p = np.mean(x < 1.05)
    assert 0.5 < p < 0.9 and row["probability"] == p and row["evidence_ratio"] == pytest.approx(p / (1 - p))
    assert row["mcse"] == pytest.approx(float(diagnostics.mcse_mean((x < 1.05).astype(float))))
    assert row["mcse"] == pytest.approx(np.sqrt(p * (1 - p) / x.size), rel=0.3)


def test_contrasts_expressions_and_several_at_once() -> None:
    made = fit()
    beta, hyper, u = made.arrays.beta, made.arrays.hyper, made.arrays.u
    a, b = beta[:, :, 0], beta[:, :, 1]
    sd, sigma = hyper[:, :, 0], hyper[:, :, -1]
    expected = {
        "b_Intercept - b_x": a - b,
        "x": b,
        "-b_x^2 + 2 * (b_Intercept - 1) / 4": -(b**2) + 2 * (a - 1) / 4,
        "sd_province__Intercept^2 / (sd_province__Intercept**2 + sigma^2)": sd**2 / (sd**2 + sigma**2),
        "r_province[21801,Intercept] - r_province[40107,Intercept]": u[:, :, 0] - u[:, :, 4],
        "cor_province__Intercept__x": hyper[:, :, 2],
        "exp(b_x) + log(sigma) - sqrt(abs(b_x)) * inv_logit(b_x) / Phi(-b_x)": np.exp(b)
        + np.log(sigma)
        - np.sqrt(np.abs(b)) * expit(b) / ndtr(-b),
        "2^3^2 * b_x / 512": b,
        "1e-3*b_x": 1e-3 * b,
    }
    found = made.hypothesis(list(expected))
    assert found.index.tolist() == list(expected)
    for text, values in expected.items():
        assert found.loc[text, "estimate"] == pytest.approx(values.mean(), rel=1e-12), text
        assert found.loc[text, "probability"] == np.mean(values > 0), text


def test_statements_joined() -> None:
    made = fit()
    a, b = made.arrays.beta[:, :, 0], made.arrays.beta[:, :, 1]
    found = made.hypothesis(
        ["0.95 < b_x < 1.1", "b_x > 1 & b_Intercept > 1", "b_x > 1 | b_Intercept > 1 & b_x < 0.9", "b_x >= b_Intercept"]
    )
    truth = [(b > 0.95) & (b < 1.1), (b > 1) & (a > 1), (b > 1) | ((a > 1) & (b < 0.9)), b >= a]
    assert found["probability"].tolist() == [np.mean(t) for t in truth]
    assert found["estimate"].isna().tolist() == [True, True, True, False]


def test_what_always_holds() -> None:
    row = fit().hypothesis("sigma > 0").iloc[0]
    assert row["probability"] == 1.0 and row["evidence_ratio"] == np.inf and np.isnan(row["mcse"])


def test_odd_names() -> None:
    made = _fit("Intercept", "x", "z", "x:z", "I(x^2)", "a-b", "poly(x, 2)1")
    beta = made.arrays.beta
    mean = {name: beta[:, :, i].mean() for i, name in enumerate(made.outline.coefficients)}
    for text, expected in {
        "b_x:z": mean["x:z"],
        "b_x - b_z": mean["x"] - mean["z"],
        "b_x-b_x:z": mean["x"] - mean["x:z"],
        "b_I(x^2)": mean["I(x^2)"],
        "b_poly(x, 2)1*2": 2 * mean["poly(x, 2)1"],
        "`b_a-b`": mean["a-b"],
        "`a-b` - `x:z`": mean["a-b"] - mean["x:z"],
    }.items():
        assert made.hypothesis(text)["estimate"].iloc[0] == pytest.approx(expected, rel=1e-10), text


def test_levels_with_spaces_and_a_parameter_the_model_fixes() -> None:
    from gibbs.model.records import Prior

    model = design(factor("city", ("San José", "a, b"), np.ones((12, 1)), term("Intercept", sd=Prior("fixed", (0.5,)))))
    made = fit(model)
    u = made.arrays.u
    found = made.hypothesis(["r_city[San José,Intercept] - r_city[a, b,Intercept]"])
    assert found["estimate"].iloc[0] == pytest.approx((u[:, :, 0] - u[:, :, 1]).mean())


@pytest.mark.parametrize(
    ("text", "words", "caret"),
    [
        ("b_indigenus < 0", "no parameter 'b_indigenus'", 0),
        ("b_x + b_y", "no parameter 'b_y'", 6),
        ("b_x + sigme", "Did you mean 'sigma'", 6),
        ("b_x <", "ends where a parameter", 5),
        ("(b_x < 0", "does not stand in parentheses", 5),
        ("(b_x + 1", "never closed", 0),
        ("b_x) < 0", "never opened", 3),
        ("b_x = 0", "has probability 0", 4),
        ("b_x == 0", "has probability 0", 4),
        ("b_x b_z", "operator is missing before 'b_z'", 4),
        ("b_x < 0 > b_z", "goes one way", 8),
        ("sigma > 0 > 1", "This '>' names no parameter: it compares two numbers", 10),
        ("1 < 0 < b_x", "compares two numbers", 2),
        ("2 * 3 >= exp(1) > b_x", "compares two numbers", 6),
        ("b_x > 0 & 0 < 1", "0 < b_x < 1", 12),
        ("1 > 0", "names no parameter", 2),
        ("b_x & b_z", "joins comparisons", 0),
        ("b_x > 0 & b_z", "joins comparisons", 8),
        ("`b_x < 0", "backtick is never closed", 0),
        ("b_x < 2y", "runs into a name", 7),
        ("b_x ; b_z", "is not part of a hypothesis", 4),
        ("b_x < * 2", "'*' stands where", 6),
        ("__import__(1)", "no parameter", 0),
        ("b_x.__class__", "no parameter", 0),
        ("sin(b_x)", "no parameter 'sin(b_x)'", 0),
    ],
)
def test_words_that_are_none_have_a_caret(text: str, words: str, caret: int) -> None:
    with pytest.raises(HypothesisError) as error:
        parse(text, NAMES)
    message, shown, mark = error.value.message.rsplit("\n", 2)
    assert words in message and shown == f"    {text}" and mark.index("^") == 4 + caret


def test_further_errors() -> None:
    made = fit()
    for text, words in {
        "": "it is empty",
        "1 < 2": "names no parameter",
        "(" * 40 + "b_x" + ")" * 40: "nested more than",
        "b_x" + " " * 3000: "at most 2000",
        "1/(b_x - b_x)": "no finite number in 2,000 of 2,000 draws",
        "log(b_x - 1) < log(b_x - 1) & b_x > 0": "is no number in",
    }.items():
        with pytest.raises(SpecError, match=words):
            made.hypothesis(text)
    with pytest.raises(SpecError, match="level between 0 and 1"):
        made.hypothesis("b_x > 0", level=95)
    assert made.hypothesis("b_x > 0", level=0.5)["upper"].iloc[0] < made.hypothesis("b_x > 0")["upper"].iloc[0]


@given(st.text(alphabet="b_xz :^*+-/()<>&|`[],.019esdg\n", max_size=40))
def test_any_text_gives_a_tree_or_a_refusal(text: str) -> None:
    """A refusal shows the text with a caret below it; a tree names known parameters alone, and has a number or a truth at every draw."""
    try:
        tree = parse(text, NAMES)
    except HypothesisError as refused:
        _, *shown = refused.message.split("\n    ")
        assert not text.strip() or (len(shown) == 2 and shown[1].strip() == "^" and len(shown[1]) <= len(shown[0]) + 1)
        return
    assert expressions.parameters(tree) <= NAMES
    at = {name: np.array([0.3, -1.2]) for name in NAMES}
    with np.errstate(all="ignore"):
        if not isinstance(tree, Compare | Both):
            assert np.broadcast_to(value(tree, at), 2).dtype == np.float64
            return
        try:
            assert np.broadcast_to(statement(tree, at), 2).dtype == np.bool_
        except SpecError as refused:
            assert "is no number in" in refused.message  # 0/0 on one side


_LEAVES = st.sampled_from(["b_x", "b_z", "2.5", "0.5"])
_TREES = st.recursive(
    _LEAVES, lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"), max_leaves=8
)


@given(_TREES)
def test_arithmetic_is_that_of_python(text: str) -> None:
    """The same words given to Python's own arithmetic, here where the words are ours."""
    at = {"b_x": np.array([0.3, -1.2]), "b_z": np.array([2.0, 0.7])}
    tree = parse(text, NAMES)
    expected = eval(text, {"__builtins__": {}}, dict(at))
    np.testing.assert_allclose(np.broadcast_to(value(tree, at), 2), np.broadcast_to(expected, 2), rtol=1e-12)
    assert expressions.parameters(tree) == {name for name in at if name in text}


def test_draws_too_large_to_average_are_one_message() -> None:
    """Found by ``python -m tests.fuzz``: each draw is a number, and their sum or the sum of their squares is none."""
    for text in ("b_x * 1e308 > 0", "b_x * 1e200 > 0"):
        with pytest.raises(SpecError, match="draws too large to be averaged"):
            fit().hypothesis(text)

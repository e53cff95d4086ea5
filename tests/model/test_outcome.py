"""The outcome for its family: what is taken, and what each refusal says."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from gibbs.errors import DataError
from tests.model.tables import build

X = [0.5, -1.0, 2.0, 0.0, 1.0, 3.0]


def y(values: object, family: str, outcome: str = "y") -> np.ndarray:
    return build(f"{outcome} ~ x", {"y": values, "x": X}, family).y


@pytest.mark.parametrize("family", ["logit", "probit"])
@pytest.mark.parametrize(
    "values",
    [
        [0, 1, 1, 0, 1, 0],
        [0.0, 1.0, 1.0, 0.0, 1.0, 0.0],
        [False, True, True, False, True, False],
        pd.array([0, 1, 1, 0, 1, 0], dtype="Int64"),
    ],
)
def test_zeros_and_ones(values: object, family: str) -> None:
    np.testing.assert_array_equal(y(values, family), [0, 1, 1, 0, 1, 0])


def test_two_words_are_ordered_as_in_r() -> None:
    made = build("y ~ x", {"y": ["no", "yes", "yes", "no", "yes", "no"], "x": X}, "logit")
    np.testing.assert_array_equal(made.y, [0, 1, 1, 0, 1, 0])
    assert made.outcome_labels == ("no", "yes")
    category = pd.Categorical(["no", "yes", "yes", "no", "yes", "no"], categories=["yes", "maybe", "no"])
    made = build("y ~ x", {"y": category, "x": X}, "probit")
    np.testing.assert_array_equal(made.y, [1, 0, 0, 1, 0, 1])
    assert made.outcome_labels == ("yes", "no")


def test_two_numbers_by_their_factor_or_by_arithmetic() -> None:
    np.testing.assert_array_equal(y([1, 2, 2, 1, 2, 1], "logit", "factor(y)"), [0, 1, 1, 0, 1, 0])
    np.testing.assert_array_equal(y([1, 2, 2, 1, 2, 1], "logit", "I(y - 1)"), [0, 1, 1, 0, 1, 0])


def test_numbers_and_their_transforms() -> None:
    values = np.array([1.0, 2.0, 4.0, 3.0, 5.0, 9.0])
    np.testing.assert_allclose(y(values, "gaussian", "log(y)"), np.log(values))
    np.testing.assert_allclose(y(values, "student", "scale(y)"), (values - values.mean()) / values.std(ddof=1))
    np.testing.assert_array_equal(y(["1", "2.5", "-3", "4", "5", "6"], "gaussian"), [1, 2.5, -3, 4, 5, 6])
    np.testing.assert_array_equal(y([0, 1, 1, 0, 1, 0], "gaussian"), [0, 1, 1, 0, 1, 0])  # the deck's M.1 to M.5


@pytest.mark.parametrize(
    ("values", "family", "outcome", "says"),
    [
        ([0, 1, 2, 1, 0, 2], "logit", "y", ["0 (2 rows), 1 (2 rows), 2 (2 rows)", "rows 3 and 6", "0 and 1"]),
        ([1, 2, 2, 1, 2, 1], "logit", "y", ["1 (3 rows), 2 (3 rows)", "I(y - 1)"]),
        ([0, 1, 0, 1, 0.5, 1], "probit", "y", ["row 5"]),
        (["no", "yes", "maybe", "no", "yes", "no"], "logit", "y", ["found 3", "'maybe' (1 rows)"]),
        ([1, 1, 1, 1, 1, 1], "logit", "y", ["1 in all 6 rows"]),
        (["no"] * 6, "logit", "y", ["found 1"]),
        ([3.5] * 6, "gaussian", "y", ["3.5 in all 6 rows"]),
        ([1.0, np.inf, 2.0, 3.0, 4.0, -np.inf], "gaussian", "y", ["infinite", "rows 2 and 6"]),
        ([1.0, 0.0, 2.0, 3.0, 4.0, 5.0], "gaussian", "log(y)", ["log(y) is infinite", "row 2"]),
        (["1", "2", "bad", "4", "5", "6"], "gaussian", "y", ["'bad'", "row 3"]),
        (["no", "yes", "yes", "no", "yes", "no"], "gaussian", "y", ["logit or probit"]),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "gaussian", "factor(y)", ["write y alone"]),
        (pd.date_range("2012-01-01", periods=6), "logit", "y", ["dates"]),
    ],
)
def test_what_is_refused(values: object, family: str, outcome: str, says: list[str]) -> None:
    with pytest.raises(DataError) as error:
        y(values, family, outcome)
    for words in [*says, "t.csv"]:
        assert words in str(error.value)


def test_known_standard_errors() -> None:
    columns = {"y": [28.0, 8.0, -3.0, 7.0], "s": [15.0, 10.0, 16.0, 11.0], "g": list("ABCD")}
    made = build("y | se(s) ~ 1 + (1 | g)", columns)
    np.testing.assert_array_equal(made.known_se, columns["s"])
    assert made.sigma_prior is None
    made = build("y | se(sqrt(s)) ~ 1 + (1 | g)", columns)
    np.testing.assert_allclose(made.known_se, np.sqrt(columns["s"]))
    with pytest.raises(DataError, match="row 2"):
        build("y | se(s) ~ 1 + (1 | g)", {**columns, "s": [15.0, 0.0, 16.0, 11.0]})
    with pytest.raises(DataError, match="family gaussian"):
        build("y | se(s) ~ 1 + (1 | g)", columns, "student")


@pytest.mark.parametrize(("family", "precise"), [("gaussian", True), ("student", True), ("poisson", False), ("ordinal", False)])
def test_weights_without_a_type_are_told_which_types_the_family_has(family: str, precise: bool) -> None:
    with pytest.raises(DataError, match='type = "frequency"') as caught:
        build("y | weights(x) ~ 1", {"y": [1, 2, 3, 1, 2, 3], "x": [1, 2, 3, 4, 5, 6]}, family)
    assert ("precision" in str(caught.value)) == precise


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1, 2, 4, 5] * 6, "nobody in the rows used chose '3' of o, and the model has no such category.*categories: \\[1, 2, 3, 4, 5\\]"),
        (pd.Categorical([1, 2, 4] * 8, categories=[1, 2, 3, 4, 5], ordered=True), "chose '3', '5' of o"),
        (pd.Categorical(["low", "top"] * 12, categories=["low", "mid", "top"], ordered=True), "categories: \\[low, mid, top\\]"),
        ([1, 2, 3, 4] * 6, ""),
        ([1, 3, 5, 7] * 6, ""),  # every other number
        (pd.Categorical([1, 2, 4] * 8), ""),
        (pd.Categorical(["a", "b", "c"] * 8, ordered=True), ""),
    ],
)
def test_categories_that_nobody_chose_and_nobody_listed_are_told_of(values: object, said: str) -> None:
    made = build("o ~ x", pd.DataFrame({"o": values, "x": np.arange(24.0)}), "ordinal")
    notes = [note for note in made.notes if "nobody" in note]
    assert len(notes) == bool(said)
    assert not said or re.search(said, notes[0])

"""Labels, their order, and codes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gibbs.model import levels


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([10, 9, 21801, 9], ("9", "10", "21801")),
        ([10.0, 9.0, 2.5], ("2.5", "9", "10")),
        (["10", "9", "2"], ("2", "9", "10")),  # numbers stored as text sort as numbers
        (["b", "A", "a", "C"], ("a", "A", "b", "C")),  # as R sorts in most locales, not by code point
        (["Puno", "Áncash", "Lima", "Apurímac"], ("Áncash", "Apurímac", "Lima", "Puno")),
        ([True, False], ("FALSE", "TRUE")),
        (["10", "9", "x"], ("10", "9", "x")),
    ],
)
def test_labels_and_their_order(values: list, expected: tuple[str, ...]) -> None:
    codes, labels = levels.factorise(pd.Series(values))
    assert labels == expected
    assert codes.dtype == np.int32
    assert [labels[c] for c in codes] == [levels.label(v) for v in values]


def test_a_categorical_keeps_its_order_and_loses_what_does_not_occur() -> None:
    series = pd.Series(pd.Categorical(["low", "high", "low"], categories=["none", "low", "high"]))
    codes, labels = levels.factorise(series)
    assert labels == ("low", "high")
    assert codes.tolist() == [0, 1, 0]


def test_missing_has_code_minus_one() -> None:
    assert levels.factorise(pd.Series(["b", None, "a"]))[0].tolist() == [1, -1, 0]
    assert levels.factorise(pd.Series([2.0, np.nan, 1.0]))[0].tolist() == [1, -1, 0]


def test_whole_numbers_read_as_floats_have_the_labels_of_integers() -> None:
    assert levels.factorise(pd.Series([2101.0, 2102.0]))[1] == levels.factorise(pd.Series([2101, 2102]))[1] == ("2101", "2102")


@given(st.lists(st.text(max_size=4), min_size=1, max_size=30))
def test_every_row_has_the_level_it_says(values: list[str]) -> None:
    codes, labels = levels.factorise(pd.Series(values, dtype=object))
    assert [labels[c].lstrip("\\") for c in codes] == [levels.label(value).lstrip("\\") for value in values]
    assert len(set(labels)) == len(labels) == len(set(values))


def test_kinds_of_columns() -> None:
    assert levels.is_number(pd.Series([1, 2], dtype="Int64")) and levels.is_number(pd.Series([1, 2.5], dtype=object))
    assert not levels.is_number(pd.Series([True, False])) and levels.is_boolean(pd.Series([True, None], dtype=object))
    assert levels.is_boolean(pd.Series([True, None], dtype="boolean")) and not levels.is_number(pd.Series(["1"]))
    assert levels.is_date(pd.to_datetime(pd.Series(["2012-05-01"]))) and levels.label(pd.Timestamp("2012-05-01")) == "2012-05-01"


def test_rows_in_words() -> None:
    assert levels.rows_text([7]) == "row 7"
    assert levels.rows_text([3, 5, 9]) == "rows 3, 5 and 9"
    assert levels.rows_text(range(1, 126)) == "rows 1, 2, 3, 4, 5 and 120 more"

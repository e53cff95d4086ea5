"""Numbers for people."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gibbs.numerals import of_predictor, plain


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (106_482.3, "106,500"),
        (1.065e5, "106,500"),
        (0.000123456, "0.0001235"),
        (-3.72, "-3.72"),
        (0.0, "0"),
        (2_765, "2,765"),
        (99_999.7, "100,000"),
        (0.99996, "1"),
        (12.0, "12"),
        (1.5e-7, "1.500e-07"),
        (2.5e13, "2.500e+13"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_as_a_journal_prints_them(value: float, text: str) -> None:
    assert plain(value) == text


@given(st.floats(1e-5, 1e12, exclude_max=True), st.integers(1, 8))
def test_all_digits_asked_for_are_right(value: float, digits: int) -> None:
    text = plain(-value, digits)
    assert "e" not in text or abs(float(text)) >= 1e12
    assert math.isclose(-float(text.replace(",", "")), value, rel_tol=0.5001 * 10.0 ** (1 - digits))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1985.0, "1985"), (1984.25, "1984.25"), (1984.5, "1984.5"), (12_400.0, "12,400"), (12_400.25, "12,400"), (0.513268, "0.5133"),
        (-1.0, "-1"), (0.0, "0"), (float("nan"), "nan"), (float("inf"), "inf"), (1e15, "1.000e+15"), (18.0, "18"),
    ],
)  # fmt: skip
def test_values_of_predictors(value: float, written: str) -> None:
    assert of_predictor(value) == written

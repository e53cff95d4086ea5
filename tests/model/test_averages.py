"""Means of numbers of any size, and what `check` makes of a column of them."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.errors import GibbsError
from gibbs.model import averages

LARGEST = np.finfo(float).max
RNG = np.random.default_rng(308)
ROWS = 40
SIZES = {
    "halves of the largest": np.tile([0.4 * LARGEST, 0.6 * LARGEST], ROWS // 2),
    "both ends": np.tile([LARGEST, -LARGEST], ROWS // 2),
    "one of them": np.where(np.arange(ROWS) == 7, LARGEST, RNG.normal(size=ROWS)),
    "beyond squares": 1e200 * RNG.normal(size=ROWS),
    "the least there are": np.tile([5e-324, 0.0, 1e-323, 5e-324], ROWS // 4),
}


def test_means_are_exact_where_the_sum_is_beyond_numbers() -> None:
    x = np.array([1e308, 1.5e308])
    assert averages.mean(x) == 1.25e308
    assert averages.mean(x, np.array([3.0, 1.0])) == pytest.approx(1.125e308, rel=1e-15)
    assert averages.mean(np.full(9, LARGEST)) == pytest.approx(LARGEST, rel=1e-15)
    X = np.column_stack([np.tile(x, 50_000), np.ones(100_000), np.tile([-LARGEST, LARGEST], 50_000)])
    np.testing.assert_allclose(averages.means(X), [1.25e308, 1.0, 0.0], rtol=1e-12, atol=1e295)
    np.testing.assert_allclose(averages.means(X, np.tile([3.0, 1.0], 50_000))[:2], [1.125e308, 1.0], rtol=1e-12)
    y = RNG.normal(size=(30, 2))
    np.testing.assert_array_equal(averages.means(y), y.mean(axis=0))  # and of other numbers the mean as it always was


@pytest.mark.parametrize("size", SIZES)
def test_a_check_of_such_a_column_is_a_page_or_one_message(size: str) -> None:
    """Wherever the column stands; no warning of a library, and no number that is none."""
    table = pd.DataFrame({"big": SIZES[size], "x": RNG.normal(size=ROWS), "g": np.arange(ROWS) % 8, "y": RNG.normal(size=ROWS)})
    refused = pages = 0
    frames = {"numbers": table, "arrow": table.convert_dtypes(dtype_backend="pyarrow")}
    formulas = ("y ~ big", "y ~ x * big + (1 | g)", "y ~ x + (1 + big | g)", "y ~ scale(big)", "big ~ x + (1 | g)", "y ~ x + offset(big)")
    for text, frame, family in itertools.product(formulas, frames, ("gaussian", "student")):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", UserWarning)
            try:
                page = str(gibbs.check(text, frames[frame], family=family))
            except GibbsError as error:
                if not (size == "the least there are" and "it has no scale" in str(error)):
                    assert np.abs(SIZES[size]).max() >= 1e300 and "change their unit" in str(error), error
                refused += 1
                continue
        pages += 1
        assert " nan" not in page, (text, page)
    assert (pages == 0) == (np.abs(SIZES[size]).max() >= 1e300) and refused + pages == 24

"""A column as numbers: what spells one, and what is said of what does not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gibbs.errors import DataError
from gibbs.model.numeric import as_number


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (pd.Series([1, 2]), [1, 2]),
        (pd.Series([True, False]), [1, 0]),
        (pd.Series([True, None], dtype="boolean"), [1, np.nan]),
        (pd.Series([1, None], dtype="Int64"), [1, np.nan]),
        (pd.Series([1.5, None], dtype="Float64"), [1.5, np.nan]),
        (pd.Series([0.1], dtype="float32"), [np.float32(0.1)]),
        (pd.Series([True, None, 2.5], dtype=object), [1, np.nan, 2.5]),
        (pd.Series(["1", " 2.5 ", None, "-1e3"]), [1, 2.5, np.nan, -1000]),
        (pd.Series(["1", "2"], dtype="category"), [1, 2]),
        (pd.Series([30, 10, None], dtype="category"), [30, 10, np.nan]),
    ],
)
def test_as_number(values: pd.Series, numbers: list) -> None:
    found = as_number(values, "x", "d.csv")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, np.array(numbers, dtype=float))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (["1", "abc", "2", "x y", "3", "z"], "numbers are needed, and 3 values are none: row 2: 'abc', row 4: 'x y', row 6: 'z'."),
        (["1,5", "2,25", "3"], "They look like numbers with decimal commas; write 1.5 with a point."),
        (["1,500", "1,234,567.5", "3"], "They look like numbers with commas as thousands separators"),
        (["1", ".", "3", "."], "If they mean missing, name them in the spec: na: ['.']."),
        (["a", "b", "c", "d"], "4 values are none"),
        (pd.to_datetime(["2012-05-01", "2013-01-01"]), "the column holds dates"),
        ([pd.Timestamp("2012-05-01"), 3], "row 1: '2012-05-01 00:00:00'"),
        (pd.Categorical(["low", "mid", "high", "top"]), "labels: numbers under data: gives the numbers"),
        ([1 + 2j], "complex numbers"),
        ([str(i) + "x" for i in range(20)], "row 5: '4x' …"),
    ],
)
def test_as_number_refused(values: object, says: str) -> None:
    series = pd.Series(values)
    series.index = pd.RangeIndex(1, len(series) + 1)
    with pytest.raises(DataError) as caught:
        as_number(series, "x", "d.csv")
    assert says in str(caught.value)
    assert str(caught.value).startswith("data: d.csv, column 'x': ")

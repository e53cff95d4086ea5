"""Raking: independence, odds ratios and margins in closed form; what cannot be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gibbs.errors import DataError
from gibbs.survey import raking


def margin(source: str, **columns: list) -> raking.Margin:
    return raking.margin(pd.DataFrame(columns), "N", source)


SEX = margin("sex.csv", sex=["f", "m"], N=[60.0, 40.0])
AGE = margin("age.csv", age=["young", "old"], N=[30.0, 70.0])


def test_two_margins_alone_are_independent() -> None:
    found = raking.rake([SEX, AGE]).table.set_index(["sex", "age"])["N"]
    for sex, n in (("f", 60), ("m", 40)):
        for age, m in (("young", 30), ("old", 70)):
            assert found[sex, age] == pytest.approx(n * m / 100)


def test_the_odds_ratio_of_the_start_stays_and_the_margins_hold() -> None:
    """2×2: the cell a solves a (a + 100 − 60 − 30) / ((60 − a)(30 − a)) = ratio."""
    rows = [("f", "young"), ("f", "old"), ("m", "young"), ("m", "old")]
    start = np.array([8.0, 2.0, 3.0, 7.0])
    found = raking.rake([SEX, AGE], (("sex", "age"), rows, start)).table["N"].to_numpy()
    ratio = 8 * 7 / (2 * 3)
    assert found[0] * found[3] / (found[1] * found[2]) == pytest.approx(ratio, rel=1e-7)
    a = min(np.roots([1 - ratio, 10 + 90 * ratio, -1800 * ratio]).real)
    assert found[0] == pytest.approx(a, rel=1e-7)
    np.testing.assert_allclose([found[:2].sum(), found[::2].sum(), found.sum()], [60, 30, 100], rtol=1e-8)


def test_margins_of_several_columns_and_cells_that_are_not_there() -> None:
    both = margin("both.csv", sex=["f", "f", "m", "m"], age=["young", "old", "young", "old"], N=[10, 20, 30, 40])
    place = margin("place.csv", place=["town", "land"], N=[80, 20])
    found = raking.rake([both, place]).table
    assert len(found) == 8 and found["N"].sum() == pytest.approx(100)
    assert found.groupby(["sex", "age"])["N"].sum()["f", "old"] == pytest.approx(20)
    start = (("sex", "age"), [("f", "young"), ("f", "old"), ("m", "old")], np.ones(3))
    table = raking.rake([margin("sex.csv", sex=["f", "m"], N=[70, 30]), AGE], start).table
    np.testing.assert_allclose(table["N"], [30, 40, 30], rtol=1e-6)


def test_totals_that_differ_are_rescaled_and_said() -> None:
    found = raking.rake([SEX, margin("age.csv", age=["young", "old"], N=[3, 7])])
    assert found.table["N"].sum() == pytest.approx(100)
    assert "sum to 10" in found.notes[0]


@pytest.mark.parametrize(
    ("margins", "start", "expected"),
    [
        ([], None, "made of margins"),
        ([SEX], (("sx",), [("f",)], np.ones(1)), "no column of the cells"),
        ([SEX], (("sex",), [("f",), ("x",)], np.ones(2)), "no number for 'x'"),
        ([SEX], (("sex",), [("f",)], np.ones(1)), "no cells of 'm'"),
        ([SEX, AGE], (("sex", "age"), [("f", "young"), ("m", "old")], np.ones(2)), "no table has these margins"),
    ],
)
def test_what_cannot_be(margins: list, start: object, expected: str) -> None:
    with pytest.raises(DataError) as caught:
        raking.rake(margins, start)
    assert expected in str(caught.value)


def test_tables_that_are_no_margins() -> None:
    for columns, expected in (
        ({"sex": ["f", "f"], "N": [1, 2]}, "twice"),
        ({"sex": ["f", "m"], "N": [1, -2]}, "row 2"),
        ({"sex": ["f", None], "N": [1, 2]}, "missing in row 2"),
        ({"N": [1.0]}, "of whom"),
        ({"sex": ["f"], "n": [1]}, "Did you mean 'n'?"),
    ):
        with pytest.raises(DataError) as caught:
            raking.margin(pd.DataFrame(columns), "N", "m.csv")
        assert expected in str(caught.value), expected

"""Rows by condition: pandas' own selection of the same rows, R's rule for missing conditions, and every mistake in one message."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gibbs.errors import DataError, FormulaError, SpecError
from gibbs.model import data, design
from gibbs.model import spec as specs
from gibbs.model.records import Spec

ROWS = pd.DataFrame(
    {
        "y": [1.0, 2.5, 3.0, 2.0, 5.5, 4.0, 1.5, 0.0],
        "x": [2.0, 3.0, 1.0, np.nan, 3.0, 2.0, 7.0, 0.0],
        "year": [1999.0, 2001, 2002, 2003, 2004, np.nan, 2006, 2007],
        "country": ["FR", "FR", "FR", "DE", "FR", "DE", "DE", None],
        "g": list("aabbccdd"),
    }
)
MODEL = "y ~ x + (1 | g)"


def spec(formula: str = MODEL, **keys: object) -> Spec:
    return specs.build({"formula": formula, "data": keys, "sampling": {"seed": 1}})


def build(formula: str = MODEL, **keys: object):
    made = spec(formula, **keys)
    return design.build(made, data.read(made, ROWS))


def refused(kind: type[Exception], formula: str = MODEL, **keys: object) -> str:
    with pytest.raises(kind) as caught:
        build(formula, **keys)
    return str(caught.value)


@pytest.mark.parametrize(
    ("condition", "query"),
    [
        ("year > 2000 & country == 'FR'", "year > 2000 and country == 'FR'"),
        ("year > 2000 and not country == 'FR'", "year > 2000 and country == 'DE'"),
        ('country %in% c("FR", "IT") | year >= 2006', "country in ['FR', 'IT'] or year >= 2006"),
        ("abs(year - 2002) <= 2", "2000 <= year <= 2004"),
        ("!is.na(x)", "x == x"),
        ("`year` != 2001", "year == year and year != 2001"),
    ],
)
def test_the_rows_are_those_that_pandas_selects(condition: str, query: str) -> None:
    found = data.read(spec(subset=condition), ROWS)
    expected = ROWS.set_index(pd.RangeIndex(1, 9)).query(query)
    assert list(found.frame.index) == list(expected.index)
    pd.testing.assert_frame_equal(found.frame, expected[["y", "x", "g"]], check_dtype=False, check_index_type=False)
    assert found.outside == len(ROWS) - len(expected)


def test_a_model_of_a_subset_is_the_model_of_those_rows() -> None:
    part, alone = build(subset="year < 2003.5"), design.build(spec(), data.read(spec(), ROWS.iloc[[0, 1, 2, 3]]))
    np.testing.assert_array_equal(part.X, alone.X)
    np.testing.assert_array_equal(part.y, alone.y)
    assert part.factors[0].levels == alone.factors[0].levels == ("a", "b")
    assert [row.scale for row in part.coefficient_priors] == [row.scale for row in alone.coefficient_priors]
    assert (part.rows_read, part.outside, part.dropped) == (8, 4, {"x": 1})
    np.testing.assert_array_equal(part.rows, [1, 2, 3])


def test_a_missing_condition_leaves_the_row_out_and_is_said() -> None:
    found = data.read(spec(subset="year > 0"), ROWS)
    assert list(found.frame.index) == [1, 2, 3, 4, 5, 7, 8]
    assert found.notes == ("subset: year > 0 is missing in row 6, which are left out.",) or "row 6" in found.notes[0]
    assert "row 6" in refused(DataError, subset="year > 0", missing="error")


def test_derived_columns_may_be_in_it_and_are_computed_of_its_rows_alone() -> None:
    made = spec("y ~ lx + (1 | g)", derive={"lx": "log(x)", "late": "year > 2003"}, subset="late & x > 0")
    found = data.read(made, ROWS)  # log(0), in row 8, is not computed
    assert list(found.frame.index) == [5, 7]
    np.testing.assert_allclose(found.frame["lx"], np.log([3.0, 7.0]))
    assert "row 8" in refused(DataError, "y ~ lx + (1 | g)", derive={"lx": "log(x)"})


def test_complete_drops_rows_for_columns_that_are_not_in_the_model() -> None:
    alone, beside = build("y ~ 1 + (1 | g)", complete=["x", "year"]), build("y ~ x + year + (1 | g)")
    np.testing.assert_array_equal(alone.rows, beside.rows)
    assert alone.dropped == beside.dropped == {"x": 1, "year": 1}
    assert alone.coefficients == ("Intercept",)
    assert build("y ~ 1 + (1 | g)", complete="x").dropped == {"x": 1}


@pytest.mark.parametrize(
    ("condition", "kind", "expected"),
    [
        ("yaer > 2000", DataError, ("yaer", "did you mean 'year'?")),
        ("year > 3000", DataError, ("no row of 8", "from 1999 to 2007")),
        ("country == 'fr'", DataError, ("no row", "holds DE, FR", "occurs nowhere")),
        ("year", DataError, ("year == 1",)),
        ("country", DataError, ('country == "yes"',)),
        ("year + 1", FormulaError, ("^", "Write a comparison")),
        ("country == 'FR", FormulaError, ("never closed",)),
        ("__import__('os').system('ls')", FormulaError, ("^",)),
        ("1 / x > 1", DataError, ("neither true nor false", "row 8")),
        ("", SpecError, ("empty",)),
    ],
)
def test_what_is_no_condition(condition: str, kind: type[Exception], expected: tuple[str, ...]) -> None:
    message = refused(kind, subset=condition)
    assert all(fragment in message for fragment in expected), message


def test_the_resolved_spec_says_it() -> None:
    made = spec(subset="year > 2000 & country == 'FR'", complete=["year"])
    again = specs.to_yaml(made)
    assert "subset: year > 2000 & country == 'FR'" in again and "complete: [year]" in again.replace("\n  - ", " [").replace(
        "complete: [year", "complete: [year]"
    )

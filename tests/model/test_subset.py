"""Rows by condition: pandas' own selection of the same rows, R's rule for missing conditions, and every mistake in one message."""

from __future__ import annotations

import contextlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gibbs.errors import DataError, FormulaError, GibbsError, SpecError
from gibbs.model import data, design, yaml_lines
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


NUMBERS = {"x": ROWS["x"], "year": ROWS["year"], "y": ROWS["y"]}
COMPARE = {"<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__", "==": "__eq__", "!=": "__ne__"}
Truth = list[bool | None]


@st.composite
def atoms(draw: st.DrawFn) -> tuple[str, Truth]:
    """A comparison, and what it is in every row: None where it is missing."""
    kind = draw(st.sampled_from(["number", "turned", "sum", "word", "among", "missing"]))
    name, operator = draw(st.sampled_from(list(NUMBERS))), draw(st.sampled_from(list(COMPARE)))
    at = draw(st.sampled_from([0.0, 1.5, 2.0, 3.0, 2002.0, 2004.0]))
    known = [None if np.isnan(v) else float(v) for v in NUMBERS[name]]
    words = list(ROWS["country"])
    if kind == "number":
        return f"{name} {operator} {at:g}", [None if v is None else getattr(v, COMPARE[operator])(at) for v in known]
    if kind == "turned":
        return f"{at:g} {operator} {name}", [None if v is None else getattr(at, COMPARE[operator])(v) for v in known]
    if kind == "sum":
        both = [None if a is None or np.isnan(b) else a - 2 * float(b) for a, b in zip(known, ROWS["y"], strict=True)]
        return f"{name} - 2 * y {operator} -{at:g}", [None if v is None else getattr(v, COMPARE[operator])(-at) for v in both]
    if kind == "word":
        equal, word = draw(st.booleans()), draw(st.sampled_from(["FR", "DE"]))
        return f"country {'==' if equal else '!='} '{word}'", [None if pd.isna(v) else (v == word) == equal for v in words]
    if kind == "among":
        return "country %in% c('FR', 'DE')", [None if pd.isna(v) else True for v in words]
    return f"is.na({name})", [v is None for v in known]


def negated(a: Truth) -> Truth:
    return [None if v is None else not v for v in a]


def joined(a: Truth, b: Truth, decides: bool) -> Truth:
    """& where False decides, | where True does; missing where the known side leaves it open."""
    return [decides if decides in (v, w) else None if None in (v, w) else not decides for v, w in zip(a, b, strict=True)]


@st.composite
def conditions(draw: st.DrawFn, depth: int = 2) -> tuple[str, Truth]:
    """Alternatives of conjunctions, written without parentheses but for what is in them: ! binds before &, & before |."""
    either: tuple[str, Truth] | None = None
    for _ in range(draw(st.integers(1, 3))):
        both: tuple[str, Truth] | None = None
        for _ in range(draw(st.integers(1, 3))):
            text, truth = draw(atoms()) if depth == 0 or draw(st.booleans()) else draw(conditions(depth - 1))
            text = f"({text})" if any(word in text for word in ("&", "|", " and ", " or ")) else text
            if draw(st.booleans()):
                text, truth = draw(st.sampled_from(["!", "not "])) + text, negated(truth)
            both = (
                (text, truth)
                if both is None
                else (f"{both[0]} {draw(st.sampled_from(['&', 'and']))} {text}", joined(both[1], truth, False))
            )
        either = (
            both if either is None else (f"{either[0]} {draw(st.sampled_from(['|', 'or']))} {both[0]}", joined(either[1], both[1], True))
        )
    return either


@given(conditions())
def test_any_condition_is_rs_logic_of_three_values(one: tuple[str, Truth]) -> None:
    text, truth = one
    wanted = [k + 1 for k, v in enumerate(truth) if v]
    if not wanted:
        assert "no row of 8" in refused(DataError, subset=text)
        return
    found = data.read(spec(subset=text), ROWS)
    assert list(found.frame.index) == wanted
    unknown = [k + 1 for k, v in enumerate(truth) if v is None]
    assert any("is missing in row" in note for note in found.notes) == bool(unknown)
    assert data.read(specs.build(yaml_lines.parse(specs.to_yaml(spec(subset=text)), "")[0]), ROWS).frame.index.equals(found.frame.index)


@given(st.text(alphabet="xyear=!&|()<>'\"`%in,+-*/^1.2 ~\n\\é", max_size=30))
def test_any_text_is_a_condition_or_one_message(text: str) -> None:
    with contextlib.suppress(GibbsError), np.errstate(all="ignore"):
        assert len(data.read(spec(subset=text), ROWS).frame)


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

"""Expressions of derive: kinds, missing values and intervals as R has them, by hand; and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.errors import DataError, FormulaError
from gibbs.model import data, design, expression, spec
from tests.model.tables import example

NA = None
FRAME = pd.DataFrame(
    {
        "x": [1.0, 2.0, np.nan, 4.0, -5.0],
        "sector": ["Public", "Private", None, "Public", "NGO"],
        "flag": pd.array([True, False, None, True, False], dtype="boolean"),
        "code": ["01", "02", "10", None, "01"],
        "year": [2000, 2001, 2002, 2003, 2004],
        "grade": pd.Categorical(["lo", "hi", "mid", None, "lo"], categories=["lo", "mid", "hi"], ordered=True),
    }
)


def derived(text: str, **further: str):
    """The new column as a list with None for missing, the column itself, and the notes."""
    said = spec.build("d ~ 1", derive={"d": text, **further})
    found = data.read(said, FRAME, ["d"])
    column = found.frame["d"]
    return [None if gone else value for value, gone in zip(column.tolist(), column.isna(), strict=True)], column, found.notes


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("x > 1", [False, True, NA, True, False]),
        ("x >= 2 & x < 4", [False, True, NA, False, False]),
        ("x == 1 or not x < 0", [True, True, NA, True, False]),
        ("!(x > 1)", [True, False, NA, False, True]),
        ("!x > 1", [True, False, NA, False, True]),  # R: ! binds less than a comparison
        ("x > 0 | year == 2002", [True, True, True, True, False]),  # NA | TRUE is TRUE
        ("x > 0 & year != 2002", [True, True, False, True, False]),  # NA & FALSE is FALSE
        ("x < 0 | x > 0 & year > 2001", [False, False, NA, True, True]),  # & binds tighter than |
        ('sector == "Public"', [True, False, NA, True, False]),
        ("sector != 'Public'", [False, True, NA, False, True]),
        ('"Public" == sector', [True, False, NA, True, False]),
        ('sector %in% c("Public", "NGO")', [True, False, NA, True, True]),
        ("year %in% c(2000, 2003)", [True, False, False, True, False]),
        ('year == "2001"', [False, True, False, False, False]),
        ('code == "01"', [True, False, False, NA, True]),
        ("code == 1", [True, False, False, NA, True]),
        ("flag", [True, False, NA, True, False]),
        ("!flag", [False, True, NA, False, True]),
        ("flag == TRUE", [True, False, NA, True, False]),
        ("is.na(x)", [False, False, True, False, False]),
        ("is.na(sector) | x > 3", [False, False, True, True, False]),
        ('grade == "lo"', [True, False, False, NA, True]),
        ("(x > 1) + (x > 3)", [0.0, 1.0, NA, 2.0, 0.0]),
        ("2 * flag", [2.0, 0.0, NA, 2.0, 0.0]),
        ("x + 1 > year - 2000", [True, True, NA, True, False]),
        ("-x^2", [-1.0, -4.0, NA, -16.0, -25.0]),
        ("if(x > 1, 1, 0)", [0.0, 1.0, NA, 1.0, 0.0]),
        ("ifelse(x > 1, x, -x)", [-1.0, 2.0, NA, 4.0, 5.0]),
        ("if(is.na(x), 0, x)", [1.0, 2.0, 0.0, 4.0, -5.0]),
        ("if(x == 4, NA, x)", [1.0, 2.0, NA, NA, -5.0]),
        ("if(x > 0, log(x), 0)", [0.0, np.log(2.0), NA, np.log(4.0), 0.0]),  # the log of −5 is not taken
        ('if(sector == "Public", "state", "other")', ["state", "other", NA, "state", "other"]),
        ('if(sector == "NGO", NA, sector)', ["Public", "Private", NA, "Public", NA]),
        ('if(x < 0, "neg", if(x < 2, "one", "more"))', ["one", "more", NA, "more", "neg"]),
        ("if(x > 1, flag, x > 0)", [True, False, NA, True, False]),
        ("sector", ["Public", "Private", NA, "Public", "NGO"]),
        ("cut(x, c(0, 1, 4))", ["(0,1]", "(1,4]", NA, "(1,4]", NA]),
        ("cut(x, c(-5, 1, 4))", ["(-5,1]", "(1,4]", NA, "(1,4]", NA]),
        ("cut(x, c(-5, 1, 4), include.lowest = TRUE)", ["[-5,1]", "(1,4]", NA, "(1,4]", "[-5,1]"]),
        ("cut(x, c(-5, 1, 4), right = FALSE)", ["[1,4)", "[1,4)", NA, NA, "[-5,1)"]),
        ("cut(x, c(-5, 1, 4), right = FALSE, include.lowest = TRUE)", ["[1,4]", "[1,4]", NA, "[1,4]", "[-5,1)"]),
        ('cut(x, breaks = c(-Inf, 0, Inf), labels = c("neg", "pos"))', ["pos", "pos", NA, "pos", "neg"]),
        ('cut(x, 0, c("neg", "pos"))', ["pos", "pos", NA, "pos", "neg"]),
        ('cut(x, c(0, 2), c("a", "b", "c"))', ["b", "b", NA, "c", "a"]),
        ("cut(year - 2000, c(-1, 1.5, 10))", ["(-1,1.5]", "(-1,1.5]", "(1.5,10]", "(1.5,10]", "(1.5,10]"]),
    ],
)
def test_what_r_gives(text: str, values: list) -> None:
    found, _, _ = derived(text)
    if isinstance(next(v for v in values if v is not None), float):
        assert [v is None for v in found] == [v is None for v in values]
        np.testing.assert_allclose([v for v in found if v is not None], [v for v in values if v is not None])
    else:
        assert found == values


def test_cut_makes_ordered_categories_and_derived_columns_serve_one_another() -> None:
    _, column, notes = derived("cut(z, c(0, 2, 10))", z="x + 1")
    assert column.dtype.ordered and list(column.cat.categories) == ["(0,2]", "(2,10]"]
    assert any("1 value lies outside the intervals (from -4 to -4)" in note for note in notes)
    found, _, _ = derived("young & !public", young="year < 2002", public='sector == "Public"')
    assert found == [False, True, False, False, False]  # FALSE & NA
    assert expression._interval_names(np.array([0.1234, 0.1235, 1e6]), True, False) == ("(0.1234,0.1235]", "(0.1235,1e+06]")


def test_a_word_that_no_row_holds_is_named() -> None:
    for text in ('sector == "public"', 'sector %in% c("public", "NGO")'):
        _, _, notes = derived(text)
        assert any("'public' occurs nowhere in column 'sector'" in note and "Did you mean 'Public'?" in note for note in notes)
    assert derived('sector == "Public"')[2] == ()


@pytest.mark.parametrize(
    ("text", "says", "error"),
    [
        ('sector < "b"', "Words have no order here", FormulaError),
        ("sector < grade", "no order here", DataError),
        ("x == NA", "write is.na(x)", FormulaError),
        ("1 < x < 3", "Comparisons are not chained", FormulaError),
        ("x & flag", "x holds numbers, and a truth value is needed; write x == 1", DataError),
        ("if(x, 1, 0)", "a truth value is needed; write x == 1", DataError),
        ("if(1, 1, 0)", "A number stands where a truth value is wanted", FormulaError),
        ('if(flag, "a", 1)', "gives words on one side and numbers on the other", FormulaError),
        ('if(flag, "a", x)', "words on one side, and x holds none", DataError),
        ("if(flag, 1)", "a condition and two values", FormulaError),
        ('1 == "a"', "Text is compared with a number", FormulaError),
        ('"a" + 1', "Text stands where a number is wanted", FormulaError),
        ("sector == Public", "there is no column 'Public'", DataError),
        ("sector == 1", "In sector == 1 a word to compare with is written in quotes", DataError),
        ("sector + 1", "numbers are needed", DataError),
        ("x = 1", "written ==", FormulaError),
        ("x == ", "ends where a term is expected", FormulaError),
        ('sector == "Public', "never closed", FormulaError),
        ("cut(x)", "takes a number, its breaks", FormulaError),
        ("cut(x, 3)", "two numbers or more", FormulaError),
        ("cut(x, c(2, 1))", "each greater than the one before", FormulaError),
        ('cut(x, c(1, 2), c("a", "b"))', "1 interval between these breaks, and 2 labels", FormulaError),
        ('cut(x, c(1, 2, 3), c("a", "a"))', "the same label", FormulaError),
        ("cut(sector, c(1, 2))", "numbers are needed", DataError),
        ("cut(x, c(1, 2), righ = TRUE)", "Further: right = FALSE", FormulaError),
        ("x %in% year", "%in% is followed by values", FormulaError),
        ('x %in% c(1, "a")', "words and numbers together", FormulaError),
        ("TRUE", "write 1 and 0", FormulaError),
        ("x + TRUE", "write 1 and 0", FormulaError),
        ("NA", "makes no column", FormulaError),
        ("x < Inf", "only among the breaks of cut()", FormulaError),
        ("log(x) > 0", "log(x) > 0 has no finite value in row 5", DataError),
        ("if(1/(x - 1) > 0, 1, 0)", "no finite value in row 1", DataError),
        ("mean(x)", "There is no function 'mean' here", FormulaError),
        ("c(1, 2)", "behind %in%", FormulaError),
        ('eval("x") == 1', "There is no function 'eval'", FormulaError),
        ("x.__class__ == 1", "Attribute access", FormulaError),
        ("x == 1" + " | x == 1" * 41, "x %in% c(…)", FormulaError),
    ],
)
def test_what_is_refused(text: str, says: str, error: type[Exception]) -> None:
    with pytest.raises(error) as found:
        derived(text)
    assert says in found.value.message


def test_codes_of_digits_are_compared_as_they_are_written(tmp_path) -> None:
    (tmp_path / "d.csv").write_text("y,fips,year\n1,01,2000\n2,02,2001\n3,1,2002\n")
    made = {"al": 'fips == "01"', "some": 'fips %in% c("02", "1")', "late": 'year > 2000 & year != "2002"', "n": "fips + 1"}
    said = spec.build("y ~ al", data={"file": str(tmp_path / "d.csv")}, derive=made)
    found = data.read(said, None, ["al", "some", "late", "n"])
    assert found.notes == ()
    assert found.frame["al"].tolist() == [True, False, False]
    assert found.frame["some"].tolist() == [False, True, True]
    assert found.frame["late"].tolist() == [False, True, False]
    assert found.frame["n"].tolist() == [2.0, 3.0, 2.0]


def test_text_is_data_and_constants_may_be_columns() -> None:
    frame = FRAME.assign(
        sector=["__import__('os').system('x')", 'say "a"', "c", "d", "e"], **{"TRUE": [1, 2, 3, 4, 5], "not": [0, 1, 0, 1, 0]}
    )
    said = spec.build("d ~ 1", derive={"d": "sector == \"__import__('os').system('x')\" | sector == 'say \"a\"'", "e": "`TRUE` + `not`"})
    found = data.read(said, frame, ["d", "e"]).frame
    assert found["d"].tolist() == [True, True, False, False, False]
    assert found["e"].tolist() == [1.0, 3.0, 3.0, 5.0, 5.0]


def test_derived_columns_in_a_model_and_in_predictions() -> None:
    frame = example().assign(vote=lambda d: np.where(d["bin"] == 1, "yes", "no"))
    frame.loc[3, "x"] = np.nan
    made = {
        "voted": 'vote == "yes"', "big": "x > 2", "size": 'cut(x, c(0, 3), c("small", "middle", "large"))',
        "gen": 'if(gender == "F", "woman", "man")',
    }  # fmt: skip
    said = spec.build("voted ~ big + size + gen + (1 | g)", family="logit", derive=made)
    built = design.build(said, data.read(said, frame))
    assert built.coefficients == ("Intercept", "bigTRUE", "sizemiddle", "sizelarge", "genwoman")
    np.testing.assert_array_equal(built.y, frame["bin"].drop(index=3))
    assert built.dropped == {"big": 1, "size": 1}
    fit = gibbs.fit("y ~ big + gen + (1 | g)", frame, derive=made, seed=1, draws=50, warmup=50, chains=2, progress=False)
    new = fit.predict(pd.DataFrame({"x": [1.0, 5.0], "gender": ["F", "M"], "g": [1, 2]}), kind="linear")
    b = fit.draws.posterior
    wanted = b["b_Intercept"].to_numpy() + b["b_genwoman"].to_numpy() + fit.arrays.u[:, :, 0]
    assert new["mean"].iloc[0] == pytest.approx(wanted.mean(), abs=1e-9)

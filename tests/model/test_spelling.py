"""What columns of a file without types are: numbers in any digits, codes as they are written, dates that are refused as predictors."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.errors import DataError
from gibbs.model import data, design, levels, spec, spelling
from gibbs.model.records import Design, Table

FAULTS = Path(__file__).resolve().parents[3] / "shared" / "faults"


def table(tmp_path: Path, column: list[str], name: str = "x") -> Table:
    """A CSV file with y, x and g, read."""
    rows = "\n".join(f"{0.1 * i},{value},{'ab'[i % 2]}" for i, value in enumerate(column))
    (tmp_path / "d.csv").write_text(f"y,{name},g\n{rows}\n", encoding="utf-8")
    return data.read(spec.build("y ~ 1", data=str(tmp_path / "d.csv")), None, ["y", name, "g"])


def built(tmp_path: Path, column: list[str], formula: str = "y ~ x") -> Design:
    return design.build(spec.build(formula), table(tmp_path, column))


# ------------------------------------------------------------------------------------------------------------ codes


def test_codes_keep_their_zeros_as_groups_and_are_numbers_to_arithmetic(tmp_path: Path) -> None:
    codes = ["01", "02", "10", "01", "02", "10"]
    assert table(tmp_path, codes).frame["x"].tolist() == codes
    group = built(tmp_path, codes, "y ~ (1 | x)").factors[0]
    assert group.levels == ("01", "02", "10")
    slope = built(tmp_path, codes, "y ~ x")
    np.testing.assert_array_equal(slope.X[:, 1], [1, 2, 10, 1, 2, 10])
    assert slope.coefficients == ("Intercept", "x")
    assert any("'x' is written as codes are (01, …), and is used as a number" in note for note in slope.notes)
    assert built(tmp_path, codes, "y ~ factor(x)").coefficients == ("Intercept", "factor(x)02", "factor(x)10")


@pytest.mark.parametrize(
    "codes",
    [
        ["007", "12", "", "007"],
        ["008.45", "008.46", "112.1", "112.2"],
        ["12345678901234567890", "12345678901234567891", "1", "2"],
        ["12345678901234567", "12345678901234568", "", "1"],  # a missing value makes floats of whole numbers
        ["00", "0", "1", "00"],
    ],
)
def test_digits_that_say_more_than_their_number_stay(codes: list[str], tmp_path: Path) -> None:
    assert [value or "" for value in table(tmp_path, codes).frame["x"]] == codes


@pytest.mark.parametrize("values", [["1", "2", "30"], ["0", "0.5", "-0.25"], ["1e5", "0", ""], ["9007199254740993", "1", "2"]])
def test_other_numbers_are_numbers(values: list[str], tmp_path: Path) -> None:
    assert levels.is_number(table(tmp_path, values).frame["x"])


# ------------------------------------------------------------------------------------------- digits of other scripts


@pytest.mark.parametrize("odd", ["１２", "١٢", "１2", "+12", " 12 ", "१२"])
def test_a_number_in_other_digits_is_a_number(odd: str, tmp_path: Path) -> None:
    found = table(tmp_path, [*(str(i) for i in range(1, 30)), odd]).frame["x"]
    assert levels.is_number(found) and found.iloc[-1] == 12
    assert table(tmp_path, ["\N{MINUS SIGN}3", "2"]).frame["x"].tolist() == [-3, 2]


def test_text_of_a_dataframe_with_one_number_in_other_digits_is_told_of() -> None:
    text = [str(i) for i in range(1, 30)] + ["１２"]
    frame = pd.DataFrame({"y": np.arange(30.0), "x": text, "g": ["a", "b"] * 15})
    read = data.read(spec.build("y ~ x"), frame, ["y", "x"])
    assert len(read.notes) == 1 and "'x' is text, and '１２' in row 30 is not written in the digits 0–9" in read.notes[0]
    with pytest.raises(DataError, match="words among numbers: '１２' in row 30"):
        design.build(spec.build("y ~ x"), read)


# ------------------------------------------------------------------------------------------------------------ dates

DATES = {
    "iso": ["2019-09-22", "2019-06-03", "2020-01-31"],
    "slashes": ["2019/09/22", "2019/6/3", "2020/01/31"],
    "time": ["2019-09-22T10:30:00Z", "2019-06-03T00:00:00Z", "2020-01-31T01:00:00Z"],
    "blank": ["2019-09-22 10:30", "2019-06-03 11:00", "2020-01-31 12:00"],
    "american": ["09/22/2019", "06/03/2019", "01/31/2020"],
    "german": ["22.09.2019", "03.06.2019", "31.01.2020"],
    "stata": ["22sep2019", "03jun2019", "31jan2020"],
    "words": ["22 September 2019", "3 June 2019", "31 January 2020"],
    "comma": ['"Sep 22, 2019"', '"Jun 3, 2019"', '"Jan 31, 2020"'],
    "month": ["2019-09", "2019-06", "2020-01"],
    "month of Stata": ["2019m9", "2019m6", "2020m1"],
    "month first": ["09/2019", "6/2019", "01/2020"],
    "month in words": ["Sep 2019", "June 2019", "2020 January"],
    "quarter first": ["Q3 2019", "Q2 2019", "Q1/2020"],
    "half": ["2019-H1", "2019H2", "2020S1"],
    "quarter": ["2019Q3", "2019-Q2", "2020 q1"],
    "week": ["2019-W39", "2019-W23", "2020-W05"],
    "short": ["22.09.19", "03.06.19", "31.01.20"],
    "shortest": ["9/22/19", "6/3/19", "1/31/20"],
    "clock": ["10:30:00", "11:45:10", "23:59:59"],
}


@pytest.mark.parametrize("kind", list(DATES))
@pytest.mark.parametrize("formula", ["y ~ x", "y ~ 1 + (1 + x | g)", "y ~ g * x"])
def test_dates_of_a_csv_file_are_refused_as_predictors(kind: str, formula: str, tmp_path: Path) -> None:
    what = "times of day" if kind == "clock" else "dates"
    with pytest.raises(DataError, match=rf"column 'x': it holds {what} \(.*factor\(x\)"):
        built(tmp_path, DATES[kind] * 4, formula)


def test_words_among_dates_are_named(tmp_path: Path) -> None:
    days = [f"{day:02}.03.2019" for day in range(1, 31)]
    with pytest.raises(DataError, match="words among dates: 'unknown' in rows 31 and 32"):
        built(tmp_path, [*days, "unknown", "unknown"], "y ~ x")
    assert len(built(tmp_path, [*days, "unknown", "unknown"], "y ~ factor(x)").coefficients) == 31
    assert len(built(tmp_path, ["2019-03-01", "2019-09-01", "before", "after"] * 3, "y ~ x").coefficients) == 4


def test_text_of_which_most_rows_have_their_own_is_told_of(tmp_path: Path) -> None:
    names = [f"{letter}{other}" for letter in "abcd" for other in "uvwxyz"]
    assert any("'x' is text of 24 values in 24 rows ('au', …)" in note for note in built(tmp_path, names, "y ~ x").notes)
    assert not built(tmp_path, names, "y ~ factor(x)").notes
    assert not built(tmp_path, names[:4] * 6, "y ~ x").notes


def test_dates_may_be_groups_and_categories(tmp_path: Path) -> None:
    assert built(tmp_path, DATES["iso"] * 4, "y ~ (1 | x)").factors[0].levels == tuple(sorted(DATES["iso"]))
    assert len(built(tmp_path, DATES["iso"] * 4, "y ~ factor(x)").coefficients) == 3
    assert table(tmp_path, DATES["time"]).frame["x"].tolist() == DATES["time"]  # as they are written
    with pytest.raises(DataError, match="holds dates, and numbers are needed; make a column of years"):
        built(tmp_path, DATES["iso"] * 4, "y ~ poly(x, 2)")


@pytest.mark.parametrize(
    "values",
    [
        ["a", "2019-01-01"],
        ["2010-11", "2011-12"],
        ["2010/11", "2011/12"],
        ["Jan", "Feb"],
        ["2019-13-01", "2019-14-01"],
        ["1-2-3", "4-5-6"],
        ["1.2.15", "1.13.2"],
        ["03/04/2021", "05/06/2021"],
        ["03.04.21", "05.06.21"],
        ["may", "june"],
    ],
)
def test_what_may_be_something_else_is_a_category(values: list[str], tmp_path: Path) -> None:
    assert len(built(tmp_path, values * 4).coefficients) == 2


@pytest.mark.parametrize(
    "days", [["20190922", "20190603", "20200131", "20191001", "20190101"], ["20190922", "", "20190603", "20200131", "20191001", "20190101"]]
)
def test_days_without_separators_are_numbers_and_told_of(days: list[str], tmp_path: Path) -> None:
    (note,) = (note for note in built(tmp_path, days * 4).notes if "days without separators" in note)
    assert note.startswith("'x' holds days without separators (20190922, …)") and "factor(x)" in note
    assert not built(tmp_path, days * 4, "y ~ 1 + (1 | x)").notes and not built(tmp_path, days * 4, "y ~ factor(x)").notes
    for numbers in (
        ["20190922", "20191322", "20200131", "20191001", "20190101"],
        ["19000101", "19000102", "19000103"],
        ["0.5", "20190922"],
    ):
        assert not any("days" in note for note in built(tmp_path, numbers * 4).notes)


@pytest.mark.parametrize(
    "values", [['"1,5"', '"2,25"', "3"], ['"1,500"', '"12,000"', "3"], ["15%", "7.5%", "20 %"], ["$20", "$3.50", "$7"]]
)
def test_numbers_that_are_dressed_are_categories_and_told_of(values: list[str], tmp_path: Path) -> None:
    made = built(tmp_path, values * 4)
    (note,) = (note for note in made.notes if "looks like numbers" in note)
    assert note.startswith("'x' is text, and a category here") and len(made.coefficients) == 3
    assert not built(tmp_path, values * 4, "y ~ factor(x)").notes and not built(tmp_path, values * 4, "y ~ 1 + (1 | x)").notes
    assert not built(tmp_path, ["18-30", "31-65", "65+"] * 4).notes and not built(tmp_path, ["1", "2", "3+"] * 4).notes


def test_days_without_separators_that_are_text_are_told_of() -> None:
    days = pd.Series(["20190922", "20190603", "20200131", "20191001", "20190101"] * 4)
    y = np.arange(20.0) % 7
    (note,) = gibbs.check("y ~ x", pd.DataFrame({"y": y, "x": days}), seed=1).design.notes
    assert note.startswith("'x' is text that holds days without separators (20190922, …)")
    assert not gibbs.check("y ~ x", pd.DataFrame({"y": y, "x": days.astype("category")}), seed=1).design.notes


def test_dates_in_columns_of_objects_are_dates() -> None:
    day = datetime.date(2019, 9, 22)
    for column in ([day, None, day], [day, pd.Timestamp("2019-01-01"), day], [day, "unknown", day], [datetime.time(1), None, None]):
        assert levels.is_date(pd.Series(column, dtype=object))
    assert not levels.is_date(pd.Series(["a", 1], dtype=object)) and not levels.is_date(pd.Series(["2019-01-01"], dtype="category"))


TIMES = {
    "times of day": (["08:30", "12:00", "23:59"], [datetime.time(8, 30), datetime.time(12), None], ["8:30 AM", "11:15 PM", "1:00 am"]),
    "spans of time": (pd.to_timedelta([1, 2, 3], unit="h"), [datetime.timedelta(hours=1), None, datetime.timedelta(days=2)]),
}


@pytest.mark.parametrize("what", TIMES)
def test_times_are_called_what_they_are(what: str) -> None:
    for column in TIMES[what]:
        frame = pd.DataFrame({"x": pd.Series(column), "y": [1.0, 2.0, 4.0]})
        with pytest.raises(DataError, match=f"it holds {what}.*make a column of hours"):
            gibbs.check("y ~ x", pd.concat([frame.dropna()] * 4))
        with pytest.raises(DataError, match=f"{what}(, and numbers are needed)?; make a column of hours"):
            gibbs.check("y ~ log(x)", pd.concat([frame.dropna()] * 4))


def test_what_looks_a_little_like_times_is_none(tmp_path: Path) -> None:
    for words in (["1:10", "1:20", "10:30"], ["25:00", "08:30", "09:00"], ["10:30", "11:45", "unknown"]):
        assert len(built(tmp_path, words * 4).coefficients) == 3


def test_the_survey_with_dates() -> None:
    if not FAULTS.is_dir():
        pytest.skip("../shared/faults is not here")
    words = spec.load(FAULTS / "dates" / "spec.yaml")
    with pytest.raises(DataError, match="column 'interview_date': it holds dates"):
        design.build(words, data.read(words))


def test_numbers_and_what_is_none() -> None:
    assert spelling.number_of("١٢") == 12 and spelling.number_of("1_000") is None and spelling.number_of("nan") is None
    assert spelling.other_digits("１") and not spelling.other_digits("12") and not spelling.other_digits("é1")

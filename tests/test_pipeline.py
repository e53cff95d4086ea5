"""What is settled, or refused, before the first sweep: sizes that no machine has, chains of derived columns, cells that are no values."""

from __future__ import annotations

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs import memory
from gibbs.errors import DataError, FormulaError, SpecError

FRAME = pd.DataFrame({"y": [1.0, 2.5, 2.0, 4.0, 3.5, 5.0], "x": [1.0, 2, 3, 4, 5, 6], "g": list("aabbcc")})


def test_draws_that_do_not_fit_into_the_memory_are_refused_with_what_they_need() -> None:
    # y ~ x: two coefficients, sigma and the log density, 8 bytes each: 32 bytes a draw
    assert memory.words(32 * 4 * 10**17) == "1.28e10 GB"
    with pytest.raises(SpecError, match=r"4 chains of 100,000,000,000,000,000 draws need 1\.28e10 GB, and this machine has .* of memory"):
        gibbs.check("y ~ x", FRAME, draws=10**17)
    with pytest.raises(SpecError, match=r"need 1\.28e382 GB"):
        gibbs.check("y ~ x", FRAME, draws=10**389)


@pytest.mark.parametrize("key", ["warmup", "seed"])
def test_other_counts_of_390_digits_are_refused_with_what_is_allowed(key: str) -> None:
    with pytest.raises(SpecError, match=f"sampling.{key} must be at most") as caught:
        gibbs.check("y ~ x", FRAME, **{key: 10**389})
    assert len(str(caught.value)) < 300
    assert gibbs.check("y ~ x", FRAME, cores=10**389)


def test_bytes_are_said_as_people_say_them() -> None:
    assert [memory.words(n) for n in (0, 999, 1_000, 25_300_000_000, 10**400)] == ["0 bytes", "999 bytes", "1 kB", "25.3 GB", "1.00e391 GB"]


def test_two_thousand_columns_derived_from_each_other_are_computed() -> None:
    derive = {"c0": "x + 1"} | {f"c{i}": f"c{i - 1} + 1" for i in range(1, 2_000)}
    check = gibbs.check("y ~ c1999", FRAME, derive=derive)
    np.testing.assert_allclose(check.design.X[:, 1], FRAME["x"] + 2_000)
    with pytest.raises(
        SpecError, match="derive goes in a circle: c1999 → c1998 → c1997 → c1996 → c1995 → c1994 → … → c3 → c2 → c1 → c0 → c1999"
    ):
        gibbs.check("y ~ c1999", FRAME, derive=derive | {"c0": "c1999"})


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ([1.0], "a list"),
        ((1.0, 2.0), "a list"),
        (np.ones(2), "a list"),
        ({"a": 1}, "a mapping"),
        ({1}, "a set"),
        (b"abc", "bytes"),
        (bytearray(b"abc"), "bytes"),
    ],
)
def test_cells_that_hold_several_values_are_refused_with_row_and_column(value: object, what: str) -> None:
    column = pd.Series([1.0, None, value, 3.0, 4.0, 5.0], dtype=object)
    for formula in ("y ~ z", "y ~ (1 | z)", "z ~ x"):
        with pytest.raises(DataError, match=f"column 'z': row 3 holds {what}"):
            gibbs.check(formula, FRAME.assign(z=column))


def test_cells_of_other_single_values_are_read() -> None:
    for values in ([decimal.Decimal("1.5"), 2], [datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)], [True, False], ["a", 1]):
        assert gibbs.check("y ~ (1 | z)", FRAME.assign(z=pd.Series(values * 3, dtype=object)))


@pytest.mark.parametrize("formula", ["y ~ poly(x, 1e400)", "y ~ I(x * 1e999)", "y ~ log(x, 1e400)", "y ~ (x + g)^1e400", "y ~ 1e400"])
def test_numbers_beyond_all_computing_are_refused_in_formulas_and_derived_columns(formula: str) -> None:
    with pytest.raises(FormulaError, match="larger than any"):
        gibbs.check(formula, FRAME)
    with pytest.raises(FormulaError, match="larger than any"):
        gibbs.check("y ~ z", FRAME, derive={"z": "x + 1e400"})


@pytest.mark.parametrize("formula", ["o ~ x + z", "o ~ 0 + x"])
def test_constant_predictors_of_an_ordinal_outcome_are_named(formula: str) -> None:
    three = pd.DataFrame({"o": [1, 2, 3], "x": [1, 1, 1], "z": [2, 2, 2]})
    warnings = gibbs.check(formula, three, family="ordinal").warnings
    assert any("'x' is 1 in all rows" in w and "cutpoints" in w for w in warnings)


HALF = "\ud800"


def test_half_a_character_is_refused_where_it_stands() -> None:
    for keys in ({"title": HALF}, {"derive": {HALF: "x"}}, {"rename": {"q": f"a{HALF}"}}, {"na": [HALF]}):
        with pytest.raises(SpecError, match=r"U\+D800, half of a character"):
            gibbs.check("y ~ x", FRAME, **keys)
    with pytest.raises(DataError, match="column 'z': row 3 holds half a character"):
        gibbs.check("y ~ (1 | z)", FRAME.assign(z=pd.Series(["a", "b", HALF] * 2, dtype=object)))


def test_numbers_that_no_model_takes_are_refused_with_their_column() -> None:
    for values in ([1 + 2j] * 6, pd.Series([1 + 2j, 1, 2] * 2, dtype=object), pd.Series([10**400, 1, 2] * 2, dtype=object)):
        for formula in ("y ~ z", "y ~ (1 | z)"):
            with pytest.raises(DataError, match="column 'z'"):
                gibbs.check(formula, FRAME.assign(z=values))


def test_hints_take_no_time_where_names_are_long_or_many() -> None:
    from gibbs.errors import nearest

    assert nearest("x" * 5_000, ["x" * 4_999 + "y"] * 1_000) == ""
    assert nearest("vraiable_1", (f"variable_{i}" for i in range(10**9))) == " Did you mean 'variable_1'?"


@pytest.mark.parametrize("replicates", [0, 10**18, 10**389])
def test_a_calibration_of_more_data_sets_than_can_be_asked_for_is_refused_at_once(replicates: int) -> None:
    with pytest.raises(SpecError, match="replicates is a number from 1 to 100,000"):
        gibbs.sbc("y ~ x", FRAME, priors={"b": "normal(0, 1)", "intercept": "normal(0, 1)"}, replicates=replicates)


def test_a_derived_column_of_one_value_is_refused_with_the_word_that_occurs_nowhere() -> None:
    with pytest.raises(
        DataError, match=r"column 'z': as a category it has one value, 'FALSE'.* derive: z: .*'A' occurs nowhere .*Did you mean 'a'"
    ):
        gibbs.check("y ~ z", FRAME, derive={"z": 'g == "A"'})


def test_a_name_without_end_is_shown_by_its_ends_and_paths_are_whole() -> None:
    with pytest.raises(DataError, match=r"there is no column 'n{79}…n{18}'") as caught:
        gibbs.check("y ~ " + "n" * 5_000, FRAME)
    assert len(str(caught.value)) < 300
    path = "/".join(["d" * 90] * 4)
    assert path in str(DataError(path))

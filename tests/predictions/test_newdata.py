"""New rows are coded as those of the fit, and what cannot be is one clear error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gibbs.errors import DataError, SpecError
from gibbs.predictions import newdata
from tests.posterior import built

FORMULA = "y ~ scale(x) + poly(x, 2) * c + offset(log(n)) + (1 + b | g) + (0 + x | g:year)"


@pytest.mark.parametrize("rows", [slice(0, 7), slice(3, 4), slice(None, None, -1)])
def test_rows_of_the_data_are_coded_as_in_the_fit(rows: slice) -> None:
    """scale() and poly() of a few rows by themselves would be others: the fit's mean, sd and polynomials are used."""
    frame = built.table()
    fit = built.fit(FORMULA, frame)
    found = newdata.read(fit, frame.iloc[rows])
    model = fit.design
    np.testing.assert_allclose(found.X, model.X[rows], rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(found.offset, model.offset[rows], rtol=1e-14)
    for ours, theirs in zip(found.factors, model.factors, strict=True):
        assert ours.name == theirs.name and ours.new == ()
        np.testing.assert_array_equal(ours.codes, theirs.codes[rows])
        np.testing.assert_array_equal(ours.Z, theirs.Z[rows])


def test_scale_is_the_fits_by_hand() -> None:
    frame = built.table()
    found = newdata.read(built.fit("y ~ scale(x) + (1 | g)", frame), pd.DataFrame({"x": [0.0, 5.0], "g": ["g1", "g2"]}))
    expected = (np.array([0.0, 5.0]) - frame.x.mean()) / frame.x.std(ddof=1)
    np.testing.assert_allclose(found.X, np.column_stack((np.ones(2), expected)), rtol=1e-12)


def test_new_labels_are_shared_by_their_rows() -> None:
    fit = built.fit("y ~ x + (1 | g) + (1 | g:year)")
    frame = pd.DataFrame({"x": 0.0, "g": ["g9", "g1", "g8", "g9"], "year": [2000, 2000, 2000, 2000]})
    g, pair = newdata.read(fit, frame, "new group").factors
    assert g.new == ("g9", "g8") and g.codes.tolist() == [-1, 0, -2, -1]
    assert pair.new == ("g9_2000", "g8_2000") and pair.codes[1] >= 0
    everything = newdata.read(fit, frame, "all new groups").factors[0]
    assert everything.new == ("g9", "g1", "g8") and everything.codes.tolist() == [-1, -2, -3, -1]


def test_labels_that_join_to_the_same_word_are_two_levels() -> None:
    frame = pd.DataFrame({"y": [1.0, 2, 3, 4], "p": ["a", "b", "a", "b"], "q": ["c", "c", "d", "d"]})
    fit = built.fit("y ~ 1 + (1 | p:q)", frame)
    (factor,) = newdata.read(fit, pd.DataFrame({"p": ["u_v", "u"], "q": ["w", "v_w"]}), "new").factors
    assert len(factor.new) == 2 and factor.codes.tolist() == [-1, -2]


def test_averages_need_no_groups() -> None:
    fit = built.fit("y ~ x + (1 + b | g) + (1 | year)")
    frame = pd.DataFrame({"x": [1.0], "b": [1]})
    population = newdata.read(fit, frame, "population average").factors
    assert [f.codes for f in population] == [None, None] and population[0].Z.tolist() == [[1.0, 1.0]]
    typical = newdata.read(fit, frame[["x"]], {"g": "typical", "year": "typical group"}).factors
    assert [f.Z for f in typical] == [None, None]
    mixed = newdata.read(fit, frame.assign(year=2001), {"g": "population"}).factors
    assert mixed[0].codes is None and mixed[1].codes.tolist() == [1]


def test_columns_of_the_spec_are_made_again() -> None:
    """``rename`` and ``derive`` act on new data with the names of the file; columns that are there already are taken as they are."""
    frame = built.table().rename(columns={"x": "X (raw)"})
    keys = {"data": {"rename": {"x": "X (raw)"}, "derive": {"twice": "2 * x"}, "na": ["-99"]}}
    fit = built.fit("y ~ twice + (1 | g)", frame, **keys)
    raw = newdata.read(fit, pd.DataFrame({"X (raw)": [1.5], "g": ["g1"]}))
    made = newdata.read(fit, pd.DataFrame({"twice": [3.0], "g": ["g1"]}))
    assert raw.X.tolist() == made.X.tolist() == [[1.0, 3.0]]
    with pytest.raises(DataError, match="'twice' in row 1"):
        newdata.read(fit, pd.DataFrame({"X (raw)": [-99, 1.5], "g": ["g1", "g1"]}))


def test_files_and_mappings(tmp_path: Path) -> None:
    frame = built.table()
    fit = built.fit("y ~ x + c + (1 | g) + (1 | year)", frame)
    expected = newdata.read(fit, frame)
    frame.to_csv(tmp_path / "new.csv", index=False)
    frame.to_parquet(tmp_path / "new.parquet")
    for given in (tmp_path / "new.csv", str(tmp_path / "new.parquet"), frame.to_dict("list")):
        found = newdata.read(fit, given)
        np.testing.assert_array_equal(found.X, expected.X)
        np.testing.assert_array_equal(found.factors[1].codes, expected.factors[1].codes)
    with pytest.raises(DataError, match=r"no such file.*Did you mean.*new\.csv"):
        newdata.read(fit, tmp_path / "mew.csv")


def test_trials_and_standard_errors_are_asked_for_with_outcomes() -> None:
    fit = built.fit("s | trials(n) ~ x + (1 | g)", family="binomial")
    frame = pd.DataFrame({"x": [0.0, 1.0], "g": ["g1", "g1"]})
    assert newdata.read(fit, frame).trials is None
    with pytest.raises(DataError, match="no column 'n'"):
        newdata.read(fit, frame, outcomes=True)
    assert newdata.read(fit, frame.assign(n=[4, 5]), outcomes=True).trials.tolist() == [4, 5]
    assert newdata.read(fit, frame, outcomes=True, trials=7).trials.tolist() == [7, 7]
    for wrong in (-1, 1.5, [1, 2, 3]):
        with pytest.raises(SpecError, match=r"trials|number"):
            newdata.read(fit, frame, outcomes=True, trials=wrong)
    both = built.fit("cbind(s, n) ~ x + (1 | g)", family="binomial")
    assert newdata.read(both, frame.assign(s=[1, 2], n=[4, 5]), outcomes=True).trials.tolist() == [5, 7]
    known = built.fit("y | se(se) ~ x + (1 | g)")
    assert newdata.read(known, frame.assign(se=[0.1, 0.2]), outcomes=True).known_se.tolist() == [0.1, 0.2]
    with pytest.raises(SpecError, match="family is gaussian"):
        newdata.read(known, frame.assign(se=[0.1, 0.2]), outcomes=True, trials=3)


def test_an_ordinal_model_has_no_intercept_column() -> None:
    fit = built.fit("grade ~ x + c + (1 | g)", family="ordinal")
    found = newdata.read(fit, pd.DataFrame({"x": [1.0], "c": ["top"], "g": ["g1"]}))
    assert fit.outline.coefficients == ("x", "cmid", "ctop") and found.X.tolist() == [[1.0, 0.0, 1.0]]


# ------------------------------------------------------------------------------------------------------------- refused


def good() -> pd.DataFrame:
    return pd.DataFrame({"x": [0.0, 1.0, 2.0], "c": ["low", "mid", "top"], "g": ["g1", "g2", "g3"]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.rename(columns={"x": "X", "g": "group"}), r"no column 'x', did you mean 'X'\?; 'g'"),
        (lambda f: f.assign(x=[0.0, None, 1.0], g=["g1", "g2", None]), r"missing.*'x' in row 2; 'g' in row 3"),
        (lambda f: f.assign(c=["low", "mit", "top"]), r"column 'c': 'mit' in row 2 is none of the categories.*low, mid, top"),
        (lambda f: f.assign(g=["g1", "g77", "g77"]), r"column 'g'.*has not seen the level 'g77' in rows 2 and 3.*grouping factor g"),
        (lambda f: f.assign(x=["1", "two", "3"]), r"column 'x': numbers are needed.*row 2: 'two'"),
        (lambda f: f.assign(x=[1.0, np.inf, 2.0]), r"column 'x'.*infinite"),
        (lambda f: f.iloc[:0], "no rows"),
    ],
)
def test_bad_rows_are_named(change, message: str) -> None:  # type: ignore[no-untyped-def]
    fit = built.fit("y ~ x + c + (1 | g)")
    with pytest.raises(DataError, match=message) as caught:
        newdata.read(fit, change(good()))
    assert caught.value.where.startswith("new data")


def test_groups_are_understood_or_refused() -> None:
    assert newdata.modes({"a": "Population-average"}, ["a", "b"]) == {"a": "population", "b": "known"}
    assert newdata.groups_from_text("a:b=new, year = all new") == {"a:b": "new", "year": "all new"}
    assert newdata.groups_from_text("population") == "population"
    with pytest.raises(SpecError, match="FACTOR=WORD"):
        newdata.groups_from_text("a=new,b")
    assert newdata.modes("known", ["a"], allow_new=True) == {"a": "new"}
    with pytest.raises(SpecError, match="Did you mean 'population'"):
        newdata.modes("populaton", ["a"])
    with pytest.raises(SpecError, match=r"no grouping factor 'provinze'\. Did you mean 'province'"):
        newdata.modes({"provinze": "new"}, ["province"])
    fit = built.fit("y ~ x + c + (1 | g)")
    with pytest.raises(SpecError, match="every row is of groups that the fit knows"):
        newdata.read(fit, good(), "new group")
    with pytest.raises(SpecError, match="all new groups"):
        newdata.of_fit(fit, "new")

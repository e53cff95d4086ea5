"""Levels that the fit has not seen: named with the people behind them, drawn or refused, and the nearest that may have been meant."""

from __future__ import annotations

import pandas as pd
import pytest

from gibbs.errors import DataError, SpecError
from gibbs.predictions import newlevels
from tests.posterior import built

SCHOOL = ["Postgrad", "College", "North Dakota", "South Dakota"]


def fit() -> object:
    frame = built.table().assign(school=[SCHOOL[i % 4] for i in range(60)])
    return built.fit("bin ~ x + (1 | g) + (1 | school)", frame, family="probit")


def cells(g: list[str], school: list[str], n: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"x": 0.5, "g": g, "school": school, "N": n})


def test_levels_are_named_with_the_people_behind_them() -> None:
    frame = cells(
        ["g1", "g2", "WY", "VT", "WY"], ["College", "Postgrad", "College", "Post-grad", "College"], [1000, 200, 100000, 40, 94000]
    )
    with pytest.warns(UserWarning, match="drawn as new") as caught:
        found = fit().poststratify(frame, "N", "g")
    said = [str(w.message) for w in caught]
    assert said == list(found.notes)
    assert said[0] == "g WY, VT: 194,040 people drawn as new (99.4 % of all); the fit has not seen these levels."
    assert (
        said[1] == "school Post-grad: 40 people drawn as new (0.0205 % of all); the fit has not seen this level."
    )  # Postgrad is there too
    assert found.new_levels[["factor", "level", "rows", "population"]].to_numpy().tolist() == [
        ["g", "WY", 2, 194000.0],
        ["g", "VT", 1, 40.0],
        ["school", "Post-grad", 1, 40.0],
    ]
    assert found.table.attrs["notes"] == found.notes
    assert said[0] in repr(found) and "WY, VT" in found._repr_html_()


def test_the_nearest_level_is_one_that_the_frame_lacks() -> None:
    frame = cells(["g1", "g2"], ["Post-grad", "North Dakota"], [0.25, 0.5])
    with pytest.warns(UserWarning, match=r"school Post-grad: 0.25 people .* Did you mean 'Postgrad' for 'Post-grad'\?"):
        fit().poststratify(frame, "N")
    assert newlevels.meant("Nrth Dakota", ["North Dakota", "College"]) == "North Dakota"
    assert newlevels.meant("1", ["01", "10"]) == "01" and newlevels.meant("3", ["01", "10"]) == "" and newlevels.meant("WY", ["VT"]) == ""


def test_a_frame_that_meets_no_level_says_so() -> None:
    with pytest.warns(UserWarning, match="No row has a level of g that the fit knows"):
        fit().poststratify(cells(["a", "b"], ["College"] * 2, [1, 2]), "N")


def test_new_levels_may_be_refused_or_asked_for() -> None:
    frame = cells(["g1", "WY"], ["College", "College"], [1, 40])
    with pytest.raises(DataError, match=r"g WY: 40 people \(97.6 % of all\); the fit has not seen this level.*New levels are refused"):
        fit().poststratify(frame, "N", new_levels="error")
    assert fit().poststratify(frame, "N", new_levels="draw").notes  # and no warning
    with pytest.raises(DataError, match="g WY: 1 row"):
        fit().predict(frame, "new", new_levels="error")
    table = fit().predict(frame, new_levels="draw")
    assert table.attrs["notes"] == ("g WY: 1 row drawn as new (50 % of all); the fit has not seen this level.",)
    with pytest.raises(SpecError, match="Did you mean 'draw'"):
        fit().predict(frame, new_levels="drow")
    assert fit().poststratify(frame.iloc[:1], "N", new_levels="error").notes == ()


def test_under_other_averages_nothing_is_new() -> None:
    frame = cells(["g1", "WY"], ["College", "College"], [1, 40])
    for groups in ("population average", "typical group", "all new groups"):
        assert fit().poststratify(frame, "N", groups=groups).notes == ()


def test_a_prediction_warns_where_another_level_may_be_meant() -> None:
    frame = cells(["g1"], ["Post-grad"], [1])
    with pytest.warns(UserWarning, match="Did you mean 'Postgrad'"):
        fit().predict(frame, "new")

"""Pictures of areas: what is drawn is what the table says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gibbs.errors import OutputError, PlotError, SpecError
from gibbs.plots import areas
from tests.posterior import built
from tests.predictions.test_poststratify import FORMULAS, cells

pytestmark = pytest.mark.filterwarnings("ignore:.* drawn as new:UserWarning")


def found(by: list[str], family: str = "probit", frame: pd.DataFrame | None = None):
    return built.fit(FORMULAS[family], family=family).poststratify(cells() if frame is None else frame, "N", by)


def test_dots_stand_at_the_means_in_their_order() -> None:
    made = found(["region"])
    axis = made.plot().axes[0]
    table = made.table.iloc[:-1].sort_values("mean")
    assert [label.get_text() for label in axis.get_yticklabels()] == list(table["region"])
    points = np.concatenate([line.get_xdata() for line in axis.get_lines() if line.get_marker() == "o"])
    np.testing.assert_allclose(np.sort(points), table["mean"], rtol=1e-9)


def test_over_time_a_panel_an_area() -> None:
    made = found(["sex", "year"])
    axes = [axis for axis in made.plot().axes if axis.axison]
    assert [axis.get_title(loc="left") for axis in axes] == ["f", "m"]
    line = next(one for one in axes[0].get_lines() if len(one.get_xdata()) == 4)
    np.testing.assert_array_equal(line.get_xdata(), [2000, 2001, 2002, 2003])
    np.testing.assert_allclose(line.get_ydata(), made.table.query("sex == 'f'")["mean"], rtol=1e-9)


def test_tiles_of_states_and_of_a_layout(tmp_path: Path) -> None:
    frame = cells()
    made = found(["region"], frame=frame.assign(region=frame["region"].map({"north": "NY", "south": "Texas", "10": "CA", "9": "AK"})))
    words = {text.get_text() for text in made.plot(tmp_path / "map.png", tiles="us").axes[0].texts}
    assert {"NY", "Texas", "CA", "AK"} <= words and (tmp_path / "map.png").stat().st_size > 0
    assert len(areas.layout("us")) == 102 and len(set(areas.layout("us").values())) == 51
    own = tmp_path / "own.csv"
    own.write_text("area,row,column\nnorth,0,0\nsouth,1,0\n10,1,1\n9,0,1\n", encoding="utf-8")
    assert len(found(["region"]).plot(tiles=str(own)).axes[0].patches) == 4
    with pytest.raises(PlotError, match="no tile for"):
        found(["region"]).plot(tiles="us")
    with pytest.raises(PlotError, match="neither us nor a table"):
        found(["region"]).plot(tiles="usa")
    with pytest.raises(OutputError):
        made.plot(tmp_path / "map.png", tiles="us")


def test_ordinal_outcomes_have_a_panel_a_category_and_all_alone_none() -> None:
    made = found(["region"], "ordinal")
    assert len(made.plot().axes) == len(made.categories)
    with pytest.raises(PlotError, match="name the areas"):
        found([]).plot()
    for table in (made.ranks, made.differences):
        with pytest.raises(SpecError, match="categories"):
            table()


def test_differences_and_ranks_are_those_of_the_draws() -> None:
    made = found(["region"])
    draws = made.draws
    table = made.differences()
    np.testing.assert_allclose(table["mean"], (draws - made.total[:, None]).mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(table["P(>0)"], (draws > made.total[:, None]).mean(axis=0))
    one = made.differences("north").set_index("region")
    assert one.loc["south", "mean"] == pytest.approx(made.contrast("south", "north")["mean"])
    ranks = made.ranks().set_index("region")
    for k, (area,) in enumerate(made.areas):
        by_hand = (draws > draws[:, [k]]).sum(axis=1) + 1
        assert ranks.loc[area, "rank"] == pytest.approx(by_hand.mean())
        assert ranks.loc[area, "P(first)"] == pytest.approx((by_hand == 1).mean())
    assert ranks["P(first)"].sum() == pytest.approx(1.0)

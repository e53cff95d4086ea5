"""Effects along time: where labels stand, which factors read as time, and the curve drawn."""

from __future__ import annotations

import numpy as np
import pytest

from gibbs.draws.outline import outline
from gibbs.errors import PlotError
from gibbs.plots import timeline
from gibbs.posterior.fit import Fit
from tests.posterior import fabricated


def fit_of(**levels: tuple[str, ...]) -> Fit:
    """Crossed factors with these levels."""
    factors = [fabricated.factor(name, labels, np.ones((60, 1)), fabricated.term("Intercept")) for name, labels in levels.items()]
    return fabricated.fit(fabricated.design(*factors, rows=60))


@pytest.mark.parametrize(
    ("label", "place"),
    [
        ("1975", 1975.0),
        ("-2", -2.0),
        ("0.5", 0.5),
        ("1975-1979", 1977.0),
        ("18–24", 21.0),
        ("1997-05-01", 1997 + 120 / 365),
        ("2000-07", 2000 + 182 / 366),
        ("2000_2004", 2002.0),
        ("north", None),
        ("1990s", None),
        ("79-75", None),
    ],
)
def test_where_a_label_stands(label: str, place: float | None) -> None:
    assert timeline.position(label) == (None if place is None else pytest.approx(place))


@pytest.mark.parametrize(
    ("name", "levels", "ordered"),
    [
        ("election", ("1975", "1978", "1981"), True),
        ("g", ("1975", "1978", "1981"), True),
        ("wave", ("1", "2", "3"), True),
        ("birth_cohort", ("5", "10", "15"), True),
        ("province", ("21801", "40101", "40102"), False),
        ("subject", ("1", "2", "3"), False),
        ("year", ("1990", "2000"), False),
        ("year", ("a", "b", "c"), False),
        ("period", ("18-24", "25-34", "35-44"), True),
    ],
)
def test_which_factors_read_as_time(name: str, levels: tuple[str, ...], ordered: bool) -> None:
    factor = fabricated.factor(name, levels, np.ones((12, 1)), fabricated.term("Intercept"))
    assert timeline.is_ordered(outline(fabricated.design(factor)).factors[0]) is ordered


def test_crossed_times_have_a_panel_each_and_stand_in_order() -> None:
    fit = fit_of(election=("1999", "1975", "1987"), province=("21801", "40101"), cohort=("1900", "1950", "1920", "1910"))
    made = fit.plot.time()
    assert [axis.get_title("left") for axis in made.axes] == ["election: Intercept", "cohort: Intercept"]
    election, cohort = made.axes
    means = fit.arrays.u.mean(axis=(0, 1))
    line = next(line for line in election.lines if line.get_label() == "posterior mean")
    np.testing.assert_allclose(line.get_xdata(), [1975, 1987, 1999])
    np.testing.assert_allclose(line.get_ydata(), means[[1, 2, 0]])
    line = next(line for line in cohort.lines if line.get_label() == "posterior mean")
    np.testing.assert_allclose(line.get_ydata(), means[5:][[0, 3, 2, 1]])
    assert election.get_ylim() == cohort.get_ylim()


def test_bands_are_quantiles() -> None:
    fit = fit_of(year=("1990", "1991", "1995"))
    axis = fit.plot.time().axes[0]
    draws = fit.arrays.u.reshape(-1, 3)
    for band, probability in zip(axis.collections, (0.95, 0.5), strict=True):
        corners = band.get_paths()[0].vertices
        for k, year in enumerate((1990, 1991, 1995)):
            found = corners[corners[:, 0] == year][:, 1]
            wanted = np.quantile(draws[:, k], ((1 - probability) / 2, (1 + probability) / 2))
            assert (found.min(), found.max()) == (pytest.approx(wanted[0]), pytest.approx(wanted[1]))


def test_a_factor_named_stands_in_the_order_of_its_levels() -> None:
    axis = fit_of(size=("small", "middle", "large")).plot.time("size").axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["small", "middle", "large"]
    assert next(line for line in axis.lines if line.get_label() == "posterior mean").get_xdata().tolist() == [0, 1, 2]


def test_no_time_says_what_there_is() -> None:
    with pytest.raises(PlotError, match=r"no grouping factor reads as points in time .* there is province, size\. Name the one"):
        fit_of(province=("21801", "40101"), size=("small", "large")).plot.time()
    with pytest.raises(PlotError, match="600 levels, too many"):
        fit_of(day=tuple(str(j) for j in range(600))).plot.time()

"""Pictures of criticism: what they show against its definition, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from gibbs.errors import PlotError, SpecError
from gibbs.plots import loo_pit, statistics
from tests.plots import fits
from tests.posterior import built


@pytest.mark.parametrize("n", [30, 500])
def test_the_band_holds_at_every_point_at_once(n: int) -> None:
    low, high = loo_pit.band(n, 0.95)
    at = np.arange(1, loo_pit.POINTS + 1) / (loo_pit.POINTS + 1.0)
    rng = np.random.default_rng(8)
    u = np.sort(rng.random((3000, n)), axis=1)
    shares = np.array([np.searchsorted(row, at, side="left") for row in u]) / n
    inside = np.all((shares >= low - 1e-12) & (shares <= high + 1e-12), axis=1).mean()
    assert 0.93 < inside < 0.985  # counts are whole numbers, so somewhat more than 0.95 where there are few
    assert (low < at).all() and (high > at).all()


def test_pareto_k_is_that_of_loo() -> None:
    fit = fits.fit("negative_binomial")
    found = fit.loo()
    axis = fit.plot.pareto_k().axes[0]
    shown = np.concatenate([line.get_ydata() for line in axis.lines if len(line.get_xdata()) > 2 or line.get_marker() == "o"])
    np.testing.assert_allclose(np.sort(shown), np.sort(found.pareto_k))
    words = {text.get_text() for text in axis.texts}
    assert words <= {str(label) for label, k in zip(found.labels, found.pareto_k, strict=True) if k > found.good_k} and words


def test_pareto_k_of_groups_names_them() -> None:
    fit = built.fit("y ~ x + (1 | g)", kept=100)
    axis = fit.plot.pareto_k(group="g").axes[0]
    assert axis.get_xlabel().startswith("g") and {text.get_text() for text in axis.texts} <= {"g1", "g2", "g3", "g4", "g5"}


def test_pairs_shows_the_correlations_of_the_draws() -> None:
    fit = fits.fit()
    made = fit.plot.pairs(["b_x", "sigma", "sd_g__x"])
    axes = np.array(made.axes).reshape(3, 3)
    values = fit.to_frame(["b_x", "sigma", "sd_g__x"])[["b_x", "sigma", "sd_g__x"]]
    R = values.corr().to_numpy()
    for a in range(3):
        for b in range(a + 1, 3):
            assert axes[a, b].texts[0].get_text() == f"{R[a, b]:.2f}"
            np.testing.assert_array_equal(np.sort(axes[b, a].lines[0].get_xdata()), np.sort(values.iloc[:, a]))
    with pytest.raises(PlotError, match="a pair is of two"):
        fit.plot.pairs("sigma")
    with pytest.raises(PlotError, match="more than one picture holds"):
        fit.plot.pairs("r_*")


def test_statistics_are_their_definitions() -> None:
    sets = [np.array([0.0, 1.0, 2.0, 7.0]), np.array([3.0, 3.0, 0.0, 1.0])]
    for word, expected in {
        "mean": [2.5, 1.75],
        "sd": [np.std(y, ddof=1) for y in sets],
        "max - min": [7.0, 3.0],
        "zeros": [0.25, 0.25],
        "q50": [1.5, 2.0],
        "median": [1.5, 2.0],
        "sd / mean": [np.std(y, ddof=1) / y.mean() for y in sets],
        "skewness": [np.mean((y - y.mean()) ** 3) / np.std(y) ** 3 for y in sets],
    }.items():
        np.testing.assert_allclose(statistics.values(word, sets), expected, rtol=1e-12)
    np.testing.assert_array_equal(statistics.values(np.max, sets), [7.0, 3.0])
    np.testing.assert_array_equal(statistics.values(lambda y: y[0], sets), [0.0, 3.0])


@pytest.mark.parametrize(
    ("statistic", "words"),
    [
        ("maen", "Did you mean 'mean'"),
        ("q100x", "there is no statistic 'q100x'"),
        ("mean -", "cannot be read"),
        ("__import__('os')", "no statistic|cannot be read"),
        ("mean / (max - max)", "no finite number of 2 of 2 data sets"),
        (lambda y: y, "gave ndarray"),
        (lambda y: np.nan, "no finite number"),
    ],
)
def test_what_is_no_statistic(statistic, words: str) -> None:
    with pytest.raises(PlotError, match=words):
        statistics.values(statistic, [np.arange(4.0), np.arange(3.0)])


def test_a_statistic_of_the_data_too_and_its_p() -> None:
    fit = built.fit("y ~ x + (1 | g)", kept=50)

    def gap(y, data):
        return y[data["x"].to_numpy() > 2].mean() - y[data["x"].to_numpy() <= 2].mean()

    made = fit.plot.ppc(statistic=[gap, "sd"], level=0.5)
    assert [axis.get_title("left") for axis in made.axes] == ["gap", "sd"]
    label = made.axes[0].get_xlabel()
    y, x = fit.design.y, fit.data["x"].to_numpy()
    assert f"observed {y[x > 2].mean() - y[x <= 2].mean():.5g}" in label and 0.0 <= float(label.rpartition("= ")[2]) <= 1.0
    with pytest.raises(PlotError, match="one to 12 statistics"):
        fit.plot.ppc(statistic=[])


def test_yes_or_no_outcomes_are_said_to_say_little() -> None:
    made = fits.fit("logit").plot.loo_pit()
    assert "says little" in made.get_supxlabel().replace("\n", " ")


def test_weighted_rows_come_as_often_as_they_count() -> None:
    frame = built.table().assign(w=lambda t: 1 + t["n"] % 3)
    fit = built.fit("count | weights(w, type = 'frequency') ~ x + (1 | g)", frame, family="poisson", kept=50)
    assert len(loo_pit.outcomes(fit)) == frame["w"].sum()
    with pytest.raises(SpecError, match="pseudo-likelihood"):
        built.fit("y ~ x + (1 | g)", frame, kept=50, weights={"column": "w", "type": "sampling"}).plot.loo_pit()

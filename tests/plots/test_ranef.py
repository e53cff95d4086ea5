"""Caterpillars: what is drawn are the quantiles of the draws, in the order of their means."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gibbs.plots import ranef
from gibbs.posterior.fit import Fit
from tests.plots import fits
from tests.posterior import fabricated


def many(levels: int) -> Fit:
    """One factor whose effects have distinct centres."""
    model = fabricated.design(
        fabricated.factor("g", tuple(f"l{j:05d}" for j in range(levels)), np.ones((levels, 1)), fabricated.term("Intercept")), rows=levels
    )
    draws = fabricated.draws(model, chains=2, kept=40)
    return fabricated.fit(model, replace(draws, u=0.1 * draws.u + np.random.default_rng(2).permutation(levels) / 10))


def test_a_panel_for_each_factor_and_term() -> None:
    made = fits.fit().plot.ranef()
    assert [axis.get_title("left") for axis in made.axes] == ["g: Intercept", "g: x", "year: Intercept"]
    assert [len(axis.get_yticks()) for axis in made.axes] == [4, 4, 3]
    assert len(fits.fit().plot.ranef(term="Intercept").axes) == 2
    assert len(fits.fit().plot.ranef("g").axes) == 2
    assert len(fits.fit().plot.ranef("g", "(Intercept)").axes) == 1


def test_intervals_and_points_are_those_of_the_draws() -> None:
    fit = fits.fit()
    axis = fit.plot.ranef("g", "x").axes[0]
    # effects are factor by factor, level by level, column by column: the slopes of g are the odd places
    by_level = {level: fit.arrays.u[:, :, 2 * j + 1].ravel() for j, level in enumerate(("a", "b", "c", "$d$"))}
    labels = [label.get_text() for label in axis.get_yticklabels()]
    assert labels == sorted(by_level, key=lambda level: by_level[level].mean())
    outer, inner = (np.array(lines.get_segments())[:, :, 0] for lines in axis.collections[:2])
    for place, level in enumerate(labels):
        ordered = np.sort(by_level[level])
        position = np.array([0.025, 0.975, 0.25, 0.75]) * (len(ordered) - 1)  # linear interpolation of order statistics, by hand
        low = np.floor(position).astype(int)
        wanted = ordered[low] + (position - low) * (ordered[low + 1] - ordered[low])
        np.testing.assert_allclose([*outer[place], *inner[place]], wanted)
    points = {float(y): float(x) for line in axis.lines[1:] for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)}
    np.testing.assert_allclose([points[float(k)] for k in range(4)], [by_level[level].mean() for level in labels])


def test_filled_points_are_those_away_from_zero() -> None:
    fit = many(20)
    fit.arrays = replace(fit.arrays, u=fit.arrays.u - 1.0)
    axis = fit.plot.ranef().axes[0]
    u = fit.arrays.u.reshape(-1, 20)
    low, high = np.quantile(u, (0.025, 0.975), axis=0)
    away = {f"l{j:05d}" for j in range(20) if low[j] > 0 or high[j] < 0}
    labels = [label.get_text() for label in axis.get_yticklabels()]
    filled, hollow = axis.lines[1:]
    assert {labels[int(y)] for y in filled.get_ydata()} == away and 0 < len(away) < 20
    assert {labels[int(y)] for y in hollow.get_ydata()} == set(labels) - away
    assert hollow.get_markerfacecolor() == "white"


def test_in_the_order_of_the_levels() -> None:
    axis = fits.fit().plot.ranef("year", sort="level").axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["1999", "1994", "1990"]  # the first at the top


def test_chosen_levels() -> None:
    axis = many(500).plot.ranef(levels=["l00003", "l00400"]).axes[0]
    assert {label.get_text() for label in axis.get_yticklabels()} == {"l00003", "l00400"}


def test_many_levels_are_thinned_evenly_with_both_ends() -> None:
    fit = many(2000)
    made = fit.plot.ranef()
    means = np.sort(fit.arrays.u.mean(axis=(0, 1)))
    points = np.concatenate([np.column_stack((line.get_xdata(), line.get_ydata())) for line in made.axes[0].lines[1:]])
    points = points[np.argsort(points[:, 1])]
    assert len(points) == ranef.THINNED
    assert points[0, 1] == 1 and points[-1, 1] == 2000
    np.testing.assert_allclose(points[:, 0], means[points[:, 1].astype(int) - 1])
    gaps = np.diff(points[:, 1])
    assert gaps.min() >= 10 and gaps.max() <= 11
    assert "200 of 2,000 levels" in made.get_supxlabel().replace("\n", " ")
    assert max(made.get_size_inches()) < 12


def test_up_to_two_hundred_are_all_shown() -> None:
    axis = many(150).plot.ranef().axes[0]
    assert sum(len(line.get_xdata()) for line in axis.lines[1:]) == 150


def test_pages_have_every_level_once_the_highest_first() -> None:
    fit = many(120)
    order = np.argsort(fit.arrays.u.mean(axis=(0, 1)))[::-1]
    seen = []
    for page in (1, 2, 3):
        axis = fit.plot.ranef(page=page).axes[0]
        seen += [label.get_text() for label in axis.get_yticklabels()][::-1]
    assert seen == [f"l{j:05d}" for j in order]
    with pytest.raises(Exception, match="no page 4; there are 3 pages of 50"):
        fit.plot.ranef(page=4)

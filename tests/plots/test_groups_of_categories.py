"""A category as x of the group panels: points with intervals at its values, under its own words, and no line between them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.posterior import built
from tests.posterior.built import flat


@pytest.mark.parametrize(("formula", "ticks"), [("y ~ sex + (1 + sex | g)", ["f", "m"]), ("y ~ c + (1 | g)", ["other", "mid"])])
def test_points_and_words_in_place_of_lines_and_codes(formula: str, ticks: list[str]) -> None:
    table = built.table().assign(sex=np.where(np.arange(60) % 2, "m", "f"))
    fit = built.fit(formula, table, kept=40)
    figure = fit.plot.groups(predictor=f"{formula.split()[2]}{ticks[1]}")
    axis = figure.axes[0]
    assert [tick.get_text() for tick in figure.axes[4].get_xticklabels()] == ticks
    assert figure.axes[4].get_xlabel() == formula.split()[2]
    lines = [line for line in axis.get_lines() if line.get_linestyle() not in ("None", "")]
    assert not lines, "a category has no values between its values"
    model = next(line for line in axis.get_lines() if line.get_label().startswith("partial pooling"))
    np.testing.assert_array_equal(model.get_xdata(), [0.0, 1.0])
    if ticks == ["f", "m"]:
        first = flat(fit, "b_Intercept") + flat(fit, "r_g[g1,Intercept]")
        second = first + flat(fit, "b_sexm") + flat(fit, "r_g[g1,sexm]")
        np.testing.assert_allclose(model.get_ydata(), [first.mean(), second.mean()])


def test_a_number_of_0_and_1_keeps_its_line() -> None:
    axis = built.fit("y ~ b + (1 + b | g)", kept=40).plot.groups(predictor="b").axes[0]
    assert any(line.get_linestyle() == "-" for line in axis.get_lines())

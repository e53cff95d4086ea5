"""α_j and β_j, beside the equations of the second level by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gibbs.errors import PlotError, SpecError
from gibbs.predictions import second_level
from tests.posterior import built
from tests.posterior.built import flat

LEVELS = ("g1", "g2", "g3", "g4", "g5")


def frame() -> pd.DataFrame:
    """The table with z and w, numbers of the groups, and k, a category of them."""
    table = built.table()
    place = np.array([int(g[1]) for g in table.g])
    return table.assign(z=0.5 * place - 1.0, w=place**2 / 10.0, k=np.array(["p", "q"])[place % 2])


def test_they_are_the_equations_of_the_two_level_form() -> None:
    """y ~ x + z + x:z + b + w + (1 + x | g): α_j = β₀ + β_z z_j + β_w w_j + u_j and β_j = β_x + β_xz z_j + v_j; b has no part in them."""
    fit = built.fit("y ~ x + z + x:z + b + w + (1 + x | g)", frame(), kept=20)
    alpha, beta = second_level.coefficients(fit, "g")
    assert (alpha.symbol, beta.symbol, alpha.levels) == ("α", "β", LEVELS)
    for j, level in enumerate(LEVELS):
        z, w = 0.5 * (j + 1) - 1.0, (j + 1) ** 2 / 10.0
        exact = flat(fit, "b_Intercept") + z * flat(fit, "b_z") + w * flat(fit, "b_w") + flat(fit, f"r_g[{level},Intercept]")
        np.testing.assert_allclose(alpha.draws[:, j], exact, rtol=1e-9, atol=1e-10)
        exact = flat(fit, "b_x") + z * flat(fit, "b_x:z") + flat(fit, f"r_g[{level},x]")
        np.testing.assert_allclose(beta.draws[:, j], exact, rtol=1e-9, atol=1e-10)
    table = alpha.table(0.9)
    assert list(table.columns) == ["level", "term", "mean", "sd", "q5", "q95"]
    np.testing.assert_allclose(table["mean"], alpha.draws.mean(axis=0))


def test_the_line_is_that_of_the_second_level_and_points_differ_from_it_by_the_levels_own_effect() -> None:
    fit = built.fit("y ~ x + z + x:z + w + (1 + x | g)", frame(), kept=20)
    assert second_level.predictors(fit, "g") == ("z", "w")
    alpha, beta = second_level.against(fit, "g", "z")
    held = frame().groupby("g")["w"].first().mean()
    assert alpha.held == {"w": pytest.approx(held)}
    for one, first, slope, term in ((alpha, "b_Intercept", "b_z", "Intercept"), (beta, "b_x", "b_x:z", "x")):
        base = flat(fit, first) + (held * flat(fit, "b_w") if one is alpha else 0.0)
        exact = base[:, None] + flat(fit, slope)[:, None] * one.grid
        np.testing.assert_allclose(one.line, exact, rtol=1e-9, atol=1e-9)
        own = np.stack([flat(fit, f"r_g[{level},{term}]") for level in LEVELS], axis=1)
        np.testing.assert_allclose(one.coefficient.draws, base[:, None] + flat(fit, slope)[:, None] * one.z + own, rtol=1e-9, atol=1e-9)


def test_a_category_of_the_level_has_places_and_a_curve_bends() -> None:
    fit = built.fit("y ~ x + k + x:k + (1 + x | g)", frame(), kept=20)
    alpha, beta = second_level.against(fit)
    assert alpha.labels == ("p", "q") and list(alpha.z) == [1, 0, 1, 0, 1]
    np.testing.assert_allclose(alpha.line, np.stack([flat(fit, "b_Intercept"), flat(fit, "b_Intercept") + flat(fit, "b_kq")], axis=1))
    np.testing.assert_allclose(beta.line[:, 1], flat(fit, "b_x") + flat(fit, "b_x:kq"))
    bent = second_level.against(built.fit("y ~ z + I(z^2) + (1 | g)", frame(), kept=20))[0]
    second = np.diff(bent.line, n=2, axis=1)
    np.testing.assert_allclose(second, second[:, :1] * np.ones(second.shape[1]), rtol=1e-6, atol=1e-9)
    assert np.abs(second).min() > 0


def test_a_level_whose_rows_all_have_x_0_still_has_its_slope() -> None:
    table = frame()
    table["x"] = np.where(table.g == "g2", 0.0, table.x)
    fit = built.fit("y ~ x + z + x:z + (1 + x | g)", table, kept=20)
    beta = second_level.coefficients(fit, "g", "x")[0]
    np.testing.assert_allclose(beta.draws[:, 1], flat(fit, "b_x") + 0.0 * flat(fit, "b_x:z") + flat(fit, "r_g[g2,x]"), rtol=1e-9)
    lone = built.fit("y ~ x + (0 + x | g)", table, kept=20)
    assert [one.term for one in second_level.coefficients(lone)] == ["x"]


def test_the_pictures_show_the_numbers() -> None:
    pytest.importorskip("matplotlib")
    fit = built.fit("y ~ x + z + x:z + (1 + x | g)", frame(), kept=20)
    figure = fit.plot.level2(level=0.8)
    alpha = second_level.against(fit)[0]
    axis = figure.axes[0]
    points = next(line for line in axis.get_lines() if line.get_marker() == "o")
    np.testing.assert_allclose(points.get_ydata(), alpha.coefficient.draws.mean(axis=0))
    assert axis.get_xlabel() == "z" and "80 %" in figure._supxlabel.get_text()
    assert {text.get_text() for text in axis.texts} == set(LEVELS)
    by_category = built.fit("y ~ x + k + (1 | g)", frame(), kept=20).plot.level2()
    assert [tick.get_text() for tick in by_category.axes[0].get_xticklabels()] == ["p", "q"]
    sorted_ = fit.plot.coef("g")
    order = np.argsort(second_level.coefficients(fit)[0].draws.mean(axis=0))
    assert [tick.get_text() for tick in sorted_.axes[0].get_yticklabels()] == [LEVELS[j] for j in order]


def test_what_there_is_not_is_refused_by_name() -> None:
    pytest.importorskip("matplotlib")
    fit = built.fit("y ~ x + z + (1 + x | g)", frame(), kept=5)
    with pytest.raises(SpecError, match="'x' is no predictor of the levels of g; there is z"):
        second_level.against(fit, "g", "x")
    with pytest.raises(SpecError, match="does not vary over g"):
        second_level.coefficients(fit, "g", "b")
    with pytest.raises(PlotError, match="no predictor is constant"):
        built.fit("y ~ x + (1 | g)", kept=5).plot.level2()
    with pytest.raises(PlotError, match="no grouping factor 'h'"):
        fit.plot.level2("h")

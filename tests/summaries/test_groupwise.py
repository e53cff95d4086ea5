"""Effects and coefficients by group: each number is the one the draws say, in the place that lme4 gives it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.posterior.fabricated import design, factor, fit, term


def test_ranef_is_levels_by_terms() -> None:
    made = fit()
    u = made.arrays.u.reshape(-1, 3, 2)
    found = made.ranef()["province"]
    assert found.index.tolist() == ["21801", "21802", "40107"] and found.columns.tolist() == ["Intercept", "x"]
    np.testing.assert_allclose(found, u.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(made.se_ranef()["province"], u.std(axis=0, ddof=1))
    assert found.loc["40107", "x"] == pytest.approx(made.arrays.u[:, :, 5].mean())


def test_ranef_summary_is_the_long_table() -> None:
    found = fit().ranef(summary=True)
    assert found.columns.tolist()[:8] == ["group", "level", "term", "mean", "sd", "q2.5", "q50", "q97.5"]
    assert {"rhat", "ess_bulk"} <= set(found.columns) and len(found) == 6


def test_coef_is_fixed_plus_random_draw_by_draw() -> None:
    """lme4: every fixed coefficient is a column; a varying term without a fixed coefficient is one too."""
    Z = np.ones((12, 2))
    model = design(factor("g", ("a", "b"), Z, term("Intercept", "w")), factor("h", ("c",), Z[:, :1], term("x")))
    made = fit(model)
    beta, u = made.arrays.beta, made.arrays.u
    g, h = made.coef()["g"], made.coef()["h"]
    assert g.columns.tolist() == ["Intercept", "x", "w"] and h.columns.tolist() == ["Intercept", "x"]
    assert g.loc["b", "Intercept"] == pytest.approx((beta[:, :, 0] + u[:, :, 2]).mean())
    assert g.loc["b", "x"] == pytest.approx(beta[:, :, 1].mean())
    assert g.loc["b", "w"] == pytest.approx(u[:, :, 3].mean())
    assert h.loc["c", "x"] == pytest.approx((beta[:, :, 1] + u[:, :, 4]).mean())
    long = made.coef(summary=True)["g"].set_index(["level", "term"])
    total = beta[:, :, 0] + u[:, :, 2]
    assert long.loc[("b", "Intercept"), "sd"] == pytest.approx(total.std(ddof=1))
    assert long.loc[("b", "Intercept"), ["q2.5", "q97.5"]].tolist() == pytest.approx(np.quantile(total, [0.025, 0.975]))


def test_ranef_at_another_level_has_the_ends_of_that_interval() -> None:
    made = fit()
    u = made.arrays.u.reshape(-1, made.arrays.u.shape[2])
    found = made.ranef(summary=True, level=0.8)
    np.testing.assert_allclose(found[["q10", "q90"]], np.quantile(u, [0.1, 0.9], axis=0).T, atol=1e-12)
    assert "q2.5" not in found and found["mean"].tolist() == made.ranef(summary=True)["mean"].tolist()

"""Covariances, VarCorr and shares of the variance against hand calculation."""

from __future__ import annotations

import numpy as np
import pytest

from gibbs.draws.outline import outline
from gibbs.draws.records import Draws
from gibbs.posterior import variances
from tests.posterior.fabricated import design, draws, factor, slopes, term


def _fixed(model: object, **values: float) -> tuple[Draws, object]:
    return draws(model, **values), outline(model)  # type: ignore[arg-type]


def test_the_seven_percent_of_the_deck() -> None:
    """0.12²/(0.44² + 0.12²) = 0.0144/0.208 = 0.07."""
    model = design(factor("province", ("1", "2"), np.ones((12, 1)), term("Intercept")))
    shares = variances.variance_shares(*_fixed(model, sd_province__Intercept=0.12, sigma=0.44))
    assert shares.loc["province", "share"] == pytest.approx(0.0144 / 0.208)
    assert round(shares.loc["province", "share"], 2) == 0.07
    assert shares.loc["Residual", "share"] == pytest.approx(0.1936 / 0.208)
    assert shares["sd"].to_numpy() == pytest.approx(0.0, abs=1e-12)


def test_shares_are_taken_draw_by_draw() -> None:
    model = design(factor("g", ("1", "2"), np.ones((12, 1)), term("Intercept")))
    made = draws(model)
    between, within = made.hyper[:, :, 0] ** 2, made.hyper[:, :, 1] ** 2
    share = between / (between + within)
    row = variances.variance_shares(made, outline(model)).loc["g"]
    assert row["variance"] == pytest.approx(between.mean())
    assert row["share"] == pytest.approx(share.mean())
    assert row["sd"] == pytest.approx(share.std(ddof=1))
    assert row[["q2.5", "q50", "q97.5"]].tolist() == pytest.approx(np.quantile(share, [0.025, 0.5, 0.975]))


def test_a_factor_with_slopes_counts_its_mean_variance_over_rows() -> None:
    model = slopes()
    made, found = _fixed(model, sd_province__Intercept=0.5, sd_province__x=0.3, cor_province__Intercept__x=-0.6, sigma=0.8)
    sigma = np.array([[0.25, -0.6 * 0.15], [-0.6 * 0.15, 0.09]])
    by_row = np.mean([z @ sigma @ z for z in model.factors[0].Z])
    shares = variances.variance_shares(made, found)
    assert shares.loc["province", "variance"] == pytest.approx(by_row)
    assert shares.loc["province", "share"] == pytest.approx(by_row / (by_row + 0.64))
    np.testing.assert_allclose(variances.covariance(made, found, found.factors[0])[2, 7], sigma, rtol=1e-12)


@pytest.mark.parametrize(("family", "residual", "words"), [("probit", 1.0, "latent, 1"), ("logit", np.pi**2 / 3, "latent, π²/3")])
def test_latent_residuals(family: str, residual: float, words: str) -> None:
    model = design(factor("g", ("1", "2"), np.ones((12, 1)), term("Intercept")), family=family)
    shares = variances.variance_shares(*_fixed(model, sd_g__Intercept=0.7))
    assert shares.loc["g", "share"] == pytest.approx(0.49 / (0.49 + residual))
    assert words in shares.index[1]


def test_student_residuals_have_the_variance_of_a_t() -> None:
    model = design(factor("g", ("1", "2"), np.ones((12, 1)), term("Intercept")), family="student")
    shares = variances.variance_shares(*_fixed(model, sd_g__Intercept=1.0, sigma=2.0, nu=4.0))
    assert shares.loc["Residual", "variance"] == pytest.approx(4 * 4 / 2)
    made, found = _fixed(model, sd_g__Intercept=1.0, sigma=2.0, nu=4.0)
    made.hyper[:2, :, 2] = 1.5  # half of the draws: no variance
    assert variances.variance_shares(made, found)["share"].tolist() == pytest.approx([0.5 * 1 / 9, 0.5 * 8 / 9 + 0.5])


def test_known_standard_errors() -> None:
    model = design(factor("school", ("A", "B"), np.ones((12, 1)), term("Intercept")), known_se=np.array([10.0, 20.0] * 6), sigma_prior=None)
    shares = variances.variance_shares(*_fixed(model, sd_school__Intercept=5.0))
    assert shares.loc["Residual (known se)", "variance"] == pytest.approx(250.0)
    assert shares.loc["school", "share"] == pytest.approx(25 / 275)


def test_varcorr_has_the_rows_of_lme4() -> None:
    """as.data.frame(VarCorr(lmer(y ~ x + (1 + x | province) + (1 | a) + (0 + x | a)))): same grp, var1, var2."""
    a = factor("a", ("1", "2"), np.ones((12, 2)), term("Intercept"), term("x"))
    model = design(*slopes().factors, a)
    made = draws(model)
    found = variances.varcorr(made, outline(model))
    assert found[["grp", "var1", "var2"]].to_numpy().tolist() == [
        ["province", "Intercept", None],
        ["province", "x", None],
        ["province", "Intercept", "x"],
        ["a", "Intercept", None],
        ["a.1", "x", None],
        ["Residual", None, None],
    ]
    first, second, correlation = (made.hyper[:, :, i] for i in range(3))
    assert found.loc[0, "vcov"] == pytest.approx((first**2).mean())
    assert found.loc[0, "sdcor"] == pytest.approx(first.mean())
    assert found.loc[2, "vcov"] == pytest.approx((first * second * correlation).mean())
    assert found.loc[2, "sdcor"] == pytest.approx(correlation.mean())
    assert found.loc[5, "sdcor"] == pytest.approx(made.hyper[:, :, -1].mean())


def test_varcorr_of_a_binary_family_has_no_residual() -> None:
    model = design(factor("g", ("1", "2"), np.ones((12, 1)), term("Intercept")), family="logit")
    assert variances.varcorr(draws(model), outline(model))["grp"].tolist() == ["g"]

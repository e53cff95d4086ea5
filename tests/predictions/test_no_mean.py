"""Expected counts over groups that were not seen, where the posterior of their sd has a long tail: quantiles, medians, and no means."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gibbs.files import tablefile
from gibbs.posterior.fit import Fit
from tests.posterior import built


@pytest.fixture(scope="module")
def fit() -> Fit:
    """Poisson counts; σ of g has the law √(5 s²/χ²₅), s = 2: exp(σ²/2) has no mean."""
    made = built.fit("count ~ x + c + (1 | g)", family="poisson", kept=1000)
    draws = made.arrays
    place = draws.hyper_names.index("sd_g__Intercept")
    hyper = draws.hyper.copy()
    hyper[:, :, place] = 2.0 * np.sqrt(5.0 / np.random.default_rng(8).chisquare(5, hyper.shape[:2]))
    return Fit(made.spec, made.design, replace(draws, hyper=hyper), plan=made.plan, table=made.table_again())


def by_hand(fit: Fit, x: float, mid: float = 0.0) -> np.ndarray:
    """exp(x'β + σ²/2) of every draw, c at its base or at mid."""
    eta = built.flat(fit, "b_Intercept") + x * built.flat(fit, "b_x") + mid * built.flat(fit, "b_cmid")
    return np.exp(eta + 0.5 * built.flat(fit, "sd_g__Intercept") ** 2)


def test_tables_have_quantiles_and_say_why_there_is_no_mean(fit: Fit) -> None:
    new = pd.DataFrame({"x": [2.0, 2.0], "c": ["low", "low"], "g": ["g1", "g1"], "N": [1, 1]})
    exact = by_hand(fit, 2.0)
    found = fit.predict(new, "population")
    assert found[["mean", "sd"]].isna().all(axis=None)
    np.testing.assert_allclose(found.iloc[0][["q2.5", "q50", "q97.5"]].to_numpy(float), np.quantile(exact, [0.025, 0.5, 0.975]), rtol=1e-9)
    known = fit.predict(new, "known")
    assert known[["mean", "sd"]].notna().all(axis=None) and not tablefile.lacks_means(known)
    words = " ".join(tablefile.text(found).split())
    assert "–: no mean and no sd." in words and "q50 is the median" in words and "no mean" not in tablefile.text(known)

    effects = fit.effects("c", at={"x": 2.0})
    table = effects.table.set_index("c")
    assert table["mean"].isna().all() and table.loc["mid", "q50"] == pytest.approx(np.median(by_hand(fit, 2.0, 1.0)))
    assert "no mean and no sd" in repr(effects) and "no mean and no sd" in effects._repr_html_()
    contrasts = fit.contrasts("c", at={"x": 2.0})
    difference = by_hand(fit, 2.0, 1.0) - exact
    row = contrasts.table.iloc[0]
    assert np.isnan(row["mean"]) and row["q50"] == pytest.approx(np.median(difference)) and "no mean" in repr(contrasts)
    ratio = fit.contrasts("c", at={"x": 2.0}, exp=True).table.iloc[0]
    assert ratio["mean"] == pytest.approx(np.exp(built.flat(fit, "b_cmid").mean()))
    assert fit.ame("x", groups="population")["mean"].isna().all() and fit.ame("x")["mean"].notna().all()
    assert np.isnan(fit.poststratify(new, "N", groups="population").table["mean"]).all()


def test_shares_of_counts_have_medians_of_variances(fit: Fit) -> None:
    shares = fit.variance_shares(scale="observed")
    assert np.isnan(shares.loc["g", "variance"]) and np.isfinite(shares.loc["g", "variance_q50"])
    assert shares["share"].sum() == pytest.approx(1.0)
    sigma2 = built.flat(fit, "sd_g__Intercept") ** 2
    X = fit.design.X
    mean = np.exp(X @ fit.arrays.beta.reshape(-1, X.shape[1]).T + 0.5 * sigma2)  # (n, S)
    assert shares.loc["g", "variance_q50"] == pytest.approx(np.median((mean**2).mean(axis=0) * np.expm1(sigma2)), rel=1e-9)
    assert "variance_q50" not in fit.variance_shares()  # σ² itself has a mean


def test_pictures_show_medians_and_say_so(fit: Fit) -> None:
    pytest.importorskip("matplotlib")
    figure = fit.effects("x").plot()
    said = " ".join(text.get_text() for text in figure.texts).replace("\n", " ")
    assert "Posterior medians" in said and "The draws settle no mean" in said
    axis = figure.axes[0]
    assert axis.get_yscale() == "log" and not any("$" in tick.get_text() for tick in axis.get_yticklabels())
    frame = pd.DataFrame({"x": [2.0, 1.0], "c": ["low", "low"], "g": ["g1", "nowhere"], "N": [1, 1], "area": ["a", "b"]})
    areas = fit.poststratify(frame, "N", "area", new_levels="draw").plot()
    assert "Posterior medians" in " ".join(text.get_text() for text in areas.texts).replace("\n", " ")

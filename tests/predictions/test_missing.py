"""Outcomes that are missing are drawn from their posterior predictive, by row, reproducibly, and travel with the run folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import gibbs
from gibbs.errors import SpecError
from gibbs.posterior.fit import Fit, load
from tests.posterior import built
from tests.posterior.built import flat

GONE = [3, 17, 40]  # 1-based rows
PREDICT = {"data": {"missing": "predict"}}


def with_gaps(column: str) -> pd.DataFrame:
    frame = built.table()
    frame[column] = frame[column].astype(object if column == "grade" else float)
    frame.loc[[r - 1 for r in GONE], column] = None if column == "grade" else np.nan
    return frame


def fit_of(formula: str = "y ~ x + (1 | g)", column: str = "y", family: str = "gaussian", **keys) -> Fit:  # type: ignore[no-untyped-def]
    return built.fit(formula, with_gaps(column), family, **PREDICT, **keys)


def test_rows_and_law() -> None:
    """(ymis − η)/σ of each row is standard normal and its own over rows: 4,000 draws."""
    fit, frame = fit_of(kept=1000), built.table()
    table, drawn = fit.missing_outcomes(), fit.missing_outcomes(draws=True)
    assert table.index.name == "row" and list(table.index) == GONE and drawn.shape == (4, 1000, 3)
    z = []
    for k, row in enumerate(GONE):
        cell = frame.iloc[row - 1]
        eta = flat(fit, "b_Intercept") + flat(fit, "b_x") * cell.x + flat(fit, f"r_g[{cell.g},Intercept]")
        z.append((drawn[:, :, k].reshape(-1) - eta) / flat(fit, "sigma"))
        assert stats.kstest(z[-1], "norm").pvalue > 1e-5
        assert table.loc[row, "mean"] == pytest.approx(drawn[:, :, k].mean(), rel=1e-12)
    assert np.abs(np.corrcoef(z)[np.triu_indices(3, 1)]).max() < 4.4 / np.sqrt(4000)


@pytest.mark.parametrize(
    ("formula", "column", "family", "values"),
    [
        ("y ~ x + (1 | g)", "y", "student", None),
        ("y | se(se) ~ x + (1 | g)", "y", "gaussian", None),
        ("bin ~ x + (1 | g)", "bin", "logit", {0.0, 1.0}),
        ("bin ~ x + (1 | g)", "bin", "probit", {0.0, 1.0}),
        ("s | trials(n) ~ x + (1 | g)", "s", "binomial", set(range(7))),
        ("count ~ x + (1 | g)", "count", "poisson", None),
        ("count ~ x + (1 | g)", "count", "negative_binomial", None),
        ("grade ~ x + (1 | g)", "grade", "ordinal", {0.0, 1.0, 2.0, 3.0}),
    ],
)
def test_every_family(formula: str, column: str, family: str, values: set | None) -> None:
    fit = fit_of(formula, column, family)
    drawn = fit.missing_outcomes(draws=True)
    assert drawn.shape == (4, 100, 3) and np.isfinite(drawn).all()
    assert values is None or set(np.unique(drawn)) <= values
    if family == "binomial":
        n = built.table().n.to_numpy()[[r - 1 for r in GONE]]
        assert (drawn.max(axis=(0, 1)) <= n).all()


def test_a_level_of_missing_rows_alone_keeps_its_effect() -> None:
    frame = built.table()
    frame.loc[[4, 9], ["g", "y"]] = ["lonely", np.nan]
    fit = built.fit("y ~ 1 + (1 | g)", frame, kept=1000, values={"sigma": 1e-6}, **PREDICT)
    drawn = fit.missing_outcomes(draws=True).reshape(-1, 2)
    expected = flat(fit, "b_Intercept") + flat(fit, "r_g[lonely,Intercept]")
    np.testing.assert_allclose(drawn, np.stack([expected, expected], axis=1), atol=1e-4)


def test_seeds() -> None:
    fit = fit_of()
    first = fit.missing_outcomes(draws=True)
    again = Fit(fit.spec, fit.design, fit.arrays).missing_outcomes(draws=True)
    np.testing.assert_array_equal(first, again)
    other = replace(fit.spec, sampling=replace(fit.spec.sampling, seed=1))
    assert not np.allclose(Fit(other, fit.design, fit.arrays).missing_outcomes(draws=True), first)


def test_the_run_folder_has_them(tmp_path: Path) -> None:
    fit = fit_of()
    folder = fit.save(tmp_path / "run")
    table = pd.read_csv(folder / "missing.csv")
    assert list(table.columns) == ["row", "mean", "sd", "q2.5", "q50", "q97.5"] and list(table["row"]) == GONE
    np.testing.assert_allclose(table["mean"], fit.missing_outcomes()["mean"], rtol=1e-6)
    after = load(folder)  # without the data
    np.testing.assert_array_equal(after.missing_outcomes(draws=True), fit.missing_outcomes(draws=True))
    pd.testing.assert_frame_equal(after.missing_outcomes(), fit.missing_outcomes())
    assert after.draws.identical(fit.draws)
    assert after.draws["posterior_predictive"]["ymis"].dims == ("chain", "draw", "ymis_row")
    assert set(after.draws["observed_data"]["obs_id"].to_numpy()) == set(range(1, 61)) - set(GONE)  # no made-up outcome is observed
    again = after.save(tmp_path / "again")
    assert (again / "missing.csv").read_text() == (folder / "missing.csv").read_text()
    built.fit("y ~ x + (1 | g)").save(tmp_path / "run", force=True)  # a run without: the file goes with the run it was of
    assert not (tmp_path / "run" / "missing.csv").exists()


def test_from_end_to_end() -> None:
    """Sampled: the predictive of a missing y in a model with one mean is t with n − 1 degrees of freedom about ȳ (flat priors).

    y of n = 20 under nearly flat priors: (ymis − ȳ)/(s √(1 + 1/n)) ~ t_{n−1} (Gelman et al. 2013, section 3.2).
    """
    rng = np.random.default_rng(5)
    y = np.append(rng.normal(3.0, 2.0, 20), np.nan)
    fit = gibbs.fit(
        "y ~ 1",
        pd.DataFrame({"y": y}),
        priors={"b[Intercept]": "normal(0, 1000000)", "sigma": "inverse_gamma(0.00001, 0.00001)"},
        missing="predict",
        seed=4,
        draws=2000,
        progress=False,
    )
    drawn = fit.missing_outcomes(draws=True).reshape(-1)
    seen = y[:20]
    z = (drawn - seen.mean()) / (seen.std(ddof=1) * np.sqrt(1 + 1 / 20))
    assert stats.kstest(z[::2], "t", args=(19,)).pvalue > 1e-4


def test_where_nothing_is_missing() -> None:
    fit = built.fit("y ~ x + (1 | g)")
    assert fit.missing_draws is None
    with pytest.raises(SpecError, match="missing: predict"):
        fit.missing_outcomes()

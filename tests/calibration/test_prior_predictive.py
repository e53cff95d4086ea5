"""What priors expect: beside closed forms where there are some, and of every family."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import gibbs
from gibbs.calibration.prior_predictive import expect, statistics
from gibbs.cli import main
from gibbs.model.families import FAMILIES
from tests.posterior import built


def test_of_a_gaussian_model_it_is_the_normal_that_the_priors_say() -> None:
    """y_i = β + u_g + ε: the mean of 60 rows in 5 equal groups is normal, of variance 2² + 1.5²/5 + 1/60 about 3."""
    fit = built.fit("y ~ 1 + (1 | g)", kept=5, priors={"b[Intercept]": "normal(3, 2)", "sd[g]": 1.5, "sigma": 1.0})
    found = expect(fit.design, 4_000, seed=1)
    means = found.simulated[:, found.names.index("mean of y")]
    variance = 4.0 + 1.5**2 / 5 + 1 / 60
    assert abs(means.mean() - 3.0) < 4 * np.sqrt(variance / 4_000)
    assert abs(means.var(ddof=1) / variance - 1.0) < 4 * np.sqrt(2 / 4_000)
    between = found.simulated[:, found.names.index("sd of the means of each g")]
    expected = 1.5**2 + 5 / 60  # of the squares, group means of 12 rows: the sum of both variances
    assert abs((between**2).mean() / expected - 1.0) < 4 * np.sqrt(2 / 4 / 4_000)
    assert found.beyond == 0 and found.table["data"].iloc[0] == pytest.approx(built.table()["y"].mean())


@pytest.mark.parametrize("family", list(FAMILIES))
def test_every_family(family: str) -> None:
    outcome = {"binary": "bin", "count": "count", "ordinal": "grade", "trials": "cbind(s, n)"}.get(FAMILIES[family].outcome, "y")
    priors = {"b": "normal(0, 0.5)", "sd": "half_normal(0, 0.5)"}
    if (own := FAMILIES[family].parameter("dispersion_prior")) is not None:
        priors[own.name] = "gamma(2, 1)"  # the default of a negative binomial is too wide to simulate from, and is refused
    fit = built.fit(f"{outcome} ~ x + (1 | g)", family=family, kept=5, priors=priors)
    found = expect(fit.design, 40, seed=3)
    names, values = statistics(fit.design)
    assert found.names == names and np.isfinite(found.simulated).all() and found.simulated.shape == (40 - found.beyond, len(names))
    assert list(found.table.columns) == ["statistic", "data", "q2.5", "q25", "q50", "q75", "q97.5", "below"]
    np.testing.assert_array_equal(found.table["data"], values)
    assert "The data lie" in found.sentence and "<table>" in found._repr_html_()


def test_priors_that_the_data_contradict_are_told() -> None:
    table = built.table()
    found = gibbs.prior_predictive("y ~ 1", table.assign(y=table.y + 50.0), priors={"intercept": "normal(0, 1)", "sigma": 1.0}, seed=1)
    assert "outside 95 %" in found.sentence and "mean of y (above)" in found.sentence
    with pytest.raises(gibbs.SpecError, match="flat"):
        gibbs.prior_predictive("y ~ x", table, priors={"b[x]": "flat"}, seed=1)
    with pytest.raises(gibbs.SpecError, match="whole number from 20"):
        gibbs.prior_predictive("y ~ x", table, data_sets=3, seed=1)


def test_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    built.table().to_csv("d.csv", index=False)
    Path("m.yaml").write_text("data: d.csv\nformula: y ~ x + (1 | g)\nsampling: {seed: 4}\n", encoding="utf-8")
    words = ["prior", "m.yaml", "--data-sets", "50", "--csv", "p.csv", "--picture", "p.png"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "sd of the means of each g" in out and "The data lie" in out and Path("p.png").read_bytes().startswith(b"\x89PNG")
    fit = built.fit("y ~ x + (1 | g)", kept=5)
    expected = expect(fit.design, 50, seed=4).table
    pd.testing.assert_frame_equal(pd.read_csv("p.csv"), expected, rtol=1e-6)
    assert main(words) == 2 and "Choose another" in capsys.readouterr().err


def test_counts_beyond_numbers_are_infinite_and_not_left_out() -> None:
    """y ~ Poisson(e^β), β ~ N(0, 100): counts beyond 2^53 have Pr(β > 36.7), and the quantiles of the mean are e to those of β."""
    fit = built.fit("count ~ 1", family="poisson", kept=5, priors={"b[Intercept]": "normal(0, 100)"})
    found = expect(fit.design, 2_000, seed=1)
    share = stats.norm.sf(np.log(2.0**53) / 100.0)
    assert abs(found.beyond / 2_000 - share) < 4 * np.sqrt(share * (1 - share) / 2_000) and found.lost == 0
    assert "data sets hold an outcome beyond 9e+15, most often by b_Intercept." in found.sentence
    table = found.table.set_index("statistic")
    assert abs(np.log(table.loc["mean of count", "q75"]) - 67.4) < 4 * 3.1  # 100 z(0.75), and its sd √(p(1−p)/n)/φ
    assert 0.4 < table.loc["share of zeros", "q50"] <= 1.0 or table.loc["share of zeros", "q25"] < 0.6
    assert np.isfinite(found.simulated[:, 1]).all()
    wide = expect(built.fit("count ~ 1", family="poisson", kept=5, priors={"b[Intercept]": "normal(0, 2000)"}).design, 400, seed=1)
    assert wide.table.set_index("statistic").loc["mean of count", "q75"] == np.inf and "inf" in repr(wide)
    pytest.importorskip("matplotlib")
    assert len(found.plot().axes) >= 3 and len(wide.plot().axes) >= 3

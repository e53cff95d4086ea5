"""Intervals against quantile functions, and against the densities whose shortest interval is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gibbs.errors import SpecError
from gibbs.posterior import intervals
from tests.posterior.fabricated import draws, fit, slopes

GRID = (np.arange(40000) + 0.5) / 40000  # probabilities: draws without chance


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_equal_tails_are_quantiles(level: float) -> None:
    law = stats.gamma(3)
    low, high = intervals.interval(law.ppf(GRID)[:, None], level)
    assert low[0] == pytest.approx(law.ppf((1 - level) / 2), rel=3e-3)
    assert high[0] == pytest.approx(law.ppf((1 + level) / 2), rel=3e-3)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_the_shortest_interval(level: float) -> None:
    """Of a symmetric law the equal-tailed one; of an exponential from 0 to −log(1 − level); of its mirror image likewise."""
    columns = np.column_stack((stats.norm.ppf(GRID), stats.expon.ppf(GRID), -stats.expon.ppf(GRID)))
    low, high = intervals.interval(np.random.default_rng(1).permutation(columns), level, "hdi")
    expected = stats.norm.ppf((1 + level) / 2)
    assert high[0] - low[0] == pytest.approx(2 * expected, rel=2e-3)
    assert (low[1], high[1]) == pytest.approx((0.0, -np.log(1 - level)), abs=2e-3)
    assert (low[2], high[2]) == pytest.approx((np.log(1 - level), 0.0), abs=2e-3)


def test_the_shortest_holds_what_it_says_and_none_that_does_is_shorter() -> None:
    x = np.random.default_rng(3).gamma(1.3, size=101)
    low, high = intervals.interval(x[:, None], 0.7, "hdi")
    inside = 71  # ⌈0.7 · 101⌉
    assert np.sum((x >= low[0]) & (x <= high[0])) == inside
    ordered = np.sort(x)
    assert high[0] - low[0] == min(ordered[i + inside - 1] - ordered[i] for i in range(101 - inside + 1))


@pytest.mark.parametrize(
    ("level", "kind", "words"), [(0, "equal", "between 0 and 1"), (95, "equal", "Did you mean 0.95"), (1.0, "equal", "1")]
)
def test_levels_that_are_none(level: float, kind: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        intervals.check(level, kind)


def test_an_interval_that_is_none() -> None:
    with pytest.raises(SpecError, match="Did you mean 'hdi'"):
        fit().summary(interval="hdp")


def test_summary_with_a_level() -> None:
    made = fit()
    table, usual = made.summary(level=0.9), made.summary()
    assert list(table.columns) == ["mean", "sd", "q5", "q50", "q95", "mcse_mean", "ess_bulk", "ess_tail", "rhat"]
    assert list(table.index) == list(usual.index)
    x = made.arrays.beta[:, :, 1]
    assert table.loc["b_x", ["q5", "q95"]].tolist() == pytest.approx(np.quantile(x, [0.05, 0.95]))
    s = made.arrays.hyper[:, :, made.arrays.hyper_names.index("sigma")]
    assert table.loc["sigma", ["q5", "q95"]].tolist() == pytest.approx(np.quantile(s, [0.05, 0.95]))
    np.testing.assert_allclose(made.summary(level=0.95).to_numpy(), usual.to_numpy(), rtol=1e-12)
    short = made.summary(level=0.9, interval="hdi")
    assert {"hdi5", "hdi95"} <= set(short.columns)
    assert (short["hdi95"] - short["hdi5"] <= table["q95"] - table["q5"] + 1e-12).all()


def test_a_constant_has_itself() -> None:
    table = fit(made=draws(slopes(), sigma=2.5)).summary(level=0.5)
    assert table.loc["sigma", ["q25", "q75"]].tolist() == [2.5, 2.5]


def test_effects_and_coefficients_with_a_level() -> None:
    made = fit()
    table = made.ranef(summary=True, level=0.8)
    assert list(table.columns) == ["group", "level", "term", "mean", "sd", "q10", "q50", "q90", "rhat", "ess_bulk", "ess_tail"]
    assert table.loc[3, ["q10", "q90"]].tolist() == pytest.approx(np.quantile(made.arrays.u[:, :, 3], [0.1, 0.9]))
    assert list(made.ranef(summary=True).columns[5:8]) == ["q2.5", "q50", "q97.5"]
    coef = made.coef(summary=True, level=0.8)["province"].set_index(["level", "term"])
    total = made.arrays.beta[:, :, 1] + made.arrays.u[:, :, 3]
    assert coef.loc[("21802", "x"), ["q10", "q50", "q90"]].tolist() == pytest.approx(np.quantile(total, [0.1, 0.5, 0.9]))
    with pytest.raises(SpecError, match=r"Did you mean 0\.9"):
        made.coef(summary=True, level=90)

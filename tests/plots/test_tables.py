"""Pictures of tables: coefficients, shares of the variance, traces and ranks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import stats

from gibbs.plots import coefficients, trace
from tests.plots import fits
from tests.posterior import fabricated


def test_coefficients_in_the_order_of_the_formula() -> None:
    fit = fits.fit()
    axis = fit.plot.coefficients().axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["x", "z", "x:z"]
    segments = np.array(axis.collections[0].get_segments())
    for k in (1, 2, 3):
        low, high = np.quantile(fit.arrays.beta[:, :, k], (0.025, 0.975))
        np.testing.assert_allclose(segments[k - 1], [[low, 3 - k], [high, 3 - k]])
    labels = [label.get_text() for label in fit.plot.coefficients(intercept=True).axes[0].get_yticklabels()]
    assert labels == ["Intercept", "x", "z", "x:z"]


def test_standardised_is_times_the_sd_of_the_column() -> None:
    weights = 1 + np.arange(60) % 4
    fit = fits.fit(weights=weights)
    plain, scaled = coefficients.numbers(fit), coefficients.numbers(fit, standardised=True)
    sd = np.repeat(fit.design.X, weights, axis=0).std(axis=0, ddof=1)[1:]
    np.testing.assert_allclose(scaled.mean, plain.mean * sd)
    np.testing.assert_allclose(scaled.outer, plain.outer * sd)
    np.testing.assert_allclose(scaled.inner, plain.inner * sd)


def test_any_parameter_by_name_or_pattern() -> None:
    fit = fits.fit("ordinal")
    found = coefficients.numbers(fit, ["b_Intercept[*", "x", "r_year[199?,Intercept]"])
    assert found.names == ("b_Intercept[1]", "b_Intercept[2]", "x", *(f"r_year[{year},Intercept]" for year in (1990, 1994, 1999)))
    np.testing.assert_allclose(found.mean[:2], [-1.0, 1.0])
    np.testing.assert_allclose(found.mean[3:], fit.arrays.u[:, :, 8:].mean(axis=(0, 1)))


def test_bars_are_the_shares() -> None:
    fit = fits.fit("logit")
    axis = fit.plot.variance().axes[0]
    table = fit.variance_shares()
    np.testing.assert_allclose([bar.get_width() for bar in axis.patches], 100 * table["share"])
    np.testing.assert_allclose(np.array(axis.collections[0].get_segments())[:, :, 0], 100 * table[["q2.5", "q97.5"]])
    assert [label.get_text() for label in axis.get_yticklabels()] == ["g", "year", "Residual (latent, π²/3)"]


def test_ranks_of_the_draws_by_chain() -> None:
    rng = np.random.default_rng(1)
    values = np.round(rng.normal(size=(3, 200)), 1)  # with ties
    counts = trace.rank_counts(values, 10)
    ranks = stats.rankdata(values.ravel()).reshape(3, 200)
    wanted = np.stack([np.histogram(row, np.arange(0, 601, 60) + 0.5)[0] for row in ranks])
    np.testing.assert_array_equal(counts, wanted)
    assert counts.sum(axis=1).tolist() == [200] * 3
    apart = trace.rank_counts(np.arange(200.0).reshape(2, 100), 2)
    assert apart.tolist() == [[100, 0], [0, 100]]


def test_a_row_a_parameter_and_a_line_a_chain() -> None:
    fit = fits.fit(kept=1500)
    made = fit.plot.trace(["sigma", "b_x"])
    assert [axis.get_title("left") for axis in made.axes] == ["sigma", "ranks", "b_x", ""]
    lines = made.axes[2].lines
    assert len(lines) == 4
    for chain, line in enumerate(lines):
        np.testing.assert_allclose(line.get_ydata(), fit.arrays.beta[chain, line.get_xdata() - 1, 1])
        assert len(line.get_xdata()) == trace.POINTS and line.get_xdata()[0] == 1 and line.get_xdata()[-1] == 1500
    steps = made.axes[3].patches
    assert len({patch.get_linestyle() for patch in steps}) == 4  # told apart without colour
    np.testing.assert_allclose(steps[2].get_data().values, trace.rank_counts(fit.arrays.beta[:, :, 1])[2])


def test_by_default_those_known_least_well() -> None:
    fit = fits.fit("student", kept=200)
    beta = fit.arrays.beta.copy()
    beta[:, :, 2] = np.cumsum(np.random.default_rng(2).normal(size=beta.shape[:2]), axis=1)  # a chain that wanders
    fit = fabricated.fit(fit.design, replace(fit.arrays, beta=beta))
    chosen = trace.default(fit)
    assert len(chosen) == trace.SHOWN < len(fit.summary())
    assert "b_z" in chosen
    assert set(chosen) == set(fit.summary()["ess_bulk"].nsmallest(trace.SHOWN).index)
    assert chosen == [name for name in fit.summary().index if name in chosen]

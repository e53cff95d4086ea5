"""Predictive checks: bins, stripes and frequencies against loops and closed forms; weights and missing outcomes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import special, stats

from gibbs.errors import PlotError
from gibbs.plots import ppc
from tests.plots import fits
from tests.posterior import fabricated


def test_every_outcome_counts_once() -> None:
    design = replace(fits.design(), weights=1 + np.arange(60) % 3, missing_outcome=np.arange(60) == 4)
    rows = ppc.outcomes(design)
    wanted = [i for i in range(60) for _ in range(1 + i % 3) if i != 4]
    assert rows.tolist() == wanted
    some = ppc.outcomes(design, seed=1, most=50)
    assert len(some) == 50 and set(some) <= set(wanted)
    counts = np.bincount(some, minlength=60)
    assert (counts <= np.where(np.arange(60) == 4, 0, 1 + np.arange(60) % 3)).all()  # taken without replacement
    with pytest.raises(PlotError, match="no row"):
        ppc.outcomes(replace(design, missing_outcome=np.ones(60, dtype=bool)))


def test_expected_outcomes_are_means_over_the_draws() -> None:
    fit = fits.fit("logit", kept=60)
    design, arrays = fit.design, fit.arrays
    eta = np.einsum("csp,np->csn", arrays.beta, design.X)
    g, year = design.factors
    eta += arrays.u[:, :, 2 * g.codes] + arrays.u[:, :, 2 * g.codes + 1] * g.Z[:, 1] + arrays.u[:, :, 8 + year.codes]
    rows = np.array([0, 7, 7, 59])
    np.testing.assert_allclose(ppc.expected(fit, rows), special.expit(eta).mean(axis=(0, 1))[rows])


def test_binned_residuals_are_means_of_their_bins() -> None:
    """All fitted probabilities distinct and 400 rows: 20 bins of 20, in order."""
    rng = np.random.default_rng(1)
    p = rng.permutation(np.linspace(0.05, 0.9, 400))
    y = (rng.random(400) < p).astype(float)
    found = ppc.binned(p, y, np.ones(400))
    assert found.outcomes.tolist() == [20.0] * 20
    for k, rows in enumerate(np.argsort(p).reshape(20, 20)):
        assert found.fitted[k] == pytest.approx(p[rows].mean())
        assert found.residual[k] == pytest.approx(y[rows].mean() - p[rows].mean())
        assert found.error[k] == pytest.approx(np.sqrt(np.sum(p[rows] * (1 - p[rows]))) / 20)


def test_trials_and_repeated_rows_are_the_same_bins() -> None:
    rng = np.random.default_rng(2)
    p, trials = rng.random(30), rng.integers(1, 20, 30)
    y = rng.binomial(trials, p).astype(float)
    one_by_one = np.concatenate([[1.0] * int(s) + [0.0] * int(n - s) for s, n in zip(y, trials, strict=True)])
    together, apart = ppc.binned(p, y, trials.astype(float)), ppc.binned(np.repeat(p, trials), one_by_one, np.ones(trials.sum()))
    for name in ("fitted", "residual", "error", "outcomes"):
        np.testing.assert_allclose(getattr(together, name), getattr(apart, name))
    assert together.outcomes.sum() == trials.sum()


def test_rows_with_one_probability_stay_together() -> None:
    """Sorted by outcome within one probability: bins that cut there would be all zeros and all ones."""
    p = np.repeat([0.2, 0.5, 0.8], 100)
    y = np.concatenate([np.repeat([0.0, 1.0], [100 - k, k]) for k in (20, 50, 80)])
    found = ppc.binned(p, y, np.ones(300))
    np.testing.assert_allclose(found.fitted, [0.2, 0.5, 0.8])
    np.testing.assert_allclose(found.residual, 0.0, atol=1e-12)


def test_separation_stripes_are_outcomes_in_the_order_of_their_probabilities() -> None:
    rng = np.random.default_rng(3)
    p = rng.random(50)
    y = (rng.random(50) < p).astype(float)
    events, chance = ppc.separation(p, y, np.ones(50))
    np.testing.assert_allclose(events, y[np.argsort(p)], atol=1e-12)
    np.testing.assert_allclose(chance, np.sort(p))
    coarse, _ = ppc.separation(p, y, np.ones(50), stripes=5)
    np.testing.assert_allclose(coarse, y[np.argsort(p)].reshape(5, 10).mean(axis=1))
    by_trials, _ = ppc.separation(np.array([0.7, 0.3]), np.array([3.0, 1.0]), np.array([4.0, 2.0]))
    np.testing.assert_allclose(by_trials, [0.5, 0.5, 0.75, 0.75, 0.75, 0.75])


def test_the_picture_of_a_binary_model_has_these_numbers() -> None:
    fit = fits.fit("probit")
    top, below = fit.plot.ppc().axes
    rows = np.arange(60)
    bins = ppc.binned(ppc.expected(fit, rows), fit.design.y, np.ones(60))
    points = np.concatenate([np.column_stack(line.get_data()) for line in top.lines if line.get_marker() == "o"])
    np.testing.assert_allclose(points[np.argsort(points[:, 0])], np.column_stack((bins.fitted, bins.residual)))
    bands = [line for line in top.lines if line.get_marker() == "None" and len(line.get_xdata()) == len(bins.fitted)]
    np.testing.assert_allclose(sorted(line.get_ydata()[0] for line in bands), [-2 * bins.error[0], 2 * bins.error[0]])
    np.testing.assert_allclose(below.images[0].get_array().ravel(), fit.design.y[np.argsort(ppc.expected(fit, rows))], atol=1e-9)
    triangle = below.lines[-1]
    assert triangle.get_xdata()[0] == pytest.approx(1 - ppc.expected(fit, rows).mean())


def constant(family: str, **changes: object):
    """One coefficient fixed in all draws, no factors: the predictive law is known. 200 rows."""
    model = fabricated.design(family=family, rows=200, coefficients=("Intercept",), X=np.ones((200, 1)), sigma_prior=None, **changes)
    draws = fabricated.draws(model, kept=200, **({"b_Intercept[1]": -0.5, "b_Intercept[2]": 1.0} if family == "ordinal" else {}))
    return fabricated.fit(model, replace(draws, beta=np.full_like(draws.beta, 0.4)))


def test_a_rootogram_has_the_expected_frequencies_of_a_poisson() -> None:
    y = np.minimum(np.random.default_rng(5).poisson(1.5, 200), 6).astype(float)
    y[0] = 6.0
    fit = constant("poisson", y=y, link="log")
    found = ppc.frequencies(fit, np.arange(200), ppc.count_edges(y))
    np.testing.assert_array_equal(found.observed, [np.sum(y == k) for k in range(7)])
    law = stats.poisson(np.exp(0.4))
    wanted = 200 * np.append(law.pmf(np.arange(6)), law.sf(5))
    error = np.sqrt(wanted * (1 - wanted / 200) / ppc.COUNTED)
    assert np.all(np.abs(found.mean - wanted) < 4.5 * error)
    axis = fit.plot.ppc().axes[0]
    for bar, count in zip(axis.patches, found.observed[found.observed > 0], strict=True):
        assert bar.get_height() == pytest.approx(np.sqrt(count))
    tops = [bar.get_y() + bar.get_height() for bar in axis.patches]
    np.testing.assert_allclose(tops, np.sqrt(found.mean)[found.observed > 0])  # they hang from the curve


def test_large_counts_are_binned_and_none_is_lost() -> None:
    y = np.r_[np.zeros(100), np.full(100, 999.0)]
    edges = ppc.count_edges(y)
    assert len(edges) - 1 <= ppc.BARS and np.ptp(np.diff(edges)) == 0 and edges[-1] > 999
    found = ppc.frequencies(constant("poisson", y=y, link="log"), np.arange(200), edges)
    assert found.observed.sum() == 200 and found.observed[0] == 100 and found.observed[-1] == 100
    assert found.mean.sum() == pytest.approx(200)


def test_categories_of_an_ordinal_model() -> None:
    y = np.repeat([0.0, 1.0, 2.0], [30, 70, 100])
    fit = constant("ordinal", y=y, link="logit", categories=("low", "middle", "high"), cutpoint_prior=fabricated.HALF_T)
    axis = fit.plot.ppc().axes[0]
    assert [bar.get_height() for bar in axis.patches] == [30, 70, 100]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["low", "middle", "high"]
    below = special.expit(np.array([-0.5, 1.0]) - 0.4)
    wanted = 200 * np.diff(np.r_[0.0, below, 1.0])
    drawn = axis.lines[0].get_ydata()
    assert np.all(np.abs(drawn - wanted) < 4.5 * np.sqrt(wanted * (1 - wanted / 200) / ppc.COUNTED))


def test_densities_of_known_standard_errors() -> None:
    """η = 0.4 and s = 2 in every draw: replications have mean 0.4 and variance 4."""
    y = np.random.default_rng(6).normal(0.4, 2.0, 200)
    fit = constant("gaussian", y=y, known_se=np.full(200, 2.0))
    assert fit.outline.sigma_prior is None
    made = np.stack(list(ppc.replications(fit, np.arange(200), 100)))
    assert abs(made.mean() - 0.4) < 4.5 * 2 / np.sqrt(made.size)
    assert abs(made.var() / 4 - 1) < 4.5 * np.sqrt(2 / made.size)
    found = ppc.densities(fit, np.arange(200))
    assert found.replicated.shape[0] == ppc.REPLICATIONS
    axis = fit.plot.ppc().axes[0]
    assert len(axis.lines) == ppc.REPLICATIONS + 1
    np.testing.assert_allclose(axis.lines[-1].get_ydata(), found.observed)
    np.testing.assert_allclose(axis.lines[3].get_ydata(), found.replicated[3])  # the same generator every time
    assert np.trapezoid(found.observed, found.grid) == pytest.approx(1.0, abs=0.01)


def test_rows_without_an_outcome_are_told_and_left_out() -> None:
    unknown = np.arange(200) < 20
    fit = constant("gaussian", y=np.where(unknown, 0.0, np.linspace(5, 9, 200)), known_se=np.ones(200), missing_outcome=unknown)
    made = fit.plot.ppc()
    note = made.get_supxlabel().replace("\n", " ")
    assert "20 rows without an outcome are left out" in note and "the 180 outcomes" in note


def test_an_outcome_that_is_one_number_is_refused() -> None:
    with pytest.raises(PlotError, match="every y is the same"):
        constant("gaussian", y=np.ones(200), known_se=np.ones(200)).plot.ppc()

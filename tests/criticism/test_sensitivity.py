"""Power-scaling: beside a posterior that is known under every power of its prior and likelihood."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from gibbs.criticism import sensitivity
from gibbs.errors import SpecError
from tests.posterior import built


def distance(P: np.ndarray, Q: np.ndarray, x: np.ndarray) -> float:
    """√ of the symmetric cumulative Jensen–Shannon divergence of two distribution functions on a grid, over its bound."""

    def one(p: np.ndarray, q: np.ndarray) -> float:
        with np.errstate(divide="ignore", invalid="ignore"):
            log = np.where(p > 0, p * np.log2(2 * p / (p + q)), 0.0)
        return np.trapezoid(log, x) + np.trapezoid(q - p, x) / (2 * np.log(2))

    return np.sqrt((one(P, Q) + one(Q, P)) / np.trapezoid(P + Q, x))


def expected(prior: tuple[float, float], data: tuple[float, float], which: str, low: float, high: float) -> float:
    """Of a normal mean with a normal prior, both (mean, sd): the posterior has precision α/τ² + 1/s², or 1/τ² + α/s²."""
    x = np.linspace(low, high, 400_001)

    def posterior(alpha: float) -> tuple[float, float]:
        p = (alpha if which == "prior" else 1.0) / prior[1] ** 2
        q = (alpha if which == "data" else 1.0) / data[1] ** 2
        return (p * prior[0] + q * data[0]) / (p + q), (p + q) ** -0.5

    first, moved = posterior(1.0), []
    for alpha in sensitivity.ALPHAS:
        there = posterior(alpha)
        both = [
            distance(stats.norm.cdf(x, *first), stats.norm.cdf(x, *there), x),
            distance(stats.norm.sf(x, *first)[::-1], stats.norm.sf(x, *there)[::-1], x),
        ]
        moved.append(max(both) / abs(np.log2(alpha)))
    return float(np.mean(moved))


@pytest.mark.parametrize("prior", [(3.0, 0.5), (0.0, 1.0), (1.0, 3.0)])
def test_of_a_normal_mean_it_is_what_quadrature_says(prior: tuple[float, float]) -> None:
    """200,000 independent draws: over seeds the estimate scatters by 1 to 2 %."""
    data = (1.0, 0.4)
    precision = prior[1] ** -2 + data[1] ** -2
    mean = (prior[0] * prior[1] ** -2 + data[0] * data[1] ** -2) / precision
    draws = np.random.default_rng(5).normal(mean, precision**-0.5, size=(4, 50_000))
    for which, (centre, sd) in (("prior", prior), ("data", data)):
        found = sensitivity.scaled(stats.norm.logpdf(draws, centre, sd), [draws])[0]
        assert found == pytest.approx(expected(prior, data, which, draws.min(), draws.max()), rel=0.1), which


def test_of_a_fit_the_prior_that_was_put_far_away_stands_out() -> None:
    """b_x has draws about 1: a prior about 3 pulls at it."""
    fit = built.fit("y ~ x + (1 | g)", kept=500, priors={"b[x]": "normal(3, 0.1)", "b[Intercept]": "normal(1, 10)"})
    found = fit.prior_sensitivity()
    table = found.table.set_index("parameter")
    assert list(table.index) == ["b_Intercept", "b_x", "sd_g__Intercept", "sigma"]
    assert table.loc["b_x", "prior"] > 1 and table.loc["b_x", "most"] == "b"
    assert "b_x (by b)" in found.sentence and "b_x (by b)" in repr(found)
    assert set(found.block_names) == {"b", "sd[g]", "sigma"} and "<table" in found._repr_html_()


def test_the_likelihood_is_summed_again_where_the_sampler_kept_none() -> None:
    rows = built.table().assign(w=np.arange(60) % 3 + 1)
    for weights in ('"frequency"', '"sampling", scale = "none"'):
        fit = built.fit(f"count | weights(w, type = {weights}) ~ x + (1 | g)", rows, family="poisson", kept=30)
        fit.arrays = replace(fit.arrays, lp=np.full_like(fit.arrays.lp, np.nan))
        found = sensitivity.log_likelihood(fit)
        np.testing.assert_allclose(found, fit.log_likelihood() @ rows["w"].to_numpy(), rtol=1e-10)


def test_where_there_is_nothing_to_scale() -> None:
    fit = built.fit("y | se(se) ~ x", kept=30, priors={"b": "flat", "intercept": "flat"})
    with pytest.raises(SpecError, match="flat or fixed"):
        fit.prior_sensitivity()
    with pytest.raises(SpecError, match="too few"):
        built.fit("y ~ x", kept=5).prior_sensitivity()
    quiet = built.fit("y ~ x", kept=100, priors={"b": "flat", "intercept": "flat", "sigma": "uniform(0, 1000)"}).prior_sensitivity()
    assert not quiet.prior.any() and "No prior moves" in quiet.sentence

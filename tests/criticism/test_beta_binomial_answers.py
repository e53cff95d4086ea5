"""What is asked of a fit of family beta_binomial, from draws that were not sampled: the answers are those of its own law."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from gibbs.draws.outline import outline
from gibbs.plots import ppc
from gibbs.posterior import loglik
from tests.posterior.fabricated import fit
from tests.posterior.regressions import near, regression


@pytest.fixture(scope="module")
def model():
    return regression("beta_binomial", "logit", rows=60)


@pytest.fixture(scope="module")
def draws(model):
    return near(model, kept=300)


def test_log_likelihoods_of_rows_are_scipys(model, draws) -> None:
    found = loglik.matrix(draws, outline(model), model)
    for s in (0, 17, 250):
        phi, u = draws.hyper[1, s, draws.hyper_names.index("phi")], draws.u[1, s].reshape(5, 2)
        mean = special.expit(model.X @ draws.beta[1, s] + model.offset + np.sum(model.factors[0].Z * u[model.factors[0].codes], axis=1))
        wanted = stats.betabinom.logpmf(model.y, model.trials, mean * phi, (1.0 - mean) * phi)
        np.testing.assert_allclose(found[1, s], wanted, rtol=1e-11, atol=1e-12)


def test_criteria_shares_and_tables(model, draws) -> None:
    made = fit(model, draws)
    assert np.isfinite(made.loo().elpd) and np.isfinite(made.loo(group="g").elpd)
    assert made.variance_shares()["share"].sum() == pytest.approx(1.0)
    assert "Residual (latent, π²/3)" in made.variance_shares().index
    assert 0.0 < made.r2().loc["conditional", "mean"] < 1.0
    assert "phi" in made.summary().index and "phi = identity" in made.table()


def test_bands_of_binned_residuals_have_the_variance_of_the_family(model, draws) -> None:
    """1 + (n − 1) E(ρ | …), nearly: ρ and μ(1 − μ) are drawn together."""
    phi = draws.hyper[:, :, draws.hyper_names.index("phi")]
    wanted = 1.0 + (model.trials - 1.0) * np.mean(1.0 / (1.0 + phi))
    np.testing.assert_allclose(ppc.overdispersion(fit(model, draws), np.arange(60)), wanted, rtol=0.02)
    one = ppc.binned(np.array([0.2, 0.6]), np.array([1.0, 3.0]), np.array([5.0, 5.0]))
    two = ppc.binned(np.array([0.2, 0.6]), np.array([1.0, 3.0]), np.array([5.0, 5.0]), np.array([4.0, 4.0]))
    np.testing.assert_allclose(two.error, 2.0 * one.error)

"""Leave-one-out PIT against algebra: the exact predictive of each row given the others, for a normal mean and for whole numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from gibbs.criticism import criteria, pit
from gibbs.draws.outline import outline
from gibbs.errors import SpecError
from gibbs.posterior import loglik
from tests.posterior.fabricated import design, draws
from tests.posterior.regressions import regression


def test_counts_are_between_below_and_no_more_than_what_was_seen() -> None:
    """y_i ~ Poisson(λ), λ ~ Gamma(1, 1) a posteriori Gamma(1 + Σy, 1 + n): the rest predict a negative binomial."""
    rng = np.random.default_rng(4)
    y = rng.poisson(3.0, 25).astype(float)
    model = design(rows=25, coefficients=("Intercept",), family="poisson", link="log", y=y)
    made = draws(model, kept=2500)
    made.beta[:, :, 0] = np.log(rng.gamma(1.0 + y.sum(), 1.0 / 26.0, (4, 2500)))
    found = pit.loo_pit(made, outline(model), model)
    shape, rate = 1.0 + y.sum() - y, 25.0
    law = stats.nbinom(shape, rate / (rate + 1.0))
    noise = 4.5 * 0.5 / np.sqrt(10_000 / 2) + 0.01
    np.testing.assert_allclose(found.upto, law.cdf(y), atol=noise)
    np.testing.assert_allclose(found.below, law.cdf(y - 1.0), atol=noise)
    assert ((found.below <= found.pit) & (found.pit <= found.upto)).all()
    assert found.table.index.tolist() == model.rows.tolist()


def test_weights_are_those_of_loo_and_sum_to_one() -> None:
    model = regression("gaussian", rows=30)
    made = draws(model, kept=200)
    values = loglik.matrix(made, outline(model), model)
    weights, k = criteria.smoothed_weights(values)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    found = criteria.criterion(made, outline(model), model, "loo")
    np.testing.assert_array_equal(k, found.pareto_k)
    flat = values.reshape(-1, values.shape[2]).T
    good = k < 1.0
    np.testing.assert_allclose(np.log(np.sum(weights * np.exp(flat), axis=1))[good], found.pointwise_elpd[good], rtol=1e-9)


def test_a_pit_is_the_same_again_and_of_fewer_draws_where_they_were_asked_for() -> None:
    model = regression("gaussian", rows=30)
    made = draws(model, kept=200)
    first, again = (pit.loo_pit(made, outline(model), model, seed=5).pit for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, pit.loo_pit(made, outline(model), model, 200, seed=5).pit)
    few = replace(made, beta=made.beta[:, :5], hyper=made.hyper[:, :5], u=made.u[:, :5], lp=made.lp[:, :5])
    with pytest.raises(SpecError, match="100 draws or more"):
        pit.loo_pit(few, outline(model), model)

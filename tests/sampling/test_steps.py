"""A sweep is the list of steps that the plan prints: every scheme has its own, and the loops do what the list says and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.kernels import layout as kl
from gibbs.model import by_group
from gibbs.sampling import pack, plan, steps
from gibbs.sampling.chain import Chain
from gibbs.sampling.plan_words import Blocks
from gibbs.sampling.second_order import SecondOrderChain
from tests import oracles
from tests.sampling.gr_effects import GrCase, design_of

CODES = {value: name for name, value in vars(kl).items() if name.isupper() and isinstance(value, int) and name in (
    "BETWEEN LATENTS JOINTLY COEFFICIENTS EFFECTS UNIT COVARIANCES SCALES OWN_LAW EVERYTHING FAMILY_SCALES PRIOR_SCALES".split()
)}  # fmt: skip

LISTS = [
    ("one_factor", "gaussian", "auto", "JOINTLY COVARIANCES SCALES PRIOR_SCALES"),
    ("none", "gaussian", "auto", "JOINTLY COVARIANCES SCALES PRIOR_SCALES"),
    ("crossed", "gaussian", "collapsed", "UNIT UNIT COVARIANCES SCALES PRIOR_SCALES"),
    ("crossed", "gaussian", "one-at-a-time", "COEFFICIENTS EFFECTS EFFECTS COVARIANCES SCALES PRIOR_SCALES"),
    ("slopes", "student", "auto", "LATENTS JOINTLY COVARIANCES PRIOR_SCALES"),
    ("crossed", "logit", "collapsed", "LATENTS UNIT UNIT COVARIANCES PRIOR_SCALES"),
    ("crossed", "logit", "one-at-a-time", "LATENTS COEFFICIENTS EFFECTS EFFECTS COVARIANCES PRIOR_SCALES"),
    ("nested", "probit", "second-order", "UNIT COVARIANCES OWN_LAW EVERYTHING FAMILY_SCALES PRIOR_SCALES"),
    ("one_factor", "poisson", "auto", "UNIT COVARIANCES OWN_LAW FAMILY_SCALES PRIOR_SCALES"),
]


def alternating(design):
    """The design with an outcome of ones and zeros in turn, so that no level's are all alike."""
    return replace(design, y=np.arange(design.y.size) % 2.0) if design.family in ("probit", "logit") else design


@pytest.mark.parametrize(("kind", "family", "scheme", "wanted"), LISTS)
def test_the_list_of_every_scheme(kind, family, scheme, wanted):
    design = oracles.random_design(
        np.random.default_rng(2), kind, family=family, rows=80, **({"link": "log"} if family == "poisson" else {})
    )
    design = by_group.arrange(alternating(design))
    made = plan.make(design, scheme)
    packed = pack.pack(design, made)
    assert " ".join(CODES[code] for code in packed.steps[:, 0].tolist()) == wanted
    of_units = [unit for code, unit in packed.steps.tolist() if code in (kl.UNIT, kl.EFFECTS)]
    assert of_units == list(range(wanted.count("UNIT") + wanted.count("EFFECTS"))) if made.units else not of_units
    said = [
        line
        for step in steps.of(
            design, Blocks(made.scheme, made.core, made.units, made.core_columns, made.rho, scheme != "auto", 30, made.rounds)
        )
        for line in step.words
    ]
    assert said and [line for line in made.lines if line in said] == said  # printed in the order in which they run


def moved(chain, without: int) -> set[str]:
    """What three sweeps without one step change."""
    s = chain.state
    before = {name: getattr(s, name).copy() for name in ("core", "u", "L", "sigma", "own", "spread", "row_scale", "psi")}
    chain.packed = replace(chain.packed, steps=chain.packed.steps[chain.packed.steps[:, 0] != without])
    chain._sweeps(3, False, chain.new_kept(3, False))
    return {name for name, array in before.items() if array.size and not np.array_equal(array, getattr(s, name))}


def chain_of(design, scheme: str):
    design = by_group.arrange(design)
    packed = pack.pack(design, plan.make(design, scheme))
    kind = SecondOrderChain if packed.family == pack.SECOND_ORDER else Chain
    return kind(0, np.random.SeedSequence(1), packed, design, 0)


@pytest.mark.parametrize("without", [kl.EFFECTS, kl.COVARIANCES, kl.SCALES, kl.PRIOR_SCALES])
def test_a_step_that_is_not_in_the_list_is_not_done(without):
    design = oracles.random_design(np.random.default_rng(2), "crossed", rows=80, coefficient_prior="student_t")
    of = {kl.EFFECTS: "u", kl.COVARIANCES: "L", kl.SCALES: "sigma", kl.PRIOR_SCALES: "row_scale"}
    assert moved(chain_of(design, "one-at-a-time"), without) == {"core", *of.values()} - {of[without]}


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_student_effects_move_between_sweeps_or_not_at_all(family):
    case = GrCase(family, "one_factor", "joint" if family == "gaussian" else "second-order")
    design = design_of(case, np.random.default_rng(3))
    if family == "poisson":
        design = replace(design, y=np.arange(design.y.size) % 4.0)
    scheme = "auto" if family == "poisson" else "joint"
    assert {"own", "spread"} <= moved(chain_of(design, scheme), without=-1)
    assert not {"own", "spread"} & moved(chain_of(design, scheme), without=kl.BETWEEN)


@pytest.mark.parametrize("scheme", ["augmented", "joint"])
def test_levels_that_are_all_alike_are_told_wherever_they_move_by_their_own_law(scheme):
    """Binomial trials too, whichever word asks for augmentation."""
    data = pd.DataFrame({"g": list("aaabbbccc"), "s": [4, 4, 4, 1, 2, 3, 2, 1, 0], "n": 4})
    seen = gibbs.check("s | trials(n) ~ 1 + (1 | g)", data, family="binomial", scheme=scheme)
    assert any("1 of 3 of g" in line and "own law" in line for line in seen.plan.lines), seen.plan.lines

"""Effects that know their neighbours: prior → data → sweeps leaves the joint law alone, and bugs are caught."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gibbs.model.records import Design
from gibbs.sampling import plan
from tests.sampling.gr_effects import assert_joint_law_stays
from tests.sampling.invariance import Stopped
from tests.sampling.structured_effects import StructuredCase, StructuredEngine, design_of, examine
from tests.thin import some

CASES = (
    StructuredCase("gaussian", "one_factor", "joint", ("rw1",), elliptical=True),
    StructuredCase("gaussian", "slopes", "joint", ("rw2",)),
    StructuredCase("gaussian", "crossed", "joint", ("icar", "")),
    StructuredCase("gaussian", "crossed", "joint", ("rw1", "icar"), elliptical=True),
    StructuredCase("gaussian", "crossed_slopes", "one-at-a-time", ("cov", "")),
    StructuredCase("gaussian", "crossed", "collapsed", ("", "rw1")),
    StructuredCase("gaussian", "nested", "joint", ("icar", "")),
    StructuredCase("student", "slopes", "joint", ("icar",)),
    StructuredCase("probit", "one_factor", "joint", ("rw1",), elliptical=True),
    StructuredCase("probit", "crossed", "joint", ("rw2", "")),
    StructuredCase("logit", "crossed", "joint", ("", "icar")),
    StructuredCase("logit", "one_factor", "one-at-a-time", ("rw2",)),
    StructuredCase("logit", "slopes", "second-order", ("rw1",)),
    StructuredCase("binomial", "crossed", "second-order", ("icar", "")),
    StructuredCase("poisson", "one_factor", "second-order", ("rw1",)),
    StructuredCase("poisson", "crossed", "second-order", ("", "icar"), elliptical=True),
    StructuredCase("negative_binomial", "one_factor", "second-order", ("rw2",)),
    StructuredCase("ordinal", "one_factor", "second-order", ("icar",)),
    StructuredCase("beta_binomial", "one_factor", "second-order", ("cov",)),
    StructuredCase("gaussian", "one_factor", "joint", ("mm",), elliptical=True),
    StructuredCase("gaussian", "slopes", "joint", ("mm",)),
    StructuredCase("gaussian", "crossed", "one-at-a-time", ("s", "mm")),
    StructuredCase("gaussian", "crossed_slopes", "collapsed", ("", "mm")),
    StructuredCase("student", "one_factor", "joint", ("s",)),
    StructuredCase("probit", "crossed", "joint", ("rw1", "s"), elliptical=True),
    StructuredCase("poisson", "crossed", "second-order", ("mm", "")),
    StructuredCase("logit", "crossed", "second-order", ("s", "icar")),
    StructuredCase("ordinal", "one_factor", "second-order", ("mm",), elliptical=True),
    StructuredCase("probit", "crossed", "by factors 3", ("rw2", "")),
    StructuredCase("logit", "slopes", "by factors 2", ("rw1",), elliptical=True),
    StructuredCase("poisson", "crossed", "by factors 3", ("", "icar")),
    StructuredCase("binomial", "crossed", "by factors 2", ("mm", "s")),
    StructuredCase("gaussian", "one_factor", "joint", ("ar1",)),
    StructuredCase("gaussian", "slopes", "joint", ("ar1",), elliptical=True),
    StructuredCase("gaussian", "one_factor", "joint", ("bym2",), elliptical=True),
    StructuredCase("gaussian", "crossed", "joint", ("leroux", "ar1")),
    StructuredCase("gaussian", "crossed", "collapsed", ("", "ar1")),
    StructuredCase("gaussian", "nested", "joint", ("bym2", "")),
    StructuredCase("gaussian", "crossed_slopes", "one-at-a-time", ("leroux", "")),
    StructuredCase("student", "one_factor", "joint", ("ar1",)),
    StructuredCase("probit", "crossed", "joint", ("ar1", "")),
    StructuredCase("probit", "one_factor", "joint", ("leroux",)),
    StructuredCase("logit", "crossed", "joint", ("", "bym2")),
    StructuredCase("logit", "slopes", "second-order", ("ar1",)),
    StructuredCase("binomial", "crossed", "second-order", ("bym2", "")),
    StructuredCase("poisson", "one_factor", "second-order", ("leroux",)),
    StructuredCase("poisson", "crossed", "second-order", ("", "ar1"), elliptical=True),
    StructuredCase("ordinal", "one_factor", "second-order", ("bym2",)),
    StructuredCase("binomial", "crossed", "second-order", ("", "leroux")),
    StructuredCase("logit", "crossed", "joint", ("t", "ar1")),
    StructuredCase("student", "crossed", "joint", ("ar1", "t")),
    StructuredCase("gaussian", "crossed", "joint", ("leroux", "t"), elliptical=True),
    StructuredCase("poisson", "crossed", "second-order", ("t", "ar1")),
    StructuredCase("gaussian", "one_factor", "auto", ("rw1*",), elliptical=True),
    StructuredCase("poisson", "one_factor", "auto", ("icar*",)),
    StructuredCase("gaussian", "crossed", "auto", ("icar*", "")),
    StructuredCase("gaussian", "nested", "auto", ("icar*", "")),
    StructuredCase("poisson", "crossed", "auto", ("rw2*", ""), elliptical=True),
    StructuredCase("gaussian", "crossed", "auto", ("rw2*", "icar*")),
    StructuredCase("student", "one_factor", "auto", ("rw2*",)),
    StructuredCase("poisson", "nested", "auto", ("icar*", "")),
    StructuredCase("probit", "crossed", "augmented", ("rw1*", "rw2")),
    StructuredCase("logit", "crossed", "augmented", ("", "icar*"), elliptical=True),
    StructuredCase("binomial", "crossed", "auto", ("rw1*", "icar*")),
    StructuredCase("ordinal", "one_factor", "auto", ("icar*",)),
    StructuredCase("negative_binomial", "one_factor", "auto", ("rw2*",)),
    StructuredCase("logit", "crossed", "second-order", ("t", "rw1*")),
    StructuredCase("gaussian", "crossed", "auto", ("ar1", "icar*")),
    StructuredCase("gaussian", "one_factor", "auto", ("ar1*",), elliptical=True),
    StructuredCase("gaussian", "one_factor", "auto", ("bym2*",)),
    StructuredCase("gaussian", "nested", "auto", ("bym2*", "")),
    StructuredCase("gaussian", "nested", "auto", ("bym2*", ""), elliptical=True),
    StructuredCase("gaussian", "crossed", "auto", ("ar1*", "bym2*")),
    StructuredCase("student", "one_factor", "auto", ("ar1*",)),
    StructuredCase("probit", "crossed", "augmented", ("bym2*", "")),
    StructuredCase("logit", "crossed", "augmented", ("t", "ar1*")),
    StructuredCase("poisson", "one_factor", "auto", ("bym2*",)),
    StructuredCase("poisson", "crossed", "auto", ("ar1*", ""), elliptical=True),
    StructuredCase("binomial", "crossed", "auto", ("bym2*", "leroux")),
    StructuredCase("gaussian", "one_factor", "auto", ("leroux*",), elliptical=True),
    StructuredCase("gaussian", "nested", "auto", ("leroux*", "")),
    StructuredCase("probit", "crossed", "augmented", ("leroux*", "")),
    StructuredCase("poisson", "one_factor", "auto", ("leroux*",)),
    StructuredCase("logit", "crossed", "auto", ("leroux*", "bym2*"), elliptical=True),
    StructuredCase("gaussian", "one_factor", "auto", ("pedigree*",)),
    StructuredCase("gaussian", "slopes", "joint", ("pedigree",)),
    StructuredCase("probit", "crossed", "augmented", ("pedigree*", "")),
    StructuredCase("poisson", "nested", "auto", ("pedigree*", "")),
    StructuredCase("gaussian", "slopes", "auto", ("icar*",)),
    StructuredCase("gaussian", "two_terms", "auto", ("rw1*",)),
    StructuredCase("gaussian", "crossed_slopes", "auto", ("rw2*", "")),
    StructuredCase("gaussian", "slopes", "auto", ("ar1*",), elliptical=True),
    StructuredCase("student", "slopes", "auto", ("leroux*",)),
    StructuredCase("probit", "slopes", "augmented", ("pedigree*",)),
    StructuredCase("poisson", "slopes", "auto", ("icar*",)),
    StructuredCase("poisson", "slopes", "auto", ("rw2*",)),
    StructuredCase("logit", "crossed_slopes", "auto", ("icar*", "")),
    StructuredCase("binomial", "slopes", "auto", ("bym2*",), elliptical=True),
    StructuredCase("logit", "nested", "second-order", ("ar1*", "")),
    StructuredCase("ordinal", "one_factor", "auto", ("bym2*",)),
    StructuredCase("negative_binomial", "one_factor", "auto", ("ar1*",)),
    StructuredCase("gaussian", "one_factor", "one-at-a-time", ("rw2*",)),
    StructuredCase("gaussian", "nested", "one-at-a-time", ("icar*", "")),
    StructuredCase("gaussian", "crossed", "one-at-a-time", ("ar1*", "bym2*")),
    StructuredCase("gaussian", "slopes", "one-at-a-time", ("leroux*",)),
    StructuredCase("student", "crossed_slopes", "one-at-a-time", ("pedigree*", "")),
    StructuredCase("probit", "slopes", "one-at-a-time", ("icar*",)),
    StructuredCase("logit", "crossed", "one-at-a-time", ("bym2*", "rw1")),
)


def _quick(case: StructuredCase) -> bool:
    if case.scheme == "one-at-a-time":
        return case.kinds == ("icar*", "")
    return case.family == "poisson" and not {"icar*", "bym2*"}.isdisjoint(case.kinds)


QUICK = [case for k, case in enumerate(CASES) if k % 12 == 0 or _quick(case)]
"""Some of every kind; all of them under ``calibration``."""


@pytest.mark.parametrize("case", QUICK, ids=str)
def test_sweeps_leave_the_joint_law_alone(case: StructuredCase):
    assert_joint_law_stays(case, examine(case, replicates=150, sweeps=10, seed=11), len(CASES))


@pytest.mark.calibration
@pytest.mark.parametrize("case", CASES, ids=str)
def test_sweeps_leave_the_joint_law_alone_to_the_last(case: StructuredCase):
    assert_joint_law_stays(case, examine(case, replicates=1500, seed=12), len(CASES))


# ------------------------------------------------------------------------------------------------------- it bites


def _with_basis(design: Design, change) -> Design:
    factors = (
        f if f.structure is None else replace(f, structure=replace(f.structure, basis=change(f.structure.basis))) for f in design.factors
    )
    return replace(design, factors=tuple(factors))


def _missing_scaling(design: Design) -> Design:
    return _with_basis(design, lambda B: 1.6 * B)


def _level_left_free(design: Design) -> Design:
    """The constraint forgotten: effects have a level of their own, as if their mean were taken off afterwards and not conditioned on."""
    return _with_basis(design, lambda B: B + 3.0 * np.ones_like(B) / len(B))


def _one_direction_short(design: Design) -> Design:
    """Wrong rank: the longest direction is left out."""

    def short(B: np.ndarray) -> np.ndarray:
        values, V = np.linalg.eigh(B)
        return (V[:, :-1] * values[:-1]) @ V[:, :-1].T

    return _with_basis(design, short)


def test_a_second_membership_that_is_forgotten_is_caught():
    """Mixtures taken for the group of their larger weight."""

    def alone(B: np.ndarray) -> np.ndarray:
        return np.eye(B.shape[1])[B.argmax(axis=1)]

    case = StructuredCase("gaussian", "one_factor", "joint", ("mm",), elliptical=True)
    name, p = examine(case, replicates=400, seed=13, miswritten=lambda design: _with_basis(design, alone))
    assert p < 1e-6, name


def _field(design: Design, **changes) -> Design:
    factors = (
        f if f.field is None else replace(f, structure=replace(f.structure, field=replace(f.field, **changes))) for f in design.factors
    )
    return replace(design, factors=tuple(factors))


FIELDS = tuple(case for case in CASES if case.kinds in (("rw1*",), ("icar*",)) and case.family in ("gaussian", "poisson"))


def test_there_are_fields_to_bite():
    assert {case.family for case in FIELDS} == {"gaussian", "poisson"}


@pytest.mark.parametrize("case", some(FIELDS, 2), ids=str)
def test_a_field_on_the_wrong_scale_is_caught(case: StructuredCase):
    name, p = examine(
        case,
        replicates=300,
        seed=13,
        miswritten=lambda design: _field(design, weight=0.6 * design.factors[0].field.weight),
    )
    assert p < 1e-6, name


@pytest.mark.slow
@pytest.mark.parametrize("case", FIELDS, ids=str)
def test_constraints_that_take_no_dimension_are_caught(case: StructuredCase):
    """The sd drawn as if K were of full rank: wrong by a power of sd."""

    def full(engine: StructuredEngine) -> None:
        engine.chain.layout.term["count"][0] = len(engine.design.factors[0].levels) + 2

    name, p = examine(case, replicates=600, seed=13, broken=full)
    assert p < 1e-6, name


@pytest.mark.parametrize("mistake", [_missing_scaling, _level_left_free, _one_direction_short])
def test_a_law_that_is_not_the_stated_one_is_caught(mistake):
    try:
        case = StructuredCase("gaussian", "one_factor", "joint", ("rw1",), elliptical=True)
        name, p = examine(case, replicates=300, seed=13, miswritten=mistake)
    except Stopped:
        return
    assert p < 1e-6, f"{mistake.__name__} was not seen: {name}"


def test_no_level_that_knows_its_neighbours_moves_by_a_law_of_its_own():
    """Whatever is marked: with N(0, Σ) for a level alone a Poisson walk of 7 steps has another posterior (1,500 replicates, z = −6)."""
    case = StructuredCase("poisson", "crossed", "second-order", ("", "icar"))
    design = design_of(case, np.random.default_rng(3))
    chain = StructuredEngine(design, plan.make(design, case.scheme), elliptical=False, seed=1, repack=True).chain
    chain.choose([np.ones(len(f.levels), dtype=bool) for f in chain.factors])
    assert set(chain.chosen[:, 0].tolist()) == {0}

"""Plan: which factor is eliminated, which stands in the core, in which order; and the numbers the choice rests on."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from gibbs.errors import SpecError
from gibbs.model.records import Design, Factor, Prior, Term
from gibbs.sampling import plan
from tests import oracles
from tests.sampling.test_schemes import large_crossed
from tests.table import table


def factor(name: str, codes, columns: int = 1) -> Factor:
    codes = np.asarray(codes, dtype=np.int32)
    names = ("Intercept", "x", "z")[:columns]
    term = Term(names, (Prior("half_t", (3.0, 0.0, 2.5)),) * columns, Prior("lkj", (1.0,)) if columns > 1 else None)
    Z = np.random.default_rng(0).standard_normal((codes.size, columns))
    return Factor(name, tuple(f"{name}{j:05d}" for j in range(int(codes.max()) + 1)), codes, Z, names, (term,))


def design(*factors: Factor, family: str = "gaussian", predictors: int = 1) -> Design:
    rows = factors[0].codes.size if factors else 30
    base = oracles.random_design(np.random.default_rng(1), "none", family=family, rows=rows, predictors=predictors)
    return replace(base, factors=factors)


def test_parents_of_a_nested_factor():
    school = factor("school", [0, 0, 1, 1, 2, 2])
    pupil = factor("class", [0, 1, 2, 2, 3, 4])
    np.testing.assert_array_equal(plan.parents(pupil, school), [0, 0, 1, 2, 2])
    assert plan.parents(school, pupil) is None
    assert plan.parents(factor("other", [0, 1, 2, 3, 3, 4]), school) is None  # level 3 meets schools 1 and 2


def test_no_factor_and_one_factor_are_joint():
    none = plan.make(design())
    assert (none.scheme, none.units, none.core, none.core_columns) == ("joint", (), (), 2)
    one = plan.make(design(factor("g", np.arange(30) % 6, columns=2)))
    assert (one.scheme, one.units, one.core, one.core_columns, one.effects) == ("joint", ((0,),), (), 2, 12)
    assert one.hyper == 3 + 1  # two sds and a correlation, sigma


def test_nested_factors_are_one_chain_leaf_first_whatever_their_order():
    a, ab = np.repeat(np.arange(3), 20), np.arange(60) // 4
    for order in ((0, 1), (1, 0)):
        factors = [factor("a", a), factor("a:b", ab)]
        made = plan.make(design(*(factors[k] for k in order)))
        assert made.scheme == "joint" and made.core == ()
        assert [made.details["names"][f] for f in made.units[0]] == ["a:b", "a"]


def test_small_crossed_factors_stand_in_the_core():
    made = plan.make(design(factor("g", np.arange(60) % 10), factor("h", np.arange(60) // 8)))
    assert (made.scheme, made.units, made.core, made.core_columns) == ("joint", ((0,),), (1,), 2 + 8)
    both = plan.make(design(factor("g", np.arange(60) % 10), factor("h", np.arange(60) // 8)), "collapsed")
    assert (both.scheme, both.units, both.core) == ("collapsed", ((0,), (1,)), ())


def test_large_crossed_factors_are_units_beside_a_small_one_in_the_core():
    big = large_crossed((220, 180), 1200)
    small = factor("k", np.arange(1200) % 14)
    made = plan.make(replace(big, factors=(*big.factors, small)))
    assert (made.scheme, made.units, made.core, made.core_columns) == ("collapsed", ((0,), (1,)), (2,), 2 + 14)
    assert 0.0 < made.rho < 0.97


def test_factors_that_are_nearly_nested_are_drawn_jointly():
    """Gibbs over units would hardly move: the connection is near 1."""
    rng = np.random.default_rng(2)
    inner = np.repeat(np.arange(400), 10)
    outer = inner // 2
    outer[rng.choice(4000, 8, replace=False)] = rng.integers(0, 200, 8)  # a few rows elsewhere: no longer nested
    made = plan.make(design(factor("inner", inner), factor("outer", outer)))
    assert made.rho > 0.97 and made.scheme == "joint" and made.core == (1,)


@pytest.mark.parametrize("seed", range(4))
def test_connection_is_the_second_singular_value_squared(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 12, 90), rng.integers(0, 7, 90)
    a[:12], b[:7] = np.arange(12), np.arange(7)
    counts = np.zeros((12, 7))
    np.add.at(counts, (a, b), 1.0)
    singular = np.linalg.svd(counts / np.sqrt(np.outer(counts.sum(1), counts.sum(0))), compute_uv=False)
    assert plan._connection(factor("a", a), factor("b", b), steps=400) == pytest.approx(singular[1] ** 2, rel=1e-4)


def test_connection_of_a_complete_design_is_0_and_of_a_nested_one_1():
    a, b = np.divmod(np.arange(60), 6)
    assert plan._connection(factor("a", a), factor("b", b)) == pytest.approx(0.0, abs=1e-12)
    assert plan._connection(factor("a", a), factor("b", a // 5)) == pytest.approx(1.0)


def test_one_at_a_time_makes_every_factor_a_unit():
    made = plan.make(design(factor("a", np.repeat(np.arange(3), 20)), factor("a:b", np.arange(60) // 4)), "one-at-a-time")
    assert (made.scheme, made.units, made.core) == ("one-at-a-time", ((0,), (1,)), ())
    assert any("equations 5 and 6" in line for line in made.lines)


@table("scheme", ["auto", "joint", "collapsed", "one-at-a-time"])
@table("kind", oracles.KINDS)
def test_every_factor_is_somewhere_exactly_once(kind, scheme):
    model = oracles.random_design(np.random.default_rng(3), kind, rows=60)
    made = plan.make(model, scheme)
    assert sorted([*made.core, *(f for unit in made.units for f in unit)]) == list(range(len(model.factors)))
    for unit in made.units:
        for child, parent in itertools.pairwise(unit):
            assert plan.parents(model.factors[child], model.factors[parent]) is not None
    assert made.scheme != "joint" or len(made.units) <= 1
    named = " ".join(made.lines)
    assert all(f.name in named for f in model.factors) or scheme == "one-at-a-time"
    assert made.as_dict()["scheme"] == made.scheme


def test_memory_is_eight_bytes_a_number_kept():
    made = plan.make(design(factor("g", np.arange(30) % 6, columns=2)))
    assert made.memory(chains=4, draws=1000) == 8 * 4 * 1000 * (2 + 4 + 12 + 1)


def test_an_unknown_scheme_is_one_clear_error():
    with pytest.raises(SpecError, match=r"scheme 'joined' is not one of auto, joint, collapsed, one-at-a-time.*joint"):
        plan.make(design(), "joined")


def test_a_joint_draw_beyond_reason_is_refused_with_its_size():
    rng = np.random.default_rng(5)
    a, b = rng.permutation(np.arange(12000) % 3000), rng.permutation(np.arange(12000) % 2600)
    wide = design(factor("a", a), factor("b", b))
    with pytest.raises(SpecError, match=r"2602 columns .*Use scheme 'auto' or 'collapsed'"):
        plan.make(wide, "joint")
    assert plan.make(wide).scheme == "collapsed"


@pytest.mark.parametrize(("ones", "cycles"), [(12, 8), (57, 7), (110, 4), (240, 2), (295, 2), (305, 1), (600, 1)])
def test_rare_and_few_events_make_a_sweep_go_through_its_moves_several_times(ones, cycles):
    """400 over the events, 2 to 8; once where there are 5 for each of the 60 effects, or where 5 per cent are not rare any more."""
    y = np.zeros(8000)
    y[:: 8000 // ones][:ones] = 1.0
    y[ones * (8000 // ones) :] = 0.0
    model = replace(design(factor("g", np.arange(8000) % 60)), family="logit", y=y)
    for outcome in (model, replace(model, y=1.0 - y)):
        made = plan.make(outcome, "second-order")
        assert made.cycles == cycles == made.as_dict()["cycles"]
        assert any(f"{ones} for 60 random effects; a sweep goes {cycles} times" in line for line in made.lines) == (cycles > 1)
    assert plan.make(replace(model, family="gaussian")).cycles == 1


def test_levels_all_zero_and_levels_all_one_do_not_make_up_for_each_other():
    """Half the outcomes are 1, and yet no level tells how large its effect is; levels of a row or two are taken together."""
    codes = np.repeat(np.arange(24), 40)
    split = replace(design(factor("g", codes), family="logit"), y=(codes % 2).astype(float))
    assert plan._cycles(split)[0] == plan.MOST_CYCLES
    mixed = replace(split, y=(np.arange(codes.size) % 2).astype(float))
    assert plan._cycles(mixed)[0] == 1
    pairs = np.repeat(np.arange(480), 2)
    alike = replace(design(factor("g", pairs), family="logit"), y=(pairs % 2).astype(float))
    assert plan._cycles(alike)[0] == 1


def test_the_choice_names_the_level_that_augmentation_is_slowest_for():
    """One level of two hundred rows without an event, among forty that are even: the average hides it."""
    codes = np.concatenate([np.repeat(np.arange(40), 100), np.full(200, 40)])
    y = np.where(codes == 40, 0.0, np.arange(codes.size) % 2)
    for family, least in (("probit", 8.0), ("logit", 2.0)):
        even = replace(design(factor("g", codes), family=family), y=(np.arange(codes.size) % 2).astype(float))
        hidden = replace(even, y=y)
        sweeps = [float(plan.choice(d, d.y.size)[1].split("about ")[1].split()[0]) for d in (even, hidden)]
        assert sweeps[0] < 2.3 and sweeps[1] > least and "of g g00040" in plan.choice(hidden, hidden.y.size)[1]

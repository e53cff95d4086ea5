"""The plan in words is held against what the chains are handed: which factors are where, and which variances each move draws."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from gibbs.kernels import hyper as kh
from gibbs.kernels import layout as kl
from gibbs.model.records import CoefficientPrior, Design, Prior
from gibbs.sampling import plan
from gibbs.sampling.chain import coordinates
from gibbs.sampling.pack import pack
from tests import oracles
from tests.sampling.test_plan import factor
from tests.sampling.test_schemes import large_crossed
from tests.table import table

CROSSED = (np.arange(6000) % 12, np.arange(6000) % 7)


def small(kind: str, family: str, **more) -> Design:
    return oracles.random_design(np.random.default_rng(3), kind, family=family, rows=60, **more)


def all_in_core(family: str = "probit") -> Design:
    """Two crossed factors of 12 and 7 levels over 6,000 rows: as specs/turnout_apc, no factor is eliminated."""
    base = oracles.random_design(np.random.default_rng(1), "none", family=family, rows=6000)
    y = np.random.default_rng(2).integers(0, 2, 6000).astype(float)
    return replace(base, y=y, factors=(factor("election", CROSSED[0]), factor("cohort", CROSSED[1])))


def lines(made: plan.Plan, *beginnings: str) -> list[str]:
    return [line for line in made.lines if line.startswith(beginnings)]


def named(made: plan.Plan, *beginnings: str) -> set[str]:
    """The factors whose sds stand in the parentheses of lines that begin so, and sigma."""
    found = set()
    for line in lines(made, *beginnings):
        inside = re.match(r"[\w ]+\((.*?)\):", line)
        for words in inside.group(1).split(", "):
            found.add("sigma" if words == "sigma" else re.fullmatch(r"(?:.* )?sds? .*?of (.+)|sd of (.+)", words).group(1))
    return found


def moved_with_effects_out(design: Design, made: plan.Plan) -> set[str]:
    """The factors whose variances the compiled loop moves with location effects integrated out, and sigma."""
    packed = pack(design, made)
    views = range(len(made.units)) if made.scheme == "second-order" else (None,)
    if made.scheme == "second-order" and not made.units:
        views = (0,)
    owner = {}
    for f, _, q, l0, *_ in packed.layout.term.tolist():
        owner.update({place: design.factors[f].name for place in range(l0, l0 + q * q)})
    found = set()
    for unit in views:
        for kind, place, *_ in coordinates(packed, unit):
            found.add("sigma" if kind == kh.LOG_SIGMA else owner[place])
    return found


@table("family", ["gaussian", "student", "probit", "logit", "probit second-order"])
@table("kind", oracles.KINDS)
def test_every_variance_is_named_with_the_move_that_draws_it(kind, family):
    family, _, forced = family.partition(" ")
    design = small(kind, family)
    schemes = ("second-order",) if forced else ("joint", "collapsed", "one-at-a-time")
    for scheme in schemes:
        made = plan.make(design, scheme)
        said = " ".join(made.lines)
        assert ("no grouping factors" in said) == (not design.factors), made.lines
        everything = {f.name for f in design.factors} | ({"sigma"} if family == "gaussian" else set())
        variances = named(made, "variances") | ({"sigma"} if lines(made, "sigma") else set())
        assert variances == everything, made.lines
        if made.rounds:  # a column of effects at a time, and no coordinates of a density with all of them out
            assert moved_with_effects_out(design, made) == set() and "by rows" in said
            assert named(made, "variances (") == everything - {"sigma"}
            continue
        assert named(made, "variances (", "variances of the core (") == moved_with_effects_out(design, made) or scheme == "one-at-a-time"
        assert named(made, "variances of the units (") == (
            {design.factors[f].name for unit in made.units for f in unit} if made.scheme == "collapsed" else set()
        )
        for f in design.factors:
            assert any(f"{f.name} (" in line for line in lines(made, "location")), (f.name, made.lines)


def test_factors_that_all_stand_in_the_core_are_named_there():
    design = all_in_core()
    for made in (plan.make(design, "second-order"), plan.make(design)):
        assert (made.scheme, made.units, made.core) == ("second-order", (), (0, 1))
        (location,), (variances,) = lines(made, "location"), lines(made, "variances")
        assert "β, election (12), cohort (7)" in location and "no grouping factors" not in " ".join(made.lines)
        assert "sd of election, sd of cohort" in variances
        assert named(made, "variances (") == moved_with_effects_out(design, made) == {"election", "cohort"}
        assert made.as_dict()["lines"] == list(made.lines)


@pytest.mark.parametrize("family", ["poisson", "negative_binomial", "ordinal", "binomial"])
def test_families_that_are_never_augmented_name_theirs_too(family):
    base = all_in_core("gaussian")
    more = {"sigma_prior": None, "link": "log" if family in ("poisson", "negative_binomial") else "logit"}
    if family == "negative_binomial":
        more["dispersion_prior"] = Prior("gamma", (2.0, 0.1))
    if family == "ordinal":
        X = base.X[:, 1:]
        rows = (CoefficientPrior("b[x]", np.ones(1), 0.0, 2.5, np.inf, Prior("normal", (0.0, 2.5))),)
        more |= {"categories": ("a", "b"), "cutpoint_prior": Prior("normal", (0.0, 2.5)), "X": X, "coefficients": ("x",), "intercept": None}
        more["coefficient_priors"] = rows
    if family == "binomial":
        more["trials"] = np.full(base.y.size, 2)
    made = plan.make(replace(base, family=family, **more))
    assert named(made, "variances (") == {"election", "cohort"} and "no grouping" not in " ".join(made.lines)
    assert bool(lines(made, "shape")) == (family == "negative_binomial")
    assert bool(lines(made, "cutpoints")) == (family == "ordinal")
    assert bool(lines(made, "scale")) == (family in ("ordinal", "binomial"))


def test_variances_that_are_given_are_not_said_to_be_drawn():
    design = small("one_factor", "gaussian", sd_prior="fixed", sigma_prior="fixed")
    for scheme in ("joint", "one-at-a-time"):
        assert not lines(plan.make(design, scheme), "variances")
    assert named(plan.make(small("one_factor", "gaussian", known_se=True)), "variances") == {"g"}
    assert named(plan.make(small("one_factor", "gaussian", sd_prior="fixed")), "variances") == {"sigma"}


def test_units_beside_a_core_say_which_variances_are_whose():
    big = large_crossed((220, 180), 1200)
    design = replace(big, factors=(*big.factors, factor("k", np.arange(1200) % 14)))
    made = plan.make(design)
    assert made.scheme == "collapsed" and made.core == (2,)
    assert named(made, "variances of the core (") == moved_with_effects_out(design, made) == {"k"}
    assert named(made, "variances of the units (") == {f.name for f in big.factors}
    assert lines(made, "sigma") == ["sigma: given the residuals"]
    forced = plan.make(replace(design, factors=(factor("a", np.arange(1200) % 9), factor("b", np.arange(1200) // 100))), "collapsed")
    assert lines(forced, "why")[0].startswith("why: forced") and not lines(forced, "variances of the core")


def test_many_variances_move_by_rows():
    rng = np.random.default_rng(0)
    base = oracles.random_design(rng, "none", rows=300)
    many = replace(factor("g", np.arange(300) % 12), Z=rng.standard_normal((300, 8)), columns=tuple("abcdefgh"))
    prior = Prior("half_t", (3.0, 0.0, 2.5))
    many = replace(many, terms=(replace(many.terms[0], columns=many.columns, sd_priors=(prior,) * 8, correlation=Prior("lkj", (1.0,))),))
    for family in ("gaussian", "poisson"):
        made = plan.make(replace(base, factors=(many,), family=family, y=np.abs(np.round(base.y)), sigma_prior=None))
        (line,) = lines(made, "variances")
        assert "8 sds and 28 correlations of g" in line and "by rows" in line and ("one decision" in line) == (family == "poisson"), line


@pytest.mark.parametrize(
    ("kind", "family", "rounds"),
    [
        ("eight", "logit", 1),
        ("slopes", "logit", 0),
        ("crossed_slopes", "poisson", 1),
        ("eight", "ordinal", 1),
        ("eight", "an empty one", 0),
    ],
)
def test_which_second_order_models_have_variances_that_move_by_rows(kind, family, rounds):
    """Those with six and more in terms of several columns; where nobody chose some category of an ordinal outcome its cutpoints have no
    stand-in to be drawn under."""
    empty, family = family == "an empty one", "ordinal" if " " in family else family
    design = small("slopes" if kind == "eight" else kind, family)
    if kind == "eight":
        f, rng = design.factors[0], np.random.default_rng(1)
        of = replace(f.terms[0], columns=tuple("abcd"), sd_priors=(f.terms[0].sd_priors[0],) * 4)
        design = replace(design, factors=(replace(f, Z=rng.standard_normal((design.y.size, 4)), columns=of.columns, terms=(of,)),))
    if family == "ordinal":
        design = replace(design, y=np.arange(design.y.size) % (3 if empty else 4) * 1.0)
    made = plan.make(design, "second-order")
    assert made.rounds == rounds and made.compiled == "second-order" + " by rows" * rounds
    (said,) = lines(made, "variances")[:1] or [""]
    assert ("together with the variances" in " ".join(lines(made, "location"))) != bool(rounds) and ("by rows" in said) == bool(rounds)


def test_scale_mixtures_are_said():
    design = small("one_factor", "gaussian", coefficient_prior="cauchy")
    assert any("b[x]" in line for line in lines(plan.make(design), "priors of "))
    student = replace(design, factors=(replace(design.factors[0], own_prior=Prior("gamma", (2.0, 0.1))),))
    assert lines(plan.make(student), "effects of g: Student-t")
    assert not lines(plan.make(small("one_factor", "gaussian")), "priors", "effects")


def test_haar_moves_are_promised_only_where_they_are_made():
    for offset in (False, True):
        design = small("one_factor", "probit", offset=offset)
        for scheme in ("joint", "one-at-a-time"):
            made = plan.make(design, scheme)
            if "Haar" not in made.lines[0]:
                assert not pack(design, made).haar
            else:
                assert not offset and made.scheme == "joint"
    assert kl.ONE_AT_A_TIME == pack(design, made).scheme

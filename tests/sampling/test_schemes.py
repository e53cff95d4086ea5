"""The schemes are ways to one posterior: joint, collapsed and one-at-a-time agree within Monte Carlo error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gibbs.model.records import Factor
from gibbs.sampling import plan
from tests import oracles
from tests.sampling.models import disagreement, fitted_design, run, with_data

LIMIT = 5.0
"""Monte Carlo errors by which the most different of some hundred means and sds may differ."""


def assert_agree(design, first: str, second: str, *, draws: int, warmup: int = 500) -> None:
    a, b = run(design, first, seed=1, draws=draws, warmup=warmup), run(design, second, seed=2, draws=draws, warmup=warmup)
    worst, where = disagreement(a, b)
    assert worst < LIMIT, f"{first} and {second}: {where} ({worst:.1f} Monte Carlo errors)"


@pytest.mark.parametrize(("kind", "family"), [("crossed", "gaussian"), ("nested", "probit"), ("slopes", "logit"), ("crossed", "student")])
def test_joint_and_one_at_a_time_agree(kind, family):
    assert_agree(fitted_design(kind, family), "joint", "one-at-a-time", draws=2500)


@pytest.mark.parametrize("family", ["gaussian", "probit"])
def test_joint_and_collapsed_agree_where_factors_cross(family):
    assert_agree(fitted_design("crossed_slopes", family, rows=250), "joint", "collapsed", draws=2500)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gaussian", "known_se", "student", "probit", "logit"])
@pytest.mark.parametrize("kind", oracles.KINDS)
def test_every_scheme_gives_the_posterior_of_joint(kind, family):
    known = family == "known_se"
    design = fitted_design(kind, "gaussian" if known else family, known_se=known, rows=150, seed=3)
    assert_agree(design, "joint", "one-at-a-time", draws=4000)
    if "cross" in kind:
        assert_agree(design, "joint", "collapsed", draws=4000)


def large_crossed(levels: tuple[int, int], rows: int, family: str = "gaussian"):
    """(1|g) + (1|h), levels met at random."""
    rng = np.random.default_rng(4)
    base = oracles.random_design(rng, "crossed", family=family, rows=rows, levels=5)
    factors = []
    for factor, J in zip(base.factors, levels, strict=True):
        codes = rng.permutation(np.resize(np.arange(J), rows)).astype(np.int32)
        labels = tuple(f"{factor.name}{j:04d}" for j in range(J))
        factors.append(Factor(factor.name, labels, codes, np.ones((rows, 1)), factor.columns, factor.terms))
    return with_data(replace(base, factors=tuple(factors)), rng)


def test_the_design_decides_and_either_choice_is_the_same_posterior():
    """A small crossed design is drawn jointly, a large one by units; each is checked against the other scheme."""
    small, large = large_crossed((12, 8), 200), large_crossed((220, 180), 1200)
    assert plan.make(small).scheme == "joint" and plan.make(large).scheme == "collapsed"
    assert_agree(small, "auto", "collapsed", draws=2500)
    assert_agree(large, "auto", "one-at-a-time", draws=1500, warmup=300)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gaussian", "probit", "logit"])
def test_a_large_crossed_design_drawn_jointly_is_the_same_posterior(family):
    """181 columns in the core, factored by LAPACK."""
    assert_agree(large_crossed((220, 180), 1200, family), "auto", "joint", draws=600, warmup=200)

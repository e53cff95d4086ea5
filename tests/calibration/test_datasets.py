"""Simulated data sets: every family's outcome is the one its own log-likelihood describes, whatever rows and weights there are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gibbs.calibration import datasets
from gibbs.draws import names
from gibbs.errors import SpecError
from gibbs.model import prior_draws
from gibbs.model.prior_words import COEFFICIENT_KINDS
from gibbs.model.records import Prior
from gibbs.posterior.family import LINKS
from tests import oracles

MODELS = [("gaussian", "", {}), ("gaussian", "", {"known_se": True}), ("student", "", {}), ("probit", "", {}), ("logit", "", {})]
MODELS += [("binomial", link, {}) for link in LINKS["binomial"]] + [("poisson", "", {}), ("negative_binomial", "", {})]
MODELS += [("ordinal", link, {}) for link in LINKS["ordinal"]]


def values_of(design, truths):
    """A prior draw as the ``values`` of the oracles."""
    hyper = dict(zip(truths.hyper_names, truths.hyper[0, 0], strict=True))
    u = []
    for start, factor in zip(truths.u_offsets, design.factors, strict=True):
        J, q = len(factor.levels), len(factor.columns)
        u.append(truths.u[0, 0, start : start + J * q].reshape(J, q))
    cutpoints = [v for name, v in hyper.items() if name.startswith("b_Intercept[")]
    return {"beta": truths.beta[0, 0], "u": u, **{k: hyper.get(k) for k in ("sigma", "nu", "shape")}, "cutpoints": np.array(cutpoints)}


@pytest.mark.parametrize(("family", "link", "further"), MODELS)
def test_log_likelihoods_of_simulated_data_are_the_oracles(family, link, further):
    """Both sides at data of each other: the simulated outcome is possible, and its probability is the oracle's up to no constant."""
    design = oracles.random_design(
        np.random.default_rng(3), "crossed_slopes", family=family, link=link, offset=True, sd_prior="half_normal", **further
    )
    for k in range(3):
        made = datasets.simulate(design, np.random.default_rng([4, k]))
        assert made.problem == "" and made.design.y.shape == design.y.shape
        found = datasets.log_likelihood(made.design, made.truths)
        assert found[0] == pytest.approx(oracles.log_likelihood(made.design, values_of(design, made.truths)), rel=1e-9)


@pytest.mark.parametrize(("family", "link", "further"), MODELS)
def test_outcomes_have_the_law_of_their_log_likelihood(family, link, further):
    """Bartlett's identity: with data from the model, the score d log p/dη has mean 0 and variance −E d² log p/dη², by differences."""
    design = oracles.random_design(np.random.default_rng(5), "none", family=family, link=link, rows=30_000, **further)
    made = datasets.simulate(design, np.random.default_rng(1))
    values, step = values_of(design, made.truths), 1e-3
    at = {
        d: datasets.family.log_likelihood(
            family, made.design.y, oracles.linear_predictor(design, values) + d, link=design.link,
            **datasets._parameters(design, made.truths, [0], np.arange(design.y.size)),
        ).ravel()
        for d in (-step, 0.0, step)
    }  # fmt: skip
    score, curvature = (at[step] - at[-step]) / (2.0 * step), (at[step] - 2.0 * at[0.0] + at[-step]) / step**2
    n = design.y.size
    assert abs(score.mean()) < 5.0 * score.std() / np.sqrt(n)
    both = score**2 + curvature
    assert abs(both.mean()) < 5.0 * both.std() / np.sqrt(n)


def test_a_row_of_weight_w_is_w_outcomes():
    """The weights of a row's different outcomes add up to its own, and a likelihood of weights is that of rows written out."""
    rng = np.random.default_rng(6)
    design = oracles.random_design(rng, "one_factor", family="binomial", rows=30)
    design = replace(design, weights=rng.integers(1, 30, 30))
    made = datasets.simulate(design, rng)
    assert made.design.weights.sum() == design.weights.sum()
    np.testing.assert_array_equal(np.bincount(made.design.rows, weights=made.design.weights)[1:], design.weights)
    outcome_and_row = np.column_stack([made.design.rows, made.design.y])
    assert len(np.unique(outcome_and_row, axis=0)) == len(outcome_and_row)
    assert len(made.design.y) > 30  # one row has several outcomes
    again = datasets.some_rows(replace(made.design, weights=None), np.repeat(np.arange(len(made.design.y)), made.design.weights))
    np.testing.assert_allclose(datasets.log_likelihood(again, made.truths), datasets.log_likelihood(made.design, made.truths), rtol=1e-12)


def test_missing_outcomes_stay_missing():
    rng = np.random.default_rng(7)
    design = oracles.random_design(rng, "one_factor", family="gaussian")
    unknown = np.arange(len(design.y)) % 5 == 0
    design = replace(design, missing_outcome=unknown)
    made = datasets.simulate(design, rng)
    assert not made.design.y[unknown].any() and made.design.y[~unknown].all()
    known = datasets.some_rows(replace(made.design, missing_outcome=None), np.flatnonzero(~unknown))
    np.testing.assert_allclose(datasets.log_likelihood(made.design, made.truths), datasets.log_likelihood(known, made.truths), rtol=1e-12)


def test_levels_without_a_row_are_left_out():
    design = oracles.random_design(np.random.default_rng(8), "nested", rows=30)
    keep = np.flatnonzero(design.factors[0].codes != 2)
    fewer = datasets.some_rows(design, keep)
    for before, after in zip(design.factors, fewer.factors, strict=True):
        labels = [before.levels[c] for c in before.codes[keep]]
        assert [after.levels[c] for c in after.codes] == labels
        assert set(after.levels) == set(labels)
    assert len(fewer.factors[0].levels) == len(design.factors[0].levels) - 1


def test_data_that_no_number_can_hold_are_said_to_be_so():
    rng = np.random.default_rng(9)
    design = oracles.random_design(rng, "none", family="poisson")
    wide = tuple(replace(row, scale=200.0) for row in design.coefficient_priors)
    made = [datasets.simulate(replace(design, coefficient_priors=wide), rng) for _ in range(50)]
    assert any(one.problem == "" for one in made)
    for one in made:
        beta = one.truths.beta[0, 0]
        eta = design.X @ beta
        assert bool(one.problem) == bool(
            eta.max() > np.log(datasets.LARGEST_COUNT)
        )  # a count of e^36.7 differs from its mean by 1e-8 of it
        if one.problem:
            row = int(np.argmax(np.where(np.isfinite(eta), np.abs(eta), np.inf)))
            name = names.coefficient_names(design)[int(np.argmax(np.abs(design.X[row] * beta)))]
            assert one.problem == f"an outcome beyond 9e+15, mostly by {name}"
            assert not (one.design.y <= datasets.LARGEST_COUNT).all()
    enormous = tuple(replace(row, scale=4e307) for row in design.coefficient_priors)
    problems = {datasets.simulate(replace(design, coefficient_priors=enormous), rng).problem for _ in range(50)}
    assert any(problem.startswith(datasets.BEYOND_NUMBERS + ", mostly by b_") for problem in problems)


def test_the_default_prior_of_a_size_is_no_prior_to_simulate_from():
    design = oracles.random_design(np.random.default_rng(1), "none", family="negative_binomial")
    datasets.check(design)
    with pytest.raises(SpecError, match=r"the prior of shape, gamma\(0.01, 0.01\), has \d+% of its mass outside"):
        datasets.check(replace(design, dispersion_prior=Prior("gamma", (0.01, 0.01))))


def test_every_proper_prior_of_a_coefficient_can_be_drawn():
    rng = np.random.default_rng(2)
    arguments = {"normal": (1.0, 2.0), "student_t": (4.0, 1.0, 2.0), "cauchy": (1.0, 2.0)}
    assert set(arguments) == set(COEFFICIENT_KINDS) - {"flat"}
    for kind, args in arguments.items():
        assert np.median(prior_draws.coefficient(Prior(kind, args), rng, 4000)) == pytest.approx(1.0, abs=0.25)

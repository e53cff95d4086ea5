"""The moves of a sweep by factors: their log-ratios are those of the joint density; bugs in them, or in a decision, are caught.

As in ``test_second_order_bites.py``: a line of a kernel is replaced and the result run as Python, with a decision that notes what it is
asked and says yes.
"""

from __future__ import annotations

import math
from functools import cache
from types import FunctionType

import numpy as np
import pytest

from gibbs.kernels import expansion as ke
from gibbs.kernels import factorised as kf
from gibbs.kernels import layout as kl
from gibbs.kernels import scaling
from tests.kernels.test_expansion import Problem, hard, probability, repeated
from tests.kernels.test_second_order_bites import OF_ALL_PRIORS, OF_AN_SD, broken, broken_within
from tests.kernels.test_second_order_ratios import (
    Told,
    engine_at,
    log_jacobian,
    log_jacobian_of_all,
    log_joint,
    log_ratio_of_t_priors,
    predictor,
)
from tests.sampling.cases import Case

CAUGHT, RTOL = 1e-4, 1e-9
STATES = (
    Case("logit", "slopes", "by factors 3", sd_prior="exponential", offset=True),
    Case("probit", "crossed", "by factors 2", coefficient_prior="student_t"),
    Case("poisson", "slopes", "by factors 3", sd_prior="half_normal", offset=True),
)

OF_ONE_TERM = OF_AN_SD | {
    "effects of another column": ("term[t].column + column] *= c", "term[t].column] *= c"),
    "taken to be reversible for the stand-in": ("rise + stand_in_rise(model.gram, core, trial.core)", "rise"),
    "only the first level": ("for j in range(factor.coordinates):", "for j in range(1):"),
}
OF_ALL = OF_ALL_PRIORS | {
    "taken to be reversible for the stand-in": ("rise + stand_in_rise(model.gram, state.core, trial.core)", "rise"),
    "coefficients left where they were": ("    scale_by(trial.core, c)\n", ""),
}
OF_SETTLING = {
    "the core left where it was": ("        copy_to(trial.core, state.core)\n", "        pass\n"),
    "effects left where they were": ("        copy_core_factors(model.layout, state.core, state.u)\n", ""),
}


class Asked:
    """``decide`` that notes its log ratio, the likelihood in its place, and says yes."""

    def __init__(self, engine) -> None:
        self.engine, self.ratios = engine, []

    def __call__(self, rng, rise, model, expansion, now, new, count) -> int:
        rows = ke.rise_of_rows(model.data, model.layout, expansion.X, now, new)
        self.ratios.append(rise + rows - ke.stand_in_rise(model.gram, now, new))
        return ke.ACCEPTED


def run(kernel, engine, told, *place, settle=kf.settle.py_func) -> float:
    """The move, by its Python function; the log ratio that it asks a decision about."""
    chain, asked = engine.chain, Asked(engine)
    function = getattr(kernel, "py_func", kernel)
    settled = FunctionType(settle.__code__, dict(settle.__globals__) | {"decide": asked}, "settle")
    moved = FunctionType(function.__code__, dict(function.__globals__) | {"settle": settled}, function.__name__)
    model = kl.Model(engine.packed.layout, chain.gram, engine.packed.priors, chain._data())
    moved(told, 0.5, *place, model, chain.expansion, chain.state, chain.trial, chain.work, chain.counts.moves)
    return asked.ratios[0]


def stale(engine) -> float:
    """How far the effects are from those that stand in the core."""
    s, p = engine.chain.state, engine.packed
    places = [(f.u0, f.core0, f.levels * f.width) for f in p.layout.factor]
    return max(float(np.max(np.abs(s.u[u0 : u0 + n] - s.core[core0 : core0 + n]))) for u0, core0, n in places)


def discrepancy(kernel, case: Case, **how) -> float:
    """Of the log ratio from that of the joint density, and of what is left, for the last column of the first term."""
    engine, y = engine_at(case, 11)
    column = int(engine.packed.layout.term[0].width) - 1
    before = log_joint(engine, y)
    ratio = run(kernel, engine, Told([0.6], accept=True), 0, column, **how)
    wanted = log_joint(engine, y) - before + log_jacobian(engine, 0, column, 0.3)
    return max(abs(ratio - wanted) / (1.0 + abs(wanted)), stale(engine))


def discrepancy_of_all(kernel, case: Case) -> float:
    engine, y = engine_at(case, 11)
    before = log_joint(engine, y) + log_ratio_of_t_priors(engine)
    offset = engine.packed.rows.offset
    eta = predictor(engine) - offset
    ratio = run(kernel, engine, Told([0.6], accept=True))
    wanted = log_joint(engine, y) + log_ratio_of_t_priors(engine) - before + log_jacobian_of_all(engine, 0.3)
    moved = float(np.max(np.abs(predictor(engine) - offset - math.exp(0.3) * eta)))
    return max(abs(ratio - wanted) / (1.0 + abs(wanted)), stale(engine), moved)


@pytest.mark.parametrize("case", STATES, ids=str)
def test_the_ratios_are_those_of_the_joint_density(case):
    assert discrepancy(kf.scale_term, case) < RTOL
    assert discrepancy_of_all(kf.scale_all, case) < RTOL


@pytest.mark.parametrize("bug", OF_ONE_TERM)
def test_a_bug_of_scaling_a_term_is_caught(bug):
    assert discrepancy(broken_within(kf.scale_term, scaling.scale_sd, *OF_ONE_TERM[bug]), STATES[0]) > CAUGHT


@pytest.mark.parametrize("bug", OF_ALL)
def test_a_bug_of_scaling_everything_is_caught(bug):
    assert (
        discrepancy_of_all(
            broken_within(kf.scale_all, scaling.scale_priors, *OF_ALL[bug]), STATES[1 if "coefficients forgotten" in bug else 0]
        )
        > CAUGHT
    )


@pytest.mark.parametrize("bug", OF_SETTLING)
def test_a_bug_of_settling_is_caught(bug):
    assert discrepancy(kf.scale_term, STATES[0], settle=broken(kf.settle, *OF_SETTLING[bug])) > CAUGHT


OF_A_DECISION = {
    "no cubic part": ("        rise += there[1] - here[1]\n", ""),
    "the cubic part of the new point alone": (" - here[1]", ""),
}
OF_THE_ROWS = {
    "at most one point": ("while left > 0.0:\n        left -= rng.standard_exponential()", "if left > 0.0:\n        left = -1.0"),
    "the alias always taken": ("if toss - i > expansion.threshold[i]:", "if True:"),
    "half the points": ("expansion.total * scales - rng", "0.5 * expansion.total * scales - rng"),
    "every point refuses": ("fall > bound * rng.random()", "fall > 0.0"),
    "points refuse too seldom": ("fall > bound * rng.random()", "fall > 2.0 * bound * rng.random()"),
}


def z_of(p: Problem, decide, rise: float, times: int = 1500, enough: float = np.inf) -> float:
    """Standard errors between the share of ACCEPTED and the definition's probability, of so many times, or fewer if they are ``enough``."""
    rng, count, model = np.random.default_rng(9), kl.counts_of(1, 1).moves, p.model
    expansion, wanted, found, z = p.chain.expansion._replace(most=np.inf), probability(p, rise), [], 0.0
    while len(found) < times and z <= enough:
        found += repeated(lambda: decide(rng, rise, model, expansion, p.now, p.new, count), expansion, 500)
        z = abs(np.mean(np.array(found) == ke.ACCEPTED) - wanted) / math.sqrt(wanted * (1.0 - wanted) / len(found))
    return z


@cache
def points() -> Problem:
    """Made once, and not where tests are collected: it compiles."""
    return hard("crossed", "probit", 2, 0.3)


def with_rows(rows):
    """``decide`` in Python that asks these rows."""
    names = dict(ke.decide.py_func.__globals__) | {"no_row_refuses": rows}
    return FunctionType(ke.decide.py_func.__code__, names, "decide")


def test_the_decision_itself_passes():
    assert z_of(points(), with_rows(ke.no_row_refuses.py_func), 0.3) < 3.9


@pytest.mark.parametrize("bug", OF_A_DECISION)
def test_a_bug_of_a_decision_is_caught(bug):
    p = hard("crossed", "probit", 3, -0.5)
    assert z_of(p, broken(ke.decide, *OF_A_DECISION[bug]), -0.5, times=3000, enough=6.0) > 6.0


@pytest.mark.parametrize("bug", OF_THE_ROWS)
def test_a_bug_of_reading_the_rows_is_caught(bug):
    assert z_of(points(), with_rows(broken(ke.no_row_refuses, *OF_THE_ROWS[bug])), 0.3, times=6000, enough=6.0) > 6.0

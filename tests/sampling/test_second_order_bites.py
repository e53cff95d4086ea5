"""The invariance test finds the bugs that second-order sweeps can have: each is put in alone, into what the kernels are given.

Bugs inside the kernels' source are in ``tests/kernels/test_second_order_bites.py``, where one state is enough to catch them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from gibbs.kernels import likelihood as kd
from gibbs.model.records import Prior
from gibbs.sampling.chain import Kept
from tests.sampling.cases import Case
from tests.sampling.invariance import Engine
from tests.sampling.test_it_bites import Bug, assert_caught, joined, no_offset, squared_prior_scale, wrong_parent


def every_time(bug: Callable[[Engine], None]) -> Callable[[Engine], None]:
    """``bug`` after every packing: the engine packs each data set anew."""

    def change(engine: Engine) -> None:
        build = engine._build

        def build_with_bug(design) -> None:
            build(design)
            bug(engine)

        engine._build = build_with_bug
        bug(engine)

    return change


def stand_in_of_another_slope(engine: Engine) -> None:
    """The gap is taken from b, the proposals are made with 1.15 b."""
    engine.chain.linear *= 1.15


def stand_in_of_another_curvature(engine: Engine) -> None:
    engine.chain.omega *= 1.3


def _statements_on_cutpoints(engine: Engine) -> np.ndarray:
    """Those rows of the coefficients' prior, a view."""
    K = engine.packed.cutpoints
    return engine.packed.priors.row[-K:]


def cutpoint_prior_forgotten(engine: Engine) -> None:
    _statements_on_cutpoints(engine)[:, 1] = 1e-12


def cutpoint_prior_scale_squared(engine: Engine) -> None:
    _statements_on_cutpoints(engine)[:, 1] **= 2


def no_jacobian_of_the_log_size(engine: Engine) -> None:
    """Γ(a, r) on log r: r^(a−2) for r^(a−1)."""
    engine.packed.priors.size[1] -= 1.0


def one_trial_too_few(engine: Engine) -> None:
    rows = engine.packed.rows
    rows.weight[:] = np.maximum(rows.weight - 1.0, rows.y)


def never_frozen(engine: Engine) -> None:
    """The stand-in follows the chain: fitted again after every sweep to where it stands."""
    if getattr(engine, "follows", False):
        return
    engine.follows, run = True, engine.sweep

    def sweep(sweeps: int) -> Kept:
        kept = []
        for _ in range(sweeps):
            chain, r = engine.chain, engine.packed.rows
            sums = np.zeros((3, r.y.size))
            kd.add_derivatives(engine.packed.likelihood, r.y, r.trials, _predictor(engine), chain.shape(), chain.first, sums)
            chain.omega[:] = np.maximum(sums[2], 1e-10)
            chain.linear[:] = chain.omega * sums[0] + sums[1]
            chain._stand_in()
            kept.append(run(1))
        return joined(kept)

    engine.sweep = sweep


def _predictor(engine: Engine) -> np.ndarray:
    from tests.kernels.test_second_order_ratios import predictor

    return predictor(engine)


ORDINAL = Case("ordinal", "one_factor", "second-order", link="logit", sd_prior="half_normal")
COUNTS = Case("poisson", "one_factor", "second-order", sd_prior="half_normal")
SIZES = Case("negative_binomial", "one_factor", "second-order", sd_prior="half_normal")
BY_ROWS = Case("binomial", "three_slopes", "second-order", link="logit", sd_prior="half_normal", rounds=1)
NARROW = Prior("half_normal", (0.0, 0.4))


def of_second_order(case: Case, replicates: int, change: Callable[[Engine], None]) -> Bug:
    """A bug that is put in anew with every data set."""
    return Bug(case, replicates, every_time(change), repack=True)


FAST = {
    "prior of cutpoints forgotten": of_second_order(ORDINAL, 300, cutpoint_prior_forgotten),
    "prior of the sd on the wrong scale": of_second_order(replace(COUNTS, sd_prior=NARROW), 250, squared_prior_scale),
}
SLOW = {
    "stand-in of another slope": of_second_order(COUNTS, 1200, stand_in_of_another_slope),
    "stand-in of another curvature": of_second_order(COUNTS, 1500, stand_in_of_another_curvature),
    "scale of the cutpoints' prior squared": of_second_order(ORDINAL, 4000, cutpoint_prior_scale_squared),
    "no Jacobian of the log size": of_second_order(SIZES, 4000, no_jacobian_of_the_log_size),
    "offset forgotten": of_second_order(replace(COUNTS, offset=True), 1500, no_offset),
    "stand-in of another slope, variances by rows": of_second_order(replace(BY_ROWS, sd_prior="half_t"), 1500, stand_in_of_another_slope),
    "stand-in of another curvature, variances by rows": of_second_order(BY_ROWS, 2000, stand_in_of_another_curvature),
    "one trial too few": of_second_order(Case("binomial", "one_factor", "second-order", link="cloglog"), 1500, one_trial_too_few),
    "a class in the wrong school": of_second_order(replace(COUNTS, structure="nested"), 3000, wrong_parent),
    "stand-in never frozen": of_second_order(replace(COUNTS, rows=10), 4000, never_frozen),
}


@pytest.mark.parametrize("name", FAST)
def test_a_bug_of_second_order_sweeps_is_caught(name: str):
    assert_caught(FAST[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_a_subtle_bug_of_second_order_sweeps_is_caught(name: str):
    assert_caught(SLOW[name])

"""The rule by which a run to precision ends, on chains whose law is known: independent, AR(1), stuck, of two modes, drifting."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from gibbs.draws import diagnostics, limits
from gibbs.errors import SpecError
from gibbs.model.records import Until
from gibbs.sampling import stopping
from gibbs.sampling.stopping import Course


def ar1(rng: np.random.Generator, chains: int, draws: int, rho: float, columns: int = 1) -> np.ndarray:
    """(chain, draw, column) stationary AR(1) of variance 1: (1 + ρ)/(1 − ρ) draws make an effective one."""
    x = np.empty((chains, draws, columns))
    x[:, 0] = rng.standard_normal((chains, columns))
    for t in range(1, draws):
        x[:, t] = rho * x[:, t - 1] + math.sqrt(1.0 - rho * rho) * rng.standard_normal((chains, columns))
    return x


def run(make, until: Until, first: int = 500) -> tuple[Course, bool, list[int]]:
    """The rule applied to chains that ``make`` draws to any length: (the last course, whether it was precise, the checks)."""
    course, checks = Course(min(first, until.max_draws)), []
    while True:
        x = make(course.target)
        d = diagnostics.diagnose(x, (0.5,))
        asked = limits.limits(until, [f"b_{k}" for k in range(x.shape[2])], x.shape[2], x.shape[0])
        short = asked.shortfall(d.rhat, d.ess_bulk, d.ess_tail, d.mcse_mean)
        least = float(min(d.ess_bulk.min(), d.ess_tail.min()))
        passed = bool(short.max() <= 1.0) and stopping.long_enough(least, x.shape[0])
        checks.append(course.target)
        after = course.after(passed, until.max_draws)
        if after is None:
            return course, passed, checks
        course = after


def test_the_grid_is_geometric_and_ends_at_the_most() -> None:
    grid = [500]
    while grid[-1] < 10_000:
        grid.append(stopping.next_check(grid[-1], 10_000))
    assert grid == [500, 750, 1125, 1687, 2530, 3795, 5692, 8538, 10_000]
    assert stopping.next_check(1, 100) == 2  # it always goes on


def test_independent_draws_pass_twice_and_end() -> None:
    x = np.random.default_rng(1).standard_normal((4, 750, 3))
    course, passed, checks = run(lambda n: x[:, :n], Until())
    assert passed and checks == [500, 750] and course.every == 1


@pytest.mark.parametrize("rho", [0.5, 0.9, 0.97])
def test_slow_chains_go_on_for_as_long_as_they_need(rho: float) -> None:
    """ESS is 4 n (1 − ρ)/(1 + ρ); the run ends at the check after the first at which it is 1,000 (R-hat may ask for one or two more)."""
    x = ar1(np.random.default_rng(2), 4, 60_000, rho)
    course, passed, checks = run(lambda n: x[:, :n], Until())
    needed = 1000 * (1 + rho) / (1 - rho) / 4
    assert passed and max(needed, 500) <= course.target <= 1.5**4 * max(needed, 500)
    assert all(b == math.floor(1.5 * a) for a, b in itertools.pairwise(checks))


def test_chains_that_are_stuck_apart_never_pass() -> None:
    rng = np.random.default_rng(3)
    x = 0.1 * rng.standard_normal((4, 20_000, 1)) + np.arange(4.0)[:, None, None]
    course, passed, checks = run(lambda n: x[:, :n], Until(max_draws=20_000))
    assert not passed and course.target == 20_000 and checks[-1] == 20_000


def test_a_chain_in_another_mode_is_seen_though_the_others_are_many() -> None:
    rng = np.random.default_rng(4)
    x = rng.standard_normal((4, 20_000, 1))
    x[3] += 3.0
    assert not run(lambda n: x[:, :n], Until(max_draws=20_000))[1]


def test_one_lucky_check_is_not_enough() -> None:
    """An excursion of one chain between the first check, which is passed, and the second breaks the row."""
    x = np.random.default_rng(5).standard_normal((4, 20_000, 1))
    x[0, 600:700] += 3.0
    assert stopping.settled(x[:, :500])
    course, passed, checks = run(lambda n: x[:, :n], Until())
    assert checks[:2] == [500, 750] and passed and course.target > 1125


def test_passes_must_follow_each_other() -> None:
    course = Course(500).after(True, 10_000)
    assert course == Course(750, 1)
    assert course.after(False, 10_000) == Course(1125, 0)
    assert course.after(True, 10_000) is None
    assert Course(10_000).after(False, 10_000) is None


def test_many_chains_must_each_be_long() -> None:
    """1,000 effective draws of 40 chains are 25 a chain: fewer than 50 autocorrelation times."""
    assert not stopping.long_enough(1000.0, 40) and stopping.long_enough(2000.0, 40)


@pytest.mark.parametrize(
    ("warm", "expected"),
    [
        (ar1(np.random.default_rng(6), 4, 500, 0.5, 5), True),
        (ar1(np.random.default_rng(7), 4, 500, 0.99, 5), False),
        (np.arange(4.0)[:, None, None] + 0.1 * np.random.default_rng(8).standard_normal((4, 500, 1)), False),
        (np.linspace(3.0, 0.0, 500)[None, :, None] + 0.1 * np.random.default_rng(9).standard_normal((4, 500, 1)), False),
        (np.concatenate([5.0 * np.ones((4, 250, 1)), np.random.default_rng(10).standard_normal((4, 250, 1))], axis=1), True),
        (np.ones((4, 500, 2)), True),
        (np.random.default_rng(11).standard_normal((4, 6, 1)), False),
        (np.zeros((4, 500, 0)), True),
    ],
    ids=["mixing", "slow", "apart", "drifting", "a start far away", "nothing moves", "too short to tell", "nothing drawn"],
)
def test_whether_warm_up_has_settled(warm: np.ndarray, expected: bool) -> None:
    assert stopping.settled(warm) is expected


def test_warm_up_doubles_to_eight_times() -> None:
    lengths = [500]
    while (longer := stopping.longer_warmup(lengths[-1], 500)) > lengths[-1]:
        lengths.append(longer)
    assert lengths == [500, 1000, 2000, 4000]


def test_draws_beyond_what_is_needed_are_not_stored() -> None:
    """20 stored draws for each effective one that is asked for, but at most 2 GB; in any case 1,000 a chain, and 3 for each of them."""
    assert stopping.room(1000.0, 4, 10) == 5000
    assert stopping.room(100.0, 4, 10) == 1000
    assert stopping.room(100_000.0, 4, 10) == 500_000
    assert stopping.room(4000.0, 4, 20_000) == 3125  # 8 bytes, 4 chains
    assert stopping.room(100_000.0, 4, 20_000) == 75_000  # else the run could never be as precise as is asked for
    course = Course(6000)
    assert course.thinned(5000).every == 2 and course.thinned(6000).every == 1
    assert Course(90_000, every=2).thinned(5000).every == 32  # 90,000/16 is more than 5,000


def test_limits_of_the_default_run() -> None:
    labels = ["b_x", "sd_g__Intercept", "r_g[a,Intercept]", "r_g[b,Intercept]"]
    asked = limits.limits(Until(), labels, 2, 4)
    assert asked.ess.tolist() == asked.tail.tolist() == [1000, 1000, 400, 400] and asked.rhat == 1.01
    of = limits.limits(Until(ess=500, tail_ess=200, of=("sd_*", "r_g[a,*"), mcse={"x": 0.1}), labels, 2, 4)
    assert of.asked.tolist() == [True, True, True, False]
    assert of.ess.tolist() == [500, 500, 500, 0] and of.tail.tolist() == [200, 200, 200, 0] and of.mcse[0] == 0.1
    assert limits.limits(None, labels, 2, 2).ess.tolist() == [200] * 4
    with pytest.raises(SpecError, match=r"no parameter 'b_z'. Did you mean 'b_x'"):
        limits.limits(Until(of=("b_z",)), labels, 2, 4)
    with pytest.raises(SpecError, match=r"no parameter 'sd_q'"):
        limits.limits(Until(mcse={"sd_q": 0.1}), labels, 2, 4)


def test_shortfall_is_the_factor_by_which_draws_are_short() -> None:
    asked = limits.limits(Until(mcse={"b": 0.01}), ["a", "b", "c", "d"], 4, 4)
    rhat, bulk, tail = np.array([1.001, 1.0, 1.02, np.nan]), np.array([500.0, 4000, 4000, 4000]), np.array([4000.0, 4000, 4000, np.nan])
    found = asked.shortfall(rhat, bulk, tail, np.array([1.0, 0.02, 1.0, 1.0]))
    np.testing.assert_allclose(found, [2.0, 4.0, 2.0, np.inf])
    assert asked.effective(np.array([1.0, 2.0, 1.0, 1.0])) == pytest.approx((2.0 / 0.01) ** 2)

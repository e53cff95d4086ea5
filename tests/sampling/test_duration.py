"""How long a run will sample: what is counted, by hand; every price is there; the words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gibbs.model.families import FAMILIES
from gibbs.model.records import Prior, Sampling, Until
from gibbs.sampling import duration, footprint, plan
from tests.sampling.cases import by_factors
from tests.sampling.models import fitted_design

FIXED = Sampling(chains=4, seed=1, warmup=300, draws=1000, scheme="auto", cores=1)


@pytest.fixture(autouse=True)
def _as_fast_as_the_machine_of_the_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duration, "speed", lambda: 1.0)


def test_every_family_and_loop_has_its_price():
    kinds = {name for family in FAMILIES.values() for name in (*family.likelihood.values(), *(family.augmented or {}).values())}
    assert kinds == set(duration.ROWS)
    made = [("slopes", "gaussian", "joint"), ("crossed", "gaussian", "collapsed"), ("crossed", "gaussian", "one-at-a-time")]
    made += [("slopes", "probit", "augmented"), ("slopes", "logit", "second-order"), ("slopes", "student", "joint")]
    loops = set()
    for kind, family, scheme in made:
        design = fitted_design(kind, family, rows=60, levels=5)
        loops.add(duration.loop_of(design, plan.make(design, scheme)))
        loops.add(duration.loop_of(design, replace(plan.make(design, scheme), rounds=2)))
    design = fitted_design("crossed", "probit", rows=60, levels=5)
    loops.add(duration.loop_of(design, by_factors(design, 3)))
    assert loops == set(duration.PRICES)
    assert all(min(price) >= 0.0 and price.per_draw >= 1.0 for price in duration.PRICES.values()) and min(duration.ROWS.values()) > 0.0


def test_a_sweep_is_what_it_goes_through_at_its_prices():
    """(1 + x | g) of 5 levels, gaussian, by hand; a second-order model has its rows beside, a loop of its own and cycles."""
    design = fitted_design("slopes", "gaussian", rows=60, levels=5)
    made, price = plan.make(design, "joint"), duration.PRICES["joint"]
    found = duration.predict(design, made, FIXED)
    effects = design.X.shape[1] + 10
    p = design.X.shape[1]
    operations = 5 * 2 * p**2 / 2  # 5 levels of 2 columns meet p of the core
    sweep = price.once + price.effect * effects + price.operation * operations + price.entry * p**2
    assert found.sweep == pytest.approx(sweep)
    assert found.seconds == pytest.approx(1e-9 * 4 * sweep * (300 * price.warm + 1000))
    assert (found.warmup, found.draws, found.chains, found.cores, found.precise) == (300, 1000, 4, 1, False)
    design = fitted_design("slopes", "logit", rows=60, levels=5)
    made, price = plan.make(design, "second-order"), duration.PRICES["second-order"]
    more = duration.predict(design, replace(made, cycles=3), FIXED)
    work = duration.work_of(design, made)
    sweep = price.once + duration.ROWS["BINOMIAL_LOGIT"] * work.rows + price.effect * effects
    sweep += price.operation * work.operations + price.entry * work.entries
    assert 0 < work.rows <= 60 and more.sweep == pytest.approx(3 * sweep)
    assert more.seconds == pytest.approx(1e-9 * 4 * (300 * (price.call + price.warm * 3 * sweep) + 1000 * 3 * sweep))


def test_a_law_with_a_parameter_of_its_own_is_told_as_the_sweeps_it_is_worth():
    """Effects that are t are drawn by the same eliminations, and their degrees of freedom beside them."""
    plain = fitted_design("one_factor", rows=60, levels=5)
    heavy = replace(plain, factors=tuple(replace(f, own_prior=Prior("gamma", (2.0, 0.1))) for f in plain.factors))
    work = [duration.work_of(design, plan.make(design)) for design in (plain, heavy)]
    assert [w.times for w in work] == [1.0, 1.0 + duration.OF_LAWS["df"]] and work[0].effects == work[1].effects


def test_a_run_to_precision_is_as_long_as_typical_draws_make_it():
    design = fitted_design("slopes", "gaussian", rows=60, levels=5)
    made = plan.make(design, "joint")
    asked = replace(FIXED, until=Until(ess=400.0, max_draws=100_000))
    assert duration.predict(design, made, asked).draws == footprint.stored_draws(asked)
    far = replace(FIXED, until=Until(ess=40_000.0, max_draws=100_000))
    assert duration.predict(design, made, far).draws >= 40_000 * duration.PRICES["joint"].per_draw / 4
    assert duration.predict(design, made, replace(far, until=Until(ess=40_000.0, max_draws=500))).draws == 500


def test_speed_is_that_of_this_machine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    duration.speed.cache_clear()
    assert 0.05 < duration.speed() < 100.0  # of a machine that runs Python at all
    assert duration.speed() == duration.speed()  # once a process
    duration.speed.cache_clear()
    twice = round(2 * duration.NORMALS * duration.NANOSECONDS_A_NORMAL)
    clock = iter(np.repeat(np.cumsum(np.full(duration.TRIES, 10**9)), 2) + np.tile([0, twice], duration.TRIES))
    monkeypatch.setattr(duration.time, "perf_counter_ns", lambda: int(next(clock)))
    assert duration.speed() == pytest.approx(2.0)
    duration.speed.cache_clear()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.3, "less than a second"), (12.4, "about 12 s"), (200.0, "about 3 min"), (9_000.0, "about 2.5 h")],
)
def test_the_sentence(seconds: float, words: str):
    made = duration.Duration(seconds, 500, 1000, 12_340.0, 4, 2, True, False)
    assert made.words() == (
        f"sampling takes {words}: 4 chains on 2 cores, 500 sweeps of warm-up and about 1,000 draws each; a sweep takes about 12 µs here "
        "(most within a factor of two of it); before that the sampler is compiled, once, which takes about a minute of one core"
    )
    assert "1 chain on 1 core, 500 sweeps of warm-up and 1,000 draws each; a sweep takes about 1.23 ms here" in (
        replace(made, sweep=1_234_000.0, chains=1, cores=1, precise=False, compiled=True).words()
    )

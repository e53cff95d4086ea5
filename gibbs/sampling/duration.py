"""How long a run will sample, told before it begins: what a sweep goes through, at prices that ``benchmarks/prices.py`` measured.

    sweep = times (once + a_row · rows + an_effect · effects + an_operation · operations of eliminations + an_entry · entries of the core)

The prices are those of one machine; a short loop of the same kind (``speed``) says how much slower or faster this one is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from gibbs.cores import usable_cores
from gibbs.model import by_group, families, laws, small_fields
from gibbs.model.records import Design, Sampling
from gibbs.sampling import decisions, footprint, plan
from gibbs.sampling.compiled_before import compiled_before
from gibbs.sampling.plan import Plan


class Work(NamedTuple):
    """What a sweep of a plan goes through: all its moves ``times`` times, and in these so many rows, effects, operations of eliminations
    level by level, and entries of the dense core (its factorisation, in vector instructions, takes as long as it has entries)."""

    times: float
    rows: float
    effects: int
    operations: float
    entries: int


class Price(NamedTuple):
    """Of one loop. once, effect, operation, entry : nanoseconds of a sweep beside all else, of an effect, of an operation of an elimination
    level by level, of an entry of the core. call, warm : a sweep of warm-up takes ``call`` nanoseconds and as long as ``warm`` sweeps.
    per_draw : sweeps an effective draw takes."""

    once: float
    effect: float
    operation: float
    entry: float
    call: float
    warm: float
    per_draw: float

    def sweep(self, of: Work, row: float) -> float:
        """Nanoseconds of a sweep; ``row``: of one row."""
        eliminations = self.operation * of.operations + self.entry * of.entries
        return of.times * (self.once + row * of.rows + self.effect * of.effects + eliminations)


PRICES = {
    "joint": Price(3040.0, 65.6, 0.847, 9.45, 0.0, 1.9, 2.1),
    "collapsed": Price(308.0, 130.0, 4.61, 693.0, 0.0, 1.0, 5.1),
    "by rows": Price(15200.0, 127.0, 14.8, 1750.0, 0.0, 1.1, 5.3),
    "one-at-a-time": Price(2890.0, 28.3, 28.9, 361.0, 0.0, 1.5, 82.0),
    "augmented": Price(6320.0, 161.0, 2.07, 52.3, 0.0, 1.1, 3.6),
    "second-order": Price(7530.0, 124.0, 0.439, 0.529, 190000.0, 1.3, 2.2),
    "second-order by rows": Price(20400.0, 699.0, 0.0, 0.0, 0.0, 2.1, 6.1),
    "by factors": Price(0.0, 0.0, 0.0, 34.5, 0.0, 3.5, 1.6),
}
ROWS = {
    "GAUSSIAN": 1.84,
    "STUDENT": 74.4,
    "PROBIT": 20.4,
    "LOGIT": 35.2,
    "BINOMIAL_PROBIT": 24.3,
    "BINOMIAL_LOGIT": 10.4,
    "BINOMIAL_CLOGLOG": 52.0,
    "COUNT_POISSON": 13.9,
    "COUNT_NEGATIVE_BINOMIAL": 351.0,
    "ORDINAL_LOGIT": 89.3,
    "ORDINAL_PROBIT": 127.0,
    "BETA_BINOMIAL_PROBIT": 1080.0,
    "BETA_BINOMIAL_LOGIT": 1540.0,
    "BETA_BINOMIAL_CLOGLOG": 1490.0,
}
"""Nanoseconds of a row, by what augments it or by its likelihood (``row_of``)."""

OF_LAWS = {"df": 5.0, "rho": 5.0}
"""How many sweeps' worth it takes to move the own parameter of a law between two sweeps."""
OF_DEGREES, OF_PIECES = 5.0, 6.0
"""How many eliminations' worth it takes to move the rho of a field, and to redraw its noise piece by piece (`benchmarks/fields.md`)."""

NORMALS, TRIES, NANOSECONDS_A_NORMAL = 10_000, 8, 7.5
"""The short loop: so many normal variates, the least of so many tries, and what one took on the machine of the prices."""


def loop_of(design: Design, made: Plan) -> str:
    """The scheme; "by rows" where variances move so, by themselves or with a decision; "by factors" where decisions read single rows;
    "augmented" where latents are drawn."""
    if made.decided:
        return "by factors"
    if made.scheme == "second-order":
        return made.scheme + " by rows" * (made.rounds > 0)
    if families.of(design).is_gaussian:
        return "by rows" if made.rounds else made.scheme
    return "augmented"


def row_of(design: Design, made: Plan) -> str:
    """What a row costs: its latent, or its likelihood, as the records of the families name them."""
    family = families.of(design)
    return (family.likelihood if made.scheme == "second-order" else family.augmented)[family.link]


def work_of(design: Design, made: Plan) -> Work:
    """Of one sweep. Rows are those of the data where latents are drawn, cells of second order; a gaussian model has none, but with units
    in turn, and no model whose decisions read single rows. What the law of a factor's effects moves beside them counts as ``OF_LAWS``,
    that of a field as ``OF_DEGREES``."""
    effects = design.X.shape[1] + sum(f.coordinates * len(f.columns) for f in design.factors)
    if made.decided:
        rows = 0.0
    elif made.scheme == "second-order":
        rows = float(made.cells)
    elif families.of(design).is_gaussian:
        rows = float(design.y.size) if len(made.units) > 1 else 0.0
    else:
        rows = float(design.y.size if design.trials is None else np.sum(design.trials))
    if made.scheme == "one-at-a-time":
        operations = float(sum(len(f.columns) ** 3 * len(f.levels) for f in design.factors if f.field is None))
        operations += sum(plan.fill(design, (k,)) for k, f in enumerate(design.factors) if f.field is not None)
    else:
        operations = sum(plan.joint_flops(design, unit, made.core) - made.core_columns**3 / 6 for unit in made.units)
        if made.scheme == "second-order":
            operations += OF_PIECES * sum(plan.fill(design, unit) for unit in made.units)
        operations += OF_DEGREES * sum(plan.fill(design, (k,)) for k, f in enumerate(design.factors) if laws.moves(f))
    own = (OF_LAWS.get(laws.of(f).parameter, 0.0) for f in design.factors if laws.moves(f) and f.field is None)
    times = made.cycles * (1.0 + sum(own))
    return Work(times, rows, effects, operations, made.core_columns**2 * max(len(made.units), 1))


@dataclass(frozen=True)
class Duration:
    """Of the sampling of a run: seconds with ``cores`` at work; sweeps of each chain, warm-up apart; nanoseconds of a sweep after it.

    precise : whether the number of draws follows from the precision that is asked for.
    """

    seconds: float
    warmup: int
    draws: int
    sweep: float
    chains: int
    cores: int
    precise: bool
    compiled: bool

    def words(self) -> str:
        """``about 4 s of sampling: …``."""
        at = f"a sweep takes about {_short(self.sweep / 1e9)}"
        who = f"{self.chains} chain{'s' * (self.chains != 1)} on {self.cores} core{'s' * (self.cores != 1)}"
        length = f"{self.warmup:,} sweeps of warm-up and {'about ' * self.precise}{self.draws:,} draws each"
        compiling = "" if self.compiled else "; before that the sampler is compiled, once, which takes about a minute of one core"
        return f"sampling takes {_length(self.seconds)}: {who}, {length}; {at} here (most within a factor of two of it){compiling}"


def predict(design: Design, made: Plan, sampling: Sampling) -> Duration:
    """Of a run of ``design``. Chains share the cores; a run to precision ends at the first check at which it may, or where typical draws
    of its kind are worth as many as are asked for."""
    design = small_fields.arrange(by_group.arrange(design), sampling.scheme)
    price, of, row = PRICES[loop_of(design, made)], work_of(design, made), ROWS[row_of(design, made)]
    sweep = price.sweep(of, row) * speed()
    draws = footprint.stored_draws(sampling)
    if sampling.until is not None:
        wanted = max(sampling.until.ess, sampling.until.tail_ess or 0.0)
        draws = min(max(draws, round(wanted * price.per_draw / sampling.chains)), sampling.until.max_draws)
    cores, each = min(sampling.cores or usable_cores(), usable_cores()), sweep
    if made.scheme == "second-order" and of.rows >= decisions.LEAST_SHARED:  # cores that chains leave free take shards of the rows
        each = price.sweep(of._replace(rows=of.rows / max(cores / sampling.chains, 1.0)), row) * speed()
    else:
        cores = min(cores, sampling.chains)
    warm = price.call * speed() + price.warm * each
    seconds = 1e-9 * (sampling.warmup * warm + draws * each) * sampling.chains / min(cores, sampling.chains)
    return Duration(
        seconds, sampling.warmup, draws, sweep, sampling.chains, cores, sampling.until is not None, compiled_before(made.compiled)
    )


@cache
def speed() -> float:
    """Time of a short loop here over that on the machine of the prices: the least of some tries, since others work here too."""
    rng, out, least = np.random.Generator(np.random.SFC64(0)), np.empty(NORMALS), np.inf
    for _ in range(TRIES):
        began = time.perf_counter_ns()
        rng.standard_normal(out=out)
        least = min(least, time.perf_counter_ns() - began)
    return float(least / NORMALS / NANOSECONDS_A_NORMAL)


def _length(seconds: float) -> str:
    if seconds < 1.0:
        return "less than a second"
    if seconds < 90.0:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60.0:.0f} min" if seconds < 5400.0 else f"about {seconds / 3600.0:.1f} h"


def _short(seconds: float) -> str:
    return f"{1e6 * seconds:.2g} µs" if seconds < 9.95e-5 else f"{1e6 * seconds:.0f} µs" if seconds < 1e-3 else f"{1e3 * seconds:.3g} ms"

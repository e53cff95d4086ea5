"""How long a run will sample, told before it begins: what a sweep goes through, at prices that ``benchmarks/prices.py`` measured.

    sweep = times (once + a_row · rows + an_effect · effects + an_operation · operations of the eliminations)

The prices are those of one machine; a short loop of the same kind (``speed``) says how much slower or faster this one is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from gibbs.cores import usable_cores
from gibbs.model import by_group, families
from gibbs.model.records import Design, Sampling
from gibbs.sampling import footprint, plan
from gibbs.sampling.compiled_before import compiled_before
from gibbs.sampling.plan import Plan


class Work(NamedTuple):
    """What a sweep of a plan goes through: all its moves ``times`` times, and in these so many rows, effects and operations."""

    times: int
    rows: float
    effects: int
    operations: float


class Price(NamedTuple):
    """Of one loop. once, effect, operation : nanoseconds of a sweep beside all else, of an effect, of an operation of an elimination.
    call, warm : a sweep of warm-up takes ``call`` nanoseconds and as long as ``warm`` sweeps. per_draw : sweeps an effective draw takes."""

    once: float
    effect: float
    operation: float
    call: float
    warm: float
    per_draw: float

    def sweep(self, of: Work, row: float) -> float:
        """Nanoseconds of a sweep; ``row``: of one row."""
        return of.times * (self.once + row * of.rows + self.effect * of.effects + self.operation * of.operations)


PRICES = {
    "joint": Price(1710.0, 52.0, 3.29, 0.0, 3.5, 1.9),
    "collapsed": Price(13700.0, 0.0, 11.8, 0.0, 1.2, 5.1),
    "by rows": Price(21100.0, 117.0, 12.4, 0.0, 1.0, 5.1),
    "one-at-a-time": Price(2820.0, 27.6, 28.2, 0.0, 1.2, 82.0),
    "augmented": Price(8890.0, 136.0, 1.8, 0.0, 1.1, 3.6),
    "second-order": Price(10100.0, 79.9, 0.5, 160000.0, 1.5, 2.0),
    "by factors": Price(2490.0, 287.0, 2.65, 20000.0, 3.2, 1.6),
}
ROWS = {
    "GAUSSIAN": 1.63,
    "STUDENT": 72.8,
    "PROBIT": 21.6,
    "LOGIT": 37.6,
    "BINOMIAL_PROBIT": 26.1,
    "BINOMIAL_LOGIT": 10.3,
    "BINOMIAL_CLOGLOG": 49.0,
    "COUNT_POISSON": 16.4,
    "COUNT_NEGATIVE_BINOMIAL": 342.0,
    "ORDINAL_LOGIT": 84.3,
    "ORDINAL_PROBIT": 106.0,
    "BETA_BINOMIAL_PROBIT": 981.0,
    "BETA_BINOMIAL_LOGIT": 1220.0,
    "BETA_BINOMIAL_CLOGLOG": 1250.0,
}
"""Nanoseconds of a row, by what augments it or by its likelihood (``row_of``)."""

NORMALS, TRIES, NANOSECONDS_A_NORMAL = 10_000, 8, 7.5
"""The short loop: so many normal variates, the least of so many tries, and what one took on the machine of the prices."""


def loop_of(design: Design, made: Plan) -> str:
    """The scheme, "by rows" where variances move so, "by factors" where decisions read single rows, "augmented" where latents are drawn."""
    if made.decided:
        return "by factors"
    if made.scheme == "second-order" or families.of(design).is_gaussian:
        return "by rows" if made.rounds else made.scheme
    return "augmented"


def row_of(design: Design, made: Plan) -> str:
    """What a row costs: its latent, or its likelihood, as the records of the families name them."""
    family = families.of(design)
    return (family.likelihood if made.scheme == "second-order" else family.augmented)[family.link]


def work_of(design: Design, made: Plan) -> Work:
    """Of one sweep. Rows are those of the data where latents are drawn, cells of second order; a gaussian model has none, but with units
    in turn, and no model whose decisions read single rows."""
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
        operations = float(sum(len(f.columns) ** 3 * len(f.levels) for f in design.factors))
    elif made.units:
        operations = sum(plan.joint_flops(design, unit, made.core) for unit in made.units)
    else:
        operations = effects**3 / 6
    return Work(made.cycles, rows, effects, operations)


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
    design = by_group.arrange(design)
    price, of = PRICES[loop_of(design, made)], work_of(design, made)
    sweep = price.sweep(of, ROWS[row_of(design, made)]) * speed()
    draws = footprint.stored_draws(sampling)
    if sampling.until is not None:
        wanted = max(sampling.until.ess, sampling.until.tail_ess or 0.0)
        draws = min(max(draws, round(wanted * price.per_draw / sampling.chains)), sampling.until.max_draws)
    warm = price.call * speed() + price.warm * sweep
    cores = min(sampling.cores or usable_cores(), usable_cores(), sampling.chains)
    seconds = 1e-9 * (sampling.warmup * warm + draws * sweep) * sampling.chains / cores
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

"""How a second-order chain decides about its core: by a pass over the rows, or by factors of which it reads a handful.

``kernels/expansion.py`` has the rule. What it costs and how much of it is accepted follow from how far the data hold the effects: of row i
the predictor is held to about h_i² = Σ_f q_f/(ω n_j(i) + 1) + p/(ω N), ω the information of one trial, n_j the trials of its level. A
decision of order k reads about 2 Σ_i b_i ρ^{k+1} rows, ρ² = the number of effects, and is refused about as often as remainders and cubic
part change.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gibbs import mapped
from gibbs.kernels import likelihood as kd
from gibbs.kernels.expansion import STEEPEST
from gibbs.model import averages, families, laws
from gibbs.model.records import Design

LEAST_ROWS = 5_000
"""Cells below which a pass over them is quick enough."""
PASS, STEP, READ = 15.0, 0.4, 200.0
"""Nanoseconds of a row in a pass, of a multiplication in the core, and of a row that is read, for each of its columns 15 more
(``benchmarks/single_rows.py``)."""
CUBIC = 0.025
"""The cubic part refuses about so much of p^{3/2}/√N (measured on 10⁴, 10⁵ and 10⁶ rows with 37 effects: 5.5, 2 and 0.6 %)."""
MARGIN = 0.7
"""Factors decide where they take this share of what passes would, an accepted move, or less."""
SHARD, LEAST_SHARED = 2**18, 2**19
"""Rows of a shard of a pass, 2 ms of it or more, of which handing it out takes some 0.02; and rows from which on there are any
(``benchmarks/scale.md``)."""
MOST_COLUMNS = 45
"""Columns that a row meets up to which the cubic part is summed over the rows, their number cubed over 6 of each: more would take longer
than the passes of a run of default length."""
MOST_TURNED = 150
"""Columns of the core up to which the cubic part is turned from levels that know their neighbours, of which a row meets one, to their
coordinates: that takes the fourth power of their number."""


def of_shards(rows: int) -> str:
    """For the plan, of passes; "" where rows stay together."""
    if rows < LEAST_SHARED:
        return ""
    return f"passes: over {rows:,} different rows in shards of {SHARD:,} or more, which cores that the chains leave free take a part of"


class Decision(NamedTuple):
    """order 2 or 3, 0 by passes; rows read, the share accepted, nanoseconds of an accepted move and one by passes, as told beforehand."""

    order: int = 0
    rows: float = 0.0
    accepted: float = 1.0
    cost: float = np.inf
    by_pass: float = np.inf

    def words(self) -> str:
        """For the plan."""
        return (
            f"decisions: factor by factor, each by about {self.rows:,.1f} rows drawn by bounds on what an expansion of order {self.order} "
            f"leaves of them (about {self.accepted:.0%} accepted); a sweep never passes over the rows"
        )


def choose(design: Design, columns: int, cells: int, each: float = PASS) -> Decision:
    """What decides best about a core of ``columns`` that holds every effect.

    cells : different rows. each : nanoseconds for each of them that a sweep by passes takes.
    """
    family, p, factors = families.of(design), design.X.shape[1], design.factors
    code = getattr(kd, family.likelihood.get(family.link, ""), -1)
    plain = all(not laws.of(f).parameter and f.level_weights is None for f in factors)
    if cells < LEAST_ROWS or not plain or code not in (*STEEPEST, kd.COUNT_POISSON):
        return Decision()
    known = slice(None) if design.missing_outcome is None else ~design.missing_outcome
    weight = averages.once(design.y.size, design.weights)
    trials = (weight if design.trials is None else weight * design.trials)[known].astype(float, copy=False)
    N, ones = float(trials.sum()), float((design.y if design.weights is None else weight * design.y)[known].sum())
    information, steep = _information(code, ones, N)
    square = mapped.filled(design.y, trials.size, p / (information * N))
    for f in factors:
        of = f.codes[known]
        size = np.bincount(of, weights=None if trials.strides == (0,) else trials, minlength=len(f.levels))
        of_level = len(f.columns) / (information * size + 1.0)
        for at in mapped.blocks(trials.size):
            square[at] += of_level[of[at]]
    entries = p + sum(len(f.columns) * (1 if f.structure is None else f.coordinates) for f in factors)
    turned = [f for f in factors if f.structure is not None and f.coordinates == len(f.levels)]
    met = entries - sum(len(f.columns) * (f.coordinates - 1) for f in turned)
    base = STEP * columns**3 / 2.0
    found = [Decision(0, cells, 1.0, base + each * cells, base + each * cells)]
    for order in (2, 3):
        if order == 3 and (met > MOST_COLUMNS or (turned and columns > MOST_TURNED)):
            continue
        power = 0.5 * (order + 1)
        bounds = steep[order - 2] * averages.total(trials.size, lambda at, k=power: trials[at] * square[at] ** k) / (6.0, 24.0)[order - 2]
        rows = 2.0 * bounds * columns ** (0.5 * (order + 1))
        accepted = float(np.exp(-bounds)) if order == 2 else float(np.exp(-2.0 * bounds - CUBIC * columns**1.5 / np.sqrt(N)))
        cost = base + STEP * (2 * columns**2 + (columns**3 / 3 if order == 3 else 0)) + (READ + 15.0 * entries) * rows
        found.append(Decision(order, rows, accepted, cost / max(accepted, 1e-6), found[0].cost))
    best = min(found[1:], key=lambda d: d.cost)
    return best if best.cost < MARGIN * best.by_pass else found[0]


def _information(code: int, ones: float, trials: float) -> tuple[float, tuple[float, float]]:
    """(information of a trial at the overall share or rate, bounds on its third and fourth derivatives)."""
    if code == kd.COUNT_POISSON:
        rate = (ones + 0.5) / trials
        return rate, (rate, rate)
    share = (ones + 0.5) / (trials + 1.0)
    if code == kd.BINOMIAL_LOGIT:
        return share * (1.0 - share), STEEPEST[code]
    if code == kd.BINOMIAL_CLOGLOG:  # of zeros −e^η
        rate = -np.log1p(-share)
        third, fourth = (share * steepest + (1.0 - share) * rate for steepest in STEEPEST[code])
        return float(rate**2 * (1.0 - share) / share), (float(third), float(fourth))
    from scipy.special import ndtri

    density = np.exp(-0.5 * ndtri(share) ** 2) / np.sqrt(2.0 * np.pi)
    return float(density**2 / (share * (1.0 - share))), STEEPEST[code]

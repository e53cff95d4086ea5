"""The memory that a run will need at its peak, told before it begins: from the sizes of the arrays that the stages make.

    so far      what the process has in memory when the model is ready: Python, the libraries, the table and the numbers made of it
    packing     the rows as the sampler has them, and what making them takes for a while
    work        of every chain: latents and stand-in by cell, blocks of every level, the dense core; and the compiled kernels
    draws       what is kept, once in the chains and for one chain more while they are gathered; sums of effects that are not kept
    standing    where the run is, so that it can be gone on with: a copy of each chain's state and sums, for a checkpoint or at the end
    tables      a line for every effect

All but the first are there together. Rows that lie in files (``gibbs.mapped``) are apart, ``mapped``: the system keeps as much of them in
memory as there is room for, and takes it back. Arrays by cell and by level are counted as the code makes them; a dozen small ones are not.
``benchmarks/memory.py`` compares what is told with what the operating system says of runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gibbs import mapped, memory
from gibbs.cores import usable_cores
from gibbs.model import by_group, families
from gibbs.model.records import Design, Sampling
from gibbs.sampling import stopping
from gibbs.sampling.compiled_before import compiled_before
from gibbs.sampling.plan import Plan

KERNELS = 80_000_000
"""Bytes of the compiled kernels and what loads them."""
COMPILING = 170_000_000
"""Bytes more while they are built, once for an installation, where a second process builds half of them; twice that where one process has
to build all, and twice for second-order moves, which are as much again. Measured on two cores and on one: 155 and 270 MB, second-order
260 and 480."""
LIBRARIES = 40_000_000
"""Bytes of what the tables and the files of a run need."""
PACKING = 2.3
"""Bytes that packing takes at its peak, for each of the packed rows."""
PACKING_MAPPED = 40
"""Bytes of a row that packing takes for a while where the rows lie in files: their order, and what sorting them takes."""
LINE = 500
"""Bytes of an effect's line in the tables."""
STATES, COPIES = 14, 1
"""Numbers of an effect in the state of a chain and in what was learnt, and copies of its sums, in what a run is gone on with from."""
SHARE = 0.25
"""Share of the memory that draws may take; the effects of large factors are summarised where they would take more."""
LARGE = 1000
"""Effects from which on a factor is large."""


@dataclass(frozen=True)
class Footprint:
    """Bytes by stage."""

    before: int
    so_far: int
    compiling: int
    packing: int
    work: int
    draws: int
    standing: int
    tables: int
    mapped: int = 0

    @property
    def peak(self) -> int:
        """Of the process, from its beginning to its end."""
        together = self.compiling + self.packing + self.work + self.draws + self.standing + self.tables
        return max(self.before, self.so_far + together)


def predict(design: Design, plan: Plan, sampling: Sampling, keep: tuple[str, ...] | None) -> Footprint:
    """Of a run of ``design``; ``keep``: the factors whose effects are stored (None: all)."""
    N, Q = design.y.size, sum(f.Z.shape[1] for f in design.factors)
    p = design.X.shape[1] + (len(design.categories) - 1 if design.categories else 0)
    row = 8 * p + 8 * Q + 4 * len(design.factors) + 32
    stored, streamed = _effects(design, keep)
    draws, C = stored_draws(sampling), sampling.chains
    numbers = p + plan.hyper + 1 + stored
    kept = 8 * numbers * draws * C + (8 * numbers * draws if C > 1 else 0)
    in_files = mapped.folder_of(design.y) is not None
    by_cell = 0 if in_files and plan.decided else _by_cell(design, plan)
    return Footprint(
        before=memory.own() if in_files else memory.used(),
        so_far=memory.own() if in_files else memory.now(),
        compiling=_compiling(plan, sampling.cores),
        packing=PACKING_MAPPED * N if in_files else int(PACKING * row * N),
        work=KERNELS + C * (by_cell + _by_level(design, plan) + 8 * 5 * plan.core_columns**2) + _shared(plan, p),
        draws=kept + C * _sums(streamed),
        standing=8 * C * STATES * (stored + streamed) + C * COPIES * _summed(streamed) + 8 * C * draws * (numbers - stored),
        tables=LIBRARIES + LINE * (stored + streamed),
        mapped=(3 * row * N + C * (_by_cell(design, plan) if plan.decided else 0)) if in_files else 0,
    )


def _compiling(plan: Plan, cores: int | None) -> int:
    if compiled_before(plan.compiled):
        return 0
    alone, more = min(usable_cores(), cores or 2) < 2, plan.scheme == "second-order"
    return COMPILING * (1 + alone) * (1 + more)


def _summed(effects: int) -> int:
    """Bytes of one chain's sums of effects that are not stored."""
    if not effects:
        return 0
    from gibbs.sampling.stream import BYTES

    return effects * BYTES


def _sums(effects: int) -> int:
    """Bytes of one chain's sums of effects that are not stored, and of what summarising some of them at a time needs."""
    if not effects:
        return 0
    from gibbs.sampling.stream import BLOCK

    return _summed(effects) + 1500 * min(effects, BLOCK)


def stored_draws(sampling: Sampling) -> int:
    """Draws of each chain that are kept: as many as are asked for, or those of a run to precision at its earliest end: its second check,
    or the first at which there are as many as are to be effective.
    """
    until = sampling.until
    if until is None:
        return sampling.draws
    most, wanted = until.max_draws, max(until.ess, until.tail_ess or 0.0) / sampling.chains
    draws = stopping.next_check(min(sampling.draws, most), most)
    while draws < min(wanted, most):
        draws = stopping.next_check(draws, most)
    return draws


def to_stream(design: Design, plan: Plan, sampling: Sampling) -> tuple[str, ...]:
    """Factors whose effects are summarised where nobody says what to keep: the largest, until the draws take no more than ``SHARE``."""
    total = memory.installed()
    if total is None:
        return ()
    sizes = {f.name: len(f.levels) * len(f.columns) for f in design.factors}
    size = 8 * stored_draws(sampling) * sampling.chains
    needed, found = size * sum(sizes.values()), []
    for name in sorted(sizes, key=lambda n: -sizes[n]):
        if needed <= SHARE * total or sizes[name] < LARGE:
            break
        found.append(name)
        needed -= size * sizes[name]
    return tuple(found)


def _effects(design: Design, keep: tuple[str, ...] | None) -> tuple[int, int]:
    """(stored, summarised) effects."""
    sizes = {f.name: len(f.levels) * len(f.columns) for f in design.factors}
    stored = sum(size for name, size in sizes.items() if keep is None or name in keep)
    return stored, sum(sizes.values()) - stored


def _by_cell(design: Design, plan: Plan) -> int:
    """Bytes of one chain's arrays of a number a cell."""
    M = plan.cells
    if plan.decided:
        return 20 * M
    if plan.scheme == "second-order":
        return 8 * M * (21 if not design.categories else 40)
    if families.of(design).is_gaussian:
        return 0
    return 8 * M * 7


def _shared(plan: Plan, p: int) -> int:
    """Predictors by column, which second-order chains share."""
    return 8 * plan.cells * p if plan.scheme == "second-order" and not plan.decided else 0


def _by_level(design: Design, plan: Plan) -> int:
    """Bytes of one chain's arrays of effects and of blocks of levels: what a level meets of the core, in three to five copies."""
    arranged = by_group.arrange(design)
    effects = sum(f.nodes * f.Z.shape[1] for f in arranged.factors)
    core = [arranged.factors[f] for f in plan.core]
    blocks = 0
    for unit in plan.units:
        above = 0
        for f in reversed(unit):
            factor = arranged.factors[f]
            J, q = factor.nodes, factor.Z.shape[1]
            met = sum(min(len(c.levels), np.bincount(factor.codes, minlength=J).mean()) * c.Z.shape[1] for c in core)
            blocks += J * q * (q + above + min(plan.core_columns, design.X.shape[1] + met))
            above += q
    copies = 2 if families.of(design).is_gaussian else 4
    return int(8 * (14 * effects + copies * blocks))

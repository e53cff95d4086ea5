"""Which levels move by their own law (``kernels/own_law.py``) beside what else moves them, and their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gibbs.kernels import layout as kl
from gibbs.kernels.own_law import move_by_own_law
from gibbs.kernels.statistics import linear_predictor

if TYPE_CHECKING:
    from gibbs.sampling.chain_parts import ChainParts
    from gibbs.sampling.pack import Packed


def table(packed: Packed, which: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(``chosen``, ``own_rows``) of the kernel for the levels that ``which`` marks, a (J,) of bool for each factor.

    Levels without a row are left out: all else draws them from their own law as it is.
    """
    chosen, parts, at = [], [np.zeros(0, dtype=np.int64)], 0
    for f, marked in enumerate(which):
        if not marked.any():
            continue
        level = packed.rows.level[:, f]
        rows = np.flatnonzero(marked[level])
        rows = rows[np.argsort(level[rows], kind="stable")]
        sizes = np.bincount(level[rows], minlength=marked.size)
        for j in np.flatnonzero(sizes):
            chosen.append((f, j, at, at + sizes[j]))
            at += int(sizes[j])
        parts.append(rows)
    return np.array(chosen, dtype=np.int64).reshape(-1, 4), np.concatenate(parts).astype(np.int64)


def stand_in_of(likelihood: int, rows: kl.Rows) -> kl.StandIn:
    """The likelihood of ``rows`` with no stand-in beside it."""
    none = np.zeros(0)
    columns = np.ascontiguousarray(rows.X.T)
    return kl.StandIn(likelihood, columns, rows.Z, rows.level, rows.offset, rows.y, rows.weight, none, none, none, none)


class OwnLaw:
    """The levels of an augmented chain that move so between two sweeps, latents integrated out; a sweep begins with new latents."""

    def __init__(self, chain: ChainParts, which: list[np.ndarray], likelihood: int) -> None:
        self.chain, self.nothing = chain, np.zeros(0)
        self.chosen, self.own_rows = table(chain.packed, which)
        self.data = stand_in_of(likelihood, chain.rows)

    def move(self, chosen: np.ndarray | None = None) -> None:
        """Every level in turn, or those of ``chosen``."""
        c, p, s, r = self.chain, self.chain.packed, self.chain.state, self.chain.rows
        linear_predictor(r, p.layout, s.core, s.u, s.eta)
        chosen = self.chosen if chosen is None else chosen
        move_by_own_law(c.rng, self.data, 1.0, self.nothing, p.layout, chosen, self.own_rows, s, c.work.small)

    def compile(self) -> None:
        """Load or build the kernels, without a change to the chain's parameters."""
        self.move(self.chosen[:0])


def by_level(packed: Packed, counts: kl.Counts) -> list[tuple[np.ndarray, np.ndarray]]:
    """(tried, accepted) of every level, factor by factor; zeros in the core, whose levels move together."""
    found = []
    for row in packed.layout.factor:
        places = row.u0 + np.arange(row.levels) * row.width
        found.append((counts.tried[places], counts.accepted[places]))
    return found

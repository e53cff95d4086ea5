"""Which levels move by their own law (``kernels/own_law.py``) beside what else moves them, and their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gibbs.kernels import layout as kl

if TYPE_CHECKING:
    from gibbs.sampling.pack import Packed


def table(packed: Packed, which: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(``chosen``, ``own_rows``) of the kernel for the levels that ``which`` marks, a (J,) of bool for each factor.

    Levels without a row are left out: all else draws them from their own law as it is. So are those of structured factors, whatever is
    marked.
    """
    chosen, parts, at = [], [np.zeros(0, dtype=np.int64)], 0
    for f, marked in enumerate(which):
        if not marked.any() or packed.layout.factor[f].basis0 >= 0:  # the law of a level that knows its neighbours is not its own
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


def by_level(packed: Packed, counts: kl.Counts) -> list[tuple[np.ndarray, np.ndarray]]:
    """(tried, accepted) of every level, factor by factor; zeros in the core, whose levels move together."""
    found = []
    for row in packed.layout.factor:
        places = row.u0 + np.arange(row.levels) * row.width
        found.append((counts.tried[places], counts.accepted[places]))
    return found

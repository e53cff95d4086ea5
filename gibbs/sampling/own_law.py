"""Which levels move by their own law (``kernels/own_law.py``) beside what else moves them, and their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gibbs.kernels import layout as kl
from gibbs.kernels.likelihood import gaps

if TYPE_CHECKING:
    from gibbs.sampling.pack import Packed

FAR, RISE = 4.0, 1.0
"""A level's tail is heavy where so many conditional sds from the centre its likelihood is e^RISE times what the stand-in makes of it. At
RISE = 2 a person of VerbAgg had 151, 643 and 431 effective draws of 3,000 (three seeds); at 1 the least is 777, 813 and 771, and
a sweep takes a fifth longer, where more levels have few rows up to a half."""


def table(packed: Packed, which: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(``chosen``, ``own_rows``) of the kernel for the levels that ``which`` marks, a (J,) of bool for each factor.

    Levels without a row are left out: all else draws them from their own law as it is. So are those of structured factors, whatever is
    marked.
    """
    chosen, parts, at = [], [np.zeros(0, dtype=np.int64)], 0
    for f, marked in enumerate(which):
        if (
            not marked.any() or max(packed.layout.factor[f].basis0, packed.layout.factor[f].sparse) >= 0
        ):  # the law of a level that knows its neighbours is not its own
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


def heavy(packed: Packed, data: kl.StandIn, centre: np.ndarray, L: np.ndarray, shape: float, cut: np.ndarray) -> list[np.ndarray]:
    """Levels of eliminated factors with a tail that the stand-in of ``data`` lacks, a (J,) of bool for each factor.

    centre (N,): η about which it was fitted. A proposal of the stand-in that gets there at last is left only after e^RISE others, however
    seldom it is refused elsewhere: a few rows, not all alike, and an sd that lets their effect go far.
    """
    here, there, found = np.empty(centre.size), np.empty(centre.size), []
    gaps(data, centre, shape, cut, here)
    omega = data.omega[: centre.size] + (data.omega[centre.size : 2 * centre.size] if data.omega.size > centre.size else 0.0)
    for f, row in enumerate(packed.layout.factor):
        found.append(np.zeros(packed.blocks[f][1], dtype=bool))
        if row.unit < 0 or max(row.basis0, row.sparse) >= 0:
            continue
        level = data.level[:, f]
        for t in packed.layout.term:
            if t.factor != f:
                continue
            factor = L[t.l0 : t.l0 + t.width**2].reshape(t.width, t.width)
            for a, variance in enumerate(np.sum(factor**2, axis=1)):
                z = data.Z[:, row.z0 + t.column + a]
                precision = np.bincount(level, weights=omega * z * z, minlength=row.levels) + 1.0 / max(float(variance), 1e-300)
                for far in (-FAR, FAR):
                    gaps(data, centre + far * z / np.sqrt(precision)[level], shape, cut, there)
                    rise = np.bincount(level, weights=there - here, minlength=row.levels)
                    found[f][t.first : t.first + t.count] |= rise[t.first : t.first + t.count] > RISE
    return found


def by_level(packed: Packed, counts: kl.Counts) -> list[tuple[np.ndarray, np.ndarray]]:
    """(tried, accepted) of every level, factor by factor; zeros in the core, whose levels move together."""
    found = []
    for row, (_, levels, _) in zip(packed.layout.factor, packed.blocks, strict=True):
        places = row.u0 + np.arange(levels) * row.width
        found.append((counts.tried[places], counts.accepted[places]))
    return found

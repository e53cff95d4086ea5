"""Levels whose outcomes are all alike, so that the data hold an effect of theirs on one side only.

All 0 or all 1; no trial, or every one, a success; nothing but zero counts; nothing but the lowest, or the highest, category. The effect of
such a level ranges as far as its own law does, and the sd of the factor with it: where few other levels speak for the sd, its upper tail
hangs on the level. Asked of every column of the factor: an effect of x is held on one side only where s_i x_ij ≥ 0 in all rows, or ≤ 0 in
all, s_i = ±1 the way that the outcome of row i pushes without end.
"""

from __future__ import annotations

import numpy as np

from gibbs import mapped
from gibbs.model import families
from gibbs.model.records import Design, Factor


def pushes(design: Design) -> np.ndarray | None:
    """(N,) the way that each row pushes its linear predictor without end: −1, 1, 0 where it holds it, nan where it says nothing.

    None of outcomes that hold it always: real numbers.
    """
    outcome = families.of(design).outcome
    if outcome == families.REAL:
        return None
    if outcome == families.COUNT:
        top = np.broadcast_to(np.inf, design.y.shape)
    elif outcome == families.ORDINAL:
        top = np.broadcast_to(len(design.categories or ()) - 1.0, design.y.shape)
    else:
        top = np.broadcast_to(1.0, design.y.shape) if design.trials is None else design.trials
    way = mapped.like(design.y, design.y.size)
    for at in mapped.blocks(way.size):
        y, most = design.y[at], top[at]
        way[at] = np.where(most == 0, np.nan, np.where(y == 0, -1.0, np.where(y == most, 1.0, 0.0)))
        if design.missing_outcome is not None:
            way[at][design.missing_outcome[at]] = np.nan
    return way


def levels(design: Design) -> list[np.ndarray]:
    """Factor by factor (J,) bool: the levels that the data hold on one side only; none of real outcomes, and of
    factors whose levels know their neighbours, which hold such a level from both sides."""
    way = pushes(design)
    none = [np.zeros(len(f.levels), dtype=bool) for f in design.factors]
    if way is None:
        return none
    return [_one_sided(f, way) if f.structure is None else no for f, no in zip(design.factors, none, strict=True)]


def _one_sided(factor: Factor, way: np.ndarray) -> np.ndarray:
    J, found = len(factor.levels), np.zeros(len(factor.levels), dtype=bool)
    for z in (factor.Z if factor.centred is None else factor.centred).T:  # as effects are drawn
        low, high = np.full(J, 2.0), np.full(J, -2.0)
        for at in mapped.blocks(len(way)):
            speaks = (z[at] != 0.0) & ~np.isnan(way[at])
            of, push = factor.codes[at][speaks], way[at][speaks] * np.sign(z[at][speaks])
            np.minimum.at(low, of, push)
            np.maximum.at(high, of, push)
        found |= (low == high) & (low != 0.0)
    return found


def words(design: Design, most: int = 3) -> list[str]:
    """A sentence for each factor with such levels: which they are, how their outcomes are, in how many rows; ``most`` of them by name.

    Only levels with all their outcomes alike: what a reader can see in the data.
    """
    way = pushes(design)
    if way is None:
        return []
    found = []
    for factor in (f for f in design.factors if f.structure is None):
        speaks = ~np.isnan(way)
        J, rows = len(factor.levels), np.bincount(factor.codes[speaks], minlength=len(factor.levels))
        total = np.bincount(factor.codes[speaks], weights=way[speaks], minlength=J)
        alike = np.flatnonzero((np.abs(total) == rows) & (rows > 0) & _one_sided(factor, way))
        if not alike.size:
            continue
        named = [f"{factor.levels[j]} ({_how(design, factor.codes == j, total[j] > 0)})" for j in alike[:most]]
        more = f" and {alike.size - most:,} more" if alike.size > most else ""
        which = "the level" if alike.size == 1 else f"{alike.size:,} of {J:,} levels:"
        found.append(
            f"{factor.name}: all outcomes are alike in {which} {', '.join(named)}{more}. The data hold such an effect on one side only; "
            f"{_leans(factor)}."
        )
    return found


def _leans(factor: Factor) -> str:
    """On what the size of such an effect rests: on the prior of the sd, as the sd's upper tail does, or on the sd, where that is fixed."""
    if all(term.covariance is None and all(prior.kind == "fixed" for prior in term.sd_priors) for term in factor.terms):
        return f"its size leans on sd[{factor.name}], which is fixed"
    return f"its size, and the upper tail of sd[{factor.name}], lean on the prior of the sd"


def _how(design: Design, rows: np.ndarray, high: bool) -> str:
    """What the outcomes of these rows are, and how many there are."""
    if design.missing_outcome is not None:
        rows = rows & ~design.missing_outcome
    number = round(float(design.times[rows].sum()))
    if design.trials is not None and (design.trials > 1).any():
        trials = round(float((design.trials * design.times)[rows].sum()))
        return f"{f'{trials:,} successes' if high else 'no success'} in {trials:,} trial{'s' if trials != 1 else ''}"
    outcome = families.of(design).outcome
    if outcome == families.COUNT:
        said = "nothing counted"
    elif outcome == families.ORDINAL:
        said = f"all {design.categories[-1 if high else 0]}"
    else:
        said = f"all {design.outcome_labels[int(high)] if design.outcome_labels else int(high)}"
    return f"{said}, {number:,} row{'s' if number > 1 else ''}"

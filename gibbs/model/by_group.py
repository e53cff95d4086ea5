"""Covariances that differ by groups of levels, ``gr(g, by = z)``, as columns of their own: what the sampler sees.

The levels are put in the order of their groups, and each column of Z is repeated for every group, 0 in the rows of the others:

    u_j ~ N(0, Σ_A) for levels of A, N(0, Σ_B) for B      →      (u_jA, u_jB) ~ N(0, blockdiag(Σ_A, Σ_B)),   z_ij = (z_ij, 0) or (0, z_ij)

The second effect of a level of A meets no row: given everything else it is a draw from its prior, is left out when Σ_B is drawn given
the effects (``term`` of ``gibbs.kernels.layout``), and is not reported. All else is a model with more columns.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gibbs.model.records import Design, Factor


def is_arranged(factor: Factor) -> bool:
    """Whether the columns are those that the sampler sees."""
    return len(factor.columns) == sum(len(term.columns) for term in factor.terms)


def order(factor: Factor) -> np.ndarray:
    """The levels (J,) in the order of their groups: place in the sampler → level."""
    return np.argsort(factor.group, kind="stable") if factor.group is not None else np.arange(len(factor.levels))


def arrange(design: Design) -> Design:
    """What the sampler sees of ``design``: a column for every group and column of every factor; itself where no factor has groups.

    The stage between Design and Plan, made once: plan, arrays and chains take it, and its ``asked`` is the Design as it was built.
    """
    if all(map(is_arranged, design.factors)):
        return design
    return replace(design, factors=tuple(f if is_arranged(f) else _arranged(f) for f in design.factors), asked=design)


def require(design: Design) -> Design:
    """``design``, which must be what the sampler sees; ValueError where ``arrange`` was left out."""
    if not all(map(is_arranged, design.factors)):
        raise ValueError("the sampler takes by_group.arrange(design): a factor has groups of levels, and its columns are not arranged.")
    return design


def _arranged(factor: Factor) -> Factor:
    places = order(factor)
    of_row = factor.group[factor.codes]
    Z, centred = (
        None
        if one is None
        else np.ascontiguousarray(np.concatenate([one * (of_row == g)[:, None] for g in range(len(factor.groups))], axis=1))
        for one in (factor.Z, factor.centred)
    )
    return replace(
        factor,
        levels=tuple(factor.levels[j] for j in places),
        codes=np.argsort(places)[factor.codes].astype(np.int32),
        Z=Z,
        centred=centred,
        columns=tuple(f"{column}:{group}" for group in factor.groups for column in factor.columns),
        group=factor.group[places],
        level_weights=None if factor.level_weights is None else factor.level_weights[places],
    )


def reported(design: Design, seen: Design | None = None) -> np.ndarray | None:
    """For every effect that is reported (factor by factor, level by level, column by column) its place among those of ``seen``, as
    ``arrange(design)`` where nothing is given; None where they are the same."""
    nodes = [factor.nodes for factor in (seen or design).factors]
    if all(is_arranged(factor) and size == len(factor.levels) for factor, size in zip(design.factors, nodes, strict=True)):
        return None
    parts, start = [], 0
    for factor, size in zip(design.factors, nodes, strict=True):
        J, q, width = len(factor.levels), len(factor.columns), len(factor.columns)
        first = np.arange(J) * q
        if not is_arranged(factor):
            width = q * len(factor.groups)
            first = np.argsort(order(factor)) * width + factor.group * q
        parts.append((start + first[:, None] + np.arange(q)).ravel())
        start += size * width
    return np.concatenate(parts)

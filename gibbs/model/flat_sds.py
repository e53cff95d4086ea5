"""Flat (uniform, improper) priors on sds: allowed where the posterior is proper, refused where it is not.

As the sds with flat priors grow, the likelihood with all effects integrated out falls like their power −(J − r), where J levels hold their
effects on both sides and r coefficients with flat priors may take up as many of them. Over the m flat sds of a model that is integrable if
J − r > m for every factor with one of them; so J ≥ r + m + 1 is asked, and J ≥ 3 in any case. For one factor and a flat intercept that is
Gelman's J ≥ 3 (2006, Bayesian Analysis 1, §2.2: with one or two groups a uniform density of the sd is improper).

A level holds its effects where its rows with an outcome have Z of full rank, and, of discrete outcomes, where they are not all alike (all
0, all 1, nothing counted, all in an end category): a likelihood that tends to 1 as the effect goes to infinity takes no power off.
Of effects Bw whose levels know their neighbours it is the directions of w that count: all but those in which w may grow without end and
every row be content, the cone of a_i'w ≥ 0 (rows all alike) and a_i'w = 0 (rows that hold). A walk that is 0 first and 1 later holds none.
The residual sd counts as one more flat sd, held by as many rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gibbs.errors import SpecError
from gibbs.model import alike, families, structures
from gibbs.model.fields import Field
from gibbs.model.records import Design, Factor

LEAST = 3
_WITH_MEAN = (*structures.GIVEN, "mm", "ar1", "bym2")
"""Structures whose effects do not sum to zero, so that they are as many as exchangeable ones."""


def check(design: Design, where: Callable[[str], str]) -> None:
    """SpecError where flat sds leave no posterior. ``where`` gives the place of a key of priors, such as ``sd[g]``."""
    flat = [(f, sum(prior.kind == "flat" for term in f.terms for prior in term.sd_priors)) for f in design.factors]
    sigma = design.sigma_prior is not None and design.sigma_prior.kind == "flat"
    m = sum(count for _, count in flat) + sigma
    if m == 0:
        return
    r = design.X.shape[1] - len(design.coefficient_priors)
    r += design.cutpoint_prior is not None and design.cutpoint_prior.kind == "flat"
    needed = max(LEAST, r + m + 1)
    why = f"{_count(m, 'flat sd')} and {_count(r, 'flat coefficient')}" if r else _count(m, "flat sd")
    known = np.ones(len(design.y), dtype=bool) if design.missing_outcome is None else ~design.missing_outcome
    rows = round(float(design.times[known].sum()))
    if sigma and rows < needed:
        raise SpecError(
            f"sigma has a flat prior, and with {why} there is a posterior from {needed} rows on; there are {rows}. Give it a "
            "proper prior, such as half_t(3, 0, 2.5).",
            where=where("sigma"),
        )
    for factor, count in flat:
        if not count:
            continue
        if families.of(design).is_discrete and len(factor.columns) > 1:
            raise SpecError(
                f"sd[{factor.name}] is flat, and {len(factor.columns)} columns vary over {factor.name}: for family {design.family} that is "
                "available where one does. Give the sds a proper prior, such as half_t(3, 0, 2.5).",
                where=where(f"sd[{factor.name}]"),
            )
        if factor.structure is not None and len(factor.columns) == 1:
            d, structure = directions(design, factor, known), factor.structure
            if d < r + m + 1 or d + (structure.kind not in _WITH_MEAN) < LEAST:
                least = max(r + m + 1, LEAST - 1)
                raise SpecError(
                    f"sd[{factor.name}] has a flat prior, and with {why} there is a posterior where the rows hold {least} directions or "
                    f"more of the effects of {structure.words} on both sides; of {structure.rank} they hold {d}. The sd would "
                    "run off to infinity: give it a proper one, such as half_t(3, 0, 2.5).",
                    where=where(f"sd[{factor.name}]"),
                )
            continue
        held = _held(design, factor, known)
        for k, group in enumerate(factor.groups or ("",)):
            J = int(held.sum() if factor.group is None else held[factor.group == k].sum())
            if J < needed:
                among = f" with {group}" if group else ""
                raise SpecError(
                    f"sd[{factor.name}] has a flat prior, and with {why} there is a posterior from {needed} levels on{among} whose rows "
                    f"hold their effects on both sides; of the {len(factor.levels)} levels of {factor.name} {J} do. The sd "
                    "would run off to infinity: give it a proper one, such as half_t(3, 0, 2.5).",
                    where=where(f"sd[{factor.name}]"),
                )


def _held(design: Design, factor: Factor, known: np.ndarray) -> np.ndarray:
    """(J,) bool: the levels whose rows hold their effects on both sides."""
    J, q = len(factor.levels), len(factor.columns)
    size = np.sqrt(np.mean(factor.Z**2, axis=0))
    Z = factor.Z[known] / np.where(size > 0, size, 1.0)
    gram = np.zeros((J, q, q))
    np.add.at(gram, factor.codes[known], Z[:, :, None] * Z[:, None, :])
    full = np.linalg.matrix_rank(gram, hermitian=True, tol=1e-10 * max(1.0, float(gram.max(initial=0.0)))) == q
    one_sided = dict(zip((f.name for f in design.factors), alike.levels(design), strict=True))[factor.name]
    way = alike.pushes(design)
    if way is not None:
        speaks = np.bincount(factor.codes[~np.isnan(way)], minlength=J) > 0
        full &= speaks
    return full & ~one_sided


def directions(design: Design, factor: Factor, known: np.ndarray) -> int:
    """How many directions of w, in effects Bw of one column, the rows hold on both sides: the codimension of the cone of the others."""
    basis, z = factor.structure.basis, factor.Z[:, 0]
    if factor.structure.has_degree and factor.field is None:  # B spans the same at every rho inside its range
        basis = structures.of_coordinates(factor.structure, np.eye(len(basis))[None], np.array([0.5]))[0]
    size = np.ones(len(factor.levels)) if factor.field is not None else np.linalg.norm(basis, axis=1)
    way = alike.pushes(design)
    speaks = known & (z != 0.0) & (size[factor.codes] > 0.0)
    if way is not None:
        speaks &= ~np.isnan(way)
    push = np.zeros(int(speaks.sum())) if way is None else way[speaks] * np.sign(z[speaks])
    J, codes = len(factor.levels), factor.codes[speaks]
    low, high = np.full(J, 2.0), np.full(J, -2.0)
    np.minimum.at(low, codes, push)
    np.maximum.at(high, codes, push)
    met, one_sided = low <= high, (low == high) & (low != 0.0)
    if factor.field is not None:
        return _directions_of_field(factor.field, met & ~one_sided, np.where(one_sided, low, 0.0))
    rows = basis / np.where(size > 0.0, size, 1.0)[:, None]
    held = rows[met & ~one_sided]
    if one_sided.any():
        open_ = rows[one_sided] * low[one_sided, None]
        held = np.vstack([held, open_[~_may_grow(open_, held)]])
    return int(np.linalg.matrix_rank(held, tol=1e-8)) if len(held) else 0


def _directions_of_field(field: Field, held: np.ndarray, way: np.ndarray) -> int:
    """``directions`` where effects are open to all but what the constraints of a field leave out: the levels are the coordinates.

    held (J,) bool. way (J,): which way the rows of a level all push, 0 where they do not. In a component of n levels with k constraints any
    n − k levels are free of each other, and no more.
    """
    from scipy import sparse

    if field.is_open:
        return int(held.sum())
    held, open_ = held.copy(), np.flatnonzero(way)
    if open_.size:
        level = sparse.eye_array(field.levels, format="csr")
        known = sparse.vstack([level[np.flatnonzero(held)], field.constraint_rows()])
        held[open_[~_may_grow(level[open_] * way[open_, None], known)]] = True
    part, free = np.arange(len(field.pins))[:, None], field.part < 0
    members = field.part == part
    return int(np.minimum((members & held).sum(axis=1), members.sum(axis=1) - field.constraints).sum() + (free & held).sum())


def _may_grow(open_: Any, held: Any) -> np.ndarray:
    """Which rows a_i of ``open_`` have a_i'w > 0 for some w with Aw ≥ 0 and Hw = 0, H the rows held: all at once, by a linear programme."""
    from scipy import sparse
    from scipy.optimize import linprog

    (m, C), n = open_.shape, held.shape[0]
    if not m:
        return np.zeros(0, dtype=bool)
    found = linprog(
        np.concatenate([np.zeros(C), -np.ones(m)]),
        A_ub=sparse.hstack([sparse.csr_array(-open_), sparse.eye_array(m)]),
        b_ub=np.zeros(m),
        A_eq=sparse.hstack([sparse.csr_array(held), sparse.csr_array((n, m))]) if n else None,
        b_eq=np.zeros(n) if n else None,
        bounds=[(None, None)] * C + [(0.0, 1.0)] * m,
    )
    return np.ones(m, dtype=bool) if found.x is None else found.x[C:] > 0.5


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")

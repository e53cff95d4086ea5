"""Flat (uniform, improper) priors on sds: allowed where the posterior is proper, refused where it is not.

As the sds with flat priors grow, the likelihood with all effects integrated out falls like their power −(J − r), where J levels hold their
effects on both sides and r coefficients with flat priors may take up as many of them. Over the m flat sds of a model that is integrable if
J − r > m for every factor with one of them; so J ≥ r + m + 1 is asked, and J ≥ 3 in any case. For one factor and a flat intercept that is
Gelman's J ≥ 3 (2006, Bayesian Analysis 1, §2.2: with one or two groups a uniform density of the sd is improper).

A level holds its effects where its rows with an outcome have Z of full rank, and, of discrete outcomes, where they are not all alike (all
0, all 1, nothing counted, all in an end category): a likelihood that tends to 1 as the effect goes to infinity takes no power off.
The residual sd counts as one more flat sd, held by as many rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gibbs.errors import SpecError
from gibbs.model import alike, families
from gibbs.model.records import Design, Factor

LEAST = 3


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


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")

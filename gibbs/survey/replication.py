"""Replicate weights: those that a survey comes with, or the Rao–Wu bootstrap of a design of strata and sampling units.

The variance of an estimate θ̂ is Σ_r c_r (θ̂_r − θ̂)², θ̂_r of the weights of replicate r:

bootstrap  c = 1/R                    BRR   c = 1/R
Fay        c = 1/(R (1 − k)²)         JK1   c = (R − 1)/R
JK2        c = 1                      JKn   c_r = (n_h − 1)/n_h of the stratum of r: the survey says it (``scale``)

(Wolter, Introduction to Variance Estimation; OECD, PISA Data Analysis Manual; Rao, Wu and Yue 1992 for the bootstrap, which draws n_h − 1
of the n_h units of each stratum with replacement and multiplies weights by n_h/(n_h − 1) × the times that a unit was drawn.)
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gibbs.errors import DataError, nearest
from gibbs.model import data, levels
from gibbs.model.numeric import as_number
from gibbs.model.records import Design, Factor, Replication, Spec, SurveyWeights


@dataclass(frozen=True)
class Replicates:
    """factors (R, N): weight of every row in every replicate over its own weight. coefficients (R,): c_r. df: of the variance.

    words : where they come from, for tables and reports.
    """

    factors: np.ndarray
    coefficients: np.ndarray
    df: float
    words: str


def of(spec: Spec, design: Design, frame: Any) -> Replicates | None:
    """What the spec's ``replicates:`` or ``design:`` says of the rows of ``design``; None where it says neither.

    Raises DataError for columns that are not there, with the nearest; for values that are missing or no weights, with rows; and for strata
    with one sampling unit.
    """
    said = spec.replication
    if said is None:
        return None
    return _of_columns(said, spec, design, frame) if said.columns else _bootstrap(said, spec, design, frame)


# -------------------------------------------------------------------------------------------------------- given columns


def coefficients(said: Replication, R: int) -> np.ndarray:
    """c_r of every replicate (R,). Raises DataError where a list of them has another length."""
    if said.scale:
        if len(said.scale) not in (1, R):
            raise DataError(
                f"scale has {len(said.scale)} numbers for {R} replicate weights; give one, or one for each.", where="replicates"
            )
        return np.full(R, said.scale[0]) if len(said.scale) == 1 else np.array(said.scale)
    of_method = {
        "bootstrap": 1.0 / R,
        "brr": 1.0 / R,
        "fay": 1.0 / (R * (1.0 - said.factor) ** 2),
        "jk1": (R - 1.0) / R,
        "jk2": 1.0,
    }
    return np.full(R, of_method[said.method])


def _of_columns(said: Replication, spec: Spec, design: Design, frame: Any) -> Replicates:
    names = expand(said.columns, data.names(spec, frame), f"{spec.data.file or 'data'}, replicates")
    table = _numbers(spec, design, frame, names)
    own = np.ones(len(design.y)) if design.survey is None else design.survey.raw
    negative = (table < 0).any(axis=0)
    if negative.any():
        k = int(np.argmax(negative))
        raise DataError(
            f"a replicate weight is not negative; '{names[k]}' is in {levels.rows_text(design.rows[table[:, k] < 0])}.", where="replicates"
        )
    if idle := [name for k, name in enumerate(names) if not table[:, k].any()]:
        raise DataError(f"every weight of {', '.join(idle[:3])} is 0 in the rows used.", where="replicates")
    c = coefficients(said, len(names))
    rank = np.linalg.matrix_rank(table / np.sqrt(np.mean(table**2, axis=0)))
    method = {"fay": f"Fay's BRR, factor {said.factor:g}", "brr": "BRR"}.get(
        said.method, said.method if said.method == "bootstrap" else said.method.upper()
    )
    return Replicates((table / own[:, None]).T, c, float(max(rank - 1, 1)), f"{len(names)} replicate weights ({method})")


def expand(patterns: Sequence[str], there: Sequence[str], where: str) -> list[str]:
    """The columns that names and patterns (``W_FSTURWT*``) stand for, numbers in their names in order. DataError for one that fits none."""
    found: dict[str, None] = {}
    for pattern in patterns:
        if not any(mark in pattern for mark in "*?"):
            if pattern not in there:
                raise DataError(f"there is no column '{pattern}'.{nearest(pattern, there)}", where=where)
            found[pattern] = None
            continue
        fit = [name for name in there if fnmatch.fnmatchcase(name, pattern)]
        if not fit:
            begin = pattern.split("*")[0].split("?")[0]
            raise DataError(f"no column is like '{pattern}'.{nearest(begin, there)}", where=where)
        found.update(dict.fromkeys(sorted(fit, key=_natural)))
    if len(found) < 2:
        raise DataError(f"two replicate weights or more are needed; {', '.join(patterns)} is {len(found)}.", where=where)
    return list(found)


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _numbers(spec: Spec, design: Design, frame: Any, names: Sequence[str]) -> np.ndarray:
    """(N, k) columns of the rows of the design. DataError where one is missing."""
    table = data.read(spec, frame, names)
    rows = table.frame.loc[design.rows]
    values = np.column_stack([as_number(rows[name], name, table.source) for name in names])
    gaps = np.isnan(values)
    if gaps.any():
        k = int(np.argmax(gaps.any(axis=0)))
        raise DataError(f"'{names[k]}' is missing in {levels.rows_text(design.rows[gaps[:, k]])} of the rows used.", where=table.source)
    return values


# ------------------------------------------------------------------------------------------------------------ bootstrap


def _bootstrap(said: Replication, spec: Spec, design: Design, frame: Any) -> Replicates:
    names = [name for name in (said.strata, said.psu) if name]
    table = data.read(spec, frame, names)
    rows = table.frame.loc[design.rows]
    for name in names:
        if (gaps := rows[name].isna().to_numpy()).any():
            raise DataError(f"'{name}' is missing in {levels.rows_text(design.rows[gaps])} of the rows used.", where=table.source)
    stratum = levels.factorise(rows[said.strata])[0] if said.strata else np.zeros(len(rows), dtype=np.int64)
    labels = levels.factorise(rows[said.strata])[1] if said.strata else ("all rows",)
    unit = levels.factorise(rows[said.psu])[0] if said.psu else np.arange(len(rows))
    pairs, of_row = np.unique(np.column_stack([stratum, unit]), axis=0, return_inverse=True)
    of_unit, of_row = pairs[:, 0], np.ravel(of_row)
    sizes = np.bincount(of_unit, minlength=len(labels))
    if (sizes == 1).any():
        alone = [labels[h] for h in np.flatnonzero(sizes == 1)]
        raise DataError(
            f"{'the stratum' if len(alone) == 1 else 'the strata'} {', '.join(map(repr, alone[:5]))}{' …' if len(alone) > 5 else ''} "
            f"{'has' if len(alone) == 1 else 'have'} one sampling unit ({said.psu or 'row'}), of which no variance can be learnt; put it "
            "together with one that is like it, by derive:.",
            where=f"{table.source}, design",
        )
    rng = np.random.default_rng(np.random.SeedSequence([spec.sampling.seed or 0, 0x5EED]))
    factors = np.zeros((said.replicates, len(pairs)))
    for h, size in enumerate(sizes):
        here = np.flatnonzero(of_unit == h)
        times = rng.multinomial(size - 1, np.full(size, 1.0 / size), size=said.replicates)
        factors[:, here] = times * (size / (size - 1.0))
    words = f"Rao–Wu bootstrap, {said.replicates} replicates of {len(pairs):,} sampling units ({said.psu or 'rows'})"
    words += f" in {len(labels):,} strata ({said.strata})" if said.strata else ""
    return Replicates(factors[:, of_row], np.full(said.replicates, 1.0 / said.replicates), float(len(pairs) - len(labels)), words)


# -------------------------------------------------------------------------------------------------------- of a replicate


def reweighted(design: Design, factors: np.ndarray) -> Design:
    """The Design under the weights of one replicate, ``factors`` (N,) times its own.

    Scaled weights keep their sum. Groups within which the factor is the same are resampled whole, so that the density of their effects is
    weighted alike (Savitsky and Williams 2022); not that of Student-t effects and of levels that know their neighbours, which is no
    product. A group of factor 0 keeps no row, and its effects their law.
    """
    own = design.survey or SurveyWeights("", np.ones(len(design.y)), np.ones(len(design.y)), "none")
    scaled = own.scaled * factors
    scaled = scaled * (own.scaled.sum() / scaled.sum())
    survey = replace(own, raw=own.raw * factors, scaled=scaled)
    return replace(design, survey=survey, factors=tuple(_resampled(f, factors) for f in design.factors))


def _resampled(factor: Factor, factors: np.ndarray) -> Factor:
    """``factor`` with the weights of its levels, where ``factors`` (N,) is one number within each of them."""
    J = len(factor.levels)
    of_level = np.full(J, np.nan)
    of_level[factor.codes] = factors
    if (
        factor.own_prior is not None
        or factor.structure is not None
        or not np.allclose(of_level[factor.codes], factors, rtol=1e-6, atol=0.0)
    ):
        return factor
    of_level = np.nan_to_num(of_level, nan=0.0)
    w = of_level * (np.ones(J) if factor.level_weights is None else factor.level_weights)
    there = w > 0
    w = np.where(there, w / w[there].mean(), 1.0)
    if np.allclose(w, 1.0, rtol=0.0, atol=1e-12):
        return factor
    return replace(factor, level_weights=w)

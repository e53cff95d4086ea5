"""Sampling weights of rows and of levels, from the data to the Design: checked, scaled, and said in a sentence."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gibbs.errors import DataError, SpecError, nearest
from gibbs.model import levels, weights
from gibbs.model.fixed import column
from gibbs.model.formula import Formula, bare
from gibbs.model.numeric import as_number
from gibbs.model.records import Factor, Spec, SurveyWeights
from gibbs.numerals import plain

if TYPE_CHECKING:
    import pandas as pd

PER_ROW = 5.0
"""Weights that are taken as they are, of a mean above this, make the posterior far narrower than the data can: a warning."""


def of_rows(spec: Spec, read: Formula, raw: np.ndarray | None, factors: Sequence[Factor], where: str) -> SurveyWeights | None:
    """The sampling weights of the rows, scaled; None where there are none.

    raw : (N,) as they are in the data. where : the place of the spec's key ``weights.within``.
    """
    if raw is None:
        return None
    scale = read.sampling_scale or spec.weights_scale
    factor = _within(spec.weights_within, factors, where) if scale != "none" else None
    scaled = scaled_within(raw, None if factor is None else factor.codes, scale)
    return SurveyWeights(read.sampling or "", raw, scaled, scale, "" if factor is None else factor.name)


def _within(said: str, factors: Sequence[Factor], where: str) -> Factor | None:
    """The factor that weights are scaled within: the one that is said; else the innermost of factors that are nested; None: all rows."""
    if said == weights.ALL_ROWS:
        return None
    if said:
        found = next((f for f in factors if bare(f.name) == bare(said)), None)
        if found is None:
            names = [f.name for f in factors]
            raise SpecError(
                f"weights: within names '{said}', which is no grouping factor; it is one of {', '.join([*names, weights.ALL_ROWS])}."
                f"{nearest(said, [*names, weights.ALL_ROWS])}",
                where=where,
            )
        return found
    chain = sorted(factors, key=lambda f: -len(f.levels))
    for inner, outer in itertools.pairwise(chain):
        pairs = np.unique(inner.codes.astype(np.int64) * len(outer.levels) + outer.codes)
        if len(pairs) > len(np.unique(inner.codes)):
            return None
    return chain[0] if chain else None


def of_levels(frame: pd.DataFrame, factor: str, name: str, codes: np.ndarray, labels: tuple[str, ...], source: str) -> np.ndarray:
    """The sampling weights (J,) of the levels of ``factor``, of mean 1, from the column ``name`` (one value within every level).

    Raises DataError where a level has several values, and where one is not greater than 0.
    """
    where = f"{source}, gr({factor}, pw = {name})"
    values = as_number(column(frame, name, source), name, source)
    found = np.full(len(labels), np.nan)
    found[codes] = values
    mixed = np.unique(codes[found[codes] != values])
    if len(mixed):
        k = int(mixed[0])
        several = ", ".join(f"{v:g}" for v in np.unique(values[codes == k])[:4])
        more = f", and {len(mixed) - 1:,} more levels" if len(mixed) > 1 else ""
        raise DataError(
            f"a level has one weight, but '{labels[k]}' has {several} ({levels.rows_text(frame.index[codes == k])}){more}. Weights of rows "
            "are weights: {column: …, type: sampling}.",
            where=where,
        )
    if not (found > 0).all():
        k = int(np.flatnonzero(~(found > 0))[0])
        raise DataError(f"the weight of a level is greater than 0; that of '{labels[k]}' is {found[k]:g}.", where=where)
    return found * (len(found) / found.sum())


def scaled_within(raw: np.ndarray, codes: np.ndarray | None, scale: str) -> np.ndarray:
    """Sampling weights (N,) scaled within groups: ``codes`` (N,) the group of each row, None where all rows are one.

    size: w n_j/Σw. effective: w Σw/Σw², of sum (Σw)²/Σw². none: as they are. Rows of weight 0 do not count in n_j.
    """
    if scale == "none":
        return np.array(raw, dtype=float)
    group = np.zeros(len(raw), dtype=np.int64) if codes is None else np.asarray(codes, dtype=np.int64)
    total = np.bincount(group, weights=raw)
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = np.bincount(group, weights=raw > 0) / total if scale == "size" else total / np.bincount(group, weights=raw**2)
    return raw * np.where(total > 0, factor, 0.0)[group]


def scaling_words(scale: str, within: str) -> str:
    """``scaled to the size of each school``, for tables and reports."""
    of = f"each {within}" if within else "the sample"
    return {"size": f"scaled to the size of {of}", "effective": f"scaled to the effective size of {of}", "none": "as they are"}[scale]


def sentence(survey: SurveyWeights) -> str:
    """What the weights are and what they cost, for check, summaries and reports."""
    n = int(np.sum(survey.raw > 0))
    return (
        f"sampling weights {survey.column}, {scaling_words(survey.scale, survey.within)}, from {plain(survey.raw.min())} to "
        f"{plain(survey.raw.max())}: effective n {survey.effective:,.0f} of {n:,} rows, design effect {survey.design_effect:.2f}"
    )


def warning(survey: SurveyWeights, replicated: bool) -> list[str]:
    """What should be known before sampling. replicated : whether intervals will come from the design."""
    found = []
    mean = float(survey.scaled.mean())
    if survey.scale == "none" and mean > PER_ROW:
        found.append(
            f"sampling weights as they are (scale: none) count each row as {mean:,.4g} rows on average: the posterior is far narrower than "
            "the data can tell. scale: size makes them sum to the number of rows."
        )
    if not replicated:
        found.append(
            "intervals under sampling weights are the model's: the weights go into the estimates, and the intervals do not know the "
            "sampling design. design: {strata: …, psu: …} or replicates: {columns: …} give design-based ones."
        )
    return found

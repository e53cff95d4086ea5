"""The predictors of a model as they stand in the data: range, mean and share of missing values, so that a code such as 999 is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gibbs.model import averages, levels, spelling, syntax
from gibbs.model.numeric import as_number
from gibbs.model.records import Spec, Table

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 4  # categories that are named


def describe(spec: Spec, table: Table) -> tuple[list[tuple[str, ...]], list[str]]:
    """The rows of a table of the predictors that are numbers, its head first, and a sentence for each that is a category.

    Over all rows read, words for missing taken out. Predictors are the columns of the fixed part, of offsets, and of what varies over
    groups; those that make groups are not among them.
    """
    numbers: list[tuple[str, ...]] = []
    words: list[str] = []
    for name in predictors(spec):
        series = table.frame[name]
        behind, absent = averages.once(len(series), table.counts), series.isna().to_numpy()
        gone = f"{100 * float(np.average(absent, weights=table.counts)):.3g} %"
        if levels.is_number(series) or spelling.is_code(series):
            x = as_number(series, name, table.source)
            if absent.any():
                x, behind = x[~absent], behind[~absent]
            least, mean, largest = x.min(), averages.mean(x, None if table.counts is None else behind), x.max()
            if abs(mean) < 1e-12 * (largest - least):  # of a column that was centred: the rounding of a sum
                mean = 0.0
            numbers.append((name, *(f"{v:.6g}" for v in (least, mean, largest)), gone))
        else:
            words.append(_category(name, series, gone, behind))
    return ([("", "least", "mean", "largest", "missing"), *numbers] if numbers else []), words


def predictors(spec: Spec) -> list[str]:
    """The columns of the predictors, in the order in which the formula names them."""
    read = spec.parsed
    trees = [read.fixed_tree, *read.offset_trees, *(term.tree for term in read.random)]
    return list(dict.fromkeys(name for tree in trees for name in syntax.names(tree)))


def _category(name: str, series: pd.Series, gone: str, behind: np.ndarray) -> str:
    codes, labels, _ = levels.raw_codes(series)
    there = slice(None) if (codes >= 0).all() else codes >= 0
    weights = None if behind.strides == (0,) else behind[there]
    counts = np.bincount(codes[there], weights=weights, minlength=len(labels)).round().astype(int)
    order = np.argsort(-counts, kind="stable")[:_SHOWN]
    each = ", ".join(f"{labels[k]} ({counts[k]:,})" for k in order)
    more = f", {(counts > 0).sum() - _SHOWN:,} more" if (counts > 0).sum() > _SHOWN else ""
    return f"{name}: {(counts > 0).sum()} categories, {each}{more}; missing {gone}"

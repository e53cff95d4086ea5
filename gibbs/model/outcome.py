"""The outcome column as numbers, checked for its family."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gibbs.errors import DataError
from gibbs.model import levels
from gibbs.model.families import Family
from gibbs.model.fixed import States, column, numbers
from gibbs.model.formula import Formula
from gibbs.model.functions import FUNCTIONS
from gibbs.model.syntax import Call, Name, Node

if TYPE_CHECKING:
    import pandas as pd


def read(formula: Formula, family: Family, frame: pd.DataFrame, source: str) -> tuple[np.ndarray, tuple[str, str] | None]:
    """The outcome (N,) and, where it was text, the two words behind 0 and 1.

    real families: finite numbers, not all the same. binary families: 0 and 1, False and True, or exactly two words or categories, the
    first in sorted order (of a categorical: its first category) being 0, as in R. Raises DataError otherwise.
    """
    where = f"{source}, column '{formula.outcome}'" if isinstance(formula.outcome_tree, Name) else f"{source}, outcome {formula.outcome}"
    if family.outcome == "binary":
        return _binary(formula, family, frame, source, where)
    tree = formula.outcome_tree
    called = _category(tree)
    if called is not None:
        raise DataError(f"family {family.name} needs numbers, and factor() makes categories: write {called.text} alone.", where=where)
    if isinstance(tree, Name):
        series = column(frame, tree.text, source)
        if not levels.is_number(series) and not levels.is_boolean(series) and not levels.is_date(series):
            _refuse_words(series, family, where)
    states: States = {}
    y = np.ascontiguousarray(numbers(tree, frame, source, states, training=True))
    if len(y) > 1 and y.max() == y.min() and formula.known_se is None:
        raise DataError(f"the outcome is {y[0]:g} in all {len(y)} rows used; there is nothing to explain.", where=where)
    if len(y) < 2 and formula.known_se is None:
        raise DataError("only one row is left with no value missing; a model needs more.", where=where)
    return y, None


def _category(tree: Node) -> Name | None:
    """The column of ``factor(y)``, or None for any other outcome."""
    if isinstance(tree, Call) and FUNCTIONS[tree.function].gives == "category" and isinstance(tree.arguments[0][1], Name):
        return tree.arguments[0][1]
    return None


def known_se(formula: Formula, family: Family, frame: pd.DataFrame, source: str) -> np.ndarray | None:
    """The standard errors (N,) of ``y | se(s)``, or None. DataError where one is not positive, or the family cannot have them."""
    if formula.known_se_tree is None:
        return None
    where = f"{source}, se({formula.known_se})"
    if family.name != "gaussian":
        raise DataError(f"known standard errors are for family gaussian; the family is {family.name}.", where=where)
    se = np.ascontiguousarray(numbers(formula.known_se_tree, frame, source, {}, training=True))
    if (se <= 0).any():
        rows = frame.index[se <= 0]
        raise DataError(f"a standard error is greater than 0; it is {se.min():g} or so in {levels.rows_text(rows)}.", where=where)
    return se


def _refuse_words(series: pd.Series, family: Family, where: str) -> None:
    """DataError where a real outcome holds words; numbers stored as text pass."""
    codes, labels, _ = levels.raw_codes(series)
    words = [i for i, text in enumerate(labels) if levels.number_of(text) is None]
    rows = series.index[np.isin(codes, words)]
    if not len(rows):
        return
    shown = ", ".join(repr(labels[i]) for i in words[:3])
    hint = " Two words can be the outcome of family logit or probit." if len(labels) == 2 else ""
    raise DataError(
        f"family {family.name} needs numbers; there is text, {shown}, in {levels.rows_text(rows)}.{hint} "
        "Name words that mean missing under 'na'.",
        where=where,
    )


def _binary(formula: Formula, family: Family, frame: pd.DataFrame, source: str, where: str) -> tuple[np.ndarray, tuple[str, str] | None]:
    allowed = f"family {family.name} needs an outcome of 0 and 1, of FALSE and TRUE, or of exactly two words"
    called = _category(formula.outcome_tree)
    if called is not None:
        return _two_words(column(frame, called.text, source), allowed, where)
    tree = formula.outcome_tree
    if isinstance(tree, Name):
        series = column(frame, tree.text, source)
        if levels.is_date(series):
            raise DataError(f"{allowed}; the column holds dates.", where=where)
        if not levels.is_number(series) and not levels.is_boolean(series):
            return _two_words(series, allowed, where)
    y = np.ascontiguousarray(numbers(tree, frame, source, {}, training=True))
    wrong = (y != 0.0) & (y != 1.0)
    if wrong.any():
        values, counts = np.unique(y, return_counts=True)
        shown = ", ".join(f"{levels.label(v)} ({c} rows)" for v, c in zip(values[:6], counts[:6], strict=True))
        more = f" and {len(values) - 6} other values" if len(values) > 6 else ""
        hint = ""
        if len(values) == 2 and isinstance(tree, Name):
            write = f"I({formula.outcome} - {values[0]:g})" if values[1] - values[0] == 1 else f"factor({formula.outcome})"
            hint = f" For {values[1]:g} against {values[0]:g} write {write}."
        raise DataError(
            f"{allowed}; found {shown}{more}. The first that are neither: {levels.rows_text(frame.index[wrong])}.{hint}", where=where
        )
    if y.max() == y.min():
        raise DataError(f"the outcome is {y[0]:g} in all {len(y)} rows used; there is nothing to explain.", where=where)
    return y, None


def _two_words(series: pd.Series, allowed: str, where: str) -> tuple[np.ndarray, tuple[str, str]]:
    codes, labels = levels.factorise(series)
    if len(labels) != 2:
        counts = np.bincount(codes, minlength=len(labels))
        shown = ", ".join(f"'{text}' ({c} rows)" for text, c in zip(labels[:6], counts[:6], strict=True))
        more = f" and {len(labels) - 6} others" if len(labels) > 6 else ""
        raise DataError(f"{allowed}; found {len(labels)}: {shown}{more}.", where=where)
    return codes.astype(np.float64), (labels[0], labels[1])

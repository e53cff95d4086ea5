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


def read(formula: Formula, family: Family, frame: pd.DataFrame, source: str) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """The outcome (N,) and, where it was text, the two words behind 0 and 1; of family ordinal, the labels behind 0 … C−1.

    real families: finite numbers, not all the same. binary families: 0 and 1, False and True, or exactly two words or categories, the
    first in sorted order (of a categorical: its first category) being 0, as in R. trials: whole numbers of successes (a share
    becomes one, see ``trials``). count: whole numbers from 0 on. ordinal: categories in their order, numbers by value. Raises DataError
    otherwise.
    """
    where = f"{source}, column '{formula.outcome}'" if isinstance(formula.outcome_tree, Name) else f"{source}, outcome {formula.outcome}"
    if formula.has_trials and family.outcome != "trials":
        raise DataError(f"numbers of trials belong to family binomial; the family is {family.name}.", where=where)
    if family.outcome == "binary":
        return _binary(formula, family, frame, source, where)
    if family.outcome == "ordinal":
        return _ordinal(formula, family, frame, source, where)
    if family.outcome == "trials" and not formula.has_trials:
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
    if family.outcome == "trials":
        n = trials(formula, frame, source)
        if formula.weights is not None:
            y = _successes(y, n, frame, where)
        _check_whole(y, frame, where, f"family {family.name} needs whole numbers of successes")
        if (y > n).any():
            raise DataError(f"more successes than trials in {levels.rows_text(frame.index[y > n])}.", where=where)
        return y, None
    if family.outcome == "count":
        _check_whole(y, frame, where, f"family {family.name} needs counts, whole numbers from 0 on")
    if len(y) > 1 and y.max() == y.min() and formula.known_se is None:
        raise DataError(f"the outcome is {y[0]:g} in all {len(y)} rows used; there is nothing to explain.", where=where)
    if len(y) < 2 and formula.known_se is None:
        raise DataError("only one row is left with no value missing; a model needs more.", where=where)
    return y, None


def _check_whole(y: np.ndarray, frame: pd.DataFrame, where: str, needs: str) -> None:
    wrong = (y < 0) | (y != np.floor(y))
    if wrong.any():
        raise DataError(f"{needs}; found {y[wrong][0]:g} or so in {levels.rows_text(frame.index[wrong])}.", where=where)


def trials(formula: Formula, frame: pd.DataFrame, source: str) -> np.ndarray | None:
    """The number of trials of every row (N,) int64, or None where the outcome is not of trials. DataError where it is no whole number."""
    if not formula.has_trials:
        return None
    word = "failures" if formula.failures is not None else "trials" if formula.trials is not None else "weights"
    where = f"{source}, {'cbind' if word == 'failures' else word}({getattr(formula, word)})"
    n = numbers(formula.extra_trees[word], frame, source, {}, training=True)
    _check_whole(n, frame, where, "a number of trials is a whole number from 0 on")
    if word == "failures":
        n = n + numbers(formula.outcome_tree, frame, source, {}, training=True)
    if n.sum() == 0:
        raise DataError("there is not one trial in any row.", where=where)
    return np.ascontiguousarray(n).astype(np.int64)


def _successes(share: np.ndarray, n: np.ndarray, frame: pd.DataFrame, where: str) -> np.ndarray:
    """Whole numbers of successes from shares of n trials."""
    y = share * n
    wrong = (share < 0) | (share > 1) | (np.abs(y - np.rint(y)) > 1e-6 * np.maximum(n, 1))
    if wrong.any():
        k = np.flatnonzero(wrong)[0]
        raise DataError(
            f"a share of n trials is k/n, k whole; {share[k]:g} of {n[k]:g} is not, in {levels.rows_text(frame.index[wrong])}. "
            "weights(n) are numbers of trials; survey weights are not available.",
            where=where,
        )
    return np.rint(y)


def frequency(formula: Formula, frame: pd.DataFrame, source: str) -> np.ndarray | None:
    """The frequency weights (N,) int64 of ``y | frequency(w)``, or None."""
    if formula.frequency is None:
        return None
    where = f"{source}, frequency({formula.frequency})"
    w = numbers(formula.extra_trees["frequency"], frame, source, {}, training=True)
    _check_whole(
        w,
        frame,
        where,
        "frequency weights are whole numbers from 0 on (a row stands for so many equal ones; other weights are not available)",
    )
    if w.sum() == 0:
        raise DataError("every frequency is 0; no row is left.", where=where)
    return np.ascontiguousarray(w).astype(np.int64)


def _ordinal(formula: Formula, family: Family, frame: pd.DataFrame, source: str, where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Codes 0 … C−1 and labels of ordered categories."""
    called = _category(formula.outcome_tree)
    if called is None and not isinstance(formula.outcome_tree, Name):
        raise DataError(f"family {family.name} needs a column of ordered categories, not an expression.", where=where)
    series = column(frame, (called or formula.outcome_tree).text, source)
    codes, labels = levels.factorise(series)
    if len(labels) < 2:
        raise DataError(f"the outcome is '{labels[0]}' in all {len(codes)} rows used; there is nothing to explain.", where=where)
    if len(labels) > 50:
        raise DataError(f"family {family.name} has at most 50 categories; found {len(labels)} different values.", where=where)
    return codes.astype(np.float64), tuple(labels)


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

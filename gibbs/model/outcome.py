"""The outcome column as numbers, checked for its family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gibbs.errors import DataError, nearest
from gibbs.model import coding, labelled, levels
from gibbs.model.families import APART, FAMILIES, Family
from gibbs.model.fixed import States, column, numbers
from gibbs.model.formula import Formula
from gibbs.model.syntax import Name, names

if TYPE_CHECKING:
    import pandas as pd

MAX_CATEGORIES = 50
_LARGEST_WHOLE = 2.0**53  # beyond it a float64 holds no longer every whole number
_SHARE_TOLERANCE = 1e-6  # of a share times its trials from a whole number


@dataclass(frozen=True)
class Outcome:
    """The outcome as numbers: ``y`` as in Design.y, and what its family needs beside it."""

    y: np.ndarray  # (N,)
    trials: np.ndarray | None = None  # (N,) int64: binomial
    labels: tuple[str, str] | None = None  # the two words behind 0 and 1, where the outcome was text
    categories: tuple[str, ...] | None = None  # ordinal: the labels behind 0 … C−1
    notes: tuple[str, ...] = ()


def read(
    formula: Formula, family: Family, frame: pd.DataFrame, source: str, categories: Sequence[str] = (), one: str | None = None
) -> Outcome:
    """The outcome of every row of ``frame``, none of them missing.

    real families: finite numbers, not all the same. binary, and binomial without trials: 0 and 1, False and True, or exactly two words or
    categories, the first in sorted order (of a categorical: its first category; of relevel() and the like: their base) being 0, as in R;
    with ``one`` the outcome is 1 where it has that value, and 0 in all other rows. binomial: whole numbers of
    successes, none above its trials, ``cbind(s, f)`` or ``s | trials(n)``; or shares k/n, ``share | weights(n)``. counts: whole numbers
    from 0 on, not all 0. ordinal: ``categories`` in that order; without them, numbers by value, a categorical in its own order, and
    words in sorted order (which is noted). Raises DataError otherwise.
    """
    tree = formula.outcome_tree
    where = f"{source}, column '{formula.outcome}'" if isinstance(tree, Name) else f"{source}, outcome {formula.outcome}"
    _check_form(formula, family, where)
    if one is not None:
        return _one_against_the_rest(formula, family, frame, source, where, one)
    if family.outcome == "ordinal":
        return _ordinal(formula, family, frame, source, where, categories)
    if family.needs_trials and not formula.has_trials:
        raise DataError(
            f"family {family.name} needs the number of trials of every row: write {formula.outcome} | trials(n), n a column or a number, "
            "or cbind(successes, failures). For an outcome of 0 and 1 take family logit or probit.",
            where=where,
        )
    if family.outcome == "binary" or (family.outcome == "trials" and not formula.has_trials):
        y, words = _binary(formula, family, frame, source, where)
        return Outcome(y, trials(formula, family, frame, source), words)
    y = _numbers(formula, family, frame, source, where)
    if family.outcome == "trials":
        return _successes(formula, family, frame, source, where, y)
    if family.outcome == "count":
        _check_whole(y, frame, where, f"family {family.name} needs counts, whole numbers from 0 on")
        if not y.any():
            raise DataError(f"the outcome is 0 in all {len(y)} rows used; there is nothing to explain.", where=where)
        return Outcome(y)
    if len(y) > 1 and y.max() == y.min() and formula.known_se is None:
        raise DataError(f"the outcome is {y[0]:g} in all {len(y)} rows used; there is nothing to explain.", where=where)
    if len(y) < 2 and formula.known_se is None:
        raise DataError("only one row is left with no value missing; a model needs more.", where=where)
    return Outcome(y)


def trials(formula: Formula, family: Family, frame: pd.DataFrame, source: str) -> np.ndarray | None:
    """The number of trials of every row (N,) int64: 1 each of a binomial outcome of 0 and 1, None for other families.

    Raises DataError where one is no whole number from 0 on, or all are 0.
    """
    if family.outcome != "trials":
        return None
    if not formula.has_trials:
        return np.ones(len(frame), dtype=np.int64)
    word = "failures" if formula.failures is not None else "trials" if formula.trials is not None else "weights"
    called = "cbind" if word == "failures" else word
    where = f"{source}, {called}({getattr(formula, word)})" if word != "failures" else f"{source}, failures {formula.failures}"
    n = numbers(formula.extra_trees[word], frame, source, {}, training=True)
    further = "" if word != "weights" else '; for rows that stand for w equal ones write weights(w, type = "frequency")'
    _check_whole(n, frame, where, f"a number of {'failures' if word == 'failures' else 'trials'} is a whole number from 0 on{further}")
    if word == "failures":
        n = n + numbers(formula.outcome_tree, frame, source, {}, training=True)
    if not n.any():
        raise DataError("there is not one trial in any row.", where=where)
    return np.ascontiguousarray(n).astype(np.int64)


def frequency(formula: Formula, frame: pd.DataFrame, source: str) -> np.ndarray | None:
    """The frequency weights (N,) int64, or None where there are none. DataError where one is no whole number from 0 on, or all are 0."""
    if formula.frequency is None:
        return None
    where = f"{source}, weights {formula.frequency}"
    w = numbers(formula.extra_trees["frequency"], frame, source, {}, training=True)
    needs = (
        "frequency weights are whole numbers from 0 on, for a row stands for so many equal ones; weights of variances are of type precision"
    )
    _check_whole(w, frame, where, needs)
    if not w.any():
        raise DataError("every weight is 0: no row is left.", where=where)
    return np.ascontiguousarray(w).astype(np.int64)


def precision(formula: Formula, family: Family, frame: pd.DataFrame, source: str) -> np.ndarray | None:
    """The precision weights (N,), or None: a row's residual variance is sigma²/w.

    Raises DataError where one is not greater than 0, where the family has no residual variance, or where it is known, y | se(s).
    """
    if formula.precision is None:
        return None
    where = f"{source}, weights {formula.precision}"
    if family.outcome != "real":
        raise DataError(
            f"precision weights divide a residual variance, sigma²/w, which families gaussian and student have; the family is "
            f'{family.name}. Rows that stand for w equal ones have weights(w, type = "frequency").',
            where=where,
        )
    if formula.known_se is not None:
        raise DataError(
            f"the standard errors are known, se({formula.known_se}): there is no sigma² that weights could divide. Keep one of the two.",
            where=where,
        )
    w = np.ascontiguousarray(numbers(formula.extra_trees["precision"], frame, source, {}, training=True))
    wrong = w <= 0
    if wrong.any():
        kind = "negative" if (w[wrong] < 0).all() else "0" if (w[wrong] == 0).all() else "0 or negative"
        raise DataError(
            f"a precision weight is greater than 0, for the variance of its row is sigma²/w; it is {kind} in "
            f"{levels.rows_text(frame.index[wrong])}.",
            where=where,
        )
    return w


def sampling(formula: Formula, family: Family, frame: pd.DataFrame, source: str) -> np.ndarray | None:
    """The sampling weights (N,) as they are in the data, or None. DataError where one is negative or all are 0, and of families
    whose rows have something of their own."""
    if formula.sampling is None:
        return None
    where = f"{source}, weights {formula.sampling}"
    if family.cells == APART:
        raise DataError(
            f"sampling weights are a power of each row's likelihood, and family {family.name} mixes over something of each row (a Student-t"
            " row its scale, a beta-binomial row its probability), of which there are no powers here. Take gaussian, or binomial.",
            where=where,
        )
    if formula.frequency is not None:
        raise DataError(
            "frequency weights and sampling weights stand beside each other; write their product as one of the two.", where=where
        )
    w = np.ascontiguousarray(numbers(formula.extra_trees["sampling"], frame, source, {}, training=True))
    if (w < 0).any():
        raise DataError(f"a sampling weight is not negative; {w[w < 0][0]:g} is in {levels.rows_text(frame.index[w < 0])}.", where=where)
    if not w.any():
        raise DataError("every weight is 0: no row is left.", where=where)
    return w


def known_rows(formula: Formula, frame: pd.DataFrame) -> np.ndarray:
    """(N,) bool: the rows in which no column of the outcome is missing."""
    return frame[columns(formula)].notna().all(axis=1).to_numpy()


def columns(formula: Formula) -> list[str]:
    """The columns that the outcome is made of: of ``cbind(s, f)`` both; not the trials, for they are known beforehand."""
    trees = [formula.outcome_tree, *([formula.extra_trees["failures"]] if formula.failures is not None else [])]
    return list(dict.fromkeys(name for tree in trees for name in names(tree)))


def _check_form(formula: Formula, family: Family, where: str) -> None:
    """Trials go with family binomial; weights without a type are trials."""
    if not formula.has_trials or family.outcome == "trials":
        return
    if formula.weights is not None:
        means = (
            f"For rows that are means of w observations, of variance sigma²/w (weights of lm and lmer), write weights({formula.weights}, "
            'type = "precision"); for'
            if family.outcome == "real"
            else "For"
        )
        raise DataError(
            f"weights({formula.weights}) without a type are the trials behind a share, of family {_with_trials()}; the family is "
            f"{family.name}. "
            f'{means} rows that stand for w equal ones write weights({formula.weights}, type = "frequency").',
            where=where,
        )
    form = "cbind(successes, failures)" if formula.failures is not None else "trials()"
    raise DataError(f"{form} is of family {_with_trials()}; the family is {family.name}.", where=where)


def _with_trials() -> str:
    return " or ".join(f.name for f in FAMILIES.values() if f.outcome == "trials")


def _numbers(formula: Formula, family: Family, frame: pd.DataFrame, source: str, where: str) -> np.ndarray:
    tree = formula.outcome_tree
    if coding.is_category(tree):
        alone = coding.coding(tree).column
        raise DataError(f"family {family.name} needs numbers, and factor() makes categories: write {alone} alone.", where=where)
    if isinstance(tree, Name):
        series = column(frame, tree.text, source)
        if not levels.is_number(series) and not levels.is_boolean(series) and not levels.is_date(series):
            _refuse_words(series, family, where)
    states: States = {}
    return np.ascontiguousarray(numbers(tree, frame, source, states, training=True))


def _check_whole(y: np.ndarray, frame: pd.DataFrame, where: str, needs: str) -> None:
    wrong = (y < 0) | (y != np.floor(y))
    if wrong.any():
        kind = "negative" if (y[wrong] < 0).all() else "not whole" if (y[wrong] >= 0).all() else "negative or not whole"
        raise DataError(f"{needs}; {y[wrong][0]:g} is {kind}, in {levels.rows_text(frame.index[wrong])}.", where=where)
    if (y > _LARGEST_WHOLE).any():
        wrong = y > _LARGEST_WHOLE
        raise DataError(f"{needs}, up to {_LARGEST_WHOLE:.0e}; {y[wrong][0]:g} is in {levels.rows_text(frame.index[wrong])}.", where=where)


def _successes(formula: Formula, family: Family, frame: pd.DataFrame, source: str, where: str, y: np.ndarray) -> Outcome:
    """Successes and trials, each checked; a share becomes successes."""
    if formula.weights is None:
        _check_whole(y, frame, where, "a number of successes is a whole number from 0 on")
    n = trials(formula, family, frame, source)
    assert n is not None
    if formula.weights is not None:
        share, y = y, np.rint(y * n)
        outside = (share < 0) | (share > 1)
        if outside.any():
            raise DataError(
                f"with weights({formula.weights}) the outcome is the share of successes, from 0 to 1; {share[outside][0]:g} is in "
                f"{levels.rows_text(frame.index[outside])}. Numbers of successes go with trials({formula.weights}).",
                where=where,
            )
        wrong = np.abs(share * n - y) > _SHARE_TOLERANCE
        if wrong.any():
            k = int(np.flatnonzero(wrong)[0])
            raise DataError(
                f"a share times its number of trials is a whole number of successes; {share[k]:.10g} × {n[k]} = {share[k] * n[k]:.10g} is "
                f"none, in {levels.rows_text(frame.index[wrong])}. weights({formula.weights}) are trials here, not weights of a survey.",
                where=where,
            )
    if (y > n).any():
        wrong = y > n
        k = int(np.flatnonzero(wrong)[0])
        raise DataError(f"{y[k]:g} successes in {n[k]} trials, in {levels.rows_text(frame.index[wrong])}.", where=where)
    if not y.any() or np.array_equal(y, n):
        what = "no success" if not y.any() else "no failure"
        raise DataError(f"there is {what} in all {int(n.sum()):,} trials of {len(y)} rows; there is nothing to explain.", where=where)
    if family.needs_trials and n.max() <= 1:
        names = " and ".join(p.name for p in family.parameters)
        note = (
            f"no row of {formula.outcome} has more than one trial: the data say nothing of {names}, which has its prior; family logit "
            "is the same model without it."
        )
        return Outcome(y, n, notes=(note,))
    return Outcome(y, n)


def _ordinal(formula: Formula, family: Family, frame: pd.DataFrame, source: str, where: str, categories: Sequence[str]) -> Outcome:
    """Codes 0 … C−1 and the labels of ordered categories."""
    tree = formula.outcome_tree
    if not isinstance(tree, Name) and not coding.is_category(tree):
        raise DataError(f"family {family.name} needs a column of ordered categories, not an expression.", where=where)
    said = coding.coding(tree)
    series = column(frame, said.column, source)
    if kind := levels.temporal(series):
        raise DataError(f"family {family.name} needs ordered categories; the column holds {kind}.", where=where)
    codes, labels = coding.learn(said, series, source)
    seen = labels
    if categories:
        codes = _in_the_order_given(codes, labels, categories, frame, where)
        labels = tuple(categories)
    elif isinstance(tree, Name) and levels.is_number(series):
        values = np.array([float(text) for text in labels])[codes]
        fraction = values != np.floor(values)
        if fraction.any():
            raise DataError(
                f"family {family.name} needs categories: words, or whole numbers; {values[fraction][0]:g} is in "
                f"{levels.rows_text(frame.index[fraction])}. factor({said.column}) makes a category of every value.",
                where=where,
            )
    if len(labels) < 2:
        raise DataError(f"the outcome is '{labels[0]}' in all {len(codes)} rows used; there is nothing to explain.", where=where)
    if len(labels) > MAX_CATEGORIES:
        raise DataError(f"family {family.name} has at most {MAX_CATEGORIES} categories; found {len(labels)} different values.", where=where)
    if categories:
        notes = _empty_note(seen, categories, said.column)
    elif said.levels or said.base:
        notes = ()
    else:
        notes = _order_note(series, labels, said.column) + labelled.no_answer_among(said.column, codes, labels)
        notes = notes or _unchosen_note(series, labels, said.column)
    return Outcome(codes.astype(np.float64), categories=tuple(labels), notes=notes)


def _in_the_order_given(codes: np.ndarray, labels: Sequence[str], categories: Sequence[str], frame: pd.DataFrame, where: str) -> np.ndarray:
    """Codes into the spec's ``categories``; nothing else occurs. Categories that nobody chose have their place all the same."""
    unknown = [text for text in labels if text not in categories]
    if unknown:
        rows = frame.index[np.isin(codes, [labels.index(text) for text in unknown])]
        raise DataError(
            f"{', '.join(map(repr, unknown[:3]))} in {levels.rows_text(rows)} is none of the spec's categories: {', '.join(categories)}."
            f"{nearest(unknown[0], categories)}",
            where=where,
        )
    if len(labels) < 2:
        raise DataError(f"the outcome is '{labels[0]}' in all {len(codes)} rows used; there is nothing to explain.", where=where)
    return levels.recode(codes, labels, categories)


def _empty_note(labels: Sequence[str], categories: Sequence[str], name: str) -> tuple[str, ...]:
    """What the posterior of the cutpoints around a category that nobody chose rests on."""
    empty = [k for k, text in enumerate(categories) if text not in labels]
    if not empty:
        return ()
    notes = []
    for k in empty:
        if k in (0, len(categories) - 1):
            which = 1 if k == 0 else len(categories) - 1
            rests = f"cutpoint {which}, where it ends" if k == 0 else f"cutpoint {which}, where it begins"
            notes.append(f"'{categories[k]}' ({rests}, has a bound on one side only)")
        else:
            notes.append(f"'{categories[k]}' (how far cutpoints {k} and {k + 1} lie apart)")
    return (
        f"nobody in the rows used chose {', '.join(notes)} of {name}: there the posterior rests on the prior of the cutpoints and on their "
        "order; the probability of such a category is that of the prior, held down by so many answers elsewhere.",
    )


def _order_note(series: pd.Series, labels: Sequence[str], name: str) -> tuple[str, ...]:
    """Words without an order of their own were sorted: that may not be the order meant."""
    _, _, ordered = levels.raw_codes(series)
    if ordered or levels.is_boolean(series) or all(levels.number_of(text) is not None for text in labels):
        return ()
    return (
        f"the categories of {name} are words, and were taken in alphabetical order: {' < '.join(labels)}. If another order is meant, write "
        "it in the spec, categories: [lowest, …, highest], or give an ordered categorical.",
    )


def _unchosen_note(series: pd.Series, labels: Sequence[str], name: str) -> tuple[str, ...]:
    """Categories that an ordered categorical has, or that a scale of whole numbers steps over, and that no row used has: left out."""
    import pandas as pd

    values, every = [levels.number_of(text) for text in labels], []
    if isinstance(series.dtype, pd.CategoricalDtype):
        every = [levels.label(value) for value in series.cat.categories] if series.cat.ordered else []
    elif all(value is not None and value.is_integer() for value in values):
        low, high = int(min(values)), int(max(values))
        every = [str(value) for value in range(low, high + 1)] if 2 * (high + 1 - low) <= 3 * len(labels) else []
    empty = [text for text in every if text not in labels]
    if not empty or len(every) > MAX_CATEGORIES:
        return ()
    shown = ", ".join(map(repr, empty[:5])) + (" …" if len(empty) > 5 else "")
    return (
        f"nobody in the rows used chose {shown} of {name}, and the model has no such "
        f"category. Where it was there to be chosen, list it: categories: [{', '.join(every)}].",
    )


def known_se(formula: Formula, family: Family, frame: pd.DataFrame, source: str) -> np.ndarray | None:
    """The standard errors (N,) of ``y | se(s)``, or None. DataError where one is not positive, or the family cannot have them."""
    if formula.known_se_tree is None:
        return None
    where = f"{source}, se({formula.known_se})"
    if not family.is_gaussian:
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
    tree = formula.outcome_tree
    if coding.is_category(tree):
        said = coding.coding(tree)
        return _two_words(*coding.learn(said, column(frame, said.column, source), source), allowed, where)
    if isinstance(tree, Name):
        series = column(frame, tree.text, source)
        if kind := levels.temporal(series):
            raise DataError(f"{allowed}; the column holds {kind}.", where=where)
        if not levels.is_number(series) and not levels.is_boolean(series):
            return _two_words(*levels.factorise(series), allowed, where)
    y = np.ascontiguousarray(numbers(tree, frame, source, {}, training=True))
    wrong = (y != 0.0) & (y != 1.0)
    if wrong.any():
        values, counts = np.unique(y, return_counts=True)
        shown = ", ".join(f"{levels.label(v)} ({c} rows)" for v, c in zip(values[:6], counts[:6], strict=True))
        more = f" and {len(values) - 6} other values" if len(values) > 6 else ""
        hint = ""
        if len(values) == 2 and isinstance(tree, Name):
            write = f"I({formula.outcome} - {values[0]:g})" if values[1] - values[0] == 1 else f"factor({formula.outcome})"
            hint = f" For {values[1]:g} against {values[0]:g} write {write}, or outcome: {{one: {values[1]:g}}} in the spec."
        raise DataError(
            f"{allowed}; found {shown}{more}. The first that are neither: {levels.rows_text(frame.index[wrong])}.{hint}", where=where
        )
    if y.max() == y.min():
        raise DataError(f"the outcome is {y[0]:g} in all {len(y)} rows used; there is nothing to explain.", where=where)
    return y, None


def _two_words(codes: np.ndarray, labels: Sequence[str], allowed: str, where: str) -> tuple[np.ndarray, tuple[str, str]]:
    if len(labels) != 2:
        counts = np.bincount(codes, minlength=len(labels))
        shown = ", ".join(f"'{text}' ({c} rows)" for text, c in zip(labels[:6], counts[:6], strict=True))
        more = f" and {len(labels) - 6} others" if len(labels) > 6 else ""
        hint = f' To set one value against all others write outcome: {{one: "{labels[-1]}"}} in the spec.' if len(labels) > 2 else ""
        raise DataError(f"{allowed}; found {len(labels)}: {shown}{more}.{hint}", where=where)
    return codes.astype(np.float64), (labels[0], labels[1])


def _one_against_the_rest(formula: Formula, family: Family, frame: pd.DataFrame, source: str, where: str, one: str) -> Outcome:
    """1 where the column holds the value ``one``, else 0; which values are 0 is said where there are several."""
    tree = formula.outcome_tree
    if family.outcome not in ("binary", "trials") or formula.has_trials:
        what = "the outcome is a number of trials" if formula.has_trials else f"the family is {family.name}"
        raise DataError(f"outcome: one says which value of a yes-or-no outcome is 1; {what}.", where=where)
    if not isinstance(tree, Name) and not coding.is_category(tree):
        raise DataError("outcome: one names a value of a column, and the outcome is an expression.", where=where)
    said = coding.coding(tree)
    codes, labels = coding.learn(said, column(frame, said.column, source), source)
    counts = np.bincount(codes, minlength=len(labels))
    shown = ", ".join(f"'{text}' ({c:,} rows)" for text, c in zip(labels[:8], counts[:8], strict=True))
    shown += f" and {len(labels) - 8} more" if len(labels) > 8 else ""
    if one not in labels:
        raise DataError(f"outcome: one is '{one}', which occurs in no row used; there is {shown}.{nearest(one, labels)}", where=where)
    if len(labels) < 2:
        raise DataError(f"the outcome is '{one}' in all {len(codes)} rows used; there is nothing to explain.", where=where)
    rest = [text for text in labels if text != one]
    y = (codes == labels.index(one)).astype(np.float64)
    if len(rest) == 1:
        return Outcome(y, trials(formula, family, frame, source), (rest[0], one))
    note = f"the outcome {said.column} is 1 where it is '{one}' and 0 elsewhere, and it has {len(labels)} values: {shown}."
    return Outcome(y, trials(formula, family, frame, source), (f"not {one}", one), notes=(note,))

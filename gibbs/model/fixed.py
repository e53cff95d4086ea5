"""Model matrices: the terms of a formula and a table → columns with R's names, in R's order.

``learn`` makes the matrix for the data a model is fitted to and keeps what is needed to make it again for new data
(``Columns``): the levels of every category, which of them are coded, and the state of ``scale``, ``poly``, ``bs``.
The result is R's ``model.matrix`` with treatment contrasts, except that the intercept is called ``Intercept``.
Formulas are walked as trees of our own; functions are those of :mod:`gibbs.model.functions`; nothing is evaluated as Python.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gibbs import mapped
from gibbs.errors import DataError, nearest
from gibbs.model import coding, levels, spelling
from gibbs.model.arguments import constants
from gibbs.model.functions import FUNCTIONS, State
from gibbs.model.numeric import as_number
from gibbs.model.syntax import Binary, Call, Name, Node, Number, Paren, Sum, show
from gibbs.model.terms import dummies, expand

if TYPE_CHECKING:
    import pandas as pd

MAX_COLUMNS = 1_000  # of one part of a formula
LARGEST = 1e300  # numbers in a model: sums of a hundred million of them are numbers still

States = dict[str, State]


@dataclass(frozen=True)
class Variable:
    """One leaf of a formula, learnt: a number (one column, or the several of ``poly``), or a category with its levels."""

    node: Node = field(repr=False)
    suffixes: tuple[str, ...]  # numbers: ("",), or ("1", "2"); categories: the levels
    is_category: bool
    states: Mapping[str, State]  # by the text of the call inside


@dataclass(frozen=True)
class Columns:
    """The columns of one part of a formula (the fixed part, or one random term), learnt from the data of a fit."""

    names: tuple[str, ...]
    has_intercept: bool
    terms: tuple[tuple[str, ...], ...]  # the variables of each term, by their text
    all_levels: tuple[tuple[bool, ...], ...]  # for each of them: coded by all levels, not by contrasts
    variables: Mapping[str, Variable]

    def encode(self, frame: pd.DataFrame, source: str = "new data") -> np.ndarray:
        """The matrix (N, p) of new rows, coded as in the fit: its levels, means, polynomials.

        Raises DataError for a missing column, a missing value, text where a number belongs, or a category the fit has not seen.
        """
        values = {text: _encode_variable(variable, frame, source) for text, variable in self.variables.items()}
        return _fill(self, values, np.asarray(frame.index))

    def layout(self) -> list[tuple[tuple[str, int], ...]]:
        """For every column the variables that it is a product of, each with its level, or the column of a number; () for the intercept."""
        found: list[tuple[tuple[str, int], ...]] = [()] if self.has_intercept else []
        for term, full in zip(self.terms, self.all_levels, strict=True):
            choices = []
            for name, everything in zip(term, full, strict=True):
                variable = self.variables[name]
                choices.append(range(1 if variable.is_category and not everything else 0, len(variable.suffixes)))
            found += [tuple(zip(term, reversed(backwards), strict=True)) for backwards in itertools.product(*reversed(choices))]
        return found


def learn(
    tree: Node,
    text: str,
    frame: pd.DataFrame,
    source: str,
    cache: dict[str, tuple[Variable, np.ndarray]],
    *,
    cutpoints: bool = False,
    base: Mapping[str, str] | None = None,
) -> tuple[Columns, np.ndarray]:
    """The columns of ``tree`` learnt from ``frame`` (no missing values), and their matrix (N, p), C order.

    ``cutpoints``: of an ordinal model, whose cutpoints stand for the intercept whether or not the formula has one: categories are coded
    by contrasts as beside an intercept, and there is no column for it.

    ``text`` is the whole formula. ``cache`` holds variables already learnt from the same frame and is added to. ``base``: column → its base
    level, where the formula does not name it.
    Raises DataError for a column that cannot be a predictor: dates, one category only, numbers that are not finite, words among numbers;
    and for levels that do not occur.
    """
    has_intercept, terms = expand(tree, text)
    has_intercept = has_intercept or cutpoints
    for node in {show(v): v for term in terms for v in term}.values():
        if show(node) not in cache:
            variable, values = _learn_variable(node, frame, source, base or {})
            cache[show(node)] = variable, mapped.moved(np.asarray(frame.index), values)
    names = tuple(tuple(show(v) for v in term) for term in terms)
    variables = {name: cache[name][0] for term in names for name in term}
    coded = dummies(terms, has_intercept, lambda name: variables[name].is_category)
    columns = ["Intercept"] if has_intercept and not cutpoints else []
    made_by: dict[str, str] = {}
    for term, full in zip(names, coded, strict=True):
        parts = [_part_names(name, variables[name], everything) for name, everything in zip(term, full, strict=True)]
        count = int(np.prod([len(p) for p in parts]))
        if len(columns) + count > MAX_COLUMNS:
            raise DataError(_too_many(term, variables, count), where=source)
        # the first variable varies fastest, as in R
        new = [":".join(reversed(combination)) for combination in itertools.product(*reversed(parts))]
        _check_names(new, ":".join(term), made_by, source)
        columns.extend(new)
    learnt = Columns(tuple(columns), has_intercept and not cutpoints, names, coded, variables)
    X = _fill(learnt, {name: cache[name][1] for name in variables}, np.asarray(frame.index))
    for at in np.flatnonzero(~((X.min(axis=0, initial=0.0) > -LARGEST) & (X.max(axis=0, initial=0.0) < LARGEST))):
        _check_finite(X[:, at], columns[at], frame, source)  # products of numbers that are finite
    return learnt, X


def numbers(tree: Node, frame: pd.DataFrame, source: str, states: States, *, training: bool) -> np.ndarray:
    """Arithmetic on columns, (N,) float64: an outcome, an offset, the inside of a function.

    ``states`` is filled while training and used afterwards. Raises DataError with the rows where the result is not finite.
    """
    with np.errstate(all="ignore"):
        values = np.asarray(_arithmetic(tree, frame, source, states, training), dtype=np.float64)
    values = np.broadcast_to(values, (len(frame),)) if values.ndim == 0 else values
    _check_finite(values, show(tree), frame, source)
    return values


# ------------------------------------------------------------------------------------------------------------ learning


def _check_names(new: Sequence[str], term: str, made_by: dict[str, str], source: str) -> None:
    """DataError where a column of the model has the name of another, or of the intercept: results and priors go by name.

    ``made_by``: name → the term whose column it is; the new ones are added.
    """
    for name in new:
        if name in ("Intercept", "(Intercept)"):
            raise DataError(
                f"'{name}' is the name of the intercept, which a formula has as 1; rename the column (rename: under data:).",
                where=source,
            )
        if name in made_by:
            raise DataError(
                f"two columns of the model are called '{name}', one of {made_by[name]} and one of {term} (a name and its level are written "
                "together); rename one in the data, or with rename: under data:.",
                where=source,
            )
        made_by[name] = term


def _learn_variable(node: Node, frame: pd.DataFrame, source: str, base: Mapping[str, str]) -> tuple[Variable, np.ndarray]:
    """One variable, and its values: numbers (N, k), or codes (N,)."""
    if coding.is_category(node):
        return _learn_category(node, frame, source, base)
    if isinstance(node, Name):
        series = column(frame, node.text, source)
        if kind := levels.temporal(series):
            raise DataError(
                f"it holds {kind}{_like(series)}. As a predictor it must be a number (make {levels.INSTEAD[kind]}) or a category, "
                f"factor({node.text}).",
                where=f"{source}, column '{node.text}'",
            )
        if not levels.is_number(series) and not spelling.is_code(series):
            if not levels.is_boolean(series):
                _check_not_numbers_in_disguise(series, node.text, source)
                _check_not_dates_in_disguise(series, node.text, source)
            return _learn_category(node, frame, source, base)
    states: States = {}
    if isinstance(node, Call) and FUNCTIONS[node.function].gives == "matrix":
        values = _matrix(node, frame, source, states, training=True)
        suffixes = tuple(str(i + 1) for i in range(values.shape[1]))
    else:
        values = numbers(node, frame, source, states, training=True)[:, None]
        suffixes = ("",)
    return Variable(node, suffixes, False, states), values


def _learn_category(node: Node, frame: pd.DataFrame, source: str, base: Mapping[str, str]) -> tuple[Variable, np.ndarray]:
    said = coding.coding(node)
    series = column(frame, said.column, source)
    codes, labels = coding.learn(said, series, source, base.get(said.column))
    if len(labels) < 2:
        raise DataError(
            f"as a category it has one value, '{labels[0] if labels else ''}', in all {len(series)} rows used; "
            "a predictor needs two or more.",
            where=f"{source}, column '{series.name}'",
        )
    return Variable(node, labels, True, {}), codes


def _like(series: pd.Series) -> str:
    """The first value where it is text: that of another type says itself what it is."""
    value = next(iter(series.dropna()), None)
    return f" ({value}, …)" if isinstance(value, str) else ""


def _check_not_numbers_in_disguise(series: pd.Series, name: str, source: str) -> None:
    """A column of numbers with a few words in it ("unknown", "n/a", foreign digits) is text; as a category it would be nonsense."""
    codes, labels, ordered = levels.raw_codes(series)
    if ordered:
        return
    words = [i for i, text in enumerate(labels) if levels.number_of(text) is None or spelling.other_digits(text)]
    if not words or len(labels) - len(words) < max(10, 5 * len(words)):  # "0", "1", "2", "3+" is a category
        return
    raise DataError(
        f"words among numbers: {_words_in_rows(series, codes, labels, words)}. Name them under 'na' if they mean missing, "
        f"or write factor({name}) if the column is a category.",
        where=f"{source}, column '{name}'",
    )


def _check_not_dates_in_disguise(series: pd.Series, name: str, source: str) -> None:
    """A column of dates with a few words in it ("unknown", "n.a."): as a category every day would be one."""
    codes, labels, ordered = levels.raw_codes(series)
    if ordered or len(labels) <= 10:
        return
    dates = set(spelling.dates_among(labels))
    words = [i for i, text in enumerate(labels) if text not in dates]
    if len(dates) < max(10, 5 * len(words)):
        return
    raise DataError(
        f"words among dates: {_words_in_rows(series, codes, labels, words)}. Name them under 'na' if they mean missing, and make "
        f"{levels.INSTEAD['dates']}; or write factor({name}) if the column is a category.",
        where=f"{source}, column '{name}'",
    )


def _words_in_rows(series: pd.Series, codes: np.ndarray, labels: Sequence[str], words: Sequence[int]) -> str:
    """``'unknown', 'n.a.' in rows 3, 5 and 9``: the labels at ``words``."""
    shown = ", ".join(repr(labels[i]) for i in words[:3])
    return f"{shown} in {levels.rows_text(series.index[np.isin(codes, words)])}"


def _too_many(term: tuple[str, ...], variables: Mapping[str, Variable], count: int) -> str:
    name = max(term, key=lambda n: len(variables[n].suffixes))
    size = len(variables[name].suffixes)
    return (
        f"the term {':'.join(term)} has {count} columns ('{name}' has {size} categories); at most {MAX_COLUMNS} fixed columns are taken. "
        f"If it is a group, write (1 | {name}); if it is a number, it was read as text."
    )


# ------------------------------------------------------------------------------------------------------------ encoding


def _encode_variable(variable: Variable, frame: pd.DataFrame, source: str) -> np.ndarray:
    node = variable.node
    if not variable.is_category:
        states = {key: dict(state) for key, state in variable.states.items()}
        if isinstance(node, Call) and FUNCTIONS[node.function].gives == "matrix":
            return _matrix(node, frame, source, states, training=False)
        return numbers(node, frame, source, states, training=False)[:, None]
    series = column(frame, coding.coding(node).column, source)
    codes, labels, _ = levels.raw_codes(series)
    known = levels.recode(codes, labels, variable.suffixes)
    if (known < 0).any():
        rows = series.index[known < 0]
        unseen = [labels[c] for c in np.unique(codes[(known < 0) & (codes >= 0)])]
        what = (
            f"{', '.join(map(repr, unseen[:3]))} in {levels.rows_text(rows)} is"
            if unseen
            else f"a missing value in {levels.rows_text(rows)} is"
        )
        hints = [nearest(word, variable.suffixes) for word in unseen[:3]]
        if len(unseen) > 1:
            hints = [hint.replace("?", f" for '{word}'?") for hint, word in zip(hints, unseen, strict=False)]
        raise DataError(
            f"{what} none of the categories the model was fitted to: {', '.join(variable.suffixes[:12])}"
            f"{' …' if len(variable.suffixes) > 12 else ''}.{''.join(hints)}",
            where=f"{source}, column '{series.name}'",
        )
    return known


# ------------------------------------------------------------------------------------------------------------ matrices


def _part_names(name: str, variable: Variable, everything: bool) -> list[str]:
    suffixes = variable.suffixes if not variable.is_category or everything else variable.suffixes[1:]
    return [name + suffix for suffix in suffixes]


def _fill(columns: Columns, values: Mapping[str, np.ndarray], index: np.ndarray) -> np.ndarray:
    """The matrix (N, p) in C order from the values of the variables, a block of rows at a time; in a file where ``index`` lies in one."""
    out = mapped.like(index, (len(index), len(columns.names)))
    layout = columns.layout()
    for rows in mapped.blocks(len(index)):
        block = out[rows]
        for at, parts in enumerate(layout):
            if not parts:
                block[:, at] = 1.0
            for position, (name, which) in enumerate(parts):
                value = values[name][rows]
                part = (value == which) if columns.variables[name].is_category else value[:, which]
                if position == 0:
                    block[:, at] = part
                else:
                    with np.errstate(over="ignore"):  # the caller has the rows to say
                        block[:, at] *= part
    return out


def _matrix(node: Call, frame: pd.DataFrame, source: str, states: States, *, training: bool) -> np.ndarray:
    """The columns (N, k) of ``poly`` or ``bs``."""
    inside = numbers(node.arguments[0][1], frame, source, states, training=training)
    values = _apply(node, inside, source, states, training)
    bad = ~np.isfinite(values).all(axis=1)
    _check_finite(np.where(bad, np.nan, 0.0), show(node), frame, source)
    return values


def _arithmetic(node: Node, frame: pd.DataFrame, source: str, states: States, training: bool) -> np.ndarray | float:
    def of(inner: Node) -> np.ndarray | float:
        return _arithmetic(inner, frame, source, states, training)

    match node:
        case Name(name):
            series = column(frame, name, source)
            return np.asarray(as_number(series, name, source), dtype=np.float64)
        case Number(_, value):
            return value
        case Paren(inside):
            return of(inside)
        case Sum(items):
            total: np.ndarray | float = 0.0
            for index, (sign, item) in enumerate(items):
                value = of(item)
                total = (value if sign > 0 else -value) if index == 0 else (total + value if sign > 0 else total - value)
            return total
        case Binary("*", left, right):
            return of(left) * of(right)
        case Binary("/", left, right):
            return np.divide(of(left), of(right))
        case Binary("^", left, right):
            return np.power(of(left), of(right))
        case Call("as.numeric", arguments):
            inner = arguments[0][1]
            return _spelt_numbers(column(frame, inner.text, source), source) if isinstance(inner, Name) else of(inner)
        case Call(_, arguments):
            inside = np.broadcast_to(np.asarray(of(arguments[0][1]), dtype=np.float64), (len(frame),))
            _check_finite(inside, show(arguments[0][1]), frame, source)
            return _apply(node, inside, source, states, training)
    raise AssertionError(node)  # pragma: no cover


def _spelt_numbers(series: pd.Series, source: str) -> np.ndarray:
    """``as.numeric(x)``: the numbers that the labels spell. Of a category too: R would give the codes of its levels there."""
    if levels.is_number(series) or levels.is_boolean(series):
        return np.asarray(as_number(series, str(series.name), source), dtype=np.float64)
    if kind := levels.temporal(series):
        raise DataError(f"as.numeric: it holds {kind}; make {levels.INSTEAD[kind]}.", where=f"{source}, column '{series.name}'")
    codes, labels, _ = levels.raw_codes(series)
    spelt = [levels.number_of(text) for text in labels]
    wrong = [i for i, value in enumerate(spelt) if value is None]
    rows = series.index[np.isin(codes, wrong)]
    if len(rows):
        shown = ", ".join(repr(labels[i]) for i in wrong[:3])
        raise DataError(f"as.numeric: {shown} in {levels.rows_text(rows)} is no number.", where=f"{source}, column '{series.name}'")
    return np.array([*(np.nan if value is None else value for value in spelt), np.nan])[codes]


def _apply(node: Call, inside: np.ndarray, source: str, states: States, training: bool) -> np.ndarray:
    """One allowed function on one column, with its state."""
    function, text = FUNCTIONS[node.function], show(node)
    assert function.compute is not None
    try:
        with np.errstate(all="ignore"):
            values, state = function.compute(inside, constants(node), None if training else states.get(text, {}))
    except ValueError as error:
        raise DataError(f"{text} cannot be computed: {error}.", where=source) from None
    if training:
        states[text] = state
    return values


def column(frame: pd.DataFrame, name: str, source: str) -> pd.Series:
    """One column of the table; DataError with the nearest match where there is none."""
    if name not in frame.columns:
        have = [str(c) for c in frame.columns]
        shown = ", ".join(have[:30]) + (" …" if len(have) > 30 else "")
        raise DataError(f"there is no column '{name}'.{nearest(name, have)} The columns are: {shown}.", where=source)
    series = frame[name]
    if getattr(series, "ndim", 1) != 1:
        raise DataError(f"there are {series.shape[1]} columns named '{name}'; a formula needs one.", where=source)
    return series


def _check_finite(values: np.ndarray, what: str, frame: pd.DataFrame, source: str) -> None:
    if len(values) == len(frame) and all((np.abs(values[at]) < LARGEST).all() for at in mapped.blocks(len(values))):
        return
    fine = np.abs(values) < LARGEST
    if fine.all():
        return
    rows = frame.index[~fine]
    if np.isfinite(values).all():
        raise DataError(
            f"{what} is {LARGEST:g} or more, or {-LARGEST:g} or less, in {levels.rows_text(rows)}; numbers of that size cannot be added "
            "up: change their unit.",
            where=source,
        )
    kind = "infinite" if np.isinf(values).any() else "missing or not a number"
    raise DataError(f"{what} is {kind} in {levels.rows_text(rows)}; every value used must be a finite number.", where=source)

"""Expressions on the columns of a table: arithmetic, comparisons, ``& | !``, ``%in%``, ``if(condition, a, b)``, ``cut()``, ``is.na()``.

    (age - 45) / 10          sector == "Public" & age >= 18          if(vote == 99, NA, vote)
    region %in% c("N", "S")  cut(age, c(0, 18, 65, Inf), c("young", "middle", "old"))

The language is the formula's own (:func:`gibbs.model.syntax.expression`), read into a tree and computed here; nothing is evaluated by
Python, and text in quotes is a value of a column, whatever it spells. Every part has one of three kinds, number, text and truth:
arithmetic wants numbers (a truth value is 1 or 0 there), ``& | !`` and the condition of ``if`` want truth values, ``==`` with a word in
quotes compares the labels of the column, and ``< <= > >=`` compare numbers alone. ``and``, ``or``, ``not`` may be written out.

Missing values are R's: what is made of one is missing, but ``FALSE & NA`` is FALSE, ``TRUE | NA`` is TRUE, ``if`` looks only at the side
it takes, and ``is.na(x)`` is never missing. One is not R's: ``x %in% c(…)`` is missing where x is, as ``==`` is, and not FALSE. ``cut``
has R's intervals: closed on the right, so that cut(x, c(0, 18, 65)) makes (0,18] and (18,65], and 0 itself is outside unless
``include.lowest = TRUE``; ``right = FALSE`` makes [0,18) and [18,65). What is outside is missing, and is said. With one label more than
intervals the outermost have no end: cut(x, 18, c("minor", "adult")) parts at 18.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from gibbs.errors import DataError, nearest
from gibbs.model import levels, syntax
from gibbs.model.syntax import Binary, Call, Constant, Name, Node, Not, Number, Paren, Sum, Text, show

if TYPE_CHECKING:
    import pandas as pd

FUNCTIONS: Mapping[str, np.ufunc] = {
    "floor": np.floor,
    "ceiling": np.ceil,
    "round": np.rint,
    "abs": np.abs,
    "sqrt": np.sqrt,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "exp": np.exp,
}
"""Functions of one number."""
_OTHERS = ("if", "ifelse", "cut", "is.na")
_ARITHMETIC: Mapping[str, np.ufunc] = {"*": np.multiply, "/": np.divide, "^": np.power}
_COMPARE: Mapping[str, np.ufunc] = {
    "==": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
}  # fmt: skip
_KIND = {"number": "a number", "text": "text", "truth": "a truth value"}


@dataclass(frozen=True)
class Value:
    """One part of an expression, row by row: ``values`` (N,) float64, bool, or labels; meaningless where ``missing`` or ``undefined``.

    kind : number, text, truth, or "" of NA alone. undefined (N,) : what a truth value or a text hangs on has no finite value; a number says
    so itself. order : of text made by cut(), its labels in order. column : the name, of a column as it stands.
    """

    kind: str
    values: np.ndarray
    missing: np.ndarray
    undefined: np.ndarray
    order: tuple[str, ...] = ()
    column: str = ""


@dataclass
class Table:
    """What an expression is computed on. notes : what was found on the way, for the person."""

    rows: int
    series: Callable[[str], pd.Series]
    number: Callable[[str], np.ndarray]  # of a column, (N,); DataError where it holds words
    notes: list[str] = field(default_factory=list)


# ------------------------------------------------------------------------------------------------------------ reading


def read(text: str, want: str = "") -> Node:
    """The tree of an expression. Raises FormulaError, with a caret, for what is none, or cannot be of the kind that is wanted there.

    want : "truth" of a condition, "" where every kind will do.
    """
    tree = syntax.expression(text)
    kind = _check(tree, text, want)
    if isinstance(tree, Constant):
        syntax.refuse(text, tree.at, _NOT_A_NUMBER if kind == "truth" else f"{tree.text} alone makes no column.")
    return tree


def columns(node: Node) -> Iterator[str]:
    """Every column named in the tree, in order, repeats included."""
    match node:
        case Name(text):
            yield text
        case Paren(inside) | Not(inside):
            yield from columns(inside)
        case Call(_, arguments):
            for _, argument in arguments:
                yield from columns(argument)
        case Sum(items):
            for _, item in items:
                yield from columns(item)
        case Binary(_, left, right):
            yield from columns(left)
            yield from columns(right)


def compared_with_words(node: Node) -> Iterator[str]:
    """The columns that stand beside a word in quotes, as in ``code == "01"`` or ``code %in% c("01", "02")``."""
    match node:
        case Binary("==" | "!=", left, right):
            sides = (left, right)
            if any(isinstance(side, Text) for side in sides):
                yield from (side.text for side in sides if isinstance(side, Name))
        case Binary("%in%", Name(name), right):
            if any(isinstance(value, Text) for _, value in right.arguments) if isinstance(right, Call) else isinstance(right, Text):
                yield name
    match node:
        case Paren(inside) | Not(inside):
            yield from compared_with_words(inside)
        case Call(_, arguments):
            for _, argument in arguments:
                yield from compared_with_words(argument)
        case Sum(items):
            for _, item in items:
                yield from compared_with_words(item)
        case Binary(_, left, right):
            yield from compared_with_words(left)
            yield from compared_with_words(right)


_NOT_A_NUMBER = "TRUE and FALSE are not numbers; write 1 and 0."


def _check(node: Node, text: str, want: str = "") -> str:
    """The kind of the tree as far as it shows without the data ("" of a column and NA), refused where it is not ``want``."""

    def refuse(message: str) -> NoReturn:
        syntax.refuse(text, node.at, message)

    match node:
        case Name():
            kind = ""
        case Number():
            kind = "number"
        case Text():
            kind = "text"
        case Constant("NA"):
            kind = ""
        case Constant("Inf"):
            refuse("Inf stands only among the breaks of cut().")
        case Constant():
            kind = "truth"
            if want == "number":
                refuse(_NOT_A_NUMBER)
        case Paren(inside):
            return _check(inside, text, want)
        case Sum(items):
            for _, item in items:
                _check(item, text, "number")
            kind = "number"
        case Not(inside):
            _check(inside, text, "truth")
            kind = "truth"
        case Binary("&" | "|", left, right):
            _check(left, text, "truth")
            _check(right, text, "truth")
            kind = "truth"
        case Binary("%in%", left, right):
            _check(left, text)
            _constants(right, text, '%in% is followed by values: x %in% c("a", "b").')
            kind = "truth"
        case Binary(operator, left, right) if operator in _COMPARE:
            kind = _check_comparison(node, operator, left, right, text)
        case Binary(operator, left, right):
            if operator not in _ARITHMETIC:
                refuse(f"'{operator}' is not arithmetic; allowed are + - * / ^, comparisons, & | ! and brackets.")
            _check(left, text, "number")
            _check(right, text, "number")
            kind = "number"
        case Call():
            kind = _check_call(node, text)
    if want and kind and kind != want and not (want == "number" and kind == "truth"):
        hint = " Write a comparison, such as x == 1." if want == "truth" else ""
        refuse(f"{_KIND[kind].capitalize()} stands where {_KIND[want]} is wanted.{hint}")
    return kind


def _check_comparison(node: Binary, operator: str, left: Node, right: Node, text: str) -> str:
    kinds = {_check(left, text), _check(right, text)} - {""}
    for side in (left, right):
        if side == Constant("NA", 0):
            syntax.refuse(text, side.at, "A comparison with NA is missing in every row; write is.na(x).")
    if "text" in kinds and operator not in ("==", "!="):
        syntax.refuse(text, node.at, "Words have no order here: they are compared by == and !=.")
    if "text" in kinds and len(kinds) > 1:
        syntax.refuse(text, node.at, "Text is compared with a number here, which no row can equal.")
    return "truth"


def _check_call(node: Call, text: str) -> str:
    function, arguments = node.function, node.arguments
    if function in ("if", "ifelse"):
        if len(arguments) != 3 or any(word is not None for word, _ in arguments):
            syntax.refuse(text, node.at, f"{function}() takes a condition and two values: {function}(x > 3, a, b).")
        _check(arguments[0][1], text, "truth")
        kinds = {_check(arguments[1][1], text), _check(arguments[2][1], text)} - {""}
        if "text" in kinds and len(kinds) > 1:
            syntax.refuse(text, node.at, f"{function}() gives words on one side and numbers on the other; a column holds one of them.")
        return "number" if len(kinds) > 1 else next(iter(kinds), "")
    if function == "cut":
        _cut(node, text)
        _check(arguments[0][1], text, "number")
        return "text"
    if function == "is.na":
        if len(arguments) != 1 or arguments[0][0] is not None:
            syntax.refuse(text, node.at, "is.na() takes one column or expression.")
        _check(arguments[0][1], text)
        return "truth"
    if function == "c":
        syntax.refuse(text, node.at, "c() stands behind %in% and inside cut().")
    if function not in FUNCTIONS:
        known = [*FUNCTIONS, *_OTHERS]
        syntax.refuse(text, node.at, f"There is no function '{function}' here; allowed are {', '.join(known)}.{nearest(function, known)}")
    if len(arguments) != 1 or arguments[0][0] is not None:
        syntax.refuse(text, node.at, f"{function} takes one column or expression.")
    _check(arguments[0][1], text, "number")
    return "number"


def _constants(node: Node, text: str, message: str) -> list[str] | list[float]:
    """The values of ``c("a", "b")`` or ``c(1, 2, Inf)``, or of one alone: words, or numbers."""
    items = [value for _, value in node.arguments] if isinstance(node, Call) and node.function == "c" else [node]
    found: list[str | float] = []
    for item in items:
        sign, inner = 1.0, item
        if isinstance(inner, Sum) and len(inner.items) == 1:
            sign, inner = float(inner.items[0][0]), inner.items[0][1]
        match inner:
            case Text(word) if inner is item:
                found.append(word)
            case Number(_, value):
                found.append(sign * value)
            case Constant("Inf"):
                found.append(sign * np.inf)
            case _:
                syntax.refuse(text, item.at, message)
    if not found or len({isinstance(value, str) for value in found}) > 1:
        syntax.refuse(text, node.at, message if not found else "These are words and numbers together; a list holds one of them.")
    return found  # type: ignore[return-value]


# ---------------------------------------------------------------------------------------------------------------- cut


@dataclass(frozen=True)
class _Cut:
    breaks: np.ndarray
    labels: tuple[str, ...]
    right: bool
    lowest: bool


_CUT = 'cut() takes a number, its breaks and, if they are to have names, labels: cut(x, c(0, 18, 65), c("young", "older")).'


def _cut(node: Call, text: str) -> _Cut:
    """The intervals that a call of cut() says. FormulaError for breaks that do not rise, or labels that are too many or too few."""
    order = ["x", "breaks", "labels", "include.lowest", "right"]
    found: dict[str, Node] = {}
    for position, (word, value) in enumerate(node.arguments):
        name = word or (order[position] if position < len(order) else "")
        if name not in order or name in found:
            syntax.refuse(text, value.at, f"{_CUT} Further: right = FALSE, include.lowest = TRUE.")
        found[name] = value
    if "x" not in found or "breaks" not in found or node.arguments[0][0] not in (None, "x"):
        syntax.refuse(text, node.at, _CUT)
    right = _flag(found["right"], text, "right") if "right" in found else True
    lowest = _flag(found["include.lowest"], text, "include.lowest") if "include.lowest" in found else False
    breaks = _constants(found["breaks"], text, "The breaks of cut() are numbers: c(0, 18, 65); a number of intervals is not taken.")
    if isinstance(breaks[0], str):
        syntax.refuse(text, found["breaks"].at, "The breaks of cut() are numbers.")
    edges = np.array(breaks, dtype=float)
    words: tuple[str, ...] = ()
    if "labels" in found:
        given = _constants(found["labels"], text, 'The labels of cut() are words in quotes: c("young", "older").')
        words = tuple(value if isinstance(value, str) else levels.label(value) for value in given)
        if len(words) == len(edges) + 1:
            edges = np.concatenate([[-np.inf], edges, [np.inf]])
    if len(edges) < 2 or (np.diff(edges) <= 0).any():
        rise = "The breaks of cut() are two numbers or more, each greater than the one before; one alone parts in two with two labels."
        syntax.refuse(text, found["breaks"].at, rise)
    if words and len(words) != len(edges) - 1:
        syntax.refuse(
            text,
            found["labels"].at,
            f"{len(breaks) - 1} interval{'s' if len(breaks) != 2 else ''} between these breaks, and {len(words)} labels.",
        )
    if len(set(words)) < len(words):
        syntax.refuse(text, found["labels"].at, "Two intervals have the same label.")
    return _Cut(edges, words or _interval_names(edges, right, lowest), right, lowest)


def _flag(node: Node, text: str, name: str) -> bool:
    if isinstance(node, Constant) and node.text in ("TRUE", "FALSE"):
        return node.text == "TRUE"
    syntax.refuse(text, node.at, f"'{name}' of cut() is TRUE or FALSE.")


def _interval_names(edges: np.ndarray, right: bool, lowest: bool) -> tuple[str, ...]:
    """R's: ``(0,18]``, with three digits, or as many more as tell the breaks apart."""
    for digits in range(3, 17):
        words = [f"{edge:.{digits}g}".replace("inf", "Inf") for edge in edges]
        if len(set(words)) == len(words):
            break
    names = [f"({a},{b}]" if right else f"[{a},{b})" for a, b in itertools.pairwise(words)]
    if lowest and right:
        names[0] = "[" + names[0][1:]
    elif lowest:
        names[-1] = names[-1][:-1] + "]"
    return tuple(names)


# ---------------------------------------------------------------------------------------------------------- computing


def evaluate(tree: Node, table: Table) -> Value:
    """The value of a tree that ``read`` gave. Raises DataError where a column is not of the kind that is wanted."""
    with np.errstate(all="ignore"):
        return _value(tree, table)


def truth(tree: Node, table: Table) -> Value:
    """The value of a tree that is a condition. Raises DataError where it holds numbers or words."""
    with np.errstate(all="ignore"):
        return _as_truth(tree, table)


def bad_rows(value: Value) -> np.ndarray:
    """(N,) bool: rows in which nothing is missing and the value is not defined, as a division by 0 is not."""
    undefined = value.undefined
    if value.kind == "number":
        undefined = undefined | ~np.isfinite(value.values)
    return undefined & ~value.missing


def _value(node: Node, table: Table) -> Value:
    none = np.zeros(table.rows, dtype=bool)
    match node:
        case Name(name):
            return _column(name, table)
        case Number(_, value):
            return Value("number", np.full(table.rows, value), none, none)
        case Text(text):
            return Value("text", np.full(table.rows, text, dtype=object), none, none)
        case Constant("NA"):
            return Value("", np.full(table.rows, np.nan), ~none, none)
        case Constant(text):
            return Value("truth", np.full(table.rows, text == "TRUE"), none, none)
        case Paren(inside):
            return _value(inside, table)
        case Sum(items):
            terms = [(sign, _as_number(item, table)) for sign, item in items]
            total = terms[0][1].values * terms[0][0] if terms[0][0] < 0 else terms[0][1].values
            for sign, term in terms[1:]:
                total = total + term.values if sign > 0 else total - term.values
            return Value("number", total, _any(t.missing for _, t in terms), none)
        case Not(inside):
            of = _as_truth(inside, table)
            return Value("truth", ~of.values, of.missing, of.undefined)
        case Binary("&" | "|" as operator, left, right):
            return _joined(operator, _as_truth(left, table), _as_truth(right, table))
        case Binary("%in%", left, right):
            return _among(node, left, _constants(right, "", ""), table)
        case Binary(operator, left, right) if operator in _COMPARE:
            return _compared(node, operator, left, right, table)
        case Binary(operator, left, right):
            a, b = _as_number(left, table), _as_number(right, table)
            return Value("number", _ARITHMETIC[operator](a.values, b.values), a.missing | b.missing, none)
        case Call("if" | "ifelse"):
            return _either(node, table)
        case Call("cut"):
            return _intervals(node, table)
        case Call("is.na", arguments):
            inside = _value(arguments[0][1], table)
            return Value("truth", inside.missing.copy(), none, bad_rows(inside))
        case Call(function, arguments):
            inside = _as_number(arguments[0][1], table)
            return Value("number", FUNCTIONS[function](inside.values), inside.missing, none)
    raise AssertionError(node)  # pragma: no cover


def _any(masks: Iterator[np.ndarray]) -> np.ndarray:
    return np.logical_or.reduce(list(masks))


def _column(name: str, table: Table) -> Value:
    series = table.series(name)
    none = np.zeros(table.rows, dtype=bool)
    if levels.is_boolean(series):
        values = table.number(name)
        return Value("truth", values == 1.0, np.isnan(values), none, column=name)
    if levels.is_number(series):
        values = table.number(name)
        return Value("number", values, np.isnan(values), none, column=name)
    codes, labels, ordered = levels.raw_codes(series)
    words = np.array([*labels, ""], dtype=object)[codes]
    return Value("text", words, np.asarray(codes) < 0, none, tuple(labels) if ordered else (), column=name)


def _as_number(node: Node, table: Table) -> Value:
    value = _value(node, table)
    if value.kind == "text" and value.column:
        values = table.number(value.column)  # words that spell numbers, or DataError with the rows
        return Value("number", values, np.isnan(values), value.undefined)
    if value.kind == "text":
        raise DataError(f"{show(node)} gives words, and a number is needed.")
    if value.kind == "number":
        return value
    numbers = value.values.astype(float)
    numbers[value.undefined] = np.nan
    return Value("number", numbers, value.missing, np.zeros(table.rows, dtype=bool))


def _as_truth(node: Node, table: Table) -> Value:
    value = _value(node, table)
    if value.kind in ("number", "text"):
        holds, example = ("numbers", f"{show(node)} == 1") if value.kind == "number" else ("words", f'{show(node)} == "yes"')
        raise DataError(f"{show(node)} holds {holds}, and a truth value is needed; write {example}.")
    return value if value.kind else Value("truth", np.zeros(table.rows, dtype=bool), value.missing, value.undefined)


def _labels(value: Value) -> np.ndarray:
    """The value as words, (N,): numbers as levels are named."""
    if value.kind == "text":
        return value.values
    distinct, place = np.unique(value.values, return_inverse=True)
    return np.array([levels.label(v) for v in distinct.tolist()], dtype=object)[place.reshape(-1)]


def _joined(operator: str, a: Value, b: Value) -> Value:
    """FALSE & anything is FALSE, TRUE | anything is TRUE; else what is missing on one side is missing."""
    known = [~(v.missing | v.undefined) for v in (a, b)]
    settles = operator == "|"
    settled = (known[0] & (a.values == settles)) | (known[1] & (b.values == settles))
    open_ = ~settled & ~(known[0] & known[1])
    missing = open_ & (a.missing | b.missing)
    return Value("truth", settled if settles else ~settled, missing, open_ & ~missing)


def _compared(node: Node, operator: str, left: Node, right: Node, table: Table) -> Value:
    sides = [_value(left, table), _value(right, table)]
    words = [isinstance(n, Text) or (v.kind == "text" and not v.column) for n, v in zip((left, right), sides, strict=True)]
    if any(words) or all(v.kind == "text" for v in sides):
        if operator not in ("==", "!="):
            raise DataError(f"{show(node)} compares words, which have no order here; they are compared by == and !=.")
        for n, other in ((left, sides[1]), (right, sides[0])):
            if isinstance(n, Text):
                _told(node, n.text, other, table)
        same = _labels(sides[0]) == _labels(sides[1])
        undefined = bad_rows(sides[0]) | bad_rows(sides[1])
        missing = sides[0].missing | sides[1].missing
        return Value("truth", np.asarray(same if operator == "==" else ~same, dtype=bool), missing, undefined)
    try:
        a, b = _as_number(left, table), _as_number(right, table)
    except DataError as error:
        raise DataError(f"{error.message} In {show(node)} a word to compare with is written in quotes.", where=error.where) from None
    return Value("truth", _COMPARE[operator](a.values, b.values), a.missing | b.missing, bad_rows(a) | bad_rows(b))


def _told(node: Node, word: str, other: Value, table: Table) -> None:
    """A note where no row of a column holds the word it is compared with."""
    if not other.column:
        return
    there = [str(text) for text in dict.fromkeys(_labels(other)[~other.missing])]
    if word not in there:
        shown = ", ".join(there[:8]) + (" …" if len(there) > 8 else "")
        table.notes.append(f"{show(node)}: '{word}' occurs nowhere in column '{other.column}', which holds {shown}.{nearest(word, there)}")


def _among(node: Node, left: Node, wanted: list[str] | list[float], table: Table) -> Value:
    value = _value(left, table)
    if isinstance(wanted[0], str):
        for word in wanted:
            _told(node, str(word), value, table)
        return Value("truth", np.isin(_labels(value).astype(str), wanted), value.missing, bad_rows(value))
    number = _as_number(left, table)
    return Value("truth", np.isin(number.values, wanted), number.missing, bad_rows(number))


def _either(node: Call, table: Table) -> Value:
    condition = _as_truth(node.arguments[0][1], table)
    (a, of_a), (b, of_b) = ((_value(n, table), n) for _, n in node.arguments[1:])
    kinds = {a.kind, b.kind} - {""}
    if "text" in kinds and len(kinds) > 1:
        wrong = of_a if a.kind != "text" else of_b
        raise DataError(f"{show(node)}: words on one side, and {show(wrong)} holds none on the other; a column holds one kind.")
    kind = "number" if len(kinds) > 1 else next(iter(kinds), "")
    if kind == "number":
        a, b = (v if v.kind in ("", "number") else _as_number(n, table) for v, n in ((a, of_a), (b, of_b)))
    take = condition.values
    missing = condition.missing | np.where(take, a.missing, b.missing)
    undefined = condition.undefined | np.where(take, a.undefined, b.undefined)
    values = np.where(take, a.values, b.values)
    if kind == "truth":
        values = values == True  # noqa: E712  (beside NA the values are objects or numbers)
    return Value(kind, values, missing, undefined)


def _intervals(node: Call, table: Table) -> Value:
    x, said = _as_number(node.arguments[0][1], table), _cut(node, show(node))
    place = np.searchsorted(said.breaks, x.values, side="left" if said.right else "right") - 1
    if said.lowest:
        place[x.values == (said.breaks[0] if said.right else said.breaks[-1])] = 0 if said.right else len(said.labels) - 1
    bad = bad_rows(x)
    outside = ((place < 0) | (place >= len(said.labels))) & ~x.missing & ~bad
    if outside.any():
        low, high = x.values[outside].min(), x.values[outside].max()
        count = f"{int(outside.sum()):,} values lie" if outside.sum() > 1 else "1 value lies"
        table.notes.append(f"{show(node)}: {count} outside the intervals (from {low:.6g} to {high:.6g}), and are missing.")
    words = np.array([*said.labels, ""], dtype=object)[np.where(outside | x.missing | bad, len(said.labels), place)]
    return Value("text", words, x.missing | outside, bad, said.labels)


def as_series(value: Value, index: pd.Index) -> pd.Series:
    """The value as a column: numbers, truth values, words, or ordered categories where cut() made them; NaN, NA or None where missing."""
    import pandas as pd

    if value.kind == "truth":
        if value.missing.any():
            return pd.Series(pd.arrays.BooleanArray(value.values.astype(bool), value.missing.copy()), index=index)
        return pd.Series(value.values, index=index)
    if value.kind == "text":
        words = np.where(value.missing, None, value.values)
        if value.order:
            return pd.Series(pd.Categorical(words, categories=list(value.order), ordered=True), index=index)
        return pd.Series(words, index=index, dtype=object)
    return pd.Series(np.where(value.missing, np.nan, value.values.astype(float)), index=index)

"""Columns made from columns, by arithmetic: ``derive: {decades: (age - 45) / 10, cohort: 5 * floor((year - age) / 5)}``.

The expressions are read by the formula's own parser and computed here; nothing is evaluated by Python.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from gibbs.errors import DataError, FormulaError, nearest
from gibbs.model import syntax
from gibbs.model.syntax import Binary, Call, Name, Node, Number, Paren, Sum

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
_OPERATORS: Mapping[str, np.ufunc] = {"*": np.multiply, "/": np.divide, "^": np.power}


def read(new: str, expression: str, where: str) -> Node:
    """The tree of one expression. Raises FormulaError, with a caret, for anything but arithmetic and the functions allowed."""
    try:
        tree = syntax.tree(expression)
        _check(tree, expression)
    except FormulaError as error:
        raise FormulaError(f"derive: {new}: {error.message}", where=where) from None
    return tree


def needs(tree: Node) -> list[str]:
    """The columns that the expression is made from, each once."""
    return list(dict.fromkeys(syntax.names(tree)))


def compute(new: str, tree: Node, frame: pd.DataFrame, number: Callable[[str], np.ndarray], source: str) -> np.ndarray:
    """The new column (N,): NaN where a column it is made from is missing.

    number : the numbers of a column of ``frame``, by name; raises DataError where it holds words.
    Raises DataError, with rows, where the arithmetic has no finite answer: a division by 0, the log of 0.
    """
    with np.errstate(all="ignore"):
        values = np.broadcast_to(np.asarray(_value(tree, number), dtype=float), (len(frame),)).copy()
    known = np.ones(len(frame), dtype=bool)
    for name in needs(tree):
        known &= ~np.isnan(number(name))
    bad = known & ~np.isfinite(values)
    if bad.any():
        count = int(bad.sum())
        rows = ", ".join(str(r) for r in frame.index[bad][:5]) + (" …" if count > 5 else "")
        place = f"row{'s' if count > 1 else ''} {rows}" + (f" ({count:,} in all)" if count > 5 else "")
        raise DataError(f"{syntax.show(tree)} has no finite value in {place}.", where=f"{source}, column '{new}'")
    values[~known] = np.nan
    return values


def _check(node: Node, text: str) -> None:
    match node:
        case Paren(inside):
            _check(inside, text)
        case Sum(items):
            for _, item in items:
                _check(item, text)
        case Binary(operator, left, right):
            if operator not in _OPERATORS:
                syntax.refuse(text, node.at, f"'{operator}' is not arithmetic; allowed are + - * / ^ and brackets.")
            _check(left, text)
            _check(right, text)
        case Call(function, arguments):
            if function not in FUNCTIONS:
                allowed = ", ".join(FUNCTIONS)
                syntax.refuse(
                    text, node.at, f"There is no function '{function}' here; allowed are {allowed}.{nearest(function, FUNCTIONS)}"
                )
            if len(arguments) != 1 or arguments[0][0] is not None:
                syntax.refuse(text, node.at, f"{function} takes one column or expression.")
            _check(arguments[0][1], text)
        case Name("TRUE" | "FALSE"):
            syntax.refuse(text, node.at, "TRUE and FALSE are not numbers; write 1 and 0.")


def _value(node: Node, number: Callable[[str], np.ndarray]) -> np.ndarray | float:
    match node:
        case Name(name):
            return number(name)
        case Number(_, value):
            return value
        case Paren(inside):
            return _value(inside, number)
        case Sum(items):
            terms = [sign * _value(item, number) for sign, item in items]
            return sum(terms[1:], terms[0])
        case Binary(operator, left, right):
            return _OPERATORS[operator](_value(left, number), _value(right, number))
        case Call(function, arguments):
            return FUNCTIONS[function](_value(arguments[0][1], number))
    raise AssertionError(node)  # pragma: no cover

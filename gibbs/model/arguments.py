"""The arguments of a call after its first: ``poly(x, 2)``, ``bs(x, knots = c(1, 2))``, ``factor(x, levels = c("a", "b"))``.

What each function takes stands in :data:`gibbs.model.functions.FUNCTIONS`; here are the kinds of arguments, and what each refuses.
"""

from __future__ import annotations

from gibbs.errors import FormulaError, nearest
from gibbs.model.functions import FUNCTIONS
from gibbs.model.levels import label
from gibbs.model.syntax import Binary, Call, Name, Node, Number, Sum, Text, show

MAX_LEVELS = 1_000  # of levels = 1:n


def constants(node: Call) -> dict[str, object]:
    """The arguments of a call after its first, by name and as numbers: ``poly(x, 2)`` → {"degree": 2}.

    Raises FormulaError (without a caret; the reader adds it) for an argument the function does not take.
    """
    function = FUNCTIONS[node.function]
    order = list(function.parameters)
    found: dict[str, object] = {}
    for position, (keyword, value) in enumerate(node.arguments[1:]):
        if keyword is None and position >= len(order):
            extra = f" and {', '.join(order)}" if order else ""
            raise FormulaError(f"{node.function}() takes one expression{extra}, nothing more.")
        name = order[position] if keyword is None else keyword
        if name not in function.parameters:
            raise FormulaError(
                f"{node.function}() has no argument '{name}'.{nearest(name, order)} It takes: {', '.join(order) or 'one expression only'}."
            )
        if name in found:
            raise FormulaError(f"{node.function}() is given '{name}' twice.")
        found[name] = _constant(node.function, name, function.parameters[name], value)
    if node.function == "bs" and "df" in found and "knots" in found:
        raise FormulaError("bs() takes df or knots, not both.")
    if node.function == "bs":
        least = int(found.get("degree", 3)) + bool(found.get("intercept", False))  # type: ignore[call-overload]
        if int(found.get("df", least)) < least:  # type: ignore[call-overload]
            raise FormulaError(f"bs() of this degree has a df of {least} or more.")
    return found


def _constant(function: str, name: str, kind: str, node: Node) -> object:
    if kind == "flag":
        if isinstance(node, Name) and node.text in ("TRUE", "T", "FALSE", "F"):
            return node.text[0] == "T"
        raise FormulaError(f"'{name}' of {function}() is TRUE or FALSE.")
    if kind == "numbers":
        if isinstance(node, Call) and node.function == "c" and node.arguments and all(k is None for k, _ in node.arguments):
            return [_constant(function, name, "number", value) for _, value in node.arguments]
        return [_constant(function, name, "number", node)]
    if kind in ("level", "levels", "contrasts"):
        return {"level": _level, "levels": _levels, "contrasts": _contrasts}[kind](function, name, node)
    sign = 1.0
    if isinstance(node, Sum) and len(node.items) == 1:
        sign, node = float(node.items[0][0]), node.items[0][1]
    if not isinstance(node, Number):
        raise FormulaError(f"'{name}' of {function}() is a number.")
    value = sign * node.value
    if kind == "whole":
        if value != int(value) or not 1 <= value <= 50:
            raise FormulaError(f"'{name}' of {function}() is a whole number from 1 to 50.")
        return int(value)
    if name == "base" and (value <= 0 or value == 1):
        raise FormulaError("The base of log() is a positive number other than 1.")
    return value


def _level(function: str, name: str, node: Node) -> str:
    """One level as a formula names it: a word in quotes, a number, TRUE or FALSE."""
    sign = 1.0
    if isinstance(node, Sum) and len(node.items) == 1 and isinstance(node.items[0][1], Number):
        sign, node = float(node.items[0][0]), node.items[0][1]
    match node:
        case Text(text):
            return text
        case Number(_, value):
            return label(sign * value)
        case Name("TRUE" | "FALSE" as text):
            return text
        case Name(text):
            raise FormulaError(f"'{name}' of {function}() is a level, and a word is written in quotes: '{text}'.")
    raise FormulaError(f"'{name}' of {function}() is a level: a word in quotes, or a number.")


def _levels(function: str, name: str, node: Node) -> tuple[str, ...]:
    """``c("a", "b")``, ``c(3, 1, 2)`` or ``1:5``, as levels; two or more, each once."""
    if isinstance(node, Binary) and node.operator == ":" and isinstance(node.left, Number) and isinstance(node.right, Number):
        first, last = node.left.value, node.right.value
        if abs(last - first) >= MAX_LEVELS or not (first.is_integer() and last.is_integer()):
            raise FormulaError(f"'{name}' of {function}() goes from one whole number to another, over at most {MAX_LEVELS:,} levels.")
        step = 1 if last >= first else -1
        found = [str(k) for k in range(int(first), int(last) + step, step)]
    elif isinstance(node, Call) and node.function == "c" and all(word is None for word, _ in node.arguments):
        found = [_level(function, name, value) for _, value in node.arguments]
    else:
        raise FormulaError(f"'{name}' of {function}() is a list of levels in their order: {name} = c('a', 'b').")
    if len(found) < 2:
        raise FormulaError(f"'{name}' of {function}() names two levels or more.")
    if len(set(found)) < len(found):
        twice = next(text for text in found if found.count(text) > 1)
        raise FormulaError(f"'{name}' of {function}() names the level '{twice}' twice.")
    return tuple(found)


def _contrasts(function: str, name: str, node: Node) -> str | None:
    """The base that ``Treatment("b")`` names; None for Treatment alone."""
    called = node.function if isinstance(node, Call) else node.text if isinstance(node, Name) else ""
    if called not in ("Treatment", "contr.treatment"):
        raise FormulaError(f"Categories have treatment contrasts, each level against a base: C(x, Treatment('a')); found {show(node)}.")
    if not isinstance(node, Call) or not node.arguments:
        return None
    word, value = node.arguments[0]
    if len(node.arguments) > 1 or word not in (None, "reference", "base", "ref"):
        raise FormulaError(f'{called}() takes the base level: C(x, {called}("a")).')
    if called == "contr.treatment" and not isinstance(value, Text):
        raise FormulaError(
            "contr.treatment() takes the base level in quotes here, not its place among the levels; Treatment(2) is the level 2."
        )
    return _level(called, "reference", value)

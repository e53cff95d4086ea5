"""The language of formulas: text → tokens → tree, and tree → text as R prints it.

The grammar and the precedence are R's: ``~`` binds least, then ``|`` and ``||``, ``+ -``, ``* /``, ``:``, unary signs, ``^``.
The tree is plain data. Nothing here is ever handed to Python to evaluate, and what this grammar does not know
(indexing, attribute access, assignment) is refused with a caret under the place. Text in quotes stands for a value of a column, and only
inside a call: ``relevel(sector, "Public")``. What the words *mean* is decided by :mod:`gibbs.model.formula`.

``expression`` reads the same language with comparisons, ``& | !``, ``%in%`` and text anywhere: what ``derive:`` is written in
(:mod:`gibbs.model.expression` gives its meaning).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from gibbs.errors import FormulaError
from gibbs.printable import printable

MAX_LENGTH = 10_000  # characters: longer than any formula a person types
MAX_DEPTH = 25  # nested parentheses, calls and signs
MAX_CHAIN = 10  # operators in one chain of * / : ^ (a sum may be as long as it likes)
MAX_CHOICES = 40  # operators in one chain of & and |


@dataclass(frozen=True)
class Name:
    """A column, or TRUE/FALSE inside a call; ``text`` is the column's own name, without backticks."""

    text: str
    at: int = field(compare=False)


@dataclass(frozen=True)
class Number:
    """A number, with the spelling it had."""

    text: str
    value: float
    at: int = field(compare=False)


@dataclass(frozen=True)
class Text:
    """A word in quotes: a value of a column, never a name of anything."""

    text: str
    at: int = field(compare=False)


@dataclass(frozen=True)
class Constant:
    """``TRUE``, ``FALSE``, ``NA`` or ``Inf``, of an expression (a column of that name is written in backticks)."""

    text: str
    at: int = field(compare=False)


@dataclass(frozen=True)
class Call:
    """``function(arguments)``; an argument is (keyword or None, tree)."""

    function: str
    arguments: tuple[tuple[str | None, Node], ...]
    at: int = field(compare=False)


@dataclass(frozen=True)
class Paren:
    """A tree in parentheses."""

    inside: Node
    at: int = field(compare=False)


@dataclass(frozen=True)
class Sum:
    """Trees joined by + and −, in order: ((+1, a), (−1, b)). A chain is one flat node, however long."""

    items: tuple[tuple[int, Node], ...]
    at: int = field(compare=False)  # the first sign


@dataclass(frozen=True)
class Not:
    """``! inside``, of an expression."""

    inside: Node
    at: int = field(compare=False)


@dataclass(frozen=True)
class Binary:
    """Two trees and an operator: ``~ | || * / : ^``; of an expression also comparisons, ``&``, ``|`` and ``%in%``."""

    operator: str
    left: Node
    right: Node
    at: int = field(compare=False)  # the place of the operator


Node = Name | Number | Text | Constant | Call | Paren | Sum | Not | Binary


@dataclass(frozen=True)
class Token:
    """kind: name, number, quoted (a name in backticks), text (a word in quotes), operator, end."""

    kind: str
    text: str
    at: int
    end: int


def refuse(text: str, at: int, message: str) -> NoReturn:
    """Raise a FormulaError that shows the formula with a caret under character ``at``."""
    start, stop = 0, len(text)
    if len(text) > 110:  # a window around the place keeps the caret on the same terminal line
        start, stop = max(0, at - 60), min(len(text), at + 45)
    shown = ("…" if start else "") + text[start:stop] + ("…" if stop < len(text) else "")
    shown = "".join(c if c.isprintable() else " " for c in shown)
    raise FormulaError(f"{message}\n    {shown}\n    {' ' * (at - start + (1 if start else 0))}^")


# ------------------------------------------------------------------------------------------------------------ tokens

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?L?)
      | (?P<name>(?:[^\W\d_]|\.(?!\d))[\w.]*)
      | (?P<quoted>`[^`]*`)
      | (?P<text>"[^"\n]*"|'[^'\n]*')
      | (?P<operator>\|\||\*\*|[-~|+*/:^(),]|=(?!=))""",
    re.VERBOSE,
)
_COMPARISON = re.compile(r"(?P<operator>==|!=|<=|>=|<|>|&&?|!|%in%)")

_IN_DERIVE = "Comparisons are not available in a formula: make the column in the data, or under 'derive'."
_REFUSED = {
    '"': "This quotation mark is never closed.",
    "'": "This quotation mark is never closed.",
    "`": "This backtick is never closed.",
    "[": "Indexing is not part of a formula. A formula names columns: make the column in the data.",
    "]": "Indexing is not part of a formula. A formula names columns: make the column in the data.",
    "$": "A formula names columns of its own data: write the column's name alone.",
    "@": "A formula names columns of its own data: write the column's name alone.",
    "<": _IN_DERIVE,
    ">": _IN_DERIVE,
    "!": _IN_DERIVE,
    "&": _IN_DERIVE,
    "=": _IN_DERIVE,
    "%": "Operators in percent signs are not available: write a:b for a %in% b.",
    "_": "A name does not begin with an underscore; a column that does is written in backticks: `_x`.",
}


_TEXT = (
    'Text in quotes is not a term. It is the value of a column, and stands inside a call: relevel(x, "a"), factor(x, levels = '
    'c("a", "b")); a column whose name is no plain word is written in backticks.'
)


def _tokens(text: str, comparisons: bool) -> Iterator[Token]:
    at = 0
    while at < len(text):
        match = (_COMPARISON.match(text, at) if comparisons else None) or _TOKEN.match(text, at)
        if match is None:
            refuse(text, at, _REFUSED.get(text[at], f"The character {text[at]!r} is not part of a formula."))
        end, kind, word = match.end(), match.lastgroup, match.group()
        if kind == "number":
            if end < len(text) and (text[end].isalnum() or text[end] in "._`"):
                refuse(text, end, "A number runs into a name here. A column whose name begins with a digit is written in backticks.")
            yield Token("number", word, at, end)
        elif kind == "name":
            if "__" in word and "." in word:
                refuse(text, at, "Attribute access is not part of a formula; a column with such a name is written in backticks.")
            yield Token("name", word, at, end)
        elif kind == "quoted":
            if printable(word) != word:
                refuse(text, at, f"A name with control characters is not part of a formula, {printable(word)}: rename the column.")
            if not word[1:-1].strip():
                refuse(text, at, "There is no name between these backticks.")
            yield Token("quoted", word[1:-1], at, end)
        elif kind == "text":
            yield Token("text", word, at, end)
        elif kind == "operator":
            yield Token("operator", {"**": "^", "&&": "&"}.get(word, word), at, end)
        at = end
    yield Token("end", "the end of the formula", len(text), len(text))


# ------------------------------------------------------------------------------------------------------------ parser

_BINDS = {"~": 10, "|": 20, "||": 20, "+": 30, "-": 30, "*": 40, "/": 40, ":": 50, "^": 70}
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_BINDS_MORE = {**_BINDS, "&": 22, **dict.fromkeys(_COMPARISONS, 26), "%in%": 45}
_NOT, _SIGN = 24, 60
_SPELT = {"and": "&", "or": "|", "not": "!"}
_CONSTANTS = ("TRUE", "FALSE", "NA", "Inf")


class _Parser:
    """Precedence climbing over the tokens of one formula; of one expression, where ``comparisons`` are part of the language."""

    def __init__(self, text: str, *, comparisons: bool = False) -> None:
        self.text = text
        self.comparisons = comparisons
        self.binds = _BINDS_MORE if comparisons else _BINDS
        self.tokens = [self.spelt(token) for token in _tokens(text, comparisons)]
        self.index = 0
        self.depth = 0
        self.calls = 0

    def spelt(self, token: Token) -> Token:
        """The words ``and``, ``or``, ``not`` of an expression are operators."""
        if self.comparisons and token.kind == "name" and token.text in _SPELT:
            return Token("operator", _SPELT[token.text], token.at, token.end)
        return token

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def take(self) -> Token:
        token = self.token
        self.index += 1
        return token

    def is_operator(self, *operators: str) -> bool:
        return self.token.kind == "operator" and self.token.text in operators

    def expression(self, least: int = 0) -> Node:
        """The longest expression from here whose operators bind at least as tightly as ``least``."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            refuse(self.text, self.token.at, f"This is nested more than {MAX_DEPTH} deep.")
        left = self.operand()
        chain = choices = 0
        while self.token.kind == "operator" and self.binds.get(self.token.text, -1) >= max(least, 1):
            operator = self.take()
            bind = self.binds[operator.text]
            # ^ groups to the right (2^3^2 is 2^9) and its exponent may carry a sign (x^-1); all others group to the left
            right = self.expression(_SIGN if operator.text == "^" else bind + 1)
            if operator.text in "+-":
                sign = 1 if operator.text == "+" else -1
                before = left.items if isinstance(left, Sum) else ((1, left),)
                left = Sum((*before, (sign, right)), left.at if isinstance(left, Sum) else operator.at)
            elif self.comparisons and operator.text in "&||":
                choices += 1
                if choices > MAX_CHOICES:
                    refuse(self.text, operator.at, f"More than {MAX_CHOICES} of & and | in one chain; x %in% c(…) compares with many.")
                left = Binary(operator.text[0], left, right, operator.at)
            else:
                if operator.text in _COMPARISONS and isinstance(left, Binary) and left.operator in _COMPARISONS:
                    refuse(self.text, operator.at, "Comparisons are not chained: write a < b & b < c for a < b < c.")
                chain += 1
                if chain > MAX_CHAIN:
                    refuse(self.text, operator.at, f"More than {MAX_CHAIN} of * / : ^ in one chain.")
                left = Binary(operator.text, left, right, operator.at)
        self.depth -= 1
        return left

    def operand(self) -> Node:
        token = self.take()
        if token.kind == "operator" and token.text in "+-":
            # a sign binds tighter than : and looser than ^, as in R: -x^2 is -(x^2)
            inside = self.expression(_SIGN + 1)
            sign = 1 if token.text == "+" else -1
            if isinstance(inside, Sum) and len(inside.items) == 1:  # --x
                return Sum(((sign * inside.items[0][0], inside.items[0][1]),), token.at)
            return Sum(((sign, inside),), token.at)
        if token.kind == "operator" and token.text == "!":
            return Not(self.expression(_NOT), token.at)
        if token.kind == "operator" and token.text == "(":
            inside = self.expression()
            self.close(token)
            return Paren(inside, token.at)
        if token.kind == "number":
            value = float(token.text.rstrip("L"))
            if value == float("inf"):
                refuse(self.text, token.at, "This number is larger than any that can be computed with.")
            return Number(token.text, value, token.at)
        if token.kind == "quoted":
            return Name(token.text, token.at)
        if token.kind == "name":
            if self.is_operator("("):
                return self.call(token)
            return (Constant if self.comparisons and token.text in _CONSTANTS else Name)(token.text, token.at)
        if token.kind == "text":
            if not self.comparisons and not self.calls:
                refuse(self.text, token.at, _TEXT)
            return Text(token.text[1:-1], token.at)
        if token.kind == "end":
            refuse(self.text, token.at, "The formula ends where a term is expected.")
        if token.text == "~" and token.at == 0:
            refuse(self.text, 0, "The outcome is missing before '~'.")
        refuse(self.text, token.at, f"'{token.text}' stands where a term is expected.")

    def call(self, name: Token) -> Call:
        opening = self.take()
        self.calls += 1
        arguments: list[tuple[str | None, Node]] = []
        while not self.is_operator(")"):
            keyword = None
            if self.token.kind == "name" and self.tokens[self.index + 1].kind == "operator" and self.tokens[self.index + 1].text == "=":
                keyword = self.take().text
                self.take()
            if keyword in ("type", "dist", "scale") and self.token.kind == "text":  # weights(w, type = "frequency"): a word, quoted or not
                word = self.take()
                arguments.append((keyword, Name(word.text[1:-1], word.at)))
            else:
                arguments.append((keyword, self.expression()))
            if not self.is_operator(","):
                break
            self.take()
        self.close(opening)
        self.calls -= 1
        return Call(name.text, tuple(arguments), name.at)

    def close(self, opening: Token) -> None:
        if self.is_operator(")"):
            self.take()
            return
        if self.token.kind == "end":
            refuse(self.text, opening.at, "This parenthesis is never closed.")
        self.stray()

    def stray(self) -> NoReturn:
        token = self.token
        if token.text == ")":
            refuse(self.text, token.at, "This parenthesis was never opened.")
        if token.text == "=" and self.comparisons:
            refuse(self.text, token.at, "'=' has no place here; 'is equal to' is written ==.")
        if token.text == "=":
            refuse(self.text, token.at, "'=' has no place here; the outcome and its predictors are joined by '~'.")
        if token.text == ",":
            refuse(self.text, token.at, "A comma has no place here.")
        if token.text == "(":
            refuse(self.text, token.at, "An operator such as + is missing before this parenthesis.")
        if token.kind == "text" and not self.comparisons:
            refuse(self.text, token.at, _TEXT)
        if token.text.startswith("."):
            refuse(self.text, token.at, "Attribute access is not part of a formula.")
        refuse(self.text, token.at, f"An operator such as + is missing before '{token.text}'.")


def tree(text: str) -> Node:
    """The tree of one formula or expression; FormulaError with a caret where it is not one."""
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"The formula has {len(text)} characters; at most {MAX_LENGTH} are read.")
    return _whole(_Parser(text), "The formula is empty; it reads like: y ~ x + (1 | group)")


def expression(text: str) -> Node:
    """The tree of one expression, in which comparisons and text in quotes may stand; FormulaError with a caret where it is not one."""
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"The expression has {len(text)} characters; at most {MAX_LENGTH} are read.")
    return _whole(_Parser(text, comparisons=True), "The expression is empty; it reads like: (age - 45) / 10")


def _whole(parser: _Parser, if_empty: str) -> Node:
    if parser.token.kind == "end":
        raise FormulaError(if_empty)
    node = parser.expression()
    if parser.token.kind != "end":
        parser.stray()
    return node


# -------------------------------------------------------------------------------------------------------------- text

_PLAIN_NAME = re.compile(r"(?:[^\W\d_]|\.(?!\d))[\w.]*")


def quoted(name: str) -> str:
    """The name as a formula spells it: in backticks where it is not a plain name."""
    plain = _PLAIN_NAME.fullmatch(name) and not ("__" in name and "." in name) and name != "."
    return name if plain else f"`{name}`"


def show(node: Node) -> str:
    """The tree as R prints it (deparse): ``poly(x, 2)``, ``I(x^2)``, ``a + b``, ``a/b``, ``a:b``."""
    match node:
        case Name(text):
            return quoted(text)
        case Number(text):
            return text.removesuffix("L")
        case Text(text):
            return f"'{text}'" if '"' in text else f'"{text}"'
        case Constant(text):
            return text
        case Not(inside):
            return f"!{show(inside)}"
        case Paren(inside):
            return f"({show(inside)})"
        case Call(function, arguments):
            return f"{function}({', '.join(show(a) if k is None else f'{k} = {show(a)}' for k, a in arguments)})"
        case Sum(items):
            first_sign, first = items[0]
            words = ("" if first_sign > 0 else "-") + show(first)
            return words + "".join(f" {'+' if sign > 0 else '-'} {show(item)}" for sign, item in items[1:])
        case Binary(operator, left, right):
            joint = operator if operator in "/:^" else f" {operator} "
            return f"{show(left)}{joint}{show(right)}"
    raise AssertionError(node)  # pragma: no cover


def names(node: Node) -> Iterator[str]:
    """Every column named in the tree, in order, repeats included. Of a call only the first argument names columns."""
    match node:
        case Name(text):
            if text not in ("TRUE", "FALSE"):
                yield text
        case Paren(inside) | Not(inside):
            yield from names(inside)
        case Call(_, arguments):
            for _, argument in arguments[:1]:  # the others are constants
                yield from names(argument)
        case Sum(items):
            for _, item in items:
                yield from names(item)
        case Binary(_, left, right):
            yield from names(left)
            yield from names(right)

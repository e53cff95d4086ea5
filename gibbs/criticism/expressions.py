"""The language of hypotheses: arithmetic on parameters, and comparisons of it. Text → tree; nothing is handed to Python to evaluate.

    b_indigenous < 0                     sd_province__Intercept^2 / (sd_province__Intercept^2 + sigma^2) > 0.1
    b_x - b_z                            r_province[21801,Intercept] > r_province[21802,Intercept]
    0 < b_x < 1                          b_x > 0 & b_z > 0

Names are the parameters' own, read as far as they go: in ``b_x:z`` the interaction is meant where there is one. A name that would read
otherwise stands in backticks. Operators, loosest first: ``|``, ``&``, comparisons ``< <= > >=``, ``+ -``, ``* /``, signs, ``^`` or ``**``
(to the right). Functions: exp, log, sqrt, abs, inv_logit, Phi.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NoReturn

from gibbs.errors import SpecError, nearest

MAX_LENGTH = 2_000
MAX_DEPTH = 25
FUNCTIONS = ("exp", "log", "sqrt", "abs", "inv_logit", "Phi")


class HypothesisError(SpecError):
    """The hypothesis is wrong; the message shows it with a caret under the place."""

    stage = "hypothesis"


@dataclass(frozen=True)
class Parameter:
    """A parameter by its name."""

    name: str


@dataclass(frozen=True)
class Constant:
    """A number."""

    value: float


@dataclass(frozen=True)
class Operation:
    """``+ - * / ^`` of two trees; ``negative`` and the functions of one."""

    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True)
class Compare:
    """``left operator right``: ``< <= > >=``."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Both:
    """Statements that must hold together (``&``), or of which one must (``|``)."""

    operator: str
    parts: tuple[Statement, ...]


Node = Parameter | Constant | Operation
Statement = Compare | Both

_NUMBER = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_WORD = re.compile(r"[^\W\d]\w*(?:[.:]\w+)*(?:\([^()]*\))?(?:\[[^\]]*\])?(?:[.:]\w+)*")
_OPERATORS = ("**", "<=", ">=", "==", "!=", "&&", "||", "<", ">", "=", "+", "-", "*", "/", "^", "(", ")", "&", "|")
_BINDS = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 4}
_SIGN = 3


def refuse(text: str, at: int, message: str) -> NoReturn:
    """Raise a HypothesisError that shows the text with a caret under character ``at``."""
    start, stop = max(0, at - 60), min(len(text), at + 45)
    shown = ("…" if start else "") + "".join(c if c.isprintable() else " " for c in text[start:stop]) + ("…" if stop < len(text) else "")
    raise HypothesisError(f"{message}\n    {shown}\n    {' ' * (at - start + (1 if start else 0))}^")


def parse(text: str, names: Collection[str]) -> Node | Statement:
    """The tree of a hypothesis about parameters called ``names`` (a set; a coefficient may be named without its ``b_``).

    HypothesisError, with a caret, where it is not one; for a name that is none, with the nearest there is.
    """
    if len(text) > MAX_LENGTH:
        raise HypothesisError(f"it has {len(text)} characters; at most {MAX_LENGTH} are read.")
    if not text.strip():
        raise HypothesisError("it is empty; a hypothesis reads like: b_x < 0")
    return _Parser(text, names).whole()


def _in_a_word(character: str) -> bool:
    return character.isalnum() or character in "_."


@dataclass(frozen=True)
class _Token:
    kind: str  # number, name, function, operator, end
    text: str
    at: int


class _Parser:
    def __init__(self, text: str, names: Collection[str]) -> None:
        self.text, self.names = text, names
        self.longest = max((len(name) for name in names), default=0)
        self.tokens = self._tokens()
        self.index = 0
        self.depth = 0

    # -------------------------------------------------------------------------------------------------------- tokens

    def _tokens(self) -> list[_Token]:
        found: list[_Token] = []
        at, text = 0, self.text
        while at < len(text):
            if text[at].isspace():
                at += 1
                continue
            token, at = self._token(at)
            found.append(token)
        return [*found, _Token("end", "", len(text))]

    def _token(self, at: int) -> tuple[_Token, int]:
        text = self.text
        if text[at] == "`":
            end = text.find("`", at + 1)
            if end < 0:
                refuse(text, at, "This backtick is never closed.")
            return _Token("name", self._known(text[at + 1 : end], at), at), end + 1
        number = _NUMBER.match(text, at)
        if number:
            end = number.end()
            if end < len(text) and (text[end].isalnum() or text[end] in "_."):
                refuse(text, end, "A number runs into a name here. Names that begin with a digit stand in backticks.")
            return _Token("number", number.group(), at), end
        if text[at].isalpha() or text[at] in "._":
            name = self._longest_name(at)
            if name:
                return _Token("name", self._known(name, at), at), at + len(name)
            word = _WORD.match(text, at)
            bare = re.match(r"\w+", text[at:])
            if bare and bare.group() in FUNCTIONS and text[at + bare.end() :].lstrip().startswith("("):
                return _Token("function", bare.group(), at), at + bare.end()
            self._known(word.group() if word else text[at], at)
        for operator in _OPERATORS:
            if text.startswith(operator, at):
                written = {"**": "^", "&&": "&", "||": "|"}.get(operator, operator)
                return _Token("operator", written, at), at + len(operator)
        refuse(text, at, f"The character {text[at]!r} is not part of a hypothesis. Odd names stand in backticks.")

    def _longest_name(self, at: int) -> str:
        """The longest parameter name that begins here and does not break off in the middle of a word."""
        text = self.text
        for end in range(min(len(text), at + self.longest), at, -1):
            if end < len(text) and _in_a_word(text[end]) and _in_a_word(text[end - 1]):
                continue
            word = text[at:end]
            if word in self.names or f"b_{word}" in self.names:
                return word
        return ""

    def _known(self, word: str, at: int) -> str:
        for name in (word, f"b_{word}"):
            if name in self.names:
                return name
        hint = nearest(word, self.names)
        refuse(self.text, at, f"There is no parameter '{word}'.{hint} gibbs summary lists them.")

    # -------------------------------------------------------------------------------------------------------- grammar

    @property
    def token(self) -> _Token:
        return self.tokens[self.index]

    def take(self) -> _Token:
        self.index += 1
        return self.tokens[self.index - 1]

    def is_operator(self, *operators: str) -> bool:
        return self.token.kind == "operator" and self.token.text in operators

    def whole(self) -> Node | Statement:
        found = self.either()
        if self.token.kind == "end":
            return found
        token = self.token
        if token.text == ")":
            refuse(self.text, token.at, "This parenthesis was never opened.")
        if token.text in ("=", "==", "!="):
            refuse(
                self.text,
                token.at,
                "That a continuous parameter equals a value has probability 0, whatever the data. Ask for a direction (b_x > 0) or a range "
                "that counts as none (-0.1 < b_x < 0.1).",
            )
        refuse(self.text, token.at, f"An operator is missing before '{token.text}'.")

    def either(self) -> Node | Statement:
        return self._joined("|", lambda: self._joined("&", self.comparison))

    def _joined(self, operator: str, part: Callable[[], Node | Statement]) -> Node | Statement:
        begun = self.token.at
        parts = [part()]
        while self.is_operator(operator):
            here = self.take().at
            if not isinstance(parts[-1], Compare | Both):
                refuse(self.text, begun, f"'{operator}' joins comparisons, such as b_x > 0.")
            begun = self.token.at
            parts.append(part())
            if not isinstance(parts[-1], Compare | Both):
                refuse(self.text, here, f"'{operator}' joins comparisons, such as b_x > 0.")
        return parts[0] if len(parts) == 1 else Both(operator, tuple(parts))

    def comparison(self) -> Node | Statement:
        first = self.sum(0)
        links: list[Compare] = []
        left = first
        while self.is_operator("<", "<=", ">", ">="):
            operator = self.take()
            if links and operator.text[0] != links[-1].operator[0]:
                refuse(self.text, operator.at, "A chain of comparisons goes one way: 0 < b_x < 1.")
            right = self.sum(0)
            if not parameters(left) and not parameters(right):
                refuse(
                    self.text,
                    operator.at,
                    f"This '{operator.text}' names no parameter: it compares two numbers. A chain has the parameter between its limits: "
                    "0 < b_x < 1.",
                )
            links.append(Compare(operator.text, left, right))
            left = right
        return first if not links else links[0] if len(links) == 1 else Both("&", tuple(links))

    def sum(self, least: int) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            refuse(self.text, self.token.at, f"This is nested more than {MAX_DEPTH} deep.")
        left = self.operand()
        while self.token.kind == "operator" and _BINDS.get(self.token.text, -1) >= max(least, 1):
            operator = self.take().text
            right = self.sum(_SIGN if operator == "^" else _BINDS[operator] + 1)
            left = Operation(operator, (left, right))
        self.depth -= 1
        return left

    def operand(self) -> Node:
        token = self.take()
        if token.kind == "number":
            return Constant(float(token.text))
        if token.kind == "name":
            return Parameter(token.text)
        if token.kind == "function":
            return Operation(token.text, (self.inside(self.take()),))
        if token.kind == "operator" and token.text in "+-":
            inside = self.sum(_SIGN + 1)
            return Operation("negative", (inside,)) if token.text == "-" else inside
        if token.kind == "operator" and token.text == "(":
            return self.inside(token)
        what = "The hypothesis ends" if token.kind == "end" else f"'{token.text}' stands"
        refuse(self.text, token.at, f"{what} where a parameter or a number is expected.")

    def inside(self, opening: _Token) -> Node:
        found = self.sum(0)
        if not self.is_operator(")"):
            if self.token.kind == "end":
                refuse(self.text, opening.at, "This parenthesis is never closed.")
            if self.is_operator("<", "<=", ">", ">=", "&", "|"):
                refuse(self.text, self.token.at, "A comparison does not stand in parentheses; & binds tighter than |.")
            refuse(self.text, self.token.at, f"An operator is missing before '{self.token.text}'.")
        self.take()
        return found


def parameters(tree: Node | Statement) -> set[str]:
    """Every parameter a tree names."""
    match tree:
        case Parameter(name):
            return {name}
        case Operation(_, operands):
            return set().union(*(parameters(operand) for operand in operands))
        case Compare(_, left, right):
            return parameters(left) | parameters(right)
        case Both(_, parts):
            return set().union(*(parameters(part) for part in parts))
    return set()

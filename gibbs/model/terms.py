"""The algebra of terms, as R's ``terms.formula`` and ``model.matrix`` do it.

A *variable* is a leaf: a column (``x``) or a call (``poly(x, 2)``), known by its text. A *term* is a set of variables: ``a:b``.
``expand`` multiplies a formula out into terms in R's order; ``dummies`` says where R codes a category by all its levels
instead of by contrasts (W. N. Venables' rule in C, ``TermCode`` and ``modelmatrix`` of R's ``model.c``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gibbs.model.syntax import Binary, Call, Name, Node, Number, Paren, Sum, refuse, show

MAX_TERMS = 2_000

Term = tuple[Node, ...]  # its variables, in the order of their first appearance in the formula
_Bits = frozenset[str]  # the texts of a term's variables; the empty set is the intercept
_INTERCEPT: _Bits = frozenset()


def expand(node: Node, text: str) -> tuple[bool, tuple[Term, ...]]:
    """Multiply out ``a*b``, ``a/b``, ``(a + b)^2`` and carry out ``- a``.

    Gives whether there is an intercept, and the terms, main effects first, then second order, and so on; within one order as
    they were written. The variables of a term stand in the order in which the formula first names them. ``text`` is the whole
    formula, for the caret of an error. The tree must have passed the reader of :mod:`gibbs.model.formula`.
    """
    variables: dict[str, Node] = {}
    _collect(node, variables)
    terms = _Expansion(text).of(node)
    has_intercept = _INTERCEPT in terms
    places = {name: place for place, name in enumerate(variables)}
    ordered = sorted((t for t in terms if t), key=len)  # stable: within one order as written
    return has_intercept, tuple(tuple(variables[v] for v in sorted(term, key=places.__getitem__)) for term in ordered)


def _collect(node: Node, found: dict[str, Node]) -> None:
    match node:
        case Name() | Call():
            found.setdefault(show(node), node)
        case Paren(inside):
            _collect(inside, found)
        case Sum(items):
            for _, item in items:
                _collect(item, found)
        case Binary("^", left, _):
            _collect(left, found)
        case Binary(_, left, right):
            _collect(left, found)
            _collect(right, found)


class _Expansion:
    """Terms of a tree as an ordered set (a dict without values)."""

    def __init__(self, text: str) -> None:
        self.text = text

    def of(self, node: Node) -> dict[_Bits, None]:
        """The terms of a whole sum; the intercept is there unless it is taken away."""
        terms: dict[_Bits, None] = {_INTERCEPT: None}
        for sign, item in node.items if isinstance(node, Sum) else ((1, node),):
            self.add(terms, sign, item, top=True)
        return terms

    def add(self, terms: dict[_Bits, None], sign: int, item: Node, *, top: bool) -> None:
        """Add a term to ``terms``, or take it away; ``top``: not inside a product, so that 1 and 0 may stand here."""
        if isinstance(item, Number) and top:
            present = (item.value == 1.0) == (sign > 0)  # + 1 and − 0 give an intercept; − 1 and + 0 take it away
            if present:
                terms.setdefault(_INTERCEPT)
            else:
                terms.pop(_INTERCEPT, None)
            return
        inside = item.inside if isinstance(item, Paren) else item
        if top and sign > 0 and isinstance(inside, (Sum, Number, Paren)):
            # (x − 1) and (0 + x) inside a sum act on the sum's own intercept, as in R
            for inner_sign, inner in inside.items if isinstance(inside, Sum) else ((1, inside),):
                self.add(terms, inner_sign, inner, top=True)
            return
        for term in self.product(item):
            if sign > 0:
                terms.setdefault(term)
            elif term in terms:
                del terms[term]
            else:
                refuse(self.text, item.at, f"There is no term {show(item)} before this to take away.")
        if len(terms) > MAX_TERMS:
            refuse(self.text, item.at, f"This multiplies out to more than {MAX_TERMS} terms.")

    def product(self, node: Node) -> dict[_Bits, None]:
        """The terms of anything but a bare number."""
        match node:
            case Name() | Call():
                return {frozenset((show(node),)): None}
            case Paren(inside):
                return self.product(inside)
            case Sum(items):
                terms: dict[_Bits, None] = {}
                for sign, item in items:
                    self.add(terms, sign, item, top=False)
                return terms
            case Number(_, _, at):
                refuse(self.text, at, "1 and 0 (the intercept, or none) stand in the sum itself, not inside a product of terms.")
            case Binary(":", left, right):
                return self.cross(self.product(left), self.product(right), node)
            case Binary("*", left, right):
                one, other = self.product(left), self.product(right)
                return one | other | self.cross(one, other, node)
            case Binary("/", left, right):
                one, other = self.product(left), self.product(right)
                whole = frozenset().union(*one)
                return one | self.cross({whole: None}, other, node)
            case Binary("^", left, right):
                base = self.product(left)
                power = base
                for _ in range(int(right.value) - 1 if isinstance(right, Number) else 0):
                    power = power | self.cross(power, base, node)
                return power
        raise AssertionError(node)  # pragma: no cover

    def cross(self, one: dict[_Bits, None], other: dict[_Bits, None], node: Node) -> dict[_Bits, None]:
        if len(one) * len(other) > MAX_TERMS * 10:
            refuse(self.text, node.at, f"This multiplies out to more than {MAX_TERMS} terms.")
        return {a | b: None for a in one for b in other if a or b}


def dummies(terms: Sequence[Term], has_intercept: bool, is_category: Callable[[str], bool]) -> tuple[tuple[bool, ...], ...]:
    """For each term and each of its variables: coded by all levels (True), or by contrasts (False; numbers too).

    R's rule: a category in a term is coded by contrasts if the term without it is contained in an earlier term, or is empty;
    without an intercept, the first category of the first term that has one is coded by all its levels.
    """
    names = [tuple(show(v) for v in term) for term in terms]
    coded: list[list[bool]] = []
    for index, term in enumerate(names):
        row = []
        for name in term:
            rest = set(term) - {name}
            contained = not rest or any(rest <= set(earlier) for earlier in names[:index])
            row.append(is_category(name) and not contained)
        coded.append(row)
    if not has_intercept:
        for index, term in enumerate(names):
            place = next((i for i, name in enumerate(term) if is_category(name)), None)
            if place is not None:
                coded[index][place] = True
                break
    return tuple(tuple(row) for row in coded)

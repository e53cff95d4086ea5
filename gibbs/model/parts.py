"""What the columns of a formula are products of: the parts that are centred each by itself where default priors are stated.

    x, scale(x), I((x - 3)^2), poly(x, 2)1      a polynomial of one atom, x, of some degree
    I(x*z), x:z                                 the parts x and z
    I((x + z)^2)                                a polynomial of several atoms, which no product of theirs is
    log(x), 2^x, a column of bs(x)              itself (log(x) is an atom: I(log(x)^2) is a polynomial of it)
    a dummy of a category                       itself

Trees are read, never evaluated; the values of a part come from :func:`gibbs.model.fixed.numbers`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gibbs.model.arguments import constants
from gibbs.model.fixed import Columns, Variable
from gibbs.model.functions import FUNCTIONS
from gibbs.model.syntax import Binary, Call, Name, Node, Number, Paren, Sum, show

_LINEAR = ("center", "scale", "I", "as.numeric")  # of degree 1 in what is inside


@dataclass(frozen=True)
class Part:
    """One factor of a column.

    key : what tells it apart. atoms, degree : of a polynomial; of anything else its own key, and 1. level : of a category, the level
    behind the dummy; −1 of numbers. which : the column of a variable of several. nodes : the trees whose product times ``times`` is its
    value, each with a power; () where the value is a column of the variable. origin : whether moving the origin of an atom changes it
    (``scale(x)`` knows its own).
    """

    key: str
    variable: str
    atoms: tuple[str, ...]
    degree: int = 1
    polynomial: bool = False
    level: int = -1
    which: int = 0
    nodes: tuple[tuple[Node, int], ...] = field(default=(), repr=False, compare=False)
    times: float = field(default=1.0, compare=False)
    origin: bool = False


def of_variable(text: str, variable: Variable, which: int) -> tuple[Part, ...]:
    """The parts of column ``which`` of a variable: one, but for products written inside ``I()``."""
    node = variable.node
    if variable.is_category:
        return (Part(f"{text}={which}", text, (text,), level=which),)
    if isinstance(node, Call) and FUNCTIONS[node.function].gives == "matrix":
        key = f"{text}{which + 1}"
        if node.function != "poly":
            return (Part(key, text, (key,), which=which),)
        atoms, degree = _polynomial(node.arguments[0][1])
        raw = bool(constants(node).get("raw", False))
        return (Part(key, text, tuple(sorted(atoms)), degree * (which + 1), True, which=which, origin=raw and _origin(node)),)
    times, factors = _factors(node)
    if not factors:  # I(2): a constant
        return (Part(text, text, (text,)),)
    groups: list[tuple[set[str], list[tuple[Node, int, int]]]] = []
    for inner, power in factors:
        atoms, degree = _polynomial(inner)
        if not atoms:  # a constant, such as 2^3: with the first
            atoms, degree = set(groups[0][0]) if groups else {show(inner)}, 0
        mine = (set(atoms), [(inner, power, degree * power)])
        for other in [g for g in groups if g[0] & mine[0]]:
            groups.remove(other)
            mine = (mine[0] | other[0], other[1] + mine[1])
        groups.append(mine)
    if len(groups) == 1:
        atoms, members = groups[0]
        degree = max(sum(d for *_, d in members), 1)
        return (Part(text, text, tuple(sorted(atoms)), degree, True, origin=any(_origin(n) for n, *_ in members)),)
    found = []
    for k, (atoms, members) in enumerate(groups):
        nodes = tuple((n, power) for n, power, _ in members)
        plain = " * ".join(show(n) if power == 1 else f"I({_bare(n)}^{power})" for n, power in nodes)
        own = times if k == 0 else 1.0
        key = plain if own == 1.0 else f"{own!r} * {plain}"
        degree = max(sum(d for *_, d in members), 1)
        origin = any(_origin(n) for n, _ in nodes)
        found.append(Part(key, text, tuple(sorted(atoms)), degree, True, nodes=nodes, times=own, origin=origin))
    return tuple(found)


def of_columns(columns: Columns) -> list[tuple[Part, ...]]:
    """The parts of every column, in the order of the columns; of the intercept none."""
    import itertools

    found: list[tuple[Part, ...]] = [()] if columns.has_intercept else []
    for term, full in zip(columns.terms, columns.all_levels, strict=True):
        choices = []
        for name, everything in zip(term, full, strict=True):
            variable = columns.variables[name]
            choices.append(range(1 if variable.is_category and not everything else 0, len(variable.suffixes)))
        for reverse in itertools.product(*reversed(choices)):
            product: list[Part] = []
            for name, which in zip(term, reversed(reverse), strict=True):
                product += of_variable(name, columns.variables[name], which)
            found.append(_merged(product, columns))
    return found


def _merged(product: list[Part], columns: Columns) -> tuple[Part, ...]:
    """x:I(x^2) is a polynomial of degree 3: parts of the same atoms as one."""
    found: list[Part] = []
    for part in product:
        same = next((k for k, p in enumerate(found) if p.polynomial and part.polynomial and set(p.atoms) & set(part.atoms)), None)
        trees = [p.nodes or _tree(p, columns) for p in ((found[same], part) if same is not None else ())]
        if same is None or not all(trees):
            found.append(part)
            continue
        other = found[same]
        found[same] = Part(
            f"{other.key}:{part.key}",
            part.variable,
            tuple(sorted({*other.atoms, *part.atoms})),
            other.degree + part.degree,
            True,
            nodes=trees[0] + trees[1],
            times=other.times * part.times,
            origin=other.origin or part.origin,
        )
    return tuple(found)


def _tree(part: Part, columns: Columns) -> tuple[tuple[Node, int], ...]:
    variable = columns.variables[part.variable]
    return ((variable.node, 1),) if variable.suffixes == ("",) else ()


def _bare(node: Node) -> str:
    return f"({show(node)})" if isinstance(node, (Sum, Binary)) else show(node)


def _factors(node: Node) -> tuple[float, list[tuple[Node, int]]]:
    """A tree as a number times a product of trees to whole powers."""
    match node:
        case Number(_, value):
            return value, []
        case Paren(inside) | Call("I", ((_, inside),)):
            return _factors(inside)
        case Sum(((sign, item),)):
            times, found = _factors(item)
            return sign * times, found
        case Binary("*", left, right):
            (a, one), (b, other) = _factors(left), _factors(right)
            return a * b, one + other
        case Binary("/", left, right):
            (a, one), (b, other) = _factors(left), _factors(right)
            if b == 0.0:
                return 1.0, [(node, 1)]
            return a / b, one + [(Binary("/", Number("1", 1.0, 0), n, 0), power) for n, power in other]
        case Binary("^", base, Number(_, value)) if value.is_integer() and 1 <= value <= 64:
            times, found = _factors(base)
            return times ** int(value), [(n, power * int(value)) for n, power in found]
    return 1.0, [(node, 1)]


def _polynomial(node: Node) -> tuple[set[str], int]:
    """The atoms that a tree is a polynomial of, and its degree; what is no polynomial of anything is an atom. ∅, 0: a constant."""
    match node:
        case Number():
            return set(), 0
        case Name(text):
            return {text}, 1
        case Paren(inside):
            return _polynomial(inside)
        case Sum(items):
            found = [_polynomial(item) for _, item in items]
            return set().union(*(atoms for atoms, _ in found)), max(degree for _, degree in found)
        case Binary("*", left, right):
            (one, a), (other, b) = _polynomial(left), _polynomial(right)
            return one | other, a + b
        case Binary("/", left, right) if not _polynomial(right)[0]:
            return _polynomial(left)
        case Binary("^", base, Number(_, value)) if value.is_integer() and 1 <= value <= 64:
            atoms, degree = _polynomial(base)
            return atoms, degree * int(value)
        case Call(function, arguments) if function in _LINEAR:
            return _polynomial(arguments[0][1])
        case Call(_, arguments) if not _polynomial(arguments[0][1])[0]:
            return set(), 0
    return {show(node)}, 1


def _origin(node: Node) -> bool:
    """Whether a polynomial changes its meaning when an atom's origin moves: not inside ``scale`` and ``center``, which move along."""
    match node:
        case Name():
            return True
        case Number():
            return False
        case Paren(inside):
            return _origin(inside)
        case Sum(items):
            return any(_origin(item) for _, item in items)
        case Binary(_, left, right):
            return _origin(left) or _origin(right)
        case Call("scale", arguments):
            return not constants(node).get("center", True) and _origin(arguments[0][1])
        case Call("center", _):
            return False
        case Call("I" | "as.numeric" | "poly", arguments):
            return _origin(arguments[0][1])
    return True

"""lme4 formulas: what the words mean. ``parse`` gives the fixed part and the random terms, or one error with a caret.

    y ~ x * z + offset(o) + (1 + x | g) + (0 + z || h) + (1 | a/b) + (1 | gr(k, dist = "student", by = z))

gr() is that of brms: Student-t effects of the levels of k, and a covariance of its own for the levels of each value of z.
``rw1(year)``, ``(1 + x | icar(county, graph = "borders.csv"))`` … are effects whose levels know their neighbours
(:mod:`gibbs.model.structured_terms`).
A formula is not Python. It names columns, joins them by ``+ - * : / ^``, and may call the functions of
:data:`gibbs.model.functions.FUNCTIONS`; everything else is refused here, before any data are seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NoReturn

from gibbs.errors import FormulaError, nearest
from gibbs.model import structured_terms, syntax, weights
from gibbs.model.arguments import constants
from gibbs.model.functions import FUNCTIONS, KNOWN_ELSEWHERE
from gibbs.model.laws import DISTRIBUTIONS
from gibbs.model.structures import GIVEN
from gibbs.model.syntax import Binary, Call, Name, Node, Number, Paren, Sum, Text, show
from gibbs.model.terms import expand


@dataclass(frozen=True)
class RandomTerm:
    """``(columns | group)``. ``(1 | a/b)`` has become two of these, with the groups ("a",) and ("a", "b").

    ``(1 | gr(g, dist = "student", by = z))``: Student-t effects, with a covariance of its own for the levels of each value of z.
    ``(1 | gr(g, pw = w))``: levels sampled with probabilities proportional to 1/w.
    """

    columns: str  # as R prints it: "1 + x", "0 + x", "x"
    has_intercept: bool
    correlated: bool  # False for ``||``
    group: tuple[str, ...]  # ("a",), or ("a", "b") for a:b
    tree: Node = field(repr=False, compare=False)
    at: int = field(default=0, repr=False, compare=False)  # place of the bar in the text
    dist: str = "normal"  # of the effects: normal or student
    by: str = ""  # a column
    pw: str = ""  # a column: sampling weights of the levels
    structure: str = ""  # what the levels know of each other: a kind of ``structures.KINDS``; "" where they are exchangeable
    options: tuple[tuple[str, str], ...] = ()  # what it is told: (("graph", "borders.csv"),)

    @property
    def factor(self) -> str:
        """The name of the grouping factor: "g", "a:b", or "a+b" of mm(a, b)."""
        return "+".join([":".join(self.group), *structured_terms.members(self)])

    @property
    def identity(self) -> frozenset[str]:
        """As ``Grouping.identity``: terms that share it are of one factor."""
        several = structured_terms.members(self)
        return frozenset([*self.group, *several, *([" + "] if several else [])])

    def __str__(self) -> str:
        group = ":".join(syntax.quoted(g) for g in self.group)
        further = [f"{key} = {syntax.quoted(name)}" for key, name in (("by", self.by), ("pw", self.pw)) if name]
        further += [f'dist = "{self.dist}"'] * (self.dist != "normal")
        if self.structure:
            group = structured_terms.written(group, self.structure, self.options)
        elif further:
            group = f"gr({', '.join([group, *further])})"
        return f"({self.columns} {'|' if self.correlated else '||'} {group})"


@dataclass(frozen=True)
class Formula:
    """One formula, taken apart. ``str(formula)`` is the formula in a normal spelling that parses to the same."""

    text: str = field(compare=False)  # as typed
    outcome: str
    known_se: str | None  # the expression s of ``y | se(s)``
    fixed: str  # "1", "indigenous * illiteracy", "0 + x"
    offsets: tuple[str, ...]
    random: tuple[RandomTerm, ...]
    outcome_tree: Node = field(repr=False, compare=False)
    known_se_tree: Node | None = field(repr=False, compare=False)
    fixed_tree: Node = field(repr=False, compare=False)
    offset_trees: tuple[Node, ...] = field(repr=False, compare=False)
    failures: str | None = None  # f of ``cbind(s, f)``; the outcome is then s
    trials: str | None = None  # n of ``s | trials(n)``
    weights: str | None = None  # n of ``share | weights(n)``: binomial, a share of n trials
    frequency: str | None = None  # w of ``y | weights(w, type = "frequency")``: the row stands for w equal ones
    precision: str | None = None  # w of ``y | weights(w, type = "precision")``: its residual variance is sigma²/w
    sampling: str | None = None  # w of ``y | weights(w, type = "sampling")``: sampled with a probability proportional to 1/w
    sampling_scale: str = ""  # of ``weights(w, type = "sampling", scale = "effective")``; "" where it does not say
    extra_trees: dict[str, Node] = field(default_factory=dict, repr=False, compare=False)  # the trees of these six, where given

    @property
    def has_trials(self) -> bool:
        """The outcome is a number of successes of a number of trials."""
        return not (self.failures is None and self.trials is None and self.weights is None)

    def __str__(self) -> str:
        extra = [f"{word}({text})" for word, text in self._extras() if text is not None]
        of_type = (("frequency", self.frequency), ("precision", self.precision))
        extra += [f'weights({text}, type = "{kind}")' for kind, text in of_type if text is not None]
        if self.sampling is not None:
            scale = f', scale = "{self.sampling_scale}"' if self.sampling_scale else ""
            extra.append(f'weights({self.sampling}, type = "sampling"{scale})')
        left = self.outcome if self.failures is None else f"cbind({self.outcome}, {self.failures})"
        left = f"{left} | {' + '.join(extra)}" if extra else left
        offsets = (f"offset({o})" for o in self.offsets)
        return f"{left} ~ {' + '.join([self.fixed, *offsets, *map(str, self.random)])}"

    def _extras(self) -> tuple[tuple[str, str | None], ...]:
        return ("se", self.known_se), ("trials", self.trials), ("weights", self.weights)


def variables(formula: Formula) -> tuple[str, ...]:
    """Every column of the data the formula needs, in the order of their first appearance."""
    found: dict[str, None] = {}
    trees = [formula.outcome_tree, *formula.extra_trees.values(), formula.known_se_tree, formula.fixed_tree, *formula.offset_trees]
    for tree in trees:
        if tree is not None:
            found.update(dict.fromkeys(syntax.names(tree)))
    for term in formula.random:
        found.update(dict.fromkeys(syntax.names(term.tree)))
        found.update(dict.fromkeys((*term.group, *structured_terms.further_columns(term))))
        found.update(dict.fromkeys(filter(None, (term.by, term.pw))))
    return tuple(found)


@lru_cache(maxsize=64)
def parse(text: str) -> Formula:
    """Take a formula apart; the same text once.

    Raises FormulaError, with the formula and a caret under the place, for anything that is not a formula of a model
    this package knows.
    """
    return _Reader(str(text).strip()).formula()


_ADDITIONS = (
    "after the bar on the left of '~' stands se(s), the known standard error of each row: y | se(s) ~ …; trials(n), the number of "
    'trials: s | trials(n) ~ …; weights(n), the trials behind a share; weights(w, type = "frequency"), rows that stand for w equal ones; '
    'weights(w, type = "precision"), rows of residual variance sigma²/w; or weights(w, type = "sampling"), weights of a survey'
)
_GR = '(1 | gr(g, by = z)), (1 | gr(g, dist = "student")), (1 | gr(g, pw = w)), (1 | gr(g, cov = "A.csv")).'
_IN_GR = ("by", "dist", "pw", *GIVEN, "cor")
_ELSEWHERE_IN_GR = {"id": "gr(id = …), effects correlated across formulas, is not available: there is one formula."}
_ONE_EXPRESSION = {
    "se": "the standard error of each row; the residual sd is then not estimated",
    "trials": "the number of trials: a column, or one whole number for all rows",
    "weights": "the number of trials behind each share",
}


def with_weights(formula: Formula, expression: str, kind: str = "frequency") -> Formula:
    """The formula with the weights that the spec's key ``weights:`` names, of type frequency, precision or sampling.

    Raises FormulaError where the expression is no column or arithmetic on columns, or the formula has such weights of its own.
    """
    if (there := getattr(formula, kind)) is not None:
        raise FormulaError(f"the formula has weights({there}) already; keep one.")
    reader = _Reader(expression)
    reader.arithmetic(reader.root)
    if not any(True for _ in syntax.names(reader.root)):
        raise FormulaError(f"'{expression}' names no column.")
    return replace(formula, **{kind: show(reader.root)}, extra_trees={**formula.extra_trees, kind: reader.root})


def with_effects(formula: Formula, effects: Mapping[str, Mapping[str, str]]) -> Formula:
    """The formula with what the spec's key ``effects:`` says of grouping factors: ``{g: {dist: student, by: z}}``, as gr() would.

    Raises FormulaError for a factor that the formula does not have, or that says something else there.
    """
    factors = {term.factor: None for term in formula.random}
    for name, words in effects.items():
        if bare(name) not in map(bare, factors):
            there = f"the grouping factors are {', '.join(factors)}" if factors else "the formula has none"
            raise FormulaError(f"there is no grouping factor '{name}'; {there}.{nearest(name, factors)}")
        if "dist" in words and words["dist"] not in DISTRIBUTIONS:
            raise FormulaError(f"{name}: {no_distribution(words['dist'])}")
    changed = []
    for term in formula.random:
        words = next((w for name, w in effects.items() if bare(name) == bare(term.factor)), {})
        for key, plain in (("dist", "normal"), ("by", ""), ("pw", "")):
            if key in words and getattr(term, key) not in (plain, words[key]):
                raise FormulaError(f"{term.factor}: {key} is '{words[key]}' here and '{getattr(term, key)}' in the formula; keep one.")
        try:
            structure = structured_terms.from_words(words)
        except ValueError as error:
            raise FormulaError(f"{term.factor}: {error}") from None
        if structure and term.structure and (term.structure, term.options) != (structure["structure"], structure["options"]):
            raise FormulaError(f"{term.factor}: the formula says {term} already; keep one.")
        if structured_terms.needs_no_slope(structure.get("structure", ""), term.columns):
            raise FormulaError(f"{term.factor}: {structured_terms.NO_SLOPE}")
        changed.append(replace(term, **{key: words[key] for key in ("dist", "by", "pw") if key in words}, **structure))
    fixed = _with_straight_lines(formula.fixed_tree, formula.text, changed)
    return replace(formula, random=tuple(changed), fixed=show(fixed), fixed_tree=fixed)


def _with_straight_lines(fixed: Node, text: str, random: Sequence[RandomTerm]) -> Node:
    """The fixed part with x for every s(x) in ``random``."""
    _, terms = expand(fixed, text)
    return structured_terms.with_straight_lines(fixed, [t[0].text for t in terms if len(t) == 1 and isinstance(t[0], Name)], random)


def no_distribution(word: str) -> str:
    heavier = word in ("student_t", "t", "T", "cauchy")
    hint = " For effects with heavier tails than normal, write student." if heavier else nearest(word, DISTRIBUTIONS)
    return f"dist is normal or student; found '{word}'.{hint}"


def bare(name: str) -> str:
    """A name without its spaces, as names are compared."""
    return "".join(name.split())


class _Reader:
    """The meaning of one formula's tree; keeps the text, so that every refusal can point into it."""

    def __init__(self, text: str) -> None:
        self.text, self.sampling_scale = text, ""
        self.root = syntax.tree(text)

    def refuse(self, at: int, message: str) -> NoReturn:
        syntax.refuse(self.text, at, message)

    def formula(self) -> Formula:
        root = self.root
        if not (isinstance(root, Binary) and root.operator == "~"):
            if isinstance(root, Sum) and len(root.items) == 1 and isinstance(root.items[0][1], Binary):
                self.refuse(root.at, "A sign before the outcome has no meaning.")
            self.refuse(len(self.text), "There is no '~' here; a formula reads like: y ~ x + (1 | group)")
        if isinstance(root.left, Binary) and root.left.operator == "~":
            self.refuse(root.at, "A formula has one '~'.")
        outcome, known_se, extra = self.left(root.left)
        fixed, offsets, random = self.right(root.right)
        fixed = _with_straight_lines(fixed, self.text, random)  # refuses what cannot be multiplied out
        fixed_names = set(syntax.names(fixed))
        if isinstance(outcome, Name) and outcome.text in fixed_names:
            at = next(n.at for n in _name_nodes(fixed) if n.text == outcome.text)
            self.refuse(at, f"The outcome '{outcome.text}' cannot be one of its own predictors.")
        return Formula(
            text=self.text,
            outcome=show(outcome),
            known_se=None if known_se is None else show(known_se),
            fixed=show(fixed),
            offsets=tuple(show(o) for o in offsets),
            random=tuple(random),
            outcome_tree=outcome,
            known_se_tree=known_se,
            fixed_tree=fixed,
            offset_trees=tuple(offsets),
            extra_trees=extra,
            sampling_scale=self.sampling_scale,
            **{word: show(tree) for word, tree in extra.items()},
        )

    # ------------------------------------------------------------------------------------------------------ left side

    def left(self, node: Node) -> tuple[Node, Node | None, dict[str, Node]]:
        """The outcome, the s of ``y | se(s)``, and the trees of cbind's failures, trials(), weights() by their type."""
        if isinstance(node, Sum) and len(node.items) == 1 and node.at == 0:
            self.refuse(0, "A sign before the outcome has no meaning; write I(-y) if that is meant.")
        extra: dict[str, Node] = {}
        if isinstance(node, Binary) and node.operator in ("|", "||"):
            extra = self.additions(node)
            node = node.left
        known_se = extra.pop("se", None)
        if isinstance(node, Call) and node.function == "cbind":
            if len(node.arguments) != 2 or any(word is not None for word, _ in node.arguments):
                self.refuse(node.at, "cbind() takes two columns, the successes and the failures: cbind(s, f) ~ …")
            if "trials" in extra or "weights" in extra:
                self.refuse(node.at, "cbind(successes, failures) says the number of trials already.")
            extra["failures"] = node.arguments[1][1]
            self.arithmetic(extra["failures"])
            node = node.arguments[0][1]
        if isinstance(node, Call) and node.function in FUNCTIONS and FUNCTIONS[node.function].gives == "category":
            self.call(node)
            return node, known_se, extra  # categories, of a binary or ordinal family
        if isinstance(node, Number):
            self.refuse(node.at, "The outcome is a column, not a number.")
        self.arithmetic(node)
        if not any(True for _ in syntax.names(node)):
            self.refuse(0, "The outcome names no column.")
        return node, known_se, extra

    def additions(self, node: Binary) -> dict[str, Node]:
        """What stands after the bar on the left, joined by +: se(s), trials(n), weights(n), and frequency, weights of that type."""
        items = node.right.items if isinstance(node.right, Sum) else ((1, node.right),)
        found: dict[str, Node] = {}
        for sign, call in items:
            if node.operator == "||" or sign < 0 or not isinstance(call, Call):
                self.refuse(node.at, _ADDITIONS[0].upper() + _ADDITIONS[1:])
            if call.function not in _ONE_EXPRESSION:
                self.refuse(call.at, KNOWN_ELSEWHERE.get(call.function, f"{call.function}() is not known here; {_ADDITIONS}"))
            word = self.kind_of_weights(call) if call.function == "weights" else call.function
            if not call.arguments or call.arguments[0][0] is not None or (word not in weights.TYPES and len(call.arguments) > 1):
                self.refuse(call.at, f"{call.function}() takes one expression, {_ONE_EXPRESSION[call.function]}.")
            if word in found:
                self.refuse(call.at, f"{call.function}() {f'of type {word} ' if word in weights.TYPES else ''}stands here twice.")
            inside = call.arguments[0][1]
            self.arithmetic(inside)
            found[word] = inside
        if "trials" in found and "weights" in found:
            self.refuse(
                node.at,
                "trials(n) goes with a number of successes, weights(n) with their share; keep one "
                '(weights(w, type = "frequency") for rows that stand for w equal ones).',
            )
        if "se" in found and ("trials" in found or "weights" in found):
            self.refuse(node.at, "se(s) is of a gaussian outcome; there is no standard error to know beside a number of trials.")
        return found

    def kind_of_weights(self, call: Call) -> str:
        """``weights(n)`` is a number of trials; with a type it is of rows; a type that is not in ``weights.TYPES`` is refused."""
        types = [value for word, value in call.arguments[1:] if word == "type"]
        scales = [value for word, value in call.arguments[1:] if word == "scale"]
        if len(types) + len(scales) != len(call.arguments[1:]) or len(types) > 1 or len(scales) > 1 or len(scales) > len(types):
            self.refuse(
                call.at,
                'weights() takes a column and its type: weights(w, type = "frequency"), weights(w, type = "precision"), '
                'weights(w, type = "sampling", scale = "size").',
            )
        if not types:
            return "weights"
        kind, scale = (value.text if isinstance(value, Name) else show(value) for value in (types[0], (scales or types)[0]))
        if problem := weights.problem(kind):
            self.refuse(types[0].at, problem)
        if scales and weights.kind_of(kind) != "sampling":
            self.refuse(scales[0].at, "scale is of sampling weights alone.")
        if scales and scale not in weights.SCALES:
            self.refuse(scales[0].at, f"scale is {', '.join(weights.SCALES)}; found '{scale}'.{nearest(scale, weights.SCALES)}")
        self.sampling_scale = scale if scales else ""
        return weights.kind_of(kind)

    # ----------------------------------------------------------------------------------------------------- right side

    def right(self, node: Node) -> tuple[Node, list[Node], list[RandomTerm]]:
        """Fixed part, offsets, random terms."""
        if isinstance(node, Binary) and node.operator in ("|", "||"):
            self.forgotten_parentheses(node)
        fixed: list[tuple[int, Node]] = []
        offsets: list[Node] = []
        random: list[RandomTerm] = []
        for sign, item in node.items if isinstance(node, Sum) else ((1, node),):
            inside = item
            while isinstance(inside, Paren) and isinstance(inside.inside, Paren):  # ((1 | g))
                inside = inside.inside
            if isinstance(inside, Paren) and isinstance(inside.inside, Binary) and inside.inside.operator in ("|", "||"):
                if sign < 0:
                    self.refuse(inside.at, "A random term can be added, not taken away.")
                random.extend(self.random(inside.inside))
            elif structured_terms.is_structured(item):
                if sign < 0:
                    self.refuse(item.at, "A random term can be added, not taken away.")
                one = Number("1", 1.0, item.at)
                random.extend(self.random(Binary("|", one, item, item.at)))
            elif isinstance(item, Call) and item.function == "offset":
                if sign < 0:
                    self.refuse(item.at, "An offset can be added, not taken away; write offset(-x).")
                if len(item.arguments) != 1 or item.arguments[0][0] is not None:
                    self.refuse(item.at, "offset() takes one expression.")
                self.arithmetic(item.arguments[0][1])
                offsets.append(item.arguments[0][1])
            else:
                self.terms(item)
                fixed.append((sign, item))
        if not fixed:
            return Number("1", 1.0, 0), offsets, random
        tree: Node = fixed[0][1] if len(fixed) == 1 and fixed[0][0] > 0 else Sum(tuple(fixed), 0)
        return tree, offsets, random

    def forgotten_parentheses(self, node: Binary) -> NoReturn:
        bar, group = node.operator, show(node.right)
        before = node.left.items if isinstance(node.left, Sum) else ((1, node.left),)
        kept = Sum(before[:-1], 0) if len(before) > 1 else None
        last = show(before[-1][1])
        suggestion = f"{show(kept)} + ({last} {bar} {group})" if kept is not None else f"({last} {bar} {group})"
        outcome = show(self.root.left) if isinstance(self.root, Binary) else "y"
        self.refuse(node.at, f"A random term stands in parentheses. Perhaps you mean: {outcome} ~ {suggestion}")

    def random(self, node: Binary) -> list[RandomTerm]:
        if isinstance(node.left, Binary) and node.left.operator in ("|", "||"):
            self.refuse(node.at, "A random term has one bar: (columns | group).")
        self.terms(node.left)
        has_intercept, terms = expand(node.left, self.text)
        if not has_intercept and not terms:
            self.refuse(node.at, "There is no column before this bar.")
        right, correlated, further = node.right, node.operator == "|", {}
        while isinstance(right, Paren):
            right = right.inside
        if isinstance(right, Call) and right.function == "gr":
            right, correlated, further = self.gr(right, correlated)
        elif structured_terms.is_structured(right):
            right, further = structured_terms.of_call(right, self.refuse)
            if isinstance(right, Binary) and right.operator == "/":
                self.refuse(right.at, f"{further['structure']}() takes one grouping factor.")
            if structured_terms.needs_no_slope(further["structure"], show(node.left)):
                self.refuse(node.at, structured_terms.NO_SLOPE)
        return [
            RandomTerm(show(node.left), has_intercept, correlated, group, node.left, node.at, **further) for group in self.groups(right)
        ]

    def gr(self, call: Call, correlated: bool) -> tuple[Node, bool, dict[str, Any]]:
        """``gr(g, dist = "student", by = z, pw = w, cor = FALSE)`` of brms: the group, whether columns are correlated; dist, by and pw."""
        if not call.arguments or call.arguments[0][0] is not None:
            self.refuse(call.at, f"gr() begins with the grouping factor: {_GR}")
        further: dict[str, Any] = {}
        for keyword, value in call.arguments[1:]:
            if keyword in GIVEN:
                if "structure" in further:
                    self.refuse(value.at, f"gr() says {further['structure']} and {keyword}; one says what levels know of each other.")
                further |= {"structure": keyword, "options": ((keyword, structured_terms.option(keyword, value, self.refuse)),)}
                continue
            word = value.text if isinstance(value, Name) else show(value)
            if keyword not in _IN_GR:
                said = f"gr() takes {', '.join(_IN_GR[:-1])} and cor by name: {_GR}{nearest(keyword or '', _IN_GR)}"
                self.refuse(value.at, _ELSEWHERE_IN_GR.get(keyword or "", said))
            if keyword in further:
                self.refuse(value.at, f"gr() says {keyword} twice.")
            if keyword == "cor":
                if word not in ("TRUE", "FALSE", "T", "F"):
                    self.refuse(value.at, "cor is TRUE, or FALSE for columns that are independent (as ||).")
                correlated = correlated and word[0] == "T"
                continue
            if keyword == "dist":
                word = "normal" if word == "gaussian" else word
                if word not in DISTRIBUTIONS:
                    self.refuse(value.at, no_distribution(word))
            elif not isinstance(value, Name):
                self.refuse(value.at, f"{keyword} is a column, with one value in all rows of a level.")
            else:
                self.column(value)
            further[keyword] = word
        group = call.arguments[0][1]
        if isinstance(group, Binary) and group.operator == "/":
            self.refuse(group.at, "gr() takes one grouping factor: write (1 | gr(a, …)) + (1 | gr(a:b, …)) for a/b.")
        return group, correlated, further

    def groups(self, node: Node) -> list[tuple[str, ...]]:
        """``a`` → [(a)], ``a:b`` → [(a, b)], ``a/b/c`` → [(a), (a, b), (a, b, c)]."""
        match node:
            case Name(name):
                self.column(node)
                return [(name,)]
            case Paren(inside):
                return self.groups(inside)
            case Call(function, arguments, at):
                if function in ("factor", "as.factor", "C") and len(arguments) == 1 and isinstance(arguments[0][1], Name):
                    return self.groups(arguments[0][1])
                if function == "interaction" and arguments and all(k is None and isinstance(a, Name) for k, a in arguments):
                    return [tuple(a.text for _, a in arguments if isinstance(a, Name))]
                if function == "gr":
                    self.refuse(at, f"gr() stands alone after the bar: {_GR}")
                if structured_terms.is_structured(node):
                    self.refuse(at, f"{function}() stands alone after the bar: {structured_terms.EXAMPLES[function]}.")
                self.refuse(at, KNOWN_ELSEWHERE.get(function, "A grouping factor is a column, or columns joined by : or /."))
            case Binary(":", left, right, at):
                one, other = self.groups(left), self.groups(right)
                if len(one) > 1 or len(other) > 1:
                    self.refuse(at, "':' joins single columns; a/b stands alone.")
                return [self.joined(one[0], other[0], at)]
            case Binary("/", left, right, at):
                outer, inner = self.groups(left), self.groups(right)
                return outer + [self.joined(outer[-1], one, at) for one in inner]
            case Sum(_, at):
                self.refuse(at, "Several grouping factors are several terms: (1 | a) + (1 | b).")
            case Binary("*", left, right, at):
                a, b = show(left), show(right)
                self.refuse(at, f"Crossed grouping factors are several terms: (1 | {a}) + (1 | {b}) + (1 | {a}:{b}).")
            case Binary(_, _, _, at) | Number(_, _, at):
                self.refuse(at, "A grouping factor is a column, or columns joined by : or /.")
        raise AssertionError(node)  # pragma: no cover

    def joined(self, one: tuple[str, ...], other: tuple[str, ...], at: int) -> tuple[str, ...]:
        both = one + other
        if len(set(both)) < len(both):
            self.refuse(at, "A grouping factor is joined with itself here.")
        return both

    # ------------------------------------------------------------------------------------------- what may stand where

    def column(self, node: Name) -> None:
        if node.text == ".":
            self.refuse(node.at, "'.' (all other columns) is not available: name the predictors.")
        if node.text in ("TRUE", "FALSE"):
            self.refuse(node.at, f"{node.text} is not a column.")

    def terms(self, node: Node) -> None:
        """Refuse what cannot be a sum of terms."""
        match node:
            case Name():
                self.column(node)
            case Number(_, value, at):
                if value not in (0.0, 1.0):
                    self.refuse(at, "Of numbers only 1 (the intercept) and 0 (none) can be terms; a constant predictor has no meaning.")
            case Paren(inside):
                self.terms(inside)
            case Sum(items):
                for _, item in items:
                    self.terms(item)
            case Call():
                self.call(node)
            case Binary("|" | "||", _, _, at):
                self.refuse(at, "A random term can only be added: … + (1 | group)")
            case Binary("~", _, _, at):
                self.refuse(at, "A formula has one '~'.")
            case Binary("^", left, right, at):
                if not isinstance(left, Paren):
                    self.refuse(at, f"Outside I() a power is of a sum of terms, (a + b)^2; the square of a column is I({show(node)}).")
                power = right.value if isinstance(right, Number) else 0.0
                if power != int(power) or not 1 <= power <= 10:
                    self.refuse(right.at, "The power of a sum of terms is a whole number from 1 to 10.")
                self.terms(left)
            case Binary(operator, left, right, at):
                for side in (left, right):
                    if isinstance(side, (Number, Sum)):
                        self.refuse(at, f"'{operator}' joins terms here; arithmetic stands in I(): I({show(node)}).")
                    self.terms(side)

    def call(self, node: Call) -> None:
        """A call in the place of a term."""
        function = FUNCTIONS.get(node.function)
        if node.function == "offset":
            self.refuse(node.at, "An offset can only be added: … + offset(x)")
        if function is None:
            self.unknown(node)
        if not node.arguments or node.arguments[0][0] is not None:
            self.refuse(node.at, f"{node.function}() needs a column first.")
        if function.gives == "category":
            inside = node.arguments[0][1]
            if isinstance(inside, Call) and inside.function in FUNCTIONS and FUNCTIONS[inside.function].gives == "category":
                self.call(inside)  # relevel(factor(x), "b")
            elif isinstance(inside, Name):
                self.column(inside)
            else:
                self.refuse(inside.at, f"{node.function}() takes the name of a column.")
            if node.function == "relevel" and len(node.arguments) == 1:
                self.refuse(node.at, 'relevel() takes a column and its base: relevel(x, "a").')
        else:
            self.arithmetic(node.arguments[0][1])
        self.constants(node)

    def unknown(self, node: Call) -> NoReturn:
        hint = KNOWN_ELSEWHERE.get(node.function)
        if hint is None:
            allowed = [*FUNCTIONS, "offset"]
            terms = structured_terms.CALLS
            hint = f"A formula cannot call '{node.function}'.{nearest(node.function, [*allowed, *terms])} It may call: {', '.join(allowed)}"
            hint += f"; and, as terms of their own, {', '.join(terms)}."
        self.refuse(node.at, hint)

    def constants(self, node: Call) -> None:
        try:
            constants(node)
        except FormulaError as error:
            self.refuse(node.at, error.message)

    def arithmetic(self, node: Node) -> None:
        """Refuse what is not arithmetic on columns: the inside of I(), of a function, of offset(), and the outcome."""
        match node:
            case Name():
                self.column(node)
            case Number():
                pass
            case Text(_, at):
                self.refuse(at, "Text in quotes is no number, and no column; a column is written without quotes, or in backticks.")
            case Paren(inside):
                self.arithmetic(inside)
            case Sum(items):
                for _, item in items:
                    self.arithmetic(item)
            case Call(name, _, at):
                function = FUNCTIONS.get(name)
                if function is None:
                    self.unknown(node)
                if function.gives != "number":
                    self.refuse(
                        at, f"{name}() gives {'categories' if function.gives == 'category' else 'several columns'}: not a number here."
                    )
                self.call(node)
            case Binary("^" | "*" | "/", left, right):
                self.arithmetic(left)
                self.arithmetic(right)
            case Binary(operator, _, _, at):
                self.refuse(at, f"'{operator}' has no meaning inside arithmetic.")


def _name_nodes(node: Node) -> list[Name]:
    match node:
        case Name():
            return [node]
        case Paren(inside):
            return _name_nodes(inside)
        case Call(_, arguments):
            return [n for _, a in arguments[:1] for n in _name_nodes(a)]
        case Sum(items):
            return [n for _, item in items for n in _name_nodes(item)]
        case Binary(_, left, right):
            return [*_name_nodes(left), *_name_nodes(right)]
    return []

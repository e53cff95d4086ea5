"""The algebra of terms against R's: expected values are R's ``attr(terms(f), "term.labels")`` and the columns of ``model.matrix``."""

from __future__ import annotations

import pytest

from gibbs.errors import FormulaError
from gibbs.model.formula import parse
from gibbs.model.syntax import show
from gibbs.model.terms import dummies, expand


def labels(right: str) -> tuple[bool, list[str]]:
    read = parse(f"y ~ {right}")
    has_intercept, terms = expand(read.fixed_tree, read.text)
    return has_intercept, [":".join(show(v) for v in term) for term in terms]


@pytest.mark.parametrize(
    ("right", "expected"),
    [
        ("1", []),
        ("a + b", ["a", "b"]),
        ("a * b", ["a", "b", "a:b"]),
        ("indigenous + illiteracy + illiteracy:indigenous", ["indigenous", "illiteracy", "indigenous:illiteracy"]),
        ("b:a + a", ["a", "b:a"]),
        ("a:b + b + a", ["b", "a", "a:b"]),
        ("a/b", ["a", "a:b"]),
        ("a/b/c", ["a", "a:b", "a:b:c"]),
        ("(a + b)/c", ["a", "b", "a:b:c"]),
        ("(a + b)^2", ["a", "b", "a:b"]),
        ("(a + b + c)^2", ["a", "b", "c", "a:b", "a:c", "b:c"]),
        ("(a + b + c)^3", ["a", "b", "c", "a:b", "a:c", "b:c", "a:b:c"]),
        ("a * b * c", ["a", "b", "c", "a:b", "a:c", "b:c", "a:b:c"]),
        ("(a + b + c)^2 - a:b", ["a", "b", "c", "a:c", "b:c"]),
        ("a * b - a", ["b", "a:b"]),
        ("a + a + a:a", ["a"]),
        ("a:b:c + a + b:c", ["a", "b:c", "a:b:c"]),
        ("(a + b):c", ["a:c", "b:c"]),
        ("a + I(a^2) + poly(b, 2) * c", ["a", "I(a^2)", "poly(b, 2)", "c", "poly(b, 2):c"]),
    ],
)
def test_multiplied_out_as_in_r(right: str, expected: list[str]) -> None:
    assert labels(right) == (True, expected)


@pytest.mark.parametrize(
    ("right", "intercept"),
    [("a - 1", False), ("0 + a", False), ("a + 0", False), ("-1 + a", False), ("a - 1 + 1", True), ("a - 0", True), ("(a - 1)", False)],
)
def test_the_intercept_comes_and_goes(right: str, intercept: bool) -> None:
    assert labels(right) == (intercept, ["a"])


@pytest.mark.parametrize(
    ("right", "categories", "expected"),
    [
        # model.matrix(~ f): contrasts; (~ 0 + f): all levels
        ("f", "f", ((False,),)),
        ("0 + f", "f", ((True,),)),
        # ~ 0 + f + h: only the first category has all its levels
        ("0 + f + h", "fh", ((True,), (False,))),
        ("0 + x + f", "f", ((False,), (True,))),
        # ~ f * h
        ("f * h", "fh", ((False,), (False,), (False, False))),
        # ~ f:h without main effects: all levels of both (R drops one column when fitting)
        ("f:h", "fh", ((True, True),)),
        # ~ f + f:h: h within each level of f
        ("f + f:h", "fh", ((False,), (True, False))),
        # ~ x:f: a slope for each level; ~ x + x:f: differences of slopes; ~ f + f:x: a slope for each level
        ("x:f", "f", ((False, True),)),
        ("x + x:f", "f", ((False,), (False, False))),
        ("f + f:x", "f", ((False,), (True, False))),
    ],
)
def test_where_r_codes_all_levels(right: str, categories: str, expected: tuple[tuple[bool, ...], ...]) -> None:
    read = parse(f"y ~ {right}")
    has_intercept, terms = expand(read.fixed_tree, read.text)
    assert dummies(terms, has_intercept, lambda name: name in categories) == expected


def test_taking_away_what_is_not_there_is_refused() -> None:
    with pytest.raises(FormulaError, match="no term b"):
        labels("a - b")

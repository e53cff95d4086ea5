"""Formulas as people type them: what each means is taken from R's documentation (?formula, ?lme4::lmer) and the course deck."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gibbs.errors import FormulaError
from gibbs.model import formula
from gibbs.model.formula import parse, variables


def random_terms(text: str) -> list[tuple[str, bool, bool, str]]:
    """(columns, has an intercept, correlated, factor) of each random term."""
    return [(r.columns, r.has_intercept, r.correlated, r.factor) for r in parse(text).random]


@pytest.mark.parametrize(
    ("text", "fixed", "random"),
    [
        ("president.approval~1+(1|province)", "1", [("1", True, True, "province")]),
        ("president.approval~indigenous+(1|province)", "indigenous", [("1", True, True, "province")]),
        ("president.approval~illiteracy+indigenous+(1|province)", "illiteracy + indigenous", [("1", True, True, "province")]),
        ("president.approval~indigenous+(1+indigenous|province)", "indigenous", [("1 + indigenous", True, True, "province")]),
        (
            "president.approval~indigenous+illiteracy+illiteracy:indigenous+(1+indigenous|province)",
            "indigenous + illiteracy + illiteracy:indigenous",
            [("1 + indigenous", True, True, "province")],
        ),
        ("y~(indigenous-1|province)", "1", [("indigenous - 1", False, True, "province")]),
        ("y~x+(0+x|g)", "x", [("0 + x", False, True, "g")]),
        ("y~x+(-1+x|g)", "x", [("-1 + x", False, True, "g")]),
        ("y~age+(1|province)+(1|ethnicity)", "age", [("1", True, True, "province"), ("1", True, True, "ethnicity")]),
        ("y~(x|g)", "1", [("x", True, True, "g")]),
        ("y~(x||g)", "1", [("x", True, False, "g")]),
        ("y~(1|a/b)", "1", [("1", True, True, "a"), ("1", True, True, "a:b")]),
        ("y~(1|a/b/c)", "1", [("1", True, True, "a"), ("1", True, True, "a:b"), ("1", True, True, "a:b:c")]),
        ("y~(1|a:b)", "1", [("1", True, True, "a:b")]),
        ("y~(1+x|a/b)", "1", [("1 + x", True, True, "a"), ("1 + x", True, True, "a:b")]),
        ("y~x+(1|g)+(0+x|g)", "x", [("1", True, True, "g"), ("0 + x", False, True, "g")]),
        ("y~(1|factor(g))", "1", [("1", True, True, "g")]),
        ("y ~ x - 1 + (1|g)", "x - 1", [("1", True, True, "g")]),
        ("y ~ (1|g) + 0 + x", "0 + x", [("1", True, True, "g")]),
        ("y ~\n  x +\n  (1 | g)", "x", [("1", True, True, "g")]),
    ],
)
def test_as_people_type_them(text: str, fixed: str, random: list[tuple[str, bool, bool, str]]) -> None:
    assert parse(text).fixed == fixed
    assert random_terms(text) == random


def test_a_bare_slope_is_an_intercept_and_a_slope() -> None:
    bare, written = parse("y ~ (x | g)").random[0], parse("y ~ (1 + x | g)").random[0]
    assert (bare.has_intercept, bare.correlated) == (written.has_intercept, written.correlated) == (True, True)


def test_the_names_of_r_have_dots_and_others_stand_in_backticks() -> None:
    read = parse("president.approval ~ pop.density + `my column` + (1 | `group 1`) + (1 | año)")
    assert variables(read) == ("president.approval", "pop.density", "my column", "group 1", "año")
    assert read.fixed == "pop.density + `my column`"
    assert read.random[0].group == ("group 1",)


def test_known_standard_errors_and_offsets() -> None:
    read = parse("effect | se(sqrt(v)) ~ 1 + offset(log(n)) + x + offset(o) + (1 | school)")
    assert (read.outcome, read.known_se, read.offsets, read.fixed) == ("effect", "sqrt(v)", ("log(n)", "o"), "1 + x")
    assert variables(read) == ("effect", "v", "x", "n", "o", "school")


@pytest.mark.parametrize(
    ("text", "outcome", "counted", "columns", "normal"),
    [
        ("cbind(s,f)~x", "s", True, ("s", "f", "x"), "cbind(s, f) ~ x"),
        ("s|trials(n)~x", "s", True, ("s", "n", "x"), "s | trials(n) ~ x"),
        ("s | trials(10) ~ x", "s", True, ("s", "x"), "s | trials(10) ~ x"),
        ("p | weights(n) ~ x", "p", True, ("p", "n", "x"), "p | weights(n) ~ x"),
        ("s/n | weights(n) ~ x", "s/n", True, ("s", "n", "x"), "s/n | weights(n) ~ x"),
        ("y | weights(w, type='frequency') ~ x", "y", False, ("y", "w", "x"), 'y | weights(w, type = "frequency") ~ x'),
        ("y | weights(w, type=frequency) ~ x", "y", False, ("y", "w", "x"), 'y | weights(w, type = "frequency") ~ x'),
        (
            's | weights(w, type = "frequency") + trials(n) ~ x',
            "s",
            True,
            ("s", "w", "n", "x"),
            's | trials(n) + weights(w, type = "frequency") ~ x',
        ),
    ],
)
def test_trials_and_weights(text: str, outcome: str, counted: bool, columns: tuple[str, ...], normal: str) -> None:
    read = parse(text)
    assert (read.outcome, read.has_trials, str(read)) == (outcome, counted, normal)
    assert variables(read) == columns
    assert parse(str(read)) == read


def test_weights_of_the_spec() -> None:
    read = formula.with_weights(parse("y ~ x"), "w")
    assert read == parse('y | weights(w, type = "frequency") ~ x')
    with pytest.raises(FormulaError, match="keep one"):
        formula.with_weights(read, "w")
    with pytest.raises(FormulaError, match="names no column"):
        formula.with_weights(parse("y ~ x"), "3")
    with pytest.raises(FormulaError, match="__import__"):
        formula.with_weights(parse("y ~ x"), "__import__(w)")


def test_r_spells_calls_with_blanks_after_commas_and_none_around_powers() -> None:
    read = parse("log(y)~I(x^2)+poly(x,2)+poly( z , 3,raw=TRUE )+log(x+1)+I(a/b-2*a)+x:z+bs(x,df=4)")
    assert read.outcome == "log(y)"
    assert read.fixed == "I(x^2) + poly(x, 2) + poly(z, 3, raw = TRUE) + log(x + 1) + I(a/b - 2 * a) + x:z + bs(x, df = 4)"
    assert variables(read) == ("y", "x", "z", "a", "b")


def test_constants_of_a_call_are_no_columns() -> None:
    assert variables(parse("y ~ poly(x, 2, T) + scale(z, center = FALSE)")) == ("y", "x", "z")


@pytest.mark.parametrize(
    ("text", "caret", "says"),
    [
        ("y ~ x + 1|g", 9, "y ~ x + (1 | g)"),
        ("y ~ 1|g", 5, "y ~ (1 | g)"),
        ("y ~ x + z||g", 9, "y ~ x + (z || g)"),
        ("y ~ .", 4, "name the predictors"),
        ("cbind(s) ~ x", 0, "successes and the failures"),
        ("cbind(s, f) | trials(n) ~ x", 0, "says the number of trials already"),
        ("y ~ cbind(s, f)", 4, "on the left"),
        ("y ~ trials(n)", 4, "on the left"),
        ("y | trials(n, 2) ~ x", 4, "takes one expression"),
        ("y | trials(n) + weights(n) ~ x", 2, "keep one"),
        ("y | trials(n) + trials(m) ~ x", 16, "twice"),
        ("y | se(s) + trials(n) ~ x", 2, "gaussian"),
        ('y | weights(w, type = "analytic") ~ x', 22, "of type precision"),
        ('y | weights(w, type = "variance") ~ x', 22, "1/variance"),
        ('y | weights(w, type = "precision") + weights(v, type = "precision") ~ x', 37, "of type precision stands here twice"),
        ('y | weights(w, type = "freqency") ~ x', 22, "Did you mean 'frequency'?"),
        ("y | weights(w, scale = TRUE) ~ x", 4, 'type = "frequency"'),
        ('y | weights(w, "frequency") ~ x', 4, "its type"),
        ("y | rate(t) ~ x", 4, "offset(log(t))"),
        ("y | frequency(w) ~ x", 4, 'type = "frequency"'),
        ("~ x", 0, "outcome is missing"),
        ("y", 1, "no '~'"),
        ("y ~ x ~ z", 6, "one '~'"),
        ("y ~ x z", 6, "missing before 'z'"),
        ("y ~ (x", 4, "never closed"),
        ("y ~ x)", 5, "never opened"),
        ("y ~ x +", 7, "ends where a term"),
        ("y ~ 2", 4, "only 1"),
        ("y ~ x/2", 5, "I(x/2)"),
        ("y ~ x^2", 5, "I(x^2)"),
        ("y ~ (a + b)^0", 12, "whole number"),
        ("y ~ x*(1|g)", 8, "only be added"),
        ("y ~ x - (1|g)", 8, "not taken away"),
        ("y ~ (1|a+b)", 8, "(1 | a) + (1 | b)"),
        ("y ~ (1|a*b)", 8, "(1 | a:b)"),
        ("y ~ (1|log(g))", 7, "grouping factor is a column"),
        ("y ~ (1|2)", 7, "grouping factor is a column"),
        ("y ~ (1|g|h)", 8, "one bar"),
        ("y ~ (0|g)", 6, "no column"),
        ("y ~ (1|a:a)", 8, "with itself"),
        ("y ~ x - z", 8, "no term z"),
        ("y ~ y + x", 4, "its own predictors"),
        ("y ~ x:offset(z)", 6, "only be added"),
        ("y ~ logg(x)", 4, "Did you mean 'log'"),
        ("y ~ poly(x, degre = 2)", 4, "Did you mean 'degree'"),
        ("y ~ poly(x, z)", 4, "is a number"),
        ("y ~ poly(x, 2.5)", 4, "whole number"),
        ("y ~ scale(x, center = 3)", 4, "TRUE or FALSE"),
        ("y ~ log(factor(x))", 8, "not a number here"),
        ("y ~ factor(x + 1)", 13, "name of a column"),
        ("y ~ ns(x, 3)", 4, "bs(x"),
        ("y ~ I(x:z)", 7, "no meaning inside arithmetic"),
        ("y ~ I()", 4, "needs a column"),
        ("y ~ bs(x, df = 2)", 4, "3 or more"),
        ("y = x", 2, "joined by '~'"),
        ("y ~ (1 + x):z", 5, "not inside a product"),
        ("y ~ x > 3", 6, "Comparisons"),
        ("y ~ a %in% b", 6, "a:b"),
        ("y ~ `x", 4, "never closed"),
        ("y ~ 2x", 5, "backticks"),
        ("y ~ TRUE", 4, "not a column"),
    ],
)
def test_mistakes_are_shown_with_a_caret_under_the_place(text: str, caret: int, says: str) -> None:
    with pytest.raises(FormulaError) as error:
        parse(text)
    message, shown, mark = error.value.message.rsplit("\n", 2)
    assert says in message
    assert shown == "    " + text
    assert mark == " " * (4 + caret) + "^"
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    "text",
    [
        "y ~ __import__('os').system('true')",
        "y ~ __import__",
        "y ~ x.__class__",
        "y ~ I(x.__class__.__mro__)",
        "y ~ (x).real",
        "y ~ os.system(x)",
        "y ~ eval(x)",
        "y ~ open(x)",
        "y ~ np.exp(x)",
        "y ~ x[0]",
        "y ~ {x}",
        "y ~ lambda x: x",
        "y ~ 'x'",
        'y ~ "x"',
        "y ~ I(x if z else x)",
        "y ~ x @ z",
        "y ~ x$z",
        "y ~ x; z",
        "y ~ log(x)(z)",
        "y ~ I(x := 1)",
        "y ~ C(x, contr.sum)",
        "y ~ factor(x, levels = z)",
        "y ~ relevel(x, eval(z))",
        "y ~ factor(x, levels = c(1, eval(z)))",
        "y ~ log(x, base = z)",
        "__import__('os') ~ x",
        "y | se(__import__('os')) ~ x",
        "y ~ x + (1 | __import__('os'))",
        "y ~ x + offset(eval(z))",
    ],
)
def test_a_formula_is_not_python(text: str) -> None:
    with pytest.raises(FormulaError):
        parse(text)


def test_a_long_formula_shows_the_part_around_the_place() -> None:
    text = "y ~ " + " + ".join(f"predictor{i}" for i in range(100)) + " + x^2 + " + " + ".join(f"other{i}" for i in range(100))
    with pytest.raises(FormulaError) as error:
        parse(text)
    _, shown, mark = error.value.message.rsplit("\n", 2)
    assert shown[mark.index("^")] == "^"
    assert len(shown) < 130


def test_hundreds_of_predictors_are_fine_and_bottomless_nesting_is_refused() -> None:
    assert len(variables(parse("y ~ " + " + ".join(f"x{i}" for i in range(900))))) == 901
    for text in ("y ~ " + "(" * 200 + "x" + ")" * 200, "y ~ " + "-" * 300 + "x", "y ~ " + ":".join(["x"] * 99), "y ~ " + "x" * 10_001):
        with pytest.raises(FormulaError):
            parse(text)
    with pytest.raises(FormulaError, match="multiplies out"):
        parse("y ~ (" + " + ".join(f"x{i}" for i in range(60)) + ")^5")


NAMES = st.sampled_from(["x", "z", "president.approval", "`my column`", ".hidden", "año", "x_1"])


def _numeric() -> st.SearchStrategy[str]:
    leaf = NAMES | st.sampled_from(["2", "0.5", "1e3"])
    return st.recursive(
        NAMES,
        lambda inner: st.one_of(
            st.builds("{} {} {}".format, inner, st.sampled_from(["+", "-", "*", "/", "^"]), leaf),
            st.builds("({})".format, inner),
            st.builds("{}({})".format, st.sampled_from(["log", "exp", "scale", "I", "sqrt"]), inner),
            st.builds("-{}".format, leaf),
        ),
        max_leaves=5,
    )


TERMS = st.recursive(
    NAMES | st.builds("I({})".format, _numeric()) | st.builds("poly({}, 2)".format, NAMES) | st.builds("factor({})".format, NAMES),
    lambda inner: st.one_of(
        st.builds("{}:{}".format, inner, inner),
        st.builds("{} * {}".format, inner, inner),
        st.builds("({})".format, inner),
        st.builds("({} + {})^2".format, inner, inner),
    ),
    max_leaves=3,
)
GROUPS = st.builds("{}{}".format, st.sampled_from(["g", "`a b`"]), st.sampled_from(["", "/h", ":h", "/h/k"]))
RANDOM = st.builds("({}{} {} {})".format, st.sampled_from(["", "1 + ", "0 + ", "-1+"]), NAMES, st.sampled_from(["|", "||"]), GROUPS)


@given(
    st.builds(
        "{}~{}".format,
        st.sampled_from(["y", "log(y)", "y | se(s)", "scale(y)"]),
        st.lists(TERMS | RANDOM | st.builds("offset({})".format, _numeric()), min_size=1, max_size=5).map(" + ".join),
    )
)
@settings(max_examples=150, deadline=None)
def test_the_normal_spelling_means_the_same(text: str) -> None:
    read = parse(text)
    again = parse(str(read))
    assert again == read
    assert str(again) == str(read)
    assert variables(again) == variables(read)


@given(st.text(max_size=60) | st.text(alphabet="xyg01.~+-*/:^|(), \n`_", max_size=60).map("y ~ ".__add__))
@settings(max_examples=600, deadline=None)
def test_any_text_is_a_formula_or_a_formula_error(text: str) -> None:
    try:
        read = formula.parse(text)
    except FormulaError:
        return
    assert parse(str(read)) == read


def test_a_misspelt_law_of_levels_is_told_its_name() -> None:
    with pytest.raises(FormulaError, match=r"'bymm2'\. Did you mean 'bym2'\? .*; and, as terms of their own, rw1, rw2, icar"):
        parse('y ~ x + bymm2(county, graph = "borders.csv")')
    with pytest.raises(FormulaError, match=r"cannot call 'lgo'\. Did you mean 'log'\?"):
        parse("y ~ lgo(x)")

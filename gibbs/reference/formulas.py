"""The page of formulas: terms, functions, and the grammar of derived columns, from the lists that the readers go by."""

from __future__ import annotations

from gibbs.model import expression
from gibbs.model.functions import FUNCTIONS, KNOWN_ELSEWHERE
from gibbs.reference.markdown import code, table

TERMS = (
    ("y ~ x + z", "predictors; an intercept is there unless `0 +` or `- 1` takes it out"),
    ("x:z", "the product"),
    ("x * z", "x, z and their product"),
    ("(a + b)^2", "a, b and their product"),
    ("offset(log(t))", "a known part of the linear predictor"),
    ("(1 | g)", "the level differs between the levels of g"),
    ("(1 + x | g)", "so does the effect of x, correlated with it"),
    ("(x || g)", "the same, uncorrelated"),
    ("(0 + x | g)", "the effect of x alone"),
    ("(1 | a/b)", "b within a: (1 | a) and (1 | a:b)"),
    ("(1 | a:b)", "a level for each combination"),
    ('(1 | gr(g, dist = "student"))', "effects with heavy tails"),
    ("(1 + x | gr(g, by = z))", "a covariance for the levels of each value of z"),
    ("rw1(year)", "a random walk over the numbers of year; `(1 + x | rw1(year))` with a slope; `step = 1` says the grid"),
    ("rw2(cohort)", "a random walk of second order: smooth, without a straight line of its own"),
    ('icar(county, graph = "borders.csv")', "areas that know their neighbours, from a table of two columns or a matrix of 0 and 1"),
    ("ar1(year)", "an autoregression over whole steps, rho drawn; `(1 + x | ar1(year))` with a slope; `step = 1` says the grid"),
    ('bym2(county, graph = "borders.csv")', "areas whose neighbours share a part rho of the variance, the rest their own; rho drawn"),
    (
        'leroux(county, graph = "borders.csv")',
        "areas whose neighbours count to the degree rho, drawn: 0, not at all, to 1, as of icar",
    ),
    ('icar(row:col, graph = "lattice")', "cells that share sides"),
    ('(1 | gr(animal, pedigree = "pedigree.csv"))', "kin: a table with an individual and its two parents a row"),
    ('(1 | gr(id, cov = "A.csv"))', "levels with a known covariance, such as phylogeny; `prec` is its inverse"),
    ("s(x, k = 10)", "a penalised spline with k knots: a smooth curve, whose straight line x is a fixed effect"),
    (
        "mm(g1, g2, weights = c(w1, w2))",
        "rows of several groups at once; `(1 + x | mm(g1, g2))` with a slope; `scale = FALSE` leaves weights as they are",
    ),
    ("y | se(s) ~ …", "known standard errors of the rows"),
    ("cbind(s, f) ~ …", "successes and failures"),
    ("s | trials(n) ~ …", "successes of n trials"),
    ("share | weights(n) ~ …", "a share of n trials"),
    ('y | weights(w, type = "frequency") ~ …', "rows that stand for w equal ones; precision: residual variance sigma²/w"),
)
"""What a formula is made of; a test reads every one."""
DERIVED = (
    ("(age - 45) / 10", "arithmetic: `+ - * / ^`"),
    ("age >= 65", "comparisons: `== != < <= > >=`; a yes-or-no column"),
    ('not retired == "no" & age > 60', "`& | !`, also `and`, `or`, `not`"),
    ('region %in% c("Lima", "Callao")', "one of several"),
    ('if(choice == "refused", NA, choice)', "`if(condition, a, b)`, also `ifelse`"),
    ("cut(age, c(0, 18, 65, 120))", "intervals, closed on the right as in R"),
    ("is.na(income)", "whether a value is missing"),
)
"""What ``derive`` and ``subset`` are made of; a test reads every one."""
_GIVES = {"number": "a number", "matrix": "several columns", "category": "a category"}


def page() -> str:
    """Terms, functions with their arguments, derived columns, and what other programs write."""
    functions = [
        [code(f"{name}({', '.join(['x', *(f'{p} = …' for p in f.parameters)])})"), _GIVES[f.gives]] for name, f in FUNCTIONS.items()
    ]
    elsewhere = [[code(name), words] for name, words in KNOWN_ELSEWHERE.items()]
    return "\n".join(
        [
            "# Formulas",
            "",
            "As lme4 and brms write them. A name that is no plain word stands in backticks. Text of a formula is never run as code.",
            "",
            table(["term", "what it says"], [[code(term), words] for term, words in TERMS]),
            "## Functions in a formula",
            "",
            "What `scale`, `center`, `poly` and `bs` learn from the data (means, knots) is kept, and new data are turned as the old were.",
            "",
            table(["function", "gives"], functions),
            "## `derive:` and `subset:`",
            "",
            "New columns, and the rows that are used. Missing values are R's: what is made of one is missing. Functions of a number: "
            + ", ".join(map(code, expression.FUNCTIONS)) + ".",
            "",
            table(["expression", "what it says"], [[code(text), words] for text, words in DERIVED]),
            "## Words of other packages",
            "",
            table(["word", "here"], elsewhere).rstrip(),
        ]
    ) + "\n"  # fmt: skip

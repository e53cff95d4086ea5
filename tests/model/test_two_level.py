"""The two-level form: the formula it stands for, and what is refused."""

from __future__ import annotations

import pytest

from gibbs.model import spec
from tests.model.written import refused


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        # M.1 of the course deck: a mean that varies
        ("outcome: y\nlevels: {province: {intercept: []}}", "y ~ 1 + (1 | province)"),
        ("outcome: y\nlevels: {province: }", "y ~ 1 + (1 | province)"),
        ("outcome: y\nlevels: {province: {}}", "y ~ 1 + (1 | province)"),
        ("outcome: y\nlevels: {province: {intercept: }}", "y ~ 1 + (1 | province)"),
        # M.3: a predictor of the intercept
        ("outcome: y\nlevel1: [x]\nlevels: {g: {intercept: [z]}}", "y ~ x + z + (1 | g)"),
        ("outcome: y\nlevel1: x\nlevels: {g: {intercept: z}}", "y ~ x + z + (1 | g)"),
        # M.4: intercept and slope vary
        ("outcome: y\nlevel1: [x]\nlevels: {g: {intercept: [], x: []}}", "y ~ x + (1 + x | g)"),
        # M.5: a predictor of both
        (
            "outcome: president.approval\nlevel1: [indigenous]\n"
            "levels:\n  province:\n    intercept: [illiteracy]\n    indigenous: [illiteracy]",
            "president.approval ~ indigenous + illiteracy + indigenous:illiteracy + (1 + indigenous | province)",
        ),
        # M.7: only the slope varies
        ("outcome: y\nlevel1: [x]\nlevels: {g: {x: [z]}}", "y ~ x + x:z + (0 + x | g)"),
        # M.8: two crossed factors
        (
            "outcome: y\nlevel1: [age]\nlevels: {province: {intercept: []}, ethnicity: {intercept: []}}",
            "y ~ age + (1 | province) + (1 | ethnicity)",
        ),
        ("outcome: y\nlevel1: [x]\nlevels: {g: {intercept: [], x: [], correlated: false}}", "y ~ x + (1 + x || g)"),
        ("outcome: y\nlevel1: [x]\nlevels: {g: {x: [], correlated: no}}", "y ~ x + (0 + x | g)"),
        ("outcome: y\nlevel1: [x, w]\nlevels: {g: {x: [z], intercept: [z], w: }}", "y ~ x + w + z + x:z + (1 + x + w | g)"),
        (
            "outcome: y\nlevel1: ['factor(f)', 'I(x^2)', 'log(x + 1)']\nlevels: {'a:b': {'I(x ^ 2)': [z]}}",
            "y ~ factor(f) + I(x^2) + log(x + 1) + I(x^2):z + (0 + I(x^2) | a:b)",
        ),
        ("outcome: y\nlevel1: [x]\nlevels: {a: {intercept: [x, z]}, b: {intercept: [z]}}", "y ~ x + z + (1 | a) + (1 | b)"),
        ("outcome: y\nlevel1: [x, z]", "y ~ x + z"),
        ("outcome: y", "y ~ 1"),
    ],
)
def test_two_level_form_as_a_formula(write, text: str, formula: str) -> None:
    found = spec.load(write(text))
    assert found.formula == formula
    assert found.two_level["outcome"] == formula.split(" ~ ")[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("formula: y ~ x\noutcome: y", "line 2: the spec has a formula and outcome"),
        ("formula: y ~ x\nlevels: {g: {intercept: []}}", "the spec has a formula and levels: write the model once"),
        ("level1: [x]\nlevels: {g: }", "level1 and levels need an outcome: key"),
        ("levels: {g: }", "levels needs an outcome: key"),
        (
            "outcome: y\nlevel1: [educ]\nlevels:\n  g:\n    educc: [z]",
            "line 5: 'educc' under g is to have a slope that varies, but it is not in level1 (educ)",
        ),
        ("outcome: y\nlevel1: [educ]\nlevels:\n  g:\n    educc: [z]", "Did you mean 'educ'?"),
        ("outcome: y\nlevels:\n  g:\n    intercpt: [z]", "Did you mean 'intercept'?"),
        ("outcome: y\nlevel1: [x + z]", "line 2: 'x + z' is not one predictor: '+' belongs in a formula"),
        ("outcome: y\nlevel1: [x | g]", "'|' belongs in a formula"),
        ("outcome: y\nlevel1: [1]", "'1' is not a predictor"),
        ("outcome: y ~ x\nlevel1: [x]", "outcome must be one name"),
        ("outcome: y\nlevels: {g: {intercept: 5}}", "levels.g.intercept must be a list of predictors"),
        ("outcome: y\nlevels: {g: {intercept: true}}", "found true"),
        ("outcome: y\nlevels: {g: {intercept: [], correlated: maybe}}", "levels.g.correlated must be true or false; found 'maybe'"),
        ("outcome: y\nlevels: [g]", "levels must be a mapping of keys; found a list"),
        ("outcome: y\nlevels: {g: [z]}", "levels.g must be a mapping of keys; found a list"),
        ("outcome: y\nlevels: {'(g|h)': }", "is not the name of a grouping factor"),
    ],
)
def test_two_level_form_refused(write, text: str, says: str) -> None:
    assert says in refused(write(text))

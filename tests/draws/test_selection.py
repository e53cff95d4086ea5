"""Picking parameters."""

from __future__ import annotations

import pytest

from gibbs.draws.selection import pick
from gibbs.errors import SpecError

LABELS = (
    "b_Intercept",
    "b_x",
    "b_I(x^2)",
    "b_Intercept[1]",
    "sd_g__x",
    "cor_g__Intercept__x",
    "sigma",
    "r_g[a,x]",
    "r_g[a b,x]",
    "r_g2[a,x]",
)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (["b_x"], ["b_x"]),
        (["x"], ["b_x"]),
        (["sigma", "b_x", "sigma"], ["b_x", "sigma"]),
        (["r_g[*"], ["r_g[a,x]", "r_g[a b,x]"]),  # brackets, dots and powers stand for themselves
        (["b_I(x^2)"], ["b_I(x^2)"]),
        (["b_I(x^?)"], ["b_I(x^2)"]),
        (["b_Intercept[1]"], ["b_Intercept[1]"]),
        (["*x*"], [label for label in LABELS if "x" in label]),
        (["*"], list(LABELS)),
    ],
)
def test_words_and_patterns(wanted: list[str], expected: list[str]) -> None:
    assert [LABELS[i] for i in pick(wanted, LABELS)] == expected


def test_a_word_that_finds_nothing() -> None:
    with pytest.raises(SpecError, match=r"no parameter 'sigme'\. Did you mean 'sigma'\?"):
        pick(["b_x", "sigme"], LABELS)
    with pytest.raises(SpecError, match=r"no parameter 'sd_h\*'"):
        pick(["sd_h*"], LABELS)

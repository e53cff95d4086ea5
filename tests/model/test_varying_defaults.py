"""Default priors of varying effects: in the centred basis of the columns of a correlated term, and as written where one is stated there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gibbs import preview
from gibbs.draws import outline
from gibbs.model import prior_draws
from gibbs.model.records import Design, Prior, Term
from tests.model.tables import build


def frame(n: int = 80, seed: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "z": rng.gamma(2.0, size=n),
            "f": rng.choice(list("abc"), n),
            "g": rng.integers(0, 8, n),
            "y": rng.normal(size=n),
        }
    )


def term(formula: str, data: pd.DataFrame, **priors: Any) -> Term:
    return build(formula, data, priors=priors).factors[0].terms[0]


CORRELATED = [
    "(x | g)", "(x * z | g)", "(f * x | g)", "(x + I(x^2) | g)", "(0 + f + f:x | g)", "(1 + log(z) + x | g)", "(z + x | g)", "(f / x | g)",
]  # fmt: skip


@pytest.mark.parametrize("formula", CORRELATED)
def test_the_centred_columns_and_the_scales_know_no_origin_and_no_unit(formula: str) -> None:
    data = frame()
    a = build(f"y ~ 1 + {formula}", data)
    b = build(f"y ~ 1 + {formula}", data.assign(x=1e4 + 100.0 * data["x"]))
    for one, other in zip(a.factors, b.factors, strict=True):
        size = np.abs(one.centred).max(axis=0) / np.abs(other.centred).max(axis=0)
        np.testing.assert_allclose(one.centred, other.centred * size, atol=1e-6)
        first, second = one.terms[0], other.terms[0]
        for p, q, s in zip(first.sd_priors, second.sd_priors, size, strict=True):
            assert p.args[2] == pytest.approx(q.args[2] / s, rel=1e-6)
        assert first.correlation == second.correlation == Prior("lkj", (1.0,))


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("(1 + x:z | g)", ["'x:z' without 'z'", "'x:z' without 'x'"]),
        ("(1 + I(x * z) + x | g)", ["'I(x * z)' without 'z'"]),
        ("(1 + I(x^2) | g)", ["'I(x^2)' without 'x'"]),
        ("(1 + f:x | g)", ["'fa:x' without 'f'"]),
    ],
)
def test_columns_whose_space_moves_with_the_origin_are_told_of(formula: str, said: list[str]) -> None:
    """No basis can help: the columns of the term before a shift and after it span more together than alone."""
    data = frame()
    made = build(f"y ~ 1 + {formula}", data)
    assert [all(word in note for word in ("of the effects that vary by g", one)) for note, one in zip(made.notes, said, strict=True)]
    moved = build(f"y ~ 1 + {formula}", data.assign(x=data["x"] + 5.0, z=data["z"] + 5.0))
    alone, together = made.factors[0].Z, np.hstack([made.factors[0].Z, moved.factors[0].Z])
    assert np.linalg.matrix_rank(together) > np.linalg.matrix_rank(alone)


@pytest.mark.parametrize("formula", [*CORRELATED, "(0 + x | g)", "(x || g)", "(x * z || g)", "(x | g) + (0 + z | g) + (0 + x:z | g)"])
def test_columns_that_need_nothing_are_not_told_of(formula: str) -> None:
    assert not [note for note in build(f"y ~ 1 + {formula}", frame()).notes if "depends on where" in note]


@pytest.mark.parametrize("formula", CORRELATED)
def test_the_way_to_the_centred_basis_and_back(formula: str) -> None:
    factor = build(f"y ~ 1 + {formula}", frame().assign(x=frame()["x"] + 5.0)).factors[0]
    back, there = np.array(factor.terms[0].back), np.array(factor.terms[0].there)
    np.testing.assert_allclose(factor.Z @ back, factor.centred, atol=1e-10)
    np.testing.assert_allclose(there @ back, np.eye(len(back)), atol=1e-10)
    assert abs(np.linalg.det(back)) == pytest.approx(1.0)


def test_scales_are_those_of_the_centred_columns() -> None:
    data = frame().assign(x=frame()["x"] + 50.0)
    found = term("y ~ 1 + (x * z | g)", data)
    sd = data["y"].std()
    products = (data["x"] - data["x"].mean()) * (data["z"] - data["z"].mean())
    wanted = [2.5 * sd, 2.5 * sd / data["x"].std(), 2.5 * sd / data["z"].std(), 2.5 * sd / products.std()]
    np.testing.assert_allclose([p.args[2] for p in found.sd_priors], wanted, rtol=1e-9)
    assert found.words[0] == "where x is at its mean, where z is at its mean" and found.words[3] == ""


def test_columns_without_an_intercept_are_sized_about_zero() -> None:
    data = frame()
    sd, rms = data["y"].std(), np.sqrt((data["z"] ** 2).mean())
    assert term("y ~ 1 + (0 + z | g)", data).sd_priors[0].args[2] == pytest.approx(2.5 * sd / rms)
    assert [p.args[2] for p in term("y ~ 1 + (0 + f | g)", data).sd_priors] == pytest.approx([2.5 * sd] * 3)
    beside = build("y ~ 1 + (1 | g) + (0 + z | g)", data).factors[0].terms[1]
    assert beside.sd_priors == build("y ~ 1 + (z || g)", data).factors[0].terms[1].sd_priors
    assert beside.sd_priors[0].args[2] == pytest.approx(2.5 * sd / data["z"].std())


@pytest.mark.parametrize(
    "priors, written",
    [
        ({}, False),
        ({"sd[g,x]": "half_normal(1)"}, False),  # the slope is the same in both bases
        ({"sd[g,Intercept]": "half_normal(1)"}, True),
        ({"sd[g]": "half_normal(1)"}, True),
        ({"sd": "half_normal(1)"}, True),
        ({"cor": "lkj(2)"}, True),
        ({"cor[g]": "lkj(1)"}, True),
        ({"cov[g]": "huang_wand(2, 1)"}, True),
    ],
)
def test_what_is_stated_as_written(priors: dict[str, str], written: bool) -> None:
    found = term("y ~ 1 + (x | g)", frame(), **priors)
    assert found.written is written and found.back is not None


def test_draws_of_the_prior_are_those_of_the_default_at_the_mean_and_of_what_is_stated_as_written() -> None:
    data = frame().assign(x=frame()["x"] + 20.0)
    n = 30_000
    made = build("y ~ 1 + (x | g)", data)
    s0, s1, cor = prior_draws.draw(made, np.random.default_rng(1), n).hyper[:, :3].T
    at = -made.factors[0].terms[0].back[0][1]
    middle = np.sqrt(s0**2 + 2 * at * cor * s0 * s1 + at**2 * s1**2)
    for value, prior in zip((middle, s1), made.factors[0].terms[0].sd_priors, strict=True):
        assert stats.kstest(value / prior.args[2], lambda v: 2 * stats.t(3).cdf(v) - 1).pvalue > 1e-4
    inner = (cor * s0 * s1 + at * s1**2) / (middle * s1)
    assert stats.kstest(inner, stats.uniform(-1, 2).cdf).pvalue > 1e-4
    stated = build("y ~ 1 + (x | g)", data, priors={"sd": "half_normal(1)", "cor": "lkj(1)"})
    drawn = prior_draws.draw(stated, np.random.default_rng(2), n)
    assert stats.kstest(drawn.hyper[:, 0], stats.halfnorm.cdf).pvalue > 1e-4
    assert stats.kstest(drawn.hyper[:, 2], stats.uniform(-1, 2).cdf).pvalue > 1e-4


def test_effects_have_the_covariance_that_is_drawn_with_them() -> None:
    data = frame().assign(x=frame()["x"] + 20.0)
    for formula in ("y ~ 1 + (x | g)", "y ~ 1 + (x | gr(g, by = k))"):
        made = build(formula, data.assign(k=np.where(data["g"] < 4, "p", "q")))
        drawn = prior_draws.draw(made, np.random.default_rng(3), 20_000)
        terms, J = made.factors[0].terms, len(made.factors[0].levels)
        u = drawn.u.reshape(-1, J, 2)
        for t, group in enumerate(terms):
            level = 0 if not group.group else int(np.flatnonzero(made.factors[0].group == t)[0])
            s0, s1 = drawn.hyper[:, 2 * t], drawn.hyper[:, 2 * t + 1]
            cor = drawn.hyper[:, 2 * len(terms) + t]
            z0 = u[:, level, 0] / s0
            z1 = (u[:, level, 1] / s1 - cor * z0) / np.sqrt(1 - cor**2)
            assert stats.kstest(z0, stats.norm.cdf).pvalue > 1e-4 and stats.kstest(z1, stats.norm.cdf).pvalue > 1e-4


def test_the_outline_keeps_the_way_back() -> None:
    made = build("y ~ 1 + (x | g)", frame())
    kept = outline.outline(made)
    levels = {f.name: f.levels for f in kept.factors}
    again = outline.from_dict(outline.to_dict(kept), levels, {f.name: f.sizes for f in kept.factors})
    assert again.factors[0].terms == made.factors[0].terms


def test_check_says_where_the_defaults_of_sds_apply() -> None:
    def said(**priors: str) -> dict[str, str]:
        return preview.applies(_made(priors))

    assert said() == {"sd[g,Intercept]": "where x is at its mean", "cor[g] of Intercept, x": "with the columns at their means"}
    assert said(**{"cor[g]": "lkj(2)"}) == {"sd[g,Intercept]": "as written"}
    assert said(**{"cov[g]": "huang_wand(2, 1)"}) == {}


def _made(priors: dict[str, str]) -> Design:
    return build("y ~ 1 + (x | g)", frame(), priors=priors)

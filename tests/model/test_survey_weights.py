"""Sampling weights: the scalings in closed form, what is said of them, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.errors import DataError, FormulaError, OutputError, SpecError
from gibbs.model import design, formula, survey_weights
from gibbs.model import spec as specs
from gibbs.sampling import plan
from tests.model.tables import table

RNG = np.random.default_rng(5)
ROWS = pd.DataFrame(
    {
        "y": RNG.normal(size=60),
        "b": RNG.integers(0, 2, 60),
        "x": RNG.normal(size=60),
        "w": RNG.exponential(size=60) + 0.1,
        "g": np.repeat(list("abcdef"), 10),
        "h": np.tile(list("pqrst"), 12),
        "region": np.repeat(["n", "s"], 30),
        "wg": np.repeat([1.0, 2.0, 0.5, 4.0, 1.5, 3.0], 10),
    }
)


def build(text: str = "y ~ x + (1 | g)", rows: pd.DataFrame = ROWS, **keys: object):
    keys.setdefault("weights", {"column": "w", "type": "sampling"})
    return design.build(specs.build({"formula": text, **keys}), table(rows))


def refused(kind: type[Exception], *arguments: object, **keys: object) -> str:
    with pytest.raises(kind) as caught:
        build(*arguments, **keys)
    return str(caught.value)


def test_size_sums_to_the_rows_of_each_group_and_effective_to_their_effective_number() -> None:
    w, g = ROWS["w"], ROWS["g"]
    for scale, expected in (("size", w.groupby(g).size()), ("effective", w.groupby(g).sum() ** 2 / (w**2).groupby(g).sum())):
        found = build(weights={"column": "w", "type": "sampling", "scale": scale}).survey
        np.testing.assert_allclose(pd.Series(found.scaled).groupby(g).sum(), expected, rtol=1e-12)
        ratio = found.scaled / w
        assert (ratio.groupby(g).nunique() >= 1).all() and ratio.groupby(g).apply(np.ptp).max() < 1e-12
        assert found.within == "g"
    found = build(weights={"column": "w", "type": "sampling", "scale": "none"}).survey
    np.testing.assert_array_equal(found.scaled, w)
    assert found.effective == pytest.approx(w.sum() ** 2 / (w**2).sum()) and found.design_effect == pytest.approx(60 / found.effective)


@pytest.mark.parametrize(
    ("text", "within", "expected"),
    [
        ("y ~ x", "", ""),
        ("y ~ x + (1 | g) + (1 | h)", "", ""),  # crossed: all rows
        ("y ~ x + (1 | region/g)", "", "region:g"),  # nested: the innermost
        ("y ~ x + (1 | region/g)", "region", "region"),
        ("y ~ x + (1 | g) + (1 | h)", "h", "h"),
        ("y ~ x + (1 | g)", "all", ""),
    ],
)
def test_what_they_are_scaled_within(text: str, within: str, expected: str) -> None:
    found = build(text, weights={"column": "w", "type": "sampling", "within": within}).survey
    assert found.within == expected
    if not expected:
        assert found.scaled.sum() == pytest.approx(60)


def test_formula_and_key_say_the_same() -> None:
    one = build('y | weights(w, type = "sampling", scale = "effective") ~ x + (1 | g)', weights=None).survey
    other = build(weights={"column": "w", "type": "pweight", "scale": "effective"}).survey
    np.testing.assert_array_equal(one.scaled, other.scaled)
    read = formula.parse('y | weights(w, type = sampling, scale = "none") ~ x + (1 | gr(g, pw = wg))')
    assert str(read) == 'y | weights(w, type = "sampling", scale = "none") ~ x + (1 | gr(g, pw = wg))'
    assert formula.variables(read) == ("y", "w", "x", "g", "wg")


def test_rows_of_weight_0_are_left_out_and_counted() -> None:
    found = build(rows=ROWS.assign(w=ROWS["w"].where(ROWS.index > 3, 0.0)))
    assert len(found.y) == 56 and found.dropped == {"w (weight 0)": 4}


def test_levels_have_weights_of_mean_1() -> None:
    made = build("y ~ x + (1 + x | gr(g, pw = wg))", weights=None).factors[0]
    expected = np.array([1.0, 2.0, 0.5, 4.0, 1.5, 3.0])
    np.testing.assert_allclose(made.level_weights, expected / expected.mean())
    same = build("y ~ x + (1 + x | g)", weights=None, effects={"g": {"pw": "wg"}}).factors[0]
    np.testing.assert_array_equal(made.level_weights, same.level_weights)
    levels = {"outcome": "y", "level1": ["x"], "levels": {"g": {"intercept": [], "x": [], "pw": "wg"}}}
    form = design.build(specs.build(levels), table(ROWS)).factors[0]
    np.testing.assert_array_equal(made.level_weights, form.level_weights)


def test_no_latent_outcome_has_a_power() -> None:
    made = build("b ~ x + (1 | g)", family="probit")
    assert plan.make(made, "auto").scheme == "second-order"
    for scheme in ("augmented", "joint", "one-at-a-time"):
        with pytest.raises(SpecError, match="latent outcome"):
            plan.make(made, scheme)
    assert plan.make(build("b ~ x + (1 | g)", family="probit", rows=ROWS.assign(w=2.0)), "augmented").scheme != "second-order"


@pytest.mark.parametrize(
    ("kind", "text", "keys", "expected"),
    [
        (DataError, "y ~ x + (1 | g)", {"rows": ROWS.assign(w=ROWS["w"] - 0.5)}, "not negative"),
        (DataError, "y ~ x + (1 | g)", {"rows": ROWS.assign(w=0.0)}, "every weight is 0"),
        (DataError, "y ~ x + (1 | g)", {"family": "student"}, "Student-t"),
        (SpecError, "y ~ x + (1 | g)", {"weights": {"column": "w", "type": "sampling", "within": "gg"}}, "Did you mean 'g'?"),
        (SpecError, "y ~ x + (1 | g)", {"weights": {"column": "w", "type": "frequency", "scale": "size"}}, "scale is of sampling weights"),
        (SpecError, "y ~ x + (1 | g)", {"weights": {"column": "w", "type": "sampling", "scale": "sizes"}}, "Did you mean 'size'?"),
        (SpecError, "y ~ x + (1 | g)", {"weights": {"column": "w", "type": "samplng"}}, "Did you mean 'sampling'?"),
        (FormulaError, 'y | weights(w, type = "sampling", scale = "sz") ~ x', {"weights": None}, "scale is size, effective, none"),
        (FormulaError, 'y | weights(w, type = "frequency", scale = "size") ~ x', {"weights": None}, "sampling weights alone"),
        (DataError, "y ~ x + (1 | gr(g, pw = w))", {"weights": None}, "a level has one weight, but 'a' has"),
        (DataError, "y ~ x + (1 | gr(g, pw = wg))", {"weights": None, "rows": ROWS.assign(wg=0.0)}, "greater than 0"),
        (DataError, 'y ~ x + (1 | gr(g, pw = wg, dist = "student"))', {"weights": None}, "Keep one of pw and dist"),
        (FormulaError, "y ~ x + (1 | gr(g, pw = wg)) + (0 + x | g)", {"weights": None}, "pw is 'wg' in an earlier term"),
    ],
)
def test_what_is_refused(kind: type[Exception], text: str, keys: dict[str, object], expected: str) -> None:
    assert expected in refused(kind, text, **keys)


def test_scaled_leaves_groups_without_weight_alone() -> None:
    found = survey_weights.scaled_within(np.array([0.0, 0.0, 1.0, 3.0]), np.array([0, 0, 1, 1]), "size")
    np.testing.assert_allclose(found, [0.0, 0.0, 0.5, 1.5])


def test_check_says_what_they_cost_and_whose_the_intervals_are() -> None:
    said = str(gibbs.check("y ~ x + (1 | g)", ROWS, weights={"column": "w", "type": "sampling"}))
    flat = " ".join(said.split())
    effective = ROWS["w"].sum() ** 2 / (ROWS["w"] ** 2).sum()
    assert f"effective n {effective:,.0f} of 60 rows, design effect {60 / effective:.2f}" in flat
    assert "scaled to the size of each g" in flat and "intervals under sampling weights are the model's" in flat
    huge = str(
        gibbs.check("y ~ x + (1 | g)", ROWS.assign(w=ROWS["w"] * 1000), weights={"column": "w", "type": "sampling", "scale": "none"})
    )
    assert "far narrower than the data can tell" in " ".join(huge.split())


def test_what_has_no_meaning_under_them_is_refused() -> None:
    keys = {"weights": {"column": "w", "type": "sampling"}, "chains": 1, "draws": 100, "warmup": 50, "seed": 1, "progress": False}
    with pytest.warns(UserWarning):
        fit = gibbs.fit("y ~ x + (1 | g)", ROWS, **keys)
    for criterion in (fit.loo, fit.waic, fit.dic):
        with pytest.raises(SpecError, match="pseudo-likelihood"):
            criterion()
    with pytest.raises(SpecError, match="pseudo-posterior"):
        gibbs.sbc("y ~ x + (1 | g)", ROWS, weights=keys["weights"], replicates=1, priors={"intercept": "normal(0, 1)"})
    assert "effective n" in repr(fit)
    from gibbs.export import program

    with pytest.raises(OutputError, match="pseudo-posterior"):
        program.describe(fit.design)

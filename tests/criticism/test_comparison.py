"""Comparisons: the differences are sums over rows, and what cannot be compared is refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gibbs
from gibbs.criticism import criteria
from gibbs.criticism.comparison import check_same_outcome, compare, run_names
from gibbs.errors import DataError, SpecError
from gibbs.model.records import Design
from gibbs.posterior.fit import Fit
from tests.posterior.fabricated import fit
from tests.posterior.regressions import near, regression


def _fit(model: Design, title: str = "", seed: int = 5, kept: int = 80) -> Fit:
    made = fit(model, near(model, kept=kept, seed=seed), formula="y ~ x + (1 + x | g)")
    made.spec = replace(made.spec, title=title)
    return made


def test_differences_and_their_standard_error() -> None:
    """elpd_diff = Σ (elpd_i − best_i), se_diff = sqrt(n Var) of these, best first."""
    model = regression("gaussian", second=True)
    narrow = replace(model, factors=model.factors[:1])
    found = gibbs.compare({"two": _fit(model), "one": _fit(narrow)}, criterion="waic")
    table = found.table
    a, b = (found.criteria[name].pointwise_elpd for name in table.index)
    assert table["elpd"].is_monotonic_decreasing and a.sum() > b.sum()
    assert table["elpd_diff"].tolist() == pytest.approx([0.0, (b - a).sum()])
    assert table["se_diff"].tolist() == pytest.approx([0.0, np.sqrt(40 * np.var(b - a, ddof=1))])
    assert table.columns.tolist() == ["elpd_diff", "se_diff", "elpd", "se", "p_waic", "waic"]
    alone = _fit(model).waic()
    assert table.loc["two", "elpd"] == pytest.approx(alone.elpd)
    assert "Focus of one" in repr(found) and "40 rows are few" in repr(found)


def test_loo_says_bad_k_and_the_method_of_a_fit_names_formulas() -> None:
    model = regression("gaussian")
    one, two = _fit(model), _fit(model, seed=6)
    found = one.compare(two)
    assert found.table.columns.tolist()[-2:] == ["looic", "bad_k"]
    assert set(found.table.index) == {"y ~ x + (1 + x | g)", "y ~ x + (1 + x | g) #2"}
    assert set(compare([_fit(model, "A"), _fit(model, "B")], criterion="dic").criteria) == {"A", "B"}


def test_families_of_one_formula_are_told_apart() -> None:
    model = regression("logit")
    found = compare([_fit(model), _fit(replace(model, family="probit", link="probit"))], criterion="waic")
    assert set(found.criteria) == {"y ~ x + (1 + x | g) (logit)", "y ~ x + (1 + x | g) (probit)"}


@pytest.mark.parametrize("family", ["gaussian", "logit"])
def test_a_model_without_the_group_takes_part(family: str) -> None:
    """New levels of h: a model that has no h gives a level the product of its rows."""
    model = regression(family, second=True)
    narrow = replace(model, factors=model.factors[:1])
    fits = {"with": _fit(model), "without": _fit(narrow)}
    found = compare(fits, criterion="waic", group="h")
    assert found.criteria["without"].labels == found.criteria["with"].labels == ("u", "v", "w")
    rows = fits["without"].log_likelihood()
    level = np.stack([rows[:, :, model.factors[1].codes == j].sum(axis=2) for j in range(3)], axis=2)
    expected = criteria._waic(level)[0]
    np.testing.assert_allclose(found.criteria["without"].pointwise_elpd, expected, rtol=1e-9)
    assert "the model has no effects of h" in found.criteria["without"].focus
    with pytest.raises(SpecError, match="no grouping factor 'province'"):
        compare(fits, group="province")


def test_close_fits_are_said_to_be() -> None:
    model = regression("gaussian")
    one = _fit(model)
    found = compare({"a": one, "b": one}, criterion="waic")
    assert found.table["elpd_diff"].tolist() == [0.0, 0.0] and "within 4 of the best" in repr(found)


# ------------------------------------------------------------------------------------------------------- what is refused


def _refused(one: Design, two: Design) -> str:
    with pytest.raises(DataError) as error:
        check_same_outcome("A", one, "B", two)
    return error.value.message


def test_other_rows_are_named_with_the_reason() -> None:
    one = regression("gaussian")
    keep = np.delete(np.arange(40), [2, 7])
    two = replace(
        one,
        y=one.y[keep],
        X=one.X[keep],
        rows=one.rows[keep],
        offset=one.offset[keep],
        factors=tuple(replace(f, codes=f.codes[keep], Z=f.Z[keep]) for f in one.factors),
        dropped={"age": 2},
    )
    words = _refused(one, two)
    assert "2 only in 'A' (rows 3, 8" in words and "'B' dropped rows for age (2)" in words
    assert "different outcomes, y and score, and to different rows" in _refused(one, replace(two, outcome="score"))


def test_other_values_and_transformations_are_named() -> None:
    one = regression("gaussian")
    assert "transformations of one" in _refused(one, replace(one, y=np.exp(one.y), outcome="exp(y)"))
    words = _refused(one, replace(one, outcome="exp(y)", y=np.exp(one.y)))
    assert "y in 'A' and exp(y) in 'B'" in words and "row 1 has" in words
    other = one.y.copy()
    other[4] += 1.0
    assert "in 1 rows (row 5 has" in _refused(one, replace(one, y=other))
    check_same_outcome("A", one, "B", replace(one, outcome="approval"))  # another name for the same numbers


def test_a_density_beside_a_probability() -> None:
    logit = regression("logit")
    gaussian = replace(regression("gaussian"), y=logit.y)
    assert "one gives y a density and the other a probability" in _refused(logit, gaussian)


def test_weights_trials_categories_and_what_1_stands_for() -> None:
    one = regression("binomial", "logit")
    more = one.trials.copy()
    more[0] += 1
    assert "different trials in 1 rows (row 1" in _refused(one, replace(one, trials=more))
    assert "different frequency weights in 40 rows" in _refused(one, replace(one, weights=np.full(40, 2)))
    check_same_outcome("A", one, "B", replace(one, weights=np.ones(40, dtype=np.int64)))
    grades = regression("ordinal", "logit")
    assert "same categories" in _refused(grades, replace(grades, categories=("1", "2", "3", "5")))
    binary = replace(regression("logit"), outcome_labels=("no", "yes"))
    assert "1 stands for 'yes' in 'A' and for 'no' in 'B'" in _refused(binary, replace(binary, outcome_labels=("yes", "no")))


def test_levels_that_group_the_rows_differently() -> None:
    one = regression("gaussian")
    other = replace(one, factors=(replace(one.factors[0], codes=one.factors[0].codes[::-1].copy()),))
    with pytest.raises(DataError, match="g groups the rows differently in 'A' and in 'B'"):
        compare({"A": _fit(one), "B": _fit(other)}, criterion="waic", group="g")
    assert compare({"A": _fit(one), "B": _fit(other)}, criterion="waic").kind == "waic"


def test_nothing_to_compare() -> None:
    with pytest.raises(SpecError, match="nothing to compare"):
        compare([])
    with pytest.raises(SpecError, match="Did you mean 'loo'"):
        compare([_fit(regression("gaussian"))], criterion="lo")


def test_names_of_runs(tmp_path: Path) -> None:
    assert run_names([str(tmp_path / "m1"), str(tmp_path / "m2/")]) == ["m1", "m2"]
    same = [str(tmp_path / "a" / "m"), str(tmp_path / "b" / "m")]
    assert run_names(same) == same

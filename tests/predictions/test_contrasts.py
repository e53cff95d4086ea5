"""Values of a predictor two by two, beside differences of coefficients and ratios by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from gibbs.errors import SpecError
from tests.posterior import built
from tests.posterior.built import flat


def test_of_a_linear_model_they_are_differences_of_coefficients() -> None:
    fit = built.fit("y ~ x + c + (1 | g)", kept=30)
    found = fit.contrasts("c")
    assert list(found.table["contrast"]) == ["mid - low", "top - low", "top - mid"]
    exact = np.stack([flat(fit, "b_cmid"), flat(fit, "b_ctop"), flat(fit, "b_ctop") - flat(fit, "b_cmid")], axis=1)
    np.testing.assert_allclose(found.draws, exact, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.table["mean"], exact.mean(axis=0))
    np.testing.assert_allclose(found.table[["q2.5", "q50", "q97.5"]], np.quantile(exact, [0.025, 0.5, 0.975], axis=0).T)
    np.testing.assert_allclose(found.table["p_above"], (exact > 0).mean(axis=0))
    assert list(fit.contrasts("c", level=0.8).table.columns) == ["contrast", "mean", "sd", "q10", "q50", "q90", "p_above"]


def test_probabilities_are_compared_where_the_others_are_typical() -> None:
    fit = built.fit("bin ~ x * c + (1 | g)", family="logit", kept=30)
    found = fit.contrasts("c", by="x", at={"x": [0.0, 1.0]}, against="mid", groups="typical")
    assert list(found.table["contrast"]) == ["low - mid", "top - mid"] * 2 and list(found.table["x"]) == [0.0, 0.0, 1.0, 1.0]
    for k, x in ((1, 0.0), (3, 1.0)):
        base = flat(fit, "b_Intercept") + x * flat(fit, "b_x")
        mid = special.expit(base + flat(fit, "b_cmid") + x * flat(fit, "b_x:cmid"))
        top = special.expit(base + flat(fit, "b_ctop") + x * flat(fit, "b_x:ctop"))
        np.testing.assert_allclose(found.draws[:, k], top - mid, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    ("outcome", "family", "link", "word"),
    [("bin", "logit", None, "Odds"), ("bin", "binomial", "cloglog", "Hazard"), ("count", "poisson", None, "Rate")],
)
def test_ratios_are_exp_of_coefficients(outcome: str, family: str, link: str | None, word: str) -> None:
    fit = built.fit(f"{outcome} ~ x + b + (1 | g)", family=family, kept=30, **({"link": link} if link else {}))
    found = fit.contrasts("b", exp=True)
    assert found.title.startswith(f"{word} ratios of {outcome}") and found.table.loc[0, "contrast"] == "1 / 0"
    np.testing.assert_allclose(found.draws[:, 0], np.exp(flat(fit, "b_b")), rtol=1e-9)
    assert found.table.loc[0, "mean"] == pytest.approx(np.exp(flat(fit, "b_b").mean()))
    assert found.table.loc[0, "p_above"] == np.mean(flat(fit, "b_b") > 0)


def test_categories_of_an_ordinal_outcome_have_a_row_each() -> None:
    fit = built.fit("grade ~ b + (1 | g)", family="ordinal", kept=30)
    found = fit.contrasts("b")
    assert list(found.table["category"]) == ["1", "2", "3", "4"] and found.draws.shape[1] == 4
    np.testing.assert_allclose(found.draws.sum(axis=1), 0.0, atol=1e-12)  # probabilities sum to 1 on either side
    assert "<table>" in found._repr_html_() and "category" in repr(found)


def test_what_cannot_be_compared_is_refused_by_name() -> None:
    fit = built.fit("y ~ x + c + (1 | g)", kept=5)
    for words, match in (
        ({"variable": "c", "exp": True}, "no ratio"),
        ({"variable": "c", "against": "midd"}, "Did you mean 'mid'"),
        ({"variable": "z"}, "no predictor"),
        ({"variable": "x", "at": {"x": 1.0}}, "two or more"),
        ({"variable": "x", "at": {"x": list(range(70))}}, "2,415 pairs"),
        ({"variable": "c", "level": 95}, "between 0 and 1"),
    ):
        with pytest.raises(SpecError, match=match):
            fit.contrasts(**words)


def test_years_next_to_each_other_are_two() -> None:
    table = built.table()
    fit = built.fit("y ~ year + (1 | g)", table.assign(year=table["year"].astype(float)), kept=30)
    found = fit.contrasts("year", at={"year": [2000.0, 2001.0, 2002.0]}).table
    assert list(found["contrast"]) == ["2001 - 2000", "2002 - 2000", "2002 - 2001"]
    assert found["mean"].iloc[1] == pytest.approx(2 * built.flat(fit, "b_year").mean())
    assert "2000.5" in repr(fit.effects("year", grid=5)) and "2,000" not in repr(fit.effects("year", grid=5))

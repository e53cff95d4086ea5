"""Names are brms', in the order of the arrays."""

from __future__ import annotations

import numpy as np

from gibbs.draws import names
from gibbs.draws.outline import outline
from gibbs.model.records import Prior, Term
from tests.posterior.fabricated import HALF_T, design, factor, slopes, term


def test_names_of_slopes() -> None:
    model = slopes(levels=("21801", "40107"))
    assert names.coefficient_names(model) == ("b_Intercept", "b_x")
    assert names.hyper_names(model) == ("sd_province__Intercept", "sd_province__x", "cor_province__Intercept__x", "sigma")
    assert names.ranef_names(model) == (
        "r_province[21801,Intercept]",
        "r_province[21801,x]",
        "r_province[40107,Intercept]",
        "r_province[40107,x]",
    )


def test_correlations_come_in_the_order_of_brms() -> None:
    """brms, documented output of (1 + a + b | g): cor(Intercept,a), cor(Intercept,b), cor(a,b)."""
    model = design(factor("g", ("1", "2"), np.ones((12, 3)), term("Intercept", "a", "b")))
    assert [name for name in names.hyper_names(model) if name.startswith("cor")] == [
        "cor_g__Intercept__a",
        "cor_g__Intercept__b",
        "cor_g__a__b",
    ]


def test_uncorrelated_terms_have_no_correlation() -> None:
    model = design(factor("g", ("1", "2"), np.ones((12, 2)), term("Intercept"), term("x")), family="student")
    assert names.hyper_names(model) == ("sd_g__Intercept", "sd_g__x", "sigma", "nu")


def test_fixed_values_are_the_priors_fixed() -> None:
    g = factor("g", ("1", "2"), np.ones((12, 2)), term("Intercept", sd=Prior("fixed", (0.5,))), term("x"))
    model = design(g, sigma_prior=Prior("fixed", (2.0,)))
    assert names.fixed_values(model) == {"sd_g__Intercept": 0.5, "sigma": 2.0}


def test_a_covariance_prior_hides_the_sd_priors() -> None:
    wishart = Term(("Intercept", "x"), (Prior("fixed", (1.0,)), HALF_T), None, Prior("inverse_wishart", (4.0, ((1.0, 0.0), (0.0, 1.0)))))
    model = design(factor("g", ("1", "2"), np.ones((12, 2)), wishart))
    assert names.fixed_values(model) == {}
    assert "cor_g__Intercept__x" in names.hyper_names(model)


def test_a_design_and_its_outline_give_the_same_names() -> None:
    model = slopes()
    for function in (names.coefficient_names, names.hyper_names, names.ranef_names, names.fixed_values):
        assert function(model) == function(outline(model))

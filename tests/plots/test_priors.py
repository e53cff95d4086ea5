"""Prior densities: each integrates to one, and those implied by a prior on a covariance matrix are the law of its draws."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import integrate, stats

from gibbs.draws.outline import outline
from gibbs.errors import PlotError
from gibbs.model import prior_draws
from gibbs.model.records import Prior, Term
from gibbs.plots import priors
from tests.plots import fits
from tests.posterior import built, fabricated

SD = (
    Prior("half_t", (3.0, 0.0, 2.5)),
    Prior("half_normal", (0.0, 2.0)),
    Prior("half_cauchy", (0.0, 1.0)),
    Prior("exponential", (0.7,)),
    Prior("uniform", (0.5, 3.0)),
    Prior("inverse_gamma", (2.0, 1.5)),
)


NOTHING = SimpleNamespace(coefficient_priors=(), coefficients=())
"""A design without coefficients."""


def model(covariance: Prior | None = None, sd: Prior = SD[0], columns: tuple[str, ...] = ("Intercept", "x"), **changes: object):
    term = Term(columns, tuple(sd for _ in columns), Prior("lkj", (2.0,)) if covariance is None else None, covariance)
    Z = np.ones((12, len(columns)))
    return outline(fabricated.design(fabricated.factor("g", ("a", "b"), Z, term), **changes))


def mass(one: priors.Known) -> float:
    """∫ density over the support, in pieces about its bulk."""
    if one.low == -1.0:
        return integrate.quad(lambda x: float(one.density(np.array([x]))[0]), -1, 1, limit=200)[0]
    edges = [one.low, one.low + 0.5, one.low + 3.0, 50.0, 1e4, np.inf]
    return sum(integrate.quad(lambda x: float(one.density(np.array([x]))[0]), a, b, limit=400)[0] for a, b in pairwise(edges))


@pytest.mark.parametrize("prior", SD, ids=str)
def test_every_prior_of_an_sd_integrates_to_one(prior: Prior) -> None:
    found = priors.known(model(sd=prior, sigma_prior=prior))
    assert [one.name for one in found] == ["sd_g__Intercept", "sd_g__x", "cor_g__Intercept__x", "sigma"]
    for one in found:
        assert mass(one) == pytest.approx(1.0, abs=1e-5), one.name


@pytest.mark.parametrize("prior", [Prior("gamma", (2.0, 0.1)), Prior("uniform", (2.0, 30.0))], ids=str)
def test_priors_of_nu_begin_at_one(prior: Prior) -> None:
    one = priors.known(model(family="student", nu_prior=prior, sigma_prior=SD[0]))[-1]
    assert one.name == "nu" and float(one.density(np.array([0.9]))[0]) == 0.0
    assert mass(one) == pytest.approx(1.0, abs=1e-5)


def test_an_exponential_on_nu_is_whole_and_on_df_begins_at_one() -> None:
    """As it is sampled: kernels/priors.py cuts off no exponential; on the df of effects stands a gamma of shape 1 above 1."""
    prior, x = Prior("exponential", (0.1,)), np.array([0.2, 0.9, 1.1, 7.0])
    found = model(family="student", nu_prior=prior, sigma_prior=SD[0])
    found = replace(found, factors=(replace(found.factors[0], own_prior=prior),))
    df, _, nu = priors.known(found)[-3:]
    assert (df.name, nu.name) == ("df_g", "nu") and "cut off below 1" in df.words and "cut off" not in nu.words
    np.testing.assert_allclose(nu.density(x), stats.expon.pdf(x, scale=10.0))
    np.testing.assert_allclose(df.density(x), stats.expon.pdf(x, 1.0, scale=10.0))


def test_a_gamma_on_the_shape_begins_at_zero() -> None:
    one = priors.known(model(family="negative_binomial", dispersion_prior=Prior("gamma", (2.0, 3.0)), sigma_prior=None))[-1]
    x = np.array([0.1, 0.5, 2.0])
    assert one.name == "shape" and "cut off" not in one.words
    np.testing.assert_allclose(one.density(x), stats.gamma.pdf(x, 2.0, scale=1 / 3.0))


def test_what_the_model_fixes_has_no_panel() -> None:
    assert [one.name for one in priors.known(model(sd=Prior("fixed", (1.0,)), columns=("Intercept",)))] == ["sigma"]


def test_flat_priors_alone_are_called_flat() -> None:
    flat = replace(model(sd=Prior("flat", ()), columns=("Intercept",)), sigma_prior=None)
    with pytest.raises(PlotError, match=r"the prior of sd_g__Intercept is flat: there is no density"):
        priors.draw(SimpleNamespace(outline=flat, design=NOTHING))
    with pytest.raises(PlotError, match=r"the prior of sd_g__Intercept and sigma is flat"):
        priors.draw(SimpleNamespace(outline=replace(flat, sigma_prior=Prior("flat", ())), design=NOTHING))
    fixed = replace(model(sd=Prior("fixed", (1.0,)), columns=("Intercept",)), sigma_prior=None)
    with pytest.raises(PlotError, match="no prior of one to show"):
        priors.draw(SimpleNamespace(outline=fixed, design=NOTHING))


def follows(one: priors.Known, drawn: np.ndarray) -> None:
    """The share of draws below five points is what the density says, within 4.5 standard errors: a chance of 1e-5 a point."""
    for point in np.quantile(drawn, (0.05, 0.25, 0.5, 0.75, 0.95)):
        low = one.low + 1e-9 if np.isfinite(one.low) else 2.0 * drawn.min() - drawn.max()
        grid = np.linspace(low, point, 801 if np.isfinite(one.low) else 20_001)
        below = np.trapezoid(one.density(grid), grid)
        assert below == pytest.approx(np.mean(drawn <= point), abs=4.5 * 0.5 / np.sqrt(len(drawn)) + 2e-3), one.name


def sds_and_correlations(matrices: np.ndarray) -> dict[str, np.ndarray]:
    sd = np.sqrt(np.diagonal(matrices, axis1=1, axis2=2))
    pairs = {"cor_g__Intercept__x": (0, 1), "cor_g__Intercept__z": (0, 2), "cor_g__x__z": (1, 2)}
    found = {name: matrices[:, a, b] / (sd[:, a] * sd[:, b]) for name, (a, b) in pairs.items()}
    return found | {f"sd_g__{column}": sd[:, a] for a, column in enumerate(("Intercept", "x", "z"))}


def test_inverse_wishart_implies_these() -> None:
    S = ((4.0, 1.0, 0.5), (1.0, 2.0, -0.6), (0.5, -0.6, 1.0))
    found = priors.known(model(Prior("inverse_wishart", (5.0, S)), columns=("Intercept", "x", "z")))
    drawn = sds_and_correlations(stats.invwishart.rvs(5.0, np.array(S), size=20_000, random_state=np.random.default_rng(8)))
    assert {one.name for one in found} == set(drawn) | {"sigma"}
    for one in found[:-1]:
        assert one.words.startswith("implied by inverse-Wishart")
        follows(one, drawn[one.name])


def test_huang_wand_implies_these() -> None:
    """Σ | a ~ inverse-Wishart(ν + q − 1, 2ν diag(1/a)), a_k ~ inverse-gamma(1/2, 1/A_k²): their definition (2)."""
    nu, A, rng = 3.0, np.array([2.0, 0.5, 1.0]), np.random.default_rng(9)
    found = priors.known(model(Prior("huang_wand", (nu, tuple(A))), columns=("Intercept", "x", "z")))
    a = 1.0 / rng.gamma(0.5, 1.0 / (1.0 / A**2), size=(4000, 3))
    matrices = np.stack([stats.invwishart.rvs(nu + 2, 2 * nu * np.diag(1 / row), random_state=rng) for row in a])
    drawn = sds_and_correlations(matrices)
    assert {one.name for one in found} == set(drawn) | {"sigma"}
    for one in found[:-1]:
        follows(one, drawn[one.name])


def test_coefficients_have_the_law_of_draws_from_their_priors() -> None:
    """Defaults, a stated t among them, and a t on the intercept that every default of it hangs on."""
    for stated in ({}, {"b[x]": "student_t(4, 1, 2)"}, {"intercept": "student_t(5, 0, 3)"}):
        design = built.fit("y ~ x * b + c", kept=5, priors=stated).design
        found = {one.name: one for one in priors.coefficients(design.coefficient_priors, design.coefficients)}
        drawn = prior_draws.draw(design, np.random.default_rng(3), 20_000).beta
        assert list(found) == [f"b_{name}" for name in design.coefficients]
        for k, one in enumerate(found.values()):
            follows(one, drawn[:, k])
    made = built.fit("y ~ x + b", kept=5, priors={"b[b]": "normal(1, 2)", "b": "flat", "intercept": "flat"}).design
    (one,) = priors.coefficients(made.coefficient_priors, made.coefficients)
    assert one.name == "b_b" and one.words == "normal, mean 1, sd 2"
    np.testing.assert_allclose(one.density(np.array([0.0, 1.0])), stats.norm.pdf([0.0, 1.0], 1, 2))


def test_coefficients_come_first_and_give_way_where_there_is_no_room() -> None:
    made = built.fit("y ~ x + (1 | g)", kept=200).plot.priors()
    assert [axis.get_title("left") for axis in made.axes if axis.axison] == ["b_Intercept", "b_x", "sd_g__Intercept", "sigma"]
    many = built.fit("y ~ poly(x, 24) + (1 | g)", kept=200).plot.priors()
    assert [axis.get_title("left") for axis in many.axes if axis.axison] == ["sd_g__Intercept", "sigma"]


def test_a_panel_a_parameter_with_both_curves() -> None:
    fit = fits.fit("student", kept=500)
    made = fit.plot.priors()
    panels = {axis.get_title("left"): axis for axis in made.axes if axis.axison}
    assert set(panels) == {"sd_g__Intercept", "sd_g__x", "sd_year__Intercept", "cor_g__Intercept__x", "sigma", "nu"}
    for name, axis in panels.items():
        lines = {line.get_label(): line for line in axis.lines}
        x, posterior = lines["posterior"].get_data()
        values = fit.arrays.hyper[:, :, fit.arrays.hyper_names.index(name)]
        inside = np.mean((values >= x[0]) & (values <= x[-1]))
        assert inside > 0.97
        assert np.trapezoid(posterior, x) == pytest.approx(1.0, abs=0.03)
        assert lines["prior"].get_linestyle() == "--" and lines["posterior"].get_linestyle() == "-"
    x, prior = panels["sigma"].lines[1].get_data()
    np.testing.assert_allclose(prior, 2 * stats.t.pdf(x / 2.5, 3) / 2.5)


def test_only_those_asked_for() -> None:
    made = fits.fit().plot.priors(["sigma", "sd_*"])
    assert [axis.get_title("left") for axis in made.axes] == ["sigma", "sd_g__Intercept", "sd_g__x", "sd_year__Intercept"]
    nothing = replace(fits.design("logit"), factors=())
    with pytest.raises(Exception, match="no prior of one to show"):
        fabricated.fit(nothing).plot.priors()

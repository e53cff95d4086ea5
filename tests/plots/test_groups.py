"""The deck's panels: lines against least squares, direct maximum likelihood, and coefficients worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize, special, stats

from gibbs.errors import PlotError
from gibbs.model.records import Design
from gibbs.plots import groups
from gibbs.posterior.fit import Fit
from tests.plots import fits
from tests.posterior import fabricated


def simple(y: np.ndarray | None = None, x: np.ndarray | None = None, **changes: object) -> Fit:
    """y ~ x + (1 + x | g) on 40 rows in four groups."""
    rng = np.random.default_rng(3)
    x = np.round(rng.normal(size=40), 1) if x is None else x
    X = np.column_stack((np.ones(40), x))
    g = fabricated.factor("g", ("a", "b", "c", "d"), X, fabricated.term("Intercept", "x"))
    made = fabricated.design(g, rows=40, X=X, y=1 + x + rng.normal(size=40) if y is None else y, **changes)
    return fabricated.fit(made, fabricated.draws(made, kept=60))


def test_one_predictor_plain_least_squares_beside_the_posterior() -> None:
    fit = simple()
    design, found = fit.design, groups.numbers(simple())
    assert (found.factor, found.predictor, len(found.panels)) == ("g", "x", 4)
    everything = np.linalg.lstsq(design.X, design.y, rcond=None)[0]
    np.testing.assert_allclose(found.pooled, everything)
    for j, panel in enumerate(found.panels):
        rows = design.factors[0].codes == j
        own = np.linalg.lstsq(design.X[rows], design.y[rows], rcond=None)[0]
        np.testing.assert_allclose(panel.line, own)
        np.testing.assert_allclose(panel.alone, own[0] + own[1] * panel.grid)
        alpha = fit.arrays.beta[:, :, 0] + fit.arrays.u[:, :, 2 * j]
        beta = fit.arrays.beta[:, :, 1] + fit.arrays.u[:, :, 2 * j + 1]
        np.testing.assert_allclose(panel.partial, alpha.mean() + beta.mean() * panel.grid)
        end = (alpha + beta * panel.grid[-1]).ravel()
        np.testing.assert_allclose(panel.band[:, -1], np.quantile(end, (0.025, 0.975)))
        assert sorted(panel.y) == sorted(design.y[rows])
    coef = fit.coef()["g"]
    np.testing.assert_allclose([p.partial[0] for p in found.panels], coef["Intercept"] + coef["x"] * found.panels[0].grid[0])


def test_what_is_drawn_is_what_was_computed() -> None:
    fit = simple()
    found, made = groups.numbers(fit), fit.plot.groups()
    assert len(made.axes) == 4
    for axis, panel in zip(made.axes, found.panels, strict=True):
        assert axis.get_title("left") == f"g {panel.level}"
        lines = {line.get_label(): line for line in axis.lines}
        np.testing.assert_allclose(lines["partial pooling (the model)"].get_ydata(), panel.partial)
        np.testing.assert_allclose(lines["no pooling"].get_ydata(), panel.alone)
        np.testing.assert_allclose(lines["complete pooling"].get_ydata(), found.pooled[0] + found.pooled[1] * panel.grid)
        assert {line.get_linestyle() for line in axis.lines} >= {"-", "--", ":"}  # told apart without colour
        points = axis.collections[0].get_offsets()
        np.testing.assert_allclose(points, np.column_stack((panel.x, panel.y)))


def test_products_and_other_factors_enter_at_the_means_of_the_group() -> None:
    """η_j(x) worked out from the definition: a row of the group's own z, the mean of its other effects."""
    fit = fits.fit()
    design = fit.design
    found = groups.numbers(fit, "g", "x")
    beta, u = fit.arrays.beta, fit.arrays.u
    for j, panel in enumerate(found.panels):
        rows = np.flatnonzero(design.factors[0].codes == j)
        z = design.X[rows[0], 2]
        years = design.factors[1].codes[rows]
        other = np.mean([u[:, :, 8 + t] for t in years], axis=0)
        for at in (0, 20, 40):
            x = panel.grid[at]
            eta = beta[:, :, 0] + beta[:, :, 1] * x + beta[:, :, 2] * z + beta[:, :, 3] * x * z + u[:, :, 2 * j] + u[:, :, 2 * j + 1] * x
            assert panel.partial[at] == pytest.approx((eta + other).mean())


def test_no_pooling_among_other_predictors_takes_them_as_an_offset() -> None:
    fit = fits.fit()
    design, found = fit.design, groups.numbers(fit, "g", "x")
    u = fit.arrays.u.mean(axis=(0, 1))
    for j, panel in enumerate(found.panels):
        rows = design.factors[0].codes == j
        other = u[8:][design.factors[1].codes[rows]]  # z and the intercept are constant in a group
        own = np.linalg.lstsq(design.X[rows][:, :2], design.y[rows] - other + other.mean(), rcond=None)[0]
        np.testing.assert_allclose(panel.line, own)


def likelihood_line(family: str, link: str, y: np.ndarray, x: np.ndarray, trials: np.ndarray | None = None) -> np.ndarray:
    """Maximum likelihood by a general optimiser on scipy's own distributions."""

    def minus(theta: np.ndarray) -> float:
        eta = theta[0] + theta[1] * x
        if family == "poisson":
            return -stats.poisson.logpmf(y, np.exp(eta)).sum()
        p = {"logit": special.expit, "probit": special.ndtr, "cloglog": lambda e: 1 - np.exp(-np.exp(e))}[link](eta)
        return -stats.binom.logpmf(y, 1 if trials is None else trials, np.clip(p, 1e-12, 1 - 1e-12)).sum()

    return optimize.minimize(minus, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-10, "maxiter": 5000}).x


@pytest.mark.parametrize(
    ("family", "link"), [("logit", "logit"), ("probit", "probit"), ("binomial", "logit"), ("binomial", "cloglog"), ("poisson", "log")]
)
def test_no_pooling_is_maximum_likelihood_on_the_response_scale(family: str, link: str) -> None:
    rng = np.random.default_rng(11)
    x = np.round(rng.normal(size=40), 1)
    p = special.expit(0.2 + 0.5 * x)
    trials = rng.integers(3, 9, 40) if family == "binomial" else None
    y = rng.poisson(np.exp(0.5 + 0.3 * x)) if family == "poisson" else rng.binomial(1 if trials is None else trials, p)
    fit = simple(y.astype(float), x, family=family, link=link, trials=trials, sigma_prior=None)
    found = groups.numbers(fit)
    inverse = {"logit": special.expit, "probit": special.ndtr, "cloglog": lambda e: 1 - np.exp(-np.exp(e)), "log": np.exp}[link]
    lines = 0
    for j, panel in enumerate(found.panels):
        rows = fit.design.factors[0].codes == j
        if panel.line is not None:
            lines += 1
            best = likelihood_line(family, link, y[rows], x[rows], None if trials is None else trials[rows])
            np.testing.assert_allclose(panel.line, best, atol=2e-4)
            np.testing.assert_allclose(panel.alone, inverse(panel.line[0] + panel.line[1] * panel.grid))
        eta = fit.arrays.beta[:, :, :1] + fit.arrays.u[:, :, 2 * j, None]
        eta = eta + (fit.arrays.beta[:, :, 1:2] + fit.arrays.u[:, :, 2 * j + 1, None]) * panel.grid
        np.testing.assert_allclose(panel.partial, inverse(eta).mean(axis=(0, 1)))
    assert lines >= 3
    np.testing.assert_allclose(found.pooled, likelihood_line(family, link, y, x, trials), atol=2e-4)


def binary_groups() -> Fit:
    """Four groups of ten: overlapping; separated by x; all ones; x constant."""
    codes = np.arange(40) % 4
    x, y = np.tile(np.arange(10.0), (4, 1)), np.zeros((4, 10))
    y[0] = [0, 1, 0, 0, 1, 0, 1, 1, 0, 1]
    y[1, 5:] = 1
    y[2] = 1
    x[3], y[3, ::2] = 2.0, 1
    place = np.arange(40) // 4
    return simple(y[codes, place], x[codes, place], family="logit", link="logit", sigma_prior=None)


def test_groups_without_a_solution_have_no_line_of_their_own() -> None:
    fit = binary_groups()
    found = groups.numbers(fit)
    assert [panel.line is not None for panel in found.panels] == [True, False, False, False]
    made = fit.plot.groups()
    assert ["no pooling" in {line.get_label() for line in axis.lines} for axis in made.axes] == [True, False, False, False]
    assert "3 groups have no line of their own" in made.get_supxlabel().replace("\n", " ")


def test_weights_are_repetitions_and_missing_outcomes_are_no_points() -> None:
    weights = np.random.default_rng(4).integers(1, 4, 40)
    unknown = np.zeros(40, dtype=bool)
    unknown[[0, 5, 6]] = True
    plain = simple()
    weighted: Design = replace(plain.design, weights=weights, missing_outcome=unknown, y=np.where(unknown, 1e6, plain.design.y))
    found = groups.numbers(fabricated.fit(weighted, plain.arrays))
    for j, panel in enumerate(found.panels):
        rows = np.repeat(np.arange(40), np.where(unknown, 0, weights))
        rows = rows[plain.design.factors[0].codes[rows] == j]
        np.testing.assert_allclose(panel.line, np.linalg.lstsq(plain.design.X[rows], plain.design.y[rows], rcond=None)[0])
        assert panel.y.max() < 1e5


def test_without_a_predictor_the_lines_are_level() -> None:
    g = fabricated.factor("g", ("a", "b"), np.ones((12, 1)), fabricated.term("Intercept"))
    y = np.arange(12.0)
    model = fabricated.design(g, y=y, coefficients=("Intercept",))
    fit = fabricated.fit(model)
    found = groups.numbers(fit)
    assert found.predictor is None and found.pooled == pytest.approx((5.5, 0.0))
    assert [panel.line for panel in found.panels] == [pytest.approx((5.0, 0.0)), pytest.approx((6.0, 0.0))]
    fits.drawn(fit.plot.groups())


def test_a_predictor_that_bends_is_refused() -> None:
    design = fits.design()
    bent = replace(design, coefficients=("Intercept", "x", "I(x^2)", "x:z"))
    with pytest.raises(PlotError, match=r"as I\(x\^2\) too: its effect is no line"):
        groups.numbers(fabricated.fit(bent), "g", "x")
    assert groups.numbers(fabricated.fit(bent), "g").predictor is None


def test_twelve_to_a_page_and_levels_by_name() -> None:
    levels = tuple(f"s{j:02d}" for j in range(30))
    x = np.tile(np.arange(3.0), 30)
    X = np.column_stack((np.ones(90), np.sort(x)))
    fit = fabricated.fit(fabricated.design(fabricated.factor("s", levels, X, fabricated.term("Intercept", "x")), rows=90, X=X))
    assert [p.level for p in groups.numbers(fit).panels] == list(levels[:12])
    assert [p.level for p in groups.numbers(fit, page=3).panels] == list(levels[24:])
    assert [p.level for p in groups.numbers(fit, levels=["s29", "s01"]).panels] == ["s29", "s01"]
    assert len([axis for axis in fit.plot.groups(page=3).axes if axis.axison]) == 6

"""Marginal effects beside their calculus by hand, grids beside predictions, and pictures that hold what they should."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from gibbs.errors import PlotError, SpecError
from tests.posterior import built
from tests.posterior.built import flat


def linear(fit, frame: pd.DataFrame) -> np.ndarray:  # type: ignore[no-untyped-def]
    """η (S, N) of bin ~ x + I(x^2) + b:x + (1 + x | g), by names."""
    g = [np.stack([flat(fit, f"r_g[{level},{term}]") for level in frame.g], axis=1) for term in ("Intercept", "x")]
    beta = {name: flat(fit, f"b_{name}")[:, None] for name in fit.outline.coefficients}
    x, b = frame.x.to_numpy(), frame.b.to_numpy()
    return beta["Intercept"] + beta["x"] * x + beta["I(x^2)"] * x**2 + beta["x:b"] * x * b + g[0] + g[1] * x


def test_the_derivative_runs_through_every_term() -> None:
    """d/dx Φ(η) = φ(η) (β₁ + 2β₂x + β₃b + u_x), averaged over rows."""
    frame = built.table()
    fit = built.fit("bin ~ x + I(x^2) + x:b + (1 + x | g)", frame, "probit", kept=20)
    slopes = np.stack([flat(fit, f"r_g[{level},x]") for level in frame.g], axis=1)
    x, b = frame.x.to_numpy(), frame.b.to_numpy()
    beta = {name: flat(fit, f"b_{name}")[:, None] for name in fit.outline.coefficients}
    exact = stats.norm.pdf(linear(fit, frame)) * (beta["x"] + 2 * beta["I(x^2)"] * x + beta["x:b"] * b + slopes)
    found = fit.ame("x", draws=True)["x", "dy/dx"]
    np.testing.assert_allclose(found, exact.mean(axis=1), rtol=1e-7, atol=1e-10)
    table = fit.ame("x")
    assert table.loc[0, "mean"] == pytest.approx(exact.mean(), rel=1e-7)
    assert list(table.columns) == ["variable", "effect", "mean", "sd", "q2.5", "q50", "q97.5"]


def test_zero_one_and_categories_are_differences() -> None:
    frame = built.table()
    fit = built.fit("bin ~ x + b + c + (1 | g)", frame, "logit", kept=20)
    found = fit.ame(draws=True)
    assert list(found) == [("x", "dy/dx"), ("b", "1 - 0"), ("c", "mid - low"), ("c", "top - low")]
    u = np.stack([flat(fit, f"r_g[{level},Intercept]") for level in frame.g], axis=1)
    beta = {name: flat(fit, f"b_{name}")[:, None] for name in fit.outline.coefficients}
    rest = beta["Intercept"] + beta["x"] * frame.x.to_numpy() + u
    c = beta["cmid"] * (frame.c == "mid").to_numpy() + beta["ctop"] * (frame.c == "top").to_numpy()
    exact = special.expit(rest + c + beta["b"]) - special.expit(rest + c)
    np.testing.assert_allclose(found["b", "1 - 0"], exact.mean(axis=1), rtol=1e-9)
    base = rest + beta["b"] * frame.b.to_numpy()
    exact = special.expit(base + beta["ctop"]) - special.expit(base)
    np.testing.assert_allclose(found["c", "top - low"], exact.mean(axis=1), rtol=1e-9)


def test_population_average_effects() -> None:
    """probit, random intercept: E(y) = Φ(η/√(1+v)), so the derivative is φ(η/√(1+v)) β/√(1+v)."""
    frame = built.table()
    fit = built.fit("bin ~ x + (1 | g)", frame, "probit", kept=20)
    scale = np.sqrt(1 + flat(fit, "sd_g__Intercept")[:, None] ** 2)
    eta = (flat(fit, "b_Intercept")[:, None] + flat(fit, "b_x")[:, None] * frame.x.to_numpy()) / scale
    exact = (stats.norm.pdf(eta) * flat(fit, "b_x")[:, None] / scale).mean(axis=1)
    np.testing.assert_allclose(fit.ame("x", groups="population", draws=True)["x", "dy/dx"], exact, rtol=1e-7)


def test_frequency_weights_count_rows() -> None:
    frame = built.table()
    twice = frame.loc[frame.index.repeat(1 + frame.b)]
    weighted = built.fit("y ~ x + I(x^2) + (1 | g)", frame.assign(w=1 + frame.b), kept=20, weights={"column": "w", "type": "frequency"})
    repeated = built.fit("y ~ x + I(x^2) + (1 | g)", twice, kept=20)
    # a step is a part of sd(x), which the two tables have different: the difference is exact for a square
    np.testing.assert_allclose(weighted.ame("x", draws=True)["x", "dy/dx"], repeated.ame("x", draws=True)["x", "dy/dx"], rtol=1e-6)


def test_a_predictor_that_names_the_groups_too() -> None:
    """year as a slope and as a factor: its derivative leaves each row in its own group."""
    fit = built.fit("y ~ year + (1 | year)", kept=20)
    np.testing.assert_allclose(fit.ame("year", draws=True)["year", "dy/dx"], flat(fit, "b_year"), rtol=1e-6)


def test_a_log_at_its_edge() -> None:
    frame = built.table().assign(x=lambda f: np.abs(f.x - f.x.iloc[0]))
    fit = built.fit("y ~ sqrt(x) + (1 | g)", frame.assign(x=frame.x + (frame.x == 0) * 1e-9), kept=20)
    assert np.isfinite(fit.ame("x", draws=True)["x", "dy/dx"]).all()


def test_an_ordinal_effect_sums_to_nothing() -> None:
    fit = built.fit("grade ~ x + b + (1 | g)", family="ordinal", kept=20)
    table = fit.ame()
    assert list(table["category"]) == ["1", "2", "3", "4"] * 2
    for _, part in table.groupby("variable"):
        assert abs(part["mean"].sum()) < 1e-9
    x, cut = fit.data.x.to_numpy(), np.stack([flat(fit, f"b_Intercept[{k}]") for k in (1, 2, 3)], axis=1)
    u = np.stack([flat(fit, f"r_g[{level},Intercept]") for level in fit.data.g], axis=1)
    eta = flat(fit, "b_x")[:, None] * x + flat(fit, "b_b")[:, None] * fit.data.b.to_numpy() + u
    density = stats.logistic.pdf(cut[:, :1] - eta) * -flat(fit, "b_x")[:, None]
    np.testing.assert_allclose(fit.ame("x", draws=True)["x", "dy/dx"][:, 0], density.mean(axis=1), rtol=1e-6)


# --------------------------------------------------------------------------------------------------------------- grids


def test_a_grid_is_predictions_at_typical_values() -> None:
    frame = built.table()
    fit = built.fit("bin ~ x * b + c + offset(n) + (1 + b | g)", frame, "probit", kept=20)
    found = fit.effects("b", by="x", grid=5)
    assert found.along == "x" and found.held == {"c": "low", "n": frame.n.mean()}
    x = np.linspace(frame.x.min(), frame.x.max(), 5)
    new = pd.DataFrame({"b": np.repeat([0, 1], 5), "x": np.tile(x, 2), "c": "low", "n": frame.n.mean()})
    np.testing.assert_allclose(found.draws, fit.predict(new, "population average", draws=True), rtol=1e-12)
    table = found.table
    assert list(table["b"]) == [0] * 5 + [1] * 5 and np.allclose(table["x"], new.x)
    np.testing.assert_allclose(table["mean"], found.draws.mean(axis=0), rtol=1e-12)
    assert "c = low" in found.caption and "averaged over all g" in found.caption and "Pr(bin = 1)" in repr(found)


def test_a_grid_averaged_over_the_data() -> None:
    frame = built.table()
    fit = built.fit("bin ~ x + c + (1 | g)", frame, "logit", kept=20)
    found = fit.effects("c", others="observed", groups="known")
    for k, level in enumerate(("low", "mid", "top")):
        np.testing.assert_allclose(found.draws[:, k], fit.predict(frame.assign(c=level), draws=True).mean(axis=1), rtol=1e-10)
    ame = fit.ame("c", draws=True)
    np.testing.assert_allclose(found.draws[:, 2] - found.draws[:, 0], ame["c", "top - low"], rtol=1e-9)


def test_values_and_groups_that_are_given() -> None:
    fit = built.fit("y ~ x + b + (1 | g)", kept=20)
    found = fit.effects("x", at={"x": [1.0, 4.0], "b": 1, "g": "g3"}, groups="known")
    new = pd.DataFrame({"x": [1.0, 4.0], "b": 1, "g": "g3"})
    np.testing.assert_allclose(found.draws, fit.predict(new, draws=True), rtol=1e-12)
    two = fit.effects("x", by="b", grid=3)
    assert sorted(set(two.table["b"])) == [0, 1] and len(two.table) == 6
    by_number = built.fit("y ~ x * n + (1 | g)", kept=20).effects("x", by="n", grid=3)
    mean, sd = built.table().n.mean(), built.table().n.std(ddof=1)
    np.testing.assert_allclose(sorted(set(by_number.table["n"])), [mean - sd, mean, mean + sd])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda fit: fit.ame("bb"), "no predictor.*Did you mean 'b'"),
        (lambda fit: fit.effects("g"), "no predictor"),
        (lambda fit: fit.effects("x", by="x"), "by itself"),
        (lambda fit: fit.effects("x", others="mean"), "typical or observed"),
        (lambda fit: fit.effects("x", groups="known"), "which 'g' is not said"),
        (lambda fit: fit.effects("x", at={"q": 1}), "'q' is not needed"),
        (lambda fit: fit.effects("x", probabilities=(0.5,)), "two probabilities"),
    ],
)
def test_what_cannot_be_is_refused(call, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SpecError, match=message):
        call(built.fit("y ~ x + b + (1 | g)", kept=20))


def test_no_predictors() -> None:
    with pytest.raises(SpecError, match="no predictors"):
        built.fit("y ~ 1 + (1 | g)", kept=20).ame()


# ------------------------------------------------------------------------------------------------------------ pictures


def test_pictures() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    fit = built.fit("bin ~ x * b + c + (1 | g)", family="probit", kept=20)
    lines = fit.effects("b", by="x")
    figure = lines.plot()
    ax = figure.axes[0]
    assert isinstance(figure, Figure) and ax.get_xlabel() == "x" and ax.get_ylabel() == "Pr(bin = 1)"
    assert [line.get_linestyle() for line in ax.get_lines()] == ["-", "--"] and len({line.get_color() for line in ax.get_lines()}) == 2
    np.testing.assert_allclose(ax.get_lines()[1].get_ydata(), lines.table["mean"][25:])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["b = 0", "b = 1"] and ax.get_legend() is None  # off the data
    assert [tick.get_text() for tick in fit.effects("c").plot().axes[0].get_xticklabels()] == ["low", "mid", "top"]
    ordinal = built.fit("grade ~ x + b + (1 | g)", family="ordinal", kept=20)
    panels = ordinal.effects("x", by="b", grid=4).plot().axes
    assert [ax.get_title("left") for ax in panels] == ["b = 0", "b = 1"] and all(len(ax.get_lines()) == 4 for ax in panels)
    own = matplotlib.figure.Figure()
    given = own.subplots(1, 2)
    assert ordinal.effects("x", grid=4).plot(given[0]) is own and given[0].get_title("left") and not given[1].get_title("left")
    assert ordinal.effects("x", by="b", grid=4).plot(given) is own
    with pytest.raises(PlotError, match="2 panels"):
        ordinal.effects("x", by="b", grid=4).plot(given[0])


def test_the_band_of_another_level_is_that_of_its_draws() -> None:
    fit = built.fit("y ~ x + (1 | g)", kept=50)
    found = fit.effects("x", grid=3, at={"x": [0.0, 1.0, 2.0, 3.0]})
    band = found.plot(level=0.5).axes[0].collections[0].get_paths()[0].vertices
    for k, x in enumerate((0.0, 1.0, 2.0, 3.0)):
        low, high = np.quantile(found.draws[:, k], (0.25, 0.75))
        assert {round(v, 9) for v in band[band[:, 0] == x, 1]} == {round(low, 9), round(high, 9)}


def test_marginal_effects_at_values_of_another_predictor() -> None:
    """A linear model: dE(y)/dx at b is β_x + β_xb b, plus the mean over rows of the slopes of their groups."""
    frame = built.table()
    fit = built.fit("y ~ x * b + (1 + x | g)", frame, kept=20)
    own = np.mean([flat(fit, f"r_g[{level},x]") for level in frame.g], axis=0)
    found = fit.ame("x", by="b", draws=True)
    assert list(found) == [("x", "dy/dx", 0.0), ("x", "dy/dx", 1.0)]
    for b in (0.0, 1.0):
        np.testing.assert_allclose(found["x", "dy/dx", b], flat(fit, "b_x") + b * flat(fit, "b_x:b") + own, rtol=1e-6, atol=1e-8)
    at = fit.ame("b", by="x", at={"x": [0.5, 2.0]}, draws=True)
    np.testing.assert_allclose(at["b", "1 - 0", 2.0], flat(fit, "b_b") + 2.0 * flat(fit, "b_x:b"), rtol=1e-9, atol=1e-10)
    assert list(fit.ame("b", by="x", at={"x": [0.5, 2.0]}).columns[:3]) == ["variable", "effect", "x"]
    held = fit.ame("x", at={"b": 1}, draws=True)["x", "dy/dx"]
    np.testing.assert_allclose(held, found["x", "dy/dx", 1.0], rtol=1e-9)
    refused = (({"by": "x"}, "by itself"), ({"by": "z"}, "no predictor"), ({"at": {"zz": 1}}, "not needed"), ({"at": {"x": 1}}, "shown"))
    for wrong, words in refused:
        with pytest.raises(SpecError, match=words):
            fit.ame("x", **wrong)

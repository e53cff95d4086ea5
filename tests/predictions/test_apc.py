"""Age, period and cohort: only what is estimable, the same whatever splits the trends."""

from __future__ import annotations

from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest

from gibbs.draws import names
from gibbs.draws.records import Draws
from gibbs.errors import DataError, SpecError
from gibbs.model import spec as specs
from gibbs.pipeline import prepare
from gibbs.posterior.fit import Fit
from gibbs.predictions import apc

matplotlib.use("Agg")


def axes_of(rng: np.random.Generator, kappa: float = 0.0) -> dict[str, apc.Axis]:
    """Three curves of 2 × 50 draws, turned along the direction that nobody knows."""
    at = {"age": 20.0 + 5.0 * np.arange(6), "period": 1980.0 + 5.0 * np.arange(5)}
    at["cohort"] = np.unique(at["period"][None] - at["age"][:, None])
    found = {}
    for name, sign in (("age", 1.0), ("period", -1.0), ("cohort", 1.0)):
        curve = rng.standard_normal((2, 50, at[name].size)) + sign * kappa * at[name]
        found[name] = apc.Axis(name, name, tuple(f"{x:g}" for x in at[name]), at[name], curve)
    return found


def cells_of(axes: dict[str, apc.Axis]) -> np.ndarray:
    pairs = [(i, j) for i in range(len(axes["age"].at)) for j in range(len(axes["period"].at))]
    cohort = {x: k for k, x in enumerate(axes["cohort"].at)}
    return np.array([(i, j, cohort[axes["period"].at[j] - axes["age"].at[i]]) for i, j in pairs])


def test_no_slope_that_nobody_knows_changes_anything():
    plain, turned = (axes_of(np.random.default_rng(1), kappa) for kappa in (0.0, 0.37))
    for one, other in zip(apc._functions(plain, cells_of(plain)), apc._functions(turned, cells_of(turned)), strict=True):
        assert one[:4] == other[:4]
        np.testing.assert_allclose(one[4], other[4], atol=1e-9)
    for constraint in apc.AXES:
        curves, again = apc.under(plain, constraint), apc.under(turned, constraint)
        for name, axis in plain.items():
            np.testing.assert_allclose(curves[name], again[name], atol=1e-9)
            if name == constraint:
                np.testing.assert_allclose(curves[name] @ axis.slope_weights, 0.0, atol=1e-12)


def test_the_constrained_curves_make_the_same_predictor():
    axes = axes_of(np.random.default_rng(2))
    cells = cells_of(axes)

    def predictor(curves: dict[str, np.ndarray]) -> np.ndarray:
        total = sum(curves[name][:, :, cells[:, k]] for k, name in enumerate(apc.AXES))
        return total - total.mean(axis=2, keepdims=True)

    plain = predictor({name: axis.curve for name, axis in axes.items()})
    for constraint in apc.AXES:
        np.testing.assert_allclose(predictor(apc.under(axes, constraint)), plain, atol=1e-9)


def test_drifts_and_curvatures_are_what_they_say():
    at = {"age": np.arange(4.0), "period": np.arange(5.0), "cohort": np.arange(-3.0, 5.0)}
    curve = {"age": 0.3 * at["age"] + at["age"] ** 2, "period": 0.2 * at["period"], "cohort": -0.5 * at["cohort"]}
    axes = {name: apc.Axis(name, name, tuple(map(str, x)), x, np.tile(curve[name], (1, 2, 1))) for name, x in at.items()}
    found = {(what, axis): values[0, 0] for what, axis, _, _, values in apc._functions(axes, cells_of(axes))}
    assert found["net drift", "period + cohort"][0] == pytest.approx(-0.3)
    np.testing.assert_allclose(found["local drift", "age"], -0.3)
    np.testing.assert_allclose(found["curvature", "age"], 2.0)
    np.testing.assert_allclose(found["curvature", "period"], 0.0, atol=1e-12)
    np.testing.assert_allclose(found["deviation", "cohort"], 0.0, atol=1e-12)
    assert found["cross-sectional slope", "age − cohort"][0] == pytest.approx(0.3 + 3.0 + 0.5)


@pytest.fixture(scope="module")
def fit() -> Fit:
    """A Fit whose draws lie about curves that are known; no sampler is asked."""
    rng, n = np.random.default_rng(5), 900
    data = pd.DataFrame({"age": rng.choice(np.arange(20, 60, 5), n), "period": rng.choice(np.arange(1980, 2010, 5), n)})
    data["cohort"], data["y"] = data["period"] - data["age"], rng.standard_normal(n)
    made = prepare(specs.build("y ~ age + (1 | age) + (1 | period) + (1 | cohort)", seed=1), data)
    at = {f.name: np.array([float(level) for level in f.levels]) for f in made.design.factors}
    age = -0.002 * (at["age"] - 40.0) ** 2 - 0.01 * at["age"]  # and 0.01 age, a predictor
    truth = np.concatenate([age, 0.04 * at["period"], 0.3 * np.sin(at["cohort"] / 9.0)])
    starts = np.cumsum([0, *(len(f.levels) for f in made.design.factors)])
    hyper = names.hyper_names(made.design)
    draws = Draws(
        beta=np.tile([0.0, 0.01], (2, 400, 1)),
        hyper=rng.uniform(0.1, 1.0, (2, 400, len(hyper))),
        hyper_names=hyper,
        u=truth + 0.05 * rng.standard_normal((2, 400, starts[-1])),
        u_offsets=tuple(starts[:-1].tolist()),
        lp=np.zeros((2, 400)),
        warmup=100,
    )
    return Fit(made.spec, made.design, draws, plan=made.plan, table=made.table)


def test_a_fit_says_what_is_estimable(fit):
    found = fit.apc()
    assert "given" not in found.table and not {"slope", "curve"} & set(found.table["function"])
    by = {key: part["mean"].to_numpy() for key, part in found.table.groupby(["function", "axis"], sort=False)}
    at = found.axes[2].at
    sine = np.polyfit(at, 0.3 * np.sin(at / 9.0), 1)[0]
    assert by["net drift", "period + cohort"][0] == pytest.approx(0.04 + sine, abs=0.002)
    assert by["curvature", "age"].mean() == pytest.approx(2 * -0.002 * 5, abs=0.003)  # the change of slope over 5 years
    straight = np.polyfit(found.axes[0].at, -0.002 * (found.axes[0].at - 40.0) ** 2, 1)
    np.testing.assert_allclose(
        by["deviation", "age"], -0.002 * (found.axes[0].at - 40.0) ** 2 - np.polyval(straight, found.axes[0].at), atol=0.02
    )
    assert "not identified" in found.sentences[0] and "R-hat at most" in found.sentences[1]
    assert found.draws.shape == (2, 400, len(found.table))
    assert "net drift" in repr(found) and "<table" in found._repr_html_()


def test_curves_are_had_under_a_constraint_that_is_named(fit):
    found, under = fit.apc(), fit.apc(constraint="period")
    assert set(under.table["given"]) == {"", "period has no trend"}
    assert (under.table.loc[under.table["function"].isin(["slope", "curve"]), "given"] == "period has no trend").all()
    pd.testing.assert_frame_equal(under.table.drop(columns="given").iloc[: len(found.table)], found.table)
    for one in (found, under):
        assert len(one.plot().axes) == 4


@pytest.mark.parametrize(
    "words, said",
    [
        ({"age": "ages"}, "no grouping factor 'ages' for age. Did you mean 'age'"),
        ({"constraint": "year"}, "constraint is age, period, cohort"),
        ({"level": 95}, "between 0 and 1"),
    ],
)
def test_what_is_not_there_is_refused(fit, words: dict, said: str):
    with pytest.raises(SpecError, match=said):
        fit.apc(**words)


def test_a_cohort_that_is_no_difference_is_refused():
    """Cohorts that are numbered, where ages and periods are years."""

    def axis(name: str, at: list[float]) -> apc.Axis:
        return apc.Axis(name, name, tuple(map(str, at)), np.array(at, dtype=float), np.zeros((1, 2, len(at))))

    axes = {"age": axis("age", [20, 30, 40]), "period": axis("period", [1980, 1990, 2000]), "cohort": axis("cohort", [1, 2, 3, 4, 5])}
    cells = np.array([(i, j, j - i + 2) for i in range(3) for j in range(3)])
    factors = [SimpleNamespace(levels=axes[name].levels, codes=cells[:, k]) for k, name in enumerate(apc.AXES)]
    fit = SimpleNamespace(design=SimpleNamespace(factors=factors))
    places = {"age": 0, "period": 1, "cohort": 2}
    with pytest.raises(DataError, match="cohort is not period − age here"):
        apc._cells(fit, places, axes)
    axes["cohort"] = axis("cohort", [1940, 1950, 1960, 1970, 1980])
    factors[2].levels = axes["cohort"].levels
    np.testing.assert_array_equal(apc._cells(fit, places, axes), cells)

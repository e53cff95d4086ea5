"""Degenerate inputs, each fitted through the public door: chains converge, move, and agree with the fit of data rescaled by hand.

Draws are as many as each case needs for R-hat ≤ 1.01 and 400 effective draws of everything; where that is many (separation, rare
outcomes: data augmentation is slow there), the number says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.draws.records import Draws
from gibbs.errors import SamplingError
from tests.sampling.models import convergence, disagreement

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # gibbs.fit says what is odd about these data

N = 200
Columns = Mapping[str, np.ndarray]


def ordinary() -> dict[str, np.ndarray]:
    """Two hundred rows in ten groups: a real outcome y, a binary one b, a predictor x."""
    rng = np.random.default_rng(1)
    x, g, u = rng.standard_normal(N), rng.integers(0, 10, N), rng.standard_normal(10)
    y = 1.0 + 0.5 * x + u[g] + rng.standard_normal(N)
    b = (rng.random(N) < 1.0 / (1.0 + np.exp(-(0.3 + x + u[g])))).astype(int)
    return {"y": y, "b": b, "x": x, "g": g, "year": 1990 + np.arange(N) % 20, "income": 1e7 * np.exp(x), "row": np.arange(N)}


def with_columns(**columns: Callable[[Columns], np.ndarray] | np.ndarray) -> dict[str, np.ndarray]:
    """The ordinary data with further or other columns."""
    data = ordinary()
    for name, column in columns.items():
        data[name] = column(data) if callable(column) else column
    return data


def levels_of(sizes: list[int]) -> dict[str, np.ndarray]:
    """Data with groups of these sizes."""
    rng = np.random.default_rng(2)
    g = np.repeat(np.arange(len(sizes)), sizes)
    u, x = 0.8 * rng.standard_normal(len(sizes)), rng.standard_normal(g.size)
    eta = 0.3 + 0.5 * x + u[g]
    return {"g": g, "x": x, "y": eta + rng.standard_normal(g.size), "b": (eta + rng.logistic(size=g.size) > 0).astype(int)}


@dataclass(frozen=True)
class Inputs:
    """One degenerate data set with the formula and the draws a chain."""

    formula: str
    data: Callable[[], Columns]
    family: str = "gaussian"
    draws: int = 1000
    priors: Mapping[str, str] = field(default_factory=dict)
    scheme: str = "auto"


def nothing_there(data: Columns) -> np.ndarray:
    return 1.0 + data["x"] + np.random.default_rng(3).standard_normal(N)


def whole_groups(data: Columns) -> np.ndarray:
    return np.where(data["g"] == 0, 0, np.where(data["g"] == 1, 1, data["b"]))


def a_million_away(data: Columns) -> np.ndarray:
    return np.where(np.arange(N) == 5, 1e6, data["y"])


def one_in_forty(data: Columns) -> np.ndarray:
    return (np.arange(N) % 40 == 0).astype(int)


def counts(data: Columns) -> np.ndarray:
    """About two a row, and none at all in three groups of ten."""
    y = np.random.default_rng(5).poisson(np.exp(0.5 + 0.4 * data["x"]))
    return np.where(data["g"] < 3, 0, y)


def grades(data: Columns) -> np.ndarray:
    """Four grades; one group has the lowest alone, one the highest, and the third grade was given twice."""
    k = np.digitize(data["x"] + np.random.default_rng(6).logistic(size=N), [-0.5, 1.5])
    k = np.where(k == 2, 3, k)
    k[[20, 120]] = 2
    return np.where(data["g"] == 0, 0, np.where(data["g"] == 1, 3, k))


SINGLE = {"sd": "half_normal(0, 1)"}
FLAT = {"b": "flat()", "intercept": "flat()"}

FAST = {
    "groups all 0 and all 1, logit": Inputs("b ~ x + (1|g)", lambda: with_columns(b=whole_groups), "logit", 4000),
    "two levels": Inputs("y ~ x + (1|g)", lambda: with_columns(g=lambda d: d["g"] % 2), draws=2000),
    "two levels with slopes": Inputs("y ~ x + (1+x|g)", lambda: with_columns(g=lambda d: d["g"] % 2), draws=4000),
    "sd of 0": Inputs("y ~ x + (1|g)", lambda: with_columns(y=nothing_there), draws=2000),
    "sd of 0 with slopes": Inputs("y ~ x + (1+x|g)", lambda: with_columns(y=nothing_there), draws=4000),
    "constant predictor": Inputs("y ~ x + c + (1|g)", lambda: with_columns(c=np.full(N, 3.0))),
    "year as it is, with slopes": Inputs("y ~ year + (1+year|g)", ordinary, draws=6000),
    "income in pesos, with slopes": Inputs("y ~ income + (1+income|g)", ordinary, draws=6000),
    "a thousand levels of two": Inputs("y ~ x + (1|g)", lambda: levels_of([2] * 1000), draws=600),
    "ten thousand to one": Inputs("y ~ x + (1|g)", lambda: levels_of([10_000] + [1] * 10), draws=2000),
    "no coefficient": Inputs("y ~ 0 + (1|g)", ordinary),
    "no coefficient, probit": Inputs("b ~ 0 + (1|g)", ordinary, "probit", 4000),
    "no factor": Inputs("y ~ x", ordinary),
    "an offset of millions": Inputs("y ~ x + offset(far) + (1|g)", lambda: with_columns(far=np.full(N, 3e6), y=lambda d: d["y"] + 3e6)),
    "no factor, logit": Inputs("b ~ x", ordinary, "logit"),
    "flat priors": Inputs("y ~ x + (1|g)", ordinary, priors=FLAT),
    "flat priors, probit": Inputs("b ~ x + (1|g)", ordinary, "probit", 4000, FLAT),
    "one outcome a million away": Inputs(
        "y ~ x + (1|g)", lambda: with_columns(y=lambda d: np.where(np.arange(N) == 5, 1e6, d["y"])), "student"
    ),
}
SLOW = {
    "groups of one": Inputs("y ~ x + (1|row)", ordinary, draws=8000),
    "groups of one, logit": Inputs("b ~ x + (1|row)", ordinary, "logit", 4000, SINGLE),
    "groups of one, probit": Inputs("b ~ x + (1|row)", ordinary, "probit", 20_000, SINGLE),
    "groups all 0 and all 1, probit": Inputs("b ~ x + (1|g)", lambda: with_columns(b=whole_groups), "probit", 12_000),
    "separation, logit": Inputs("b ~ z + (1|g)", lambda: with_columns(z=lambda d: 1.0 * d["b"]), "logit", 20_000),
    "separation, probit": Inputs("b ~ z + (1|g)", lambda: with_columns(z=lambda d: 1.0 * d["b"]), "probit", 150_000),
    "one side separated, probit": Inputs("b ~ z + (1|g)", lambda: with_columns(z=lambda d: 1.0 * d["b"] * (d["x"] > 0)), "probit", 60_000),
    "rare outcome, logit": Inputs("b ~ x + (1|g)", lambda: with_columns(b=one_in_forty), "logit", 6000),
    "rare outcome, probit": Inputs("b ~ x + (1|g)", lambda: with_columns(b=one_in_forty), "probit", 30_000),
    "a thousand levels of two, logit": Inputs("b ~ x + (1|g)", lambda: levels_of([2] * 1000), "logit", 3000),
    "groups without a count": Inputs("k ~ x + (1|g)", lambda: with_columns(k=counts), "poisson", 12_000),
    "groups without a count, negative binomial": Inputs("k ~ x + (1|g)", lambda: with_columns(k=counts), "negative_binomial", 6000),
    "counts of millions": Inputs(
        "k ~ x + offset(log(exposure)) + (1|g)",
        lambda: with_columns(k=lambda d: counts(d) * 0 + np.random.default_rng(7).poisson(3e6, N), exposure=np.full(N, 1e6)),
        "poisson",
        4000,
    ),
    "groups of one grade, a grade given twice": Inputs("k ~ x + (1|g)", lambda: with_columns(k=grades), "ordinal", 8000),
    "groups of one, poisson": Inputs("k ~ x + (1|row)", lambda: with_columns(k=counts), "poisson", 6000, SINGLE),
    "ten thousand to one, logit": Inputs("b ~ x + (1|g)", lambda: levels_of([10_000] + [1] * 10), "logit", 3000),
}


def fit(inputs: Inputs, seed: int = 3) -> Draws:
    data = pd.DataFrame(dict(inputs.data()))
    how = {"scheme": inputs.scheme, "warmup": 1000, "draws": inputs.draws, "seed": seed}
    return gibbs.fit(inputs.formula, data, family=inputs.family, priors=inputs.priors, progress=False, **how).arrays


def assert_trustworthy(inputs: Inputs) -> None:
    draws = fit(inputs)
    rhat, ess = convergence(draws)
    assert rhat <= 1.01 and ess >= 400.0
    x = draws.beta if draws.beta.shape[2] else draws.u
    moves = 0.99 if inputs.family in ("gaussian", "student") else 0.5  # Metropolis steps may stay
    assert np.mean(np.diff(x[:, :, 0], axis=1) != 0.0) > moves


@pytest.mark.parametrize("name", FAST)
def test_degenerate_inputs_are_fitted(name: str):
    assert_trustworthy(FAST[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_degenerate_inputs_that_take_many_draws_are_fitted(name: str):
    assert_trustworthy(SLOW[name])


# ----------------------------------------------------------------------------------------------------- rescaled by hand

Back = Callable[[Draws], Draws]


@dataclass(frozen=True)
class Rescaling:
    """Columns rescaled by hand, and the way back from the draws of that fit."""

    inputs: Inputs
    columns: Mapping[str, Callable[[Columns], Any]]
    back: Back


def shifted_coefficient(by: float, scale: float) -> Back:
    """x' = (x − by)/scale: b = b'/scale, intercept = intercept' − b'·by/scale."""

    def back(draws: Draws) -> Draws:
        beta = draws.beta.copy()
        beta[:, :, 1] = draws.beta[:, :, 1] / scale
        beta[:, :, 0] = draws.beta[:, :, 0] - draws.beta[:, :, 1] * by / scale
        return replace(draws, beta=beta)

    return back


def scaled_slope(scale: float) -> Back:
    """x' = x/scale in the coefficients and in (1 + x | g)."""

    def back(draws: Draws) -> Draws:
        beta, hyper, u = draws.beta / [1.0, scale], draws.hyper.copy(), draws.u.copy()
        hyper[:, :, 1] /= scale
        u[:, :, 1::2] /= scale
        return replace(draws, beta=beta, hyper=hyper, u=u)

    return back


def scaled_outcome(by: float, scale: float) -> Back:
    """y' = (y − by)/scale."""

    def back(draws: Draws) -> Draws:
        return replace(draws, beta=draws.beta * scale + np.array([by, 0.0]), hyper=draws.hyper * scale, u=draws.u * scale)

    return back


RESCALED = {
    "year as it is": Rescaling(
        Inputs("y ~ year + (1|g)", ordinary, draws=2000), {"year": lambda d: (d["year"] - 2000) / 10}, shifted_coefficient(2000.0, 10.0)
    ),
    "year as it is, logit": Rescaling(
        Inputs("b ~ year + (1|g)", ordinary, "logit", 2000), {"year": lambda d: (d["year"] - 2000) / 10}, shifted_coefficient(2000.0, 10.0)
    ),
    "year as it is, probit": Rescaling(
        Inputs("b ~ year + (1|g)", ordinary, "probit", 4000), {"year": lambda d: (d["year"] - 2000) / 10}, shifted_coefficient(2000.0, 10.0)
    ),
    "income in pesos": Rescaling(
        Inputs("y ~ income + (1+income|g)", ordinary, draws=6000), {"income": lambda d: d["income"] / 1e7}, scaled_slope(1e7)
    ),
    "income in pesos, logit": Rescaling(
        Inputs("b ~ income + (1+income|g)", ordinary, "logit", 6000), {"income": lambda d: d["income"] / 1e7}, scaled_slope(1e7)
    ),
    "outcome of billions": Rescaling(
        Inputs("y ~ x + (1|g)", lambda: with_columns(y=lambda d: 1e7 * d["y"] + 3e9), draws=2000),
        {"y": lambda d: (d["y"] - 3e9) / 1e7},
        scaled_outcome(3e9, 1e7),
    ),
    "outcome of millionths": Rescaling(
        Inputs("y ~ x + (1|g)", lambda: with_columns(y=lambda d: 1e-6 * d["y"]), draws=2000),
        {"y": lambda d: d["y"] * 1e6},
        scaled_outcome(0.0, 1e-6),
    ),
}


RELATIVES = ("year as it is, logit", "income in pesos, logit")
"""Of which the others have the column in another family, and the family with another column."""


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) if name in RELATIVES else name for name in RESCALED])
def test_the_answer_is_that_of_the_data_rescaled_by_hand(name: str):
    """Default priors scale with the data, so that it is one model twice; seeds differ, so that agreement is not one of rounding."""
    case = RESCALED[name]
    raw = dict(case.inputs.data())
    tamed = raw | {column: change(raw) for column, change in case.columns.items()}
    as_it_is, by_hand = fit(case.inputs), fit(replace(case.inputs, data=lambda: tamed), seed=4)
    rhat, ess = convergence(as_it_is)
    assert rhat <= 1.01 and ess >= 400.0
    worst, where = disagreement(replace(as_it_is, lp=as_it_is.lp * np.nan), case.back(by_hand))
    assert worst < 5.0, where


# ------------------------------------------------------------------------------------------------------------- overflow


@pytest.mark.parametrize(
    ("formula", "family", "column", "factor", "scheme"),
    [
        ("y ~ x + (1|g)", "gaussian", "y", 1e200, "auto"),
        ("y ~ x + (1|g)", "gaussian", "x", 1e200, "auto"),
        ("b ~ x + (1|g)", "logit", "x", 1e200, "augmented"),
        ("b ~ x + (1|g)", "logit", "x", 1e200, "second-order"),
        ("b ~ x + (1|g)", "poisson", "x", 1e200, "auto"),
        ("b ~ x + (1|g)", "negative_binomial", "x", 1e200, "auto"),
        ("b ~ x + (1|g)", "ordinal", "x", 1e200, "auto"),
    ],
)
def test_numbers_that_overflow_stop_with_chain_iteration_block_and_rows(formula, family, column, factor, scheme):
    data = ordinary()
    data[column] = data[column] * factor
    largest = int(np.argmax(np.abs(data[column] - (data[column].mean() if column == "x" else 0.0)))) + 1
    with pytest.raises(SamplingError) as caught:
        fit(Inputs(formula, lambda: data, family, scheme=scheme))
    said = str(caught.value)
    for word in ("chain 1", "iteration 1", "block", "Rows behind it"):
        assert word in said
    assert f"{largest}" in said.split("Rows behind it")[1]

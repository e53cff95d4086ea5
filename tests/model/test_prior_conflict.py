"""Stated priors against the data: gross disagreement is named, and nothing else is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gibbs.model import prior_conflict, structure
from tests.model.tables import build

FAMILIES = ["gaussian", "student", "logit", "probit", "binomial", "poisson", "negative_binomial", "ordinal"]


def frame(family: str, slope: float = 1.0, n: int = 400, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, g = rng.normal(size=n), rng.integers(0, 20, n)
    eta = 0.2 + slope * x + 0.7 * rng.normal(size=20)[g]
    if family in ("gaussian", "student"):
        y = eta + rng.normal(size=n)
    elif family in ("logit", "probit"):
        y = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)
    elif family == "binomial":
        y = rng.binomial(6, 1 / (1 + np.exp(-eta)))
    elif family == "ordinal":
        y = np.digitize(eta + rng.logistic(size=n), [-1.0, 0.5, 2.0])
    else:
        y = rng.poisson(np.exp(0.5 * eta))
    return pd.DataFrame({"x": x, "g": g, "y": y, "n": 6})


def said(family: str, data: pd.DataFrame, formula: str = "x + (1 | g)", **priors: str) -> list[str]:
    left = "y | trials(n)" if family == "binomial" else "y"
    return prior_conflict.messages(build(f"{left} ~ {formula}", data, family, priors=priors))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_prior_for_another_unit_is_named(family: str) -> None:
    """x in thousandths: the slope is a thousand times what the prior was meant for."""
    data = frame(family)
    data["x"] /= 1000.0
    (message,) = said(family, data, **{"b[x]": "normal(0, 1)"})
    assert "b[x]: normal(0, 1)" in message and "disagree" in message
    assert said(family, data) == []
    assert said(family, data, **{"b[x]": "normal(0, 5000)"}) == []
    assert said(family, data, **{"b[x]": "student_t(3, 0, 1)"}) == []


def test_the_estimate_and_its_error_are_those_of_least_squares() -> None:
    data = frame("gaussian")
    (message,) = said("gaussian", data, "x", **{"b[x]": "normal(-50, 0.1)"})
    X = np.column_stack([np.ones(len(data)), data["x"]])
    b, (rss,) = np.linalg.lstsq(X, data["y"].to_numpy(), rcond=None)[:2]
    se = np.sqrt(rss / (len(data) - 2) * np.linalg.inv(X.T @ X)[1, 1])
    words = message.partition("least squares says ")[2]
    assert float(words.split()[0]) == pytest.approx(b[1], rel=0.01)
    assert float(words.partition("standard error ")[2].partition(")")[0]) == pytest.approx(se, rel=0.15)


def test_an_intercept_is_held_against_the_data_where_it_is_stated() -> None:
    data = frame("gaussian").assign(x=frame("gaussian")["x"] + 100.0)
    assert said("gaussian", data, **{"intercept": "normal(0, 1)"}) == []
    assert said("gaussian", data, **{"intercept": "normal(40, 2)"})
    assert said("gaussian", data, **{"b[Intercept]": "normal(0, 1)"})  # it is near −100 where x is 0
    made = build("y ~ x", data, priors={"b[Intercept]": "normal(0, 1)"})
    assert any("b[Intercept]" in w.message for w in structure.warnings(made) if w.kind == "prior")


@pytest.mark.parametrize("family", ["gaussian", "logit", "poisson"])
def test_it_does_not_cry_wolf(family: str) -> None:
    """Coefficients from their prior, groups, a predictor of the group: 60 data sets without a word."""
    rng = np.random.default_rng(8)
    for seed in range(60):
        data = frame(family, slope=float(rng.normal(0, 0.5)), n=150, seed=seed)
        data["w"] = rng.normal(size=20)[data["g"]]
        assert said(family, data, "x + w + (1 + x | g)", **{"b": "normal(0, 0.5)"}) == []


def test_aliased_and_separated_models_are_left_to_their_own_warnings() -> None:
    data = frame("logit").assign(z=lambda d: 2 * d["x"])
    assert said("logit", data, "x + z", **{"b[x]": "normal(0, 0.001)"}) == []
    data["s"] = data["y"] * 2.0
    assert said("logit", data, "s", **{"b[s]": "normal(0, 1)"}) == []

"""Outcomes that predictors or levels give to the last digit have no posterior: said by check, refused by a run, and nothing else is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.errors import DataError
from gibbs.model import exact_fit, structure
from tests.model.tables import build

RNG = np.random.default_rng(3)
N = 120
A, B, C, G = RNG.integers(1, 6, N), RNG.integers(1, 6, N), RNG.normal(size=N), np.arange(N) // 10
BASE = {"a": A, "b": B, "c": C, "g": G, "h": np.arange(N) % 7, "row": np.arange(N), "k": 1 + np.arange(N) % 3}
LEVEL = RNG.normal(size=12)[G]


def message(formula: str, y: Any, family: str = "gaussian", **priors: str) -> str:
    return exact_fit.message(build(formula, pd.DataFrame(BASE | {"y": y}), family, priors=priors))


@pytest.mark.parametrize(
    ("formula", "y", "words"),
    [
        ("y ~ a + b", A + B, "a combination of 'a', 'b'"),
        ("y ~ a + b + c", A + B, "a combination of 'a', 'b'"),
        ("y ~ c + (1 | g)", 2 * C + 1, "a combination of 'c'"),
        ("y ~ c + (1 + c | g) + (1 | h)", 0.1 * C + 1e6, "a combination of 'c'"),
        ("y ~ 0 + c + a", 3 * C, "a combination of 'c'"),
        ("y ~ b + (1 | g)", LEVEL, "one value within every level of g"),
        ("y ~ 1 + (1 + c | g) + (1 | h)", LEVEL, "one value within every level of g"),
        ("y ~ a + (1 | g)", LEVEL - 0.3 * A, "one value within every level of g but for a combination of 'a'"),
        ("y ~ b + offset(c)", C + 2.0, "its offset and a constant"),
    ],
)
@pytest.mark.parametrize("family", ["gaussian", "student"])
def test_no_residual_is_left(formula: str, y: np.ndarray, words: str, family: str) -> None:
    said = message(formula, y, family)
    assert said.startswith(f"y is {words}") and "there is no posterior" in said


@pytest.mark.parametrize(
    ("formula", "y", "priors"),
    [
        ("y ~ a + b", A + B + 1e-10 * C, {}),  # small, and a residual all the same
        ("y ~ a + b", np.where(np.arange(N) == N - 1, 0.0, A + B), {}),  # all rows but the last
        ("y ~ a", A + B, {}),
        ("y ~ a + b", A + B, {"sigma": "inverse_gamma(2, 1)"}),
        ("y ~ a + b", A + B, {"sigma": "uniform(0.1, 3)"}),
        ("y ~ a + b", A + B, {"sigma": "1"}),
        ("y ~ a + b", A + B, {"sigma": "lognormal(0, 1)"}),
        ("y ~ a + b", A + B, {"sigma": "gamma(200, 1)"}),  # a mass of s^200 near 0 against σ^-117
        ("y ~ c + (1 | g)", LEVEL, {"sigma": "inverse_gamma(2, 1)"}),
        ("y ~ c + (1 | row)", C**3, {}),  # one value within every level, as there is one row
        ("y ~ c + (0 + c | g)", LEVEL, {}),
    ],
)
def test_where_there_is_a_posterior_nothing_is_said(formula: str, y: np.ndarray, priors: dict[str, str]) -> None:
    assert message(formula, y, **priors) == ""


def test_as_many_columns_as_rows_are_no_exact_fit_of_anything() -> None:
    """N = r: the density of y is bounded where sigma goes to 0; with one row more, and a sd that goes there too, there must be two."""
    frame = pd.DataFrame({"y": [1.0, 3.0, 2.0], "x": [0.0, 1.0, 3.0], "z": [1.0, 0.0, 2.0]})
    assert exact_fit.message(build("y ~ x + z", frame)) == ""
    four = pd.DataFrame({"y": [0.0, 1.0, 2.0, 3.0], "x": [0.0, 1.0, 2.0, 3.0], "g": list("aabb")})
    assert exact_fit.message(build("y ~ x", four)) and exact_fit.message(build("y ~ x + (1 | g)", four))
    assert exact_fit.message(build("y ~ x + (1 | g)", four.iloc[:3])) == ""


def test_rows_of_a_frequency_count_and_rows_without_an_outcome_do_not() -> None:
    frame = pd.DataFrame({"y": [0.0, 2.0, 0.0], "x": [0.0, 1.0, 0.5], "k": [2, 1, 1]})
    assert exact_fit.message(build('y | weights(k, type = "frequency") ~ x', frame.iloc[:2]))
    assert exact_fit.message(build("y ~ x", frame.iloc[:2])) == ""
    some = pd.DataFrame(BASE | {"y": np.where(np.arange(N) % 4 == 0, np.nan, A + B)})
    assert exact_fit.message(build("y ~ a + b", some, missing="predict"))


def test_check_says_so_and_a_run_is_refused_before_it_begins() -> None:
    frame = pd.DataFrame(BASE | {"y": A + B})
    made = build("y ~ a + b + (1 | g)", frame)
    assert [w.message for w in structure.warnings(made) if w.kind == "exact-fit"] == [exact_fit.message(made)]
    assert any("there is no posterior" in said for said in gibbs.check("y ~ a + b + (1 | g)", frame).warnings)
    with pytest.warns(UserWarning), pytest.raises(DataError, match="column 'y': y is a combination of 'a', 'b', to the last digit"):
        gibbs.fit("y ~ a + b + (1 | g)", frame, progress=False)


def test_a_gamma_of_sigma_is_weighed_by_its_power_at_zero() -> None:
    """∫ σ^(a − 1 − (N − r)) dσ at 0 is finite where a > N − r: 120 rows, 3 columns."""
    for shape, there_is_one in ((0.5, False), (2.0, False), (116.5, False), (117.5, True)):
        assert (message("y ~ a + b", A + B, sigma=f"gamma({shape}, 1)") == "") == there_is_one

"""Separation: tables whose likelihood has a maximum, and tables whose has none, by construction."""

from __future__ import annotations

import itertools
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gibbs
from gibbs.model import separation, structure
from tests.model.tables import build

RNG = np.random.default_rng(9)
N = 80
A, B = RNG.normal(size=(2, N))


def told(formula: str, columns: dict, **priors: object) -> list[str]:
    return [w.message for w in structure.warnings(build(formula, columns, "logit", **priors)) if w.kind == "separation"]


def test_a_dummy_whose_rows_all_agree() -> None:
    columns = {"y": np.tile([0, 1], N // 2), "d": np.zeros(N), "x": A}
    columns["d"][[1, 5, 9]] = 1.0  # odd places: y is 1
    (message,) = told("y ~ x + d", columns)
    assert "y is 1 in all 3 rows where 'd' is 1" in message
    columns["d"][2] = 1.0
    assert told("y ~ x + d", columns) == []


def test_a_category_whose_rows_all_agree() -> None:
    columns = {"y": np.tile([0, 1], N // 2), "f": np.resize(["a", "b", "b", "a", "a"], N)}
    columns["f"][::8] = "c"  # even places: y is 0
    (message,) = told("y ~ f", columns)
    assert "y is 0 in all 10 rows where 'fc' is 1" in message


def test_a_threshold() -> None:
    (message,) = told("y ~ x", {"y": (A > 0.3).astype(int), "x": A})
    assert f"below {A[A > 0.3].min():g}" in message
    assert "prior alone" in message
    (message,) = told("y ~ x", {"y": (A < 0.3).astype(int), "x": A})
    assert "1 wherever" in message
    nearly = (A > 0.3).astype(int)
    nearly[np.argmin(A)] = 1
    assert told("y ~ x", {"y": nearly, "x": A}) == []


def test_a_combination_of_columns() -> None:
    columns = {"y": (A + 2 * B > 0.1).astype(int), "a": A, "b": B, "c": RNG.normal(size=N)}
    (message,) = told("y ~ a + b", columns)
    assert "'a'" in message and "'b'" in message
    columns["y"] = columns["y"].copy()
    columns["y"][np.argmax(A + 2 * B)] = 0  # the rows overlap in every direction now
    assert told("y ~ a + b", columns) == []


def test_a_flat_prior_then_has_no_posterior() -> None:
    columns = {"y": (A > 0.3).astype(int), "x": A}
    (message,) = told("y ~ x", columns, priors={"b": "flat()"})
    assert "flat prior on x" in message and "no posterior" in message


def test_gaussian_outcomes_are_never_separated() -> None:
    design = build("y ~ x", {"y": (A > 0.3).astype(int), "x": A})
    assert all(w.kind != "separation" for w in structure.warnings(design))


@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(4, 14))
@settings(max_examples=80, deadline=None)
def test_newton_and_the_programme_never_contradict_each_other(seed: int, p: int, rows: int) -> None:
    """A maximum exists if and only if no combination separates (Albert and Anderson 1984), for small integer tables with ties."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(rows), rng.integers(-2, 3, size=(rows, p))]).astype(float)
    y = rng.random(rows) < 0.5
    if np.linalg.matrix_rank(X) < X.shape[1]:
        return
    found = separation.separating(X, y)
    assert separation.maximum_exists(X, y, np.zeros(rows)) == (found is None)
    if found is not None:
        margin = np.where(y, 1.0, -1.0) * (X @ found[0])
        assert margin.min() > -1e-8 and margin.max() > 0
        assert not found[1] or margin.min() > 0


@pytest.mark.parametrize("rows", [200_000])
def test_large_tables_are_decided_without_the_programme(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separation, "separating", lambda *a: pytest.fail("not needed"))
    x = np.random.default_rng(0).normal(size=(2, rows))
    y = np.random.default_rng(1).random(rows) < 1 / (1 + np.exp(3 - x[0]))
    assert told("y ~ a + b", {"y": y.astype(int), "a": x[0], "b": x[1]}) == []


def test_hundreds_of_empty_cells_are_told_of_within_the_limit_of_an_example() -> None:
    """The fuzzer's formula 1034 of seed 2911: 20 s of a least-squares problem a coefficient."""
    from tests.fuzz import judge, tables

    began = time.process_time()
    text = str(gibbs.check("yes ~ h*k*n:(x + c)^4", tables.base(), family="probit"))
    assert time.process_time() - began < judge.SECONDS and "separated" in text


def test_a_coefficient_is_held_where_a_combination_of_the_rows_of_the_prior_is_of_it_alone() -> None:
    """Against ranks of small whole numbers, over priors of any rank; units of the columns change nothing."""
    rng = np.random.default_rng(11)
    seen = set()
    for p, rows in itertools.product((1, 3, 6), (0, 1, 2, 4, 6, 9)):
        W = rng.integers(-1, 2, size=(rows, p)).astype(float)
        rank = np.linalg.matrix_rank(W) if rows else 0
        want = [bool(np.linalg.matrix_rank(np.vstack([W, unit])) == rank) for unit in np.eye(p)]
        for units in (np.ones(p), 10.0 ** rng.integers(-5, 6, size=p)):
            design = SimpleNamespace(X=np.zeros((1, p)), coefficient_priors=[SimpleNamespace(weights=w * units) for w in W])
            assert separation._held(design).tolist() == want, (W, want)
        seen |= set(want)
    assert seen == {True, False}

"""Separation inside products of factors: cells that are pure by construction, whatever the coding, and tables in which none is."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gibbs
from gibbs.errors import GibbsError
from gibbs.model import separation, structure
from tests.model.tables import build

FAULTS = Path(__file__).resolve().parents[3] / "shared" / "faults"
LEVELS = {"a": ["a1", "a2"], "b": ["b1", "b2", "b3"], "c": ["c1", "c2"]}


def factorial(times: int = 10) -> dict[str, np.ndarray]:
    """Every cell of a, b and c ``times`` times, y alternating 0, 1."""
    cells = np.array(list(itertools.product(*LEVELS.values())))
    columns = {name: np.repeat(cells[:, i], times) for i, name in enumerate(LEVELS)}
    return columns | {"y": np.arange(len(cells) * times) % 2, "x": np.random.default_rng(1).normal(size=len(cells) * times)}


def told(formula: str, columns: dict, family: str = "logit", **priors: object) -> list[str]:
    return [w.message for w in structure.warnings(build(formula, columns, family, **priors)) if w.kind == "separation"]


def inside(columns: dict, **levels: str) -> np.ndarray:
    return np.all([columns[name] == level for name, level in levels.items()], axis=0)


@pytest.mark.parametrize("cell", list(itertools.product(*LEVELS.values())))
@pytest.mark.parametrize("value", [0, 1])
def test_a_cell_of_three_factors_is_named_whichever_levels_are_the_base(cell, value):
    columns = factorial()
    where = dict(zip(LEVELS, cell, strict=True))
    columns["y"][inside(columns, **where)] = value
    (message,) = told("y ~ a * b * c + x", columns)
    assert message.startswith(f"separated: y is {value} in all 10 rows with a = {cell[0]}, b = {cell[1]}, c = {cell[2]}.")
    assert "limited by its prior alone" in message
    assert told("y ~ a + b + c + x", columns) == []  # the additive model has no effect of a cell: its likelihood has a maximum
    assert told("y ~ a * b + c + x", columns) == []


def test_smaller_products_first_and_not_again_inside_larger_ones():
    columns = factorial()
    columns["y"][inside(columns, a="a2", b="b1")] = 1
    (message,) = told("y ~ a * b * c", columns)
    assert "y is 1 in all 20 rows with a = a2, b = b1." in message
    columns["y"][inside(columns, c="c1")] = 0
    first, second = told("y ~ a * b * c", columns)
    assert "y is 0 in all 60 rows where 'cc2' is 0 (c = c1)" in first
    assert "y is 1 in all 10 rows with a = a2, b = b1, c = c2" in second


def test_the_base_level_of_a_factor_of_several():
    columns = factorial()
    columns["y"][inside(columns, b="b1")] = 1
    (message,) = told("y ~ a + b", columns)
    assert "y is 1 in all 40 rows with b = b1" in message


@pytest.mark.parametrize("formula", ["y ~ a:b", "y ~ a + a:b", "y ~ 0 + a:b + x", "y ~ a * b", "y ~ a / b", "y ~ b * (a + c)"])
def test_every_way_to_write_a_product(formula):
    columns = factorial()
    columns["y"][inside(columns, a="a1", b="b2")] = 0
    (message,) = told(formula, columns)
    assert "y is 0 in all 20 rows with" in message and "a = a1" in message and "b = b2" in message


def test_numbers_of_two_values_are_categories_too():
    columns = factorial()
    columns["u"], columns["v"] = np.where(columns["a"] == "a1", -0.5, 0.5), np.where(columns["c"] == "c1", 0, 1)
    columns["y"][inside(columns, a="a1", c="c1")] = 1
    (message,) = told("y ~ u * v + x", columns)
    assert "y is 1 in all 30 rows with u = -0.5, v = 0" in message
    assert told("y ~ u:v + x", columns) == []  # one column cannot part this cell: it is −0.5 in one cell, 0.5 in another, 0 in two
    assert told("y ~ u + v + x", columns) == []


def test_many_pure_cells_are_one_sentence():
    columns = {"y": np.arange(60) % 2, "id": np.repeat([f"i{k:02d}" for k in range(60)], 1), "z": np.ones(60)}
    (message,) = told("y ~ id", columns)
    assert "60 of the 60 levels of id" in message and "in the one row" in message and len(message) < 600


def test_a_cell_without_a_count():
    columns = factorial()
    columns["n"] = np.tile([0, 3], 60)
    assert told("n ~ a * b * c + x", columns, "poisson") == []
    columns["n"][inside(columns, a="a1", b="b3", c="c2")] = 0
    for family in ("poisson", "negative_binomial"):
        (message,) = told("n ~ a * b * c + x", columns, family)
        assert "n is 0 in all 10 rows with a = a1, b = b3, c = c2" in message
        assert told("n ~ a + b + c + x", columns, family) == []
    columns["n"][inside(columns, a="a2", b="b1")] = 3  # counts that are all alike, but not 0, are no separation
    assert len(told("n ~ a * b * c", columns, "poisson")) == 1


def test_counts_that_a_combination_parts():
    """x₁ = x₂ in every row with a count, x₁ < x₂ in others: the mean falls without end along x₁ − x₂; then one row that holds it."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(2, 60))
    x[0, :40] = x[1, :40]
    x[0, 40:] = x[1, 40:] - rng.random(20)
    columns = {"n": np.r_[rng.integers(1, 5, 40), np.zeros(20, dtype=int)], "p": x[0], "q": x[1]}
    (message,) = told("n ~ p + q", columns, "poisson")
    assert "a combination of 'p', 'q' parts 20 rows where n is 0" in message
    columns["p"][59] = columns["q"][59] + 0.5
    assert told("n ~ p + q", columns, "poisson") == []


def test_the_ends_of_an_ordinal_outcome():
    columns = factorial()
    columns["o"] = np.tile(["1", "2", "3", "2"], 30)
    assert told("o ~ a * b * c", columns, "ordinal") == []
    for level, pure in (("1", True), ("3", True), ("2", False)):
        columns["o"] = np.tile(["1", "2", "3", "2"], 30)
        columns["o"][inside(columns, a="a1", b="b1", c="c1")] = level
        found = told("o ~ a * b * c", columns, "ordinal")
        assert bool(found) == pure
        if pure:
            assert f"o is {level} in all 10 rows with a = a1, b = b1, c = c1" in found[0]


def test_trials_of_a_binomial_outcome():
    columns = factorial()
    columns["n"], columns["s"] = np.full(120, 5), np.tile([1, 4], 60)
    columns["s"][inside(columns, a="a1", b="b1", c="c1")] = 5
    (message,) = told("s | trials(n) ~ a * b * c", columns, "binomial")
    assert "every trial is a success" in message and "in all 10 rows with a = a1, b = b1, c = c1" in message


def test_a_flat_prior_is_named_only_where_there_is_one():
    columns = factorial()
    columns["y"][inside(columns, a="a2", b="b2")] = 1
    (message,) = told("y ~ a * b", columns, priors={"b[aa2:bb2]": "flat()"})
    assert "flat prior on aa2:bb2 there is no posterior" in message and "on aa2," not in message


def test_a_hundred_thousand_rows_are_a_matter_of_a_second():
    rng = np.random.default_rng(0)
    n = 100_000
    columns = {name: np.array(levels)[rng.integers(0, len(levels), n)] for name, levels in LEVELS.items()}
    x = rng.normal(size=(6, n))
    columns |= {f"x{k}": x[k] for k in range(6)}
    columns["y"] = (rng.random(n) < 0.3).astype(int)
    design = build("y ~ a * b * c + x0 + x1 + x2 + x3 + x4 + x5", columns, "logit")
    assert separation.messages(design, []) == []
    columns["y"][inside(columns, a="a1", b="b1", c="c1")] = 0
    design = build("y ~ a * b * c + x0 + x1 + x2 + x3 + x4 + x5", columns, "logit")
    began = time.process_time()
    (message,) = separation.messages(design, [])
    assert "with a = a1, b = b1, c = c1" in message and time.process_time() - began < 5.0


def test_a_combination_is_found_among_a_hundred_thousand_distinct_rows():
    rng = np.random.default_rng(5)
    n, p = 100_000, 22
    x, weights = rng.normal(size=(n, p)), rng.normal(size=p)
    eta = x @ weights
    x, eta = x[np.abs(eta) > 0.2], eta[np.abs(eta) > 0.2]
    y = eta > 0
    found, complete = separation.separating(np.column_stack([np.ones(len(x)), x]), y)
    assert complete and (np.where(y, 1, -1) * (np.column_stack([np.ones(len(x)), x]) @ found) > 0).all()
    y = y.copy()
    y[np.argmax(eta)] = False
    assert separation.separating(np.column_stack([np.ones(len(x)), x]), y) is None


@pytest.mark.skipif(not FAULTS.is_dir(), reason="the faults are not here")
def test_the_conditionals_of_the_report():
    (warning,) = [w for w in gibbs.check(FAULTS / "separation_missed" / "spec.yaml").warnings if "separated" in w]
    assert "response is 1 in all 232 rows" in warning and "counterexamples = few" in warning


def existence(design) -> bool:
    """Whether the likelihood has a maximum, by one linear programme over all rows, written anew (Albert and Anderson 1984; Kosmidis 2010).

    binary, ordinal: no direction with s_i x_i'b ≥ 0 for all rows, not 0 for all, s = ±1 (ordinal: of the stacked outcomes y > k);
    counts: none with x_i'b = 0 where y > 0 and ≤ 0 elsewhere.
    """
    from scipy.optimize import linprog

    X, y = design.X, design.y
    if design.family == "poisson":
        zero, rest = X[y == 0], X[y > 0]
        found = linprog(zero.sum(axis=0), A_ub=zero, b_ub=np.zeros(len(zero)), A_eq=rest, b_eq=np.zeros(len(rest)), bounds=(-1, 1))
        return found.fun > -1e-6
    if design.family == "ordinal":
        cuts = len(design.categories) - 1
        X = np.column_stack([np.tile(X, (cuts, 1)), -np.repeat(np.eye(cuts), len(y), axis=0)])
        y = (y[None, :] > np.arange(cuts)[:, None]).ravel()
    signed = np.where(y > 0.5, 1.0, -1.0)[:, None] * X
    return linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1, 1)).fun > -1e-6


@given(
    st.integers(0, 100_000),
    st.sampled_from(["logit", "poisson", "ordinal"]),
    st.sampled_from(
        ["y ~ a * b", "y ~ a * b * c", "y ~ a:b + x", "y ~ a * x + b", "y ~ a + b + c + x", "y ~ 0 + a:b", "y ~ u * v", "y ~ x"]
    ),
    st.integers(8, 60),
)
@settings(max_examples=150, deadline=None)
def test_it_is_said_exactly_where_there_is_no_maximum(seed, family, formula, rows):
    rng = np.random.default_rng(seed)
    columns = {name: np.array(levels)[rng.integers(0, len(levels), rows)] for name, levels in LEVELS.items()}
    columns |= {"x": rng.integers(-2, 3, rows), "u": rng.integers(0, 2, rows), "v": rng.choice([-0.5, 0.5], rows)}
    eta = 1.5 * (columns["a"] == "a2") - (columns["b"] == "b3") + 0.7 * columns["x"] * rng.integers(-1, 3)
    columns["y"] = {
        "logit": (rng.random(rows) < 1 / (1 + np.exp(-eta))).astype(int),
        "poisson": rng.poisson(np.exp(0.5 * eta - 0.5)),
        "ordinal": np.clip(np.round(eta + rng.normal(size=rows)), 0, 2).astype(int),
    }[family]
    try:
        design = build(formula, columns, family)
    except GibbsError:
        return  # one category, or one value, only
    if np.linalg.matrix_rank(design.X) < design.X.shape[1] or (family == "ordinal" and len(design.categories) < 3):
        return
    if family == "ordinal" and np.linalg.matrix_rank(np.column_stack([design.X, np.ones(rows)])) <= design.X.shape[1]:
        return
    said = separation.messages(design, [])
    assert bool(said) == (not existence(design)), said

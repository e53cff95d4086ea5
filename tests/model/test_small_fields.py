"""Which walks and maps the sampler takes as fields, and that draws are of the levels all the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.draws import diagnostics
from gibbs.model import by_group, small_fields, structures
from gibbs.model.records import Design


def table(levels: int = 60, rows: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    t = np.arange(rows) % levels
    walk = 0.4 * np.cumsum(rng.standard_normal(levels)) / np.sqrt(levels) ** 0.5
    g = rng.integers(0, 8, rows)
    eta = 0.3 + walk[t] + 0.3 * rng.standard_normal(8)[g]
    return pd.DataFrame({
        "y": eta + 0.5 * rng.standard_normal(rows), "count": rng.poisson(2.0 * np.exp(eta)), "t": t, "again": t,
        "x": rng.standard_normal(rows),
        "grade": rng.integers(0, 3, rows), "g": [f"g{k}" for k in g], "many": [f"m{k}" for k in rng.integers(0, 50, rows)],
    })  # fmt: skip


def seen(formula: str, data: pd.DataFrame, family: str = "gaussian", scheme: str = "auto") -> Design:
    return small_fields.arrange(by_group.arrange(gibbs.check(formula, data, family=family).design), scheme)


@pytest.mark.parametrize(
    ("formula", "family", "is_one"),
    [
        ("y ~ x + rw1(t)", "gaussian", True),
        ("y ~ x + ar1(t) + (1 | g)", "gaussian", True),
        ("count ~ rw2(t)", "poisson", True),
        ("y ~ x + (1 + x | rw1(t))", "gaussian", True),
        ("y ~ rw1(t) + rw2(again)", "gaussian", False),  # two that know their neighbours
        ("y ~ rw1(t) + (1 | many)", "gaussian", False),  # the others are more than a fourth as many
        ("y ~ s(t)", "gaussian", False),  # a curve
        ("grade ~ rw1(t)", "ordinal", False),
    ],
)
def test_which_are_fields(formula: str, family: str, is_one: bool) -> None:
    data = table()
    design = by_group.arrange(gibbs.check(formula, data, family=family).design)
    there = [f.field is not None for f in seen(formula, data, family).factors]
    assert sum(there) == is_one and all(f.field is None for f in design.factors)
    assert small_fields.arrange(design, "one-at-a-time") is design  # which draws in the core
    assert is_one or small_fields.arrange(design, "auto") is design


def test_few_levels_and_many_rows_a_level_stay_in_the_core() -> None:
    assert seen("y ~ rw1(t)", table(39)).factors[0].field is None and seen("y ~ rw1(t)", table(40)).factors[0].field is not None
    assert seen("count ~ rw1(t)", table(60, 301), "poisson").factors[0].field is None  # a sweep passes over them
    assert seen("y ~ rw1(t)", table(60, 301)).factors[0].field is not None


@pytest.mark.parametrize("term", ["rw1", "bym2"])
def test_one_at_a_time_a_field_is_drawn_given_the_rest(term: str, tmp_path) -> None:
    """250 levels: the slow twin has the same posterior, within five standard errors."""
    data = table(250, 500)
    pd.DataFrame({"a": np.arange(249), "b": np.arange(1, 250)}).to_csv(tmp_path / "line.csv", index=False)
    graph = "" if term == "rw1" else f', graph = "{tmp_path / "line.csv"}"'
    formula, how = f"y ~ x + {term}(t{graph})", {"chains": 2, "seed": 3, "progress": False}
    field = gibbs.fit(formula, data, warmup=300, draws=1000, **how)
    alone = gibbs.fit(formula, data, warmup=300, draws=3000, scheme="one-at-a-time", **how)
    assert alone.arrays.u.shape == (2, 3000, 250)
    for a, b in zip(np.moveaxis(field.arrays.u[..., ::10], 2, 0), np.moveaxis(alone.arrays.u[..., ::10], 2, 0), strict=True):
        error = np.hypot(*(x.std() / np.sqrt(float(diagnostics.ess_bulk(x))) for x in (a, b)))
        assert abs(a.mean() - b.mean()) < 5.0 * error


def test_a_field_is_the_same_law() -> None:
    design = gibbs.check("y ~ ar1(t)", table(), family="gaussian").design
    dense = design.factors[0].structure
    field = structures.as_field(dense)
    assert field.digest == dense.digest and field.words == dense.words and field.has_degree and field.field.levels == 60
    back = structures.dense(field, "")
    np.testing.assert_array_equal(back.numbers, dense.numbers)
    np.testing.assert_array_equal(back.basis, dense.basis)


@pytest.mark.parametrize(
    ("term", "family"),
    [
        ("bym2", "poisson"),
        ("ar1", "gaussian"),
        ("icar", "gaussian"),
        ("leroux", "poisson"),
        ("leroux", "gaussian"),
        ("1 + x | icar", "poisson"),
        ("x || rw1", "gaussian"),
    ],
)
def test_draws_are_of_the_levels_and_of_the_same_posterior(term: str, family: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a field and in the core: means within five standard errors of their difference."""
    data = table(48, 96)
    pd.DataFrame({"a": np.arange(47), "b": np.arange(1, 48)}).to_csv(tmp_path / "line.csv", index=False)
    graph = "" if term.endswith(("ar1", "rw1")) else f', graph = "{tmp_path / "line.csv"}"'
    columns, _, law = term.rpartition("| ")
    formula = f"{'y' if family == 'gaussian' else 'count'} ~ x + ({columns or '1 '}| {law}(t{graph})) + (1 | g)"

    def fitted(least: int):
        monkeypatch.setattr(small_fields, "LEAST", least)
        assert ("in one sparse factorisation" in str(gibbs.check(formula, data, family=family))) == (least < 48)
        return gibbs.fit(formula, data, family=family, chains=2, warmup=500, draws=1500, seed=3, progress=False)

    fields, core = fitted(40), fitted(400)
    assert fields.arrays.u.shape == core.arrays.u.shape == (2, 1500, 48 * (1 + ("x" in columns)) + 8)
    for name in ("beta", "hyper", "u"):
        here, there = getattr(fields.arrays, name), getattr(core.arrays, name)
        for a, b in zip(np.moveaxis(here, 2, 0), np.moveaxis(there, 2, 0), strict=True):
            error = np.hypot(*(x.std() / np.sqrt(float(diagnostics.ess_bulk(x))) for x in (a, b)))
            assert abs(a.mean() - b.mean()) < 5.0 * error, name

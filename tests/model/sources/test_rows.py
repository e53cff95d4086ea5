"""Rows that are needed one by one lie in mapped files: the same numbers as from memory, to the last bit, and so the same draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("duckdb", reason="rows that stay on disk need the package duckdb")

import gibbs
from gibbs import mapped, pipeline
from gibbs.errors import DataError
from gibbs.model import averages, cells
from gibbs.model.sources import rows as in_blocks
from tests.model.sources.both_ways import ROWS, packed, prepared, table, write

MODELS = {
    "logit": ("b ~ k + x * f + z + (1 + x | g) + (1 | h)", {"family": "logit"}),
    "logit, predictors of many kinds": (
        "b ~ poly(k, 2) + scale(r) + I(k^2) + f:k + offset(log(age)) + (k || h)",
        {"family": "logit", "missing": "drop"},
    ),
    "probit, augmented": ("b ~ k + (1 | g)", {"family": "probit", "scheme": "augmented"}),
    "words": ("vote ~ k + f + (1 | word)", {"family": "logit", "outcome": {"one": "yes"}}),
    "poisson": ("c ~ k + r + f + offset(log(age)) + (1 | g) + (1 | h)", {"family": "poisson"}),
    "negative binomial": ("c ~ k + (1 | g)", {"family": "negative_binomial"}),
    "binomial": ("s | trials(n) ~ k + f + (1 | g)", {"family": "binomial"}),
    "ordinal": ("o ~ k + x + (1 | g)", {"family": "ordinal"}),
    "weights": ('b | weights(w, type = "frequency") ~ k + (1 | g)', {"family": "logit"}),
    "student": ("y ~ k + (1 | g)", {"family": "student"}),
    "gaussian": ("log(y) ~ k + x + (1 + k | g)", {}),
    "subset, derived": ("b ~ k2 + young + (1 | g)", {"family": "logit", "subset": "h < 3", "derive": {"k2": "k / 2", "young": "age < 35"}}),
    "missing, by a number": ("b ~ k + age + (1 | g)", {"family": "logit", "na": {"age": [55]}}),
    "missing, predict": ("b ~ k + (1 | g)", {"family": "logit", "missing": "predict"}),
}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Columns of few values, and some of as many as there are rows."""
    found, rng = table(), np.random.default_rng(7)
    found["k"], found["r"] = rng.normal(size=ROWS), np.round(rng.gamma(3.0, size=ROWS), 3)
    found["k"] = found["k"].where(rng.random(ROWS) > 0.02)
    found["word"] = rng.choice(["one", "two words", "ünï", "a,b", 'say "x"', "01"], ROWS)
    found["code"] = rng.choice(["01", "02", "11"], ROWS)
    return found


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything in files, a few rows at a time; so are, a few rows at a time, the sums of what is in memory."""
    for place, name, value in ((mapped, "LEAST", 1), (mapped, "ROWS", 64), (averages, "_BLOCK", 64), (in_blocks, "BLOCK", 100)):
        monkeypatch.setattr(place, name, value)


def assert_identical(one: pipeline.Prepared, two: pipeline.Prepared) -> None:
    """Every number of the design and of what the sampler gets, bit for bit."""
    a, b = one.design, two.design
    assert (b.coefficients, b.rows_used, b.dropped, b.outside, b.notes) == (a.coefficients, a.rows_used, a.dropped, a.outside, a.notes)
    assert one.table.fingerprint == two.table.fingerprint and one.plan == two.plan
    for name in ("y", "X", "offset", "rows", "trials", "weights"):
        if getattr(a, name) is not None:
            np.testing.assert_array_equal(getattr(b, name), getattr(a, name), err_msg=name)
    for f, g in zip(a.factors, b.factors, strict=True):
        assert f.levels == g.levels
        np.testing.assert_array_equal(g.codes, f.codes)
        np.testing.assert_array_equal(g.Z, f.Z)
    mine, other = packed(one), packed(two)
    for group in ("rows", "gram", "priors"):
        for name, left, right in zip(getattr(mine, group)._fields, getattr(mine, group), getattr(other, group), strict=True):
            np.testing.assert_array_equal(right, left, err_msg=f"{group}.{name}")
    groups_to_plan = [str(each.check()).partition("Groups")[2].partition("Sampling")[0] for each in (one, two)]
    assert groups_to_plan[0] == groups_to_plan[1]
    assert two.warnings() == one.warnings()


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize("model", MODELS)
def test_the_sampler_gets_the_same_bits(model: str, kind: str, frame: pd.DataFrame, tmp_path: Path, blocks: None) -> None:
    formula, keys = MODELS[model]
    name = write(frame, tmp_path, kind)
    disk = prepared(formula, name, rows="disk", **keys)
    assert disk.design.way.kind == "rows" and disk.design.way.made == ROWS
    large = [disk.design.y, disk.design.X, disk.design.offset, disk.design.rows, *(f.Z for f in disk.design.factors)]
    assert all(mapped.folder_of(array) for array in large)
    assert all(mapped.folder_of(array) for array in packed(disk).rows[:6] if array.size)
    assert_identical(prepared(formula, name, rows="memory", **keys), disk)


def test_several_files_in_their_order_and_what_check_says(frame: pd.DataFrame, tmp_path: Path, blocks: None) -> None:
    formula = "b ~ k + f + (1 | g)"
    for kind in ("parquets", "csvs"):
        disk = prepared(formula, write(frame, tmp_path, kind), family="logit")
        assert_identical(prepared(formula, frame, family="logit"), disk)
        said = " ".join(str(disk.check()).split())
        assert "4 columns of 900 rows lie in files that are mapped into memory" in said and "passes by DuckDB" in said
        assert "of files, of which the system keeps in memory what there is room for" in said


def test_columns_of_a_csv_are_what_all_their_values_spell(tmp_path: Path, blocks: None, frame: pd.DataFrame) -> None:
    """A word far down makes words of a column; so do leading zeros; truth values, missing words and blanks are as from memory."""
    odd = pd.DataFrame({"b": frame.b, "k": np.arange(ROWS) + 0.5, "late": [str(v) for v in range(ROWS)], "code": frame.code})
    odd.loc[ROWS - 3, "late"] = "many"
    odd["truth"] = np.where(frame.b == 1, "TRUE", "false")
    odd["truth"] = odd["truth"].where(frame.h > 0, "true")
    odd["gap"] = [("", "NA", " 7", "1e3", "-2.50")[v % 5] for v in range(ROWS)]
    odd["long"] = [f"1234567890123456{v:04d}" for v in range(ROWS)]
    odd["formula"] = np.where(frame.h > 1, "'=1+1", "plain")
    odd.to_csv(tmp_path / "odd.csv", index=False)
    from gibbs.model import data
    from gibbs.model import spec as specs

    both = []
    for where in ("memory", "disk"):
        spec = specs.build({"data": {"file": str(tmp_path / "odd.csv"), "rows": where}, "family": "logit", "formula": "b ~ k"})
        both.append(data.read(spec, columns=list(odd.columns)))
    assert both[1].way.kind == "rows" and both[1].way.passes > 2
    for name in odd.columns:
        left, right = both[0].frame[name], both[1].frame[name]
        assert left.isna().tolist() == right.isna().tolist() and left.dropna().tolist() == right.dropna().tolist(), name
        assert pd.api.types.is_numeric_dtype(left.dtype) == pd.api.types.is_numeric_dtype(right.dtype), name
        assert list(map(type, left.dropna())) == list(map(type, right.dropna())), name
    assert both[0].fingerprint == both[1].fingerprint


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("family", ["logit", "poisson"])
def test_draws_are_the_same_bit_for_bit(family: str, tmp_path: Path, blocks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of decisions that read single rows, too, which begin at 5,000 rows."""
    rng, rows = np.random.default_rng(4), 6_000
    g, x = rng.integers(0, 8, rows), rng.normal(size=rows)
    eta = 0.3 * x + 0.2 * np.sin(g)
    y = rng.poisson(np.exp(eta)) if family == "poisson" else (rng.random(rows) < 1 / (1 + np.exp(-eta))).astype(int)
    pd.DataFrame({"y": y, "x": x, "g": g}).to_parquet(tmp_path / "t.parquet")
    monkeypatch.setattr(mapped, "ROWS", 512)
    monkeypatch.setattr(averages, "_BLOCK", 512)
    memory, disk = (
        gibbs.fit(
            {"formula": "y ~ x + (1 | g)", "family": family, "data": {"file": str(tmp_path / "t.parquet"), "rows": where}},
            seed=5, chains=2, warmup=60, draws=50, progress=False,
        )
        for where in ("memory", "disk")
    )  # fmt: skip
    assert disk.design.way.kind == "rows" and disk.plan.decided
    for name in ("beta", "hyper", "u"):
        np.testing.assert_array_equal(getattr(disk.arrays, name), getattr(memory.arrays, name), err_msg=name)


def test_cells_are_counted_by_their_bits_where_there_are_many(monkeypatch: pytest.MonkeyPatch, blocks: None) -> None:
    rng = np.random.default_rng(1)
    columns = [rng.integers(0, 5, 1_000), rng.integers(0, 4, 1_000).astype(float), np.where(rng.random(1_000) < 0.5, 0.0, -0.0)]
    assert cells.different(columns, 1_000) == len(np.unique(np.column_stack(columns), axis=0)) == 20
    monkeypatch.setattr(cells, "MANY", 100)
    _, first = cells.of_rows(columns, 1_000)
    assert first.size == 20 and cells.of_rows([*columns, rng.normal(size=1_000)], 1_000, most=900) is None
    assert cells.different([], 3) == 1 and cells.different([np.zeros(0)], 0) == 0


def test_rows_for_which_the_disk_has_no_room(frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "free", lambda: 1_000)
    with pytest.raises(DataError, match=r"family student has something of its own for every row, so that its rows are needed one by one"):
        prepared("y ~ x + (1 | g)", write(frame, tmp_path, "parquet"), family="student", rows="disk")

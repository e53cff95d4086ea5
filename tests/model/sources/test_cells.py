"""Rows that are added up on disk give the sampler what the same rows give it from memory."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("duckdb", reason="rows that stay on disk need the package duckdb")

from gibbs.errors import DataError
from gibbs.model.sources import cells, server
from tests.model.sources.both_ways import ROWS, assert_same, packed, prepared, table, write

MODELS = {
    "moments": ("y ~ x * z + f + (1 + x | g)", {}),
    "moments, crossed": ("y ~ age + (1 | g) + (x || h) + (1 | f)", {}),
    "moments, by": ('y ~ x + (1 | gr(h, by = "z"))'.replace('"z"', "w2"), {"derive": {"w2": "if(h > 1, 'high', 'low')"}}),
    "moments, of values": ("y ~ poly(age, 2) * x + scale(h) + bs(z, df = 5) + (1 | g)", {}),
    "moments, weights": ('y | weights(w, type = "frequency") ~ x + (1 | g)', {}),
    "moments, precision": ('y | weights(e, type = "precision") ~ x + f + (x | g)', {}),
    "moments, known": ("y | se(se) ~ x + (1 | g)", {}),
    "moments, offset": ("y ~ f + offset(log(age)) + (1 | g)", {}),
    "moments, subset": ("y ~ x + young + (1 | h)", {"subset": "h < 3 & age != 55", "derive": {"young": "age < 35"}, "complete": ["f"]}),
    "moments, na": ("y ~ x + f + (1 | g)", {"na": {"age": [55], "f": ["c"]}, "complete": ["age"]}),
    "moments, levels": ('y ~ factor(f, levels = c("c", "a")) + (1 | g:h)', {}),
    "moments, priors": ("y ~ x * z + (1 + x | g)", {"priors": {"b[x]": "normal(0, 1)", "cor[g]": "lkj(2)", "sigma": "exponential(1)"}}),
    "cells, probit": ("b ~ x * f + (1 + x | g) + (1 | age)", {"family": "probit"}),
    "cells, logit of words": ("vote ~ x + f + (1 | g)", {"family": "logit", "outcome": {"one": "yes"}}),
    "cells, augmented": ("b ~ x + f + (1 | g)", {"family": "probit", "scheme": "augmented"}),
    "cells, cloglog": ("b ~ x + offset(log(age)) + (1 | g)", {"family": "binomial", "link": "cloglog"}),
    "cells, binomial": ("s | trials(n) ~ x + f + (1 | g)", {"family": "binomial"}),
    "cells, shares": ("cbind(s, left) ~ x + f + (1 | g)", {"family": "binomial", "derive": {"left": "n - s"}}),
    "cells, counts": ("c ~ x + scale(age) + (1 | g)", {"family": "poisson"}),
    "cells, counts of many sizes": ("c ~ x + f + (1 + x || g)", {"family": "negative_binomial"}),
    "cells, ordinal": ("o ~ x + f + (1 | g)", {"family": "ordinal"}),
    "cells, weights": ('b | weights(w, type = "frequency") ~ x + (1 | g)', {"family": "logit"}),
}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return table()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, frame: pd.DataFrame) -> Path:
    place = tmp_path_factory.mktemp("both")
    write(frame, place, "parquets")
    return place


@pytest.mark.parametrize("model", MODELS)
def test_the_sampler_gets_the_same_numbers(model: str, frame: pd.DataFrame, folder: Path) -> None:
    formula, keys = MODELS[model]
    disk = prepared(formula, str(folder / "parquets"), **keys)
    assert disk.design.way.kind == model.split(",")[0], disk.design.way.words
    assert disk.design.y.size < ROWS
    assert_same(prepared(formula, frame, **keys), disk)


@pytest.mark.parametrize("kind", ["parquet", "csv", "csvs", "duckdb"])
@pytest.mark.parametrize(("formula", "keys"), [MODELS["moments"], MODELS["moments, na"], MODELS["cells, logit of words"]])
def test_every_kind_of_file(kind: str, formula: str, keys: dict, frame: pd.DataFrame, tmp_path: Path) -> None:
    name = write(frame, tmp_path, kind)
    whole = prepared(formula, name if kind in ("parquet", "csv") else frame, **keys)
    assert whole.design.way is None
    assert_same(whole, prepared(formula, name, rows="disk", **keys))


def test_a_joined_table(frame: pd.DataFrame, folder: Path) -> None:
    """Columns of the groups come from a second file, by a key that few rows have."""
    pd.DataFrame({"h": [0, 1, 2], "income": [1.0, 3.0, 2.5]}).to_csv(folder / "groups.csv", index=False)
    keys = {"join": {"file": str(folder / "groups.csv"), "on": "h"}}
    formula = "y ~ x * income + (1 | h)"
    assert_same(prepared(formula, frame, **keys), prepared(formula, str(folder / "parquets"), **keys))


def test_categories_keep_their_own_order(frame: pd.DataFrame, tmp_path: Path) -> None:
    """A categorical of pandas, in a Parquet file, has the order of its categories from memory and from disk."""
    ordered = frame.assign(f=pd.Categorical(frame.f, categories=["c", "B", "a"]))
    name = write(ordered, tmp_path, "parquet")
    memory, disk = (prepared("y ~ f + (1 | g)", name, rows=rows) for rows in ("memory", "disk"))
    assert memory.design.coefficients == ("Intercept", "fB", "fa")
    assert_same(memory, disk)


def test_draws_are_the_same_until_a_decision_is_turned_by_rounding(frame: pd.DataFrame, folder: Path) -> None:
    import gibbs

    keys = {"seed": 5, "chains": 1, "warmup": 50, "draws": 10, "progress": False, "cores": 1}
    for formula, family in (("y ~ x + f + (1 | g)", "gaussian"), ("b ~ x + f + (1 | g)", "probit")):
        with pytest.warns(UserWarning):
            memory, disk = (gibbs.fit(formula, data, family=family, **keys) for data in (frame, str(folder / "parquets")))
        for name in ("beta", "hyper", "u", "lp"):
            mine, other = getattr(memory.arrays, name), getattr(disk.arrays, name)
            np.testing.assert_allclose(other, mine, rtol=1e-6, atol=1e-6 * np.abs(mine).max(), err_msg=f"{family} {name}")


@pytest.mark.parametrize(
    ("formula", "keys", "words"),
    [
        ("y ~ x + (1 | g)", {"family": "student"}, "something of its own for every row"),
        ('y | weights(e, type = "sampling") ~ x + (1 | g)', {}, "sampling weights are scaled row by row"),
        ("y ~ x + (1 | g)", {"missing": "predict"}, "draws the outcome of every row without one"),
        ("log(y) ~ x + (1 | g)", {}, "hardly any rows are equal"),
        ("b ~ y + (1 | g)", {"family": "probit"}, "hardly any rows are equal"),
    ],
)
def test_what_needs_its_rows_has_them(formula: str, keys: dict, words: str, frame: pd.DataFrame, folder: Path) -> None:
    disk = prepared(formula, str(folder / "parquets"), **keys)
    assert disk.design.way.kind == "rows" and words in disk.design.way.words
    assert_same(prepared(formula, frame, **keys), disk)


def test_moments_are_exact() -> None:
    """Against fractions, of numbers whose squares cancel: a mean of 10⁹ and an sd of 10⁻³."""
    rng = np.random.default_rng(3)
    y = 1e9 + 1e-3 * rng.normal(size=500)
    power = cells.power_of(float(np.abs(y).max()))
    whole = [round(Fraction(v) * 2**power) for v in y.tolist()]
    assert max(map(abs, whole)) < 2**62 and min(map(abs, whole)) >= 2**60
    high, low = ([v >> 31 for v in whole], [v & (2**31 - 1) for v in whole])
    sums = [
        [sum(whole)], [sum(h * h for h in high)], [sum(h * v for h, v in zip(high, low, strict=True))], [sum(v * v for v in low)],
    ]  # fmt: skip
    mean, sd = cells.moments([500], *sums, power)
    exact = [Fraction(v) for v in y.tolist()]
    centre = sum(exact) / 500
    assert mean[0] == float(centre)
    assert sd[0] == pytest.approx(float(sum((v - centre) ** 2 for v in exact) / 500) ** 0.5, rel=1e-12)


def test_the_order_of_rows_and_of_threads_plays_no_part(frame: pd.DataFrame, tmp_path: Path) -> None:
    """Sums are whole numbers: the same fingerprint at every reading, and the same moments of rows in another order."""
    prints = {prepared("y ~ x + (1 | g)", write(frame, tmp_path, "parquet"), rows="disk").table.fingerprint for _ in range(3)}
    assert len(prints) == 1
    (tmp_path / "other").mkdir()
    other = write(frame.sample(frac=1.0, random_state=1), tmp_path / "other", "parquet")
    a, b = (packed(prepared("y ~ x + (1 | g)", name, rows="disk")) for name in (str(tmp_path / "table.parquet"), other))
    assert a.yy == pytest.approx(b.yy, rel=1e-13) and a.n == b.n


def test_files_that_differ_are_one_error(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.iloc[:100].to_parquet(tmp_path / "a.parquet")
    bad = {
        "b.parquet' has not. Did you mean": frame.rename(columns={"x": "xx"}),
        "it holds numbers in 'a.parquet' and text in 'b.parquet'": frame.assign(x=frame.x.astype(str)),
        "'b.parquet' has 'more', and 'a.parquet' has not": frame.assign(more=1),
    }
    for words, other in bad.items():
        other.to_parquet(tmp_path / "b.parquet")
        with pytest.raises(DataError) as error:
            prepared("y ~ x + (1 | g)", str(tmp_path / "*.parquet"))
        assert words in str(error.value), str(error.value)
    (tmp_path / "b.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match=r"'b.parquet' is no Parquet file, or a damaged one"):
        prepared("y ~ x + (1 | g)", str(tmp_path / "*.parquet"))
    with pytest.raises(DataError, match=r"no file has such a name"):
        prepared("y ~ x + (1 | g)", str(tmp_path / "*.nothing"))


def test_a_table_of_a_database(frame: pd.DataFrame, tmp_path: Path) -> None:
    name = write(frame, tmp_path, "duckdb")
    assert prepared("y ~ x + (1 | g)", name, table="answers").design.rows_used < ROWS
    with pytest.raises(DataError, match=r"no table 'answer' in it. Did you mean 'answers'"):
        prepared("y ~ x + (1 | g)", name, table="answer")
    with pytest.raises(DataError, match=r"no column 'xx'"):
        prepared("y ~ xx + (1 | g)", name)


def test_a_database_reaches_no_other_file(tmp_path: Path) -> None:
    """A view of a stranger's database that reads another file is not read."""
    import duckdb

    (tmp_path / "secret.csv").write_text("y,x,g\n1,2,a\n")
    with duckdb.connect(str(tmp_path / "bad.duckdb")) as connection:
        connection.execute(f"CREATE VIEW answers AS SELECT * FROM read_csv('{tmp_path / 'secret.csv'}')")
    with pytest.raises(DataError):
        prepared("y ~ x + (1 | g)", str(tmp_path / "bad.duckdb"), table="answers")


def test_bad_outcomes_have_their_rows(frame: pd.DataFrame, tmp_path: Path) -> None:
    y = frame.y.fillna(0.0)
    frame.assign(y=y.where(np.arange(ROWS) != 41, np.inf)).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"infinite values in row 42"):
        prepared("y ~ x + (1 | g)", str(tmp_path / "t.parquet"), rows="disk")
    frame.assign(y=y.astype(str).where(np.arange(ROWS) != 41, "unknown")).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match=r"there is text, 'unknown', in row 42"):
        prepared("y ~ x + (1 | g)", str(tmp_path / "t.csv"), rows="disk")


def test_words_for_missing_in_the_outcome(frame: pd.DataFrame, tmp_path: Path) -> None:
    coded = frame.assign(y=frame.y.where(np.arange(ROWS) % 50 != 7, -99.0))
    for kind, other in itertools.product(("parquet", "csv"), ([-99], {"y": [-99], "f": ["c"]})):
        name = write(coded, tmp_path, kind)
        whole, disk = (prepared("y ~ x + (1 | g)", name, rows=rows, na=other) for rows in ("memory", "disk"))
        assert_same(whole, disk)
        assert disk.table.notes == whole.table.notes


def test_groups_of_a_server_have_one_order_whatever_order_they_came_in() -> None:
    """Numbers by their size to the last digit, small fractions and large ones, decimals, and words by themselves."""
    from decimal import Decimal

    values = [None, -2.5, 0.1, 0.1 + 2**-50, 0.2, Decimal("0.3"), 1e17, 1e17 + 64, "0.1", "b"]
    frame = pd.DataFrame({"c0": pd.Series(values, dtype=object), "n_": range(len(values))})
    for seed in range(3):
        shuffled = frame.sample(frac=1.0, random_state=seed)
        assert server._ordered(shuffled, ["c0"])["n_"].tolist() == list(range(len(values)))

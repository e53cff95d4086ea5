"""Tables of numbers without pandas: the same answers as with it, and pandas itself for whatever else is asked."""

from __future__ import annotations

import copy
import operator
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gibbs.model import csv_file, data, design, kinds, levels, numeric, spec
from gibbs.model.plain import Column, Numbers

VALUES = st.lists(st.one_of(st.integers(-3, 3), st.floats(-2, 2, width=16), st.just(float("nan")), st.just(-0.0)), min_size=1, max_size=30)


def pair(values: list[float], whole: bool = False) -> tuple[Column, pd.Series]:
    """A column, and the same in pandas; rows numbered from 1."""
    array = np.array(values, dtype=np.int64 if whole else np.float64)
    index = np.arange(1, len(array) + 1)
    return Column("x", array, index), pd.Series(array, index=index, name="x")


@given(VALUES)
def test_a_column_answers_as_pandas_does(values: list[float]) -> None:
    ours, theirs = pair(values)
    codes, words = ours.factorize()
    expected, found = pd.factorize(theirs, use_na_sentinel=True)
    np.testing.assert_array_equal(codes, expected)
    np.testing.assert_array_equal(words, found.to_numpy())
    assert [levels.label(word) for word in words] == [levels.label(word) for word in found]
    assert levels.raw_codes(ours)[1:] == levels.raw_codes(theirs)[1:]
    for a, b in zip(levels.factorise(ours), levels.factorise(theirs), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(ours.isna(), theirs.isna())
    np.testing.assert_array_equal(ours.dropna(), theirs.dropna())
    np.testing.assert_array_equal(ours.unique(), theirs.unique())
    np.testing.assert_array_equal(ours.to_numpy(dtype=np.float64, na_value=np.nan), theirs.to_numpy(dtype=np.float64, na_value=np.nan))
    np.testing.assert_array_equal(numeric.as_number(ours, "x", ""), numeric.as_number(theirs, "x", ""))
    assert data.fingerprint(Numbers({"x": ours.values}, ours.index)) == data.fingerprint(pd.DataFrame({"x": theirs}))
    assert (levels.is_number(ours), levels.is_boolean(ours), levels.temporal(ours)) == (True, False, "")


def test_whatever_else_is_asked_of_a_column_pandas_answers() -> None:
    ours, theirs = pair([3, 1, 2, 2], whole=True)
    assert len(ours) == 4 and list(ours) == [3, 1, 2, 2] and ours.dtype == np.int64 and ours.ndim == 1
    for name in ("eq", "ne", "lt", "le", "gt", "ge", "add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
        act = getattr(operator, name)
        pd.testing.assert_series_equal(act(ours, 2), act(theirs, 2))
        pd.testing.assert_series_equal(act(ours, ours), act(theirs, theirs))
        pd.testing.assert_series_equal(act(2, ours), act(2, theirs))
    for name in ("neg", "abs", "invert"):
        pd.testing.assert_series_equal(getattr(operator, name)(ours), getattr(operator, name)(theirs))
    pd.testing.assert_series_equal(ours.isin([2]), theirs.isin([2]))
    assert ours.iloc[0] == 3 and ours.max() == 3 and float(np.mean(ours)) == 2.0
    np.testing.assert_array_equal(np.asarray(ours) * 2, theirs.to_numpy() * 2)
    np.testing.assert_array_equal(ours.iloc[1:3], theirs.iloc[1:3])
    assert isinstance(ours.iloc[1:3], Column)
    kept = ours[np.array([True, False, False, True])]
    assert isinstance(kept, Column) and list(kept.index) == [1, 4]
    with pytest.raises(AttributeError):
        _ = ours.no_such_thing


def test_a_table_gives_columns_and_rows_and_survives_copies() -> None:
    table = Numbers({"x": np.array([1.0, np.nan]), "g": np.array([7, 8])}, np.array([1, 2]))
    assert table.columns == ("x", "g") and len(table) == 2 and "g" in table and list(table) == ["x", "g"]
    assert list(table[["g"]].columns) == ["g"] and len(table[np.array([True, False])]) == 1
    pd.testing.assert_frame_equal(table.to_pandas(), pd.DataFrame({"x": [1.0, np.nan], "g": [7, 8]}, index=[1, 2]))
    pd.testing.assert_frame_equal(table.loc[[2]], table.to_pandas().loc[[2]])
    for other in (pickle.loads(pickle.dumps(table)), copy.deepcopy(table)):
        pd.testing.assert_frame_equal(other.to_pandas(), table.to_pandas())
    with pytest.raises(KeyError):
        _ = table["y"]


def test_types_are_told_apart_as_pandas_does() -> None:
    asked = {
        kinds.is_number: pd.api.types.is_numeric_dtype,
        kinds.is_truth: pd.api.types.is_bool_dtype,
        kinds.is_real: pd.api.types.is_float_dtype,
        kinds.is_complex: pd.api.types.is_complex_dtype,
        kinds.is_category: lambda dtype: isinstance(dtype, pd.CategoricalDtype),
        kinds.is_interval: lambda dtype: isinstance(dtype, pd.IntervalDtype),
    }
    types = [*map(np.dtype, ("i1", "i8", "u4", "f4", "f8", "c16", "?", "O", "M8[ns]", "m8[ns]", "U3")), pd.Int64Dtype(), pd.BooleanDtype()]
    types += [pd.Float32Dtype(), pd.StringDtype(), pd.CategoricalDtype(["a"]), pd.IntervalDtype("int64")]
    for ours, theirs in asked.items():
        for dtype in types:
            assert ours(dtype) == theirs(dtype), (ours.__name__, dtype)


@pytest.mark.parametrize("blocks", [1, 3])
@pytest.mark.parametrize("kind", [pa.int64(), pa.float64()])
@pytest.mark.parametrize("missing", [False, True])
def test_numbers_of_arrow_come_as_pandas_has_them(blocks: int, kind: pa.DataType, missing: bool) -> None:
    chunks = [pa.array([None if missing and i % 5 == 0 else 3 * i - 7 for i in range(n)], kind)[1:] for n in (20, 1, 12)[:blocks]]
    column = pa.chunked_array(chunks, kind)
    expected = column.to_pandas().to_numpy()
    found = csv_file._values(column)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_a_file_of_numbers_needs_no_pandas_and_is_the_same_table(tmp_path: Path) -> None:
    """With words to be taken for missing, a subset or a word in a column it is pandas' table; the design is the same to the last bit."""
    rng = np.random.default_rng(1)
    lines = ["y,x,g", *(f"{rng.normal():.6f},{rng.integers(5)},{rng.integers(1, 9)}" for _ in range(60)), ",1,2", "0.5,NA,3"]
    (tmp_path / "d.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    words = spec.build("y ~ x + (1 + x | g)", data=str(tmp_path / "d.csv"))
    plain = data.read(words)
    assert isinstance(plain.held, Numbers) and isinstance(plain.frame, pd.DataFrame)
    same = data.read(spec.build("y ~ x + (1 + x | g)", data={"file": str(tmp_path / "d.csv"), "subset": "g > 0"}))
    assert isinstance(same.held, pd.DataFrame)
    pd.testing.assert_frame_equal(plain.frame, same.frame, check_index_type=False)
    assert plain.fingerprint == same.fingerprint
    ours, theirs = design.build(words, plain), design.build(words, same)
    for name in ("y", "X", "rows", "offset"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    np.testing.assert_array_equal(ours.factors[0].codes, theirs.factors[0].codes)
    assert (ours.dropped, ours.factors[0].levels) == (theirs.dropped, theirs.factors[0].levels)
    (tmp_path / "w.csv").write_text("y,g\n1.0,a\n2.0,b\n", encoding="utf-8")
    assert isinstance(data.read(spec.build("y ~ (1 | g)", data=str(tmp_path / "w.csv"))).held, pd.DataFrame)
    assert isinstance(data.read(spec.build("y ~ (1 | g)", data={"file": str(tmp_path / "d.csv"), "na": [3]})).held, pd.DataFrame)

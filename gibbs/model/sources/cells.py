"""Rows added up where they lie: equal rows as one cell, or equal predictors as one group with the moments of its outcome.

    cells     every column used is a key: a row of the result stands for n equal rows. Exact for every family whose likelihood takes equal
              rows together (binary, binomial, counts, ordinal).
    moments   of a gaussian outcome y: the other columns are keys, and each group has n, Σy and Σy². A gaussian likelihood knows no more of
              its rows, so that two points at ȳ ± s, each standing for n/2 rows, s² = Σ(y − ȳ)²/n, say the same as the n rows do: of means,
              sds, cross-products and residual sums of squares alike.

Sums are exact, so that neither the order of the rows nor the number of threads plays a part in them: y becomes a whole number of 62 bits,
y·2^k with 2^k the same for all rows, and whole numbers are added up (squares in two halves, y·2^k = a·2³¹ + b).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.model import spelling
from gibbs.model.csv_file import MISSING_WORDS
from gibbs.model.sources.database import Opened, literal

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

_BITS, HALF = 62, 31
SUMS = ("y_", "hh_", "hl_", "ll_")
"""Σy, Σa², Σab and Σb² of the whole numbers y = a·2³¹ + b, the squares of |y|."""
_FILE = 1 << 40
"""Rows of one file: the number of a row of several files is that of the file times this, plus its place in it."""


@dataclass(frozen=True)
class Outcome:
    """A column whose moments are wanted: its position, and the words that mean missing in it, as numbers and as they are written."""

    position: int
    numbers: tuple[float, ...] = ()
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sizes:
    """What the first pass finds: rows, about how many different keys, and the largest outcome."""

    rows: int
    cells: int
    largest: float = 0.0
    small: int = 0  # groups of fewer rows than were asked for, where that is known


@dataclass(frozen=True)
class Cells:
    """The rows of the result: columns by position, how many rows each stands for (float of points), and the number of one of them."""

    columns: Mapping[int, pd.Series]
    counts: np.ndarray
    rows: np.ndarray = field(repr=False)
    sizes: np.ndarray = field(default_factory=lambda: np.zeros(0))  # of the groups behind points

    def small(self, least: int) -> int:
        """Groups of fewer rows."""
        return int(np.sum((self.sizes if self.sizes.size else self.counts) < least))


def first_pass(connection: duckdb.DuckDBPyConnection, opened: Opened, keys: Sequence[int], outcome: Outcome | None) -> Sizes:
    """One pass over the columns used."""
    different = f"approx_count_distinct(hash({', '.join(f'c{i}' for i in keys)}))" if keys else "1"
    largest = ""
    if outcome is not None:
        number, ok = _number(opened, outcome)
        largest = f", max(abs({number})) FILTER ({ok})"
    [found] = connection.sql(f"SELECT count(*), {different}{largest} FROM {opened.table}").fetchall()
    return Sizes(int(found[0]), int(found[1]), float(found[2] or 0.0) if outcome is not None else 0.0)


def group(connection: duckdb.DuckDBPyConnection, opened: Opened, keys: Sequence[int], outcome: Outcome | None, largest: float) -> Cells:
    """The second pass: the group-by. In the order of the first row of each group, as cells are numbered from memory."""
    select = [f"c{i}" for i in keys]
    sums = ["count(*) AS n_", "min(row_) AS first_"]
    given = opened.table
    power = 0
    if outcome is not None:
        power = power_of(largest)
        number, ok = _number(opened, outcome)
        further = f"CASE WHEN {ok} THEN CAST(round(({number}) * {2.0**power!r}::DOUBLE) AS BIGINT) END AS y_"
        special = f"CASE WHEN NOT coalesce({ok}, false) THEN c{outcome.position} END AS special_"
        inner = f"SELECT {', '.join([*select, 'row_'])}, {ok} AS ok_, {special}, {further} FROM {opened.table}"
        given = f"(SELECT *, a_ >> {HALF} AS h_, a_ & {2**HALF - 1} AS l_ FROM (SELECT *, abs(y_) AS a_ FROM ({inner})))"
        select = [*select, "coalesce(ok_, false) AS ok_", "special_"]
        sums += ["max(row_) AS last_", "sum(y_) AS y_", "sum(h_ * h_) AS hh_", "sum(h_ * l_) AS hl_", "sum(l_ * l_) AS ll_"]
    query = f"SELECT {', '.join([*select, *sums])} FROM {given} GROUP BY ALL ORDER BY first_"
    table = connection.sql(query).to_arrow_table()
    starts = _starts(opened)
    first = _row_numbers(_ints(table, "first_"), starts)
    n = _ints(table, "n_")
    columns = {i: _series(table.column(f"c{i}"), opened, i) for i in keys}
    if outcome is None:
        return Cells(columns, n, first)
    ok, special = (table.column(name).to_pylist() for name in ("ok_", "special_"))
    totals = {name: [int(v or 0) for v in table.column(name).to_pylist()] for name in SUMS}
    last = _row_numbers(_ints(table, "last_"), starts)
    return points(columns, outcome, np.asarray(ok, dtype=bool), special, totals, n, (first, last), power)


def points(
    columns: Mapping[int, pd.Series],
    outcome: Outcome,
    ok: np.ndarray,
    special: Sequence[Any],
    sums: Mapping[str, Sequence[int]],
    n: np.ndarray,
    ends: tuple[np.ndarray, np.ndarray],
    power: int,
) -> Cells:
    """Two points for each group whose outcomes differ, one for the others; the two have the numbers of its first and last row, ``ends``.

    ok : the groups whose outcomes are numbers; ``special``: what stands in the others. sums : of whole numbers, by the names of ``SUMS``.
    """
    import pandas as pd

    first, last = ends
    mean, sd = moments(n.tolist(), *(sums[name] for name in SUMS), power)
    two = np.flatnonzero(ok & (sd > 0.0))
    values = mean.copy()
    values[two] -= sd[two]
    special = [_as_read(value) for value in special]
    y = pd.Series(values, dtype=object if any(isinstance(value, str) for value in special) else np.float64)
    for k in np.flatnonzero(~ok).tolist():
        y.iloc[k] = special[k]
    place = np.concatenate([np.arange(len(n)), two])
    rows = np.concatenate([first, last[two]])
    order = np.argsort(rows, kind="stable")
    counts = n.astype(float)
    counts[two] /= 2.0
    y = pd.concat([y, pd.Series(mean[two] + sd[two], dtype=y.dtype)], ignore_index=True)
    found = {i: column.iloc[place[order]].reset_index(drop=True) for i, column in columns.items()}
    found[outcome.position] = y.iloc[order].reset_index(drop=True)
    return Cells(found, counts[place[order]], rows[order], n)


def _as_read(value: Any) -> float | str:
    """What stands in the place of an outcome that is none: a number, a word that means nothing known, nan where it is missing."""
    if value is None or value in MISSING_WORDS:
        return math.nan
    number = spelling.number_of(value) if isinstance(value, str) else float(value)
    return value if number is None else number


def moments(
    n: Sequence[int], total: Sequence[int], high: Sequence[int], mixed: Sequence[int], low: Sequence[int], power: int
) -> tuple[np.ndarray, np.ndarray]:
    """(mean, √(Σ(y − ȳ)²/n)) of each group from its whole numbers, each rounded once."""
    unit = 2.0**-power
    mean, sd = np.zeros(len(n)), np.zeros(len(n))
    for k, (m, s, hh, hl, ll) in enumerate(zip(n, total, high, mixed, low, strict=True)):
        squares = (hh << (2 * HALF)) + (hl << (HALF + 1)) + ll
        mean[k] = s / m * unit
        sd[k] = math.sqrt((m * squares - s * s) / (m * m)) * unit
    return mean, sd


def power_of(largest: float) -> int:
    """k with |y|·2^k < 2^62 for all rows."""
    return _BITS - 1 - math.frexp(largest)[1] if largest > 0.0 else 0


def _number(opened: Opened, outcome: Outcome) -> tuple[str, str]:
    """SQL of the outcome as a number, and of whether it is one: finite, and none that means missing."""
    column = f"c{outcome.position}"
    text = opened.types[outcome.position] == "text"
    number = f"TRY_CAST({column} AS DOUBLE)" if text else f"CAST({column} AS DOUBLE)"
    ok = f"isfinite({number})"
    if outcome.numbers:
        ok += f" AND {number} NOT IN ({', '.join(repr(v) + '::DOUBLE' for v in outcome.numbers)})"
    if text and outcome.words:
        ok += f" AND {column} NOT IN ({', '.join(map(literal, outcome.words))})"
    return number, f"({ok})"


def _ints(table: pa.Table, name: str) -> np.ndarray:
    return np.asarray(table.column(name).to_numpy(), dtype=np.int64)


def _starts(opened: Opened) -> np.ndarray | None:
    """The rows before each of several Parquet files; None where rows are numbered through."""
    if opened.place.kind != "parquet" or len(opened.place.files) == 1:
        return None
    from pyarrow import parquet

    sizes = []
    for file in opened.place.files:
        with parquet.ParquetFile(file) as one:
            sizes.append(one.metadata.num_rows)
    return np.concatenate([[0], np.cumsum(sizes)])


def _row_numbers(rows: np.ndarray, starts: np.ndarray | None) -> np.ndarray:
    """Numbers of rows through all files, from 1."""
    return rows + 1 if starts is None else starts[rows // _FILE] + rows % _FILE + 1


def _series(column: pa.ChunkedArray, opened: Opened, position: int) -> pd.Series:
    """A column of the result, of the type that it has when the file is read whole."""
    import pandas as pd
    import pyarrow as pa

    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    categories = (opened.dictionaries or {}).get(position)
    series = column.to_pandas()
    if categories is not None:
        words = series.astype(object).where(series.notna(), None)
        known = dict.fromkeys([*categories, *(word for word in words.dropna().unique())])
        return pd.Series(pd.Categorical(words, categories=list(known)))
    return series

"""Rows that are needed one by one: read in blocks, in their order, into columns that lie in files (``gibbs.mapped``).

Numbers of Parquet files and databases keep their type; a column with a value missing is one of float64, as when a file is read whole. Words
are an Arrow file of their own. Text of CSV files is what all values of its column spell (``gibbs.model.spelling``): a column is taken for
numbers until a block holds another word, and then read again as words.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from gibbs import mapped
from gibbs.errors import DataError
from gibbs.model import csv_file, spelling
from gibbs.model.csv_file import Asked
from gibbs.model.sources.database import Opened

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

BLOCK = 122_880
"""Rows of a block: a multiple of what DuckDB works on at a time."""


class _Column(Protocol):
    """One column as it is filled: blocks in, a Series out."""

    def add(self, block: pa.Array) -> bool:
        """False where the column is not what it was taken for."""
        ...

    def series(self) -> pd.Series: ...


def columns(
    connection: duckdb.DuckDBPyConnection, opened: Opened, positions: Sequence[int], rows: int, asked: Mapping[int, Asked]
) -> tuple[dict[int, pd.Series], int]:
    """The columns at ``positions`` of all ``rows``, and how many passes over the rows it took. asked : how columns of text are wanted."""
    found: dict[int, pd.Series] = {}
    left, passes = list(positions), 0
    while left:
        fillers = {i: _filler(opened, i, rows, asked.get(i, Asked()), again=passes > 0) for i in left}
        wrong = _pass(connection, opened, fillers, rows)
        found |= {i: filler.series() for i, filler in fillers.items() if i not in wrong}
        left, passes = wrong, passes + 1
    return {i: found[i] for i in positions}, passes


def _pass(connection: duckdb.DuckDBPyConnection, opened: Opened, fillers: Mapping[int, _Column], rows: int) -> list[int]:
    """One pass over the rows; the columns that are not what they were taken for."""
    wrong: list[int] = []
    query = f"SELECT {', '.join(f'c{i}' for i in fillers)} FROM {opened.table}"
    reader = connection.sql(query).to_arrow_reader(BLOCK)
    done = 0
    for block in reader:
        done += block.num_rows
        if done > rows:
            break
        for place, (i, filler) in enumerate(fillers.items()):
            if i not in wrong and not filler.add(block.column(place)):
                wrong.append(i)
    if done != rows:
        raise DataError("the rows changed while they were read: there are others now than at first.", where=opened.source)
    return wrong


def _filler(opened: Opened, position: int, rows: int, asked: Asked, *, again: bool) -> _Column:
    """What fills a column; of a CSV file numbers at first, and words where it was read once already."""
    if not opened.text:
        categories = (opened.dictionaries or {}).get(position)
        return _Words(rows, as_category=categories) if categories is not None else _Typed(rows)
    words = [word for word in csv_file.MISSING_WORDS if word not in asked.keep]
    if again or asked.text:
        return _Words(rows, missing=words, as_written=asked.text)
    return _Spelt(rows, words)


class _Typed:
    """A column that has a type: numbers in a file, words in an Arrow file, all else as pandas has it."""

    def __init__(self, rows: int) -> None:
        self.rows, self.done = rows, 0
        self.values: np.ndarray | None = None
        self.text: _Text | None = None
        self.others: list[pa.Array] = []

    def add(self, block: pa.Array) -> bool:
        import pyarrow as pa

        if pa.types.is_decimal(block.type):
            block = block.cast(pa.float64())
        if pa.types.is_dictionary(block.type):
            block = block.dictionary_decode()
        kind = block.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            self.text = self.text or _Text()
            self.text.add(block)
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
            self._number(block)
        else:
            self.others.append(block)
        return True

    def _number(self, block: pa.Array) -> None:
        import pyarrow as pa

        if self.values is None:
            self.values = _column(self.rows, np.float64 if block.null_count else block.type.to_pandas_dtype())
        if block.null_count and self.values.dtype.kind != "f":
            before, self.values = self.values, _column(self.rows, np.float64)
            self.values[: self.done] = before[: self.done]
        numbers = (block.cast(pa.float64(), safe=False) if block.null_count else block).to_numpy(zero_copy_only=False)
        self.values[self.done : self.done + len(block)] = numbers
        self.done += len(block)

    def series(self) -> pd.Series:
        import pandas as pd
        import pyarrow as pa

        if self.values is not None:
            return pd.Series(self.values, copy=False)
        return self.text.series() if self.text is not None else pa.chunked_array(self.others).to_pandas()


class _Spelt:
    """A column of a CSV file that is taken for one of numbers."""

    def __init__(self, rows: int, missing: Sequence[str]) -> None:
        self.values, self.done, self.missing, self.whole = _column(rows, np.float64), 0, missing, True

    def add(self, block: pa.Array) -> bool:
        block = _without(block, self.missing)
        numbers = _numbers(block)
        if numbers is None:
            return False
        self.values[self.done : self.done + len(block)] = numbers
        self.done += len(block)
        if self.whole:
            self.whole = bool(not block.null_count and (numbers == np.trunc(numbers)).all() and (np.abs(numbers) < 2**53).all())
        return True

    def series(self) -> pd.Series:
        import pandas as pd

        if not self.whole:
            return pd.Series(self.values, copy=False)
        whole = _column(self.done, np.int64)
        for at in mapped.blocks(self.done):
            whole[at] = self.values[at]
        return pd.Series(whole, copy=False)


def _without(block: pa.Array, missing: Sequence[str]) -> pa.Array:
    """The block with the words that mean missing missing."""
    import pyarrow as pa
    from pyarrow import compute

    return compute.if_else(compute.is_in(block, value_set=pa.array(missing, block.type)), pa.scalar(None, block.type), block)


def _numbers(block: pa.Array) -> np.ndarray | None:
    """The numbers that a block of text spells, nan where missing; None where some word is none, or says more than its number."""
    import pyarrow as pa
    from pyarrow import compute

    try:
        found = block.cast(pa.float64())
        plain = bool(compute.all(compute.is_finite(found), min_count=0).as_py())
    except pa.ArrowInvalid:
        plain = False
    if plain and not compute.any(compute.match_substring_regex(block, r"^[+-]?(0\d|\d{16,}$)"), min_count=0).as_py():
        return found.to_numpy(zero_copy_only=False)
    words = block.to_pandas()  # a number that is written otherwise: with blanks, in other digits
    typed = spelling.typed(words)
    return None if typed.dtype == object or typed is words or not len(words.dropna()) else typed.to_numpy(dtype=np.float64)


class _Words:
    """A column of few different words: which one stands in every row, and what they spell together.

    missing : the words that mean missing. as_category : it is a category, whose values begin with these.
    """

    def __init__(
        self, rows: int, *, missing: Sequence[str] = (), as_written: bool = False, as_category: Sequence[Any] | None = None
    ) -> None:
        self.codes, self.done, self.missing, self.as_written, self.category = _column(rows, np.int32), 0, missing, as_written, as_category
        self.place: dict[Any, int] = {word: k for k, word in enumerate(as_category or ())}

    def add(self, block: pa.Array) -> bool:
        if self.missing:
            block = _without(block, self.missing)
        coded = block.dictionary_encode()
        table = np.array([*(self.place.setdefault(word, len(self.place)) for word in coded.dictionary.to_pylist()), -1], dtype=np.int32)
        self.codes[self.done : self.done + len(block)] = table[coded.indices.fill_null(len(table) - 1).to_numpy(zero_copy_only=False)]
        self.done += len(block)
        return True

    def series(self) -> pd.Series:
        import pandas as pd
        import pyarrow as pa

        words = list(self.place)
        if self.category is not None:
            return pd.Series(pd.Categorical.from_codes(self.codes, categories=words))
        spelt = csv_file.typed(pd.Series(words, dtype=object), as_written=self.as_written) if words else pd.Series(words, dtype=object)
        if spelt.dtype == object and not any(isinstance(word, spelling.Code) or not isinstance(word, str) for word in spelt):
            text, table = _Text(), pa.array([*spelt, None], pa.large_string())
            for at in mapped.blocks(self.done):
                text.add(table.take(pa.array(np.where(self.codes[at] < 0, len(words), self.codes[at]))))
            return text.series()
        if spelt.dtype == object and all(isinstance(word, bool) for word in spelt) and not (self.codes < 0).any():
            return pd.Series(np.array([*spelt], dtype=bool)[self.codes])
        if spelt.dtype == object:
            table = np.array([*spelt, None], dtype=object)
            return pd.Series(table[self.codes], dtype=object)
        missing = bool((self.codes < 0).any())
        values = np.array([*spelt.to_numpy(dtype=np.float64), np.nan])
        out = _column(self.done, np.float64 if missing or spelt.dtype.kind == "f" else np.int64)
        for at in mapped.blocks(self.done):
            out[at] = values[self.codes[at]]
        return pd.Series(out, copy=False)


class _Text:
    """Words as an Arrow file that is mapped into memory."""

    def __init__(self) -> None:
        self.file, self.writer = tempfile.TemporaryFile(dir=mapped.place()), None

    def add(self, block: pa.Array) -> None:
        import pyarrow as pa

        batch = pa.record_batch([block.cast(pa.large_string())], names=["words"])
        self._write(lambda: self._opened(batch.schema).write_batch(batch))

    def _opened(self, schema: pa.Schema) -> Any:
        from pyarrow import ipc

        self.writer = self.writer or ipc.new_file(self.file, schema)
        return self.writer

    def _write(self, what: Callable[[], object]) -> None:
        try:
            what()
        except OSError as error:
            raise DataError(
                f"columns of words cannot be kept in '{mapped.place()}' while they are used: {(error.strerror or str(error)).lower()}."
            ) from None

    def series(self) -> pd.Series:
        import pandas as pd
        import pyarrow as pa
        from pyarrow import ipc

        self._write(self.writer.close)
        self._write(self.file.flush)
        pages = mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ)
        self.file.close()
        return pd.Series(ipc.open_file(pa.py_buffer(pages)).read_all().column(0).to_pandas())


def _column(rows: int, dtype: Any) -> np.ndarray:
    """Room for a column, in a file where it is large."""
    small = rows * np.dtype(dtype).itemsize < mapped.LEAST
    return np.zeros(rows, dtype=dtype) if small else mapped.empty((rows,), dtype)

"""DuckDB, embedded: files and its own databases as one table of SQL, opened so that a stranger's file reaches nothing else.

Only the files that were named can be read (``allowed_paths``), nothing is written, no extension is fetched or loaded, and the settings are
locked. Columns are ``c0``, ``c1``, … by their places, whatever they are called in the data.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gibbs import memory
from gibbs.cores import usable_cores
from gibbs.errors import DataError, nearest
from gibbs.model import csv_file
from gibbs.model.sources.place import Place

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

MOST_MEMORY = 1_500_000_000
"""Bytes that DuckDB may take, where the machine has six times as many."""

_LEAST_MEMORY = 64_000_000
_LONGEST_ROW = 1 << 26
"""Bytes of the longest row of a CSV file, and of the parts that it is read in: DuckDB's own are sixteen times as long, and memory."""


@dataclass(frozen=True)
class Opened:
    """names : of the columns, in their order. types : as DuckDB has them. table : SQL of the rows, with ``row_`` their number from 0.

    text : the columns are text, to be taken for what they spell. dictionaries : column → its categories in their order, of Parquet files
    that hold any. notes : what may be wrong with the files.
    """

    place: Place
    names: tuple[str, ...]
    types: tuple[str, ...]
    table: str
    source: str
    text: bool = False
    dictionaries: dict[int, tuple[Any, ...]] | None = None
    notes: tuple[str, ...] = ()
    rows: int | None = None  # where the files say it


def library(source: str) -> Any:
    """The module; DataError where it is not installed."""
    try:
        import duckdb
    except ImportError:
        raise DataError(
            "rows that stay on disk are added up by the package duckdb; install it: pip install 'gibbs-engine[disk]'.", where=source
        ) from None
    return duckdb


@contextmanager
def connected(place: Place, source: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that reads the files of ``place`` and nothing else. What DuckDB finds wrong is a DataError."""
    duckdb = library(source)
    installed = memory.installed() or 6 * MOST_MEMORY
    settings = {
        "threads": usable_cores(),
        "memory_limit": f"{max(min(MOST_MEMORY, installed // 6), _LEAST_MEMORY) // 1_000_000}MB",
        "temp_directory": "",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "python_enable_replacements": False,
    }
    try:
        connection = duckdb.connect(":memory:", config=settings)
    except duckdb.Error as error:
        raise DataError(f"DuckDB cannot be started: {first_line(error)}", where=source) from None
    try:
        files = [os.path.abspath(file) for file in place.files]
        connection.execute(f"SET allowed_paths = [{', '.join(map(literal, files))}]")
        if place.kind == "duckdb":
            connection.execute(f"ATTACH {literal(files[0])} AS source_ (READ_ONLY)")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection
    except duckdb.OutOfMemoryException:
        raise DataError(
            "the groups of equal rows do not fit into the memory that may be used for them: there are too many different rows.",
            where=source,
        ) from None
    except duckdb.Error as error:
        raise DataError(f"the rows cannot be read: {first_line(error)}", where=source) from None
    finally:
        connection.close()


def first_line(error: Exception) -> str:
    """What a library says, without its second thoughts."""
    return str(error).strip().splitlines()[0].rstrip(".") + "." if str(error).strip() else f"{type(error).__name__}."


def literal(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def look(place: Place, source: str) -> Opened:
    """The columns of the files or the database, checked to be the same in every file; no row is read."""
    library(source)
    return {"parquet": _parquet, "csv": _csv, "duckdb": _database}[place.kind](place, source)


# ------------------------------------------------------------------------------------------------------------- Parquet


def _parquet(place: Place, source: str) -> Opened:
    import pyarrow as pa
    from pyarrow import parquet

    first, rows, same, dictionaries = None, 0, True, False
    for file in place.files:
        try:
            with parquet.ParquetFile(file) as opened:
                schema, rows = opened.schema_arrow, rows + opened.metadata.num_rows
        except (pa.ArrowException, OSError, ValueError):
            raise DataError(f"'{file.name}' is no Parquet file, or a damaged one.", where=source) from None
        if first is None:
            first = schema
        elif not schema.equals(first, check_metadata=False):
            same = False
            _compare(first, schema, place.files[0], file, source)
        dictionaries = dictionaries or any(pa.types.is_dictionary(field.type) for field in schema)
    assert first is not None
    names = tuple(first.names)
    files = ", ".join(literal(os.path.abspath(file)) for file in place.files)
    columns = ", ".join(f"{quoted(name)} AS c{i}" for i, name in enumerate(names) if names.index(name) == i)
    further = "" if same else ", union_by_name = true"
    row = "file_row_number" if len(place.files) == 1 else "(file_index::BIGINT << 40) + file_row_number"
    table = f"(SELECT {columns}, {row} AS row_ FROM read_parquet([{files}]{further}))"
    types = tuple(_word(field.type) for field in first)
    categories = _dictionaries(place.files, first) if dictionaries else None
    return Opened(place, names, types, table, source, dictionaries=categories, rows=rows)


def _word(kind: pa.DataType) -> str:
    """number | text | other: what can be added up, and what cannot."""
    import pyarrow as pa

    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    return "text" if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind) else "other"


def _kind(kind: pa.DataType) -> str:
    """Integers of every width are one kind, and so on."""
    import pyarrow as pa

    tests = {
        "whole numbers": pa.types.is_integer, "numbers": pa.types.is_floating, "truth values": pa.types.is_boolean,
        "decimals": pa.types.is_decimal, "dates and times": pa.types.is_temporal,
    }  # fmt: skip
    if _word(kind) == "text":
        return "text"
    return next((word for word, test in tests.items() if test(kind)), str(kind))


def _compare(first: pa.Schema, schema: pa.Schema, one: Path, other: Path, source: str) -> None:
    """DataError where a column is missing in a file, or of another kind."""
    for field in first:
        if field.name not in schema.names:
            raise DataError(
                f"the files do not have the same columns: '{one.name}' has '{field.name}', and '{other.name}' has not."
                f"{nearest(field.name, schema.names)}",
                where=source,
            )
        kinds = _kind(field.type), _kind(schema.field(field.name).type)
        if kinds[0] != kinds[1]:
            raise DataError(
                f"the files do not agree on column '{field.name}': it holds {kinds[0]} in '{one.name}' and {kinds[1]} in '{other.name}'.",
                where=source,
            )
    if further := next((name for name in schema.names if name not in first.names), None):
        raise DataError(f"the files do not have the same columns: '{other.name}' has '{further}', and '{one.name}' has not.", where=source)


def _dictionaries(files: Sequence[Path], schema: pa.Schema) -> dict[int, tuple[Any, ...]]:
    """The categories of the columns that Parquet files hold as such, in their order (pandas' categoricals, R's factors)."""
    import pyarrow as pa
    from pyarrow import parquet

    found: dict[int, tuple[Any, ...]] = {}
    for i, field in enumerate(schema):
        if not pa.types.is_dictionary(field.type):
            continue
        words: dict[Any, None] = {}
        for file in files:
            with parquet.ParquetFile(file) as opened:
                if opened.metadata.num_row_groups:
                    column = opened.read_row_group(0, columns=[field.name]).column(0)
                    for chunk in column.chunks:
                        words |= dict.fromkeys(chunk.dictionary.to_pylist())
        found[i] = tuple(words)
    return found


# ----------------------------------------------------------------------------------------------------------------- CSV


def _csv(place: Place, source: str) -> Opened:
    heads = []
    for file in place.files:
        heads.append(csv_file.header(file, source if len(place.files) == 1 else f"{source}, {file.name}"))
        if heads[-1].names != heads[0].names:
            names, other = heads[0].names, heads[-1].names
            absent = [name for name in names if name not in other] or [name for name in other if name not in names]
            which = f"'{absent[0]}' is not in both" if absent else "their columns are in another order"
            raise DataError(f"the files do not have the same columns: '{place.files[0].name}' and '{file.name}': {which}.", where=source)
    parts = [_csv_part(file, head) for file, head in zip(place.files, heads, strict=True)]
    columns = ", ".join(f"c{i}" for i in range(len(heads[0].names)))
    table = f"(SELECT {columns}, row_number() OVER () - 1 AS row_ FROM ({' UNION ALL '.join(parts)}))"
    notes = tuple(dict.fromkeys(note for head in heads for note in head.notes))
    return Opened(place, heads[0].names, ("text",) * len(heads[0].names), table, source, text=True, notes=notes)


def _csv_part(file: Path, head: csv_file.Header) -> str:
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(head.names)))
    return (
        f"SELECT * FROM read_csv({literal(os.path.abspath(file))}, columns = {{{columns}}}, header = false, skip = {head.lines}, "
        f"delim = {literal(head.delimiter)}, quote = '\"', escape = '\"', auto_detect = false, "
        f"max_line_size = {_LONGEST_ROW}, buffer_size = {_LONGEST_ROW})"
    )


# ------------------------------------------------------------------------------------------------------------ databases


def _database(place: Place, source: str) -> Opened:
    with connected(place, source) as connection:
        of = "database_name = 'source_' AND schema_name = 'main'"
        tables = [name for (name,) in connection.sql(f"SELECT table_name FROM duckdb_tables() WHERE {of} ORDER BY 1").fetchall()]
        name = place.table or (tables[0] if len(tables) == 1 else "")
        if name not in tables:
            shown = ", ".join(tables[:20]) or "none"
            what = f"there is no table '{name}' in it.{nearest(name, tables)}" if name else "it has several tables, and table: names none."
            raise DataError(f"{what} Its tables are {shown}.", where=source)
        listed = f"SELECT column_name, data_type FROM duckdb_columns() WHERE {of} AND table_name = {literal(name)} ORDER BY column_index"
        found = connection.sql(listed).fetchall()
    columns = ", ".join(f"{quoted(column)} AS c{i}" for i, (column, _) in enumerate(found))
    table = f"(SELECT {columns}, rowid AS row_ FROM source_.main.{quoted(name)})"
    return Opened(place, tuple(c for c, _ in found), tuple(_sql_word(kind) for _, kind in found), table, source)


def _sql_word(kind: str) -> str:
    """number | text | other, of a type of SQL."""
    head = kind.upper().split("(")[0]
    if head in {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "FLOAT", "DOUBLE",
                "DECIMAL", "BOOLEAN"}:  # fmt: skip
        return "number"
    return "text" if head in {"VARCHAR", "ENUM"} else "other"

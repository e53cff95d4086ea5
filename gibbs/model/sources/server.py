"""A table that lives on a server: the group-by of :mod:`gibbs.model.sources.cells` runs there, through Ibis; its groups alone come here.

    data: {ibis: "postgres://host/base", table: responses}

Who may read it is said in the environment, as the server's own programs have it (``PGUSER``, ``PGPASSWORD``, ``PGPASSFILE``): an address
with a password in it is refused, and no message repeats one. A server has no first row: groups are put in the order of their values, and
the "rows" of messages are groups in that order.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from gibbs.errors import DataError, GibbsError, SpecError, nearest
from gibbs.model.sources.cells import HALF, SUMS, Cells, Outcome, Sizes, points, power_of
from gibbs.model.sources.place import Place

if TYPE_CHECKING:
    import pandas as pd

SCHEMES = ("postgres", "postgresql", "mysql", "mssql", "oracle", "clickhouse", "trino", "snowflake", "bigquery", "databricks", "pyspark")
"""Servers that Ibis speaks to. Files are no servers: they are named by ``file:``."""
_SECRET = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|_KEY$", re.IGNORECASE)
_SECONDS = 15  # to wait for a server


@dataclass(frozen=True)
class OpenedTable:
    """As ``database.Opened``: names and types of the columns of a table of a server."""

    place: Place
    names: tuple[str, ...]
    types: tuple[str, ...]
    source: str
    text: bool = False
    dictionaries: None = None
    notes: tuple[str, ...] = ()


def check_address(address: str, where: str) -> None:
    """SpecError for what is no address of a server, and for one with a password in it, which is not repeated."""
    try:
        parts = urlsplit(address)
        password, host = parts.password, parts.hostname
    except ValueError:
        raise SpecError("ibis: holds no address of a server, such as postgres://host/base.", where=where) from None
    if password is not None or _SECRET.search(parts.query):
        raise SpecError(
            "ibis: a password has no place in a spec, which is copied to every run. Leave it out of the address, and give it in the "
            "environment (PGPASSWORD, or a file that PGPASSFILE names).",
            where=where,
        )
    if parts.scheme not in SCHEMES:
        raise SpecError(
            f"ibis: '{parts.scheme or address[:40]}' is no kind of server; there are {', '.join(SCHEMES)}.{nearest(parts.scheme, SCHEMES)} "
            "A file is named by file:.",
            where=where,
        )
    if parts.scheme.startswith("postgres") and host is None and not os.environ.get("PGHOST"):
        raise SpecError("ibis: the address names no host: postgres://host/base.", where=where)


def source_of(place: Place) -> str:
    """The address and the table, for messages and reports."""
    return f"{place.address}, table {place.table}"


@contextmanager
def connected(place: Place, source: str) -> Iterator[Any]:
    """The table, as Ibis has it. What goes wrong on the way is one DataError without anything secret in it."""
    try:
        import ibis
    except ImportError:
        raise DataError("tables of servers are read through Ibis; install it: pip install 'gibbs-engine[server]'.", where=source) from None
    connection = None
    schema, _, name = place.table.rpartition(".")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            further = {"connect_timeout": _SECONDS} if place.address.startswith("postgres") else {}
            connection = ibis.connect(place.address, **further)
            yield connection.table(name, database=schema or None)
    except GibbsError:
        raise
    except ImportError as error:
        raise DataError(f"the driver of this server is not installed: {scrubbed(error)}", where=source) from None
    except Exception as error:  # of Ibis, of the driver, of the server
        if connection is None:
            raise DataError(f"the server cannot be reached: {scrubbed(error)}", where=source) from None
        raise DataError(_of_table(connection, name, schema, error), where=source) from None
    finally:
        if connection is not None:
            connection.disconnect()


def _of_table(connection: Any, name: str, schema: str, error: Exception) -> str:
    """What is wrong with a query, or that there is no such table."""
    try:
        tables = list(connection.list_tables(database=schema or None))
    except Exception:
        tables = []
    if tables and name not in tables:
        shown = ", ".join(tables[:20]) + (" …" if len(tables) > 20 else "")
        return f"there is no table '{name}'.{nearest(name, tables)} The tables are {shown}."
    return f"the server does not answer: {scrubbed(error)}"


def scrubbed(error: Exception) -> str:
    """The first line of what a library says, with whatever the environment keeps secret taken out."""
    lines = str(error).strip().splitlines()
    text = f"{lines[0].rstrip('.')}." if lines else f"{type(error).__name__}."
    for key, value in os.environ.items():
        if value and len(value) > 3 and _SECRET.search(key):
            text = text.replace(value, "…")
    return re.sub(r"://[^/@\s]*@", "://", text)


def look(place: Place, source: str) -> OpenedTable:
    """The columns of the table; no row is read."""
    with connected(place, source) as table:
        schema = table.schema()
        kinds = tuple("number" if t.is_numeric() or t.is_boolean() else "text" if t.is_string() else "other" for t in schema.types)
        return OpenedTable(place, tuple(schema.names), kinds, source)


def first_pass(table: Any, opened: OpenedTable, keys: Sequence[int], outcome: Outcome | None, least: int = 1) -> Sizes:
    """Rows, groups, groups of fewer rows than ``least``, and the largest outcome: numbers of the whole table."""
    names = [opened.names[i] for i in keys]
    groups = table.group_by(names).aggregate(n_=table.count()) if names else table.aggregate(n_=table.count())
    found = groups.aggregate(rows=groups.n_.sum(), cells=groups.count(), small=(groups.n_ < least).sum()).to_pandas().iloc[0]
    largest = 0.0
    if outcome is not None:
        number, ok = _number(table, opened, outcome)
        value = table.aggregate(largest=number.abs().max(where=ok)).to_pandas().iloc[0, 0]
        largest = 0.0 if value is None or np.isnan(value) else float(value)
    rows, cells, small = (0 if v is None or np.isnan(float(v)) else int(v) for v in (found["rows"], found["cells"], found["small"]))
    return Sizes(rows, cells, largest, small)


def group(table: Any, opened: OpenedTable, keys: Sequence[int], outcome: Outcome | None, largest: float) -> Cells:
    """The group-by, in the order of the values of the keys."""
    names = [opened.names[i] for i in keys]
    columns = {f"c{i}": table[opened.names[i]] for i in keys}
    if outcome is None:
        frame = table.select(**columns).group_by(list(columns)).aggregate(n_=lambda t: t.count()).to_pandas() if names else None
        if frame is None:
            frame = table.aggregate(n_=table.count()).to_pandas()
        frame = _ordered(frame, list(columns))
        rows = np.arange(1, len(frame) + 1)
        return Cells({i: _plain(frame[f"c{i}"]) for i in keys}, frame["n_"].to_numpy(dtype=np.int64), rows)
    power = power_of(largest)
    number, ok = _number(table, opened, outcome)
    whole = ok.ifelse((number * 2.0**power).round().cast("int64"), None)
    good = ok.coalesce(False)
    given = table.select(**columns, ok_=good, y_=whole, special_=good.ifelse(None, table[opened.names[outcome.position]]))
    size = given.y_.abs()
    low = size % 2**HALF
    given = given.mutate(h_=((size - low) / 2**HALF).cast("int64"), l_=low.cast("int64"))  # exact, in floats too

    def exact(value: Any) -> Any:
        return value.cast("decimal(38, 0)").sum().cast("string")  # on its way a decimal might become a float

    frame = (
        given.group_by([*columns, "ok_", "special_"])
        .aggregate(
            n_=given.count(), y_=exact(given.y_), hh_=exact(given.h_ * given.h_), hl_=exact(given.h_ * given.l_),
            ll_=exact(given.l_ * given.l_),
        )
        .to_pandas()
    )  # fmt: skip
    frame = _ordered(frame, [*columns, "special_"])
    n = frame["n_"].to_numpy(dtype=np.int64)
    sums = {name: [int(v.partition(".")[0]) if isinstance(v, str) else 0 for v in frame[name]] for name in SUMS}
    first = np.arange(1, len(n) + 1)
    special = [None if v is None or v != v else v for v in frame["special_"]]
    keyed, ok = {i: _plain(frame[f"c{i}"]) for i in keys}, frame["ok_"].to_numpy(dtype=bool)
    return points(keyed, outcome, ok, special, sums, n, (first, first + len(n)), power)


def _number(table: Any, opened: OpenedTable, outcome: Outcome) -> tuple[Any, Any]:
    """The outcome as a number, and whether it is one: finite, and none that means missing. Text is refused: a server says what it holds."""
    column = table[opened.names[outcome.position]]
    number = column.cast("float64")
    ok = number.notnull() & ~number.isnan() & ~number.isinf()
    for value in outcome.numbers:
        ok = ok & (number != value)
    return number, ok


def _ordered(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The groups in the order of their values, the same whatever order they came in."""
    if not columns:
        return frame
    return frame.sort_values(list(columns), key=_ranks, kind="stable", ignore_index=True)


def _ranks(column: pd.Series) -> pd.Series:
    """The place of every value among those of its column: what is missing, numbers, words."""
    import pandas as pd

    keys = [_sortable(value) for value in column.astype(object)]
    place = {key: k for k, key in enumerate(sorted(set(keys)))}
    return pd.Series([place[key] for key in keys], index=column.index)


def _sortable(value: Any) -> tuple[int, float, str]:
    if value is None or value != value:
        return 0, 0.0, ""
    if isinstance(value, str):
        return 2, 0.0, value
    try:
        return 1, float(value), ""
    except (TypeError, ValueError):
        return 2, 0.0, str(value)


def _plain(series: pd.Series) -> pd.Series:
    """Numbers as numbers: a server's decimals come as Python's."""
    import decimal

    if series.dtype == object and any(isinstance(value, decimal.Decimal) for value in series):
        return series.map(lambda value: np.nan if value is None else float(value)).astype(float)
    return series

"""CSV and its relatives: the header first, then only the columns that are needed, every row with as many fields as the header.

pyarrow reads the rows: numbers exactly, rows that are too long or too short refused (never shifted or filled), and columns that are
not asked for are skipped.
"""

from __future__ import annotations

import codecs
import csv
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gibbs.errors import DataError
from gibbs.model.bounded import LONGEST_HEADER, open_bytes

if TYPE_CHECKING:
    import pandas as pd

MISSING_WORDS = ("", "NA", "NaN", "nan", "N/A", "n/a", "#N/A", "NULL", "null", "<NA>")
_DELIMITERS = (",", ";", "\t", "|")
_LONGEST_FIELD = 1_000_000  # characters
_BROKEN = (OSError, EOFError, zlib.error)


@dataclass(frozen=True)
class Header:
    """The first row that is not blank: the names of the columns, and how the file is written."""

    names: tuple[str, ...]
    delimiter: str
    lines: int  # lines of the file up to the end of the header


def header(path: Path, source: str) -> Header:
    """The header of a CSV file (``.gz``: of what is packed in it). The delimiter is the one that the header uses: , ; tab or |.

    A header one name shorter than the rows, as R's ``write.table`` makes it, gets an unnamed first column: the row names.

    Raises DataError for an empty file, a file that is not text, or not in UTF-8 (with the place of the first bad byte).
    """
    try:
        with open_bytes(path, source) as raw:
            start = raw.read(4096)
    except _BROKEN as error:
        raise _broken(error, source) from None
    if not start.strip():
        raise DataError("the file is empty.", where=source)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError("the file is UTF-16; save it as UTF-8 ('CSV UTF-8' in a spreadsheet).", where=source)
    if start.startswith(b"PK"):
        raise DataError("the file is a zip archive or a spreadsheet; save the sheet as CSV.", where=source)
    if b"\0" in start:
        raise DataError("the file is not text, so it is not CSV.", where=source)
    preferred = "\t" if _stem_suffix(path) in {".tsv", ".tab"} else ","
    try:
        found = _first_rows(path, source, preferred)
        if len(found[0]) == 1:
            for delimiter in _DELIMITERS:
                rows = _first_rows(path, source, delimiter)
                if len(rows[0]) > 1:
                    found, preferred = rows, delimiter
                    break
    except _BROKEN as error:
        raise _broken(error, source) from None
    except csv.Error as error:
        raise DataError(f"the header cannot be read: {error}.", where=source) from None
    first, lines, second = found
    names = [name.strip() for name in first]
    if any("\udc80" <= letter <= "\udcff" for name in names for letter in name):
        raise bad_encoding(path, source)
    if second is not None and len(second) == len(names) + 1:
        names = ["", *names]
    return Header(tuple(names), preferred, lines)


def read(path: Path, source: str, head: Header, positions: Sequence[int], na: Sequence[str]) -> pd.DataFrame:
    """The columns at ``positions`` of the header, named by their positions ("0", "7", …), rows in the order of the file.

    na : further words that mean missing, beside ``MISSING_WORDS``.
    Raises DataError for rows with another number of fields than the header, bad encoding in a column that is read, and broken gzip.
    """
    import pyarrow as pa
    from pyarrow import csv as pyarrow_csv

    wrong: list[Any] = []

    def remember(row: Any) -> str:
        wrong.append(row)
        return "error"

    names = [str(i) for i in range(len(head.names))]
    try:
        with open_bytes(path, source) as raw:
            table = pyarrow_csv.read_csv(
                raw,
                read_options=pyarrow_csv.ReadOptions(column_names=names, skip_rows=head.lines, use_threads=False),
                parse_options=pyarrow_csv.ParseOptions(delimiter=head.delimiter, newlines_in_values=True, invalid_row_handler=remember),
                convert_options=pyarrow_csv.ConvertOptions(
                    include_columns=[str(i) for i in positions], null_values=[*MISSING_WORDS, *na], strings_can_be_null=True
                ),
            )
    except pa.ArrowInvalid as error:
        if wrong:
            raise _wrong_row(wrong[0], head, source) from None
        if "skip initial" in str(error) or "Empty CSV" in str(error):
            raise DataError("the file has a header but no rows.", where=source) from None
        raise DataError(f"the file cannot be read as CSV: {str(error).splitlines()[0]}.", where=source) from None
    except _BROKEN as error:
        raise _broken(error, source) from None
    for i, field in enumerate(table.schema):
        if pa.types.is_binary(field.type):
            raise bad_encoding(path, source)
        if pa.types.is_temporal(field.type):  # dates stay as they are written
            table = table.set_column(i, field.name, table.column(i).cast(pa.string()))
    return table.to_pandas(split_blocks=True, self_destruct=True)


def bad_encoding(path: Path, source: str) -> DataError:
    """The error for a file that is not UTF-8: which byte, on which line, and how to convert the file."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    before, lines = 0, 1
    with open_bytes(path, source) as raw:
        while True:
            block = raw.read(1 << 20)
            held = len(decoder.getstate()[0])  # bytes of a character begun in the block before
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                at = before - held + error.start
                lines += error.object.count(b"\n", 0, error.start)
                return DataError(
                    f"byte {at + 1:,} (0x{error.object[error.start]:02X}, on line {lines:,}) is not UTF-8. The file is probably in "
                    f"Windows-1252 or Latin-1; convert it: iconv -f WINDOWS-1252 -t UTF-8 {path.name} > new.csv",
                    where=source,
                )
            if not block:
                return DataError("the file is not UTF-8.", where=source)
            lines += block.count(b"\n")
            before += len(block)


def _first_rows(path: Path, source: str, delimiter: str) -> tuple[list[str], int, list[str] | None]:
    """The first row that is not blank, the line on which it ends, and the row behind it; bytes that are not UTF-8 as surrogates."""
    limit = csv.field_size_limit(_LONGEST_FIELD)
    try:
        with io.TextIOWrapper(open_bytes(path, source, LONGEST_HEADER), encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
            rows = csv.reader(text, delimiter=delimiter, skipinitialspace=True)
            first = next((row for row in rows if any(field.strip() for field in row)), [])
            lines = rows.line_num
            return first, lines, next((row for row in rows if row), None)
    finally:
        csv.field_size_limit(limit)


def _broken(error: Exception, source: str) -> DataError:
    return DataError(f"the file cannot be read: {getattr(error, 'strerror', None) or error}.", where=source)


def _wrong_row(row: Any, head: Header, source: str) -> DataError:
    text = row.text if len(row.text) <= 80 else row.text[:79] + "…"
    number = f"row {row.number - head.lines}" if row.number is not None else "a row"
    hint = " A field that holds the delimiter needs quotes." if row.actual_columns > row.expected_columns else ""
    fields = f"{row.actual_columns} field{'s' if row.actual_columns != 1 else ''}"
    return DataError(f"{number} has {fields}, the header has {row.expected_columns}: {text}{hint}", where=source)


def _stem_suffix(path: Path) -> str:
    suffixes = [s.lower() for s in path.suffixes]
    return next((s for s in reversed(suffixes) if s != ".gz"), "")

"""CSV and its relatives: the header first, then only the columns that are needed, every row with as many fields as the header.

pyarrow reads the rows: numbers exactly, rows that are too long or too short refused (never shifted or filled), and columns that are
not asked for are skipped.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import sys
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.errors import DataError
from gibbs.model import quotes, signatures, spelling
from gibbs.model.bounded import LONGEST_HEADER, open_bytes
from gibbs.model.plain import Numbers

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MISSING_WORDS = ("", "NA", "NaN", "nan", "N/A", "n/a", "#N/A", "NULL", "null", "<NA>")
_DELIMITERS = (",", ";", "\t", "|")
_LONGEST_FIELD = 1_000_000  # characters
_BLOCKS = (1 << 20, 1 << 26)  # bytes that are parsed at a time, and the longest row; the second where a row does not fit into the first
_BROKEN = (OSError, EOFError, zlib.error)


@dataclass(frozen=True)
class Header:
    """The first row that is not blank: the names of the columns, and how the file is written."""

    names: tuple[str, ...]
    delimiter: str
    lines: int  # lines of the file up to the end of the header
    zeros: bool = False  # some value of the file looks like a code with a leading zero
    notes: tuple[str, ...] = ()  # of quotes that may be wrong


def header(path: Path, source: str) -> Header:
    """The header of a CSV file (``.gz``: of what is packed in it). The delimiter is the one that the header uses: , ; tab or |.

    A header one name shorter than the rows, as R's ``write.table`` makes it, gets an unnamed first column: the row names.

    Raises DataError for an empty file, a file that is not text, or not in UTF-8 (with the place of the first bad byte), and for a quote
    that is never closed.
    """
    try:
        with open_bytes(path, source) as raw:
            start = raw.read(4096)
    except _BROKEN as error:
        raise _broken(error, source) from None
    if not start.strip():
        raise DataError("the file is empty.", where=source)
    if encoding := signatures.encoding(start):
        raise DataError(f"the file is {encoding}; save it as UTF-8 ('CSV UTF-8' in a spreadsheet).", where=source)
    what, advice = signatures.kind(start)
    if what:
        raise DataError(f"the file is {what}; {advice}.", where=source)
    if b"\0" in start:
        raise DataError("the file is not text, so it is not CSV.", where=source)
    tried = preferred = "\t" if _stem_suffix(path) in {".tsv", ".tab"} else ","
    try:
        found = _first_rows(path, source, preferred)
        if len(found[0]) == 1:
            for tried in _DELIMITERS:
                rows = _first_rows(path, source, tried)
                if len(rows[0]) > 1:
                    found, preferred = rows, tried
                    break
    except _BROKEN as error:
        raise _broken(error, source) from None
    except csv.Error as error:
        _quotes(path, source, tried)
        raise DataError(_bad_header(error), where=source) from None
    first, lines, second = found
    names = [name.strip() for name in first]
    names = [name[1:] if re.match(_MARKED, name) else name for name in names]
    if any("\udc80" <= letter <= "\udcff" for name in names for letter in name):
        raise bad_encoding(path, source)
    if second is not None and len(second) == len(names) + 1:
        names = ["", *names]
    found_quotes = _quotes(path, source, preferred)
    notes: tuple[str, ...] = ()
    if found_quotes.spans:
        with open_bytes(path, source) as raw:
            notes = quotes.swallowed(raw, found_quotes.spans, preferred, len(names))
    return Header(tuple(names), preferred, lines, found_quotes.zeros, notes)


@dataclass(frozen=True)
class Asked:
    """How one column is to be read, beside what its values say."""

    text: bool = False  # as it is written, whatever it spells
    keep: tuple[str, ...] = ()  # of ``MISSING_WORDS``, those that are values here where the column is text


def read(
    path: Path, source: str, head: Header, positions: Sequence[int], asked: Mapping[int, Asked] | None = None
) -> pd.DataFrame | Numbers:
    """The columns at ``positions`` of the header, named by their positions ("0", "7", …), rows in the order of the file.

    Numbers, truth values and words by what all values of a column spell; digits that say more than their number (``01``) and dates stay
    as they are written (see ``spelling``). The apostrophe that keeps text from
    running in a spreadsheet is taken off.

    Raises DataError for rows with another number of fields than the header, bad encoding in a column that is read, and broken gzip.
    """
    import pyarrow as pa

    asked = asked or {}
    written = {i for i in positions if i in asked and asked[i].text}
    first = _parse(path, source, head, positions, written, MISSING_WORDS)
    again: dict[tuple[str, ...], list[int]] = {}
    for i in positions:
        keep, column = asked.get(i, Asked()).keep, first.column(str(i))
        words = tuple(word for word in MISSING_WORDS if word not in keep)
        if keep and (i in written or pa.types.is_string(column.type) or pa.types.is_null(column.type)):
            again.setdefault(words, []).append(i)
        elif _is_time(column) or _says_more(column, zeros=head.zeros):
            again.setdefault(MISSING_WORDS, []).append(i)
    if not (again or written) and all(_is_number(first.column(str(i))) for i in positions):
        return Numbers({str(i): _values(first.column(str(i))) for i in positions}, np.arange(first.num_rows))
    texts = {}
    for words, places in again.items():
        texts |= dict.fromkeys(places, _parse(path, source, head, places, set(places), words))
    return _columns(first, positions, texts, written)


def _columns(first: pa.Table, positions: Sequence[int], texts: Mapping[int, pa.Table], written: Collection[int]) -> pd.DataFrame:
    """The columns as pandas has them, each of text by what it spells."""
    import pandas as pd
    import pyarrow as pa

    columns = {}
    for i in positions:
        name = str(i)
        column = (texts[i] if i in texts else first).column(name)
        if i in texts and _is_number(first.column(name)) and not _digits(column):
            column = first.column(name)  # nothing was lost when it was read as numbers
        series = column.to_pandas()
        if pa.types.is_string(column.type):
            series = typed(series, as_written=i in written)
        columns[name] = series  # a Series: an array of objects would become text again, and lose what its values are
    return pd.DataFrame(columns)


def typed(series: pd.Series, *, as_written: bool) -> pd.Series:
    """Text as what it spells (``spelling.typed``), without the apostrophe that keeps it from running in a spreadsheet."""
    found = spelling.typed(series, as_written=as_written)
    if found is not series:
        return found
    marked = series.str.match(_MARKED).fillna(False).to_numpy(dtype=bool)
    return series.where(~marked, series.str[1:]) if marked.any() else series


_MARKED = f"'+{spelling.RUNS}"
"""Text that was kept from running in a spreadsheet by an apostrophe, as our own tables are (``gibbs.files.spreadsheet``)."""


def _is_number(column: pa.ChunkedArray) -> bool:
    import pyarrow as pa

    return column.type in (pa.int64(), pa.float64())


def _values(column: pa.ChunkedArray) -> np.ndarray:
    """The numbers of a column of int64 or float64: float64 with NaN where some are missing. pyarrow's own way there imports pandas."""
    import pyarrow as pa

    own = np.int64 if pa.types.is_integer(column.type) else np.float64
    out = np.empty(len(column), dtype=np.float64 if column.null_count else own)
    at = 0
    for chunk in column.chunks:
        mask, numbers = chunk.buffers()
        part = out[at : at + len(chunk)]
        if numbers is not None:
            part[:] = np.frombuffer(numbers, dtype=own, count=chunk.offset + len(chunk))[chunk.offset :]
        if chunk.null_count and mask is not None:
            bits = np.unpackbits(np.frombuffer(mask, dtype=np.uint8), count=chunk.offset + len(chunk), bitorder="little")
            part[bits[chunk.offset :] == 0] = np.nan
        at += len(chunk)
    return out


def _is_time(column: pa.ChunkedArray) -> bool:
    import pyarrow as pa

    return pa.types.is_temporal(column.type)


def _says_more(column: pa.ChunkedArray, *, zeros: bool) -> bool:
    """Whether a column of numbers may have lost something of its text: leading zeros, or digits beyond the 53 bits of a float."""
    import pyarrow as pa

    if not _is_number(column):
        return False
    if zeros:
        return True
    if pa.types.is_integer(column.type) and not column.null_count:
        return False
    return bool((np.abs(_values(column)) >= 2**53).any())  # missing values are NaN, and compare as no


def _digits(column: pa.ChunkedArray) -> bool:
    """Whether some text may say more than its number; ``spelling.keeps_more`` is exact, and slower."""
    from pyarrow import compute

    return bool(compute.any(compute.match_substring_regex(column, r"^\s*[+-]?(0\d|\d{16,}\s*$)")).as_py())


def _parse(path: Path, source: str, head: Header, positions: Sequence[int], text: Collection[int], missing: Sequence[str]) -> pa.Table:
    """One pass over the rows."""
    import pyarrow as pa
    from pyarrow import csv as pyarrow_csv

    wrong: list[Any] = []

    def remember(row: Any) -> str:
        wrong.append(row)
        return "error"

    names = [str(i) for i in range(len(head.names))]
    for block in _BLOCKS:
        try:
            with open_bytes(path, source) as raw, _silent_callbacks():
                table = pyarrow_csv.read_csv(
                    raw,
                    read_options=pyarrow_csv.ReadOptions(column_names=names, skip_rows=head.lines, use_threads=False, block_size=block),
                    parse_options=pyarrow_csv.ParseOptions(delimiter=head.delimiter, newlines_in_values=True, invalid_row_handler=remember),
                    convert_options=pyarrow_csv.ConvertOptions(
                        include_columns=[str(i) for i in positions],
                        column_types={str(i): pa.string() for i in text},
                        null_values=list(missing),
                        strings_can_be_null=True,
                    ),
                )
            break
        except pa.ArrowInvalid as error:
            if wrong:
                raise _wrong_row(wrong[0], head, source) from None
            if block < _BLOCKS[-1] and ("block" in str(error) or "skip initial" in str(error)):  # a row, or the header, is longer than that
                continue
            if "skip initial" in str(error) or "Empty CSV" in str(error):
                raise DataError("the file has a header but no rows.", where=source) from None
            if "invalid UTF8" in str(error):
                raise bad_encoding(path, source) from None
            raise DataError(_not_csv(str(error)), where=source) from None
        except _BROKEN as error:
            raise _broken(error, source) from None
    if any(pa.types.is_binary(field.type) for field in table.schema):
        raise bad_encoding(path, source)
    return table


@contextmanager
def _silent_callbacks() -> Iterator[None]:
    """pyarrow decodes a wrong row before it hands it over; where that fails, Python would print a traceback and go on."""
    old, sys.unraisablehook = sys.unraisablehook, lambda what: None
    try:
        yield
    finally:
        sys.unraisablehook = old


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


def _quotes(path: Path, source: str, delimiter: str) -> quotes.Found:
    try:
        with open_bytes(path, source) as raw:
            return quotes.scan(raw, delimiter, source)
    except _BROKEN as error:
        raise _broken(error, source) from None


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


def _bad_header(error: csv.Error) -> str:
    if "limit" in str(error):
        return f"a name in the header has more than {_LONGEST_FIELD:,} characters: is a line end missing, or a quote?"
    return "the header cannot be read: its quotes or line ends are not those of a CSV."


def _not_csv(said: str) -> str:
    """What pyarrow says of a table that it cannot read, in words of ours."""
    if "straddl" in said or "block" in said:
        return f"a row is longer than {_BLOCKS[-1]:,} bytes: is a line end missing, or a quote?"
    return "the rows cannot be read as CSV: their quotes, delimiters or line ends do not fit together."


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

"""Workbooks (.xlsx, .xlsm, .xlsb, .xls, .ods): a sheet whose first row that is not blank names the columns.

Cells are taken as a CSV file of the sheet would have them, so that a table means the same in both: numbers stay exact, ``01`` typed as text
stays as it is written, NA is missing. Of formulas the values are read that the spreadsheet program has stored; nothing is computed.
"""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gibbs.errors import DataError, nearest
from gibbs.model import csv_file, signatures
from gibbs.model.bounded import MOST_TIMES, MOST_UNPACKED
from gibbs.model.csv_file import Asked

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_EXTRA = "workbooks need the package python-calamine; install it: pip install 'gibbs-engine[excel]'."


def names_and_columns(path: Path, source: str, sheet: str | None) -> tuple[tuple[str, ...], Any, tuple[str, ...]]:
    """The names in the header, the function that reads columns (positions and how they are asked for), and what may be wrong.

    sheet : its name; the first of the workbook where None.
    Raises DataError for a file that is no workbook, is protected by a password, or has no such sheet (with the nearest name).
    """
    try:
        import python_calamine as calamine
    except ImportError:
        raise DataError(_EXTRA, where=source) from None
    _check_size(path, source)
    try:
        with calamine.CalamineWorkbook.from_path(str(path)) as book:
            sheets = list(book.sheet_names)
            chosen = _choose(sheets, sheet, source)
            rows = book.get_sheet_by_name(chosen).to_python(skip_empty_area=False)
    except calamine.PasswordError:
        raise DataError("the workbook is protected by a password; save it without.", where=source) from None
    except (calamine.CalamineError, OSError, ValueError, OverflowError, MemoryError):
        raise DataError(f"the file cannot be read as a workbook: {signatures.unreadable(path, _called(path))}.", where=source) from None
    except BaseException as error:  # the library's own fault on a broken file is no Exception
        if type(error).__name__ != "PanicException":
            raise
        raise DataError(f"the file cannot be read as a workbook: {signatures.unreadable(path, _called(path))}.", where=source) from None
    where = f"{source}, sheet '{chosen}'"
    first = next((k for k, row in enumerate(rows) if any(_text(cell) for cell in row)), None)
    if first is None:
        raise DataError("the sheet is empty.", where=where)
    names = tuple((_text(cell) or "").strip() for cell in rows[first])
    body = rows[first + 1 :]
    while body and not any(_text(cell) for cell in body[-1]):
        body.pop()
    if not body:
        raise DataError("the sheet has a header but no rows.", where=where)
    if not any(names[:1]) and sum(map(bool, names)) < 2:
        raise DataError(f"the first row that is not blank is no header: {', '.join(filter(None, names))!r}.", where=where)

    def columns(positions: Sequence[int], asked: Mapping[int, Asked] | None) -> pd.DataFrame:
        return _columns(body, positions, asked or {})

    others = [name for name in sheets if name != chosen]
    note = f"the workbook has {len(sheets)} sheets, of which '{chosen}' is read; sheet: names another ({', '.join(others[:5])})."
    return names, columns, (note,) if others and sheet is None else ()


def _choose(sheets: Sequence[str], sheet: str | None, source: str) -> str:
    if not sheets:
        raise DataError("the workbook has no sheet.", where=source)
    if sheet is None:
        return sheets[0]
    if sheet not in sheets:
        raise DataError(
            f"there is no sheet '{sheet}'; the workbook has {', '.join(map(repr, sheets))}.{nearest(sheet, sheets)}", where=source
        )
    return sheet


def _check_size(path: Path, source: str) -> None:
    """DataError for a workbook that unpacks to more than a table hardly does: it is a zip archive, whose parts say how large they are."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return  # an old one is no archive; a broken one, or one packed as zipfile does not know, is refused where it is read
    most = max(MOST_UNPACKED, MOST_TIMES * path.stat().st_size)
    if unpacked > most:
        raise DataError(f"the workbook unpacks to {unpacked:,} bytes, more than {most:,}; save the sheet as CSV.", where=source)


def _called(path: Path) -> str:
    return "an old spreadsheet or document" if path.suffix.lower() == ".xls" else "a zip archive or a spreadsheet"


def _columns(rows: Sequence[Sequence[Any]], positions: Sequence[int], asked: Mapping[int, Asked]) -> pd.DataFrame:
    """The columns as pandas has them, each by what all of its cells spell."""
    import pandas as pd

    columns = {}
    for i in positions:
        missing = set(csv_file.MISSING_WORDS) - set(asked.get(i, Asked()).keep)
        cells = [_text(row[i]) if i < len(row) else None for row in rows]
        series = pd.Series([None if cell is None or cell.strip() in missing else cell for cell in cells], dtype=object)
        columns[str(i)] = csv_file.typed(series, as_written=asked.get(i, Asked()).text)
    return pd.DataFrame(columns)


def _text(cell: Any) -> str | None:
    """A cell as a CSV file would have it; None where it is empty, or an error of a formula."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(sep=" ").removesuffix(" 00:00:00")
    if isinstance(cell, (datetime.date, datetime.time)):
        return cell.isoformat()
    text = str(cell)
    return None if text in _ERRORS else text


_ERRORS = ("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#GETTING_DATA", "#SPILL!", "#CALC!")

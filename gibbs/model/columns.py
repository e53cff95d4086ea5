"""Columns of an opened table under the names of the model, and the cells that no model can use.

``visible`` renames, ``read`` takes the user's words for missing out, ``check_values`` refuses what is empty or infinite.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs import mapped
from gibbs.errors import DataError, SpecError, nearest
from gibbs.model import csv_file, kinds, labelled, levels, missing_words, spelling
from gibbs.model.plain import Numbers
from gibbs.model.plain import frame as plain_frame
from gibbs.model.records import DataSource
from gibbs.printable import printable

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.model.readers import Reader

_SHOWN = 5  # rows or values that a message names


def visible(reader: Reader, rename: Mapping[str, str], word: str, where: str, source: str, of_one: Callable[[str], str]) -> dict[str, int]:
    """Name after renaming → position in the table. Names that stand twice point at −1, and are refused only where they are used.

    word : what a person calls ``rename`` here. where, of_one : its place in the spec, and that of one of its new names.
    """
    place: dict[str, int] = {}
    for i, name in enumerate(reader.names):
        place[name] = -1 if name in place else i
    for new, old in rename.items():
        if old not in place:
            turned = f" rename is written new: old; did you mean '{old}: {new}'?" if new in place else nearest(old, reader.names)
            raise SpecError(f"{word}: the data have no column '{old}' to call '{new}'.{turned}", where=of_one(new))
        if place[old] < 0:
            raise _twice([old], reader.names, source)
    if len(set(rename.values())) < len(rename):
        twice = next(old for old in rename.values() if list(rename.values()).count(old) > 1)
        raise SpecError(f"{word} gives the column '{twice}' two names.", where=where)
    moved = {new: place[old] for new, old in rename.items()}
    rest = {name: i for name, i in place.items() if name not in rename.values()}
    for new in moved:
        if new in rest:
            raise SpecError(
                f"{word}: the data have a column '{new}' already; choose another name, or rename that one too.", where=of_one(new)
            )
    return rest | moved


def check_names(base: Sequence[str], place: Mapping[str, int], names: Sequence[str], derived: Iterable[str], source: str) -> None:
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


def read(
    reader: Reader,
    names: Sequence[str],
    place: Mapping[str, int],
    options: DataSource,
    text: Collection[str],
    source: str,
    others: Sequence[str] | None,
) -> tuple[pd.DataFrame | Numbers, list[str]]:
    """The columns under the names of the model: the user's words for missing taken out, labelled columns as categories.

    The index is 1…N, or what the reader numbers its rows by.

    others : further names that ``na`` may speak of, for the notes on words of it that occur nowhere; None: no such notes.
    """
    at = [place[name] for name in names]
    asked = {
        place[name]: csv_file.Asked(name in text, missing_words.kept(options, name, reader.names[place[name]]))
        for name in names
        if reader.untyped
    }
    read = reader.held(at, asked)
    if isinstance(read, Numbers) and not any(missing_words.of_column(options, name, reader.names[place[name]]) for name in names):
        notes = [*reader.notes, *(missing_words.no_column(options, [*place, *reader.names, *others]) if others is not None else ())]
        return read.named(names, np.arange(1, len(read) + 1)), [printable(note) for note in notes]
    return _read_by_pandas(reader, plain_frame(read), names, at, options, text, source, None if others is None else [*place, *others])


def _read_by_pandas(
    reader: Reader,
    read: pd.DataFrame,
    names: Sequence[str],
    at: Sequence[int],
    options: DataSource,
    text: Collection[str],
    source: str,
    known: Sequence[str] | None,
) -> tuple[pd.DataFrame, list[str]]:
    """``read`` of columns that need not be numbers. known : further names that ``na`` may speak of; None: no notes on its words."""
    import pandas as pd

    index = read.index if reader.numbered else pd.RangeIndex(1, len(read) + 1)
    read = together({name: _placed(read.iloc[:, i], index) for i, name in enumerate(names)}, index)
    _check_cells(read, source)
    columns, met, notes, labels = {}, {}, list(reader.notes), {}
    for i, name in enumerate(names):
        series, other = read[name], reader.names[at[i]]
        words, labels[name] = missing_words.of_column(options, name, other), reader.labels.get(at[i], {})
        marked, found = missing_words.mark(series, words, labels[name])
        if reader.untyped and not kinds.is_number(marked.dtype):
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
    if known is not None:
        notes += missing_words.no_column(options, [*known, *reader.names])
    if known is not None and not options.join:  # a word may be one of the joined tables'
        notes += missing_words.never_met(options, met, read, labels)
    return together(columns, read.index), [printable(note) for note in notes]


def together(columns: Mapping[str, pd.Series], index: pd.Index) -> pd.DataFrame:
    """The columns as a table that has them for itself; those that lie in files, which nobody else has, as they are."""
    import pandas as pd

    return pd.DataFrame(dict(columns), index=index, copy=False if mapped.folder_of(np.asarray(index)) else None)


def some(frame: pd.DataFrame | Numbers, keep: np.ndarray) -> pd.DataFrame | Numbers:
    """The rows ``keep``, (N,) of bool; columns that lie in files (``gibbs.mapped``) become others that do."""
    if mapped.folder_of(np.asarray(frame.index)) is None:
        return frame[keep]
    import pandas as pd

    index = pd.Index(mapped.taken(np.asarray(frame.index), keep), copy=False)
    return pd.DataFrame({name: _some(frame[name], keep, index) for name in frame.columns}, index=index, copy=False)


def settled(series: pd.Series) -> pd.Series:
    """A column that was made of others, in a file where they lie in one; itself where it is in memory as they are."""
    if mapped.folder_of(np.asarray(series.index)) is None or not isinstance(series.dtype, np.dtype) or series.dtype == object:
        return series
    import pandas as pd

    values = mapped.moved(np.asarray(series.index), series.to_numpy())
    return pd.Series(values, index=series.index, name=series.name, copy=False)


def _some(series: pd.Series, keep: np.ndarray, index: pd.Index) -> pd.Series:
    import pandas as pd

    plain = isinstance(series.dtype, np.dtype) and series.dtype != object
    values = mapped.taken(series.to_numpy(), keep) if plain else series.array[keep]
    return pd.Series(values, index=index, dtype=series.dtype, copy=False)


def _placed(series: pd.Series, index: pd.Index) -> pd.Series:
    """The column under another index, of the type it has (an array of objects alone may become text)."""
    import pandas as pd

    return pd.Series(series.array, index=index, dtype=series.dtype, copy=False)


def _foreign_digits(name: str, series: pd.Series) -> list[str]:
    """A sentence where text spells the same number as other text does, in digits of another script: one group would be two."""
    import pandas as pd

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
        if kinds.is_complex(series.dtype):
            raise DataError("complex numbers have no place in a model.", where=f"{source}, column '{name}'")
        if series.dtype.kind in "biufmM" or getattr(series.dtype, "storage", "") == "pyarrow":  # text in Arrow's memory is UTF-8
            continue
        values = series.cat.categories if kinds.is_category(series.dtype) else series
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


def check_values(frame: pd.DataFrame | Numbers, source: str) -> None:
    """Columns without a value, and infinite numbers."""
    empty = [name for name in frame.columns if not len(frame) or (frame[name].iloc[:1].isna().all() and frame[name].isna().all())]
    if empty:
        are = "the column has no value at all" if len(empty) == 1 else f"the columns {', '.join(map(repr, empty))} have no value at all"
        raise DataError(f"{are}: every row is missing.", where=f"{source}, column '{empty[0]}'" if len(empty) == 1 else source)
    for name in frame.columns:
        if kinds.is_real(frame[name].dtype):
            infinite = np.isinf(frame[name].to_numpy(dtype=np.float64, na_value=np.nan))
            if infinite.any():
                raise DataError(
                    f"infinite values in {rows_text(np.asarray(frame.index)[infinite])}; every number must be finite, or missing.",
                    where=f"{source}, column '{name}'",
                )


# ------------------------------------------------------------------------------------------------------------ messages


def rows_text(rows: np.ndarray) -> str:
    shown = ", ".join(str(r) for r in rows[:_SHOWN])
    if len(rows) == 1:
        return f"row {shown}"
    return f"{len(rows):,} rows: {shown}{' …' if len(rows) > _SHOWN else ''}" if len(rows) > _SHOWN else f"rows {shown}"

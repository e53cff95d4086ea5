"""The columns that a model used, kept in its run folder where they came as a table from Python: ``data.parquet``.

A run whose data are a file, or a package's, keeps nothing: they are read again from there. ``save_data: false`` keeps nothing of a table
either (data that may not be copied); then what needs the data asks for them. What is kept are the columns as the model saw them, all rows
that were read, under their names in the formula; the fingerprint in the manifest is theirs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gibbs.errors import OutputError
from gibbs.model.records import Spec, Table

if TYPE_CHECKING:
    import pandas as pd

NAME = "data.parquet"
_ROW = "__row__"


def wanted(spec: Spec) -> bool:
    """Whether a run folder keeps the data: they came from Python, and nothing says that they may not be kept."""
    return spec.save_data and not spec.data.named


def write(table: Table, folder: Path) -> bool:
    """Write the table; whether it is there afterwards, and reads as what it was. Nothing is left of one that does not."""
    from gibbs.model.data import fingerprint

    path = folder / NAME
    frame = table.frame.copy(deep=False)
    frame.insert(0, _ROW, table.frame.index.to_numpy(), allow_duplicates=False)
    try:
        frame.to_parquet(path, index=False)
        same = fingerprint(_read(path)) == fingerprint(table.frame)
    except (ValueError, TypeError, NotImplementedError):  # of pyarrow: a column of a kind that Parquet does not have
        same = False
    if not same:
        path.unlink(missing_ok=True)
    return same


def read(folder: Path, source: str, outside: int, print_of_run: str) -> Table | None:
    """The table that was kept with a run; None where there is none. OutputError for one that is damaged or not the run's."""
    from gibbs.model.data import fingerprint

    path = folder / NAME
    if not path.is_file():
        return None
    try:
        frame = _read(path)
    except (OSError, ValueError, KeyError) as error:
        raise OutputError("the data that were kept with the run cannot be read; the file is damaged.", where=str(path)) from error
    found = fingerprint(frame)
    if print_of_run and found != print_of_run:
        raise OutputError("the data that were kept with the run are not those it was made from (another fingerprint).", where=str(path))
    return Table(frame, source, found, outside=outside)


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    frame = pd.read_parquet(path)
    rows = frame.pop(_ROW)
    frame.index = pd.Index(rows.to_numpy(), name=None)
    return frame

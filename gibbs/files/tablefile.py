"""A table as a file of its own, or as text for a terminal: written whole or not at all, and never over a file that is there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from gibbs import numerals, paths
from gibbs.errors import OutputError, SpecError
from gibbs.files import spreadsheet, whole

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".csv", ".parquet")
_SHOWN = 60  # rows on a terminal


def check_free(file: str | os.PathLike[str] | None, *, force: bool = False) -> None:
    """OutputError where ``file`` cannot be written: another kind, a folder, no folder for it, or there already and not ``force``."""
    if file is None:
        return
    paths.require(file, OutputError)
    path, where = Path(file).expanduser(), os.fspath(file)
    if path.suffix.lower() not in ENDINGS:
        raise OutputError(
            f"tables are written as {' or '.join(ENDINGS)}, by the end of the name; this ends in '{path.suffix}'.", where=where
        )
    if path.is_dir():
        raise OutputError("this is a folder; name a file in it.", where=where)
    if not path.parent.is_dir():
        raise OutputError(f"there is no folder '{path.parent}' to write it to.", where=where)
    if path.exists() and not force:
        raise OutputError("there is a file of this name. Choose another, or replace it with --force (force=True).", where=where)


def write(table: pd.DataFrame, file: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Write the table (without its index) and give the path; see ``check_free`` for what is refused."""
    check_free(file, force=force)
    path = Path(file).expanduser()

    def fill(partial: Path) -> None:
        if path.suffix.lower() == ".csv":
            spreadsheet.to_csv(table, partial, index=False, float_format="%.8g")
        else:
            table.to_parquet(partial, index=False)

    whole.write_file(path, fill, force=force)
    return path


def text(table: pd.DataFrame) -> str:
    """The table for a terminal: four digits, the first rows of a long one."""
    shown = spreadsheet.shown(table.head(_SHOWN)).to_string(index=False, float_format=numerals.plain)
    more = len(table) - _SHOWN
    return f"{shown}\n… and {more:,} more rows; --out FILE.csv writes them all" if more > 0 else shown


def interval(probability: float) -> tuple[float, float, float]:
    """The probabilities of a central interval and of the median. SpecError unless 0 < probability < 1."""
    if not 0.0 < probability < 1.0:
        raise SpecError(f"the probability of an interval lies between 0 and 1, such as 0.9; {probability:g} was given.", where="--level")
    tail = (1.0 - probability) / 2.0
    return round(tail, 12), 0.5, round(1.0 - tail, 12)

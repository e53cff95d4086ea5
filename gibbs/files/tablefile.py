"""A table as a file of its own, or as text for a terminal: written whole or not at all, and never over a file that is there."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gibbs import numerals, paths, wrap
from gibbs.errors import OutputError, SpecError
from gibbs.files import spreadsheet, whole

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".csv", ".parquet")
_SHOWN = 60  # rows on a terminal
NO_MEAN = (
    "–: no mean and no sd. The few largest draws would make them up, however many there are (Pareto k above 0.7); the quantiles stand, and "
    "q50 is the median. So it is with averages of a count over groups that were not seen, exp(σ²/2) and more, where few groups leave σ a "
    "long tail."
)
"""Stands under a table in which :func:`lacks_means`."""


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


def lacks_means(table: pd.DataFrame) -> bool:
    """Whether a row of statistics has quantiles and no mean (``gibbs.draws.tails.no_mean``)."""
    return "mean" in table and "q50" in table and bool((table["mean"].isna() & table["q50"].notna()).any())


def with_reason(note: str, table: pd.DataFrame) -> str:
    """``note``, and after it ``NO_MEAN`` where the table lacks means."""
    return " ".join(part for part in (note, NO_MEAN if lacks_means(table) else "") if part)


def text(table: pd.DataFrame, predictors: Sequence[str] = ()) -> str:
    """The table for a terminal: four digits, the first rows of a long one, and why a row has no mean where one has none.

    predictors : columns with values of predictors, which are written as such (``numerals.of_predictor``).
    """
    written = {name: numerals.of_predictor for name in predictors if name in table and table[name].dtype.kind == "f"}
    shown = spreadsheet.shown(table.head(_SHOWN)).to_string(index=False, float_format=numerals.plain, formatters=written, na_rep="–")
    more = len(table) - _SHOWN
    found = f"{shown}\n… and {more:,} more rows; --out FILE.csv writes them all" if more > 0 else shown
    return f"{found}\n\n{wrap.message(NO_MEAN, sys.stdout)}" if lacks_means(table) else found


def interval(probability: float) -> tuple[float, float, float]:
    """The probabilities of a central interval and of the median. SpecError unless 0 < probability < 1."""
    if not 0.0 < probability < 1.0:
        raise SpecError(f"the probability of an interval lies between 0 and 1, such as 0.9; {probability:g} was given.", where="--level")
    tail = (1.0 - probability) / 2.0
    return round(tail, 12), 0.5, round(1.0 - tail, 12)

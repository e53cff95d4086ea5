"""A table as a file, written whole or not at all, and never over what is there."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

from gibbs import paths
from gibbs.errors import OutputError

if TYPE_CHECKING:
    import pandas as pd


def check_free(path: str | Path, *, force: bool = False) -> Path:
    """The file a table may be written to; OutputError where there is one already and not ``force``, or it is a folder, or has none."""
    paths.require(path, OutputError)
    target = Path(path).expanduser()
    if target.is_dir():
        raise OutputError("this is a folder; give the name of a file.", where=str(path))
    if target.exists() and not force:
        raise OutputError("there is a file of this name already. Choose another, or replace it with --force.", where=str(path))
    if not target.absolute().parent.is_dir():
        raise OutputError("the folder it would be in does not exist.", where=str(path))
    return target


def write_text(path: str | Path, text: str, *, force: bool = False) -> Path:
    """Write ``text`` under a hidden name beside ``path``, then rename it. OutputError as ``check_free``, and where it cannot be written."""
    target = check_free(path, force=force)
    partial = target.with_name(f".{target.name[:50]}.partial-{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(target)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OutputError(f"it cannot be written: {error.strerror or error}.", where=str(path)) from error
        raise
    return target


def columns(frame: pd.DataFrame, places: int = 3) -> str:
    """A table of numbers for the terminal: labels flush left, numbers flush right with ``places`` decimals, – for nan."""
    from gibbs.summaries.display import align, number

    def cell(value: float) -> str:
        return "–" if math.isnan(value) else number(float(value), places)

    rows = [("", *(str(column) for column in frame.columns))]
    rows += [(str(label), *(cell(value) for value in row)) for label, row in zip(frame.index, frame.to_numpy(float), strict=True)]
    return "\n".join(align(tuple(rows)))

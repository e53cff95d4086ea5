"""R's own files: a data frame of a .rds file, or the one of an .RData (.rda) file. They are parsed; no R code in them is run."""

from __future__ import annotations

import bz2
import io
import lzma
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.errors import DataError, nearest
from gibbs.model import bounded, signatures

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.model.labelled import Labels

ENDINGS = (".rds", ".rda", ".rdata")
_EXTRA = (
    "R's files need the package rdata; install it: pip install 'gibbs-engine[r]'. Or in R: write.csv(data, 'data.csv', row.names = FALSE)."
)
_BROKEN = (
    ValueError, KeyError, IndexError, TypeError, AttributeError, AssertionError, OverflowError, MemoryError, RecursionError, EOFError,
    OSError,    ArithmeticError, NotImplementedError, lzma.LZMAError,
)  # fmt: skip
"""What the package rdata makes of damaged bytes, and (NotImplementedError) of kinds of R objects that it does not know."""


class _WithLabels(np.ndarray):
    """The values of a column of class haven_labelled. labels : value → label."""

    labels: Mapping[Any, str]


def frame(path: Path, source: str, name: str | None) -> tuple[pd.DataFrame, dict[int, Labels]]:
    """The data frame, and the value labels of its columns by position.

    name : of the object, where the file holds several; the only data frame where None.
    Raises DataError for a file that is none of R's, is damaged, or holds no data frame.
    """
    try:
        import rdata
    except ImportError:
        raise DataError(_EXTRA, where=source) from None
    import pandas as pd

    labels: dict[int, dict[int, Labels]] = {}

    def data_frame(columns: Any, attributes: Mapping[str, Any]) -> pd.DataFrame:
        found = pd.DataFrame({str(k): _plain(v) for k, v in columns.items()}) if columns else pd.DataFrame()
        labels[id(found)] = {i: v.labels for i, v in enumerate(columns.values()) if isinstance(v, _WithLabels) and v.labels}
        kept.append(found)
        return found

    kept: list[pd.DataFrame] = []  # so that no id is given twice
    constructors = {
        **rdata.conversion.DEFAULT_CLASS_MAP,
        "data.frame": data_frame,
        "haven_labelled": _labelled,
        "Date": lambda values, attributes: _times(values, 86_400.0),
        "POSIXct": lambda values, attributes: _times(values, 1.0),
        "difftime": lambda values, attributes: np.asarray(values),
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of classes that are not known: their values are read
            raw = io.BytesIO(_bytes(path, source))
            read = rdata.read_rds if path.suffix.lower() == ".rds" else rdata.read_rda
            found = read(raw, constructor_dict=constructors)
    except _BROKEN:
        raise DataError(f"the file cannot be read as one of R's: {_why(path)}.", where=source) from None
    if not isinstance(found, pd.DataFrame):
        found = _one_of(found if isinstance(found, dict) else {}, name, source)
    elif name is not None and path.suffix.lower() == ".rds":
        raise DataError(f"a .rds file holds one object without a name; leave sheet: {name} out.", where=source)
    return found, labels.get(id(found), {})


def _one_of(objects: Mapping[str, Any], name: str | None, source: str) -> pd.DataFrame:
    import pandas as pd

    frames = {key: value for key, value in objects.items() if isinstance(value, pd.DataFrame)}
    if not frames:
        held = f"; it holds {', '.join(list(objects)[:8])}" if objects else ""
        raise DataError(f"the file holds no data frame{held}. In R: saveRDS(as.data.frame(x), 'data.rds').", where=source)
    if name is not None:
        if name not in frames:
            raise DataError(f"there is no data frame '{name}'; the file has {', '.join(frames)}.{nearest(name, frames)}", where=source)
        return frames[name]
    if len(frames) > 1:
        raise DataError(f"the file holds several data frames: {', '.join(frames)}. sheet: says which one is meant.", where=source)
    return next(iter(frames.values()))


def _why(path: Path) -> str:
    """Another kind of file, damaged, or an object that is no table."""
    found = signatures.unreadable(path, "an R data file")
    if found.startswith("by its first bytes") and "packed by" not in found:
        return found
    return "it is damaged or cut short, or holds functions and other objects that are no table"


def _bytes(path: Path, source: str) -> bytes:
    """What the file unpacks to, as far as it is bounded."""
    with path.open("rb") as file:
        start = file.read(6)
    opened = {b"BZh": bz2.open, b"\xfd7z": lzma.open}.get(start[:3])
    if opened is None:
        with bounded.open_bytes(path, source) as file:
            return file.read()
    most = max(bounded.MOST_UNPACKED, bounded.MOST_TIMES * path.stat().st_size)
    with opened(path, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise DataError(
            f"the file unpacks to more than {most:,} bytes; in R, save the table with saveRDS(x, compress = FALSE).", where=source
        )
    return content


def _labelled(values: Any, attributes: Mapping[str, Any]) -> Any:
    """Values with the labels that package haven gives columns of Stata and SPSS."""
    found = np.asarray(values).view(_WithLabels)
    marks = attributes.get("labels")
    words = [] if marks is None else list(getattr(marks, "coords", {}).get("dim_0", getattr(marks, "index", [])))
    values_of = np.ravel(np.asarray(marks)) if marks is not None else np.zeros(0)
    pairs = zip(values_of.tolist(), words, strict=False)
    found.labels = {value: str(word.item() if hasattr(word, "item") else word) for value, word in pairs}
    return found


def _times(values: Any, seconds: float) -> Any:
    import pandas as pd

    return pd.to_datetime(np.asarray(values, dtype=float) * seconds, unit="s", errors="coerce")


def _plain(column: Any) -> Any:
    """A column as pandas takes it: text and numbers as they are, R's missing text as None."""
    if isinstance(column, _WithLabels):
        column = np.asarray(column)
    if isinstance(column, np.ma.MaskedArray):
        return (
            column.astype(float).filled(np.nan) if column.dtype.kind in "iuf" else np.where(column.mask, None, column.data.astype(object))
        )
    if isinstance(column, np.ndarray) and column.dtype.kind == "f":
        column = np.where(np.isnan(column), np.nan, column)  # R's NA is a NaN that signals
    return column.tolist() if isinstance(column, np.ndarray) and column.dtype.kind in "OU" else column

"""Results as CSV: one row a job, written as it ends, so that a stop loses nothing; a file is gone on with by running the grid again."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

COLUMNS = (
    "problem", "rows", "data_seed", "engine", "seed", "warmup", "draws",  # the job
    "date", "status", "note", "priors", "gives",
    "setup_s", "compile_s", "warmup_s", "sampling_s", "wall_s", "cpu_s", "peak_mb",
    "kept", "parameters", "bulk_least", "bulk_least_of", "bulk_median", "tail_least", "tail_least_of", "tail_median", "rhat_worst",
    "ess_per_s", "s_to_400", "agreement", "differs_most", "z",
    "means", "sds", "used_rows", "levels", "load", "versions", "machine", "configuration",
)  # fmt: skip
KEY = COLUMNS[:7]
OK, LIMIT, FAILED, MISSING, REFUSED = "ok", "time limit", "failed", "missing", "not for this engine"
"""Statuses: measured; stopped at the limit of time; the engine ended with an error; not installed; it does not take such a problem."""


class ResultsError(Exception):
    """A file that is not one of results."""


def line(row: Mapping[str, Any]) -> str:
    """One line of CSV."""
    text = io.StringIO()
    csv.DictWriter(text, COLUMNS, restval="", extrasaction="raise", lineterminator="\n").writerow(row)
    return text.getvalue()


def append(path: Path, row: Mapping[str, Any]) -> None:
    """Add a row, with the heading where the file is new; it is on the disk when this returns."""
    heading = "" if path.exists() and path.stat().st_size else ",".join(COLUMNS) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(heading + line(row))
        file.flush()
        os.fsync(file.fileno())


def mend(path: Path) -> None:
    """Take off a last line that a stop has left unfinished."""
    if path.exists() and (data := path.read_bytes()) and not data.endswith(b"\n"):
        os.truncate(path, data.rfind(b"\n") + 1)


def read(paths: Iterable[str | Path]) -> list[dict[str, str]]:
    """The rows of one file or several, as text. Raises ResultsError."""
    rows: list[dict[str, str]] = []
    for path in paths:
        try:
            with Path(path).open(encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file)
                if tuple(reader.fieldnames or ()) != COLUMNS:
                    raise ResultsError(f"{path} is no file of results of this suite: its heading is another.")
                rows += [row for row in reader if None not in row and None not in row.values()]
        except OSError as error:
            raise ResultsError(f"{path}: {error.strerror}") from None
    return rows


def done(path: Path) -> set[tuple[str, ...]]:
    """Keys of the jobs that a file has, whatever came of them; a missing engine may be there by now."""
    if not path.exists() or not path.stat().st_size:
        return set()
    return {tuple(row[name] for name in KEY) for row in read([path]) if row["status"] != MISSING}


def number(text: str) -> float:
    """A figure of a row; nan where it has none."""
    return float(text) if text else float("nan")

"""Rows of words and numbers set in columns, as terminals and pages of one width show them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gibbs.printable import printable

if TYPE_CHECKING:
    import pandas as pd


def number(value: float, places: int) -> str:
    """A number with so many decimals, or in powers of ten where that would be long."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if places > 7 or abs(value) >= 1e9:
        return f"{value:.2e}"
    written = f"{value:.{places}f}"
    return written[1:] if written.startswith("-") and float(written) == 0 else written


def align(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Columns of equal width, the first ``left`` of them flush left, the others flush right."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        " ".join(
            cell.ljust(width) if i < left else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def of_numbers(frame: pd.DataFrame, places: int = 3) -> str:
    """A table of numbers for the terminal: labels flush left, numbers flush right with ``places`` decimals, – for nan."""

    def cell(value: float) -> str:
        return "–" if math.isnan(value) else number(float(value), places)

    rows = [("", *(str(column) for column in frame.columns))]
    rows += [(str(label), *(cell(value) for value in row)) for label, row in zip(frame.index, frame.to_numpy(float), strict=True)]
    return "\n".join(align(tuple(rows)))

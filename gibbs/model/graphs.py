"""Neighbours and covariances from files: which levels there are, and what they know of each other.

edge list     two columns, a border a row, each once or both ways; a third column (such as a length) is left alone. An area that borders
              on nothing stands alone in its row. Several neighbours may stand in one cell, parted by ; or |
adjacency     a square table of 0 and 1, a row and a column a level, named in the first column and the head
covariance    likewise, of numbers
precision     likewise; or three columns, level, level, number, each pair once, or twice alike, pairs that are not named 0
lattice       cells of a grid, named by two factors of whole numbers, row:col: neighbours share a side
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.errors import DataError, nearest
from gibbs.model import levels, readers
from gibbs.model.records import DataSource

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 6
_BETWEEN = (";", "|")


def read(path: Path, name: str) -> tuple[tuple[str, ...], pd.DataFrame]:
    """(names of the columns, the table as text, missing cells as ""). DataError where it cannot be read."""
    import pandas as pd

    reader = readers.open_file(path, name, DataSource(file=name))
    frame = reader.columns(range(len(reader.names)))
    columns = {}
    for k in range(frame.shape[1]):
        codes, labels, _ = levels.raw_codes(frame.iloc[:, k])
        words = np.array([*(text.strip() for text in labels), ""], dtype=object)
        columns[k] = words[np.asarray(codes)]
    return tuple(str(n).strip() for n in reader.names), pd.DataFrame(columns)


def named(labels: Sequence[str]) -> dict[str, int]:
    """Label → place."""
    return {text: k for k, text in enumerate(labels)}


def is_matrix(names: tuple[str, ...], frame: pd.DataFrame) -> bool:
    """Whether a table has a row and a column for every level: as many rows as columns beside the first, under the same names."""
    return frame.shape[0] == frame.shape[1] - 1 and frame.shape[0] >= 2 and set(frame[0]) == set(names[1:])


def matrix(names: tuple[str, ...], frame: pd.DataFrame, where: str) -> tuple[list[str], np.ndarray]:
    """(levels in the order of the columns, the numbers (J, J)). DataError for cells that are no number, names that differ, asymmetry."""
    labels = list(names[1:])
    rows = list(frame[0])
    for what, found in (("rows", rows), ("columns", labels)):
        counts = Counter(found)
        twice = [text for text in counts if counts[text] > 1]
        if twice:
            raise DataError(f"two {what} are called '{twice[0]}'; a level has one row and one column.", where=where)
    if set(rows) != set(labels):
        wrong = next(text for text in [*rows, *labels] if text not in rows or text not in labels)
        side = "column" if wrong in rows else "row"
        raise DataError(
            f"'{wrong}' has no {side}: the matrix has a row and a column for every level, under the same names."
            f"{nearest(wrong, labels if wrong in rows else rows)}",
            where=where,
        )
    values = np.empty((len(rows), len(labels)))
    none: list[tuple[int, int]] = []
    for j in range(len(labels)):
        values[:, j], wrong = _numbers(frame[j + 1])
        none += [] if wrong is None else [(wrong, j)]
    if none:
        i, j = min(none)
        raise DataError(f"row '{rows[i]}', column '{labels[j]}' holds '{frame.iat[i, j + 1]}', which is no number.", where=where)
    place = named(rows)
    values = values[[place[text] for text in labels]]
    gap = np.abs(values - values.T)
    if gap.max() > 1e-8 * max(np.abs(values).max(), 1e-300):
        i, j = np.unravel_index(int(np.argmax(gap)), gap.shape)
        raise DataError(
            f"the matrix is not symmetric: row '{labels[i]}', column '{labels[j]}' has {values[i, j]:g}, and row '{labels[j]}', column "
            f"'{labels[i]}' has {values[j, i]:g}.",
            where=where,
        )
    return labels, 0.5 * (values + values.T)


def _numbers(column: Sequence[str]) -> tuple[np.ndarray, int | None]:
    """(numbers that cells spell, the first that spells none)."""
    found = [levels.number_of(text) for text in column]
    return np.array([np.nan if x is None else x for x in found]), next((i for i, x in enumerate(found) if x is None), None)


def precision(path: Path, name: str) -> tuple[list[str], Any]:
    """(levels as the file names them, the precision (J, J) sparse). DataError for what is no symmetric table."""
    from scipy import sparse

    names, frame = read(path, name)
    if is_matrix(names, frame):
        labels, values = matrix(names, frame, name)
        return labels, sparse.csr_array(values)
    if frame.shape[1] != 3:
        raise DataError(
            "a precision is a square table, a row and a column a level, with the levels' names in its head and its first column, or a "
            f"table of three columns, level, level and number; this one has {frame.shape[0]:,} rows and {frame.shape[1]:,} columns.",
            where=name,
        )
    numbers, wrong = _numbers(frame[2])
    if wrong is not None:
        raise DataError(f"row {wrong + 1} holds '{frame.iat[wrong, 2]}' in its third column, which is no number.", where=name)
    place: dict[str, int] = {}
    found: dict[tuple[int, int], tuple[float, int]] = {}
    for row, (one, other, value) in enumerate(zip(frame[0], frame[1], numbers.tolist(), strict=True), start=1):
        if not one or not other:
            raise DataError(f"row {row} names no level in its {'first' if not one else 'second'} column.", where=name)
        pair = place.setdefault(one, len(place)), place.setdefault(other, len(place))
        before, first = found.setdefault((min(pair), max(pair)), (value, row))
        if abs(before - value) > 1e-8 * max(abs(before), abs(value)):
            raise DataError(f"rows {first} and {row} have {before:g} and {value:g} for '{one}' and '{other}'.", where=name)
    missing = next((text for text, k in place.items() if (k, k) not in found), None)
    if missing is not None:
        raise DataError(f"'{missing}' has no number of its own: a row '{missing}', '{missing}' is the diagonal.", where=name)
    a, b = np.array(list(found), dtype=np.int64).T
    value = np.array([v for v, _ in found.values()])
    off = a != b
    J = len(place)
    return list(place), sparse.csr_array(
        (np.concatenate([value, value[off]]), (np.concatenate([a, b[off]]), np.concatenate([b, a[off]]))), shape=(J, J)
    )


def graph(path: Path, name: str) -> tuple[list[str], np.ndarray]:
    """(levels as the file names them, edges (E, 2) as places in them, each once, the smaller first). DataError for what is no graph."""
    names, frame = read(path, name)
    if is_matrix(names, frame):
        labels, values = matrix(names, frame, name)
        if not np.all(np.isin(values, (0.0, 1.0))):
            i, j = np.unravel_index(int(np.argmax(~np.isin(values, (0.0, 1.0)))), values.shape)
            raise DataError(
                f"an adjacency matrix holds 1 for neighbours, 0 elsewhere; row '{labels[i]}', column '{labels[j]}' has {values[i, j]:g}.",
                where=name,
            )
        if np.any(np.diagonal(values) != 0.0):
            raise DataError(f"'{labels[int(np.argmax(np.diagonal(values) != 0.0))]}' is its own neighbour; the diagonal is 0.", where=name)
        return labels, np.argwhere(np.triu(values, 1) > 0.0).astype(np.int64)
    if frame.shape[1] < 2:
        raise DataError(
            "a graph is a table of two columns, a border a row (area, neighbour), or a square matrix of 0 and 1 with the areas' names in "
            "its head and its first column.",
            where=name,
        )
    return _edges(frame, name)


def _edges(frame: pd.DataFrame, where: str) -> tuple[list[str], np.ndarray]:
    place: dict[str, int] = {}
    directed: dict[tuple[int, int], int] = {}
    mark = next((m for m in _BETWEEN if frame[1].str.contains(m, regex=False).any()), None)
    for row, (one, others) in enumerate(zip(frame[0], frame[1], strict=True), start=1):
        neighbours = [t.strip() for t in others.split(mark)] if mark else [others]
        if not one:
            raise DataError(f"row {row} names no area in its first column.", where=where)
        a = place.setdefault(one, len(place))
        for other in filter(None, neighbours):
            if other == one:
                raise DataError(f"row {row}: '{one}' is named as its own neighbour.", where=where)
            directed.setdefault((a, place.setdefault(other, len(place))), row)
    labels = list(place)
    alone = [pair for pair in directed if pair[::-1] not in directed]
    if alone and len(alone) < len(directed):  # borders are named both ways, but for some
        some = ", ".join(f"{labels[a]} → {labels[b]} (row {directed[a, b]})" for a, b in alone[:_SHOWN])
        more = f" and {len(alone) - _SHOWN:,} more" if len(alone) > _SHOWN else ""
        raise DataError(
            f"the graph is not symmetric: of borders that are named both ways elsewhere, some are named one way only: {some}{more}. Name "
            "each once, or all both ways.",
            where=where,
        )
    edges = sorted({(min(pair), max(pair)) for pair in directed})
    return labels, np.array(edges, dtype=np.int64).reshape(-1, 2)


def lattice(rows: Sequence[str], columns: Sequence[str], factor: str, where: str) -> np.ndarray:
    """Edges (E, 2) between cells that share a side; ``rows``, ``columns``: whole numbers, one a cell."""
    cells: dict[tuple[int, int], int] = {}
    for k, (r, c) in enumerate(zip(rows, columns, strict=True)):
        numbers = levels.number_of(r), levels.number_of(c)
        if any(x is None or x != int(x) for x in numbers):
            raise DataError(f'graph = "lattice" needs whole numbers as rows and columns; a level of {factor} is {r}, {c}.', where=where)
        cells[int(numbers[0] or 0), int(numbers[1] or 0)] = k
    edges = [(k, cells[r + dr, c + dc]) for (r, c), k in cells.items() for dr, dc in ((0, 1), (1, 0)) if (r + dr, c + dc) in cells]
    return np.array(sorted((min(e), max(e)) for e in edges), dtype=np.int64).reshape(-1, 2)


def places(have: Sequence[str], file: Sequence[str], where: str, what: str, rows: Mapping[str, str]) -> dict[str, int]:
    """Level of the data → place in the file; labels that spell one number are one. DataError naming levels that the file does not have.

    rows : which rows have each level, in words.
    """
    exact = named(file)
    numbers = {number: k for k, text in enumerate(file) if (number := levels.number_of(text)) is not None}
    found, unknown = {}, []
    for label in have:
        number = levels.number_of(label)
        at = exact.get(label, None if number is None else numbers.get(number))
        if at is None:
            unknown.append(label)
        else:
            found[label] = at
    if unknown:
        some = "; ".join(f"'{label}' ({rows[label]})" for label in unknown[:_SHOWN])
        more = f"; and {len(unknown) - _SHOWN:,} more" if len(unknown) > _SHOWN else ""
        raise DataError(
            f"{'a level' if len(unknown) == 1 else f'{len(unknown):,} levels'} of the data {'is' if len(unknown) == 1 else 'are'} not in "
            f"the {what}: {some}{more}.{nearest(unknown[0], file)} It has {len(file):,} levels, from '{file[0]}' to '{file[-1]}'.",
            where=where,
        )
    return found

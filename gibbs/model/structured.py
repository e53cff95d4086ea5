"""From the words of a structured term and the levels of the data to its Structure, with the levels that nobody has among the others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.errors import DataError, OutputError
from gibbs.model import fields, graphs, levels, members, pedigrees, splines, structured_terms, structures
from gibbs.model.encoding import Grouping
from gibbs.model.formula import RandomTerm
from gibbs.model.spec import beside
from gibbs.model.structures import Structure

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from gibbs.model.records import Spec


def build(
    spec: Spec, random: RandomTerm, grouping: Grouping, codes: np.ndarray, frame: pd.DataFrame, source: str
) -> tuple[Structure, Grouping, np.ndarray]:
    """(Structure, the levels with those that no row has, the level of every row (N,)). DataError where levels and file do not agree."""
    options = dict(random.options)
    words = f"{random.structure}({random.factor})"
    where = f"{source}, grouping factor '{random.factor}'"
    _alone(random, where)
    if random.structure == "s":
        return _curve(options, words, grouping, codes, where)
    if random.structure in structures.WALKS:
        return _walk(random, options, words, grouping, codes, where)
    if options.get("graph") == structures.LATTICE:
        observed = np.ones(len(grouping.levels), dtype=bool)
        rows, columns = _cells(random, grouping, where)
        edges = graphs.lattice(rows, columns, random.factor, where)
        made = structures.of_areas(random.structure, words, edges, len(grouping.levels), observed)
        return _with_edges(made, grouping.levels, where), grouping, codes
    file = options["graph" if random.structure in structures.GRAPHS else random.structure]
    path = beside(spec, file)
    if len(random.group) > 1:
        raise DataError(f"the levels of {random.factor} are combinations of columns; a file names the levels of one column.", where=where)
    if random.structure in structures.GRAPHS:
        labels, edges = graphs.graph(path, file)
        order, some = _in_order(labels)
        edges = np.sort(np.argsort(some)[edges], axis=1)
        edges = edges[np.lexsort((edges[:, 1], edges[:, 0]))]
        full, codes, observed = _levels(order, grouping, codes, frame, file, "graph")
        _few(len(order), random, where)
        return _with_edges(structures.of_areas(random.structure, words, edges, len(order), observed), order, file), full, codes
    if random.structure != "cov":
        return _of_precision(random, words, path, file, grouping, codes, frame, where)
    names, table = graphs.read(path, file)
    if table.shape[0] != table.shape[1] - 1:
        raise DataError(
            f"a covariance is a square table, a row and a column a level, with the levels' names in its head and its first column; this "
            f"one has {table.shape[0]:,} rows and {table.shape[1] - 1:,} columns beside the first.",
            where=file,
        )
    labels, K = graphs.matrix(names, table, file)
    if np.any(np.diagonal(K) <= 0.0):
        k = int(np.argmax(np.diagonal(K) <= 0.0))
        raise DataError(f"the variance of '{labels[k]}' is {K[k, k]:g}; a variance is above 0.", where=file)
    order, some = _in_order(labels)
    full, codes, observed = _levels(order, grouping, codes, frame, file, "matrix")
    _few(len(order), random, where)
    made = structures.of_covariance if len(order) <= structures.LIMIT else structures.of_large_covariance
    return made(words, K[np.ix_(some, some)], observed, file), full, codes


def _in_order(labels: list[str]) -> tuple[list[str], np.ndarray]:
    """(labels as levels are ordered, the place of each among ``labels``)."""
    order, place = levels.in_order(labels), graphs.named(labels)
    return order, np.array([place[text] for text in order], dtype=np.int64)


def _of_precision(
    random: RandomTerm, words: str, path: Path, file: str, grouping: Grouping, codes: np.ndarray, frame: pd.DataFrame, where: str
) -> tuple[Structure, Grouping, np.ndarray]:
    """The structure of a pedigree, or of a precision that is given."""
    labels, found = pedigrees.read(path, file) if random.structure == "pedigree" else graphs.precision(path, file)
    _few(len(labels), random, where)
    R = pedigrees.precision(found, file, labels)[0] if random.structure == "pedigree" else found
    order, some = _in_order(labels)
    full, codes, observed = _levels(order, grouping, codes, frame, file, random.structure)
    return structures.of_precision(random.structure, words, R[some][:, some], observed, file), full, codes


def of_members(random: RandomTerm, frame: pd.DataFrame, source: str) -> tuple[Structure, Grouping, np.ndarray]:
    """As ``build``, of mm(), whose rows have several groups."""
    _alone(random, f"{source}, grouping factor '{random.factor}'")
    options = dict(random.options)
    columns = (*random.group, *structured_terms.members(random))
    words = f"mm({', '.join(columns)})"
    return members.build(frame, words, columns, structured_terms.columns_named(options.get("weights", "")), "scale" not in options, source)


def _alone(random: RandomTerm, where: str) -> None:
    """DataError where a structured term also says dist, by or pw."""
    for key, value, plain in (("dist", random.dist, "normal"), ("by", random.by, ""), ("pw", random.pw, "")):
        if value != plain:
            raise DataError(
                f"{key} = {value} is of levels that are exchangeable; the effects of {random.structure}() are "
                f"normal, with one covariance and no weights of levels. Keep one of {key} and {random.structure}.",
                where=where,
            )


def _few(J: int, random: RandomTerm, where: str) -> None:
    """DataError where the levels are too many."""
    most = fields.largest(random.structure)
    if J > most:
        fewer = "fewer" if random.structure in structures.GIVEN else "coarser"
        raise DataError(f"{random.structure} has {J:,} levels; at most {most:,} are drawn. Take {fewer} levels.", where=where)


def _walk(
    random: RandomTerm, options: dict[str, str], words: str, grouping: Grouping, codes: np.ndarray, where: str
) -> tuple[Structure, Grouping, np.ndarray]:
    kind = random.structure
    positions = _numbers(kind, "walks", grouping, where)
    least = structures.LEAST[kind]
    if len(positions) < least:
        raise DataError(f"{kind}() needs {least} levels or more; there are {len(positions)}.", where=where)
    order = np.argsort(positions)
    sorted_ = positions[order]
    step = float(options["step"]) if "step" in options else None
    if step is not None and (sorted_[-1] - sorted_[0]) / step > fields.largest(kind):
        _few(int((sorted_[-1] - sorted_[0]) / step) + 1, random, where)
    try:
        full = structures.grid(sorted_, step)
    except ValueError as error:
        raise DataError(
            f"step = {step:g}: the level {error} does not lie on the grid {sorted_[0]:g}, {sorted_[0] + step:g}, …", where=where
        ) from None
    _few(full.size, random, where)
    place = np.searchsorted(full, sorted_)
    labels = [levels.label(value) for value in full.tolist()]
    for k, at in zip(order, place, strict=True):
        labels[at] = grouping.levels[k]
    table = np.empty(len(positions), dtype=np.int32)
    table[order] = place
    observed = np.zeros(full.size, dtype=bool)
    observed[place] = True
    if kind == "ar1":
        step = step or structures.common_step(sorted_)
        if step is None:
            raise DataError(
                "ar1() steps from level to level, by whole numbers of one step; these positions have none of six decimals or fewer. "
                "Round them (derive: {t: round(time, 2)}), or take rw1(), for which any distance will do.",
                where=where,
            )
        return structures.of_autoregression(words, full, step, observed), _grouping(grouping, labels), table[codes]
    return structures.of_walk(kind, words, full, observed), _grouping(grouping, labels), table[codes]


def _numbers(kind: str, verb: str, grouping: Grouping, where: str) -> np.ndarray:
    """The numbers that the levels spell, (J,), all different."""
    numbers = [levels.number_of(text) for text in grouping.levels]
    if len(grouping.columns) > 1 or any(x is None for x in numbers):
        wrong = next((t for t, x in zip(grouping.levels, numbers, strict=True) if x is None), grouping.levels[0])
        raise DataError(
            f"{kind}() {verb} over numbers, such as years or ages; the level '{wrong}' is none. Make a column of numbers (derive:), such "
            "as the middle of an age group.",
            where=where,
        )
    positions = np.array(numbers, dtype=float)
    order = np.argsort(positions)
    same = np.flatnonzero(np.diff(positions[order]) <= 0.0)
    if same.size:
        both = [grouping.levels[order[k]] for k in (same[0], same[0] + 1)]
        raise DataError(f"the levels '{both[0]}' and '{both[1]}' are the same number.", where=where)
    return positions


def _curve(
    options: dict[str, str], words: str, grouping: Grouping, codes: np.ndarray, where: str
) -> tuple[Structure, Grouping, np.ndarray]:
    """A penalised spline over the values that the levels spell."""
    positions = _numbers("s", "is a curve", grouping, where)
    J, stated = len(positions), "k" in options
    if J > structures.VALUES:
        raise DataError(
            f"s() has {J:,} different values here, each of which is drawn; at most {structures.VALUES:,} are. Round them, which a smooth "
            "curve does not feel: derive: {x2: round(x, 2)}.",
            where=where,
        )
    k = int(options["k"]) if stated else min(splines.DEFAULT_KNOTS, J)
    if J < max(k, splines.LEAST_KNOTS):
        need = f"k = {k} knots need as many different values" if stated else f"s() needs {splines.LEAST_KNOTS} different values or more"
        raise DataError(f"{need}; there are {J}.", where=where)
    if k - 2 > structures.LIMIT:
        raise DataError(f"k is {k:,}; a spline is drawn in one dense block of at most {structures.LIMIT} columns.", where=where)
    order = np.argsort(positions)
    table = np.empty(J, dtype=np.int32)
    table[order] = np.arange(J)
    labels = [grouping.levels[j] for j in order]
    structure = structures.of_spline(words, positions[order], k, np.ones(J, dtype=bool))
    return structure, _grouping(grouping, labels), table[codes]


def _levels(
    order: list[str], grouping: Grouping, codes: np.ndarray, frame: pd.DataFrame, where: str, what: str
) -> tuple[Grouping, np.ndarray, np.ndarray]:
    """The levels of the file in order, under the labels of the data where a row has them; codes; which are observed."""
    rows = {label: levels.rows_text(frame.index[codes == k]) for k, label in enumerate(grouping.levels[:2000])}
    found = graphs.places(grouping.levels, order, where, what, _Rows(rows))
    labels, table = list(order), np.empty(len(grouping.levels), dtype=np.int32)
    observed = np.zeros(len(order), dtype=bool)
    for k, label in enumerate(grouping.levels):
        at = found[label]
        if observed[at]:
            raise DataError(f"the levels '{labels[at]}' and '{label}' of the data are the same level of the {what}.", where=where)
        labels[at], table[k], observed[at] = label, at, True
    return _grouping(grouping, labels), table[codes], observed


class _Rows(dict):
    def __missing__(self, key: str) -> str:
        return "its rows"


def _grouping(grouping: Grouping, labels: list[str]) -> Grouping:
    return replace(grouping, components=(tuple(labels),), keys=np.arange(len(labels), dtype=np.int64), levels=tuple(labels))


def _cells(random: RandomTerm, grouping: Grouping, where: str) -> tuple[list[str], list[str]]:
    if len(grouping.columns) != 2:
        raise DataError(
            f'graph = "lattice" needs the row and the column of every cell: icar(row:col, graph = "lattice"); {random.factor} is '
            f"{len(grouping.columns)} column{'s' * (len(grouping.columns) != 1)}.",
            where=where,
        )
    _few(len(grouping.levels), random, where)
    one, other = np.divmod(grouping.keys, len(grouping.components[1]))
    return [grouping.components[0][k] for k in one], [grouping.components[1][k] for k in other]


def _with_edges(structure: Structure, labels: tuple[str, ...] | list[str], where: str) -> Structure:
    """DataError for a graph of islands alone."""
    if structure.edges is None or not len(structure.edges):
        raise DataError("no two levels are neighbours: there is nothing to know. Write (1 | g) for effects of their own.", where=where)
    return structure


def digests(factors: Iterable[Any]) -> tuple[str, ...]:
    """What the levels of each factor, or of its outline, know of each other, as a digest; "" where they are exchangeable."""
    return tuple("" if factor.structure is None else factor.structure.digest for factor in factors)


def fingerprint_of_files(spec: Spec) -> str:
    """SHA-256 of the files of graphs and covariances that the spec names; "" where it names none, or they cannot be read."""
    files = structured_terms.files(spec.parsed.random)
    found = hashlib.sha256()
    try:
        for name in files:
            found.update(beside(spec, name).read_bytes())
    except OSError:
        return ""
    return found.hexdigest() if files else ""


def refuse_others(before: tuple[str, ...], factors: Iterable[Any], where: str) -> None:
    """OutputError where graphs or covariances are not those the run was made from."""
    named = list(factors)
    for factor, old, new in zip(named, before, digests(named), strict=True):
        if old != new:
            raise OutputError(
                f"what the levels of {factor.name} know of each other ({factor.structure.words if factor.structure else 'nothing'}) is not "
                "what it was when the run was made: the file has changed. Run the spec again.",
                where=where,
            )

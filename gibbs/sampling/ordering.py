"""Fields → the places of a sparse factorisation (``kernels/fields.py``): an order that fills little, the pattern of Λ, R̃.

R̃ is R with what ``Field.beside`` puts beside it. The rows of pinned levels are full, and stand last: all others are as sparse as R.
"""

from __future__ import annotations

import numpy as np

from gibbs.kernels import fronts as kr
from gibbs.kernels import layout as kl
from gibbs.model.fields import Field
from gibbs.model.selected_inverse import NARROW, fronts
from gibbs.sampling import degrees

FILLING = 70.0
"""Products a node of an elimination above which it goes by fronts, not row by row: maps of 400 areas have 65, and take as long either way;
of 1,000 98 (143 µs, row by row 178), of 3,100 217 (0.6 and 1.1 ms), with two columns 870; walks 4 and 12 (65 and 94 µs, row by row 26 and
49, of 1,000 steps)."""


def of(fields: list[Field], levels: list[np.ndarray], widths: list[int], columns: int) -> kl.Fields:
    """The places of all fields, in their order; ``levels``: of every row, ``widths``: columns that vary over them, ``columns`` of the
    core."""
    table = kl.table(len(fields), kl.FIELD)
    whole: list[np.ndarray] = [np.zeros(0, dtype=np.int64)]
    real: list[np.ndarray] = [np.zeros(0)]
    room = 0

    def append(to: list[np.ndarray], values: np.ndarray) -> int:
        start = sum(part.size for part in to)
        to.append(np.ravel(values))
        return start

    for row, one, level, q in zip(table, fields, levels, widths, strict=True):
        order, prior, descend, extra = _ordered(one, q)
        rows, entries, pointers, below = _pattern(prior)
        n = one.nodes * q
        row.width, row.nodes, row.parts, row.constraints, row.differences = q, n, len(one.pins), one.constraints * q, len(one.ends)
        pinned = q * sum(map(len, one.pins))
        row.law, row.band = degrees.CODES.get(one.law, -1), _band(pointers, below, n - pinned, q)
        row.walk = int(q == row.band == 1 and pinned <= 1 and below.size == n - pinned - 1 + pinned * (n - pinned))
        for name, values in (
            ("order0", order), ("rows0", rows), ("entries0", entries), ("columns0", pointers), ("below0", below),
            ("priors0", prior.indptr), ("prior_column0", prior.indices), ("part0", np.repeat(one.part, q)), ("ends0", one.ends),
            ("descend0", descend), ("members0", np.argsort(level, kind="stable")),
            ("first0", np.concatenate([[0], np.cumsum(np.bincount(level, minlength=one.nodes))])),
        ):  # fmt: skip
            row[name] = append(whole, np.asarray(values, dtype=np.int64))
        for name, numbers in (("prior0", prior.data), ("null0", np.kron(one.null, np.eye(q))), ("weight0", one.weight)):
            row[name] = append(real, np.asarray(numbers, dtype=float))
        if one.law:
            row.multipliers = 1 + int(one.code.max())
            lengths = np.concatenate(one.lengths()) if one.steps is not None else np.zeros(0)
            for name, values in (("codes0", one.code), ("pairs0", _pairs(one, order, prior, q)), ("steps0", lengths)):
                row[name] = append(whole, np.asarray(values, dtype=np.int64))
            for name, numbers in (
                ("multiplier0", np.ones(row.multipliers)), ("products0", np.zeros(3 * row.multipliers)),
                ("base0", one.weight), ("extra0", extra),
            ):  # fmt: skip
                row[name] = append(real, np.asarray(numbers, dtype=float))
        if one.law == "leroux":
            row.terms = one.scale.log_det.size
            row.scale0 = append(real, np.concatenate([[one.scale.centre], one.scale.log_det, one.scale.mean.T.ravel()]))
        held, sizes, row.fronts = n * row.constraints, {"front0": 0, "updates0": 0}, 0
        if one.elimination.operations * q**2 > FILLING * one.nodes:
            lists, sizes["front0"], sizes["updates0"] = _by_fronts(order, prior, q)
            row.fronts = len(lists["fronts0"]) // kr.OF_FRONT - 1
            for name, values in lists.items():
                row[name] = append(whole, values)
        sizes |= {"lower0": below.size, "diagonal0": n, "constraint0": held, "scratch0": n, "held0": held, "spare0": q * columns}
        row.side = 4 * ((columns + row.constraints + 4) // 4)
        sizes |= {"side0": n * row.side, "sums0": _sums(row, columns)}
        for name, size in sizes.items():
            row[name] = room
            room += size
    return kl.Fields(table, np.concatenate(whole), np.concatenate(real))


def room(fields: kl.Fields, columns: int) -> int:
    """Numbers of ``Work.field``."""
    last = fields.table[-1] if fields.table.size else None
    return 0 if last is None else int(last.sums0 + _sums(last, columns))


def _sums(row: np.record, columns: int) -> int:
    """Sums by component that there is room for."""
    return int(row.parts * max(columns, row.constraints + 2))


def _ordered(one: Field, q: int = 1):
    """(the node at each place; R̃ ⊗ I of q columns in that order, its lower triangle by row, sparse, with a place for every two nodes of a
    level; the first place of every place's subtree; what every entry has beside R)."""
    from scipy import sparse

    order, descend = one.elimination.order, one.elimination.descend
    lower, beside = (sparse.tril(matrix[order][:, order]).tocsr() for matrix in (one.tilde, one.beside))
    lower.sort_indices()
    row = np.repeat(np.arange(one.nodes), np.diff(lower.indptr))
    extra = np.asarray(beside[row, lower.indices]).ravel()
    if q == 1:
        return order, lower, descend, extra
    of_column, pairs = np.arange(q), np.argwhere(np.tri(q, k=-1, dtype=bool))
    level = np.arange(one.nodes)[:, None] * q
    rows = np.concatenate([(row[:, None] * q + of_column).ravel(), (level + pairs[:, 0]).ravel()])
    columns = np.concatenate([(lower.indices[:, None] * q + of_column).ravel(), (level + pairs[:, 1]).ravel()])
    sort, n = np.lexsort((columns, rows)), one.nodes * q
    values, more = (np.concatenate([np.repeat(x, q), np.zeros(rows.size - q * x.size)])[sort] for x in (lower.data, extra))
    pointers = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))])
    wide = sparse.csr_array((values, columns[sort], pointers), shape=(n, n))
    return (order[:, None] * q + of_column).ravel(), wide, np.repeat(descend * q, q), more


def _band(pointers: np.ndarray, below: np.ndarray, free: int, q: int) -> int:
    """How far the columns of Λ reach below the diagonal in the first ``free`` rows; 0 where that is further than those of a walk do."""
    column = np.repeat(np.arange(pointers.size - 1), np.diff(pointers))
    reach = int(np.max((below - column)[below < free], initial=1))
    return reach if reach < (NARROW + 1) * q else 0


def _pairs(one: Field, order: np.ndarray, prior, q: int) -> np.ndarray:
    """(q, E, 3) the entry of R̃ in which the weights (0, 0), (1, 0), (1, 1) of a difference meet, which has no more than two ends; −1 where
    one of the two is 0 at any rho."""
    n = order.size
    place = np.empty(n, dtype=np.int64)
    place[order] = np.arange(n)
    key = np.repeat(np.arange(n), np.diff(prior.indptr)) * n + prior.indices
    found = np.full((q, len(one.ends), 3), -1)
    for k, (a, b) in enumerate(((0, 0), (1, 0), (1, 1))):
        both = (one.weight[:, a] != 0.0) & (one.weight[:, b] != 0.0)
        for column in range(q):
            here, there = place[one.ends[both, a] * q + column], place[one.ends[both, b] * q + column]
            found[column, both, k] = np.searchsorted(key, np.maximum(here, there) * n + np.minimum(here, there))
    return found


def _by_fronts(order: np.ndarray, prior, q: int) -> tuple[dict[str, np.ndarray], int, int]:
    """(what ``kernels/fronts.py`` reads, by the names of FIELD; numbers of F; of all U that are there at a time)."""
    from scipy import sparse

    entries = sparse.csr_array((np.arange(1, prior.nnz + 1), prior.indices, prior.indptr), shape=prior.shape)
    found = fronts((entries + sparse.tril(entries, -1).T).tocsr())
    front_of = np.repeat(np.arange(len(found)), [front.size for front in found])
    own, level = order % q, order // q  # nodes of a level stand together, column by column
    grams: list[list[tuple[int, int, int]]] = [[] for _ in found]
    for k in range(order.size):
        for a in range(own[k] + 1):
            column = k - own[k] + a
            grams[front_of[column]].append((k, column, level[k] * q * q + own[k] * q + a))
    table = np.full((len(found) + 1, kr.OF_FRONT), -1)
    assembly, blocks, places, top, most = [], [], [], 0, 0
    for row, front, gram in zip(table, found, grams, strict=False):
        m, at = front.below.size, np.concatenate([np.arange(front.first, front.first + front.size), front.below])
        row[[kr.FIRST, kr.SIZE, kr.BELOW, kr.PRIOR, kr.GRAM]] = front.first, front.size, m, len(assembly), len(blocks)
        assembly += zip((front.columns * at.size + front.rows).tolist(), (front.values - 1).tolist(), strict=True)
        blocks += [((c - front.first) * at.size + int(np.searchsorted(at, k)), entry) for k, c, entry in gram]
        for child, of_child in front.children:
            table[child, [kr.NEXT, kr.PLACES]] = row[kr.CHILD], len(places)
            row[kr.CHILD] = child
            places += of_child.tolist()
        row[kr.UPDATE] = min([table[child, kr.UPDATE] for child, _ in front.children], default=top)
        top = row[kr.UPDATE] + m * m
        most = max(most, top)
    table[-1, [kr.PRIOR, kr.GRAM]] = len(assembly), len(blocks)
    lists = {"fronts0": table, "assembly0": assembly, "grams0": blocks, "places0": places}
    largest = max(front.size + front.below.size for front in found)
    return {name: np.ravel(np.asarray(values, dtype=np.int64)) for name, values in lists.items()}, largest**2, most


def _pattern(prior) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(pointers of the rows of Λ below its diagonal; by row (entries, 2): column, place by column; pointers of the columns; by column: the
    row).

    Row i has the columns on the way from those of R̃'s row up the tree of eliminations (Davis 2006, §4.3).
    """
    J, parent = prior.shape[0], np.full(prior.shape[0], -1)
    pointers, indices, parents = prior.indptr.tolist(), prior.indices.tolist(), parent.tolist()
    seen, columns, rows, counts = [-1] * J, [], [0], [0] * J
    for i in range(J):
        seen[i], met = i, []
        for e in range(pointers[i], pointers[i + 1]):
            k = indices[e]
            while k < i and seen[k] != i:
                seen[k] = i
                met.append(k)
                if parents[k] < 0:
                    parents[k] = i
                k = parents[k]
        met.sort()
        columns.extend(met)
        for k in met:
            counts[k] += 1
        rows.append(len(columns))
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    column = np.array(columns, dtype=np.int64)
    row = np.repeat(np.arange(J), np.diff(rows))
    by_column = np.lexsort((row, column))
    place = np.empty(column.size, dtype=np.int64)
    place[by_column] = np.arange(column.size)
    return np.array(rows), np.column_stack([column, place]), first, row[by_column]

"""Effects whose levels know their neighbours: the covariance K of the levels, (J, J), in units of the term's Σ.

    (u_1, …, u_J) ~ N(0, K ⊗ Σ),     K = BB'

    rw1, rw2   random walks over the numbers that the levels spell: first or second differences are independent, with variances that go
               with the distances (Rue & Held 2005, §3.3; irregular positions of rw2 as Lindgren & Rue 2008). K has no constant part; rw2 no
               straight line either
    icar       areas that border on each other (Besag, York & Mollié 1991): differences between neighbours. Effects sum to zero in each
               connected component; an area without neighbours is N(0, σ²) by itself (Freni-Sterrantino, Ventrucci & Rue 2018)
    cov        a known covariance, as it is given: kinship, phylogeny
    s          values of one curve, a penalised spline (:mod:`gibbs.model.splines`)
    mm         groups that are exchangeable, and mixtures of them (:mod:`gibbs.model.members`)

Intrinsic laws are on the scale of Sørbye & Rue (2014): the geometric mean of the diagonal of K is 1 in every component, so that an sd
means the same for any length and any graph. With precision D'D, K is its generalised inverse, which the constraints leave (effects are
conditioned on them, not centred afterwards), and B is the symmetric root of K. Of a curve B is the spline's basis, of
mixtures their weights, (J, C), C < J.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gibbs.errors import DataError
from gibbs.model import splines

KINDS: Mapping[str, str] = {
    "rw1": "random walk: first differences are independent",
    "rw2": "random walk of second order: second differences are independent",
    "icar": "areas know their neighbours: intrinsic conditional autoregression",
    "cov": "a known covariance between levels",
    "s": "penalised spline: a smooth curve, whose straight line is a fixed effect",
    "mm": "multiple membership: rows that belong to several groups at once",
}
"""What the levels of a grouping factor may know of each other."""

ROLE: Mapping[str, str] = {"s": "a curve", "mm": "groups that rows share in parts"}
"""What the levels are to each other, where they are no neighbours."""

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "rw1": ("step",),
    "rw2": ("step",),
    "icar": ("graph",),
    "cov": ("cov",),
    "s": ("k",),
    "mm": ("members", "weights", "scale"),
}
"""What each kind is told beside the factor."""

LATTICE = "lattice"
FILL = 3
"""Levels that nobody has are put in between where that makes at most so many times as many of them."""
LEAST = {"rw1": 3, "rw2": 4}
VALUES = 20_000
"""Different values of x that a spline may have: one effect each is drawn and kept."""
LIMIT = 400
"""Columns of structured effects, all together: they stand in the dense core."""


@dataclass(frozen=True)
class Structure:
    """What the levels of one factor know of each other.

    kind : of ``KINDS``. words : as a formula says it, ``rw1(year)``. basis (J, C): B, C = J but for splines and mixtures. rank : of K.
    variances (J,): the diagonal of K. positions (J,): of random walks and splines, whose ``knots`` are (k,). unit : K in units of (D'D)⁻:
    the variance of a step of length 1, in units of σ². components (J,): which connected part a level is in. edges (E, 2): neighbours.
    observed (J,): whether a row has the level. digest : of all that K is made of.
    """

    kind: str
    words: str
    basis: np.ndarray = field(repr=False)
    rank: int
    variances: np.ndarray = field(repr=False)
    observed: np.ndarray = field(repr=False)
    digest: str = ""
    positions: np.ndarray | None = None
    unit: float = 1.0
    components: np.ndarray | None = None
    edges: np.ndarray | None = None
    knots: np.ndarray | None = None

    @property
    def walk(self) -> int:
        """The order of a random walk; 0 of other kinds."""
        return {"rw1": 1, "rw2": 2}.get(self.kind, 0)

    @property
    def groups(self) -> int | None:
        """How many of the levels are groups, the others mixtures of them; None where all are."""
        return self.rank if self.kind == "mm" else None

    @property
    def islands(self) -> int:
        """Areas without neighbours."""
        return 0 if self.components is None else int(np.sum(np.bincount(self.components) == 1))

    @property
    def parts(self) -> int:
        """Connected components of two areas or more."""
        return 0 if self.components is None else int(np.sum(np.bincount(self.components) > 1))

    def same(self, found: np.ndarray) -> Structure:
        """With other rows: whether a row has each level."""
        return replace(self, observed=found)


# ------------------------------------------------------------------------------------------------------------ matrices


def walk_differences(order: int, positions: np.ndarray) -> np.ndarray:
    """D (J − order, J): the differences of a random walk over sorted positions, each over its sd."""
    J, steps = positions.size, np.diff(positions)
    D = np.zeros((J - order, J))
    rows = np.arange(J - order)
    if order == 1:
        D[rows, rows], D[rows, rows + 1] = -1.0, 1.0
        return D / np.sqrt(steps)[:, None]
    before, after = steps[:-1], steps[1:]
    D[rows, rows], D[rows, rows + 1], D[rows, rows + 2] = 1.0 / before, -1.0 / before - 1.0 / after, 1.0 / after
    return D / np.sqrt(0.5 * (before + after))[:, None]


def edge_differences(edges: np.ndarray, J: int) -> np.ndarray:
    """D (E, J): the differences between neighbours."""
    D, rows = np.zeros((len(edges), J)), np.arange(len(edges))
    D[rows, edges[:, 0]], D[rows, edges[:, 1]] = 1.0, -1.0
    return D


def scaled_root(D: np.ndarray, rank: int) -> tuple[np.ndarray, float]:
    """(the symmetric root of K = c (D'D)⁻, c) with the geometric mean of K's diagonal 1; ``rank``: of D."""
    _, values, V = np.linalg.svd(D, full_matrices=False)
    values, V = values[:rank], V[:rank]
    variances = np.sum((V / values[:, None]) ** 2, axis=0)
    c = float(np.exp(-np.mean(np.log(variances))))
    return np.sqrt(c) * (V.T / values) @ V, c


def connected(edges: np.ndarray, J: int) -> np.ndarray:
    """(J,) the component of every node, numbered in the order of their first nodes."""
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(edges))
    graph = sparse.coo_matrix((ones, (edges[:, 0], edges[:, 1])), shape=(J, J))
    _, found = connected_components(graph, directed=False)
    _, first = np.unique(found, return_index=True)
    rank = np.argsort(np.argsort(first))
    return rank[found].astype(np.int64)


def of_walk(kind: str, words: str, positions: np.ndarray, observed: np.ndarray) -> Structure:
    """A random walk over sorted positions."""
    order = {"rw1": 1, "rw2": 2}[kind]
    positions = np.asarray(positions, dtype=float)
    span = positions[-1] - positions[0]
    inside = (positions - positions[0]) / span  # numbers of one size, whatever the unit
    basis, c = scaled_root(walk_differences(order, inside), positions.size - order)
    unit = c / span ** (2 * order - 1)
    digest = _digest(kind, positions)
    return Structure(kind, words, basis, positions.size - order, _variances(basis), observed, digest, positions, unit)


def of_graph(words: str, edges: np.ndarray, J: int, observed: np.ndarray) -> Structure:
    """An intrinsic autoregression, component by component."""
    components = connected(edges, J)
    basis, rank = np.zeros((J, J)), 0
    D = edge_differences(edges, J)
    for part in range(int(components.max()) + 1):
        members = np.flatnonzero(components == part)
        if members.size == 1:
            basis[members, members] = 1.0
            rank += 1
            continue
        own = np.isin(edges[:, 0], members)
        basis[np.ix_(members, members)], _ = scaled_root(D[np.ix_(own, members)], members.size - 1)
        rank += members.size - 1
    digest = _digest("icar", np.array([J, *np.ravel(edges)], dtype=float))
    return Structure("icar", words, basis, rank, _variances(basis), observed, digest, components=components, edges=edges)


def of_spline(words: str, positions: np.ndarray, k: int, observed: np.ndarray) -> Structure:
    """A penalised spline with k knots over sorted positions."""
    knots = splines.place_knots(positions, k)
    basis = splines.build(positions, knots).basis(positions)
    digest = _digest("s", np.concatenate([knots, positions]))
    return Structure("s", words, basis, k - 2, _variances(basis), observed, digest, positions, knots=knots)


def of_members(words: str, weights: np.ndarray, observed: np.ndarray) -> Structure:
    """Groups, and mixtures of them by the rows of ``weights`` (J, C), the first C of which are the groups."""
    C = weights.shape[1]
    return Structure("mm", words, weights, C, _variances(weights), observed, _digest("mm", np.concatenate([[C], np.ravel(weights)])))


def of_covariance(words: str, K: np.ndarray, observed: np.ndarray, where: str) -> Structure:
    """A covariance as it is given. DataError where it is none."""
    sizes = np.sqrt(np.diagonal(K))
    values, V = np.linalg.eigh(K / np.outer(sizes, sizes))
    if values[0] < -1e-8 * values[-1]:
        raise DataError(
            f"the matrix is no covariance: it has a negative eigenvalue (in units of its diagonal {values[0]:.3g}), so that some "
            "combination of levels would have a negative variance.",
            where=where,
        )
    keep = values > 1e-12 * values[-1]
    half = sizes[:, None] * (V[:, keep] * np.sqrt(values[keep]))
    left, singular, _ = np.linalg.svd(half, full_matrices=False)
    basis = (left * singular) @ left.T
    return Structure("cov", words, basis, int(keep.sum()), _variances(basis), observed, _digest("cov", K))


def _variances(basis: np.ndarray) -> np.ndarray:
    return np.sum(basis**2, axis=1)


def _digest(kind: str, numbers: np.ndarray) -> str:
    return hashlib.sha256(kind.encode() + np.ascontiguousarray(numbers, dtype=float).tobytes()).hexdigest()[:16]


# ----------------------------------------------------------------------------------------------------------- positions


def grid(positions: np.ndarray, step: float | None) -> np.ndarray:
    """Sorted ``positions`` with those in between that nobody has.

    step : of the grid, on which all must lie (ValueError); None: the largest on which numbers of at most six decimals lie, where that makes
    at most ``FILL`` times as many; else the positions as they are.
    """
    span = positions[-1] - positions[0]
    if step is None:
        for decimals in range(7):
            whole = np.rint(positions * 10.0**decimals)
            if np.all(np.abs(whole) < 2**53) and np.all(
                np.abs(whole / 10.0**decimals - positions) <= 1e-9 * max(np.abs(positions).max(), 1.0)
            ):
                steps = np.diff(whole.astype(np.int64))
                step = int(np.gcd.reduce(steps)) / 10.0**decimals
                break
        if step is None or span / step + 1.5 > FILL * positions.size:
            return positions
    places = (positions - positions[0]) / step
    if np.any(np.abs(places - np.rint(places)) > 1e-6):
        raise ValueError(f"{positions[int(np.argmax(np.abs(places - np.rint(places)) > 1e-6))]:g}")
    count = round(span / step) + 1
    full = positions[0] + step * np.arange(count)
    full[np.rint(places).astype(np.int64)] = positions
    return np.round(full, 9)


# --------------------------------------------------------------------------------------------------------------- words


def described(structure: Structure, levels: Sequence[str]) -> list[str]:
    """Sentences for ``gibbs check``: what the law is, its constraints, levels that no row has."""
    J, absent = len(levels), np.flatnonzero(~structure.observed)
    found = [f"{structure.words}: {KINDS[structure.kind]}"]
    if structure.walk:
        steps = np.diff(structure.positions)
        even = np.allclose(steps, steps[0])
        where = f"{J} positions from {levels[0]} to {levels[-1]}, " + (f"{steps[0]:g} apart" if even else "irregular")
        rest = "effects sum to zero" + (", and have no straight line" if structure.walk == 2 else "")
        found[0] += f"; {where}; {rest}"
    elif structure.kind == "icar":
        parts = f"{structure.parts} connected component{'s' * (structure.parts != 1)}, effects sum to zero in each"
        alone = [levels[j] for j in np.flatnonzero(np.isin(structure.components, np.flatnonzero(np.bincount(structure.components) == 1)))]
        some = f"; without neighbours, N(0, sd²): {_some(alone)}" if alone else ""
        found[0] += f"; {J} areas, {len(structure.edges):,} borders, {parts}{some}"
    elif structure.kind == "s":
        found[0] += f"; {J:,} values from {levels[0]} to {levels[-1]}, {structure.rank + 2} knots; its mean and its straight line are apart"
    elif structure.kind == "mm":
        return [f"{found[0]}; {structure.rank:,} groups, and {J - structure.rank:,} different mixtures of them"]
    else:
        found[0] += f" of {J} levels, as given (rank {structure.rank})"
    if structure.kind != "cov":
        found.append("its sd is the geometric mean of the effects' marginal sds (Sørbye & Rue 2014)")
    if absent.size:
        found.append(f"drawn without a row of their own: {_some([levels[j] for j in absent])}")
    return found


def _some(labels: Sequence[str], most: int = 8) -> str:
    return ", ".join(labels[:most]) + (f" and {len(labels) - most:,} more" if len(labels) > most else "")


def to_dict(structure: Structure) -> dict[str, Any]:
    """What a run folder keeps of it: all but B and the neighbours."""
    return {
        "kind": structure.kind,
        "words": structure.words,
        "rank": structure.rank,
        "digest": structure.digest,
        "unit": structure.unit,
        "variances": structure.variances.tolist(),
        "observed": structure.observed.astype(int).tolist(),
        "positions": None if structure.positions is None else structure.positions.tolist(),
        **({"knots": structure.knots.tolist()} if structure.knots is not None else {}),
    }


def from_dict(words: Mapping[str, Any]) -> Structure:
    """The inverse of ``to_dict``, with an empty B."""
    return Structure(
        words["kind"],
        words["words"],
        np.zeros((0, 0)),
        int(words["rank"]),
        np.array(words["variances"], dtype=float),
        np.array(words["observed"], dtype=bool),
        words["digest"],
        None if words["positions"] is None else np.array(words["positions"], dtype=float),
        float(words["unit"]),
        knots=None if "knots" not in words else np.array(words["knots"], dtype=float),
    )

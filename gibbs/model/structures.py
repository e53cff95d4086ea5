"""Effects whose levels know their neighbours: the covariance K of the levels, (J, J), in units of the term's Σ.

    (u_1, …, u_J) ~ N(0, K ⊗ Σ),     K = BB'

    rw1, rw2   random walks over the numbers that the levels spell: first or second differences are independent, with variances that go
               with the distances (Rue & Held 2005, §3.3; irregular positions of rw2 as Lindgren & Rue 2008). K has no constant part; rw2 no
               straight line either
    icar       areas that border on each other (Besag, York & Mollié 1991): differences between neighbours. Effects sum to zero in each
               connected component; an area without neighbours is N(0, σ²) by itself (Freni-Sterrantino, Ventrucci & Rue 2018)
    ar1        an autoregression over whole steps: cor(u_j, u_k) = rho^(steps between them)
    bym2       areas, K = rho K_icar + (1 − rho) I: what neighbours share and what is an area's own (Riebler et al. 2016)
    leroux     areas, K⁻¹ ∝ rho (D − W) + (1 − rho) I (Leroux, Lei & Breslow 2000), effects that sum to zero in each connected component
    cov        a known covariance, as it is given: kinship, phylogeny
    pedigree   the additive relationships of a pedigree, whose inverse is sparse (:mod:`gibbs.model.pedigrees`)
    prec       a known precision, K⁻¹, as it is given
    s          values of one curve, a penalised spline (:mod:`gibbs.model.splines`)
    mm         groups that are exchangeable, and mixtures of them (:mod:`gibbs.model.members`)

Intrinsic laws are on the scale of Sørbye & Rue (2014): the geometric mean of the diagonal of K is 1 in every component, so that an sd
means the same for any length and any graph. With precision D'D, K is its generalised inverse, which the constraints leave (effects are
conditioned on them, not centred afterwards), and B is the symmetric root of K. Of a curve B is the spline's basis, of
mixtures their weights, (J, C), C < J. Where K hangs on a degree rho that is drawn, B = V A(rho) with V here (``basis``) and A(rho) of
``numbers`` (``roots``): ar1 has variances of 1, bym2 a geometric mean of them of 1 at either end, leroux at every rho.
Long walks and large maps have no B, but their differences (:mod:`gibbs.model.fields`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from typing import Any

import numpy as np

from gibbs.errors import DataError
from gibbs.model import fields, splines
from gibbs.model.fields import Field
from gibbs.model.selected_inverse import Inverses

KINDS: Mapping[str, str] = {
    "rw1": "random walk: first differences are independent",
    "rw2": "random walk of second order: second differences are independent",
    "icar": "areas know their neighbours: intrinsic conditional autoregression",
    "ar1": "autoregression: effects a step apart have the correlation rho, which is drawn",
    "bym2": "areas, of which neighbours share a part rho of the variance, which is drawn (Riebler et al. 2016)",
    "leroux": "areas, whose neighbours count to the degree rho, which is drawn (Leroux et al. 2000)",
    "cov": "a known covariance between levels",
    "pedigree": "kin: the additive relationships of a pedigree are the covariance",
    "prec": "a known precision, the inverse of the covariance between levels",
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
    "ar1": ("step",),
    "bym2": ("graph",),
    "leroux": ("graph",),
    "cov": ("cov",),
    "pedigree": ("pedigree",),
    "prec": ("prec",),
    "s": ("k",),
    "mm": ("members", "weights", "scale"),
}
"""What each kind is told beside the factor."""

DEGREES = ("ar1", "bym2", "leroux")
"""Kinds whose K hangs on a degree rho that is drawn."""
GRAPHS = ("icar", "bym2", "leroux")
"""Kinds of areas that border on each other."""
GIVEN = ("cov", "pedigree", "prec")
"""Kinds whose K is given by a file; written ``gr(g, cov = …)``."""
WALKS = ("rw1", "rw2", "ar1")
"""Kinds over positions that follow each other."""
LATTICE = "lattice"
FILL = 3
"""Levels that nobody has are put in between where that makes at most so many times as many of them."""
LEAST = {"rw1": 3, "rw2": 4, "ar1": 3}
VALUES = 20_000
"""Different values of x that a spline may have: one effect each is drawn and kept."""
LIMIT = 400
"""Columns of structured effects, all together: they stand in the dense core."""
FULL = 1 / 12
"""Products over the cube of the levels, half of those of a full matrix, from which on a given precision stands in the dense block where it
has room."""
OPERATIONS = 1.5e9
"""Products that a factorisation may take where it has none; a map of 35,000 areas has 3 · 10⁷, a full covariance of 2,000 levels 1.3 · 10⁹,
and a gaussian sweep of it takes 0.4 s (of 1,000 34 ms, of 600 7)."""


@dataclass(frozen=True)
class Structure:
    """What the levels of one factor know of each other.

    kind : of ``KINDS``. words : as a formula says it, ``rw1(year)``. basis (J, C): B, C = J but for splines and mixtures; where K hangs on
    a rho, V. rank : of K. variances (J,): the diagonal of K, where it hangs on a rho that at 1. positions (J,): of walks and splines, whose
    ``knots`` are (k,). unit : K in units of (D'D)⁻: the variance of a step of length 1, in units of σ²; of ar1 the length of a step.
    components (J,): which connected part a level is in. edges (E, 2): neighbours. observed (J,): whether a row has the level. digest : of
    all that K is made of. numbers (J,): where K hangs on a rho; of ar1 the steps from the level before, of bym2 the eigenvalues of K_icar,
    of leroux those of D − W, −1 where that has no direction. field: of long walks and large maps, whose basis is empty (``fields``).
    precision (J, J): K⁻¹, sparse, of pedigrees and where it is given.
    """

    kind: str
    words: str
    basis: np.ndarray = dataclass_field(repr=False)
    rank: int
    variances: np.ndarray = dataclass_field(repr=False)
    observed: np.ndarray = dataclass_field(repr=False)
    digest: str = ""
    positions: np.ndarray | None = None
    unit: float = 1.0
    components: np.ndarray | None = None
    edges: np.ndarray | None = None
    knots: np.ndarray | None = None
    numbers: np.ndarray | None = dataclass_field(default=None, repr=False)
    field: Field | None = dataclass_field(default=None, repr=False)
    precision: Any = dataclass_field(default=None, repr=False)

    @property
    def has_degree(self) -> bool:
        """Whether K hangs on a rho that is drawn."""
        return self.kind in DEGREES

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
    return fields.sparse_differences(*fields.differences_of_walk(order, positions), positions.size).toarray()


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


def of_walk(kind: str, words: str, positions: np.ndarray, observed: np.ndarray, sparse: bool | None = None) -> Structure:
    """A random walk over sorted positions; ``sparse``: as a field (None: where it is long)."""
    order = {"rw1": 1, "rw2": 2}[kind]
    positions = np.asarray(positions, dtype=float)
    span = positions[-1] - positions[0]
    digest = _digest(kind, positions)
    if fields.is_one(kind, positions.size, sparse):
        own = fields.of_walk(order, positions)
        unit, nothing = own.unit / span ** (2 * order - 1), np.zeros((0, 0))
        return Structure(kind, words, nothing, own.rank, own.variances, observed, digest, positions, unit, field=own)
    inside = (positions - positions[0]) / span  # numbers of one size, whatever the unit
    basis, c = scaled_root(walk_differences(order, inside), positions.size - order)
    unit = c / span ** (2 * order - 1)
    return Structure(kind, words, basis, positions.size - order, _variances(basis), observed, digest, positions, unit)


def of_graph(words: str, edges: np.ndarray, J: int, observed: np.ndarray, sparse: bool | None = None) -> Structure:
    """An intrinsic autoregression, component by component; ``sparse``: as a field (None: where it is large)."""
    components = connected(edges, J)
    digest = _digest("icar", np.array([J, *np.ravel(edges)], dtype=float))
    if fields.is_one("icar", J, sparse):
        own, nothing = fields.of_graph(edges, components), np.zeros((0, 0))
        return Structure("icar", words, nothing, own.rank, own.variances, observed, digest, components=components, edges=edges, field=own)
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
    return Structure("icar", words, basis, rank, _variances(basis), observed, digest, components=components, edges=edges)


def of_autoregression(words: str, positions: np.ndarray, step: float, observed: np.ndarray, sparse: bool | None = None) -> Structure:
    """An autoregression over sorted positions, whole numbers of steps apart; ``sparse``: as a field (None: where it is long)."""
    steps = np.rint(np.diff(positions, prepend=positions[0]) / step)
    J = positions.size
    digest = _digest("ar1", np.append(positions, step))
    if fields.is_one("ar1", J, sparse):
        own = fields.of_autoregression(steps)
        return Structure("ar1", words, np.zeros((0, 0)), J, own.variances, observed, digest, positions, step, field=own)
    return Structure("ar1", words, np.eye(J), J, np.ones(J), observed, digest, positions, step, numbers=steps)


def of_areas(kind: str, words: str, edges: np.ndarray, J: int, observed: np.ndarray, sparse: bool | None = None) -> Structure:
    """Areas of a graph under one of ``GRAPHS``; ``sparse``: as a field (None: where it is large)."""
    plain = of_graph(words, edges, J, observed, fields.is_one(kind, J, sparse))
    if kind == "icar":
        return plain
    digest = _digest(kind, np.array([J, *np.ravel(edges)], dtype=float))
    if plain.field is not None and kind == "bym2":
        return replace(plain, kind=kind, rank=J, digest=digest, field=fields.of_shared_areas(plain.field))
    if plain.field is not None:
        own = fields.of_areas_to_a_degree(edges, plain.components, plain.variances)
        return replace(plain, kind=kind, digest=digest, field=own)
    V, numbers = np.zeros((J, J)), np.zeros(J)
    for part in range(int(plain.components.max()) + 1):
        members = np.flatnonzero(plain.components == part)
        block = np.ix_(members, members)
        if kind == "bym2":
            numbers[members], V[block] = np.linalg.eigh(plain.basis[block] @ plain.basis[block].T)
            numbers[members] = np.maximum(numbers[members], 0.0)
        elif members.size == 1:
            V[block] = 1.0
        else:
            own = np.isin(edges[:, 0], members)
            D = edge_differences(edges[own], J)[:, members]
            numbers[members], V[block] = np.linalg.eigh(D.T @ D)
            numbers[members[0]] = -1.0  # the constant, to which effects are not open
    rank = int(J if kind == "bym2" else np.sum(numbers >= 0.0))
    return replace(plain, kind=kind, basis=V, rank=rank, digest=digest, numbers=numbers)


DENSE = 1_000
"""Levels of a field whose K may be written out."""


def dense_basis(structure: Structure, where: str) -> np.ndarray:
    """B of a structure, that of a field of at most ``DENSE`` levels written out. DataError where there are more."""
    if structure.field is None:
        return structure.basis
    return dense(structure, where).basis


def as_field(structure: Structure) -> Structure:
    """The same structure as a field."""
    return _made(structure, sparse=True)


def dense(structure: Structure, where: str) -> Structure:
    """A structure that is no field, of at most ``DENSE`` levels. DataError where there are more."""
    if structure.field is None:
        return structure
    J = structure.field.levels
    if J > DENSE:
        raise DataError(
            f"{structure.words} has {J:,} levels, and its covariance would be written as a matrix of {J:,} × {J:,} numbers; at most "
            f"{DENSE:,} levels are.",
            where=where,
        )
    return _made(structure, sparse=False)


def _made(structure: Structure, *, sparse: bool) -> Structure:
    kind, words, observed = structure.kind, structure.words, structure.observed
    if kind == "ar1":
        return of_autoregression(words, structure.positions, structure.unit, observed, sparse)
    if structure.positions is not None:
        return of_walk(kind, words, structure.positions, observed, sparse)
    if structure.precision is not None:
        return of_precision(kind, words, structure.precision, observed, words, sparse)
    return of_areas(kind, words, structure.edges, observed.size, observed, sparse)


# -------------------------------------------------------------------------------------------------------------- degrees


def roots(structure: Structure, rho: np.ndarray) -> np.ndarray:
    """What A(rho) is made of, (n, J), for ``rho`` (n,): of ar1 the correlation with the level before, of others its diagonal."""
    rho, numbers = np.asarray(rho, dtype=float)[:, None], structure.numbers
    if structure.kind == "ar1":
        found = rho ** np.asarray(numbers, dtype=np.int64)
        found[:, 0] = 0.0
        return found
    if structure.kind == "bym2":
        return np.sqrt(rho * numbers + 1.0 - rho)
    found = np.where(numbers >= 0.0, (rho * np.maximum(numbers, 0.0) + 1.0 - rho) ** -0.5, 0.0)
    for part in range(int(structure.components.max()) + 1):
        members = np.flatnonzero(structure.components == part)
        of_levels = (found[:, members] ** 2) @ (structure.basis[np.ix_(members, members)] ** 2).T
        found[:, members] *= np.exp(-0.5 * np.mean(np.log(of_levels), axis=1))[:, None]
    return found


def of_coordinates(structure: Structure, w: np.ndarray, rho: np.ndarray | None) -> np.ndarray:
    """u = (B ⊗ I) w, (n, J, q), for draws of the coordinates (n, C, q), and of rho (n,) where K hangs on one."""
    if rho is None:
        return np.einsum("jk,nkq->njq", structure.basis, w)
    a = roots(structure, rho)[:, :, None]
    if structure.kind != "ar1":
        return np.einsum("jk,nkq->njq", structure.basis, a * w)
    return fields.autoregression(a, w)


def marginal_variances(structure: Structure, rho: np.ndarray | None) -> np.ndarray:
    """K_jj, (n, J) for ``rho`` (n,); (1, J) where K hangs on none."""
    if rho is None:
        return structure.variances[None, :]
    rho = np.asarray(rho, dtype=float)
    if structure.kind == "ar1":
        return np.ones((rho.size, structure.variances.size))
    if structure.kind == "bym2":
        return rho[:, None] * structure.variances + 1.0 - rho[:, None]
    if structure.field is not None:
        return structure.field.variances_at(rho)
    return (roots(structure, rho) ** 2) @ (structure.basis**2).T


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
    basis, rank = _root_of_covariance(K, where)
    return Structure("cov", words, basis, rank, _variances(basis), observed, _digest("cov", K))


def _root_of_covariance(K: np.ndarray, where: str) -> tuple[np.ndarray, int]:
    """(the symmetric root B of K, the rank of K)."""
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
    return (left * singular) @ left.T, int(keep.sum())


def of_precision(kind: str, words: str, R: Any, observed: np.ndarray, where: str, sparse: bool | None = None) -> Structure:
    """A precision K⁻¹, (J, J) sparse, that is given; ``sparse``: as a field (None: where it has many levels, and few entries).

    DataError where it is none, or neither a field nor a dense block has room for it.
    """
    J = observed.size
    R = R.tocsr()
    R.sort_indices()
    if np.any(R.diagonal() <= 0.0):
        raise DataError(_NO_PRECISION, where=where)
    _require_room(words, J, (R.nnz + J) ** 2 / (8.0 * J), where)  # columns of one length; an order and fronts of too many take minutes
    inverses = Inverses(R)
    try:
        with np.errstate(invalid="ignore"):
            (variances,), _, _ = inverses.of(np.ones(1), np.zeros(1), np.zeros((J, 0)))
    except np.linalg.LinAlgError:
        variances = np.array([np.nan])
    if not np.all(np.isfinite(variances) & (variances > 0.0)):
        raise DataError(_NO_PRECISION, where=where)
    _require_room(words, J, inverses.operations, where)
    digest = _digest(kind, np.concatenate([[J], R.indptr, R.indices, R.data]))
    many, full = J > fields.SMALLEST if sparse is None else sparse, inverses.operations > FULL * J**3
    if many and not (full and J <= LIMIT):
        own = fields.of_precision(R, inverses, variances)
        return Structure(kind, words, np.zeros((0, 0)), J, variances, observed, digest, field=own, precision=R)
    basis, _ = _root_of_covariance(np.linalg.inv(R.toarray()), where)
    return Structure(kind, words, basis, J, _variances(basis), observed, digest, precision=R)


def _require_room(words: str, J: int, operations: float, where: str) -> None:
    if J > LIMIT and operations > OPERATIONS:
        raise DataError(
            f"{words} has {J:,} levels, so many of which hang together that a factorisation of their precision takes at least "
            f"{operations:.2g} products; {OPERATIONS:.2g} are the most, which a full one of {(6.0 * OPERATIONS) ** (1 / 3):,.0f} levels "
            "has. Take fewer levels.",
            where=where,
        )


_NO_PRECISION = (
    "the matrix is no precision: it has an eigenvalue that is 0 or below, so that some combination of levels would have no variance."
)
_NOTHING = 1e-10
"""Share of its variance that is none, where nothing more is left of a level given the others."""
_SMALL = 1e-10
"""An entry of an inverse that is smaller than so much of the roots of the two on the diagonal is one that rounding made."""


def of_large_covariance(words: str, K: np.ndarray, observed: np.ndarray, where: str) -> Structure:
    """A covariance of more than ``LIMIT`` levels, such as that of a pedigree, whose inverse is sparse. DataError where it has none."""
    from scipy import sparse

    sizes = np.sqrt(np.diagonal(K))
    try:
        root = np.linalg.inv(np.linalg.cholesky(K / np.outer(sizes, sizes)))
    except np.linalg.LinAlgError:
        root = np.array([[np.inf]])
    R = root.T @ root
    if not np.max(np.diagonal(R)) < 1.0 / _NOTHING:
        raise DataError(
            f"a covariance of more than {LIMIT} levels is drawn by its inverse, and this one has none: some combination of levels has no "
            "variance, or a negative one. Take fewer levels.",
            where=where,
        )
    R[np.abs(R) < _SMALL * np.sqrt(np.outer(np.diagonal(R), np.diagonal(R)))] = 0.0
    made = of_precision("cov", words, sparse.csr_array(R / np.outer(sizes, sizes)), observed, where, True)
    return replace(made, digest=_digest("cov", K))


def _variances(basis: np.ndarray) -> np.ndarray:
    return np.sum(basis**2, axis=1)


def _digest(kind: str, numbers: np.ndarray) -> str:
    return hashlib.sha256(kind.encode() + np.ascontiguousarray(numbers, dtype=float).tobytes()).hexdigest()[:16]


# ----------------------------------------------------------------------------------------------------------- positions


def common_step(positions: np.ndarray) -> float | None:
    """The largest step that sorted positions of at most six decimals are whole numbers of apart; None where there is none."""
    for decimals in range(7):
        whole = np.rint(positions * 10.0**decimals)
        if np.all(np.abs(whole) < 2**53) and np.all(np.abs(whole / 10.0**decimals - positions) <= 1e-9 * max(np.abs(positions).max(), 1.0)):
            return int(np.gcd.reduce(np.diff(whole.astype(np.int64)))) / 10.0**decimals
    return None


def grid(positions: np.ndarray, step: float | None) -> np.ndarray:
    """Sorted ``positions`` with those in between that nobody has.

    step : of the grid, on which all must lie (ValueError); None: the largest on which numbers of at most six decimals lie, where that makes
    at most ``FILL`` times as many; else the positions as they are.
    """
    span = positions[-1] - positions[0]
    if step is None:
        step = common_step(positions)
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
    elif structure.kind == "ar1":
        found[0] += f"; {J} positions from {levels[0]} to {levels[-1]}, a step is {structure.unit:g}"
        found.append("its sd is that of every effect")
    elif structure.kind in GRAPHS:
        parts = f"{structure.parts} connected component{'s' * (structure.parts != 1)}"
        parts += "" if structure.kind == "bym2" else ", effects sum to zero in each"
        alone = [levels[j] for j in np.flatnonzero(np.isin(structure.components, np.flatnonzero(np.bincount(structure.components) == 1)))]
        some = f"; without neighbours, N(0, sd²): {_some(alone)}" if alone else ""
        found[0] += f"; {J} areas, {len(structure.edges):,} borders, {parts}{some}"
    elif structure.kind == "s":
        found[0] += f"; {J:,} values from {levels[0]} to {levels[-1]}, {structure.rank + 2} knots; its mean and its straight line are apart"
    elif structure.kind == "mm":
        return [f"{found[0]}; {structure.rank:,} groups, and {J - structure.rank:,} different mixtures of them"]
    else:
        found[0] += f"; {J:,} levels" + (f", as given (rank {structure.rank})" if structure.kind == "cov" else "")
        found.append("its sd is that of a level whose variance is 1 in the covariance")
    if structure.kind not in (*GIVEN, "ar1"):
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
        **({"edges": structure.edges.tolist()} if structure.kind == "leroux" else {}),
    }


def from_dict(words: Mapping[str, Any]) -> Structure:
    """The inverse of ``to_dict``, with an empty B, but for leroux, whose variances are had from B alone."""
    if words["kind"] == "leroux":
        edges, observed = np.array(words["edges"], dtype=np.int64).reshape(-1, 2), np.array(words["observed"], dtype=bool)
        return of_areas("leroux", words["words"], edges, observed.size, observed)
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

"""Long walks and large maps: what their levels know of each other as differences, each of two or three levels, not as a matrix.

    u = σ φ,     φ ~ N(0, K),     K⁻ = R = D'D,     N'φ = 0

D (E, J) has the differences, each over its sd, on the scale of Sørbye & Rue (2014): the geometric mean of the diagonal of K is 1 in every
connected component. N (J, k) is what no difference sees, orthonormal in each component. An area without neighbours is N(0, σ²).

Where K hangs on a degree ρ that is drawn, so do the weights of D: each is times one of a few multipliers (``Field.multipliers``). bym2 has
2J nodes: the effects of the J areas and, hidden, what of them the neighbours share, ψ; given ψ an effect is N(√ρ ψ_j, (1 − ρ)σ²). leroux
has the differences of neighbours times √ρ, every effect itself times √(1 − ρ), and all of a component on the scale of its ρ
(``leroux_scale``).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from gibbs.model import leroux_scale
from gibbs.model.selected_inverse import Inverses

KINDS = ("rw1", "rw2", "icar", "ar1", "bym2", "leroux", "pedigree", "prec")
"""Kinds of levels that may be a field."""
SMALLEST = 200
"""Levels above which they are one, where below they stand in the dense core."""
LARGEST, LARGEST_RW2 = 50_000, 10_000
"""Levels that a field may have; second-order walks fewer, the numbers of whose precision spread as the fourth power of them."""
_SOME_RHO = 0.5


def largest(kind: str) -> int:
    """Levels that a field of a kind may have."""
    return LARGEST_RW2 if kind == "rw2" else LARGEST


def is_one(kind: str, levels: int, sparse: bool | None = None) -> bool:
    """Whether so many levels of a kind are a field: where ``sparse`` says so, or, where it says nothing, above ``SMALLEST``."""
    return kind in KINDS and (levels > SMALLEST if sparse is None else sparse)


@dataclass(frozen=True)
class Field:
    """ends, weight (E, 3): the levels of every difference and their weights, any level with weight 0. null (k, J): N, by constraint. part
    (J,): the component of every level, −1 where it has no constraint. pins: for every component, k levels that tell all which D does not
    see. variances (J,): the diagonal of K. unit: c in K = c(D₀'D₀)⁻, D₀ the differences as they were before (of a map, of its first
    component). law, code (E, 3): where K hangs on a rho, of ``multipliers``, which of them a weight is times. hidden: nodes that are no
    levels, the last of all. steps (J,): of ar1 from the level before. shared: of bym2 the field of its icar, of leroux that of D − W.
    matrix (J, J) sparse: R, where it is given itself, and there are no differences; inverses: of it."""

    ends: np.ndarray = field(repr=False)
    weight: np.ndarray = field(repr=False)
    null: np.ndarray = field(repr=False)
    part: np.ndarray = field(repr=False)
    pins: tuple[np.ndarray, ...] = field(repr=False)
    variances: np.ndarray = field(repr=False)
    unit: float = 1.0
    law: str = ""
    code: np.ndarray | None = field(default=None, repr=False)
    hidden: int = 0
    steps: np.ndarray | None = field(default=None, repr=False)
    shared: Field | None = field(default=None, repr=False)
    matrix: Any = field(default=None, repr=False)
    inverses: Inverses | None = field(default=None, repr=False)

    @property
    def nodes(self) -> int:
        """J, and those that are hidden."""
        return int(self.part.size)

    @property
    def levels(self) -> int:
        """J."""
        return self.nodes - self.hidden

    @property
    def constraints(self) -> int:
        """k, of each component."""
        return int(self.null.shape[0])

    @property
    def is_open(self) -> bool:
        """Whether the effects of the levels are under no constraint."""
        return self.hidden > 0 or self.constraints == 0

    @property
    def rank(self) -> int:
        """Dimensions of φ."""
        return self.nodes - self.constraints * len(self.pins)

    def lengths(self) -> tuple[np.ndarray, np.ndarray]:
        """Of ar1: the lengths of steps, each once, and how many are as long."""
        return np.unique(self.steps[1:], return_counts=True)

    @cached_property
    def scale(self) -> leroux_scale.Scale:
        """Of leroux: its variances at every rho."""
        return leroux_scale.of(self.tilde, self.part, self.pins)

    @cached_property
    def elimination(self) -> Inverses:
        """R̃, at some rho: the order of its elimination, in which pinned nodes are the last, and what that takes."""
        if self.inverses is not None:
            return self.inverses
        return Inverses(self.tilde, np.concatenate([np.zeros(0, dtype=np.int64), *self.pins]))

    @cached_property
    def tilde(self) -> Any:
        """R̃ = R + NB + B'N' (``beside``), (J, J) sparse, with every entry that it has at any rho, those among them that are 0: at some rho,
        of leroux at 1, where it is R̃₀."""
        from scipy import sparse

        parts = [M.tocoo() for M in ((self.shared if self.law == "leroux" else self.at(_SOME_RHO)).precision(), self.beside)]
        entries, rows, columns = (np.concatenate([getattr(M, of) for M in parts]) for of in ("data", "row", "col"))
        return sparse.coo_array((entries, (rows, columns)), shape=(self.nodes, self.nodes)).tocsr()  # a sum of arrays drops what is 0

    def multipliers(self, rho: float) -> np.ndarray:
        """What weights are times at ``rho``; ``code`` says which. Of ar1 1/√(1 − a²) and a/√(1 − a²) for every length of step, a = rho to
        the power of it; of bym2 1/√(1 − rho) and √rho/√(1 − rho); of leroux √(rho v) and √((1 − rho) v) for every component, v the
        geometric mean of its variances before they are scaled; 1 before them."""
        if self.law == "ar1":
            a = float(rho) ** self.lengths()[0]
            own = np.stack([np.ones(a.size), a], axis=1) / np.sqrt((1.0 - a) * (1.0 + a))[:, None]
        elif self.law == "leroux":
            own = np.exp(0.5 * self.scale.log_means(rho)[0])[:, None] * np.sqrt([rho, 1.0 - rho])
        else:
            own = np.array([1.0, np.sqrt(rho)]) / np.sqrt(1.0 - rho)
        return np.concatenate([[1.0], own.ravel()])

    def variances_at(self, rho: np.ndarray) -> np.ndarray:
        """Of leroux: the diagonal of K, (n, J), for ``rho`` (n,)."""
        logs, member = self.scale.log_variances(rho), self.part >= 0
        logs[:, member] -= self.scale.log_means(rho)[:, self.part[member]]
        return np.exp(logs)

    def at(self, rho: float) -> Field:
        """The field at one rho, which hangs on none."""
        if not self.law:
            return self
        return replace(self, weight=self.weight * self.multipliers(rho)[self.code], law="", code=None)

    def effects(self, rng: np.random.Generator, rho: np.ndarray) -> np.ndarray:
        """Draws of the effects of the levels in units of σ, (n, J), for ``rho`` (n,)."""
        if self.law == "leroux":  # constants are an eigenvector of its precision, so that centring is conditioning
            return np.concatenate([self.at(value)._solved(rng, 1, np.arange(self.nodes)) for value in rho])
        n, rho = rho.size, rho[:, None]
        if self.law == "bym2":
            return np.sqrt(rho) * self.shared.draws(rng, n) + np.sqrt(1.0 - rho) * rng.standard_normal((n, self.levels))
        return autoregression(rho ** self.steps.astype(np.int64), rng.standard_normal((n, self.levels)))

    def differences(self) -> Any:
        """D, (E, J) sparse."""
        return sparse_differences(self.ends, self.weight, self.nodes)

    def precision(self) -> Any:
        """R, (J, J) sparse."""
        if self.matrix is not None:
            return self.matrix
        D = self.differences()
        found = (D.T @ D).tocsr()
        found.sort_indices()
        return found

    def project(self, x: np.ndarray) -> np.ndarray:
        """(I − NN')x, component by component; x (J, …)."""
        for k in range(self.constraints):
            member = self.part >= 0
            sums = np.zeros((len(self.pins), *x.shape[1:]))
            np.add.at(sums, self.part[member], (self.null[k, member] * x[member].T).T)
            x = x.copy()
            x[member] -= (self.null[k, member] * sums[self.part[member]].T).T
        return x

    def constraint_rows(self) -> Any:
        """N', a row for each constraint of each component, (k · components, J) sparse."""
        from scipy import sparse

        member = np.flatnonzero(self.part >= 0)
        rows = [
            sparse.csr_array((self.null[k, member], (self.part[member], member)), shape=(len(self.pins), self.nodes))
            for k in range(self.constraints)
        ]
        return sparse.vstack(rows)

    @cached_property
    def beside(self) -> Any:
        """NB + B'N', (J, J) sparse, of R̃ = R + NB + B'N', which has a Cholesky factor where R, which sees no N, has none, and is R where
        N'φ = 0; of leroux beside R₀.

        With γ = N_r⁻¹φ_r, the part of φ in N that the pinned levels r tell, φ'R̃φ = v'Rv + 2κ|γ|² + 2κ γ'N'v, v = φ − Nγ. That is positive
        for κ below 2/λ, λ the largest eigenvalue of N'ZN, Z the inverse of R without r; κ = 1/λ here. The rows of pinned levels are full.
        """
        from scipy import sparse

        plain = self.shared or self  # what has constraints
        R, others = plain.precision(), self.nodes - plain.nodes
        found = sparse.lil_array((self.nodes, self.nodes))
        for m, pinned in enumerate(plain.pins):
            members = np.flatnonzero(plain.part == m)
            place = np.full(plain.nodes, -1)
            place[members] = np.arange(members.size)
            N = plain.null[:, members].T
            _, product = pinned_inverse(R[members][:, members], place[pinned], N, diagonal=False)
            kappa = 1.0 / float(np.linalg.eigvalsh(N.T @ product)[-1])
            tells = N @ np.linalg.inv(N[place[pinned]])  # (n, k): 1 at one pinned level, 0 at the others
            for k, r in enumerate(pinned):
                found[[others + r], others + members] = kappa * tells[:, k]
        found = found.tocsr()
        return found + found.T

    def draws(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """φ ~ N(0, K), (n, J), where K hangs on no rho: the solutions of what D leaves of noise, pinned, then with N'φ = 0."""
        from scipy.sparse.linalg import splu, spsolve_triangular

        if self.matrix is not None:  # R = P'LUP, U = diag(U) L'
            found = splu(self.matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}, diag_pivot_thresh=0.0)
            z = rng.standard_normal((self.nodes, n)) / np.sqrt(found.U.diagonal())[:, None]
            return spsolve_triangular(found.L.T.tocsr(), z, lower=False)[found.perm_c].T

        pins = np.concatenate([np.zeros(0, dtype=np.int64), *self.pins])
        return self._solved(rng, n, np.setdiff1d(np.arange(self.nodes), pins))

    def _solved(self, rng: np.random.Generator, n: int, free: np.ndarray) -> np.ndarray:
        """x (n, J) with Dx nearest to noise, 0 where it is not ``free``, then with N'x = 0."""
        from scipy.sparse.linalg import splu

        some, x = self.differences()[:, free], np.zeros((self.nodes, n))
        x[free] = splu((some.T @ some).tocsc()).solve(some.T @ rng.standard_normal((len(self.ends), n)))
        return self.project(x).T


def autoregression(a: np.ndarray, w: np.ndarray) -> np.ndarray:
    """u (n, J, …), u_1 = w_1 and u_j = a_j u_{j−1} + √(1 − a_j²) w_j, of independent w like it; a (n, J) and as many dimensions as w."""
    u = np.array(w, dtype=float)
    for j in range(1, u.shape[1]):
        u[:, j] = a[:, j] * u[:, j - 1] + np.sqrt(1.0 - a[:, j] ** 2) * w[:, j]
    return u


def sparse_differences(ends: np.ndarray, weight: np.ndarray, levels: int) -> Any:
    """D, (E, J) sparse, of its ends and weights."""
    from scipy import sparse

    rows = np.repeat(np.arange(len(ends)), 3)
    return sparse.csr_array((weight.ravel(), (rows, ends.ravel())), shape=(len(ends), levels))


def pinned_inverse(R: Any, pins: np.ndarray, null: np.ndarray, *, diagonal: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """(diagonal of Z where it is asked for, ZN), Z the inverse of R without the rows and columns of ``pins``, 0 there; null (J, k) is N."""
    from scipy.sparse.linalg import splu

    J = R.shape[0]
    free = np.setdiff1d(np.arange(J), pins)
    some, N = R[free][:, free], np.ascontiguousarray(null[free])
    variances, product = np.zeros(J), np.zeros((J, null.shape[1]))
    if diagonal:
        (variances[free],), (product[free],), _ = Inverses(some).of(np.ones(1), np.zeros(1), N)
    else:
        root = splu(some.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}, diag_pivot_thresh=0.0)
        product[free] = root.solve(N)
    return variances, product


def scaled(ends: np.ndarray, weight: np.ndarray, part: np.ndarray, null: np.ndarray, pins: tuple[np.ndarray, ...]) -> Field:
    """The field of these differences, component by component on the scale where the geometric mean of K's diagonal is 1; ``null`` (k, J)
    spans N in each component."""
    weight, null, variances, unit = weight.copy(), null.copy(), np.ones(part.size), 1.0
    for m, pinned in enumerate(pins):
        members = np.flatnonzero(part == m)
        place = np.full(part.size, -1)
        place[members] = np.arange(members.size)
        own = np.flatnonzero(part[ends[:, 0]] == m)
        N, _ = np.linalg.qr(null[:, members].T)
        local = np.maximum(place[ends[own]], 0)
        R = Field(local, weight[own], N.T, np.zeros(members.size, dtype=np.int64), (), np.ones(0)).precision()
        diagonal, product = pinned_inverse(R, place[pinned], N)
        spread = diagonal - 2.0 * np.sum(N * product, axis=1) + np.sum((N @ (N.T @ product)) * N, axis=1)
        c = float(np.exp(-np.mean(np.log(spread))))
        weight[own] /= np.sqrt(c)
        null[:, members], variances[members] = N.T, c * spread
        unit = c if m == 0 else unit
    return Field(ends, weight, null, part, pins, variances, unit)


def of_walk(order: int, positions: np.ndarray) -> Field:
    """A random walk over sorted positions, of first or second ``order``."""
    J = positions.size
    inside = (positions - positions[0]) / (positions[-1] - positions[0])
    ends, weight = differences_of_walk(order, inside)
    null = np.stack([np.ones(J), inside - inside.mean()])[:order]
    pins = np.array([J - 1]) if order == 1 else np.array([0, J - 1])
    return scaled(ends, weight, np.zeros(J, dtype=np.int64), null, (pins,))


def differences_of_walk(order: int, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(ends, weight), as ``Field`` has them, of a walk over sorted positions before it is scaled: each difference over its sd."""
    J, steps = positions.size, np.diff(positions)
    rows = np.arange(J - order)
    ends = np.stack([rows, rows + 1, rows + order], axis=1)
    if order == 1:
        size = np.sqrt(steps)
        weight = np.stack([-1.0 / size, 1.0 / size, np.zeros(J - 1)], axis=1)
    else:
        before, after = steps[:-1], steps[1:]
        size = np.sqrt(0.5 * (before + after))
        weight = np.stack([1.0 / before, -1.0 / before - 1.0 / after, 1.0 / after], axis=1) / size[:, None]
    return ends, weight


def of_graph(edges: np.ndarray, components: np.ndarray) -> Field:
    """Neighbours (E, 2) in ``components`` (J,); an area alone in its component is N(0, σ²)."""
    plain = _differences_of_graph(edges, components)
    return scaled(plain.ends, plain.weight, plain.part, np.ones_like(plain.null), plain.pins)


def _differences_of_graph(edges: np.ndarray, components: np.ndarray) -> Field:
    """The differences of neighbours as they are, D − W."""
    size = np.bincount(components)
    large = np.flatnonzero(size > 1)
    number = np.full(size.size, -1)
    number[large] = np.arange(large.size)
    part = number[components]
    alone = np.flatnonzero(part < 0)
    ends = np.concatenate([np.column_stack([edges, edges[:, 1]]), np.column_stack([alone] * 3)]).astype(np.int64)
    weight = np.concatenate([np.tile([-1.0, 1.0, 0.0], (len(edges), 1)), np.tile([1.0, 0.0, 0.0], (alone.size, 1))])
    degree = np.bincount(edges.ravel(), minlength=part.size)
    pins = tuple(np.array([members[np.argmax(degree[members])]]) for m in range(large.size) for members in [np.flatnonzero(part == m)])
    null = np.where(part < 0, 1.0, 1.0 / np.sqrt(size[components]))[None, :]
    return Field(ends, weight, null, part, pins, np.ones(part.size))


def of_autoregression(steps: np.ndarray) -> Field:
    """Levels ``steps`` (J,) whole steps from the one before, the first at any; every variance is 1."""
    J, rows = steps.size, np.arange(1, steps.size)
    kind = np.unique(steps[1:], return_inverse=True)[1]
    ends = np.concatenate([[[0, 0, 0]], np.stack([rows, rows - 1, rows], axis=1)])
    weight = np.concatenate([[[1.0, 0.0, 0.0]], np.tile([1.0, -1.0, 0.0], (J - 1, 1))])
    code = np.concatenate([[[0, 0, 0]], np.stack([1 + 2 * kind, 2 + 2 * kind, np.zeros(J - 1)], axis=1)]).astype(np.int64)
    alone = np.full(J, -1)
    return Field(ends, weight, np.zeros((0, J)), alone, (), np.ones(J), law="ar1", code=code, steps=steps)


def of_shared_areas(shared: Field) -> Field:
    """Areas that have a part of their own beside what neighbours share (bym2); ``shared``: the field of icar."""
    J = shared.levels
    area, nothing = np.arange(J), np.zeros(J)
    ends = np.concatenate([shared.ends + J, np.stack([area, area + J, area], axis=1)])
    weight = np.concatenate([shared.weight, np.stack([nothing + 1.0, nothing - 1.0, nothing], axis=1)])
    code = np.concatenate([np.zeros_like(shared.ends), np.tile([1, 2, 0], (J, 1))])
    return replace(
        shared,
        ends=ends,
        weight=weight,
        null=np.concatenate([np.zeros_like(shared.null), shared.null], axis=1),
        part=np.concatenate([shared.part, shared.part]),
        pins=tuple(pinned + J for pinned in shared.pins),
        law="bym2",
        code=code,
        hidden=J,
        shared=shared,
    )


def of_areas_to_a_degree(edges: np.ndarray, components: np.ndarray, variances: np.ndarray) -> Field:
    """Areas whose neighbours count to the degree rho (leroux), ``variances`` (J,) at 1; an area alone in its component is N(0, σ²)."""
    plain = _differences_of_graph(edges, components)
    member, of_edges = np.flatnonzero(plain.part >= 0), plain.part[plain.ends[:, 0]]
    code = np.concatenate([np.where(of_edges < 0, 0, 1 + 2 * of_edges), 2 + 2 * plain.part[member]])
    return replace(
        plain,
        ends=np.concatenate([plain.ends, np.column_stack([member] * 3)]),
        weight=np.concatenate([plain.weight, np.tile([1.0, 0.0, 0.0], (member.size, 1))]),
        variances=variances,
        law="leroux",
        code=np.tile(code[:, None], (1, 3)).astype(np.int64),
        shared=plain,
    )


def of_precision(R: Any, inverses: Inverses, variances: np.ndarray) -> Field:
    """Levels of which a sparse precision is given, positive definite; its ``inverses``, and ``variances`` (J,), their diagonal."""
    J = len(variances)
    ends, weight = np.zeros((0, 3), dtype=np.int64), np.zeros((0, 3))
    return Field(ends, weight, np.zeros((0, J)), np.full(J, -1), (), variances, matrix=R, inverses=inverses)

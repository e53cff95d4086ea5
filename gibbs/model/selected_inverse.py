"""Sparse matrices of one pattern, many at once: diagonals of their inverses, a few solutions, determinants.

    M_b = a_b M + d_b I,     b = 1 … B

Eliminated front by front (Duff & Reid 1983), the fronts of a postorder of the tree of eliminations; then up from the root the parts of the
inverses that fronts hold (Takahashi, Fagan & Chin 1973). What is dense in a front is dense algebra for all b at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

_TOGETHER = 32
"""Matrices at a time."""


@dataclass(frozen=True)
class Front:
    """Columns first … first + size − 1 of the order, and the rows below that they have entries in, ``below``. children: fronts that end in
    its columns, with the places (in columns and rows) of their rows. entries: (rows, columns) of M in it, by place, and their numbers."""

    first: int
    size: int
    below: np.ndarray
    children: tuple[tuple[int, np.ndarray], ...]
    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray


NARROW = 2
"""Bandwidth up to which a matrix is eliminated in the order of its rows."""


def tree(matrix: Any) -> list[int]:
    """The parent of every place in the tree of eliminations of a symmetric matrix, −1 of roots (Liu 1986, with the ancestors of all met on
    the way shortened)."""
    J = matrix.shape[0]
    pointers, indices = matrix.indptr.tolist(), matrix.indices.tolist()
    parents, ancestors = [-1] * J, [-1] * J
    for i in range(J):
        for e in range(pointers[i], pointers[i + 1]):
            k = indices[e]
            while k != -1 and k < i:
                up = ancestors[k]
                ancestors[k] = i
                if up == -1:
                    parents[k] = i
                    break
                k = up
    return parents


def postorder(parents: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """(places, every subtree together and before its root; of each in that order the first of its subtree)."""
    J = len(parents)
    children: list[list[int]] = [[] for _ in range(J)]
    roots = []
    for k, parent in enumerate(parents):
        (roots if parent < 0 else children[parent]).append(k)
    found, first, stack = [], [], [(root, False) for root in reversed(roots)]
    begun: dict[int, int] = {}
    while stack:
        k, done = stack.pop()
        if done:
            first.append(begun[k])
            found.append(k)
            continue
        begun[k] = len(found)
        stack.append((k, True))
        stack.extend((child, False) for child in reversed(children[k]))
    return np.array(found, dtype=np.int64), np.array(first, dtype=np.int64)


def filling_little(matrix: Any) -> np.ndarray:
    """An order (J,) in which the elimination of a symmetric matrix fills little: minimum degree."""
    from scipy import sparse
    from scipy.sparse.linalg import splu

    heavy = (matrix + sparse.diags_array(2.0 * abs(matrix).sum(axis=1) + 1.0)).tocsc()
    found = splu(heavy, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}, diag_pivot_thresh=0.0)
    return np.argsort(found.perm_c).astype(np.int64)


def bandwidth(matrix: Any) -> int:
    """The longest way from an entry to the diagonal."""
    entries = matrix.tocoo()
    return int(np.max(np.abs(entries.row - entries.col), initial=0))


def in_order(matrix: Any, last: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """(an order that fills little, as a postorder, in which the rows ``last`` are the last; of each place the first of its subtree). Of a
    matrix as narrow as that of a walk, which fills nothing as it stands, its own, so that what is near is near in the order, too."""
    J = matrix.shape[0]
    last = np.zeros(0, dtype=np.int64) if last is None else last
    free = np.setdiff1d(np.arange(J), last)
    some = matrix[free][:, free]
    order = np.concatenate([free if bandwidth(some) <= NARROW else free[filling_little(some)], last])
    after, descend = postorder(tree(matrix[order][:, order]))
    return order[after], descend


class Inverses:
    """Of M, (J, J) sparse and symmetric; ``last``: rows to eliminate last, such as full ones. order (J,): of elimination; descend (J,): of
    each place the first of its subtree."""

    def __init__(self, M: Any, last: np.ndarray | None = None) -> None:
        self.order, self.descend = in_order(M.tocsr(), last)
        self._fronts = fronts(M.tocsr()[self.order][:, self.order].tocsr())

    def of(self, a: np.ndarray, d: np.ndarray, N: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(diagonals (B, J) of M_b⁻¹, M_b⁻¹N (B, J, k), log|M_b| (B,)); a, d (B,), N (J, k). M_b is positive definite."""
        a, d = np.asarray(a, dtype=float), np.asarray(d, dtype=float)
        J, B = self.order.size, a.size
        diagonal, product, log_det = np.empty((B, J)), np.empty((B, J, N.shape[1])), np.empty(B)
        for start in range(0, B, _TOGETHER):
            some = slice(start, start + _TOGETHER)
            found = _invert(self._fronts, a[some], d[some], N[self.order])
            diagonal[some, self.order], product[some, self.order], log_det[some] = found
        return diagonal, product, log_det

    @cached_property
    def operations(self) -> float:
        """Products that one factorisation takes, half the squares of the entries of the columns of its factor."""
        return 0.5 * sum(sum((front.size + front.below.size - k) ** 2 for k in range(front.size)) for front in self._fronts)

    @cached_property
    def entries(self) -> int:
        """Of the factor."""
        return sum(front.size * (front.size + 1) // 2 + front.size * front.below.size for front in self._fronts)

    @property
    def fronts(self) -> int:
        """Into which its columns fall."""
        return len(self._fronts)


def fronts(M: Any) -> list[Front]:
    """The fronts of M, which stands in a postorder already, children before their parents."""
    J = M.shape[0]
    parents, rows = tree(M), _rows_below(M)
    firsts = [0] if J else []
    for k in range(1, J):
        if not (parents[k - 1] == k and len(rows[k - 1]) == len(rows[k]) + 1):
            firsts.append(k)
    number = np.searchsorted(np.array(firsts), np.arange(J), side="right") - 1
    children: list[list[tuple[int, np.ndarray]]] = [[] for _ in firsts]
    M, made = M.tocsc(), []
    M.sort_indices()
    for f, first in enumerate(firsts):
        end = firsts[f + 1] if f + 1 < len(firsts) else J
        size, below = end - first, np.array(rows[end - 1], dtype=np.int64)
        places = np.concatenate([np.arange(first, end), below])
        where, column, values = [], [], []
        for k in range(first, end):
            here = slice(M.indptr[k], M.indptr[k + 1])
            lower = M.indices[here] >= k
            where.append(np.searchsorted(places, M.indices[here][lower]))
            column.append(np.full(int(lower.sum()), k - first))
            values.append(M.data[here][lower])
        made.append(Front(first, size, below, (), np.concatenate(where), np.concatenate(column), np.concatenate(values)))
        if below.size:
            children[number[below[0]]].append((f, below))
    return [
        Front(g.first, g.size, g.below, tuple((c, np.searchsorted(_places(g), of)) for c, of in found), g.rows, g.columns, g.values)
        for g, found in zip(made, children, strict=True)
    ]


def _places(front: Front) -> np.ndarray:
    return np.concatenate([np.arange(front.first, front.first + front.size), front.below])


def _rows_below(M: Any) -> list[list[int]]:
    """By column of the Cholesky factor of M the rows below the diagonal, sorted: its own, and those of its children in the tree."""
    J = M.shape[0]
    found: list[set[int]] = [set() for _ in range(J)]
    pointers, indices = M.indptr.tolist(), M.indices.tolist()
    sorted_: list[list[int]] = []
    for k in range(J):
        found[k].update(i for i in indices[pointers[k] : pointers[k + 1]] if i > k)
        sorted_.append(sorted(found[k]))
        if sorted_[k]:
            found[sorted_[k][0]].update(sorted_[k][1:])
        found[k] = set()
    return sorted_


def _invert(fronts: list[Front], a: np.ndarray, d: np.ndarray, N: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``Inverses.of`` of some b, in the order of the fronts."""
    B, J = a.size, len(N)
    roots, over, updates, log_det = [], [], {}, np.zeros(B)
    x = np.tile(N, (B, 1, 1)).astype(float)
    for f, front in enumerate(fronts):
        s, m, own = front.size, front.below.size, slice(front.first, front.first + front.size)
        F = np.zeros((B, s + m, s + m))
        F[:, front.rows, front.columns] = a[:, None] * front.values
        F[:, np.arange(s), np.arange(s)] += d[:, None]
        for child, at in front.children:
            F[:, at[:, None], at[None, :]] += updates.pop(child)
        root, below = _root_of(F[:, :s, :s]), F[:, s:, :s]
        log_det -= 2.0 * np.sum(np.log(root[:, np.arange(s), np.arange(s)]), axis=1)
        lower = below @ np.swapaxes(root, 1, 2)
        x[:, own] = root @ x[:, own]
        if m:
            updates[f] = F[:, s:, s:] - lower @ np.swapaxes(lower, 1, 2)
            x[:, front.below] -= lower @ x[:, own]
        roots.append(root)
        over.append(lower)
    diagonal = np.empty((B, J))
    inverse: dict[int, np.ndarray] = {}
    for f in range(len(fronts) - 1, -1, -1):
        front = fronts[f]
        s, m, own = front.size, front.below.size, slice(front.first, front.first + front.size)
        root, lower = roots.pop(), over.pop()
        Z = np.empty((B, s + m, s + m))
        x[:, own] = np.swapaxes(root, 1, 2) @ (x[:, own] - np.swapaxes(lower, 1, 2) @ x[:, front.below] if m else x[:, own])
        Z[:, :s, :s] = np.swapaxes(root, 1, 2) @ root
        if m:
            Z[:, s:, s:] = inverse.pop(f)
            solved = lower @ root
            Z[:, s:, :s] = -Z[:, s:, s:] @ solved
            Z[:, :s, s:] = np.swapaxes(Z[:, s:, :s], 1, 2)
            Z[:, :s, :s] -= np.swapaxes(solved, 1, 2) @ Z[:, s:, :s]
        diagonal[:, own] = Z[:, np.arange(s), np.arange(s)]
        for child, at in front.children:
            inverse[child] = Z[:, at[:, None], at[None, :]]
    return diagonal, x, log_det


def _root_of(A: np.ndarray) -> np.ndarray:
    """Inverses of the Cholesky factors of A (B, s, s)."""
    if A.shape[1] == 1:
        return 1.0 / np.sqrt(A)
    return np.linalg.inv(np.linalg.cholesky(A))

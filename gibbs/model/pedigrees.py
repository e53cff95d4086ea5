"""Pedigrees: who has which parents, and the precision of what they pass on.

    a_i = ½ a_s + ½ a_d + m_i,     m_i ~ N(0, d_i σ²) independent,     cov(a) = A σ²

A the additive relationships (Henderson 1976, Biometrics 32; Quaas 1976), d_i = 1 − ¼(A_ss + A_dd), without the part of a parent that is not
known; A_ii = 1 + F_i, F_i the inbreeding. A⁻¹ = Σ_i w_i w_i'/d_i, w_i = e_i − ½ e_s − ½ e_d, is sparse, however full A is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gibbs.errors import DataError
from gibbs.model import graphs

UNKNOWN = ("", "0", ".", "*", "-")
"""What a file writes for a parent that nobody knows, beside missing cells."""
_NO_VARIANCE = 1e-8
"""d below which the young of two parents are all alike."""


def read(path: Path, name: str) -> tuple[list[str], np.ndarray]:
    """(individuals, those first named as parents among them; their parents (J, 2) as places, −1 of unknown ones). DataError for what is no
    pedigree."""
    names, frame = graphs.read(path, name)
    if len(names) < 3:
        raise DataError(
            "a pedigree is a table of three columns, an individual a row: itself, and its two parents (empty, NA or 0 where one is "
            f"unknown); this one has {len(names)} column{'s' * (len(names) != 1)}.",
            where=name,
        )
    own = frame[0].tolist()
    unknown = set(UNKNOWN) - set(own)
    place: dict[str, int] = {}
    parents: dict[int, tuple[int, int]] = {}
    rows: dict[int, int] = {}
    for row, (label, *two) in enumerate(zip(own, frame[1].tolist(), frame[2].tolist(), strict=True), start=1):
        if not label:
            raise DataError(f"row {row} names no individual in its first column.", where=name)
        if label in two:
            raise DataError(f"row {row}: '{label}' is named as its own parent.", where=name)
        i = place.setdefault(label, len(place))
        found = tuple(-1 if text in unknown else place.setdefault(text, len(place)) for text in two)
        if parents.setdefault(i, found) != found:
            raise DataError(f"rows {rows[i]} and {row} name different parents of '{label}'.", where=name)
        rows.setdefault(i, row)
    labels = list(place)
    table = np.array([parents.get(i, (-1, -1)) for i in range(len(labels))], dtype=np.int64)
    _from_old_to_young(table, labels, name)
    return labels, table


def _from_old_to_young(parents: np.ndarray, labels: list[str] | None = None, where: str = "") -> list[int]:
    """An order in which everybody stands after the parents. DataError where somebody is an ancestor of itself."""
    J = len(parents)
    young: list[list[int]] = [[] for _ in range(J)]
    wait = [0] * J
    for i, two in enumerate(parents.tolist()):
        for p in {p for p in two if p >= 0}:
            young[p].append(i)
            wait[i] += 1
    order = [i for i in range(J) if wait[i] == 0]
    for i in order:
        for child in young[i]:
            wait[child] -= 1
            if wait[child] == 0:
                order.append(child)
    if len(order) < J:
        left = {i for i in range(J) if wait[i] > 0}
        i = min(left)
        seen: list[int] = []
        while i not in seen:
            seen.append(i)
            i = next(p for p in parents[i].tolist() if p in left)
        names = [f"'{(labels or {})[k]}'" for k in [*seen[seen.index(i) :], i]]
        raise DataError(f"somebody is an ancestor of itself: {' is a young of '.join(names)}.", where=where)
    return order


def precision(parents: np.ndarray, where: str, labels: list[str]) -> tuple[Any, np.ndarray]:
    """(A⁻¹ (J, J) sparse, the diagonal of A (J,)). DataError where the young of two parents are all alike, so that A has no inverse."""
    from scipy import sparse

    J = len(parents)
    own, rest = np.zeros(J), np.zeros(J)  # A_ii, d_i
    shares: list[tuple[np.ndarray, np.ndarray]] = [(np.zeros(0, dtype=np.int64), np.zeros(0))] * J  # of i's ancestors in a_i, and itself
    for i in _from_old_to_young(parents):
        known = [p for p in parents[i].tolist() if p >= 0]
        ancestors, share = np.zeros(0, dtype=np.int64), np.zeros(0)
        if known:
            ancestors, at = np.unique(np.concatenate([shares[p][0] for p in known]), return_inverse=True)
            share = 0.5 * np.bincount(at, weights=np.concatenate([shares[p][1] for p in known]))
        rest[i] = 1.0 - 0.25 * sum(own[p] for p in known)
        if rest[i] < _NO_VARIANCE:
            raise DataError(
                f"the parents of '{labels[i]}' are so inbred that all their young are alike: the relationships have no inverse. Leave it, "
                "and others like it, out of the pedigree, and give their rows the level of one of them.",
                where=where,
            )
        own[i] = float(np.sum(share**2 * rest[ancestors])) + rest[i]
        shares[i] = np.append(ancestors, i), np.append(share, 1.0)
    child = np.concatenate([np.arange(J), *(np.flatnonzero(parents[:, k] >= 0) for k in (0, 1))])
    of = np.concatenate([np.arange(J), *(parents[parents[:, k] >= 0, k] for k in (0, 1))])
    w = np.concatenate([np.ones(J), np.full(child.size - J, -0.5)]) / np.sqrt(rest[child])
    W = sparse.csr_array((w, (child, of)), shape=(J, J))
    return (W.T @ W).tocsr(), own

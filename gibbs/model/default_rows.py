"""Default priors of coefficients: statements on the centred basis, as rows of weights on the coefficients as written.

    one column       θ_j ~ normal(0, 2.5 sd(y)/sd(R_j))
    a block          the contrasts of a category, the columns of a spline, or their products with the same others:
                     θ ~ N(0, (2.5 sd(y))² G⁻¹), G the covariance of the block's columns — the same whichever level is the base —
                     as independent rows S_i v_i' diag(sd) θ ~ normal(0, 2.5 sd(y)) of G = diag(sd) V S² V' diag(sd)
    the constant     the linear predictor with every column at its mean ~ normal(mean(y), 2.5 sd(y))

Without a constant in the span, sds and covariances are about 0, and so is that of y. Where nothing is left of a column, or of a direction
of a block, the data say nothing of it: its scale is 2.5 sd(y) over the size of the column itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gibbs.model import averages, collinear, priors
from gibbs.model.basis import Basis
from gibbs.model.parts import Part
from gibbs.model.records import Prior

EMPTY = 1e-13
"""A direction of a block that its columns span by less than this share is empty."""


@dataclass(frozen=True)
class DefaultRow:
    """Weights (p,) on the coefficients as written, the same on θ, and the prior of their sum."""

    weights: np.ndarray
    inner: np.ndarray
    prior: Prior
    block: tuple[int, ...]  # the columns that are in it together; one of a single column
    words: str  # what it is on; empty where it is the coefficient itself


@dataclass(frozen=True)
class Sizes:
    """What default scales are made of: mean, sd and root mean square of y less its offset, on the scale of the linear predictor."""

    mean: float
    sd: float
    rms: float


def rows(
    basis: Basis, X: np.ndarray, names: tuple[str, ...], y: Sizes, weight: np.ndarray | None, stated: set[int]
) -> dict[int, DefaultRow]:
    """The default row of every place but those in ``stated``; the others of a block keep the rule of blocks among themselves."""
    found: dict[int, DefaultRow] = {}
    unit = y.sd if basis.spans else y.rms
    blocks: dict[object, list[int]] = {}
    for j in range(len(names)):
        if j in stated:
            continue
        if j == basis.constant:
            prior = priors.default_intercept(y.mean, y.sd)
            words = "mean over the rows" if basis.products[j] else ""
            found[j] = DefaultRow(basis.there[j].copy(), unit_row(j, len(names)), prior, (j,), words)
        else:
            blocks.setdefault(basis.blocks[j] if basis.left[j] else j, []).append(j)
    for members in blocks.values():
        words = describe(basis, members)
        if len(members) == 1:
            j = members[0]
            scale = size(basis, X, j, weight)
            found[j] = DefaultRow(basis.there[j].copy(), unit_row(j, len(names)), priors.default_coefficient(unit, scale), (j,), words)
            continue
        inner = np.zeros((len(members), len(names)))
        inner[:, members] = directions(basis, X, members, weight)
        prior = priors.default_coefficient(unit, 1.0)
        for j, own, weights in zip(members, inner, inner[:, members] @ basis.there[members], strict=True):
            found[j] = DefaultRow(weights, own, prior, tuple(members), words)
    return found


def unit_row(j: int, p: int) -> np.ndarray:
    """1 at place j."""
    row = np.zeros(p)
    row[j] = 1.0
    return row


def size(basis: Basis, X: np.ndarray, j: int, weight: np.ndarray | None) -> float:
    """sd(R_j), about 0 where the span has no constant; the size of the column itself where nothing is left of it; 1 where it is 0."""
    column = basis.column(X, j) if basis.left[j] else X[:, j]
    centre = basis.spans and bool(basis.left[j])
    return spread(column, weight, centre=centre) or 1.0


def spread(column: np.ndarray, weight: np.ndarray | None, *, centre: bool) -> float:
    """Standard deviation (n − 1), or root mean square, with the rows counted as often as ``weight`` says."""
    w, rows = averages.once(len(column), weight), len(column)
    largest = averages.largest(column if weight is None else column[w > 0])
    if not largest or not np.isfinite(largest):
        return 0.0
    mean, total = 0.0, float(w.sum())
    if centre:
        if total <= 1.0:
            return 0.0
        mean, total = averages.total(rows, lambda at: w[at] * (column[at] / largest)) / total, total - 1.0

    def squares(at: slice) -> np.ndarray:
        z = column[at] / largest
        z = z - mean if centre else z
        return w[at] * z * z

    return largest * float(np.sqrt(averages.total(rows, squares) / total))


def directions(basis: Basis, X: np.ndarray, members: list[int], weight: np.ndarray | None) -> np.ndarray:
    """(k, k): rows S_i v_i' diag(sd) of the covariance of the block's columns."""
    total = float(len(X) if weight is None else weight.sum())
    sds = np.array([size(basis, X, j, weight) for j in members])
    if all(len(basis.products[j]) == 1 and basis.products[j][0].level >= 0 for j in members) and basis.spans:
        # contrasts of a category: from the counts alone
        share = np.array([_share(X, j, basis, weight) for j in members])
        G = (np.diag(share) - np.outer(share, share)) * total / max(total - 1.0, 1.0)
        values, V = np.linalg.eigh(G / np.outer(sds, sds))
        S, Vt = np.sqrt(np.maximum(values, 0.0))[::-1], V.T[::-1]
    else:
        root = None if weight is None else np.sqrt(weight)
        R = collinear.triangular(_Block(basis, X, members, root), sds * np.sqrt(max(total - 1.0 if basis.spans else total, 1.0)))
        _, S, Vt = np.linalg.svd(R)
    S = np.where(EMPTY * S.max(initial=0.0) >= S, 1.0, S)
    sign = np.where(Vt[np.arange(len(S)), np.abs(Vt).argmax(axis=1)] < 0, -1.0, 1.0)
    return (S * sign)[:, None] * Vt * sds


def _share(X: np.ndarray, j: int, basis: Basis, weight: np.ndarray | None) -> float:
    column = basis.column(X, j) > 0.0
    return float(column.mean() if weight is None else np.sum(weight * column) / weight.sum())


@dataclass(frozen=True)
class _Block:
    """Some columns of R in blocks of rows, for :func:`gibbs.model.collinear.triangular`."""

    basis: Basis
    X: np.ndarray
    members: list[int]
    root: np.ndarray | None

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, at: slice) -> np.ndarray:
        columns = np.stack([self.basis.column(self.X, j)[at] for j in self.members], axis=1)
        return columns if self.root is None else columns * self.root[at][:, None]


# -------------------------------------------------------------------------------------------------------------- words


def describe(basis: Basis, members: list[int]) -> str:
    """At which values of the others a default row speaks, in words; empty where it is on the coefficient as written alone."""
    product = basis.products[members[0]]
    if any(not basis.left[j] for j in members):
        return "nothing is left of this column beside the others"
    others, higher = _beside(basis, members)
    parts = [q for parts in basis.products for q in parts if q.polynomial]
    lower = any(p.polynomial and any(q.atoms == p.atoms and q.degree < p.degree for q in parts) for p in product)
    if not others and not higher and not lower and len(members) == 1:
        return ""
    head = _head(product, higher, lower)
    return head + "".join(f", {text}" if k else f" {text}" for k, text in enumerate(others.values()))


def where(basis: Basis, j: int) -> str:
    """At which values of the other columns a coefficient of the basis speaks: "where x is at its mean"."""
    others, _ = _beside(basis, [j])
    return ", ".join(others.values()) or "with the lower powers taken out"


def _beside(basis: Basis, members: list[int]) -> tuple[dict[str, str], bool]:
    """The parts that stand beside those of ``members`` in higher columns, each with where it is taken; whether there are higher powers."""
    product = basis.products[members[0]]
    others: dict[str, str] = {}
    higher = False
    row = basis.there[members]
    for k, parts in enumerate(basis.products):
        if k in members or not np.any(row[:, k]) or len(parts) < len(product):
            continue
        rest = list(parts)
        for own in product:  # each has its match, a higher power may be it
            match = next((p for p in rest if _alike(p, own)), None)
            if match is None:
                break
            higher = higher or match.degree > own.degree
            rest.remove(match)
        else:
            others |= {_name(p): _where(p) for p in rest if _name(p) not in others}
    return others, higher


def _alike(part: Part, own: Part) -> bool:
    """Whether ``part`` is ``own``, another level of its category or column of its spline, or a higher power of its atom."""
    if own.polynomial:
        return part.key == own.key or (part.polynomial and part.atoms == own.atoms and part.degree > own.degree)
    return part.variable == own.variable and not part.polynomial


def _name(part: Part) -> str:
    return part.key if part.nodes else part.variable


def _where(part: Part) -> str:
    if part.level >= 0:
        return f"averaged over the rows' levels of {part.variable}"
    return f"where {_name(part)} is at its mean"


def _head(product: tuple[Part, ...], higher: bool, lower: bool) -> str:
    if len(product) == 1:
        part = product[0]
        if part.level >= 0:
            return f"differences between the levels of {part.variable}"
        if not part.polynomial:
            return f"slope of {part.key}" if part.key == part.variable else f"the curve {part.variable}"
        if higher and part.degree == 1:
            return f"slope of the best straight line in {part.atoms[0]}"
        if lower:
            return f"what {part.key} adds to the lower powers of {' and '.join(part.atoms)}"
        return f"slope of {part.key}"
    categories = [p.variable for p in product if p.level >= 0]
    rest = [p.key if p.polynomial else p.variable for p in product if p.level < 0]
    what = ":".join(rest) or ":".join(categories)
    if rest and categories:
        return f"differences between the levels of {':'.join(categories)} in the slope of {what}"
    if categories:
        return f"what {what} adds to its parts"
    return f"product {what}" + (" beyond the lower powers" if lower else "")

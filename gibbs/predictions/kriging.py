"""Levels between and beyond those of a random walk: their effects given those of the fit, by the law itself.

With precision Q over all positions, old (o) and new (n), in units of σ²/c,

    u_n | u_o ~ N(−Q_nn⁻¹ Q_no u_o,  c Q_nn⁻¹ ⊗ Σ)

(Rue & Held 2005, §2.3). Of a first-order walk that is a Brownian bridge between two levels, and a walk that sets out from the last; of a
second-order walk beyond the last level, a line through the last two whose variance grows with the cube of the distance. The values of a
spline at the old levels say what it is at any other: u_n = B_n B_o⁻ u_o, without noise; a straight line beyond the outer knots. Mixtures of
groups are known from the groups, u_n = B_n u_o. An autoregression with a, b = rho^(steps) to its neighbours on either side goes through

    u_n | u_l, u_r ~ N({a(1 − b²) u_l + b(1 − a²) u_r}/(1 − a²b²), (1 − a²)(1 − b²)/(1 − a²b²) Σ),     u_n | u_l ~ N(a u_l, (1 − a²) Σ) .
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gibbs.errors import DataError
from gibbs.model import fields, members, splines
from gibbs.model.levels import number_of
from gibbs.model.structures import GRAPHS, Structure

_NO_AREA = "the graph does not have it, so that nobody knows its neighbours; all areas of the graph are levels of the fit"
_GIVEN = {"cov": "the covariance", "pedigree": "the pedigree", "prec": "the precision"}
WHY = {
    **dict.fromkeys(GRAPHS, _NO_AREA),
    **{kind: f"{what} does not have it; all its levels are levels of the fit" for kind, what in _GIVEN.items()},
}


def check(structure: Structure | None, factor: str, labels: Sequence[str], mode: str, where: str, levels: Sequence[str] = ()) -> None:
    """DataError where the law has no such new levels: none without positions, and none that is not among the others."""
    if structure is None or not len(labels):
        return
    if mode == "all new":
        raise DataError(
            f"the effects of {factor} are those of {structure.words}: there is no level like them that is not among them. Ask "
            "for known groups, or for the population average.",
            where=where,
        )
    if structure.groups is not None:
        for text in labels:
            try:
                members.parts(text, levels[: structure.groups])
            except KeyError as error:
                raise DataError(
                    f"the fit has not seen the group '{error.args[0]}' of {structure.words}: mixtures of its groups may be new, a group in "
                    "them may not.",
                    where=where,
                ) from None
        return
    if structure.positions is None:
        raise DataError(f"'{labels[0]}' is no level of {factor} that can be drawn: {WHY[structure.kind]}.", where=where)
    wrong = [text for text in labels if number_of(text) is None]
    if wrong:
        raise DataError(f"'{wrong[0]}' is no position of {structure.words}, which is over numbers.", where=where)
    if structure.kind == "ar1":
        off = [text for text in labels if abs((x := _steps(structure, text)) - round(x)) > 1e-6]
        if off:
            raise DataError(
                f"{structure.words} goes by steps of {structure.unit:g} from {levels[0] if levels else f'{structure.positions[0]:g}'}; "
                f"'{off[0]}' is between two of them.",
                where=where,
            )


def weights(structure: Structure, labels: Sequence[str], levels: Sequence[str] = ()) -> tuple[np.ndarray, np.ndarray | None]:
    """(M (n, J), root (n, n)): u_new = M u + (root ⊗ L) noise, LL' = Σ, for new levels in the order of ``labels``; J old ``levels``.
    Without a root u_new = M u."""
    if structure.groups is not None:
        M = np.zeros((len(labels), len(levels)))
        M[:, : structure.groups] = members.weights_of(labels, levels[: structure.groups])
        return M, None
    old = structure.positions
    new = np.array([number_of(text) for text in labels], dtype=float)
    if structure.knots is not None:
        return _of_curve(structure, new), None
    different, place = np.unique(new, return_inverse=True)
    M, root = _of_positions(structure, old, different)
    return M[place], root[place]


def _steps(structure: Structure, label: str) -> float:
    return (float(number_of(label)) - float(structure.positions[0])) / structure.unit


def along(structure: Structure, labels: Sequence[str], u: np.ndarray, rho: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Effects (n, q, S) of new positions of an autoregression, in the order of ``labels``, given u (J, q, S) of those of the fit.

    rho (S,): of each draw. noise (n, q, S): independent N(0, Σ).
    """
    at = [round(_steps(structure, text)) for text in labels]
    known = dict(zip(np.rint((structure.positions - structure.positions[0]) / structure.unit).astype(int).tolist(), u, strict=True))
    for k in np.argsort(at, kind="stable"):
        step = at[k]
        if step in known:
            continue
        left, right = max((s for s in known if s < step), default=None), min((s for s in known if s > step), default=None)
        a = np.zeros_like(rho) if left is None else rho ** (step - left)
        b = np.zeros_like(rho) if right is None else rho ** (right - step)
        of_left, of_right = a * (1.0 - b**2) / (1.0 - (a * b) ** 2), b * (1.0 - a**2) / (1.0 - (a * b) ** 2)
        found = np.sqrt((1.0 - a**2) * (1.0 - b**2) / (1.0 - (a * b) ** 2)) * noise[k]
        found = found + (0.0 if left is None else of_left * known[left]) + (0.0 if right is None else of_right * known[right])
        known[step] = found
    return np.stack([known[step] for step in at])


def _of_curve(structure: Structure, new: np.ndarray) -> np.ndarray:
    """M of a spline, whose values at as many of the J positions as it has coordinates say what it is everywhere; 0 at the others."""
    from scipy.linalg import qr, solve

    spline = splines.build(structure.positions, structure.knots)
    B = spline.basis(structure.positions)
    _, _, order = qr(B.T, mode="economic", pivoting=True)  # positions that are as far from telling the same as can be
    some = order[: B.shape[1]]
    M = np.zeros((new.size, len(B)))
    M[:, some] = solve(B[some].T, spline.basis(new).T).T
    return M


def _of_positions(structure: Structure, old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    J, n = old.size, new.size
    span = old[-1] - old[0]
    known = np.flatnonzero(np.isin(new, old))
    ahead = np.setdiff1d(np.arange(n), known)
    M, root = np.zeros((n, J)), np.zeros((n, n))
    M[known, np.searchsorted(old, new[known])] = 1.0
    if ahead.size:
        everything = np.concatenate([old, new[ahead]])
        order = np.argsort(everything, kind="stable")
        ends, weight = fields.differences_of_walk(structure.walk, (everything[order] - old[0]) / span)
        D = fields.sparse_differences(order[ends], weight, everything.size)
        Q = (D.T @ D)[J:].toarray()  # the rows of new levels alone: old ones may be thousands
        lower = np.linalg.cholesky(Q[:, J:])
        M[ahead] = -np.linalg.solve(Q[:, J:], Q[:, :J])
        c = structure.unit * span ** (2 * structure.walk - 1)
        root[np.ix_(ahead, ahead)] = np.sqrt(c) * np.linalg.inv(lower).T
    return M, root

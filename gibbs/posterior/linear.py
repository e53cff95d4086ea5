"""The linear predictor of any rows at any draws: η = offset + Xβ + Σ_k z_k'u_k, draw by draw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gibbs.draws.records import Draws


def flat(values: np.ndarray, pick: np.ndarray | None = None) -> np.ndarray:
    """(chain, draw, …) → (draws, …), chain after chain; ``pick`` names draws by their place in that order."""
    values = values.reshape(values.shape[0] * values.shape[1], *values.shape[2:])  # −1 would not do where there are no effects
    return values if pick is None else values[pick]


def linear_predictor(
    draws: Draws,
    X: np.ndarray,
    factors: Sequence[tuple[np.ndarray, np.ndarray]],
    offset: np.ndarray | float = 0.0,
    *,
    pick: np.ndarray | None = None,
    include: Sequence[int] | None = None,
) -> np.ndarray:
    """η (S, N) of N rows at S draws.

    X : (N, p). factors : for each factor of the model, in order, (codes (N,), Z (N, q)); a code of −1 adds nothing.
    pick : (S,) draws by their place, chain after chain; all where None. include : the factors whose effects count; all where None.
    The effects of a factor are u[code] as drawn: what a new level would add is the caller's business.
    """
    eta = flat(draws.beta, pick) @ np.asarray(X, dtype=float).T
    eta += offset
    u = flat(draws.u, pick)
    for f, ((codes, Z), start) in enumerate(zip(factors, draws.u_offsets, strict=False)):
        if include is not None and f not in include:
            continue
        q, known = Z.shape[1], codes >= 0
        place = start + np.where(known, codes, 0).astype(np.int64) * q
        for a in range(q):
            eta += u[:, place + a] * (Z[:, a] * known)
    return eta


def rows_of(design) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]], np.ndarray]:
    """(X, factors, offset) of a Design, as ``linear_predictor`` takes them."""
    return design.X, [(f.codes, f.Z) for f in design.factors], design.offset


def spread(total: int, wanted: int) -> np.ndarray:
    """``wanted`` of ``total`` draws, evenly spaced (all where there are no more)."""
    return np.arange(total) if wanted >= total else np.unique(np.linspace(0, total - 1, wanted).round().astype(int))

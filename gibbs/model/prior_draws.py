"""Parameters drawn from the priors of a Design: what simulation-based calibration starts from.

Every prior is a number by now: default scales were worked out from the data when the Design was built, and stay what they are whatever
is drawn. A flat prior is no distribution and is refused by name.

    coefficients   the statements W β = mean + scale·(normal or t) are p and independent: β is their solution
    sds            as the record of the kind says (``prior_kinds``)
    correlations   LKJ(η) by the onion method (Lewandowski, Kurowicka and Joe 2009, §3.2)
    covariances    inverse-Wishart by Bartlett's decomposition; Huang–Wand by its auxiliaries (Huang and Wand 2013, eq. 2)
    ν              likewise, above 1 where it is cut off there
    cutpoints      independent under their order: the sorted draws, with predictors at their means where the default is in force
    u_j            N(0, Σ), of its group of levels where they differ; Student-t: divided by √λ_j, λ_j ~ Gamma(df/2, df/2); of levels that
                   know their neighbours Σ_k B_jk w_k, w_k ~ N(0, Σ)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gibbs.errors import SpecError
from gibbs.model import families, laws, structures
from gibbs.model.prior_kinds import draw as positive
from gibbs.model.prior_kinds import location
from gibbs.model.prior_rows import rank
from gibbs.model.records import Design, Factor, Prior, Term


@dataclass(frozen=True)
class Truths:
    """n independent draws of every parameter, in the order that draws of the posterior have.

    beta : (n, p). hyper : (n, h) for each factor its sds, then its correlations (first with second, first with third, second with third,
        …), then its df or rho; then cutpoints, sigma, nu, shape; what is fixed is there with its value. u : (n, U), factor by factor,
        level by level.
    """

    beta: np.ndarray
    hyper: np.ndarray
    u: np.ndarray


def draw(design: Design, rng: np.random.Generator, n: int = 1) -> Truths:
    """``n`` draws from the prior of ``design``.

    Raises SpecError where a coefficient has a flat prior, or where the statements on the coefficients leave a direction open.
    """
    check_proper(design)
    hyper: list[np.ndarray] = []
    effects: list[np.ndarray] = []
    for factor in design.factors:
        inner = [covariance(term, rng, n) for term in factor.terms]
        hyper += scales([as_written(term, c) for term, c in zip(factor.terms, inner, strict=True)])
        law, prior = laws.of(factor), laws.own_prior(factor)
        own = None if prior is None else positive(prior, rng, n, on=law.parameter)
        hyper += [] if own is None else [own[:, None]]
        effects.append(effects_of(factor, inner, own, rng, n))
    beta = draw_coefficients(design, rng, n)
    if design.cutpoint_prior is not None:
        cut = np.sort(coefficient(design.cutpoint_prior, rng, (n, len(design.categories or ()) - 1)), axis=1)
        hyper.append(cut if design.cutpoint_means is None else cut + (beta @ design.cutpoint_means)[:, None])
    for name, prior in families.of(design).priors(design).items():
        hyper.append(positive(prior, rng, n, on=name)[:, None])
    return Truths(
        beta=beta,
        hyper=np.concatenate(hyper, axis=1) if hyper else np.zeros((n, 0)),
        u=np.concatenate(effects, axis=1) if effects else np.zeros((n, 0)),
    )


def check_proper(design: Design) -> None:
    """SpecError naming what has no proper prior."""
    p, rows = len(design.coefficients), design.coefficient_priors
    stated = {row.label for row in rows}
    open_ones = [
        name
        for j, name in enumerate(design.coefficients)
        if f"b[{name}]" not in stated and not (j == design.intercept and "intercept" in stated)
    ]
    if open_ones:
        named = ", ".join(f"b[{name}]" for name in open_ones)
        one = len(open_ones) == 1
        raise SpecError(
            f"the prior{'' if one else 's'} of {named} {'is' if one else 'are'} flat: nothing can be drawn from {'it' if one else 'them'}. "
            "Give a proper prior, such as normal(0, 10).",
            where="priors",
        )
    if p and (len(rows) != p or rank([row.weights for row in rows]) < p):
        raise SpecError(
            f"the priors make {len(rows)} statements on {p} coefficients that leave a direction open: there is no prior to draw from.",
            where="priors",
        )
    sds = [f"sd[{f.name}]" for f in design.factors for term in f.terms for prior in term.sd_priors if prior.kind == "flat"]
    sds += ["sigma"] if design.sigma_prior is not None and design.sigma_prior.kind == "flat" else []
    if sds:
        raise SpecError(
            f"the prior of {', '.join(dict.fromkeys(sds))} is flat: nothing can be drawn from it. Give a proper prior, such as "
            "half_t(3, 0, 2.5).",
            where="priors",
        )
    if design.cutpoint_prior is not None and design.cutpoint_prior.kind == "flat":
        raise SpecError(
            "the prior of the cutpoints is flat: nothing can be drawn from it. Give a proper prior, such as student_t(3, 0, 2.5).",
            where="priors",
        )


# --------------------------------------------------------------------------------------------------------- coefficients


def coefficient(prior: Prior, rng: np.random.Generator, shape: int | tuple[int, ...]) -> np.ndarray:
    """normal, student_t or cauchy, of this shape."""
    df, mean, spread = location(prior)
    return mean + spread * (rng.standard_normal(shape) if np.isinf(df) else rng.standard_t(df, shape))


def draw_coefficients(design: Design, rng: np.random.Generator, n: int) -> np.ndarray:
    """β (n, p): the solutions of Wβ = what was drawn for each statement."""
    rows = design.coefficient_priors
    if not rows:
        return np.zeros((n, 0))
    noise = [rng.standard_normal(n) if np.isinf(row.df) else rng.standard_t(row.df, n) for row in rows]
    drawn = np.stack([row.mean + row.scale * e for row, e in zip(rows, noise, strict=True)], axis=1)
    W = np.array([row.weights for row in rows])
    size = np.abs(W).max(axis=1)  # rows in units of their own: pivots are then chosen whatever the units
    return np.linalg.solve(W / size[:, None], (drawn / size).T).T


# ----------------------------------------------------------------------------------------------------------- covariances


def covariance(term: Term, rng: np.random.Generator, n: int) -> np.ndarray:
    """What the priors of one term are on, (n, q, q): Σ as written, or in the centred basis of its columns."""
    q, prior = len(term.columns), term.covariance
    if prior is None:
        sds = np.stack([positive(p, rng, n) for p in term.sd_priors], axis=1)
        R = lkj(q, float(term.correlation.args[0]), rng, n) if term.correlation is not None else np.ones((n, 1, 1))
        return R * sds[:, :, None] * sds[:, None, :]
    if prior.kind == "inverse_wishart":
        return inverse_wishart(float(prior.args[0]), np.atleast_2d(np.asarray(prior.args[1], float)), rng, n)
    nu, A = float(prior.args[0]), np.broadcast_to(np.asarray(prior.args[1], float), (q,))
    auxiliary = A**-2.0 / rng.gamma(0.5, size=(n, q))  # a_k ~ IG(1/2, 1/A_k²)
    return inverse_wishart(nu + q - 1.0, (2.0 * nu / auxiliary)[:, :, None] * np.eye(q), rng, n)


def as_written(term: Term, covariance: np.ndarray) -> np.ndarray:
    """Σ (n, q, q) as written from what ``covariance`` draws."""
    if term.back is None or term.written:
        return covariance
    back = np.array(term.back)
    return back @ covariance @ back.T


def lkj(q: int, eta: float, rng: np.random.Generator, n: int) -> np.ndarray:
    """(n, q, q) correlation matrices of density ∝ |R|^(η−1): each row's factor is a point in a ball, its radius² a beta."""
    root = np.zeros((n, q, q))
    root[:, 0, 0] = 1.0
    for k in range(1, q):
        radius_squared = rng.beta(0.5 * k, eta + 0.5 * (q - 1.0 - k), n)
        direction = rng.standard_normal((n, k))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        root[:, k, :k] = np.sqrt(radius_squared)[:, None] * direction
        root[:, k, k] = np.sqrt(1.0 - radius_squared)
    R = root @ np.swapaxes(root, 1, 2)
    R[:, np.arange(q), np.arange(q)] = 1.0
    return R


def inverse_wishart(df: float, scale_matrix: np.ndarray, rng: np.random.Generator, n: int) -> np.ndarray:
    """(n, q, q) ~ IW(df, S), S (q, q) or (n, q, q): with S = CC' and A Bartlett's lower factor of a Wishart(df, I), CA⁻ᵀA⁻¹C'."""
    q = scale_matrix.shape[-1]
    A = np.zeros((n, q, q))
    for k in range(q):
        A[:, k, :k] = rng.standard_normal((n, k))
        A[:, k, k] = np.sqrt(rng.chisquare(df - k, n))
    half = np.linalg.cholesky(scale_matrix) @ np.swapaxes(np.linalg.inv(A), 1, 2)
    return half @ np.swapaxes(half, 1, 2)


def scales(covariances: list[np.ndarray]) -> list[np.ndarray]:
    """The sds of every term of a factor, then the correlations of every term: (n, columns) arrays."""
    sds = [np.sqrt(np.diagonal(c, axis1=1, axis2=2)) for c in covariances]
    pairs = [
        c[:, a, b, None] / (s[:, a, None] * s[:, b, None])
        for c, s in zip(covariances, sds, strict=True)
        for b in range(c.shape[1])
        for a in range(b)
    ]
    return [*sds, *pairs]


def effects_of(factor: Factor, covariances: list[np.ndarray], own: np.ndarray | None, rng: np.random.Generator, n: int) -> np.ndarray:
    """u (n, J q): rows of u_j ~ N(0, Σ), Σ block diagonal; or t_df(0, Σ), df = ``own`` (n,); or N(0, K_rho ⊗ Σ), rho = ``own``."""
    J, q = len(factor.levels), len(factor.columns)
    if factor.field is not None:
        of = factor.field
        w = np.stack([of.draws(rng, n) if own is None else of.effects(rng, own) for _ in range(q)], axis=2)
        return _of_columns(factor.terms, covariances, w).reshape(n, -1)
    if factor.structure is not None:
        J = factor.coordinates
    u = np.empty((n, J, q))
    for g, group in enumerate(factor.groups or ("",)):
        members = np.arange(J) if factor.group is None else np.flatnonzero(factor.group == g)
        blocks = [(term, c) for c, term in zip(covariances, factor.terms, strict=True) if term.group == group]
        terms, own_covariances = zip(*blocks, strict=True)
        w = np.concatenate([rng.standard_normal((n, members.size, c.shape[1])) for c in own_covariances], axis=2)
        u[:, members] = _of_columns(terms, own_covariances, w)
    if factor.structure is not None:
        u = structures.of_coordinates(factor.structure, u, own)
    law = laws.of(factor)
    if law.multipliers is not None:
        u /= np.sqrt(law.multipliers(rng, own, J))[:, :, None]
    return u.reshape(n, -1)


def _of_columns(terms: Sequence[Term], covariances: Sequence[np.ndarray], w: np.ndarray) -> np.ndarray:
    """(n, J, q) effects with the covariances of their terms from those that are independent, ``w`` like them."""
    parts, start = [], 0
    for term, c in zip(terms, covariances, strict=True):
        root = _root(c)
        root = root if term.back is None or term.written else np.array(term.back) @ root
        parts.append(w[:, :, start : start + c.shape[1]] @ np.swapaxes(root, 1, 2))
        start += c.shape[1]
    return np.concatenate(parts, axis=2)


def _root(covariance: np.ndarray) -> np.ndarray:
    """A square root of (n, q, q) matrices that may be singular to the last digit (heavy-tailed sds): by eigenvalues of the correlations."""
    sds = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    safe = np.where(sds > 0.0, sds, 1.0)
    values, vectors = np.linalg.eigh(covariance / (safe[:, :, None] * safe[:, None, :]))
    return sds[:, :, None] * (vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :])

"""The log-likelihood of all rows of a level with the effects of its factor integrated out.

    log p(y_j | θ) = log ∫ Π_i p(y_i | η_i + z_i'u) N(u; 0, Σ) du

θ are the coefficients, covariances and the family's parameters at a draw; effects of other factors are taken as drawn, but those of factors
nested in this one (a new school has new classes) are integrated out with it. With u = Lv, LL' = Σ, the integral is over v ~ N(0, I), so
that an sd of 0 or a correlation of 1 need no special case.

gaussian : closed form. The rows of a level are N(η₀, D + ZΣZ'); by Woodbury's identity and the determinant lemma, with A = I + L'Z'D⁻¹ZL,
    log det = log det D + log det A, and the quadratic form is r'D⁻¹r − b'A⁻¹b, b = L'Z'D⁻¹r.
student : where one column varies, the trapezoidal rule on the stretch that matters: a product of t densities can have several modes.
others (and student with more columns) : adaptive Gauss–Hermite quadrature (Liu and Pierce 1994; Pinheiro and Bates 1995): nodes about the
    mode of the integrand, scaled by the curvature there. The mode is sought by Newton's steps from the effect as drawn, which is never far
    from it (Merkle, Furr and Rabe-Hesketh 2019 centre on posterior moments instead, which is coarser where levels have many rows). With a
    nested factor, one such integral stands within another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gibbs.draws.outline import Outline
from gibbs.draws.records import Draws
from gibbs.errors import SpecError, nearest
from gibbs.model import families, laws, nesting
from gibbs.model.records import Design, Factor
from gibbs.posterior import family, loglik, variances
from gibbs.posterior.linear import flat, linear_predictor
from gibbs.posterior.loglik import BLOCK

NODES = {1: 15, 2: 11, 3: 7}
"""Quadrature points a dimension, by the number of columns of the factor."""

_NESTED_NODES = {1: 11, 2: 7}
"""Quadrature points a dimension of a factor that is integrated out within another."""

_STEP = 1e-3  # of the numerical derivatives of l(η); they place the nodes, and nothing else depends on them
_ENOUGH = 0.05  # a Newton step that is shorter, in sds of the integrand, ends the search
_MOST_STEPS = 30
_COARSE, _ROUNDS, _FINEST = 48, 8, 4_000


@dataclass(frozen=True)
class Levels:
    """The levels of a factor that have rows with an outcome, and these rows, level after level.

    place (n,) rows of the Design; weights (n,); starts (J,) the first row of each level in ``place``; which (J,) the levels' numbers;
    integrated: numbers of the model's factors whose effects are integrated out: this one first (where the model has it), then those
    nested in it.
    """

    grouping: Factor
    place: np.ndarray
    weights: np.ndarray
    starts: np.ndarray
    which: np.ndarray
    integrated: tuple[int, ...]

    @property
    def ends(self) -> np.ndarray:
        """(J,) one past the last row of each level."""
        return np.append(self.starts[1:], len(self.place))


def levels_of(outline: Outline, design: Design, name: str, partition: Factor | None = None) -> Levels:
    """The Levels of the factor ``name``.

    partition : the factor as another fit to the same rows has it, for a model without it. SpecError where neither has such a factor, or
    its effects cannot be integrated out.
    """
    known = [factor.name for factor in design.factors]
    own = (known.index(name),) if name in known else ()
    grouping = design.factors[own[0]] if own else partition
    if grouping is None:
        there = f"the grouping factors are {', '.join(known)}" if known else "the model has none"
        raise SpecError(f"there is no grouping factor '{name}'; {there}.{nearest(name, known)}", where="group")
    nested = tuple(f for f, inner in enumerate(design.factors) if f not in own and _is_nested(inner, grouping))
    for f in (*own, *nested):
        factor = design.factors[f]
        what = laws.not_integrated(factor)
        if what:
            raise SpecError(
                f"the effects of {factor.name} {what}; integrating them out is available for normal effects with one covariance. Leave "
                "the group out for new rows of known levels, whose effects are as drawn.",
                where="group",
            )
    if not families.of(outline).is_gaussian:
        _check_quadrature(outline, design, name, own, nested)
    rows = loglik.distinct_rows(design, (grouping.codes,))
    order = np.lexsort((*(design.factors[f].codes[rows.place] for f in nested), grouping.codes[rows.place]))
    place, weights = rows.place[order], rows.counts[order]
    which, starts = np.unique(grouping.codes[place], return_index=True)
    return Levels(grouping, place, weights, starts, which, (*own, *nested))


def _check_quadrature(outline: Outline, design: Design, name: str, own: tuple[int, ...], nested: tuple[int, ...]) -> None:
    """Refuse (SpecError) integrals of more dimensions than the nodes are there for."""
    family, factors = outline.family, design.factors
    if len(nested) > 1:
        inner = " and ".join(factors[f].name for f in nested)
        raise SpecError(
            f"{inner} are nested in {name}; for family {family} one nested factor can be integrated out with it. Ask for a group below.",
            where="group",
        )
    most = max(NODES) if not nested else max(_NESTED_NODES)
    for f in (*own, *nested):
        columns = factors[f].columns
        if len(columns) > most:
            with_it = f", with {factors[nested[0]].name} nested in it," if nested and f in own else ""
            raise SpecError(
                f"{len(columns)} columns vary over {factors[f].name} ({', '.join(columns)}); for family {family}{with_it} at most {most} "
                "can be integrated out.",
                where="group",
            )


def _is_nested(inner: Factor, outer: Factor) -> bool:
    """Whether every level of ``inner`` lies within one of ``outer``, and there are more of them."""
    more = len(inner.levels) > len(outer.levels)
    return more and nesting.parents(inner.codes, outer.codes, len(inner.levels)) is not None


def matrix(draws: Draws, outline: Outline, design: Design, levels: Levels, block: int = BLOCK) -> np.ndarray:
    """log p(y_j | θ) of every level, (chain, draw, J)."""
    chains, kept = draws.beta.shape[:2]
    out = np.empty((chains * kept, len(levels.which)))
    first, ends = 0, levels.ends
    while first < len(levels.which):  # as many levels at once as a block holds at a hundred draws or more
        last = max(first + 1, int(np.searchsorted(ends, levels.starts[first] + block // 100, side="right")))
        rows = slice(levels.starts[first], ends[last - 1])
        part = Levels(
            levels.grouping, levels.place[rows], levels.weights[rows], levels.starts[first:last] - levels.starts[first],
            levels.which[first:last], levels.integrated,
        )  # fmt: skip
        step = max(1, block // (len(part.place) * _columns(outline, design, part)))
        one = _sums if not levels.integrated else _gaussian if families.of(outline).is_gaussian else _quadrature
        one = _nested_quadrature if one is _quadrature and _has_nested(design, levels) else one
        for begin in range(0, chains * kept, step):
            pick = np.arange(begin, min(begin + step, chains * kept))
            out[pick, first:last] = one(draws, outline, design, part, pick)
        first = last
    return out.reshape(chains, kept, -1)


def _columns(outline: Outline, design: Design, levels: Levels) -> int:
    """How many effects a level has, those of nested levels included: about so wide the largest array of a block is."""
    if not _has_nested(design, levels):
        return 32 if families.of(outline).has_nu else 1  # a grid of values is kept for every level
    first = levels.place[: levels.ends[0]]
    return sum(len(np.unique(design.factors[f].codes[first])) * design.factors[f].Z.shape[1] for f in levels.integrated)


def _has_nested(design: Design, levels: Levels) -> bool:
    """Whether levels of other factors are integrated out within those of this one."""
    return any(design.factors[f] is not levels.grouping for f in levels.integrated)


def _sums(draws: Draws, outline: Outline, design: Design, levels: Levels, pick: np.ndarray) -> np.ndarray:
    """Without an effect of the factor, or nested in it, the rows of a level are independent at a draw."""
    return np.add.reduceat(levels.weights * loglik.of_rows(draws, outline, design, levels.place, pick), levels.starts, axis=1)


def _known_part(draws: Draws, design: Design, levels: Levels, pick: np.ndarray) -> np.ndarray:
    """η without the effects that are integrated out, (S, n)."""
    place = levels.place
    others = [f for f in range(len(design.factors)) if f not in levels.integrated]
    factors = [(factor.codes[place], factor.Z[place]) for factor in design.factors]
    return linear_predictor(draws, design.X[place], factors, design.offset[place], pick=pick, include=others)


def _root(draws: Draws, outline: Outline, number: int, pick: np.ndarray) -> np.ndarray:
    """L (S, q, q) with LL' = Σ, lower triangular."""
    sigma = flat(variances.covariance(draws, outline, outline.factors[number]), pick)
    return lower_root(sigma)


def roots(draws: Draws, outline: Outline, number: int) -> np.ndarray:
    """L (S, q, q), LL' the covariance of the effects of one factor at every draw, chain after chain."""
    return _root(draws, outline, number, np.arange(draws.beta.shape[0] * draws.beta.shape[1]))


def lower_root(sigma: np.ndarray) -> np.ndarray:
    """Cholesky factors of positive semi-definite matrices (…, q, q): a column without variance left is a column of zeros."""
    q = sigma.shape[-1]
    L = np.zeros_like(sigma)
    for a in range(q):
        left = sigma[..., a, a] - np.sum(L[..., a, :a] ** 2, axis=-1)
        L[..., a, a] = np.sqrt(np.where(left > 1e-14 * sigma[..., a, a], left, 0.0))
        pivot = np.where(L[..., a, a] > 0, L[..., a, a], np.inf)
        for b in range(a + 1, q):
            L[..., b, a] = (sigma[..., b, a] - np.sum(L[..., b, :a] * L[..., a, :a], axis=-1)) / pivot
    return L


# -------------------------------------------------------------------------------------------------------------- gaussian


def _gaussian(draws: Draws, outline: Outline, design: Design, levels: Levels, pick: np.ndarray) -> np.ndarray:
    place = levels.place
    residual = design.y[place] - _known_part(draws, design, levels, pick)  # (S, n)
    if design.known_se is not None:
        variance, precision = np.square(design.known_se[place]), levels.weights / np.square(design.known_se[place])
        scale = np.ones(len(pick))
    else:
        scale = np.square(flat(variances.hyper(draws, outline, "sigma"), pick))
        of_row = np.ones(len(place)) if design.precision is None else design.precision[place]
        variance, precision = scale[:, None] / of_row, levels.weights * of_row
    log_det = np.add.reduceat(np.broadcast_to(levels.weights * np.log(2.0 * np.pi * variance), residual.shape), levels.starts, axis=1)
    squares = np.add.reduceat(precision * residual**2, levels.starts, axis=1) / scale[:, None]
    roots = [_root(draws, outline, f, pick) for f in levels.integrated]
    middle = _nested if _has_nested(design, levels) else _one_factor
    more, explained = middle(design, levels, roots, precision, residual, scale)
    return -0.5 * (log_det + squares + more - explained)


def _one_factor(
    design: Design, levels: Levels, roots: list[np.ndarray], precision: np.ndarray, residual: np.ndarray, scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """log det A and b'A⁻¹b, both (S, J). precision (n,) is of a residual variance of 1, ``scale`` (S,) that variance."""
    Z, L = levels.grouping.Z[levels.place], roots[0]
    products = np.add.reduceat(precision[:, None, None] * Z[:, :, None] * Z[:, None, :], levels.starts, axis=0)  # (J, q, q)
    crossed = np.stack([np.add.reduceat(precision * Z[:, a] * residual, levels.starts, axis=1) for a in range(Z.shape[1])], axis=2)
    A = np.einsum("sac,jab,sbd->sjcd", L, products, L, optimize=True) / scale[:, None, None, None] + np.eye(Z.shape[1])
    b = np.einsum("sac,sja->sjc", L, crossed) / scale[:, None, None]
    return np.linalg.slogdet(A)[1], np.sum(b * np.linalg.solve(A, b[..., None])[..., 0], axis=2)


def _nested(
    design: Design, levels: Levels, roots: list[np.ndarray], precision: np.ndarray, residual: np.ndarray, scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """As ``_one_factor`` with the levels of the nested factors as further columns, level by level."""
    shape = (len(residual), len(levels.starts))
    log_det, explained = np.empty(shape), np.empty(shape)
    for j, (start, end) in enumerate(zip(levels.starts, levels.ends, strict=True)):
        rows = slice(start, end)
        ZL = _whitened(design, levels.integrated, roots, levels.place[rows])  # (S, n_j, m)
        weighted = ZL * (precision[rows] / scale[:, None])[:, :, None]
        A = np.swapaxes(ZL, 1, 2) @ weighted + np.eye(ZL.shape[2])
        b = np.einsum("snm,sn->sm", weighted, residual[:, rows])
        log_det[:, j] = np.linalg.slogdet(A)[1]
        explained[:, j] = np.sum(b * np.linalg.solve(A, b[..., None])[..., 0], axis=1)
    return log_det, explained


def _whitened(design: Design, factors: tuple[int, ...], roots: list[np.ndarray], place: np.ndarray) -> np.ndarray:
    """ZL of the rows of one level, (S, n_j, m): the columns of its factor, then those of every level nested in it."""
    parts = []
    for f, L in zip(factors, roots, strict=True):
        factor: Factor = design.factors[f]
        found, code = np.unique(factor.codes[place], return_inverse=True)
        q = factor.Z.shape[1]
        wide = np.zeros((len(L), len(place), len(found), q))
        wide[:, np.arange(len(place)), code] = factor.Z[place] @ L
        parts.append(wide.reshape(len(L), len(place), -1))
    return np.concatenate(parts, axis=2)


# ------------------------------------------------------------------------------------------------------------ quadrature


def _quadrature(draws: Draws, outline: Outline, design: Design, levels: Levels, pick: np.ndarray) -> np.ndarray:
    place, factor, number = levels.place, levels.grouping, levels.integrated[0]
    q = factor.Z.shape[1]
    parameters = loglik.family_parameters(draws, outline, design, place, pick)
    y = design.y[place]
    L = _root(draws, outline, number, pick)
    drawn = _drawn(draws, number, levels.which, q, pick)

    def likelihood(eta: np.ndarray) -> np.ndarray:
        return family.log_likelihood(outline.family, y, eta, link=outline.link, **parameters)

    if families.of(outline).has_nu and q == 1:
        slope = L[:, 0, 0, None] * factor.Z[place, 0]  # of η in v
        residual = y - _known_part(draws, design, levels, pick)
        bend = (parameters["nu"] + 1.0) / (parameters["nu"] * np.square(parameters["sigma"]))
        return _several_modes(likelihood, y - residual, slope, residual, bend, levels)
    return integrate(likelihood, _known_part(draws, design, levels, pick), factor.Z[place], L, levels.starts, levels.weights, drawn)


def integrate(
    likelihood: Callable[[np.ndarray], np.ndarray],
    eta: np.ndarray,
    Z: np.ndarray,
    L: np.ndarray,
    starts: np.ndarray,
    weights: np.ndarray,
    near: np.ndarray,
    nodes: int | None = None,
) -> np.ndarray:
    """log ∫ exp Σ_i w_i l_i(η_i + z_i'Lv) N(v; 0, I) dv of every level at every draw, (S, J).

    likelihood : η (S, n) → l (S, n). eta : (S, n) without the effects. Z : (n, q). L : (S, q, q). starts : (J,) first rows of the levels.
    weights : (n,). near : (S, J, q) effects u near the mode. nodes : points a dimension (``NODES`` where None).
    """
    q = Z.shape[1]
    level = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, eta.shape[1])))

    def at(v: np.ndarray) -> np.ndarray:
        u = np.einsum("sac,sjc->sja", L, v)
        shifted = eta.copy()
        for a in range(q):
            shifted += u[:, level, a] * Z[:, a]
        return shifted

    def log_integrand(v: np.ndarray) -> np.ndarray:
        return np.add.reduceat(weights * likelihood(at(v)), starts, axis=1) - 0.5 * np.sum(v * v, axis=2)

    mode, curvature = _mode(likelihood, at, log_integrand, Z, L, starts, weights, _standardised(near, L))
    return _about(log_integrand, mode, curvature, NODES[q] if nodes is None else nodes)


def _about(log_integrand: Callable[[np.ndarray], np.ndarray], mode: np.ndarray, curvature: np.ndarray, count: int) -> np.ndarray:
    """log of the integral over v of exp(log_integrand)/(2π)^(q/2): ``count`` nodes a dimension about ``mode`` (S, J, q)."""
    q = mode.shape[2]
    C = np.linalg.cholesky(curvature)
    points, mass = np.polynomial.hermite.hermgauss(count)
    grid = np.stack(np.meshgrid(*([points] * q), indexing="ij"), axis=-1).reshape(-1, q)
    log_mass = np.log(np.stack(np.meshgrid(*([mass] * q), indexing="ij"), axis=-1).reshape(-1, q)).sum(axis=1)
    scale = np.sqrt(2.0) * np.swapaxes(np.linalg.inv(C), 2, 3)  # √2 C'⁻¹
    top = np.full(mode.shape[:2], -np.inf)
    total = np.zeros(mode.shape[:2])
    for x, log_weight in zip(grid, log_mass, strict=True):
        value = log_weight + x @ x + log_integrand(mode + scale @ x)
        higher = np.maximum(np.maximum(top, value), -1e300)
        total = total * np.exp(top - higher) + np.exp(value - higher)
        top = higher
    log_det = np.log(np.diagonal(C, axis1=2, axis2=3)).sum(axis=2)
    return top + np.log(total) - log_det - 0.5 * q * np.log(np.pi)


def _several_modes(
    likelihood: Callable[[np.ndarray], np.ndarray],
    eta: np.ndarray,
    slope: np.ndarray,
    residual: np.ndarray,
    bend: np.ndarray,
    levels: Levels,
) -> np.ndarray:
    """log ∫ exp Σ_i w_i l_i(η_i + slope_i v) N(v; 0, 1) dv, (S, J), whatever the number of modes.

    Modes lie between 0 and the v at which a row has no residual, and beyond the last of them the integrand falls as the prior does. With
    the curvature at most κ = Σ w slope² bend + 1 (``bend`` the largest −l''), a grid of spacing h sees the highest mode to within κh²/8:
    what lies further below the highest point than that and 18 more (e^−18) is cut off, and the rest gridded again, until h is 0.6/√κ.
    """
    starts, weights = levels.starts, levels.weights
    level = np.repeat(np.arange(len(starts)), levels.ends - starts)
    with np.errstate(divide="ignore", invalid="ignore"):
        alone = np.where(np.abs(slope) > 1e-12, np.clip(residual / slope, -20.0, 20.0), 0.0)
    low = np.minimum(np.minimum.reduceat(alone, starts, axis=1), 0.0) - 6.5
    high = np.maximum(np.maximum.reduceat(alone, starts, axis=1), 0.0) + 6.5
    steepness = np.sqrt(np.add.reduceat(weights * slope**2 * bend, starts, axis=1) + 1.0)  # √κ

    def on_grid(count: int) -> np.ndarray:
        """The log integrand at ``count`` points from low to high, (count, S, J)."""
        values = np.empty((count, *low.shape))
        for k in range(count):
            v = low + (high - low) * (k / (count - 1))
            values[k] = np.add.reduceat(weights * likelihood(eta + slope * v[:, level]), starts, axis=1) - 0.5 * v * v
        return values

    for _ in range(_ROUNDS):
        if np.max((high - low) * steepness) <= 0.6 * 2 * _COARSE:
            break
        values, h = on_grid(_COARSE), (high - low) / (_COARSE - 1)
        matters = values > values.max(axis=0) - 18.0 - np.square(steepness * h) / 8.0
        first, last = matters.argmax(axis=0), _COARSE - 1 - matters[::-1].argmax(axis=0)
        low, high = low + np.maximum(first - 1, 0) * h, low + np.minimum(last + 1, _COARSE - 1) * h
    count = min(int(np.ceil(np.max((high - low) * steepness) / 0.6)) + 2, _FINEST)
    values = on_grid(max(count, 8))
    top = values.max(axis=0)
    total = np.exp(values - top).sum(axis=0) * (high - low) / (len(values) - 1)
    return top + np.log(total) - 0.5 * np.log(2.0 * np.pi)


def _standardised(u: np.ndarray, L: np.ndarray) -> np.ndarray:
    """v with Lv = u where L allows it, 0 elsewhere; at most 8 sds."""
    v = np.zeros(u.shape)
    for a in range(u.shape[2]):
        pivot = np.where(L[:, a, a] > 0, L[:, a, a], np.inf)[:, None]
        v[:, :, a] = (u[:, :, a] - np.einsum("sb,sjb->sj", L[:, a, :a], v[:, :, :a])) / pivot
    return np.clip(v, -8.0, 8.0)


def _mode(
    likelihood: Callable[[np.ndarray], np.ndarray],
    at: Callable[[np.ndarray], np.ndarray],
    log_integrand: Callable[[np.ndarray], np.ndarray],
    Z: np.ndarray,
    L: np.ndarray,
    starts: np.ndarray,
    weights: np.ndarray,
    v: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Near the mode of the integrand in v (S, J, q), and the negative Hessian there (S, J, q, q), at least I.

    Newton's steps with l' and l'' by differences; a step that goes down is halved. Where l is not concave (a t), l'' counts as 0 at least.
    """
    q = Z.shape[1]
    v, value = v.copy(), log_integrand(v)
    for _ in range(_MOST_STEPS):
        eta = at(v)
        above, here, below = likelihood(eta + _STEP), likelihood(eta), likelihood(eta - _STEP)
        slope = weights * (above - below) / (2.0 * _STEP)
        bend = weights * np.maximum((2.0 * here - above - below) / _STEP**2, 0.0)
        gradient = np.stack([np.add.reduceat(slope * Z[:, a], starts, axis=1) for a in range(q)], axis=2)
        H = np.empty((*v.shape, q))
        for a in range(q):
            for b in range(a + 1):
                H[:, :, a, b] = H[:, :, b, a] = np.add.reduceat(bend * (Z[:, a] * Z[:, b]), starts, axis=1)
        curvature = np.einsum("sac,sjab,sbd->sjcd", L, H, L) + np.eye(q)
        step = np.linalg.solve(curvature, (np.einsum("sac,sja->sjc", L, gradient) - v)[..., None])[..., 0]
        length = np.sqrt(np.einsum("sja,sjab,sjb->sj", step, curvature, step))
        moving = length >= _ENOUGH  # level by level: what one gives does not depend on those beside it
        if not moving.any():
            break
        step *= (moving * np.minimum(1.0, 10.0 / np.maximum(length, 1e-300)))[..., None]
        v, value = _ascended(log_integrand, v, step, value - 1e-9 * np.abs(value), moving)
    return v, curvature


def _ascended(
    log_integrand: Callable[[np.ndarray], np.ndarray], v: np.ndarray, step: np.ndarray, least: np.ndarray, moving: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """v + step and the log integrand there; a level's step is halved until it reaches ``least``."""
    tried = log_integrand(v + step)
    for _ in range(20):
        worse = moving & ~(tried >= least)
        if not worse.any():
            break
        step = np.where(worse[..., None], 0.5 * step, step)
        tried = log_integrand(v + step)
    return v + step, tried


# ------------------------------------------------------------------------------------------------------------ nested factors


def _nested_quadrature(draws: Draws, outline: Outline, design: Design, levels: Levels, pick: np.ndarray) -> np.ndarray:
    """The effects of each level of the nested factor are integrated out at every node of the integral over those of its group."""
    place = levels.place
    parameters = loglik.family_parameters(draws, outline, design, place, pick)
    y, eta = design.y[place], _known_part(draws, design, levels, pick)

    def likelihood(at: np.ndarray) -> np.ndarray:
        return family.log_likelihood(outline.family, y, at, link=outline.link, **parameters)

    inner = levels.integrated[-1]
    factor = design.factors[inner]
    codes = factor.codes[place]
    starts = np.flatnonzero(np.append(True, codes[1:] != codes[:-1]))  # rows stand level by level of the nested factor too
    of_group = np.searchsorted(starts, levels.starts)
    q = factor.Z.shape[1]
    near = _drawn(draws, inner, codes[starts], q, pick)
    L = _root(draws, outline, inner, pick)

    def within(at: np.ndarray) -> np.ndarray:
        each = integrate(likelihood, at, factor.Z[place], L, starts, levels.weights, near, _NESTED_NODES[q])
        return np.add.reduceat(each, of_group, axis=1)

    if len(levels.integrated) == 1:  # the model has no effects of the group itself
        return within(eta)
    Z, outer = levels.grouping.Z[place], _root(draws, outline, levels.integrated[0], pick)
    level = np.repeat(np.arange(len(levels.starts)), levels.ends - levels.starts)

    def log_integrand(v: np.ndarray) -> np.ndarray:
        u = np.einsum("sac,sjc->sja", outer, v)
        return within(eta + np.einsum("sna,na->sn", u[:, level], Z)) - 0.5 * np.sum(v * v, axis=2)

    drawn = _drawn(draws, levels.integrated[0], levels.which, Z.shape[1], pick)
    mode, curvature = _mode_by_differences(log_integrand, _standardised(drawn, outer))
    return _about(log_integrand, mode, curvature, _NESTED_NODES[Z.shape[1]])


def _drawn(draws: Draws, number: int, which: np.ndarray, q: int, pick: np.ndarray) -> np.ndarray:
    """The effects of some levels of a factor as drawn, (S, J, q)."""
    return flat(draws.u, pick)[:, draws.u_offsets[number] + which[:, None] * q + np.arange(q)].astype(float)


def _mode_by_differences(log_integrand: Callable[[np.ndarray], np.ndarray], v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As ``_mode``, for an integrand that is itself an integral: gradient and Hessian by differences in v."""
    q, h = v.shape[2], 0.05
    steps = h * np.eye(q)
    v, value = v.copy(), log_integrand(v)
    for _ in range(_MOST_STEPS):
        above = [log_integrand(v + step) for step in steps]
        below = [log_integrand(v - step) for step in steps]
        gradient = np.stack([(a - b) / (2 * h) for a, b in zip(above, below, strict=True)], axis=2)
        H = np.empty((*v.shape, q))
        for a in range(q):
            H[:, :, a, a] = (2 * value - above[a] - below[a]) / h**2
            for b in range(a):
                corner = log_integrand(v + steps[a] + steps[b]) + log_integrand(v - steps[a] - steps[b])
                H[:, :, a, b] = H[:, :, b, a] = (above[a] + below[a] + above[b] + below[b] - corner - 2 * value) / (2 * h**2)
        size, axes = np.linalg.eigh(H)
        curvature = np.einsum("sjab,sjb,sjcb->sjac", axes, np.maximum(size, 0.5), axes)
        step = np.linalg.solve(curvature, gradient[..., None])[..., 0]
        length = np.sqrt(np.einsum("sja,sjab,sjb->sj", step, curvature, step))
        moving = length >= _ENOUGH
        if not moving.any():
            break
        step *= (moving * np.minimum(1.0, 10.0 / np.maximum(length, 1e-300)))[..., None]
        v, value = _ascended(log_integrand, v, step, value - 1e-6 * (1.0 + np.abs(value)), moving)
    return v, curvature


def cost(outline: Outline, design: Design, levels: Levels) -> int:
    """About how many likelihoods of a row a quadrature takes for every row and draw; 1 where there is none."""
    if families.of(outline).is_gaussian or not levels.integrated:
        return 1
    q = [design.factors[f].Z.shape[1] for f in levels.integrated]
    if not _has_nested(design, levels):
        return 200 if families.of(outline).has_nu and q == [1] else NODES[q[0]] ** q[0] + 20
    inside = _NESTED_NODES[q[-1]] ** q[-1] + 20
    return inside if len(q) == 1 else inside * (_NESTED_NODES[q[0]] ** q[0] + 4 * (1 + 2 * q[0] ** 2))

"""Variances with the location effects integrated out: p(L, σ | ỹ) ∝ p(ỹ | L, σ) p(L) p(σ).

log p(ỹ | L, σ) = −½ log|Q| + (dim θ − n) log σ − (ỹ'Ωỹ + σ²b₀'B₀⁻¹b₀ − b'Q⁻¹b)/(2σ²) + constant,

with Q and b of ``elimination.py``. The coordinates are x = log(s_k + c) of the sds (c frozen; c = 0 at first), log(σ + c), and
asinh(L_kb/√Σ_{i>b} L_ki²), which is atanh of a partial correlation: where a sd may be 0, or a correlation anything, these are free of each
other, as L_kb and L_kk are not. Warm-up slices them one by one (Neal 2003) and fits a multivariate t, in which a partial correlation is the
wider the less its sds let the data say of it (``log_width``); then one generalised elliptical slice (Nishihara, Murray & Adams 2014) around
the frozen fit moves all of them at once. Both leave the same density invariant and neither can reject. Where the fit has the posterior's
shape, proposals are drawn from it alone; from two such t where an inverse-gamma prior leaves a plain towards a sd of 0. What is drawn here
leaves u stale: the location draw must follow before anything conditions on u.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from .compiling import inlined, kernel, lazy, parts
from .covariance import log_covariance_priors
from .elimination import eliminate_unit, factor_core, factor_roots, load_core
from .layout import Coordinates
from .priors import log_scale_prior

SD, PARTIAL, LOG_SIGMA = 0, 1, 2
"""Kinds of coordinates: first column of ``Coordinates.place`` (d, 4). Then, of a sd or a partial correlation, where its row of L begins,
the row's number k, and the column b (of a sd −1)."""

MEAN, SHIFT, SLICE_WIDTH = 0, 1, 2
"""Columns of ``fit`` (d, 3): mean of the fitted t; c in log(s_k + c); slice widths. ``root`` (d, d) is its Cholesky factor."""

SLICES, ELLIPTICAL, INDEPENDENT = 0, 1, 2
"""Moves of ``draw_hyper``."""

T_DF = 8.0
"""Degrees of freedom of the t around the frozen fit."""

DIGITS = 1e-15
"""A proposed σ² below this share of ỹ'Ωỹ is refused: what effects that may reproduce the outcome leave of it, ỹ'Ωỹ less a sum as large, has
no digits there, and its density, which divides it by σ², is anything (2,000 levels of one row: right to 0.007 at 5 · 10⁻¹⁶, off by 118 at
5 · 10⁻¹⁸)."""

MOST_WIDENING = 1.5
"""Most that the sds widen, or narrow, a partial correlation: its log."""


@inlined
def log_marginal(layout, gram, target, work, L, sigma):
    """(log p(ỹ | L, σ), residual quadratic form) for a layout with at most one unit; leaves the factorisation behind."""
    factor, units = layout.factor, layout.units
    factor_roots(layout, L, work)
    variance = sigma * sigma
    load_core(gram, work)
    dimension, log_det, reduction = gram.m.size, 0.0, 0.0
    for unit in range(units.shape[0]):
        log_det_unit, reduction = eliminate_unit(layout, gram, unit, variance, work)
        log_det += log_det_unit
        for k in range(units.shape[1]):
            if units[unit, k] >= 0:
                dimension += factor[units[unit, k]].levels * factor[units[unit, k]].width
    log_det_core, quadratic = factor_core(layout, variance, work)
    rest = target.yy + variance * target.prior_quadratic - reduction - quadratic
    return -0.5 * (log_det + log_det_core) + (dimension - target.n) * math.log(sigma) - 0.5 * rest / variance, rest


@kernel
def coordinates_of(coordinates, L, sigma, x):
    """x (d,) ← the coordinates of (L, σ), the inverse of ``place_coordinates``."""
    place, fit = coordinates.place, coordinates.fit
    for i in range(fit.shape[0]):
        kind, start, k = place[i, 0], place[i, 1], place[i, 2]
        if kind == LOG_SIGMA:
            x[i] = math.log(sigma + fit[i, SHIFT])
            continue
        tail = 0.0
        for b in range(k, place[i, 3], -1):
            tail += L[start + b] ** 2
        if kind == PARTIAL:
            x[i] = math.asinh(L[start + place[i, 3]] / math.sqrt(tail))
        else:
            x[i] = math.log((math.sqrt(tail) if k > 0 else L[start]) + fit[i, SHIFT])


@kernel
def has_room(coordinates, x):
    """Whether some (L, σ) has the coordinates x (d,): not where exp(x) < c, nor beyond numbers that can be squared."""
    for i in range(coordinates.fit.shape[0]):
        s = math.exp(abs(x[i])) if coordinates.place[i, 0] == PARTIAL else math.exp(x[i]) - coordinates.fit[i, SHIFT]
        if not (s > 1e-150 and s < 1e150):
            return False
    return True


@kernel
def place_coordinates(coordinates, x, L, sigma):
    """L, in place, and σ, returned, ← what has the coordinates x (d,), of which ``has_room`` is true; what is not among them stays.

    Coordinates of one row follow each other. A row of which x has only some takes the others from L.
    """
    place, fit, i = coordinates.place, coordinates.fit, 0
    while i < fit.shape[0]:
        start, k, first = place[i, 1], place[i, 2], min(i, fit.shape[0])  # of i alone Numba would keep that it begins at 0
        if place[i, 0] == LOG_SIGMA:
            sigma = math.exp(x[i]) - fit[i, SHIFT]
            i += 1
            continue
        squares = L[start + k] ** 2
        for b in range(k):
            squares += L[start + b] ** 2
        sd = math.sqrt(squares)
        while i < fit.shape[0] and place[i, 0] != LOG_SIGMA and place[i, 1] == start:
            if place[i, 0] == SD:
                sd = math.exp(x[i]) - fit[i, SHIFT]
            i += 1
        _place_row(place, x, first, i, start, k, sd, L)
    return sigma


@kernel
def _place_row(place, x, first, last, start, k, sd, L):
    """The row of L at ``start`` ← sd times a unit vector: the tangents sinh x of coordinates ``first`` to ``last``, others as they are."""
    before, now, from_end = L[start + k] ** 2, 1.0, last - 1
    L[start + k] = 1.0
    if from_end >= first and place[from_end, 0] == SD:
        from_end -= 1
    for b in range(k - 1, -1, -1):
        old = L[start + b]
        tangent = old / math.sqrt(before)
        before += old * old
        if from_end >= first and place[from_end, 3] == b:
            tangent = math.sinh(x[from_end])
            from_end -= 1
        L[start + b] = tangent * math.sqrt(now)
        now += L[start + b] ** 2
    ratio = sd / math.sqrt(now) if k > 0 else sd
    for b in range(k + 1):
        L[start + b] *= ratio


@kernel
def log_jacobian(coordinates, L, sigma):
    """log |∂(L, σ)/∂x| at (L, σ) of rows that have a coordinate, up to what does not move; −inf outside the bounds of sds.

    Row k has Π_b dL_kb = s^k ds dω, and s^k falls out: (s + c) Π_{b=1}^{k} √(Σ_{i≥b} L_ki²).
    """
    place, fit, value, last = coordinates.place, coordinates.fit, 0.0, -1
    for i in range(fit.shape[0]):
        kind, start, k = place[i, 0], place[i, 1], place[i, 2]
        if kind == LOG_SIGMA:
            if not (sigma > 1e-150 and sigma < 1e150):
                return -np.inf
            value += math.log(sigma + fit[i, SHIFT])
            continue
        if not (L[start + k] > 1e-150 and L[start + k] < 1e150):
            return -np.inf
        tail = L[start + k] ** 2
        for b in range(k - 1, -1, -1):
            if start != last:
                value += 0.5 * math.log(tail)
            tail += L[start + b] ** 2
        last = start
        if kind == SD:
            s = math.sqrt(tail) if k > 0 else L[start]
            if not s < 1e150:
                return -np.inf
            value += math.log(s + fit[i, SHIFT])
    return value


@kernel
def log_target(coordinates, priors, layout, gram, target, work, L, sigma):
    """(log density of the coordinates at (L, σ), residual quadratic form). Leaves the factorisation in ``work``.

    The Jacobian is that at L and σ, not at the x they came from: the same (L, σ) has the same bits, however a chain got there.
    """
    value, d = log_jacobian(coordinates, L, sigma), coordinates.fit.shape[0]
    if d > 0 and coordinates.place[d - 1, 0] == LOG_SIGMA and value > -np.inf:
        value += log_scale_prior(priors.scale[0, 0], priors.scale[0, 1], priors.scale[0, 2], sigma)
    if not value > -np.inf:
        return -np.inf, 0.0
    value += log_covariance_priors(layout.term, priors.sd, priors.cov, L, work.small[5])
    if not value > -np.inf:
        return -np.inf, 0.0
    rest = 0.0
    if target.core_only:
        factor_roots(layout, L, work)  # the unit's own share is a constant here
        log_det_core, quadratic = factor_core(layout, sigma * sigma, work)
        value += -0.5 * log_det_core + 0.5 * quadratic / (sigma * sigma)
    else:
        marginal, rest = log_marginal(layout, gram, target, work, L, sigma)
        value += marginal
    if not (value > -np.inf and value < np.inf):
        return -np.inf, rest
    return value, rest


@kernel
def log_hyper(coordinates, x, priors, layout, gram, target, work, L, sigma):
    """``log_target`` at coordinates x (d,): (value, σ, residual quadratic form). Leaves Σ's factors in L, if x has room."""
    if not has_room(coordinates, x):
        return -np.inf, sigma, 0.0
    sigma = place_coordinates(coordinates, x, L, sigma)
    if sigma * sigma < DIGITS * target.yy:
        return -np.inf, sigma, 0.0
    value, rest = log_target(coordinates, priors, layout, gram, target, work, L, sigma)
    return value, sigma, rest


@kernel
def log_width(coordinates, x, i):
    """How wide coordinate i, a partial correlation, is where the sds are those of x (d,), in logs: little is known of the correlations of a
    column whose sd is near 0."""
    fit, widening, total = coordinates.fit, coordinates.widening, 0.0
    for j in range(fit.shape[0]):
        total += widening[i, j] * (x[j] - fit[j, MEAN])
    return min(max(total, -MOST_WIDENING), MOST_WIDENING)


@kernel
def widen(coordinates, y, sign):
    """y (d,) ← with every partial correlation's distance from its mean times its width (sign 1.0), or over it (−1.0)."""
    place, fit = coordinates.place, coordinates.fit
    for i in range(fit.shape[0]):
        if place[i, 0] == PARTIAL:
            y[i] = fit[i, MEAN] + (y[i] - fit[i, MEAN]) * math.exp(sign * log_width(coordinates, y, i))


@kernel
def log_t_density(coordinates, x, z):
    """(log density of the fitted law at x, squared distance): x is y widened, y a t around the mean; z ← root⁻¹(y − mean)."""
    place, fit, root = coordinates.place, coordinates.fit, coordinates.root
    d = root.shape[0]
    distance, log_widths = 0.0, 0.0
    for a in range(d):
        s = x[a] - fit[a, MEAN]
        if place[a, 0] == PARTIAL:
            log_width_here = log_width(coordinates, x, a)
            log_widths += log_width_here
            s *= math.exp(-log_width_here)
        for k in range(a):
            s -= root[a, k] * z[k]
        z[a] = s / root[a, a]
        distance += z[a] * z[a]
    return -0.5 * (T_DF + d) * math.log1p(distance / T_DF) - log_widths, distance


@kernel
def plain_share(coordinates):
    """The share of independent proposals that are from the t of a plain."""
    return coordinates.plain_fit[0, SHIFT] if coordinates.plain_fit.shape[0] > 0 else 0.0


@parts
def of_plain(coordinates):
    """``coordinates`` with the t of the plain in the place of the other."""
    fit, root = coordinates.plain_fit, coordinates.plain_root
    return Coordinates(coordinates.place, fit, root, coordinates.widening, fit, root)


@parts
def no_coordinates(of):
    """Variances that stay."""
    return Coordinates(of.place[:0], of.fit[:0], of.root[:0], of.widening[:0], of.plain_fit[:0], of.plain_root[:0])


@kernel
def log_proposed(coordinates, x, z):
    """Log density at x, up to a constant, of what independent proposals are from: the fitted t, or its mixture with that of a plain, where
    there is no partial correlation; z (d,) is scratch."""
    value, _ = log_t_density(coordinates, x, z)
    share = plain_share(coordinates)
    if not share > 0.0:
        return value
    other, _ = log_t_density(of_plain(coordinates), x, z)
    value, other = value + math.log1p(-share), other + math.log(share)
    for a in range(coordinates.root.shape[0]):
        value -= math.log(coordinates.root[a, a])
        other -= math.log(coordinates.plain_root[a, a])
    return max(value, other) + math.log1p(math.exp(-abs(value - other)))


@kernel
def scaled_noise(rng, root, spread, z, direction):
    """direction (d,) ← spread · root · noise; z (d,) ← the noise."""
    d = root.shape[0]
    for a in range(d):
        z[a] = rng.standard_normal()
    for a in range(d):
        s = 0.0
        for k in range(a + 1):
            s += root[a, k] * z[k]
        direction[a] = spread * s


@kernel
def copy_factorisation(back, work, L):
    """work.saved ← what a draw of the location needs of the factorisation (roots, V, vh, field, R), and L; ``back``: these ← it."""
    at, saved, R = 0, work.saved, work.R
    for array in (work.roots, work.V, work.vh, work.field, L):
        for k in range(array.size):
            if back:
                array[k] = saved[at + k]
            else:
                saved[at + k] = array[k]
        at += array.size
    pc = R.shape[0]
    for a in range(pc):
        for b in range(pc + 1):
            if back:
                R[a, b] = saved[at + b]
            else:
                saved[at + b] = R[a, b]
        at += pc + 1


@lazy(types.Tuple((types.boolean, types.float64, types.float64, types.float64)), together=True)
def draw_hyper(rng, move, learn, coordinates, count, priors, layout, gram, target, work, L, sigma):
    """Move the coordinates by ``move``: SLICES of each in turn, one generalised ELLIPTICAL slice of all, or one INDEPENDENT proposal
    from the fitted t (Metropolis-Hastings). Returns (ok, σ, rest, log target).

    L is changed in place, and the factorisation left behind is that of the new point. ``learn`` lets the widths follow the moves
    (warm-up only). ok is False when the current point has no density. ``count`` (1,) COUNT.
    """
    d, x, trial = coordinates.fit.shape[0], work.points[0], work.points[1]
    coordinates_of(coordinates, L, sigma, x)
    for i in range(d):
        trial[i] = x[i]
    value, rest = target.known, 0.0
    if not value == value:  # it is not counted: where it is known depends on the length of a chunk
        value, rest = log_target(coordinates, priors, layout, gram, target, work, L, sigma)
    if d == 0 or not value > -np.inf:
        return value > -np.inf, sigma, rest, value
    if move == SLICES:
        return _draw_by_slices(rng, learn, coordinates, count, priors, layout, gram, target, work, L, sigma, value)
    if move == ELLIPTICAL:
        return _draw_by_ellipse(rng, coordinates, count, priors, layout, gram, target, work, L, sigma, value)
    return _draw_independently(rng, coordinates, count, priors, layout, gram, target, work, L, sigma, value, rest)


@inlined
def _draw_by_slices(rng, learn, coordinates, count, priors, layout, gram, target, work, L, sigma, value):
    """Each coordinate in turn: stepping out and shrinkage (Neal 2003), ``value`` the log target at the current point."""
    fit, x, trial, rest = coordinates.fit, work.points[0], work.points[1], 0.0
    for i in range(fit.shape[0]):
        log_y = value - rng.standard_exponential()
        low = x[i] - fit[i, SLICE_WIDTH] * rng.random()
        high = low + fit[i, SLICE_WIDTH]
        for side in range(2):
            step = fit[i, SLICE_WIDTH] * (2 * side - 1)
            for tries in range(30):
                trial[i] = high if side else low
                value, _, _ = log_hyper(coordinates, trial, priors, layout, gram, target, work, L, sigma)
                count[0].evaluations += 1
                if not value > log_y or tries == 29:
                    break
                if side:
                    high += step
                else:
                    low += step
        for tries in range(200):
            trial[i] = low + (high - low) * rng.random() if tries < 199 else x[i]
            value, now, rest = log_hyper(coordinates, trial, priors, layout, gram, target, work, L, sigma)
            count[0].evaluations += 1
            if value > log_y or tries == 199:
                sigma = now
                break
            if trial[i] < x[i]:
                low = trial[i]
            else:
                high = trial[i]
        if learn:
            moved, width = 3.0 * abs(trial[i] - x[i]), fit[i, SLICE_WIDTH]
            fit[i, SLICE_WIDTH] = 0.9 * width + 0.1 * min(max(moved, 1e-3 * width), 10.0 * width)
        x[i] = trial[i]
    return True, sigma, rest, value


@inlined
def _draw_by_ellipse(rng, coordinates, count, priors, layout, gram, target, work, L, sigma, value):
    """One generalised elliptical slice (Nishihara, Murray & Adams 2014) of all coordinates."""
    fit, x, trial, direction, z = coordinates.fit, work.points[0], work.points[1], work.points[2], work.points[3]
    d, rest = fit.shape[0], 0.0
    log_t, distance = log_t_density(coordinates, x, z)
    spread = math.sqrt(0.5 * (T_DF + distance) / rng.standard_gamma(0.5 * (T_DF + d)))
    scaled_noise(rng, coordinates.root, spread, z, direction)
    log_y = value - log_t - rng.standard_exponential()
    angle = 2.0 * math.pi * rng.random()
    low, high = angle - 2.0 * math.pi, angle
    widen(coordinates, x, -1.0)
    for tries in range(201):
        cos, sin = math.cos(angle), math.sin(angle)
        for a in range(d):
            trial[a] = fit[a, MEAN] + (x[a] - fit[a, MEAN]) * cos + direction[a] * sin
        widen(coordinates, trial, 1.0)
        value, now, rest = log_hyper(coordinates, trial, priors, layout, gram, target, work, L, sigma)
        count[0].evaluations += 1
        log_t, _ = log_t_density(coordinates, trial, z)
        if value - log_t > log_y or tries == 200:
            sigma = now
            break
        if angle < 0.0:
            low = angle
        else:
            high = angle
        angle = low + (high - low) * rng.random() if tries < 199 else 0.0
    return True, sigma, rest, value


@inlined
def _draw_independently(rng, coordinates, count, priors, layout, gram, target, work, L, sigma, value, rest):
    """One proposal from ``log_proposed``; what is rejected gives way to the factorisation put by."""
    x, trial, direction, z = work.points[0], work.points[1], work.points[2], work.points[3]
    d, back = coordinates.fit.shape[0], value != value  # False, and True below: as literals they would be compiled as versions of their own
    share, of = plain_share(coordinates), coordinates
    if share > 0.0 and rng.random() < share:
        of = of_plain(coordinates)
    log_t = log_proposed(coordinates, x, z)
    copy_factorisation(back, work, L)
    scaled_noise(rng, of.root, math.sqrt(0.5 * T_DF / rng.standard_gamma(0.5 * T_DF)), z, direction)
    log_y = value - log_t - rng.standard_exponential()
    for a in range(d):
        trial[a] = of.fit[a, MEAN] + direction[a]
    widen(of, trial, 1.0)
    proposed, now, rest_there = log_hyper(coordinates, trial, priors, layout, gram, target, work, L, sigma)
    count[0].evaluations += 1
    log_t = log_proposed(coordinates, trial, z)
    if proposed - log_t > log_y:
        return True, now, rest_there, proposed
    back = not back
    copy_factorisation(back, work, L)
    count[0].rejected += 1
    return True, sigma, rest, value

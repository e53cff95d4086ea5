"""The law that warm-up fits to the variances, for the moves of all of them at once (``kernels/hyper.py``): a multivariate t of their
coordinates, in which a partial correlation is the wider, or narrower, by what the two sds are."""

from __future__ import annotations

from collections.abc import Set

import numpy as np

from gibbs.kernels import hyper as kh
from gibbs.kernels import layout as kl
from gibbs.kernels.field_degrees import BYM2
from gibbs.kernels.neighbours import IN_PARTS
from gibbs.kernels.priors import FIXED, INVERSE_GAMMA
from gibbs.sampling.pack import Packed

SHIFTS = np.exp(np.linspace(np.log(0.25), np.log(8.0), 16))
"""c of log(s + c) over the sd of the draws of s, of which the one that leaves the least skewness is taken. Over ten models (six seeds each)
the least effective draws a sweep were 0.520 on average; with skewnesses of 0.2 and 0.4 aimed at, 0.505 and 0.489."""

PLAIN = -1.0
"""Skewness of log s, of a sd with an inverse-gamma prior, below which it has a plain towards 0 that no t is like: slices of each sd in
turn go there and back (Dyes, 8,000 draws, two seeds: 0.33 and 0.44 effective draws a sweep, where the t had 0.09 and 0.18), and so do
proposals from two t."""

NEAR, SLICED_EVERY = 4.5, 32.0
"""A sd is near 0 where its mean is so few of its standard deviations; then all variances are sliced in every so many sweeps. Hsb82, 8,000
draws, seeds 1 to 12: least effective draws 75, 926 and 1,173 to 3,914 without, where chains stay in the corner of a small sd and a
correlation near −1 for some hundred sweeps, 1,688, 1,810 and 1,989 to 4,460 with them; a sweep takes 18.0 instead of 15.4 µs. Second-order
chains could slice one variance at random only, which is no gain: counts of three levels, 12 seeds, 96 to 1,270 without and 239 to 950 with
one in every eighth sweep, 549 and 442 a second in the geometric mean."""

EXPECTATIONS = 30
"""Steps of expectation and maximisation to which these are fitted."""

OFTENER, PLAIN_WIDER = 0.15, 1.2
"""Part of the other's proposals that the t of a plain is given, and how much wider than its few draws it is: where warm-up saw too little
of the plain, chains stay there (Dyes, seeds 13 to 36, 8,000 draws: least effective draws 1,442 with neither and 2,478 with both, in the
geometric mean 110,155 and 164,147 a second; parts of 0.1 and 0.3 had nine tenths and eight tenths of that of 0.2, seeds 1 to 12)."""

LEAST_SHIFT = 1e-3
"""Least c over the mean of the draws."""

LEAST_DRAWS, WIDER = 20, 1.2
"""Draws of warm-up that a fit of (logit rho, log sd, log sigma) takes at least, and how much wider than they it is."""

CAUTION = 10.0
"""Draws that say that a sd does not widen a correlation, beside those of the chain."""


def fit_move(coordinates: kl.Coordinates, L: np.ndarray, sigma: np.ndarray, logs: Set[tuple[int, int]] = frozenset()) -> bool:
    """Fit the law of the elliptical and independent moves to draws of the Cholesky factors L (S, …) and σ (S,); ``logs``: ``in_logs``.

    Mutates all but places. Returns whether it is like the draws: where a sd has a plain towards 0, whether two t are.
    """
    plain, steepest = -1, PLAIN
    coordinates.plain_fit[:] = 0.0
    place, fit, S = coordinates.place.tolist(), coordinates.fit, L.shape[0]
    x = np.empty((S, len(place)))
    for i, (kind, start, k, b) in enumerate(place):
        if kind == kh.PARTIAL:
            x[:, i] = np.arcsinh(L[:, start + b] / np.sqrt(np.sum(L[:, start + b + 1 : start + k + 1] ** 2, axis=1)))
        else:
            values = sigma if kind == kh.LOG_SIGMA else np.sqrt(np.sum(L[:, start : start + k + 1] ** 2, axis=1)) if k else L[:, start]
            fit[i, kh.SHIFT] = LEAST_SHIFT * np.mean(values) if (kind, start) in logs else _shift(values)
            x[:, i] = np.log(values + fit[i, kh.SHIFT])
            skewness = float(np.mean((x[:, i] - x[:, i].mean()) ** 3)) / max(float(x[:, i].std()), 1e-100) ** 3
            if (kind, start) in logs and skewness <= steepest:
                plain, steepest = i, skewness
    fit[:, kh.MEAN] = x.mean(axis=0)
    coordinates.widening[:] = 0.0
    y = x - fit[:, kh.MEAN]
    for i, (kind, *_) in enumerate(place):
        if kind == kh.PARTIAL:
            sds = _sds_of(place, i)
            coordinates.widening[i, sds] = _widening(x[:, sds], x[:, i])
            log_width = np.clip((x[:, sds] - fit[sds, kh.MEAN]) @ coordinates.widening[i, sds], -kh.MOST_WIDENING, kh.MOST_WIDENING)
            fit[i, kh.MEAN] = np.average(x[:, i], weights=np.exp(-log_width))
            y[:, i] = (x[:, i] - fit[i, kh.MEAN]) * np.exp(-log_width)
    coordinates.root[:, :] = _root(np.atleast_2d(np.cov(y.T)), S)
    if plain < 0:
        return True
    return bool(coordinates.plain_fit.size) and kh.PARTIAL not in coordinates.place[:, 0] and _fit_two(coordinates, x, plain)


def _root(cov: np.ndarray, size: float) -> np.ndarray:
    """The root of the scale of a t whose draws, so many, have this covariance."""
    weight = size / (size + 10.0 * len(cov))
    cov = weight * cov + (1.0 - weight) * np.diag(np.diag(cov))
    cov[np.diag_indices_from(cov)] += 1e-300 + 1e-6 * np.diag(cov)
    return np.linalg.cholesky(1.1 * cov)


def _fit_two(coordinates: kl.Coordinates, x: np.ndarray, plain: int) -> bool:
    """Two normals (expectation and maximisation) to draws x (S, d), one of the plain of coordinate ``plain``: mean and root of either, and
    the share of the latter. Returns whether both have draws enough; else nothing has changed."""
    low, high = np.quantile(x[:, plain], (0.05, 0.95))
    of_plain = (x[:, plain] < 0.5 * (low + high)).astype(float)
    for _ in range(EXPECTATIONS):
        parts = []
        for weight in (1.0 - of_plain, of_plain):
            size = float(weight.sum())
            if size < LEAST_DRAWS:
                return False
            mean = weight @ x / size
            parts.append((size, mean, np.atleast_2d(np.cov(x.T, aweights=weight, ddof=0))))
        logs = []
        for size, mean, cov in parts:
            root = _root(cov, size)
            z = np.linalg.solve(root, (x - mean).T)
            logs.append(np.log(size) - np.sum(np.log(np.diag(root))) - 0.5 * np.sum(z * z, axis=0))
        of_plain = np.exp(logs[1] - np.logaddexp(*logs))
    (_, mean, cov), (size, plain_mean, plain_cov) = parts
    coordinates.fit[:, kh.MEAN], coordinates.root[:, :] = mean, _root(cov, len(x) - size)
    coordinates.plain_fit[:, kh.MEAN], coordinates.plain_root[:, :] = plain_mean, PLAIN_WIDER * _root(plain_cov, size)
    coordinates.plain_fit[0, kh.SHIFT] = OFTENER + (1.0 - OFTENER) * size / len(x)
    return True


def has_corners(place: np.ndarray, L: np.ndarray) -> bool:
    """Whether some sd that has correlations comes near 0, by draws L (S, …): the correlations are anything there, ±1 too."""
    if kh.PARTIAL not in place[:, 0]:
        return False
    sds = [np.sqrt(np.sum(L[:, start : start + k + 1] ** 2, axis=1)) for kind, start, k, _ in place.tolist() if kind == kh.SD]
    return any(float(np.mean(sd)) < NEAR * float(np.std(sd)) for sd in sds)


def in_logs(layout: kl.Layout, priors: kl.Priors) -> set[tuple[int, int]]:
    """(kind, beginning of its row) of sds whose prior is inverse gamma: between 0 and where the data put them it is a plain of log s (Dyes
    of the BUGS examples: a seventh of the posterior), which any c but a small one makes a spike."""
    found = {(kh.LOG_SIGMA, 0)} if priors.scale.size and priors.scale[0, 0] == INVERSE_GAMMA else set()
    for t in layout.term:
        for k in range(t["width"]):
            if priors.sd[t["s0"] + k, 0] == INVERSE_GAMMA:
                found.add((kh.SD, int(t["l0"] + k * t["width"])))
    return found


def _shift(values: np.ndarray) -> float:
    """c for which the draws of log(s + c) are least skew, ``values`` (S,) those of s."""
    sd = max(float(np.std(values)), 1e-300)
    x = np.log(values[:, None] + sd * SHIFTS)
    x -= x.mean(axis=0)
    skewness = np.mean(x**3, axis=0) / np.maximum(np.mean(x**2, axis=0), 1e-100) ** 1.5
    return max(sd * float(SHIFTS[np.argmin(np.abs(skewness))]), LEAST_SHIFT * float(np.mean(values)))


def _sds_of(place: list[list[int]], i: int) -> list[int]:
    """Which coordinates are the sds of the row and of the column of partial correlation i."""
    _, start, _, b = place[i]
    row = next(j for j in range(i, len(place)) if place[j][0] == kh.SD and place[j][1] == start)
    column = next(j for j in range(i, -1, -1) if place[j][0] == kh.SD and place[j][2] == b)
    return [column, row]


def _widening(sds: np.ndarray, x: np.ndarray) -> np.ndarray:
    """γ of a normal x (S,) whose mean is linear, and whose log sd is γ's product, in the coordinates ``sds`` (S, 2): Fisher scoring."""
    sizes = np.maximum(sds.std(axis=0), 1e-300)
    A = np.column_stack([np.ones_like(x), (sds - sds.mean(axis=0)) / sizes])
    squares = (x - A @ np.linalg.lstsq(A, x, rcond=None)[0]) ** 2
    penalty = np.diag([0.0, 2.0 * CAUTION, 2.0 * CAUTION])
    information = 2.0 * A.T @ A + penalty
    g = np.array([0.5 * np.log(max(float(squares.mean()), 1e-300)), 0.0, 0.0])
    for _ in range(20):
        g += np.clip(np.linalg.solve(information, A.T @ (squares * np.exp(-2.0 * A @ g) - 1.0) - penalty @ g), -0.5, 0.5)
    return g[1:] / sizes


def fit_degrees(packed: Packed, L: np.ndarray, own: np.ndarray, sigma: np.ndarray | None, found: np.ndarray) -> None:
    """The t that (logit rho, log sd, log sigma) of every factor is proposed from, ``Tuning.own_fit``, fitted to draws L (n, …), own (n, F)
    and sigma (n,), None of a family that has none. Sigma takes part where the outcome is gaussian, its sigma drawn, and all location
    effects are out at once, with bym2 in the coordinates of ``IN_PARTS``; a factor whose sd, or rho, is given has none."""
    n, first = len(L), packed.student.size
    with_sigma = sigma is not None and packed.family == kl.GAUSSIAN and packed.units <= 1 and packed.priors.scale[0, 0] != FIXED
    for k, f in enumerate(packed.neighbours.chosen):
        terms = [t for t in packed.layout.term if t.factor == f]
        low, high = packed.neighbours.bounds[k]
        if n < LEAST_DRAWS or packed.neighbours.prior[k, 0] == FIXED or any(t.given for t in terms):
            continue
        rho, log_sd = own[:, first + k], np.log(L[:, terms[0].l0])
        parts = with_sigma and packed.neighbours.law[k] == BYM2 and (low, high) == (0.0, 1.0) and packed.layout.factor[f].width == 1
        with np.errstate(divide="ignore", invalid="ignore"):
            x = np.log((rho - low) / (high - rho))
            if parts:
                own_part = 2.0 * log_sd + np.log1p(-rho)
                points = np.stack([own_part + x, np.logaddexp(own_part, 2.0 * np.log(sigma)), own_part - 2.0 * np.log(sigma)])
            else:
                points = np.stack([x, log_sd, *([np.log(sigma)] if with_sigma else [])])
        covariance = np.cov(points)
        if not np.all(np.isfinite(covariance)) or np.any(np.diag(covariance) <= 0.0):
            continue
        d = len(points)
        root = np.zeros((3, 3))
        root[:d, :d] = WIDER * np.linalg.cholesky(covariance + 1e-6 * np.diag(np.diag(covariance)))
        means = np.zeros(3)
        means[:d] = points.mean(axis=1)
        found[first + k] = [*means, *root[np.tril_indices(3)], IN_PARTS if parts else d]

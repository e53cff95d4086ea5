"""Posterior of a few parameters by composite Gauss–Legendre quadrature on a tensor grid that finds its own extent."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre
from scipy import optimize

_STEPS = (2.0, 6.0, 18.0, 54.0, 162.0, 500.0, 1500.0)  # panel edges, in half-widths at half a log unit below the mode
_DROP = 16.0  # conditional slices are followed to this far below the mode
_NEGLIGIBLE = 22.0  # cells whose probed mass is this far (in logs) below the largest are left out
_EDGE = 1e-8  # marginal density allowed at an open end, relative to its maximum


@dataclass(frozen=True)
class Margin:
    """One parameter's posterior: mean, sd, and quantiles by probability."""

    mean: float
    sd: float
    quantiles: dict[float, float]


@dataclass(frozen=True)
class Axis:
    """One coordinate: composite rule with its panels. nodes, weights: (panels, n)."""

    edges: np.ndarray
    nodes: np.ndarray
    weights: np.ndarray

    @classmethod
    def build(cls, edges: Sequence[float], n: int) -> Axis:
        """n Gauss–Legendre nodes in each panel between neighbouring ``edges``."""
        edges = np.asarray(edges, float)
        x, w = legendre.leggauss(n)
        half, centre = 0.5 * np.diff(edges)[:, None], 0.5 * (edges[1:] + edges[:-1])[:, None]
        return cls(edges, centre + half * x, half * w)

    @property
    def points(self) -> np.ndarray:
        """All nodes, flat."""
        return self.nodes.ravel()

    def margin(
        self, mass: np.ndarray, probabilities: Sequence[float], transform: Callable[[np.ndarray], np.ndarray] | None = None
    ) -> Margin:
        """From the mass at the nodes (weights times density, summing to one); quantiles from the panels' polynomials."""
        change = transform or (lambda value: value)
        x = change(self.points)
        mean = float(mass @ x)
        sd = float(np.sqrt(mass @ (x - mean) ** 2))
        density = mass.reshape(self.nodes.shape) / self.weights
        below = np.concatenate([[0.0], np.cumsum(mass.reshape(self.nodes.shape).sum(axis=1))])
        return Margin(mean, sd, {p: float(change(self._quantile(p, density, below))) for p in probabilities})

    def _quantile(self, p: float, density: np.ndarray, below: np.ndarray) -> float:
        k = int(np.clip(np.searchsorted(below, p) - 1, 0, len(density) - 1))
        n, half = density.shape[1], 0.5 * (self.edges[k + 1] - self.edges[k])
        antiderivative = legendre.legint(legendre.legfit(legendre.leggauss(n)[0], density[k], n - 1), lbnd=-1.0)
        t = optimize.brentq(lambda t: below[k] + half * legendre.legval(t, antiderivative) - p, -1.0, 1.0)
        return float(self.edges[k] + half * (1.0 + t))


@dataclass(frozen=True)
class Grid:
    """The points that carry mass (which sums to one), the mass at the nodes of every coordinate, and log ∫ of the density."""

    axes: tuple[Axis, ...]
    points: np.ndarray  # (G, d)
    mass: np.ndarray  # (G,)
    axis_mass: tuple[np.ndarray, ...]  # the other coordinates summed out
    log_integral: float

    def margin(self, k: int, probabilities: Sequence[float], transform: Callable[[np.ndarray], np.ndarray] | None = None) -> Margin:
        """Posterior of coordinate k, or of an increasing function of it."""
        return self.axes[k].margin(self.axis_mass[k], probabilities, transform)


LogDensity = Callable[[np.ndarray], np.ndarray]  # (G, d) → (G,)
Cell = tuple[tuple[float, float], ...]


def integrate_on_grid(log_density: LogDensity, start: np.ndarray, bounds: Sequence[tuple[float, float]], nodes: int) -> Grid:
    """Lay a grid over the posterior and evaluate it.

    ``start`` (d,) is inside ``bounds`` (each may be infinite). Edges are put around the mode in units of the conditional widths,
    and panels are added until the marginal density at every open end is negligible. RuntimeError if it never is.
    """
    mode = _mode(log_density, np.asarray(start, float), bounds)
    edges = [_edges(log_density, mode, k, bounds[k]) for k in range(len(mode))]
    cache: dict[Cell, np.ndarray] = {}
    for _ in range(12):
        grid = _evaluate(log_density, [Axis.build(e, nodes) for e in edges], cache)
        extended = False
        for k, axis in enumerate(grid.axes):
            density = grid.axis_mass[k] / axis.weights.ravel()
            low, high = density[0] > _EDGE * density.max(), density[-1] > _EDGE * density.max()
            if high and edges[k][-1] < bounds[k][1]:
                edges[k] = [*edges[k], min(bounds[k][1], mode[k] + 2.0 * (edges[k][-1] - mode[k]))]
                extended = True
            if low and edges[k][0] > bounds[k][0]:
                edges[k] = [max(bounds[k][0], mode[k] - 2.0 * (mode[k] - edges[k][0])), *edges[k]]
                extended = True
        if not extended:
            return grid
    raise RuntimeError("the posterior does not fall off: is it proper?")


def _tensor(vectors: Sequence[np.ndarray]) -> np.ndarray:
    """(Π n_k, d): all combinations of the entries of ``vectors``."""
    return np.stack(np.meshgrid(*vectors, indexing="ij"), axis=-1).reshape(-1, len(vectors))


def _evaluate(log_density: LogDensity, axes: list[Axis], cache: dict[Cell, np.ndarray]) -> Grid:
    """The density at all nodes of every cell (product of panels) that may carry mass; ``cache`` holds cells evaluated before."""
    d, n = len(axes), axes[0].nodes.shape[1]
    cells = list(itertools.product(*(range(len(axis.nodes)) for axis in axes)))
    keys = [tuple((axis.edges[k], axis.edges[k + 1]) for axis, k in zip(axes, cell, strict=True)) for cell in cells]
    # two probes a side and panel say which cells are too far down to matter
    probe_at = np.array([0.1, 0.9])
    probes = [_tensor([low + probe_at * (high - low) for low, high in key]) for key in keys]
    height = log_density(np.concatenate(probes)).reshape(len(cells), 2**d).max(axis=1)
    height += np.array([np.sum(np.log([high - low for low, high in key])) for key in keys])
    alive = [i for i in range(len(cells)) if height[i] > height.max() - _NEGLIGIBLE]
    points = {i: _tensor([axis.nodes[k] for axis, k in zip(axes, cells[i], strict=True)]) for i in alive}
    new = [i for i in alive if keys[i] not in cache]
    if new:
        values = log_density(np.concatenate([points[i] for i in new])).reshape(len(new), n**d)
        cache.update((keys[i], value) for i, value in zip(new, values, strict=True))

    log_mass = {}
    for i in alive:
        weights = _tensor([axis.weights[k] for axis, k in zip(axes, cells[i], strict=True)])
        log_mass[i] = cache[keys[i]] + np.sum(np.log(weights), axis=1)
    peak = max(value.max() for value in log_mass.values())
    total = sum(np.exp(value - peak).sum() for value in log_mass.values())
    mass = {i: np.exp(value - peak) / total for i, value in log_mass.items()}
    axis_mass = [np.zeros(axis.nodes.shape) for axis in axes]
    for i in alive:
        block = mass[i].reshape((n,) * d)
        for k in range(d):
            axis_mass[k][cells[i][k]] += block.sum(axis=tuple(j for j in range(d) if j != k))
    return Grid(
        tuple(axes),
        np.concatenate([points[i] for i in alive]),
        np.concatenate([mass[i] for i in alive]),
        tuple(m.ravel() for m in axis_mass),
        float(peak + np.log(total)),
    )


def _mode(log_density: LogDensity, start: np.ndarray, bounds: Sequence[tuple[float, float]]) -> np.ndarray:
    def objective(x: np.ndarray) -> float:
        inside = all(lo < v < hi for v, (lo, hi) in zip(x, bounds, strict=True))
        value = log_density(x[None, :])[0] if inside else -np.inf
        return -value if np.isfinite(value) else 1e300

    found = start
    for _ in range(3):  # restarts: the simplex may have collapsed on a bound
        found = optimize.minimize(objective, found, method="Nelder-Mead", options={"maxiter": 400 * len(start), "xatol": 1e-4}).x
    return found


def _edges(log_density: LogDensity, mode: np.ndarray, k: int, bound: tuple[float, float]) -> list[float]:
    """Panel edges of one coordinate, from the slice through the mode."""

    def drop(value: float) -> float:
        point = mode.copy()
        point[k] = value
        return float(log_density(mode[None, :])[0] - log_density(point[None, :])[0])

    sides = []
    for direction, end in ((-1.0, bound[0]), (1.0, bound[1])):
        room = abs(end - mode[k])
        width = min(max(abs(mode[k]), 1e-3), 0.5 * room)
        while drop(mode[k] + direction * width) > 0.5:
            width *= 0.5
        while width < 0.5 * room and drop(mode[k] + direction * 2.0 * width) <= 0.5:
            width *= 2.0
        side = []
        for step in _STEPS:
            if step * width >= room:
                side.append(end)
                break
            side.append(mode[k] + direction * step * width)
            if drop(side[-1]) > _DROP:
                break
        sides.append(side)
    edges = [*reversed(sides[0]), float(mode[k]), *sides[1]]
    if edges[0] == bound[0] and edges[1] - edges[0] < 0.1 * (edges[2] - edges[1]):  # the mode is all but on the bound
        del edges[1]
    return edges

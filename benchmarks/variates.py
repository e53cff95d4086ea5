"""Nanoseconds a draw of every generator in gibbs.kernels.variates: ``python benchmarks/variates.py``.

The best of many short runs, so that other work on the machine disturbs little. The first lines are yardsticks (one normal, one
exponential function) by which figures from different machines can be compared.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
from numba import njit

from gibbs.kernels import variates

_DRAWS = 20_000
_SECONDS = 0.25  # a line


@njit(nogil=True, error_model="numpy")
def _normals(rng: np.random.Generator, out: np.ndarray) -> None:
    for i in range(out.size):
        out[i] = rng.standard_normal()


@njit(nogil=True, error_model="numpy")
def _exponentials(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(out.size):
        out[i] = math.exp(-x[i])


@njit(nogil=True, error_model="numpy")
def _numpy_gammas(rng: np.random.Generator, shape: float, out: np.ndarray) -> None:
    for i in range(out.size):
        out[i] = rng.standard_gamma(shape)


def best_nanoseconds(run: Callable[[], None], draws: int) -> float:
    """The fastest of as many runs as fit into ``_SECONDS``, after one that compiles."""
    run()
    best, stop = math.inf, time.perf_counter() + _SECONDS
    while time.perf_counter() < stop:
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best / draws * 1e9


def main() -> None:
    """Print the table."""
    rng = np.random.Generator(np.random.PCG64DXSM(1))
    out, x = np.empty(_DRAWS), rng.uniform(0, 3, _DRAWS)
    lines: list[tuple[str, Callable[[], None], int]] = [
        ("yardstick: standard_normal", lambda: _normals(rng, out), _DRAWS),
        ("yardstick: math.exp", lambda: _exponentials(x, out), _DRAWS),
    ]
    for low, high in ((-2, 2), (-2, 0), (0, 0.45), (0.45, 2), (2, 8), (8, 37)):
        a = rng.uniform(low, high, _DRAWS)
        lines.append(
            (f"truncated_normal_above, a in [{low}, {high}]", lambda a=a: variates.fill_truncated_normal_above(rng, a, out), _DRAWS)
        )
    mean = rng.standard_normal(_DRAWS)
    positive = rng.standard_normal(_DRAWS) < mean
    lines.append(("augmented_normal, probit data", lambda: variates.fill_augmented_normal(rng, mean, positive, out), _DRAWS))
    for trials in (1, 8):
        for low, high in ((0, 1), (1, 4), (4, 16), (16, 1500)):
            z, n = rng.uniform(low, high, _DRAWS // trials), np.full(_DRAWS // trials, trials)
            label = f"polya_gamma, z in [{low}, {high}]" + (f", a draw of a sum of {trials}" if trials > 1 else "")
            lines.append((label, lambda z=z, n=n: variates.fill_polya_gamma_sum(rng, n, z, out[: len(z)]), _DRAWS))
    for shape in (0.5, 2.5, 50.0):
        lines.append((f"gamma, shape {shape}", lambda shape=shape: variates.fill_gamma(rng, shape, out), _DRAWS))
        lines.append((f"  numpy's standard_gamma, shape {shape}", lambda shape=shape: _numpy_gammas(rng, shape, out), _DRAWS))
    for label, run, draws in lines:
        print(f"{label:<52s}{best_nanoseconds(run, draws):8.1f} ns")


if __name__ == "__main__":
    main()

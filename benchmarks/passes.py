"""What a sweep of crossed effects costs where levels outgrow the caches: ``python benchmarks/passes.py``. The figures of scale.md.

One pass, as a sweep makes it once a factor: pairs of levels (a, b) sorted by a, each with a count; for every a the sum of count × u_b.
Tables of u_b from 10⁴ to 10⁷ levels, in double and single precision; nanoseconds of this process a pair, the best of five.
"""

from __future__ import annotations

import time

import numpy as np
from numba import njit

PAIRS = 20_000_000
LEVELS = (10_000, 100_000, 1_000_000, 10_000_000)


@njit(nogil=True, error_model="numpy")
def sums(begin: np.ndarray, b: np.ndarray, count: np.ndarray, u: np.ndarray, out: np.ndarray) -> None:
    """out[a] = Σ count · u[b] over the pairs of level a, which are begin[a] … begin[a + 1]."""
    for a in range(out.size):
        total = 0.0
        for i in range(begin[a], begin[a + 1]):
            total += count[i] * u[b[i]]
        out[a] = total


def nanoseconds(levels: int, kind: type, pairs: int) -> float:
    """Of processor time a pair, the best of five passes."""
    rng = np.random.default_rng(levels)
    begin = np.arange(0, pairs + 1, 20)
    b, count = rng.integers(levels, size=pairs, dtype=np.int32), np.ones(pairs, dtype=np.uint8)
    u, out = rng.standard_normal(levels).astype(kind), np.empty(begin.size - 1)
    best = np.inf
    for _ in range(6):
        began = time.process_time()
        sums(begin, b, count, u, out)
        best = min(best, time.process_time() - began)
    return 1e9 * best / pairs


def main() -> None:
    print(f"| levels of b | table, MB (double) | ns a pair, double | ns a pair, single |\n|---|---|---|---|  {PAIRS:,} pairs")
    for levels in LEVELS:
        double, single = (nanoseconds(levels, kind, PAIRS) for kind in (np.float64, np.float32))
        print(f"| {levels:,} | {8 * levels / 1e6:,.1f} | {double:.2f} | {single:.2f} |", flush=True)


if __name__ == "__main__":
    main()

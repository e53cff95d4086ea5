"""Shards of rows: a pass over the rows of a second-order model in one thread and on halves in two, and what a decision costs beside it.

    python -m benchmarks.shards --rows 1e5 1e6 1e7

A pass is that of a decision of a binomial model: η of every row from four predictors and two factors, and the sum of log-likelihood less
stand-in. Seconds of the clock are told beside those of the processor: where other processes want the cores, the clock of two threads says
little, and the processor's time of each half still tells whether they are in each other's way (memory, caches). A decision is handed to
threads that wait for it, and to the workers of a local Dask cluster; what comes back is one number a shard.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numba
import numpy as np

COLUMNS, LEVELS = 4, (40, 12)


@numba.njit(nogil=True, cache=True, fastmath=False)
def gap(first, last, X, level, y, stand_in, core, u):
    """Σ over rows ``first`` … ``last`` of log p(y | η) less its quadratic stand-in; X (p, N), level (N, 2), stand_in (2, N)."""
    total = 0.0
    for i in range(first, last):
        eta = u[0, level[i, 0]] + u[1, level[i, 1]]
        for a in range(X.shape[0]):
            eta += core[a] * X[a, i]
        total += y[i] * eta - np.log1p(np.exp(-abs(eta))) - max(eta, 0.0) - eta * (stand_in[0, i] - 0.5 * stand_in[1, i] * eta)
    return total


def data(rows: int) -> tuple[np.ndarray, ...]:
    """Rows of a logit model, about 70 bytes each."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((COLUMNS, rows))
    level = np.stack([rng.integers(0, J, rows) for J in LEVELS], axis=1).astype(np.int32)
    y, stand_in = (rng.random(rows) < 0.4).astype(float), rng.random((2, rows))
    return X, level, y, stand_in, rng.standard_normal(COLUMNS), 0.3 * rng.standard_normal((2, max(LEVELS)))


def timed(first: int, last: int, arrays: tuple[np.ndarray, ...]) -> tuple[float, float]:
    """(the sum, seconds of this thread's processor)"""
    began = time.thread_time()
    return gap(first, last, *arrays), time.thread_time() - began


def repeated(do: Callable[[], object], times: int) -> list[float]:
    """Seconds of the clock of every repeat."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        do()
        found.append(time.perf_counter() - began)
    return found


def passes(rows: int, times: int, pool: ThreadPoolExecutor) -> dict[str, float]:
    """Least and median seconds of a pass, in one thread and in two."""
    arrays, half = data(rows), rows // 2
    gap(0, 10, *arrays)
    own: dict[str, list[float]] = {"one": [], "halves": []}

    def one() -> None:
        own["one"].append(timed(0, rows, arrays)[1])

    def two() -> None:
        parts = list(pool.map(lambda ends: timed(*ends, arrays), ((0, half), (half, rows))))
        own["halves"].append(max(seconds for _, seconds in parts))

    clock = {"one": [], "halves": []}
    for _ in range(times):  # in turn, so that both meet the same others
        clock["one"] += repeated(one, 1)
        clock["halves"] += repeated(two, 1)
    found = {f"clock, {name}": min(values) for name, values in clock.items()}
    return found | {f"processor, {name}": float(np.median(values)) for name, values in own.items()}


def decisions(times: int, pool: ThreadPoolExecutor) -> dict[str, float]:
    """Median seconds from handing two shards of no rows out to having their sums."""
    arrays = data(10)
    work = partial(timed, 0, 0, arrays)
    found = {"threads": float(np.median(repeated(lambda: [f.result() for f in [pool.submit(work) for _ in range(2)]], times)))}
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        return found
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        shards = client.scatter([arrays, arrays])

        def on_dask() -> None:
            client.gather([client.submit(gap, 0, 0, *arrays, pure=False, workers=[w]) for w in client.scheduler_info()["workers"]])

        del shards
        repeated(on_dask, 5)
        found["dask"] = float(np.median(repeated(on_dask, max(times // 10, 20))))
    return found


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", type=float, default=[1e5, 1e6, 1e7])
    parser.add_argument("--times", type=int, default=15)
    asked = parser.parse_args(given)
    print("| rows | clock, one | clock, halves | processor, one | processor, larger half | ns a row |\n|---|---|---|---|---|---|")
    with ThreadPoolExecutor(2) as pool:
        for rows in map(int, asked.rows):
            f = passes(rows, asked.times, pool)
            each = [f[k] for k in ("clock, one", "clock, halves", "processor, one", "processor, halves")]
            print(f"| {rows:.0e} | {' | '.join(f'{1e3 * v:.2f} ms' for v in each)} | {1e9 * each[2] / rows:.1f} |", flush=True)
        cost = decisions(500, pool)
    print("\na decision beside its passes: " + ", ".join(f"{name} {1e6 * value:,.0f} µs" for name, value in cost.items()))
    load = ", ".join(f"{v:.1f}" for v in os.getloadavg())
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {load}")


if __name__ == "__main__":
    main()

"""Memory: what ``gibbs check`` says a run will need at its peak, and what it needs.

    python benchmarks/memory.py [--loads rows,predictors] [--families gaussian,logit] > benchmarks/memory.md

Each load is simulated to a CSV file in a temporary folder, checked, and run by the command line, each in a process of its own whose largest
resident size the operating system reports. Compiled code is read from the cache; but the load "first run" has a cache of its own, empty.
Prints a page with a table; exit code 1 where a prediction is more than 30 % off.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from gibbs import __version__

LOADS: dict[str, tuple[int, int, int, int, str]] = {
    "small": (2_000, 2, 50, 0, "draws: 1000"),
    "first run": (2_000, 2, 50, 0, "draws: 1000"),
    "rows": (1_000_000, 3, 1_000, 0, "draws: 500"),
    "predictors": (20_000, 200, 100, 0, "draws: 500"),
    "fixed factor": (30_000, 1, 50, 300, "draws: 500"),
    "levels, summarised": (400_000, 1, 200_000, 0, "draws: 100"),
    "levels, stored": (400_000, 1, 200_000, 0, "draws: 100"),
    "a fifth of the levels, summarised, 4,000 draws": (80_000, 1, 40_000, 0, "draws: 4000"),
    "levels, summarised, 4,000 draws": (400_000, 1, 200_000, 0, "draws: 4000"),
}
"""Name → rows, predictors, levels, levels of a fixed factor, length. Names are given on the command line without their commas."""
LONG = [name for name in LOADS if "4,000" in name]
_UNITS = {"GB": 1e9, "MB": 1e6, "kB": 1e3}


def simulate(folder: Path, load: str, family: str) -> Path:
    """The spec of a load, with its data beside it."""
    rows, predictors, levels, fixed, length = LOADS[load]
    rng = np.random.default_rng([7, rows, predictors])
    data = {f"x{k}": rng.standard_normal(rows).round(3) for k in range(predictors)}
    g = rng.integers(0, levels, rows)
    eta = 0.3 * data["x0"] + 0.5 * rng.standard_normal(levels)[g]
    terms = " + ".join(data)
    data["g"] = g
    if fixed:
        data["a"], terms = rng.integers(0, fixed, rows), f"{terms} + factor(a)"
    data["y"] = (
        (eta + rng.standard_normal(rows)).round(4)
        if family == "gaussian"
        else rng.poisson(np.exp(eta))
        if family == "poisson"
        else (rng.random(rows) < 1.0 / (1.0 + np.exp(-eta))).astype(int)
    )
    pd.DataFrame(data).to_csv(folder / "data.csv", index=False)
    keep = "none" if "summarised" in load else "all"
    (folder / "model.yaml").write_text(
        f"data: data.csv\nfamily: {family}\nformula: y ~ {terms} + (1 | g)\nkeep: {keep}\n"
        f"sampling: {{chains: 4, seed: 1, warmup: 50, {length}}}\n",
        encoding="utf-8",
    )
    return folder / "model.yaml"


def peak(*command: str, folder: Path, cache: str | None = None) -> tuple[int, str, float]:
    """(largest resident size in bytes, standard output, seconds of processors) of a process."""
    environment = {**os.environ, **({"NUMBA_CACHE_DIR": cache} if cache else {})}
    with open(folder / "out", "w+", encoding="utf-8") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "gibbs", *command], cwd=folder, stdout=out, stderr=subprocess.DEVNULL, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        if os.waitstatus_to_exitcode(status) not in (0, 1):  # 1: not converged, which 50 sweeps of warm-up may not be
            raise RuntimeError(f"gibbs {' '.join(command)}: exit code {os.waitstatus_to_exitcode(status)}")
        out.seek(0)
        return 1024 * usage.ru_maxrss, out.read(), usage.ru_utime + usage.ru_stime


def measured(load: str, family: str) -> tuple[float, int, float]:
    """(bytes that ``gibbs check`` says, bytes that ``gibbs run`` took at its peak, its seconds of processors)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec, cache = simulate(folder, load, family), name if load == "first run" else None
        said = peak("check", str(spec), folder=folder, cache=cache)[1]
        number, unit = re.search(r"at the peak about ([\d.]+) (\wB)", " ".join(said.split())).groups()
        found, _, seconds = peak("run", str(spec), "--quiet", folder=folder, cache=cache)
    return float(number) * _UNITS[unit], found, seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    short = {name.replace(",", ""): name for name in LOADS}
    parser.add_argument("--loads", default=",".join(short))
    parser.add_argument("--families", default="gaussian,logit,poisson")
    options = parser.parse_args()
    wrong = 0
    print("# Memory at the peak: predicted by `gibbs check`, and taken by `gibbs run`\n")
    print(f"`python benchmarks/memory.py`, gibbs {__version__}, {datetime.now(UTC):%Y-%m-%d}. Four chains; 50 sweeps of warm-up, and the")
    print("draws of `LOADS`. CPU seconds are those of the whole run, files written.\n")
    print("| load | family | predicted | peak | ratio | CPU seconds |\n|---|---|---|---|---|---|")
    for load in (short[name] for name in options.loads.split(",")):
        for family in options.families.split(","):
            if load in LONG and family != "gaussian":
                continue
            predicted, found, seconds = measured(load, family)
            wrong += not 1 / 1.3 < predicted / found < 1.3
            words = f"{predicted / 1e6:,.0f} MB | {found / 1e6:,.0f} MB | {predicted / found:.2f} | {seconds:,.0f} |"
            print(f"| {load} | {family} | {words}", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())

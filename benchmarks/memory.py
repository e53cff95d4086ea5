"""Memory: what ``gibbs check`` says a run will need at its peak, and what it needs.

    python benchmarks/memory.py [--loads rows,predictors] [--families gaussian,logit]

Each load is simulated to a CSV file in a temporary folder, checked, and run by the command line, each in a process of its own whose largest
resident size the operating system reports. Compiled code is read from the cache; its first use takes up to 400 MB more.
Prints a Markdown table; exit code 1 where a prediction is more than 30 % off.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

LOADS: dict[str, tuple[int, int, int, int, str]] = {
    "small": (2_000, 2, 50, 0, "draws: 1000"),
    "rows": (1_000_000, 3, 1_000, 0, "draws: 500"),
    "predictors": (20_000, 200, 100, 0, "draws: 500"),
    "fixed factor": (30_000, 1, 50, 300, "draws: 500"),
    "levels, summarised": (400_000, 1, 200_000, 0, "draws: 100"),
    "levels, stored": (400_000, 1, 200_000, 0, "draws: 100"),
}
"""Name → rows, predictors, levels, levels of a fixed factor, length."""
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


def peak(*command: str, folder: Path) -> tuple[int, str, float]:
    """(largest resident size in bytes, standard output, seconds) of a process."""
    began = time.perf_counter()
    with open(folder / "out", "w+", encoding="utf-8") as out:
        process = subprocess.Popen([sys.executable, "-m", "gibbs", *command], cwd=folder, stdout=out, stderr=subprocess.DEVNULL)
        usage = os.wait4(process.pid, 0)[2]
        out.seek(0)
        return 1024 * usage.ru_maxrss, out.read(), time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--loads", default=",".join(name.replace(", ", "-") for name in LOADS))
    parser.add_argument("--families", default="gaussian,logit,poisson")
    options = parser.parse_args()
    wrong = 0
    print("| load | family | predicted | peak | ratio | seconds |\n|---|---|---|---|---|---|")
    for load in (name.replace("-", ", ") for name in options.loads.split(",")):
        for family in options.families.split(","):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                spec = simulate(folder, load, family)
                said = peak("check", str(spec), folder=folder)[1]
                number, unit = re.search(r"at the peak about ([\d.]+) (\wB)", " ".join(said.split())).groups()
                predicted = float(number) * _UNITS[unit]
                found, _, seconds = peak("run", str(spec), "--quiet", folder=folder)
            wrong += not 1 / 1.3 < predicted / found < 1.3
            print(
                f"| {load} | {family} | {predicted / 1e6:,.0f} MB | {found / 1e6:,.0f} MB | {predicted / found:.2f} | {seconds:.0f} |",
                flush=True,
            )
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())

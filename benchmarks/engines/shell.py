"""``gibbs run`` from the shell, four chains on two cores with the default lengths: a run to precision, from the command to written results.

Its seconds are those that pass, all of them as ``sampling``, for that is what a person waits for; set-up, warm-up and writing are in them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.engines.problem import Problem
from benchmarks.engines.record import Found


def run(job: dict[str, Any], problem: Problem) -> Found:
    """Draws as the run's folder has them."""
    spec = Path(problem.folder / "spec.yaml")
    spec.write_text(yaml.safe_dump({"data": str(problem.folder / "table.parquet"), **problem.about["spec"]}), encoding="utf-8")
    out = problem.folder / f"run-{job['seed']}-{time.time_ns()}"
    began = time.perf_counter()
    command = [sys.executable, "-m", "gibbs", "run", str(spec), "--out", str(out), "--seed", str(job["seed"]), "--cores", "2", "--quiet"]
    code = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if code.returncode not in (0, 1):
        raise RuntimeError(code.stderr.strip().splitlines()[-1] if code.stderr.strip() else f"exit {code.returncode}")
    import gibbs
    from gibbs.posterior import parameters

    fit = gibbs.load(out)
    names = list(parameters.all_names(fit.arrays, fit.outline, ranef=not fit.arrays.streamed))
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    note = "seconds are those that pass, from the shell to written results, 4 chains on 2 cores"
    return Found(
        names=names,
        draws=np.asarray(parameters.stack(fit.arrays, ranef=not fit.arrays.streamed)),
        sampling=seconds,
        note=note if code.returncode == 0 else f"{note}; exit code 1",
        more={"timings": manifest["timings"], "whole": True},
    )

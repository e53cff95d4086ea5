"""The process of an engine in Python: ``python -m benchmarks.engines.worker FOLDER`` reads a job, runs its adaptor, writes what it found.

The folder's files are those of ``benchmarks.engines.record``. An error ends the process with 1 and its words on standard error.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from benchmarks.engines import registry
from benchmarks.engines.problem import Problem
from benchmarks.engines.record import Found, Refused


def write(folder: Path, found: Found) -> None:
    """The files of a job that ended well."""
    import numpy as np

    if found.draws is not None:
        np.save(folder / "draws.npy", found.draws)
        (folder / "names.json").write_text(json.dumps(found.names), encoding="utf-8")
    else:
        (folder / "estimates.json").write_text(json.dumps(found.estimates), encoding="utf-8")
    seconds = {stage: getattr(found, stage) for stage in ("setup", "compile", "warmup", "sampling")}
    (folder / "found.json").write_text(json.dumps({**seconds, "note": found.note, "priors": found.priors, **found.more}), encoding="utf-8")


def main(folder: Path) -> None:
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    engine = registry.ENGINES[job["engine"]]
    adaptor = importlib.import_module(f"benchmarks.engines.{engine.module}")
    try:
        write(folder, adaptor.run(job, Problem(job["problem"])))
    except Refused as reason:
        (folder / "refused.txt").write_text(str(reason), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

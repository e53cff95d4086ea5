"""This package: ``gibbs.fit`` with the problem's own table, formula and priors, and a fixed length."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np

from benchmarks.engines.problem import Problem
from benchmarks.engines.record import Clock, Found, Refused


def run(job: dict[str, Any], problem: Problem) -> Found:
    """Draws of every parameter; of factors whose draws are not stored the least effective size, as the run has it."""
    clock, began = Clock(), time.perf_counter()
    import gibbs
    from gibbs.errors import GibbsError
    from gibbs.posterior import parameters

    imported = time.perf_counter()
    scheme = job["settings"].get("scheme", "auto")
    chains = job.get("chains", 1)
    length = {"chains": chains, "cores": 1, "warmup": job["warmup"], "draws": job["draws"]}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            keys = {**problem.about["spec"], **length, "seed": job["seed"], "scheme": scheme}
            fit = gibbs.fit(keys.pop("formula"), problem.folder / "table.parquet", progress=False, **keys)
    except GibbsError as error:
        if "scheme" in str(error):
            raise Refused(str(error)) from None
        raise
    used, arrays = clock.lap(), fit.arrays
    more: dict[str, Any] = {"plan": scheme, "sweeps": int(arrays.beta.shape[1]), "cells": int(arrays.info.get("cells", 0))}
    if arrays.streamed:
        sizes = np.concatenate([np.ravel(s.ess) for s in arrays.streamed.values()])
        more |= {"ess_not_stored": float(np.nanmin(sizes)), "not_stored": int(sizes.size)}
    # the sampler times its stages by the clock on the wall: what the processor gave to all of them is shared out in proportion
    stages = {
        "setup": imported - began + fit.timings.get("read", 0.0) + fit.timings.get("design", 0.0),
        "compile": fit.timings.get("compile", 0.0),
        "warmup": float(sum(arrays.seconds_warmup)),
        "sampling": float(sum(arrays.seconds_sampling)),
    }
    share = min(1.0, used / sum(stages.values()))
    return Found(
        names=list(parameters.all_names(arrays, fit.outline, ranef=not arrays.streamed)),
        draws=parameters.stack(arrays, ranef=not arrays.streamed),
        **{stage: share * seconds for stage, seconds in stages.items()},
        note="" if not arrays.stopped else f"stopped: {arrays.stopped}",
        more=more,
    )

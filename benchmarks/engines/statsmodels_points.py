"""statsmodels' MixedLM: REML estimates of gaussian models with one grouping factor."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from benchmarks.engines.frame import framed
from benchmarks.engines.problem import Problem
from benchmarks.engines.record import Clock, Found


def run(job: dict[str, Any], problem: Problem) -> Found:
    """Point estimates."""
    clock = Clock()
    from statsmodels.regression.mixed_linear_model import MixedLM

    made = framed(problem)
    (_, _, e), y = made.groups[0], made.columns["y"]
    X = problem.array("X")
    Z = problem.array(e.z).reshape(len(y), e.q) if e.z else np.ones((len(y), 1))
    setup = clock.lap()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        fit = MixedLM(y, X, problem.array(e.index).ravel(), exog_re=Z).fit(reml=True)
    estimates = dict(zip(problem.coefficients, (float(b) for b in fit.fe_params), strict=True))
    sds = np.sqrt(np.diag(np.atleast_2d(fit.cov_re)))
    estimates |= dict(zip(e.sd_names, (float(s) for s in sds), strict=True)) | {"sigma": float(np.sqrt(fit.scale))}
    note = "did not converge" if not fit.converged else f"{len(said)} warnings" if said else ""
    return Found(estimates=estimates, setup=setup, sampling=clock.lap(), note=note)

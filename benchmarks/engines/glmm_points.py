"""glmm (Rust behind Python): point estimates."""

from __future__ import annotations

import warnings
from typing import Any

from benchmarks.engines.frame import framed
from benchmarks.engines.problem import Problem
from benchmarks.engines.record import Clock, Found


def run(job: dict[str, Any], problem: Problem) -> Found:
    """Point estimates."""
    clock = Clock()
    import glmm

    made, family = framed(problem), problem.facts["family"]
    words = {"gaussian": "gaussian", "poisson": "poisson"}.get(family, "binomial")
    setup = clock.lap()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        fit = glmm.fit(made.columns, f"y ~ {made.right}", family=words, link="probit" if family == "probit" else None, satterthwaite=False)
    sampling = clock.lap()
    return Found(estimates=coefficients(fit, made.names), setup=setup, sampling=sampling, note=f"{len(said)} warnings" if said else "")


def coefficients(fit: Any, names: dict[str, str]) -> dict[str, float]:
    """Fixed effects under our names."""
    found = {str(n).replace("(Intercept)", "Intercept"): float(b) for n, b in zip(fit.names, fit.beta, strict=True)}
    return {name: found[column] for name, column in names.items()}

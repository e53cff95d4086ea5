"""mixedlm (Rust behind Python): lmer and glmer by their names there, point estimates."""

from __future__ import annotations

import warnings
from typing import Any

from benchmarks.engines.frame import framed
from benchmarks.engines.problem import Problem
from benchmarks.engines.record import Clock, Found


def run(job: dict[str, Any], problem: Problem) -> Found:
    """Point estimates."""
    clock = Clock()
    import mixedlm
    import pandas as pd

    made = framed(problem)
    table, formula, family = pd.DataFrame(made.columns), f"y ~ {made.right}", problem.facts["family"]
    setup = clock.lap()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        if family == "gaussian":
            fit = mixedlm.lmer(formula, table)
        else:
            of = mixedlm.families
            law = of.Poisson() if family == "poisson" else of.Binomial() if family == "logit" else of.Binomial(link=of.ProbitLink())
            fit = mixedlm.glmer(formula, table, family=law)
    sampling = clock.lap()
    found = {str(name).replace("(Intercept)", "Intercept"): float(value) for name, value in dict(fit.fixef()).items()}
    return Found(
        estimates={name: found[column] for name, column in made.names.items()},
        setup=setup,
        sampling=sampling,
        note=f"{len(said)} warnings" if said else "",
    )

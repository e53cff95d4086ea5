"""Bambi, sampled by nutpie: the priors as stated; varying intercepts and slopes are independent there."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.engines.frame import framed
from benchmarks.engines.problem import Problem
from benchmarks.engines.pymc_nutpie import share_of_draws
from benchmarks.engines.record import Clock, Found


def run(job: dict[str, Any], problem: Problem) -> Found:
    """Draws of every parameter."""
    clock = Clock()
    import nutpie
    import pandas as pd

    made = framed(problem)
    model = build(problem, made, pd.DataFrame(made.columns))
    setup = clock.lap()
    compiled = nutpie.compile_pymc_model(model.backend.model)
    compiling = clock.lap()
    trace = nutpie.sample(compiled, chains=1, cores=1, tune=job["warmup"], draws=job["draws"], seed=job["seed"], progress_bar=False)
    sampled, share = clock.lap(), share_of_draws(trace)
    posterior = {name: np.asarray(trace.posterior[name].values)[0] for name in trace.posterior.data_vars}
    return Found(
        names=problem.names,
        draws=collect(problem, made, posterior),
        setup=setup,
        compile=compiling,
        warmup=(1.0 - share) * sampled,
        sampling=share * sampled,
    )


def build(problem: Problem, made: Any, table: Any) -> Any:
    """The model, written into PyMC."""
    import bambi as bmb

    family = problem.facts["family"]
    priors: dict[str, Any] = {}
    for said, column in zip(problem.statements, made.names.values(), strict=True):
        priors[column] = bmb.Prior("Normal", mu=said["mean"], sigma=said["scale"])
    for group, inner, e in made.groups:
        for column, (_, arguments) in zip(inner, e.sds, strict=True):
            name = f"1|{group}" if column == "Intercept" else f"{column}|{group}"
            priors[name] = bmb.Prior("Normal", mu=0.0, sigma=bmb.Prior("HalfStudentT", nu=3.0, sigma=arguments[2]))
    if family == "gaussian":
        priors["sigma"] = bmb.Prior("HalfStudentT", nu=3.0, sigma=problem.about["own"]["sigma"][1][2])
    words = {"gaussian": "gaussian", "poisson": "poisson"}.get(family, "bernoulli")
    link = {"probit": "probit", "logit": "logit"}.get(family)
    model = bmb.Model(f"y ~ {made.right}", table, family=words, link=link, priors=priors)
    model.build()
    return model


def collect(problem: Problem, made: Any, posterior: dict[str, np.ndarray]) -> np.ndarray:
    """(draw, parameter); the intercept is that of centred predictors there, and is moved back."""
    named: dict[str, np.ndarray] = {name: posterior[column] for name, column in made.names.items()}
    X, first = problem.array("X"), problem.about["intercept"]
    if first is not None:
        label = problem.coefficients[first]
        moved = sum(named[n] * X[:, j].mean() for j, n in enumerate(problem.coefficients) if j != first)
        named[label] = named[label] - moved
    for group, inner, e in made.groups:
        levels = np.argsort(np.argsort(np.char.add("l", np.arange(1, e.levels + 1).astype(str))))  # theirs are sorted as words
        for a, column in enumerate(inner):
            name = f"1|{group}" if column == "Intercept" else f"{column}|{group}"
            named[e.sd_names[a]] = posterior[f"{name}_sigma"].reshape(-1)
            named |= dict(zip(problem.effect_names(e)[a :: e.q], posterior[name][:, levels].T, strict=True))
    named |= {name: posterior[name].reshape(-1) for name in problem.about["own"]}
    return np.column_stack([named[name] for name in problem.names])

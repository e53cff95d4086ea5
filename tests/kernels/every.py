"""Small models that between them compile every kernel that a run can need, in each of its versions; and their compilation, shared by the
workers of a whole test run, which would otherwise all compile the same kernels at the same time."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

MODELS: list[tuple[str, str, dict]] = [
    ("slopes", "auto", {}),
    ("slopes", "second-order", {"family": "negative_binomial", "coefficient_prior": "student_t"}),
    ("slopes", "by factors 3", {"family": "poisson", "rows": 80}),
    ("crossed", "collapsed", {"df": (2.0, 0.1)}),
    ("one_factor", "auto", {"family": "poisson", "kinds": ("icar*",)}),
    ("slopes", "auto", {"family": "student"}),
    ("crossed_slopes", "collapsed", {"covariance_prior": "inverse_wishart"}),
    ("crossed", "one-at-a-time", {"coefficient_prior": "flat"}),
    ("crossed", "joint", {"family": "probit", "rows": 200}),
    ("core_and_units", "core and units", {"family": "logit", "offset": True}),
    ("one_factor", "one-at-a-time", {"family": "student"}),
    ("none", "auto", {"known_se": True}),
    ("nested_mixed", "auto", {"covariance_prior": "huang_wand", "coefficient_prior": "student_t"}),
    ("core_and_units", "core and units", {"offset": True}),
    ("none", "augmented", {"family": "logit"}),
    ("nested_mixed", "second-order", {"family": "probit", "offset": True}),
    ("core_and_units", "second-order", {"family": "poisson", "rows": 80}),
    ("one_factor", "second-order", {"family": "ordinal"}),
    ("crossed", "second-order", {"family": "poisson", "df": (2.0, 0.1)}),
    ("one_factor", "joint", {"family": "probit", "df": (2.0, 0.1)}),
    ("crossed", "by factors 2", {"family": "probit", "coefficient_prior": "student_t"}),
    ("nested", "auto", {"kinds": ("rw1*", "")}),
    ("one_factor", "joint", {"kinds": ("ar1",)}),
]
"""Kind of design, scheme, and what else is said of it (df: effects of the first factor are Student-t, this gamma the prior of their degrees
of freedom; kinds: as ``tests.sampling.structured_effects`` has them); those that compile most come first."""


def fit(kind: str, scheme: str, options: dict) -> None:
    """A run of a few sweeps."""
    from gibbs.model.records import Prior, Sampling
    from gibbs.sampling import chains
    from tests.kernels.bench import make_design, plan_of
    from tests.sampling.structured_effects import changed

    design = make_design(kind, **{name: value for name, value in options.items() if name not in ("df", "kinds")})
    if "kinds" in options:
        design = changed(design, options["kinds"], np.random.default_rng(1))
    if "df" in options:
        first, *others = design.factors
        design = replace(design, factors=(replace(first, own_prior=Prior("gamma", options["df"])), *others))
    chains.run(design, plan_of(design, scheme), Sampling(chains=1, seed=1, warmup=24, draws=4, cores=1))


def share(folder: Path) -> None:
    """Fit every model that no other worker has begun; ``folder`` is this test run's own, where a model that is begun has a folder."""
    for number, model in enumerate(MODELS):
        begun = folder / str(number)
        try:
            begun.mkdir(parents=True)
        except FileExistsError:
            continue
        with suppress(Exception):  # the tests will tell
            fit(*model)

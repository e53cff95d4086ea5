"""One small model for every family, link, prior and shape of grouping that an export has to write, with simulated data."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

import gibbs
from gibbs import pipeline
from gibbs.model import spec as specs
from gibbs.posterior.fit import Fit
from tests.posterior.fabricated import draws


def data(rows: int = 180, seed: int = 7) -> pd.DataFrame:
    """Twelve groups g within three regions, crossed with six h; x, z; outcomes of every kind."""
    rng = np.random.default_rng(seed)
    g, h = np.arange(rows) % 12, rng.integers(6, size=rows)
    x, z = rng.normal(2.0, 1.5, size=rows).round(3), rng.normal(size=rows).round(3)
    ug, us, uh = 0.6 * rng.normal(size=12), 0.4 * rng.normal(size=12), 0.5 * rng.normal(size=6)
    eta = 0.3 + 0.5 * (x - 2.0) - 0.3 * z + ug[g] + us[g] * (x - 2.0) + uh[h]
    noise = rng.normal(size=rows)
    trials = rng.integers(1, 15, size=rows)
    p = 1.0 / (1.0 + np.exp(-eta))
    size = 3.0
    frame = {
        "y": (eta + noise).round(3),
        "b": (eta + rng.logistic(size=rows) > 0).astype(int),
        "trials": trials,
        "s": rng.binomial(trials, p),
        "few": rng.binomial(trials, 1.0 - np.exp(-np.exp(0.5 * eta - 1.0))),
        "count": rng.poisson(np.exp(0.5 * eta + 0.2)),
        "over": rng.poisson(np.exp(0.5 * eta + 0.7) * rng.gamma(size, 1.0 / size, size=rows)),
        "grade": np.array(["low", "mid", "high", "top"])[np.digitize(eta + rng.logistic(size=rows), [-1.0, 0.5, 2.0])],
        "se": rng.uniform(0.5, 1.5, size=rows).round(3),
        "exposure": rng.uniform(0.5, 2.0, size=rows).round(3),
        "w": rng.integers(1, 4, size=rows),
        "x": x,
        "z": z,
        "g": [f"g {i}" for i in g],
        "region": [f"R{i % 3}" for i in g],
        "h": [f"h\"{i}'" for i in h],
        "year": 2000 + 2 * g,
        "row": g // 4,
        "col": g % 4,
    }
    return pd.DataFrame(frame)


GRADES = ["low", "mid", "high", "top"]
MODELS: dict[str, dict[str, Any]] = {
    "gaussian": {"formula": "y ~ x + z + (1 | g)", "priors": {"b[x]": "student_t(4, 0, 1)", "sd[g]": "half_normal(0, 1)"}},
    "gaussian_as_written": {
        "formula": "y ~ x + (1 | g)",
        "priors": {"b[Intercept]": "normal(0, 5)", "b": "cauchy(0, 1)", "sd": "half_cauchy(0, 1)", "sigma": "inverse_gamma(2, 1)"},
    },
    "gaussian_known_se": {"formula": "y | se(se) ~ 1 + (1 | g)", "priors": {"sd": "exponential(1)"}},
    "gaussian_correlated": {"formula": "y ~ x + (1 + x | g)", "priors": {"cor": "lkj(2)"}},
    "gaussian_three": {"formula": "y ~ x + z + (1 + x + z | g)", "priors": {"cor": "lkj(1.5)", "sigma": "uniform(0.1, 5)"}},
    "gaussian_wishart": {"formula": "y ~ x + (1 + x | g)", "priors": {"cov[g]": "inverse_wishart(4, [[1, 0.2], [0.2, 0.5]])"}},
    "gaussian_huang_wand": {"formula": "y ~ x + (1 + x | g)", "priors": {"cov[g]": "huang_wand(2, [1, 0.7])"}},
    "gaussian_flat": {"formula": "y ~ x + z + (1 | g)", "priors": {"b[x]": "flat", "intercept": "flat", "sigma": "half_t(4, 0, 2)"}},
    "gaussian_independent": {"formula": "y ~ x + (x || g)", "priors": {"sd[g,x]": "0.4", "sigma": "1"}},
    "gaussian_weights": {"formula": 'y | weights(w, type = "frequency") ~ x + (1 | g)'},
    "gaussian_precision": {"formula": 'y | weights(exposure, type = "precision") ~ x + (1 | g)'},
    "student_precision": {"formula": "y ~ x + (1 | g)", "family": "student", "weights": {"column": "exposure", "type": "precision"}},
    "gaussian_missing": {"formula": "y ~ x + (1 | g)", "missing": "predict"},
    "gaussian_alone": {"formula": "y ~ 1"},
    "student": {"formula": "y ~ x + (1 | g)", "family": "student"},
    "student_exponential": {"formula": "y ~ x + (1 | g)", "family": "student", "priors": {"nu": "exponential(0.1)"}},
    "student_fixed": {"formula": "y ~ x + (1 | g)", "family": "student", "priors": {"nu": "4"}},
    "effects_student": {"formula": 'y ~ x + (1 | gr(g, dist = "student"))', "priors": {"df": "gamma(3, 0.2)"}},
    "effects_student_slopes": {"formula": 'y ~ x + (1 + x | gr(g, dist = "student"))', "priors": {"df[g]": "exponential(0.2)"}},
    "effects_student_terms": {
        "formula": 'b ~ x + (x || gr(g, dist = "student"))',
        "family": "probit",
        "priors": {"df[g]": "uniform(2, 20)"},
    },
    "effects_student_fixed": {
        "formula": 'count ~ x + (1 | gr(g, dist = "student")) + (1 | h)',
        "family": "poisson",
        "priors": {"df[g]": "4"},
    },
    "effects_by": {"formula": "y ~ x + (1 | gr(g, by = region))", "priors": {"sd[g,Intercept:regionR1]": "half_normal(0, 0.5)"}},
    "effects_by_slopes": {"formula": "y ~ x + (1 + x | gr(g, by = region))", "priors": {"sd[g]": "half_normal(0, 1)"}},
    "effects_by_student": {
        "formula": 'y ~ x + (x || gr(g, by = region, dist = "student"))',
        "priors": {"sd": "half_normal(0, 1)", "df": "gamma(3, 0.2)"},
    },
    "effects_by_wishart": {
        "formula": "y ~ x + (1 + x | gr(g, by = region))",
        "priors": {"cov[g]": "inverse_wishart(4, [[1, 0.2], [0.2, 0.5]])"},
    },
    "neighbours_ar1": {"formula": "y ~ x + (1 + x | ar1(year, step = 2))", "priors": {"sd": "half_normal(0, 1)"}},
    "neighbours_bym2": {
        "formula": "count ~ x + bym2(row:col, graph = lattice)",
        "family": "poisson",
        "priors": {"rho": "beta(2, 2)", "sd": "half_normal(0, 1)"},
    },
    "neighbours_leroux": {"formula": "y ~ x + leroux(row:col, graph = lattice) + (1 | h)", "priors": {"sd": "half_normal(0, 1)"}},
    "probit_crossed": {
        "formula": "b ~ x + (1 | g) + (1 | h)",
        "family": "probit",
        "priors": {"sd[g]": "uniform(0, 3)", "sd[h]": "half_cauchy(0, 1)"},
    },
    "logit_nested": {"formula": "b ~ x + (1 | region/g)", "family": "logit", "priors": {"sd": "inverse_gamma(2, 1)"}},
    "logit_slope_alone": {"formula": "b ~ x + (0 + x | g)", "family": "logit"},
    "binomial": {"formula": "s | trials(trials) ~ x + (1 | g)", "family": "binomial"},
    "binomial_probit": {"formula": "s | trials(trials) ~ x + (1 + x | g)", "family": "binomial", "link": "probit"},
    "binomial_cloglog": {"formula": "few | trials(trials) ~ x + (1 | g)", "family": "binomial", "link": "cloglog"},
    "poisson_offset": {
        "formula": "count ~ x + offset(log(exposure)) + (1 | g)",
        "family": "poisson",
        "priors": {"b": "cauchy(0, 1)"},
    },
    "negative_binomial": {"formula": "over ~ x + (1 | g)", "family": "negative_binomial", "priors": {"shape": "half_cauchy(0, 5)"}},
    "negative_binomial_default": {"formula": "over ~ x + (1 | g)", "family": "negative_binomial"},
    "ordinal": {"formula": "grade ~ x + (1 | g)", "family": "ordinal", "categories": GRADES},
    "ordinal_probit": {
        "formula": "grade ~ x + (1 + x | g)",
        "family": "ordinal",
        "link": "probit",
        "categories": GRADES,
        "priors": {"cutpoints": "normal(0, 3)"},
    },
    "ordinal_flat": {"formula": "grade ~ x + (1 | g)", "family": "ordinal", "categories": GRADES, "priors": {"cutpoints": "flat"}},
}


def keys(name: str) -> tuple[dict[str, Any], pd.DataFrame]:
    """The keys of one model's spec, and its data."""
    found, frame = dict(MODELS[name]), data()
    if found.get("missing"):
        frame.loc[::17, "y"] = np.nan
    return found, frame


def fitted(name: str, **more: Any) -> Fit:
    """The posterior by the engine."""
    found, frame = keys(name)
    formula = found.pop("formula")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* has few levels in ", category=UserWarning)  # that is what these models are for
        return gibbs.fit(formula, frame, seed=11, progress=False, **found, **more)


def stand_in(name: str, chains: int = 2, kept: int = 50) -> Fit:
    """A Fit of the model's true Design with draws that were made up: nothing is sampled."""
    found, frame = keys(name)
    spec = specs.build(found.pop("formula"), overrides={**found, "seed": 11})
    prepared = pipeline.prepare(spec, frame)
    return Fit(spec, prepared.design, draws(prepared.design, chains, kept), table=prepared.table, frame=frame)

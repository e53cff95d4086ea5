"""A small Design of every family with data that the model could have made, and draws near its truth, for the tests of posterior/."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gibbs.draws import names
from gibbs.draws.records import Draws
from gibbs.model.records import Design, Factor, Prior, Term
from gibbs.posterior import family as families
from tests.posterior.fabricated import HALF_T, design, term

FAMILIES = (
    ("gaussian", ""),
    ("student", ""),
    ("logit", ""),
    ("probit", ""),
    ("binomial", "logit"),
    ("binomial", "probit"),
    ("binomial", "cloglog"),
    ("poisson", ""),
    ("negative_binomial", ""),
    ("ordinal", "logit"),
    ("ordinal", "probit"),
)
CUT = np.array([-0.7, 0.3, 1.1])


def regression(
    family: str,
    link: str = "",
    *,
    rows: int = 40,
    levels: int = 5,
    slopes: bool = True,
    second: bool = False,
    seed: int = 3,
    **changes: Any,
) -> Design:
    """y ~ x + offset(o) + (1 + x | g) [+ (1 | h)], levels in no order, the last one with a single row."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    codes = np.append(rng.permutation(np.arange(rows - 1) % (levels - 1)), levels - 1).astype(np.int32)
    Z = np.column_stack((np.ones(rows), x)) if slopes else np.ones((rows, 1))
    u = rng.normal(scale=0.6, size=(levels, Z.shape[1]))
    columns = ("Intercept", "x")[: Z.shape[1]]
    factors = [Factor("g", tuple("abcdefgh"[:levels]), codes, Z, columns, (term(*columns),))]
    offset = rng.normal(scale=0.2, size=rows)
    ordinal = family == "ordinal"
    eta = 0.3 * (not ordinal) + 0.5 * x + offset + np.sum(Z * u[codes], axis=1)
    if second:
        other = (np.arange(rows) % 3).astype(np.int32)
        factors.append(Factor("h", ("u", "v", "w"), other, np.ones((rows, 1)), ("Intercept",), (term("Intercept"),)))
        eta += rng.normal(scale=0.4, size=3)[other]
    trials = rng.integers(1, 9, size=rows) if family in ("binomial", "beta_binomial") else None
    parameters: dict[str, Any] = {
        "gaussian": {"sigma": 0.8},
        "student": {"sigma": 0.8, "nu": 4.0},
        "binomial": {"trials": trials},
        "beta_binomial": {"trials": trials, "phi": 2.5},
        "negative_binomial": {"shape": 2.5},
        "ordinal": {"cutpoints": CUT},
    }.get(family, {})
    y = families.simulate(rng, family, eta, link=link, **parameters)
    fields: dict[str, Any] = {
        "family": family,
        "y": y,
        "X": x[:, None] if ordinal else np.column_stack((np.ones(rows), x)),
        "coefficients": ("x",) if ordinal else ("Intercept", "x"),
        "intercept": None if ordinal else 0,
        "offset": offset,
        "link": families.link_of(family, link),
        "trials": trials,
        "dispersion_prior": Prior("gamma", (2.0, 0.1)) if family in ("negative_binomial", "beta_binomial") else None,
        "categories": ("1", "2", "3", "4") if ordinal else None,
        "rows": np.arange(1, rows + 1),
    }
    return replace(design(*factors, rows=rows, family=family), **(fields | changes))


def near(model: Design, chains: int = 2, kept: int = 50, seed: int = 5) -> Draws:
    """Draws about plausible values of every parameter."""
    rng = np.random.default_rng(seed)
    hyper_names = names.hyper_names(model)
    effects = [len(f.levels) * len(f.columns) for f in model.factors]
    hyper = np.empty((chains, kept, len(hyper_names)))
    cut = iter(CUT)
    for i, name in enumerate(hyper_names):
        noise = rng.normal(size=(chains, kept))
        if name.startswith("cor_"):
            hyper[:, :, i] = np.tanh(0.3 + 0.3 * noise)
        elif name.startswith("b_Intercept["):
            hyper[:, :, i] = next(cut) + 0.05 * noise
        else:
            hyper[:, :, i] = {"nu": 5.0, "shape": 2.5, "phi": 2.5}.get(name, 0.7) * np.exp(0.2 * noise)
    beta = np.array([0.3, 0.5])[-len(model.coefficients) :] + 0.15 * rng.normal(size=(chains, kept, len(model.coefficients)))
    return Draws(
        beta=beta,
        hyper=hyper,
        hyper_names=hyper_names,
        u=0.5 * rng.normal(size=(chains, kept, sum(effects))),
        u_offsets=tuple(int(o) for o in np.concatenate(([0], np.cumsum(effects)))[: len(effects)]),
        lp=rng.normal(size=(chains, kept)),
        warmup=100,
    )


def wide(levels: int, rows: int, columns: tuple[str, ...]) -> tuple[Factor, np.ndarray]:
    """A factor with several columns and its Z."""
    rng = np.random.default_rng(9)
    Z = rng.normal(size=(rows, len(columns)))
    codes = (np.arange(rows) % levels).astype(np.int32)
    return Factor("g", tuple("abcdefgh"[:levels]), codes, Z, columns, (Term(columns, (HALF_T,) * len(columns), Prior("lkj", (1.0,))),)), Z

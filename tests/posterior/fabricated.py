"""Small Designs built by hand and Draws whose law is known, for the tests of posterior/."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gibbs.draws import names
from gibbs.draws.records import Draws
from gibbs.model.records import Design, Factor, Prior, Sampling, Spec, Term
from gibbs.posterior.fit import Fit

HALF_T = Prior("half_t", (3.0, 0.0, 2.5))


def term(*columns: str, sd: Prior = HALF_T) -> Term:
    return Term(columns, tuple(sd for _ in columns), Prior("lkj", (1.0,)) if len(columns) > 1 else None)


def factor(name: str, levels: tuple[str, ...], Z: np.ndarray, *terms: Term) -> Factor:
    codes = (np.arange(len(Z)) % len(levels)).astype(np.int32)
    return Factor(name, levels, codes, np.ascontiguousarray(Z, dtype=float), tuple(c for t in terms for c in t.columns), terms)


def design(*factors: Factor, rows: int = 12, coefficients: tuple[str, ...] = ("Intercept", "x"), **changes: Any) -> Design:
    family = changes.get("family", "gaussian")
    scaled = family in ("gaussian", "student")
    fields: dict[str, Any] = {
        "family": family,
        "y": np.arange(rows) % 2 + 0.25 * scaled,
        "X": np.ones((rows, len(coefficients))),
        "coefficients": coefficients,
        "intercept": 0 if "Intercept" in coefficients else None,
        "factors": factors,
        "coefficient_priors": (),
        "sigma_prior": HALF_T if scaled else None,
        "nu_prior": Prior("gamma", (2.0, 0.1)) if family == "student" else None,
        "offset": np.zeros(rows),
        "known_se": None,
        "rows": 1 + 2 * np.arange(rows),
        "outcome": "y",
        "rows_read": rows,
        "dropped": {},
    }
    return Design(**(fields | changes))


def autoregressive(shape: tuple[int, ...], phi: float = 0.0, seed: int = 1) -> np.ndarray:
    """Stationary AR(1) along axis 1, mean 0, sd 1."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape)
    x[:, 1:] *= np.sqrt(1 - phi**2)
    for s in range(1, shape[1]):
        x[:, s] += phi * x[:, s - 1]
    return x


def draws(model: Design, chains: int = 4, kept: int = 500, phi: float = 0.0, seed: int = 1, **values: Any) -> Draws:
    """Normal draws about 1 (sds, sigma, nu: kept positive; correlations: within ±1); ``values`` fix a hyper parameter by name."""
    hyper_names = names.hyper_names(model)
    effects = [len(f.levels) * len(f.columns) for f in model.factors]
    p, h, total = len(model.coefficients), len(hyper_names), sum(effects)
    x = autoregressive((chains, kept, p + h + total + 1), phi, seed)
    hyper = x[:, :, p : p + h].copy()
    for i, name in enumerate(hyper_names):
        hyper[:, :, i] = np.tanh(hyper[:, :, i] / 3) if name.startswith("cor_") else np.exp(hyper[:, :, i] / 5)
        if name in values:
            hyper[:, :, i] = values[name]
    return Draws(
        beta=1 + 0.1 * x[:, :, :p],
        hyper=hyper,
        hyper_names=hyper_names,
        u=0.5 * x[:, :, p + h : p + h + total],
        u_offsets=tuple(int(o) for o in np.concatenate(([0], np.cumsum(effects)))[: len(effects)]),
        lp=x[:, :, -1],
        warmup=200,
        seconds_warmup=(0.25,) * chains,
        seconds_sampling=(0.5,) * chains,
        info={"acceptance": np.float64(0.25), "evaluations": np.arange(3)},
    )


def slopes(rows: int = 12, levels: tuple[str, ...] = ("21801", "21802", "40107")) -> Design:
    """y ~ x + (1 + x | province)."""
    x = np.linspace(-1.0, 2.0, rows)
    Z = np.column_stack((np.ones(rows), x))
    return design(factor("province", levels, Z, term("Intercept", "x")), rows=rows, X=Z)


def replace_term(model: Design, changed: Term) -> Design:
    """``model`` with another term in the place of the one its first factor has."""
    first, *others = model.factors
    return replace(model, factors=(replace(first, terms=(changed,)), *others))


class Plan:
    """What a Fit needs of a plan."""

    lines = ("location: block arrow, because there is one factor",)

    def as_dict(self) -> dict[str, Any]:
        return {"scheme": "joint", "cells": np.int64(3)}


def fit(model: Design | None = None, made: Draws | None = None, formula: str = "y ~ x + (1 + x | province)", **keywords: Any) -> Fit:
    model = slopes() if model is None else model
    spec = Spec(formula=formula, family=model.family, sampling=Sampling(seed=2012, warmup=200, draws=500))
    return Fit(spec, model, draws(model) if made is None else made, plan=Plan(), source="data/peru.csv", fingerprint="0" * 64, **keywords)


def deck(kept: int = 500) -> Fit:
    """M.4 of the deck: the numbers that its slide prints."""
    Z = np.column_stack((np.ones(3000), np.linspace(0, 1, 3000)))
    province = factor("province", ("21801", "21802", "40107"), Z, term("Intercept", "indigenous"))
    model = design(province, rows=3000, coefficients=("Intercept", "indigenous"))
    sds = {"sd_province__Intercept": 0.12, "sd_province__indigenous": 0.16, "cor_province__Intercept__indigenous": -0.64}
    made = draws(model, kept=kept, sigma=0.44, **sds)
    x = autoregressive((4, kept, 2), 0.0)
    x = (x - x.mean(axis=(0, 1))) / x.std(axis=(0, 1))
    made.beta[:] = [0.32, -0.10] + x * [0.02, 0.04]
    return fit(model, made, "president.approval ~ indigenous + (1 + indigenous | province)")

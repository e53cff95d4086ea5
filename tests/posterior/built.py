"""Fits with a real Design (built from a table and a formula) and draws whose law is known; nothing is sampled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from gibbs.model import data, design, spec
from gibbs.posterior.fit import Fit
from tests.posterior import fabricated


def table(rows: int = 60, seed: int = 3) -> pd.DataFrame:
    """Five groups g1 … g5, three years, a number, a count of 0/1 ``b``, three categories ``c``, and outcomes of every kind."""
    rng = np.random.default_rng(seed)
    k = np.arange(rows)
    return pd.DataFrame(
        {
            "x": np.round(rng.normal(2.0, 1.5, rows), 3),
            "b": k % 2,
            "c": np.array(["low", "mid", "top"])[k % 3],
            "g": [f"g{1 + i % 5}" for i in k],
            "year": 2000 + (k // 7) % 3,
            "n": 3 + k % 4,
            "s": rng.integers(0, 4, rows),
            "y": np.round(rng.normal(size=rows), 3),
            "bin": rng.integers(0, 2, rows),
            "count": rng.poisson(2.0, rows),
            "grade": 1 + (k * 7) % 4,
            "se": 0.5 + 0.1 * (k % 3),
        }
    )


def fit(
    formula: str,
    frame: pd.DataFrame | None = None,
    family: str = "gaussian",
    kept: int = 100,
    values: dict[str, Any] | None = None,
    **keys: Any,
) -> Fit:
    """A Fit of ``formula`` to ``frame`` with fabricated draws, 4 chains of ``kept``.

    values : hyper-parameters that are fixed, by name. keys : further keys of the spec.
    """
    words = spec.build({"formula": formula, "family": family, "sampling": {"seed": 2012, "draws": 1000}, **keys})
    read = data.read(words, table() if frame is None else frame)
    model = design.build(words, read)
    made = fabricated.draws(model, kept=kept, **(values or {}))
    hyper = made.hyper.copy()
    cut = [k for k, name in enumerate(made.hyper_names) if name.startswith("b_Intercept[")]
    for place, k in enumerate(cut):
        hyper[:, :, k] = -1.0 + 1.1 * place + 0.1 * hyper[:, :, k]
    return Fit(words, model, replace(made, hyper=hyper), plan=fabricated.Plan(), table=read)


def flat(fit: Fit, name: str) -> np.ndarray:
    """All draws (S,) of a parameter."""
    from gibbs.posterior import parameters

    return parameters.values(fit.arrays, fit.outline, name).reshape(-1)

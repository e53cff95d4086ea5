"""Small tables and builds shared by the tests of the model package."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gibbs.model import design
from gibbs.model.records import DataSource, Design, Spec, Table


def table(columns: Any) -> Table:
    """A Table of a dict or DataFrame, rows numbered from 1."""
    frame = pd.DataFrame(columns)
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return Table(frame, "t.csv", "")


def build(formula: str, columns: Any, family: str = "gaussian", missing: str = "drop", **priors: str) -> Design:
    """The Design of a formula; priors by keyword, ``b_x`` for b[x] being no good: pass ``priors={...}``."""
    given = priors.pop("priors", {})
    return design.build(Spec(formula=formula, family=family, priors=given, data=DataSource(missing=missing)), table(columns))


def example(rows: int = 120, seed: int = 3) -> pd.DataFrame:
    """Numbers, categories and groups with nothing special about them."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "y": rng.normal(size=rows),
            "x": rng.normal(2.0, 3.0, size=rows),
            "z": rng.normal(size=rows),
            "n": rng.integers(1, 9, size=rows),
            "f": rng.choice(["a", "b", "c"], size=rows),
            "gender": rng.choice(["F", "M"], size=rows),
            "old": rng.random(rows) < 0.4,
            "g": rng.integers(1, 13, size=rows),
            "h": rng.choice(["p", "q", "r", "s", "t", "u"], size=rows),
            "bin": rng.integers(0, 2, size=rows),
        }
    )

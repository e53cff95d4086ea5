"""The problem as every engine gets it: columns, codes and priors as plain arrays and words. Needs numpy alone.

``prepare`` has written it from this package's own Design, so every engine sees the same columns under the same priors: outcome ``y``,
predictors ``X`` (n, p), for each term of varying effects the codes 1 … J of its factor and its columns ``Z`` (n, q) or none (an intercept).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Effects:
    """One term: J levels × q columns. sds : (kind, arguments) a column; eta : of lkj(eta) where q > 1."""

    tag: str
    levels: int
    columns: tuple[str, ...]
    index: str
    z: str
    sds: tuple[tuple[str, tuple[float, ...]], ...]
    eta: float
    sd_names: tuple[str, ...]
    correlation_names: tuple[tuple[int, int, str], ...]
    first_effect: int

    @property
    def q(self) -> int:
        return len(self.columns)


class Problem:
    """What ``prepare`` has written into a folder."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.about: dict[str, Any] = json.loads((self.folder / "problem.json").read_text(encoding="utf-8"))
        self.facts: dict[str, Any] = self.about["facts"]
        self.coefficients: list[str] = self.about["coefficients"]
        self.effects = tuple(
            Effects(**{**e, "columns": tuple(e["columns"]), "sds": tuple((kind, tuple(args)) for kind, args in e["sds"])})
            for e in self.about["effects"]
        )

    def array(self, name: str) -> np.ndarray:
        """One of the arrays: ``y``, ``X``, ``g_…``, ``Z_…``, ``trials``, ``offset_``, ``W``, ``V``."""
        return np.load(self.folder / f"{name}.npy")

    def has(self, name: str) -> bool:
        """Whether there is such an array."""
        return (self.folder / f"{name}.npy").exists()

    @cached_property
    def names(self) -> list[str]:
        """Every parameter: coefficients, hyper-parameters, effects level by level."""
        return json.loads((self.folder / "names.json").read_text(encoding="utf-8"))

    @property
    def statements(self) -> list[dict[str, float]]:
        """p priors {mean, scale, df} on W β, in the order of the coefficients; all are proper."""
        return self.about["statements"]

    def effect_names(self, e: Effects) -> list[str]:
        """Names of the effects of one term, level by level."""
        return self.names[e.first_effect : e.first_effect + e.levels * e.q]

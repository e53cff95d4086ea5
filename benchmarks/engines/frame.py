"""The problem as a data frame and an lme4 formula, for engines in Python that take these: columns x1 … xp, groups g1 …, columns z1_1 …"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.engines.problem import Effects, Problem


@dataclass
class Framed:
    """columns : by name. names : our coefficient → the column, "Intercept" where it is constant. groups : factor and columns by term."""

    columns: dict[str, Any]
    right: str
    names: dict[str, str]
    groups: list[tuple[str, list[str], Effects]] = field(default_factory=list)

    @property
    def fixed(self) -> str:
        """The part of the formula without varying effects."""
        return self.right.partition(" + (")[0]


def framed(problem: Problem) -> Framed:
    """The frame and the right side of the formula."""
    columns: dict[str, Any] = {"y": problem.array("y").ravel().astype(float)}
    X = problem.array("X") if problem.coefficients else np.empty((len(columns["y"]), 0))
    names = {name: "Intercept" if np.all(X[:, j] == 1.0) else f"x{j + 1}" for j, name in enumerate(problem.coefficients)}
    columns |= {column: np.ascontiguousarray(X[:, j]) for j, column in enumerate(names.values()) if column != "Intercept"}
    terms = ["1" if "Intercept" in names.values() else "0", *(c for c in names.values() if c != "Intercept")]
    groups = []
    for k, e in enumerate(problem.effects, start=1):
        columns[f"g{k}"] = np.char.add("l", problem.array(e.index).ravel().astype(str))
        inner = ["Intercept"]
        if e.z:
            Z, inner = problem.array(e.z).reshape(len(X), e.q), []
            for a in range(e.q):
                same = [column for j, column in enumerate(names.values()) if np.array_equal(X[:, j], Z[:, a])]
                name = "Intercept" if np.all(Z[:, a] == 1.0) else same[0] if same else f"z{k}_{a + 1}"
                if name not in columns and name != "Intercept":
                    columns[name] = np.ascontiguousarray(Z[:, a])
                inner.append(name)
        words = ["1" if "Intercept" in inner else "0", *(c for c in inner if c != "Intercept")]
        terms.append(f"({' + '.join(words)} | g{k})")
        groups.append((f"g{k}", inner, e))
    return Framed(columns, " + ".join(terms), names, groups)

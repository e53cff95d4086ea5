"""Posterior intervals of any level: equal-tailed, or the shortest (highest density)."""

from __future__ import annotations

import numpy as np

from gibbs.errors import SpecError, nearest

KINDS = ("equal", "hdi")
PROBABILITIES = (0.025, 0.5, 0.975)
"""Of the quantiles that tables have where nothing else is asked for."""
QUANTILES = ("q2.5", "q50", "q97.5")
"""The names of their columns."""


def check(level: float, kind: str = "equal") -> None:
    """SpecError unless ``level`` lies between 0 and 1 and ``kind`` is one of ``KINDS``."""
    number = isinstance(level, (int, float)) and not isinstance(level, bool)
    if not number or not 0.0 < level < 1.0:
        hint = f" Did you mean {level / 100:g}?" if number and 1.0 < level < 100.0 else ""
        raise SpecError(f"the level of an interval is a number between 0 and 1, such as 0.9; found {level}.{hint}", where="level")
    if kind not in KINDS:
        raise SpecError(f"there is no interval '{kind}'; there is equal (equal tails) and hdi (the shortest).{nearest(kind, KINDS)}")


def interval(draws: np.ndarray, level: float, kind: str = "equal") -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends of each column of ``draws`` (S, …), of the given posterior probability.

    equal : the quantiles (1 ∓ level)/2. hdi : the shortest interval that holds ⌈level · S⌉ of the draws (Chen and Shao 1999).
    """
    check(level, kind)
    if kind == "equal":
        low, high = np.quantile(draws, [(1.0 - level) / 2.0, (1.0 + level) / 2.0], axis=0)
        return low, high
    ordered = np.sort(draws, axis=0)
    inside = min(len(ordered), int(np.ceil(level * len(ordered) - 1e-9)))
    width = ordered[inside - 1 :] - ordered[: len(ordered) - inside + 1]
    first = np.argmin(width, axis=0)[None]
    return np.take_along_axis(ordered, first, axis=0)[0], np.take_along_axis(ordered, first + inside - 1, axis=0)[0]


def column_names(level: float, kind: str = "equal") -> tuple[str, str]:
    """``("q5", "q95")`` of a level of 0.9; ``("hdi5", "hdi95")``: lower and upper end of the shortest."""
    prefix = "q" if kind == "equal" else "hdi"
    return f"{prefix}{_percent((1.0 - level) / 2.0)}", f"{prefix}{_percent((1.0 + level) / 2.0)}"


def _percent(probability: float) -> str:
    return f"{100.0 * probability:.6g}"


def heading(level: float, kind: str = "equal") -> tuple[str, str]:
    """``("l-90% CI", "u-90% CI")``, as brms heads them; HDI in the place of CI for the shortest."""
    word = "CI" if kind == "equal" else "HDI"
    return f"l-{100.0 * level:.6g}% {word}", f"u-{100.0 * level:.6g}% {word}"

"""What a person asked of a picture beyond its kind: a title, a size, the level of its intervals, Axes of their own to draw on.

Set once around the drawing (:func:`during`), read by the sheet, the head and whatever makes intervals; the kinds need not pass it on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from gibbs.draws.tails import no_mean
from gibbs.errors import PlotError
from gibbs.posterior import intervals

NO_MEAN = "The draws settle no mean: the few largest would make it up."
"""Why a picture has medians."""
SMALLEST, LARGEST = 0.5, 100.0
"""Inches of a picture's width and height."""


@dataclass(frozen=True)
class Asked:
    """title : None the picture's own, "" none. size : (width, height) in inches. level : of the outer intervals. axes : to draw on."""

    title: str | None = None
    size: tuple[float, float] | None = None
    level: float = 0.95
    axes: tuple[Any, ...] = ()


_NOW: ContextVar[Asked | None] = ContextVar("what was asked of the picture that is being drawn", default=None)


def now() -> Asked:
    """What holds for the picture that is being drawn."""
    return _NOW.get() or Asked()


@contextmanager
def during(asked: Asked) -> Iterator[None]:
    """What is drawn within is drawn so."""
    before = _NOW.set(asked)
    try:
        yield
    finally:
        _NOW.reset(before)


def of(*, title: str | None = None, size: Sequence[float] | None = None, level: float | None = None, ax: Any = None) -> Asked:
    """The record, checked. ax : one matplotlib Axes, or several in a list or an array.

    Raises PlotError for a size that is none, and for an ax that is no Axes; SpecError for a level that is not between 0 and 1.
    """
    if level is not None:
        intervals.check(level)
    if size is not None:
        size = tuple(size) if isinstance(size, Sequence) and not isinstance(size, str) else (size,)
        good = len(size) == 2 and all(isinstance(x, (int, float)) and SMALLEST <= x <= LARGEST for x in size)
        if not good:
            raise PlotError(f"size is (width, height) in inches, each from {SMALLEST:g} to {LARGEST:g}; found {size}.")
    axes: tuple[Any, ...] = ()
    if ax is not None:
        axes = tuple(ax.flat) if hasattr(ax, "flat") else tuple(ax) if isinstance(ax, Sequence) else (ax,)
        if not axes or not all(hasattr(one, "get_figure") and hasattr(one, "plot") for one in axes):
            raise PlotError(f"ax is a matplotlib Axes, or several of them; found {type(ax).__name__}.")
    return Asked(title, None if size is None else (float(size[0]), float(size[1])), 0.95 if level is None else level, axes)


def percent() -> str:
    """``95 %``: the level in force, for words."""
    return f"{100 * now().level:.6g} %"


def tails() -> tuple[float, float]:
    """The two probabilities between which an outer interval lies: 0.025 and 0.975."""
    return (1.0 - now().level) / 2.0, (1.0 + now().level) / 2.0


def medians(draws: np.ndarray) -> bool:
    """Whether a picture of these draws (S, …) shows medians: some of them settle no mean."""
    return bool(no_mean(draws).any())


def middle(draws: np.ndarray, medians: bool) -> np.ndarray:
    """The points of a picture (…), of draws (S, …): posterior means, or medians."""
    return np.asarray(np.median(draws, axis=0) if medians else draws.mean(axis=0))

"""What a picture is to show: factors, terms, levels, parameters and pages, by the names that people type."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gibbs.draws.outline import FactorOutline
from gibbs.draws.records import STREAMED_PROBABILITIES
from gibbs.errors import PlotError, nearest, some
from gibbs.plots import asked
from gibbs.posterior import parameters as named

if TYPE_CHECKING:
    from gibbs.posterior.fit import Fit

INNER = 0.5
"""Probability of the thick intervals; that of the thin ones is what was asked for, 0.95 where nothing was."""


def factor(fit: Fit, name: str | None = None) -> FactorOutline:
    """The grouping factor called ``name``; the first where None."""
    factors = fit.outline.factors
    if not factors:
        raise PlotError("the model has no grouping factor, and so nothing of this kind to show.")
    if name is None:
        return factors[0]
    known = [f.name for f in factors]
    if name not in known:
        raise PlotError(f"there is no grouping factor '{name}'; there is {', '.join(known)}.{nearest(name, known)}")
    return factors[known.index(name)]


def term(of: FactorOutline, name: str | None = None) -> int:
    """The place of the column ``name`` in the factor; 0 where None."""
    if name is None:
        return 0
    wanted = "Intercept" if name == "(Intercept)" else name
    if wanted not in of.columns:
        raise PlotError(f"'{name}' does not vary over {of.name}; what does is {', '.join(of.columns)}.{nearest(name, of.columns)}")
    return of.columns.index(wanted)


def levels(of: FactorOutline, names: str | Sequence[str] | None) -> np.ndarray:
    """The places of the levels called ``names``; all where None."""
    if names is None:
        return np.arange(of.shown)
    place = {level: j for j, level in enumerate(of.levels)}
    found = []
    for name in [names] if isinstance(names, str) else [str(name) for name in names]:
        if name not in place:
            raise PlotError(f"{of.name} has no level '{name}'.{nearest(name, of.levels)} {some(of.levels)}")
        found.append(place[name])
    if not found:
        raise PlotError(f"no level of {of.name} is named; give one or more.")
    return np.array(found)


def page(total: int, number: int, size: int) -> slice:
    """Page ``number`` (from 1) of ``total`` things, ``size`` a page."""
    pages = max(1, -(-total // size))
    if not 1 <= number <= pages:
        raise PlotError(f"there is no page {number}; there {'is one page' if pages == 1 else f'are {pages} pages'} of {size}.")
    return slice((number - 1) * size, number * size)


def effects(fit: Fit, of: FactorOutline, column: int) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[np.ndarray, ...]]]:
    """Means (J,) of one column's effects over the levels of a factor, and what gives ``intervals`` of some of them by their places."""
    streamed = fit.arrays.streamed.get(of.name)
    if streamed is None:
        draws = _effects(fit, of, column)
        return draws.mean(axis=0), lambda places: intervals(draws[:, places])
    if asked.now().level != 0.95:
        raise PlotError(f"effects of {of.name} were summarised as they were drawn (keep:), with intervals of 50 % and 95 % alone.")
    at = [STREAMED_PROBABILITIES.index(p) for p in (0.25, 0.75, 0.025, 0.975)]  # of the inner and the outer interval
    low, high, lowest, highest = streamed.quantiles[at, :, column]
    mean = streamed.mean[:, column]
    return mean, lambda places: (np.stack((low, high))[:, places], np.stack((lowest, highest))[:, places], mean[places])


def _effects(fit: Fit, of: FactorOutline, column: int) -> np.ndarray:
    """(draws, J), chain after chain."""
    start = fit.arrays.u_offsets[[f.name for f in fit.outline.factors].index(of.name)]
    q = len(of.columns)
    values = fit.arrays.whole[:, :, start + column : start + len(of.levels) * q : q]
    return values.reshape(-1, values.shape[2])


def parameters(fit: Fit, wanted: str | Sequence[str] | None, default: Sequence[str]) -> list[str]:
    """Names of parameters: those asked for, in their order, ``sd_*`` standing for all that fit it; ``default`` where None."""
    if wanted is None:
        return list(default)
    plain = named.all_names(fit.arrays, fit.outline, ranef=False)
    found: list[str] = []
    for word in [wanted] if isinstance(wanted, str) else wanted:
        if any(letter in word for letter in "*?"):
            known = named.all_names(fit.arrays, fit.outline) if word.startswith("r_") else plain
            # brackets belong to names here (b_Intercept[1], r_g[level,term])
            fitting = fnmatch.filter(known, word.replace("[", "[[]"))
            if not fitting:
                raise PlotError(f"no parameter fits '{word}'. gibbs summary lists them.")
            found += fitting
        else:
            found.append(f"b_{word}" if word not in plain and f"b_{word}" in plain else word)
            named.values(fit.arrays, fit.outline, found[-1])  # refuses a name that is none
    return list(dict.fromkeys(found))


def intervals(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of (draws, J): the inner interval (2, J), the outer (2, J), of the level asked for, and the mean (J,)."""
    inner, outer = (np.quantile(draws, ((1 - p) / 2, (1 + p) / 2), axis=0) for p in (INNER, asked.now().level))
    return inner, outer, draws.mean(axis=0)


def name_of(fit: Fit) -> str:
    """What a title calls the fit."""
    return fit.spec.title or fit.outline.outcome

"""Draws of any parameter by its name in the tables, and the names there are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gibbs.draws import at_means, names
from gibbs.draws.outline import Outline
from gibbs.draws.records import Draws
from gibbs.errors import SpecError, nearest


def all_names(draws: Draws, outline: Outline, *, ranef: bool = True) -> tuple[str, ...]:
    """Every parameter in the order of ``stack``: coefficients, hyper-parameters, random effects, each under brms' name."""
    found = (*names.coefficient_names(outline), *draws.hyper_names)
    return (*found, *names.ranef_names(outline)) if ranef else found


def stack(draws: Draws, *, ranef: bool = True) -> np.ndarray:
    """(chain, draw, parameter), in the order of ``all_names``."""
    return np.concatenate([draws.beta, draws.hyper, *([draws.u] if ranef else [])], axis=2)


def values(draws: Draws, outline: Outline, name: str) -> np.ndarray:
    """(chain, draw) of one parameter: ``b_x`` (or ``x``), ``sd_g__x``, ``cor_g__a__b``, ``sigma``, ``r_g[level,term]``; fixed ones too.

    Raises SpecError, with the nearest match, for a name that is none.
    """
    coefficients = names.coefficient_names(outline)
    for candidate in (name, f"b_{name}"):
        if candidate in coefficients:
            return draws.beta[:, :, coefficients.index(candidate)]
        if candidate in draws.hyper_names:
            return draws.hyper[:, :, draws.hyper_names.index(candidate)]
    derived, more = at_means.values(draws.hyper, draws.hyper_names, outline)
    if name in derived:
        return more[:, :, derived.index(name)]
    fixed = names.fixed_values(outline)
    if name in fixed:
        return np.full(draws.beta.shape[:2], fixed[name])
    if draws.streamed and any(name.startswith(f"r_{factor}[") for factor in draws.streamed):
        _ = draws.u  # refuses, and says why
    effects: Sequence[str] = [
        f"r_{factor.name}[{level},{column}]"
        for factor in outline.factors
        if factor.name not in draws.streamed
        for level in factor.levels
        for column in factor.columns
    ]
    if name in effects:
        return draws.whole[:, :, effects.index(name)]
    known = (*coefficients, *draws.hyper_names, *derived, *effects)
    raise SpecError(f"there is no parameter '{name}'.{nearest(name, known)} gibbs summary lists them.", where="parameter")

"""The laws of the effects of a grouping factor, one record each: normal, Student-t, and neighbours that know each other to a degree.

    normal      u_j ~ N(0, Σ)
    student     u_j ~ t_df(0, Σ):  u_j = v_j/√λ_j,  v_j ~ N(0, Σ),  λ_j ~ Gamma(df/2, df/2)
    ar1         (u_1, …, u_J) ~ N(0, K_rho ⊗ Σ), K_rho of a structure (``gibbs.model.structures``); so bym2 and leroux

Σ, with its sds and correlations, is the same for all levels, or one for each group of them (``gr(g, by = z)``): a law says what else there
is. What depends on the law asks ``of(factor)``; the kernels of the λ_j are ``gibbs.kernels.level_scales`` and ``level_laws``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Law:
    """One law of effects.

    name : as in ``gr(g, dist = …)``. label : in sentences. parameter : its own one beside Σ, as keys of priors and names of draws have it;
    "" where there is none. default : (kind, arguments) of that one's prior. on : where that prior stands (``prior_kinds.PLACES``). range :
    of the parameter. meaning : of it, in words.
    multipliers (rng, values (n,), levels): λ (n, levels), by which the precision of each level is multiplied; None where it is 1.
    inflation (values): the variance over the square of the scale, infinite where there is none.
    equation (scale, parameter): of one effect; of several with their covariance: (matrix, parameter), what stands between law and scales.
    plan : what a sweep does about it, in words. scales : what the sds are, where they are no standard deviations; "" where they are.
    jags, stan : the law of λ_j there, given the name of the parameter.
    not_integrated : why criteria by group cannot integrate the effects out; "" where they can. not_averaged : why there is no average of an
    outcome over them with a link that is not the identity; "" where there is.
    """

    name: str
    label: str
    equation: Callable[[str, str], str]
    equations: Callable[[str, str], str]
    parameter: str = ""
    default: tuple[str, tuple[float, ...]] | None = None
    on: str = ""
    range: tuple[float, float] = (0.0, math.inf)
    meaning: str = ""
    multipliers: Callable[[np.random.Generator, np.ndarray, int], np.ndarray] | None = None
    inflation: Callable[[np.ndarray], np.ndarray] = np.ones_like
    plan: str = ""
    scales: str = ""
    jags: str = ""
    stan: str = ""
    not_integrated: str = ""
    not_averaged: str = ""


def _gamma_multipliers(rng: np.random.Generator, df: np.ndarray, levels: int) -> np.ndarray:
    half = 0.5 * np.asarray(df, dtype=float)[:, None]
    return rng.gamma(half, size=(half.shape[0], levels)) / half


def _variance_of_standard_t(df: np.ndarray) -> np.ndarray:
    """df/(df − 2); infinite where df ≤ 2."""
    above = df > 2
    return np.where(above, df / np.where(above, df - 2, 1.0), np.inf)


NORMAL = Law(
    "normal",
    "normal",
    equation=lambda scale, own: f"N(0, {scale}²)",
    equations=lambda matrix, own: f"N(0, {matrix}):  sds",
)

STUDENT = Law(
    "student",
    "Student-t",
    equation=lambda scale, own: f"t({own}, 0, {scale})",
    equations=lambda matrix, own: f"t({own}, 0, {matrix}):  scales",
    parameter="df",
    default=("gamma", (2.0, 0.1)),
    on="nu",
    meaning="degrees of freedom",
    multipliers=_gamma_multipliers,
    inflation=_variance_of_standard_t,
    plan=(
        "Student-t, as a scale mixture; sds and degrees of freedom with the precision multipliers of the levels integrated out, then the "
        "multipliers"
    ),
    scales="their scales stand for standard deviations",
    jags="dgamma({0} / 2, {0} / 2)",
    stan="gamma({0} / 2, {0} / 2)",
    not_integrated="are Student-t",
    not_averaged="averages over Student-t effects are not those of a normal, and of exp(η) there is none",
)


def _of_neighbours(name: str, label: str, low: float, meaning: str) -> Law:
    """A law of levels that know their neighbours to the degree rho."""
    return Law(
        name,
        label,
        equation=lambda scale, own: f"N(0, {scale}² K_{own})",
        equations=lambda matrix, own: f"N(0, K_{own} ⊗ {matrix}):  sds",
        parameter="rho",
        default=("uniform", (low, 1.0)),
        on="rho",
        range=(low, 1.0),
        meaning=meaning,
        plan="its rho given the effects, then with all effects integrated out" + (", also along the ridge with its sds" * (name == "ar1")),
    )


AR1 = _of_neighbours("ar1", "autoregressive", -1.0, "the correlation of effects a step apart")
BYM2 = _of_neighbours("bym2", "bym2", 0.0, "the share of the variance that neighbours have in common")
LEROUX = _of_neighbours("leroux", "Leroux", 0.0, "how much neighbours count, from 0, not at all, to 1, as of icar")

LAWS: dict[str, Law] = {law.name: law for law in (NORMAL, STUDENT, AR1, BYM2, LEROUX)}
DISTRIBUTIONS = tuple(name for name, law in LAWS.items() if law.on != "rho")
"""What the effects of a grouping factor of exchangeable levels may be."""


def named(name: str) -> Law:
    """The law of this name. ValueError where there is none."""
    if name not in LAWS:
        raise ValueError(f"there is no law of effects '{name}'; there are {', '.join(LAWS)}")
    return LAWS[name]


def of(factor: Any) -> Law:
    """The law of the effects of a Factor, or of what has its ``structure`` and ``own_prior``."""
    if factor.structure is not None:
        return LAWS.get(factor.structure.kind, NORMAL)
    return NORMAL if factor.own_prior is None else STUDENT


def of_words(structure: Any, dist: str) -> Law:
    """The law of a Structure, or None, and of the word of ``gr(g, dist = …)``."""
    return LAWS.get(structure.kind, NORMAL) if structure is not None else named(dist or "normal")


def own_prior(factor: Any) -> Any:
    """The prior of the law's own parameter; None where the law has none."""
    return factor.own_prior


def moves(factor: Any) -> bool:
    """Whether something of the law is drawn beside Σ and the effects: its own parameter, or multipliers."""
    law, prior = of(factor), own_prior(factor)
    return law.multipliers is not None or (bool(law.parameter) and prior.kind != "fixed")


def not_integrated(factor: Any) -> str:
    """Why the effects of ``factor`` cannot be integrated out of a criterion by group, in words; "" where they can."""
    law = of(factor)
    if law.not_integrated:
        return law.not_integrated
    if factor.structure is not None and factor.structure.kind in ("s", "mm"):
        return f"are those of {factor.structure.words}, of which rows of several levels have a part, so that none can be left out by itself"
    if factor.structure is not None:
        return "know their neighbours, so that no level can be left out by itself"
    return f"have covariances that differ by {factor.by}" if factor.group is not None else ""

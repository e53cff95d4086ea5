"""The score of single levels, an identity that holds in every corner of a posterior: made while the rows are at hand, kept with the draws.

Given all else, u_j has the density N(u; 0, Σ) exp l_j(u). Integrating by parts along u itself,

    E[q + u_j'∇l_j − u_j'Σ⁻¹u_j | Σ, …] = 0

so the average over the draws is 0 within its Monte Carlo error, over all of them and over those in the tail of an sd alone. Where u_j does
not follow its sd into the tail, u_j'Σ⁻¹u_j is too small there. Asked of levels that the data hold on one side only: on these tails hang.
"""

from __future__ import annotations

import numpy as np

from gibbs.draws import names, tails
from gibbs.draws.outline import Outline
from gibbs.draws.records import Draws
from gibbs.model import alike, laws
from gibbs.model.records import Design, Factor
from gibbs.posterior import family, loglik, variances
from gibbs.posterior.linear import linear_predictor

LEVELS = 4
"""Levels of a factor that are asked, those with most rows."""
NUMBERS = 4_000_000
"""Draws × rows that a level may have."""
HURRIED = 200_000
"""Draws × rows that a level may have where somebody waits for the end of a run."""
_STEP = 1e-4


def of_levels(draws: Draws, outline: Outline, design: Design, numbers: int = NUMBERS) -> dict[str, float]:
    """{"region e": Monte Carlo errors from 0}; levels with Student-t effects, or more draws × rows than ``numbers``, are not asked."""
    found: dict[str, float] = {}
    if draws.streamed or draws.beta.shape[1] < 100:
        return found
    known = loglik.rows_with_outcome(design)
    size = draws.beta.shape[0] * draws.beta.shape[1]
    for f, (factor, marked) in enumerate(zip(design.factors, alike.levels(design), strict=True)):
        sds = [name for name in names.varying_labels(outline.factors[f]) if name.startswith("sd_") and name in draws.hyper_names]
        if laws.of(factor).multipliers is not None or not marked.any() or not sds:
            continue
        inverses: dict[str, np.ndarray] = {}
        rows = np.bincount(factor.codes[known.place], minlength=len(factor.levels))
        asked = [j for j in np.argsort(-rows, kind="stable") if marked[j] and 0 < rows[j] * size <= numbers][:LEVELS]
        for j in asked:
            group = factor.groups[factor.group[j]] if factor.group is not None else ""
            if group not in inverses:
                sigma = variances.covariance(draws, outline, outline.factors[f], group)
                try:
                    inverses[group] = np.linalg.inv(sigma)
                except np.linalg.LinAlgError:  # an sd that is 0, a correlation that rounds to 1
                    break
            values = _values(draws, outline, design, f, j, known, inverses[group])
            mine = [name for name in sds if not group or name.endswith(f":{group}")]
            worst = max((tails.score(values, variances.hyper(draws, outline, name)) for name in mine), default=0.0)
            found[f"{factor.name} {factor.levels[j]}"] = round(worst, 2)
    return found


def _values(draws: Draws, outline: Outline, design: Design, f: int, j: int, known: loglik.Rows, precision: np.ndarray) -> np.ndarray:
    """(chain, draw) q + u_j'∇l_j − u_j'Σ⁻¹u_j, the slope of l_j along u_j by a central difference."""
    factor = design.factors[f]
    inside = factor.codes[known.place] == j
    place, weight = known.place[inside], known.weights[inside]
    if design.survey is not None:
        weight = weight * design.survey.scaled[place]
    if factor.level_weights is not None:
        precision = precision * factor.level_weights[j]
    eta = linear_predictor(draws, design.X[place], [(one.codes[place], one.Z[place]) for one in design.factors], design.offset[place])
    u = _effects(draws, factor, f, j)
    along = u.reshape(-1, u.shape[2]) @ factor.Z[place].T
    further = loglik.family_parameters(draws, outline, design, place)
    up, down = (
        family.log_likelihood(outline.family, design.y[place], eta + sign * _STEP * along, link=outline.link, **further)
        for sign in (1.0, -1.0)
    )
    slope = ((up - down) @ weight / (2.0 * _STEP)).reshape(u.shape[:2])
    return u.shape[2] + slope - np.einsum("csa,csab,csb->cs", u, precision, u)


def _effects(draws: Draws, factor: Factor, f: int, j: int) -> np.ndarray:
    """(chain, draw, q) of level j."""
    q = factor.Z.shape[1]
    start = draws.u_offsets[f] + j * q
    return draws.u[:, :, start : start + q]

"""Sensitivity to the priors and to the data, by power-scaling: how much a posterior moves where one of them counts a little more or less.

The posterior with prior^α in the place of the prior has weights p(θ)^(α − 1) on the draws at hand, Pareto-smoothed, and needs no refit.
The measure is the distance of the two posteriors of a parameter (the square root of the cumulative Jensen–Shannon divergence), a doubling
of α being one unit, taken at α = 1/1.01 and 1.01 (Kallioinen, Paananen, Bürkner and Vehtari 2024, Statistics and Computing 34, 57;
computed by arviz-stats).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.errors import OutputError, SpecError
from gibbs.files import pages, tablefile

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.posterior.fit import Fit

THRESHOLD = 0.05
"""Sensitivity from which the authors call a prior, or the data, informative."""
ALPHAS = (1 / 1.01, 1.01)
CONFLICT = "prior and data disagree?"
STRONG = "strong prior or weak data"


@dataclass(frozen=True)
class PriorSensitivity:
    """parameters (P,). prior, likelihood : (P,) sensitivities. blocks : (B, P) of each block of priors alone, ``block_names`` (B,)."""

    parameters: tuple[str, ...]
    prior: np.ndarray
    likelihood: np.ndarray
    block_names: tuple[str, ...]
    blocks: np.ndarray = field(repr=False)

    @property
    def table(self) -> pd.DataFrame:
        """parameter, prior, likelihood, ``most``: the block of priors that moves the parameter most, and what is to be thought of it."""
        import pandas as pd

        most = np.argmax(self.blocks, axis=0)
        words = [
            "" if prior < THRESHOLD else CONFLICT if likelihood >= THRESHOLD else STRONG
            for prior, likelihood in zip(self.prior, self.likelihood, strict=True)
        ]
        return pd.DataFrame(
            {
                "parameter": self.parameters,
                "prior": self.prior,
                "likelihood": self.likelihood,
                "most": [self.block_names[k] for k in most],
                "diagnosis": words,
            }
        )

    @property
    def sentence(self) -> str:
        """What stands out."""
        table = self.table
        said = table[table["diagnosis"] != ""]
        if said.empty:
            return f"No prior moves a parameter by {THRESHOLD:g} or more."
        words = [
            f"{name} (by {block}): {what}" for name, block, what in zip(said["parameter"], said["most"], said["diagnosis"], strict=True)
        ]
        more = f"; and {len(words) - 8} more" if len(words) > 8 else ""
        return f"Sensitive to their priors, {THRESHOLD:g} or more: {'; '.join(words[:8])}{more}."

    def __repr__(self) -> str:
        return f"{tablefile.text(self.table)}\n\n{self.sentence}"

    def _repr_html_(self) -> str:
        return pages.table(self.table, "Sensitivity to priors and data", self.sentence)


def of(fit: Fit) -> PriorSensitivity:
    """The sensitivities of every coefficient, sd, correlation and family parameter of a fit.

    Raises SpecError where no prior can be scaled (all are flat or fixed); OutputError where the rows are needed and gone.
    """
    from gibbs.draws import names
    from gibbs.posterior import log_prior, parameters

    parts = log_prior.blocks(fit.arrays, fit.outline, fit.design)
    if not parts:
        raise SpecError("every prior of the model is flat or fixed: there is none to scale.", where="sensitivity")
    fixed = names.fixed_values(fit.outline)
    labels = [name for name in parameters.all_names(fit.arrays, fit.outline, ranef=False) if name not in fixed]
    values = [np.asarray(parameters.values(fit.arrays, fit.outline, name), dtype=float) for name in labels]
    if values and values[0].shape[1] < 20:
        raise SpecError(f"{values[0].shape[1]} draws a chain are too few to weigh; 20 are the least.", where="sensitivity")
    whole = scaled(sum(parts.values()), values)
    blocks = np.stack([scaled(part, values) for part in parts.values()]) if len(parts) > 1 else whole[None]
    return PriorSensitivity(tuple(labels), whole, scaled(log_likelihood(fit), values), tuple(parts), blocks)


def log_likelihood(fit: Fit) -> np.ndarray:
    """log p(y | θ) of all rows, but for a constant (chain, draw), with frequency and sampling weights: the sampler's, or summed again."""
    from gibbs.posterior import loglik

    if np.all(np.isfinite(fit.arrays.lp)):
        return fit.arrays.lp
    design = fit.design
    weights = np.ones(len(design.y)) if design.weights is None else design.weights.astype(float)
    weights = weights if design.survey is None else weights * design.survey.scaled
    place = loglik.rows_with_outcome(design).place
    total = np.zeros(fit.arrays.beta.shape[:2])
    for part, values in loglik.stream(fit.arrays, fit.outline, design):
        total += values @ weights[place[part]]
    return total


def scaled(log_density: np.ndarray, values: list[np.ndarray]) -> np.ndarray:
    """Sensitivity (P,) of draws (chain, draw) of each parameter to the power of the density whose log (chain, draw) is given."""
    stats = _array_stats()
    if np.ptp(log_density) == 0.0:
        return np.zeros(len(values))
    centred = log_density - log_density.mean()
    weights = []
    for alpha in ALPHAS:
        log = stats.power_scale_lw(centred, alpha=alpha, axis=(-2, -1))
        w = np.exp(log - log.max())
        weights.append(w / w.sum())
    return np.array([float(stats.power_scale_sense(value, *weights, *ALPHAS)) for value in values])


def _array_stats() -> Any:
    try:
        from arviz_stats.base import array_stats
    except ImportError as error:
        raise OutputError("power-scaling needs the package arviz-stats: pip install arviz-stats.", where="sensitivity") from error
    return array_stats

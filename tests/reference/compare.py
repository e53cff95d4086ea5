"""How far two posteriors are apart, each known by draws: in standard errors that count the Monte Carlo error of both.

A reference gives mean, sd, three quantiles, the Monte Carlo error of its mean and its effective sample size n. With x our draws:

- mean: (x̄ − mean) / √(mcse² + mcse_ref²);
- sd: (s − sd) / √((mcse of (x − x̄)² / 2s)² + sd² (κ − 1) / 4n), κ the kurtosis of x: the delta method on the variance, with the
  effective sample size of the squares (ArviZ' mcse_sd takes that of the mean, which overstates the error of autocorrelated draws);
- quantile q of probability p: (share of x below q − p) / √(mcse of that share² + p(1 − p) / n). A share needs no density.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gibbs.draws import diagnostics, names
from tests.reference import cases

if TYPE_CHECKING:
    import pandas as pd

    import gibbs

QUANTILES = {"q5": 0.05, "q50": 0.5, "q95": 0.95}


@dataclass(frozen=True)
class Comparison:
    """One case: a row a parameter with ess, rhat, z_mean, z_q5, z_q50, z_q95, z_sd and sd_ratio (ours over the reference's)."""

    name: str
    rows: pd.DataFrame
    heavy_tailed: bool
    seconds: float  # sampling, the slowest chain

    def worst(self, column: str) -> tuple[float, str]:
        """The largest |z| of a column and its parameter."""
        values = self.rows[column].abs()
        return float(self.rows.loc[values.idxmax(), column]), str(values.idxmax())


def draws_of(fit: gibbs.Fit) -> dict[str, np.ndarray]:
    """Every parameter by its name: (chain, draw); missing outcomes are ``ymis[i]``."""
    arrays = fit.arrays
    rows, missing = fit.missing_draws or ((), np.empty((*arrays.lp.shape, 0)))
    labels = (*names.coefficient_names(fit.outline), *arrays.hyper_names, *names.ranef_names(fit.outline), *(f"ymis[{i}]" for i in rows))
    stacks = (arrays.beta, arrays.hyper, arrays.u, missing)
    return dict(zip(labels, (stack[:, :, k] for stack in stacks for k in range(stack.shape[2])), strict=True))


def compare(name: str, fit: gibbs.Fit) -> Comparison:
    """The engine's posterior of a case beside its reference. KeyError where a parameter of the reference is not in the fit."""
    import pandas as pd

    about = cases.case(name)
    ours = draws_of(fit)
    limit = float(about["reference"]["n_draws"])
    rows = {}
    for parameter, known in cases.reference(name).items():
        effective = min(known["ess_bulk"], limit)
        rows[parameter] = _scores(ours[parameter], known, effective)
    seconds = float(max(fit.arrays.seconds_sampling))
    return Comparison(name, pd.DataFrame.from_dict(rows, orient="index"), "heavy-tail" in about["tags"], seconds)


def _scores(x: np.ndarray, known: dict[str, float], effective: float) -> dict[str, float]:
    sd = float(np.std(x, ddof=1))
    squares = (x - x.mean()) ** 2
    kurtosis = float(np.mean(squares**2)) / sd**4
    row = {
        "ess": float(min(diagnostics.ess_bulk(x), diagnostics.ess_tail(x))),
        "rhat": float(diagnostics.rhat(x)),
        "z_mean": (float(x.mean()) - known["mean"]) / np.hypot(float(diagnostics.mcse_mean(x)), known["mcse_mean"]),
    }
    for column, p in QUANTILES.items():
        below = (x <= known[column]).astype(float)
        own = float(diagnostics.mcse_mean(below)) if 0.0 < below.mean() < 1.0 else 0.0
        row[f"z_{column}"] = (below.mean() - p) / np.hypot(own, np.sqrt(p * (1.0 - p) / effective))
    error = np.hypot(float(diagnostics.mcse_mean(squares)) / (2.0 * sd), known["sd"] * np.sqrt((kurtosis - 1.0) / (4.0 * effective)))
    return row | {"z_sd": (sd - known["sd"]) / error, "sd_ratio": sd / known["sd"]}

"""Estimates with their standard errors, from many fits: replicate weights within each version of the data, Rubin's rules over versions.

θ̂_m is the posterior mean of version m under the full weights, V_m its variance: Σ_r c_r (θ̂_mr − θ̂_m)² of replicates, less what the Monte
Carlo error of the θ̂_mr adds to it, or the posterior variance where there are no replicates. Over M versions (Rubin 1987)

    θ̂ = Σ θ̂_m/M,   V̄ = Σ V_m/M,   B = Σ (θ̂_m − θ̂)²/(M − 1),   se² = V̄ + (1 + 1/M) B,

with the degrees of freedom of Barnard and Rubin (1999). Intervals are θ̂ ± t se; those of sds and other positive parameters on the log
scale, of correlations on Fisher's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.model import families

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Estimates:
    """names (P,). estimate, se, df, within, between, model_sd (P,): see the head of the module; ``within`` and ``between`` are variances.

    versions : M. words : where standard errors come from, in a sentence. replicated : from the design, not from the posterior.
    """

    names: tuple[str, ...]
    estimate: np.ndarray
    se: np.ndarray
    df: np.ndarray
    within: np.ndarray
    between: np.ndarray
    model_sd: np.ndarray
    versions: int
    replicated: bool
    words: str

    def limits(self, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """The ends of the intervals (P,), (P,)."""
        from scipy.stats import t

        half = t.ppf(0.5 + level / 2.0, self.df) * self.se
        low, high = self.estimate - half, self.estimate + half
        for k, name in enumerate(self.names):
            at = self.estimate[k]
            if is_positive(name) and at > 0:
                times = math.exp(min(half[k] / at, 700.0))
                low[k], high[k] = at / times, at * times
            elif name.startswith("cor_") and abs(at) < 1:
                z, width = math.atanh(at), half[k] / (1.0 - at * at)
                low[k], high[k] = math.tanh(z - width), math.tanh(z + width)
        return low, high

    def table(self, level: float = 0.95) -> pd.DataFrame:
        """One row a parameter: estimate, se, low, high, df, model_sd (mean posterior sd), and design_effect = V̄ over the mean posterior
        variance where there are replicates; within_sd, between_sd and fraction_missing = (1 + 1/M) B/se² over several versions."""
        import pandas as pd

        low, high = self.limits(level)
        found = {"estimate": self.estimate, "se": self.se, "low": low, "high": high, "df": self.df, "model_sd": self.model_sd}
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.replicated:
                found["design_effect"] = self.within / self.model_sd**2
            if self.versions > 1:
                found["within_sd"], found["between_sd"] = np.sqrt(self.within), np.sqrt(self.between)
                found["fraction_missing"] = (1.0 + 1.0 / self.versions) * self.between / self.se**2
        return pd.DataFrame(found, index=pd.Index(self.names, name="parameter"))

    def __repr__(self) -> str:
        return f"{self.words}\n\n{self.table().round(4).to_string()}"

    def as_dict(self) -> dict[str, object]:
        """For the manifest: what the table does not hold."""
        return {"versions": self.versions, "replicated": self.replicated, "words": self.words}


def is_positive(name: str) -> bool:
    """Whether a parameter is an sd, degrees of freedom, or what a family has beside its linear predictor."""
    return name.startswith(("sd_", "df_")) or name in families.PARAMETERS


def read(path: Path, words: Mapping[str, Any]) -> Estimates:
    """The Estimates of a run folder. KeyError and ValueError where the file is not what ``table`` writes."""
    import pandas as pd

    table = pd.read_csv(path, index_col="parameter")
    arrays = {name: table[name].to_numpy(dtype=float) for name in ("estimate", "se", "df", "model_sd")}
    se2, M = arrays["se"] ** 2, int(words["versions"])
    between = table["between_sd"].to_numpy(dtype=float) ** 2 if M > 1 else np.zeros(len(table))
    within = table["within_sd"].to_numpy(dtype=float) ** 2 if M > 1 else se2
    return Estimates(
        tuple(str(name) for name in table.index), **arrays, within=within, between=between, versions=M,
        replicated=bool(words["replicated"]), words=str(words["words"]),
    )  # fmt: skip


def combine(
    names: tuple[str, ...],
    means: np.ndarray,
    posterior: np.ndarray,
    replicates: np.ndarray | None,
    errors: np.ndarray | None,
    coefficients: np.ndarray | None,
    df: float,
    words: str,
) -> Estimates:
    """The estimates of M versions.

    means, posterior : (M, P) posterior means and variances under the full weights. replicates : (M, R, P) posterior means of the
    replicates; None: there are none. errors : (M, R, P) squared Monte Carlo errors of (θ̂_mr − θ̂_m).
    coefficients : (R,). df : of the variance of the design.
    """
    M = len(means)
    if replicates is None or coefficients is None or errors is None:
        within = posterior
    else:
        squares = (replicates - means[:, None, :]) ** 2
        found = np.einsum("r,mrp->mp", coefficients, squares - errors)
        within = np.maximum(found, 0.0)
    mean, V = means.mean(axis=0), within.mean(axis=0)
    B = means.var(axis=0, ddof=1) if M > 1 else np.zeros_like(mean)
    total = V + (1.0 + 1.0 / M) * B
    return Estimates(
        names=names,
        estimate=mean,
        se=np.sqrt(total),
        df=_degrees(M, V, B, total, df),
        within=V,
        between=B,
        model_sd=np.sqrt(posterior.mean(axis=0)),
        versions=M,
        replicated=replicates is not None,
        words=words,
    )


def _degrees(M: int, V: np.ndarray, B: np.ndarray, total: np.ndarray, df: float) -> np.ndarray:
    """Barnard and Rubin's degrees of freedom; ``df`` of each version's own variance, inf for a posterior's."""
    if M == 1:
        return np.full(len(V), df)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(total > 0, (1.0 + 1.0 / M) * B / total, 0.0)
        between = (M - 1) / share**2
        observed = np.inf if math.isinf(df) else (df + 1.0) / (df + 3.0) * df * (1.0 - share)
        found = 1.0 / (1.0 / between + 1.0 / observed)
    return np.where(share > 0, np.maximum(found, 1.0), df)

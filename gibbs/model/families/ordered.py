"""The family of ordered categories: y ∈ {0, …, C − 1}, Pr(y ≤ k) = F(c_k − η); c are the ``cutpoints``.

Cutpoints have one axis more than η at their end: (C − 1,), or (draws, C − 1) for η (draws, N).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.model.families.numbers import LATENT_VARIANCE, log_difference
from gibbs.model.families.record import EQUAL, ORDINAL, Family, Given, Row

if TYPE_CHECKING:
    from gibbs.model.records import Design


def probabilities(eta: np.ndarray, given: Given) -> np.ndarray:
    """Pr(y = k) of every category, (…, C)."""
    cut = np.asarray(given["cutpoints"], dtype=float)
    if cut.ndim > 1:
        cut = cut[..., None, :]
    ends = np.full((*cut.shape[:-1], 1), np.inf)
    high, low = np.concatenate([cut, ends], axis=-1) - eta[..., None], np.concatenate([-ends, cut], axis=-1) - eta[..., None]
    return np.exp(log_difference(high, low, given["link"]))


def _log_likelihood(y: np.ndarray, eta: np.ndarray, given: Given) -> np.ndarray:
    """log Pr(y = k) at the observed k alone: no (…, C) array is made."""
    cut = np.asarray(given["cutpoints"], dtype=float)
    ends = np.full((*cut.shape[:-1], 1), np.inf)
    border = np.concatenate([-ends, cut, ends], axis=-1)  # border[k] … border[k + 1] is category k
    k = np.asarray(y, dtype=np.int64)
    low, high = border[..., k], border[..., k + 1]
    return log_difference(high - eta, low - eta, given["link"])


def _simulate(rng: np.random.Generator, eta: np.ndarray, given: Given) -> np.ndarray:
    cut = np.asarray(given["cutpoints"], dtype=float)
    latent = eta + (rng.logistic(size=eta.shape) if given["link"] == "logit" else rng.standard_normal(eta.shape))
    found = np.zeros(latent.shape)
    for k in range(cut.shape[-1]):
        found += latent > (cut[k] if cut.ndim == 1 else cut[..., k, None])
    return found


def _row(design: Design, family: Family) -> Row:
    last = len(design.categories or ()) - 1
    order = {1: "", 2: ",  c_1 < c_2"}.get(last, f",  c_1 < … < c_{last}")
    return Row("η_i", below=(f"{family.link} Pr(y_i ≤ k) = c_k − η_i{order}",))


def _jags(data: Mapping[str, Any], link: str) -> list[str]:
    below = {"logit": "ilogit", "probit": "phi"}[link]
    return [
        "for (k in 1:(C - 1)) {",
        f"  below[i,k] <- {below}(cut[k] - eta[i])",
        "}",
        "theta[i,1] <- below[i,1]",
        *([] if data["C"] == 2 else ["for (k in 2:(C - 1)) {", "  theta[i,k] <- below[i,k] - below[i,k-1]", "}"]),
        "theta[i,C] <- 1 - below[i,C-1]",
        "y[i] ~ dcat(theta[i,1:C])",
    ]


CUMULATIVE = Family(
    "ordinal",
    ("logit", "probit"),
    ORDINAL,
    "ordered categories, Pr(y ≤ k) = F(c_k − η)",
    equation=_row,
    symbols=lambda design: (("c_k", "b_Intercept[k]"),) if len(design.categories or ()) > 2 else (("c_1", "b_Intercept[1]"),),
    log_likelihood=_log_likelihood,
    expected=probabilities,
    simulate=_simulate,
    latent_variance=lambda given: LATENT_VARIANCE[given["link"]],
    aliases=("cumulative", "ordered"),
    brms="cumulative",
    likelihood={"logit": "ORDINAL_LOGIT", "probit": "ORDINAL_PROBIT"},
    cells=EQUAL,
    jags=_jags,
    stan=lambda data, link: {"logit": "y ~ ordered_logistic(eta, cut);", "probit": "y ~ ordered_probit(eta, cut);"}[link],
    stan_outcome="int<lower=2> C;\narray[N] int<lower=1, upper=C> y;",
)

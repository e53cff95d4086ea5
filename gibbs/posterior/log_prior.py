"""The log density of the priors at every draw, block by block: what power-scaling of a prior weighs draws by.

A block is what the priors of a spec are on: ``b`` (all coefficients), ``cutpoints``, ``sd[g]``, ``cor[g]`` or ``cov[g]``, ``df[g]``,
``rho[g]``, ``sigma``, ``nu``, ``shape``, ``phi``. Densities are those that the prior states: of sds (not variances), of correlations
(∝ |R|^(η − 1)), of the covariance matrix (inverse-Wishart; Huang and Wand 2013, equation 3), each but for a constant; of the columns at
their means where the priors are stated there. The law of the effects given their covariance is no prior here. Flat and fixed priors have
no block.
"""

from __future__ import annotations

import numpy as np

from gibbs.draws import names
from gibbs.draws.outline import FactorOutline, Outline
from gibbs.draws.records import Draws
from gibbs.model import families, laws
from gibbs.model.prior_kinds import cut_off, log_density
from gibbs.model.records import CoefficientPrior, Design, Prior, Term
from gibbs.posterior import variances

SILENT = ("fixed", "flat")
"""Kinds of priors that weigh no draw."""


def blocks(draws: Draws, outline: Outline, design: Design) -> dict[str, np.ndarray]:
    """Block → log density (chain, draw)."""
    found: dict[str, np.ndarray] = {}
    if design.coefficient_priors:
        found["b"] = coefficients(design.coefficient_priors, draws.beta)
    for factor in outline.factors:
        for name, value in _of_factor(draws, outline, factor).items():
            found[name] = found.get(name, 0.0) + value
    cut = design.cutpoint_prior
    if cut is not None and cut.kind not in SILENT:
        values = np.stack([variances.hyper(draws, outline, name) for name in names.cutpoint_names(outline)], axis=2)
        at = values if design.cutpoint_means is None else values - (draws.beta @ design.cutpoint_means)[:, :, None]
        found["cutpoints"] = log_density(cut, at).sum(axis=2)
    for name, prior in families.of(outline).priors(outline).items():
        if prior is not None and prior.kind not in SILENT:
            found[name] = _scalar(prior, variances.hyper(draws, outline, name), name)
    return found


def coefficients(statements: tuple[CoefficientPrior, ...], beta: np.ndarray) -> np.ndarray:
    """Σ_r log density of w_r'β, normal or t: (chain, draw) of coefficients (chain, draw, p)."""
    total = np.zeros(beta.shape[:2])
    for one in statements:
        z = (beta @ one.weights - one.mean) / one.scale
        total += -0.5 * z**2 if np.isinf(one.df) else -0.5 * (one.df + 1.0) * np.log1p(z**2 / one.df)
    return total


def _scalar(prior: Prior, values: np.ndarray, on: str) -> np.ndarray:
    return log_density(prior, values, lower=1.0 if cut_off(prior, on) else 0.0)


def _of_factor(draws: Draws, outline: Outline, factor: FactorOutline) -> dict[str, np.ndarray]:
    """The blocks of one factor; terms that share a name are added."""
    found: dict[str, np.ndarray] = {}

    def add(name: str, value: np.ndarray) -> None:
        found[name] = found[name] + value if name in found else value

    for term in factor.terms:
        covariance = _stated(draws, outline, factor, term)
        sds = np.sqrt(np.diagonal(covariance, axis1=2, axis2=3))
        if term.covariance is not None:
            add(f"cov[{factor.name}]", matrix(term.covariance, covariance))
            continue
        for a, prior in enumerate(term.sd_priors):
            if prior.kind not in SILENT:
                add(f"sd[{factor.name}]", log_density(prior, sds[:, :, a]))
        if term.correlation is not None and len(term.columns) > 1 and term.correlation.args[0] != 1.0:
            correlation = covariance / (sds[:, :, :, None] * sds[:, :, None, :])
            add(f"cor[{factor.name}]", (float(term.correlation.args[0]) - 1.0) * np.linalg.slogdet(correlation)[1])
    own = laws.own_prior(factor)
    if own is not None and own.kind not in SILENT:
        name = names.own_name(factor)
        found[f"{laws.of(factor).parameter}[{factor.name}]"] = _scalar(own, variances.hyper(draws, outline, name), name)
    return found


def _stated(draws: Draws, outline: Outline, factor: FactorOutline, term: Term) -> np.ndarray:
    """What the priors of a term are on, (chain, draw, q, q): Σ as written, or there Σ there', of the columns at their means."""
    whole = variances.covariance(draws, outline, factor, term.group)
    start = 0
    for other in (t for t in factor.terms if t.group == term.group):
        if other is term:
            break
        start += len(other.columns)
    q = len(term.columns)
    own = whole[:, :, start : start + q, start : start + q]
    if term.there is None or term.written:
        return own
    there = np.array(term.there)
    return there @ own @ there.T


def matrix(prior: Prior, covariance: np.ndarray) -> np.ndarray:
    """Log density, but for a constant, of covariance matrices (…, q, q) under inverse_wishart(df, S) or huang_wand(ν, A)."""
    q = covariance.shape[-1]
    log_det, inverse = np.linalg.slogdet(covariance)[1], np.linalg.inv(covariance)
    if prior.kind == "inverse_wishart":
        df, S = float(prior.args[0]), np.asarray(prior.args[1], dtype=float)
        S = S if S.ndim == 2 else S * np.eye(q)
        return -0.5 * (df + q + 1.0) * log_det - 0.5 * np.einsum("ab,...ba->...", S, inverse)
    nu, A = float(prior.args[0]), np.broadcast_to(np.asarray(prior.args[1], dtype=float), (q,))
    diagonal = np.diagonal(inverse, axis1=-2, axis2=-1)
    return -0.5 * (nu + 2.0 * q) * log_det - 0.5 * (nu + q) * np.log(nu * diagonal + A**-2.0).sum(axis=-1)

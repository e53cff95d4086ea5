"""The family of overdispersed successes: y of n trials whose probability varies from row to row about the mean of the model.

    y | p ~ Binomial(n, p),   p ~ Beta(μφ, (1 − μ)φ),   μ = F(η);     variance n μ (1 − μ) (1 + (n − 1) ρ),   ρ = 1/(1 + φ)

ρ is the correlation of two trials of a row, and φ, the parameter ``phi``, is a precision: φ → ∞ is the binomial, φ → 0 rows that are all
successes or all failures. The default prior says log φ ~ N(2.3, 2²), which is logit ρ ~ N(−2.3, 2²): a median of ρ = 0.09, 95 % between
0.002 and 0.83. It is the same whichever of the two outcomes is called a success, whatever the numbers of trials, for φ and for 1/φ; and its
tails are light enough for φ to have a posterior mean and variance where the data are as good as binomial.

With k from 0, log Γ(a + y)/Γ(a) = Σ log(a + k) over k < y; dividing by φ leaves sums that do not cancel for a large φ,

    log p(y) = log C(n, y) + Σ_{k<y} log(μ + kρ') + Σ_{k<n−y} log(1 − μ + kρ') − Σ_{k<n} log(1 + kρ'),   ρ' = 1/φ .
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.model.families.numbers import distribution, log_choose, log_distribution, special
from gibbs.model.families.record import APART, TRIALS, Family, Given, Row, dispersion
from gibbs.model.families.shares import STAN_MEAN, latent_variance, of_one_trial

if TYPE_CHECKING:
    from gibbs.model.records import Design

_SERIES_FROM = 16.0
"""From this argument on log Γ(z + d)/Γ(z) is Stirling's series: nothing cancels where z is large beside d."""


def _stirling(z: np.ndarray) -> np.ndarray:
    """log Γ(z) − (z − ½) log z + z − ½ log 2π for z ≥ ``_SERIES_FROM``."""
    w = 1.0 / (z * z)
    return (1.0 / 12.0 - w * (1.0 / 360.0 - w * (1.0 / 1260.0 - w / 1680.0))) / z


def log_rising(z: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Σ_{k<d} log(z + k)/z, z > 0, d whole: log Γ(z + d)/Γ(z) − d log z."""
    z, d = np.broadcast_arrays(np.asarray(z, dtype=float), np.asarray(d, dtype=float))
    large = np.maximum(z, _SERIES_FROM)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = d / large
        far = (large + d - 0.5) * np.log1p(ratio) - d + _stirling(large + d) - _stirling(large)
        near = special.gammaln(z + d) - special.gammaln(z) - special.xlogy(d, z)
    return np.where(z >= _SERIES_FROM, far, np.where(d > 0, near, 0.0))


def _half(log_share: np.ndarray, share: np.ndarray, count: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """Σ_{k<count} log(share + k/φ), the term k = 0 from the log, which does not underflow."""
    more = np.maximum(count - 1.0, 0.0)
    first = share + 1.0 / phi
    with np.errstate(invalid="ignore"):
        rest = special.xlogy(more, first) + log_rising(phi * first, more)
        return np.where(count > 0, log_share, 0.0) + np.where(more > 0, rest, 0.0)


def _log_likelihood(y: np.ndarray, eta: np.ndarray, given: Given) -> np.ndarray:
    trials = given.get("trials")
    n, phi = np.ones_like(y) if trials is None else np.asarray(trials, dtype=float), np.asarray(given["phi"], dtype=float)
    y, eta, n, phi = np.broadcast_arrays(y, eta, n, phi)
    success, failure = log_distribution(eta, given["link"])
    value = _half(success, np.exp(success), y, phi) + _half(failure, np.exp(failure), n - y, phi)
    return value - log_rising(phi, n) + log_choose(n, y)


def _simulate(rng: np.random.Generator, eta: np.ndarray, given: Given) -> np.ndarray:
    """p by two gammas on the log scale, which do not underflow together where φ is small."""
    link, phi = given["link"], np.broadcast_to(np.asarray(given["phi"], dtype=float), eta.shape)
    trials = given.get("trials")
    mean = distribution(eta, link)
    a, b = mean * phi, np.exp(log_distribution(eta, link)[1]) * phi
    success, failure = (_log_gamma(rng, shape) for shape in (a, b))
    p = np.where(np.isinf(success) & np.isinf(failure), mean, special.expit(success - failure))
    n = np.ones(eta.shape, dtype=np.int64) if trials is None else np.broadcast_to(np.asarray(trials, dtype=np.int64), eta.shape)
    return rng.binomial(n, p).astype(float)


def _log_gamma(rng: np.random.Generator, shape: np.ndarray) -> np.ndarray:
    """The log of a Gamma(shape): Gamma(shape + 1) times U^(1/shape)."""
    with np.errstate(divide="ignore"):
        return np.log(rng.standard_gamma(shape + 1.0)) - rng.standard_exponential(shape.shape) / shape


def _variance(mean: np.ndarray, given: Given) -> np.ndarray:
    """n μ(1 − μ)(1 + (n − 1) ρ)."""
    n = given.get("trials", 1)
    return n * mean * (1.0 - mean) * (1.0 + (n - 1.0) / (1.0 + given["phi"]))


def _row(design: Design, family: Family) -> Row:
    return Row(f"{family.link} μ_i", below=("y_i ~ Binomial(n_i, p_i),  p_i ~ Beta(μ_i φ, (1 − μ_i) φ)",))


def _jags(data: Mapping[str, Any], link: str) -> list[str]:
    return [f"{link}(mu[i]) <- eta[i]", "y[i] ~ dbetabin(mu[i] * phi, (1 - mu[i]) * phi, trials[i])"]


BETA_BINOMIAL = Family(
    "beta_binomial",
    ("logit", "probit", "cloglog"),
    TRIALS,
    "successes of a number of trials whose probability varies from row to row, a beta of precision phi",
    equation=_row,
    symbols=lambda design: (("φ", "phi"),),
    log_likelihood=_log_likelihood,
    simulate=_simulate,
    within=of_one_trial,
    variance=_variance,
    latent_variance=latent_variance,
    parameters=(
        dispersion(
            "phi",
            "φ",
            "the precision of a beta-binomial (correlation of two trials of a row: 1/(1 + phi))",
            ("lognormal", (2.3, 2.0)),
            "the variation beyond binomial",
        ),
    ),
    aliases=("betabinomial", "beta_binom"),
    needs_trials=True,
    likelihood={"logit": "BETA_BINOMIAL_LOGIT", "probit": "BETA_BINOMIAL_PROBIT", "cloglog": "BETA_BINOMIAL_CLOGLOG"},
    cells=APART,
    constant_of="trials",
    jags=_jags,
    stan=lambda data, link: f"y ~ beta_binomial(trials, {STAN_MEAN[link]} * phi, (1 - {STAN_MEAN[link]}) * phi);",
)

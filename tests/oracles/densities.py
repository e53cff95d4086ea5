"""The model's joint log-density, written from its definition, term by term, with nothing shared with the kernels.

``values`` is a dict::

    beta         (p,)
    u            list, one a factor, of (J, q)
    covariances  list, one a factor, of lists, one a term, of (q_t, q_t)
    sigma        float (gaussian without known_se; student), else absent or None
    nu           float (student), else absent or None

Measures. All densities are normalised (improper flat priors count as 1) and are with respect to Lebesgue measure on: β, u,
**sd** for a term of one column (whatever its prior), the q(q+1)/2 entries of the **lower triangle of Σ** for a term of several
columns, **sigma**, **nu**. What is fixed by its prior has no density: the right value counts 0, any other −∞. A term of several
columns with a fixed sd is measured in its free sds and its correlations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import special, stats

from gibbs.model.records import CoefficientPrior, Design, Factor, Prior, Term

Values = Mapping[str, Any]
_LOG_2PI = np.log(2.0 * np.pi)


def linear_predictor(design: Design, values: Values) -> np.ndarray:
    """η = offset + Xβ + Σ_k z_ki'u_k,j(i), shape (N,)."""
    eta = design.offset + design.X @ np.asarray(values["beta"], float)
    for factor, u in zip(design.factors, values["u"], strict=True):
        eta = eta + np.sum(factor.Z * np.asarray(u)[factor.codes], axis=1)
    return eta


def log_likelihood(design: Design, values: Values) -> float:
    """log p(y | η, sigma, nu)."""
    eta, y = linear_predictor(design, values), design.y
    if design.family == "gaussian":
        sd = values["sigma"] if design.known_se is None else design.known_se
        return float(np.sum(stats.norm.logpdf(y, eta, sd)))
    if design.family == "student":
        return float(np.sum(stats.t.logpdf(y, values["nu"], eta, values["sigma"])))
    sign, weights = 2.0 * y - 1.0, np.ones(len(y)) if design.weights is None else design.weights
    if design.family == "probit":
        return float(np.sum(weights * special.log_ndtr(sign * eta)))
    if design.family == "logit":
        return float(np.sum(weights * special.log_expit(sign * eta)))
    return float(np.sum(weights * log_pointwise(design, eta, y, values)))


def log_pointwise(design: Design, eta: np.ndarray, y: np.ndarray, values: Values) -> np.ndarray:
    """log p(y | η) of the binomial, count and ordinal families, by scipy.stats; arrays of one shape with rows last."""
    if design.family == "binomial":
        if design.link == "probit":
            below, above = special.log_ndtr(-eta), special.log_ndtr(eta)
        elif design.link == "cloglog":
            below = -np.exp(np.minimum(eta, 700.0))  # beyond it no 0 is possible
            above = np.where(eta > -30.0, np.log(-np.expm1(np.minimum(below, -1e-300))), eta)
        else:
            below, above = special.log_expit(-eta), special.log_expit(eta)
        n = design.trials
        choose = special.gammaln(n + 1.0) - special.gammaln(y + 1.0) - special.gammaln(n - y + 1.0)
        return choose + special.xlogy(y, 1.0) + y * above + (n - y) * below
    if design.family == "beta_binomial":
        return _log_beta_binomial(design, eta, y, np.asarray(values["shape"])[..., None])
    if design.family == "poisson":
        return stats.poisson.logpmf(y, np.exp(eta))
    if design.family == "negative_binomial":
        size = np.asarray(values["shape"])[..., None]
        return stats.nbinom.logpmf(y, size, size / (size + np.exp(eta)))
    if design.family == "ordinal":
        F = special.ndtr if design.link == "probit" else special.expit
        cut = np.asarray(values["cutpoints"])
        ends = np.full((*cut.shape[:-1], 1), np.inf)
        cut = np.concatenate([-ends, cut, ends], axis=-1)
        k = y.astype(int)
        low, high = (np.take_along_axis(np.broadcast_to(cut, (*k.shape[:-1], cut.shape[-1])), k + side, axis=-1) for side in (0, 1))
        return np.log(np.maximum(F(high - eta) - F(low - eta), 1e-300))
    raise ValueError(f"no likelihood for family {design.family!r}")


def _log_beta_binomial(design: Design, eta: np.ndarray, y: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """log of C(n, y) B(y + a, n − y + b)/B(a, b), a = μφ, b = (1 − μ)φ, factor by factor: Γ(a + y)/Γ(a) = a (a + 1) … (a + y − 1)."""
    if design.link == "cloglog":
        failure = -np.exp(np.minimum(eta, 700.0))
        success = np.where(eta > -30.0, np.log(-np.expm1(np.minimum(failure, -1e-300))), eta)
    else:
        log_F = {"logit": special.log_expit, "probit": special.log_ndtr}[design.link]
        success, failure = log_F(eta), log_F(-eta)

    def product(log_share: np.ndarray, count: np.ndarray) -> np.ndarray:
        total = np.where(count > 0, log_share + np.log(phi), 0.0)
        for k in range(1, int(design.trials.max())):
            total = total + np.where(k < count, np.log(np.exp(log_share) * phi + k), 0.0)
        return total

    n = design.trials
    whole = product(success, y) + product(failure, n - y) - product(np.zeros_like(eta), np.broadcast_to(n, eta.shape))
    return whole + special.gammaln(n + 1.0) - special.gammaln(y + 1.0) - special.gammaln(n - y + 1.0)


def log_prior_sd(prior: Prior, sd: float) -> float:
    """Log density of a sd (or sigma) on the sd scale; an inverse-gamma on the variance carries the Jacobian 2 sd."""
    if prior.kind == "fixed":
        return 0.0 if np.isclose(sd, prior.args[0], rtol=1e-12, atol=0.0) else -np.inf
    if not sd > 0.0:
        return -np.inf
    if prior.kind == "half_t":
        df, location, scale = prior.args
        _check_zero(location)
        return float(np.log(2.0) + stats.t.logpdf(sd, df, 0.0, scale))
    if prior.kind == "half_normal":
        location, scale = prior.args
        _check_zero(location)
        return float(stats.halfnorm.logpdf(sd, scale=scale))
    if prior.kind == "half_cauchy":
        location, scale = prior.args
        _check_zero(location)
        return float(stats.halfcauchy.logpdf(sd, scale=scale))
    if prior.kind == "exponential":
        return float(stats.expon.logpdf(sd, scale=1.0 / prior.args[0]))
    if prior.kind == "uniform":
        low, high = prior.args
        return float(stats.uniform.logpdf(sd, low, high - low))
    if prior.kind == "gamma":
        shape, rate = prior.args
        return float(stats.gamma.logpdf(sd, shape, scale=1.0 / rate))
    if prior.kind == "lognormal":
        m, s = prior.args
        return float(stats.lognorm.logpdf(sd, s, scale=np.exp(m)))
    if prior.kind == "inverse_gamma":
        shape, scale = prior.args
        return float(stats.invgamma.logpdf(sd**2, shape, scale=scale) + np.log(2.0 * sd))
    raise ValueError(f"no sd prior {prior.kind!r}")


def _check_zero(location: float) -> None:
    if location != 0.0:
        raise ValueError("half priors are about zero")


def log_prior_nu(prior: Prior, nu: float) -> float:
    """Log density of the degrees of freedom; only the gamma is truncated (to nu > 1) and renormalised."""
    if prior.kind == "fixed":
        return 0.0 if np.isclose(nu, prior.args[0], rtol=1e-12, atol=0.0) else -np.inf
    if prior.kind == "gamma":
        shape, rate = prior.args
        if not nu > 1.0:
            return -np.inf
        return float(stats.gamma.logpdf(nu, shape, scale=1.0 / rate) - np.log(special.gammaincc(shape, rate)))
    if prior.kind == "exponential":
        return float(stats.expon.logpdf(nu, scale=1.0 / prior.args[0]))
    if prior.kind == "uniform":
        low, high = prior.args
        return float(stats.uniform.logpdf(nu, low, high - low))
    raise ValueError(f"no nu prior {prior.kind!r}")


def log_prior_beta(rows: tuple[CoefficientPrior, ...], beta: np.ndarray) -> float:
    """Sum over the prior rows of the log density of w'β. With p unit-triangular rows (as designs have) a density on β."""
    total = 0.0
    for row in rows:
        at = row.weights @ beta
        normal = np.isinf(row.df)
        total += float(stats.norm.logpdf(at, row.mean, row.scale) if normal else stats.t.logpdf(at, row.df, row.mean, row.scale))
    return total


def _log_det_if_positive(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """log|M|, whether M is positive definite, and M with the identity in the place of those that are not; (..., q, q)."""
    positive = np.all(np.linalg.eigvalsh(matrix) > 0.0, axis=-1)
    safe = np.where(positive[..., None, None], matrix, np.eye(matrix.shape[-1]))
    return np.linalg.slogdet(safe)[1], positive, safe


def _float_or_array(value: np.ndarray) -> Any:
    return float(value) if np.ndim(value) == 0 else value


def log_lkj(correlation: np.ndarray, eta: float) -> Any:
    """LKJ(η) on the q(q−1)/2 correlations: |R|^(η−1)/Z (Lewandowski, Kurowicka, Joe 2009, eq. 16). (..., q, q) → (...)."""
    q = correlation.shape[-1]
    log_det, positive, _ = _log_det_if_positive(correlation)
    log_z = 0.0
    for k in range(1, q):
        half = eta + (q - k - 1.0) / 2.0
        log_z += (2.0 * eta - 2.0 + q - k) * (q - k) * np.log(2.0) + (q - k) * special.betaln(half, half)
    return _float_or_array(np.where(positive, (eta - 1.0) * log_det - log_z, -np.inf))


def log_inverse_wishart(covariance: np.ndarray, df: float, scale: np.ndarray) -> Any:
    """|S|^(df/2) |Σ|^(−(df+q+1)/2) exp(−tr(S Σ⁻¹)/2) / (2^(df q/2) Γ_q(df/2)), on the lower triangle of Σ. (..., q, q) → (...)."""
    q = covariance.shape[-1]
    log_det, positive, safe = _log_det_if_positive(covariance)
    log_z = 0.5 * df * q * np.log(2.0) + special.multigammaln(0.5 * df, q) - 0.5 * df * np.linalg.slogdet(scale)[1]
    trace = np.trace(np.linalg.inv(safe) @ scale, axis1=-2, axis2=-1)
    return _float_or_array(np.where(positive, -0.5 * (df + q + 1.0) * log_det - 0.5 * trace - log_z, -np.inf))


def log_huang_wand(covariance: np.ndarray, nu: float, scales: np.ndarray) -> Any:
    """Huang & Wand (2013): Σ | a ~ IW(ν+q−1, 2ν diag(1/a)), a_k ~ IG(1/2, 1/A_k²), with a integrated out. (..., q, q) → (...).

    ∝ |Σ|^(−(ν+2q)/2) Π_k (ν (Σ⁻¹)_kk + A_k⁻²)^(−(ν+q)/2); each sd is half-t(ν, A_k).
    """
    q = covariance.shape[-1]
    log_det, positive, safe = _log_det_if_positive(covariance)
    df = nu + q - 1.0
    log_z = 0.5 * df * q * np.log(2.0) + special.multigammaln(0.5 * df, q) - 0.5 * df * q * np.log(2.0 * nu)
    inverse_diagonal = np.diagonal(np.linalg.inv(safe), axis1=-2, axis2=-1)
    one = special.gammaln(0.5 * (nu + q)) - special.gammaln(0.5) - np.log(scales)  # IG(1/2, A⁻²): (A⁻²)^½ / Γ(½)
    one = one - 0.5 * (nu + q) * np.log(nu * inverse_diagonal + scales**-2.0)
    return _float_or_array(np.where(positive, -0.5 * (nu + 2.0 * q) * log_det - log_z + np.sum(one, axis=-1), -np.inf))


def log_covariance_prior(prior: Prior, covariance: np.ndarray) -> Any:
    """An inverse-Wishart or Huang–Wand prior on the lower triangle of Σ. (..., q, q) → (...)."""
    if prior.kind == "inverse_wishart":
        return log_inverse_wishart(covariance, float(prior.args[0]), np.atleast_2d(np.asarray(prior.args[1], float)))
    if prior.kind == "huang_wand":
        return log_huang_wand(covariance, float(prior.args[0]), huang_wand_scales(prior, covariance.shape[-1]))
    raise ValueError(f"no covariance prior {prior.kind!r}")


def huang_wand_scales(prior: Prior, q: int) -> np.ndarray:
    """The q scales A_k of a ``huang_wand(nu, A)`` prior, A a number or one a column."""
    return np.broadcast_to(np.asarray(prior.args[1], float), (q,)).copy()


def log_prior_covariance(term: Term, covariance: np.ndarray) -> float:
    """Log density of one term's covariance: on the sd if it has one column, else on the lower triangle of Σ (module docstring)."""
    covariance = np.atleast_2d(np.asarray(covariance, float))
    q = len(term.columns)
    sds = np.sqrt(np.diag(covariance))
    if not np.all(sds > 0.0) and term.covariance is not None:
        return -np.inf
    if term.covariance is not None:
        density = log_covariance_prior(term.covariance, covariance)
        return density + (float(np.log(2.0 * sds[0])) if q == 1 else 0.0)  # dΣ = 2 sd dsd
    density = sum(log_prior_sd(prior, sd) for prior, sd in zip(term.sd_priors, sds, strict=True))
    if q == 1 or not np.isfinite(density):
        return density
    if term.correlation is None or term.correlation.kind != "lkj":
        raise ValueError("several columns need an lkj or a covariance prior")
    density += log_lkj(covariance / np.outer(sds, sds), float(term.correlation.args[0]))
    if any(prior.kind == "fixed" for prior in term.sd_priors):
        return density
    # Σ_kk = s_k², Σ_kl = s_k s_l ρ_kl: |∂Σ/∂(s, ρ)| = 2^q Π s_k^q
    return density - float(q * np.log(2.0) + q * np.sum(np.log(sds)))


def factor_covariance(covariances: list[np.ndarray]) -> np.ndarray:
    """The (q, q) block-diagonal Σ of a factor from the covariances of its terms."""
    sizes = [len(np.atleast_2d(c)) for c in covariances]
    full, start = np.zeros((sum(sizes), sum(sizes))), 0
    for block, size in zip(covariances, sizes, strict=True):
        full[start : start + size, start : start + size] = block
        start += size
    return full


def log_prior_df(prior: Prior, df: float) -> float:
    """Log density of the degrees of freedom of Student-t effects: as ``log_prior_nu``, but an exponential is cut off below 1, too."""
    return -np.inf if prior.kind == "exponential" and df <= 1.0 else log_prior_nu(prior, df)


def covariance_of_group(factor: Factor, covariances: list[np.ndarray], group: str) -> np.ndarray:
    """Σ of the levels of one group; "" where all levels share it. ``covariances``: one a term."""
    return factor_covariance([c for c, term in zip(covariances, factor.terms, strict=True) if term.group == group])


def log_random_effects(factor: Factor, u: np.ndarray, covariances: list[np.ndarray], df: float | None = None) -> float:
    """Σ_j log N(u_j; 0, Σ), or Σ_j log t_df(u_j; 0, Σ); Σ that of the level's group where they differ."""
    total, u = 0.0, np.asarray(u, float)
    q = u.shape[1]
    for g, group in enumerate(factor.groups or ("",)):
        sigma = covariance_of_group(factor, covariances, group)
        sign, log_det = np.linalg.slogdet(sigma)
        if sign <= 0:
            return -np.inf
        own = u if factor.group is None else u[factor.group == g]
        distance = np.sum(own * np.linalg.solve(sigma, own.T).T, axis=1)
        if df is None:
            total += np.sum(-0.5 * (q * _LOG_2PI + log_det + distance))
        else:
            constant = special.gammaln(0.5 * (df + q)) - special.gammaln(0.5 * df) - 0.5 * (q * np.log(df * np.pi) + log_det)
            total += np.sum(constant - 0.5 * (df + q) * np.log1p(distance / df))
    return float(total)


def log_prior(design: Design, values: Values) -> float:
    """log p(β, u, Σ, sigma, nu): everything but the likelihood."""
    total = log_prior_beta(design.coefficient_priors, np.asarray(values["beta"], float))
    dfs = values.get("df") or [None] * len(design.factors)
    for factor, u, covariances, df in zip(design.factors, values["u"], values["covariances"], dfs, strict=True):
        if factor.own_prior is not None:
            total += log_prior_df(factor.own_prior, df)
        for term, covariance in zip(factor.terms, covariances, strict=True):
            if term.there is not None and not term.written:  # stated in the centred basis; |there| = 1
                covariance = np.array(term.there) @ covariance @ np.array(term.there).T
            total += log_prior_covariance(term, covariance)
        if not np.isfinite(total):
            return -np.inf
        total += log_random_effects(factor, u, covariances, df)
    if design.sigma_prior is not None:
        total += log_prior_sd(design.sigma_prior, float(values["sigma"]))
    if design.nu_prior is not None:
        total += log_prior_nu(design.nu_prior, float(values["nu"]))
    if design.dispersion_prior is not None:
        total += log_prior_sd(design.dispersion_prior, float(values["shape"]))
    if design.cutpoint_prior is not None:
        cut = np.asarray(values["cutpoints"])
        if np.any(np.diff(cut) <= 0.0):
            return -np.inf
        df, mean, scale = design.cutpoint_prior.args
        if design.cutpoint_means is not None:
            cut = cut - design.cutpoint_means @ np.asarray(values["beta"], float)
        total += np.sum(stats.t.logpdf(cut, df, mean, scale)) + special.gammaln(cut.size + 1.0)
    return float(total)


def log_joint(design: Design, values: Values) -> float:
    """log p(y, β, u, Σ, sigma, nu); measures in the module docstring."""
    prior = log_prior(design, values)
    return prior + log_likelihood(design, values) if np.isfinite(prior) else -np.inf


def augmented_log_joint(design: Design, values: Values, latent: np.ndarray) -> float:
    """log p(y, latent, θ) with the latent variables that make the model conditionally Gaussian; ``latent`` is (N,).

    probit: z_i ~ N(η_i, 1), y_i = 1(z_i > 0) (Albert & Chib 1993).
    logit: ω_i, giving ½ exp((y−½)η − ω η²/2) p_PG(1,0)(ω); the factor p_PG(ω), free of θ, is left out (Polson, Scott, Windle 2013).
    student: λ_i ~ Gamma(nu/2, rate nu/2), y_i ~ N(η_i, sigma²/λ_i).
    """
    prior = log_prior(design, values)
    if not np.isfinite(prior):
        return -np.inf
    eta, latent = linear_predictor(design, values), np.asarray(latent, float)
    if design.family == "probit":
        if np.any((latent > 0.0) != (design.y == 1.0)):
            return -np.inf
        return prior + float(np.sum(stats.norm.logpdf(latent, eta, 1.0)))
    if np.any(latent <= 0.0):
        return -np.inf
    if design.family == "logit":
        return prior + float(np.sum((design.y - 0.5) * eta - 0.5 * latent * eta**2 - np.log(2.0)))
    if design.family == "student":
        sigma, nu = float(values["sigma"]), float(values["nu"])
        mixing = stats.gamma.logpdf(latent, 0.5 * nu, scale=2.0 / nu)
        return prior + float(np.sum(mixing + stats.norm.logpdf(design.y, eta, sigma / np.sqrt(latent))))
    raise ValueError(f"family {design.family!r} has no latent variables")

"""Posteriors of one-factor models by quadrature: exact to several digits, no Markov chain, nothing shared with the sampler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from gibbs.model.records import Design, Factor, Term

from .densities import log_covariance_prior, log_lkj, log_prior_beta, log_prior_sd
from .grid import Grid, Margin, integrate_on_grid

_LOG_2PI = np.log(2.0 * np.pi)
PROBABILITIES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class QuadraturePosterior:
    """``margins`` by brms' names (b_x, sd_g__x, cor_g__a__b, sigma, r_g[level,x]) and log p(y)."""

    margins: dict[str, Margin]
    log_evidence: float


def _only_factor(design: Design) -> Factor:
    if len(design.factors) != 1:
        raise ValueError("the quadrature oracles are for one factor")
    return design.factors[0]


# ------------------------------------------------------------------------------------------------------- gaussian


@dataclass(frozen=True)
class _Coordinates:
    """Where each hyperparameter stands in a grid point: free sds, arcsines of correlations of two-column terms, sigma.

    (The arcsine takes the root singularities at ±1 away.)
    """

    names: tuple[str, ...]
    start: np.ndarray
    bounds: tuple[tuple[float, float], ...]
    sds: tuple[int | float, ...]  # one a column: an index, or the value where the prior fixes it
    correlations: tuple[int | None, ...]  # one a term; the coordinate is arcsin ρ
    sigma: int | float | None


def _coordinates(design: Design, factor: Factor) -> _Coordinates:
    names, start, bounds, sds, correlations = [], [], [], [], []

    def add(name: str, value: float, low: float, high: float) -> int:
        names.append(name)
        start.append(value)
        bounds.append((low, high))
        return len(names) - 1

    spread = float(np.std(design.y)) or 1.0
    for term in factor.terms:
        if len(term.columns) > 2:
            raise ValueError("terms of at most two columns")
        for column, prior in zip(term.columns, term.sd_priors or (None,) * len(term.columns), strict=True):
            if term.covariance is None and prior.kind == "fixed":
                sds.append(float(prior.args[0]))
                continue
            low, high = prior.args if term.covariance is None and prior.kind == "uniform" else (0.0, np.inf)
            value = 0.5 * spread if low < 0.5 * spread < high else 0.5 * (low + high)
            sds.append(add(f"sd_{factor.name}__{column}", value, low, high))
        two = len(term.columns) == 2
        name = f"cor_{factor.name}__" + "__".join(term.columns)
        correlations.append(add(name, 0.0, -0.5 * np.pi, 0.5 * np.pi) if two else None)
    sigma: int | float | None = None
    if design.known_se is None:
        prior = design.sigma_prior
        if prior.kind == "fixed":
            sigma = float(prior.args[0])
        else:
            low, high = prior.args if prior.kind == "uniform" else (0.0, np.inf)
            sigma = add("sigma", 0.7 * spread if low < 0.7 * spread < high else 0.5 * (low + high), low, high)
    return _Coordinates(tuple(names), np.array(start), tuple(bounds), tuple(sds), tuple(correlations), sigma)


def _on_unique(function: Callable[[float], float], x: np.ndarray) -> np.ndarray:
    """``function`` at every entry of x (G,), evaluated once for each different value."""
    values, inverse = np.unique(x, return_inverse=True)
    return np.array([function(v) for v in values])[inverse.ravel()]


def _term_log_prior(term: Term, sds: np.ndarray, correlation: np.ndarray | None) -> np.ndarray:
    """Log prior of a term on (sds, ρ) at every row: sds (G, q_t), correlation (G,) or None. (G,)."""
    if term.covariance is None:
        total = sum(_on_unique(lambda s, p=p: log_prior_sd(p, s), sds[:, k]) for k, p in enumerate(term.sd_priors))
        if correlation is not None:
            eta = float(term.correlation.args[0])
            total = total + _on_unique(lambda r: log_lkj(np.array([[1.0, r], [r, 1.0]]), eta), correlation)
        return total
    covariance = sds[:, :, None] * sds[:, None, :]
    if correlation is None:
        return log_covariance_prior(term.covariance, covariance) + np.log(2.0 * sds[:, 0])  # dΣ = 2 s ds
    covariance[:, 0, 1] *= correlation
    covariance[:, 1, 0] *= correlation
    return log_covariance_prior(term.covariance, covariance) + 2.0 * np.log(2.0 * sds[:, 0] * sds[:, 1])


@dataclass(frozen=True)
class _Location:
    """Given hyperparameters: log p(y | ·), and the normal law of β and u (means and variances), over G points."""

    log_marginal: np.ndarray  # (G,)
    beta_mean: np.ndarray  # (G, p)
    beta_variance: np.ndarray
    u_mean: np.ndarray  # (G, J, q)
    u_variance: np.ndarray


class _GaussianOneFactor:
    """The marginal likelihood from sums over groups. A_j⁻¹ = (I + ΣG_j)⁻¹Σ, so that Σ may be (nearly) singular."""

    def __init__(self, design: Design, factor: Factor) -> None:
        if any(np.isfinite(row.df) for row in design.coefficient_priors):
            raise ValueError("coefficients with normal or flat priors only")
        self.weight = np.ones(len(design.y)) if design.known_se is None else design.known_se**-2.0
        y, X, Z, J = design.y - design.offset, design.X, factor.Z, len(factor.levels)
        w, member = self.weight[:, None], np.eye(J)[factor.codes]
        self.XX, self.Xy, self.yy = X.T @ (w * X), X.T @ (self.weight * y), float(self.weight @ y**2)
        self.G = np.einsum("ij,ia,ib->jab", member, w * Z, Z)
        self.C = np.einsum("ij,ia,ib->jab", member, w * Z, X)
        self.h = np.einsum("ij,ia,i->ja", member, w * Z, y)
        p, rows = X.shape[1], design.coefficient_priors
        W = np.array([row.weights for row in rows]).reshape(len(rows), p)
        precision, mean = np.array([row.scale**-2.0 for row in rows]), np.array([row.mean for row in rows])
        self.prior_precision, self.prior_linear = (W.T * precision) @ W, (W.T * precision) @ mean
        self.constant = 0.5 * (np.sum(np.log(precision) - _LOG_2PI - precision * mean**2) + p * _LOG_2PI)
        self.constant += 0.5 * np.sum(np.log(self.weight)) - 0.5 * len(y) * _LOG_2PI
        self.rows, self.q = len(y), Z.shape[1]

    def __call__(self, covariance: np.ndarray, sigma2: np.ndarray, *, u: bool = False) -> _Location:
        """covariance (G, q, q), sigma2 (G,)."""
        t = 1.0 / sigma2[:, None, None, None]
        M = np.eye(self.q) + covariance[:, None] @ (t * self.G)  # (G, J, q, q)
        Ai = np.linalg.solve(M, np.broadcast_to(covariance[:, None], M.shape))
        tC, th = t * self.C, t[..., 0] * self.h
        CA = np.swapaxes(tC, -1, -2) @ Ai  # (G, J, p, q)
        S = self.XX / sigma2[:, None, None] + self.prior_precision - np.sum(CA @ tC, axis=1)
        b = self.Xy / sigma2[:, None] + self.prior_linear - np.sum(CA @ th[..., None], axis=1)[..., 0]
        Si = np.linalg.inv(S)
        m = (Si @ b[..., None])[..., 0]
        quadratic = self.yy / sigma2 - np.einsum("gja,gjab,gjb->g", th, Ai, th) - np.einsum("ga,ga->g", b, m)
        log_marginal = self.constant - 0.5 * (self.rows * np.log(sigma2) + quadratic)
        log_marginal = log_marginal - 0.5 * (np.linalg.slogdet(M)[1].sum(axis=1) + np.linalg.slogdet(S)[1])
        if not u:
            empty = np.empty((len(sigma2), 0, 0))
            return _Location(log_marginal, m, np.empty((len(sigma2), 0)), empty, empty)
        u_mean = (Ai @ (th[..., None] - tC @ m[:, None, :, None]))[..., 0]
        AC = Ai @ tC
        u_variance = np.einsum("gjaa->gja", Ai + AC @ Si[:, None] @ np.swapaxes(AC, -1, -2))
        return _Location(log_marginal, m, np.einsum("gaa->ga", Si), u_mean, u_variance)


def one_factor_gaussian_posterior(
    design: Design, *, probabilities: Sequence[float] = PROBABILITIES, nodes: int | None = None
) -> QuadraturePosterior:
    """Gaussian y (sigma unknown, fixed, or known_se), one factor with terms of one or two columns; β and u integrated analytically.

    Grid over the free sds, correlations and sigma (two to four of them in sensible time), ``nodes`` a panel.
    Coefficients have normal or flat priors. Margins of β, u, sds, correlations, sigma.
    """
    factor = _only_factor(design)
    if design.family != "gaussian":
        raise ValueError("a gaussian design")
    where, model = _coordinates(design, factor), _GaussianOneFactor(design, factor)

    def hyper(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Covariances (G, q, q), sigma² (G,), log prior (G,)."""
        n = len(points)
        sds = np.column_stack([points[:, k] if isinstance(k, int) else np.full(n, k) for k in where.sds])
        covariance, log_prior, start = np.zeros((n, sds.shape[1], sds.shape[1])), np.zeros(n), 0
        for term, k in zip(factor.terms, where.correlations, strict=True):
            part = slice(start, start + len(term.columns))
            R = np.broadcast_to(np.eye(len(term.columns)), (n, len(term.columns), len(term.columns))).copy()
            if k is not None:
                log_prior += np.log(np.cos(points[:, k]))  # dρ = cos φ dφ
                R[:, 0, 1] = R[:, 1, 0] = np.sin(points[:, k])
            covariance[:, part, part] = R * sds[:, part, None] * sds[:, None, part]
            log_prior += _term_log_prior(term, sds[:, part], None if k is None else np.sin(points[:, k]))
            start = part.stop
        if where.sigma is None:
            return covariance, np.ones(n), log_prior
        if isinstance(where.sigma, float):
            return covariance, np.full(n, where.sigma**2), log_prior
        log_prior += _on_unique(lambda s: log_prior_sd(design.sigma_prior, s), points[:, where.sigma])
        return covariance, points[:, where.sigma] ** 2, log_prior

    def log_density(points: np.ndarray) -> np.ndarray:
        covariance, sigma2, log_prior = hyper(points)
        chunk = max(1, 400_000 // (len(factor.levels) * model.q**2))
        parts = [model(covariance[i : i + chunk], sigma2[i : i + chunk]).log_marginal for i in range(0, len(points), chunk)]
        return np.concatenate(parts) + log_prior

    if nodes is None:
        nodes = {1: 12, 2: 10, 3: 6}.get(len(where.names), 4)
    grid = integrate_on_grid(log_density, where.start, where.bounds, nodes)
    correlations = {k for k in where.correlations if k is not None}
    margins = {name: grid.margin(k, probabilities, np.sin if k in correlations else None) for k, name in enumerate(where.names)}
    kept = grid.mass > 1e-11
    covariance, sigma2, _ = hyper(grid.points[kept])
    location, mass = model(covariance, sigma2, u=True), grid.mass[kept] / grid.mass[kept].sum()
    for k, name in enumerate(design.coefficients):
        margins[f"b_{name}"] = _mixture(mass, location.beta_mean[:, k], location.beta_variance[:, k], probabilities)
    for j, level in enumerate(factor.levels):
        for a, column in enumerate(factor.columns):
            law = _mixture(mass, location.u_mean[:, j, a], location.u_variance[:, j, a], probabilities)
            margins[f"r_{factor.name}[{level},{column}]"] = law
    return QuadraturePosterior(margins, grid.log_integral)


def _mixture(mass: np.ndarray, mean: np.ndarray, variance: np.ndarray, probabilities: Sequence[float]) -> Margin:
    """A finite mixture of normals."""
    total = float(mass @ mean)
    sd = np.sqrt(variance)
    spread = float(np.sqrt(mass @ (variance + (mean - total) ** 2)))
    low, high = float(np.min(mean - 12.0 * sd)), float(np.max(mean + 12.0 * sd))
    quantiles = {p: float(optimize.brentq(lambda x, p=p: mass @ special.ndtr((x - mean) / sd) - p, low, high)) for p in probabilities}
    return Margin(total, spread, quantiles)


# --------------------------------------------------------------------------------------------------------- binary


def one_factor_binary_log_likelihood(design: Design, link: str, beta: np.ndarray, sd: np.ndarray, *, group_nodes: int = 41) -> np.ndarray:
    """log p(y | β, sd), random effects of one column integrated out group by group; beta (G, p), sd (G,) → (G,).

    In v = u/sd = mode + width sinh t, mode and width from the log-concave integrand itself (Newton's method), by the trapezoid rule
    in t over mode ± 10: exponentially convergent whether the group's data or the prior make the integrand narrow. (Adaptive
    Gauss–Hermite with 31 nodes loses 1e-3 where all outcomes of a group agree and the sd is large.)
    """
    factor = _only_factor(design)
    if factor.Z.shape[1] != 1:
        raise ValueError("one random coefficient a level")
    sign, z, member = 2.0 * design.y - 1.0, factor.Z[:, 0], np.eye(len(factor.levels))[factor.codes]
    eta = design.offset + beta @ design.X.T  # (G, N)
    slope = sd[:, None] * z  # dη/dv
    v = np.zeros((len(sd), len(factor.levels)))
    low, high = np.full(v.shape, -100.0), np.full(v.shape, 100.0)
    for _ in range(80):  # Newton's method, halving its bracket where a step would leave it
        first, second = _binary_derivatives(link, sign, eta + slope * v[:, factor.codes])
        gradient = (slope * first) @ member - v
        curvature = 1.0 - (slope**2 * second) @ member
        low, high = np.where(gradient > 0.0, v, low), np.where(gradient > 0.0, high, v)
        proposal = v + gradient / curvature
        proposal = np.where((proposal > low) & (proposal < high), proposal, 0.5 * (low + high))
        close = np.all(np.abs(proposal - v) * np.sqrt(curvature) < 1e-2)  # in widths; the nodes need only be about right
        v = np.where(gradient == 0.0, v, proposal)
        if close:
            break
    width = 1.0 / np.sqrt(curvature)
    reach = np.arcsinh(10.0 / width)
    step = 2.0 * reach / (group_nodes - 1)
    total = np.full(v.shape, -np.inf)
    for k in range(group_nodes):
        t = k * step - reach
        at = v + width * np.sinh(t)
        value = _binary_log(link, sign * (eta + slope * at[:, factor.codes])) @ member - 0.5 * at**2 - 0.5 * _LOG_2PI
        total = np.logaddexp(total, value + np.log(width * np.cosh(t)))
    return np.sum(total + np.log(step), axis=1)


def _binary_log(link: str, x: np.ndarray) -> np.ndarray:
    return special.log_ndtr(x) if link == "probit" else special.log_expit(x)


def _binary_derivatives(link: str, sign: np.ndarray, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and second derivatives of log P(y | η) in η."""
    x = sign * eta
    if link == "probit":
        hazard = np.exp(-0.5 * x * x - 0.5 * _LOG_2PI - special.log_ndtr(x))
        return sign * hazard, -hazard * (x + hazard)
    p = special.expit(-x)
    return sign * p, -p * (1.0 - p)


def one_factor_binary_posterior(
    design: Design, link: str, *, probabilities: Sequence[float] = PROBABILITIES, nodes: int | None = None, group_nodes: int = 41
) -> QuadraturePosterior:
    """Probit or logit y, one random coefficient a level (an intercept, or any column), p ≤ 2 coefficients with any proper priors.

    Grid over β and the sd (unless its prior fixes it), the random effects integrated out group by group. Margins of β and the sd.
    """
    factor, p = _only_factor(design), design.X.shape[1]
    if link not in ("probit", "logit") or p > 2:
        raise ValueError("probit or logit with at most two coefficients")
    (term,) = factor.terms
    prior = term.sd_priors[0] if term.covariance is None else None
    fixed = float(prior.args[0]) if prior is not None and prior.kind == "fixed" else None
    names = [f"b_{name}" for name in design.coefficients]
    start, bounds = [0.0] * p, [(-np.inf, np.inf)] * p
    if fixed is None:
        low, high = prior.args if prior is not None and prior.kind == "uniform" else (0.0, np.inf)
        names.append(f"sd_{factor.name}__{term.columns[0]}")
        start.append(0.5 if low < 0.5 < high else 0.5 * (low + high))
        bounds.append((low, high))

    def log_density(points: np.ndarray) -> np.ndarray:
        beta = points[:, :p]
        sd = points[:, p] if fixed is None else np.full(len(points), fixed)
        unique, inverse = np.unique(beta, axis=0, return_inverse=True)
        log_prior = np.array([log_prior_beta(design.coefficient_priors, b) for b in unique])[inverse.ravel()]
        log_prior += _term_log_prior(term, sd[:, None], None)
        chunk = max(1, 400_000 // len(design.y))
        parts = [
            one_factor_binary_log_likelihood(design, link, beta[i : i + chunk], sd[i : i + chunk], group_nodes=group_nodes)
            for i in range(0, len(points), chunk)
        ]
        return np.concatenate(parts) + log_prior

    grid: Grid = integrate_on_grid(log_density, np.array(start), bounds, nodes or (8 if len(names) <= 2 else 5))
    return QuadraturePosterior({name: grid.margin(k, probabilities) for k, name in enumerate(names)}, grid.log_integral)

"""Small random designs, draws from their priors, and data from the likelihood: what invariance tests are built of.

θ ~ p(θ), y ~ p(y | θ), k sweeps of a correct sampler from θ given y leave the joint law of (θ, y) as it was (Gandy & Scott 2020).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import special

from gibbs.model.records import CoefficientPrior, Design, Factor, Prior, Term

from . import structured
from .densities import Values, covariance_of_group, huang_wand_scales, linear_predictor

KINDS = ("none", "one_factor", "slopes", "two_terms", "nested", "nested3", "crossed", "crossed_slopes", "nested_crossed")

SD_PRIORS = {
    "half_t": Prior("half_t", (5.0, 0.0, 0.8)),
    "half_normal": Prior("half_normal", (0.0, 0.8)),
    "half_cauchy": Prior("half_cauchy", (0.0, 0.5)),
    "exponential": Prior("exponential", (1.5,)),
    "uniform": Prior("uniform", (0.0, 2.0)),
    "inverse_gamma": Prior("inverse_gamma", (3.0, 1.0)),
    "gamma": Prior("gamma", (1.6, 2.0)),
    "lognormal": Prior("lognormal", (-0.8, 0.7)),
    "fixed": Prior("fixed", (0.7,)),
}
NU_PRIORS = {
    "gamma": Prior("gamma", (2.0, 0.1)),
    "exponential": Prior("exponential", (0.1,)),
    "uniform": Prior("uniform", (2.0, 30.0)),
    "fixed": Prior("fixed", (4.0,)),
}

# ------------------------------------------------------------------------------------------------------- designs


@dataclass(frozen=True)
class Choices:
    """What else a random Design is: priors, link, and what stands beside the linear predictor.

    coefficient_prior: normal | student_t | cauchy | flat. intercept_prior: "b[Intercept]" (as written) | "intercept" (at means).
    sd_prior, sigma_prior, nu_prior: a name in ``SD_PRIORS`` / ``NU_PRIORS`` or a Prior.
    covariance_prior: lkj | inverse_wishart | huang_wand, for the terms of several columns (the latter two also for single columns
    of a name given as "inverse_wishart!" or "huang_wand!").
    """

    coefficient_prior: str = "normal"
    intercept_prior: str = "b[Intercept]"
    sd_prior: str | Prior = "half_t"
    covariance_prior: str = "lkj"
    sigma_prior: str | Prior = "half_t"
    nu_prior: str | Prior = "gamma"
    known_se: bool = False
    offset: bool = False
    link: str = ""


def _named(prior: str | Prior, among: dict[str, Prior]) -> Prior:
    return among[prior] if isinstance(prior, str) else prior


def random_design(
    rng: np.random.Generator,
    kind: str = "one_factor",
    *,
    family: str = "gaussian",
    rows: int = 24,
    levels: int = 5,
    predictors: int = 1,
    **choices: Any,
) -> Design:
    """A small unbalanced Design made straight from arrays; y is a placeholder (see ``simulate``).

    kind: none; one_factor (1|g); slopes (1+x|g); two_terms (x||g); nested (1|a/b); nested3 (1|a/b/c); crossed (1|g)+(1|h);
    crossed_slopes (1+x|g)+(1+x|h); nested_crossed (1|a/b)+(1|h). ``levels`` is the size of the outermost factors.
    choices: the fields of ``Choices``.
    """
    chosen = Choices(**choices)
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is not one of {KINDS}")
    predictors = max(predictors, 1) if kind in ("slopes", "two_terms", "crossed_slopes") else predictors
    X = np.column_stack([np.ones(rows), rng.standard_normal((rows, predictors)) + 0.3])
    names = ("Intercept", *(f"x{k}" if k else "x" for k in range(predictors)))
    factors = _factors(rng, kind, X, levels, _named(chosen.sd_prior, SD_PRIORS), chosen.covariance_prior)
    has_sigma = family == "student" or (family == "gaussian" and not chosen.known_se)
    design = Design(
        family=family,
        y=np.zeros(rows),
        X=np.ascontiguousarray(X),
        coefficients=names,
        intercept=0,
        factors=factors,
        coefficient_priors=_coefficient_rows(X, names, chosen.coefficient_prior, chosen.intercept_prior),
        sigma_prior=_named(chosen.sigma_prior, SD_PRIORS) if has_sigma else None,
        nu_prior=_named(chosen.nu_prior, NU_PRIORS) if family == "student" else None,
        offset=0.5 * rng.standard_normal(rows) if chosen.offset else np.zeros(rows),
        known_se=rng.uniform(0.3, 1.5, rows) if chosen.known_se else None,
        rows=np.arange(1, rows + 1),
        outcome="y",
        rows_read=rows,
        dropped={},
    )
    if family in ("probit", "logit"):
        return replace(design, y=rng.integers(0, 2, rows).astype(float))
    if family in ("gaussian", "student"):
        return replace(design, y=rng.standard_normal(rows))
    return _discrete(design, rng, chosen.link)


def _discrete(design: Design, rng: np.random.Generator, link: str) -> Design:
    """``design`` with what a binomial, count or ordinal outcome needs; y a placeholder."""
    rows, family = design.y.size, design.family
    if family == "binomial":
        trials = rng.integers(1, 9, rows)
        return replace(design, link=link or "logit", trials=trials, y=rng.integers(0, trials + 1).astype(float))
    if family == "beta_binomial":
        trials, prior = rng.integers(1, 12, rows), Prior("gamma", (4.0, 1.0))
        return replace(design, link=link or "logit", trials=trials, dispersion_prior=prior, y=rng.integers(0, trials + 1).astype(float))
    if family == "poisson":
        return replace(design, link="log", y=rng.poisson(2.0, rows).astype(float))
    if family == "negative_binomial":
        return replace(design, link="log", dispersion_prior=Prior("gamma", (4.0, 1.5)), y=rng.poisson(2.0, rows).astype(float))
    if family != "ordinal":
        raise ValueError(f"no family {family!r}")
    statements = tuple(replace(r, weights=r.weights[1:]) for r in design.coefficient_priors if r.weights[0] == 0.0)
    return replace(
        design,
        link=link or "logit",
        X=np.ascontiguousarray(design.X[:, 1:]),
        coefficients=design.coefficients[1:],
        intercept=None,
        coefficient_priors=statements,
        categories=("low", "middle", "high", "top"),
        cutpoint_prior=Prior("student_t", (5.0, 0.2, 1.2)),
        y=rng.integers(0, 4, rows).astype(float),
    )


def _coefficient_rows(X: np.ndarray, names: tuple[str, ...], kind: str, intercept: str) -> tuple[CoefficientPrior, ...]:
    if kind == "flat":
        return ()
    df = {"normal": np.inf, "student_t": 5.0, "cauchy": 1.0}[kind]
    rows = []
    for k, name in enumerate(names):
        weights = np.zeros(len(names))
        weights[k] = 1.0
        label, mean, scale = f"b[{name}]", 0.0, 0.7
        if k == 0:
            mean, scale = 0.4, 0.8
            if intercept == "intercept":
                label, weights = "intercept", X.mean(axis=0)
        args = (mean, scale) if kind != "student_t" else (df, mean, scale)
        rows.append(CoefficientPrior(label, weights, mean, scale, df, Prior(kind, args)))
    return tuple(rows)


def _codes(rng: np.random.Generator, rows: int, levels: int) -> np.ndarray:
    """Unbalanced codes in which every level occurs (rows ≥ levels)."""
    weights = rng.dirichlet(np.full(levels, 3.0))
    codes = np.concatenate([np.arange(levels), rng.choice(levels, rows - levels, p=weights)])
    return rng.permutation(codes)


def _term(columns: tuple[str, ...], sd: Prior, covariance_prior: str) -> Term:
    q, name = len(columns), covariance_prior.rstrip("!")
    if name == "lkj" or (q == 1 and not covariance_prior.endswith("!")):
        return Term(columns, (sd,) * q, Prior("lkj", (1.5,)) if q > 1 else None)
    if name == "inverse_wishart":
        scale = 0.4 * np.eye(q) + 0.1
        prior = Prior("inverse_wishart", (q + 3.0, tuple(tuple(row) for row in scale.tolist())))
    elif name == "huang_wand":
        prior = Prior("huang_wand", (2.0, tuple(np.linspace(0.5, 0.8, q).tolist())))
    else:
        raise ValueError(f"no covariance prior {covariance_prior!r}")
    return Term(columns, (sd,) * q, None, prior)


def _factor(name: str, labels: list[str], X: np.ndarray, terms: tuple[Term, ...]) -> Factor:
    """A factor from the label of every row; the columns of ``terms`` are Intercept or x."""
    levels, codes = np.unique(labels, return_inverse=True)
    columns = tuple(c for term in terms for c in term.columns)
    Z = np.column_stack([X[:, 0] if c == "Intercept" else X[:, 1] for c in columns])
    return Factor(name, tuple(levels.tolist()), codes.astype(np.int32), np.ascontiguousarray(Z), columns, terms)


def _factors(rng: np.random.Generator, kind: str, X: np.ndarray, levels: int, sd: Prior, covariance_prior: str) -> tuple[Factor, ...]:
    rows = len(X)
    intercept = (_term(("Intercept",), sd, covariance_prior),)
    slope = (_term(("Intercept", "x"), sd, covariance_prior),)
    split = (intercept[0], _term(("x",), sd, covariance_prior))
    g = [f"g{c:03d}" for c in _codes(rng, rows, levels)]
    h = [f"h{c:03d}" for c in _codes(rng, rows, max(levels - 1, 2))]
    inner = [f"{a}_b{c}" for a, c in zip(g, rng.integers(0, 3, rows), strict=True)]
    innermost = [f"{b}_c{c}" for b, c in zip(inner, rng.integers(0, 2, rows), strict=True)]
    chosen = {
        "none": [],
        "one_factor": [("g", g, intercept)],
        "slopes": [("g", g, slope)],
        "two_terms": [("g", g, split)],
        "nested": [("a", g, intercept), ("a:b", inner, intercept)],
        "nested3": [("a", g, intercept), ("a:b", inner, intercept), ("a:b:c", innermost, intercept)],
        "crossed": [("g", g, intercept), ("h", h, intercept)],
        "crossed_slopes": [("g", g, slope), ("h", h, slope)],
        "nested_crossed": [("a", g, intercept), ("a:b", inner, intercept), ("h", h, intercept)],
    }[kind]
    return tuple(_factor(name, labels, X, terms) for name, labels, terms in chosen)


# -------------------------------------------------------------------------------------------------- prior and data


def draw_sd(prior: Prior, rng: np.random.Generator) -> float:
    """A sd (or sigma) from its prior; ``fixed`` gives its value."""
    args = prior.args
    if prior.kind == "fixed":
        return float(args[0])
    if prior.kind == "half_t":
        return float(args[2] * abs(rng.standard_t(args[0])))
    if prior.kind == "half_normal":
        return float(args[1] * abs(rng.standard_normal()))
    if prior.kind == "half_cauchy":
        return float(args[1] * abs(rng.standard_cauchy()))
    if prior.kind == "exponential":
        return float(rng.exponential(1.0 / args[0]))
    if prior.kind == "uniform":
        return float(rng.uniform(*args))
    if prior.kind == "inverse_gamma":
        return float(np.sqrt(args[1] / rng.gamma(args[0])))
    if prior.kind == "gamma":
        return float(rng.gamma(args[0]) / args[1])
    if prior.kind == "lognormal":
        return float(np.exp(args[0] + args[1] * rng.standard_normal()))
    raise ValueError(f"no sd prior {prior.kind!r}")


def draw_nu(prior: Prior, rng: np.random.Generator) -> float:
    """Degrees of freedom from their prior; the gamma is truncated to nu > 1."""
    if prior.kind == "fixed":
        return float(prior.args[0])
    if prior.kind == "gamma":
        shape, rate = prior.args
        return float(special.gammainccinv(shape, rng.uniform() * special.gammaincc(shape, rate)) / rate)
    if prior.kind == "exponential":
        return float(rng.exponential(1.0 / prior.args[0]))
    if prior.kind == "uniform":
        return float(rng.uniform(*prior.args))
    raise ValueError(f"no nu prior {prior.kind!r}")


def draw_df(prior: Prior, rng: np.random.Generator) -> float:
    """df of Student-t effects: as nu, but that an exponential begins at 1."""
    return draw_nu(prior, rng) + (1.0 if prior.kind == "exponential" else 0.0)


def draw_own(factor: Factor, rng: np.random.Generator) -> float | None:
    """The own parameter of the law of the effects of a factor, df or rho; None where it has none."""
    prior = factor.own_prior
    if prior is None or factor.structure is None:
        return None if prior is None else draw_df(prior, rng)
    return {"uniform": rng.uniform, "beta": rng.beta, "fixed": lambda value: value}[prior.kind](*prior.args)


def draw_lkj(q: int, eta: float, rng: np.random.Generator) -> np.ndarray:
    """A (q, q) correlation matrix ~ LKJ(η), by the onion method (Lewandowski, Kurowicka, Joe 2009, §3.2)."""
    R = np.eye(q)
    if q == 1:
        return R
    beta = eta + (q - 2.0) / 2.0
    R[0, 1] = R[1, 0] = 2.0 * rng.beta(beta, beta) - 1.0
    for k in range(2, q):
        beta -= 0.5
        radius2 = rng.beta(k / 2.0, beta)
        direction = rng.standard_normal(k)
        w = np.sqrt(radius2) * direction / np.linalg.norm(direction)
        R[k, :k] = R[:k, k] = np.linalg.cholesky(R[:k, :k]) @ w
    return R


def draw_inverse_wishart(df: float, scale: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Σ ~ IW(df, S): the inverse of a Wishart(df, S⁻¹) drawn by Bartlett's decomposition."""
    q = len(scale)
    A = np.tril(rng.standard_normal((q, q)), -1) + np.diag(np.sqrt(rng.chisquare(df - np.arange(q))))
    root = np.linalg.cholesky(np.linalg.inv(scale)) @ A
    inverse = np.linalg.inv(root @ root.T)
    return 0.5 * (inverse + inverse.T)


def draw_covariance(term: Term, rng: np.random.Generator) -> np.ndarray:
    """The (q_t, q_t) covariance of a term from its prior."""
    q = len(term.columns)
    if term.covariance is None:
        sds = np.array([draw_sd(prior, rng) for prior in term.sd_priors])
        R = draw_lkj(q, float(term.correlation.args[0]), rng) if q > 1 else np.eye(1)
        return R * np.outer(sds, sds)
    if term.covariance.kind == "inverse_wishart":
        return draw_inverse_wishart(term.covariance.args[0], np.atleast_2d(np.asarray(term.covariance.args[1], float)), rng)
    if term.covariance.kind == "huang_wand":
        nu, scales = float(term.covariance.args[0]), huang_wand_scales(term.covariance, q)
        a = scales**-2.0 / rng.gamma(0.5, size=q)  # IG(1/2, 1/A²)
        return draw_inverse_wishart(nu + q - 1.0, np.diag(2.0 * nu / a), rng)
    raise ValueError(f"no covariance prior {term.covariance.kind!r}")


def draw_beta(design: Design, rng: np.random.Generator) -> np.ndarray:
    """β from its prior rows, which must be p and independent: Wβ = mean + scale·(normal or t)."""
    rows, p = design.coefficient_priors, design.X.shape[1]
    if len(rows) != p:
        raise ValueError("the coefficients have no proper prior to draw from")
    if p == 0:
        return np.zeros(0)
    noise = [rng.standard_normal() if np.isinf(row.df) else rng.standard_t(row.df) for row in rows]
    target = np.array([row.mean + row.scale * e for row, e in zip(rows, noise, strict=True)])
    return np.linalg.solve(np.array([row.weights for row in rows]), target)


def draw_u(
    design: Design,
    covariances: list[list[np.ndarray]],
    multipliers: list[np.ndarray],
    rng: np.random.Generator,
    own: list[float | None],
) -> list[np.ndarray]:
    """One (J, q) array a factor, u_j ~ N(0, Σ/λ_j), Σ that of the level's group; all levels ~ N(0, K ⊗ Σ) where they know each other, K at
    the ``own`` rho of their law where it has one."""
    out = []
    for factor, blocks, multiplier, rho in zip(design.factors, covariances, multipliers, own, strict=True):
        u = rng.standard_normal((len(factor.levels), len(factor.columns)))
        for g, group in enumerate(factor.groups or ("",)):
            some = slice(None) if factor.group is None else factor.group == g
            u[some] = u[some] @ np.linalg.cholesky(covariance_of_group(factor, blocks, group)).T
        if factor.structure is not None:
            u = structured.root(structured.covariance_of_levels(factor.structure, rho)) @ u
        out.append(u / np.sqrt(multiplier)[:, None])
    return out


def draw_prior(design: Design, rng: np.random.Generator) -> dict[str, Any]:
    """Every parameter from its prior, as the ``values`` of ``log_joint``, and the ``multipliers`` λ_j of Student-t effects (1 of others).

    ValueError where a prior is flat.
    """
    covariances = [[draw_covariance(term, rng) for term in factor.terms] for factor in design.factors]
    dfs = [draw_own(factor, rng) for factor in design.factors]
    multipliers = [
        np.ones(len(factor.levels)) if df is None or factor.structure is not None else rng.gamma(0.5 * df, 2.0 / df, len(factor.levels))
        for factor, df in zip(design.factors, dfs, strict=True)
    ]
    return {
        "beta": draw_beta(design, rng),
        "u": draw_u(design, covariances, multipliers, rng, dfs),
        "covariances": covariances,
        "df": dfs,
        "multipliers": multipliers,
        "sigma": None if design.sigma_prior is None else draw_sd(design.sigma_prior, rng),
        "nu": None if design.nu_prior is None else draw_nu(design.nu_prior, rng),
        "shape": None if design.dispersion_prior is None else rng.gamma(design.dispersion_prior.args[0]) / design.dispersion_prior.args[1],
        "cutpoints": None if design.cutpoint_prior is None else _draw_cutpoints(design, rng),
    }


def _draw_cutpoints(design: Design, rng: np.random.Generator) -> np.ndarray:
    """Independent t draws under their order: sorted."""
    df, mean, scale = design.cutpoint_prior.args
    return np.sort(mean + scale * rng.standard_t(df, len(design.categories) - 1))


def simulate(design: Design, values: Values, rng: np.random.Generator) -> np.ndarray:
    """New data y ~ p(y | values), (N,); 0.0 or 1.0 for the binary families."""
    eta = linear_predictor(design, values)
    n = len(eta)
    if design.family == "gaussian":
        return eta + (values["sigma"] if design.known_se is None else design.known_se) * rng.standard_normal(n)
    if design.family == "student":
        return eta + values["sigma"] * rng.standard_t(values["nu"], n)
    if design.family == "probit":
        return (rng.standard_normal(n) < eta).astype(float)
    if design.family == "logit":
        return (rng.uniform(size=n) < special.expit(eta)).astype(float)
    if design.family in ("binomial", "beta_binomial"):
        p = {"probit": special.ndtr, "logit": special.expit, "cloglog": lambda e: -np.expm1(-np.exp(np.minimum(e, 30.0)))}[design.link](eta)
        if design.family == "beta_binomial":
            shapes = np.maximum(p * values["shape"], 1e-300), np.maximum((1.0 - p) * values["shape"], 1e-300)
            p = rng.beta(*shapes)
        return rng.binomial(design.trials, p).astype(float)
    if design.family in ("poisson", "negative_binomial"):
        mean = np.exp(np.minimum(eta, 30.0))
        if design.family == "negative_binomial":
            mean = mean * rng.gamma(values["shape"], size=n) / values["shape"]
        return rng.poisson(mean).astype(float)
    if design.family == "ordinal":
        noise = rng.standard_normal(n) if design.link == "probit" else rng.logistic(size=n)
        return np.searchsorted(np.asarray(values["cutpoints"]), eta + noise).astype(float)
    raise ValueError(f"no simulation for family {design.family!r}")


def with_response(design: Design, y: np.ndarray) -> Design:
    """The same design with other data."""
    return replace(design, y=np.ascontiguousarray(y, dtype=float))

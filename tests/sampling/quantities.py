"""Functions of (parameters, data) whose law an exact sampler must leave alone: written from the model, on many replicates at once.

Everything is squashed to a bounded function, for priors may have no mean; ``Squash`` fixes centres and scales from replicates of
their own.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy import special

from gibbs.model.records import Design
from tests.oracles import densities


@dataclass(frozen=True)
class Points:
    """M points of (θ, y). covariances: one a term, in order, (M, q, q); u: one a factor, (M, J, q)."""

    beta: np.ndarray  # (M, p) as written
    u: list[np.ndarray]
    covariances: list[np.ndarray]
    sigma: np.ndarray  # (M,), ones where the family has none
    nu: np.ndarray
    y: np.ndarray  # (M, N)
    shape: np.ndarray | None = None  # (M,)
    cutpoints: np.ndarray | None = None  # (M, C−1)


def log_likelihood(design: Design, points: Points) -> np.ndarray:
    """log p(y | θ), (M,); agrees with ``oracles.log_likelihood`` point by point (``test_invariance.py``)."""
    eta = predictor(design, points)
    if design.family == "gaussian":
        sd = points.sigma[:, None] if design.known_se is None else design.known_se
        return np.sum(-0.5 * ((points.y - eta) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi), axis=1)
    if design.family == "student":
        nu, sigma = points.nu[:, None], points.sigma[:, None]
        constant = special.gammaln(0.5 * (nu + 1)) - special.gammaln(0.5 * nu) - 0.5 * np.log(np.pi * nu) - np.log(sigma)
        return np.sum(constant - 0.5 * (nu + 1) * np.log1p(((points.y - eta) / sigma) ** 2 / nu), axis=1)
    if design.family not in ("probit", "logit"):
        own = {"shape": points.shape, "cutpoints": points.cutpoints}
        if design.family == "ordinal":
            own["cutpoints"] = points.cutpoints[:, None, :]
            return np.sum(densities.log_pointwise(design, eta[:, :, None], points.y[:, :, None], own)[:, :, 0], axis=1)
        return np.sum(densities.log_pointwise(design, eta, points.y, own), axis=1)
    sign = 2.0 * points.y - 1.0
    return np.sum((special.log_ndtr if design.family == "probit" else special.log_expit)(sign * eta), axis=1)


def predictor(design: Design, points: Points) -> np.ndarray:
    """η, (M, N)."""
    eta = design.offset + points.beta @ design.X.T
    for factor, u in zip(design.factors, points.u, strict=True):
        eta = eta + np.einsum("mna,na->mn", u[:, factor.codes, :], factor.Z)
    return eta


def raw(design: Design, points: Points) -> dict[str, np.ndarray]:
    """The scalar quantities, (M,) each: every parameter (scales and spreads in logs), functions of u, the log-likelihood, sums of
    squares, and what the data say of each."""
    out: dict[str, np.ndarray] = {}
    y = points.y
    for k, name in enumerate(design.coefficients):
        out[f"b[{name}]"] = points.beta[:, k]
        out[f"y'{name}"] = y @ design.X[:, k]
    if design.sigma_prior is not None and design.sigma_prior.kind != "fixed":
        out["log sigma"] = np.log(points.sigma)
    if design.nu_prior is not None and design.nu_prior.kind != "fixed":
        out["log nu"] = np.log(points.nu)
    if points.shape is not None:
        out["log shape"] = np.log(points.shape)
    if points.cutpoints is not None:
        for k in range(points.cutpoints.shape[1]):
            out[f"cutpoint {k}"] = points.cutpoints[:, k]
        out["log cutpoint gap"] = np.log(points.cutpoints[:, 1] - points.cutpoints[:, 0])
    t = 0
    for factor, u in zip(design.factors, points.u, strict=True):
        column = 0
        for term in factor.terms:
            q, cov = len(term.columns), points.covariances[t]
            sds = np.sqrt(np.diagonal(cov, axis1=1, axis2=2))
            for a, name in enumerate(term.columns):
                effects, where = u[:, :, column + a], f"[{factor.name},{name}]"
                if not (q == 1 and term.covariance is None and term.sd_priors[0].kind == "fixed"):
                    out[f"log sd{where}"] = np.log(sds[:, a])
                out[f"u1{where}"] = effects[:, 0]
                out[f"u sum{where}"] = effects.sum(axis=1)
                out[f"u spread{where}"] = np.log(np.mean(effects**2, axis=1))
                out[f"u ratio{where}"] = np.log(np.mean(effects**2, axis=1)) - 2.0 * np.log(sds[:, a])
            for a, b in itertools.combinations(range(q), 2):
                where = f"[{factor.name},{term.columns[a]},{term.columns[b]}]"
                out[f"cor{where}"] = np.arctanh(np.clip(cov[:, a, b] / (sds[:, a] * sds[:, b]), -0.999999, 0.999999))
                out[f"u cross{where}"] = np.sum(u[:, :, column + a] * u[:, :, column + b], axis=1)
            column, t = column + q, t + 1
        first = factor.codes == 0
        out[f"y1[{factor.name}]"] = y[:, first] @ factor.Z[first, 0]
        member = np.eye(len(factor.levels))[factor.codes]
        out[f"y spread[{factor.name}]"] = np.log(np.var(y @ (member / member.sum(axis=0)), axis=1) + 1e-3)
    out["log-likelihood"] = log_likelihood(design, points)
    residual = y - predictor(design, points)
    if design.family in ("gaussian", "student"):
        sd = points.sigma[:, None] if design.known_se is None else design.known_se
        out["residual squares"] = np.log(np.sum((residual / sd) ** 2, axis=1))
        out["y size"] = np.log(np.sum((y - y.mean(axis=1, keepdims=True)) ** 2, axis=1))
    else:
        out["ones"] = y.sum(axis=1)
        out["log-odds squared"] = np.log(np.sum(predictor(design, points) ** 2, axis=1))
    return out


def of_data_alone(name: str) -> bool:
    """Sweeps do not touch it; it is there for products."""
    return name.startswith("y") or name == "ones"


def pairs(names: list[str]) -> list[tuple[str, str]]:
    """Products worth looking at: each parameter with what the data say of it, scales with scales, the likelihood with everything."""
    out = []
    for name in names:
        if name.startswith("b["):
            out.append((name, "y'" + name[2:-1]))
        if name.startswith("u1["):
            out.append((name, f"y1[{name[3:].split(',')[0]}]"))
        if name.startswith("log sd["):
            out += [(name, f"y spread[{name[7:].split(',')[0]}]"), (name, "u spread" + name[6:])]
        if name.startswith("log s") and "y size" in names:
            out.append((name, "y size"))
        if name.startswith("u sum[") and "b[Intercept]" in names:
            out.append((name, "b[Intercept]"))
        if name != "log-likelihood" and not of_data_alone(name):
            out.append((name, "log-likelihood"))
    scales = [n for n in names if n.startswith("log s") or n == "log nu"]
    out += list(itertools.combinations(scales, 2))
    return out


@dataclass(frozen=True)
class Squash:
    """Frozen centres and scales: x → tanh((x − centre)/scale), and the cut points of the indicators."""

    centre: dict[str, float]
    scale: dict[str, float]
    cuts: dict[str, tuple[float, ...]]

    @classmethod
    def of(cls, values: dict[str, np.ndarray]) -> Squash:
        """From replicates that are not tested."""
        quantile = {name: np.quantile(x, [0.05, 0.25, 0.5, 0.75, 0.95]) for name, x in values.items()}
        spread = {name: float(q[3] - q[1]) or 1.0 for name, q in quantile.items()}
        cuts = {name: tuple(float(q[k]) for k in (0, 2, 4)) for name, q in quantile.items()}
        return cls({name: float(q[2]) for name, q in quantile.items()}, spread, cuts)

    def __call__(self, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The tested functions: first and second moments, shares below the cut points, products."""
        bounded = {name: np.tanh((x - self.centre[name]) / self.scale[name]) for name, x in values.items()}
        out = {}
        for name, b in bounded.items():
            if of_data_alone(name):
                continue
            out[name] = b
            out[f"{name} squared"] = b * b
            for k, cut in enumerate(self.cuts[name]):
                out[f"{name} below {(5, 50, 95)[k]} %"] = (values[name] < cut).astype(float)
        for a, b in pairs(list(values)):
            out[f"{a} × {b}"] = bounded[a] * bounded[b]
        return out


def points_at(design: Design, values: dict, y: np.ndarray) -> Points:
    """One point, from the ``values`` of the oracles."""
    return Points(
        np.asarray(values["beta"], float)[None],
        [np.asarray(u, float)[None] for u in values["u"]],
        [np.atleast_2d(c)[None] for blocks in values["covariances"] for c in blocks],
        np.array([1.0 if values["sigma"] is None else values["sigma"]]),
        np.array([1.0 if values["nu"] is None else values["nu"]]),
        y[None],
        None if values.get("shape") is None else np.array([values["shape"]]),
        None if values.get("cutpoints") is None else np.asarray(values["cutpoints"])[None],
    )


def oracle_log_likelihood(design: Design, values: dict, y: np.ndarray) -> float:
    """``oracles.log_likelihood`` of other data."""
    from dataclasses import replace

    return densities.log_likelihood(replace(design, y=y), values)

"""``cbpp`` and ``ces11_abortion``, run by the command that a user would type, against importance sampling with effects integrated out.

The likelihood is written anew: each level's effect by the trapezoidal rule around the mode of its conditional, the beta-binomial from log
gamma functions. The proposal is a Student-t about the mode of the posterior. What is shared with the engine is the table, the columns of
X, and the rows of the default priors, which ``tests/model/test_default_rows.py`` holds against their definition.

R agrees as far as it can (flat priors, a point estimate): glmer gives ces11_abortion the coefficients below and sd 0.474; glmmTMB
(betabinomial) gives cbpp −1.319, −0.969, −1.251, −1.473, precision 10.8 and sd 0.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

from gibbs.draws.names import coefficient_names
from gibbs.model import data, design, spec
from gibbs.model.records import Design
from tests.specs.test_examples import SPECS, need_data

pytestmark = pytest.mark.slow
DRAWS = 20_000
POINTS = np.linspace(-6.0, 6.0, 33)
GLMER = (-0.86788565, -0.01496412, -0.61619681, -0.31226744, -0.77158609, 0.59873618, -0.33207146, -0.24234115)


@dataclass(frozen=True)
class Level:
    """The rows of one level: X, y and trials (n); of 0/1 outcomes a row for all that share predictors, y of n."""

    X: np.ndarray
    y: np.ndarray
    trials: np.ndarray


def levels(design: Design) -> list[Level]:
    (factor,) = design.factors
    found = []
    for j in range(len(factor.levels)):
        rows = factor.codes == j
        if design.trials is not None:
            found.append(Level(design.X[rows], design.y[rows], design.trials[rows].astype(float)))
            continue
        X, cell = np.unique(design.X[rows], axis=0, return_inverse=True)
        found.append(Level(X, np.bincount(cell.reshape(-1), design.y[rows]), np.bincount(cell.reshape(-1)).astype(float)))
    return found


def binary(level: Level, theta: np.ndarray, eta: np.ndarray) -> np.ndarray:
    return level.y * eta - level.trials * np.logaddexp(0.0, eta)


def beta_binomial(level: Level, theta: np.ndarray, eta: np.ndarray) -> np.ndarray:
    mu, phi, y, n = special.expit(eta), np.exp(theta[:, -1])[:, None], level.y, level.trials
    choose = special.gammaln(n + 1) - special.gammaln(y + 1) - special.gammaln(n - y + 1)
    return choose + special.betaln(y + mu * phi, n - y + (1.0 - mu) * phi) - special.betaln(mu * phi, (1.0 - mu) * phi)


def log_posterior(design: Design, theta: np.ndarray, log_rows: Callable[..., np.ndarray]) -> np.ndarray:
    """(S,) of β, log sd, and the log of the precision of a beta-binomial: Σ_j log ∫ Π p(y | η + u) N(u; 0, sd²) du, and the priors."""
    p = design.X.shape[1]
    beta, sd = theta[:, :p], np.exp(theta[:, p])
    total = np.zeros(len(theta))
    for row in design.coefficient_priors:
        total += stats.norm.logpdf(beta @ row.weights, row.mean, row.scale)
    total += stats.t.logpdf(sd / 2.5, 3) + theta[:, p]  # half_t(3, 0, 2.5), and the Jacobian of log sd
    if theta.shape[1] > p + 1:
        total += stats.norm.logpdf(theta[:, -1], 2.3, 2.0)  # lognormal(2.3, 2): normal in the log
    for level in levels(design):
        fixed = beta @ level.X.T

        def log_rows_at(u: np.ndarray, level: Level = level, fixed: np.ndarray = fixed) -> np.ndarray:
            return log_rows(level, theta, fixed + u[:, None]).sum(axis=1)

        mode, width = np.zeros(len(theta)), sd.copy()
        for _ in range(60):  # Newton in u, with numbers for derivatives, then the width there
            h = 1e-3 * sd
            low, middle, high = (log_rows_at(mode + k * h) - 0.5 * (mode / sd + 1e-3 * k) ** 2 for k in (-1, 0, 1))
            curve = np.minimum((high - 2 * middle + low) / h**2, -0.5 / sd**2)
            step = np.clip(-(high - low) / (2 * h) / curve, -sd, sd)
            mode, width = mode + step, 1.0 / np.sqrt(-curve)
            if np.abs(step / width).max() < 1e-2:
                break
        values = np.stack([log_rows_at(mode + width * z) + stats.norm.logpdf(mode + width * z, 0.0, sd) for z in POINTS])
        total += special.logsumexp(values, axis=0) + np.log(width * (POINTS[1] - POINTS[0]))
    return total


def importance(design: Design, log_rows: Callable[..., np.ndarray], more: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws (S, K) of β, sd, (precision), and their weights (S,), which sum to 1."""
    p = design.X.shape[1]
    K = p + 1 + more

    def minus(theta: np.ndarray) -> float:
        return -float(log_posterior(design, theta[None], log_rows)[0])

    start = np.concatenate([np.zeros(p), [-0.5], [2.3] * more])
    found = optimize.minimize(minus, start, method="BFGS", options={"gtol": 1e-3})
    h = 1e-3
    eye = h * np.eye(K)
    hessian = np.array([[minus(found.x + a + b) - minus(found.x + a - b) - minus(found.x - a + b) + minus(found.x - a - b) for a in eye]
                        for b in eye]) / (4 * h * h)  # fmt: skip
    centre, spread, rng = found.x, np.linalg.inv(0.5 * (hessian + hessian.T)), np.random.default_rng(3)
    for draws in (4_000, 4_000, DRAWS):  # the law is skew: twice the proposal takes the mean and the covariance that were found
        law = stats.multivariate_t(centre, 1.3 * spread, df=5)
        theta = law.rvs(draws, random_state=rng)
        with np.errstate(all="ignore"):  # far out, where a probability is 0 or 1, there is no posterior
            log_posteriors = np.concatenate([log_posterior(design, part, log_rows) for part in np.array_split(theta, 20)])
        log_weight = np.nan_to_num(log_posteriors, nan=-np.inf, neginf=-np.inf, posinf=-np.inf) - law.logpdf(theta)
        weight = np.exp(log_weight - log_weight.max())
        centre = np.average(theta, axis=0, weights=weight)
        spread = np.cov(theta.T, aweights=weight) * (K + 4.0) / (K + 2.0)
    values = theta.copy()
    values[:, p:] = np.exp(values[:, p:])
    return values, weight / weight.sum()


@pytest.mark.parametrize(("name", "log_rows", "own"), [("ces11_abortion", binary, []), ("cbpp", beta_binomial, ["phi"])])
def test_the_example_has_the_posterior_of_importance_sampling(name: str, log_rows: Callable, own: list[str], tmp_path: Path) -> None:
    """Means (of the precision, whose law has a long tail, of its log: the median) within 4.5 Monte Carlo errors of both."""
    need_data(name)
    command = [sys.executable, "-m", "gibbs", "run", str(SPECS / f"{name}.yaml"), "--out", str(tmp_path / "run"), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = pd.read_csv(tmp_path / "run" / "summary.csv", index_col=0)
    words = spec.load(SPECS / f"{name}.yaml")
    made = design.build(words, data.read(words))
    values, weight = importance(made, log_rows, len(own))
    effective = 1.0 / np.sum(weight**2)
    assert effective > 0.1 * DRAWS
    names = [*coefficient_names(made), f"sd_{made.factors[0].name}__Intercept"]
    for k, parameter in enumerate(names):
        mean = weight @ values[:, k]
        error = np.sqrt(np.sum(weight**2 * (values[:, k] - mean) ** 2))
        assert abs(found.loc[parameter, "mean"] - mean) < 4.5 * np.hypot(error, found.loc[parameter, "mcse_mean"]), parameter
        sd = np.sqrt(weight @ (values[:, k] - mean) ** 2)
        assert found.loc[parameter, "sd"] == pytest.approx(sd, rel=4.5 * np.sqrt(3 / effective + 3 / found.loc[parameter, "ess_bulk"]))
    for k, parameter in enumerate(own, len(names)):
        for q in (0.025, 0.5, 0.975):  # the share of the law below a quantile of the draws
            below = weight @ (values[:, k] <= found.loc[parameter, f"q{100 * q:g}"])
            tail = found.loc[parameter, "ess_tail" if q != 0.5 else "ess_bulk"]
            assert abs(below - q) < 4.5 * np.sqrt(q * (1 - q) * (1 / effective + 1 / tail)), (parameter, q)
    if name == "ces11_abortion":  # 2,231 rows outweigh the priors: within a third of a standard error of glmer's coefficients
        for parameter, theirs in zip(names, GLMER, strict=False):
            assert abs(found.loc[parameter, "mean"] - theirs) < found.loc[parameter, "sd"] / 3, parameter

"""Designs with data, big enough to be worth fitting, for tests of whole runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gibbs.draws import diagnostics
from gibbs.draws.records import Draws
from gibbs.model import by_group
from gibbs.model.records import Design, Sampling
from gibbs.sampling import chains, plan
from tests import oracles


def fitted_design(
    kind: str, family: str = "gaussian", *, rows: int = 150, levels: int = 8, seed: int = 1, known_se: bool = False, link: str = ""
) -> Design:
    """A random design of ``kind`` with data simulated from parameters of ordinary size."""
    rng = np.random.default_rng([seed, 7])
    design = oracles.random_design(rng, kind, family=family, rows=rows, levels=levels, known_se=known_se, link=link)
    return with_data(design, rng)


def with_data(design: Design, rng: np.random.Generator) -> Design:
    """Data from coefficients of about ½, sds of 0.6 and correlations of 0.3."""
    covariances = []
    for factor in design.factors:
        sizes = [len(term.columns) for term in factor.terms]
        covariances.append([0.36 * (0.7 * np.eye(q) + 0.3) for q in sizes])
    values = {
        "beta": np.array([0.3, -0.5, 0.4, 0.2])[: design.X.shape[1]],
        "u": [
            rng.standard_normal((len(f.levels), len(f.columns))) @ np.linalg.cholesky(oracles.factor_covariance(c)).T
            for f, c in zip(design.factors, covariances, strict=True)
        ],
        "covariances": covariances,
        "sigma": 0.8,
        "nu": 5.0,
        "shape": 2.0,
        "cutpoints": np.array([-0.9, 0.2, 1.3]),
    }
    return replace(design, y=oracles.simulate(design, values, rng))


def run(design: Design, scheme: str = "auto", *, seed: int = 1, warmup: int = 300, draws: int = 1000, how: int = 4, **further) -> Draws:
    """Draws of ``how`` chains under a scheme."""
    sampling = Sampling(chains=how, seed=seed, warmup=warmup, draws=draws, scheme=scheme, cores=further.pop("cores", None))
    seen = by_group.arrange(design)
    return chains.run(seen, plan.make(seen, scheme), sampling, **further)


def parameters(draws: Draws) -> dict[str, np.ndarray]:
    """(C, S) draws by name: coefficients, hyper-parameters, random effects, log-likelihood."""
    out = {f"b{k}": draws.beta[:, :, k] for k in range(draws.beta.shape[2])}
    out |= {name: draws.hyper[:, :, k] for k, name in enumerate(draws.hyper_names)}
    out |= {f"u{k}": draws.u[:, :, k] for k in range(draws.u.shape[2])}
    return out | ({} if np.isnan(draws.lp).any() else {"lp": draws.lp})


def disagreement(a: Draws, b: Draws) -> tuple[float, str]:
    """(largest |difference| of posterior means and sds in combined Monte Carlo errors, of what)."""
    worst, where = 0.0, ""
    mine, other = parameters(a), parameters(b)
    for name in sorted(set(mine) & set(other)):
        x, y = mine[name], other[name]
        if np.ptp(x) == 0.0 and np.ptp(y) == 0.0:
            continue
        for what, of, error in (
            ("mean", np.mean, diagnostics.mcse_mean),
            ("sd", np.std, diagnostics.mcse_sd),
        ):
            z = abs(of(x) - of(y)) / np.hypot(float(error(x)), float(error(y)))
            if z > worst:
                worst, where = float(z), f"{what} of {name}: {of(x):.4g} and {of(y):.4g}"
    return worst, where


def convergence(draws: Draws) -> tuple[float, float]:
    """(largest R-hat, smallest bulk or tail ESS) of everything."""
    x = np.stack([v for v in parameters(draws).values() if np.ptp(v) > 0.0], axis=2)
    return float(np.max(diagnostics.rhat(x))), float(min(np.min(diagnostics.ess_bulk(x)), np.min(diagnostics.ess_tail(x))))

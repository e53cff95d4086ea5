"""The score of levels: which are asked, and that it is the slope of the joint density along the effect."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.criticism import scores
from gibbs.posterior import loglik, variances
from tests import oracles

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
G = np.repeat([*"abcdef"], 8)
X = np.tile(np.linspace(-1.0, 1.0, 8), 6)
Y = {"logit": np.where(np.isin(G, ["a", "b"]), G == "b", np.arange(48) % 2), "poisson": np.where(G == "a", 0, np.arange(48) % 3)}


@pytest.mark.parametrize("family", ["logit", "poisson"])
def test_values_are_the_virial_of_the_joint_density(family: str) -> None:
    """q + d/ds log p(y, s u_j | …) at s = 1, by the oracle's joint density."""
    fit = gibbs.fit(
        "y ~ x + (1 + x | g)", {"y": Y[family].astype(int), "x": X, "g": G}, family=family, chains=1, warmup=60, draws=120, seed=2
    )
    draws, design, outline = fit.arrays, fit.design, fit.outline
    precision = np.linalg.inv(variances.covariance(draws, outline, outline.factors[0]))
    values = scores._values(draws, outline, design, 0, 0, loglik.rows_with_outcome(design), precision)
    for k in (0, 50, 119):
        u = draws.u[0, k].reshape(6, 2)
        sigma = variances.covariance(draws, outline, outline.factors[0])[0, k]

        def log_density(scale: float, k=k, u=u, sigma=sigma) -> float:
            moved = u.copy()
            moved[0] *= scale
            return oracles.log_joint(
                design,
                {
                    "beta": draws.beta[0, k],
                    "u": [moved],
                    "covariances": [[sigma]],
                    "sigma": None,
                    "nu": None,
                    "shape": None,
                    "cutpoints": None,
                },
            )

        slope = (log_density(1.0 + 1e-5) - log_density(1.0 - 1e-5)) / 2e-5
        assert values[0, k] == pytest.approx(2.0 + slope, rel=1e-4, abs=1e-4)


def test_levels_held_on_one_side_are_asked_and_no_others() -> None:
    fit = gibbs.fit(
        "y ~ x + (1 | g)", {"y": Y["logit"].astype(int), "x": X, "g": G}, family="logit", chains=2, warmup=100, draws=200, seed=2
    )
    found = scores.of_levels(fit.arrays, fit.outline, fit.design)
    assert set(found) == {"g a", "g b"} == set(fit.arrays.info["scores"]) and all(0.0 <= z < 5.0 for z in found.values())
    short = replace(fit.arrays, beta=fit.arrays.beta[:, :50])
    assert scores.of_levels(short, fit.outline, fit.design) == {}
    real = gibbs.fit(
        "y ~ x + (1 | g)", pd.DataFrame({"y": X + 0.1 * Y["logit"], "x": X**2, "g": G}), chains=1, warmup=60, draws=120, seed=1
    )
    assert "scores" not in real.arrays.info

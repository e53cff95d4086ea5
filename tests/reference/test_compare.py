"""The comparison itself: equal posteriors are a standard normal apart, and a shift is seen."""

from __future__ import annotations

import numpy as np
import pytest

from tests.reference.compare import QUANTILES, _scores

N = 10_000  # effective draws behind the reference


def autocorrelated(rng: np.random.Generator, chains: int = 4, draws: int = 2000, rho: float = 0.5) -> np.ndarray:
    """AR(1) draws from N(0, 1): effective sample size (1 − ρ)/(1 + ρ) of their number."""
    x = rng.standard_normal((chains, draws))
    for t in range(1, draws):
        x[:, t] = rho * x[:, t - 1] + np.sqrt(1.0 - rho * rho) * x[:, t]
    return x


def known_by_draws(y: np.ndarray) -> dict[str, float]:
    """A reference made of independent draws."""
    quantiles = np.quantile(y, list(QUANTILES.values()))
    sd = float(np.std(y, ddof=1))
    return {"mean": float(y.mean()), "sd": sd, "mcse_mean": sd / np.sqrt(y.size), **dict(zip(QUANTILES, quantiles, strict=True))}


def test_equal_posteriors_are_a_standard_normal_apart() -> None:
    """150 replicates of every score: Σz is N(0, 150) and Σz² is χ²_150, so the mean z² has sd 0.115."""
    rng = np.random.default_rng(20)
    rows = [_scores(autocorrelated(rng), known_by_draws(rng.standard_normal(N)), N) for _ in range(150)]
    for column in ("z_mean", "z_sd", "z_q5", "z_q50", "z_q95"):
        z = np.array([row[column] for row in rows])
        assert abs(z.sum()) / np.sqrt(150) < 4.5, column
        assert 0.6 < np.mean(z**2) < 1.5, column


@pytest.mark.parametrize(("change", "seen"), [("shift", ("z_mean", "z_q5", "z_q50", "z_q95")), ("stretch", ("z_sd", "z_q5", "z_q95"))])
def test_a_difference_is_seen(change: str, seen: tuple[str, ...]) -> None:
    """A shift of 0.2 sd, or an sd that is 15 % too large, is more than 4 standard errors in every score that it moves."""
    rng = np.random.default_rng(21)
    x = autocorrelated(rng) + 0.2 if change == "shift" else 1.15 * autocorrelated(rng)
    row = _scores(x, known_by_draws(rng.standard_normal(N)), N)
    assert all(abs(row[column]) > 4.0 for column in seen), row

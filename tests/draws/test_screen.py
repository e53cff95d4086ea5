"""The cheap look at many columns: near the exact diagnostics, and near closed forms, where it is to be; never far above them."""

from __future__ import annotations

import numpy as np
import pytest

from gibbs.draws import diagnostics
from gibbs.draws.screen import screen
from tests.posterior.fabricated import autoregressive

CHAINS, DRAWS = 4, 4000


def columns(*each: np.ndarray) -> np.ndarray:
    return np.stack(each, axis=2)


@pytest.mark.parametrize("phi", [-0.6, 0.0, 0.5, 0.9])
def test_effective_draws_of_autoregressions(phi: float) -> None:
    """n(1 − φ)/(1 + φ) of the mean, at most n; of distances, as of squares, about n(1 − φ²)/(1 + φ²): never more than the former here."""
    x = autoregressive((CHAINS, DRAWS, 40), phi, 5)
    n = CHAINS * DRAWS
    _, bulk, tail = screen(x)
    assert np.mean(bulk) == pytest.approx(n * min((1.0 - phi) / (1.0 + phi), 1.0), rel=0.15)
    assert np.mean(tail) == pytest.approx(n * min((1.0 - phi) / (1.0 + phi), (1.0 - phi**2) / (1.0 + phi**2)), rel=0.15)


@pytest.mark.parametrize("phi", [0.0, 0.6, 0.9])
def test_near_the_exact_diagnostics(phi: float) -> None:
    """Within a factor 2 of the effective sample size, and of R-hat − 1 where that matters, for each of 300 columns."""
    x = autoregressive((4, 2000, 300), phi, 12)
    rhat, bulk, tail = screen(x)
    d = diagnostics.diagnose(x, (0.5,))
    assert np.all(bulk < 2.0 * d.ess_bulk) and np.all(bulk > 0.5 * np.minimum(d.ess_bulk, 8000)) and np.all(tail <= bulk)
    assert np.all(np.abs(rhat - d.rhat) < 0.005)


def test_a_spread_that_changes_slowly_is_a_tail_that_is_visited_seldom() -> None:
    """Independent draws whose scale is slow: the mean is soon known, the tails are not; exact diagnostics agree."""
    noise = np.random.default_rng(1).standard_normal((CHAINS, DRAWS))
    x = columns(noise * np.exp(autoregressive((CHAINS, DRAWS), 0.995, 2)), noise)
    _, bulk, tail = screen(x)
    exact = diagnostics.diagnose(x, (0.5,))
    assert tail[0] < 0.1 * bulk[0] and tail[1] > 0.8 * bulk[1]
    assert tail[0] < 2.0 * exact.ess_tail[0]


def test_chains_apart_and_chains_of_different_spread() -> None:
    x = np.random.default_rng(3).standard_normal((CHAINS, 500, 3))
    x[0, :, 1] += 1.0
    x[0, :, 2] *= 3.0
    rhat, _, _ = screen(x)
    exact = diagnostics.diagnose(x, (0.5,)).rhat
    assert rhat[0] < 1.01 and rhat[1] > 1.05 and rhat[2] > 1.05
    np.testing.assert_allclose(rhat, exact, atol=0.12)


def test_what_never_moved_and_what_is_too_short_is_no_number() -> None:
    x = np.random.default_rng(4).standard_normal((CHAINS, 100, 2))
    x[:, :, 1] = 3.0
    for found in screen(x):
        assert np.isfinite(found[0]) and np.isnan(found[1])
    for found in screen(x[:, :3]):
        assert np.all(np.isnan(found))

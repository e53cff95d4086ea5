"""The comparison of posteriors: silent on chains of the same law, however slow they mix, and loud on another law."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.suite import appraise

NAMES = [f"p{j}" for j in range(40)]


def chains(rng: np.random.Generator, draws: int, correlation: float, count: int = 1) -> np.ndarray:
    """Stationary AR(1) chains (count, draws, 40) whose marginals are standard normal."""
    x = np.empty((count, draws, len(NAMES)))
    x[:, 0] = rng.standard_normal((count, len(NAMES)))
    step = np.sqrt(1.0 - correlation**2)
    for t in range(1, draws):
        x[:, t] = correlation * x[:, t - 1] + step * rng.standard_normal((count, len(NAMES)))
    return x


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_no_false_alarm(correlation: float) -> None:
    rng = np.random.default_rng(5)
    reference = appraise.statistics(chains(rng, 2000, 0.2, 2))
    for _ in range(12):
        word, _, _ = appraise.agreement(reference, appraise.statistics(chains(rng, 1500, correlation)), NAMES)
        assert word != appraise.DIFFERS


def test_a_shift_and_a_scale_are_seen() -> None:
    rng = np.random.default_rng(6)
    reference = appraise.statistics(chains(rng, 2000, 0.2, 2))
    shifted, wider = chains(rng, 1500, 0.3), chains(rng, 4000, 0.3)
    shifted[..., 7] += 0.5
    wider[..., 9] *= 1.4
    assert appraise.agreement(reference, appraise.statistics(shifted), NAMES)[0:2][0] == appraise.DIFFERS
    word, what, z = appraise.agreement(reference, appraise.statistics(wider), NAMES)
    assert word == appraise.DIFFERS and what in ("p9, 5 %", "p9, 95 %") and z > 5


def test_few_draws_say_little() -> None:
    rng = np.random.default_rng(7)
    reference = appraise.statistics(chains(rng, 2000, 0.2, 2))
    assert appraise.agreement(reference, appraise.statistics(chains(rng, 100, 0.5)), NAMES)[0] == appraise.FEW_DRAWS


def test_a_constant_agrees_with_itself_and_with_no_other() -> None:
    rng = np.random.default_rng(8)
    one, other = chains(rng, 1500, 0.0), chains(rng, 1500, 0.0)
    one[..., 3] = other[..., 3] = 2.0
    assert appraise.agreement(appraise.statistics(one), appraise.statistics(other), NAMES)[0] == appraise.AGREES
    other[..., 3] = 3.0
    assert appraise.agreement(appraise.statistics(one), appraise.statistics(other), NAMES)[1].startswith("p3, ")

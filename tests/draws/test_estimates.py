"""Rubin's rules by hand, and intervals on the scale of each parameter."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

from gibbs.draws import estimates
from gibbs.model import families


def test_rubins_rules_by_hand() -> None:
    """Three imputations of estimates 10, 12, 14 with variances 4, 5, 6: V̄ = 5, B = 4, total 5 + 4/3·4 = 31/3."""
    found = estimates.combine(("b_x",), np.array([[10.0], [12.0], [14.0]]), np.array([[4.0], [5.0], [6.0]]), None, None, None, np.inf, "")
    assert found.estimate[0] == 12.0
    assert found.se[0] == pytest.approx(math.sqrt(31 / 3))
    share = (16 / 3) / (31 / 3)
    assert found.df[0] == pytest.approx(2 / share**2)
    assert found.table()["fraction_missing"].iloc[0] == pytest.approx(share)
    half = t.ppf(0.975, 2 / share**2) * math.sqrt(31 / 3)
    np.testing.assert_allclose([found.limits()[0][0], found.limits()[1][0]], [12 - half, 12 + half])


def test_barnard_and_rubin_where_the_design_has_few_degrees() -> None:
    found = estimates.combine(("b_x",), np.array([[10.0], [12.0], [14.0]]), np.array([[4.0], [5.0], [6.0]]), None, None, None, 20.0, "")
    share = 16 / 31
    observed = 21 / 23 * 20 * (1 - share)
    assert found.df[0] == pytest.approx(1 / (1 / (2 / share**2) + 1 / observed))


def test_replicates_less_their_monte_carlo_error() -> None:
    """Σ c ((θ_r − θ)² − error) = 0.5 ((1 + 4) − 2 · 0.5) = 2; never below 0; and the mean over versions."""
    replicates, errors = np.array([[[3.0], [6.0]]]), np.full((1, 2, 1), 0.5)
    found = estimates.combine(("b_x",), np.array([[4.0]]), np.array([[1.0]]), replicates, errors, np.array([0.5, 0.5]), 7.0, "")
    assert found.se[0] ** 2 == pytest.approx(2.0) and found.df[0] == 7.0
    assert found.table()["design_effect"].iloc[0] == pytest.approx(2.0)
    nothing = estimates.combine(("b_x",), np.array([[4.0]]), np.array([[1.0]]), replicates, 10 + errors, np.array([0.5, 0.5]), 7.0, "")
    assert nothing.se[0] == 0.0


def test_intervals_of_sds_and_correlations_stay_where_they_may_be() -> None:
    names = ("b_x", "sd_g__x", "cor_g__Intercept__x")
    means, variances = np.array([[0.5, 0.5, 0.9]]), np.array([[1.0, 1.0, 0.04]])
    found = estimates.combine(names, means, variances, None, None, None, np.inf, "")
    low, high = found.limits()
    z = 1.959964
    np.testing.assert_allclose([low[0], high[0]], [0.5 - z, 0.5 + z], rtol=1e-6)
    np.testing.assert_allclose([low[1], high[1]], [0.5 * math.exp(-2 * z), 0.5 * math.exp(2 * z)], rtol=1e-6)
    half = z * 0.2 / (1 - 0.81)
    np.testing.assert_allclose([low[2], high[2]], np.tanh([math.atanh(0.9) - half, math.atanh(0.9) + half]), rtol=1e-6)


def test_positive_are_sds_and_what_a_family_has_beside_its_predictor_whatever_a_coefficient_is_called() -> None:
    positive = ("sd_g__x", "df_g", *families.PARAMETERS)
    assert all(estimates.is_positive(name) for name in positive) and {"sigma", "nu", "shape", "phi"} <= set(positive)
    assert not any(estimates.is_positive(name) for name in ("b_sigma", "b_Intercept[1]", "b_shape", "cor_g__Intercept__x"))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    one = estimates.combine(("b_x", "sigma"), rng.random((3, 2)) + 1, rng.random((3, 2)), None, None, None, np.inf, "words")
    one.table().to_csv(tmp_path / "e.csv")
    again = estimates.read(tmp_path / "e.csv", one.as_dict())
    for name in ("estimate", "se", "df", "within", "between", "model_sd"):
        np.testing.assert_allclose(getattr(again, name), getattr(one, name), rtol=1e-12)
    assert (again.names, again.versions, again.words) == (one.names, 3, "words")

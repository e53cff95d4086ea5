"""The shipped examples of structured effects against what others published or compute: a pedigree, and an age × period table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.draws import diagnostics
from tests.specs.test_examples import SPECS

PUBLISHED = {"male": 4.358, "female": 3.404}, (0.098, -0.019, -0.041, -0.009, -0.186, 0.177, -0.249, 0.183)
"""Mrode (2014), example 3.1: solutions for sex and for animals 1 to 8."""


def test_breeding_values_are_those_of_the_book(tmp_path: Path) -> None:
    """Means within the Monte Carlo error of the published predictions; sds of Henderson's equations, written here from the pedigree."""
    fit = gibbs.fit(SPECS / "pedigree.yaml", chains=2, warmup=200, draws=4000, progress=False, output=str(tmp_path / "run"))
    parents = {4: (1, 0), 5: (3, 2), 6: (1, 2), 7: (4, 5), 8: (3, 6)}
    A = np.zeros((9, 9))
    for i in range(1, 9):
        sire, dam = parents.get(i, (0, 0))
        A[i, :i] = A[:i, i] = 0.5 * (A[:i, sire] + A[:i, dam])
        A[i, i] = 1.0 + 0.5 * A[sire, dam]
    A = A[1:, 1:]
    X, Z = np.array([[0, 1], [1, 0], [1, 0], [0, 1], [0, 1]], dtype=float), np.eye(8)[3:]
    V = 40.0 * np.linalg.inv(np.block([[X.T @ X, X.T @ Z], [Z.T @ X, Z.T @ Z + 2.0 * np.linalg.inv(A)]]))
    means = V @ np.concatenate([X, Z], axis=1).T @ np.array([4.5, 2.9, 3.9, 3.5, 5.0]) / 40.0
    np.testing.assert_allclose(means, [PUBLISHED[0]["female"], PUBLISHED[0]["male"], *PUBLISHED[1]], atol=0.0011)
    assert fit.outline.coefficients == ("sexfemale", "sexmale")
    draws = np.concatenate([fit.arrays.beta, fit.arrays.u], axis=2)
    for k, (mean, sd) in enumerate(zip(means, np.sqrt(np.diagonal(V)), strict=True)):
        x = draws[:, :, k]
        assert abs(x.mean() - mean) < 4.5 * float(diagnostics.mcse_mean(x)), (k, x.mean(), mean)
        assert x.std() == pytest.approx(sd, rel=0.05), k


def drift_by_maximum_likelihood(table: pd.DataFrame) -> tuple[float, float]:
    """(net drift, its standard error) of the saturated age-period-cohort Poisson model, dispersion by Pearson: iterated weighted least
    squares on straight lines of age and period and on factors, of which two levels of each are left out."""
    cohort = table["period"] - table["age"]
    columns = [np.ones(len(table)), table["age"] - 65.0, table["period"] - 1950.0]
    for values in (table["age"], table["period"], cohort):
        at = np.unique(values)
        columns += list(off_the_line(at)[:, np.searchsorted(at, values)])
    X, y, offset = np.column_stack(columns), table["deaths"].to_numpy(float), np.log(table["thousands"].to_numpy(float))
    eta = np.log(y)
    for _ in range(50):
        mu = np.exp(eta)
        root = np.sqrt(mu)[:, None]
        beta = np.linalg.lstsq(root * X, root[:, 0] * (eta - offset + (y - mu) / mu), rcond=None)[0]
        eta = offset + X @ beta
    mu = np.exp(eta)
    dispersion = np.sum((y - mu) ** 2 / mu) / (len(y) - np.linalg.matrix_rank(X))
    V = dispersion * np.linalg.pinv(X.T @ (mu[:, None] * X))
    return float(beta[2]), float(np.sqrt(V[2, 2]))


def off_the_line(at: np.ndarray) -> np.ndarray:
    """(J − 2, J): a basis of the curves over ``at`` without mean and straight line."""
    line = np.column_stack([np.ones(at.size), at - at.mean()])
    return np.linalg.svd(line, full_matrices=True)[0][:, 2:].T


@pytest.mark.slow
def test_what_is_estimable_of_prostate_cancer(tmp_path: Path) -> None:
    """The net drift is that of the saturated model, whose standard error is as wide; mortality has grown, faster for the early generations
    than for the late ones, and the trends apart are not among what is said."""
    fit = gibbs.fit(SPECS / "apc_prostate.yaml", chains=2, warmup=1000, draws=3000, progress=False, output=str(tmp_path / "run"))
    found = fit.apc()
    drift = found.table.query("function == 'net drift'").iloc[0]
    mean, error = drift_by_maximum_likelihood(pd.read_csv(SPECS / "data" / "prostate.csv"))
    assert abs(drift["mean"] - mean) < 0.5 * error
    assert 0.4 * error < drift["sd"] < 2.5 * error
    assert "NOT converged" not in " ".join(found.sentences)
    cohorts = found.table.query("function == 'deviation' and axis == 'cohort'")["mean"].to_numpy()
    assert cohorts[len(cohorts) // 2] > max(cohorts[0], cohorts[-1])  # bent downwards
    assert not any(word in set(found.table["function"]) for word in ("slope", "curve"))

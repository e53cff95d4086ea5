"""Many fits of one model: against weighted least squares of the same replicates, and against what must not change anything."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.errors import DataError
from gibbs.survey import replication

RNG = np.random.default_rng(2)
N = 300
PSU = np.repeat(np.arange(20), 15)
ROWS = pd.DataFrame({"x": RNG.normal(size=N), "p": PSU, "s": np.repeat(list("abcd"), 75), "w": RNG.exponential(size=N) + 0.3})
ROWS["y"] = 1 + 0.5 * ROWS["x"] + 0.6 * RNG.normal(size=20)[PSU] + RNG.normal(size=N)
KEYS = {"chains": 2, "warmup": 150, "draws": 400, "seed": 1, "progress": False}
WEIGHTS = {"column": "w", "type": "sampling"}


def fit(formula: str | None, rows: object, **keys: object):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return gibbs.fit(formula, rows, **{**KEYS, **keys})


def test_the_bootstrap_of_least_squares() -> None:
    """Under flat priors the posterior mean is weighted least squares: its bootstrap, of the same replicates, is exact."""
    found = fit(
        "y ~ x", ROWS, weights=WEIGHTS, design={"strata": "s", "psu": "p", "replicates": 60}, priors={"b": "flat", "intercept": "flat"}
    )
    A = np.column_stack([np.ones(N), ROWS["x"]])

    def estimate(w: np.ndarray) -> np.ndarray:
        return np.linalg.solve(A.T @ (A * w[:, None]), A.T @ (w * ROWS["y"].to_numpy()))

    w = ROWS["w"].to_numpy()
    factors = replication.of(found.spec, found.design, ROWS).factors
    each = np.array([estimate(w * f) for f in factors])
    expected = np.sqrt(np.mean((each - estimate(w)) ** 2, axis=0))
    table = found.estimates.table()
    np.testing.assert_allclose(table["se"].iloc[:2], expected, rtol=0.1)
    np.testing.assert_allclose(table["estimate"].iloc[:2], estimate(w), atol=4.5 * table["model_sd"].iloc[:2].max() / np.sqrt(500))
    assert (table["df"] == 16).all() and (table["design_effect"] > 0).all()
    assert "design-based" in repr(found) and "20 sampling units" in found.estimates.words


def test_replicates_like_the_weights_themselves_have_no_variance_but_for_monte_carlo() -> None:
    rows = ROWS.assign(**{f"r{k}": ROWS["w"] for k in range(12)})
    found = fit("y ~ x + (1 | p)", rows, weights=WEIGHTS, replicates={"columns": "r*", "method": "bootstrap"}).estimates
    assert (found.se < 0.15 * found.model_sd).all()


def test_plausible_values_that_are_alike_add_nothing_and_others_add_their_spread() -> None:
    same = ROWS.assign(a=ROWS["y"], b=ROWS["y"], c=ROWS["y"])
    found = fit("~ x + (1 | p)", same, outcome=["a", "b", "c"]).estimates
    np.testing.assert_allclose(found.se, found.model_sd, rtol=0.05)
    shifted = same.assign(b=same["y"] + 1, c=same["y"] - 1)
    found = fit("a ~ x + (1 | p)", shifted, outcome=["a", "b", "c"]).estimates
    assert found.between[0] == pytest.approx(1.0, abs=0.1)
    assert found.se[0] == pytest.approx(np.sqrt(found.within[0] + 4 / 3 * found.between[0]))
    assert found.words == "Estimates of 3 plausible values combined by Rubin's rules."


def test_plausible_values_with_replicates_and_the_run_folder(tmp_path: Path) -> None:
    rows = ROWS.assign(a=ROWS["y"] + 0.3 * RNG.normal(size=N), b=ROWS["y"] + 0.3 * RNG.normal(size=N))
    sign = np.where(RNG.random((8, 20)) < 0.5, 1.5, 0.5)
    rows = rows.assign(**{f"W{k + 1}": ROWS["w"] * sign[k][PSU] for k in range(8)})
    keys = {"outcome": ["a", "b"], "weights": WEIGHTS, "replicates": {"columns": "W*", "method": "fay", "factor": 0.5}}
    one, other = (fit("~ x + (1 | p)", rows, cores=cores, **keys) for cores in (1, 2))
    pd.testing.assert_frame_equal(one.estimates.table(), other.estimates.table())
    one.save(tmp_path / "run")
    again = gibbs.load(tmp_path / "run")
    np.testing.assert_allclose(again.estimates.table()[["estimate", "se"]], one.estimates.table()[["estimate", "se"]], rtol=1e-8)
    assert "8 replicate weights (Fay's BRR, factor 0.5); 2 plausible values" in again.estimates.words
    assert repr(again).split("Converged")[0] == repr(one).split("Converged")[0]


def test_imputations_from_python_and_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    other = ROWS.assign(x=ROWS["x"] + 0.2 * RNG.normal(size=N))
    for name, rows in (("one.csv", ROWS), ("two.csv", other)):
        rows.to_csv(name, index=False)
    of_tables = fit("y ~ x + (1 | p)", [ROWS, other]).estimates
    of_files = fit("y ~ x + (1 | p)", ["one.csv", "two.csv"]).estimates
    np.testing.assert_allclose(of_tables.estimate, of_files.estimate, rtol=1e-6)
    Path("m.yaml").write_text(
        "data: [one.csv, two.csv]\nformula: y ~ x + (1 | p)\nsampling: {chains: 2, warmup: 150, draws: 400, seed: 1}\n", encoding="utf-8"
    )
    of_spec = fit("m.yaml", None).estimates
    np.testing.assert_array_equal(of_files.estimate, of_spec.estimate)
    assert of_spec.versions == 2


def test_versions_that_are_of_different_models() -> None:
    rows = ROWS.assign(c=np.where(ROWS["x"] > 0, "u", "v"))
    with pytest.raises(DataError, match="version 2 of the data has other parameters"):
        fit("y ~ c", [rows, rows.assign(c=np.where(ROWS["x"] > 1, "w", rows["c"]))])
    with pytest.raises(DataError, match="go by pairs"):
        fit("~ x", [rows, rows], outcome=["y", "x", "w"])


@pytest.mark.slow
def test_unequal_selection_is_undone_and_intervals_cover() -> None:
    """Two-stage samples in which large outcomes are likelier: the population's mean is missed without weights, and covered with them."""
    rng = np.random.default_rng(77)
    M, clusters, inside = 120, 300, 60
    g = np.repeat(np.arange(clusters), inside)
    x = rng.normal(size=len(g))
    u = 0.7 * rng.normal(size=clusters)
    y = 1.0 + 0.5 * x + u[g] + rng.normal(size=len(g))
    A = np.column_stack([np.ones(len(g)), x])
    truth = np.linalg.lstsq(A, y, rcond=None)[0]
    of_cluster = 1 / (1 + np.exp(-(-2.2 + 1.2 * u)))
    of_row = 1 / (1 + np.exp(-(-1.0 + 1.0 * (y - u[g] - 1.0))))
    hits, missed = np.zeros(2), np.zeros(2)
    for k in range(M):
        chosen = rng.random(clusters) < of_cluster
        rows = np.flatnonzero(chosen[g] & (rng.random(len(g)) < of_row))
        data = pd.DataFrame({"y": y[rows], "x": x[rows], "g": g[rows], "w": 1 / (of_cluster[g] * of_row)[rows]})
        keys = {"chains": 1, "warmup": 100, "draws": 300, "seed": k, "cores": 1}
        weighted = fit("y ~ x", data, weights=WEIGHTS, design={"psu": "g", "replicates": 100, "draws": 200, "warmup": 50}, **keys).estimates
        low, high = weighted.limits()
        hits += (low[:2] <= truth) & (truth <= high[:2])
        plain = fit("y ~ x", data, **keys).summary()
        missed += (plain["q2.5"].to_numpy()[:2] > truth) | (truth > plain["q97.5"].to_numpy()[:2])
    assert missed[0] > 0.9 * M  # the mean without weights
    # 95 % intervals: fewer than 0.95 M − 4 sd would be hit less than once in 10⁴ runs; the bootstrap's own small-sample loss is allowed 3 %
    assert (hits >= 0.92 * M - 4 * np.sqrt(M * 0.95 * 0.05)).all(), hits

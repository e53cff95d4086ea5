"""Cross-validation by group against closed forms, against importance weights from one fit, and wherever its fits are made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import gibbs as package
from gibbs.calibration import cross_validation
from gibbs.errors import SpecError
from tests.command import SPEC, Gibbs

RNG = np.random.default_rng(8)
ROWS = pd.DataFrame({"g": np.repeat([f"g{k:02}" for k in range(12)], 8), "h": np.tile(["a", "b", "c", "d"], 24), "x": RNG.normal(size=96)})
ROWS["y"] = 1.0 + 0.5 * ROWS["x"] + np.repeat(0.7 * RNG.normal(size=12), 8) + RNG.normal(size=96)
ROWS["b"] = (ROWS["y"] > 1.0).astype(int)
KEYS = {"seed": 3, "chains": 2, "warmup": 200, "draws": 1500}
FIXED = {"intercept": "normal(0, 2)", "b[x]": "normal(0, 1)", "sigma": "fixed(1)", "sd[g]": "fixed(0.7)"}


def same(name: str, rows: pd.DataFrame) -> np.ndarray:
    return rows[name].to_numpy()[:, None] == rows[name].to_numpy()


@pytest.mark.parametrize("crossed", [False, True])
def test_elpd_of_each_level_is_the_closed_form(crossed: bool) -> None:
    """With variances given all is normal: p(y_j | y_−j) from the joint law of y; the intercept's prior is on it at predictors' means.

    crossed : beside a factor that is crossed with g, but for two of its levels, which only one level of g has: a fit without that one has
    never seen them, and their effects are drawn from their law.
    """
    rows, formula, priors = ROWS.assign(m=ROWS["h"]), "y ~ x + (1 | g)", FIXED
    X = np.column_stack([np.ones(96), rows["x"] - rows["x"].mean()])
    V = X @ np.diag([4.0, 1.0]) @ X.T + 0.49 * same("g", rows) + np.eye(96)
    if crossed:
        rows.loc[[0, 1, 5], "m"] = ["own", "own", "too"]
        formula, priors = f"{formula} + (1 | m)", {**FIXED, "sd[m]": "fixed(0.6)"}
        V += 0.36 * same("m", rows)
    found = package.cross_validate(formula, rows, by="g", folds=12, priors=priors, **KEYS)
    y = rows["y"].to_numpy()
    for level, elpd, error in zip(found.levels, found.pointwise, found.mcse, strict=True):
        j = (rows["g"] == level).to_numpy()
        gain = V[np.ix_(j, ~j)] @ np.linalg.inv(V[np.ix_(~j, ~j)])
        exact = stats.multivariate_normal.logpdf(y[j], gain @ y[~j], V[np.ix_(j, j)] - gain @ V[np.ix_(~j, j)])
        assert 0.0 < error < 0.1 and abs(elpd - exact) < 5.0 * error, level
    assert found.ok and (found.rows == 8).all() and sorted(found.folds) == list(range(1, 13))
    assert found.elpd == pytest.approx(found.table()["elpd"].sum()) and "12 of them left out in 12 folds" in str(found)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("formula", "family"), [("y ~ x + (1 + x | g)", "gaussian"), ("b ~ x + (1 | g) + (1 | h)", "logit"), ("y ~ x + (1 | g/h)", "gaussian")]
)
def test_it_is_what_importance_weights_estimate_from_one_fit(formula: str, family: str) -> None:
    """Leave-one-out by group, where the weights are well behaved (Pareto k below 0.7): within 5 Monte Carlo errors, and what k allows."""
    found = package.cross_validate(formula, ROWS, family=family, by="g", folds=12, **{**KEYS, "draws": 4000})
    one = package.fit(formula, ROWS, family=family, progress=False, **{**KEYS, "draws": 4000}).loo(group="g")
    good = one.pareto_k < 0.5
    assert good.sum() >= 8
    assert np.all(np.abs(found.pointwise - one.pointwise_elpd)[good] < 5.0 * found.mcse[good] + 0.05)


def test_the_command_and_what_is_refused(gibbs: Gibbs) -> None:
    Path("model.yaml").write_text(SPEC, encoding="utf-8")
    code, out, err = gibbs("cross-validate", "model.yaml", "--by", "g", "--folds", 3, "--draws", 60, "--csv", "levels.csv")
    assert code in (0, 1) and "new levels of g, 10 of them left out in 3 folds" in " ".join(out.split()), err
    table = pd.read_csv("levels.csv")
    assert len(table) == 10 and sorted(table["fold"].unique()) == [1, 2, 3]
    for argv, words in {
        ("--by", "gg"): "there is no grouping factor 'gg'",
        ("--by", "g", "--folds", "11"): "folds is a number from 2 to 10",
        (): "--by is missing",
    }.items():
        code, out, err = gibbs("cross-validate", "model.yaml", *argv)
        assert (code, out) == (2, "") and words in " ".join(err.split())
    with pytest.raises(SpecError, match="integrating them out is available for normal effects"):
        package.cross_validate('y ~ x + (1 | gr(g, dist = "student"))', ROWS, by="g", **KEYS)
    assert cross_validation.FOLDS == 10

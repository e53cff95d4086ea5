"""Many correlated slopes whose sds are small or 0: no run ends for where it starts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gibbs

MAXIMAL = Path(__file__).parents[3] / "shared" / "faults" / "maximal"
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # 50 draws have not converged


def table(columns: int, slope_sd: float, seed: int, rows: int, groups: int) -> pd.DataFrame:
    """y = x0 + intercepts (sd 1) + slopes of x0 … (sd ``slope_sd``) + noise (sd 1); ``columns`` effects a level."""
    rng = np.random.default_rng(seed)
    X, g = rng.normal(size=(rows, columns - 1)), rng.integers(0, groups, rows)
    slopes = rng.normal(size=(groups, columns - 1)) * slope_sd
    y = X[:, 0] + rng.normal(size=groups)[g] + (X * slopes[g]).sum(1) + rng.normal(size=rows)
    return pd.DataFrame({**{f"x{i}": X[:, i] for i in range(columns - 1)}, "y": y, "g": g.astype(str)})


def assert_it_runs(data: pd.DataFrame, formula: str, family: str = "gaussian", scheme: str = "auto", **length: int) -> None:
    """A few sweeps; raises SamplingError where a chain stops."""
    fit = gibbs.fit(
        formula, data, family=family, seed=1, **{"chains": 2, "warmup": 50, "draws": 50, "cores": 1, "scheme": scheme, **length}
    )
    assert np.isfinite(fit.summary()["mean"]).all()


def formula_of(columns: int) -> str:
    return f"y ~ x0 + (1 + {' + '.join(f'x{i}' for i in range(columns - 1))} | g)"


@pytest.mark.parametrize(("columns", "slope_sd", "seed"), [(4, 0.1, 1), (6, 0.1, 1), (6, 0.1, 2), (6, 0.1, 3), (8, 0.0, 1), (8, 0.3, 2)])
def test_no_gaussian_run_ends_for_its_start(columns, slope_sd, seed):
    assert_it_runs(table(columns, slope_sd, seed, 20_000, 100), formula_of(columns))


@pytest.mark.parametrize("scheme", ["augmented", "second-order", "one-at-a-time"])
def test_no_run_of_a_binary_outcome_ends_for_its_start(scheme):
    data = table(5, 0.0, 4, 1500, 40)
    data["y"] = (data["y"] > 0).astype(int)
    assert_it_runs(data, formula_of(5), "logit", scheme)


def test_a_factor_s_slopes_with_one_row_a_cell():
    """``(0 + f | id)``, each id once in each category: the residual and the effects share what is left."""
    rng = np.random.default_rng(5)
    ids, f = (a.ravel() for a in np.meshgrid(np.arange(40), np.arange(5)))
    y = rng.normal(size=40)[ids] + 0.5 * f + 0.5 * rng.normal(size=200)
    data = pd.DataFrame({"id": ids.astype(str), "f": np.array(list("abcde"))[f], "y": y})
    assert_it_runs(data, "y ~ f + (0 + f | id)")


@pytest.mark.skipif(not MAXIMAL.is_dir(), reason="shared/faults is not beside this repository")
def test_a_maximal_crossed_model_has_lmer_s_coefficients():
    """576 rows of ``faults/maximal``: a 23.9, a:b 21.5 (lmer, singular), to a fifth of a posterior sd; sigma 65.9, to one."""
    data = pd.read_csv(MAXIMAL / "data.csv")
    found = gibbs.fit(
        "RT ~ a * b + (1 + a * b | subj) + (1 + a * b | item)", data, seed=1, warmup=500, draws=4000, scheme="one-at-a-time", progress=False
    ).summary()
    for name, lmer in (("b_a", 23.9), ("b_a:b", 21.5)):
        assert abs(found.loc[name, "mean"] - lmer) < 0.2 * found.loc[name, "sd"], name
    assert abs(found.loc["sigma", "mean"] - 65.9) < found.loc["sigma", "sd"]


@pytest.mark.slow
@pytest.mark.parametrize("columns", range(2, 9))
def test_no_run_ends_for_its_start_of_224(columns):
    """32 runs for each number of columns: slope sds 0, 0.03, 0.1, 0.3, 20 and 100 groups, four seeds."""
    for seed in range(4):
        for slope_sd in (0.0, 0.03, 0.1, 0.3):
            for groups in (20, 100):
                assert_it_runs(table(columns, slope_sd, 100 * seed + columns, 4000, groups), formula_of(columns))

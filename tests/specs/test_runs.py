"""Every shipped spec runs: briefly in the fast suite, in full and to enough draws in the slow one."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import gibbs
from tests.specs.test_examples import NAMES, SPECS, need_data

LARGE = {"gss_abortion", "insteval"}  # tens of thousands of rows: slow suite only


def brief(name: str) -> gibbs.Fit:
    return gibbs.fit(SPECS / f"{name}.yaml", chains=2, warmup=50, draws=50, progress=False)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of so few draws
@pytest.mark.parametrize("name", [n for n in NAMES if n not in LARGE])
def test_an_example_runs_briefly(name: str) -> None:
    need_data(name)
    found = brief(name).summary()
    assert np.isfinite(found[["mean", "sd", "q2.5", "q97.5"]].to_numpy()).all()
    assert (found["sd"] > 0).all()
    assert (found.filter(like="sd_", axis=0)["q2.5"] > 0).all()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_m5_level_by_level_draws_as_m5_does() -> None:
    """Equal to the last bit: the two forms are one Design, and the seed is the same."""
    one, two = brief("peru_m5"), brief("peru_m5_levels")
    pd.testing.assert_frame_equal(one.summary(), two.summary(), check_exact=True)
    pd.testing.assert_frame_equal(one.ranef(summary=True), two.ranef(summary=True), check_exact=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_an_example_converges_from_the_command_line(name: str, tmp_path) -> None:
    """As shipped: exit code 0, R-hat at most 1.01 and at least 400 effective draws of every parameter."""
    need_data(name)
    out = tmp_path / name
    command = [sys.executable, "-m", "gibbs", "run", str(SPECS / f"{name}.yaml"), "--out", str(out), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    main, effects = pd.read_csv(out / "summary.csv"), pd.read_csv(out / "ranef.csv")
    assert main["rhat"].max() <= 1.01
    assert main[["ess_bulk", "ess_tail"]].min(axis=None) >= 400
    assert effects["rhat"].max() <= 1.01
    assert effects["ess_bulk"].min() >= 400

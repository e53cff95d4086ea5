"""Design studies: the table against its formulas, coverage of what the priors draw, and studies that are broken off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import gibbs
from gibbs.calibration import study
from tests.command import SPEC, Gibbs, table

PRIORS = "priors: {b: 'normal(0, 1)', intercept: 'normal(0, 1)'}\n"
SHORT = ("--chains=1", "--warmup=60", "--draws=60")


def test_the_table_is_what_its_formulas_say() -> None:
    rng = np.random.default_rng(1)
    n = 40
    truth, mean = np.full(n, 0.5), rng.normal(0.6, 0.2, n)
    low, high = mean - 0.4, mean + 0.4
    values = np.column_stack([truth, mean, np.full(n, 0.2), low, mean - 0.1, mean, mean + 0.1, high, np.ones(n), np.full(n, 900.0)])
    found = study.performance("b_x", values)
    assert found["bias"] == pytest.approx(np.mean(mean) - 0.5) and found["bias_mcse"] == pytest.approx(mean.std(ddof=1) / np.sqrt(n))
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean((mean - 0.5) ** 2)))
    draws = rng.normal(0.6, 0.2, (20_000, n))  # rmse_mcse is the sd of rmse over studies, to first order
    assert found["rmse_mcse"] == pytest.approx(np.sqrt(np.mean((draws - 0.5) ** 2, axis=1)).std(), rel=0.35)
    inside = np.mean(np.abs(mean - 0.5) <= 0.4)
    assert found["coverage_95"] == inside and found["coverage_95_mcse"] == pytest.approx(np.sqrt(inside * (1 - inside) / n))
    assert found["coverage_50"] == np.mean(np.abs(mean - 0.5) <= 0.1) and found["width_95"] == pytest.approx(0.8)
    assert found["power"] == np.mean(low > 0) and np.isnan(study.performance("sd_g__x", values)["power"])


@pytest.mark.slow
def test_intervals_cover_truths_from_the_priors_and_power_grows_with_the_effect() -> None:
    """With truths from the priors a p interval covers a share p of them, exactly: a binomial count, beyond its 5·10⁻⁵ tails never here."""
    rows = pd.DataFrame(table(60))
    keys = {
        "priors": {"b": "normal(0, 1)", "intercept": "normal(0, 1)", "sigma": "half_normal(0, 1)", "sd": "half_normal(0, 1)"},
        "seed": 4,
    }
    found = gibbs.simulate_study("y ~ x + (1 | g)", rows, datasets=120, chains=1, warmup=200, draws=1000, **keys)
    done = len(found.fitted)
    assert done == 120
    for share, column in ((0.5, "coverage_50"), (0.95, "coverage_95")):
        low, high = stats.binom.ppf([5e-5, 1 - 5e-5], done, share) / done
        assert found.table()[column].between(low, high).all(), found.table()[column]
    fixed = {"sigma": 1.0, "sd_g__Intercept": 0.3, "Intercept": 0.0}
    power = [
        gibbs.simulate_study("y ~ x + (1 | g)", rows, datasets=60, at={**fixed, "x": b}, chains=1, warmup=100, draws=400, **keys)
        .table()
        .loc["b_x", "power"]
        for b in (0.0, 0.3, 0.8)
    ]
    x = rows["x"] - rows["x"].mean()
    normal = [stats.norm.sf(1.96 - b / (1.0 / np.sqrt((x**2).sum()))) for b in (0.3, 0.8)]  # least squares with known σ, roughly
    assert power[0] < 0.2 and power[0] < power[1] < power[2] and abs(power[1] - normal[0]) < 0.35 and power[2] > 0.9


def test_a_study_goes_on_where_it_was_and_to_more_data_sets(gibbs: Gibbs, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("model.yaml").write_text(SPEC + PRIORS, encoding="utf-8")
    at = ("--at=x=0.5", "--at", "sigma=1", *SHORT)
    code, out, err = gibbs("simulate-study", "model.yaml", "--datasets", 4, *at)
    assert code in (0, 1), err
    assert "4 of 4 data sets of 120 rows simulated and fitted, at b_x = 0.5, sigma = 1; the rest from their priors." in out
    first = pd.read_csv("studies/model/estimates.csv")
    assert (first.loc[first["parameter"] == "b_x", "truth"] == 0.5).all() and first["dataset"].nunique() == 4

    calls, fitted = [], study._fitted

    def counted(shared, task, desk):
        calls.append(task[0])
        if len(calls) >= 3 and broken:
            raise KeyboardInterrupt
        return fitted(shared, task, desk)

    broken = True
    monkeypatch.setattr(study, "_fitted", counted)
    code, _, err = gibbs("simulate-study", "model.yaml", "--datasets", 8, "--cores", 1, *at)
    assert code == 130, err
    assert "6 of 8 data sets are kept" in err and calls[:3] == [5, 6, 7]
    assert pd.read_csv("studies/model/estimates.csv").equals(first) and Path("studies/.model.study").exists()
    broken = False
    Path("studies/.model.study").write_text(Path("studies/.model.study").read_text() + '{"number": 7, "se', encoding="utf-8")  # killed
    calls.clear()
    code, _, err = gibbs("simulate-study", "model.yaml", "--datasets", 8, *at)
    assert code in (0, 1) and sorted(calls) == [7, 8] and "6 of 8 data sets were fitted before" in err
    assert not Path("studies/.model.study").exists()
    assert gibbs("simulate-study", "model.yaml", "--datasets", 8, "--out", "whole", "--quiet", *at)[0] == code
    for name in ("estimates.csv", "performance.csv", "verdict.txt"):
        assert Path("whole", name).read_bytes() == Path("studies/model", name).read_bytes()
    assert json.loads(Path("whole/manifest.json").read_text(encoding="utf-8"))["at"] == {"b_x": 0.5, "sigma": 1.0}
    for words, argv in {
        "holds a study already": ("--at", "x=0.6"),
        "there is no parameter 'y'": ("--at", "y=1", "--out", "other"),
        "is not NAME=NUMBER": ("--at", "x", "--out", "other"),
    }.items():
        code, out, err = gibbs("simulate-study", "model.yaml", *argv, *SHORT)
        assert code == 2 and words in " ".join(err.split()) and not Path("other").exists()
    Path("two.yaml").write_text((SPEC + PRIORS).replace(", seed: 1", ""), encoding="utf-8")  # a seed that nobody said is that of before
    calls.clear()
    for n in (2, 3):
        gibbs("simulate-study", "two.yaml", "--datasets", n, *at)
    assert sorted(calls) == [1, 2, 3]


def test_failures_and_data_beyond_numbers_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    from gibbs.calibration import sbc
    from gibbs.errors import SamplingError

    fit = sbc.fit_until

    def sometimes(design, sampling, desk):
        if sampling.seed % 2:
            raise SamplingError("chain 1 met a number it cannot trust.")
        return fit(design, sampling, desk)

    monkeypatch.setattr(sbc, "fit_until", sometimes)
    keys = {"priors": {"b": "normal(0, 1)", "intercept": "normal(0, 1)"}, "chains": 1, "warmup": 60, "draws": 60, "seed": 2, "cores": 1}
    found = gibbs.simulate_study("y ~ x + (1 | g)", pd.DataFrame(table()), datasets=6, **keys)
    failed = sum(f.failed for f in found.fits)
    assert 0 < failed < 6 and len(found.fitted) == 6 - failed and not found.ok
    assert f"{failed} fits failed (chain 1 met" in found.verdict and (found.table()["datasets"] == 6 - failed).all()


@pytest.mark.slow
def test_a_process_that_is_killed_loses_the_data_set_it_was_at(tmp_path: Path) -> None:
    Path(tmp_path, "model.yaml").write_text(SPEC + PRIORS, encoding="utf-8")
    pd.DataFrame(table()).to_csv(tmp_path / "data.csv", index=False)
    command = [sys.executable, "-m", "gibbs", "simulate-study", "model.yaml", "--datasets=40", "--at=x=0.5", "--draws=4000", "--quiet"]
    run = subprocess.Popen(command, cwd=tmp_path)
    journal, deadline = tmp_path / "studies/.model.study", time.monotonic() + 200
    while time.monotonic() < deadline and not (journal.exists() and journal.read_text(encoding="utf-8").count("\n") > 5):
        time.sleep(0.05)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    kept = journal.read_text(encoding="utf-8").count("\n") - 1
    assert 5 <= kept < 40 and not (tmp_path / "studies/model").exists()
    for out in ([], ["--out=whole"]):
        subprocess.run([*command, *out], cwd=tmp_path, check=False, timeout=300)
    assert (tmp_path / "whole/estimates.csv").read_bytes() == (tmp_path / "studies/model/estimates.csv").read_bytes()

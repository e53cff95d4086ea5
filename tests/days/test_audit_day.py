"""The day of a statistician who audits an analysis: the same draws again, bit for bit; printed numbers from the draws by other software;
priors before and after; what each row carries; the same model in other programs; and data that were touched."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gibbs import cli

SPEC = """\
title: Reading in twelve schools
data: pupils.csv
formula: reading ~ hours + (1 + hours | school)
priors: {"b[hours]": "normal(0, 5)", sigma: "half_normal(5)"}
sampling: {chains: 2, warmup: 500, draws: 600, seed: 7}
store: all
output: runs/reading
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(6)
    school, hours = np.arange(240) % 12, np.round(rng.uniform(0, 6, 240), 2)
    intercept, slope = rng.normal(10, 1, 12)[school], rng.normal(0.5, 0.2, 12)[school]
    table = pd.DataFrame({"reading": np.round(intercept + slope * hours + rng.normal(0, 2, 240), 2), "hours": hours, "school": school + 1})
    table.loc[[3, 50], "hours"] = np.nan
    table.to_csv("pupils.csv", index=False)
    Path("reading.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path


def test_the_day(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import arviz_stats
    import xarray as xr

    def gibbs(*words: str, code: int = 0) -> str:
        found = cli.main(list(words))
        out, err = capsys.readouterr()
        assert found == code, err
        return out + err

    # what was assumed: rows, priors, and what the priors expect, before anything is drawn
    said = gibbs("check", "reading.yaml")
    assert "normal, mean 0, sd 5" in said and "spec, line 4" in said and "2 dropped" in said
    gibbs("prior", "reading.yaml", "--data-sets", "100", "--csv", "prior.csv", "--picture", "prior.png")
    expected = pd.read_csv("prior.csv").set_index("statistic")["data"]
    data = pd.read_csv("pupils.csv").dropna()
    mean = next(value for name, value in expected.items() if name.startswith("mean"))
    assert mean == pytest.approx(data["reading"].mean(), rel=1e-6)

    # the run, and the run again: the same draws, byte for byte; its spec, filled in, gives them too
    assert cli.main(["run", "reading.yaml", "--quiet"]) in (0, 1)
    assert cli.main(["run", "reading.yaml", "--quiet", "--out", "runs/again", "--cores", "1"]) in (0, 1)
    assert cli.main(["run", "runs/reading/spec.yaml", "--quiet", "--out", "runs/resolved"]) in (0, 1)
    capsys.readouterr()
    draws = Path("runs/reading/posterior.nc").read_bytes()
    assert Path("runs/again/posterior.nc").read_bytes() == draws
    with xr.open_datatree("runs/reading/posterior.nc") as first, xr.open_datatree("runs/resolved/posterior.nc") as resolved:
        assert first["posterior"].to_dataset().equals(resolved["posterior"].to_dataset())
    assert "same" in gibbs("verify", "runs/reading")
    manifest = json.loads(Path("runs/reading/manifest.json").read_text(encoding="utf-8"))
    assert manifest["seed"] == 7 and manifest["data"]["rows_dropped"] == 2

    # the numbers of summary.csv, from posterior.nc by xarray and arviz-stats
    with xr.open_datatree("runs/reading/posterior.nc") as opened, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = opened.load()
        summary = pd.read_csv("runs/reading/summary.csv", index_col=0)
        for name in ("b_Intercept", "b_hours", "sd_school__Intercept", "cor_school__Intercept__hours", "sigma"):
            values = tree["posterior"][name].to_numpy()
            assert summary.loc[name, "mean"] == pytest.approx(values.mean(), rel=1e-6)
            assert summary.loc[name, "sd"] == pytest.approx(values.std(ddof=1), rel=1e-6)
        theirs = arviz_stats.summary(tree, var_names=["b_hours", "sigma"], round_to="none")
        assert summary.loc["sigma", "ess_bulk"] == pytest.approx(theirs.loc["sigma", "ess_bulk"], rel=1e-4)

        # what each row carries, and how much the priors do
        loo = arviz_stats.loo(tree, pointwise=True)
        sensitivity = arviz_stats.psense_summary(tree, var_names=["b_hours", "sigma"])
        pit = arviz_stats.loo_pit(tree)["reading"].to_numpy()
    assert sensitivity.loc["b_hours", "prior"] < 0.05 and sensitivity.loc["sigma", "prior"] < 0.05 < sensitivity.loc["sigma", "likelihood"]
    from gibbs.posterior.fit import load

    fit = load("runs/reading")
    assert loo.elpd == pytest.approx(fit.loo().elpd, abs=0.5)
    ours = fit.loo_pit().pit
    assert np.abs(pit - ours).max() < 0.1 and len(pit) == 238
    np.testing.assert_array_equal(tree["log_likelihood"]["reading"], fit.log_likelihood())

    # the likelihood of a row, by hand
    row = data.iloc[0]
    post = tree["posterior"].isel(chain=1, draw=17)
    effects = post["r_school"].sel(school_level=str(int(row["school"])))
    eta = float(post["b_Intercept"] + effects.sel(school_term="Intercept"))
    eta += float(post["b_hours"] + effects.sel(school_term="hours")) * row["hours"]
    sigma = float(post["sigma"])
    by_hand = -0.5 * np.log(2 * np.pi * sigma**2) - 0.5 * ((row["reading"] - eta) / sigma) ** 2
    assert float(tree["log_likelihood"]["reading"].isel(chain=1, draw=17, obs_id=0)) == pytest.approx(by_hand, rel=1e-9)

    # pictures of criticism, each a file
    for kind, *flags in (
        ("priors",), ("trace",), ("pairs", "--parameters", "sigma", "sd_*"), ("ppc",), ("ppc", "--statistic", "sd", "max - min"),
        ("pareto_k",), ("pareto_k", "--group", "school"), ("loo_pit",),
    ):  # fmt: skip
        gibbs("plot", "runs/reading", kind, *flags, "--out", f"{kind}.png", "--force")
        assert Path(f"{kind}.png").read_bytes().startswith(b"\x89PNG")

    # a statement with its probability, and the model in other programs
    assert "b_hours" in gibbs("hypothesis", "runs/reading", "b_hours > 0")
    for program in ("jags", "stan"):
        gibbs("export", "runs/reading", "--to", program, "--out", program)
        assert Path(program, "run.R").is_file()
    gibbs("export", "runs/reading", "--to", "csv", "--out", "draws.csv")
    assert pd.read_csv("draws.csv")["sigma"].mean() == pytest.approx(summary.loc["sigma", "mean"], rel=1e-6)

    # data that were touched: whatever looks at the rows says so, and nothing is written
    touched = pd.read_csv("pupils.csv")
    touched.loc[100, "reading"] += 0.01
    touched.to_csv("pupils.csv", index=False)
    said = gibbs("plot", "runs/reading", "ppc", "--out", "touched.png", code=2)
    assert "pupils.csv" in said and "Traceback" not in said and not Path("touched.png").exists()
    assert cli.main(["verify", "runs/reading"]) in (1, 2)

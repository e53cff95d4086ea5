"""The day of a survey researcher, at the command line: a Stata file with labels and refusals, weights and sampling units, some of its rows,
a picture of an effect, and the regions of a country by regression and poststratification."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gibbs import cli

REGIONS = ("North", "East", "South", "West", "Coast", "Hills", "Lakes", "Plains")
SPEC = """\
title: Support for the reform
data:
  file: survey.dta
  subset: year == 2024
  na: {age: [998, 999]}
  join: {file: regions.csv, on: region}
formula: support ~ age + sex + income + (1 | region)
family: logit
outcome: {one: "for"}
weights: {column: w, type: sampling}
design: {strata: stratum, psu: psu, replicates: 20, draws: 50, warmup: 50}
sampling: {chains: 2, warmup: 300, draws: 500, seed: 3}
output: runs/reform
"""


def chance(region: np.ndarray, age: np.ndarray, woman: np.ndarray, income: np.ndarray) -> np.ndarray:
    """Pr(for): what the survey was simulated from."""
    effects = np.array([-0.6, -0.3, -0.1, 0.0, 0.1, 0.2, 0.3, 0.5])
    return 1.0 / (1.0 + np.exp(-(0.2 - 0.03 * (age - 45.0) + 0.5 * woman + 0.4 * income + effects[region])))


def population() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The frame (a row a cell: region, sex, age, N), and what is known of the regions."""
    rng = np.random.default_rng(11)
    income = pd.DataFrame({"region": REGIONS, "income": np.round(rng.normal(size=8), 2)})
    cells = pd.MultiIndex.from_product([REGIONS, ["man", "woman"], [25, 40, 55, 70]], names=["region", "sex", "age"])
    return pd.DataFrame({"N": rng.integers(500, 6000, len(cells))}, index=cells).reset_index(), income


def survey(path: Path, rows: int = 1600) -> None:
    """People asked in 2023 and 2024, young ones too seldom (the weights say so), in 40 sampling units; seven refused their age."""
    rng = np.random.default_rng(12)
    cells, income = population()
    seldom = np.where(cells["age"] < 50, 0.5, 1.5)
    cell = rng.choice(len(cells), rows, p=(cells["N"] * seldom) / (cells["N"] * seldom).sum())
    drawn = cells.iloc[cell].reset_index(drop=True)
    region = drawn["region"].map(REGIONS.index).to_numpy()
    woman = (drawn["sex"] == "woman").to_numpy()
    p = chance(region, drawn["age"].to_numpy(), woman, income["income"].to_numpy()[region])
    table = pd.DataFrame(
        {
            "support": np.where(rng.random(rows) < p, 2, 1),
            "age": np.where(np.arange(rows) % 230 == 0, 998, drawn["age"]),
            "sex": 1 + woman,
            "region": 1 + region,
            "year": np.where(rng.random(rows) < 0.75, 2024, 2023),
            "w": np.round(1.0 / seldom[cell], 3),
            "stratum": 1 + region // 4,
            "psu": 5 * region + rng.integers(0, 5, rows),
        }
    )
    labels = {
        "support": {1: "against", 2: "for"},
        "sex": {1: "man", 2: "woman"},
        "region": dict(enumerate(REGIONS, 1)),
        "age": {998: "Refused", 999: "Don't know"},
    }
    table.to_stata(path, write_index=False, value_labels=labels)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    survey(Path("survey.dta"))
    cells, income = population()
    cells.to_csv("frame.csv", index=False)
    income.to_csv("regions.csv", index=False)
    Path("reform.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path


def test_the_day(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def gibbs(*words: str, code: int = 0) -> str:
        assert cli.main(list(words)) == code, capsys.readouterr().err
        return capsys.readouterr().out

    # first look: a spec that runs, made from the file alone
    assert "Written to first.yaml" in gibbs("init", "survey.dta", "--outcome", "support", "--out", "first.yaml")
    assert "support" in Path("first.yaml").read_text(encoding="utf-8")

    # the model, its rows, its weights, before anything is drawn
    said = gibbs("check", "reform.yaml")
    data = pd.read_stata("survey.dta", convert_categoricals=False)
    asked = data[data["year"] == 2024]
    used = asked[asked["age"] < 900]
    assert f"{len(used):,}" in said and "effective" in said and "design effect" in said
    assert all(len(line) <= 80 for line in said.splitlines())

    # the run; its verdict is of short chains, so either is right
    assert cli.main(["run", "reform.yaml", "--quiet"]) in (0, 1)
    capsys.readouterr()
    manifest = json.loads(Path("runs/reform/manifest.json").read_text(encoding="utf-8"))
    assert manifest["data"]["rows_used"] == len(used)
    assert manifest["data"]["rows_outside_subset"] == len(data) - len(asked)
    estimates = pd.read_csv("runs/reform/estimates.csv", index_col=0)
    assert {"b_age", "b_sexwoman", "b_income"} <= set(estimates.index)

    # words and a picture of an effect: older people are less for it, as they were simulated
    ratios = gibbs("summary", "runs/reform", "--exp")
    assert "sexwoman" in ratios
    effect = gibbs("effects", "runs/reform", "age", "--by", "sex", "--picture", "age.png", "--csv", "age.csv")
    assert "woman" in effect and Path("age.png").read_bytes().startswith(b"\x89PNG")
    by_age = pd.read_csv("age.csv")
    for _, part in by_age.groupby("sex"):
        assert part.sort_values("age")["mean"].is_monotonic_decreasing

    # a frame from margins says the same as the one there is, where only margins are asked of it
    cells, income = population()
    cells.groupby("region", as_index=False)["N"].sum().to_csv("by_region.csv", index=False)
    cells.groupby(["sex", "age"], as_index=False)["N"].sum().to_csv("by_person.csv", index=False)
    gibbs("frame", "--margins", "by_region.csv", "by_person.csv", "--out", "raked.csv")
    raked = pd.read_csv("raked.csv")
    pd.testing.assert_series_equal(raked.groupby("region")["N"].sum(), cells.groupby("region")["N"].sum().astype(float))

    # the regions: estimates, a picture, ranks, differences, and they are what the survey was simulated from
    area = ["poststratify", "runs/reform", "frame.csv", "--weight", "N", "--by", "region"]
    gibbs(*area, "--out", "areas.csv", "--plot", "areas.png")
    areas = pd.read_csv("areas.csv").set_index("region")
    region = cells["region"].map(REGIONS.index).to_numpy()
    p = chance(region, cells["age"].to_numpy(), (cells["sex"] == "woman").to_numpy(), income["income"].to_numpy()[region])
    truth = (p * cells["N"]).groupby(cells["region"]).sum() / cells.groupby("region")["N"].sum()
    for name in REGIONS:
        assert abs(areas.loc[name, "mean"] - truth[name]) < 4.5 * areas.loc[name, "sd"], name
    everyone = (p * cells["N"]).sum() / cells["N"].sum()
    assert abs(areas.loc["(all)", "mean"] - everyone) < 4.5 * areas.loc["(all)", "sd"]
    assert Path("areas.png").read_bytes().startswith(b"\x89PNG")
    gibbs(*area, "--ranks", "--out", "ranks.csv")
    ranks = pd.read_csv("ranks.csv")
    assert ranks["rank"].sum() == pytest.approx(36.0) and ranks["P(first)"].sum() == pytest.approx(1.0)
    gibbs(*area, "--minus", "(all)", "--out", "minus.csv")
    minus = pd.read_csv("minus.csv").set_index("region")
    for name in REGIONS:
        assert minus.loc[name, "mean"] == pytest.approx(areas.loc[name, "mean"] - areas.loc["(all)", "mean"], abs=1e-6)

    # who will vote: people times a second model's probabilities
    assert cli.main(["run", "reform.yaml", "--quiet", "--set", "formula=support ~ age + (1 | region)", "--out", "runs/turnout"]) in (0, 1)
    capsys.readouterr()
    gibbs("frame", "--start", "frame.csv", "--start-weight", "N", "--times", "runs/turnout", "--out", "voters.csv")
    voters = pd.read_csv("voters.csv")
    assert len(voters) == len(cells) and 0.0 < voters["N"].sum() < cells["N"].sum()

    # and all of it for a colleague
    assert "Written to" in gibbs("report", "runs/reform")
    assert "region" in Path("runs/reform/report.html").read_text(encoding="utf-8")

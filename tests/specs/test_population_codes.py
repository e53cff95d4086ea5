"""Area codes from the file to the table: the zeros of FIPS codes, which pollsters' frames have and files without types lose."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from gibbs import cli, load

FAULTS = Path(__file__).resolve().parents[3] / "shared" / "faults" / "fipspr"
RIGHT = {"01": 0.943, "02": 0.682, "04": 0.241, "05": 0.394, "06": 0.210, "08": 0.524, "09": 0.609, "10": 0.393, "11": 0.751, "12": 0.645}
"""Of the same frame handed over as text; (all) is 0.526."""


@pytest.mark.skipif(not FAULTS.is_dir(), reason="../shared/faults is not here")
def test_a_frame_is_read_as_the_fit_s_data_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in FAULTS.iterdir():
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "spec.yaml", "--out", "run", "--quiet"]) == 0
    capsys.readouterr()
    assert cli.main(["poststratify", "run", "frame.csv", "--weight", "N", "--by", "fips", "--out", "areas.csv"]) == 0
    assert "drawn as new" not in capsys.readouterr().err
    found = pd.read_csv("areas.csv", dtype={"fips": str}).set_index("fips")["mean"]
    for area, right in {**RIGHT, "(all)": 0.526}.items():
        assert abs(found[area] - right) < 0.02, area
    with_numbers = load("run").poststratify(pd.read_csv("frame.csv"), "N", "fips").table.set_index("fips")["mean"]
    assert (with_numbers - found).abs().max() < 1e-6
    frame = pd.read_csv("frame.csv", dtype=str)
    frame.loc[frame["fips"] == "04", "fips"] = "72"
    frame.to_csv("other.csv", index=False)
    people = frame.loc[frame["fips"] == "72", "N"].astype(float).sum()
    assert cli.main(["poststratify", "run", "other.csv", "--weight", "N", "--by", "fips"]) == 0
    assert f"warning: fips 72: {people:,.0f} people drawn as new" in capsys.readouterr().err
    assert cli.main(["poststratify", "run", "other.csv", "--weight", "N", "--new-levels", "error"]) == 2
    assert f"fips 72: {people:,.0f} people" in capsys.readouterr().err

"""``gibbs runs`` and ``gibbs verify``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gibbs.commands.runs import age
from gibbs.errors import OutputError
from gibbs.files import places
from gibbs.resuming import calls, checkpoint, listing, verify
from gibbs.runfolder import runfolder
from tests.resuming.ground import broken_off, folder, whole

pytestmark = pytest.mark.filterwarnings("ignore::gibbs.errors.NotConvergedWarning")


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Path:
    return folder(tmp_path)


def test_every_state_has_its_name(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = broken_off(place, monkeypatch, checkpoints=3)
    whole(place, "done")
    (place / "paper").mkdir()
    found = {Path(run.folder).name: run for run in listing.runs(place)}
    assert set(found) == {"run", "done"}
    assert found["done"].state == "finished" and found["done"].draws == 400 and "converged" in found["done"].verdict
    assert found["run"].state == "interrupted" and "gibbs resume goes on" in found["run"].verdict and found["run"].age < 600
    (checkpoint.folder_of(target) / "failed").write_text("sampling: chain 1\n", encoding="utf-8")
    assert {run.state for run in listing.runs(place)} == {"finished", "failed"}
    with places.reserve(target, runfolder.KIND):
        (one,) = (run for run in listing.runs(place) if run.folder.endswith("run"))
        assert one.state == "running" and "process" in one.verdict
    table = calls.runs(place)
    assert list(table.columns) == ["run", "state", "age", "chains", "draws", "verdict"] and len(table) == 2
    with pytest.raises(OutputError, match="no such folder"):
        listing.runs(place / "pape")


def test_ages_in_words() -> None:
    assert [age(s) for s in (7, 150, 7300, 400_000)] == ["7 s", "2 min", "2 h", "5 days"]


def test_a_run_is_reproduced_and_one_that_is_not_says_so(place: Path) -> None:
    run = whole(place)
    found = calls.verify(run)
    assert found.same and "the data are the same" in str(found) and "the first 20 sweeps of 2 chains lead where they led" in str(found)
    again = calls.verify(run, whole=True)
    assert again.same and "all 400 draws of 2 chains are the same" in str(again)
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    manifest["versions"]["numba"] = "0.1"
    manifest["sampler"]["first_sweeps"]["state"][1] = "ab" * 32
    (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    other = verify.verify(run)
    assert not other.same and "numba 0.1, here" in str(other) and "lead elsewhere (chains 2)" in str(other)
    (place / "data.csv").write_text((place / "data.csv").read_text(encoding="utf-8").replace("g1", "g2"), encoding="utf-8")
    with pytest.raises(OutputError, match="another fingerprint"):
        calls.verify(run)

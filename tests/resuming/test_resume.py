"""Runs that go on: the same draws, the same tables, the same files, however they were broken off and whatever is different afterwards."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.errors import DataError, OutputError, SpecError
from gibbs.resuming import calls, checkpoint
from tests.command import Gibbs
from tests.resuming.ground import LONGEST, SPEC, broken_off, folder, often, paced, same, whole

pytestmark = pytest.mark.filterwarnings("ignore::gibbs.errors.NotConvergedWarning")
SPECS = {
    "gaussian": SPEC,
    "to precision": SPEC.replace("draws: 400", "until: {ess: 300, rhat: 1.1, max_seconds: 3000, max_draws: 2000}"),
    "streamed": SPEC + "keep: none\n",
    "t effects": SPEC.replace("(1 + x | g)", '(1 | gr(g, dist = "student"))').replace("draws: 400", "draws: 100"),
}


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Path:
    return folder(tmp_path)


CHECKPOINTS = {"gaussian": (1, 30, 90), "to precision": (30,), "streamed": (90,), "t effects": (1,)}
"""After how many a run is killed: soon, in warm-up or late; each kind at one of them, and all slowly."""


@pytest.mark.parametrize(
    ("name", "checkpoints"),
    [pytest.param(n, k, marks=[] if k in CHECKPOINTS[n] else pytest.mark.slow) for n in SPECS for k in (1, 30, 90)],
)
def test_a_run_that_was_killed_ends_as_if_nothing_had_been(
    tmp_path: Path, name: str, checkpoints: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = folder(tmp_path, SPECS[name])
    target = broken_off(place, monkeypatch, checkpoints=checkpoints)
    monkeypatch.setattr("gibbs.sampling.crew.CHUNK_SECONDS", 0.25)  # another length of chunks, and other cores
    fit = calls.resume(target, cores=2, progress=False)
    assert not same(whole(place, "whole", cores=2), target)
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    first, second = manifest["parts"]
    assert first["from"] == [0, 0] and first["to"] == second["from"] and min(second["to"]) >= 200
    assert {"host", "system", "processor", "cores", "numba", "numpy", "began", "seconds"} <= set(second) and second["cores"] == 2
    assert manifest["run"] == fit.identity and len(fit.identity) == 16
    assert not checkpoint.folder_of(target).exists() and not list(target.parent.glob(".run*"))


def test_more_draws_than_there_were_are_those_of_a_longer_run(place: Path) -> None:
    short, long = whole(place, "short"), whole(place, "long", draws=900)
    first = gibbs.load(short)
    fit = calls.resume(short, draws=900, progress=False)
    assert not same(short, long)
    np.testing.assert_array_equal(fit.arrays.beta[:, :400], first.arrays.beta)
    np.testing.assert_array_equal(fit.arrays.u[:, :400], first.arrays.u)
    assert len(fit.parts) == 2 and fit.identity == first.identity
    with pytest.raises(SpecError, match="has 900 draws of each chain already"):
        calls.resume(short, draws=900)
    with pytest.raises(SpecError, match=r"at its end, 900 draws of each chain\. Say how many"):
        calls.resume(short)
    with pytest.raises(SpecError, match="not both"):
        calls.resume(short, draws=1000, until={"ess": 100})


def test_a_fixed_length_goes_on_until_it_is_precise(place: Path) -> None:
    run = whole(place)
    first = gibbs.load(run)
    fit = calls.resume(run, until={"ess": 700, "rhat": 1.05}, progress=False)
    assert fit.arrays.beta.shape[1] > 400 and fit.spec.sampling.until.ess == 700 and not fit.arrays.stopped
    np.testing.assert_array_equal(fit.arrays.beta[:, :400], first.arrays.beta)
    again = calls.resume(run, until={"ess": 1500, "rhat": 1.05}, progress=False)
    np.testing.assert_array_equal(again.arrays.hyper[:, : fit.arrays.hyper.shape[1]], fit.arrays.hyper)
    with pytest.raises(SpecError, match="esss"):
        calls.resume(run, until={"esss": 3})


def test_a_fit_at_hand_is_extended(place: Path) -> None:
    frame = pd.read_csv(place / "data.csv")
    keys = {"warmup": 100, "chains": 2, "seed": 4, "progress": False, "cores": 1}
    short = gibbs.fit("y ~ x + (1 | g)", frame, draws=200, **keys)
    long = gibbs.fit("y ~ x + (1 | g)", frame, draws=500, **keys)
    more = short.extend(draws=500)
    for one, other in ((more.arrays.beta, long.arrays.beta), (more.arrays.hyper, long.arrays.hyper), (more.arrays.u, long.arrays.u)):
        np.testing.assert_array_equal(one, other)
    assert short.arrays.beta.shape[1] == 200 and more.spec.sampling.draws == 500
    short.save(place / "kept")
    assert np.array_equal(gibbs.load(place / "kept").extend(draws=500).arrays.u, long.arrays.u)


def test_a_table_from_python_is_kept_with_the_checkpoint(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gibbs import pipeline

    often(monkeypatch)
    frame, save = pd.read_csv(place / "data.csv"), pipeline.save

    def dies(*arguments: object, **keys: object) -> None:
        raise SystemError("the power is gone")

    keys = {"warmup": 100, "chains": 2, "seed": 4, "progress": False, "draws": 300, "output": place / "run"}
    monkeypatch.setattr(pipeline, "save", dies)
    with monkeypatch.context() as patched, pytest.raises(SystemError):
        paced(patched)
        gibbs.fit("y ~ x + (1 | g)", frame, **keys)
    monkeypatch.setattr(pipeline, "save", save)
    assert (checkpoint.folder_of(place / "run") / "data.parquet").is_file()
    fit = calls.resume(place / "run", progress=False)
    other = gibbs.fit("y ~ x + (1 | g)", frame, **{**keys, "output": place / "other"})
    np.testing.assert_array_equal(fit.arrays.beta, other.arrays.beta)
    assert (place / "run" / "data.parquet").is_file()


def test_data_that_have_changed_are_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = broken_off(place, monkeypatch, checkpoints=3)
    shutil.copy(place / "data.csv", place / "moved.csv")
    (place / "data.csv").write_text((place / "data.csv").read_text(encoding="utf-8").replace("g1", "g2"), encoding="utf-8")
    with pytest.raises(DataError, match="not those the run was begun with"):
        calls.resume(target)
    assert checkpoint.find(target) is not None
    calls.resume(target, data=place / "moved.csv", progress=False)
    assert (target / "manifest.json").is_file()


def test_where_there_is_no_run(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_off(place, monkeypatch, checkpoints=3)
    with pytest.raises(OutputError, match=r"no checkpoint of one\. Did you mean 'run'"):
        calls.resume(place / "rum")
    with pytest.raises(OutputError, match="no folder"):
        calls.resume(place / "none" / "run")
    kept = whole(place)
    (kept / "chains.state").unlink()
    with pytest.raises(OutputError, match=r"has no chains\.state"):
        calls.resume(kept, draws=1000)
    other = whole(place, "other")
    contents = bytearray((other / "chains.state").read_bytes())
    contents[500] ^= 1
    (other / "chains.state").write_bytes(contents)
    with pytest.raises(OutputError, match="this file is damaged"):
        calls.resume(other, draws=1000)


def test_another_run_at_work_is_not_disturbed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gibbs.files import places
    from gibbs.runfolder import runfolder

    target = broken_off(place, monkeypatch, checkpoints=3)
    with places.reserve(target, runfolder.KIND), pytest.raises(OutputError, match="another run is being written"):
        calls.resume(target)


def test_files_of_the_users_own_stay_when_a_run_gets_more_draws(place: Path) -> None:
    run = whole(place)
    (run / "thesis.tex").write_text("mine", encoding="utf-8")
    calls.resume(run, draws=500, progress=False)
    assert (run / "thesis.tex").read_text(encoding="utf-8") == "mine" and gibbs.load(run).arrays.beta.shape[1] == 500


def test_the_command(gibbs_command: Gibbs) -> None:
    call = gibbs_command
    assert call("run", "model.yaml", "--quiet")[0] in (0, 1)
    before = (Path("runs/one/posterior.nc").read_bytes(), call("summary", "runs/one"))
    code, _, err = call("resume", "runs/one")
    assert code == 2 and "at its end, 100 draws" in err
    code, out, err = call("resume", "runs/one", "--draws", 150, "--cores", 1)
    assert code in (0, 1) and "Written to" in out, err
    assert call("run", "model.yaml", "--draws", 150, "--out", "other", "--quiet")[0] in (0, 1)
    assert Path("other/posterior.nc").read_bytes() == Path("runs/one/posterior.nc").read_bytes() != before[0]
    assert call("resume", "runs/one", "--until", "ess=250,rhat=1.2", "--quiet")[0] in (0, 1)
    assert call("resume", "runs/on")[0] == 2


@pytest.fixture(name="gibbs_command")
def _gibbs_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Gibbs:
    from tests.command import in_folder

    return in_folder(tmp_path, monkeypatch, capsys)


def test_ctrl_c_leaves_a_run_that_goes_on(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chains are cut to the shortest in what is written; the others' draws are not lost."""
    import threading

    from gibbs import pipeline
    from gibbs.model import spec as specs
    from gibbs.sampling import chains, crew
    from gibbs.sampling.chain import Chain

    stop, run, chunk = threading.Event(), chains.run, crew.Crew._chunk

    def pressed(*arguments: object, **keys: object) -> object:
        return run(*arguments, **{**keys, "stop": stop, "chunk": 7})

    def chunk_by_chunk(self: crew.Crew, chain: Chain, target: int) -> None:
        chunk(self, chain, target)
        if chain.done > 180:
            stop.set()
            assert self.stop.wait(LONGEST)

    with monkeypatch.context() as patched, pipeline.reserved(place / "run") as at:
        patched.setattr(chains, "run", pressed)
        patched.setattr(crew.Crew, "_chunk", chunk_by_chunk)
        fit = pipeline.draw(pipeline.prepare(specs.load(place / "model.yaml", {"draws": 3000})))
        pipeline.save(fit, at)
    assert fit.arrays.stopped == "interrupted" and fit.arrays.beta.shape[1] < 3000
    again = calls.resume(place / "run", progress=False)
    assert not again.arrays.stopped and not same(whole(place, draws=3000), place / "run")
    assert os.path.exists(place / "run" / "chains.state")


def test_a_run_of_another_version_is_refused_in_words(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version whose chains hold other arrays: a run at its end, and one that was broken off."""
    from gibbs.sampling import standing

    monkeypatch.setattr(standing, "FORMAT", standing.FORMAT - 1)
    ended, broken = whole(place, "ended"), broken_off(place, monkeypatch, checkpoints=2)
    monkeypatch.setattr(standing, "FORMAT", standing.FORMAT + 1)
    before = (ended / "posterior.nc").read_bytes()
    with pytest.raises(OutputError, match=r"another version of gibbs wrote it .* Run the spec again"):
        calls.resume(ended, draws=900, progress=False)
    assert (ended / "posterior.nc").read_bytes() == before
    with pytest.raises(OutputError, match="another version of gibbs wrote it: format"):
        calls.resume(broken, progress=False)

"""Checkpoints that are damaged, cannot be written, or belong to another run."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gibbs import pipeline
from gibbs.errors import OutputError
from gibbs.files import blocks, places
from gibbs.model import spec as specs
from gibbs.posterior.fit import load
from gibbs.resuming import calls, checkpoint, listing
from gibbs.resuming import course as courses
from gibbs.sampling import standing
from tests.resuming.ground import broken_off, folder, often, paced, same, whole

pytestmark = pytest.mark.filterwarnings("ignore::gibbs.errors.NotConvergedWarning")


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Path:
    return folder(tmp_path)


def states(target: Path) -> list[Path]:
    """Oldest first."""
    return sorted(checkpoint.folder_of(target).glob("state-*"), key=lambda path: int(path.name.removeprefix("state-")))


def test_two_states_and_the_draws_they_need_are_there_and_nothing_of_them_is_run(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = broken_off(place, monkeypatch, checkpoints=12)
    there = sorted(p.name for p in checkpoint.folder_of(target).iterdir())
    assert [name.partition("-")[0] for name in there] == ["draws", "state", "state"] and not target.exists()
    for path in states(target):
        with open(path, "rb") as file:
            about, arrays = blocks.read(file) or ({}, {})
        assert about["gibbs_checkpoint"] == standing.FORMAT and "formula: y ~ x + (1 + x | g)" in about["spec"] and about["chains"] == 2
        assert {array.dtype.kind for array in arrays.values()} <= {"f", "i", "u", "b"}
        parts = {name.split("/")[2].partition(".")[0] for name in arrays if name.startswith("state/0/")}
        assert {"state", "tuning", "counts", "rng", "history"} <= parts


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path: Path) -> None:
    contents = bytearray(path.read_bytes())
    contents[len(contents) // 3] ^= 16
    path.write_bytes(contents)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, flipped, emptied, os.unlink])
def test_of_a_damaged_state_the_one_before_is_used_and_the_end_is_the_same(
    place: Path, damage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = broken_off(place, monkeypatch, checkpoints=40)
    before, last = states(target)
    damage(last)
    found = checkpoint.find(target)
    assert found is not None and found.about["number"] == int(before.name.removeprefix("state-"))
    assert damage is os.unlink or (len(found.notes) == 1 and f"checkpoint {last.name[6:]} is damaged" in found.notes[0])
    if damage is os.unlink:
        calls.resume(target, progress=False)
    else:
        with pytest.warns(UserWarning, match="is damaged .* so the one before is used"):
            calls.resume(target, progress=False)
    assert not same(whole(place), target)


def test_draws_that_are_cut_short_are_noticed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = broken_off(place, monkeypatch, checkpoints=60)
    (log,) = checkpoint.folder_of(target).glob("draws-*")
    newest, older = (json.loads(json.dumps(checkpoint._about(path))) for path in reversed(states(target)))
    assert newest["bytes"] > older["bytes"] > 0
    with open(log, "r+b") as file:
        file.truncate(newest["bytes"] - 10)
    found = checkpoint.find(target)
    assert found is not None and found.about["number"] == older["number"] and "in its draws, draws-1: it is cut short" in found.notes[0]
    assert [sum(c.lp.size for c in chunks) for chunks in found.standing.kept] == [max(n - 100, 0) for n in older["done"]]
    with open(log, "r+b") as file:
        file.seek(30)
        file.write(b"\xff")
    with pytest.raises(OutputError, match=r"none is whole.*Run the spec again, with --force"):
        checkpoint.find(target)


def test_what_is_behind_the_last_checkpoint_is_not_looked_at(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws are on the disk before the state that counts them: a process may die in between."""
    target = broken_off(place, monkeypatch, checkpoints=60)
    (log,) = checkpoint.folder_of(target).glob("draws-*")
    with open(log, "ab") as file:
        file.write(b"half a block")
    (checkpoint.folder_of(target) / "state.partial").write_bytes(b"half a state")
    found = checkpoint.find(target)
    assert found is not None and not found.notes
    calls.resume(target, progress=False)
    assert not same(whole(place), target) and not checkpoint.folder_of(target).exists()


def test_a_disk_that_fills_up_stops_the_run_and_the_last_checkpoint_is_good(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    often(monkeypatch)
    write = blocks.write

    def full(file: Any, about: Any, arrays: Any) -> int:
        if about.get("number", 0) >= 20 or len(written) >= 20:
            written.append("half")
            file.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device", file.name)
        written.append("whole")
        return write(file, about, arrays)

    written: list[str] = []
    target, spec = place / "run", specs.load(place / "model.yaml")
    with monkeypatch.context() as patched, pipeline.reserved(target):
        patched.setattr(blocks, "write", full)
        paced(patched)
        prepared = pipeline.prepare(spec)
        with pytest.raises(OutputError, match=r"cannot be written \(no space left on device\), so the run was stopped after") as error:
            pipeline.draw(prepared, course=courses.start(spec, prepared.table, target, force=False))
    assert error.value.exit_code == 1 and "gibbs resume goes on from there" in str(error.value)
    found = checkpoint.find(target)
    assert found is not None and not found.notes
    calls.resume(target, progress=False)
    assert not same(whole(place), target)


def test_a_folder_that_turns_read_only_stops_the_run(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    often(monkeypatch)
    replace_file = os.replace

    def read_only(source: Any, target: Any) -> None:
        renamed.append(target)
        if len(renamed) > 8:
            raise OSError(errno.EROFS, "Read-only file system", str(target))
        replace_file(source, target)

    renamed: list[Any] = []
    target, spec = place / "run", specs.load(place / "model.yaml")
    with monkeypatch.context() as patched, pipeline.reserved(target):
        patched.setattr("gibbs.resuming.checkpoint.os.replace", read_only)
        paced(patched)
        prepared = pipeline.prepare(spec)
        with pytest.raises(OutputError, match="read-only file system"):
            pipeline.draw(prepared, course=courses.start(spec, prepared.table, target, force=False))
    found = checkpoint.find(target)
    assert found is not None and found.about["number"] == 8 and not found.notes


def interfered(place: Path, monkeypatch: pytest.MonkeyPatch, act: Any, after: int) -> tuple[pipeline.Saved, Any]:
    """A run into ``place/runs/run`` during which ``act(target)`` is done once, when all chains have made so many sweeps."""
    often(monkeypatch)
    target, spec = place / "runs" / "run", specs.load(place / "model.yaml")
    write, done = checkpoint.Checkpoint.write, []

    def interfering(self: checkpoint.Checkpoint, standing: Any) -> None:
        if not done and min(standing.done()) >= after:
            done.append(act(target))
        write(self, standing)

    with monkeypatch.context() as patched, pipeline.reserved(target) as at:
        patched.setattr(checkpoint.Checkpoint, "write", interfering)
        paced(patched)
        prepared = pipeline.prepare(spec)
        course = courses.start(spec, prepared.table, target, force=False)
        fit = pipeline.draw(prepared, course=course)
        return pipeline.save(fit, at, course=course, rescue=place / "rescue"), fit


def full_disk(monkeypatch: pytest.MonkeyPatch) -> Any:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    return lambda target: monkeypatch.setattr(blocks, "write", full)


def test_draws_are_written_where_a_checkpoint_can_no_longer_be(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved, fit = interfered(place, monkeypatch, lambda target: shutil.rmtree(checkpoint.folder_of(target)), after=140)
    draws = fit.arrays.beta.shape[1]
    assert fit.arrays.stopped == "checkpoint" and 20 <= draws < 400 and saved.folder == place / "runs" / "run"
    (said,) = saved.problems
    assert f"cannot be written (no such file or directory), so the run was stopped after {draws} draws of each chain" in said
    assert "its checkpoint could not be written" in fit.verdict and [p.name for p in (place / "runs").iterdir()] == ["run"]
    (one,) = listing.runs(place / "runs")
    assert (one.state, one.draws) == ("interrupted", draws) and "gibbs resume goes on" in one.verdict
    calls.resume(saved.folder, progress=False)
    assert same(whole(place), saved.folder) == ["spec.yaml"]  # which names the data from where it stands


def test_draws_go_to_a_second_place_where_the_folder_above_is_gone(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved, fit = interfered(place, monkeypatch, lambda target: shutil.rmtree(target.parent), after=140)
    assert saved.folder == place / "rescue" / "run" and not (place / "runs").exists()
    assert "the run was stopped after" in saved.problems[0] and str(saved.folder) in saved.problems[0]
    assert load(saved.folder).arrays.beta.shape == fit.arrays.beta.shape


def test_a_disk_that_is_full_at_the_first_checkpoint(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        monkeypatch.context() as patched,
        pytest.raises(OutputError, match=r"stopped after \d+ sweeps of warm-up. There was no draw") as error,
    ):
        interfered(place, monkeypatch, full_disk(patched), after=0)
    assert "before it" not in str(error.value) and not (place / "runs").exists()


def test_a_run_that_had_to_be_written_elsewhere_is_not_said_to_be_broken_off(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled, without_room = places.Place.fill, [place / "runs"]

    def full(self: places.Place, write: Any) -> Path:
        if self.target.parent in without_room:
            raise OutputError("the run cannot be written: No space left on device.", where=str(self.target))
        return filled(self, write)

    with monkeypatch.context() as patched:
        patched.setattr(places.Place, "fill", full)
        saved, _ = interfered(place, monkeypatch, lambda target: None, after=1)
        assert saved.folder == place / "rescue" / "run" and len(saved.problems) == 1
        patched.setattr(places.tempfile, "mkdtemp", lambda prefix: str(place / "temporary"))
        without_room.append(place / "temporary")
        with pytest.raises(OutputError, match=r"Nor anywhere else.*gibbs resume '.*run' goes on from its last checkpoint"):
            calls.resume(place / "runs" / "run", progress=False)
    (one,) = listing.runs(place / "runs")
    assert f"written to '{saved.folder}'" in one.verdict
    with (
        pytest.raises(OutputError, match=f"a run that was written to '{saved.folder}' has its checkpoint here"),
        pipeline.reserved(place / "runs" / "run"),
    ):
        pass
    calls.resume(place / "runs" / "run", progress=False)
    assert not same(saved.folder, place / "runs" / "run") and [p.name for p in (place / "runs").iterdir()] == ["run"]


def test_a_run_that_found_its_place_taken_leaves_no_checkpoint(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved, _ = interfered(place, monkeypatch, lambda target: target.write_text("theirs"), after=1)
    assert saved.folder == place / "runs" / "run-2" and "was taken meanwhile" in saved.problems[0]
    assert sorted(p.name for p in (place / "runs").iterdir()) == ["run", "run-2"]


def test_a_process_that_dies_while_it_lets_go_of_a_checkpoint_leaves_nothing_for_long(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = broken_off(place, monkeypatch, checkpoints=5)
    gone = checkpoint._gone(checkpoint.folder_of(target))
    gone.mkdir()
    (gone / "state-3").write_bytes(b"of another run")
    calls.resume(target, progress=False)
    assert not gone.exists() and not checkpoint.folder_of(target).exists() and not same(whole(place), target)


def test_a_damaged_state_does_not_take_the_place_of_a_good_one(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The two newest that are kept are two that can be read."""
    target = broken_off(place, monkeypatch, checkpoints=8)
    before, last = states(target)
    flipped(last)
    found = checkpoint.find(target)
    again = checkpoint.Checkpoint(target, found.about, goes_on=True)
    again.write(found.standing)
    assert [path.name for path in states(target)] == [before.name, "state-9"] and not checkpoint.find(target).notes
    states(target)[-1].unlink()
    assert checkpoint.find(target).about["number"] == 7


def test_checkpoints_of_another_run_that_cannot_be_let_go_of_are_not_added_to(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = broken_off(place, monkeypatch, checkpoints=5)
    found = checkpoint.find(target)

    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(target))

    monkeypatch.setattr("gibbs.resuming.checkpoint.os.rename", refused)
    other = checkpoint.Checkpoint(target, {**found.about, "run": "another"})
    with pytest.raises(PermissionError):
        other.write(found.standing)
    assert checkpoint.find(target).about["run"] == found.about["run"]
    other.remove()
    assert checkpoint.find(target) is not None


def test_a_new_run_does_not_take_the_place_of_one_that_waits(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = broken_off(place, monkeypatch, checkpoints=5)
    with pytest.raises(OutputError, match=r"a run that was broken off waits here, after .* gibbs resume"), pipeline.reserved(target):
        pass
    spec = specs.load(place / "model.yaml", {"seed": 99})
    with pipeline.reserved(target, force=True) as at:
        prepared = pipeline.prepare(spec)
        course = courses.start(spec, prepared.table, target, force=True)
        fit = pipeline.draw(prepared, course=course)
        pipeline.save(fit, at)
        course.written(fit.arrays.standing, target)
    assert not checkpoint.folder_of(target).exists()
    assert not same(whole(place, seed=99), target)


def test_a_checkpoint_costs_little(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After one that took a tenth of a second the next is six seconds away."""
    from gibbs.sampling import keeper

    monkeypatch.setattr(keeper, "EVERY", 0.0)
    slow = keeper.Keeper(lambda standing: __import__("time").sleep(0.1))
    slow.taken = {0: ({"keep_every": np.array(1)}, [], 0, True)}
    import time

    slow._write(0.0, {})
    assert slow.due - time.perf_counter() > 0.1 * keeper.SPARE * 0.9

"""Ctrl-C where there is more to write than there is time for: the run waits in its checkpoint, whole, and all words say how it goes on."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gibbs import cli, pipeline, signals
from gibbs.errors import OutputError, SpecError
from gibbs.resuming import calls, checkpoint, listing
from gibbs.sampling import keeper
from tests.resuming.ground import broken_off, folder, same, whole
from tests.test_signals import LIMIT, stopped

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="needs signals"),
    pytest.mark.filterwarnings("ignore::gibbs.errors.NotConvergedWarning"),
]
OFTEN = "from gibbs.sampling import keeper\nkeeper.EVERY, keeper.SPARE = 0.05, 0.0\n"
SLOW_DISK = f"""
{OFTEN}
keeper.RATE = 1e3
write = keeper.Keeper._write
def written(self, elapsed, course):
    write(self, elapsed, course)
    if min(chunks for chunks, _ in self.written.values()) > 0:
        say("here")
keeper.Keeper._write = written
"""
"""A kilobyte a second: no draw could be written in time. "here": there is a checkpoint with draws."""
SLOW_FILE = f"""
{OFTEN}
from gibbs.runfolder import runfolder
write = runfolder._Sink.write
def slowly(self, data):  # as if the file were very large
    say("here")
    end = time.monotonic() + 20.0
    while time.monotonic() < end and not self._overdue():
        time.sleep(0.02)
    return write(self, data)
runfolder._Sink.write = slowly
"""


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Path:
    rows = [f"{(7 * i) % 13 * 0.3:.1f},{(i * i) % 11 * 0.1:.1f},g{i % 12},{int(i % 5 == 0)}" for i in range(120)]
    (tmp_path / "data.csv").write_text("\n".join(["y,x,g,b", *rows]) + "\n", encoding="utf-8")
    return tmp_path


def test_draws_that_cannot_be_written_in_time_wait_in_the_checkpoint(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    code, out, err, _ = stopped(place, SLOW_DISK, draws=200_000)
    monkeypatch.chdir(place)
    assert (code, out) == (130, "") and "waits in its checkpoint, after" in err and "gibbs resume" in err and "--now" in err
    target = place / "runs" / "one"
    assert [p.name for p in (place / "runs").iterdir()] == [".one.checkpoint"]
    found = checkpoint.find(target)
    assert found is not None and not found.notes
    have = min(sum(chunk.lp.size for chunk in chunks) for chunks in found.standing.kept)
    assert have > 0 and f"after {checkpoint.how_far(found.about)}" in err
    (one,) = listing.runs(place / "runs")
    assert (
        one.state == "interrupted" and one.verdict.startswith("stopped by Ctrl-C, not written yet, after") and "gibbs resume" in one.verdict
    )
    assert cli.main(["summary", "runs/one"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "its results are not written yet. gibbs resume 'runs/one' goes on with it; with --now it writes" in said
    assert cli.main(["run", "model.yaml"]) == 2 and "a run that was broken off waits here" in " ".join(capsys.readouterr().err.split())
    assert cli.main(["resume", "runs/one", "--now", "--quiet"]) == 1
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["stopped"] == "interrupted" and manifest["draws"] >= have and manifest["convergence"] is not None
    assert not checkpoint.folder_of(target).exists()
    draws = manifest["draws"] + 500
    calls.resume(target, draws=draws, progress=False)
    assert not [name for name in same(whole(place, draws=draws), target) if name != "spec.yaml"]


@pytest.mark.slow
@pytest.mark.parametrize("presses", [1, 2])
def test_writing_is_left_when_its_time_is_up(place: Path, presses: int) -> None:
    """All were drawn; the run is at its last file, which takes longer than it may."""
    code, out, err, seconds = stopped(place, SLOW_FILE, presses=presses, draws=20_000)
    assert (code, out) == (130, "") and "waits in its checkpoint" in err
    assert seconds < LIMIT
    assert [p.name for p in (place / "runs").iterdir()] == [".one.checkpoint"]
    target = place / "runs" / "one"
    calls.resume(target, progress=False)
    assert not [name for name in same(whole(place, draws=20_000), target) if name != "spec.yaml"]


def test_now_has_to_have_something_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = folder(tmp_path)
    target = broken_off(place, monkeypatch, checkpoints=3)
    with pytest.raises(SpecError, match="in its warm-up: there are no draws to write yet"):
        calls.resume(target, now=True)
    with pytest.raises(SpecError, match="--now draws nothing"):
        calls.resume(target, now=True, draws=500)
    with pytest.raises(SpecError, match="is written already, 400 draws"):
        calls.resume(whole(place), now=True)
    with pytest.raises(OutputError, match="with --now it writes"):
        __import__("gibbs").load(target)


# ---------------------------------------------------------------------------------------------------------- the decision


@pytest.fixture(name="pressed")
def _pressed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A signal that came so many seconds ago."""

    def press(seconds: float) -> None:
        monkeypatch.setattr(signals, "_all", 1)
        monkeypatch.setattr(signals, "_began", __import__("time").monotonic() - seconds)

    return press


def chain_of(megabytes: float, chunks: int = 4) -> Any:
    size = int(megabytes * 1e6 / 8 / chunks)
    kept = [SimpleNamespace(NAMES=("u",), u=np.zeros(size)) for _ in range(chunks)]
    return SimpleNamespace(number=0, keep_every=1, kept=kept)


@pytest.mark.parametrize(
    ("megabytes", "seconds", "rate", "leaves", "adds"),
    [
        (1, 0.2, 300e6, False, False),  # a small run is written
        (600, 0.2, 300e6, True, True),  # 4 s for all, 0.5 s for the last quarter
        (600, 0.2, 30e6, True, False),  # a slow disk: 5 s for the last quarter
        (60, 0.2, 30e6, True, True),
        (1, 1.6, 300e6, True, False),  # the time is up
    ],
)
def test_what_is_left_and_what_is_added(
    pressed: Any, monkeypatch: pytest.MonkeyPatch, megabytes: float, seconds: float, rate: float, leaves: bool, adds: bool
) -> None:
    chain, written = chain_of(megabytes), []
    monkeypatch.setattr("gibbs.sampling.keeper.snapshot.take", lambda chain: {"keep_every": np.array(1)})
    one = keeper.Keeper(lambda standing: written.append(standing.kept[0]), waits=lambda: True, hurried=True)
    one.rate, one.written = rate, {0: (3, 1)}
    assert not one.leaves([chain], 1.0, True)  # nobody has pressed anything
    pressed(seconds)
    assert one.leaves([chain], 1.0, True) is leaves
    assert [len(chunks) for chunks in written] == ([1] if adds else [])
    if leaves:
        one.waits = lambda: False  # nothing may be lost: with no checkpoint all is written, however long that takes
        assert not one.leaves([chain], 1.0, True)
        one.waits, one.hurried = (lambda: True), False  # from Python, where the draws are at hand
        assert not one.leaves([chain], 1.0, True)


def test_a_chain_in_the_middle_of_a_chunk_is_not_added(pressed: Any) -> None:
    one = keeper.Keeper(lambda standing: pytest.fail("written"), waits=lambda: True, hurried=True)
    pressed(0.1)
    assert one.leaves([chain_of(900)], 1.0, False)


def test_the_rate_is_that_of_the_slowest_checkpoint_that_tells() -> None:
    import time

    one = keeper.Keeper(lambda standing: time.sleep(0.2))
    for megabytes, slower in ((1, False), (20, True)):
        one.taken = {0: ({"keep_every": np.array(1)}, chain_of(megabytes).kept, 4, True)}
        one._write(0.0, {})
        assert (one.rate < keeper.RATE) is slower
    assert one.rate <= 20e6 / 0.2


def test_much_to_write_has_a_checkpoint_early() -> None:
    one = keeper.Keeper(lambda standing: None)
    one.start()
    assert not one._much_is_new([chain_of(1)]) and one._much_is_new([chain_of(20)])
    one.written = {0: (4, 1)}
    assert not one._much_is_new([chain_of(20)])
    again = keeper.Keeper(lambda standing: None)
    again.start(before=SimpleNamespace())  # its draws are on the disk already
    assert not again._much_is_new([chain_of(20)])


def test_from_python_the_fit_is_given_and_the_run_can_be_written_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd

    import gibbs

    place = folder(tmp_path)

    def left(*arguments: Any, **keys: Any) -> None:
        raise signals.Unwritten

    keys = {"warmup": 100, "chains": 2, "seed": 4, "progress": False, "draws": 300, "output": place / "run"}
    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "save", left)
        with pytest.warns(UserWarning, match=r"waits in its checkpoint.*fit\.save\(folder\) writes it"):
            fit = gibbs.fit("y ~ x + (1 | g)", pd.read_csv(place / "data.csv"), **keys)
    assert fit.arrays.beta.shape[1] == 300


def test_the_clock_s_own_signal_is_not_one_of_the_user_s() -> None:
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with signals.deferred():
            with pytest.raises(KeyboardInterrupt), signals.immediate(0.05):
                __import__("threading").Event().wait(30)
            assert signals.pressed() == 1 and signals.so_far() == 0 and signals.time_left() == float("inf")
            signals.dealt_with()
            signals._on_signal(signal.SIGINT, None)
            assert signals.so_far() == 1 and 0.0 < signals.time_left() <= signals.SOON
            signals.dealt_with()
            assert signals.so_far() == 1
        with signals.deferred():
            assert signals.so_far() == 0
    finally:
        signal.signal(signal.SIGINT, former)

"""Small runs for the tests of this folder, in this process, with checkpoints as often as they can be written."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gibbs import pipeline
from gibbs.model import spec as specs
from gibbs.resuming import checkpoint
from gibbs.resuming import course as courses
from gibbs.resuming.course import Course
from gibbs.sampling import crew, keeper

SPEC = """\
data: data.csv
formula: y ~ x + (1 + x | g)
sampling: {chains: 2, seed: 4, warmup: 100, draws: 400, cores: 1}
"""
COMPARED = ("posterior.nc", "summary.csv", "ranef.csv", "spec.yaml")


def folder(place: Path, spec: str = SPEC) -> Path:
    """A folder with ``model.yaml`` and its data."""
    r = np.random.default_rng(2)
    g, x = r.integers(0, 8, 120), r.normal(size=120)
    y = 0.5 * x + r.normal(0.0, 0.7, 8)[g] + r.normal(size=120)
    rows = [f"{a:.6f},{b:.6f},g{j}" for a, b, j in zip(y, x, g, strict=True)]
    (place / "data.csv").write_text("\n".join(["y,x,g", *rows]) + "\n", encoding="utf-8")
    (place / "model.yaml").write_text(spec, encoding="utf-8")
    return place


class Killed(BaseException):
    """As far as the files are concerned, the process was killed."""


def often(monkeypatch: pytest.MonkeyPatch, chunk: float = 0.0) -> None:
    """A checkpoint after every chunk; chunks of one sweep or so."""
    monkeypatch.setattr(keeper, "EVERY", 0.0)
    monkeypatch.setattr(keeper, "SPARE", 0.0)
    monkeypatch.setattr(crew, "CHUNK_SECONDS", chunk)
    monkeypatch.setattr(crew, "POLL", 0.001)


SWEEPS = 4
"""Sweeps of a chain from one checkpoint to the next, where runs are paced."""
LONGEST = 120.0
"""Seconds that a chain waits for a checkpoint before the test fails, on whatever machine."""


def paced(monkeypatch: pytest.MonkeyPatch) -> list[crew.Crew]:
    """No chain begins a chunk before a checkpoint was written after the last one, however busy the machine is; gives the crews at work.

    With one core there is so one checkpoint after every ``SWEEPS`` sweeps of a chain, and chains take turns.
    """
    chunk, crews = crew.Crew._chunk, []

    def paced_chunk(self: crew.Crew, chain: Any, target: int) -> None:
        if self.keeper is None:
            return chunk(self, chain, target)
        if self not in crews:
            crews.append(self)
        self.chunk = SWEEPS
        chunk(self, chain, target)
        writer = self.keeper.write.__self__
        number, limit = writer.number, time.monotonic() + LONGEST
        while writer.number == number and not self.stop.is_set():
            assert time.monotonic() < limit, "no checkpoint is written"
            self.keeper.offered(chain)
            time.sleep(0.0005)

    monkeypatch.setattr(crew.Crew, "_chunk", paced_chunk)
    return crews


def broken_off(place: Path, monkeypatch: pytest.MonkeyPatch, *, checkpoints: int, spec: str = "model.yaml", **overrides: Any) -> Path:
    """A run to ``place/run`` that ended, as if it had been killed, when it had written so many checkpoints, one a chunk, the last of them
    with draws that the one before has not, if there are any: on a busy machine one may be asked for twice."""
    often(monkeypatch)
    write = checkpoint.Checkpoint.write

    def counted(self: checkpoint.Checkpoint, standing: Any) -> None:
        if stop.is_set():  # a dead process writes nothing
            raise OSError("killed")
        before = self.size
        write(self, standing)
        if self.number >= checkpoints and (self.size > before or not self.size):
            stop.set()

    def die(_: object) -> None:
        if stop.is_set():
            raise Killed

    stop = threading.Event()
    read = specs.load(place / spec, overrides)
    target = place / "run"
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint.Checkpoint, "write", counted)
        crews = paced(patched)
        with pytest.raises(Killed), pipeline.reserved(target):
            prepared = pipeline.prepare(read)
            going = courses.start(read, prepared.table, target, force=False)
            pipeline.draw(prepared, die, course=going)
        for one in crews:
            one.stop.set()
    return target


def whole(place: Path, name: str = "whole", spec: str = "model.yaml", **overrides: Any) -> Path:
    """The same run, never broken off."""
    read = specs.load(place / spec, overrides)
    with pipeline.reserved(place / name) as at:
        prepared = pipeline.prepare(read)
        return pipeline.save(pipeline.draw(prepared, course=Course()), at).folder


def same(one: Path, other: Path) -> list[str]:
    """The files of ``COMPARED`` that are not the same to the last byte."""
    return [name for name in COMPARED if (one / name).read_bytes() != (other / name).read_bytes()]

"""One run from its first sweep to its last, however often it is broken off: who it is, its parts, its checkpoints."""

from __future__ import annotations

import os
import platform
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gibbs.cores import usable_cores
from gibbs.errors import SamplingError
from gibbs.model import spec as specs
from gibbs.model import structured
from gibbs.resuming import checkpoint
from gibbs.resuming.checkpoint import Checkpoint
from gibbs.runfolder import runfolder, saved_data
from gibbs.sampling.keeper import Keeper
from gibbs.tasks.installation import processor

if TYPE_CHECKING:
    from gibbs.model.records import Sampling, Spec, Table
    from gibbs.sampling.standing import Standing

VERSIONS = ("gibbs", "python", "numpy", "numba")


@dataclass
class Course:
    """What ``pipeline.draw`` goes on from, and what it leaves behind.

    identity : of the run, the same in all its parts. parts : what ran where, for the manifest; the last is the one that is going on.
    before : where the part before ended. checkpoint : None where nothing is written meanwhile. hurried : Ctrl-C leaves draws in the
    checkpoint where it would take long to gather them. now : nothing more is drawn, as if Ctrl-C had come at once.
    """

    identity: str = field(default_factory=lambda: secrets.token_hex(8))
    parts: list[dict[str, Any]] = field(default_factory=list)
    before: Standing | None = None
    checkpoint: Checkpoint | None = None
    hurried: bool = False
    now: bool = False

    @contextmanager
    def part(self, sampling: Sampling) -> Iterator[Mapping[str, Any]]:
        """While this part runs; gives what the sampler is handed."""
        part = here(sampling)
        part["from"] = self.before.done() if self.before else [0] * sampling.chains
        self.parts.append(part)
        began = time.perf_counter()
        keeper = None
        if self.checkpoint is not None:
            self.checkpoint.about["parts"] = self.parts
            keeper = Keeper(self.checkpoint.write, waits=self.waits, hurried=self.hurried)
        stop = threading.Event() if self.now else None
        if stop:
            stop.set()
        try:
            yield {"keeper": keeper, "before": self.before, "stop": stop}
        except SamplingError as error:
            if self.checkpoint is not None:
                self.checkpoint.failed(str(error))
            raise
        finally:
            if keeper is not None and keeper.failed:
                self.checkpoint.let_go_of_nothing()
            part["seconds"] = round(time.perf_counter() - began, 3)

    def waits(self) -> bool:
        """Whether there is a checkpoint that the run can be gone on from."""
        return self.checkpoint is not None and self.checkpoint.waits()

    def left(self) -> str:
        """Ctrl-C ended the run, and its draws stay in the checkpoint: what is to be said of it."""
        self.checkpoint.interrupted()
        about = checkpoint.look(self.checkpoint.target)
        far = f", after {checkpoint.how_far(about)}" if about else ""
        return (
            f"interrupted. Writing the results would take too long after Ctrl-C, so the run waits in its checkpoint{far}: gibbs resume "
            f"'{self.checkpoint.target}' goes on from there; with --now it writes the results of what there is."
        )

    def written(self, standing: Standing | None, folder: Path) -> None:
        """The run is on the disk: ``folder`` has all that the checkpoints had, unless a chain was left in the middle of a sweep.

        The checkpoint stays where the folder is in a second place, which need not last: the run can still be had in its own.
        """
        if self.checkpoint is None:
            return
        if folder.parent != self.checkpoint.target.parent:
            self.checkpoint.written_to(folder)
        elif standing is not None:
            self.checkpoint.remove()

    def ended(self, standing: Standing | None) -> None:
        """The sweeps that the last part came to, where they are known."""
        if self.parts and standing is not None:
            self.parts[-1]["to"] = standing.done()


def here(sampling: Sampling) -> dict[str, Any]:
    """This machine, now."""
    versions = runfolder.versions()
    return {
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": socket.gethostname(),
        "system": platform.platform(),
        "processor": processor(),
        "cores": sampling.cores or usable_cores(),
        **{name: versions[name] for name in VERSIONS if name in versions},
    }


def start(spec: Spec, table: Table, target: Path, *, force: bool) -> Course:
    """The course of a run from its beginning, whose folder will be ``target`` (absolute)."""
    course = Course()
    course.checkpoint = Checkpoint(target, about_run(spec, table, target, course.identity, force=force), more=data_of(spec, table))
    return course


def about_run(spec: Spec, table: Table, target: Path, identity: str, *, force: bool) -> dict[str, Any]:
    """What every checkpoint says of its run."""
    return {
        "run": identity,
        "spec": specs.to_yaml(spec, folder=checkpoint.folder_of(target)),  # a folder that is there: paths lead through it
        "source": table.source,
        "fingerprint": table.fingerprint,
        "files": structured.fingerprint_of_files(spec),
        "outside": table.outside,
        "force": force,
        "pid": os.getpid(),
    }


def data_of(spec: Spec, table: Table) -> Callable[[Path], object] | None:
    """What puts the data into the folder of checkpoints, where they came from Python; None where they can be read again."""
    return (lambda folder: saved_data.write(table, folder)) if saved_data.wanted(spec) else None

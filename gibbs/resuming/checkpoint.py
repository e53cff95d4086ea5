"""The checkpoint of a run that is under way: a hidden folder beside the run's, ``.NAME.checkpoint``.

    draws-1       what the chains have drawn: blocks (``gibbs.files.blocks``) that are only ever added at the end. A run that begins to
                  keep every second sweep begins the next file, draws-2
    state-7       one block: State, Tuning and Counts of every chain, where the driver is, the resolved spec, what ran where, and how much
                  of which file of draws belongs to it. The two newest are there
    data.parquet  the columns that the model uses, where they came from Python as a table
    failed        the sentence with which the run ended, where a chain met numbers it cannot trust
    interrupted   empty: Ctrl-C ended the run, and there was no time to write its files
    elsewhere     a link to the folder that the run was written to, where it could not be written beside its checkpoint

Draws are on the disk before the state that counts them, and a state has its name only when it is whole. Whenever the process dies, the
newest state is good; where the disk has lost some of it, ``find`` says so, and takes the one before.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gibbs.errors import OutputError
from gibbs.files import blocks, places
from gibbs.sampling import standing as standings

if TYPE_CHECKING:
    from gibbs.sampling.standing import Standing

STATES = 2
FAILED = "failed"
INTERRUPTED = "interrupted"
ELSEWHERE = "elsewhere"


class Checkpoint:
    """Writes the checkpoints of one run.

    about : what is said of the run in every state (JSON): the spec's text, its data, its parts. more : called with the folder when there is
    one. goes_on : states that are there are of this run; otherwise they make room for it.
    """

    def __init__(
        self, target: Path, about: Mapping[str, Any], *, more: Callable[[Path], object] | None = None, goes_on: bool = False
    ) -> None:
        self.target, self.folder, self.about, self.more, self.goes_on = target, folder_of(target), dict(about), more, goes_on
        self.number = self.log = self.size = 0
        self.logs: dict[int, int] = {}  # of each state that is there, the file of draws that it needs
        self.begun = False

    def write(self, standing: Standing) -> None:
        """One more checkpoint, from ``Keeper``. OSError: it cannot be written, and the one before is as it was."""
        if not self.begun:
            self._begin()
        if standing.anew:
            self.log, self.size = self.log + 1, 0
        fresh = standings.of_draws(standing.kept)
        path = self.folder / f"draws-{self.log}"
        with open(path, "r+b" if self.size else "wb") as file:
            file.truncate(self.size)
            file.seek(self.size)
            added = blocks.write(file, {}, fresh) if fresh else 0
            _to_disk(file)
        about = {
            **self.about,
            "gibbs_checkpoint": standings.FORMAT,
            "number": self.number + 1,
            "chains": len(standing.chains),
            "course": dict(standing.course),
            "elapsed": standing.elapsed,
            "done": standing.done(),
            "warmup": standing.warmup(),
            "log": path.name,
            "bytes": self.size + added,
        }
        new = self.folder / f"state-{self.number + 1}"
        partial = self.folder / "state.partial"
        try:
            with open(partial, "wb") as file:
                blocks.write(file, about, standings.of_snapshots(standing.chains))
                _to_disk(file)
            os.replace(partial, new)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        places.sync_folder(self.folder)
        self.number, self.size = self.number + 1, self.size + added
        self.logs[self.number] = self.log
        self._sweep()

    def failed(self, sentence: str) -> None:
        """The run has ended with an error; what there is stays."""
        if self.begun:
            (self.folder / FAILED).write_text(sentence + "\n", encoding="utf-8")

    def interrupted(self) -> None:
        """Ctrl-C has ended the run, which stays here."""
        with suppress(OSError):
            (self.folder / INTERRUPTED).touch()

    def written_to(self, folder: Path) -> None:
        """The run is written, and in another place."""
        with suppress(OSError):  # a link takes no room on a disk that is full
            (self.folder / ELSEWHERE).unlink(missing_ok=True)
            (self.folder / ELSEWHERE).symlink_to(folder)

    def waits(self) -> bool:
        """Whether there is a state of this run: somebody may have taken the folder away."""
        return (self.number > 0 or self.goes_on) and bool(_numbered(self.folder, "state"))

    def let_go_of_nothing(self) -> None:
        """The folder goes where the first checkpoint could not be written: nobody can go on from half of one."""
        if self.begun and not self.waits():
            self.remove()

    def remove(self) -> None:
        """The run is written: it needs no checkpoint any more."""
        with suppress(OSError):
            discard(self.folder)

    def _begin(self) -> None:
        """The folder; states of the same run that are there stay until there are two newer ones."""
        if not self.goes_on:
            discard(self.folder)
        self.folder.mkdir(exist_ok=True)
        states, draws = _numbered(self.folder, "state"), _numbered(self.folder, "draws")
        self.number, self.log = max(states, default=0), max(draws, default=0)
        abouts = {number: _about(self.folder / f"state-{number}") for number in states}
        self.logs = {number: int(about["log"].removeprefix("draws-")) for number, about in abouts.items() if about}
        for mark in (FAILED, INTERRUPTED):  # what is written elsewhere stays so until all of it is written here
            (self.folder / mark).unlink(missing_ok=True)
        if self.more is not None:
            self.more(self.folder)
        places.sync_folder(self.folder.parent)
        self.begun = True

    def _sweep(self) -> None:
        """Let go of states but the two newest that can be read, and of draws that neither of them needs."""
        self.logs = dict(sorted(self.logs.items())[-STATES:])
        for number in set(_numbered(self.folder, "state")).difference(self.logs):
            (self.folder / f"state-{number}").unlink(missing_ok=True)
        for number in set(_numbered(self.folder, "draws")).difference(self.logs.values()):
            (self.folder / f"draws-{number}").unlink(missing_ok=True)


@dataclass(frozen=True)
class Found:
    """A checkpoint that can be gone on from. ``notes``: what was damaged, and was not used."""

    folder: Path
    about: Mapping[str, Any]
    standing: Standing
    notes: tuple[str, ...] = ()
    failed: str = ""


def folder_of(target: Path) -> Path:
    """Of the run that is, or will be, in ``target`` (absolute)."""
    return target.with_name(places.hidden(target, "checkpoint"))


def discard(folder: Path) -> None:
    """Let go of the folder in one step: a process that dies on the way leaves no half of it under its name. OSError: it stays."""
    tidy(folder)
    with suppress(FileNotFoundError):
        os.rename(folder, _gone(folder))
    tidy(folder)


def tidy(folder: Path) -> None:
    """Let go of what a process that died within ``discard`` has left; nothing needs it."""
    shutil.rmtree(_gone(folder), ignore_errors=True)


def _gone(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-gone")


def look(target: Path) -> Mapping[str, Any] | None:
    """What the newest state that can be read says of the run; None where there is no checkpoint. Draws are not looked at."""
    folder = folder_of(target)
    for number in reversed(_numbered(folder, "state")):
        if about := _about(folder / f"state-{number}"):
            return about
    return None


def elsewhere(target: Path) -> str:
    """The folder that a run was written to because it could not be written to ``target``; "" where that is not so."""
    try:
        return os.readlink(folder_of(target) / ELSEWHERE)
    except OSError:
        return ""


def how_far(about: Mapping[str, Any]) -> str:
    """In words, of what a state says of its run."""
    done, warmup = min(about["done"]), int(about["warmup"])
    return f"{done - warmup:,} draws of each chain" if done > warmup else f"{done:,} sweeps of warm-up"


def find(target: Path) -> Found | None:
    """The newest checkpoint that is whole; None where there is none. OutputError: there are some, and all are damaged."""
    folder = folder_of(target)
    numbers = _numbered(folder, "state")
    notes: list[str] = []
    for number in reversed(numbers):
        path = folder / f"state-{number}"
        try:
            about, standing = _read(path)
        except (blocks.Damaged, OSError, KeyError, ValueError, TypeError) as error:
            said = error.strerror if isinstance(error, OSError) else str(error) if isinstance(error, ValueError) else "parts are missing"
            notes.append(f"checkpoint {number} is damaged ({said}), so the one before is used.")
            continue
        failed = folder / FAILED
        return Found(folder, about, standing, tuple(notes), failed.read_text(encoding="utf-8").strip() if failed.is_file() else "")
    if not numbers:
        return None
    raise OutputError(
        f"there are checkpoints of this run, and none is whole: {' '.join(note.split(', so')[0] + '.' for note in notes)} "
        "Run the spec again, with --force.",
        where=str(folder),
    )


def _read(path: Path) -> tuple[dict[str, Any], Standing]:
    from gibbs.sampling.standing import Standing

    with open(path, "rb") as file:
        block = blocks.read(file)
    if block is None:
        raise blocks.Damaged("it is empty")
    about, arrays = block
    if about["gibbs_checkpoint"] != standings.FORMAT:
        raise blocks.Damaged(
            f"another version of gibbs wrote it: format {about['gibbs_checkpoint']}, and this version reads {standings.FORMAT}"
        )
    chains = int(about["chains"])
    kept: tuple[list[Any], ...] = tuple([] for _ in range(chains))
    log = str(about["log"])
    if os.path.basename(log) != log:
        raise blocks.Damaged("its draws have no name")
    with open(path.parent / log, "rb") as file:
        while file.tell() < about["bytes"]:
            try:
                more = blocks.read(file)
            except blocks.Damaged as error:
                raise blocks.Damaged(f"in its draws, {log}: {error}") from error
            if more is None:
                raise blocks.Damaged(f"its draws, {log}, are cut short")
            for k in range(chains):
                if (chunk := standings.to_draws(more[1], k)) is not None:
                    kept[k].append(chunk)
    return about, Standing(standings.to_snapshots(arrays, chains), kept, about["course"], float(about["elapsed"]))


def _about(path: Path) -> dict[str, Any] | None:
    """What a state says of itself; None where it is damaged or gone."""
    try:
        with open(path, "rb") as file:
            block = blocks.read(file)
    except (OSError, blocks.Damaged):
        return None
    return block[0] if block and block[0].get("gibbs_checkpoint") == standings.FORMAT else None


def _numbered(folder: Path, word: str) -> list[int]:
    """Numbers of the files ``word-N``, ascending."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    found = (name.removeprefix(f"{word}-") for name in names if name.startswith(f"{word}-"))
    return sorted(int(number) for number in found if number.isascii() and number.isdigit())


def _to_disk(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())

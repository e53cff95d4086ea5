"""What runs there are in a folder, and how each of them stands."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gibbs import paths
from gibbs.errors import OutputError, nearest
from gibbs.files import places
from gibbs.resuming import checkpoint
from gibbs.runfolder import runfolder

if TYPE_CHECKING:
    import pandas as pd

RUNNING, FINISHED, INTERRUPTED, FAILED = "running", "finished", "interrupted", "failed"
_SUFFIX = ".checkpoint"


@dataclass(frozen=True)
class Run:
    """One run. ``age``: seconds since something of it was written; ``verdict``: what is to be thought of its draws, or what to do next."""

    folder: str
    state: str
    age: float
    chains: int | None
    draws: int | None
    verdict: str


def runs(folder: str | os.PathLike[str] | None = None) -> list[Run]:
    """The runs in a folder and in the folders in it, newest first; ``runs`` where None, if there is one, else the current directory.

    OutputError where there is no such folder.
    """
    top = Path(os.path.expanduser(os.fspath(folder))) if folder is not None else Path("runs") if Path("runs").is_dir() else Path()
    paths.require(top, OutputError)
    if not top.is_dir():
        beside = [p.name for p in top.absolute().parent.iterdir() if p.is_dir()] if top.absolute().parent.is_dir() else []
        raise OutputError(f"there is no such folder.{nearest(top.name, beside)}", where=os.fspath(top))
    return sorted((found for place in _places(top) if (found := run_of(place))), key=lambda run: run.age)


def table(found: list[Run]) -> pd.DataFrame:
    """The same as a table: run, state, age in seconds, chains, draws, verdict."""
    import pandas as pd

    return pd.DataFrame(
        [(r.folder, r.state, round(r.age), r.chains, r.draws, r.verdict) for r in found],
        columns=["run", "state", "age", "chains", "draws", "verdict"],
    )


def _places(top: Path) -> Iterator[Path]:
    """Folders that are runs, or are to become one, each once."""
    seen = set()
    try:
        inside = [p for p in top.iterdir() if os.path.isdir(p) and not p.is_symlink() and not p.name.startswith(".")]
    except OSError as error:
        raise OutputError(f"the folder cannot be read ({error.strerror or error}).", where=os.fspath(top)) from None
    for folder in (top, *sorted(inside)):
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        names = [e.name for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith(".")]
        for entry in entries:
            if entry.name.startswith(".") and entry.name.endswith((_SUFFIX, ".lock")):
                names.append(entry.name[1:].removesuffix(_SUFFIX).removesuffix(".lock"))
        for name in names:
            place = folder / name
            if place not in seen:
                seen.add(place)
                yield place


def run_of(place: Path) -> Run | None:
    target = place.absolute()
    at_work = places.busy(target)
    kept = checkpoint.look(target)
    if at_work:
        how = f"after {checkpoint.how_far(kept)}" if kept else "begun"
        return Run(str(place), RUNNING, _age(target), *_size(kept), f"{at_work}; {how}")
    if kept and not (runfolder.is_run(target) and _manifest(target).get("run") == kept["run"] and not _newer(target)):
        failed = checkpoint.folder_of(target) / checkpoint.FAILED
        if failed.is_file():
            return Run(str(place), FAILED, _age(target), *_size(kept), failed.read_text(encoding="utf-8").strip())
        by_hand = (checkpoint.folder_of(target) / checkpoint.INTERRUPTED).is_file()
        ended = "stopped by Ctrl-C, not written yet," if by_hand else "broken off"
        if there := checkpoint.elsewhere(target):
            ended = f"written to '{there}'; its checkpoint is here,"
        verdict = f"{ended} after {checkpoint.how_far(kept)}; gibbs resume goes on"
        return Run(str(place), INTERRUPTED, _age(target), *_size(kept), verdict)
    if not runfolder.is_run(target):
        return None
    manifest = _manifest(target)
    verdict = _verdict(manifest)
    state = INTERRUPTED if manifest.get("stopped") in ("interrupted", "checkpoint") else FINISHED
    return Run(str(place), state, _created(manifest, target), manifest.get("chains"), manifest.get("draws"), verdict)


def _newer(target: Path) -> bool:
    """Whether the checkpoint was written after the run."""
    return _written(checkpoint.folder_of(target)) > os.path.getmtime(target / "manifest.json")


def _verdict(manifest: dict[str, Any]) -> str:
    found = manifest.get("convergence")
    stopped = {
        "interrupted": "stopped by Ctrl-C; gibbs resume goes on",
        "checkpoint": "its checkpoint could not be written; gibbs resume goes on",
        "max_seconds": "its time was up",
        "max_draws": "its draws were up",
    }
    said = stopped.get(manifest.get("stopped", ""), "")
    if not isinstance(found, dict):
        return said or "no tables: gibbs summary makes them"
    return "; ".join(filter(None, (said, "converged" if found.get("ok") else "not converged")))


def _manifest(target: Path) -> dict[str, Any]:
    try:
        return json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _size(kept: Any) -> tuple[int | None, int | None]:
    if not kept:
        return None, None
    return int(kept["chains"]), max(min(kept["done"]) - int(kept["warmup"]), 0)


def _created(manifest: dict[str, Any], target: Path) -> float:
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(manifest["created"])).total_seconds()
    except (KeyError, ValueError, TypeError):
        return time.time() - os.path.getmtime(target)


def _age(target: Path) -> float:
    """Seconds since the last checkpoint, or since the lock was taken."""
    return max(time.time() - max(_written(checkpoint.folder_of(target)), _written(target.with_name(places.hidden(target, "lock")))), 0.0)


def _written(path: Path) -> float:
    try:
        return os.path.getmtime(path)
    except OSError:
        return 0.0

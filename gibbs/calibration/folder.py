"""The folder of a calibration: ranks.csv, quantities.csv, verdict.txt, spec.yaml, manifest.json and, with matplotlib, ranks.png.

Written whole or not at all, and put in place in one step, as run folders are (``files/places.py``).
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gibbs import paths, signals
from gibbs.errors import OutputError, PlotError
from gibbs.files import places
from gibbs.model.records import Spec

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
FILES = ("ranks.csv", "quantities.csv", "verdict.txt", "spec.yaml", "manifest.json", "ranks.png")


@dataclass(frozen=True)
class Contents:
    """What is written. counts : of data sets and rows, for the manifest. figure : draws the ranks; None where there is nothing to draw."""

    spec: Spec
    ranks: pd.DataFrame
    quantities: pd.DataFrame
    verdict: str
    counts: Mapping[str, int | bool]
    figure: Callable[[], Any] | None


def check_target(folder: str | os.PathLike[str], *, force: bool = False, kind: places.Kind | None = None) -> Path:
    """The place of a calibration, or of another ``kind`` of folder, as an absolute path; to be called before anything is drawn.

    OutputError where none may be written.
    """
    kind = KIND if kind is None else kind
    paths.require(folder, OutputError)
    target, where = Path(os.path.realpath(Path(os.path.expanduser(folder)))), os.fspath(folder)
    above = target.parent
    while not above.exists():
        above = above.parent
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise OutputError(f"'{above}' is not a folder that can be written to. Choose another output folder.", where=where)
    if not target.exists():
        return target
    if not target.is_dir():
        raise OutputError("there is a file of this name. Choose another output folder.", where=where)
    if target == Path.cwd():
        raise OutputError(f"this is the folder you are in; a {kind.word} is written to a folder of its own.", where=where)
    present = list(target.iterdir())
    if not present:
        return target
    if not kind.holds(target):
        raise OutputError(f"the folder is not empty and does not hold a {kind.word} of gibbs. Choose another, or a new one.", where=where)
    if not force:
        raise OutputError(
            f"the folder holds a {kind.word} already. Choose another, or replace that one with --force (force=True).", where=where
        )
    strangers = sorted(entry.name for entry in present if entry.name not in kind.files)
    if strangers:
        raise OutputError(
            f"the folder holds other files too ({', '.join(strangers[:3])}), which would be lost. Choose another.", where=where
        )
    return target


def is_calibration(folder: Path) -> bool:
    """Whether ``write`` made this folder."""
    try:
        return "gibbs_sbc" in json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return False


KIND = places.Kind("calibration", FILES, is_calibration)


@contextmanager
def reserved(folder: str | os.PathLike[str], *, force: bool = False) -> Iterator[places.Place]:
    """The folder is this calibration's from now on. OutputError where it may not be written, or where another is at work for it."""
    with places.reserve(check_target(folder, force=force), KIND, force=force, where=os.fspath(folder)) as place:
        yield place


def write(found: Contents, folder: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Write the folder; gives its absolute path. Without matplotlib there is no picture, and the verdict says so."""
    with reserved(folder, force=force) as place:
        return place.fill(writer(found))


def writer(found: Contents) -> Callable[[Path], None]:
    """What fills an empty folder with a calibration."""
    return lambda folder: _fill(found, folder)


def _picture(figure: Callable[[], Any], path: Path) -> str:
    """Draw it; gives why there is none, or "". After Ctrl-C there is only so much time."""
    left = signals.time_left()
    try:
        with signals.immediate(None if math.isinf(left) else max(left, 0.0), in_hand=True):
            figure().savefig(path, dpi=130)
    except PlotError as error:
        return error.message
    except KeyboardInterrupt:
        if not signals.pressed():  # from Python, where nobody writes signals down
            raise
        signals.dealt_with()
        path.unlink(missing_ok=True)
        return "Ctrl-C left no time for it."
    return ""


def _fill(found: Contents, partial: Path) -> None:
    from gibbs.files import spreadsheet
    from gibbs.model import spec
    from gibbs.version import __version__

    spreadsheet.to_csv(found.ranks, partial / "ranks.csv", index=False, float_format="%.10g")
    spreadsheet.to_csv(found.quantities, partial / "quantities.csv", float_format="%.6g")
    words = found.verdict
    if found.figure is not None and (why := _picture(found.figure, partial / "ranks.png")):
        words += f"\nNo ranks.png: {why}"
    (partial / "verdict.txt").write_text(words + "\n", encoding="utf-8")
    text = spec.to_yaml(found.spec, folder=partial, notes=[f"Calibrated by gibbs {__version__}."])
    (partial / "spec.yaml").write_text(text, encoding="utf-8")
    manifest = {
        "gibbs_sbc": FORMAT,
        "gibbs": __version__,
        "seed": found.spec.sampling.seed,
        **found.counts,
    }
    (partial / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")

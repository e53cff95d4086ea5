"""The folder of a study, performance.csv, estimates.csv, verdict.txt, spec.yaml and manifest.json; and the journal of one under way.

The folder is written whole or not at all, as run folders are (``files/places.py``). Meanwhile every data set that is fitted is one line of
a hidden file beside it, ``.NAME.study``, so that a study that is broken off goes on where it was; and one that is there goes on to more
data sets, from its estimates.csv, where spec, data, stated values and versions are the same.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from gibbs.calibration import folder as folders
from gibbs.calibration.fitted import COLUMNS, Fitted
from gibbs.errors import OutputError
from gibbs.files import places
from gibbs.model.records import Spec
from gibbs.pipeline import Prepared

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
FILES = ("performance.csv", "estimates.csv", "verdict.txt", "spec.yaml", "manifest.json")


def is_study(folder: Path) -> bool:
    """Whether ``write`` made this folder."""
    return "gibbs_study" in _manifest(folder)


KIND = places.Kind("study", FILES, is_study)


def identity(prepared: Prepared, at: Mapping[str, float], rows: int | None, *, seed: bool = True) -> str:
    """What a study's numbers depend on beside how many data sets there are: spec, data, values, rows, versions; and the ``seed``."""
    from gibbs.model import spec as specs
    from gibbs.tasks import installation

    text = specs.to_yaml(prepared.spec, folder=Path.cwd())
    lines = [
        line for line in text.splitlines() if not line.startswith(("#", "output:", "title:")) and not line.strip().startswith("cores:")
    ]
    lines = [line for line in lines if seed or not line.strip().startswith("seed:")]
    here = {name: word for name, word in installation.here().items() if name in ("gibbs", "numpy", "numba")}
    said = [lines, prepared.table.fingerprint, sorted((name, float(value)) for name, value in at.items()), rows, sorted(here.items())]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:24]


@dataclass
class Journal:
    """The data sets of a study that are there already, and the file to which more are added. ``same``: the folder holds this study."""

    done: list[Fitted]
    path: Path
    same: bool
    file: IO[str] | None = None

    def over(self) -> None:
        """The folder has all of it."""
        with suppress(OSError):
            self.path.unlink()

    def add(self, fitted: Fitted) -> None:
        """One line. OutputError where it cannot be written."""
        try:
            self.file.write(json.dumps(_line(fitted)) + "\n")
            self.file.flush()
        except OSError as error:
            raise OutputError(f"the journal of the study cannot be written ({error.strerror or error}).", where=str(self.path)) from error


def with_seed(prepared: Prepared, seed: int) -> Prepared:
    """``prepared`` with another seed."""
    return replace(prepared, spec=replace(prepared.spec, sampling=replace(prepared.spec.sampling, seed=seed)))


def target_of(folder: str | os.PathLike[str]) -> Path:
    """The folder as an absolute path, links followed."""
    return Path(os.path.realpath(os.path.expanduser(folder)))


def seed_of(folder: str | os.PathLike[str], without_seed: str) -> int | None:
    """The seed of the same study, but for its seed, that is there or under way; None where there is none."""
    target = target_of(folder)
    for about in (_head(_journal(target)), _manifest(target)):
        if about.get("but_for_the_seed") == without_seed:
            return int(about["seed"])
    return None


@contextmanager
def reserved(
    folder: str | os.PathLike[str], who: str, without_seed: str, seed: int, *, force: bool = False
) -> Iterator[tuple[places.Place, Journal]]:
    """The folder is this study's from now on, and what there is of it. OutputError where it may not be written."""
    target = target_of(folder)
    same = _manifest(target).get("study") == who
    target = folders.check_target(folder, force=force or same, kind=KIND)
    with places.reserve(target, KIND, force=force or same, where=os.fspath(folder)) as place:
        path = _journal(target)
        head = {"gibbs_study": FORMAT, "study": who, "but_for_the_seed": without_seed, "seed": seed}
        goes_on = _head(path).get("study") == who
        if path.exists() and not goes_on and not force:
            raise OutputError(
                f"another study that was broken off waits here ('{path.name}'). Choose another folder, or begin anew with --force "
                "(force=True).",
                where=os.fspath(folder),
            )
        done = {f.number: f for f in (_of_folder(target) if same else [])}
        done |= {f.number: f for f in (_of_journal(path) if goes_on else [])}
        journal = Journal(list(done.values()), path, same)
        try:
            if goes_on:
                _cut(path)
            with open(path, "a" if goes_on else "w", encoding="utf-8") as journal.file:
                if not goes_on:
                    journal.file.write(json.dumps(head) + "\n")
                yield place, journal
        finally:
            if len(_of_journal(path)) == 0:
                with suppress(OSError):
                    path.unlink()


@dataclass(frozen=True)
class Contents:
    """What is written. about : of values, rows and data sets, for the manifest."""

    spec: Spec
    performance: pd.DataFrame
    estimates: pd.DataFrame
    verdict: str
    about: Mapping[str, Any]


def write(found: Contents, folder: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Write the folder of a study made in Python; gives its absolute path."""
    target = folders.check_target(folder, force=force, kind=KIND)
    with places.reserve(target, KIND, force=force, where=os.fspath(folder)) as place:
        return place.fill(writer(found))


def writer(found: Contents, who: str = "", without_seed: str = "") -> Callable[[Path], None]:
    """What fills an empty folder with a study; ``who`` it is, and but for its seed."""
    return lambda folder: _fill(found, folder, who, without_seed)


def _fill(found: Contents, partial: Path, who: str, without_seed: str) -> None:
    from gibbs.files import spreadsheet
    from gibbs.model import spec
    from gibbs.version import __version__

    spreadsheet.to_csv(found.performance, partial / "performance.csv", float_format="%.6g")
    spreadsheet.to_csv(found.estimates, partial / "estimates.csv", index=False)
    (partial / "verdict.txt").write_text(found.verdict + "\n", encoding="utf-8")
    text = spec.to_yaml(found.spec, folder=partial, notes=[f"Studied by gibbs {__version__}."])
    (partial / "spec.yaml").write_text(text, encoding="utf-8")
    about = {"gibbs_study": FORMAT, "gibbs": __version__, "study": who, "but_for_the_seed": without_seed, "seed": found.spec.sampling.seed}
    (partial / "manifest.json").write_text(json.dumps({**about, **found.about}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


# ------------------------------------------------------------------------------------------------------------ what is there


def _journal(target: Path) -> Path:
    return target.with_name(places.hidden(target, "study"))


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


def _head(journal: Path) -> dict[str, Any]:
    try:
        with open(journal, encoding="utf-8") as file:
            found = json.loads(file.readline())
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


def _line(fitted: Fitted) -> dict[str, Any]:
    values = [None if x != x else x for x in fitted.values.ravel().tolist()]
    return {"number": fitted.number, "seed": fitted.seed, "values": values, "problem": fitted.problem, "failed": fitted.failed}


def _of_journal(path: Path) -> list[Fitted]:
    """Its data sets; a last line that is not whole (the process was killed) is none."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")[1:-1]
    except (OSError, ValueError):
        return []
    found = []
    for line in lines:
        with suppress(ValueError, KeyError, TypeError):
            one = json.loads(line)
            values = np.array([np.nan if x is None else x for x in one["values"]], dtype=float).reshape(-1, len(COLUMNS))
            found.append(Fitted(int(one["number"]), int(one["seed"]), values, str(one["problem"]), bool(one["failed"])))
    return found


def _cut(path: Path) -> None:
    """Take off a last line that is not whole."""
    text = path.read_bytes()
    if not text.endswith(b"\n"):
        with open(path, "r+b") as file:
            file.truncate(text.rfind(b"\n") + 1)


def _of_folder(target: Path) -> list[Fitted]:
    """The data sets of a study that is there, to the last digit."""
    import pandas as pd

    try:
        table = pd.read_csv(target / "estimates.csv", dtype=str, keep_default_na=False)  # pandas' own numbers may lose the last digit
        problems = _manifest(target)["problems"]
        found = [
            Fitted(
                int(number),
                int(some["seed"].iloc[0]),
                np.array([[float(x or "nan") for x in row] for row in some[list(COLUMNS)].to_numpy()]),
            )
            for number, some in table.groupby("dataset", sort=False)
        ]
        K = len(found[0].values) if found else 0
        nothing = np.full((K, len(COLUMNS)), np.nan)
        return found + [Fitted(int(p["dataset"]), int(p["seed"]), nothing, str(p["problem"]), bool(p["failed"])) for p in problems]
    except (OSError, ValueError, KeyError, TypeError):
        return []

"""The run folder: one Fit as files that other programs read, written whole or not at all, and read back.

spec.yaml (resolved), manifest.json, summary.csv, ranef.csv, posterior.nc, and missing.csv where outcomes were drawn; ``gibbs report``
adds report.html, which goes with its run when that is replaced. Everything is written into a hidden folder beside the run's, which is put
in place at the end (``places.py``), so a folder with the run's name is always a complete run. The draws are written first; where there was
no time for the tables, ``gibbs summary`` makes them from the draws. NetCDF is written through h5netcdf in ArviZ' layout: importing xarray
and ArviZ for it would take longer than sampling a small model. Nothing is pickled.
"""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs import paths, signals
from gibbs.draws import names
from gibbs.draws import outline as outlines
from gibbs.draws.records import Draws, Streamed, StreamedDraws
from gibbs.draws.streams import Stream
from gibbs.errors import OutputError
from gibbs.files import blocks, places, spreadsheet
from gibbs.runfolder import layout, saved_data

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.files.grid import Grid
    from gibbs.posterior.fit import Fit

FORMAT = 1  # of the manifest; a folder is a run folder if its manifest says {"gibbs_run": FORMAT}
FILES = (
    "spec.yaml",
    "manifest.json",
    "summary.csv",
    "ranef.csv",
    "estimates.csv",
    "posterior.nc",
    "missing.csv",
    "report.html",
    saved_data.NAME,
    layout.STATE,
)
_PACKAGES = ("numpy", "scipy", "numba", "pandas", "formulaic", "h5netcdf", "h5py")


def check_target(folder: str | Path, *, force: bool = False) -> Path:
    """The folder a run may be written to, as an absolute path; call it before sampling. Nothing is created.

    OutputError where the place is a file, where it holds a run and ``force`` is not given, and where it holds anything that is not
    a run of ours (``force`` does not help there). An empty folder is fine.
    """
    paths.require(folder, OutputError)
    target = Path(os.path.realpath(Path(os.path.expanduser(folder))))
    where = str(folder)
    for parent in target.parents:
        if parent.exists() and not parent.is_dir():
            raise OutputError(f"'{parent}' is a file, so no folder can be made in it. Choose another output folder.", where=where)
    if not target.exists():
        return target
    if not target.is_dir():
        raise OutputError("there is a file of this name. Choose another output folder.", where=where)
    if target == Path.cwd():
        raise OutputError("this is the folder you are in; a run is written to a folder of its own, such as runs/name.", where=where)
    if os.path.ismount(target):
        raise OutputError("a disk is mounted here, so the folder cannot be replaced by a run's. Name a folder in it.", where=where)
    if not any(target.iterdir()):
        return target
    if not is_run(target):
        raise OutputError("the folder is not empty and does not hold a run of gibbs. Choose another, or a new one.", where=where)
    if not force:
        raise OutputError(
            "the folder holds a run already. Choose another folder, or replace that run with --force (force=True).", where=where
        )
    return target


def is_run(folder: str | Path) -> bool:
    """Whether the folder holds a run written by ``write``, of any format."""
    try:
        with open(Path(folder) / "manifest.json", encoding="utf-8") as file:
            return "gibbs_run" in json.load(file)
    except (OSError, ValueError, TypeError):
        return False


def _waits(folder: Path) -> bool:
    """Whether there is a checkpoint of a run that was to be written to the folder (``gibbs.resuming.checkpoint``)."""
    target = Path(os.path.realpath(folder))
    return target.with_name(places.hidden(target, "checkpoint")).is_dir()


KIND = places.Kind("run", FILES, is_run)


def write(fit: Fit, folder: str | Path, *, force: bool = False) -> Path:
    """Write the run folder of ``fit`` and give its absolute path; see ``check_target`` for what is refused.

    With ``force`` the files of the run that was there are replaced; anything else in the folder is kept. An error on the way leaves
    things as they were. ``fit.timings["write"]`` becomes the seconds this took (tables that were computed on the way not counted).
    """
    with places.reserve(check_target(folder, force=force), KIND, force=force, where=str(folder)) as place:
        return place.fill(writer(fit, lambda: _tables(fit)))


def _never() -> bool:
    return False


def writer(fit: Fit, tables: Callable[[], Tables | None], overdue: Callable[[], bool] = _never) -> Callable[[Path], None]:
    """What fills an empty folder with the run of ``fit``; ``tables`` gives what is computed from the draws, or None.

    overdue : asked now and then; once it says so, ``signals.Unwritten`` is raised.
    """

    def write_files(folder: Path) -> None:
        begun = time.perf_counter()
        (folder / "spec.yaml").write_text(_spec_yaml(fit, folder), encoding="utf-8")
        write_netcdf(folder / "posterior.nc", fit.groups(), overdue)
        if saved_data.wanted(fit.spec) and (table := fit.data_kept()) is not None:
            saved_data.write(table, folder)
        _unless(overdue)
        if fit.arrays.standing is not None:
            _write_state(fit, folder)
        _unless(overdue)
        seconds, found = time.perf_counter() - begun, tables()
        begun = time.perf_counter()
        if found is not None:
            found.summary.write(folder / "summary.csv")
            found.effects.write(folder / "ranef.csv")
            if fit.estimates is not None:
                spreadsheet.to_csv(fit.estimates.table(), folder / "estimates.csv", float_format="%.10g")
            if found.missing is not None:
                spreadsheet.to_csv(found.missing, folder / "missing.csv", float_format="%.8g")
        fit.timings["write"] = seconds + time.perf_counter() - begun
        words = json.dumps(_manifest(fit, found and found.convergence), indent=2, ensure_ascii=False, allow_nan=False)
        (folder / "manifest.json").write_text(words + "\n", encoding="utf-8")
        _unless(overdue)

    return write_files


def _unless(overdue: Callable[[], bool]) -> None:
    if overdue():
        raise signals.Unwritten


def _write_state(fit: Fit, folder: Path) -> None:
    """Where the chains ended, from which more draws can be made."""
    about, arrays = fit.arrays.standing.block()
    with open(folder / layout.STATE, "wb") as file:
        blocks.write(file, {**about, "run": fit.identity}, arrays)


@dataclasses.dataclass(frozen=True)
class Tables:
    """What is computed from the draws when a run is written."""

    summary: Grid
    effects: Grid
    missing: pd.DataFrame | None
    convergence: Mapping[str, Any]


def _tables(fit: Fit) -> Tables:
    fit._tell()
    effects = fit._ranef_grid.without("ess_tail")
    missing = None if fit.missing_draws is None else fit.missing_outcomes()
    return Tables(fit._grid, effects, missing, fit.convergence.as_dict())


def tables_in_time(fit: Fit, seconds: float | None) -> Tables | None:
    """The tables; None where Ctrl-C, the end of the seconds allowed, or of the memory came first."""
    if seconds is not None and seconds <= 0.0:
        return None
    try:
        with signals.immediate(seconds, in_hand=True):
            return _tables(fit)
    except (KeyboardInterrupt, MemoryError):
        signals.dealt_with()
        signals.abandoned.set()  # threads of the diagnostics, at the end of a block
        return None


def _spec_yaml(fit: Fit, target: Path) -> str:
    from gibbs.model import spec
    from gibbs.version import __version__

    return spec.to_yaml(fit.spec, folder=target, notes=[f"Written by gibbs {__version__}."])


# -------------------------------------------------------------------------------------------------------------- manifest


def _manifest(fit: Fit, convergence: Mapping[str, Any] | None) -> dict[str, Any]:
    draws, outline, sampling = fit.arrays, fit.outline, fit.spec.sampling
    chains, kept = draws.beta.shape[:2]
    plan = None if fit.plan is None else {**fit.plan.as_dict(), "lines": list(fit.plan.lines)}
    return _jsonable(
        {
            "gibbs_run": FORMAT,
            "run": fit.identity,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "title": fit.spec.title,
            "formula": fit.spec.formula,
            "family": fit.family,
            "versions": versions(),
            "seed": sampling.seed,
            "chains": chains,
            "warmup": draws.warmup,
            "draws": kept,
            "data": {
                "source": fit.source,
                "fingerprint": fit.fingerprint,
                "rows_read": outline.rows_read,
                "rows_used": outline.rows_used,
                "rows_outside_subset": outline.outside,
                "rows_dropped": outline.rows_read - outline.outside - outline.rows_used,
                "missing_by_column": dict(outline.dropped),
            },
            **({} if fit.estimates is None else {"estimates": fit.estimates.as_dict()}),
            "plan": plan,
            "timings": {
                **fit.timings,
                "warmup_by_chain": list(draws.seconds_warmup),
                "sampling_by_chain": list(draws.seconds_sampling),
            },
            "parts": [*fit.parts],
            "convergence": convergence,
            "stopped": draws.stopped,
            "sampler": dict(draws.info),
            "hyper_names": list(draws.hyper_names),
            "model": outlines.to_dict(outline),
        }
    )


def versions() -> dict[str, str]:
    """The installed versions of this package, Python and what the draws rest on."""
    from gibbs.version import __version__

    found = {"gibbs": __version__, "python": ".".join(str(part) for part in sys.version_info[:3])}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _jsonable(value: Any) -> Any:
    """Plain Python for JSON: NumPy scalars and arrays unpacked, numbers that are not finite as null."""
    if isinstance(value, Mapping):
        return {str(key): _jsonable(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        return _jsonable(value.tolist())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_jsonable(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


# ---------------------------------------------------------------------------------------------------------------- netcdf


def write_netcdf(path: Path, groups: Mapping[str, layout.Group], overdue: Callable[[], bool] = _never) -> None:
    """Groups of ArviZ' layout as one NetCDF file. overdue : as of ``writer``."""
    import h5netcdf
    import h5py

    words = h5py.string_dtype(encoding="utf-8")
    with _Sink(path, overdue) as sink, h5netcdf.File(sink, "w") as file:
        for name, group in groups.items():
            place = file.create_group(name)
            for key, value in group.attributes.items():
                place.attrs[key] = value
            for dim, coordinate in group.coordinates.items():
                place.dimensions[dim] = len(coordinate.data)
            for variable_name, variable in {**group.coordinates, **group.variables}.items():
                if isinstance(variable.data, Stream):
                    stored = place.create_variable(variable_name, variable.dims, np.float64)
                    for part, numbers in variable.data.blocks():
                        stored[part] = numbers
                elif isinstance(variable.data, np.ndarray):
                    stored = place.create_variable(variable_name, variable.dims, data=variable.data)
                else:
                    stored = place.create_variable(variable_name, variable.dims, words, data=np.array(variable.data, dtype=object))
                for key, value in variable.attributes.items():
                    stored.attrs[key] = value


_DAMAGED = (KeyError, IndexError, ValueError, TypeError, AttributeError, OSError, RuntimeError)
"""What h5py and a manifest of another shape raise; none of their words are for people."""


class _Sink(io.RawIOBase):
    """A file for HDF5, which does not survive a write that fails (it ends the whole process when that exits).

    The first error is kept and raised on leaving, when HDF5 has closed its file; until then nothing more is written, and HDF5 is told that
    all is well. overdue : as of ``writer``, asked once in ``PIECE`` bytes.
    """

    PIECE = 16 << 20

    def __init__(self, path: Path, overdue: Callable[[], bool] = _never) -> None:
        super().__init__()
        self._file = open(path, "w+b", buffering=0)
        self._error: OSError | signals.Unwritten | None = None
        self._overdue = overdue

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._file.close()
        if self._error is not None:
            raise self._error

    def write(self, data: Any) -> int:  # type: ignore[override]
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while self._error is None and len(left):
                _unless(self._overdue)
                left = left[self._file.write(left[: self.PIECE]) :]
        except (OSError, signals.Unwritten) as error:
            self._error = error
        return size

    def readinto(self, into: Any) -> int:  # type: ignore[override]
        into = memoryview(into).cast("B")
        found = self._file.readinto(into) if self._error is None else 0
        into[found:] = bytes(len(into) - found)
        return len(into)

    def truncate(self, size: int | None = None) -> int:
        try:
            if self._error is None:
                self._file.truncate(size)
        except OSError as error:
            self._error = error
        return size or 0

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def load(folder: str | Path, data: Any = None) -> Fit:
    """The Fit of a run folder, draws and names as they were; ``fit.design`` reads the data again where they are not kept (or ``data``).

    OutputError where the folder is missing, is no run folder, or lacks a part.
    """
    from gibbs.model import spec
    from gibbs.posterior.fit import Fit

    paths.require(folder, OutputError)
    folder = Path(os.path.expanduser(folder))
    where = str(folder)
    if not is_run(folder) and _waits(folder):
        raise OutputError(
            f"the run was broken off, and its results are not written yet. gibbs resume '{where}' goes on with it; with --now it writes "
            "those of what was drawn.",
            where=where,
        )
    if not folder.is_dir():
        raise OutputError("there is no such folder; give the folder that `gibbs run` wrote, such as runs/peru_m5.", where=where)
    if not is_run(folder):
        raise OutputError("this is not a run folder: it has no manifest.json written by gibbs.", where=where)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    if manifest["gibbs_run"] != FORMAT:
        raise OutputError(f"the run was written in format {manifest['gibbs_run']}; this version of gibbs reads {FORMAT}.", where=where)
    missing = [name for name in ("spec.yaml", "posterior.nc") if not (folder / name).is_file()]
    if missing:
        raise OutputError(f"the run is not whole: {' and '.join(missing)} is missing.", where=where)
    try:
        model, draws, observed, absent = _read_netcdf(folder / "posterior.nc", manifest)
        timings = {stage: seconds for stage, seconds in manifest["timings"].items() if isinstance(seconds, (int, float))}
        plan = None if manifest["plan"] is None else _StoredPlan(manifest["plan"])
        source, fingerprint = manifest["data"]["source"], manifest["data"]["fingerprint"]
    except _DAMAGED as error:
        raise OutputError(
            "posterior.nc and manifest.json do not fit each other, or one is damaged. Run the spec again.", where=where
        ) from error
    fit = Fit(
        spec.load(folder / "spec.yaml"),
        model,
        draws,
        plan=plan,
        source=source,
        fingerprint=fingerprint,
        timings=timings,
        observed=observed,
        frame=data,
        kept=folder,
        missing=absent,
    )
    fit.made = {key: manifest[key] for key in ("created", "versions") if key in manifest}
    fit.identity, fit.parts = manifest.get("run", ""), manifest.get("parts", [])
    if "estimates" in manifest:
        from gibbs.draws import estimates

        try:
            fit.estimates = estimates.read(folder / "estimates.csv", manifest["estimates"])
        except (OSError, ValueError, KeyError) as error:
            raise OutputError("estimates.csv is missing or damaged. Run the spec again.", where=where) from error
    return fit


class _StoredPlan(SimpleNamespace):
    """The plan of a run that is over: its words."""

    def __init__(self, words: Mapping[str, Any]) -> None:
        super().__init__(lines=tuple(words["lines"]))
        self._words = {key: value for key, value in words.items() if key != "lines"}

    def as_dict(self) -> dict[str, Any]:
        """What the plan's ``as_dict`` gave when the run was written."""
        return dict(self._words)


_Rows = tuple[np.ndarray, np.ndarray] | None


def _read_netcdf(path: Path, manifest: Mapping[str, Any]) -> tuple[outlines.Outline, Draws, _Rows, _Rows]:
    """The model, its draws, the outcome with its rows, and the rows without an outcome with its draws."""
    import h5netcdf
    import h5py

    with h5py.File(path, "r") as raw:  # what is refused here would leave a half-made h5netcdf.File, which complains when it is collected
        raw.attrs.get("_nc3_strict")
    with h5netcdf.File(path, "r") as file:
        posterior = file.groups["posterior"]
        factors = manifest["model"]["factors"]
        levels = {f["name"]: tuple(_words(posterior.variables[layout.level_dim(f["name"])][...])) for f in factors}
        sizes = {f["name"]: file.groups["constant_data"].variables[layout.stored_name(f"n_{f['name']}")][...] for f in factors}
        model = outlines.from_dict(manifest["model"], levels, sizes)

        lp = file.groups["sample_stats"].variables["lp"][...]
        hyper_names = tuple(manifest["hyper_names"])

        def stack(wanted: tuple[str, ...]) -> np.ndarray:
            parts = [posterior.variables[layout.stored_name(name)][...] for name in wanted]
            return np.stack(parts, axis=2) if parts else np.empty((*lp.shape, 0))

        streamed = {}
        if "streamed" in file.groups:
            stored = file.groups["streamed"].variables
            for factor in model.factors:
                if layout.stored_name(f"mean_{factor.name}") in stored:
                    statistics = [field.name for field in dataclasses.fields(Streamed)]
                    read = {name: stored[layout.stored_name(f"{name}_{factor.name}")][...] for name in statistics}
                    streamed[factor.name] = Streamed(**read)
        lengths = [0 if factor.name in streamed else len(factor.levels) * len(factor.columns) for factor in model.factors]
        offsets = [0, *itertools.accumulate(lengths)]
        u = np.empty((*lp.shape, offsets[-1]))
        for factor, start, length in zip(model.factors, offsets, lengths, strict=False):
            if factor.name in streamed:
                continue
            u[:, :, start : start + length] = posterior.variables[layout.stored_name(f"r_{factor.name}")][...].reshape(*lp.shape, length)
        observed = None
        if "observed_data" in file.groups:
            data = file.groups["observed_data"].variables
            observed = (data[layout.stored_name(model.outcome)][...], data["obs_id"][...])
        absent = None
        predicted = file.groups["posterior_predictive"].variables if "posterior_predictive" in file.groups else {}
        if layout.MISSING_DIM in predicted:  # else the group holds replications alone (store)
            absent = (predicted[layout.MISSING_DIM][...], predicted["ymis"][...])
        draws = (StreamedDraws if streamed else Draws)(
            beta=stack(names.coefficient_names(model)),
            hyper=stack(hyper_names),
            hyper_names=hyper_names,
            u=u,
            u_offsets=tuple(-1 if factor.name in streamed else start for factor, start in zip(model.factors, offsets, strict=False)),
            lp=lp,
            warmup=manifest["warmup"],
            seconds_warmup=tuple(manifest["timings"]["warmup_by_chain"]),
            seconds_sampling=tuple(manifest["timings"]["sampling_by_chain"]),
            stopped=manifest["stopped"],
            info=manifest["sampler"],
            streamed=streamed,
        )
    return model, draws, observed, absent


def _words(stored: np.ndarray) -> list[str]:
    return [word.decode("utf-8") if isinstance(word, bytes) else str(word) for word in stored.tolist()]

"""A run that was broken off goes on, and one that is over gets more draws."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gibbs import paths, pipeline
from gibbs.errors import DataError, OutputError, SpecError, nearest
from gibbs.files import places
from gibbs.model import spec as specs
from gibbs.model import structured, yaml_lines
from gibbs.model.records import Sampling, Spec, Table
from gibbs.resuming import checkpoint, ended
from gibbs.resuming.course import VERSIONS, Course, about_run, data_of, here
from gibbs.runfolder import runfolder, saved_data

if TYPE_CHECKING:
    from gibbs.posterior.fit import Fit
    from gibbs.sampling.standing import Standing


@dataclass(frozen=True)
class Asked:
    """What is to be different from now on. data : a path, ``package::name``, or a table; they must be the data of the run. now : nothing
    more is to be drawn, and what there is to be written."""

    draws: int | None = None
    until: Mapping[str, Any] | None = None
    cores: int | None = None
    data: Any = None
    now: bool = False


@dataclass(frozen=True)
class Stood:
    """A run that can go on, from a checkpoint or from its folder.

    folder : where its data may be. stopped : why it ended, "" where it was at its end; of a checkpoint "killed".
    """

    spec: Spec
    standing: Standing
    identity: str
    parts: list[dict[str, Any]]
    source: str
    fingerprint: str
    outside: int
    folder: Path
    stopped: str
    table: Table | None = None  # the data, where they are at hand
    force: bool = False
    notes: tuple[str, ...] = ()
    files: str = ""  # fingerprint of graphs and covariances, of a checkpoint
    digests: tuple[str, ...] = ()  # of what the levels of each factor know of each other, of a run


@dataclass(frozen=True)
class Going:
    """All that is settled before it goes on."""

    prepared: pipeline.Prepared
    course: Course
    place: places.Place
    notes: tuple[str, ...]


@contextmanager
def opened(folder: str | os.PathLike[str], asked: Asked) -> Iterator[Going]:
    """The run of ``folder``, reserved for this process, ready to go on.

    OutputError: there is none, it is damaged, another process is at work on it. SpecError: there is nothing to do, or what is asked for is
    not allowed. DataError: the data are not those of the run.
    """
    paths.require(folder, OutputError)
    where = os.fspath(folder)
    target = Path(os.path.realpath(os.path.expanduser(where)))
    _refuse_nothing(target, where)
    with places.reserve(target, runfolder.KIND, where=where) as place:
        checkpoint.tidy(checkpoint.folder_of(target))
        stood = _of_checkpoint(target) or of_run(target, where)
        place.force = stood.force or (runfolder.is_run(target) and identity_of(target) == stood.identity)
        prepared, course = settled(stood, asked, where)
        about = about_run(prepared.spec, prepared.table, target, stood.identity, force=stood.force)
        course.checkpoint = checkpoint.Checkpoint(target, about, more=data_of(prepared.spec, prepared.table), goes_on=True)
        notes = (*stood.notes, *place.notes, *_other_versions(stood, prepared.spec.sampling))
        yield Going(prepared, course, place, notes)


def extend(fit: Fit, asked: Asked, progress: Any = None) -> Fit:
    """A Fit with more draws: those of ``fit`` first."""
    stood = of_fit(fit)
    prepared, course = settled(stood, asked, "")
    return pipeline.draw(prepared, progress, course=course)


def settled(stood: Stood, asked: Asked, where: str) -> tuple[pipeline.Prepared, Course]:
    """The model again, and where it goes on from."""
    spec, standing = _asked(stood, asked, where)
    frame, table = None, None
    if asked.data is not None:
        from gibbs.api import with_data

        spec_with, frame = with_data(spec, asked.data)
        spec = spec_with if frame is None else spec
    else:
        table = stood.table or saved_data.read(stood.folder, stood.source, stood.outside, stood.fingerprint)
        if table is None and not spec.data.named:
            raise OutputError("the run was made from a table in Python that was not kept: gibbs.resume(run, data=table).", where=where)
    kept = spec.keep_all
    prepared = pipeline.prepare(replace(spec, keep_all=True), frame, table)  # what is stored does not depend on this machine's memory
    prepared = replace(prepared, spec=replace(prepared.spec, keep_all=kept))
    if stood.fingerprint and prepared.table.fingerprint != stood.fingerprint:
        raise DataError(
            "the data are not those the run was begun with (another fingerprint), so it cannot go on. Run the spec again.",
            where=prepared.table.source,
        )
    if stood.files and structured.fingerprint_of_files(spec) != stood.files:
        raise DataError(
            "a graph or covariance that the formula names is not the one the run was begun with (another fingerprint), so it cannot go on. "
            "Run the spec again.",
            where=prepared.table.source,
        )
    if stood.digests:
        structured.refuse_others(stood.digests, prepared.design.factors, prepared.table.source)
    return prepared, Course(stood.identity, list(stood.parts), standing, now=asked.now)


# ------------------------------------------------------------------------------------------------------------ where it is


def _refuse_nothing(target: Path, where: str) -> None:
    """OutputError where there is neither a run nor a checkpoint."""
    if checkpoint.folder_of(target).is_dir() or runfolder.is_run(target):
        return
    if not target.parent.is_dir():
        raise OutputError(f"there is no run here, and no folder '{target.parent}'.", where=where)
    there = {p.name for p in target.parent.iterdir() if runfolder.is_run(p)}
    there |= {p.name.removeprefix(".").removesuffix(".checkpoint") for p in target.parent.glob(".*.checkpoint")}
    raise OutputError(
        f"there is no run here, and no checkpoint of one.{nearest(target.name, sorted(there))} A run leaves checkpoints from its first "
        "seconds on; one that ended before is begun again with gibbs run. gibbs runs lists what there is.",
        where=where,
    )


def _of_checkpoint(target: Path) -> Stood | None:
    """The run that was killed; None where there is no checkpoint, or the run was written after it."""
    found = checkpoint.find(target)
    if found is None:
        return None
    about = found.about
    if runfolder.is_run(target) and identity_of(target) == about["run"] and _further(target, found.standing):
        with suppress(OSError):
            checkpoint.discard(found.folder)
        return None
    path = found.folder / "spec.yaml"  # as if it stood there: what it names is found from there
    values, lines = yaml_lines.parse(about["spec"], str(path))
    parts = [dict(part) for part in about["parts"]]
    parts[-1]["to"] = found.standing.done()
    notes = found.notes
    if found.failed:
        notes = (*notes, f"the run had ended with an error, which is likely to come again: {found.failed}")
    spec = specs.build(values, path=path, lines=lines)
    return Stood(
        spec, found.standing, about["run"], parts, about["source"], about["fingerprint"], int(about["outside"]), found.folder, "killed",
        force=bool(about["force"]), notes=notes, files=about.get("files", ""),
    )  # fmt: skip


def of_run(target: Path, where: str) -> Stood:
    """A run that was written."""
    from gibbs.posterior.fit import load

    fit = load(target)
    return _of(fit, ended.read(target, fit.arrays.whole), target)


def of_fit(fit: Fit) -> Stood:
    """A Fit at hand, whether it was made here or read from a folder. OutputError: it has no state to go on from."""
    folder = fit.folder
    if fit.arrays.standing is not None:
        return _of(fit, ended.rejoined(fit.arrays.standing, fit.arrays.whole), folder or Path())
    if folder is None:
        raise OutputError("there is nothing to go on from: Ctrl-C left a chain in the middle of a long sweep.")
    return _of(fit, ended.read(folder, fit.arrays.whole), folder)


def _of(fit: Fit, standing: Standing, folder: Path) -> Stood:
    return Stood(
        fit.spec, standing, fit.identity, list(fit.parts), fit.source, fit.fingerprint, fit.outline.outside, folder, fit.arrays.stopped,
        fit.data_kept(), digests=structured.digests(fit.outline.factors),
    )  # fmt: skip


def identity_of(target: Path) -> str:
    """Of the run in a folder; "" of one that has none."""
    import json

    return str(json.loads((target / "manifest.json").read_text(encoding="utf-8")).get("run", ""))


def _further(target: Path, standing: Standing) -> bool:
    """Whether the run that was written is at least as far as the checkpoint: the process died before it could remove that."""
    done = ended.done(target)
    return done is not None and min(done) >= min(standing.done())


# ------------------------------------------------------------------------------------------------------------ what is asked


def _asked(stood: Stood, asked: Asked, where: str) -> tuple[Spec, Standing]:
    """The spec of what comes now, and the standing with what its driver has to know."""
    spec, standing = stood.spec, stood.standing
    have = min(sum(chunk.lp.size for chunk in chunks) for chunks in standing.kept)
    if asked.draws is not None and asked.until is not None:
        raise SpecError("a run has a fixed length (--draws) or goes on until it is precise (--until), not both.", where=where)
    if asked.now:
        _refuse_now(stood, asked, have, where)
        sampling = spec.sampling
    elif asked.draws is not None:
        if asked.draws <= have:
            raise SpecError(f"the run has {have:,} draws of each chain already, and --draws {asked.draws:,} asks for no more.", where=where)
        sampling = replace(spec.sampling, draws=asked.draws, until=None)
        standing = replace(standing, course={})
    elif asked.until is not None:
        sampling = _until(spec, asked.until)
        standing = replace(standing, course={"whole": 1}, elapsed=0.0)
    elif stood.stopped in ("", "max_draws"):
        raise SpecError(
            f"the run is at its end, {have:,} draws of each chain. Say how many they are to be (--draws N), or how precise "
            "(--until ess=4000).",
            where=where,
        )
    else:
        sampling = spec.sampling
        if stood.stopped == "max_seconds":
            standing = replace(standing, elapsed=0.0)
    if asked.cores is not None:
        sampling = replace(sampling, cores=asked.cores)
    return replace(spec, sampling=sampling), standing


def _refuse_now(stood: Stood, asked: Asked, have: int, where: str) -> None:
    """SpecError where there is nothing to write now."""
    if asked.draws is not None or asked.until is not None:
        raise SpecError("--now draws nothing, so it goes with neither --draws nor --until.", where=where)
    if stood.stopped != "killed":
        raise SpecError(f"the run is written already, {have:,} draws of each chain.", where=where)
    if not have:
        raise SpecError("the run is in its warm-up: there are no draws to write yet. Without --now it goes on.", where=where)


def _until(spec: Spec, until: Mapping[str, Any]) -> Sampling:
    """The sampling of ``spec`` with other limits of precision, checked as a spec's are."""
    values, lines = yaml_lines.parse(specs.to_yaml(spec), str(spec.path or ""))
    return specs.build(values, path=spec.path, lines=lines, overrides={"until": dict(until)}).sampling


def _other_versions(stood: Stood, sampling: Sampling) -> tuple[str, ...]:
    """A sentence where the run was begun with other versions, or on another kind of processor."""
    if not stood.parts:
        return ()
    before, now = stood.parts[-1], here(sampling)
    changed = [f"{name} {before[name]} → {now[name]}" for name in (*VERSIONS, "processor") if before.get(name) not in (None, now.get(name))]
    if not changed:
        return ()
    return (
        f"the run goes on with other versions or another processor ({', '.join(changed)}): its draws are as good, and need not be those of "
        "a run that was never interrupted to the last digit.",
    )

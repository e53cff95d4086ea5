"""The way of the data, once for the command line and for Python: Spec → Table → Design → Plan → Draws → Fit → run folder.

Between Design and Plan stands what the sampler sees of the design (``by_group.arrange``, ``small_fields.arrange``): made here once, and
handed to plan and chains.

Each function is one arrow, or a few; what comes out depends on the spec, the data and the seed, whichever door they came in by.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

from gibbs import mapped, memory, paths, signals
from gibbs.errors import DataError, OutputError, SpecError
from gibbs.model.records import Design, Spec, Table
from gibbs.printable import printable

if TYPE_CHECKING:
    from gibbs.draws.estimates import Estimates
    from gibbs.files.places import Place
    from gibbs.posterior.fit import Fit
    from gibbs.preview import Check
    from gibbs.resuming.course import Course
    from gibbs.sampling.plan import Plan
    from gibbs.sampling.progress import Progress
    from gibbs.tasks.cluster import Workers


@dataclass(frozen=True)
class Prepared:
    """All that is settled before the first sweep. ``seen``: the design as the sampler sees it. ``seconds``: by stage (read, design)."""

    spec: Spec
    table: Table
    design: Design
    seen: Design
    plan: Plan
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # what was decided beside the plan, for the warnings
    frame: Any = None  # the data, where they came from Python
    others: tuple[Prepared, ...] = ()  # further versions of the data: plausible values, imputations
    resampled: str = ""  # where design-based standard errors come from, in words

    def check(self) -> Check:
        """The report on it."""
        from gibbs.preview import Check

        return Check(self.spec, self.design, self.plan, self.table.source, self.table, self.notes, self.resampled)

    def warnings(self) -> tuple[str, ...]:
        """What should be known before sampling."""
        return self.check().warnings


def prepare(spec: Spec, frame: Any = None, table: Table | None = None) -> Prepared:
    """Read the data, make the numbers, decide the plan. Raises DataError, FormulaError, SpecError; draws nothing.

    frame : the data, where they come from Python; the spec's own source where None; a list of them for a multiple imputation.
    table : they have been read already.
    """
    from gibbs.model import by_group, data, design, formula, small_fields, versions
    from gibbs.posterior import further
    from gibbs.sampling import plan

    (spec, frame), *others = versions.of(spec, frame)
    columns = formula.variables(spec.parsed)
    began = time.perf_counter()
    table = data.read(spec, frame, columns) if table is None else table
    read = time.perf_counter()
    try:
        built = design.build(spec, table)
    except DataError as error:
        said = [note for note in table.notes if note.startswith("derive: ")]
        if not said:
            raise
        raise type(error)(" ".join([error.message, *said]), where=error.where) from error  # often the reason: a word that occurs nowhere
    further.check(built, spec.store, spec.where("store"))
    seen = small_fields.arrange(by_group.arrange(built), spec.sampling.scheme)
    decided = plan.make(seen, spec.sampling.scheme)
    prepared = Prepared(spec, table, built, seen, decided, {"read": read - began, "design": time.perf_counter() - read}, frame=frame)
    _refuse_unknown_names(prepared)
    prepared = _summarise_what_is_large(prepared)
    _refuse_more_than_memory(prepared)
    prepared = _with_replicates(prepared)
    return replace(prepared, others=tuple(prepare(*version) for version in others)) if others else prepared


def _with_replicates(prepared: Prepared) -> Prepared:
    """What the replicates are, in words, before a sweep is spent; DataError where they cannot be had."""
    if prepared.spec.replication is None:
        return prepared
    from gibbs.survey import replication

    made = replication.of(prepared.spec, prepared.design, prepared.frame)
    return replace(prepared, resampled="" if made is None else made.words)


def _summarise_what_is_large(prepared: Prepared) -> Prepared:
    """Where nobody said what to keep, the effects of factors whose draws would take too much memory are summarised, and it is said."""
    from gibbs.sampling import footprint

    spec, design = prepared.spec, prepared.design
    if spec.keep is not None or spec.keep_all:
        return prepared
    large = footprint.to_stream(design, prepared.plan, spec.sampling)
    if not large:
        return prepared
    kept = tuple(f.name for f in design.factors if f.name not in large)
    each = 8 * footprint.stored_draws(spec.sampling) * spec.sampling.chains
    needed = each * sum(len(f.levels) * len(f.columns) for f in design.factors if f.name in large)
    note = (
        f"the effects of {' and '.join(large)} are summarised as they are drawn (keep: {' '.join(kept) or 'none'}): their draws would "
        f"take {memory.words(needed)}, and all draws together more than {footprint.SHARE:.0%} of the memory, "
        f"{memory.words(memory.installed() or 0)}. keep: all stores them."
    )
    return replace(prepared, spec=replace(spec, keep=kept), notes=(*prepared.notes, note))


def _refuse_unknown_names(prepared: Prepared) -> None:
    """SpecError where ``until`` names a parameter that the model does not have."""
    from gibbs.draws import limits, names

    until, design = prepared.spec.sampling.until, prepared.design
    if until is None or not (until.of or until.mcse):
        return
    labels = (*names.coefficient_names(design), *names.hyper_names(design), *names.at_means_names(design))
    try:
        limits.limits(until, (*labels, *names.ranef_names(design)), len(labels), prepared.spec.sampling.chains)
    except SpecError as error:
        raise SpecError(error.message, where=prepared.spec.where(error.where) or error.where) from None


def _refuse_more_than_memory(prepared: Prepared) -> None:
    """SpecError where the draws alone need more memory than the machine has: such a run could only end badly, hours later."""
    kept, installed = prepared.check().bytes_kept, memory.installed()
    if installed is not None and kept > installed:
        sampling = prepared.spec.sampling
        raise SpecError(
            f"{sampling.chains:,} chains of {paths.shown(f'{sampling.draws:,}')} draws need {memory.words(kept)}, and this machine has "
            f"{memory.words(installed)} of memory. Ask for fewer draws or chains, or have the effects of large factors summarised as they "
            "are drawn (keep: none).",
            where=prepared.spec.where("sampling.draws"),
        )


def draw(
    prepared: Prepared,
    progress: Callable[[Progress], object] | None = None,
    *,
    course: Course | None = None,
    hands: Workers | None = None,
) -> Fit:
    """Sample. Raises SamplingError where a chain met numbers it cannot trust, KeyboardInterrupt where nothing was kept yet.

    DataError where predictors and levels give the outcome to the last digit, so that there is no posterior.

    progress : called with snapshots while it runs; it never changes a draw. course : what the run goes on from, and its checkpoints.
    hands : the workers of a cluster that chains and replicates are handed to; they change no draw.
    """
    from gibbs.criticism import scores
    from gibbs.draws.outline import outline
    from gibbs.model import exact_fit
    from gibbs.posterior.fit import Fit
    from gibbs.resuming.course import Course
    from gibbs.sampling import chains, far

    exact_fit.refuse(prepared.design, prepared.table.source)
    keep = {} if prepared.spec.keep is None else {"keep": prepared.spec.keep}
    course = Course() if course is None else course
    with course.part(prepared.spec.sampling) as going, nullcontext({}) if hands is None else far.crews(hands) as crew:
        draws = chains.run(prepared.seen, prepared.plan, prepared.spec.sampling, progress=progress, **keep, **going, **crew)
    most = {"numbers": scores.HURRIED} if draws.stopped == "interrupted" else {}
    found = scores.of_levels(draws, outline(prepared.design), prepared.design, **most)
    draws = replace(draws, info={**draws.info, "scores": found}) if found else draws
    timings = {**prepared.seconds, "compile": float(draws.info.get("compile_seconds", 0.0))}
    fit = Fit(prepared.spec, prepared.design, draws, plan=prepared.plan, table=prepared.table, timings=timings)
    course.ended(draws.standing)
    fit.identity, fit.parts = course.identity, course.parts
    if (prepared.others or prepared.spec.replication is not None) and not draws.stopped:
        fit.estimates = _estimates(prepared, fit, progress, hands)
    return fit


def _estimates(prepared: Prepared, fit: Fit, progress: Callable[[Progress], object] | None, hands: Workers | None) -> Estimates | None:
    """Estimates from replicates and versions; None, with the posterior kept, where Ctrl-C ended them."""
    from gibbs.survey import fits

    began = time.perf_counter()
    try:
        found = fits.estimate((prepared, *prepared.others), fit.arrays, progress, hands)
    except KeyboardInterrupt:
        signals.dealt_with()
        fit.arrays = replace(fit.arrays, stopped="interrupted")
        return None
    fit.timings["replicates"] = time.perf_counter() - began
    return found


def trusted(fit: Fit) -> bool:
    """Whether sampling ran to its end and converged: exit code 0."""
    return not fit.arrays.stopped and fit.convergence.ok


# -------------------------------------------------------------------------------------------------------------- output


def output_folder(spec: Spec, given: str | os.PathLike[str] | None = None) -> Path:
    """The folder a run writes: ``given`` (any place), else the spec's ``output``, else ``runs/NAME-OF-THE-SPEC``.

    Relative paths are relative to the current directory. A spec may come from anybody, so what it says must lie inside the current
    directory; only a person can name another place. ``~`` at the start is the home folder, as it is for a person, links are followed and
    ``..`` is gone up before the place is judged; what is returned is the place that was judged, and no later step expands it again.
    ``$NAME`` and ``%NAME%`` are never expanded. Raises SpecError where the spec's ``output`` leads elsewhere, or is no path everywhere.
    """
    if given is not None:
        return Path(given)
    if spec.output is None:
        return Path("runs") / name_of(spec)
    where = spec.where("output")
    if problem := paths.fault(spec.output):
        raise SpecError(f"output '{paths.shown(spec.output)}': {problem}.", where=where)
    if problem := _no_path(spec.output):
        raise SpecError(f"output '{printable(spec.output)}' {problem}", where=where)
    here = Path.cwd().resolve()
    there = (here / Path(os.path.expanduser(spec.output))).resolve()
    written = Path(spec.output)
    unknown = spec.output.startswith("~") and written.parts[0] == os.path.expanduser(written.parts[0])
    if written.is_absolute() or unknown or there == here or not there.is_relative_to(here):
        leads = "" if str(there) == str(written) or there == here else f" (it leads to '{there}')"
        raise SpecError(
            f"output '{spec.output}' is not a folder inside the current directory{leads}. A spec writes only below the directory that "
            "gibbs is started in; --out DIR names any other place.",
            where=where,
        )
    inside = there.relative_to(here)
    return there if inside.parts[0].startswith("~") else inside


def name_of(spec: Spec) -> str:
    """The name of a spec's file without its ending, as the name of a folder; "fit" where there is no file."""
    stem = spec.path.stem if spec.path is not None else "fit"
    return stem if stem.strip(". ") else "spec"


def _no_path(text: str) -> str:
    """Why a text is no path that means the same on every system and in every shell, or ""."""
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        return "has a control character in it; write a name of letters, such as runs/name."
    if re.search(r"(^|[/\\])\$[\w{(]|%\w+%", text):
        return "names a variable, and a spec expands none. Write the folder itself, such as runs/name."
    windows = PureWindowsPath(text)
    if windows.drive or (os.sep == "/" and "\\" in text):
        return "is written as on Windows. Write a folder below the current directory with slashes, such as runs/name."
    return ""


def check_free(folder: str | os.PathLike[str], *, force: bool = False) -> Path:
    """The folder as an absolute path. OutputError where it cannot be written, or holds something that ``force`` may not replace."""
    from gibbs.runfolder import runfolder

    where = os.fspath(folder)
    target = above = runfolder.check_target(folder, force=force)
    while not above.exists():
        above = above.parent
    above = above.parent if above == target else above
    if not os.access(above, os.W_OK | os.X_OK):
        raise OutputError(f"'{above}' cannot be written. Choose another output folder.", where=where)
    return target


@contextmanager
def reserved(folder: str | os.PathLike[str], *, force: bool = False) -> Iterator[Place]:
    """The folder is this run's from now on. Raises OutputError, before anything is drawn, as ``check_free``, and where another run is at
    work for it. ``Place.notes`` says what runs that were killed have left there.
    """
    from gibbs.files import places
    from gibbs.resuming import checkpoint
    from gibbs.runfolder import runfolder

    target = check_free(folder, force=force)
    with places.reserve(target, runfolder.KIND, force=force, where=os.fspath(folder)) as place:
        if not force and (waits := checkpoint.look(target)):
            there = checkpoint.elsewhere(target)
            which = f"a run that was written to '{there}' has its checkpoint here" if there else "a run that was broken off waits here"
            raise OutputError(
                f"{which}, after {checkpoint.how_far(waits)}: gibbs resume '{os.fspath(folder)}' goes on with it. Choose another "
                "folder, or begin anew with --force (force=True).",
                where=os.fspath(folder),
            )
        with mapped.room(target.parent):
            yield place


def there_already(spec: Spec, given: str | os.PathLike[str] | None = None) -> Path | None:
    """The run folder, where it holds what this spec would write again, draw for draw; None where it has to be drawn."""
    from gibbs.runfolder import unchanged

    folder = Path(os.path.expanduser(output_folder(spec, given)))
    return folder if unchanged.holds(folder, spec) else None


def check_room(place: Place, prepared: Prepared) -> None:
    """OutputError where the disk has less room than run and checkpoint will need, or files may not become so large here (``ulimit -f``)."""
    check = prepared.check()
    needed, of_checkpoint = check.disk(), _of_checkpoint(place, check.bytes_kept)
    free, largest = shutil.disk_usage(place.target.parent).free, _largest_file()
    if needed + of_checkpoint > free:
        with_it = f" and its checkpoint as much as {memory.words(of_checkpoint)}" if of_checkpoint else ""
        has = f"{memory.words(needed)}{with_it}, and the disk has {memory.words(free)} free"
    elif largest is not None and needed > largest:
        has = f"{memory.words(needed)}, and no file may be larger than {memory.words(largest)} here"
    else:
        return
    raise OutputError(
        f"the run will need about {has}. Choose another place (--out DIR), fewer draws, or keep: the effects of fewer grouping factors.",
        where=str(place.target),
    )


def _of_checkpoint(place: Place, kept: int) -> int:
    """Bytes that checkpoints will add at most, until the run is written and they go; 0 of a run that hardly has one."""
    from gibbs.files import places
    from gibbs.resuming import checkpoint
    from gibbs.sampling import keeper

    return max(kept - places.size(checkpoint.folder_of(place.target)), 0) if kept >= keeper.FIRST else 0


def _largest_file() -> int | None:
    """Bytes that a file of this process may have; None: no limit."""
    try:
        import resource
    except ImportError:
        return None
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return None if limit == resource.RLIM_INFINITY else limit


@dataclass(frozen=True)
class Saved:
    """A run that was written. ``problems``: what is not as it was asked for, in a sentence each; ``tables``: they are there, too."""

    folder: Path
    problems: tuple[str, ...] = ()
    tables: bool = True


HURRY, TOGETHER = 0.6, 1.4
"""Seconds for the tables of a run that was interrupted, and between the signal and their end; the draws are written in any case."""


def save(
    fit: Fit,
    place: Place,
    *,
    course: Course | None = None,
    rescue: str | os.PathLike[str] | None = None,
    otherwise: str = "",
) -> Saved:
    """Write the run, whatever happens: beside the place where that is taken, to a second one where it cannot be written.

    course : its checkpoint, which goes when the run is written. rescue : the second place; the system's folder for temporary files where
    None, and where that fails too. Ctrl-C leaves the tables out.

    Raises OutputError where the run can be written nowhere; its last sentence is ``otherwise``, or what becomes of the draws.
    ``signals.Unwritten`` where Ctrl-C came,
    its time is up (``signals.SOON``; a second one ends it at once), and there is a checkpoint.
    """
    from gibbs.runfolder import runfolder

    computed: list[runfolder.Tables | None] = []
    waits, before = course is not None and course.waits(), max(signals.so_far(), 1)

    if not otherwise:
        otherwise = f"gibbs resume '{place.target}' goes on from its last checkpoint." if waits else "The draws are lost."

    def overdue() -> bool:
        return waits and (signals.time_left() < 0.0 or signals.so_far() > before)

    def tables() -> runfolder.Tables | None:
        if not computed:
            hurried = fit.arrays.stopped == "interrupted" and signals.so_far()
            seconds = min(HURRY, TOGETHER - signals.ago()) if hurried else None
            computed.append(runfolder.tables_in_time(fit, seconds))
        return computed[0]

    folder, problems = place.fill_somewhere(runfolder.writer(fit, tables, overdue), rescue=rescue, otherwise=otherwise)
    if course is not None:
        course.written(fit.arrays.standing, folder)
    if fit.arrays.stopped == "checkpoint":
        problems = (f"{fit.arrays.info['no_checkpoint']} gibbs resume '{folder}' goes on with it.", *problems)
    if computed[0] is None:
        problems = (*problems, f"there was no time for the tables; gibbs summary '{folder}' makes them from the draws.")
    return Saved(folder, problems, computed[0] is not None)


def troubles() -> tuple[str, ...]:
    """What went wrong meanwhile that no draw depends on, in a sentence each: files of compiled code that cannot be used."""
    from gibbs.kernels import compiled

    found = compiled.problems()
    return (found,) if found else ()

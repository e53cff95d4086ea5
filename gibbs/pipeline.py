"""The way of the data, once for the command line and for Python: Spec → Table → Design → Plan → Draws → Fit → run folder.

Each function is one arrow, or a few; what comes out depends on the spec, the data and the seed, whichever door they came in by.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gibbs import memory, paths
from gibbs.errors import OutputError, SpecError
from gibbs.model.records import Design, Spec, Table

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.posterior.fit import Fit
    from gibbs.preview import Check
    from gibbs.sampling.plan import Plan
    from gibbs.sampling.progress import Progress


@dataclass(frozen=True)
class Prepared:
    """All that is settled before the first sweep. ``seconds``: time spent by stage (read, design)."""

    spec: Spec
    table: Table
    design: Design
    plan: Plan
    seconds: Mapping[str, float] = field(default_factory=dict)

    def check(self) -> Check:
        """The report on it."""
        from gibbs.preview import Check

        return Check(self.spec, self.design, self.plan, self.table.source, self.table)

    def warnings(self) -> tuple[str, ...]:
        """What should be known before sampling."""
        return self.check().warnings


def prepare(spec: Spec, frame: pd.DataFrame | None = None) -> Prepared:
    """Read the data, make the numbers, decide the plan. Raises DataError, FormulaError, SpecError; draws nothing.

    frame : the data, where they come from Python; the spec's own source where None.
    """
    from gibbs.model import data, design, formula
    from gibbs.sampling import plan

    columns = formula.variables(design.parse(spec))
    began = time.perf_counter()
    table = data.read(spec, frame, columns)
    read = time.perf_counter()
    built = design.build(spec, table)
    decided = plan.make(built, spec.sampling.scheme)
    prepared = Prepared(spec, table, built, decided, {"read": read - began, "design": time.perf_counter() - read})
    _refuse_more_than_memory(prepared)
    return prepared


def _refuse_more_than_memory(prepared: Prepared) -> None:
    """SpecError where the draws alone need more memory than the machine has: such a run could only end badly, hours later."""
    kept, installed = prepared.check().bytes_kept, memory.installed()
    if installed is not None and kept > installed:
        sampling = prepared.spec.sampling
        raise SpecError(
            f"{sampling.chains:,} chains of {paths.shown(f'{sampling.draws:,}')} draws need {memory.words(kept)}, and this machine has "
            f"{memory.words(installed)} of memory. Ask for fewer draws or chains, or have the effects of large factors summarised as they "
            "are drawn (keep: none).",
            where=_place(prepared.spec, "sampling.draws"),
        )


def _place(spec: Spec, key: str) -> str:
    """The file and the line of a key, as far as they are known."""
    line = spec.lines.get(key)
    return ", ".join(x for x in (str(spec.path) if spec.path else "", f"line {line}" if line else "") if x)


def draw(prepared: Prepared, progress: Callable[[Progress], object] | None = None) -> Fit:
    """Sample. Raises SamplingError where a chain met numbers it cannot trust, KeyboardInterrupt where nothing was kept yet.

    progress : called with snapshots while it runs; it never changes a draw.
    """
    from gibbs.posterior.fit import Fit
    from gibbs.sampling import chains

    keep = {} if prepared.spec.keep is None else {"keep": prepared.spec.keep}
    draws = chains.run(prepared.design, prepared.plan, prepared.spec.sampling, progress=progress, **keep)
    timings = {**prepared.seconds, "compile": float(draws.info.get("compile_seconds", 0.0))}
    return Fit(prepared.spec, prepared.design, draws, plan=prepared.plan, table=prepared.table, timings=timings)


def trusted(fit: Fit) -> bool:
    """Whether sampling ran to its end and converged: exit code 0."""
    return fit.convergence.ok and not fit.arrays.stopped


# -------------------------------------------------------------------------------------------------------------- output


def output_folder(spec: Spec, given: str | os.PathLike[str] | None = None) -> Path:
    """The folder a run writes: ``given`` (any place), else the spec's ``output``, else ``runs/NAME-OF-THE-SPEC``.

    Relative paths are relative to the current directory. A spec may come from anybody, so what it says must lie inside the current
    directory; only a person can name another place. Raises SpecError where the spec's ``output`` leads elsewhere.
    """
    if given is not None:
        return Path(given)
    if spec.output is None:
        return Path("runs") / (spec.path.stem if spec.path is not None else "fit")
    where = _place(spec, "output")
    if problem := paths.fault(spec.output):
        raise SpecError(f"output '{paths.shown(spec.output)}': {problem}.", where=where)
    here = Path.cwd().resolve()
    there = (here / spec.output).resolve()
    if Path(spec.output).is_absolute() or there == here or not there.is_relative_to(here):
        raise SpecError(
            f"output '{spec.output}' is not a folder inside the current directory. A spec writes only below the directory that gibbs is "
            "started in; --out DIR names any other place.",
            where=where,
        )
    return Path(spec.output)


def check_free(folder: str | os.PathLike[str], *, force: bool = False) -> None:
    """Refuse, before anything is drawn, a folder that cannot be written, or that holds something ``force`` may not replace."""
    from gibbs.posterior import runfolder

    above = runfolder.check_target(folder, force=force).parent
    while not above.exists():
        above = above.parent
    if not os.access(above, os.W_OK | os.X_OK):
        raise OutputError(f"'{above}' cannot be written. Choose another output folder.", where=os.fspath(folder))

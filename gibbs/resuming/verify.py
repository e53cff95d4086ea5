"""Whether this machine reproduces a run: its data, its versions, and its sweeps, drawn again."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gibbs import pipeline
from gibbs.errors import GibbsError
from gibbs.posterior.fit import Fit, load
from gibbs.resuming.course import processor
from gibbs.runfolder import runfolder


@dataclass(frozen=True)
class Verified:
    """``same``: draws are those of the run, to the last bit. ``lines``: what was compared, and how it was found."""

    same: bool
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        from gibbs.files import pages

        return pages.text(str(self))


def verify(
    folder: str | os.PathLike[str], data: Any = None, *, whole: bool = False, progress: Callable[[Any], object] | None = None
) -> Verified:
    """Read the spec and the data of a run again, compare versions, and draw its first sweeps, or all of it (``whole``), anew.

    data : the data, where they are no longer where the spec says. OutputError: no run, or its data are gone or are others.
    """
    fit = load(os.fspath(folder), data)
    lines = []
    table = fit.table_again()
    kind = "the data are the same" if fit.fingerprint else "the run kept no fingerprint of its data"
    lines.append(f"data      {fit.source}: {kind}{f' ({fit.fingerprint[:12]}…)' if fit.fingerprint else ''}")
    prepared = pipeline.prepare(fit.spec, table=table)
    lines.append(f"spec      {Path(folder) / 'spec.yaml'}: read, the same plan{_plan(fit, prepared)}")
    lines.append(f"versions  {_versions(fit)}")
    same, said = _whole(fit, prepared, progress) if whole else _first(fit, prepared)
    lines.append(f"draws     {said}")
    verdict = "This machine reproduces the run" if same else "This machine does not reproduce the run to the last bit"
    lines.append(f"{verdict}{'.' if same else ': its draws are as good, and others.'}")
    return Verified(same, tuple(lines))


def _plan(fit: Fit, prepared: pipeline.Prepared) -> str:
    if fit.plan is None or tuple(fit.plan.lines) == tuple(prepared.plan.lines):
        return ""
    return " in other words (this version plans differently)"


def _versions(fit: Fit) -> str:
    then, now = dict(fit.made.get("versions", {})), runfolder.versions()
    changed = [f"{name} {then[name]}, here {now.get(name, 'none')}" for name in then if then[name] != now.get(name)]
    where = {part.get("processor") for part in fit.parts} - {None, processor()}
    changed += [f"processor {one}, here {processor()}" for one in sorted(where)]
    return "; ".join(changed) if changed else f"gibbs {now['gibbs']}, Python {now['python']}, numpy, numba and processor are the same"


def _first(fit: Fit, prepared: pipeline.Prepared) -> tuple[bool, str]:
    """The first sweeps of every chain."""
    from gibbs.sampling import chains

    kept = fit.arrays.info.get("first_sweeps")
    if not kept or not any(int(state, 16) for state in kept["state"]):
        raise GibbsError("the run has no record of its first sweeps; verify all of it (--whole).", where="verify")
    found = chains.first_sweeps(prepared.seen, prepared.plan, prepared.spec.sampling)
    same = [a == b for a, b in zip(kept["state"], found, strict=True)]
    of = f"the first {kept['sweeps']} sweeps of {len(same)} chains"
    return all(same), f"{of} lead where they led" if all(same) else f"{of} lead elsewhere (chains {_numbers(same)})"


def _whole(fit: Fit, prepared: pipeline.Prepared, progress: Callable[[Any], object] | None) -> tuple[bool, str]:
    """Every draw that the run has."""
    spec = prepared.spec
    if fit.arrays.stopped in ("interrupted", "max_seconds", "checkpoint"):  # a clock, a person or a disk ended it
        every = fit.arrays.info.get("to_precision", {}).get("every", 1)
        spec = replace(spec, sampling=replace(spec.sampling, draws=fit.arrays.beta.shape[1] * every, until=None))
    again = pipeline.draw(replace(prepared, spec=spec), progress).arrays
    for what, one, other in (
        ("coefficients", fit.arrays.beta, again.beta),
        ("sds, correlations and family parameters", fit.arrays.hyper, again.hyper),
        ("effects", fit.arrays.whole, again.whole),
        ("log-likelihood", fit.arrays.lp, again.lp),
    ):
        if one.shape != other.shape or not np.array_equal(one, other, equal_nan=True):
            return False, f"the {what} of the run drawn again are others"
    return True, f"all {one.shape[1]:,} draws of {one.shape[0]} chains are the same"


def _numbers(same: list[bool]) -> str:
    return ", ".join(str(k + 1) for k, one in enumerate(same) if not one)

"""Versions of the data: each plausible value of the outcome, each imputation, as a spec and a table of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gibbs.errors import DataError
from gibbs.model import formula as formulas
from gibbs.model.records import Spec
from gibbs.model.syntax import quoted


def of(spec: Spec, frame: Any = None) -> list[tuple[Spec, Any]]:
    """The spec and the table of every version; the spec and its own data where there is one version.

    The first keeps the words of all (``plausible``, ``imputations``), which are part of the run; the others have none. frame : a list of
    tables is a multiple imputation. Plausible values and imputations go by pairs.

    Raises DataError where there are as many of neither.
    """
    frames = list(frame) if isinstance(frame, (list, tuple)) else [frame]
    files: Sequence[str | None] = spec.data.imputations or [None]
    if len(frames) > 1 and spec.data.imputations:
        raise DataError("there are several tables, and several files (imputations); give one of the two.")
    imputed, M = max(len(frames), len(files)), len(spec.plausible)
    if imputed == 1 and M == 0:
        return [(spec, frames[0])]
    if imputed > 1 and M and imputed != M:
        raise DataError(f"there are {M} plausible values and {imputed} imputations; they go by pairs, as many of each.")
    found = []
    for k in range(max(imputed, M)):
        own = replace(spec, plausible=(), data=replace(spec.data, imputations=())) if k else spec
        if M:
            own = replace(own, formula=_of_outcome(spec, spec.plausible[k]))
        if len(files) > 1:
            own = replace(own, data=replace(own.data, file=files[k]))
        found.append((own, frames[k] if len(frames) > 1 else frames[0]))
    return found


def _of_outcome(spec: Spec, name: str) -> str:
    """The formula with another outcome; what stands behind a bar beside it stays."""
    read = formulas.parse(spec.formula)
    left, _, right = str(read).partition("~")
    bar = left.find("|")
    return f"{quoted(name)}{f' {left[bar:].strip()}' if bar >= 0 else ''} ~{right}"

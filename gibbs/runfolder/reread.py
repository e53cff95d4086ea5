"""The data of a run that is over, read once more from where its spec names them."""

from __future__ import annotations

from typing import Any

from gibbs.errors import DataError, OutputError
from gibbs.model import data, formula
from gibbs.model.records import Spec, Table


def table(spec: Spec, frame: Any, fingerprint: str) -> Table:
    """The columns that the model uses, of ``frame`` or of what the spec names, as they were when the run was made.

    Raises OutputError where these cannot be had, or have another fingerprint than ``fingerprint``.
    """
    if frame is None and not spec.data.named:
        raise OutputError(
            "this needs the data, and the run was made from a table in Python that was not kept: give it, gibbs.load(run, data=table)."
        )
    try:
        found = data.read(spec, frame, formula.variables(spec.parsed))
    except DataError as error:
        raise OutputError(f"this needs the data of the run, which cannot be read any more ({error.message})", where=error.where) from error
    if fingerprint and found.fingerprint != fingerprint:
        raise OutputError("the data are not those the run was made from (another fingerprint). Run the spec again.", where=found.source)
    return found

"""``gibbs.resume``, ``gibbs.runs`` and ``gibbs.verify``."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gibbs import pipeline, signals
from gibbs import progress as display
from gibbs.resuming import resume as resuming
from gibbs.tasks import cluster

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.posterior.fit import Fit
    from gibbs.resuming.verify import Verified


def resume(
    run: str | os.PathLike[str],
    *,
    draws: int | None = None,
    until: Mapping[str, Any] | None = None,
    now: bool = False,
    cores: int | None = None,
    data: Any = None,
    progress: bool | None = None,
    on: Any = None,
) -> Fit:
    """Go on with a run that was broken off, or add draws to one that is over; its folder is written, and its Fit given.

    Parameters
    ----------
    run : the folder that the run was, or was to be, written to.
    draws : draws that every chain is to have in the end. until : how precise the run is to be, as of :func:`fit`. now : write what was
        drawn, and draw no more; the run can go on later. None of them: to the end that the run was begun with.
    cores : threads; never changes a draw. data : where they are not to be had from where the spec says; they must be the same.
    progress, on : as of :func:`fit`.

    The draws and the tables are those of a run that was never broken off. Warns as :func:`fit` does.

    Raises
    ------
    OutputError : no run, all checkpoints damaged, another process at work on it. SpecError : the run is at its end, and nothing more is
    asked for. DataError : the data are others.
    """
    with cluster.opened(on, cores) as hands, resuming.opened(run, resuming.Asked(draws, until, cores, data, now)) as going:
        for note in (*going.notes, *(hands.notes() if hands else ())):
            warnings.warn(note, UserWarning, stacklevel=2)
        pipeline.check_room(going.place, going.prepared)
        with signals.deferred():
            with display.display(progress) as show:
                fit = pipeline.draw(going.prepared, show, course=going.course, hands=hands)
            try:
                problems = pipeline.save(fit, going.place, course=going.course).problems
            except signals.Unwritten:
                problems = (f"{going.course.left()} The Fit has all that was drawn; fit.save(folder) writes it.",)
        for problem in (*pipeline.troubles(), *problems):
            warnings.warn(problem, UserWarning, stacklevel=2)
    fit.warn()
    return fit


def runs(folder: str | os.PathLike[str] | None = None) -> pd.DataFrame:
    """The runs in a folder (``runs``, or the current directory) with state (running, finished, interrupted, failed), age in seconds and
    verdict, newest first."""
    from gibbs.resuming import listing

    return listing.table(listing.runs(folder))


def verify(run: str | os.PathLike[str], data: Any = None, *, whole: bool = False) -> Verified:
    """Whether this machine reproduces a run: its data and versions are compared, and its first sweeps, or all, drawn again.

    ``found.same`` is the answer; ``print(found)`` says what was compared. Raises OutputError where the run or its data are not there.
    """
    from gibbs.resuming import verify as verifying

    return verifying.verify(run, data, whole=whole)

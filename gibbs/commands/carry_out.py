"""What ``gibbs run`` and ``gibbs resume`` do once all is settled: sample, write, show."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from gibbs import early, signals
from gibbs.errors import OutputError
from gibbs.terminal import complain, say_beside, say_words, show_summary

if TYPE_CHECKING:
    from gibbs.files.places import Place
    from gibbs.pipeline import Prepared, Saved
    from gibbs.posterior.fit import Fit
    from gibbs.resuming.course import Course
    from gibbs.tasks.cluster import Workers

DONE, NOT_TO_BE_TRUSTED, INTERRUPTED = 0, 1, early.EXIT_CODE


def carry_out(
    prepared: Prepared,
    place: Place,
    course: Course,
    *,
    quiet: bool,
    log: str | None,
    rescue: str | None,
    spec: str | None = None,
    hands: Workers | None = None,
) -> int:
    """Draw, write the run to ``place``, and say how it was; gives the exit code. log, rescue : as on the command line. hands : of --on."""
    from gibbs import pipeline, progress
    from gibbs.runlog import RunLog

    pipeline.check_room(place, prepared)
    course.hurried = True
    try:
        with nullcontext() if log is None else RunLog(log, spec=spec, folder=str(place.target)) as of_log:
            with signals.deferred():  # from here on there may be draws
                with progress.display(False if quiet else None) as show:
                    fit = pipeline.draw(prepared, progress.together(show, of_log.update if of_log else None), course=course, hands=hands)
                saved = pipeline.save(fit, place, course=course, rescue=rescue)
            trusted = saved.tables and pipeline.trusted(fit)
            code = DONE if trusted and not saved.problems else NOT_TO_BE_TRUSTED
            if of_log:
                verdict = fit.convergence.as_dict() if saved.tables else None
                of_log.write("written", folder=str(saved.folder), stopped=fit.arrays.stopped, convergence=verdict, exit_code=code)
    except signals.Unwritten:
        complain(course.left())
        return INTERRUPTED
    except KeyboardInterrupt:
        if not course.waits():
            raise
        complain(f"interrupted before every chain had a draw; gibbs resume '{place.target}' goes on from the last checkpoint")
        return INTERRUPTED
    for trouble in (*pipeline.troubles(), *saved.problems):
        say_beside(f"warning: {trouble}")
    if not quiet:
        _show(fit, saved)
    elif saved.tables and not trusted:
        say_beside(f"warning: {fit.verdict}")
    return code


def _show(fit: Fit, saved: Saved) -> None:
    """The summary and the place of the run, which is written already: what cannot be shown is not lost."""
    written = saved.folder
    try:
        if saved.tables:
            show_summary(fit)
        else:
            chains, draws = fit.arrays.beta.shape[:2]
            say_words(f"Sampling {fit.arrays.stopped or 'done'}: {chains} chains of {draws:,} draws each.")
        say_words(f"\nWritten to {written}: {', '.join(sorted(file.name for file in written.iterdir()))}")
        if fit.arrays.stopped == "interrupted":
            say_words(f"gibbs resume '{written}' goes on with it.")
    except OutputError as error:
        say_beside(f"warning: {error} The run is in {written}.")

"""``gibbs simulate-study SPEC``: what a design can show, by data simulated from it and fitted."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gibbs import early
from gibbs.commands import spec_arguments
from gibbs.commands.sbc import counter
from gibbs.terminal import complain, say_beside, whole_number

if TYPE_CHECKING:
    from gibbs.calibration.fitted import Fitted
    from gibbs.calibration.study_folder import Journal
    from gibbs.files.places import Place
    from gibbs.pipeline import Prepared
    from gibbs.tasks.cluster import Workers

SUMMARY = """\
A design study: data sets simulated from a spec's model, at the spec's own predictors and groups, each fitted; and for every parameter bias,
root mean squared error, coverage of 50 % and 95 % intervals, their width, and power (the share of 95 % intervals without 0), each with its
Monte Carlo error. --at states parameter values, by the names of tables; the others come from their priors, anew in each data set.
Writes performance.csv, estimates.csv (a row a data set and parameter) and verdict.txt. A study that is broken off goes on where it was when
the same command is given again, and one that is there goes on to more data sets. Exit code 0: done; 1: more than 5 % of the fits failed or
have not converged; 2: the spec, the data or the values are wrong; 130: stopped, and what was fitted is kept."""


def value(text: str) -> tuple[str, float]:
    """``NAME=NUMBER``."""
    name, equals, number = text.rpartition("=")
    try:
        return name.strip() if equals and name.strip() else float(""), float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=NUMBER, such as b_x=0.5") from None


def arguments(parser: argparse.ArgumentParser) -> None:
    spec_arguments.arguments(parser)
    parser.add_argument("--datasets", metavar="N", type=whole_number(1), default=100, help="data sets to simulate and fit (100)")
    parser.add_argument(
        "--at",
        metavar="NAME=VALUE",
        type=value,
        action="append",
        default=[],
        help="a parameter at a value, as often as wanted: b_x=0.3, sd_g__Intercept=0.5, cor_g__Intercept__x=0.2, sigma=1",
    )
    spec_arguments.simulated(parser, "studies", "another study")


def run(arguments: argparse.Namespace) -> int:
    from pathlib import Path

    from gibbs import pipeline
    from gibbs.calibration import study, study_folder
    from gibbs.commands.usage import UsageError

    at = dict(arguments.at)
    if len(at) < len(arguments.at):
        raise UsageError("a parameter is stated twice.", where="--at")
    spec = spec_arguments.load(arguments, cores=None)
    folder = Path(arguments.out) if arguments.out else Path("studies") / pipeline.name_of(spec)
    prepared = pipeline.prepare(spec)
    study.Stated.of(at, prepared.design)  # refused before a folder is made
    without_seed = study_folder.identity(prepared, at, arguments.rows, seed=False)
    if spec.sampling.seed != spec_arguments.load(arguments, cores=None).sampling.seed:  # nobody has said one
        seed = study_folder.seed_of(folder, without_seed)
        if seed is not None and not arguments.force:
            prepared = study_folder.with_seed(prepared, seed)
    who = study_folder.identity(prepared, at, arguments.rows)
    seed = prepared.spec.sampling.seed or 0
    with (
        spec_arguments.workers(arguments, arguments.cores) as hands,
        study_folder.reserved(folder, who, without_seed, seed, force=arguments.force) as (place, journal),
    ):
        for note in place.notes:
            say_beside(f"note: {note}")
        return _carry_out(arguments, prepared, at, hands, place, journal, who, without_seed)


def _carry_out(
    arguments: argparse.Namespace,
    prepared: Prepared,
    at: dict[str, float],
    hands: Workers | None,
    place: Place,
    journal: Journal,
    who: str,
    without_seed: str,
) -> int:
    """Fit what is not there, write, show; gives the exit code."""
    from gibbs import pipeline, signals
    from gibbs.calibration import study, study_folder
    from gibbs.terminal import say, say_words

    there = len([one for one in journal.done if one.number <= arguments.datasets])
    if there and not arguments.quiet:
        say_beside(f"note: {there} of {arguments.datasets} data sets were fitted before.")
    fitted = list(journal.done)
    try:
        with signals.deferred(), counter(not arguments.quiet) as show:

            def received(one: Fitted) -> None:
                journal.add(one)
                fitted.append(one)
                if show is not None:
                    show(len(fitted), arguments.datasets)

            sizes = {"data_sets": arguments.datasets, "rows": arguments.rows, "cores": arguments.cores}
            found = study.study(prepared, at=at, done=journal.done, received=received, hands=hands, **sizes)
    except KeyboardInterrupt:
        complain(f"interrupted; {len(fitted)} of {arguments.datasets} data sets are kept, and the same command goes on with the rest")
        return early.EXIT_CODE
    with signals.deferred():
        if len(found.fits) < len({one.number for one in fitted}):  # fewer were asked for than there are: none is lost
            found = study.with_all(found, fitted)
        written, problems = place.fill_somewhere(
            study_folder.writer(found.contents(), who, without_seed), otherwise="The journal has all of it."
        )
        if not problems:
            journal.over()
    for trouble in (*pipeline.troubles(), *problems):
        say_beside(f"warning: {trouble}")
    if not arguments.quiet:
        say(str(found))
        say_words(f"\nWritten to {written}: {', '.join(sorted(file.name for file in written.iterdir()))}")
    elif not found.ok:
        say_beside(f"warning: {found.verdict.splitlines()[-1].strip()}")
    return 0 if found.ok and not problems else 1

"""``gibbs sbc SPEC``: is what the sampler draws the posterior of this model?"""

from __future__ import annotations

import argparse

from gibbs.commands import spec_arguments
from gibbs.terminal import whole_number

SUMMARY = """\
Simulation-based calibration of a spec's model: parameters from the spec's own priors, data from the parameters at the spec's own
predictors and groups, a fit to each data set, and the rank of every truth among its draws, which is uniform if the sampler is right.
Every prior must be proper; default scales are worked out from the data once. Writes ranks.csv, quantities.csv, ranks.png and
verdict.txt. Exit code 0: calibrated; 1: not, or broken off; 2: the spec or the data are wrong."""


def arguments(parser: argparse.ArgumentParser) -> None:
    positive = whole_number(1)
    spec_arguments.arguments(parser)
    parser.add_argument("--replicates", metavar="N", type=positive, default=200, help="data sets to simulate and fit (200)")
    spec_arguments.simulated(parser, "sbc", "the calibration")


def run(arguments: argparse.Namespace) -> int:
    from pathlib import Path

    from gibbs import pipeline, signals
    from gibbs.calibration import folder as folders
    from gibbs.calibration import sbc
    from gibbs.terminal import say_beside, say_words

    spec = spec_arguments.load(arguments, cores=None)
    folder = Path(arguments.out) if arguments.out else Path("sbc") / pipeline.name_of(spec)
    with spec_arguments.workers(arguments, arguments.cores) as hands, folders.reserved(folder, force=arguments.force) as place:
        for note in place.notes:
            say_beside(f"note: {note}")
        prepared = pipeline.prepare(spec)
        with signals.deferred():
            with counter(not arguments.quiet) as show:
                sizes = {"replicates": arguments.replicates, "rows": arguments.rows, "cores": arguments.cores}
                found = sbc.calibrate(prepared, **sizes, progress=show, hands=hands)
            written, problems = place.fill_somewhere(folders.writer(found.contents()), otherwise="The calibration is lost.")
    for trouble in (*pipeline.troubles(), *problems):
        say_beside(f"warning: {trouble}")
    if not arguments.quiet:
        say_words((written / "verdict.txt").read_text(encoding="utf-8").rstrip())
        say_words(f"\nWritten to {written}: {', '.join(sorted(file.name for file in written.iterdir()))}")
    elif not found.ok:
        say_beside(f"warning: {found.verdict.splitlines()[-1].strip()}")
    return 0 if found.ok and not found.stopped and not problems else 1


def counter(wanted: bool):
    """A context that gives the function that shows how many data sets are done: a bar where there is a terminal."""
    import sys
    from contextlib import contextmanager, nullcontext

    if not wanted or not sys.stderr.isatty():
        return nullcontext(None)

    @contextmanager
    def bar():
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as shown:
            task = shown.add_task("data sets", total=None)
            yield lambda done, asked: shown.update(task, completed=done, total=asked)

    return bar()

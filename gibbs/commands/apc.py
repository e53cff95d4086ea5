"""``gibbs apc RUN``: what is estimable of age, period and cohort together."""

from __future__ import annotations

import argparse

from gibbs.commands.run_arguments import check_csv, run_argument, write_csv
from gibbs.terminal import share

SUMMARY = """\
Age, period and cohort: net drift, local drifts, deviations from the straight line and curvatures, which are the same whatever splits the
trends; with --constraint also the curves, under the constraint that one of the three has no trend."""


def arguments(parser: argparse.ArgumentParser) -> None:
    run_argument(parser)
    for axis in ("age", "period", "cohort"):
        parser.add_argument(f"--{axis}", metavar="G", default=axis, help=f"the grouping factor of {axis}")
    parser.add_argument("--constraint", choices=("age", "period", "cohort"), help="set the trend of this one to zero, and say so")
    parser.add_argument("--plot", metavar="FILE", help="the picture: three curves with bands, and the ridge (.png, .pdf, .svg)")
    parser.add_argument("--level", metavar="P", type=share, default=0.95, help="probability of the intervals (0.95)")
    parser.add_argument("--csv", metavar="FILE", help="write the table to a file as well")
    parser.add_argument("--force", action="store_true", help="replace the files")


def run(arguments: argparse.Namespace) -> int:
    from pathlib import Path

    from gibbs import plots
    from gibbs.files import tablefile
    from gibbs.posterior.fit import load
    from gibbs.terminal import say, say_words

    check_csv(arguments)
    if arguments.plot:
        plots.module("canvas").check_path(arguments.plot, force=arguments.force)
    fit = load(arguments.run)
    names = arguments.age, arguments.period, arguments.cohort
    found = fit.apc(*names, constraint=arguments.constraint, level=arguments.level)
    say_words(f"{found.title}: {found.outcome}, on the scale of the linear predictor")
    say(tablefile.text(found.table.round(4)))
    for text in found.sentences:
        say_words(f"\n{text}")
    write_csv(found.table, arguments)
    if arguments.plot:
        plots.module("canvas").save(found.plot(), Path(arguments.plot))
        say(f"\nWritten to {arguments.plot}")
    return 0

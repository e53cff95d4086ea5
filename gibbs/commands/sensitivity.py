"""``gibbs sensitivity RUN``: how much the priors matter."""

from __future__ import annotations

import argparse

from gibbs.commands import spec_arguments
from gibbs.commands.run_arguments import check_csv, csv_arguments, run_argument, write_csv

SUMMARY = """\
Say how much each parameter moves where all priors, or the data, count a little more or less (power-scaling by importance weights:
nothing is drawn anew), and which priors move it most. With --rerun: fit the model again under three other priors of the sds of its
factors with few levels (30 or fewer, or --group), and print the posteriors side by side."""


def arguments(parser: argparse.ArgumentParser) -> None:
    run_argument(parser)
    parser.add_argument("--rerun", action="store_true", help="fit the model again under other priors of sds")
    parser.add_argument("--group", metavar="G", help="with --rerun: the sds of this grouping factor, however many levels it has")
    parser.add_argument("--picture", metavar="FILE", help="with --rerun: draw the posteriors side by side: .png, .pdf or .svg")
    spec_arguments.on(parser, "with --rerun: chains are")
    csv_arguments(parser, "write the table to a file as well", force="replace the files")


def run(arguments: argparse.Namespace) -> int:
    from gibbs.calibration import alternatives
    from gibbs.commands.usage import UsageError
    from gibbs.files import tablefile
    from gibbs.posterior.fit import load
    from gibbs.terminal import say, say_beside, say_words

    if not arguments.rerun and (arguments.group or arguments.picture or arguments.on is not None):
        raise UsageError("--group, --picture and --on are of --rerun.", where="sensitivity")
    check_csv(arguments)
    if arguments.picture:
        from gibbs import plots

        plots.module("canvas").check_path(arguments.picture, force=arguments.force)
    fit = load(arguments.run)
    if not arguments.rerun:
        sensitivity = fit.prior_sensitivity()
        say(tablefile.text(sensitivity.table))
        say_words(f"\n{sensitivity.sentence}")
        write_csv(sensitivity.table, arguments)
        return 0
    with spec_arguments.workers(arguments, fit.spec.sampling.cores) as hands:
        found = alternatives.rerun(fit, arguments.group, lambda name: say_beside(f"fitting with {name} priors of the sds"), hands=hands)
    say_words("Posterior means (standard deviations) under other priors of the sds; largest shift: in posterior sds")
    say(tablefile.text(found.wide))
    for sentence in ("", *found.sentences):
        say_words(sentence)
    if arguments.picture:
        found.plot(path=arguments.picture, force=arguments.force)
        say(f"\nWritten to {arguments.picture}")
    write_csv(found.table, arguments)
    return 0

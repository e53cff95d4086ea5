"""``gibbs prior SPEC``: what the priors expect before the data speak, beside the data."""

from __future__ import annotations

import argparse

from gibbs.commands import spec_arguments
from gibbs.commands.run_arguments import check_csv, csv_arguments, write_csv

SUMMARY = """\
Simulate data sets from the priors of a spec, and print what they expect of the outcome beside what the data are: means, spreads,
extremes, and how far groups lie apart. Nothing is fitted."""


def arguments(parser: argparse.ArgumentParser) -> None:
    from gibbs.terminal import whole_number

    spec_arguments.arguments(parser)
    parser.add_argument("--data-sets", metavar="N", type=whole_number(20), default=500, help="data sets to simulate (500)")
    parser.add_argument("--seed", metavar="N", type=whole_number(0), help="seed of the random numbers (the spec's own)")
    parser.add_argument("--picture", metavar="FILE", help="draw a panel a statistic: .png, .pdf or .svg")
    csv_arguments(parser, force="replace the files")


def run(arguments: argparse.Namespace) -> int:
    from gibbs import pipeline
    from gibbs.calibration import prior_predictive
    from gibbs.files import tablefile
    from gibbs.terminal import say, say_words

    check_csv(arguments)
    if arguments.picture:
        from gibbs import plots

        plots.module("canvas").check_path(arguments.picture, force=arguments.force)
    for flag in ("chains", "warmup", "draws", "until", "cores", "scheme"):
        setattr(arguments, flag, None)  # of sampling, which there is none of
    spec = spec_arguments.load(arguments)
    prepared = pipeline.prepare(spec)
    found = prior_predictive.expect(prepared.design, arguments.data_sets, spec.sampling.seed, spec.title)
    say(tablefile.text(found.table))
    say_words(f"\nq2.5 … q97.5: what the priors expect; below: the share of data sets below the data.\n{found.sentence}")
    if arguments.picture:
        found.plot(path=arguments.picture, force=arguments.force)
        say(f"\nWritten to {arguments.picture}")
    write_csv(found.table, arguments)
    return 0

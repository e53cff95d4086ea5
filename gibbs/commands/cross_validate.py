"""``gibbs cross-validate SPEC --by GROUP``: how well a model predicts groups that it has not seen, by fits without them."""

from __future__ import annotations

import argparse

from gibbs.commands import spec_arguments
from gibbs.commands.run_arguments import check_csv, csv_arguments, write_csv
from gibbs.terminal import whole_number

SUMMARY = """\
Cross-validation by group: the levels of a grouping factor are dealt into folds, the model is fitted without each of them, and asked how
probable their rows are, with their effects integrated out. gibbs compare --group estimates the same from one fit, by importance weights;
this needs no weights to be well behaved, and a fit a fold. Exit code 0: all fits have converged; 1: not; 2: spec or data are wrong."""


def arguments(parser: argparse.ArgumentParser) -> None:
    spec_arguments.arguments(parser)
    parser.add_argument("--by", metavar="GROUP", required=True, help="the grouping factor whose levels are left out")
    parser.add_argument("--folds", metavar="K", type=whole_number(2), help="folds (10); as many as there are levels: one by one")
    spec_arguments.sampling(parser, cores="fits at a time; never changes a number")
    spec_arguments.on(parser, "fits are")
    csv_arguments(parser, "write elpd level by level to a file")
    parser.add_argument("--quiet", action="store_true", help="print nothing but warnings and errors")


def run(arguments: argparse.Namespace) -> int:
    from gibbs import pipeline, signals
    from gibbs.calibration import cross_validation
    from gibbs.commands.sbc import counter
    from gibbs.terminal import say_beside, say_words

    check_csv(arguments)
    spec = spec_arguments.load(arguments, cores=None)
    prepared = pipeline.prepare(spec)
    with spec_arguments.workers(arguments, arguments.cores) as hands, signals.deferred(), counter(not arguments.quiet) as show:
        sizes = {"folds": arguments.folds, "cores": arguments.cores}
        found = cross_validation.validate(prepared, arguments.by, **sizes, progress=show, hands=hands)
    for trouble in pipeline.troubles():
        say_beside(f"warning: {trouble}")
    if not arguments.quiet:
        say_words(str(found))
    elif not found.ok:
        say_beside(f"warning: {str(found).splitlines()[-1]}")
    write_csv(found.table(), arguments)
    return 0 if found.ok else 1

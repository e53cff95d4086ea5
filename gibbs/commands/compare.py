"""``gibbs compare RUN RUN …``: which model predicts better."""

from __future__ import annotations

import argparse

from gibbs.commands.run_arguments import check_csv, csv_arguments, write_csv
from gibbs.terminal import whole_number

SUMMARY = (
    "Compare runs by how well they predict: expected log predictive density, its differences and their standard errors.\n"
    "For rows in known groups, or with --group for new groups, the group's effects integrated out. One run alone prints its criterion."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", nargs="+", help="folders that gibbs run has written")
    parser.add_argument("--criterion", metavar="C", default="loo", help="loo (the default), waic or dic")
    parser.add_argument("--group", metavar="G", help="predict new levels of this grouping factor, not new rows in known ones")
    parser.add_argument("--draws", metavar="N", type=whole_number(1), help="use about so many draws of each run (all)")
    csv_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from gibbs.commands.usage import UsageError
    from gibbs.criticism.comparison import compare, run_names
    from gibbs.posterior.fit import load
    from gibbs.terminal import say_words

    if len(set(arguments.run)) < len(arguments.run):
        raise UsageError("a run is named twice.", where="gibbs compare")
    check_csv(arguments)
    fits = dict(zip(run_names(arguments.run), (load(folder) for folder in arguments.run), strict=True))
    found = compare(fits, criterion=arguments.criterion, group=arguments.group, draws=arguments.draws)
    say_words(repr(found) if len(fits) > 1 else repr(next(iter(found.criteria.values()))))
    write_csv(found.table, arguments, index=True)
    return 0

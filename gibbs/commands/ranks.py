"""``gibbs ranks RUN GROUP``: who is first, and how surely."""

from __future__ import annotations

import argparse

from gibbs.commands.run_arguments import check_csv, csv_arguments, run_argument, write_csv
from gibbs.terminal import share

SUMMARY = (
    "Ranks of the levels of a grouping factor by their effects, with their uncertainty: mean rank, its interval, the probability of being\n"
    "first (p_best) and of being better than the average level (p_above)."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    run_argument(parser)
    parser.add_argument("group", metavar="GROUP", help="the grouping factor")
    parser.add_argument("--term", metavar="T", help="the effect to rank by (Intercept)")
    parser.add_argument("--lowest", action="store_true", help="rank 1 is the lowest effect, not the highest")
    parser.add_argument("--level", metavar="P", type=share, default=0.95, help="of the interval of a rank (0.95)")
    csv_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from gibbs.columns import of_numbers
    from gibbs.posterior.fit import load
    from gibbs.terminal import say

    check_csv(arguments)
    best = "lowest" if arguments.lowest else "highest"
    found = load(arguments.run).ranks(arguments.group, arguments.term, best=best, level=arguments.level)
    say(of_numbers(found))
    write_csv(found, arguments, index=True)
    return 0

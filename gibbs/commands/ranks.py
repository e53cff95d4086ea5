"""``gibbs ranks RUN GROUP``: who is first, and how surely."""

from __future__ import annotations

import argparse

from gibbs.terminal import share

SUMMARY = (
    "Ranks of the levels of a grouping factor by their effects, with their uncertainty: mean rank, its interval, the probability of being\n"
    "first (p_best) and of being better than the average level (p_above)."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a folder that gibbs run has written")
    parser.add_argument("group", metavar="GROUP", help="the grouping factor")
    parser.add_argument("--term", metavar="T", help="the effect to rank by (Intercept)")
    parser.add_argument("--lowest", action="store_true", help="rank 1 is the lowest effect, not the highest")
    parser.add_argument("--level", metavar="P", type=share, default=0.95, help="of the interval of a rank (0.95)")
    parser.add_argument("--csv", metavar="FILE", help="write the table to a file as well")
    parser.add_argument("--force", action="store_true", help="replace the file")


def run(arguments: argparse.Namespace) -> int:
    from gibbs.columns import of_numbers
    from gibbs.files import spreadsheet
    from gibbs.files.textfile import check_free, write_text
    from gibbs.posterior.fit import load
    from gibbs.terminal import say

    if arguments.csv:
        check_free(arguments.csv, force=arguments.force)
    best = "lowest" if arguments.lowest else "highest"
    found = load(arguments.run).ranks(arguments.group, arguments.term, best=best, level=arguments.level)
    say(of_numbers(found))
    if arguments.csv:
        say(f"\nWritten to {write_text(arguments.csv, spreadsheet.to_csv(found, float_format='%.8g'), force=arguments.force)}")
    return 0

"""``gibbs hypothesis RUN "b_x < 0" …``: how probable statements about parameters are."""

from __future__ import annotations

import argparse

from gibbs.terminal import share

SUMMARY = (
    'What the draws say of statements and contrasts, such as "b_x < 0", "b_x - b_z" or "sd_g__Intercept > 2 * sd_h__Intercept".\n'
    "Names are those of gibbs summary; random effects are r_g[level,term]; odd names stand in `backticks`."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a folder that gibbs run has written")
    parser.add_argument("hypothesis", metavar="HYPOTHESIS", nargs="+", help="in quotation marks")
    parser.add_argument("--level", metavar="P", type=share, default=0.95, help="of the interval (0.95)")
    parser.add_argument("--csv", metavar="FILE", help="write the table to a file as well")
    parser.add_argument("--force", action="store_true", help="replace the file")


def run(arguments: argparse.Namespace) -> int:
    from gibbs.columns import of_numbers
    from gibbs.files import spreadsheet
    from gibbs.files.textfile import check_free, write_text
    from gibbs.posterior.fit import load
    from gibbs.terminal import say, say_words

    if arguments.csv:
        check_free(arguments.csv, force=arguments.force)
    found = load(arguments.run).hypothesis(arguments.hypothesis, level=arguments.level)
    say(of_numbers(found))
    say_words(
        f"\nestimate: posterior mean of left − right, with its {100 * arguments.level:g} % interval; probability: that the statement "
        "holds, of an expression that it is above 0; mcse: Monte Carlo error of that; evidence_ratio: probability / (1 − probability)."
    )
    if arguments.csv:
        say(f"\nWritten to {write_text(arguments.csv, spreadsheet.to_csv(found, float_format='%.8g'), force=arguments.force)}")
    return 0

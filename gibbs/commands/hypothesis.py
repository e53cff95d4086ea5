"""``gibbs hypothesis RUN "b_x < 0" …``: how probable statements about parameters are."""

from __future__ import annotations

import argparse

from gibbs.commands.run_arguments import check_csv, csv_arguments, run_argument, write_csv
from gibbs.terminal import share

SUMMARY = (
    'What the draws say of statements and contrasts, such as "b_x < 0", "b_x - b_z" or "sd_g__Intercept > 2 * sd_h__Intercept".\n'
    "Names are those of gibbs summary; random effects are r_g[level,term]; odd names stand in `backticks`."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    run_argument(parser)
    parser.add_argument("hypothesis", metavar="HYPOTHESIS", nargs="+", help="in quotation marks")
    parser.add_argument("--level", metavar="P", type=share, default=0.95, help="of the interval (0.95)")
    csv_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from gibbs.columns import of_numbers
    from gibbs.posterior.fit import load
    from gibbs.terminal import say, say_words

    check_csv(arguments)
    found = load(arguments.run).hypothesis(arguments.hypothesis, level=arguments.level)
    say(of_numbers(found))
    say_words(
        f"\nestimate: posterior mean of left − right, with its {100 * arguments.level:g} % interval; probability: that the statement "
        "holds, of an expression that it is above 0; mcse: Monte Carlo error of that; evidence_ratio: probability / (1 − probability)."
    )
    write_csv(found, arguments, index=True)
    return 0

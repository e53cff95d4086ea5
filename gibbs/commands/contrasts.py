"""``gibbs contrasts RUN X``: the values of a predictor compared two by two, as differences or ratios."""

from __future__ import annotations

import argparse

from gibbs.commands.effects import grid_arguments, table_arguments
from gibbs.commands.run_arguments import check_csv, run_argument, write_csv

SUMMARY = """\
Compare the values of a predictor two by two: differences of the expected outcome (probabilities, counts, means), or with --exp odds
ratios (link logit), rate ratios (log), hazard ratios (cloglog); for each value of a second predictor where --by names one."""


def arguments(parser: argparse.ArgumentParser) -> None:
    run_argument(parser)
    parser.add_argument("predictor", metavar="X", help="a predictor, by its column in the data")
    parser.add_argument("--by", metavar="Z", help="a second predictor: the comparisons at each of its values")
    parser.add_argument("--against", metavar="VALUE", help="compare with this value alone")
    parser.add_argument("--exp", action="store_true", help="ratios: exp of differences of the linear predictor")
    grid_arguments(parser)
    table_arguments(parser, "the table")


def run(arguments: argparse.Namespace) -> int:
    from gibbs.commands.effects import values_of
    from gibbs.files import tablefile
    from gibbs.posterior.fit import load
    from gibbs.predictions.newdata import groups_from_text
    from gibbs.terminal import say, say_words

    check_csv(arguments)
    fit = load(arguments.run)
    found = fit.contrasts(
        arguments.predictor,
        arguments.by,
        against=arguments.against,
        exp=arguments.exp,
        at=values_of(fit, arguments.at),
        others=arguments.others,
        groups=groups_from_text(arguments.groups or "population"),
        level=arguments.level,
        seed=arguments.seed,
        max_draws=arguments.draws,
    )
    say_words(f"{found.title} ({found.caption})" if found.caption else found.title)
    say(tablefile.text(found.table, (arguments.by or "",)))
    mean = "exp of the posterior mean difference" if arguments.exp else "posterior mean"
    say_words(f"\nmean: {mean}; p_above: the probability that it is above {1 if arguments.exp else 0}.")
    write_csv(found.table, arguments)
    return 0

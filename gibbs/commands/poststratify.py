"""``gibbs poststratify RUN FRAME --weight N --by province``: averages over the cells of a population."""

from __future__ import annotations

import argparse

SUMMARY = "Average the expected outcome over the cells of a population, by area and over all."


def arguments(parser: argparse.ArgumentParser) -> None:
    from gibbs.commands.predict import new_levels_argument, output_arguments
    from gibbs.terminal import whole_number

    parser.add_argument("run", metavar="RUN", help="a folder that gibbs run has written")
    parser.add_argument("frame", metavar="FRAME", help="the cells: CSV, Parquet, Stata or SPSS, with the columns of the model")
    parser.add_argument("--weight", metavar="COLUMN", required=True, help="the column with the number of people in each cell")
    parser.add_argument(
        "--by", metavar="COLUMN", nargs="+", default=[], help="the columns that name the areas; none: only the average of all"
    )
    parser.add_argument(
        "--for",
        dest="groups",
        metavar="GROUPS",
        default="new",
        help="new (default: groups the fit has not seen are drawn), known (they are an error), 'all new', population, typical",
    )
    new_levels_argument(parser)
    output_arguments(parser)
    parser.add_argument("--seed", metavar="N", type=whole_number(0), help="of new groups (the run's own)")


def run(arguments: argparse.Namespace) -> int:
    from gibbs.files import tablefile
    from gibbs.posterior.fit import load
    from gibbs.predictions.newdata import groups_from_text
    from gibbs.predictions.poststratify import poststratify
    from gibbs.terminal import say, say_beside

    probabilities = tablefile.interval(arguments.level)
    tablefile.check_free(arguments.out, force=arguments.force)
    by = [name for word in arguments.by for name in word.split(",") if name]
    found = poststratify(
        load(arguments.run),
        arguments.frame,
        arguments.weight,
        by,
        groups=groups_from_text(arguments.groups),
        new_levels=arguments.new_levels,
        probabilities=probabilities,
        seed=arguments.seed,
    )
    for note in found.notes:
        say_beside(f"warning: {note}")
    if arguments.out is None:
        say(tablefile.text(found.table))
    else:
        written = tablefile.write(found.table, arguments.out, force=arguments.force)
        say(f"Written to {written}: {len(found.table):,} rows")
    return 0

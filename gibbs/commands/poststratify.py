"""``gibbs poststratify RUN FRAME --weight N --by province``: averages over the cells of a population."""

from __future__ import annotations

import argparse

from gibbs.commands.run_arguments import out_arguments, rows_arguments, run_argument

SUMMARY = "Average the expected outcome over the cells of a population, by area and over all."


def arguments(parser: argparse.ArgumentParser) -> None:
    from gibbs.terminal import whole_number

    run_argument(parser)
    rows_arguments(parser, "frame", "the cells")
    parser.add_argument("--weight", metavar="COLUMN", required=True, help="the column with the number of people in each cell")
    parser.add_argument(
        "--by", metavar="COLUMN", nargs="+", default=[], help="the columns that name the areas; none: only the average of all"
    )
    parser.add_argument(
        "--for",
        dest="groups",
        metavar="GROUPS",
        default="new",
        help="which effects the groups of the cells have. new (default): those of the fit, and for a group that it has not seen one drawn "
        "from the model; known: the same, but such a group is an error; 'all new': every group is drawn, as of another population; "
        "population: the average over all groups there could be; typical: effects 0. Or factor by factor: state=known,year=new",
    )
    parser.add_argument("--minus", metavar="AREA", help="print differences from this area, or from '(all)', with P(>0)")
    parser.add_argument("--ranks", action="store_true", help="print the ranks of the areas, 1 the highest, with P(first) and P(last)")
    parser.add_argument(
        "--plot", metavar="FILE", help="write a picture: dots with intervals; over time where the last of two --by is a number"
    )
    parser.add_argument("--tiles", metavar="LAYOUT", help="make it a map of tiles: us, or a .csv with the columns area, row and column")
    out_arguments(parser)
    parser.add_argument("--seed", metavar="N", type=whole_number(0), help="of new groups (the run's own)")


def run(arguments: argparse.Namespace) -> int:
    from gibbs.commands.usage import UsageError
    from gibbs.files import tablefile
    from gibbs.posterior.fit import load
    from gibbs.predictions.newdata import groups_from_text
    from gibbs.predictions.poststratify import poststratify
    from gibbs.terminal import say, say_beside

    probabilities = tablefile.interval(arguments.level)
    tablefile.check_free(arguments.out, force=arguments.force)
    if arguments.minus is not None and arguments.ranks:
        raise UsageError("--minus and --ranks are two tables; ask for one at a time.", where="poststratify")
    if arguments.tiles is not None and arguments.plot is None:
        raise UsageError("--tiles is of the picture; name its file, --plot FILE.png.", where="poststratify")
    if arguments.plot is not None:
        from gibbs.plots import areas

        areas.check(arguments.plot, force=arguments.force)
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
    table = found.ranks() if arguments.ranks else found.table if arguments.minus is None else found.differences(arguments.minus)
    if arguments.plot is not None:  # before the table: what cannot be drawn leaves nothing behind
        found.plot(arguments.plot, tiles=arguments.tiles, force=arguments.force)
    if arguments.out is None:
        say(tablefile.text(table))
    else:
        written = tablefile.write(table, arguments.out, force=arguments.force)
        say(f"Written to {written}: {len(table):,} rows")
    if arguments.plot is not None:
        say(f"Written to {arguments.plot}")
    return 0

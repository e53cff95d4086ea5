"""``gibbs predict RUN NEW``: predictions for the rows of a file."""

from __future__ import annotations

import argparse

from gibbs.commands.run_arguments import out_arguments, rows_arguments, run_argument

SUMMARY = (
    "Predict the rows of a file: the linear predictor, the expected outcome, or new outcomes, for known groups, new ones, or on average."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    from gibbs.terminal import whole_number

    run_argument(parser)
    rows_arguments(parser, "new", "the rows to predict")
    parser.add_argument(
        "--for",
        dest="groups",
        metavar="GROUPS",
        default="known",
        help="known (default: a group the fit has not seen is an error), new (such groups are drawn), 'all new', population (the average "
        "over all groups), typical (effects 0); or factor by factor, province=new,year=population",
    )
    parser.add_argument(
        "--kind",
        metavar="KIND",
        default="expected",
        help="expected (default), linear or outcome (of precision weight 1 where NEW has no weights)",
    )
    out_arguments(parser)
    parser.add_argument("--seed", metavar="N", type=whole_number(0), help="of new groups and outcomes (the run's own)")


def run(arguments: argparse.Namespace) -> int:
    import pandas as pd

    from gibbs.files import tablefile
    from gibbs.posterior.fit import load
    from gibbs.predictions import newlevels
    from gibbs.predictions.newdata import groups_from_text, read
    from gibbs.predictions.predict import Predictor, answer, check_kind, named
    from gibbs.terminal import say, say_beside

    check_kind(arguments.kind)
    probabilities = tablefile.interval(arguments.level)
    tablefile.check_free(arguments.out, force=arguments.force)
    fit = load(arguments.run)
    newlevels.check(arguments.new_levels)
    stated = arguments.new_levels is not None
    groups = groups_from_text(arguments.groups)
    rows = read(fit, arguments.new, groups, allow_new=stated, outcomes=arguments.kind == "outcome", strict=not stated)
    for note in named(fit, rows, arguments.new_levels, arguments.new):
        say_beside(f"warning: {note}")
    table = answer(Predictor(fit, rows, arguments.kind, seed=arguments.seed), probabilities, draws=False)
    assert rows.table is not None
    beside = rows.table.drop(columns=list(table.columns), errors="ignore").loc[table.index]  # what was predicted from
    number = "row" if "row" not in beside else "row_number"
    table = pd.concat([beside.reset_index(names=number), table.reset_index(drop=True)], axis=1)
    if arguments.out is None:
        say(tablefile.text(table, tuple(map(str, beside.columns))))
    else:
        written = tablefile.write(table, arguments.out, force=arguments.force)
        say(f"Written to {written}: {len(table):,} rows")
    return 0

"""``gibbs coef RUN``: the coefficients of each level, fixed plus random, as lme4's coef()."""

from __future__ import annotations

import argparse
from typing import Any

from gibbs.commands.run_arguments import check_csv, csv_arguments, run_argument, write_csv
from gibbs.terminal import share

SUMMARY = """\
Print what each level of a grouping factor has: fixed effects plus the level's own, as coef() of lme4 (with --random what the level
adds alone, as ranef()). gibbs plot RUN coef draws α_j and β_j with the predictors of the level, gibbs se RUN prints standard errors."""


def arguments(parser: argparse.ArgumentParser) -> None:
    run_argument(parser)
    group_argument(parser)
    parser.add_argument("--random", action="store_true", help="what each level adds to the fixed effects, alone")
    parser.add_argument("--level", metavar="P", type=share, help="a row a coefficient, with its interval of this probability")
    csv_arguments(parser, "write all levels to a file, a row a coefficient")


def group_argument(parser: argparse.ArgumentParser) -> None:
    """One grouping factor, or all; ``se`` has it too, and ``chosen`` reads it."""
    parser.add_argument("group", metavar="GROUP", nargs="?", help="one grouping factor alone (all of them)")


def run(arguments: argparse.Namespace) -> int:
    from gibbs.posterior.fit import load
    from gibbs.terminal import say_words

    check_csv(arguments)
    fit = load(arguments.run)
    names = chosen(fit, arguments.group)
    long = arguments.level is not None or arguments.csv is not None
    tables = _long(fit, arguments.random, arguments.level or 0.95) if long else fit.ranef() if arguments.random else fit.coef()
    what = "what the level adds" if arguments.random else "fixed plus random"
    for k, name in enumerate(names):
        say_words(f"{chr(10) if k else ''}{name} ({len(_levels(fit, name)):,} levels): {what}, posterior means")
        shown(tables[name], long and arguments.level is not None)
    if arguments.csv:
        import pandas as pd

        write_csv(pd.concat([tables[n].assign(group=n)[["group", *tables[n].columns]] for n in names]), arguments)
    return 0


def chosen(fit: Any, group: str | None) -> list[str]:
    """The factors to print. SpecError for one that there is not, and where there is none."""
    from gibbs.commands.usage import UsageError
    from gibbs.errors import nearest

    known = [factor.name for factor in fit.outline.factors]
    if not known:
        raise UsageError("the model has no grouping factor: gibbs summary prints its coefficients.", where="group")
    if group is None:
        return known
    if group not in known:
        raise UsageError(f"there is no grouping factor '{group}'; there is {', '.join(known)}.{nearest(group, known)}", where="group")
    return [group]


def shown(table: Any, long: bool) -> None:
    """Print a table: levels × coefficients, or a row a coefficient."""
    from gibbs.files import tablefile
    from gibbs.terminal import say

    if "term" in table.columns and not long:
        table = table.pivot(index="level", columns="term", values="mean").loc[:, list(dict.fromkeys(table["term"]))]
        table = table.loc[list(dict.fromkeys(table.index))]
    say(tablefile.text(table if long else table.rename_axis(None, axis=1).reset_index(names="level")))


def _long(fit: Any, random: bool, level: float) -> dict[str, Any]:
    """A row a coefficient for each factor: level, term, mean, sd, ends of the interval."""
    if not random:
        return fit.coef(summary=True, level=level)
    table = fit.ranef(summary=True, level=level)
    return {name: part.drop(columns="group").reset_index(drop=True) for name, part in table.groupby("group", sort=False)}


def _levels(fit: Any, name: str) -> tuple[str, ...]:
    return next(f.levels for f in fit.outline.factors if f.name == name)

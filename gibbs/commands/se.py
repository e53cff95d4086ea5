"""``gibbs se RUN``: standard errors of the fixed and the random effects, as se.fixef() and se.ranef() of arm."""

from __future__ import annotations

import argparse

from gibbs.commands.coef import chosen, group_argument, shown
from gibbs.commands.run_arguments import check_csv, csv_arguments, run_argument, write_csv

SUMMARY = "Print standard errors (posterior standard deviations): of the fixed effects, and of each level's random effects."


def arguments(parser: argparse.ArgumentParser) -> None:
    run_argument(parser)
    group_argument(parser)
    csv_arguments(parser, "write them to a file: group, level, term, estimate, se")


def run(arguments: argparse.Namespace) -> int:
    import pandas as pd

    from gibbs.files import tablefile
    from gibbs.posterior.fit import load
    from gibbs.terminal import say, say_words

    check_csv(arguments)
    fit = load(arguments.run)
    names = chosen(fit, arguments.group) if arguments.group is not None or fit.outline.factors else []
    fixed = pd.DataFrame({"term": fit.fixef().index, "estimate": fit.fixef().to_numpy(), "se": fit.se_fixef().to_numpy()})
    if arguments.group is None:
        say_words("Fixed effects")
        say(tablefile.text(fixed))
    for name in names:
        gap = "" if arguments.group is not None else "\n"
        say_words(f"{gap}{name}: standard errors of the random effects")
        shown(fit.se_ranef()[name], False)
    if arguments.csv:
        effects = fit.ranef(summary=True).rename(columns={"mean": "estimate", "sd": "se"})
        effects = effects.loc[effects["group"].isin(names), ["group", "level", "term", "estimate", "se"]]
        parts = [effects] if arguments.group is not None else [fixed.assign(group="", level="")[effects.columns], effects]
        write_csv(pd.concat(parts), arguments)
    return 0

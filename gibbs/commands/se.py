"""``gibbs se RUN``: standard errors of the fixed and the random effects, as se.fixef() and se.ranef() of arm."""

from __future__ import annotations

import argparse

SUMMARY = "Print standard errors (posterior standard deviations): of the fixed effects, and of each level's random effects."


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a folder that gibbs run has written")
    parser.add_argument("group", metavar="GROUP", nargs="?", help="the random effects of one grouping factor alone")
    parser.add_argument("--csv", metavar="FILE", help="write them to a file: group, level, term, estimate, se")
    parser.add_argument("--force", action="store_true", help="replace the file")


def run(arguments: argparse.Namespace) -> int:
    import pandas as pd

    from gibbs.commands.coef import chosen, shown
    from gibbs.commands.effects import write_csv
    from gibbs.files import tablefile, textfile
    from gibbs.posterior.fit import load
    from gibbs.terminal import say, say_words

    if arguments.csv:
        textfile.check_free(arguments.csv, force=arguments.force)
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
        write_csv(pd.concat(parts), arguments.csv, force=arguments.force)
    return 0

"""``gibbs effects RUN X --by Z``: average marginal effects and predictions over a grid, as tables, CSV and a picture."""

from __future__ import annotations

import argparse
from typing import Any

from gibbs.commands.run_arguments import check_csv, csv_arguments, run_argument, write_csv
from gibbs.terminal import share, whole_number

SUMMARY = """\
What a predictor does to the expected outcome: its average marginal effect, and predictions over a grid of its values (probabilities,
expected counts, means), for each value of a second predictor where --by names one. Without a predictor: the marginal effects of all.
For categories, and numbers that are 0 or 1, the effect is the difference from the base; for other numbers the derivative dy/dx."""


def arguments(parser: argparse.ArgumentParser) -> None:
    run_argument(parser)
    parser.add_argument("predictor", metavar="X", nargs="?", help="a predictor, by its column in the data (all, where none is named)")
    parser.add_argument("--by", metavar="Z", help="a second predictor: effects and predictions at each of its values")
    grid_arguments(parser)
    parser.add_argument("--grid", metavar="N", type=whole_number(2), default=25, help="values of a number along the grid (25)")
    parser.add_argument("--picture", metavar="FILE", help="draw the predictions: .png, .pdf or .svg")
    table_arguments(parser, "the predictions (without X: the marginal effects)")


def grid_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the other predictors are, and which average over groups; ``contrasts`` has them too."""
    parser.add_argument(
        "--at", metavar="NAME=V", nargs="+", action="extend", default=[], help="values of a predictor: illiteracy=0.05,0.1 or sex=F"
    )
    parser.add_argument(
        "--others", metavar="WORD", default="typical", help="typical (numbers at means, categories at their base) or observed (averaged)"
    )
    parser.add_argument(
        "--for", dest="groups", metavar="GROUPS", help="population (average over all groups, the default), typical, known, new, 'all new'"
    )


def table_arguments(parser: argparse.ArgumentParser, what: str) -> None:
    """Level, draws, and where the table goes."""
    parser.add_argument("--level", metavar="P", type=share, default=0.95, help="probability of the intervals (0.95)")
    parser.add_argument("--draws", metavar="N", type=whole_number(1), help="use about so many draws (all)")
    parser.add_argument("--seed", metavar="N", type=whole_number(0), help="of new groups (the run's own)")
    csv_arguments(parser, f"write {what} to a file as well", force="replace the files")


def run(arguments: argparse.Namespace) -> int:
    from gibbs.commands.usage import UsageError
    from gibbs.files import tablefile
    from gibbs.posterior.fit import load
    from gibbs.predictions.effects import outcome_words
    from gibbs.predictions.newdata import groups_from_text
    from gibbs.terminal import say, say_words

    if arguments.predictor is None and (arguments.by or arguments.picture):
        raise UsageError("--by and --picture are of one predictor: gibbs effects RUN X --by Z.", where="effects")
    probabilities = tablefile.interval(arguments.level)
    check_csv(arguments)
    if arguments.picture:
        from gibbs import plots

        plots.module("canvas").check_path(arguments.picture, force=arguments.force)
    fit = load(arguments.run)
    at = values_of(fit, arguments.at)
    common = {"probabilities": probabilities, "seed": arguments.seed, "max_draws": arguments.draws}
    groups = {"groups": groups_from_text(arguments.groups)} if arguments.groups else {}
    averages = fit.ame(
        arguments.predictor, by=arguments.by, at={k: v for k, v in at.items() if k != arguments.predictor}, **groups, **common
    )
    say_words(
        f"Average marginal effects on {outcome_words(fit)}, over the rows of the data ({arguments.groups or 'each in its own group'})"
    )
    say(tablefile.text(averages, (arguments.by or "",)))
    table = averages
    if arguments.predictor is not None:
        found = fit.effects(arguments.predictor, arguments.by, at=at, others=arguments.others, grid=arguments.grid, **groups, **common)
        table = found.table
        say_words(f"\nPredictions of {found.outcome}" + (f" ({found.caption})" if found.caption else ""))
        say(tablefile.text(table, tuple(found.labels)))
        if arguments.picture:
            found.plot(path=arguments.picture, force=arguments.force, level=arguments.level)
            say(f"\nWritten to {arguments.picture}")
    write_csv(table, arguments)
    return 0


def values_of(fit: Any, words: list[str]) -> dict[str, Any]:
    """``["x=1,2", "sex=F"]`` as {"x": [1.0, 2.0], "sex": ["F"]}, of the kinds that the columns have; one value alone stands alone.

    SpecError for a word without "=", and for a value that is none of a category's.
    """
    from gibbs.commands.usage import UsageError
    from gibbs.errors import nearest
    from gibbs.predictions import effects

    found: dict[str, Any] = {}
    known = effects.predictors(fit)
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name.strip() or not text.strip():
            raise UsageError(f"values are written NAME=VALUE or NAME=VALUE,VALUE; found '{word}'.", where="--at")
        name, values = name.strip(), [v.strip() for v in text.split(",") if v.strip()]
        if name in known:
            x = effects.describe(fit, name)
            if x.labels:
                named = dict(zip(x.labels, x.values, strict=True))
                for value in values:
                    if value not in named:
                        raise UsageError(f"{name} has no value '{value}'; it has {', '.join(named)}.{nearest(value, named)}", where="--at")
                made: list[Any] = [named[value] for value in values]
            else:
                made = [_number(value, name) for value in values]
        else:
            made = [_number(v, name) if _is_number(v) and not _is_group(fit, name) else v for v in values]
        found[name] = made if len(made) > 1 else made[0]
    return found


def _is_group(fit: Any, name: str) -> bool:
    return any(name in factor.name.split(":") for factor in fit.outline.factors)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(text: str, name: str) -> float:
    from gibbs.commands.usage import UsageError

    if not _is_number(text) or float(text) != float(text) or abs(float(text)) == float("inf"):
        raise UsageError(f"{name} is a number; found '{text}'.", where="--at")
    return float(text)

"""``gibbs plot RUN KIND``: one picture of a run, written to a file."""

from __future__ import annotations

import argparse
from pathlib import Path

from gibbs.commands.run_arguments import parameters_argument, run_argument

SUMMARY = """Draw one picture of a run and write it to a file (RUN-KIND.png in the current directory, or --out).

kinds:
  ranef         effects of each level, sorted, with intervals: --factor --term --levels --page --sort
  coef          α_j and β_j: what each level has, with intervals: --factor --term --levels --page --sort
  groups        the line of each group with its points: --factor --predictor --levels --page
  level2        α_j and β_j against a predictor of the level: --factor --predictor --term
  effects       the expected outcome along a predictor: --predictor --by --others --for
  coefficients  fixed effects with intervals: --parameters --intercept --standardised --exp
  priors        prior against posterior of each parameter: --parameters
  trace         traces and ranks of the chains: --parameters
  ppc           what is predicted against what was observed: --statistic
  pareto_k      leave-one-out: how much each row is leant on: --group
  loo_pit       leave-one-out: outcomes in their predictions
  pairs         parameters two by two: --parameters
  time          effects over elections, cohorts, waves: --factor --term
  variance      each factor's share of the variance

Every kind has --level, --title, --width and --height."""

_OPTIONS = {
    "factor": "factor", "term": "term", "levels": "levels", "page": "page", "sort": "sort", "predictor": "predictor", "by": "by",
    "others": "others", "for": "groups", "parameters": "parameters", "intercept": "intercept", "standardised": "standardised", "exp": "exp",
    "statistic": "statistic", "group": "group",
}  # fmt: skip
"""Flag → the option of the picture."""


def arguments(parser: argparse.ArgumentParser) -> None:
    from gibbs.terminal import share, whole_number

    run_argument(parser)
    parser.add_argument("kind", metavar="KIND", help="the picture")
    parser.add_argument("--out", metavar="FILE", help="the file to write; its ending says how: .png, .pdf or .svg")
    parser.add_argument("--force", action="store_true", help="replace the file")
    parser.add_argument("--level", metavar="P", type=share, help="probability of the outer intervals (0.95)")
    parser.add_argument("--title", metavar="TEXT", help="another title; '' for none")
    parser.add_argument("--width", metavar="IN", type=_inches, help="inches across; with --height")
    parser.add_argument("--height", metavar="IN", type=_inches, help="inches down; with --width")
    parser.add_argument("--factor", metavar="G", help="the grouping factor")
    parser.add_argument("--term", metavar="X", help="the term that varies over it, such as Intercept")
    parser.add_argument("--predictor", metavar="X", help="groups, effects: the x of the lines; level2: the z of the level")
    parser.add_argument("--by", metavar="Z", help="effects: a line for each value of it")
    parser.add_argument("--others", metavar="WORD", help="effects: the other predictors typical (the default) or observed")
    parser.add_argument("--for", dest="for", metavar="GROUPS", help="effects: population (the default) or typical groups")
    parser.add_argument("--levels", metavar="L", nargs="+", action="extend", help="only these levels of the factor")
    parser.add_argument("--page", metavar="N", type=whole_number(1), help="which page of the levels")
    parser.add_argument("--sort", metavar="BY", help="effect (the default) or level")
    parameters_argument(parser, "names as in the summary; sd_* stands for all that begin so")
    parser.add_argument("--intercept", action="store_true", default=None, help="the intercept too")
    parser.add_argument("--standardised", action="store_true", default=None, help="each coefficient times the sd of its predictor")
    parser.add_argument(
        "--statistic",
        metavar="S",
        nargs="+",
        action="extend",
        help="ppc: mean, sd, q90, zeros, 'max - min' …, not what fits the family",
    )
    parser.add_argument("--group", metavar="G", help="pareto_k: leave out whole levels of this factor")
    parser.add_argument("--exp", action="store_true", default=None, help="odds, rate or hazard ratios, on a log axis")


def _inches(text: str) -> float:
    from gibbs.plots.asked import LARGEST, SMALLEST

    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not SMALLEST <= found <= LARGEST:
        raise argparse.ArgumentTypeError(f"'{text}' is no size; it is a number of inches from {SMALLEST:g} to {LARGEST:g}")
    return found


def run(arguments: argparse.Namespace) -> int:
    from gibbs import plots
    from gibbs.errors import PlotError
    from gibbs.posterior.fit import load
    from gibbs.terminal import say

    kind = arguments.kind
    plots.drawer(kind)
    given = {flag: getattr(arguments, flag) for flag in _OPTIONS if getattr(arguments, flag) is not None}
    for flag in given:
        if _OPTIONS[flag] not in plots.takes(kind):
            allowed = [f"--{known}" for known, option in _OPTIONS.items() if option in plots.takes(kind)]
            raise PlotError(f"{kind} has no option --{flag}; it has {', '.join([*allowed, '--level', '--title'])}.")
    if (arguments.width is None) != (arguments.height is None):
        raise PlotError("a size is two numbers: --width 6.5 --height 4.")
    size = None if arguments.width is None else (arguments.width, arguments.height)
    fit = load(arguments.run)
    path = arguments.out or f"{Path(arguments.run).resolve().name}-{kind}.png"
    options = {_OPTIONS[flag]: value for flag, value in given.items()}
    plots.picture(fit, kind, path=path, force=arguments.force, level=arguments.level, title=arguments.title, size=size, **options)
    say(f"Written to {path}")
    return 0

"""``gibbs plot RUN KIND``: one picture of a run, written to a file."""

from __future__ import annotations

import argparse
from pathlib import Path

SUMMARY = """Draw one picture of a run and write it to a file (RUN-KIND.png in the current directory, or --out).

kinds:
  ranef         effects of each level, sorted, with intervals      --factor --term --level --page --sort
  groups        the line of each group with its points             --factor --predictor --level --page
  coefficients  fixed effects with intervals                       --parameters --intercept --standardised
  priors        prior against posterior of each sd                 --parameters
  trace         traces and ranks of the chains                     --parameters
  ppc           what is predicted against what was observed
  time          effects over elections, cohorts, waves             --factor --term
  variance      each factor's share of the variance"""

_OPTIONS = {"factor": "factor", "term": "term", "level": "levels", "page": "page", "sort": "sort", "predictor": "predictor"} | {
    "parameters": "parameters",
    "intercept": "intercept",
    "standardised": "standardised",
}
"""Flag → the option of the picture."""


def arguments(parser: argparse.ArgumentParser) -> None:
    from gibbs.terminal import whole_number

    parser.add_argument("run", metavar="RUN", help="a folder that gibbs run has written")
    parser.add_argument("kind", metavar="KIND", help="the picture")
    parser.add_argument("--out", metavar="FILE", help="the file to write; its ending says how: .png, .pdf or .svg")
    parser.add_argument("--force", action="store_true", help="replace the file")
    parser.add_argument("--factor", metavar="G", help="the grouping factor")
    parser.add_argument("--term", metavar="X", help="the term that varies over it, such as Intercept")
    parser.add_argument("--predictor", metavar="X", help="the x of the groups' lines")
    parser.add_argument("--level", metavar="L", action="append", help="only this level; may be given several times")
    parser.add_argument("--page", metavar="N", type=whole_number(1), help="which page of the levels")
    parser.add_argument("--sort", metavar="BY", help="effect (the default) or level")
    parser.add_argument("--parameters", metavar="P", nargs="+", help="names as in the summary; sd_* stands for all that begin so")
    parser.add_argument("--intercept", action="store_true", default=None, help="the intercept too")
    parser.add_argument("--standardised", action="store_true", default=None, help="each coefficient times the sd of its predictor")


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
            raise PlotError(f"{kind} has no option --{flag}; it has {', '.join(allowed) or 'none'}.")
    fit = load(arguments.run)
    path = arguments.out or f"{Path(arguments.run).resolve().name}-{kind}.png"
    plots.picture(fit, kind, path=path, force=arguments.force, **{_OPTIONS[flag]: value for flag, value in given.items()})
    say(f"Written to {path}")
    return 0

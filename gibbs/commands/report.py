"""``gibbs report RUN``: everything about a run in one HTML file."""

from __future__ import annotations

import argparse
from pathlib import Path

from gibbs.commands.run_arguments import run_argument

SUMMARY = (
    "Write everything about a run as one HTML file that needs no network: the model in equations, the data, priors, results, pictures,\n"
    "convergence, and how to reproduce it. It is RUN/report.html unless --out names another."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    run_argument(parser)
    parser.add_argument("--out", metavar="FILE", help="the file to write")
    parser.add_argument("--force", action="store_true", help="replace the file")


def run(arguments: argparse.Namespace) -> int:
    from gibbs import report
    from gibbs.files import whole
    from gibbs.posterior.fit import load
    from gibbs.terminal import say

    path = arguments.out or Path(arguments.run) / report.NAME
    fit = load(arguments.run)
    whole.check_file(path, force=arguments.force)
    say(f"Written to {report.write(fit, path, force=arguments.force)}")
    return 0

"""``gibbs summary RUN``: the tables of a run."""

from __future__ import annotations

import argparse

SUMMARY = "Print the summary of a run."


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a folder that gibbs run has written")


def run(arguments: argparse.Namespace) -> int:
    from gibbs.posterior.fit import load
    from gibbs.terminal import show_summary

    show_summary(load(arguments.run))
    return 0

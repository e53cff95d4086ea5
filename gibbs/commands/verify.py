"""``gibbs verify RUN``: whether this machine reproduces a run."""

from __future__ import annotations

import argparse

from gibbs.commands.run_arguments import run_argument

SUMMARY = """\
Read the spec and the data of a run again, compare versions and data with those it was made with, draw its first sweeps anew, and say
whether this machine gives the same draws, bit for bit. Exit code 0: it does; 1: it does not."""


def arguments(parser: argparse.ArgumentParser) -> None:
    run_argument(parser)
    parser.add_argument("--data", metavar="FILE", help="the data, where they are no longer where the spec says")
    parser.add_argument("--whole", action="store_true", help="draw all of the run again, not the first sweeps alone")
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def run(arguments: argparse.Namespace) -> int:
    from gibbs import progress
    from gibbs.resuming import verify
    from gibbs.terminal import say_words

    with progress.display(False if arguments.quiet or not arguments.whole else None) as show:
        found = verify.verify(arguments.run, arguments.data, whole=arguments.whole, progress=show)
    say_words(str(found))
    return 0 if found.same else 1

"""``gibbs help TOPIC``: a page of the reference in the terminal."""

from __future__ import annotations

import argparse

from gibbs.reference import TOPICS

SUMMARY = "Print a page of the reference (of a command: gibbs COMMAND --help). The topics:\n\n" + "\n".join(
    f"  {name:<13} {words}" for name, words in TOPICS.items()
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("topic", metavar="TOPIC", nargs="?", help="one of these, or a command")


def run(arguments: argparse.Namespace) -> int:
    import sys

    from gibbs import cli, reference, wrap
    from gibbs.reference import markdown
    from gibbs.terminal import say

    width = wrap.width(sys.stdout, wrap.WIDEST)
    topic = arguments.topic
    if topic is None:
        say(wrap.help_text(SUMMARY, width))
    elif topic not in TOPICS and topic in (parsers := cli.commands()):
        parsers[topic].print_help()
    else:
        say(markdown.for_terminal(reference.page(topic), width).rstrip())
    return 0

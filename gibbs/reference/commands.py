"""The page of commands, from the parser of the command line."""

from __future__ import annotations

import argparse

from gibbs.reference.markdown import code, table


def page() -> str:
    """Every command with what it does, its words and its options."""
    from gibbs import cli

    lines = ["# Commands", "", "`gibbs COMMAND --help` prints the same. RUN is the folder of a run, SPEC a YAML file."]
    for name, parser in cli.commands().items():
        words = [str(a.metavar or a.dest) for a in parser._actions if not a.option_strings and a.help != argparse.SUPPRESS]
        about = " ".join(line.strip() for line in _paragraph(parser.description or ""))
        rows = [
            [code(", ".join(a.option_strings) + (f" {a.metavar}" if a.nargs != 0 and a.metavar else "")), " ".join((a.help or "").split())]
            for a in parser._actions
            if a.option_strings and a.help != argparse.SUPPRESS and "--help" not in a.option_strings
        ]
        lines += ["", f"## `{' '.join(['gibbs', name, *words])}`", "", about]
        if rows:
            lines += ["", table(["option", "what it does"], rows).rstrip()]
    return "\n".join(lines) + "\n"


def _paragraph(text: str) -> list[str]:
    """The lines of a description up to what is set in columns."""
    found: list[str] = []
    for line in text.splitlines():
        if line.startswith("  ") or line.rstrip().endswith("kinds:"):
            break
        found.append(line)
    return found

"""What the commands on a run share: the run, where a table goes, and writing it there. Those on a spec have ``spec_arguments``."""

from __future__ import annotations

import argparse
from typing import Any


def run_argument(parser: argparse.ArgumentParser) -> None:
    """RUN, before a command's own words."""
    parser.add_argument("run", metavar="RUN", help="a folder that gibbs run has written")


def csv_arguments(parser: argparse.ArgumentParser, what: str = "write the table to a file too", force: str = "replace the file") -> None:
    """--csv and --force, of the commands that print a table. See ``check_csv`` and ``write_csv``."""
    parser.add_argument("--csv", metavar="FILE", help=what)
    parser.add_argument("--force", action="store_true", help=force)


def check_csv(given: argparse.Namespace) -> None:
    """Before anything is computed: OutputError where the file of --csv is there and --force is not, or cannot be written."""
    from gibbs.files import textfile

    if given.csv:
        textfile.check_free(given.csv, force=given.force)


def write_csv(table: Any, given: argparse.Namespace, *, index: bool = False) -> None:
    """Write a table where --csv says, and say so."""
    from gibbs.files import spreadsheet, textfile
    from gibbs.terminal import say

    if given.csv:
        written = textfile.write_text(given.csv, spreadsheet.to_csv(table, index=index, float_format="%.8g"), force=given.force)
        say(f"\nWritten to {written}")


def parameters_argument(parser: argparse.ArgumentParser, what: str) -> None:
    """--parameters NAME …, which may be given more than once."""
    parser.add_argument("--parameters", metavar="NAME", nargs="+", action="extend", help=what)


def rows_arguments(parser: argparse.ArgumentParser, name: str, what: str) -> None:
    """NAME, a table of rows with the columns of the model; and what becomes of levels that the fit has not seen."""
    parser.add_argument(
        name, metavar=name.upper(), help=f"{what}, with the columns of the model: a table of any kind that data are read from"
    )
    parser.add_argument(
        "--new-levels",
        metavar="WORD",
        help="draw or error: levels of a grouping factor that the fit has not seen are drawn, and named on standard error, or refused",
    )


def out_arguments(parser: argparse.ArgumentParser) -> None:
    """--level, --out and --force, of the commands whose table is printed or written."""
    parser.add_argument("--level", metavar="P", type=float, default=0.95, help="probability of the intervals (0.95)")
    parser.add_argument("--out", metavar="FILE", help="write a .csv or .parquet file in place of printing")
    parser.add_argument("--force", action="store_true", help="replace the file if it is there")

"""``python -m benchmarks``: run a grid, show its table, draw its picture, install the peers."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(prog="python -m benchmarks", description="Time this package and others on the same problems.")
    commands = top.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="carry out a grid; rows that its results have already are not run again")
    run.add_argument("grid", type=Path)
    run.add_argument("--only", nargs="+", default=[], metavar="WORD", help="problems, engines, or problem/engine")
    run.add_argument("--out", type=Path, help="results, CSV (benchmarks/runs/NAME-OF-THE-GRID.csv)")
    run.add_argument("--again", action="store_true", help="run what the results have already once more, as further rows")
    run.add_argument("--keep", type=Path, metavar="DIR", help="leave problems and jobs there, to be looked into")
    table = commands.add_parser("table", help="results as a table in Markdown")
    table.add_argument("results", type=Path, nargs="+")
    plot = commands.add_parser("plot", help="seconds to an effective size of 400 of every parameter against rows, all engines")
    plot.add_argument("results", type=Path, nargs="+")
    plot.add_argument("--out", type=Path, default=Path("benchmarks/runs/speed.png"))
    page = commands.add_parser("page", help="table and picture into the page of the suite, benchmarks/README.md")
    page.add_argument("results", type=Path, nargs="+")
    setup = commands.add_parser("setup", help="install the peers that the registries have; say which are missing")
    setup.add_argument("--dry-run", action="store_true", help="only say what is there and what is missing")
    guard = commands.add_parser("guard", help="carry out a small grid and compare its ratios with their limits; exit code 1 below one")
    guard.add_argument("grid", type=Path, nargs="?", default=Path(__file__).parent / "grids" / "guard.yaml")
    commands.add_parser("list", help="problems and engines")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done; 1 a ratio below its limit; 2 the grid or the results are wrong."""
    from benchmarks.suite import commands
    from benchmarks.suite.grid import GridError
    from benchmarks.suite.results import ResultsError

    asked = parser().parse_args(argv)
    try:
        return getattr(commands, asked.command)(asked)
    except (GridError, ResultsError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the rows that were done are in the results.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGINT):  # also where a shell ignores Ctrl-C: what runs is ended, and what is done is kept
        signal.signal(number, signal.default_int_handler)
    sys.exit(main())

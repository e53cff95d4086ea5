"""What each command of ``python -m benchmarks`` does."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from benchmarks.suite import machine

say = partial(print, flush=True)


def run(asked: argparse.Namespace) -> int:
    """Carry out a grid."""
    from benchmarks.suite import grid
    from benchmarks.suite.run import run as carry_out

    out = asked.out or machine.ROOT / "benchmarks" / "runs" / f"{asked.grid.stem}.csv"
    rows = carry_out(grid.load(asked.grid, tuple(asked.only)), out, say=say, again=asked.again, keep=asked.keep)
    say(f"{len(rows)} rows; all of them are in {_shown(out)}.")
    return 0


def list(asked: argparse.Namespace) -> int:
    """Problems with their sizes; engines with their versions, or what they lack."""
    from benchmarks.suite import setup
    from benchmarks.suite.problems import PROBLEMS

    say("Problems")
    for problem in PROBLEMS.values():
        sizes = ", ".join(f"{n:,}" for n in problem.sizes) or problem.data
        say(f"  {problem.name:<14}{problem.title:<42}{sizes}\n  {'':<14}{problem.formula}")
    say("\nEngines")
    return setup.report(say)


def _shown(path: Path) -> str:
    return path.resolve().relative_to(machine.ROOT).as_posix() if path.resolve().is_relative_to(machine.ROOT) else str(path)


def table(asked: argparse.Namespace) -> int:
    """The table on standard output."""
    from benchmarks.suite import results
    from benchmarks.suite.table import table as of_rows

    say(of_rows(results.read(asked.results)))
    return 0


def plot(asked: argparse.Namespace) -> int:
    """The picture."""
    from benchmarks.suite import picture, results

    say(f"{_shown(picture.draw(results.read(asked.results), asked.out))} is written.")
    return 0


def page(asked: argparse.Namespace) -> int:
    """Table and picture into the page of the suite."""
    from benchmarks.suite import picture, results
    from benchmarks.suite.table import table as of_rows

    rows = results.read(asked.results)
    path = machine.ROOT / "benchmarks" / "README.md"
    before, mark, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (mark and end):
        raise results.ResultsError(f"{_shown(path)} has no part between {BEGIN} and {END}.")
    picture.draw(rows, machine.ROOT / "benchmarks" / "results" / "speed.png")
    path.write_text(f"{before}{BEGIN}\n\n{of_rows(rows)}\n\n{END}{after}", encoding="utf-8")
    say(f"{_shown(path)} and its picture are written.")
    return 0


BEGIN, END = "<!-- results -->", "<!-- end of results -->"


def setup(asked: argparse.Namespace) -> int:
    """The peers."""
    from benchmarks.suite.setup import install

    return install(say, dry=asked.dry_run)


def guard(asked: argparse.Namespace) -> int:
    """Ratios of a small grid against their limits."""
    from benchmarks.suite import grid
    from benchmarks.suite.guard import check

    return check(grid.load(asked.grid), say)

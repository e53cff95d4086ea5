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
    """Table and picture into the page of the suite; seconds against rows, table and picture, into the front page."""
    from benchmarks.suite import picture, results
    from benchmarks.suite.table import brief, grown
    from benchmarks.suite.table import table as of_rows

    rows, folder = results.read(asked.results), machine.ROOT / "benchmarks"
    picture.draw(rows, folder / "results" / "speed.png")
    pages = [(folder / "README.md", "results", of_rows(rows))]
    if grown(rows):
        picture.draw(grown(rows), folder / "results" / "rows.png")
        pages.append((machine.ROOT / "README.md", "speed", brief(grown(rows))))
    for path, mark, text in pages:
        _put(path, mark, text)
        say(f"{_shown(path)} and its picture are written.")
    return 0


def _put(path: Path, mark: str, text: str) -> None:
    """``text`` between the two marks of a page. Raises ResultsError where it has none."""
    from benchmarks.suite.results import ResultsError

    begin, last = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    before, found, rest = path.read_text(encoding="utf-8").partition(begin)
    _, end, after = rest.partition(last)
    if not (found and end):
        raise ResultsError(f"{_shown(path)} has no part between {begin} and {last}.")
    path.write_text(f"{before}{begin}\n\n{text}\n\n{last}{after}", encoding="utf-8")


def setup(asked: argparse.Namespace) -> int:
    """The peers."""
    from benchmarks.suite.setup import install

    return install(say, dry=asked.dry_run)


def guard(asked: argparse.Namespace) -> int:
    """Ratios of a small grid against their limits."""
    from benchmarks.suite import grid
    from benchmarks.suite.guard import check

    return check(grid.load(asked.grid), say)

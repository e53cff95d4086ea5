"""The picture: seconds until every parameter has an effective size of 400, against rows, a panel a problem and a line an engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.engines.record import NULL, POINT
from benchmarks.engines.registry import ENGINES
from benchmarks.suite import results
from benchmarks.suite.results import number
from benchmarks.suite.table import Line, label, lines, title

LIMIT_MARK, WRONG_MARK, POINT_MARK = "^", "X", "_"


def seconds(line: Line) -> tuple[float, str]:
    """(where an engine stands on one table, its mark): to ESS 400; of points the whole fit; of those that ran out of time the limit."""
    if line.good:
        if line.good[0]["gives"] == POINT:
            return line.median("setup_s") + line.median("sampling_s"), POINT_MARK
        return line.median("s_to_400"), WRONG_MARK if any(run["agreement"] == "DIFFERS" for run in line.good) else "o"
    if any(run["status"] == results.LIMIT for run in line.runs):
        return max(number(run["wall_s"]) for run in line.runs), LIMIT_MARK
    return float("nan"), ""


def draw(rows: Sequence[dict[str, str]], out: Path) -> Path:
    """Write the picture; its format is that of the name. Raises ResultsError where there is nothing to show."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = [line for line in lines(rows) if (line.good or line.runs)]
    shown = [line for line in found if not (line.good and line.good[0]["gives"] == NULL) and math.isfinite(seconds(line)[0])]
    if not shown:
        raise results.ResultsError("there is no row with a time to show.")
    problems = list(dict.fromkeys(line.problem for line in shown))
    engines = [name for name in ENGINES if any(line.engine == name for line in shown)]
    columns = min(3, len(problems))
    deep = math.ceil(len(problems) / columns)
    figure, axes = pyplot.subplots(deep, columns, figsize=(max(8.4, 4.2 * columns), 3.2 * deep + 1.6), squeeze=False, sharey=True)
    colours = {name: f"C{k % 10}" if name != "gibbs" else "black" for k, name in enumerate(engines)}
    for axis, problem in zip(axes.flat, problems, strict=False):
        for name in engines:
            _one(axis, [line for line in shown if line.problem == problem and line.engine == name], name, colours[name])
        axis.set(xscale="log", yscale="log", title=title(problem), xlabel="rows")
        axis.grid(alpha=0.3)
        axis.margins(x=0.25)
    for axis in axes.flat[len(problems) :]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel("seconds to ESS 400 of everything")
    handles = [pyplot.Line2D([], [], color=colours[n], marker="o", lw=3 if n == "gibbs" else 1.2, label=label(n)) for n in engines]
    figure.legend(handles=handles, loc="lower center", ncols=min(3, len(handles)), frameon=False, fontsize=8)
    days = sorted({row["date"][:10] for row in rows})
    marks = "^ ran out of time, X another posterior, _ point estimate"
    figure.suptitle(f"Set-up, compiling, warm-up and sampling, one core; {days[-1]}\n{marks}", fontsize=9)
    figure.tight_layout(rect=(0, 0.04 + 0.05 * math.ceil(len(handles) / 3) / deep, 1, 1))
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)
    pyplot.close(figure)
    return out


def _one(axis: Any, of_engine: list[Line], name: str, colour: str) -> None:
    """The points of one engine in one panel."""
    points = []
    for line in of_engine:
        used = next((number(run["used_rows"]) for run in line.runs if run["used_rows"]), float(line.rows))
        points.append((used, *seconds(line)))
    points.sort()
    if points:
        axis.plot([x for x, _, _ in points], [y for _, y, _ in points], color=colour, lw=2.5 if name == "gibbs" else 1.0, alpha=0.8)
    for x, y, mark in points:
        axis.plot([x], [y], mark, color=colour, ms=9 if mark in (LIMIT_MARK, WRONG_MARK, POINT_MARK) else 5)

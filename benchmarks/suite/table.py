"""Results as a table in Markdown: a line for every problem, size and engine, medians with ranges over the repeats."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.engines.record import NULL, POINT
from benchmarks.engines.registry import ENGINES, NO_ADAPTOR
from benchmarks.suite import results
from benchmarks.suite.results import number

HEAD = (
    "engine",
    "ESS/s",
    "ours ×",
    "s to ESS 400",
    "set-up + compile + warm-up, s",
    "least ESS of draws (worst)",
    "median ESS",
    "MB",
    "posterior",
)
OURS = "gibbs"


@dataclass(frozen=True)
class Line:
    """The repeats of one engine on one table."""

    problem: str
    rows: int
    engine: str
    runs: tuple[dict[str, str], ...]

    @property
    def good(self) -> tuple[dict[str, str], ...]:
        return tuple(run for run in self.runs if run["status"] == results.OK)

    def values(self, column: str) -> list[float]:
        """A column of the runs that were measured."""
        return [x for run in self.good if not math.isnan(x := number(run[column]))]

    def median(self, column: str) -> float:
        found = self.values(column)
        return statistics.median(found) if found else float("nan")


def lines(rows: Iterable[dict[str, str]]) -> list[Line]:
    """Rows by problem, size and engine, problems in the order in which they were met, engines in that of the registry."""
    groups: dict[tuple[str, int, str], list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault((row["problem"], int(row["rows"]), row["engine"]), []).append(row)
    problems = list(dict.fromkeys(key[0] for key in groups))
    order = {name: place for place, name in enumerate(ENGINES)}
    keys = sorted(groups, key=lambda key: (problems.index(key[0]), key[1], order.get(key[2], len(order))))
    return [Line(*key, tuple(_latest(groups[key]))) for key in keys]


def _latest(runs: list[dict[str, str]]) -> list[dict[str, str]]:
    """Of missing engines that were there later only the later."""
    there = [run for run in runs if run["status"] != results.MISSING]
    return there or runs[-1:]


def table(rows: Sequence[dict[str, str]]) -> str:
    """Markdown: a heading and a table for every problem and size, then what was run where."""
    if not rows:
        return "No rows."
    found, text, every = lines(rows), [], {}
    for line in found:
        every.setdefault((line.problem, line.rows), []).append(line)
    for (problem, size), of_table in every.items():
        used = next((run["used_rows"] for line in of_table for run in line.runs if run["used_rows"]), str(size))
        levels = next((run["levels"] for line in of_table for run in line.runs if run["levels"]), "")
        text += [f"### {title(problem)}: {int(used):,} rows" + (f", {int(levels):,} levels" if levels else ""), ""]
        text += ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
        ours = next((line for line in of_table if line.engine == OURS), None)
        text += ["| " + " | ".join(_cells(line, ours)) + " |" for line in of_table]
        text.append("")
    return "\n".join([*text, *_where(rows)])


def grown(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """The rows of those problems that were run in several sizes."""
    sizes: dict[str, set[str]] = {}
    for row in rows:
        sizes.setdefault(row["problem"], set()).add(row["rows"])
    return [row for row in rows if len(sizes[row["problem"]]) > 1]


def brief(rows: Sequence[dict[str, str]]) -> str:
    """Markdown: a line for every problem and size, a column for every engine: seconds until every parameter has an effective size of 400,
    of a point estimate those of the fit."""
    found = [line for line in lines(rows) if line.good and line.good[0]["gives"] != NULL]
    engines = [name for name in ENGINES if any(line.engine == name for line in found)]
    by = {(line.problem, line.rows, line.engine): line for line in found}
    text = ["| model | rows | " + " | ".join(label(name) for name in engines) + " |", "|" + "---|" * (len(engines) + 2)]
    for problem, size in dict.fromkeys((line.problem, line.rows) for line in found):
        cells = [_seconds(by[problem, size, name]) if (problem, size, name) in by else "" for name in engines]
        text.append(f"| {title(problem)} | {size:,} | " + " | ".join(cells) + " |")
    loads = sorted(float(row["load"]) for row in rows if row["load"])
    days = sorted({row["date"][:10] for row in rows})
    machines = "; ".join(dict.fromkeys(row["machine"] for row in rows))
    middle = f"{statistics.median(loads):.0f} process{'es' * (statistics.median(loads) != 1)} wanted a processor meanwhile"
    return "\n".join([*text, "", f"{days[-1]}, {machines}; {middle}."])


def _seconds(line: Line) -> str:
    """Of one engine on one table, for ``brief``."""
    if line.good[0]["gives"] == POINT:
        return short(line.median("setup_s") + line.median("sampling_s"))
    worst = {run["agreement"] for run in line.good}
    return short(line.median("s_to_400")) + (" (another posterior)" if "DIFFERS" in worst else "")


def title(problem: str) -> str:
    from benchmarks.suite.problems import PROBLEMS

    return PROBLEMS[problem].title if problem in PROBLEMS else problem


def label(engine: str) -> str:
    return ENGINES[engine].label if engine in ENGINES else engine


def _cells(line: Line, ours: Line | None) -> list[str]:
    good = line.good
    if not good:
        run = line.runs[-1]
        status = f"{run['status']}: {run['note']}" if run["note"] else run["status"]
        return [label(line.engine), "", "", f"> {_limit(run)}" if run["status"] == results.LIMIT else "", "", "", "", "", status]
    gives = good[0]["gives"]
    if gives == POINT:
        seconds = f"fit {spread([s + t for s, t in zip(line.values('setup_s'), line.values('sampling_s'), strict=True)])}"
        return [label(line.engine), "", "", seconds, "", "", "", spread(line.values("peak_mb")), _verdict(line)]
    before = [sum(number(run[f"{stage}_s"]) for stage in ("setup", "compile", "warmup")) for run in good]
    least = [min(number(run["bulk_least"]), number(run["tail_least"])) for run in good]
    worst = good[least.index(min(least))]
    of = worst["bulk_least_of"] if number(worst["bulk_least"]) <= number(worst["tail_least"]) else worst["tail_least_of"]
    times = "" if ours is None or line is ours or gives == NULL else ratio(ours.median("ess_per_s"), line.median("ess_per_s"))
    return [
        label(line.engine),
        spread(line.values("ess_per_s")),
        times,
        spread(line.values("s_to_400")),
        spread(before),
        f"{min(least):,.0f} of {int(worst['kept']):,} (`{of}`)",
        spread(line.values("bulk_median")),
        spread(line.values("peak_mb")),
        "" if gives == NULL else _verdict(line),
    ]


def _limit(run: dict[str, str]) -> str:
    return run["note"].removeprefix("ended after ").removesuffix(" s") + " s"


def _verdict(line: Line) -> str:
    """The worst of the repeats in a word; notes and differing priors behind it."""
    order = ("DIFFERS", "too few draws to tell", "other priors", "agrees", "point estimate", "")
    worst = min(line.good, key=lambda run: order.index(run["agreement"]) if run["agreement"] in order else len(order))
    said = f"**{worst['agreement']}**" if worst["agreement"] == "DIFFERS" else worst["agreement"]
    if worst["agreement"] in ("DIFFERS", "other priors"):
        said += f": {worst['differs_most']}" + (f" by {worst['z']} errors" if worst["z"] else "")
    elif worst["agreement"] == "point estimate":
        said += f": {worst['differs_most']}"
    bad = [run for run in line.runs if run["status"] != results.OK]
    notes = dict.fromkeys(run["note"] for run in line.good if run["note"])
    short_of = f"{len(bad)} of {len(line.runs)}: {bad[0]['status']}" if bad else ""
    return "; ".join(x for x in (said, *notes, short_of) if x)


def spread(values: Sequence[float]) -> str:
    """The median, and least and most where there are several."""
    if not values:
        return ""
    middle, least, most = short(statistics.median(values)), short(min(values)), short(max(values))
    return middle if least == most else f"{middle} ({least}–{most})"


def short(value: float) -> str:
    """Three digits, thousands with commas."""
    if not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def ratio(a: float, b: float) -> str:
    """a/b in two or three digits."""
    return short(float(f"{a / b:.2g}")) if b > 0 and math.isfinite(a / b) else ""


def _where(rows: Sequence[dict[str, str]]) -> list[str]:
    """What ran where and when, and the versions."""
    days = sorted({row["date"][:10] for row in rows})
    loads = sorted(float(row["load"]) for row in rows if row["load"])
    machines = "; ".join(dict.fromkeys(row["machine"] for row in rows))
    text = [
        f"Run {days[0]}" + (f" to {days[-1]}" if days[-1] != days[0] else "") + f" on {machines}.",
        f"Processes that wanted a processor meanwhile: {statistics.median(loads):.0f} ({loads[0]:.0f}–{loads[-1]:.0f}).",
        "",
        "Versions: " + "; ".join(dict.fromkeys(row["versions"] for row in rows if row["versions"])) + ".",
    ]
    missing = {f"{label(row['engine'])} ({row['note']})": None for row in rows if row["status"] == results.MISSING}
    differing = {f"{label(row['engine'])}: {row['priors']}": None for row in rows if row["priors"] and row["status"] == results.OK}
    missing |= {f"{name} ({reason})": None for name, reason in NO_ADAPTOR.items()}
    text += ["", "Missing: " + "; ".join(missing) + "."]
    if differing:
        text += ["", "Priors as stated, but for: " + "; ".join(differing) + "."]
    return text

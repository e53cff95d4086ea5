"""Effective draws a second where decisions read single rows, and where they pass over all: ``python -m benchmarks.single_rows``.

An age-period-cohort model of a binary outcome, or of counts, with four predictors, two of them normal, so that nearly no row repeats: 12
elections, 20 cohorts, 37 location effects; coefficients N(0, 10²), sds by default. One chain of ``--draws`` draws after 400 of warm-up,
processor time of its thread; the least bulk and tail ESS over all coefficients, effects and log sds. Passes are measured up to ``--passes``
rows, with a tenth of the draws.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

WARMUP = 400
MODEL = "turnout ~ age + female + educ + pid + (1 | election) + (1 | cohort)"


def people(rows: int, family: str, seed: int = 2) -> pd.DataFrame:
    """Simulated rows."""
    rng = np.random.default_rng(seed)
    election, cohort = rng.integers(0, 12, rows), rng.integers(0, 20, rows)
    of_election, of_cohort = rng.normal(0.0, 0.25, 12), rng.normal(0.0, 0.35, 20)
    table = pd.DataFrame({"age": rng.normal(size=rows), "female": (rng.random(rows) < 0.5) * 1.0, "educ": rng.integers(1, 8, rows) / 4.0})
    table["pid"] = rng.normal(size=rows)
    eta = 0.4 + table.to_numpy() @ [0.3, -0.2, 0.25, 0.1] + of_election[election] + of_cohort[cohort]
    if family == "cloglog":  # P(E < e^η) = 1 − e^{−e^η}
        noise = -np.log(rng.standard_exponential(rows))
    elif family == "poisson":
        return table.assign(election=election + 1, cohort=cohort + 1, turnout=rng.poisson(np.exp(eta - 1.0)))
    else:
        noise = rng.normal(size=rows) if family == "probit" else rng.logistic(size=rows)
    return table.assign(election=election + 1, cohort=cohort + 1, turnout=(eta + noise > 0).astype(int))


@dataclass(frozen=True)
class Line:
    """One row of the table."""

    rows: int
    family: str
    how: str
    start: float  # seconds until the first draw
    sweep: float  # microseconds
    accepted: float
    read: float  # rows a decision
    least: float  # effective draws a second

    def __str__(self) -> str:
        cells = (f"{self.rows:,}", self.family, self.how, f"{self.start:.1f}", f"{self.sweep:,.0f}", f"{self.accepted:.1%}")
        return f"| {' | '.join(cells)} | {self.read:,.1f} | {self.least:,.0f} |"


def measure(rows: int, family: str, decided: int | None, draws: int) -> Line:
    """``decided``: order of the expansion; None: as the plan says; 0: by passes."""
    import gibbs
    from gibbs.draws import diagnostics
    from gibbs.model import by_group
    from gibbs.sampling.chains import kind_of
    from gibbs.sampling.pack import pack

    named = {"family": "binomial", "link": "cloglog"} if family == "cloglog" else {"family": family}
    formula = MODEL.replace("turnout", "turnout | trials(1)", 1) if family == "cloglog" else MODEL
    report = gibbs.check(formula, people(rows, family), scheme="second-order", priors={"b": "normal(0, 10)"}, **named)
    seen, plan = by_group.arrange(report.design), report.plan
    plan = plan if decided is None else replace(plan, decided=decided)
    packed = pack(seen, plan)
    kind_of(packed)(0, np.random.SeedSequence(1), packed, seen, WARMUP).advance(1)  # compiled before, as everything but the first run is
    began = time.process_time()
    chain = kind_of(packed)(0, np.random.SeedSequence(1), packed, seen, WARMUP)
    start = time.process_time() - began
    began = time.process_time()
    while chain.done < WARMUP:
        chain.advance(50)
    start += time.process_time() - began
    began = time.process_time()
    while chain.done < WARMUP + draws:
        chain.advance(200)
    seconds = time.process_time() - began
    out, moves = chain.draws(), chain.counts.moves
    values = np.concatenate([out["beta"], out["u"], np.log(out["L"])], axis=1)[None]
    least = min(diagnostics.ess_bulk(values).min(), diagnostics.ess_tail(values).min())
    tried = max(int(moves.core_tried.sum()), 1)
    how = f"factors, order {plan.decided}" if plan.decided else "passes"
    return Line(
        rows, family, how, start, 1e6 * seconds / draws, moves.core_accepted.sum() / tried,
        moves.rows_read.sum() / tried if plan.decided else float(rows), least / seconds,
    )  # fmt: skip


def text(lines: list[Line], draws: int) -> str:
    """The page."""
    import os
    import platform

    titles = "rows", "family", "decisions", "start, s", "µs a sweep", "accepted", "rows a decision", "least effective draws a second"
    head = f"| {' | '.join(titles)} |\n{'|---' * len(titles)}|"
    load = ", ".join(f"{x:.0f}" for x in os.getloadavg())
    return (
        "# Decisions that read single rows\n\n"
        "`python -m benchmarks.single_rows --write benchmarks/single_rows.md`: an age-period-cohort model of a binary outcome or of\n"
        "counts, simulated (seed 2), predictors of which nearly no row repeats, 37 location effects (12 elections, 20 cohorts,\n"
        f"5 coefficients). One chain (seed 1), {draws:,} draws, by passes a tenth, after {WARMUP} of warm-up; processor time of one\n"
        "thread. Start: from packed rows to the first draw, warm-up included (the first line also loads compiled code). Effective\n"
        "draws: the least of bulk and tail over all coefficients, effects and log sds.\n\n"
        + "\n".join([head, *map(str, lines)])
        + f"\n\n{time.strftime('%d %B %Y').lstrip('0')}; {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; "
        f"load of the machine over 1, 5, 15 minutes at the end: {load}.\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", type=float, default=[1e4, 1e5, 1e6])
    parser.add_argument("--families", nargs="+", default=["probit", "logit", "cloglog", "poisson"])
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--passes", type=float, default=1e5, help="rows up to which passes are measured too")
    parser.add_argument("--write", type=Path, help="the page to write")
    options = parser.parse_args()
    lines = []
    for family in options.families:
        for rows in map(int, options.rows):
            lines.append(measure(rows, family, None, options.draws))
            print(lines[-1], flush=True)
            if rows <= options.passes:
                lines.append(measure(rows, family, 0, options.draws // 10))
                print(lines[-1], flush=True)
    if options.write:
        options.write.write_text(text(lines, options.draws), encoding="utf-8")


if __name__ == "__main__":
    main()

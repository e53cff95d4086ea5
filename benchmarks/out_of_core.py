"""Rows that stay on disk: seconds and memory from the shell to written results, on simulated Parquet files.

    python -m benchmarks.out_of_core --rows 1e6 1e7 1e8 --folder FOLDER --write benchmarks/out_of_core.md

FOLDER holds the files, and keeps them for another run; it is best on a disk with 2 GB free for 10⁸ rows. Every run is a process of its own,
``gibbs run`` to precision (every ESS ≥ 1,000); its peak of memory and its seconds of processor time are those that the system counted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

FILES = 10
PROBLEMS = {
    "m5": """\
family: gaussian
formula: approval ~ indigenous * illiteracy + (1 + indigenous | province)
""",
    "apc": """\
family: probit
formula: turnout ~ age + gender + education + union + (1 | election) + (1 | cohort)
""",
}
SAMPLING = "sampling: {chains: 4, seed: 2012, until: {ess: 1000, max_seconds: 600}}\n"
ROWS = {
    "m5": """
SELECT (4 + 3 * z + 0.8 * sin(12.9898 * p) + x * (0.5 - 2 * z + 0.3 * cos(78.233 * p)) + 2 * e)::DOUBLE AS approval,
       x::TINYINT AS indigenous, z::DOUBLE AS illiteracy, (20000 + p)::INT AS province
FROM (SELECT p, 0.02 + 0.12 * (hash(p) % 1000) / 1000.0 AS z, (u < 0.3)::INT AS x, sqrt(-2 * ln(1 - v)) * cos(2 * pi() * w) AS e
      FROM (SELECT (random() * 195)::INT % 195 AS p, random() AS u, random() AS v, random() AS w FROM range({rows})))""",
    "apc": """
SELECT (u < 1 / (1 + exp(-1.702 * eta)))::TINYINT AS turnout, age::DOUBLE AS age, if(f = 1, 'female', 'male') AS gender,
       education::TINYINT AS education, uni::TINYINT AS "union", election::SMALLINT AS election, cohort::SMALLINT AS cohort
FROM (SELECT *, -0.2 + 0.15 * age - 0.04 * age * age + 0.1 * f + 0.2 * education + 0.3 * uni
                + 0.2 * sin(3.1 * t) + 0.15 * cos(0.7 * cohort) AS eta
      FROM (SELECT t, 1964 + 4 * t AS election, years // 10 - 4.5 AS age, (a < 0.5)::INT AS f, (b * 5)::INT % 5 - 2 AS education,
                   (c < 0.2)::INT AS uni, ((1964 + 4 * t - years) // 5) * 5 AS cohort, u
            FROM (SELECT (random() * 12)::INT % 12 AS t, 20 + (random() * 60)::INT AS years, random() AS a, random() AS b, random() AS c,
                         random() AS u FROM range({rows}))))""",
}


def simulate(problem: str, rows: int, folder: Path) -> None:
    """Parquet files in ``folder``; nothing where they are there."""
    import duckdb

    if folder.is_dir():
        return
    half = folder.with_name(folder.name + ".half")
    half.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.sql("SELECT setseed(0.4)").fetchall()
        connection.execute("SET preserve_insertion_order = false")
        for k in range(FILES):
            select = ROWS[problem].format(rows=rows // FILES)
            connection.execute(f"COPY ({select}) TO '{half / f'part{k:02d}.parquet'}' (FORMAT parquet, ROW_GROUP_SIZE 1000000)")
    half.rename(folder)


def run(problem: str, data: Path, place: Path) -> dict[str, float | str]:
    """One run from the shell to written results."""
    spec, out = place / f"{problem}.yaml", place / "run"
    spec.write_text(f"data: {data}/*.parquet\n{PROBLEMS[problem]}{SAMPLING}")
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    code = (
        "import resource, sys; from gibbs.cli import main; code = main(sys.argv[1:]); "
        "print('PEAK', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "run", str(spec), "--out", str(out), "--force", "--quiet"], capture_output=True, text=True, check=False
    )
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stderr)
    peak = next(int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("PEAK"))
    manifest = json.loads((out / "manifest.json").read_text())
    import pandas as pd

    table = pd.read_csv(out / "summary.csv")
    timings = manifest["timings"]
    return {
        "seconds": seconds,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "read": timings["read"],
        "rest": seconds - timings["read"],
        "peak": peak * (1 if sys.platform == "darwin" else 1024),
        "ess": float(table[["ess_bulk", "ess_tail"]].min().min()),
        "code": str(done.returncode),
    }


def page(found: Sequence[tuple[str, int, int, dict[str, float | str]]]) -> str:
    """The table, with the machine and its load."""
    lines = [
        "# Rows that stay on disk",
        "",
        "`gibbs run` of a spec whose data are ten Parquet files (`benchmarks/out_of_core.py`), from the shell to written results: seconds",
        "on the clock, of these the passes over the rows (`read`), seconds of the processor (all threads), peak memory of the process, and",
        "the least bulk or tail ESS of all parameters. m5: M.5 of the course, gaussian, 195 provinces. apc: age-period-cohort probit, 12",
        "elections, 22 cohorts, predictors of few values. Four chains, to precision (ESS ≥ 1,000).",
        "",
        "| problem | rows | files, MB | seconds | of these read | processor, s | peak, MB | least ESS |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for problem, rows, size, one in found:
        lines.append(
            f"| {problem} | {rows:.0e} | {size / 1e6:,.0f} | {one['seconds']:.1f} | {one['read']:.1f} | {one['cpu']:.1f} | "
            f"{one['peak'] / 1e6:,.0f} | {one['ess']:,.0f} |"
        )
    load = ", ".join(f"{v:.0f}" for v in os.getloadavg())
    lines += [
        "",
        f"{time.strftime('%d %B %Y')}; {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; load of the",
        f"machine over 1, 5, 15 minutes at the end: {load}. Where that is above the {os.cpu_count()} cores the runs waited for others, and",
        "the processor's seconds are the better measure.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", type=float, default=[1e6, 1e7])
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS), choices=list(PROBLEMS))
    parser.add_argument("--folder", type=Path, help="where the files are made; a temporary folder that is removed where None")
    parser.add_argument("--write", type=Path, help="the page")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder, found = given.folder or Path(temporary), []
        for rows in map(int, given.rows):
            for problem in given.problems:
                data = folder / f"{problem}_{rows}"
                simulate(problem, rows, data)
                size = sum(file.stat().st_size for file in data.iterdir())
                found.append((problem, rows, size, run(problem, data, Path(temporary))))
                print(problem, rows, found[-1][3], flush=True)
        text = page(found)
    print(text)
    if given.write:
        given.write.write_text(text)


if __name__ == "__main__":
    main()

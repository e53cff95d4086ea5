"""Rows that stay on disk: seconds and memory from the shell to written results, on simulated Parquet files.

    python -m benchmarks.out_of_core --rows 1e6 1e7 1e8 --folder FOLDER --write benchmarks/out_of_core.md
    python -m benchmarks.out_of_core --problems logit poisson --kinds parquet csv --rows 1e6 1e7

logit and poisson have continuous predictors, so that no two rows are equal and all are needed one by one. FOLDER holds the files, and
keeps them for another run; it is best on a disk with 2 GB free for 10⁸ rows. Every run is a process of its own, ``gibbs run`` to precision
(every ESS ≥ 1,000); its peak of memory and its seconds of processor time are those that the system counted; memory of its own and pages of
files (those of programs are among them) are looked at every few milliseconds (Linux).
"""

from __future__ import annotations

import argparse
import itertools
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
    "logit": """\
family: logit
formula: y ~ x + z + w + (1 | g) + (1 | h)
""",
    "poisson": """\
family: poisson
formula: c ~ x + z + w + (1 | g) + (1 | h)
""",
}
COLUMNS = {"m5": 4, "apc": 7, "logit": 6, "poisson": 6}
"""Columns used, of 8 bytes a row."""
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
    "logit": """
SELECT (u < 1 / (1 + exp(-eta)))::TINYINT AS y, least(-ln(1 - v) * exp(eta / 2 - 0.5), 60)::INT AS c, x, z, round(w, 3) AS w,
       g::SMALLINT AS g, h::SMALLINT AS h
FROM (SELECT *, -0.4 + 0.5 * x - 0.3 * z + 0.1 * w + 0.3 * sin(7.1 * g) + 0.2 * cos(3.3 * h) AS eta
      FROM (SELECT random() * 4 - 2 AS x, sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()) AS z, random() * 10 AS w,
                   (random() * 40)::INT % 40 AS g, (random() * 12)::INT % 12 AS h, random() AS u, random() AS v FROM range({rows})))""",
}
ROWS["poisson"] = ROWS["logit"]


def simulate(problem: str, rows: int, folder: Path, kind: str) -> None:
    """Parquet files, or one CSV file, in ``folder``; nothing where they are there."""
    import duckdb

    if folder.is_dir():
        return
    half = folder.with_name(folder.name + ".half")
    half.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.sql("SELECT setseed(0.4)").fetchall()
        connection.execute("SET preserve_insertion_order = false")
        files = FILES if kind == "parquet" else 0
        if not files:
            select = ROWS[problem].format(rows=rows)
            connection.execute(f"COPY ({select}) TO '{half / 'all.csv'}' (HEADER)")
        for k in range(files):
            select = ROWS[problem].format(rows=rows // FILES)
            connection.execute(f"COPY ({select}) TO '{half / f'part{k:02d}.parquet'}' (FORMAT parquet, ROW_GROUP_SIZE 1000000)")
    half.rename(folder)


WATCHED = """
import resource, sys, threading, time
peaks, over = {"RssAnon": 0, "RssFile": 0}, threading.Event()
def watch():
    while not over.wait(0.004):
        try:
            for line in open("/proc/self/status"):
                name, _, value = line.partition(":")
                if name in peaks:
                    peaks[name] = max(peaks[name], int(value.split()[0]))
        except OSError:
            return
watching = threading.Thread(target=watch)
watching.start()
from gibbs.cli import main
try:
    code = main(sys.argv[1:])
finally:
    over.set()
    watching.join()
print("PEAK", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print("OWN", peaks["RssAnon"])
print("FILES", peaks["RssFile"])
sys.exit(code)
"""


def run(problem: str, data: Path, kind: str, place: Path) -> dict[str, float | str]:
    """One run from the shell to written results."""
    spec, out = place / f"{problem}.yaml", place / "run"
    named = f"{data}/*.parquet" if kind == "parquet" else f"{{file: {data / 'all.csv'}, rows: disk}}"
    spec.write_text(f"data: {named}\n{PROBLEMS[problem]}{SAMPLING}")
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, "run", str(spec), "--out", str(out), "--force", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stderr)
    unit = 1 if sys.platform == "darwin" else 1024
    peak, own, files = (next(int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith(word)) for word in WORDS)
    manifest = json.loads((out / "manifest.json").read_text())
    import pandas as pd

    table = pd.read_csv(out / "summary.csv")
    timings = manifest["timings"]
    return {
        "seconds": seconds,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "read": timings["read"],
        "rest": seconds - timings["read"],
        "peak": peak * unit,
        "own": own * 1024,
        "files": files * 1024,
        "ess": float(table[["ess_bulk", "ess_tail"]].min().min()),
        "code": str(done.returncode),
    }


WORDS = ("PEAK", "OWN", "FILES")


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
        "logit, poisson: three continuous predictors, 40 and 12 levels; csv: one file. Of the peak, apart: memory of its own, and files.",
        "used: the columns used, 8 bytes a value.",
        "",
        "| problem | rows | files, MB | seconds | of these read | processor, s | peak, MB | own, MB | files, MB | used, MB | least ESS |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for problem, rows, size, one in found:
        lines.append(
            f"| {problem} | {rows:.0e} | {size / 1e6:,.0f} | {one['seconds']:.1f} | {one['read']:.1f} | {one['cpu']:.1f} | "
            f"{one['peak'] / 1e6:,.0f} | {one['own'] / 1e6:,.0f} | {one['files'] / 1e6:,.0f} | "
            f"{8 * COLUMNS[problem.split(',')[0]] * rows / 1e6:,.0f} | {one['ess']:,.0f} |"
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
    parser.add_argument("--kinds", nargs="+", default=["parquet"], choices=["parquet", "csv"], help="ten Parquet files, or one CSV file")
    parser.add_argument("--folder", type=Path, help="where the files are made; a temporary folder that is removed where None")
    parser.add_argument("--write", type=Path, help="the page")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder, found = given.folder or Path(temporary), []
        for rows in map(int, given.rows):
            for problem, kind in itertools.product(given.problems, given.kinds):
                data = folder / f"{problem}_{rows}{'_csv' if kind == 'csv' else ''}"
                simulate(problem, rows, data, kind)
                size = sum(file.stat().st_size for file in data.iterdir())
                name = f"{problem}, csv" if kind == "csv" else problem
                found.append((name, rows, size, run(problem, data, kind, Path(temporary))))
                print(name, rows, found[-1][3], flush=True)
        text = page(found)
    print(text)
    if given.write:
        given.write.write_text(text)


if __name__ == "__main__":
    main()

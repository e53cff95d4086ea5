"""Carry out a grid: for every table the problem is written down once, then its jobs run one after the other, engines in turn.

Every engine runs in a process of its own, pinned to one core (those of the record's ``cores`` to as many), with one thread for everything;
its peak memory is what the system reports of that process and its children. This process stays small, since a child's peak is never less
than its parent's. A job that takes more processor seconds than its limit (or ten times as many of the clock) is ended with its children;
an engine that draws in portions stops before, and what it has drawn counts. A row is on the disk before the next job begins.
"""

from __future__ import annotations

import json
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.engines.record import NULL, Engine, R
from benchmarks.engines.registry import ENGINES
from benchmarks.suite import machine, results
from benchmarks.suite.grid import Grid, Job

Say = Callable[[str], None]
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON")}
SAMPLING_SHARE = 0.9
"""Of the limit, after which an engine that draws in portions ends by itself."""
PATIENCE = 10.0
"""Times the limit that may pass on the wall: a machine may be busy with other things."""


def run(grid: Grid, out: Path, *, say: Say = print, again: bool = False, keep: Path | None = None) -> list[dict[str, Any]]:
    """Carry out the jobs that ``out`` does not have yet; the new rows. keep : a folder in which the jobs' own folders stay."""
    results.mend(out)
    have = set() if again else results.done(out)
    rows: list[dict[str, Any]] = []
    compiled: set[tuple[str, str]] = set()
    with _workplace(keep) as place:
        for name, size, jobs in grid.tables:
            waiting = [job for job in jobs if job.key not in have]
            if not waiting:
                continue
            folder = place / f"{name}-{size}"
            say(f"{name}, {size or 'its own'} rows: {len(waiting)} of {len(jobs)} jobs")
            if problem := prepare(name, size, grid.data_seed, folder):
                say(f"  cannot be prepared: {problem}")
                for job in waiting:
                    rows.append(_finish(job, {"status": results.FAILED, "note": f"not prepared: {problem}"}, out, say))
                continue
            reference = make_reference(grid, waiting, folder, say)
            compile_what_is_kept(waiting, folder, place, compiled)
            for number, job in enumerate(waiting):
                rows.append(_finish(job, carry_out(job, folder, place / f"{name}-{size}-job-{number}", reference), out, say))
    return rows


def _finish(job: Job, found: dict[str, Any], out: Path, say: Say) -> dict[str, Any]:
    """Write the row of a job, and say what came of it."""
    asked = dict(zip(results.KEY, job.key, strict=True))
    row = {
        **asked,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "load": machine.load(),
        "machine": machine.describe(),
        "configuration": json.dumps({"limit": job.limit, **ENGINES[job.engine].settings}),
        **found,
    }
    results.append(out, row)
    told = [f"  {job.engine:<18} seed {job.seed}: {row['status']}"]
    if row.get("ess_per_s"):
        told.append(f"{row['ess_per_s']} ESS/s, {row['s_to_400']} s to 400 of everything")
    told += [str(row[key]) for key in ("agreement", "note") if row.get(key)]
    say("; ".join(told))
    return row


# ------------------------------------------------------------------------------------------------------------- preparation


def prepare(name: str, rows: int, seed: int, folder: Path) -> str:
    """Write a problem down in a process of its own. Why it could not be done, or ""."""
    command = [sys.executable, "-m", "benchmarks.suite.prepare", name, str(rows), str(seed), str(folder)]
    done = subprocess.run(command, cwd=machine.ROOT, capture_output=True, text=True)
    return "" if done.returncode == 0 else last_words(done.stderr)


def make_reference(grid: Grid, jobs: list[Job], folder: Path, say: Say) -> Path:
    """A long run of ours, with a seed of its own, that every posterior is compared with; none where nothing is, or of 0 draws."""
    path = folder / "reference.npz"
    work, about = folder / "reference", grid.reference
    if not about["draws"] or all(ENGINES[job.engine].gives == NULL for job in jobs):
        return path
    long = Job(jobs[0].problem, jobs[0].rows, grid.data_seed, "gibbs", 20_121, about["warmup"], about["draws"], float(about["limit"]))
    found = carry_out(long, folder, work, path, chains=about["chains"])
    if found["status"] != results.OK:
        say(f"  no reference, so nothing is compared: {found['status']}, {found.get('note', '')}")
    return path


def compile_what_is_kept(jobs: list[Job], folder: Path, place: Path, compiled: set[tuple[str, str]]) -> None:
    """Have engines whose compiled code is kept for every later fit compile it now: a short job that nobody times, once a family.

    compiled : (engine, family) that have had theirs; those of these jobs are added.
    """
    family = json.loads((folder / "problem.json").read_text(encoding="utf-8"))["facts"]["family"]
    for job in jobs:
        if ENGINES[job.engine].kept and (job.engine, family) not in compiled:
            compiled.add((job.engine, family))
            work = place / f"compile-{job.engine}-{family}"
            carry_out(replace(job, warmup=20, draws=20), folder, work, folder / "none.npz")


# --------------------------------------------------------------------------------------------------------------------- jobs


def carry_out(job: Job, problem: Path, folder: Path, reference: Path, *, chains: int = 0) -> dict[str, Any]:
    """The columns of a job's row. chains : of a run that is itself the reference."""
    engine = ENGINES[job.engine]
    words, absent = machine.versions(engine, sys.executable)
    row: dict[str, Any] = {"versions": words, "priors": engine.priors, "gives": engine.gives}
    if absent:
        return row | {"status": results.MISSING, "note": absent}
    about = json.loads((problem / "problem.json").read_text(encoding="utf-8"))
    row |= {"used_rows": about["rows"], "levels": about["facts"]["levels"]}
    if reason := engine.refuses(about["facts"]):
        return row | {"status": results.REFUSED, "note": reason}
    folder.mkdir(parents=True)
    said = {"engine": engine.name, "problem": str(problem), "seed": job.seed, "warmup": job.warmup, "draws": job.draws}
    said |= {"settings": {**engine.settings}, "budget": SAMPLING_SHARE * job.limit, "priors": engine.priors, "gives": engine.gives}
    said |= {"reference": True, "chains": chains} if chains else {}
    (folder / "job.json").write_text(json.dumps(said), encoding="utf-8")
    began = time.perf_counter()
    code, used, peak, over = watched(command_of(engine, folder), job.limit, folder, engine.cores)
    row |= {"wall_s": f"{time.perf_counter() - began:.2f}", "cpu_s": f"{used:.2f}", "peak_mb": f"{peak:.0f}"}
    return row | _outcome(job, folder, reference, code, over)


def _outcome(job: Job, folder: Path, reference: Path, code: int, over: bool) -> dict[str, Any]:
    """What the files that a job left say."""
    if over:
        return {"status": results.LIMIT, "note": f"ended after {job.limit:.0f} s"}
    if (folder / "refused.txt").exists():
        return {"status": results.REFUSED, "note": " ".join((folder / "refused.txt").read_text(encoding="utf-8").split())}
    if code != 0 or not (folder / "found.json").exists():
        return {
            "status": results.FAILED,
            "note": last_words((folder / "stderr").read_text(encoding="utf-8", errors="replace")) or f"exit {code}",
        }
    if problem := appraise(folder, reference):
        return {"status": results.FAILED, "note": f"its draws cannot be read: {problem}"}
    found = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    row = {f"{stage}_s": f"{found[stage]:.4g}" for stage in ("setup", "compile", "warmup", "sampling")}
    row |= {key: found[key] for key in ("note", "priors") if found.get(key)}
    if (folder / "appraised.json").exists():
        row |= json.loads((folder / "appraised.json").read_text(encoding="utf-8"))
    for large in ("draws.npy", "names.json"):
        (folder / large).unlink(missing_ok=True)
    return {"status": results.OK, **row}


def appraise(folder: Path, reference: Path) -> str:
    """Have the draws of a job judged in a process of its own. Why it could not be done, or ""."""
    command = [sys.executable, "-m", "benchmarks.suite.appraise", str(folder), str(reference)]
    done = subprocess.run(command, cwd=machine.ROOT, capture_output=True, text=True)
    return "" if done.returncode == 0 else last_words(done.stderr)


def command_of(engine: Engine, folder: Path) -> list[str]:
    """What starts an engine."""
    program = machine.interpreter(engine, sys.executable)
    if engine.where == R:
        return [*program, str(machine.ROOT / "benchmarks" / "engines" / "r" / engine.module), str(folder)]
    return [*program, "-m", "benchmarks.engines.worker", str(folder)]


def watched(command: list[str], limit: float, folder: Path, cores: int = 1) -> tuple[int, float, float, bool]:
    """Run a command in a session of its own: (exit code, processor seconds, peak memory in MB, whether it was ended)."""
    places = sorted(os.sched_getaffinity(0))[-cores:]
    environment = {**os.environ, **ONE_THREAD, "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "JAX_PLATFORMS": "cpu"}
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as errors:
        process = subprocess.Popen(
            command,
            cwd=machine.ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
            start_new_session=True,
            preexec_fn=lambda: _confine(places, limit),
        )
        ends, over = time.monotonic() + PATIENCE * limit, False
        try:
            while True:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    break
                if time.monotonic() > ends and not over:
                    over = True
                    _end(process.pid)
                time.sleep(0.02)
        except BaseException:
            _end(process.pid)
            process.wait()
            raise
    process.returncode = os.waitstatus_to_exitcode(status)
    _end(process.pid)  # what it may have left behind
    over = over or process.returncode == -signal.SIGXCPU or usage.ru_utime + usage.ru_stime >= limit
    return process.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024.0, over


def _confine(places: list[int], limit: float) -> None:
    """In the child, before the engine begins: its processors, and the processor seconds of each of its processes."""
    os.sched_setaffinity(0, places)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(limit), math.ceil(limit) + 5))


def _end(pid: int) -> None:
    """End the session that a job has to itself."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def last_words(text: str) -> str:
    """The last line of an error in which there are words, shortened; nothing of where this machine has its files."""
    lines = [line.strip() for line in text.splitlines() if any(c.isalpha() for c in line)]
    chosen = next((line for line in reversed(lines) if "rror" in line), lines[-1] if lines else "")
    for place in (str(machine.ROOT), tempfile.gettempdir(), str(Path.home())):
        chosen = chosen.replace(place, "…")
    return chosen[:200]


@contextmanager
def _workplace(keep: Path | None) -> Iterator[Path]:
    """A folder for problems and jobs."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield Path(tempfile.mkdtemp(prefix="jobs-", dir=keep)).resolve()
        return
    place = Path(tempfile.mkdtemp(prefix="gibbs-benchmarks-"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)

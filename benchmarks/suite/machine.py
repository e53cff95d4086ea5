"""What the machine and its programs are, as results state them: no names of machines, no paths."""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
from functools import cache
from pathlib import Path

from benchmarks.engines.record import PEERS, Engine, R

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = "GIBBS_BENCH_PEERS"
"""Variable that names the folder of the peers' own virtual environment; ``benchmarks/runs/peers`` where it is not set."""


def peers_folder() -> Path:
    """The folder of the environment that ``python -m benchmarks setup`` makes."""
    return Path(os.environ.get(ENVIRONMENT) or ROOT / "benchmarks" / "runs" / "peers")


def processor() -> str:
    """The processor in words."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def describe() -> str:
    """Processor, cores, memory, system, Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}"


def load() -> float:
    """Processes that want a processor, over the last minute."""
    return round(os.getloadavg()[0], 2)


@cache
def commit() -> str:
    """The last commit of the package that is measured, with + where its files differ from it; "" outside a repository."""
    found = importlib.util.find_spec("gibbs")
    if found is None or not found.origin:
        return ""
    git = ["git", "-C", str(Path(found.origin).parents[1])]
    try:
        last = subprocess.run([*git, "log", "-1", "--format=%h", "--", "gibbs", "kernels"], capture_output=True, text=True, timeout=60)
        changed = subprocess.run([*git, "status", "--porcelain", "--", "gibbs", "kernels"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return last.stdout.strip() + ("+" if changed.stdout.strip() else "") if last.returncode == 0 else ""


_IN_PYTHON = "import sys, importlib.metadata as m\nfor n in sys.argv[1:]:\n    print(n, m.version(n))"
_IN_R = "for (n in commandArgs(TRUE)) cat(n, as.character(packageVersion(n)), '\\n')"


@cache
def versions(engine: Engine, python: str) -> tuple[str, str]:
    """(versions in words, why the engine cannot run), one of them empty. python : the Python of the package."""
    program = interpreter(engine, python)
    command = [*program, "-e", _IN_R] if engine.where == R else [*program, "-c", _IN_PYTHON]
    try:
        found = subprocess.run([*command, *engine.packages], capture_output=True, text=True, timeout=120)
    except OSError:
        return "", f"{'R' if engine.where == R else program[0]} is not installed"
    said = dict(line.split()[:2] for line in found.stdout.splitlines() if len(line.split()) >= 2)
    absent = [name for name in engine.packages if name not in said]
    if absent:
        return "", f"{', '.join(absent)} not installed"
    words = ", ".join(f"{name} {said[name]}" for name in engine.packages)
    return words + (f" ({commit()})" if engine.packages == ("gibbs-engine",) and commit() else ""), ""


def interpreter(engine: Engine, python: str) -> list[str]:
    """The program that runs an engine."""
    if engine.where == R:
        return ["Rscript", "--vanilla"]
    if engine.where == PEERS:
        return [str(peers_folder() / "bin" / "python")]
    return [python]

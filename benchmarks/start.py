"""Where the time of a short run goes: ``python benchmarks/start.py [SPEC] [--runs N]``, after one run that has compiled the kernels.

The command ``gibbs run`` is sampled in a process of its own, every millisecond of processor time, and what it is at is told from its call
stack; processor seconds do not depend on what else the machine does, or hardly. Prints the mean of the runs in seconds, largest first.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
AT = (
    ("load_overload", "compiled kernels, read from the cache by numba"),
    ("write_netcdf", "posterior.nc (h5py and h5netcdf imported, 20 variables written)"),
    ("write_files", "the other files of the run"),
    ("_over_blocks", "R-hat and effective sample sizes"),
    ("drive", "warm-up and draws"),
    ("read", "the data"),
    ("build", "spec and design"),
)
"""Function → what is being done in it; the first that occurs in a call stack counts, after imports."""


def doing(stack: Sequence[tuple[str, str]]) -> str:
    """What a process with this call stack (file, function; outermost first) is at."""
    functions = {name.rpartition(".")[2] for _, name in stack}
    if "load_overload" in functions:
        return AT[0][1]
    if "write_netcdf" in functions:
        return AT[1][1]
    importing = [file for file, name in stack if name == "<module>" and "frozen" not in file][1:]  # the first is the command itself
    foreign = next((file.partition("site-packages/")[2].partition("/")[0] for file in importing if "site-packages/" in file), None)
    if foreign:
        return f"import of {foreign}"
    if any(f"{os.sep}kernels{os.sep}" in file for file in importing):
        return "kernels made known to numba (decorators)"
    if any(f"{os.sep}gibbs{os.sep}" in file for file in importing):
        return "import of gibbs' own modules"
    return next((words for function, words in AT if function in functions), "all else")


def sampled(arguments: list[str], target: str) -> None:
    """The command with these arguments in this process; the seconds of each thing it was at go to the file ``target``."""
    found: dict[str, float] = {"Python itself, before its first line": time.process_time()}
    last = time.process_time()

    def tick(number: int, frame: Any) -> None:
        nonlocal last
        stack, now = [], time.process_time()
        while frame is not None:
            stack.append((frame.f_code.co_filename, frame.f_code.co_qualname))
            frame = frame.f_back
        what = doing(stack[::-1])
        found[what] = found.get(what, 0.0) + now - last
        last = time.process_time()

    signal.set_wakeup_fd = lambda *_, **__: -1  # type: ignore[assignment]  # to which our ticks are signals of the user's
    signal.signal(signal.SIGPROF, tick)
    signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
    sys.argv = ["gibbs", *arguments]
    from gibbs.__main__ import main

    main()
    signal.setitimer(signal.ITIMER_PROF, 0.0)
    Path(target).write_text(json.dumps(found), encoding="utf-8")


def main() -> None:
    """Sample the runs, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("spec", nargs="?", default=str(ROOT / "specs" / "peru_m1.yaml"))
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--sampled", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.sampled:
        sampled(["run", given.spec, "--out", f"{given.sampled}.run", "--force"], given.sampled)
        return
    runs: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(given.runs):
            target = os.path.join(folder, "seconds.json")
            command = [sys.executable, __file__, given.spec, "--sampled", target]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
            runs.append(json.loads(Path(target).read_text(encoding="utf-8")))
    mean = {what: sum(run.get(what, 0.0) for run in runs) / len(runs) for what in dict.fromkeys(what for run in runs for what in run)}
    print(f"| processor seconds, mean of {len(runs)} runs | |\n|---|---|")
    for what, seconds in sorted(mean.items(), key=lambda pair: -pair[1]):
        if seconds >= 0.005:
            print(f"| {what} | {seconds:.2f} |")
    print(f"| **together** | **{sum(mean.values()):.2f}** |")


if __name__ == "__main__":
    main()

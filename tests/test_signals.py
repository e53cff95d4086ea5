"""Ctrl-C, TERM and HUP: within two seconds wherever the process is, with the draws that there are, and nothing half-written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from gibbs import signals
from tests.thin import some

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")


def press(number: int = signal.SIGINT) -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, number)
    time.sleep(0.01)


@pytest.fixture(autouse=True)
def _python_s_own(monkeypatch: pytest.MonkeyPatch):
    """As in a shell, also where the tests run in the background and were told to ignore Ctrl-C."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler and signals._depth == 0
    signal.signal(signal.SIGINT, former)


def test_deferred_writes_down_and_raises_nothing() -> None:
    with signals.deferred():
        press()
        press()
        assert signals.pressed() == 2
        with signals.deferred():
            press()
        signals.dealt_with()
        assert signals.pressed() == 0
    with pytest.raises(KeyboardInterrupt):
        press()


def test_immediate_raises_what_was_written_down_and_what_comes() -> None:
    with signals.deferred():
        press()
        with pytest.raises(KeyboardInterrupt), signals.immediate():
            raise AssertionError("never here")
        signals.dealt_with()
        with pytest.raises(KeyboardInterrupt), signals.immediate():
            press()
            raise AssertionError("never here")
        press()
        assert signals.pressed() == 2


def test_immediate_ends_by_itself_where_the_main_thread_waits() -> None:
    lock, began = threading.Lock(), time.monotonic()
    lock.acquire()
    with signals.deferred():
        with pytest.raises(KeyboardInterrupt), signals.immediate(0.2):
            lock.acquire(timeout=30)
        assert time.monotonic() - began < 10
        signals.dealt_with()
        with signals.immediate(30.0):
            pass
        time.sleep(0.05)
        assert signals.pressed() == 0


def test_all_three_mean_the_same_and_handlers_come_back() -> None:
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with signals.handled():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with pytest.raises(KeyboardInterrupt):
                press(number)
        signals.dealt_with()
        with signals.deferred():
            press(signal.SIGHUP)
            press(signal.SIGTERM)
            assert signals.pressed() == 2
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_what_another_program_does_with_signals_stays() -> None:
    heard = []
    signal.signal(signal.SIGINT, lambda *_: heard.append("theirs"))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.handled(), signals.deferred():
            press()
            press(signal.SIGHUP)
        assert heard == ["theirs"]
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def test_other_threads_are_left_alone() -> None:
    found = []

    def work() -> None:
        with signals.handled(), signals.deferred(), signals.immediate(0.01):
            found.append(signals.pressed())

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    assert found == [0]


# ------------------------------------------------------------------------------------------------------ real processes

SPEC = """\
data: data.csv
formula: {formula}
family: {family}
sampling: {{chains: 4, warmup: {warmup}, draws: {draws}, seed: 1, cores: 1}}
output: runs/one
"""
START = """
import ctypes, os, sys, threading, time
from gibbs import cli, signals
from gibbs.sampling import chains, chain, second_order

def say(word):
    print(word, file=sys.stderr, flush=True)

def stuck(*arguments, **keys):
    "A call into a library that lets other threads run and does not hear of signals."
    say("here")
    ctypes.CDLL(None).usleep(20_000_000)
    ctypes.CDLL(None).usleep(20_000_000)

from gibbs.sampling.reporter import Reporter
real = Reporter.tell
def report(self, target):
    real(self, target)
    if min(c.done for c in self.chains) > AFTER:
        say("here")
"""


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    rows = [f"{(7 * i) % 13 * 0.3:.1f},{(i * i) % 11 * 0.1:.1f},g{i % 12},{int(i % 5 == 0)}" for i in range(120)]
    (tmp_path / "data.csv").write_text("\n".join(["y,x,g,b", *rows]) + "\n", encoding="utf-8")
    return tmp_path


def stopped(folder: Path, program: str, *, number: int = signal.SIGINT, presses: int = 1, **model: object) -> tuple[int, str, str, float]:
    """Run the command with ``program`` before it, send a signal when it says "here"; exit code, output, errors, seconds to the end.

    Seconds in which the process was ready and no core of the machine was free for it are not counted.
    """
    model = {"formula": "y ~ x + (1 | g)", "family": "gaussian", "warmup": 50, "draws": 2_000_000, **model}
    (folder / "model.yaml").write_text(SPEC.format(**model), encoding="utf-8")
    sys_argv = "\nsys.argv = ['gibbs', 'run', 'model.yaml']\nsys.exit(cli.main())\n"
    errors, output = folder.parent / f"{folder.name}.err", folder.parent / f"{folder.name}.out"
    with open(errors, "w") as err, open(output, "w") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", START + program + sys_argv],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=out,
            stderr=err,
            preexec_fn=lambda: signal.signal(
                number, signal.SIG_DFL
            ),  # under nohup a hang-up is ignored, and so is what a shell starts with &
        )
    try:
        limit = time.monotonic() + 120
        while "here\n" not in errors.read_text() and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.02)
        assert process.poll() is None, errors.read_text()
        before, after, began = waited_for_a_core(process.pid), {}, time.monotonic()
        for k in range(presses):
            time.sleep(0.1 * (k > 0))
            process.send_signal(number)
        while process.poll() is None and time.monotonic() < began + 300:
            after |= waited_for_a_core(process.pid)
            time.sleep(0.02)
        code = process.wait(timeout=1)
        seconds = time.monotonic() - began - sum(waited - before.get(thread, 0.0) for thread, waited in after.items())
    finally:
        process.kill()
        process.wait()
    said = [line for line in errors.read_text().splitlines(keepends=True) if line != "here\n" and " elapsed " not in line]
    return code, output.read_text(), "".join(line for line in said if not line.startswith("gibbs: compiling")), seconds


def waited_for_a_core(pid: int) -> dict[str, float]:
    """Seconds so far that each thread of a process was ready to run and had to wait; {} where the system does not say."""
    found = {}
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(OSError, ValueError, IndexError):
            found[path.parent.name] = int(path.read_text().split()[1]) / 1e9
    return found


LIMIT = 2.0 if Path("/proc/self/schedstat").exists() or os.getloadavg()[0] < (os.cpu_count() or 1) else 8.0
"""Two seconds is what is promised; where nothing says how long a process waits for a core, it gets more on a busy machine."""
NOTHING_KEPT = {
    "reading": "from gibbs.model import data\ndata.read = stuck\n",
    "design": "from gibbs.model import design\ndesign.build = stuck\n",
    "compilation": "chain.Chain.compile = stuck\n",
    "compilation, in what the compiler calls": (
        "from ctypes import CFUNCTYPE\ndef compile(*arguments, **keys):\n    CFUNCTYPE(None)(lambda: (say('here'), time.sleep(20)))()\n"
        "    ctypes.CDLL(None).usleep(20_000_000)\nchain.Chain.compile = compile\n"
    ),
    "start of the chains": "chain.Chain._start = stuck\n",
    "warm-up": "AFTER = 3\nReporter.tell = report\n",
    "warm-up, a long sweep": "AFTER = -1\nReporter.tell = report\nchain.Chain._sweeps = stuck\n",
}


@pytest.mark.parametrize("at", some(NOTHING_KEPT, 2))
def test_before_there_are_draws_nothing_is_left(folder: Path, at: str) -> None:
    code, out, err, seconds = stopped(
        folder, NOTHING_KEPT[at], number=signal.SIGTERM if at == "design" else signal.SIGINT, warmup=1_000_000
    )
    assert (code, out, err) == (130, "", "gibbs: interrupted; nothing was written\n")
    assert seconds < LIMIT
    assert {p.name for p in folder.iterdir()} == {"data.csv", "model.yaml"}


SLOW = """
sweeps = chain.Chain._sweeps
def _sweeps(self, how, warming, out):
    if self.done >= 60:
        stuck()
    return sweeps(self, how, warming, out)
chain.Chain._sweeps = _sweeps
"""
KEPT = {
    "sampling": "AFTER = 300\nReporter.tell = report\n",
    "a long sweep": SLOW,
    "tables": "import gibbs.posterior.fit as f\nf.summary.ranef_grid = lambda *a, **k: (say('here'), time.sleep(60))\n",
    "between draws and tables": (
        "from gibbs.sampling import gather\ncollect = gather.collect\n"
        "gather.collect = lambda *a: (say('here'), time.sleep(0.3), collect(*a))[2]\n"
    ),
}


@pytest.mark.parametrize("number", some([signal.SIGINT, signal.SIGTERM, signal.SIGHUP], 3))
@pytest.mark.parametrize("at", KEPT)
def test_what_every_chain_has_is_kept(folder: Path, at: str, number: int) -> None:
    if number != signal.SIGINT and at != "sampling":
        pytest.skip("the same for every signal")
    short = {"draws": 100} if at in ("tables", "between draws and tables") else {}
    code, out, err, seconds = stopped(folder, KEPT[at], number=number, **short)
    assert code == 1, err
    assert seconds < LIMIT
    assert {p.name for p in folder.iterdir()} == {"data.csv", "model.yaml", "runs"} and [p.name for p in (folder / "runs").iterdir()] == [
        "one"
    ]
    manifest = json.loads((folder / "runs/one/manifest.json").read_text(encoding="utf-8"))
    assert manifest["chains"] == 4 and manifest["draws"] > 0
    if at in ("tables", "between draws and tables"):  # all were drawn
        assert manifest["stopped"] == "" and manifest["draws"] == 100 and "gibbs summary" in err
    else:
        assert manifest["stopped"] == "interrupted" and "interrupted" in out


SHOWN = {
    "a summary": "from gibbs.commands import carry_out\ncarry_out.show_summary = lambda fit: (say('here'), time.sleep(60))\n",
    "a terminal that takes no more": "from gibbs.commands import carry_out\ncarry_out.show_summary = stuck\n",
}


AT_THE_END = """
import os, signal, sys
from gibbs import early
from gibbs.__main__ import main
real = early.done
def done():
    os.kill(os.getpid(), signal.SIGTERM)
    real()
early.done = done
sys.argv = ["gibbs", "run", "model.yaml", "--quiet"]
sys.exit(main())
"""


def test_when_all_is_said_it_is_not_said_that_nothing_was_written(folder: Path) -> None:
    model = {"formula": "y ~ x + (1 | g)", "family": "gaussian", "warmup": 50, "draws": 500}
    (folder / "model.yaml").write_text(SPEC.format(**model), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", AT_THE_END],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stderr.splitlines()[-1] == f"gibbs: interrupted; the run is in '{folder / 'runs' / 'one'}'"
    assert done.returncode == 1 and (folder / "runs/one/manifest.json").is_file()


@pytest.mark.parametrize("at", some(SHOWN, 2))
def test_when_all_is_written_it_is_not_said_that_nothing_was(folder: Path, at: str) -> None:
    code, _, err, seconds = stopped(folder, SHOWN[at], draws=100)
    assert (code, err) == (1, f"gibbs: interrupted; the run is in '{folder / 'runs' / 'one'}'\n")
    assert seconds < LIMIT and (folder / "runs/one/manifest.json").is_file()


def test_second_order_chains_stop_as_the_others_do(folder: Path) -> None:
    program = "AFTER = 300\nReporter.tell = report\n"
    code, _, err, seconds = stopped(folder, program, formula="b ~ x + (1 | g)", family="probit\n", draws=2_000_000)
    assert code == 1, err
    assert seconds < LIMIT and json.loads((folder / "runs/one/manifest.json").read_text(encoding="utf-8"))["draws"] > 100


EARLY = """
import builtins, os, signal, sys
from gibbs.__main__ import main
module, word = sys.argv.pop(), sys.argv.pop()
real, sent = builtins.__import__, []
def slowly(name, *arguments, **keys):
    if not sent and name == module:
        sent.append(name)
        os.kill(os.getpid(), getattr(signal, word))
    return real(name, *arguments, **keys)
builtins.__import__ = slowly
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("module", "name"),
    [("gibbs.cli", "SIGINT"), ("argparse", "SIGINT"), ("gibbs.errors", "SIGINT"), ("gibbs.cli", "SIGTERM"), ("argparse", "SIGHUP")],
)
def test_while_the_command_is_imported(folder: Path, module: str, name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", EARLY, "check", "model.yaml", name, module],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "gibbs: interrupted; nothing was written\n")


SPOILT = """
from gibbs.model import spec
def load(*arguments):
    say("here")
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        raise RuntimeError("could not be imported")
spec.load = load
"""


def test_an_error_that_a_library_makes_of_ctrl_c(folder: Path) -> None:
    program = SPOILT
    code, _, err, _ = stopped(folder, program)
    assert (code, err) == (130, "gibbs: interrupted; nothing was written\n")


def test_pressed_again_and_again(folder: Path) -> None:
    code, _, err, seconds = stopped(folder, KEPT["sampling"], presses=5)
    assert code == 1, err
    assert seconds < LIMIT
    assert {p.name for p in (folder / "runs/one").iterdir()} >= {"spec.yaml", "manifest.json", "posterior.nc"}

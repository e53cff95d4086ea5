"""How the command ends: with its exit code and all that Python does at its end, but at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def ended(program: str, **keys: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"} | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        **{"stdout": subprocess.PIPE} | keys,
    )


@pytest.mark.parametrize("code", [0, 1, 2, 70])
def test_the_exit_code_is_the_commands(code: int) -> None:
    done = ended(f"from gibbs import early; print('said', end=''); early.leave({code})")
    assert (done.returncode, done.stdout, done.stderr) == (code, "said", "")


def test_what_is_to_be_done_at_the_end_is_done() -> None:
    """Threads are waited for, what is registered runs, last first; objects are not taken apart."""
    done = ended(
        "import atexit, sys, threading, time\nfrom gibbs import early\n"
        "class Kept:\n    def __del__(self): print('taken apart')\n"
        "kept = Kept()\natexit.register(print, 'first')\natexit.register(print, 'second')\n"
        "def later():\n    time.sleep(0.2)\n    print('thread')\n"
        "threading.Thread(target=later).start()\nearly.leave(3)\n"
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (3, ["thread", "second", "first"], "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_what_cannot_be_printed_is_told_as_python_tells_it() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = ended("from gibbs import early; print('said'); early.leave(0)", stdout=full)
    assert done.returncode == 120 and "No space left on device" in done.stderr


@pytest.mark.parametrize("missing", ["threading._shutdown", "atexit._run_exitfuncs"])
def test_a_python_that_we_do_not_know_ends_as_it_does(missing: str) -> None:
    done = ended(f"import atexit, threading; from gibbs import early; del {missing}; early.leave(2)")
    assert done.returncode == 2


def test_the_command_ends_so() -> None:
    """The command itself: what is registered is done, after all that it prints."""
    program = (
        "import atexit, os, sys; atexit.register(lambda: os.write(1, b'at the end')); sys.argv = ['gibbs', '--version'];"
        "from gibbs.__main__ import command; command()"
    )
    done = ended(program)
    assert done.returncode == 0 and done.stdout.startswith("gibbs ") and done.stdout.endswith("at the end"), done.stderr

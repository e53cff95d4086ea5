"""Test-wide settings: the compiled code of one state of kernels/ is never mistaken for that of another.

Numba's file cache notices an edit in the file of a function, but not one in the files of the functions that it calls.
The cache folder of a test run is therefore named by a hash of everything in kernels/, and is set before Numba is imported.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

_KERNELS = Path(__file__).resolve().parents[1] / "kernels"
_KEEP_SECONDS = 3 * 86400.0  # folders of kernels nobody has tested for this long are removed


def kernels_hash(folder: Path = _KERNELS) -> str:
    """Hash of the names and the contents of all Python files in ``folder``, 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def numba_cache_folder(hash_of_kernels: str) -> Path:
    """``~/.cache/gibbs-engine/numba-tests/HASH``, or below $XDG_CACHE_HOME or $GIBBS_TEST_CACHE where one is set."""
    base = os.environ.get("GIBBS_TEST_CACHE") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "gibbs-engine" / "numba-tests" / hash_of_kernels


def _use_cache_folder() -> None:
    folder = numba_cache_folder(kernels_hash())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        stale = [f for f in folder.parent.iterdir() if f != folder and f.stat().st_mtime < time.time() - _KEEP_SECONDS]
    except OSError:  # no home to write to
        import tempfile

        folder, stale = Path(tempfile.gettempdir()) / "gibbs-engine-numba-tests" / folder.name, []
        folder.mkdir(parents=True, exist_ok=True)
    for old in stale:
        shutil.rmtree(old, ignore_errors=True)
    os.environ["NUMBA_CACHE_DIR"] = str(folder)  # inherited by the processes that tests start
    if "numba" in sys.modules:  # a pytest plugin was earlier
        sys.modules["numba"].config.reload_config()


_use_cache_folder()

# the programs that tests start, a hundred and more, and every worker would compile each module again
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def _same_examples_in_every_run() -> None:
    """Hypothesis draws its examples from the test itself, so that a run can be repeated; GIBBS_EXPLORE=1 seeks others."""
    from hypothesis import settings

    settings.register_profile("gibbs", derandomize=not os.environ.get("GIBBS_EXPLORE"), deadline=None)
    settings.load_profile("gibbs")


_same_examples_in_every_run()


MANY = 2000
"""Tests of a run that is worth preparing."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Each worker has one part of the tests, so that a fixture is seldom made twice; the first to be done takes from the others."""
    if config.getvalue("dist") != "load":
        return None
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """The workers of a whole run share the tests out to be compiled, too: what pytest makes of ``assert`` takes it long, and is kept."""
    config = session.config
    worker = getattr(config, "workerinput", {"workercount": 1, "workerid": "gw0"})
    if worker["workercount"] < 2 or config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    root = Path(__file__).resolve().parent
    for path in sorted(root.rglob("test_*.py"))[int(worker["workerid"].removeprefix("gw")) :: worker["workercount"]]:
        with suppress(Exception, pytest.skip.Exception):  # collection will tell
            import_module(".".join(path.relative_to(root.parent).with_suffix("").parts))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Where nothing is compiled yet, the workers of a long run share the kernels out before the first test."""
    worker = getattr(session.config, "workerinput", {"workercount": 1})
    if worker["workercount"] < 2 or len(session.items) < MANY:
        return
    from gibbs.sampling.compiled_before import compiled_before

    if not compiled_before("joint"):
        from tests.kernels import every

        every.share(Path(os.environ["NUMBA_CACHE_DIR"]) / f"run-{worker['testrunuid']}")


def pytest_runtest_setup() -> None:
    """Messages are as wide as the terminal: a test has none, though the workers of pytest-xdist are told the width of the caller's."""
    os.environ.pop("COLUMNS", None)


@pytest.fixture
def gibbs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """The command in a folder with ``model.yaml`` and ``data.csv`` (``tests/command.py``)."""
    from tests import command

    return command.in_folder(tmp_path, monkeypatch, capsys)

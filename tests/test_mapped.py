"""Arrays in files: the same numbers as in memory, and nothing left in the folder."""

from __future__ import annotations

import errno
import os
import pickle
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from gibbs import mapped
from gibbs.errors import DataError


@pytest.fixture(autouse=True)
def no_other_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "LEAST", 1)
    monkeypatch.setattr(mapped, "ROWS", 7)


def test_what_is_made_of_an_array_in_a_file_lies_in_one(small: None, tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=(50, 3))
    with mapped.room(tmp_path):
        array = mapped.empty((50, 3))
    assert not array.any() and array.flags.writeable and type(array) is np.ndarray
    array[:] = values
    keep, order = values[:, 0] > 0, np.argsort(values[:, 1])
    made = {
        "moved": (mapped.moved(array, values.astype(np.float32), float), values.astype(np.float32).astype(float)),
        "taken": (mapped.taken(array, keep), values[keep]),
        "taken in order": (mapped.taken(array, order), values[order]),
        "beside": (mapped.beside(array, [values, array[:, :1]]), np.column_stack([values, values[:, 0]])),
        "filled": (mapped.filled(array[:, 1], 50, 3, np.int32), np.full(50, 3, dtype=np.int32)),
    }
    for name, (found, expected) in made.items():
        assert mapped.folder_of(found) == str(tmp_path), name
        assert found.dtype == expected.dtype and found.flags.c_contiguous
        np.testing.assert_array_equal(found, expected, err_msg=name)
    assert mapped.moved(array, array) is array
    assert mapped.folder_of(array[3:, 1].T) == str(tmp_path) and mapped.folder_of(values) is None
    assert mapped.folder_of(mapped.like(values, 50)) is None and mapped.folder_of(mapped.taken(values, keep)) is None
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(array)), values)
    assert mapped.empty((0, 4)).shape == (0, 4)
    assert not list(tmp_path.iterdir())  # files have no names
    assert [at.stop for at in mapped.blocks(16)] == [7, 14, 16] and not list(mapped.blocks(0))


def test_a_folder_that_is_not_there_or_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mapped.room(tmp_path / "runs" / "a"):
        assert mapped.place() == str(tmp_path)
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if not os.access(closed, os.W_OK):  # who may do everything may write there, too
        with mapped.room(closed):
            assert mapped.place() != str(closed)
    monkeypatch.chdir(tmp_path)
    with mapped.room(None):
        assert mapped.place() == str(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path.parent))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with mapped.room(tmp_path):
        assert mapped.place() == str(tmp_path.parent)


def test_a_full_disk_is_an_error_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(mapped, "_reserve", full)
    with mapped.room(tmp_path), pytest.raises(DataError, match=r"need 8 MB more in .*: no space left on device\. Another folder"):
        mapped.empty((1_000_000,))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="its limits are others")
def test_more_arrays_than_files_that_may_be_open(tmp_path: Path) -> None:
    code = (
        "import resource, sys\nfrom gibbs import mapped\nhard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (32, hard))\n"
        "with mapped.room(sys.argv[1]):\n    many = [mapped.empty((10,)) for _ in range(60)]\n"
        "print(all(not array.any() for array in many))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a process that is killed there leaves its files to the system")
def test_nothing_is_left_by_a_process_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\nfrom gibbs import mapped\nwith mapped.room(sys.argv[1]):\n    a = mapped.empty((10**6,))\n"
        "a[:] = 1.0\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode != 0
    assert not list(tmp_path.iterdir())

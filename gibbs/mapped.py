"""Arrays that lie in files: their pages are the system's to write out and take back, so that a table may be larger than the memory.

    with room(folder):                      files are made in this folder
        y = empty((10**8,), float)          an array in a file
    like(y, (10**8, 3))                     another one beside it; an ordinary array where ``y`` is an ordinary one

A file has no name: it goes with its array, or with the process, however that ends, so that nothing is ever left over. What is made *of* an
array that lies in a file (``like``, ``moved``, ``taken``) lies in one as well, where it is large; all else is the same to whoever computes.
"""

from __future__ import annotations

import errno
import mmap
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from gibbs import memory
from gibbs.errors import DataError

LEAST = 1 << 20
"""Bytes from which on an array lies in a file of its own."""
ROWS = 1 << 16
"""Rows that are worked on at a time, so that what is made on the way is small."""
_PLACE: ContextVar[str | None] = ContextVar("folder of the files of arrays", default=None)


class _Map(mmap.mmap):
    """The pages of one file, and the folder that it was made in."""

    folder: str


@contextmanager
def room(folder: str | os.PathLike[str] | None) -> Iterator[None]:
    """Files are made in ``folder``, or in the nearest folder above it that is there; None, or where it may not be written: as without."""
    before = _PLACE.set(None if folder is None else _there(os.path.abspath(folder)))
    try:
        yield
    finally:
        _PLACE.reset(before)


def _there(folder: str) -> str | None:
    while not os.path.isdir(folder):
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def place() -> str:
    """The folder that files are made in: TMPDIR where that is set, else that of ``room``, else the current one (the system's for temporary
    files is memory on many systems, and is taken where the current one may not be written)."""
    if os.environ.get("TMPDIR"):
        return tempfile.gettempdir()
    return _PLACE.get() or _there(os.getcwd()) or tempfile.gettempdir()


def free() -> int:
    """Bytes of its disk that are free."""
    return shutil.disk_usage(place()).free


def empty(shape: tuple[int, ...], dtype: Any = np.float64, folder: str | None = None) -> np.ndarray:
    """An array of zeros in a file. DataError where the disk has no room for it: its bytes are taken at once, not when they are written."""
    kind, folder = np.dtype(dtype), folder or place()
    size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    if not size:
        return np.zeros(shape, dtype=kind)
    try:
        try:
            pages = _pages(folder, size)
        except OSError as error:
            if error.errno != errno.EMFILE or not _more_files():
                raise
            pages = _pages(folder, size)
    except OSError as error:
        raise DataError(
            f"columns that are kept on disk while they are used need {memory.words(size)} more in '{folder}', and they cannot be had: "
            f"{(error.strerror or str(error)).lower()}. Another folder is taken with --out, or with the variable TMPDIR."
        ) from None
    pages.folder = folder
    return np.ndarray(shape, dtype=kind, buffer=pages)


def _pages(folder: str, size: int) -> _Map:
    with tempfile.TemporaryFile(dir=folder) as file:
        _reserve(file, size)
        return _Map(file.fileno(), size)


def _more_files() -> bool:
    """Let this process have as many open files as it may: every array keeps one. False where it has them already."""
    try:
        import resource
    except ImportError:
        return False
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if most <= soft:
        return False
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return True


def _reserve(file: Any, size: int) -> None:
    """Take the bytes: a page without a place on the disk would end the process when it is written."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    zeros = bytes(1 << 20)
    for start in range(0, size, len(zeros)):
        file.write(zeros[: size - start])
    file.flush()


def folder_of(array: Any) -> str | None:
    """The folder of the file that an array, or what it is a view of, lies in; None of an ordinary one."""
    at = getattr(array, "base", None)
    while at is not None:
        if isinstance(at, _Map):
            return at.folder
        at = at.obj if isinstance(at, memoryview) else getattr(at, "base", None)
    return None


def like(of: np.ndarray, shape: tuple[int, ...] | int, dtype: Any = np.float64) -> np.ndarray:
    """Room for an array, its values undefined: in a file where ``of`` lies in one and it is large."""
    shape, kind = (shape,) if isinstance(shape, int) else shape, np.dtype(dtype)
    folder = folder_of(of)
    if folder is None or int(np.prod(shape, dtype=np.int64)) * kind.itemsize < LEAST:
        return np.empty(shape, dtype=kind)
    return empty(shape, kind, folder)


def filled(of: np.ndarray, shape: tuple[int, ...] | int, value: float, dtype: Any = np.float64) -> np.ndarray:
    """As ``like``, all of one value."""
    out = like(of, shape, dtype)
    out[...] = value
    return out


def moved(of: np.ndarray, array: np.ndarray, dtype: Any = None) -> np.ndarray:
    """``array`` in C order, in a file where ``of`` lies in one and it is large; itself where nothing has to be done."""
    kind = array.dtype if dtype is None else np.dtype(dtype)
    if (
        folder_of(of) is None
        or array.size * kind.itemsize < LEAST
        or (folder_of(array) and array.flags.c_contiguous and kind == array.dtype)
    ):
        return np.ascontiguousarray(array, dtype=kind)
    out = like(of, array.shape, kind)
    for k in range(0, len(array), ROWS):
        out[k : k + ROWS] = array[k : k + ROWS]
    return out


def beside(of: np.ndarray, parts: Sequence[np.ndarray], dtype: Any = np.float64) -> np.ndarray:
    """(N, q) the columns of all ``parts``, each (N, …), side by side in C order: in a file where ``of``, (N,), lies in one."""
    out, at = like(of, (len(of), sum(part.shape[1] for part in parts)), dtype), 0
    for part in parts:
        out[:, at : at + part.shape[1]] = part
        at += part.shape[1]
    return out


def taken(array: np.ndarray, at: np.ndarray, of: np.ndarray | None = None) -> np.ndarray:
    """``array[at]``, ``at`` numbers of rows or (N,) of bool, in C order: in a file where ``of`` (``array`` itself) lies in one and it is
    large."""
    of = array if of is None else of
    if folder_of(of) is None:
        return np.ascontiguousarray(array[at])
    rows = int(np.count_nonzero(at)) if at.dtype == bool else at.size
    out, done = like(of, (rows, *array.shape[1:]), array.dtype), 0
    for k in range(0, len(at), ROWS):
        part = array[k : k + ROWS][at[k : k + ROWS]] if at.dtype == bool else array[at[k : k + ROWS]]
        out[done : done + len(part)] = part
        done += len(part)
    return out


def blocks(rows: int) -> Iterator[slice]:
    """The rows 0 … ``rows`` in slices of ``ROWS``."""
    for k in range(0, rows, ROWS):
        yield slice(k, min(k + ROWS, rows))

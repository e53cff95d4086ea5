"""Compiled code in files that may be damaged, full, read-only or shared: what cannot be trusted is compiled again.

Numba's own cache ends a program that meets half a file or a folder that cannot be written, looks for another folder by itself (beside the
sources, where code outlives a change in a kernel that others call), and two processes that compile two versions of one kernel at once can
leave the code of one under the name of the other. Here every file ends with a digest of its contents, and is named by what it is for.
``problems`` says in one sentence what was found; no draw depends on any of it.
"""

from __future__ import annotations

import copy
import hashlib
import io
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import llvmlite.binding as llvm
from numba import config
from numba.core import caching
from numba.core.runtime import _nrt_python

_MARK, _SUM = b"\ngibbs kernels 1 ", 32

_damaged: set[str] = set()
_unwritten: dict[str, str] = {}  # folder → why
STANDING = "standing."
"""Names of kernels that code calls by name (``standing.py``) begin so."""

_registered: list[Any] = []  # what was called to make names known to LLVM


def problems() -> str:
    """What has been found wrong with the files since the last call, in one line; "" where nothing was."""
    found = []
    if _damaged:
        folder = os.path.dirname(next(iter(_damaged)))
        files = f"{len(_damaged)} files" if len(_damaged) > 1 else "a file"
        found.append(f"{files} of compiled code in {folder} could not be read, and {'were' if len(_damaged) > 1 else 'was'} compiled again")
    for folder, why in list(_unwritten.items())[:1]:
        place = f"cannot be kept in {folder} ({why})" if folder else f"is not kept ({why})"
        found.append(f"compiled code {place}, so every run compiles it anew; NUMBA_CACHE_DIR names another folder")
    _damaged.clear()
    _unwritten.clear()
    return "; ".join(found) + "." if found else ""


def _seal(contents: bytes, name: str) -> bytes:
    """What stands at the end of the file ``name``; Numba does not read so far."""
    return _MARK + hashlib.blake2b(name.encode() + b"\0" + contents, digest_size=_SUM).digest()


class _Locator(caching.CompileResultCacheImpl._locator_classes[0]):  # type: ignore[misc,name-defined]
    """The folder that ``config.CACHE_DIR`` names, also where it can only be read."""

    def ensure_cache_path(self) -> None:
        with suppress(OSError):
            os.makedirs(self.get_cache_path(), exist_ok=True)


def _unknown(names: list[str], target_context: Any) -> list[str]:
    """Names of functions and globals that LLVM cannot find in this process, of ``names``, which compiled code from the cache refers to.

    Where some are unknown, Numba's functions for objects of Python are registered with LLVM, and where that is not enough, all that Numba
    implements (``target_context.refresh``, each once in a process): the latter takes a quarter of a short run.
    """
    for register in (_register_objects, target_context.refresh):
        if (names := [name for name in names if not llvm.address_of_symbol(name)]) and register not in _registered:
            register()
            _registered.append(register)
    return [name for name in names if not llvm.address_of_symbol(name)]


def _register_objects() -> None:
    for name, address in _nrt_python.c_helpers.items():
        llvm.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)


class _Impl(caching.CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (_Locator,)

    def reduce(self, compiled: Any) -> Any:
        """What is kept of compiled code: the names of what it calls and reads elsewhere, before all that Numba keeps."""
        module = compiled.library._final_module
        elsewhere = (value.name for values in (module.functions, module.global_variables) for value in values if value.is_declaration)
        names = sorted({name for name in elsewhere if not name.startswith("llvm.")})
        return names, super().reduce(compiled._replace(type_annotation=""))  # its source and types, line by line, as text

    def rebuild(self, target_context: Any, kept: Any) -> Any:
        """Code from the cache. LookupError: a kernel that it calls is not there, at which LLVM would end the process."""
        elsewhere, payload = kept
        *_, needed, _ = payload
        for kernel in needed:
            kernel()
        if missing := [name for name in _unknown(elsewhere, target_context) if name.startswith(STANDING)]:
            raise LookupError(", ".join(missing))
        return super().rebuild(target_context, payload)


class _Files(caching.IndexDataCacheFile):  # type: ignore[misc]
    """Numba's index and data files, each with a seal at its end. Reading and writing never raise."""

    _key: Any = None

    def load(self, key: Any) -> Any:
        try:
            return super().load(key)
        except Exception:  # sealed, but of another version of something: unpickling raises whatever it likes
            _damaged.add(self._index_path)
            return None

    def save(self, key: Any, data: Any) -> None:
        self._key = key
        try:
            os.makedirs(self._cache_path, exist_ok=True)
            super().save(key, data)
        except OSError as error:
            _unwritten[self._cache_path] = error.strerror or str(error)

    def _data_name(self, number: int) -> str:
        """By the types that the code is for, so that two processes never give one name to two versions."""
        own = hashlib.blake2b(repr(self._key).encode(), digest_size=8).hexdigest()
        return self._data_name_pattern.replace("{number:d}", own if number == 1 else f"{own}.{number}")  # beyond 1: types of one name

    def _load_index(self) -> dict[Any, str]:
        try:
            return super()._load_index() if self._whole(self._index_path) else {}
        except Exception:
            _damaged.add(self._index_path)
            return {}

    def _load_data(self, name: str) -> Any:
        if not self._whole(self._data_path(name)):
            raise FileNotFoundError(name)
        return super()._load_data(name)

    def _whole(self, path: str) -> bool:
        """Whether the file is there and as it was written."""
        try:
            with open(path, "rb") as file:
                everything = file.read()
        except (FileNotFoundError, NotADirectoryError):  # the latter: a file in the place of the folder
            return False
        except OSError:
            everything = b""
        contents, seal = everything[: -len(_MARK) - _SUM], everything[-len(_MARK) - _SUM :]
        whole = seal == _seal(contents, os.path.basename(path))
        if not whole:
            _damaged.add(path)
        return whole

    @contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[io.BytesIO]:
        """Whole or not at all, whoever else writes it at the same time."""
        made, partial = io.BytesIO(), f"{filepath}.tmp.{uuid.uuid4().hex[:16]}"
        yield made
        try:
            with open(partial, "wb") as file:
                file.write(made.getvalue() + _seal(made.getvalue(), os.path.basename(filepath)))
            os.replace(partial, filepath)
        except BaseException:
            with suppress(OSError):
                os.unlink(partial)
            raise


class KernelCache(caching.FunctionCache):  # type: ignore[misc]
    """The cache of one kernel. A file that cannot be used is as good as none."""

    _impl_class = _Impl

    def __init__(self, py_func: Any) -> None:
        super().__init__(py_func)
        plain = self._cache_file
        self._cache_file = _Files(plain._cache_path, self._impl.filename_base, plain._source_stamp)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            with self._guard_against_spurious_io_errors():
                return self._load_overload(sig, target_context)
        except Exception:  # LLVM, too, has errors of its own for code that it cannot load
            _damaged.add(os.path.join(self._cache_path, self._impl.filename_base))
            return None


class _ForPython(KernelCache):
    """The cache of what Python calls a kernel by: files of its own beside those of the kernel."""

    def __init__(self, kernel: KernelCache) -> None:
        vars(self).update(vars(kernel))
        self._impl = copy.copy(kernel._impl)
        self._impl._filename_base = f"from_python.{kernel._impl.filename_base}"
        self._cache_file = _Files(kernel._cache_path, self._impl.filename_base, kernel._cache_file._source_stamp)


def for_python(cache: Any) -> Any:
    """The cache of what Python calls a kernel by, ``cache`` that of the kernel: none where it has none."""
    return _ForPython(cache) if isinstance(cache, KernelCache) else caching.NullCache()


def cache_of(py_func: Any, folder: str) -> Any:
    """The cache of a kernel in ``folder``; none at all where there is no folder for it."""
    given = config.CACHE_DIR
    config.CACHE_DIR = folder
    try:
        return KernelCache(py_func)
    except RuntimeError as error:
        _unwritten[""] = "there is no folder for it" if "locator" in str(error) else str(error)
        return caching.NullCache()
    finally:
        config.CACHE_DIR = given

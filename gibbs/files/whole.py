"""A file, or a folder of files, written whole or not at all, and never over something else without being told to."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from gibbs import paths
from gibbs.errors import OutputError


def check_file(path: str | Path, *, force: bool = False) -> Path:
    """The file that may be written, as an absolute path. OutputError where it is there already (unless ``force``) or is a folder."""
    paths.require(path, OutputError)
    target = Path(os.path.realpath(Path(path).expanduser()))
    if target.is_dir():
        raise OutputError("this is a folder; give the name of a file.", where=str(path))
    if target.exists() and not force:
        raise OutputError("there is a file of this name already. Choose another, or replace it with --force (force=True).", where=str(path))
    return target


def write_file(path: str | Path, write: Callable[[Path], None], *, force: bool = False) -> Path:
    """Have ``write`` fill a file beside ``path`` and rename it at the end; gives the absolute path. Makes the folders above it."""
    target = check_file(path, force=force)
    partial: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name[:50]}.", suffix=".partial", dir=target.parent)
        os.close(handle)
        partial = Path(name)
        write(partial)
        partial.chmod(0o666 & ~_umask())
        partial.replace(target)
    except OSError as error:
        raise OutputError(f"the file cannot be written: {error.strerror or error}.", where=str(path)) from error
    finally:
        if partial is not None:
            partial.unlink(missing_ok=True)
    return target


def write_folder(path: str | Path, files: Mapping[str, str | Callable[[Path], None]], *, force: bool = False) -> Path:
    """Write ``files`` (name → text, or a function that fills the file it is given) into a folder of their own; gives its absolute path.

    A folder that holds anything is refused, unless ``force``, which replaces files of these names and leaves all others alone.
    """
    paths.require(path, OutputError)
    target = Path(os.path.realpath(Path(path).expanduser()))
    if target.exists() and not target.is_dir():
        raise OutputError("there is a file of this name; give the name of a folder.", where=str(path))
    if target.is_dir() and any(target.iterdir()) and not force:
        raise OutputError(
            "the folder is not empty. Choose another, or have the files of the export in it replaced with --force (force=True).",
            where=str(path),
        )
    partial: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name[:50]}.", suffix=".partial", dir=target.parent))
        for name, content in files.items():
            if callable(content):
                content(partial / name)
            else:
                (partial / name).write_text(content, encoding="utf-8")
        partial.chmod(0o777 & ~_umask())
        if target.is_dir():
            for name in files:
                (partial / name).replace(target / name)
        else:
            partial.rename(target)
    except OSError as error:
        raise OutputError(f"the files cannot be written: {error.strerror or error}.", where=str(path)) from error
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
    return target


def _umask() -> int:
    """The process's umask, which mkstemp and mkdtemp do not go by."""
    mask = os.umask(0)
    os.umask(mask)
    return mask

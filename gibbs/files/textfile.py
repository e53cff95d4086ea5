"""A table as a file, written whole or not at all, and never over what is there."""

from __future__ import annotations

from pathlib import Path

from gibbs import paths
from gibbs.errors import OutputError
from gibbs.files import whole


def check_free(path: str | Path, *, force: bool = False) -> Path:
    """The file a table may be written to; OutputError where there is one already and not ``force``, or it is a folder, or has none."""
    paths.require(path, OutputError)
    target = Path(path).expanduser()
    if target.is_dir():
        raise OutputError("this is a folder; give the name of a file.", where=str(path))
    if target.exists() and not force:
        raise OutputError("there is a file of this name already. Choose another, or replace it with --force.", where=str(path))
    if not target.absolute().parent.is_dir():
        raise OutputError("the folder it would be in does not exist.", where=str(path))
    return target


def write_text(path: str | Path, text: str, *, force: bool = False) -> Path:
    """Write ``text`` and give the path. OutputError as ``check_free``, and where it cannot be written."""
    target = check_free(path, force=force)
    whole.write_file(target, lambda file: file.write_text(text, encoding="utf-8"), force=force)
    return target

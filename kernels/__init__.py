"""Compiled full conditionals on plain arrays. One full conditional, one function, one test.

Numba keeps what it compiled in a folder named by a hash of all these files: it looks only at a function's own file for changes, so
a change in a kernel that others call would otherwise leave the old code running in them.
"""

import hashlib
import os
from importlib import import_module
from pathlib import Path

if __name__ != "gibbs.kernels":
    raise ImportError("the kernels are imported as gibbs.kernels (install the package: pip install -e .)")


def cache_folder(sources: Path, base: str = "") -> Path:
    """Where compiled code of the kernels in ``sources`` is kept: under ``base``, else under the user's cache folder."""
    digest = hashlib.sha256()
    for path in sorted(sources.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    root = Path(base) if base else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gibbs-engine"
    return root / f"kernels-{digest.hexdigest()[:16]}"


def _import_kernels() -> None:
    """Import every kernel with Numba's cache set to ``cache_folder``; other users of Numba keep their own setting."""
    from numba import config

    sources = Path(__file__).resolve().parent
    given = config.CACHE_DIR
    try:
        config.CACHE_DIR = str(cache_folder(sources, given))
    except RuntimeError:  # no home folder
        config.CACHE_DIR = ""
    try:
        for path in sorted(sources.glob("*.py")):
            if path.stem != "__init__":
                import_module(f"{__name__}.{path.stem}")
    finally:
        config.CACHE_DIR = given


_import_kernels()

"""Modules of kernels that tests write, as a new process would have them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from numba import config


def load(folder: Path, name: str) -> ModuleType:
    """The module ``folder/name.py``, its compiled code in ``folder/cache``; one of this name that was loaded before gives way."""
    found = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert found is not None and found.loader is not None
    made = sys.modules[name] = importlib.util.module_from_spec(found)
    given = config.CACHE_DIR
    config.CACHE_DIR = str(folder / "cache")
    try:
        found.loader.exec_module(made)
    finally:
        config.CACHE_DIR = given
    return made

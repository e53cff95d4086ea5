"""Crosses whose cases test the same lines: some of them in every run, all of them with ``-m slow``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def some(values: Iterable[Any], every: int, *, several: bool = False) -> list[Any]:
    """Every so many-th value, the first among them, as it is; the others marked slow. ``several``: a value is a tuple of arguments."""
    return [
        value if k % every == 0 else pytest.param(*(value if several else (value,)), marks=pytest.mark.slow)
        for k, value in enumerate(values)
    ]

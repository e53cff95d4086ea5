"""Arrays that are made as they are written: one number a draw and row is more than memory should hold at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

Place = tuple[slice, ...]


@dataclass(frozen=True)
class Stream:
    """An array of float64 in parts. ``blocks()``: (place in the array, the numbers there), each place once."""

    shape: tuple[int, ...]
    blocks: Callable[[], Iterator[tuple[Place, np.ndarray]]]

    def whole(self) -> np.ndarray:
        """The array itself."""
        out = np.empty(self.shape)
        for place, numbers in self.blocks():
            out[place] = numbers
        return out

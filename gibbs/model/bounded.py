"""Files of bytes that end in time: what a packed file unpacks to is bounded, and so is the first row of a table.

A gzip file of 10 MB can unpack to 10 GB of one repeated line, and a file without a line end is one row, however long.
"""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import BinaryIO

from gibbs.errors import DataError

MOST_UNPACKED = 256_000_000
"""Bytes that a packed file may unpack to whatever its size."""
MOST_TIMES = 100
"""Times its own size that a packed file may unpack to beyond that; tables unpack to 3 to 30 times."""
LONGEST_HEADER = 32_000_000
"""Bytes within which the header and the first row end: room for 100,000 names of 300 letters."""


def open_bytes(path: Path, source: str, most: int | None = None) -> BinaryIO:
    """The bytes of ``path``, unpacked where it begins as gzip does, whatever it is called.

    most : for a look at the beginning: reading on behind so many bytes is refused. None: all of a plain file, and of a packed one up to
        ``MOST_UNPACKED`` bytes or ``MOST_TIMES`` its size, whichever is more.
    The DataError is raised by the read that goes too far.
    """
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    size = path.stat().st_size
    opened = gzip.open(path, "rb") if packed else path.open("rb")
    if most is not None:
        problem = f"the header and the first row do not end within {most:,} bytes: this is no table with a row a line."
        return io.BufferedReader(_Bounded(opened, most, problem, source), 1 << 16)
    if not packed:
        return opened
    most = max(MOST_UNPACKED, MOST_TIMES * size)
    problem = (
        f"the packed file has {size:,} bytes and unpacks to more than {most:,}, which a table hardly does. If it is one, unpack it first: "
        f"gunzip -k {path.name}"
    )
    return io.BufferedReader(_Bounded(opened, most, problem, source), 1 << 20)


class _Bounded(io.RawIOBase):
    """The bytes of another file, as long as they are not too many."""

    def __init__(self, inner: BinaryIO, most: int, problem: str, source: str) -> None:
        self._inner, self._left, self._problem, self._source = inner, most, problem, source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        part = self._inner.read(len(buffer))
        self._left -= len(part)
        if self._left < 0:
            raise DataError(self._problem, where=self._source)
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        self._inner.close()
        super().close()

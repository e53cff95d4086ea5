"""Named arrays in a file that knows whether it is whole: versioned, checksummed, nothing in it is ever run.

A file is one block or several, one after the other, each

    8 bytes     89 47 49 42 42 53 0D 0A ("GIBBS" between bytes that a transfer as text would change)
    4 bytes     version of the layout, 1
    4 bytes     H, bytes of the header
    8 bytes     P, bytes of the arrays
    H bytes     the header, JSON in UTF-8: {"about": {…}, "arrays": [[name, kind, [lengths]], …]}
    P bytes     the arrays in this order, each in C order
    32 bytes    SHA-256 of all of that

Whole numbers are little-endian, and so are the arrays; kinds are those of ``KINDS``, as numpy writes them.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

MAGIC = b"\x89GIBBS\r\n"
VERSION = 1
KINDS = ("<f8", "<f4", "<i8", "<i4", "<u8", "<u4", "|b1")
_HEAD = struct.Struct("<8sIIQ")
_SUM = 32


class Damaged(ValueError):
    """The block is not as it was written; says how."""


def write(file: BinaryIO, about: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> int:
    """Write one block where the file stands, and give its length in bytes. TypeError: an array of another kind."""
    parts = {name: _plain(name, array) for name, array in arrays.items()}
    listed = [[name, array.dtype.str, list(arrays[name].shape)] for name, array in parts.items()]
    header = json.dumps({"about": about, "arrays": listed}, ensure_ascii=False, allow_nan=False).encode()
    head = _HEAD.pack(MAGIC, VERSION, len(header), sum(array.nbytes for array in parts.values()))
    digest, size = hashlib.sha256(), _SUM
    for part in (head, header, *(memoryview(array).cast("B") for array in parts.values() if array.size)):
        file.write(part)
        digest.update(part)
        size += len(part)
    file.write(digest.digest())
    return size


def read(file: BinaryIO) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """The block that begins where the file stands: (about, arrays); None at the end of the file. Raises Damaged."""
    digest = hashlib.sha256()

    def take(size: int) -> bytearray:
        part = bytearray(size)
        if file.readinto(part) < size:
            raise Damaged("it is cut short")
        digest.update(part)
        return part

    left = os.fstat(file.fileno()).st_size - file.tell()
    if left == 0:
        return None
    magic, version, of_header, of_arrays = _HEAD.unpack(take(_HEAD.size))
    if magic != MAGIC:
        raise Damaged("it does not begin as it should")
    if version != VERSION:
        raise Damaged(f"it has layout {version}, and this version of gibbs reads {VERSION}")
    if _HEAD.size + of_header + of_arrays + _SUM > left:
        raise Damaged("it is cut short")
    header = take(of_header)
    body = np.frombuffer(take(of_arrays), dtype=np.uint8)
    if file.read(_SUM) != digest.digest():
        raise Damaged("its contents are not those that were written (another checksum)")
    try:
        words = json.loads(header.decode())
        return words["about"], _arrays(words["arrays"], body)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise Damaged("its header is not understood") from error


def _plain(name: str, array: np.ndarray) -> np.ndarray:
    """Flat, in C order and little-endian."""
    flat = np.ascontiguousarray(array).reshape(-1)
    flat = flat.astype(flat.dtype.newbyteorder("<"), copy=False)
    if flat.dtype.str not in KINDS:
        raise TypeError(f"'{name}' is of kind {flat.dtype.str}")
    return flat


def _arrays(listed: list[Any], body: np.ndarray) -> dict[str, np.ndarray]:
    found, at = {}, 0
    for name, kind, lengths in listed:
        if kind not in KINDS or any(not isinstance(n, int) or n < 0 for n in lengths):
            raise ValueError(name)
        dtype = np.dtype(kind)
        size = math.prod(lengths) * dtype.itemsize
        if at + size > body.size:
            raise ValueError(name)
        found[name] = body[at : at + size].view(dtype).reshape(lengths).astype(dtype.newbyteorder("="), copy=False)
        at += size
    if at != body.size:
        raise ValueError("bytes are left over")
    return found

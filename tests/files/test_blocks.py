"""Blocks come back as they were written, and a block that is not as it was written says so, whatever was done to it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from gibbs.files import blocks

ARRAYS = {
    "numbers": np.array([[1.5, -np.inf], [np.nan, 0.0]]),
    "one": np.array(7),
    "none": np.zeros((0, 3)),
    "short": np.array([0.1, 0.2], dtype=np.float32),
    "bits": np.array([2**63 + 1, 0], dtype=np.uint64),
    "counts": np.arange(4, dtype=np.uint32),
    "marks": np.array([True, False]),
    "turned": np.arange(6.0).reshape(2, 3).T,
    "big": np.arange(3, dtype=">i8"),
}
SECOND = 83
"""Bytes of a block that holds nothing."""
ABOUT = {"spec": "y ~ x + (1 | größe)\n", "done": [1, 2], "none": None}


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    with open(tmp_path / "file", "wb") as file:
        first = blocks.write(file, ABOUT, ARRAYS)
        second = blocks.write(file, {}, {})
    assert second == SECOND and (tmp_path / "file").stat().st_size == first + second
    return tmp_path / "file"


def test_blocks_come_back(path: Path) -> None:
    with open(path, "rb") as file:
        about, arrays = blocks.read(file) or ({}, {})
        assert blocks.read(file) == ({}, {}) and blocks.read(file) is None
    assert about == ABOUT and list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].shape == array.shape and arrays[name].dtype == array.dtype.newbyteorder("=")


def test_whatever_is_cut_off_is_missed(path: Path) -> None:
    whole = path.read_bytes()
    for size in (1, 8, 23, 24, 100, len(whole) // 2, len(whole) - SECOND - 1):
        path.write_bytes(whole[:size])
        with open(path, "rb") as file, pytest.raises(blocks.Damaged, match="cut short"):
            blocks.read(file)


def test_every_flipped_bit_is_noticed(path: Path) -> None:
    whole, rng = path.read_bytes(), np.random.default_rng(1)
    for place in [*range(24), *rng.integers(24, len(whole) - SECOND, 200)]:
        wrong = bytearray(whole)
        wrong[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(wrong)
        with open(path, "rb") as file, pytest.raises(blocks.Damaged):
            blocks.read(file)


def test_a_block_of_another_version_says_so(path: Path) -> None:
    path.write_bytes(blocks._HEAD.pack(blocks.MAGIC, 2, 0, 0) + bytes(100))
    with open(path, "rb") as file, pytest.raises(blocks.Damaged, match="layout 2"):
        blocks.read(file)


@pytest.mark.parametrize(
    "header", [b"[]", b"{", b'{"about": {}, "arrays": [["a", "|O8", [1]]]}', b'{"about": {}, "arrays": [["a", "<f8", [9]]]}']
)
def test_a_header_that_nobody_wrote_is_no_block(path: Path, header: bytes) -> None:
    import hashlib

    body = blocks._HEAD.pack(blocks.MAGIC, 1, len(header), 8) + header + bytes(8)
    path.write_bytes(body + hashlib.sha256(body).digest())
    with open(path, "rb") as file, pytest.raises(blocks.Damaged, match="not understood"):
        blocks.read(file)


def test_objects_are_not_written() -> None:
    with pytest.raises(TypeError, match="'a' is of kind"):
        blocks.write(io.BytesIO(), {}, {"a": np.array([object()])})

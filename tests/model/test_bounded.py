"""Packed files and rows without an end stop at a stated size, before they fill the memory."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from gibbs.errors import DataError
from gibbs.model import bounded, csv_file, data, spec


def read(file: Path):
    return data.read(spec.build({"formula": "y ~ x", "data": {"file": str(file)}}))


def test_a_packed_file_that_unpacks_without_end_is_refused_and_says_how_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MOST_UNPACKED", 100_000)
    file = tmp_path / "bomb.csv.gz"
    file.write_bytes(gzip.compress(b"y,x\n" + b"1,2\n" * 1_000_000, 9))
    with pytest.raises(DataError, match=r"unpacks to more than 3\d\d,\d{3}.*gunzip -k bomb.csv.gz"):
        read(file)


def test_a_packed_table_of_ordinary_density_is_read_whatever_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MOST_UNPACKED", 1_000)
    file = tmp_path / "d.csv.gz"
    file.write_bytes(gzip.compress(b"y,x\n" + b"".join(b"%d,%d\n" % (i, i * i % 997) for i in range(5_000))))
    assert len(read(file).frame) == 5_000


def test_a_first_row_without_an_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "LONGEST_HEADER", 100_000)
    for name, content in {
        "a.csv": b"y" * 2_000_000,
        "b.csv": b"y,x\n" + b"1," * 1_000_000,
        "c.csv.gz": gzip.compress(b"x" * 2_000_000),
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="do not end within 100,000 bytes"):
            read(tmp_path / name)

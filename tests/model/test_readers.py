"""Damaged and odd files of every kind: one message that names the place, whatever the library behind makes of the bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from gibbs.errors import DataError
from gibbs.model import data, spec, trial


def read(file: Path):
    return data.read(spec.build({"formula": "y ~ x", "data": {"file": str(file)}}))


@pytest.mark.parametrize("column", [pa.array([[1.0], [2.0]]), pa.array([{"a": 1}, {"a": 2}]), pa.array([b"a", b"b"])])
def test_nested_and_binary_columns_of_parquet_are_refused_with_row_and_column(tmp_path: Path, column: pa.Array) -> None:
    parquet.write_table(pa.table({"y": [1.0, 2.0], "x": column}), tmp_path / "d.parquet")
    with pytest.raises(DataError, match="column 'x': row 1 holds"):
        read(tmp_path / "d.parquet")


def test_damaged_parquet_is_one_message_whatever_byte_is_wrong(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"y": np.arange(50.0), "x": [f"w{i % 7}" for i in range(50)]}), tmp_path / "ok.parquet")
    whole = (tmp_path / "ok.parquet").read_bytes()
    refused = 0
    for at in range(0, len(whole), 3):
        (tmp_path / "d.parquet").write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            read(tmp_path / "d.parquet")
        except DataError:
            refused += 1
    assert refused > 50


def test_a_parquet_file_of_more_rows_than_the_memory_holds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet.write_table(pa.table({"y": np.arange(50.0), "x": np.ones(50)}), tmp_path / "d.parquet")
    monkeypatch.setattr("gibbs.memory.installed", lambda: 799)
    asked = spec.build({"formula": "y ~ x", "data": {"file": str(tmp_path / "d.parquet"), "rows": "memory"}})  # they could stay on disk
    with pytest.raises(DataError, match="2 columns of 50 rows need 800 bytes, and this machine has 799 bytes"):
        data.read(asked)


def test_a_header_longer_than_a_block_of_the_parser_is_read(tmp_path: Path) -> None:
    names = [f"variable_with_a_long_name_{i}" for i in range(60_000)]
    (tmp_path / "wide.csv").write_text("y,x," + ",".join(names) + "\n" + "".join(f"{i},{i * i % 7}{',1' * 60_000}\n" for i in range(5)))
    assert read(tmp_path / "wide.csv").frame["x"].tolist() == [0, 1, 4, 2, 2]


def test_a_wrong_row_in_another_encoding_prints_no_traceback(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "d.csv").write_bytes("y,x,name\n1,2,a\n2,3,Zürich,Genève\n".encode("latin-1"))
    with pytest.raises(DataError):
        read(tmp_path / "d.csv")
    assert capfd.readouterr().err == ""


def test_an_spss_file_that_breaks_its_library_is_one_message(tmp_path: Path) -> None:
    """Found by ``python -m tests.fuzz``: a segmentation fault inside pyreadstat, which no ``except`` can stop."""
    import pandas as pd
    import pyreadstat

    table = pd.DataFrame({"y": np.arange(30.0), "x": [f"word {i % 7}" for i in range(30)]})
    pyreadstat.write_sav(table, str(tmp_path / "ok.zsav"), compress=True)
    assert len(read(tmp_path / "ok.zsav").frame) == 30
    whole = (tmp_path / "ok.zsav").read_bytes()
    for at in range(8, len(whole), max(1, len(whole) // 6)):
        (tmp_path / "d.zsav").write_bytes(whole[:at] + b"\xff" * 8 + whole[at + 8 :])
        try:
            read(tmp_path / "d.zsav")
        except DataError as error:
            assert str(error).count("\n") == 0


def test_a_file_that_ends_the_process_that_reads_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "d.sav").write_bytes(b"$FL2")
    reads = "import pyreadstat\npyreadstat.read_sav(sys.argv[1])"
    assert reads in trial._SPSS
    for program, words in {"import os; os.abort()": "its library breaks on it", "while True: pass": "not come to an end"}.items():
        monkeypatch.setattr("gibbs.model.trial._SPSS", trial._SPSS.replace(reads, program))
        monkeypatch.setattr("gibbs.model.trial.SECONDS", 1.0)
        trial._spss.cache_clear()
        with pytest.raises(DataError, match=words):
            read(tmp_path / "d.sav")
        monkeypatch.undo()
    trial._spss.cache_clear()


def test_a_process_that_waits_its_turn_on_a_busy_machine_may_take_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "d.sav").write_bytes(b"$FL2")
    monkeypatch.setattr("gibbs.model.trial._SPSS", "import time; time.sleep(0.6)")
    monkeypatch.setattr("gibbs.model.trial.SECONDS", 0.3)
    trial._spss.cache_clear()
    trial.spss(tmp_path / "d.sav", "d.sav")  # not refused
    assert trial._spss.cache_info().currsize == 1, "the trial did not take place"
    trial._spss.cache_clear()

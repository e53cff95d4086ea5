"""Quotes of CSV files: one that never closes is refused with its line, one that is text is text, values of several lines are read."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gibbs.errors import DataError
from gibbs.model import data, quotes
from gibbs.model.records import DataSource, Spec

FAULTS = Path(__file__).resolve().parents[3] / "shared" / "faults"


def spec(tmp_path: Path, name: str, text: str) -> Spec:
    content = gzip.compress(text.encode()) if name.endswith(".gz") else text.encode()
    (tmp_path / name).write_bytes(content)
    return Spec(formula="y ~ (1 | g)", data=DataSource(file=name), path=tmp_path / "m.yaml")


def read(tmp_path: Path, name: str, text: str) -> list[object]:
    return data.read(spec(tmp_path, name, text), None, ["y", "g"]).frame["g"].tolist()


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("d.csv", 'y,g\n1,a\n2,"b\n3,c\n', 3),
        ("d.csv.gz", 'y,g\n1,a\n2,"b\n3,c\n', 3),
        ("d.tsv", 'y\tg\n1\ta\n2\t"b\n3\tc\n', 3),
        ("d.csv", 'y;g\n1;a\n2;"b\n', 3),
        ("d.csv", '"y","g"\r\n1,"a"\r\n2,""\r\n3,"c\r\n', 4),
        ("d.csv", 'y,"g\n1,a\n2,b\n', 1),
        ("d.csv", '\ufeff"y","g\n1,"a"\n', 1),
        ("d.csv", 'y,g\n1,"two\nlines"\n2,"b ""c\n3,d\n', 4),
        pytest.param("d.csv", 'y;g\n1;"a\n' + "2;b\n" * 300_000, 2, id="longer than the header's reader reads"),
        ("d.csv", 'y,g\n1,a\n2,"', 3),
        ("d.csv", 'y,g\n1,a 12" pipe\n2,"b\n', 3),
        ("d.csv", 'y,g\n1,"a"\n2,"b\n3,"c"\n4,"d"\n', 3),  # closed by the quote that opens the next value
        ("d.csv", 'y,g,z\n1,"Smith,1\n2,"Jones",2\n3,"K",3\n', 2),
        ("d.csv", 'y,g\r1,a\r2,"b\r3,c\r', 3),  # lines of old Macs
    ],
)
def test_a_quote_that_never_closes_is_refused_with_its_line(name: str, text: str, line: int, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"{name}, line {line}: a quote opens here and (is never closed|closes only on line)"):
        read(tmp_path, name, text)


def test_the_line_is_counted_over_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f'{i},"level ""{i % 7}"" of\nseven"' for i in range(200)]
    text = "\n".join(["y,g", *rows, '1,"open', *rows[:0], "2,x"]) + "\n"
    for block in (1, 7, 64, 1000):
        monkeypatch.setattr(quotes, "_BLOCK", block)
        with pytest.raises(DataError, match="line 402: a quote opens here and is never closed"):
            quotes.scan(io.BytesIO(text.encode()), ",", "d.csv")


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ('y,g\n1,12" pipe\n2,b\n', ['12" pipe', "b"]),
        ('y,g\n1,"a 12"" pipe"\n2,b\n', ['a 12" pipe', "b"]),
        ('y,g\n1,"two\nlines, one value"\n2,b\n', ["two\nlines, one value", "b"]),
        ('y,g\n1,"""x"""\n2,b\n', ['"x"', "b"]),
        ('y,g\n1,a"b"c\n2,"b"\n', ['a"b"c', "b"]),
        ('"y","g"\r\n1,"a"\r\n2,"b"\r\n', ["a", "b"]),
        ('y,g\n1,"a"\n2,"b"', ["a", "b"]),
    ],
)
def test_quotes_that_are_right_are_read(text: str, levels: list[str], tmp_path: Path) -> None:
    assert read(tmp_path, "d.csv", text) == levels


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('y,g,z\n1,"a,1\n2,b,2\n3,5 in",3\n4,c,4\n', (2, 4)),  # a quote that opens, and a mark of inches lines on
        ('y,g\n1,"a\n2,b\n3,c"\n4,d\n', (2, 4)),
        ('y,g,z\n1,"two\nlines, of text",3\n2,b,4\n', None),
        ('y,g\n1,"two\nlines, of text"\n2,b\n', None),
        ('y,g,z\r1,"two\rlines, of text",3\r2,b,4\r', None),
        ("y,g,z\n" + '1,"a,1\n2,b",2\n' * 5, None),  # a column of texts of several lines
    ],
)
def test_rows_that_two_stray_quotes_make_one_value_of_are_told_of(text: str, lines: tuple[int, int] | None, tmp_path: Path) -> None:
    notes = data.read(spec(tmp_path, "d.csv", text), None, ["y"]).notes  # also where the column is not used
    assert len(notes) == (lines is not None)
    if lines:
        assert f"opens on line {lines[0]} closes on line {lines[1]}" in notes[0]


def test_the_file_that_swallowed_its_rows() -> None:
    if not FAULTS.is_dir():
        pytest.skip("../shared/faults is not here")
    lines = (FAULTS / "open_quote" / "data.csv").read_text(encoding="utf-8").splitlines()
    line = 1 + next(i for i, text in enumerate(lines) if '"' in text)
    broken = Spec(formula="y ~ x + (1 | g)", data=DataSource(file="data.csv"), path=FAULTS / "open_quote" / "spec.yaml")
    with pytest.raises(DataError, match=f"data.csv, line {line}: a quote opens here and is never closed"):
        data.read(broken)


@given(st.lists(st.tuples(st.text('ab",\n 0', max_size=6), st.text('ab",\n 0', max_size=6)), min_size=1, max_size=8), st.integers(1, 9))
def test_what_a_writer_of_csv_writes_is_never_refused(rows: list[tuple[str, str]], block: int) -> None:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    file, whole = out.getvalue().encode(), quotes._BLOCK
    at_once = quotes.scan(io.BytesIO(file), ",", "d.csv")
    assert bool(at_once.spans) == any("\n" in value for row in rows for value in row)
    try:
        quotes._BLOCK = block
        assert quotes.scan(io.BytesIO(file), ",", "d.csv") == at_once
    finally:
        quotes._BLOCK = whole


@given(st.lists(st.text("abc ", min_size=1, max_size=6), min_size=2, max_size=9), st.data())
def test_one_quote_too_few_is_always_found(words: list[str], draw: st.DataObject) -> None:
    lines = [f'{i},"{word}"' for i, word in enumerate(words)]
    k = draw.draw(st.integers(0, len(lines) - 1))
    lines[k] = lines[k].removesuffix('"')
    with pytest.raises(DataError, match=f"line {k + 1}: a quote opens here"):
        quotes.scan(io.BytesIO(("\n".join(lines) + "\n").encode()), ",", "d.csv")

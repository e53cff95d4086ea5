"""Workbooks: a sheet means what a CSV file of it means; the files are written here, from the format's own parts."""

from __future__ import annotations

import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd
import pytest

from gibbs.errors import DataError
from gibbs.model import data
from gibbs.model.records import DataSource, Spec

pytest.importorskip("python_calamine")

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_RELATIONS = "application/vnd.openxmlformats-package.relationships+xml"


def write(path: Path, **sheets: list[list[object]]) -> None:
    """An .xlsx file: text as inline strings, numbers, truth values, ``ValueError`` as the error #N/A."""
    with zipfile.ZipFile(path, "w") as book:
        kinds = "".join(
            f'<Override PartName="/xl/worksheets/sheet{k}.xml" ContentType="{_TYPE}.worksheet+xml"/>' for k in range(1, len(sheets) + 1)
        )
        book.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType="{_RELATIONS}"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
            f"{kinds}</Types>",
        )
        target = f'<Relationship Id="r1" Type="{_REL}/officeDocument" Target="xl/workbook.xml"/>'
        book.writestr("_rels/.rels", f'<Relationships xmlns="{_PACKAGE}/relationships">{target}</Relationships>')
        named = "".join(f'<sheet name="{name}" sheetId="{k}" r:id="r{k}"/>' for k, name in enumerate(sheets, start=1))
        book.writestr("xl/workbook.xml", f'<workbook xmlns="{_MAIN}" xmlns:r="{_REL}"><sheets>{named}</sheets></workbook>')
        related = "".join(
            f'<Relationship Id="r{k}" Type="{_REL}/worksheet" Target="worksheets/sheet{k}.xml"/>' for k in range(1, len(sheets) + 1)
        )
        book.writestr("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{_PACKAGE}/relationships">{related}</Relationships>')
        for k, rows in enumerate(sheets.values(), start=1):
            lines = "".join(
                f'<row r="{r}">{"".join(_cell(v, r, c) for c, v in enumerate(row))}</row>' for r, row in enumerate(rows, start=1)
            )
            book.writestr(f"xl/worksheets/sheet{k}.xml", f'<worksheet xmlns="{_MAIN}"><sheetData>{lines}</sheetData></worksheet>')


def _cell(value: object, row: int, column: int) -> str:
    place = f'r="{chr(65 + column)}{row}"'
    if value is None:
        return ""
    if value is ValueError:
        return f'<c {place} t="e"><v>#N/A</v></c>'
    if isinstance(value, bool):
        return f'<c {place} t="b"><v>{int(value)}</v></c>'
    if isinstance(value, (int, float)):
        return f"<c {place}><v>{value!r}</v></c>"
    return f'<c {place} t="inlineStr"><is><t>{escape(str(value))}</t></is></c>'


ROWS = [
    ["y", "n", "g", "code", "old"],
    [1.5, 3, "Áncash", "01", True],
    ["NA", 1, "Lima", "02", False],
    [-0.1 / 3, 4, None, "10", True],
    [1e-3, 1, "Lima", "01", None],
]


def spec(tmp_path: Path, name: str = "d.xlsx", **options: object) -> Spec:
    return Spec(formula="y ~ n + (1 | g)", data=DataSource(file=name, **options), path=tmp_path / "m.yaml")


def refused(made: Spec) -> str:
    with pytest.raises(DataError) as caught:
        data.read(made)
    return str(caught.value)


def test_a_sheet_means_what_its_csv_file_means(tmp_path: Path) -> None:
    write(tmp_path / "d.xlsx", people=[[None], *ROWS, [None]])
    text = "\n".join(
        ",".join("" if v is None else str(v).upper() if isinstance(v, bool) else repr(v) if isinstance(v, float) else str(v) for v in row)
        for row in ROWS
    )
    (tmp_path / "d.csv").write_text(text, encoding="utf-8")
    names = ["y", "n", "g", "code", "old"]
    book, plain = data.read(spec(tmp_path), None, names), data.read(spec(tmp_path, "d.csv"), None, names)
    for name in names:
        pairs = zip(book.frame[name], plain.frame[name], strict=True)
        assert all((pd.isna(a) and pd.isna(b)) or a == b for a, b in pairs), name
    assert book.fingerprint == plain.fingerprint and not book.notes
    np.testing.assert_array_equal(book.frame["y"].to_numpy(float), [1.5, np.nan, -0.1 / 3, 1e-3])
    assert book.frame["code"].astype(str).tolist() == ["01", "02", "10", "01"]


def test_sheets_are_chosen_by_name(tmp_path: Path) -> None:
    write(tmp_path / "d.xlsx", notes=[["nothing", "here"], [1, 2]], people=ROWS)
    assert "did you mean" not in refused(spec(tmp_path)) and "no column" in refused(spec(tmp_path))
    assert len(data.read(spec(tmp_path, sheet="people")).frame) == 4
    assert "Did you mean 'people'?" in refused(spec(tmp_path, sheet="poeple"))
    write(tmp_path / "e.xlsx", people=ROWS, more=ROWS)
    assert "2 sheets" in data.read(spec(tmp_path, "e.xlsx")).notes[0]


def test_errors_of_formulas_are_missing(tmp_path: Path) -> None:
    write(tmp_path / "d.xlsx", one=[["y", "n", "g"], [1, ValueError, "a"], [2, 5, "b"]])
    assert data.read(spec(tmp_path)).frame["n"].isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty"),
        (b"PK\x03\x04nothing", "cannot be read as a workbook"),
        (b"y,n,g\n1,2,a\n", "cannot be read as a workbook"),
        (b"\x89PNG....", "a picture"),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "d.xlsx").write_bytes(content)
    assert expected in refused(spec(tmp_path))


def test_empty_sheets(tmp_path: Path) -> None:
    write(tmp_path / "d.xlsx", one=[])
    assert "the sheet is empty" in refused(spec(tmp_path))
    write(tmp_path / "d.xlsx", one=[["y", "n", "g"]])
    assert "no rows" in refused(spec(tmp_path))


def test_a_workbook_that_unpacks_to_too_much(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "d.xlsx", "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/workbook.xml", b"0" * 300_000_000)
    assert "unpacks to" in refused(spec(tmp_path))

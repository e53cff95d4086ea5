"""What is wrong with a file or a table is said in our own words: none of a library's reaches a person."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

import gibbs
from gibbs.errors import GibbsError, SpecError
from gibbs.model import signatures, yaml_lines

THEIRS = re.compile(
    r"straddl|block_size|Arrow|arrow|pandas|numpy|pydantic|h5py|HDF5 error|yaml\.|PyYAML|scalar|<block|token|magic|footer|codec|dtype|"
    r"Traceback|0x[0-9a-f]{6}|synchronously|errno|NoneType|isoformat|struct\.|unpack requires|All arrays|Mixing dicts|object at",
)

YAML = {
    "a: [1, 2\nb: 3\n": "a comma or the closing bracket is missing",
    "a: {b: 1\nc: 2\n": "a comma or the closing brace is missing",
    "a: 'x\nb: 2\n": "a quote is never closed",
    'a: "\\q"\n': "a backslash in double quotes",
    "a: b\n- c\n": "indented unlike the keys above it",
    "- a\nb: c\n": "indented unlike the entries of the list",
    "a: 'x' y\n": "follows a value whose quotes have ended",
    "a: b\n...\nc: d\n": "does not belong to it",
    "a: *x\n": "begins with * needs quotes",
    "a: &\n": "begins with *, & or % needs quotes",
    "a: &x 1\nb: &x 2\n": "begins with & needs quotes",
    "a: ]\n": "a value is missing before this",
    "a: - b\n": "an entry of a list",
    "a: |9x\n b\n": "begins with | or > needs quotes",
    "a: !e!x y\n": "begins with ! needs quotes",
    "a: ? b\n": "begins with '? ' needs quotes",
    "a: 'x\n---\nb'\n": "a quote is never closed",
    "a: |\nb\n": "a key without its colon",
}


@pytest.mark.parametrize("text", YAML)
def test_yaml_that_is_none(text):
    with pytest.raises(SpecError) as error:
        yaml_lines.parse(text, "m.yaml")
    said = str(error.value)
    assert YAML[text] in said and "this is not YAML" in said and "m.yaml, line" in said
    assert not THEIRS.search(said.split("\n")[0])


@pytest.mark.parametrize(
    "text", ["a: {}\n" * 3, "'", '"', "[", "{", "- ? x", "&", "*", "!", "%", "|", ">", "@", "`", "a: b: c", "\u2028: x"]
)
def test_odd_specs_are_one_message(text):
    try:
        yaml_lines.parse(text, "m.yaml")
    except SpecError as error:
        assert not THEIRS.search(error.message.split("\n")[0]), error


CSV = "y,x\n" + "".join(f"{i}.5,{i % 3}\n" for i in range(30))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("mark", [True, False])
def test_encodings_have_their_names(encoding, mark):
    """With a byte order mark and without, of either end; letters beyond ASCII further on change nothing."""
    text = ("\ufeff" if mark and "-" in encoding[4:] else "") + CSV + "5.5,é漢\n"
    raw = text.encode(encoding)
    if not mark and encoding in ("utf-16", "utf-32"):
        raw = raw[2 if encoding == "utf-16" else 4 :]
    assert signatures.encoding(raw) == encoding[:6].upper()


@pytest.mark.parametrize(
    "raw", [b"", b"\0", b"y,x\n1,2\n", "é,ü\n1,2\n".encode(), b"y\0n\n1,2", bytes(64), b"\0\0\0y", "漢字,かな\n".encode()]
)
def test_what_is_no_wide_encoding(raw):
    assert signatures.encoding(raw) == ""


FILES = {
    "utf32.csv": (CSV.encode("utf-32"), "the file is UTF-32; save it as UTF-8"),
    "utf16.csv": (CSV.encode("utf-16"), "the file is UTF-16; save it as UTF-8"),
    "utf16.csv.gz": (gzip.compress(CSV.encode("utf-16")), "the file is UTF-16; save it as UTF-8"),
    "sheet.csv": (b"PK\3\4 and so on", "a zip archive or a spreadsheet; save the sheet as CSV"),
    "old.csv": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old spreadsheet"),
    "page.csv": (b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", "a web page"),
    "parquet.csv": (b"PAR1 and so on", "a Parquet file; name it .parquet"),
    "stata.csv": (b"<stata_dta><header>", "a Stata file; name it .dta"),
    "packed.csv": (b"BZh91AY", "packed by bzip2"),
    "text.parquet": (CSV.encode(), "the file is no Parquet file"),
    "half.parquet": (b"PAR1" + bytes(200), "the file is no Parquet file: it is damaged, cut short"),
    "sheet.parquet": (b"PK\3\4" + bytes(50), "by its first bytes it is a zip archive"),
    "text.dta": (CSV.encode(), "cannot be read as a Stata file"),
    "half.dta": (b"<stata_dta><header><release>118</release>", "cannot be read as a Stata file: it is damaged"),
    "sheet.dta": (b"PK\3\4" + bytes(50), "a zip archive"),
    "long.csv": (("y,x\n1,2\n3,4\n5," + "z" * 3_000_000 + "\n").encode(), None),
    "name.csv": (("y,x," + "z" * 1_500_000 + "\n1,2,3\n").encode(), "a name in the header has more than 1,000,000 characters"),
    "rows.csv": (b"y,x\n1,2\n2,3\n4,5,6\n", "row 3 has 3 fields"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_not_what_they_are_called(name, tmp_path: Path):
    raw, words = FILES[name]
    (tmp_path / name).write_bytes(raw)
    if words is None:
        return gibbs.check("y ~ x", tmp_path / name, seed=1) and None
    with pytest.raises(GibbsError) as error:
        gibbs.check("y ~ x", tmp_path / name)
    assert words in str(error.value) and name in str(error.value)
    assert not THEIRS.search(str(error.value).replace(str(tmp_path), "")), error.value
    return None


@pytest.mark.parametrize("raw", ["formula: y ~ x".encode("utf-32"), "formula: y ~ x".encode("utf-16-le"), b"PK\3\4", b"PAR1...."])
def test_specs_that_are_no_text(raw, tmp_path):
    (tmp_path / "m.yaml").write_bytes(raw)
    with pytest.raises(SpecError, match=r"the file is (UTF-32|UTF-16|a zip archive|a Parquet file)"):
        gibbs.check(tmp_path / "m.yaml")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"y": [1, 2, 3], "x": [1, 2]}, "different numbers of values, 3 in 'y'; 2 in 'x'"),
        ({"y": [1, 2], "x": np.zeros((2, 2))}, "'x' is ndarray"),
        ({"y": 1.0, "x": 2}, "'y' is float"),
        ({"y": [1, 2, 3], "x": {1, 2, 3}}, "'x' is set"),
        ({"y": "abc"}, "'y' is str"),
    ],
)
def test_mappings_that_are_no_table(columns, words):
    with pytest.raises(GibbsError, match="these columns are no table") as error:
        gibbs.check("y ~ x", columns)
    assert words in str(error.value) and not THEIRS.search(str(error.value))

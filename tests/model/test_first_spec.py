"""The first model of a table: what each column is taken for, on data whose models are known, and that what is written runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from gibbs.cli import main
from gibbs.errors import DataError
from gibbs.model import first_spec
from gibbs.model import spec as specs
from gibbs.printable import printable

ROOT = Path(__file__).resolve().parents[2]
rng = np.random.default_rng(16)


def frame(n: int = 240, **more: object) -> pd.DataFrame:
    return pd.DataFrame({"rownames": range(1, n + 1), "x": rng.normal(size=n), **more})


@pytest.mark.parametrize(
    ("values", "family", "one"),
    [
        (rng.normal(size=240), "gaussian", ""),
        (rng.integers(0, 2, 240), "logit", ""),
        (np.where(rng.random(240) < 0.5, "No", "Yes"), "logit", "Yes"),
        (rng.poisson(2.0, 240), "negative_binomial", ""),
        (1 + rng.integers(0, 5, 240), "ordinal", ""),
        (pd.Categorical.from_codes(rng.integers(0, 3, 240), ["low", "middle", "high"], ordered=True), "ordinal", ""),
    ],
)
def test_the_family_is_that_of_the_outcome(values: object, family: str, one: str) -> None:
    found = first_spec.propose(frame(y=values))
    assert (found.outcome, found.family, found.one) == ("y", family, one)
    assert found.predictors == ("x",) and found.left["rownames"]


@pytest.mark.parametrize(
    ("name", "values", "group"),
    [
        ("school", np.repeat(np.arange(101, 125), 10), True),
        ("districtcode", np.repeat(np.arange(24), 10), True),
        ("town", [f"town {k}" for k in np.repeat(np.arange(12), 20)], True),
        ("word", [f"word {k}" for k in np.repeat(np.arange(12), 20)], True),  # many words are groups whatever they are called
        ("colour", np.tile(["red", "green", "blue"], 80), False),
        ("s", np.repeat(np.arange(1, 25), 10), True),  # codes: every whole number from 1
        ("age", np.tile(np.arange(18, 78), 4), False),
        ("school", np.repeat(["a", "b", "c"], 80), False),  # of three a sd is hardly known
    ],
)
def test_groups_go_by_name_and_by_codes(name: str, values: object, group: bool) -> None:
    found = first_spec.propose(frame(y=rng.normal(size=240), **{name: values}))
    assert (name in found.groups) is group
    assert group or name in found.predictors


def test_what_cannot_be_in_it_is_left_out_with_the_reason() -> None:
    table = frame(y=rng.normal(size=240), same=1, day=pd.date_range("2020-01-01", periods=240))
    table["gone"] = np.where(np.arange(240) < 100, np.nan, 1.0 * np.arange(240))
    found = first_spec.propose(table.assign(**{"odd`name": np.sqrt(np.arange(240.0))}))
    assert {"rownames", "same", "day", "gone", "odd`name"} <= set(found.left)
    assert "42 %" in found.left["gone"] and "rename" in found.left["odd`name"]


def test_an_outcome_may_be_named_and_must_be_there() -> None:
    table = frame(first=rng.normal(size=240), second=rng.integers(0, 2, 240))
    assert first_spec.propose(table).outcome == "x"
    assert first_spec.propose(table, outcome="second").family == "logit"
    with pytest.raises(DataError, match="Did you mean 'second'"):
        first_spec.propose(table, outcome="secnd")
    with pytest.raises(DataError, match="no column could be an outcome"):
        first_spec.propose(pd.DataFrame({"a": ["x"] * 9, "b": list("abcdefghi")}))


@pytest.mark.parametrize(
    ("source", "formula"),
    [
        ("peru.csv", "president.approval ~ age + education + indigenous + pop.density + illiteracy + (1 | province)"),
        ("lme4::sleepstudy", "Reaction ~ Days + (1 | Subject)"),
        ("lme4::InstEval", "y ~ studage + lectage + service + (1 | dept) + (1 | d)"),
        ("nlme::Orthodont", "distance ~ age + Sex + (1 | Subject)"),
        ("Ecdat::Fatality", "mrall ~ year + beertax + mlda + jaild + comserd + (1 | state)"),  # the year is no outcome
        ("MASS::bacteria", "y ~ ap + hilo + week + (1 | ID)"),  # trt is made of the first two
    ],
)
def test_init_writes_a_spec_that_check_accepts(
    source: str, formula: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    if source == "peru.csv":
        (tmp_path / source).symlink_to(ROOT / "specs" / "data" / source)
    assert main(["init", source]) == 0
    assert formula in capsys.readouterr().out
    path = Path(f"{source.rpartition('::')[2].removesuffix('.csv')}.yaml")
    text = path.read_text(encoding="utf-8")
    assert text.splitlines()[0] == "# yaml-language-server: $schema=gibbs-schema.json" and Path("gibbs-schema.json").is_file()
    assert specs.load(path).formula == yaml.safe_load(text)["formula"] == formula
    assert max(map(len, text.splitlines())) <= 140
    assert main(["check", str(path)]) == 0
    assert "e+0" not in text
    path.write_text(re.sub(r"^# (priors:|  b(?=[:\[])|  sd\[)", r"\1", text, flags=re.M), encoding="utf-8")  # the example of priors, taken
    assert main(["check", str(path)]) == 0
    path.write_text(text, encoding="utf-8")
    assert main(["init", source]) == 2 and "Choose another" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == text


def test_odd_names_stand_in_backticks_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    frame(**{"the y": rng.normal(size=240), "Grund schule": np.repeat(np.arange(101, 125), 10), "école": rng.normal(size=240)}).to_csv(
        "my data.csv", index=False
    )
    assert main(["init", "my data.csv", "--outcome", "the y"]) == 0
    assert specs.load(Path("my data.yaml")).formula == "`the y` ~ x + `Grund schule` + école"
    assert main(["check", "my data.yaml"]) == 0


def test_names_that_would_act_on_a_terminal_are_left_out_and_written_as_escapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    frame().assign(y=rng.normal(size=240), **{"a\x1b[31m": 1.5 * rng.normal(size=240), "b\u202e": rng.normal(size=240)}).to_parquet(
        "d.parquet"
    )
    assert main(["init", "d.parquet", "--outcome", "y"]) == 0
    text = Path("d.yaml").read_text(encoding="utf-8")
    assert "a\\x1b[31m" in text and "b\\u202e" in text and printable(text, lines=True) == text
    assert specs.load(Path("d.yaml")).formula == "y ~ x"


def test_init_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.csv").write_text("a,b\n", encoding="utf-8")
    (tmp_path / "blank.csv").write_text("a,b\n,\n,\n", encoding="utf-8")
    (tmp_path / "good.csv").write_text("y,x\n" + "\n".join(f"{i * i % 7}.5,{i}" for i in range(20)) + "\n", encoding="utf-8")
    for words in (["nowhere.csv"], ["empty.csv"], ["blank.csv"], ["good.csv", "--outcome", "z"], ["good.csv", "--out", "good.txt"]):
        assert main(["init", *words]) == 2
        assert capsys.readouterr().err.startswith("gibbs: ")
    assert not list(tmp_path.glob("*.yaml"))


def test_an_outcome_of_words_is_ordinal_and_its_order_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "carData::WVS", "--outcome", "poverty"]) == 0
    text = Path("WVS.yaml").read_text(encoding="utf-8")
    assert "Put them in their order." in text and yaml.safe_load(text)["family"] == "ordinal"
    assert set(yaml.safe_load(text)["categories"]) == {"Too Little", "About Right", "Too Much"}
    assert main(["check", "WVS.yaml"]) == 0
    Path("words.csv").write_text("name,city\na,x\nb,y\nc,z\n", encoding="utf-8")
    capsys.readouterr()
    for words, said in (([], "name: another value in every row"), (["--outcome", "city"], "'city' cannot be an outcome: another value")):
        assert main(["init", "words.csv", *words]) == 2 and said in " ".join(capsys.readouterr().err.split())
    assert not Path("words.yaml").exists()

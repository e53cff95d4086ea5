"""Nesting, sizes and warnings; each warning is met by a table that deserves it and withheld from one that does not."""

from __future__ import annotations

import numpy as np
import pytest

from gibbs.model import structure
from gibbs.numerals import plain
from tests.model.tables import build, example

SCHOOLS = {
    "y": np.random.default_rng(1).normal(size=24),
    "x": np.random.default_rng(2).normal(size=24),
    "school": np.repeat(np.arange(6), 4),
    "town": np.repeat(np.arange(3), 8),
    "again": np.repeat(list("uvwxyz"), 4),
    "year": np.tile(np.arange(4), 6),
}


def kinds(formula: str, columns: object, family: str = "gaussian", **priors: str) -> list[str]:
    return [w.kind for w in structure.warnings(build(formula, columns, family, **priors))]


def message(kind: str, formula: str, columns: object, family: str = "gaussian", **priors: object) -> str:
    found = [w.message for w in structure.warnings(build(formula, columns, family, **priors)) if w.kind == kind]
    assert len(found) == 1, found
    return found[0]


def test_sizes_and_relations() -> None:
    told = structure.describe(build("y ~ x + (1 | school) + (1 | town) + (1 | year) + (1 | again)", SCHOOLS))
    assert [(s.factor, s.levels, s.smallest, s.median, s.largest) for s in told.factors] == [
        ("school", 6, 4, 4.0, 4),
        ("town", 3, 8, 8.0, 8),
        ("year", 4, 6, 6.0, 6),
        ("again", 6, 4, 4.0, 4),
    ]
    relations = {(p.a, p.b): (p.relation, p.observed) for p in told.pairs}
    assert relations["school", "town"] == ("nested", pytest.approx(6 / 18))
    assert relations["school", "year"] == ("crossed", 1.0)
    assert relations["school", "again"] == ("identical", pytest.approx(1 / 6))
    assert relations["again", "town"][0] == "nested"  # though town was written first
    assert len(relations) == 6


def test_the_share_of_pairs_that_occur() -> None:
    columns = {"y": [1.0, 2.0, 3.0, 5.0], "a": [1, 1, 2, 3], "b": ["u", "v", "v", "u"]}
    pair = structure.describe(build("y ~ (1 | a) + (1 | b)", columns)).pairs[0]
    assert (pair.relation, pair.observed) == ("crossed", pytest.approx(4 / 6))
    assert "66.7 %" in str(pair)


def test_nesting_by_the_formula_is_found() -> None:
    pair = structure.describe(build("y ~ (1 | g/h)", example())).pairs[0]
    assert (pair.a, pair.b, pair.relation) == ("g:h", "g", "nested")


def test_a_sound_model_has_no_warnings() -> None:
    assert structure.warnings(build("y ~ x + f + (1 + x | g) + (1 | h)", example(400))) == []
    assert structure.warnings(build("bin ~ x + f + (1 + x | g)", example(400), "logit")) == []


def test_identical_factors() -> None:
    assert "school and again" in message("identical", "y ~ (1 | school) + (1 | again)", SCHOOLS)


def test_aliased_and_nearly_collinear_columns_are_named() -> None:
    frame = example()
    frame["twice"] = 2 * frame["x"] + 1
    frame["near"] = frame["x"] + 1e-3 * frame["z"]
    assert "'twice' is 1 + 2·x" in message("aliased", "y ~ x + twice", frame)
    told = message("collinear", "y ~ x + near + n", frame)
    assert "'x'" in told and "'near'" in told and "'n'" not in told and "condition number" in told
    # 1/(1 − R²) of x on near, by hand
    r = np.corrcoef(frame["x"], frame["near"])[0, 1]
    expected = 1 / (1 - r**2)
    assert f"'x' (variance inflation {plain(expected, 3)})" in message("collinear", "y ~ x + near", frame)


def test_columns_far_from_zero() -> None:
    frame = example()
    frame["seconds"] = 1.7e9 + frame["x"]
    assert "'seconds'" in message("far-from-zero", "y ~ seconds", frame)
    assert kinds("y ~ x", frame) == []


def test_slopes_of_predictors_that_do_not_vary_within_groups() -> None:
    frame = example()
    frame["level2"] = frame["g"] * 0.5
    told = message("constant-slope", "y ~ level2 + (1 + level2 | g)", frame)
    assert "'level2'" in told and "g" in told
    assert kinds("y ~ level2 + (1 | g)", frame) == []
    frame.loc[frame.index[0], "level2"] += 1.0
    assert "only 1 of the 12" in message("constant-slope", "y ~ level2 + (1 + level2 | g)", frame)


def test_levels_of_one_row() -> None:
    n = 30
    rng = np.random.default_rng(4)
    columns = {
        "y": rng.normal(size=n),
        "s": np.ones(n),
        "bin": rng.integers(0, 2, size=n),
        "id": np.arange(n),
        "few": [*range(20), *[20] * 10],
    }
    assert "30 levels, 30 rows" in message("one-row", "y ~ (1 | id)", columns)
    assert "20 of the 21" in message("one-row", "y ~ (1 | few)", columns)
    assert kinds("y | se(s) ~ (1 | id)", columns) == []  # a meta-analysis
    assert kinds("bin ~ (1 | few)", columns, "logit") == []
    assert kinds("bin ~ (1 | id)", columns, "logit") == ["one-row"]


def test_one_row_an_area_and_a_part_of_its_own() -> None:
    columns = {"y": np.random.default_rng(4).normal(size=30), "s": np.ones(30), "n": np.arange(30) % 5, "r": np.arange(30) // 6}
    columns |= {"c": np.arange(30) % 6}
    assert "stand for the same variation" in message("one-row", "y ~ bym2(r:c, graph = lattice)", columns)
    assert "shape of family negative_binomial" in message("one-row", "n ~ bym2(r:c, graph = lattice)", columns, "negative_binomial")
    for formula, family in (("y ~ icar(r:c, graph = lattice)", "gaussian"), ("n ~ bym2(r:c, graph = lattice)", "poisson")):
        assert "one-row" not in kinds(formula, columns, family)
    assert "one-row" not in kinds("y | se(s) ~ bym2(r:c, graph = lattice)", columns)
    twice = {name: np.tile(values, 2) for name, values in columns.items()}
    assert "one-row" not in kinds("y ~ bym2(r:c, graph = lattice)", twice)


def test_fewer_than_five_levels_with_a_default_prior() -> None:
    assert "town has 3 levels" in message("few-levels", "y ~ (1 | town)", SCHOOLS)
    assert kinds("y ~ (1 | town)", SCHOOLS, priors={"sd[town]": "half_normal(1)"}) == []
    assert "sd of x over" in message("few-levels", "y ~ (x | town)", SCHOOLS, priors={"sd[town,Intercept]": "half_normal(1)"})
    assert kinds("y ~ (x | town)", SCHOOLS, priors={"cov[town]": "huang_wand(2, 1)"}) == []
    assert kinds("y ~ (1 | school)", SCHOOLS) == []


def test_notes_are_told_once() -> None:
    frame = example()
    frame["twice"] = 2 * frame["x"]
    assert kinds("y ~ x + twice", frame) == ["aliased"]

"""Which level of a category is the base: of a spec's ``base:``, of relevel(), factor(levels =) and C(), as R's model.matrix has it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.errors import DataError, FormulaError, SpecError
from gibbs.model import data, design, spec
from gibbs.model.records import Design
from tests.model.tables import example

SECTORS = ["NGO", "Private", "Public"]


def frame() -> pd.DataFrame:
    made = example()
    rng = np.random.default_rng(5)
    made["sector"] = rng.choice(SECTORS, size=len(made))
    made["year"] = rng.choice([2000, 2001, 2003], size=len(made))
    made["vote"] = rng.choice(["NO", "YES"], size=len(made))
    made["three"] = rng.choice(["DK", "NO", "YES"], size=len(made))
    return made


DATA = frame()


def built(formula: object, table: pd.DataFrame = DATA, **keys: object) -> Design:
    said = spec.build(formula, **keys)
    return design.build(said, data.read(said, table))


def is_(level: str) -> np.ndarray:
    return (DATA["sector"] == level).to_numpy(dtype=float)


@pytest.mark.parametrize(
    ("term", "base"),
    [
        ("sector", "Public"),
        ("factor(sector)", "Public"),
        ('relevel(sector, "Public")', None),
        ('relevel(sector, ref = "Public")', None),
        ('relevel(factor(sector), "Public")', None),
        ("relevel(sector, 'Public')", None),
        ('factor(sector, levels = c("Public", "NGO", "Private"))', None),
        ('factor(sector, c("Public", "NGO", "Private"))', None),
        ('C(sector, Treatment("Public"))', None),
        ('C(sector, Treatment(reference = "Public"))', None),
    ],
)
def test_one_base_in_every_spelling(term: str, base: str | None) -> None:
    made = built(f"y ~ {term} * x + (1 + {term} | g)", base=None if base is None else {"sector": base})
    term = term.replace("'", '"')  # as R prints it
    assert made.coefficients == (
        "Intercept", f"{term}NGO", f"{term}Private", "x", f"{term}NGO:x", f"{term}Private:x"
    )  # fmt: skip
    x = DATA["x"].to_numpy()
    expected = np.column_stack([np.ones(len(x)), is_("NGO"), is_("Private"), x, is_("NGO") * x, is_("Private") * x])
    np.testing.assert_array_equal(made.X, expected)
    assert made.factors[0].columns == ("Intercept", f"{term}NGO", f"{term}Private")
    np.testing.assert_array_equal(made.factors[0].Z, expected[:, :3])
    new = pd.DataFrame({"sector": ["Public", "Private"], "x": [2.0, 3.0], "g": [1, 2]})
    X, factors, _ = made.encoding.encode(new)
    np.testing.assert_array_equal(X, [[1, 0, 0, 2, 0, 0], [1, 0, 1, 3, 0, 3]])
    np.testing.assert_array_equal(factors["g"][1], [[1, 0, 0], [1, 0, 1]])


def test_numbers_truth_values_and_words_that_look_like_code_are_levels() -> None:
    assert built("y ~ factor(year)", base={"year": 2001}).coefficients[1:] == ("factor(year)2000", "factor(year)2003")
    assert built("y ~ relevel(factor(year), 2001.0)").coefficients[1].endswith("2000")
    assert built("y ~ factor(year, levels = c(2003, 2001, 2000))").coefficients[1].endswith("2001")
    assert built("y ~ old", base={"old": True}).coefficients[1:] == ("oldFALSE",)
    table = DATA.assign(sector=DATA["sector"].replace({"Public": "__import__('os')", "NGO": "a, b) + z"}))
    assert built("y ~ sector", table, base={"sector": "__import__('os')"}).coefficients[1:] == ("sectora, b) + z", "sectorPrivate")
    assert built('y ~ relevel(sector, "a, b) + z")', table).coefficients[2].endswith("Private")


def test_levels_left_out_are_missing_and_said() -> None:
    made = built('y ~ factor(sector, levels = c("Public", "NGO")) + (1 | g)')
    gone = int((DATA["sector"] == "Private").sum())
    assert made.dropped == {"sector (not among its levels)": gone}
    assert len(made.y) == len(DATA) - gone
    assert made.coefficients[1:] == ('factor(sector, levels = c("Public", "NGO"))NGO',)
    assert any("without 'Private'" in note and f"and {gone - 5} more" in note for note in made.notes)
    with pytest.raises(DataError, match="missing: error"):
        built('y ~ factor(sector, levels = c("Public", "NGO"))', missing="error")
    with pytest.raises(DataError, match="none of the categories the model was fitted to: Public, NGO"):
        made.encoding.encode(pd.DataFrame({"sector": ["Private"], "g": [1]}))


@pytest.mark.parametrize(
    ("formula", "base", "says"),
    [
        ("y ~ sector", {"sector": "public"}, "Did you mean 'Public'?"),
        ('y ~ relevel(sector, "Publik")', None, "Did you mean 'Public'?"),
        ('y ~ factor(sector, levels = c("Public", "Ngo"))', None, "'Ngo' occurs in no row used; there are NGO, Private, Public"),
        ("y ~ sector", {"sectr": "Public"}, "Did you mean 'sector'?"),
        ("y ~ x + f", {"x": "1"}, "'x' is a number in this model"),
        ("y ~ x", {"sector": "Public"}, "no category among the predictors of the model; it has none"),
        ('y ~ relevel(sector, "NGO")', {"sector": "Public"}, "the formula names the base of 'sector' already"),
        ("y ~ relevel(sector, Public)", None, "a word is written in quotes: 'Public'"),
        ("y ~ relevel(sector)", None, "relevel() takes a column and its base"),
        ("y ~ C(sector, Sum)", None, "treatment contrasts"),
        ("y ~ factor(year, levels = 1:1e9)", None, "over at most 1,000 levels"),
        ("y ~ factor(year, levels = 1:1e999)", None, "larger than any"),
        ("y ~ factor(year, levels = 1.5:3)", None, "from one whole number to another"),
        ("y ~ relevel(factor(year), 1999)", None, "occurs in no row used"),
        ('y ~ factor(sector, levels = c("NGO", "NGO"))', None, "names the level 'NGO' twice"),
        ('y ~ factor(sector, levels = "NGO")', None, "a list of levels"),
        ('y ~ factor(sector, labels = c("a", "b"))', None, "no argument 'labels'"),
        ('y ~ "sector"', None, "written in backticks"),
        ('y ~ log("x")', None, "Text in quotes is no number"),
        ('y ~ x + (1 | relevel(f, "a"))', None, "A grouping factor is a column"),
    ],
)
def test_what_is_refused(formula: str, base: dict[str, str] | None, says: str) -> None:
    with pytest.raises((DataError, FormulaError, SpecError)) as error:
        built(formula, base=base)
    assert says in error.value.message


def test_a_wrong_base_names_its_line(tmp_path) -> None:
    (tmp_path / "m.yaml").write_text("data: d.csv\nformula: y ~ sector\nbase:\n  sectr: Public\n")
    said = spec.load(tmp_path / "m.yaml")
    with pytest.raises(SpecError) as error:
        design.build(said, data.read(said, DATA))
    assert error.value.where.endswith("m.yaml, line 4")


@pytest.mark.parametrize("family", ["logit", "probit", "bernoulli(cloglog)"])
@pytest.mark.parametrize("one", ["NO", "YES"])
def test_what_is_one_can_be_said(family: str, one: str) -> None:
    made = built("vote ~ x", family=family, outcome={"one": one})
    np.testing.assert_array_equal(made.y, DATA["vote"] == one)
    assert made.outcome_labels == ({"NO": "YES", "YES": "NO"}[one], one)
    made = built(None, family=family, outcome={"column": "vote", "one": one}, level1=["x"], levels={"g": None})
    np.testing.assert_array_equal(made.y, DATA["vote"] == one)


def test_one_value_against_several_says_which() -> None:
    made = built("three ~ x", family="logit", outcome={"one": "NO"})
    np.testing.assert_array_equal(made.y, DATA["three"] == "NO")
    assert made.outcome_labels == ("not NO", "NO")
    assert any("has 3 values" in note and "'DK'" in note for note in made.notes)
    made = built("year ~ x", family="logit", outcome={"one": 2001})
    np.testing.assert_array_equal(made.y, DATA["year"] == 2001)
    made = built("old ~ x", family="logit", outcome={"one": False})
    np.testing.assert_array_equal(made.y, ~DATA["old"])
    made = built('factor(three, levels = c("YES", "NO")) ~ x', family="logit")
    assert made.outcome_labels == ("YES", "NO")
    assert made.dropped == {"three (not among its levels)": int((DATA["three"] == "DK").sum())}
    made = built('relevel(vote, "YES") ~ x', family="probit")
    np.testing.assert_array_equal(made.y, DATA["vote"] == "NO")
    made = built('factor(three, levels = c("YES", "DK", "NO")) ~ x', family="ordinal")
    assert made.categories == ("YES", "DK", "NO")


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"formula": "vote ~ x", "family": "logit", "outcome": {"one": "yes"}}, "Did you mean 'YES'?"),
        ({"formula": "y ~ x", "outcome": {"one": "yes"}}, "the family is gaussian"),
        ({"formula": "n | trials(9) ~ x", "family": "binomial", "outcome": {"one": "yes"}}, "a number of trials"),
        ({"formula": "I(bin) ~ x", "family": "logit", "outcome": {"one": 1}}, "an expression"),
        ({"formula": "vote ~ x", "family": "logit", "outcome": {"column": "three", "one": "NO"}}, "write the model once"),
        ({"family": "logit", "outcome": {"one": "NO"}}, "outcome has no column"),
        ({"formula": "vote ~ x", "family": "logit", "outcome": {"oen": "NO"}}, "Did you mean 'one'?"),
        ({"formula": "vote ~ x", "family": "logit", "outcome": ["one"]}, "plausible values are two columns or more"),
    ],
)
def test_ones_that_are_refused(keys: dict, says: str) -> None:
    with pytest.raises((DataError, SpecError)) as error:
        built(keys)
    assert says in error.value.message


def test_the_resolved_spec_says_it_too() -> None:
    keys = {"formula": "vote ~ sector", "family": "logit", "outcome": {"one": "NO"}, "base": {"sector": "Public"}}
    said = spec.build(keys, seed=1)
    from gibbs.model import yaml_lines

    again, _ = yaml_lines.parse(spec.to_yaml(said), "again")
    assert spec.same(spec.build(again), said)
    assert spec.build("vote ~ x", family="logit", outcome={"column": "vote", "one": "NO"}).one == "NO"


def test_from_python_and_its_effects_compare_with_the_base() -> None:
    fit = gibbs.fit("y ~ sector + x", DATA, base={"sector": "Public"}, seed=1, draws=50, warmup=50, chains=2, progress=False)
    assert list(fit.draws.posterior.data_vars)[:3] == ["b_Intercept", "b_sectorNGO", "b_sectorPrivate"]
    contrasts = [str(row) for row in fit.ame().reset_index().to_numpy().tolist() if "NGO" in str(row) or "Private" in str(row)]
    assert len(contrasts) == 2 and all("Public" in row for row in contrasts)
    said = gibbs.check("vote ~ x", DATA, family="logit", outcome={"one": "NO"})
    assert "1 is 'NO', 0 is 'YES'" in str(said)

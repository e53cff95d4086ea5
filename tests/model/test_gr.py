"""What the effects of a grouping factor are, ``gr(g, dist = "student", by = z)``: formula, keys of a spec, Design, priors.

The words are those of brms (its documentation of ``gr``); names of parameters too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.draws import names
from gibbs.errors import DataError, FormulaError, GibbsError, SpecError
from gibbs.model import equations, spec, structure
from gibbs.model.formula import RandomTerm, parse, variables
from gibbs.model.records import Design, Prior
from gibbs.report.letters import set_low
from tests.model.tables import build

ROWS, LEVELS = 96, 12


def frame(**more: object) -> pd.DataFrame:
    """Twelve levels g of eight rows; z is constant within them: A, A, B, …; town too, and crossed h."""
    rng = np.random.default_rng(5)
    g = np.arange(ROWS) % LEVELS
    columns = {
        "y": rng.normal(size=ROWS),
        "x": rng.normal(size=ROWS),
        "w": rng.normal(size=ROWS),
        "g": [f"g{k:02}" for k in g],
        "h": rng.integers(0, 6, ROWS),
        "z": np.array(list("AABAABAABAAB"))[g],
        "town": 1 + g // 6,
    }
    return pd.DataFrame(columns | more)


# ------------------------------------------------------------------------------------------------------------- formula


@pytest.mark.parametrize(
    ("text", "factor", "dist", "by", "correlated"),
    [
        ('(1 | gr(g, dist = "student"))', "g", "student", "", True),
        ("(1 | gr(g, dist = 'student'))", "g", "student", "", True),
        ("(1 | gr(g, dist = student))", "g", "student", "", True),
        ('(1 | gr(g, dist = "gaussian"))', "g", "normal", "", True),
        ("(1 | gr(g))", "g", "normal", "", True),
        ("(1 | gr(g, by = z))", "g", "normal", "z", True),
        ('(1 + x | gr(g, by = z, dist = "student"))', "g", "student", "z", True),
        ("(1 + x || gr(g, by = z))", "g", "normal", "z", False),
        ("(1 + x | gr(g, cor = FALSE, by = z))", "g", "normal", "z", False),
        ("(1 + x | gr(g, cor = TRUE))", "g", "normal", "", True),
        ("(1 + x || gr(g, cor = TRUE))", "g", "normal", "", False),
        ("(1 | gr(a:b, by = z))", "a:b", "normal", "z", True),
        ("(1 | (gr(factor(g), by = z)))", "g", "normal", "z", True),
        ('(1 | gr(`my g`, by = `a b`, dist = "student"))', "my g", "student", "a b", True),
    ],
)
def test_what_gr_says(text: str, factor: str, dist: str, by: str, correlated: bool) -> None:
    read = parse(f"y ~ x + {text}")
    (term,) = read.random
    assert (term.factor, term.dist, term.by, term.correlated) == (factor, dist, by, correlated)
    again = parse(str(read))
    assert again.random == read.random and str(again) == str(read)
    assert (by in variables(read)) == bool(by)


def test_a_plain_gr_is_the_factor_itself() -> None:
    assert str(parse('y ~ (1 | gr(g, dist = "normal"))')) == "y ~ 1 + (1 | g)"
    assert str(parse("y ~ (x | gr(g, by = z, dist = student))")) == 'y ~ 1 + (x | gr(g, by = z, dist = "student"))'


@pytest.mark.parametrize(
    ("text", "caret", "says"),
    [
        ("y ~ (1 | gr())", "gr()", "gr() begins with the grouping factor"),
        ('y ~ (1 | gr(dist = "student"))', "gr(", "gr() begins with the grouping factor"),
        ("y ~ (1 | gr(g, id = 1))", "1))", "effects correlated across formulas, is not available"),
        ("y ~ (1 | gr(g, cov = A))", "A))", "cov is the name of a file, in quotes"),
        ("y ~ (1 | gr(g, z))", "z))", "gr() takes by, dist, pw, cov, pedigree, prec and cor by name"),
        ("y ~ (1 | gr(g, group = z))", "z))", "gr() takes by, dist, pw, cov, pedigree, prec and cor by name"),
        ('y ~ (1 | gr(g, dist = "studnet"))', '"studnet"', "found 'studnet'. Did you mean 'student'?"),
        ("y ~ (1 | gr(g, dist = cauchy))", "cauchy", "For effects with heavier tails than normal, write student."),
        ("y ~ (1 | gr(g, dist = 3))", "3))", "dist is normal or student; found '3'."),
        ("y ~ (1 | gr(g, by = log(z)))", "log", "by is a column, with one value in all rows of a level."),
        ("y ~ (1 | gr(g, by = 3))", "3))", "by is a column"),
        ("y ~ (1 | gr(g, by = z, by = w))", "w))", "gr() says by twice."),
        ("y ~ (1 | gr(g, cor = no))", "no))", "cor is TRUE, or FALSE"),
        ("y ~ (1 | gr(a/b, by = z))", "/b", "write (1 | gr(a, …)) + (1 | gr(a:b, …)) for a/b."),
        ("y ~ (1 | gr(g, by = z)/h)", "gr(g", "gr() stands alone after the bar"),
        ("y ~ (1 | h:gr(g))", "gr(g", "gr() stands alone after the bar"),
        ("y ~ (1 | gr(gr(g)))", "gr(g)", "gr() stands alone after the bar"),
        ("y ~ (1 | gr(1))", "1))", "A grouping factor is a column"),
        ("y ~ gr(g)", "gr(g)", "gr() stands in a random term, after its bar"),
    ],
)
def test_refusals_point_at_the_place(text: str, caret: str, says: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(text)
    head, shown, mark = str(caught.value).split("\n")
    assert says in head
    at = len(mark) - 1 - (len(shown) - len(text))
    assert text[at:].startswith(caret), (text[at:], caret)


# -------------------------------------------------------------------------------------------------------- keys of a spec


def test_the_key_effects_says_what_gr_does() -> None:
    words = {"g": {"dist": "student", "by": "z"}}
    by_key = gibbs.check("y ~ x + (1 + x | g)", frame(), seed=1, effects=words)
    by_formula = gibbs.check('y ~ x + (1 + x | gr(g, by = z, dist = "student"))', frame(), seed=1)
    one, other = (check.design.factors[0] for check in (by_key, by_formula))
    assert (one.by, one.groups, one.own_prior, one.terms) == (other.by, other.groups, other.own_prior, other.terms)
    np.testing.assert_array_equal(one.group, other.group)


@pytest.mark.parametrize(
    ("formula", "effects", "says"),
    [
        ("y ~ (1 | g)", {"gg": {"dist": "student"}}, "effects: there is no grouping factor 'gg'; the grouping factors are g."),
        ("y ~ x", {"g": {"dist": "student"}}, "the formula has none"),
        ("y ~ (1 | g)", {"g": {"dist": "studnet"}}, "g: dist is normal or student; found 'studnet'. Did you mean 'student'?"),
        (
            "y ~ (1 | g)",
            {"g": {"dst": "student"}},
            "unknown key 'dst' in effects.g; allowed are dist, by, pw, structure, graph, cov, pedigree, prec, step, k, members, weights, "
            "scale.",
        ),
        ("y ~ (1 | g)", {"g": "student"}, "effects.g must be a mapping of keys; found 'student'."),
        ("y ~ (1 | g)", {"g": {"by": "zz"}}, "there is no column 'zz'"),
        ('y ~ (1 | gr(g, dist = "student"))', {"g": {"dist": "normal"}}, "dist is 'normal' here and 'student' in the formula; keep one."),
        ("y ~ (1 | gr(g, by = z))", {"g": {"by": "town"}}, "by is 'town' here and 'z' in the formula; keep one."),
    ],
)
def test_mistakes_in_the_key_effects(formula: str, effects: dict, says: str) -> None:
    with pytest.raises(GibbsError) as caught:
        gibbs.check(formula, frame(), seed=1, effects=effects)
    assert says in str(caught.value)


def test_a_key_that_repeats_the_formula_is_fine_and_blanks_do_not_matter() -> None:
    twice = gibbs.check('y ~ (1 | gr(g, dist = "student"))', frame(), seed=1, effects={"g": {"dist": "student"}})
    assert twice.design.factors[0].own_prior == Prior("gamma", (2.0, 0.1))
    nested = gibbs.check("y ~ (1 | town/g)", frame(), seed=1, effects={"town : g": {"dist": "student"}})
    assert [f.own_prior is not None for f in nested.design.factors] == [False, True]


@pytest.mark.parametrize(
    ("levels", "formula"),
    [
        ("{g: {intercept: [], dist: student}}", 'y ~ 1 + (1 | gr(g, dist = "student"))'),
        ("{g: {intercept: [], by: z}}", "y ~ 1 + (1 | gr(g, by = z))"),
        ("{g: {intercept: [], by: z, dist: student}, h: {intercept: []}}", 'y ~ 1 + (1 | gr(g, by = z, dist = "student")) + (1 | h)'),
        ("{g: {intercept: [], dist: normal}}", 'y ~ 1 + (1 | gr(g, dist = "normal"))'),
        ("{g: {intercept: [w], by: }}", "y ~ w + (1 | g)"),
    ],
)
def test_two_level_keys(levels: str, formula: str, tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(f"outcome: y\nlevels: {levels}\n", encoding="utf-8")
    assert spec.load(path).formula == formula


@pytest.mark.parametrize(
    ("levels", "says"),
    [
        ("\n  g:\n    intercept: []\n    dist: cauchy", "line 5: levels.g: dist is normal or student; found 'cauchy'."),
        ("\n  g:\n    intercept: []\n    dist: [student]", "line 5: levels.g: dist is normal or student"),
        ("\n  g:\n    intercept: []\n    dsit: student", "Did you mean 'dist'?"),
        ("\n  g:\n    intercept: []\n    by: z + w", "line 5"),
        ("\n  g:\n    intercept: []\n    by: [z, w]", "line 5: levels.g.by must be the name of a column"),
    ],
)
def test_mistakes_in_two_level_keys(levels: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(f"outcome: y\nlevels: {levels}\n", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        spec.load(path)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "keys",
    [
        "formula: y ~ x + (1 | g)\neffects: {g: {dist: student, by: z}}",
        'formula: y ~ x + (1 | gr(g, dist = "student", by = z))',
        "outcome: y\nlevel1: x\nlevels: {g: {intercept: [], dist: student, by: z}}",
    ],
)
def test_the_spec_written_back_is_the_same_model(keys: str, tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(f"{keys}\nsampling: {{seed: 3}}\n", encoding="utf-8")
    first = gibbs.check(path, frame())
    (tmp_path / "again.yaml").write_text(spec.to_yaml(first.spec), encoding="utf-8")
    again = gibbs.check(tmp_path / "again.yaml", frame())
    assert names.hyper_names(first.design) == names.hyper_names(again.design)
    assert names.hyper_names(first.design) == ("sd_g__Intercept:zA", "sd_g__Intercept:zB", "df_g", "sigma")
    assert first.spec.effects == again.spec.effects and first.spec.formula == again.spec.formula


# --------------------------------------------------------------------------------------------------------------- design


def made(formula: str, **changes: object) -> Design:
    priors = changes.pop("priors", {})
    return build(formula, frame(**changes), priors=priors)


def test_groups_of_levels_and_their_terms() -> None:
    (g,) = made("y ~ x + (1 + x | gr(g, by = z)) + (0 + w | gr(g, by = z))").factors
    assert (g.by, g.groups, g.columns) == ("z", ("zA", "zB"), ("Intercept", "x", "w"))
    assert g.group.tolist() == [0, 0, 1] * 4 and g.Z.shape == (ROWS, 3)
    assert [(t.columns, t.group) for t in g.terms] == [
        (("Intercept", "x"), "zA"),
        (("w",), "zA"),
        (("Intercept", "x"), "zB"),
        (("w",), "zB"),
    ]


def test_numbers_and_true_and_false_make_groups_too() -> None:
    assert made("y ~ (1 | gr(g, by = town))").factors[0].groups == ("town1", "town2")
    flag = frame()["z"] == "A"
    assert made("y ~ (1 | gr(g, by = f))", f=flag).factors[0].groups == ("fFALSE", "fTRUE")


def test_rows_whose_group_is_missing_are_dropped() -> None:
    data = frame()
    design = made("y ~ (1 | gr(g, by = z))", z=data["z"].where(data["g"] != "g00", None))
    assert dict(design.dropped) == {"z": 8} and "g00" not in design.factors[0].levels
    assert len(design.factors[0].group) == LEVELS - 1


@pytest.mark.parametrize(
    ("formula", "changes", "says"),
    [
        ("y ~ (1 | gr(g, by = zz))", {}, "there is no column 'zz'"),
        ("y ~ (1 | gr(g, by = one))", {"one": "u"}, "column 'one': it is 'u' in all 96 rows used; by = one needs two values or more."),
        ("y ~ (1 + x + w | gr(g, by = k))", {"k": np.arange(ROWS) % 3}, "3 columns vary over it (Intercept, x, w) in each of 3 groups"),
        ("y ~ (1 | gr(g, by = g))", {}, "1 column varies over it (Intercept) in each of 12 groups of levels (by = g); at most 8 can"),
    ],
)
def test_groups_that_cannot_be(formula: str, changes: dict, says: str) -> None:
    with pytest.raises(DataError) as caught:
        made(formula, **changes)
    assert says in str(caught.value)


def test_a_column_that_differs_within_levels_is_refused_with_the_level_and_its_rows() -> None:
    z = frame()["z"].to_numpy(dtype=object)
    z[[0, 24]] = "B"  # rows 1 and 25 of level g00
    with pytest.raises(DataError) as caught:
        made("y ~ (1 | gr(g, by = z))", z=z)
    text = str(caught.value)
    assert "column 'z'" in text and "the level 'g00' has 'A', 'B'" in text and "row" in text and "(z | …)" in text


def test_terms_of_one_factor_agree() -> None:
    with pytest.raises(FormulaError) as caught:
        made('y ~ (1 | gr(g, dist = "student")) + (0 + x | g)')
    head, _, mark = str(caught.value).split("\n")
    assert "dist is 'student' in an earlier term of g and 'normal' here" in head and mark.endswith("^")
    with pytest.raises(FormulaError, match="by is 'z' in an earlier term of g and 'town' here"):
        made("y ~ (1 | gr(g, by = z)) + (0 + x | gr(g, by = town))")
    with pytest.raises(FormulaError, match="by is 'none' in an earlier term of g and 'z' here"):
        made("y ~ (1 | g) + (0 + x | gr(g, by = z))")


# --------------------------------------------------------------------------------------------------------------- priors


def test_the_most_specific_prior_of_an_sd_wins() -> None:
    stated = {"sd": "exponential(1)", "sd[g]": "half_normal(1)", "sd[g,x]": "half_normal(2)", "sd[g,x:zB]": "half_normal(3)"}
    design = made("y ~ (1 + x | gr(g, by = z)) + (1 | h)", priors=stated)
    found = {names.sd_name("g", c, t.group): p for t in design.factors[0].terms for c, p in zip(t.columns, t.sd_priors, strict=True)}
    assert {name: p.args[1] for name, p in found.items()} == {
        "sd_g__Intercept:zA": 1.0,
        "sd_g__x:zA": 2.0,
        "sd_g__Intercept:zB": 1.0,
        "sd_g__x:zB": 3.0,
    }
    assert design.factors[1].terms[0].sd_priors[0].kind == "exponential"


def test_priors_of_df() -> None:
    both = 'y ~ (1 | gr(g, dist = "student")) + (1 | gr(h, dist = "student"))'
    assert [f.own_prior for f in made(both).factors] == [Prior("gamma", (2.0, 0.1))] * 2
    g, h = made(both, priors={"df": "exponential(0.1)", "df[h]": "4"}).factors
    assert (g.own_prior.kind, g.own_prior.args, h.own_prior.kind, h.own_prior.args) == ("exponential", (0.1,), "fixed", (4.0,))


@pytest.mark.parametrize(
    ("key", "words", "says"),
    [
        ("df", "gamma(2, 0.1)", "all effects are normal, and have no degrees of freedom"),
        ("df[g]", "gamma(2, 0.1)", "the effects of g are normal, and have no degrees of freedom"),
        ("df[gg]", "gamma(2, 0.1)", "there is no grouping factor 'gg'"),
        ("df_g", "gamma(2, 0.1)", "Did you mean 'df[g]'?"),
    ],
)
def test_priors_of_df_on_normal_effects(key: str, words: str, says: str) -> None:
    with pytest.raises(SpecError) as caught:
        made("y ~ (1 | g)", priors={key: words})
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("half_normal(1)", "half_normal is a prior for an sd, not for df[g]. Allowed for df[g]: gamma, exponential, uniform, fixed."),
        ("0.5", "degrees of freedom must be at least 1"),
        ("uniform(0.5, 9)", "degrees of freedom begin at 1"),
        ("gama(2, 0.1)", "Did you mean 'gamma'?"),
    ],
)
def test_df_has_the_priors_of_nu(words: str, says: str) -> None:
    with pytest.raises(SpecError) as caught:
        made('y ~ (1 | gr(g, dist = "student"))', priors={"df[g]": words})
    assert says in str(caught.value)


def test_priors_of_groups_that_are_not_there() -> None:
    with pytest.raises(SpecError, match=r"'Intercept:zC'.*there is Intercept, Intercept:zA, Intercept:zB"):
        made("y ~ (1 | gr(g, by = z))", priors={"sd[g,Intercept:zC]": "half_normal(1)"})
    with pytest.raises(SpecError, match="Did you mean 'sd\\[g,Intercept:zA\\]'"):
        made("y ~ (1 | gr(g, by = z))", priors={"sd_g__Intercept:zA": "half_normal(1)"})


# --------------------------------------------------------------------------------------------------- names, and the check


def test_names_are_those_of_brms() -> None:
    design = made('y ~ x + (1 + x | gr(g, by = z, dist = "student")) + (1 | gr(h, dist = "student"))')
    assert names.hyper_names(design) == (
        *("sd_g__Intercept:zA", "sd_g__x:zA", "sd_g__Intercept:zB", "sd_g__x:zB"),
        *("cor_g__Intercept:zA__x:zA", "cor_g__Intercept:zB__x:zB", "df_g", "sd_h__Intercept", "df_h", "sigma"),
    )
    assert names.ranef_names(design)[:2] == ("r_g[g00,Intercept]", "r_g[g00,x]")
    assert set(names.hyper_priors(design)) == {n for n in names.hyper_names(design) if not n.startswith("cor_")}
    labels = names.varying_labels(design.factors[0])
    assert list(labels.values()) == [
        *("sd(Intercept:zA)", "sd(x:zA)", "sd(Intercept:zB)", "sd(x:zB)"),
        *("sd(Intercept:zA at means)", "sd(Intercept:zB at means)"),
        *("cor(Intercept:zA,x:zA)", "cor(Intercept:zB,x:zB)", "df"),
    ]
    at_means = [names.at_means_name("g", "Intercept", group) for group in ("zA", "zB")]
    assert [name for name in labels if name not in at_means] == list(names.hyper_names(design)[:7])


def test_the_check_lists_priors_plan_and_few_levels() -> None:
    check = gibbs.check('y ~ (1 | gr(g, by = z, dist = "student"))', frame(), seed=1, priors={"df": "exponential(0.2)"})
    text = " ".join(str(check).split())
    assert "sd[g,Intercept:zA] half-Student-t" in text and "sd[g,Intercept:zB] half-Student-t" in text
    assert "df[g] exponential, rate 0.2, cut off below 1" in text
    assert "effects of g: Student-t, as a scale mixture" in text and "g by z: 8 levels with A, 4 with B" in text
    assert "effects of g: covariances by z, columns of their own for each of 2 groups of levels" in text
    (warning,) = [w for w in check.warnings if "few levels" in w]
    assert "g has few levels in one group (4 with z B), and the sd of Intercept" in warning and "sd[g,Intercept:zB]" in warning


def test_the_few_levels_of_a_group_with_a_stated_prior_are_no_warning() -> None:
    of_b = {"sd[g,Intercept:zB]": "half_normal(1)"}
    for priors, count in (({}, 1), (of_b, 0)):
        found = structure.warnings(made("y ~ (1 | gr(g, by = z))", priors=priors))
        assert sum(w.kind == "few-levels" for w in found) == count


def test_memory_is_that_of_the_effects_as_reported() -> None:
    """The sampler has a column for each group; what is kept has one."""
    plain, grouped = (gibbs.check(f"y ~ (1 | {g})", frame(), seed=1).plan for g in ("g", "gr(g, by = z)"))
    assert grouped.effects == plain.effects == LEVELS


# ------------------------------------------------------------------------------------------------------------ equations


def laws(formula: str, family: str = "gaussian") -> list[str]:
    written = equations.write(build(formula, frame(), family))
    return [" ".join(law.split()) for level in written.levels for law in level.laws]


def symbols(formula: str, family: str = "gaussian") -> dict[str, str]:
    written = equations.write(build(formula, frame(), family))
    assert len(dict(written.symbols)) == len(written.symbols), "a letter has one meaning"
    return dict(written.symbols)


def test_student_effects_in_equations() -> None:
    assert laws('y ~ x + (1 | gr(g, dist = "student"))') == ["ν_j ~ t(df, 0, σ_ν)"]
    assert laws('y ~ x + (1 + x | gr(g, dist = "student"))') == ["(ν_j, η_j) ~ t(df, 0, Σ): scales σ_ν, σ_η, correlation ρ"]
    assert laws('y ~ x + (1 + x || gr(g, dist = "student"))') == ["(ν_j, η_j) ~ t(df, 0, Σ): scales σ_ν, σ_η, uncorrelated"]
    assert symbols('y ~ x + (1 + x | gr(g, dist = "student"))') == {
        "δ": "b_Intercept",
        "λ": "b_x",
        "σ_ν": "sd_g__Intercept",
        "σ_η": "sd_g__x",
        "ρ": "cor_g__Intercept__x",
        "df": "df_g",
        "σ": "sigma",
    }


def test_every_degree_of_freedom_has_its_letter() -> None:
    two = 'y ~ (1 | gr(g, dist = "student")) + (1 | gr(h, dist = "student"))'
    assert laws(two) == ["ν_j ~ t(df_j, 0, σ_ν)", "κ_k ~ t(df_k, 0, σ_κ)"]
    found = symbols(two, "student")
    assert (found["df_j"], found["df_k"], found["df"]) == ("df_g", "df_h", "nu")


def test_groups_of_levels_in_equations() -> None:
    assert laws("y ~ (1 | gr(g, by = z))") == ["ν_j ~ N(0, σ_ν[zA]²) where z_j = A", "ν_j ~ N(0, σ_ν[zB]²) where z_j = B"]
    assert laws("y ~ x + (1 + x | gr(g, by = z))") == [
        "(ν_j, η_j) ~ N(0, Σ[zA]): sds σ_ν[zA], σ_η[zA], correlation ρ[zA] where z_j = A",
        "(ν_j, η_j) ~ N(0, Σ[zB]): sds σ_ν[zB], σ_η[zB], correlation ρ[zB] where z_j = B",
    ]
    found = symbols("y ~ x + (1 + x | gr(g, by = z)) + (1 + w | h)")
    assert (
        found["σ_ν[zB]"] == "sd_g__Intercept:zB"
        and found["ρ_j[zA]"] == "cor_g__Intercept:zA__x:zA"
        and found["ρ_k"] == "cor_h__Intercept__w"
    )
    assert laws('y ~ (1 | gr(g, by = z, dist = "student"))')[1] == "ν_j ~ t(df, 0, σ_ν[zB]) where z_j = B"


@pytest.mark.parametrize(
    "formula",
    [
        'y ~ x + (1 + x | gr(g, by = z, dist = "student")) + (1 + w || gr(h, dist = "student"))',
        "y ~ x + (1 + x | gr(g, by = z)) + (0 + w | gr(g, by = z))",
        "y ~ x + (1 + x + w | gr(g, by = z)) + (1 | h)",
    ],
)
def test_every_parameter_has_a_letter(formula: str) -> None:
    design = build(formula, frame())
    written = dict(equations.write(design).symbols)
    missing = {n for n in names.hyper_names(design) if n not in written.values()}
    assert missing == set()


def test_indices_of_groups_are_set_low() -> None:
    assert set_low("N(0, σ_ν[zNorth East]²)") == [("N(0, σ", "ν[zNorth East]"), ("²)", "")]
    assert set_low("ρ_j[zA], df_j, Σ[zB]") == [("ρ", "j[zA]"), (", df", "j"), (", Σ[zB]", "")]
    assert set_low("where z_j = A") == [("where z", "j"), (" = A", "")]


def test_a_random_term_reads_as_it_is_written() -> None:
    (term,) = parse("y ~ (1 + x | gr(a:b, by = `my z`, cor = FALSE))").random
    assert isinstance(term, RandomTerm) and str(term) == "(1 + x || gr(a:b, by = `my z`))"

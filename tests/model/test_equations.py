"""The model written out: every expected line is the course deck's (SEED.md) or Gelman and Hill's, typed by hand from there."""

from __future__ import annotations

import numpy as np
import pytest

from gibbs.model import equations
from gibbs.model.records import Design, Factor, Prior, Term

RNG = np.random.default_rng(7)
N, J = 240, 12
PROVINCE = np.repeat(np.arange(J), N // J)
ILLITERACY = RNG.normal(size=J)[PROVINCE]
INDIGENOUS = (RNG.random(N) < 0.4).astype(float)
AGE = RNG.normal(size=N)
DENSITY = RNG.normal(size=J)[PROVINCE]


def factor(name: str, codes: np.ndarray, *terms: dict[str, np.ndarray] | list[str]) -> Factor:
    """A factor whose terms are {column: values}; "Intercept" has ones."""
    sd = Prior("half_t", (3.0, 0.0, 2.5))
    built = tuple(Term(tuple(t), (sd,) * len(t), Prior("lkj", (1.0,)) if len(t) > 1 else None) for t in terms)
    columns = [c for t in terms for c in t]
    z = np.column_stack([t[c] for t in terms for c in t])
    levels = tuple(str(x) for x in range(codes.max() + 1))
    return Factor(name, levels, codes.astype(np.int32), z, tuple(columns), built)


def design(fixed: dict[str, np.ndarray], *factors: Factor, family: str = "gaussian", **more: object) -> Design:
    n = len(next(iter(fixed.values()))) if fixed else len(factors[0].codes)
    x = np.column_stack(list(fixed.values())) if fixed else np.empty((n, 0))
    names = tuple(fixed)
    known = dict(
        family=family,
        y=np.zeros(n),
        X=np.ascontiguousarray(x),
        coefficients=names,
        intercept=names.index("Intercept") if "Intercept" in names else None,
        factors=tuple(factors),
        coefficient_priors=(),
        sigma_prior=None,
        nu_prior=None,
        offset=np.zeros(n),
        known_se=None,
        rows=np.arange(1, n + 1),
        outcome="president.approval",
        rows_read=n,
        dropped={},
    )
    return Design(**{**known, **more})


ONE = np.ones(N)


def lines(d: Design, width: int = 100) -> list[str]:
    """The lines with runs of blanks closed up: the layout has tests of its own."""
    return [" ".join(line.split()) for line in equations.write(d).lines(width)]


def test_m1_of_the_deck() -> None:
    written = lines(design({"Intercept": ONE}, factor("province", PROVINCE, {"Intercept": ONE})))
    assert written[:3] == [
        "Level 1 (rows, 240) y_i = α_j[i] + ε_i, ε_i ~ N(0, σ²)",
        "Level 2 (province, 12) α_j = δ + ν_j",
        "ν_j ~ N(0, σ_ν²)",
    ]
    assert " ".join(written[4:]) == "in the tables δ: b_Intercept σ_ν: sd_province__Intercept σ: sigma"


def test_m3_predictor_of_the_province_stands_at_level_2() -> None:
    d = design({"Intercept": ONE, "illiteracy": ILLITERACY, "indigenous": INDIGENOUS}, factor("province", PROVINCE, {"Intercept": ONE}))
    assert lines(d)[:2] == [
        "Level 1 (rows, 240) y_i = α_j[i] + β·indigenous_i + ε_i, ε_i ~ N(0, σ²)",
        "Level 2 (province, 12) α_j = δ + γ·illiteracy_j + ν_j",
    ]


def m5(**more: object) -> Design:
    fixed = {"Intercept": ONE, "indigenous": INDIGENOUS, "illiteracy": ILLITERACY, "indigenous:illiteracy": INDIGENOUS * ILLITERACY}
    return design(fixed, factor("province", PROVINCE, {"Intercept": ONE, "indigenous": INDIGENOUS}), **more)


def test_m5_cross_level_interaction_stands_in_the_slopes_equation() -> None:
    assert lines(m5())[:4] == [
        "Level 1 (rows, 240) y_i = α_j[i] + β_j[i]·indigenous_i + ε_i, ε_i ~ N(0, σ²)",
        "Level 2 (province, 12) α_j = δ + γ·illiteracy_j + ν_j",
        "β_j = λ + θ·illiteracy_j + η_j",
        "(ν_j, η_j) ~ N(0, Σ): sds σ_ν, σ_η, correlation ρ",
    ]


def test_m5_every_letter_has_its_name_in_the_tables() -> None:
    assert dict(equations.write(m5()).symbols) == {
        "δ": "b_Intercept",
        "λ": "b_indigenous",
        "γ": "b_illiteracy",
        "θ": "b_indigenous:illiteracy",
        "σ_ν": "sd_province__Intercept",
        "σ_η": "sd_province__indigenous",
        "ρ": "cor_province__Intercept__indigenous",
        "σ": "sigma",
    }


def test_m6_logit_has_no_error_term() -> None:
    assert lines(m5(family="logit"))[0] == "Level 1 (rows, 240) logit Pr(y_i = 1) = α_j[i] + β_j[i]·indigenous_i"


def test_probit_is_written_with_its_latent_variable() -> None:
    assert lines(m5(family="probit"))[:2] == [
        "Level 1 (rows, 240) y*_i = α_j[i] + β_j[i]·indigenous_i + ε_i, ε_i ~ N(0, 1)",
        "y_i = 1 where y*_i > 0, else 0; so Pr(y_i = 1) = Φ(y*_i − ε_i)",
    ]


def test_student_and_known_standard_errors() -> None:
    assert lines(m5(family="student"))[0].endswith("ε_i ~ t(df, 0, σ)")
    assert ("df", "nu") in equations.write(m5(family="student")).symbols
    schools = design(
        {"Intercept": np.ones(8), "size": np.arange(8.0)},
        factor("school", np.arange(8), {"Intercept": np.ones(8)}),
        known_se=np.full(8, 10.0),
    )
    assert lines(schools)[:2] == [
        "Level 1 (rows, 8) y_i = α_j[i] + ε_i, ε_i ~ N(0, s_i²), s_i known",
        "Level 2 (school, 8) α_j = δ + γ·size_j + ν_j",
    ]
    assert "sigma" not in dict(equations.write(schools).symbols).values()


def test_m7_only_the_slope_varies() -> None:
    fixed = {"Intercept": ONE, "indigenous": INDIGENOUS, "illiteracy": ILLITERACY, "indigenous:illiteracy": INDIGENOUS * ILLITERACY}
    d = design(fixed, factor("province", PROVINCE, {"indigenous": INDIGENOUS}), family="logit")
    assert lines(d)[:3] == [
        "Level 1 (rows, 240) logit Pr(y_i = 1) = α + β₁_j[i]·indigenous_i + β₂·illiteracy_j[i]",
        "Level 2 (province, 12) β₁_j = λ₁ + θ·illiteracy_j + η_j",
        "η_j ~ N(0, σ_η²)",
    ]


def test_m8_crossed_factors_leave_the_intercept_at_level_1() -> None:
    ethnicity = np.arange(N) % 5
    d = design(
        {"Intercept": ONE, "age": AGE}, factor("province", PROVINCE, {"Intercept": ONE}), factor("ethnicity", ethnicity, {"Intercept": ONE})
    )
    assert lines(d)[:3] == [
        "Level 1 (rows, 240) y_i = α + ν_j[i] + κ_k[i] + β·age_i + ε_i, ε_i ~ N(0, σ²)",
        "Level 2 (province, 12) ν_j ~ N(0, σ_ν²)",
        "Level 2 (ethnicity, 5) κ_k ~ N(0, σ_κ²)",
    ]


def test_crossed_factor_with_a_predictor_gets_an_equation() -> None:
    ethnicity = np.arange(N) % 5
    d = design(
        {"Intercept": ONE, "illiteracy": ILLITERACY},
        factor("province", PROVINCE, {"Intercept": ONE}),
        factor("ethnicity", ethnicity, {"Intercept": ONE}),
    )
    assert lines(d)[:4] == [
        "Level 1 (rows, 240) y_i = α + δ_j[i] + κ_k[i] + ε_i, ε_i ~ N(0, σ²)",
        "Level 2 (province, 12) δ_j = γ·illiteracy_j + ν_j",
        "ν_j ~ N(0, σ_ν²)",
        "Level 2 (ethnicity, 5) κ_k ~ N(0, σ_κ²)",
    ]


def test_nested_chain_has_three_levels_whatever_the_order_of_the_factors() -> None:
    region = PROVINCE // 4
    coast = (region == 0).astype(float)
    fine, coarse = factor("region:province", PROVINCE, {"Intercept": ONE}), factor("region", region, {"Intercept": ONE})
    fixed = {"Intercept": ONE, "illiteracy": ILLITERACY, "coast": coast}
    expected = [
        "Level 1 (rows, 240) y_i = α_j[i] + ε_i, ε_i ~ N(0, σ²)",
        "Level 2 (region:province, 12) α_j = γ₁·illiteracy_j + δ_k[j] + ν_j",
        "ν_j ~ N(0, σ_ν²)",
        "Level 3 (region, 3) δ_k = μ + γ₂·coast_k + κ_k",
        "κ_k ~ N(0, σ_κ²)",
    ]
    assert lines(design(fixed, fine, coarse))[:5] == expected
    assert lines(design(fixed, coarse, fine))[:5] == expected


def test_independent_slopes_have_a_law_each() -> None:
    d = design({"Intercept": ONE, "age": AGE}, factor("province", PROVINCE, {"Intercept": ONE}, {"age": AGE}))
    assert lines(d)[2:5] == ["β_j = λ + η_j", "ν_j ~ N(0, σ_ν²)", "η_j ~ N(0, σ_η²)"]


def test_slope_without_fixed_coefficient_and_no_intercept() -> None:
    d = design({"indigenous": INDIGENOUS}, factor("province", PROVINCE, {"Intercept": ONE, "age": AGE}))
    assert lines(d)[:3] == [
        "Level 1 (rows, 240) y_i = α_j[i] + β₁·indigenous_i + β₂_j[i]·age_i + ε_i, ε_i ~ N(0, σ²)",
        "Level 2 (province, 12) α_j = ν_j",
        "β₂_j = η_j",
    ]


def test_predictors_are_not_lifted_to_a_factor_with_a_level_a_row() -> None:
    d = design({"Intercept": ONE, "age": AGE}, factor("row", np.arange(N), {"Intercept": ONE}))
    assert lines(d)[0].startswith("Level 1 (rows, 240) y_i = α_j[i] + β·age_i")


def test_offset_is_written() -> None:
    d = design({"Intercept": ONE}, factor("province", PROVINCE, {"Intercept": ONE}), offset=AGE)
    assert "y_i = α_j[i] + offset_i + ε_i" in lines(d)[0]


def test_interaction_without_its_group_predictor_is_still_found() -> None:
    fixed = {"Intercept": ONE, "age": AGE, "age:illiteracy": AGE * ILLITERACY}
    d = design(fixed, factor("province", PROVINCE, {"Intercept": ONE, "age": AGE}))
    assert "β_j = λ + θ·illiteracy_j + η_j" in lines(d)


def test_interaction_of_two_row_predictors_stays_at_level_1() -> None:
    fixed = {"Intercept": ONE, "age": AGE, "indigenous": INDIGENOUS, "age:indigenous": AGE * INDIGENOUS}
    d = design(fixed, factor("province", PROVINCE, {"Intercept": ONE, "age": AGE}))
    rows = equations.write(d).levels[0].equations[0]
    assert rows.terms == ("α_j[i]", "β₁_j[i]·age_i", "β₂·indigenous_i", "β₃·age_i·indigenous_i", "ε_i")


@pytest.mark.parametrize("family", ["gaussian", "student", "probit", "logit"])
@pytest.mark.parametrize("width", [80, 100])
def test_lines_fit_the_width_and_every_parameter_has_one_letter(family: str, width: int) -> None:
    predictors = {f"predictor.number.{k}": RNG.normal(size=N) for k in range(7)}
    group = {f"group.predictor.{k}": RNG.normal(size=J)[PROVINCE] for k in range(6)}
    slopes = {"Intercept": ONE, **dict(list(predictors.items())[:3])}
    year = np.arange(N) % 6
    d = design(
        {"Intercept": ONE, **predictors, **group},
        factor("province", PROVINCE, slopes),
        factor("year", year, {"Intercept": ONE}),
        family=family,
    )
    model = equations.write(d)
    assert max(len(line) for line in model.lines(width)) <= width
    letters, names = zip(*model.symbols, strict=True)
    assert len(set(letters)) == len(letters)
    assert {f"b_{c}" for c in d.coefficients} | {f"sd_province__{c}" for c in slopes} | {"sd_year__Intercept"} <= set(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("name", "parts"),
    [("x", ("x",)), ("a:b:c", ("a", "b", "c")), ("poly(x, 2)1:z", ("poly(x, 2)1", "z")), ("f(a:b):c[T.1:2]", ("f(a:b)", "c[T.1:2]"))],
)
def test_components(name: str, parts: tuple[str, ...]) -> None:
    assert equations.components(name) == parts


def test_nested_is_strict_and_directed() -> None:
    fine, coarse = factor("p", PROVINCE, {"Intercept": ONE}), factor("r", PROVINCE // 4, {"Intercept": ONE})
    assert equations.nested(fine, coarse)
    assert not equations.nested(coarse, fine)
    assert not equations.nested(fine, fine)
    assert not equations.nested(fine, factor("e", np.arange(N) % 5, {"Intercept": ONE}))


def test_constant_within() -> None:
    province = factor("p", PROVINCE, {"Intercept": ONE})
    assert equations.constant_within(ILLITERACY, province)
    assert not equations.constant_within(AGE, province)


FORMULAS = [
    "y ~ 1 + (1 | region/province)",
    "y ~ age + illiteracy + coast + (1 + age | region/province)",
    "y ~ age * illiteracy + age:coast + (age || province) + (1 | region)",
    "y ~ 0 + age + (0 + age | province) + (1 | ethnicity)",
    "y ~ poly(age, 2) + race + (1 + race | province)",
    "y ~ age * race * illiteracy + (1 + age | province) + (0 + race | region) + (1 | ethnicity:region)",
    "y ~ log(age + 10) + I(age^2) + offset(age) + (1 | ethnicity) + (1 | province) + (1 | region) + (1 | ethnicity:province)",
    "y ~ age + (1 | province) + (0 + age | province) + (0 + illiteracy | ethnicity)",
    "y ~ race + (race - 1 | ethnicity/province)",
]


@pytest.mark.parametrize("formula", FORMULAS)
def test_every_parameter_stands_in_the_equations_once(formula: str) -> None:
    """The written model has all of the model, and nothing twice: each fixed coefficient in one place, each error term in one place."""
    import pandas as pd

    import gibbs

    region = PROVINCE // 4
    frame = pd.DataFrame({"y": RNG.normal(size=N), "age": AGE, "illiteracy": ILLITERACY, "province": PROVINCE, "region": region})
    frame = frame.assign(coast=(region == 0).astype(float), ethnicity=np.arange(N) % 5, race=RNG.choice(["a", "b", "c"], size=N))
    d = gibbs.check(formula, frame, seed=1).design
    model = equations.write(d)
    names = dict((name, letter) for letter, name in model.symbols)
    expected = {f"b_{c}" for c in d.coefficients} | {f"sd_{f.name}__{c}" for f in d.factors for c in f.columns} | {"sigma"}
    assert expected <= set(names)
    assert len(names) == len(model.symbols) == len({letter for letter, _ in model.symbols})
    terms = [term for level in model.levels for equation in level.equations for term in equation.terms]
    heads = [term.split("·")[0] for term in terms]
    for coefficient in d.coefficients:
        assert heads.count(names[f"b_{coefficient}"]) == 1, (coefficient, terms)
    lefts = [equation.left for level in model.levels for equation in level.equations][1:]
    errors = [names[f"sd_{f.name}__{c}"].removeprefix("σ_") for f in d.factors for c in f.columns]
    varying = [
        head.split("_")[0] + "_" + head.split("_")[1][0]
        for head in heads
        if "_" in head and not head.startswith("ε") and "offset" not in head
    ]
    for letter in errors:
        assert sum(v.split("_")[0] == letter for v in varying) == 1, (letter, terms)
    constants = [names[f"b_{c}"] for c in d.coefficients]
    assert not {left.split("_")[0] for left in lefts} & set(constants), "a letter with an index and one without are two things"
    for left in lefts:  # whatever has an equation of its own stands in a finer one, once
        assert varying.count(left) == 1, (left, terms)

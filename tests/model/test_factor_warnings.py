"""Warnings about grouping factors: each met by designs that deserve it, by construction, and withheld from their sound relatives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gibbs
from gibbs.model import factor_warnings, structure
from tests.model.tables import build

FAULTS = Path(__file__).resolve().parents[3] / "shared" / "faults"
RNG = np.random.default_rng(8)
J, M = 20, 10
G = np.repeat(np.arange(J), M)
BASE = {
    "y": RNG.normal(size=J * M),
    "b": RNG.integers(0, 2, J * M),
    "n": RNG.poisson(3.0, J * M),
    "x": RNG.normal(size=J * M),
    "g": G,
    "treat": (J // 2 > G).astype(int),  # of the level
    "z": np.linspace(-1.0, 1.0, J)[G],  # of the level, with many values
    "kind": np.array(["A", "B", "C"])[G % 3],
    "f": np.tile(["u", "v"], J * M // 2),
}


def found(formula: str, columns: dict | None = None, family: str = "gaussian", **more: object) -> list[structure.Warning]:
    """Of BASE with other or further columns; a table with levels of its own stands alone."""
    columns = columns or {}
    return structure.warnings(build(formula, columns if "id" in columns else BASE | columns, family, **more))


def kinds(formula: str, columns: dict | None = None, family: str = "gaussian", **more: object) -> list[str]:
    return [w.kind for w in found(formula, columns, family, **more)]


def message(kind: str, *arguments: object, **more: object) -> str:
    (said,) = [w.message for w in found(*arguments, **more) if w.kind == kind]
    return said


# -------------------------------------------------------------------------------------------------- slopes of the level


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ treat + (0 + treat | g)",
        "y ~ z + (0 + z | g)",
        "y ~ z + (z - 1 | g)",
        "y ~ treat + (1 | g) + (0 + treat | g)",  # a variance for each arm
        "y ~ treat + (1 + treat || g)",
        "y ~ treat + (0 + f | g)",
    ],
)
def test_a_term_without_an_intercept_is_not_told_to_go(formula):
    assert "constant-slope" not in kinds(formula)


def test_beside_an_intercept_it_is_a_predictor_of_the_level():
    said = message("constant-slope", "y ~ treat + (1 + treat | g)")
    assert "'treat' has one value within every level of g" in said and "take it out of ( … | g)" in said
    said = message("constant-slope", "y ~ kind + (1 + kind | g)")
    assert "'kindB', 'kindC' have one value within every level of g" in said and "take them out" in said
    said = message("constant-slope", "y ~ z + (1 | g) + (0 + z | g)")
    assert "take it out" not in said and "variance of the levels that grows with z²" in said


def test_groups_with_covariances_of_their_own_are_looked_at_one_by_one():
    x = np.where(BASE["treat"] == 1, BASE["x"], BASE["z"])  # varies within the levels of arm 1 only
    said = message("constant-slope", "y ~ x + (1 + x | gr(g, by = treat))", {"x": x})
    assert "every level of g with treat 0" in said
    assert "constant-slope" not in kinds("y ~ x + (1 + x | gr(g, by = treat))")
    assert "constant-slope" not in kinds("y ~ x + (1 + x | g)", {"x": x})


def test_dummies_of_a_predictor_of_the_level_say_nothing_of_its_correlations():
    said = message("unmet", "y ~ kind + (0 + kind | g)")
    assert "no level of g has both 'kindA' and 'kindB' (and 2 more pairs)" in said
    assert "unmet" not in kinds("y ~ f + (0 + f | g)")
    assert "unmet" not in kinds("y ~ x + (1 + x | g)")


def test_few_levels_in_which_a_column_is_not_0():
    few = (G < 3).astype(int)
    assert "'few' is not 0 in only 3 of the 20 levels of g" in message("few-levels", "y ~ few + (0 + few | g)", {"few": few})
    assert "few-levels" not in kinds("y ~ few + (0 + few | g)", {"few": few}, priors={"sd[g]": "half_normal(1)"})
    assert "few-levels" not in kinds("y ~ treat + (0 + treat | g)")


@pytest.mark.skipif(not FAULTS.is_dir(), reason="the faults are not here")
def test_the_partially_nested_trial():
    """30 clusters in the treated arm; everybody else in one further "cluster", where treat is 0."""
    assert gibbs.check(FAULTS / "partially_nested" / "spec.yaml").warnings == ()


def test_controls_that_are_clusters_of_one():
    """The same trial with every control a cluster of its own: their effects meet no row, so nothing is said of them."""
    treated = np.repeat(np.arange(20), 5)
    columns = {"y": RNG.normal(size=200), "treat": np.repeat([1, 0], 100), "c": np.concatenate([treated, 100 + np.arange(100)])}
    assert structure.warnings(build("y ~ treat + (0 + treat | c)", columns)) == []


# ------------------------------------------------------------------------------------------------------- far from zero


def test_slopes_of_columns_far_from_zero():
    columns = {"year": 1990.0 + np.tile(np.arange(10), J), "y": BASE["y"]}
    said = message("far-slope", "y ~ year + (1 + year | g)", columns)
    assert "'year'" in said and "from 1990 to 1999" in said and "sd[g,Intercept]" in said and "such as 1994," in said
    assert "correlation" in said
    assert "correlation" not in message("far-slope", "y ~ year + (1 + year || g)", columns)
    centred = columns | {"year": columns["year"] - 1994.5}
    assert "far-slope" not in kinds("y ~ year + (1 + year | g)", centred)
    assert "far-slope" not in kinds("y ~ year + (0 + year | g)", columns)  # there is no intercept to read
    line = message("far-line", "y ~ year + (0 + year | g)", columns)
    assert "the lines of all levels meet where year is 0" in line and "(1 + year | g)" in line
    assert "far-line" not in kinds("y ~ year + (0 + year | g)", centred)
    assert "far-line" not in kinds("y ~ year + (1 + year | g)", columns)
    assert "far-slope" not in kinds("y ~ year + (1 | g)", columns)
    rare = {"rare": (RNG.random(J * M) < 0.95).astype(int)}  # 4.4 sds from 0, but 0 is in the data
    assert "far-slope" not in kinds("y ~ rare + (1 + rare | g)", rare)


# ------------------------------------------------------------------------------------------------- effects and residuals


def cells(rows_a_cell: int, seed: int = 0) -> dict:
    rng = np.random.default_rng(seed)
    ids, f = np.repeat(np.arange(30), 2 * rows_a_cell), np.tile(np.repeat(["u", "v"], rows_a_cell), 30)
    n = len(ids)
    t, ones = (f == "v").astype(float), np.ones(n)
    return {
        "y": rng.normal(size=n),
        "b": np.arange(n) % 2,
        "n": rng.poisson(2.0, n),
        "id": ids,
        "f": f,
        "t": t,
        "x": rng.normal(size=n),
        "s": ones,
    }


@pytest.mark.parametrize("formula", ["(0 + f | id)", "(1 + f | id)", "(1 + t | id)", "(f | id)"])
def test_a_slope_and_two_rows_each_are_the_residuals(formula):
    """Z_j S Z_j' = I has a solution: S = I for the cells, (1, t) likewise as t is the same for everybody."""
    said = message("many-effects", f"y ~ f + {formula}", cells(1))
    assert "an effect for every row (60 effects of" in said and "between sigma and the sds" in said
    assert "many-effects" not in kinds(f"y ~ f + {formula}", cells(2))
    assert "many-effects" not in kinds(f"y | se(s) ~ f + {formula}", cells(1))
    assert "one yes or no an effect" in message("many-effects", f"b ~ f + {formula}", cells(1), "logit")
    assert "many-effects" not in kinds(f"n ~ f + {formula}", cells(1), "poisson")


def test_missing_cells_change_nothing():
    columns = {name: np.delete(values, [3, 10, 17]) for name, values in cells(1).items()}
    assert "an effect for every row (57 effects of" in message("many-effects", "y ~ f + (0 + f | id)", columns)


def test_predictors_that_differ_tell_them_apart_but_hardly():
    """With x different in every pair of rows no one S gives every level I: sigma is identified, by little."""
    said = message("many-effects", "y ~ x + (1 + x | id)", cells(1))
    assert "as many effects as there are rows" in said and "little but the priors" in said
    assert kinds("y ~ x + (1 + x | id)", cells(3)) == []


def test_what_is_the_same_as_the_residuals_against_the_likelihood():
    """The normal log likelihood is the same at (Σ, σ²) and (Σ − εS, σ² + ε) exactly where the rule says so."""
    from scipy.stats import multivariate_normal

    for formula, columns, same in (
        ("y ~ f + (0 + f | id)", cells(1), True),
        ("y ~ f + (1 + f | id)", cells(1), True),
        ("y ~ x + (1 + x | id)", cells(1), False),
        ("y ~ f + (0 + f || id)", cells(1), True),
        ("y ~ f + (0 + f | id)", cells(2), False),
    ):
        design = build(formula, columns)
        (factor,) = design.factors
        blocks = list(factor_warnings._blocks(factor))
        assert factor_warnings._same_as_residuals(design, factor, blocks) == same, formula
        sigma = np.array([[1.0, 0.3], [0.3, 0.8]]) if len(factor.terms) == 1 else np.diag([1.0, 0.8])
        levels = [np.flatnonzero(factor.codes == j) for j in range(len(factor.levels))]

        def log_likelihood(S, variance, levels=levels, factor=factor, design=design):
            total = 0.0
            for rows in levels:
                Z = factor.Z[rows]
                total += multivariate_normal.logpdf(design.y[rows], np.zeros(len(rows)), Z @ S @ Z.T + variance * np.eye(len(rows)))
            return total

        free = [(0, 0), (1, 1)] + ([(0, 1)] if len(factor.terms) == 1 else [])
        here, step = log_likelihood(sigma, 0.5), 1e-4

        def gradient(rows, log=log_likelihood, free=free, sigma=sigma, step=step):
            out = []
            for a, b in free:
                D = np.zeros((2, 2))
                D[a, b] = D[b, a] = step
                out.append((log(sigma + D, 0.5) - log(sigma - D, 0.5)) / (2 * step))
            return [*out, (log(sigma, 0.5 + step) - log(sigma, 0.5 - step)) / (2 * step)]

        assert np.isfinite(here)
        information = []
        for rows in levels:  # the score of each level: its rank over the levels is the number of parameters that are identified
            one = [rows]
            information.append(gradient(rows, log=lambda S, v, one=one: log_likelihood(S, v, levels=one)))
        rank = np.linalg.matrix_rank(np.array(information), tol=1e-4 * np.abs(information).max())
        assert rank == len(free) + (0 if same else 1), (formula, rank)


def test_residual_sds_by_arm_are_no_repetition():
    """(0 + treat | id) with one row each: a residual variance that is larger in one arm."""
    columns = {"y": RNG.normal(size=100), "treat": np.repeat([0, 1], 50), "id": np.arange(100)}
    assert structure.warnings(build("y ~ treat + (0 + treat | id)", columns)) == []
    assert "its effects and the residuals are the same thing" in next(
        w.message for w in structure.warnings(build("y ~ treat + (1 | id)", columns))
    )


def test_frequency_weights_are_rows():
    columns = {"y": RNG.normal(size=40), "id": np.arange(40), "w": np.full(40, 3)}
    assert "one-row" not in [w.kind for w in structure.warnings(build('y | weights(w, type = "frequency") ~ (1 | id)', columns))]


# ------------------------------------------------------------------------------------------------------------- outcomes


def test_an_outcome_of_the_group():
    said = message("constant-outcome", "y ~ x + (1 | g)", {"y": BASE["z"] ** 3})
    assert "y has one value within every level of g (20 levels of 10 rows)" in said and "sigma goes to 0" in said
    assert "nothing but its prior limits sd[g]" in message("constant-outcome", "b ~ x + (1 | g)", {"b": BASE["treat"]}, "logit")
    assert "count for more" in message("constant-outcome", "n ~ x + (1 | g)", {"n": G % 4}, "poisson")
    almost = BASE["z"].copy()
    almost[0] += 1.0
    assert "constant-outcome" not in kinds("y ~ x + (1 | g)", {"y": almost})
    assert "constant-outcome" not in kinds("y ~ x + (1 | row)", {"row": np.arange(J * M)})


def test_it_is_told_of_the_coarsest_factor_alone():
    columns = {"y": BASE["z"], "class": np.arange(J * M) // 5}
    assert "every level of g " in message("constant-outcome", "y ~ x + (1 | g) + (1 | class)", columns)


def test_trials_that_all_succeed_or_fail():
    columns = {"k": 4 * BASE["treat"], "m": np.full(J * M, 4)}
    assert "constant-outcome" in kinds("k | trials(m) ~ x + (1 | g)", columns, "binomial")
    assert "constant-outcome" not in kinds("k | trials(m) ~ x + (1 | g)", columns | {"k": 1 + 2 * BASE["treat"]}, "binomial")


def test_outcomes_that_are_missing_are_no_values():
    y = BASE["z"].copy()
    y[::7] = np.nan
    assert "constant-outcome" in kinds("y ~ x + (1 | g)", {"y": y}, missing="predict")


def test_predictors_of_levels_are_listed_where_they_belong():
    columns = {"town": G // 5, "size": (G // 5) * 2.0}
    design = build("y ~ x + z + size + (1 | g) + (1 | town)", BASE | columns)
    assert factor_warnings.of_levels(design) == ["one value within every level of town: size", "one value within every level of g: z"]


def test_sound_designs_are_left_alone():
    for formula in ("y ~ x + z + (1 + x | g)", "y ~ x * f + (1 + x + f | g)", "y ~ f + (0 + f | g)", "y ~ x + (x || g)"):
        assert kinds(formula) == [], formula
    for family, outcome in (("logit", "b"), ("poisson", "n"), ("student", "y")):
        assert kinds(f"{outcome} ~ x + f + (1 + x | g)", family=family) == []

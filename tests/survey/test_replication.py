"""Replicate weights: standard errors of R's survey package (4.1), the moments of the bootstrap, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.draws import estimates
from gibbs.errors import DataError, SpecError
from gibbs.model import data, design
from gibbs.model import spec as specs
from gibbs.survey import replication

Y = [3.1, 2.4, 5.6, 4.4, 1.9, 3.3, 6.2, 5.1, 2.2, 4.8, 3.9, 5.5]
X = [1.0, 0, 2, 1, 0, 1, 3, 2, 0, 2, 1, 2]
W = np.array([1, 2, 1.5, 3, 1, 2.5, 1, 2, 1.2, 1.8, 2.2, 1.1])
STRATUM, PSU = np.repeat([1, 2, 3], 4), np.repeat(np.arange(1, 7), 2)
HALVES = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])


def half_samples(most: float, least: float) -> np.ndarray:
    """(12, 4) factors of balanced half-samples."""
    first = (HALVES[:, STRATUM - 1] > 0) == (PSU % 2 == 1)
    return np.where(first, most, least).T


def jackknife(stratified: bool) -> np.ndarray:
    """(12, 6): one unit left out at a time, its weight given to the others of the stratum, or to all."""
    columns = []
    for k in range(1, 7):
        others = np.where(STRATUM == (k + 1) // 2, 2.0, 1.0) if stratified else np.full(12, 6 / 5)
        columns.append(np.where(PSU == k, 0.0, others))
    return np.column_stack(columns)


ROWS = pd.DataFrame({"y": Y, "x": X, "w": W, "s": STRATUM, "p": PSU})
CASES = {
    "fay": (half_samples(1.5, 0.5), {}, (0.2293785111, 0.1459983076), 3),
    "brr": (half_samples(2.0, 0.0), {}, (0.2773442132, 0.2272819235), 3),
    "jk1": (jackknife(False), {}, (0.2329438961, 0.1192383018), 5),
    "jkn": (jackknife(True), {"scale": 0.5}, (0.2547301671, 0.1352179225), 3),
    "jk2": (jackknife(True)[:, ::2], {}, (0.2884462780, 0.1272881158), 2),
}


def built(rows: pd.DataFrame, **keys: object):
    made = specs.build({"formula": "y ~ x", "weights": {"column": "w", "type": "sampling"}, "sampling": {"seed": 4}, **keys})
    return made, design.build(made, data.read(made, rows))


def of(rows: pd.DataFrame, **keys: object):
    made, numbers = built(rows, **keys)
    return replication.of(made, numbers, rows), numbers


def least_squares(w: np.ndarray) -> np.ndarray:
    A = np.column_stack([np.ones(12), X])
    return np.linalg.solve(A.T @ (A * w[:, None]), A.T @ (w * np.array(Y)))


@pytest.mark.parametrize("method", CASES)
def test_standard_errors_are_those_of_the_survey_package(method: str) -> None:
    """svyglm(y ~ x) of svrepdesign(…, mse = TRUE), R 4.2 with survey 4.1: standard errors and degf."""
    factors, further, expected, df = CASES[method]
    rows = ROWS.assign(**{f"rw{k + 1}": W * factors[:, k] for k in range(factors.shape[1])})
    found, numbers = of(rows, replicates={"columns": "rw*", "method": method, **further})
    assert found.df == df
    np.testing.assert_allclose(found.factors.T, factors, rtol=1e-12)
    full = least_squares(W)
    np.testing.assert_allclose(full, [2.332901629, 1.412330487], rtol=1e-9)
    each = np.array([least_squares(replication.reweighted(numbers, f).survey.raw) for f in found.factors])
    combined = estimates.combine(
        ("a", "b"), full[None], np.ones((1, 2)), each[None], np.zeros((1, *each.shape)), found.coefficients, df, ""
    )
    np.testing.assert_allclose(combined.se, expected, rtol=1e-9)


def test_columns_come_in_the_order_of_their_numbers() -> None:
    there = ["y", "W10", "W9", "W1", "V1"]
    assert replication.expand(["W*"], there, "") == ["W1", "W9", "W10"]
    assert replication.expand(["W9", "V1"], there, "") == ["W9", "V1"]
    for pattern, expected in ((["w*"], "no column is like 'w*'"), (["W11"], "Did you mean 'W1"), (["W9"], "two replicate weights or more")):
        with pytest.raises(DataError, match=expected.replace("*", r"\*")):
            replication.expand(pattern, there, "")


def test_the_bootstrap_keeps_the_weight_of_every_stratum_and_its_mean_factor_is_1() -> None:
    """Rao, Wu and Yue: n_h − 1 draws of n_h units, factors n_h/(n_h − 1) × times drawn: of variance 1/(n_h − 1) × n_h/… each."""
    rows = pd.concat([ROWS] * 4, ignore_index=True).assign(p=np.arange(48) // 2, s=np.repeat(["a", "b"], 24))
    found, _ = of(rows, design={"strata": "s", "psu": "p", "replicates": 4000})
    units = found.factors[:, ::2]
    np.testing.assert_array_equal(found.factors[:, 1::2], units)
    for h in (slice(0, 12), slice(12, 24)):
        np.testing.assert_allclose(units[:, h].sum(axis=1), 12.0)
    n = 12
    variance = (n / (n - 1)) ** 2 * (n - 1) * (1 / n) * (1 - 1 / n)  # of a multinomial count of n − 1 draws
    assert abs(units.mean() - 1.0) < 1e-12
    assert abs(units.var(axis=0).mean() / variance - 1.0) < 0.05
    assert found.df == 24 - 2 and found.coefficients.sum() == pytest.approx(1.0)


LINEARISED = {
    "strata and units": ({"strata": "s", "psu": "p"}, (0.564623944919, 0.234311484626, 0.117260814794)),
    "units": ({"psu": "p"}, (0.438898583857, 0.210934827000, 0.091116889965)),
}
"""SE of svymean(~y), of the intercept and of the slope of svyglm(y ~ x), of svydesign(…, weights = ~w): R 4.2, survey 4.1."""


@pytest.mark.parametrize("which", LINEARISED)
def test_the_bootstrap_has_the_linearised_variance_of_the_survey_package(which: str) -> None:
    """Of a sum Σ f_i z_i over rows the variance of the bootstrap is Σ_h n_h/(n_h − 1) Σ (z_hi − z̄_h)²: with z the linearised mean, and the
    linearised coefficients (X'WX)⁻¹ x_i w_i e_i, that is Taylor linearisation's. 6,000 replicates: within 10 % of it, 4.5 times √(2/6000)
    and more of a kurtosis of 3."""
    keys, expected = LINEARISED[which]
    found, _ = of(ROWS, design={**keys, "replicates": 6000})
    y, A = np.array(Y), np.column_stack([np.ones(12), X])
    mean = W * (y - np.average(y, weights=W)) / W.sum()
    residual = y - A @ least_squares(W)
    slopes = np.linalg.solve(A.T @ (A * W[:, None]), (A * (W * residual)[:, None]).T)
    for z, se in zip((mean, *slopes), expected, strict=True):
        variance = np.sum(found.coefficients * (found.factors @ z - z.sum()) ** 2)
        assert variance == pytest.approx(se**2, rel=0.1)
        units = np.unique(np.column_stack([STRATUM if "strata" in keys else np.zeros(12), PSU]), axis=0, return_inverse=True)
        total = np.bincount(np.ravel(units[1]), weights=z)
        exact = 0.0
        for h in np.unique(units[0][:, 0]):
            own = total[units[0][:, 0] == h]
            exact += len(own) / (len(own) - 1) * np.sum((own - own.mean()) ** 2)
        assert exact == pytest.approx(se**2, rel=1e-9)


def test_replicates_depend_on_the_seed_alone() -> None:
    one, other = (of(ROWS, design={"strata": "s", "psu": "p", "replicates": 30})[0].factors for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_groups_that_are_resampled_whole_have_weights_of_their_own() -> None:
    made = specs.build({"formula": "y ~ x + (1 | p)", "sampling": {"seed": 4}, "design": {"psu": "p", "replicates": 20}})
    numbers = design.build(made, data.read(made, ROWS))
    factors = replication.of(made, numbers, ROWS).factors[0]
    again = replication.reweighted(numbers, factors)
    of_level = factors[::2]
    drawn = of_level > 0
    np.testing.assert_allclose(again.factors[0].level_weights[drawn], of_level[drawn] / of_level[drawn].mean())
    np.testing.assert_array_equal(again.factors[0].level_weights[~drawn], 1.0)
    assert again.survey.scaled.sum() == pytest.approx(12.0)
    across = np.where(np.arange(12) % 2, 1.2, 0.8)  # within levels: nothing is known of the levels' own probability
    assert replication.reweighted(numbers, across).factors[0].level_weights is None


@pytest.mark.parametrize(
    ("keys", "rows", "expected"),
    [
        ({"design": {"strata": "s", "psu": "s"}}, ROWS, "one sampling unit"),
        ({"design": {"strata": "q"}}, ROWS, "no column 'q'"),
        ({"design": {"psu": "p"}}, ROWS.assign(p=ROWS["p"].where(ROWS.index > 1)), "'p' is missing in rows 1 and 2"),
        ({"replicates": {"columns": "rw*", "method": "brr"}}, ROWS, "no column is like 'rw*'"),
        ({"replicates": {"columns": ["w", "x"], "method": "brr"}}, ROWS.assign(x=-1.0 - ROWS["x"]), "not negative"),
        ({"replicates": {"columns": ["w", "x"], "method": "brr"}}, ROWS.assign(x=0.0, z=ROWS["x"]), "is 0 in the rows used"),
        ({"replicates": {"columns": ["w", "s"], "method": "jkn", "scale": [1, 2, 3]}}, ROWS, "3 numbers for 2"),
    ],
)
def test_data_that_do_not_fit(keys: dict[str, object], rows: pd.DataFrame, expected: str) -> None:
    with pytest.raises(DataError) as caught:
        of(rows if "z" not in rows else rows.assign(), **({"formula": "y ~ z"} if "z" in rows else {}), **keys)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"design": {"psu": "p"}, "replicates": {"columns": "r*", "method": "brr"}}, "keep one"),
        ({"design": {}}, "needs strata: or psu:"),
        ({"design": {"psus": "p"}}, "Did you mean 'psu'?"),
        ({"replicates": {"columns": "r*", "method": "fey"}}, "Did you mean 'fay'?"),
        ({"replicates": {"columns": "r*", "method": "brr", "factor": 0.3}}, "factor is of method fay"),
        ({"replicates": {"columns": "r*", "method": "jkn"}}, "jkn needs scale"),
        ({"replicates": {"columns": "r*", "method": "fay", "factor": 1}}, "less than 1"),
        ({"replicates": {"method": "fay"}}, "columns"),
        ({"design": {"psu": "p"}, "weights": {"column": "w", "type": "frequency"}}, "weights of type sampling"),
        ({"outcome": ["a"]}, "two columns or more"),
        ({"outcome": ["a", "b"]}, "none of the plausible values"),
        ({"data": ["a.csv"]}, "two files or more"),
    ],
)
def test_words_that_do_not_fit(keys: dict[str, object], expected: str) -> None:
    with pytest.raises(SpecError) as caught:
        specs.build({"formula": "y ~ x", **keys})
    assert expected in str(caught.value), caught.value


def test_the_resolved_spec_says_the_same() -> None:
    for keys in (
        {"design": {"strata": "s", "psu": "p", "replicates": 99}},
        {"replicates": {"columns": "rw*", "method": "fay", "factor": 0.3, "draws": 700}},
        {"replicates": {"columns": ["a", "b"], "method": "jkn", "scale": [0.5, 0.6]}},
        {"outcome": ["pv1", "pv2"], "formula": "~ x + (1 | g)"},
        {"outcome": ["pv1", "pv2"], "formula": None, "level1": ["x"], "levels": {"g": {"intercept": ["z"]}}},
        {"data": ["a.csv", "b.csv"]},
    ):
        made = specs.build({"formula": "y ~ x", "sampling": {"seed": 1}, **keys})
        from gibbs.model import yaml_lines

        again = specs.build(yaml_lines.parse(specs.to_yaml(made), "")[0])
        assert specs.same(made, again), keys


def test_replicates_are_looked_at_before_a_sweep_is_spent() -> None:
    """``gibbs check`` names them, and refuses columns that are not there; so does a run, before it draws."""
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"y": rng.normal(size=40), "x": rng.normal(size=40), "w": rng.uniform(1, 2, 40), "g": np.arange(40) % 8})
    for r in range(4):
        table[f"R{r}"] = table["w"] * rng.choice([0.5, 1.5], 40)
    keys = {"weights": {"column": "w", "type": "sampling"}}
    said = str(gibbs.check("y ~ x + (1 | g)", table, replicates={"columns": "R*", "method": "fay", "factor": 0.5}, **keys))
    assert "of the design: 4 replicate weights (Fay's BRR, factor 0.5)" in " ".join(said.split())
    assert "Rao" in str(gibbs.check("y ~ x + (1 | g)", table, design={"psu": "g", "replicates": 20}, **keys))
    for call in (gibbs.check, gibbs.fit):
        with pytest.raises(DataError, match=r"no column is like 'Q\*'"):
            call("y ~ x + (1 | g)", table, replicates={"columns": "Q*", "method": "brr"}, **keys)

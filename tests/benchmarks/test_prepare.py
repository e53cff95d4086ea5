"""What every engine is given: this package's own columns and codes, and priors in numbers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks.engines import registry
from benchmarks.engines.frame import framed
from benchmarks.engines.problem import Problem
from benchmarks.engines.record import R
from benchmarks.suite import bugs, prepare, simulated
from benchmarks.suite.problems import PROBLEMS

gibbs = pytest.importorskip("gibbs")


def test_sleepstudy_is_what_it_is(sleepstudy: Path) -> None:
    problem = Problem(sleepstudy)
    table = simulated.by_name("lme4::sleepstudy")
    assert np.array_equal(problem.array("X"), np.column_stack([np.ones(180), table["Days"]]))
    assert np.array_equal(problem.array("y"), table["Reaction"])
    assert np.array_equal(problem.array("g_Subject"), np.unique(table["Subject"].astype(str), return_inverse=True)[1] + 1)
    assert np.array_equal(problem.array("Z_Subject"), problem.array("X"))
    assert problem.names[:6] == [
        "b_Intercept", "b_Days", "sd_Subject__Intercept", "sd_Subject__Days", "cor_Subject__Intercept__Days", "sigma",
    ]  # fmt: skip
    (e,) = problem.effects
    assert problem.effect_names(e)[:3] == ["r_Subject[308,Intercept]", "r_Subject[308,Days]", "r_Subject[309,Intercept]"]
    assert len(problem.names) == 6 + 36


def test_priors_are_those_that_are_stated(sleepstudy: Path) -> None:
    problem = Problem(sleepstudy)
    y, days = problem.array("y"), problem.array("X")[:, 1]
    assert problem.about["spec"]["priors"] == {
        "intercept": f"normal({y.mean():.3g}, {2.5 * y.std():.3g})",
        "b[Days]": f"normal(0, {2.5 * y.std() / days.std():.3g})",
        "sd[Subject,Intercept]": f"half_t(3, 0, {2.5 * y.std():.3g})",
        "sd[Subject,Days]": f"half_t(3, 0, {2.5 * y.std() / days.std():.3g})",
        "cor[Subject]": "lkj(1)",
        "sigma": f"half_t(3, 0, {2.5 * y.std():.3g})",
    }
    assert [s["scale"] for s in problem.statements] == [prepare.rounded(2.5 * y.std()), prepare.rounded(2.5 * y.std() / days.std())]


def test_the_additive_form_is_the_same_predictor(sleepstudy: Path) -> None:
    problem = Problem(sleepstudy)
    beta = np.array([200.0, 10.0])
    stated = problem.array("W") @ beta
    assert np.allclose(problem.array("T") @ stated, problem.array("X") @ beta, rtol=1e-12)
    text, plain = ((sleepstudy / name).read_text() for name in ("additive.bug", "model.bug"))
    assert "inprod(X[i,], b[])" in plain
    (line,) = re.findall(r"eta\[i\] <- (.*)", text)
    assert line == "stated[1] + stated[2] * T[i,2] + u_Subject[g_Subject[i],1] + u_Subject[g_Subject[i],2] * Z_Subject[i,2]"
    assert "stated[2] ~ dnorm(0, " in text and "b[2] <- inprod(V[2,], stated[])" in text
    assert f"tau ~ dscaled.gamma({prepare.rounded(2.5 * problem.array('y').std())}, 3.0)" in text and "sigma ~" not in text


def test_engines_of_formulas_get_the_same_columns(sleepstudy: Path) -> None:
    made = framed(Problem(sleepstudy))
    assert made.right == "1 + x2 + (1 + x2 | g1)" and made.fixed == "1 + x2"
    assert made.names == {"b_Intercept": "Intercept", "b_Days": "x2"}
    assert set(made.columns) == {"y", "x2", "g1"}


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_has_its_table(name: str) -> None:
    problem = PROBLEMS[name]
    table, truth = problem.table(min(problem.sizes, default=0), 1)
    from gibbs.model import formula

    wanted = set(formula.variables(formula.parse(problem.formula)))
    assert wanted <= set(table.columns)
    assert not table[sorted(wanted)].isna().any().any() or not problem.sizes
    if problem.sizes:
        assert len(table) == min(problem.sizes)
        again, _ = problem.table(min(problem.sizes), 1)
        other, _ = problem.table(min(problem.sizes), 2)
        assert table.equals(again) and not table.equals(other)
        assert all(np.isfinite(value) for value in truth.values())


def test_starts_of_cutpoints_are_apart(sleepstudy: Path) -> None:
    class Family:
        link = "logit"

    class Program:
        categories, data, family = 3, {"y": np.array([1] * 10 + [2] * 30 + [3] * 60)}, Family

    found = bugs.starts(Program)["unordered"]  # type: ignore[arg-type]
    assert np.allclose(1 / (1 + np.exp(-np.array(found))), [0.1, 0.4], atol=0.01)


def test_every_engine_says_where_it_runs() -> None:
    root = Path(registry.__file__).parent
    for engine in registry.ENGINES.values():
        script = root / "r" / engine.module if engine.where == R else root / f"{engine.module}.py"
        assert script.exists(), engine
        assert engine.packages and engine.label


@pytest.mark.parametrize("name", ["m6", "apc", "ordinal", "by_row"])
def test_problems_of_other_families_can_be_prepared(name: str, tmp_path: Path) -> None:
    """Priors that the package knows by name, one of each kind of parameter."""
    prepare.write(name, 300, 1, tmp_path)
    problem = Problem(tmp_path)
    assert problem.array("X").shape[0] > 200 and (problem.about["cutpoint"] == ["normal", [0.0, 4.0]]) == (name == "ordinal")

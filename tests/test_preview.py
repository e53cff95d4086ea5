"""The report before sampling: what it must say, from tables whose counts are known by construction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.errors import SpecError
from gibbs.model.records import Prior
from gibbs.preview import Check

RANDOM = np.random.default_rng(11)
N = 360


def frame(**more: Any) -> pd.DataFrame:
    """360 pupils in 12 classes in 4 schools, crossed with 6 years; ``z`` belongs to the class."""
    group = np.arange(N) // 30
    columns: Mapping[str, Any] = {
        "y": RANDOM.normal(size=N),
        "b": (RANDOM.random(N) < 0.5).astype(int),
        "x": RANDOM.normal(size=N),
        "z": np.linspace(-1.0, 1.0, 12)[group],
        "class": group,
        "school": group // 3,
        "year": np.arange(N) % 6,
    }
    return pd.DataFrame({**columns, **more})


def report(formula: str, data: pd.DataFrame | None = None, **keys: Any) -> Check:
    return gibbs.check(formula, frame() if data is None else data, seed=1, **keys)


def section(check: Check, title: str) -> str:
    """The text under one heading, blanks closed up."""
    parts = ("\n" + str(check)).split("\n\n" + title)
    assert len(parts) == 2, f"'{title}' stands once in the report"
    lines = parts[1].split("\n\n")[0].splitlines()[1:]
    return "\n".join(" ".join(line.split()) for line in lines)


def test_equations_stand_first_and_every_section_is_there() -> None:
    text = str(report("y ~ x + z + x:z + (1 + x | class)", title="Pupils"))
    assert text.startswith("Pupils\ny ~ x + z + x:z + (1 + x | class)\nfamily gaussian")
    titles = [line.split(" (")[0] for line in text.splitlines() if line and not line.startswith(" ")][3:]
    assert titles == ["Model", "Data", "Predictors", "Groups", "Priors", "Plan", "Sampling", "No warnings"]
    assert "β_j = λ + θ·z_j + η_j" in text


def test_rows_read_used_dropped_by_column() -> None:
    data = frame()
    data.loc[:9, "x"] = np.nan  # ten rows
    data.loc[5:19, "y"] = np.nan  # fifteen, five of them with x missing too
    said = section(report("y ~ x + (1 | class)", data), "Data")
    assert "DataFrame: 360 rows read, 340 used, 20 dropped" in said
    assert "missing in: y 15, x 10" in said or "missing in: x 10, y 15" in said


def test_factors_with_their_sizes_and_how_they_lie() -> None:
    data = frame()
    data = data.drop(index=range(20))  # the first class keeps 10 rows
    said = section(report("y ~ x + (1 | school/class) + (1 | year)", data), "Groups").splitlines()
    assert "school 4 70 90 90" in said
    assert "school:class 12 10 30 30" in said
    assert "school:class is nested in school" in said
    assert any(line.startswith("school is crossed with year (100 %") for line in said)


def test_every_prior_in_words_with_its_source() -> None:
    said = section(
        report("y ~ x + z + (1 + x | class)", priors={"b[x]": "normal(0, 5)", "sd[class]": "exponential(2)"}), "Priors"
    ).splitlines()
    assert "b[x] normal, mean 0, sd 5 spec" in said
    assert "sd[class,Intercept] exponential, rate 2 spec" in said
    assert "sd[class,x] exponential, rate 2 spec" in said
    assert "cor[class] of Intercept, x LKJ, eta 1 default" in said
    labels = [line.split()[0] for line in said]
    assert labels[:4] == ["intercept", "b[x]", "b[z]", "sd[class,Intercept]"]
    assert "sigma" in labels


def test_default_scales_are_the_documented_ones() -> None:
    data = frame()
    sd_y, sd_x = data["y"].std(), data["x"].std()
    said = section(report("y ~ x + (1 | class)", data), "Priors").splitlines()
    numbers = {line.split()[0]: float(line.split()[-2]) for line in said if line.endswith("default")}
    assert numbers["b[x]"] == pytest.approx(2.5 * sd_y / sd_x, rel=1e-3)
    assert numbers["sd[class,Intercept]"] == pytest.approx(2.5 * sd_y, rel=1e-3)
    assert numbers["sigma"] == pytest.approx(2.5 * sd_y, rel=1e-3)


def test_a_prior_from_a_file_names_its_line(tmp_path: Any) -> None:
    frame().to_csv(tmp_path / "data.csv", index=False)
    words = "data: data.csv\nformula: y ~ x + (1 | class)\npriors:\n  sd[class]: half_normal(0, 1)\n"
    (tmp_path / "model.yaml").write_text(words, encoding="utf-8")
    said = section(gibbs.check(tmp_path / "model.yaml"), "Priors")
    assert "sd[class,Intercept] half-normal, scale 1 spec, line 4" in said


@pytest.mark.parametrize(
    ("priors", "sentence"),
    [
        ({}, "with every predictor at its mean (intercept), not at 0"),
        ({"intercept": "normal(0, 1)"}, "with every predictor at its mean (intercept), not at 0"),
        ({"b[Intercept]": "normal(0, 1)"}, "on the coefficient as written, with every predictor at 0"),
        ({"intercept": "flat()"}, "The intercept's prior is flat"),
        ({"b[Intercept]": "flat()"}, "The intercept's prior is flat"),
    ],
)
def test_which_prior_on_the_intercept_is_in_force(priors: dict[str, str], sentence: str) -> None:
    check = report("y ~ x + (1 | class)", priors=priors)
    assert sentence in " ".join(str(check).split())
    for prior in priors:
        assert any(line.startswith(prior) and line.endswith("spec") for line in section(check, "Priors").splitlines())


def test_flat_prior_is_in_the_list_though_the_design_has_no_row_for_it() -> None:
    assert "b[x] flat (improper) spec" in section(report("y ~ x + (1 | class)", priors={"b[x]": "flat()"}), "Priors")


def test_covariance_prior_stands_for_sds_and_correlations() -> None:
    said = section(report("y ~ x + (1 + x | class)", priors={"cov[class]": "inverse_wishart(4, [[1, 0], [0, 1]])"}), "Priors")
    assert "cov[class] of Intercept, x inverse-Wishart, 4 df" in said
    assert "sd[class" not in said


def test_student_has_nu_and_binary_has_neither() -> None:
    assert "nu gamma, shape 2, rate 0.1" in section(report("y ~ x + (1 | class)", family="student"), "Priors")
    said = section(report("b ~ x + (1 | class)", family="logit"), "Priors")
    assert "sigma" not in said and "nu " not in said
    assert "on the link scale" in said


def test_binary_outcome_is_counted_and_its_words_explained() -> None:
    answer = np.where(np.arange(N) < 90, "yes", "no")
    said = section(report("answer ~ x + (1 | year)", frame(answer=answer), family="probit"), "Data")
    assert "outcome answer (1 is 'yes', 0 is 'no'): 90 ones and 270 zeros, 25.0% ones" in said


def test_memory_is_the_draws_kept() -> None:
    """Coefficients 2, sd 1, sigma 1, effects 12, lp 1: 17 numbers of 8 bytes, 4 chains of 1,000 draws."""
    assert "memory: draws 544 kB" in section(report("y ~ x + (1 | class)", draws=1000), "Sampling")
    assert "4 chains of 500 warm-up sweeps and 1,000 draws; seed 1" in section(report("y ~ x + (1 | class)", draws=1000), "Sampling")


def test_how_long_the_run_will_be_is_in_words() -> None:
    said = " ".join(section(report("y ~ x + (1 | class)"), "Sampling").split())
    assert (
        "R-hat at most 1.01, bulk and tail ESS at least 1,000 of every fixed effect, sd, correlation and family parameter, 0.4 of" in said
    )
    assert "two checks in a row (after 500, 750, 1,125, … draws a chain); at most 600 seconds and 100,000 draws a chain; seed 1" in said
    until = {"ess": 300, "tail_ess": 200, "of": ["b_*"], "mcse": {"b_x": 0.01}, "max_draws": 600}
    said = " ".join(section(report("y ~ x + (1 | class)", until=until), "Sampling").split())
    assert "bulk ESS at least 300, tail ESS 200 of b_*, the Monte Carlo error of b_x at most 0.01" in said and "(after 500, 600, … " in said


def test_until_that_names_no_parameter_is_refused_with_the_nearest() -> None:
    with pytest.raises(SpecError, match=r"no parameter 'b_z'. Did you mean 'b_x'"):
        report("y ~ x + (1 | class)", until={"of": ["b_z"]})
    with pytest.raises(SpecError, match=r"no parameter 'sd_school\*'"):
        report("y ~ x + (1 | class)", until={"mcse": {"sd_school*": 0.1}})


def test_more_memory_than_the_machine_has_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gibbs.memory.installed", lambda: 1_000_000)
    (warning,) = report("y ~ x + (1 | class)", draws=1000).warnings
    assert "and there are 1 MB: it may end by being killed" in warning and "keep: none" in warning
    (warning,) = report("y ~ x + (1 | class)", draws=1000, keep="none").warnings
    assert "keep: none" not in warning


def test_memory_at_the_peak_is_told_stage_by_stage() -> None:
    check = report("y ~ x + (1 | class)", draws=1000)
    said = " ".join(section(check, "Sampling").split())
    assert "at the peak about " in said and "this process with the data " in said and "work space " in said
    assert check.memory.peak > check.memory.so_far > 10_000_000


def test_plan_is_printed() -> None:
    check = report("y ~ x + (1 | class)", scheme="one-at-a-time")
    said = " ".join(section(check, "Plan").split())
    for line in check.plan.lines:
        assert " ".join(line.split()) in said
    assert check.plan.scheme == "one-at-a-time"


@pytest.mark.parametrize(
    ("formula", "more", "words"),
    [
        ("y ~ x + w + (1 | class)", {"w": lambda d: 2 * d["x"]}, ("w", "x")),  # rank-deficient
        ("y ~ x + w + (1 | class)", {"w": lambda d: d["x"] + 1e-4 * np.sin(np.arange(N))}, ("collinear", "w", "x")),
        ("y ~ z + (1 + z | class)", {}, ("z", "class", "one value within")),
        ("y ~ x + (1 | row)", {"row": lambda d: np.arange(N)}, ("row", "one row")),
        ("y ~ x + (1 | school)", {}, ("school", "4 levels", "default prior")),
        ("b ~ w + (1 | class)", {"w": lambda d: d["b"] * 1.0}, ("w", "separat")),
    ],
)
def test_warnings_stand_in_the_report(formula: str, more: Mapping[str, Any], words: tuple[str, ...]) -> None:
    data = frame()
    data = data.assign(**{name: make(data) for name, make in more.items()})
    check = report(formula, data, family="logit" if formula.startswith("b") else "gaussian")
    assert "\nWarnings\n" in str(check) and "No warnings" not in str(check)
    assert any(all(w in warning for w in words) for warning in check.warnings), check.warnings


def test_two_level_form_gives_the_same_report() -> None:
    data = frame()
    levels = report(None, data, outcome="y", level1=["x"], levels={"class": {"intercept": ["z"], "x": ["z"]}})
    assert str(levels) == str(report(levels.spec.formula, data))
    assert "α_j = δ + γ·z_j + ν_j" in str(levels)


def test_no_groups() -> None:
    check = report("y ~ x")
    assert "none: an ordinary regression" in section(check, "Groups")
    assert "y_i = α + β·x_i + ε_i" in str(check)


def test_long_names_stay_on_the_page() -> None:
    names = {f"a.very.long.name.of.a.predictor.number.{k}": RANDOM.normal(size=N) for k in range(6)}
    wide = " + ".join(names)
    check = report(f"y ~ {wide} + (1 + {next(iter(names))} | class)", frame(**names), priors={"sd[class]": "half_t(3, 0, 2.5)"})
    assert max(len(line) for line in str(check).splitlines()) <= 100


def test_prior_objects_are_understood() -> None:
    assert "b[x] normal, mean 0, sd 3" in section(report("y ~ x + (1 | class)", priors={"b[x]": Prior("normal", (0.0, 3.0))}), "Priors")

"""What is printed: brms' layout, arm's layout, digits that say something."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import pytest

from gibbs.summaries import display
from tests.posterior.fabricated import autoregressive, deck, design, draws, factor, fit, slopes, term


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_brms_layout() -> None:
    lines = display.text(fit()).splitlines()
    assert lines[:3] == [" Family: gaussian", "  Links: mu = identity; sigma = identity", "Formula: y ~ x + (1 + x | province)"]
    assert "   Data: data/peru.csv (Number of observations: 12)" in lines
    assert "  Draws: 4 chains, each with iter = 700; warmup = 200; thin = 1;" in lines
    assert "         total post-warmup draws = 2000" in lines
    order = [
        "Multilevel Hyperparameters:",
        "~province (Number of levels: 3)",
        "Regression Coefficients:",
        "Further Distributional Parameters:",
    ]
    places = [lines.index(line) for line in order]
    assert places == sorted(places)
    header = "Estimate Est.Error l-95% CI u-95% CI Rhat Bulk_ESS Tail_ESS".split()
    assert lines[places[1] + 1].split() == header and lines[places[2] + 1].split() == header
    assert [line.split()[0] for line in lines[places[1] + 2 : places[1] + 5]] == ["sd(Intercept)", "sd(x)", "cor(Intercept,x)"]
    assert lines[places[2] + 2].startswith("Intercept ") and lines[places[3] + 2].startswith("sigma ")
    ends = {len(line) for line in lines[places[1] + 1 : places[1] + 5]}
    assert len(ends) == 1  # right-aligned
    assert "Converged: over all 12 parameters" in lines[-2] + lines[-1]


def test_the_numbers_of_a_row() -> None:
    made = fit()
    row = next(line for line in display.text(made).splitlines() if line.startswith("x ")).split()
    expected = made.summary().loc["b_x"]
    for written, name in zip(row[1:], ["mean", "sd", "q2.5", "q97.5"], strict=False):
        assert float(written) == pytest.approx(expected[name], abs=0.0006)
    assert row[5] == f"{expected['rhat']:.2f}" and row[6] == f"{expected['ess_bulk']:.0f}" and row[7] == f"{expected['ess_tail']:.0f}"


@pytest.mark.parametrize("scale", [1e-12, 3e-5, 0.004, 0.02, 0.7, 5.0, 1234.5, 2e8, 3e15])
def test_no_error_is_ever_written_as_zero(scale: float) -> None:
    """Two significant digits of the standard error at least, whatever the units."""
    made = fit()
    made.arrays.beta[:, :, 1] = scale * (10 + autoregressive((4, 500)))
    row = next(line for line in display.text(made).splitlines() if line.startswith("x ")).split()
    assert float(row[1]) == pytest.approx(10 * scale, rel=0.02)
    assert float(row[2]) == pytest.approx(made.summary().loc["b_x", "sd"], rel=0.05)
    est, se = next(line for line in display.arm(made).splitlines() if line.startswith("x ")).split()[1:]
    assert float(se) == pytest.approx(made.summary().loc["b_x", "sd"], rel=0.5) and float(est) == pytest.approx(10 * scale, rel=0.1)


def test_a_fixed_parameter_has_no_diagnostics_in_print() -> None:
    made = fit(made=draws(slopes(), sigma=2.5))
    row = next(line for line in display.text(made).splitlines() if line.startswith("sigma ")).split()
    assert row[1:3] == ["2.50", "0.00"] and row[5:] == ["–", "–", "–"]


def test_an_r_hat_over_the_limit_does_not_print_as_the_limit() -> None:
    made = fit()
    made.arrays.beta[0, :, 1] += 0.035
    rhat = made.summary().loc["b_x", "rhat"]
    assert 1.01 < rhat < 1.1
    row = next(line for line in display.text(made).splitlines() if line.startswith("x ")).split()
    assert row[5] == f"{rhat:.3f}"


def test_dropped_rows_are_counted_by_column() -> None:
    model = replace(slopes(), rows_read=20, dropped={"x": 5, "age": 4, "income": 0})
    assert "   Rows: 20 read, 8 dropped: missing x 5, age 4" in display.text(fit(model)).splitlines()


def test_a_run_that_was_stopped_says_so() -> None:
    made = fit(made=replace(draws(slopes()), stopped="max_seconds"))
    assert "Sampling stopped before it was asked to: max_seconds." in display.text(made)


@pytest.mark.parametrize(("family", "links"), [("probit", "mu = probit"), ("logit", "mu = logit")])
def test_binary_families(family: str, links: str) -> None:
    model = design(factor("g", ("1", "2"), np.ones((12, 1)), term("Intercept")), family=family, outcome_labels=("no", "yes"))
    words = display.text(fit(model))
    assert " Family: bernoulli\n  Links: " + links in words
    assert "Outcome: y = yes (against no)" in words
    assert "Further Distributional Parameters" not in words


def test_arm_layout_on_the_deck() -> None:
    words = display.arm(deck())
    assert re.search(r"coef\.est +coef\.se\n\(Intercept\) +0\.32 +0\.02\nindigenous +-0\.10 +0\.04\n", words)
    terms = words.split("Error terms:\n")[1].splitlines()
    assert [line.split() for line in terms[:4]] == [
        ["Groups", "Name", "Std.Dev.", "Corr"],
        ["province", "(Intercept)", "0.12"],
        ["indigenous", "0.16", "-0.64"],
        ["Residual", "0.44"],
    ]
    assert words.endswith("---\nnumber of obs: 3000, groups: province, 3")


def test_display_prints() -> None:
    out = io.StringIO()
    made = deck()
    made.display(file=out)
    assert out.getvalue() == display.arm(made) + "\n"


def test_plain_text_where_there_is_no_terminal_and_the_same_words_where_there_is() -> None:
    made = fit()
    plain, coloured = io.StringIO(), Terminal()
    made.show(plain)
    made.show(coloured)
    assert plain.getvalue() == repr(made) + "\n" and "\x1b[" not in plain.getvalue()
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured.getvalue()) == plain.getvalue()


def test_html_escapes_what_users_wrote() -> None:
    model = design(factor("<g>", ("1", "2"), np.ones((12, 1)), term("Intercept")))
    words = fit(model, formula="y ~ x + (1 | `<g>`)")._repr_html_()
    assert "<g>" not in words and "&lt;g&gt;" in words and "<table>" in words

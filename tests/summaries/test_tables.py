"""Tables in the layouts of brms, lme4, arm and journals, for terminals, programs and pages."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.errors import SpecError
from gibbs.posterior.fit import Fit
from gibbs.summaries import display, typeset
from gibbs.summaries.sheets import Part
from tests.posterior import fabricated
from tests.posterior.fabricated import design, draws, factor, slopes, term


@cache
def small() -> Fit:
    return fabricated.fit()


def fit(*words, **keywords) -> Fit:
    """A Fit of its own where anything is said of it; else one that all tests look at and none changes."""
    return fabricated.fit(*words, **keywords) if words or keywords else small()


deck = cache(fabricated.deck)


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


# ------------------------------------------------------------------------------------------------------------ one fit


def test_brms_is_the_summary() -> None:
    assert fit().table() == display.text(fit()) + "\n"


def test_brms_with_a_level() -> None:
    made = fit()
    text = made.table(level=0.8)
    assert "Estimate Est.Error l-80% CI u-80% CI Rhat Bulk_ESS Tail_ESS".split() in words(text)
    row = next(w for w in words(text) if w[:1] == ["x"])
    low, high = np.quantile(made.arrays.beta[:, :, 1], [0.1, 0.9])
    assert [float(v) for v in row[3:5]] == pytest.approx([low, high], abs=0.0006)
    assert "l-80% HDI" in made.table(level=0.8, interval="hdi")


def test_lme4_print() -> None:
    """The layout of print(summary(lmer(...))): Random effects, sizes, Fixed effects."""
    lines = words(deck().table(style="lme4"))
    start = lines.index(["Random", "effects:"])
    assert lines[start + 1 : start + 6] == [
        ["Groups", "Name", "Variance", "Std.Dev.", "Corr"],
        ["province", "(Intercept)", "0.014", "0.12"],  # 0.12² = 0.0144
        ["indigenous", "0.026", "0.16", "-0.64"],  # 0.16² = 0.0256
        ["Residual", "0.19", "0.44"],  # 0.44² = 0.1936
        ["Number", "of", "obs:", "3000,", "groups:", "province,", "3"],
    ]
    start = lines.index(["Fixed", "effects:"])
    assert lines[start + 1 : start + 4] == [
        ["Estimate", "Std.", "Error"],
        ["(Intercept)", "0.320", "0.020"],
        ["indigenous", "-0.100", "0.040"],
    ]


@pytest.mark.parametrize(
    ("family", "said"),
    [("logit", "binomial ( logit )"), ("probit", "binomial ( probit )"), ("poisson", "poisson ( log )")],
)
def test_lme4_names_the_family_and_the_link(family: str, said: str) -> None:
    model = replace(fabricated.slopes(), family=family)
    made = fit(model, draws(model))
    assert ["Family:", *said.split()] in words(made.table(style="lme4"))


def test_lme4_with_an_interval() -> None:
    made = deck()
    text = made.table(style="lme4", level=0.9)
    assert ["Estimate", "Std.", "Error", "l-90%", "CI", "u-90%", "CI"] in words(text)
    row = next(w for w in words(text) if w[:1] == ["indigenous"] and len(w) == 5)
    assert [float(v) for v in row[3:]] == pytest.approx(np.quantile(made.arrays.beta[:, :, 1], [0.05, 0.95]), abs=0.0006)


def test_display_is_arms() -> None:
    made = deck()
    out = io.StringIO()
    made.display(file=out)
    shown = made.table(style="display").split("\n\nDo not use these draws")[0]  # the sds of this posterior never move
    assert words(shown) == words(out.getvalue())


def test_several_terms_and_no_correlation() -> None:
    Z = np.column_stack((np.ones(12), np.linspace(-1, 2, 12)))
    model = design(factor("g", ("1", "2", "3"), Z, term("Intercept"), term("x")))
    lines = words(fit(model, draws(model, sd_g__Intercept=0.5, sd_g__x=0.3, sigma=1.0), "y ~ x + (x || g)").table(style="lme4"))
    start = lines.index(["Random", "effects:"])
    assert lines[start + 1 : start + 5] == [
        ["Groups", "Name", "Variance", "Std.Dev."],
        ["g", "(Intercept)", "0.25", "0.50"],
        ["g.1", "x", "0.090", "0.30"],
        ["Residual", "1.00", "1.00"],
    ]


FAMILIES = {
    "gaussian": {},
    "student": {},
    "probit": {},
    "logit": {},
    "binomial": {"link": "cloglog", "trials": np.full(12, 4)},
    "poisson": {"link": "log"},
    "negative_binomial": {"link": "log"},
    "ordinal": {"link": "logit", "categories": ("low", "mid", "high")},
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("style", ["brms", "lme4", "display"])
def test_every_family_in_every_style_and_format(family: str, style: str) -> None:
    model = of_family(family)
    made = fit(model)
    for form in ("terminal", "csv", "markdown", "latex"):
        text = made.table(style=style, format=form)
        for name in ("nu", "shape", "Intercept[1]"):
            here = {"nu": family == "student", "shape": family == "negative_binomial", "Intercept[1]": family == "ordinal"}[name]
            if style != "display" or name == "Intercept[1]" or form == "csv":
                assert (re.search(rf"(?<![A-Za-z]){re.escape(name)}", text.replace("\\", "")) is not None) == here, (name, form)
        if form == "latex":
            check_latex(text)


def of_family(family: str):
    from gibbs.model.records import Prior

    more = dict(FAMILIES[family])
    if family == "negative_binomial":
        more["dispersion_prior"] = Prior("gamma", (0.01, 0.01))
    if family == "ordinal":
        more["cutpoint_prior"] = Prior("student_t", (3.0, 0.0, 2.5))
    return design(
        factor("g", ("1", "2", "3"), np.ones((12, 1)), term("Intercept")),
        family=family,
        coefficients=("x",) if family == "ordinal" else ("Intercept", "x"),
        **more,
    )


# ------------------------------------------------------------------------------------------------------------------ csv


def test_csv_is_the_summary_in_numbers() -> None:
    made = deck()
    table = pd.read_csv(io.StringIO(made.table(format="csv", level=0.9))).set_index("parameter")
    expected = made.summary(level=0.9)
    assert list(table.columns) == list(expected.columns) and list(table.index) == list(expected.index)
    np.testing.assert_allclose(table.to_numpy(float), expected.to_numpy(float), rtol=1e-7)


def test_csv_of_lme4_is_broom_mixeds() -> None:
    table = pd.read_csv(io.StringIO(deck().table(style="lme4", format="csv", level=0.9)), keep_default_na=False)
    assert list(table.columns) == ["effect", "group", "term", "estimate", "std.error", "conf.low", "conf.high"]
    assert list(zip(table["effect"], table["group"], table["term"], strict=True)) == [
        ("fixed", "", "(Intercept)"),
        ("fixed", "", "indigenous"),
        ("ran_pars", "province", "sd__(Intercept)"),
        ("ran_pars", "province", "sd__indigenous"),
        ("ran_pars", "province", "cor__(Intercept).indigenous"),
        ("ran_pars", "Residual", "sd__Observation"),
    ]
    assert table["estimate"].tolist() == pytest.approx([0.32, -0.10, 0.12, 0.16, -0.64, 0.44])
    assert table["std.error"].tolist() == pytest.approx([0.02, 0.04, 0, 0, 0, 0], abs=1e-4)


def test_csv_of_several_fits_is_long() -> None:
    text = gibbs.tables([deck(), fit()], format="csv", labels=["M4", "M5"])
    table = pd.read_csv(io.StringIO(text)).set_index(["model", "parameter"])
    assert table.loc[("M4", "b_indigenous"), "mean"] == pytest.approx(-0.10)
    assert table.loc[("M4", "N"), "mean"] == 3000 and table.loc[("M5", "N_province"), "mean"] == 3
    same = pd.read_csv(io.StringIO(gibbs.tables([deck(), fit()], format="csv", labels=["M", "M"])))
    assert set(same["model"]) == {"(1) M", "(2) M"}


# ------------------------------------------------------------------------------------------------------------ side by side


def test_side_by_side_as_journals_print() -> None:
    text = gibbs.tables([deck(), fit(of_family("logit"), formula="y ~ x + (1 | g)")], labels=["M.4", "M.6"], below="se")
    lines = words(text)
    assert lines[:3] == [["(1)", "(2)"], ["M.4", "M.6"], ["Outcome", "y", "y"]] or lines[:2] == [["(1)", "(2)"], ["M.4", "M.6"]]
    assert ["Family", "gaussian", "logit"] in lines
    at = lines.index(["indigenous", "-0.10"])
    assert lines[at + 1] == ["(0.04)"]
    assert ["sd(Intercept)", "province", "0.12"] in lines and ["cor(Intercept,", "indigenous)", "province", "-0.64"] in lines
    assert ["N", "3,000", "12"] in lines
    assert ["Levels", "of", "province", "3"] in lines and ["Levels", "of", "g", "3"] in lines
    assert "Posterior means; posterior standard deviations in parentheses." in text
    assert "(1) president.approval ~ indigenous + (1 + indigenous | province)" in text
    ends = {len(line) for line in text.splitlines()[:-3] if line.startswith("-")}
    assert len(ends) == 1


def test_intervals_in_brackets() -> None:
    made = deck()
    text = gibbs.tables([made, made], level=0.8)
    low, high = np.quantile(made.arrays.beta[:, :, 0], [0.1, 0.9])
    assert f"[{low:.2f}, {high:.2f}]" in text and "80% equal-tailed intervals in brackets" in text
    assert "80% highest-density" in gibbs.tables([made, made], level=0.8, interval="hdi")


def test_a_fit_that_did_not_converge_is_named() -> None:
    apart = fabricated.fit()
    apart.arrays.beta[0] += 5.0
    assert re.search(r"^\(2\) Not converged", gibbs.tables([deck(), apart]), re.MULTILINE)
    assert "Not converged" in apart.table(style="lme4") and "Not converged" in apart.table(style="display", format="latex")


def test_some_rows() -> None:
    text = gibbs.tables([deck(), fit()], parameters=["b_*"])
    assert "indigenous" in text and "sd(" not in text and "N " in text
    one = fit().table(parameters=["r_province[*,x]", "sigma"])
    assert [w[0] for w in words(one) if w and w[0].startswith(("r_", "sig", "b_", "sd"))] == [
        "sigma",
        *(f"r_province[{level},x]" for level in ("21801", "21802", "40107")),
    ]
    table = pd.read_csv(io.StringIO(fit().table(parameters=["r_*"], format="csv", level=0.5))).set_index("parameter")
    u = fit().arrays.u[:, :, 1]
    assert table.loc["r_province[21801,x]", ["q25", "q75"]].tolist() == pytest.approx(np.quantile(u, [0.25, 0.75]))


# ------------------------------------------------------------------------------------------------------------- markdown


def test_markdown_has_as_many_cells_in_every_row() -> None:
    for text in (
        deck().table(format="markdown"),
        gibbs.tables([deck(), fit()], format="markdown"),
        fit().table(style="lme4", format="markdown"),
    ):
        for block in text.split("\n\n"):
            rows = [line for line in block.splitlines() if line.startswith("| ")]
            assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) <= 1
            assert not rows or re.fullmatch(r"\|( :?--:? \|| --: \|)+", rows[1])
    assert r"(1 + indigenous \| province)" in deck().table(format="markdown")


# ---------------------------------------------------------------------------------------------------------------- latex


def check_latex(text: str) -> None:
    """Environments and braces balance; every row of a tabular has the columns that its head declares; nothing special is bare."""
    open_: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if kind == "begin":
            open_.append(name)
        else:
            assert open_.pop() == name
    assert not open_
    bare = re.sub(r"\\[{}\\]", "", text)
    assert bare.count("{") == bare.count("}")
    for columns, body in re.findall(r"\\begin\{tabular\}\{@\{\}(\w+)@\{\}\}\n(.*?)\\end\{tabular\}", text, re.DOTALL):
        lines = body.splitlines()
        assert lines[0] == r"\toprule" and lines[-1].startswith(r"\bottomrule")
        for line in lines:
            if line.startswith((r"\toprule", r"\midrule", r"\bottomrule")):
                continue
            assert line.endswith(r" \\")
            spanned = re.match(r"\\multicolumn\{(\d+)\}", line)
            cells = len(re.findall(r"(?<!\\)&", line)) + 1
            assert cells == len(columns) or (spanned and int(spanned[1]) == len(columns) and cells == 1), line
    prose = re.sub(r"^%.*$", "", text, flags=re.MULTILINE)
    prose = re.sub(r"\\(begin|end|multicolumn)\{[^}]*\}(\{@\{\}\w+@\{\}\}|\{@\{\}l\})?|\\[a-zA-Z]+|\\[#$%&_{}]|\$[^$]*\$", "", prose)
    assert not re.search(r"[#$%_^~<>|\"]", prose), re.search(r".*[#$%_^~<>|\"].*", prose)[0]


def hostile() -> Fit:
    """Names with everything that LaTeX takes for itself."""
    names = ("Intercept", "a_b", "50%", "x&y", "#1", "c^2", "{z}", "I(x > 2)", "~t", "$p", "[k]", "b\\n", 'q"')
    model = design(factor("sch_ool:class", ("1", "2"), np.ones((12, 1)), term("Intercept")), coefficients=names)
    return fit(model, formula="y ~ `50%` + (1 | sch_ool:class)")


def test_latex_is_whole() -> None:
    made = deck()
    for text in (
        made.table(format="latex", caption="Approval, 95% & more"),
        made.table(style="lme4", format="latex"),
        made.table(style="display", format="latex"),
        gibbs.tables([made, fit(), hostile()], format="latex", labels=["M_4", "M%5", "M#6"]),
        hostile().table(format="latex"),
    ):
        check_latex(text)
    text = gibbs.tables([made, fit()], format="latex")
    for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert rule in text
    assert "$-$0.10" in text and "[$-$0.18, $-$0.02]" in text
    assert r"\caption{Approval, 95\% \& more}" in made.table(format="latex", caption="Approval, 95% & more")


def test_escapes() -> None:
    assert typeset.escape("50% of a_b & c#1 {x} ~ y^2 \\ $") == (
        r"50\% of a\_b \& c\#1 \{x\} $\sim$ y\textasciicircum{}2 \textbackslash{} \$"
    )
    assert typeset.escape("-0.10") == "$-$0.10" and typeset.escape("2012-13 l-95% x-y [-1, -2]") == r"2012-13 l-95\% x-y [$-$1, $-$2]"


def test_a_row_that_begins_with_a_bracket_is_no_argument_of_the_row_before() -> None:
    text = typeset.latex([Part("table", rows=(("", "a"), ("x", "1"), ("[k]", "2"), ("*", "3")))])
    assert "{}[k] & 2" in text and "{}* & 3" in text


def test_latex_compiles(tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not here (Debian: texlive-latex-recommended); the structure of the tables is checked by the other tests")
    made = deck()
    body = "\n".join(
        [
            made.table(format="latex", caption="One"),
            made.table(style="lme4", format="latex"),
            gibbs.tables([made, fit(), hostile()], format="latex"),
            hostile().table(format="latex"),
        ]
    )
    head = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n"
    (tmp_path / "t.tex").write_text(head + body + "\\end{document}\n", encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"], cwd=tmp_path, capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stdout[-2000:]


# -------------------------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"style": "brm"}, "Did you mean 'brms'"),
        ({"format": "tex"}, "there is terminal, csv, markdown, latex"),
        ({"format": "markdwn"}, "Did you mean 'markdown'"),
        ({"below": "sd"}, "there is interval, se"),
        ({"level": 90}, "Did you mean 0.9"),
        ({"interval": "eti"}, "there is equal"),
        ({"parameters": ["sigmo"]}, "Did you mean 'sigma'"),
        ({"digits": -1}, "whole number from 0 to 7"),
        ({"labels": ["a", "b"]}, "2 labels for 1 fits"),
        ({"style": "lme4", "parameters": ["sigma"]}, "lme4 prints all"),
    ],
)
def test_mistakes(options: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        fit().table(**options)


def test_no_fit() -> None:
    with pytest.raises(SpecError, match="no fit"):
        gibbs.tables([])


def test_what_the_model_fixes_has_no_interval() -> None:
    from gibbs.model.records import Prior

    model = replace(slopes(), sigma_prior=Prior("fixed", (2.5,)))
    lines = words(gibbs.tables([fit(model, draws(model, sigma=2.5)), fit()]))
    at = next(i for i, line in enumerate(lines) if line[:1] == ["sigma"])
    assert lines[at][1] == "2.50" and lines[at + 1][0] == "(fixed)" and lines[at + 1][1].startswith("[")


@pytest.mark.parametrize("style", ["brms", "lme4", "display", "arm", "side by side"])
@pytest.mark.parametrize("form", ["terminal", "csv", "markdown", "latex"])
def test_digits_hold_in_every_style_and_format(style: str, form: str) -> None:
    """Estimates have so many decimals, or those that the posterior sd (0.1 and 0.2 here) needs where they are more."""
    fits = [small(), small()] if style == "side by side" else [small()]
    for digits in (0, 4):
        text = gibbs.tables(fits, digits=digits, format=form, style="brms" if style == "side by side" else style)
        for name in ("b_x", "sd_province__Intercept", "sigma"):
            mean = small().summary().at[name, "mean"]
            allowed = {digits} if digits else {0, 1, 2, 3}
            assert any(re.search(rf"(?<![\d.]){mean:.{places}f}(?!\.?\d)", text) for places in allowed), (digits, name, text)
            assert not re.search(rf"(?<![\d.]){mean:.{max(allowed) + 1}f}", text), (digits, name, text)


def test_a_csv_has_all_its_digits_unless_it_is_asked_for_fewer() -> None:
    plain, rounded = (pd.read_csv(io.StringIO(gibbs.tables(small(), format="csv", **more))) for more in ({}, {"digits": 3}))
    assert list(plain.columns) == list(rounded.columns) and len(plain) == len(rounded)
    assert np.abs(plain["mean"] - rounded["mean"]).max() <= 0.0005 + 1e-9
    assert np.abs(plain["mean"] - rounded["mean"]).max() > 0
    assert (rounded["ess_bulk"] == rounded["ess_bulk"].round()).all()
    two = pd.read_csv(io.StringIO(gibbs.tables([small(), small()], format="csv", digits=2)))
    assert set(two.loc[two["parameter"] == "N", "mean"]) == {float(small().outline.rows_used)}

"""Coefficients as ratios: exp of what the summary has, in every style and format."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

import gibbs
from gibbs.errors import SpecError
from tests.posterior import built
from tests.posterior.built import flat


def test_only_coefficients_change_and_as_the_delta_method_says() -> None:
    fit = built.fit("bin ~ x + b + (1 | g)", family="logit", kept=40)
    plain, ratio = fit.summary(), fit.summary(exp=True)
    rows = ["b_Intercept", "b_x", "b_b"]
    for column in ("mean", "q2.5", "q50", "q97.5"):
        np.testing.assert_allclose(ratio.loc[rows, column], np.exp(plain.loc[rows, column]))
    np.testing.assert_allclose(ratio.loc[rows, "sd"], np.exp(plain.loc[rows, "mean"]) * plain.loc[rows, "sd"])
    same = [name for name in plain.index if name not in rows]
    pd.testing.assert_frame_equal(ratio.loc[same], plain.loc[same])
    low = np.exp(np.quantile(flat(fit, "b_x"), 0.1))
    assert fit.summary(0.8, exp=True).loc["b_x", "q10"] == pytest.approx(low)


@pytest.mark.parametrize(("family", "word"), [("logit", "odds ratio"), ("poisson", "rate ratio"), ("ordinal", "odds ratio")])
def test_every_style_says_which_ratios(family: str, word: str) -> None:
    outcome = {"logit": "bin", "poisson": "count", "ordinal": "grade"}[family]
    fit = built.fit(f"{outcome} ~ x + (1 | g)", family=family, kept=40)
    shown = f"{np.exp(flat(fit, 'b_x').mean()):.2f}"
    for style in ("brms", "lme4", "display"):
        text = fit.table(style=style, exp=True)
        assert f"{word}s" in text and shown in text and repr(text) == str(text).rstrip("\n")
    csv = pd.read_csv(io.StringIO(fit.table(format="csv", exp=True)), index_col="parameter")
    assert csv.loc["b_x", "mean"] == pytest.approx(np.exp(flat(fit, "b_x").mean()))
    both = gibbs.tables([fit, fit], exp=True)
    assert f"Coefficients are {word}s" in both and shown in both


def test_links_without_ratios_are_refused() -> None:
    for family in ("gaussian", "probit"):
        fit = built.fit(f"{'y' if family == 'gaussian' else 'bin'} ~ x + (1 | g)", family=family, kept=5)
        with pytest.raises(SpecError, match="their exp is no ratio"):
            fit.summary(exp=True)


def test_the_picture_of_ratios_has_a_log_axis_about_1() -> None:
    pytest.importorskip("matplotlib")
    fit = built.fit("bin ~ x + b + (1 | g)", family="logit", kept=40)
    axis = fit.plot.coefficients(exp=True).axes[0]
    assert axis.get_xscale() == "log" and "odds ratio" in axis.get_xlabel()
    points = sorted(float(x) for line in axis.get_lines() if line.get_marker() == "o" for x in line.get_xdata())
    np.testing.assert_allclose(points, sorted(np.exp([flat(fit, "b_x").mean(), flat(fit, "b_b").mean()])))
    assert 1.0 in next(line for line in axis.get_lines() if line.get_marker() == "None").get_xdata()

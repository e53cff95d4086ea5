"""What is said of a chain that stopped: what lies behind it, and nothing that does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gibbs.kernels import sweep
from gibbs.sampling.status import sampling_error
from tests.oracles import random_design


def said(design, u=0.0, L=1.0, sigma=1.0, code=sweep.NO_DENSITY) -> str:
    effects = sum(len(f.levels) * len(f.columns) for f in design.factors)
    roots = np.concatenate([(L * np.eye(len(t.columns))).ravel() for f in design.factors for t in f.terms])
    return str(sampling_error(code, 0, 3, design, np.full(effects, u), roots, sigma))


def test_enormous_numbers_are_spoken_of_only_where_there_are_some():
    design = random_design(np.random.default_rng(1), "slopes", rows=30, levels=5)
    plain = said(design)
    assert "chain 1, iteration 3, block variances" in plain and "enormous" not in plain and "Rows behind" not in plain
    y = design.y.copy()
    y[7] = 3e9
    large = said(replace(design, y=y))
    assert "enormous" in large and f"Rows behind it: {design.rows[7]}" in large and "3e+09" in large


def test_a_level_without_a_finite_effect_is_named():
    design = random_design(np.random.default_rng(1), "slopes", rows=30, levels=5)
    assert f"({design.factors[0].name} = {design.factors[0].levels[0]})" in said(design, u=np.nan, code=sweep.NOT_FINITE_EFFECTS)


def test_a_residual_sd_below_the_last_digit_is_said_in_these_words():
    design = random_design(np.random.default_rng(1), "slopes", rows=30, levels=5)
    words = "below the last digit of what the effects of"
    assert words in said(design, sigma=1e-9) and words not in said(design, sigma=1e-6)

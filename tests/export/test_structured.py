"""Levels that know their neighbours, as JAGS and Stan are told: effects are B w, with independent w."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gibbs.export import jags, stan
from gibbs.export.program import describe, name_pairs
from gibbs.model import spec as specs
from gibbs.pipeline import prepare


def program_of(text: str):
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"y": rng.standard_normal(40), "x": rng.standard_normal(40) + 3.0, "year": rng.choice([1, 2, 4, 7], 40)})
    return describe(prepare(specs.build(text, seed=1), data).design)


def test_one_column_is_a_matrix_times_independent_effects():
    program = program_of("y ~ x + rw1(year)")
    B = program.data["B_year"]
    assert B.shape == (7, 7) and np.abs(B.sum(axis=0)).max() < 1e-12
    model = jags.model_file(program, {})
    for line in ("u_year_w[j] ~ dnorm(0, tau_year)", "u_year[j] <- inprod(B_year[j,], u_year_w[])", "u_year[g_year[i]]"):
        assert line in model
    written = stan.model_file(program)
    for line in ("matrix[J_year, J_year] B_year;", "u_year = B_year * (sd_year * z_year);", "z_year ~ std_normal();"):
        assert line in written
    assert ("r_year[3,Intercept]", "u_year[3]") in name_pairs(program)


def test_slopes_are_turned_column_by_column():
    program = program_of("y ~ x + (1 + x | rw2(year))")
    model = jags.model_file(program, {})
    for line in ("u_year[j,1] <- inprod(B_year[j,], u_year_w[,1])", "u_year[j,2] <- inprod(B_year[j,], u_year_w[,2])"):
        assert line in model
    assert model.count("e_year_w_c[j,r] ~ dnorm(0, 1)") == 1  # columns at their means, then as written
    assert "u_year = B_year * (root_year * z_year)';" in stan.model_file(program)


def test_exchangeable_levels_have_no_matrix():
    program = program_of("y ~ x + (1 | year)")
    assert "B_year" not in program.data
    assert "B_year" not in jags.model_file(program, {}) + stan.model_file(program)

"""The tables hold the draws' moments by name."""

from __future__ import annotations

import numpy as np
import pytest

from gibbs.draws import diagnostics
from gibbs.summaries import summary
from tests.posterior.fabricated import design, draws, factor, slopes, term


def test_table_rows_and_columns() -> None:
    model = slopes()
    made = draws(model)
    table = summary.table(made, model)
    assert list(table.index) == ["b_Intercept", "b_x", "sd_province__Intercept", "sd_province__x", "cor_province__Intercept__x", "sigma"]
    assert list(table.columns) == ["mean", "sd", "q2.5", "q50", "q97.5", "mcse_mean", "ess_bulk", "ess_tail", "rhat"]
    for name, x in (("b_x", made.beta[:, :, 1]), ("cor_province__Intercept__x", made.hyper[:, :, 2]), ("sigma", made.hyper[:, :, 3])):
        row = table.loc[name]
        assert row["mean"] == pytest.approx(x.mean())
        assert row["sd"] == pytest.approx(x.std(ddof=1))
        assert row[["q2.5", "q50", "q97.5"]].tolist() == pytest.approx(np.quantile(x, [0.025, 0.5, 0.975]))
        assert row["rhat"] == pytest.approx(diagnostics.rhat(x))
        assert row["mcse_mean"] == pytest.approx(diagnostics.mcse_mean(x))


def test_table_puts_sds_before_correlations_over_several_factors() -> None:
    two = np.ones((12, 2))
    model = design(
        factor("a", ("1", "2"), two, term("Intercept", "x")), factor("b", ("1", "2"), two, term("Intercept", "x")), family="student"
    )
    kinds = [name.split("_")[0] for name in summary.table(draws(model), model).index]
    assert kinds == ["b", "b", "sd", "sd", "sd", "sd", "cor", "cor", "sigma", "nu"]


def test_ranef_table_follows_the_order_of_u() -> None:
    one = factor("a", ("p", "q", "r"), np.ones((12, 2)), term("Intercept", "x"))
    model = design(one, factor("b", ("s", "t"), np.ones((12, 1)), term("Intercept")))
    made = draws(model)
    made.u[:] = np.arange(8)  # a[p,Intercept], a[p,x], a[q,Intercept], …
    table = summary.ranef_table(made, model)
    found = {(row.group, row.level, row.term): row.mean for row in table.itertuples()}
    assert (
        found["a", "p", "Intercept"] == 0 and found["a", "p", "x"] == 1 and found["a", "r", "x"] == 5 and found["b", "t", "Intercept"] == 7
    )

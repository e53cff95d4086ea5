"""The accessors: each number is the one the draws say, under the name and in the place that lme4 gives it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gibbs.errors import NotConvergedWarning
from gibbs.model.records import Sampling, Spec, Table, Until
from gibbs.posterior.fit import Fit
from tests.posterior.fabricated import autoregressive, design, draws, fit, slopes


def test_fixef_and_its_standard_errors() -> None:
    made = fit()
    beta = made.arrays.beta
    assert made.fixef().index.tolist() == ["Intercept", "x"]
    np.testing.assert_allclose(made.fixef(), beta.mean(axis=(0, 1)))
    np.testing.assert_allclose(made.se_fixef(), beta.reshape(-1, 2).std(axis=0, ddof=1))


def test_tables_given_out_are_copies() -> None:
    made = fit()
    for table in (made.summary(), made.ranef()["province"], made.fixef()):
        table.loc[:] = 0.0
    long = made.ranef(summary=True)
    long["mean"] = 0.0
    assert made.fixef()["x"] != 0 and made.summary().loc["sigma", "mean"] != 0 and (made.ranef()["province"] != 0).all(axis=None)


def test_the_stopping_rule_of_the_spec_is_the_one_that_counts() -> None:
    made = fit()
    spec = replace(made.spec, sampling=replace(made.spec.sampling, until=Until(ess=1e6)))
    assert made.convergence.ok and not Fit(spec, slopes(), made.arrays).convergence.ok


def test_draws_are_a_datatree_in_the_layout_of_arviz() -> None:
    made = fit()
    tree = made.draws
    assert set(tree.children) == {"posterior", "sample_stats", "observed_data", "constant_data"}
    posterior = tree["posterior"]
    assert posterior["b_x"].dims == ("chain", "draw")
    assert posterior["r_province"].dims == ("chain", "draw", "province_level", "province_term")
    np.testing.assert_array_equal(posterior["r_province"].sel(province_level="21802", province_term="x"), made.arrays.u[:, :, 3])
    np.testing.assert_array_equal(posterior["cor_province__Intercept__x"], made.arrays.hyper[:, :, 2])
    np.testing.assert_array_equal(tree["sample_stats"]["lp"], made.arrays.lp)
    assert tree["observed_data"]["obs_id"].to_numpy().tolist() == made.design.rows.tolist()
    assert tree["constant_data"]["n_province"].to_numpy().tolist() == [4, 4, 4]


def test_arviz_takes_the_draws_as_its_own() -> None:
    pytest.importorskip("xarray_einstats", reason="arviz-stats has its summary only with its extra [xarray]")
    import arviz_stats

    made = fit()
    theirs = arviz_stats.summary(made.draws, var_names=["b_x", "sigma"], round_to="none")
    ours = made.summary()
    for theirs_name, ours_name in (("ess_bulk", "ess_bulk"), ("r_hat", "rhat"), ("mean", "mean")):
        np.testing.assert_allclose(theirs[theirs_name].astype(float), ours.loc[["b_x", "sigma"], ours_name], rtol=1e-8, err_msg=theirs_name)


def test_source_and_reading_time_come_from_the_table() -> None:
    made = fit()
    table = Table(pd.DataFrame({"y": [1.0]}), "lme4::sleepstudy", "f" * 64, read_seconds=0.125)
    other = Fit(made.spec, slopes(), made.arrays, table=table, timings={"design": 0.5})
    assert (other.source, other.fingerprint) == ("lme4::sleepstudy", "f" * 64)
    assert other.timings == {"design": 0.5, "read": 0.125, "warmup": 0.25, "sampling": 0.5}


def test_a_model_without_factors() -> None:
    model = design()
    made = Fit(Spec(formula="y ~ x", sampling=Sampling(seed=1)), model, draws(model))
    assert made.ranef() == {} and made.coef() == {} and made.se_ranef() == {}
    assert made.variance_shares()["share"].tolist() == [1.0]
    assert set(made.draws["posterior"].data_vars) == {"b_Intercept", "b_x", "sigma"}
    assert "Multilevel" not in repr(made)


def test_float32_draws() -> None:
    made = fit()
    small = replace(made.arrays, beta=made.arrays.beta.astype(np.float32), u=made.arrays.u.astype(np.float32))
    other = Fit(made.spec, slopes(), small)
    np.testing.assert_allclose(other.summary()["mean"], made.summary()["mean"], rtol=1e-6)
    np.testing.assert_allclose(other.coef()["province"], made.coef()["province"], rtol=1e-5)


def test_slow_chains_are_reported_by_every_way_out() -> None:
    made = fit()
    made.arrays.u[:, :, 0] = autoregressive((4, 500), 0.99)
    assert not made.convergence.ok and "Not converged" in repr(made) and "Not converged" in made._repr_html_()


def test_warnings_name_the_line_that_led_to_them() -> None:
    """Whichever door a fit that was read from a folder is first looked at by."""
    made = fit()
    stopped = Fit(made.spec, slopes(), replace(made.arrays, stopped="interrupted"))
    for look in (repr, str, lambda one: one.summary(), lambda one: one.table(), lambda one: one.ranef(), lambda one: one.fixef()):
        stopped._told = False
        with pytest.warns(NotConvergedWarning, match="interrupted") as caught:
            look(stopped)
        assert [one.filename for one in caught] == [__file__]

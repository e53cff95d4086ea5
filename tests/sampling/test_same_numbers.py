"""Draws depend on the spec, the data and the seed; not on threads, chunks, the display, the number of draws asked for, or the run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gibbs.sampling import pack
from tests import oracles
from tests.sampling.cases import Case, design_of
from tests.sampling.gr_effects import DF, changed
from tests.sampling.models import disagreement, fitted_design, run, with_data

MODELS = {
    "gaussian slopes": ("slopes", "gaussian", "joint"),
    "probit crossed": ("crossed", "probit", "collapsed"),
    "logit nested": ("nested", "logit", "joint"),
    "student one at a time": ("crossed_slopes", "student", "one-at-a-time"),
    "poisson nested": ("nested", "poisson", "auto"),
    "ordinal slopes": ("slopes", "ordinal", "auto"),
    "Student-t effects by groups, gaussian": ("slopes", "gaussian", "joint"),
    "Student-t effects by groups, poisson": ("crossed", "poisson", "auto"),
}


@pytest.fixture(params=MODELS, name="model")
def _model(request):
    kind, family, scheme = MODELS[request.param]
    design = fitted_design(kind, family, rows=60, levels=5)
    if request.param.startswith("Student-t"):
        design = changed(design, np.random.default_rng(3), (0,), (0,), DF["gamma"])
    return design, scheme


def same(a, b, draws: int | None = None) -> None:
    """Equal to the last bit, in the first ``draws``."""
    for name in ("beta", "hyper", "u", "lp"):
        x, y = getattr(a, name)[:, :draws], getattr(b, name)[:, :draws]
        np.testing.assert_array_equal(x, y, err_msg=name)


def test_threads_chunks_display_and_repetition_change_nothing(model):
    design, scheme = model
    short = dict(warmup=60, draws=40, seed=5)
    one = run(design, scheme, cores=1, **short)
    seen = []
    same(one, run(design, scheme, cores=1, **short))
    same(one, run(design, scheme, cores=2, **short))
    same(one, run(design, scheme, cores=4, progress=seen.append, **short))
    same(one, run(design, scheme, chunk=1, **short))
    same(one, run(design, scheme, chunk=7, cores=2, **short))
    assert seen and seen[-1].done == (100,) * 4


def test_asking_for_more_draws_adds_to_those_asked_for_before(model):
    design, scheme = model
    short = run(design, scheme, warmup=60, draws=30, seed=5)
    long = run(design, scheme, warmup=60, draws=75, seed=5)
    assert long.beta.shape[1] == 75
    same(short, long, 30)


def test_more_chains_leave_the_first_ones_as_they_were():
    design = fitted_design("slopes", rows=60, levels=5)
    two, three = run(design, how=2, warmup=60, draws=30), run(design, how=3, warmup=60, draws=30)
    np.testing.assert_array_equal(two.beta, three.beta[:2])
    np.testing.assert_array_equal(two.u, three.u[:2])


def test_chains_and_seeds_differ(model):
    design, scheme = model
    a, b = run(design, scheme, warmup=60, draws=30, seed=5), run(design, scheme, warmup=60, draws=30, seed=6)
    flat = np.concatenate([a.beta, b.beta]).reshape(8, -1)
    assert np.unique(flat[:, 0]).size == 8 and not np.any(a.beta == b.beta)


@pytest.mark.parametrize(
    "family", ["probit", "logit", *(pytest.param(f, marks=pytest.mark.slow) for f in ("binomial", "poisson", "negative_binomial"))]
)
def test_counting_equal_rows_once_is_the_same_posterior(family, monkeypatch):
    rng = np.random.default_rng(2)
    design = design_of(Case(family, "repeated", rows=160, levels=4), rng)
    design = with_data(design, rng)
    counted = run(design, draws=2500, seed=1)
    monkeypatch.setattr(pack, "CELL_SHARE", 0.0)
    every = run(design, draws=2500, seed=2)
    assert counted.info["cells"] == 8 < every.info["cells"] == 160
    worst, where = disagreement(counted, every)
    assert worst < 5.0, where


def test_rows_in_another_order_are_the_same_posterior():
    """Gaussian draws see sums over rows only: the order moves them by rounding, and a chain of a few sweeps shows no more than that."""
    design = fitted_design("crossed", rows=80, levels=5)
    turn = np.random.default_rng(1).permutation(80)
    factors = tuple(replace(f, codes=f.codes[turn], Z=f.Z[turn]) for f in design.factors)
    turned = replace(design, y=design.y[turn], X=design.X[turn], offset=design.offset[turn], rows=design.rows[turn], factors=factors)
    assert np.isclose(oracles.gaussian_marginal(design, [[np.eye(1)]] * 2, 1.0).log_marginal,
                      oracles.gaussian_marginal(turned, [[np.eye(1)]] * 2, 1.0).log_marginal)  # fmt: skip
    a, b = run(design, warmup=8, draws=4), run(turned, warmup=8, draws=4)
    np.testing.assert_allclose(a.beta, b.beta, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(a.hyper, b.hyper, rtol=1e-6, atol=1e-8)

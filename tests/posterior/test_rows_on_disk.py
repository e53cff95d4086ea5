"""What a Fit of rows that stayed on disk answers is what the rows themselves answer at the same draws; what needs rows says so."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("duckdb", reason="rows that stay on disk need the package duckdb")

import gibbs
from gibbs.draws import names
from gibbs.draws.records import Draws
from gibbs.errors import GibbsError
from gibbs.model.records import Design
from gibbs.posterior.fit import Fit
from tests.model.sources.both_ways import prepared, table, write

MODELS = {"gaussian": "y ~ x * z + f + (1 + x | g)", "probit": "b ~ x + f + z + (1 | g)"}


DRAWS = 60
"""Of each of two chains: leave-one-out wants 100 in all."""


@pytest.fixture(scope="module", params=list(MODELS))
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Fit, Fit, Path]:
    """A fit of rows on disk, and one of the same rows in memory with the same draws, which are made up; the run folder of the first."""
    folder, frame = tmp_path_factory.mktemp("disk"), table()
    data, formula, family = write(frame, folder, "parquets"), MODELS[request.param], request.param
    disk, memory = prepared(formula, data, family=family), prepared(formula, frame, family=family)
    draws = made_up(disk.design)
    fits = [Fit(one.spec, one.design, draws, plan=one.plan, table=one.table) for one in (disk, memory)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits[0].save(folder / "run")
    return fits[0], fits[1], folder / "run"


def made_up(design: Design) -> Draws:
    """Draws that no sampler made: any will do to compare what is made of them."""
    rng = np.random.default_rng(2)
    hyper = names.hyper_names(design)
    values = np.stack(
        [rng.uniform(-0.5, 0.5, (2, DRAWS)) if n.startswith("cor") else rng.uniform(0.4, 1.2, (2, DRAWS)) for n in hyper], axis=-1
    )
    sizes = [len(f.levels) * len(f.columns) for f in design.factors]
    beta = 0.3 * rng.normal(size=(2, DRAWS, len(design.coefficients))) + (50.0 if design.family == "gaussian" else 0.0) * np.eye(
        1, len(design.coefficients)
    )
    starts = tuple(int(v) for v in np.cumsum([0, *sizes])[:-1])
    return Draws(beta, values, hyper, 0.4 * rng.normal(size=(2, DRAWS, sum(sizes))), starts, rng.normal(size=(2, DRAWS)), 60)


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one, other, rtol=1e-7, atol=1e-9)


def test_tables_and_averages_over_rows(both: tuple[Fit, Fit, Path]) -> None:
    disk, memory, _ = both
    assert disk.outline.rows_used == memory.outline.rows_used and disk.outline.dropped == memory.outline.dropped
    for mine, other in zip(disk.outline.factors, memory.outline.factors, strict=True):
        np.testing.assert_array_equal(mine.sizes, other.sizes)
        np.testing.assert_allclose(mine.cross_product, other.cross_product, rtol=1e-12)
    same(disk.summary(), memory.summary())
    same(disk.varcorr(), memory.varcorr())
    same(disk.variance_shares(), memory.variance_shares())
    same(disk.r2(), memory.r2())
    same(disk.ame("x"), memory.ame("x"))
    same(disk.effects("x", by="z").table, memory.effects("x", by="z").table)
    same(
        disk.effects("f", others="observed", groups="known groups").table,
        memory.effects("f", others="observed", groups="known groups").table,
    )
    for name, table_ in disk.coef().items():
        same(table_, memory.coef()[name])
    new = pd.DataFrame({"x": [0.0, 1.0], "z": [0.3, 0.9], "f": ["a", "c"], "g": ["group 3", "group 9"], "N": [10, 30]})
    same(disk.predict(new), memory.predict(new))
    same(disk.poststratify(new, "N").table, memory.poststratify(new, "N").table)


def test_a_run_folder_answers_as_the_fit_does(both: tuple[Fit, Fit, Path]) -> None:
    disk, _, run = both
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = gibbs.load(run)
        same(again.r2(), disk.r2())
        assert again.design.rows_used == disk.design.rows_used and again.fingerprint == disk.fingerprint
        assert "rows" in again.display.__doc__.lower() and str(again)
        again.report(run.parent / f"{disk.family}.html")


def test_what_needs_rows_says_so(both: tuple[Fit, Fit, Path]) -> None:
    disk, memory, _ = both
    asked = [disk.predict, lambda: disk.plot.ppc(), lambda: disk.prior_predictive(20)]
    if disk.family == "gaussian":
        asked += [disk.loo, disk.waic, disk.log_likelihood, lambda: disk.loo(group="g")]
    for ask in asked:
        with pytest.raises(GibbsError, match=r"added up where they lie"):
            ask()
    if disk.family == "probit":  # equal rows have equal likelihoods: their number is all that is needed
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert disk.waic().elpd == pytest.approx(memory.waic().elpd, rel=1e-9)
            assert disk.loo().elpd == pytest.approx(memory.loo().elpd, rel=1e-6)

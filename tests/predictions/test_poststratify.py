"""Averages over the cells of a population beside the same sums made from the matrix of all cells."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from gibbs.errors import DataError, SpecError
from gibbs.predictions import poststratify, predict
from tests.posterior import built

pytestmark = pytest.mark.filterwarnings("ignore:.* drawn as new:UserWarning")

FORMULAS = {
    "probit": "bin ~ x + c + (1 + b | g) + (1 | year)",
    "poisson": "count ~ x + c + (1 + b | g) + (1 | year)",
    "ordinal": "grade ~ x + c + (1 + b | g) + (1 | year)",
}


def cells(rows: int = 90, seed: int = 8) -> pd.DataFrame:
    """Cells in no order, of groups known (g1 … g5) and not (g6, g7), in regions and sexes."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "x": rng.normal(size=rows),
            "c": rng.choice(["low", "mid", "top"], rows),
            "b": rng.integers(0, 2, rows),
            "g": rng.choice([f"g{k}" for k in range(1, 8)], rows),
            "year": rng.integers(2000, 2004, rows),
            "region": rng.choice(["north", "south", "10", "9"], rows),
            "sex": rng.choice(["f", "m"], rows),
            "N": rng.integers(0, 50, rows).astype(float),
        }
    )


@pytest.mark.parametrize("family", list(FORMULAS))
@pytest.mark.parametrize("by", [(), ("region",), ("region", "sex"), ("g",)])
@pytest.mark.parametrize("block", [100 * 4 * 7, 2**20])
def test_areas_are_weighted_means_of_cells(family: str, by: tuple[str, ...], block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fit, frame = built.fit(FORMULAS[family], family=family), cells()
    matrix = fit.predict(frame, "new group", draws=True)  # (S, cells) or (S, cells, C)
    monkeypatch.setattr(predict, "BLOCK", block)
    found = fit.poststratify(frame, "N", list(by))
    w = frame.N.to_numpy()
    np.testing.assert_allclose(found.total, np.tensordot(matrix, w, axes=(1, 0)) / w.sum(), rtol=1e-9)
    if by:
        text = frame[list(by)].astype(str)
        expected = {label if isinstance(label, tuple) else (label,): part.index for label, part in text.groupby(list(by))}
        assert set(found.areas) == set(expected)
        for k, area in enumerate(found.areas):
            rows = expected[area]
            mean = np.tensordot(matrix[:, rows], w[rows], axes=(1, 0)) / w[rows].sum()
            np.testing.assert_allclose(found.draws[:, k], mean, rtol=1e-9)
            np.testing.assert_allclose(found.of(area), mean, rtol=1e-9)
            assert found.population[k] == w[rows].sum()
    categories = 4 if family == "ordinal" else 1
    table = found.table
    assert len(table) == (len(found.areas) + 1) * categories
    everything = np.concatenate([found.draws.reshape(400, -1), found.total.reshape(400, -1)], axis=1)
    np.testing.assert_allclose(table["mean"], everything.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(table["sd"], everything.std(axis=0, ddof=1), rtol=1e-7)
    np.testing.assert_allclose(table["q97.5"], np.quantile(everything, 0.975, axis=0), rtol=1e-9)


def test_the_table_names_areas_and_all() -> None:
    fit = built.fit(FORMULAS["probit"], family="probit")
    found = fit.poststratify(cells(), "N", "region", probabilities=(0.05, 0.95))
    assert list(found.table.columns) == ["region", "population", "mean", "sd", "q5", "q95"]
    assert list(found.table["region"]) == ["10", "9", "north", "south", "(all)"]
    assert found.table["population"].iloc[-1] == cells().N.sum()
    assert "north" in repr(found) and "<table" in found._repr_html_()
    alone = fit.poststratify(cells(), "N")
    assert list(alone.table.columns) == ["population", "mean", "sd", "q2.5", "q50", "q97.5"] and len(alone.table) == 1


def test_contrasts_are_of_joint_draws() -> None:
    fit = built.fit(FORMULAS["probit"], family="probit")
    found = fit.poststratify(cells(), "N", ["region", "sex"])
    a, b = found.of(("north", "f")), found.of("south, m")
    contrast = found.contrast(("north", "f"), "south, m")
    assert contrast["mean"] == pytest.approx((a - b).mean(), rel=1e-12)
    assert contrast["P(>0)"] == (a > b).mean()
    np.testing.assert_array_equal(found.contrast(("north", "f"), "(all)", draws=True), a - found.total)
    ordinal = built.fit(FORMULAS["ordinal"], family="ordinal").poststratify(cells(), "N", "sex").contrast("f", "m")
    assert list(ordinal.index) == ["1", "2", "3", "4"] and abs(ordinal["mean"].sum()) < 1e-12


def test_an_unseen_level_is_one_level_over_all_its_cells() -> None:
    """Two areas whose cells share a new level are correlated through it; of different new levels they are not."""
    fit = built.fit("y ~ 1 + (1 | g)", kept=500, values={"sd_g__Intercept": 3.0})
    frame = pd.DataFrame({"g": ["new", "new", "other"], "area": ["a", "b", "c"], "N": [1.0, 2.0, 1.0]})
    found = fit.poststratify(frame, "N", "area")
    np.testing.assert_allclose(found.of("a"), found.of("b"), rtol=1e-12)
    assert abs(np.corrcoef(found.of("a"), found.of("c"))[0, 1]) < 4.5 / np.sqrt(2000)
    with pytest.raises(DataError, match="has not seen"):
        fit.poststratify(frame, "N", "area", groups="known")


def test_draws_that_are_not_kept_are_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = built.fit(FORMULAS["probit"], family="probit")
    kept = fit.poststratify(cells(), "N", "g")
    monkeypatch.setattr(poststratify, "KEPT", 10)
    again = fit.poststratify(cells(), "N", "g")
    assert again._kept is None
    pd.testing.assert_frame_equal(again.table, kept.table)
    np.testing.assert_allclose(again.of("g7"), kept.of("g7"), rtol=1e-12)
    np.testing.assert_allclose(again.draws, kept.draws, rtol=1e-12)


def test_memory_does_not_grow_with_the_cells() -> None:
    """20,000 cells × 400 draws are 64 MB as a matrix; a tenth of that is allowed."""
    fit = built.fit("bin ~ x + (1 | g)", family="logit")
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=20_000), "g": "g1", "area": rng.integers(0, 9, 20_000), "N": 1.0})
    fit.poststratify(frame.head(10), "N", "area")  # imports
    tracemalloc.start()
    try:
        fit.poststratify(frame, "N", "area")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * 20_000 * 400 / 5


@pytest.mark.slow
@pytest.mark.parametrize("by", ["area", "cell"])
def test_a_hundred_thousand_cells(by: str) -> None:
    """10⁵ cells × 4,000 draws are 3.2 GB as a matrix; 200 MB are allowed, for a few areas and for one area a cell."""
    fit = built.fit("bin ~ x + c + (1 | g)", family="probit", kept=1000)
    rng, n = np.random.default_rng(1), 100_000
    groups = rng.choice([f"g{k}" for k in range(1, 8)], n)
    frame = pd.DataFrame({"x": rng.normal(size=n), "c": rng.choice(["low", "mid", "top"], n), "g": groups, "N": 1.0})
    frame = frame.assign(area=rng.integers(0, 50, n), cell=np.arange(n))
    fit.poststratify(frame.head(10), "N", by)  # imports
    tracemalloc.start()
    try:
        found = fit.poststratify(frame, "N", by)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 200e6 and len(found.areas) == (50 if by == "area" else n)
    some = frame.iloc[[7]]
    if by == "cell":
        np.testing.assert_allclose(found.of(7), fit.predict(some, allow_new=True, draws=True)[:, 0], rtol=1e-10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.assign(N=f.N.where(f.index != 3)), r"column 'N'.*missing in row 4"),
        (lambda f: f.assign(N=f.N.where(f.index != 3, -2)), r"column 'N'.*negative in row 4"),
        (lambda f: f.assign(N=0.0), r"every weight is 0"),
        (lambda f: f.assign(N=f.N.where(f.region != "south", 0)), r"all cells of 'south' have weight 0"),
        (lambda f: f.assign(region=f.region.where(f.index != 5)), r"column 'region'.*missing in row 6"),
        (lambda f: f.rename(columns={"N": "n_people", "region": "Region"}), r"no column 'N'.*; 'region', did you mean 'Region'"),
        (lambda f: f.assign(N="many"), r"column 'N'.*numbers are needed"),
    ],
)
def test_frames_that_cannot_be(change, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match=message):
        built.fit(FORMULAS["probit"], family="probit").poststratify(change(cells()), "N", "region")


def test_an_area_that_is_not_there() -> None:
    found = built.fit(FORMULAS["probit"], family="probit").poststratify(cells(), "N", "region")
    with pytest.raises(SpecError, match=r"no area 'nort'\. Did you mean 'north'"):
        found.contrast("nort", "south")


def test_names_that_the_table_has_itself() -> None:
    with pytest.raises(SpecError, match="rename"):
        built.fit(FORMULAS["probit"], family="probit").poststratify(cells().assign(mean=1), "N", "mean")

"""A table read whole and the same table left on disk: what the sampler gets of both, compared."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from gibbs import api, pipeline
from gibbs.model.records import Design
from gibbs.sampling.pack import Packed, pack

ROWS = 900


def table(seed: int = 1) -> pd.DataFrame:
    """Few different values in every column but the real outcomes; some of every kind missing."""
    rng = np.random.default_rng(seed)
    g, h = rng.integers(0, 12, ROWS), rng.integers(0, 4, ROWS)
    frame = pd.DataFrame({"g": [f"group {k}" for k in g], "h": h, "x": rng.integers(0, 2, ROWS), "f": rng.choice(["a", "B", "c"], ROWS)})
    frame["z"], frame["w"], frame["n"] = np.round(0.1 * g, 1), rng.integers(0, 3, ROWS), rng.integers(1, 4, ROWS)
    frame["age"], frame["se"], frame["e"] = rng.choice([20, 30, 40, 55], ROWS), rng.choice([0.5, 1.0], ROWS), rng.choice([1.0, 2.0], ROWS)
    eta = 0.5 * frame.x + 0.3 * np.sin(g) + 0.4 * (frame.f == "B") - 0.2 * h
    frame["y"] = 50.0 + eta + rng.normal(size=ROWS)
    frame["b"] = (rng.normal(size=ROWS) < eta).astype(int)
    frame["vote"] = np.where(frame.b == 1, "yes", "no")
    frame["c"], frame["s"] = rng.poisson(np.exp(eta)), rng.binomial(frame.n, 0.4)
    frame["o"] = np.digitize(eta + rng.normal(size=ROWS), [-0.5, 0.5, 1.0])
    frame["x"] = frame["x"].astype(float).where(rng.random(ROWS) > 0.02)
    frame["y"] = frame["y"].where(rng.random(ROWS) > 0.02)
    frame["f"] = frame["f"].where(rng.random(ROWS) > 0.02, None)
    return frame


def write(frame: pd.DataFrame, folder: Path, kind: str) -> str:
    """The table in ``folder``, in the order of its rows: what a spec calls it."""
    if kind == "parquet":
        frame.to_parquet(folder / "table.parquet")
        return str(folder / "table.parquet")
    if kind == "csv":
        frame.to_csv(folder / "table.csv", index=False)
        return str(folder / "table.csv")
    if kind in ("parquets", "csvs"):
        inside = folder / kind
        inside.mkdir()
        for k, (low, high) in enumerate(((0, 200), (200, 210), (210, len(frame)))):
            part = frame.iloc[low:high]
            part.to_parquet(inside / f"{k}.parquet") if kind == "parquets" else part.to_csv(inside / f"{k}.csv", index=False)
        return str(inside)
    import duckdb

    with duckdb.connect(str(folder / "table.duckdb")) as connection:
        connection.register("frame_", frame)
        connection.execute("CREATE TABLE answers AS SELECT * FROM frame_")
    return str(folder / "table.duckdb")


def prepared(formula: str, data: object, **keys: object) -> pipeline.Prepared:
    """Up to the plan, warnings apart."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pipeline.prepare(*api._words(formula, data, seed=1, draws=100, **keys))


def packed(one: pipeline.Prepared) -> Packed:
    """What the sampler gets."""
    return pack(one.seen, one.plan)


def assert_same(memory: pipeline.Prepared, disk: pipeline.Prepared) -> None:
    """The same words, the same numbers to rounding."""
    a, b = memory.design, disk.design
    assert disk.plan.lines == memory.plan.lines and disk.plan.core == memory.plan.core
    assert (b.rows_used, b.rows_read, b.dropped, b.outside) == (a.rows_used, a.rows_read, a.dropped, a.outside)
    assert b.coefficients == a.coefficients and [f.levels for f in b.factors] == [f.levels for f in a.factors]
    _same_priors(a, b)
    one, two = packed(memory), packed(disk)
    real = disk.design.way is not None and disk.design.way.kind == "moments"
    for name in ("n", "yy", "residual_sd", "unit", "reference", "transform", "core_columns", "effects", "haar", "cutpoints"):
        if not (name == "yy" and not real):
            np.testing.assert_allclose(np.float64(getattr(two, name)), np.float64(getattr(one, name)), rtol=1e-10, atol=1e-12, err_msg=name)
    if not real:
        assert two.cells == one.cells
        for name, mine, other in zip(one.rows._fields, one.rows, two.rows, strict=True):
            np.testing.assert_allclose(other, mine, rtol=1e-11, atol=1e-12, err_msg=name)
    size = one.n * max(one.residual_sd, 1.0)
    for name, mine, other in zip(one.gram._fields, one.gram, two.gram, strict=True):
        np.testing.assert_allclose(other, mine, rtol=1e-10, atol=1e-12 * size, err_msg=name)
    for name in ("sd", "cov", "scale", "size"):
        np.testing.assert_allclose(getattr(two.priors, name), getattr(one.priors, name), rtol=1e-11, err_msg=name)
    assert [a for a in one.layout.index] == [b for b in two.layout.index]


def _same_priors(a: Design, b: Design) -> None:
    """Precision and precision times mean of all statements: rows of a block are known up to their signs."""

    def stated(design: Design) -> tuple[np.ndarray, np.ndarray]:
        W = np.array([row.weights / row.scale for row in design.coefficient_priors])
        m = np.array([row.mean / row.scale for row in design.coefficient_priors])
        return W.T @ W, W.T @ m

    for mine, other in zip(stated(a), stated(b), strict=True):
        np.testing.assert_allclose(other, mine, rtol=1e-10, atol=1e-11 * max(1.0, np.abs(mine).max(initial=0.0)))

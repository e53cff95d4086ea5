"""Names as long as a file, and with signs that mean something elsewhere: every picture is drawn, without a warning of matplotlib's."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from gibbs import plots
from tests.posterior import built
from tests.thin import some


@pytest.mark.parametrize("kind", some(sorted(plots.KINDS), 3))
@pytest.mark.parametrize(
    "name",
    ["n" * 150, pytest.param("n" * 400, marks=pytest.mark.slow), "$x_{ a b_c^2"],
    ids=["longer than the picture", "as long as a file", "mathematics and spaces"],
)
def test_every_picture_is_drawn_whatever_columns_and_levels_are_called(tmp_path: Path, kind: str, name: str) -> None:
    table = built.table().rename(columns={"y": f"y{name}", "x": f"x{name}", "g": f"g{name}"})
    table[f"z{name}"] = [0.1 * int(level[1]) for level in table[f"g{name}"]]
    table[f"g{name}"] = pd.Series([f"{level}{name}" for level in table[f"g{name}"]], dtype=object)
    fit = built.fit(f"`y{name}` ~ `x{name}` + `z{name}` + (1 + `x{name}` | `g{name}`)", table, kept=25, title=name)
    fit.plot(kind, path=tmp_path / "a.svg", **({"factor": f"g{name}"} if kind == "time" else {}))
    assert (tmp_path / "a.svg").stat().st_size < 3_000_000
